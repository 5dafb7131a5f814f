/* The invocation, one node's execution, and the table of names that its templates see. */
#include "dbt/rt/inner.h"

#include "base/time.h"

#include <stdlib.h>

lt_status lt_dbt_rt_open(const lt_dbt_rt_settings *settings, lt_dbt_rt **out, lt_err *err)
{
    const lt_dbt_adapter *adapter = lt_dbt_adapter_find(settings->kind);
    if (!adapter)
        return lt_fail(err, LT_INVALID, "there is no adapter '%.*s'", LT_ARG(settings->kind));
    lt_dbt_rt *rt = lt_xcalloc(1, sizeof(*rt));
    rt->settings = *settings;
    rt->adapter = adapter;
    lt_dbt_cache_init(&rt->cache);
    (void)pthread_mutex_init(&rt->warned_mutex, NULL);
    *out = rt;
    return LT_OK;
}

void lt_dbt_rt_close(lt_dbt_rt *rt)
{
    if (!rt)
        return;
    lt_dbt_cache_cleanup(&rt->cache);
    for (size_t i = 0; i < rt->warned.entries.len; i++)
        lt_free(rt->warned.entries.items[i].value);
    lt_map_cleanup(&rt->warned);
    (void)pthread_mutex_destroy(&rt->warned_mutex);
    lt_free(rt);
}

const lt_dbt_rt_settings *lt_dbt_rt_settings_of(const lt_dbt_rt *rt)
{
    return &rt->settings;
}

/* ---- small helpers ---- */

lt_text lt_dbt_str(lt_jinja_heap *heap, lt_jinja_value value)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    if (value.type == LT_JINJA_STR)
        return lt_jinja_as_text(value);
    lt_jinja_str(value, &text);
    return lt_jinja_as_text(lt_jinja_text_copy(heap, lt_buf_text(&text)));
}

lt_text lt_dbt_text_or_none(lt_jinja_call *call, lt_jinja_value value)
{
    if (lt_dbt_is_none(value))
        return (lt_text){0};
    lt_text text = lt_dbt_str(call->heap, value);
    return text.ptr ? text : T("");
}

lt_jinja_value lt_dbt_get(lt_jinja_value dict, const char *key)
{
    lt_jinja_value value;
    if (dict.type == LT_JINJA_DICT && lt_jinja_find(dict, lt_text_of(key), &value))
        return value;
    return lt_jinja_none();
}

/* ---- objects that only look things up ---- */

static lt_dbt_exec *exec_of(lt_jinja_object *self)
{
    return ((exec_object *)self)->exec;
}

static lt_status api_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                          lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("Relation")))
        *out = lt_jinja_object_value(&exec_of(self)->relation_class.object);
    else if (lt_text_eq(name, T("Column")))
        *out = lt_jinja_object_value(&exec_of(self)->column_class.object);
    else
        *found = false;
    return LT_OK;
}

const lt_jinja_class lt_dbt_api_class = {.name = "DatabaseWrapper", .attr = api_attr};

/* flags.FULL_REFRESH and flags.full_refresh are one. */
static lt_status flags_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_dbt_exec *exec = exec_of(self);
    const lt_dbt_rt_settings *set = &exec->rt->settings;
    char lower[128];
    (void)render;
    (void)err;
    *found = true;
    *out = lt_jinja_none();
    if (set->flags.type != LT_JINJA_DICT || name.len >= sizeof(lower))
        return LT_OK;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = lt_lower(name.ptr[i]);
    (void)lt_jinja_find(set->flags, lt_text_at(lower, name.len), out);
    if (set->host->flag_read)
        set->host->flag_read(set->user, exec, lt_text_at(lower, name.len), *out);
    return LT_OK;
}

static lt_status flags_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    return flags_attr(render, self, lt_jinja_as_text(key), out, found, err);
}

const lt_jinja_class lt_dbt_flags_class = {
    .name = "Namespace", .attr = flags_attr, .item = flags_item};

/* validation.any['list', int]: gives its argument back; nothing is checked in SQL's templates. */
static lt_status any_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "value", out, err));
    return LT_OK;
}

static lt_status any_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                          lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)key;
    (void)err;
    *found = true;
    *out = lt_jinja_object_value(self);
    return LT_OK;
}

static const lt_jinja_class any_class = {.name = "any", .call = any_call, .item = any_item};
static lt_jinja_object any_object = {&any_class};

static lt_status validation_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                                 lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)self;
    (void)err;
    *found = lt_text_eq(name, T("any"));
    if (*found)
        *out = lt_jinja_object_value(&any_object);
    return LT_OK;
}

const lt_jinja_class lt_dbt_validation_class = {.name = "validation", .attr = validation_attr};

/* `context` and `builtins`: dictionaries of all names, asked for one at a time. */
static lt_status name_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_dbt_exec *exec = exec_of(self);
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    (void)render;
    *found = false;
    if (key.type != LT_JINJA_STR)
        return LT_OK;
    return settings->host->find_name(settings->user, exec, lt_jinja_as_text(key), out, found, err);
}

static lt_status name_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    return name_item(render, self, lt_jinja_text(name), out, found, err);
}

static lt_status name_get(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                          lt_err *err)
{
    lt_jinja_value args[2];
    bool there = false;
    *found = lt_text_eq(name, T("get"));
    if (!*found) /* context.ref(...): an attribute that is called */
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    LT_TRY(name_item(call->render, call->self.as.object, args[0], out, &there, err));
    if (!there)
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

static lt_status give(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value key,
                      lt_jinja_value value, lt_err *err)
{
    if (call->heap != exec->heap) {
        LT_TRY(lt_jinja_copy(exec->heap, key, &key, err));
        LT_TRY(lt_jinja_copy(exec->heap, value, &value, err));
    }
    lt_jinja_put_value(exec->given, key, value);
    return LT_OK;
}

static lt_status context_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                                lt_err *err)
{
    lt_dbt_exec *exec = exec_of(call->self.as.object);
    lt_jinja_value key, value;
    if (!lt_text_eq(name, T("update")))
        return name_get(call, name, out, found, err);
    *found = true;
    *out = lt_jinja_none();
    if (call->arg_count > 1 || (call->arg_count && call->args[0].type != LT_JINJA_DICT))
        return lt_fail(err, LT_INVALID, "context.update() takes a dictionary and names");
    for (size_t at = 0; call->arg_count && lt_jinja_next(call->args[0], &at, &key, &value);)
        LT_TRY(give(exec, call, key, value, err));
    for (size_t i = 0; i < call->kwarg_count; i++)
        LT_TRY(give(exec, call, lt_jinja_text(call->kwargs[i].name), call->kwargs[i].value, err));
    return LT_OK;
}

bool lt_dbt_exec_given(const lt_dbt_exec *exec, lt_text name, lt_jinja_value *out)
{
    return lt_jinja_find(exec->given, name, out);
}

const lt_jinja_class lt_dbt_context_class = {.name = "dict",
                                             .item = name_item,
                                             .attr = name_attr,
                                             .method = context_method,
                                             .is_mapping = true};
const lt_jinja_class lt_dbt_rt_builtins_class = {
    .name = "dict", .item = name_item, .attr = name_attr, .method = name_get, .is_mapping = true};

/* ---- modules ---- */

static lt_jinja_object datetime_module = {&lt_dbt_datetime_module},
                       pytz_module = {&lt_dbt_pytz_module}, re_module = {&lt_dbt_re_module};

static lt_jinja_value make_modules(lt_dbt_exec *exec)
{
    lt_jinja_heap *heap = exec->heap;
    lt_jinja_value modules = lt_jinja_dict(heap);
    lt_jinja_put(modules, "datetime", lt_jinja_object_value(&datetime_module));
    lt_jinja_put(modules, "pytz", lt_jinja_object_value(&pytz_module));
    lt_jinja_put(modules, "re", lt_jinja_object_value(&re_module));
    lt_jinja_put(modules, "itertools", lt_jinja_object_value(&exec->itertools.object));
    return modules;
}

/* adapter.config: what macros read of it. */
static lt_jinja_value make_adapter_config(lt_jinja_heap *heap, const lt_dbt_rt_settings *settings)
{
    lt_jinja_value config = lt_jinja_dict(heap), credentials = lt_jinja_dict(heap);
    lt_jinja_put(credentials, "database", lt_jinja_text(settings->database));
    lt_jinja_put(credentials, "schema", lt_jinja_text(settings->schema));
    lt_jinja_put(credentials, "type", lt_jinja_text(settings->kind));
    lt_jinja_put(config, "credentials", credentials);
    return config;
}

/* ---- one node ---- */

static size_t count_of(const lt_jinja_func *table)
{
    size_t count = 0;
    while (table[count].name)
        count++;
    return count;
}

static void add_functions(lt_dbt_exec *exec)
{
    size_t results = count_of(lt_dbt_result_functions);
    size_t builtins = count_of(lt_dbt_builtin_functions);
    exec->functions =
        lt_alloc_array(&exec->heap->arena, results + builtins + 1, sizeof(*exec->functions));
    memcpy(exec->functions, lt_dbt_result_functions, results * sizeof(*exec->functions));
    memcpy(exec->functions + results, lt_dbt_builtin_functions,
           builtins * sizeof(*exec->functions));
    for (size_t i = 0; i < results + builtins; i++)
        exec->functions[i].user = exec;
}

lt_status lt_dbt_exec_open(const lt_dbt_exec_settings *settings, lt_dbt_exec **out, lt_err *err)
{
    (void)err;
    lt_dbt_exec *exec = LT_NEW(&settings->heap->arena, lt_dbt_exec);
    *exec = (lt_dbt_exec){.settings = *settings,
                          .rt = settings->rt,
                          .heap = settings->heap,
                          .session = settings->session,
                          .own_transaction = {.session = settings->session},
                          .results = lt_jinja_dict(settings->heap),
                          .given = lt_jinja_dict(settings->heap)};
    exec->itertools = (exec_object){{&lt_dbt_itertools_module}, exec};
    exec->modules = make_modules(exec);
    exec->transaction = settings->transaction ? settings->transaction : &exec->own_transaction;
    exec->adapter_config = make_adapter_config(exec->heap, &exec->rt->settings);
    exec->adapter = (exec_object){{&lt_dbt_adapter_class}, exec};
    exec->api = (exec_object){{&lt_dbt_api_class}, exec};
    exec->relation_class = (exec_object){{&lt_dbt_relation_class_class}, exec};
    exec->column_class = (exec_object){{&lt_dbt_column_class_class}, exec};
    exec->exceptions = (exec_object){{&lt_dbt_exceptions_class}, exec};
    exec->flags = (exec_object){{&lt_dbt_flags_class}, exec};
    exec->validation = (exec_object){{&lt_dbt_validation_class}, exec};
    exec->builtins = (exec_object){{&lt_dbt_rt_builtins_class}, exec};
    exec->context = (exec_object){{&lt_dbt_context_class}, exec};
    exec->behavior = (exec_object){{&lt_dbt_behavior_class}, exec};
    add_functions(exec);
    *out = exec;
    return LT_OK;
}

/* Its memory is the heap's. */
void lt_dbt_exec_close(lt_dbt_exec *exec)
{
    if (exec)
        lt_dbt_transaction_rollback(&exec->own_transaction);
}

void *lt_dbt_exec_user(const lt_dbt_exec *exec)
{
    return exec->settings.user;
}
lt_dbt_rt *lt_dbt_exec_rt(const lt_dbt_exec *exec)
{
    return exec->rt;
}
lt_session *lt_dbt_exec_session(const lt_dbt_exec *exec)
{
    return exec->session;
}
lt_status lt_dbt_exec_comment(lt_dbt_exec *exec, lt_text text, bool ends, lt_err *err)
{
    if (lt_text_has(text, T("*/")))
        return lt_fail(err, LT_INVALID, "query-comment contains illegal value \"*/\"");
    exec->comment = lt_text_trim(text);
    exec->comment_ends = ends;
    return LT_OK;
}

lt_text lt_dbt_exec_failed_sql(const lt_dbt_exec *exec)
{
    return exec->last_sql;
}
void lt_dbt_exec_learn(lt_dbt_exec *exec, const lt_dbt_relation *relation,
                       lt_dbt_relation_type type)
{
    lt_dbt_relation known = *relation;
    known.type = type;
    if (type == LT_DBT_UNTYPED)
        lt_dbt_cache_drop(&exec->rt->cache, relation);
    else
        lt_dbt_cache_put(&exec->rt->cache, &known);
}
void lt_dbt_rt_forget(lt_dbt_rt *rt)
{
    lt_dbt_cache_forget(&rt->cache);
}
void lt_dbt_rt_forget_schema(lt_dbt_rt *rt, lt_text database, lt_text schema)
{
    lt_dbt_cache_drop_schema(&rt->cache, database.len ? database : rt->settings.database, schema);
}
bool lt_dbt_exec_has_place(const lt_dbt_exec *exec)
{
    return exec->has_place;
}

int64_t lt_dbt_exec_failed_at(const lt_dbt_exec *exec)
{
    return exec->failed_at;
}

/* ---- names ---- */

static bool find_object(lt_dbt_exec *exec, lt_text name, lt_jinja_value *out)
{
    const struct {
        lt_text name;
        lt_jinja_object *object;
    } objects[] = {
        {T("adapter"), &exec->adapter.object},       {T("api"), &exec->api.object},
        {T("exceptions"), &exec->exceptions.object}, {T("flags"), &exec->flags.object},
        {T("validation"), &exec->validation.object}, {T("builtins"), &exec->builtins.object},
        {T("context"), &exec->context.object},       {T("column"), &exec->column_class.object},
    };
    for (size_t i = 0; i < LT_COUNT(objects); i++)
        if (lt_text_eq(objects[i].name, name)) {
            *out = lt_jinja_object_value(objects[i].object);
            return true;
        }
    return false;
}

lt_jinja_value lt_dbt_of_model(lt_dbt_exec *exec, const char *key)
{
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    lt_jinja_value model = {0};
    lt_err ignored = {0}; /* a node without a `model` has none of its values */
    bool found = false;
    if (!exec->session ||
        settings->host->find_name(settings->user, exec, T("model"), &model, &found, &ignored) !=
            LT_OK ||
        !found)
        return lt_jinja_none();
    return lt_dbt_get(model, key);
}

static lt_jinja_value of_model(lt_dbt_exec *exec, const char *key, lt_text otherwise)
{
    lt_jinja_value value = lt_dbt_of_model(exec, key);
    return lt_dbt_is_none(value) && otherwise.ptr ? lt_jinja_text(otherwise) : value;
}

static bool find_of_node(lt_dbt_exec *exec, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    if (lt_text_eq(name, T("database")))
        *out = of_model(exec, "database", settings->database);
    else if (lt_text_eq(name, T("schema")))
        *out = of_model(exec, "schema", settings->schema);
    else if (lt_text_eq(name, T("defer_relation")) && exec->settings.defer_relation.type)
        *out = exec->settings.defer_relation;
    else if (lt_text_eq(name, T("defer_relation")))
        *out = lt_jinja_none();
    else if ((lt_text_eq(name, T("sql")) || lt_text_eq(name, T("compiled_code")) ||
              lt_text_eq(name, T("compiled_sql"))) &&
             exec->settings.compiled.ptr)
        *out = lt_jinja_text(exec->settings.compiled);
    else
        return false;
    return true;
}

static bool find_of_run(lt_dbt_exec *exec, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    if (lt_text_eq(name, T("execute")))
        *out = lt_jinja_bool(exec->session || exec->settings.is_apart);
    else if (lt_text_eq(name, T("modules")))
        *out = exec->modules;
    else if (lt_text_eq(name, T("run_started_at")))
        *out = lt_dbt_datetime_value(exec->heap, settings->started_at_us);
    else if (lt_text_eq(name, T("invocation_id")))
        *out = lt_jinja_text(settings->invocation_id);
    else if (lt_text_eq(name, T("thread_id")))
        *out = lt_jinja_text(exec->settings.thread_name);
    else if (lt_text_eq(name, T("dbt_version")))
        *out = lt_jinja_text(T(LT_DBT_VERSION));
    else if (lt_text_eq(name, T("sql_now")))
        *out = lt_jinja_text(T("now()"));
    else if (lt_text_eq(name, T("invocation_args_dict")))
        *out = settings->invocation_args.type == LT_JINJA_DICT ? settings->invocation_args
                                                               : lt_jinja_dict(exec->heap);
    else if (lt_text_eq(name, T("dbt_metadata_envs")))
        *out = settings->metadata_envs.type == LT_JINJA_DICT ? settings->metadata_envs
                                                             : lt_jinja_dict(exec->heap);
    else
        return false;
    return true;
}

bool lt_dbt_exec_find(lt_dbt_exec *exec, lt_text name, lt_jinja_value *out)
{
    if (find_object(exec, name, out) || find_of_run(exec, name, out) ||
        find_of_node(exec, name, out))
        return true;
    for (const lt_jinja_func *f = exec->functions; f->name; f++)
        if (name.len && f->name[0] == name.ptr[0] && lt_text_eq(lt_text_of(f->name), name)) {
            *out = lt_jinja_func_value(f);
            return true;
        }
    return false;
}
