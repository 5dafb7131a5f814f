/* Versions compare and join as dbt's do. */
#include "dbt/semver.h"
#include "support/test.h"

static lt_dbt_version read(const char *text)
{
    lt_dbt_version made;
    lt_err err = {0};
    CHECK(lt_dbt_version_read(lt_text_of(text), &made, &err) == LT_OK);
    return made;
}

Test(dbt_semver, later_versions_come_later)
{
    static const char *const order[] = {
        "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-rc.9", "1.0.0-rc.10",
        "1.0.0", "1.0.1",       "1.2.0",         "1.10.0",       "2.0.0"};
    for (size_t i = 0; i + 1 < LT_COUNT(order); i++) {
        lt_dbt_version a = read(order[i]), b = read(order[i + 1]);
        CHECK(lt_dbt_version_compare(&a, &b) < 0);
        CHECK(lt_dbt_version_compare(&b, &a) > 0);
        CHECK(lt_dbt_version_compare(&a, &a) == 0);
    }
}

Test(dbt_semver, what_is_no_version_is_refused)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "1.0",
                                        "1.0.0.0",
                                        "01.0.0",
                                        "v1.0.0",
                                        "1.0.x",
                                        "~1.0.0",
                                        ">=",
                                        "1.0.0-",
                                        "1.0.0-01",
                                        "1.0.0 beta",
                                        "99999999999999999999.0.0"};
    lt_dbt_version made;
    lt_err err = {0};
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(lt_dbt_version_read(lt_text_of(wrong[i]), &made, &err) == LT_INVALID);
    CHECK(lt_dbt_version_read(T("1.0.0rc1+build.5"), &made, &err) == LT_OK);
    CHECK(lt_text_eq(made.pre, T("rc1")));
}

Test(dbt_semver, wishes_join_to_what_all_allow)
{
    static const struct {
        const char *wishes[3];
        const char *range; /* NULL: nothing */
    } cases[] = {{{">=1.0.0", "<2.0.0"}, ">=1.0.0, <2.0.0"},
                 {{">=1.0.0", ">1.0.0"}, ">1.0.0"},
                 {{">=1.0.0", "<=1.0.0"}, ">=1.0.0, <=1.0.0"},
                 {{"1.0.0", ">=0.5.0", "<2.0.0"}, "=1.0.0, =1.0.0"},
                 {{"1.0.0", "1.0.0"}, "=1.0.0, =1.0.0"},
                 {{"1.0.0", "1.0.1"}, NULL},
                 {{">1.0.0", "<1.0.0"}, NULL},
                 {{">=2.0.0", "<1.0.0"}, NULL},
                 {{"1.0.0", ">1.0.0"}, NULL},
                 {{"2.0.0-rc1", "<2.0.0"}, NULL}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_dbt_version all[3];
        lt_dbt_version_range range;
        size_t count = 0;
        while (count < 3 && cases[i].wishes[count]) {
            all[count] = read(cases[i].wishes[count]);
            count++;
        }
        LT_AUTO(lt_buf) text = {.limit = LT_KIB};
        bool fits = lt_dbt_versions_join(all, count, &range);
        CHECK(fits == (cases[i].range != NULL));
        if (!fits)
            continue;
        lt_dbt_version_range_write(&range, &text);
        CHECK_STR(lt_buf_chars(&text), cases[i].range);
    }
}
