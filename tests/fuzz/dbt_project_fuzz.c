/* Fuzz: any bytes as dbt_project.yml, and what its settings make of a node. */
#include "dbt_fuzz.h"

static lt_status try(lt_dbt *view, lt_err *err)
{
    LT_TRY(lt_dbt_packages_load(view, err));
    for (lt_dbt_kind kind = LT_DBT_MODEL; kind < LT_DBT_SOURCE; kind++) {
        lt_dbt_node *node =
            lt_dbt_node_new(view, view->root, kind, T("orders"), T("models/a/b.sql"));
        lt_dbt_fqn(view, node, T("a/b.sql"), node->name);
        LT_TRY(lt_dbt_settle(view, node, NULL, NULL, NULL, err));
    }
    LT_TRY(lt_dbt_resolve(view, err));
    fuzz_write_nodes(view);
    return LT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    lt_dbt view;
    static char *root; /* a folder with nothing else in it, within that of the other project */
    const fuzz_project *p = fuzz_project_get();
    if (!root)
        root = lt_arena_format(&p->dbt->arena, "%s/other", p->root);
    if (lt_folder_make(root, 0755, &err) != LT_OK)
        abort();
    fuzz_write(root, "dbt_project.yml", lt_text_at((const char *)data, size));
    fuzz_view_init(&view);
    view.settings.root = root;
    view.package_names = (lt_map){0};
    view.packages.items = NULL;
    view.packages.len = view.packages.cap = 0;
    view.adapter_types = (lt_texts){0};
    lt_ignore(try(&view, &err));
    for (size_t i = 0; i < view.packages.len; i++)
        lt_map_cleanup(&view.packages.items[i]->macros);
    lt_map_cleanup(&view.package_names);
    fuzz_view_cleanup(&view);
    return 0;
}
