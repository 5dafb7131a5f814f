/* CopyObject and UploadPartCopy: the source is read with the reader's rights. */
#include "base/time.h"
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

/* The source that the header names, if this one may read it. */
static lt_status read_source(lt_s3_call *call, lt_object_name *out, lt_err *err)
{
    lt_text header = lt_s3_header(call, "x-amz-copy-source");
    if (!lt_s3_copy_source_read(header, call->arena, out))
        return lt_s3_fail(
            call, err, LT_S3_INVALID_ARGUMENT,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
    lt_s3_wish wish = {.action = out->version_id.len ? "s3:GetObjectVersion" : "s3:GetObject",
                       .access = LT_ACCESS_READ,
                       .bucket = out->bucket,
                       .key = out->key,
                       .version_id = out->version_id};
    return lt_s3_allow(call, &wish, err);
}

static lt_status read_time(lt_s3_call *call, const char *name, int64_t *out, lt_err *err)
{
    lt_text text = lt_s3_header(call, name);
    if (text.ptr && !lt_s3_is_time(text, out))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "%s is no date", name);
    return LT_OK;
}

static lt_status read_source_when(lt_s3_call *call, lt_source_when *out, lt_err *err)
{
    *out = (lt_source_when){
        .etag = lt_s3_unquote(lt_s3_header(call, "x-amz-copy-source-if-match")),
        .not_etag = lt_s3_unquote(lt_s3_header(call, "x-amz-copy-source-if-none-match"))};
    LT_TRY(read_time(call, "x-amz-copy-source-if-modified-since", &out->modified_since_us, err));
    return read_time(call, "x-amz-copy-source-if-unmodified-since", &out->unmodified_since_us, err);
}

static lt_status read_directive(lt_s3_call *call, const char *name, bool *replace, lt_err *err)
{
    lt_text text = lt_s3_header(call, name);
    *replace = lt_text_eq(text, T("REPLACE"));
    if (text.len && !*replace && !lt_text_eq(text, T("COPY")))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "%s is COPY or REPLACE", name);
    return LT_OK;
}

static lt_status read_options(lt_s3_call *call, lt_copy_options *options, lt_when *when,
                              lt_err *err)
{
    lt_text unused;
    options->put.when = when;
    options->put.origin = &call->origin;
    LT_TRY(lt_s3_acl_check(call, err));
    LT_TRY(lt_s3_when_read(call, when, err));
    LT_TRY(read_source_when(call, &options->source, err));
    LT_TRY(read_directive(call, "x-amz-metadata-directive", &options->replace_meta, err));
    LT_TRY(read_directive(call, "x-amz-tagging-directive", &options->replace_tags, err));
    LT_TRY(lt_s3_meta_read(call, &options->put.meta, err));
    if (options->replace_tags)
        LT_TRY(lt_s3_new_tags(call, &options->put.tags, err));
    LT_TRY(lt_s3_sum_asked(call, &options->put.checksum, &unused, err));
    return lt_s3_sealed_read(call, &options->put.sealed, err);
}

/* A copy onto itself that changes nothing is refused, as by S3. */
static lt_status check_change(lt_s3_call *call, const lt_object_name *source,
                              const lt_copy_options *options, lt_err *err)
{
    bool same = lt_text_eq(source->bucket, call->bucket) && lt_text_eq(source->key, call->key) &&
                !source->version_id.len;
    bool changes = options->replace_meta || options->replace_tags || options->put.sealed ||
                   options->put.checksum != LT_SUM_NONE ||
                   lt_s3_header(call, "x-amz-storage-class").ptr ||
                   lt_s3_header(call, "x-amz-website-redirect-location").ptr;
    if (same && !changes)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "This copy request is illegal because it is trying to copy an object to "
                          "itself without changing the object's metadata, storage class, website "
                          "redirect location or encryption attributes.");
    return LT_OK;
}

/* Without REPLACE the storage class is nevertheless that of the request. */
static lt_status copy_meta(lt_s3_call *call, const lt_object_name *source, lt_copy_options *options,
                           lt_err *err)
{
    lt_object_info info = {0};
    lt_text class = options->put.meta.storage_class, redirect = options->put.meta.website_redirect;
    if (options->replace_meta || (!class.len && !redirect.len))
        return LT_OK;
    LT_TRY(lt_store_head(call->s3->options.store, source->bucket, source->key, source->version_id,
                         call->arena, &info, err));
    options->put.meta = info.meta;
    options->put.meta.storage_class = class;
    options->put.meta.website_redirect = redirect;
    options->replace_meta = true;
    return LT_OK;
}

static void say_source(lt_s3_call *call, lt_text version)
{
    if (version.len && !lt_text_eq(version, T("null")))
        lt_s3_say(call, "x-amz-copy-source-version-id", version);
}

/* The source being missing is told as such, and a marker cannot be copied. */
static lt_status source_failed(lt_s3_call *call, const lt_object_name *source, lt_status status,
                               lt_err *err)
{
    if (err->reason == LT_WHY_NO_SUCH_KEY)
        return lt_s3_fail(call, err, LT_S3_NO_SUCH_KEY,
                          "The specified key does not exist: %.*s/%.*s", LT_ARG(source->bucket),
                          LT_ARG(source->key));
    if (err->reason == LT_WHY_IS_MARKER)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "The source of a copy request may not specifically refer to a delete "
                          "marker by version id.");
    return status;
}

lt_status lt_s3_copy_object(lt_s3_call *call, lt_err *err)
{
    lt_object_name source = {0};
    lt_copy_options options = {0};
    lt_when when = {0};
    lt_object_info info = {0};
    lt_text version = {0};
    LT_TRY(read_source(call, &source, err));
    LT_TRY(read_options(call, &options, &when, err));
    LT_TRY(check_change(call, &source, &options, err));
    lt_status status = copy_meta(call, &source, &options, err);
    if (status == LT_OK)
        status = lt_store_copy(call->s3->options.store, source, call->bucket, call->key, &options,
                               call->arena, &info, &version, err);
    if (status != LT_OK)
        return source_failed(call, &source, status, err);
    lt_s3_say_version(call, &info);
    say_source(call, version);
    lt_s3_say_sealed(call, info.is_sealed);
    lt_s3_say_expiry(call, &info);
    lt_buf *out = lt_s3_xml_begin(call, T("CopyObjectResult" LT_S3_XMLNS));
    lt_s3_xml_time(out, T("LastModified"), info.written_at_us);
    lt_s3_xml_etag(out, info.etag);
    lt_s3_xml_sum(out, &info.checksum);
    if (info.checksum.kind != LT_SUM_NONE)
        lt_xml_put(out, T("ChecksumType"),
                   info.checksum.composite ? T("COMPOSITE") : T("FULL_OBJECT"));
    lt_xml_end(out, T("CopyObjectResult"));
    return LT_OK;
}

/* "bytes=0-9": both ends are needed here. */
static lt_status read_part_range(lt_s3_call *call, lt_part_source *source, lt_err *err)
{
    lt_text range = lt_s3_header(call, "x-amz-copy-source-range"), rest = range, first;
    int64_t from, to;
    source->len = -1;
    if (!range.ptr)
        return LT_OK;
    if (!lt_text_starts(rest, T("bytes=")))
        return lt_s3_fail(
            call, err, LT_S3_INVALID_ARGUMENT,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy");
    rest = lt_text_sub(rest, strlen("bytes="), rest.len);
    if (!lt_text_cut(&rest, '-', &first) || !lt_text_to_i64(first, &from) ||
        !lt_text_to_i64(rest, &to) || from < 0 || to < from)
        return lt_s3_fail(
            call, err, LT_S3_INVALID_ARGUMENT,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy");
    if (to - from >= LT_PART_BYTES)
        return lt_s3_fail(
            call, err, LT_S3_INVALID_REQUEST,
            "The specified copy range exceeds the maximum allowable copy size of 5 GiB");
    source->offset = from;
    source->len = to - from + 1;
    return LT_OK;
}

lt_status lt_s3_upload_part_copy(lt_s3_call *call, lt_err *err)
{
    lt_part_source source = {0};
    lt_part_info info = {0};
    lt_upload_name upload = {call->bucket, call->key, lt_s3_param(call, "uploadId")};
    lt_text version = {0};
    int32_t number = 0;
    bool sealed = false;
    LT_TRY(lt_s3_part_number(call, &number, err));
    LT_TRY(lt_s3_sealed_read(call, &sealed, err));
    LT_TRY(read_source(call, &source.name, err));
    LT_TRY(read_part_range(call, &source, err));
    LT_TRY(read_source_when(call, &source.when, err));
    lt_status status = lt_upload_part_copy(call->s3->options.store, upload, number, &source,
                                           call->arena, &info, &version, err);
    if (status != LT_OK && err->reason == LT_WHY_BAD_RANGE)
        return lt_s3_fail(call, err, LT_S3_INVALID_RANGE, NULL);
    if (status != LT_OK)
        return source_failed(call, &source.name, status, err);
    say_source(call, version);
    LT_TRY(lt_s3_say_upload(call, upload, err));
    lt_buf *out = lt_s3_xml_begin(call, T("CopyPartResult" LT_S3_XMLNS));
    lt_s3_xml_time(out, T("LastModified"), info.written_at_us);
    lt_s3_xml_etag(out, info.etag);
    lt_s3_xml_sum(out, &info.checksum);
    lt_xml_end(out, T("CopyPartResult"));
    return LT_OK;
}
