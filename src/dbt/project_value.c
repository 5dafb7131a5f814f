/* dbt's own project object, as macros reach it by `ref.config`: what a project is called, where its files are, what it depends on. */
#include "dbt/inner.h"

static lt_dbt_package *package_of(lt_jinja_object *self)
{
    return (void *)((char *)self - offsetof(lt_dbt_package, config));
}

static lt_jinja_value text_or_none(lt_text text)
{
    return text.len ? lt_jinja_text(text) : lt_jinja_none();
}

static lt_jinja_value texts_value(const lt_texts *from, lt_jinja_heap *heap)
{
    lt_jinja_value made = lt_jinja_list(heap);
    for (size_t i = 0; i < from->len; i++)
        lt_jinja_add(made, lt_jinja_text(from->items[i]));
    return made;
}

/* Every package by its name, the project itself and ours among them, as dbt loads them. */
static lt_jinja_value dependencies(const lt_dbt *dbt, lt_jinja_heap *heap)
{
    lt_jinja_value made = lt_jinja_dict(heap);
    for (size_t i = 0; i < dbt->packages.len; i++)
        lt_jinja_put_value(made, lt_jinja_text(dbt->packages.items[i]->name),
                           lt_jinja_object_value(&dbt->packages.items[i]->config));
    return made;
}

static bool find_paths(const lt_dbt_package *package, lt_jinja_heap *heap, lt_text name,
                       lt_jinja_value *out)
{
    static const struct {
        lt_text name;
        lt_dbt_paths paths;
    } all[] = {
        {T("macro_paths"), LT_DBT_MACRO_PATHS},       {T("model_paths"), LT_DBT_MODEL_PATHS},
        {T("seed_paths"), LT_DBT_SEED_PATHS},         {T("snapshot_paths"), LT_DBT_SNAPSHOT_PATHS},
        {T("analysis_paths"), LT_DBT_ANALYSIS_PATHS}, {T("test_paths"), LT_DBT_TEST_PATHS},
        {T("function_paths"), LT_DBT_UDF_PATHS},
    };
    for (size_t i = 0; i < LT_COUNT(all); i++)
        if (lt_text_eq(name, all[i].name)) {
            *out = texts_value(&package->paths[all[i].paths], heap);
            return true;
        }
    return false;
}

static bool find_in_profile(const rendering *r, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_settings *set = &r->dbt->settings;
    if (lt_text_eq(name, T("profile_name")))
        *out = text_or_none(set->profile_name);
    else if (lt_text_eq(name, T("target_name")))
        *out = text_or_none(set->target_name);
    else if (lt_text_eq(name, T("credentials")))
        *out = r->dbt->target;
    else if (lt_text_eq(name, T("threads")))
        *out = lt_dbt_at(r->dbt->target, "threads");
    else
        return false;
    return true;
}

static lt_status config_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)err;
    const rendering *r = lt_jinja_user(render);
    lt_dbt_package *package = package_of(self);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    *found = true;
    if (lt_text_eq(name, T("project_name")))
        *out = lt_jinja_text(package->name);
    else if (lt_text_eq(name, T("version")))
        *out = text_or_none(package->version);
    else if (lt_text_eq(name, T("project_root")))
        *out = package->root ? lt_jinja_text(lt_text_of(package->root)) : lt_jinja_none();
    else if (lt_text_eq(name, T("vars")))
        *out = lt_jinja_object_value(&package->own_vars);
    else if (lt_text_eq(name, T("cli_vars")))
        *out = r->dbt->settings.scope->vars.type == LT_JINJA_DICT ? r->dbt->settings.scope->vars
                                                                  : lt_jinja_dict(heap);
    else if (lt_text_eq(name, T("dependencies")))
        *out = dependencies(r->dbt, heap);
    else
        *found = find_paths(package, heap, name, out) || find_in_profile(r, name, out);
    return LT_OK;
}

static lt_status config_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    const rendering *r = lt_jinja_user(call->render);
    lt_jinja_value args[1];
    *found = lt_text_eq(name, T("load_dependencies"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "base_only?", args, err));
    *out = dependencies(r->dbt, call->heap);
    return LT_OK;
}

const lt_jinja_class lt_dbt_project_class = {
    .name = "RuntimeConfig", .attr = config_attr, .method = config_method};

/* `vars`: what the project's file says, by package where it does. */
static lt_status vars_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                             lt_err *err)
{
    const lt_dbt_package *package =
        (const void *)((const char *)call->self.as.object - offsetof(lt_dbt_package, own_vars));
    *found = lt_text_eq(name, T("to_dict"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    lt_jinja_value vars = lt_dbt_at(package->project, "vars");
    if (vars.type == LT_JINJA_DICT)
        return lt_jinja_copy(call->heap, vars, out, err);
    *out = lt_jinja_dict(call->heap);
    return LT_OK;
}

const lt_jinja_class lt_dbt_project_vars_class = {.name = "VarProvider", .method = vars_method};
