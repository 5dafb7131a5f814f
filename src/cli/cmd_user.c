/* leat user: who may sign in at the server, and what they may do there. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/time.h"
#include "cli/grid.h"
#include "cli/server_users.h"
#include "secret/password.h"

#include <unistd.h>

lt_status lt_app_users(lt_app *app, lt_state **state, lt_actor *actor, lt_err *err)
{
    const char *home;
    LT_TRY(lt_app_home(app, &home, err));
    *actor = (lt_actor){.by = lt_work_who(app), .from = T("command line"), .at_us = lt_now_us()};
    return lt_state_open(home, state, err);
}

lt_status lt_role_read(const char *word, lt_role *out, lt_err *err)
{
    *out = lt_role_from(lt_text_of(word));
    if (*out != LT_ROLE_NONE)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "there is no role '%s'", word));
    return lt_hint(err, "roles are viewer, operator, editor and admin");
}

/* ---- passwords ---- */

typedef struct user_opts {
    const char *role;
    bool from_stdin, revoke_tokens;
} user_opts;

#define PASSWORD_OPT                                                                               \
    {                                                                                              \
        .name = "password-stdin", .type = LT_OPT_FLAG, LT_AT(user_opts, from_stdin),               \
        .help = "read the password from standard input; else one is made that is good once"        \
    }

/* A password that somebody typed or piped, else a new one; `made` tells. */
static lt_status take_password(const user_opts *opts, lt_buf *out, bool *made, lt_err *err)
{
    char text[LT_BEARER_CHARS];
    *made = !opts->from_stdin;
    if (*made && !lt_password_make(text))
        return lt_fail(err, LT_IO, "no source of random numbers");
    if (*made)
        lt_buf_add_str(out, text);
    else
        LT_TRY(lt_fd_read(STDIN_FILENO, out, "the password", err));
    if (out->len && out->data[out->len - 1] == '\n')
        lt_buf_cut(out, out->len - 1);
    return LT_OK;
}

static void say_password(lt_app *app, const char *name, const lt_buf *password, bool made)
{
    if (app->globals.json && made)
        lt_out_printf(&app->out, "{\"user\": \"%s\", \"password\": \"%s\"}\n", name,
                      lt_buf_chars(password));
    else if (app->globals.json)
        lt_out_printf(&app->out, "{\"user\": \"%s\"}\n", name);
    else if (made)
        lt_out_printf(&app->out, "%s signs in once with %s and then chooses another password\n",
                      name, lt_buf_chars(password));
    else if (!app->globals.quiet)
        lt_out_printf(&app->out, "%s has that password now\n", name);
}

/* ---- add, reset ---- */

static const lt_opt add_table[] = {
    {.name = "role",
     .type = LT_OPT_CHOICE,
     LT_AT(user_opts, role),
     .value = "ROLE",
     .choices = "viewer operator editor admin",
     .preset = "viewer",
     .help = "what they may do"},
    PASSWORD_OPT,
};

static lt_status add(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const user_opts *given = opts;
    lt_actor actor;
    bool made;
    LT_AUTO(lt_state_ref) state = NULL;
    LT_AUTO(lt_buf) password = {.limit = LT_PASSWORD_MOST + 2};
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(take_password(given, &password, &made, err));
    LT_TRY(lt_user_add(state, &actor, lt_text_of(args->items[0]), lt_buf_text(&password),
                       lt_role_from(lt_text_of(given->role)), made, err));
    say_password(app, args->items[0], &password, made);
    return LT_OK;
}

static const lt_cmd cmd_add = {
    .name = "add",
    .help = "let somebody sign in",
    .args = "NAME",
    .about = "A viewer looks; an operator also runs, cancels, retries, pauses and approves; an "
             "editor also runs selections and backfills and marks tasks; an admin also manages "
             "users and tokens.",
    .examples = "leat user add ada --role operator\tshows a one-time password\n",
    .opts = add_table,
    .opt_count = LT_COUNT(add_table),
    .opts_size = sizeof(user_opts),
    .run = add,
};

static const lt_opt reset_table[] = {
    PASSWORD_OPT,
    {.name = "revoke-tokens",
     .type = LT_OPT_FLAG,
     LT_AT(user_opts, revoke_tokens),
     .help = "end their tokens, too; else these go on"},
};

/* Who resets a password because somebody else may know it should know what still opens the door. */
static lt_status say_tokens(lt_app *app, lt_state *state, const lt_actor *actor, const char *name,
                            lt_err *err)
{
    lt_tokens tokens = {0};
    size_t good = 0;
    LT_TRY(lt_token_list(state, lt_text_of(name), &app->arena, &tokens, err));
    for (size_t i = 0; i < tokens.len; i++)
        good += !tokens.items[i].revoked_at_us &&
                (!tokens.items[i].expires_at_us || tokens.items[i].expires_at_us > actor->at_us);
    if (good && !app->globals.json && !app->globals.quiet)
        lt_out_printf(&app->out, "%zu token%s of %s go%s on; --revoke-tokens ends %s\n", good,
                      good == 1 ? "" : "s", name, good == 1 ? "es" : "", good == 1 ? "it" : "them");
    return LT_OK;
}

static lt_status reset(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const user_opts *given = opts;
    lt_actor actor;
    bool made;
    int64_t ended = 0;
    LT_AUTO(lt_state_ref) state = NULL;
    LT_AUTO(lt_buf) password = {.limit = LT_PASSWORD_MOST + 2};
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(take_password(given, &password, &made, err));
    if (given->revoke_tokens)
        LT_TRY(lt_token_revoke_all(state, &actor, lt_text_of(args->items[0]), &ended, err));
    LT_TRY(lt_user_set_password(state, &actor, lt_text_of(args->items[0]), lt_buf_text(&password),
                                made, err));
    say_password(app, args->items[0], &password, made);
    return say_tokens(app, state, &actor, args->items[0], err);
}

static const lt_cmd cmd_reset = {
    .name = "reset",
    .help = "give somebody another password, and end their sessions",
    .args = "NAME",
    .about = "Their tokens are no part of the password and go on, unless '--revoke-tokens'.",
    .opts = reset_table,
    .opt_count = LT_COUNT(reset_table),
    .opts_size = sizeof(user_opts),
    .run = reset,
};

/* ---- list ---- */

static lt_status list(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("user"), LT_CELL_TEXT},      {T("role"), LT_CELL_TEXT},
        {T("one_time"), LT_CELL_BOOL},  {T("disabled"), LT_CELL_BOOL},
        {T("signed_in"), LT_CELL_TEXT},
    };
    lt_actor actor;
    lt_users users;
    LT_AUTO(lt_state_ref) state = NULL;
    LT_AUTO(lt_grid) grid = {0};
    (void)opts, (void)args;
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_user_list(state, &app->arena, &users, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < users.len; i++) {
        const lt_user *user = &users.items[i];
        lt_text cells[] = {user->name, lt_text_of(lt_role_name(user->role)),
                           user->must_change_password ? T("true") : T("false"),
                           user->disabled ? T("true") : T("false"),
                           lt_moment_cell(&app->arena, user->signed_in_at_us)};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static const lt_cmd cmd_list = {.name = "list", .help = "list users", .run = list};

/* ---- role, disable, enable, remove ---- */

static lt_status done(lt_app *app, const char *name, const char *what)
{
    if (!app->globals.json && !app->globals.quiet)
        lt_out_printf(&app->out, "%s %s\n", name, what);
    return LT_OK;
}

static lt_status role(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_actor actor;
    lt_role wanted = LT_ROLE_NONE;
    LT_AUTO(lt_state_ref) state = NULL;
    (void)opts;
    LT_TRY(lt_role_read(args->items[1], &wanted, err));
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_user_set_role(state, &actor, lt_text_of(args->items[0]), wanted, err));
    return done(app, args->items[0], lt_arena_format(&app->arena, "is %s now", args->items[1]));
}

static const lt_cmd cmd_role = {.name = "role",
                                .help = "change what somebody may do, and end their sessions",
                                .args = "NAME ROLE",
                                .run = role};

static lt_status set_disabled(lt_app *app, const lt_args *args, bool disabled, lt_err *err)
{
    lt_actor actor;
    LT_AUTO(lt_state_ref) state = NULL;
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_user_set_disabled(state, &actor, lt_text_of(args->items[0]), disabled, err));
    return done(app, args->items[0], disabled ? "cannot sign in any more" : "may sign in again");
}

static lt_status disable(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    return set_disabled(app, args, true, err);
}

static lt_status enable(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    return set_disabled(app, args, false, err);
}

static const lt_cmd cmd_disable = {.name = "disable",
                                   .help = "let somebody not sign in, nor use tokens",
                                   .args = "NAME",
                                   .run = disable};
static const lt_cmd cmd_enable = {
    .name = "enable", .help = "let them in again", .args = "NAME", .run = enable};

static lt_status remove_user(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_actor actor;
    LT_AUTO(lt_state_ref) state = NULL;
    (void)opts;
    LT_TRY(lt_app_users(app, &state, &actor, err));
    LT_TRY(lt_user_remove(state, &actor, lt_text_of(args->items[0]), err));
    return done(app, args->items[0], "is removed, with sessions and tokens");
}

static const lt_cmd cmd_remove = {.name = "remove",
                                  .help = "remove somebody, with sessions and tokens",
                                  .args = "NAME",
                                  .run = remove_user};

static const lt_cmd *const subs[] = {&cmd_add,    &cmd_list,   &cmd_role,  &cmd_disable,
                                     &cmd_enable, &cmd_remove, &cmd_reset, NULL};

const lt_cmd lt_cmd_user = {
    .name = "user",
    .help = "who may sign in at the server, and do what",
    .about = "These work on the home's records, whether the server runs or not. Every change is in "
             "the log of changes.",
    .examples = "leat user list\nleat user reset admin\ta new one-time password\n",
    .group = LT_GROUP_MACHINE,
    .subs = subs,
};
