/* Waits for what the server has to say, and tells for whom when it waits for another's lock. */
#include "base/log.h"
#include "base/time.h"
#include "engine/pg_session.h"

#include <poll.h>
#include <stdio.h>

static const int64_t FIRST_LOOK_US = 2 * (int64_t)1000000, LATER_LOOK_US = 30 * (int64_t)1000000,
                     CANCEL_AGAIN_US = 200000;

/* Names that other people gave their connections: nothing of them may move a terminal. */
static lt_text printable(const char *text, lt_arena *arena)
{
    char *copy = lt_arena_str(arena, lt_text_sub(lt_text_of(text), 0, 100));
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    return lt_text_of(copy);
}

static void say(const PGresult *found, int64_t waited_us)
{
    LT_AUTO(lt_arena) arena = {0};
    char length[LT_TIME_CHARS];
    int others = PQntuples(found) - 1;
    lt_text name = printable(PQgetvalue(found, 0, 1), &arena);
    LT_AUTO(lt_buf) more = {.limit = 100};
    if (others > 0)
        lt_buf_printf(&more, " and %d more", others);
    lt_log(
        LT_LOG_INFO,
        "waiting %s for a lock in PostgreSQL: pid %s ('%.*s', user %.*s, %.*s for %s s)%s holds it",
        lt_length_write(waited_us, length), PQgetvalue(found, 0, 0), LT_ARG(name),
        LT_ARG(printable(PQgetvalue(found, 0, 2), &arena)),
        LT_ARG(printable(PQgetvalue(found, 0, 3), &arena)), PQgetvalue(found, 0, 4),
        lt_buf_chars(&more));
}

/* On a connection of its own: ours is busy. When the server has none left, there is nothing to tell. */
static void look(const pg_session *self, int64_t waited_us)
{
    char pid[24];
    const char *values[] = {pid};
    (void)snprintf(pid, sizeof(pid), "%d", PQbackendPID(self->connection));
    PGconn *beside = lt_pg_connect(self->base.engine->target);
    LT_AUTO(pg_result) found = NULL;
    if (PQstatus(beside) == CONNECTION_OK)
        found = PQexecParams(
            beside,
            "SELECT pid, application_name, coalesce(usename, '?'), coalesce(state, 'at work'), "
            "coalesce(extract(epoch FROM now() - coalesce(state_change, query_start))::bigint, 0) "
            "FROM pg_catalog.pg_stat_activity "
            "WHERE pid = ANY (pg_catalog.pg_blocking_pids($1::int)) ORDER BY xact_start NULLS LAST",
            1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(found) == PGRES_TUPLES_OK && PQntuples(found) > 0)
        say(found, waited_us);
    PQfinish(beside);
}

/* Whether something came, within `wait_us`. */
static bool await_input(const pg_session *self, int64_t wait_us)
{
    char reason[256];
    struct pollfd server = {.fd = PQsocket(self->connection), .events = POLLIN};
    int64_t slice_us = LT_MIN(LT_MAX(wait_us, (int64_t)0), CANCEL_AGAIN_US);
    int ready = poll(&server, 1, (int)(slice_us / 1000) + 1);
    if (ready == 0 && atomic_load(&self->base.cancelled))
        (void)PQcancel(self->canceller, reason, sizeof(reason));
    return ready > 0;
}

void lt_pg_await(const pg_session *self)
{
    int64_t begun_us = lt_mono_us(), look_us = begun_us + FIRST_LOOK_US;
    while (PQisBusy(self->connection)) {
        bool ready = await_input(self, look_us - lt_mono_us());
        if (ready && !PQconsumeInput(self->connection))
            return; /* PQgetResult() says why */
        if (ready || lt_mono_us() < look_us)
            continue;
        look(self, lt_mono_us() - begun_us);
        look_us = lt_mono_us() + LATER_LOOK_US;
    }
}

void lt_pg_await_input(const pg_session *self)
{
    while (!await_input(self, CANCEL_AGAIN_US))
        continue;
    (void)PQconsumeInput(self->connection); /* PQgetCopyData() says why it did not */
}
