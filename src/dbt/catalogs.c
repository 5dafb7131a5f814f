/* catalogs.yml: where an adapter that can writes tables of open formats. Checked as dbt does; no adapter of ours is one. */
#include "dbt/inner.h"

#include "base/fs.h"

#define FILE_NAME "catalogs.yml"

/* A text below a key; `needed` ones must be there. */
static lt_status text_at(const value_source *source, const lt_yaml *entry, lt_text key, bool needed,
                         lt_text *out, lt_err *err)
{
    const lt_yaml *said = lt_yaml_find(entry, key);
    lt_jinja_value value;
    *out = (lt_text){0};
    if (lt_dbt_is_null(said) && !needed)
        return LT_OK;
    if (!said)
        return lt_yaml_fail(entry, FILE_NAME, err, "'%.*s' is missing", LT_ARG(key));
    LT_TRY(lt_dbt_value(source, said, &value, err));
    if (value.type != LT_JINJA_STR)
        return lt_yaml_fail(said, FILE_NAME, err, "'%.*s' must be a text, not %s", LT_ARG(key),
                            lt_yaml_name(said));
    *out = lt_jinja_as_text(value);
    return LT_OK;
}

static lt_status read_integration(const value_source *source, const lt_yaml *entry, lt_text *name,
                                  lt_text *type, lt_err *err)
{
    static const lt_text texts[] = {T("external_volume"), T("table_format"), T("catalog_name"),
                                    T("file_format")};
    static const lt_text keys[] = {
        T("name"),         T("catalog_type"), T("external_volume"),   T("table_format"),
        T("catalog_name"), T("file_format"),  T("adapter_properties")};
    lt_text ignored;
    LT_TRY(lt_dbt_check_keys(FILE_NAME, entry, "a write integration", KEYS(keys), err));
    LT_TRY(text_at(source, entry, T("name"), true, name, err));
    LT_TRY(text_at(source, entry, T("catalog_type"), true, type, err));
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        LT_TRY(text_at(source, entry, texts[i], false, &ignored, err));
    const lt_yaml *more = lt_yaml_find(entry, T("adapter_properties"));
    if (more && more->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(more, FILE_NAME, err, "'adapter_properties' must be a mapping, not %s",
                            lt_yaml_name(more));
    return LT_OK;
}

/* Which of the integrations is meant. */
static lt_status check_active(const lt_yaml *entry, lt_text catalog, lt_text active,
                              const lt_texts *names, lt_err *err)
{
    LT_AUTO(lt_buf) list = {.limit = 4 * LT_KIB};
    if (!active.len && names->len == 1)
        return LT_OK;
    if (!active.len)
        return lt_yaml_fail(entry, FILE_NAME, err,
                            "Catalog '%.*s' must specify an 'active_write_integration' when "
                            "multiple 'write_integrations' are provided.",
                            LT_ARG(catalog));
    if (lt_dbt_texts_have(names, active))
        return LT_OK;
    for (size_t i = 0; i < names->len; i++)
        lt_buf_printf(&list, "%s'%.*s'", i ? ", " : "", LT_ARG(names->items[i]));
    return lt_yaml_fail(lt_yaml_find(entry, T("active_write_integration")), FILE_NAME, err,
                        "Catalog '%.*s' must specify an 'active_write_integration' from its set of "
                        "defined 'write_integrations': [%s]. Got: '%.*s'.",
                        LT_ARG(catalog), lt_buf_chars(&list), LT_ARG(active));
}

static lt_status refuse(const value_source *source, const lt_yaml *entry, lt_text type, lt_err *err)
{
    lt_ignore(lt_yaml_fail(entry, FILE_NAME, err,
                           "Catalog type is not supported. Received: %.*s. The adapter %.*s "
                           "writes to no catalog",
                           LT_ARG(type), LT_ARG(source->dbt->settings.target_kind)));
    return lt_hint(err,
                   "take the catalog out of " FILE_NAME ", or build with a target that has it");
}

/* *type: of the integration that is meant. */
static lt_status read_catalog(const value_source *source, const lt_yaml *entry, lt_text *type,
                              lt_err *err)
{
    static const lt_text keys[] = {T("name"), T("active_write_integration"),
                                   T("write_integrations")};
    lt_text name, active, each, its_type;
    lt_texts names = {0};
    if (entry->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(entry, FILE_NAME, err, "a catalog must be a mapping, not %s",
                            lt_yaml_name(entry));
    LT_TRY(lt_dbt_check_keys(FILE_NAME, entry, "a catalog", KEYS(keys), err));
    LT_TRY(text_at(source, entry, T("name"), true, &name, err));
    LT_TRY(text_at(source, entry, T("active_write_integration"), false, &active, err));
    const lt_yaml *list = lt_yaml_find(entry, T("write_integrations"));
    if (list)
        LT_TRY(lt_dbt_need_list(FILE_NAME, list, "write_integrations", err));
    for (size_t i = 0; list && i < list->count; i++) {
        LT_TRY(read_integration(source, list->items[i], &each, &its_type, err));
        if (lt_dbt_texts_have(&names, each))
            return lt_yaml_fail(list->items[i], FILE_NAME, err,
                                "Catalog '%.*s' cannot have multiple 'write_integrations' with the "
                                "same name: '%.*s'.",
                                LT_ARG(name), LT_ARG(each));
        lt_push_in(&source->dbt->arena, &names, each);
        if (!active.len || lt_text_eq(active, each))
            *type = its_type;
    }
    return check_active(entry, name, active, &names, err);
}

lt_status lt_dbt_catalogs_check(lt_dbt *dbt, lt_err *err)
{
    const char *root = dbt->settings.root;
    const value_source source = {.dbt = dbt, .package = dbt->root, .path = FILE_NAME};
    LT_AUTO(lt_chars) path = lt_path_join(root, FILE_NAME);
    lt_yaml *tree = NULL;
    lt_text type = {0}, later;
    if (!lt_path_exists(path))
        return LT_OK;
    LT_TRY(lt_dbt_yaml_file(dbt, root, FILE_NAME, &tree, NULL, err));
    if (lt_dbt_is_null(tree) || !(tree->count || tree->text.len))
        return lt_fail(err, LT_INVALID, "The file at %s is empty", path);
    if (tree->kind != LT_YAML_MAPPING)
        return lt_yaml_fail(tree, FILE_NAME, err, "it must be a mapping, not %s",
                            lt_yaml_name(tree));
    const lt_yaml *list = lt_yaml_find(tree, T("catalogs"));
    if (!list)
        return LT_OK;
    LT_TRY(lt_dbt_need_list(FILE_NAME, list, "catalogs", err));
    for (size_t i = 0; i < list->count; i++)
        LT_TRY(read_catalog(&source, list->items[i], i ? &later : &type, err));
    return list->count ? refuse(&source, list->items[0], type, err) : LT_OK;
}
