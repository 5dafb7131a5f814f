/* Man pages in man(7) macros, made from the table of commands. */
#include "cli/cmd.h"

#include "base/version.h"

/* Text of a page: nothing in it is a request or an escape. */
static void text(lt_buf *out, const char *string)
{
    for (bool line_start = true; *string; string++) {
        if (line_start && (*string == '.' || *string == '\''))
            lt_buf_add_str(out, "\\&");
        line_start = *string == '\n';
        if (*string == '\\')
            lt_buf_add_str(out, "\\e");
        else if (*string == '-')
            lt_buf_add_str(out, "\\-");
        else if (*string == '\'')
            lt_buf_add_str(out, "\\(aq");
        else
            lt_buf_add_byte(out, *string);
    }
}

static void option(lt_buf *out, const lt_opt *opt)
{
    lt_buf_add_str(out, ".TP\n");
    if (opt->letter)
        lt_buf_printf(out, "\\fB\\-%c\\fR, ", opt->letter);
    lt_buf_add_str(out, "\\fB\\-\\-");
    text(out, opt->name);
    lt_buf_add_str(out, "\\fR");
    if (opt->type != LT_OPT_FLAG)
        lt_buf_printf(out, " \\fI%s\\fR", opt->value ? opt->value : "VALUE");
    lt_buf_add_byte(out, '\n');
    text(out, opt->help);
    if (opt->choices) {
        lt_buf_add_str(out, " (one of: ");
        text(out, opt->choices);
        lt_buf_add_byte(out, ')');
    }
    if (opt->type == LT_OPT_LIST)
        lt_buf_add_str(out, "; may be given several times");
    if (opt->preset) {
        lt_buf_add_str(out, " [");
        text(out, opt->preset);
        lt_buf_add_byte(out, ']');
    }
    if (opt->env)
        lt_buf_printf(out, "; also from the environment variable %s", opt->env);
    lt_buf_add_str(out, ".\n");
}

static void options(lt_buf *out, const char *title, const lt_opt *opts, size_t count)
{
    if (!count)
        return;
    lt_buf_printf(out, ".SH %s\n", title);
    for (size_t i = 0; i < count; i++)
        if (!opts[i].hidden)
            option(out, &opts[i]);
}

static void page_name(lt_buf *out, const char *cmd_name)
{
    for (; *cmd_name; cmd_name++)
        lt_buf_add_str(out, *cmd_name == ' ' ? "\\-" : (char[]){*cmd_name, '\0'});
}

static void paragraphs(lt_buf *out, const char *about)
{
    lt_text rest = lt_text_of(about), line;
    lt_buf_add_str(out, ".SH DESCRIPTION\n");
    while (lt_text_cut(&rest, '\n', &line)) {
        LT_AUTO(lt_chars) string = lt_text_dup(line);
        if (!line.len) {
            lt_buf_add_str(out, ".PP\n");
            continue;
        }
        text(out, string);
        lt_buf_add_byte(out, '\n');
    }
}

static void examples(lt_buf *out, const char *lines)
{
    lt_text rest = lt_text_of(lines), line, left;
    lt_buf_add_str(out, ".SH EXAMPLES\n");
    while (lt_text_cut(&rest, '\n', &line)) {
        lt_text right = line;
        if (!line.len || !lt_text_cut(&right, '\t', &left))
            continue;
        LT_AUTO(lt_chars) typed = lt_text_dup(left);
        LT_AUTO(lt_chars) meant = lt_text_dup(right);
        lt_buf_add_str(out, ".TP\n\\fB");
        text(out, typed);
        lt_buf_add_str(out, "\\fR\n");
        text(out, meant);
        lt_buf_add_str(out, ".\n");
    }
}

static void commands(lt_buf *out, const lt_cmd *const *cmds)
{
    lt_buf_add_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; cmds[i]; i++) {
        if (cmds[i]->hidden)
            continue;
        lt_buf_printf(out, ".TP\n\\fB%s\\fR\n", cmds[i]->name);
        text(out, cmds[i]->help);
        lt_buf_add_str(out, ".\n");
    }
}

static const char exit_codes[] = ".SH EXIT STATUS\n"
                                 ".TP\n0\ndone.\n"
                                 ".TP\n1\nthe data, models or tests of the project failed.\n"
                                 ".TP\n2\nthe command or the files are wrong.\n"
                                 ".TP\n3\nthe machine or a service failed.\n"
                                 ".TP\n130\nstopped by Ctrl\\-C.\n";

void lt_man_write(const lt_cmd *const *cmds, const lt_cmd *cmd, const char *cmd_name, lt_buf *out)
{
    const lt_cmd *const *subs = cmd ? cmd->subs : cmds;
    lt_buf_add_str(out, ".TH \"");
    page_name(out, cmd_name);
    lt_buf_printf(out, "\" 1 \"\" \"leat %s\" \"leat\"\n.SH NAME\n", LT_VERSION);
    page_name(out, cmd_name);
    lt_buf_add_str(out, " \\- ");
    text(out, cmd ? cmd->help : "carry data the whole way: extract, store, load, model, test, run");
    lt_buf_printf(out, "\n.SH SYNOPSIS\n\\fB%s\\fR [\\fIOPTION\\fR...]", cmd_name);
    if (cmd && cmd->args)
        lt_buf_printf(out, " \\fI%s\\fR", cmd->args);
    if (cmd && cmd->run && subs)
        lt_buf_printf(out, "\n.br\n\\fB%s\\fR", cmd_name);
    if (subs)
        lt_buf_add_str(out, " \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]");
    lt_buf_add_byte(out, '\n');
    if (cmd && cmd->about)
        paragraphs(out, cmd->about);
    if (subs)
        commands(out, subs);
    if (cmd)
        options(out, "OPTIONS", cmd->opts, cmd->opt_count);
    if (cmd && cmd->examples)
        examples(out, cmd->examples);
    options(out, "OPTIONS OF EVERY COMMAND", lt_global_opts, lt_global_opt_count);
    lt_buf_add_str(out, exit_codes);
    if (cmd)
        lt_buf_add_str(out, ".SH SEE ALSO\n\\fBleat\\fR(1)\n");
}
