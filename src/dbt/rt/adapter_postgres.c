/* PostgreSQL: its types, what it enforces, and the methods that its macros call. */
#include "dbt/rt/adapter_kinds.h"

#include <stdlib.h>

static const char *const integers[] = {"smallint",  "integer", "bigint", "smallserial", "serial",
                                       "bigserial", "int2",    "int4",   "int8",        "serial2",
                                       "serial4",   "serial8", NULL};
static const char *const floats[] = {"real",   "float4", "float", "double precision",
                                     "float8", "double", NULL};

static lt_status verify_database(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_dbt_exec *exec = call->user;
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "database", args, err));
    lt_text name = lt_dbt_str(call->heap, args[0]), own = exec->rt->settings.database;
    if (name.len > 1 && name.ptr[0] == '"')
        name = lt_text_sub(name, 1, name.len - 2);
    if (!lt_text_eq_nocase(name, own))
        return lt_fail(err, LT_INVALID,
                       "Cross-db references not allowed in postgres (%.*s vs %.*s)", LT_ARG(name),
                       LT_ARG(own));
    *out = lt_jinja_text(T(""));
    return LT_OK;
}

/* ---- what a materialized view's indexes are and should be ---- */

static int by_text(const void *a, const void *b)
{
    return lt_text_cmp(*(const lt_text *)a, *(const lt_text *)b);
}

static lt_jinja_value sorted_names(lt_jinja_heap *heap, const lt_texts *names)
{
    lt_jinja_value list = lt_jinja_list(heap);
    if (names->len)
        qsort(names->items, names->len, sizeof(lt_text), by_text);
    for (size_t i = 0; i < names->len; i++)
        lt_jinja_add(list, lt_jinja_text(names->items[i]));
    return list;
}

/* {name, columns, unique, type}: what two descriptions of one index have in common. */
static lt_jinja_value describe(lt_jinja_heap *heap, lt_text name, const lt_texts *columns,
                               bool unique, lt_text method)
{
    lt_jinja_value made = lt_jinja_dict(heap), node = lt_jinja_dict(heap);
    lt_jinja_value list = sorted_names(heap, columns);
    lt_jinja_value type = lt_jinja_text(method.len ? method : T("btree"));
    lt_jinja_put(node, "columns", list);
    lt_jinja_put(node, "unique", lt_jinja_bool(unique));
    lt_jinja_put(node, "type", type);
    lt_jinja_put(made, "name", lt_jinja_text(name));
    lt_jinja_put(made, "column_names", list);
    lt_jinja_put(made, "unique", lt_jinja_bool(unique));
    lt_jinja_put(made, "method", type);
    lt_jinja_put(made, "as_node_config", node);
    return made;
}

static lt_jinja_value existing_indexes(lt_jinja_heap *heap, lt_jinja_value table)
{
    lt_jinja_value list = lt_jinja_list(heap);
    lt_dbt_table_view view;
    if (!lt_dbt_table_look(table, &view) || view.column_count < 4)
        return list;
    for (size_t row = 0; row < view.row_count; row++) {
        lt_texts columns = {0};
        lt_text names = lt_jinja_as_text(lt_dbt_table_cell(table, row, 3)), name;
        while (lt_text_cut(&names, ',', &name))
            lt_push_in(&heap->arena, &columns, name);
        lt_jinja_add(list, describe(heap, lt_jinja_as_text(lt_dbt_table_cell(table, row, 0)),
                                    &columns, lt_jinja_truth(lt_dbt_table_cell(table, row, 2)),
                                    lt_jinja_as_text(lt_dbt_table_cell(table, row, 1))));
    }
    return list;
}

static lt_jinja_value wanted_indexes(lt_jinja_heap *heap, lt_jinja_value configured)
{
    lt_jinja_value list = lt_jinja_list(heap);
    for (size_t i = 0; configured.type == LT_JINJA_LIST && i < lt_jinja_len(configured); i++) {
        lt_jinja_value index = lt_jinja_at(configured, i), named = lt_dbt_get(index, "columns");
        lt_texts columns = {0};
        for (size_t k = 0; named.type == LT_JINJA_LIST && k < lt_jinja_len(named); k++)
            lt_push_in(&heap->arena, &columns, lt_dbt_str(heap, lt_jinja_at(named, k)));
        lt_jinja_add(list, describe(heap, (lt_text){0}, &columns,
                                    lt_jinja_truth(lt_dbt_get(index, "unique")),
                                    lt_jinja_as_text(lt_dbt_get(index, "type"))));
    }
    return list;
}

static bool is_in(lt_jinja_value index, lt_jinja_value list)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_dbt_get(index, "as_node_config"),
                        lt_dbt_get(lt_jinja_at(list, i), "as_node_config")))
            return true;
    return false;
}

static void add_changes(lt_jinja_heap *heap, lt_jinja_value from, lt_jinja_value without,
                        const char *action, lt_jinja_value changes)
{
    for (size_t i = 0; i < lt_jinja_len(from); i++) {
        if (is_in(lt_jinja_at(from, i), without))
            continue;
        lt_jinja_value change = lt_jinja_dict(heap);
        lt_jinja_put(change, "action", lt_jinja_text(lt_text_of(action)));
        lt_jinja_put(change, "context", lt_jinja_at(from, i));
        lt_jinja_add(changes, change);
    }
}

/* adapter.materialized_view_changes(indexes table, configured indexes): None, or {requires_full_refresh, indexes: [...]}. */
static lt_status view_changes(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "existing configured", args, err));
    lt_jinja_value held = existing_indexes(call->heap, args[0]);
    lt_jinja_value wanted = wanted_indexes(call->heap, args[1]);
    lt_jinja_value changes = lt_jinja_list(call->heap);
    add_changes(call->heap, held, wanted, "drop", changes);
    add_changes(call->heap, wanted, held, "create", changes);
    *out = lt_jinja_none();
    if (!lt_jinja_len(changes))
        return LT_OK;
    *out = lt_jinja_dict(call->heap);
    lt_jinja_put(*out, "requires_full_refresh", lt_jinja_bool(false));
    lt_jinja_put(*out, "indexes", changes);
    return LT_OK;
}

static const lt_jinja_func methods[] = {
    {"verify_database", verify_database, NULL},
    {"parse_index", lt_dbt_parse_index, NULL},
    {"materialized_view_changes", view_changes, NULL},
    {NULL, NULL, NULL},
};

const lt_dbt_adapter lt_dbt_adapter_postgres = {
    .kind = {"postgres", 8},
    .relation_class = "PostgresRelation",
    .column_class = "PostgresColumn",
    .id = 1,
    .has_alias = true,
    .is_case_sensitive = true,
    .cascades = true,
    .has_plain_views = true,
    .max_name = 63,
    .text_type_is_bare = true,
    .constraints = {SUPPORT_ENFORCED, SUPPORT_ENFORCED, SUPPORT_ENFORCED, SUPPORT_ENFORCED,
                    SUPPORT_ENFORCED, SUPPORT_ENFORCED},
    .integer_types = integers,
    .float_types = floats,
    .strategies = "append delete+insert merge microbatch",
    .can_rename = 1u << LT_DBT_TABLE | 1u << LT_DBT_VIEW,
    .can_replace = 1u << LT_DBT_TABLE | 1u << LT_DBT_VIEW,
    .type_text = "text",
    .type_number = "float8",
    .type_integer = "integer",
    .type_bool = "boolean",
    .type_datetime = "timestamp without time zone",
    .type_date = "date",
    .type_time = "time",
    .has_tags = true,
    .methods = methods,
};
