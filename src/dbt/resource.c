/* What .yml files define by themselves: sources, exposures, groups, unit tests, metrics, and snapshots without a file. */
#include "dbt/artifacts/artifacts.h"
#include "dbt/inner.h"
#include "dbt/semantic/semantic.h"

#include <stdlib.h>

static const lt_text strict_source_keys[] = {T("name"), T("description"), T("schema"), T("tables"),
                                             T("meta")};
static const lt_text strict_table_keys[] = {T("name"),    T("description"), T("identifier"),
                                            T("columns"), T("tests"),       T("data_tests"),
                                            T("meta")};

/* What dbt takes; other keys of these it refuses, while those of a table, a model or a column stay. */
static const lt_text source_keys[] = {T("name"),
                                      T("description"),
                                      T("meta"),
                                      T("database"),
                                      T("schema"),
                                      T("loader"),
                                      T("quoting"),
                                      T("freshness"),
                                      T("loaded_at_field"),
                                      T("tables"),
                                      T("loaded_at_query"),
                                      T("loaded_at_field_present"),
                                      T("tags"),
                                      T("config"),
                                      T("unrendered_database"),
                                      T("unrendered_schema"),
                                      T("overrides")};
static const lt_text exposure_keys[] = {T("name"),  T("type"),       T("owner"), T("description"),
                                        T("label"), T("maturity"),   T("meta"),  T("tags"),
                                        T("url"),   T("depends_on"), T("config")};
static const lt_text group_keys[] = {T("name"), T("owner"), T("description"), T("config")};
static const lt_text unit_test_keys[] = {T("name"),   T("model"),       T("given"),
                                         T("expect"), T("description"), T("overrides"),
                                         T("config"), T("versions")};

/* "marts/marts.yml" of "models/marts/marts.yml". */
static lt_text below_folder(const char *path)
{
    const char *slash = strchr(path, '/');
    return lt_text_of(slash ? slash + 1 : path);
}

static lt_dbt_package *package_of(const value_source *source)
{
    return (lt_dbt_package *)(uintptr_t)source->package; /* read only through the source */
}

/* A node that a .yml file defines; its fqn are the file's folders and its name. */
static lt_dbt_node *node_of(const value_source *source, lt_dbt_kind kind, lt_text name,
                            const lt_yaml *entry)
{
    lt_dbt *dbt = source->dbt;
    lt_dbt_node *node =
        lt_dbt_node_new(dbt, package_of(source), kind, name, lt_text_of(source->path));
    node->file = below_folder(source->path);
    node->line = entry->line;
    node->col = entry->col;
    lt_dbt_fqn(dbt, node, node->file, name);
    return node;
}

static lt_status rendered_entry(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                                lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    node->raw = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < entry->count; i++) {
        lt_jinja_value value;
        lt_text key = entry->keys[i]->text;
        bool late = lt_text_eq(key, T("description")) || lt_text_eq(key, T("tests")) ||
                    lt_text_eq(key, T("data_tests")) || lt_text_eq(key, T("columns")) ||
                    lt_text_eq(key, source->late);
        if (late)
            value = lt_scope_value(&dbt->heap, entry->items[i]);
        else
            LT_TRY(lt_dbt_value(source, entry->items[i], &value, err));
        lt_jinja_put_value(node->raw, lt_jinja_text(key), value);
    }
    return lt_dbt_describe(source, node, entry, err);
}

/* A text such as "ref('x')" is evaluated for what it refers to. */
static lt_status record_text(const value_source *source, lt_dbt_node *node, const lt_yaml *at,
                             lt_text text, lt_err *err)
{
    config_calls call = {0};
    lt_text code = node->raw_code;
    if (!lt_dbt_is_template(text))
        text = lt_text_of(
            lt_arena_format(&source->dbt->arena, "{{ %.*s }}", LT_ARG(lt_text_trim(text))));
    node->raw_code = text;
    lt_status status = lt_dbt_record(source->dbt, node, &call, err);
    node->raw_code = code;
    if (status != LT_OK)
        return lt_wrap(err, "%s:%u:%u", source->path, at->line, at->col);
    return LT_OK;
}

/* ---- sources ---- */

static const char *const freshness_rules[] = {"warn_after", "error_after"};

static lt_jinja_value no_rule(lt_dbt *dbt)
{
    lt_jinja_value none = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(none, "count", lt_jinja_none());
    lt_jinja_put(none, "period", lt_jinja_none());
    return none;
}

/* What dbt has of a source that says nothing of it. */
static lt_jinja_value no_freshness(lt_dbt *dbt)
{
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < LT_COUNT(freshness_rules); i++)
        lt_jinja_put(made, freshness_rules[i], no_rule(dbt));
    lt_jinja_put(made, "filter", lt_jinja_none());
    return made;
}

/* What the one above says, with what it leaves out from the one below; null takes a rule away. */
static lt_jinja_value merged_rule(lt_dbt *dbt, lt_jinja_value over, lt_jinja_value under,
                                  const char *name)
{
    static const char *const parts[] = {"count", "period"};
    lt_jinja_value rule, old = under.type == LT_JINJA_DICT ? lt_dbt_at(under, name) : no_rule(dbt);
    if (over.type != LT_JINJA_DICT || !lt_jinja_find(over, lt_text_of(name), &rule))
        return old;
    if (rule.type != LT_JINJA_DICT)
        return rule;
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        lt_jinja_value part = lt_dbt_at(rule, parts[i]), before = lt_dbt_at(old, parts[i]);
        lt_jinja_put(made, parts[i],
                     lt_dbt_is_set(part)     ? part
                     : lt_dbt_is_set(before) ? before
                                             : lt_jinja_none());
    }
    return made;
}

/* `said`: freshness as it is written at one more place; an explicit null takes it away. */
static lt_status merge_freshness(const value_source *source, const lt_yaml *said,
                                 lt_jinja_value *out, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_jinja_value value;
    if (!said)
        return LT_OK;
    if (lt_dbt_is_null(said)) {
        *out = lt_jinja_none();
        return LT_OK;
    }
    LT_TRY(lt_dbt_value(source, said, &value, err));
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < LT_COUNT(freshness_rules); i++)
        lt_jinja_put(made, freshness_rules[i], merged_rule(dbt, value, *out, freshness_rules[i]));
    lt_jinja_value filter = lt_dbt_at(value, "filter"), before = lt_dbt_at(*out, "filter");
    lt_jinja_put(made, "filter",
                 lt_dbt_is_set(filter)   ? filter
                 : lt_dbt_is_set(before) ? before
                                         : lt_jinja_none());
    *out = made;
    return LT_OK;
}

/* A key of the table, of its `config`, of the source, or of its `config`: the first that is there. */
static lt_status first_of(const value_source *source, const lt_yaml *table, const lt_yaml *above,
                          lt_text key, lt_jinja_value *out, lt_err *err)
{
    const lt_yaml *places[] = {
        lt_yaml_find(lt_yaml_find(table, T("config")), key), lt_yaml_find(table, key),
        lt_yaml_find(lt_yaml_find(above, T("config")), key), lt_yaml_find(above, key)};
    *out = lt_jinja_none();
    for (size_t i = 0; i < LT_COUNT(places); i++)
        if (!lt_dbt_is_null(places[i]))
            return lt_dbt_value(source, places[i], out, err);
    return LT_OK;
}

static bool says(const lt_yaml *holder, lt_text key)
{
    return !lt_dbt_is_null(lt_yaml_find(holder, key)) ||
           !lt_dbt_is_null(lt_yaml_find(lt_yaml_find(holder, T("config")), key));
}

/* loaded_at_field and loaded_at_query: one of them at each level, the query counts first. What the table says of the field takes away
 * the source's query. The query is rendered when it is asked: it may name `this`. */
static lt_status loaded_at_of(const value_source *source, const lt_yaml *table,
                              const lt_yaml *above, lt_jinja_value out, lt_err *err)
{
    static const lt_text field = T("loaded_at_field"), query = T("loaded_at_query");
    static const char *const levels[] = {"table", "source"};
    const lt_yaml *holders[] = {table, above};
    lt_jinja_value value = lt_jinja_none(), text = lt_jinja_none();
    for (size_t i = 0; i < LT_COUNT(holders); i++) {
        const lt_yaml *said = lt_yaml_find(holders[i], field);
        if (said && said->type == LT_YAML_STRING && !said->text.len)
            return lt_yaml_fail(said, source->path, err,
                                "loaded_at_field cannot be an empty string");
    }
    for (size_t i = 0; i < LT_COUNT(holders); i++)
        if (says(holders[i], query) &&
            (says(holders[i], field) || (!i && lt_yaml_find(holders[i], field))))
            return lt_yaml_fail(
                holders[i], source->path, err,
                "Cannot specify both loaded_at_field and loaded_at_query at %s level", levels[i]);
    LT_TRY(first_of(source, table, lt_yaml_find(table, field) ? NULL : above, field, &value, err));
    for (size_t i = 0; i < LT_COUNT(holders) && !lt_dbt_is_set(text); i++) {
        const lt_yaml *said = lt_yaml_find(lt_yaml_find(holders[i], T("config")), query);
        if (i && says(table, field))
            break;
        said = lt_dbt_is_null(said) ? lt_yaml_find(holders[i], query) : said;
        if (!lt_dbt_is_null(said))
            text = lt_jinja_text(said->text);
    }
    lt_jinja_put(out, "loaded_at_field", value);
    lt_jinja_put(out, "loaded_at_query", text);
    return LT_OK;
}

static lt_status merged_of(const value_source *source, const lt_yaml *table, const lt_yaml *above,
                           const char *key, lt_jinja_value *out, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = lt_text_of(key);
    const lt_yaml *places[] = {
        lt_yaml_find(above, name), lt_yaml_find(lt_yaml_find(above, T("config")), name),
        lt_yaml_find(table, name), lt_yaml_find(lt_yaml_find(table, T("config")), name)};
    lt_jinja_value all = lt_jinja_dict(&dbt->heap);
    lt_jinja_put(all, key,
                 strcmp(key, "tags") == 0 ? lt_jinja_list(&dbt->heap) : lt_jinja_dict(&dbt->heap));
    for (size_t i = 0; i < LT_COUNT(places); i++) {
        lt_jinja_value value, one = lt_jinja_dict(&dbt->heap);
        if (lt_dbt_is_null(places[i]))
            continue;
        LT_TRY(lt_dbt_value(source, places[i], &value, err));
        lt_jinja_put(one, key, value);
        lt_dbt_config_merge(dbt, all, one);
    }
    *out = lt_dbt_at(all, key);
    return LT_OK;
}

static lt_status config_of_source(const value_source *source, const lt_yaml *table,
                                  const lt_yaml *above, lt_jinja_value *out, lt_err *err)
{
    static const lt_text apart[] = {T("freshness"), T("meta"), T("tags"), T("loaded_at_field"),
                                    T("loaded_at_query")};
    lt_dbt *dbt = source->dbt;
    const lt_yaml *configs[] = {lt_yaml_find(above, T("config")), lt_yaml_find(table, T("config"))};
    lt_jinja_value value, freshness = {0};
    *out = lt_jinja_dict(&dbt->heap);
    for (size_t k = 0; k < LT_COUNT(configs); k++)
        for (size_t i = 0; configs[k] && i < configs[k]->count; i++) {
            bool skip = false;
            for (size_t a = 0; a < LT_COUNT(apart); a++)
                skip |= lt_text_eq(configs[k]->keys[i]->text, apart[a]);
            if (skip)
                continue;
            LT_TRY(lt_dbt_value(source, configs[k]->items[i], &value, err));
            lt_jinja_put_value(*out, lt_jinja_text(configs[k]->keys[i]->text), value);
        }
    const lt_yaml *said[] = {
        lt_yaml_find(above, T("freshness")), lt_yaml_find(configs[0], T("freshness")),
        lt_yaml_find(table, T("freshness")), lt_yaml_find(configs[1], T("freshness"))};
    for (size_t i = 0; i < LT_COUNT(said); i++) /* each over those before */
        LT_TRY(merge_freshness(source, said[i], &freshness, err));
    if (freshness.type != LT_JINJA_UNDEFINED)
        lt_jinja_put(*out, "freshness", freshness);
    LT_TRY(loaded_at_of(source, table, above, *out, err));
    LT_TRY(merged_of(source, table, above, "meta", &value, err));
    lt_jinja_put(*out, "meta", value);
    LT_TRY(merged_of(source, table, above, "tags", &value, err));
    lt_jinja_put(*out, "tags", value);
    return LT_OK;
}

static lt_status text_at(const value_source *source, const lt_yaml *holder, const char *key,
                         lt_text *out, lt_err *err)
{
    lt_jinja_value value;
    const lt_yaml *node = lt_yaml_find(holder, lt_text_of(key));
    if (lt_dbt_is_null(node))
        return LT_OK;
    LT_TRY(lt_dbt_value(source, node, &value, err));
    *out = lt_dbt_text_of(source->dbt, value);
    return LT_OK;
}

static lt_status place_of_source(const value_source *source, lt_dbt_node *node,
                                 const lt_yaml *above, const lt_yaml *table, lt_err *err)
{
    lt_text database = {0}, schema = {0};
    LT_TRY(text_at(source, above, "database", &database, err));
    if (!database.len)
        LT_TRY(text_at(source, above, "catalog", &database, err));
    LT_TRY(text_at(source, above, "schema", &schema, err));
    LT_TRY(text_at(source, table, "identifier", &node->identifier, err));
    if (!node->identifier.len)
        node->identifier = node->name;
    node->relation.database = database.len ? database : source->dbt->settings.target_database;
    node->relation.schema = schema.len ? schema : node->source_name;
    node->relation.name = node->identifier;
    return LT_OK;
}

static lt_dbt_node *loaded_source(const lt_dbt *dbt, lt_text key)
{
    const refable_list *list = lt_map_find(&dbt->sources, key);
    return list && list->nodes.items[0]->load_id.len ? list->nodes.items[0] : NULL;
}

/* Neither adapter knows when a table was last written. */
static void warn_of_freshness(lt_dbt *dbt, const lt_dbt_node *node)
{
    if (!node->config.disabled && lt_dbt_has_freshness(dbt, node) &&
        !lt_dbt_is_set(lt_dbt_config_get(dbt, node, T("loaded_at_field"))) &&
        !lt_dbt_is_set(lt_dbt_config_get(dbt, node, T("loaded_at_query"))))
        lt_dbt_warn(dbt, LT_DBT_FRESHNESS_PROBLEM,
                    "The configured adapter does not support metadata-based freshness. A "
                    "loaded_at_field must be specified for source '%.*s.%.*s'.",
                    LT_ARG(node->source_name), LT_ARG(node->name));
}

/* The name of a source or table, which may be a template. */
static lt_status name_at(const value_source *source, const lt_yaml *entry, lt_text *out,
                         lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), out, err));
    if (!lt_dbt_is_template(*out))
        return LT_OK;
    LT_TRY(lt_dbt_value_text(source, lt_yaml_find(entry, T("name")), NULL, &value, err));
    *out = lt_dbt_text_of(source->dbt, value);
    return LT_OK;
}

static lt_status add_table(const value_source *source, const lt_yaml *above, lt_text source_name,
                           const lt_yaml *table, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = {0};
    lt_jinja_value config, said;
    if (dbt->is_strict)
        LT_TRY(lt_dbt_check_keys(source->path, table, "a source's table", KEYS(strict_table_keys),
                                 err));
    LT_TRY(name_at(source, table, &name, err));
    lt_text key =
        lt_text_of(lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(source_name), LT_ARG(name)));
    lt_dbt_node *node = loaded_source(dbt, key);
    if (!node) {
        node = node_of(source, LT_DBT_SOURCE, key, table);
        node->file = node->path; /* as dbt has it */
        node->name = name;
        node->source_name = source_name;
        lt_dbt_fqn(dbt, node, below_folder(source->path), source_name);
        lt_push_in(&dbt->arena, &node->fqn, name);
        LT_TRY(place_of_source(source, node, above, table, err));
        lt_dbt_refable_add(dbt, &dbt->sources, key, node);
    }
    LT_TRY(text_at(source, above, "loader", &node->loader, err));
    LT_TRY(config_of_source(source, table, above, &config, err));
    LT_TRY(lt_dbt_config_make(dbt, node, config, config, NULL, err));
    if (!lt_jinja_find(node->config.all, T("freshness"), &said))
        lt_jinja_put(node->config.all, "freshness", no_freshness(dbt));
    warn_of_freshness(dbt, node);
    LT_TRY(rendered_entry(source, node, table, err));
    LT_TRY(lt_dbt_columns(source, node, table, err));
    node->source_raw = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < above->count; i++) {
        lt_jinja_value value;
        if (lt_text_eq(above->keys[i]->text, T("tables")))
            continue;
        LT_TRY(lt_dbt_value_text(source, above->items[i], NULL, &value, err));
        lt_jinja_put_value(node->source_raw, lt_jinja_text(above->keys[i]->text), value);
    }
    lt_jinja_put(node->source_raw, "unrendered_database",
                 lt_scope_value(&dbt->heap, lt_yaml_find(above, T("database"))));
    lt_jinja_put(node->source_raw, "unrendered_schema",
                 lt_scope_value(&dbt->heap, lt_yaml_find(above, T("schema"))));
    node->source_description = lt_dbt_text_at(dbt, node->source_raw, "description");
    source_tests *later = LT_NEW(&dbt->arena, source_tests);
    *later = (source_tests){.source = *source, .node = node, .entry = table, .home = dbt->home};
    lt_push_in(&dbt->arena, &dbt->source_tests, later);
    return LT_OK;
}

lt_status lt_dbt_add_source(const value_source *given, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0};
    value_source with_query = *given, *source = &with_query;
    with_query.late = T("loaded_at_query");
    if (source->dbt->is_strict)
        LT_TRY(lt_dbt_check_keys(source->path, entry, "a source", KEYS(strict_source_keys), err));
    LT_TRY(name_at(source, entry, &name, err));
    LT_TRY(lt_dbt_check_keys(source->path, entry, "a source", KEYS(source_keys), err));
    if (lt_yaml_find(entry, T("overrides")))
        return LT_OK; /* says something of another package's */
    const lt_yaml *tables = lt_yaml_find(entry, T("tables")), *over;
    const lt_yaml *above = lt_dbt_override_source(source->dbt, source->package, entry, &over);
    if (lt_dbt_is_null(tables))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(source->path, tables, "tables", err));
    for (size_t i = 0; i < tables->count; i++)
        LT_TRY(add_table(source, above, name,
                         lt_dbt_override_table(source->dbt, tables->items[i], over), err));
    return LT_OK;
}

/* ---- exposures and groups ---- */

static lt_status record_list(const value_source *source, lt_dbt_node *node, const lt_yaml *list,
                             lt_err *err)
{
    if (lt_dbt_is_null(list))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(source->path, list, "depends_on", err));
    for (size_t i = 0; i < list->count; i++) {
        lt_text text = list->items[i]->text;
        bool call = lt_text_starts(text, T("ref(")) || lt_text_starts(text, T("source(")) ||
                    lt_text_starts(text, T("metric(")) || lt_dbt_is_template(text);
        if (!call)
            return lt_yaml_fail(list->items[i], source->path, err,
                                "'%.*s' is neither ref(), source() nor metric()", LT_ARG(text));
        LT_TRY(record_text(source, node, list->items[i], text, err));
    }
    return LT_OK;
}

static lt_status settle_entry(const value_source *source, lt_dbt_node *node, lt_err *err)
{
    static const char *const loose[] = {"tags", "meta", "enabled", "group"};
    lt_dbt *dbt = source->dbt;
    lt_jinja_value config = lt_jinja_dict(&dbt->heap), own;
    for (size_t i = 0; i < LT_COUNT(loose); i++) {
        lt_jinja_value value = lt_dbt_at(node->raw, loose[i]);
        if (lt_dbt_is_set(value) && (node->kind != LT_DBT_EXPOSURE || i < 3))
            lt_jinja_put(config, loose[i], value);
    }
    own = lt_dbt_at(node->raw, "config");
    lt_dbt_config_merge(dbt, config, own);
    lt_jinja_value raw = own.type == LT_JINJA_DICT ? own : lt_jinja_dict(&dbt->heap);
    return lt_dbt_config_make(dbt, node, config, raw, NULL, err);
}

lt_status lt_dbt_add_exposure(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0}, kind = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    LT_TRY(lt_dbt_need_text(source->path, entry, T("type"), &kind, err));
    if (!lt_yaml_find(entry, T("owner")))
        return lt_yaml_fail(entry, source->path, err, "'owner' is missing");
    LT_TRY(lt_dbt_check_keys(source->path, entry, "an exposure", KEYS(exposure_keys), err));
    lt_dbt_old_exposure(source->dbt, name);
    lt_dbt_node *node = node_of(source, LT_DBT_EXPOSURE, name, entry);
    LT_TRY(rendered_entry(source, node, entry, err));
    LT_TRY(settle_entry(source, node, err));
    return record_list(source, node, lt_yaml_find(entry, T("depends_on")), err);
}

lt_status lt_dbt_add_group(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    if (!lt_yaml_find(entry, T("owner")))
        return lt_yaml_fail(entry, source->path, err, "'owner' is missing");
    LT_TRY(lt_dbt_check_keys(source->path, entry, "a group", KEYS(group_keys), err));
    lt_dbt_node *node = node_of(source, LT_DBT_GROUP, name, entry);
    if (lt_map_put(&source->dbt->groups, name, node))
        return lt_yaml_fail(entry, source->path, err, "the group '%.*s' is there already",
                            LT_ARG(name));
    LT_TRY(rendered_entry(source, node, entry, err));
    return settle_entry(source, node, err);
}

/* ---- unit tests ---- */

lt_dbt_node *lt_dbt_unit_node(const value_source *source, lt_text name, lt_text subject,
                              const lt_yaml *entry)
{
    lt_dbt *dbt = source->dbt;
    lt_text id =
        lt_text_of(lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(subject), LT_ARG(name)));
    lt_dbt_node *node = node_of(source, LT_DBT_UNIT_TEST, id, entry);
    node->name = name;
    node->model = subject;
    lt_dbt_fqn(dbt, node, node->file, subject);
    lt_push_in(&dbt->arena, &node->fqn, name);
    return node;
}

lt_status lt_dbt_unit_fill(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                           lt_err *err)
{
    LT_TRY(rendered_entry(source, node, entry, err));
    LT_TRY(settle_entry(source, node, err));
    node->relation.schema = source->dbt->settings.target_schema;
    return LT_OK;
}

lt_status lt_dbt_add_model_test(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0}, model = {0};
    lt_dbt_ref wanted = {.version = lt_jinja_none()};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    LT_TRY(lt_dbt_need_text(source->path, entry, T("model"), &model, err));
    if (!lt_yaml_find(entry, T("expect")))
        return lt_yaml_fail(entry, source->path, err, "'expect' is missing");
    const lt_yaml *given = lt_yaml_find(entry, T("given"));
    if (!lt_dbt_is_null(given))
        LT_TRY(lt_dbt_need_list(source->path, given, "given", err));
    else if (!lt_yaml_find(entry, T("cte")))
        return lt_yaml_fail(entry, source->path, err, "'given' is missing");
    lt_dbt_node *node = lt_dbt_unit_node(source, name, model, entry);
    LT_TRY(lt_dbt_unit_fill(source, node, entry, err));
    wanted.name = model;
    lt_push_in(&source->dbt->arena, &node->refs, wanted);
    return LT_OK;
}

lt_status lt_dbt_add_unit_test(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    LT_TRY(lt_dbt_check_keys(source->path, entry, "a unit test", KEYS(unit_test_keys), err));
    return lt_dbt_add_model_test(source, entry, err);
}

/* ---- the semantic layer ---- */

static int by_text(const void *a, const void *b)
{
    const lt_text *left = a, *right = b;
    return lt_text_cmp(*left, *right);
}

/* Tags of the entry, and of a saved query's configuration too: each once, sorted where there are two places. */
static void take_tags(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_texts all = {0}, once = {0};
    lt_dbt_texts_of(dbt, lt_dbt_at(node->raw, "tags"), &all);
    if (node->kind == LT_DBT_SAVED_QUERY) {
        lt_dbt_texts_of(dbt, lt_dbt_at(node->config.all, "tags"), &all);
        if (all.len)
            qsort(all.items, all.len, sizeof(*all.items), by_text);
    }
    for (size_t i = 0; i < all.len; i++)
        if (node->kind != LT_DBT_SAVED_QUERY || !lt_dbt_texts_have(&once, all.items[i]))
            lt_push_in(&dbt->arena, &once, all.items[i]);
    node->config.tags = once;
}

static lt_status settle_semantic(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value config, lt_err *err)
{
    if (config.type != LT_JINJA_DICT)
        config = lt_jinja_dict(&dbt->heap);
    LT_TRY(lt_dbt_config_make(dbt, node, config, config, NULL, err));
    node->group = lt_dbt_text_of(dbt, lt_dbt_config_get(dbt, node, T("group")));
    take_tags(dbt, node);
    return LT_OK;
}

static lt_status add_semantic(const value_source *source, lt_dbt_kind kind, const lt_yaml *entry,
                              lt_dbt_node **out, lt_err *err)
{
    lt_text name = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    lt_dbt_seen_apart(source->dbt);
    lt_dbt_node *node = node_of(source, kind, name, entry);
    LT_TRY(lt_dbt_semantic_read(source, node, entry, err));
    *out = node;
    return settle_semantic(source->dbt, node, lt_dbt_at(node->raw, "config"), err);
}

lt_status lt_dbt_add_metric(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_dbt_node *node = NULL;
    LT_TRY(add_semantic(source, LT_DBT_METRIC, entry, &node, err));
    (void)lt_map_put(&source->dbt->metrics, node->name, node);
    return LT_OK;
}

/* A measure with `create_metric: true` is a metric too; it is as enabled as its model, and has the model's meta. */
static lt_status add_metric_of(const value_source *source, const lt_dbt_node *model,
                               const lt_yaml *entry, lt_jinja_value measure, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_jinja_value config = lt_jinja_dict(&dbt->heap);
    lt_text name = lt_jinja_as_text(lt_dbt_at(measure, "name"));
    lt_dbt_node *node = node_of(source, LT_DBT_METRIC, name, entry);
    lt_dbt_semantic_of_measure(dbt, node, measure);
    lt_jinja_put(config, "enabled", lt_jinja_bool(!model->config.disabled));
    lt_jinja_put(config, "meta", lt_dbt_config_get(dbt, model, T("meta")));
    LT_TRY(settle_semantic(dbt, node, config, err));
    (void)lt_map_put(&dbt->metrics, node->name, node);
    return LT_OK;
}

static lt_status add_metrics_of(const value_source *source, const lt_dbt_node *model,
                                const lt_yaml *entry, lt_err *err)
{
    const lt_yaml *list = lt_yaml_find(entry, T("measures"));
    lt_jinja_value measures = lt_dbt_at(model->raw, "measures");
    for (size_t i = 0; i < lt_jinja_len(measures); i++) {
        const lt_yaml *said = lt_yaml_find(list->items[i], T("create_metric"));
        if (said && said->type == LT_YAML_BOOL && said->truth)
            LT_TRY(add_metric_of(source, model, list->items[i], lt_jinja_at(measures, i), err));
    }
    return LT_OK;
}

lt_status lt_dbt_add_semantic_model(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_dbt_node *node = NULL;
    lt_text model = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("model"), &model, err));
    LT_TRY(add_semantic(source, LT_DBT_SEMANTIC_MODEL, entry, &node, err));
    lt_dbt_semantic_spread_meta(source->dbt, node);
    LT_TRY(add_metrics_of(source, node, entry, err));
    return record_text(source, node, lt_yaml_find(entry, T("model")), model, err);
}

lt_status lt_dbt_add_saved_query(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_dbt_node *node = NULL;
    LT_TRY(add_semantic(source, LT_DBT_SAVED_QUERY, entry, &node, err));
    return lt_dbt_semantic_exports(source, node, entry, err);
}

/* ---- snapshots without a file ---- */

lt_status lt_dbt_add_yaml_snapshot(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = {0}, relation = {0};
    config_calls call = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    LT_TRY(lt_dbt_need_text(source->path, entry, T("relation"), &relation, err));
    const lt_yaml *at = lt_yaml_find(entry, T("relation"));
    lt_dbt_node *node = node_of(source, LT_DBT_SNAPSHOT, name, entry);
    node->line = at->line;
    node->col = at->col;
    node->raw_code =
        lt_text_of(lt_arena_format(&dbt->arena, "select * from {{ %.*s }}", LT_ARG(relation)));
    lt_text below = below_folder(source->path);
    node->file =
        lt_text_of(lt_arena_format(&dbt->arena, "%.*s/%.*s.sql", LT_ARG(below), LT_ARG(name)));
    LT_AUTO(lt_buf) file = {0};
    LT_TRY(lt_dbt_read(source->package, source->path, &file, err));
    node->checksum = lt_dbt_checksum(dbt, lt_text_trim(lt_buf_text(&file)));
    LT_TRY(lt_dbt_record(dbt, node, &call, err));
    patch *given = lt_dbt_patch_of(dbt, node);
    if (given)
        given->node = node;
    return lt_dbt_settle(dbt, node, source, entry, &call, err);
}
