/* Words of the command line, variables of the environment and places of flags that dbt gives up, and warns of. */
#include "cli/dbt/work.h"

#include <unistd.h>

#define PREFIX "DBT_ENGINE_"

static lt_status warn_of_renamed(dbt_work *work, lt_err *err)
{
    for (size_t i = 0; i < work->flags->renamed.len; i++) {
        const dbt_renamed *one = &work->flags->renamed.items[i];
        LT_TRY(dbt_work_warn(work, LT_DBT_VARIABLE_RENAMED, err,
                             "The environment variable `%s` has been renamed as `%s`.\n"
                             "If `%s` is currently set, its value will be used instead of `%s`.\n"
                             "Set `%s` and unset `%s` to avoid this deprecation warning and ensure "
                             "it works properly in a future release.",
                             one->old, one->now, one->old, one->now, one->now, one->old));
    }
    return LT_OK;
}

static lt_status warn_of_namespace(dbt_work *work, lt_err *err)
{
    for (char **at = environ; *at; at++) {
        lt_text whole = lt_text_of(*at), name;
        if (!lt_text_starts(whole, T(PREFIX)) || !lt_text_cut(&whole, '=', &name) ||
            dbt_flags_has_variable(lt_text_sub(name, strlen(PREFIX), SIZE_MAX)))
            continue;
        LT_TRY(dbt_work_warn(work, LT_DBT_VARIABLE_NAMESPACE, err,
                             "Found custom environment variable `%.*s` in the environment. The "
                             "prefix `%s` is reserved for dbt engine environment variables. Custom "
                             "environment variables with the prefix `%s` may cause collisions and "
                             "runtime errors.",
                             LT_ARG(name), PREFIX, PREFIX));
    }
    return LT_OK;
}

static lt_status warn_of_options(dbt_work *work, lt_err *err)
{
    bool include = work->warnings.has_include, exclude = work->warnings.has_exclude;
    if (!include && !exclude)
        return LT_OK;
    return dbt_work_warn(work, LT_DBT_INCLUDE_EXCLUDE, err,
                         "Found %s%s%s in `warn_error_options` specification.%s%s",
                         include ? "`include`" : "", include && exclude ? " and " : "",
                         exclude ? "`exclude`" : "",
                         include ? " Please use `error` instead of `include`." : "",
                         exclude ? " Please use `warn` instead of `exclude`." : "");
}

lt_status dbt_work_old_ways(dbt_work *work, lt_err *err)
{
    LT_TRY(warn_of_renamed(work, err));
    LT_TRY(warn_of_options(work, err));
    if (work->has_old_flags)
        LT_TRY(dbt_work_warn(work, LT_DBT_FLAGS_MOVED, err,
                             "User config should be moved from the 'config' key in profiles.yml to "
                             "the 'flags' key in dbt_project.yml."));
    if (work->flags->names_models)
        LT_TRY(dbt_work_warn(work, LT_DBT_MODEL_PARAM, err,
                             "Usage of `--models`, `--model`, and `-m` is deprecated in favor of "
                             "`--select` or `-s`."));
    return warn_of_namespace(work, err);
}
