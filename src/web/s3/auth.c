/* Decides who asks: the one function for every way to sign, and every way to sign a body. Nobody gets in by falling through. */
#include "base/time.h"
#include "net/http_retry.h"
#include "net/url.h"
#include "web/s3/call.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define SKEW_US ((int64_t)15 * 60 * 1000000)
#define PRESIGN_MAX_S ((int64_t)7 * 24 * 3600)

/* ---- texts ---- */

/* "Credential=ID/20130524/us-east-1/s3/aws4_request": the id may hold slashes. */
static bool read_scope(lt_text credential, lt_s3_credential *out)
{
    lt_text parts[4];
    for (size_t i = 4; i-- > 0;) {
        size_t slash = credential.len;
        while (slash > 0 && credential.ptr[slash - 1] != '/')
            slash--;
        if (slash == 0)
            return false;
        parts[i] = lt_text_sub(credential, slash, credential.len);
        credential = lt_text_sub(credential, 0, slash - 1);
    }
    out->key_id = credential;
    out->scope = (lt_aws_scope){.date = parts[0], .region = parts[1], .service = parts[2]};
    return credential.len > 0 && parts[0].len == 8 && lt_text_eq(parts[2], T("s3")) &&
           lt_text_eq(parts[3], T("aws4_request"));
}

bool lt_s3_credential_read(lt_text header, lt_s3_credential *out)
{
    lt_text rest = header, part, credential = {0};
    *out = (lt_s3_credential){0};
    if (!lt_text_starts(rest, T(LT_AWS_ALGORITHM " ")))
        return false;
    rest = lt_text_sub(rest, sizeof(LT_AWS_ALGORITHM), rest.len);
    while (lt_text_cut(&rest, ',', &part)) {
        lt_text name;
        part = lt_text_trim(part);
        if (!lt_text_cut(&part, '=', &name))
            return false;
        lt_text *to = lt_text_eq(name, T("Credential"))      ? &credential
                      : lt_text_eq(name, T("SignedHeaders")) ? &out->signed_headers
                      : lt_text_eq(name, T("Signature"))     ? &out->signature
                                                             : NULL;
        if (!to || to->ptr)
            return false;
        *to = part;
    }
    return out->signature.len > 0 && out->signed_headers.len > 0 && read_scope(credential, out);
}

/* ---- which way ---- */

static size_t count_headers(const lt_s3_call *call, lt_text name)
{
    size_t count = 0;
    for (size_t i = 0; i < call->http->headers.len; i++)
        count += lt_text_eq_nocase(call->http->headers.items[i].name, name);
    return count;
}

static lt_status find_way(lt_s3_call *call, lt_s3_way *out, lt_err *err)
{
    size_t headers = count_headers(call, T("Authorization"));
    bool v4 = lt_s3_has_param(call, "X-Amz-Algorithm") ||
              lt_s3_has_param(call, "X-Amz-Signature") || lt_s3_has_param(call, "X-Amz-Credential");
    bool v2 = lt_s3_has_param(call, "AWSAccessKeyId") || lt_s3_has_param(call, "Signature");
    if (headers + v4 + v2 > 1)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Only one auth mechanism allowed: the header, or one kind of query "
                          "parameters");
    lt_text header = lt_s3_header(call, "Authorization");
    if (v4)
        *out = LT_S3_V4_QUERY;
    else if (v2)
        *out = LT_S3_V2_QUERY;
    else if (!headers)
        *out = LT_S3_ANONYMOUS;
    else if (lt_text_starts(header, T(LT_AWS_ALGORITHM)))
        *out = LT_S3_V4_HEADER;
    else if (lt_text_starts(header, T("AWS ")))
        *out = LT_S3_V2_HEADER;
    else
        return header.len
                   ? lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "Unsupported Authorization Type")
                   : lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
    return LT_OK;
}

/* ---- how the body is signed ---- */

static const struct {
    const char *text;
    lt_s3_payload payload;
} payload_words[] = {
    {LT_AWS_UNSIGNED_PAYLOAD, LT_S3_PAYLOAD_UNSIGNED},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", LT_S3_PAYLOAD_SIGNED_CHUNKS},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", LT_S3_PAYLOAD_SIGNED_CHUNKS_TRAILER},
    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", LT_S3_PAYLOAD_UNSIGNED_TRAILER},
};

static bool is_hex_sha256(lt_text text)
{
    bool ok = text.len == LT_AWS_HEX_CHARS - 1;
    for (size_t i = 0; ok && i < text.len; i++)
        ok = lt_is_digit(text.ptr[i]) || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f');
    return ok;
}

static lt_status read_payload(lt_s3_call *call, lt_text word, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(payload_words); i++)
        if (lt_text_eq(word, lt_text_of(payload_words[i].text))) {
            call->payload = payload_words[i].payload;
            return LT_OK;
        }
    if (!is_hex_sha256(word))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
                          "STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid sha256 value");
    call->payload = LT_S3_PAYLOAD_SHA256;
    call->payload_sha256 = word;
    return LT_OK;
}

/* Chunk signatures hang on a version 4 signature of the request: without one there is nothing to check them against. */
static lt_status check_payload(lt_s3_call *call, lt_err *err)
{
    bool is_v4 = call->who.way == LT_S3_V4_HEADER;
    switch (call->payload) {
    case LT_S3_PAYLOAD_UNSIGNED:
    case LT_S3_PAYLOAD_SHA256:
    case LT_S3_PAYLOAD_UNSIGNED_TRAILER:
        return LT_OK;
    case LT_S3_PAYLOAD_SIGNED_CHUNKS:
    case LT_S3_PAYLOAD_SIGNED_CHUNKS_TRAILER:
        if (is_v4)
            return LT_OK;
        break;
    case LT_S3_PAYLOADS:
        break;
    }
    return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                      "Signed chunks need an Authorization header of version 4");
}

/* ---- version 4 ---- */

static bool is_listed(lt_text list, lt_text name)
{
    for (lt_text part; lt_text_cut(&list, ';', &part);)
        if (lt_text_eq_nocase(part, name))
            return true;
    return false;
}

/* A header that is honoured must be signed: else who has one signed request adds headers to it. A presigned URL is used by
 * clients that add a Content-Type on their own, so there it may come unsigned. */
static bool must_be_signed(lt_text name, bool is_query)
{
    bool amz = name.len > 6 && lt_text_eq_nocase(lt_text_sub(name, 0, 6), T("x-amz-"));
    return amz || lt_text_eq_nocase(name, T("Host")) || lt_text_eq_nocase(name, T("Content-MD5")) ||
           (!is_query && lt_text_eq_nocase(name, T("Content-Type")));
}

static lt_status take_signed(lt_s3_call *call, lt_text list, lt_aws_headers *out, lt_err *err)
{
    const lt_params *headers = &call->http->headers;
    bool has_host = false;
    for (size_t i = 0; i < headers->len; i++) {
        const lt_param *header = &headers->items[i];
        lt_aws_header one = {header->name, header->value};
        if (is_listed(list, header->name))
            lt_push_in(call->arena, out, one);
        else if (must_be_signed(header->name, call->who.way == LT_S3_V4_QUERY))
            return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                              "There were headers present in the request which were not signed: "
                              "%.*s",
                              LT_ARG(header->name));
        has_host = has_host || lt_text_eq_nocase(header->name, T("Host"));
    }
    for (lt_text rest = list, name; lt_text_cut(&rest, ';', &name);)
        if (!count_headers(call, name)) {
            lt_aws_header none = {name, T("")};
            lt_push_in(call->arena, out, none);
        }
    if (!has_host || !is_listed(list, T("host")))
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                          "The Host header must be there and signed");
    return LT_OK;
}

static lt_status say_skewed(lt_s3_call *call, lt_text asked, lt_err *err)
{
    char now[LT_TIME_CHARS];
    lt_s3_detail(call, T("RequestTime"), asked);
    lt_s3_detail(call, T("ServerTime"), lt_text_of(lt_time_write(call->now_us, now)));
    lt_s3_detail(call, T("MaxAllowedSkewMilliseconds"), T("900000"));
    return lt_s3_fail(call, err, LT_S3_TIME_SKEWED, NULL);
}

/* As HTTP has it, or with a zone as mail has it: botocore writes "-0000". */
static bool read_date(lt_s3_call *call, lt_text text, int64_t *at_us)
{
    if (lt_text_ends(text, T(" -0000")) || lt_text_ends(text, T(" +0000")))
        text = lt_text_of(
            lt_arena_format(call->arena, "%.*sGMT", LT_ARG(lt_text_sub(text, 0, text.len - 5))));
    return lt_aws_time_read(text, at_us) || lt_http_date_read(text, at_us);
}

/* The request's time, as the header says it: X-Amz-Date, else Date. */
static lt_status header_time(lt_s3_call *call, lt_text *time, lt_err *err)
{
    lt_text amz = lt_s3_header(call, "x-amz-date"), date = lt_s3_header(call, "Date");
    int64_t at_us = 0;
    if (!read_date(call, amz.ptr ? amz : date, &at_us))
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                          "AWS authentication requires a valid Date or x-amz-date header");
    if (at_us < 0)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, "The date of the request is no date");
    char text[LT_AWS_TIME_CHARS];
    *time = lt_arena_text(call->arena, lt_text_of(lt_aws_time_write(at_us, text)));
    if (at_us > call->now_us + SKEW_US || at_us < call->now_us - SKEW_US)
        return say_skewed(call, *time, err);
    return LT_OK;
}

/* The signature is that of this request, by this key. `without` is the parameter that it is not over. */
static lt_status verify_v4(lt_s3_call *call, const lt_s3_credential *credential, lt_text time,
                           lt_text payload, lt_err *err)
{
    lt_text secret = {0}, target = call->http->target;
    lt_aws_headers headers = {0};
    char key[LT_AWS_KEY_BYTES], wanted[LT_AWS_HEX_CHARS];
    LT_TRY(lt_s3_key_get(call, credential->key_id, &secret, err));
    LT_TRY(take_signed(call, credential->signed_headers, &headers, err));
    if (!lt_text_starts(time, credential->scope.date))
        return lt_s3_fail(call, err, LT_S3_AUTH_HEADER_MALFORMED,
                          "The date of the credential is not that of the request");
    lt_aws_request request = {.method = call->http->method,
                              .path = lt_text_sub(target, 0, lt_text_find_byte(target, '?', 0)),
                              .query = call->query,
                              .headers = headers.items,
                              .header_count = headers.len,
                              .payload = payload};
    lt_text without = call->who.way == LT_S3_V4_QUERY ? T("X-Amz-Signature") : T("");
    lt_aws_key_get(call->s3->signing_keys, secret, &credential->scope, key);
    if (!lt_aws_signature(&request, without, time, &credential->scope, key, wanted))
        return lt_s3_fail(call, err, LT_S3_INVALID_URI, NULL);
    if (!lt_aws_same(credential->signature, lt_text_of(wanted)))
        return lt_s3_fail(call, err, LT_S3_SIGNATURE, NULL);
    call->chain = (lt_aws_chain){.time = time, .scope = credential->scope};
    memcpy(call->chain.key, key, sizeof(key));
    memcpy(call->chain.previous, wanted, sizeof(wanted));
    return LT_OK;
}

static lt_status check_v4_header(lt_s3_call *call, lt_err *err)
{
    lt_s3_credential credential;
    lt_text time = {0}, payload = lt_s3_header(call, "x-amz-content-sha256");
    if (!lt_s3_credential_read(lt_s3_header(call, "Authorization"), &credential))
        return lt_s3_fail(call, err, LT_S3_AUTH_HEADER_MALFORMED, NULL);
    if (!payload.ptr)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Missing required header for this request: x-amz-content-sha256");
    LT_TRY(read_payload(call, payload, err));
    LT_TRY(header_time(call, &time, err));
    return verify_v4(call, &credential, time, payload, err);
}

/* Presigned URLs hold from fifteen minutes before they were made until they expire. */
static lt_status check_lifetime(lt_s3_call *call, lt_text time, lt_err *err)
{
    int64_t made_us, expires_s = 0;
    if (!lt_aws_time_read(time, &made_us))
        return lt_s3_fail(call, err, LT_S3_AUTH_QUERY_PARAMS,
                          "X-Amz-Date must be in the ISO8601 Long Format");
    if (!lt_text_to_i64(lt_s3_param(call, "X-Amz-Expires"), &expires_s))
        return lt_s3_fail(call, err, LT_S3_AUTH_QUERY_PARAMS, "X-Amz-Expires should be a number");
    if (expires_s < 1 || expires_s > PRESIGN_MAX_S)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                          "X-Amz-Expires must be from 1 to 604800 seconds");
    if (made_us > call->now_us + SKEW_US)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, "Request is not valid yet");
    if (made_us + expires_s * 1000000 < call->now_us)
        return lt_s3_fail(call, err, LT_S3_REQUEST_EXPIRED, NULL);
    return LT_OK;
}

static lt_status check_v4_query(lt_s3_call *call, lt_err *err)
{
    lt_text time = lt_s3_param(call, "X-Amz-Date");
    lt_text payload = lt_s3_header(call, "x-amz-content-sha256");
    lt_s3_credential credential = {.signed_headers = lt_s3_param(call, "X-Amz-SignedHeaders"),
                                   .signature = lt_s3_param(call, "X-Amz-Signature")};
    if (!lt_text_eq(lt_s3_param(call, "X-Amz-Algorithm"), T(LT_AWS_ALGORITHM)) ||
        !credential.signature.len || !credential.signed_headers.len ||
        !read_scope(lt_s3_param(call, "X-Amz-Credential"), &credential))
        return lt_s3_fail(call, err, LT_S3_AUTH_QUERY_PARAMS, NULL);
    LT_TRY(check_lifetime(call, time, err));
    if (!payload.ptr)
        payload = lt_s3_param(call, "X-Amz-Content-Sha256");
    if (payload.ptr)
        LT_TRY(read_payload(call, payload, err));
    return verify_v4(call, &credential, time, payload.ptr ? payload : T(LT_AWS_UNSIGNED_PAYLOAD),
                     err);
}

/* ---- version 2 ---- */

/* Version 2 signs only some of the parameters, by their names as they are written. What it does not sign must not choose what
 * is done. */
static const char *const v2_signs[] = {
    "acl",        "cors",   "delete",  "lifecycle", "list-type", "location",   "notification",
    "partNumber", "policy", "tagging", "uploadId",  "uploads",   "versioning", "versions",
};

static bool v2_covers(const char *sub)
{
    for (size_t i = 0; i < LT_COUNT(v2_signs); i++)
        if (!sub || strcmp(sub, v2_signs[i]) == 0)
            return true;
    return false;
}

static lt_status check_v2_params(lt_s3_call *call, lt_err *err)
{
    lt_text rest = call->query;
    for (lt_text name, value; lt_url_next_param(&rest, &name, &value);)
        if (lt_text_find_byte(name, '%', 0) != SIZE_MAX ||
            lt_text_find_byte(name, '+', 0) != SIZE_MAX)
            return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                              "Names of parameters are not escaped with signature version 2");
    if (call->op && !v2_covers(call->op->sub))
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "?%s needs signature version 4: version 2 does not sign it",
                          call->op->sub);
    return LT_OK;
}

static lt_status verify_v2(lt_s3_call *call, lt_text key_id, lt_text expires, lt_text signature,
                           lt_err *err)
{
    lt_text secret = {0}, target = call->http->target,
            payload = lt_s3_header(call, "x-amz-content-sha256");
    lt_aws_headers headers = {0};
    char wanted[LT_AWS_SIG2_CHARS];
    LT_TRY(lt_s3_key_get(call, key_id, &secret, err));
    LT_TRY(check_v2_params(call, err));
    if (payload.ptr)
        LT_TRY(read_payload(call, payload, err));
    for (size_t i = 0; i < call->http->headers.len; i++) {
        lt_aws_header one = {call->http->headers.items[i].name, call->http->headers.items[i].value};
        lt_push_in(call->arena, &headers, one);
    }
    lt_aws_request_v2 request = {.method = call->http->method,
                                 .bucket = call->is_vhost ? call->bucket : T(""),
                                 .path = lt_text_sub(target, 0, lt_text_find_byte(target, '?', 0)),
                                 .query = call->query,
                                 .expires = expires,
                                 .headers = headers.items,
                                 .header_count = headers.len};
    if (!lt_aws_signature_v2(&request, secret, wanted))
        return lt_s3_fail(call, err, LT_S3_INVALID_URI, NULL);
    bool same = lt_aws_same(signature, lt_text_of(wanted));
    if (!same && !call->key.len && !lt_text_ends(request.path, T("/"))) {
        /* botocore signs "/bucket/" when it asks for "/bucket" */
        request.path = lt_text_of(lt_arena_format(call->arena, "%.*s/", LT_ARG(request.path)));
        same = lt_aws_signature_v2(&request, secret, wanted) &&
               lt_aws_same(signature, lt_text_of(wanted));
    }
    return same ? LT_OK : lt_s3_fail(call, err, LT_S3_SIGNATURE, NULL);
}

static lt_status check_v2_query(lt_s3_call *call, lt_err *err)
{
    lt_text expires = lt_s3_param(call, "Expires"), id = lt_s3_param(call, "AWSAccessKeyId");
    lt_text signature = lt_s3_param(call, "Signature");
    int64_t until_s = 0;
    if (!id.len || !signature.len || !expires.len)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                          "Query-string authentication requires the Signature, Expires and "
                          "AWSAccessKeyId parameters");
    if (!lt_text_to_i64(expires, &until_s) || until_s < call->now_us / 1000000)
        return lt_s3_fail(call, err, LT_S3_REQUEST_EXPIRED, NULL);
    return verify_v2(call, id, expires, signature, err);
}

static lt_status check_v2_header(lt_s3_call *call, lt_err *err)
{
    lt_text rest = lt_s3_header(call, "Authorization"), id, time;
    rest = lt_text_sub(rest, strlen("AWS "), rest.len);
    if (!lt_text_cut(&rest, ':', &id) || !id.len)
        return lt_s3_fail(call, err, LT_S3_AUTH_HEADER_MALFORMED, NULL);
    LT_TRY(header_time(call, &time, err));
    bool amz = lt_s3_header(call, "x-amz-date").ptr != NULL;
    return verify_v2(call, id, amz ? T("") : lt_s3_header(call, "Date"), lt_text_trim(rest), err);
}

/* ---- the one decision ---- */

static lt_status check_anonymous(lt_s3_call *call, lt_err *err)
{
    lt_text payload = lt_s3_header(call, "x-amz-content-sha256");
    return payload.ptr ? read_payload(call, payload, err) : LT_OK;
}

static lt_status check_way(lt_s3_call *call, lt_err *err)
{
    switch (call->who.way) {
    case LT_S3_ANONYMOUS:
        return check_anonymous(call, err);
    case LT_S3_V4_HEADER:
        return check_v4_header(call, err);
    case LT_S3_V4_QUERY:
        return check_v4_query(call, err);
    case LT_S3_V2_HEADER:
        return check_v2_header(call, err);
    case LT_S3_V2_QUERY:
        return check_v2_query(call, err);
    case LT_S3_POST_FORM:
    case LT_S3_WAYS:
        break;
    }
    return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED, NULL);
}

/* What was found out about somebody whose signature is wrong is forgotten. */
static lt_status settle(lt_s3_call *call, lt_status status)
{
    if (status != LT_OK)
        call->who = (lt_s3_who){.way = LT_S3_WAYS};
    return status;
}

lt_status lt_s3_authenticate(lt_s3_call *call, lt_err *err)
{
    call->payload = LT_S3_PAYLOAD_UNSIGNED;
    if (call->op && call->op->run == lt_s3_preflight) {
        /* A browser asks without credentials, and with the URL as it is: signed for another method. Everybody gets this answer. */
        call->who.way = LT_S3_ANONYMOUS;
        return LT_OK;
    }
    LT_TRY(settle(call, find_way(call, &call->who.way, err)));
    LT_TRY(settle(call, check_way(call, err)));
    return settle(call, check_payload(call, err));
}

/* ---- a browser's POST ---- */

static lt_text field(const lt_params *fields, const char *name)
{
    for (size_t i = 0; i < fields->len; i++)
        if (lt_text_eq_nocase(fields->items[i].name, lt_text_of(name)))
            return fields->items[i].value;
    return (lt_text){0};
}

static lt_status verify_form_v4(lt_s3_call *call, const lt_params *fields, lt_text policy,
                                lt_err *err)
{
    lt_s3_credential credential = {.signature = field(fields, "x-amz-signature")};
    lt_text secret = {0};
    int64_t made_us;
    char key[LT_AWS_KEY_BYTES], wanted[LT_AWS_HEX_CHARS];
    if (!lt_text_eq(field(fields, "x-amz-algorithm"), T(LT_AWS_ALGORITHM)) ||
        !read_scope(field(fields, "x-amz-credential"), &credential) ||
        !lt_aws_time_read(field(fields, "x-amz-date"), &made_us))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "The fields of the signature are not valid");
    LT_TRY(lt_s3_key_get(call, credential.key_id, &secret, err));
    lt_aws_key_get(call->s3->signing_keys, secret, &credential.scope, key);
    if (!lt_aws_same(credential.signature, lt_text_of(lt_aws_hmac(key, policy, wanted))))
        return lt_s3_fail(call, err, LT_S3_SIGNATURE, NULL);
    return LT_OK;
}

static void hmac_sha1(lt_text secret, lt_text text, char out[LT_AWS_SIG2_CHARS])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (!HMAC(EVP_sha1(), secret.ptr ? secret.ptr : "", (int)LT_MIN(secret.len, (size_t)INT32_MAX),
              (const unsigned char *)text.ptr, text.len, digest, &len))
        abort(); /* out of memory */
    (void)EVP_EncodeBlock((unsigned char *)out, digest, (int)len);
}

static lt_status verify_form_v2(lt_s3_call *call, const lt_params *fields, lt_text policy,
                                lt_err *err)
{
    lt_text secret = {0}, signature = field(fields, "signature");
    char wanted[LT_AWS_SIG2_CHARS];
    LT_TRY(lt_s3_key_get(call, field(fields, "AWSAccessKeyId"), &secret, err));
    hmac_sha1(secret, policy, wanted);
    if (!lt_aws_same(signature, lt_text_of(wanted)))
        return lt_s3_fail(call, err, LT_S3_SIGNATURE, NULL);
    return LT_OK;
}

static lt_status check_form(lt_s3_call *call, const lt_params *fields, lt_err *err)
{
    lt_text policy = field(fields, "policy");
    bool v4 = field(fields, "x-amz-signature").ptr || field(fields, "x-amz-credential").ptr ||
              field(fields, "x-amz-algorithm").ptr;
    bool v2 = field(fields, "AWSAccessKeyId").ptr || field(fields, "signature").ptr;
    if (v4 && v2)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "Only one auth mechanism allowed");
    if (!v4 && !v2) {
        call->who.way = LT_S3_ANONYMOUS;
        return LT_OK;
    }
    if (v4 ? !field(fields, "x-amz-signature").len
           : !field(fields, "signature").len || !field(fields, "AWSAccessKeyId").len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Bucket POST must contain a field named '%s'",
                          v4 ? "x-amz-signature" : "AWSAccessKeyId and 'signature");
    if (!policy.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Bucket POST must contain a field named 'policy'");
    call->who.way = LT_S3_POST_FORM;
    return v4 ? verify_form_v4(call, fields, policy, err)
              : verify_form_v2(call, fields, policy, err);
}

lt_status lt_s3_authenticate_form(lt_s3_call *call, const lt_params *fields, lt_err *err)
{
    return settle(call, check_form(call, fields, err));
}
