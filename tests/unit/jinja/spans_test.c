/* Every byte of the output knows where it was written. */
#include "jinja/jinja.h"

#include "support/test.h"

static void check_place(const lt_jinja_spans *spans, size_t at, unsigned line, unsigned col,
                        bool is_text)
{
    const lt_jinja_span *span = NULL;
    for (size_t i = 0; i < spans->len && spans->items[i].start <= at; i++)
        span = &spans->items[i];
    CHECK(span != NULL);
    CHECK_INT(span->line, line);
    CHECK_INT(span->col, col);
    CHECK_INT(span->is_text, is_text);
    CHECK_TEXT(span->name, "t.sql");
}

Test(jinja_spans, text_and_expressions_lead_back_to_their_place)
{
    static const char source[] = "{% macro m() %}from a macro{% endmacro -%}\n"
                                 "select a,\n"
                                 "  {{ m() }} as b\n"
                                 "{%- if true %}\n"
                                 "from t{% endif %}";
    lt_err err = {0};
    lt_jinja_env env = {0};
    lt_jinja_spans spans = {0};
    LT_AUTO(lt_buf) out = {0};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    CHECK_OK(lt_jinja_compile(&env, T("t.sql"), lt_text_of(source), &compiled, NULL, &err), err);
    lt_jinja_context context = {.spans = &spans};
    CHECK_OK(lt_jinja_render_text(compiled, &context, NULL, &out, NULL, &err), err);
    CHECK_STR(out.data, "select a,\n  from a macro as b\nfrom t");
    check_place(&spans, 0, 2, 1, true);
    check_place(&spans, 12, 3, 6, false); /* "from a macro" */
    check_place(&spans, 23, 3, 6, false);
    check_place(&spans, 24, 3, 12, true); /* " as b" */
    check_place(&spans, 30, 4, 15, true); /* "\nfrom t" */
    lt_vec_free(&spans);
}
