/* Pipelines and their schedules: listed, paused, filled. */
#include "web/api/parts.h"

#include "base/time.h"
#include "sched/ask.h"
#include "state/why.h"

enum { TIMES = 5 };

/* ---- shapes ---- */

static const lt_api_field param_fields[] = {
    {"name", LT_API_TEXT, .needed = true},
    {"type", LT_API_TEXT, .needed = true, .help = "string, int, number, bool, date, enum"},
    {.name = "default", .type = LT_API_TEXT},
    {"options", LT_API_TEXT, .is_list = true, .help = "of an enum"},
    {.name = "help", .type = LT_API_TEXT},
    {"needed", LT_API_BOOL, .needed = true},
};
static const lt_api_shape param_shape = {"Parameter", NULL, LT_API_FIELDS(param_fields)};
static const lt_api_field schedule_fields[] = {
    {.name = "cron", .type = LT_API_TEXT},
    {.name = "every_seconds", .type = LT_API_INT},
    {"timezone", LT_API_TEXT, .needed = true},
    {"next", LT_API_MOMENT, .needed = true, .is_list = true, .help = "the times that come"},
};
static const lt_api_shape schedule_shape = {"Schedule", NULL, LT_API_FIELDS(schedule_fields)};
static const lt_api_field pause_fields[] = {
    {"by", LT_API_TEXT, .needed = true},
    {"at", LT_API_MOMENT, .needed = true},
    {.name = "why", .type = LT_API_TEXT},
};
static const lt_api_shape pause_shape = {"Pause", NULL, LT_API_FIELDS(pause_fields)};
static const lt_api_field pipeline_fields[] = {
    {"name", LT_API_TEXT, .needed = true},
    {.name = "description", .type = LT_API_TEXT},
    {"tasks", LT_API_INT, .needed = true, .help = "that its file names"},
    {"params", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &param_shape},
    {"schedule", LT_API_SHAPE, .shape = &schedule_shape},
    {"paused", LT_API_SHAPE, .shape = &pause_shape, .help = "only while it is"},
    {"why", LT_API_TEXT, .help = "why nothing comes by itself"},
    {"warnings", LT_API_TEXT, .is_list = true,
     .help = "what its runs will need and is not there: variables, files"},
    {"last_run", LT_API_SHAPE, .shape = &lt_api_run_shape, .help = "the newest"},
};
const lt_api_shape lt_api_pipeline_shape = {"Pipeline", NULL, LT_API_FIELDS(pipeline_fields)};
static const lt_api_field pipelines_fields[] = {
    {"pipelines", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_pipeline_shape},
    {"wrong", LT_API_TEXT,
     .help = "what is wrong with the project's files, a line for each; what needs them waits"},
};
const lt_api_shape lt_api_pipelines_shape = {"Pipelines", NULL, LT_API_FIELDS(pipelines_fields)};

static const lt_api_field pausing_fields[] = {
    {"why", LT_API_TEXT, .max = 1000, .help = "shown wherever somebody asks why it does not run"},
};
const lt_api_shape lt_api_pausing_shape = {"Pausing", NULL, LT_API_FIELDS(pausing_fields)};
static const lt_api_field paused_fields[] = {
    {"changed", LT_API_BOOL, .needed = true, .help = "it was not so before"},
};
const lt_api_shape lt_api_paused_shape = {"Paused", NULL, LT_API_FIELDS(paused_fields)};

static const lt_api_field backfill_fields[] = {
    {"from", LT_API_MOMENT, .needed = true, .help = "ticks from this moment on"},
    {"to", LT_API_MOMENT, .needed = true, .help = "ticks before this moment"},
    {.name = "params", .type = LT_API_OBJECT},
    {"reverse", LT_API_BOOL, .help = "the newest first"},
    {"parallel", LT_API_INT, .min = 1, .max = 1000,
     .help = "so many of the pipeline's backfills at once [as overlap and max_active say]"},
    {"dry_run", LT_API_BOOL, .help = "only say which ticks there are"},
};
const lt_api_shape lt_api_backfill_shape = {"Backfill", NULL, LT_API_FIELDS(backfill_fields)};
static const lt_api_field tick_fields[] = {
    {"tick", LT_API_MOMENT, .needed = true},
    {"run", LT_API_INT, .help = "that it has"},
};
static const lt_api_shape tick_shape = {"Tick", NULL, LT_API_FIELDS(tick_fields)};
static const lt_api_field filled_fields[] = {
    {"asked", LT_API_INT, .needed = true, .help = "runs that are new"},
    {"known", LT_API_INT, .needed = true, .help = "ticks that had a run already"},
    {"ticks", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &tick_shape},
};
const lt_api_shape lt_api_filled_shape = {"Filled", NULL, LT_API_FIELDS(filled_fields)};

/* ---- writing ---- */

static void write_params(lt_json_writer *w, const lt_conf_params *params)
{
    lt_json_key(w, T("params"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < params->len; i++) {
        const lt_conf_param *param = &params->items[i];
        lt_json_begin(w, '{');
        lt_json_set(w, "name", param->name);
        lt_json_set(w, "type", lt_text_of(lt_conf_param_type_name(param->type)));
        if (param->fallback)
            lt_json_set(w, "default", param->fallback->text);
        if (param->type == LT_PARAM_ENUM) {
            lt_json_key(w, T("options"));
            lt_json_begin(w, '[');
            for (size_t k = 0; k < param->options.len; k++)
                lt_json_string(w, param->options.items[k]);
            lt_json_end(w);
        }
        lt_api_set_text(w, "help", param->help);
        lt_json_set_bool(w, "needed", !param->fallback);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void write_schedule(lt_json_writer *w, const lt_conf_schedule *said,
                           const lt_sched_view *view)
{
    char text[LT_TIME_CHARS];
    if (!view->has_schedule)
        return;
    lt_json_key(w, T("schedule"));
    lt_json_begin(w, '{');
    lt_api_set_text(w, "cron", said->cron_text);
    if (said->every_us)
        lt_json_set_int(w, "every_seconds", said->every_us / 1000000);
    lt_json_set(w, "timezone", lt_text_of(said->zone ? lt_zone_name(said->zone) : "UTC"));
    lt_json_key(w, T("next"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < view->next_s.len; i++)
        lt_json_string(w, lt_text_of(lt_time_write(view->next_s.items[i] * 1000000, text)));
    lt_json_end(w);
    lt_json_end(w);
}

static void write_warnings(lt_json_writer *w, const lt_texts *warnings)
{
    if (!warnings->len)
        return;
    lt_json_key(w, T("warnings"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < warnings->len; i++)
        lt_json_string(w, warnings->items[i]);
    lt_json_end(w);
}

static lt_status write_pipeline(lt_api_call *call, const lt_project *project,
                                const lt_conf_pipeline *pipeline, size_t times, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_sched_view view;
    LT_TRY(lt_sched_look_at(project, pipeline, call->state, times, call->arena, &view, err));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", pipeline->name);
    lt_api_set_text(w, "description", pipeline->description);
    lt_json_set_int(w, "tasks", (int64_t)pipeline->tasks.len);
    write_params(w, &pipeline->typed);
    write_schedule(w, &pipeline->schedule, &view);
    if (view.record.paused_at_us) {
        lt_json_key(w, T("paused"));
        lt_json_begin(w, '{');
        lt_json_set(w, "by", view.record.paused_by);
        lt_api_set_moment(w, "at", view.record.paused_at_us);
        lt_api_set_text(w, "why", view.record.paused_why);
        lt_json_end(w);
    }
    lt_api_set_text(w, "why", view.why_not);
    write_warnings(w, &pipeline->warnings);
    if (view.has_run) {
        lt_json_key(w, T("last_run"));
        LT_TRY(lt_api_write_run(call, &view.newest, err));
    }
    lt_json_end(w);
    return LT_OK;
}

/* ---- looking ---- */

static lt_status write_all(lt_api_call *call, const lt_project *project, lt_text wrong, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_json_begin(w, '{');
    lt_json_key(w, T("pipelines"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < project->pipelines.len; i++)
        if (lt_api_reaches(call, project->pipelines.items[i].name))
            LT_TRY(write_pipeline(call, project, &project->pipelines.items[i], 1, err));
    lt_json_end(w);
    lt_api_set_text(w, "wrong", wrong);
    lt_json_end(w);
    return LT_OK;
}

lt_status lt_api_list_pipelines(lt_api_call *call, lt_err *err)
{
    lt_text wrong;
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = write_all(call, project, wrong, err);
    lt_sched_project_done(call->api->options.sched);
    return status;
}

lt_status lt_api_get_pipeline(lt_api_call *call, lt_err *err)
{
    lt_text wrong;
    const lt_conf_pipeline *pipeline;
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = lt_sched_pipeline(project, call->path[0], &pipeline, err);
    if (status == LT_OK)
        status = write_pipeline(call, project, pipeline, TIMES, err);
    lt_sched_project_done(call->api->options.sched);
    return status;
}

/* ---- pauses ---- */

static lt_status set_pause(lt_api_call *call, lt_text by, lt_err *err)
{
    bool changed = false;
    lt_text wrong;
    lt_text why = by.len ? lt_api_body(call, "why") : (lt_text){0};
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = lt_sched_pausable(project, call->state, call->path[0], err);
    lt_sched_project_done(call->api->options.sched);
    LT_TRY(status);
    LT_TRY(lt_state_pause(call->state, call->path[0], by, why, &changed, err));
    call->audit_detail = why;
    lt_json_begin(&call->json, '{');
    lt_json_set_bool(&call->json, "changed", changed);
    lt_json_end(&call->json);
    return LT_OK;
}

lt_status lt_api_pause_pipeline(lt_api_call *call, lt_err *err)
{
    return set_pause(call, call->actor.by, err);
}

lt_status lt_api_resume_pipeline(lt_api_call *call, lt_err *err)
{
    return set_pause(call, T(""), err);
}

/* ---- backfills ---- */

static lt_status make_runs(lt_api_call *call, lt_run_record **runs, size_t *count, lt_err *err)
{
    lt_text wrong;
    lt_texts params = {0};
    const lt_conf_pipeline *pipeline;
    LT_TRY(lt_api_read_params(call, &params, err));
    lt_sched_range range = {.from_us = lt_api_body_moment(call, "from"),
                            .to_us = lt_api_body_moment(call, "to"),
                            .reverse = lt_json_bool_or(call->body, "reverse", false),
                            .parallel = lt_api_body_int(call, "parallel", 0),
                            .params = &params};
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = lt_sched_pipeline(project, call->path[0], &pipeline, err);
    if (status == LT_OK)
        status = lt_sched_backfill(project, pipeline, &range, call->arena, runs, count, err);
    for (size_t i = 0; status == LT_OK && i < *count; i++)
        (*runs)[i].pipeline = call->path[0];
    lt_sched_project_done(call->api->options.sched);
    return status;
}

/* Which of them have runs: the state is not changed. */
static lt_status find_known(lt_api_call *call, lt_run_record *runs, size_t count, lt_err *err)
{
    for (size_t i = 0; i < count; i++) {
        lt_run_record known;
        lt_status status =
            lt_state_run_by_key(call->state, runs[i].run_key, call->arena, &known, err);
        if (status != LT_OK && status != LT_NOT_FOUND)
            return status;
        runs[i].id = status == LT_OK ? known.id : 0;
        runs[i].claim = status != LT_OK;
    }
    return LT_OK;
}

lt_status lt_api_backfill(lt_api_call *call, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_run_record *runs = NULL;
    size_t count = 0, made = 0;
    bool dry = lt_json_bool_or(call->body, "dry_run", false);
    LT_TRY(make_runs(call, &runs, &count, err));
    LT_TRY(dry ? find_known(call, runs, count, err)
               : lt_state_supervise(call->state, runs, count, err));
    lt_json_begin(w, '{');
    lt_json_key(w, T("ticks"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < count; i++) {
        made += runs[i].claim != 0;
        lt_json_begin(w, '{');
        lt_api_set_moment(w, "tick", runs[i].clock_us);
        if (runs[i].id)
            lt_json_set_int(w, "run", runs[i].id);
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_set_int(w, "asked", dry ? 0 : (int64_t)made);
    lt_json_set_int(w, "known", (int64_t)(count - made));
    lt_json_end(w);
    call->audit_detail = lt_text_of(
        lt_arena_format(call->arena, "{\"asked\": %zu%s}", made, dry ? ", \"dry_run\": true" : ""));
    return LT_OK;
}
