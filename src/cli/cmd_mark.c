/* leat mark: say that a task has succeeded or failed, whatever it did. */
#include "cli/cmd.h"

#include "cli/work.h"

static lt_status read_status(const char *word, lt_task_status *out, lt_err *err)
{
    if (strcmp(word, "success") == 0 || strcmp(word, "succeeded") == 0)
        *out = LT_TASK_SUCCEEDED;
    else if (strcmp(word, "failed") == 0)
        *out = LT_TASK_FAILED;
    else
        return lt_fail(err, LT_INVALID, "'%s' is neither 'success' nor 'failed'", word);
    return LT_OK;
}

static lt_status mark(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    lt_run_record run;
    lt_task_record task;
    lt_task_status status = LT_TASK_FAILED;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(read_status(args->items[2], &status, err));
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &run, err));
    LT_TRY(lt_work_task_get(workspace, &run, args->items[1], &app->arena, &task, err));
    if (run.status == LT_RUN_QUEUED)
        return lt_fail(err, LT_CONFLICT, "run %lld has not begun", (long long)run.id);
    const char *name = lt_task_status_name(status);
    if (run.status == LT_RUN_RUNNING) { /* its process does it */
        lt_request request = {.run_id = run.id,
                              .task = task.id,
                              .kind = T("mark"),
                              .argument = lt_text_of(name),
                              .asked_by = lt_work_who(app)};
        LT_TRY(lt_state_request(workspace->state, &request, err));
    } else {
        LT_TRY(
            lt_state_task_mark(workspace->state, run.id, task.id, status, lt_work_who(app), err));
    }
    lt_out_printf(&app->out, "%.*s of run %lld: %s\n", LT_ARG(task.name), (long long)run.id, name);
    return LT_OK;
}

const lt_cmd lt_cmd_mark = {
    .name = "mark",
    .help = "say that a task has succeeded or failed",
    .args = "RUN TASK success|failed",
    .about = "While the run is under way the task ends at once, and what comes after it goes on. "
             "Afterwards 'leat retry' and 'leat run --resume' go by it.",
    .examples = "leat mark last upload success\tit was done by hand\n",
    .group = LT_GROUP_RUN,
    .run = mark,
};
