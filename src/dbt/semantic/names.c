/* Names of metrics, semantic models and their parts as MetricFlow wants them: of small letters, no word of its own, each once. */
#include "dbt/semantic/semantic.h"

static const lt_text grains[] = {T("nanosecond"), T("microsecond"), T("millisecond"), T("second"),
                                 T("minute"),     T("hour"),        T("day"),         T("week"),
                                 T("month"),      T("quarter"),     T("year")};
static const lt_text own_words[] = {T("metric_time"), T("mf_internal_uuid")};
static const lt_text sql_words[] = {
    T("and"),    T("as"),      T("create"), T("distinct"), T("for"), T("from"), T("full"),
    T("having"), T("in"),      T("inner"),  T("into"),     T("is"),  T("join"), T("left"),
    T("like"),   T("natural"), T("not"),    T("null"),     T("on"),  T("or"),   T("right"),
    T("select"), T("union"),   T("using"),  T("where"),    T("with")};

static bool is_among(lt_text name, const lt_text *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq_nocase(words[i], name))
            return true;
    return false;
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_well_formed(lt_text name)
{
    if (name.len < 2 || !is_small(name.ptr[0]) || name.ptr[name.len - 1] == '_' ||
        lt_text_find(name, T("__"), 0) != SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_small(name.ptr[i]) && !lt_is_digit(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return true;
}

static lt_status check_name(const lt_dbt_node *node, lt_text name, lt_err *err)
{
    if (!is_well_formed(name))
        return lt_dbt_semantic_refuse(
            node, err,
            "Invalid name `%.*s` - names may only contain lower case letters, numbers, and "
            "underscores. Additionally, names must start with a lower case letter, cannot end with "
            "an underscore, cannot contain dunders (double underscores, or __), and must be at "
            "least 2 characters long.",
            LT_ARG(name));
    if (is_among(name, grains, LT_COUNT(grains)))
        return lt_dbt_semantic_refuse(node, err,
                                      "Invalid name `%.*s` - names cannot match reserved time "
                                      "granularity keywords",
                                      LT_ARG(name));
    if (is_among(name, own_words, LT_COUNT(own_words)))
        return lt_dbt_semantic_refuse(
            node, err, "Invalid name `%.*s` - this name is reserved by MetricFlow", LT_ARG(name));
    return LT_OK;
}

/* ---- the parts of semantic models ---- */

static const struct {
    const char *key, *kind;
} parts[] = {{"measures", "measure"}, {"entities", "entity"}, {"dimensions", "dimension"}};

typedef struct known_names {
    lt_arena arena;
    lt_map measures; /* name -> the semantic model that has it */
    lt_map pairs;    /* "primary entity.dimension" -> likewise */
} known_names;

static lt_status check_parts(const lt_dbt_node *model, lt_err *err)
{
    lt_map seen = {0};
    lt_status status = LT_OK;
    for (size_t p = 0; p < LT_COUNT(parts); p++) {
        lt_jinja_value list = lt_dbt_at(model->raw, parts[p].key);
        for (size_t i = 0; status == LT_OK && i < lt_jinja_len(list); i++) {
            lt_text name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "name"));
            const char *before = lt_map_put(&seen, name, (void *)(uintptr_t)parts[p].kind);
            if (before)
                status = lt_dbt_semantic_refuse(
                    model, err,
                    "In semantic model `%.*s`, can't use name `%.*s` for a %s when it was already "
                    "used for a %s",
                    LT_ARG(model->name), LT_ARG(name), parts[p].kind, before);
            if (status == LT_OK)
                status = check_name(model, name, err);
            if (status == LT_OK && is_among(name, sql_words, LT_COUNT(sql_words)))
                status = lt_dbt_semantic_refuse(model, err,
                                                "'%.*s' is an SQL reserved keyword, and thus "
                                                "cannot be used as a %s 'name'.",
                                                LT_ARG(name), parts[p].kind);
        }
    }
    lt_map_cleanup(&seen);
    return status;
}

static lt_text primary_of(const lt_dbt_node *model)
{
    lt_jinja_value list = lt_dbt_at(model->raw, "entities");
    lt_text said = lt_jinja_as_text(lt_dbt_at(model->raw, "primary_entity"));
    for (size_t i = 0; !said.len && i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "type")), T("primary")))
            said = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "name"));
    return said;
}

/* A measure is of one semantic model, and so is a dimension of a primary entity. */
static lt_status check_across(known_names *known, lt_dbt_node *model, lt_err *err)
{
    lt_text primary = primary_of(model);
    lt_jinja_value measures = lt_dbt_at(model->raw, "measures");
    lt_jinja_value dimensions = lt_dbt_at(model->raw, "dimensions");
    for (size_t i = 0; i < lt_jinja_len(measures); i++) {
        lt_text name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(measures, i), "name"));
        const lt_dbt_node *other = lt_map_put(&known->measures, name, model);
        if (other)
            return lt_dbt_semantic_refuse(
                model, err,
                "Found measure with name %.*s in multiple semantic models "
                "with names ['%.*s', '%.*s']",
                LT_ARG(name), LT_ARG(other->name), LT_ARG(model->name));
    }
    for (size_t i = 0; primary.len && i < lt_jinja_len(dimensions); i++) {
        lt_text name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(dimensions, i), "name"));
        const char *key =
            lt_arena_format(&known->arena, "%.*s.%.*s", LT_ARG(primary), LT_ARG(name));
        const lt_dbt_node *other = lt_map_put(&known->pairs, lt_text_of(key), model);
        if (other)
            return lt_dbt_semantic_refuse(
                model, err,
                "Duplicate dimension + primary entity pairing detected, dimension + primary entity "
                "pairings must be unique: `%.*s` and `%.*s` in `%.*s` and in `%.*s`",
                LT_ARG(name), LT_ARG(primary), LT_ARG(other->name), LT_ARG(model->name));
    }
    return LT_OK;
}

lt_status lt_dbt_semantic_names(const lt_dbt *dbt, lt_err *err)
{
    known_names known = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < dbt->all.len && status == LT_OK; i++) {
        lt_dbt_node *node = dbt->all.items[i];
        bool model = node->kind == LT_DBT_SEMANTIC_MODEL;
        if (model || node->kind == LT_DBT_METRIC || node->kind == LT_DBT_SAVED_QUERY)
            status = check_name(node, node->name, err);
        if (model && status == LT_OK)
            status = check_parts(node, err);
        if (model && status == LT_OK)
            status = check_across(&known, node, err);
    }
    lt_map_cleanup(&known.measures);
    lt_map_cleanup(&known.pairs);
    lt_arena_cleanup(&known.arena);
    return status;
}
