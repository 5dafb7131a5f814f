/* What a template says without being rendered. */
#include "jinja/jinja.h"
#include "support/test.h"

static lt_jinja_template *compile(const lt_jinja_env *env, const char *source)
{
    lt_err err = {0};
    lt_jinja_template *made = NULL;
    CHECK_OK(lt_jinja_compile(env, T("t.sql"), lt_text_of(source), &made, NULL, &err), err);
    return made;
}

static const lt_jinja_env plain;

Test(jinja_scan, calls_come_with_their_literal_arguments)
{
    LT_AUTO(lt_jinja_template_ref)
    t = compile(&plain,
                "{{ config(materialized='table', tags=['a']) }}\nselect * from {{ ref('a', v=2) }}"
                "{% if x %}{{ source('s', y) }}{% endif %}{{ dbt_utils.star(from=ref(z)) }}");
    lt_jinja_heap heap = {0};
    lt_jinja_static_call call;
    lt_jinja_value value;
    size_t at = 0;
    CHECK(lt_jinja_next_call(t, &heap, &at, &call));
    CHECK_TEXT(call.name, "config");
    CHECK(call.is_literal && call.is_certain && call.is_whole);
    CHECK(lt_jinja_find(call.kwargs, T("materialized"), &value));
    CHECK_TEXT(lt_jinja_as_text(value), "table");
    CHECK(lt_jinja_next_call(t, &heap, &at, &call));
    CHECK_TEXT(call.name, "ref");
    CHECK_TEXT(lt_jinja_as_text(lt_jinja_at(call.args, 0)), "a");
    CHECK_INT(call.line, 2);
    unsigned line, col;
    lt_jinja_position(t, call.pos, &line, &col);
    CHECK_INT(line, 2);
    CHECK_INT(col, 18);
    CHECK(lt_jinja_next_call(t, &heap, &at, &call));
    CHECK_TEXT(call.name, "source");
    CHECK(!call.is_literal && !call.is_certain);
    CHECK_TEXT(lt_jinja_as_text(lt_jinja_at(call.args, 0)), "s");
    CHECK(lt_jinja_next_call(t, &heap, &at, &call));
    CHECK_TEXT(call.name, "dbt_utils.star"); /* a call comes before those in its arguments */
    CHECK(lt_jinja_next_call(t, &heap, &at, &call));
    CHECK_TEXT(call.name, "ref");
    CHECK(!call.is_literal && call.is_certain && !call.is_whole);
    CHECK(!lt_jinja_next_call(t, &heap, &at, &call));
    lt_jinja_heap_cleanup(&heap);
}

Test(jinja_scan, short_circuits_and_inline_ifs_are_not_certain)
{
    LT_AUTO(lt_jinja_template_ref)
    t = compile(&plain, "{{ f(1) if x else g(1) }}{{ a(1) and b(1) }}");
    lt_jinja_heap heap = {0};
    lt_jinja_static_call call;
    size_t at = 0;
    for (const char *const *name = (const char *const[]){"f-", "g-", "a+", "b-", NULL}; *name;
         name++) {
        CHECK(lt_jinja_next_call(t, &heap, &at, &call));
        CHECK_INT(call.name.ptr[0], (*name)[0]);
        CHECK_INT(call.is_certain, (*name)[1] == '+');
    }
    lt_jinja_heap_cleanup(&heap);
}

static bool is_static(const char *source)
{
    static const char *const names[] = {"ref", "source", "config"};
    LT_AUTO(lt_jinja_template_ref) t = compile(&plain, source);
    return lt_jinja_is_static(t, names, LT_COUNT(names));
}

Test(jinja_scan, static_templates_hold_nothing_but_literal_calls)
{
    CHECK(is_static("select 1"));
    CHECK(is_static("{# c #}{{ config(a=[1, {'b': -2}]) }} select * from {{ ref('a') }} join {{ "
                    "source('s', 't') }}"));
    CHECK(!is_static("{{ ref(x) }}"));
    CHECK(!is_static("{{ this }}"));
    CHECK(!is_static("{{ ref('a').name }}"));
    CHECK(!is_static("{{ ref('a') | upper }}"));
    CHECK(!is_static("{{ ref(*['a']) }}"));
    CHECK(!is_static("{% set x = 1 %}"));
    CHECK(!is_static("{% if true %}a{% endif %}"));
}

Test(jinja_scan, own_blocks_give_name_arguments_and_source)
{
    static const lt_jinja_tag tags[] = {
        {"test", LT_JINJA_TAG_MACRO, "test_"},
        {"materialization", LT_JINJA_TAG_NAMED, "materialization_"},
        {"docs", LT_JINJA_TAG_RAW, NULL},
    };
    lt_jinja_env env = {.tags = tags, .tag_count = LT_COUNT(tags)};
    LT_AUTO(lt_jinja_template_ref)
    t = compile(
        &env, "ignored\n{% test positive(model, column_name, least=0) %}select {{ model }}{{ least "
              "}}{% endtest %}\n"
              "{% materialization view, adapter='duckdb', default %}body{% endmaterialization %}"
              "{% docs intro %}Raw {{ text {% endif %}{% enddocs %}{% macro m() %}{% endmacro %}");
    lt_jinja_heap heap = {0};
    lt_jinja_block block;
    lt_text name;
    lt_jinja_value value;
    bool literal;
    CHECK(lt_jinja_block_at(t, 0, &block));
    CHECK_TEXT(block.name, "test_positive");
    CHECK_INT(block.line, 2);
    CHECK_TEXT(block.body, "select {{ model }}{{ least }}");
    CHECK_TEXT(lt_text_sub(block.source, 0, 8), "{% test ");
    CHECK(lt_text_ends(block.source, T("{% endtest %}")));
    CHECK(lt_jinja_block_arg(&block, &heap, 2, &name, &value, &literal));
    CHECK_TEXT(name, "least");
    CHECK(literal && value.type == LT_JINJA_INT);
    CHECK(!lt_jinja_block_arg(&block, &heap, 3, &name, &value, &literal));
    lt_err err = {0};
    lt_jinja_value arg = lt_jinja_text(T("users ")), result;
    CHECK_OK(lt_jinja_call_value(&env, &(lt_jinja_context){0}, &heap, block.macro, &arg, 1, NULL, 0,
                                 &result, NULL, &err),
             err);
    CHECK_TEXT(lt_jinja_as_text(result), "select users 0");
    CHECK(lt_jinja_block_at(t, 1, &block));
    CHECK_TEXT(block.name, "materialization_view");
    CHECK(lt_jinja_block_arg(&block, &heap, 0, &name, &value, &literal));
    CHECK_TEXT(lt_jinja_as_text(value), "duckdb");
    CHECK(lt_jinja_block_arg(&block, &heap, 1, &name, &value, &literal));
    CHECK_TEXT(name, "default");
    CHECK(lt_jinja_is_absent(value));
    CHECK(lt_jinja_block_at(t, 2, &block));
    CHECK_TEXT(block.body, "Raw {{ text {% endif %}");
    CHECK(block.macro.type == LT_JINJA_UNDEFINED);
    CHECK(lt_jinja_block_at(t, 3, &block));
    CHECK(block.tag == NULL);
    CHECK_TEXT(block.name, "m");
    CHECK(!lt_jinja_block_at(t, 4, &block));
    lt_jinja_heap_cleanup(&heap);
}

Test(jinja_scan, keywords_of_the_first_call_are_told_as_python_prints_them)
{
    LT_AUTO(lt_jinja_template_ref)
    t = compile(&plain, "{{ g(config) }}{{ config(a=f(1, *x, k=none), b=-y.z[0] ** 2 // 3) }}"
                        "{{ config(c=true) }}");
    lt_jinja_heap heap = {0};
    lt_jinja_value made, value;
    CHECK(lt_jinja_keywords_of(t, T("config"), &heap, &made));
    CHECK_INT((int)lt_jinja_len(made), 2);
    CHECK(lt_jinja_find(made, T("a"), &value));
    CHECK_TEXT(
        lt_jinja_as_text(value),
        "Keyword(key='a', value=Call(node=Name(name='f', ctx='load'), args=[Const(value=1)], "
        "kwargs=[Keyword(key='k', value=Const(value=None))], dyn_args=Name(name='x', "
        "ctx='load'), dyn_kwargs=None))");
    CHECK(lt_jinja_find(made, T("b"), &value));
    CHECK_TEXT(lt_jinja_as_text(value),
               "Keyword(key='b', value=FloorDiv(left=Pow(left=Neg(node=Getitem(node=Getattr("
               "node=Name(name='y', ctx='load'), attr='z', ctx='load'), arg=Const(value=0), "
               "ctx='load')), right=Const(value=2)), right=Const(value=3)))");
    CHECK(!lt_jinja_keywords_of(t, T("g"), &heap, &made));
    CHECK(!lt_jinja_keywords_of(t, T("none"), &heap, &made));
    lt_jinja_heap_cleanup(&heap);
}
