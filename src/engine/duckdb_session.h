/* duckdb_session.h - what the files of the DuckDB back end share. */
#pragma once
#include "engine/duckdb_lib.h"
#include "engine/engine_ops.h"

typedef struct duckdb_file
    duckdb_file; /* an open database, shared by the engines of this process that name it */

typedef struct duckdb_engine {
    lt_engine base;
    duckdb_file *file; /* counted */
} duckdb_engine;

typedef struct duckdb_session {
    lt_session base;
    duckdb_connection connection; /* owned */
    bool is_watched;              /* DuckDB counts the progress of statements */
} duckdb_session;

static inline duckdb_session *duckdb_session_of(lt_session *session)
{
    return (duckdb_session *)session;
}

/* duckdb_error.c: turn DuckDB's text (JSON, as our sessions ask for, or plain) into *err and session->error_at. `session` may be
 * NULL. */
lt_status lt_duckdb_fail(lt_session *session, const char *text, lt_err *err);
/* The same for the errors that have their own handle, which is destroyed. LT_OK when there is none. */
lt_status lt_duckdb_check(lt_session *session, duckdb_error_data error, lt_err *err);

/* duckdb.c: prepare the last statement of `sql` after running those before it, and bind. LT_INVALID: no statement at all. */
lt_status lt_duckdb_prepare(duckdb_session *self, lt_text sql, const lt_text *params,
                            size_t param_count, duckdb_prepared_statement *out, lt_err *err);
/* Start it; rows come from lt_duckdb_fetch(). */
lt_status lt_duckdb_start(duckdb_session *self, duckdb_prepared_statement prepared,
                          duckdb_result *out, lt_err *err);
/* Run it to its end, for what it changes. */
lt_status lt_duckdb_change(duckdb_session *self, duckdb_prepared_statement prepared, int64_t *rows,
                           lt_err *err);
/* The next chunk into *out, NULL at the end; the caller destroys it. */
lt_status lt_duckdb_fetch(duckdb_session *self, duckdb_result *result, duckdb_data_chunk *out,
                          lt_err *err);

/* duckdb_text.c: a type as CREATE TABLE writes it; LT_INVALID for one that this library's API cannot show. */
lt_status lt_duckdb_type_name(duckdb_logical_type type, lt_buf *out, lt_err *err);
lt_status lt_duckdb_query_table(lt_session *session, lt_text sql, const lt_text *params,
                                size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                                lt_table *out, lt_err *err);

/* duckdb_stream.c */
lt_status lt_duckdb_query(lt_session *session, lt_text sql, const lt_text *params,
                          size_t param_count, lt_stream *out, lt_err *err);
lt_status lt_duckdb_ingest(lt_session *session, const lt_relation *table, const lt_texts *columns,
                           lt_stream *stream, int64_t *rows, lt_err *err);

/* duckdb.c: whether DuckDB shall count progress: it costs a core while it waits for rows, so not for what we count ourselves. */
lt_status lt_duckdb_watch(duckdb_session *self, bool on, lt_err *err);
/* Run text of our own. */
lt_status lt_duckdb_run(duckdb_session *self, const char *sql, lt_err *err);
/* Whether a transaction is open. Fails when it is aborted. */
lt_status lt_duckdb_in_transaction(duckdb_session *self, bool *open, lt_err *err);
