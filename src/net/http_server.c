/* Answers over libmicrohttpd: collects the request, calls the handler, queues what it wants to say. */
#include "net/http_server.h"

#include "base/time.h"
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

enum { REQUEST_HEAD_BYTES = 64 * 1024, STREAM_BLOCK_BYTES = 128 * 1024 };

struct lt_http_server {
    lt_server_options options;
    struct MHD_Daemon *daemon;
    atomic_bool stopping;
    unsigned port;
    char url[128];
};

/* One request while it comes in, and until its response is gone. */
typedef struct exchange {
    lt_arena arena;
    lt_text target;
    lt_buf body;
    bool head_seen;
    lt_server_reply reply;
} exchange;

/* ---- what a handler may ask ---- */

lt_text lt_server_header(const lt_server_request *request, lt_text name)
{
    const char *value = NULL;
    size_t len = 0;
    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name.ptr, name.len,
                                      &value, &len) != MHD_YES)
        return (lt_text){0};
    return lt_text_at(value ? value : "", len);
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

static ssize_t read_stream(void *context, uint64_t at, char *out, size_t size)
{
    (void)at;
    exchange *self = context;
    int64_t got = self->reply.stream(self->reply.state, out, size);
    if (got < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return got == 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)got;
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
    if (reply->stream)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream,
                                                 self, NULL);
    if (reply->fd >= 0) {
        int fd = reply->fd;
        reply->fd = -1; /* the response closes it */
        return MHD_create_response_from_fd_at_offset64((uint64_t)reply->fd_size, fd,
                                                       (uint64_t)reply->fd_offset);
    }
    if (reply->parts.len > 0)
        return parts_response(self);
    return MHD_create_response_from_buffer(reply->body.len, reply->body.data,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  const lt_server_request *request, exchange *self)
{
    lt_server_reply *reply = &self->reply;
    if (reply->hang_up)
        return MHD_NO;
    if (reply->compress && reply->body.len > 256 && reply->body.len < UINT32_MAX &&
        takes_gzip(request) && compress_body(&reply->body))
        lt_server_reply_header(request, reply, T("Content-Encoding"), T("gzip"));
    struct MHD_Response *response = make_response(self);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < reply->headers.len; i++)
        (void)MHD_add_response_header(response, reply->headers.items[i].name.ptr,
                                      reply->headers.items[i].value.ptr);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ---- */

/* Split and decode the target. False: a broken escape. */
static bool read_target(exchange *self, lt_server_request *request)
{
    lt_text target = self->target;
    size_t mark = lt_text_find_byte(target, '?', 0);
    request->target = target;
    request->path = lt_text_sub(target, 0, mark);
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

static enum MHD_Result answer(lt_http_server *server, struct MHD_Connection *connection,
                              const char *method, exchange *self)
{
    lt_server_request request = {.server = server,
                                 .method = lt_text_of(method),
                                 .body = lt_buf_text(&self->body),
                                 .arena = &self->arena,
                                 .connection = connection};
    if (self->body.overflow)
        lt_server_reply_error(&request, &self->reply, 413, "the body is larger than %zu bytes",
                              server->options.body_limit);
    else if (!read_target(self, &request))
        lt_server_reply_error(&request, &self->reply, 400, "the URL holds a broken %%-escape");
    else
        server->options.handle(server->options.context, &request, &self->reply);
    return send_reply(connection, &request, self);
}

/* ---- what libmicrohttpd calls ---- */

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    (void)connection;
    const lt_http_server *server = context;
    exchange *self = lt_xcalloc(1, sizeof(*self));
    self->target = lt_arena_text(&self->arena, lt_text_of(uri));
    self->body.limit = server->options.body_limit;
    self->reply.status = 200;
    self->reply.fd = -1;
    return self;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **slot)
{
    (void)url, (void)version;
    exchange *self = *slot;
    if (!self)
        return MHD_NO;
    if (!self->head_seen) { /* the first call comes before the body */
        self->head_seen = true;
        return MHD_YES;
    }
    if (*data_len > 0) {
        lt_buf_add(&self->body,
                   lt_text_at(data, *data_len)); /* too much sets overflow: drained, then 413 */
        *data_len = 0;
        return MHD_YES;
    }
    return answer(context, connection, method, self);
}

static void on_end(void *context, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    exchange *self = *slot;
    if (!self)
        return;
    release_reply(&self->reply);
    lt_buf_cleanup(&self->body);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
    *slot = NULL;
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
                   strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host, server->port);
}

static struct MHD_Daemon *start_daemon(lt_http_server *server, int fd)
{
    const lt_server_options *o = &server->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG;
    flags |= o->threads > 0 ? MHD_USE_EPOLL : (MHD_USE_POLL | MHD_USE_THREAD_PER_CONNECTION);
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL},
                                    {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end,
        server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_HEAD_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, o->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        o->idle_timeout_s, MHD_OPTION_ARRAY, o->threads > 1 ? pool : &pool[1], MHD_OPTION_END);
}

lt_status lt_http_server_start(const lt_server_options *options, lt_http_server **out, lt_err *err)
{
    const char *host = options->host ? options->host : "127.0.0.1";
    LT_AUTO(lt_fd) fd = -1;
    LT_TRY(listen_on(host, options->port, &fd, err));
    lt_http_server *server = lt_xcalloc(1, sizeof(*server));
    server->options = *options;
    lt_server_options *o = &server->options;
    o->connection_limit = LT_MAX(o->connection_limit ? o->connection_limit : 256, o->threads);
    o->idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : 60;
    o->body_limit = o->body_limit ? o->body_limit : LT_MIB;
    name_url(server, host, fd);
    sigset_t all,
        before; /* signals are for the program's own threads: the server's inherit this mask */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    server->daemon = start_daemon(server, fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!server->daemon) {
        lt_free(server);
        return lt_fail(err, LT_IO, "the HTTP server could not be started");
    }
    fd = -1; /* the daemon closes it */
    *out = server;
    return LT_OK;
}

void lt_http_server_stop(lt_http_server *server)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    MHD_stop_daemon(server->daemon);
    lt_free(server);
}

unsigned lt_http_server_port(const lt_http_server *server)
{
    return server->port;
}

const char *lt_http_server_url(const lt_http_server *server)
{
    return server->url;
}
