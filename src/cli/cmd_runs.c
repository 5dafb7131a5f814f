/* leat runs and leat logs: what has been done here. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/grid.h"
#include "cli/work.h"
#include "run/prune.h"
#include "run/run.h"
#include "state/why.h"

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
        LT_AUTO(lt_buf) why = {0};
        if (run->status == LT_RUN_QUEUED || run->status == LT_RUN_RUNNING)
            LT_TRY(lt_why_run(workspace->state, run, &why, err));
        lt_text cells[] = {number(app, run->id),
                           run->command,
                           run->pipeline.len ? run->pipeline : run->selection,
                           run->target,
                           lt_text_of(lt_run_status_name(run->status)),
                           lt_moment_cell(&app->arena, run->started_at_us),
                           seconds(app, run->started_at_us, run->finished_at_us),
                           why.len ? lt_buf_text(&why) : run->message};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

static void name_notebooks(lt_app *app, const lt_workspace *workspace, int64_t run_id,
                           const lt_task_records *tasks)
{
    for (size_t i = 0; i < tasks->len; i++) {
        LT_AUTO(lt_chars)
        path = lt_run_notebook_path(workspace->home, run_id, tasks->items[i].id);
        if (lt_path_exists(path))
            lt_out_printf(&app->out, "executed notebook of %.*s: %s\n", LT_ARG(tasks->items[i].id),
                          path);
    }
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
        LT_AUTO(lt_buf) why = {0};
        if (task->status == LT_TASK_PENDING || task->status == LT_TASK_WAITING)
            LT_TRY(lt_why_task(workspace->state, &run, &tasks, task, &why, err));
        lt_text cells[] = {task->id,
                           lt_text_of(lt_task_status_name(task->status)),
                           number(app, task->attempts),
                           counted(app, task->rows_in),
                           counted(app, task->rows_out),
                           seconds(app, task->started_at_us, task->finished_at_us),
                           why.len ? lt_buf_text(&why) : task->message};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    if (!app->globals.json)
        name_notebooks(app, workspace, run.id, &tasks);
    return LT_OK;
}

static lt_status runs(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const runs_opts *given = opts;
    int64_t run_id = 0;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (args->count)
        LT_TRY(lt_work_run_id(args->items[0], &run_id, err));
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    return args->count ? show_run(app, workspace, run_id, err)
                       : list_runs(app, workspace, (size_t)given->limit, err);
}

/* ---- prune ---- */

typedef struct prune_opts {
    int64_t keep;
    const char *older_than, *commits;
    bool dry_run;
} prune_opts;

static const lt_opt prune_table[] = {
    {.name = "keep",
     .type = LT_OPT_INT,
     LT_AT(prune_opts, keep),
     .value = "N",
     .min = 1,
     .max = 1000000,
     .help = "so many of the newest runs stay"},
    {.name = "older-than",
     .type = LT_OPT_TEXT,
     LT_AT(prune_opts, older_than),
     .value = "AGE",
     .help = "runs that began longer ago: 30d"},
    {.name = "commits",
     .type = LT_OPT_TEXT,
     LT_AT(prune_opts, commits),
     .value = "AGE",
     .help = "forget commits that are older, and that no run which stays has read"},
    {.name = "dry-run",
     .type = LT_OPT_FLAG,
     LT_AT(prune_opts, dry_run),
     .help = "list the runs that would go"},
};

static lt_status read_age(const char *option, const char *word, int64_t *age_us, lt_err *err)
{
    int64_t bare; /* 30 what? Seconds would remove nearly everything. */
    if (!word ||
        (!lt_text_to_i64(lt_text_of(word), &bare) && lt_length_read(lt_text_of(word), age_us)))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is no length of time", option, word));
    return lt_hint(err, "write it like 30d or 12h");
}

/* What is said on the command line stands in front of leat.yml. */
static lt_status prune_request(const prune_opts *given, const lt_workspace *workspace,
                               lt_prune_request *request, lt_err *err)
{
    *request = lt_prune_settings(workspace);
    request->limit = SIZE_MAX / 2;
    request->dry_run = given->dry_run;
    if (given->older_than || given->keep) {
        request->keep = LT_MAX(given->keep, (int64_t)1);
        request->runs_older_us = 0; /* whatever their age */
    }
    LT_TRY(read_age("older-than", given->older_than, &request->runs_older_us, err));
    LT_TRY(read_age("commits", given->commits, &request->commits_older_us, err));
    if (request->runs_older_us >= 0 || request->commits_older_us >= 0)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "nothing says which runs are old"));
    return lt_hint(err, "say --keep 100, --older-than 30d or --commits 30d, or set 'retention' in "
                        "leat.yml");
}

static void write_pruned(lt_app *app, const lt_prune_request *request,
                         const lt_prune_report *report)
{
    static const lt_grid_column columns[] = {
        {T("run"), LT_CELL_NUMBER},  {T("command"), LT_CELL_TEXT}, {T("selection"), LT_CELL_TEXT},
        {T("status"), LT_CELL_TEXT}, {T("started"), LT_CELL_TEXT},
    };
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    for (size_t i = 0; i < report->runs.len; i++) {
        const lt_run_record *run = &report->runs.items[i];
        lt_text cells[] = {number(app, run->id), run->command,
                           run->pipeline.len ? run->pipeline : run->selection,
                           lt_text_of(lt_run_status_name(run->status)),
                           lt_moment_cell(&app->arena, run->started_at_us)};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    if (app->globals.quiet)
        return;
    if (request->dry_run)
        lt_log(LT_LOG_INFO, "%zu run%s would go; nothing was changed", report->runs.len,
               report->runs.len == 1 ? "" : "s");
    else
        lt_log(LT_LOG_INFO,
               "%zu run%s removed, which cannot be retried or reproduced any more; %lld commit%s "
               "forgotten",
               report->runs.len, report->runs.len == 1 ? "" : "s", (long long)report->commits,
               report->commits == 1 ? "" : "s");
}

static lt_status prune(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)args;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    lt_prune_request request;
    lt_prune_report report;
    LT_TRY(lt_work_open_some(app, LT_FILES_LEAT, &workspace, err)); /* 'retention', and the store */
    LT_TRY(prune_request(opts, workspace, &request, err));
    LT_TRY(lt_prune(workspace, &request, &app->arena, &report, err));
    write_pruned(app, &request, &report);
    return LT_OK;
}

static const lt_cmd cmd_prune = {
    .name = "prune",
    .help = "remove old runs, and what only they needed",
    .about =
        "Records, logs and stored files of old runs go, and then the commits of datasets that no "
        "run needs any more. A run that is removed cannot be shown, retried or reproduced. The "
        "newest run, runs that are under way, and the last commit of a dataset always stay. "
        "Without options 'retention' of leat.yml decides, as it does at the end of each run.",
    .examples =
        "leat runs prune --older-than 30d --dry-run\twhich runs would go\n"
        "leat runs prune --keep 100 --commits 30d\tall but the newest 100, and the commits that "
        "only they needed\n",
    .group = LT_GROUP_RUN,
    .opts = prune_table,
    .opt_count = LT_COUNT(prune_table),
    .opts_size = sizeof(prune_opts),
    .run = prune,
};
static const lt_cmd *const runs_subs[] = {&cmd_prune, NULL};

const lt_cmd lt_cmd_runs = {
    .name = "runs",
    .help = "list runs, or the tasks of one",
    .args = "[RUN]",
    .examples = "leat runs\tthe newest runs\nleat runs last\tthe tasks of the newest run\n",
    .group = LT_GROUP_RUN,
    .opts = runs_table,
    .opt_count = LT_COUNT(runs_table),
    .opts_size = sizeof(runs_opts),
    .subs = runs_subs,
    .run = runs,
};
