/* Multipart uploads. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

static lt_upload_name named(const lt_s3_call *call)
{
    return (lt_upload_name){call->bucket, call->key, lt_s3_param(call, "uploadId")};
}

lt_status lt_s3_part_number(lt_s3_call *call, int32_t *out, lt_err *err)
{
    int64_t number = 0;
    if (!lt_text_to_i64(lt_s3_param(call, "partNumber"), &number) || number < 1 ||
        number > LT_PARTS)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Part number must be an integer between 1 and 10000, inclusive");
    *out = (int32_t)number;
    return LT_OK;
}

/* ---- CreateMultipartUpload ---- */

static lt_status read_sum_type(lt_s3_call *call, lt_upload_options *options, lt_err *err)
{
    lt_text type = lt_s3_header(call, "x-amz-checksum-type"), unused;
    LT_TRY(lt_s3_sum_asked(call, &options->checksum, &unused, err));
    if (type.ptr && options->checksum == LT_SUM_NONE)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "The x-amz-checksum-type header can only be used with the "
                          "x-amz-checksum-algorithm header.");
    options->composite =
        type.ptr ? lt_text_eq(type, T("COMPOSITE")) : options->checksum != LT_SUM_CRC64NVME;
    if (type.ptr && !options->composite && !lt_text_eq(type, T("FULL_OBJECT")))
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Value for x-amz-checksum-type header is invalid.");
    if (options->checksum == LT_SUM_NONE)
        options->composite = false;
    bool possible = options->composite
                        ? options->checksum != LT_SUM_CRC64NVME
                        : options->checksum == LT_SUM_NONE || lt_sum_is_crc(options->checksum);
    if (!possible)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "The %s checksum type cannot be used with the %s checksum algorithm.",
                          options->composite ? "COMPOSITE" : "FULL_OBJECT",
                          lt_sum_name(options->checksum));
    return LT_OK;
}

lt_status lt_s3_create_upload(lt_s3_call *call, lt_err *err)
{
    lt_upload_options options = {.origin = &call->origin};
    lt_text id = {0};
    LT_TRY(lt_s3_acl_check(call, err));
    LT_TRY(lt_s3_meta_read(call, &options.meta, err));
    LT_TRY(lt_s3_new_tags(call, &options.tags, err));
    LT_TRY(lt_s3_sealed_read(call, &options.sealed, err));
    LT_TRY(read_sum_type(call, &options, err));
    LT_TRY(lt_upload_create(call->s3->options.store, call->bucket, call->key, &options, call->arena,
                            &id, err));
    lt_s3_say_sealed(call, options.sealed);
    if (options.checksum != LT_SUM_NONE) {
        lt_s3_say(call, "x-amz-checksum-algorithm", lt_text_of(lt_sum_name(options.checksum)));
        lt_s3_say(call, "x-amz-checksum-type",
                  options.composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    }
    lt_buf *out = lt_s3_xml_begin(call, T("InitiateMultipartUploadResult" LT_S3_XMLNS));
    lt_xml_put(out, T("Bucket"), call->bucket);
    lt_xml_put(out, T("Key"), call->key);
    lt_xml_put(out, T("UploadId"), id);
    lt_xml_end(out, T("InitiateMultipartUploadResult"));
    return LT_OK;
}

/* ---- UploadPart ---- */

lt_status lt_s3_say_upload(lt_s3_call *call, lt_upload_name upload, lt_err *err)
{
    lt_upload_info info = {0};
    lt_part_list none = {0};
    LT_TRY(lt_upload_parts(call->s3->options.store, upload, LT_PARTS, 1, call->arena, &info, &none,
                           err));
    lt_s3_say_sealed(call, info.sealed);
    return LT_OK;
}

lt_status lt_s3_upload_part(lt_s3_call *call, lt_err *err)
{
    lt_s3_body *body = NULL;
    lt_part_info info = {0};
    int32_t number = 0;
    bool sealed = false;
    LT_TRY(lt_s3_part_number(call, &number, err));
    LT_TRY(lt_s3_sealed_read(call, &sealed, err));
    LT_TRY(lt_s3_body_open(call, &body, err));
    lt_part_options options = {.checksum = lt_s3_body_sum(body),
                               .expected = lt_s3_body_expected(body)};
    LT_TRY(lt_upload_part(call->s3->options.store, named(call), number, lt_s3_body_stream(body),
                          &options, call->arena, &info, err));
    lt_s3_say_etag(call, info.etag);
    LT_TRY(lt_s3_say_upload(call, named(call), err));
    if (info.checksum.kind != LT_SUM_NONE)
        lt_s3_say(call, lt_s3_sum_header(info.checksum.kind).ptr, info.checksum.value);
    return LT_OK;
}

/* ---- CompleteMultipartUpload ---- */

static const char *const sum_elements[] = {"ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME",
                                           "ChecksumSHA1", "ChecksumSHA256"};

typedef LT_VEC(lt_part_named) named_parts;

static lt_status read_part(lt_s3_call *call, const lt_xml *element, named_parts *out, lt_err *err)
{
    lt_part_named part = {.etag = lt_s3_unquote(lt_xml_text(element, T("ETag")))};
    int64_t number = 0;
    if (!lt_text_eq(element->name, T("Part")) || !part.etag.len ||
        !lt_text_to_i64(lt_text_trim(lt_xml_text(element, T("PartNumber"))), &number))
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    if (number < 1 || number > LT_PARTS)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "PartNumber must be an integer between 1 and 10000, inclusive");
    part.number = (int32_t)number;
    for (size_t i = 0; i < LT_COUNT(sum_elements); i++)
        if (!part.checksum.len)
            part.checksum = lt_xml_text(element, lt_text_of(sum_elements[i]));
    if (out->len && out->items[out->len - 1].number == part.number)
        out->items[out->len - 1] = part; /* named again: the later one counts */
    else
        lt_push_in(call->arena, out, part);
    return LT_OK;
}

static lt_status read_parts(lt_s3_call *call, named_parts *out, lt_err *err)
{
    const lt_xml *root = NULL;
    LT_TRY(lt_s3_body_xml(call, "CompleteMultipartUpload", &root, err));
    for (const lt_xml *e = root->first; e; e = e->next)
        if (out->len > LT_PARTS)
            return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
        else
            LT_TRY(read_part(call, e, out, err));
    return out->len ? LT_OK : lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
}

/* The checksum headers of this request are of the object; the body's own one is not told apart, so both are not possible. */
static lt_status read_object_sum(lt_s3_call *call, lt_complete_options *options, lt_err *err)
{
    lt_sum_kind kind;
    LT_TRY(lt_s3_sum_asked(call, &kind, &options->checksum, err));
    lt_text size = lt_s3_header(call, "x-amz-mp-object-size");
    options->size_bytes = -1;
    if (size.ptr && (!lt_text_to_i64(size, &options->size_bytes) || options->size_bytes < 0))
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Value for x-amz-mp-object-size header is invalid.");
    return LT_OK;
}

static lt_text location(lt_s3_call *call)
{
    LT_AUTO(lt_buf) url = {0};
    lt_buf_printf(&url, "%s://%.*s", call->http->is_tls ? "https" : "http",
                  LT_ARG(lt_s3_header(call, "Host")));
    if (!call->is_vhost)
        lt_buf_printf(&url, "/%.*s", LT_ARG(call->bucket));
    lt_buf_add_byte(&url, '/');
    lt_aws_encode(call->key, true, &url);
    return lt_arena_text(call->arena, lt_buf_text(&url));
}

lt_status lt_s3_complete_upload(lt_s3_call *call, lt_err *err)
{
    named_parts parts = {0};
    lt_when when = {0};
    lt_object_info info = {0};
    lt_complete_options options = {.when = &when, .origin = &call->origin};
    LT_TRY(lt_s3_when_read(call, &when, err));
    LT_TRY(read_object_sum(call, &options, err));
    LT_TRY(read_parts(call, &parts, err));
    LT_TRY(lt_upload_complete(call->s3->options.store, named(call), parts.items, parts.len,
                              &options, call->arena, &info, err));
    lt_s3_say_version(call, &info);
    lt_s3_say_sealed(call, info.is_sealed);
    lt_s3_say_expiry(call, &info);
    lt_buf *out = lt_s3_xml_begin(call, T("CompleteMultipartUploadResult" LT_S3_XMLNS));
    lt_xml_put(out, T("Location"), location(call));
    lt_xml_put(out, T("Bucket"), call->bucket);
    lt_xml_put(out, T("Key"), call->key);
    lt_s3_xml_etag(out, info.etag);
    lt_s3_xml_sum(out, &info.checksum);
    if (info.checksum.kind != LT_SUM_NONE)
        lt_xml_put(out, T("ChecksumType"),
                   info.checksum.composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    lt_xml_end(out, T("CompleteMultipartUploadResult"));
    return LT_OK;
}

/* ---- AbortMultipartUpload, ListParts, ListMultipartUploads ---- */

lt_status lt_s3_abort_upload(lt_s3_call *call, lt_err *err)
{
    LT_TRY(lt_upload_abort(call->s3->options.store, named(call), err));
    call->reply->status = 204;
    return LT_OK;
}

static lt_status read_limit(lt_s3_call *call, const char *name, int64_t *out, lt_err *err)
{
    lt_text text = lt_s3_param(call, name);
    *out = 1000;
    if (text.len && (!lt_text_to_i64(text, out) || *out < 0 || *out > INT32_MAX))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "%s is a number from 0 to 2147483647",
                          name);
    *out = LT_MIN(*out, 1000);
    return LT_OK;
}

static void write_part(lt_buf *out, const lt_part_info *part)
{
    lt_xml_begin(out, T("Part"));
    lt_xml_put_int(out, T("PartNumber"), part->number);
    lt_s3_xml_time(out, T("LastModified"), part->written_at_us);
    lt_s3_xml_etag(out, part->etag);
    lt_xml_put_int(out, T("Size"), part->size_bytes);
    lt_s3_xml_sum(out, &part->checksum);
    lt_xml_end(out, T("Part"));
}

lt_status lt_s3_list_parts(lt_s3_call *call, lt_err *err)
{
    lt_upload_info info = {0};
    lt_part_list parts = {0};
    int64_t limit, after = 0;
    lt_text marker = lt_s3_param(call, "part-number-marker"), id, name;
    LT_TRY(read_limit(call, "max-parts", &limit, err));
    if (marker.len && (!lt_text_to_i64(marker, &after) || after < 0 || after > INT32_MAX))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "part-number-marker is a number");
    LT_TRY(lt_upload_parts(call->s3->options.store, named(call), (int32_t)after,
                           (size_t)LT_MAX(limit, 1), call->arena, &info, &parts, err));
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    if (limit == 0)
        parts = (lt_part_list){0};
    lt_buf *out = lt_s3_xml_begin(call, T("ListPartsResult" LT_S3_XMLNS));
    lt_xml_put(out, T("Bucket"), call->bucket);
    lt_xml_put(out, T("Key"), call->key);
    lt_xml_put(out, T("UploadId"), info.upload_id);
    lt_s3_xml_owner(out, T("Initiator"), id, name);
    lt_s3_xml_owner(out, T("Owner"), id, name);
    lt_xml_put(out, T("StorageClass"), info.storage_class.len ? info.storage_class : T("STANDARD"));
    lt_xml_put_int(out, T("PartNumberMarker"), after);
    if (parts.items.len)
        lt_xml_put_int(out, T("NextPartNumberMarker"),
                       parts.items.items[parts.items.len - 1].number);
    lt_xml_put_int(out, T("MaxParts"), limit);
    lt_xml_put_bool(out, T("IsTruncated"), parts.more);
    if (info.checksum != LT_SUM_NONE) {
        lt_xml_put(out, T("ChecksumAlgorithm"), lt_text_of(lt_sum_name(info.checksum)));
        lt_xml_put(out, T("ChecksumType"), info.composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    }
    for (size_t i = 0; i < parts.items.len; i++)
        write_part(out, &parts.items.items[i]);
    lt_xml_end(out, T("ListPartsResult"));
    return LT_OK;
}

static void write_upload(lt_buf *out, const lt_upload_info *info, lt_text id, lt_text name,
                         bool url)
{
    lt_xml_begin(out, T("Upload"));
    lt_s3_xml_key(out, T("Key"), info->key, url);
    lt_xml_put(out, T("UploadId"), info->upload_id);
    lt_s3_xml_owner(out, T("Initiator"), id, name);
    lt_s3_xml_owner(out, T("Owner"), id, name);
    lt_xml_put(out, T("StorageClass"),
               info->storage_class.len ? info->storage_class : T("STANDARD"));
    lt_s3_xml_time(out, T("Initiated"), info->started_at_us);
    if (info->checksum != LT_SUM_NONE) {
        lt_xml_put(out, T("ChecksumAlgorithm"), lt_text_of(lt_sum_name(info->checksum)));
        lt_xml_put(out, T("ChecksumType"), info->composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    }
    lt_xml_end(out, T("Upload"));
}

lt_status lt_s3_list_uploads(lt_s3_call *call, lt_err *err)
{
    lt_upload_request request = {.prefix = lt_s3_param(call, "prefix"),
                                 .delimiter = lt_s3_param(call, "delimiter"),
                                 .after_key = lt_s3_param(call, "key-marker"),
                                 .after_upload = lt_s3_param(call, "upload-id-marker")};
    lt_upload_list list = {0};
    lt_text encoding = lt_s3_param(call, "encoding-type"), id, name;
    bool url = lt_text_eq(encoding, T("url"));
    int64_t limit = 0;
    LT_TRY(read_limit(call, "max-uploads", &limit, err));
    if (encoding.len && !url)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Invalid Encoding Method specified in Request");
    request.limit = (size_t)LT_MAX(limit, 1);
    LT_TRY(lt_upload_list_page(call->s3->options.store, call->bucket, &request, call->arena, &list,
                               err));
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    if (limit == 0)
        list = (lt_upload_list){0};
    lt_buf *out = lt_s3_xml_begin(call, T("ListMultipartUploadsResult" LT_S3_XMLNS));
    lt_xml_put(out, T("Bucket"), call->bucket);
    lt_s3_xml_key(out, T("KeyMarker"), request.after_key, url);
    lt_xml_put(out, T("UploadIdMarker"), request.after_upload);
    if (list.more) {
        lt_s3_xml_key(out, T("NextKeyMarker"), list.next_key, url);
        lt_xml_put(out, T("NextUploadIdMarker"), list.next_upload);
    }
    lt_s3_xml_key(out, T("Prefix"), request.prefix, url);
    if (request.delimiter.len)
        lt_s3_xml_key(out, T("Delimiter"), request.delimiter, url);
    if (url)
        lt_xml_put(out, T("EncodingType"), T("url"));
    lt_xml_put_int(out, T("MaxUploads"), limit);
    lt_xml_put_bool(out, T("IsTruncated"), list.more);
    for (size_t i = 0; i < list.items.len; i++)
        write_upload(out, &list.items.items[i], id, name, url);
    for (size_t i = 0; i < list.prefixes.len; i++) {
        lt_xml_begin(out, T("CommonPrefixes"));
        lt_s3_xml_key(out, T("Prefix"), list.prefixes.items[i], url);
        lt_xml_end(out, T("CommonPrefixes"));
    }
    lt_xml_end(out, T("ListMultipartUploadsResult"));
    return LT_OK;
}
