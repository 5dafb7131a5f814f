/* leat token: tokens with which programs use the server's API. */
#include "cli/cmd.h"

#include "base/time.h"
#include "cli/grid.h"
#include "cli/server_users.h"

/* ---- create ---- */

typedef struct create_opts {
    const char *role, *label;
    lt_strings pipelines;
    int64_t expires_us;
} create_opts;

static const lt_opt create_table[] = {
    {.name = "role",
     .type = LT_OPT_CHOICE,
     LT_AT(create_opts, role),
     .value = "ROLE",
     .choices = "viewer operator editor admin",
     .preset = "viewer",
     .help = "the most that it may do; never more than its user may at that moment"},
    {.name = "label",
     .type = LT_OPT_TEXT,
     LT_AT(create_opts, label),
     .value = "TEXT",
     .help = "what it is for, for the list"},
    {.name = "pipeline",
     .type = LT_OPT_LIST,
     LT_AT(create_opts, pipelines),
     .value = "NAME",
     .help = "it reaches only this pipeline"},
    {.name = "expires",
     .type = LT_OPT_LENGTH,
     LT_AT(create_opts, expires_us),
     .value = "LENGTH",
     .preset = "90d",
     .help = "it ends by itself after this; 0: never"},
};

static lt_status read_pipelines(lt_app *app, const lt_strings *names, lt_buf *out, lt_err *err)
{
    const lt_conf_pipeline *pipeline;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (names->len)
        LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    for (size_t i = 0; i < names->len; i++) {
        LT_TRY(lt_work_pipeline(workspace, names->items[i], &pipeline, err));
        lt_buf_printf(out, "%s%.*s", i ? " " : "", LT_ARG(pipeline->name));
    }
    return lt_buf_check(out, "the list of pipelines", err);
}

static void say_created(lt_app *app, const lt_token *token, const char *text)
{
    if (app->globals.json) {
        lt_json_writer w = {.out = &app->out.buf};
        lt_json_begin(&w, '{');
        lt_json_set(&w, "id", token->id);
        lt_json_set(&w, "token", lt_text_of(text));
        lt_json_end(&w);
        lt_out_str(&app->out, "\n");
        return;
    }
    lt_out_printf(&app->out, "the token is shown only this once:\n  %s\nits id is %.*s\n", text,
                  LT_ARG(token->id));
}

static lt_status create(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const create_opts *given = opts;
    lt_actor actor;
    lt_token made;
    char text[64];
    LT_AUTO(lt_state_ref) state = NULL;
    LT_AUTO(lt_buf) pipelines = {.limit = 4000};
    LT_TRY(read_pipelines(app, &given->pipelines, &pipelines, err));
    LT_TRY(lt_app_users(app, &state, &actor, err));
    lt_token wanted = {.user = lt_text_of(args->items[0]),
                       .label = lt_text_of(given->label),
                       .role = lt_role_from(lt_text_of(given->role)),
                       .pipelines = lt_buf_text(&pipelines),
                       .expires_at_us = given->expires_us ? actor.at_us + given->expires_us : 0};
    LT_TRY(lt_token_add(state, &actor, &wanted, &app->arena, &made, text, err));
    say_created(app, &made, text);
    return LT_OK;
}

static const lt_cmd cmd_create = {
    .name = "create",
    .help = "make a token for a user",
    .args = "USER",
    .examples = "leat token create ada --role operator --pipeline daily --label nightly\n",
    .opts = create_table,
    .opt_count = LT_COUNT(create_table),
    .opts_size = sizeof(create_opts),
    .run = create,
};

/* ---- list, revoke ---- */

static lt_status list(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("id"), LT_CELL_TEXT},        {T("user"), LT_CELL_TEXT},    {T("role"), LT_CELL_TEXT},
        {T("pipelines"), LT_CELL_TEXT}, {T("label"), LT_CELL_TEXT},   {T("expires"), LT_CELL_TEXT},
        {T("used"), LT_CELL_TEXT},      {T("revoked"), LT_CELL_TEXT},
    };
    lt_actor actor;
    lt_tokens tokens;
    LT_AUTO(lt_state_ref) state = NULL;
    LT_AUTO(lt_grid) grid = {0};
    (void)opts;
    lt_text user = lt_text_of(args->count ? args->items[0] : NULL);
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_token_list(state, user, &app->arena, &tokens, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < tokens.len; i++) {
        const lt_token *token = &tokens.items[i];
        lt_text cells[] = {token->id,
                           token->user,
                           lt_text_of(lt_role_name(token->role)),
                           token->pipelines.len ? token->pipelines : T("all"),
                           token->label,
                           lt_moment_cell(&app->arena, token->expires_at_us),
                           lt_moment_cell(&app->arena, token->used_at_us),
                           lt_moment_cell(&app->arena, token->revoked_at_us)};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static const lt_cmd cmd_list = {
    .name = "list", .help = "list tokens", .args = "[USER]", .run = list};

static lt_status revoke(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_actor actor;
    LT_AUTO(lt_state_ref) state = NULL;
    (void)opts;
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_token_revoke(state, &actor, lt_text_of(args->items[0]), err));
    if (!app->globals.json && !app->globals.quiet)
        lt_out_printf(&app->out, "revoked %s\n", args->items[0]);
    return LT_OK;
}

static const lt_cmd cmd_revoke = {
    .name = "revoke", .help = "end a token at once", .args = "ID", .run = revoke};

static const lt_cmd *const subs[] = {&cmd_create, &cmd_list, &cmd_revoke, NULL};

const lt_cmd lt_cmd_token = {
    .name = "token",
    .help = "make, list and revoke tokens for programs that use the API",
    .group = LT_GROUP_MACHINE,
    .subs = subs,
};
