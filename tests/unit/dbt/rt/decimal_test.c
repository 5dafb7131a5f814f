/* Decimals of a database in templates: what Python's decimal gives for the same. */
#include "dbt/rt/inner.h"
#include "support/test.h"

/* `source` sees a, b, ... as the decimals of `digits`, and n as 3. */
static lt_status evaluate(const char *source, const char *const digits[], lt_buf *out, lt_err *err)
{
    static const lt_jinja_env env = {0};
    static const char *const names[] = {"a", "b", "c"};
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_jinja_template_ref) made = NULL;
    LT_TRY(lt_jinja_compile(&env, T("t"), lt_text_of(source), &made, NULL, err));
    lt_jinja_value vars = lt_jinja_dict(&heap);
    lt_jinja_put(vars, "n", lt_jinja_int(3));
    for (size_t i = 0; digits[i]; i++) {
        lt_jinja_put(vars, names[i], lt_dbt_decimal_value(&heap, lt_text_of(digits[i])));
    }
    const lt_jinja_context context = {.vars = vars};
    lt_status status = lt_jinja_render_text(made, &context, &heap, out, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static void check(const char *source, const char *a, const char *b, const char *wanted)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) out = {0};
    CHECK_OK(evaluate(source, (const char *const[]){a, b, NULL}, &out, &err), err);
    CHECK_TEXT(lt_buf_text(&out), wanted);
}

Test(dbt_decimal, sums_and_products_are_exact)
{
    check("{{ a + b }} {{ a - b }} {{ a * b }}", "0.1", "0.2", "0.3 -0.1 0.02");
    check("{{ a + b }}", "12345678901234567890.12", "0.88", "12345678901234567891.00");
    check("{{ a - a }} {{ -a }} {{ a | abs }} {{ -a | abs }}", "-7.50", "0", "0.00 7.50 7.50 7.50");
    check("{{ n + a }} {{ n - a }} {{ a * n }}", "1.10", "0", "4.10 1.90 3.30");
}

Test(dbt_decimal, results_have_28_digits_and_halves_go_to_the_even_one)
{
    check("{{ a / n }}", "100.00", "0", "33.33333333333333333333333333");
    check("{{ a / b }} {{ b / a }}", "0.1", "0.2", "0.5 2");
    check("{{ a + b }}", "1000000000000000000000000000", "0.5", "1000000000000000000000000000");
    check("{{ a + b }}", "1000000000000000000000000001", "0.5", "1000000000000000000000000002");
    check("{{ a + b }}", "9999999999999999999999999999", "0.5",
          "1.000000000000000000000000000E+28");
    check("{{ a * a }}", "12345678901234567890.12", "0", "1.524157875323883675048681628E+38");
}

Test(dbt_decimal, whole_quotients_go_towards_zero_and_rests_have_the_sign_of_the_left)
{
    check("{{ a // 2 }} {{ a % 2 }} {{ 7 // b }} {{ 7 % b }}", "-7.5", "0.2", "-3 -1.5 35 0.0");
    check("{{ a ** 2 }} {{ a ** -1 }} {{ 2 ** b }} {{ a ** 0 }}", "0.5", "10.00", "0.25 2 1024 1");
}

Test(dbt_decimal, texts_are_those_of_python)
{
    check("{{ a }} {{ b }}", "0.0000000100", "0.0000000000", "1.00E-8 0E-10");
    check("{{ a }} {{ b }}", "1e+300", "-0.000001", "1E+300 -0.000001");
    check("{{ [a] }} {{ '%.2f' % b }} {{ a ~ 'x' }}", "1.10", "0.125",
          "[Decimal('1.10')] 0.12 1.10x");
}

Test(dbt_decimal, comparisons_are_exact_also_with_floats)
{
    check("{{ a == b }} {{ a < b }} {{ a == 0.1 }} {{ a < 0.1 }}", "0.1", "0.10",
          "True False False True");
    check("{{ a > b }} {{ a == n }}", "12345678901234567890.13", "12345678901234567890.12",
          "True False");
    check("{{ 'yes' if a else 'no' }} {{ b == n }}", "0.00", "3.00", "no True");
}

Test(dbt_decimal, what_has_no_result_is_an_error)
{
    static const char *const wrong[] = {"{{ a / b }}",   "{{ a // b }}", "{{ a % b }}",
                                        "{{ a + 0.5 }}", "{{ a ** a }}", "{{ a ** 5000 }}",
                                        "{{ a + 'x' }}", "{{ c + 1 }}",  "{{ 10 ** a ** 9 }}"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_err err = {0};
        LT_AUTO(lt_buf) out = {0};
        CHECK_STATUS(
            evaluate(wrong[i], (const char *const[]){"1.5", "0.0", "NaN", NULL}, &out, &err),
            LT_INVALID, err);
        CHECK(err.message[0]);
    }
    check("{{ a }} {{ a == a }}", "NaN", "0", "NaN False");
}
