/* What templates of the project's files ask for: told when the file is read, not when the text is used. */
#include "base/fs.h"
#include "conf/name.h"
#include "conf/setting.h"
#include "fmt/json.h"
#include "jinja/jinja.h"
#include "secret/secret.h"

#include <stdarg.h>
#include <stdlib.h>

/* A walk over all texts of what was read, by its table of settings. */
typedef struct checker {
    const char *file;
    const lt_conf_pipeline *pipeline; /* NULL: another file */
    const lt_conf_for_each *each;     /* in a task of its items */
    bool in_task;
    bool in_shell; /* to warn of what strangers may put into a command */
    /* To warn, and not to fail: */
    const lt_project *project;
    lt_arena *arena;
    lt_texts *warnings;
    lt_map *secrets; /* what is wrong with each, as lt_text *; nothing: it is fine */
    const lt_setting *setting;
} checker;

typedef struct use {
    const lt_conf_text *text;
    const lt_jinja_template *compiled;
    const lt_jinja_use *what;
    size_t prefix; /* bytes put in front of the text when it was compiled */
} use;

/* ---- messages ---- */

static lt_conf_place place_of(const use *u, size_t part)
{
    unsigned line = 0, col = 0;
    lt_jinja_position(u->compiled, u->what->parts[part].pos, &line, &col);
    if (line == 1)
        col -= (unsigned)u->prefix;
    return lt_conf_place_in(u->text, line, col);
}

LT_PRINTF(4, 5)
static lt_status fail_use(const use *u, size_t part, lt_err *err, const char *format, ...)
{
    lt_conf_place place = place_of(u, part);
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return place.line ? lt_wrap(err, "%s:%u:%u", place.file, place.line, place.col) : err->status;
}

/* "did you mean 'x'?", else the whole list. */
static lt_status hint_names(lt_text name, const lt_texts *names, lt_err *err)
{
    lt_text nearest;
    LT_AUTO(lt_buf) all = {.limit = 400};
    if (lt_text_nearest(name, names->len, lt_texts_at, names, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    for (size_t i = 0; i < names->len; i++)
        lt_buf_printf(&all, "%s%.*s", i ? ", " : "", LT_ARG(names->items[i]));
    return names->len ? lt_hint(err, "there are: %s", lt_buf_chars(&all)) : err->status;
}

/* ---- names ---- */

static bool is_here(const checker *c, const lt_name *name)
{
    return name->where == LT_NAME_ANYWHERE || (name->where == LT_NAME_IN_TASK && c->in_task) ||
           (name->where == LT_NAME_IN_ITEM && c->each);
}

static lt_status fail_name(const checker *c, const use *u, lt_arena *arena, lt_err *err)
{
    lt_text name = u->what->parts[0].name;
    lt_texts names = {0};
    lt_name_id id = lt_name_find(name);
    lt_ignore(fail_use(u, 0, err, "'%.*s' is undefined", LT_ARG(name)));
    if (id < LT_NAMES)
        return lt_hint(err, "only %s have it",
                       lt_names[id].where == LT_NAME_IN_ITEM ? "tasks of a 'for_each'"
                                                             : "tasks of pipelines");
    for (size_t i = 0; i < LT_NAMES; i++)
        if (is_here(c, &lt_names[i]))
            lt_push_in(arena, &names, lt_names[i].name);
    if (c->each)
        lt_push_in(arena, &names, c->each->as);
    return hint_names(name, &names, err);
}

/* ---- what lies behind them ---- */

static lt_status check_param(const checker *c, const use *u, lt_arena *arena, lt_err *err)
{
    const lt_conf_params *params = &c->pipeline->typed;
    lt_text name = u->what->parts[1].name;
    lt_texts names = {0};
    for (size_t i = 0; i < params->len; i++) {
        if (lt_text_eq(params->items[i].name, name))
            return LT_OK;
        lt_push_in(arena, &names, params->items[i].name);
    }
    lt_ignore(fail_use(u, 1, err, "the pipeline has no parameter '%.*s'", LT_ARG(name)));
    return names.len ? hint_names(name, &names, err)
                     : lt_hint(err, "add it below 'params' of the pipeline");
}

static void gather_tasks(const checker *c, lt_arena *arena, lt_texts *names,
                         const lt_conf_task **found, lt_text name)
{
    const lt_conf_pipeline *p = c->pipeline;
    const lt_conf_tasks *all[] = {&p->tasks, &p->on_success, &p->on_failure, &p->on_late,
                                  c->each ? &c->each->tasks : NULL};
    for (size_t i = 0; i < LT_COUNT(all) && all[i]; i++)
        for (size_t k = 0; k < all[i]->len; k++) {
            lt_push_in(arena, names, all[i]->items[k].name);
            if (lt_text_eq(all[i]->items[k].name, name))
                *found = &all[i]->items[k];
        }
}

static lt_status check_key(const use *u, const lt_conf_task *task, lt_arena *arena, lt_err *err)
{
    lt_output_keys known = lt_conf_output_keys(task);
    lt_text key = u->what->parts[2].name;
    lt_texts names = {0};
    for (size_t i = 0; i < LT_OUTPUT_KEYS && known.keys[i]; i++) {
        if (lt_text_eq(key, lt_text_of(known.keys[i])))
            return LT_OK;
        lt_push_in(arena, &names, lt_text_of(known.keys[i]));
    }
    lt_ignore(fail_use(u, 2, err, "the output of the task '%.*s' (%s) has no '%.*s'",
                       LT_ARG(task->name), lt_conf_task_kinds[task->kind], LT_ARG(key)));
    return hint_names(key, &names, err);
}

static lt_status check_output(const checker *c, const use *u, size_t parts, lt_arena *arena,
                              lt_err *err)
{
    lt_text name = u->what->parts[1].name;
    lt_texts names = {0};
    const lt_conf_task *task = NULL;
    gather_tasks(c, arena, &names, &task, name);
    if (!task) {
        lt_ignore(fail_use(u, 1, err, "the pipeline has no task '%.*s'", LT_ARG(name)));
        return hint_names(name, &names, err);
    }
    lt_output_keys known = lt_conf_output_keys(task);
    if (known.none)
        return fail_use(u, 1, err, "the task '%.*s' (%s) has no output", LT_ARG(name),
                        lt_conf_task_kinds[task->kind]);
    if (known.any || parts < 3 || u->what->parts[2].is_asked)
        return LT_OK;
    return check_key(u, task, arena, err);
}

static lt_status check_parts(const checker *c, const use *u, lt_name_id id, lt_arena *arena,
                             lt_err *err)
{
    static const char *const kinds[] = {"a function", "a text", "a number", "a moment"};
    const lt_jinja_use *what = u->what;
    size_t parts = what->count - (what->is_called && what->count > 1); /* without its method */
    lt_name_kind kind = lt_names[id].kind;
    if (parts < 2 || what->parts[1].is_asked)
        return LT_OK;
    if (id == LT_NAME_PARAMS)
        return check_param(c, u, arena, err);
    if (id == LT_NAME_OUTPUTS)
        return check_output(c, u, parts, arena, err);
    if (kind == LT_NAME_IS_MAPPING)
        return LT_OK;
    return fail_use(u, 1, err, "'%.*s' is %s and has no '%.*s'", LT_ARG(lt_names[id].name),
                    kinds[kind], LT_ARG(what->parts[1].name));
}

static lt_status check_use(const checker *c, const use *u, lt_arena *arena, lt_err *err)
{
    const lt_jinja_use_part *first = &u->what->parts[0];
    lt_name_id id = lt_name_find(first->name);
    if (c->each && lt_text_eq(first->name, c->each->as))
        return LT_OK;
    if (id < LT_NAMES && is_here(c, &lt_names[id]))
        return check_parts(c, u, id, arena, err);
    return first->is_asked ? LT_OK : fail_name(c, u, arena, err);
}

/* ---- warnings ---- */

LT_PRINTF(3, 4)
static void warn(const checker *c, lt_conf_place place, const char *format, ...)
{
    LT_AUTO(lt_buf) out = {.limit = 2000};
    lt_buf_printf(&out, "%s:%u:%u: ", c->file, place.line, place.col);
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&out, format, args);
    va_end(args);
    lt_push_in(c->arena, c->warnings, lt_arena_text(c->arena, lt_buf_text(&out)));
}

static bool has_var(const checker *c, lt_text name)
{
    for (size_t i = 0; i < c->project->vars.len; i++)
        if (lt_text_eq(c->project->vars.items[i].name, name))
            return true;
    for (size_t i = 0; i < c->pipeline->typed.len; i++)
        if (lt_text_eq(c->pipeline->typed.items[i].name, name))
            return true;
    return false;
}

/* What is wrong with the secret; empty: nothing. */
static lt_text judge_secret(const checker *c, lt_text name)
{
    lt_err err = {0};
    LT_AUTO(lt_secrets_ref) secrets = NULL;
    lt_text *known = lt_map_find(c->secrets, name);
    if (known)
        return *known;
    lt_status status = lt_secrets_open(c->project->root, &secrets, &err);
    if (status == LT_OK)
        status = lt_secret_check(secrets, name, &err);
    known = LT_NEW(c->arena, lt_text);
    if (status != LT_OK)
        *known = lt_conf_say(&err, c->arena);
    lt_map_put(c->secrets, lt_arena_text(c->arena, name), known);
    return *known;
}

/* The text is nothing but this template, and nothing at all is no value for its setting. */
static bool must_be_set(const checker *c, const use *u)
{
    lt_text raw = lt_text_trim(u->text->raw);
    return c->setting && c->setting->fits && !c->setting->fits(T("")) &&
           lt_text_starts(raw, T("{{")) && lt_text_find(raw, T("}}"), 0) + 2 == raw.len;
}

static void warn_env_var(const checker *c, const use *u, const char *name)
{
    const char *value = getenv(name);
    if (!value)
        warn(c, place_of(u, 0),
             "the environment variable '%s' is not set, and this text needs it: set it, or put it "
             "into .env",
             name);
    else if (!*value && must_be_set(c, u))
        warn(c, place_of(u, 0),
             "the environment variable '%s' is empty, and this needs %s: set it, or put it into "
             ".env",
             name, c->setting->wanted);
}

/* Of a call with one argument, which is known: there is no default. */
static void warn_use(const checker *c, const use *u)
{
    const lt_jinja_use *what = u->what;
    lt_name_id id = lt_name_find(what->parts[0].name);
    if (what->count != 1 || !what->is_called || what->arg_count != 1)
        return;
    lt_text name = lt_jinja_as_text(lt_jinja_at(what->args, 0));
    LT_AUTO(lt_chars) key = lt_text_dup(name);
    if (!name.len)
        return;
    if (id == LT_NAME_ENV_VAR)
        warn_env_var(c, u, key);
    if (id == LT_NAME_SECRET && judge_secret(c, name).len)
        warn(c, place_of(u, 0), "%.*s", LT_ARG(judge_secret(c, name)));
    if (id == LT_NAME_VAR && !has_var(c, name))
        warn(c, place_of(u, 0),
             "the variable '%s' is neither in 'vars' of leat.yml nor a parameter: without --vars "
             "this text fails",
             key);
}

/* Whose values come with an event, as texts. */
static bool is_filled(const lt_conf_pipeline *pipeline, lt_text param)
{
    bool is_text = false, is_mapped = false;
    for (size_t i = 0; i < pipeline->typed.len; i++)
        is_text |= lt_text_eq(pipeline->typed.items[i].name, param) &&
                   pipeline->typed.items[i].type == LT_PARAM_STRING;
    for (size_t i = 0; i < pipeline->triggers.len; i++)
        for (size_t k = 0; k < pipeline->triggers.items[i].mapped.len; k++)
            is_mapped |= lt_text_eq(pipeline->triggers.items[i].mapped.items[k].name, param);
    return is_text && is_mapped;
}

/* Who sends the event writes a part of the command; the environment keeps it a value. */
static void warn_shell(const checker *c, const use *u)
{
    const lt_jinja_use *what = u->what;
    lt_name_id id = lt_name_find(what->parts[0].name);
    if (what->count < 2)
        return;
    lt_text name = what->parts[1].name;
    bool is_event =
        id == LT_NAME_TRIGGER && (lt_text_eq(name, T("event")) || lt_text_eq(name, T("events")));
    if (!is_event && !(id == LT_NAME_PARAMS && is_filled(c->pipeline, name)))
        return;
    warn(c, place_of(u, 1),
         "'%.*s.%.*s' comes with an event, and here it becomes a part of the command: whoever "
         "sends the event can run commands; use the environment ($LEAT_PARAM_..., 'env')",
         LT_ARG(what->parts[0].name), LT_ARG(name));
}

/* ---- the walk ---- */

static lt_status check_uses(const checker *c, const lt_conf_text *text,
                            const lt_jinja_template *compiled, size_t prefix, lt_err *err)
{
    lt_jinja_heap heap = {0};
    lt_jinja_uses uses;
    lt_status status = LT_OK;
    lt_jinja_uses_of(compiled, &heap, &uses);
    for (size_t i = 0; i < uses.len && status == LT_OK; i++) {
        use one = {text, compiled, &uses.items[i], prefix};
        if (c->in_shell)
            warn_shell(c, &one);
        else if (c->warnings)
            warn_use(c, &one);
        else
            status = check_use(c, &one, &heap.arena, err);
    }
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static lt_status check_text(const checker *c, const lt_conf_text *text, bool expression,
                            lt_err *err)
{
    static const lt_jinja_env env = {.undefined = LT_JINJA_STRICT};
    static const char before[] = "{{ (", behind[] = ") }}";
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_AUTO(lt_buf) source = {0};
    lt_jinja_error where = {0};
    bool wrap = expression && !text->is_template && text->raw.ptr;
    if (!text->is_template && !wrap)
        return LT_OK;
    lt_buf_printf(&source, "%s%.*s%s", wrap ? before : "", LT_ARG(text->raw), wrap ? behind : "");
    size_t prefix = wrap ? strlen(before) : 0;
    lt_status status = lt_jinja_compile(&env, lt_text_of(text->place.file), lt_buf_text(&source),
                                        &compiled, &where, err);
    if (status == LT_OK)
        return check_uses(c, text, compiled, prefix, err);
    if (where.line == 1)
        where.col -= (unsigned)LT_MIN(prefix, (size_t)where.col);
    return c->warnings ? LT_OK
                       : lt_conf_fail(lt_conf_place_in(text, where.line, where.col), err, "%s",
                                      where.text[0] ? where.text : "this is no template");
}

static lt_status check_group(const checker *c, const lt_setting_group *group, const char *made,
                             lt_err *err);

/* A list of structs, as LT_VEC lays it out. */
typedef struct structs {
    const char *items;
    size_t len, cap;
} structs;

static lt_status check_structs(const checker *c, const lt_setting *setting, const structs *list,
                               lt_err *err)
{
    checker inner = *c;
    inner.in_task = c->in_task || setting->group == &lt_conf_task_group;
    for (size_t i = 0; i < list->len; i++)
        LT_TRY(check_group(&inner, setting->group, list->items + i * setting->group->size, err));
    return LT_OK;
}

static lt_status check_texts(const checker *c, const lt_conf_texts *texts, lt_err *err)
{
    for (size_t i = 0; i < texts->len; i++)
        LT_TRY(check_text(c, &texts->items[i], false, err));
    return LT_OK;
}

static lt_status check_pairs(const checker *c, const lt_conf_pairs *pairs, lt_err *err)
{
    for (size_t i = 0; i < pairs->len; i++)
        LT_TRY(check_text(c, &pairs->items[i].value, false, err));
    return LT_OK;
}

/* A list as it is has no templates. */
static lt_status check_node(const checker *c, const lt_yaml *node, lt_err *err)
{
    if (!node || node->kind != LT_YAML_SCALAR)
        return LT_OK;
    lt_conf_text text = lt_conf_text_of(c->file, node);
    return check_text(c, &text, false, err);
}

/* Tasks of items see what is theirs. */
static lt_status check_inner(const checker *c, const lt_setting *setting, const char *made,
                             const char *at, lt_err *err)
{
    checker inner = *c;
    if (setting->group == &lt_conf_item_task_group)
        inner.each = (const lt_conf_for_each *)(const void *)made;
    return check_structs(&inner, setting, (const structs *)(const void *)at, err);
}

static lt_status check_setting(const checker *c, const lt_setting *setting, const char *made,
                               lt_err *err)
{
    const char *at = made + setting->offset;
    checker of_text = *c;
    of_text.setting = setting;
    switch (setting->type) {
    case LT_SET_TEXT:
        return check_text(&of_text, (const lt_conf_text *)(const void *)at, setting->expression,
                          err);
    case LT_SET_TEXTS:
        return check_texts(c, (const lt_conf_texts *)(const void *)at, err);
    case LT_SET_PAIRS:
        return check_pairs(c, (const lt_conf_pairs *)(const void *)at, err);
    case LT_SET_NODE:
        return check_node(c, *(const lt_yaml *const *)(const void *)at, err);
    case LT_SET_GROUP:
        return check_group(c, setting->group, at, err);
    case LT_SET_LIST:
    case LT_SET_MAP:
        return check_inner(c, setting, made, at, err);
    default:
        return LT_OK;
    }
}

/* Several keys may write to one field: `sql`, `shell`. */
static bool was_before(const lt_setting_group *group, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (group->settings[k].offset == group->settings[i].offset &&
            group->settings[k].type == group->settings[i].type)
            return true;
    return false;
}

/* As deep as tables nest, and they are never cyclic. */
static lt_status check_group(const checker *c, const lt_setting_group *group, const char *made,
                             lt_err *err)
{
    for (size_t i = 0; i < group->count; i++)
        if (!was_before(group, i))
            LT_TRY(check_setting(c, &group->settings[i], made, err));
    return LT_OK;
}

lt_status lt_conf_check_names(const lt_conf_reader *reader, const lt_setting_group *group,
                              void *made, const lt_conf_pipeline *pipeline, lt_err *err)
{
    checker c = {.file = reader->file, .pipeline = pipeline};
    return check_group(&c, group, made, err);
}

/* ---- files and commands of tasks ---- */

enum { NOTEBOOK_BYTES = 16 << 20 };

static bool is_tagged(const lt_json *cell, lt_text wanted)
{
    const lt_json *tags = lt_json_find(lt_json_find(cell, "metadata"), "tags");
    for (size_t i = 0; tags && tags->kind == LT_JSON_ARRAY && i < tags->count; i++)
        if (lt_text_eq(tags->items[i].text, wanted))
            return true;
    return false;
}

/* "name = value" and "name: type = value" at the beginning of a line. */
static void add_variable(lt_text line, lt_arena *arena, lt_texts *names)
{
    size_t end = 0;
    while (end < line.len &&
           (lt_is_alpha(line.ptr[end]) || lt_is_digit(line.ptr[end]) || line.ptr[end] == '_'))
        end++;
    lt_text rest = lt_text_trim(lt_text_sub(line, end, SIZE_MAX));
    bool typed = lt_text_starts(rest, T(":")) && lt_text_find_byte(rest, '=', 0) != SIZE_MAX;
    if (end && (typed || (lt_text_starts(rest, T("=")) && !lt_text_starts(rest, T("==")))))
        lt_push_in(arena, names, lt_arena_text(arena, lt_text_sub(line, 0, end)));
}

static void read_cell(const lt_json *cell, lt_arena *arena, lt_texts *names)
{
    const lt_json *source = lt_json_find(cell, "source");
    LT_AUTO(lt_buf) all = {.limit = NOTEBOOK_BYTES};
    lt_text rest, line;
    if (!source)
        return;
    if (source->kind == LT_JSON_STRING)
        lt_buf_add(&all, source->text);
    for (size_t i = 0; source->kind == LT_JSON_ARRAY && i < source->count; i++)
        lt_buf_add(&all, source->items[i].text);
    rest = lt_buf_text(&all);
    while (lt_text_cut(&rest, '\n', &line))
        add_variable(line, arena, names);
}

/* The variables of the cell that is tagged `parameters`; false: there is none. */
static bool read_notebook(const char *path, lt_arena *arena, lt_texts *names)
{
    LT_AUTO(lt_buf) text = {.limit = NOTEBOOK_BYTES};
    lt_err err;
    lt_json *book = NULL;
    if (lt_file_read(path, &text, &err) != LT_OK ||
        lt_json_read(lt_buf_text(&text), path, NULL, arena, &book, &err) != LT_OK)
        return false;
    const lt_json *cells = lt_json_find(book, "cells");
    for (size_t i = 0; cells && cells->kind == LT_JSON_ARRAY && i < cells->count; i++)
        if (is_tagged(&cells->items[i], T("parameters"))) {
            read_cell(&cells->items[i], arena, names);
            return true;
        }
    return false;
}

static bool is_among(const lt_texts *names, lt_text name)
{
    for (size_t i = 0; i < names->len; i++)
        if (lt_text_eq(names->items[i], name))
            return true;
    return false;
}

static void warn_variables(const checker *c, const lt_conf_task *task, const char *path)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_texts names = {0};
    lt_text nearest;
    if (!task->params.len || !read_notebook(path, &arena, &names))
        return;
    for (size_t i = 0; i < task->params.len; i++) {
        const lt_conf_pair *pair = &task->params.items[i];
        if (is_among(&names, pair->name))
            continue;
        bool near = lt_text_nearest(pair->name, names.len, lt_texts_at, &names, &nearest);
        warn(c, pair->value.place,
             "the cell of the notebook that is tagged 'parameters' sets no '%.*s'%s%.*s%s",
             LT_ARG(pair->name), near ? ": did you mean '" : "", near ? (int)nearest.len : 0,
             near ? nearest.ptr : "", near ? "'?" : "");
    }
}

/* A script over several lines is code, not a file. */
static void warn_file(const checker *c, const lt_conf_task *task)
{
    lt_text name = lt_text_trim(task->command.raw);
    bool is_file = task->kind == LT_DO_NOTEBOOK ||
                   (task->kind == LT_DO_PYTHON && lt_text_find_byte(name, '\n', 0) == SIZE_MAX &&
                    !task->cwd.raw.ptr);
    if (!is_file || task->command.is_template)
        return;
    LT_AUTO(lt_chars) given = lt_text_dup(name);
    LT_AUTO(lt_chars) path = lt_path_join(c->project->root, given);
    if (!lt_path_exists(path))
        warn(c, task->command.place, "there is no file '%s' in the project", given);
    else if (task->kind == LT_DO_NOTEBOOK)
        warn_variables(c, task, path);
}

static void warn_task(const checker *c, const lt_conf_task *task)
{
    checker shell = *c;
    lt_err err;
    shell.in_shell = true;
    warn_file(c, task);
    if (task->kind == LT_DO_SHELL)
        lt_ignore(check_text(&shell, &task->command, false, &err));
}

static void warn_tasks(const checker *c, const lt_conf_tasks *tasks)
{
    for (size_t i = 0; i < tasks->len; i++) {
        const lt_conf_tasks *inner = &tasks->items[i].for_each.tasks;
        warn_task(c, &tasks->items[i]);
        for (size_t k = 0; k < inner->len; k++)
            warn_task(c, &inner->items[k]);
    }
}

void lt_conf_warn(const lt_project *project, lt_arena *arena, lt_map *secrets,
                  lt_conf_pipeline *pipeline)
{
    checker c = {.file = pipeline->place.file,
                 .pipeline = pipeline,
                 .project = project,
                 .arena = arena,
                 .warnings = &pipeline->warnings,
                 .secrets = secrets};
    const lt_conf_tasks *all[] = {&pipeline->tasks, &pipeline->on_success, &pipeline->on_failure,
                                  &pipeline->on_late};
    lt_err err;
    for (size_t i = 0; i < LT_COUNT(all); i++)
        warn_tasks(&c, all[i]);
    lt_ignore(check_group(&c, &lt_conf_pipeline_group, (const char *)pipeline, &err));
}
