/* Checks credentials and the rate of requests. */
#include "guard.h"

#include "base/time.h"
#include "net/url.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static char *basic_header(const char *pair)
{
    size_t len = strlen(pair);
    size_t size = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
    LT_AUTO(lt_chars) encoded = lt_xmalloc(size);
    (void)sodium_bin2base64(encoded, size, (const unsigned char *)pair, len,
                            sodium_base64_VARIANT_ORIGINAL);
    return lt_format("Basic %s", encoded);
}

void lt_guard_init(lt_guard *guard, const char *basic, const char *oauth, unsigned per_minute)
{
    (void)pthread_mutex_init(&guard->lock, NULL);
    guard->basic = basic ? basic_header(basic) : NULL;
    guard->oauth_id = oauth;
    guard->oauth_basic = oauth ? basic_header(oauth) : NULL;
    lt_rate_init(&guard->rate, per_minute, per_minute / 10);
}

void lt_guard_cleanup(lt_guard *guard)
{
    lt_free(guard->basic);
    lt_free(guard->oauth_basic);
    lt_rate_cleanup(&guard->rate);
    (void)pthread_mutex_destroy(&guard->lock);
}

static bool use_issued(lt_guard *guard, lt_text token)
{
    bool good = false;
    (void)pthread_mutex_lock(&guard->lock);
    for (size_t i = 0; i < LT_MIN(guard->issued_count, (size_t)LT_GUARD_TOKENS); i++)
        if (lt_text_eq(token, lt_text_of(guard->issued[i].text)) &&
            (guard->oauth_uses == 0 || guard->issued[i].uses++ < guard->oauth_uses))
            good = true;
    (void)pthread_mutex_unlock(&guard->lock);
    return good;
}

static bool knows(lt_guard *guard, const lt_server_request *request)
{
    lt_text authorization = lt_server_header(request, T("Authorization"));
    if (guard->basic && lt_text_eq(authorization, lt_text_of(guard->basic)))
        return true;
    lt_text key = lt_server_header(request, T("X-API-Key"));
    if (!key.ptr)
        key = lt_server_query(request, T("api_key"));
    if (guard->api_key && lt_text_eq(key, lt_text_of(guard->api_key)))
        return true;
    if (!lt_text_starts(authorization, T("Bearer ")))
        return false;
    lt_text token = lt_text_sub(authorization, 7, authorization.len);
    if (guard->token && lt_text_eq(token, lt_text_of(guard->token)))
        return true;
    return guard->oauth_id && use_issued(guard, token);
}

bool lt_guard_admits(lt_guard *guard, const lt_server_request *request, lt_server_reply *reply)
{
    bool open = !guard->token && !guard->api_key && !guard->basic && !guard->oauth_id;
    if (!open && !knows(guard, request)) {
        lt_server_reply_header(request, reply, T("WWW-Authenticate"), T("Bearer"));
        lt_server_reply_error(request, reply, 401, "the token is missing or wrong");
        return false;
    }
    int64_t wait_us = 0;
    if (lt_rate_try(&guard->rate, lt_mono_us(), &wait_us))
        return true;
    char seconds[24];
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_us + 999999) / 1000000);
    lt_server_reply_header(request, reply, T("Retry-After"), lt_text_of(seconds));
    lt_server_reply_error(request, reply, 429, "too many requests, wait %s s", seconds);
    return false;
}

/* The form's value of that name, decoded; empty when there is none. */
static lt_text form_value(const lt_server_request *request, lt_text wanted)
{
    lt_text rest = request->body;
    for (lt_text name, value; lt_url_next_param(&rest, &name, &value);) {
        LT_AUTO(lt_buf) decoded = {.limit = 64 * LT_KIB};
        if (lt_text_eq(name, wanted) && lt_url_decode(value, true, &decoded))
            return lt_arena_text(request->arena, lt_buf_text(&decoded));
    }
    return (lt_text){0};
}

static bool is_client(const lt_guard *guard, const lt_server_request *request)
{
    lt_text authorization = lt_server_header(request, T("Authorization"));
    if (lt_text_eq(authorization, lt_text_of(guard->oauth_basic)))
        return true;
    lt_text id = form_value(request, T("client_id"));
    lt_text secret = form_value(request, T("client_secret"));
    const char *pair = lt_arena_format(request->arena, "%.*s:%.*s", LT_ARG(id), LT_ARG(secret));
    return strcmp(pair, guard->oauth_id) == 0;
}

void lt_guard_issue(lt_guard *guard, const lt_server_request *request, lt_server_reply *reply)
{
    if (!guard->oauth_id || !lt_text_eq(request->method, T("POST"))) {
        lt_server_reply_error(request, reply, 404, "no such page");
        return;
    }
    if (!lt_text_eq(form_value(request, T("grant_type")), T("client_credentials"))) {
        lt_server_reply_json(request, reply, 400, T("{\"error\":\"unsupported_grant_type\"}"));
        return;
    }
    if (!is_client(guard, request)) {
        lt_server_reply_json(request, reply, 401, T("{\"error\":\"invalid_client\"}"));
        return;
    }
    (void)pthread_mutex_lock(&guard->lock);
    size_t slot = guard->issued_count++ % LT_GUARD_TOKENS;
    guard->issued[slot].uses = 0;
    (void)snprintf(guard->issued[slot].text, LT_GUARD_TOKEN_CHARS, "%08x%08x%08x%08x", arc4random(),
                   arc4random(), arc4random(), arc4random());
    const char *json = lt_arena_format(
        request->arena, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
        guard->issued[slot].text);
    (void)pthread_mutex_unlock(&guard->lock);
    lt_server_reply_json(request, reply, 200, lt_text_of(json));
}
