/* cli/dbt/work.h - an open dbt project, as the verbs of `leat dbt` need it. */
#pragma once
#include "cli/dbt/flags.h"
#include "cli/dbt/log.h"
#include "cli/dbt/sample.h"
#include "cli/dbt/warn.h"
#include "dbt/artifacts/manifest.h"
#include "dbt/plan/builds.h"
#include "dbt/profile.h"
#include "dbt/run/execute.h"
#include "dbt/select/select.h"

typedef struct dbt_work {
    lt_app *app;
    dbt_flags *flags;
    const dbt_flags *said; /* those of the command line and the environment alone */
    dbt_log log;
    const char *root, *target_folder; /* absolute; the artifacts' */
    lt_jinja_heap heap;               /* of vars, profile, flags */
    lt_scope scope;
    lt_jinja_value vars; /* --vars */
    lt_dbt_profile profile;
    char id[37]; /* of the invocation: a UUID */
    int64_t started_at_us;
    lt_dbt_invocation invocation;
    const char *env_names[256], *env_values[256];
    lt_dbt *dbt;           /* NULL until dbt_work_load() */
    lt_dbt_state state;    /* --state, read when a verb asks for it */
    lt_dbt_state deferred; /* --defer-state, when that is another folder */
    bool has_state, has_deferred;
    dbt_warn_rules warnings;
    dbt_sample sample;          /* --sample */
    const lt_json *before;      /* of retry: the results of the run that it takes up */
    LT_VEC(lt_dbt_again) again; /* of retry: the batches that are left */
    lt_dbt_builds builds;       /* --fill-gaps: before the run */
    bool has_changes;           /* plan: something would be built */
    bool has_old_flags;         /* those of profiles.yml */
    unsigned counted[LT_DBT_EVENTS];
    lt_dbt_event first_counted[LT_DBT_EVENTS]; /* those that were, in their order */
    size_t counted_events;
    pthread_mutex_t counting;
    bool has_said; /* what went wrong stands in the summary already */
} dbt_work;

/* Find the project, its flags, its vars; begin the log. */
LT_MUST_CHECK lt_status dbt_work_open(lt_app *app, dbt_flags *flags, dbt_work *out, lt_err *err);
/* Read the profile. */
LT_MUST_CHECK lt_status dbt_work_profile(dbt_work *work, lt_err *err);
/* Read the profile and the project; say the warnings. Writes manifest.json unless --no-write-json. */
LT_MUST_CHECK lt_status dbt_work_load(dbt_work *work, lt_err *err);
/* manifest.json, and the small files beside it. */
LT_MUST_CHECK lt_status dbt_work_manifest(dbt_work *work, lt_err *err);
/* A warning: said, left out, or an error, as --warn-error and its like want it. Of one that is counted only the first is said,
 * unless --show-all-deprecations. Any thread may call. */
LT_MUST_CHECK lt_status dbt_work_warn(dbt_work *work, lt_dbt_event event, lt_err *err,
                                      const char *format, ...) LT_PRINTF(4, 5);
/* Those of the project, from the one at `first` on. */
LT_MUST_CHECK lt_status dbt_work_say_warnings(dbt_work *work, size_t first, lt_err *err);
/* What was counted, at the end of a command. */
LT_MUST_CHECK lt_status dbt_work_summary(dbt_work *work, lt_err *err);
/* Words of the command line, variables of the environment and places of flags that dbt gives up. */
LT_MUST_CHECK lt_status dbt_work_old_ways(dbt_work *work, lt_err *err);
/* Warnings of models that are past their deprecation_date, or will be, and of those that read them. */
LT_MUST_CHECK lt_status dbt_work_deprecations(dbt_work *work, lt_err *err);
/* References of a node that is compiled now which would mean another version, were that called the latest. */
void dbt_work_unpinned(dbt_work *work, const lt_dbt_node *node);
/* What --defer reads from: --defer-state, else --state. NULL: neither was given. */
LT_MUST_CHECK lt_status dbt_work_deferred(dbt_work *work, const lt_dbt_state **out, lt_err *err);
/* What --select, --exclude and --selector mean, among the kinds of `kinds` (bits) that --resource-type lets through. */
LT_MUST_CHECK lt_status dbt_work_select(dbt_work *work, unsigned kinds, lt_node_set *out,
                                        lt_err *err);
void dbt_work_close(dbt_work *work);
