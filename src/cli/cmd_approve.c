/* leat approve: agree, or not, to what a run waits for. */
#include "cli/cmd.h"

#include "cli/work.h"
#include "fmt/json.h"

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

static lt_status holds(lt_app *app, lt_text json, lt_text name, bool *any, bool *found, lt_err *err)
{
    lt_json *list = NULL;
    LT_TRY(lt_json_read(json, "list", NULL, &app->arena, &list, err));
    *any = list->count > 0;
    *found = false;
    for (size_t i = 0; i < list->count; i++)
        *found = *found || lt_text_eq(list->items[i].text, name);
    return LT_OK;
}

/* Whom the home belongs to may do everything here anyway, and so has every role. */
static bool owns_home(const lt_workspace *workspace)
{
    struct stat info;
    return geteuid() == 0 || (stat(workspace->home, &info) == 0 && info.st_uid == geteuid());
}

static lt_status check_may(lt_app *app, const lt_workspace *workspace, const lt_approval *asked,
                           lt_err *err)
{
    bool people = false, roles = false, named = false, ignored = false;
    lt_text who = lt_work_who(app);
    LT_TRY(holds(app, asked->people_json, who, &people, &named, err));
    LT_TRY(holds(app, asked->roles_json, who, &roles, &ignored, err));
    if ((!people && !roles) || named || (roles && owns_home(workspace)))
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_DENIED, "%.*s may not decide on '%.*s'", LT_ARG(who), LT_ARG(asked->task)));
    return lt_hint(err, "who may is written in 'people' and 'roles' of the task: %.*s",
                   LT_ARG(asked->people_json));
}

static lt_status approve(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const approve_opts *given = opts;
    lt_run_record run;
    lt_task_record task;
    lt_approval asked;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &run, err));
    LT_TRY(lt_work_task_get(workspace, &run, args->items[1], &app->arena, &task, err));
    LT_TRY(lt_state_approval_get(workspace->state, run.id, task.id, &app->arena, &asked, err));
    LT_TRY(check_may(app, workspace, &asked, err));
    lt_approval decided = {.run_id = run.id,
                           .task = task.id,
                           .decision = given->reject ? T("rejected") : T("approved"),
                           .decided_by = lt_work_who(app),
                           .comment = lt_text_of(given->comment)};
    LT_TRY(lt_state_approval_decide(workspace->state, &decided, err));
    lt_out_printf(&app->out, "%.*s of run %lld is %.*s\n", LT_ARG(task.name), (long long)run.id,
                  LT_ARG(decided.decision));
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
