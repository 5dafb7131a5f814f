/* Takes requests from the HTTP server through the steps of the S3 face: read, authenticate, authorise, carry out, log. */
#include "base/log.h"
#include "base/mask.h"
#include "base/time.h"
#include "net/url.h"
#include "web/s3/call.h"
#include "web/s3/lifecycle.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { DRAIN_S = 10, XML_BODY_BYTES = 2 * 1024 * 1024 + 64 * 1024, FORM_HEAD_BYTES = 64 * 1024 };

/* ---- one request ---- */

static lt_s3_call *new_call(lt_s3 *s3, const lt_server_request *http, lt_server_reply *reply)
{
    lt_s3_call *call = LT_NEW(http->arena, lt_s3_call);
    uint64_t number = atomic_fetch_add(&s3->counter, 1);
    call->s3 = s3;
    call->http = http;
    call->reply = reply;
    call->arena = http->arena;
    call->now_us = lt_now_us();
    call->started_us = lt_mono_us();
    (void)snprintf(call->request_id, sizeof(call->request_id), "%016llX",
                   (unsigned long long)((number * 0x9e3779b97f4a7c15ULL) ^ s3->boot));
    lt_s3_say(call, "Server", T("leat"));
    lt_s3_say(call, "x-amz-request-id", lt_text_of(call->request_id));
    lt_s3_say(call, "x-amz-id-2", lt_text_of(call->request_id));
    return call;
}

/* Bodies that can be refused by what is announced of them are not waited for. */
static lt_status check_announced(lt_s3_call *call, lt_err *err)
{
    int64_t size = call->http->body_size;
    switch (call->op->takes) {
    case LT_S3_NO_BODY:
        return LT_OK;
    case LT_S3_XML:
    case LT_S3_JSON:
        return size > XML_BODY_BYTES ? lt_s3_fail(call, err, LT_S3_MAX_MESSAGE, NULL) : LT_OK;
    case LT_S3_FORM:
        return size > LT_PART_BYTES + FORM_HEAD_BYTES
                   ? lt_s3_fail(call, err, LT_S3_ENTITY_TOO_LARGE, NULL)
                   : LT_OK;
    case LT_S3_STREAM:
        break;
    }
    if (size == 0 && !lt_s3_header(call, "Content-Length").len)
        return lt_s3_fail(call, err, LT_S3_MISSING_LENGTH, NULL);
    /* The framing of 5 GiB in the smallest chunks that clients may use is less than a quarter of it. */
    return size > LT_PART_BYTES + LT_PART_BYTES / 4
               ? lt_s3_fail(call, err, LT_S3_ENTITY_TOO_LARGE, NULL)
               : LT_OK;
}

static lt_status examine(lt_s3_call *call, lt_err *err)
{
    if (call->http->is_one_too_many)
        return lt_s3_fail(call, err, LT_S3_SLOW_DOWN, NULL);
    LT_TRY(lt_s3_parse(call, err));
    LT_TRY(lt_s3_authenticate(call, err));
    call->origin = (lt_origin){.request_id = lt_text_of(call->request_id),
                               .requester = call->who.key_id,
                               .source_ip = lt_text_of(call->http->peer)};
    LT_TRY(lt_s3_authorize(call, err));
    return check_announced(call, err);
}

static bool accept_request(void *context, lt_server_request *http, lt_server_reply *reply)
{
    lt_err err = {0};
    lt_s3_call *call = new_call(context, http, reply);
    http->slot = call;
    if (examine(call, &err) == LT_OK)
        return true;
    lt_s3_answer_error(call, &err);
    lt_s3_cors_say(call);
    return false;
}

static void handle_request(void *context, const lt_server_request *http, lt_server_reply *reply)
{
    (void)context;
    lt_err err = {0};
    lt_s3_call *call = http->slot;
    call->reply = reply;
    if (call->op->run(call, &err) != LT_OK)
        lt_s3_answer_error(call, &err);
    if (call->op->level == LT_S3_BUCKET && (call->op->access & LT_ACCESS_ADMIN))
        lt_s3_known_changed(call->s3->known);
    lt_s3_cors_say(call);
    if (call->who.key_id.len && !call->who.is_root)
        lt_ignore(lt_access_used(call->s3->options.store, call->who.key_id, &err));
}

static void log_request(const lt_s3_call *call, int status, bool complete)
{
    LT_AUTO(lt_buf) target = {.limit = 32 * LT_KIB};
    const lt_server_request *http = call->http;
    lt_url_show(http->target, &target);
    lt_log(LT_LOG_INFO, "s3 %s %.*s %.*s %s %.*s %d %s %.1f ms%s", http->peer,
           LT_ARG(call->who.key_id.len ? call->who.is_root ? call->who.name : call->who.key_id
                                       : T("-")),
           LT_ARG(http->method), call->op ? call->op->name : "-", LT_ARG(lt_buf_text(&target)),
           status, call->code ? lt_s3_error_of(call->code)->code : "-",
           (double)(lt_mono_us() - call->started_us) / 1000, complete ? "" : " (broken off)");
}

static void end_request(void *context, const lt_server_request *http, int status, bool complete)
{
    lt_s3 *s3 = context;
    lt_s3_call *call = http->slot;
    if (!call)
        return;
    lt_s3_body_close(call->body);
    if (s3->options.log_requests)
        log_request(call, status, complete);
}

/* ---- start and stop ---- */

static const char *keep(lt_s3 *s3, const char *text)
{
    return text ? lt_arena_str(&s3->arena, lt_text_of(text)) : NULL;
}

static void copy_options(lt_s3 *s3, const lt_s3_options *options)
{
    lt_s3_options *o = &s3->options;
    *o = *options;
    o->domain = keep(s3, options->domain);
    o->region = keep(s3, options->region ? options->region : "us-east-1");
    o->root_key_id = lt_arena_text(&s3->arena, options->root_key_id);
    o->root_secret = lt_arena_text(&s3->arena, options->root_secret);
    o->versioned_prefixes = (lt_texts){0};
    for (size_t i = 0; i < options->versioned_prefixes.len; i++) {
        lt_text prefix = lt_arena_text(&s3->arena, options->versioned_prefixes.items[i]);
        lt_push_in(&s3->arena, &o->versioned_prefixes, prefix);
    }
    lt_mask_register(o->root_secret);
}

lt_status lt_s3_start(const lt_s3_options *options, lt_s3 **out, lt_err *err)
{
    if (!options->root_key_id.len || options->root_secret.len < 8)
        return lt_fail(err, LT_INVALID,
                       "the root key needs an id, and a secret of at least 8 characters");
    lt_s3 *s3 = lt_xcalloc(1, sizeof(*s3));
    copy_options(s3, options);
    arc4random_buf(&s3->boot, sizeof(s3->boot));
    s3->keys = lt_s3_keys_new();
    s3->known = lt_s3_known_new();
    s3->signing_keys = lt_aws_key_cache_new();
    s3->lifecycle = lt_s3_lifecycle_start(options->store, options->day_us);
    lt_server_options server = {.host = options->host,
                                .port = options->port,
                                .connection_limit =
                                    options->connections ? options->connections : 1000,
                                .idle_timeout_s = options->idle_s,
                                .accept = accept_request,
                                .handle = handle_request,
                                .done = end_request,
                                .context = s3,
                                .tls_cert = options->tls_cert,
                                .tls_key = options->tls_key,
                                .drain_s = DRAIN_S};
    lt_status status = lt_http_server_start(&server, &s3->server, err);
    if (status != LT_OK) {
        lt_s3_stop(s3);
        return status;
    }
    *out = s3;
    return LT_OK;
}

void lt_s3_stop(lt_s3 *s3)
{
    if (!s3)
        return;
    lt_http_server_stop(s3->server);
    lt_s3_lifecycle_stop(s3->lifecycle);
    lt_s3_keys_free(s3->keys);
    lt_s3_known_free(s3->known);
    lt_aws_key_cache_free(s3->signing_keys);
    lt_arena_cleanup(&s3->arena);
    lt_free(s3);
}

const char *lt_s3_url(const lt_s3 *s3)
{
    return lt_http_server_url(s3->server);
}
