/* graph_summary.json and semantic_manifest.json: small files about the whole project. */
#include "dbt/artifacts.h"

#include "base/fs.h"
#include "dbt/inner.h"

#include <stdio.h>

static lt_status write_file(const char *folder, const char *name, const lt_buf *text, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    LT_TRY(lt_buf_check(text, name, err));
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_write(path, lt_buf_text(text), 0644, err);
}

/* ---- the graph ---- */

static bool is_in_graph(const lt_dbt_node *node)
{
    return node->kind != LT_DBT_GROUP && node->kind != LT_DBT_OPERATION;
}

static void write_graph_node(const lt_dbt *dbt, const lt_dbt_nodes *children, size_t i,
                             lt_json_writer *w)
{
    const lt_dbt_node *node = dbt->all.items[i];
    char number[24];
    (void)snprintf(number, sizeof(number), "%zu", i);
    lt_json_key(w, lt_text_of(number));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", node->id);
    lt_json_set(w, "type", lt_text_of(lt_dbt_kind_name(node->kind)));
    if (children[i].len) {
        lt_json_key(w, T("succ"));
        lt_json_begin(w, '[');
        for (size_t k = 0; k < children[i].len; k++)
            lt_json_int(w, (int64_t)children[i].items[k]->index);
        lt_json_end(w);
    }
    lt_json_end(w);
}

lt_status lt_dbt_graph_summary_write(const lt_dbt *dbt, const lt_dbt_invocation *invocation,
                                     const char *folder, lt_err *err)
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    lt_json_writer w = {.out = &text};
    const lt_dbt_nodes *children = lt_dbt_children(dbt, &scratch);
    lt_json_begin(&w, '{');
    lt_json_set(&w, "_invocation_id", invocation->id);
    lt_json_key(&w, T("linked"));
    lt_json_begin(&w, '{');
    for (size_t i = 0; i < dbt->all.len; i++)
        if (is_in_graph(dbt->all.items[i]))
            write_graph_node(dbt, children, i, &w);
    lt_json_end(&w);
    lt_json_end(&w);
    return write_file(folder, "graph_summary.json", &text, err);
}

/* ---- the semantic layer ---- */

static void set_empty(lt_json_writer *w, const char *key)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    lt_json_end(w);
}

static void set_value(lt_json_writer *w, const char *key, lt_jinja_value value)
{
    lt_json_key(w, lt_text_of(key));
    lt_dbt_write_value(w, value);
}

static lt_jinja_value granularity_of(const lt_dbt_node *node, lt_text column)
{
    for (size_t i = 0; i < node->columns.len; i++)
        if (lt_text_eq(node->columns.items[i].name, column))
            return lt_dbt_at(node->columns.items[i].raw, "granularity");
    return (lt_jinja_value){0};
}

static void write_spine(const lt_dbt_node *node, lt_json_writer *w)
{
    lt_jinja_value said = lt_dbt_at(node->raw, "time_spine");
    lt_jinja_value column = lt_dbt_at(said, "standard_granularity_column");
    lt_jinja_value custom = lt_dbt_at(said, "custom_granularities");
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_KIB};
    lt_quote_relation(&node->relation, &relation);
    lt_json_begin(w, '{');
    lt_json_key(w, T("node_relation"));
    lt_json_begin(w, '{');
    lt_json_set(w, "alias", node->relation.name);
    lt_json_set(w, "schema_name", node->relation.schema);
    lt_json_set(w, "database", node->relation.database);
    lt_json_set(w, "relation_name", lt_buf_text(&relation));
    lt_json_end(w);
    lt_json_key(w, T("primary_column"));
    lt_json_begin(w, '{');
    set_value(w, "name", column);
    set_value(w, "time_granularity", granularity_of(node, lt_jinja_as_text(column)));
    lt_json_end(w);
    if (lt_dbt_is_set(custom))
        set_value(w, "custom_granularities", custom);
    else
        set_empty(w, "custom_granularities");
    lt_json_end(w);
}

static void write_configuration(const lt_dbt *dbt, lt_json_writer *w)
{
    lt_json_key(w, T("project_configuration"));
    lt_json_begin(w, '{');
    set_empty(w, "time_spine_table_configurations");
    lt_json_key(w, T("metadata"));
    lt_json_null(w);
    lt_json_key(w, T("dsi_package_version")); /* of the shape that this is */
    lt_json_begin(w, '{');
    lt_json_set(w, "major_version", T("0"));
    lt_json_set(w, "minor_version", T("9"));
    lt_json_set(w, "patch_version", T("0"));
    lt_json_end(w);
    lt_json_key(w, T("time_spines"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < dbt->all.len; i++)
        if (dbt->all.items[i]->kind == LT_DBT_MODEL &&
            lt_dbt_is_set(lt_dbt_at(dbt->all.items[i]->raw, "time_spine")))
            write_spine(dbt->all.items[i], w);
    lt_json_end(w);
    lt_json_end(w);
}

lt_status lt_dbt_semantic_manifest_write(const lt_dbt *dbt, const char *folder, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    lt_json_writer w = {.out = &text};
    for (size_t i = 0; i < dbt->all.len; i++)
        switch (dbt->all.items[i]->kind) {
        case LT_DBT_METRIC:
        case LT_DBT_SEMANTIC_MODEL:
        case LT_DBT_SAVED_QUERY:
            return LT_OK; /* these are not taken apart as that file wants them */
        default:
            break;
        }
    lt_json_begin(&w, '{');
    set_empty(&w, "semantic_models");
    set_empty(&w, "metrics");
    write_configuration(dbt, &w);
    set_empty(&w, "saved_queries");
    lt_json_end(&w);
    return write_file(folder, "semantic_manifest.json", &text, err);
}
