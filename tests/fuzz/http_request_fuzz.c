/* Any bytes on a connection to the HTTP server: its handler sees only what is a request, and an answer is one. */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Who sends half a request and waits is waited for; PATIENCE_US is enough to hear nearly every answer. */
enum { LONGEST = 256 * 1024, PATIENCE_US = 100000 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_head(const lt_server_request *request)
{
    must(request->method.len > 0 && request->target.len > 0);
    for (size_t i = 0; i < request->method.len; i++)
        must(request->method.ptr[i] == '-' ||
             (request->method.ptr[i] >= 'A' && request->method.ptr[i] <= 'Z'));
    must(lt_text_starts(request->target, request->path));
    must(lt_text_find_byte(request->path, '?', 0) == SIZE_MAX);
    for (size_t i = 0; i < request->headers.len; i++) {
        lt_param header = request->headers.items[i];
        must(header.name.len > 0 && lt_text_find_byte(header.value, '\n', 0) == SIZE_MAX);
        must(lt_text_eq_nocase(header.name, T("Cookie")) ||
             lt_server_header(request, header.name).ptr != NULL);
    }
}

static void answer_whole(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    (void)context;
    check_head(request);
    must(request->body.len <= LONGEST);
    for (size_t i = 0; i < request->query.len; i++)
        must(lt_server_query(request, request->query.items[i].name).ptr != NULL);
    for (size_t i = 0; i < request->segments.len; i++)
        lt_server_reply_header(request, reply, T("X-Segment"), request->segments.items[i]);
    lt_server_reply_json(request, reply, 200, T("{}"));
    reply->compress = true;
}

static bool take_head(void *context, lt_server_request *request, lt_server_reply *reply)
{
    (void)context;
    check_head(request);
    if (!lt_text_starts(request->path, T("/no")))
        return true;
    lt_server_reply_error(request, reply, 403, "not %.*s", LT_ARG(request->path));
    return false;
}

static void answer_stream(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    (void)context;
    lt_err err = {0};
    char block[100];
    int64_t all = 0;
    lt_status status = LT_OK;
    for (size_t got = 1; got > 0 && status == LT_OK;) {
        status = lt_server_read(request, block, sizeof(block), &got, &err);
        all += status == LT_OK ? (int64_t)got : 0;
    }
    must(status != LT_OK || request->body_size < 0 || all == request->body_size);
    lt_server_reply_json(request, reply, status == LT_OK ? 200 : 400, T("{\"stream\": true}"));
}

static unsigned start(bool stream)
{
    static lt_http_server *servers[2]; /* for as long as the process lives */
    lt_err err = {0};
    if (servers[stream])
        return lt_http_server_port(servers[stream]);
    lt_server_options options = {.threads = stream ? 0 : 1,
                                 .body_limit = LONGEST / 2,
                                 .handle = stream ? answer_stream : answer_whole,
                                 .accept = stream ? take_head : NULL};
    must(lt_http_server_start(&options, &servers[stream], &err) == LT_OK);
    return lt_http_server_port(servers[stream]);
}

static int dial(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_usec = PATIENCE_US};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char block[4096];
    lt_buf answer = {.limit = 64 * LT_MIB};
    if (size < 1 || size > LONGEST)
        return 0;
    int fd = dial(start(data[0] & 1));
    for (size_t at = 1; at < size;) {
        ssize_t sent =
            send(fd, data + at, LT_MIN(size - at, (size_t)1 + data[0] * 64U), MSG_NOSIGNAL);
        if (sent <= 0)
            break; /* closed: it has seen enough */
        at += (size_t)sent;
    }
    (void)shutdown(fd, SHUT_WR);
    ssize_t got;
    while ((got = recv(fd, block, sizeof(block), 0)) > 0)
        lt_buf_add(&answer, lt_text_at(block, (size_t)got));
    must(answer.len == 0 || lt_text_starts(lt_buf_text(&answer), T("HTTP/1.")));
    lt_buf_cleanup(&answer);
    (void)close(fd);
    return 0;
}
