/* The C face of the template language: values, host functions and objects, limits, errors. */
#include "jinja/jinja.h"
#include "support/test.h"

/* One render with everything it needs. */
typedef struct fixture {
    lt_jinja_env env;
    lt_jinja_heap heap;
    lt_jinja_context context;
    lt_jinja_template *made;
    lt_jinja_error where;
    lt_buf out;
    lt_err err;
} fixture;

static void fixture_cleanup(fixture *f)
{
    lt_jinja_template_free(f->made);
    lt_jinja_heap_cleanup(&f->heap);
    lt_buf_cleanup(&f->out);
}

static lt_status render(fixture *f, const char *source)
{
    lt_buf_clear(&f->out);
    lt_jinja_template_free(LT_TAKE(f->made));
    LT_TRY(lt_jinja_compile(&f->env, T("t.sql"), lt_text_of(source), &f->made, &f->where, &f->err));
    return lt_jinja_render_text(f->made, &f->context, &f->heap, &f->out, &f->where, &f->err);
}

static lt_status render_value(fixture *f, const char *source, lt_jinja_value *value)
{
    lt_jinja_template_free(LT_TAKE(f->made));
    LT_TRY(lt_jinja_compile(&f->env, T("t.sql"), lt_text_of(source), &f->made, &f->where, &f->err));
    return lt_jinja_render_value(f->made, &f->context, &f->heap, value, &f->where, &f->err);
}

static void give(fixture *f, const char *name, lt_jinja_value value)
{
    if (f->context.vars.type != LT_JINJA_DICT)
        f->context.vars = lt_jinja_dict(&f->heap);
    lt_jinja_put(f->context.vars, name, value);
}

/* ---- native values */

Test(jinja, one_expression_keeps_its_type)
{
    LT_AUTO(fixture) f = {0};
    lt_jinja_value value;
    CHECK_OK(render_value(&f, "{{ [1, 'a'] }}", &value), f.err);
    CHECK_INT(value.type, LT_JINJA_LIST);
    CHECK_INT(lt_jinja_at(value, 0).as.i, 1);
    CHECK_OK(render_value(&f, "{{ 1 }}{{ 2 }}", &value), f.err);
    CHECK_TEXT(lt_jinja_as_text(value), "12");
    CHECK_OK(render_value(&f, "", &value), f.err);
    CHECK_INT(value.type, LT_JINJA_STR);
}

Test(jinja, literals_are_read_and_nothing_else)
{
    lt_jinja_heap heap = {0};
    lt_jinja_value value, item;
    lt_err err = {0};
    CHECK_OK(lt_jinja_literal(&heap, T("{'a': [1, -2.5, None, (True,)]}"), &value, &err), err);
    CHECK(lt_jinja_find(value, T("a"), &item));
    CHECK_INT(lt_jinja_len(item), 4);
    CHECK_STATUS(lt_jinja_literal(&heap, T("x"), &value, &err), LT_INVALID, err);
    CHECK_STATUS(lt_jinja_literal(&heap, T("1 + 1"), &value, &err), LT_INVALID, err);
    CHECK_STATUS(lt_jinja_literal(&heap, T("1 1"), &value, &err), LT_INVALID, err);
    lt_jinja_heap_cleanup(&heap);
}

Test(jinja, json_is_that_of_python)
{
    LT_AUTO(fixture) f = {0};
    lt_jinja_value value;
    CHECK_OK(render_value(&f, "{{ {'b': [1, 2.0, none], 'a': '\\u00e9\"'} }}", &value), f.err);
    CHECK_OK(lt_jinja_to_json(value, &(lt_jinja_json){0}, &f.out, &f.err), f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "{\"b\": [1, 2.0, null], \"a\": \"\\u00e9\\\"\"}");
    lt_buf_clear(&f.out);
    CHECK_OK(
        lt_jinja_to_json(value, &(lt_jinja_json){.indent = 2, .sort_keys = true}, &f.out, &f.err),
        f.err);
    CHECK_TEXT(lt_buf_text(&f.out),
               "{\n  \"a\": \"\\u00e9\\\"\",\n  \"b\": [\n    1,\n    2.0,\n    null\n  ]\n}");
}

/* ---- host functions */

static lt_status add_one(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "x by?", args, err));
    *result = lt_jinja_int(args[0].as.i + (lt_jinja_is_absent(args[1]) ? 1 : args[1].as.i));
    return LT_OK;
}

static lt_status give_back(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    (void)result;
    return lt_jinja_return(call, call->arg_count ? call->args[0] : lt_jinja_none(), err);
}

static lt_status fail_io(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    (void)call;
    (void)result;
    return lt_fail(err, LT_IO, "the database is gone");
}

/* Calls its argument and swallows what goes wrong. */
static lt_status attempt(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    if (lt_jinja_invoke(call->render, call->args[0], NULL, 0, NULL, 0, result, err) != LT_OK)
        *result = lt_jinja_text_copy(call->heap, lt_text_of(err->message));
    return LT_OK;
}

static const lt_jinja_func host_funcs[] = {{"add_one", add_one, NULL},
                                           {"return", give_back, NULL},
                                           {"fail_io", fail_io, NULL},
                                           {"attempt", attempt, NULL}};

static void give_funcs(fixture *f)
{
    for (size_t i = 0; i < LT_COUNT(host_funcs); i++)
        give(f, host_funcs[i].name, lt_jinja_func_value(&host_funcs[i]));
}

Test(jinja, host_functions_take_names_and_defaults)
{
    LT_AUTO(fixture) f = {0};
    give_funcs(&f);
    CHECK_OK(render(&f, "{{ add_one(1) }}{{ add_one(1, by=5) }}{{ add_one(x=3) }}"), f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "264");
    CHECK_STATUS(render(&f, "{{ add_one() }}"), LT_INVALID, f.err);
    CHECK_STR(f.err.message, "t.sql:1:4: add_one() missing required argument 'x'");
    CHECK_STATUS(render(&f, "{{ add_one(1, z=2) }}"), LT_INVALID, f.err);
    CHECK_HAS(f.err.message, "unexpected keyword argument 'z'");
}

Test(jinja, return_ends_the_macro_with_any_value)
{
    LT_AUTO(fixture) f = {0};
    lt_jinja_value value;
    give_funcs(&f);
    CHECK_OK(
        render(&f, "{% macro m() %}text{{ return([1, 2]) }}never{% endmacro %}{{ m()[1] + 1 }}"),
        f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "3");
    CHECK_OK(render_value(&f, "a{{ return({'k': 1}) }}b", &value), f.err);
    CHECK_INT(value.type, LT_JINJA_DICT);
}

Test(jinja, a_host_functions_status_survives)
{
    LT_AUTO(fixture) f = {0};
    give_funcs(&f);
    CHECK_STATUS(render(&f, "a\n{{ fail_io() }}"), LT_IO, f.err);
    CHECK_STR(f.err.message, "t.sql:2:4: the database is gone");
    CHECK_INT(f.where.line, 2);
    CHECK_STR(f.where.text, "the database is gone");
}

Test(jinja, an_error_the_host_swallowed_leaves_no_trace)
{
    LT_AUTO(fixture) f = {0};
    give_funcs(&f);
    CHECK_OK(render(&f, "{% macro bad() %}x{{ 1 // 0 }}{% endmacro %}[{{ attempt(bad) }}]{{ "
                        "attempt(bad)|length > 9 }}"),
             f.err);
    CHECK_HAS(lt_buf_chars(&f.out),
              "[t.sql:1:24: integer division or modulo by zero (in macro 'bad' (t.sql:1)");
    CHECK_STATUS(
        render(&f, "{% macro bad() %}{{ 1 // 0 }}{% endmacro %}{{ attempt(bad) }}\n{{ nope() }}"),
        LT_INVALID, f.err);
    CHECK_HAS(f.err.message, "t.sql:2:4: 'nope' is undefined");
}

/* ---- host objects */

typedef struct relation {
    lt_jinja_object base;
    const char *name;
    unsigned dropped;
} relation;

static lt_status relation_attr(lt_jinja_render *r, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)r;
    (void)err;
    *found = lt_text_eq(name, T("name"));
    *out = lt_jinja_text(lt_text_of(((relation *)self)->name));
    return LT_OK;
}

static lt_status relation_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                 bool *found, lt_err *err)
{
    (void)err;
    *found = lt_text_eq(name, T("drop"));
    if (*found)
        *out = lt_jinja_int(++((relation *)call->self.as.object)->dropped);
    return LT_OK;
}

static lt_status relation_items(lt_jinja_render *r, lt_jinja_object *self, lt_jinja_value *list,
                                lt_err *err)
{
    (void)err;
    *list = lt_jinja_list(lt_jinja_heap_of(r));
    lt_jinja_add(*list, lt_jinja_text(lt_text_of(((relation *)self)->name)));
    return LT_OK;
}

static void relation_str(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_printf(out, "\"%s\"", ((const relation *)self)->name);
}

static const lt_jinja_class relation_class = {.name = "Relation",
                                              .attr = relation_attr,
                                              .method = relation_method,
                                              .items = relation_items,
                                              .str = relation_str};

Test(jinja, host_objects_print_iterate_and_take_calls)
{
    LT_AUTO(fixture) f = {0};
    relation r = {.base = {&relation_class}, .name = "users"};
    give(&f, "r", lt_jinja_object_value(&r.base));
    CHECK_OK(render(&f,
                    "{{ r }} {{ r.name }} {{ r['name'] }} {{ r.drop() }}{{ r.drop() }} {% for x in "
                    "r %}{{ x }}{% endfor %} {{ [r] }} {{ r.nope is defined }} {{ r|length }}"),
             f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "\"users\" users users 12 users [<Relation object>] False 1");
    CHECK_STATUS(render(&f, "{{ r.nope() }}"), LT_INVALID, f.err);
    CHECK_HAS(f.err.message, "'Relation object' has no attribute 'nope'");
    CHECK_STATUS(render(&f, "{{ r() }}"), LT_INVALID, f.err);
    CHECK_HAS(f.err.message, "'Relation' object is not callable");
}

/* ---- many templates */

static lt_status lookup_macro(void *user, lt_jinja_render *r, const lt_jinja_template *from,
                              lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)r;
    (void)from;
    (void)err;
    *out = lt_jinja_macro_of(user, name);
    *found = out->type != LT_JINJA_UNDEFINED;
    return LT_OK;
}

Test(jinja, macros_of_other_templates_are_found_by_name_and_stand_in_the_stack)
{
    LT_AUTO(fixture) f = {0};
    LT_AUTO(lt_jinja_template_ref) library = NULL;
    lt_text source = T("{% macro twice(x) %}{{ x * 2 }}{% endmacro %}\n{% macro quad(x) %}\n{{- "
                       "twice(twice(x)|int) -}}\n{% endmacro %}");
    CHECK_OK(lt_jinja_compile(&f.env, T("lib.sql"), source, &library, NULL, &f.err), f.err);
    f.context.lookup = lookup_macro;
    f.context.user = library;
    CHECK_OK(render(&f, "{{ quad(3) }}"), f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "12");
    CHECK_STATUS(render(&f, "a\n b {{ quad(none) }}"), LT_INVALID, f.err);
    CHECK_STR(f.err.message,
              "lib.sql:1:26: unsupported operand type(s) for *: 'NoneType' and 'int' (in macro "
              "'twice' (lib.sql:1), in macro 'quad' (lib.sql:3), at t.sql:2)");
    CHECK_INT(f.where.frame_count, 3);
    CHECK_STR(f.where.frames[1].macro, "quad");
    CHECK_STR(f.where.frames[2].template_name, "t.sql");
    CHECK_INT(f.where.frames[2].line, 2);
    lt_jinja_value three = lt_jinja_int(3), result;
    CHECK_OK(lt_jinja_call_value(&f.env, &f.context, &f.heap, lt_jinja_macro_of(library, T("quad")),
                                 &three, 1, NULL, 0, &result, NULL, &f.err),
             f.err);
    CHECK_TEXT(lt_jinja_as_text(result), "12");
}

Test(jinja, what_fails_in_a_hidden_template_is_told_at_the_place_of_its_caller)
{
    LT_AUTO(fixture) f = {0};
    LT_AUTO(lt_jinja_template_ref) library = NULL;
    lt_text source = T("{% macro twice(x) %}{{ x * 2 }}{% endmacro %}");
    CHECK_OK(lt_jinja_compile(&f.env, T("lib.sql"), source, &library, NULL, &f.err), f.err);
    lt_jinja_hide(library);
    f.context.lookup = lookup_macro;
    f.context.user = library;
    CHECK_STATUS(render(&f, "a\n{{ twice(none) }}"), LT_INVALID, f.err);
    CHECK_STR(f.err.message, "t.sql:2:4: unsupported operand type(s) for *: 'NoneType' and 'int'");
    CHECK_STR(f.where.template_name, "lib.sql");
    CHECK(!f.where.is_hidden);
    lt_jinja_value none = lt_jinja_none(), result;
    CHECK_STATUS(lt_jinja_call_value(&f.env, &f.context, &f.heap,
                                     lt_jinja_macro_of(library, T("twice")), &none, 1, NULL, 0,
                                     &result, &f.where, &f.err),
                 LT_INVALID, f.err);
    CHECK_STR(f.err.message, "unsupported operand type(s) for *: 'NoneType' and 'int'");
    CHECK(f.where.is_hidden);
}

Test(jinja, values_put_into_a_longer_life_are_copied_there)
{
    lt_jinja_heap graph_heap = {0};
    lt_jinja_value graph = lt_jinja_dict(&graph_heap), kept, item;
    {
        LT_AUTO(fixture) f = {0};
        give(&f, "graph", graph);
        CHECK_OK(render(&f, "{% do graph.update({'n' ~ 1: ['a' ~ 'b']}) %}"), f.err);
        CHECK_STATUS(render(&f, "{% macro m() %}{% endmacro %}{% do graph.update(f=m) %}"),
                     LT_INVALID, f.err);
        CHECK_HAS(f.err.message, "macro 'm' cannot be kept");
    }
    CHECK(lt_jinja_find(graph, T("n1"), &kept));
    item = lt_jinja_at(kept, 0);
    CHECK_TEXT(lt_jinja_as_text(item), "ab");
    graph_heap.frozen = true;
    {
        LT_AUTO(fixture) f = {0};
        give(&f, "graph", graph);
        CHECK_STATUS(render(&f, "{% do graph.n1.append(1) %}"), LT_INVALID, f.err);
        CHECK_HAS(f.err.message, "shared and cannot be changed");
    }
    lt_jinja_heap_cleanup(&graph_heap);
}

/* ---- dicts that are made when they are asked for */

typedef struct late {
    lt_jinja_heap *heap;
    int made;
} late;

static lt_jinja_value make_late(void *user)
{
    late *l = user;
    lt_jinja_value dict = lt_jinja_dict(l->heap);
    l->made++;
    lt_jinja_put(dict, "a", lt_jinja_int(1));
    lt_jinja_put(dict, "b", lt_jinja_text(T("two")));
    return dict;
}

Test(jinja, a_lazy_dict_is_made_once_and_only_when_it_is_looked_into)
{
    LT_AUTO(fixture) f = {0};
    late l = {.heap = &f.heap};
    give(&f, "late", lt_jinja_lazy_dict(&f.heap, make_late, &l));
    CHECK_OK(render(&f, "{% macro m(x) %}{{ x is mapping }}{% endmacro %}{{ m(late) }}"), f.err);
    CHECK_STR(lt_buf_chars(&f.out), "True");
    CHECK_INT(l.made, 0);
    CHECK_OK(render(&f, "{{ late.a }}{{ late['b'] }}{{ late | length }}"), f.err);
    CHECK_STR(lt_buf_chars(&f.out), "1two2");
    CHECK_INT(l.made, 1);
}

Test(jinja, a_lazy_dict_is_like_any_other)
{
    static const struct {
        const char *source, *wanted;
    } cases[] = {
        {"{{ late }}", "{'a': 1, 'b': 'two'}"},
        {"{{ late | tojson }}", "{\"a\": 1, \"b\": \"two\"}"},
        {"{{ 'a' in late }}{{ 'c' in late }}", "TrueFalse"},
        {"{% for k in late %}{{ k }}{% endfor %}", "ab"},
        {"{% for k, v in late.items() %}{{ k }}{{ v }}{% endfor %}", "a1btwo"},
        {"{{ late.keys() | list }}", "['a', 'b']"},
        {"{{ late == {'b': 'two', 'a': 1} }}{{ {'a': 1} == late }}", "TrueFalse"},
        {"{% if late %}yes{% endif %}", "yes"},
        {"{% do late.update({'c': 3}) %}{{ late }}", "{'a': 1, 'b': 'two', 'c': 3}"},
        {"{{ late.pop('a') }}{{ late }}", "1{'b': 'two'}"},
        {"{{ late.popitem() }}", "('b', 'two')"},
        {"{% do late.clear() %}{{ late }}", "{}"},
        {"{{ late.copy() }}", "{'a': 1, 'b': 'two'}"},
        {"{{ dict(late, c=3) }}", "{'a': 1, 'b': 'two', 'c': 3}"},
        {"{% set other = {} %}{% do other.update(late) %}{{ other }}", "{'a': 1, 'b': 'two'}"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(fixture) f = {0};
        late l = {.heap = &f.heap};
        give(&f, "late", lt_jinja_lazy_dict(&f.heap, make_late, &l));
        CHECK_OK(render(&f, cases[i].source), f.err);
        CHECK_STR(lt_buf_chars(&f.out), cases[i].wanted);
        CHECK_INT(l.made, strstr(cases[i].source, "clear") ? 0 : 1); /* that needs none of it */
    }
}

Test(jinja, a_lazy_dict_is_whole_in_another_heap)
{
    lt_jinja_heap longer = {0};
    lt_jinja_value kept = {0}, a;
    {
        LT_AUTO(fixture) f = {0};
        late l = {.heap = &f.heap};
        CHECK_OK(lt_jinja_copy(&longer, lt_jinja_lazy_dict(&f.heap, make_late, &l), &kept, &f.err),
                 f.err);
    }
    CHECK(lt_jinja_find(kept, T("a"), &a));
    CHECK_INT(a.as.i, 1);
    lt_jinja_heap_cleanup(&longer);
}

/* ---- limits */

static void check_too_big(lt_jinja_env env, const char *source, const char *words)
{
    LT_AUTO(fixture) f = {.env = env};
    CHECK_STATUS(render(&f, source), LT_TOO_BIG, f.err);
    CHECK_HAS(f.err.message, words);
}

Test(jinja, limits_end_what_would_not_end)
{
    check_too_big((lt_jinja_env){.max_steps = 1000}, "{% for x in range(9999) %}{% endfor %}",
                  "more than 1000 steps");
    check_too_big((lt_jinja_env){.max_steps = 100000},
                  "{% set l = [1] %}{% for x in l %}{% do l.append(x) %}{% endfor %}", "steps");
    check_too_big((lt_jinja_env){.max_heap_bytes = LT_MIB}, "{{ ('x' * 1000000) * 1000000 }}",
                  "bytes of memory");
    check_too_big((lt_jinja_env){.max_heap_bytes = LT_MIB},
                  "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(64) %}{% set ns.s = "
                  "ns.s ~ ns.s %}{% endfor %}",
                  "bytes of memory");
    check_too_big((lt_jinja_env){.max_output_bytes = 100},
                  "{% for i in range(99) %}abc{% endfor %}", "larger than 100 bytes");
    check_too_big((lt_jinja_env){0}, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                  "calls are nested");
    check_too_big((lt_jinja_env){.max_source_bytes = 3}, "abcd", "larger than 3 bytes");
    check_too_big((lt_jinja_env){0}, "{{ '%9999999d' % 1 }}", "over 100000");
    check_too_big((lt_jinja_env){0}, "{{ 'x'.ljust(9999999999) }}", "bytes of memory");
}

/* `count` times `part`, between `before` and `after`. */
static void check_deep(const char *before, const char *part, size_t count, const char *after,
                       const char *words)
{
    LT_AUTO(lt_buf) source = {0};
    LT_AUTO(fixture) f = {0};
    lt_buf_add_str(&source, before);
    for (size_t i = 0; i < count; i++)
        lt_buf_add_str(&source, part);
    lt_buf_add_str(&source, after);
    CHECK_STATUS(render(&f, lt_buf_chars(&source)), LT_TOO_BIG, f.err);
    CHECK_HAS(f.err.message, words);
}

Test(jinja, deep_nesting_is_an_error_and_no_crash)
{
    check_deep("{{ ", "(", 100000, "", "nested more than 200 levels");
    check_deep("{{ ", "[", 100000, "", "nested more than 200 levels");
    check_deep("{{ ", "not ", 100000, "1 }}", "nested more than 200 levels");
    check_deep("{{ ", "-", 100000, "1 }}", "nested more than 200 levels");
    check_deep("{{ ", "1 if 1 else ", 100000, "1 }}", "nested more than 200 levels");
    check_deep("", "{% if 1 %}", 100000, "", "nested more than 200 levels");
    check_deep("{{ 1", " + 1", 100000, " }}", "nests too deeply");
}

Test(jinja, a_list_within_itself_prints_and_compares)
{
    LT_AUTO(fixture) f = {0};
    CHECK_OK(
        render(&f, "{% set l = [] %}{% do l.append(l) %}{{ l|string|length > 100 }}{{ l == l }}"),
        f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "TrueTrue");
    CHECK_STATUS(render(&f, "{% set l = [] %}{% do l.append(l) %}{{ l|tojson }}"), LT_INVALID,
                 f.err);
    CHECK_HAS(f.err.message, "nests more than 200 levels");
}

/* ---- errors */

Test(jinja, unknown_names_suggest_the_nearest)
{
    LT_AUTO(fixture) f = {0};
    give(&f, "customers", lt_jinja_int(1));
    CHECK_STATUS(render(&f, "select\n  {{ custmers + 1 }}"), LT_INVALID, f.err);
    CHECK_STR(f.err.message, "t.sql:2:15: 'custmers' is undefined");
    CHECK_STR(f.err.hint, "did you mean 'customers'?");
    CHECK_STATUS(render(&f, "{% st x = 1 %}"), LT_INVALID, f.err);
    CHECK_STR(f.err.hint, "did you mean 'set'?");
}

Test(jinja, columns_count_characters)
{
    LT_AUTO(fixture) f = {0};
    CHECK_STATUS(render(&f, "\xc3\xa9\xc3\xa9{{ 1 // 0 }}"), LT_INVALID, f.err);
    CHECK_INT(f.where.col, 8);
}

Test(jinja, absorbing_undefined_lets_a_first_pass_run_over_unknown_names)
{
    LT_AUTO(fixture) f = {.env = {.undefined = LT_JINJA_ABSORBING}};
    CHECK_OK(render(&f, "{% set x = adapter.get(1).y['z'](a=1) %}[{{ x }}]{% for c in x.cols %}{% "
                        "endfor %}{{ x + 1 }}"),
             f.err);
    CHECK_TEXT(lt_buf_text(&f.out), "[]");
}
