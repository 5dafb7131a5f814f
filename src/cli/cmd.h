/* cmd.h - a command is a table entry: name, help, options, what it runs. Help, completion and man pages come from the table.
 *
 * To add one: a file cmd_NAME.c with a `const lt_cmd lt_cmd_NAME`, and a line in commands.c. */
#pragma once
#include "cli/opt.h"
#include "cli/out.h"

typedef struct lt_cmd lt_cmd;

/* What every command may be told, before or behind its name. */
typedef struct lt_globals {
    const char *project_dir, *home, *target; /* NULL: not given */
    bool json, quiet, verbose, no_color, help, version;
} lt_globals;

/* The program: made by main, passed down, ended by main. */
typedef struct lt_app {
    lt_globals globals;
    lt_out out;                    /* results: standard output */
    lt_arena arena;                /* lives as long as the program */
    const lt_cmd *const *commands; /* NULL-terminated */
    const lt_cmd *cmd;             /* the one that runs */
    const char *cmd_name;          /* "leat store ls" */
    bool has_said; /* the command has shown its error in its own way: main does not */
} lt_app;

typedef struct lt_args {
    const char *const *items; /* borrowed from the command line */
    size_t count;
} lt_args;

typedef enum lt_cmd_group {
    LT_GROUP_PROJECT,
    LT_GROUP_RUN,
    LT_GROUP_DATA,
    LT_GROUP_MACHINE,
    LT_GROUP_COUNT
} lt_cmd_group;

/* Options under a heading of their own in help. */
typedef struct lt_opt_section {
    const char *heading; /* NULL: the end of the list */
    const lt_opt *opts;
    size_t count;
} lt_opt_section;

struct lt_cmd {
    const char *name;
    const char *help; /* one line, lower case, no dot: "run again what failed in a run" */
    const char *
        meant; /* what others call it, with blanks between: told to who types that, not taken; or NULL */
    /* What stands behind the name: "RUN", "[DIR]", "SOURCE... TARGET"; NULL: nothing. It is also the rule: words without
     * brackets are needed, "..." means any number. */
    const char *args;
    const char *about;    /* paragraphs for --help and the man page, or NULL; lines are wrapped */
    const char *examples; /* "command line\twhat it does\n" ..., or NULL */
    lt_cmd_group group;
    const lt_opt *opts;
    size_t opt_count, opts_size; /* LT_COUNT(opts), sizeof(the struct that they fill) */
    const lt_opt_section
        *sections; /* help shows these in place of the options of every command; or NULL */
    /* NULL-terminated. With `run`, too: that is called unless the word behind the name is one of these. */
    const lt_cmd *const *subs;
    bool raw; /* every word behind the name reaches run() unread */
    /* Of a raw command: its commands as completion and man pages show them; NULL-terminated, in the arena. Or NULL. */
    const lt_cmd *const *(*list)(lt_arena *arena);
    bool hidden; /* not in help, completion, man pages */
    /* `opts` is the filled struct (opts_size bytes; NULL when 0). Results go to app->out; errors are printed by main. */
    lt_status (*run)(lt_app *app, const void *opts, const lt_args *args, lt_err *err);
};

extern const lt_cmd *const lt_commands[]; /* NULL-terminated, in the order of help */
extern const lt_opt lt_global_opts[];
extern const size_t lt_global_opt_count;

/* Find the command that the words name and run it. `words` are argv without argv[0]. */
LT_MUST_CHECK lt_status lt_cli_run(lt_app *app, size_t count, const char *const *words,
                                   lt_err *err);
/* 0 done; 1 the user's data, models or tests failed; 2 the command or the files are wrong; 3 the machine or a service
 * failed; 128 + signal after being stopped. */
int lt_cli_exit_code(lt_status status);

/* ---- where things are; found on first use ---- */

/* The project's folder: --project-dir, or the nearest folder with leat.yml (or dbt_project.yml) from here upwards, as an
 * absolute path in app->arena. LT_NOT_FOUND says how to make one. */
LT_MUST_CHECK lt_status lt_app_project(lt_app *app, const char **folder, lt_err *err);
/* The home folder: --home, or .leat in the project; made (0750) when it is not there. */
LT_MUST_CHECK lt_status lt_app_home(lt_app *app, const char **folder, lt_err *err);

/* ---- texts made from the table ---- */

void lt_help_write(const lt_app *app, const lt_cmd *cmd, const char *cmd_name, lt_out *out);
/* A script for "bash", "zsh" or "fish". */
LT_MUST_CHECK lt_status lt_completion_write(const lt_cmd *const *commands, const char *shell,
                                            lt_buf *out, lt_err *err);
/* The page of one command, `cmd_name` "leat store ls"; cmd NULL is leat itself. man(7) macros. */
void lt_man_write(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *cmd_name, lt_buf *out);

/* True until NULL or the end: `for (size_t i = 0; cmds && cmds[i]; i++)`. */
const lt_cmd *lt_cmd_find(const lt_cmd *const *cmds, const char *name);
/* How many arguments `args` asks for, and allows (SIZE_MAX: any number). */
void lt_cmd_arg_counts(const char *args, size_t *least, size_t *most);
