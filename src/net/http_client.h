/* http_client.h - ask a web server: one request, one whole response. libcurl is the transport.
 *
 * Only http and https; TLS is verified; the usual proxy variables count (not for loopback); no cookies, no .netrc.
 * Redirects are followed here: at most `redirect_limit`, never from https to http, and what is secret is not sent to another
 * origin. Retries are http_retry.h's. Every error names the method and the URL without its secrets.
 *
 * Threads: one client serves any number; each request borrows a connection handle of its own, kept alive for the next. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

#include <stdatomic.h>

typedef enum lt_http_encoding {
    LT_ENCODING_AUTO, /* ask for compressed bodies, but not on loopback: there they only cost */
    LT_ENCODING_ASK,
    LT_ENCODING_NONE,
} lt_http_encoding;

/* Zero means the default in brackets. */
typedef struct lt_http_options {
    int64_t connect_timeout_ms; /* [10 s] */
    int64_t total_timeout_ms;   /* one request with its body [5 min] */
    int64_t quiet_timeout_ms;   /* not a byte came for so long [60 s]; whole seconds, rounded up */
    unsigned redirect_limit;    /* [5] */
    size_t body_limit;          /* bytes of a decoded body [256 MiB] */
    lt_http_encoding encoding;
    const char *user_agent; /* borrowed [leat/VERSION] */
    const char *ca_file;    /* borrowed; NULL: the system's certificates */
    /* For requests that are signed: a redirect is an answer like any other, and dots in the path stay ("/a/../b"). */
    bool give_redirects;
    bool no_proxy;      /* never through a proxy: for addresses that only this machine has */
    bool outlives_stop; /* go on after lt_stop_asked(): for what has to be said at the end */
    const atomic_bool
        *stop; /* borrowed, may be NULL: set it to end requests under way, beside lt_stop_asked() */
} lt_http_options;

typedef struct lt_http_client lt_http_client;

lt_http_client *lt_http_client_new(const lt_http_options *options); /* NULL: all defaults */
void lt_http_client_free(lt_http_client *client); /* NULL is fine; after all requests */
LT_OWNED(lt_http_client_ref, lt_http_client *, lt_http_client_free)
const lt_http_options *lt_http_client_options(
    const lt_http_client *client); /* with the defaults filled in */

typedef struct lt_http_header {
    lt_text name, value;
    bool
        secret; /* requests only: stay with the first origin (those that lt_name_is_secret() knows do anyway) */
} lt_http_header;
typedef LT_VEC(lt_http_header) lt_http_headers;

typedef struct lt_http_request {
    lt_text method; /* empty: GET */
    lt_text url;
    const lt_http_header *headers;
    size_t header_count;
    lt_text body;
} lt_http_request;

/* Zero-initialise; may be used for request after request, which keeps the memory of the body. */
typedef struct lt_http_response {
    int status;              /* 200, 404, ... */
    lt_http_headers headers; /* as they came, in order; in `arena` */
    lt_buf body;             /* decoded */
    lt_text url;             /* where it came from in the end; in `arena` */
    lt_arena arena;
    int64_t wire_bytes; /* of the body as it came */
} lt_http_response;
void lt_http_response_clear(lt_http_response *response); /* for the next request */
void lt_http_response_cleanup(lt_http_response *response);

/* The value of the first (last) header of that name, ASCII case ignored; empty with a NULL ptr when there is none. */
lt_text lt_http_header_find(const lt_http_response *response, lt_text name);
lt_text lt_http_header_find_last(const lt_http_response *response, lt_text name);

/* Send and wait for the whole response. LT_OK for any HTTP status. LT_INVALID: the URL or a header is wrong. LT_IO: no
 * connection, timeouts, broken transfers. LT_DENIED: the certificate is not trusted. LT_TOO_BIG: the decoded body is over
 * the limit. LT_FAILED: redirects that lead nowhere. LT_CANCELLED: asked to stop. */
LT_MUST_CHECK lt_status lt_http_send(lt_http_client *client, const lt_http_request *request,
                                     lt_http_response *response, lt_err *err);

const char *lt_http_status_name(int status); /* "Not Found"; "" when unknown */
