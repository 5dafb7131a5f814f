/* http_server.h - answer HTTP/1.1 requests. libmicrohttpd is the transport; the URI is taken raw, so that %2F stays %2F.
 *
 * Two ways to take a request. Without `accept`, `handle` sees it with its whole body (at most body_limit). With `accept` (needs
 * threads 0), that is asked when the head is there, before any byte of the body and before "100 Continue"; if it agrees, `handle` reads
 * the body as a stream while it comes in: lt_server_read(), which waits for the client as the client waits for it.
 *
 * Threads: `handle` is called by several threads at once. With `threads` > 0 it must not block for long (it holds up the
 * other connections of its thread); with `threads` 0 each connection has a thread of its own and may wait. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

typedef struct lt_http_server lt_http_server;

typedef struct lt_param {
    lt_text name, value;
} lt_param;
typedef LT_VEC(lt_param) lt_params;

/* Everything is borrowed, until the response is sent. */
typedef struct lt_server_request {
    lt_http_server *server;
    lt_text method;    /* letters and -; anything else was answered with 400 */
    lt_text target;    /* raw: "/a%2Fb/c?x=1" */
    lt_text path;      /* raw: "/a%2Fb/c" */
    lt_params headers; /* as they came: order and duplicates */
    size_t head_bytes; /* of the whole head, as it came */
    char peer[64];     /* the client's address: "127.0.0.1" */
    bool is_http_1_0, is_tls;
    bool
        is_one_too_many; /* with `accept` only: more connections are open than may be; refuse it, and the connection is closed */
    lt_arena *arena;     /* memory for the handler, kept until the response is sent */

    /* Without `accept` only. */
    lt_texts segments; /* decoded: "a/b", "c"; "/" has none, "/a/" has "a" and "" */
    lt_params query;   /* decoded, in order */
    lt_text body;

    /* With `accept` only. */
    int64_t body_size; /* what the client announces; -1: chunked, not known */
    void *slot;        /* what `accept` leaves for `handle` and `done` */
    void *body_source; /* for lt_server_read() */
} lt_server_request;

lt_text lt_server_header(const lt_server_request *request, lt_text name); /* NULL ptr: none */
/* The next bytes of the body, at most `size`; *got 0 at its end. LT_IO: the client hung up. In `handle` only. */
LT_MUST_CHECK lt_status lt_server_read(const lt_server_request *request, char *out, size_t size,
                                       size_t *got, lt_err *err);
/* The first query parameter of that name; NULL ptr: none. A parameter without '=' is empty but there. */
lt_text lt_server_query(const lt_server_request *request, lt_text name);

/* Bytes in a file. */
typedef struct lt_server_span {
    int fd; /* borrowed until the next span is asked for */
    int64_t offset, len;
} lt_server_span;

/* What to answer; starts as 200 without body. Bytes of `parts` must stay until `release` is called. */
typedef struct lt_server_reply {
    int status;
    LT_VEC(lt_param)
    headers;     /* in the request's arena: lt_server_reply_header() */
    lt_buf body; /* owned; the server frees it */
    lt_texts
        parts; /* instead of body: pieces that are sent without a copy; in the request's arena */
    int fd;    /* instead of body, if >= 0: owned; `fd_size` bytes from `fd_offset` */
    int64_t fd_offset, fd_size;
    /* Instead of body: called again and again; fills up to `size` bytes, gives their number, 0 at the end, -1 to break off.
     * May block only on a server with `threads` 0; on others it may give LT_STREAM_LATER: nothing now. Then the connection rests, and
     * costs no thread, until lt_http_server_wake(); when the server stops, it ends. */
    int64_t (*stream)(void *state, char *out, size_t size);
    /* Beside `stream` with a `length`; may be NULL: where the bytes from `at` lie in a file. False: in none. If all of them do, they may
     * be sent from there. */
    bool (*span)(void *state, int64_t at, lt_server_span *out);
    int64_t
        length; /* of `stream`, when known: -1 is chunked. Also what is announced to HEAD: with it nothing else is needed */
    void *state;
    void (*release)(void *state); /* may be NULL: called once when all is sent or given up */
    bool compress; /* gzip the body (not parts, fd, stream) when the client takes it */
    bool hang_up;  /* answer nothing: close the connection */
} lt_server_reply;

enum { LT_STREAM_LATER = -2 };

/* Add a response header; copied. Control characters in the value become spaces. */
void lt_server_reply_header(const lt_server_request *request, lt_server_reply *reply, lt_text name,
                            lt_text value);
/* The usual answers: a JSON text (copied); {"error": message} with a status. */
void lt_server_reply_json(const lt_server_request *request, lt_server_reply *reply, int status,
                          lt_text json);
void lt_server_reply_error(const lt_server_request *request, lt_server_reply *reply, int status,
                           const char *format, ...) LT_PRINTF(4, 5);

typedef void lt_server_handle(void *context, const lt_server_request *request,
                              lt_server_reply *reply);

/* Look at the head. False: `reply` is the answer, the body is not wanted. */
typedef bool lt_server_accept(void *context, lt_server_request *request, lt_server_reply *reply);
/* The response is gone; `complete` is false when the client did not get or send all. Called once for each accepted or refused
 * request. */
typedef void lt_server_done(void *context, const lt_server_request *request, int status,
                            bool complete);

typedef struct lt_server_options {
    const char *host; /* an address; NULL: 127.0.0.1 */
    unsigned port;    /* 0: a free one */
    unsigned threads; /* a pool of so many; 0: one for each connection */
    unsigned
        connection_limit; /* [256]; some more are taken, only to be told so; further ones are closed at once */
    /* So many for one address [0: any number]. Then, too, who opens connections and says nothing holds nobody up: beyond its share an address
     * loses the oldest one that has asked for nothing, or else has not said all, and from three quarters of the limit on heads have 2 s and bodies 5 s. */
    unsigned address_limit;
    unsigned idle_timeout_s; /* [60] */
    unsigned head_timeout_s; /* of the first head [idle_timeout_s] */
    size_t body_limit;       /* of a request [1 MiB]; more is answered with 413 */
    lt_server_handle *handle;
    lt_server_accept *accept; /* may be NULL; then bodies are read as streams */
    lt_server_done *done;     /* may be NULL */
    void *context;
    /* PEM texts: serve TLS. Both or none; borrowed for the start. */
    const char *tls_cert, *tls_key;
    unsigned drain_s; /* how long lt_http_server_stop() lets requests finish that run already [0] */
} lt_server_options;

/* A client must send a whole head within head_timeout_s of connecting or idle_timeout_s of the last answer, and a body at no less than 1 KiB/s over
 * any longer time: else the connection is closed, however often it sends a byte. */

enum { LT_HTTP_PORT_TAKEN = 10001 }; /* a reason, beside LT_CONFLICT */

/* Listen and serve in threads of its own until lt_http_server_stop(). LT_CONFLICT: the port is in use. LT_INVALID: the
 * host is no address of this machine. */
LT_MUST_CHECK lt_status lt_http_server_start(const lt_server_options *options, lt_http_server **out,
                                             lt_err *err);
/* Stop listening, let requests finish for at most drain_s, wait for the handlers that run, close every connection. NULL is
 * fine. */
void lt_http_server_stop(lt_http_server *server);
LT_OWNED(lt_http_server_ref, lt_http_server *, lt_http_server_stop)

/* Go on with connections whose stream gave LT_STREAM_LATER: those for which `is_ready(context, state)` says so; NULL: all. It is called with a
 * lock held, never at the same time as their `stream`, and must not block. Any thread. */
void lt_http_server_wake(lt_http_server *server, bool (*is_ready)(void *context, void *state),
                         void *context);
unsigned lt_http_server_port(const lt_http_server *server);
const char *lt_http_server_url(
    const lt_http_server *server); /* "http://127.0.0.1:34567", borrowed */
/* In a handler that waits: sleep until `length_us` is over or the server stops; false when it stops. */
bool lt_http_server_wait(lt_http_server *server, int64_t length_us);
