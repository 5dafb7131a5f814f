/* What --warn-error and --warn-error-options say of one kind of warning. */
#include "cli/dbt/warn.h"

#include "conf/scope.h"
#include "fmt/yaml.h"

/* What may be named: dbt's events that warn, since a project names also those that nothing here gives. */
static const char *const names[] = {"AdapterDeprecationWarning",
                                    "ArgumentsPropertyInGenericTestDeprecation",
                                    "BehaviorChangeEvent",
                                    "CatalogGenerationError",
                                    "CollectFreshnessReturnSignature",
                                    "ConfigDataPathDeprecation",
                                    "ConfigLogPathDeprecation",
                                    "ConfigSourcePathDeprecation",
                                    "ConfigTargetPathDeprecation",
                                    "ConstraintNotEnforced",
                                    "ConstraintNotSupported",
                                    "CustomKeyInConfigDeprecation",
                                    "CustomKeyInObjectDeprecation",
                                    "CustomOutputPathInSourceFreshnessDeprecation",
                                    "CustomTopLevelKeyDeprecation",
                                    "DeprecatedModel",
                                    "DeprecatedReference",
                                    "DeprecationsSummary",
                                    "DepsScrubbedPackageName",
                                    "DepsUnpinned",
                                    "DuplicateNameDistinctNodeTypesDeprecation",
                                    "DuplicateYAMLKeysDeprecation",
                                    "EnvironmentVariableNamespaceDeprecation",
                                    "EnvironmentVariableRenamed",
                                    "ExposureNameDeprecation",
                                    "FreshnessConfigProblem",
                                    "GenericJSONSchemaValidationDeprecation",
                                    "GetMetaKeyWarning",
                                    "InternalDeprecation",
                                    "InvalidConcurrentBatchesConfig",
                                    "InvalidMacroAnnotation",
                                    "InvalidValueForField",
                                    "JinjaLogWarning",
                                    "LogFreshnessResult",
                                    "LogTestResult",
                                    "MFCumulativeTypeParamsDeprecation",
                                    "MFTimespineWithoutYamlConfigurationDeprecation",
                                    "MacroNotFoundForPatch",
                                    "MetricAttributesRenamed",
                                    "MicrobatchMacroOutsideOfBatchesDeprecation",
                                    "MicrobatchModelNoEventTimeInputs",
                                    "MissingArgumentsPropertyInGenericTestDeprecation",
                                    "MissingPlusPrefixDeprecation",
                                    "ModelParamUsageDeprecation",
                                    "ModulesItertoolsUsageDeprecation",
                                    "NoNodeForYamlKey",
                                    "NoNodesForSelectionCriteria",
                                    "NoNodesSelected",
                                    "NodeNotFoundOrDisabled",
                                    "Note",
                                    "NothingToDo",
                                    "PackageInstallPathDeprecation",
                                    "PackageMaterializationOverrideDeprecation",
                                    "PackageNodeDependsOnRootProjectNode",
                                    "PackageRedirectDeprecation",
                                    "ProjectFlagsMovedDeprecation",
                                    "PropertyMovedToConfigDeprecation",
                                    "ResourceNamesWithSpacesDeprecation",
                                    "RunResultWarning",
                                    "RunResultWarningMessage",
                                    "SeedExceedsLimitAndPathChanged",
                                    "SeedExceedsLimitChecksumChanged",
                                    "SeedExceedsLimitSamePath",
                                    "SeedIncreased",
                                    "SemanticValidationFailure",
                                    "SnapshotTimestampWarning",
                                    "SourceFreshnessProjectHooksNotRun",
                                    "SourceOverrideDeprecation",
                                    "TestsConfigDeprecation",
                                    "UnexpectedJinjaBlockDeprecation",
                                    "UnsupportedConstraintMaterialization",
                                    "UnusedResourceConfigPath",
                                    "UnusedTables",
                                    "UnversionedBreakingChange",
                                    "UpcomingReferenceDeprecation",
                                    "ValidationWarning",
                                    "WEOIncludeExcludeDeprecation",
                                    "WarnStateTargetEqual",
                                    "WrongResourceSchemaFile"};

static lt_text event_name(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(names[i]);
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
        while (k < LT_COUNT(names) && !lt_text_eq(lt_text_of(names[k]), name))
            k++;
        if (k < LT_COUNT(names) || lt_text_eq(name, T("Deprecations")))
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "--warn-error-options: there is no warning '%.*s'",
                          LT_ARG(name)));
        if (lt_text_nearest(name, LT_COUNT(names), event_name, NULL, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return err->status;
    }
    return LT_OK;
}

/* The list of `name`, or of its older name. */
static lt_status either(lt_jinja_value dict, const char *name, const char *older,
                        lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value value = {0};
    bool is_older = lt_jinja_find(dict, lt_text_of(older), &value);
    *out = value;
    if (!lt_jinja_find(dict, lt_text_of(name), &value))
        return LT_OK;
    if (is_older)
        return lt_fail(err, LT_INVALID,
                       "--warn-error-options: Only `%s` or `%s` can be specified, not both", older,
                       name);
    *out = value;
    return LT_OK;
}

lt_status dbt_warn_read(const dbt_flags *flags, lt_jinja_heap *heap, dbt_warn_rules *out,
                        lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    lt_yaml *root = NULL;
    lt_jinja_value handles_all = lt_jinja_none();
    if (flags->project.type == LT_JINJA_DICT)
        (void)lt_jinja_find(flags->project, T("require_all_warnings_handled_by_warn_error"),
                            &handles_all);
    *out =
        (dbt_warn_rules){.all = flags->warn_error == 1, .handles_all = lt_jinja_truth(handles_all)};
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
    lt_jinja_value older;
    out->has_include = lt_jinja_find(said, T("include"), &older);
    out->has_exclude = lt_jinja_find(said, T("exclude"), &older);
    LT_TRY(either(said, "error", "include", &out->error, err));
    LT_TRY(either(said, "warn", "exclude", &out->warn, err));
    if (!lt_jinja_find(said, T("silence"), &out->silence))
        out->silence = (lt_jinja_value){0};
    out->all = is_all(out->error);
    if (!out->all)
        LT_TRY(check_names(out->error, err));
    LT_TRY(check_names(out->warn, err));
    return check_names(out->silence, err);
}

/* dbt makes no error of these without the flag require_all_warnings_handled_by_warn_error. */
static bool is_only_said(const dbt_warn_rules *rules, lt_text event)
{
    static const char *const only_said[] = {"MicrobatchModelNoEventTimeInputs",
                                            "SemanticValidationFailure", "WarnStateTargetEqual"};
    for (size_t i = 0; i < LT_COUNT(only_said) && !rules->handles_all; i++)
        if (lt_text_eq(lt_text_of(only_said[i]), event))
            return true;
    return false;
}

static bool has(lt_jinja_value list, lt_text name)
{
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++)
        if (lt_text_eq(lt_jinja_as_text(lt_jinja_at(list, i)), name))
            return true;
    return false;
}

/* An event that is named goes before "Deprecations", and that before "all"; silence before warn before error. */
static bool is_said_of(const dbt_warn_rules *rules, lt_text event, bool *is_error, bool *is_silent)
{
    *is_silent = has(rules->silence, event);
    bool warns = has(rules->warn, event), errs = has(rules->error, event);
    *is_error = errs && !warns && !*is_silent;
    return *is_silent || warns || errs;
}

static void judge(const dbt_warn_rules *rules, const lt_dbt_event_facts *event, bool *is_error,
                  bool *is_silent)
{
    lt_text name = lt_text_of(event->name);
    *is_error = *is_silent = false;
    if (is_only_said(rules, name) || is_said_of(rules, name, is_error, is_silent))
        return;
    if (event->code[0] == 'D' && is_said_of(rules, T("Deprecations"), is_error, is_silent))
        return;
    *is_error = rules->all;
    *is_silent = false;
}

bool dbt_warn_is_silent(const dbt_warn_rules *rules, const lt_dbt_event_facts *event)
{
    bool is_error, is_silent;
    judge(rules, event, &is_error, &is_silent);
    return is_silent;
}

bool dbt_warn_is_error(const dbt_warn_rules *rules, const lt_dbt_event_facts *event)
{
    bool is_error, is_silent;
    judge(rules, event, &is_error, &is_silent);
    return is_error;
}
