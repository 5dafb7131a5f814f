/* Each call that changes a file of the store fails once, in turn: the write fails cleanly, and trying again works. */
#include "store/local.h"

#include "store/retention.h"
#include "store/upload.h"

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
    .fstatvfs = fstatvfs,
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

static void arm_sqlite(bool armed)
{
    set_sqlite_pwrite(armed ? pwrite_or_fail : NULL);
}

/* Its syncs are no system calls that it lets one replace: each file that it opens gets methods of ours. */
typedef int open_call(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *out_flags);
static open_call *real_open;
static int (*real_sync)(sqlite3_file *file, int flags); /* one for files of every kind */
static bool syncs_fail;
static int syncs_failed;

static int sync_or_fail(sqlite3_file *file, int flags)
{
    if (syncs_fail && fails()) {
        syncs_failed++;
        return SQLITE_IOERR_FSYNC;
    }
    return real_sync(file, flags);
}

static int open_watched(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *out_flags)
{
    static sqlite3_io_methods of_databases, of_logs; /* a log is opened without locks */
    sqlite3_io_methods *methods = flags & SQLITE_OPEN_WAL ? &of_logs : &of_databases;
    int result = real_open(vfs, name, file, flags, out_flags);
    if (result != SQLITE_OK || !(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)))
        return result;
    *methods = *file->pMethods;
    real_sync = methods->xSync;
    methods->xSync = sync_or_fail;
    file->pMethods = methods;
    return result;
}

static void watch_syncs(bool watched)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (watched)
        real_open = vfs->xOpen;
    vfs->xOpen = watched ? open_watched : real_open;
    syncs_failed = 0;
}

static void arm_syncs(bool armed)
{
    syncs_fail = armed;
}

static void arm_nothing(LT_UNUSED bool armed)
{
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

/* ---------------------------------------------------------------- multipart, copies, encryption, retention */

typedef struct scene {
    lt_store *store;
    lt_text value;
    lt_arena arena;
    lt_upload_name upload;
    lt_part_named part;
} scene;

static lt_status do_sealed_put(scene *it, lt_err *err)
{
    lt_text_body body;
    lt_put_options options = {.sealed = true, .checksum = LT_SUM_CRC32C};
    return lt_store_put(it->store, T("raw"), T("k"), lt_body_from_text(&body, it->value), &options,
                        NULL, NULL, err);
}

static lt_status do_part(scene *it, lt_err *err)
{
    lt_text_body body;
    lt_part_info info = {0};
    LT_TRY(lt_upload_part(it->store, it->upload, 1, lt_body_from_text(&body, it->value), NULL,
                          &it->arena, &info, err));
    it->part = (lt_part_named){.number = 1, .etag = info.etag};
    return LT_OK;
}

static lt_status do_upload(scene *it, lt_err *err)
{
    LT_TRY(lt_upload_create(it->store, T("raw"), T("k"), NULL, &it->arena, &it->upload.upload_id,
                            err));
    LT_TRY(do_part(it, err));
    LT_TRY(do_part(it, err)); /* and once more in its place */
    return lt_upload_complete(it->store, it->upload, &it->part, 1, NULL, NULL, NULL, err);
}

static lt_status do_copy_range(scene *it, lt_err *err)
{
    lt_part_source source = {
        .name = {T("raw"), T("source"), {0}}, .len = (int64_t)it->value.len - 1, .offset = 1};
    lt_part_info info = {0};
    LT_TRY(lt_upload_create(it->store, T("raw"), T("k"), NULL, &it->arena, &it->upload.upload_id,
                            err));
    LT_TRY(lt_upload_part_copy(it->store, it->upload, 1, &source, &it->arena, &info, NULL, err));
    lt_part_named part = {.number = 1, .etag = info.etag};
    return lt_upload_complete(it->store, it->upload, &part, 1, NULL, NULL, NULL, err);
}

static lt_status do_copy(scene *it, lt_err *err)
{
    lt_object_name source = {T("raw"), T("source"), {0}};
    LT_TRY(lt_store_copy(it->store, source, T("raw"), T("k"), NULL, NULL, NULL, NULL, err));
    lt_copy_options sealed = {.put.sealed = true};
    return lt_store_copy(it->store, source, T("raw"), T("k"), &sealed, NULL, NULL, NULL, err);
}

static lt_status do_prune(scene *it, lt_err *err)
{
    lt_prune_request request = {.uploads_older_than_us = 0, .expired_markers = true};
    lt_prune_report report = {0};
    lt_delete_item items[2] = {{.key = T("k")}, {.key = T("source")}};
    LT_TRY(lt_store_delete_many(it->store, T("raw"), items, 2, NULL, &it->arena, err));
    LT_TRY(lt_store_prune(it->store, &request, &report, err));
    LT_TRY(lt_store_collect(it->store, err));
    return put(it->store, "source", it->value, err);
}

static const struct {
    lt_status (*run)(scene *it, lt_err *err);
    int least; /* calls that can fail */
} acts[] = {{do_sealed_put, 4}, {do_upload, 8}, {do_copy_range, 4}, {do_copy, 4}, {do_prune, 4}};

/* What is there is a whole content: reading checks its sums. */
static void is_readable(lt_store *store, const char *key)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) got = {0};
    lt_status status =
        lt_store_get(store, T("raw"), lt_text_of(key), (lt_text){0}, 0, SIZE_MAX, &got, &err);
    CHECK(status == LT_OK || status == LT_NOT_FOUND);
}

/* One act over and over, with its first, second, ... call failing, until none is left to fail. */
static int fail_each_call_of(const char *folder, lt_status (*run)(scene *it, lt_err *err),
                             int with_code, void (*arm)(bool armed))
{
    lt_err err = {0};
    int failed = 0;
    bool reached = true;
    int step = arm == arm_sqlite && lt_test_rounds(0) == 0 ? 3 : 1; /* there are many */
    for (int n = 0; reached && n < 3000; n += step) {
        LT_AUTO(lt_chars) bytes = lt_test_bytes(LARGE, (uint32_t)n + 7);
        lt_text value = lt_text_at(bytes, LARGE);
        scene it = {.store = lt_test_store(folder),
                    .value = value,
                    .upload = {.bucket = T("raw"), .key = T("k")}};
        lt_store_local_set_grace(it.store, -1);
        CHECK_OK(put(it.store, "source", value, &err), err);
        code = with_code;
        calls_left = n;
        arm(true);
        if (arm != arm_sqlite)
            lt_store_local_set_os(it.store, &failing_os);
        lt_status status = run(&it, &err);
        reached = calls_left < 0;
        calls_left = -1;
        arm(false);
        CHECK(status == LT_OK || status == LT_IO);
        failed += status != LT_OK;
        lt_test_check(it.store);
        is_readable(it.store, "k");
        is_readable(it.store, "source");
        CHECK_OK(put(it.store, "source", value, &err), err);
        CHECK_OK(run(&it, &err), err); /* trying again is safe */
        lt_test_check(it.store);
        lt_arena_cleanup(&it.arena);
        lt_store_close(it.store);
    }
    CHECK(!reached);
    return failed;
}

static void fail_all_acts(int with_code, void (*arm)(bool armed))
{
    lt_err err = {0};
    lt_test_master_key(true);
    for (size_t i = 0; i < LT_COUNT(acts); i++) {
        LT_AUTO(lt_chars) folder = lt_format("%s/%zu", lt_test_memory_folder(), i);
        CHECK_OK(lt_folder_make(folder, 0750, &err), err);
        lt_store *store = lt_test_store(folder);
        CHECK_OK(lt_bucket_create(store, T("raw"), LT_VERSIONING_ENABLED, &err), err);
        lt_store_close(store);
        CHECK(fail_each_call_of(folder, acts[i].run, with_code, arm) >= acts[i].least);
    }
    lt_test_master_key(false);
}

Test(fault_store, each_call_of_uploads_copies_and_pruning_may_fail)
{
    fail_all_acts(EIO, arm_nothing);
}

Test(fault_store, a_full_disk_is_survived_by_uploads_copies_and_pruning)
{
    fail_all_acts(ENOSPC, arm_nothing);
}

Test(fault_store, each_write_of_the_index_may_fail_in_uploads_copies_and_pruning)
{
    fail_all_acts(EIO, arm_sqlite);
}

Test(fault_store, each_sync_of_the_index_may_fail_between_the_other_calls)
{
    watch_syncs(true);
    fail_all_acts(EIO, arm_syncs);
    CHECK(syncs_failed > 10);
    watch_syncs(false);
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
