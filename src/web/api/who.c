/* Who asks, and whether they may: sessions, tokens, roles, limits. */
#include "web/api/route.h"

#include "base/time.h"

#include <openssl/crypto.h>
#include <stdio.h>

static const char plain_cookie[] = "leat_session", tls_cookie[] = "__Host-leat_session";

static const char *cookie_name(const lt_server_request *request)
{
    return request->is_tls ? tls_cookie : plain_cookie;
}

/* "a=1; leat_session=...; b=2" */
static lt_text cookie_of(const lt_server_request *request)
{
    lt_text rest = lt_server_header(request, T("Cookie")), name = lt_text_of(cookie_name(request));
    for (lt_text one; lt_text_cut(&rest, ';', &one);) {
        one = lt_text_trim(one);
        if (lt_text_starts(one, name) && one.len > name.len && one.ptr[name.len] == '=')
            return lt_text_sub(one, name.len + 1, one.len);
    }
    return (lt_text){0};
}

void lt_api_set_cookie(lt_api_call *call, lt_text value, int64_t length_s)
{
    const char *line =
        lt_arena_format(call->arena, "%s=%.*s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                        cookie_name(call->request), LT_ARG(value), (long long)length_s,
                        call->request->is_tls ? "; Secure" : "");
    lt_server_reply_header(call->request, call->reply, T("Set-Cookie"), lt_text_of(line));
}

static lt_status know_token(lt_api_call *call, lt_text header, lt_err *err)
{
    lt_token token;
    lt_text kind, text = header;
    if (!lt_text_cut(&text, ' ', &kind) || !lt_text_eq_nocase(kind, T("Bearer"))) {
        lt_ignore(lt_fail(err, LT_DENIED, "only bearer tokens are taken"));
        return lt_hint(err, "send 'Authorization: Bearer leat_...'");
    }
    LT_TRY(lt_token_find(call->state, lt_text_trim(text), call->actor.at_us, call->arena, &token,
                         &call->user, err));
    call->token_id = token.id;
    call->token_pipelines = token.pipelines;
    return LT_OK;
}

lt_status lt_api_know(lt_api_call *call, lt_err *err)
{
    lt_login login;
    lt_text header = lt_server_header(call->request, T("Authorization"));
    if (header.ptr)
        return know_token(call, header, err);
    lt_text cookie = cookie_of(call->request);
    if (!cookie.len)
        return LT_OK;
    LT_TRY(lt_login_find(call->state, cookie, call->actor.at_us, call->arena, &login, err));
    call->user = login.user;
    call->session = cookie;
    call->csrf = login.csrf;
    return LT_OK;
}

bool lt_api_reaches(const lt_api_call *call, lt_text pipeline)
{
    lt_text rest = call->token_pipelines;
    if (!rest.len)
        return true;
    for (lt_text one; lt_text_cut(&rest, ' ', &one);)
        if (one.len && lt_text_eq(one, pipeline))
            return true;
    return false;
}

/* ---- how often ---- */

static lt_status check_often(lt_api_call *call, const char *kind, lt_text name, int *http,
                             lt_err *err)
{
    char length[LT_TIME_CHARS], seconds[24];
    int64_t wait_us = 0;
    const char *key = lt_arena_format(call->arena, "%s%.*s", kind, LT_ARG(name));
    if (lt_limits_take(&call->api->limits, lt_text_of(key), lt_mono_us(), &wait_us))
        return LT_OK;
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_us + 999999) / 1000000));
    lt_server_reply_header(call->request, call->reply, T("Retry-After"), lt_text_of(seconds));
    *http = 429;
    lt_ignore(lt_fail(err, LT_DENIED, "too many requests"));
    return lt_hint(err, "the next one is taken in %s", lt_length_write(wait_us, length));
}

/* Each name has its own share; who has none shares with others of the address. */
static lt_status check_limits(lt_api_call *call, int *http, lt_err *err)
{
    if (call->token_id.len)
        return check_often(call, "t:", call->token_id, http, err);
    return call->user.name.len ? check_often(call, "u:", call->user.name, http, err)
                               : check_often(call, "a:", call->actor.from, http, err);
}

/* ---- may they ---- */

static lt_status refuse(int *http, int code, lt_err *err, const char *message, const char *hint)
{
    *http = code;
    lt_ignore(lt_fail(err, LT_DENIED, "%s", message));
    return lt_hint(err, "%s", hint);
}

/* A page elsewhere can make a browser send the cookie, but does not know what else belongs to it. */
static bool has_csrf(const lt_api_call *call)
{
    lt_text sent = lt_server_header(call->request, T("X-CSRF-Token"));
    return sent.len == call->csrf.len && sent.len &&
           CRYPTO_memcmp(sent.ptr, call->csrf.ptr, sent.len) == 0;
}

static lt_status check_role(lt_api_call *call, int *http, lt_err *err)
{
    const lt_api_route *route = call->route;
    if (!call->user.name.len) {
        lt_server_reply_header(call->request, call->reply, T("WWW-Authenticate"),
                               T("Bearer realm=\"leat\""));
        return refuse(http, 401, err, "nobody is signed in",
                      "send a token as 'Authorization: Bearer ...' ('leat token create' makes "
                      "one), or sign in with POST /api/v1/session");
    }
    if (call->user.must_change_password && !(route->flags & LT_API_FIRST))
        return refuse(http, 403, err, "the one-time password has to be changed first",
                      "PUT /api/v1/session/password");
    if (call->session.len && strcmp(route->method, "GET") != 0 && !has_csrf(call))
        return refuse(http, 403, err, "the session's X-CSRF-Token is missing or wrong",
                      "GET /api/v1/session gives it as csrf");
    if (call->user.role < route->role) {
        *http = 403;
        lt_ignore(lt_fail(err, LT_DENIED, "%s needs the role %s; this is %s", route->id,
                          lt_role_name(route->role), lt_role_name(call->user.role)));
        return !call->token_id.len
                   ? lt_hint(err, "an admin can give it: 'leat user role'")
                   : lt_hint(err,
                             "'leat token create --role %s' makes a token that may, for a user "
                             "with that role",
                             lt_role_name(route->role));
    }
    return LT_OK;
}

/* A token of some pipelines reaches nothing else. */
static lt_status check_reach(const lt_api_call *call, int *http, lt_err *err)
{
    const char *path = call->route->path;
    bool of_pipeline = strstr(path, "{pipeline}") != NULL;
    if (!call->token_pipelines.len || (call->route->flags & LT_API_NARROW) ||
        strstr(path, "{run}") || (of_pipeline && lt_api_reaches(call, call->path[0])))
        return LT_OK;
    *http = 403;
    lt_ignore(
        lt_fail(err, LT_DENIED, "this token reaches only %.*s", LT_ARG(call->token_pipelines)));
    return lt_hint(err, "make one without --pipeline, or with this pipeline too");
}

lt_status lt_api_may(lt_api_call *call, int *http, lt_err *err)
{
    lt_status known = lt_api_know(call, err);
    bool is_open = call->route->role == LT_ROLE_NONE;
    *http = 401;
    call->actor.by = call->user.name.len ? call->user.name : T("nobody");
    if (known != LT_OK && !(is_open && known == LT_DENIED)) {
        lt_err often;
        int code = 0;
        if (check_often(call, "a:", call->actor.from, &code, &often) != LT_OK) {
            *http = code;
            *err = often;
        } else if (known != LT_DENIED) {
            *http = lt_api_http_status(known);
        }
        return known;
    }
    LT_TRY(check_limits(call, http, err));
    if (is_open)
        return LT_OK;
    LT_TRY(check_role(call, http, err));
    return check_reach(call, http, err);
}
