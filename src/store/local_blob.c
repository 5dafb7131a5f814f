/* Contents of the local store: received, checked, and made durable. */
#include "store/local.h"

#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_LEAST = 4096, CHUNK_MOST = 64 * 1024 }; /* of what one thread takes and hashes */
#define SPREAD_FROM ((int64_t)LT_MIB) /* bodies that are larger are hashed on threads */
#define WRITE_BACK_EVERY ((int64_t)8 * 1024 * 1024) /* so that the disk works while we hash */
#define RESERVE ((uint64_t)64 * 1024 * 1024)
enum { RESERVE_PART = 20 }; /* but not more than this part of a small disk */

const char *lt_local_blob_path(lt_text name, char out[LT_BLOB_PATH_CHARS])
{
    char hex[2 * LT_BLOB_NAME_BYTES + 1];
    lt_hex_write(name, hex);
    (void)snprintf(out, LT_BLOB_PATH_CHARS, "blobs/%.2s/%.2s/%s", hex, hex + 2, hex);
    return out;
}

/* Writing failed: what it means and what helps. */
static lt_status fail_write(const lt_local *self, const char *doing, const char *path, lt_err *err)
{
    int code = errno;
    lt_status status = lt_fail_errno(err, code, "cannot %s '%s/%s'", doing, self->folder, path);
    if (code == ENOSPC || code == EDQUOT)
        return lt_hint(err, "free some space, then try again");
    if (code == EROFS || code == EACCES)
        return lt_hint(err, "make the folder '%s' writable for this user", self->folder);
    return status;
}

/* New contents stop before the disk is full, so that there is room for what makes room: deleting and pruning write too. */
static bool has_room(const lt_local *self, int64_t size, uint64_t *free_bytes)
{
    struct statvfs disk;
    if (self->root < 0 || self->os->fstatvfs(self->root, &disk) != 0)
        return true; /* writing tells what is wrong */
    *free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    uint64_t reserve = LT_MIN(RESERVE, (uint64_t)disk.f_blocks * disk.f_frsize / RESERVE_PART);
    return *free_bytes >= reserve + (uint64_t)LT_MAX(size, (int64_t)0);
}

static lt_status need_room(lt_local *self, int64_t size, lt_err *err)
{
    char left[LT_SIZE_CHARS];
    uint64_t free_bytes;
    if (has_room(self, size, &free_bytes))
        return LT_OK;
    lt_local_collect_in_need(self);
    if (has_room(self, size, &free_bytes))
        return LT_OK;
    lt_ignore(lt_store_fail(err, LT_WHY_NO_ROOM, "the disk of '%s' is nearly full: %s left",
                            self->folder, lt_size_write((int64_t)free_bytes, left)));
    return lt_hint(err, "free some space, then try again: 'leat store prune' removes old versions");
}

/* ---------------------------------------------------------------- receiving */

typedef struct receiver {
    lt_local *self;
    lt_staged *staged;
    char temp[64];
    int fd; /* owned; -1 while it is small */
    int64_t written, flushed;
    lt_cipher cipher;  /* owned; of a sealed content */
    uint64_t segments; /* that were encrypted */
    char *open;        /* owned; the segment that is not full, LT_SEGMENT_BYTES */
    size_t open_len;
    char *closed; /* owned; an encrypted segment */
} receiver;

static void receiver_cleanup(receiver *it)
{
    lt_fd_close(it->fd);
    lt_cipher_cleanup(&it->cipher);
    lt_free(it->open);
    lt_free(it->closed);
}

/* The disk may begin: what is written by now need not wait for the sync at the end. Only a hint: that sync tells what failed. */
static lt_status write_back(receiver *it, lt_err *err)
{
    if (it->written - it->flushed < WRITE_BACK_EVERY)
        return LT_OK;
    (void)sync_file_range(it->fd, it->flushed, it->written - it->flushed, SYNC_FILE_RANGE_WRITE);
    it->flushed = it->written;
    return need_room(it->self, 0, err);
}

static lt_status write_part(receiver *it, lt_text part, lt_err *err)
{
    while (part.len) {
        ssize_t wrote = it->self->os->write(it->fd, part.ptr, part.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fail_write(it->self, "write", it->temp, err);
        it->written += wrote;
        part = lt_text_sub(part, (size_t)wrote, SIZE_MAX);
    }
    return write_back(it, err);
}

static lt_status open_temp(receiver *it, lt_err *err)
{
    LT_TRY(lt_local_owner_need(it->self, err));
    (void)snprintf(it->temp, sizeof(it->temp), "tmp/%s/%08x%08x", it->self->owner, arc4random(),
                   arc4random());
    it->fd = it->self->os->openat(it->self->root, it->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                  0640);
    return it->fd < 0 ? fail_write(it->self, "create", it->temp, err) : LT_OK;
}

/* Small bodies stay in memory; one that grows too large moves to a file. */
static lt_status keep_part(receiver *it, lt_text part, lt_err *err)
{
    lt_buf *small = &it->staged->body;
    size_t most = small->limit;
    if (it->fd < 0 && part.len <= most - small->len) {
        lt_buf_add(small, part);
        return lt_buf_check(small, "an object in memory", err);
    }
    if (it->self->root < 0)
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "an object in memory is larger than %zu bytes",
                             it->self->small_bytes);
    if (it->fd < 0) {
        LT_TRY(open_temp(it, err));
        LT_TRY(write_part(it, lt_buf_text(small), err));
        lt_buf_cleanup(small);
    }
    return write_part(it, part, err);
}

static lt_status close_segment(receiver *it, bool last, lt_err *err)
{
    lt_text plain = lt_text_at(it->open, it->open_len);
    LT_TRY(lt_cipher_segment(&it->cipher, it->segments++, last, plain, it->closed, err));
    it->open_len = 0;
    return keep_part(it, lt_text_at(it->closed, plain.len + LT_SEGMENT_TAG), err);
}

/* A segment is closed when more follows: only then it is known not to be the last. */
static lt_status seal_part(receiver *it, lt_text part, lt_err *err)
{
    while (part.len) {
        if (it->open_len == LT_SEGMENT_BYTES)
            LT_TRY(close_segment(it, false, err));
        size_t len = LT_MIN(part.len, (size_t)LT_SEGMENT_BYTES - it->open_len);
        memcpy(it->open + it->open_len, part.ptr, len);
        it->open_len += len;
        part = lt_text_sub(part, len, SIZE_MAX);
    }
    return LT_OK;
}

static lt_status begin_seal(receiver *it, lt_err *err)
{
    unsigned char key[LT_CONTENT_KEY];
    LT_TRY(lt_local_key_need(it->self, true, err));
    arc4random_buf(it->staged->salt, sizeof(it->staged->salt));
    lt_content_key_new(it->self->key, key, it->staged->seal);
    lt_status status = lt_cipher_begin(&it->cipher, key, true, err);
    explicit_bzero(key, sizeof(key));
    it->open = lt_xmalloc(LT_SEGMENT_BYTES);
    it->closed = lt_xmalloc(LT_SEGMENT_BYTES + LT_SEGMENT_TAG);
    return status;
}

/* Never ask a body again that has ended. */
static lt_status fill(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    *got = 0;
    while (*got < size) {
        size_t more = 0;
        LT_TRY(body->read(body, out + *got, size - *got, &more, err));
        if (!more)
            return LT_OK;
        *got += more;
    }
    return LT_OK;
}

static lt_status fail_length(const receiver *it, const lt_body *body, lt_err *err)
{
    return lt_store_fail(err, LT_WHY_INCOMPLETE_BODY,
                         "the body has %s%lld bytes and not %lld as announced",
                         it->staged->size_bytes > body->size ? "at least " : "",
                         (long long)it->staged->size_bytes, (long long)body->size);
}

static lt_status take_part(receiver *it, const lt_body *body, lt_text part, lt_err *err)
{
    it->staged->size_bytes += (int64_t)part.len;
    if (body->size >= 0 && it->staged->size_bytes > body->size)
        return fail_length(it, body, err);
    if (it->staged->size_bytes > LT_PART_BYTES)
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "the body has more than %lld bytes",
                             (long long)LT_PART_BYTES);
    return it->staged->sealed ? seal_part(it, part, err) : keep_part(it, part, err);
}

static lt_status take_body(receiver *it, lt_body *body, lt_hashing *hashing, lt_err *err)
{
    size_t chunk = CHUNK_MOST, got = 0;
    if (body->size >= 0 && body->size < CHUNK_MOST)
        chunk = LT_MAX((size_t)body->size + 1, (size_t)CHUNK_LEAST);
    do {
        if (it->staged->size_bytes + (int64_t)chunk > SPREAD_FROM)
            lt_hashing_spread(hashing, &it->self->hash_teams);
        if (hashing->team)
            chunk = LT_HASH_CHUNK;
        char *buffer = lt_hashing_buffer(hashing, chunk);
        LT_TRY(fill(body, buffer, chunk, &got, err));
        LT_TRY(lt_hashing_add(hashing, got, err));
        LT_TRY(take_part(it, body, lt_text_at(buffer, got), err));
    } while (got == chunk);
    if (body->size >= 0 && body->size != it->staged->size_bytes)
        return fail_length(it, body, err);
    return it->staged->sealed ? close_segment(it, true, err) : LT_OK;
}

/* ---------------------------------------------------------------- what was expected */

static bool is_same(lt_text wanted, const void *bytes, size_t size)
{
    return wanted.len == size && memcmp(wanted.ptr, bytes, size) == 0;
}

static lt_status check_expected(const lt_expected *expected, const lt_staged *staged, lt_err *err)
{
    unsigned char sum[LT_SUM_BYTES];
    size_t size = lt_sum_size(staged->sum_kind);
    if (!expected)
        return LT_OK;
    if (expected->md5.len && !is_same(expected->md5, staged->sums.md5, LT_MD5_BYTES))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the body has another MD5 than announced");
    if (expected->sha256.len && !is_same(expected->sha256, staged->sums.sha256, LT_SHA256_BYTES))
        return lt_store_fail(err, LT_WHY_SHA256_MISMATCH,
                             "the body has another SHA-256 than announced");
    if (!expected->checksum.len)
        return LT_OK;
    if (staged->sum_kind == LT_SUM_NONE)
        return lt_store_fail(err, LT_WHY_BAD_REQUEST, "a checksum is given, but not of which kind");
    if (lt_sum_read(expected->checksum, sum, size) && memcmp(sum, staged->sum, size) == 0)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the body has another %s than announced",
                         lt_sum_name(staged->sum_kind));
}

static lt_status take_and_check(receiver *it, lt_body *body, const lt_expected *expected,
                                lt_err *err)
{
    LT_AUTO(lt_hashing) hashing = {0};
    LT_TRY(lt_hashing_begin(&hashing, it->staged->sum_kind, err));
    if (it->staged->sealed)
        LT_TRY(begin_seal(it, err));
    LT_TRY(take_body(it, body, &hashing, err));
    LT_TRY(lt_hashing_end(&hashing, it->staged, err));
    return check_expected(expected, it->staged, err);
}

/* ---------------------------------------------------------------- making durable */

static lt_status sync_folder(lt_local *self, const char *path, lt_err *err)
{
    LT_AUTO(lt_fd) fd = self->os->openat(self->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 || self->os->fsync(fd) != 0)
        return fail_write(self, "sync", path, err);
    return LT_OK;
}

static lt_status make_folder(lt_local *self, const char *path, const char *parent, lt_err *err)
{
    if (self->os->mkdirat(self->root, path, 0750) != 0 && errno != EEXIST)
        return fail_write(self, "create", path, err);
    return sync_folder(self, parent,
                       err); /* also when another process made it: it may not have synced yet */
}

/* blobs/aa/bb is there and durable; asked of the disk once for each open store. */
static lt_status need_folder(lt_local *self, const char *blob_path, lt_text sha256, lt_err *err)
{
    size_t bit = (size_t)(unsigned char)sha256.ptr[0] << 8 | (unsigned char)sha256.ptr[1];
    uint8_t mask = (uint8_t)(1U << (bit & 7));
    (void)pthread_mutex_lock(&self->lock);
    bool known = (self->known_folders[bit >> 3] & mask) != 0;
    bool outer_known = self->known_outer[bit >> 8];
    (void)pthread_mutex_unlock(&self->lock);
    if (known)
        return LT_OK;
    char outer[sizeof("blobs/aa")], inner[sizeof("blobs/aa/bb")];
    (void)snprintf(outer, sizeof(outer), "%.8s", blob_path);
    (void)snprintf(inner, sizeof(inner), "%.11s", blob_path);
    if (!outer_known)
        LT_TRY(make_folder(self, outer, "blobs", err));
    LT_TRY(make_folder(self, inner, outer, err));
    (void)pthread_mutex_lock(&self->lock);
    self->known_outer[bit >> 8] = true;
    self->known_folders[bit >> 3] |= mask;
    (void)pthread_mutex_unlock(&self->lock);
    return LT_OK;
}

static bool is_whole(const lt_local *self, const char *path, int64_t size_bytes)
{
    struct stat info;
    return fstatat(self->root, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           info.st_size == size_bytes;
}

/* Folders of waiting writers are almost never the same one of 65,536; the journal of the file system joins their syncs. */
static lt_status put_in_place(receiver *it, const lt_index_blob *known, lt_err *err)
{
    lt_local *self = it->self;
    lt_blob_name name = lt_blob_name_of(it->staged);
    char path[LT_BLOB_PATH_CHARS], folder[sizeof("blobs/aa/bb")];
    (void)snprintf(folder, sizeof(folder), "%.11s",
                   lt_local_blob_path(lt_blob_name_text(&name), path));
    if (known->place == LT_PLACE_BODY)
        return LT_OK;
    if (known->place == LT_PLACE_FILE && is_whole(self, path, it->written))
        return LT_OK; /* equal contents are stored once */
    LT_TRY(need_folder(self, path, lt_blob_name_text(&name), err));
    if (self->os->renameat(self->root, it->temp, self->root, path) != 0)
        return fail_write(self, "name", path, err);
    it->temp[0] = '\0';
    return sync_folder(self, folder, err);
}

typedef struct registration {
    receiver *it;
    lt_index_blob known;
} registration;

static lt_status do_register(lt_tx *tx, void *context, lt_err *err)
{
    registration *call = context;
    lt_staged *staged = call->it->staged;
    LT_TRY(lt_index_blob_add(tx, staged, LT_PLACE_EXPECTED, &call->known, err));
    return lt_index_intent_add(tx, lt_text_of(call->it->self->owner), staged, err);
}

static lt_status make_durable(receiver *it, lt_err *err)
{
    if (it->self->os->fdatasync(it->fd) != 0)
        return fail_write(it->self, "sync", it->temp, err);
    registration call = {.it = it};
    lt_status status = lt_db_write(it->self->db, do_register, &call, err);
    if (status != LT_OK) {
        it->staged->intent_id = 0;
        return status;
    }
    return put_in_place(it, &call.known, err);
}

static lt_status do_drop(lt_tx *tx, void *context, lt_err *err)
{
    const int64_t *intent_id = context;
    return lt_index_intent_drop(tx, *intent_id, err);
}

lt_status lt_local_receive(lt_local *self, lt_body *body, const lt_expected *expected,
                           lt_staged *staged, lt_err *err)
{
    LT_AUTO(receiver) it = {.self = self, .staged = staged, .fd = -1};
    staged->body.limit = self->small_bytes + (staged->sealed ? LT_SEGMENT_TAG : 0);
    if (self->root < 0 && staged->sealed)
        staged->body.limit += self->small_bytes / LT_SEGMENT_BYTES * LT_SEGMENT_TAG;
    lt_status status = need_room(self, body->size, err);
    if (status == LT_OK)
        status = take_and_check(&it, body, expected, err);
    staged->is_small = it.fd < 0;
    if (status == LT_OK && !staged->is_small)
        status = make_durable(&it, err);
    if (it.fd >= 0 && it.temp[0])
        (void)self->os->unlinkat(self->root, it.temp, 0);
    lt_err dropping;
    if (status != LT_OK && staged->intent_id)
        lt_ignore(lt_db_write(self->db, do_drop, &staged->intent_id, &dropping));
    if (status != LT_OK)
        staged->intent_id = 0;
    return status;
}

void lt_local_unstage_one(lt_local *self, lt_staged *staged)
{
    lt_err err; /* what cannot be let go now is when the store is opened again */
    if (staged->intent_id)
        lt_ignore(lt_db_write(self->db, do_drop, &staged->intent_id, &err));
    staged->intent_id = 0;
}

lt_status lt_local_settle(lt_tx *tx, lt_staged *staged, lt_err *err)
{
    lt_index_blob blob;
    if (staged->intent_id)
        return lt_index_intent_settle(tx, staged, err);
    return lt_index_blob_add(tx, staged, LT_PLACE_BODY, &blob, err);
}
