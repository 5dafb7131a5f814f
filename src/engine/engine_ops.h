/* engine_ops.h - what an engine must bring. For back ends and engine.c only; everybody else includes engine.h.
 *
 * engine.c has checked the arguments, cleared *error_at and the cancel flag, and made sure that no stream is open before it
 * calls one of these. A back end's structs start with the base structs below. */
#pragma once
#include "engine/engine.h"

#include <stdatomic.h>

typedef struct lt_engine_ops lt_engine_ops;

struct lt_engine {
    const lt_engine_ops *ops;
    const lt_target *target; /* borrowed from the caller */
};

/* Whether the statements that every node of a build needs are prepared: reading and planning them is half of what they cost. */
typedef enum lt_prepared {
    LT_PREPARED_NOT_YET,
    LT_PREPARED,
    LT_PREPARED_REFUSED /* the server has none, or another one behind a pooler answers: they are written out */
} lt_prepared;

struct lt_session {
    lt_engine *engine; /* borrowed */
    int64_t error_at;  /* byte offset in the last statement, or -1 */
    char tag[64];      /* the server's word for the last command: "INSERT 0 5"; may be empty */
    void (*waits)(void *user, bool begins); /* or NULL: around each call that asks the database */
    void *waits_user;
    lt_prepared prepared;
    bool streaming;            /* a stream of this session is not released yet */
    _Atomic bool cancelled;    /* lt_session_cancel() was called during this call */
    _Atomic int64_t rows_done; /* of the statement that runs; -1 is not known */
};

/* Capability bits. */
enum {
    LT_ENGINE_READS_FILES =
        1 << 0, /* lt_file_set_sql() works in its SQL, and write_parquet is there */
};

struct lt_engine_ops {
    const char *kind; /* "duckdb": as in leat.yml, and the folder of its statements below sql/ */
    const char *default_schema;
    unsigned capabilities;

    /* Required. They fill *out with a struct of their own; engine.c sets the base's fields. */
    lt_status (*open)(const lt_target *target, lt_engine **out, lt_err *err);
    void (*close)(lt_engine *engine);
    lt_status (*session_open)(lt_engine *engine, lt_session **out, lt_err *err);
    void (*session_close)(lt_session *session);

    lt_status (*exec)(lt_session *session, lt_text sql, int64_t *rows, lt_err *err);
    lt_status (*begin)(lt_session *session, lt_err *err);
    lt_status (*commit)(lt_session *session, lt_err *err); /* must fail when the work was lost */
    void (*rollback)(lt_session *session);
    /* Sets session->streaming on LT_OK, and the stream's release clears it. */
    lt_status (*query)(lt_session *session, lt_text sql, const lt_text *params, size_t param_count,
                       lt_stream *out, lt_err *err);
    lt_status (*query_table)(lt_session *session, lt_text sql, const lt_text *params,
                             size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                             lt_table *out, lt_err *err);
    lt_status (*query_columns)(lt_session *session, lt_text sql, lt_arena *arena, lt_columns *out,
                               lt_err *err);
    lt_status (*type_from_duckdb)(lt_text duckdb_type, lt_arena *arena, lt_text *out, lt_err *err);
    lt_status (*ingest)(lt_session *session, const lt_relation *table, const lt_texts *columns,
                        lt_stream *stream, int64_t *rows, lt_err *err);
    void (*cancel)(lt_session *session); /* from any thread */

    /* Optional: NULL says that there is no such thing. */
    void (*load_ahead)(void); /* does not wait for it */
    /* Several statements in one message, the first of which is BEGIN (`begins`) or the last COMMIT; the cells of the last that gives rows,
     * without names and types. *done: how many have been run. On failure no transaction is open. Who can do this has prepared
     * statements too (lt_session.prepared). */
    lt_status (*script)(lt_session *session, bool begins, lt_text sql, size_t *done,
                        lt_arena *arena, lt_table *out, lt_err *err);
    bool (*backend)(lt_session *session, int *pid, char started[64]);
    void (*progress)(lt_session *session, int64_t *rows, double *fraction);
    lt_status (*write_parquet)(lt_session *session, lt_text select, const char *path, int64_t *rows,
                               lt_err *err);
};

extern const lt_engine_ops lt_duckdb_ops;
extern const lt_engine_ops lt_postgres_ops;

/* Without white space and ';' at the end, so that it can stand in brackets (put a newline behind it: it may end in a comment). */
lt_text lt_sql_bare(lt_text sql);

/* The columns to fill: `columns`, or the names of the stream's fields. LT_INVALID when the counts differ. */
lt_status lt_ingest_names(const lt_texts *columns, const lt_stream *stream, lt_arena *arena,
                          lt_texts *out, lt_err *err);
/* Append `"a", "b"`. */
void lt_quote_names(const lt_texts *names, lt_buf *out);
