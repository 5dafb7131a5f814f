/* Multipart uploads on S3. */
#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"
#include "store/checksum.h"
#include "store/s3.h"

#include <stdio.h>

static const lt_xml_limits xml_limits = {.bytes = 16 * LT_MIB, .node_limit = 200000};

static lt_text unquoted(lt_text etag)
{
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        return lt_text_sub(etag, 1, etag.len - 2);
    return etag;
}

static lt_text quoted(lt_arena *arena, lt_text etag)
{
    if (lt_text_eq(etag, T("*")))
        return etag;
    return lt_text_of(lt_arena_format(arena, "\"%.*s\"", LT_ARG(etag)));
}

/* ---------------------------------------------------------------- headers of new objects */

void lt_remote_add_when(lt_remote_call *call, const lt_when *when, lt_arena *arena)
{
    if (!when)
        return;
    if (when->absent)
        lt_remote_add_header(call, "if-none-match", T("*"));
    else if (when->not_etag.len)
        lt_remote_add_header(call, "if-none-match", quoted(arena, when->not_etag));
    if (when->etag.len)
        lt_remote_add_header(call, "if-match", quoted(arena, when->etag));
}

static lt_text tags_text(const lt_pairs *tags, lt_arena *arena)
{
    LT_AUTO(lt_buf) out = {.limit = 64 * LT_KIB};
    for (size_t i = 0; i < tags->len; i++) {
        if (i)
            lt_buf_add_byte(&out, '&');
        lt_url_encode(tags->items[i].name, &out);
        lt_buf_add_byte(&out, '=');
        lt_url_encode(tags->items[i].value, &out);
    }
    return lt_arena_text(arena, lt_buf_text(&out));
}

void lt_remote_add_meta(lt_remote_call *call, const lt_object_meta *meta, const lt_pairs *tags,
                        bool sealed, lt_arena *arena)
{
    lt_remote_add_header(call, "content-type", meta->content_type);
    lt_remote_add_header(call, "cache-control", meta->cache_control);
    lt_remote_add_header(call, "content-disposition", meta->content_disposition);
    lt_remote_add_header(call, "content-encoding", meta->content_encoding);
    lt_remote_add_header(call, "content-language", meta->content_language);
    lt_remote_add_header(call, "expires", meta->expires);
    lt_remote_add_header(call, "x-amz-website-redirect-location", meta->website_redirect);
    lt_remote_add_header(call, "x-amz-storage-class", meta->storage_class);
    for (size_t i = 0; i < meta->user.len; i++)
        lt_remote_add_header_as_is(
            call, lt_arena_format(arena, "x-amz-meta-%.*s", LT_ARG(meta->user.items[i].name)),
            meta->user.items[i].value);
    if (tags && tags->len)
        lt_remote_add_header(call, "x-amz-tagging", tags_text(tags, arena));
    if (sealed)
        lt_remote_add_header(call, "x-amz-server-side-encryption", T("AES256"));
}

/* ---------------------------------------------------------------- create, part */

static void begin_upload(lt_remote *self, const char *method, lt_upload_name upload,
                         lt_arena *arena, lt_buf *query, lt_remote_call *call)
{
    lt_remote_begin(self, method, (lt_object_name){upload.bucket, upload.key, {0}}, arena, call);
    lt_remote_add_param(query, "uploadId", upload.upload_id);
    call->query = lt_buf_text(query);
}

lt_status lt_remote_upload_create(lt_store *store, lt_object_name name,
                                  const lt_upload_options *options, lt_arena *arena,
                                  lt_text *upload_id, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    lt_xml *root;
    lt_remote_call call;
    lt_remote_begin(self, "POST", name, arena, &call);
    call.query = T("uploads=");
    lt_remote_add_meta(&call, &options->meta, &options->tags, options->sealed, arena);
    if (options->checksum) {
        lt_remote_add_header(&call, "x-amz-checksum-algorithm",
                             lt_text_of(lt_sum_name(options->checksum)));
        lt_remote_add_header(&call, "x-amz-checksum-type",
                             options->composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    }
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), &xml_limits, arena, &root, err));
    *upload_id = lt_xml_text(root, T("UploadId"));
    if (!upload_id->len)
        return lt_fail(err, LT_IO, "S3 gave no id for the upload of '%.*s/%.*s'",
                       LT_ARG(name.bucket), LT_ARG(name.key));
    return LT_OK;
}

/* The sums of a part; all of it is in memory. */
typedef struct part_sums {
    lt_sums sums;
    unsigned char raw[LT_SUM_BYTES];
    size_t raw_len;
} part_sums;

static lt_status sum_part(lt_text bytes, lt_sum_kind kind, bool with_digest, part_sums *out,
                          lt_err *err)
{
    lt_digest digest = {0};
    lt_sum sum = {0};
    lt_status status = with_digest ? lt_digest_begin(&digest, true, err) : LT_OK;
    if (status == LT_OK && with_digest)
        status = lt_digest_add(&digest, bytes, err);
    if (status == LT_OK && with_digest)
        status = lt_digest_end(&digest, &out->sums, err);
    if (status == LT_OK && kind) {
        status = lt_sum_begin(&sum, kind, err);
        if (status == LT_OK)
            status = lt_sum_add(&sum, bytes, err);
        if (status == LT_OK)
            status = lt_sum_end(&sum, out->raw, &out->raw_len, err);
    }
    lt_digest_cleanup(&digest);
    lt_sum_cleanup(&sum);
    return status;
}

static lt_status check_part(const lt_expected *wanted, const part_sums *found, lt_text sum,
                            lt_err *err)
{
    if (wanted->md5.len && !lt_text_eq(wanted->md5, lt_text_at(found->sums.md5, LT_MD5_BYTES)))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST, "the part's MD5 is not the one that was said");
    if (wanted->sha256.len &&
        !lt_text_eq(wanted->sha256, lt_text_at(found->sums.sha256, LT_SHA256_BYTES)))
        return lt_store_fail(err, LT_WHY_SHA256_MISMATCH,
                             "the part's SHA-256 is not the one that was said");
    if (wanted->checksum.len && !lt_text_eq(wanted->checksum, sum))
        return lt_store_fail(err, LT_WHY_BAD_DIGEST,
                             "the part's checksum is not the one that was said");
    return LT_OK;
}

static lt_status read_part(lt_body *body, lt_buf *out, lt_err *err)
{
    size_t got = 1;
    if (body->size > (int64_t)(LT_REMOTE_BIG_PART_BYTES * 16))
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "parts of more than 1 GiB are not sent");
    while (got > 0) {
        char *room = lt_buf_room(out, 256 * LT_KIB);
        if (!room)
            return lt_store_fail(err, LT_WHY_TOO_LARGE, "parts of more than 1 GiB are not sent");
        LT_TRY(body->read(body, room, 256 * LT_KIB, &got, err));
        lt_buf_grown(out, got);
    }
    if (body->size >= 0 && (int64_t)out->len != body->size)
        return lt_store_fail(err, LT_WHY_INCOMPLETE_BODY,
                             "the part has %zu bytes and was said to have %lld", out->len,
                             (long long)body->size);
    return LT_OK;
}

/* Bytes that are in memory already are sent from there. */
static lt_status part_bytes(lt_body *body, lt_buf *buffer, lt_text *out, lt_err *err)
{
    lt_text_body probe;
    if (body->read == lt_body_from_text(&probe, T(""))->read) {
        *out = ((lt_text_body *)body)->left;
        return LT_OK;
    }
    LT_TRY(read_part(body, buffer, err));
    *out = lt_buf_text(buffer);
    return LT_OK;
}

lt_status lt_remote_upload_part(lt_store *store, lt_upload_name upload, int32_t number,
                                lt_body *body, const lt_part_options *options, lt_arena *arena,
                                lt_part_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) buffer = {.limit = 16 * LT_REMOTE_BIG_PART_BYTES + LT_MIB};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    part_sums sums = {0};
    lt_text bytes;
    lt_remote_call call;
    char digits[16];
    LT_TRY(part_bytes(body, &buffer, &bytes, err));
    LT_TRY(sum_part(bytes, options->checksum, options->expected != NULL, &sums, err));
    lt_text sum = lt_sum_text(arena, lt_text_at((const char *)sums.raw, sums.raw_len), 0);
    if (options->expected)
        LT_TRY(check_part(options->expected, &sums, sum, err));
    (void)snprintf(digits, sizeof(digits), "%d", (int)number);
    lt_remote_add_param(&query, "partNumber", lt_text_of(digits));
    begin_upload(self, "PUT", upload, arena, &query, &call);
    call.body = bytes;
    if (options->checksum)
        lt_remote_add_header(&call, lt_remote_sum_header(options->checksum), sum);
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    *info = (lt_part_info){
        .number = number,
        .size_bytes = (int64_t)bytes.len,
        .written_at_us = lt_now_us(),
        .etag = lt_arena_text(arena, unquoted(lt_http_header_find(&response, T("ETag")))),
        .checksum = {.kind = options->checksum, .value = sum}};
    return LT_OK;
}

lt_status lt_remote_upload_part_copy(lt_store *store, lt_upload_name upload, int32_t number,
                                     const lt_part_source *source, lt_arena *arena,
                                     lt_part_copied *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) from_text = {.limit = LT_URL_BYTES};
    lt_xml *root;
    lt_remote_call call, from;
    char digits[16];
    lt_remote_begin(self, "GET", source->name, arena, &from);
    lt_buf_printf(&from_text, "/%.*s/", LT_ARG(from.bucket));
    lt_aws_encode(from.key, true, &from_text);
    if (source->name.version_id.len) {
        lt_buf_add_str(&from_text, "?versionId=");
        lt_url_encode(source->name.version_id, &from_text);
    }
    (void)snprintf(digits, sizeof(digits), "%d", (int)number);
    lt_remote_add_param(&query, "partNumber", lt_text_of(digits));
    begin_upload(self, "PUT", upload, arena, &query, &call);
    lt_remote_add_header(&call, "x-amz-copy-source", lt_buf_text(&from_text));
    if (source->len >= 0)
        lt_remote_add_header(
            &call, "x-amz-copy-source-range",
            lt_text_of(lt_arena_format(arena, "bytes=%lld-%lld", (long long)source->offset,
                                       (long long)(source->offset + source->len - 1))));
    if (source->when.etag.len)
        lt_remote_add_header(&call, "x-amz-copy-source-if-match", quoted(arena, source->when.etag));
    if (source->when.not_etag.len)
        lt_remote_add_header(&call, "x-amz-copy-source-if-none-match",
                             quoted(arena, source->when.not_etag));
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), &xml_limits, arena, &root, err));
    out->info = (lt_part_info){.number = number,
                               .size_bytes = source->len,
                               .written_at_us = lt_now_us(),
                               .etag = unquoted(lt_xml_text(root, T("ETag")))};
    out->source_version =
        lt_arena_text(arena, lt_http_header_find(&response, T("x-amz-copy-source-version-id")));
    return LT_OK;
}

/* ---------------------------------------------------------------- lists */

static void read_part_sum(const lt_xml *xml, lt_checksum *out)
{
    static const char *const names[LT_SUM_COUNT] = {
        [LT_SUM_CRC32] = "ChecksumCRC32",         [LT_SUM_CRC32C] = "ChecksumCRC32C",
        [LT_SUM_CRC64NVME] = "ChecksumCRC64NVME", [LT_SUM_SHA1] = "ChecksumSHA1",
        [LT_SUM_SHA256] = "ChecksumSHA256",
    };
    for (lt_sum_kind kind = LT_SUM_CRC32; kind < LT_SUM_COUNT; kind++) {
        lt_text value = lt_xml_text(xml, lt_text_of(names[kind]));
        if (value.len)
            *out = (lt_checksum){.kind = kind, .value = value};
    }
}

static bool read_part_item(const lt_xml *xml, lt_part_info *out)
{
    int64_t number;
    *out = (lt_part_info){.etag = unquoted(lt_xml_text(xml, T("ETag")))};
    if (!lt_text_to_i64(lt_xml_text(xml, T("PartNumber")), &number) || number < 1 ||
        number > LT_PARTS || !lt_text_to_i64(lt_xml_text(xml, T("Size")), &out->size_bytes))
        return false;
    out->number = (int32_t)number;
    if (!lt_time_read(lt_xml_text(xml, T("LastModified")), &out->written_at_us))
        out->written_at_us = 0;
    read_part_sum(xml, &out->checksum);
    return true;
}

lt_status lt_remote_upload_parts(lt_store *store, lt_upload_name upload, lt_page page,
                                 lt_arena *arena, lt_upload_info *info, lt_part_list *out,
                                 lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    char after[16], limit[16];
    lt_xml *root;
    lt_remote_call call;
    (void)snprintf(after, sizeof(after), "%d", (int)page.after);
    (void)snprintf(limit, sizeof(limit), "%zu", LT_MIN(page.limit, (size_t)1000));
    lt_remote_add_param(&query, "max-parts", lt_text_of(limit));
    if (page.after > 0)
        lt_remote_add_param(&query, "part-number-marker", lt_text_of(after));
    begin_upload(self, "GET", upload, arena, &query, &call);
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), &xml_limits, arena, &root, err));
    *info = (lt_upload_info){.key = upload.key,
                             .upload_id = upload.upload_id,
                             .storage_class = lt_xml_text(root, T("StorageClass"))};
    if (!lt_sum_find(lt_xml_text(root, T("ChecksumAlgorithm")), &info->checksum))
        info->checksum = LT_SUM_NONE;
    info->composite = lt_text_eq(lt_xml_text(root, T("ChecksumType")), T("COMPOSITE"));
    for (const lt_xml *one = lt_xml_find(root, T("Part")); one; one = lt_xml_again(one)) {
        lt_part_info part;
        if (!read_part_item(one, &part))
            return lt_fail(err, LT_IO, "S3 gave a list of parts that cannot be read");
        lt_push_in(arena, &out->items, part);
    }
    out->more = lt_text_eq(lt_xml_text(root, T("IsTruncated")), T("true"));
    return LT_OK;
}

static lt_text decoded(lt_text raw, bool is_url, size_t front, lt_arena *arena)
{
    LT_AUTO(lt_buf) plain = {.limit = LT_URL_BYTES};
    if (!is_url || !lt_url_decode(raw, true, &plain))
        return lt_text_sub(raw, front, SIZE_MAX);
    return lt_arena_text(arena, lt_text_sub(lt_buf_text(&plain), front, SIZE_MAX));
}

static void write_list_query(const lt_upload_request *request, lt_text front, lt_buf *query)
{
    LT_AUTO(lt_buf) prefix = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) after = {.limit = LT_URL_BYTES};
    char limit[16];
    lt_buf_add(&prefix, front);
    lt_buf_add(&prefix, request->prefix);
    lt_buf_add(&after, front);
    lt_buf_add(&after, request->after_key);
    size_t most = request->limit && request->limit < 1000 ? request->limit : 1000;
    (void)snprintf(limit, sizeof(limit), "%zu", most);
    lt_buf_add_str(query, "uploads=");
    lt_remote_add_param(query, "encoding-type", T("url"));
    lt_remote_add_param(query, "max-uploads", lt_text_of(limit));
    if (prefix.len)
        lt_remote_add_param(query, "prefix", lt_buf_text(&prefix));
    if (request->delimiter.len)
        lt_remote_add_param(query, "delimiter", request->delimiter);
    if (request->after_key.len)
        lt_remote_add_param(query, "key-marker", lt_buf_text(&after));
    if (request->after_upload.len)
        lt_remote_add_param(query, "upload-id-marker", request->after_upload);
}

lt_status lt_remote_upload_list(lt_store *store, lt_text bucket, const lt_upload_request *request,
                                lt_arena *arena, lt_upload_list *out, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_xml *root;
    lt_remote_call call;
    lt_remote_begin(self, "GET", (lt_object_name){.bucket = bucket}, arena, &call);
    lt_text front = call.key; /* empty in the service itself */
    write_list_query(request, front, &query);
    call.key = (lt_text){0};
    call.query = lt_buf_text(&query);
    LT_TRY(lt_remote_send(self->client, &call, &response, err));
    LT_TRY(lt_xml_read(lt_buf_text(&response.body), &xml_limits, arena, &root, err));
    bool is_url = lt_text_eq(lt_xml_text(root, T("EncodingType")), T("url"));
    for (const lt_xml *one = root->first; one; one = one->next) {
        if (lt_text_eq(one->name, T("CommonPrefixes"))) {
            lt_text prefix = decoded(lt_xml_text(one, T("Prefix")), is_url, front.len, arena);
            lt_push_in(arena, &out->prefixes, prefix);
        }
        if (!lt_text_eq(one->name, T("Upload")))
            continue;
        lt_upload_info info = {.key = decoded(lt_xml_text(one, T("Key")), is_url, front.len, arena),
                               .upload_id = lt_xml_text(one, T("UploadId")),
                               .requester = lt_xml_text(lt_xml_find(one, T("Initiator")), T("ID")),
                               .storage_class = lt_xml_text(one, T("StorageClass"))};
        if (!lt_time_read(lt_xml_text(one, T("Initiated")), &info.started_at_us))
            info.started_at_us = 0;
        if (!lt_sum_find(lt_xml_text(one, T("ChecksumAlgorithm")), &info.checksum))
            info.checksum = LT_SUM_NONE;
        lt_push_in(arena, &out->items, info);
    }
    out->more = lt_text_eq(lt_xml_text(root, T("IsTruncated")), T("true"));
    if (out->more) {
        out->next_key = decoded(lt_xml_text(root, T("NextKeyMarker")), is_url, front.len, arena);
        out->next_upload = lt_xml_text(root, T("NextUploadIdMarker"));
    }
    return LT_OK;
}

/* ---------------------------------------------------------------- complete, abort */

static void write_parts(const lt_completion *completion, lt_sum_kind kind, lt_buf *out)
{
    static const char *const names[LT_SUM_COUNT] = {
        [LT_SUM_CRC32] = "ChecksumCRC32",         [LT_SUM_CRC32C] = "ChecksumCRC32C",
        [LT_SUM_CRC64NVME] = "ChecksumCRC64NVME", [LT_SUM_SHA1] = "ChecksumSHA1",
        [LT_SUM_SHA256] = "ChecksumSHA256",
    };
    lt_buf_add_str(out,
                   "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < completion->count; i++) {
        const lt_part_named *part = &completion->parts[i];
        lt_buf_add_str(out, "<Part>");
        lt_xml_put_int(out, T("PartNumber"), part->number);
        lt_buf_add_str(out, "<ETag>&quot;");
        lt_xml_escape(part->etag, out);
        lt_buf_add_str(out, "&quot;</ETag>");
        if (part->checksum.len && kind)
            lt_xml_put(out, lt_text_of(names[kind]), part->checksum);
        lt_buf_add_str(out, "</Part>");
    }
    lt_buf_add_str(out, "</CompleteMultipartUpload>");
}

/* The kind that these base64 texts must be of; the lengths of SHA-1 and SHA-256 are their own, those of CRC32 and CRC32C are not. */
static lt_status kind_of_upload(lt_remote *self, lt_upload_name upload, lt_arena *arena,
                                lt_sum_kind *kind, bool *composite, lt_err *err)
{
    lt_upload_info info = {0};
    lt_part_list parts = {0};
    lt_page page = {.limit = 1};
    lt_status status = lt_remote_upload_parts(&self->base, upload, page, arena, &info, &parts, err);
    *kind = info.checksum;
    *composite = info.composite;
    if (*kind == LT_SUM_NONE && parts.items.len) /* some servers say it of the parts alone */
        *kind = parts.items.items[0].checksum.kind;
    return status == LT_NOT_FOUND ? LT_OK : status; /* the completion will say it */
}

/* Completed by a try that nobody heard of: the object is there, as large as it should be. */
static bool is_done(lt_remote *self, lt_upload_name upload, const lt_complete_options *options,
                    lt_arena *arena, lt_object_info *info)
{
    lt_err ignored = {0};
    lt_remote_head head;
    lt_object_name name = {upload.bucket, upload.key, {0}};
    if (lt_remote_head_object(self, name, arena, &head, &ignored) != LT_OK ||
        (options->size_bytes >= 0 && head.info.size_bytes != options->size_bytes) ||
        (options->checksum.len && !lt_text_eq(head.info.checksum.value, options->checksum)))
        return false;
    *info = head.info;
    return true;
}

lt_status lt_remote_upload_complete(lt_store *store, lt_upload_name upload,
                                    const lt_completion *completion, lt_arena *arena,
                                    lt_object_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    const lt_complete_options *options = completion->options;
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) body = {.limit = 8 * LT_MIB};
    bool summed = completion->parts[0].checksum.len > 0 || options->checksum.len > 0;
    bool composite = false;
    lt_sum_kind kind = LT_SUM_NONE;
    lt_remote_call call;
    lt_remote_head made;
    if (summed)
        LT_TRY(kind_of_upload(self, upload, arena, &kind, &composite, err));
    write_parts(completion, kind, &body);
    LT_TRY(lt_buf_check(&body, "the list of parts", err));
    begin_upload(self, "POST", upload, arena, &query, &call);
    call.body = lt_buf_text(&body);
    lt_remote_add_header(&call, "content-type", T("application/xml"));
    lt_remote_add_when(&call, options->when, arena);
    if (options->checksum.len && kind) {
        lt_remote_add_header(&call, lt_remote_sum_header(kind), options->checksum);
        lt_remote_add_header(&call, "x-amz-checksum-type",
                             composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    }
    if (options->size_bytes >= 0)
        lt_remote_add_header(
            &call, "x-amz-mp-object-size",
            lt_text_of(lt_arena_format(arena, "%lld", (long long)options->size_bytes)));
    lt_status status = lt_remote_send(self->client, &call, &response, err);
    bool unclear = status != LT_OK && call.attempts > 1 &&
                   (err->reason == LT_WHY_NO_SUCH_UPLOAD || err->reason == LT_WHY_PRECONDITION);
    if (unclear && is_done(self, upload, options, arena, info))
        return LT_OK;
    LT_TRY(status);
    lt_text version = lt_http_header_find(&response, T("x-amz-version-id"));
    lt_object_name name = {upload.bucket, upload.key, lt_arena_text(arena, version)};
    LT_TRY(lt_remote_head_object(self, name, arena, &made, err));
    *info = made.info;
    return LT_OK;
}

lt_status lt_remote_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_http_response) response = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) query = {.limit = LT_URL_BYTES};
    lt_remote_call call;
    begin_upload(self, "DELETE", upload, &arena, &query, &call);
    return lt_remote_send(self->client, &call, &response, err);
}
