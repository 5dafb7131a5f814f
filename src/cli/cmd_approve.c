/* leat approve: agree, or not, to what a run waits for. */
#include "cli/cmd.h"

#include "cli/work.h"
#include "run/ask.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct approve_opts {
    const char *comment;
    bool reject;
} approve_opts;

static const lt_opt table[] = {
    {.name = "reject", .type = LT_OPT_FLAG, LT_AT(approve_opts, reject), .help = "say no"},
    {.name = "comment",
     .type = LT_OPT_TEXT,
     LT_AT(approve_opts, comment),
     .value = "TEXT",
     .help = "is kept with the decision"},
};

/* Whom the home belongs to may do everything here anyway, and so has every role. */
static bool owns_home(const lt_workspace *workspace)
{
    struct stat info;
    return geteuid() == 0 || (stat(workspace->home, &info) == 0 && info.st_uid == geteuid());
}

static lt_status approve(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const approve_opts *given = opts;
    lt_run_record run;
    lt_task_record task;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &run, err));
    LT_TRY(lt_work_task_get(workspace, &run, args->items[1], &app->arena, &task, err));
    lt_run_asker asker = {workspace->state, workspace->home, lt_work_who(app), &app->arena};
    LT_TRY(lt_run_decide(&asker, run.id, task.id,
                         owns_home(workspace) ? LT_ROLE_ADMIN : LT_ROLE_NONE, !given->reject,
                         lt_text_of(given->comment), err));
    lt_out_printf(&app->out, "%.*s of run %lld is %s\n", LT_ARG(task.name), (long long)run.id,
                  given->reject ? "rejected" : "approved");
    return LT_OK;
}

const lt_cmd lt_cmd_approve = {
    .name = "approve",
    .help = "agree to what a run waits for",
    .args = "RUN TASK",
    .about = "The name that counts is that of the user of this machine. The owner of the home "
             "folder has every role.",
    .examples = "leat approve last release --comment 'looks right'\tlet it go on\n"
                "leat approve 12 release --reject\tlet the task fail\n",
    .group = LT_GROUP_RUN,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(approve_opts),
    .run = approve,
};
