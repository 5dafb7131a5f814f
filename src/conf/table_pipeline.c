/* The settings of pipelines/NAME.yml but for those of a task. A new one is a line here and a field in conf.h. */
#include "conf/tables.h"

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
    {.name = "backoff_max",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, backoff_max_us),
     .fallback = "5m",
     .max = DAY,
     .help = "the longest pause"},
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
    {.name = "grace",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_defaults, grace_us),
     .fallback = "10s",
     .max = DAY,
     .help = "of commands: the time between SIGTERM and SIGKILL"},
    {.name = "processes",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_defaults, processes),
     .fallback = "4096",
     .min = 1,
     .max = 1000000,
     .help = "of commands: the most processes at once"},
    {.name = "log",
     .type = LT_SET_SIZE,
     .offset = AT(lt_conf_defaults, log_bytes),
     .fallback = "64MiB",
     .min = (int64_t)(64 * LT_KIB),
     .max = (int64_t)1 << 40,
     .help = "of commands: how much output is kept"},
};
static const lt_setting_group defaults_group = {.name = "'defaults'",
                                                .help =
                                                    "What holds for every task of the pipeline.",
                                                SETTINGS(defaults_settings),
                                                .size = sizeof(lt_conf_defaults),
                                                .place_offset = SIZE_MAX};

static const char *const overlap_words[] = {"allow", "queue", "skip", "cancel_old"};

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
     .shown = "everything; with `tasks`, what they say",
     .help = "what is run: selectors such as `+marts` or `tag:daily`"},
    {.name = "exclude",
     .type = LT_SET_TEXTS,
     .offset = AT(lt_conf_pipeline, exclude),
     .help = "what is left out of that"},
    {.name = "tasks",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, tasks),
     .group = &lt_conf_task_group,
     .help = "steps that references cannot say, by name"},
    {.name = "on_success",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, on_success),
     .group = &lt_conf_task_group,
     .help = "tasks for when all others have succeeded"},
    {.name = "on_failure",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, on_failure),
     .group = &lt_conf_task_group,
     .help = "tasks for when the others have ended and one has failed"},
    {.name = "on_late",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, on_late),
     .group = &lt_conf_task_group,
     .help = "tasks for when the run is not over after `late_after`; it goes on meanwhile"},
    {.name = "late_after",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_pipeline, late_after_us),
     .min = SECOND / 20,
     .max = MOST_WAIT,
     .shown = "never",
     .help = "how long a run may take before it is late"},
    {.name = "overlap",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_pipeline, overlap),
     .fallback = "allow",
     WORDS(overlap_words),
     .help = "when `max_active` runs of it are under way: begin all the same (`allow`), wait for "
             "the turn (`queue`), do not run (`skip`), stop the others first (`cancel_old`)"},
    {.name = "max_active",
     .type = LT_SET_INT,
     .offset = AT(lt_conf_pipeline, max_active),
     .fallback = "1",
     .min = 1,
     .max = 1000,
     .help = "how many runs of it at once, where `overlap` is not `allow`"},
    {.name = "schedule",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_pipeline, schedule),
     .group = &lt_conf_schedule_group,
     .short_for = "cron",
     .wanted = "a crontab line, or a mapping",
     .help = "when runs begin by themselves, while `leat up` runs: a line as in crontab(5), or a "
             "mapping"},
    {.name = "triggers",
     .type = LT_SET_MAP,
     .offset = AT(lt_conf_pipeline, triggers),
     .group = &lt_conf_trigger_group,
     .help = "events that begin runs by themselves, while `leat up` runs, by name"},
    {.name = "timezone",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_pipeline, zone_name),
     .fits = lt_fits_set,
     .wanted = "a time zone such as Europe/London",
     .shown = "UTC",
     .help = "the clock on whose wall `schedule` is read"},
    {.name = "defaults",
     .type = LT_SET_GROUP,
     .offset = AT(lt_conf_pipeline, defaults),
     .group = &defaults_group,
     .help = "what holds for every task"},
    {.name = "params",
     .type = LT_SET_VALUES,
     .offset = AT(lt_conf_pipeline, params),
     .help = "parameters of a run: `name: default`, or `name: {type: date, default: 2026-01-01, "
             "help: ..., options: [...]}`; types are string, int, number, bool, date and enum. A "
             "mapping without `default` must be given: `--param name=value`"},
};
static const char *const pipeline_later[] = {"notify", "when", "concurrency", "environment", NULL};

static lt_status check_unique(const lt_conf_reader *reader, const lt_conf_tasks *handlers,
                              const lt_conf_tasks *tasks, lt_err *err)
{
    for (size_t i = 0; i < handlers->len; i++)
        for (size_t k = 0; k < tasks->len; k++)
            if (lt_text_eq(handlers->items[i].name, tasks->items[k].name)) {
                lt_ignore(lt_fail(err, LT_INVALID, "the task '%.*s' is there twice",
                                  LT_ARG(handlers->items[i].name)));
                return lt_wrap(err, "%s:%u:%u", reader->file, handlers->items[i].place.line,
                               handlers->items[i].place.col);
            }
    return LT_OK;
}

/* Groups that are not written have their defaults all the same; a schedule without place is none. */
static lt_status check_zones(const lt_conf_reader *reader, lt_conf_pipeline *pipeline,
                             const lt_yaml *node, lt_err *err)
{
    pipeline->zone = lt_zone_utc();
    LT_TRY(lt_conf_read_zone(reader, node, pipeline->zone_name, &pipeline->zone, err));
    if (!pipeline->schedule.zone)
        pipeline->schedule.zone = pipeline->zone;
    if (pipeline->zone_name.len && !pipeline->schedule.place.line)
        return lt_setting_fail(reader, lt_yaml_find(node, T("timezone")), err,
                               "'timezone' needs a 'schedule'");
    return LT_OK;
}

static lt_status check_pipeline(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                                lt_err *err)
{
    lt_conf_pipeline *pipeline = made;
    const lt_conf_tasks *all[] = {&pipeline->tasks, &pipeline->on_success, &pipeline->on_failure,
                                  &pipeline->on_late};
    for (size_t i = 1; i < LT_COUNT(all); i++)
        for (size_t k = 0; k < i; k++)
            LT_TRY(check_unique(reader, all[i], all[k], err));
    if (pipeline->on_late.len && !pipeline->late_after_us)
        return lt_setting_fail(reader, lt_yaml_find(node, T("on_late")), err,
                               "'on_late' needs 'late_after': how long is too long?");
    if (pipeline->late_after_us && !pipeline->on_late.len)
        return lt_setting_fail(reader, lt_yaml_find(node, T("late_after")), err,
                               "'late_after' needs 'on_late': tasks that tell somebody");
    LT_TRY(check_zones(reader, pipeline, node, err));
    LT_TRY(lt_conf_read_params(reader, &pipeline->params, &pipeline->typed, err));
    for (size_t i = 0; i < pipeline->typed.len && pipeline->schedule.place.line; i++)
        if (!pipeline->typed.items[i].fallback)
            return lt_conf_fail(pipeline->typed.items[i].place, err,
                                "a schedule cannot give the parameter '%.*s': it needs a default",
                                LT_ARG(pipeline->typed.items[i].name));
    LT_TRY(lt_conf_check_triggers(&pipeline->triggers, &pipeline->typed, err));
    LT_TRY(lt_conf_check_order(pipeline, err));
    return lt_conf_check_names(reader, &lt_conf_pipeline_group, pipeline, pipeline, err);
}

const lt_setting_group lt_conf_pipeline_group = {.name = "a pipeline",
                                                 .help =
                                                     "What is run together, and in which order.",
                                                 SETTINGS(pipeline_settings),
                                                 .size = sizeof(lt_conf_pipeline),
                                                 .place_offset = AT(lt_conf_pipeline, place),
                                                 .later = pipeline_later,
                                                 .check = check_pipeline};
