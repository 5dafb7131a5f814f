/* Configuration of nodes: what each place may set, how places are merged, and the names of relations that follow. */
#include "dbt/inner.h"

#include <stdlib.h>

typedef enum merge_rule { RULE_REPLACE, RULE_APPEND, RULE_UPDATE, RULE_GRANTS } merge_rule;

/* dbt merges these; every other key is replaced by the later place. */
static const struct {
    lt_text name;
    merge_rule rule;
} rules[] = {
    {T("tags"), RULE_APPEND},     {T("pre-hook"), RULE_APPEND},     {T("post-hook"), RULE_APPEND},
    {T("packages"), RULE_APPEND}, {T("meta"), RULE_UPDATE},         {T("docs"), RULE_UPDATE},
    {T("quoting"), RULE_UPDATE},  {T("column_types"), RULE_UPDATE}, {T("contract"), RULE_UPDATE},
    {T("grants"), RULE_GRANTS},
};

/* ---- dbt's defaults, in the order of its artifacts ---- */

#define NODE_DEFAULTS                                                                              \
    "'enabled': True, 'alias': None, 'schema': None, 'database': None, 'tags': [], 'meta': {}, "   \
    "'group': None, 'static_analysis': None, "
#define BUILD_DEFAULTS                                                                             \
    "'incremental_strategy': None, 'batch_size': None, 'lookback': 1, 'begin': None, "             \
    "'persist_docs': {}, 'post-hook': [], 'pre-hook': [], 'quoting': {}, 'column_types': {}, "     \
    "'full_refresh': None, 'unique_key': None, 'on_schema_change': 'ignore', "                     \
    "'on_configuration_change': 'apply', 'grants': {}, 'packages': [], "                           \
    "'docs': {'show': True, 'node_color': None}, "                                                 \
    "'contract': {'enforced': False, 'alias_types': True}, 'event_time': None, "                   \
    "'concurrent_batches': None"
#define TEST_DEFAULTS                                                                              \
    "{'enabled': True, 'alias': None, 'schema': 'dbt_test__audit', 'database': None, 'tags': [], " \
    "'meta': {}, 'group': None, 'static_analysis': None, 'materialized': 'test', "                 \
    "'severity': 'ERROR', 'store_failures': None, 'store_failures_as': None, 'where': None, "      \
    "'limit': None, 'fail_calc': 'count(*)', 'warn_if': '!= 0', 'error_if': '!= 0'}"

static const char *const defaults[LT_DBT_KINDS] = {
    [LT_DBT_MODEL] = "{" NODE_DEFAULTS "'materialized': 'view', " BUILD_DEFAULTS
                     ", 'access': 'protected', 'freshness': None}",
    [LT_DBT_GENERIC_TEST] = TEST_DEFAULTS,
    [LT_DBT_SINGULAR_TEST] = TEST_DEFAULTS,
    [LT_DBT_SEED] = "{" NODE_DEFAULTS "'materialized': 'seed', " BUILD_DEFAULTS
                    ", 'delimiter': ',', 'quote_columns': None}",
    [LT_DBT_SNAPSHOT] =
        "{" NODE_DEFAULTS "'materialized': 'snapshot', " BUILD_DEFAULTS
        ", 'strategy': None, 'target_schema': None, 'target_database': None, 'updated_at': None, "
        "'check_cols': None, 'snapshot_meta_column_names': {'dbt_valid_to': None, "
        "'dbt_valid_from': None, 'dbt_scd_id': None, 'dbt_updated_at': None, "
        "'dbt_is_deleted': None}, 'dbt_valid_to_current': None}",
    [LT_DBT_ANALYSIS] = "{" NODE_DEFAULTS "'materialized': 'view', " BUILD_DEFAULTS "}",
    [LT_DBT_OPERATION] = "{" NODE_DEFAULTS "'materialized': 'view', " BUILD_DEFAULTS "}",
    [LT_DBT_UDF] = "{" NODE_DEFAULTS "'materialized': 'function', " BUILD_DEFAULTS
                   ", 'type': 'scalar', 'volatility': None, 'runtime_version': None, "
                   "'entry_point': None}",
    [LT_DBT_SOURCE] = "{'enabled': True, 'event_time': None, 'freshness': None, "
                      "'loaded_at_field': None, 'loaded_at_query': None, 'meta': {}, 'tags': [], "
                      "'static_analysis': None}",
    [LT_DBT_UNIT_TEST] = "{'tags': [], 'meta': {}, 'enabled': True, 'static_analysis': None}",
    [LT_DBT_EXPOSURE] = "{'enabled': True, 'tags': [], 'meta': {}}",
    [LT_DBT_METRIC] = "{'enabled': True, 'group': None, 'meta': {}}",
    [LT_DBT_SEMANTIC_MODEL] = "{'enabled': True, 'group': None, 'meta': {}}",
    [LT_DBT_SAVED_QUERY] = ("{'enabled': True, 'group': None, 'meta': {}, 'export_as': None, "
                            "'schema': None, 'cache': {'enabled': False}}"),
    [LT_DBT_GROUP] = "{'meta': {}}",
};

void lt_dbt_defaults_init(lt_dbt *dbt)
{
    for (size_t i = 0; i < LT_DBT_KINDS; i++) {
        lt_err err = {0};
        lt_ignore(lt_jinja_literal(&dbt->heap, lt_text_of(defaults[i]), &dbt->defaults[i], &err));
    }
    dbt->defaults[LT_DBT_KINDS] = lt_jinja_dict(&dbt->heap);
}

lt_jinja_value lt_dbt_config_get(const lt_dbt *dbt, const lt_dbt_node *node, lt_text key)
{
    lt_jinja_value value = {0}, otherwise = {0};
    if (lt_text_eq(key, T("pre_hook")))
        key = T("pre-hook");
    if (lt_text_eq(key, T("post_hook")))
        key = T("post-hook");
    (void)lt_jinja_find(dbt->defaults[node->kind], key, &otherwise);
    if (node->config.all.type == LT_JINJA_DICT && lt_jinja_find(node->config.all, key, &value) &&
        (value.type != LT_JINJA_NONE || otherwise.type == LT_JINJA_UNDEFINED))
        return value;
    return otherwise;
}

/* ---- merging ---- */

static merge_rule rule_of(lt_text key)
{
    for (size_t i = 0; i < LT_COUNT(rules); i++)
        if (lt_text_eq(rules[i].name, key))
            return rules[i].rule;
    return RULE_REPLACE;
}

static void append_all(lt_jinja_value list, lt_jinja_value from)
{
    bool many =
        from.type == LT_JINJA_LIST || from.type == LT_JINJA_TUPLE || from.type == LT_JINJA_SET;
    if (!many && from.type != LT_JINJA_NONE)
        lt_jinja_add(list, from);
    for (size_t i = 0; many && i < lt_jinja_len(from); i++)
        lt_jinja_add(list, lt_jinja_at(from, i));
}

static lt_jinja_value appended(lt_dbt *dbt, lt_jinja_value old, lt_jinja_value new)
{
    lt_jinja_value made = lt_jinja_list(&dbt->heap);
    if (lt_dbt_is_set(old))
        append_all(made, old);
    append_all(made, new);
    return made;
}

static lt_jinja_value updated(lt_dbt *dbt, lt_jinja_value old, lt_jinja_value new)
{
    lt_jinja_value made = lt_jinja_dict(&dbt->heap), key, value;
    if (new.type != LT_JINJA_DICT)
        return lt_dbt_is_set(new) ? new : old;
    for (size_t at = 0; old.type == LT_JINJA_DICT && lt_jinja_next(old, &at, &key, &value);)
        lt_jinja_put_value(made, key, value);
    for (size_t at = 0; lt_jinja_next(new, &at, &key, &value);)
        lt_jinja_put_value(made, key, value);
    return made;
}

/* {"+select": [...]} adds to what is granted; {"select": [...]} replaces it. With `kept` the + stays for a later merge. */
static lt_jinja_value granted(lt_dbt *dbt, lt_jinja_value old, lt_jinja_value new, bool kept)
{
    lt_jinja_value made = lt_jinja_dict(&dbt->heap), key, value;
    if (new.type != LT_JINJA_DICT)
        return old;
    for (size_t at = 0; old.type == LT_JINJA_DICT && lt_jinja_next(old, &at, &key, &value);)
        lt_jinja_put_value(made, key, appended(dbt, (lt_jinja_value){0}, value));
    for (size_t at = 0; lt_jinja_next(new, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        bool add = lt_text_starts(name, T("+"));
        if (add && !kept)
            name = lt_text_sub(name, 1, SIZE_MAX);
        lt_jinja_value before = {0};
        if (add)
            (void)lt_jinja_find(made, name, &before);
        lt_jinja_put_value(made, lt_jinja_text(name), appended(dbt, before, value));
    }
    return made;
}

static void merge(lt_dbt *dbt, lt_jinja_value into, lt_jinja_value from, bool calls)
{
    lt_jinja_value key, value;
    if (from.type != LT_JINJA_DICT)
        return;
    for (size_t at = 0; lt_jinja_next(from, &at, &key, &value);) {
        lt_jinja_value old = {0};
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_eq(name, T("pre_hook")))
            key = lt_jinja_text(name = T("pre-hook"));
        else if (lt_text_eq(name, T("post_hook")))
            key = lt_jinja_text(name = T("post-hook"));
        merge_rule rule = rule_of(name);
        if (rule != RULE_REPLACE)
            (void)lt_jinja_find(into, name, &old);
        if (rule == RULE_APPEND)
            value = appended(dbt, old, value);
        else if (rule == RULE_UPDATE)
            value = updated(dbt, old, value);
        else if (rule == RULE_GRANTS)
            value = granted(dbt, old, value, calls);
        lt_jinja_put_value(into, key, value);
    }
}

void lt_dbt_config_merge(lt_dbt *dbt, lt_jinja_value into, lt_jinja_value from)
{
    merge(dbt, into, from, false);
}

void lt_dbt_config_merge_calls(lt_dbt *dbt, lt_jinja_value into, lt_jinja_value from)
{
    merge(dbt, into, from, true);
}

static void replace_all(lt_jinja_value into, lt_jinja_value from)
{
    lt_jinja_value key, value;
    for (size_t at = 0; from.type == LT_JINJA_DICT && lt_jinja_next(from, &at, &key, &value);)
        lt_jinja_put_value(into, key, value);
}

lt_jinja_value lt_dbt_config_deep_merge(lt_dbt *dbt, lt_jinja_value under, lt_jinja_value over)
{
    lt_jinja_value made, key, value;
    if (over.type == LT_JINJA_LIST && under.type == LT_JINJA_LIST) {
        made = lt_jinja_list(&dbt->heap);
        append_all(made, over);
        append_all(made, under);
        return made;
    }
    if (over.type != LT_JINJA_DICT || under.type != LT_JINJA_DICT)
        return over;
    made = lt_jinja_dict(&dbt->heap);
    replace_all(made, under);
    for (size_t at = 0; lt_jinja_next(over, &at, &key, &value);) {
        lt_jinja_value old = {0};
        if (lt_jinja_find(under, lt_jinja_as_text(key), &old))
            value = lt_dbt_config_deep_merge(dbt, old, value);
        lt_jinja_put_value(made, key, value);
    }
    return made;
}

/* ---- by folder ---- */

static const char *const folder_keys[LT_DBT_KINDS] = {
    [LT_DBT_MODEL] = "models",
    [LT_DBT_GENERIC_TEST] = "data_tests",
    [LT_DBT_SINGULAR_TEST] = "data_tests",
    [LT_DBT_SEED] = "seeds",
    [LT_DBT_SNAPSHOT] = "snapshots",
    [LT_DBT_ANALYSIS] = "models",
    [LT_DBT_OPERATION] = "models",
    [LT_DBT_UDF] = "functions",
    [LT_DBT_SOURCE] = "sources",
    [LT_DBT_UNIT_TEST] = "unit_tests",
    [LT_DBT_EXPOSURE] = "exposures",
    [LT_DBT_METRIC] = "metrics",
    [LT_DBT_SEMANTIC_MODEL] = "semantic-models",
    [LT_DBT_SAVED_QUERY] = "saved-queries",
    [LT_DBT_GROUP] = "models",
};

bool lt_dbt_config_is_of(lt_dbt_kind kind, const char *key)
{
    if (kind == LT_DBT_ANALYSIS || kind == LT_DBT_OPERATION || kind == LT_DBT_GROUP)
        return false; /* they borrow those of models */
    return lt_text_eq(lt_text_of(folder_keys[kind]), lt_text_of(key)) ||
           (lt_text_eq(lt_text_of(key), T("tests")) &&
            lt_text_eq(lt_text_of(folder_keys[kind]), T("data_tests")));
}

/* The settings of one level: "+key", or a key whose value is no mapping. Made once for all nodes below it. */
static lt_jinja_value level_settings(lt_dbt *dbt, lt_jinja_value level)
{
    const void *table = level.as.dict;
    lt_text place = lt_text_at((const char *)&table, sizeof(table));
    lt_jinja_value *known = lt_map_find(&dbt->levels, place);
    if (known)
        return *known;
    lt_jinja_value made = lt_jinja_dict(&dbt->heap), key, value;
    for (size_t at = 0; lt_jinja_next(level, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (lt_text_starts(name, T("+"))) {
            name = lt_text_trim(lt_text_sub(name, 1, SIZE_MAX));
            lt_jinja_put_value(made, lt_jinja_text(name), value);
        } else if (value.type != LT_JINJA_DICT || (dbt->is_strict && lt_text_eq(name, T("meta")))) {
            lt_jinja_put_value(made, key, value);
        }
    }
    known = LT_NEW(&dbt->arena, lt_jinja_value);
    *known = made;
    (void)lt_map_put(&dbt->levels, lt_arena_text(&dbt->arena, place), known);
    return made;
}

typedef struct folder_walk {
    lt_dbt *dbt;
    const lt_dbt_node *node;
    lt_jinja_value level;
    size_t at; /* in fqn; 0: the top */
    bool done;
} folder_walk;

/* Where dbt takes `unrendered_config` from: it says `models` for functions, and has the others under names that no project uses. */
static const char *unrendered_key(lt_dbt_kind kind)
{
    return kind == LT_DBT_UDF              ? "models"
           : kind == LT_DBT_SEMANTIC_MODEL ? "semantic_models"
           : kind == LT_DBT_SAVED_QUERY    ? "saved_queries"
                                           : folder_keys[kind];
}

static folder_walk walk_start(lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_value project,
                              bool rendered)
{
    const char *key = rendered ? folder_keys[node->kind] : unrendered_key(node->kind);
    lt_jinja_value tree = lt_dbt_at(project, key);
    if (!lt_dbt_is_set(tree) && lt_text_eq(lt_text_of(key), T("data_tests")))
        tree = lt_dbt_at(project, "tests");
    return (folder_walk){
        .dbt = dbt, .node = node, .level = tree, .done = tree.type != LT_JINJA_DICT};
}

/* The settings of each level from the top down to the node's own name; false at the end. */
static bool walk_next(folder_walk *walk, lt_jinja_value *settings)
{
    if (walk->done)
        return false;
    *settings = level_settings(walk->dbt, walk->level);
    for (;;) {
        lt_jinja_value next = {0};
        if (walk->at == walk->node->fqn.len) {
            walk->done = true;
            return true;
        }
        lt_text part = walk->node->fqn.items[walk->at++];
        if (lt_jinja_find(walk->level, part, &next) && next.type == LT_JINJA_DICT) {
            walk->level = next;
            return true;
        }
        if (walk->at == 1 && walk->dbt->is_strict)
            continue; /* a leat.yml need not name its own project */
        walk->done = true;
        return true;
    }
}

static void merge_folders(lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_value project,
                          lt_jinja_value all, bool rendered)
{
    lt_jinja_value settings;
    for (folder_walk walk = walk_start(dbt, node, project, rendered);
         walk_next(&walk, &settings);) {
        if (rendered)
            lt_dbt_config_merge(dbt, all, settings);
        else
            replace_all(all, settings);
    }
}

/* dbt_project.yml gives all exposures `meta` without a plus, too, where for others it would be a folder of that name. */
static void merge_exposures_meta(lt_dbt *dbt, const lt_dbt_node *node, lt_jinja_value all)
{
    lt_jinja_value meta = lt_dbt_at(lt_dbt_at(node->package->project, "exposures"), "meta");
    if (meta.type == LT_JINJA_DICT)
        lt_jinja_put(all, "meta", updated(dbt, (lt_jinja_value){0}, meta));
}

/* ---- strict projects: keys and values that mean something ---- */

static const char *const materializations[] = {
    "view", "table", "incremental", "ephemeral", "materialized_view", "external", NULL};
static const char *const strategies[] = {"append", "delete+insert", "merge", "microbatch", NULL};
static const char *const changes[] = {"ignore", "fail", "append_new_columns", "sync_all_columns",
                                      NULL};
static const char *const severities[] = {"error", "warn", NULL};

static const struct {
    lt_text name;
    const char *const *allowed; /* NULL: anything */
} strict_keys[] = {
    {T("materialized"), materializations},
    {T("schema"), NULL},
    {T("alias"), NULL},
    {T("unique_key"), NULL},
    {T("tags"), NULL},
    {T("incremental_strategy"), strategies},
    {T("on_schema_change"), changes},
    {T("enabled"), NULL},
    {T("full_refresh"), NULL},
    {T("severity"), severities},
    {T("warn_if"), NULL},
    {T("error_if"), NULL},
    {T("where"), NULL},
    {T("limit"), NULL},
    {T("fail_calc"), NULL},
    {T("store_failures"), NULL},
    {T("meta"), NULL},
    {T("config_keys_used"), NULL}, /* what models in Python ask for */
    {T("config_keys_defaults"), NULL},
    {T("meta_keys_used"), NULL},
    {T("meta_keys_defaults"), NULL},
};

static lt_text strict_key(const void *context, size_t i)
{
    (void)context;
    return strict_keys[i].name;
}

static lt_status check_allowed(lt_text key, const char *const *allowed, lt_text value, lt_err *err)
{
    LT_AUTO(lt_buf) list = {.limit = 400};
    for (size_t i = 0; allowed[i]; i++) {
        if (lt_text_eq_nocase(lt_text_of(allowed[i]), value))
            return LT_OK;
        lt_buf_printf(&list, "%s'%s'", i ? ", " : "", allowed[i]);
    }
    lt_ignore(
        lt_fail(err, LT_INVALID, "'%.*s' is not a value of %.*s", LT_ARG(value), LT_ARG(key)));
    return lt_hint(err, "values are %s", lt_buf_chars(&list));
}

bool lt_dbt_config_is_key(lt_text key)
{
    for (size_t i = 0; i < LT_COUNT(strict_keys); i++)
        if (lt_text_eq(strict_keys[i].name, key))
            return true;
    return false;
}

lt_status lt_dbt_config_check(const lt_dbt *dbt, const lt_dbt_node *node, lt_text key,
                              lt_jinja_value value, lt_err *err)
{
    lt_text nearest;
    (void)node;
    if (lt_text_starts(key, T("+")))
        key = lt_text_trim(lt_text_sub(key, 1, SIZE_MAX));
    for (size_t i = 0; i < LT_COUNT(strict_keys); i++) {
        if (!lt_text_eq(strict_keys[i].name, key))
            continue;
        if (!strict_keys[i].allowed || value.type != LT_JINJA_STR)
            return LT_OK;
        if (lt_text_eq(key, T("materialized")) &&
            lt_dbt_materialization_find(dbt, lt_jinja_as_text(value)))
            return LT_OK;
        return check_allowed(key, strict_keys[i].allowed, lt_jinja_as_text(value), err);
    }
    lt_ignore(lt_fail(err, LT_INVALID, "unknown configuration '%.*s'", LT_ARG(key)));
    if (lt_text_nearest(key, LT_COUNT(strict_keys), strict_key, NULL, &nearest))
        return lt_hint(err, "did you mean '%.*s'? Your own values belong below 'meta'",
                       LT_ARG(nearest));
    return lt_hint(err, "your own values belong below 'meta'");
}

lt_status lt_dbt_config_check_yaml(const value_source *source, const lt_dbt_node *node,
                                   const lt_yaml *mapping, lt_err *err)
{
    if (mapping->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(mapping, source->path, err, "config must be a mapping, not %s",
                            lt_yaml_name(mapping));
    for (size_t i = 0; source->dbt->is_strict && i < mapping->count; i++) {
        const lt_yaml *key = mapping->keys[i];
        lt_jinja_value value = lt_scope_value(&source->dbt->heap, mapping->items[i]);
        if (lt_dbt_config_check(source->dbt, node, key->text, value, err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", source->path, key->line, key->col);
    }
    return LT_OK;
}

/* The depth of a tree is limited by its reader (64). */
static lt_status check_level(lt_dbt *dbt, const lt_yaml *level, lt_err *err)
{
    for (size_t i = 0; level && level->kind == LT_YAML_MAPPING && i < level->count; i++) {
        const lt_yaml *key = level->keys[i], *value = level->items[i];
        bool folder = value->kind == LT_YAML_MAPPING && !lt_text_starts(key->text, T("+")) &&
                      !lt_text_eq(key->text, T("meta"));
        if (folder) {
            LT_TRY(check_level(dbt, value, err));
            continue;
        }
        if (lt_dbt_config_check(dbt, NULL, key->text, lt_scope_value(&dbt->heap, value), err) !=
            LT_OK)
            return lt_wrap(err, "leat.yml:%u:%u", key->line, key->col);
    }
    return LT_OK;
}

lt_status lt_dbt_config_check_folders(lt_dbt *dbt, lt_err *err)
{
    if (!dbt->is_strict)
        return LT_OK;
    LT_TRY(check_level(dbt, dbt->settings.models, err));
    return check_level(dbt, dbt->settings.tests, err);
}

/* ---- the typed part ---- */

static lt_text text_of(lt_dbt *dbt, const lt_dbt_node *node, const char *key)
{
    return lt_dbt_text_of(dbt, lt_dbt_config_get(dbt, node, lt_text_of(key)));
}

static lt_text lower(lt_dbt *dbt, lt_text text)
{
    char *copy = lt_arena_str(&dbt->arena, text);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = lt_lower(copy[i]);
    return lt_text_at(copy, text.len);
}

/* A hook is a text, or a mapping with `sql` and `transaction`. */
static lt_jinja_value hook_of(lt_dbt *dbt, lt_jinja_value raw)
{
    bool dict = raw.type == LT_JINJA_DICT;
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    lt_jinja_value sql = dict ? lt_dbt_at(raw, "sql") : raw;
    lt_jinja_value inside = dict ? lt_dbt_at(raw, "transaction") : (lt_jinja_value){0};
    lt_jinja_value index = dict ? lt_dbt_at(raw, "index") : (lt_jinja_value){0};
    lt_jinja_put(made, "sql", lt_dbt_is_set(sql) ? sql : lt_jinja_text(T("")));
    lt_jinja_put(made, "transaction", lt_dbt_is_set(inside) ? inside : lt_jinja_bool(true));
    lt_jinja_put(made, "index", lt_dbt_is_set(index) ? index : lt_jinja_none());
    return made;
}

static void make_hooks(lt_dbt *dbt, lt_dbt_node *node, const char *key)
{
    lt_jinja_value value = {0}, made = lt_jinja_list(&dbt->heap);
    if (!lt_jinja_find(node->config.all, lt_text_of(key), &value))
        return;
    if (value.type != LT_JINJA_LIST)
        value = appended(dbt, (lt_jinja_value){0}, value);
    for (size_t i = 0; i < lt_jinja_len(value); i++)
        lt_jinja_add(made, hook_of(dbt, lt_jinja_at(value, i)));
    lt_jinja_put(node->config.all, key, made);
}

static void listify(lt_dbt *dbt, lt_dbt_node *node, const char *key)
{
    lt_jinja_value value = {0};
    if (lt_jinja_find(node->config.all, lt_text_of(key), &value) && value.type == LT_JINJA_STR)
        lt_jinja_put(node->config.all, key, appended(dbt, (lt_jinja_value){0}, value));
}

static int by_text(const void *a, const void *b)
{
    const lt_text *left = a, *right = b;
    return lt_text_cmp(*left, *right);
}

/* As dbt has them of sources and exposures. */
static void sort_tags(lt_dbt *dbt, lt_jinja_value config)
{
    lt_texts tags = {0};
    lt_jinja_value sorted = lt_jinja_list(&dbt->heap);
    lt_dbt_texts_of(dbt, lt_dbt_at(config, "tags"), &tags);
    if (tags.len < 2)
        return;
    qsort(tags.items, tags.len, sizeof(*tags.items), by_text);
    for (size_t i = 0; i < tags.len; i++)
        if (!i || !lt_text_eq(tags.items[i - 1], tags.items[i]))
            lt_jinja_add(sorted, lt_jinja_text(tags.items[i]));
    lt_jinja_put(config, "tags", sorted);
}

static void add_tags(lt_dbt *dbt, lt_texts *tags, lt_jinja_value value)
{
    lt_texts found = {0};
    lt_dbt_texts_of(dbt, value, &found);
    for (size_t i = 0; i < found.len; i++)
        if (!lt_dbt_texts_have(tags, found.items[i]))
            lt_push_in(&dbt->arena, tags, found.items[i]);
}

static bool is_false(lt_jinja_value value)
{
    return value.type == LT_JINJA_BOOL && !value.as.b;
}

static void fill_typed(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_dbt_config *config = &node->config;
    lt_jinja_value refresh = lt_dbt_config_get(dbt, node, T("full_refresh"));
    lt_jinja_value keep = lt_dbt_config_get(dbt, node, T("store_failures"));
    config->materialized = text_of(dbt, node, "materialized");
    config->schema = text_of(dbt, node, "schema");
    config->alias = text_of(dbt, node, "alias");
    config->incremental_strategy = text_of(dbt, node, "incremental_strategy");
    config->on_schema_change = text_of(dbt, node, "on_schema_change");
    config->severity = lower(dbt, text_of(dbt, node, "severity"));
    config->warn_if = text_of(dbt, node, "warn_if");
    config->error_if = text_of(dbt, node, "error_if");
    config->where = text_of(dbt, node, "where");
    config->limit = text_of(dbt, node, "limit");
    config->fail_calc = text_of(dbt, node, "fail_calc");
    config->disabled = is_false(lt_dbt_config_get(dbt, node, T("enabled")));
    config->full_refresh = lt_dbt_is_set(refresh) ? lt_jinja_truth(refresh) : -1;
    config->forget_failures = is_false(keep);
    config->store_failures = lt_dbt_is_set(keep) && lt_jinja_truth(keep);
    lt_text as = text_of(dbt, node, "store_failures_as");
    if (as.len)
        config->store_failures = !(config->forget_failures = lt_text_eq(as, T("ephemeral")));
    config->unique_key = (lt_texts){0};
    lt_dbt_texts_of(dbt, lt_dbt_config_get(dbt, node, T("unique_key")), &config->unique_key);
    add_tags(dbt, &config->tags, lt_dbt_config_get(dbt, node, T("tags")));
    lt_text group = text_of(dbt, node, "group");
    if (group.len)
        node->group = group;
    if (node->kind == LT_DBT_MODEL)
        node->access = text_of(dbt, node, "access");
}

/* store_failures_as decides, and store_failures says the same; without it, store_failures decides. */
static void agree_on_failures(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_jinja_value keep = lt_dbt_config_get(dbt, node, T("store_failures"));
    lt_text as = text_of(dbt, node, "store_failures_as");
    if (node->kind != LT_DBT_GENERIC_TEST && node->kind != LT_DBT_SINGULAR_TEST)
        return;
    if (as.len)
        lt_jinja_put(node->config.all, "store_failures",
                     lt_jinja_bool(!lt_text_eq(as, T("ephemeral"))));
    else if (lt_dbt_is_set(keep))
        lt_jinja_put(node->config.all, "store_failures_as",
                     lt_jinja_text(lt_jinja_truth(keep) ? T("table") : T("ephemeral")));
}

/* Words that dbt knows of functions; others are errors there too. */
static lt_status check_udf(lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    static const char *const types[] = {"scalar", "aggregate", "table", NULL};
    static const char *const volatilities[] = {"deterministic", "stable", "non-deterministic",
                                               NULL};
    const struct {
        lt_text key;
        const char *const *allowed;
    } keys[] = {{T("type"), types}, {T("volatility"), volatilities}};
    for (size_t i = 0; i < LT_COUNT(keys) && node->kind == LT_DBT_UDF; i++) {
        lt_jinja_value said = lt_dbt_config_get(dbt, node, keys[i].key);
        if (lt_dbt_is_set(said) &&
            check_allowed(keys[i].key, keys[i].allowed, lt_dbt_text_of(dbt, said), err) != LT_OK)
            return lt_wrap(err, "%.*s", LT_ARG(node->path));
    }
    return LT_OK;
}

lt_status lt_dbt_config_make(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value entry,
                             lt_jinja_value raw_patch, const config_calls *call, lt_err *err)
{
    lt_dbt_config *config = &node->config;
    config->all = lt_jinja_dict(&dbt->heap);
    config->unrendered = lt_jinja_dict(&dbt->heap);
    if (node->kind == LT_DBT_EXPOSURE)
        merge_exposures_meta(dbt, node, config->all);
    merge_folders(dbt, node, node->package->project, config->all, true);
    merge_folders(dbt, node, node->package->unrendered, config->unrendered, false);
    lt_dbt_config_merge(dbt, config->all, entry);
    LT_TRY(check_udf(dbt, node, err)); /* also what the file itself says better */
    replace_all(config->unrendered, raw_patch.type == LT_JINJA_DICT ? raw_patch : entry);
    if (call) { /* an entry that configures makes dbt count the calls of a simple model once more, merged */
        bool again = call->is_simple && (lt_dbt_is_set(node->version) ||
                                         (entry.type == LT_JINJA_DICT && lt_jinja_len(entry)));
        lt_dbt_config_merge(dbt, config->all, call->merged);
        replace_all(config->unrendered, again ? call->merged : call->written);
    }
    if (!node->package->is_root) {
        merge_folders(dbt, node, dbt->root->project, config->all, true);
        merge_folders(dbt, node, dbt->root->unrendered, config->unrendered, false);
    }
    listify(dbt, node, "tags");
    if (node->kind == LT_DBT_SOURCE || node->kind == LT_DBT_EXPOSURE) {
        sort_tags(dbt, config->all);
        sort_tags(dbt, config->unrendered);
    }
    make_hooks(dbt, node, "pre-hook");
    make_hooks(dbt, node, "post-hook");
    agree_on_failures(dbt, node);
    config->tags = (lt_texts){0};
    fill_typed(dbt, node);
    return dbt->is_strict ? LT_OK : lt_dbt_config_check_types(node, err);
}

/* ---- names of relations ---- */

typedef struct generating {
    lt_dbt *dbt;
    lt_dbt_node *node;
    const char *component;
    lt_text custom;
} generating;

/* The project's own generate_..._name() gives the name. */
static lt_status call_generator(const generating *g, const lt_dbt_macro *macro, lt_text *out,
                                lt_err *err)
{
    rendering r;
    lt_dbt *dbt = g->dbt;
    lt_jinja_heap heap = {0};
    lt_jinja_value made = {0};
    lt_jinja_value args[2] = {g->custom.len ? lt_jinja_text(g->custom) : lt_jinja_none(),
                              lt_dbt_node_value(dbt, g->node, &heap)};
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    lt_dbt_rendering_init(&r, dbt, g->node);
    r.loading = dbt;
    r.generating = true;
    lt_dbt_seen_macro(&r, macro);
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &r};
    lt_status status =
        lt_jinja_call_value(&dbt->env, &context, &heap, lt_dbt_macro_ready(macro)->value, args, 2,
                            NULL, 0, &made, NULL, err);
    if (status == LT_OK && made.type != LT_JINJA_NONE)
        lt_jinja_str(made, &text);
    *out = lt_arena_text(&dbt->arena, lt_text_trim(lt_buf_text(&text)));
    lt_jinja_heap_cleanup(&heap);
    if (status != LT_OK)
        return lt_wrap(err, "generate_%s_name() for %.*s", g->component, LT_ARG(g->node->id));
    return LT_OK;
}

static lt_status schema_of(lt_dbt *dbt, lt_dbt_node *node, lt_text *out, lt_err *err)
{
    const lt_dbt_settings *set = &dbt->settings;
    generating g = {.dbt = dbt, .node = node, .component = "schema", .custom = node->config.schema};
    const lt_dbt_macro *macro = lt_dbt_generate_macro(dbt, node->package, "schema");
    lt_text made = {0};
    if (macro)
        LT_TRY(call_generator(&g, macro, &made, err));
    else
        made = lt_text_of(lt_arena_format(&dbt->arena, "%.*s%s%.*s", LT_ARG(set->target_schema),
                                          g.custom.len ? "_" : "", LT_ARG(lt_text_trim(g.custom))));
    *out = !set->schema_prefix.len
               ? made
               : lt_text_of(lt_arena_format(&dbt->arena, "%.*s%.*s", LT_ARG(set->schema_prefix),
                                            LT_ARG(made)));
    return LT_OK;
}

static lt_status database_of(lt_dbt *dbt, lt_dbt_node *node, lt_text *out, lt_err *err)
{
    generating g = {.dbt = dbt,
                    .node = node,
                    .component = "database",
                    .custom = text_of(dbt, node, "database")};
    const lt_dbt_macro *macro = lt_dbt_generate_macro(dbt, node->package, "database");
    if (macro)
        return call_generator(&g, macro, out, err);
    *out = g.custom.len ? lt_text_trim(g.custom) : dbt->settings.target_database;
    return LT_OK;
}

static lt_status alias_of(lt_dbt *dbt, lt_dbt_node *node, lt_text *out, lt_err *err)
{
    generating g = {.dbt = dbt, .node = node, .component = "alias", .custom = node->config.alias};
    const lt_dbt_macro *macro = lt_dbt_generate_macro(dbt, node->package, "alias");
    if (macro)
        return call_generator(&g, macro, out, err);
    *out = node->name;
    if (g.custom.len)
        *out = lt_text_trim(g.custom);
    else if (lt_dbt_is_set(node->version))
        *out = lt_text_of(lt_arena_format(&dbt->arena, "%.*s_v%.*s", LT_ARG(node->name),
                                          LT_ARG(lt_dbt_text_of(dbt, node->version))));
    for (size_t i = 0; !g.custom.len && i < out->len; i++)
        if (out->ptr[i] == '.') { /* versions such as 1.5 */
            char *copy = lt_arena_str(&dbt->arena, *out);
            for (char *c = copy; *c; c++)
                *c = *c == '.' ? '_' : *c;
            out->ptr = copy;
        }
    return LT_OK;
}

/* Snapshots may say their place by older keys, without any prefix. */
static void old_snapshot_place(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_text schema = text_of(dbt, node, "target_schema");
    lt_text database = text_of(dbt, node, "target_database");
    if (schema.len)
        node->relation.schema = lt_text_of(lt_arena_format(
            &dbt->arena, "%.*s%.*s", LT_ARG(dbt->settings.schema_prefix), LT_ARG(schema)));
    if (database.len)
        node->relation.database = database;
}

/* PostgreSQL would cut a longer name, and the next run would not find the table. */
static lt_status check_name_length(const lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    enum { POSTGRES_NAME_BYTES = 63 };
    if (!dbt->is_strict || !lt_text_eq(dbt->settings.target_kind, T("postgres")) ||
        node->no_relation || node->relation.name.len <= POSTGRES_NAME_BYTES)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "%.*s:1:1: the name '%.*s' is longer than PostgreSQL's %d bytes",
                      LT_ARG(node->path), LT_ARG(node->relation.name), POSTGRES_NAME_BYTES));
    return lt_hint(err, "give it a shorter 'alias', or rename the file");
}

static bool has_no_relation(const lt_dbt *dbt, const lt_dbt_node *node)
{
    switch (node->kind) {
    case LT_DBT_MODEL:
        return lt_text_eq(node->config.materialized, T("ephemeral"));
    case LT_DBT_GENERIC_TEST:
    case LT_DBT_SINGULAR_TEST:
        return !dbt->is_strict && !node->config.store_failures;
    case LT_DBT_SEED:
    case LT_DBT_SNAPSHOT:
        return false;
    default:
        return true;
    }
}

/* What dbt refuses of a snapshot before anything runs. */
static lt_status check_snapshot(lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    lt_text strategy = text_of(dbt, node, "strategy");
    bool timestamp = lt_text_eq(strategy, T("timestamp")), check = lt_text_eq(strategy, T("check"));
    lt_jinja_value columns = lt_dbt_config_get(dbt, node, T("check_cols"));
    const char *wrong = NULL;
    if (node->kind != LT_DBT_SNAPSHOT || node->config.disabled)
        return LT_OK;
    if (!strategy.len || !node->config.unique_key.len)
        wrong = "Snapshots must be configured with a 'strategy' and 'unique_key'";
    else if (check && !lt_jinja_truth(columns))
        wrong = "A snapshot of the strategy 'check' needs 'check_cols'";
    else if (check && columns.type == LT_JINJA_STR &&
             !lt_text_eq(lt_dbt_text_of(dbt, columns), T("all")))
        wrong = "'check_cols' is 'all' or a list of columns";
    else if (timestamp && !text_of(dbt, node, "updated_at").len)
        wrong = "A snapshot of the strategy 'timestamp' needs 'updated_at'";
    else if (timestamp && lt_jinja_truth(columns))
        wrong = "A snapshot of the strategy 'timestamp' has no 'check_cols'";
    return wrong ? lt_fail(err, LT_INVALID, "%.*s: %s", LT_ARG(node->path), wrong) : LT_OK;
}

lt_status lt_dbt_config_finish(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    lt_dbt_config *config = &node->config;
    bool keyed = lt_text_eq(config->incremental_strategy, T("delete+insert")) ||
                 lt_text_eq(config->incremental_strategy, T("merge"));
    if (dbt->is_strict && keyed && !config->unique_key.len && node->kind == LT_DBT_MODEL) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "%.*s:1:1: incremental_strategy '%.*s' needs a unique_key",
                          LT_ARG(node->path), LT_ARG(config->incremental_strategy)));
        return lt_hint(err, "set unique_key, or use the strategy 'append'");
    }
    LT_TRY(check_udf(dbt, node, err));
    LT_TRY(check_snapshot(dbt, node, err));
    node->no_relation = has_no_relation(dbt, node);
    LT_TRY(schema_of(dbt, node, &node->relation.schema, err));
    LT_TRY(database_of(dbt, node, &node->relation.database, err));
    LT_TRY(alias_of(dbt, node, &node->relation.name, err));
    if (node->kind == LT_DBT_SNAPSHOT)
        old_snapshot_place(dbt, node);
    return check_name_length(dbt, node, err);
}

void lt_dbt_store_failures(lt_dbt *dbt)
{
    for (size_t i = 0; i < dbt->all.len; i++) {
        lt_dbt_node *node = dbt->all.items[i];
        bool test = node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST;
        if (!test || node->config.forget_failures)
            continue;
        node->config.store_failures = true;
        node->no_relation = false;
    }
}
