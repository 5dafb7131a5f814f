/* leat run, extract, load, retry: start a run, show it, close with a table. */
#include "cli/cmd.h"

#include "cli/progress.h"
#include "cli/work.h"
#include "fmt/json.h"
#include "run/ask.h"
#include "run/run.h"

#include <stdio.h>
#include <unistd.h>

typedef struct run_opts {
    const char *pipeline, *select, *exclude, *vars;
    const char *key, *resume, *from;
    bool give_up;
    lt_strings params;
    int64_t threads;
    bool full_refresh, dry_run, all;
    lt_strings take_over;
} run_opts;

#define SELECTION_OPTS                                                                             \
    {.name = "select",                                                                             \
     .letter = 's',                                                                                \
     .type = LT_OPT_TEXT,                                                                          \
     LT_AT(run_opts, select),                                                                      \
     .value = "NODES",                                                                             \
     .help = "only these: names, tag:x, path:x, source:x, with + for what is up- or downstream"},  \
    {                                                                                              \
        .name = "exclude", .type = LT_OPT_TEXT, LT_AT(run_opts, exclude), .value = "NODES",        \
        .help = "not these"                                                                        \
    }
#define COMMON_OPTS                                                                                \
    {.name = "threads",                                                                            \
                                                                                                   \
     .type = LT_OPT_INT,                                                                           \
     LT_AT(run_opts, threads),                                                                     \
     .value = "N",                                                                                 \
     .min = 1,                                                                                     \
     .max = 256,                                                                                   \
     .help = "tasks at once"},                                                                     \
        {.name = "vars",                                                                           \
         .type = LT_OPT_TEXT,                                                                      \
         LT_AT(run_opts, vars),                                                                    \
         .value = "YAML",                                                                          \
         .help = "variables for this run: '{name: value}'"},                                       \
        {.name = "take-over",                                                                      \
         .type = LT_OPT_LIST,                                                                      \
         LT_AT(run_opts, take_over),                                                               \
         .value = "RELATION",                                                                      \
         .help = "replace this table or view, although leat did not make it"},                     \
    {                                                                                              \
        .name = "dry-run", .type = LT_OPT_FLAG, LT_AT(run_opts, dry_run),                          \
        .help = "list what would be done, in order"                                                \
    }

static const lt_opt run_table[] = {
    {.name = "pipeline",
     .letter = 'p',
     .type = LT_OPT_TEXT,
     LT_AT(run_opts, pipeline),
     .value = "NAME",
     .help = "what this file of pipelines/ selects"},
    SELECTION_OPTS,
    {.name = "full-refresh",
     .letter = 'f',
     .type = LT_OPT_FLAG,
     LT_AT(run_opts, full_refresh),
     .help = "build incremental models and loads anew"},
    {.name = "param",
     .letter = 'P',
     .type = LT_OPT_LIST,
     LT_AT(run_opts, params),
     .value = "NAME=VALUE",
     .help = "a parameter of the pipeline"},
    {.name = "key",
     .type = LT_OPT_TEXT,
     LT_AT(run_opts, key),
     .value = "KEY",
     .help = "who asks again with the same key gets the same run"},
    {.name = "resume",
     .type = LT_OPT_TEXT,
     LT_AT(run_opts, resume),
     .value = "RUN",
     .help = "go on with a run whose process has died, or begin one that is queued"},
    {.name = "give-up",
     .type = LT_OPT_FLAG,
     LT_AT(run_opts, give_up),
     .help =
         "with --resume: only end what it has left running, tell whom its on_failure names, and "
         "let it have failed"},
    COMMON_OPTS,
};
static const lt_opt part_table[] = {SELECTION_OPTS, COMMON_OPTS};
static const lt_opt retry_table[] = {
    {.name = "from",
     .type = LT_OPT_TEXT,
     LT_AT(run_opts, from),
     .value = "TASK",
     .help = "this task and all behind it again, whatever they came to"},
    {.name = "all", .type = LT_OPT_FLAG, LT_AT(run_opts, all), .help = "every task again"},
    COMMON_OPTS,
};

/* ---- showing ---- */

typedef struct show {
    lt_app *app;
    lt_live *live; /* owned */
    lt_run_view run;
} show;

/* Of a task that this thread may look into: it has ended, or this is its own event. */
static lt_task_view view_of(const lt_run_task *task)
{
    bool bad = task->record.status == LT_TASK_FAILED || task->record.status == LT_TASK_WARNED ||
               task->record.status == LT_TASK_SKIPPED;
    return (lt_task_view){.name = task->node->id.ptr,
                          .state = task->record.status,
                          .progress = &task->progress,
                          .started_mono_us = task->started_mono_us,
                          .ended_mono_us = task->ended_mono_us,
                          .peak_bytes = task->peak_bytes,
                          .note = bad && task->record.message.len ? task->record.message.ptr
                                                                  : task->note};
}

static void list_running(void *context, lt_live_state *state)
{
    show *shown = context;
    state->total_count = *shown->run.task_count;
    for (size_t i = 0; i < state->total_count; i++) {
        const lt_run_task *task = shown->run.tasks[i];
        if (task->ended_mono_us) {
            state->done_count++;
            state->failed_count += task->record.status == LT_TASK_FAILED;
        } else if (task->started_mono_us && state->running_count++ < LT_LIVE_TASKS) {
            state->running[state->running_count - 1] =
                (lt_task_view){.name = task->node->id.ptr,
                               .state = LT_TASK_RUNNING,
                               .progress = &task->progress,
                               .started_mono_us = task->started_mono_us,
                               .peak_bytes = task->peak_bytes,
                               .note = task->note};
        }
    }
}

static void opened(void *context, const lt_run_view *run)
{
    show *shown = context;
    shown->run = *run;
    shown->live = lt_live_start(STDERR_FILENO, !shown->app->globals.no_color,
                                shown->app->globals.quiet, list_running, shown);
}

static void told(void *context, const lt_run_task *task)
{
    show *shown = context;
    lt_task_view view = view_of(task);
    lt_live_event(shown->live, &view);
}

static void write_json(lt_app *app, const lt_run_report *report)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text, .indent = 2};
    lt_json_begin(&w, '{');
    lt_json_set_int(&w, "run", report->record.id);
    lt_json_set(&w, "status", lt_text_of(lt_run_status_name(report->record.status)));
    lt_json_key(&w, T("tasks"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < report->task_count; i++)
        lt_work_task_json(
            &w, &report->tasks[i]->record,
            (double)(report->tasks[i]->ended_mono_us - report->tasks[i]->started_mono_us) / 1e6);
    lt_json_end(&w);
    lt_json_end(&w);
    lt_buf_add_byte(&text, '\n');
    lt_out_text(&app->out, lt_buf_text(&text));
}

/* Failures are told at the very end, as errors; who only warns has to be heard too. */
static void write_warnings(lt_app *app, const lt_run_report *report)
{
    for (size_t i = 0; i < report->task_count; i++) {
        const lt_task_record *task = &report->tasks[i]->record;
        if (task->status != LT_TASK_WARNED)
            continue;
        lt_out_printf(&app->out, "warning: %.*s\n", LT_ARG(task->message));
        if (task->hint.len)
            lt_out_printf(&app->out, "  hint: %.*s\n", LT_ARG(task->hint));
    }
}

static void write_table(lt_app *app, const lt_run_report *report)
{
    lt_task_view *views = lt_xcalloc(report->task_count, sizeof(*views));
    for (size_t i = 0; i < report->task_count; i++)
        views[i] = view_of(report->tasks[i]);
    lt_tasks_write(&app->out, LT_SHOW_TABLE, views, report->task_count);
    lt_free(views);
    write_warnings(app, report);
    lt_out_printf(&app->out, "run %lld %s: %zu done", (long long)report->record.id,
                  lt_run_status_name(report->record.status), report->succeeded);
    if (report->warned)
        lt_out_printf(&app->out, " (%zu with warnings)", report->warned);
    if (report->failed)
        lt_out_printf(&app->out, ", %zu failed", report->failed);
    if (report->skipped)
        lt_out_printf(&app->out, ", %zu not done", report->skipped);
    lt_out_str(&app->out, "\n");
}

/* ---- running ---- */

static lt_status dry_run(lt_app *app, lt_workspace *workspace, const lt_run_request *request,
                         lt_err *err)
{
    LT_AUTO(lt_plan_ref) plan = NULL;
    static const lt_grid_column columns[] = {{T("step"), LT_CELL_NUMBER},
                                             {T("kind"), LT_CELL_TEXT},
                                             {T("name"), LT_CELL_TEXT},
                                             {T("defined in"), LT_CELL_TEXT}};
    LT_AUTO(lt_grid) grid = {0};
    int64_t step = 0;
    LT_TRY(lt_run_plan(workspace, request, &plan, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[plan->order[i]];
        if (!lt_node_set_has(&plan->selected, node->index))
            continue;
        char number[24];
        (void)snprintf(number, sizeof(number), "%lld", (long long)++step);
        lt_text cells[] = {lt_text_of(number), node->kind, node->name, node->path};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static lt_status run_and_show(lt_app *app, lt_workspace *workspace, lt_run_request *request,
                              lt_err *err)
{
    show shown = {.app = app};
    lt_run_watch watch = {.opened = opened, .began = told, .ended = told, .context = &shown};
    lt_run_report report;
    request->watch = &watch;
    lt_status status = lt_run(workspace, request, &report, err);
    lt_live_stop(shown.live);
    if (report.ended && app->globals.json)
        write_json(app, &report);
    else if (report.ended && !app->globals.quiet)
        write_table(app, &report);
    lt_run_report_cleanup(&report);
    request->watch = NULL;
    return status;
}

static lt_texts relations_of(lt_app *app, const lt_strings *names)
{
    lt_texts out = {0};
    for (size_t i = 0; i < names->len; i++)
        lt_push_in(&app->arena, &out, lt_text_of(names->items[i]));
    return out;
}

static void take_params(lt_app *app, const run_opts *opts, lt_run_request *request)
{
    for (size_t i = 0; i < opts->params.len; i++)
        lt_push_in(&app->arena, &request->params, lt_text_of(opts->params.items[i]));
}

/* The run that has the key already: told, and gone on with when its process has died. */
static lt_status show_known(lt_app *app, lt_workspace *workspace, const char *key, lt_err *err)
{
    lt_run_record known;
    lt_run_request request = {0};
    LT_TRY(lt_state_run_by_key(workspace->state, lt_text_of(key), &app->arena, &known, err));
    if (known.status == LT_RUN_LOST || (known.status == LT_RUN_QUEUED && !known.pid)) {
        request.run_id = known.id;
        return run_and_show(app, workspace, &request, err);
    }
    lt_out_printf(&app->out, "run %lld has this key: %s\n", (long long)known.id,
                  lt_run_status_name(known.status));
    return known.status == LT_RUN_FAILED || known.status == LT_RUN_CANCELLED
               ? lt_fail(err, LT_FAILED, "run %lld %s", (long long)known.id,
                         known.status == LT_RUN_FAILED ? "failed" : "was cancelled")
               : LT_OK;
}

static lt_status start(lt_app *app, const run_opts *opts, lt_run_request *request, lt_err *err)
{
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_run_record known;
    request->pipeline = lt_text_of(opts->pipeline);
    if (!request->pipeline.len) /* all that the project has */
        LT_TRY(lt_work_open(app, opts->vars, &workspace, err));
    else
        LT_TRY(lt_work_open_run(app, opts->vars, &workspace, err));
    LT_TRY(lt_work_check_run(workspace, request->pipeline, err));
    if (lt_project_pipeline(workspace->project, request->pipeline))
        lt_work_warn(lt_project_pipeline(workspace->project, request->pipeline));
    request->exclude = lt_text_of(opts->exclude);
    request->target = lt_text_of(app->globals.target);
    request->threads = opts->threads;
    request->full_refresh = opts->full_refresh;
    request->take_over = relations_of(app, &opts->take_over);
    request->run_key = lt_text_of(opts->key);
    take_params(app, opts, request);
    if (opts->select)
        request->select = lt_text_of(opts->select);
    if (opts->dry_run)
        return dry_run(app, workspace, request, err);
    if (opts->key &&
        lt_state_run_by_key(workspace->state, request->run_key, &app->arena, &known, err) == LT_OK)
        return show_known(app, workspace, opts->key, err);
    lt_status status = run_and_show(app, workspace, request, err);
    if (status == LT_CONFLICT && opts->key) /* asked for at the same moment */
        return show_known(app, workspace, opts->key, err);
    return status;
}

/* A run that is there: it says itself with which variables. */
static lt_status resume(lt_app *app, const run_opts *opts, lt_err *err)
{
    lt_run_record run;
    lt_run_request request = {0};
    const char *home;
    LT_AUTO(lt_workspace_ref) first = NULL;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (opts->pipeline || opts->select || opts->vars || opts->params.len || opts->key)
        return lt_fail(err, LT_INVALID, "--resume takes everything from the run itself");
    LT_TRY(lt_app_home(app, &home, err));
    lt_run_wait_for_room(home);
    LT_TRY(lt_work_open_run(app, NULL, &first, err));
    LT_TRY(lt_work_run_get(first, opts->resume, &app->arena, &run, err));
    LT_AUTO(lt_chars) vars = lt_text_dup(run.vars_json);
    LT_TRY(lt_work_open_run(app, *vars ? vars : NULL, &workspace, err));
    LT_TRY(lt_work_check_run(workspace, run.pipeline, err));
    request.run_id = run.id;
    request.gives_up = opts->give_up;
    request.threads = opts->threads;
    LT_TRY(lt_work_only_kind(workspace, &run, &app->arena, &request.only_kind, err));
    return run_and_show(app, workspace, &request, err);
}

/* Arguments are selections too: `leat run orders` is `leat run --select orders`. */
static lt_text selection_of(lt_app *app, const lt_args *args)
{
    LT_AUTO(lt_buf) words = {0};
    for (size_t i = 0; i < args->count; i++)
        lt_buf_printf(&words, "%s%s", i ? " " : "", args->items[i]);
    return lt_arena_text(&app->arena, lt_buf_text(&words));
}

static lt_status run(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const run_opts *given = opts;
    lt_run_request request = {.command = T("run"), .select = selection_of(app, args)};
    if (given->give_up && !given->resume)
        return lt_fail(err, LT_INVALID,
                       "--give-up says what --resume does with a run: give its number");
    return given->resume ? resume(app, opts, err) : start(app, opts, &request, err);
}

static lt_status extract(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_run_request request = {
        .command = T("extract"), .only_kind = "extract", .select = selection_of(app, args)};
    return start(app, opts, &request, err);
}

static lt_status load(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_run_request request = {
        .command = T("load"), .only_kind = "load", .select = selection_of(app, args)};
    return start(app, opts, &request, err);
}

/* A retry does what the first run was asked to do. */
/* What is done already lies in the run's own target, and nowhere else. */
static lt_status check_same_target(const lt_app *app, const lt_run_record *before, lt_err *err)
{
    lt_text asked = lt_text_of(app->globals.target);
    if (asked.len == 0 || lt_text_eq(asked, before->target))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "run %lld worked in the target '%.*s', not in '%.*s'",
                      (long long)before->id, LT_ARG(before->target), LT_ARG(asked)));
    return lt_hint(err, "leave --target out, or begin a new run with 'leat run --target %.*s'",
                   LT_ARG(asked));
}

static lt_status retry(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const run_opts *given = opts;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_run_record before;
    const char *only_kind = NULL;
    LT_TRY(lt_work_open_run(app, given->vars, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &before, err));
    LT_TRY(lt_work_check_run(workspace, before.pipeline, err));
    LT_TRY(lt_run_check_retry(&before, err));
    LT_TRY(check_same_target(app, &before, err));
    LT_TRY(lt_work_only_kind(workspace, &before, &app->arena, &only_kind, err));
    lt_run_request request = {.command = T("retry"),
                              .pipeline = before.pipeline,
                              .select = before.selection,
                              .exclude = before.exclusion,
                              .target = before.target,
                              .only_kind = only_kind,
                              .threads = given->threads ? given->threads : before.threads,
                              .take_over = relations_of(app, &given->take_over),
                              .params_json = before.params_json,
                              .again_from = lt_text_of(given->from),
                              .again_all = given->all,
                              .retry_of = before.id};
    if (given->from && given->all)
        return lt_fail(err, LT_INVALID, "--from and --all exclude each other");
    return given->dry_run ? dry_run(app, workspace, &request, err)
                          : run_and_show(app, workspace, &request, err);
}

const lt_cmd lt_cmd_run = {
    .name = "run",
    .help = "extract, load, build and test, in the order of the references",
    .args = "[NODES...]",
    .about = "Without a selection everything in the project is done. Tasks run in parallel; what "
             "needs a task that failed is "
             "skipped. Each step is recorded: 'leat runs' lists runs, 'leat logs' shows what a "
             "task said, and 'leat retry' goes on "
             "where a run failed.",
    .examples = "leat run\tthe whole project\n"
                "leat run +daily_flights\tone model and all that it needs\n"
                "leat run --pipeline daily --target pg\ta pipeline, on another target\n",
    .group = LT_GROUP_RUN,
    .opts = run_table,
    .opt_count = LT_COUNT(run_table),
    .opts_size = sizeof(run_opts),
    .run = run,
};

const lt_cmd lt_cmd_extract = {
    .name = "extract",
    .help = "read sources into the store",
    .args = "[NODES...]",
    .group = LT_GROUP_RUN,
    .opts = part_table,
    .opt_count = LT_COUNT(part_table),
    .opts_size = sizeof(run_opts),
    .run = extract,
};

const lt_cmd lt_cmd_load = {
    .name = "load",
    .help = "bring what has been extracted into the target",
    .args = "[NODES...]",
    .group = LT_GROUP_RUN,
    .opts = part_table,
    .opt_count = LT_COUNT(part_table),
    .opts_size = sizeof(run_opts),
    .run = load,
};

const lt_cmd lt_cmd_retry = {
    .name = "retry",
    .help = "run again what failed in a run, and what depends on it",
    .args = "RUN",
    .about = "Tasks that succeeded are not done again, unless something that they need is. The run "
             "keeps the moment that it takes "
             "for now.",
    .group = LT_GROUP_RUN,
    .opts = retry_table,
    .opt_count = LT_COUNT(retry_table),
    .opts_size = sizeof(run_opts),
    .run = retry,
};
