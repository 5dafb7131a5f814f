/* rest_auth.h - the credentials of a REST source: rendered once, masked, put on each request.
 *
 * Threads: lt_rest_auth_open() in the task's thread; the others from any. */
#pragma once
#include "net/http_retry.h"
#include "source/source_ops.h"

typedef struct lt_rest_auth {
    const lt_conf_source *source;
    lt_text header_name, header_value;          /* bearer, basic, api_key in a header */
    lt_text query_name, query_value;            /* api_key in the query */
    lt_text token_url, token_body, token_basic; /* oauth2 */
    pthread_mutex_t lock;
    lt_buf bearer;       /* oauth2: "Bearer ..." */
    unsigned generation; /* of the token; 0: none yet */
} lt_rest_auth;

LT_MUST_CHECK lt_status lt_rest_auth_open(lt_rest_auth *auth, lt_extraction *self, lt_err *err);
void lt_rest_auth_cleanup(lt_rest_auth *auth);

/* The Authorization header for now, copied into `arena`, and which token it holds (oauth2; gets one if there is none). */
LT_MUST_CHECK lt_status lt_rest_auth_header(lt_rest_auth *auth, lt_http_client *client,
                                            const lt_retry *policy, lt_arena *arena,
                                            lt_http_header *header, unsigned *generation,
                                            lt_err *err);
/* The server refused the token of that generation. True: it is worth trying once more with a new one (oauth2). */
bool lt_rest_auth_renew(lt_rest_auth *auth, unsigned generation);
/* LT_DENIED with the next step. */
LT_MUST_CHECK lt_status lt_rest_auth_refused(const lt_rest_auth *auth, int status, lt_text url,
                                             lt_err *err);
