/* Passes requests on and spoils some. */
#include "support/fault_proxy.h"

#include "base/time.h"
#include "net/http_client.h"
#include "net/http_retry.h"
#include "net/http_server.h"
#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>

struct lt_fault_proxy {
    lt_http_server *server;
    lt_http_client *client;
    const char *upstream;
    _Atomic int fault, nth, requests, spoilt;
    atomic_bool onwards;
};

static void fail_with(const lt_server_request *r, lt_server_reply *reply, int status,
                      const char *code)
{
    reply->status = status;
    lt_server_reply_header(r, reply, T("Content-Type"), T("application/xml"));
    lt_buf_printf(&reply->body, "<Error><Code>%s</Code><Message>by the proxy</Message></Error>",
                  code);
}

static bool is_of_connection(lt_text name)
{
    static const char *const names[] = {"connection", "content-length", "transfer-encoding",
                                        "keep-alive", "date"};
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq_nocase(name, lt_text_of(names[i])))
            return true;
    return false;
}

static bool forward(lt_fault_proxy *self, const lt_server_request *r, lt_http_response *response)
{
    lt_err err = {0};
    LT_VEC(lt_http_header) headers = {0};
    LT_AUTO(lt_chars) url = lt_format("%s%.*s", self->upstream, LT_ARG(r->target));
    for (size_t i = 0; i < r->headers.len; i++) {
        lt_http_header header = {r->headers.items[i].name, r->headers.items[i].value, false};
        if (!is_of_connection(header.name))
            lt_push_in(r->arena, &headers, header);
    }
    if (!r->body.len && lt_text_starts(r->method, T("P"))) {
        lt_http_header none = {T("Content-Length"), T("0"), false};
        lt_push_in(r->arena, &headers, none);
    }
    lt_http_request request = {.method = r->method,
                               .url = lt_text_of(url),
                               .headers = headers.items,
                               .header_count = headers.len,
                               .body = r->body};
    return lt_http_send(self->client, &request, response, &err) == LT_OK;
}

/* A body that ends before it should. */
typedef struct cut_body {
    lt_text left;
} cut_body;

static int64_t read_cut(void *state, char *out, size_t size)
{
    cut_body *it = state;
    if (!it->left.len)
        return -1;
    size_t len = LT_MIN(size, it->left.len);
    memcpy(out, it->left.ptr, len);
    it->left = lt_text_sub(it->left, len, SIZE_MAX);
    return (int64_t)len;
}

static void cut(const lt_server_request *r, lt_server_reply *reply, lt_text body)
{
    cut_body *half = LT_NEW(r->arena, cut_body);
    if (body.len < 2) {
        reply->hang_up = true;
        return;
    }
    half->left = lt_arena_text(r->arena, lt_text_sub(body, 0, body.len / 2));
    reply->stream = read_cut;
    reply->state = half;
    reply->length = (int64_t)body.len;
}

static void pass_on(lt_fault_proxy *self, lt_fault fault, const lt_server_request *r,
                    lt_server_reply *reply)
{
    LT_AUTO(lt_http_response) response = {0};
    int64_t length;
    bool done = forward(self, r, &response);
    if (!done || fault == LT_FAULT_LOST) {
        reply->hang_up = true;
        return;
    }
    reply->status = response.status;
    for (size_t i = 0; i < response.headers.len; i++)
        if (!is_of_connection(response.headers.items[i].name))
            lt_server_reply_header(r, reply, response.headers.items[i].name,
                                   response.headers.items[i].value);
    lt_text body = lt_buf_text(&response.body);
    if (lt_text_eq(r->method, T("HEAD"))) {
        if (lt_text_to_i64(lt_http_header_find(&response, T("Content-Length")), &length))
            reply->length = length;
    } else if (fault == LT_FAULT_CUT) {
        cut(r, reply, body);
    } else {
        lt_buf_add(&reply->body, body);
        if (fault == LT_FAULT_FLIPPED && body.len)
            reply->body.data[body.len / 2] ^= 1;
    }
}

static bool is_spoilt(lt_fault_proxy *self, const lt_server_request *r, lt_fault fault)
{
    bool reads = lt_text_eq(r->method, T("GET")) &&
                 lt_server_header(r, T("range")).ptr != NULL; /* of objects only */
    bool late = lt_server_header(r, T("x-amz-copy-source")).ptr ||
                (lt_text_eq(r->method, T("POST")) && lt_text_has(r->target, T("uploadId=")));
    if ((fault == LT_FAULT_FLIPPED && !reads) || (fault == LT_FAULT_HIDDEN && !late))
        return false;
    int number = atomic_fetch_add(&self->requests, 1) + 1, nth = atomic_load(&self->nth);
    bool hit = number == nth || (number > nth && atomic_load(&self->onwards));
    if (hit && fault != LT_FAULT_NONE)
        atomic_fetch_add(&self->spoilt, 1);
    return hit;
}

static void handle(void *context, const lt_server_request *r, lt_server_reply *reply)
{
    lt_fault_proxy *self = context;
    lt_fault fault = (lt_fault)atomic_load(&self->fault);
    char date[LT_HTTP_DATE_CHARS];
    if (!is_spoilt(self, r, fault))
        fault = LT_FAULT_NONE;
    switch ((int)fault) {
    case LT_FAULT_RESET:
        reply->hang_up = true;
        return;
    case LT_FAULT_500:
        fail_with(r, reply, 500, "InternalError");
        return;
    case LT_FAULT_SLOW_DOWN:
        fail_with(r, reply, 503, "SlowDown");
        return;
    case LT_FAULT_EXPIRED:
        fail_with(r, reply, 400, "ExpiredToken");
        return;
    case LT_FAULT_HIDDEN:
        fail_with(r, reply, 200, "InternalError");
        return;
    case LT_FAULT_SKEWED:
        fail_with(r, reply, 403, "RequestTimeTooSkewed");
        lt_server_reply_header(
            r, reply, T("Date"),
            lt_text_of(lt_http_date_write(lt_now_us() + (int64_t)3600 * 1000000, date)));
        return;
    case LT_FAULT_ELSEWHERE:
        fail_with(r, reply, 301, "PermanentRedirect");
        lt_server_reply_header(r, reply, T("x-amz-bucket-region"), T("eu-test-1"));
        return;
    default:
        pass_on(self, fault, r, reply);
    }
}

lt_fault_proxy *lt_fault_proxy_start(const char *upstream)
{
    lt_err err = {0};
    lt_fault_proxy *self = lt_xcalloc(1, sizeof(*self));
    lt_http_options http = {.encoding = LT_ENCODING_NONE, .give_redirects = true};
    lt_server_options options = {
        .handle = handle, .context = self, .body_limit = 80 * LT_MIB, .drain_s = 1};
    self->upstream = upstream;
    self->client = lt_http_client_new(&http);
    CHECK_OK(lt_http_server_start(&options, &self->server, &err), err);
    return self;
}

void lt_fault_proxy_stop(lt_fault_proxy *self)
{
    if (!self)
        return;
    lt_http_server_stop(self->server);
    lt_http_client_free(self->client);
    lt_free(self);
}

const char *lt_fault_proxy_url(const lt_fault_proxy *self)
{
    return lt_http_server_url(self->server);
}

void lt_fault_proxy_plan(lt_fault_proxy *self, lt_fault fault, int nth, bool onwards)
{
    atomic_store(&self->fault, (int)fault);
    atomic_store(&self->nth, nth);
    atomic_store(&self->onwards, onwards);
    atomic_store(&self->requests, 0);
    atomic_store(&self->spoilt, 0);
}

int lt_fault_proxy_requests(const lt_fault_proxy *self)
{
    return atomic_load(&self->requests);
}

int lt_fault_proxy_spoilt(const lt_fault_proxy *self)
{
    return atomic_load(&self->spoilt);
}
