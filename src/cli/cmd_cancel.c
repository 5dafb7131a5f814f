/* leat cancel: stop a run, or one task of it, and say what was left. */
#include "cli/cmd.h"

#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/work.h"
#include "run/ask.h"
#include "run/run.h"

#include <signal.h>

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

/* After its process was ended: nobody does it now. */
static lt_status cancel_idle(lt_app *app, lt_workspace *workspace, const lt_run_record *run,
                             lt_err *err)
{
    lt_run_cancelled done;
    lt_run_asker asker = {workspace->state, workspace->home, lt_work_who(app), &app->arena};
    LT_TRY(lt_run_ask_cancel(&asker, run, T(""), &done, err));
    say_over(app, run, &done);
    return LT_OK;
}

static lt_status fail_silent(const lt_run_record *run, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_IO, "run %lld (process %lld) has not stopped in time",
                      (long long)run->id, (long long)run->pid));
    return lt_hint(err, "it is asked, and may still stop; --force ends its process");
}

/* SIGTERM, then SIGKILL; what it left is ended by us. */
static lt_status force(lt_app *app, lt_workspace *workspace, const lt_run_record *run, lt_err *err)
{
    static const int64_t PATIENCE_US = 10000000;
    uint64_t started = lt_proc_started((int)run->pid);
    const int signals[] = {SIGTERM, SIGKILL};
    for (size_t i = 0; i < LT_COUNT(signals); i++) {
        int64_t until = lt_mono_us() + PATIENCE_US;
        (void)kill((pid_t)run->pid, signals[i]);
        while (lt_proc_started((int)run->pid) == started && lt_mono_us() < until)
            lt_sleep_us(20000);
    }
    lt_run_record now;
    LT_TRY(lt_state_reap(workspace->state, NULL, err));
    LT_TRY(lt_state_run_get(workspace->state, run->id, &app->arena, &now, err));
    if (now.status == LT_RUN_LOST)
        return cancel_idle(app, workspace, &now, err);
    size_t stuck = 0,
           count = lt_run_end_orphans(workspace->home, workspace->state, run->id, &stuck);
    lt_out_printf(&app->out, "run %lld is %s\n", (long long)run->id,
                  lt_run_status_name(now.status));
    say_left(app, count, stuck);
    return LT_OK;
}

/* Wait until the request is answered; an empty answer: it was not in time. */
static lt_status await_answer(lt_app *app, lt_workspace *workspace, int64_t request_id,
                              int64_t patience_us, lt_request *answered, lt_err *err)
{
    static const int64_t LOOK_US = 50000;
    int64_t until = lt_mono_us() + patience_us;
    do {
        LT_TRY(lt_state_request_get(workspace->state, request_id, &app->arena, answered, err));
        if (answered->done_at_us)
            return LT_OK;
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "stopped waiting; the request stays");
        lt_sleep_us(LOOK_US);
    } while (lt_mono_us() < until);
    return LT_OK;
}

static lt_status await(lt_app *app, lt_workspace *workspace, const cancel_opts *opts,
                       const lt_run_record *run, lt_text task, int64_t request, lt_err *err)
{
    lt_request answered = {0};
    if (opts->no_wait) {
        lt_out_printf(&app->out, "asked run %lld to stop\n", (long long)run->id);
        return LT_OK;
    }
    LT_TRY(await_answer(app, workspace, request, opts->patience_us, &answered, err));
    if (!answered.done_at_us)
        return opts->force && !task.len ? force(app, workspace, run, err) : fail_silent(run, err);
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
        return await(app, workspace, given, &run, task.id, done.request, err);
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
