/* Completion scripts for bash, zsh and fish, made from the table of commands. */
#include "cli/cmd.h"

/* The scripts know a command by its path: "." is leat itself, "./store/ls" a command of a command. */
typedef void visit_fn(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path, lt_buf *out);

static void walk(const lt_cmd *const *cmds, const char *path, visit_fn *visit, lt_buf *out)
{
    for (size_t i = 0; cmds && cmds[i]; i++) {
        if (cmds[i]->hidden)
            continue;
        LT_AUTO(lt_chars) below = lt_format("%s/%s", path, cmds[i]->name);
        visit(cmds, cmds[i], below, out);
        walk(cmds[i]->subs, below, visit, out);
    }
}

/* In single quotes, for sh and zsh. */
static void quoted(lt_buf *out, const char *text)
{
    lt_buf_add_byte(out, '\'');
    for (; *text; text++)
        lt_buf_add_str(out, *text == '\'' ? "'\\''" : (char[]){*text, '\0'});
    lt_buf_add_byte(out, '\'');
}

static bool is_called(const char *value, const char *name)
{
    return value && strcmp(value, name) == 0;
}

static void path_pattern(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path,
                         lt_buf *out)
{
    (void)cmds;
    (void)cmd;
    lt_buf_printf(out, "%s%s", out->len && out->data[out->len - 1] == ' ' ? "" : "|", path);
}

/* ---- bash ---- */

static void names(const lt_cmd *const *cmds, lt_buf *out)
{
    for (size_t i = 0; cmds && cmds[i]; i++)
        if (!cmds[i]->hidden)
            lt_buf_printf(out, "%s ", cmds[i]->name);
}

static void option_names(const lt_opt *opts, size_t count, lt_buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (!opts[i].hidden)
            lt_buf_printf(out, "--%s ", opts[i].name);
}

static void bash_case(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path, lt_buf *out)
{
    (void)cmds;
    lt_buf_printf(out, "    %s)\n        names='", path);
    names(cmd->subs, out);
    lt_buf_add_str(out, "'\n        opts='");
    option_names(cmd->opts, cmd->opt_count, out);
    lt_buf_add_str(out, "'\n        ;;\n");
}

static void bash_values(const char *path, const lt_opt *opts, size_t count, lt_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const lt_opt *opt = &opts[i];
        if (opt->type == LT_OPT_FLAG || opt->hidden)
            continue;
        lt_buf_printf(out, "    %s' --%s'", path, opt->name);
        if (opt->letter)
            lt_buf_printf(out, " | %s' -%c'", path, opt->letter);
        lt_buf_add_str(out, ")\n        ");
        if (opt->choices)
            lt_buf_printf(out, "mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n",
                          opt->choices);
        else if (is_called(opt->value, "DIR") || is_called(opt->value, "FILE"))
            lt_buf_printf(out,
                          "compopt -o filenames\n        mapfile -t COMPREPLY < <(compgen -%c -- "
                          "\"$cur\")\n",
                          opt->value[0] == 'D' ? 'd' : 'f');
        else
            lt_buf_add_str(out, "COMPREPLY=()\n");
        lt_buf_add_str(out, "        return\n        ;;\n");
    }
}

static void bash_cmd_values(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path,
                            lt_buf *out)
{
    (void)cmds;
    bash_values(path, cmd->opts, cmd->opt_count, out);
}

static void bash_script(const lt_cmd *const *cmds, lt_buf *out)
{
    lt_buf_add_str(out, "# bash completion for leat\n"
                        "_leat() {\n"
                        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                        "    local at=. names= opts= i\n"
                        "    if [ \"$cur\" = '=' ]; then cur=; "
                        "elif [ \"$prev\" = '=' ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
                        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "        case $at/${COMP_WORDS[i]} in\n"
                        "        ");
    walk(cmds, ".", path_pattern, out);
    lt_buf_add_str(out, ") at=$at/${COMP_WORDS[i]} ;;\n        esac\n    done\n"
                        "    case \"$at $prev\" in\n");
    bash_values("*", lt_global_opts, lt_global_opt_count, out);
    walk(cmds, ".", bash_cmd_values, out);
    lt_buf_add_str(out, "    esac\n    case $at in\n    .) names='");
    names(cmds, out);
    lt_buf_add_str(out, "' ;;\n");
    walk(cmds, ".", bash_case, out);
    lt_buf_add_str(out, "    esac\n    if [[ $cur == -* ]]; then\n"
                        "        mapfile -t COMPREPLY < <(compgen -W \"$opts ");
    option_names(lt_global_opts, lt_global_opt_count, out);
    lt_buf_add_str(out, "\" -- \"$cur\")\n"
                        "    elif [ -n \"$names\" ]; then\n"
                        "        mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$cur\")\n"
                        "    else\n"
                        "        compopt -o filenames\n"
                        "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                        "    fi\n}\ncomplete -F _leat leat\n");
}

/* ---- zsh ---- */

/* 'name:help' */
static void zsh_entry(lt_buf *out, const char *dashes, const char *name, const char *help)
{
    LT_AUTO(lt_chars) entry = lt_format("%s%s:%s", dashes, name, help);
    quoted(out, entry);
    lt_buf_add_byte(out, ' ');
}

static void zsh_names(const lt_cmd *const *cmds, lt_buf *out)
{
    for (size_t i = 0; cmds && cmds[i]; i++)
        if (!cmds[i]->hidden)
            zsh_entry(out, "", cmds[i]->name, cmds[i]->help);
}

static void zsh_options(const lt_opt *opts, size_t count, lt_buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (!opts[i].hidden)
            zsh_entry(out, "--", opts[i].name, opts[i].help);
}

static void zsh_case(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path, lt_buf *out)
{
    (void)cmds;
    lt_buf_printf(out, "    (%s)\n        names=(", path);
    zsh_names(cmd->subs, out);
    lt_buf_add_str(out, ")\n        opts+=(");
    zsh_options(cmd->opts, cmd->opt_count, out);
    lt_buf_add_str(out, ")\n        ;;\n");
}

static void zsh_values(const char *path, const lt_opt *opts, size_t count, lt_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const lt_opt *opt = &opts[i];
        if (opt->type == LT_OPT_FLAG || opt->hidden)
            continue;
        lt_buf_printf(out, "    (%s' --%s'", path, opt->name);
        if (opt->letter)
            lt_buf_printf(out, "|%s' -%c'", path, opt->letter);
        lt_buf_add_str(out, ") ");
        if (opt->choices)
            lt_buf_printf(out, "compadd -- %s", opt->choices);
        else if (is_called(opt->value, "DIR"))
            lt_buf_add_str(out, "_files -/");
        else if (is_called(opt->value, "FILE"))
            lt_buf_add_str(out, "_files");
        else
            lt_buf_printf(out, "_message %s", opt->value ? opt->value : "VALUE");
        lt_buf_add_str(out, "; return ;;\n");
    }
}

static void zsh_cmd_values(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path,
                           lt_buf *out)
{
    (void)cmds;
    zsh_values(path, cmd->opts, cmd->opt_count, out);
}

static void zsh_script(const lt_cmd *const *cmds, lt_buf *out)
{
    lt_buf_add_str(out, "#compdef leat\n"
                        "_leat() {\n"
                        "    local at=. i\n"
                        "    local -a names opts\n"
                        "    for ((i = 2; i < CURRENT; i++)); do\n"
                        "        case $at/$words[i] in\n"
                        "        ( ");
    walk(cmds, ".", path_pattern, out);
    lt_buf_add_str(out, ") at=$at/$words[i] ;;\n        esac\n    done\n"
                        "    case \"$at $words[CURRENT-1]\" in\n");
    zsh_values("*", lt_global_opts, lt_global_opt_count, out);
    walk(cmds, ".", zsh_cmd_values, out);
    lt_buf_add_str(out, "    esac\n    opts=(");
    zsh_options(lt_global_opts, lt_global_opt_count, out);
    lt_buf_add_str(out, ")\n    case $at in\n    (.)\n        names=(");
    zsh_names(cmds, out);
    lt_buf_add_str(out, ")\n        ;;\n");
    walk(cmds, ".", zsh_case, out);
    lt_buf_add_str(out, "    esac\n"
                        "    if [[ $words[CURRENT] == -* ]]; then _describe option opts\n"
                        "    elif (( $#names )); then _describe command names\n"
                        "    else _files; fi\n"
                        "}\n"
                        "if [ \"$funcstack[1]\" = _leat ]; then _leat \"$@\"; "
                        "else compdef _leat leat; fi\n");
}

/* ---- fish ---- */

static void fish_quoted(lt_buf *out, const char *text)
{
    lt_buf_add_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            lt_buf_add_byte(out, '\\');
        lt_buf_add_byte(out, *text);
    }
    lt_buf_add_byte(out, '\'');
}

static void fish_options(const char *path, const lt_opt *opts, size_t count, lt_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const lt_opt *opt = &opts[i];
        if (opt->hidden)
            continue;
        lt_buf_add_str(out, "complete -c leat");
        if (path)
            lt_buf_printf(out, " -n '__leat_is %s'", path);
        lt_buf_printf(out, " -l %s", opt->name);
        if (opt->letter)
            lt_buf_printf(out, " -s %c", opt->letter);
        if (opt->choices)
            lt_buf_printf(out, " -x -a '%s'", opt->choices);
        else if (is_called(opt->value, "DIR"))
            lt_buf_add_str(out, " -x -a '(__fish_complete_directories)'");
        else if (opt->type != LT_OPT_FLAG)
            lt_buf_add_str(out, is_called(opt->value, "FILE") ? " -r -F" : " -x");
        lt_buf_add_str(out, " -d ");
        fish_quoted(out, opt->help);
        lt_buf_add_byte(out, '\n');
    }
}

static void fish_command(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path,
                         lt_buf *out)
{
    (void)cmds;
    lt_text parent = lt_text_sub(lt_text_of(path), 0, strlen(path) - strlen(cmd->name) - 1);
    lt_buf_printf(out, "complete -c leat -n '__leat_is %.*s' -f -a %s -d ", LT_ARG(parent),
                  cmd->name);
    fish_quoted(out, cmd->help);
    lt_buf_add_byte(out, '\n');
    fish_options(path, cmd->opts, cmd->opt_count, out);
}

static void fish_path(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *path, lt_buf *out)
{
    (void)cmds;
    (void)cmd;
    lt_buf_printf(out, " %s", path);
}

static void fish_script(const lt_cmd *const *cmds, lt_buf *out)
{
    lt_buf_add_str(out, "# fish completion for leat\n"
                        "function __leat_is\n"
                        "    set -l at .\n"
                        "    for word in (commandline -opc)[2..]\n"
                        "        switch $at/$word\n"
                        "            case");
    walk(cmds, ".", fish_path, out);
    lt_buf_add_str(out, "\n                set at $at/$word\n"
                        "        end\n"
                        "    end\n"
                        "    test $at = $argv[1]\n"
                        "end\n");
    fish_options(NULL, lt_global_opts, lt_global_opt_count, out);
    walk(cmds, ".", fish_command, out);
}

lt_status lt_completion_write(const lt_cmd *const *commands, const char *shell, lt_buf *out,
                              lt_err *err)
{
    static const struct {
        const char *shell;
        void (*write)(const lt_cmd *const *cmds, lt_buf *out);
    } writers[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < LT_COUNT(writers); i++) {
        if (strcmp(writers[i].shell, shell) != 0)
            continue;
        writers[i].write(commands, out);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no completion for '%s'", shell));
    return lt_hint(err, "choose one of: bash zsh fish");
}
