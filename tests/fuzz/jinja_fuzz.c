/* Templates from anybody: compile, read without rendering, render, within small limits. The first byte chooses options. */
#include "jinja/jinja.h"

#include <stdlib.h>

static const lt_jinja_tag fuzz_tags[] = {
    {"test", LT_JINJA_TAG_MACRO, "test_"},
    {"snapshot", LT_JINJA_TAG_NAMED, NULL},
    {"docs", LT_JINJA_TAG_RAW, NULL},
};

static lt_status fuzz_return(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    (void)result;
    return lt_jinja_return(call, call->arg_count ? call->args[0] : lt_jinja_none(), err);
}

static const lt_jinja_func fuzz_return_func = {"return", fuzz_return, NULL};

static lt_jinja_env fuzz_env(uint8_t choice)
{
    return (lt_jinja_env){
        .undefined = (lt_jinja_undefined)(choice & 3),
        .trim_blocks = choice & 4,
        .lstrip_blocks = choice & 8,
        .tags = fuzz_tags,
        .tag_count = LT_COUNT(fuzz_tags),
        .max_steps = 20000,
        .max_heap_bytes = 2 * LT_MIB,
        .max_output_bytes = LT_MIB,
        .max_calls = 50,
        .max_stack_bytes = 512 * LT_KIB,
    };
}

static lt_jinja_value fuzz_vars(lt_jinja_heap *heap)
{
    static const char text[] = "{'n': 5, 'f': 2.5, 's': 'Gr\xc3\xbc\xc3\x9f', 'l': [3, 1, 2], 'd': "
                               "{'a': 1, 'b': [1, {'c': none}]}, 't': (1, 'x')}";
    lt_err err;
    lt_jinja_value vars = lt_jinja_dict(heap);
    lt_ignore(lt_jinja_literal(heap, lt_text_of(text), &vars, &err));
    lt_jinja_put(vars, "return", lt_jinja_func_value(&fuzz_return_func));
    return vars;
}

static void fuzz_scan(const lt_jinja_template *compiled)
{
    static const char *const names[] = {"ref", "config"};
    lt_jinja_heap heap = {0};
    lt_jinja_static_call call;
    lt_jinja_block block;
    for (size_t at = 0; lt_jinja_next_call(compiled, &heap, &at, &call);)
        ;
    for (size_t i = 0; lt_jinja_block_at(compiled, i, &block); i++) {
        lt_text name;
        lt_jinja_value value;
        bool is_literal;
        for (size_t k = 0; lt_jinja_block_arg(&block, &heap, k, &name, &value, &is_literal); k++)
            ;
    }
    (void)lt_jinja_is_static(compiled, names, LT_COUNT(names));
    lt_jinja_heap_cleanup(&heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    lt_jinja_env env = fuzz_env(data[0]);
    lt_text source = lt_text_at((const char *)data + 1, size - 1);
    lt_err err;
    lt_jinja_error where;
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_heap heap = {0};
    lt_jinja_value value;
    lt_ignore(lt_jinja_literal(&heap, source, &value, &err));
    if (lt_jinja_compile(&env, T("fuzz"), source, &compiled, &where, &err) == LT_OK) {
        LT_AUTO(lt_buf) out = {.limit = LT_MIB};
        lt_jinja_context context = {.vars = fuzz_vars(&heap)};
        fuzz_scan(compiled);
        if (data[0] & 16)
            lt_ignore(lt_jinja_render_value(compiled, &context, &heap, &value, &where, &err));
        else
            lt_ignore(lt_jinja_render_text(compiled, &context, &heap, &out, &where, &err));
    }
    lt_jinja_heap_cleanup(&heap);
    return 0;
}
