/* Configuration of nodes: a table of keys, and three places that set them. */
#include "base/buf.h"
#include "dbt/inner.h"

typedef enum key_type { KEY_TEXT, KEY_TEXTS, KEY_ENABLED, KEY_KEEP, KEY_REFRESH } key_type;

typedef struct config_key {
    lt_text name;
    key_type type;
    size_t offset;
    const char *const *allowed; /* NULL: anything */
    bool adds;                  /* later places add to it instead of replacing it */
} config_key;

static const char *const materializations[] = {"view", "table", "incremental", NULL};
static const char *const strategies[] = {"append", "delete+insert", "merge", NULL};
static const char *const changes[] = {"ignore", "fail", "append_new_columns", "sync_all_columns",
                                      NULL};
static const char *const severities[] = {"error", "warn", NULL};

#define AT(field) offsetof(lt_dbt_config, field)
static const config_key keys[] = {
    {T("materialized"), KEY_TEXT, AT(materialized), materializations, false},
    {T("schema"), KEY_TEXT, AT(schema), NULL, false},
    {T("alias"), KEY_TEXT, AT(alias), NULL, false},
    {T("unique_key"), KEY_TEXTS, AT(unique_key), NULL, false},
    {T("tags"), KEY_TEXTS, AT(tags), NULL, true},
    {T("incremental_strategy"), KEY_TEXT, AT(incremental_strategy), strategies, false},
    {T("on_schema_change"), KEY_TEXT, AT(on_schema_change), changes, false},
    {T("enabled"), KEY_ENABLED, AT(disabled), NULL, false},
    {T("full_refresh"), KEY_REFRESH, AT(full_refresh), NULL, false},
    {T("severity"), KEY_TEXT, AT(severity), severities, false},
    {T("warn_if"), KEY_TEXT, AT(warn_if), NULL, false},
    {T("error_if"), KEY_TEXT, AT(error_if), NULL, false},
    {T("where"), KEY_TEXT, AT(where), NULL, false},
    {T("limit"), KEY_TEXT, AT(limit), NULL, false},
    {T("store_failures"), KEY_KEEP, AT(forget_failures), NULL, false},
    {T("meta"), KEY_TEXT, SIZE_MAX, NULL, false}, /* for people and config.get() alone */
};
#undef AT

static lt_text key_name(const void *context, size_t i)
{
    (void)context;
    return keys[i].name;
}

static const config_key *find_key(lt_text name)
{
    if (lt_text_starts(name, T("+")))
        name = lt_text_sub(name, 1, SIZE_MAX);
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if (lt_text_eq(keys[i].name, name))
            return &keys[i];
    return NULL;
}

bool lt_dbt_config_is_key(lt_text key)
{
    return find_key(key) != NULL;
}

static lt_status check_allowed(const config_key *key, lt_text value, lt_err *err)
{
    LT_AUTO(lt_buf) list = {.limit = 400};
    if (!key->allowed)
        return LT_OK;
    for (size_t i = 0; key->allowed[i]; i++) {
        if (lt_text_eq(lt_text_of(key->allowed[i]), value))
            return LT_OK;
        lt_buf_printf(&list, "%s'%s'", i ? ", " : "", key->allowed[i]);
    }
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is not a value of %.*s", LT_ARG(value),
                      LT_ARG(key->name)));
    return lt_hint(err, "values are %s", lt_buf_chars(&list));
}

static lt_text text_of(lt_dbt *dbt, lt_jinja_value value)
{
    LT_AUTO(lt_buf) text = {0};
    if (value.type == LT_JINJA_STR)
        return lt_arena_text(&dbt->arena, lt_jinja_as_text(value));
    lt_jinja_str(value, &text);
    return lt_arena_text(&dbt->arena, lt_buf_text(&text));
}

static void add_text(lt_dbt *dbt, lt_texts *texts, lt_text text)
{
    for (size_t i = 0; i < texts->len; i++)
        if (lt_text_eq(texts->items[i], text))
            return;
    lt_push_in(&dbt->arena, texts, text);
}

static void set_texts(lt_dbt *dbt, lt_texts *texts, lt_jinja_value value, bool adds)
{
    if (!adds)
        *texts = (lt_texts){0};
    if (value.type != LT_JINJA_LIST && value.type != LT_JINJA_TUPLE) {
        add_text(dbt, texts, text_of(dbt, value));
        return;
    }
    for (size_t i = 0; i < lt_jinja_len(value); i++)
        add_text(dbt, texts, text_of(dbt, lt_jinja_at(value, i)));
}

static void remember(lt_dbt *dbt, lt_dbt_node *node, lt_text key, lt_jinja_value value)
{
    if (node->config.all.type != LT_JINJA_DICT)
        node->config.all = lt_jinja_dict(&dbt->heap);
    lt_jinja_put_value(node->config.all, lt_jinja_text_copy(&dbt->heap, key), value);
}

lt_status lt_dbt_config_set(lt_dbt *dbt, lt_dbt_node *node, lt_text name, lt_jinja_value value,
                            lt_err *err)
{
    const config_key *key = find_key(name);
    lt_text nearest;
    if (!key) {
        lt_ignore(lt_fail(err, LT_INVALID, "unknown configuration '%.*s'", LT_ARG(name)));
        if (lt_text_nearest(name, LT_COUNT(keys), key_name, NULL, &nearest))
            return lt_hint(err, "did you mean '%.*s'? Your own values belong below 'meta'",
                           LT_ARG(nearest));
        return lt_hint(err, "your own values belong below 'meta'");
    }
    remember(dbt, node, key->name, value);
    if (key->offset == SIZE_MAX || value.type == LT_JINJA_NONE)
        return LT_OK;
    void *field = (char *)&node->config + key->offset;
    switch (key->type) {
    case KEY_TEXT:
        *(lt_text *)field = text_of(dbt, value);
        return check_allowed(key, *(lt_text *)field, err);
    case KEY_TEXTS:
        set_texts(dbt, field, value, key->adds);
        return LT_OK;
    case KEY_ENABLED:
    case KEY_KEEP:
        *(bool *)field = !lt_jinja_truth(value);
        return LT_OK;
    case KEY_REFRESH:
        *(int *)field = lt_jinja_truth(value);
        return LT_OK;
    }
    return LT_OK;
}

static lt_status set_from_yaml(lt_dbt *dbt, lt_dbt_node *node, const char *path, const lt_yaml *key,
                               const lt_yaml *value, lt_err *err)
{
    lt_status status =
        lt_dbt_config_set(dbt, node, key->text, lt_scope_value(&dbt->heap, value), err);
    if (status != LT_OK)
        return lt_wrap(err, "%s:%u:%u", path, key->line, key->col);
    return LT_OK;
}

lt_status lt_dbt_config_from_yaml(lt_dbt *dbt, const char *path, const lt_yaml *mapping,
                                  lt_dbt_node *node, lt_err *err)
{
    if (mapping->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(mapping, path, err, "config must be a mapping, not %s",
                            lt_yaml_name(mapping));
    for (size_t i = 0; i < mapping->count; i++)
        LT_TRY(set_from_yaml(dbt, node, path, mapping->keys[i], mapping->items[i], err));
    return LT_OK;
}

/* One level of `models:`: its own keys; a mapping under another name is the folder of that name. */
static lt_status set_from_level(lt_dbt *dbt, lt_dbt_node *node, const lt_yaml *level, lt_err *err)
{
    for (size_t i = 0; i < level->count; i++) {
        bool folder = level->items[i]->kind == LT_YAML_MAPPING &&
                      !lt_text_starts(level->keys[i]->text, T("+")) &&
                      !lt_text_eq(level->keys[i]->text, T("meta"));
        if (!folder)
            LT_TRY(set_from_yaml(dbt, node, "leat.yml", level->keys[i], level->items[i], err));
    }
    return LT_OK;
}

lt_status lt_dbt_config_from_folders(lt_dbt *dbt, const lt_yaml *tree, lt_dbt_node *node,
                                     lt_err *err)
{
    if (!tree || tree->kind != LT_YAML_MAPPING)
        return LT_OK;
    LT_TRY(set_from_level(dbt, node, tree, err));
    const lt_yaml *own =
        lt_yaml_find(tree, dbt->settings.name); /* dbt puts the project's name on top */
    const lt_yaml *level = own ? own : tree;
    if (own)
        LT_TRY(set_from_level(dbt, node, own, err));
    lt_text rest = node->path, part;
    if (!lt_text_cut(&rest, '/', &part)) /* "models" itself */
        return LT_OK;
    while (lt_text_cut(&rest, '/', &part)) {
        if (lt_text_ends(part, T(".sql")))
            part.len -= 4;
        level = lt_yaml_find(level, part);
        if (!level || level->kind != LT_YAML_MAPPING)
            return LT_OK;
        LT_TRY(set_from_level(dbt, node, level, err));
    }
    return LT_OK;
}

static void set_default(lt_text *field, const char *value)
{
    if (!field->len)
        *field = lt_text_of(value);
}

static lt_text schema_of(lt_dbt *dbt, const lt_dbt_node *node)
{
    const lt_dbt_settings *set = &dbt->settings;
    lt_text custom = node->kind == LT_DBT_MODEL ? node->config.schema : T("dbt_test__audit");
    return lt_text_of(lt_arena_format(&dbt->arena, "%.*s%.*s%s%.*s", LT_ARG(set->schema_prefix),
                                      LT_ARG(set->target_schema), custom.len ? "_" : "",
                                      LT_ARG(custom)));
}

/* PostgreSQL would cut a longer name, and the next run would not find the table. */
static lt_status check_name_length(const lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    enum { POSTGRES_NAME_BYTES = 63 };
    if (!lt_text_eq(dbt->settings.target_kind, T("postgres")) ||
        node->relation.name.len <= POSTGRES_NAME_BYTES)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "%.*s:1:1: the name '%.*s' is longer than PostgreSQL's %d bytes",
                      LT_ARG(node->path), LT_ARG(node->relation.name), POSTGRES_NAME_BYTES));
    return lt_hint(err, "give it a shorter 'alias', or rename the file");
}

lt_status lt_dbt_config_finish(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    lt_dbt_config *config = &node->config;
    set_default(&config->materialized, "view");
    set_default(&config->on_schema_change, "ignore");
    set_default(&config->severity, "error");
    set_default(&config->warn_if, "!= 0");
    set_default(&config->error_if, "!= 0");
    set_default(&config->incremental_strategy, config->unique_key.len ? "delete+insert" : "append");
    if (config->all.type != LT_JINJA_DICT)
        config->all = lt_jinja_dict(&dbt->heap);
    if (!config->unique_key.len && !lt_text_eq(config->incremental_strategy, T("append")) &&
        node->kind == LT_DBT_MODEL) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "%.*s:1:1: incremental_strategy '%.*s' needs a unique_key",
                          LT_ARG(node->path), LT_ARG(config->incremental_strategy)));
        return lt_hint(err, "set unique_key, or use the strategy 'append'");
    }
    node->relation.schema = schema_of(dbt, node);
    node->relation.name = config->alias.len ? config->alias : node->name;
    return check_name_length(dbt, node, err);
}
