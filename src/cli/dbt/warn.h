/* cli/dbt/warn.h - which warnings of `leat dbt` are errors, and which are not said: --warn-error, --warn-error-options. */
#pragma once
#include "cli/dbt/flags.h"
#include "dbt/warning.h"

typedef struct dbt_warn_rules {
    bool all;                            /* every warning is an error */
    bool handles_all;                    /* also those that dbt otherwise only says */
    lt_jinja_value error, warn, silence; /* lists of names of events, or undefined */
    bool has_include, has_exclude;       /* the older names of the first two were given */
} dbt_warn_rules;

/* Read '{error: all, warn: [NoNodesForSelectionCriteria], silence: [...]}' (`include` and `exclude` are older names of the first two). */
LT_MUST_CHECK lt_status dbt_warn_read(const dbt_flags *flags, lt_jinja_heap *heap,
                                      dbt_warn_rules *out, lt_err *err);
bool dbt_warn_is_error(const dbt_warn_rules *rules, const lt_dbt_event_facts *event);
bool dbt_warn_is_silent(const dbt_warn_rules *rules, const lt_dbt_event_facts *event);
