/* The table of names that templates may ask for, and what outputs of tasks hold. */
#include "conf/name.h"

const lt_name lt_names[LT_NAMES] = {
    [LT_NAME_VAR] = {T("var"), LT_NAME_IS_FUNCTION, LT_NAME_ANYWHERE},
    [LT_NAME_ENV_VAR] = {T("env_var"), LT_NAME_IS_FUNCTION, LT_NAME_ANYWHERE},
    [LT_NAME_SECRET] = {T("secret"), LT_NAME_IS_FUNCTION, LT_NAME_ANYWHERE},
    [LT_NAME_PROJECT_NAME] = {T("project_name"), LT_NAME_IS_TEXT, LT_NAME_ANYWHERE},
    [LT_NAME_RUN_ID] = {T("run_id"), LT_NAME_IS_TEXT, LT_NAME_ANYWHERE},
    [LT_NAME_INVOCATION_ID] = {T("invocation_id"), LT_NAME_IS_TEXT, LT_NAME_ANYWHERE},
    [LT_NAME_RUN_STARTED_AT] = {T("run_started_at"), LT_NAME_IS_MOMENT, LT_NAME_ANYWHERE},
    [LT_NAME_RUN_DATE] = {T("run_date"), LT_NAME_IS_TEXT, LT_NAME_ANYWHERE},
    [LT_NAME_PARAMS] = {T("params"), LT_NAME_IS_MAPPING, LT_NAME_IN_TASK},
    [LT_NAME_OUTPUTS] = {T("outputs"), LT_NAME_IS_MAPPING, LT_NAME_IN_TASK},
    [LT_NAME_PIPELINE] = {T("pipeline"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_TASK] = {T("task"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_RUN_STATUS] = {T("run_status"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_RUN_SUMMARY] = {T("run_summary"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_INTERVAL_START] = {T("interval_start"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_INTERVAL_END] = {T("interval_end"), LT_NAME_IS_TEXT, LT_NAME_IN_TASK},
    [LT_NAME_TRIGGER] = {T("trigger"), LT_NAME_IS_MAPPING, LT_NAME_IN_TASK},
    [LT_NAME_INDEX] = {T("index"), LT_NAME_IS_NUMBER, LT_NAME_IN_ITEM},
};

lt_name_id lt_name_find(lt_text name)
{
    size_t i = 0;
    while (i < LT_NAMES && !lt_text_eq(lt_names[i].name, name))
        i++;
    return (lt_name_id)i;
}

/* ---- outputs ---- */

static lt_output_keys keys_of_wait(const lt_conf_wait *wait)
{
    lt_output_keys made = {0};
    size_t count = 0;
    static const char *const object[] = {"key", "size", "count"};
    for (size_t i = 0; i < LT_COUNT(object) && wait->object.key.raw.ptr; i++)
        made.keys[count++] = object[i];
    if (wait->http.url.raw.ptr) {
        made.keys[count++] = "status";
        made.keys[count++] = "body";
    }
    if (wait->sql.raw.ptr)
        made.keys[count++] = "value";
    made.none = !count; /* waiting for a moment */
    if (wait->deadline_us && count)
        made.keys[count++] = "late";
    return made;
}

lt_output_keys lt_conf_output_keys(const lt_conf_task *task)
{
    static const lt_output_keys known[LT_DO_KINDS] = {
        [LT_DO_EXTRACT] = {.none = true},
        [LT_DO_LOAD] = {.none = true},
        [LT_DO_BUILD] = {.none = true},
        [LT_DO_TEST] = {.none = true},
        [LT_DO_SQL] = {.keys = {"rows"}},
        [LT_DO_SHELL] = {.any = true},
        [LT_DO_PYTHON] = {.any = true},
        [LT_DO_NOTEBOOK] = {.any = true},
        [LT_DO_HTTP] = {.keys = {"status", "body"}},
        [LT_DO_NOTIFY] = {.none = true},
        [LT_DO_APPROVE] = {.keys = {"by", "comment"}},
        [LT_DO_PIPELINE] = {.keys = {"run", "status"}},
        [LT_DO_FOR_EACH] = {.keys = {"count", "succeeded", "failed"}},
        [LT_DO_CHOOSE] = {.keys = {"branch"}},
    };
    if (task->kind == LT_DO_WAIT)
        return keys_of_wait(&task->wait);
    if (task->kind == LT_DO_SQL && task->returns == LT_RETURN_ROW) /* its columns */
        return (lt_output_keys){.any = true};
    return known[task->kind];
}
