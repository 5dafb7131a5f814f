/* Requests that are taken head first, over a raw socket. */
#include "base/time.h"
#include "net/http_server.h"
#include "support/test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct face {
    _Atomic int accepted, handled, broken, done;
    _Atomic int64_t most_read;
    _Atomic bool hold;
    lt_http_server *server;
    int file;
    unsigned limit; /* of connections */
} face;

static bool accept_it(void *context, lt_server_request *r, lt_server_reply *reply)
{
    face *self = context;
    if (r->is_one_too_many) {
        reply->status = 503;
        lt_buf_add(&reply->body, T("later"));
        return false;
    }
    if (lt_text_starts(r->path, T("/no"))) {
        reply->status = 403;
        lt_buf_add(&reply->body, T("refused"));
        return false;
    }
    r->slot = lt_arena_format(r->arena, "%.*s", LT_ARG(r->method));
    atomic_fetch_add(&self->accepted, 1);
    return true;
}

static void count_body(face *self, const lt_server_request *r, lt_server_reply *reply)
{
    static const size_t step = 10000;
    LT_AUTO(lt_chars) room = lt_xmalloc(step);
    lt_err err = {0};
    uint64_t bytes = 0, sum = 0;
    for (size_t got = 1; got > 0;) {
        if (lt_server_read(r, room, step, &got, &err) != LT_OK) {
            atomic_fetch_add(&self->broken, 1);
            return;
        }
        for (size_t i = 0; i < got; i++)
            sum = sum * 31 + (unsigned char)room[i];
        bytes += got;
        atomic_store(&self->most_read, (int64_t)bytes);
        while (atomic_load(&self->hold))
            lt_sleep_us(1000);
    }
    lt_buf_printf(&reply->body, "%s %llu %llx", (const char *)r->slot, (unsigned long long)bytes,
                  (unsigned long long)sum);
}

/* 600,000 bytes from two places of a file, behind each other. */
enum { SPAN_BYTES = 300000 };

static bool span_of(void *state, int64_t at, lt_server_span *out)
{
    const int *fd = state;
    bool first = at < SPAN_BYTES;
    *out = (lt_server_span){*fd, first ? 4097 + at : at - SPAN_BYTES + 1, 0};
    out->len = SPAN_BYTES - at % SPAN_BYTES;
    return true;
}

static int64_t no_stream(void *state, char *out, size_t size)
{
    (void)state, (void)out, (void)size;
    return -1;
}

static void send_file(const face *self, const lt_server_request *r, lt_server_reply *reply)
{
    if (lt_text_eq(r->path, T("/file/spans"))) {
        reply->length = (int64_t)2 * SPAN_BYTES;
        reply->stream = no_stream;
        reply->span = span_of;
        reply->state = (void *)(uintptr_t)&self->file;
        return;
    }
    reply->fd = dup(self->file);
    reply->fd_offset = 5;
    reply->fd_size = lt_text_eq(r->path, T("/file/cut")) ? LT_MIB : 2 * SPAN_BYTES;
}

static void handle_it(void *context, const lt_server_request *r, lt_server_reply *reply)
{
    face *self = context;
    atomic_fetch_add(&self->handled, 1);
    if (lt_text_eq(r->method, T("HEAD")))
        reply->length = 5368709120;
    else if (lt_text_starts(r->path, T("/file/")))
        send_file(self, r, reply);
    else if (lt_text_eq(r->path, T("/heads")))
        for (size_t i = 0; i < r->headers.len; i++)
            lt_buf_printf(&reply->body, "%.*s=%.*s;", LT_ARG(r->headers.items[i].name),
                          LT_ARG(r->headers.items[i].value));
    else
        count_body(self, r, reply);
}

static void done_it(void *context, const lt_server_request *r, int status, bool complete)
{
    (void)r, (void)status, (void)complete;
    atomic_fetch_add(&((face *)context)->done, 1);
}

static void open_face(face *self, unsigned idle_s)
{
    lt_err err = {0};
    lt_server_options o = {.accept = accept_it,
                           .handle = handle_it,
                           .done = done_it,
                           .context = self,
                           .idle_timeout_s = idle_s,
                           .connection_limit = self->limit,
                           .drain_s = 5};
    CHECK_OK(lt_http_server_start(&o, &self->server, &err), err);
}

static int dial(const face *self)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)lt_http_server_port(self->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

static void say(int fd, lt_text text)
{
    while (text.len) {
        ssize_t sent = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        text = lt_text_sub(text, (size_t)sent, text.len);
    }
}

/* What comes until `end` is in it, or nothing for ten seconds, or the connection is closed. */
static const char *hear(int fd, const char *end, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    while (!strstr(out, end) && len + 1 < size) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&wait, 1, 10000) == 1 ? recv(fd, out + len, size - 1 - len, 0) : 0;
        if (got <= 0)
            break;
        len += (size_t)got;
        out[len] = '\0';
    }
    return out;
}

#define SAY(fd, literal) say((fd), T(literal))

Test(http_stream, continue_is_said_at_once_and_also_for_an_empty_body)
{
    face self = {0};
    char got[4096];
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    for (int i = 0; i < 3; i++) {
        SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        CHECK_STR(hear(fd, "\r\n\r\n", got, sizeof(got)), "HTTP/1.1 100 Continue\r\n\r\n");
        SAY(fd, "hello");
        CHECK_HAS(hear(fd, "PUT 5 5e918d2", got, sizeof(got)), "HTTP/1.1 200 OK\r\n");
        SAY(fd, "PUT /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
        hear(fd, "PUT 0 0", got, sizeof(got));
        CHECK(
            lt_text_starts(lt_text_of(got), T("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")));
    }
    lt_http_server_stop(self.server);
    CHECK_INT(self.done, 6);
}

Test(http_stream, who_is_refused_gets_the_answer_instead_of_continue)
{
    face self = {0};
    char got[4096];
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "PUT /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    hear(fd, "refused", got, sizeof(got));
    CHECK(lt_text_starts(lt_text_of(got), T("HTTP/1.1 403 ")));
    CHECK_HAS(got, "Connection: close");
    CHECK_STR(hear(fd, "never", got, sizeof(got)), ""); /* closed */

    LT_AUTO(lt_fd) other = dial(&self); /* a small body that is on its way: the connection stays */
    SAY(other, "PUT /no HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    CHECK_HAS(hear(other, "refused", got, sizeof(got)), "HTTP/1.1 403 ");
    SAY(other, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    CHECK_HAS(hear(other, "PUT 5", got, sizeof(got)), "HTTP/1.1 200 OK");
    lt_http_server_stop(self.server);
    CHECK_INT(self.handled, 1);
}

Test(http_stream, large_and_chunked_bodies_come_whole)
{
    face self = {0};
    char got[4096], want[64];
    LT_AUTO(lt_buf) body = {0};
    uint64_t sum = 0;
    open_face(&self, 0);
    for (size_t i = 0; i < 3 * LT_MIB; i++)
        lt_buf_add_byte(&body, (char)(i * 7 + i / 1000));
    for (size_t i = 0; i < body.len; i++)
        sum = sum * 31 + (unsigned char)body.data[i];
    (void)snprintf(want, sizeof(want), "PUT 3145728 %llx", (unsigned long long)sum);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3145728\r\n\r\n");
    say(fd, lt_buf_text(&body));
    CHECK_HAS(hear(fd, want, got, sizeof(got)), want);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
    say(fd, lt_text_at(body.data, 0x200000));
    SAY(fd, "\r\n100000\r\n");
    say(fd, lt_text_at(body.data + 0x200000, 0x100000));
    SAY(fd, "\r\n0\r\n\r\n");
    CHECK_HAS(hear(fd, want, got, sizeof(got)), want);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK_HAS(hear(fd, "PUT 0 0", got, sizeof(got)), "PUT 0 0");
    lt_http_server_stop(self.server);
}

Test(http_stream, a_fast_client_waits_for_a_slow_handler)
{
    face self = {.hold = true};
    char got[4096];
    LT_AUTO(lt_buf) block = {0};
    size_t sent = 0;
    open_face(&self, 0);
    memset(lt_buf_room(&block, LT_MIB), 'x', LT_MIB);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n");
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    while (sent < 64 * LT_MIB && poll(&wait, 1, 300) == 1) {
        ssize_t part =
            send(fd, block.data, LT_MIN(LT_MIB, 64 * LT_MIB - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += part > 0 ? (size_t)part : 0;
    }
    CHECK(sent < 32 * LT_MIB); /* the rest is still with the client */
    CHECK(self.most_read <= 10000);
    atomic_store(&self.hold, false);
    while (sent < 64 * LT_MIB) {
        size_t part = LT_MIN(LT_MIB, 64 * LT_MIB - sent);
        say(fd, lt_text_at(block.data, part));
        sent += part;
    }
    CHECK_HAS(hear(fd, "PUT 67108864", got, sizeof(got)), "PUT 67108864");
    lt_http_server_stop(self.server);
}

Test(http_stream, a_client_that_hangs_up_breaks_the_body)
{
    face self = {0};
    open_face(&self, 0);
    int fd = dial(&self);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhello");
    lt_fd_close(fd);
    for (int i = 0; i < 5000 && !atomic_load(&self.broken); i++)
        lt_sleep_us(1000);
    CHECK_INT(self.broken, 1);
    lt_http_server_stop(self.server);
}

Test(http_stream, heads_are_seen_in_order_with_duplicates_and_head_tells_a_length)
{
    face self = {0};
    char got[4096];
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "GET /heads HTTP/1.1\r\nHost: x\r\nb: 1\r\nA: 2\r\nb: 3\r\n\r\n");
    CHECK_HAS(hear(fd, "b=3;", got, sizeof(got)), "Host=x;b=1;A=2;b=3;");
    SAY(fd, "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(fd, "\r\n\r\n", got, sizeof(got)), "Content-Length: 5368709120\r\n");
    SAY(fd, "GET /heads HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection is still in step */
    CHECK_HAS(hear(fd, "Host=x;", got, sizeof(got)), "HTTP/1.1 200 OK");
    lt_http_server_stop(self.server);
}

Test(http_stream, what_is_no_method_reaches_no_handler)
{
    static const char *const none[] = {"get", "G\xffT", "\x1cGET", "G(T", "GET\t"};
    face self = {0};
    char got[4096];
    open_face(&self, 0);
    for (size_t i = 0; i < LT_COUNT(none); i++) {
        LT_AUTO(lt_fd) fd = dial(&self);
        LT_AUTO(lt_chars) request = lt_format("%s /a HTTP/1.1\r\nHost: x\r\n\r\n", none[i]);
        say(fd, lt_text_of(request));
        CHECK_HAS(hear(fd, "\r\n\r\n", got, sizeof(got)), "HTTP/1.1 400 ");
        CHECK_HAS(got, "Connection: close");
    }
    lt_http_server_stop(self.server);
    CHECK_INT(self.handled, 0);
    CHECK_INT(self.done, 0);
}

Test(http_stream, a_dripping_head_is_cut_off)
{
    face self = {0};
    char got[64];
    open_face(&self, 1);
    LT_AUTO(lt_fd) fd = dial(&self);
    int64_t start_us = lt_mono_us();
    SAY(fd, "GET / HTTP/1.1\r\n");
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 100) == 1 && recv(fd, got, sizeof(got), 0) <= 0)
            break;
        SAY(fd, "a");
        CHECK(lt_mono_us() - start_us < 8000000);
    }
    lt_http_server_stop(self.server);
}

Test(http_stream, stopping_lets_a_request_finish)
{
    face self = {.hold = true};
    char got[4096];
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    while (!atomic_load(&self.handled))
        lt_sleep_us(1000);
    pid_t unused = 0;
    (void)unused;
    atomic_store(&self.hold, false);
    lt_http_server_stop(self.server);
    CHECK_HAS(hear(fd, "PUT 5", got, sizeof(got)), "PUT 5");
}

Test(http_stream, who_comes_beyond_the_limit_is_told_so_and_others_go_on)
{
    face self = {.limit = 2};
    char got[4096];
    open_face(&self, 0);
    LT_AUTO(lt_fd) first = dial(&self);
    SAY(first, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(first, "GET 0 0", got, sizeof(got)), "HTTP/1.1 200 OK");
    int second = dial(&self);
    SAY(second, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(second, "GET 0 0", got, sizeof(got)), "HTTP/1.1 200 OK");
    LT_AUTO(lt_fd) third = dial(&self);
    SAY(third, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(third, "later", got, sizeof(got)), "HTTP/1.1 503 ");
    CHECK_HAS(got, "Connection: close\r\n");
    CHECK_STR(hear(third, "never", got, sizeof(got)), ""); /* closed */
    SAY(first, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(first, "GET 0 0", got, sizeof(got)), "HTTP/1.1 200 OK");
    lt_fd_close(second);
    for (bool served = false; !served;) { /* the server learns of it in its own time */
        LT_AUTO(lt_fd) next = dial(&self);
        SAY(next, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        hear(next, "\r\n\r\n", got, sizeof(got));
        served = strstr(got, "HTTP/1.1 200 OK") != NULL;
    }
    lt_http_server_stop(self.server);
}

/* The body of the answer to GET `path` is `want`, and the connection stays. */
static void check_file(int fd, const char *path, lt_text want)
{
    size_t room = want.len + 4096;
    LT_AUTO(lt_chars) got = lt_xcalloc(1, room);
    LT_AUTO(lt_chars) ask = lt_format("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    say(fd, lt_text_of(ask));
    size_t len = 0, head = SIZE_MAX;
    while (head == SIZE_MAX || len < head + want.len) {
        ssize_t more = recv(fd, got + len, room - len, 0);
        CHECK(more > 0);
        len += (size_t)more;
        if (head == SIZE_MAX && lt_text_find(lt_text_at(got, len), T("\r\n\r\n"), 0) != SIZE_MAX)
            head = lt_text_find(lt_text_at(got, len), T("\r\n\r\n"), 0) + 4;
    }
    CHECK(lt_text_find(lt_text_at(got, head), T("Content-Length: 600000\r\n"), 0) != SIZE_MAX);
    CHECK(lt_text_eq(lt_text_at(got + head, len - head), want));
}

Test(http_stream, files_go_out_from_where_they_lie)
{
    face self = {0};
    enum { SIZE = 700000 };
    char name[] = "/tmp/leat-http-XXXXXX";
    LT_AUTO(lt_chars) bytes = lt_xmalloc(SIZE);
    LT_AUTO(lt_buf) two = {0};
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    LT_AUTO(lt_fd) file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0 && write(file, bytes, SIZE) == SIZE);
    self.file = file;
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    lt_buf_add(&two, lt_text_at(bytes + 4097, SPAN_BYTES));
    lt_buf_add(&two, lt_text_at(bytes + 1, SPAN_BYTES));
    for (int i = 0; i < 3; i++) {
        check_file(fd, "/file/spans", lt_buf_text(&two));
        check_file(fd, "/file/one", lt_text_at(bytes + 5, (size_t)2 * SPAN_BYTES));
    }
    lt_http_server_stop(self.server);
}

Test(http_stream, a_file_that_has_become_shorter_breaks_its_answer_and_nothing_else)
{
    face self = {0};
    char name[] = "/tmp/leat-http-XXXXXX", block[8192];
    LT_AUTO(lt_fd) file = mkstemp(name);
    CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, 400000) == 0);
    self.file = file;
    open_face(&self, 0);
    LT_AUTO(lt_fd) fd = dial(&self);
    SAY(fd, "GET /file/cut HTTP/1.1\r\nHost: x\r\n\r\n");
    int64_t got = 0;
    for (ssize_t more; (more = recv(fd, block, sizeof(block), 0)) > 0;)
        got += more;
    CHECK(got > 300000 && got < (int64_t)LT_MIB);
    LT_AUTO(lt_fd) other = dial(&self);
    SAY(other, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_HAS(hear(other, "GET 0 0", block, sizeof(block)), "HTTP/1.1 200 OK");
    lt_http_server_stop(self.server);
}
