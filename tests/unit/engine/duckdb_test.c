/* The DuckDB back end: types as text, errors with their place, files, streams, ingest. */
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "engine/engine.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct duck {
    lt_target target;
    lt_engine *engine;
    lt_session *session;
    lt_arena arena;
} duck;

static void duck_cleanup(duck *self)
{
    lt_session_close(self->session);
    lt_engine_close(self->engine);
    lt_arena_cleanup(&self->arena);
}

static void start_in(duck *self, const char *path)
{
    lt_err err = {0};
    self->target = (lt_target){
        .name = "test", .kind = "duckdb", .path = path, .memory_bytes = 128 * LT_MIB, .threads = 2};
    CHECK_OK(lt_engine_open(&self->target, &self->engine, &err), err);
    CHECK_OK(lt_session_open(self->engine, &self->session, &err), err);
}

static void start(duck *self)
{
    start_in(self, ":memory:");
}

static void run(duck *self, const char *sql)
{
    lt_err err = {0};
    CHECK_OK(lt_exec(self->session, lt_text_of(sql), NULL, &err), err);
}

static lt_table ask(duck *self, const char *sql)
{
    lt_err err = {0};
    lt_table table = {0};
    CHECK_OK(lt_query_table(self->session, lt_text_of(sql), NULL, 0, 1000, NULL, &self->arena,
                            &table, &err),
             err);
    return table;
}

#define CHECK_ASK(self, sql, wanted)                                                               \
    do {                                                                                           \
        lt_table table_ = ask((self), (sql));                                                      \
        CHECK_INT(table_.row_count, 1);                                                            \
        CHECK_TEXT(lt_table_cell(&table_, 0, 0), wanted);                                          \
    } while (0)

Test(duckdb, shows_every_type_as_duckdb_itself_casts_it)
{
    static const char *const values[] = {
        "true",
        "(-128)::TINYINT",
        "(-32768)::SMALLINT",
        "(-2147483648)::INTEGER",
        "(-9223372036854775808)::BIGINT",
        "255::UTINYINT",
        "65535::USMALLINT",
        "4294967295::UINTEGER",
        "18446744073709551615::UBIGINT",
        "(-170141183460469231731687303715884105728)::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "1.5::FLOAT",
        "'nan'::DOUBLE",
        "'-infinity'::DOUBLE",
        "0.1::DOUBLE",
        "12.3::DECIMAL(4,1)",
        "(-12345.67)::DECIMAL(9,2)",
        "123456789012.345::DECIMAL(18,3)",
        "(-99999999999999999999999999999999999999)::DECIMAL(38,0)",
        "DATE '1999-12-31'",
        "'infinity'::DATE",
        "'0044-03-15 (BC)'::DATE",
        "TIME '23:59:59.999999'",
        "'12:34:56+05:30'::TIMETZ",
        "'12:34:56.123456789'::TIME_NS",
        "TIMESTAMP '2020-02-29 01:02:03.000004'",
        "'infinity'::TIMESTAMP",
        "'2020-02-29 01:02:03'::TIMESTAMP_S",
        "'2020-02-29 01:02:03.004'::TIMESTAMP_MS",
        "'2020-02-29 01:02:03.000000004'::TIMESTAMP_NS",
        "'2020-02-29 01:02:03+02'::TIMESTAMPTZ",
        "INTERVAL '1 year 2 days 03:04:05.6'",
        "'b'::ENUM('a', 'b')",
        "'A\\xFF'::BLOB",
        "'01011'::BIT",
        "'8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11'::UUID",
        "'{\"a\": [1, null]}'::JSON",
        "[1, NULL, 3]",
        "[]::INTEGER[]",
        "['it''s', 'a, b', NULL]",
        "[[1], [], NULL]",
        "[1, 2]::INTEGER[2]",
        "{'a': 1, 'b c': [DATE '2020-01-01'], 'n': NULL::INTEGER}",
        "row(1, 'x')",
        "MAP {'k': 1, 'l': NULL}",
        "MAP {1: {'a': 'x'}}",
        "union_value(k := 1)::UNION(k INTEGER, s VARCHAR)",
        "(-123456789012345678901234567890123456789012345)::BIGNUM",
        "[1.50, 2.25]::DECIMAL(5,2)[]",
        "['8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11'::UUID]",
        "['a'::ENUM('a','b')]",
    };
    LT_AUTO(duck) self = {0};
    start(&self);
    for (size_t i = 0; i < LT_COUNT(values); i++) {
        LT_AUTO(lt_chars) typed = lt_format("SELECT %s AS v", values[i]);
        LT_AUTO(lt_chars) cast = lt_format("SELECT (%s)::VARCHAR", values[i]);
        LT_AUTO(lt_chars) type = lt_format("SELECT typeof(%s)", values[i]);
        lt_table got = ask(&self, typed), text = ask(&self, cast), name = ask(&self, type);
        CHECK_TEXT(lt_table_cell(&got, 0, 0), lt_table_cell(&text, 0, 0).ptr);
        LT_AUTO(lt_chars)
        again = lt_format("SELECT typeof(NULL::%s)",
                          lt_has(values[i], "row(") ? "INTEGER" : got.types[0].ptr);
        if (!lt_has(values[i], "row(")) {
            lt_table round = ask(&self, again);
            CHECK_TEXT(lt_table_cell(&round, 0, 0), lt_table_cell(&name, 0, 0).ptr);
        }
    }
}

Test(duckdb, tells_null_from_the_empty_text_and_keeps_nul_bytes)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_table table = ask(&self, "SELECT NULL, '', 'a' || chr(0) || 'b', NULL::INTEGER[]");
    CHECK(lt_table_cell(&table, 0, 0).ptr == NULL);
    CHECK(lt_table_cell(&table, 0, 1).ptr != NULL && lt_table_cell(&table, 0, 1).len == 0);
    CHECK(lt_text_eq(lt_table_cell(&table, 0, 2), T("a\0b")));
    CHECK(lt_table_cell(&table, 0, 3).ptr == NULL);
}

Test(duckdb, cuts_a_result_at_the_limit_and_says_so)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    lt_table table = {0};
    bool more = false;
    CHECK_OK(lt_query_table(self.session, T("SELECT range FROM range(5000)"), NULL, 0, 3000, &more,
                            &self.arena, &table, &err),
             err);
    CHECK(more);
    CHECK_INT(table.row_count, 3000);
    CHECK_TEXT(lt_table_cell(&table, 2999, 0), "2999");
    CHECK_OK(lt_query_table(self.session, T("SELECT range FROM range(3000)"), NULL, 0, 3000, &more,
                            &self.arena, &table, &err),
             err);
    CHECK(!more);
    CHECK_STATUS(lt_query_table(self.session, T("SELECT range FROM range(5)"), NULL, 0, 4, NULL,
                                &self.arena, &table, &err),
                 LT_TOO_BIG, err);
}

Test(duckdb, says_where_in_the_statement_an_error_is)
{
    static const struct {
        const char *sql, *at, *message, *hint;
    } cases[] = {
        {"SELECT foo FROM t", "foo",
         "Binder Error: Referenced column \"foo\" not found in FROM clause!",
         "Candidate bindings: \"a\""},
        {"SELECT 1;\nSELECT\n  '\xc3\xa9', zz FROM t", "zz",
         "Binder Error: Referenced column \"zz\"", ""},
        {"SELEC 1", "SELEC", "Parser Error: syntax error at or near \"SELEC\"", ""},
        {"SELECT * FROM tt", "tt", "Catalog Error: Table with name tt does not exist!",
         "Did you mean \"t\"?"},
        {"SELECT error('a\nLINE 1: b')", NULL, "Invalid Input Error: a", "LINE 1: b"},
        {"SELECT * FROM read_parquet('/nowhere/x.parquet')", "read_parquet",
         "IO Error: No files found", ""},
    };
    LT_AUTO(duck) self = {0};
    start(&self);
    run(&self, "CREATE TABLE t (a INTEGER)");
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_exec(self.session, lt_text_of(cases[i].sql), NULL, &err), LT_FAILED, err);
        CHECK_HAS(err.message, cases[i].message);
        CHECK_HAS(err.hint, cases[i].hint);
        const char *at = cases[i].at ? strstr(cases[i].sql, cases[i].at) : NULL;
        CHECK_INT(lt_session_error_at(self.session), at ? at - cases[i].sql : -1);
    }
    run(&self, "SELECT 1");
    CHECK_INT(lt_session_error_at(self.session), -1);
}

Test(duckdb, shows_plain_errors_when_the_user_switched_the_format)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    run(&self, "SET errors_as_json = false");
    CHECK_STATUS(lt_exec(self.session, T("SELECT foo FROM (SELECT 1 AS a)"), NULL, &err), LT_FAILED,
                 err);
    CHECK_STR(err.message, "Binder Error: Referenced column \"foo\" not found in FROM clause!");
    CHECK_STR(err.hint, "Candidate bindings: \"a\"");
}

Test(duckdb, runs_several_statements_and_counts_the_last)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    int64_t rows = -1;
    CHECK_OK(lt_exec(self.session,
                     T("CREATE TABLE t (a INTEGER); INSERT INTO t SELECT * FROM range(5);\n"
                       "UPDATE t SET a = a + 1 WHERE a > 2 -- two; of five"),
                     &rows, &err),
             err);
    CHECK_INT(rows, 2);
    CHECK_OK(lt_exec(self.session, T(" -- nothing\n;"), &rows, &err), err);
    CHECK_INT(rows, 0);
    CHECK_STATUS(lt_exec(self.session, T("SELECT 1\0"), &rows, &err), LT_INVALID, err);
}

Test(duckdb, commit_of_an_aborted_transaction_fails)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    run(&self, "CREATE TABLE t (a INTEGER)");
    CHECK_OK(lt_session_begin(self.session, &err), err);
    CHECK_STATUS(lt_session_begin(self.session, &err), LT_INVALID, err);
    run(&self, "INSERT INTO t VALUES (1)");
    CHECK_STATUS(lt_exec(self.session, T("SELECT error('no')"), NULL, &err), LT_FAILED, err);
    CHECK_STATUS(lt_session_commit(self.session, &err), LT_FAILED, err);
    lt_session_rollback(self.session);
    lt_session_rollback(self.session);
    CHECK_ASK(&self, "SELECT count(*) FROM t", "0");
}

Test(duckdb, never_loads_an_extension_from_the_network)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    CHECK_ASK(&self, "SELECT current_setting('autoinstall_known_extensions')", "false");
    CHECK_STATUS(
        lt_exec(self.session, T("SELECT * FROM 'https://example.org/a.parquet'"), NULL, &err),
        LT_FAILED, err);
    CHECK_HAS(err.message, "httpfs");
}

Test(duckdb, an_unknown_kind_is_told_with_the_nearest)
{
    lt_err err = {0};
    lt_engine *engine = NULL;
    lt_target target = {.name = "dev", .kind = "duckbd"};
    CHECK_STATUS(lt_engine_open(&target, &engine, &err), LT_INVALID, err);
    CHECK_HAS(err.hint, "duckdb");
}

Test(duckdb, a_file_that_was_never_made_to_its_end_is_made_anew_and_no_other_is_touched)
{
    lt_err err = {0};
    char half[8192] = {0};
    lt_engine *engine = NULL;
    LT_AUTO(lt_buf) left = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(folder, "half.duckdb");
    lt_target target = {.name = "t", .kind = "duckdb", .path = path};
    memcpy(half + 8, "DUCK", 4);
    CHECK_OK(lt_file_write(path, lt_text_at(half, sizeof(half)), 0600, &err), err);
    CHECK_OK(lt_engine_open(&target, &engine, &err), err);
    lt_engine_close(engine);
    half[8] = 'd'; /* somebody's own file */
    CHECK_OK(lt_file_write(path, lt_text_at(half, sizeof(half)), 0600, &err), err);
    CHECK(lt_engine_open(&target, &engine, &err) != LT_OK);
    CHECK_OK(lt_file_read(path, &left, &err), err);
    CHECK(lt_text_eq(lt_buf_text(&left), lt_text_at(half, sizeof(half))));
}

Test(duckdb, a_file_that_is_not_a_database_is_invalid_and_a_missing_one_not_found)
{
    lt_err err = {0};
    lt_engine *engine = NULL;
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "bad.duckdb");
    CHECK_OK(lt_file_write(path, T("garbage garbage garbage garbage garbage garbage garbage"), 0600,
                           &err),
             err);
    lt_target target = {.name = "dev", .kind = "duckdb", .path = path};
    CHECK_STATUS(lt_engine_open(&target, &engine, &err), LT_INVALID, err);
    CHECK_HAS(err.message, path);
    LT_AUTO(lt_chars) none = lt_format("%s.none", path);
    target.path = none;
    target.read_only = true;
    CHECK_STATUS(lt_engine_open(&target, &engine, &err), LT_NOT_FOUND, err);
}

Test(duckdb, two_engines_of_one_process_share_a_file)
{
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "a.duckdb");
    LT_AUTO(lt_chars) link = lt_path_join(lt_test_folder(), "b.duckdb");
    LT_AUTO(duck) one = {0};
    start_in(&one, path);
    CHECK_INT(symlink(path, link), 0);
    run(&one, "CREATE TABLE t AS SELECT 42 AS a");
    LT_AUTO(duck) two = {0};
    start_in(&two, link);
    CHECK_ASK(&two, "SELECT a FROM t", "42");
}

/* The other process: this program again would be a second test run, so a child of fork() before DuckDB's threads exist. */
Test(duckdb, a_file_in_use_names_the_process_that_has_it)
{
    int to_child[2], from_child[2];
    CHECK_INT(pipe(to_child), 0);
    CHECK_INT(pipe(from_child), 0);
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "held.duckdb");
    pid_t pid = fork();
    if (pid == 0) {
        lt_err err;
        char byte = 'x';
        lt_engine *engine = NULL;
        lt_target target = {.name = "child", .kind = "duckdb", .path = path, .threads = 1};
        if (lt_engine_open(&target, &engine, &err) != LT_OK)
            byte = '!';
        (void)!write(from_child[1], &byte, 1);
        (void)!read(to_child[0], &byte, 1);
        _exit(0);
    }
    char byte = 0;
    CHECK_INT(read(from_child[0], &byte, 1), 1);
    lt_err err = {0};
    lt_engine *engine = NULL;
    lt_target target = {.name = "dev", .kind = "duckdb", .path = path};
    lt_status status = lt_engine_open(&target, &engine, &err);
    (void)!write(to_child[1], &byte, 1);
    (void)waitpid(pid, NULL, 0);
    for (int i = 0; i < 2; i++) {
        (void)close(to_child[i]);
        (void)close(from_child[i]);
    }
    CHECK_INT(byte, 'x');
    CHECK_INT(status, LT_CONFLICT);
    LT_AUTO(lt_chars) wanted = lt_format("is in use by process %d", pid);
    CHECK_HAS(err.message, wanted);
    CHECK_HAS(err.message, path);
}

Test(duckdb, writes_parquet_and_reads_sets_of_files)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    int64_t rows = 0;
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) one = lt_format("%s/[1]*'s k=v.parquet", folder);
    LT_AUTO(lt_chars) two = lt_format("%s/two.parquet", folder);
    CHECK_OK(
        lt_write_parquet(self.session, T("SELECT 1 AS a, 'x' AS b -- first"), one, &rows, &err),
        err);
    CHECK_INT(rows, 1);
    CHECK_OK(
        lt_write_parquet(self.session, T("SELECT range AS a FROM range(10)"), two, &rows, &err),
        err);
    CHECK_INT(rows, 10);
    lt_text paths[] = {lt_text_of(one), lt_text_of(two)};
    lt_texts list = {.items = paths, .len = 2};
    lt_file_set files = {.format = LT_FILE_PARQUET, .paths = &list, .union_by_name = true};
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "SELECT count(*) || ' ' || count(b) || ' ' || sum(a) FROM ");
    lt_file_set_sql(&files, &sql);
    CHECK_ASK(&self, sql.data, "11 1 46");

    CHECK_STATUS(lt_write_parquet(self.session, T("SELECT nope"), two, &rows, &err), LT_FAILED,
                 err);
    CHECK_INT(lt_session_error_at(self.session), 7);
}

Test(duckdb, tells_the_columns_of_a_select_without_running_it)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    lt_columns columns = {0};
    CHECK_OK(lt_query_columns(self.session, T("SELECT 1 AS a, {'x': 1, 'Y z': [1.5]} AS s"),
                              &self.arena, &columns, &err),
             err);
    CHECK_INT(columns.len, 2);
    CHECK_TEXT(columns.items[0].type, "INTEGER");
    CHECK_TEXT(columns.items[1].name, "s");
    CHECK_TEXT(columns.items[1].type, "STRUCT(x INTEGER, \"Y z\" DECIMAL(2,1)[])");
    CHECK_OK(lt_query_columns(self.session, T("SELECT error('it ran') AS e"), &self.arena, &columns,
                              &err),
             err);
}

Test(duckdb, knows_relations_and_their_columns)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_columns columns = {0};
    CHECK_OK(lt_schema_create(self.session, T("my \"s"), &err), err);
    CHECK_OK(lt_schema_create(self.session, T("my \"s"), &err), err);
    run(&self, "CREATE TABLE \"my \"\"s\".t (a INTEGER NOT NULL, \"B c\" STRUCT(x INTEGER)); "
               "CREATE VIEW v AS SELECT 1::DECIMAL(9,2) AS d; CREATE TEMP TABLE tt (z DATE)");
    static const struct {
        lt_relation relation;
        lt_relation_kind kind;
        size_t columns;
        const char *type; /* of the last column */
    } cases[] = {
        {{.schema = T("my \"s"), .name = T("t")}, LT_RELATION_TABLE, 2, "STRUCT(x INTEGER)"},
        {{.schema = T("MY \"S"), .name = T("T")}, LT_RELATION_TABLE, 2, "STRUCT(x INTEGER)"},
        {{.database = T("memory"), .schema = T("main"), .name = T("v")},
         LT_RELATION_VIEW,
         1,
         "DECIMAL(9,2)"},
        {{.name = T("tt")}, LT_RELATION_TABLE, 1, "DATE"},
        {{.name = T("t")}, LT_RELATION_NONE, 0, NULL},
        {{.schema = T("none"), .name = T("v")}, LT_RELATION_NONE, 0, NULL},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        CHECK_OK(lt_relation_find(self.session, &cases[i].relation, &kind, &err), err);
        CHECK_INT(kind, cases[i].kind);
        CHECK_STATUS(
            lt_relation_columns(self.session, &cases[i].relation, &self.arena, &columns, &err),
            cases[i].type ? LT_OK : LT_NOT_FOUND, err);
        if (!cases[i].type)
            continue;
        CHECK_INT(columns.len, cases[i].columns);
        CHECK_TEXT(columns.items[columns.len - 1].type, cases[i].type);
        CHECK(columns.items[0].not_null == (columns.len == 2));
    }
}

Test(duckdb, binds_parameters_as_text)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    lt_table table = {0};
    lt_text params[] = {T("2"), T("it's"), {0}};
    run(&self, "CREATE TABLE t AS SELECT range AS a FROM range(5)");
    CHECK_OK(lt_query_table(self.session, T("SELECT a, $2, $3 IS NULL FROM t WHERE a = $1"), params,
                            3, 10, NULL, &self.arena, &table, &err),
             err);
    CHECK_TEXT(lt_table_cell(&table, 0, 0), "2");
    CHECK_TEXT(lt_table_cell(&table, 0, 1), "it's");
    CHECK_TEXT(lt_table_cell(&table, 0, 2), "true");
    CHECK_STATUS(lt_query_table(self.session, T("SELECT $1"), params, 3, 10, NULL, &self.arena,
                                &table, &err),
                 LT_INVALID, err);
}

Test(duckdb, reads_text_files_with_the_given_columns)
{
    static const struct {
        lt_file_format format;
        const char *name, *content;
    } cases[] = {
        {LT_FILE_NDJSON, "a.ndjson", "{\"a\":1,\"b\":[\"x\"]}\n{\"a\":2}\n"},
        {LT_FILE_JSON, "a.json", "[{\"a\":1,\"b\":[\"x\"]},{\"a\":2}]"},
        {LT_FILE_CSV, "a.csv", "a,b\n1,[x]\n2,\n"},
    };
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_column wanted[] = {{.name = T("a"), .type = T("DECIMAL(9,2)")},
                          {.name = T("b"), .type = T("VARCHAR[]")}};
    lt_columns columns = {.items = wanted, .len = 2};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        LT_AUTO(lt_buf) sql = {0};
        LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), cases[i].name);
        CHECK_OK(lt_file_write(path, lt_text_of(cases[i].content), 0600, &err), err);
        lt_text paths[] = {lt_text_of(path)};
        lt_texts list = {.items = paths, .len = 1};
        lt_file_set files = {.format = cases[i].format, .paths = &list, .columns = &columns};
        lt_buf_add_str(&sql, "SELECT sum(a) || ' ' || min(b)::VARCHAR FROM ");
        lt_file_set_sql(&files, &sql);
        CHECK_ASK(&self, sql.data, "3.00 [x]");
    }
}

Test(duckdb, a_stream_tells_of_an_error_in_its_middle)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    LT_AUTO(lt_stream) stream = {0};
    CHECK_OK(lt_query(self.session,
                      T("SELECT CASE WHEN range > 19000000 THEN error('row ' || range) ELSE '' END "
                        "FROM range(20000000)"),
                      NULL, 0, &stream, &err),
             err);
    CHECK_STATUS(lt_exec(self.session, T("SELECT 1"), NULL, &err), LT_INVALID, err);
    int64_t rows = 0;
    lt_status status = LT_OK;
    for (bool done = false; !done && status == LT_OK;) {
        struct ArrowArray batch = {0};
        status = stream.next(&stream, &batch, &err);
        done = !batch.release;
        rows += batch.length;
        if (batch.release)
            batch.release(&batch);
    }
    CHECK_INT(status, LT_FAILED);
    CHECK_HAS(err.message, "row 19");
    CHECK(rows > 0 && rows < 20000000);
}

typedef struct canceller {
    lt_session *session;
    atomic_bool done;
} canceller;

/* Over and over, for a cancel before the statement has begun is for nobody. */
static void *cancel_until_done(void *state)
{
    canceller *self = state;
    int64_t rows = -1;
    double fraction = -1;
    while (!atomic_load(&self->done)) {
        lt_sleep_us(20000);
        lt_session_progress(self->session, &rows, &fraction);
        lt_session_cancel(self->session);
    }
    return NULL;
}

Test(duckdb, a_long_statement_can_be_cancelled_and_the_session_lives_on)
{
    LT_AUTO(duck) self = {0};
    start(&self);
    lt_err err = {0};
    pthread_t thread;
    canceller other = {.session = self.session};
    lt_session_cancel(self.session);
    CHECK_ASK(&self, "SELECT 1", "1");
    CHECK_INT(pthread_create(&thread, NULL, cancel_until_done, &other), 0);
    lt_status status =
        lt_exec(self.session,
                T("SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * 7 "
                  "= b.range * 3"),
                NULL, &err);
    atomic_store(&other.done, true);
    (void)pthread_join(thread, NULL);
    CHECK_INT(status, LT_CANCELLED);
    CHECK_ASK(&self, "SELECT 2", "2");
}

static void copy(duck *from, const char *select, duck *to, const char *table, lt_status wanted)
{
    lt_err err = {0};
    lt_relation relation = {.name = lt_text_of(table)};
    CHECK_STATUS(lt_copy(from->session, lt_text_of(select), to->session, &relation, NULL, &err),
                 wanted, err);
}

Test(duckdb, copies_every_type_to_another_database_unchanged)
{
    static const char select[] =
        "SELECT i, CASE WHEN i % 3 > 0 THEN (i * 7)::HUGEINT * 10^20::HUGEINT END AS h, "
        "i::UHUGEINT AS uh, (i / 8)::DECIMAL(18,4) AS d, i % 2 = 0 AS b, "
        "CASE WHEN i % 5 > 0 THEN repeat('x', (i % 40)::INT) END AS s, "
        "md5(i::VARCHAR)::UUID AS u, [i, NULL, i + 1] AS l, "
        "CASE WHEN i % 4 > 0 THEN {'a': i, 'b': [i::VARCHAR]} END AS st, MAP {i::VARCHAR: i} AS m, "
        "DATE '1990-01-01' + (i % 20000)::INT AS da, TIMESTAMPTZ '1969-01-01 00:00:00Z' + INTERVAL "
        "(i) MINUTE AS tz, ('0' || repeat('10', (i % 9)::INT))::BIT AS bi, "
        "'12:00:00+01'::TIMETZ AS ttz, (i || '{}')::BLOB AS bl, INTERVAL (i) SECOND AS iv, "
        "CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END::ENUM('a', 'b') AS e, [i, i]::BIGINT[2] AS ar, "
        "to_json([i]) AS j FROM range(10000) r(i)";
    LT_AUTO(duck) one = {0};
    LT_AUTO(duck) two = {0};
    start(&one);
    start(&two);
    LT_AUTO(lt_chars) make = lt_format("CREATE TABLE t AS %s LIMIT 0", select);
    LT_AUTO(lt_chars)
    sum = lt_format("SELECT md5(string_agg(r::VARCHAR, ',' ORDER BY i)) FROM (%s) r", select);
    run(&two, make);
    copy(&one, select, &two, "t", LT_OK);
    lt_table wanted = ask(&one, sum);
    CHECK_ASK(&two, "SELECT md5(string_agg(r::VARCHAR, ',' ORDER BY i)) FROM t r",
              lt_table_cell(&wanted, 0, 0).ptr);
}

Test(duckdb, ingest_casts_texts_to_the_columns_types_and_fills_defaults)
{
    LT_AUTO(duck) one = {0};
    LT_AUTO(duck) two = {0};
    start(&one);
    start(&two);
    run(&two, "CREATE TABLE t (s STRUCT(x INTEGER, y VARCHAR), d DATE, n INTEGER DEFAULT 7)");
    copy(&one, "SELECT '2020-02-29' AS d, '{\"x\": 1, \"y\": \"z\"}'::JSON AS s", &two, "t", LT_OK);
    CHECK_ASK(&two, "SELECT t::VARCHAR FROM t", "{'s': {'x': 1, 'y': z}, 'd': 2020-02-29, 'n': 7}");
}

Test(duckdb, a_failed_ingest_leaves_no_row)
{
    LT_AUTO(duck) one = {0};
    LT_AUTO(duck) two = {0};
    lt_err err = {0};
    start(&one);
    start(&two);
    run(&two, "CREATE TABLE t (a INTEGER, s VARCHAR)");
    static const char late[] =
        "SELECT CASE WHEN i = 399999 THEN 'x' ELSE i::VARCHAR END AS a, repeat('y', 100) AS s "
        "FROM range(400000) r(i)";
    copy(&one, late, &two, "t", LT_FAILED);
    CHECK_ASK(&two, "SELECT count(*) FROM t", "0");

    CHECK_OK(lt_session_begin(two.session, &err), err);
    run(&two, "INSERT INTO t VALUES (1, 'kept only by a commit')");
    copy(&one, late, &two, "t", LT_FAILED);
    CHECK(lt_session_commit(two.session, &err) != LT_OK);
    lt_session_rollback(two.session);
    CHECK_ASK(&two, "SELECT count(*) FROM t", "0");

    copy(&one, "SELECT 1 AS nope", &two, "t", LT_FAILED);
    copy(&one, "SELECT 1 AS nope WHERE false", &two, "t", LT_FAILED);
}

Test(duckdb, an_ingest_is_part_of_the_open_transaction)
{
    LT_AUTO(duck) one = {0};
    LT_AUTO(duck) two = {0};
    lt_err err = {0};
    start(&one);
    start(&two);
    run(&two, "CREATE TABLE t (a BIGINT)");
    CHECK_OK(lt_session_begin(two.session, &err), err);
    copy(&one, "SELECT range AS a FROM range(300000)", &two, "t", LT_OK);
    lt_session_rollback(two.session);
    CHECK_ASK(&two, "SELECT count(*) FROM t", "0");
}

Test(duckdb, work_larger_than_its_memory_spills_and_finishes)
{
    LT_AUTO(duck) self = {0};
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "spill.duckdb");
    start_in(&self, path);
    run(&self,
        "SET memory_limit = '80MB'; SET threads = 1"); /* what each thread pins does not depend on the day */
    run(&self,
        "CREATE TABLE t AS SELECT hash(i) AS k, md5(i::VARCHAR) AS s FROM range(1500000) r(i)");
    CHECK_ASK(&self, "SELECT count(*) FROM (SELECT k, min(s), max(s) FROM t GROUP BY k ORDER BY 2)",
              "1500000");
    CHECK_ASK(&self, "SELECT count(*) FROM t JOIN t u ON t.s = u.s", "1500000");
}

Test(duckdb, rows_go_into_an_attached_database_and_the_search_path_stays)
{
    LT_AUTO(duck) one = {0};
    LT_AUTO(duck) two = {0};
    lt_err err = {0};
    start(&one);
    start(&two);
    run(&two, "ATTACH ':memory:' AS \"st age\"; CREATE SCHEMA \"st age\".s; CREATE TABLE \"st "
              "age\".s.t (a "
              "BIGINT); CREATE TABLE here (a BIGINT); CREATE SCHEMA own; CREATE TEMP TABLE tmp (a "
              "BIGINT)");
    static const lt_relation tables[] = {
        {.database = T("st age"), .schema = T("s"), .name = T("t")},
        {.name = T("here")},
        {.database = T("memory"), .schema = T("main"), .name = T("here")},
        {.database = T("temp"), .schema = T("main"), .name = T("tmp")},
    };
    static const char *const paths[] = {"main", "own"};
    for (size_t i = 0; i < 2 * LT_COUNT(tables); i++) {
        LT_AUTO(lt_chars) path = lt_format("SET search_path = '%s'", paths[i % 2]);
        run(&two, path);
        if (tables[i / 2].database.len == 0 && i % 2)
            continue;
        CHECK_OK(lt_copy(one.session, T("SELECT range AS a FROM range(10)"), two.session,
                         &tables[i / 2], NULL, &err),
                 err);
        CHECK_ASK(&two, "SELECT current_schema()", paths[i % 2]);
    }
    CHECK_ASK(&two, "SELECT count(*) FROM \"st age\".s.t", "20");
    CHECK_ASK(&two, "SELECT count(*) FROM memory.main.here", "30");
    CHECK_ASK(&two, "SELECT count(*) FROM temp.main.tmp", "20");
    CHECK_ASK(&two, "SELECT count(*) FROM duckdb_views() WHERE NOT internal", "0");
}
