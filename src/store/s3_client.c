/* Requests to S3: addresses, signatures, retries, errors. */
#include "store/s3_client.h"

#include "base/log.h"
#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_LIMIT = 80 * 1024 * 1024 };

struct lt_remote_client {
    lt_aws_identity *identity;
    lt_http_client *http;
    lt_aws_key_cache *keys;
    char *endpoint; /* owned; NULL: AWS's own */
    lt_url endpoint_url;
    bool path_style;
    lt_retry retry;
    char *profile_name, *region_name; /* owned; for the identity */

    pthread_mutex_t lock; /* of what follows */
    char region[LT_REMOTE_REGION_CHARS];
    int64_t skew_us; /* the server's clock minus ours */
};

/* ---------------------------------------------------------------- open and close */

static lt_status take_endpoint(lt_remote_client *self, const char *given, lt_err *err)
{
    const char *endpoint = given && *given ? given : lt_aws_identity_endpoint(self->identity, "s3");
    if (!*endpoint)
        return LT_OK;
    lt_text text = lt_text_of(endpoint);
    while (lt_text_ends(text, T("/")))
        text.len--;
    self->endpoint = lt_text_dup(text);
    if (lt_url_read(lt_text_of(self->endpoint), &self->endpoint_url, err) != LT_OK)
        return lt_wrap(err, "the S3 endpoint");
    if (self->endpoint_url.path.len || self->endpoint_url.has_query)
        return lt_fail(err, LT_INVALID, "the S3 endpoint '%s' must not have a path", endpoint);
    return LT_OK;
}

lt_status lt_remote_client_open(const lt_remote_settings *settings, lt_remote_client **out,
                                lt_err *err)
{
    lt_remote_client *self = lt_xcalloc(1, sizeof(*self));
    lt_http_options http = {.encoding = LT_ENCODING_NONE,
                            .body_limit = BODY_LIMIT,
                            .quiet_timeout_ms = 30 * 1000,
                            .give_redirects = true};
    (void)pthread_mutex_init(&self->lock, NULL);
    self->profile_name = settings->profile ? lt_xstrdup(settings->profile) : NULL;
    self->region_name = settings->region ? lt_xstrdup(settings->region) : NULL;
    self->http = lt_http_client_new(&http);
    self->keys = lt_aws_key_cache_new();
    self->retry = (lt_retry){.attempts = 6, .base_us = 100 * 1000, .cap_us = 20 * 1000000LL};
    lt_aws_identity_options options = {.profile = self->profile_name, .region = self->region_name};
    lt_status status = lt_aws_identity_open(&options, &self->identity, err);
    if (status == LT_OK)
        status = take_endpoint(self, settings->endpoint, err);
    if (status != LT_OK) {
        lt_remote_client_close(self);
        return status;
    }
    const char *region = lt_aws_identity_region(self->identity);
    (void)snprintf(self->region, sizeof(self->region), "%s", *region ? region : "us-east-1");
    self->path_style = settings->path_style >= 0
                           ? settings->path_style > 0
                           : self->endpoint || lt_aws_identity_wants_path_style(self->identity);
    *out = self;
    return LT_OK;
}

void lt_remote_client_close(lt_remote_client *self)
{
    if (!self)
        return;
    lt_http_client_free(self->http);
    lt_aws_key_cache_free(self->keys);
    lt_aws_identity_close(self->identity);
    (void)pthread_mutex_destroy(&self->lock);
    lt_free(self->endpoint);
    lt_free(self->profile_name);
    lt_free(self->region_name);
    lt_free(self);
}

void lt_remote_client_set_retry(lt_remote_client *self, const lt_retry *policy)
{
    self->retry = *policy;
}

void lt_remote_client_region(lt_remote_client *self, char out[LT_REMOTE_REGION_CHARS])
{
    (void)pthread_mutex_lock(&self->lock);
    memcpy(out, self->region, LT_REMOTE_REGION_CHARS);
    (void)pthread_mutex_unlock(&self->lock);
}

void lt_remote_add_header_as_is(lt_remote_call *call, const char *name, lt_text value)
{
    call->too_many = call->too_many || call->header_count == LT_REMOTE_HEADERS;
    if (!call->too_many)
        call->headers[call->header_count++] = (lt_aws_header){lt_text_of(name), value};
}

void lt_remote_add_header(lt_remote_call *call, const char *name, lt_text value)
{
    if (value.len)
        lt_remote_add_header_as_is(call, name, value);
}

void lt_remote_add_param(lt_buf *query, const char *name, lt_text value)
{
    if (query->len)
        lt_buf_add_byte(query, '&');
    lt_buf_printf(query, "%s=", name);
    lt_url_encode(value, query);
}

/* ---------------------------------------------------------------- addresses */

/* Where a request goes. */
typedef struct address {
    lt_buf base; /* "https://host:port" */
    lt_buf path;
    lt_text host; /* of base, as curl sends it */
} address;

static void address_cleanup(address *self)
{
    lt_buf_cleanup(&self->base);
    lt_buf_cleanup(&self->path);
}

/* A name with dots does not fit the certificate of AWS's hosts. */
static bool in_path(const lt_remote_client *self, lt_text bucket)
{
    return self->path_style || (!self->endpoint && lt_text_find_byte(bucket, '.', 0) != SIZE_MAX);
}

static void add_host(const lt_remote_client *self, lt_text bucket, const char *region, lt_buf *out)
{
    bool china = strncmp(region, "cn-", 3) == 0;
    if (bucket.len && !in_path(self, bucket))
        lt_buf_printf(out, "%.*s.", LT_ARG(bucket));
    if (!self->endpoint) {
        lt_buf_printf(out, "s3.%s.amazonaws.com%s", region, china ? ".cn" : "");
        return;
    }
    const lt_url *url = &self->endpoint_url;
    bool usual =
        lt_text_eq(url->port, lt_text_eq_nocase(url->scheme, T("https")) ? T("443") : T("80"));
    lt_buf_printf(out, url->is_ipv6 ? "[%.*s]" : "%.*s", LT_ARG(url->host));
    if (url->port.len && !usual)
        lt_buf_printf(out, ":%.*s", LT_ARG(url->port));
}

static void find_address(const lt_remote_client *self, const lt_remote_call *call,
                         const char *region, address *out)
{
    bool tls = !self->endpoint || lt_text_eq_nocase(self->endpoint_url.scheme, T("https"));
    lt_buf_add_str(&out->base, tls ? "https://" : "http://");
    size_t scheme = out->base.len;
    add_host(self, call->bucket, region, &out->base);
    out->host = lt_text_sub(lt_buf_text(&out->base), scheme, SIZE_MAX);
    lt_buf_add_byte(&out->path, '/');
    if (call->bucket.len && in_path(self, call->bucket)) {
        lt_buf_add(&out->path, call->bucket);
        if (call->key.len)
            lt_buf_add_byte(&out->path, '/');
    }
    lt_aws_encode(call->key, true, &out->path);
}

/* ---------------------------------------------------------------- one attempt */

/* What one attempt was made with. */
typedef struct attempt {
    lt_arena arena;
    lt_aws_credentials credentials;
    char region[LT_REMOTE_REGION_CHARS];
    char time[LT_AWS_TIME_CHARS];
    lt_aws_scope scope;
    char key[LT_AWS_KEY_BYTES];
    int64_t at_us; /* by the server's clock */
} attempt;

static void attempt_cleanup(attempt *self)
{
    lt_arena_cleanup(&self->arena);
}

static lt_status begin_attempt(lt_remote_client *client, attempt *out, lt_err *err)
{
    LT_TRY(lt_aws_identity_get(client->identity, &out->arena, &out->credentials, err));
    (void)pthread_mutex_lock(&client->lock);
    memcpy(out->region, client->region, sizeof(out->region));
    out->at_us = lt_now_us() + client->skew_us;
    (void)pthread_mutex_unlock(&client->lock);
    (void)lt_aws_time_write(out->at_us, out->time);
    out->scope = (lt_aws_scope){
        .date = lt_text_at(out->time, 8), .region = lt_text_of(out->region), .service = T("s3")};
    lt_aws_key_get(client->keys, out->credentials.secret, &out->scope, out->key);
    return LT_OK;
}

static lt_status cannot_sign(const lt_remote_call *call, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "cannot sign a request for '%.*s/%.*s'",
                   LT_ARG(call->called.bucket), LT_ARG(call->called.key));
}

/* The headers to be signed, and then all of them as they are sent. */
typedef struct envelope {
    lt_aws_header to_sign[LT_REMOTE_HEADERS + 8];
    size_t count;
    lt_http_header headers[LT_REMOTE_HEADERS + 8];
    size_t header_count;
} envelope;

static void add_signed(envelope *all, lt_text name, lt_text value)
{
    all->to_sign[all->count++] = (lt_aws_header){name, value};
    all->headers[all->header_count++] = (lt_http_header){name, value, false};
}

static bool has_header(const lt_remote_call *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (lt_text_eq_nocase(call->headers[i].name, lt_text_of(name)))
            return true;
    return false;
}

static lt_status send_once(lt_remote_client *client, const lt_remote_call *call,
                           const attempt *with, lt_text payload, lt_http_response *response,
                           lt_err *err)
{
    LT_AUTO(address) to = {0};
    LT_AUTO(lt_buf) url = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) authorization = {.limit = 64 * LT_KIB};
    envelope all = {0};
    lt_text method = lt_text_of(call->method);
    find_address(client, call, with->region, &to);
    all.to_sign[all.count++] = (lt_aws_header){T("host"), to.host};
    add_signed(&all, T("x-amz-content-sha256"), payload);
    add_signed(&all, T("x-amz-date"), lt_text_of(with->time));
    if (with->credentials.token.len)
        add_signed(&all, T("x-amz-security-token"), with->credentials.token);
    if (call->body.len && !has_header(call, "content-type")) /* or curl calls it a form */
        add_signed(&all, T("content-type"), T("application/octet-stream"));
    for (size_t i = 0; i < call->header_count; i++)
        add_signed(&all, call->headers[i].name, call->headers[i].value);
    lt_aws_request request = {.method = method,
                              .path = lt_buf_text(&to.path),
                              .query = call->query,
                              .headers = all.to_sign,
                              .header_count = all.count,
                              .payload = payload};
    if (!lt_aws_authorize(&request, with->credentials.key_id, lt_text_of(with->time), &with->scope,
                          with->key, &authorization))
        return cannot_sign(call, err);
    all.headers[all.header_count++] =
        (lt_http_header){T("Authorization"), lt_buf_text(&authorization), true};
    if (!call->body.len && (method.ptr[0] == 'P')) /* PUT and POST say their length, always */
        all.headers[all.header_count++] = (lt_http_header){T("Content-Length"), T("0"), false};
    lt_buf_printf(&url, "%s%s%s%.*s", to.base.data, to.path.data, call->query.len ? "?" : "",
                  LT_ARG(call->query));
    LT_TRY(lt_buf_check(&url, "the URL of the request", err));
    lt_http_request http = {.method = method,
                            .url = lt_buf_text(&url),
                            .headers = all.headers,
                            .header_count = all.header_count,
                            .body = call->body};
    return lt_http_send(client->http, &http, response, err);
}

/* ---------------------------------------------------------------- failures */

/* What the server says in <Error>, or empty texts: HEAD has no body. */
typedef struct complaint {
    lt_arena arena;
    lt_text code, message, region;
} complaint;

static void complaint_cleanup(complaint *self)
{
    lt_arena_cleanup(&self->arena);
}

static void read_complaint(const lt_http_response *response, complaint *out)
{
    lt_err ignored;
    lt_xml *root;
    lt_text body = lt_text_trim(lt_buf_text(&response->body));
    if (!lt_text_starts(body, T("<")) || body.len > LT_MIB ||
        lt_xml_read(body, NULL, &out->arena, &root, &ignored) != LT_OK ||
        !lt_text_eq(root->name, T("Error")))
        return;
    out->code = lt_xml_text(root, T("Code"));
    out->message = lt_xml_text(root, T("Message"));
    out->region = lt_xml_text(root, T("Region"));
}

/* CompleteMultipartUpload and CopyObject answer 200 before they know how it ends. */
static bool is_hidden_error(const lt_http_response *response)
{
    lt_text head = lt_text_sub(lt_buf_text(&response->body), 0, 512);
    return response->status == 200 && lt_text_has(head, T("<Error>")) &&
           lt_text_has(head, T("<Code>"));
}

typedef enum verdict { DONE, FAILED, AGAIN } verdict;

/* What may be set right once in a call. */
typedef struct remedies {
    bool credentials, clock, region;
} remedies;

static bool code_is(const complaint *said, const char *const *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(said->code, lt_text_of(codes[i])))
            return true;
    return false;
}

static bool renew_credentials(lt_remote_client *client, const lt_http_response *response,
                              const complaint *said, const attempt *with, remedies *used)
{
    static const char *const expired[] = {"ExpiredToken", "ExpiredTokenException",
                                          "TokenRefreshRequired", "InvalidToken", "RequestExpired"};
    bool mute = !said->code.len && with->credentials.token.len &&
                (response->status == 400 || response->status == 403);
    if (used->credentials || (!mute && !code_is(said, expired, LT_COUNT(expired))))
        return false;
    used->credentials = true;
    lt_aws_identity_distrust(client->identity, &with->credentials);
    return true;
}

static bool correct_clock(lt_remote_client *client, const lt_http_response *response,
                          const complaint *said, const attempt *with, remedies *used)
{
    static const int64_t FAR_US = (int64_t)240 * 1000000;
    int64_t theirs_us;
    bool may_be = lt_text_eq(said->code, T("RequestTimeTooSkewed")) ||
                  (!said->code.len && response->status == 403);
    if (used->clock || !may_be ||
        !lt_http_date_read(lt_http_header_find(response, T("Date")), &theirs_us))
        return false;
    int64_t off_us = theirs_us - with->at_us;
    if (off_us > -FAR_US && off_us < FAR_US)
        return false;
    used->clock = true;
    (void)pthread_mutex_lock(&client->lock);
    client->skew_us = theirs_us - lt_now_us();
    (void)pthread_mutex_unlock(&client->lock);
    lt_log(LT_LOG_INFO, "this machine's clock is %lld s %s that of S3: corrected for requests",
           (long long)((off_us < 0 ? -off_us : off_us) / 1000000),
           off_us < 0 ? "before" : "behind");
    return true;
}

static bool change_region(lt_remote_client *client, const lt_http_response *response,
                          const complaint *said, const attempt *with, remedies *used)
{
    lt_text region = lt_http_header_find(response, T("x-amz-bucket-region"));
    if (!region.len)
        region = said->region;
    if (used->region || response->status == 404 || !region.len ||
        region.len >= LT_REMOTE_REGION_CHARS || lt_text_eq(region, lt_text_of(with->region)))
        return false;
    for (size_t i = 0; i < region.len; i++) /* it becomes a part of a host's name */
        if (!lt_is_alpha(region.ptr[i]) && !lt_is_digit(region.ptr[i]) && region.ptr[i] != '-')
            return false;
    used->region = true;
    (void)pthread_mutex_lock(&client->lock);
    (void)snprintf(client->region, sizeof(client->region), "%.*s", LT_ARG(region));
    (void)pthread_mutex_unlock(&client->lock);
    return true;
}

static verdict judge(lt_remote_client *client, const lt_http_response *response,
                     const complaint *said, const attempt *with, remedies *used)
{
    static const char *const passing[] = {"SlowDown",
                                          "RequestTimeout",
                                          "InternalError",
                                          "ServiceUnavailable",
                                          "OperationAborted",
                                          "ConditionalRequestConflict",
                                          "BandwidthLimitExceeded",
                                          "Throttling",
                                          "RequestLimitExceeded"};
    int status = response->status;
    if ((status >= 200 && status < 300 && !is_hidden_error(response)) || status == 304)
        return DONE;
    if (lt_retry_helps(status) || code_is(said, passing, LT_COUNT(passing)))
        return AGAIN;
    if (status < 400 || !(status == 404 || status == 412))
        if (correct_clock(client, response, said, with, used) ||
            change_region(client, response, said, with, used) ||
            renew_credentials(client, response, said, with, used))
            return AGAIN;
    return FAILED;
}

static lt_store_reason reason_of(const lt_remote_call *call, int status, const complaint *said)
{
    lt_store_reason reason = lt_store_reason_find(said->code);
    bool has_version = call->called.version_id.len > 0;
    if (lt_text_eq(said->code, T("BucketAlreadyExists")))
        return LT_WHY_BUCKET_EXISTS;
    if (has_version && status == 400 && lt_text_has(said->message, T("ersion")))
        return LT_WHY_NO_SUCH_VERSION;
    if (reason == LT_WHY_NO_SUCH_KEY && has_version)
        return LT_WHY_NO_SUCH_VERSION;
    if (reason != LT_WHY_NONE)
        return reason;
    if (status == 404)
        return has_version     ? LT_WHY_NO_SUCH_VERSION
               : call->key.len ? LT_WHY_NO_SUCH_KEY
                               : LT_WHY_NO_SUCH_BUCKET;
    return status == 412   ? LT_WHY_PRECONDITION
           : status == 405 ? LT_WHY_IS_MARKER
           : status == 416 ? LT_WHY_BAD_RANGE
           : status == 501 ? LT_WHY_NOT_MADE
                           : LT_WHY_NONE;
}

static lt_status fail_for(lt_err *err, lt_store_reason reason, const lt_remote_call *call)
{
    lt_object_name name = call->called;
    switch ((int)reason) {
    case LT_WHY_NO_SUCH_BUCKET:
        lt_ignore(
            lt_store_fail(err, reason, "there is no bucket '%.*s' on S3", LT_ARG(call->bucket)));
        return lt_hint(err, "make it: leat store mb s3://%.*s", LT_ARG(call->bucket));
    case LT_WHY_NO_SUCH_KEY:
        return lt_store_fail(err, reason, "there is no object '%.*s/%.*s'", LT_ARG(name.bucket),
                             LT_ARG(name.key));
    case LT_WHY_NO_SUCH_VERSION:
        return lt_store_fail(err, reason, "'%.*s/%.*s' has no version '%.*s'", LT_ARG(name.bucket),
                             LT_ARG(name.key), LT_ARG(name.version_id));
    case LT_WHY_IS_MARKER:
        return lt_store_fail(err, reason, "version '%.*s' of '%.*s/%.*s' is a delete marker",
                             LT_ARG(name.version_id), LT_ARG(name.bucket), LT_ARG(name.key));
    case LT_WHY_PRECONDITION:
        return lt_store_fail(err, reason, "'%.*s/%.*s' is not as the condition wants it",
                             LT_ARG(name.bucket), LT_ARG(name.key));
    case LT_WHY_BUCKET_EXISTS:
        return lt_store_fail(err, reason, "there is a bucket '%.*s' already", LT_ARG(name.bucket));
    default:
        return LT_OK;
    }
}

static lt_status status_of(int http)
{
    return http == 401 || http == 403  ? LT_DENIED
           : http == 409               ? LT_CONFLICT
           : http == 413               ? LT_TOO_BIG
           : http >= 400 && http < 500 ? LT_INVALID
                                       : LT_IO;
}

static lt_status failed(const lt_remote_call *call, const lt_http_response *response,
                        const complaint *said, const attempt *with, lt_err *err)
{
    lt_store_reason reason = reason_of(call, response->status, said);
    lt_status status = fail_for(err, reason, call);
    if (status != LT_OK)
        return status;
    status = reason == LT_WHY_NONE ? status_of(response->status) : lt_store_reason_status(reason);
    lt_ignore(lt_fail(
        err, status, "%s '%.*s%s%.*s': S3 answered %d %.*s%s%.*s%s", call->method,
        LT_ARG(call->called.bucket), call->called.key.len ? "/" : "", LT_ARG(call->called.key),
        response->status,
        LT_ARG(said->code.len ? said->code : lt_text_of(lt_http_status_name(response->status))),
        said->message.len ? ": " : "", LT_ARG(said->message),
        call->attempts > 1 && status == LT_IO ? ", again and again" : ""));
    err->reason = (int)reason;
    if (status == LT_DENIED)
        lt_ignore(lt_hint(err,
                          "the keys are those of '%.*s' (%.*s); check what they may do, and the "
                          "region '%s'",
                          LT_ARG(with->credentials.key_id), LT_ARG(with->credentials.provider),
                          with->region));
    return status;
}

/* ---------------------------------------------------------------- sending */

static lt_status wait_for(const lt_remote_client *client, const lt_http_response *response,
                          unsigned attempt_number, lt_err *err)
{
    int64_t after_us = -1;
    lt_text wish = lt_http_header_find_last(response, T("Retry-After"));
    if (!wish.len || !lt_retry_after_read(wish, lt_now_us(), &after_us))
        after_us = -1;
    uint64_t random = (uint64_t)arc4random() << 32 | arc4random();
    return lt_wait_us(lt_retry_delay_us(&client->retry, attempt_number + 1, after_us, random), NULL,
                      err);
}

lt_status lt_remote_send(lt_remote_client *client, lt_remote_call *call, lt_http_response *response,
                         lt_err *err)
{
    char sum[LT_AWS_HEX_CHARS];
    lt_text payload = lt_text_of(lt_aws_sha256(call->body, sum));
    remedies used = {0};
    if (call->too_many)
        return lt_store_fail(err, LT_WHY_METADATA_TOO_LARGE,
                             "'%.*s/%.*s' has more headers than the %d that are sent",
                             LT_ARG(call->called.bucket), LT_ARG(call->called.key),
                             LT_REMOTE_HEADERS);
    for (call->attempts = 1;; call->attempts++) {
        LT_AUTO(attempt) with = {0};
        LT_AUTO(complaint) said = {0};
        LT_TRY(begin_attempt(client, &with, err));
        response->status = 0;
        lt_status status = send_once(client, call, &with, payload, response, err);
        if (status == LT_OK) {
            if (response->status >= 300 || response->status == 200)
                read_complaint(response, &said);
            verdict is = judge(client, response, &said, &with, &used);
            if (is == DONE)
                return LT_OK;
            if (is == FAILED || call->attempts >= client->retry.attempts)
                return failed(call, response, &said, &with, err);
        } else if (status != LT_IO || call->attempts >= client->retry.attempts) {
            response->status = 0;
            return status;
        }
        LT_TRY(wait_for(client, response, call->attempts, err));
    }
}

lt_status lt_remote_presign(lt_remote_client *client, const lt_remote_call *call, int64_t expires_s,
                            lt_buf *url, lt_err *err)
{
    LT_AUTO(attempt) with = {0};
    LT_AUTO(address) to = {0};
    if (expires_s < 1 || expires_s > 604800)
        return lt_fail(err, LT_INVALID, "a presigned URL lives for 1 second to 7 days");
    LT_TRY(begin_attempt(client, &with, err));
    find_address(client, call, with.region, &to);
    lt_aws_header host = {T("host"), to.host};
    lt_aws_request request = {.method = lt_text_of(call->method),
                              .path = lt_buf_text(&to.path),
                              .query = call->query,
                              .headers = &host,
                              .header_count = 1};
    lt_aws_presign presign = {.key_id = with.credentials.key_id,
                              .token = with.credentials.token,
                              .time = lt_text_of(with.time),
                              .expires_s = expires_s};
    lt_buf_printf(url, "%s%s?", to.base.data, to.path.data);
    if (!lt_aws_presign_query(&request, &presign, &with.scope, with.key, url))
        return cannot_sign(call, err);
    return lt_buf_check(url, "the URL", err);
}
