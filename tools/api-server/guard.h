/* guard.h - who may ask, and how often: tokens, keys, passwords, OAuth2 client credentials, requests per minute. */
#pragma once
#include "net/http_server.h"
#include "net/rate.h"

enum { LT_GUARD_TOKENS = 64, LT_GUARD_TOKEN_CHARS = 33 };

typedef struct lt_guard {
    const char *token, *api_key; /* borrowed; NULL: no such way in */
    char *basic;                 /* owned: the whole header value wanted */
    const char *oauth_id;        /* "id:secret", borrowed */
    char *oauth_basic;           /* owned */
    int64_t
        oauth_uses; /* a token is good for so many requests; 0: for as long as the server runs */
    pthread_mutex_t lock;
    struct {
        char text[LT_GUARD_TOKEN_CHARS];
        int64_t uses;
    } issued[LT_GUARD_TOKENS]; /* the oldest is overwritten */
    size_t issued_count;
    lt_rate rate;
} lt_guard;

void lt_guard_init(lt_guard *guard, const char *basic, const char *oauth, unsigned per_minute);
void lt_guard_cleanup(lt_guard *guard);

/* False: a 401 or 429 stands in the reply. */
bool lt_guard_admits(lt_guard *guard, const lt_server_request *request, lt_server_reply *reply);
/* POST /oauth/token (RFC 6749 section 4.4). */
void lt_guard_issue(lt_guard *guard, const lt_server_request *request, lt_server_reply *reply);
