/* The cache of contents that have no file of their own. */
#include "store/cache.h"

#include "base/fs.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger files are synced when made and trusted by their size; smaller ones are verified when used again, which is cheaper. */
#define SYNC_FROM ((int64_t)(64 * LT_KIB))
static const int64_t in_use_us = (int64_t)3600 * 1000000;

/* ---------------------------------------------------------------- making a file */

typedef struct file_sink {
    lt_sink sink;
    lt_digest digest;
    int fd;
    const char *path;
} file_sink;

static lt_status write_part(lt_sink *sink, lt_text part, lt_err *err)
{
    file_sink *it = (file_sink *)sink;
    LT_TRY(lt_digest_add(&it->digest, part, err));
    return lt_fd_write(it->fd, part, it->path, err);
}

static lt_status check_sum(lt_digest *digest, const lt_data_file *file, lt_err *err)
{
    lt_sums sums;
    char hex[2 * LT_SHA256_BYTES + 1];
    LT_TRY(lt_digest_end(digest, &sums, err));
    lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), hex);
    if (lt_text_eq(lt_text_of(hex), file->sha256))
        return LT_OK;
    return lt_fail(err, LT_IO, "'%.*s' is damaged: its checksum is wrong", LT_ARG(file->key));
}

static lt_status write_content(lt_store *store, lt_text bucket, const lt_data_file *file,
                               const char *path, lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", path);
    LT_AUTO(lt_digest) digest = {0};
    LT_TRY(lt_digest_begin(&digest, false, err));
    file_sink sink = {.sink.write = write_part, .digest = digest, .fd = fd, .path = path};
    LT_TRY(store->ops->file_read(store, bucket, file, &sink.sink, err));
    LT_TRY(check_sum(&digest, file, err));
    if (file->size_bytes >= SYNC_FROM && fdatasync(fd) != 0)
        return lt_fail_errno(err, errno, "cannot sync '%s'", path);
    return LT_OK;
}

static lt_status make_file(lt_store *store, lt_text bucket, const lt_data_file *file,
                           const char *path, lt_err *err)
{
    LT_AUTO(lt_chars) temp = lt_format("%s.%08x.tmp", path, arc4random());
    lt_status status = write_content(store, bucket, file, temp, err);
    if (status == LT_OK && rename(temp, path) != 0)
        status = lt_fail_errno(err, errno, "cannot name '%s'", path);
    if (status != LT_OK)
        (void)unlink(temp);
    return status;
}

/* There, and of the right bytes; using it makes it young. */
static bool is_there(const lt_data_file *file, const char *path)
{
    struct stat info;
    lt_err err;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size != file->size_bytes)
        return false;
    (void)utimensat(AT_FDCWD, path, NULL, 0);
    if (file->size_bytes >= SYNC_FROM)
        return true;
    LT_AUTO(lt_buf) bytes = {.limit = (size_t)file->size_bytes};
    LT_AUTO(lt_digest) digest = {0};
    return lt_file_read(path, &bytes, &err) == LT_OK &&
           lt_digest_begin(&digest, false, &err) == LT_OK &&
           lt_digest_add(&digest, lt_buf_text(&bytes), &err) == LT_OK &&
           check_sum(&digest, file, &err) == LT_OK;
}

/* ---------------------------------------------------------------- the bound */

typedef struct entry {
    char *name; /* owned */
    int64_t size_bytes, used_at_us;
} entry;
typedef LT_VEC(entry) entries;

static int64_t list_entries(DIR *opened, entries *out)
{
    int64_t sum = 0;
    struct dirent *found;
    struct stat info;
    while ((found = readdir(opened))) {
        if (found->d_name[0] == '.' ||
            fstatat(dirfd(opened), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        entry item = {.name = lt_xstrdup(found->d_name),
                      .size_bytes = info.st_size,
                      .used_at_us = (int64_t)info.st_mtime * 1000000};
        lt_push(out, item);
        sum += info.st_size;
    }
    return sum;
}

static int by_age(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    return (left->used_at_us > right->used_at_us) - (left->used_at_us < right->used_at_us);
}

static void keep_bound(const char *folder, int64_t most_bytes)
{
    DIR *opened = opendir(folder);
    if (!opened)
        return;
    entries list = {0};
    int64_t sum = list_entries(opened, &list);
    if (list.len)
        qsort(list.items, list.len, sizeof(*list.items), by_age);
    int64_t young_us = lt_now_us() - in_use_us;
    for (size_t i = 0; i < list.len; i++) {
        const entry *item = &list.items[i];
        if (sum > most_bytes && item->used_at_us < young_us &&
            unlinkat(dirfd(opened), item->name, 0) == 0)
            sum -= item->size_bytes;
        lt_free(list.items[i].name);
    }
    lt_vec_free(&list);
    (void)closedir(opened);
}

lt_status lt_cache_files(lt_store *store, lt_text bucket, const lt_data_files *files,
                         const char *folder, lt_arena *arena, lt_text *paths, lt_err *err)
{
    int64_t made_bytes = 0;
    for (size_t i = 0; i < files->len; i++) {
        const lt_data_file *file = &files->items[i];
        char sha256[LT_SHA256_BYTES];
        if (paths[i].len)
            continue;
        if (!lt_hex_read(file->sha256, sha256, sizeof(sha256))) /* it becomes a file name */
            return lt_fail(err, LT_INVALID, "'%.*s' is no SHA-256 of a file", LT_ARG(file->sha256));
        if (!made_bytes)
            LT_TRY(lt_folder_make(folder, 0750, err));
        const char *path = lt_arena_format(arena, "%s/%.*s", folder, LT_ARG(file->sha256));
        if (!is_there(file, path)) {
            LT_TRY(make_file(store, bucket, file, path, err));
            made_bytes += file->size_bytes + 1;
        }
        paths[i] = lt_text_of(path);
    }
    if (made_bytes)
        keep_bound(folder, store->cache_bytes);
    return LT_OK;
}
