/* warning.h - what people are warned of, under the names of dbt's events. */
#pragma once
#include "base/text.h"
#include "base/vec.h"

#include <stdbool.h>

typedef enum lt_dbt_event {
    LT_DBT_NOTE,
    /* of the project */
    LT_DBT_BREAKING_CHANGE,
    LT_DBT_CONSTRAINT_IGNORED,
    LT_DBT_UNUSED_PATHS,
    LT_DBT_FRESHNESS_PROBLEM,
    LT_DBT_NO_MACRO,
    LT_DBT_NO_NODE,
    LT_DBT_NOT_FOUND,
    LT_DBT_WRONG_FILE,
    LT_DBT_UNUSED_OVERRIDES,
    LT_DBT_BAD_ENTRY,
    LT_DBT_UNFILTERED_BATCHES,
    LT_DBT_CONCURRENT_BATCHES,
    LT_DBT_ROOT_DEPENDENCY,
    LT_DBT_SPACES_IN_NAME,
    LT_DBT_SEED_GREW,
    LT_DBT_SEED_IS_LARGE,
    LT_DBT_SEED_MOVED,
    LT_DBT_DEPRECATED_MODEL,
    LT_DBT_UPCOMING_REFERENCE,
    LT_DBT_DEPRECATED_REFERENCE,
    LT_DBT_TEMPLATE_WARNS,
    /* of a command */
    LT_DBT_NO_CRITERION,
    LT_DBT_NOTHING_TO_DO,
    LT_DBT_CATALOG_ERROR,
    LT_DBT_SUMMARY,
    /* ways that will go; these are counted */
    LT_DBT_PACKAGE_REDIRECT,
    LT_DBT_INSTALL_PATH,
    LT_DBT_SOURCE_PATHS,
    LT_DBT_DATA_PATHS,
    LT_DBT_EXPOSURE_NAME,
    LT_DBT_VARIABLE_RENAMED,
    LT_DBT_LOG_PATH,
    LT_DBT_TARGET_PATH,
    LT_DBT_FLAGS_MOVED,
    LT_DBT_SPACES,
    LT_DBT_OVERRIDDEN_MATERIALIZATION,
    LT_DBT_FRESHNESS_HOOKS,
    LT_DBT_BARE_TIME_SPINE,
    LT_DBT_CUMULATIVE_PARAMS,
    LT_DBT_MICROBATCH_MACRO,
    LT_DBT_UNEXPECTED_BLOCK,
    LT_DBT_DUPLICATE_KEY,
    LT_DBT_TOP_LEVEL_KEY,
    LT_DBT_CONFIG_KEY,
    LT_DBT_OBJECT_KEY,
    LT_DBT_FRESHNESS_OUTPUT,
    LT_DBT_MOVED_TO_CONFIG,
    LT_DBT_INCLUDE_EXCLUDE,
    LT_DBT_MODEL_PARAM,
    LT_DBT_ITERTOOLS,
    LT_DBT_SOURCE_OVERRIDE,
    LT_DBT_VARIABLE_NAMESPACE,
    LT_DBT_MISSING_PLUS,
    LT_DBT_TEST_ARGUMENTS,
    LT_DBT_TEST_NO_ARGUMENTS,
    LT_DBT_SHARED_NAME,
    LT_DBT_EVENTS
} lt_dbt_event;

/* What a template says: log(), log(info=True), print(), exceptions.warn(). */
typedef enum lt_dbt_said { LT_DBT_LOGGED, LT_DBT_TOLD, LT_DBT_PRINTED, LT_DBT_WARNED } lt_dbt_said;

/* How dbt words its lines. */
typedef enum lt_dbt_wording {
    LT_DBT_WARNS,              /* "[WARNING]: ..." */
    LT_DBT_PLAINLY,            /* as it is */
    LT_DBT_WRAPPED,            /* "[WARNING]: ..." in lines of the printer's width */
    LT_DBT_DEPRECATES_PLAINLY, /* as the next one, in lines as they are */
    LT_DBT_DEPRECATES, /* "[WARNING]: Deprecated functionality", and below it what; with the event's name where a flag wants that */
    LT_DBT_NAMED,      /* the same, always with its name */
    LT_DBT_NAMELESS    /* the same, never with its name */
} lt_dbt_wording;

typedef struct lt_dbt_event_facts {
    const char *name, *code;
    lt_dbt_wording wording;
    bool counts; /* shown once, and summed up at the end of a command */
} lt_dbt_event_facts;
const lt_dbt_event_facts *lt_dbt_event_facts_of(lt_dbt_event event);

typedef struct lt_dbt_warning {
    lt_text text;
    lt_dbt_event event;
} lt_dbt_warning;
typedef LT_VEC(lt_dbt_warning) lt_dbt_warning_list;
