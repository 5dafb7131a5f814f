/* What templates of tasks may ask for beside the project's names: params, outputs, item; and the parameters themselves. */
#include "run/inner.h"

#include "base/time.h"
#include "conf/name.h"

#include <stdio.h>

enum { DEEPEST = 64 };

/* ---- JSON as values ---- */

static lt_jinja_value scalar_of(lt_jinja_heap *heap, const lt_json *json)
{
    int64_t whole;
    double real = 0;
    switch (json->kind) {
    case LT_JSON_BOOL:
        return lt_jinja_bool(json->truth);
    case LT_JSON_NUMBER:
        if (lt_json_to_i64(json->text, &whole))
            return lt_jinja_int(whole);
        return lt_json_to_double(json->text, &real) ? lt_jinja_float(real) : lt_jinja_none();
    case LT_JSON_STRING:
        return lt_jinja_text_copy(heap, json->text);
    default:
        return lt_jinja_none();
    }
}

/* Its depth is limited by whoever reads it (DEEPEST). */
lt_jinja_value lt_names_of_json(lt_jinja_heap *heap, const lt_json *json)
{
    bool list = json->kind == LT_JSON_ARRAY;
    if (!list && json->kind != LT_JSON_OBJECT)
        return scalar_of(heap, json);
    lt_jinja_value made = list ? lt_jinja_list(heap) : lt_jinja_dict(heap);
    for (size_t i = 0; i < json->count; i++) {
        lt_jinja_value value = lt_names_of_json(heap, &json->items[i]);
        if (list)
            lt_jinja_add(made, value);
        else
            lt_jinja_put_value(made, lt_jinja_text_copy(heap, json->items[i].key), value);
    }
    return made;
}

static lt_jinja_value value_of(lt_jinja_heap *heap, lt_text json)
{
    lt_err err;
    lt_json *root = NULL;
    lt_json_options options = {.depth = DEEPEST};
    if (!json.len || lt_json_read(json, "value", &options, &heap->arena, &root, &err) != LT_OK)
        return lt_jinja_none();
    return lt_names_of_json(heap, root);
}

/* ---- names of a task ---- */

static void put(lt_jinja_value names, lt_name_id id, lt_jinja_value value)
{
    lt_jinja_put_value(names, lt_jinja_text(lt_names[id].name), value);
}

/* Of tasks that have ended with one. Those that a for_each made are in its own output. */
static lt_jinja_value outputs(lt_work *work)
{
    executor *run = work->run;
    lt_jinja_value made = lt_jinja_dict(&work->heap);
    (void)pthread_mutex_lock(&run->lock);
    size_t count = run->task_count;
    for (size_t i = 0; i < count; i++) {
        const lt_run_task *task = run->tasks[i];
        bool same_item =
            task->parent && task->parent == work->task->parent && task->item == work->task->item;
        if (!task->step->task || !lt_task_has_ended(task) || !task->record.output_json.len ||
            (task->parent && !same_item))
            continue;
        lt_jinja_put_value(made, lt_jinja_text(task->step->task->name),
                           value_of(&work->heap, task->record.output_json));
    }
    (void)pthread_mutex_unlock(&run->lock);
    return made;
}

static void summarize(executor *run, lt_buf *out, size_t *failed)
{
    enum { MOST = 20 };
    (void)pthread_mutex_lock(&run->lock);
    for (size_t i = 0; i < run->task_count; i++) {
        const lt_run_task *task = run->tasks[i];
        if (task->record.status != LT_TASK_FAILED || task->step->role != LT_ROLE_MAIN)
            continue;
        if (++*failed <= MOST)
            lt_buf_printf(out, "%.*s failed: %.*s\n", LT_ARG(task->record.name),
                          LT_ARG(task->record.message));
    }
    (void)pthread_mutex_unlock(&run->lock);
    if (*failed > MOST)
        lt_buf_printf(out, "and %zu more\n", *failed - MOST);
    if (!*failed)
        lt_buf_add_str(out, "no task has failed\n");
}

static void put_item(lt_work *work, lt_jinja_value names)
{
    lt_json *root = NULL;
    lt_err err;
    const lt_run_task *each = work->task->parent;
    if (!each ||
        lt_json_read(work->task->record.item_json, "item", &(lt_json_options){.depth = DEEPEST},
                     &work->heap.arena, &root, &err) != LT_OK)
        return;
    const lt_json *item = lt_json_find(root, "item");
    lt_jinja_put_value(names, lt_jinja_text(each->step->task->for_each.as),
                       item ? lt_names_of_json(&work->heap, item) : lt_jinja_none());
    put(names, LT_NAME_INDEX, lt_jinja_int(lt_json_i64_or(root, "index", 0)));
}

/* The data that a scheduled run is for; of any other run it is empty, and lies at the run's clock. */
static void put_interval(lt_work *work, lt_jinja_value names)
{
    lt_json *root = NULL;
    lt_err err;
    char clock[LT_TIME_CHARS];
    const lt_run_record *record = work->run->record;
    lt_text now = lt_text_of(lt_time_write(record->clock_us, clock));
    if (lt_json_read(record->trigger_json, "trigger", NULL, &work->heap.arena, &root, &err) !=
        LT_OK)
        root = NULL;
    lt_text from = lt_json_text_or(root, "interval_start", now);
    lt_text until = lt_json_text_or(root, "interval_end", now);
    put(names, LT_NAME_INTERVAL_START, lt_jinja_text_copy(&work->heap, from));
    put(names, LT_NAME_INTERVAL_END, lt_jinja_text_copy(&work->heap, until));
}

void lt_work_names(lt_work *work)
{
    executor *run = work->run;
    work->scope = run->plan->request.scope;
    if (!run->plan->request.pipeline || !work->step->task)
        return;
    LT_AUTO(lt_buf) summary = {.limit = 64 * LT_KIB};
    size_t failed = 0;
    lt_jinja_value names = lt_jinja_dict(&work->heap);
    summarize(run, &summary, &failed);
    put(names, LT_NAME_PARAMS, run->params);
    put(names, LT_NAME_OUTPUTS, outputs(work));
    put(names, LT_NAME_PIPELINE, lt_jinja_text(run->plan->request.pipeline->name));
    put(names, LT_NAME_TASK, lt_jinja_text(work->step->task->name));
    put(names, LT_NAME_RUN_STATUS,
        lt_jinja_text(failed                ? T("failed")
                      : run->main_has_ended ? T("succeeded")
                                            : T("running")));
    put(names, LT_NAME_RUN_SUMMARY, lt_jinja_text_copy(&work->heap, lt_buf_text(&summary)));
    put_interval(work, names);
    put(names, LT_NAME_TRIGGER, value_of(&work->heap, run->record->trigger_json));
    put_item(work, names);
    work->scope.names = names;
}

lt_status lt_work_render(lt_work *work, const lt_conf_text *text, lt_text *out, lt_err *err)
{
    *out = (lt_text){0};
    if (!text->raw.ptr)
        return LT_OK;
    return lt_conf_render(text, lt_scope_render, &work->scope, work->arena, out, err);
}

lt_status lt_work_value(lt_work *work, const lt_conf_text *text, lt_jinja_value *out, lt_err *err)
{
    return lt_scope_evaluate(&work->scope, text, &work->heap, out, err);
}

/* ---- parameters ---- */

static lt_text param_name_at(const void *context, size_t i)
{
    return ((const lt_conf_params *)context)->items[i].name;
}

static lt_status fail_unknown(const lt_conf_params *params, lt_text name, lt_err *err)
{
    lt_text nearest;
    lt_ignore(lt_fail(err, LT_INVALID, "the pipeline has no parameter '%.*s'", LT_ARG(name)));
    if (lt_text_nearest(name, params->len, param_name_at, params, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; i < params->len; i++)
        lt_buf_printf(&names, "%s%.*s", i ? ", " : "", LT_ARG(params->items[i].name));
    return lt_hint(err, names.len ? "there are: %s" : "add it below 'params' in its file%s",
                   lt_buf_chars(&names));
}

static lt_status check_given(const lt_conf_params *params, const lt_texts *given, lt_err *err)
{
    for (size_t i = 0; i < given->len; i++) {
        size_t at = lt_text_find_byte(given->items[i], '=', 0);
        lt_text name = lt_text_sub(given->items[i], 0, at);
        bool known = false;
        if (at == SIZE_MAX)
            return lt_fail(err, LT_INVALID, "--param: expected NAME=VALUE, got '%.*s'",
                           LT_ARG(given->items[i]));
        for (size_t k = 0; k < params->len; k++)
            known = known || lt_text_eq(params->items[k].name, name);
        if (!known)
            return fail_unknown(params, name, err);
    }
    return LT_OK;
}

/* The last one wins; false: none was given. */
static bool find_given(const lt_texts *given, lt_text name, lt_text *value)
{
    for (size_t i = given->len; i-- > 0;) {
        size_t at = lt_text_find_byte(given->items[i], '=', 0);
        if (!lt_text_eq(lt_text_sub(given->items[i], 0, at), name))
            continue;
        *value = lt_text_sub(given->items[i], at + 1, SIZE_MAX);
        return true;
    }
    return false;
}

static lt_status write_param(const lt_conf_param *param, const lt_texts *given, lt_buf *json,
                             lt_err *err)
{
    lt_text value;
    if (find_given(given, param->name, &value))
        return lt_conf_param_read(param, value, json, err);
    if (!param->fallback) {
        lt_ignore(lt_fail(err, LT_INVALID, "the parameter '%.*s' (%s) must be given",
                          LT_ARG(param->name), lt_conf_param_type_name(param->type)));
        return lt_hint(err, "--param %.*s=...", LT_ARG(param->name));
    }
    if (param->fallback->type == LT_YAML_NULL) {
        lt_buf_add_str(json, "null");
        return LT_OK;
    }
    return lt_conf_param_read(param, param->fallback->text, json, err);
}

lt_status lt_params_read(const lt_conf_pipeline *pipeline, const lt_texts *given, lt_buf *json,
                         lt_err *err)
{
    static const lt_conf_params none;
    const lt_conf_params *params = pipeline ? &pipeline->typed : &none;
    LT_TRY(check_given(params, given, err));
    lt_buf_add_byte(json, '{');
    for (size_t i = 0; i < params->len; i++) {
        lt_buf_add_str(json, i ? ", " : "");
        lt_json_quote(params->items[i].name, json);
        lt_buf_add_str(json, ": ");
        LT_TRY(write_param(&params->items[i], given, json, err));
    }
    lt_buf_add_byte(json, '}');
    return LT_OK;
}

lt_status lt_params_use(executor *run, lt_scope *scope, lt_err *err)
{
    lt_workspace *workspace = run->workspace;
    lt_json *root = NULL;
    LT_TRY(lt_json_read(run->record->params_json, "params", NULL, &workspace->arena, &root, err));
    run->params = lt_jinja_dict(&workspace->heap);
    for (size_t i = 0; i < root->count; i++) {
        lt_jinja_value value = lt_names_of_json(&workspace->heap, &root->items[i]);
        lt_jinja_put_value(run->params, lt_jinja_text(root->items[i].key), value);
        lt_scope_put(scope, root->items[i].key, value, workspace->vars, &workspace->heap);
    }
    return LT_OK;
}
