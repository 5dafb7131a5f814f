/* The real client against the real server, on loopback. */
#include "base/fs.h"
#include "base/time.h"
#include "net/http_retry.h"
#include "net/http_server.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* What the test server saw, and how often. */
typedef struct seen {
    _Atomic int requests;
    char other_url[128]; /* of a second server, for redirects */
    char authorization[64];
    char file[256];
} seen;

static const char hello[] =
    "hello, hello, hello, hello, hello, hello, hello, hello, hello, hello, hello";

static int64_t count_stream(void *state, char *out, size_t size)
{
    int *left = state;
    if (*left == 0)
        return 0;
    --*left;
    memset(out, 'x', LT_MIN(size, (size_t)10));
    return (int64_t)LT_MIN(size, (size_t)10);
}

static void echo(const lt_server_request *r, lt_server_reply *reply)
{
    LT_AUTO(lt_buf) out = {0};
    lt_buf_printf(&out, "%.*s %.*s", LT_ARG(r->method), LT_ARG(r->path));
    for (size_t i = 0; i < r->segments.len; i++)
        lt_buf_printf(&out, " [%.*s]", LT_ARG(r->segments.items[i]));
    for (size_t i = 0; i < r->query.len; i++)
        lt_buf_printf(&out, " %.*s=%.*s", LT_ARG(r->query.items[i].name),
                      LT_ARG(r->query.items[i].value));
    lt_buf_printf(&out, " body=%.*s", LT_ARG(r->body));
    lt_buf_add(&reply->body, lt_buf_text(&out));
    lt_server_reply_header(r, reply, T("X-Twice"), T("one"));
    lt_server_reply_header(r, reply, T("X-Twice"), T("t\r\nwo"));
}

static void redirect(seen *self, const lt_server_request *r, lt_server_reply *reply)
{
    lt_text to = lt_server_query(r, T("to"));
    reply->status = lt_server_query(r, T("keep")).ptr ? 307 : 302;
    if (lt_text_eq(to, T("other")))
        to = lt_text_of(lt_arena_format(r->arena, "%s/who", self->other_url));
    lt_server_reply_header(r, reply, T("Location"), to);
}

static void handle(void *context, const lt_server_request *r, lt_server_reply *reply)
{
    seen *self = context;
    static int stream_left;
    int count = ++self->requests;
    lt_text what = r->segments.len > 0 ? r->segments.items[0] : (lt_text){0};
    if (lt_text_eq(what, T("echo"))) {
        echo(r, reply);
    } else if (lt_text_eq(what, T("gzip"))) {
        reply->compress = true;
        for (int i = 0; i < 1000; i++)
            lt_buf_add_str(&reply->body, hello);
    } else if (lt_text_eq(what, T("parts"))) {
        lt_push_in(r->arena, &reply->parts, T("one,"));
        lt_push_in(r->arena, &reply->parts, T("two"));
    } else if (lt_text_eq(what, T("stream"))) {
        stream_left = 5;
        reply->stream = count_stream;
        reply->state = &stream_left;
    } else if (lt_text_eq(what, T("file"))) {
        FILE *file = fopen(self->file, "rb");
        reply->fd = dup(fileno(file));
        (void)fclose(file);
        reply->fd_offset = 2;
        reply->fd_size = 3;
    } else if (lt_text_eq(what, T("redirect"))) {
        redirect(self, r, reply);
    } else if (lt_text_eq(what, T("who"))) {
        lt_text value = lt_server_header(r, T("Authorization"));
        lt_buf_printf(&reply->body, "%.*s|%.*s", LT_ARG(value),
                      LT_ARG(lt_server_header(r, T("X-Mine"))));
    } else if (lt_text_eq(what, T("flaky")) && count < 3) {
        lt_server_reply_header(r, reply, T("Retry-After"), T("0"));
        lt_server_reply_error(r, reply, count == 1 ? 429 : 503, "not \"yet\"");
    } else if (lt_text_eq(what, T("down"))) {
        lt_server_reply_error(r, reply, 503, "down");
    } else if (lt_text_eq(what, T("hangup"))) {
        reply->hang_up = true;
    } else if (lt_text_eq(what, T("never"))) {
        (void)lt_http_server_wait(r->server, 3600 * 1000000LL);
    } else {
        lt_buf_add_str(&reply->body, "fine");
    }
}

typedef struct world {
    seen seen;
    lt_http_server *server, *other;
    lt_http_client *client;
    lt_http_response response;
    lt_err err;
} world;

static world *new_world(const lt_http_options *options)
{
    world *w = lt_xcalloc(1, sizeof(*w));
    lt_server_options server = {.handle = handle, .context = &w->seen};
    CHECK_OK(lt_http_server_start(&server, &w->server, &w->err), w->err);
    server.threads = 2;
    CHECK_OK(lt_http_server_start(&server, &w->other, &w->err), w->err);
    (void)snprintf(w->seen.other_url, sizeof(w->seen.other_url), "%s",
                   lt_http_server_url(w->other));
    w->client = lt_http_client_new(options);
    return w;
}

static void end_world(world *w)
{
    lt_http_response_cleanup(&w->response);
    lt_http_client_free(w->client);
    lt_http_server_stop(w->server);
    lt_http_server_stop(w->other);
    lt_free(w);
}

static lt_status get(world *w, const char *path, const lt_http_header *headers, size_t count)
{
    LT_AUTO(lt_chars) url = lt_format("%s%s", lt_http_server_url(w->server), path);
    lt_http_request request = {.url = lt_text_of(url), .headers = headers, .header_count = count};
    return lt_http_send(w->client, &request, &w->response, &w->err);
}

Test(http, carries_raw_paths_queries_bodies_and_headers)
{
    world *w = new_world(NULL);
    LT_AUTO(lt_chars)
    url = lt_format("%s/echo/a%%2Fb//c?x=1%%262&y=a+b&z", lt_http_server_url(w->server));
    lt_http_request request = {.method = T("PUT"), .url = lt_text_of(url), .body = T("data")};
    CHECK_OK(lt_http_send(w->client, &request, &w->response, &w->err), w->err);
    CHECK_INT(w->response.status, 200);
    CHECK_TEXT(lt_buf_text(&w->response.body),
               "PUT /echo/a%2Fb//c [echo] [a/b] [] [c] x=1&2 y=a b z= body=data");
    CHECK_TEXT(lt_http_header_find(&w->response, T("x-twice")), "one");
    CHECK_TEXT(lt_http_header_find_last(&w->response, T("X-TWICE")), "t  wo");
    CHECK(!lt_http_header_find(&w->response, T("x-none")).ptr);
    CHECK_OK(get(w, "/echo/%zz", NULL, 0), w->err);
    CHECK_INT(w->response.status, 400);
    end_world(w);
}

Test(http, keeps_connections_for_the_next_request)
{
    world *w = new_world(NULL);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(get(w, "/", NULL, 0), w->err);
        CHECK_TEXT(lt_buf_text(&w->response.body), "fine");
    }
    CHECK_INT(w->seen.requests, 5);
    end_world(w);
}

Test(http, sends_parts_files_and_streams)
{
    world *w = new_world(NULL);
    CHECK_OK(get(w, "/parts", NULL, 0), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "one,two");
    CHECK_OK(get(w, "/stream", NULL, 0), w->err);
    CHECK_INT(w->response.body.len, 50);
    (void)snprintf(w->seen.file, sizeof(w->seen.file), "%s/f", lt_test_folder());
    CHECK_OK(lt_file_write(w->seen.file, T("0123456"), 0600, &w->err), w->err);
    CHECK_OK(get(w, "/file", NULL, 0), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "234");
    end_world(w);
}

Test(http, decodes_gzip_within_the_limit)
{
    world *w = new_world(&(lt_http_options){.encoding = LT_ENCODING_ASK});
    CHECK_OK(get(w, "/gzip", NULL, 0), w->err);
    CHECK_INT(w->response.body.len, 1000 * (sizeof(hello) - 1));
    CHECK_TEXT(lt_http_header_find(&w->response, T("Content-Encoding")), "gzip");
    CHECK(w->response.wire_bytes < 5000);
    end_world(w);

    w = new_world(&(lt_http_options){.encoding = LT_ENCODING_ASK, .body_limit = 50000});
    CHECK_STATUS(get(w, "/gzip", NULL, 0), LT_TOO_BIG, w->err);
    CHECK_HAS(w->err.message, "larger than 50000 bytes");
    CHECK_HAS(w->err.message, "/gzip");
    end_world(w);

    w = new_world(NULL); /* loopback: nobody asks for gzip */
    CHECK_OK(get(w, "/gzip", NULL, 0), w->err);
    CHECK(!lt_http_header_find(&w->response, T("Content-Encoding")).ptr);
    end_world(w);
}

Test(http, follows_redirects_without_taking_secrets_along)
{
    world *w = new_world(NULL);
    lt_http_header headers[] = {{T("Authorization"), T("Bearer abc"), false},
                                {T("X-Mine"), T("key"), true}};
    CHECK_OK(get(w, "/redirect?to=/who", headers, 2), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "Bearer abc|key");
    CHECK(lt_text_ends(w->response.url, T("/who")));
    CHECK_OK(get(w, "/redirect?to=other", headers, 2), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "|");
    CHECK_STATUS(get(w, "/redirect?to=/redirect%3Fto%3D/", NULL, 0), LT_OK, w->err);
    CHECK_STATUS(get(w, "/redirect?to=%3Fto%3D", NULL, 0), LT_OK,
                 w->err); /* no Location: as it is */
    CHECK_STATUS(get(w, "/redirect?to=ftp://x/", NULL, 0), LT_FAILED, w->err);
    CHECK_HAS(w->err.message, "redirected");
    end_world(w);
}

Test(http, stops_after_too_many_redirects)
{
    world *w = new_world(&(lt_http_options){.redirect_limit = 3});
    CHECK_STATUS(get(w,
                     "/redirect?to=%2Fredirect%3Fto%3D%252Fredirect%253Fto%253D%25252Fredirect%"
                     "25253Fto%25253D%2525252Fredirect%2525253Fto%2525253D%252525252F",
                     NULL, 0),
                 LT_FAILED, w->err);
    CHECK_HAS(w->err.message, "more than 3 times");
    CHECK_INT(w->seen.requests, 4);
    end_world(w);
}

Test(http, posts_become_gets_except_for_307)
{
    world *w = new_world(NULL);
    LT_AUTO(lt_chars) url = lt_format("%s/redirect?to=/echo", lt_http_server_url(w->server));
    lt_http_request request = {.method = T("POST"), .url = lt_text_of(url), .body = T("data")};
    CHECK_OK(lt_http_send(w->client, &request, &w->response, &w->err), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "GET /echo [echo] body=");
    LT_AUTO(lt_chars) keep = lt_format("%s/redirect?keep&to=/echo", lt_http_server_url(w->server));
    request.url = lt_text_of(keep);
    CHECK_OK(lt_http_send(w->client, &request, &w->response, &w->err), w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "POST /echo [echo] body=data");
    end_world(w);
}

Test(http, errors_name_the_url_without_its_secrets)
{
    world *w = new_world(NULL);
    lt_http_request request = {.url = T("http://127.0.0.1:1/x?api_key=verysecret")};
    CHECK_STATUS(lt_http_send(w->client, &request, &w->response, &w->err), LT_IO, w->err);
    CHECK_HAS(w->err.message, "GET http://127.0.0.1:1/x?api_key=***: cannot connect");
    CHECK_HAS(w->err.hint, "server runs");
    CHECK_STATUS(get(w, "/hangup", NULL, 0), LT_IO, w->err);
    CHECK_HAS(w->err.message, "without an answer");
    lt_http_header bad = {T("Authorization"), T("Bearer a\nX: y"), false};
    CHECK_STATUS(get(w, "/", &bad, 1), LT_INVALID, w->err);
    CHECK(!lt_has(w->err.message, "Bearer"));
    end_world(w);
}

Test(http, a_server_that_never_answers_times_out)
{
    world *w = new_world(&(lt_http_options){.total_timeout_ms = 150});
    CHECK_STATUS(get(w, "/never", NULL, 0), LT_IO, w->err);
    CHECK_HAS(w->err.message, "timed out");
    end_world(w);
}

Test(http, a_stop_flag_ends_the_request)
{
    static atomic_bool stop;
    atomic_store(&stop, true);
    world *w = new_world(&(lt_http_options){.stop = &stop});
    CHECK_STATUS(get(w, "/", NULL, 0), LT_CANCELLED, w->err);
    CHECK_INT(w->seen.requests, 0);
    end_world(w);
}

Test(http, retries_until_the_server_is_back)
{
    world *w = new_world(NULL);
    lt_retry policy = {.base_us = 1000, .cap_us = 2000};
    int64_t attempts = 0;
    LT_AUTO(lt_chars) url = lt_format("%s/flaky", lt_http_server_url(w->server));
    lt_http_request request = {.url = lt_text_of(url)};
    lt_rate rate;
    lt_rate_init(&rate, 0, 1);
    CHECK_OK(lt_http_send_patiently(w->client, &request, &policy, &rate, &w->response, &attempts,
                                    &w->err),
             w->err);
    CHECK_TEXT(lt_buf_text(&w->response.body), "fine");
    CHECK_INT(attempts, 3);
    lt_rate_cleanup(&rate);
    end_world(w);
}

Test(http, gives_up_when_attempts_or_budget_are_spent)
{
    world *w = new_world(NULL);
    _Atomic int64_t budget = 1;
    lt_retry policy = {.attempts = 3, .base_us = 100, .cap_us = 200};
    int64_t attempts = 0;
    LT_AUTO(lt_chars) url = lt_format("%s/down?token=hidden", lt_http_server_url(w->server));
    lt_http_request request = {.url = lt_text_of(url)};
    CHECK_STATUS(lt_http_send_patiently(w->client, &request, &policy, NULL, &w->response, &attempts,
                                        &w->err),
                 LT_IO, w->err);
    CHECK_INT(attempts, 3);
    CHECK_HAS(w->err.message,
              "/down?token=***: the server answered 503 Service Unavailable, 3 times");
    policy.budget = &budget;
    CHECK_STATUS(lt_http_send_patiently(w->client, &request, &policy, NULL, &w->response, &attempts,
                                        &w->err),
                 LT_IO, w->err);
    CHECK_INT(attempts, 5);
    CHECK_HAS(w->err.message, "no retries are left");
    end_world(w);
}

static void *fetch_many(void *context)
{
    world *w = context;
    lt_http_response response = {0};
    lt_err err;
    LT_AUTO(lt_chars) url = lt_format("%s/echo?x=1", lt_http_server_url(w->other));
    lt_http_request request = {.url = lt_text_of(url)};
    for (int i = 0; i < 50; i++)
        if (lt_http_send(w->client, &request, &response, &err) != LT_OK || response.status != 200)
            return w;
    lt_http_response_cleanup(&response);
    return NULL;
}

Test(http, one_client_serves_many_threads)
{
    world *w = new_world(NULL);
    pthread_t threads[4];
    void *failed = NULL;
    for (size_t i = 0; i < LT_COUNT(threads); i++)
        CHECK_INT(pthread_create(&threads[i], NULL, fetch_many, w), 0);
    for (size_t i = 0; i < LT_COUNT(threads); i++) {
        void *result;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        failed = failed ? failed : result;
    }
    CHECK(!failed);
    CHECK_INT(w->seen.requests, 200);
    end_world(w);
}

Test(http_server, says_which_port_is_in_use)
{
    world *w = new_world(NULL);
    lt_http_server *second = NULL;
    lt_server_options options = {
        .handle = handle, .context = &w->seen, .port = lt_http_server_port(w->server)};
    CHECK_STATUS(lt_http_server_start(&options, &second, &w->err), LT_CONFLICT, w->err);
    CHECK_HAS(w->err.message, "in use");
    options.host = "example.org";
    CHECK_STATUS(lt_http_server_start(&options, &second, &w->err), LT_INVALID, w->err);
    end_world(w);
}

Test(http_server, refuses_bodies_over_the_limit)
{
    world *w = new_world(NULL);
    LT_AUTO(lt_buf) big = {0};
    memset(lt_buf_room(&big, 2 * LT_MIB), 'x', 2 * LT_MIB);
    lt_buf_grown(&big, 2 * LT_MIB);
    LT_AUTO(lt_chars) url = lt_format("%s/echo", lt_http_server_url(w->server));
    lt_http_request request = {
        .method = T("POST"), .url = lt_text_of(url), .body = lt_buf_text(&big)};
    CHECK_OK(lt_http_send(w->client, &request, &w->response, &w->err), w->err);
    CHECK_INT(w->response.status, 413);
    CHECK_INT(w->seen.requests, 0);
    end_world(w);
}
