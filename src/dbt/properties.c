/* The .yml files beside the models: descriptions, columns, configuration, and the tests that they ask for. */
#include "dbt/semantic/semantic.h"

static const lt_text strict_file_keys[] = {T("version"), T("models"), T("sources")};
static const lt_text strict_model_keys[] = {T("name"),  T("description"), T("config"), T("columns"),
                                            T("tests"), T("data_tests"),  T("meta"),   T("docs")};
static const lt_text strict_column_keys[] = {T("name"),  T("description"), T("data_type"),
                                             T("tests"), T("data_tests"),  T("meta")};

static lt_text key_at(const void *context, size_t i)
{
    const key_list *list = context;
    return list->keys[i];
}

static bool is_in(key_list list, lt_text key)
{
    for (size_t i = 0; i < list.count; i++)
        if (lt_text_eq(list.keys[i], key))
            return true;
    return false;
}

lt_status lt_dbt_check_keys(const char *path, const lt_yaml *mapping, const char *what,
                            key_list list, lt_err *err)
{
    if (mapping->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(mapping, path, err, "%s must be a mapping, not %s", what,
                            lt_yaml_name(mapping));
    for (size_t i = 0; i < mapping->count; i++) {
        lt_text nearest, key = mapping->keys[i]->text;
        if (is_in(list, key))
            continue;
        lt_ignore(lt_yaml_fail(mapping->keys[i], path, err, "unknown key '%.*s' in %s", LT_ARG(key),
                               what));
        if (lt_text_nearest(key, list.count, key_at, &list, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return err->status;
    }
    return LT_OK;
}

lt_status lt_dbt_need_text(const char *path, const lt_yaml *mapping, lt_text key, lt_text *out,
                           lt_err *err)
{
    if (mapping->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(mapping, path, err, "an entry must be a mapping, not %s",
                            lt_yaml_name(mapping));
    const lt_yaml *value = lt_yaml_find(mapping, key);
    if (!value)
        return lt_yaml_fail(mapping, path, err, "'%.*s' is missing", LT_ARG(key));
    if (value->kind != LT_YAML_SCALAR || !value->text.len)
        return lt_yaml_fail(value, path, err, "'%.*s' must be a text, not %s", LT_ARG(key),
                            lt_yaml_name(value));
    *out = value->text;
    return LT_OK;
}

lt_status lt_dbt_need_list(const char *path, const lt_yaml *value, const char *what, lt_err *err)
{
    if (value->kind == LT_YAML_SEQUENCE)
        return LT_OK;
    return lt_yaml_fail(value, path, err, "%s must be a list, not %s", what, lt_yaml_name(value));
}

/* ---- keeping patches ---- */

static lt_text patch_key(lt_dbt *dbt, const lt_dbt_package *package, const char *yaml_key,
                         lt_text name)
{
    return lt_text_of(lt_arena_format(&dbt->arena, "%.*s.%s.%.*s", LT_ARG(package->name), yaml_key,
                                      LT_ARG(name)));
}

lt_text lt_dbt_patch_key(lt_dbt *dbt, const patch *given)
{
    return patch_key(dbt, given->package, given->yaml_key,
                     lt_yaml_find(given->entry, T("name"))->text);
}

static const char *const yaml_keys[LT_DBT_KINDS] = {
    [LT_DBT_MODEL] = "models",
    [LT_DBT_SEED] = "seeds",
    [LT_DBT_SNAPSHOT] = "snapshots",
    [LT_DBT_ANALYSIS] = "analyses",
    [LT_DBT_SINGULAR_TEST] = "data_tests",
    [LT_DBT_UDF] = "functions",
};

static lt_text file_stem(lt_text path)
{
    size_t start = 0, end = path.len;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '/')
            start = i + 1;
        if (path.ptr[i] == '.')
            end = i;
    }
    return lt_text_sub(path, start, end > start ? end - start : path.len);
}

patch *lt_dbt_patch_of(const lt_dbt *dbt, const lt_dbt_node *node)
{
    const char *yaml_key = yaml_keys[node->kind];
    if (!yaml_key || !node->package)
        return NULL;
    if (node->kind == LT_DBT_MODEL && dbt->versions.entries.len) {
        LT_AUTO(lt_chars)
        key = lt_format("%.*s.%.*s", LT_ARG(node->package->name), LT_ARG(file_stem(node->path)));
        patch *found = lt_map_find(&dbt->versions, lt_text_of(key));
        if (found)
            return found;
    }
    LT_AUTO(lt_chars)
    key = lt_format("%.*s.%s.%.*s", LT_ARG(node->package->name), yaml_key, LT_ARG(node->name));
    patch *found = lt_map_find(&dbt->patches, lt_text_of(key));
    return found && !found->version ? found : NULL;
}

static patch *keep(const value_source *source, const char *yaml_key, const lt_yaml *entry,
                   const lt_yaml *version)
{
    lt_dbt *dbt = source->dbt;
    patch *made = LT_NEW(&dbt->arena, patch);
    *made = (patch){.package = (lt_dbt_package *)(uintptr_t)source->package,
                    .path = source->path,
                    .yaml_key = yaml_key,
                    .entry = entry,
                    .version = version,
                    .home = dbt->home};
    lt_push_in(&dbt->arena, &dbt->patch_list, made);
    return made;
}

static void name_version(const value_source *source, lt_text stem, patch *made)
{
    lt_dbt *dbt = source->dbt;
    char *key =
        lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(source->package->name), LT_ARG(stem));
    if (!lt_map_has(&dbt->versions, lt_text_of(key)))
        (void)lt_map_put(&dbt->versions, lt_text_of(key), made);
}

/* The newest version, unless `latest_version` says another: numbers by size, else by text. */
static lt_jinja_value newest(const value_source *source, const lt_yaml *entry,
                             const lt_yaml *versions)
{
    const lt_yaml *said = lt_yaml_find(entry, T("latest_version"));
    lt_jinja_heap *heap = &source->dbt->heap;
    if (!lt_dbt_is_null(said))
        return lt_scope_value(heap, said);
    lt_jinja_value best = lt_jinja_none();
    for (size_t i = 0; i < versions->count; i++) {
        lt_jinja_value v = lt_scope_value(heap, lt_yaml_find(versions->items[i], T("v")));
        if (best.type == LT_JINJA_NONE || lt_dbt_version_cmp(v, best) > 0)
            best = v;
    }
    return best;
}

static lt_status keep_versions(const value_source *source, const lt_yaml *entry, lt_text name,
                               const lt_yaml *versions, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    LT_TRY(lt_dbt_need_list(source->path, versions, "versions", err));
    lt_dbt_seen_apart(dbt);
    lt_jinja_value latest = newest(source, entry, versions);
    for (size_t i = 0; i < versions->count; i++) {
        const lt_yaml *version = versions->items[i];
        lt_text text = {0};
        LT_TRY(lt_dbt_need_text(source->path, version, T("v"), &text, err));
        patch *made = keep(source, "models", entry, version);
        made->latest = latest;
        const lt_yaml *file = lt_yaml_find(version, T("defined_in"));
        if (!lt_dbt_is_null(file)) {
            name_version(source, file->text, made);
            continue;
        }
        lt_jinja_value v = lt_scope_value(&dbt->heap, lt_yaml_find(version, T("v")));
        text = lt_dbt_text_of(dbt, v);
        name_version(
            source,
            lt_text_of(lt_arena_format(&dbt->arena, "%.*s_v%.*s", LT_ARG(name), LT_ARG(text))),
            made);
        name_version(
            source,
            lt_text_of(lt_arena_format(&dbt->arena, "%.*s.v%.*s", LT_ARG(name), LT_ARG(text))),
            made);
        if (lt_jinja_eq(v, latest))
            name_version(source, name, made);
    }
    return LT_OK;
}

static lt_status keep_patch(const value_source *source, const char *yaml_key, const lt_yaml *entry,
                            lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    if (dbt->is_strict)
        LT_TRY(lt_dbt_check_keys(source->path, entry, "a model", KEYS(strict_model_keys), err));
    const lt_yaml *columns = lt_yaml_find(entry, T("columns"));
    if (!lt_dbt_is_null(columns)) /* also of what is not there */
        LT_TRY(lt_dbt_need_list(source->path, columns, "columns", err));
    lt_text key = patch_key(dbt, source->package, yaml_key, name);
    const patch *before = lt_map_find(&dbt->patches, key);
    if (before) {
        lt_ignore(lt_yaml_fail(lt_yaml_find(entry, T("name")), source->path, err,
                               "'%.*s' has an entry already, in %s:%u", LT_ARG(name), before->path,
                               before->entry->line));
        return lt_hint(err, "put both into one entry");
    }
    const lt_yaml *versions = lt_yaml_find(entry, T("versions"));
    if (strcmp(yaml_key, "models") == 0 && !lt_dbt_is_null(versions) && versions->count) {
        LT_TRY(keep_versions(source, entry, name, versions, err));
        patch *made = dbt->patch_list.items[dbt->patch_list.len - 1];
        (void)lt_map_put(&dbt->patches, key, made);
        return LT_OK;
    }
    (void)lt_map_put(&dbt->patches, key, keep(source, yaml_key, entry, NULL));
    return LT_OK;
}

/* ---- the keys of a file ---- */

typedef lt_status add_entry(const value_source *source, const lt_yaml *entry, lt_err *err);

static lt_status keep_model(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    return keep_patch(source, "models", entry, err);
}
static lt_status keep_seed(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    return keep_patch(source, "seeds", entry, err);
}
static lt_status keep_analysis(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    return keep_patch(source, "analyses", entry, err);
}
static lt_status keep_macro(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    return keep_patch(source, "macros", entry, err);
}
/* As dbt, which only warns where a test of one file has no name. */
static lt_status keep_test(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    if (entry->kind == LT_YAML_MAPPING && !lt_yaml_find(entry, T("name")) &&
        !source->dbt->is_strict) {
        lt_dbt_warn(source->dbt, LT_DBT_BAD_ENTRY,
                    "Unable to parse 'data_tests' section of file '%s'\n  Entry did not contain a "
                    "name (line %u)",
                    source->path, entry->line);
        return LT_OK;
    }
    return keep_patch(source, "data_tests", entry, err);
}
static lt_status keep_snapshot(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    LT_TRY(keep_patch(source, "snapshots", entry, err));
    return lt_yaml_find(entry, T("relation")) ? lt_dbt_add_yaml_snapshot(source, entry, err)
                                              : LT_OK;
}

/* A mapping with texts at all of these keys. */
static lt_status need_texts(const char *path, const lt_yaml *mapping, key_list list, lt_err *err)
{
    lt_text found;
    for (size_t i = 0; i < list.count; i++)
        LT_TRY(lt_dbt_need_text(path, mapping, list.keys[i], &found, err));
    return LT_OK;
}

/* What a function takes: those that may be left out are last. */
static lt_status check_arguments(const char *path, const lt_yaml *list, lt_text of, lt_err *err)
{
    static const lt_text needed[] = {T("name"), T("data_type")};
    bool optional = false;
    if (lt_dbt_is_null(list))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(path, list, "arguments", err));
    for (size_t i = 0; i < list->count; i++) {
        const lt_yaml *one = list->items[i];
        LT_TRY(need_texts(path, one, KEYS(needed), err));
        bool given = !lt_dbt_is_null(lt_yaml_find(one, T("default_value")));
        if (optional && !given)
            return lt_yaml_fail(one, path, err,
                                "Non-defaulted argument '%.*s' of function '%.*s' comes after a "
                                "defaulted argument. Non-defaulted arguments cannot come after "
                                "defaulted arguments.",
                                LT_ARG(lt_yaml_find(one, T("name"))->text), LT_ARG(of));
        optional |= given;
    }
    return LT_OK;
}

static lt_status keep_function(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    static const lt_text needed[] = {T("data_type")};
    lt_text name = {0};
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &name, err));
    const lt_yaml *gives = lt_yaml_find(entry, T("returns"));
    if (lt_dbt_is_null(gives))
        return lt_yaml_fail(entry, source->path, err, "'returns' is missing");
    LT_TRY(need_texts(source->path, gives, KEYS(needed), err));
    LT_TRY(check_arguments(source->path, lt_yaml_find(entry, T("arguments")), name, err));
    return keep_patch(source, "functions", entry, err);
}

static const struct {
    const char *key;
    add_entry *add;
} file_keys[] = {
    {"models", keep_model},
    {"seeds", keep_seed},
    {"snapshots", keep_snapshot},
    {"analyses", keep_analysis},
    {"macros", keep_macro},
    {"data_tests", keep_test},
    {"functions", keep_function},
    {"sources", lt_dbt_add_source},
    {"exposures", lt_dbt_add_exposure},
    {"groups", lt_dbt_add_group},
    {"unit_tests", lt_dbt_add_unit_test},
    {"metrics", lt_dbt_add_metric},
    {"semantic_models", lt_dbt_add_semantic_model},
    {"saved_queries", lt_dbt_add_saved_query},
};

lt_status lt_dbt_properties(lt_dbt *dbt, lt_dbt_package *package, const char *path,
                            const lt_yaml *root, lt_err *err)
{
    value_source source = {.dbt = dbt, .package = package, .path = path};
    if (lt_dbt_is_null(root))
        return LT_OK;
    if (root->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(root, path, err, "this file must be a mapping, not %s",
                            lt_yaml_name(root));
    if (dbt->is_strict)
        LT_TRY(lt_dbt_check_keys(path, root, "this file", KEYS(strict_file_keys), err));
    for (size_t k = 0; k < LT_COUNT(file_keys); k++) {
        const lt_yaml *list = lt_yaml_find(root, lt_text_of(file_keys[k].key));
        if (lt_dbt_is_null(list))
            continue;
        LT_TRY(lt_dbt_need_list(path, list, file_keys[k].key, err));
        for (size_t i = 0; i < list->count; i++)
            LT_TRY(file_keys[k].add(&source, list->items[i], err));
    }
    return LT_OK;
}

/* ---- descriptions and columns ---- */

static lt_status describe_text(const value_source *source, const lt_yaml *holder,
                               lt_texts *doc_blocks, lt_text *out, lt_err *err)
{
    lt_jinja_value value = {0};
    const lt_yaml *text = lt_yaml_find(holder, T("description"));
    if (lt_dbt_is_null(text))
        return LT_OK;
    LT_TRY(lt_dbt_value_text(source, text, doc_blocks, &value, err));
    *out = lt_dbt_text_of(source->dbt, value);
    return LT_OK;
}

lt_status lt_dbt_describe(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                          lt_err *err)
{
    return describe_text(source, entry, &node->doc_blocks, &node->description, err);
}

static bool is_apart(lt_text key)
{
    return lt_text_eq(key, T("description")) || lt_text_eq(key, T("tests")) ||
           lt_text_eq(key, T("data_tests"));
}

static lt_status add_column(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                            lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_dbt_column column = {.raw = lt_jinja_dict(&dbt->heap)};
    if (dbt->is_strict)
        LT_TRY(lt_dbt_check_keys(source->path, entry, "a column", KEYS(strict_column_keys), err));
    LT_TRY(lt_dbt_need_text(source->path, entry, T("name"), &column.name, err));
    LT_TRY(describe_text(source, entry, &column.doc_blocks, &column.description, err));
    for (size_t i = 0; i < entry->count; i++) {
        lt_jinja_value value;
        if (is_apart(entry->keys[i]->text))
            continue;
        LT_TRY(lt_dbt_value(source, entry->items[i], &value, err));
        lt_jinja_put_value(column.raw, lt_jinja_text(entry->keys[i]->text), value);
    }
    column.data_type = lt_dbt_text_at(dbt, column.raw, "data_type");
    for (size_t i = 0; i < node->columns.len; i++)
        if (lt_text_eq(node->columns.items[i].name, column.name)) {
            node->columns.items[i] = column;
            return LT_OK;
        }
    lt_push_in(&dbt->arena, &node->columns, column);
    return LT_OK;
}

lt_status lt_dbt_columns(const value_source *source, lt_dbt_node *node, const lt_yaml *holder,
                         lt_err *err)
{
    const lt_yaml *columns = lt_yaml_find(holder, T("columns"));
    if (lt_dbt_is_null(columns))
        return LT_OK;
    LT_TRY(lt_dbt_need_list(source->path, columns, "columns", err));
    for (size_t i = 0; i < columns->count; i++)
        if (!lt_yaml_find(columns->items[i], T("include")))
            LT_TRY(add_column(source, node, columns->items[i], err));
    return LT_OK;
}

/* What a version takes of its model's columns: `include` (all, or some) without `exclude`. */
static bool is_included(const lt_yaml *version, lt_text name)
{
    const lt_yaml *columns = lt_yaml_find(version, T("columns")), *rule = NULL;
    for (size_t i = 0; columns && i < columns->count; i++)
        if (lt_yaml_find(columns->items[i], T("include")))
            rule = columns->items[i];
    if (!rule)
        return true;
    const lt_yaml *include = lt_yaml_find(rule, T("include"));
    const lt_yaml *exclude = lt_yaml_find(rule, T("exclude"));
    bool in = include->kind == LT_YAML_SCALAR;
    for (size_t i = 0; !in && i < include->count; i++)
        in = lt_text_eq(include->items[i]->text, name);
    for (size_t i = 0; in && exclude && i < exclude->count; i++)
        in = !lt_text_eq(exclude->items[i]->text, name);
    return in;
}

static lt_status version_columns(const value_source *source, lt_dbt_node *node,
                                 const lt_yaml *entry, const lt_yaml *version, lt_err *err)
{
    const lt_yaml *columns = lt_yaml_find(entry, T("columns"));
    for (size_t i = 0; columns && i < columns->count; i++) {
        const lt_yaml *name = lt_yaml_find(columns->items[i], T("name"));
        if (name && is_included(version, name->text))
            LT_TRY(add_column(source, node, columns->items[i], err));
    }
    return lt_dbt_columns(source, node, version, err);
}

/* ---- tests ---- */

static void add_tags_at(const value_source *source, const lt_yaml *holder, lt_texts *tags)
{
    const lt_yaml *config = lt_yaml_find(holder, T("config"));
    const lt_yaml *lists[] = {lt_yaml_find(holder, T("tags")), lt_yaml_find(config, T("tags"))};
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        if (!lt_dbt_is_null(lists[i]))
            lt_dbt_texts_of(source->dbt, lt_scope_value(&source->dbt->heap, lists[i]), tags);
}

/* Tests of a source's table have the source's and the table's own tags too. */
static void add_subject_tags(const test_subject *on, lt_texts *tags)
{
    static const char *const keys[] = {"tags"};
    lt_jinja_value places[] = {lt_dbt_at(on->node->source_raw, keys[0]),
                               lt_dbt_at(on->node->raw, keys[0])};
    for (size_t i = 0; on->node->kind == LT_DBT_SOURCE && i < LT_COUNT(places); i++)
        lt_dbt_texts_of(on->source->dbt, places[i], tags);
}

/* What the entry says of all its columns: `quote_columns`, of a source `quoting: {column: ...}` of the table before that of the source. */
static bool quotes_columns(const test_subject *on)
{
    const lt_dbt_node *node = on->node;
    if (node->kind != LT_DBT_SOURCE)
        return lt_jinja_truth(lt_dbt_at(node->raw, "quote_columns"));
    lt_jinja_value of_table = lt_dbt_at(lt_dbt_at(node->raw, "quoting"), "column");
    return lt_jinja_truth(lt_dbt_is_set(of_table)
                              ? of_table
                              : lt_dbt_at(lt_dbt_at(node->source_raw, "quoting"), "column"));
}

static lt_status column_tests(const test_subject *on, const lt_yaml *columns,
                              const lt_yaml *version, lt_err *err)
{
    bool all_quoted = quotes_columns(on);
    for (size_t i = 0; columns && i < columns->count; i++) {
        const lt_yaml *column = columns->items[i], *name = lt_yaml_find(column, T("name"));
        const lt_yaml *quote = lt_yaml_find(column, T("quote"));
        lt_texts tags = {0};
        if (!name || (version && !is_included(version, name->text)))
            continue;
        lt_text column_name = name->text;
        if (lt_dbt_is_null(quote) ? all_quoted : quote->type == LT_YAML_BOOL && quote->truth)
            column_name = lt_text_of(
                lt_arena_format(&on->source->dbt->arena, "\"%.*s\"", LT_ARG(column_name)));
        add_subject_tags(on, &tags);
        add_tags_at(on->source, column, &tags);
        LT_TRY(lt_dbt_tests_add(on->source->dbt, on, column_name, &tags, column, err));
    }
    return LT_OK;
}

lt_status lt_dbt_tests_of(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                          const char *yaml_key, lt_err *err)
{
    lt_texts tags = {0};
    test_subject on = {.source = source,
                       .node = node,
                       .name = node->name,
                       .yaml_key = yaml_key,
                       .version = node->version};
    if (node->kind == LT_DBT_SOURCE)
        on.name = lt_text_of(lt_arena_format(&source->dbt->arena, "%.*s_%.*s",
                                             LT_ARG(node->source_name), LT_ARG(node->name)));
    add_subject_tags(&on, &tags);
    LT_TRY(lt_dbt_tests_add(source->dbt, &on, (lt_text){0}, &tags, entry, err));
    return column_tests(&on, lt_yaml_find(entry, T("columns")), NULL, err);
}

static lt_status version_tests(const value_source *source, const patch *given, lt_err *err)
{
    static const lt_text keys[] = {T("tests"), T("data_tests")};
    lt_texts tags = {0};
    lt_dbt_node *node = given->node;
    const lt_yaml *holder = given->entry;
    test_subject on = {.source = source,
                       .node = node,
                       .name = node->name,
                       .yaml_key = "models",
                       .version = node->version};
    for (size_t i = 0; i < LT_COUNT(keys); i++)
        if (!lt_dbt_is_null(lt_yaml_find(given->version, keys[i])))
            holder = given->version; /* its own tests replace the model's */
    LT_TRY(lt_dbt_tests_add(source->dbt, &on, (lt_text){0}, &tags, holder, err));
    LT_TRY(column_tests(&on, lt_yaml_find(given->entry, T("columns")), given->version, err));
    return column_tests(&on, lt_yaml_find(given->version, T("columns")), NULL, err);
}

/* ---- giving patches away ---- */

static lt_text model_name(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    return dbt->parsed.items[i]->kind == LT_DBT_MODEL ? dbt->parsed.items[i]->name : T("");
}

static lt_status patch_of_nothing(lt_dbt *dbt, const patch *given, lt_err *err)
{
    const lt_yaml *name = lt_yaml_find(given->entry, T("name"));
    lt_text nearest;
    bool found = lt_text_nearest(name->text, dbt->parsed.len, model_name, dbt, &nearest);
    if (!dbt->is_strict && given->version) {
        const lt_yaml *v = lt_yaml_find(given->version, T("v"));
        lt_dbt_warn(dbt, LT_DBT_NO_NODE,
                    "%s:%u:%u: there is no file for version %.*s of '%.*s': it is %.*s_v%.*s.sql, "
                    "or what 'defined_in' says",
                    given->path, v->line, v->col, LT_ARG(v->text), LT_ARG(name->text),
                    LT_ARG(name->text), LT_ARG(v->text));
        return LT_OK;
    }
    if (!dbt->is_strict) {
        lt_dbt_warn(dbt, LT_DBT_NO_NODE, "%s:%u:%u: there is no %.*s '%.*s'%s%.*s%s", given->path,
                    name->line, name->col, (int)strlen(given->yaml_key) - 1, given->yaml_key,
                    LT_ARG(name->text), found ? ", did you mean '" : "",
                    found ? (int)nearest.len : 0, found ? nearest.ptr : "", found ? "'?" : "");
        return LT_OK;
    }
    lt_ignore(lt_yaml_fail(name, given->path, err, "there is no model '%.*s'", LT_ARG(name->text)));
    if (found)
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "add models/%.*s.sql, or take this entry out", LT_ARG(name->text));
}

/* What a ref() of the name would find, of another kind than the entry's key says. */
static lt_dbt_node *other_kind(const lt_dbt *dbt, const patch *given, lt_text name)
{
    static const lt_dbt_kind kinds[] = {LT_DBT_MODEL, LT_DBT_SEED, LT_DBT_SNAPSHOT};
    bool fits = false;
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        fits = fits || strcmp(given->yaml_key, yaml_keys[kinds[i]]) == 0;
    for (size_t i = 0; fits && i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        bool is_refable =
            node->kind == kinds[0] || node->kind == kinds[1] || node->kind == kinds[2];
        if (is_refable && strcmp(given->yaml_key, yaml_keys[node->kind]) != 0 &&
            node->package == given->package && lt_text_eq(node->name, name))
            return node;
    }
    return NULL;
}

/* As with dbt, its tests are tests; the rest of the entry is nobody's. */
static lt_status apply_to_other(const value_source *source, const patch *given, lt_dbt_node *node,
                                lt_err *err)
{
    const lt_yaml *name = lt_yaml_find(given->entry, T("name"));
    int singular = (int)strlen(yaml_keys[node->kind]) - 1;
    lt_dbt_warn(source->dbt, LT_DBT_WRONG_FILE,
                "%s:%u:%u: '%.*s' is a %.*s node, but it is specified in the %s section; "
                "put it under %s",
                given->path, name->line, name->col, LT_ARG(name->text), singular,
                yaml_keys[node->kind], given->yaml_key, yaml_keys[node->kind]);
    return lt_dbt_tests_of(source, node, given->entry, given->yaml_key, err);
}

static lt_status apply_to_nobody(const value_source *source, const patch *given, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = lt_yaml_find(given->entry, T("name"))->text;
    lt_dbt_seen_loose(dbt, lt_dbt_patch_key(dbt, given));
    lt_dbt_node *node = dbt->is_strict ? NULL : other_kind(dbt, given, name);
    return node ? apply_to_other(source, given, node, err) : patch_of_nothing(dbt, given, err);
}

/* Descriptions of a macro's arguments are rendered as those of columns are: only where they hold a template, and with doc(). */
static lt_status describe_arguments(const value_source *source, const lt_yaml *list,
                                    lt_jinja_value made, lt_err *err)
{
    bool is_list = list && list->kind == LT_YAML_SEQUENCE && made.type == LT_JINJA_LIST;
    for (size_t i = 0; is_list && i < list->count; i++) {
        lt_text text = {0};
        if (lt_dbt_is_null(lt_yaml_find(list->items[i], T("description"))))
            continue;
        LT_TRY(describe_text(source, list->items[i], NULL, &text, err));
        lt_jinja_put(lt_jinja_at(made, i), "description", lt_jinja_text(text));
    }
    return LT_OK;
}

static lt_status apply_to_macro(const value_source *source, const patch *given, lt_err *err)
{
    value_source described = *source;
    lt_dbt *dbt = source->dbt;
    const lt_yaml *name = lt_yaml_find(given->entry, T("name"));
    lt_dbt_macro *macro = lt_map_find(&given->package->macros, name->text);
    if (!macro) {
        lt_dbt_seen_loose(dbt, lt_dbt_patch_key(dbt, given));
        lt_dbt_warn(dbt, LT_DBT_NO_MACRO, "%s:%u:%u: there is no macro '%.*s'", given->path,
                    name->line, name->col, LT_ARG(name->text));
        return LT_OK;
    }
    macro->patch_home = given->home;
    macro->patch_path = lt_text_of(
        lt_arena_format(&dbt->arena, "%.*s://%s", LT_ARG(given->package->name), given->path));
    described.late = T("description");
    LT_TRY(lt_dbt_value(&described, given->entry, &macro->patch, err));
    LT_TRY(describe_arguments(source, lt_yaml_find(given->entry, T("arguments")),
                              lt_dbt_at(macro->patch, "arguments"), err));
    return describe_text(source, given->entry, NULL, &macro->description, err);
}

/* "2030-01-01T00:00:00+00:00" of a date. */
static lt_text moment_text(lt_dbt *dbt, lt_text text)
{
    static const size_t day = sizeof("2030-01-01") - 1;
    if (text.len > day && text.ptr[day] == ' ') {
        char *made = lt_arena_str(&dbt->arena, text);
        made[day] = 'T';
        return lt_text_of(made);
    }
    if (text.len != day)
        return text;
    return lt_text_of(lt_arena_format(&dbt->arena, "%.*sT00:00:00+00:00", LT_ARG(text)));
}

static lt_status rest_of_entry(const value_source *source, lt_dbt_node *node, const lt_yaml *entry,
                               lt_err *err)
{
    static const lt_text late[] = {T("columns"), T("config"), T("versions"), T("name")};
    lt_dbt *dbt = source->dbt;
    if (node->raw.type != LT_JINJA_DICT)
        node->raw = lt_jinja_dict(&dbt->heap);
    for (size_t i = 0; i < entry->count; i++) {
        lt_jinja_value value;
        lt_text key = entry->keys[i]->text;
        if (is_apart(key) || is_in(KEYS(late), key))
            continue;
        if (lt_text_eq(key, T("time_spine")) && !lt_dbt_is_null(entry->items[i]))
            LT_TRY(lt_dbt_semantic_spine(source, entry->items[i], &value, err));
        else
            LT_TRY(lt_dbt_value(source, entry->items[i], &value, err));
        lt_jinja_put_value(node->raw, lt_jinja_text(key), value);
    }
    return LT_OK;
}

static lt_status apply_to_node(const value_source *source, const patch *given, lt_err *err)
{
    lt_dbt_node *node = given->node;
    lt_dbt *dbt = source->dbt;
    node->patch_home = given->home;
    node->patch_path = lt_text_of(
        lt_arena_format(&dbt->arena, "%.*s://%s", LT_ARG(given->package->name), given->path));
    LT_TRY(rest_of_entry(source, node, given->entry, err));
    LT_TRY(lt_dbt_describe(source, node, given->entry, err));
    if (!given->version) {
        node->deprecation_date =
            moment_text(dbt, lt_dbt_text_at(dbt, node->raw, "deprecation_date"));
        LT_TRY(lt_dbt_columns(source, node, given->entry, err));
        if (node->kind == LT_DBT_SINGULAR_TEST || node->kind == LT_DBT_UDF)
            return LT_OK;
        return lt_dbt_tests_of(source, node, given->entry, given->yaml_key, err);
    }
    node->latest_version = given->latest;
    LT_TRY(rest_of_entry(source, node, given->version, err));
    node->deprecation_date = moment_text(dbt, lt_dbt_text_at(dbt, node->raw, "deprecation_date"));
    LT_TRY(lt_dbt_describe(source, node, given->version, err));
    LT_TRY(version_columns(source, node, given->entry, given->version, err));
    return version_tests(source, given, err);
}

/* As with dbt, an entry whose own package has no such node, or a disabled one, is that of the first node of this name elsewhere: a
 * project's tests of a package's model, a package's words about a seed that the project has in its place. */
static lt_status find_elsewhere(const value_source *source, patch *given, lt_err *err)
{
    lt_dbt *dbt = source->dbt;
    lt_text name = lt_yaml_find(given->entry, T("name"))->text;
    config_calls none = {0};
    if (given->version || (given->node && !given->node->config.disabled))
        return LT_OK;
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        bool is_refable = node->kind == LT_DBT_MODEL || node->kind == LT_DBT_SEED ||
                          node->kind == LT_DBT_SNAPSHOT;
        if (!is_refable || node->config.disabled || node->package == given->package ||
            strcmp(given->yaml_key, yaml_keys[node->kind]) != 0 || !lt_text_eq(node->name, name) ||
            lt_dbt_patch_of(dbt, node))
            continue;
        given->node = node;
        return node->kind == LT_DBT_SEED /* what a file says itself of its configuration is gone */
                   ? lt_dbt_settle(dbt, node, source, given->entry, &none, err)
                   : LT_OK;
    }
    return LT_OK;
}

lt_status lt_dbt_patches_apply(lt_dbt *dbt, lt_err *err)
{
    dbt->phase = 1;
    for (size_t i = 0; i < dbt->patch_list.len; i++) {
        patch *given = dbt->patch_list.items[i];
        value_source source = {.dbt = dbt, .package = given->package, .path = given->path};
        dbt->home = given->home;
        LT_TRY(find_elsewhere(&source, given, err));
        if (strcmp(given->yaml_key, "macros") == 0)
            LT_TRY(apply_to_macro(&source, given, err));
        else if (given->node)
            LT_TRY(apply_to_node(&source, given, err));
        else
            LT_TRY(apply_to_nobody(&source, given, err));
    }
    dbt->phase = 2;
    for (size_t i = 0; i < dbt->source_tests.len; i++) {
        const source_tests *tests = dbt->source_tests.items[i];
        dbt->home = tests->home;
        LT_TRY(lt_dbt_tests_of(&tests->source, tests->node, tests->entry, "sources", err));
    }
    dbt->phase = 3;
    return LT_OK;
}
