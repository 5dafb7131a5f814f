/* Metrics and semantic models once all names are known: what measures a metric comes down to, and what dbt refuses. */
#include "dbt/semantic/semantic.h"

static bool is_type(const lt_dbt_node *metric, const char *type)
{
    return lt_text_eq(lt_jinja_as_text(lt_dbt_at(metric->raw, "type")), lt_text_of(type));
}

lt_status lt_dbt_semantic_refuse(const lt_dbt_node *node, lt_err *err, const char *format, ...)
{
    LT_AUTO(lt_buf) text = {.limit = 4 * LT_KIB};
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    return lt_fail(err, LT_INVALID, "%.*s:%u:%u: %s", LT_ARG(node->path), node->line,
                   LT_MAX(node->col, 1u), lt_buf_chars(&text));
}

/* ---- input_measures ---- */

static void add_once(lt_jinja_value list, lt_jinja_value item)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_jinja_at(list, i), item))
            return;
    lt_jinja_add(list, item);
}

static lt_jinja_value params_of(const lt_dbt_node *metric)
{
    return lt_dbt_at(metric->raw, "type_params");
}

static void add_of_metric(const lt_dbt *dbt, lt_jinja_value list, lt_jinja_value input)
{
    const lt_dbt_node *from =
        lt_map_find(&dbt->metrics, lt_jinja_as_text(lt_dbt_at(input, "name")));
    lt_jinja_value theirs =
        from ? lt_dbt_at(params_of(from), "input_measures") : (lt_jinja_value){0};
    for (size_t i = 0; theirs.type == LT_JINJA_LIST && i < lt_jinja_len(theirs); i++)
        add_once(list, lt_jinja_at(theirs, i));
}

/* The metrics that this one is made of have theirs already. */
static void collect(lt_dbt *dbt, lt_dbt_node *metric)
{
    static const char *const inputs[] = {"numerator", "denominator"};
    lt_jinja_value params = params_of(metric), list = lt_jinja_list(&dbt->heap);
    lt_jinja_value conversion = lt_dbt_at(params, "conversion_type_params");
    const lt_jinja_value own[] = {lt_dbt_at(params, "measure"),
                                  lt_dbt_at(conversion, "base_measure"),
                                  lt_dbt_at(conversion, "conversion_measure")};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (lt_dbt_is_set(own[i]))
            add_once(list, own[i]);
    for (size_t i = 0; i < LT_COUNT(inputs); i++)
        add_of_metric(dbt, list, lt_dbt_at(params, inputs[i]));
    lt_jinja_value metrics = lt_dbt_at(params, "metrics");
    for (size_t i = 0; i < lt_jinja_len(metrics); i++)
        add_of_metric(dbt, list, lt_jinja_at(metrics, i));
    lt_jinja_put(params, "input_measures", list);
}

typedef struct visit {
    lt_dbt_node *metric;
    size_t next;
} visit;

/* What a metric is made of comes first; there are no cycles any more. */
static void collect_all(lt_dbt *dbt)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_VEC(visit) path = {0};
    lt_map done = {0};
    for (size_t i = 0; i < dbt->all.len && dbt->counts[LT_DBT_METRIC]; i++) {
        if (dbt->all.items[i]->kind != LT_DBT_METRIC)
            continue;
        lt_push_in(&arena, &path, ((visit){.metric = dbt->all.items[i]}));
        while (path.len) {
            visit *top = &path.items[path.len - 1];
            if (lt_map_has(&done, top->metric->id)) {
                path.len--;
            } else if (top->next < top->metric->depends_on.len) {
                lt_dbt_node *on = top->metric->depends_on.items[top->next++];
                if (on->kind == LT_DBT_METRIC)
                    lt_push_in(&arena, &path, ((visit){.metric = on}));
            } else {
                collect(dbt, top->metric);
                (void)lt_map_put(&done, top->metric->id, top->metric);
                path.len--;
            }
        }
    }
    lt_map_cleanup(&done);
}

/* ---- metrics ---- */

static lt_status check_metric(const lt_dbt_node *metric, lt_err *err)
{
    static const struct {
        const char *type, *key;
    } needed[] = {{"simple", "measure"},
                  {"cumulative", "measure"},
                  {"ratio", "numerator"},
                  {"ratio", "denominator"},
                  {"derived", "expr"},
                  {"derived", "metrics"},
                  {"conversion", "conversion_type_params"}};
    lt_jinja_value params = params_of(metric);
    lt_jinja_value cumulative = lt_dbt_at(params, "cumulative_type_params");
    for (size_t i = 0; i < LT_COUNT(needed); i++) {
        lt_jinja_value said = lt_dbt_at(params, needed[i].key);
        bool given = lt_dbt_is_set(said) && (said.type != LT_JINJA_LIST || lt_jinja_len(said));
        if (is_type(metric, needed[i].type) && !given)
            return lt_dbt_semantic_refuse(metric, err,
                                          "the %s metric '%.*s' needs `%s` in its type_params",
                                          needed[i].type, LT_ARG(metric->name), needed[i].key);
    }
    if (lt_dbt_is_set(lt_dbt_at(cumulative, "window")) &&
        lt_dbt_is_set(lt_dbt_at(cumulative, "grain_to_date")))
        return lt_dbt_semantic_refuse(
            metric, err,
            "Both window and grain_to_date set for cumulative metric '%.*s'. Please set "
            "one or the other",
            LT_ARG(metric->name));
    return LT_OK;
}

/* ---- semantic models ---- */

static lt_jinja_value named(lt_jinja_value list, lt_jinja_value name)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_dbt_at(lt_jinja_at(list, i), "name"), name))
            return lt_jinja_at(list, i);
    return (lt_jinja_value){0};
}

static bool has_primary(const lt_dbt_node *model)
{
    lt_jinja_value list = lt_dbt_at(model->raw, "entities");
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "type")), T("primary")))
            return true;
    return lt_dbt_is_set(lt_dbt_at(model->raw, "primary_entity"));
}

static lt_status check_measure(const lt_dbt_node *model, lt_jinja_value measure, lt_err *err)
{
    lt_text name = lt_jinja_as_text(lt_dbt_at(measure, "name"));
    lt_jinja_value time = lt_dbt_at(measure, "agg_time_dimension");
    if (!lt_dbt_is_set(time))
        time = lt_dbt_at(lt_dbt_at(model->raw, "defaults"), "agg_time_dimension");
    if (!lt_dbt_is_set(time))
        return lt_dbt_semantic_refuse(
            model, err,
            "Aggregation time dimension for measure %.*s on semantic model %.*s is not "
            "set! To fix this either specify a default `agg_time_dimension` for the "
            "semantic model or define an `agg_time_dimension` on the measure directly.",
            LT_ARG(name), LT_ARG(model->name));
    lt_jinja_value dimension = named(lt_dbt_at(model->raw, "dimensions"), time);
    if (!lt_text_eq(lt_jinja_as_text(lt_dbt_at(dimension, "type")), T("time")))
        return lt_dbt_semantic_refuse(
            model, err,
            "In semantic model '%.*s', measure '%.*s' has the aggregation time dimension "
            "set to '%.*s', which is not a valid time dimension in the semantic model",
            LT_ARG(model->name), LT_ARG(name), LT_ARG(lt_jinja_as_text(time)));
    return LT_OK;
}

static lt_status check_model(const lt_dbt_node *model, lt_err *err)
{
    lt_jinja_value measures = lt_dbt_at(model->raw, "measures");
    lt_jinja_value dimensions = lt_dbt_at(model->raw, "dimensions");
    if (lt_jinja_len(dimensions) && !has_primary(model))
        return lt_dbt_semantic_refuse(
            model, err,
            "The semantic model %.*s contains dimensions, but it does not define a "
            "primary entity. Either add an entity with type PRIMARY or set a value for "
            "the primary_entity key.",
            LT_ARG(model->name));
    for (size_t i = 0; i < lt_jinja_len(measures); i++)
        LT_TRY(check_measure(model, lt_jinja_at(measures, i), err));
    return LT_OK;
}

/* ---- time spines ---- */

static const lt_dbt_column *column_named(const lt_dbt_node *node, lt_text name)
{
    for (size_t i = 0; i < node->columns.len; i++)
        if (lt_text_eq(node->columns.items[i].name, name))
            return &node->columns.items[i];
    return NULL;
}

static lt_status check_customs(const lt_dbt_node *node, lt_jinja_value spine, lt_err *err)
{
    lt_jinja_value list = lt_dbt_at(spine, "custom_granularities");
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        lt_text name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "column_name"));
        if (!name.len)
            name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "name"));
        if (!column_named(node, name))
            return lt_fail(err, LT_INVALID,
                           "%.*s: Time spine custom granularity columns do not exist in the model. "
                           "Column not found: '%.*s' of the model '%.*s'",
                           LT_ARG(node->path), LT_ARG(name), LT_ARG(node->name));
    }
    return LT_OK;
}

/* *fine: its grain is a day or smaller. */
static lt_status check_spine(const lt_dbt_node *node, bool *fine, lt_err *err)
{
    static const lt_text coarse[] = {T("week"), T("month"), T("quarter"), T("year")};
    lt_jinja_value said = lt_dbt_at(node->raw, "time_spine");
    lt_text name = lt_jinja_as_text(lt_dbt_at(said, "standard_granularity_column"));
    if (said.type != LT_JINJA_DICT)
        return LT_OK;
    const lt_dbt_column *column = column_named(node, name);
    if (!column)
        return lt_fail(err, LT_INVALID,
                       "%.*s: Time spine standard granularity column must be defined on the model. "
                       "Got invalid column name '%.*s' for model '%.*s'",
                       LT_ARG(node->path), LT_ARG(name), LT_ARG(node->name));
    lt_text grain = lt_jinja_as_text(lt_dbt_at(column->raw, "granularity"));
    if (!grain.len)
        return lt_fail(err, LT_INVALID,
                       "%.*s: Time spine standard granularity column must have a granularity "
                       "defined. Please add one for column '%.*s' in model '%.*s'",
                       LT_ARG(node->path), LT_ARG(name), LT_ARG(node->name));
    LT_TRY(check_customs(node, said, err));
    bool small = true;
    for (size_t i = 0; i < LT_COUNT(coarse); i++)
        small = small && !lt_text_eq_nocase(grain, coarse[i]);
    *fine |= small;
    return LT_OK;
}

static lt_status check_spines(const lt_dbt *dbt, bool needed, lt_err *err)
{
    bool fine = lt_map_has(&dbt->refable, T("metricflow_time_spine"));
    for (size_t i = 0; i < dbt->all.len; i++)
        if (dbt->all.items[i]->kind == LT_DBT_MODEL)
            LT_TRY(check_spine(dbt->all.items[i], &fine, err));
    if (fine || !needed)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "The semantic layer requires a time spine model with granularity DAY or "
                      "smaller in the project, but none was found."));
    return lt_hint(err, "give a model with a row for each day a 'time_spine:'");
}

/* Windows of cumulative metrics have a place of their own now. */
static lt_status check_cumulative(lt_dbt *dbt, lt_err *err)
{
    LT_AUTO(lt_buf) names = {.limit = 16 * LT_KIB};
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        lt_jinja_value params = lt_dbt_at(node->raw, "type_params");
        if (node->kind == LT_DBT_METRIC && (lt_dbt_is_set(lt_dbt_at(params, "window")) ||
                                            lt_dbt_is_set(lt_dbt_at(params, "grain_to_date"))))
            lt_buf_printf(&names, "%s%.*s", names.len ? ", " : "", LT_ARG(node->name));
    }
    if (!names.len)
        return LT_OK;
    if (lt_dbt_flag_is_on(dbt, T("require_nested_cumulative_type_params")))
        return lt_fail(err, LT_INVALID,
                       "Cumulative fields `type_params.window` and `type_params.grain_to_date` "
                       "should be nested under `type_params.cumulative_type_params.window` and "
                       "`type_params.cumulative_type_params.grain_to_date`. Invalid metrics: %s",
                       lt_buf_chars(&names));
    lt_dbt_warn(dbt, LT_DBT_CUMULATIVE_PARAMS,
                "Cumulative fields `type_params.window` and `type_params.grain_to_date` have been "
                "moved and will soon be deprecated. Please nest those values under "
                "`type_params.cumulative_type_params.window` and "
                "`type_params.cumulative_type_params.grain_to_date`. See documentation on behavior "
                "changes: https://docs.getdbt.com/reference/global-configs/behavior-changes.");
    return LT_OK;
}

/* The model that MetricFlow knows by its name alone. */
static void warn_of_bare_spine(lt_dbt *dbt)
{
    bool is_bare = false;
    if (dbt->is_as_before ||
        lt_dbt_flag_is_on(dbt, T("require_yaml_configuration_for_mf_time_spines")))
        return;
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        lt_jinja_value said = lt_dbt_at(node->raw, "time_spine");
        if (node->kind != LT_DBT_MODEL)
            continue;
        is_bare |= said.type != LT_JINJA_DICT && lt_text_eq(node->name, T("metricflow_time_spine"));
        if (said.type != LT_JINJA_DICT)
            continue;
        const lt_dbt_column *column =
            column_named(node, lt_jinja_as_text(lt_dbt_at(said, "standard_granularity_column")));
        if (column &&
            lt_text_eq_nocase(lt_jinja_as_text(lt_dbt_at(column->raw, "granularity")), T("day")))
            return; /* it does the work of the other */
    }
    if (is_bare)
        lt_dbt_warn(dbt, LT_DBT_BARE_TIME_SPINE,
                    "Time spines without YAML configuration are in the process of deprecation. "
                    "Please add YAML configuration for your 'metricflow_time_spine' model. See "
                    "documentation on MetricFlow time spines: "
                    "https://docs.getdbt.com/docs/build/metricflow-time-spine and behavior change "
                    "documentation: "
                    "https://docs.getdbt.com/reference/global-configs/behavior-changes.");
}

lt_status lt_dbt_semantic_finish(lt_dbt *dbt, lt_err *err)
{
    size_t metrics = dbt->counts[LT_DBT_METRIC], models = dbt->counts[LT_DBT_SEMANTIC_MODEL];
    collect_all(dbt);
    LT_TRY(check_spines(dbt, models > 0, err));
    for (size_t i = 0; i < dbt->all.len && metrics && models; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        if (node->kind == LT_DBT_METRIC)
            LT_TRY(check_metric(node, err));
        if (node->kind == LT_DBT_SEMANTIC_MODEL)
            LT_TRY(check_model(node, err));
    }
    if (!metrics || !models)
        return LT_OK;
    LT_TRY(check_cumulative(dbt, err));
    warn_of_bare_spine(dbt);
    return lt_dbt_semantic_names(dbt, err);
}
