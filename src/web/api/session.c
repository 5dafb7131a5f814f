/* Signing in and out, and changing one's own password. */
#include "web/api/parts.h"

#include "base/time.h"
#include "secret/password.h"

#include <stdio.h>

static const int64_t SESSION_S = 14 * 24 * 3600;

/* ---- shapes ---- */

static const lt_api_field sign_in_fields[] = {
    {"user", LT_API_TEXT, .needed = true, .min = 1, .max = LT_USER_NAME_MOST},
    {"password", LT_API_TEXT, .needed = true, .min = 1, .max = 1024},
};
const lt_api_shape lt_api_sign_in_shape = {"SignIn", NULL, LT_API_FIELDS(sign_in_fields)};

static const char *const role_names[] = {"viewer", "operator", "editor", "admin", NULL};
static const lt_api_field session_fields[] = {
    {"user", LT_API_TEXT, .needed = true},
    {"role", LT_API_CHOICE, .needed = true, .values = role_names, .help = "what is allowed here"},
    {"must_change_password", LT_API_BOOL, .needed = true, .help = "nothing else is allowed before"},
    {"csrf", LT_API_TEXT, .help = "of a session: to be sent as X-CSRF-Token with every change"},
    {"token", LT_API_TEXT, .help = "the id of the token that was sent"},
    {"pipelines", LT_API_TEXT, .help = "all that the token reaches"},
};
const lt_api_shape lt_api_session_shape = {"Session", "who asks", LT_API_FIELDS(session_fields)};

static const lt_api_field password_fields[] = {
    {"old", LT_API_TEXT, .needed = true, .min = 1, .max = 1024},
    {"new", LT_API_TEXT, .needed = true, .min = LT_PASSWORD_LEAST, .max = 1024},
};
const lt_api_shape lt_api_password_shape = {"Password", NULL, LT_API_FIELDS(password_fields)};

/* ---- handlers ---- */

static void write_session(lt_api_call *call)
{
    lt_json_writer *w = &call->json;
    lt_json_begin(w, '{');
    lt_json_set(w, "user", call->user.name);
    lt_json_set(w, "role", lt_text_of(lt_role_name(call->user.role)));
    lt_json_set_bool(w, "must_change_password", call->user.must_change_password);
    lt_api_set_text(w, "csrf", call->csrf);
    lt_api_set_text(w, "token", call->token_id);
    lt_api_set_text(w, "pipelines", call->token_pipelines);
    lt_json_end(w);
}

lt_status lt_api_get_session(lt_api_call *call, lt_err *err)
{
    (void)err;
    write_session(call);
    return LT_OK;
}

/* Too many failures, or simply wrong: the wait stands in err->reason. */
static lt_status refuse(lt_api_call *call, lt_status status, const lt_err *err)
{
    char seconds[16];
    if (status != LT_DENIED)
        return status;
    call->status = err->reason ? 429 : 401;
    call->title = err->reason ? NULL : "The name or the password is wrong";
    if (err->reason) {
        (void)snprintf(seconds, sizeof(seconds), "%d", err->reason);
        lt_server_reply_header(call->request, call->reply, T("Retry-After"), lt_text_of(seconds));
    }
    return status;
}

static lt_status begin(lt_api_call *call, lt_err *err)
{
    char token[64];
    lt_login login;
    LT_TRY(lt_login_begin(call->state, &call->actor, call->user.name, SESSION_S * 1000000, token,
                          err));
    LT_TRY(
        lt_login_find(call->state, lt_text_of(token), call->actor.at_us, call->arena, &login, err));
    call->csrf = login.csrf;
    call->user = login.user;
    call->token_id = call->token_pipelines = (lt_text){0};
    lt_api_set_cookie(call, lt_text_of(token), SESSION_S);
    write_session(call);
    return LT_OK;
}

lt_status lt_api_sign_in(lt_api_call *call, lt_err *err)
{
    call->actor.by = lt_text_sub(lt_api_body(call, "user"), 0, LT_USER_NAME_MOST);
    lt_status status = lt_sign_in(call->state, &call->actor, lt_api_body(call, "user"),
                                  lt_api_body(call, "password"), call->arena, &call->user, err);
    return status == LT_OK ? begin(call, err) : refuse(call, status, err);
}

lt_status lt_api_sign_out(lt_api_call *call, lt_err *err)
{
    if (!call->session.len) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "this is a token, not a session"));
        return lt_hint(err, "DELETE /api/v1/tokens/%.*s ends it", LT_ARG(call->token_id));
    }
    lt_api_set_cookie(call, T(""), 0);
    return lt_login_end(call->state, &call->actor, call->session, err);
}

/* Ends every session of the user, and begins this one anew. */
lt_status lt_api_set_password(lt_api_call *call, lt_err *err)
{
    lt_user user;
    if (!call->session.len) {
        lt_ignore(lt_fail(err, LT_DENIED, "a token cannot change its user's password"));
        return lt_hint(err, "sign in first");
    }
    lt_status status = lt_sign_in(call->state, &call->actor, call->user.name,
                                  lt_api_body(call, "old"), call->arena, &user, err);
    if (status != LT_OK)
        return lt_api_at(call, refuse(call, status, err), "body.old");
    if (lt_text_eq(lt_api_body(call, "old"), lt_api_body(call, "new")))
        return lt_api_at(call, lt_fail(err, LT_INVALID, "the new password is the old one"),
                         "body.new");
    LT_TRY(lt_api_at(call,
                     lt_user_set_password(call->state, &call->actor, call->user.name,
                                          lt_api_body(call, "new"), false, err),
                     "body.new"));
    return begin(call, err);
}
