/* leat mark: say that a task has succeeded or failed, whatever it did. */
#include "cli/cmd.h"

#include "cli/work.h"
#include "run/ask.h"

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
    lt_run_asker asker = {workspace->state, workspace->home, lt_work_who(app), &app->arena};
    LT_TRY(lt_run_ask_mark(&asker, &run, task.id, status, err));
    const char *name = lt_task_status_name(status);
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
