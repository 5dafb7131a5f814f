/* Statements end where SQL says, not where a ';' stands. */
#include "cli/sql_split.h"

#include "support/test.h"

static void check_split(const char *sql, const char *const *wanted, bool last_ended)
{
    lt_text rest = lt_text_of(sql), statement;
    bool ended = false, was_ended = false;
    while (lt_sql_next(&rest, &statement, &ended)) {
        CHECK(*wanted != NULL);
        CHECK_TEXT(statement, *wanted++);
        was_ended = ended;
    }
    CHECK(*wanted == NULL);
    CHECK(was_ended == last_ended);
}

#define SPLIT(sql, last_ended, ...)                                                                \
    check_split(sql, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, last_ended)

Test(sql_split, cuts_at_semicolons_only)
{
    SPLIT("select 1; select 2", false, "select 1", "select 2");
    SPLIT(" ;; select 1 ; ; ", true, "select 1");
    SPLIT("select ';', \"a;b\", 'it''s;'; x", false, "select ';', \"a;b\", 'it''s;'", "x");
    SPLIT("select 1 -- a; b\n, 2; y;", true, "select 1 -- a; b\n, 2", "y");
    SPLIT("/* a; /* b; */ c; */ select 1", false, "select 1");
    SPLIT("select $$a;b$$, $t$ $$;$$ $t$; z", false, "select $$a;b$$, $t$ $$;$$ $t$", "z");
    SPLIT("select $1; select a$b$c", false, "select $1", "select a$b$c");
    SPLIT("select e'a\\';b'; q", false, "select e'a\\';b'", "q");
    SPLIT("select 'a\\'; q", false, "select 'a\\'", "q");
    SPLIT("select thee'a\\'; q", false, "select thee'a\\'", "q");
    SPLIT("select 1 /* end */ -- x", false, "select 1");
    SPLIT("-- nothing\n /* at all */ ;", false);
    SPLIT("", false);
}

Test(sql_split, what_is_open_goes_to_the_end)
{
    SPLIT("select 'a; b", false, "select 'a; b");
    SPLIT("select \"a; b", false, "select \"a; b");
    SPLIT("select $x$ a; b", false, "select $x$ a; b");
    SPLIT("select 1 /* a; b", false, "select 1");
    SPLIT("/* a; b", false);
}

Test(sql_split, knows_what_gives_rows)
{
    static const struct {
        const char *sql;
        lt_sql_kind kind;
    } cases[] = {
        {"SELECT 1", LT_SQL_SELECT},
        {"with a as (select 1) select * from a", LT_SQL_SELECT},
        {"(select 1)", LT_SQL_SELECT},
        {"from t", LT_SQL_SELECT},
        {"explain select 1", LT_SQL_SHOWS},
        {"show tables", LT_SQL_SHOWS},
        {"insert into t values (1) returning *", LT_SQL_SHOWS},
        {"with a as (select 1) insert into t select * from a RETURNING x", LT_SQL_SHOWS},
        {"insert into t values (1)", LT_SQL_DOES},
        {"create table returning_x (a int)", LT_SQL_DOES},
        {"insert into t values (' returning ')", LT_SQL_DOES},
        {"selection", LT_SQL_DOES},
        {"", LT_SQL_DOES},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_INT(lt_sql_kind_of(lt_text_of(cases[i].sql)), cases[i].kind);
}
