/* A database file: who may write, who commits for whom, and how its tables came to be. */
#include "db/db.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "base/vec.h"
#include "db/db_conn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    APPLICATION_ID =
        0x6c656174, /* "leat" in the file's header, for file(1) and against foreign files */
    JOBS_PER_COMMIT = 64,
    IDLE_READERS = 8,
};

/* One call of lt_db_write() that waits for its commit. */
typedef struct write_job {
    lt_db_work *work;
    void *context; /* borrowed */
    lt_err *err;   /* borrowed */
    lt_status status;
    int code; /* SQLite's, when it failed */ /* result */
    bool done;
    pthread_cond_t wake; /* done, or nobody leads */
    struct write_job *next;
} write_job;

struct lt_db {
    char *path; /* owned */
    bool in_memory;
    int lock_fd; /* owned */
    int cache_kib;

    pthread_mutex_t jobs_lock;
    write_job *first, **last; /* waiting, in order; borrowed from their callers */
    bool leading;             /* somebody uses `writer` */
    pthread_t leader;
    lt_db_conn *writer;      /* owned; of who leads */
    bool (*is_enough)(void); /* who waits for room has waited enough; NULL: nobody waits */

    pthread_mutex_t readers_lock;
    lt_db_conn *readers; /* owned; idle */
    size_t idle;
};

const char *lt_db_path(const lt_db *db)
{
    return db->path;
}

/* ---------------------------------------------------------------- one writer at a time */

/* flock() queues; SQLite's own busy handler polls and lets some wait for seconds. */
static lt_status lock_file(lt_db *db, int operation, lt_err *err)
{
    if (db->in_memory)
        return LT_OK;
    while (flock(db->lock_fd, operation) != 0)
        if (errno != EINTR)
            return lt_fail_errno(err, errno, "cannot lock '%s.lock'", db->path);
    return LT_OK;
}

static lt_status begin(lt_db *db, int *code, lt_err *err)
{
    LT_TRY(lock_file(db, LOCK_EX, err));
    lt_status status = lt_db_conn_step(db->writer, "BEGIN IMMEDIATE", err);
    *code = sqlite3_errcode(db->writer->handle);
    lt_err unlocking;
    if (status != LT_OK)
        lt_ignore(lock_file(db, LOCK_UN, &unlocking));
    return status;
}

/* COMMIT or ROLLBACK, and let the next process in. */
static lt_status end(lt_db *db, bool commit, int *code, lt_err *err)
{
    lt_status status = commit ? lt_db_conn_step(db->writer, "COMMIT", err) : LT_OK;
    *code = commit ? sqlite3_errcode(db->writer->handle) : *code;
    lt_err other;
    if (sqlite3_get_autocommit(db->writer->handle) == 0)
        lt_ignore(lt_db_conn_step(db->writer, "ROLLBACK", &other));
    lt_ignore(lock_file(db, LOCK_UN, &other));
    return status;
}

static lt_status call(lt_db_conn *conn, lt_db_work *work, void *context, lt_err *err)
{
    lt_tx tx = {.conn = conn};
    lt_status status = work(&tx, context, err);
    if (tx.error.status != LT_OK) {
        *err = tx.error;
        status = err->status;
    }
    return status;
}

/* ---------------------------------------------------------------- group commit */

static void call_job(lt_db *db, write_job *job)
{
    job->status = call(db->writer, job->work, job->context, job->err);
    job->code = sqlite3_errcode(db->writer->handle);
}

static void run_in_savepoint(lt_db *db, write_job *job)
{
    job->status = lt_db_conn_step(db->writer, "SAVEPOINT job", job->err);
    if (job->status != LT_OK)
        return;
    call_job(db, job);
    lt_err undoing;
    if (job->status != LT_OK)
        lt_ignore(lt_db_conn_step(db->writer, "ROLLBACK TO job", &undoing));
    if (sqlite3_get_autocommit(db->writer->handle) == 0 &&
        lt_db_conn_step(db->writer, "RELEASE job", &undoing) != LT_OK && job->status == LT_OK) {
        *job->err = undoing;
        job->status = undoing.status;
    }
}

/* Those that were done so far, or not begun, fail for the same reason. */
static void fail_all(write_job *jobs, int code, const lt_err *reason)
{
    for (write_job *job = jobs; job; job = job->next) {
        if (job->status != LT_OK)
            continue;
        *job->err = *reason;
        job->code = code;
        job->status = reason->status;
    }
}

static void run_jobs(lt_db *db, write_job *jobs)
{
    lt_err reason;
    int code = SQLITE_OK;
    if (begin(db, &code, &reason) != LT_OK) {
        fail_all(jobs, code, &reason);
        return;
    }
    bool any = false, lost = false;
    for (write_job *job = jobs; job && !lost; job = job->next) {
        if (jobs->next)
            run_in_savepoint(db, job);
        else
            call_job(db, job);
        code = job->status == LT_OK ? code : job->code;
        any = any || job->status == LT_OK;
        lost = sqlite3_get_autocommit(db->writer->handle) != 0; /* as after a full disk */
        if (lost && job->status == LT_OK)
            lt_ignore(lt_fail(&reason, LT_IO, "'%s': the transaction was lost", db->path));
        else if (lost)
            reason = *job->err;
    }
    lt_status ended = end(db, any && !lost, &code, lost ? &(lt_err){0} : &reason);
    if (lost || ended != LT_OK)
        fail_all(jobs, code, &reason);
}

static write_job *take_jobs(lt_db *db)
{
    write_job *taken = db->first, *end = taken;
    for (int i = 1; i < JOBS_PER_COMMIT && end->next; i++)
        end = end->next;
    db->first = end->next;
    if (!db->first)
        db->last = &db->first;
    end->next = NULL;
    return taken;
}

/* Run the jobs that wait. Called and left with the lock; given up between. */
static void lead(lt_db *db)
{
    write_job *jobs = take_jobs(db);
    db->leading = true;
    db->leader = pthread_self();
    (void)pthread_mutex_unlock(&db->jobs_lock);
    run_jobs(db, jobs);
    (void)pthread_mutex_lock(&db->jobs_lock);
    db->leading = false;
    for (write_job *job = jobs; job; job = job->next) {
        job->done = true;
        (void)pthread_cond_signal(&job->wake);
    }
    if (db->first)
        (void)pthread_cond_signal(&db->first->wake);
}

static lt_status write_once(lt_db *db, lt_db_work *work, void *context, int *code, lt_err *err)
{
    write_job mine = {
        .work = work, .context = context, .err = err, .wake = PTHREAD_COND_INITIALIZER};
    (void)pthread_mutex_lock(&db->jobs_lock);
    assert(!db->leading || !pthread_equal(db->leader, pthread_self())); /* a transaction in one */
    *db->last = &mine;
    db->last = &mine.next;
    while (!mine.done) {
        if (db->leading)
            (void)pthread_cond_wait(&mine.wake, &db->jobs_lock);
        else
            lead(db);
    }
    (void)pthread_mutex_unlock(&db->jobs_lock);
    (void)pthread_cond_destroy(&mine.wake);
    *code = mine.code;
    return mine.status;
}

/* Nothing of the transaction is there then, and it may pass. After an error of the disk nobody knows. */
static bool may_pass(int code)
{
    return code == SQLITE_FULL || code == SQLITE_BUSY;
}

lt_status lt_db_write(lt_db *db, lt_db_work *work, void *context, lt_err *err)
{
    static const int64_t AGAIN_US = 500000;
    int code = SQLITE_OK;
    bool told = false;
    for (;;) {
        lt_status status = write_once(db, work, context, &code, err);
        if (status == LT_OK && told)
            lt_log(LT_LOG_INFO, "'%s' can be written again", db->path);
        if (status == LT_OK || !may_pass(code) || !db->is_enough || db->is_enough())
            return status;
        if (!told)
            lt_log(LT_LOG_WARNING, "%s: waiting until that is over", err->message);
        told = true;
        lt_sleep_us(AGAIN_US);
    }
}

void lt_db_wait_for_room(lt_db *db, bool (*is_enough)(void))
{
    db->is_enough = is_enough;
}

typedef struct one_statement {
    const char *sql;
    size_t count;
    const lt_value *values;
} one_statement;

static lt_status run_one(lt_tx *tx, void *context, lt_err *err)
{
    const one_statement *one = context;
    return lt_tx_run(tx, err, one->sql, one->count, one->values);
}

lt_status lt_db_run(lt_db *db, lt_err *err, const char *sql, size_t count, const lt_value *values)
{
    one_statement one = {.sql = sql, .count = count, .values = values};
    return lt_db_write(db, run_one, &one, err);
}

/* ---------------------------------------------------------------- readers */

static lt_status take_reader(lt_db *db, lt_db_conn **out, lt_err *err)
{
    (void)pthread_mutex_lock(&db->readers_lock);
    lt_db_conn *conn = db->readers;
    if (conn) {
        db->readers = conn->next;
        db->idle--;
    }
    (void)pthread_mutex_unlock(&db->readers_lock);
    if (!conn)
        return lt_db_conn_open(db->path, false, db->cache_kib, out, err);
    *out = conn;
    return LT_OK;
}

static void give_reader_back(lt_db *db, lt_db_conn *conn)
{
    (void)pthread_mutex_lock(&db->readers_lock);
    bool keep = db->idle < IDLE_READERS;
    if (keep) {
        conn->next = db->readers;
        db->readers = conn;
        db->idle++;
    }
    (void)pthread_mutex_unlock(&db->readers_lock);
    if (!keep)
        lt_db_conn_close(conn);
}

lt_status lt_db_read(lt_db *db, lt_db_work *work, void *context, lt_err *err)
{
    if (db->in_memory) /* there is one connection */
        return lt_db_write(db, work, context, err);
    LT_AUTO(lt_db_conn_ref) conn = NULL;
    LT_TRY(take_reader(db, &conn, err));
    LT_TRY(lt_db_conn_step(conn, "BEGIN", err));
    lt_status status = call(conn, work, context, err);
    lt_err ending;
    if (lt_db_conn_step(conn, "ROLLBACK", &ending) == LT_OK)
        give_reader_back(db, LT_TAKE(conn));
    return status;
}

/* ---------------------------------------------------------------- a copy */

static lt_status copy_pages(lt_db_conn *from, lt_db_conn *to, lt_err *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (!copy)
        return lt_db_conn_fail(to, sqlite3_errcode(to->handle), "cannot copy to it", err);
    int code = sqlite3_backup_step(copy, -1);
    (void)sqlite3_backup_finish(copy);
    return code == SQLITE_DONE ? LT_OK : lt_db_conn_fail(to, code, "cannot copy to it", err);
}

/* Its mode comes from us, as that of the file that it is a copy of. */
static lt_status make_copy(const char *path, lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    return fd >= 0 ? LT_OK : lt_fail_errno(err, errno, "cannot create '%s'", path);
}

static lt_status do_copy(lt_tx *tx, void *context, lt_err *err)
{
    const char *path = context;
    lt_db_conn to = {.path = path};
    int code = sqlite3_open_v2(path, &to.handle, SQLITE_OPEN_READWRITE, NULL);
    lt_status status = code == SQLITE_OK ? copy_pages(tx->conn, &to, err)
                                         : lt_db_conn_fail(&to, code, "cannot open it", err);
    (void)sqlite3_close(to.handle);
    return status;
}

lt_status lt_db_copy(lt_db *db, const char *path, lt_err *err)
{
    assert(!db->in_memory);
    LT_AUTO(lt_chars) name = lt_xstrdup(path);
    LT_TRY(make_copy(path, err));
    return lt_db_read(db, do_copy, name, err);
}

/* ---------------------------------------------------------------- the form of the tables */

typedef LT_VEC(const char *) steps_list;

/* The steps of a schema in order; the embedded ones are numbered from 001 without a gap. */
static void list_steps(const lt_db_schema *schema, steps_list *steps)
{
    for (size_t i = 0; schema->steps && schema->steps[i]; i++)
        lt_push(steps, schema->steps[i]);
    if (schema->steps)
        return;
    LT_AUTO(lt_chars) folder = lt_format("sql/%s/", schema->name);
    const lt_embedded *file;
    for (size_t i = 0; (file = lt_embedded_at(i)); i++) {
        lt_text path = lt_text_of(file->path);
        if (!lt_text_starts(path, lt_text_of(folder)))
            continue;
        int64_t number = 0;
        bool numbered = lt_text_to_i64(lt_text_sub(path, strlen(folder), 3), &number);
        assert(numbered && (size_t)number == steps->len + 1);
        lt_push(steps, (const char *)file->data);
    }
    assert(steps->len > 0);
}

static int64_t ask_number(lt_tx *tx, const char *sql)
{
    LT_AUTO(lt_query) query = lt_tx_query(tx, sql);
    return lt_query_next(&query) ? lt_query_i64(&query, 0) : 0;
}

typedef struct migration {
    lt_db *db;
    const lt_db_schema *schema;
    const steps_list *steps;
    int64_t version; /* of the file, found */
} migration;

/* Which form the file has; it must be ours, or empty. */
static lt_status find_version(lt_tx *tx, void *context, lt_err *err)
{
    migration *it = context;
    int64_t owner = ask_number(tx, "PRAGMA application_id");
    it->version = ask_number(tx, "PRAGMA user_version");
    int64_t tables = ask_number(tx, "SELECT count(*) FROM sqlite_schema");
    if (tx->error.status != LT_OK)
        return LT_OK; /* the caller is given that error */
    if (owner != APPLICATION_ID && (owner != 0 || it->version != 0 || tables != 0)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' is a database of another program", it->db->path));
        return lt_hint(err, "name another file, or move this one away");
    }
    if (it->version > (int64_t)it->steps->len) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "'%s' was written by a newer leat (%s format %lld, this one knows %zu)",
                          it->db->path, it->schema->name, (long long)it->version, it->steps->len));
        return lt_hint(err, "use that version of leat, or a newer one");
    }
    return LT_OK;
}

/* One step, if no other process was faster. */
static lt_status do_step(lt_tx *tx, void *context, lt_err *err)
{
    migration *it = context;
    LT_TRY(find_version(tx, context, err));
    if (it->version >= (int64_t)it->steps->len)
        return LT_OK;
    LT_TRY(lt_db_conn_exec(tx->conn, it->steps->items[it->version], err));
    LT_AUTO(lt_chars)
    stamp = lt_format("PRAGMA user_version = %lld; PRAGMA application_id = %d;",
                      (long long)it->version + 1, APPLICATION_ID);
    return lt_db_conn_exec(tx->conn, stamp, err);
}

static lt_status migrate(lt_db *db, const lt_db_schema *schema, lt_err *err)
{
    steps_list steps = {0};
    list_steps(schema, &steps);
    migration it = {.db = db, .schema = schema, .steps = &steps};
    lt_status status = call(db->writer, find_version, &it, err); /* most files need no lock */
    while (status == LT_OK && it.version < (int64_t)steps.len) {
        int64_t from = it.version;
        status = lt_db_write(db, do_step, &it, err);
        if (status != LT_OK && status != LT_IO)
            (void)lt_wrap(err, "bringing '%s' to %s format %lld", db->path, schema->name,
                          (long long)from + 1);
        it.version++; /* what was found before this step */
    }
    lt_vec_free(&steps);
    return status;
}

/* ---------------------------------------------------------------- open and close */

/* Made here and not by SQLite, for the mode; its other files take it over. One that is there is never opened here: closing it would drop
 * the locks (fcntl(2)) of every other lt_db of this process on it, and another process could take the log away below them. */
static lt_status make_files(lt_db *db, lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 && errno != EEXIST)
        return lt_fail_errno(err, errno, "cannot open '%s'", db->path);
    LT_AUTO(lt_chars) lock = lt_format("%s.lock", db->path);
    db->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (db->lock_fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", lock);
    return LT_OK;
}

lt_status lt_db_open(const char *path, const lt_db_schema *schema, lt_db **out, lt_err *err)
{
    LT_AUTO(lt_db_ref) db = lt_xcalloc(1, sizeof(*db));
    db->path = lt_xstrdup(path);
    db->in_memory = strcmp(path, ":memory:") == 0;
    db->lock_fd = -1;
    db->cache_kib = schema->cache_kib;
    db->last = &db->first;
    (void)pthread_mutex_init(&db->jobs_lock, NULL);
    (void)pthread_mutex_init(&db->readers_lock, NULL);
    if (!db->in_memory)
        LT_TRY(make_files(db, err));
    /* Switching a new file to WAL is a race that SQLite answers with "busy" at once. */
    LT_TRY(lock_file(db, LOCK_EX, err));
    lt_status status = lt_db_conn_open(db->path, true, db->cache_kib, &db->writer, err);
    lt_err unlocking;
    lt_ignore(lock_file(db, LOCK_UN, &unlocking));
    LT_TRY(status);
    LT_TRY(migrate(db, schema, err));
    *out = LT_TAKE(db);
    return LT_OK;
}

void lt_db_close(lt_db *db)
{
    if (!db)
        return;
    while (db->readers) {
        lt_db_conn *next = db->readers->next;
        lt_db_conn_close(db->readers);
        db->readers = next;
    }
    lt_db_conn_close(db->writer);
    lt_fd_close(db->lock_fd);
    (void)pthread_mutex_destroy(&db->jobs_lock);
    (void)pthread_mutex_destroy(&db->readers_lock);
    lt_free(db->path);
    lt_free(db);
}
