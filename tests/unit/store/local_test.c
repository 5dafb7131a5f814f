/* What only the store in a folder promises: one copy, collection, checks, other processes. */
#include "store/local.h"

#include "base/time.h"
#include "support/store_help.h"
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 50000 };

static lt_store *open_with_bucket(const char *folder, lt_versioning versioning)
{
    lt_err err = {0};
    lt_store *store = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(store, T("raw"), versioning, &err), err);
    return store;
}

/* The files below store/blobs. */
static size_t count_blobs(const char *folder)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) blobs = lt_format("%s/store/blobs", folder);
    CHECK_OK(lt_files_below(blobs, "", 100000, &files, &err), err);
    return files.len;
}

static char *only_blob(const char *folder)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) blobs = lt_format("%s/store/blobs", folder);
    CHECK_OK(lt_files_below(blobs, "", 100000, &files, &err), err);
    CHECK_INT(files.len, 1);
    return lt_path_join(blobs, files.items[0]);
}

static size_t count_temps(const char *folder)
{
    lt_err err = {0};
    LT_AUTO(lt_path_list) files = {0};
    LT_AUTO(lt_chars) temps = lt_format("%s/store/tmp", folder);
    CHECK_OK(lt_files_below(temps, "", 100000, &files, &err), err);
    return files.len;
}

static void delete (lt_store *store, lt_text key)
{
    lt_err err = {0};
    CHECK_OK(lt_store_delete(store, T("raw"), key, (lt_text){0}, NULL, NULL, NULL, &err), err);
}

Test(store_local, equal_contents_are_stored_once)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_VERSIONING_ENABLED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    for (int i = 0; i < 3; i++) {
        lt_test_put(store, "raw", T("a"), lt_text_at(bytes, LARGE), NULL);
        lt_test_put(store, "raw", T("b"), lt_text_at(bytes, LARGE), NULL);
    }
    CHECK_INT(count_blobs(folder), 1);
    LT_AUTO(lt_arena) arena = {0};
    lt_check_report report = {0};
    lt_err err = {0};
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    CHECK_INT(report.blobs, 1);
    CHECK_INT(report.bytes, LARGE);
    CHECK_INT(report.objects, 6);
}

Test(store_local, deleted_contents_are_collected_after_a_while)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    lt_text value = lt_text_at(bytes, LARGE);
    lt_test_put(store, "raw", T("a"), value, NULL);
    lt_test_put(store, "raw", T("b"), value, NULL);
    delete (store, T("a"));
    lt_store_local_set_grace(store, -1000000);
    CHECK_OK(lt_local_collect((lt_local *)store, &err), err);
    CHECK_INT(count_blobs(folder), 1); /* b has it */
    lt_store_local_set_grace(store, (int64_t)3600 * 1000000);
    delete (store, T("b"));
    CHECK_OK(lt_local_collect((lt_local *)store, &err), err);
    CHECK_INT(count_blobs(folder), 1); /* somebody may be reading it */
    lt_test_put(store, "raw", T("c"), value, NULL);
    lt_store_local_set_grace(store, -1000000);
    CHECK_OK(lt_local_collect((lt_local *)store, &err), err);
    lt_test_has(store, "raw", T("c"), (lt_text){0}, value); /* it was wanted again in time */
    LT_AUTO(lt_arena) arena = {0};
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    CHECK_INT(report.blobs, 1);
    delete (store, T("c"));
    CHECK_OK(lt_local_collect((lt_local *)store, &err), err);
    CHECK_INT(count_blobs(folder), 0);
    lt_test_put(store, "raw", T("d"), value, NULL);
    lt_test_has(store, "raw", T("d"), (lt_text){0}, value);
    CHECK_INT(lt_test_check(store), 0);
}

Test(store_local, a_commit_on_its_way_is_not_collected)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_store_ref) other = lt_test_store(folder);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    LT_AUTO(lt_commit_ref) commit = NULL;
    lt_text_body body;
    CHECK_OK(lt_commit_begin(store, T("raw"), T("set/"), LT_COMMIT_APPEND, &commit, &err), err);
    CHECK_OK(lt_commit_add(commit, T("large"), lt_body_from_text(&body, lt_text_at(bytes, LARGE)),
                           1, &err),
             err);
    CHECK_OK(lt_commit_add(commit, T("small"), lt_body_from_text(&body, T("small")), 1, &err), err);
    lt_test_put(other, "raw", T("same"), T("small"), NULL);
    delete (other, T("same"));
    lt_store_local_set_grace(other, -1000000);
    CHECK_OK(lt_local_collect((lt_local *)other, &err), err);
    CHECK_OK(lt_commit_finish(commit, T(""), T(""), -1, NULL, NULL, &err), err);
    lt_test_has(other, "raw", T("set/large"), (lt_text){0}, lt_text_at(bytes, LARGE));
    lt_test_has(other, "raw", T("set/small"), (lt_text){0}, T("small"));
    CHECK_INT(lt_test_check(store), 0);
}

Test(store_local, what_the_dead_left_is_cleaned_up)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    lt_store *store = open_with_bucket(folder, LT_UNVERSIONED);
    lt_store_close(store);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) { /* dies with a file in tmp/ and two intents */
        lt_store *mine = NULL;
        lt_commit *commit = NULL;
        lt_text_body body;
        char bytes[LARGE] = {1};
        LT_AUTO(lt_chars) url = lt_format("local:%s/store", folder);
        bool good =
            lt_store_open(url, &mine, &err) == LT_OK &&
            lt_commit_begin(mine, T("raw"), T("set/"), LT_COMMIT_APPEND, &commit, &err) == LT_OK &&
            lt_commit_add(commit, T("a"), lt_body_from_text(&body, T("a")), 1, &err) == LT_OK &&
            lt_commit_add(commit, T("b"), lt_body_from_text(&body, lt_text_at(bytes, LARGE)), 1,
                          &err) == LT_OK;
        LT_AUTO(lt_chars)
        left = lt_format("%s/store/tmp/%s/left", folder, ((lt_local *)mine)->owner);
        _exit(good && lt_file_write(left, T("x"), 0640, &err) == LT_OK ? 0 : 1);
    }
    int ended = -1;
    CHECK_INT(waitpid(child, &ended, 0), child);
    CHECK_INT(ended, 0);
    CHECK_INT(count_temps(folder), 2); /* with its lock */
    CHECK_INT(count_blobs(folder), 1);

    LT_AUTO(lt_store_ref) again = lt_test_store(folder);
    CHECK_INT(count_temps(folder), 0);
    CHECK_INT(lt_test_check(again), 0);
    lt_store_local_set_grace(again, -1000000);
    CHECK_OK(lt_local_collect((lt_local *)again, &err), err);
    CHECK_INT(count_blobs(folder), 0);
    LT_AUTO(lt_arena) arena = {0};
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(again, false, &arena, &report, &err), err);
    CHECK_INT(report.blobs, 0);
}

Test(store_local, a_closed_store_leaves_no_temporary_files)
{
    const char *folder = lt_test_folder();
    lt_store *store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    lt_test_put(store, "raw", T("a"), lt_text_at(bytes, LARGE), NULL);
    lt_store_close(store);
    CHECK_INT(count_temps(folder), 0);
}

/* ---------------------------------------------------------------- collecting while others write */

enum { THREADS = 4, ROUNDS = 40 };

typedef struct churner {
    lt_store *store;
    int number;
    const atomic_int *busy;
    lt_err err; /* the first thing that went wrong */
} churner;

static lt_status churn_once(churner *it, uint32_t round, lt_err *err)
{
    LT_AUTO(lt_chars) key = lt_format("k/%d", it->number);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, round % 2);
    LT_AUTO(lt_buf) got = {0};
    lt_text_body body;
    lt_text name = lt_text_of(key), value = lt_text_at(bytes, LARGE);
    LT_TRY(lt_store_put(it->store, T("raw"), name, lt_body_from_text(&body, value), NULL, NULL,
                        NULL, err));
    LT_TRY(lt_store_get(it->store, T("raw"), name, (lt_text){0}, 0, SIZE_MAX, &got, err));
    if (!lt_text_eq(lt_buf_text(&got), value))
        return lt_fail(err, LT_FAILED, "'%s' has the wrong content", key);
    return lt_store_delete(it->store, T("raw"), name, (lt_text){0}, NULL, NULL, NULL, err);
}

/* The same two contents come, go and come again in every thread, while they are being collected. */
static void *churn(void *context)
{
    churner *it = context;
    for (uint32_t i = 0; i < ROUNDS && it->err.status == LT_OK; i++)
        lt_ignore(churn_once(it, i, &it->err));
    return NULL;
}

static lt_status collect_once(lt_store *store, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_check_report report = {0};
    LT_TRY(lt_local_collect((lt_local *)store, err));
    LT_TRY(lt_store_check(store, true, &arena, &report, err));
    return report.problems.len ? lt_fail(err, LT_FAILED, "%.*s", LT_ARG(report.problems.items[0]))
                               : LT_OK;
}

static void *collect(void *context)
{
    churner *it = context;
    while (atomic_load(it->busy) && it->err.status == LT_OK)
        lt_ignore(collect_once(it->store, &it->err));
    return NULL;
}

Test(store_local, contents_come_and_go_while_they_are_collected_and_checked)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_store_ref) other = lt_test_store(folder);
    lt_store_local_set_grace(other, -1000000);
    atomic_int busy = 1;
    pthread_t threads[THREADS], collector;
    churner churners[THREADS], last = {.store = other, .busy = &busy};
    CHECK_INT(pthread_create(&collector, NULL, collect, &last), 0);
    for (int i = 0; i < THREADS; i++) {
        churners[i] = (churner){.store = store, .number = i};
        CHECK_INT(pthread_create(&threads[i], NULL, churn, &churners[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    atomic_store(&busy, 0);
    CHECK_INT(pthread_join(collector, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_STR(churners[i].err.message, "");
    CHECK_STR(last.err.message, "");
    CHECK_INT(lt_test_check(store), 0);
}

/* ---------------------------------------------------------------- damage */

static void flip_byte(const char *path)
{
    LT_AUTO(lt_fd) fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;
    CHECK_INT(pread(fd, &byte, 1, 100), 1);
    byte ^= 1;
    CHECK_INT(pwrite(fd, &byte, 1, 100), 1);
}

Test(store_local, a_damaged_object_is_noticed_by_who_reads_a_part_of_it)
{
    enum { FAR = 40000 };
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    lt_test_put(store, "raw", T("a/b"), lt_text_at(bytes, LARGE), NULL);
    LT_AUTO(lt_chars) blob = only_blob(folder);
    for (int round = 0; round < 2; round++) { /* damaged, then whole again */
        flip_byte(blob);
        LT_AUTO(lt_store_ref) again = NULL;
        LT_AUTO(lt_chars) url = lt_format("local:%s/store", folder);
        CHECK_OK(lt_store_open(url, &again, &err), err);
        LT_AUTO(lt_reading_ref) reading = NULL;
        lt_object_name name = {T("raw"), T("a/b"), (lt_text){0}};
        lt_object_info info;
        char part[16];
        size_t got = 0;
        lt_span span;
        LT_AUTO(lt_buf) range = {0};
        lt_status wanted = round == 0 ? LT_IO : LT_OK;
        CHECK_OK(lt_reading_open(again, name, 0, &arena, &info, &reading, &err), err);
        CHECK(lt_reading_span(reading, FAR, &span) == (round == 1));
        CHECK_STATUS(lt_reading_pread(reading, FAR, part, sizeof(part), &got, &err), wanted, err);
        CHECK_STATUS(lt_store_get(again, T("raw"), T("a/b"), (lt_text){0}, FAR, 10, &range, &err),
                     wanted, err);
        if (round == 0)
            CHECK_HAS(err.message, "'raw/a/b' is damaged");
    }
}

Test(store_local, a_damaged_object_is_noticed)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    lt_test_put(store, "raw", T("a/b"), lt_text_at(bytes, LARGE), NULL);
    LT_AUTO(lt_chars) blob = only_blob(folder);
    flip_byte(blob);

    LT_AUTO(lt_buf) got = {0};
    CHECK_STATUS(lt_store_get(store, T("raw"), T("a/b"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_IO, err);
    CHECK_HAS(err.message, "'raw/a/b' is damaged");
    CHECK_INT(got.len, 0);
    CHECK_STATUS(lt_store_get_to_fd(store, T("raw"), T("a/b"), (lt_text){0},
                                    open("/dev/null", O_WRONLY | O_CLOEXEC), &err),
                 LT_IO, err);
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, true, &arena, &report, &err), err);
    CHECK_INT(report.damaged, 1);
    CHECK_INT(report.problems.len, 1);
    CHECK_HAS(report.problems.items[0].ptr, "raw/a/b is damaged");

    CHECK_INT(truncate(blob, 10), 0);
    CHECK_STATUS(lt_store_get(store, T("raw"), T("a/b"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_IO, err);
    CHECK_OK(lt_store_check(store, true, &arena, &report, &err), err);
    CHECK_INT(report.damaged, 1);

    CHECK_INT(unlink(blob), 0);
    CHECK_STATUS(lt_store_get(store, T("raw"), T("a/b"), (lt_text){0}, 0, SIZE_MAX, &got, &err),
                 LT_IO, err);
    CHECK_HAS(err.message, "missing");
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    CHECK_INT(report.damaged, 0);
    CHECK_INT(report.missing, 1);

    lt_test_put(store, "raw", T("again"), lt_text_at(bytes, LARGE),
                NULL); /* storing it again heals it */
    lt_test_has(store, "raw", T("a/b"), (lt_text){0}, lt_text_at(bytes, LARGE));
    CHECK_INT(lt_test_check(store), 0);
}

Test(store_local, old_orphans_are_removed_by_repair_and_young_ones_are_not)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, 1);
    lt_test_put(store, "raw", T("a"), lt_text_at(bytes, LARGE), NULL);
    static const char orphan[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    LT_AUTO(lt_chars) inner = lt_format("%s/store/blobs/01/23", folder);
    LT_AUTO(lt_chars) path = lt_path_join(inner, orphan);
    CHECK_OK(lt_folder_make(inner, 0750, &err), err);
    CHECK_OK(lt_file_write(path, T("x"), 0640, &err), err);
    CHECK_INT(lt_test_check(store), 1);
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, true, &arena, &report, &err), err);
    CHECK(lt_path_exists(path));
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    CHECK_OK(lt_store_check(store, false, &arena, &report, &err), err);
    CHECK(lt_path_exists(path));
    CHECK_OK(lt_store_check(store, true, &arena, &report, &err), err);
    CHECK_INT(report.orphans, 1);
    CHECK(!lt_path_exists(path));
    CHECK_INT(lt_test_check(store), 0);
    lt_test_has(store, "raw", T("a"), (lt_text){0}, lt_text_at(bytes, LARGE));
}

Test(store_local, a_foreign_file_among_the_blobs_is_a_problem_and_stays)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_store_ref) store = open_with_bucket(folder, LT_UNVERSIONED);
    LT_AUTO(lt_chars) inner = lt_format("%s/store/blobs/01/23", folder);
    LT_AUTO(lt_chars) path = lt_path_join(inner, "notes.txt");
    CHECK_OK(lt_folder_make(inner, 0750, &err), err);
    CHECK_OK(lt_file_write(path, T("x"), 0640, &err), err);
    lt_check_report report = {0};
    CHECK_OK(lt_store_check(store, true, &arena, &report, &err), err);
    CHECK_INT(report.problems.len, 1);
    CHECK_HAS(report.problems.items[0].ptr, "notes.txt");
    CHECK(lt_path_exists(path));
}

/* ---------------------------------------------------------------- opening */

Test(store, a_wrong_url_says_what_to_write)
{
    lt_err err = {0};
    lt_store *store = NULL;
    CHECK_STATUS(lt_store_open("ftp://x", &store, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "ftp://x");
    CHECK_HAS(err.hint, "local:");
    CHECK_STATUS(lt_store_open("local:", &store, &err), LT_INVALID, err);
    CHECK_STATUS(lt_store_open("mem:x", &store, &err), LT_INVALID, err);
    CHECK(lt_store_open("local:/dev/null/x", &store, &err) != LT_OK);
    CHECK_HAS(err.message, "/dev/null");
    CHECK(store == NULL);
}

/* ---------------------------------------------------------------- processes */

enum { PROCESSES = 6, EACH = 10 };

static int child_puts(const char *folder, int number)
{
    lt_err err = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_chars) url = lt_format("local:%s/store", folder);
    if (lt_store_open(url, &store, &err) != LT_OK)
        return 1;
    lt_status made = lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err);
    if (made != LT_OK && made != LT_CONFLICT)
        return 2;
    for (int i = 0; i < EACH; i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)i); /* the same in every process */
        LT_AUTO(lt_chars) key = lt_format("%d/%d", number, i);
        lt_text_body body;
        lt_text value = lt_text_at(bytes, i % 2 ? LARGE : 100);
        if (lt_store_put(store, T("raw"), lt_text_of(key), lt_body_from_text(&body, value), NULL,
                         NULL, NULL, &err) != LT_OK)
            return 3;
        if (lt_store_delete(store, T("raw"), T("shared"), (lt_text){0}, NULL, NULL, NULL, &err) !=
            LT_OK)
            return 4;
    }
    return 0;
}

Test(store_local, processes_share_a_store_from_its_first_moment)
{
    const char *folder = lt_test_folder();
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0)
            _exit(child_puts(folder, i));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int ended = -1;
        CHECK_INT(waitpid(children[i], &ended, 0), children[i]);
        CHECK_INT(ended, 0);
    }
    LT_AUTO(lt_store_ref) store = lt_test_store(folder);
    for (int i = 0; i < PROCESSES * EACH; i++) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)(i % EACH));
        LT_AUTO(lt_chars) key = lt_format("%d/%d", i / EACH, i % EACH);
        lt_test_has(store, "raw", lt_text_of(key), (lt_text){0},
                    lt_text_at(bytes, i % 2 ? LARGE : 100));
    }
    CHECK_INT(lt_test_check(store), 0);
    CHECK_INT(count_blobs(folder), EACH / 2);
}
