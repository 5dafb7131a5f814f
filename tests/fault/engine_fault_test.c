/* The server goes away: in the middle of a COPY in and out, and before a statement. Nothing is half-loaded. */
#include "base/time.h"
#include "engine/engine.h"
#include "support/postgres.h"
#include "support/test.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

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

static void start(side *self, const char *kind, const char *url)
{
    lt_err err = {0};
    self->target = (lt_target){.name = "test",
                               .kind = kind,
                               .path = ":memory:",
                               .url = url,
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
    return lt_text_dup(lt_table_cell(&table, 0, 0));
}

/* Strikes once the watched session has moved some rows. */
typedef struct blow {
    side *watched;
    int pid;            /* gets SIGKILL, or */
    lt_session *victim; /* is cancelled */
    bool struck;
} blow;

static void *strike(void *argument)
{
    blow *self = argument;
    int64_t rows = 0, until_us = lt_mono_us() + 60000000;
    double fraction;
    while (rows < 50000 && lt_mono_us() < until_us) {
        (void)usleep(1000);
        lt_session_progress(self->watched->session, &rows, &fraction);
    }
    self->struck = rows >= 50000;
    if (self->pid)
        (void)kill(self->pid, SIGKILL);
    else
        lt_session_cancel(self->victim);
    return NULL;
}

static int backend(side *self)
{
    int pid = 0;
    char started[64];
    CHECK(lt_session_backend(self->session, &pid, started));
    return pid;
}

/* 2 * 10^9 rows, made as they are sent: none of these copies ends by itself. */
static const char duckdb_rows[] = "SELECT range AS a FROM range(2000000000)";
static const char postgres_rows[] = "SELECT generate_series(1, 2000000000) AS a";

static lt_status copy_under(side *from, const char *select, side *to, blow *hit, lt_err *err)
{
    pthread_t thread;
    lt_relation relation = {.name = T("t")};
    CHECK_INT(pthread_create(&thread, NULL, strike, hit), 0);
    lt_status status =
        lt_copy(from->session, lt_text_of(select), to->session, &relation, NULL, err);
    (void)pthread_join(thread, NULL);
    CHECK(hit->struck);
    return status;
}

/* Killing a backend with -9 makes the whole server restart: it must be one of our own. */
Test(fault_engine, a_server_that_dies_during_a_load_has_none_of_it)
{
    char *dir = NULL;
    LT_AUTO(lt_chars) url = lt_test_postgres_own(&dir);
    LT_AUTO(lt_chars) owned_dir LT_UNUSED = dir;
    {
        LT_AUTO(side) duck = {0};
        LT_AUTO(side) pg = {0};
        lt_err err = {0};
        start(&duck, "duckdb", NULL);
        start(&pg, "postgres", url);
        run(&pg,
            "SET synchronous_commit = on; CREATE TABLE t (a bigint)"); /* it outlives the crash */
        blow hit = {.watched = &pg, .pid = backend(&pg)};
        CHECK_STATUS(copy_under(&duck, duckdb_rows, &pg, &hit, &err), LT_IO, err);
        CHECK_STR(err.message, "connection to the server was lost");
        CHECK_STATUS(lt_exec(pg.session, T("SELECT 1"), NULL, &err), LT_IO, err);
        CHECK_STATUS(lt_session_begin(pg.session, &err), LT_IO, err);
        lt_session_rollback(pg.session);
        LT_AUTO(lt_chars) one = ask(&duck, "SELECT 1");
        CHECK_STR(one, "1");
    }
    LT_AUTO(side) again = {0};
    lt_err err = {0};
    again.target = (lt_target){.name = "test", .kind = "postgres", .url = url};
    CHECK_OK(lt_engine_open(&again.target, &again.engine, &err), err);
    int64_t until_us = lt_mono_us() + 30000000; /* it recovers first */
    while (lt_session_open(again.engine, &again.session, &err) != LT_OK && lt_mono_us() < until_us)
        (void)usleep(50000);
    LT_AUTO(lt_chars) rows = ask(&again, "SELECT count(*) FROM t");
    CHECK_STR(rows, "0");
    lt_test_postgres_stop(dir);
}

Test(fault_engine, a_server_that_dies_while_it_is_read_leaves_no_row_behind)
{
    char *dir = NULL;
    LT_AUTO(lt_chars) url = lt_test_postgres_own(&dir);
    LT_AUTO(lt_chars) owned_dir LT_UNUSED = dir;
    LT_AUTO(side) duck = {0};
    LT_AUTO(side) pg = {0};
    lt_err err = {0};
    start(&duck, "duckdb", NULL);
    start(&pg, "postgres", url);
    run(&duck, "CREATE TABLE t (a BIGINT)");
    blow hit = {.watched = &pg, .pid = backend(&pg)};
    CHECK_STATUS(copy_under(&pg, postgres_rows, &duck, &hit, &err), LT_IO, err);
    CHECK_STR(err.message, "connection to the server was lost");
    LT_AUTO(lt_chars) rows = ask(&duck, "SELECT count(*) FROM t");
    CHECK_STR(rows, "0");
    lt_test_postgres_stop(dir);
}

Test(fault_engine, a_terminated_backend_is_a_lost_connection)
{
    LT_AUTO(side) duck = {0};
    LT_AUTO(side) pg = {0};
    LT_AUTO(side) other = {0};
    lt_err err = {0};
    start(&duck, "duckdb", NULL);
    start(&pg, "postgres", lt_test_postgres());
    start(&other, "postgres", lt_test_postgres());
    LT_AUTO(lt_chars) kill_it = lt_format("SELECT pg_terminate_backend(%d)", backend(&pg));
    run(&other, kill_it);
    CHECK_STATUS(lt_exec(pg.session, T("SELECT 1"), NULL, &err), LT_IO, err);
    CHECK_STR(err.message, "connection to the server was lost");
}

Test(fault_engine, a_cancelled_copy_leaves_both_sides_usable_and_no_row)
{
    LT_AUTO(side) duck = {0};
    LT_AUTO(side) pg = {0};
    start(&duck, "duckdb", NULL);
    start(&pg, "postgres", lt_test_postgres());
    run(&duck, "CREATE TABLE t (a BIGINT)");
    run(&pg, "DROP TABLE IF EXISTS t; CREATE TABLE t (a bigint)");
    side *const ways[][2] = {{&duck, &pg}, {&pg, &duck}};
    for (size_t i = 0; i < 4; i++) {
        lt_err err = {0};
        side *from = ways[i / 2][0], *to = ways[i / 2][1];
        blow hit = {.watched = to, .victim = i % 2 ? from->session : to->session};
        CHECK_STATUS(copy_under(from, i / 2 ? postgres_rows : duckdb_rows, to, &hit, &err),
                     LT_CANCELLED, err);
        LT_AUTO(lt_chars) left = ask(to, "SELECT count(*) FROM t");
        LT_AUTO(lt_chars) alive = ask(from, "SELECT 1");
        CHECK_STR(left, "0");
        CHECK_STR(alive, "1");
    }
}

/* Cancels once no more rows go: the server sleeps over the first, and whoever sends waits for it. */
static void *cancel_when_stuck(void *argument)
{
    enum { STUCK = 20 };
    side *self = argument;
    int64_t rows = 0, before = 0, until_us = lt_mono_us() + 60000000;
    double fraction;
    for (int same = 0; same < STUCK && lt_mono_us() < until_us;) {
        (void)usleep(10000);
        lt_session_progress(self->session, &rows, &fraction);
        same = rows > 0 && rows == before ? same + 1 : 0;
        before = rows;
    }
    lt_session_cancel(self->session);
    return NULL;
}

Test(fault_engine, a_load_that_waits_for_the_server_is_cancelled_as_any_other)
{
    LT_AUTO(side) duck = {0};
    LT_AUTO(side) pg = {0};
    lt_err err = {0};
    pthread_t thread;
    lt_relation relation = {.name = T("slow")};
    start(&duck, "duckdb", NULL);
    start(&pg, "postgres", lt_test_postgres());
    run(&pg,
        "CREATE TABLE slow (a bigint); "
        "CREATE FUNCTION sleep_over_it() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'; "
        "CREATE TRIGGER slow BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION sleep_over_it()");
    CHECK_INT(pthread_create(&thread, NULL, cancel_when_stuck, &pg), 0);
    lt_status status =
        lt_copy(duck.session, lt_text_of(duckdb_rows), pg.session, &relation, NULL, &err);
    (void)pthread_join(thread, NULL);
    CHECK_STATUS(status, LT_CANCELLED, err);
    LT_AUTO(lt_chars) left = ask(&pg, "SELECT count(*) FROM slow");
    CHECK_STR(left, "0");
}

Test(fault_engine, a_load_that_the_server_stops_says_why)
{
    LT_AUTO(side) duck = {0};
    LT_AUTO(side) pg = {0};
    lt_err err = {0};
    lt_relation relation = {.name = T("late")};
    start(&duck, "duckdb", NULL);
    start(&pg, "postgres", lt_test_postgres());
    run(&pg, "CREATE TABLE late (a bigint); SET statement_timeout = '500ms'");
    CHECK_STATUS(lt_copy(duck.session, lt_text_of(duckdb_rows), pg.session, &relation, NULL, &err),
                 LT_FAILED, err);
    CHECK_STR(err.message, "canceling statement due to statement timeout");
}
