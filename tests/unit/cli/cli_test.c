/* The frame of the command line: finding a command, checking its arguments, help, completion and man pages. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/proc.h"
#include "support/test.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct ls_opts {
    bool recursive;
    const char *format;
    const char *folder;
} ls_opts;

static const lt_opt ls_table[] = {
    {.name = "recursive", .letter = 'r', LT_AT(ls_opts, recursive), .help = "it's below too"},
    {.name = "format",
     .type = LT_OPT_CHOICE,
     LT_AT(ls_opts, format),
     .choices = "table csv",
     .preset = "table",
     .help = "how"},
    {.name = "into", .type = LT_OPT_TEXT, LT_AT(ls_opts, folder), .value = "DIR", .help = "where"},
};

static lt_status ls(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const ls_opts *o = opts;
    (void)err;
    lt_out_printf(&app->out, "ls %s %d %s", args->items[0], o->recursive, o->format);
    if (app->globals.target)
        lt_out_printf(&app->out, " in %s", app->globals.target);
    return LT_OK;
}

static lt_status raw(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    (void)err;
    for (size_t i = 0; i < args->count; i++)
        lt_out_printf(&app->out, "[%s]", args->items[i]);
    return LT_OK;
}

static lt_status none(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    (void)args;
    lt_out_str(&app->out, "none");
    return lt_fail(err, LT_FAILED, "as asked");
}

static const lt_cmd cmd_ls = {.name = "ls",
                              .help = "list what is there",
                              .args = "WHERE",
                              .about = "A line that starts\n\n.with a dot and a \\ in it",
                              .examples = "leat store ls a/\twhat is below a\n",
                              .opts = ls_table,
                              .opt_count = LT_COUNT(ls_table),
                              .opts_size = sizeof(ls_opts),
                              .run = ls};
static const lt_cmd cmd_cp = {
    .name = "cp", .help = "copy", .args = "SOURCE... TARGET", .run = none};
static const lt_cmd *const store_cmds[] = {&cmd_ls, &cmd_cp, NULL};
static const lt_cmd cmd_store = {
    .name = "store", .help = "objects", .group = LT_GROUP_DATA, .subs = store_cmds};
static const lt_cmd cmd_none = {
    .name = "version", .help = "nothing", .args = NULL, .group = LT_GROUP_MACHINE, .run = none};
static const lt_cmd cmd_raw = {.name = "dbt", .help = "x", .raw = true, .run = raw};
static const lt_cmd cmd_hidden = {.name = "__hidden", .help = "x", .hidden = true, .run = raw};
static const lt_cmd *const cmds[] = {&cmd_store, &cmd_none, &cmd_raw, &cmd_hidden, NULL};

typedef struct given {
    lt_app app;
    lt_err err;
} given;

static void given_cleanup(given *g)
{
    lt_out_cleanup(&g->app.out);
    lt_arena_cleanup(&g->app.arena);
}

static lt_status run_line(given *g, const char *line)
{
    lt_strings words = {0};
    lt_text rest = lt_text_of(line), word;
    given_cleanup(g);
    *g = (given){.app = {.commands = cmds, .out = {.fd = -1}}};
    while (line[0] && lt_text_cut(&rest, ' ', &word))
        lt_push_in(&g->app.arena, &words, lt_arena_str(&g->app.arena, word));
    return lt_cli_run(&g->app, words.len, words.items, &g->err);
}

static const char *shown(given *g)
{
    return lt_buf_chars(&g->app.out.buf);
}

Test(cli, runs_a_command_of_a_command_with_options_anywhere)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(run_line(&g, "-t pg store --json ls -r raw/ --format=csv"), g.err);
    CHECK_STR(shown(&g), "ls raw/ 1 csv in pg");
    CHECK(g.app.globals.json);
    CHECK_STR(g.app.cmd_name, "leat store ls");
    CHECK_OK(run_line(&g, "store ls raw/ --target dev"), g.err);
    CHECK_STR(shown(&g), "ls raw/ 0 table in dev");
}

Test(cli, gives_raw_commands_every_word)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(run_line(&g, "dbt build --select a -- -x --help"), g.err);
    CHECK_STR(shown(&g), "[build][--select][a][--][-x][--help]");
}

static void check_refused(const char *line, const char *message, const char *hint)
{
    LT_AUTO(given) g = {0};
    CHECK_STATUS(run_line(&g, line), LT_INVALID, g.err);
    CHECK_STR(g.err.message, message);
    CHECK_STR(g.err.hint, hint);
    CHECK_STR(shown(&g), "");
}

Test(cli, says_what_is_wrong)
{
    check_refused("stroe ls", "'leat' has no command 'stroe'", "did you mean 'leat store'?");
    check_refused("store lz a", "'leat store' has no command 'lz'",
                  "did you mean 'leat store ls'?");
    check_refused("__hiden", "'leat' has no command '__hiden'",
                  "'leat --help' lists what there is");
    check_refused("store", "'leat store' needs a command",
                  "'leat store --help' lists what there is");
    check_refused("store ls", "'leat store ls' needs WHERE", "'leat store ls --help' explains it");
    check_refused("store ls a b", "'leat store ls' takes WHERE, but got also 'b'",
                  "'leat store ls --help' explains it");
    check_refused("store cp a", "'leat store cp' needs SOURCE... TARGET",
                  "'leat store cp --help' explains it");
    check_refused("version now", "'leat version' takes no arguments, but got 'now'",
                  "'leat version --help' explains it");
    check_refused("--jsn version", "'leat' has no option '--jsn'", "did you mean '--json'?");
    check_refused("store ls --recursiv", "'leat store ls' has no option '--recursiv'",
                  "did you mean '--recursive'?");
}

Test(cli, passes_on_what_a_command_gives)
{
    LT_AUTO(given) g = {0};
    CHECK_STATUS(run_line(&g, "version"), LT_FAILED, g.err);
    CHECK_STATUS(run_line(&g, "--version"), LT_FAILED, g.err);
    CHECK_STATUS(run_line(&g, "store cp a b c"), LT_FAILED, g.err);
}

Test(cli, help_tells_everything_of_the_table_and_nothing_hidden)
{
    LT_AUTO(given) g = {0};
    CHECK_OK(run_line(&g, ""), g.err);
    CHECK_HAS(shown(&g), "\nData\n  store    objects\n");
    CHECK_HAS(shown(&g), "-C, --project-dir DIR  the project's folder");
    CHECK(!lt_has(shown(&g), "__hidden"));
    CHECK_OK(run_line(&g, "store --help"), g.err);
    CHECK_HAS(shown(&g), "\nCommands\n  ls  list what is there\n  cp  copy\n");
    CHECK_OK(run_line(&g, "store ls --help"), g.err);
    CHECK_HAS(shown(&g), "leat store ls: list what is there\n");
    CHECK_HAS(shown(&g), "Usage: leat store ls [OPTION...] WHERE\n");
    CHECK_HAS(shown(&g), "  -r, --recursive     it's below too\n"
                         "      --format VALUE  how (table csv) [table]\n");
    CHECK_HAS(shown(&g), "\nExamples\n  leat store ls a/  what is below a\n");
}

Test(cli, help_fits_a_narrow_terminal)
{
    lt_app app = {.commands = cmds, .out = {.fd = -1, .width = 60}};
    lt_help_write(&app, &cmd_ls, "leat store ls", &app.out);
    lt_text rest = lt_buf_text(&app.out.buf), line;
    while (lt_text_cut(&rest, '\n', &line))
        CHECK(lt_text_columns(line) <= 60);
    lt_out_cleanup(&app.out);
}

Test(cli, exit_codes_tell_who_must_act)
{
    static const struct {
        lt_status status;
        int code;
    } cases[] = {{LT_OK, 0},       {LT_FAILED, 1}, {LT_INVALID, 2}, {LT_NOT_FOUND, 2},
                 {LT_CONFLICT, 2}, {LT_DENIED, 2}, {LT_TOO_BIG, 1}, {LT_IO, 3}};
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_INT(lt_cli_exit_code(cases[i].status), cases[i].code);
    CHECK_INT(lt_cli_exit_code(LT_CANCELLED), lt_stop_signal() ? 128 + lt_stop_signal() : 130);
}

Test(cli, argument_counts_follow_the_usage_text)
{
    static const struct {
        const char *args;
        size_t least, most;
    } cases[] = {{NULL, 0, 0},    {"RUN", 1, 1},
                 {"[DIR]", 0, 1}, {"SOURCE... TARGET", 2, SIZE_MAX},
                 {"A [B]", 1, 2}, {"[SQL...]", 0, SIZE_MAX}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        size_t least, most;
        lt_cmd_arg_counts(cases[i].args, &least, &most);
        CHECK_INT(least, cases[i].least);
        CHECK(most == cases[i].most);
    }
}

/* ---- the real table ---- */

static void check_table(const lt_cmd *const *all)
{
    for (size_t i = 0; all[i]; i++) {
        const lt_cmd *cmd = all[i];
        CHECK(cmd->name && cmd->help);
        CHECK(cmd->help[strlen(cmd->help) - 1] != '.');
        CHECK(cmd->run || cmd->subs);
        CHECK((cmd->opt_count == 0) == (cmd->opts_size == 0));
        for (size_t k = 0; k < cmd->opt_count; k++) {
            const lt_opt *opt = &cmd->opts[k];
            CHECK(opt->help && opt->offset + opt->size <= cmd->opts_size);
            CHECK((opt->type == LT_OPT_CHOICE) == (opt->choices != NULL));
            for (size_t g = 0; g < lt_global_opt_count; g++) {
                CHECK(strcmp(opt->name, lt_global_opts[g].name) != 0);
                CHECK(!opt->letter || opt->letter != lt_global_opts[g].letter);
            }
        }
        if (cmd->subs)
            check_table(cmd->subs);
    }
}

Test(commands, table_is_sound)
{
    check_table(lt_commands);
}

/* ---- completion ---- */

static char *script_file(const char *shell)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) script = {0};
    CHECK_OK(lt_completion_write(cmds, shell, &script, &err), err);
    char *path = lt_path_join(lt_test_folder(), "script");
    CHECK_OK(lt_file_write(path, lt_buf_text(&script), 0600, &err), err);
    return path;
}

/* What bash offers for the last word. */
static void check_bash(const char *words, const char *wanted)
{
    lt_err err = {0};
    int code;
    LT_AUTO(lt_chars) path = script_file("bash");
    LT_AUTO(lt_buf) got = {0};
    LT_AUTO(lt_chars)
    code_text = lt_format("set -u; compopt() { :; }; source %s; COMP_WORDS=(%s); "
                          "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _leat; echo \"${COMPREPLY[*]}\"",
                          path, words);
    char name[] = "bash", flag[] = "-c";
    char *argv[] = {name, flag, code_text, NULL};
    CHECK_OK(lt_proc_run(argv, &got, &code, &err), err);
    CHECK_INT(code, 0);
    CHECK_TEXT(lt_text_trim(lt_buf_text(&got)), wanted);
}

Test(completion, bash_offers_commands_options_and_values)
{
    check_bash("leat st", "store");
    check_bash("leat store ''", "ls cp");
    check_bash("leat --json store --re", "");
    check_bash("leat store ls --re", "--recursive");
    check_bash("leat store ls --format ''", "table csv");
    check_bash("leat store ls --format = c", "csv");
    check_bash("leat --home store --ver", "--verbose --version");
    check_bash("leat __h", "");
}

static void check_syntax(const char *shell)
{
    lt_err err = {0};
    int code = 0;
    LT_AUTO(lt_chars) path = script_file(shell);
    LT_AUTO(lt_buf) got = {0};
    char flag[] = "-n";
    LT_AUTO(lt_chars) program = lt_xstrdup(shell);
    char *argv[] = {program, flag, path, NULL};
    if (lt_proc_run(argv, &got, &code, &err) == LT_NOT_FOUND)
        SKIP("zsh or fish is not installed");
    CHECK_INT(code, 0);
}

Test(completion, zsh_script_is_valid)
{
    check_syntax("zsh");
}

Test(completion, fish_script_is_valid)
{
    check_syntax("fish");
}

Test(completion, knows_three_shells)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) script = {0};
    CHECK_STATUS(lt_completion_write(cmds, "tcsh", &script, &err), LT_INVALID, err);
    CHECK_STR(err.hint, "choose one of: bash zsh fish");
}

Test(man, pages_escape_what_groff_would_take_as_its_own)
{
    LT_AUTO(lt_buf) page = {0};
    lt_man_write(cmds, &cmd_ls, "leat store ls", &page);
    CHECK_HAS(page.data, ".TH \"leat\\-store\\-ls\" 1");
    CHECK_HAS(page.data, "\n\\&.with a dot and a \\e in it\n");
    CHECK_HAS(page.data, "\\fB\\-r\\fR, \\fB\\-\\-recursive\\fR\nit\\(aqs below too.\n");
    CHECK_HAS(page.data, ".SH EXIT STATUS");
}

/* ---- where things are ---- */

static char *project_with(const char *file)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(folder, file);
    LT_AUTO(lt_chars) below = lt_path_join(folder, "models/marts");
    CHECK_OK(lt_file_write(path, T("name: x\n"), 0600, &err), err);
    CHECK_OK(lt_folder_make(below, 0700, &err), err);
    return LT_TAKE(below);
}

Test(app, finds_the_project_upwards)
{
    static const char *const files[] = {"leat.yml", "dbt_project.yml"};
    char before[4096];
    CHECK(getcwd(before, sizeof(before)) != NULL);
    for (size_t i = 0; i < LT_COUNT(files); i++) {
        LT_AUTO(given) g = {0};
        const char *found = NULL;
        LT_AUTO(lt_chars) below = project_with(files[i]);
        CHECK(chdir(below) == 0);
        lt_status status = lt_app_project(&g.app, &found, &g.err);
        CHECK(chdir(before) == 0);
        CHECK_OK(status, g.err);
        CHECK(lt_text_starts(lt_text_of(below), lt_text_of(found)));
        CHECK_STR(lt_path_name(below), "marts");
        CHECK_INT(strlen(below) - strlen(found), strlen("/models/marts"));
    }
}

Test(app, says_how_to_make_a_project)
{
    LT_AUTO(given) g = {0};
    const char *found = NULL;
    g.app.globals.project_dir = lt_test_folder();
    CHECK_STATUS(lt_app_project(&g.app, &found, &g.err), LT_NOT_FOUND, g.err);
    CHECK_HAS(g.err.message, "there is no leat.yml in '");
    CHECK_HAS(g.err.hint, "leat init DIR");
    g.app.globals.project_dir = "/dev/null";
    CHECK_STATUS(lt_app_project(&g.app, &found, &g.err), LT_INVALID, g.err);
    g.app.globals.project_dir = "/no/such";
    CHECK_STATUS(lt_app_project(&g.app, &found, &g.err), LT_NOT_FOUND, g.err);
    CHECK(!found);
}

Test(app, home_is_made_in_the_project_or_where_it_is_told)
{
    LT_AUTO(given) g = {0};
    const char *home = NULL;
    LT_AUTO(lt_chars) below = project_with("leat.yml");
    LT_AUTO(lt_chars) other = lt_path_join(below, "a/b");
    g.app.globals.project_dir =
        lt_arena_str(&g.app.arena, lt_text_sub(lt_text_of(below), 0, strlen(below) - 13));
    CHECK_OK(lt_app_home(&g.app, &home, &g.err), g.err);
    CHECK_STR(lt_path_name(home), ".leat");
    CHECK(lt_path_is_folder(home));
    g.app.globals.home = other;
    CHECK_OK(lt_app_home(&g.app, &home, &g.err), g.err);
    CHECK_STR(lt_path_name(home), "b");
    CHECK(lt_path_is_folder(other));
}
