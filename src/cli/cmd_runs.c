/* leat runs and leat logs: what has been done here. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/time.h"
#include "cli/grid.h"
#include "cli/work.h"
#include "run/run.h"

typedef struct runs_opts {
    int64_t limit;
} runs_opts;

static const lt_opt runs_table[] = {
    {.name = "limit",
     .letter = 'n',
     .type = LT_OPT_INT,
     LT_AT(runs_opts, limit),
     .value = "N",
     .preset = "20",
     .min = 1,
     .max = 100000,
     .help = "so many of the newest runs"},
};

static lt_text number(lt_app *app, int64_t value)
{
    return lt_text_of(lt_arena_format(&app->arena, "%lld", (long long)value));
}

static lt_text moment(lt_app *app, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    if (!at_us)
        return (lt_text){0};
    return lt_arena_text(&app->arena,
                         lt_text_at(lt_time_write(at_us, text), strlen("2026-11-22T01:02:03")));
}

static lt_text seconds(lt_app *app, int64_t from_us, int64_t to_us)
{
    if (!from_us || !to_us)
        return (lt_text){0};
    return lt_text_of(lt_arena_format(&app->arena, "%.2f", (double)(to_us - from_us) / 1e6));
}

static lt_text counted(lt_app *app, int64_t value)
{
    return value < 0 ? (lt_text){0} : number(app, value);
}

static lt_status list_runs(lt_app *app, lt_workspace *workspace, size_t limit, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("run"), LT_CELL_NUMBER},     {T("command"), LT_CELL_TEXT},
        {T("selection"), LT_CELL_TEXT}, {T("target"), LT_CELL_TEXT},
        {T("status"), LT_CELL_TEXT},    {T("started"), LT_CELL_TEXT},
        {T("seconds"), LT_CELL_NUMBER}, {T("message"), LT_CELL_TEXT},
    };
    lt_run_records runs = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_state_runs(workspace->state, limit, &app->arena, &runs, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < runs.len; i++) {
        const lt_run_record *run = &runs.items[i];
        lt_text cells[] = {number(app, run->id),
                           run->command,
                           run->pipeline.len ? run->pipeline : run->selection,
                           run->target,
                           lt_text_of(lt_run_status_name(run->status)),
                           moment(app, run->started_at_us),
                           seconds(app, run->started_at_us, run->finished_at_us),
                           run->message};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static lt_status show_run(lt_app *app, lt_workspace *workspace, int64_t run_id, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("task"), LT_CELL_TEXT},       {T("status"), LT_CELL_TEXT},
        {T("attempts"), LT_CELL_NUMBER}, {T("rows_in"), LT_CELL_NUMBER},
        {T("rows_out"), LT_CELL_NUMBER}, {T("seconds"), LT_CELL_NUMBER},
        {T("message"), LT_CELL_TEXT},
    };
    lt_run_record run;
    lt_task_records tasks = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_state_run_get(workspace->state, run_id, &app->arena, &run, err));
    LT_TRY(lt_state_tasks(workspace->state, run.id, &app->arena, &tasks, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < tasks.len; i++) {
        const lt_task_record *task = &tasks.items[i];
        lt_text cells[] = {task->id,
                           lt_text_of(lt_task_status_name(task->status)),
                           number(app, task->attempts),
                           counted(app, task->rows_in),
                           counted(app, task->rows_out),
                           seconds(app, task->started_at_us, task->finished_at_us),
                           task->message};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static lt_status runs(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const runs_opts *given = opts;
    int64_t run_id = 0;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (args->count)
        LT_TRY(lt_work_run_id(args->items[0], &run_id, err));
    LT_TRY(lt_work_open(app, NULL, &workspace, err));
    return args->count ? show_run(app, workspace, run_id, err)
                       : list_runs(app, workspace, (size_t)given->limit, err);
}

/* ---- logs ---- */

static lt_status write_log(lt_app *app, const lt_workspace *workspace, int64_t run_id, lt_text task,
                           bool heading, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_chars) path = lt_run_log_path(workspace, run_id, task);
    lt_status status = lt_file_read(path, &text, err);
    if (status == LT_NOT_FOUND)
        return LT_OK; /* it never began */
    LT_TRY(status);
    if (heading)
        lt_out_printf(&app->out, "==> %.*s <==\n", LT_ARG(task));
    lt_out_text(&app->out, lt_buf_text(&text));
    return LT_OK;
}

static bool is_meant(const lt_task_record *task, const char *word)
{
    return !word || lt_text_eq(task->id, lt_text_of(word)) ||
           lt_text_eq(task->name, lt_text_of(word));
}

static lt_status logs(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    lt_run_record run;
    lt_task_records tasks = {0};
    int64_t run_id = 0;
    bool found = false;
    bool only_task = args->count == 1 && !lt_work_is_run(args->items[0]);
    const char *word = only_task ? args->items[0] : args->count > 1 ? args->items[1] : NULL;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (args->count && !only_task)
        LT_TRY(lt_work_run_id(args->items[0], &run_id, err));
    LT_TRY(lt_work_open(app, NULL, &workspace, err));
    LT_TRY(lt_state_run_get(workspace->state, run_id, &app->arena, &run, err));
    LT_TRY(lt_state_tasks(workspace->state, run.id, &app->arena, &tasks, err));
    for (size_t i = 0; i < tasks.len; i++) {
        if (!is_meant(&tasks.items[i], word))
            continue;
        found = true;
        LT_TRY(write_log(app, workspace, run.id, tasks.items[i].id, !word, err));
    }
    if (found || !word)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "run %lld has no task '%s'", (long long)run.id, word));
    return lt_hint(err, "'leat runs %lld' lists its tasks", (long long)run.id);
}

const lt_cmd lt_cmd_runs = {
    .name = "runs",
    .help = "list runs, or the tasks of one",
    .args = "[RUN]",
    .examples = "leat runs\tthe newest runs\nleat runs last\tthe tasks of the newest run\n",
    .group = LT_GROUP_RUN,
    .opts = runs_table,
    .opt_count = LT_COUNT(runs_table),
    .opts_size = sizeof(runs_opts),
    .run = runs,
};

const lt_cmd lt_cmd_logs = {
    .name = "logs",
    .help = "show what the tasks of a run said",
    .args = "[RUN] [TASK]",
    .examples =
        "leat logs\tall of the newest run\nleat logs daily_flights\tone task of the newest run\n"
        "leat logs 12 daily_flights\tone task of run 12\n",
    .group = LT_GROUP_RUN,
    .run = logs,
};
