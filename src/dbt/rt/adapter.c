/* The adapter object: what templates may ask of the warehouse. SQL is in macros, which projects may override. */
#include "dbt/rt/adapter.h"

lt_status lt_dbt_call_macro(lt_dbt_exec *exec, lt_jinja_render *render, const char *name,
                            const lt_jinja_value *args, size_t arg_count, lt_jinja_value *out,
                            lt_err *err)
{
    lt_jinja_value macro = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    LT_TRY(settings->host->find_macro(settings->user, exec, lt_text_of(name), &macro, err));
    if (macro.type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID, "dbt could not find a macro with the name '%s'", name);
    return lt_jinja_invoke(render, macro, args, arg_count, NULL, 0, out, err);
}

/* ---- dispatch ---- */

METHOD(dispatch)
{
    lt_jinja_value args[3];
    lt_text name = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    LT_AUTO(lt_buf) tried = {.limit = 64 * LT_KIB};
    LT_TRY(lt_jinja_bind(call, "macro_name macro_namespace? packages?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "macro_name", &name, err));
    if (lt_text_has(name, T(".")))
        return lt_fail(err, LT_INVALID,
                       "In adapter.dispatch, got a macro name of '%.*s', but \".\" is not a valid "
                       "macro name component. Did you mean `adapter.dispatch(name, namespace)`?",
                       LT_ARG(name));
    LT_TRY(settings->host->dispatch(settings->user, exec, name, lt_jinja_as_text(args[1]), out,
                                    &tried, err));
    if (out->type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID,
                       "In dispatch: No macro named '%.*s' found within namespace: '%s'. "
                       "Searched for: %s",
                       LT_ARG(name),
                       args[1].type == LT_JINJA_STR
                           ? lt_arena_str(&call->heap->arena, lt_jinja_as_text(args[1]))
                           : "None",
                       lt_buf_chars(&tried));
    return LT_OK;
}

METHOD(type)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_text(exec->rt->adapter->kind);
    return LT_OK;
}
/* ---- catalogs of tables of other systems: none of ours has them ---- */

METHOD(build_catalog_relation)
{
    lt_jinja_value args[1];
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "config", args, err));
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(get_catalog_integration)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    (void)out;
    return lt_fail(err, LT_INVALID, "the %.*s adapter has no catalog '%.*s'",
                   LT_ARG(exec->rt->adapter->kind), LT_ARG(lt_dbt_str(call->heap, args[0])));
}

METHOD(get_partitions_metadata)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "table", args, err));
    (void)out;
    return lt_fail(err, LT_INVALID,
                   "`get_partitions_metadata` is not implemented for adapter %.*s!",
                   LT_ARG(exec->rt->adapter->kind));
}

/* ---- the tables of methods ---- */

static const lt_dbt_adapter_method own_methods[] = {
    {"dispatch", dispatch, STUB_REAL},
    {"type", type, STUB_REAL},
    {"build_catalog_relation", build_catalog_relation, STUB_REAL},
    {"get_catalog_integration", get_catalog_integration, STUB_REAL},
    {"get_partitions_metadata", get_partitions_metadata, STUB_TABLE},
    {NULL, NULL, STUB_REAL},
};

static const lt_dbt_adapter_method *const tables[] = {
    own_methods,
    lt_dbt_adapter_statement_methods,
    lt_dbt_adapter_relation_methods,
    lt_dbt_adapter_column_methods,
    lt_dbt_adapter_material_methods,
    lt_dbt_adapter_constraint_methods,
};

static const lt_dbt_adapter_method *find_method(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(tables); i++)
        for (const lt_dbt_adapter_method *one = tables[i]; one->name; one++)
            if (lt_text_eq(lt_text_of(one->name), name))
                return one;
    return NULL;
}

static lt_status run_stub(lt_jinja_call *call, stub kind, lt_jinja_value *out)
{
    switch (kind) {
    case STUB_LIST:
        *out = lt_jinja_list(call->heap);
        break;
    case STUB_FALSE:
        *out = lt_jinja_bool(false);
        break;
    case STUB_TABLE:
        *out = lt_dbt_table_empty(call->heap);
        break;
    case STUB_PAIR: {
        lt_jinja_value both[] = {lt_jinja_text(T("")), lt_dbt_table_empty(call->heap)};
        *out = lt_jinja_tuple(call->heap, both, 2);
        break;
    }
    default:
        *out = lt_jinja_none();
        break;
    }
    return LT_OK;
}

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    lt_dbt_exec *exec = lt_dbt_exec_in(call);
    *found = true;
    for (const lt_jinja_func *own = exec->rt->adapter->methods; own->name; own++) {
        if (!lt_text_eq(lt_text_of(own->name), name))
            continue;
        lt_jinja_call mine = *call;
        mine.user = exec;
        return own->run(&mine, out, err);
    }
    const lt_dbt_adapter_method *one = find_method(name);
    *found = one != NULL;
    if (!one)
        return LT_OK;
    if (!exec->session && one->when_parsing != STUB_REAL) {
        LT_TRY(lt_dbt_may_ask(exec, err));
        return run_stub(call, one->when_parsing, out);
    }
    return one->run(exec, call, out, err);
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    const lt_dbt_exec *exec = ((const exec_object *)self)->exec;
    for (const lt_jinja_func *own = exec->rt->adapter->methods; own->name; own++)
        if (lt_text_eq(lt_text_of(own->name), name))
            return true;
    return find_method(name) != NULL;
}

static lt_status attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_dbt_exec *exec = ((exec_object *)self)->exec;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("behavior")))
        *out = lt_jinja_object_value(&exec->behavior.object);
    else if (lt_text_eq(name, T("config")))
        *out = exec->adapter_config;
    else if (lt_text_eq(name, T("Relation")))
        *out = lt_jinja_object_value(&exec->relation_class.object);
    else if (lt_text_eq(name, T("Column")))
        *out = lt_jinja_object_value(&exec->column_class.object);
    else
        *found = false;
    return LT_OK;
}

const lt_jinja_class lt_dbt_adapter_class = {
    .name = "adapter", .attr = attr, .method = method, .has_method = has_method};

/* ---- adapter.behavior.NAME: a flag of the project, with .no_warn ---- */

typedef struct behavior_flag {
    lt_jinja_object object;
    bool on;
} behavior_flag;

static bool flag_truth(const lt_jinja_object *self)
{
    return ((const behavior_flag *)self)->on;
}

static lt_status flag_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    *found = lt_text_eq(name, T("no_warn")) || lt_text_eq(name, T("setting"));
    if (*found)
        *out = lt_jinja_bool(((const behavior_flag *)self)->on);
    return LT_OK;
}

static const lt_jinja_class behavior_flag_class = {
    .name = "BehaviorFlagRendered", .truth = flag_truth, .attr = flag_attr};

static lt_status behavior_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    const lt_dbt_exec *exec = ((exec_object *)self)->exec;
    lt_jinja_value value = {0};
    (void)err;
    behavior_flag *flag = LT_NEW(&lt_jinja_heap_of(render)->arena, behavior_flag);
    bool set = exec->rt->settings.flags.type == LT_JINJA_DICT &&
               lt_jinja_find(exec->rt->settings.flags, name, &value);
    *flag =
        (behavior_flag){.object.class = &behavior_flag_class, .on = set && lt_jinja_truth(value)};
    *found = true;
    *out = lt_jinja_object_value(&flag->object);
    return LT_OK;
}

const lt_jinja_class lt_dbt_behavior_class = {.name = "Behavior", .attr = behavior_attr};
