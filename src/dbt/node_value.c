/* A node as a value of templates: `model`, and the entries of `graph`. */
#include "dbt/artifacts/manifest.h"
#include "dbt/inner.h"
#include "fmt/json.h"

/* The tree's depth is limited by its reader. */
static lt_jinja_value value_of(lt_jinja_heap *heap, const lt_json *node)
{
    double real;
    lt_jinja_value made;
    switch (node->kind) {
    case LT_JSON_BOOL:
        return lt_jinja_bool(node->truth);
    case LT_JSON_NUMBER:
        if (lt_jinja_whole(heap, node->text, &made))
            return made;
        return lt_json_to_double(node->text, &real) ? lt_jinja_float(real) : lt_jinja_none();
    case LT_JSON_STRING:
        return lt_jinja_text(node->text);
    case LT_JSON_ARRAY:
        made = lt_jinja_list(heap);
        for (size_t i = 0; i < node->count; i++)
            lt_jinja_add(made, value_of(heap, &node->items[i]));
        return made;
    case LT_JSON_OBJECT:
        made = lt_jinja_dict(heap);
        for (size_t i = 0; i < node->count; i++)
            lt_jinja_put_value(made, lt_jinja_text(node->items[i].key),
                               value_of(heap, &node->items[i]));
        return made;
    default:
        return lt_jinja_none();
    }
}

lt_jinja_value lt_dbt_json_value(lt_jinja_heap *heap, lt_text text)
{
    lt_json *tree = NULL;
    lt_err err = {0};
    if (lt_json_read(text, "node", NULL, &heap->arena, &tree, &err) != LT_OK)
        return lt_jinja_none(); /* our own writer's text is always JSON */
    return value_of(heap, tree);
}

lt_jinja_value lt_dbt_node_value(const lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_heap *heap)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_dbt_write_node(dbt, node, &w);
    return lt_dbt_json_value(heap, lt_buf_text(&text));
}

lt_jinja_value lt_dbt_graph_value(const lt_dbt *dbt, lt_jinja_heap *heap)
{
    static const char *const parts[LT_DBT_KINDS] = {
        [LT_DBT_MODEL] = "nodes",
        [LT_DBT_GENERIC_TEST] = "nodes",
        [LT_DBT_SINGULAR_TEST] = "nodes",
        [LT_DBT_SEED] = "nodes",
        [LT_DBT_SNAPSHOT] = "nodes",
        [LT_DBT_ANALYSIS] = "nodes",
        [LT_DBT_OPERATION] = "nodes",
        [LT_DBT_UDF] = "functions",
        [LT_DBT_SOURCE] = "sources",
        [LT_DBT_UNIT_TEST] = "unit_tests",
        [LT_DBT_EXPOSURE] = "exposures",
        [LT_DBT_METRIC] = "metrics",
        [LT_DBT_SEMANTIC_MODEL] = "semantic_models",
        [LT_DBT_SAVED_QUERY] = "saved_queries",
        [LT_DBT_GROUP] = "groups",
    };
    lt_jinja_value graph = lt_jinja_dict(heap);
    for (size_t i = 0; i < LT_DBT_KINDS; i++)
        if (!lt_dbt_is_set(lt_dbt_at(graph, parts[i])))
            lt_jinja_put(graph, parts[i], lt_jinja_dict(heap));
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        lt_jinja_put_value(lt_dbt_at(graph, parts[node->kind]), lt_jinja_text(node->id),
                           lt_dbt_node_value(dbt, node, heap));
    }
    return graph;
}
