/* A database file keeps its promises to many writers, and says what is wrong with it. */
#include "db/db.h"

#include "base/fs.h"
#include "support/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const first_step[] = {
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE, bytes BLOB, real REAL) STRICT;",
    NULL};
static const char *const two_steps[] = {
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE, bytes BLOB, real REAL) STRICT;",
    "ALTER TABLE notes ADD COLUMN late TEXT; CREATE INDEX notes_late ON notes (late);", NULL};
static const char *const broken_step[] = {
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE, bytes BLOB, real REAL) STRICT;",
    "CREATE TABLE half (id INTEGER); CREATE TABLE half (id INTEGER);", NULL};
static const lt_db_schema one = {.name = "test", .steps = first_step};
static const lt_db_schema two = {.name = "test", .steps = two_steps};
static const lt_db_schema broken = {.name = "test", .steps = broken_step};

static lt_db *open_in(const char *folder, const lt_db_schema *schema)
{
    lt_err err = {0};
    lt_db *db = NULL;
    LT_AUTO(lt_chars) path = lt_path_join(folder, "test.db");
    CHECK_OK(lt_db_open(path, schema, &db, &err), err);
    return db;
}

typedef struct answer {
    const char *sql;
    int64_t number;
} answer;

static lt_status ask(lt_tx *tx, void *context, lt_err *err)
{
    answer *it = context;
    LT_AUTO(lt_query) q = lt_tx_query(tx, it->sql);
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "no row");
    it->number = lt_query_i64(&q, 0);
    return LT_OK;
}

static int64_t number(lt_db *db, const char *sql)
{
    lt_err err = {0};
    answer it = {.sql = sql};
    CHECK_OK(lt_db_read(db, ask, &it, &err), err);
    return it.number;
}

/* ---------------------------------------------------------------- values */

static lt_status read_values(lt_tx *tx, LT_UNUSED void *context, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT id, word, bytes, real, NULL FROM notes WHERE id = ? AND word = ?",
                    V(7), V(T("a\0b")));
    CHECK(lt_query_next(&q));
    CHECK_INT(lt_query_i64(&q, 0), 7);
    lt_text word = lt_query_text_in(&q, &arena, 1);
    CHECK(lt_text_eq(word, T("a\0b")));
    CHECK(lt_text_eq(lt_query_text(&q, 2), T("\xff\0")));
    CHECK(lt_query_double(&q, 3) == 0.5);
    CHECK(lt_query_is_null(&q, 4));
    CHECK_INT(lt_query_text(&q, 4).len, 0);
    CHECK(!lt_query_next(&q));
    return lt_query_check(&q, err);
}

Test(db, values_come_back_as_they_went_in)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes VALUES (?, ?, ?, ?)", V(7), V(T("a\0b")),
                        LT_BLOB(T("\xff\0")), V(0.5)),
             err);
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes VALUES (?, ?, ?, ?)", V((size_t)8), V("word"),
                        LT_NULL, LT_NULL),
             err);
    CHECK_OK(lt_db_read(db, read_values, NULL, &err), err);
    CHECK_INT(number(db, "SELECT count(*) FROM notes WHERE word = 'word' AND bytes IS NULL"), 1);
}

Test(db, a_wrong_number_of_parameters_is_an_error)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK(lt_db_exec(db, &err, "INSERT INTO notes (id) VALUES (?)") != LT_OK);
    CHECK(lt_db_exec(db, &err, "INSERT INTO notes (id) VALUES (?)", V(1), V(2)) != LT_OK);
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 0);
}

/* ---------------------------------------------------------------- transactions */

static lt_status insert_then_fail(lt_tx *tx, LT_UNUSED void *context, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(1)));
    return lt_fail(err, LT_INVALID, "on purpose");
}

static lt_status insert_then_ask_nonsense(lt_tx *tx, LT_UNUSED void *context, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(1)));
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT nothing FROM nowhere");
    CHECK(!lt_query_next(&q));
    return LT_OK;
}

static lt_status insert_twice(lt_tx *tx, LT_UNUSED void *context, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(1)));
    CHECK_INT(lt_tx_last_id(tx), 1);
    CHECK_INT(lt_tx_changes(tx), 1);
    CHECK_STATUS(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(1)), LT_CONFLICT, *err);
    return lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(2));
}

static lt_status write_something(lt_tx *tx, LT_UNUSED void *context, lt_err *err)
{
    return lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(1));
}

Test(db, what_fails_leaves_nothing)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK_STATUS(lt_db_write(db, insert_then_fail, NULL, &err), LT_INVALID, err);
    CHECK_STR(err.message, "on purpose");
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 0);
}

Test(db, a_failed_query_dooms_its_transaction)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK(lt_db_write(db, insert_then_ask_nonsense, NULL, &err) != LT_OK);
    CHECK_HAS(err.message, "nowhere");
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 0);
}

Test(db, a_constraint_is_a_conflict_and_the_transaction_goes_on)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK_OK(lt_db_write(db, insert_twice, NULL, &err), err);
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 2);
}

Test(db, a_reader_cannot_write)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK(lt_db_read(db, write_something, NULL, &err) != LT_OK);
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 0);
}

Test(db, memory_is_a_database_of_its_own)
{
    lt_err err = {0};
    lt_db *opened[2] = {NULL, NULL};
    CHECK_OK(lt_db_open(":memory:", &one, &opened[0], &err), err);
    CHECK_OK(lt_db_open(":memory:", &two, &opened[1], &err), err);
    CHECK_OK(lt_db_write(opened[0], write_something, NULL, &err), err);
    CHECK_INT(number(opened[0], "SELECT count(*) FROM notes"), 1);
    CHECK_INT(number(opened[1], "SELECT count(*) FROM notes"), 0);
    lt_db_close(opened[0]);
    lt_db_close(opened[1]);
}

/* ---------------------------------------------------------------- many writers */

enum { THREADS = 16, EACH = 25 };

typedef struct many {
    lt_db *db;
    int64_t base;
    int failed, wrong;
} many;

typedef struct insertion {
    int64_t id;
    bool fails;
} insertion;

static lt_status insert_one(lt_tx *tx, void *context, lt_err *err)
{
    const insertion *it = context;
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(it->id)));
    return it->fails ? lt_fail(err, LT_INVALID, "on purpose") : LT_OK;
}

static void *insert_many(void *context)
{
    many *it = context;
    for (int i = 0; i < EACH; i++) {
        lt_err err = {0};
        insertion row = {.id = it->base + i, .fails = i % 5 == 4};
        lt_status status = lt_db_write(it->db, insert_one, &row, &err);
        it->failed += status == LT_INVALID && lt_has(err.message, "on purpose");
        it->wrong += status != (row.fails ? LT_INVALID : LT_OK);
    }
    return NULL;
}

Test(db, threads_share_commits_and_one_that_fails_hurts_no_other)
{
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    many work[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        work[i] = (many){.db = db, .base = i * 1000};
        CHECK_INT(pthread_create(&threads[i], NULL, insert_many, &work[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        CHECK_INT(work[i].wrong, 0);
        CHECK_INT(work[i].failed, EACH / 5);
    }
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), THREADS * EACH / 5 * 4);
    CHECK_INT(number(db, "SELECT count(*) FROM notes WHERE id % 1000 % 5 = 4"), 0);
}

/* ---------------------------------------------------------------- a commit that is lost for all who shared it */

typedef struct rower {
    lt_db *db;
    int64_t base;
    bool breaks;
    bool said_done[EACH];
} rower;

typedef struct row {
    int64_t id;
    bool breaks;
} row;

static lt_status insert_or_break(lt_tx *tx, void *context, lt_err *err)
{
    const row *it = context;
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO notes (id) VALUES (?)", V(it->id)));
    if (!it->breaks)
        return LT_OK;
    LT_TRY(lt_tx_exec(tx, err, "ROLLBACK")); /* as SQLite does itself when the disk fails */
    return lt_fail(err, LT_IO, "the disk failed");
}

static void *insert_all(void *context)
{
    rower *it = context;
    for (int i = 0; i < EACH; i++) {
        lt_err err = {0};
        row one_row = {.id = it->base + i, .breaks = it->breaks};
        it->said_done[i] = lt_db_write(it->db, insert_or_break, &one_row, &err) == LT_OK;
    }
    return NULL;
}

Test(db, what_is_said_to_be_done_is_there_even_when_a_shared_commit_is_lost)
{
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    rower rowers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        rowers[i] = (rower){.db = db, .base = i * 1000, .breaks = i % 4 == 3};
        CHECK_INT(pthread_create(&threads[i], NULL, insert_all, &rowers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < EACH; j++) {
            LT_AUTO(lt_chars)
            sql = lt_format("SELECT count(*) FROM notes WHERE id = %d", i * 1000 + j);
            CHECK_INT(number(db, sql), rowers[i].said_done[j]);
        }
}

/* A child opens the file itself: 0 when each of its rows was written. */
static int child_writes(const char *path, int64_t base)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = NULL;
    if (lt_db_open(path, &two, &db, &err) != LT_OK)
        return 1;
    for (int64_t i = 0; i < EACH; i++)
        if (lt_db_exec(db, &err, "INSERT INTO notes (id) VALUES (?)", V(base + i)) != LT_OK)
            return 2;
    return 0;
}

Test(db, processes_make_one_file_and_all_write)
{
    enum { PROCESSES = 25 };
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "test.db");
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0)
            _exit(child_writes(path, i * 1000));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int ended = -1;
        CHECK_INT(waitpid(children[i], &ended, 0), children[i]);
        CHECK_INT(ended, 0);
    }
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = NULL;
    CHECK_OK(lt_db_open(path, &two, &db, &err), err);
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), PROCESSES * EACH);
}

/* ---------------------------------------------------------------- forms */

Test(db, an_old_file_is_brought_up_to_date_and_keeps_its_rows)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    lt_db *old = open_in(folder, &one);
    CHECK_OK(lt_db_exec(old, &err, "INSERT INTO notes (id) VALUES (1)"), err);
    lt_db_close(old);
    LT_AUTO(lt_db_ref) db = open_in(folder, &two);
    CHECK_INT(number(db, "SELECT count(*) FROM notes WHERE late IS NULL"), 1);
    CHECK_INT(number(db, "PRAGMA user_version"), 2);
}

Test(db, a_newer_file_is_refused)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    lt_db_close(open_in(folder, &two));
    LT_AUTO(lt_chars) path = lt_path_join(folder, "test.db");
    lt_db *db = NULL;
    CHECK_STATUS(lt_db_open(path, &one, &db, &err), LT_INVALID, err);
    CHECK(db == NULL);
    CHECK_HAS(err.message, "newer leat");
    CHECK_HAS(err.message, path);
    CHECK(err.hint[0]);
}

Test(db, a_step_that_fails_leaves_the_file_as_it_was)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    lt_db_close(open_in(folder, &one));
    LT_AUTO(lt_chars) path = lt_path_join(folder, "test.db");
    lt_db *db = NULL;
    CHECK(lt_db_open(path, &broken, &db, &err) != LT_OK);
    CHECK_HAS(err.message, "half");
    LT_AUTO(lt_db_ref) again = open_in(folder, &one);
    CHECK_INT(number(again, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
}

Test(db, a_file_of_another_program_is_refused)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "test.db");
    sqlite3 *other = NULL;
    CHECK_INT(sqlite3_open(path, &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
    lt_db *db = NULL;
    CHECK_STATUS(lt_db_open(path, &one, &db, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "another program");
}

/* ---------------------------------------------------------------- trouble */

Test(db, a_file_that_is_no_database_says_so)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "test.db");
    LT_AUTO(lt_buf) noise = {0};
    while (noise.len < 20000)
        lt_buf_add(&noise, T("this is not a database "));
    CHECK_OK(lt_file_write(path, lt_buf_text(&noise), 0640, &err), err);
    lt_db *db = NULL;
    CHECK_STATUS(lt_db_open(path, &one, &db, &err), LT_IO, err);
    CHECK_HAS(err.message, path);
    CHECK_HAS(err.message, "damaged");
    CHECK(err.hint[0]);
}

Test(db, a_damaged_page_is_an_error_and_not_an_empty_answer)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(folder, "test.db");
    lt_db *made = open_in(folder, &one);
    for (int i = 0; i < 100; i++)
        CHECK_OK(lt_db_exec(made, &err, "INSERT INTO notes (bytes) VALUES (zeroblob(500))"), err);
    lt_db_close(made);

    LT_AUTO(lt_fd) fd = open(path, O_RDWR | O_CLOEXEC);
    char noise[8192];
    memset(noise, 0x5a, sizeof(noise));
    for (off_t page = 1; page < 7; page++)
        CHECK_INT(pwrite(fd, noise, sizeof(noise), page * 8192), 8192);
    LT_AUTO(lt_db_ref) db = open_in(folder, &one);
    answer it = {.sql = "SELECT sum(length(bytes)) FROM notes WHERE id > 0"};
    CHECK_STATUS(lt_db_read(db, ask, &it, &err), LT_IO, err);
    CHECK_HAS(err.message, "damaged");
    CHECK_HAS(err.message, path);
}

static lt_status set_full(lt_tx *tx, LT_UNUSED void *context, LT_UNUSED lt_err *err)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "PRAGMA max_page_count = 1");
    CHECK(lt_query_next(&q));
    return LT_OK;
}

Test(db, a_full_disk_says_so_and_the_file_stays_usable)
{
    lt_err err = {0};
    LT_AUTO(lt_db_ref) db = open_in(lt_test_folder(), &one);
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes (id) VALUES (1)"), err);
    CHECK_OK(lt_db_write(db, set_full, NULL, &err), err);
    CHECK_STATUS(lt_db_exec(db, &err, "INSERT INTO notes (bytes) VALUES (zeroblob(100000))"), LT_IO,
                 err);
    CHECK_HAS(err.message, "disk is full");
    CHECK_HAS(err.hint, "space");
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes (id) VALUES (2)"), err);
    CHECK_INT(number(db, "SELECT count(*) FROM notes"), 2);
}

Test(db, a_missing_folder_is_named)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "none/test.db");
    lt_db *db = NULL;
    CHECK_STATUS(lt_db_open(path, &one, &db, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, path);
}

Test(db, files_are_closed_to_others)
{
    const char *folder = lt_test_folder();
    LT_UNUSED LT_AUTO(lt_db_ref) db = open_in(folder, &one);
    static const char *const names[] = {"test.db", "test.db-wal", "test.db-shm", "test.db.lock"};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, names[i]);
        struct stat info;
        CHECK_INT(stat(path, &info), 0);
        CHECK_INT(info.st_mode & 07, 0);
    }
}

/* Else a process that closes the file would think itself the last one, and take the log away below us. */
Test(db, opening_a_file_again_keeps_the_locks_on_it)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_db_ref) first LT_UNUSED = open_in(folder, &one);
    LT_AUTO(lt_db_ref) second = open_in(folder, &one);
    LT_AUTO(lt_fd) fd = open(lt_db_path(second), O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0);
    CHECK(lock.l_type != F_UNLCK);
}

Test(db, a_copy_is_what_the_file_held_and_a_file_of_its_own)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    answer count = {"SELECT count(*) FROM notes", 0};
    LT_AUTO(lt_db_ref) db = open_in(folder, &one);
    LT_AUTO(lt_db_ref) copied = NULL;
    LT_AUTO(lt_chars) path = lt_path_join(folder, "copy.db");
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes (word) VALUES ('a'), ('b')"), err);
    CHECK_OK(lt_db_copy(db, path, &err), err);
    CHECK_OK(lt_db_exec(db, &err, "INSERT INTO notes (word) VALUES ('c')"), err);
    CHECK_STATUS(lt_db_copy(db, path, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "copy.db");
    CHECK_OK(lt_db_open(path, &one, &copied, &err), err);
    CHECK_OK(lt_db_read(copied, ask, &count, &err), err);
    CHECK(count.number == 2);
    CHECK_OK(lt_db_exec(copied, &err, "DELETE FROM notes"), err);
    CHECK_OK(lt_db_read(db, ask, &count, &err), err);
    CHECK(count.number == 3);
}
