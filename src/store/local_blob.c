/* Contents of the local store: received, made durable, and read. */
#include "store/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, CHUNK_LEAST = 4096 };

const char *lt_local_blob_path(lt_text sha256, char out[LT_BLOB_PATH_CHARS])
{
    char hex[2 * LT_SHA256_BYTES + 1];
    lt_hex_write(sha256, hex);
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

/* ---------------------------------------------------------------- receiving */

typedef struct receiver {
    lt_local *self;
    lt_staged *staged;
    char temp[64];
    int fd; /* owned; -1 while it is small */
} receiver;

static lt_status write_part(receiver *it, lt_text part, lt_err *err)
{
    while (part.len) {
        ssize_t wrote = it->self->os->write(it->fd, part.ptr, part.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fail_write(it->self, "write", it->temp, err);
        part = lt_text_sub(part, (size_t)wrote, SIZE_MAX);
    }
    return LT_OK;
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
static lt_status take_part(receiver *it, lt_text part, lt_err *err)
{
    lt_buf *small = &it->staged->body;
    if (it->fd < 0 && part.len <= it->self->small_bytes - small->len) {
        lt_buf_add(small, part);
        return lt_buf_check(small, "an object in memory", err);
    }
    if (it->self->root < 0)
        return lt_fail(err, LT_TOO_BIG, "an object in memory is larger than %zu bytes",
                       it->self->small_bytes);
    if (it->fd < 0) {
        LT_TRY(open_temp(it, err));
        LT_TRY(write_part(it, lt_buf_text(small), err));
        lt_buf_cleanup(small);
    }
    return write_part(it, part, err);
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

static lt_status take_body(receiver *it, lt_body *body, lt_err *err)
{
    LT_AUTO(lt_digest) digest = {0};
    LT_TRY(lt_digest_begin(&digest, true, err));
    size_t chunk = CHUNK;
    if (body->size >= 0 && body->size < CHUNK)
        chunk = LT_MAX((size_t)body->size + 1, (size_t)CHUNK_LEAST);
    LT_AUTO(lt_chars) buffer = lt_xmalloc(chunk);
    size_t got = chunk;
    while (got == chunk) {
        LT_TRY(fill(body, buffer, chunk, &got, err));
        LT_TRY(lt_digest_add(&digest, lt_text_at(buffer, got), err));
        LT_TRY(take_part(it, lt_text_at(buffer, got), err));
        it->staged->size_bytes += (int64_t)got;
    }
    if (body->size >= 0 && body->size != it->staged->size_bytes)
        return lt_fail(err, LT_INVALID, "the body has %lld bytes and not %lld as announced",
                       (long long)it->staged->size_bytes, (long long)body->size);
    return lt_digest_end(&digest, &it->staged->sums, err);
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
    (void)pthread_mutex_unlock(&self->lock);
    if (known)
        return LT_OK;
    char outer[sizeof("blobs/aa")], inner[sizeof("blobs/aa/bb")];
    (void)snprintf(outer, sizeof(outer), "%.8s", blob_path);
    (void)snprintf(inner, sizeof(inner), "%.11s", blob_path);
    LT_TRY(make_folder(self, outer, "blobs", err));
    LT_TRY(make_folder(self, inner, outer, err));
    (void)pthread_mutex_lock(&self->lock);
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
    lt_text sha256 = lt_text_at(it->staged->sums.sha256, LT_SHA256_BYTES);
    char path[LT_BLOB_PATH_CHARS], folder[sizeof("blobs/aa/bb")];
    (void)snprintf(folder, sizeof(folder), "%.11s", lt_local_blob_path(sha256, path));
    if (known->place == LT_PLACE_BODY)
        return LT_OK;
    if (known->place == LT_PLACE_FILE && is_whole(self, path, it->staged->size_bytes))
        return LT_OK; /* equal contents are stored once */
    LT_TRY(need_folder(self, path, sha256, err));
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

lt_status lt_local_receive(lt_local *self, lt_body *body, lt_staged *staged, lt_err *err)
{
    receiver it = {.self = self, .staged = staged, .fd = -1};
    staged->body.limit = self->small_bytes;
    lt_status status = take_body(&it, body, err);
    staged->is_small = it.fd < 0;
    if (status == LT_OK && !staged->is_small)
        status = make_durable(&it, err);
    lt_fd_close(it.fd);
    if (it.fd >= 0 && it.temp[0])
        (void)self->os->unlinkat(self->root, it.temp, 0);
    lt_err dropping;
    if (status != LT_OK && staged->intent_id)
        lt_ignore(lt_db_write(self->db, do_drop, &staged->intent_id, &dropping));
    return status;
}

lt_status lt_local_settle(lt_tx *tx, lt_staged *staged, lt_err *err)
{
    lt_index_blob blob;
    if (staged->intent_id)
        return lt_index_intent_settle(tx, staged, err);
    return lt_index_blob_add(tx, staged, LT_PLACE_BODY, &blob, err);
}

/* ---------------------------------------------------------------- reading */

lt_status lt_local_content_find(lt_tx *tx, lt_text sha256, lt_local_content *content, lt_err *err)
{
    memcpy(content->sha256, sha256.ptr, LT_SHA256_BYTES);
    content->is_known = lt_index_blob_find(tx, sha256, &content->blob);
    if (!content->is_known || content->blob.place != LT_PLACE_BODY)
        return lt_tx_check(tx, err);
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT body FROM bodies WHERE blob_id = ?", V(content->blob.id));
    content->is_known = lt_query_next(&q);
    content->body.limit = SIZE_MAX / 2; /* it is there, so it fits */
    if (content->is_known)
        lt_buf_add(&content->body,
                   lt_text_sub(lt_query_text(&q, 0), content->offset, content->len));
    return lt_tx_check(tx, err);
}

void lt_local_content_cleanup(lt_local_content *content)
{
    lt_buf_cleanup(&content->body);
}

static lt_status pour_file(int fd, size_t offset, size_t len, lt_sink *sink, const char *what,
                           lt_err *err)
{
    LT_AUTO(lt_chars) buffer = lt_xmalloc(CHUNK);
    while (len) {
        ssize_t got = pread(fd, buffer, LT_MIN(len, (size_t)CHUNK), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot read the content of '%s'", what);
        if (got == 0)
            return lt_fail(err, LT_IO, "the content of '%s' is damaged: it ends too early", what);
        LT_TRY(sink->write(sink, lt_text_at(buffer, (size_t)got), err));
        offset += (size_t)got;
        len -= (size_t)got;
    }
    return LT_OK;
}

static lt_status read_file(lt_local *self, const lt_local_content *content, lt_sink *sink,
                           const char *what, lt_err *err)
{
    char path[LT_BLOB_PATH_CHARS];
    lt_local_blob_path(lt_text_at(content->sha256, LT_SHA256_BYTES), path);
    LT_AUTO(lt_fd) fd = openat(self->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        lt_ignore(lt_fail(err, LT_IO, "the content of '%s' is missing: '%s/%s'", what, self->folder,
                          path));
        return lt_hint(err, "'leat store check' lists all that is damaged; restore a backup");
    }
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read the content of '%s': '%s/%s'", what,
                             self->folder, path);
    size_t size = (size_t)content->blob.size_bytes;
    size_t from = LT_MIN(content->offset, size);
    return pour_file(fd, from, LT_MIN(content->len, size - from), sink, what, err);
}

lt_status lt_local_content_read(lt_local *self, const lt_local_content *content, lt_sink *sink,
                                const char *what, lt_err *err)
{
    if (!content->is_known)
        return lt_fail(err, LT_IO, "the content of '%s' is missing from the index", what);
    if (content->blob.place == LT_PLACE_BODY)
        return sink->write(sink, lt_buf_text(&content->body), err);
    return read_file(self, content, sink, what, err);
}

typedef struct blob_read {
    lt_text sha256;
    lt_local_content *content;
} blob_read;

static lt_status do_find(lt_tx *tx, void *context, lt_err *err)
{
    const blob_read *it = context;
    return lt_local_content_find(tx, it->sha256, it->content, err);
}

lt_status lt_local_blob_read(lt_local *self, lt_text sha256, lt_sink *sink, const char *what,
                             lt_err *err)
{
    LT_AUTO(lt_local_content) content = {.len = SIZE_MAX};
    blob_read it = {.sha256 = sha256, .content = &content};
    LT_TRY(lt_db_read(self->db, do_find, &it, err));
    return lt_local_content_read(self, &content, sink, what, err);
}
