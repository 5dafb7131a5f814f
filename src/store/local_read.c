/* Reading versions of the local store: their contents found in one transaction, then read from files, the index, or decrypted. */
#include "store/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { POUR_CHUNK = 256 * 1024, STORED_SEGMENT = LT_SEGMENT_BYTES + LT_SEGMENT_TAG };

/* ---------------------------------------------------------------- finding */

static const lt_reading_ops reading_ops;

lt_local_reading *lt_local_reading_new(lt_local *self, char *what)
{
    lt_local_reading *reading = lt_xcalloc(1, sizeof(*reading));

    reading->base.ops = &reading_ops;
    reading->self = self;
    reading->what = what;
    reading->fd = reading->span_fd = -1;
    (void)pthread_mutex_init(&reading->lock, NULL);
    return reading;
}

lt_status lt_local_reading_add(lt_local_reading *reading, lt_tx *tx, int64_t blob_id, lt_err *err)
{
    lt_piece piece = {.start = reading->base.size};
    if (!lt_index_blob_at(tx, blob_id, &reading->arena, &piece.blob, &piece.body))
        return lt_fail(err, LT_IO, "the content of '%s' is missing from the index", reading->what);
    lt_push(&reading->pieces, piece);
    reading->base.size += piece.blob.size_bytes;
    return lt_tx_check(tx, err);
}

static lt_status fail_no_part(const lt_local_reading *reading, int32_t part, lt_err *err)
{
    return lt_store_fail(err, LT_WHY_BAD_PART, "'%s' has no part %d", reading->what, part);
}

/* `part` counts the parts of the object from 1; their numbers may have gaps. */
static lt_status find_parts(lt_local_reading *reading, lt_tx *tx, int64_t list_id, int32_t part,
                            lt_err *err)
{
    int32_t count = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT blob_id, size_bytes FROM parts WHERE list_id = ? ORDER BY number",
                    V(list_id));
    while (lt_query_next(&q) && (!part || count < part)) {
        if (++count == part || !part)
            LT_TRY(lt_local_reading_add(reading, tx, lt_query_i64(&q, 0), err));
        else
            reading->base.start += lt_query_i64(&q, 1);
    }
    if (!reading->pieces.len && part)
        return fail_no_part(reading, part, err);
    return lt_tx_check(tx, err);
}

lt_status lt_local_reading_find(lt_local_reading *reading, lt_tx *tx,
                                const lt_index_version *version, int32_t part, lt_err *err)
{
    if (version->list_id)
        return find_parts(reading, tx, version->list_id, part, err);
    if (part > 1)
        return fail_no_part(reading, part, err);
    return lt_local_reading_add(reading, tx, version->blob_id, err);
}

lt_status lt_local_reading_ready(lt_local_reading *reading, lt_err *err)
{
    for (size_t i = 0; i < reading->pieces.len; i++)
        if (lt_blob_name_is_sealed(&reading->pieces.items[i].blob.name))
            return lt_local_key_need(reading->self, false, err);
    return LT_OK;
}

bool lt_local_find_content(lt_tx *tx, lt_text sha256, lt_index_blob *out)
{
    char end[LT_BLOB_NAME_BYTES];
    if (lt_index_blob_find(tx, sha256, out))
        return true;
    memcpy(end, sha256.ptr, LT_SHA256_BYTES);
    memset(end + LT_SHA256_BYTES, 0xff, LT_SEAL_SALT_BYTES);
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT id, place, sha256 FROM blobs WHERE sha256 > ? AND sha256 <= ? AND "
                    "place <> ? LIMIT 1",
                    LT_BLOB(sha256), LT_BLOB(lt_text_at(end, sizeof(end))), V(LT_PLACE_EXPECTED));
    if (!lt_query_next(&q))
        return false;
    out->id = lt_query_i64(&q, 0);
    out->place = (lt_place)lt_query_i64(&q, 1);
    return lt_blob_name_read(lt_query_text(&q, 2), &out->name);
}

/* ---------------------------------------------------------------- files */

static lt_status open_file(const lt_local_reading *reading, const lt_piece *piece, int *out,
                           lt_err *err)
{
    const lt_local *self = reading->self;
    char path[LT_BLOB_PATH_CHARS];
    lt_local_blob_path(lt_blob_name_text(&piece->blob.name), path);
    int fd = openat(self->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        lt_ignore(lt_fail(err, LT_IO, "the content of '%s' is missing: '%s/%s'", reading->what,
                          self->folder, path));
        return lt_hint(err, "'leat store check' lists all that is damaged; restore a backup");
    }
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read the content of '%s': '%s/%s'", reading->what,
                             self->folder, path);
    *out = fd;
    return LT_OK;
}

/* A descriptor of the piece: the one that is kept, or one of its own while others read from another piece. */
static lt_status take_fd(lt_local_reading *reading, size_t at, int *fd, bool *own, lt_err *err)
{
    lt_status status = LT_OK;
    (void)pthread_mutex_lock(&reading->lock);
    if (reading->fd_piece != at && reading->fd_users == 0) {
        lt_fd_close(reading->fd);
        reading->fd = -1;
    }
    if (reading->fd < 0) {
        status = open_file(reading, &reading->pieces.items[at], &reading->fd, err);
        reading->fd_piece = at;
    }
    *own = reading->fd_piece != at;
    if (status == LT_OK && !*own) {
        reading->fd_users++;
        *fd = reading->fd;
    }
    (void)pthread_mutex_unlock(&reading->lock);
    return *own ? open_file(reading, &reading->pieces.items[at], fd, err) : status;
}

static void give_fd(lt_local_reading *reading, int fd, bool own)
{
    if (own) {
        lt_fd_close(fd);
        return;
    }
    (void)pthread_mutex_lock(&reading->lock);
    reading->fd_users--;
    (void)pthread_mutex_unlock(&reading->lock);
}

static lt_status pread_all(const lt_local_reading *reading, int fd, int64_t offset, char *out,
                           size_t size, lt_err *err)
{
    while (size) {
        ssize_t got = pread(fd, out, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot read the content of '%s'", reading->what);
        if (got == 0)
            return lt_fail(err, LT_IO, "the content of '%s' is damaged: it ends too early",
                           reading->what);
        out += got;
        offset += got;
        size -= (size_t)got;
    }
    return LT_OK;
}

/* Stored bytes of a piece, wherever they lie. */
static lt_status read_stored(lt_local_reading *reading, size_t at, int64_t offset, char *out,
                             size_t size, lt_err *err)
{
    const lt_piece *piece = &reading->pieces.items[at];
    if (piece->blob.place == LT_PLACE_BODY) {
        lt_text part = lt_text_sub(piece->body, (size_t)offset, size);
        if (part.len != size)
            return lt_fail(err, LT_IO, "the content of '%s' is damaged: it ends too early",
                           reading->what);
        if (size)
            memcpy(out, part.ptr, size);
        return LT_OK;
    }
    int fd = -1;
    bool own = false;
    LT_TRY(take_fd(reading, at, &fd, &own, err));
    lt_status status = pread_all(reading, fd, offset, out, size, err);
    give_fd(reading, fd, own);
    return status;
}

/* ---------------------------------------------------------------- encrypted pieces */

static lt_status begin_cipher(const lt_local_reading *reading, const lt_piece *piece,
                              lt_cipher *cipher, lt_err *err)
{
    unsigned char key[LT_CONTENT_KEY];
    if (!lt_content_key_open(reading->self->key, piece->blob.seal, key))
        return lt_fail(err, LT_IO, "the key of '%s' is damaged", reading->what);
    lt_status status = lt_cipher_begin(cipher, key, false, err);
    explicit_bzero(key, sizeof(key));
    return status;
}

/* One segment, decrypted into `plain`; *len is how much it has. */
static lt_status read_segment(lt_local_reading *reading, size_t at, int64_t number,
                              lt_cipher *cipher, char *stored, char *plain, size_t *len,
                              lt_err *err)
{
    int64_t size = reading->pieces.items[at].blob.size_bytes;
    int64_t from = number * LT_SEGMENT_BYTES;
    *len = (size_t)LT_MIN(size - from, (int64_t)LT_SEGMENT_BYTES);
    bool last = from + (int64_t)*len == size;
    LT_TRY(read_stored(reading, at, number * STORED_SEGMENT, stored, *len + LT_SEGMENT_TAG, err));
    if (lt_cipher_segment(cipher, (uint64_t)number, last, lt_text_at(stored, *len + LT_SEGMENT_TAG),
                          plain, err) == LT_OK)
        return LT_OK;
    return lt_fail(err, LT_IO, "the content of '%s' is damaged: its seal is broken", reading->what);
}

static lt_status read_sealed(lt_local_reading *reading, size_t at, int64_t offset, char *out,
                             size_t size, lt_err *err)
{
    LT_AUTO(lt_cipher) cipher = {0};
    LT_AUTO(lt_chars) stored = lt_xmalloc(STORED_SEGMENT);
    LT_AUTO(lt_chars) plain = lt_xmalloc(LT_SEGMENT_BYTES);
    LT_TRY(begin_cipher(reading, &reading->pieces.items[at], &cipher, err));
    while (size) {
        size_t len, skip = (size_t)(offset % LT_SEGMENT_BYTES);
        LT_TRY(read_segment(reading, at, offset / LT_SEGMENT_BYTES, &cipher, stored, plain, &len,
                            err));
        size_t take = LT_MIN(len - skip, size);
        memcpy(out, plain + skip, take);
        out += take;
        offset += (int64_t)take;
        size -= take;
    }
    return LT_OK;
}

/* ---------------------------------------------------------------- any piece */

/* The piece in which `offset` lies, which is below the size. */
static size_t piece_at(const lt_local_reading *reading, int64_t offset)
{
    size_t low = 0, high = reading->pieces.len;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (reading->pieces.items[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Up to the end of the piece. */
static lt_status read_piece(lt_local_reading *reading, size_t at, int64_t inside, char *out,
                            size_t size, size_t *got, lt_err *err)
{
    const lt_piece *piece = &reading->pieces.items[at];
    size_t take = (size_t)LT_MIN((int64_t)size, piece->blob.size_bytes - inside);
    LT_TRY(lt_blob_name_is_sealed(&piece->blob.name)
               ? read_sealed(reading, at, inside, out, take, err)
               : read_stored(reading, at, inside, out, take, err));
    *got = take;
    return LT_OK;
}

static lt_status local_pread(lt_reading *base, int64_t offset, char *out, size_t size, size_t *got,
                             lt_err *err)
{
    lt_local_reading *reading = (lt_local_reading *)base;
    size_t at = piece_at(reading, offset);
    const lt_piece *piece = &reading->pieces.items[at];
    LT_TRY(lt_local_verify(reading->self, piece, reading->what, err));
    return read_piece(reading, at, offset - piece->start, out, size, got, err);
}

static bool local_span(lt_reading *base, int64_t offset, lt_span *out)
{
    lt_local_reading *reading = (lt_local_reading *)base;
    size_t at = piece_at(reading, offset);
    const lt_piece *piece = &reading->pieces.items[at];
    lt_err err;
    if (piece->blob.place == LT_PLACE_BODY || lt_blob_name_is_sealed(&piece->blob.name) ||
        lt_local_verify(reading->self, piece, reading->what, &err) != LT_OK)
        return false; /* reading it tells what is wrong */
    if (reading->span_fd < 0 || reading->span_piece != at) {
        int fd;
        if (open_file(reading, piece, &fd, &err) != LT_OK)
            return false;
        lt_fd_close(reading->span_fd);
        reading->span_fd = fd;
        reading->span_piece = at;
    }
    *out = (lt_span){.fd = reading->span_fd,
                     .offset = offset - piece->start,
                     .len = piece->start + piece->blob.size_bytes - offset};
    return true;
}

static void local_reading_close(lt_reading *base)
{
    lt_local_reading *reading = (lt_local_reading *)base;
    lt_fd_close(reading->fd);
    lt_fd_close(reading->span_fd);
    lt_vec_free(&reading->pieces);
    lt_arena_cleanup(&reading->arena);
    (void)pthread_mutex_destroy(&reading->lock);
    lt_free(reading->what);
    lt_free(reading);
}

static const lt_reading_ops reading_ops = {
    .pread = local_pread, .span = local_span, .close = local_reading_close};

/* ---------------------------------------------------------------- into sinks */

/* Bytes of one piece; with a digest they are all of it, and checked. */
static lt_status pour_piece(lt_local_reading *reading, size_t at, int64_t offset, int64_t len,
                            lt_digest *digest, lt_sink *sink, lt_err *err)
{
    LT_AUTO(lt_chars) buffer = lt_xmalloc((size_t)LT_MIN(LT_MAX(len, 1), (int64_t)POUR_CHUNK));
    while (len) {
        size_t got;
        LT_TRY(read_piece(reading, at, offset, buffer, (size_t)LT_MIN(len, (int64_t)POUR_CHUNK),
                          &got, err));
        if (digest)
            LT_TRY(lt_digest_add(digest, lt_text_at(buffer, got), err));
        LT_TRY(sink->write(sink, lt_text_at(buffer, got), err));
        offset += (int64_t)got;
        len -= (int64_t)got;
    }
    return LT_OK;
}

static lt_status pour_checked(lt_local_reading *reading, size_t at, lt_sink *sink, lt_err *err)
{
    const lt_piece *piece = &reading->pieces.items[at];
    LT_AUTO(lt_digest) digest = {0};
    lt_sums sums;
    LT_TRY(lt_digest_begin(&digest, false, err));
    LT_TRY(pour_piece(reading, at, 0, piece->blob.size_bytes, &digest, sink, err));
    LT_TRY(lt_digest_end(&digest, &sums, err));
    if (memcmp(sums.sha256, piece->blob.name.bytes, LT_SHA256_BYTES) == 0)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_IO, "'%s' is damaged: its checksum is wrong", reading->what));
    return lt_hint(err, "'leat store check' lists all that is damaged; restore a backup");
}

lt_status lt_local_reading_pour(lt_local_reading *reading, size_t offset, size_t len, bool verify,
                                lt_sink *sink, lt_err *err)
{
    size_t size = (size_t)reading->base.size;
    int64_t from = (int64_t)LT_MIN(offset, size);
    int64_t to = from + (int64_t)LT_MIN(len, size - (size_t)from);
    for (size_t i = 0; i < reading->pieces.len; i++) {
        const lt_piece *piece = &reading->pieces.items[i];
        int64_t first = LT_MAX(from - piece->start, 0);
        int64_t last = LT_MIN(to - piece->start, piece->blob.size_bytes);
        if (verify)
            LT_TRY(pour_checked(reading, i, sink, err));
        else if (first < last)
            LT_TRY(pour_piece(reading, i, first, last - first, NULL, sink, err));
    }
    return LT_OK;
}

/* ---------------------------------------------------------------- the back end's calls */

typedef struct open_call {
    lt_object_name name;
    int32_t part;
    lt_arena *arena;
    lt_local_reading *reading;
    lt_index_version version;
} open_call;

static lt_status do_open(lt_tx *tx, void *context, lt_err *err)
{
    open_call *it = context;
    LT_TRY(lt_index_data_get(tx, &it->name, it->arena, &it->version, err));
    return lt_local_reading_find(it->reading, tx, &it->version, it->part, err);
}

static lt_status open_reading(lt_local *self, lt_object_name name, int32_t part, lt_arena *arena,
                              lt_object_info *info, lt_local_reading **out, lt_err *err)
{
    char *what = lt_format("%.*s/%.*s", LT_ARG(name.bucket), LT_ARG(name.key));
    lt_local_reading *reading = lt_local_reading_new(self, what);
    open_call it = {.name = name, .part = part, .arena = arena, .reading = reading};
    lt_status status = lt_db_read(self->db, do_open, &it, err);
    if (status == LT_OK)
        status = lt_local_reading_ready(reading, err);
    *info = it.version.info;
    if (status == LT_OK)
        *out = reading;
    else
        local_reading_close(&reading->base);
    return status;
}

lt_status lt_local_reading_open(lt_store *store, lt_object_name name, int32_t part, lt_arena *arena,
                                lt_object_info *info, lt_reading **out, lt_err *err)
{
    lt_local_reading *reading;
    LT_TRY(open_reading(lt_local_of(store), name, part, arena, info, &reading, err));
    *out = &reading->base;
    return LT_OK;
}

/* A part of a content tells nothing of its sum. */
static lt_status verify_range(const lt_local_reading *reading, size_t offset, size_t len,
                              lt_err *err)
{
    int64_t from = (int64_t)LT_MIN(offset, (size_t)reading->base.size);
    int64_t to = from + (int64_t)LT_MIN(len, (size_t)(reading->base.size - from));
    for (size_t i = 0; i < reading->pieces.len; i++) {
        const lt_piece *piece = &reading->pieces.items[i];
        if (piece->start < to && from < piece->start + piece->blob.size_bytes)
            LT_TRY(lt_local_verify(reading->self, piece, reading->what, err));
    }
    return LT_OK;
}

lt_status lt_local_read(lt_store *store, lt_object_name name, size_t offset, size_t len,
                        lt_sink *sink, lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_local_reading *reading;
    LT_TRY(open_reading(lt_local_of(store), name, 0, arena, info, &reading, err));
    /* what is one content is checked by who asked; the parts of others are known here alone */
    bool whole = offset == 0 && len == SIZE_MAX;
    lt_status status = whole ? LT_OK : verify_range(reading, offset, len, err);
    if (status == LT_OK)
        status = lt_local_reading_pour(reading, offset, len, whole && !info->sha256.len, sink, err);
    local_reading_close(&reading->base);
    return status;
}

typedef struct blob_call {
    lt_text name;
    lt_local_reading *reading;
} blob_call;

static lt_status do_find_blob(lt_tx *tx, void *context, lt_err *err)
{
    const blob_call *it = context;
    lt_index_blob blob;
    bool known = it->name.len == LT_SHA256_BYTES ? lt_local_find_content(tx, it->name, &blob)
                                                 : lt_index_blob_find(tx, it->name, &blob);
    if (!known)
        return lt_fail(err, LT_IO, "the content of '%s' is missing from the index",
                       it->reading->what);
    return lt_local_reading_add(it->reading, tx, blob.id, err);
}

lt_status lt_local_blob_read(lt_local *self, lt_text name, lt_sink *sink, const char *what,
                             lt_err *err)
{
    lt_local_reading *reading = lt_local_reading_new(self, lt_xstrdup(what));
    blob_call it = {.name = name, .reading = reading};
    lt_status status = lt_db_read(self->db, do_find_blob, &it, err);
    if (status == LT_OK)
        status = lt_local_reading_ready(reading, err);
    if (status == LT_OK)
        status = lt_local_reading_pour(reading, 0, SIZE_MAX, false, sink, err);
    local_reading_close(&reading->base);
    return status;
}

/* ---------------------------------------------------------------- bodies out of readings */

static lt_status read_body(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    lt_reading_body *it = (lt_reading_body *)body;
    size_t left = (size_t)(it->end - it->offset);
    LT_TRY(lt_reading_pread(it->reading, it->offset, out, LT_MIN(size, left), got, err));
    it->offset += (int64_t)*got;
    return LT_OK;
}

lt_body *lt_body_from_reading(lt_reading_body *body, lt_reading *reading, int64_t offset,
                              int64_t len)
{
    *body = (lt_reading_body){.body = {.read = read_body, .size = len},
                              .reading = reading,
                              .offset = offset,
                              .end = offset + len};
    return &body->body;
}
