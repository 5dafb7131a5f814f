/* The names that all templates of a project share. */
#include "conf/scope.h"

#include "base/buf.h"
#include "base/time.h"
#include "conf/name.h"
#include "conf/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- YAML ---- */

static lt_jinja_value value_of_scalar(lt_jinja_heap *heap, const lt_yaml *node)
{
    switch (node->type) {
    case LT_YAML_NULL:
        return lt_jinja_none();
    case LT_YAML_BOOL:
        return lt_jinja_bool(node->truth);
    case LT_YAML_INT:
        return node->huge ? lt_jinja_float(node->real) : lt_jinja_int(node->integer);
    case LT_YAML_FLOAT:
        return lt_jinja_float(node->real);
    default:
        return lt_jinja_text_copy(heap, node->text);
    }
}

/* The depth of a tree is limited by its reader (64). */
lt_jinja_value lt_scope_value(lt_jinja_heap *heap, const lt_yaml *node)
{
    if (!node)
        return lt_jinja_none();
    if (node->kind == LT_YAML_SCALAR)
        return value_of_scalar(heap, node);
    bool list = node->kind == LT_YAML_SEQUENCE;
    lt_jinja_value made = list ? lt_jinja_list(heap) : lt_jinja_dict(heap);
    for (size_t i = 0; i < node->count; i++) {
        lt_jinja_value value = lt_scope_value(heap, node->items[i]);
        if (list)
            lt_jinja_add(made, value);
        else
            lt_jinja_put_value(made, value_of_scalar(heap, node->keys[i]), value);
    }
    return made;
}

/* ---- variables and secrets ---- */

static lt_status var(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    const lt_scope *scope = lt_jinja_user(call->render);
    lt_jinja_value args[2];
    lt_text name = {0};
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    if (lt_jinja_find(scope->vars, name, result))
        return LT_OK;
    if (!lt_jinja_is_absent(args[1])) {
        *result = args[1];
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "the variable '%.*s' is not set and has no default",
                      LT_ARG(name)));
    return lt_hint(err, "add it below vars: in leat.yml, or give --vars '{%.*s: ...}'",
                   LT_ARG(name));
}

lt_status lt_scope_no_env(const char *name, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_INVALID,
                      "the environment variable '%s' is not set and has no default", name));
    return lt_hint(err,
                   "set it ('leat dbt' does not read .env, other commands do), or write "
                   "env_var('%s', 'default')",
                   name);
}

static lt_status env_var(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    lt_jinja_value args[2];
    lt_text name = {0};
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    LT_AUTO(lt_chars) key = lt_text_dup(name);
    const char *value = getenv(key);
    if (value) {
        *result = lt_jinja_text_copy(call->heap, lt_text_of(value));
        return LT_OK;
    }
    if (lt_jinja_is_absent(args[1]))
        return lt_scope_no_env(key, err);
    *result = args[1];
    return LT_OK;
}

static lt_status secret(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    const lt_scope *scope = lt_jinja_user(call->render);
    lt_jinja_value args[1];
    lt_text name, value = {0};
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    if (!scope->secret)
        return lt_fail(err, LT_DENIED, "secrets are not readable here");
    LT_TRY(scope->secret(scope->secret_user, name, &call->heap->arena, &value, err));
    *result = lt_jinja_text(value);
    return LT_OK;
}

/* ---- the clock ---- */

static void started_at_text(const lt_jinja_object *self, lt_buf *out)
{
    const lt_scope *scope =
        (const lt_scope *)(const void *)((const char *)self - offsetof(lt_scope, started_at));
    char moment[LT_TIME_CHARS];
    lt_buf_add_str(out, lt_time_write(scope->clock_us, moment));
}

static struct tm broken_down(int64_t moment_us)
{
    int64_t second = moment_us / 1000000, days = second / 86400, in_day = second % 86400;
    lt_date date = lt_date_from_days(days);
    return (struct tm){
        .tm_year = (int)date.year - 1900,
        .tm_mon = (int)date.month - 1,
        .tm_mday = (int)date.day,
        .tm_hour = (int)(in_day / 3600),
        .tm_min = (int)(in_day / 60 % 60),
        .tm_sec = (int)(in_day % 60),
        .tm_wday = (int)((days + 4) % 7),
        .tm_yday =
            (int)(days - lt_days_from_date((lt_date){.year = date.year, .month = 1, .day = 1})),
    };
}

static lt_status started_at_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                   bool *found, lt_err *err)
{
    const lt_scope *scope = lt_jinja_user(call->render);
    lt_jinja_value args[1];
    lt_text format = T("%Y-%m-%dT%H:%M:%S+00:00");
    char text[256];
    bool iso = lt_text_eq(name, T("isoformat"));
    *found = iso || lt_text_eq(name, T("strftime"));
    if (!*found)
        return LT_OK;
    if (!iso) {
        LT_TRY(lt_jinja_bind(call, "format", args, err));
        LT_TRY(lt_jinja_need_text(call, args[0], "format", &format, err));
    }
    LT_AUTO(lt_chars) pattern = lt_text_dup(format);
    struct tm when = broken_down(scope->clock_us);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* strftime reads no arguments by its format */
    size_t len = strftime(text, sizeof(text), pattern, &when);
#pragma GCC diagnostic pop
    if (!len && format.len)
        return lt_fail(err, LT_INVALID, "strftime(): the format gives more than %zu bytes",
                       sizeof(text));
    *out = lt_jinja_text_copy(call->heap, lt_text_at(text, len));
    return LT_OK;
}

static const lt_jinja_class started_at_class = {
    .name = "datetime", .method = started_at_method, .str = started_at_text};

/* ---- the scope ---- */

static const lt_jinja_func functions[] = {
    [LT_NAME_VAR] = {"var", var, NULL},
    [LT_NAME_ENV_VAR] = {"env_var", env_var, NULL},
    [LT_NAME_SECRET] = {"secret", secret, NULL},
};

void lt_scope_init(lt_scope *scope, const lt_project *project, const lt_yaml *more,
                   lt_jinja_heap *heap)
{
    *scope = (lt_scope){.vars = lt_jinja_dict(heap),
                        .project = project->name,
                        .started_at.class = &started_at_class};
    for (size_t i = 0; i < project->vars.len; i++)
        lt_jinja_put_value(scope->vars, lt_jinja_text(project->vars.items[i].name),
                           lt_scope_value(heap, project->vars.items[i].value));
    for (size_t i = 0; more && i < more->count; i++)
        lt_jinja_put_value(scope->vars, lt_jinja_text(more->keys[i]->text),
                           lt_scope_value(heap, more->items[i]));
}

void lt_scope_set(lt_scope *scope, const lt_conf_values *values, const lt_yaml *more,
                  lt_jinja_heap *heap)
{
    lt_jinja_value vars = lt_jinja_dict(heap), key, value; /* a new one: others may read the old */
    for (size_t at = 0; lt_jinja_next(scope->vars, &at, &key, &value);)
        lt_jinja_put_value(vars, key, value);
    for (size_t i = 0; i < values->len; i++)
        if (!lt_yaml_find(more, values->items[i].name))
            lt_jinja_put_value(vars, lt_jinja_text(values->items[i].name),
                               lt_scope_value(heap, values->items[i].value));
    scope->vars = vars;
}

void lt_scope_put(lt_scope *scope, lt_text name, lt_jinja_value value, const lt_yaml *more,
                  lt_jinja_heap *heap)
{
    lt_jinja_value vars = lt_jinja_dict(heap), key, old; /* a new one: others may read the old */
    if (lt_yaml_find(more, name))
        return;
    for (size_t at = 0; lt_jinja_next(scope->vars, &at, &key, &old);)
        lt_jinja_put_value(vars, key, old);
    lt_jinja_put_value(vars, lt_jinja_text(name), value);
    scope->vars = vars;
}

bool lt_scope_find(lt_scope *scope, lt_text name, lt_jinja_value *out)
{
    lt_name_id id = lt_name_find(name);
    switch (id) {
    case LT_NAME_VAR:
    case LT_NAME_ENV_VAR:
    case LT_NAME_SECRET:
        *out = lt_jinja_func_value(&functions[id]);
        return true;
    case LT_NAME_PROJECT_NAME:
        *out = lt_jinja_text(scope->project);
        return true;
    case LT_NAME_RUN_ID:
    case LT_NAME_INVOCATION_ID:
        *out = lt_jinja_text(scope->run_id);
        return true;
    case LT_NAME_RUN_STARTED_AT:
        *out = lt_jinja_object_value(&scope->started_at);
        return scope->clock_us != 0;
    default:
        return scope->names.type == LT_JINJA_DICT && lt_jinja_find(scope->names, name, out);
    }
}

/* For the project's own files: the same, and run_date, which needs memory for its text. */
static lt_status lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)from;
    (void)err;
    *found = lt_scope_find(user, name, out);
    return LT_OK;
}

static void add_run_date(lt_jinja_heap *heap, lt_scope *scope, lt_jinja_value vars)
{
    char moment[LT_TIME_CHARS];
    if (scope->clock_us)
        lt_jinja_put_value(
            vars, lt_jinja_text(lt_names[LT_NAME_RUN_DATE].name),
            lt_jinja_text_copy(
                heap, lt_text_at(lt_time_write(scope->clock_us, moment), strlen("2026-11-22"))));
}

static lt_status render(lt_scope *scope, const lt_conf_text *text, lt_jinja_heap *heap, lt_buf *out,
                        lt_jinja_error *where, lt_err *err)
{
    static const lt_jinja_env env = {.undefined = LT_JINJA_STRICT};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_context context = {.vars = lt_jinja_dict(heap), .lookup = lookup, .user = scope};
    add_run_date(heap, scope, context.vars);
    LT_TRY(lt_jinja_compile(&env, lt_text_of(text->place.file), text->raw, &compiled, where, err));
    return lt_jinja_render_text(compiled, &context, heap, out, where, err);
}

/* The place in the file, instead of the one in the scalar. */
static void say_place(const lt_conf_text *text, const lt_jinja_error *where, lt_err *err)
{
    lt_conf_place place = lt_conf_place_in(text, where->line, where->col);
    if (where->text[0])
        (void)snprintf(err->message, sizeof(err->message), "%s", where->text);
    lt_wrap(err, "%s:%u:%u", place.file, place.line, place.col);
}

lt_status lt_scope_render(void *user, lt_conf_when when, const lt_conf_text *text, lt_arena *arena,
                          lt_text *out, lt_err *err)
{
    lt_scope scope = *(lt_scope *)user;
    lt_jinja_heap heap = {0};
    LT_AUTO(lt_buf) rendered = {.limit = LT_MIB};
    if (when == LT_CONF_AT_LOAD) { /* no run yet, and nothing that a secret could leak into */
        scope.clock_us = 0;
        scope.secret = NULL;
    }
    lt_jinja_error where = {0};
    lt_status status = render(&scope, text, &heap, &rendered, &where, err);
    if (status == LT_OK)
        *out = lt_arena_text(arena, lt_buf_text(&rendered));
    else
        say_place(text, &where, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static lt_status evaluate(lt_scope *scope, lt_conf_place place, lt_text source, lt_jinja_heap *heap,
                          lt_jinja_value *out, lt_jinja_error *where, lt_err *err)
{
    static const lt_jinja_env env = {.undefined = LT_JINJA_STRICT};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_value made;
    lt_jinja_context context = {.vars = lt_jinja_dict(heap), .lookup = lookup, .user = scope};
    add_run_date(heap, scope, context.vars);
    LT_TRY(lt_jinja_compile(&env, lt_text_of(place.file), source, &compiled, where, err));
    LT_TRY(lt_jinja_render_value(compiled, &context, heap, &made, where, err));
    return lt_jinja_copy(heap, made, out, err); /* constants live in the template */
}

lt_status lt_scope_evaluate(lt_scope *scope, const lt_conf_text *text, lt_jinja_heap *heap,
                            lt_jinja_value *out, lt_err *err)
{
    static const char before[] = "{{ (", behind[] = ") }}";
    LT_AUTO(lt_buf) source = {0};
    lt_jinja_error where = {0};
    bool wrap = !text->is_template;
    lt_buf_printf(&source, "%s%.*s%s", wrap ? before : "", LT_ARG(text->raw), wrap ? behind : "");
    lt_status status =
        evaluate(scope, text->place, lt_arena_text(&heap->arena, lt_buf_text(&source)), heap, out,
                 &where, err);
    if (where.line == 1 && wrap)
        where.col -= LT_MIN(where.col, (unsigned)strlen(before));
    if (status != LT_OK)
        say_place(text, &where, err);
    else if (out->type == LT_JINJA_UNDEFINED)
        return lt_conf_fail(text->place, err, "'%.*s' is undefined", LT_ARG(text->raw));
    return status;
}
