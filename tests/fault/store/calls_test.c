/* Each call that changes a file of the store fails once, in turn: the write fails cleanly, and trying again works. */
#include "store/local.h"

#include "support/store_help.h"
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum { LARGE = 50000 };

/* ---------------------------------------------------------------- the machine that fails */

static int calls_left; /* until the one that fails; < 0: none does */
static int code;

static bool fails(void)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = code;
    return true;
}

static int openat_or_fail(int folder, const char *path, int flags, mode_t mode)
{
    return (flags & O_CREAT) && fails() ? -1 : openat(folder, path, flags, mode);
}
static ssize_t write_or_fail(int fd, const void *bytes, size_t size)
{
    return fails() ? -1 : write(fd, bytes, LT_MIN(size, (size_t)9999)); /* and never all at once */
}
static int fdatasync_or_fail(int fd)
{
    return fails() ? -1 : fdatasync(fd);
}
static int fsync_or_fail(int fd)
{
    return fails() ? -1 : fsync(fd);
}
static int renameat_or_fail(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails() ? -1 : renameat(from_folder, from, to_folder, to);
}
static int mkdirat_or_fail(int folder, const char *path, mode_t mode)
{
    return fails() ? -1 : mkdirat(folder, path, mode);
}

static const lt_os failing_os = {
    .openat = openat_or_fail,
    .write = write_or_fail,
    .fdatasync = fdatasync_or_fail,
    .fsync = fsync_or_fail,
    .renameat = renameat_or_fail,
    .mkdirat = mkdirat_or_fail,
    .unlinkat = unlinkat,
};

/* ---------------------------------------------------------------- SQLite's own writes */

static ssize_t pwrite_or_fail(int fd, const void *bytes, size_t size, off_t offset)
{
    return fails() ? -1 : pwrite(fd, bytes, size, offset);
}

typedef ssize_t pwrite_call(int fd, const void *bytes, size_t size, off_t offset);

static void set_sqlite_pwrite(pwrite_call *call)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        (void)vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)call);
}

/* ---------------------------------------------------------------- what is tried */

static lt_status put(lt_store *store, const char *key, lt_text value, lt_err *err)
{
    lt_text_body body;
    return lt_store_put(store, T("raw"), lt_text_of(key), lt_body_from_text(&body, value), NULL,
                        NULL, NULL, err);
}

static lt_status commit(lt_store *store, lt_text value, lt_err *err)
{
    lt_text_body body;
    LT_AUTO(lt_commit_ref) made = NULL;
    LT_TRY(lt_commit_begin(store, T("raw"), T("set/"), LT_COMMIT_OVERWRITE, &made, err));
    LT_TRY(lt_commit_add(made, T("large"), lt_body_from_text(&body, value), 1, err));
    LT_TRY(lt_commit_add(made, T("small"), lt_body_from_text(&body, lt_text_sub(value, 0, 10)), 1,
                         err));
    return lt_commit_finish(made, T(""), T(""), -1, NULL, NULL, err);
}

/* Is what is there the old content or the new one, and all of it? */
static void is_whole(lt_store *store, const char *key, lt_text old, lt_text new)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    CHECK_OK(lt_store_get(store, T("raw"), lt_text_of(key), (lt_text){0}, 0, SIZE_MAX, &got, &err),
             err);
    CHECK(lt_text_eq(lt_buf_text(&got), old) || lt_text_eq(lt_buf_text(&got), new));
}

/* Run one write over and over, with the first, second, ... call failing, until none is left to fail. Gives how many there were. */
static int fail_each_call(const char *folder, lt_versioning versioning, int with_code)
{
    lt_err err = {0};
    int failed = 0;
    for (int n = 0; n < 1000; n++) {
        lt_store *store = lt_test_store(folder);
        lt_status made = lt_bucket_create(store, T("raw"), versioning, &err);
        CHECK(n == 0 ? made == LT_OK : made == LT_CONFLICT);
        LT_AUTO(lt_chars) old_bytes = lt_test_bytes(LARGE, 1000 + (uint32_t)n);
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)n);
        lt_text old = lt_text_at(old_bytes, LARGE), value = lt_text_at(bytes, LARGE);
        CHECK_OK(put(store, "k", old, &err), err);
        CHECK_OK(commit(store, old, &err), err);

        lt_store_local_set_os(store, &failing_os);
        code = with_code;
        calls_left = n;
        lt_status first = put(store, "k", value, &err);
        lt_status second = first == LT_OK ? commit(store, value, &err) : LT_OK;
        bool reached = calls_left < 0;
        calls_left = -1;
        CHECK(first == LT_OK || first == LT_IO);
        CHECK(second == LT_OK || second == LT_IO);
        CHECK(first == LT_OK || with_code != ENOSPC || err.hint[0]);
        CHECK(!reached || first != LT_OK || second != LT_OK || with_code == 0);

        is_whole(store, "k", first == LT_OK ? value : old, value);
        is_whole(store, "set/large", second == LT_OK && first == LT_OK ? value : old, value);
        lt_test_check(store);
        CHECK_OK(put(store, "k", value, &err), err); /* trying again is safe */
        CHECK_OK(commit(store, value, &err), err);
        is_whole(store, "k", value, value);
        is_whole(store, "set/large", value, value);
        lt_test_check(store);
        lt_store_close(store);
        if (!reached)
            return failed;
        failed++;
    }
    fail();
    return failed;
}

Test(fault_store, each_call_may_fail_and_nothing_is_half)
{
    CHECK(fail_each_call(lt_test_memory_folder(), LT_VERSIONING_ENABLED, EIO) > 20);
}

Test(fault_store, a_full_disk_is_said_and_survived)
{
    CHECK(fail_each_call(lt_test_memory_folder(), LT_UNVERSIONED, ENOSPC) > 20);
}

Test(fault_store, each_write_of_the_index_may_fail)
{
    lt_err err = {0};
    const char *folder = lt_test_memory_folder();
    lt_store *store = lt_test_store(folder);
    CHECK_OK(lt_bucket_create(store, T("raw"), LT_UNVERSIONED, &err), err);
    lt_store_close(store);
    bool reached = true;
    int failed = 0;
    for (int n = 0; reached && n < 1000; n++) {
        store = lt_test_store(folder);
        LT_AUTO(lt_chars) old_bytes = lt_test_bytes(LARGE, 1000 + (uint32_t)n);
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)n);
        lt_text old = lt_text_at(old_bytes, LARGE), value = lt_text_at(bytes, LARGE);
        CHECK_OK(put(store, "k", old, &err), err);
        CHECK_OK(commit(store, old, &err), err);
        code = n % 2 ? ENOSPC : EIO;
        calls_left = n;
        set_sqlite_pwrite(pwrite_or_fail);
        lt_status first = put(store, "k", value, &err);
        lt_status second = first == LT_OK ? commit(store, value, &err) : LT_OK;
        reached = calls_left < 0;
        calls_left = -1;
        set_sqlite_pwrite(NULL);
        failed += first != LT_OK || second != LT_OK;
        CHECK(first == LT_OK || first == LT_IO);
        CHECK(second == LT_OK || second == LT_IO);
        is_whole(store, "k", first == LT_OK ? value : old, value);
        is_whole(store, "set/large", first == LT_OK && second == LT_OK ? value : old, value);
        lt_test_check(store);
        CHECK_OK(commit(store, value, &err), err);
        CHECK_OK(put(store, "k", value, &err), err);
        lt_store_close(store);
    }
    CHECK(!reached);
    CHECK(failed > 10);
}
