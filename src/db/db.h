/* db.h - one SQLite file, for many threads and many processes.
 *
 * Writing: a transaction is a function. lt_db_write() runs it under the writer's lock (an advisory lock on "<path>.lock", then BEGIN
 * IMMEDIATE) and makes it durable. Writers that wait in one process share one commit: one of them runs the functions
 * of all, each in a savepoint of its own, so that one that fails takes nothing of the others with it. Keep them short.
 * Reading: lt_db_read() runs a function on one snapshot; readers never wait for writers.
 *
 * Asking is three lines; a parameter is V(x) for a text, a string, an integer, a bool or a double, LT_BLOB(text) or LT_NULL:
 *
 *     LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT id, name FROM runs WHERE state = ? AND id > ?", V(state), V(id));
 *     while (lt_query_next(&q))
 *         add(lt_query_i64(&q, 0), lt_query_text_in(&q, arena, 1));
 *
 * A query that fails (a damaged file, a broken disk) looks like one without more rows, but its transaction is doomed: it is
 * rolled back and gives the query's error, whatever the function returned. Only who acts on the outside world because a row is
 * not there has to ask lt_query_check() first.
 *
 * Threads: any number may share an lt_db. An lt_tx and its queries belong to the function that was called, which may
 * run in another thread than the one that asked for it, but always while that one waits. Do not use an lt_db across fork(). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

typedef struct lt_db lt_db;
typedef struct lt_tx lt_tx; /* one transaction, or one snapshot */

/* What the tables look like: steps that lead from one form to the next, applied in order, each once. */
typedef struct lt_db_schema {
    const char *name; /* of the file's kind, for messages: "store" */
    const char *const
        *steps; /* SQL texts, NULL behind the last; NULL: the embedded files sql/<name>/NNN_*.sql */
    int cache_kib; /* of pages, for the writer; an eighth of it for each reader [8192] */
} lt_db_schema;

/* Open or make the file (its folder must be there), and bring its tables up to date. ":memory:" is a database of its own that
 * ends with the lt_db. LT_INVALID: the file is not ours, or a newer program wrote it. The caller owns *out. */
LT_MUST_CHECK lt_status lt_db_open(const char *path, const lt_db_schema *schema, lt_db **out,
                                   lt_err *err);
void lt_db_close(lt_db *db); /* NULL is fine; nobody may be using it */
LT_OWNED(lt_db_ref, lt_db *, lt_db_close)
const char *lt_db_path(const lt_db *db); /* borrowed */

/* ---- transactions ---- */

typedef lt_status lt_db_work(lt_tx *tx, void *context, lt_err *err);

/* Run `work` as one durable transaction: LT_OK is given after the commit. Any other status of `work` undoes what it did
 * and is passed on. `work` must not call lt_db_write() or lt_db_read(), and may have run even when the result is LT_IO. */
LT_MUST_CHECK lt_status lt_db_write(lt_db *db, lt_db_work *work, void *context, lt_err *err);
/* From now on lt_db_write() does not fail when the disk is full, or while another program holds SQLite's own lock: it says so (lt_log), and tries
 * again until that is over, or `is_enough` says so. `work` may run several times then. Before other threads use it. */
void lt_db_wait_for_room(lt_db *db, bool (*is_enough)(void));
/* Run `work` on one snapshot. Writing fails there. */
LT_MUST_CHECK lt_status lt_db_read(lt_db *db, lt_db_work *work, void *context, lt_err *err);

/* Write what the file holds now to a new one, while others go on reading and writing. LT_CONFLICT: there is one of that name. Not
 * durable yet: who copies several files syncs them together. Not for ":memory:". */
LT_MUST_CHECK lt_status lt_db_copy(lt_db *db, const char *path, lt_err *err);

/* ---- statements ---- */

typedef struct lt_value {
    enum { LT_VALUE_NULL, LT_VALUE_I64, LT_VALUE_DOUBLE, LT_VALUE_TEXT, LT_VALUE_BLOB } kind;
    int64_t i64;
    double real;
    lt_text text; /* borrowed for the call, by queries until their end */
} lt_value;

static inline lt_value lt_value_i64(int64_t value)
{
    return (lt_value){.kind = LT_VALUE_I64, .i64 = value};
}
static inline lt_value lt_value_size(size_t value)
{
    return lt_value_i64((int64_t)value);
}
static inline lt_value lt_value_double(double value)
{
    return (lt_value){.kind = LT_VALUE_DOUBLE, .real = value};
}
static inline lt_value lt_value_text(lt_text value)
{
    return (lt_value){.kind = LT_VALUE_TEXT, .text = value};
}
static inline lt_value lt_value_chars(const char *value) /* NULL is NULL */
{
    return (lt_value){.kind = value ? LT_VALUE_TEXT : LT_VALUE_NULL, .text = lt_text_of(value)};
}
static inline lt_value lt_value_blob(lt_text value)
{
    return (lt_value){.kind = LT_VALUE_BLOB, .text = value};
}
/* clang-format off */
#define V(value)                                                                                   \
    _Generic((value),                                                                              \
        lt_text: lt_value_text,                                                                    \
        char *: lt_value_chars,                                                                    \
        const char *: lt_value_chars,                                                              \
        float: lt_value_double,                                                                    \
        double: lt_value_double,                                                                   \
        size_t: lt_value_size,                                                                     \
        default: lt_value_i64)(value)
/* clang-format on */
#define LT_BLOB(value) lt_value_blob(value)
#define LT_NULL ((lt_value){.kind = LT_VALUE_NULL})

/* For the macros below: `values` has one entry in front that is not used. */
LT_MUST_CHECK lt_status lt_tx_run(lt_tx *tx, lt_err *err, const char *sql, size_t count,
                                  const lt_value *values);
LT_MUST_CHECK lt_status lt_db_run(lt_db *db, lt_err *err, const char *sql, size_t count,
                                  const lt_value *values);
#define LT_VALUES(...)                                                                             \
    LT_COUNT(((const lt_value[]){LT_NULL, ##__VA_ARGS__})) - 1,                                    \
        (const lt_value[]){LT_NULL, ##__VA_ARGS__} + 1

/* One statement without rows: `LT_TRY(lt_tx_exec(tx, err, "DELETE FROM runs WHERE id = ?", V(id)));` LT_CONFLICT: a constraint
 * does not hold; the transaction can go on then. */
#define lt_tx_exec(tx, err, sql, ...) lt_tx_run((tx), (err), (sql), LT_VALUES(__VA_ARGS__))
/* The same as a transaction of its own. */
#define lt_db_exec(db, err, sql, ...) lt_db_run((db), (err), (sql), LT_VALUES(__VA_ARGS__))

int64_t lt_tx_changes(const lt_tx *tx); /* rows that the last statement changed */
int64_t lt_tx_last_id(const lt_tx *tx); /* rowid of the last insert */

/* The error of this transaction's queries so far, LT_OK if there was none. */
LT_MUST_CHECK lt_status lt_tx_check(const lt_tx *tx, lt_err *err);

/* A statement with rows. Declared with LT_AUTO; texts and blobs are borrowed until the next row. */
typedef struct lt_query {
    lt_tx *tx;                   /* borrowed */
    struct sqlite3_stmt *stmt;   /* borrowed from `cached`, or owned */
    struct lt_db_cached *cached; /* borrowed from the connection; NULL: the statement is not kept */
} lt_query;
lt_query lt_tx_ask(lt_tx *tx, const char *sql, size_t count, const lt_value *values);
#define lt_tx_query(tx, sql, ...) lt_tx_ask((tx), (sql), LT_VALUES(__VA_ARGS__))

bool lt_query_next(lt_query *query); /* false: no more rows, or it failed */
bool lt_query_is_null(const lt_query *query, int column);
int64_t lt_query_i64(const lt_query *query, int column);   /* NULL is 0 */
double lt_query_double(const lt_query *query, int column); /* NULL is 0 */
lt_text lt_query_text(const lt_query *query, int column);  /* of a text or a blob; NULL is empty */
lt_text lt_query_text_in(const lt_query *query, lt_arena *arena, int column);
/* lt_tx_check() of its transaction. */
LT_MUST_CHECK lt_status lt_query_check(const lt_query *query, lt_err *err);
void lt_query_cleanup(lt_query *query);
