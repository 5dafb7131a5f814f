/* api.h - the server's face: the REST API, its description, and the page that people open in a browser.
 *
 * Everything that is answered stands in one table (routes.c): dispatch, roles, the OpenAPI document and the tests come from it. */
#pragma once
#include "sched/server.h"

typedef struct lt_api lt_api;

typedef struct lt_api_options {
    lt_sched *sched;                /* borrowed: stays open until the face has stopped */
    const char *root, *home;        /* borrowed */
    const char *host;               /* an address; NULL: 127.0.0.1 */
    unsigned port;                  /* 0: a free one */
    const char *tls_cert, *tls_key; /* PEM texts; both or none */
    const char *backups;            /* the folder that backups go to; NULL: none are made */
    unsigned per_minute;            /* requests of one user, token or address; 0: no limit */
    bool log_requests;              /* one line each through lt_log() */
} lt_api_options;

/* Serve in threads of its own until lt_api_stop(). LT_CONFLICT: the port is in use. */
LT_MUST_CHECK lt_status lt_api_start(const lt_api_options *options, lt_api **out, lt_err *err);
void lt_api_stop(lt_api *api); /* NULL is fine */
LT_OWNED(lt_api_ref, lt_api *, lt_api_stop)
const char *lt_api_url(const lt_api *api); /* "http://127.0.0.1:8080", borrowed */

/* The OpenAPI 3.1 document, made from the table of routes. */
void lt_api_openapi(lt_buf *out);
