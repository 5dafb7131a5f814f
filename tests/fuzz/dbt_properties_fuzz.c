/* Fuzz: any bytes as a .yml file of a dbt project: models, sources, tests, exposures and all the others. */
#include "dbt_fuzz.h"

/* The models that the file may speak of. */
static lt_status add_models(lt_dbt *view, lt_err *err)
{
    static const lt_text names[] = {T("orders"), T("totals")};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        lt_dbt_node *node =
            lt_dbt_node_new(view, view->root, LT_DBT_MODEL, names[i], T("models/some.sql"));
        lt_dbt_fqn(view, node, T("some.sql"), node->name);
        patch *given = lt_dbt_patch_of(view, node);
        value_source source = {.dbt = view, .package = view->root, .path = "models/some.yml"};
        if (given)
            given->node = node;
        LT_TRY(lt_dbt_settle(view, node, &source, given ? given->entry : NULL, NULL, err));
    }
    return LT_OK;
}

static lt_status try(lt_dbt *view, lt_text text, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true, .node_limit = 2000};
    lt_yaml *root;
    LT_TRY(lt_yaml_read(text, "models/some.yml", &options, &view->arena, &root, err));
    LT_TRY(lt_dbt_properties(view, view->root, "models/some.yml", root, err));
    LT_TRY(add_models(view, err));
    LT_TRY(lt_dbt_patches_apply(view, err));
    LT_TRY(lt_dbt_resolve(view, err));
    fuzz_write_nodes(view);
    return LT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_err err = {0};
    lt_dbt view;
    fuzz_view_init(&view);
    lt_ignore(try(&view, lt_text_at((const char *)data, size), &err));
    fuzz_view_cleanup(&view);
    return 0;
}
