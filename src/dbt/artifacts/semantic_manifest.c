/* semantic_manifest.json: metrics, semantic models, saved queries and time spines as MetricFlow reads them. */
#include "dbt/artifacts/artifacts.h"
#include "dbt/artifacts/manifest_inner.h"
#include "dbt/semantic/semantic.h"

#include "base/fs.h"

typedef lt_json_writer writer;

/* ---- shapes: the keys of each object, in order; values are those of node->raw ---- */

typedef struct out_key {
    const char *key;
    const struct out_shape *of; /* of an object or of those in a list; NULL: as it is */
} out_key;

typedef struct out_shape {
    const out_key *keys;
    size_t count;
} out_shape;
#define SHAPE(list)                                                                                \
    {                                                                                              \
        list, LT_COUNT(list)                                                                       \
    }

static const out_key cumulative_keys[] = {
    {"window", NULL}, {"grain_to_date", NULL}, {"period_agg", NULL}};
static const out_shape cumulative = SHAPE(cumulative_keys);

static const out_key params_keys[] = {{"measure", NULL},
                                      {"numerator", NULL},
                                      {"denominator", NULL},
                                      {"expr", NULL},
                                      {"window", NULL},
                                      {"grain_to_date", NULL},
                                      {"metrics", NULL},
                                      {"conversion_type_params", NULL},
                                      {"cumulative_type_params", &cumulative},
                                      {"input_measures", NULL}};
static const out_shape params = SHAPE(params_keys);

static const out_key entity_keys[] = {{"name", NULL},  {"description", NULL}, {"type", NULL},
                                      {"role", NULL},  {"expr", NULL},        {"metadata", NULL},
                                      {"label", NULL}, {"config", NULL}};
static const out_shape entity = SHAPE(entity_keys);

static const out_key measure_keys[] = {{"name", NULL},
                                       {"agg", NULL},
                                       {"description", NULL},
                                       {"create_metric", NULL},
                                       {"expr", NULL},
                                       {"agg_params", NULL},
                                       {"metadata", NULL},
                                       {"non_additive_dimension", NULL},
                                       {"agg_time_dimension", NULL},
                                       {"label", NULL},
                                       {"config", NULL}};
static const out_shape measure = SHAPE(measure_keys);

static const out_key dimension_keys[] = {
    {"name", NULL},         {"description", NULL}, {"type", NULL},
    {"is_partition", NULL}, {"type_params", NULL}, {"expr", NULL},
    {"metadata", NULL},     {"label", NULL},       {"config", NULL}};
static const out_shape dimension = SHAPE(dimension_keys);

static const out_key query_keys[] = {
    {"metrics", NULL}, {"group_by", NULL}, {"order_by", NULL}, {"limit", NULL}, {"where", NULL}};
static const out_shape query = SHAPE(query_keys);

static const out_key export_config_keys[] = {
    {"export_as", NULL}, {"schema_name", NULL}, {"alias", NULL}};
static const out_shape export_config = SHAPE(export_config_keys);
static const out_key export_keys[] = {{"name", NULL}, {"config", &export_config}};
static const out_shape export = SHAPE(export_keys);

/* Shapes nest as deep as the tables above. */
static void write_shape(writer *w, const out_shape *of, lt_jinja_value value)
{
    if (!of || (value.type != LT_JINJA_DICT && value.type != LT_JINJA_LIST)) {
        if (lt_dbt_is_set(value))
            lt_dbt_write_value(w, value);
        else
            lt_json_null(w);
        return;
    }
    if (value.type == LT_JINJA_LIST) {
        lt_json_begin(w, '[');
        for (size_t i = 0; i < lt_jinja_len(value); i++)
            write_shape(w, of, lt_jinja_at(value, i));
        lt_json_end(w);
        return;
    }
    lt_json_begin(w, '{');
    for (size_t i = 0; i < of->count; i++) {
        lt_json_key(w, lt_text_of(of->keys[i].key));
        write_shape(w, of->keys[i].of, lt_dbt_at(value, of->keys[i].key));
    }
    lt_json_end(w);
}

static void set(writer *w, const lt_dbt_node *node, const char *key, const out_shape *of)
{
    lt_json_key(w, lt_text_of(key));
    write_shape(w, of, lt_dbt_at(node->raw, key));
}

static void set_config(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_key(w, T("config"));
    lt_json_begin(w, '{');
    lt_manifest_container(w, "meta", lt_dbt_config_get(dbt, node, T("meta")), '{');
    lt_json_end(w);
}

void lt_dbt_semantic_relation(const lt_dbt_node *about, lt_json_writer *w)
{
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_KIB};
    lt_quote_relation(&about->relation, &relation);
    lt_json_begin(w, '{');
    lt_json_set(w, "alias", about->relation.name);
    lt_json_set(w, "schema_name", about->relation.schema);
    lt_json_set(w, "database", about->relation.database);
    if (about->no_relation)
        lt_manifest_null(w, "relation_name");
    else
        lt_json_set(w, "relation_name", lt_buf_text(&relation));
    lt_json_end(w);
}

/* ---- one of each kind ---- */

static void write_metric(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_set(w, "name", node->name);
    lt_json_set(w, "description", node->description);
    set(w, node, "type", NULL);
    set(w, node, "type_params", &params);
    set(w, node, "filter", NULL);
    lt_manifest_null(w, "metadata");
    set(w, node, "label", NULL);
    set_config(w, dbt, node);
    set(w, node, "time_granularity", NULL);
}

static void write_model(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_json_set(w, "name", node->name);
    set(w, node, "defaults", NULL);
    lt_manifest_text(w, "description", node->description);
    lt_json_key(w, T("node_relation"));
    if (node->depends_on.len)
        lt_dbt_semantic_relation(node->depends_on.items[0], w);
    else
        lt_json_null(w);
    set(w, node, "primary_entity", NULL);
    set(w, node, "entities", &entity);
    set(w, node, "measures", &measure);
    set(w, node, "dimensions", &dimension);
    set(w, node, "label", NULL);
    lt_manifest_null(w, "metadata");
    set_config(w, dbt, node);
}

static void write_query(writer *w, const lt_dbt *dbt, const lt_dbt_node *node)
{
    (void)dbt;
    lt_json_set(w, "name", node->name);
    set(w, node, "query_params", &query);
    lt_manifest_text(w, "description", node->description);
    lt_manifest_null(w, "metadata");
    set(w, node, "label", NULL);
    set(w, node, "exports", &export);
    lt_manifest_texts(w, "tags", &node->config.tags);
}

static void write_kind(writer *w, const lt_dbt *dbt, const char *key, lt_dbt_kind kind,
                       void (*write)(writer *w, const lt_dbt *dbt, const lt_dbt_node *node))
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < dbt->all.len && dbt->counts[kind]; i++) {
        if (dbt->all.items[i]->kind != kind)
            continue;
        lt_json_begin(w, '{');
        write(w, dbt, dbt->all.items[i]);
        lt_json_end(w);
    }
    lt_json_end(w);
}

/* ---- time spines ---- */

static lt_jinja_value granularity_of(const lt_dbt_node *node, lt_text column)
{
    for (size_t i = 0; i < node->columns.len; i++)
        if (lt_text_eq(node->columns.items[i].name, column))
            return lt_dbt_at(node->columns.items[i].raw, "granularity");
    return lt_jinja_none();
}

static void write_spine(writer *w, const lt_dbt_node *node)
{
    lt_jinja_value said = lt_dbt_at(node->raw, "time_spine");
    lt_jinja_value column = lt_dbt_at(said, "standard_granularity_column");
    lt_json_begin(w, '{');
    lt_json_key(w, T("node_relation"));
    lt_dbt_semantic_relation(node, w);
    lt_json_key(w, T("primary_column"));
    lt_json_begin(w, '{');
    lt_manifest_value(w, "name", column);
    lt_manifest_value(w, "time_granularity", granularity_of(node, lt_jinja_as_text(column)));
    lt_json_end(w);
    lt_manifest_container(w, "custom_granularities", lt_dbt_at(said, "custom_granularities"), '[');
    lt_json_end(w);
}

static bool is_spine(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL && lt_dbt_is_set(lt_dbt_at(node->raw, "time_spine"));
}

/* A model of this name is a time spine without saying so, where there is something that needs one. */
static const lt_dbt_node *old_spine(const lt_dbt *dbt)
{
    const lt_dbt_ref ref = {.name = T("metricflow_time_spine"), .version = lt_jinja_none()};
    bool is_disabled, needed = dbt->counts[LT_DBT_SEMANTIC_MODEL] > 0;
    const lt_dbt_node *found = needed ? lt_dbt_ref_find(dbt, NULL, &ref, &is_disabled) : NULL;
    return found && !is_spine(found) ? found : NULL;
}

static void write_old_spine(writer *w, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_KIB};
    lt_quote_relation(&node->relation, &relation);
    lt_json_begin(w, '{');
    lt_json_set(w, "location", lt_buf_text(&relation));
    lt_json_set(w, "column_name", T("date_day"));
    lt_json_set(w, "grain", T("day"));
    lt_json_end(w);
}

static void write_configuration(writer *w, const lt_dbt *dbt)
{
    const lt_dbt_node *old = old_spine(dbt);
    lt_json_key(w, T("project_configuration"));
    lt_json_begin(w, '{');
    lt_json_key(w, T("time_spine_table_configurations"));
    lt_json_begin(w, '[');
    if (old)
        write_old_spine(w, old);
    lt_json_end(w);
    lt_manifest_null(w, "metadata");
    lt_json_key(w, T("dsi_package_version")); /* of the shape that this is */
    lt_json_begin(w, '{');
    lt_json_set(w, "major_version", T("0"));
    lt_json_set(w, "minor_version", T("9"));
    lt_json_set(w, "patch_version", T("0"));
    lt_json_end(w);
    lt_json_key(w, T("time_spines"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < dbt->all.len; i++)
        if (is_spine(dbt->all.items[i]))
            write_spine(w, dbt->all.items[i]);
    lt_json_end(w);
    lt_json_end(w);
}

lt_status lt_dbt_semantic_manifest_write(const lt_dbt *dbt, const char *folder, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "semantic_manifest.json");
    writer w = {.out = &text};
    lt_json_begin(&w, '{');
    write_kind(&w, dbt, "semantic_models", LT_DBT_SEMANTIC_MODEL, write_model);
    write_kind(&w, dbt, "metrics", LT_DBT_METRIC, write_metric);
    write_configuration(&w, dbt);
    write_kind(&w, dbt, "saved_queries", LT_DBT_SAVED_QUERY, write_query);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "semantic_manifest.json", err));
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_update(path, lt_buf_text(&text), 0644, err);
}
