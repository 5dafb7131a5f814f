/* leat trigger, backfill, pause, resume: what people ask of the server. */
#include "cli/cmd.h"

#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/grid.h"
#include "cli/work.h"
#include "sched/ask.h"
#include "sched/fill.h"

static lt_texts texts_of(lt_app *app, const lt_strings *strings)
{
    lt_texts out = {0};
    for (size_t i = 0; i < strings->len; i++)
        lt_push_in(&app->arena, &out, lt_text_of(strings->items[i]));
    return out;
}

/* Whoever asks should know that nobody listens. */
static void say_server(lt_app *app, const lt_workspace *workspace)
{
    if (!lt_state_has_server(workspace->state))
        lt_out_str(&app->out, "no server works in this home: 'leat up' begins what waits\n");
}

static lt_status read_moment(const char *option, const char *text, int64_t *out, lt_err *err)
{
    *out = 0;
    if (!text || lt_time_read(lt_text_of(text), out))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is no moment", option, text));
    return lt_hint(err, "write 2026-11-22 or 2026-11-22T06:00:00Z");
}

/* ---- trigger ---- */

/* A pause holds back what begins by itself; who asks for a run by hand may have forgotten it. */
static lt_status say_paused(lt_app *app, const lt_workspace *workspace,
                            const lt_conf_pipeline *pipeline, lt_err *err)
{
    lt_schedule_record record;
    LT_AUTO(lt_buf) how = {0};
    LT_TRY(lt_state_schedule_get(workspace->state, pipeline->name, &app->arena, &record, err));
    if (!record.paused_at_us)
        return LT_OK;
    lt_sched_say_paused(&record, &how);
    lt_out_printf(&app->out, "%.*s is %s; this run begins all the same\n", LT_ARG(pipeline->name),
                  lt_buf_chars(&how));
    return LT_OK;
}

typedef struct trigger_opts {
    lt_strings params;
    const char *key, *at;
} trigger_opts;

static const lt_opt trigger_table[] = {
    {.name = "param",
     .letter = 'P',
     .type = LT_OPT_LIST,
     LT_AT(trigger_opts, params),
     .value = "NAME=VALUE",
     .help = "a parameter of the pipeline"},
    {.name = "key",
     .type = LT_OPT_TEXT,
     LT_AT(trigger_opts, key),
     .value = "KEY",
     .help = "who asks again with the same key gets the same run"},
    {.name = "at",
     .type = LT_OPT_TEXT,
     LT_AT(trigger_opts, at),
     .value = "MOMENT",
     .help = "not before this moment"},
};

static lt_status trigger(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const trigger_opts *given = opts;
    const lt_conf_pipeline *pipeline;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_run_record run;
    lt_texts params = texts_of(app, &given->params);
    lt_sched_wish wish = {.by = lt_work_who(app), .key = lt_text_of(given->key), .params = &params};
    LT_TRY(read_moment("at", given->at, &wish.at_us, err));
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    LT_TRY(lt_work_pipeline(workspace, args->items[0], &pipeline, err));
    LT_TRY(lt_sched_wish_run(pipeline, &wish, &app->arena, &run, err));
    LT_TRY(lt_state_supervise(workspace->state, &run, 1, err));
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"run\": %lld, \"known\": %s}\n", (long long)run.id,
                      run.claim ? "false" : "true");
    else if (!run.claim)
        lt_out_printf(&app->out, "run %lld has this key already\n", (long long)run.id);
    else
        lt_out_printf(&app->out, "run %lld is asked for\n", (long long)run.id);
    if (app->globals.json)
        return LT_OK;
    say_server(app, workspace);
    return say_paused(app, workspace, pipeline, err);
}

const lt_cmd lt_cmd_trigger = {
    .name = "trigger",
    .help = "ask the server for a run of a pipeline",
    .args = "PIPELINE",
    .about = "The run is recorded at once and begun by 'leat up'. 'leat run --pipeline' does one "
             "here and now instead.",
    .examples = "leat trigger daily --param day=2026-11-22\nleat trigger daily --at "
                "2026-11-23T06:00:00Z\tonce, at that moment\n",
    .group = LT_GROUP_RUN,
    .opts = trigger_table,
    .opt_count = LT_COUNT(trigger_table),
    .opts_size = sizeof(trigger_opts),
    .run = trigger,
};

/* ---- backfill ---- */

typedef struct backfill_opts {
    const char *from, *to;
    lt_strings params;
    bool dry_run, reverse, ask;
    int64_t parallel;
} backfill_opts;

static const lt_opt backfill_table[] = {
    {.name = "from",
     .type = LT_OPT_TEXT,
     LT_AT(backfill_opts, from),
     .value = "MOMENT",
     .help = "ticks from this moment on"},
    {.name = "to",
     .type = LT_OPT_TEXT,
     LT_AT(backfill_opts, to),
     .value = "MOMENT",
     .help = "ticks before this moment"},
    {.name = "param",
     .letter = 'P',
     .type = LT_OPT_LIST,
     LT_AT(backfill_opts, params),
     .value = "NAME=VALUE",
     .help = "a parameter of the pipeline"},
    {.name = "reverse",
     .type = LT_OPT_FLAG,
     LT_AT(backfill_opts, reverse),
     .help = "the newest first"},
    {.name = "parallel",
     .type = LT_OPT_INT,
     LT_AT(backfill_opts, parallel),
     .value = "N",
     .min = 1,
     .max = 1000,
     .help = "so many of the pipeline's backfills at once; else as 'overlap' and 'max_active' say, "
             "without a server one"},
    {.name = "ask",
     .type = LT_OPT_FLAG,
     LT_AT(backfill_opts, ask),
     .help = "only ask: a server that comes later does the runs"},
    {.name = "dry-run",
     .type = LT_OPT_FLAG,
     LT_AT(backfill_opts, dry_run),
     .help = "list the ticks that have no run yet"},
};

static lt_status read_range(const backfill_opts *opts, lt_sched_range *range, lt_err *err)
{
    if (!opts->from || !opts->to)
        return lt_fail(err, LT_INVALID, "a backfill needs --from and --to");
    LT_TRY(read_moment("from", opts->from, &range->from_us, err));
    return read_moment("to", opts->to, &range->to_us, err);
}

static lt_status list_ticks(lt_app *app, lt_workspace *workspace, const lt_run_record *runs,
                            size_t count, lt_err *err)
{
    static const lt_grid_column columns[] = {{T("tick"), LT_CELL_TEXT}, {T("run"), LT_CELL_NUMBER}};
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("to be done");
    for (size_t i = 0; i < count; i++) {
        lt_run_record known;
        lt_status status =
            lt_state_run_by_key(workspace->state, runs[i].run_key, &app->arena, &known, err);
        if (status != LT_OK && status != LT_NOT_FOUND)
            return status;
        lt_text id = {0};
        if (status == LT_OK)
            id = lt_text_of(lt_arena_format(&app->arena, "%lld", (long long)known.id));
        lt_text cells[] = {lt_moment_cell(&app->arena, runs[i].clock_us), id};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

/* ---- without a server ---- */

static void tell_end(void *context, const lt_fill_news *news)
{
    lt_app *app = context;
    const lt_run_record *run = news->run;
    char moment[LT_TIME_CHARS];
    lt_err unsaid;
    if (app->globals.json || app->globals.quiet)
        return;
    lt_out_printf(&app->out, "%zu of %zu  %.19sZ  run %lld  %s  %.1f s%s%.*s\n", news->number,
                  news->count, lt_time_write(run->clock_us, moment), (long long)run->id,
                  lt_run_status_name(run->status),
                  (double)(run->finished_at_us - run->started_at_us) / 1e6,
                  run->message.len ? "  " : "", LT_ARG(run->message));
    lt_ignore(lt_out_flush(&app->out, &unsaid));
}

static lt_status judge_fill(const lt_fill *fill, lt_err *err)
{
    if (fill->left) {
        lt_ignore(lt_fail(err, LT_CANCELLED, "stopped: %zu tick%s not begun", fill->left,
                          fill->left == 1 ? " was" : "s were"));
        return lt_hint(err, "the same command goes on from there");
    }
    if (!fill->failed)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "%zu of the runs failed", fill->failed));
    return lt_hint(err, "'leat runs %lld' shows the first; 'leat retry %lld' does what failed",
                   (long long)fill->first_failed, (long long)fill->first_failed);
}

/* Of pipelines that skip or cancel, or queue, no more than they allow would run anyhow. */
static size_t parallel_here(const lt_conf_pipeline *pipeline, const backfill_opts *opts)
{
    int64_t most = pipeline->overlap == LT_CONF_OVERLAP_ALLOW ? INT64_MAX : pipeline->max_active;
    int64_t usual = pipeline->overlap == LT_CONF_OVERLAP_ALLOW ? 1 : pipeline->max_active;
    return (size_t)LT_MIN(opts->parallel ? opts->parallel : usual, most);
}

static lt_status fill_here(lt_app *app, lt_workspace *workspace, const lt_conf_pipeline *pipeline,
                           const backfill_opts *opts, lt_run_record *runs, size_t count,
                           lt_err *err)
{
    lt_fill fill = {.workspace = workspace,
                    .runs = runs,
                    .count = count,
                    .parallel = parallel_here(pipeline, opts),
                    .tell = tell_end,
                    .context = app};
    lt_stop_on_signals();
    LT_TRY(lt_sched_fill(&fill, err));
    if (app->globals.json)
        lt_out_printf(&app->out,
                      "{\"succeeded\": %zu, \"failed\": %zu, \"known\": %zu, \"left\": %zu}\n",
                      fill.succeeded, fill.failed, fill.known, fill.left);
    else
        lt_out_printf(&app->out, "%zu succeeded, %zu failed; %zu tick%s had run before\n",
                      fill.succeeded, fill.failed, fill.known, fill.known == 1 ? "" : "s");
    return judge_fill(&fill, err);
}

static lt_status fill(lt_app *app, lt_workspace *workspace, const lt_conf_pipeline *pipeline,
                      const backfill_opts *opts, lt_run_record *runs, size_t count, lt_err *err)
{
    size_t made = 0;
    if (opts->dry_run)
        return list_ticks(app, workspace, runs, count, err);
    if (!opts->ask && !lt_state_has_server(workspace->state))
        return fill_here(app, workspace, pipeline, opts, runs, count, err);
    LT_TRY(lt_state_supervise(workspace->state, runs, count, err));
    for (size_t i = 0; i < count; i++)
        made += runs[i].claim != 0;
    if (app->globals.json) {
        lt_out_printf(&app->out, "{\"asked\": %zu, \"known\": %zu}\n", made, count - made);
        return LT_OK;
    }
    lt_out_printf(&app->out, "%zu run%s asked for; %zu tick%s had one already\n", made,
                  made == 1 ? " is" : "s are", count - made, count - made == 1 ? "" : "s");
    say_server(app, workspace);
    return LT_OK;
}

static lt_status backfill(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const backfill_opts *given = opts;
    const lt_conf_pipeline *pipeline;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_run_record *runs = NULL;
    size_t count = 0;
    lt_texts params = texts_of(app, &given->params);
    lt_sched_range range = {
        .reverse = given->reverse, .parallel = given->parallel, .params = &params};
    LT_TRY(read_range(given, &range, err));
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    LT_TRY(lt_work_pipeline(workspace, args->items[0], &pipeline, err));
    LT_TRY(
        lt_sched_backfill(workspace->project, pipeline, &range, &app->arena, &runs, &count, err));
    return fill(app, workspace, pipeline, given, runs, count, err);
}

const lt_cmd lt_cmd_backfill = {
    .name = "backfill",
    .help = "do the runs of a range of ticks",
    .args = "PIPELINE",
    .about =
        "One run for each tick of the schedule in the range that has none yet, with that "
        "tick's clock and interval. Asking again for the same range does nothing twice. Where a "
        "server works, it is asked, and begins as many at once as 'overlap' and 'max_active' "
        "of the pipeline and '--parallel' say. Where none does, the runs are done here: "
        "Ctrl-C begins no more and waits for those under way, and the same command goes on "
        "later.",
    .examples = "leat backfill daily --from 2026-01-01 --to 2026-02-01 --dry-run\n"
                "leat backfill daily --from 2026-01-01 --to 2026-02-01 --reverse\tthe newest "
                "first\n",
    .group = LT_GROUP_RUN,
    .opts = backfill_table,
    .opt_count = LT_COUNT(backfill_table),
    .opts_size = sizeof(backfill_opts),
    .run = backfill,
};

/* ---- pause, resume ---- */

typedef struct pause_opts {
    const char *why;
} pause_opts;

static const lt_opt pause_table[] = {
    {.name = "why",
     .type = LT_OPT_TEXT,
     LT_AT(pause_opts, why),
     .value = "TEXT",
     .help = "shown wherever somebody asks why it does not run"},
};

/* What it is that rests or goes on: "the schedule of daily is", "the triggers of daily are". */
static const char *what_rests(lt_app *app, const lt_project *project, const char *name, bool *many)
{
    const lt_conf_pipeline *pipeline = lt_project_pipeline(project, lt_text_of(name));
    *many = pipeline && pipeline->triggers.len > 0;
    if (!pipeline) /* its file is wrong, or gone */
        return lt_arena_format(&app->arena, "the schedule of %s", name);
    bool has_schedule = pipeline->schedule.place.line != 0;
    if (!has_schedule && !*many)
        return lt_arena_format(&app->arena, "%.*s, which nothing begins by itself,",
                               LT_ARG(pipeline->name));
    return lt_arena_format(&app->arena, "the %s%s%s of %.*s", has_schedule ? "schedule" : "",
                           has_schedule && *many ? " and the " : "", *many ? "triggers" : "",
                           LT_ARG(pipeline->name));
}

static lt_status set_pause(lt_app *app, const char *name, lt_text by, lt_text why, lt_err *err)
{
    bool changed = false;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    const lt_project *project = workspace->project;
    LT_TRY(lt_sched_pausable(project, workspace->state, lt_text_of(name), err));
    LT_TRY(lt_state_pause(workspace->state, lt_text_of(name), by, why, &changed, err));
    bool many;
    const char *what = what_rests(app, project, name, &many);
    const char *is = changed ? (many ? "are" : "is") : (many ? "were already" : "was already");
    if (by.len)
        lt_out_printf(&app->out, "%s %s paused\n", what, is);
    else if (changed)
        lt_out_printf(&app->out, "%s go%s on\n", what, many ? "" : "es");
    else
        lt_out_printf(&app->out, "%s %s going on\n", what, is);
    return LT_OK;
}

static lt_status pause_it(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const pause_opts *given = opts;
    return set_pause(app, args->items[0], lt_work_who(app), lt_text_of(given->why), err);
}

static lt_status resume_it(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    return set_pause(app, args->items[0], T(""), T(""), err);
}

const lt_cmd lt_cmd_pause = {
    .name = "pause",
    .help = "let the schedule of a pipeline rest",
    .args = "PIPELINE",
    .about = "Runs that were asked for already go on; people can still ask for others.",
    .group = LT_GROUP_RUN,
    .opts = pause_table,
    .opt_count = LT_COUNT(pause_table),
    .opts_size = sizeof(pause_opts),
    .run = pause_it,
};

const lt_cmd lt_cmd_resume = {
    .name = "resume",
    .help = "let the schedule of a pipeline go on",
    .args = "PIPELINE",
    .about = "What was missed is made up for as 'catch_up' and 'window' of its schedule say.",
    .group = LT_GROUP_RUN,
    .run = resume_it,
};
