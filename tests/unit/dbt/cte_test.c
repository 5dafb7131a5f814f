/* A statement whose query is one of its CTEs. */
#include "dbt/inner.h"
#include "support/test.h"

static lt_status keep(const char *sql, const char *name, lt_buf *out, lt_err *err)
{
    const lt_dbt_node model = {.path = T("models/m.sql")};
    lt_buf_clear(out);
    lt_buf_add_str(out, sql);
    return lt_dbt_keep_cte(&model, lt_text_of(name), out, err);
}

Test(dbt_cte, the_query_becomes_the_cte)
{
    static const char *const cases[][3] = {
        {"with a as (select 1) select 2", "a", "with a as (select 1)\nselect * from a"},
        {"-- x\nWITH RECURSIVE a(n, m) AS NOT MATERIALIZED (select ')' /* ( */), \"B c\" as "
         "(select $$)$$, $t$ ( $t$, 'it''s (') select 1",
         "b c",
         "-- x\nWITH RECURSIVE a(n, m) AS NOT MATERIALIZED (select ')' /* ( */), \"B c\" as "
         "(select $$)$$, $t$ ( $t$, 'it''s (')\nselect * from \"B c\""},
        {"with a as (with b as (select 1) select * from b) insert", "A",
         "with a as (with b as (select 1) select * from b)\nselect * from a"}};
    LT_AUTO(lt_buf) out = {0};
    lt_err err = {0};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        CHECK_OK(keep(cases[i][0], cases[i][1], &out, &err), err);
        CHECK_STR(lt_buf_chars(&out), cases[i][2]);
    }
}

Test(dbt_cte, what_has_no_such_cte_is_refused)
{
    static const char *const cases[] = {"select 1",
                                        "",
                                        "with",
                                        "with a",
                                        "with a as",
                                        "with a as (",
                                        "with a as (select 1",
                                        "with b as (select 1) select 1",
                                        "with b as (select '",
                                        "with b as (select $$",
                                        "with b as (select /*",
                                        "with b (",
                                        "with b as (select 1),",
                                        "with b as (with a as (select 1) select 1) select 1"};
    LT_AUTO(lt_buf) out = {0};
    lt_err err = {0};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_STATUS(keep(cases[i], "a", &out, &err), LT_INVALID, err);
}
