/* Help, made from the table of commands. */
#include "cli/cmd.h"

enum { WIDEST = 100, NARROWEST = 40, INDENT = 2, LONGEST_LEFT = 30 };

static const char *const group_titles[LT_GROUP_COUNT] = {
    [LT_GROUP_PROJECT] = "Projects",
    [LT_GROUP_RUN] = "Runs",
    [LT_GROUP_DATA] = "Data",
    [LT_GROUP_MACHINE] = "This machine",
};

static size_t line_width(const lt_out *out)
{
    return out->width ? LT_MAX(LT_MIN(out->width, (size_t)WIDEST), (size_t)NARROWEST) : WIDEST;
}

static void spaces(lt_out *out, size_t count)
{
    lt_out_printf(out, "%*s", (int)count, "");
}

/* Words from the column `at` on, wrapped; later lines begin at `margin`. Ends with a new line. */
static void wrap(lt_out *out, lt_text text, size_t at, size_t margin)
{
    lt_text word;
    bool first = true;
    while (lt_text_cut(&text, ' ', &word)) {
        size_t columns = lt_text_columns(word);
        if (!first && at + 1 + columns > line_width(out)) {
            lt_out_str(out, "\n");
            spaces(out, margin);
            at = margin;
        } else if (!first) {
            lt_out_str(out, " ");
            at++;
        }
        lt_out_text(out, word);
        at += columns;
        first = false;
    }
    lt_out_str(out, "\n");
}

static void paragraphs(lt_out *out, const char *about)
{
    lt_text rest = lt_text_of(about), line;
    while (lt_text_cut(&rest, '\n', &line))
        wrap(out, line, 0, 0);
}

static void title(lt_out *out, const char *text)
{
    lt_out_str(out, "\n");
    lt_out_styled(out, LT_BOLD, lt_text_of(text));
    lt_out_str(out, "\n");
}

/* "  left       right, wrapped" with the right side at `margin`. */
static void row(lt_out *out, lt_text left, lt_text right, size_t margin)
{
    size_t used = INDENT + lt_text_columns(left);
    spaces(out, INDENT);
    lt_out_styled(out, LT_CYAN, left);
    if (used + 2 > margin) {
        lt_out_str(out, "\n");
        used = 0;
    }
    spaces(out, margin - used);
    wrap(out, right, margin, margin);
}

static void option_left(const lt_opt *opt, lt_buf *out)
{
    lt_buf_clear(out);
    if (opt->letter)
        lt_buf_printf(out, "-%c, ", opt->letter);
    else
        lt_buf_add_str(out, "    ");
    lt_buf_printf(out, "--%s", opt->name);
    if (opt->type != LT_OPT_FLAG)
        lt_buf_printf(out, " %s", opt->value ? opt->value : "VALUE");
}

static void option_right(const lt_opt *opt, lt_buf *out)
{
    lt_buf_clear(out);
    lt_buf_add_str(out, opt->help);
    if (opt->choices)
        lt_buf_printf(out, " (%s)", opt->choices);
    if (opt->type == LT_OPT_LIST)
        lt_buf_add_str(out, "; may be given several times");
    if (opt->preset)
        lt_buf_printf(out, " [%s]", opt->preset);
}

static size_t options_margin(const lt_opt *opts, size_t count)
{
    size_t widest = 0;
    LT_AUTO(lt_buf) left = {0};
    for (size_t i = 0; i < count; i++) {
        option_left(&opts[i], &left);
        if (!opts[i].hidden && left.len <= LONGEST_LEFT)
            widest = LT_MAX(widest, left.len);
    }
    return INDENT + widest + 2;
}

static void options(lt_out *out, const char *heading, const lt_opt *opts, size_t count)
{
    LT_AUTO(lt_buf) left = {0};
    LT_AUTO(lt_buf) right = {0};
    size_t margin = options_margin(opts, count);
    if (!count)
        return;
    title(out, heading);
    for (size_t i = 0; i < count; i++) {
        if (opts[i].hidden)
            continue;
        option_left(&opts[i], &left);
        option_right(&opts[i], &right);
        row(out, lt_buf_text(&left), lt_buf_text(&right), margin);
    }
}

static size_t commands_margin(const lt_cmd *const *cmds)
{
    size_t widest = 0;
    for (size_t i = 0; cmds[i]; i++)
        widest = cmds[i]->hidden ? widest : LT_MAX(widest, strlen(cmds[i]->name));
    return INDENT + widest + 2;
}

static void commands(lt_out *out, const char *heading, const lt_cmd *const *cmds, int group)
{
    bool any = false;
    for (size_t i = 0; cmds[i]; i++) {
        const lt_cmd *cmd = cmds[i];
        if (cmd->hidden || (group >= 0 && (int)cmd->group != group))
            continue;
        if (!any)
            title(out, heading);
        any = true;
        row(out, lt_text_of(cmd->name), lt_text_of(cmd->help), commands_margin(cmds));
    }
}

static void examples(lt_out *out, const char *lines)
{
    lt_text rest = lt_text_of(lines), line, left;
    size_t widest = 0;
    while (lt_text_cut(&rest, '\n', &line))
        widest = LT_MAX(widest, LT_MIN(lt_text_find_byte(line, '\t', 0), line.len));
    title(out, "Examples");
    rest = lt_text_of(lines);
    while (lt_text_cut(&rest, '\n', &line)) {
        lt_text right = line;
        if (line.len && lt_text_cut(&right, '\t', &left))
            row(out, left, right, INDENT + widest + 2);
    }
}

static void usage(lt_out *out, const lt_cmd *cmd, const char *cmd_name)
{
    lt_out_styled(out, LT_BOLD, T("Usage:"));
    lt_out_printf(out, " %s [OPTION...]", cmd_name);
    if (cmd && cmd->args)
        lt_out_printf(out, " %s", cmd->args);
    if (cmd && cmd->run && cmd->subs)
        lt_out_printf(out, "\n       %s", cmd_name);
    if (!cmd || cmd->subs)
        lt_out_str(out, " COMMAND [ARGUMENT...]");
    lt_out_str(out, "\n");
}

static void top_help(const lt_app *app, lt_out *out)
{
    lt_out_str(out, "leat carries data the whole way: extract, store, load, model, test, run.\n\n");
    usage(out, NULL, "leat");
    for (int group = 0; group < LT_GROUP_COUNT; group++)
        commands(out, group_titles[group], app->commands, group);
    options(out, "Options of every command", lt_global_opts, lt_global_opt_count);
    lt_out_str(out, "\n'leat COMMAND --help' explains one. ");
    lt_out_str(out, "Exit codes: 0 done; 1 data, models or tests failed;\n2 the command or the "
                    "files are wrong; 3 the machine or a service failed.\n");
}

void lt_help_write(const lt_app *app, const lt_cmd *cmd, const char *cmd_name, lt_out *out)
{
    if (!cmd) {
        top_help(app, out);
        return;
    }
    lt_out_styled(out, LT_BOLD, lt_text_of(cmd_name));
    lt_out_str(out, ": ");
    wrap(out, lt_text_of(cmd->help), lt_text_columns(lt_text_of(cmd_name)) + 2, 0);
    lt_out_str(out, "\n");
    usage(out, cmd, cmd_name);
    if (cmd->about) {
        lt_out_str(out, "\n");
        paragraphs(out, cmd->about);
    }
    if (cmd->subs)
        commands(out, "Commands", cmd->subs, -1);
    options(out, "Options", cmd->opts, cmd->opt_count);
    for (const lt_opt_section *s = cmd->sections; s && s->heading; s++)
        options(out, s->heading, s->opts, s->count);
    if (cmd->examples)
        examples(out, cmd->examples);
    if (!cmd->sections)
        options(out, "Options of every command", lt_global_opts, lt_global_opt_count);
}
