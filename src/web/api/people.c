/* Users, tokens, and the log of changes. */
#include "web/api/parts.h"

#include "base/time.h"
#include "sched/ask.h"
#include "sched/server.h"
#include "secret/password.h"

/* ---- shapes ---- */

static const char *const roles[] = {"viewer", "operator", "editor", "admin", NULL};

static const lt_api_field user_fields[] = {
    {"name", LT_API_TEXT, .needed = true},
    {"role", LT_API_CHOICE, .needed = true, .values = roles},
    {"must_change_password", LT_API_BOOL, .needed = true},
    {"disabled", LT_API_BOOL, .needed = true},
    {.name = "created_at", .type = LT_API_MOMENT},
    {.name = "signed_in_at", .type = LT_API_MOMENT},
    {"one_time_password", LT_API_TEXT, .help = "only in the answer to what has made it"},
};
const lt_api_shape lt_api_user_shape = {"User", NULL, LT_API_FIELDS(user_fields)};
static const lt_api_field users_fields[] = {
    {"users", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_user_shape},
};
const lt_api_shape lt_api_users_shape = {"Users", NULL, LT_API_FIELDS(users_fields)};
static const lt_api_field new_user_fields[] = {
    {"name", LT_API_TEXT, .needed = true, .min = 1, .max = LT_USER_NAME_MOST,
     .pattern = LT_API_USER_PATTERN},
    {"role", LT_API_CHOICE, .needed = true, .values = roles},
};
const lt_api_shape lt_api_new_user_shape = {"NewUser", NULL, LT_API_FIELDS(new_user_fields)};
static const lt_api_field changed_user_fields[] = {
    {"role", LT_API_CHOICE, .values = roles},
    {.name = "disabled", .type = LT_API_BOOL},
};
const lt_api_shape lt_api_changed_user_shape = {
    "ChangedUser", NULL, LT_API_FIELDS(changed_user_fields), .needs_one = true};

static const lt_api_field reset_fields[] = {
    {"revoke_tokens", LT_API_BOOL, .help = "end their tokens, too; else these go on"},
};
const lt_api_shape lt_api_reset_shape = {"Reset", NULL, LT_API_FIELDS(reset_fields)};

static const lt_api_field token_fields[] = {
    {"id", LT_API_TEXT, .needed = true},
    {"user", LT_API_TEXT, .needed = true},
    {.name = "label", .type = LT_API_TEXT},
    {"role", LT_API_CHOICE, .needed = true, .values = roles},
    {"pipelines", LT_API_TEXT, .needed = true, .is_list = true, .help = "empty: all"},
    {.name = "created_at", .type = LT_API_MOMENT},
    {.name = "expires_at", .type = LT_API_MOMENT},
    {.name = "used_at", .type = LT_API_MOMENT},
    {.name = "revoked_at", .type = LT_API_MOMENT},
    {"token", LT_API_TEXT, .help = "only in the answer to what has made it"},
};
const lt_api_shape lt_api_token_shape = {"Token", NULL, LT_API_FIELDS(token_fields)};
static const lt_api_field tokens_fields[] = {
    {"tokens", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_token_shape},
};
const lt_api_shape lt_api_tokens_shape = {"Tokens", NULL, LT_API_FIELDS(tokens_fields)};
static const lt_api_field new_token_fields[] = {
    {"user", LT_API_TEXT, .max = LT_USER_NAME_MOST, .help = "whose; of others only an admin"},
    {"role", LT_API_CHOICE, .needed = true, .values = roles},
    {"label", LT_API_TEXT, .max = 200},
    {"pipelines", LT_API_TEXT, .is_list = true, .min = 1, .max = 200,
     .pattern = LT_API_WORD_PATTERN, .help = "only these"},
    {"expires_at", LT_API_MOMENT, .help = "in the future [in 90 days]"},
};
const lt_api_shape lt_api_new_token_shape = {"NewToken", NULL, LT_API_FIELDS(new_token_fields)};

static const lt_api_field audit_fields[] = {
    {"sequence", LT_API_INT, .needed = true},
    {"at", LT_API_MOMENT, .needed = true},
    {"by", LT_API_TEXT, .needed = true},
    {"from", LT_API_TEXT, .needed = true, .help = "an address, or the command line"},
    {"action", LT_API_TEXT, .needed = true},
    {"subject", LT_API_TEXT, .needed = true},
    {.name = "detail", .type = LT_API_TEXT},
};
static const lt_api_shape audit_shape = {"Audit", NULL, LT_API_FIELDS(audit_fields)};
static const lt_api_field audits_fields[] = {
    {"changes", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &audit_shape,
     .help = "the newest first"},
    {"next", LT_API_NEXT, .needed = true, .help = "the cursor of the next page; null: none"},
};
const lt_api_shape lt_api_audits_shape = {"Audits", NULL, LT_API_FIELDS(audits_fields)};
static const lt_api_field page_fields[] = {
    {"cursor", LT_API_TEXT, .min = 1, .max = 18, .pattern = LT_API_CURSOR_PATTERN,
     .help = "'next' of the page before"},
    {"limit", LT_API_INT, .min = 1, .max = LT_API_PAGE_MOST, .help = "so many at most [50]"},
};
const lt_api_shape lt_api_page_query = {"PageQuery", NULL, LT_API_FIELDS(page_fields)};

/* ---- users ---- */

static void write_user(lt_api_call *call, const lt_user *user, const char *password)
{
    lt_json_writer *w = &call->json;
    lt_json_begin(w, '{');
    lt_json_set(w, "name", user->name);
    lt_json_set(w, "role", lt_text_of(lt_role_name(user->role)));
    lt_json_set_bool(w, "must_change_password", user->must_change_password);
    lt_json_set_bool(w, "disabled", user->disabled);
    lt_api_set_moment(w, "created_at", user->created_at_us);
    lt_api_set_moment(w, "signed_in_at", user->signed_in_at_us);
    lt_api_set_text(w, "one_time_password", lt_text_of(password));
    lt_json_end(w);
}

lt_status lt_api_list_users(lt_api_call *call, lt_err *err)
{
    lt_users users = {0};
    LT_TRY(lt_user_list(call->state, call->arena, &users, err));
    lt_json_begin(&call->json, '{');
    lt_json_key(&call->json, T("users"));
    lt_json_begin(&call->json, '[');
    for (size_t i = 0; i < users.len; i++)
        write_user(call, &users.items[i], NULL);
    lt_json_end(&call->json);
    lt_json_end(&call->json);
    return LT_OK;
}

static lt_status answer_user(lt_api_call *call, lt_text name, const char *password, lt_err *err)
{
    lt_user user;
    LT_TRY(lt_user_find(call->state, name, call->arena, &user, err));
    write_user(call, &user, password);
    return LT_OK;
}

static lt_status new_password(char out[LT_BEARER_CHARS], lt_err *err)
{
    return lt_password_make(out) ? LT_OK : lt_fail(err, LT_IO, "no source of random numbers");
}

lt_status lt_api_add_user(lt_api_call *call, lt_err *err)
{
    char password[LT_BEARER_CHARS];
    lt_text name = lt_api_body(call, "name");
    LT_TRY(new_password(password, err));
    LT_TRY(lt_api_at(call,
                     lt_user_add(call->state, &call->actor, name, lt_text_of(password),
                                 lt_role_from(lt_api_body(call, "role")), true, err),
                     "body.name"));
    return answer_user(call, name, password, err);
}

lt_status lt_api_change_user(lt_api_call *call, lt_err *err)
{
    lt_text name = call->path[0];
    const lt_json *disabled = lt_json_find(call->body, "disabled");
    lt_text role = lt_api_body(call, "role");
    if (role.len)
        LT_TRY(lt_user_set_role(call->state, &call->actor, name, lt_role_from(role), err));
    if (disabled)
        LT_TRY(lt_user_set_disabled(call->state, &call->actor, name, disabled->truth, err));
    return answer_user(call, name, NULL, err);
}

lt_status lt_api_reset_user(lt_api_call *call, lt_err *err)
{
    char password[LT_BEARER_CHARS];
    int64_t ended = 0;
    LT_TRY(new_password(password, err));
    if (lt_json_bool_or(call->body, "revoke_tokens", false))
        LT_TRY(lt_token_revoke_all(call->state, &call->actor, call->path[0], &ended, err));
    LT_TRY(lt_user_set_password(call->state, &call->actor, call->path[0], lt_text_of(password),
                                true, err));
    return answer_user(call, call->path[0], password, err);
}

lt_status lt_api_remove_user(lt_api_call *call, lt_err *err)
{
    return lt_user_remove(call->state, &call->actor, call->path[0], err);
}

/* ---- tokens ---- */

static void write_token(lt_api_call *call, const lt_token *token, const char *text)
{
    lt_json_writer *w = &call->json;
    lt_text rest = token->pipelines;
    lt_json_begin(w, '{');
    lt_json_set(w, "id", token->id);
    lt_json_set(w, "user", token->user);
    lt_api_set_text(w, "label", token->label);
    lt_json_set(w, "role", lt_text_of(lt_role_name(token->role)));
    lt_json_key(w, T("pipelines"));
    lt_json_begin(w, '[');
    for (lt_text one; lt_text_cut(&rest, ' ', &one);)
        lt_json_string(w, one);
    lt_json_end(w);
    lt_api_set_moment(w, "created_at", token->created_at_us);
    lt_api_set_moment(w, "expires_at", token->expires_at_us);
    lt_api_set_moment(w, "used_at", token->used_at_us);
    lt_api_set_moment(w, "revoked_at", token->revoked_at_us);
    lt_api_set_text(w, "token", lt_text_of(text));
    lt_json_end(w);
}

/* An admin sees all; others their own. */
static lt_status find_tokens(lt_api_call *call, lt_tokens *out, lt_err *err)
{
    lt_text user = call->user.role == LT_ROLE_ADMIN ? (lt_text){0} : call->user.name;
    return lt_token_list(call->state, user, call->arena, out, err);
}

lt_status lt_api_list_tokens(lt_api_call *call, lt_err *err)
{
    lt_tokens tokens = {0};
    LT_TRY(find_tokens(call, &tokens, err));
    lt_json_begin(&call->json, '{');
    lt_json_key(&call->json, T("tokens"));
    lt_json_begin(&call->json, '[');
    for (size_t i = 0; i < tokens.len; i++)
        write_token(call, &tokens.items[i], NULL);
    lt_json_end(&call->json);
    lt_json_end(&call->json);
    return LT_OK;
}

static lt_status check_pipelines(lt_api_call *call, const lt_json *list, lt_err *err)
{
    lt_text wrong;
    const lt_conf_pipeline *pipeline;
    lt_status status = LT_OK;
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    for (size_t i = 0; list && i < list->count && status == LT_OK; i++)
        status = lt_api_at(call, lt_sched_pipeline(project, list->items[i].text, &pipeline, err),
                           "body.pipelines[%zu]", i);
    lt_sched_project_done(call->api->options.sched);
    return status;
}

static lt_status read_pipelines(lt_api_call *call, lt_text *out, lt_err *err)
{
    const lt_json *list = lt_json_find(call->body, "pipelines");
    LT_AUTO(lt_buf) names = {.limit = 4000};
    LT_TRY(check_pipelines(call, list, err));
    for (size_t i = 0; list && i < list->count; i++)
        lt_buf_printf(&names, "%s%.*s", i ? " " : "", LT_ARG(list->items[i].text));
    LT_TRY(lt_buf_check(&names, "the list of pipelines", err));
    *out = lt_arena_text(call->arena, lt_buf_text(&names));
    return LT_OK;
}

/* Nobody hands on more than they may here and now: a token for less does not make one for more. */
lt_status lt_api_add_token(lt_api_call *call, lt_err *err)
{
    lt_token made;
    char text[64];
    lt_text user = lt_api_body(call, "user");
    lt_token wanted = {.user = user.len ? user : call->user.name,
                       .label = lt_api_body(call, "label"),
                       .role = lt_role_from(lt_api_body(call, "role")),
                       .expires_at_us = lt_api_body_moment(call, "expires_at")};
    if (!lt_text_eq(wanted.user, call->user.name) && call->user.role < LT_ROLE_ADMIN)
        return lt_api_at(call, lt_fail(err, LT_DENIED, "only an admin makes tokens of others"),
                         "body.user");
    if (wanted.role > call->user.role)
        return lt_api_at(call,
                         lt_fail(err, LT_DENIED, "you are %s here and cannot make a token for %s",
                                 lt_role_name(call->user.role), lt_role_name(wanted.role)),
                         "body.role");
    LT_TRY(read_pipelines(call, &wanted.pipelines, err));
    LT_TRY(lt_token_add(call->state, &call->actor, &wanted, call->arena, &made, text, err));
    write_token(call, &made, lt_arena_str(call->arena, lt_text_of(text)));
    return LT_OK;
}

lt_status lt_api_revoke_token(lt_api_call *call, lt_err *err)
{
    lt_tokens tokens = {0};
    bool is_mine = false;
    LT_TRY(find_tokens(call, &tokens, err));
    for (size_t i = 0; i < tokens.len; i++)
        is_mine = is_mine || lt_text_eq(tokens.items[i].id, call->path[0]);
    if (!is_mine)
        return lt_fail(err, LT_NOT_FOUND, "there is no token '%.*s'",
                       LT_ARG(lt_text_sub(call->path[0], 0, 100)));
    return lt_token_revoke(call->state, &call->actor, call->path[0], err);
}

/* ---- the log of changes ---- */

lt_status lt_api_list_audit(lt_api_call *call, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_audit_lines lines = {0};
    int64_t before;
    size_t limit;
    LT_TRY(lt_api_cursor(call, &before, &limit, err));
    LT_TRY(lt_audit_list(call->state, before, limit, call->arena, &lines, err));
    lt_json_begin(w, '{');
    lt_json_key(w, T("changes"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < lines.len; i++) {
        const lt_audit_line *line = &lines.items[i];
        lt_json_begin(w, '{');
        lt_json_set_int(w, "sequence", line->sequence);
        lt_api_set_moment(w, "at", line->at_us);
        lt_json_set(w, "by", line->by);
        lt_json_set(w, "from", line->from);
        lt_json_set(w, "action", line->action);
        lt_json_set(w, "subject", line->subject);
        lt_api_set_text(w, "detail", line->detail);
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_api_set_next(w, lines.len ? lines.items[lines.len - 1].sequence : 0,
                    lines.len == limit && lines.items[lines.len - 1].sequence > 1);
    lt_json_end(w);
    return LT_OK;
}
