/* Types of a seed's cells: what agate and isodate, which read seeds in dbt, make of the same texts. */
#include "base/time.h"
#include "dbt/rt/inner.h"
#include "support/test.h"

static void check_number(const char *cell, const char *wanted)
{
    LT_AUTO(lt_buf) got = {0};
    bool is_number = lt_dbt_cell_number(lt_text_of(cell), &got);
    CHECK(is_number == (wanted != NULL));
    if (wanted)
        CHECK_TEXT(lt_buf_text(&got), wanted);
}

Test(dbt_seed_cell, numbers_have_signs_currencies_groups_and_percents)
{
    static const char *const numbers[][2] = {{"21.0", "21.0"},
                                             {" 5 ", "5"},
                                             {"+5", "5"},
                                             {"-5", "-5"},
                                             {"1,000", "1000"},
                                             {"1_000", "1000"},
                                             {"5%", "5"},
                                             {"$5", "5"},
                                             {"-$6", "-6"},
                                             {"$-6", "-6"},
                                             {"€5", "5"},
                                             {"--5", "5"},
                                             {".5", ".5"},
                                             {"1.", "1."},
                                             {"1E+3", "1E+3"},
                                             {"nan", "NaN"},
                                             {"-inf", "-Infinity"},
                                             {"007", "007"},
                                             {"Infinity", "Infinity"}};
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        check_number(numbers[i][0], numbers[i][1]);
}

Test(dbt_seed_cell, other_texts_are_no_numbers)
{
    static const char *const texts[] = {"0x10", "5-", "+-5", "-",     "$",
                                        "%",    ",",  "1e",  "1.2.3", "N/A"};
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        check_number(texts[i], NULL);
}

Test(dbt_seed_cell, whole_numbers_may_be_written_with_a_point)
{
    CHECK(!lt_dbt_number_has_decimals(T("21.0")));
    CHECK(!lt_dbt_number_has_decimals(T("1E+3")));
    CHECK(!lt_dbt_number_has_decimals(T("1.5E+3")));
    CHECK(!lt_dbt_number_has_decimals(T("0E-10")));
    CHECK(!lt_dbt_number_has_decimals(T("NaN")));
    CHECK(lt_dbt_number_has_decimals(T("21.50")));
    CHECK(lt_dbt_number_has_decimals(T("1E-10")));
    CHECK(lt_dbt_number_has_decimals(T("1.55E+1")));
}

static void check_written(const char *number, const char *wanted)
{
    LT_AUTO(lt_buf) out = {0};
    lt_dbt_number_write(lt_text_of(number), &out);
    CHECK_TEXT(lt_buf_text(&out), wanted);
}

Test(dbt_seed_cell, a_whole_number_is_written_as_digits)
{
    check_written("21.0", "21");
    check_written("-0.0", "-0");
    check_written("1E+3", "1000");
    check_written("1.5E+3", "1500");
    check_written("21.50", "21.50");
    check_written("1E-10", "1E-10");
    check_written("1E+999", "1E+999");
    check_written("Infinity", "Infinity");
}

/* Which of the forms has it: 0 number, 1 date, 2 moment with a blank, 3 ISO's, 4 truth value, 5 none. */
static size_t form_of(const char *cell)
{
    size_t k = 0;
    while (k < LT_DBT_CELL_FORMS && !lt_dbt_cell_forms[k].fits(lt_text_of(cell)))
        k++;
    return k;
}

Test(dbt_seed_cell, moments_are_of_two_forms_and_nothing_between)
{
    static const struct {
        const char *cell;
        size_t form;
    } cells[] = {{"2020-01-05", 1},
                 {"2020-1-5", 1},
                 {"20200105", 0},
                 {"2020/01/05", 5},
                 {"2020-13-01", 5},
                 {"2020-02-30", 5},
                 {"2020-01-05 10:00:00", 2},
                 {"2020-1-5 1:2:3", 2},
                 {"2020-01-05 10:00", 5},
                 {"2020-01-05 10:00:00.123", 5},
                 {"2020-01-05 10:00:00Z", 5},
                 {"2020-01-05 24:00:00", 5},
                 {"2020-01-05T10:00:00", 3},
                 {"2020-01-05T10:00:00.5+02:00", 3},
                 {"2020-01-05T10:00", 3},
                 {"20200105T101112Z", 3},
                 {"2020-W02-1T10", 3},
                 {"2020-005T10", 3},
                 {"2020-01-05T10:00:60", 5},
                 {"2020-01-05T24:00:00", 5},
                 {"2020-01-05T", 5},
                 {"2020-01-05T10:00:00 UTC", 5},
                 {" TRUE ", 4},
                 {"yes", 5}};
    for (size_t i = 0; i < LT_COUNT(cells); i++)
        if (form_of(cells[i].cell) != cells[i].form)
            CHECK_TEXT(lt_text_of(cells[i].cell), "of another form");
}

static void check_moment(const char *cell, const char *wanted)
{
    int64_t us = 0;
    char text[LT_TIME_CHARS];
    CHECK(lt_dbt_cell_moment(lt_text_of(cell), &us));
    CHECK_TEXT(lt_text_of(lt_time_write(us, text)), wanted);
}

Test(dbt_seed_cell, moments_are_what_isodate_reads)
{
    check_moment("2020-1-5  1:2:3", "2020-01-05T01:02:03.000000Z");
    check_moment("2020-01-05T10:00:00.1234567-02:30", "2020-01-05T12:30:00.123456Z");
    check_moment("2020-01-05T10:30,5", "2020-01-05T10:30:30.000000Z");
    check_moment("2020-01-05T10.25+0100", "2020-01-05T09:15:00.000000Z");
    check_moment("2020-W02-1T00", "2020-01-06T00:00:00.000000Z");
    check_moment("2021-W01T00", "2021-01-04T00:00:00.000000Z");
    check_moment("2020-060T00:00", "2020-02-29T00:00:00.000000Z");
    check_moment("2020-03T00:00", "2020-03-01T00:00:00.000000Z");
    check_moment("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z");
}
