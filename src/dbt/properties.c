/* The .yml files beside the models: descriptions, columns, configuration, sources, and the tests that they ask for. */
#include "base/buf.h"
#include "base/fs.h"
#include "dbt/inner.h"

#include <openssl/evp.h>

/* A place in a .yml file that tests hang on: a model or a source table. */
typedef struct subject {
    const char *path;
    lt_text name; /* for the tests' names: "orders", "source_api_orders" has its own prefix */
    lt_text id;
    const lt_relation *relation;
    lt_dbt_node *model; /* NULL for a source */
} subject;

static const lt_text file_keys[] = {T("version"), T("models"), T("sources")};
static const lt_text model_keys[] = {T("name"),  T("description"), T("config"), T("columns"),
                                     T("tests"), T("data_tests"),  T("meta"),   T("docs")};
static const lt_text column_keys[] = {T("name"),  T("description"), T("data_type"),
                                      T("tests"), T("data_tests"),  T("meta")};
static const lt_text source_keys[] = {T("name"), T("description"), T("schema"), T("tables"),
                                      T("meta")};
static const lt_text table_keys[] = {T("name"),  T("description"), T("identifier"), T("columns"),
                                     T("tests"), T("data_tests"),  T("meta")};
static const lt_text own_test_keys[] = {T("name"), T("config"), T("arguments"), T("description"),
                                        T("column_name")};

typedef struct key_list {
    const lt_text *keys;
    size_t count;
} key_list;
#define KEYS(array) ((key_list){.keys = (array), .count = LT_COUNT(array)})

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

static lt_status check_keys(const char *path, const lt_yaml *mapping, const char *what,
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

static lt_status need_text(const char *path, const lt_yaml *mapping, lt_text key, lt_text *out,
                           lt_err *err)
{
    const lt_yaml *value = lt_yaml_find(mapping, key);
    if (!value)
        return lt_yaml_fail(mapping, path, err, "'%.*s' is missing", LT_ARG(key));
    if (value->kind != LT_YAML_SCALAR || !value->text.len)
        return lt_yaml_fail(value, path, err, "'%.*s' must be a text, not %s", LT_ARG(key),
                            lt_yaml_name(value));
    *out = value->text;
    return LT_OK;
}

static lt_text text_or_empty(const lt_yaml *mapping, lt_text key)
{
    const lt_yaml *value = lt_yaml_find(mapping, key);
    return value && value->kind == LT_YAML_SCALAR ? value->text : (lt_text){0};
}

static lt_status need_list(const char *path, const lt_yaml *value, const char *what, lt_err *err)
{
    if (value->kind == LT_YAML_SEQUENCE)
        return LT_OK;
    return lt_yaml_fail(value, path, err, "%s must be a list, not %s", what, lt_yaml_name(value));
}

/* ---- names of tests, as dbt makes them ---- */

static void add_clean(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        lt_buf_add_byte(out, lt_is_alpha(c) || lt_is_digit(c) || c == '_' ? c : '_');
    }
}

static void add_value_name(const lt_yaml *value, lt_buf *out)
{
    if (value->kind == LT_YAML_SCALAR) {
        lt_buf_add_str(out, "__");
        add_clean(value->text, out);
        return;
    }
    for (size_t i = 0; i < value->count; i++)
        if (value->items[i]->kind == LT_YAML_SCALAR) {
            lt_buf_add_str(out, "__");
            add_clean(value->items[i]->text, out);
        }
}

/* Relations have 63 characters in PostgreSQL: a long name is cut and gets the MD5 of the whole. */
static lt_text short_name(lt_dbt *dbt, const lt_buf *whole)
{
    enum { LONGEST = 63, KEPT = 30 };
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    LT_AUTO(lt_buf) name = {0};
    if (whole->len <= LONGEST)
        return lt_arena_text(&dbt->arena, lt_buf_text(whole));
    (void)EVP_Digest(whole->data, whole->len, digest, &digest_len, EVP_md5(), NULL);
    lt_buf_printf(&name, "%.*s_", KEPT, whole->data);
    for (unsigned i = 0; i < digest_len; i++)
        lt_buf_printf(&name, "%02x", digest[i]);
    return lt_arena_text(&dbt->arena, lt_buf_text(&name));
}

static lt_text synthesize_name(lt_dbt *dbt, const subject *on, lt_text test, lt_text column,
                               const lt_yaml *args)
{
    LT_AUTO(lt_buf) name = {0};
    lt_buf_printf(&name, "%s%.*s_%.*s", on->model ? "" : "source_", LT_ARG(test), LT_ARG(on->name));
    if (column.len) {
        lt_buf_add_byte(&name, '_');
        add_clean(column, &name);
    }
    for (size_t i = 0; args && i < args->count; i++)
        add_value_name(args->items[i], &name);
    return short_name(dbt, &name);
}

/* ---- tests ---- */

/* The test's entry without what configures it: the arguments of the macro. NULL when there are none. */
static lt_status split_test(lt_dbt *dbt, const char *path, const lt_yaml *body, lt_dbt_node *node,
                            lt_yaml **args, lt_err *err)
{
    lt_yaml *made = LT_NEW(&dbt->arena, lt_yaml);
    *made = *body;
    made->count = 0;
    made->keys = lt_alloc_array(&dbt->arena, body->count + 1, sizeof(lt_yaml *));
    made->items = lt_alloc_array(&dbt->arena, body->count + 1, sizeof(lt_yaml *));
    for (size_t i = 0; i < body->count; i++) {
        lt_text key = body->keys[i]->text;
        if (lt_text_eq(key, T("config"))) {
            LT_TRY(lt_dbt_config_from_yaml(dbt, path, body->items[i], node, err));
        } else if (lt_text_eq(key, T("arguments"))) {
            *args = body->items[i];
            if ((*args)->kind != LT_YAML_MAPPING)
                return lt_yaml_fail(*args, path, err, "arguments must be a mapping, not %s",
                                    lt_yaml_name(*args));
        } else if (lt_dbt_config_is_key(key)) {
            lt_jinja_value value = lt_scope_value(&dbt->heap, body->items[i]);
            if (lt_dbt_config_set(dbt, node, key, value, err) != LT_OK)
                return lt_wrap(err, "%s:%u:%u", path, body->keys[i]->line, body->keys[i]->col);
        } else if (!is_in(KEYS(own_test_keys), key)) {
            made->keys[made->count] = body->keys[i];
            made->items[made->count++] = body->items[i];
        }
    }
    if (!*args && made->count)
        *args = made;
    return LT_OK;
}

/* "unique", or {relationships: {to: ..., field: ...}}, or the long form {name: ..., test_name: ...}. */
static lt_status read_test_entry(const char *path, const lt_yaml *entry, lt_text *name,
                                 const lt_yaml **body, lt_err *err)
{
    *body = NULL;
    if (entry->kind == LT_YAML_SCALAR && entry->text.len) {
        *name = entry->text;
        return LT_OK;
    }
    if (entry->kind != LT_YAML_MAPPING || entry->count != 1)
        return lt_yaml_fail(entry, path, err,
                            "a test is a name, or one name with its arguments below it");
    *name = entry->keys[0]->text;
    if (entry->items[0]->kind == LT_YAML_MAPPING)
        *body = entry->items[0];
    else if (entry->items[0]->type != LT_YAML_NULL)
        return lt_yaml_fail(entry->items[0], path, err,
                            "the arguments of '%.*s' must be a mapping, not %s", LT_ARG(*name),
                            lt_yaml_name(entry->items[0]));
    return LT_OK;
}

static lt_status add_test(lt_dbt *dbt, const subject *on, lt_text column, const lt_yaml *entry,
                          lt_err *err)
{
    lt_text test = {0};
    const lt_yaml *body = NULL;
    lt_yaml *args = NULL;
    LT_TRY(read_test_entry(on->path, entry, &test, &body, err));
    lt_dbt_node *node = LT_NEW(&dbt->arena, lt_dbt_node);
    *node = (lt_dbt_node){.kind = LT_DBT_GENERIC_TEST,
                          .path = lt_text_of(on->path),
                          .test_name = test,
                          .column = column,
                          .subject = on->relation,
                          .line = entry->line,
                          .col = entry->col,
                          .config.full_refresh = -1};
    LT_TRY(lt_dbt_config_from_folders(dbt, dbt->settings.tests, node, err));
    if (body)
        LT_TRY(split_test(dbt, on->path, body, node, &args, err));
    lt_text own = body ? text_or_empty(body, T("name")) : (lt_text){0};
    node->args = args;
    node->name = own.len ? own : synthesize_name(dbt, on, test, column, args);
    lt_dbt_need(dbt, node, on->id);
    node->id = lt_text_of(lt_arena_format(&dbt->arena, "test.%.*s.%.*s", LT_ARG(dbt->settings.name),
                                          LT_ARG(node->name)));
    lt_push_in(&dbt->arena, &dbt->tests, node);
    return LT_OK;
}

static lt_status add_tests(lt_dbt *dbt, const subject *on, lt_text column, const lt_yaml *holder,
                           lt_err *err)
{
    static const lt_text keys[] = {T("tests"), T("data_tests")};
    for (size_t k = 0; k < LT_COUNT(keys); k++) {
        const lt_yaml *list = lt_yaml_find(holder, keys[k]);
        if (!list || (list->kind == LT_YAML_SCALAR && list->type == LT_YAML_NULL))
            continue;
        LT_TRY(need_list(on->path, list, "tests", err));
        for (size_t i = 0; i < list->count; i++)
            LT_TRY(add_test(dbt, on, column, list->items[i], err));
    }
    return LT_OK;
}

static lt_status read_columns(lt_dbt *dbt, const subject *on, const lt_yaml *holder, lt_err *err)
{
    const lt_yaml *columns = lt_yaml_find(holder, T("columns"));
    if (!columns)
        return LT_OK;
    LT_TRY(need_list(on->path, columns, "columns", err));
    for (size_t i = 0; i < columns->count; i++) {
        const lt_yaml *entry = columns->items[i];
        lt_dbt_column column = {0};
        LT_TRY(check_keys(on->path, entry, "a column", KEYS(column_keys), err));
        LT_TRY(need_text(on->path, entry, T("name"), &column.name, err));
        column.description = text_or_empty(entry, T("description"));
        column.data_type = text_or_empty(entry, T("data_type"));
        if (on->model)
            lt_push_in(&dbt->arena, &on->model->columns, column);
        LT_TRY(add_tests(dbt, on, column.name, entry, err));
    }
    return LT_OK;
}

/* ---- models and sources ---- */

static lt_text model_name(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    return dbt->models.entries.items[i].key;
}

static lt_status read_model(lt_dbt *dbt, const char *path, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0}, nearest;
    LT_TRY(check_keys(path, entry, "a model", KEYS(model_keys), err));
    LT_TRY(need_text(path, entry, T("name"), &name, err));
    lt_dbt_node *node = lt_map_find(&dbt->models, name);
    if (!node) {
        lt_ignore(lt_yaml_fail(lt_yaml_find(entry, T("name")), path, err,
                               "there is no model '%.*s'", LT_ARG(name)));
        if (lt_text_nearest(name, dbt->models.entries.len, model_name, dbt, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return lt_hint(err, "add models/%.*s.sql, or take this entry out", LT_ARG(name));
    }
    node->description = text_or_empty(entry, T("description"));
    const lt_yaml *config = lt_yaml_find(entry, T("config"));
    if (config)
        LT_TRY(lt_dbt_config_from_yaml(dbt, path, config, node, err));
    subject on = {.path = path,
                  .name = node->name,
                  .id = node->id,
                  .relation = &node->relation,
                  .model = node};
    LT_TRY(add_tests(dbt, &on, (lt_text){0}, entry, err));
    return read_columns(dbt, &on, entry, err);
}

static lt_status read_table(lt_dbt *dbt, const char *path, lt_text source_name, lt_text schema,
                            const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0};
    LT_TRY(check_keys(path, entry, "a source's table", KEYS(table_keys), err));
    LT_TRY(need_text(path, entry, T("name"), &name, err));
    lt_text identifier = text_or_empty(entry, T("identifier"));
    lt_dbt_source *made = LT_NEW(&dbt->arena, lt_dbt_source);
    *made = (lt_dbt_source){.source = source_name, .name = name};
    made->relation = (lt_relation){.schema = schema, .name = identifier.len ? identifier : name};
    char *key = lt_arena_format(&dbt->arena, "%.*s.%.*s", LT_ARG(source_name), LT_ARG(name));
    made->id = lt_text_of(lt_arena_format(&dbt->arena, "source.%s", key));
    lt_dbt_source *loaded = lt_map_find(&dbt->sources, lt_text_of(key));
    if (!loaded)
        (void)lt_map_put(&dbt->sources, lt_text_of(key), made);
    const lt_dbt_source *source = loaded ? loaded : made;
    subject on = {.path = path,
                  .name = lt_text_of(
                      lt_arena_format(&dbt->arena, "%.*s_%.*s", LT_ARG(source_name), LT_ARG(name))),
                  .id = source->id,
                  .relation = &source->relation};
    LT_TRY(add_tests(dbt, &on, (lt_text){0}, entry, err));
    return read_columns(dbt, &on, entry, err);
}

static lt_status read_source(lt_dbt *dbt, const char *path, const lt_yaml *entry, lt_err *err)
{
    lt_text name = {0};
    LT_TRY(check_keys(path, entry, "a source", KEYS(source_keys), err));
    LT_TRY(need_text(path, entry, T("name"), &name, err));
    lt_text schema = text_or_empty(entry, T("schema"));
    const lt_yaml *tables = lt_yaml_find(entry, T("tables"));
    if (!tables)
        return LT_OK;
    LT_TRY(need_list(path, tables, "tables", err));
    for (size_t i = 0; i < tables->count; i++)
        LT_TRY(read_table(dbt, path, name, schema.len ? schema : name, tables->items[i], err));
    return LT_OK;
}

typedef lt_status read_entry(lt_dbt *dbt, const char *path, const lt_yaml *entry, lt_err *err);

static lt_status read_entries(lt_dbt *dbt, const char *path, const lt_yaml *root, lt_text key,
                              read_entry *read, lt_err *err)
{
    const lt_yaml *list = lt_yaml_find(root, key);
    if (!list || (list->kind == LT_YAML_SCALAR && list->type == LT_YAML_NULL))
        return LT_OK;
    LT_AUTO(lt_chars) what = lt_text_dup(key);
    LT_TRY(need_list(path, list, what, err));
    for (size_t i = 0; i < list->count; i++)
        LT_TRY(read(dbt, path, list->items[i], err));
    return LT_OK;
}

lt_status lt_dbt_properties(lt_dbt *dbt, const char *path, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    lt_yaml *root = NULL;
    LT_AUTO(lt_buf) text = {.limit = 16 * LT_MIB};
    LT_AUTO(lt_chars) full = lt_path_join(dbt->settings.root, path);
    LT_TRY(lt_file_read(full, &text, err));
    LT_TRY(lt_yaml_read(lt_buf_text(&text), path, &options, &dbt->arena, &root, err));
    if (root->kind == LT_YAML_SCALAR && root->type == LT_YAML_NULL)
        return LT_OK;
    LT_TRY(check_keys(path, root, "this file", KEYS(file_keys), err));
    LT_TRY(read_entries(dbt, path, root, T("models"), read_model, err));
    return read_entries(dbt, path, root, T("sources"), read_source, err);
}

/* ---- after all is read ---- */

static lt_text test_macro_name(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    lt_text key = dbt->macros.entries.items[i].key;
    return lt_text_starts(key, T("test_")) ? lt_text_sub(key, 5, SIZE_MAX) : T("");
}

static lt_status link_test(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    lt_text nearest;
    LT_AUTO(lt_buf) macro = {0};
    lt_buf_printf(&macro, "test_%.*s", LT_ARG(node->test_name));
    if (!lt_map_has(&dbt->macros, lt_buf_text(&macro))) {
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s:%u:%u: there is no test '%.*s'",
                          LT_ARG(node->path), node->line, node->col, LT_ARG(node->test_name)));
        if (lt_text_nearest(node->test_name, dbt->macros.entries.len, test_macro_name, dbt,
                            &nearest) &&
            nearest.len)
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return lt_hint(err, "tests are unique, not_null, accepted_values, relationships, and {%% "
                            "test %%} blocks in macros/");
    }
    LT_TRY(lt_dbt_record(dbt, node, err));
    return lt_dbt_config_finish(dbt, node, err);
}

lt_status lt_dbt_link_tests(lt_dbt *dbt, lt_err *err)
{
    lt_map names = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < dbt->tests.len && status == LT_OK; i++) {
        lt_dbt_node *node = dbt->tests.items[i];
        const lt_dbt_node *twin = lt_map_put(&names, node->id, node);
        status = link_test(dbt, node, err);
        if (twin && status == LT_OK) {
            lt_ignore(lt_fail(err, LT_INVALID,
                              "%.*s:%u:%u: the test '%.*s' is there already, at %.*s:%u:%u",
                              LT_ARG(node->path), node->line, node->col, LT_ARG(node->name),
                              LT_ARG(twin->path), twin->line, twin->col));
            status = lt_hint(err, "take one out, or give it a 'name:' of its own");
        }
        if (!node->config.disabled)
            lt_push_in(&dbt->arena, &dbt->nodes, node);
    }
    lt_map_cleanup(&names);
    return status;
}
