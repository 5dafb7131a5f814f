/* Asks SQLite whether a file is whole, and makes indexes anew from their tables. */
#include "db/check.h"

#include "base/fs.h"
#include "db/db_conn.h"

#include <stdio.h>

/* LT_CONFLICT: all that is wrong is that indexes do not fit their tables. */
static lt_status check_pages(lt_db_conn *conn, lt_err *err)
{
    sqlite3_stmt *stmt = NULL;
    char first[200] = "";
    bool only_indexes = true;
    int code = sqlite3_prepare_v2(conn->handle, "PRAGMA integrity_check(20)", -1, &stmt, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(stmt);
        const char *line = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "ok";
        if (!line || strcmp(line, "ok") == 0)
            continue;
        only_indexes = only_indexes && strstr(line, " index ");
        if (!first[0])
            (void)snprintf(first, sizeof(first), "%s", line);
    }
    (void)sqlite3_finalize(stmt);
    if (code != SQLITE_DONE)
        return lt_db_conn_fail(conn, code, NULL, err);
    if (!first[0])
        return LT_OK;
    return lt_fail(err, only_indexes ? LT_CONFLICT : LT_IO, "'%s' is damaged: %s", conn->path,
                   first);
}

static lt_status reindex(const char *path, lt_err *err)
{
    static const int64_t PATIENCE_US = 60000000;
    LT_AUTO(lt_chars) lock = lt_format("%s.lock", path);
    LT_AUTO(lt_fd) held = -1;
    LT_AUTO(lt_db_conn_ref) conn = NULL;
    LT_TRY(lt_file_lock(lock, PATIENCE_US, &held, err));
    LT_TRY(lt_db_conn_open(path, true, 0, &conn, err));
    LT_TRY(lt_db_conn_exec(conn, "REINDEX", err));
    return check_pages(conn, err);
}

lt_status lt_db_check_file(const char *path, bool mend, bool *mended, lt_err *err)
{
    LT_AUTO(lt_db_conn_ref) conn = NULL;
    *mended = false;
    LT_TRY(lt_db_conn_open(path, false, 0, &conn, err));
    lt_status status = check_pages(conn, err);
    if (status != LT_CONFLICT || !mend)
        return status;
    status = reindex(path, err);
    *mended = status == LT_OK;
    return status == LT_CONFLICT ? LT_IO : status;
}
