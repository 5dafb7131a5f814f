/* Headers of objects, in both directions: metadata, conditions, encryption, ranges, copy sources. */
#include "base/time.h"
#include "net/http_retry.h"
#include "net/url.h"
#include "store/retention.h"
#include "web/s3/call.h"

#include <stdio.h>

lt_text lt_s3_header(const lt_s3_call *call, const char *name)
{
    return lt_server_header(call->http, lt_text_of(name));
}

void lt_s3_say(lt_s3_call *call, const char *name, lt_text value)
{
    lt_server_reply_header(call->http, call->reply, lt_text_of(name), value);
}

void lt_s3_say_int(lt_s3_call *call, const char *name, int64_t value)
{
    lt_s3_say(call, name, lt_text_of(lt_arena_format(call->arena, "%lld", (long long)value)));
}

bool lt_s3_is_time(lt_text text, int64_t *moment_us)
{
    return lt_http_date_read(text, moment_us) || lt_time_read(text, moment_us);
}

/* ---- what a PUT brings ---- */

static const char *const storage_classes[] = {
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER",  "DEEP_ARCHIVE",       "GLACIER_IR",  "OUTPOSTS",   "EXPRESS_ONEZONE",
};

static lt_status read_storage_class(lt_s3_call *call, lt_object_meta *out, lt_err *err)
{
    lt_text asked = lt_s3_header(call, "x-amz-storage-class");
    if (!asked.ptr || lt_text_eq(asked, T("STANDARD")))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(storage_classes); i++)
        if (lt_text_eq(asked, lt_text_of(storage_classes[i]))) {
            out->storage_class = asked;
            return LT_OK;
        }
    return lt_s3_fail(call, err, LT_S3_INVALID_STORAGE_CLASS, NULL);
}

/* The framing is not of the object: "aws-chunked" goes, other codings stay. */
static lt_text without_framing(lt_s3_call *call, lt_text codings)
{
    LT_AUTO(lt_buf) left = {0};
    for (lt_text rest = codings, one; lt_text_cut(&rest, ',', &one);) {
        one = lt_text_trim(one);
        if (lt_text_eq_nocase(one, T("aws-chunked")) || !one.len)
            continue;
        if (left.len)
            lt_buf_add(&left, T(", "));
        lt_buf_add(&left, one);
    }
    return lt_arena_text(call->arena, lt_buf_text(&left));
}

/* Sent several times: one value, with commas. */
static void add_user_meta(lt_s3_call *call, lt_object_meta *out, lt_text name, lt_text value)
{
    char *lower = lt_arena_str(call->arena, name);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = lt_lower(lower[i]);
    lt_pair pair = {lt_text_at(lower, name.len), value};
    for (size_t i = 0; i < out->user.len; i++)
        if (lt_text_eq(out->user.items[i].name, pair.name)) {
            lt_text *old = &out->user.items[i].value;
            *old =
                lt_text_of(lt_arena_format(call->arena, "%.*s,%.*s", LT_ARG(*old), LT_ARG(value)));
            return;
        }
    lt_push_in(call->arena, &out->user, pair);
}

static const char *const lock_headers[] = {
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
    "x-amz-write-offset-bytes",
};

lt_status lt_s3_meta_read(lt_s3_call *call, lt_object_meta *out, lt_err *err)
{
    lt_text encoding = lt_s3_header(call, "Content-Encoding");
    for (size_t i = 0; i < LT_COUNT(lock_headers); i++)
        if (lt_s3_header(call, lock_headers[i]).ptr)
            return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "%s is not implemented",
                              lock_headers[i]);
    *out = (lt_object_meta){
        .content_type = lt_s3_header(call, "Content-Type"),
        .cache_control = lt_s3_header(call, "Cache-Control"),
        .content_disposition = lt_s3_header(call, "Content-Disposition"),
        .content_encoding = encoding.ptr ? without_framing(call, encoding) : encoding,
        .content_language = lt_s3_header(call, "Content-Language"),
        .expires = lt_s3_header(call, "Expires"),
        .website_redirect = lt_s3_header(call, "x-amz-website-redirect-location")};
    if (!out->content_type.len)
        out->content_type = T("binary/octet-stream");
    for (size_t i = 0; i < call->http->headers.len; i++) {
        const lt_param *header = &call->http->headers.items[i];
        if (lt_text_eq_nocase(lt_text_sub(header->name, 0, 11), T("x-amz-meta-")) &&
            header->name.len > 11)
            add_user_meta(call, out, lt_text_sub(header->name, 11, header->name.len),
                          header->value);
    }
    return read_storage_class(call, out, err);
}

lt_status lt_s3_tags_read(lt_s3_call *call, lt_text header, lt_pairs *out, lt_err *err)
{
    LT_AUTO(lt_buf) decoded = {.limit = 64 * LT_KIB};
    for (lt_text rest = header, name, value; lt_url_next_param(&rest, &name, &value);) {
        lt_pair tag;
        lt_buf_clear(&decoded);
        if (!lt_url_decode(name, true, &decoded))
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                              "The header 'x-amz-tagging' shall be encoded as UTF-8 then "
                              "URLEncoded URL query parameters without tag name duplicates.");
        tag.name = lt_arena_text(call->arena, lt_buf_text(&decoded));
        lt_buf_clear(&decoded);
        if (!lt_url_decode(value, true, &decoded))
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                              "The header 'x-amz-tagging' is not well encoded");
        tag.value = lt_arena_text(call->arena, lt_buf_text(&decoded));
        lt_push_in(call->arena, out, tag);
    }
    return LT_OK;
}

lt_text lt_s3_unquote(lt_text etag)
{
    etag = lt_text_trim(etag);
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        return lt_text_sub(etag, 1, etag.len - 2);
    return etag;
}

lt_status lt_s3_when_read(lt_s3_call *call, lt_when *out, lt_err *err)
{
    lt_text match = lt_s3_header(call, "If-Match"), none = lt_s3_header(call, "If-None-Match");
    *out = (lt_when){0};
    if (match.ptr && !match.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "If-Match is empty");
    out->etag = lt_s3_unquote(match);
    if (lt_text_eq(lt_text_trim(none), T("*")))
        out->absent = true;
    else
        out->not_etag = lt_s3_unquote(none);
    return LT_OK;
}

lt_status lt_s3_sealed_read(lt_s3_call *call, bool *out, lt_err *err)
{
    static const char *const others[] = {
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-context",
        "x-amz-copy-source-server-side-encryption-customer-algorithm",
    };
    lt_text asked = lt_s3_header(call, "x-amz-server-side-encryption");
    *out = false;
    if (asked.ptr && (lt_s3_header(call, others[0]).ptr ||
                      (lt_text_eq(asked, T("AES256")) && lt_s3_header(call, others[3]).ptr)))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Two kinds of encryption are asked for at once");
    for (size_t i = 0; i < LT_COUNT(others); i++)
        if (lt_s3_header(call, others[i]).ptr)
            return lt_s3_fail(
                call, err, LT_S3_NOT_IMPLEMENTED,
                "%s is not implemented: the only encryption is AES256 with the server's key",
                others[i]);
    if (!asked.ptr)
        return LT_OK;
    if (lt_text_starts(asked, T("aws:")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                          "Encryption with %.*s is not implemented: use AES256", LT_ARG(asked));
    if (!lt_text_eq(asked, T("AES256")))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "The encryption method specified is not supported");
    *out = true;
    return LT_OK;
}

lt_status lt_s3_acl_check(lt_s3_call *call, lt_err *err)
{
    static const char *const others[] = {"public-read", "public-read-write", "authenticated-read",
                                         "aws-exec-read", "log-delivery-write"};
    lt_text acl = lt_s3_header(call, "x-amz-acl");
    for (size_t i = 0; i < call->http->headers.len; i++)
        if (lt_text_eq_nocase(lt_text_sub(call->http->headers.items[i].name, 0, 12),
                              T("x-amz-grant-")))
            return lt_s3_fail(call, err, LT_S3_ACL_NOT_SUPPORTED, NULL);
    if (!acl.ptr || lt_text_eq(acl, T("private")) ||
        lt_text_eq(acl, T("bucket-owner-full-control")) || lt_text_eq(acl, T("bucket-owner-read")))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(others); i++)
        if (lt_text_eq(acl, lt_text_of(others[i])))
            return lt_s3_fail(call, err, LT_S3_ACL_NOT_SUPPORTED, NULL);
    return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "There is no such canned ACL");
}

/* ---- what goes out ---- */

void lt_s3_say_etag(lt_s3_call *call, lt_text etag)
{
    lt_s3_say(call, "ETag", lt_text_of(lt_arena_format(call->arena, "\"%.*s\"", LT_ARG(etag))));
}

void lt_s3_say_version(lt_s3_call *call, const lt_object_info *info)
{
    if (info->version_id.len && !lt_text_eq(info->version_id, T("null")))
        lt_s3_say(call, "x-amz-version-id", info->version_id);
}

void lt_s3_say_sealed(lt_s3_call *call, bool sealed)
{
    if (sealed)
        lt_s3_say(call, "x-amz-server-side-encryption", T("AES256"));
}

void lt_s3_say_sum(lt_s3_call *call, const lt_checksum *sum)
{
    if (sum->kind == LT_SUM_NONE || !sum->value.len)
        return;
    lt_s3_say(call, lt_s3_sum_header(sum->kind).ptr, sum->value);
    lt_s3_say(call, "x-amz-checksum-type", sum->composite ? T("COMPOSITE") : T("FULL_OBJECT"));
}

void lt_s3_say_expiry(lt_s3_call *call, const lt_object_info *info)
{
    lt_err err = {0};
    lt_pairs tags = {0};
    lt_object_name name = {call->bucket, info->key, info->version_id};
    lt_store *store = call->s3->options.store;
    char date[LT_HTTP_DATE_CHARS];
    int64_t at_us = 0;
    lt_text rule = {0};
    lt_s3_bucket known;
    if (lt_s3_bucket_get(call, call->bucket, &known, &err) != LT_OK || !known.has_rules)
        return; /* none: the usual case, and the cheap one */
    if (info->tag_count > 0)
        lt_ignore(lt_object_tags_get(store, name, call->arena, &tags, NULL, &err));
    if (lt_store_expiry(store, call->bucket, info, &tags, call->arena, &at_us, &rule, &err) !=
            LT_OK ||
        !at_us)
        return;
    lt_s3_say(call, "x-amz-expiration",
              lt_text_of(lt_arena_format(call->arena, "expiry-date=\"%s\", rule-id=\"%.*s\"",
                                         lt_http_date_write(at_us, date), LT_ARG(rule))));
}

/* ---- ranges and copy sources ---- */

lt_s3_range lt_s3_range_read(lt_text header, int64_t size, int64_t *offset, int64_t *len)
{
    lt_text rest = lt_text_trim(header), first;
    int64_t from = 0, to = INT64_MAX;
    if (!lt_text_starts(rest, T("bytes=")) || lt_text_find_byte(rest, ',', 0) != SIZE_MAX)
        return LT_S3_NO_RANGE;
    rest = lt_text_trim(lt_text_sub(rest, 6, rest.len));
    if (lt_text_find_byte(rest, '-', 0) == SIZE_MAX || !lt_text_cut(&rest, '-', &first))
        return LT_S3_NO_RANGE;
    if (rest.len && !lt_text_to_i64(rest, &to))
        return LT_S3_NO_RANGE;
    if (to < 0 || (!first.len && !rest.len))
        return LT_S3_NO_RANGE;
    if (!first.len) { /* the last so many bytes */
        if (to == 0 || size == 0)
            return LT_S3_BAD_RANGE;
        from = size - LT_MIN(to, size);
        to = size - 1;
    } else if (!lt_text_to_i64(first, &from) || from < 0 || to < from) {
        return LT_S3_NO_RANGE;
    }
    if (from >= size)
        return LT_S3_BAD_RANGE;
    *offset = from;
    *len = LT_MIN(to, size - 1) - from + 1;
    return LT_S3_ONE_RANGE;
}

bool lt_s3_copy_source_read(lt_text header, lt_arena *arena, lt_object_name *out)
{
    static const char mark[] = "?versionId=";
    LT_AUTO(lt_buf) decoded = {.limit = 8 * LT_KIB};
    lt_text rest = header, bucket, version = {0};
    size_t at = lt_text_find(rest, lt_text_of(mark), 0);
    if (at != SIZE_MAX) {
        version = lt_text_sub(rest, at + strlen(mark), rest.len);
        rest = lt_text_sub(rest, 0, at);
        if (!version.len)
            return false;
    }
    if (!lt_url_decode(rest, false, &decoded) || decoded.overflow)
        return false;
    rest = lt_arena_text(arena, lt_buf_text(&decoded));
    if (lt_text_starts(rest, T("/")))
        rest = lt_text_sub(rest, 1, rest.len);
    if (!lt_text_cut(&rest, '/', &bucket) || !bucket.len || !rest.len || rest.len > LT_KEY_BYTES)
        return false;
    if (lt_text_find_byte(rest, '\0', 0) != SIZE_MAX || lt_utf8_valid_len(rest) != rest.len)
        return false;
    *out = (lt_object_name){bucket, rest, lt_arena_text(arena, version)};
    return true;
}
