/* Objects on S3: what is known of them, deleting, copying, restoring, tags. */
#include "base/each.h"
#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"
#include "store/checksum.h"
#include "store/presign.h"
#include "store/s3.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define SHA256_META "leat-sha256"
#define TOKEN_META "leat-put"
enum { MANY = 1000 };
/* The most that one CopyObject takes, and how much UploadPartCopy takes at once. */
#define COPY_BYTES ((int64_t)5 << 30)
#define COPY_PART_BYTES ((int64_t)512 << 20)

/* ---------------------------------------------------------------- headers to info */

static lt_text header(const lt_http_response *response, const char *name, lt_arena *arena)
{
    return lt_arena_text(arena, lt_http_header_find(response, lt_text_of(name)));
}

static lt_text unquoted(lt_text etag)
{
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        return lt_text_sub(etag, 1, etag.len - 2);
    return etag;
}

static lt_text lowered(lt_arena *arena, lt_text text)
{
    char *made = lt_arena_str(arena, text);
    for (size_t i = 0; i < text.len; i++)
        made[i] = lt_lower(made[i]);
    return lt_text_at(made, text.len);
}

static void read_meta(const lt_http_response *response, lt_arena *arena, lt_object_info *info,
                      lt_text *token)
{
    static const char front[] = "x-amz-meta-";
    lt_object_meta *meta = &info->meta;
    meta->content_type = header(response, "Content-Type", arena);
    meta->cache_control = header(response, "Cache-Control", arena);
    meta->content_disposition = header(response, "Content-Disposition", arena);
    meta->content_encoding = header(response, "Content-Encoding", arena);
    meta->content_language = header(response, "Content-Language", arena);
    meta->expires = header(response, "Expires", arena);
    meta->website_redirect = header(response, "x-amz-website-redirect-location", arena);
    meta->storage_class = header(response, "x-amz-storage-class", arena);
    for (size_t i = 0; i < response->headers.len; i++) {
        const lt_http_header *one = &response->headers.items[i];
        if (one->name.len <= strlen(front) ||
            !lt_text_eq_nocase(lt_text_sub(one->name, 0, strlen(front)), lt_text_of(front)))
            continue;
        lt_pair pair = {lowered(arena, lt_text_sub(one->name, strlen(front), SIZE_MAX)),
                        lt_arena_text(arena, one->value)};
        char raw[LT_SHA256_BYTES];
        if (lt_text_eq(pair.name, T(SHA256_META)) && lt_hex_read(pair.value, raw, sizeof(raw)))
            info->sha256 = pair.value;
        else if (lt_text_eq(pair.name, T(TOKEN_META)))
            *token = pair.value;
        else
            lt_push_in(arena, &meta->user, pair);
    }
}

const char *lt_remote_sum_header(lt_sum_kind kind)
{
    static const char *const names[LT_SUM_COUNT] = {
        [LT_SUM_CRC32] = "x-amz-checksum-crc32",         [LT_SUM_CRC32C] = "x-amz-checksum-crc32c",
        [LT_SUM_CRC64NVME] = "x-amz-checksum-crc64nvme", [LT_SUM_SHA1] = "x-amz-checksum-sha1",
        [LT_SUM_SHA256] = "x-amz-checksum-sha256",
    };
    return names[kind];
}

/* Some servers say under one name what is another kind's value; that says nothing of the bytes. */
static bool is_sum(lt_sum_kind kind, lt_text value)
{
    unsigned char raw[LT_SUM_BYTES];
    lt_text sum = lt_text_sub(value, 0, lt_text_find_byte(value, '-', 0));
    return lt_sum_read(sum, raw, lt_sum_size(kind));
}

static void read_checksum(const lt_http_response *response, lt_arena *arena, lt_checksum *out)
{
    for (lt_sum_kind kind = LT_SUM_CRC32; kind < LT_SUM_COUNT; kind++) {
        lt_text value = header(response, lt_remote_sum_header(kind), arena);
        if (!is_sum(kind, value))
            continue;
        *out = (lt_checksum){.kind = kind,
                             .value = value,
                             .composite = lt_text_find_byte(value, '-', 0) != SIZE_MAX};
        return;
    }
}

static bool is_md5(lt_text etag)
{
    char raw[LT_MD5_BYTES];
    return lt_hex_read(etag, raw, sizeof(raw));
}

void lt_remote_read_info(const lt_http_response *response, lt_text key, lt_arena *arena,
                         lt_remote_head *out)
{
    lt_object_info info = {.key = lt_arena_text(arena, key), .is_current = true};
    lt_text encryption = lt_http_header_find(response, T("x-amz-server-side-encryption"));
    lt_text count = lt_http_header_find(response, T("x-amz-tagging-count"));
    int64_t number;
    info.version_id = header(response, "x-amz-version-id", arena);
    if (!info.version_id.len)
        info.version_id = T("null");
    info.etag = unquoted(header(response, "ETag", arena));
    info.is_marker = lt_text_eq(lt_http_header_find(response, T("x-amz-delete-marker")), T("true"));
    if (!lt_text_to_i64(lt_http_header_find(response, T("Content-Length")), &info.size_bytes) ||
        info.is_marker)
        info.size_bytes = 0;
    if (!lt_http_date_read(lt_http_header_find(response, T("Last-Modified")), &info.written_at_us))
        info.written_at_us = 0;
    lt_text token = {0};
    read_meta(response, arena, &info, &token);
    read_checksum(response, arena, &info.checksum);
    if (!info.sha256.len && info.checksum.kind == LT_SUM_SHA256 && !info.checksum.composite) {
        unsigned char raw[LT_SUM_BYTES];
        char *hex = lt_alloc(arena, 2 * LT_SHA256_BYTES + 1);
        if (lt_sum_read(info.checksum.value, raw, LT_SHA256_BYTES))
            info.sha256 =
                lt_text_of(lt_hex_write(lt_text_at((const char *)raw, LT_SHA256_BYTES), hex));
    }
    size_t dash = lt_text_find_byte(info.etag, '-', 0);
    if (dash != SIZE_MAX && lt_text_to_i64(lt_text_sub(info.etag, dash + 1, SIZE_MAX), &number) &&
        number > 0 && number <= LT_PARTS)
        info.part_count = (int32_t)number;
    if (lt_text_to_i64(count, &number) && number > 0 && number <= LT_TAGS)
        info.tag_count = (int32_t)number;
    info.is_sealed = encryption.len > 0;
    *out = (lt_remote_head){
        .info = info,
        .token = token,
        .etag_is_md5 =
            is_md5(info.etag) && !lt_text_starts(encryption, T("aws:")) &&
            !lt_http_header_find(response, T("x-amz-server-side-encryption-customer-algorithm"))
                 .len};
}

/* ---------------------------------------------------------------- head */

static void add_version(lt_buf *query, lt_text version_id)
{
    if (version_id.len)
        lt_remote_add_param(query, "versionId", version_id);
}

/* HEAD says 404 for a missing bucket, too. */
static lt_status which_is_missing(lt_remote *self, lt_text bucket, lt_err *err)
{
    lt_err kept = *err;
    lt_versioning versioning;
    lt_remote_forget_bucket(self, bucket);
    lt_status status = lt_remote_bucket_need(self, bucket, &versioning, err);
    if (status == LT_NOT_FOUND)
        return status;
    *err = kept;
    return kept.status;
}

lt_status lt_remote_head_object(lt_remote *self, lt_object_name name, lt_arena *arena,
                                lt_remote_head *out, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_remote_call call;
    lt_remote_begin(self, "HEAD", name, arena, &call);
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    lt_remote_add_header(&call, "x-amz-checksum-mode", T("ENABLED"));
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    *out = (lt_remote_head){0};
    if (response.status)
        lt_remote_read_info(&response, name.key, arena, out);
    if (status == LT_OK)
        return LT_OK;
    bool marker = out->info.is_marker;
    if (marker && name.version_id.len && response.status == 405)
        return LT_OK; /* it was asked for by its id */
    if (status != LT_NOT_FOUND)
        return status;
    if (!marker)
        return which_is_missing(self, name.bucket, err);
    return lt_store_fail(err, LT_WHY_NO_SUCH_KEY,
                         "there is no object '%.*s/%.*s': its current version is a delete marker",
                         LT_ARG(name.bucket), LT_ARG(name.key));
}

/* Whether a named version is the current one is asked separately: the headers do not say. */
lt_status lt_remote_object_head(lt_store *store, lt_object_name name, lt_arena *arena,
                                lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_head found = {0}, current = {0};
    lt_err ignored = {0};
    lt_status status = lt_remote_head_object(self, name, arena, &found, err);
    *info = found.info;
    if (status != LT_OK || !name.version_id.len)
        return status;
    lt_object_name newest = {.bucket = name.bucket, .key = name.key};
    status = lt_remote_head_object(self, newest, arena, &current, &ignored);
    if (status != LT_OK && status != LT_NOT_FOUND) {
        *err = ignored;
        return status;
    }
    info->version_id = lt_arena_text(arena, name.version_id);
    info->is_current = lt_text_eq(current.info.version_id, name.version_id);
    return LT_OK;
}

/* ---------------------------------------------------------------- delete */

static lt_text quoted(lt_arena *arena, lt_text etag)
{
    if (lt_text_eq(etag, T("*")))
        return etag;
    return lt_text_of(lt_arena_format(arena, "\"%.*s\"", LT_ARG(etag)));
}

/* Where there are no versions, the answer does not say whether there was anything. */
static lt_status was_there(lt_remote *self, lt_object_name name, lt_arena *arena, bool *there,
                           lt_err *err)
{
    lt_remote_head head;
    lt_status status = lt_remote_head_object(self, name, arena, &head, err);
    *there = status == LT_OK;
    return status == LT_NOT_FOUND && err->reason != LT_WHY_NO_SUCH_BUCKET ? LT_OK : status;
}

lt_status lt_remote_remove(lt_store *store, lt_object_name name, const lt_delete_options *options,
                           lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    const lt_when *when = options->when;
    lt_versioning versioning;
    lt_remote_head made;
    bool there = true;
    lt_remote_call call;
    LT_TRY(lt_remote_bucket_need(self, name.bucket, &versioning, err));
    if (versioning == LT_UNVERSIONED || when) /* not every server looks at conditions here */
        LT_TRY(was_there(self, name, arena, &there, err));
    if (when && when->etag.len && !there)
        return lt_store_fail(err, LT_WHY_NO_SUCH_KEY, "there is no object '%.*s/%.*s'",
                             LT_ARG(name.bucket), LT_ARG(name.key));
    lt_remote_begin(self, "DELETE", name, arena, &call);
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    if (when && when->etag.len)
        lt_remote_add_header(&call, "if-match", quoted(arena, when->etag));
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    if (status != LT_OK)
        return status;
    lt_remote_read_info(&response, name.key, arena, &made);
    *info = (lt_object_info){
        .key = made.info.key, .version_id = made.info.version_id, .is_marker = made.info.is_marker};
    if (!there)
        info->version_id = (lt_text){0};
    return LT_OK;
}

/* ---- many at once ---- */

static void write_deletes(const lt_delete_item *items, size_t count, lt_remote *self,
                          lt_text bucket, lt_arena *arena, lt_buf *out)
{
    lt_buf_add_str(out, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < count; i++) {
        lt_remote_call call;
        if (items[i].status != LT_OK)
            continue;
        lt_remote_begin(self, "", (lt_object_name){.bucket = bucket, .key = items[i].key}, arena,
                        &call);
        lt_buf_add_str(out, "<Object>");
        lt_xml_put(out, T("Key"), call.key);
        if (items[i].version_id.len)
            lt_xml_put(out, T("VersionId"), items[i].version_id);
        lt_buf_add_str(out, "</Object>");
    }
    lt_buf_add_str(out, "</Delete>");
}

static lt_delete_item *find_item(lt_delete_item *items, size_t count, lt_text key, lt_text version,
                                 size_t *from)
{
    for (size_t n = 0; n < count; n++) { /* answers mostly come in the order of the request */
        lt_delete_item *item = &items[(*from + n) % count];
        if (lt_text_eq(item->key, key) && lt_text_eq(item->version_id, version)) {
            *from = (*from + n + 1) % count;
            return item;
        }
    }
    return NULL;
}

static void take_error(const lt_xml *xml, lt_delete_item *item)
{
    lt_text code = lt_xml_text(xml, T("Code"));
    lt_store_reason reason = lt_store_reason_find(code);
    lt_status status = lt_text_eq(code, T("AccessDenied")) ? LT_DENIED
                       : reason                            ? lt_store_reason_status(reason)
                                                           : LT_IO;
    item->status = lt_fail(&item->err, status, "cannot delete '%.*s': %.*s: %.*s",
                           LT_ARG(item->key), LT_ARG(code), LT_ARG(lt_xml_text(xml, T("Message"))));
    item->err.reason = (int)reason;
}

static void take_deleted(const lt_xml *xml, lt_arena *arena, lt_delete_item *item)
{
    lt_text marker = lt_xml_text(xml, T("DeleteMarkerVersionId"));
    item->status = LT_OK;
    item->info =
        (lt_object_info){.key = lt_arena_text(arena, item->key),
                         .version_id = lt_arena_text(arena, marker.len ? marker : item->version_id),
                         .is_marker = lt_text_eq(lt_xml_text(xml, T("DeleteMarker")), T("true"))};
}

static lt_status take_answers(lt_remote *self, lt_text body, lt_text bucket, lt_delete_item *items,
                              size_t count, lt_arena *arena, lt_err *err)
{
    LT_AUTO(lt_arena) own = {0};
    lt_xml_limits limits = {.bytes = 16 * LT_MIB};
    lt_xml *root;
    lt_remote_call empty;
    size_t from = 0;
    LT_TRY(lt_xml_read(body, &limits, &own, &root, err));
    lt_remote_begin(self, "", (lt_object_name){.bucket = bucket}, &own, &empty);
    for (size_t i = 0; i < count; i++)
        if (items[i].status == LT_OK)
            items[i].status =
                lt_fail(&items[i].err, LT_IO, "S3 said nothing of '%.*s'", LT_ARG(items[i].key));
    for (const lt_xml *one = root->first; one; one = one->next) {
        lt_text key = lt_text_sub(lt_xml_text(one, T("Key")), empty.key.len, SIZE_MAX);
        lt_delete_item *item =
            find_item(items, count, key, lt_xml_text(one, T("VersionId")), &from);
        if (!item) /* some servers do not repeat the version in errors */
            item = find_item(items, count, key, (lt_text){0}, &from);
        if (item && lt_text_eq(one->name, T("Deleted")))
            take_deleted(one, arena, item);
        else if (item && lt_text_eq(one->name, T("Error")))
            take_error(one, item);
    }
    return LT_OK;
}

static bool all_plain(const lt_delete_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].when.absent || items[i].when.etag.len || items[i].when.not_etag.len)
            return false;
        for (size_t k = 0; k < items[i].key.len; k++)
            if ((unsigned char)items[i].key.ptr[k] < ' ') /* XML cannot hold it */
                return false;
    }
    return true;
}

static lt_status remove_each(lt_store *store, lt_text bucket, lt_delete_item *items, size_t count,
                             lt_arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        lt_delete_options options = {.when = &items[i].when};
        lt_object_name name = {bucket, items[i].key, items[i].version_id};
        if (items[i].status != LT_OK)
            continue;
        if (!items[i].when.absent && !items[i].when.etag.len)
            options.when = NULL;
        items[i].status =
            lt_remote_remove(store, name, &options, arena, &items[i].info, &items[i].err);
    }
    return LT_OK;
}

lt_status lt_remote_remove_many(lt_store *store, lt_text bucket, lt_delete_item *items,
                                size_t count, LT_UNUSED const lt_origin *origin, lt_arena *arena,
                                lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) body = {.limit = 16 * LT_MIB};
    lt_digest sums_of = {0};
    lt_sums sums;
    if (!all_plain(items, count))
        return remove_each(store, bucket, items, count, arena);
    write_deletes(items, count, self, bucket, arena, &body);
    LT_TRY(lt_buf_check(&body, "the request", err));
    lt_status status = lt_digest_begin(&sums_of, true, err);
    if (status == LT_OK)
        status = lt_digest_add(&sums_of, lt_buf_text(&body), err);
    if (status == LT_OK)
        status = lt_digest_end(&sums_of, &sums, err);
    lt_digest_cleanup(&sums_of);
    LT_TRY(status);
    lt_remote_call call;
    lt_remote_begin(self, "POST", (lt_object_name){.bucket = bucket}, arena, &call);
    call.key = (lt_text){0};
    call.query = T("delete=");
    call.body = lt_buf_text(&body);
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    lt_remote_add_header(&call, "content-md5",
                         lt_sum_text(arena, lt_text_at(sums.md5, LT_MD5_BYTES), 0));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    return take_answers(self, lt_buf_text(&response.body), bucket, items, count, arena, err);
}

/* ---------------------------------------------------------------- copy */

/* "/bucket/a%20b?versionId=x" */
static lt_text copy_source(const lt_remote_call *from, lt_text version_id, lt_arena *arena)
{
    LT_AUTO(lt_buf) out = {.limit = LT_URL_BYTES};
    lt_buf_add_byte(&out, '/');
    lt_buf_add(&out, from->bucket);
    lt_buf_add_byte(&out, '/');
    lt_aws_encode(from->key, true, &out);
    if (version_id.len) {
        lt_buf_add_str(&out, "?versionId=");
        lt_url_encode(version_id, &out);
    }
    return lt_arena_text(arena, lt_buf_text(&out));
}

typedef struct part_copies {
    lt_remote *self;
    const lt_remote_call *to;
    lt_text source, upload_id;
    int64_t size;
    lt_arena arena;
    pthread_mutex_t lock;
    lt_text *etags;
} part_copies;

static lt_status copy_part(void *context, size_t i, lt_err *err)
{
    part_copies *it = context;
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_xml *root;
    char number[24];
    int64_t from = (int64_t)i * COPY_PART_BYTES, end = LT_MIN(from + COPY_PART_BYTES, it->size);
    (void)snprintf(number, sizeof(number), "%zu", i + 1);
    lt_remote_add_param(&query, "partNumber", lt_text_of(number));
    lt_remote_add_param(&query, "uploadId", it->upload_id);
    lt_remote_call call = {.method = "PUT",
                           .bucket = it->to->bucket,
                           .key = it->to->key,
                           .query = lt_buf_text(&query),
                           .called = it->to->called};
    lt_remote_add_header(&call, "x-amz-copy-source", it->source);
    lt_remote_add_header(&call, "x-amz-copy-source-range",
                         lt_text_of(lt_arena_format(&arena, "bytes=%lld-%lld", (long long)from,
                                                    (long long)end - 1)));
    LT_TRY(lt_remote_send(it->self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, &arena, &root, err));
    (void)pthread_mutex_lock(&it->lock);
    it->etags[i] = lt_arena_text(&it->arena, unquoted(lt_xml_text(root, T("ETag"))));
    (void)pthread_mutex_unlock(&it->lock);
    return LT_OK;
}

static lt_status begin_parts(lt_remote *self, const lt_remote_call *to, lt_arena *arena,
                             lt_text *upload_id, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) own = {0};
    lt_xml *root;
    lt_remote_call call = *to;
    call.method = "POST";
    call.query = T("uploads=");
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, &own, &root, err));
    *upload_id = lt_arena_text(arena, lt_xml_text(root, T("UploadId")));
    return LT_OK;
}

static lt_status end_parts(part_copies *it, size_t count, lt_arena *arena, lt_text *etag,
                           lt_text *version, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) own = {0};
    LT_AUTO(lt_buf) body = {.limit = 4 * LT_MIB};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_xml *root;
    lt_buf_add_str(&body, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < count; i++)
        lt_buf_printf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>\"%.*s\"</ETag></Part>",
                      i + 1, LT_ARG(it->etags[i]));
    lt_buf_add_str(&body, "</CompleteMultipartUpload>");
    lt_remote_add_param(&query, "uploadId", it->upload_id);
    lt_remote_call call = {.method = "POST",
                           .bucket = it->to->bucket,
                           .key = it->to->key,
                           .query = lt_buf_text(&query),
                           .body = lt_buf_text(&body),
                           .called = it->to->called};
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    LT_TRY(lt_remote_send(it->self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, &own, &root, err));
    *etag = lt_arena_text(arena, unquoted(lt_xml_text(root, T("ETag"))));
    *version = lt_arena_text(arena, lt_http_header_find(&response, T("x-amz-version-id")));
    return LT_OK;
}

static lt_status copy_in_parts(lt_remote *self, lt_text source, int64_t size,
                               const lt_remote_call *to, lt_arena *arena, lt_text *etag,
                               lt_text *version, lt_err *err)
{
    size_t count = (size_t)((size + COPY_PART_BYTES - 1) / COPY_PART_BYTES);
    part_copies it = {.self = self, .to = to, .source = source, .size = size};
    (void)pthread_mutex_init(&it.lock, NULL);
    it.etags = lt_alloc_array(&it.arena, count, sizeof(*it.etags));
    lt_status status = begin_parts(self, to, &it.arena, &it.upload_id, err);
    if (status == LT_OK) {
        status = lt_each(LT_REMOTE_JOBS, count, copy_part, &it, err);
        if (status == LT_OK)
            status = end_parts(&it, count, arena, etag, version, err);
    }
    (void)pthread_mutex_destroy(&it.lock);
    lt_arena_cleanup(&it.arena);
    return status;
}

lt_status lt_remote_copy_bytes(lt_remote *self, const lt_remote_call *from, lt_text version_id,
                               int64_t size, lt_remote_call *to, lt_arena *arena, lt_text *etag,
                               lt_text *version, lt_err *err)
{
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) own = {0};
    lt_xml *root;
    lt_text source = copy_source(from, version_id, arena);
    if (size > COPY_BYTES)
        return copy_in_parts(self, source, size, to, arena, etag, version, err);
    lt_remote_add_header(to, "x-amz-copy-source", source);
    LT_TRY(lt_remote_send(self->client, to, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, &own, &root, err));
    *etag = lt_arena_text(arena, unquoted(lt_xml_text(root, T("ETag"))));
    *version = lt_arena_text(arena, lt_http_header_find(&response, T("x-amz-version-id")));
    return LT_OK;
}

static void add_source_when(lt_remote_call *call, const lt_source_when *when, lt_arena *arena)
{
    char *date = lt_alloc(arena, 2 * LT_HTTP_DATE_CHARS);
    if (when->etag.len)
        lt_remote_add_header(call, "x-amz-copy-source-if-match", quoted(arena, when->etag));
    if (when->not_etag.len)
        lt_remote_add_header(call, "x-amz-copy-source-if-none-match",
                             quoted(arena, when->not_etag));
    if (when->modified_since_us)
        lt_remote_add_header(call, "x-amz-copy-source-if-modified-since",
                             lt_text_of(lt_http_date_write(when->modified_since_us, date)));
    if (when->unmodified_since_us)
        lt_remote_add_header(
            call, "x-amz-copy-source-if-unmodified-since",
            lt_text_of(lt_http_date_write(when->unmodified_since_us, date + LT_HTTP_DATE_CHARS)));
}

/* The new object keeps what the source says of itself; parts do not take it along, so it is sent again. */
static void add_copied_meta(lt_remote_call *call, const lt_copy_options *options,
                            const lt_remote_head *head, lt_arena *arena)
{
    const lt_object_meta *meta = options->replace_meta ? &options->put.meta : &head->info.meta;
    const lt_pairs *tags = options->replace_tags ? &options->put.tags : NULL;
    bool again = options->replace_meta || head->info.size_bytes > COPY_BYTES;
    if (!again && !tags)
        return;
    lt_object_meta none = {0};
    lt_remote_add_meta(call, again ? meta : &none, tags, options->put.sealed, arena);
    if (again)
        lt_remote_add_header(call, "x-amz-meta-" SHA256_META, head->info.sha256);
    if (again && head->info.size_bytes <= COPY_BYTES)
        lt_remote_add_header(call, "x-amz-metadata-directive", T("REPLACE"));
    if (tags)
        lt_remote_add_header(call, "x-amz-tagging-directive", T("REPLACE"));
}

lt_status lt_remote_copy(lt_store *store, lt_object_name source, lt_object_name name,
                         const lt_copy_options *options, lt_arena *arena, lt_copied *out,
                         lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_remote_head head, made;
    lt_versioning versioning;
    lt_remote_call from, to;
    lt_text etag, version;
    LT_TRY(lt_remote_head_object(self, source, arena, &head, err));
    if (head.info.is_marker)
        return lt_store_fail(err, LT_WHY_IS_MARKER,
                             "version '%.*s' of '%.*s/%.*s' is a delete marker",
                             LT_ARG(source.version_id), LT_ARG(source.bucket), LT_ARG(source.key));
    LT_TRY(lt_remote_bucket_need(self, name.bucket, &versioning, err));
    lt_remote_begin(self, "GET", source, arena, &from);
    lt_remote_begin(self, "PUT", name, arena, &to);
    add_source_when(&to, &options->source, arena);
    lt_remote_add_when(&to, options->put.when, arena);
    add_copied_meta(&to, options, &head, arena);
    if (options->put.checksum)
        lt_remote_add_header(&to, "x-amz-checksum-algorithm",
                             lt_text_of(lt_sum_name(options->put.checksum)));
    LT_TRY(lt_remote_copy_bytes(self, &from, source.version_id, head.info.size_bytes, &to, arena,
                                &etag, &version, err));
    lt_object_name written = {name.bucket, name.key, version};
    LT_TRY(lt_remote_head_object(self, written, arena, &made, err));
    out->info = made.info;
    out->source_version = head.info.version_id;
    return LT_OK;
}

/* ---------------------------------------------------------------- restore */

/* The newest version of the key that is data. */
static lt_status newest_data(lt_store *store, lt_object_name name, lt_arena *arena,
                             lt_object_info *out, lt_err *err)
{
    lt_list_request request = {.prefix = name.key, .versions = true};
    for (bool more = true; more;) {
        lt_listing page = {0};
        LT_TRY(lt_remote_list(store, name.bucket, &request, arena, &page, err));
        for (size_t i = 0; i < page.objects.len; i++) {
            const lt_object_info *one = &page.objects.items[i];
            if (lt_text_eq(one->key, name.key) && !one->is_marker) {
                *out = *one;
                return LT_OK;
            }
            if (!lt_text_eq(one->key, name.key))
                more = false; /* longer keys come behind */
        }
        more = more && page.more;
        request.after_key = page.next_key;
        request.after_version = page.next_version;
    }
    return lt_store_fail(err, LT_WHY_NO_SUCH_KEY, "there is no version of '%.*s/%.*s' to restore",
                         LT_ARG(name.bucket), LT_ARG(name.key));
}

lt_status lt_remote_restore(lt_store *store, lt_object_name name, lt_arena *arena,
                            lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_versioning versioning;
    lt_object_info found = {0};
    LT_TRY(lt_remote_bucket_need(self, name.bucket, &versioning, err));
    if (versioning == LT_UNVERSIONED)
        return lt_store_fail(err, LT_WHY_BUCKET_STATE, "the bucket '%.*s' keeps no old versions",
                             LT_ARG(name.bucket));
    if (!name.version_id.len) {
        LT_TRY(newest_data(store, name, arena, &found, err));
        name.version_id = found.version_id;
    }
    LT_TRY(lt_remote_object_head(store, name, arena, info, err));
    if (info->is_marker)
        return lt_fail(err, LT_INVALID, "version '%.*s' of '%.*s/%.*s' is a delete marker",
                       LT_ARG(name.version_id), LT_ARG(name.bucket), LT_ARG(name.key));
    if (info->is_current)
        return LT_OK;
    lt_copy_options options = {0};
    lt_copied made;
    LT_TRY(lt_remote_copy(store, name, (lt_object_name){name.bucket, name.key, {0}}, &options,
                          arena, &made, err));
    *info = made.info;
    return LT_OK;
}

/* ---------------------------------------------------------------- tags */

lt_status lt_remote_tags_get(lt_store *store, lt_object_name name, lt_arena *arena, lt_pairs *out,
                             lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_xml *root;
    lt_remote_call call;
    LT_TRY(lt_remote_object_head(store, name, arena, info, err));
    lt_remote_begin(self, "GET", name, arena, &call);
    lt_buf_add_str(&query, "tagging=");
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), NULL, arena, &root, err));
    const lt_xml *tag = lt_xml_find(lt_xml_find(root, T("TagSet")), T("Tag"));
    for (; tag; tag = lt_xml_again(tag)) {
        lt_pair pair = {lt_xml_text(tag, T("Key")), lt_xml_text(tag, T("Value"))};
        lt_push_in(arena, out, pair);
    }
    return LT_OK;
}

lt_status lt_remote_tags_set(lt_store *store, lt_object_name name, const lt_pairs *tags,
                             lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) body = {.limit = 64 * LT_KIB};
    lt_remote_call call;
    LT_TRY(lt_remote_object_head(store, name, arena, info, err));
    lt_buf_add_str(&body, "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>");
    for (size_t i = 0; i < tags->len; i++) {
        lt_buf_add_str(&body, "<Tag>");
        lt_xml_put(&body, T("Key"), tags->items[i].name);
        lt_xml_put(&body, T("Value"), tags->items[i].value);
        lt_buf_add_str(&body, "</Tag>");
    }
    lt_buf_add_str(&body, "</TagSet></Tagging>");
    lt_remote_begin(self, "PUT", name, arena, &call);
    lt_buf_add_str(&query, "tagging=");
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    call.body = lt_buf_text(&body);
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    info->tag_count = (int32_t)tags->len;
    return LT_OK;
}

/* ---------------------------------------------------------------- presigned URLs */

bool lt_store_can_presign(const lt_store *store)
{
    return store->ops == &lt_store_s3_ops;
}

lt_status lt_store_presign(lt_store *store, lt_object_name name, const char *method,
                           int64_t expires_s, lt_buf *url, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_remote_call call;
    if (!lt_store_can_presign(store))
        return lt_not_made(store, "presigned URLs", err);
    lt_remote *self = lt_remote_of(store);
    LT_TRY(lt_arg_object(name, err));
    lt_remote_begin(self, method, name, &arena, &call);
    add_version(&query, name.version_id);
    call.query = lt_buf_text(&query);
    return lt_remote_presign(self->client, &call, expires_s, url, err);
}
