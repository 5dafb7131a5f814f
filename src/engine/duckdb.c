/* The DuckDB back end: opening files, connections, statements. */
#include "engine/duckdb_session.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- one open database for each file ----
 *
 * DuckDB locks its file with fcntl(), which does not guard a process from itself: two databases on one file would destroy it.
 * So engines of this process that name the same file share one, found by device and inode whatever its path is. */

struct duckdb_file {
    duckdb_database database;
    dev_t device;
    ino_t inode; /* 0: in memory, never shared */
    bool read_only;
    unsigned engines;
    duckdb_file *next;
};

static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static duckdb_file *files; /* guarded by files_lock */

/* A limit of the control group we are in (v2), or SIZE_MAX. */
static size_t group_limit(void)
{
    lt_err err;
    uint64_t limit = SIZE_MAX;
    LT_AUTO(lt_buf) text = {.limit = 64};
    if (lt_file_read("/sys/fs/cgroup/memory.max", &text, &err) == LT_OK &&
        !lt_text_to_u64(lt_text_trim(lt_buf_text(&text)), &limit))
        limit = SIZE_MAX; /* "max" */
    return limit;
}

static size_t free_memory(void)
{
    lt_err err;
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (lt_file_read("/proc/meminfo", &text, &err) != LT_OK)
        return LT_GIB;
    const char *line = strstr(lt_buf_chars(&text), "MemAvailable:");
    size_t available = line ? (size_t)strtoull(line + 13, NULL, 10) * LT_KIB : LT_GIB;
    return LT_MIN(available, group_limit());
}

static bool in_memory(const lt_target *target)
{
    return !target->path || !target->path[0] || strcmp(target->path, ":memory:") == 0;
}

static char *temp_folder(const lt_target *target)
{
    if (target->temp_folder)
        return lt_xstrdup(target->temp_folder);
    if (!in_memory(target))
        return lt_format("%s.tmp", target->path);
    const char *parent = getenv("TMPDIR");
    return lt_format("%s/leat-duckdb-%08x%08x", parent && parent[0] ? parent : "/tmp", arc4random(),
                     arc4random());
}

static lt_status set(duckdb_config config, const char *name, const char *value, lt_err *err)
{
    if (lt_duck.set_config(config, name, value) == DuckDBSuccess)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "DuckDB does not take %s = '%s'", name, value);
}

static lt_status configure(const lt_target *target, duckdb_config *out, lt_err *err)
{
    LT_AUTO(duck_config) config = NULL;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t memory = target->memory_bytes ? target->memory_bytes : free_memory() / 5 * 4;
    LT_AUTO(lt_chars) memory_text = lt_format("%zuB", memory);
    LT_AUTO(lt_chars)
    threads = lt_format("%u", target->threads ? target->threads : (unsigned)LT_MAX(cores, 1L));
    LT_AUTO(lt_chars) temp = temp_folder(target);
    const char *const settings[][2] = {
        {"access_mode", target->read_only && !in_memory(target) ? "READ_ONLY" : "AUTOMATIC"},
        {"memory_limit", memory_text},
        {"threads", threads},
        {"temp_directory", temp},
        {"autoinstall_known_extensions", "false"}, /* never the network behind one's back */
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"preserve_insertion_order", "true"},  /* the same input gives the same files and samples */
        {"errors_as_json", "true"},            /* the exact place of an error */
        {"arrow_lossless_conversion", "true"}, /* HUGEINT, UUID, TIMETZ, BIT as they are */
    };
    if (lt_duck.create_config(&config) != DuckDBSuccess)
        return lt_fail(err, LT_IO, "DuckDB cannot make a configuration");
    for (size_t i = 0; i < LT_COUNT(settings); i++)
        LT_TRY(set(config, settings[i][0], settings[i][1], err));
    *out = LT_TAKE(config);
    return LT_OK;
}

/* "Conflicting lock is held in /usr/bin/leat (PID 123)": say it in our words. */
static lt_status open_failed(const char *path, const char *reason, lt_err *err)
{
    const char *held = reason ? strstr(reason, "lock is held in ") : NULL;
    const char *pid = held ? strstr(held, "(PID ") : NULL;
    if (pid) {
        lt_text by = lt_text_at(held + 16, (size_t)(pid - held - 16));
        lt_ignore(lt_fail(err, LT_CONFLICT, "'%s' is in use by process %d (%.*s)", path,
                          (int)strtol(pid + 5, NULL, 10), LT_ARG(lt_text_trim(by))));
        return lt_hint(err, "one process at a time may open a DuckDB file; wait for it or end it");
    }
    if (reason && strstr(reason, "Could not set lock"))
        return lt_fail(err, LT_CONFLICT, "'%s' is in use by another process", path);
    lt_status status = lt_duckdb_fail(NULL, reason, err);
    if (reason && strstr(reason, "not a valid DuckDB database"))
        status = err->status = LT_INVALID;
    if (reason && strstr(reason, "database does not exist"))
        status = err->status = LT_NOT_FOUND;
    (void)lt_wrap(err, "cannot open '%s'", path);
    return status;
}

/* A full disk, or a kill, while DuckDB made a file leaves less than its three headers: DuckDB cannot open that, and nothing can be in
 * it. Who makes one just now holds it locked. */
static void remove_unfinished(const char *path)
{
    enum { HEADERS = 3 * 4096, MAGIC_AT = 8, MAGIC = 4 };
    char head[MAGIC_AT + MAGIC];
    struct stat info;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    LT_AUTO(lt_fd) fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size >= HEADERS ||
        pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
        memcmp(head + MAGIC_AT, "DUCK", MAGIC) != 0 || fcntl(fd, F_OFD_SETLK, &lock) != 0)
        return;
    if (unlink(path) == 0)
        lt_log(LT_LOG_WARNING, "'%s' was never made to its end, and holds nothing: made anew",
               path);
}

static lt_status open_file(const lt_target *target, duckdb_file **out, lt_err *err)
{
    const char *path = in_memory(target) ? ":memory:" : target->path;
    LT_AUTO(duck_config) config = NULL;
    LT_AUTO(duck_chars) reason = NULL;
    duckdb_database database = NULL;
    LT_TRY(configure(target, &config, err));
    if (!in_memory(target) && !target->read_only)
        remove_unfinished(path);
    if (lt_duck.open_ext(path, &database, config, &reason) != DuckDBSuccess)
        return open_failed(path, reason, err);
    struct stat info = {0};
    if (!in_memory(target) && stat(path, &info) != 0) {
        int code = errno;
        lt_duck.close(&database);
        return lt_fail_errno(err, code, "cannot open '%s'", path);
    }
    duckdb_file *file = lt_xcalloc(1, sizeof(*file));
    *file = (duckdb_file){.database = database,
                          .device = info.st_dev,
                          .inode = info.st_ino,
                          .read_only = target->read_only,
                          .engines = 1,
                          .next = files};
    files = file;
    *out = file;
    return LT_OK;
}

/* With files_lock held. */
static lt_status share_or_open(const lt_target *target, duckdb_file **out, lt_err *err)
{
    struct stat info;
    if (in_memory(target) || stat(target->path, &info) != 0)
        return open_file(target, out, err);
    if (!S_ISREG(info.st_mode)) /* opening a pipe would wait for ever */
        return lt_fail(err, LT_INVALID, "cannot open '%s': it is no regular file", target->path);
    for (duckdb_file *file = files; file; file = file->next) {
        if (file->inode != info.st_ino || file->device != info.st_dev)
            continue;
        if (file->read_only && !target->read_only)
            return lt_fail(err, LT_CONFLICT, "'%s' is open for reading only in this process",
                           target->path);
        file->engines++;
        *out = file;
        return LT_OK;
    }
    return open_file(target, out, err);
}

static lt_status engine_open(const lt_target *target, lt_engine **out, lt_err *err)
{
    duckdb_file *file = NULL;
    LT_TRY(lt_duckdb_load(err));
    (void)pthread_mutex_lock(&files_lock);
    lt_status status = share_or_open(target, &file, err);
    (void)pthread_mutex_unlock(&files_lock);
    LT_TRY(status);
    duckdb_engine *self = lt_xcalloc(1, sizeof(*self));
    self->file = file;
    *out = &self->base;
    return LT_OK;
}

static void engine_close(lt_engine *engine)
{
    duckdb_engine *self = (duckdb_engine *)engine;
    (void)pthread_mutex_lock(&files_lock);
    if (--self->file->engines == 0) {
        duckdb_file **link = &files;
        while (*link != self->file)
            link = &(*link)->next;
        *link = self->file->next;
        lt_duck.close(&self->file->database);
        lt_free(self->file);
    }
    (void)pthread_mutex_unlock(&files_lock);
    lt_free(self);
}

/* ---- sessions ---- */

static lt_status session_open(lt_engine *engine, lt_session **out, lt_err *err)
{
    static const char set_up[] = "SET TimeZone = 'UTC'; SET enable_progress_bar_print = false; "
                                 "SET progress_bar_time = 100; SET enable_progress_bar = false; "
                                 "SET streaming_buffer_size = '4MB'";
    duckdb_session *self = lt_xcalloc(1, sizeof(*self));
    if (lt_duck.connect(((duckdb_engine *)engine)->file->database, &self->connection) !=
        DuckDBSuccess) {
        lt_free(self);
        return lt_fail(err, LT_IO, "DuckDB cannot open a connection");
    }
    lt_status status = lt_duckdb_run(self, set_up, err);
    if (status != LT_OK) {
        lt_duck.disconnect(&self->connection);
        lt_free(self);
        return status;
    }
    *out = &self->base;
    return LT_OK;
}

static void session_close(lt_session *session)
{
    lt_duck.disconnect(&duckdb_session_of(session)->connection);
    lt_free(session);
}

static void session_cancel(lt_session *session)
{
    lt_duck.interrupt(duckdb_session_of(session)->connection);
}

static void session_progress(lt_session *session, int64_t *rows, double *fraction)
{
    duckdb_query_progress_type progress =
        lt_duck.query_progress(duckdb_session_of(session)->connection);
    if (progress.percentage >= 0)
        *fraction = LT_MIN(progress.percentage / 100, 1.0);
    if (*rows < 0 && progress.total_rows_to_process)
        *rows = (int64_t)progress.rows_processed;
}

/* ---- statements ---- */

lt_status lt_duckdb_run(duckdb_session *self, const char *sql, lt_err *err)
{
    LT_AUTO(duck_result) result = {0};
    if (lt_duck.query(self->connection, sql, &result) == DuckDBSuccess)
        return LT_OK;
    return lt_duckdb_fail(&self->base, lt_duck.result_error(&result), err);
}

static lt_status extract(duckdb_session *self, lt_text sql, duckdb_extracted_statements *out,
                         idx_t *count, lt_err *err)
{
    LT_AUTO(lt_chars) text = lt_text_dup(sql);
    LT_AUTO(duck_extracted) list = NULL;
    *count = lt_duck.extract_statements(self->connection, text, &list);
    const char *reason = *count ? NULL : lt_duck.extract_statements_error(list);
    if (reason)
        return lt_duckdb_fail(&self->base, reason, err);
    *out = LT_TAKE(list);
    return LT_OK;
}

static lt_status prepare_one(duckdb_session *self, duckdb_extracted_statements list, idx_t i,
                             duckdb_prepared_statement *out, lt_err *err)
{
    LT_AUTO(duck_prepared) prepared = NULL;
    if (lt_duck.prepare_extracted_statement(self->connection, list, i, &prepared) != DuckDBSuccess)
        return lt_duckdb_fail(&self->base, lt_duck.prepare_error(prepared), err);
    *out = LT_TAKE(prepared);
    return LT_OK;
}

lt_status lt_duckdb_start(duckdb_session *self, duckdb_prepared_statement prepared,
                          duckdb_result *out, lt_err *err)
{
    LT_AUTO(duck_pending) pending = NULL;
    duckdb_result result = {0};
    if (lt_duck.pending_prepared_streaming(prepared, &pending) != DuckDBSuccess)
        return lt_duckdb_fail(&self->base, lt_duck.pending_error(pending), err);
    if (lt_duck.execute_pending(pending, &result) != DuckDBSuccess) {
        lt_status status = lt_duckdb_fail(&self->base, lt_duck.result_error(&result), err);
        lt_duck.destroy_result(&result);
        return status;
    }
    *out = result;
    return LT_OK;
}

lt_status lt_duckdb_fetch(duckdb_session *self, duckdb_result *result, duckdb_data_chunk *out,
                          lt_err *err)
{
    if (atomic_load(&self->base.cancelled))
        return lt_fail(err, LT_CANCELLED, "cancelled");
    duckdb_data_chunk chunk = lt_duck.fetch_chunk(*result);
    const char *reason = chunk ? NULL : lt_duck.result_error(result);
    if (reason && reason[0])
        return lt_duckdb_fail(&self->base, reason, err);
    *out = chunk;
    return LT_OK;
}

/* DuckDB's own loop asks for work without a pause while its other threads do the rest (measured: a tenth of the processor time of a
 * load, taken from whoever else has work). */
static void work_until_ready(duckdb_pending_result pending)
{
    static const struct timespec pause = {.tv_nsec = 200000};
    for (;;) {
        duckdb_pending_state state = lt_duck.pending_execute_task(pending);
        if (lt_duck.pending_execution_is_finished(state))
            return;
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE)
            (void)nanosleep(&pause, NULL);
    }
}

lt_status lt_duckdb_change(duckdb_session *self, duckdb_prepared_statement prepared, int64_t *rows,
                           lt_err *err)
{
    LT_AUTO(duck_pending) pending = NULL;
    LT_AUTO(duck_result) result = {0};
    if (lt_duck.pending_prepared(prepared, &pending) != DuckDBSuccess)
        return lt_duckdb_fail(&self->base, lt_duck.pending_error(pending), err);
    work_until_ready(pending);
    if (lt_duck.execute_pending(pending, &result) != DuckDBSuccess)
        return lt_duckdb_fail(&self->base, lt_duck.result_error(&result), err);
    *rows = (int64_t)lt_duck.rows_changed(&result);
    return LT_OK;
}

/* Statements that change nothing but give rows run as streams whose rows are dropped: never a result held in memory. */
static lt_status exec_rows_dropped(duckdb_session *self, duckdb_prepared_statement prepared,
                                   lt_err *err)
{
    LT_AUTO(duck_result) result = {0};
    LT_TRY(lt_duckdb_start(self, prepared, &result, err));
    for (;;) {
        LT_AUTO(duck_chunk) chunk = NULL;
        LT_TRY(lt_duckdb_fetch(self, &result, &chunk, err));
        if (!chunk || lt_duck.data_chunk_get_size(chunk) == 0)
            return LT_OK;
    }
}

static lt_status exec_one(duckdb_session *self, duckdb_prepared_statement prepared, int64_t *rows,
                          lt_err *err)
{
    *rows = 0;
    if (lt_duck.prepared_statement_type(prepared) == DUCKDB_STATEMENT_TYPE_SELECT)
        return exec_rows_dropped(self, prepared, err);
    return lt_duckdb_change(self, prepared, rows, err);
}

static lt_status exec_extracted(duckdb_session *self, duckdb_extracted_statements list, idx_t count,
                                int64_t *rows, lt_err *err)
{
    for (idx_t i = 0; i < count; i++) {
        LT_AUTO(duck_prepared) prepared = NULL;
        if (atomic_load(&self->base.cancelled))
            return lt_fail(err, LT_CANCELLED, "cancelled");
        LT_TRY(prepare_one(self, list, i, &prepared, err));
        LT_TRY(exec_one(self, prepared, rows, err));
    }
    return LT_OK;
}

static lt_status session_exec(lt_session *session, lt_text sql, int64_t *rows, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_AUTO(duck_extracted) list = NULL;
    idx_t count = 0;
    LT_TRY(lt_duckdb_watch(self, true, err));
    LT_TRY(extract(self, sql, &list, &count, err));
    return exec_extracted(self, list, count, rows, err);
}

lt_status lt_duckdb_watch(duckdb_session *self, bool on, lt_err *err)
{
    if (self->is_watched == on)
        return LT_OK;
    LT_TRY(lt_duckdb_run(
        self, on ? "SET enable_progress_bar = true" : "SET enable_progress_bar = false", err));
    self->is_watched = on;
    return LT_OK;
}

static lt_status bind(duckdb_session *self, duckdb_prepared_statement prepared,
                      const lt_text *params, size_t count, lt_err *err)
{
    idx_t wanted = lt_duck.nparams(prepared);
    if (wanted != count)
        return lt_fail(err, LT_INVALID,
                       "the statement has %zu parameters, and %zu values are given", (size_t)wanted,
                       count);
    for (size_t i = 0; i < count; i++) {
        duckdb_state state =
            params[i].ptr
                ? lt_duck.bind_varchar_length(prepared, i + 1, params[i].ptr, params[i].len)
                : lt_duck.bind_null(prepared, i + 1);
        if (state != DuckDBSuccess)
            return lt_duckdb_fail(&self->base, lt_duck.prepare_error(prepared), err);
    }
    return LT_OK;
}

lt_status lt_duckdb_prepare(duckdb_session *self, lt_text sql, const lt_text *params,
                            size_t param_count, duckdb_prepared_statement *out, lt_err *err)
{
    LT_AUTO(duck_extracted) list = NULL;
    LT_AUTO(duck_prepared) prepared = NULL;
    idx_t count = 0;
    int64_t rows;
    LT_TRY(lt_duckdb_watch(self, false, err));
    LT_TRY(extract(self, sql, &list, &count, err));
    if (count == 0)
        return lt_fail(err, LT_INVALID, "there is no statement");
    LT_TRY(exec_extracted(self, list, count - 1, &rows, err)); /* PIVOT comes as several */
    LT_TRY(prepare_one(self, list, count - 1, &prepared, err));
    LT_TRY(bind(self, prepared, params, param_count, err));
    *out = LT_TAKE(prepared);
    return LT_OK;
}

/* Quote the names inside of a nested type only where DuckDB itself does, so that types can be compared as text. */
static lt_status settle_type_name(duckdb_session *self, lt_buf *name, lt_err *err)
{
    if (!strchr(lt_buf_chars(name), '"') || strcmp(name->data, "\"NULL\"") == 0)
        return LT_OK;
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) sql = {0};
    lt_table table;
    bool more;
    lt_buf_printf(&sql, "SELECT typeof(NULL::%s)", name->data);
    LT_TRY(lt_buf_check(&sql, "the type", err));
    LT_TRY(lt_duckdb_query_table(&self->base, lt_buf_text(&sql), NULL, 0, 1, &more, &arena, &table,
                                 err));
    lt_buf_clear(name);
    lt_buf_add(name, lt_table_cell(&table, 0, 0));
    return LT_OK;
}

static lt_status session_query_columns(lt_session *session, lt_text sql, lt_arena *arena,
                                       lt_columns *out, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_AUTO(duck_prepared) prepared = NULL;
    lt_columns columns = {0};
    LT_TRY(lt_duckdb_prepare(self, sql, NULL, 0, &prepared, err));
    idx_t count = lt_duck.prepared_statement_column_count(prepared);
    for (idx_t i = 0; i < count; i++) {
        LT_AUTO(lt_buf) name = {0};
        LT_AUTO(duck_type) type = lt_duck.prepared_statement_column_logical_type(prepared, i);
        LT_AUTO(duck_const_chars) title = lt_duck.prepared_statement_column_name(prepared, i);
        LT_TRY(lt_duckdb_type_name(type, &name, err));
        LT_TRY(settle_type_name(self, &name, err));
        lt_column column = {.name = lt_arena_text(arena, lt_text_of(title)),
                            .type = lt_arena_text(arena, lt_buf_text(&name))};
        lt_push_in(arena, &columns, column);
    }
    *out = columns;
    return LT_OK;
}

/* ---- transactions ---- */

static lt_status transaction_id(duckdb_session *self, int64_t *id, lt_err *err)
{
    LT_AUTO(duck_result) result = {0};
    if (lt_duck.query(self->connection, "SELECT txid_current()::BIGINT", &result) != DuckDBSuccess)
        return lt_duckdb_fail(&self->base, lt_duck.result_error(&result), err);
    LT_AUTO(duck_chunk) chunk = lt_duck.fetch_chunk(result);
    const int64_t *data = lt_duck.vector_get_data(lt_duck.data_chunk_get_vector(chunk, 0));
    *id = data[0];
    return LT_OK;
}

lt_status lt_duckdb_in_transaction(duckdb_session *self, bool *open, lt_err *err)
{
    int64_t first = 0, second = 0; /* outside a transaction every statement has its own number */
    LT_TRY(transaction_id(self, &first, err));
    LT_TRY(transaction_id(self, &second, err));
    *open = first == second;
    return LT_OK;
}

static lt_status session_begin(lt_session *session, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    bool open = false;
    LT_TRY(lt_duckdb_in_transaction(self, &open, err));
    if (open) /* DuckDB would abort the one that is open */
        return lt_fail(err, LT_INVALID, "the session is in a transaction already");
    return lt_duckdb_run(self, "BEGIN TRANSACTION", err);
}

/* COMMIT of an aborted transaction rolls back and says nothing, so ask before. */
static lt_status session_commit(lt_session *session, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_TRY(lt_duckdb_run(self, "SELECT 1", err));
    return lt_duckdb_run(self, "COMMIT", err);
}

static void session_rollback(lt_session *session)
{
    lt_err err;
    lt_ignore(lt_duckdb_run(duckdb_session_of(session), "ROLLBACK", &err));
}

/* ---- files ---- */

static lt_status session_write_parquet(lt_session *session, lt_text select, const char *path,
                                       int64_t *rows, lt_err *err)
{
    static const char front[] = "COPY (";
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, front);
    lt_buf_add(&sql, lt_sql_bare(select));
    lt_buf_add_str(&sql, "\n) TO ");
    lt_quote_literal(lt_text_of(path), &sql);
    lt_buf_add_str(&sql, " (FORMAT parquet, COMPRESSION zstd)");
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    lt_status status = session_exec(session, lt_buf_text(&sql), rows, err);
    int64_t at = session->error_at - (int64_t)strlen(front);
    session->error_at = at >= 0 && at <= (int64_t)select.len ? at : -1;
    return status;
}

static lt_status type_from_duckdb(lt_text duckdb_type, lt_arena *arena, lt_text *out, lt_err *err)
{
    (void)err;
    *out = lt_arena_text(arena, duckdb_type);
    return LT_OK;
}

const lt_engine_ops lt_duckdb_ops = {
    .kind = "duckdb",
    .default_schema = "main",
    .capabilities = LT_ENGINE_READS_FILES,
    .open = engine_open,
    .close = engine_close,
    .session_open = session_open,
    .session_close = session_close,
    .exec = session_exec,
    .begin = session_begin,
    .commit = session_commit,
    .rollback = session_rollback,
    .query = lt_duckdb_query,
    .query_table = lt_duckdb_query_table,
    .query_columns = session_query_columns,
    .type_from_duckdb = type_from_duckdb,
    .ingest = lt_duckdb_ingest,
    .cancel = session_cancel,
    .load_ahead = lt_duckdb_load_ahead,
    .progress = session_progress,
    .write_parquet = session_write_parquet,
};
