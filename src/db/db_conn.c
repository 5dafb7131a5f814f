/* One connection: how it is set up, its statements, and what its errors mean. */
#include "db/db_conn.h"

#include <limits.h>

enum {
    BUSY_MS = 10000, /* for programs that do not know our lock, such as the sqlite3 shell */
    STATEMENTS_KEPT = 128,
};

/* ---------------------------------------------------------------- errors */

static const struct {
    int code;
    lt_status status;
    const char *what; /* NULL: what SQLite says */
    const char *hint;
} meanings[] = {
    {SQLITE_FULL, LT_IO, "the disk is full", "free some space, then try again"},
    {SQLITE_READONLY, LT_DENIED, "the file cannot be written",
     "make the file and its folder writable for this user"},
    {SQLITE_PERM, LT_DENIED, NULL, "make the file and its folder accessible for this user"},
    {SQLITE_CANTOPEN, LT_IO, "the file cannot be opened",
     "see that its folder is there and can be read and written by this user"},
    {SQLITE_CORRUPT, LT_IO, "the file is damaged",
     "keep a copy of it and of its -wal file, and restore a backup"},
    {SQLITE_NOTADB, LT_IO, "the file is damaged or no database",
     "see that the path is right; if it is, restore a backup"},
    {SQLITE_BUSY, LT_IO, "the file is in use by another program",
     "end what holds it (the sqlite3 shell?), then try again"},
    {SQLITE_LOCKED, LT_IO, NULL, ""},
    {SQLITE_IOERR, LT_IO, NULL, "look at the machine's disk and its kernel log, then try again"},
    {SQLITE_CONSTRAINT, LT_CONFLICT, NULL, ""},
    {SQLITE_TOOBIG, LT_TOO_BIG, NULL, ""},
    {SQLITE_INTERRUPT, LT_CANCELLED, NULL, ""},
};

lt_status lt_db_conn_fail(const lt_db_conn *conn, int code, const char *doing, lt_err *err)
{
    const char *said = conn->handle ? sqlite3_errmsg(conn->handle) : sqlite3_errstr(code);
    for (size_t i = 0; i < LT_COUNT(meanings); i++) {
        if (meanings[i].code != (code & 0xff))
            continue;
        lt_ignore(lt_fail(err, meanings[i].status, "'%s': %s", conn->path,
                          meanings[i].what ? meanings[i].what : said));
        return lt_hint(err, "%s", meanings[i].hint);
    }
    return lt_fail(err, LT_FAILED, "'%s': %s%s%s", conn->path, said, doing ? ": " : "",
                   doing ? doing : "");
}

/* ---------------------------------------------------------------- open and close */

lt_status lt_db_conn_exec(lt_db_conn *conn, const char *sql, lt_err *err)
{
    int code = sqlite3_exec(conn->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LT_OK : lt_db_conn_fail(conn, code, sql, err);
}

/* A page of 8 KiB holds a small object and reads faster; the log is kept at its size, because growing files sync slowly. */
static const char writer_settings[] = "PRAGMA page_size = 8192;"
                                      "PRAGMA journal_mode = WAL;"
                                      "PRAGMA synchronous = FULL;"
                                      "PRAGMA wal_autocheckpoint = 2000;"
                                      "PRAGMA journal_size_limit = 67108864;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA foreign_keys = ON;"
                                      "PRAGMA trusted_schema = OFF;";
static const char reader_settings[] = "PRAGMA query_only = ON;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA trusted_schema = OFF;";

/* Eight readers stay open. */
static lt_status set_cache(lt_db_conn *conn, bool writes, int cache_kib, lt_err *err)
{
    enum { USUAL_KIB = 8192, READERS = 8 };
    int kib = cache_kib ? cache_kib : USUAL_KIB;
    LT_AUTO(lt_chars) sql = lt_format("PRAGMA cache_size = %d", -(writes ? kib : kib / READERS));
    return lt_db_conn_exec(conn, sql, err);
}

lt_status lt_db_conn_open(const char *path, bool writes, int cache_kib, lt_db_conn **out,
                          lt_err *err)
{
    LT_AUTO(lt_db_conn_ref) conn = lt_xcalloc(1, sizeof(*conn));
    conn->path = path;
    int code =
        sqlite3_open_v2(path, &conn->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return lt_db_conn_fail(conn, code, NULL, err);
    (void)sqlite3_busy_timeout(conn->handle, BUSY_MS);
    (void)sqlite3_db_config(conn->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    LT_TRY(lt_db_conn_exec(conn, writes ? writer_settings : reader_settings, err));
    LT_TRY(set_cache(conn, writes, cache_kib, err));
    *out = LT_TAKE(conn);
    return LT_OK;
}

static void cached_free(lt_db_cached *cached)
{
    (void)sqlite3_finalize(cached->stmt);
    lt_free(cached->sql);
    lt_free(cached);
}

void lt_db_conn_close(lt_db_conn *conn)
{
    if (!conn)
        return;
    for (size_t i = 0; i < conn->kept.entries.len; i++)
        cached_free(conn->kept.entries.items[i].value);
    lt_map_cleanup(&conn->kept);
    (void)sqlite3_close(conn->handle);
    lt_free(conn);
}

/* ---------------------------------------------------------------- statements */

static int prepare(lt_db_conn *conn, const char *sql, unsigned flags, sqlite3_stmt **stmt)
{
    return sqlite3_prepare_v3(conn->handle, sql, -1, flags, stmt, NULL);
}

/* A statement for `sql`: the kept one if nobody uses it now (a query may be open twice), else a new one. */
static int take(lt_db_conn *conn, const char *sql, lt_query *query)
{
    lt_db_cached *cached = lt_map_find(&conn->kept, lt_text_of(sql));
    if (cached ? cached->busy : conn->kept.entries.len >= STATEMENTS_KEPT)
        return prepare(conn, sql, 0, &query->stmt);
    if (!cached) {
        sqlite3_stmt *stmt;
        int code = prepare(conn, sql, SQLITE_PREPARE_PERSISTENT, &stmt);
        if (code != SQLITE_OK)
            return code;
        cached = lt_xcalloc(1, sizeof(*cached));
        cached->sql = lt_xstrdup(sql);
        cached->stmt = stmt;
        (void)lt_map_put(&conn->kept, lt_text_of(cached->sql), cached);
    }
    cached->busy = true;
    query->cached = cached;
    query->stmt = cached->stmt;
    return SQLITE_OK;
}

lt_status lt_db_conn_step(lt_db_conn *conn, const char *sql, lt_err *err)
{
    lt_query query = {0};
    int code = take(conn, sql, &query);
    if (code == SQLITE_OK)
        code = sqlite3_step(query.stmt);
    if (code != SQLITE_DONE)
        lt_ignore(lt_db_conn_fail(conn, code, sql, err));
    lt_query_cleanup(&query);
    return code == SQLITE_DONE ? LT_OK : err->status;
}

static int bind_one(sqlite3_stmt *stmt, int at, const lt_value *value)
{
    const char *bytes = value->text.ptr ? value->text.ptr : "";
    switch (value->kind) {
    case LT_VALUE_NULL:
        return sqlite3_bind_null(stmt, at);
    case LT_VALUE_I64:
        return sqlite3_bind_int64(stmt, at, value->i64);
    case LT_VALUE_DOUBLE:
        return sqlite3_bind_double(stmt, at, value->real);
    case LT_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, at, bytes, value->text.len, SQLITE_STATIC, SQLITE_UTF8);
    case LT_VALUE_BLOB:
        return sqlite3_bind_blob64(stmt, at, bytes, value->text.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* A statement with its parameters; gives a result code of SQLite. */
static int start(lt_tx *tx, const char *sql, size_t count, const lt_value *values, lt_query *query)
{
    *query = (lt_query){.tx = tx};
    int code = take(tx->conn, sql, query);
    if (code == SQLITE_OK && (size_t)sqlite3_bind_parameter_count(query->stmt) != count)
        code = SQLITE_MISUSE;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++)
        code = bind_one(query->stmt, (int)i + 1, &values[i]);
    return code;
}

lt_status lt_tx_run(lt_tx *tx, lt_err *err, const char *sql, size_t count, const lt_value *values)
{
    LT_AUTO(lt_query) query;
    int code = start(tx, sql, count, values, &query);
    if (code == SQLITE_OK)
        code = sqlite3_step(query.stmt);
    if (code == SQLITE_DONE || code == SQLITE_ROW)
        return LT_OK;
    return lt_db_conn_fail(tx->conn, code, sql, err);
}

/* The first error is the cause; what follows from it is not. */
static void doom(lt_tx *tx, int code, const char *sql)
{
    if (tx->error.status == LT_OK)
        lt_ignore(lt_db_conn_fail(tx->conn, code, sql, &tx->error));
}

lt_query lt_tx_ask(lt_tx *tx, const char *sql, size_t count, const lt_value *values)
{
    lt_query query;
    int code = start(tx, sql, count, values, &query);
    if (code != SQLITE_OK) {
        doom(tx, code, sql);
        lt_query_cleanup(&query);
    }
    return query;
}

bool lt_query_next(lt_query *query)
{
    if (!query->stmt)
        return false;
    int code = sqlite3_step(query->stmt);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        doom(query->tx, code, sqlite3_sql(query->stmt));
    lt_query_cleanup(query);
    return false;
}

void lt_query_cleanup(lt_query *query)
{
    if (query->cached) {
        (void)sqlite3_reset(query->stmt);
        (void)sqlite3_clear_bindings(query->stmt);
        query->cached->busy = false;
    } else {
        (void)sqlite3_finalize(query->stmt);
    }
    query->stmt = NULL;
    query->cached = NULL;
}

bool lt_query_is_null(const lt_query *query, int column)
{
    return sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

int64_t lt_query_i64(const lt_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

double lt_query_double(const lt_query *query, int column)
{
    return sqlite3_column_double(query->stmt, column);
}

lt_text lt_query_text(const lt_query *query, int column)
{
    const char *bytes = sqlite3_column_blob(query->stmt, column);
    return lt_text_at(bytes, (size_t)sqlite3_column_bytes(query->stmt, column));
}

lt_text lt_query_text_in(const lt_query *query, lt_arena *arena, int column)
{
    return lt_arena_text(arena, lt_query_text(query, column));
}

lt_status lt_tx_check(const lt_tx *tx, lt_err *err)
{
    if (tx->error.status != LT_OK)
        *err = tx->error;
    return tx->error.status;
}

lt_status lt_query_check(const lt_query *query, lt_err *err)
{
    return lt_tx_check(query->tx, err);
}

int64_t lt_tx_changes(const lt_tx *tx)
{
    return sqlite3_changes64(tx->conn->handle);
}

int64_t lt_tx_last_id(const lt_tx *tx)
{
    return sqlite3_last_insert_rowid(tx->conn->handle);
}
