/* Listings: ListObjects, ListObjectsV2, ListObjectVersions. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <sodium.h>

enum { PAGE = 1000 };

/* What all listings are asked with. */
typedef struct page {
    lt_list_request request;
    lt_listing found;
    int64_t limit;
    bool url; /* keys are wanted percent-encoded */
    lt_text owner_id, owner_name;
} page;

static lt_status read_page(lt_s3_call *call, page *out, lt_err *err)
{
    lt_text limit = lt_s3_param(call, "max-keys"), encoding = lt_s3_param(call, "encoding-type");
    *out = (page){.limit = PAGE};
    out->request.prefix = lt_s3_param(call, "prefix");
    out->request.delimiter = lt_s3_param(call, "delimiter");
    if (limit.len &&
        (!lt_text_to_i64(limit, &out->limit) || out->limit < 0 || out->limit > INT32_MAX))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Provided max-keys not an integer or within integer range");
    if (encoding.len && !lt_text_eq(encoding, T("url")))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Invalid Encoding Method specified in Request");
    out->url = encoding.len > 0;
    out->limit = LT_MIN(out->limit, PAGE);
    out->request.limit = (size_t)out->limit;
    return LT_OK;
}

static lt_status fetch(lt_s3_call *call, page *p, lt_err *err)
{
    lt_versioning unused;
    LT_TRY(lt_s3_owner(call, call->bucket, &p->owner_id, &p->owner_name, err));
    if (p->limit == 0) /* legal, and empty */
        return lt_bucket_find(call->s3->options.store, call->bucket, &unused, err);
    return lt_store_list(call->s3->options.store, call->bucket, &p->request, call->arena, &p->found,
                         err);
}

/* botocore does not decode the prefix of ListObjects: there it is encoded only if XML cannot hold it. */
static bool needs_encoding(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' && !lt_is_space(text.ptr[i]))
            return true;
    return false;
}

static void write_head(lt_s3_call *call, lt_buf *out, const page *p)
{
    bool is_v1 = call->op->run == lt_s3_list_objects;
    lt_xml_put(out, T("Name"), call->bucket);
    lt_s3_xml_key(out, T("Prefix"), p->request.prefix,
                  p->url && (!is_v1 || needs_encoding(p->request.prefix)));
    if (p->request.delimiter.len)
        lt_s3_xml_key(out, T("Delimiter"), p->request.delimiter, p->url);
    lt_xml_put_int(out, T("MaxKeys"), p->limit);
    if (p->url)
        lt_xml_put(out, T("EncodingType"), T("url"));
    lt_xml_put_bool(out, T("IsTruncated"), p->found.more);
}

static void write_sums(lt_buf *out, const lt_object_info *info)
{
    if (info->checksum.kind == LT_SUM_NONE)
        return;
    lt_xml_put(out, T("ChecksumAlgorithm"), lt_text_of(lt_sum_name(info->checksum.kind)));
    lt_xml_put(out, T("ChecksumType"),
               info->checksum.composite ? T("COMPOSITE") : T("FULL_OBJECT"));
}

static lt_text storage_class(const lt_object_info *info)
{
    return info->meta.storage_class.len ? info->meta.storage_class : T("STANDARD");
}

static void write_object(lt_buf *out, const page *p, const lt_object_info *info, bool with_owner)
{
    lt_xml_begin(out, T("Contents"));
    lt_s3_xml_key(out, T("Key"), info->key, p->url);
    lt_s3_xml_time(out, T("LastModified"), info->written_at_us);
    lt_s3_xml_etag(out, info->etag);
    write_sums(out, info);
    lt_xml_put_int(out, T("Size"), info->size_bytes);
    if (with_owner)
        lt_s3_xml_owner(out, T("Owner"), p->owner_id, p->owner_name);
    lt_xml_put(out, T("StorageClass"), storage_class(info));
    lt_xml_end(out, T("Contents"));
}

static void write_prefixes(lt_buf *out, const page *p)
{
    for (size_t i = 0; i < p->found.prefixes.len; i++) {
        lt_xml_begin(out, T("CommonPrefixes"));
        lt_s3_xml_key(out, T("Prefix"), p->found.prefixes.items[i], p->url);
        lt_xml_end(out, T("CommonPrefixes"));
    }
}

static void write_objects(lt_buf *out, const page *p, bool with_owner)
{
    for (size_t i = 0; i < p->found.objects.len; i++)
        write_object(out, p, &p->found.objects.items[i], with_owner);
    write_prefixes(out, p);
}

/* ---- ListObjects ---- */

lt_status lt_s3_list_objects(lt_s3_call *call, lt_err *err)
{
    page p = {0};
    LT_TRY(read_page(call, &p, err));
    p.request.after_key = lt_s3_param(call, "marker");
    LT_TRY(fetch(call, &p, err));
    lt_buf *out = lt_s3_xml_begin(call, T("ListBucketResult" LT_S3_XMLNS));
    write_head(call, out, &p);
    lt_s3_xml_key(out, T("Marker"), p.request.after_key, p.url);
    if (p.found.more && p.request.delimiter.len)
        lt_s3_xml_key(out, T("NextMarker"), p.found.next_key, p.url);
    write_objects(out, &p, true);
    lt_xml_end(out, T("ListBucketResult"));
    return LT_OK;
}

/* ---- ListObjectsV2 ---- */

enum { TOKEN_VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static lt_text write_token(lt_s3_call *call, lt_text key)
{
    size_t room = sodium_base64_encoded_len(key.len, TOKEN_VARIANT);
    char *out = lt_alloc(call->arena, room + 1);
    (void)sodium_bin2base64(out + 1, room, (const unsigned char *)key.ptr, key.len, TOKEN_VARIANT);
    out[0] = '1'; /* so that a token is never empty, and another form can follow */
    return lt_text_of(out);
}

static bool read_token(lt_s3_call *call, lt_text token, lt_text *key)
{
    size_t len = 0;
    const char *end;
    if (!lt_text_starts(token, T("1")) || token.len > 4096)
        return false;
    token = lt_text_sub(token, 1, token.len);
    unsigned char *out = lt_alloc(call->arena, token.len + 1);
    if (sodium_base642bin(out, token.len, token.ptr, token.len, NULL, &len, &end, TOKEN_VARIANT) !=
            0 ||
        end != token.ptr + token.len)
        return false;
    *key = lt_text_at((const char *)out, len);
    return true;
}

static lt_status begin_v2(lt_s3_call *call, page *p, lt_err *err)
{
    lt_text token = lt_s3_param(call, "continuation-token");
    if (!lt_text_eq(lt_s3_param(call, "list-type"), T("2")))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "list-type is 2");
    LT_TRY(read_page(call, p, err));
    p->request.after_key = lt_s3_param(call, "start-after");
    if (token.len && !read_token(call, token, &p->request.after_key))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "The continuation token provided is incorrect");
    return fetch(call, p, err);
}

lt_status lt_s3_list_objects_v2(lt_s3_call *call, lt_err *err)
{
    page p = {0};
    lt_text token = lt_s3_param(call, "continuation-token"),
            start = lt_s3_param(call, "start-after");
    bool with_owner = lt_text_eq(lt_s3_param(call, "fetch-owner"), T("true"));
    LT_TRY(begin_v2(call, &p, err));
    lt_buf *out = lt_s3_xml_begin(call, T("ListBucketResult" LT_S3_XMLNS));
    write_head(call, out, &p);
    lt_xml_put_int(out, T("KeyCount"), (int64_t)(p.found.objects.len + p.found.prefixes.len));
    if (token.ptr)
        lt_xml_put(out, T("ContinuationToken"), token);
    if (start.ptr)
        lt_s3_xml_key(out, T("StartAfter"), start, p.url);
    if (p.found.more)
        lt_xml_put(out, T("NextContinuationToken"), write_token(call, p.found.next_key));
    write_objects(out, &p, with_owner);
    lt_xml_end(out, T("ListBucketResult"));
    return LT_OK;
}

/* ---- ListObjectVersions ---- */

static void write_version(lt_buf *out, const page *p, const lt_object_info *info)
{
    lt_text name = info->is_marker ? T("DeleteMarker") : T("Version");
    lt_xml_begin(out, name);
    lt_s3_xml_key(out, T("Key"), info->key, p->url);
    lt_xml_put(out, T("VersionId"), info->version_id);
    lt_xml_put_bool(out, T("IsLatest"), info->is_current);
    lt_s3_xml_time(out, T("LastModified"), info->written_at_us);
    if (!info->is_marker) {
        lt_s3_xml_etag(out, info->etag);
        write_sums(out, info);
        lt_xml_put_int(out, T("Size"), info->size_bytes);
        lt_xml_put(out, T("StorageClass"), storage_class(info));
    }
    lt_s3_xml_owner(out, T("Owner"), p->owner_id, p->owner_name);
    lt_xml_end(out, name);
}

lt_status lt_s3_list_versions(lt_s3_call *call, lt_err *err)
{
    page p = {0};
    LT_TRY(read_page(call, &p, err));
    p.request.versions = true;
    p.request.after_key = lt_s3_param(call, "key-marker");
    p.request.after_version = lt_s3_param(call, "version-id-marker");
    if (p.request.after_version.len && !p.request.after_key.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "A version-id marker cannot be specified without a key marker.");
    LT_TRY(fetch(call, &p, err));
    lt_buf *out = lt_s3_xml_begin(call, T("ListVersionsResult" LT_S3_XMLNS));
    write_head(call, out, &p);
    lt_s3_xml_key(out, T("KeyMarker"), p.request.after_key, p.url);
    lt_xml_put(out, T("VersionIdMarker"), p.request.after_version);
    if (p.found.more) {
        lt_s3_xml_key(out, T("NextKeyMarker"), p.found.next_key, p.url);
        if (p.found.next_version.len)
            lt_xml_put(out, T("NextVersionIdMarker"), p.found.next_version);
    }
    for (size_t i = 0; i < p.found.objects.len; i++)
        write_version(out, &p, &p.found.objects.items[i]);
    write_prefixes(out, &p);
    lt_xml_end(out, T("ListVersionsResult"));
    return LT_OK;
}
