/* The PostgreSQL back end: every type both ways, errors, connecting. */
#include "base/mask.h"
#include "engine/engine.h"
#include "support/postgres.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct side {
    lt_target target;
    lt_engine *engine;
    lt_session *session;
} side;

static void side_cleanup(side *self)
{
    lt_session_close(self->session);
    lt_engine_close(self->engine);
}

static void start(side *self, const char *kind)
{
    lt_err err = {0};
    bool is_postgres = strcmp(kind, "postgres") == 0;
    self->target = (lt_target){.name = "test",
                               .kind = kind,
                               .path = ":memory:",
                               .url = is_postgres ? lt_test_postgres() : NULL,
                               .threads = 2,
                               .memory_bytes = 256 * LT_MIB};
    CHECK_OK(lt_engine_open(&self->target, &self->engine, &err), err);
    CHECK_OK(lt_session_open(self->engine, &self->session, &err), err);
}

static void run(side *self, const char *sql)
{
    lt_err err = {0};
    CHECK_OK(lt_exec(self->session, lt_text_of(sql), NULL, &err), err);
}

static char *ask(side *self, const char *sql)
{
    lt_err err = {0};
    lt_table table = {0};
    LT_AUTO(lt_arena) arena = {0};
    CHECK_OK(
        lt_query_table(self->session, lt_text_of(sql), NULL, 0, 10, NULL, &arena, &table, &err),
        err);
    CHECK_INT(table.row_count, 1);
    lt_text cell = lt_table_cell(&table, 0, 0);
    return cell.ptr ? lt_text_dup(cell) : lt_xstrdup("NULL");
}

static void copy(side *from, const char *select, side *to, const char *table, lt_status wanted,
                 lt_err *err)
{
    lt_relation relation = {.name = lt_text_of(table)};
    CHECK_STATUS(lt_copy(from->session, lt_text_of(select), to->session, &relation, NULL, err),
                 wanted, *err);
}

/* From PostgreSQL through DuckDB and back: the texts are the same. */
Test(postgres, every_type_survives_the_way_to_duckdb_and_back)
{
    static const struct {
        const char *type, *duckdb, *values;
    } cases[] = {
        {"boolean", "BOOLEAN", "(true), (false), (NULL)"},
        {"smallint", "SMALLINT", "(-32768), (32767), (0), (NULL)"},
        {"integer", "INTEGER", "(-2147483648), (2147483647), (NULL)"},
        {"bigint", "BIGINT", "(-9223372036854775808), (9223372036854775807), (NULL)"},
        {"real", "FLOAT",
         "('NaN'), ('Infinity'), ('-Infinity'), (1.5), (-0.0), (3.4028235e38), (1e-45)"},
        {"double precision", "DOUBLE",
         "('NaN'), ('Infinity'), ('-Infinity'), (0.1), (-0.0), (1.7976931348623157e308), (5e-324)"},
        {"numeric(4,1)", "DECIMAL(4,1)", "(0), (-0.1), (999.9), (-999.9), (100), (NULL)"},
        {"numeric(9,4)", "DECIMAL(9,4)", "(0.0001), (99999.9999), (-12345.6789), (10000)"},
        {"numeric(18,0)", "DECIMAL(18,0)", "(999999999999999999), (-1), (100000000)"},
        {"numeric(38,10)", "DECIMAL(38,10)",
         "(9999999999999999999999999999.9999999999), (-9999999999999999999999999999.9999999999), "
         "(0.0000000001), (1), (NULL)"},
        {"numeric(38,38)", "DECIMAL(38,38)",
         "(0.99999999999999999999999999999999999999), (-0.00000000000000000000000000000000000001)"},
        {"numeric(38,37)", "DECIMAL(38,37)", "(9.9999999999999999999999999999999999999), (0)"},
        {"numeric(38,0)", "HUGEINT",
         "(99999999999999999999999999999999999999), (-99999999999999999999999999999999999999), "
         "(0)"},
        {"numeric", "VARCHAR",
         "('NaN'), ('Infinity'), ('-Infinity'), (1e100), (0.00), (-1.50), (1e-30), "
         "(12345678901234567890.5), "
         "(0), (10000), (NULL)"},
        {"text", "VARCHAR", "(''), ('a'), (repeat('\xc3\xa9', 5000)), (E'\\n\\t\"\\\\'), (NULL)"},
        {"character varying(5)", "VARCHAR", "('abcde'), ('')"},
        {"character(3)", "VARCHAR", "('abc'), ('a')"},
        {"name", "VARCHAR", "('pg_class')"},
        {"bytea", "BLOB", "('\\x'), ('\\x00ff00'), (NULL)"},
        {"date", "DATE",
         "('1999-12-31'), ('2000-01-01'), ('0001-01-01'), ('4713-01-01 BC'), ('5874897-12-31'), "
         "('infinity'), ('-infinity'), (NULL)"},
        {"time", "TIME", "('00:00:00'), ('23:59:59.999999'), ('24:00:00'), (NULL)"},
        {"timestamp", "TIMESTAMP",
         "('1970-01-01'), ('1999-12-31 23:59:59.999999'), ('0001-01-01'), ('4713-01-01 BC'), "
         "('290000-01-01 00:00:00.000001'), ('infinity'), ('-infinity'), (NULL)"},
        {"timestamp with time zone", "TIMESTAMPTZ",
         "('1970-01-01 00:00:00+00'), ('2020-06-01 12:00:00+02'), ('infinity'), ('-infinity')"},
        {"interval", "INTERVAL",
         "('1 year 2 mons -3 days 04:05:06.000007'), ('-1 mon'), ('0'), ('-00:00:00.000001')"},
        {"uuid", "UUID",
         "('8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11'), ('00000000-0000-0000-0000-000000000000'), "
         "('ffffffff-ffff-ffff-ffff-ffffffffffff')"},
        {"json", "JSON", "('{\"a\": [1, null, \"\xc3\xa9\"]}'), ('null'), (NULL)"},
        {"jsonb", "JSON", "('{\"a\": [1, null, \"\\u00e9\"]}'), ('[]'), ('1e3'), (NULL)"},
        {"oid", "UINTEGER", "(0), (4294967295)"},
        {"integer[]", "INTEGER[]", "('{}'), ('{1,NULL,-3}'), (NULL)"},
        {"text[]", "VARCHAR[]", "('{}'), ('{a,\"b,c\",NULL,\"\"}'), (NULL)"},
        {"numeric(9,2)[]", "DECIMAL(9,2)[]", "('{1.50,NULL}'), (NULL)"},
        {"timestamptz[]", "TIMESTAMPTZ[]", "('{2020-01-01 00:00:00+00,infinity}')"},
        {"boolean[]", "BOOLEAN[]", "('{t,f,NULL}')"},
        {"uuid[]", "UUID[]", "('{8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11}')"},
        {"inet", "VARCHAR", "('10.0.0.1/8'), (NULL)"},
        {"money", "VARCHAR", "('$1,234.50')"},
        {"time with time zone", "TIMETZ", "('12:34:56.000001+05:30'), ('00:00:00-15:59'), (NULL)"},
        {"int4range", "VARCHAR", "('[1,5)'), ('empty')"},
        {"point[]", "VARCHAR", "('{\"(1,2)\"}')"},
    };
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_chars)
        make = lt_format("DROP TABLE IF EXISTS a, b; CREATE TABLE a (n serial, v %s); "
                         "CREATE TABLE b (n integer, v %s); INSERT INTO a (v) VALUES %s",
                         cases[i].type, cases[i].type, cases[i].values);
        LT_AUTO(lt_chars)
        receive = lt_format("CREATE OR REPLACE TABLE t (n INTEGER, v %s)", cases[i].duckdb);
        run(&pg, make);
        run(&duck, receive);
        copy(&pg, "SELECT n, v FROM a ORDER BY n", &duck, "t", LT_OK, &err);
        copy(&duck, "FROM t ORDER BY n", &pg, "b", LT_OK, &err);
        LT_AUTO(lt_chars)
        wanted =
            ask(&pg,
                "SELECT string_agg(n || '=' || coalesce(v::text, 'NULL'), '; ' ORDER BY n) FROM a");
        LT_AUTO(lt_chars)
        got =
            ask(&pg,
                "SELECT string_agg(n || '=' || coalesce(v::text, 'NULL'), '; ' ORDER BY n) FROM b");
        CHECK_STR(got, wanted);
    }
}

/* From DuckDB into the type that lt_type_from_duckdb() says; the text there is what is wanted. */
Test(postgres, every_duckdb_type_has_a_column_that_holds_it)
{
    static const struct {
        const char *value, *type, *wanted;
    } cases[] = {
        {"true", "boolean", "true"},
        {"(-128)::TINYINT", "smallint", "-128"},
        {"255::UTINYINT", "smallint", "255"},
        {"65535::USMALLINT", "integer", "65535"},
        {"4294967295::UINTEGER", "bigint", "4294967295"},
        {"18446744073709551615::UBIGINT", "numeric(20,0)", "18446744073709551615"},
        {"(-99999999999999999999999999999999999999)::HUGEINT", "numeric(38,0)",
         "-99999999999999999999999999999999999999"},
        {"340282366920938463463374607431768211455::UHUGEINT", "numeric(39,0)",
         "340282366920938463463374607431768211455"},
        {"1.25::FLOAT", "real", "1.25"},
        {"12.30::DECIMAL(18,4)", "numeric(18,4)", "12.3000"},
        {"0.05::DECIMAL(4,2)", "numeric(4,2)", "0.05"},
        {"'2020-02-29 01:02:03'::TIMESTAMP_S", "timestamp without time zone",
         "2020-02-29 01:02:03"},
        {"'1969-12-31 23:59:59.999'::TIMESTAMP_MS", "timestamp without time zone",
         "1969-12-31 23:59:59.999"},
        {"'1969-12-31 23:59:59.999999001'::TIMESTAMP_NS", "timestamp without time zone",
         "1969-12-31 23:59:59.999999"},
        {"'12:34:56.789012345'::TIME_NS", "time without time zone", "12:34:56.789012"},
        {"'12:34:56+05:30'::TIMETZ", "time with time zone", "12:34:56+05:30"},
        {"'00:00:00-15:59:59'::TIMETZ", "time with time zone", "00:00:00-15:59:59"},
        {"INTERVAL '14 months 3 days 1 microsecond'", "interval",
         "1 year 2 mons 3 days 00:00:00.000001"},
        {"'b'::ENUM('a', 'b')", "text", "b"},
        {"'0101'::BIT", "text", "0101"},
        {"'010101010'::BIT", "text", "010101010"},
        {"'\\x00\\xFF'::BLOB", "bytea", "\\x00ff"},
        {"'{\"a\":1}'::JSON", "jsonb", "{\"a\": 1}"},
        {"NULL", "integer", "NULL"},
        {"[1, NULL, 3]", "jsonb", "[1, null, 3]"},
        {"[]::DATE[]", "jsonb", "[]"},
        {"[1.5::DOUBLE, 'nan'::DOUBLE, 1e300, 0.1]", "jsonb",
         "[1.5, \"NaN\", "
         "10000000000000000525047602552044202487044685811081591549158541151118024579889081957863713"
         "75080447854045104, 0.1]"},
        {"[1, 2]::INTEGER[2]", "jsonb", "[1, 2]"},
        {"{'a': 1, 'b c': ['x\"\\', NULL], 'd': DATE '2020-01-01'}", "jsonb",
         "{\"a\": 1, \"d\": \"2020-01-01\", \"b c\": [\"x\\\"\\\\\", null]}"},
        {"{'t': TIMESTAMP '2020-01-01 00:00:00.5', 'z': TIMESTAMPTZ '2020-01-01 00:00:00+00', "
         "'u': '8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11'::UUID, 'h': 1::HUGEINT, 'b': true, "
         "'d': -0.05::DECIMAL(4,2), 'e': 'a'::ENUM('a')}",
         "jsonb",
         "{\"b\": true, \"d\": -0.05, \"e\": \"a\", \"h\": 1, \"t\": \"2020-01-01 "
         "00:00:00.500000\", "
         "\"u\": \"8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11\", \"z\": \"2020-01-01 00:00:00+00\"}"},
        {"MAP {'k': [1], 'l': NULL}", "jsonb", "{\"k\": [1], \"l\": null}"},
        {"MAP {1: 'x'}", "jsonb", "{\"1\": \"x\"}"},
        {"[{'a': [{'b': NULL}]}, NULL]", "jsonb", "[{\"a\": [{\"b\": null}]}, null]"},
        {"union_value(k := 1)::UNION(k INTEGER, s VARCHAR)", "jsonb", "{\"k\": 1}"},
    };
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_arena) arena = {0};
        lt_columns columns = {0};
        lt_text type = {0};
        /* a row of NULL and one more of the value behind others, so that offsets count */
        LT_AUTO(lt_chars)
        select = lt_format(
            "SELECT v FROM (SELECT 1 AS n, NULL AS v UNION ALL SELECT 2, %s UNION ALL SELECT "
            "3, %s) ORDER BY n",
            cases[i].value, cases[i].value);
        LT_AUTO(lt_chars) typed = lt_format("SELECT %s AS v", cases[i].value);
        CHECK_OK(lt_query_columns(duck.session, lt_text_of(typed), &arena, &columns, &err), err);
        CHECK_OK(lt_type_from_duckdb(pg.engine, columns.items[0].type, &arena, &type, &err), err);
        CHECK_TEXT(type, cases[i].type);
        LT_AUTO(lt_chars)
        make = lt_format("DROP TABLE IF EXISTS d; CREATE TABLE d (v %.*s)", LT_ARG(type));
        run(&pg, make);
        copy(&duck, select, &pg, "d", LT_OK, &err);
        LT_AUTO(lt_chars) got = ask(&pg, "SELECT max(v::text) FROM d");
        LT_AUTO(lt_chars) low = ask(&pg, "SELECT min(v::text) FROM d");
        if (!lt_has(cases[i].value, "1e300"))
            CHECK_STR(got, cases[i].wanted);
        CHECK_STR(low, got);
        LT_AUTO(lt_chars) nulls = ask(&pg, "SELECT count(*) - count(v) FROM d");
        CHECK_STR(nulls, strcmp(cases[i].value, "NULL") == 0 ? "3" : "1");
    }
}

Test(postgres, the_server_casts_what_cannot_be_sent_as_the_columns_type)
{
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&pg, "DROP TABLE IF EXISTS c; CREATE TABLE c (d date, n numeric(6,2), i integer, e text, "
             "v varchar(3), s bigint DEFAULT 9)");
    copy(&duck,
         "SELECT '2020-02-29' AS d, 1.239::DOUBLE AS n, '42' AS i, 7 AS e, 12::SMALLINT AS v", &pg,
         "c", LT_OK, &err);
    LT_AUTO(lt_chars) got = ask(&pg, "SELECT c::text FROM c");
    CHECK_STR(got, "(2020-02-29,1.24,42,7,12,9)");
    copy(&duck, "SELECT 'no date' AS d", &pg, "c", LT_FAILED, &err);
    CHECK_HAS(err.message, "no date");
    LT_AUTO(lt_chars) rows = ask(&pg, "SELECT count(*) FROM c");
    CHECK_STR(rows, "1");
}

Test(postgres, a_value_that_cannot_be_stored_is_told_with_column_and_row)
{
    static const struct {
        const char *select, *wanted;
    } cases[] = {
        {"SELECT range AS a, CASE WHEN range = 70000 THEN 'x' || chr(0) ELSE 'y' END AS s FROM "
         "range(100000)",
         "column 's', row 70001: the text holds a NUL byte"},
        {"SELECT range::BIGINT * 100000 AS a FROM range(100000)",
         "column 'a', row 21476: the value does not fit"},
    };
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&pg, "DROP TABLE IF EXISTS f; CREATE TABLE f (a integer, s text)");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        copy(&duck, cases[i].select, &pg, "f", LT_FAILED, &err);
        CHECK_HAS(err.message, cases[i].wanted);
        LT_AUTO(lt_chars) rows = ask(&pg, "SELECT count(*) FROM f");
        CHECK_STR(rows, "0");
    }
}

Test(postgres, an_error_of_the_server_ends_a_load_at_once)
{
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    int64_t rows = 0;
    double fraction;
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&pg, "DROP TABLE IF EXISTS g; CREATE TABLE g (a bigint CHECK (a <> 5))");
    copy(&duck, "SELECT range AS a FROM range(50000000)", &pg, "g", LT_FAILED, &err);
    CHECK_HAS(err.message, "violates check constraint");
    CHECK_HAS(err.hint, "line 6");
    lt_session_progress(pg.session, &rows, &fraction);
    CHECK(rows < 20000000);
}

Test(postgres, an_error_of_the_source_loads_nothing)
{
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&pg, "DROP TABLE IF EXISTS h; CREATE TABLE h (a text)");
    copy(&duck,
         "SELECT CASE WHEN range > 190000 THEN error('bad row') ELSE 'x' END AS a FROM "
         "range(200000)",
         &pg, "h", LT_FAILED, &err);
    CHECK_HAS(err.message, "bad row");
    LT_AUTO(lt_chars) rows = ask(&pg, "SELECT count(*) FROM h");
    CHECK_STR(rows, "0");
}

Test(postgres, duckdb_cannot_hold_everything_and_says_what)
{
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&duck, "CREATE TABLE t (v VARCHAR)");
    copy(&pg, "SELECT 1.5::numeric(4,1) AS v UNION ALL SELECT 'NaN'::numeric(4,1)", &duck, "t",
         LT_FAILED, &err);
    CHECK_HAS(err.message, "column 'v', row 2: NaN");
    copy(&pg, "SELECT '{{1,2},{3,4}}'::int[] AS v", &duck, "t", LT_FAILED, &err);
    CHECK_HAS(err.message, "several dimensions");
    LT_AUTO(lt_chars) rows = ask(&duck, "SELECT count(*) FROM t");
    CHECK_STR(rows, "0");
}

Test(postgres, knows_its_backend)
{
    LT_AUTO(side) pg = {0};
    int pid = 0;
    char started[64];
    start(&pg, "postgres");
    CHECK(lt_session_backend(pg.session, &pid, started));
    LT_AUTO(lt_chars)
    sql = lt_format(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND backend_start::text = '%s' AND "
        "application_name = 'leat'",
        pid, started);
    LT_AUTO(lt_chars) found = ask(&pg, sql);
    CHECK_STR(found, "1");
    LT_AUTO(lt_chars) zone = ask(&pg, "SHOW TimeZone");
    CHECK_STR(zone, "UTC");
}

Test(postgres, never_shows_the_password)
{
    static const char *const urls[] = {
        "postgresql://u:hunter2secret@localhost:1/db?connect_timeout=2",
        "host=/nowhere user=u password=hunter2secret",
        "postgresql://u:hunter2secret@[bad/db",
        "postgresql://u@localhost:1/db?password=hunter2secret&nonsense=hunter2secret",
    };
    for (size_t i = 0; i < LT_COUNT(urls); i++) {
        lt_err err = {0};
        lt_engine *engine = NULL;
        lt_session *session = NULL;
        lt_target target = {.name = "prod", .kind = "postgres", .url = urls[i]};
        lt_status status = lt_engine_open(&target, &engine, &err);
        if (status == LT_OK)
            status = lt_session_open(engine, &session, &err);
        CHECK(status == LT_IO || status == LT_INVALID);
        CHECK_HAS(err.message, "prod");
        CHECK(!lt_has(err.message, "hunter2") && !lt_has(err.hint, "hunter2"));
        lt_engine_close(engine);
    }
    lt_mask_forget_all();
}

Test(postgres, a_copy_to_the_client_as_a_statement_is_refused_and_the_session_lives)
{
    static const char *const statements[] = {"COPY (SELECT generate_series(1, 100000)) TO STDOUT",
                                             "CREATE TEMP TABLE z (a int); COPY z FROM STDIN"};
    LT_AUTO(side) pg = {0};
    start(&pg, "postgres");
    for (size_t i = 0; i < LT_COUNT(statements); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_exec(pg.session, lt_text_of(statements[i]), NULL, &err), LT_INVALID, err);
        LT_AUTO(lt_chars) one = ask(&pg, "SELECT 1");
        CHECK_STR(one, "1");
    }
}

Test(postgres, streams_what_is_no_select)
{
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    lt_err err = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    run(&duck, "CREATE TABLE t (v VARCHAR)");
    run(&pg, "DROP TABLE IF EXISTS r; CREATE TABLE r (a int)");
    lt_relation table = {.name = T("t")};
    lt_text name = T("v");
    lt_texts names = {.items = &name, .len = 1};
    static const char *const statements[] = {"SHOW TimeZone",
                                             "INSERT INTO r VALUES (1) RETURNING a",
                                             "-- a\n/* b */ VALUES ('x')", "EXPLAIN SELECT 1"};
    for (size_t i = 0; i < LT_COUNT(statements); i++) {
        LT_AUTO(lt_stream) stream = {0};
        CHECK_OK(lt_query(pg.session, lt_text_of(statements[i]), NULL, 0, &stream, &err), err);
        CHECK_OK(lt_ingest(duck.session, &table, &names, &stream, NULL, &err), err);
    }
    LT_AUTO(lt_chars) got = ask(&duck, "SELECT string_agg(v, '|') FROM t");
    CHECK_HAS(got, "UTC|1|x|Result");
    lt_stream none = {0};
    CHECK_STATUS(lt_query(pg.session, T("DELETE FROM r"), NULL, 0, &none, &err), LT_INVALID, err);
}

/* COPY of the relation itself would leave rows or columns out of most of these, or be refused. */
Test(postgres, all_of_a_relation_is_all_of_it_whatever_kind_it_is)
{
    static const char *const makes[] = {
        "CREATE SCHEMA kinds; CREATE TABLE kinds.\"Odd \"\"name\"\" \" (a int, b int)",
        "CREATE TABLE kinds.made (a int, b int GENERATED ALWAYS AS (a + 1) STORED)",
        "CREATE TABLE kinds.parent (a int, b int); CREATE TABLE kinds.child () INHERITS "
        "(kinds.parent); INSERT INTO kinds.child VALUES (1, 2)",
        "CREATE TABLE kinds.parted (a int, b int) PARTITION BY LIST (a); CREATE TABLE "
        "kinds.part1 PARTITION OF kinds.parted DEFAULT; INSERT INTO kinds.parted VALUES (1, 2)",
        "CREATE VIEW kinds.seen AS SELECT 1 AS a, 2 AS b",
        "CREATE MATERIALIZED VIEW kinds.kept AS SELECT 1 AS a, 2 AS b",
        "CREATE TABLE kinds.fewer (gone text, a int, b int); ALTER TABLE kinds.fewer DROP gone",
        "INSERT INTO kinds.\"Odd \"\"name\"\" \" VALUES (1, 2); INSERT INTO kinds.made VALUES (1); "
        "INSERT INTO kinds.fewer VALUES (1, 2)",
    };
    static const char *const asks[] = {
        "SELECT * FROM kinds.\"Odd \"\"name\"\" \"",
        "select * from kinds.made",
        "SELECT *\nFROM kinds.parent;",
        "SELECT * FROM kinds.parted",
        "SELECT * FROM kinds.seen",
        "SELECT * FROM kinds.kept",
        "SELECT*FROM kinds.fewer",
        "SELECT * FROM kinds.fewer f LIMIT 1",
        "SELECT * FROM kinds.fewer -- all",
        "SELECT a, b FROM kinds.fewer",
    };
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) duck = {0};
    start(&pg, "postgres");
    start(&duck, "duckdb");
    for (size_t i = 0; i < LT_COUNT(makes); i++)
        run(&pg, makes[i]);
    for (size_t i = 0; i < LT_COUNT(asks); i++) {
        lt_err err = {0};
        run(&duck, "CREATE OR REPLACE TABLE r (a INTEGER, b INTEGER)");
        copy(&pg, asks[i], &duck, "r", LT_OK, &err);
        LT_AUTO(lt_chars)
        got = ask(&duck, "SELECT count(*) || ': ' || sum(a) || ', ' || sum(b) FROM r");
        CHECK_STR(got, "1: 1, 2");
    }
    run(&pg, "DROP SCHEMA kinds CASCADE");
}
