/* Answers over libmicrohttpd: collects the request, calls the handler, queues what it wants to say. */
#include "net/http_server.h"

#include "base/time.h"
#include "net/http_body.h"
#include "net/http_map.h"
#include "net/http_watch.h"
#include "net/url.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

enum {
    SPARE_CONNECTIONS = 100, /* beyond the limit: each gets one answer */
    REQUEST_HEAD_BYTES = 64 * 1024,
    STREAM_POOL_BYTES =
        128 * 1024, /* of a connection that streams: bodies are read in halves of it */
    STREAM_BLOCK_BYTES = 32 * 1024,   /* stays in the processor's cache from where it is filled */
    FILE_BLOCK_BYTES = 128 * 1024,    /* of a file that is read and sent */
    MAP_BYTES = 256 * 1024,           /* smaller answers are not worth mapping */
    LOOPBACK_SEND_BYTES = 256 * 1024, /* on their way to a client on this machine; likewise */
    DRAIN_BYTES =
        1024 * 1024, /* of a body that nobody wants: read, so that the client sees the answer */
};

typedef struct exchange exchange;

struct lt_http_server {
    lt_server_options options;
    struct MHD_Daemon *daemon;
    lt_watch watch;
    pthread_mutex_t rest_lock;
    exchange *resting; /* of rest_lock: streams that have nothing to say now */
    bool no_rest;      /* of rest_lock: the server stops, streams end */
    atomic_bool stopping;
    _Atomic int64_t mapped;   /* bytes of files that answers are sent from */
    atomic_uint connections;  /* that are open */
    atomic_int busy;          /* requests between head and response */
    char *tls_cert, *tls_key; /* owned; the daemon reads them as long as it lives */
    unsigned port;
    char url[128];
};

/* One request while it comes in, and until its response is gone. */
struct exchange {
    lt_http_server *server;
    struct MHD_Connection *connection;
    exchange *rests_before, *rests_after; /* of rest_lock */
    bool is_resting;
    lt_arena arena;
    lt_text target;
    lt_buf body; /* of requests that are taken whole */
    bool head_seen, refused;
    size_t unwanted; /* bytes of a refused body that were read */
    lt_watched *watched;
    bool is_local;    /* the client is on this machine */
    bool is_answered; /* the transport has the reply */
    lt_server_request request;
    lt_server_reply reply;
    lt_mapped mapped; /* owned: what the response is sent from */
    lt_body_pipe pipe;
};

/* ---- what a handler may ask ---- */

lt_text lt_server_header(const lt_server_request *request, lt_text name)
{
    for (size_t i = 0; i < request->headers.len; i++)
        if (lt_text_eq_nocase(request->headers.items[i].name, name))
            return request->headers.items[i].value;
    return (lt_text){0};
}

lt_status lt_server_read(const lt_server_request *request, char *out, size_t size, size_t *got,
                         lt_err *err)
{
    if (!lt_pipe_take(request->body_source, out, size, got))
        return lt_fail(err, LT_IO, "the client hung up before the end of the body");
    return LT_OK;
}

lt_text lt_server_query(const lt_server_request *request, lt_text name)
{
    for (size_t i = 0; i < request->query.len; i++)
        if (lt_text_eq(request->query.items[i].name, name))
            return request->query.items[i].value;
    return (lt_text){0};
}

bool lt_http_server_wait(lt_http_server *server, int64_t length_us)
{
    int64_t end_us = lt_mono_us() + length_us;
    while (!atomic_load(&server->stopping)) {
        int64_t left_us = end_us - lt_mono_us();
        if (left_us <= 0)
            return true;
        lt_sleep_us(LT_MIN(left_us, 20 * 1000));
    }
    return false;
}

/* ---- replies ---- */

void lt_server_reply_header(const lt_server_request *request, lt_server_reply *reply, lt_text name,
                            lt_text value)
{
    lt_param header = {.name = lt_arena_text(request->arena, name)};
    char *copy = lt_arena_str(request->arena, value);
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
            copy[i] = ' ';
    header.value = lt_text_at(copy, value.len);
    lt_push_in(request->arena, &reply->headers, header);
}

void lt_server_reply_json(const lt_server_request *request, lt_server_reply *reply, int status,
                          lt_text json)
{
    reply->status = status;
    lt_buf_clear(&reply->body);
    lt_buf_add(&reply->body, json);
    lt_server_reply_header(request, reply, T("Content-Type"), T("application/json"));
}

static void add_json_string(const char *text, lt_buf *out)
{
    lt_buf_add_byte(out, '"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            lt_buf_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            lt_buf_printf(out, "\\u%04x", (unsigned)*text);
        else
            lt_buf_add_byte(out, *text);
    lt_buf_add_byte(out, '"');
}

void lt_server_reply_error(const lt_server_request *request, lt_server_reply *reply, int status,
                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = lt_arena_vformat(request->arena, format, args);
    va_end(args);
    LT_AUTO(lt_buf) json = {.limit = LT_MIB};
    lt_buf_add(&json, T("{\"error\":"));
    add_json_string(message, &json);
    lt_buf_add(&json, T("}\n"));
    lt_server_reply_json(request, reply, status, lt_buf_text(&json));
}

static void release_reply(lt_server_reply *reply)
{
    if (reply->release)
        reply->release(reply->state);
    reply->release = NULL;
    lt_fd_close(reply->fd);
    reply->fd = -1;
    lt_buf_cleanup(&reply->body);
}

/* "gzip" stands in Accept-Encoding, and not with q=0. */
static bool takes_gzip(const lt_server_request *request)
{
    lt_text rest = lt_server_header(request, T("Accept-Encoding"));
    for (lt_text item; lt_text_cut(&rest, ',', &item);) {
        lt_text coding = {0}, weight = {0};
        if (!lt_text_cut(&item, ';', &coding) ||
            !lt_text_eq_nocase(lt_text_trim(coding), T("gzip")))
            continue;
        double q = 1;
        weight = lt_text_trim(item);
        if (lt_text_starts(weight, T("q=")) &&
            !lt_text_to_double(lt_text_sub(weight, 2, weight.len), &q))
            return false;
        return q > 0;
    }
    return false;
}

/* The body as gzip (RFC 1952), if that is smaller. */
static bool compress_body(lt_buf *body)
{
    z_stream zip = {0};
    if (deflateInit2(&zip, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    LT_AUTO(lt_buf) made = {.limit = body->len + 64};
    char *room = lt_buf_room(&made, body->len);
    zip.next_in = (Bytef *)body->data;
    zip.avail_in = (uInt)body->len;
    zip.next_out = (Bytef *)room;
    zip.avail_out = (uInt)body->len;
    bool smaller = deflate(&zip, Z_FINISH) == Z_STREAM_END;
    lt_buf_grown(&made, zip.total_out);
    (void)deflateEnd(&zip);
    if (smaller) {
        lt_buf swap = *body;
        *body = made;
        made = swap;
    }
    return smaller;
}

/* ---- streams that wait ---- */

/* With the lock held. */
static void take_from_rest(exchange *self)
{
    if (!self->is_resting)
        return;
    if (self->rests_before)
        self->rests_before->rests_after = self->rests_after;
    else
        self->server->resting = self->rests_after;
    if (self->rests_after)
        self->rests_after->rests_before = self->rests_before;
    self->rests_before = self->rests_after = NULL;
    self->is_resting = false;
}

/* In the connection's own thread: it is not served again before it is woken. False: the server stops. */
static bool rest(exchange *self)
{
    lt_http_server *server = self->server;
    (void)pthread_mutex_lock(&server->rest_lock);
    bool may = !server->no_rest && server->options.threads > 0;
    if (may) {
        MHD_suspend_connection(self->connection);
        self->rests_after = server->resting;
        if (server->resting)
            server->resting->rests_before = self;
        server->resting = self;
        self->is_resting = true;
    }
    (void)pthread_mutex_unlock(&server->rest_lock);
    return may;
}

void lt_http_server_wake(lt_http_server *server, bool (*is_ready)(void *context, void *state),
                         void *context)
{
    (void)pthread_mutex_lock(&server->rest_lock);
    for (exchange *one = server->resting, *next; one; one = next) {
        next = one->rests_after;
        if (is_ready && !is_ready(context, one->reply.state))
            continue;
        take_from_rest(one);
        MHD_resume_connection(one->connection);
    }
    (void)pthread_mutex_unlock(&server->rest_lock);
}

/* From now on none rests. */
static void end_rest(lt_http_server *server)
{
    (void)pthread_mutex_lock(&server->rest_lock);
    server->no_rest = true;
    (void)pthread_mutex_unlock(&server->rest_lock);
    lt_http_server_wake(server, NULL, NULL);
}

static ssize_t read_stream(void *context, uint64_t at, char *out, size_t size)
{
    (void)at;
    exchange *self = context;
    if (!self->reply.stream) /* an announced length without bytes is for HEAD */
        return MHD_CONTENT_READER_END_WITH_ERROR;
    int64_t got = self->reply.stream(self->reply.state, out, size);
    if (got == LT_STREAM_LATER)
        return rest(self) ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
    if (got < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return got == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)got;
}

static ssize_t read_file(void *context, uint64_t at, char *out, size_t size)
{
    const exchange *self = context;
    ssize_t got;
    do
        got = pread(self->reply.fd, out, size, (off_t)(self->reply.fd_offset + (int64_t)at));
    while (got < 0 && errno == EINTR);
    return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR; /* the file has become shorter */
}

/* ---- answers to this machine ---- */

static bool next_span(exchange *self, int64_t at, lt_server_span *out)
{
    const lt_server_reply *reply = &self->reply;
    if (reply->fd < 0)
        return reply->span(reply->state, at, out);
    *out = (lt_server_span){reply->fd, reply->fd_offset + at, reply->fd_size - at};
    return true;
}

/* Map all of the answer. */
static bool map_reply(exchange *self)
{
    const lt_server_reply *reply = &self->reply;
    int64_t size = reply->fd >= 0 ? reply->fd_size : reply->length;
    bool may = self->is_local && !self->server->options.tls_cert && (reply->fd >= 0 || reply->span);
    if (!may || size < MAP_BYTES || !lt_mapped_reserve(&self->mapped, &self->server->mapped, size))
        return false;
    lt_server_span span = {0};
    for (int64_t at = 0; at < size; at += span.len) {
        bool ok = next_span(self, at, &span) && span.len > 0;
        span.len = LT_MIN(span.len, size - at);
        if (!ok || !lt_mapped_add(&self->mapped, &self->arena, span.fd, span.offset, span.len)) {
            lt_mapped_release(&self->mapped);
            return false;
        }
    }
    return true;
}

/* To another machine with sendfile(). On this one that is the slower way: the receiver takes apart a file's pages, which no cache
 * of a processor holds, in twice the time that it takes for bytes that have just been copied. */
static struct MHD_Response *file_response(exchange *self)
{
    lt_server_reply *reply = &self->reply;
    if (self->is_local)
        return MHD_create_response_from_callback((uint64_t)reply->fd_size, FILE_BLOCK_BYTES,
                                                 read_file, self, NULL);
    int fd = reply->fd;
    reply->fd = -1; /* the response closes it */
    return MHD_create_response_from_fd_at_offset64((uint64_t)reply->fd_size, fd,
                                                   (uint64_t)reply->fd_offset);
}

/* The parts as one response that is sent from where they lie. */
static struct MHD_Response *parts_response(exchange *self)
{
    const lt_texts *parts = &self->reply.parts;
    struct MHD_IoVec *iov = lt_alloc_array(&self->arena, parts->len, sizeof(*iov));
    for (size_t i = 0; i < parts->len; i++)
        iov[i] = (struct MHD_IoVec){parts->items[i].ptr, parts->items[i].len};
    return MHD_create_response_from_iovec(iov, (unsigned)parts->len, NULL, NULL);
}

static struct MHD_Response *make_response(exchange *self)
{
    lt_server_reply *reply = &self->reply;
    if (map_reply(self))
        return MHD_create_response_from_iovec(self->mapped.bytes.items,
                                              (unsigned)self->mapped.bytes.len, NULL, NULL);
    if (reply->stream || reply->length >= 0)
        return MHD_create_response_from_callback(reply->length >= 0 ? (uint64_t)reply->length
                                                                    : MHD_SIZE_UNKNOWN,
                                                 STREAM_BLOCK_BYTES, read_stream, self, NULL);
    if (reply->fd >= 0)
        return file_response(self);
    if (reply->parts.len > 0)
        return parts_response(self);
    return MHD_create_response_from_buffer(reply->body.len, reply->body.data,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  const lt_server_request *request, exchange *self)
{
    lt_server_reply *reply = &self->reply;
    self->is_answered = true;
    if (reply->hang_up)
        return MHD_NO;
    if (reply->compress && reply->body.len > 256 && reply->body.len < UINT32_MAX &&
        takes_gzip(request) && compress_body(&reply->body))
        lt_server_reply_header(request, reply, T("Content-Encoding"), T("gzip"));
    struct MHD_Response *response = make_response(self);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < reply->headers.len; i++) {
        const lt_param *header = &reply->headers.items[i];
        (void)
            MHD_add_response_header(/* which takes no empty values; blanks around one do not count */
                                    response, header->name.ptr,
                                    header->value.len ? header->value.ptr : " ");
    }
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* The transport gives up on a connection whose client sends no more, or whose body does not get further (http_watch.h). The client
 * may still read: it is told what its request came to, as far as the socket takes that at once. */
static void send_last_words(const exchange *self, struct MHD_Connection *connection)
{
    const lt_server_reply *reply = &self->reply;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info || self->request.is_tls || reply->hang_up || reply->status < 400)
        return;
    const char *reason = MHD_get_reason_phrase_for((unsigned)reply->status);
    LT_AUTO(lt_buf) out = {.limit = REQUEST_HEAD_BYTES};
    lt_buf_printf(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                  reply->status, reason, reply->body.len);
    for (size_t i = 0; i < reply->headers.len; i++)
        lt_buf_printf(&out, "%.*s: %.*s\r\n", LT_ARG(reply->headers.items[i].name),
                      LT_ARG(reply->headers.items[i].value));
    lt_buf_add(&out, T("\r\n"));
    lt_buf_add(&out, lt_buf_text(&reply->body));
    if (!out.overflow)
        (void)!send(info->connect_fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- requests ---- */

/* Split and decode the target. False: a broken escape. */
static bool read_target(exchange *self, lt_server_request *request)
{
    lt_text target = self->target;
    size_t mark = lt_text_find_byte(target, '?', 0);
    LT_AUTO(lt_buf) decoded = {.limit = REQUEST_HEAD_BYTES};
    lt_text rest = lt_text_sub(request->path, lt_text_starts(target, T("/")), target.len);
    for (lt_text part;
         rest.len + (request->segments.len > 0) > 0 && lt_text_cut(&rest, '/', &part);) {
        lt_buf_clear(&decoded);
        if (!lt_url_decode(part, false, &decoded))
            return false;
        lt_push_in(&self->arena, &request->segments,
                   lt_arena_text(&self->arena, lt_buf_text(&decoded)));
    }
    lt_text query = mark == SIZE_MAX ? (lt_text){0} : lt_text_sub(target, mark + 1, target.len);
    for (lt_text name, value; lt_url_next_param(&query, &name, &value);) {
        lt_param param;
        lt_buf_clear(&decoded);
        if (!lt_url_decode(name, true, &decoded))
            return false;
        param.name = lt_arena_text(&self->arena, lt_buf_text(&decoded));
        lt_buf_clear(&decoded);
        if (!lt_url_decode(value, true, &decoded))
            return false;
        param.value = lt_arena_text(&self->arena, lt_buf_text(&decoded));
        lt_push_in(&self->arena, &request->query, param);
    }
    return true;
}

static void handle_whole(exchange *self)
{
    const lt_server_options *o = &self->server->options;
    lt_server_request *request = &self->request;
    request->body = lt_buf_text(&self->body);
    if (self->body.overflow)
        lt_server_reply_error(request, &self->reply, 413, "the body is larger than %zu bytes",
                              o->body_limit);
    else if (!read_target(self, request))
        lt_server_reply_error(request, &self->reply, 400, "the URL holds a broken %%-escape");
    else
        o->handle(o->context, request, &self->reply);
}

/* ---- heads ---- */

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    exchange *self = context;
    lt_param header = {lt_arena_text(&self->arena, lt_text_at(name, name_len)),
                       lt_arena_text(&self->arena, lt_text_at(value ? value : "", value_len))};
    lt_push_in(&self->arena, &self->request.headers, header);
    return MHD_YES;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 ==
               IN_LOOPBACKNET;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static void take_peer(exchange *self, struct MHD_Connection *connection)
{
    lt_server_request *request = &self->request;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return;
    self->is_local = is_loopback(info->client_addr);
    (void)getnameinfo(info->client_addr,
                      info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                               : sizeof(struct sockaddr_in),
                      request->peer, sizeof(request->peer), NULL, 0, NI_NUMERICHOST);
}

/* What the head announces (RFC 9112 section 6.3); the transport has refused lengths that are none. */
static int64_t announced_size(const lt_server_request *request)
{
    int64_t size = 0;
    if (lt_server_header(request, T("Transfer-Encoding")).ptr)
        return -1;
    return lt_text_to_i64(lt_server_header(request, T("Content-Length")), &size) && size > 0 ? size
                                                                                             : 0;
}

/* RFC 9112 section 6.1: who announces a body in two ways may mean one thing to a proxy and another to us. */
static bool is_framed_once(const lt_server_request *request)
{
    size_t lengths = 0, codings = 0;
    bool known = true;
    for (size_t i = 0; i < request->headers.len; i++) {
        const lt_param *header = &request->headers.items[i];
        bool is_coding = lt_text_eq_nocase(header->name, T("Transfer-Encoding"));
        lengths += lt_text_eq_nocase(header->name, T("Content-Length"));
        codings += is_coding;
        known = known && (!is_coding || lt_text_eq_nocase(header->value, T("chunked")));
    }
    return known && lengths + codings <= 1 && !(codings && request->is_http_1_0);
}

/* RFC 9112 section 3.2: who names two hosts may mean one to a proxy and another to us. */
static bool is_host_once(const lt_server_request *request)
{
    size_t count = 0;
    for (size_t i = 0; i < request->headers.len; i++)
        count += lt_text_eq_nocase(request->headers.items[i].name, T("Host"));
    return count <= 1;
}

static void take_head(exchange *self, struct MHD_Connection *connection, const char *method,
                      const char *version)
{
    lt_server_request *request = &self->request;
    lt_text target = self->target;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    request->server = self->server;
    request->arena = &self->arena;
    request->method = lt_arena_text(&self->arena, lt_text_of(method));
    request->target = target;
    request->path = lt_text_sub(target, 0, lt_text_find_byte(target, '?', 0));
    request->is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    request->is_tls = self->server->options.tls_cert != NULL;
    request->head_bytes = info ? info->header_size : 0;
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, self);
    request->body_size = announced_size(request);
    request->is_one_too_many =
        self->watched && self->watched->is_extra &&
        atomic_load(&self->server->connections) > self->server->options.connection_limit;
    take_peer(self, connection);
    lt_watch_pause(self->watched);
    if (!self->server->options.accept && request->body_size != 0)
        lt_watch_body(self->watched, 0);
}

/* ---- requests that stream ---- */

static bool waits_for_continue(const lt_server_request *request)
{
    return !request->is_http_1_0 &&
           lt_text_eq_nocase(lt_server_header(request, T("Expect")), T("100-continue"));
}

static void handle_stream(void *context)
{
    exchange *self = context;
    const lt_server_options *o = &self->server->options;
    o->handle(o->context, &self->request, &self->reply);
}

/* The head is there. Who is refused gets the answer at once, instead of "100 Continue", unless the body is small and on its way
 * already: closing on unread bytes would make the client's system drop the answer. */
static enum MHD_Result begin_stream(exchange *self, struct MHD_Connection *connection)
{
    const lt_server_options *o = &self->server->options;
    lt_server_request *request = &self->request;
    self->refused = !o->accept(o->context, request, &self->reply);
    if (self->refused && request->is_one_too_many)
        lt_server_reply_header(request, &self->reply, T("Connection"), T("close"));
    if (!self->refused) {
        request->body_source = &self->pipe;
        lt_pipe_begin(&self->pipe, request->body_size, handle_stream, self);
        return MHD_YES;
    }
    bool drain = request->body_size != 0 && !waits_for_continue(request) &&
                 request->body_size <= (int64_t)DRAIN_BYTES;
    if (drain || request->body_size == 0)
        return MHD_YES;
    if (!request->is_one_too_many)
        lt_server_reply_header(request, &self->reply, T("Connection"), T("close"));
    return send_reply(connection, request, self);
}

static enum MHD_Result take_piece(exchange *self, lt_text piece)
{
    if (!self->server->options.accept) { /* too much sets overflow: drained, then 413 */
        lt_buf_add(&self->body, piece);
        lt_watch_body(self->watched, piece.len);
        return MHD_YES;
    }
    if (!self->refused) {
        lt_watch_pause(self->watched); /* it is us who are slow now */
        lt_pipe_give(&self->pipe, piece);
        lt_watch_body(self->watched, piece.len);
        return self->pipe.is_broken ? MHD_NO : MHD_YES;
    }
    self->unwanted += piece.len;
    return self->unwanted <= DRAIN_BYTES ? MHD_YES : MHD_NO;
}

static enum MHD_Result finish(exchange *self, struct MHD_Connection *connection)
{
    lt_watch_pause(self->watched);
    if (!self->server->options.accept)
        handle_whole(self);
    else if (!self->refused)
        lt_pipe_end(&self->pipe, true); /* waits for the handler */
    return send_reply(connection, &self->request, self);
}

/* ---- what libmicrohttpd calls ---- */

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    lt_http_server *server = context;
    exchange *self = lt_xcalloc(1, sizeof(*self));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    self->server = server;
    self->connection = connection;
    self->watched = info ? info->socket_context : NULL;
    self->target = lt_arena_text(&self->arena, lt_text_of(uri));
    self->body.limit = server->options.body_limit;
    self->reply.status = 200;
    self->reply.fd = -1;
    self->reply.length = -1;
    return self;
}

/* The library takes any bytes without a blank for one (RFC 9110 section 9.1 wants a token; all that are registered are letters). */
static bool is_method(const char *method)
{
    return method[0] && method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")] == '\0';
}

static enum MHD_Result find_nameless(void *context, enum MHD_ValueKind kind, const char *name,
                                     size_t name_len, const char *value, size_t value_len)
{
    (void)kind, (void)name, (void)value, (void)value_len;
    bool *found = context;
    *found = *found || !name_len;
    return MHD_YES;
}

/* It takes a NUL in the target, and gives what stands before it: the version lies behind the whole of it. */
static bool is_whole(const exchange *self, const char *url, const char *version)
{
    return version <= url || (size_t)(version - url) == self->target.len + 1;
}

/* It takes ": value" for a header, too. */
static bool is_head(struct MHD_Connection *connection, const char *method)
{
    bool nameless = false;
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, find_nameless, &nameless);
    return is_method(method) && !nameless;
}

/* What the head means is not certain: the answer, and the end of the connection. */
static enum MHD_Result refuse_doubt(exchange *self, struct MHD_Connection *connection,
                                    const char *what)
{
    self->refused = true;
    lt_server_reply_error(&self->request, &self->reply, 400, "%s", what);
    lt_server_reply_header(&self->request, &self->reply, T("Connection"), T("close"));
    return send_reply(connection, &self->request, self);
}

static enum MHD_Result refuse_head(struct MHD_Connection *connection)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(connection, 400, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **slot)
{
    (void)context;
    exchange *self = *slot;
    if (!self)
        return MHD_NO;
    if (!self->head_seen && (!is_head(connection, method) || !is_whole(self, url, version)))
        return refuse_head(connection);
    if (!self->head_seen) { /* the first call comes before the body */
        self->head_seen = true;
        atomic_fetch_add(&self->server->busy, 1);
        take_head(self, connection, method, version);
        if (!is_framed_once(&self->request))
            return refuse_doubt(self, connection,
                                "the length of the body is announced twice, or in a way that is "
                                "not known here");
        if (!is_host_once(&self->request))
            return refuse_doubt(self, connection, "the host is named twice");
        return self->server->options.accept ? begin_stream(self, connection) : MHD_YES;
    }
    if (*data_len > 0) {
        lt_text piece = lt_text_at(data, *data_len);
        *data_len = 0;
        return take_piece(self, piece);
    }
    return finish(self, connection);
}

static void on_end(void *context, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode why)
{
    (void)context;
    exchange *self = *slot;
    if (!self)
        return;
    lt_http_server *server = self->server;
    const lt_server_options *o = &server->options;
    (void)pthread_mutex_lock(&server->rest_lock);
    take_from_rest(self);
    (void)pthread_mutex_unlock(&server->rest_lock);
    lt_pipe_end(&self->pipe, false);
    bool gave_up = why == MHD_REQUEST_TERMINATED_CLIENT_ABORT ||
                   why == MHD_REQUEST_TERMINATED_READ_ERROR ||
                   why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;
    if (gave_up && self->head_seen && o->accept && !self->refused && !self->is_answered)
        send_last_words(self, connection);
    if (self->head_seen && o->done)
        o->done(o->context, &self->request, self->reply.status,
                why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    if (self->head_seen)
        atomic_fetch_sub(&server->busy, 1);
    lt_watch_idle(self->watched, o->idle_timeout_s);
    release_reply(&self->reply);
    lt_mapped_release(&self->mapped);
    lt_pipe_cleanup(&self->pipe);
    lt_buf_cleanup(&self->body);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
    *slot = NULL;
}

static const struct sockaddr *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

/* Of the transport's thread: how many are open has changed. */
static void judge_room(lt_http_server *server, unsigned open)
{
    const lt_server_options *o = &server->options;
    atomic_store(&server->watch.is_scarce,
                 o->address_limit && open >= o->connection_limit - o->connection_limit / 4);
}

/* Without a wire there is nothing to keep busy: what waits in the socket only falls out of the cache. */
static void limit_local(struct MHD_Connection *connection, int fd)
{
    int size = LOOPBACK_SEND_BYTES;
    const struct sockaddr *client = client_of(connection);
    if (client && is_loopback(client))
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void on_connection(void *context, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    lt_http_server *server = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && info) {
        limit_local(connection, info->connect_fd);
        const lt_server_options *o = &server->options;
        lt_watched *watched = lt_watch_add(&server->watch, info->connect_fd, client_of(connection),
                                           o->head_timeout_s, o->address_limit);
        unsigned before = atomic_fetch_add(&server->connections, 1);
        watched->is_extra = before >= o->connection_limit;
        judge_room(server, before + 1);
        *slot = watched;
    } else if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        judge_room(server, atomic_fetch_sub(&server->connections, 1) - 1);
        lt_watch_remove(&server->watch, LT_TAKE(*slot));
    }
}

/* Leave the path as it is: we decode it ourselves. */
static size_t no_unescape(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void no_log(void *context, const char *format,
                                                         va_list args)
{
    (void)context, (void)format, (void)args;
}

/* ---- start and stop ---- */

static lt_status listen_on(const char *host, unsigned port, int *out, lt_err *err)
{
    char service[16];
    (void)snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *address = NULL;
    if (port > 65535 || getaddrinfo(host, service, &hints, &address) != 0)
        return lt_fail(err, LT_INVALID, "'%s' port %u is not an address to listen on", host, port);
    LT_AUTO(lt_fd) fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
              bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 511) == 0;
    int code = errno;
    freeaddrinfo(address);
    if (!ok && code == EADDRINUSE) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "port %u of %s is in use", port, host));
        err->reason = LT_HTTP_PORT_TAKEN;
        return lt_hint(err, "choose another port, or 0 for a free one");
    }
    if (!ok && code == EADDRNOTAVAIL)
        return lt_fail(err, LT_INVALID, "%s is not an address of this machine", host);
    if (!ok)
        return lt_fail_errno(err, code, "cannot listen on %s port %u", host, port);
    *out = fd;
    fd = -1;
    return LT_OK;
}

static void name_url(lt_http_server *server, const char *host, int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &size) != 0)
        return;
    char host_text[NI_MAXHOST], port_text[NI_MAXSERV];
    uint64_t port = 0;
    if (getnameinfo((struct sockaddr *)&bound, size, host_text, sizeof(host_text), port_text,
                    sizeof(port_text), NI_NUMERICHOST | NI_NUMERICSERV) != 0 ||
        !lt_text_to_u64(lt_text_of(port_text), &port))
        return;
    server->port = (unsigned)port;
    (void)snprintf(server->url, sizeof(server->url),
                   strchr(host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
                   server->options.tls_cert ? "https" : "http", host, server->port);
}

static void free_server(lt_http_server *server)
{
    lt_watch_end(&server->watch);
    (void)pthread_mutex_destroy(&server->rest_lock);
    lt_free(server->tls_cert);
    lt_free(server->tls_key);
    lt_free(server);
}

static struct MHD_Daemon *start_daemon(lt_http_server *server, int fd)
{
    const lt_server_options *o = &server->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    flags |= o->threads > 0 ? MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME
                            : (MHD_USE_POLL | MHD_USE_THREAD_PER_CONNECTION);
    flags |= o->tls_cert ? MHD_USE_TLS : 0;
    flags |=
        o->accept ? MHD_USE_TURBO : 0; /* no shutdown() before on_end(): see send_last_words() */
    struct MHD_OptionItem more[8];
    size_t count = 0;
    if (o->threads > 1)
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL};
    if (o->tls_cert) {
        lt_chars cert = lt_xstrdup(o->tls_cert), key = lt_xstrdup(o->tls_key);
        server->tls_cert = cert;
        server->tls_key = key;
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, cert};
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, key};
    }
    more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)(o->accept ? STREAM_POOL_BYTES : REQUEST_HEAD_BYTES), MHD_OPTION_CONNECTION_LIMIT,
        o->connection_limit + (o->accept ? SPARE_CONNECTIONS : 0), MHD_OPTION_CONNECTION_TIMEOUT,
        o->idle_timeout_s, MHD_OPTION_THREAD_STACK_SIZE, (size_t)(o->threads > 0 ? 0 : 1024 * 1024),
        MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

lt_status lt_http_server_start(const lt_server_options *options, lt_http_server **out, lt_err *err)
{
    const char *host = options->host ? options->host : "127.0.0.1";
    LT_AUTO(lt_fd) fd = -1;
    LT_TRY(listen_on(host, options->port, &fd, err));
    lt_http_server *server = lt_xcalloc(1, sizeof(*server));
    server->options = *options;
    (void)pthread_mutex_init(&server->rest_lock, NULL);
    lt_server_options *o = &server->options;
    o->connection_limit = LT_MAX(o->connection_limit ? o->connection_limit : 256, o->threads);
    o->idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : 60;
    o->head_timeout_s = o->head_timeout_s ? o->head_timeout_s : o->idle_timeout_s;
    o->body_limit = o->body_limit ? o->body_limit : LT_MIB;
    name_url(server, host, fd);
    sigset_t all,
        before; /* signals are for the program's own threads: the server's inherit this mask */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    lt_watch_begin(&server->watch);
    server->daemon = start_daemon(server, fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!server->daemon) {
        free_server(server);
        return lt_fail(err, LT_IO, "the HTTP server could not be started%s",
                       options->tls_cert ? ": are the certificate and its key right?" : "");
    }
    fd = -1; /* the daemon closes it */
    *out = server;
    return LT_OK;
}

/* Take no new connections, and wait until no request runs any more. */
static void drain(lt_http_server *server)
{
    int64_t end_us = lt_mono_us() + server->options.drain_s * (int64_t)1000000;
    int fd = MHD_quiesce_daemon(server->daemon);
    end_rest(server);
    while (atomic_load(&server->busy) > 0 && lt_mono_us() < end_us)
        lt_sleep_us(5000);
    lt_fd_close(fd);
}

void lt_http_server_stop(lt_http_server *server)
{
    if (!server)
        return;
    if (server->options.drain_s)
        drain(server);
    atomic_store(&server->stopping, true);
    end_rest(server);
    MHD_stop_daemon(server->daemon);
    free_server(server);
}

unsigned lt_http_server_port(const lt_http_server *server)
{
    return server->port;
}

const char *lt_http_server_url(const lt_http_server *server)
{
    return server->url;
}
