/* The options of `leat dbt` as values: `flags` of templates, and `args` of run_results.json. */
#include "cli/dbt/flag_table.h"

#include "conf/scope.h"
#include "fmt/yaml.h"

/* dbt has no such option, and need not read of it in results where nobody gave it. */
static bool is_own(const dbt_flag *f)
{
    static const char *const own[] = {"stale-only", "detailed-exitcode", "fill-gaps",        "drop",
                                      "yes",        "children",          "include-snapshots"};
    for (size_t i = 0; i < LT_COUNT(own); i++)
        if (strcmp(own[i], f->name) == 0)
            return true;
    return false;
}

/* Those of dbt_project.yml alone, as dbt 1.11 has them where it says nothing; and options of dbt that are without effect here. */
static const struct {
    const char *key;
    bool is_on;
} usual_flags[] = {{"require_all_warnings_handled_by_warn_error", false},
                   {"require_batched_execution_for_custom_microbatch_strategy", false},
                   {"require_explicit_package_overrides_for_builtin_materializations", true},
                   {"require_generic_test_arguments_property", true},
                   {"require_nested_cumulative_type_params", false},
                   {"require_ref_searches_node_package_before_root", false},
                   {"require_resource_names_without_spaces", true},
                   {"require_unique_project_resource_names", false},
                   {"require_yaml_configuration_for_mf_time_spines", false},
                   {"skip_nodes_if_on_run_start_fails", false},
                   {"source_freshness_run_project_hooks", true},
                   {"state_modified_compare_more_unrendered_values", false},
                   {"state_modified_compare_vars", false},
                   {"strict_mode", false},
                   {"validate_macro_args", false},
                   {"static_parser", true},
                   {"partial_parse_file_diff", true}};

static void put_behaviour(const dbt_flags *given, lt_jinja_value made)
{
    lt_jinja_value said;
    for (size_t i = 0; i < LT_COUNT(usual_flags); i++) {
        bool is_said = given->project.type == LT_JINJA_DICT &&
                       lt_jinja_find(given->project, lt_text_of(usual_flags[i].key), &said);
        lt_jinja_put(made, usual_flags[i].key,
                     lt_jinja_bool(is_said ? lt_jinja_truth(said) : usual_flags[i].is_on));
    }
}

lt_jinja_value dbt_flags_value(const dbt_flags *given, lt_jinja_heap *heap)
{
    static const char *const on[] = {"print",         "use_colors", "write_json",
                                     "version_check", "introspect", "populate_cache",
                                     "partial_parse", "compile",    "inject_ephemeral_ctes"};
    lt_jinja_value made = lt_jinja_dict(heap);
    for (size_t i = 0; i < dbt_flag_count; i++) {
        const dbt_flag *f = &dbt_flag_table[i];
        const char *at = (const char *)given + f->offset, *key;
        if (f->type == DBT_FLAG_INERT || f->type == DBT_FLAG_INERT_TEXT || f->letter == 'h')
            continue;
        key = dbt_flag_key(f, &heap->arena);
        if (f->type == DBT_FLAG_SWITCH && *(const int *)(const void *)at < 0 && is_own(f))
            continue;
        if (f->type == DBT_FLAG_SWITCH) {
            int value = *(const int *)(const void *)at;
            bool usual = false;
            for (size_t k = 0; k < LT_COUNT(on); k++)
                usual |= strcmp(on[k], key) == 0;
            lt_jinja_put(made, key, lt_jinja_bool(value < 0 ? usual : value));
        } else if (f->type == DBT_FLAG_TEXT) {
            const char *value = *(const char *const *)(const void *)at;
            lt_jinja_put(made, key, value ? lt_jinja_text(lt_text_of(value)) : lt_jinja_none());
        } else if (f->type == DBT_FLAG_NUMBER) {
            lt_jinja_put(made, key, lt_jinja_int(*(const int64_t *)(const void *)at));
        } else {
            const lt_strings *list = (const lt_strings *)(const void *)at;
            lt_jinja_value items = lt_jinja_list(heap);
            for (size_t k = 0; k < list->len; k++)
                lt_jinja_add(items, lt_jinja_text(lt_text_of(list->items[k])));
            lt_jinja_put(made, key, items);
        }
    }
    put_behaviour(given, made);
    lt_jinja_put(made, "which", lt_jinja_text(lt_text_of(dbt_verb_name(given->verb))));
    return made;
}

/* Of other commands, or not said and no part of what dbt writes then. */
static bool is_left_out(const dbt_flags *given, const dbt_flag *f, const char *key,
                        lt_jinja_value value)
{
    static const char *const only_true[] = {"debug",      "full_refresh",    "fail_fast",
                                            "warn_error", "single_threaded", "store_failures",
                                            "version"};
    bool of_verb = !f->verbs || (f->verbs & (1u << given->verb)) || strcmp(key, "introspect") == 0;
    if (!of_verb || value.type == LT_JINJA_NONE ||
        strcmp(key, "models") == 0) /* it is in `select` */
        return true;
    for (size_t i = 0; i < LT_COUNT(only_true); i++)
        if (strcmp(only_true[i], key) == 0 && !lt_jinja_truth(value))
            return true;
    return strcmp(key, "threads") == 0 && !lt_jinja_truth(value); /* the profile says */
}

static bool usual_of(const char *key)
{
    for (size_t i = 0; i < LT_COUNT(usual_flags); i++)
        if (strcmp(usual_flags[i].key, key) == 0)
            return usual_flags[i].is_on;
    return false;
}

static void put_inert(const dbt_flags *given, lt_jinja_value made, lt_jinja_heap *heap)
{
    lt_jinja_value limits = lt_jinja_dict(heap);
    put_behaviour(given, made);
    for (size_t i = 0; i < dbt_flag_count; i++) {
        const dbt_flag *f = &dbt_flag_table[i];
        const int *value = (const int *)(const void *)((const char *)given + f->offset);
        bool hidden = strcmp(f->name, "use-experimental-parser") == 0 ||
                      strcmp(f->name, "log-cache-events") == 0;
        if (f->type != DBT_FLAG_INERT || (f->verbs && !(f->verbs & (1u << given->verb))) ||
            (hidden && *value != 1))
            continue;
        const char *key = dbt_flag_key(f, &heap->arena);
        lt_jinja_put(made, key, lt_jinja_bool(*value < 0 ? usual_of(key) : *value));
    }
    if (given->verb == DBT_BUILD)
        lt_jinja_put(made, "include_saved_query", lt_jinja_bool(false));
    lt_jinja_put(limits, "MAX_GROUPING_DEPTH", lt_jinja_none());
    lt_jinja_put(limits, "MAX_GROUPING_TOKENS", lt_jinja_none());
    lt_jinja_put(made, "sqlparse", limits);
}

static void put_usual(const dbt_flags *given, lt_jinja_value made, lt_jinja_heap *heap)
{
    bool shows = given->verb == DBT_COMPILE || given->verb == DBT_SHOW;
    if (!given->indirect_selection)
        lt_jinja_put(made, "indirect_selection", lt_jinja_text(T("eager")));
    if (!given->log_level)
        lt_jinja_put(made, "log_level", lt_jinja_text(T("info")));
    if (!given->log_level_file)
        lt_jinja_put(made, "log_level_file", lt_jinja_text(T("debug")));
    if (!given->log_format_file)
        lt_jinja_put(made, "log_format_file", lt_jinja_text(T("debug")));
    if (!given->output && shows)
        lt_jinja_put(made, "output", lt_jinja_text(T("text")));
    if (!given->vars)
        lt_jinja_put(made, "vars", lt_jinja_dict(heap));
    if (given->warn_error_options)
        return;
    lt_jinja_value options = lt_jinja_dict(heap);
    lt_jinja_put(options, "error", lt_jinja_list(heap));
    lt_jinja_put(options, "warn", lt_jinja_list(heap));
    lt_jinja_put(options, "silence", lt_jinja_list(heap));
    lt_jinja_put(made, "warn_error_options", options);
}

/* What is written as YAML is a mapping in results; the values of variables that are secrets are not said. */
static void put_mappings(lt_jinja_value made, lt_jinja_heap *heap)
{
    static const char *const names[] = {"vars", "args", "warn_error_options"};
    static const lt_yaml_options options = {.yaml11 = true};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        lt_err err = {0};
        lt_yaml *root = NULL;
        lt_jinja_value said, key, value;
        if (!lt_jinja_find(made, lt_text_of(names[i]), &said) || said.type != LT_JINJA_STR ||
            lt_yaml_read(lt_jinja_as_text(said), names[i], &options, &heap->arena, &root, &err) ||
            !root || root->kind != LT_YAML_MAPPING)
            continue; /* what cannot be read is said where it is used */
        lt_jinja_value mapping = lt_scope_value(heap, root), shown = lt_jinja_dict(heap);
        for (size_t at = 0; lt_jinja_next(mapping, &at, &key, &value);)
            lt_jinja_put_value(shown, key,
                               lt_text_starts(lt_jinja_as_text(key), T("DBT_ENV_SECRET"))
                                   ? lt_jinja_text(T("*****"))
                                   : value);
        lt_jinja_put(made, names[i], shown);
    }
}

lt_jinja_value dbt_flags_args(const dbt_flags *given, lt_jinja_heap *heap)
{
    lt_jinja_value all = dbt_flags_value(given, heap), made = lt_jinja_dict(heap), value;
    for (size_t i = 0; i < dbt_flag_count; i++) {
        const char *key = dbt_flag_key(&dbt_flag_table[i], &heap->arena);
        if (lt_jinja_find(all, lt_text_of(key), &value) &&
            !is_left_out(given, &dbt_flag_table[i], key, value))
            lt_jinja_put(made, key, value);
    }
    put_usual(given, made, heap);
    put_mappings(made, heap);
    put_inert(given, made, heap);
    if (given->verb == DBT_OPERATION && given->rest.len)
        lt_jinja_put(made, "macro", lt_jinja_text(lt_text_of(given->rest.items[0])));
    lt_jinja_put(made, "which", lt_jinja_text(lt_text_of(dbt_verb_name(given->verb))));
    return made;
}
