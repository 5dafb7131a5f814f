/* pg_session.h - what the files of the PostgreSQL back end share. */
#pragma once
#include "engine/engine_ops.h"
#include "engine/pgcopy.h"

#include <libpq-fe.h>

typedef struct pg_session {
    lt_session base;
    PGconn *connection;   /* owned */
    PGcancel *canceller;  /* owned */
    char started[64];     /* pg_stat_activity.backend_start of our backend */
    _Atomic bool running; /* a statement is under way: a cancel request makes sense */
} pg_session;

static inline pg_session *pg_session_of(lt_session *session)
{
    return (pg_session *)session;
}

typedef PGresult *pg_result;
LT_UNUSED static inline void pg_result_cleanup(pg_result *result)
{
    PQclear(*result);
}
typedef char *pg_chars; /* memory of libpq */
LT_UNUSED static inline void pg_chars_cleanup(pg_chars *memory)
{
    PQfreemem(*memory);
}

/* postgres.c: turn a failed result (NULL: the connection's own error) into *err, and the place into error_at when `sql` is
 * the caller's statement (empty: not his). */
lt_status lt_pg_fail(pg_session *self, const PGresult *result, lt_text sql, lt_err *err);
/* A connection with our settings for `target`, good or bad. */
PGconn *lt_pg_connect(const lt_target *target);
/* pg_wait.c: wait until PQgetResult() does not block; after some seconds, say for whose lock the statement waits. */
void lt_pg_await(const pg_session *self);
/* Wait until the server has said something (or is gone), which PQconsumeInput() has then read. Both waits repeat a cancel request
 * that may have come before the statement did: the server forgets those. */
void lt_pg_await_input(const pg_session *self);
/* Wait for the next result and give it when its status is `wanted`; else the error. NULL results are errors too. */
lt_status lt_pg_expect(pg_session *self, ExecStatusType wanted, lt_text sql, PGresult **out,
                       lt_err *err);
/* Read what is left of the statement under way, and drop it. */
void lt_pg_drain(pg_session *self);
/* Run statements of our own. */
lt_status lt_pg_run(pg_session *self, const char *sql, lt_err *err);
/* Run one statement with parameters; its rows. */
lt_status lt_pg_ask(pg_session *self, const char *sql, const char *const *values, int count,
                    PGresult **out, lt_err *err);
/* The names and types that a statement would give, without running it: a PGresult whose fields can be asked. It stays prepared
 * as the unnamed statement. */
lt_status lt_pg_describe(pg_session *self, lt_text sql, PGresult **out, lt_err *err);
/* LT_INVALID: a transaction is open. */
lt_status lt_pg_check_idle(const pg_session *self, lt_err *err);
/* LT_NOT_FOUND: no transaction is open. LT_FAILED: it can only be rolled back. */
lt_status lt_pg_check_open(const pg_session *self, lt_err *err);
void lt_pg_rollback(lt_session *session);
/* Names of the types of a result's columns, in `arena`. */
lt_status lt_pg_type_names(pg_session *self, const PGresult *result, lt_arena *arena,
                           lt_text *names, lt_err *err);
/* The parameters as NUL-terminated strings in `arena`. LT_INVALID: a NUL byte, too many. */
lt_status lt_pg_values(const lt_text *params, size_t count, lt_arena *arena, const char ***values,
                       lt_err *err);

/* pg_query.c */
lt_status lt_pg_query(lt_session *session, lt_text sql, const lt_text *params, size_t param_count,
                      lt_stream *out, lt_err *err);
lt_status lt_pg_query_table(lt_session *session, lt_text sql, const lt_text *params,
                            size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                            lt_table *out, lt_err *err);
lt_status lt_pg_script(lt_session *session, bool begins, lt_text sql, size_t *done, lt_arena *arena,
                       lt_table *out, lt_err *err);
/* pg_ingest.c */
lt_status lt_pg_ingest(lt_session *session, const lt_relation *table, const lt_texts *columns,
                       lt_stream *stream, int64_t *rows, lt_err *err);
