/* Reading the options of `leat dbt`: from the command line, the environment, the project, and the run that is done again. */
#include "cli/dbt/flag_table.h"

#include <stdlib.h>

/* ---- setting one ---- */

static void *place(dbt_flags *out, const dbt_flag *f)
{
    return (char *)out + f->offset;
}

static bool is_true(const char *value)
{
    static const char *const no[] = {"", "0", "false", "f", "no", "n", "off"};
    for (size_t i = 0; i < LT_COUNT(no); i++)
        if (lt_text_eq_nocase(lt_text_of(no[i]), lt_text_of(value)))
            return false;
    return true;
}

static lt_status set(dbt_flags *out, const dbt_flag *f, const char *value, lt_arena *arena,
                     lt_err *err)
{
    int64_t number;
    switch (f->type) {
    case DBT_FLAG_SWITCH:
    case DBT_FLAG_INERT:
        *(int *)place(out, f) = is_true(value);
        return LT_OK;
    case DBT_FLAG_TEXT:
        *(const char **)place(out, f) = value;
        return LT_OK;
    case DBT_FLAG_WORDS:
        lt_push_in(arena, (lt_strings *)place(out, f), value);
        return LT_OK;
    case DBT_FLAG_NUMBER:
        if (!lt_text_to_i64(lt_text_of(value), &number)) {
            lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is not a number", f->name, value));
            return lt_hint(err, "give a whole number");
        }
        *(int64_t *)place(out, f) = number;
        return LT_OK;
    default:
        return LT_OK;
    }
}

static bool is_said(const dbt_flags *out, const dbt_flag *f)
{
    const char *at = (const char *)out + f->offset;
    switch (f->type) {
    case DBT_FLAG_SWITCH:
    case DBT_FLAG_INERT:
        return *(const int *)(const void *)at >= 0;
    case DBT_FLAG_TEXT:
        return *(const char *const *)(const void *)at != NULL;
    case DBT_FLAG_WORDS:
        return ((const lt_strings *)(const void *)at)->len > 0;
    case DBT_FLAG_NUMBER:
        return *(const int64_t *)(const void *)at != DBT_NO_NUMBER;
    default:
        return true;
    }
}

/* ---- words ---- */

static bool takes_value(const dbt_flag *f)
{
    return f->type != DBT_FLAG_SWITCH && f->type != DBT_FLAG_INERT;
}

static const dbt_flag *find_long(lt_text name, bool *off)
{
    *off = false;
    for (size_t i = 0; i < dbt_flag_count; i++)
        if (lt_text_eq(lt_text_of(dbt_flag_table[i].name), name) ||
            (dbt_flag_table[i].other && lt_text_eq(lt_text_of(dbt_flag_table[i].other), name)))
            return &dbt_flag_table[i];
    if (!lt_text_starts(name, T("no-")))
        return NULL;
    const dbt_flag *found = find_long(lt_text_sub(name, 3, SIZE_MAX), off);
    *off = true;
    return found && !takes_value(found) ? found : NULL;
}

static const dbt_flag *find_letter(char letter)
{
    if (letter == 'V') /* dbt's -v and -V are one */
        letter = 'v';
    for (size_t i = 0; i < dbt_flag_count; i++)
        if (dbt_flag_table[i].letter == letter)
            return &dbt_flag_table[i];
    return NULL;
}

static lt_text flag_name(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(dbt_flag_table[i].name);
}

static lt_status unknown(const char *word, lt_err *err)
{
    lt_text nearest, name = lt_text_of(word);
    while (name.len && name.ptr[0] == '-')
        name = lt_text_sub(name, 1, SIZE_MAX);
    lt_ignore(lt_fail(err, LT_INVALID, "no such option: %s", word));
    if (lt_text_nearest(name, dbt_flag_count, flag_name, NULL, &nearest))
        return lt_hint(err, "did you mean '--%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'leat dbt --help' lists what there is");
}

typedef struct word_reader {
    const lt_args *words;
    size_t at;
    dbt_flags *out;
    lt_arena *arena;
} word_reader;

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static lt_status read_values(word_reader *r, const dbt_flag *f, const char *inside, lt_err *err)
{
    if (inside)
        return set(r->out, f, inside, r->arena, err);
    if (r->at == r->words->count ||
        (f->type == DBT_FLAG_WORDS && is_option(r->words->items[r->at])))
        return lt_fail(err, LT_INVALID, "option --%s needs a value", f->name);
    LT_TRY(set(r->out, f, r->words->items[r->at++], r->arena, err));
    while (f->type == DBT_FLAG_WORDS && r->at < r->words->count &&
           !is_option(r->words->items[r->at]))
        LT_TRY(set(r->out, f, r->words->items[r->at++], r->arena, err));
    return LT_OK;
}

static lt_status read_option(word_reader *r, const char *word, lt_err *err)
{
    bool off = false, is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL, *inside = equals ? equals + 1 : NULL;
    lt_text name = lt_text_of(word + 1 + is_long);
    if (equals)
        name.len = (size_t)(equals - name.ptr);
    const dbt_flag *f = is_long ? find_long(name, &off) : find_letter(word[1]);
    if (!f)
        return unknown(word, err);
    if (!is_long && word[2] && takes_value(f))
        inside = word + 2;
    if (takes_value(f))
        return read_values(r, f, inside, err);
    if (!is_long && word[2])
        return unknown(word, err);
    return set(r->out, f, off ? "0" : inside ? inside : "1", r->arena, err);
}

static lt_text verb_name_at(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(dbt_verbs[i].name);
}

static lt_status read_verb(word_reader *r, const char *word, bool *found, lt_err *err)
{
    lt_text nearest;
    const char *next = r->at < r->words->count ? r->words->items[r->at] : NULL, *second = NULL;
    for (size_t i = 0; i < dbt_verb_count; i++) {
        if (strcmp(dbt_verbs[i].name, word) != 0)
            continue;
        if (dbt_verbs[i].second && (!next || strcmp(next, dbt_verbs[i].second) != 0)) {
            second = second ? second : dbt_verbs[i].second;
            continue;
        }
        r->at += dbt_verbs[i].second != NULL;
        r->out->verb = dbt_verbs[i].verb;
        *found = true;
        return LT_OK;
    }
    if (second && next && (strcmp(next, "--help") == 0 || strcmp(next, "-h") == 0))
        return LT_OK; /* help of all commands */
    if (second)
        return lt_fail(err, LT_INVALID, "write 'leat dbt %s %s'", word, second);
    lt_ignore(lt_fail(err, LT_INVALID, "no such command: '%s'", word));
    if (lt_text_nearest(lt_text_of(word), dbt_verb_count, verb_name_at, NULL, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'leat dbt --help' lists what there is");
}

static lt_status read_words(word_reader *r, lt_err *err)
{
    bool found = false;
    while (r->at < r->words->count) {
        const char *word = r->words->items[r->at++];
        if (is_option(word))
            LT_TRY(read_option(r, word, err));
        else if (!found)
            LT_TRY(read_verb(r, word, &found, err));
        else
            lt_push_in(r->arena, &r->out->rest, word);
    }
    if (!found)
        r->out->verb = DBT_VERBS;
    for (size_t i = 0; i < dbt_flag_count && found; i++)
        if (dbt_flag_table[i].verbs && !(dbt_flag_table[i].verbs & (1u << r->out->verb)) &&
            is_said(r->out, &dbt_flag_table[i]))
            return lt_fail(err, LT_INVALID, "'leat dbt %s' has no option --%s",
                           dbt_verb_name(r->out->verb), dbt_flag_table[i].name);
    if (found && r->out->rest.len && r->out->verb != DBT_OPERATION && r->out->verb != DBT_ORPHANS &&
        (r->out->verb != DBT_INIT || r->out->rest.len > 1))
        return lt_fail(err, LT_INVALID, "'leat dbt %s' takes no argument '%s'",
                       dbt_verb_name(r->out->verb), r->out->rest.items[0]);
    return LT_OK;
}

/* Other commands know --models as a name of --select; list means by it models alone. */
static lt_status settle_models(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    bool list = out->verb == DBT_LIST && out->models.len;
    out->names_models = out->models.len > 0;
    if (list && (out->select.len || out->resource_type.len))
        return lt_fail(err, LT_INVALID, "--models and --%s do not go together",
                       out->select.len ? "select" : "resource-type");
    for (size_t i = 0; i < out->models.len; i++)
        lt_push_in(arena, &out->select, out->models.items[i]);
    if (list)
        lt_push_in(arena, &out->resource_type, "model");
    out->models = (lt_strings){0};
    return LT_OK;
}

/* ---- beginning ---- */

static void reset(dbt_flags *out)
{
    *out = (dbt_flags){0};
    for (size_t i = 0; i < dbt_flag_count; i++)
        if (dbt_flag_table[i].type == DBT_FLAG_SWITCH || dbt_flag_table[i].type == DBT_FLAG_INERT)
            *(int *)place(out, &dbt_flag_table[i]) = -1;
        else if (dbt_flag_table[i].type == DBT_FLAG_NUMBER)
            *(int64_t *)place(out, &dbt_flag_table[i]) = DBT_NO_NUMBER;
}

/* DBT_ENGINE_X is the new name of DBT_X, and wins; templates and what reads the environment later see both. */
static void share_name(const char *name)
{
    LT_AUTO(lt_chars) old = lt_format("DBT_%s", name);
    LT_AUTO(lt_chars) new = lt_format("DBT_ENGINE_%s", name);
    const char *value = getenv(new), *before = getenv(old);
    if (value)
        (void)setenv(old, value, 1);
    else if (before)
        (void)setenv(new, before, 1);
}

static void share_names(void)
{
    for (size_t i = 0; i < dbt_flag_count; i++)
        if (dbt_flag_table[i].env)
            share_name(dbt_flag_table[i].env);
    for (size_t i = 0; dbt_other_variables[i]; i++)
        share_name(dbt_other_variables[i]);
}

/* Variables that have a new name; what is in one of them goes before the new one. */
static const struct {
    const char *old, *flag;
    bool is_opposite;
} renamed[] = {{"DBT_DEFER_TO_STATE", "defer", false},
               {"DBT_FAVOR_STATE_MODE", "favor-state", false},
               {"DBT_NO_PRINT", "print", true},
               {"DBT_ARTIFACT_STATE_PATH", "state", false}};

static lt_status from_renamed(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(renamed); i++) {
        const char *value = getenv(renamed[i].old);
        for (size_t k = 0; value && k < dbt_flag_count; k++) {
            if (strcmp(dbt_flag_table[k].name, renamed[i].flag) != 0)
                continue;
            const char *now = lt_arena_format(arena, "DBT_ENGINE_%s", dbt_flag_table[k].env);
            const dbt_renamed found = {renamed[i].old, now};
            lt_push_in(arena, &out->renamed, found);
            if (renamed[i].is_opposite)
                value = is_true(value) ? "false" : "true";
            if (!is_said(out, &dbt_flag_table[k]))
                LT_TRY(set(out, &dbt_flag_table[k], value, arena, err));
        }
    }
    return LT_OK;
}

static lt_status from_environment(dbt_flags *out, lt_arena *arena, lt_err *err)
{
    share_names();
    LT_TRY(from_renamed(out, arena, err));
    for (size_t i = 0; i < dbt_flag_count; i++) {
        if (!dbt_flag_table[i].env || is_said(out, &dbt_flag_table[i]))
            continue;
        LT_AUTO(lt_chars) name = lt_format("DBT_%s", dbt_flag_table[i].env);
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        if (dbt_flag_table[i].type != DBT_FLAG_WORDS) {
            LT_TRY(set(out, &dbt_flag_table[i], value, arena, err));
            continue;
        }
        lt_text rest = lt_text_of(value), part;
        while (lt_text_cut(&rest, ' ', &part))
            if (part.len)
                LT_TRY(set(out, &dbt_flag_table[i], lt_arena_str(arena, part), arena, err));
    }
    return LT_OK;
}

lt_status dbt_flags_read(lt_app *app, const lt_args *words, dbt_flags *out, lt_err *err)
{
    word_reader r = {.words = words, .out = out, .arena = &app->arena};
    reset(out);
    LT_TRY(read_words(&r, err));
    LT_TRY(settle_models(out, r.arena, err));
    if (!out->project_dir)
        out->project_dir = app->globals.project_dir;
    if (!out->target)
        out->target = app->globals.target;
    if (app->globals.quiet && out->quiet < 0)
        out->quiet = 1;
    return from_environment(out, &app->arena, err);
}

void dbt_flags_from_project(dbt_flags *out, lt_jinja_value project, lt_arena *arena)
{
    static const lt_jinja_json one_line = {0};
    out->project = project;
    for (size_t i = 0; i < dbt_flag_count; i++) {
        lt_jinja_value value;
        lt_err err = {0};
        LT_AUTO(lt_buf) text = {.limit = LT_KIB};
        if (project.type != LT_JINJA_DICT || dbt_flag_table[i].type == DBT_FLAG_WORDS ||
            is_said(out, &dbt_flag_table[i]) ||
            !lt_jinja_find(project, lt_text_of(dbt_flag_key(&dbt_flag_table[i], arena)), &value) ||
            value.type == LT_JINJA_NONE)
            continue;
        if (value.type != LT_JINJA_DICT || lt_jinja_to_json(value, &one_line, &text, &err) != LT_OK)
            lt_jinja_str(value, &text);
        lt_ignore(
            set(out, &dbt_flag_table[i], lt_arena_str(arena, lt_buf_text(&text)), arena, &err));
    }
}

/* As dbt's retry, which keeps these of the command line; and those of the log, which has begun already. */
static bool is_own_of_retry(const dbt_flags *said, const dbt_flag *f)
{
    static const char *const own[] = {
        "project-dir",     "profiles-dir",    "target-path", "defer-state",    "warn-error",
        "log-format",      "log-format-file", "log-level",   "log-level-file", "log-file-max-bytes",
        "log-path",        "debug",           "quiet",       "print",          "use-colors",
        "use-colors-file", "printer-width",   "version",     "help",           "show"};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (strcmp(own[i], f->name) == 0)
            return true;
    bool stays = strcmp(f->name, "vars") == 0 || strcmp(f->name, "threads") == 0;
    return f->type == DBT_FLAG_INERT || f->type == DBT_FLAG_INERT_TEXT ||
           (stays && is_said(said, f));
}

static void unset(dbt_flags *out, const dbt_flag *f)
{
    if (f->type == DBT_FLAG_SWITCH)
        *(int *)place(out, f) = -1;
    else if (f->type == DBT_FLAG_TEXT)
        *(const char **)place(out, f) = NULL;
    else if (f->type == DBT_FLAG_NUMBER)
        *(int64_t *)place(out, f) = DBT_NO_NUMBER;
    else
        *(lt_strings *)place(out, f) = (lt_strings){0};
}

static lt_status set_json(dbt_flags *out, const dbt_flag *f, const lt_json *value, lt_arena *arena,
                          lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_json_writer w = {.out = &text};
    unset(out, f);
    switch (value->kind) {
    case LT_JSON_NULL:
        return LT_OK;
    case LT_JSON_BOOL:
        return set(out, f, value->truth ? "1" : "0", arena, err);
    case LT_JSON_ARRAY:
        for (size_t i = 0; f->type == DBT_FLAG_WORDS && i < value->count; i++)
            LT_TRY(set(out, f, lt_arena_str(arena, value->items[i].text), arena, err));
        return LT_OK;
    case LT_JSON_OBJECT: /* --vars and --warn-error-options are YAML, and so is JSON */
        lt_json_tree(&w, value);
        LT_TRY(lt_buf_check(&text, f->name, err));
        return f->type == DBT_FLAG_TEXT
                   ? set(out, f, lt_arena_str(arena, lt_buf_text(&text)), arena, err)
                   : LT_OK;
    default:
        return set(out, f, lt_arena_str(arena, value->text), arena, err);
    }
}

/* Results always have warn_error_options: {"error": [], ...} says nothing, and would not go together with --warn-error. */
static bool says_nothing(const lt_json *value)
{
    for (size_t i = 0; i < value->count; i++)
        if (value->kind != LT_JSON_OBJECT || value->items[i].kind != LT_JSON_ARRAY ||
            value->items[i].count)
            return false;
    return value->kind == LT_JSON_OBJECT;
}

lt_status dbt_flags_from_run(dbt_flags *out, const lt_json *args, lt_arena *arena, lt_err *err)
{
    lt_text which = lt_json_text_or(args, "which", (lt_text){0});
    for (size_t i = 0; i < dbt_flag_count; i++) {
        const lt_json *value = lt_json_find(args, dbt_flag_key(&dbt_flag_table[i], arena));
        if (value && !is_own_of_retry(out, &dbt_flag_table[i]) && !says_nothing(value))
            LT_TRY(set_json(out, &dbt_flag_table[i], value, arena, err));
    }
    for (size_t i = 0; i < dbt_verb_count; i++)
        if (lt_text_eq(which, lt_text_of(dbt_verb_name(dbt_verbs[i].verb))))
            out->verb = dbt_verbs[i].verb;
    const lt_json *macro = lt_json_find(args, "macro");
    if (out->verb == DBT_OPERATION && macro)
        lt_push_in(arena, &out->rest, lt_arena_str(arena, macro->text));
    return LT_OK;
}

void dbt_flags_finish(dbt_flags *out)
{
    const struct {
        int64_t *number, usual;
    } numbers[] = {{&out->threads, 0},
                   {&out->limit, 5},
                   {&out->printer_width, 80},
                   {&out->log_file_max_bytes, 10 * LT_MIB},
                   {&out->port, 8080}};
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        if (*numbers[i].number == DBT_NO_NUMBER)
            *numbers[i].number = numbers[i].usual;
}
