/* Which nodes are built without templates: plain views, of a project that has put no macro of its own among ours. */
#include "dbt/run/execute_inner.h"

/* What the templates of a view, and the run time for them, call first. */
static const char *const first_macros[] = {"rename_relation", "drop_relation",
                                           "list_relations_without_caching"};

/* What those templates name besides macros: a macro of that name would be found instead. */
static const char *const names[] = {
    "adapter",    "config",    "exceptions", "execute", "loop", "leat_node_id", "log",  "model",
    "post_hooks", "pre_hooks", "render",     "return",  "sql",  "store_result", "this", "write"};

static bool is_anybodys(const lt_dbt *dbt, lt_text name)
{
    for (size_t i = 0; i < dbt->packages.len; i++) {
        const lt_dbt_package *package = dbt->packages.items[i];
        if (!package->is_built_in && lt_map_find(&package->macros, name))
            return true;
    }
    return false;
}

static bool is_ours(const lt_dbt *dbt, const lt_dbt_macro *macro)
{
    return macro && macro->package->is_built_in && !is_anybodys(dbt, macro->name);
}

/* All that is called from those on, which macros say of themselves, is found in our macros. */
static bool are_ours(lt_dbt *dbt, lt_texts *open)
{
    for (size_t i = 0; i < open->len; i++) {
        const lt_dbt_macro *macro = lt_dbt_macro_by_id(dbt, open->items[i]);
        if (!is_ours(dbt, macro))
            return false;
        lt_dbt_macro_needs(dbt, macro, open);
    }
    return true;
}

bool lt_dbt_has_plain_views(lt_dbt *dbt, const lt_dbt_rt *rt)
{
    lt_texts open = {0};
    const lt_dbt_macro *view = lt_dbt_materialization_find(dbt, T("view"));
    if (!lt_dbt_adapter_has_plain_views(rt) || !is_ours(dbt, view))
        return false;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (is_anybodys(dbt, lt_text_of(names[i])))
            return false;
    lt_push_in(&dbt->arena, &open, view->id);
    for (size_t i = 0; i < LT_COUNT(first_macros); i++) {
        const lt_dbt_macro *macro = lt_dbt_macro_find(dbt, NULL, lt_text_of(first_macros[i]));
        if (!is_ours(dbt, macro))
            return false;
        lt_push_in(&dbt->arena, &open, macro->id);
    }
    return are_ours(dbt, &open);
}

bool lt_dbt_is_plain_view(const lt_dbt *dbt, const lt_dbt_node *node)
{
    static const lt_text more[] = {T("pre-hook"), T("post-hook"), T("grants"), T("persist_docs"),
                                   T("sql_header")};
    if (node->kind != LT_DBT_MODEL || lt_dbt_is_python(node) ||
        !lt_text_eq(node->config.materialized, T("view")))
        return false;
    for (size_t i = 0; i < LT_COUNT(more); i++)
        if (lt_jinja_truth(lt_dbt_config_get(dbt, node, more[i])))
            return false;
    return !lt_jinja_truth(lt_dbt_at(lt_dbt_config_get(dbt, node, T("contract")), "enforced"));
}
