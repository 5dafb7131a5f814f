/* A node as a value of templates: `model`, and the entries of `graph`. */
#include "dbt/inner.h"
#include "dbt/manifest.h"
#include "fmt/json.h"

/* The tree's depth is limited by its reader. */
static lt_jinja_value value_of(lt_jinja_heap *heap, const lt_json *node)
{
    int64_t integer;
    double real;
    lt_jinja_value made;
    switch (node->kind) {
    case LT_JSON_BOOL:
        return lt_jinja_bool(node->truth);
    case LT_JSON_NUMBER:
        if (lt_json_to_i64(node->text, &integer))
            return lt_jinja_int(integer);
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

lt_jinja_value lt_dbt_node_value(const lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_heap *heap)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_json *tree = NULL;
    lt_err err = {0};
    lt_dbt_write_node(dbt, node, &w);
    if (lt_json_read(lt_buf_text(&text), "node", NULL, &heap->arena, &tree, &err) != LT_OK)
        return lt_jinja_none(); /* our own writer's text is always JSON */
    return value_of(heap, tree);
}
