/* From the words of a command line to the command that they name. */
#include "cli/cmd.h"

#include "base/log.h"
#include "base/proc.h"
#include "cli/dbt/flags.h"

#include <assert.h>

const lt_opt lt_global_opts[] = {
    {.name = "project-dir",
     .letter = 'C',
     .type = LT_OPT_TEXT,
     LT_AT(lt_globals, project_dir),
     .value = "DIR",
     .env = "LEAT_PROJECT_DIR",
     .help = "the project's folder; else the nearest one upwards with a leat.yml"},
    {.name = "home",
     .type = LT_OPT_TEXT,
     LT_AT(lt_globals, home),
     .value = "DIR",
     .env = "LEAT_HOME",
     .help = "where leat keeps its state, store and warehouse; else .leat in the project"},
    {.name = "target",
     .letter = 't',
     .type = LT_OPT_TEXT,
     LT_AT(lt_globals, target),
     .value = "NAME",
     .env = "LEAT_TARGET",
     .help = "the warehouse of leat.yml to work in"},
    {.name = "json", LT_AT(lt_globals, json), .help = "give results and errors as JSON"},
    {.name = "quiet",
     .letter = 'q',
     LT_AT(lt_globals, quiet),
     .help = "say nothing but warnings and errors"},
    {.name = "verbose", .letter = 'v', LT_AT(lt_globals, verbose), .help = "say more"},
    {.name = "no-color",
     LT_AT(lt_globals, no_color),
     .help = "no colours (also with NO_COLOR in the environment)"},
    {.name = "help", .letter = 'h', LT_AT(lt_globals, help), .help = "show the help"},
    {.name = "version", LT_AT(lt_globals, version), .help = "show the version"},
};
const size_t lt_global_opt_count = LT_COUNT(lt_global_opts);

typedef struct words {
    const char *const *items;
    size_t count;
} words;

static words after(words list, size_t used)
{
    return (words){list.items + used, list.count - used};
}

const lt_cmd *lt_cmd_find(const lt_cmd *const *cmds, const char *name)
{
    for (size_t i = 0; cmds && cmds[i]; i++)
        if (strcmp(cmds[i]->name, name) == 0)
            return cmds[i];
    return NULL;
}

static lt_text cmd_name_at(const void *context, size_t i)
{
    const lt_cmd *const *cmds = context;
    return cmds[i]->hidden ? (lt_text){0} : lt_text_of(cmds[i]->name);
}

static const lt_cmd *meant_by(const lt_cmd *const *cmds, lt_text word)
{
    for (; *cmds; cmds++) {
        lt_text rest = lt_text_of((*cmds)->meant);
        for (lt_text one; lt_text_cut(&rest, ' ', &one);)
            if (lt_text_eq(one, word))
                return *cmds;
    }
    return NULL;
}

static lt_status unknown_command(const lt_app *app, const lt_cmd *const *cmds, const char *name,
                                 lt_err *err)
{
    size_t count = 0;
    lt_text nearest;
    while (cmds[count])
        count++;
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' has no command '%s'", app->cmd_name, name));
    if (lt_cmd_find(cmds, "dbt") && dbt_has_verb(name))
        return lt_hint(err,
                       "'leat run' extracts, loads, builds and tests; dbt's command of that name "
                       "is 'leat dbt %s'",
                       name);
    const lt_cmd *meant = meant_by(cmds, lt_text_of(name));
    if (meant)
        return lt_hint(err, "did you mean '%s %s'?", app->cmd_name, meant->name);
    if (lt_text_nearest(lt_text_of(name), count, cmd_name_at, cmds, &nearest) && nearest.len)
        return lt_hint(err, "did you mean '%s %.*s'?", app->cmd_name, LT_ARG(nearest));
    return lt_hint(err, "'%s --help' lists what there is", app->cmd_name);
}

void lt_cmd_arg_counts(const char *args, size_t *least, size_t *most)
{
    lt_text rest = lt_text_of(args), word;
    *least = *most = 0;
    while (lt_text_cut(&rest, ' ', &word)) {
        *least += word.ptr[0] != '[';
        if (lt_text_has(word, T("...")))
            *most = SIZE_MAX;
        else if (*most != SIZE_MAX)
            ++*most;
    }
}

static lt_status check_args(const lt_app *app, const lt_strings *args, lt_err *err)
{
    size_t least, most;
    const char *spec = app->cmd->args;
    lt_cmd_arg_counts(spec, &least, &most);
    if (args->len < least)
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' needs %s", app->cmd_name, spec));
    else if (args->len > most && !spec)
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' takes no arguments, but got '%s'", app->cmd_name,
                          args->items[0]));
    else if (args->len > most)
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' takes %s, but got also '%s'", app->cmd_name, spec,
                          args->items[most]));
    else
        return LT_OK;
    return lt_hint(err, "'%s --help' explains it", app->cmd_name);
}

static lt_status run_found(lt_app *app, words left, lt_err *err)
{
    const lt_cmd *cmd = app->cmd;
    size_t used;
    lt_strings args = {0};
    assert(cmd); /* there is a "version" */
    void *opts = cmd->opts_size ? lt_alloc(&app->arena, cmd->opts_size) : NULL;
    lt_opt_reader reader = {.sets = {{lt_global_opts, lt_global_opt_count, &app->globals},
                                     {cmd->opts, cmd->opt_count, opts}},
                            .set_count = 2,
                            .arena = &app->arena,
                            .command = app->cmd_name};
    if (cmd->raw)
        return cmd->run(app, NULL, &(lt_args){left.items, left.count}, err);
    LT_TRY(lt_opts_preset(&reader, 1, err));
    LT_TRY(lt_opts_read(&reader, left.count, left.items, false, &used, &args, err));
    if (app->globals.help) {
        lt_help_write(app, cmd, app->cmd_name, &app->out);
        return LT_OK;
    }
    LT_TRY(check_args(app, &args, err));
    lt_log_set_level(app->globals.quiet     ? LT_LOG_WARNING
                     : app->globals.verbose ? LT_LOG_DEBUG
                                            : LT_LOG_INFO);
    app->out.has_color = app->out.has_color && !app->globals.no_color;
    return cmd->run(app, opts, &(lt_args){args.items, args.len}, err);
}

/* Nothing but options: show help or the version. */
static lt_status run_nothing(lt_app *app, const lt_cmd *parent, lt_err *err)
{
    if (app->globals.version) {
        app->cmd = lt_cmd_find(app->commands, "version");
        app->cmd_name = "leat version";
        return run_found(app, (words){0}, err);
    }
    if (app->globals.help || !parent) {
        lt_help_write(app, parent, app->cmd_name, &app->out);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' needs a command", app->cmd_name));
    return lt_hint(err, "'%s --help' lists what there is", app->cmd_name);
}

lt_status lt_cli_run(lt_app *app, size_t count, const char *const *argv, lt_err *err)
{
    words left = {argv, count};
    const lt_cmd *const *cmds = app->commands;
    const lt_cmd *parent = NULL;
    app->cmd_name = "leat";
    lt_opt_reader reader = {.sets = {{lt_global_opts, lt_global_opt_count, &app->globals}},
                            .set_count = 1,
                            .arena = &app->arena,
                            .command = app->cmd_name};
    LT_TRY(lt_opts_preset(&reader, 0, err));
    do {
        size_t used;
        lt_strings none = {0};
        reader.command = app->cmd_name;
        LT_TRY(lt_opts_read(&reader, left.count, left.items, true, &used, &none, err));
        left = after(left, used);
        if (!left.count)
            return run_nothing(app, parent, err);
        parent = lt_cmd_find(cmds, left.items[0]);
        if (!parent)
            return unknown_command(app, cmds, left.items[0], err);
        app->cmd_name = lt_arena_format(&app->arena, "%s %s", app->cmd_name, parent->name);
        left = after(left, 1);
        cmds = parent->subs;
        if (cmds && parent->run && (!left.count || !lt_cmd_find(cmds, left.items[0])))
            break; /* it does something of its own, too */
    } while (cmds);
    app->cmd = parent;
    return run_found(app, left, err);
}

int lt_cli_exit_code(lt_status status)
{
    static const int codes[] = {
        [LT_OK] = 0,        [LT_FAILED] = 1,   [LT_INVALID] = 2,
        [LT_NOT_FOUND] = 2, [LT_CONFLICT] = 2, [LT_DENIED] = 2,
        [LT_TOO_BIG] = 1,   [LT_IO] = 3,       [LT_CANCELLED] = 130,
    };
    assert((size_t)status < LT_COUNT(codes));
    if (status == LT_CANCELLED && lt_stop_signal())
        return 128 + lt_stop_signal();
    return codes[status];
}
