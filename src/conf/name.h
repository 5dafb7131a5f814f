/* name.h - every name that the templates of a project's files may ask for, in one table.
 *
 * The rooms that give the values (scope.c, run/names.c) take the names from here, and what is read is checked against it
 * (check.c), so neither can know a name that the other does not. Names of parameters, tasks and items are not here: files give them. */
#pragma once
#include "conf/conf.h"

typedef enum lt_name_id {
    /* everywhere */
    LT_NAME_VAR,
    LT_NAME_ENV_VAR,
    LT_NAME_SECRET,
    LT_NAME_PROJECT_NAME,
    LT_NAME_RUN_ID,
    LT_NAME_INVOCATION_ID,
    LT_NAME_RUN_STARTED_AT,
    LT_NAME_RUN_DATE,
    /* in tasks of pipelines */
    LT_NAME_PARAMS,
    LT_NAME_OUTPUTS,
    LT_NAME_PIPELINE,
    LT_NAME_TASK,
    LT_NAME_RUN_STATUS,
    LT_NAME_RUN_SUMMARY,
    LT_NAME_INTERVAL_START,
    LT_NAME_INTERVAL_END,
    LT_NAME_TRIGGER,
    /* in tasks of an item of for_each, with the item's own name */
    LT_NAME_INDEX,
    LT_NAMES
} lt_name_id;

typedef enum lt_name_kind {
    LT_NAME_IS_FUNCTION,
    LT_NAME_IS_TEXT,
    LT_NAME_IS_NUMBER,
    LT_NAME_IS_MOMENT,
    LT_NAME_IS_MAPPING, /* its keys are not known before */
} lt_name_kind;

typedef enum lt_name_where { LT_NAME_ANYWHERE, LT_NAME_IN_TASK, LT_NAME_IN_ITEM } lt_name_where;

typedef struct lt_name {
    lt_text name;
    lt_name_kind kind;
    lt_name_where where;
} lt_name;
extern const lt_name lt_names[LT_NAMES];

/* Which of them is called so; LT_NAMES: none. */
lt_name_id lt_name_find(lt_text name);

/* What can be known of the output of a task (the value of outputs.NAME). */
enum { LT_OUTPUT_KEYS = 5 };
typedef struct lt_output_keys {
    bool any;  /* whatever the task writes */
    bool none; /* it has no output */
    const char *keys[LT_OUTPUT_KEYS];
} lt_output_keys;
lt_output_keys lt_conf_output_keys(const lt_conf_task *task);
