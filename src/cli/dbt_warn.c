/* What --warn-error and --warn-error-options say of one kind of warning. */
#include "cli/dbt_warn.h"

#include "conf/scope.h"
#include "fmt/yaml.h"

/* What may be named: the warnings that there are here. */
static const struct {
    const char *event;
    lt_text part; /* of the text of a warning of reading the project; empty: from elsewhere */
} events[] = {{"FreshnessConfigProblem", T("does not support metadata-based freshness")},
              {"NothingToDo", {0}},
              {"NoNodesForSelectionCriteria", {0}},
              {"NoNodesSelected", {0}},
              {"LogTestResult", {0}},
              {"LogFreshnessResult", {0}},
              {"JinjaLogWarning", {0}},
              {"DepsUnpinned", {0}},
              {"MacroNotFoundForPatch", T("there is no macro")},
              {"NodeNotFoundOrDisabled", T("there is no test")},
              {"NoNodeForYamlKey", T("there is no")},
              {"WrongResourceSchemaFile", T("but it is specified in the")},
              {"CustomTopLevelKeyDeprecation", T("unknown key")},
              {"Note", {0}}};

const char *dbt_warn_event(lt_text warning)
{
    for (size_t i = 0; i < LT_COUNT(events); i++)
        if (events[i].part.len && lt_text_has(warning, events[i].part))
            return events[i].event;
    return "Note";
}

static lt_text event_name(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(events[i].event);
}

static bool is_all(lt_jinja_value value)
{
    return lt_text_eq(lt_jinja_as_text(value), T("all")) ||
           lt_text_eq(lt_jinja_as_text(value), T("*"));
}

static lt_status check_names(lt_jinja_value list, lt_err *err)
{
    lt_text nearest;
    if (list.type == LT_JINJA_UNDEFINED || list.type == LT_JINJA_NONE)
        return LT_OK;
    if (list.type != LT_JINJA_LIST)
        return lt_fail(err, LT_INVALID, "--warn-error-options: names must be a list, or 'all'");
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_text name = lt_jinja_as_text(lt_jinja_at(list, i));
        size_t k = 0;
        while (k < LT_COUNT(events) && !lt_text_eq(lt_text_of(events[k].event), name))
            k++;
        if (k < LT_COUNT(events) || lt_text_eq(name, T("Deprecations")))
            continue;
        lt_ignore(lt_fail(err, LT_INVALID,
                          "--warn-error-options: '%.*s' is no warning that is given here",
                          LT_ARG(name)));
        if (lt_text_nearest(name, LT_COUNT(events), event_name, NULL, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return err->status;
    }
    return LT_OK;
}

static lt_jinja_value either(lt_jinja_value dict, const char *name, const char *older)
{
    lt_jinja_value value;
    if (lt_jinja_find(dict, lt_text_of(name), &value) ||
        lt_jinja_find(dict, lt_text_of(older), &value))
        return value;
    return (lt_jinja_value){0};
}

lt_status dbt_warn_read(const dbt_flags *flags, lt_jinja_heap *heap, dbt_warn_rules *out,
                        lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    lt_yaml *root = NULL;
    *out = (dbt_warn_rules){.all = flags->warn_error == 1};
    if (!flags->warn_error_options)
        return LT_OK;
    if (flags->warn_error == 1)
        return lt_fail(err, LT_INVALID, "--warn-error and --warn-error-options do not go together");
    LT_TRY(lt_yaml_read(lt_text_of(flags->warn_error_options), "--warn-error-options", &options,
                        &heap->arena, &root, err));
    lt_jinja_value said = lt_scope_value(heap, root);
    if (said.type != LT_JINJA_DICT) {
        lt_ignore(lt_fail(err, LT_INVALID, "--warn-error-options must be a mapping"));
        return lt_hint(err, "write '{error: all}' or '{error: [NoNodesForSelectionCriteria]}'");
    }
    out->error = either(said, "error", "include");
    out->warn = either(said, "warn", "exclude");
    out->silence = either(said, "silence", "silence");
    out->all = is_all(out->error);
    if (!out->all)
        LT_TRY(check_names(out->error, err));
    LT_TRY(check_names(out->warn, err));
    return check_names(out->silence, err);
}

static bool has(lt_jinja_value list, const char *event)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_jinja_at(list, i)), lt_text_of(event)))
            return true;
    return false;
}

bool dbt_warn_is_silent(const dbt_warn_rules *rules, const char *event)
{
    return has(rules->silence, event);
}

bool dbt_warn_is_error(const dbt_warn_rules *rules, const char *event)
{
    if (has(rules->silence, event) || has(rules->warn, event))
        return false;
    return rules->all || has(rules->error, event);
}
