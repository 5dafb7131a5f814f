/* What every engine does alike: one body, run on DuckDB and on PostgreSQL. */
#include "base/time.h"
#include "engine/engine.h"
#include "engine/write.h"
#include "support/postgres.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct world {
    lt_target target;
    lt_engine *engine;
    lt_session *session, *other;
    lt_arena arena;
    bool is_postgres;
} world;

static void open_world(world *self, const char *kind, const char *schema)
{
    lt_err err = {0};
    self->is_postgres = strcmp(kind, "postgres") == 0;
    self->target = (lt_target){.name = "test",
                               .kind = kind,
                               .path = ":memory:",
                               .url = self->is_postgres ? lt_test_postgres() : NULL,
                               .threads = 2,
                               .memory_bytes = 256 * LT_MIB};
    CHECK_OK(lt_engine_open(&self->target, &self->engine, &err), err);
    CHECK_OK(lt_session_open(self->engine, &self->session, &err), err);
    CHECK_OK(lt_session_open(self->engine, &self->other, &err), err);
    LT_AUTO(lt_chars)
    fresh = lt_format("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", schema, schema);
    CHECK_OK(lt_exec(self->session, lt_text_of(fresh), NULL, &err), err);
    LT_AUTO(lt_chars) path = lt_format("SET search_path = '%s'", schema);
    CHECK_OK(lt_exec(self->session, lt_text_of(path), NULL, &err), err);
    CHECK_OK(lt_exec(self->other, lt_text_of(path), NULL, &err), err);
}

static void close_world(world *self)
{
    lt_session_close(self->session);
    lt_session_close(self->other);
    lt_engine_close(self->engine);
    lt_arena_cleanup(&self->arena);
}

/* check_<fact>(world *) becomes the tests duckdb_contract.<fact> and postgres_contract.<fact>, each in a schema of its own. */
#define CONTRACT(fact)                                                                             \
    static void check_##fact(world *self);                                                         \
    Test(duckdb_contract, fact)                                                                    \
    {                                                                                              \
        world here = {0};                                                                          \
        open_world(&here, "duckdb", #fact);                                                        \
        check_##fact(&here);                                                                       \
        close_world(&here);                                                                        \
    }                                                                                              \
    Test(postgres_contract, fact)                                                                  \
    {                                                                                              \
        world here = {0};                                                                          \
        open_world(&here, "postgres", #fact);                                                      \
        check_##fact(&here);                                                                       \
        close_world(&here);                                                                        \
    }                                                                                              \
    static void check_##fact(world *self)

static void run(lt_session *session, const char *sql)
{
    lt_err err = {0};
    CHECK_OK(lt_exec(session, lt_text_of(sql), NULL, &err), err);
}

static lt_text ask(world *self, const char *sql)
{
    lt_err err = {0};
    lt_table table = {0};
    CHECK_OK(lt_query_table(self->session, lt_text_of(sql), NULL, 0, 10, NULL, &self->arena, &table,
                            &err),
             err);
    CHECK_INT(table.row_count, 1);
    return lt_table_cell(&table, 0, 0);
}

CONTRACT(counts_the_rows_that_the_last_statement_changed)
{
    lt_err err = {0};
    int64_t rows = -1;
    CHECK_OK(lt_exec(self->session,
                     T("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2), (3); "
                       "UPDATE t SET a = a + 1 WHERE a > 1; -- done\n"),
                     &rows, &err),
             err);
    CHECK_INT(rows, 2);
    CHECK_OK(lt_exec(self->session, T("SELECT a FROM t"), &rows, &err), err);
    CHECK_INT(rows, 0);
    CHECK_OK(lt_exec(self->session, T("DELETE FROM t"), &rows, &err), err);
    CHECK_INT(rows, 3);
    CHECK_OK(lt_exec(self->session, T(""), &rows, &err), err);
    CHECK_INT(rows, 0);
}

CONTRACT(a_transaction_is_seen_by_others_once_committed)
{
    lt_err err = {0};
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_OK(lt_session_begin(self->other, &err), err);
    CHECK_STATUS(lt_session_begin(self->other, &err), LT_INVALID, err);
    run(self->other, "INSERT INTO t VALUES (1)");
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "0");
    CHECK_OK(lt_session_commit(self->other, &err), err);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "1");

    CHECK_OK(lt_session_begin(self->other, &err), err);
    run(self->other, "INSERT INTO t VALUES (2)");
    lt_session_rollback(self->other);
    lt_session_rollback(self->other);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "1");
    CHECK(lt_session_commit(self->other, &err) != LT_OK);
}

CONTRACT(work_lost_by_an_error_cannot_be_committed)
{
    lt_err err = {0};
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_OK(lt_session_begin(self->session, &err), err);
    run(self->session, "INSERT INTO t VALUES (1)");
    CHECK_STATUS(lt_exec(self->session, T("SELECT CAST('x' || a AS INTEGER) FROM t"), NULL, &err),
                 LT_FAILED, err);
    CHECK_STATUS(lt_session_commit(self->session, &err), LT_FAILED, err);
    lt_session_rollback(self->session);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "0");
}

CONTRACT(says_at_which_byte_an_error_is)
{
    static const char sql[] = "SELECT '\xc3\xa9\xe2\x82\xac' AS a,\n  no_such_column FROM t";
    lt_err err = {0};
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_STATUS(lt_exec(self->session, lt_text_of(sql), NULL, &err), LT_FAILED, err);
    CHECK_INT(lt_session_error_at(self->session), strstr(sql, "no_such") - sql);
    CHECK_HAS(err.message, "no_such_column");
    lt_stream stream = {0};
    CHECK_STATUS(lt_query(self->session, lt_text_of(sql), NULL, 0, &stream, &err), LT_FAILED, err);
    CHECK_INT(lt_session_error_at(self->session), strstr(sql, "no_such") - sql);
    lt_table table;
    CHECK_STATUS(lt_query_table(self->session, lt_text_of(sql), NULL, 0, 1, NULL, &self->arena,
                                &table, &err),
                 LT_FAILED, err);
    CHECK_INT(lt_session_error_at(self->session), strstr(sql, "no_such") - sql);
    run(self->session, "SELECT 1");
    CHECK_INT(lt_session_error_at(self->session), -1);
}

CONTRACT(keeps_the_hint_of_the_engine)
{
    lt_err err = {0};
    run(self->session, "CREATE TABLE t (customer_id INTEGER)");
    CHECK_STATUS(lt_exec(self->session, T("SELECT t.custmer_id FROM t"), NULL, &err), LT_FAILED,
                 err);
    CHECK_HAS(err.hint, "customer_id");
}

CONTRACT(shows_values_as_a_cast_to_text_does)
{
    static const char *const values[] = {
        "true",
        "NULL",
        "1.50::NUMERIC(9,2)",
        "DATE '2020-02-29'",
        "'it''s'",
        "''",
        "-7::BIGINT",
        "'8f14e45f-ceea-467f-ab1c-9d2f3b5a7c11'::UUID",
        "TIMESTAMP '2020-02-29 01:02:03.5'",
        "TIME '01:02:03'",
        "0.1::DOUBLE PRECISION",
    };
    for (size_t i = 0; i < LT_COUNT(values); i++) {
        LT_AUTO(lt_chars) plain = lt_format("SELECT %s", values[i]);
        LT_AUTO(lt_chars) cast = lt_format("SELECT CAST((%s) AS TEXT)", values[i]);
        lt_text got = ask(self, plain), wanted = ask(self, cast);
        CHECK((got.ptr == NULL) == (wanted.ptr == NULL));
        CHECK(lt_text_eq(got, wanted));
    }
}

CONTRACT(binds_parameters_as_texts)
{
    lt_err err = {0};
    lt_table table = {0};
    lt_text params[] = {T("2"), T("it's $1"), {0}, {.ptr = "", .len = 0}};
    run(self->session,
        "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    CHECK_OK(lt_query_table(self->session,
                            T("SELECT b, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT) "
                              "FROM t WHERE a = $1"),
                            params, 4, 10, NULL, &self->arena, &table, &err),
             err);
    CHECK_INT(table.row_count, 1);
    CHECK_TEXT(lt_table_cell(&table, 0, 0), "y");
    CHECK_TEXT(lt_table_cell(&table, 0, 1), "it's $1");
    CHECK(lt_table_cell(&table, 0, 2).ptr == NULL);
    CHECK(lt_table_cell(&table, 0, 3).ptr != NULL);
    CHECK(lt_query_table(self->session, T("SELECT b FROM t WHERE a = $1"), NULL, 0, 10, NULL,
                         &self->arena, &table, &err) != LT_OK);
}

CONTRACT(cuts_a_result_at_its_limit)
{
    lt_err err = {0};
    lt_table table = {0};
    bool more = false;
    run(self->session, "CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3");
    lt_text sql = T("SELECT a FROM t ORDER BY a");
    CHECK_OK(lt_query_table(self->session, sql, NULL, 0, 2, &more, &self->arena, &table, &err),
             err);
    CHECK_INT(table.row_count, 2);
    CHECK(more);
    CHECK_OK(lt_query_table(self->session, sql, NULL, 0, 3, &more, &self->arena, &table, &err),
             err);
    CHECK(!more);
    CHECK_STATUS(lt_query_table(self->session, sql, NULL, 0, 2, NULL, &self->arena, &table, &err),
                 LT_TOO_BIG, err);
    CHECK_OK(lt_query_table(self->session, T("SELECT a FROM t WHERE a > 9"), NULL, 0, 2, &more,
                            &self->arena, &table, &err),
             err);
    CHECK_INT(table.row_count, 0);
    CHECK_INT(table.column_count, 1);
    CHECK_TEXT(table.names[0], "a");
}

CONTRACT(knows_relations_and_columns)
{
    lt_err err = {0};
    lt_relation_kind kind;
    lt_columns columns = {0};
    run(self->session, "CREATE TABLE t (a INTEGER NOT NULL, \"B \"\"c\" NUMERIC(9,2)); "
                       "CREATE VIEW v AS SELECT a FROM t");
    lt_relation table = {.name = T("t")}, view = {.name = T("v")}, none = {.name = T("none")};
    CHECK_OK(lt_relation_find(self->session, &table, &kind, &err), err);
    CHECK_INT(kind, LT_RELATION_TABLE);
    CHECK_OK(lt_relation_find(self->session, &view, &kind, &err), err);
    CHECK_INT(kind, LT_RELATION_VIEW);
    CHECK_OK(lt_relation_find(self->session, &none, &kind, &err), err);
    CHECK_INT(kind, LT_RELATION_NONE);
    CHECK_OK(lt_relation_columns(self->session, &table, &self->arena, &columns, &err), err);
    CHECK_INT(columns.len, 2);
    CHECK(columns.items[0].not_null && !columns.items[1].not_null);
    CHECK_TEXT(columns.items[1].name, "B \"c");
    CHECK_TEXT(columns.items[1].type, self->is_postgres ? "numeric(9,2)" : "DECIMAL(9,2)");
    CHECK_STATUS(lt_relation_columns(self->session, &none, &self->arena, &columns, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "none");

    CHECK_OK(lt_query_columns(self->session, T("SELECT a AS x, \"B \"\"c\" FROM t; "), &self->arena,
                              &columns, &err),
             err);
    CHECK_INT(columns.len, 2);
    CHECK_TEXT(columns.items[0].name, "x");
    CHECK_TEXT(columns.items[0].type, self->is_postgres ? "integer" : "INTEGER");
}

static lt_relation_kind kind_begun(world *self, lt_text schema, lt_text name)
{
    lt_err err = {0};
    lt_relation_kind kind = LT_RELATION_OTHER;
    const lt_relation relation = {.schema = schema, .name = name};
    CHECK_OK(lt_write_begin_look(self->session, &relation, &kind, &err), err);
    CHECK_OK(lt_session_commit(self->session, &err), err); /* there is a transaction to commit */
    return kind;
}

CONTRACT(begins_with_a_look_at_a_relation)
{
    lt_err err = {0};
    lt_relation_kind kind = LT_RELATION_OTHER;
    lt_text schema = T("begins_with_a_look_at_a_relation");
    run(self->session, "CREATE TABLE \"$1 t'\" (a INTEGER); CREATE VIEW v AS SELECT 1 AS a; "
                       "CREATE TABLE gone (a INTEGER)");
    CHECK_INT(kind_begun(self, schema, T("$1 t'")), LT_RELATION_TABLE);
    CHECK_INT(kind_begun(self, schema, T("v")), LT_RELATION_VIEW);
    CHECK_INT(kind_begun(self, (lt_text){0}, T("v")), LT_RELATION_VIEW);
    CHECK_INT(kind_begun(self, schema, T("none")), LT_RELATION_NONE);
    CHECK_INT(kind_begun(self, T("no such \" schema"), T("v")), LT_RELATION_NONE);

    const lt_relation gone = {.schema = schema, .name = T("gone")};
    CHECK_OK(lt_session_begin(self->session, &err), err);
    run(self->session, "CREATE TABLE kept (a INTEGER)");
    CHECK_STATUS(lt_write_begin_look(self->session, &gone, &kind, &err), LT_INVALID, err);
    CHECK_OK(lt_session_commit(self->session, &err), err); /* the one that was open still is */
    CHECK_INT(kind_begun(self, schema, T("kept")), LT_RELATION_TABLE);
}

/* Behind a pooler the next transaction may be another server's, which has not prepared what the first one has. */
CONTRACT(begins_where_nothing_is_prepared_any_more)
{
    lt_text schema = T("begins_where_nothing_is_prepared_any_more");
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_INT(kind_begun(self, schema, T("t")), LT_RELATION_TABLE);
    run(self->session, self->is_postgres ? "DEALLOCATE ALL" : "SELECT 1");
    CHECK_INT(kind_begun(self, schema, T("t")), LT_RELATION_TABLE);
    CHECK_INT(kind_begun(self, schema, T("none")), LT_RELATION_NONE);
}

static lt_status end_with(world *self, lt_ending *ending, lt_err *err)
{
    CHECK_OK(lt_session_begin(self->session, err), *err);
    return lt_session_end(self->session, ending, err);
}

CONTRACT(ends_a_transaction_with_statements)
{
    lt_err err = {0};
    lt_text schema = T("ends_a_transaction_with_statements");
    const lt_text made[] = {T("CREATE TABLE a (i INTEGER)"), T("ALTER TABLE a RENAME TO b")};
    const lt_text wrong[] = {T("CREATE TABLE c (i INTEGER)"), T("ALTER TABLE nobody RENAME TO d"),
                             T("CREATE TABLE e (i INTEGER)")};
    lt_ending ending = {.statements = made, .count = 2};
    CHECK_OK(end_with(self, &ending, &err), err);
    CHECK_INT((int)ending.done, 2);
    CHECK_INT(kind_begun(self, schema, T("b")), LT_RELATION_TABLE);

    ending = (lt_ending){.statements = wrong, .count = 3};
    CHECK_STATUS(end_with(self, &ending, &err), LT_FAILED, err);
    CHECK_HAS(err.message, "nobody");
    CHECK_INT((int)ending.done, 1);
    CHECK_INT(kind_begun(self, schema, T("c")), LT_RELATION_NONE); /* and no transaction is open */

    ending = (lt_ending){.statements = made, .count = 0};
    CHECK(lt_session_end(self->session, &ending, &err) != LT_OK); /* nothing to commit */
}

CONTRACT(says_who_would_go_along)
{
    lt_err err = {0};
    lt_text schema = T("says_who_would_go_along");
    const lt_relation read = {.schema = schema, .name = T("a \"view'")},
                      table = {.schema = schema, .name = T("t")},
                      last = {.schema = schema, .name = T("reader")};
    bool has = false;
    run(self->session,
        "CREATE TABLE t (i INTEGER); CREATE VIEW \"a \"\"view'\" AS SELECT i FROM t; "
        "CREATE VIEW reader AS SELECT i FROM \"a \"\"view'\"");
    CHECK_OK(lt_relation_has_readers(self->session, &table, &has, &err), err);
    CHECK(has);
    CHECK_OK(lt_relation_has_readers(self->session, &read, &has, &err), err);
    CHECK(has);
    CHECK_OK(lt_relation_has_readers(self->session, &last, &has, &err), err);
    CHECK(has == !self->is_postgres); /* else nobody can tell */
    lt_ending ending = {.left = &read};
    CHECK_OK(end_with(self, &ending, &err), err);
    CHECK(ending.has_readers);
    ending.left = &last;
    CHECK_OK(end_with(self, &ending, &err), err);
    CHECK(ending.has_readers == !self->is_postgres);
}

static void *wait_for_lock(void *context)
{
    world *self = context;
    lt_err err = {0};
    lt_relation_kind *kind = LT_NEW(&self->arena, lt_relation_kind);
    const lt_relation relation = {.schema = T("looks_when_the_lock_is_its_own"), .name = T("t")};
    CHECK_OK(lt_write_begin_look(self->other, &relation, kind, &err), err);
    lt_session_rollback(self->other);
    return kind;
}

/* What another transaction makes while this one waits is seen by it. */
CONTRACT(looks_when_the_lock_is_its_own)
{
    lt_err err = {0};
    pthread_t thread;
    void *kind = NULL;
    lt_relation_kind before = LT_RELATION_OTHER;
    const lt_relation relation = {.schema = T("looks_when_the_lock_is_its_own"), .name = T("t")};
    CHECK_OK(lt_write_begin_look(self->session, &relation, &before, &err), err);
    CHECK_INT(before, LT_RELATION_NONE);
    if (!self->is_postgres) { /* one process owns the file: there is no lock to wait for */
        lt_session_rollback(self->session);
        return;
    }
    CHECK_INT(pthread_create(&thread, NULL, wait_for_lock, self), 0);
    for (const char *waits = ""; strcmp(waits, "1") != 0; lt_sleep_us(2000))
        waits = lt_arena_str(&self->arena, ask(self, "SELECT count(*)::text FROM pg_locks WHERE "
                                                     "locktype = 'advisory' AND NOT granted AND "
                                                     "database = (SELECT oid FROM pg_database "
                                                     "WHERE datname = current_database())"));
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_OK(lt_session_commit(self->session, &err), err);
    CHECK_INT(pthread_join(thread, &kind), 0);
    CHECK_INT(*(lt_relation_kind *)kind, LT_RELATION_TABLE);
}

CONTRACT(quotes_whatever_a_name_holds)
{
    lt_err err = {0};
    lt_relation relation = {.schema = T("a \"b\"; --"), .name = T("se'lect")};
    LT_AUTO(lt_buf) sql = {0};
    CHECK_OK(lt_schema_create(self->session, relation.schema, &err), err);
    lt_buf_add_str(&sql, "CREATE TABLE ");
    lt_quote_relation(&relation, &sql);
    lt_buf_add_str(&sql, " AS SELECT ");
    lt_quote_literal(T("\\'; x"), &sql);
    lt_buf_add_str(&sql, " AS ");
    lt_quote_name(T("\"\""), &sql);
    run(self->session, sql.data);
    lt_relation_kind kind;
    CHECK_OK(lt_relation_find(self->session, &relation, &kind, &err), err);
    CHECK_INT(kind, LT_RELATION_TABLE);
    CHECK_TEXT(ask(self, "SELECT \"\"\"\"\"\" FROM \"a \"\"b\"\"; --\".\"se'lect\""), "\\'; x");
    run(self->session, "DROP SCHEMA \"a \"\"b\"\"; --\" CASCADE");
}

CONTRACT(one_session_reads_one_stream_at_a_time)
{
    lt_err err = {0};
    LT_AUTO(lt_stream) stream = {0};
    run(self->session, "CREATE TABLE t AS SELECT 1 AS a");
    CHECK_OK(lt_query(self->session, T("SELECT a FROM t"), NULL, 0, &stream, &err), err);
    CHECK_STATUS(lt_exec(self->session, T("SELECT 1"), NULL, &err), LT_INVALID, err);
    lt_stream_release(&stream);
    run(self->session, "SELECT 1");
}

CONTRACT(a_stream_left_early_frees_the_session)
{
    lt_err err = {0};
    lt_stream stream = {0};
    struct ArrowArray batch = {0};
    run(self->session, self->is_postgres
                           ? "CREATE TABLE t AS SELECT generate_series(1, 300000) AS a"
                           : "CREATE TABLE t AS SELECT range AS a FROM range(1, 300001)");
    CHECK_OK(lt_query(self->session, T("SELECT a, a AS b FROM t"), NULL, 0, &stream, &err), err);
    CHECK_OK(stream.next(&stream, &batch, &err), err);
    CHECK(batch.length > 0 && batch.n_children == 2);
    batch.release(&batch);
    lt_stream_release(&stream);
    lt_stream_release(&stream);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "300000");
}

CONTRACT(streams_rows_with_parameters)
{
    lt_err err = {0};
    LT_AUTO(lt_stream) stream = {0};
    struct ArrowArray batch = {0};
    lt_text param = T("2");
    run(self->session,
        "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'yy' UNION ALL "
        "SELECT 3, NULL");
    CHECK_OK(lt_query(self->session,
                      T("SELECT a, b FROM t WHERE a >= CAST($1 AS INTEGER) ORDER BY a"), &param, 1,
                      &stream, &err),
             err);
    CHECK_OK(stream.next(&stream, &batch, &err), err);
    CHECK_INT(batch.length, 2);
    CHECK_INT(((const int32_t *)batch.children[0]->buffers[1])[1], 3);
    CHECK_INT(batch.children[1]->null_count != 0, 1);
    CHECK(memcmp(batch.children[1]->buffers[2], "yy", 2) == 0);
    batch.release(&batch);
    CHECK_OK(stream.next(&stream, &batch, &err), err);
    CHECK(batch.release == NULL);
}

CONTRACT(copies_rows_into_the_named_columns)
{
    lt_err err = {0};
    int64_t rows = 0;
    run(self->session, "CREATE TABLE t (a BIGINT, b TEXT, c INTEGER DEFAULT 7)");
    run(self->session, "CREATE TABLE s AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL");
    lt_relation table = {.name = T("t")};
    CHECK_OK(lt_copy(self->other, T("SELECT b, a FROM s"), self->session, &table, &rows, &err),
             err);
    CHECK_INT(rows, 2);
    CHECK_TEXT(ask(self, "SELECT sum(a) + sum(c) + count(b) FROM t"), "18");
    CHECK_STATUS(
        lt_copy(self->other, T("SELECT b AS nope FROM s"), self->session, &table, &rows, &err),
        LT_FAILED, err);
    CHECK_HAS(err.message, "nope");
    CHECK_STATUS(
        lt_copy(self->other, T("SELECT 'x' AS a FROM s"), self->session, &table, &rows, &err),
        LT_FAILED, err);
    CHECK_STATUS(lt_copy(self->session, T("SELECT 1 AS a"), self->session, &table, &rows, &err),
                 LT_INVALID, err);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "2");
}

CONTRACT(a_copy_is_part_of_the_open_transaction)
{
    lt_err err = {0};
    lt_relation table = {.name = T("t")};
    run(self->session, "CREATE TABLE t (a INTEGER)");
    CHECK_OK(lt_session_begin(self->session, &err), err);
    CHECK_OK(lt_copy(self->other, T("SELECT 1 AS a"), self->session, &table, NULL, &err), err);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "1");
    lt_session_rollback(self->session);
    CHECK_TEXT(ask(self, "SELECT count(*) FROM t"), "0");
}

typedef struct canceller {
    lt_session *session;
    atomic_bool done;
} canceller;

/* Over and over, for a cancel before the statement has begun is for nobody. */
static void *cancel_until_done(void *state)
{
    canceller *self = state;
    while (!atomic_load(&self->done)) {
        lt_sleep_us(20000);
        lt_session_cancel(self->session);
    }
    return NULL;
}

CONTRACT(a_cancelled_statement_says_so_and_the_session_lives)
{
    lt_err err = {0};
    pthread_t thread;
    canceller other = {.session = self->session};
    lt_session_cancel(self->session);
    CHECK_TEXT(ask(self, "SELECT 1"), "1");
    CHECK_INT(pthread_create(&thread, NULL, cancel_until_done, &other), 0);
    lt_status status = lt_exec(
        self->session,
        self->is_postgres
            ? T("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
            : T("SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * 7 = "
                "b.range * 3"),
        NULL, &err);
    atomic_store(&other.done, true);
    (void)pthread_join(thread, NULL);
    CHECK_INT(status, LT_CANCELLED);
    CHECK_TEXT(ask(self, "SELECT 1"), "1");
}
