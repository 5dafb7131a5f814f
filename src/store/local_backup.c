/* A copy of the local store beside its use: the index first, then the contents that it names. */
#include "store/backup.h"

#include "base/each.h"
#include "base/log.h"
#include "base/proc.h"
#include "store/local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { JOBS = 4, PAGE = 1024, CHUNK = 256 * 1024 };

typedef struct content {
    int64_t id;
    lt_blob_name name;
    bool is_needed; /* something refers to it */
} content;

typedef struct backup {
    lt_local *self;
    const lt_backup_request *request;
    lt_db *index; /* owned; of the copy */
    int64_t after_id;
    LT_VEC(content)
    page;
    char *folder; /* owned; blobs/aa/bb that was made last */
} backup;

static void backup_cleanup(backup *it)
{
    lt_db_close(it->index);
    lt_vec_free(&it->page);
    lt_free(it->folder);
}

/* ---------------------------------------------------------------- one content */

/* Sums are checked on the way, of what lies as it is: what is encrypted has its own, which need the key. */
static lt_status copy_and_sum(int from, int to, const char *what, bool *right,
                              const lt_blob_name *name, _Atomic int64_t *bytes, lt_err *err)
{
    LT_AUTO(lt_digest) digest = {0};
    LT_AUTO(lt_chars) buffer = lt_xmalloc(CHUNK);
    lt_sums sums;
    ssize_t got;
    LT_TRY(lt_digest_begin(&digest, false, err));
    while ((got = read(from, buffer, CHUNK)) > 0) {
        lt_text part = lt_text_at(buffer, (size_t)got);
        LT_TRY(lt_digest_add(&digest, part, err));
        LT_TRY(lt_fd_write(to, part, what, err));
        atomic_fetch_add(bytes, (int64_t)got);
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "the backup was stopped");
    }
    if (got < 0)
        return lt_fail_errno(err, errno, "cannot read what becomes '%s'", what);
    LT_TRY(lt_digest_end(&digest, &sums, err));
    *right = lt_blob_name_is_sealed(name) || memcmp(sums.sha256, name->bytes, LT_SHA256_BYTES) == 0;
    return LT_OK;
}

static lt_status copy_file(const backup *it, const content *one, const char *path, const char *to,
                           lt_err *err)
{
    bool right = false;
    struct stat info;
    lt_transfer_counts *counts = it->request->counts;
    LT_AUTO(lt_fd) in = openat(it->self->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 && errno == ENOENT && !one->is_needed)
        return LT_OK;
    if (in < 0 && errno == ENOENT) {
        lt_log(LT_LOG_ERROR, "the store's %s is missing; 'leat store check' says whose it is",
               path);
        atomic_fetch_add(&counts->failed, 1);
        return LT_OK;
    }
    if (in < 0 || fstat(in, &info) != 0)
        return lt_fail_errno(err, errno, "cannot open '%s/%s'", it->self->folder, path);
    LT_AUTO(lt_fd) out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, info.st_mode & 0777);
    if (out < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", to);
    LT_TRY(copy_and_sum(in, out, to, &right, &one->name, &counts->bytes, err));
    if (futimens(out, (struct timespec[]){info.st_atim, info.st_mtim}) != 0)
        return lt_fail_errno(err, errno, "cannot set the time of '%s'", to);
    if (!right)
        lt_log(LT_LOG_ERROR, "the store's %s is damaged; 'leat store check' says whose it is",
               path);
    atomic_fetch_add(right ? &counts->copied : &counts->failed, 1);
    return LT_OK;
}

static lt_status copy_content(void *context, size_t i, lt_err *err)
{
    const backup *it = context;
    const content *one = &it->page.items[i];
    char path[LT_BLOB_PATH_CHARS];
    int64_t bytes;
    lt_local_blob_path(lt_blob_name_text(&one->name), path);
    LT_AUTO(lt_chars) to = lt_path_join(it->request->folder, path);
    LT_AUTO(lt_chars) from = lt_path_join(it->self->folder, path);
    if (it->request->earlier) {
        LT_AUTO(lt_chars) earlier = lt_path_join(it->request->earlier, path);
        if (lt_file_link_same(from, earlier, to, &bytes)) {
            atomic_fetch_add(&it->request->counts->same, 1);
            return LT_OK;
        }
    }
    return copy_file(it, one, path, to, err);
}

/* ---------------------------------------------------------------- all of them */

static lt_status do_read_page(lt_tx *tx, void *context, lt_err *err)
{
    backup *it = context;
    it->page.len = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT id, sha256, dead_at_us IS NULL FROM blobs WHERE id > ? AND place = ? "
                    "ORDER BY id LIMIT ?",
                    V(it->after_id), V(LT_PLACE_FILE), V(PAGE));
    while (lt_query_next(&q)) {
        content one = {.id = lt_query_i64(&q, 0), .is_needed = lt_query_i64(&q, 2) != 0};
        if (!lt_blob_name_read(lt_query_text(&q, 1), &one.name))
            return lt_fail(err, LT_IO, "'%s': content %lld has no SHA-256", lt_db_path(it->index),
                           (long long)one.id);
        lt_push(&it->page, one);
    }
    return lt_query_check(&q, err);
}

static lt_status make_folders(backup *it, lt_err *err)
{
    for (size_t i = 0; i < it->page.len; i++) {
        char path[LT_BLOB_PATH_CHARS];
        lt_local_blob_path(lt_blob_name_text(&it->page.items[i].name), path);
        *strrchr(path, '/') = '\0';
        LT_AUTO(lt_chars) folder = lt_path_join(it->request->folder, path);
        if (it->folder && strcmp(it->folder, folder) == 0)
            continue;
        LT_TRY(lt_folder_make(folder, 0750, err));
        lt_free(it->folder);
        it->folder = LT_TAKE(folder);
    }
    return LT_OK;
}

static lt_status copy_contents(backup *it, lt_err *err)
{
    do {
        LT_TRY(lt_db_read(it->index, do_read_page, it, err));
        atomic_fetch_add(&it->request->counts->found, (int64_t)it->page.len);
        LT_TRY(make_folders(it, err));
        LT_TRY(lt_each(JOBS, it->page.len, copy_content, it, err));
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "the backup was stopped");
        if (it->page.len)
            it->after_id = it->page.items[it->page.len - 1].id;
    } while (it->page.len == PAGE);
    return LT_OK;
}

lt_status lt_local_backup(lt_store *store, const lt_backup_request *request, lt_err *err)
{
    LT_AUTO(backup) it = {.self = lt_local_of(store), .request = request};
    LT_AUTO(lt_fd) pause = -1;
    LT_AUTO(lt_chars) blobs = lt_path_join(request->folder, "blobs");
    LT_AUTO(lt_chars) index = lt_path_join(request->folder, "index.db");
    LT_AUTO(lt_chars) lock = lt_format("%s.lock", index);
    LT_TRY(lt_local_collect_pause(it.self, LOCK_SH, &pause, err));
    LT_TRY(lt_folder_make(blobs, 0750, err));
    LT_TRY(lt_db_copy(it.self->db, index, err));
    LT_TRY(lt_db_open(index, &(lt_db_schema){.name = "store"}, &it.index, err));
    LT_TRY(copy_contents(&it, err));
    lt_db_close(LT_TAKE(it.index));
    return lt_path_remove(lock, err);
}
