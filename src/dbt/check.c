/* What is refused or warned of once all nodes are known: contracts, their constraints, and paths of dbt_project.yml that nobody has. */
#include "dbt/inner.h"

/* ---- contracts ---- */

static bool is_enforced(const lt_dbt *dbt, const lt_dbt_node *node)
{
    lt_jinja_value contract = lt_dbt_config_get(dbt, node, T("contract"));
    lt_jinja_value enforced = lt_dbt_at(contract, "enforced");
    return enforced.type == LT_JINJA_BOOL && enforced.as.b;
}

static bool has_type(lt_jinja_value constraint, lt_text type)
{
    return lt_text_eq(lt_jinja_as_text(lt_dbt_at(constraint, "type")), type);
}

static bool has_primary_key(lt_jinja_value constraints)
{
    for (size_t i = 0; constraints.type == LT_JINJA_LIST && i < lt_jinja_len(constraints); i++)
        if (has_type(lt_jinja_at(constraints, i), T("primary_key")))
            return true;
    return false;
}

static lt_status check_primary_keys(const lt_dbt_node *node, lt_err *err)
{
    LT_AUTO(lt_buf) names = {.limit = 64 * LT_KIB};
    size_t count = 0;
    for (size_t i = 0; i < node->columns.len; i++) {
        const lt_dbt_column *column = &node->columns.items[i];
        if (has_primary_key(lt_dbt_at(column->raw, "constraints")))
            lt_buf_printf(&names, "%s'%.*s'", count++ ? ", " : "", LT_ARG(column->name));
    }
    if (count > 1)
        return lt_fail(
            err, LT_INVALID,
            "%.*s: Found %zu columns ([%s]) with primary key constraints defined. Primary "
            "keys for multiple columns must be defined as a model level constraint.",
            LT_ARG(node->path), count, lt_buf_chars(&names));
    if (count && has_primary_key(lt_dbt_at(node->raw, "constraints")))
        return lt_fail(err, LT_INVALID,
                       "%.*s: Primary key constraints defined at the model level and the columns "
                       "level. Primary keys can be defined at the model level or the column level, "
                       "not both.",
                       LT_ARG(node->path));
    return LT_OK;
}

static lt_status check_types(const lt_dbt_node *node, lt_jinja_value constraints, lt_err *err)
{
    static const lt_text types[] = {T("check"),       T("not_null"),    T("unique"),
                                    T("primary_key"), T("foreign_key"), T("custom")};
    for (size_t i = 0; constraints.type == LT_JINJA_LIST && i < lt_jinja_len(constraints); i++) {
        bool known = false;
        for (size_t k = 0; k < LT_COUNT(types); k++)
            known = known || has_type(lt_jinja_at(constraints, i), types[k]);
        if (!known)
            return lt_fail(
                err, LT_INVALID,
                "%.*s: Invalid constraint type on model %.*s: Type must be one of "
                "['check', 'not_null', 'unique', 'primary_key', 'foreign_key', 'custom']",
                LT_ARG(node->path), LT_ARG(node->name));
    }
    return LT_OK;
}

static bool warns(const lt_dbt_node *node)
{
    for (size_t c = 0; c < node->columns.len; c++) {
        lt_jinja_value list = lt_dbt_at(node->columns.items[c].raw, "constraints");
        for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
            lt_jinja_value said = lt_dbt_at(lt_jinja_at(list, i), "warn_unsupported");
            if (!lt_dbt_is_set(said) || lt_jinja_truth(said))
                return true;
        }
    }
    return false;
}

/* A table that grows must not take columns of which the contract says nothing. */
static lt_status check_schema_change(const lt_dbt_node *node, lt_err *err)
{
    lt_text how = node->config.on_schema_change;
    if (!lt_text_eq(node->config.materialized, T("incremental")) ||
        lt_text_eq(how, T("append_new_columns")) || lt_text_eq(how, T("fail")))
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%.*s: Invalid value for on_schema_change: %.*s. Models materialized as "
                   "incremental with contracts enabled must set on_schema_change to "
                   "'append_new_columns' or 'fail'",
                   LT_ARG(node->path), LT_ARG(how));
}

static lt_status check_contract(lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    lt_text how = node->config.materialized;
    bool keeps = lt_text_eq(how, T("table")) || lt_text_eq(how, T("incremental"));
    const char *wrong = NULL;
    if (!node->columns.len)
        wrong =
            "Constraints must be defined in a `yml` schema configuration file like `schema.yml`.";
    else if (lt_dbt_is_python(node))
        wrong = "Language Error: Expected 'sql' but found 'python'";
    if (wrong)
        return lt_fail(err, LT_INVALID, "%.*s: Contract enforcement failed: %s", LT_ARG(node->path),
                       wrong);
    LT_TRY(check_schema_change(node, err));
    LT_TRY(check_types(node, lt_dbt_at(node->raw, "constraints"), err));
    for (size_t i = 0; i < node->columns.len; i++)
        LT_TRY(check_types(node, lt_dbt_at(node->columns.items[i].raw, "constraints"), err));
    if (!keeps && warns(node))
        lt_dbt_warn(
            dbt, LT_DBT_CONSTRAINT_IGNORED,
            "%.*s: Constraint types are not supported for %.*s materializations and will be "
            "ignored.  Set 'warn_unsupported: false' on this constraint to ignore this "
            "warning.",
            LT_ARG(node->path), LT_ARG(how));
    return LT_OK;
}

/* ---- access, freshness, microbatch ---- */

/* Others could not read from it: it is nowhere. */
static lt_status check_access(const lt_dbt_node *node, lt_err *err)
{
    if (!lt_text_eq(node->access, T("public")) ||
        !lt_text_eq(node->config.materialized, T("ephemeral")))
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%.*s: Node %.*s with 'ephemeral' materialization has an invalid value "
                   "(public) for the access field",
                   LT_ARG(node->path), LT_ARG(node->id));
}

/* `build_after` counts periods: one without the other says nothing. */
static lt_status check_build_after(lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    lt_jinja_value freshness = lt_dbt_config_get(dbt, node, T("freshness"));
    lt_jinja_value rule = lt_dbt_at(freshness, "build_after");
    bool counts = lt_dbt_is_set(lt_dbt_at(rule, "count"));
    bool has_period = lt_jinja_truth(lt_dbt_at(rule, "period"));
    if (rule.type != LT_JINJA_DICT || counts == has_period)
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%.*s: `freshness.build_after` must have a value for `%s` if a `%s` is provided",
                   LT_ARG(node->path), counts ? "period" : "count", counts ? "count" : "period");
}

static void warn_of_unfiltered_batches(lt_dbt *dbt, const lt_dbt_node *node)
{
    if (!lt_dbt_builds_batches(dbt, node))
        return;
    for (size_t i = 0; i < node->depends_on.len; i++)
        if (lt_jinja_truth(lt_dbt_config_get(dbt, node->depends_on.items[i], T("event_time"))))
            return;
    lt_dbt_warn(dbt, LT_DBT_UNFILTERED_BATCHES,
                "The microbatch model '%.*s' has no 'ref' or 'source' input with an 'event_time' "
                "configuration. \nThis means no filtering can be applied and can result in "
                "unexpected duplicate records in the resulting microbatch model.",
                LT_ARG(node->name));
}

/* ---- entries that enable ---- */

static lt_status check_enabled(const lt_dbt *dbt, const lt_dbt_node *node, lt_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < dbt->disabled.len; i++)
        count += lt_text_eq(dbt->disabled.items[i]->id, node->id);
    if (count < 2 || lt_dbt_find(dbt, node->id))
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%.*s: Found %zu matching disabled nodes for %s '%.*s'. Multiple nodes for the "
                   "same unique id cannot be enabled in the schema file. They must be enabled in "
                   "`dbt_project.yml` or in the sql files.",
                   LT_ARG(node->path), count, lt_dbt_kind_name(node->kind), LT_ARG(node->name));
}

/* An entry that enables one of several disabled nodes does not say which. */
static lt_status check_disabled(const lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->disabled.len; i++) {
        const lt_dbt_node *node = dbt->disabled.items[i];
        lt_jinja_value said = lt_dbt_at(node->config.entry, "enabled");
        if (said.type == LT_JINJA_BOOL && said.as.b)
            LT_TRY(check_enabled(dbt, node, err));
    }
    return LT_OK;
}

static lt_status check_models(lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        if (node->kind != LT_DBT_MODEL)
            continue;
        LT_TRY(check_access(node, err));
        LT_TRY(check_build_after(dbt, node, err));
        warn_of_unfiltered_batches(dbt, node);
    }
    return LT_OK;
}

lt_status lt_dbt_check_contracts(lt_dbt *dbt, bool again, lt_err *err)
{
    for (size_t i = 0; i < dbt->parsed.len && !dbt->is_strict; i++) {
        const lt_dbt_node *node = dbt->parsed.items[i];
        if (again && !node->is_again)
            continue;
        if (node->kind != LT_DBT_MODEL || node->is_disabled || !node->patch_path.len)
            continue;
        if (is_enforced(dbt, node))
            LT_TRY(check_contract(dbt, node, err));
        LT_TRY(check_primary_keys(node, err));
    }
    return LT_OK;
}

/* ---- microbatch models ---- */

static void check_batches(lt_dbt *dbt)
{
    size_t forced = 0, others = 0;
    bool builds = lt_dbt_has_core_batches(dbt);
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        lt_jinja_value side_by_side;
        if (node->kind != LT_DBT_MODEL)
            continue;
        side_by_side = lt_dbt_config_get(dbt, node, T("concurrent_batches"));
        forced += side_by_side.type == LT_JINJA_BOOL && side_by_side.as.b;
        others += !builds && lt_text_eq(node->config.materialized, T("incremental")) &&
                  lt_text_eq(node->config.incremental_strategy, T("microbatch"));
    }
    if (builds && forced && lt_text_eq(dbt->settings.target_kind, T("postgres")))
        lt_dbt_warn(dbt, LT_DBT_CONCURRENT_BATCHES,
                    "Found %zu microbatch model%s with the `concurrent_batches` config set to "
                    "true, but the postgres adapter does not support running batches "
                    "concurrently. Batches will be run sequentially.",
                    forced, forced == 1 ? "" : "s");
    if (others)
        lt_dbt_warn(dbt, LT_DBT_MICROBATCH_MACRO,
                    "The use of a custom microbatch macro outside of batched execution is "
                    "deprecated. To use it with batched execution, set "
                    "`flags.require_batched_execution_for_custom_microbatch_strategy` to `True` in "
                    "`dbt_project.yml`. In the future this will be the default behavior.");
}

/* ---- names ---- */

static bool is_in_nodes(lt_dbt_kind kind)
{
    return kind == LT_DBT_MODEL || kind == LT_DBT_SEED || kind == LT_DBT_SNAPSHOT ||
           kind == LT_DBT_ANALYSIS || kind == LT_DBT_GENERIC_TEST || kind == LT_DBT_SINGULAR_TEST;
}

/* Refused, unless a flag says otherwise: then the first one is warned of, with --debug each. */
static lt_status check_spaces(lt_dbt *dbt, lt_err *err)
{
    bool refuses = lt_dbt_flag_is_on(dbt, T("require_resource_names_without_spaces"));
    bool all = lt_dbt_flag_is_on(dbt, T("debug"));
    size_t count = 0;
    LT_AUTO(lt_buf) list = {.limit = 64 * LT_KIB};
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        if (!is_in_nodes(node->kind) || lt_text_find_byte(node->name, ' ', 0) == SIZE_MAX)
            continue;
        lt_buf_printf(&list, "%s'%.*s' (%.*s)", count++ ? ", " : "", LT_ARG(node->id),
                      LT_ARG(node->path));
        if (!refuses && (all || count == 1))
            lt_dbt_warn(dbt, LT_DBT_SPACES_IN_NAME, "Found spaces in the name of `%.*s`",
                        LT_ARG(node->id));
    }
    if (count && !refuses)
        lt_dbt_warn(dbt, LT_DBT_SPACES,
                    "Spaces found in %zu resource name(s). This is deprecated, and may lead to "
                    "errors when using dbt.%s For more information: "
                    "https://docs.getdbt.com/reference/global-configs/legacy-behaviors",
                    count, all ? "" : " Run again with `--debug` to see them all.");
    if (!count || !refuses)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_INVALID, "Resource names cannot contain spaces: %s", lt_buf_chars(&list)));
    return lt_hint(err, "rename them, or set require_resource_names_without_spaces: false below "
                        "flags: in dbt_project.yml");
}

/* ---- paths of configuration ---- */

typedef struct path_walk {
    lt_dbt *dbt;
    const char *key; /* "models" */
    lt_texts path;   /* below it */
    lt_buf *unused;
    size_t count;
} path_walk;

static bool is_prefix(const lt_texts *path, const lt_texts *fqn)
{
    for (size_t i = 0; i < path->len; i++)
        if (i >= fqn->len || !lt_text_eq(path->items[i], fqn->items[i]))
            return false;
    return true;
}

static bool is_used_by(const path_walk *w, const lt_dbt_nodes *nodes, bool any_kind)
{
    for (size_t i = 0; i < nodes->len; i++) {
        const lt_dbt_node *node = nodes->items[i];
        if ((any_kind || lt_dbt_config_is_of(node->kind, w->key)) &&
            is_prefix(&w->path, &node->fqn))
            return true;
    }
    return false;
}

/* The depth of the file is limited by its reader. */
static void walk_paths(path_walk *w, lt_jinja_value level)
{
    lt_jinja_value key, value;
    bool configures = false;
    for (size_t at = 0; lt_jinja_next(level, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (value.type != LT_JINJA_DICT || lt_text_starts(name, T("+"))) {
            configures = true;
            continue;
        }
        lt_push(&w->path, name);
        walk_paths(w, value);
        w->path.len--;
    }
    if (!configures || is_used_by(w, &w->dbt->all, false) || is_used_by(w, &w->dbt->disabled, true))
        return;
    lt_buf_printf(w->unused, "\n- %s", strcmp(w->key, "tests") == 0 ? "data_tests" : w->key);
    for (size_t i = 0; i < w->path.len; i++)
        lt_buf_printf(w->unused, ".%.*s", LT_ARG(w->path.items[i]));
    w->count++;
}

static void check_paths(lt_dbt *dbt)
{
    static const char *const keys[] = {
        "models",     "seeds",   "snapshots",       "sources",       "data_tests", "tests",
        "unit_tests", "metrics", "semantic-models", "saved-queries", "exposures",  "functions"};
    LT_AUTO(lt_buf) unused = {.limit = LT_MIB};
    path_walk w = {.dbt = dbt, .unused = &unused};
    for (size_t i = 0; i < LT_COUNT(keys); i++) {
        lt_jinja_value level = lt_dbt_at(dbt->root->project, keys[i]);
        w.key = keys[i];
        if (level.type == LT_JINJA_DICT)
            walk_paths(&w, level);
    }
    lt_vec_free(&w.path);
    if (w.count)
        lt_dbt_warn(dbt, LT_DBT_UNUSED_PATHS,
                    "Configuration paths exist in your dbt_project.yml file which do not apply to "
                    "any resources.\nThere are %zu unused configuration paths:%s",
                    w.count, lt_buf_chars(&unused));
}

lt_status lt_dbt_check(lt_dbt *dbt, lt_err *err)
{
    if (dbt->is_strict)
        return LT_OK;
    LT_TRY(check_models(dbt, err));
    LT_TRY(check_disabled(dbt, err));
    LT_TRY(check_spaces(dbt, err));
    check_batches(dbt);
    check_paths(dbt);
    lt_dbt_old_materializations(dbt);
    return LT_OK;
}
