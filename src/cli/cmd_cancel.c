/* leat cancel: stop a run, or one task of it, and say what was left. */
#include "cli/cmd.h"

#include "cli/work.h"
#include "run/ask.h"

typedef struct cancel_opts {
    int64_t patience_us;
    bool no_wait, force;
} cancel_opts;

static const lt_opt table[] = {
    {.name = "timeout",
     .type = LT_OPT_LENGTH,
     LT_AT(cancel_opts, patience_us),
     .value = "LENGTH",
     .preset = "60s",
     .help = "how long to wait for its end"},
    {.name = "no-wait",
     .type = LT_OPT_FLAG,
     LT_AT(cancel_opts, no_wait),
     .help = "only ask; do not wait for the end"},
    {.name = "force",
     .type = LT_OPT_FLAG,
     LT_AT(cancel_opts, force),
     .help = "end the run's process when it does not answer in time"},
};

static void say_left(lt_app *app, size_t count, size_t stuck)
{
    if (count)
        lt_out_printf(&app->out, "%zu process%s that went on without it %s ended\n", count,
                      count == 1 ? "" : "es", count == 1 ? "was" : "were");
    if (stuck)
        lt_out_printf(&app->out, "%zu of them do not end: look at them with ps\n", stuck);
}

static void say_over(lt_app *app, const lt_run_record *run, const lt_run_cancelled *done)
{
    lt_out_printf(&app->out, "run %lld is cancelled\n", (long long)run->id);
    say_left(app, done->ended, done->stuck);
}

static lt_status fail_silent(const lt_run_record *run, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_IO, "run %lld (process %lld) has not stopped in time",
                      (long long)run->id, (long long)run->pid));
    return lt_hint(err, "it is asked, and may still stop; --force ends its process");
}

static lt_status force(lt_app *app, const lt_run_asker *asker, const lt_run_record *run,
                       lt_err *err)
{
    lt_run_record now;
    lt_run_cancelled done;
    LT_TRY(lt_run_force_cancel(asker, run, &now, &done, err));
    lt_out_printf(&app->out, "run %lld is %s\n", (long long)run->id,
                  lt_run_status_name(now.status));
    say_left(app, done.ended, done.stuck);
    return LT_OK;
}

static lt_status await(lt_app *app, const lt_run_asker *asker, const cancel_opts *opts,
                       const lt_run_record *run, lt_text task, int64_t request, lt_err *err)
{
    lt_request answered = {0};
    if (opts->no_wait) {
        lt_out_printf(&app->out, "asked run %lld to stop\n", (long long)run->id);
        return LT_OK;
    }
    LT_TRY(lt_run_await(asker, request, opts->patience_us, &answered, err));
    if (!answered.done_at_us)
        return opts->force && !task.len ? force(app, asker, run, err) : fail_silent(run, err);
    if (task.len)
        lt_out_printf(&app->out, "%.*s of run %lld is cancelled\n", LT_ARG(task),
                      (long long)run->id);
    else
        lt_out_printf(&app->out, "run %lld is cancelled: %.*s\n", (long long)run->id,
                      LT_ARG(answered.answer));
    return LT_OK;
}

static lt_status cancel(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const cancel_opts *given = opts;
    lt_run_record run;
    lt_task_record task = {0};
    lt_run_cancelled done;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    LT_TRY(lt_work_run_get(workspace, args->items[0], &app->arena, &run, err));
    if (args->count > 1)
        LT_TRY(lt_work_task_get(workspace, &run, args->items[1], &app->arena, &task, err));
    lt_run_asker asker = {workspace->state, workspace->home, lt_work_who(app), &app->arena};
    LT_TRY(lt_run_ask_cancel(&asker, &run, task.id, &done, err));
    if (done.request)
        return await(app, &asker, given, &run, task.id, done.request, err);
    say_over(app, &run, &done);
    return LT_OK;
}

const lt_cmd lt_cmd_cancel = {
    .name = "cancel",
    .help = "stop a run, or one task of it",
    .args = "RUN [TASK]",
    .about = "Statements are cancelled; commands get SIGTERM, and SIGKILL after their grace, with "
             "everything that they have started. Says what was left behind.",
    .examples = "leat cancel last\tthe newest run\nleat cancel 12 upload\tone task of run 12\n",
    .group = LT_GROUP_RUN,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(cancel_opts),
    .run = cancel,
};
