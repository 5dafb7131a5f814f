/* The options of `leat dbt` as people read them: --help, completion, man pages. */
#include "cli/dbt/flag_table.h"

enum { ALL_SECTIONS = -1 };

static bool is_shown(const dbt_flag *f, dbt_verb verb, int section)
{
    bool is_of_verb = verb == DBT_VERBS ? !f->verbs : !f->verbs || (f->verbs & (1u << verb));
    return f->help && f->type <= DBT_FLAG_NUMBER && is_of_verb &&
           (section == ALL_SECTIONS || (int)f->section == section);
}

static size_t options_of(dbt_verb verb, int section, lt_arena *arena, const lt_opt **out)
{
    static const lt_opt_type types[] = {[DBT_FLAG_SWITCH] = LT_OPT_FLAG,
                                        [DBT_FLAG_TEXT] = LT_OPT_TEXT,
                                        [DBT_FLAG_WORDS] = LT_OPT_TEXT,
                                        [DBT_FLAG_NUMBER] = LT_OPT_TEXT};
    lt_opt *made = lt_alloc_array(arena, dbt_flag_count, sizeof(*made));
    size_t count = 0;
    for (size_t i = 0; i < dbt_flag_count; i++) {
        const dbt_flag *f = &dbt_flag_table[i];
        if (is_shown(f, verb, section))
            made[count++] =
                (lt_opt){.name = f->name,
                         .letter = f->letter,
                         .type = types[f->type],
                         .value = f->value,
                         .env = f->env ? lt_arena_format(arena, "DBT_%s", f->env) : NULL,
                         .help = f->help};
    }
    *out = made;
    return count;
}

/* ---- help ---- */

static const char *const headings[DBT_FLAGS_SECTIONS + 1] = {
    [DBT_FLAGS_NODES] = "Which nodes",  [DBT_FLAGS_STATE] = "Beside another run",
    [DBT_FLAGS_WORK] = "How it works",  [DBT_FLAGS_WHERE] = "Where things are",
    [DBT_FLAGS_LINES] = "What is said",
};

/* The selection of who selects nothing is taken, as dbt takes it, and is of no use. */
static bool selects(dbt_verb verb)
{
    const lt_opt *opts;
    LT_AUTO(lt_arena) arena = {0};
    size_t count = options_of(verb, DBT_FLAGS_NODES, &arena, &opts);
    for (size_t i = 0; i < count; i++)
        if (strcmp(opts[i].name, "select") == 0)
            return true;
    return verb == DBT_RETRY || verb == DBT_OPERATION;
}

static lt_opt_section *sections_of(dbt_verb verb, lt_arena *arena)
{
    lt_opt_section *made = lt_alloc_array(arena, DBT_FLAGS_SECTIONS + 1, sizeof(*made));
    size_t count = 0;
    for (int s = DBT_FLAGS_OWN + 1; s < DBT_FLAGS_SECTIONS; s++) {
        if ((s == DBT_FLAGS_NODES || s == DBT_FLAGS_STATE) && !selects(verb))
            continue;
        made[count].heading = headings[s];
        made[count].count = options_of(verb, s, arena, &made[count].opts);
        count++;
    }
    made[count] = (lt_opt_section){0};
    return made;
}

/* Each command once, in two words where it has two. */
static const lt_cmd *const *listed(lt_arena *arena)
{
    const lt_cmd **made = lt_alloc_array(arena, dbt_verb_count + 1, sizeof(*made));
    size_t count = 0;
    for (size_t i = 0; i < dbt_verb_count; i++) {
        const dbt_verb_row *row = &dbt_verbs[i];
        lt_cmd *cmd = LT_NEW(arena, lt_cmd);
        if (i && dbt_verbs[i - 1].verb == row->verb)
            continue;
        *cmd =
            (lt_cmd){.name = row->second ? lt_arena_format(arena, "%s %s", row->name, row->second)
                                         : row->name,
                     .help = row->help};
        made[count++] = cmd;
    }
    made[count] = NULL;
    return made;
}

static void say_switches(lt_app *app)
{
    lt_out_str(&app->out, "--no-NAME turns off an option that takes no value; most may also be set "
                          "by DBT_NAME in the environment.\n");
}

static const char *inert_ones(lt_arena *arena)
{
    LT_AUTO(lt_buf) out = {0};
    lt_buf_add_str(&out,
                   "In the folder of a dbt project: dbt's options, variables, artifacts and exit "
                   "codes. Taken for dbt's sake, without effect here:");
    for (size_t i = 0; i < dbt_flag_count; i++)
        if (!dbt_flag_table[i].help)
            lt_buf_printf(&out, " --%s", dbt_flag_table[i].name);
    return lt_arena_str(arena, lt_buf_text(&out));
}

static void help_of_all(lt_app *app)
{
    const lt_cmd cmd = {.help = "a dbt project as it is",
                        .about = inert_ones(&app->arena),
                        .subs = listed(&app->arena),
                        .sections = sections_of(DBT_VERBS, &app->arena)};
    lt_help_write(app, &cmd, "leat dbt", &app->out);
    lt_out_str(&app->out, "\n'leat dbt COMMAND --help' lists what a command takes beside these.\n");
    say_switches(app);
}

void dbt_flags_help(lt_app *app, const dbt_flags *given)
{
    for (size_t i = 0; i < dbt_verb_count; i++) {
        const dbt_verb_row *row = &dbt_verbs[i];
        if (row->verb != given->verb)
            continue;
        lt_cmd cmd = {.help = row->help,
                      .args = row->args,
                      .examples = row->examples,
                      .sections = sections_of(row->verb, &app->arena)};
        cmd.opt_count = options_of(row->verb, DBT_FLAGS_OWN, &app->arena, &cmd.opts);
        lt_help_write(app, &cmd,
                      lt_arena_format(&app->arena, "leat dbt %s%s%s", row->name,
                                      row->second ? " " : "", row->second ? row->second : ""),
                      &app->out);
        lt_out_str(&app->out, "\n");
        say_switches(app);
        return;
    }
    help_of_all(app);
}

/* ---- the same as commands, for completion and man pages ---- */

static lt_cmd *command_of(size_t i, const char *name, lt_arena *arena)
{
    lt_cmd *made = LT_NEW(arena, lt_cmd);
    *made = (lt_cmd){.name = name, .help = dbt_verbs[i].help};
    made->opt_count = options_of(dbt_verbs[i].verb, ALL_SECTIONS, arena, &made->opts);
    return made;
}

/* "docs" with its second words below it. */
static lt_cmd *command_above(const char *name, lt_arena *arena)
{
    const lt_cmd **subs = lt_alloc_array(arena, dbt_verb_count + 1, sizeof(*subs));
    lt_cmd *made = LT_NEW(arena, lt_cmd);
    size_t count = 0;
    *made = (lt_cmd){.name = name, .subs = subs};
    for (size_t i = 0; i < dbt_verb_count; i++)
        if (strcmp(dbt_verbs[i].name, name) == 0) {
            subs[count++] = command_of(i, dbt_verbs[i].second, arena);
            made->help = made->help ? "the page of the project" : dbt_verbs[i].help;
        }
    return made;
}

const lt_cmd *const *dbt_flags_commands(lt_arena *arena)
{
    const lt_cmd **made = lt_alloc_array(arena, dbt_verb_count + 1, sizeof(*made));
    size_t count = 0;
    for (size_t i = 0; i < dbt_verb_count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < count; k++)
            is_there |= strcmp(made[k]->name, dbt_verbs[i].name) == 0;
        if (!is_there)
            made[count++] = dbt_verbs[i].second ? command_above(dbt_verbs[i].name, arena)
                                                : command_of(i, dbt_verbs[i].name, arena);
    }
    return made;
}
