/* Ways of a project that dbt gives up, and warns of. */
#include "dbt/inner.h"

/* ---- dbt_project.yml ---- */

typedef struct old_key {
    lt_text key;
    lt_dbt_event event;
    const char *now;   /* its new name, or NULL: an option of the command line, and */
    const char *usual; /* the value that says nothing */
    const char *output, *flag, *variable;
} old_key;

static const old_key old_keys[] = {
    {T("source-paths"), LT_DBT_SOURCE_PATHS, "model-paths", NULL, NULL, NULL, NULL},
    {T("data-paths"), LT_DBT_DATA_PATHS, "seed-paths", NULL, NULL, NULL, NULL},
    {T("log-path"), LT_DBT_LOG_PATH, NULL, "logs", "logs", "--log-path", "DBT_LOG_PATH"},
    {T("target-path"), LT_DBT_TARGET_PATH, NULL, "target", "artifacts", "--target-path",
     "DBT_TARGET_PATH"}};

static lt_status check_key(lt_dbt *dbt, const old_key *old, lt_jinja_value project, lt_err *err)
{
    lt_jinja_value said;
    if (!lt_jinja_find(project, old->key, &said))
        return LT_OK;
    if (old->now && lt_jinja_find(project, lt_text_of(old->now), &said))
        return lt_fail(err, LT_INVALID,
                       "dbt_project.yml: %.*s and %s cannot both be defined. The `%.*s` config has "
                       "been deprecated in favor of `%s`.",
                       LT_ARG(old->key), old->now, LT_ARG(old->key), old->now);
    if (old->now)
        lt_dbt_warn(dbt, old->event,
                    "The `%.*s` config has been renamed to `%s`. Please update your "
                    "`dbt_project.yml` configuration to reflect this change.",
                    LT_ARG(old->key), old->now);
    else if (!lt_text_eq(lt_jinja_as_text(said), lt_text_of(old->usual)))
        lt_dbt_warn(dbt, old->event,
                    "The `%.*s` config in `dbt_project.yml` has been deprecated, and will no "
                    "longer be supported in a future version of dbt-core. If you wish to write dbt "
                    "%s to a custom directory, please use the %s CLI flag or %s env var instead.",
                    LT_ARG(old->key), old->output, old->flag, old->variable);
    return LT_OK;
}

lt_status lt_dbt_old_keys(lt_dbt *dbt, lt_jinja_value project, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(old_keys); i++)
        LT_TRY(check_key(dbt, &old_keys[i], project, err));
    return LT_OK;
}

/* ---- .yml files ---- */

void lt_dbt_old_doubles(lt_dbt *dbt, const char *path, const lt_yaml_doubles *doubles)
{
    for (size_t i = 0; i < doubles->len; i++) {
        const lt_yaml_double *twice = &doubles->items[i];
        lt_dbt_warn(dbt, LT_DBT_DUPLICATE_KEY,
                    "Duplicate key '%.*s' in \"<unicode string>\", line %u, column %u in file `%s`",
                    LT_ARG(twice->key), twice->line, twice->col, path);
    }
}

/* As a test names what it is of: a table of a source with its source. */
static void add_subject(const test_subject *on, lt_buf *out)
{
    const lt_dbt_node *node = on->node;
    if (node->kind == LT_DBT_SOURCE)
        lt_buf_printf(out, "%.*s_", LT_ARG(node->source_name));
    lt_buf_printf(out, "%.*s' in package '%.*s'", LT_ARG(node->name),
                  LT_ARG(on->source->package ? on->source->package->name : node->package->name));
}

static bool has_key(const lt_text *keys, size_t count, lt_text key)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(keys[i], key))
            return true;
    return false;
}

/* Configuration that stands beside `config`; *has_bare: there are arguments that stand beside `arguments`. */
static void walk_entry(const test_subject *on, const old_test *test, bool *has_bare)
{
    static const lt_text known[] = {T("config"), T("column_name"), T("description"),
                                    T("name"),   T("test_name"),   T("arguments")};
    for (size_t i = 0; i < test->body->count; i++) {
        const lt_yaml *key = test->body->keys[i];
        if (has_key(test->config_keys, test->config_key_count, key->text))
            lt_dbt_warn(on->source->dbt, LT_DBT_MOVED_TO_CONFIG,
                        "Found `%.*s` as a top-level property of `data_tests.%.*s.%.*s` in file "
                        "`%s:%u:%u`. The `%.*s` top-level property should be moved into the "
                        "`config` of `data_tests.%.*s.%.*s`.",
                        LT_ARG(key->text), LT_ARG(test->name), LT_ARG(key->text), on->source->path,
                        key->line, key->col, LT_ARG(key->text), LT_ARG(test->name),
                        LT_ARG(key->text));
        else
            *has_bare |= !has_key(known, LT_COUNT(known), key->text);
    }
}

static void warn_of_arguments(const test_subject *on, const old_test *test,
                              const lt_yaml *arguments)
{
    lt_dbt *dbt = on->source->dbt;
    LT_AUTO(lt_buf) shown = {.limit = 16 * LT_KIB};
    lt_jinja_repr(lt_scope_value(&dbt->heap, arguments), &shown);
    lt_dbt_warn(dbt, LT_DBT_TEST_ARGUMENTS,
                "Found `arguments` property in test definition of `%.*s` (%s) without usage of "
                "`require_generic_test_arguments_property` behavior change flag. The `arguments` "
                "property is deprecated for custom usage and will be used to nest keyword "
                "arguments in future versions of dbt.",
                LT_ARG(test->name), lt_buf_chars(&shown));
}

void lt_dbt_old_test(const test_subject *on, const old_test *test)
{
    lt_dbt *dbt = on->source->dbt;
    LT_AUTO(lt_buf) subject = {.limit = 16 * LT_KIB};
    const lt_yaml *arguments = lt_yaml_find(test->body, T("arguments"));
    bool has_bare = false;
    if (!test->body || dbt->is_strict)
        return;
    if (!lt_dbt_flag_read(dbt, T("require_generic_test_arguments_property"))) {
        if (arguments)
            warn_of_arguments(on, test, arguments);
        return;
    }
    walk_entry(on, test, &has_bare);
    if (!has_bare || (arguments && (arguments->count || arguments->text.len)))
        return;
    add_subject(on, &subject);
    lt_dbt_warn(dbt, LT_DBT_TEST_NO_ARGUMENTS,
                "Found top-level arguments to test `%.*s` defined on '%s (%s:%u:%u). Arguments to "
                "generic tests should be nested under the `arguments` property.",
                LT_ARG(test->name), lt_buf_chars(&subject), on->source->path, test->body->line,
                test->body->col);
}

/* [\w-]+ */
static bool is_plain_name(lt_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!lt_is_alpha(name.ptr[i]) && !lt_is_digit(name.ptr[i]) && name.ptr[i] != '_' &&
            name.ptr[i] != '-' && !(name.ptr[i] & 0x80))
            return false;
    return true;
}

void lt_dbt_old_exposure(lt_dbt *dbt, lt_text name)
{
    if (!is_plain_name(name))
        lt_dbt_warn(dbt, LT_DBT_EXPOSURE_NAME,
                    "Starting in v1.3, the 'name' of an exposure should contain only letters, "
                    "numbers, and underscores. Exposures support a new property, 'label', which "
                    "may contain spaces, capital letters, and special characters. %.*s does not "
                    "follow this pattern. Please update the 'name', and use the 'label' property "
                    "for a human-friendly title. This will raise an error in a future version of "
                    "dbt-core.",
                    LT_ARG(name));
}

/* ---- when all is known ---- */

/* A package's materialization in the place of one that is built in. */
void lt_dbt_old_materializations(lt_dbt *dbt)
{
    lt_texts said = {0};
    if (lt_dbt_flag_is_on(dbt,
                          T("require_explicit_package_overrides_for_builtin_materializations")))
        return;
    for (size_t i = 0; i < dbt->all.len; i++) {
        lt_text name = dbt->all.items[i]->config.materialized;
        if (!name.len || lt_dbt_texts_have(&said, name))
            continue;
        lt_push_in(&dbt->arena, &said, name);
        const lt_dbt_macro *found = lt_dbt_materialization_find(dbt, name);
        if (found && !found->package->is_root && !found->package->is_built_in &&
            lt_dbt_materialization_is_ours(dbt, name))
            lt_dbt_warn(dbt, LT_DBT_OVERRIDDEN_MATERIALIZATION,
                        "Installed package '%.*s' is overriding the built-in materialization "
                        "'%.*s'. Overrides of built-in materializations from installed packages "
                        "will be deprecated in future versions of dbt. For more information: "
                        "https://docs.getdbt.com/reference/global-configs/legacy-behaviors",
                        LT_ARG(found->package->name), LT_ARG(name));
    }
}
