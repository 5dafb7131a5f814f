/* engine.h - a warehouse: run SQL in it, move tables in and out of it.
 *
 * An lt_engine is an open target, shared by all threads; an lt_session is one connection of it, for one thread at a time
 * (except lt_session_cancel). Only SQL, parameters, texts of small results and Arrow streams pass through here: never a
 * handle of the engine behind. Rows travel as Arrow batches (https://arrow.apache.org/docs/format/CDataInterface.html).
 *
 * Errors: LT_FAILED the SQL or the data is wrong (message is the engine's first line; err->hint its HINT; the place in the
 * statement is in lt_session_error_at()); LT_IO the server or the machine failed; LT_CANCELLED after lt_session_cancel(). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "engine/arrow.h"

/* What a connection needs; made from `targets:` of leat.yml. All borrowed for the life of the engine. */
typedef struct lt_target {
    const char *name;    /* "dev" */
    const char *kind;    /* "duckdb", "postgres" */
    const char *path;    /* duckdb: the file, or ":memory:" */
    const char *url;     /* postgres: a libpq URI or key=value string */
    const char *schema;  /* default schema of models; NULL is the engine's own ("main", "public") */
    size_t memory_bytes; /* duckdb: cap before it spills; 0 is 80% of what the machine has free */
    unsigned threads;    /* duckdb: worker threads; 0 is one for each core */
    const char *temp_folder; /* duckdb: where it spills; NULL: beside the file */
    bool read_only;          /* duckdb: open the file for reading only */
    bool keeps_date_order;   /* postgres: '01/02/2024' means what the server, role or database says;
                                else only YYYY-MM-DD and its like mean a date */
} lt_target;

typedef struct lt_engine lt_engine;
typedef struct lt_session lt_session;

LT_MUST_CHECK lt_status lt_engine_open(const lt_target *target, lt_engine **out, lt_err *err);
/* Begin to load the library that an engine of this kind needs, on a thread of its own, while the caller does something else. Nothing is opened;
 * what goes wrong is told by lt_engine_open(). */
void lt_engine_load_ahead(lt_text kind);
void lt_engine_close(lt_engine *engine); /* NULL is fine; after all its sessions */
LT_OWNED(lt_engine_ref, lt_engine *, lt_engine_close)

const lt_target *lt_engine_target(const lt_engine *engine);
const char *lt_engine_default_schema(const lt_engine *engine);

LT_MUST_CHECK lt_status lt_session_open(lt_engine *engine, lt_session **out, lt_err *err);
void lt_session_close(lt_session *session); /* NULL is fine; an open transaction is rolled back */
LT_OWNED(lt_session_ref, lt_session *, lt_session_close)
lt_engine *lt_session_engine(const lt_session *session);

/* Stop what the session is doing, from any thread; the call under way gives LT_CANCELLED. Harmless when idle. */
void lt_session_cancel(lt_session *session);
/* Whether that was asked since the last statement began: for who waits for something else in between. */
bool lt_session_is_cancelled(const lt_session *session);
/* Call `waits(user, true)` before the session waits for its database and `waits(user, false)` behind, on the thread that asks: who
 * holds a lock lets it go meanwhile. NULL ends that. */
void lt_session_on_wait(lt_session *session, void (*waits)(void *user, bool begins), void *user);

/* The byte offset in the last statement where the engine says the error is, or -1. */
int64_t lt_session_error_at(const lt_session *session);
/* postgres: the server's word for the last command that succeeded, "INSERT 0 5", "CREATE VIEW"; else empty. Lives until the next
 * statement. */
lt_text lt_session_tag(const lt_session *session);
/* postgres: the backend's pid and its start (pg_stat_activity.backend_start as text), to find it again after a crash. False
 * where there is no such thing. */
bool lt_session_backend(lt_session *session, int *pid, char started[64]);

/* Rows done so far by the statement that runs, for progress, from any thread; -1 if not known. `fraction` is 0 to 1, or
 * negative when not known. */
void lt_session_progress(lt_session *session, int64_t *rows, double *fraction);

/* ---- statements ---- */

/* Run one or several statements separated by ';'. `rows` (may be NULL) gets the rows that the last one changed. */
LT_MUST_CHECK lt_status lt_exec(lt_session *session, lt_text sql, int64_t *rows, lt_err *err);
LT_MUST_CHECK lt_status lt_session_begin(lt_session *session, lt_err *err);
/* LT_NOT_FOUND: PostgreSQL has no transaction, a statement ended it. */
LT_MUST_CHECK lt_status lt_session_commit(lt_session *session, lt_err *err);
void lt_session_rollback(
    lt_session *session); /* also fine without a transaction, or on a dead connection */

/* One statement whose rows are wanted, as a stream. The session is busy until the stream is released. `params` are bound
 * as text to $1, $2 ...; an item with a NULL ptr is NULL. The caller releases *out with lt_stream_release(). */
LT_MUST_CHECK lt_status lt_query(lt_session *session, lt_text sql, const lt_text *params,
                                 size_t param_count, lt_stream *out, lt_err *err);

/* A small result as texts, in an arena: the way to read a count, a list of columns, ten rows for a person. A NULL value has
 * a NULL ptr; everything else is what `value::text` gives. More than `row_limit` rows: cut, and *more says so (when given;
 * else LT_TOO_BIG). */
typedef struct lt_table {
    size_t column_count, row_count;
    lt_text *names; /* column_count */
    lt_text *types; /* as the engine names them */
    lt_text *cells; /* row after row */
} lt_table;
LT_MUST_CHECK lt_status lt_query_table(lt_session *session, lt_text sql, const lt_text *params,
                                       size_t param_count, size_t row_limit, bool *more,
                                       lt_arena *arena, lt_table *out, lt_err *err);
static inline lt_text lt_table_cell(const lt_table *table, size_t row, size_t column)
{
    return table->cells[row * table->column_count + column];
}

/* ---- what is there ---- */

typedef struct lt_relation {
    lt_text database; /* empty: the connection's own */
    lt_text schema;
    lt_text name;
} lt_relation;

typedef enum lt_relation_kind {
    LT_RELATION_NONE,
    LT_RELATION_TABLE,
    LT_RELATION_VIEW,
    LT_RELATION_OTHER
} lt_relation_kind;

typedef struct lt_column {
    lt_text name;
    lt_text type; /* as this engine writes it in CREATE TABLE */
    bool not_null;
} lt_column;
typedef LT_VEC(lt_column) lt_columns;

LT_MUST_CHECK lt_status lt_relation_find(lt_session *session, const lt_relation *relation,
                                         lt_relation_kind *kind, lt_err *err);
/* Can lt_session_begin_look() be asked for the relation? */
bool lt_session_can_begin_look(const lt_session *session, const lt_relation *relation);
/* In one message: begin a transaction, wait for its lock on the name `lock` (that of lt_write_lock()), and look for the relation behind
 * it, so that what others have committed meanwhile is seen. On failure no transaction is open. */
LT_MUST_CHECK lt_status lt_session_begin_look(lt_session *session, lt_text lock,
                                              const lt_relation *relation, lt_relation_kind *kind,
                                              lt_err *err);
/* What a transaction ends with. */
typedef struct lt_ending {
    const lt_text *statements; /* one each; they give no rows */
    size_t count;
    const lt_relation
        *left;        /* lt_relation_has_readers() of it before the commit; NULL: not asked */
    bool has_readers; /* filled */
    size_t done;      /* filled: how many of the statements were run */
} lt_ending;
/* Run the statements and commit, in one message where the engine can; lt_session_error_at() counts from the first one's beginning. On failure
 * no transaction is open. */
LT_MUST_CHECK lt_status lt_session_end(lt_session *session, lt_ending *ending, lt_err *err);
/* Would DROP ... CASCADE of the relation take others along? True also where the engine cannot say. */
LT_MUST_CHECK lt_status lt_relation_has_readers(lt_session *session, const lt_relation *relation,
                                                bool *has, lt_err *err);
/* A relation as the catalogue has it. */
typedef struct lt_relation_entry {
    lt_text name;
    lt_relation_kind kind;
    lt_text type; /* "table", "view", "materialized view", "foreign table" */
    int64_t rows,
        bytes; /* as the catalogue says, without a look into the table; -1: it does not know */
} lt_relation_entry;
typedef LT_VEC(lt_relation_entry) lt_relation_entries;

/* Tables and views of a schema by their names, but not what belongs to an extension; none when there is no such schema.
 * `database` may be empty: the connection's own. All in `arena`. */
LT_MUST_CHECK lt_status lt_relations_list(lt_session *session, lt_text database, lt_text schema,
                                          lt_arena *arena, lt_relation_entries *out, lt_err *err);
/* The columns of a relation, in order; LT_NOT_FOUND when it is not there. All in `arena`. */
LT_MUST_CHECK lt_status lt_relation_columns(lt_session *session, const lt_relation *relation,
                                            lt_arena *arena, lt_columns *out, lt_err *err);
/* The columns that a SELECT would give, without running it. */
LT_MUST_CHECK lt_status lt_query_columns(lt_session *session, lt_text sql, lt_arena *arena,
                                         lt_columns *out, lt_err *err);
LT_MUST_CHECK lt_status lt_schema_create(lt_session *session, lt_text schema,
                                         lt_err *err); /* if not there */

/* Append a quoted identifier, a relation ("schema"."name"), a string literal: safe for any bytes; a statement with a NUL is refused. */
void lt_quote_name(lt_text name, lt_buf *out);
void lt_quote_relation(const lt_relation *relation, lt_buf *out);
void lt_quote_literal(lt_text value, lt_buf *out);

/* ---- tables in bulk ---- */

/* The column type in this engine for a DuckDB type ("BIGINT", "STRUCT(a INTEGER)", "DECIMAL(18,3)"): itself in duckdb; in
 * postgres bigint, jsonb, numeric(18,3) ... The text is in `arena`. */
LT_MUST_CHECK lt_status lt_type_from_duckdb(lt_engine *engine, lt_text duckdb_type, lt_arena *arena,
                                            lt_text *out, lt_err *err);

/* Append a stream to an existing table: binary COPY in postgres, the appender in duckdb. Columns go by name: `columns` says
 * which table columns the stream's fields fill, in order (NULL: by the fields' own names). The rows become visible with the
 * session's transaction, all or none. The stream is consumed, not released. */
LT_MUST_CHECK lt_status lt_ingest(lt_session *session, const lt_relation *table,
                                  const lt_texts *columns, lt_stream *stream, int64_t *rows,
                                  lt_err *err);

/* Where the bytes of a table lie: for load and for writing files. */
typedef enum lt_file_format {
    LT_FILE_PARQUET,
    LT_FILE_NDJSON,
    LT_FILE_CSV,
    LT_FILE_JSON
} lt_file_format;

/* What a SELECT over files is, for engines that can read files themselves (lt_engine_reads_files()): appends a DuckDB
 * FROM-item `read_parquet([...])`. Partition values, when given, become constant columns; `union_by_name` fills columns that
 * only some files have with NULL. Column types apply to ndjson, json and csv (NULL: the engine guesses). */
typedef struct lt_file_set {
    lt_file_format format;
    const lt_texts *paths;     /* local paths */
    const lt_columns *columns; /* may be NULL */
    bool union_by_name;
} lt_file_set;
bool lt_engine_reads_files(const lt_engine *engine);
void lt_file_set_sql(const lt_file_set *files, lt_buf *out);

/* Write what a SELECT gives to one Parquet file (zstd), durably not: the store makes it so. duckdb only, else LT_INVALID. */
LT_MUST_CHECK lt_status lt_write_parquet(lt_session *session, lt_text select, const char *path,
                                         int64_t *rows, lt_err *err);

/* Run a SELECT in one session and append its rows to a table in another, which may be of another engine. No text between. */
LT_MUST_CHECK lt_status lt_copy(lt_session *from, lt_text select, lt_session *to,
                                const lt_relation *table, int64_t *rows, lt_err *err);
