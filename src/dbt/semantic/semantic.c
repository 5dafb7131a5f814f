/* Metrics, semantic models and saved queries of .yml files, brought into the shape that dbt's artifacts have. */
#include "dbt/semantic/semantic.h"

/* ---- words ---- */

static const char *const metric_types[] = {"simple",  "ratio",      "cumulative",
                                           "derived", "conversion", NULL};
static const char *const aggregations[] = {"sum",         "min",     "max",        "count_distinct",
                                           "sum_boolean", "average", "percentile", "median",
                                           "count",       NULL};
static const char *const dimension_types[] = {"categorical", "time", NULL};
static const char *const entity_types[] = {"foreign", "natural", "primary", "unique", NULL};
static const char *const period_aggregations[] = {"first", "last", "average", NULL};
static const char *const calculations[] = {"conversions", "conversion_rate", NULL};
static const char *const granularities[] = {"nanosecond", "microsecond", "millisecond", "second",
                                            "minute",     "hour",        "day",         "week",
                                            "month",      "quarter",     "year",        NULL};

/* ---- shapes ---- */

typedef enum member_kind {
    NONE,      /* null */
    EMPTY,     /* [] */
    VALUE,     /* as it is, or null */
    TEXT,      /* as a text, or null */
    FLAG,      /* true or false */
    NEVER,     /* false */
    WORD,      /* one of `words` */
    LIST,      /* a list of values, [] */
    FILTER,    /* a text or a list of them */
    WINDOW,    /* "7 days" */
    DESCRIBED, /* a text with doc() */
    TABLE,     /* a mapping, or null */
    TABLES,    /* a list of mappings, [] */
    TABLES_OR_NONE,
    NAMED, /* a mapping, or its name alone */
    NAMES, /* a list of these, [] */
    META   /* {"meta": config.meta} */
} member_kind;

typedef struct shape shape;

typedef struct member {
    const char *key;
    member_kind kind;
    const shape *of;
    const char *const *words;
    const char *otherwise; /* a WORD's default */
    bool is_needed;
} member;

struct shape {
    const member *members;
    size_t count;
};
#define SHAPE(list)                                                                                \
    {                                                                                              \
        list, LT_COUNT(list)                                                                       \
    }

static const member input_measure_members[] = {{.key = "name", VALUE, .is_needed = true},
                                               {.key = "filter", FILTER},
                                               {.key = "alias", VALUE},
                                               {.key = "join_to_timespine", FLAG},
                                               {.key = "fill_nulls_with", VALUE}};
static const shape input_measure = SHAPE(input_measure_members);

static const member input_metric_members[] = {{.key = "name", VALUE, .is_needed = true},
                                              {.key = "filter", FILTER},
                                              {.key = "alias", VALUE},
                                              {.key = "offset_window", WINDOW},
                                              {.key = "offset_to_grain", VALUE}};
static const shape input_metric = SHAPE(input_metric_members);

static const member property_members[] = {{.key = "base_property", VALUE, .is_needed = true},
                                          {.key = "conversion_property", VALUE, .is_needed = true}};
static const shape property = SHAPE(property_members);

static const member conversion_members[] = {
    {.key = "base_measure", NAMED, &input_measure, .is_needed = true},
    {.key = "conversion_measure", NAMED, &input_measure, .is_needed = true},
    {.key = "entity", VALUE, .is_needed = true},
    {.key = "calculation", WORD, .words = calculations, .otherwise = "conversion_rate"},
    {.key = "window", WINDOW},
    {.key = "constant_properties", TABLES_OR_NONE, &property}};
static const shape conversion = SHAPE(conversion_members);

static const member cumulative_members[] = {
    {.key = "window", WINDOW},
    {.key = "grain_to_date", VALUE},
    {.key = "period_agg", WORD, .words = period_aggregations, .otherwise = "first"},
    {.key = "metric", NONE}};
static const shape cumulative = SHAPE(cumulative_members);

static const member type_params_members[] = {{.key = "measure", NAMED, &input_measure},
                                             {.key = "input_measures", EMPTY},
                                             {.key = "numerator", NAMED, &input_metric},
                                             {.key = "denominator", NAMED, &input_metric},
                                             {.key = "expr", TEXT},
                                             {.key = "window", WINDOW},
                                             {.key = "grain_to_date", WORD, .words = granularities},
                                             {.key = "metrics", NAMES, &input_metric},
                                             {.key = "conversion_type_params", TABLE, &conversion},
                                             {.key = "cumulative_type_params", TABLE, &cumulative},
                                             {.key = "metric_aggregation_params", NONE}};
static const shape type_params = SHAPE(type_params_members);

static const member metric_members[] = {
    {.key = "label", VALUE, .is_needed = true},
    {.key = "type", WORD, .words = metric_types, .is_needed = true},
    {.key = "type_params", TABLE, &type_params, .is_needed = true},
    {.key = "filter", FILTER},
    {.key = "metadata", NONE},
    {.key = "time_granularity", VALUE}};
static const shape metric = SHAPE(metric_members);

static const member agg_params_members[] = {{.key = "percentile", VALUE},
                                            {.key = "use_discrete_percentile", FLAG},
                                            {.key = "use_approximate_percentile", FLAG}};
static const shape agg_params = SHAPE(agg_params_members);

static const member non_additive_members[] = {
    {.key = "name", VALUE, .is_needed = true},
    {.key = "window_choice", WORD, .words = aggregations, .otherwise = "min"},
    {.key = "window_groupings", LIST}};
static const shape non_additive = SHAPE(non_additive_members);

static const member validity_members[] = {{.key = "is_start", FLAG}, {.key = "is_end", FLAG}};
static const shape validity = SHAPE(validity_members);

static const member time_members[] = {
    {.key = "time_granularity", WORD, .words = granularities, .is_needed = true},
    {.key = "validity_params", TABLE, &validity}};
static const shape time_params = SHAPE(time_members);

static const member entity_members[] = {
    {.key = "name", VALUE, .is_needed = true},
    {.key = "type", WORD, .words = entity_types, .is_needed = true},
    {.key = "description", DESCRIBED},
    {.key = "label", VALUE},
    {.key = "role", VALUE},
    {.key = "expr", VALUE},
    {.key = "config", META}};
static const shape entity = SHAPE(entity_members);

static const member measure_members[] = {
    {.key = "name", VALUE, .is_needed = true},
    {.key = "agg", WORD, .words = aggregations, .is_needed = true},
    {.key = "description", DESCRIBED},
    {.key = "label", VALUE},
    {.key = "create_metric", NEVER},
    {.key = "expr", TEXT},
    {.key = "agg_params", TABLE, &agg_params},
    {.key = "non_additive_dimension", TABLE, &non_additive},
    {.key = "agg_time_dimension", VALUE},
    {.key = "config", META}};
static const shape measure = SHAPE(measure_members);

static const member dimension_members[] = {
    {.key = "name", VALUE, .is_needed = true},
    {.key = "type", WORD, .words = dimension_types, .is_needed = true},
    {.key = "description", DESCRIBED},
    {.key = "label", VALUE},
    {.key = "is_partition", FLAG},
    {.key = "type_params", TABLE, &time_params},
    {.key = "expr", VALUE},
    {.key = "metadata", NONE},
    {.key = "config", META}};
static const shape dimension = SHAPE(dimension_members);

static const member defaults_members[] = {{.key = "agg_time_dimension", VALUE}};
static const shape defaults = SHAPE(defaults_members);

static const member semantic_model_members[] = {{.key = "model", VALUE, .is_needed = true},
                                                {.key = "label", VALUE},
                                                {.key = "defaults", TABLE, &defaults},
                                                {.key = "entities", TABLES, &entity},
                                                {.key = "measures", TABLES, &measure},
                                                {.key = "dimensions", TABLES, &dimension},
                                                {.key = "metadata", NONE},
                                                {.key = "primary_entity", VALUE}};
static const shape semantic_model = SHAPE(semantic_model_members);

static const member query_members[] = {{.key = "metrics", LIST},
                                       {.key = "group_by", LIST},
                                       {.key = "where", FILTER},
                                       {.key = "order_by", LIST},
                                       {.key = "limit", VALUE}};
static const shape query_params = SHAPE(query_members);

static const member saved_query_members[] = {
    {.key = "query_params", TABLE, &query_params, .is_needed = true},
    {.key = "exports", EMPTY},
    {.key = "label", VALUE},
    {.key = "metadata", NONE}};
static const shape saved_query = SHAPE(saved_query_members);

static const member custom_members[] = {{.key = "name", VALUE, .is_needed = true},
                                        {.key = "column_name", VALUE}};
static const shape custom_granularity = SHAPE(custom_members);
static const member spine_members[] = {
    {.key = "standard_granularity_column", VALUE, .is_needed = true},
    {.key = "custom_granularities", TABLES, &custom_granularity}};
static const shape time_spine = SHAPE(spine_members);

/* ---- reading ---- */

typedef struct reader {
    const value_source *source;
    lt_dbt_node *node; /* gets the docs blocks of its parts; may be NULL */
    lt_err *err;
} reader;

static lt_status read_table(const reader *r, const shape *of, const lt_yaml *said,
                            lt_jinja_value *out);

static lt_status refuse(const reader *r, const lt_yaml *at, const char *format, ...)
    LT_PRINTF(3, 4);

static lt_status refuse(const reader *r, const lt_yaml *at, const char *format, ...)
{
    LT_AUTO(lt_buf) text = {.limit = 4 * LT_KIB};
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    return lt_yaml_fail(at, r->source->path, r->err, "%s", lt_buf_chars(&text));
}

static lt_status read_word(const reader *r, const member *one, const lt_yaml *said,
                           lt_jinja_value *out)
{
    lt_jinja_value value;
    LT_AUTO(lt_buf) list = {.limit = LT_KIB};
    if (lt_dbt_is_null(said)) {
        *out = one->otherwise ? lt_jinja_text(lt_text_of(one->otherwise)) : lt_jinja_none();
        return LT_OK;
    }
    LT_TRY(lt_dbt_value(r->source, said, &value, r->err));
    lt_text text = lt_dbt_text_of(r->source->dbt, value);
    for (size_t i = 0; one->words[i]; i++) {
        if (lt_text_eq_nocase(text, lt_text_of(one->words[i]))) {
            *out = lt_jinja_text(lt_text_of(one->words[i]));
            return LT_OK;
        }
        lt_buf_printf(&list, "%s%s", i ? ", " : "", one->words[i]);
    }
    return refuse(r, said, "'%.*s' is no %s: there are %s", LT_ARG(text), one->key,
                  lt_buf_chars(&list));
}

static lt_jinja_value one_filter(lt_dbt *dbt, lt_text text)
{
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(made, "where_sql_template", lt_jinja_text(text));
    return made;
}

/* The words of a filter are MetricFlow's: nobody renders them here. */
static lt_status read_filter(const reader *r, const lt_yaml *said, lt_jinja_value *out)
{
    lt_dbt *dbt = r->source->dbt;
    lt_jinja_value list = lt_jinja_list(&dbt->heap);
    *out = lt_jinja_none();
    if (lt_dbt_is_null(said))
        return LT_OK;
    if (said->kind == LT_YAML_MAPPING)
        return refuse(r, said, "a filter is a text, or a list of texts");
    if (said->kind == LT_YAML_SCALAR)
        lt_jinja_add(list, one_filter(dbt, said->text));
    for (size_t i = 0; said->kind == LT_YAML_SEQUENCE && i < said->count; i++) {
        if (said->items[i]->kind != LT_YAML_SCALAR)
            return refuse(r, said->items[i], "a filter is a text, or a list of texts");
        lt_jinja_add(list, one_filter(dbt, said->items[i]->text));
    }
    *out = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(*out, "where_filters", list);
    return LT_OK;
}

static bool is_granularity(lt_text text)
{
    for (size_t i = 0; granularities[i]; i++)
        if (lt_text_eq(text, lt_text_of(granularities[i])))
            return true;
    return false;
}

/* "7 days": a count and a granularity, whose plural is no other. */
static lt_status read_window(const reader *r, const lt_yaml *said, lt_jinja_value *out)
{
    lt_jinja_value value;
    lt_dbt *dbt = r->source->dbt;
    int64_t count;
    *out = lt_jinja_none();
    if (lt_dbt_is_null(said))
        return LT_OK;
    LT_TRY(lt_dbt_value(r->source, said, &value, r->err));
    lt_text text = lt_dbt_text_of(dbt, value);
    size_t blank = lt_text_find_byte(text, ' ', 0);
    if (blank == SIZE_MAX || lt_text_find_byte(text, ' ', blank + 1) != SIZE_MAX)
        return refuse(
            r, said,
            "Invalid window (%.*s) in cumulative/conversion metric. Should be of the form "
            "`<count> <granularity>`, e.g., `28 days`",
            LT_ARG(text));
    lt_text number = lt_text_sub(text, 0, blank), unit = lt_text_sub(text, blank + 1, SIZE_MAX);
    if (!number.len || !lt_is_digit(number.ptr[0]) || !lt_text_to_i64(number, &count))
        return refuse(r, said,
                      "Invalid count (%.*s) in cumulative/conversion metric window string: (%.*s)",
                      LT_ARG(number), LT_ARG(text));
    char *small = lt_arena_str(&dbt->arena, unit);
    for (size_t i = 0; i < unit.len; i++)
        small[i] = lt_lower(small[i]);
    unit = lt_text_at(small, unit.len);
    if (lt_text_ends(unit, T("s")) && is_granularity(lt_text_sub(unit, 0, unit.len - 1)))
        unit.len--;
    *out = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(*out, "count", lt_jinja_int(count));
    lt_jinja_put(*out, "granularity", lt_jinja_text(unit));
    return LT_OK;
}

static lt_status read_list(const reader *r, const lt_yaml *said, lt_jinja_value *out)
{
    *out = lt_jinja_list(&r->source->dbt->heap);
    if (lt_dbt_is_null(said))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(r->source->path, said, "this", r->err));
    return lt_dbt_value(r->source, said, out, r->err);
}

static lt_status read_named(const reader *r, const shape *of, const lt_yaml *said,
                            lt_jinja_value *out)
{
    lt_jinja_value name;
    *out = lt_jinja_none();
    if (lt_dbt_is_null(said))
        return LT_OK;
    if (said->kind == LT_YAML_MAPPING)
        return read_table(r, of, said, out);
    if (said->kind != LT_YAML_SCALAR)
        return refuse(r, said, "a name, or a mapping with a name, is needed here");
    LT_TRY(lt_dbt_value(r->source, said, &name, r->err));
    LT_TRY(read_table(r, of, NULL, out));
    lt_jinja_put(*out, "name", name);
    return LT_OK;
}

static lt_status read_tables(const reader *r, const member *one, const lt_yaml *said,
                             lt_jinja_value *out)
{
    *out = lt_jinja_list(&r->source->dbt->heap);
    if (lt_dbt_is_null(said))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(r->source->path, said, one->key, r->err));
    for (size_t i = 0; i < said->count; i++) {
        lt_jinja_value made;
        LT_TRY(one->kind == NAMES ? read_named(r, one->of, said->items[i], &made)
                                  : read_table(r, one->of, said->items[i], &made));
        lt_jinja_add(*out, made);
    }
    return LT_OK;
}

static lt_status read_meta(const reader *r, const lt_yaml *said, lt_jinja_value *out)
{
    lt_jinja_value meta = lt_jinja_dict(&r->source->dbt->heap);
    const lt_yaml *given = lt_yaml_find(said, T("meta"));
    *out = lt_jinja_dict(&r->source->dbt->heap);
    if (!lt_dbt_is_null(given))
        LT_TRY(lt_dbt_value(r->source, given, &meta, r->err));
    lt_jinja_put(*out, "meta", meta);
    return LT_OK;
}

static lt_status read_plain(const reader *r, const member *one, const lt_yaml *said,
                            lt_jinja_value *out)
{
    lt_dbt *dbt = r->source->dbt;
    bool given = !lt_dbt_is_null(said);
    *out = one->kind == FLAG ? lt_jinja_bool(false) : lt_jinja_none();
    if (!given)
        return LT_OK;
    if (one->kind == DESCRIBED)
        return lt_dbt_value_text(r->source, said, r->node ? &r->node->doc_blocks : NULL, out,
                                 r->err);
    LT_TRY(lt_dbt_value(r->source, said, out, r->err));
    if (one->kind == TEXT && out->type != LT_JINJA_NONE)
        *out = lt_jinja_text(lt_dbt_text_of(dbt, *out));
    if (one->kind == FLAG)
        *out = lt_jinja_bool(lt_jinja_truth(*out));
    return LT_OK;
}

static lt_status read_member(const reader *r, const member *one, const lt_yaml *said,
                             lt_jinja_value *out)
{
    lt_jinja_heap *heap = &r->source->dbt->heap;
    switch (one->kind) {
    case NONE:
        *out = lt_jinja_none();
        return LT_OK;
    case NEVER:
        *out = lt_jinja_bool(false);
        return LT_OK;
    case EMPTY:
        *out = lt_jinja_list(heap);
        return LT_OK;
    case WORD:
        return read_word(r, one, said, out);
    case LIST:
        return read_list(r, said, out);
    case FILTER:
        return read_filter(r, said, out);
    case WINDOW:
        return read_window(r, said, out);
    case META:
        return read_meta(r, said, out);
    case NAMED:
        return read_named(r, one->of, said, out);
    case TABLES_OR_NONE:
    case TABLES:
    case NAMES:
        *out = lt_jinja_none();
        return one->kind == TABLES_OR_NONE && lt_dbt_is_null(said) ? LT_OK
                                                                   : read_tables(r, one, said, out);
    case TABLE:
        *out = lt_jinja_none();
        return lt_dbt_is_null(said) ? LT_OK : read_table(r, one->of, said, out);
    default:
        return read_plain(r, one, said, out);
    }
}

static bool has_member(const shape *of, lt_text key)
{
    static const lt_text of_nodes[] = {T("name"), T("description"), T("meta"), T("tags"),
                                       T("config")};
    bool top = of == &metric || of == &semantic_model || of == &saved_query;
    for (size_t i = 0; i < of->count; i++)
        if (lt_text_eq(key, lt_text_of(of->members[i].key)))
            return true;
    for (size_t i = 0; top && i < LT_COUNT(of_nodes); i++)
        if (lt_text_eq(key, of_nodes[i]))
            return true;
    return false;
}

static lt_status check_keys(const reader *r, const shape *of, const lt_yaml *said)
{
    for (size_t i = 0; i < said->count; i++)
        if (!has_member(of, said->keys[i]->text))
            return refuse(r, said->keys[i], "'%.*s' means nothing here",
                          LT_ARG(said->keys[i]->text));
    return LT_OK;
}

/* `said` NULL: all defaults. Shapes nest as deep as the tables above. */
static lt_status read_table(const reader *r, const shape *of, const lt_yaml *said,
                            lt_jinja_value *out)
{
    if (said && said->kind != LT_YAML_MAPPING)
        return refuse(r, said, "this must be a mapping, not %s", lt_yaml_name(said));
    if (said)
        LT_TRY(check_keys(r, of, said));
    *out = lt_jinja_dict(&r->source->dbt->heap);
    for (size_t i = 0; i < of->count; i++) {
        const member *one = &of->members[i];
        const lt_yaml *value = said ? lt_yaml_find(said, lt_text_of(one->key)) : NULL;
        lt_jinja_value made = {0};
        if (said && one->is_needed && lt_dbt_is_null(value))
            return refuse(r, said, "'%s' is missing", one->key);
        LT_TRY(read_member(r, one, value, &made));
        lt_jinja_put(*out, one->key, made);
    }
    return LT_OK;
}

/* dbt's names for metrics, which become names of columns. */
static lt_status check_metric_name(const reader *r, const lt_yaml *entry)
{
    lt_text name = lt_yaml_find(entry, T("name"))->text;
    bool fits = name.len && lt_is_alpha(name.ptr[0]) && name.len <= 250;
    for (size_t i = 0; i < name.len; i++)
        fits = fits && (lt_is_alpha(name.ptr[i]) || lt_is_digit(name.ptr[i]) || name.ptr[i] == '_');
    return fits ? LT_OK
                : refuse(r, lt_yaml_find(entry, T("name")),
                         "The metric name '%.*s' is invalid. It must begin with a letter, contain "
                         "only letters, numbers and underscores, and have at most 250 characters",
                         LT_ARG(name));
}

/* A cumulative metric has its parameters always, also where they were written before there was a place for them. */
static lt_status fill_cumulative(const reader *r, lt_jinja_value raw)
{
    lt_jinja_value into = lt_dbt_at(raw, "type_params"), made, old;
    if (!lt_text_eq(lt_jinja_as_text(lt_dbt_at(raw, "type")), T("cumulative"))) {
        lt_jinja_put(into, "cumulative_type_params", lt_jinja_none());
        return LT_OK;
    }
    made = lt_dbt_at(into, "cumulative_type_params");
    if (made.type != LT_JINJA_DICT)
        LT_TRY(read_table(r, &cumulative, NULL, &made));
    old = lt_dbt_at(into, "window");
    if (!lt_dbt_is_set(lt_dbt_at(made, "window")) && lt_dbt_is_set(old))
        lt_jinja_put(made, "window", old);
    old = lt_dbt_at(into, "grain_to_date");
    if (!lt_dbt_is_set(lt_dbt_at(made, "grain_to_date")) && lt_dbt_is_set(old))
        lt_jinja_put(made, "grain_to_date", old);
    lt_jinja_put(into, "cumulative_type_params", made);
    return LT_OK;
}

static const shape *shape_of(lt_dbt_kind kind)
{
    return kind == LT_DBT_METRIC           ? &metric
           : kind == LT_DBT_SEMANTIC_MODEL ? &semantic_model
                                           : &saved_query;
}

static void put_all(lt_jinja_value into, lt_jinja_value from)
{
    lt_jinja_value key, value;
    for (size_t at = 0; from.type == LT_JINJA_DICT && lt_jinja_next(from, &at, &key, &value);)
        lt_jinja_put_value(into, key, value);
}

lt_status lt_dbt_semantic_read(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                               lt_err *err)
{
    const reader r = {.source = source, .node = node, .err = err};
    static const char *const loose[] = {"tags", "meta", "config"};
    lt_jinja_value shaped, value;
    LT_TRY(read_table(&r, shape_of(node->kind), entry, &shaped));
    if (node->kind == LT_DBT_METRIC) {
        LT_TRY(check_metric_name(&r, entry));
        LT_TRY(fill_cumulative(&r, shaped));
    }
    node->raw = shaped;
    for (size_t i = 0; i < LT_COUNT(loose); i++) {
        const lt_yaml *said = lt_yaml_find(entry, lt_text_of(loose[i]));
        if (lt_dbt_is_null(said))
            continue;
        LT_TRY(lt_dbt_value(source, said, &value, err));
        lt_jinja_put(node->raw, loose[i], value);
    }
    return lt_dbt_describe(source, node, entry, err);
}

/* ---- what follows from the configuration ---- */

void lt_dbt_semantic_spread_meta(lt_dbt *dbt, lt_dbt_node *model)
{
    static const char *const lists[] = {"entities", "measures", "dimensions"};
    lt_jinja_value meta = lt_dbt_config_get(dbt, model, T("meta"));
    for (size_t k = 0; k < LT_COUNT(lists); k++) {
        lt_jinja_value list = lt_dbt_at(model->raw, lists[k]);
        for (size_t i = 0; i < lt_jinja_len(list); i++) {
            lt_jinja_value config = lt_dbt_at(lt_jinja_at(list, i), "config");
            lt_jinja_value made = lt_jinja_dict(&dbt->heap);
            put_all(made, meta);
            put_all(made, lt_dbt_at(config, "meta"));
            lt_jinja_put(config, "meta", made);
        }
    }
}

static lt_jinja_value first_set(lt_jinja_value a, lt_jinja_value b)
{
    return lt_dbt_is_set(a) ? a : b;
}

static lt_status read_export(const reader *r, const lt_yaml *said, lt_jinja_value *out)
{
    static const char *const places[] = {"table", "view", NULL};
    lt_dbt *dbt = r->source->dbt;
    lt_jinja_value own = lt_jinja_dict(&dbt->heap), config = lt_jinja_dict(&dbt->heap);
    const lt_yaml *given = lt_yaml_find(said, T("config"));
    lt_text name = {0};
    LT_TRY(lt_dbt_need_text(r->source->path, said, T("name"), &name, r->err));
    if (!lt_dbt_is_null(given))
        LT_TRY(lt_dbt_value(r->source, given, &own, r->err));
    const lt_dbt_settings *set = &dbt->settings;
    lt_jinja_value as =
        first_set(lt_dbt_at(own, "export_as"), lt_dbt_config_get(dbt, r->node, T("export_as")));
    lt_jinja_value schema =
        first_set(first_set(lt_dbt_at(own, "schema_name"), lt_dbt_at(own, "schema")),
                  lt_dbt_config_get(dbt, r->node, T("schema")));
    bool known = false;
    for (size_t i = 0; places[i] && as.type == LT_JINJA_STR; i++)
        known |= lt_text_eq_nocase(lt_jinja_as_text(as), lt_text_of(places[i]));
    if (!known)
        return refuse(r, said, "'export_as' of the export '%.*s' must be table or view",
                      LT_ARG(name));
    lt_jinja_put(config, "export_as", as);
    lt_jinja_put(config, "schema_name", first_set(schema, lt_jinja_text(set->target_schema)));
    lt_jinja_put(config, "alias", first_set(lt_dbt_at(own, "alias"), lt_jinja_text(name)));
    lt_jinja_put(config, "database",
                 first_set(lt_dbt_at(own, "database"), lt_jinja_text(set->target_database)));
    *out = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(*out, "name", lt_jinja_text(name));
    lt_jinja_put(*out, "config", config);
    lt_jinja_put(*out, "unrendered_config", own);
    return LT_OK;
}

lt_status lt_dbt_semantic_exports(const value_source *source, lt_dbt_node *query,
                                  const lt_yaml *entry, lt_err *err)
{
    const reader r = {.source = source, .node = query, .err = err};
    const lt_yaml *list = lt_yaml_find(entry, T("exports"));
    lt_jinja_value made = lt_jinja_list(&source->dbt->heap);
    if (!lt_dbt_is_null(list))
        LT_TRY(lt_dbt_need_list(source->path, list, "exports", err));
    for (size_t i = 0; list && i < list->count; i++) {
        lt_jinja_value one = {0};
        LT_TRY(read_export(&r, list->items[i], &one));
        lt_jinja_add(made, one);
    }
    lt_jinja_put(query->raw, "exports", made);
    return LT_OK;
}

/* ---- metrics of measures ---- */

void lt_dbt_semantic_of_measure(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value of)
{
    lt_err ignored = {0};
    const value_source source = {.dbt = dbt, .package = node->package, .path = ""};
    const reader r = {.source = &source, .err = &ignored};
    lt_jinja_value name = lt_dbt_at(of, "name"), label = lt_dbt_at(of, "label");
    lt_jinja_value params, input, said = lt_dbt_at(of, "description");
    /* all defaults: there is nothing that could be refused */
    lt_ignore(read_table(&r, &metric, NULL, &node->raw));
    lt_ignore(read_table(&r, &type_params, NULL, &params));
    lt_ignore(read_table(&r, &input_measure, NULL, &input));
    lt_jinja_put(input, "name", name);
    lt_jinja_put(params, "measure", input);
    lt_jinja_put(params, "expr", first_set(lt_dbt_at(of, "expr"), name));
    lt_jinja_put(node->raw, "label", first_set(label, name));
    lt_jinja_put(node->raw, "type", lt_jinja_text(T("simple")));
    lt_jinja_put(node->raw, "type_params", params);
    node->description =
        lt_dbt_is_set(said)
            ? lt_jinja_as_text(said)
            : lt_text_of(lt_arena_format(&dbt->arena, "Metric created from measure %.*s",
                                         LT_ARG(lt_jinja_as_text(name))));
}

lt_status lt_dbt_semantic_spine(const value_source *source, const lt_yaml *said,
                                lt_jinja_value *out, lt_err *err)
{
    const reader r = {.source = source, .err = err};
    return read_table(&r, &time_spine, said, out);
}
