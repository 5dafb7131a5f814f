/* Contents are compared with their SHA-256 when they are first read, once for each open store. */
#include "store/local.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SLOTS = 16384, CHUNK = 256 * 1024 };
/* What is larger is not waited for: the client of a few bytes of it would be kept for seconds. */
#define AT_ONCE_BYTES ((int64_t)(64 * LT_MIB))

/* What is known of contents, at their numbers modulo the number of places: the content's number when it is whole, the negative one
 * when it is damaged. Who is pushed out by another is looked at again. */
struct lt_verified {
    lt_local *self; /* borrowed */
    _Atomic int64_t verdicts[SLOTS];
    _Atomic bool is_busy, is_stopping;
    bool has_thread; /* the one that looked last is to be joined; under the store's lock */
    pthread_t thread;
    lt_index_blob blob; /* that it looks at */
};

lt_verified *lt_verified_new(lt_local *self)
{
    lt_verified *made = lt_xcalloc(1, sizeof(*made));
    made->self = self;
    return made;
}

void lt_verified_free(lt_verified *verified)
{
    if (!verified)
        return;
    atomic_store(&verified->is_stopping, true);
    if (verified->has_thread)
        (void)pthread_join(verified->thread, NULL);
    lt_free(verified);
}

static lt_status fail_damaged(const char *what, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_IO, "'%s' is damaged: its checksum is wrong", what));
    return lt_hint(err, "'leat store check' lists all that is damaged; restore a backup");
}

static bool has_sum(const lt_index_blob *blob, lt_digest *digest)
{
    lt_sums sums;
    lt_err err;
    return lt_digest_end(digest, &sums, &err) == LT_OK &&
           memcmp(sums.sha256, blob->name.bytes, LT_SHA256_BYTES) == 0;
}

/* LT_CANCELLED: the store is being closed. */
static lt_status hash_file(lt_verified *verified, const lt_index_blob *blob, lt_digest *digest,
                           lt_err *err)
{
    char path[LT_BLOB_PATH_CHARS];
    lt_local_blob_path(lt_blob_name_text(&blob->name), path);
    LT_AUTO(lt_fd)
    fd = openat(verified->self->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    LT_AUTO(lt_chars) buffer = lt_xmalloc(CHUNK);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read '%s/%s'", verified->self->folder, path);
    LT_TRY(lt_digest_begin(digest, false, err));
    for (ssize_t got = 1; got != 0;) {
        if (atomic_load(&verified->is_stopping))
            return lt_fail(err, LT_CANCELLED, "the store is being closed");
        got = read(fd, buffer, CHUNK);
        if (got < 0 && errno != EINTR)
            return lt_fail_errno(err, errno, "cannot read '%s/%s'", verified->self->folder, path);
        if (got > 0)
            LT_TRY(lt_digest_add(digest, lt_text_at(buffer, (size_t)got), err));
    }
    return LT_OK;
}

static void *look_at_large(void *context)
{
    lt_verified *verified = context;
    const lt_index_blob *blob = &verified->blob;
    LT_AUTO(lt_digest) digest = {0};
    char path[LT_BLOB_PATH_CHARS];
    lt_err err;
    if (hash_file(verified, blob, &digest, &err) == LT_OK) {
        bool whole = has_sum(blob, &digest);
        atomic_store(&verified->verdicts[blob->id % SLOTS], whole ? blob->id : -blob->id);
        if (!whole)
            lt_log(LT_LOG_WARNING, "%s/%s is damaged: its checksum is wrong",
                   verified->self->folder,
                   lt_local_blob_path(lt_blob_name_text(&blob->name), path));
    }
    atomic_store(&verified->is_busy, false);
    return NULL;
}

/* One at a time: who finds it busy is read all the same, and looked at when it is read again. */
static void begin_large(lt_verified *verified, const lt_index_blob *blob)
{
    if (atomic_exchange(&verified->is_busy, true))
        return;
    (void)pthread_mutex_lock(&verified->self->lock);
    if (verified->has_thread)
        (void)pthread_join(verified->thread, NULL);
    verified->blob = *blob;
    verified->has_thread = pthread_create(&verified->thread, NULL, look_at_large, verified) == 0;
    if (!verified->has_thread)
        atomic_store(&verified->is_busy, false);
    (void)pthread_mutex_unlock(&verified->self->lock);
}

lt_status lt_local_verify(lt_local *self, const lt_piece *piece, const char *what, lt_err *err)
{
    const lt_index_blob *blob = &piece->blob;
    lt_verified *verified = self->verified;
    _Atomic int64_t *verdict = &verified->verdicts[blob->id % SLOTS];
    LT_AUTO(lt_digest) digest = {0};
    int64_t known = atomic_load(verdict);
    if (known == blob->id || lt_blob_name_is_sealed(&blob->name)) /* segments have seals */
        return LT_OK;
    if (blob->place == LT_PLACE_FILE && blob->size_bytes > AT_ONCE_BYTES) {
        begin_large(verified, blob); /* a damaged one, too: somebody may have put it right */
        return known == -blob->id ? fail_damaged(what, err) : LT_OK;
    }
    if (blob->place == LT_PLACE_FILE) {
        LT_TRY(hash_file(verified, blob, &digest, err));
    } else {
        LT_TRY(lt_digest_begin(&digest, false, err));
        LT_TRY(lt_digest_add(&digest, piece->body, err));
    }
    if (!has_sum(blob, &digest))
        return fail_damaged(what, err);
    atomic_store(verdict, blob->id);
    return LT_OK;
}
