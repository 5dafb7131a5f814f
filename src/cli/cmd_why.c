/* leat why and leat status: what is under way, what waits, and for what. */
#include "cli/cmd.h"

#include "base/time.h"
#include "cli/grid.h"
#include "cli/work.h"
#include "sched/ask.h"
#include "sched/watch.h"
#include "state/why.h"

#include <stdio.h>

typedef struct tally {
    size_t all, ended, failed;
} tally;

static bool is_open(const lt_task_record *task)
{
    return task->status == LT_TASK_PENDING || task->status == LT_TASK_RUNNING ||
           task->status == LT_TASK_WAITING;
}

static tally count(const lt_task_records *tasks)
{
    tally made = {.all = tasks->len};
    for (size_t i = 0; i < tasks->len; i++) {
        made.ended += !is_open(&tasks->items[i]);
        made.failed += tasks->items[i].status == LT_TASK_FAILED;
    }
    return made;
}

static const lt_grid_column why_columns[] = {
    {T("run"), LT_CELL_NUMBER},
    {T("task"), LT_CELL_TEXT},
    {T("status"), LT_CELL_TEXT},
    {T("why"), LT_CELL_TEXT},
};

static lt_text id_of(lt_app *app, int64_t id)
{
    return lt_text_of(lt_arena_format(&app->arena, "%lld", (long long)id));
}

static lt_status add_run(lt_app *app, lt_workspace *workspace, const lt_run_record *run,
                         const lt_task_records *tasks, lt_grid *grid, lt_err *err)
{
    LT_AUTO(lt_buf) why = {0};
    tally counted = count(tasks);
    LT_TRY(lt_why_run(workspace->state, run, &why, err));
    if (!why.len)
        lt_buf_printf(&why, "%s%zu of %zu tasks have ended%s",
                      run->finished_at_us ? "it is over: " : "", counted.ended, counted.all,
                      counted.failed ? ", some have failed" : "");
    lt_text cells[] = {id_of(app, run->id), run->pipeline.len ? run->pipeline : run->selection,
                       lt_text_of(lt_run_status_name(run->status)), lt_buf_text(&why)};
    lt_grid_row(grid, cells);
    return LT_OK;
}

static lt_status add_task(lt_app *app, lt_workspace *workspace, const lt_run_record *run,
                          const lt_task_records *tasks, const lt_task_record *task, lt_grid *grid,
                          lt_err *err)
{
    LT_AUTO(lt_buf) why = {0};
    LT_TRY(lt_why_task(workspace->state, run, tasks, task, &why, err));
    lt_text cells[] = {id_of(app, run->id), task->name,
                       lt_text_of(lt_task_status_name(task->status)), lt_buf_text(&why)};
    lt_grid_row(grid, cells);
    return LT_OK;
}

static lt_status why_run(lt_app *app, lt_workspace *workspace, const lt_run_record *run,
                         lt_grid *grid, lt_err *err)
{
    lt_task_records tasks = {0};
    LT_TRY(lt_state_tasks(workspace->state, run->id, &app->arena, &tasks, err));
    LT_TRY(add_run(app, workspace, run, &tasks, grid, err));
    for (size_t i = 0; i < tasks.len; i++)
        if (is_open(&tasks.items[i]) || tasks.items[i].status == LT_TASK_FAILED)
            LT_TRY(add_task(app, workspace, run, &tasks, &tasks.items[i], grid, err));
    return LT_OK;
}

/* ---- a pipeline: when it comes by itself, or why not ---- */

static lt_text moment_of(lt_app *app, int64_t at_s)
{
    return lt_moment_cell(&app->arena, at_s * 1000000);
}

/* A row for each trigger: what it waits for. */
static lt_status add_triggers(lt_app *app, lt_workspace *workspace,
                              const lt_conf_pipeline *pipeline, bool paused, bool served,
                              lt_grid *grid, lt_err *err)
{
    for (size_t i = 0; i < pipeline->triggers.len; i++) {
        const lt_conf_trigger *trigger = &pipeline->triggers.items[i];
        bool rests = paused && trigger->kind != LT_ON_WEBHOOK; /* somebody asks for those */
        LT_AUTO(lt_buf) why = {0};
        lt_trigger_record record;
        LT_TRY(lt_state_trigger_get(workspace->state, pipeline->name, trigger->name, &app->arena,
                                    &record, err));
        lt_err wrong = {0};
        if (!record.trouble.len && lt_watch_try(workspace, trigger, &wrong) != LT_OK)
            record.trouble = lt_conf_say(&wrong, &app->arena);
        lt_watch_why(trigger, &record, served, &why);
        lt_text cells[] = {
            (lt_text){0},
            lt_text_of(lt_arena_format(&app->arena, "%.*s.%.*s", LT_ARG(pipeline->name),
                                       LT_ARG(trigger->name))),
            rests                ? T("paused")
            : record.trouble.len ? T("in trouble")
            : served             ? T("waiting")
                                 : T("no server"),
            lt_buf_text(&why)};
        lt_grid_row(grid, cells);
    }
    return LT_OK;
}

/* What is to come, first; then the runs that are under way, else the newest one. */
static lt_status why_pipeline(lt_app *app, lt_workspace *workspace,
                              const lt_conf_pipeline *pipeline, lt_grid *grid, lt_err *err)
{
    lt_run_records open = {0};
    lt_sched_view view;
    LT_TRY(lt_sched_look_at(workspace->project, pipeline, workspace->state, 1, &app->arena, &view,
                            err));
    lt_text why = view.why_not;
    bool comes = view.next_s.len && view.served;
    if (comes)
        why = lt_text_of(lt_arena_format(&app->arena, "its schedule begins a run at %.*s",
                                         LT_ARG(moment_of(app, view.next_s.items[0]))));
    else if (!why.len)
        why = T("its schedule has no time any more");
    lt_text cells[] = {(lt_text){0}, pipeline->name,
                       view.record.paused_at_us          ? T("paused")
                       : comes                           ? T("scheduled")
                       : view.next_s.len && !view.served ? T("no server")
                                                         : T("-"),
                       why};
    bool paused = view.record.paused_at_us != 0;
    if (pipeline->schedule.place.line || paused || !pipeline->triggers.len)
        lt_grid_row(grid, cells);
    LT_TRY(add_triggers(app, workspace, pipeline, paused, view.served, grid, err));
    LT_TRY(lt_state_runs_open(workspace->state, pipeline->name, &app->arena, &open, err));
    for (size_t i = 0; i < open.len; i++)
        LT_TRY(why_run(app, workspace, &open.items[i], grid, err));
    return open.len || !view.has_run ? LT_OK : why_run(app, workspace, &view.newest, grid, err);
}

/* A pipeline whose name is nearly that is rather meant than a task. */
static lt_status fail_word(const lt_workspace *workspace, const char *word, lt_err *err)
{
    const lt_conf_pipeline *none;
    lt_err other = {0};
    lt_ignore(lt_sched_pipeline(workspace->project, lt_text_of(word), &none, &other));
    if (!lt_text_starts(lt_text_of(other.hint), T("did you mean")))
        return lt_wrap(err, "'%s' is no pipeline, and", word);
    *err = other;
    return err->status;
}

/* The file that has to be mended before the name is a pipeline again: its own, or leat.yml. NULL: its file is gone, or never was. */
static const lt_conf_wrong *wrong_file_of(const lt_workspace *workspace, lt_text name)
{
    const lt_conf_wrong *wrong = lt_project_held_by(workspace->project, name);
    bool all = wrong && wrong->kind == LT_CONF_PROJECT_FILE;
    bool own = wrong && wrong->kind == LT_CONF_PIPELINE_FILE && lt_text_eq(wrong->name, name);
    return all || own ? wrong : NULL;
}

/* Its file is gone, or wrong; its runs are still there. *known: there are any, or the wrong file is its own. */
static lt_status why_gone(lt_app *app, lt_workspace *workspace, const char *word, lt_grid *grid,
                          bool *known, lt_err *err)
{
    lt_text name = lt_text_of(word), why = T("no file has this pipeline any more; its last run:");
    lt_run_records newest = {0}, open = {0};
    lt_run_filter filter = {.pipeline = name, .limit = 1};
    const lt_conf_wrong *wrong = wrong_file_of(workspace, name);
    LT_TRY(lt_state_runs_find(workspace->state, &filter, &app->arena, &newest, err));
    *known = newest.len > 0 || (wrong && wrong->kind == LT_CONF_PIPELINE_FILE);
    if (!*known)
        return LT_OK;
    if (wrong)
        why = lt_text_of(lt_arena_format(&app->arena, "its runs wait until this is mended: %.*s",
                                         LT_ARG(wrong->said)));
    lt_text cells[] = {(lt_text){0}, name, wrong ? T("wrong") : T("-"), why};
    lt_grid_row(grid, cells);
    LT_TRY(lt_state_runs_open(workspace->state, name, &app->arena, &open, err));
    for (size_t i = 0; i < open.len; i++)
        LT_TRY(why_run(app, workspace, &open.items[i], grid, err));
    return open.len || !newest.len ? LT_OK : why_run(app, workspace, &newest.items[0], grid, err);
}

/* A task of a run that is under way, else of the newest. */
static lt_status why_task(lt_app *app, lt_workspace *workspace, const char *word, lt_grid *grid,
                          lt_err *err)
{
    lt_run_records open = {0};
    lt_run_record newest;
    lt_task_record task;
    bool found = false;
    lt_task_records tasks = {0};
    LT_TRY(lt_state_runs_open(workspace->state, T(""), &app->arena, &open, err));
    for (size_t i = 0; i < open.len; i++) {
        if (lt_work_task_get(workspace, &open.items[i], word, &app->arena, &task, err) != LT_OK)
            continue;
        LT_TRY(lt_state_tasks(workspace->state, open.items[i].id, &app->arena, &tasks, err));
        LT_TRY(add_task(app, workspace, &open.items[i], &tasks, &task, grid, err));
        found = true;
    }
    if (found)
        return LT_OK;
    const lt_conf_pipeline *none;
    lt_status status = lt_work_run_get(workspace, "last", &app->arena, &newest, err);
    if (status == LT_NOT_FOUND) /* no run yet: no task either */
        return lt_work_pipeline(workspace, word, &none, err);
    LT_TRY(status);
    status = lt_work_task_get(workspace, &newest, word, &app->arena, &task, err);
    if (status == LT_NOT_FOUND)
        return fail_word(workspace, word, err);
    LT_TRY(status);
    LT_TRY(lt_state_tasks(workspace->state, newest.id, &app->arena, &tasks, err));
    return add_task(app, workspace, &newest, &tasks, &task, grid, err);
}

static lt_status fill(lt_app *app, lt_workspace *workspace, const lt_args *args, lt_grid *grid,
                      lt_err *err)
{
    const char *word = args->count ? args->items[0] : "last";
    lt_run_record run;
    lt_task_record task;
    lt_task_records tasks = {0};
    if (!lt_work_is_run(word)) {
        const lt_conf_pipeline *pipeline =
            lt_project_pipeline(workspace->project, lt_text_of(word));
        bool known = false;
        if (pipeline)
            return why_pipeline(app, workspace, pipeline, grid, err);
        LT_TRY(why_gone(app, workspace, word, grid, &known, err));
        return known ? LT_OK : why_task(app, workspace, word, grid, err);
    }
    LT_TRY(lt_work_run_get(workspace, word, &app->arena, &run, err));
    if (args->count < 2)
        return why_run(app, workspace, &run, grid, err);
    LT_TRY(lt_work_task_get(workspace, &run, args->items[1], &app->arena, &task, err));
    LT_TRY(lt_state_tasks(workspace->state, run.id, &app->arena, &tasks, err));
    return add_task(app, workspace, &run, &tasks, &task, grid, err);
}

static lt_status why(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), why_columns,
                  LT_COUNT(why_columns));
    grid.missing = T("-");
    LT_TRY(fill(app, workspace, args, &grid, err));
    lt_grid_end(&grid);
    return LT_OK;
}

/* ---- status ---- */

/* One cell is no place for a long trouble: 'leat why' has all of it. */
static lt_text short_why(lt_app *app, const lt_conf_pipeline *pipeline, lt_text why)
{
    enum { MOST = 160 };
    if (app->globals.json || why.len <= MOST)
        return why;
    lt_text kept = lt_text_sub(why, 0, MOST);
    kept.len = lt_utf8_valid_len(kept);
    return lt_text_of(lt_arena_format(&app->arena, "%.*s... (leat why %.*s)", LT_ARG(kept),
                                      LT_ARG(pipeline->name)));
}

static lt_status add_pipeline(lt_app *app, lt_workspace *workspace,
                              const lt_conf_pipeline *pipeline, size_t count, lt_grid *grid,
                              lt_err *err)
{
    lt_sched_view view;
    LT_TRY(lt_sched_look_at(workspace->project, pipeline, workspace->state, count, &app->arena,
                            &view, err));
    for (size_t i = 0; i < view.next_s.len || i == 0; i++) {
        lt_text cells[] = {
            pipeline->name, view.next_s.len ? moment_of(app, view.next_s.items[i]) : (lt_text){0},
            view.has_run ? id_of(app, view.newest.id) : (lt_text){0},
            view.has_run ? lt_text_of(lt_run_status_name(view.newest.status)) : (lt_text){0},
            short_why(app, pipeline, view.why_not)};
        lt_grid_row(grid, cells);
    }
    return LT_OK;
}

static lt_status show_schedules(lt_app *app, lt_workspace *workspace, const char *only, lt_err *err)
{
    enum { TIMES = 5 };
    static const lt_grid_column columns[] = {
        {T("pipeline"), LT_CELL_TEXT}, {T("next"), LT_CELL_TEXT}, {T("last_run"), LT_CELL_NUMBER},
        {T("status"), LT_CELL_TEXT},   {T("why"), LT_CELL_TEXT},
    };
    const lt_conf_pipeline *one;
    LT_AUTO(lt_grid) grid = {0};
    if (only)
        LT_TRY(lt_work_pipeline(workspace, only, &one, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    grid.missing = T("-");
    if (only)
        LT_TRY(add_pipeline(app, workspace, one, TIMES, &grid, err));
    for (size_t i = 0; i < workspace->project->pipelines.len && !only; i++)
        LT_TRY(
            add_pipeline(app, workspace, &workspace->project->pipelines.items[i], 1, &grid, err));
    lt_grid_end(&grid);
    return LT_OK;
}

typedef struct status_opts {
    bool schedules;
} status_opts;

static const lt_opt status_table[] = {
    {.name = "schedules",
     .type = LT_OPT_FLAG,
     LT_AT(status_opts, schedules),
     .help = "every pipeline: when it runs next, its last run, and why it does not run"},
};

static lt_status say_paused(lt_app *app, const lt_workspace *workspace, lt_err *err)
{
    lt_schedule_records paused = {0};
    LT_TRY(lt_sched_paused(workspace->project, workspace->state, &app->arena, &paused, err));
    for (size_t i = 0; i < paused.len; i++) {
        LT_AUTO(lt_buf) how = {0};
        lt_sched_say_paused(&paused.items[i], &how);
        lt_out_printf(&app->out, "%.*s is %s\n", LT_ARG(paused.items[i].pipeline),
                      lt_buf_chars(&how));
    }
    return LT_OK;
}

static lt_status status(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const status_opts *given = opts;
    lt_run_records open = {0};
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_work_open_some(app, LT_FILES_GOOD, &workspace, err));
    if (given->schedules || args->count)
        return show_schedules(app, workspace, args->count ? args->items[0] : NULL, err);
    LT_TRY(lt_state_runs_open(workspace->state, T(""), &app->arena, &open, err));
    if (!open.len && !app->globals.json) {
        lt_out_str(&app->out, "nothing is under way\n");
        return say_paused(app, workspace, err);
    }
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), why_columns,
                  LT_COUNT(why_columns));
    for (size_t i = 0; i < open.len; i++)
        LT_TRY(why_run(app, workspace, &open.items[i], &grid, err));
    lt_grid_end(&grid);
    return app->globals.json ? LT_OK : say_paused(app, workspace, err);
}

const lt_cmd lt_cmd_why = {
    .name = "why",
    .help = "say why a run, a task or a pipeline is not running",
    .args = "[RUN|TASK|PIPELINE] [TASK]",
    .about = "For what it waits, since when, and what changes it next.",
    .examples = "leat why\tthe newest run\nleat why daily\tthe runs of a pipeline\n"
                "leat why 12 upload\tone task of run 12\n",
    .group = LT_GROUP_RUN,
    .run = why,
};

const lt_cmd lt_cmd_status = {
    .name = "status",
    .help = "list what is under way, and what it waits for",
    .args = "[PIPELINE]",
    .about = "With a pipeline: the next five times of its schedule, its last run, and why it does "
             "not run.",
    .examples = "leat status\nleat status daily\nleat status --schedules\tevery pipeline\n",
    .group = LT_GROUP_RUN,
    .opts = status_table,
    .opt_count = LT_COUNT(status_table),
    .opts_size = sizeof(status_opts),
    .run = status,
};
