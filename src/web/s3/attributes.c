/* GetObjectAttributes. */
#include "fmt/xml.h"
#include "net/http_retry.h"
#include "store/reason.h"
#include "web/s3/call.h"

typedef struct attributes {
    bool etag, checksum, parts, storage_class, size;
} attributes;

static lt_status read_attributes(lt_s3_call *call, attributes *out, lt_err *err)
{
    lt_text asked = lt_s3_header(call, "x-amz-object-attributes");
    struct {
        const char *name;
        bool *wanted;
    } const known[] = {{"ETag", &out->etag},
                       {"Checksum", &out->checksum},
                       {"ObjectParts", &out->parts},
                       {"StorageClass", &out->storage_class},
                       {"ObjectSize", &out->size}};
    if (!asked.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "The x-amz-object-attributes header specifying the attributes to be "
                          "retrieved is either missing or empty");
    for (size_t h = 0; h < call->http->headers.len; h++) {
        if (!lt_text_eq_nocase(call->http->headers.items[h].name, T("x-amz-object-attributes")))
            continue;
        for (lt_text rest = call->http->headers.items[h].value, one;
             lt_text_cut(&rest, ',', &one);) {
            bool found = false;
            for (size_t i = 0; i < LT_COUNT(known); i++)
                if (lt_text_eq(lt_text_trim(one), lt_text_of(known[i].name)))
                    found = *known[i].wanted = true;
            if (!found)
                return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                                  "Invalid attribute name specified.");
        }
    }
    return LT_OK;
}

static lt_status read_number(lt_s3_call *call, const char *name, int64_t otherwise, int64_t *out,
                             lt_err *err)
{
    lt_text text = lt_s3_header(call, name);
    *out = otherwise;
    if (text.ptr && (!lt_text_to_i64(text, out) || *out < 0 || *out > INT32_MAX))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "%s is a number", name);
    return LT_OK;
}

static lt_status write_parts(lt_s3_call *call, lt_buf *out, const lt_object_info *info, lt_err *err)
{
    lt_part_list parts = {0};
    lt_object_name name = {call->bucket, call->key, info->version_id};
    int64_t limit, after;
    LT_TRY(read_number(call, "x-amz-max-parts", 1000, &limit, err));
    LT_TRY(read_number(call, "x-amz-part-number-marker", 0, &after, err));
    limit = LT_MIN(limit, 1000);
    if (limit > 0)
        LT_TRY(lt_object_parts(call->s3->options.store, name, (int32_t)after, (size_t)limit,
                               call->arena, &parts, err));
    lt_xml_begin(out, T("ObjectParts"));
    lt_xml_put_int(out, T("PartsCount"), info->part_count);
    lt_xml_put_int(out, T("PartNumberMarker"), after);
    if (parts.items.len)
        lt_xml_put_int(out, T("NextPartNumberMarker"),
                       parts.items.items[parts.items.len - 1].number);
    lt_xml_put_int(out, T("MaxParts"), limit);
    lt_xml_put_bool(out, T("IsTruncated"), parts.more);
    for (size_t i = 0; i < parts.items.len; i++) {
        lt_xml_begin(out, T("Part"));
        lt_xml_put_int(out, T("PartNumber"), parts.items.items[i].number);
        lt_xml_put_int(out, T("Size"), parts.items.items[i].size_bytes);
        lt_s3_xml_sum(out, &parts.items.items[i].checksum);
        lt_xml_end(out, T("Part"));
    }
    lt_xml_end(out, T("ObjectParts"));
    return LT_OK;
}

static void write_sum(lt_buf *out, const lt_checksum *sum)
{
    if (sum->kind == LT_SUM_NONE)
        return;
    lt_xml_begin(out, T("Checksum"));
    lt_s3_xml_sum(out, sum);
    lt_xml_put(out, T("ChecksumType"), sum->composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    lt_xml_end(out, T("Checksum"));
}

lt_status lt_s3_get_attributes(lt_s3_call *call, lt_err *err)
{
    attributes wanted = {0};
    lt_object_info info = {0};
    char time[LT_HTTP_DATE_CHARS];
    bool sealed = false;
    LT_TRY(read_attributes(call, &wanted, err));
    LT_TRY(lt_s3_sealed_read(call, &sealed, err));
    lt_status status = lt_store_head(call->s3->options.store, call->bucket, call->key,
                                     call->version_id, call->arena, &info, err);
    if (info.is_marker) {
        lt_s3_say(call, "x-amz-delete-marker", T("true"));
        lt_s3_say_version(call, &info);
    }
    LT_TRY(status);
    if (info.is_marker)
        return lt_s3_fail(call, err, LT_S3_METHOD_NOT_ALLOWED, NULL);
    lt_s3_say(call, "Last-Modified", lt_text_of(lt_http_date_write(info.written_at_us, time)));
    lt_s3_say_version(call, &info);
    lt_buf *out = lt_s3_xml_begin(call, T("GetObjectAttributesResponse" LT_S3_XMLNS));
    if (wanted.etag)
        lt_xml_put(out, T("ETag"), info.etag);
    if (wanted.checksum)
        write_sum(out, &info.checksum);
    if (wanted.parts && info.part_count)
        LT_TRY(write_parts(call, out, &info, err));
    if (wanted.storage_class)
        lt_xml_put(out, T("StorageClass"),
                   info.meta.storage_class.len ? info.meta.storage_class : T("STANDARD"));
    if (wanted.size)
        lt_xml_put_int(out, T("ObjectSize"), info.size_bytes);
    lt_xml_end(out, T("GetObjectAttributesResponse"));
    return LT_OK;
}
