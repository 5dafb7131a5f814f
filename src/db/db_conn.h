/* db_conn.h - one connection to a database file, for one thread at a time. Inside of db/ only. */
#pragma once
#include "base/map.h"
#include "db/db.h"

#include <sqlite3.h>

/* A prepared statement that is kept. */
typedef struct lt_db_cached {
    char *sql;          /* owned */
    sqlite3_stmt *stmt; /* owned */
    bool busy;
} lt_db_cached;

typedef struct lt_db_conn {
    const char *path; /* borrowed from the lt_db */
    sqlite3 *handle;  /* owned */
    lt_map kept;      /* SQL -> lt_db_cached, owned */
    struct lt_db_conn *next;
} lt_db_conn;

struct lt_tx {
    lt_db_conn *conn; /* borrowed */
    lt_err error;     /* of the first query that failed; status LT_OK: none did */
};

/* The file must be there. `writes` false: a connection that cannot change anything. `cache_kib`: of pages, as lt_db_schema has it. */
LT_MUST_CHECK lt_status lt_db_conn_open(const char *path, bool writes, int cache_kib,
                                        lt_db_conn **out, lt_err *err);
void lt_db_conn_close(lt_db_conn *conn);
LT_OWNED(lt_db_conn_ref, lt_db_conn *, lt_db_conn_close)

/* What SQLite's result code means for who called, with the file's name and a hint. `doing` may be NULL. */
LT_MUST_CHECK lt_status lt_db_conn_fail(const lt_db_conn *conn, int code, const char *doing,
                                        lt_err *err);
/* One statement without parameters and rows, which is kept: for what every transaction begins and ends with. */
LT_MUST_CHECK lt_status lt_db_conn_step(lt_db_conn *conn, const char *sql, lt_err *err);
/* SQL texts without parameters and rows, one after the other. */
LT_MUST_CHECK lt_status lt_db_conn_exec(lt_db_conn *conn, const char *sql, lt_err *err);
