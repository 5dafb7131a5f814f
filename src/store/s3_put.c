/* Writing to S3: small bodies in one request, large ones in parts side by side; contents of commits. */
#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "store/checksum.h"
#include "store/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHA256_META "x-amz-meta-leat-sha256"
#define TOKEN_META "x-amz-meta-leat-put"
enum { SMALL_PARTS = 1000, SLOTS = LT_REMOTE_JOBS };

/* ---------------------------------------------------------------- reading bodies */

/* Fill the buffer, up to `size` bytes; less only at the end of the body. */
static lt_status read_some(lt_body *body, size_t size, lt_buf *out, lt_err *err)
{
    lt_buf_clear(out);
    char *room = lt_buf_room(out, size);
    size_t have = 0, got = 1;
    while (have < size && got > 0) {
        LT_TRY(body->read(body, room + have, size - have, &got, err));
        have += got;
    }
    lt_buf_grown(out, have);
    return LT_OK;
}

static lt_status check_size(const lt_body *body, int64_t size, lt_err *err)
{
    if (body->size < 0 || body->size == size)
        return LT_OK;
    return lt_store_fail(
        err, LT_WHY_INCOMPLETE_BODY, "the body has %s%lld bytes and was said to have %lld",
        size > body->size ? "at least " : "", (long long)size, (long long)body->size);
}

/* The sums of a body as it goes by: those that are expected, and those that go to the server. */
typedef struct body_sums {
    lt_digest digest; /* owned */
    lt_sum asked;     /* owned; of the kind that the caller wants kept */
    lt_sums found;
    unsigned char raw[LT_SUM_BYTES];
    size_t raw_len;
} body_sums;

static void body_sums_cleanup(body_sums *it)
{
    lt_digest_cleanup(&it->digest);
    lt_sum_cleanup(&it->asked);
}

static lt_status begin_sums(body_sums *it, const lt_put_options *options, lt_err *err)
{
    bool with_md5 = options->expected && options->expected->md5.len;
    LT_TRY(lt_digest_begin(&it->digest, with_md5, err));
    return options->checksum ? lt_sum_begin(&it->asked, options->checksum, err) : LT_OK;
}

static lt_status add_sums(body_sums *it, lt_text part, lt_err *err)
{
    LT_TRY(lt_digest_add(&it->digest, part, err));
    return it->asked.kind ? lt_sum_add(&it->asked, part, err) : LT_OK;
}

static lt_status end_sums(body_sums *it, const lt_put_options *options, lt_arena *arena,
                          lt_err *err)
{
    const lt_expected *wanted = options->expected;
    LT_TRY(lt_digest_end(&it->digest, &it->found, err));
    if (it->asked.kind)
        LT_TRY(lt_sum_end(&it->asked, it->raw, &it->raw_len, err));
    if (!wanted)
        return LT_OK;
    if (wanted->md5.len && !lt_text_eq(wanted->md5, lt_text_at(it->found.md5, LT_MD5_BYTES)))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the body's MD5 is not the one that was said");
    if (wanted->sha256.len &&
        !lt_text_eq(wanted->sha256, lt_text_at(it->found.sha256, LT_SHA256_BYTES)))
        return lt_store_fail(err, LT_WHY_SHA256_MISMATCH,
                             "the body's SHA-256 is not the one that was said");
    lt_text sum = lt_sum_text(arena, lt_text_at((const char *)it->raw, it->raw_len), 0);
    if (wanted->checksum.len && !lt_text_eq(wanted->checksum, sum))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the body's %s is not the one that was said",
                             lt_sum_name(options->checksum));
    return LT_OK;
}

static const char *sha256_of(const body_sums *it, lt_arena *arena)
{
    return lt_hex_write(lt_text_at(it->found.sha256, LT_SHA256_BYTES),
                        lt_alloc(arena, 2 * LT_SHA256_BYTES + 1));
}

/* ---------------------------------------------------------------- one request */

/* A conditional write was answered 412: was it ours, and its answer lost? libcurl, too, sends a request again without a word
 * when a connection that was kept turns out to be closed. */
static bool is_ours(lt_remote *self, lt_object_name name, lt_text token, lt_arena *arena,
                    lt_remote_head *head)
{
    lt_err ignored = {0};
    return lt_remote_head_object(self, name, arena, head, &ignored) == LT_OK && token.len &&
           lt_text_eq(head->token, token);
}

static lt_text new_token(lt_arena *arena)
{
    uint64_t random = (uint64_t)arc4random() << 32 | arc4random();
    return lt_text_of(lt_arena_format(arena, "%016llx", (unsigned long long)random));
}

/* Our own metadata goes along where the user's leaves room for it. */
static void add_own_meta(lt_remote_call *call, const lt_object_meta *meta, lt_text sha256,
                         lt_text token)
{
    size_t used = 0, front = strlen("x-amz-meta-");
    for (size_t i = 0; i < meta->user.len; i++)
        used += meta->user.items[i].name.len + meta->user.items[i].value.len;
    used += strlen(SHA256_META) - front + sha256.len;
    if (used <= LT_USER_META_BYTES)
        lt_remote_add_header(call, SHA256_META, sha256);
    used += strlen(TOKEN_META) - front + token.len;
    if (used <= LT_USER_META_BYTES)
        lt_remote_add_header(call, TOKEN_META, token);
}

static lt_status put_whole(lt_remote *self, lt_object_name name, const lt_buf *body,
                           const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                           lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(body_sums) sums = {0};
    lt_remote_call call;
    lt_remote_head head;
    LT_TRY(begin_sums(&sums, options, err));
    LT_TRY(add_sums(&sums, lt_buf_text(body), err));
    LT_TRY(end_sums(&sums, options, arena, err));
    const char *sha256 = sha256_of(&sums, arena);
    lt_sum_kind kind = options->checksum ? options->checksum : LT_SUM_SHA256;
    lt_text sum = options->checksum ? lt_text_at((const char *)sums.raw, sums.raw_len)
                                    : lt_text_at(sums.found.sha256, LT_SHA256_BYTES);
    sum = lt_sum_text(arena, sum, 0);
    lt_remote_begin(self, "PUT", name, arena, &call);
    call.body = lt_buf_text(body);
    lt_remote_add_meta(&call, &options->meta, &options->tags, options->sealed, arena);
    lt_remote_add_when(&call, options->when, arena);
    lt_text token = options->when ? new_token(arena) : (lt_text){0};
    add_own_meta(&call, &options->meta, lt_text_of(sha256), token);
    lt_remote_add_header(&call, lt_remote_sum_header(kind), sum);
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    if (status == LT_CONFLICT && err->reason == LT_WHY_PRECONDITION &&
        is_ours(self, name, token, arena, &head)) {
        *info = head.info;
        return LT_OK;
    }
    LT_TRY(status);
    lt_remote_read_info(&response, name.key, arena, &head);
    *info = head.info;
    info->sha256 = lt_text_of(sha256);
    info->size_bytes = (int64_t)body->len;
    info->written_at_us = lt_now_us();
    info->meta = options->meta;
    info->checksum =
        (lt_checksum){.kind = options->checksum, .value = options->checksum ? sum : (lt_text){0}};
    info->tag_count = (int32_t)options->tags.len;
    return LT_OK;
}

/* ---------------------------------------------------------------- parts side by side */

typedef struct slot {
    lt_buf bytes;
    int32_t number; /* 0: free */
    bool busy;
} slot;

/* The caller reads the body into slots, workers send them. */
typedef struct sender {
    lt_store *store;
    lt_upload_name upload;
    lt_sum_kind kind;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slot slots[SLOTS];
    LT_VEC(lt_part_named) done; /* by number - 1; texts in `arena` */
    lt_arena arena;
    bool over; /* no more parts come */
    lt_status status;
    lt_err err;
} sender;

static lt_status send_part(sender *it, const slot *part, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text_body body;
    lt_part_info made = {0};
    LT_TRY(lt_remote_upload_part(it->store, it->upload, part->number,
                                 lt_body_from_text(&body, lt_buf_text(&part->bytes)),
                                 &(lt_part_options){.checksum = it->kind}, &arena, &made, err));
    (void)pthread_mutex_lock(&it->lock);
    it->done.items[part->number - 1] =
        (lt_part_named){.number = part->number,
                        .etag = lt_arena_text(&it->arena, made.etag),
                        .checksum = lt_arena_text(&it->arena, made.checksum.value)};
    (void)pthread_mutex_unlock(&it->lock);
    return LT_OK;
}

static slot *find_work(sender *it)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (it->slots[i].number && !it->slots[i].busy)
            return &it->slots[i];
    return NULL;
}

static void *send_parts(void *context)
{
    sender *it = context;
    slot *part;
    (void)pthread_mutex_lock(&it->lock);
    for (;;) {
        while (!(part = find_work(it)) && !it->over && it->status == LT_OK)
            (void)pthread_cond_wait(&it->changed, &it->lock);
        if (!part || it->status != LT_OK)
            break;
        part->busy = true;
        (void)pthread_mutex_unlock(&it->lock);
        lt_err err = {0};
        lt_status status = send_part(it, part, &err);
        (void)pthread_mutex_lock(&it->lock);
        part->number = 0;
        part->busy = false;
        if (status != LT_OK && it->status == LT_OK) {
            it->status = status;
            it->err = err;
        }
        (void)pthread_cond_broadcast(&it->changed);
    }
    (void)pthread_mutex_unlock(&it->lock);
    return NULL;
}

/* A slot that nobody uses; NULL: a part has failed. */
static slot *take_slot(sender *it)
{
    slot *found = NULL;
    (void)pthread_mutex_lock(&it->lock);
    for (;;) {
        for (size_t i = 0; i < SLOTS && !found; i++)
            if (!it->slots[i].number)
                found = &it->slots[i];
        if (found || it->status != LT_OK)
            break;
        (void)pthread_cond_wait(&it->changed, &it->lock);
    }
    bool failed = it->status != LT_OK;
    (void)pthread_mutex_unlock(&it->lock);
    return failed ? NULL : found;
}

static void hand_over(sender *it, slot *part, int32_t number)
{
    lt_part_named none = {0};
    (void)pthread_mutex_lock(&it->lock);
    lt_push(&it->done, none);
    part->number = number;
    (void)pthread_cond_broadcast(&it->changed);
    (void)pthread_mutex_unlock(&it->lock);
}

/* Parts grow when the size is not known: 10,000 of them must hold all. */
static size_t part_size(const lt_body *body, int32_t number)
{
    size_t wanted =
        body->size < 0 && number > SMALL_PARTS ? LT_REMOTE_BIG_PART_BYTES : LT_REMOTE_PART_BYTES;
    size_t least = body->size > 0 ? (size_t)(body->size / (LT_PARTS - 1) + 1) : 0;
    return LT_MAX(wanted, least);
}

static lt_status feed(sender *it, lt_body *body, const lt_buf *first, body_sums *sums,
                      int64_t *total, lt_err *err)
{
    for (int32_t number = 1;; number++) {
        slot *part = take_slot(it);
        if (!part)
            return it->status;
        if (number > LT_PARTS)
            return lt_store_fail(err, LT_WHY_TOO_LARGE, "the body has more than %d parts",
                                 LT_PARTS);
        part->bytes.limit = SIZE_MAX / 2;
        if (number == 1) {
            lt_buf_clear(&part->bytes);
            lt_buf_add(&part->bytes, lt_buf_text(first));
        } else {
            LT_TRY(read_some(body, part_size(body, number), &part->bytes, err));
        }
        if (!part->bytes.len)
            return LT_OK;
        *total += (int64_t)part->bytes.len;
        if (body->size >= 0 && *total > body->size)
            return check_size(body, *total, err);
        LT_TRY(add_sums(sums, lt_buf_text(&part->bytes), err));
        hand_over(it, part, number);
    }
}

/* Read and send all parts; it->done has them. */
static lt_status send_all(sender *it, lt_body *body, const lt_buf *first, body_sums *sums,
                          int64_t *total, lt_err *err)
{
    pthread_t threads[LT_REMOTE_JOBS];
    size_t started = 0;
    while (started < LT_REMOTE_JOBS && pthread_create(&threads[started], NULL, send_parts, it) == 0)
        started++;
    lt_status status = started ? feed(it, body, first, sums, total, err)
                               : lt_fail(err, LT_IO, "cannot start a thread");
    (void)pthread_mutex_lock(&it->lock);
    it->over = true;
    bool sender_failed = it->status != LT_OK;
    if (status != LT_OK && !sender_failed)
        it->status = status; /* ends the workers */
    (void)pthread_cond_broadcast(&it->changed);
    (void)pthread_mutex_unlock(&it->lock);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (it->status != LT_OK && (sender_failed || status == LT_OK))
        *err = it->err;
    return it->status;
}

static void sender_cleanup(sender *it)
{
    for (size_t i = 0; i < SLOTS; i++)
        lt_buf_cleanup(&it->slots[i].bytes);
    lt_vec_free(&it->done);
    lt_arena_cleanup(&it->arena);
    (void)pthread_cond_destroy(&it->changed);
    (void)pthread_mutex_destroy(&it->lock);
}

static lt_status complete(sender *it, const lt_put_options *options, const body_sums *sums,
                          int64_t total, lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_text sum = lt_sum_is_crc(it->kind) && sums->raw_len
                      ? lt_sum_text(arena, lt_text_at((const char *)sums->raw, sums->raw_len), 0)
                      : (lt_text){0};
    lt_complete_options how = {
        .when = options->when, .origin = options->origin, .checksum = sum, .size_bytes = total};
    lt_completion completion = {.parts = it->done.items, .count = it->done.len, .options = &how};
    return lt_remote_upload_complete(it->store, it->upload, &completion, arena, info, err);
}

static lt_status put_parts(lt_remote *self, lt_object_name name, lt_body *body, const lt_buf *first,
                           const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                           lt_err *err)
{
    lt_store *store = &self->base;
    LT_AUTO(sender)
    it = {.store = store, .kind = options->checksum ? options->checksum : LT_SUM_CRC64NVME};
    LT_AUTO(body_sums) sums = {0};
    lt_put_options summed = *options;
    int64_t total = 0;
    lt_err ignored;
    summed.checksum = it.kind;
    (void)pthread_mutex_init(&it.lock, NULL);
    (void)pthread_cond_init(&it.changed, NULL);
    lt_upload_options how = {.meta = options->meta,
                             .tags = options->tags,
                             .checksum = it.kind,
                             .composite = !lt_sum_is_crc(it.kind),
                             .sealed = options->sealed,
                             .origin = options->origin};
    it.upload = (lt_upload_name){.bucket = name.bucket, .key = name.key};
    LT_TRY(lt_remote_upload_create(store, name, &how, arena, &it.upload.upload_id, err));
    lt_status status = begin_sums(&sums, &summed, err);
    if (status == LT_OK)
        status = send_all(&it, body, first, &sums, &total, err);
    if (status == LT_OK)
        status = end_sums(&sums, &summed, arena, err);
    if (status == LT_OK)
        status = check_size(body, total, err);
    if (status == LT_OK)
        status = complete(&it, options, &sums, total, arena, info, err);
    if (status != LT_OK && lt_remote_upload_abort(store, it.upload, &ignored) != LT_OK)
        lt_log(LT_LOG_INFO, "parts of a failed upload stay: %s", ignored.message);
    return status;
}

/* S3 knows no "If-Match: *": the ETag that is there now takes its place. */
static lt_status need_etag(lt_remote *self, lt_object_name name, const lt_when *wanted,
                           lt_arena *arena, lt_when *out, lt_err *err)
{
    lt_remote_head head;
    *out = *wanted;
    if (!lt_text_eq(wanted->etag, T("*")))
        return LT_OK;
    LT_TRY(lt_remote_head_object(self, name, arena, &head, err));
    out->etag = head.info.etag;
    return LT_OK;
}

lt_status lt_remote_put(lt_store *store, lt_object_name name, lt_body *body,
                        const lt_put_options *given, lt_arena *arena, lt_object_info *info,
                        lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_put_options with = *given;
    const lt_put_options *options = &with;
    lt_when when;
    if (given->when) {
        LT_TRY(need_etag(self, name, given->when, arena, &when, err));
        with.when = &when;
    }
    LT_AUTO(lt_buf) first = {.limit = 2 * LT_REMOTE_BIG_PART_BYTES};
    lt_versioning versioning;
    if (self->bucket) /* S3 itself says it of its own buckets */
        LT_TRY(lt_remote_bucket_need(self, name.bucket, &versioning, err));
    LT_TRY(read_some(body, part_size(body, 1), &first, err));
    if (first.len == part_size(body, 1))
        return put_parts(self, name, body, &first, options, arena, info, err);
    LT_TRY(check_size(body, (int64_t)first.len, err));
    return put_whole(self, name, &first, options, arena, info, err);
}

lt_status lt_remote_put_own(lt_remote *self, const char *key, lt_text body, bool absent,
                            lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_remote_call call;
    char sum[LT_SHA256_BYTES];
    char hex[LT_AWS_HEX_CHARS];
    lt_remote_begin_own(self, "PUT", key, &call);
    call.body = body;
    lt_remote_add_header(&call, "content-type", T("application/json"));
    if (absent)
        lt_remote_add_header(&call, "if-none-match", T("*"));
    if (!lt_hex_read(lt_text_of(lt_aws_sha256(body, hex)), sum, sizeof(sum)))
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    lt_remote_add_header(&call, "x-amz-checksum-sha256",
                         lt_sum_text(&arena, lt_text_at(sum, sizeof(sum)), 0));
    return lt_remote_send(self->client, &call, &response, err);
}

/* ---------------------------------------------------------------- contents of commits */

const char *lt_remote_blob_key(const lt_staged *staged, lt_arena *arena)
{
    char hex[2 * LT_SHA256_BYTES + 1];
    (void)lt_hex_write(lt_text_at(staged->sums.sha256, LT_SHA256_BYTES), hex);
    return lt_arena_format(arena, "blobs/%s.%016llx", hex, (unsigned long long)staged->intent_id);
}

/* Bytes that are too many for memory wait in a file without a name, while their sum is made. */
static lt_status spool(lt_body *body, const lt_buf *first, lt_fd *fd, body_sums *sums,
                       int64_t *size, lt_err *err)
{
    const char *folder = getenv("TMPDIR");
    LT_AUTO(lt_buf) part = {.limit = 2 * LT_MIB};
    *fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0)
        return lt_fail_errno(err, errno, "cannot make a temporary file");
    lt_text next = lt_buf_text(first);
    while (next.len) {
        LT_TRY(add_sums(sums, next, err));
        LT_TRY(lt_fd_write(*fd, next, "a temporary file", err));
        *size += (int64_t)next.len;
        LT_TRY(read_some(body, LT_MIB, &part, err));
        next = lt_buf_text(&part);
    }
    if (lseek(*fd, 0, SEEK_SET) != 0)
        return lt_fail_errno(err, errno, "cannot read a temporary file");
    return LT_OK;
}

/* The real key of a blob is that of an object when the endpoint is looked at as the service itself. */
static lt_status put_blob(lt_remote *self, lt_body *body, const lt_staged *staged, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_remote service = {.client = self->client};
    lt_object_info info;
    lt_pair sum = {T("leat-sha256"), {0}};
    char hex[2 * LT_SHA256_BYTES + 1];
    sum.value = lt_text_of(lt_hex_write(lt_text_at(staged->sums.sha256, LT_SHA256_BYTES), hex));
    lt_put_options options = {.meta.content_type = T("application/octet-stream")};
    const char *key =
        lt_arena_format(&arena, "%s.leat/%s", self->prefix, lt_remote_blob_key(staged, &arena));
    if (staged->size_bytes >= (int64_t)LT_REMOTE_PART_BYTES) /* smaller ones get it anyway */
        lt_push_in(&arena, &options.meta.user, sum);
    lt_object_name name = {lt_text_of(self->bucket), lt_text_of(key), {0}};
    return lt_remote_put(&service.base, name, body, &options, &arena, &info, err);
}

lt_status lt_remote_stage(lt_store *store, LT_UNUSED lt_text bucket, lt_body *body, lt_staged *out,
                          lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_buf) first = {.limit = 2 * LT_REMOTE_BIG_PART_BYTES};
    LT_AUTO(body_sums) sums = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_fd) fd = -1;
    lt_put_options plain = {0};
    lt_text_body text;
    lt_fd_body file;
    lt_body *again;
    if (!self->bucket)
        return lt_not_made(store, "datasets in the service itself, without a bucket,", err);
    LT_TRY(begin_sums(&sums, &plain, err));
    LT_TRY(read_some(body, LT_REMOTE_PART_BYTES, &first, err));
    if (first.len == LT_REMOTE_PART_BYTES) {
        LT_TRY(spool(body, &first, &fd, &sums, &out->size_bytes, err));
        again = lt_body_from_fd(&file, fd, out->size_bytes);
    } else {
        LT_TRY(add_sums(&sums, lt_buf_text(&first), err));
        out->size_bytes = (int64_t)first.len;
        again = lt_body_from_text(&text, lt_buf_text(&first));
    }
    LT_TRY(check_size(body, out->size_bytes, err));
    LT_TRY(end_sums(&sums, &plain, &arena, err));
    out->sums = sums.found;
    out->intent_id = (int64_t)(((uint64_t)arc4random() << 32 | arc4random()) >> 1);
    out->blob_id = lt_now_us();
    return put_blob(self, again, out, err);
}

lt_status lt_remote_unstage(lt_store *store, const lt_staged_list *files, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_texts keys = {0};
    for (size_t i = 0; i < files->len; i++) {
        lt_text key = lt_text_of(lt_remote_blob_key(&files->items[i], &arena));
        lt_push_in(&arena, &keys, key);
    }
    return lt_remote_purge_own(lt_remote_of(store), &keys, err);
}
