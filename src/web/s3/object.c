/* Objects: put, get, head. */
#include "base/time.h"
#include "fmt/xml.h"
#include "net/http_retry.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <fcntl.h>
#include <unistd.h>

enum { INLINE_BYTES = 64 * 1024 }; /* answers up to this size go out in one piece with their head */

/* ---- PutObject ---- */

/* Tags in the request are a right of their own for policies. */
lt_status lt_s3_new_tags(lt_s3_call *call, lt_pairs *out, lt_err *err)
{
    lt_text header = lt_s3_header(call, "x-amz-tagging");
    if (!header.len)
        return LT_OK;
    LT_TRY(lt_s3_tags_read(call, header, out, err));
    lt_s3_wish wish = {
        "s3:PutObjectTagging", LT_ACCESS_WRITE, call->bucket, call->key, T(""), T("")};
    return lt_s3_allow(call, &wish, err);
}

lt_status lt_s3_put_object(lt_s3_call *call, lt_err *err)
{
    lt_s3_body *body = NULL;
    lt_when when = {0};
    lt_object_info info = {0};
    lt_put_options options = {.when = &when, .origin = &call->origin};
    LT_TRY(lt_s3_acl_check(call, err));
    LT_TRY(lt_s3_meta_read(call, &options.meta, err));
    LT_TRY(lt_s3_when_read(call, &when, err));
    LT_TRY(lt_s3_sealed_read(call, &options.sealed, err));
    LT_TRY(lt_s3_new_tags(call, &options.tags, err));
    LT_TRY(lt_s3_body_open(call, &body, err));
    options.checksum = lt_s3_body_sum(body);
    options.expected = lt_s3_body_expected(body);
    LT_TRY(lt_store_put(call->s3->options.store, call->bucket, call->key, lt_s3_body_stream(body),
                        &options, call->arena, &info, err));
    lt_s3_say_etag(call, info.etag);
    lt_s3_say_version(call, &info);
    lt_s3_say_sealed(call, info.is_sealed);
    lt_s3_say_sum(call, &info.checksum);
    lt_s3_say_expiry(call, &info);
    return LT_OK;
}

/* ---- conditions of reading ---- */

static bool etag_is_in(lt_text list, lt_text etag)
{
    for (lt_text rest = list, one; lt_text_cut(&rest, ',', &one);) {
        one = lt_text_trim(one);
        if (lt_text_starts(one, T("W/")))
            one = lt_text_sub(one, 2, one.len);
        if (lt_text_eq(one, T("*")) || lt_text_eq(lt_s3_unquote(one), etag))
            return true;
    }
    return false;
}

/* RFC 9110 section 13.2.2. */
static lt_s3_code judge(lt_s3_call *call, const lt_object_info *info)
{
    lt_text match = lt_s3_header(call, "If-Match"), none = lt_s3_header(call, "If-None-Match");
    lt_text since = lt_s3_header(call, "If-Modified-Since"),
            until = lt_s3_header(call, "If-Unmodified-Since");
    int64_t written_s = info->written_at_us / 1000000, at_us;
    if (match.len && !etag_is_in(match, info->etag))
        return LT_S3_PRECONDITION;
    if (!match.len && until.len && lt_s3_is_time(until, &at_us) && written_s > at_us / 1000000)
        return LT_S3_PRECONDITION;
    if (none.len && etag_is_in(none, info->etag))
        return LT_S3_NOT_MODIFIED;
    if (!none.len && since.len && lt_s3_is_time(since, &at_us) && written_s <= at_us / 1000000)
        return LT_S3_NOT_MODIFIED;
    return LT_S3_NONE;
}

/* ---- what is said of an object ---- */

static void say_time(lt_s3_call *call, const char *name, int64_t at_us)
{
    char text[LT_HTTP_DATE_CHARS];
    lt_s3_say(call, name, lt_text_of(lt_http_date_write(at_us, text)));
}

static void say_text(lt_s3_call *call, const char *name, lt_text value, const char *override)
{
    lt_text wanted = lt_s3_param(call, override);
    if (wanted.ptr ? wanted.len : value.len)
        lt_s3_say(call, name, wanted.ptr ? wanted : value);
}

static void say_meta(lt_s3_call *call, const lt_object_info *info)
{
    const lt_object_meta *meta = &info->meta;
    say_text(call, "Content-Type", meta->content_type, "response-content-type");
    say_text(call, "Cache-Control", meta->cache_control, "response-cache-control");
    say_text(call, "Content-Disposition", meta->content_disposition,
             "response-content-disposition");
    say_text(call, "Content-Encoding", meta->content_encoding, "response-content-encoding");
    say_text(call, "Content-Language", meta->content_language, "response-content-language");
    say_text(call, "Expires", meta->expires, "response-expires");
    if (meta->website_redirect.len)
        lt_s3_say(call, "x-amz-website-redirect-location", meta->website_redirect);
    if (meta->storage_class.len)
        lt_s3_say(call, "x-amz-storage-class", meta->storage_class);
    for (size_t i = 0; i < meta->user.len; i++)
        lt_s3_say(call,
                  lt_arena_format(call->arena, "x-amz-meta-%.*s", LT_ARG(meta->user.items[i].name)),
                  meta->user.items[i].value);
}

/* "null" is told where a bucket has had versions, or the client has asked for it. */
static void say_read_version(lt_s3_call *call, const lt_object_info *info)
{
    lt_err err = {0};
    lt_s3_bucket known;
    if (!lt_text_eq(info->version_id, T("null"))) {
        lt_s3_say_version(call, info);
        return;
    }
    if (lt_s3_bucket_get(call, call->bucket, &known, &err) == LT_OK &&
        known.versioning != LT_UNVERSIONED)
        lt_s3_say(call, "x-amz-version-id", T("null"));
}

static void say_object(lt_s3_call *call, const lt_object_info *info)
{
    lt_s3_say_etag(call, info->etag);
    say_time(call, "Last-Modified", info->written_at_us);
    lt_s3_say(call, "Accept-Ranges", T("bytes"));
    lt_s3_say(call, "X-Content-Type-Options", T("nosniff"));
    say_read_version(call, info);
    say_meta(call, info);
    lt_s3_say_sealed(call, info->is_sealed);
    if (info->tag_count > 0)
        lt_s3_say_int(call, "x-amz-tagging-count", info->tag_count);
    lt_s3_say_expiry(call, info);
}

/* ---- GetObject and HeadObject ---- */

static const char *const overrides[] = {
    "response-content-type",     "response-cache-control",    "response-content-disposition",
    "response-content-encoding", "response-content-language", "response-expires",
};

static lt_status check_overrides(lt_s3_call *call, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(overrides); i++)
        if (lt_s3_has_param(call, overrides[i]) && !call->who.key_id.len)
            return lt_s3_fail(
                call, err, LT_S3_INVALID_REQUEST,
                "Request specific response headers cannot be used for anonymous GET requests.");
    for (size_t i = 0; i < call->http->headers.len; i++)
        if (lt_text_eq_nocase(lt_text_sub(call->http->headers.items[i].name, 0, 28),
                              T("x-amz-server-side-encryption")))
            return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                              "Headers of encryption are not for reading: nothing here is "
                              "encrypted with a client's key");
    return LT_OK;
}

static lt_status read_part_number(lt_s3_call *call, int32_t *out, lt_err *err)
{
    lt_text text = lt_s3_param(call, "partNumber");
    int64_t number = 0;
    if (text.ptr && (!lt_text_to_i64(text, &number) || number < 1 || number > LT_PARTS))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Part number must be an integer between 1 and 10000, inclusive");
    if (text.ptr && lt_s3_header(call, "Range").ptr)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Cannot specify both Range header and partNumber query parameter");
    *out = (int32_t)number;
    return LT_OK;
}

/* A delete marker is told of even though there is nothing to give. */
static lt_status missing(lt_s3_call *call, const lt_object_info *info, lt_status status)
{
    if (info->is_marker) {
        lt_s3_say(call, "x-amz-delete-marker", T("true"));
        lt_s3_say_version(call, info);
        say_time(call, "Last-Modified", info->written_at_us);
    }
    return status;
}

/* The part of the open version that is wanted. */
typedef struct slice {
    lt_reading *reading; /* owned */
    int64_t start, end, at;
} slice;

static void release_slice(void *state)
{
    slice *self = state;
    lt_reading_close(self->reading);
    self->reading = NULL;
}

static int64_t stream_slice(void *state, char *out, size_t size)
{
    slice *self = state;
    lt_err err = {0};
    size_t got = 0;
    size = (size_t)LT_MIN((int64_t)size, self->end - self->at);
    if (size == 0)
        return 0;
    if (lt_reading_pread(self->reading, self->at, out, size, &got, &err) != LT_OK || got == 0)
        return -1;
    self->at += (int64_t)got;
    return (int64_t)got;
}

static bool slice_span(void *state, int64_t at, lt_server_span *out)
{
    const slice *self = state;
    lt_span span;
    if (!lt_reading_span(self->reading, self->start + at, &span))
        return false;
    *out = (lt_server_span){span.fd, span.offset, span.len};
    return true;
}

static lt_status fill_small(lt_s3_call *call, slice *part, lt_err *err)
{
    size_t len = (size_t)(part->end - part->at);
    char *room = lt_buf_room(&call->reply->body, len);
    for (size_t done = 0, got; done < len; done += got) {
        LT_TRY(lt_reading_pread(part->reading, part->at + (int64_t)done, room + done, len - done,
                                &got, err));
        if (!got)
            return lt_fail(err, LT_IO, "an object ended before its end");
    }
    lt_buf_grown(&call->reply->body, len);
    return LT_OK;
}

/* One file holds all of it: sendfile() from there. */
static bool send_file(lt_s3_call *call, const slice *part)
{
    lt_span span;
    if (!lt_reading_span(part->reading, part->at, &span) || span.len < part->end - part->at)
        return false;
    int fd = fcntl(span.fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return false;
    call->reply->fd = fd;
    call->reply->fd_offset = span.offset;
    call->reply->fd_size = part->end - part->at;
    return true;
}

/* Takes the reading over. */
static lt_status send_slice(lt_s3_call *call, lt_reading *reading, int64_t at, int64_t len,
                            lt_err *err)
{
    slice *part = LT_NEW(call->arena, slice);
    *part = (slice){reading, at, at + len, at};
    call->reply->state = part;
    call->reply->release = release_slice;
    if (lt_text_eq(call->http->method, T("HEAD"))) {
        call->reply->length = len;
        return LT_OK;
    }
    if (len <= INLINE_BYTES)
        return fill_small(call, part, err);
    if (send_file(call, part))
        return LT_OK;
    call->reply->length = len;
    call->reply->stream = stream_slice;
    call->reply->span = slice_span;
    return LT_OK;
}

/* If-Range: a part only of the object that the client knows already. */
static bool range_counts(lt_s3_call *call, const lt_object_info *info)
{
    lt_text known = lt_s3_header(call, "If-Range");
    int64_t at_us;
    if (!known.len)
        return true;
    if (lt_s3_is_time(known, &at_us))
        return info->written_at_us / 1000000 == at_us / 1000000;
    return lt_text_eq(lt_s3_unquote(known), info->etag);
}

static lt_status choose_range(lt_s3_call *call, const lt_object_info *info, int64_t *at,
                              int64_t *len, lt_err *err)
{
    lt_text range = range_counts(call, info) ? lt_s3_header(call, "Range") : T("");
    switch (lt_s3_range_read(range, info->size_bytes, at, len)) {
    case LT_S3_NO_RANGE:
        return LT_OK;
    case LT_S3_BAD_RANGE:
        lt_s3_detail(call, T("RangeRequested"), range);
        lt_s3_detail(call, T("ActualObjectSize"),
                     lt_text_of(lt_arena_format(call->arena, "%lld", (long long)info->size_bytes)));
        lt_s3_say(
            call, "Content-Range",
            lt_text_of(lt_arena_format(call->arena, "bytes */%lld", (long long)info->size_bytes)));
        return lt_s3_fail(call, err, LT_S3_INVALID_RANGE, NULL);
    case LT_S3_ONE_RANGE:
        break;
    }
    call->reply->status = 206;
    return LT_OK;
}

static void say_range(lt_s3_call *call, const lt_object_info *info, int64_t start, int64_t len)
{
    if (call->reply->status == 206)
        lt_s3_say(
            call, "Content-Range",
            lt_text_of(lt_arena_format(call->arena, "bytes %lld-%lld/%lld", (long long)start,
                                       (long long)(start + len - 1), (long long)info->size_bytes)));
}

static lt_status open_object(lt_s3_call *call, int32_t part, lt_object_info *info, lt_reading **out,
                             lt_err *err)
{
    lt_object_name name = {call->bucket, call->key, call->version_id};
    lt_status status =
        lt_reading_open(call->s3->options.store, name, part, call->arena, info, out, err);
    if (status != LT_OK && err->reason == LT_WHY_BAD_PART &&
        lt_text_eq(call->http->method, T("HEAD")))
        return lt_s3_fail(call, err, LT_S3_INVALID_PART, NULL);
    if (status != LT_OK && err->reason == LT_WHY_NO_SUCH_KEY && !call->who.is_root &&
        !lt_s3_may_list(call)) /* what is there is learnt by who may list it */
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
    return status == LT_OK ? LT_OK : missing(call, info, status);
}

lt_status lt_s3_get_object(lt_s3_call *call, lt_err *err)
{
    lt_object_info info = {0};
    LT_AUTO(lt_reading_ref) reading = NULL;
    int32_t part = 0;
    LT_TRY(check_overrides(call, err));
    LT_TRY(read_part_number(call, &part, err));
    LT_TRY(open_object(call, part, &info, &reading, err));
    lt_s3_code verdict = judge(call, &info);
    if (verdict == LT_S3_NOT_MODIFIED)
        say_object(call, &info);
    if (verdict != LT_S3_NONE)
        return lt_s3_fail(call, err, verdict, NULL);
    int64_t at = 0, len = lt_reading_size(reading);
    if (part)
        call->reply->status = 206;
    else
        LT_TRY(choose_range(call, &info, &at, &len, err));
    say_object(call, &info);
    bool empty = len == 0;
    if (empty && part)
        call->reply->status = 200;
    say_range(call, &info, lt_reading_start(reading) + at, len);
    if (part && info.part_count)
        lt_s3_say_int(call, "x-amz-mp-parts-count", info.part_count);
    if (lt_text_eq_nocase(lt_s3_header(call, "x-amz-checksum-mode"), T("ENABLED")))
        LT_TRY(lt_s3_say_read_sum(call, &info, part, len, err));
    return send_slice(call, LT_TAKE(reading), at, len, err);
}

/* The checksum of what is given out: of the object, or of the part that is asked for; of another range there is none. */
lt_status lt_s3_say_read_sum(lt_s3_call *call, const lt_object_info *info, int32_t part,
                             int64_t len, lt_err *err)
{
    lt_part_list parts = {0};
    lt_object_name name = {call->bucket, call->key, info->version_id};
    if (part && info->part_count) {
        LT_TRY(
            lt_object_parts(call->s3->options.store, name, part - 1, 1, call->arena, &parts, err));
        if (!parts.items.len || parts.items.items[0].number != part)
            return LT_OK;
        lt_checksum sum = parts.items.items[0].checksum;
        sum.composite = info->checksum.composite; /* S3 tells the type of the whole object */
        lt_s3_say_sum(call, &sum);
        return LT_OK;
    }
    if (len == info->size_bytes)
        lt_s3_say_sum(call, &info->checksum);
    return LT_OK;
}

lt_status lt_s3_head_object(lt_s3_call *call, lt_err *err)
{
    return lt_s3_get_object(call, err);
}
