/* The settings of pipelines/NAME.yml. A new one is a line here and a field in conf.h. */
#include "conf/tables.h"

static const lt_setting task_settings[] = {
    {.name = "sql",
     .type = LT_SET_TEXT,
     .offset = AT(lt_conf_task, sql),
     .required = true,
     .fits = lt_fits_set,
     .wanted = "a statement",
     .help = "a statement for the target. Rendered by each run"},
    {.name = "after",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_task, after),
     .help = "tasks or selectors that must be done before"},
};
static const char *const task_later[] = {"shell", "python",   "http", "notebook", "approve",
                                         "wait",  "pipeline", "when", "retries",  "timeout",
                                         "glue",  "emr",      NULL};

static lt_status check_task(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                            lt_err *err)
{
    const lt_conf_task *task = made;
    if (lt_text_trim(task->sql.raw).len)
        return LT_OK;
    return lt_setting_fail(reader, lt_yaml_find(node, T("sql")), err, "'sql' is empty");
}

static const lt_setting_group task_group = {.name = "a task",
                                            .help = "One step that references cannot say.",
                                            SETTINGS(task_settings),
                                            .size = sizeof(lt_conf_task),
                                            .place_offset = AT(lt_conf_task, place),
                                            .later = task_later,
                                            .check = check_task};

static const lt_setting defaults_settings[] = {
    {.name = "retries",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_defaults, retries),
     .fallback = "2",
     .max = 100,
     .help = "how often a task is tried again when the machine or a service failed"},
    {.name = "backoff",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, backoff_us),
     .fallback = "10s",
     .max = DAY,
     .help = "the pause before the first retry; it doubles each time, with jitter"},
    {.name = "timeout",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, timeout_us),
     .min = SECOND,
     .max = 30 * DAY,
     .shown = "none",
     .help = "how long an attempt may take"},
    {.name = "memory",
     .type = LT_SET_SIZE,
     .offset = AT(lt_conf_defaults, memory_bytes),
     .min = LEAST_MEMORY,
     .max = MOST_MEMORY,
     .shown = "the target's",
     .help = "the most memory that DuckDB may use before it spills to disk"},
    {.name = "threads",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_defaults, threads),
     .min = 1,
     .max = 256,
     .shown = "the target's",
     .help = "how many tasks run at once"},
};
static const lt_setting_group defaults_group = {.name = "'defaults'",
                                                .help =
                                                    "What holds for every task of the pipeline.",
                                                SETTINGS(defaults_settings),
                                                .size = sizeof(lt_conf_defaults),
                                                .place_offset = SIZE_MAX};

static const lt_setting pipeline_settings[] = {
    {.name = "name",
     .type = LT_SET_NAME,
     .offset = AT(lt_conf_pipeline, name),
     .required = true,
     .help = "the pipeline's name: `leat run --pipeline NAME`"},
    {.name = "description",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_pipeline, description),
     .fits = lt_fits_any,
     .wanted = "a text",
     .help = "what it is, for people"},
    {.name = "select",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_pipeline, select),
     .shown = "everything",
     .help = "what is run: selectors such as `+marts` or `tag:daily`"},
    {.name = "exclude",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_pipeline, exclude),
     .help = "what is left out of that"},
    {.name = "tasks",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, tasks),
     .group = &task_group,
     .help = "steps that references cannot say, by name"},
    {.name = "defaults",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_pipeline, defaults),
     .group = &defaults_group,
     .help = "what holds for every task"},
    {.name = "params",
     .type = LT_SET_VALUES,
     .offset = AT(lt_conf_pipeline, params),
     .help = "parameters of a run with their default values"},
};
static const char *const pipeline_later[] = {
    "schedule", "timezone",    "on_object",   "triggers",   "trigger", "notify",
    "when",     "concurrency", "environment", "on_failure", NULL};

const lt_setting_group lt_conf_pipeline_group = {.name = "a pipeline",
                                                 .help =
                                                     "What is run together, and in which order.",
                                                 SETTINGS(pipeline_settings),
                                                 .size = sizeof(lt_conf_pipeline),
                                                 .place_offset = AT(lt_conf_pipeline, place),
                                                 .later = pipeline_later};
