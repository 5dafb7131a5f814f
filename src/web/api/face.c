/* The server of the API: from a request to its route, who may, the handler, and the answer. */
#include "web/api/route.h"

#include "base/log.h"
#include "base/time.h"
#include "net/url.h"

#include <stdio.h>

enum { THREADS = 4, CONNECTIONS = 800, OF_ONE_ADDRESS = 720, IDLE_S = 60, HEAD_S = 20 };

/* ---- what every answer says ---- */

static void set_header(lt_api_call *call, const char *name, const char *value)
{
    lt_server_reply_header(call->request, call->reply, lt_text_of(name), lt_text_of(value));
}

/* The page brings its own, stricter in other places (page.c). */
static void set_security(lt_api_call *call)
{
    set_header(call, "X-Content-Type-Options", "nosniff");
    set_header(call, "X-Frame-Options", "DENY");
    set_header(call, "Referrer-Policy", "no-referrer");
    set_header(call, "Cross-Origin-Resource-Policy", "same-origin");
    if (!call->route || !call->route->media || strcmp(call->route->media, "text/html") != 0)
        set_header(call, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (call->request->is_tls)
        set_header(call, "Strict-Transport-Security", "max-age=31536000");
}

int lt_api_http_status(lt_status status)
{
    static const int codes[] = {
        [LT_OK] = 200,        [LT_INVALID] = 400,  [LT_FAILED] = 422,
        [LT_NOT_FOUND] = 404, [LT_CONFLICT] = 409, [LT_DENIED] = 403,
        [LT_TOO_BIG] = 413,   [LT_IO] = 503,       [LT_CANCELLED] = 503,
    };
    return codes[status];
}

static const char *title_of(int http)
{
    static const struct {
        int http;
        const char *title;
    } titles[] = {
        {400, "The request is wrong"},
        {401, "Sign in first"},
        {403, "Not allowed"},
        {404, "There is no such thing"},
        {405, "Not done with this method"},
        {409, "Things are otherwise by now"},
        {413, "Too much"},
        {416, "Not that part of it"},
        {415, "Not this type of body"},
        {421, "Not the server of this name"},
        {422, "The data, models or files are wrong"},
        {429, "Too often"},
        {503, "Not possible now"},
    };
    for (size_t i = 0; i < LT_COUNT(titles); i++)
        if (titles[i].http == http)
            return titles[i].title;
    return "Error";
}

void lt_api_problem(lt_api_call *call, int http, const lt_err *err)
{
    lt_buf *out = &call->reply->body;
    lt_json_writer w = {.out = out};
    lt_buf_clear(out);
    lt_json_begin(&w, '{');
    lt_json_set(&w, "type", T("about:blank"));
    lt_json_set(&w, "title", lt_text_of(call->title ? call->title : title_of(http)));
    lt_json_set_int(&w, "status", http);
    lt_json_set(&w, "detail", lt_text_of(err->message));
    lt_api_set_text(&w, "place", lt_text_of(call->place));
    lt_api_set_text(&w, "hint", lt_text_of(err->hint));
    lt_json_set(&w, "code", lt_text_of(lt_status_name(err->status)));
    lt_json_set(&w, "instance", call->request->path);
    lt_json_end(&w);
    lt_buf_add_byte(out, '\n');
    call->reply->status = http;
    set_header(call, "Content-Type", "application/problem+json");
    set_header(call, "Cache-Control", "no-store");
}

/* ---- which server is meant ---- */

/* A page elsewhere can have its own name point at this machine (DNS rebinding), and would then be of our origin. */
static lt_status check_host(const lt_api_call *call, lt_err *err)
{
    lt_text host = lt_server_header(call->request, T("Host"));
    if (!call->api->is_loopback || lt_url_host_is_loopback(host))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "this is not the server of '%.*s'", LT_ARG(host)));
    return lt_hint(err, "on loopback it answers to localhost, 127.0.0.1 and [::1] only");
}

/* ---- answers ---- */

/* A whole answer has a name, so that who has it already is told so. */
static void set_etag(lt_api_call *call)
{
    char tag[24];
    uint64_t hash = lt_text_hash(lt_buf_text(&call->reply->body));
    (void)snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)hash);
    set_header(call, "ETag", tag);
    lt_text known = lt_server_header(call->request, T("If-None-Match"));
    for (lt_text one; lt_text_cut(&known, ',', &one);) {
        one = lt_text_trim(one);
        if (lt_text_starts(one, T("W/")))
            one = lt_text_sub(one, 2, one.len);
        if (!lt_text_eq(one, lt_text_of(tag)) && !lt_text_eq(one, T("*")))
            continue;
        call->reply->status = 304;
        lt_buf_clear(&call->reply->body);
        return;
    }
}

static bool is_change(const lt_api_route *route)
{
    return strcmp(route->method, "GET") != 0;
}

static void finish_answer(lt_api_call *call)
{
    call->reply->status = call->status;
    if (call->reply->stream || call->route->media)
        return;
    if (!call->reply->body.len) {
        call->reply->status = call->status == 200 ? 204 : call->status;
        return;
    }
    lt_buf_add_byte(&call->reply->body, '\n');
    set_header(call, "Content-Type", "application/json");
    set_header(call, "Cache-Control", is_change(call->route) ? "no-store" : "no-cache");
    call->reply->compress = true;
    if (!is_change(call->route))
        set_etag(call);
}

static void audit(lt_api_call *call)
{
    lt_err err;
    lt_text subject = call->audit_subject.ptr ? call->audit_subject : call->path[0];
    if (!is_change(call->route) || (call->route->flags & LT_API_NO_AUDIT))
        return;
    if (lt_audit(call->state, &call->actor, lt_text_of(call->route->id), subject,
                 call->audit_detail, &err) != LT_OK)
        lt_log(LT_LOG_ERROR, "%s by %.*s is not in the log of changes: %s", call->route->id,
               LT_ARG(call->actor.by), err.message);
}

/* ---- the way of a call ---- */

/* {run} is looked up here, so that no handler forgets whom it belongs to. */
static lt_status find_run(lt_api_call *call, lt_err *err)
{
    int64_t id = 0;
    if (!strstr(call->route->path, "{run}"))
        return LT_OK;
    if (!lt_text_to_i64(call->path[0], &id) || id <= 0)
        return lt_fail(err, LT_NOT_FOUND, "'%.*s' is no run", LT_ARG(call->path[0]));
    LT_TRY(lt_state_run_get(call->state, id, call->arena, &call->run, err));
    return lt_api_reaches(call, call->run.pipeline)
               ? LT_OK
               : lt_fail(err, LT_NOT_FOUND, "there is no run %lld", (long long)id);
}

static lt_status handle(lt_api_call *call, lt_err *err)
{
    LT_TRY(lt_api_read(call, err));
    LT_TRY(find_run(call, err));
    call->reply->body.limit = LT_API_ANSWER_MOST;
    call->json.out = &call->reply->body;
    LT_TRY(call->route->handle(call, err));
    return lt_buf_check(&call->reply->body, "the answer", err);
}

static void refuse_route(lt_api_call *call, lt_text allowed)
{
    lt_err err;
    if (!allowed.len) {
        lt_ignore(lt_fail(&err, LT_NOT_FOUND, "there is nothing at %.*s",
                          LT_ARG(lt_text_sub(call->request->path, 0, 200))));
        lt_ignore(lt_hint(&err, "GET /api/v1/openapi.json says what there is"));
        lt_api_problem(call, 404, &err);
        return;
    }
    lt_ignore(lt_fail(&err, LT_INVALID, "%.*s is done with %.*s",
                      LT_ARG(lt_text_sub(call->request->path, 0, 200)), LT_ARG(allowed)));
    lt_server_reply_header(call->request, call->reply, T("Allow"), allowed);
    lt_api_problem(call, 405, &err);
}

static void answer(lt_api_call *call)
{
    lt_err err = {0};
    int http = 421;
    LT_AUTO(lt_buf) allowed = {.limit = 200};
    lt_status status = check_host(call, &err);
    if (status == LT_OK) {
        call->route =
            lt_api_find(call->request->method, &call->request->segments, call->path, &allowed);
        set_security(call);
        if (!call->route) {
            refuse_route(call, lt_buf_text(&allowed));
            return;
        }
        call->status = call->route->status ? call->route->status : 200;
        status = lt_api_may(call, &http, &err);
    }
    if (status != LT_OK) {
        lt_api_problem(call, http, &err);
        return;
    }
    status = handle(call, &err);
    if (status != LT_OK) {
        lt_api_problem(call, call->status >= 400 ? call->status : lt_api_http_status(status), &err);
        return;
    }
    audit(call);
    finish_answer(call);
}

static void on_request(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    lt_api *api = context;
    lt_api_call call = {.api = api,
                        .request = request,
                        .reply = reply,
                        .arena = request->arena,
                        .state = api->state,
                        .actor = {.from = lt_text_of(request->peer), .at_us = lt_now_us()}};
    int64_t began_us = lt_mono_us();
    answer(&call);
    lt_api_count(api, call.route, reply->status, lt_mono_us() - began_us);
    if (api->options.log_requests)
        lt_log(LT_LOG_INFO, "%s %.*s %.*s %d", request->peer, LT_ARG(request->method),
               LT_ARG(lt_text_sub(request->path, 0, 200)), reply->status);
}

/* ---- start and stop ---- */

static bool is_loopback(const char *host)
{
    return lt_text_starts(lt_text_of(host), T("127.")) || strcmp(host, "::1") == 0;
}

lt_status lt_api_start(const lt_api_options *options, lt_api **out, lt_err *err)
{
    lt_api *api = lt_xcalloc(1, sizeof(*api));
    api->options = *options;
    api->state = lt_sched_state(options->sched);
    api->is_loopback = is_loopback(options->host ? options->host : "127.0.0.1");
    api->started_at_us = lt_now_us();
    (void)pthread_mutex_init(&api->lengths_lock, NULL);
    (void)pthread_mutex_init(&api->errand_lock, NULL);
    (void)pthread_mutex_init(&api->jobs_lock, NULL);
    lt_limits_init(&api->limits, options->per_minute);
    lt_server_options http = {.host = options->host,
                              .port = options->port,
                              .threads = THREADS,
                              .connection_limit = CONNECTIONS,
                              .address_limit = OF_ONE_ADDRESS,
                              .idle_timeout_s = IDLE_S,
                              .head_timeout_s = HEAD_S,
                              .body_limit = LT_API_BODY_MOST,
                              .handle = on_request,
                              .context = api,
                              .tls_cert = options->tls_cert,
                              .tls_key = options->tls_key,
                              .drain_s = 2};
    lt_status status = lt_http_server_start(&http, &api->http, err);
    if (status != LT_OK) {
        lt_api_stop(api);
        return status;
    }
    status = lt_live_begin(api, err);
    if (status != LT_OK) {
        lt_api_stop(api);
        return status;
    }
    *out = api;
    return LT_OK;
}

void lt_api_stop(lt_api *api)
{
    if (!api)
        return;
    lt_live_end(api);
    lt_http_server_stop(api->http);
    lt_limits_cleanup(&api->limits);
    (void)pthread_mutex_destroy(&api->lengths_lock);
    (void)pthread_mutex_destroy(&api->errand_lock);
    (void)pthread_mutex_destroy(&api->jobs_lock);
    lt_free(api);
}

const char *lt_api_url(const lt_api *api)
{
    return lt_http_server_url(api->http);
}
