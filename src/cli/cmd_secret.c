/* leat secret set, list, rm: the sealed secrets of the project. */
#include "cli/cmd.h"

#include "cli/grid.h"
#include "secret/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static lt_status open_secrets(lt_app *app, lt_secrets **out, lt_err *err)
{
    const char *root;
    LT_TRY(lt_app_project(app, &root, err));
    return lt_secrets_open(root, out, err);
}

/* ---- set ---- */

/* A value that is wiped when its block ends. */
typedef lt_buf secret_value;

static void secret_value_cleanup(secret_value *value)
{
    lt_secret_wipe(value);
}

/* Up to the end, or on a terminal to the end of the line. */
static lt_status read_value(bool to_line_end, lt_buf *value, lt_err *err)
{
    char byte;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR)
            return lt_fail(err, LT_CANCELLED, "stopped; nothing was changed");
        if (got < 0)
            return lt_fail_errno(err, errno, "cannot read the value");
        if (got == 0 || (to_line_end && byte == '\n'))
            return lt_buf_check(value, "the value", err);
        lt_buf_add_byte(value, byte);
    }
}

static lt_status ask(const char *name, lt_buf *value, lt_err *err)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return lt_fail_errno(err, errno, "cannot read from the terminal");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    /* First: who sees the prompt may type at once. */
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    (void)fprintf(stderr, "value of %s (not shown): ", name);
    lt_status status = read_value(true, value, err);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputs("\n", stderr);
    return status;
}

static lt_status set(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    LT_AUTO(secret_value) value = {.limit = LT_SECRET_VALUE_MAX + 2};
    LT_TRY(open_secrets(app, &secrets, err));
    if (isatty(STDIN_FILENO))
        LT_TRY(ask(args->items[0], &value, err));
    else
        LT_TRY(read_value(false, &value, err));
    if (value.len &&
        value.data[value.len - 1] == '\n') /* of echo; keep a value's own with printf */
        lt_buf_cut(&value, value.len - 1);
    if (!value.len)
        return lt_fail(err, LT_INVALID, "the value of '%s' is empty", args->items[0]);
    LT_TRY(lt_secret_set(secrets, lt_text_of(args->items[0]), lt_buf_text(&value), err));
    if (!app->globals.json && !app->globals.quiet)
        lt_out_printf(&app->out, "sealed %s\n", args->items[0]);
    return LT_OK;
}

static const lt_cmd cmd_set = {
    .name = "set",
    .help = "seal a value, read from standard input or asked for",
    .args = "NAME",
    .about = "The value never stands on the command line, where others could see it. One new line "
             "at its end is taken off.",
    .examples = "leat secret set API_TOKEN\tasks, without showing what is typed\n"
                "leat secret set API_TOKEN < token.txt\tfrom a file\n",
    .run = set,
};

/* ---- list, rm ---- */

static lt_status list(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {{T("name"), LT_CELL_TEXT}};
    (void)opts;
    (void)args;
    lt_text *names;
    size_t count;
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(open_secrets(app, &secrets, err));
    LT_TRY(lt_secret_list(secrets, &app->arena, &names, &count, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, 1);
    for (size_t i = 0; i < count; i++)
        lt_grid_row(&grid, &names[i]);
    lt_grid_end(&grid);
    return LT_OK;
}

static const lt_cmd cmd_list = {
    .name = "list", .help = "list the names of the sealed secrets", .run = list};

static lt_status rm(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    LT_TRY(open_secrets(app, &secrets, err));
    return lt_secret_remove(secrets, lt_text_of(args->items[0]), err);
}

static const lt_cmd cmd_rm = {
    .name = "rm", .help = "remove a sealed secret", .args = "NAME", .run = rm};

/* A habit from elsewhere that cannot be served. */
static lt_status get(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)app;
    (void)opts;
    lt_ignore(lt_fail(err, LT_DENIED, "values of secrets are not shown"));
    return lt_hint(err,
                   "files of the project use it as {{ secret('%s') }}; 'leat secret list' shows "
                   "which there are",
                   args->count ? args->items[0] : "NAME");
}

static const lt_cmd cmd_get = {.name = "get",
                               .help = "values are not shown; 'list' shows the names",
                               .args = "[NAME]",
                               .hidden = true,
                               .run = get};

static const lt_cmd *const subs[] = {&cmd_set, &cmd_list, &cmd_rm, &cmd_get, NULL};

const lt_cmd lt_cmd_secret = {
    .name = "secret",
    .help = "seal passwords and tokens in a file of the project",
    .about = "Secrets are sealed in secrets.sealed, which may be committed; the key stays outside "
             "of the project (LEAT_KEY, "
             "or ~/.config/leat/key). Files of the project name them: {{ secret('NAME') }}.",
    .group = LT_GROUP_PROJECT,
    .subs = subs,
};
