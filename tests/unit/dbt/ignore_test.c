/* Patterns of .dbtignore mean what those of .gitignore mean. */
#include "dbt/ignore.h"
#include "support/test.h"

Test(dbt_ignore, patterns_fit_as_those_of_git)
{
    static const struct {
        const char *pattern, *path;
        bool is_ignored;
    } cases[] = {{"*.sql", "models/a.sql", true},
                 {"*.sql", "models/a.yml", false},
                 {"a.sql", "models/deep/a.sql", true},
                 {"/a.sql", "models/a.sql", false},
                 {"models/a.sql", "models/a.sql", true},
                 {"models/*.sql", "models/deep/a.sql", false},
                 {"models/**/a.sql", "models/x/y/a.sql", true},
                 {"models/**/a.sql", "models/a.sql", true},
                 {"**/old", "models/x/old/a.sql", true},
                 {"old/", "models/old/a.sql", true},
                 {"old/", "models/old", false},
                 {"models/old", "models/old/deep/a.sql", true},
                 {"models/**", "models/a.sql", true},
                 {"model?/a.sql", "models/a.sql", true},
                 {"[ab].sql", "models/b.sql", true},
                 {"[ab].sql", "models/c.sql", false}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_text pattern = lt_text_of(cases[i].pattern);
        const lt_texts patterns = {.items = &pattern, .len = 1};
        CHECK(lt_dbt_ignores(&patterns, lt_text_of(cases[i].path)) == cases[i].is_ignored);
    }
}

Test(dbt_ignore, the_last_pattern_decides)
{
    lt_text list[] = {T("*.sql"), T("!keep.sql"), T("old/keep.sql")};
    const lt_texts patterns = {.items = list, .len = LT_COUNT(list)};
    CHECK(lt_dbt_ignores(&patterns, T("models/a.sql")));
    CHECK(!lt_dbt_ignores(&patterns, T("models/keep.sql")));
    CHECK(lt_dbt_ignores(&patterns, T("old/keep.sql")));
}
