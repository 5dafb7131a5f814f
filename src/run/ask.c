/* Cancelling, marking, retrying and deciding: the same for people at a terminal and at the server's page. */
#include "run/ask.h"

#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "fmt/json.h"
#include "run/run.h"
#include "state/schedule.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- tasks ---- */

static lt_text task_name_at(const void *context, size_t i)
{
    return ((const lt_task_records *)context)->items[i].name;
}

lt_status lt_run_find_task(lt_state *state, const lt_run_record *run, lt_text word, lt_arena *arena,
                           lt_task_record *out, lt_err *err)
{
    lt_task_records tasks = {0};
    lt_text nearest;
    LT_TRY(lt_state_tasks(state, run->id, arena, &tasks, err));
    for (size_t i = 0; i < tasks.len; i++) {
        if (!lt_text_eq(tasks.items[i].id, word) && !lt_text_eq(tasks.items[i].name, word))
            continue;
        *out = tasks.items[i];
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "run %lld has no task '%.*s'", (long long)run->id,
                      LT_ARG(lt_text_sub(word, 0, 200))));
    if (lt_text_nearest(word, tasks.len, task_name_at, &tasks, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err,
                   "'leat runs %lld' lists its tasks; the number of another run may stand before "
                   "the task",
                   (long long)run->id);
}

/* ---- cancel, mark ---- */

lt_status lt_run_ask_cancel(const lt_run_asker *asker, const lt_run_record *run, lt_text task,
                            lt_run_cancelled *out, lt_err *err)
{
    lt_run_cancelled made = {0};
    lt_request request = {
        .run_id = run->id, .task = task, .kind = T("cancel"), .asked_by = asker->by};
    if (run->status != LT_RUN_RUNNING && run->status != LT_RUN_QUEUED && run->status != LT_RUN_LOST)
        return lt_fail(err, LT_CONFLICT, "run %lld has ended already: %s", (long long)run->id,
                       lt_run_status_name(run->status));
    lt_status status =
        task.len ? LT_CONFLICT : lt_state_run_cancel_idle(asker->state, run->id, asker->by, err);
    if (status == LT_OK)
        made.ended = lt_run_end_orphans(asker->home, asker->state, run->id, &made.stuck);
    if (status == LT_CONFLICT) {
        status = lt_state_request(asker->state, &request, err);
        made.request = request.id;
    }
    if (status == LT_OK)
        *out = made;
    return status;
}

/* A pid may be another program's by now: the descriptor is taken first, then what it stands for is looked at. */
static bool signal_run(const lt_run_record *run, int number)
{
    LT_AUTO(lt_fd) fd = run->pid > 0 ? (int)syscall(SYS_pidfd_open, (pid_t)run->pid, 0) : -1;
    return fd >= 0 && lt_proc_started((int)run->pid) == run->pid_started &&
           syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) == 0;
}

static void end_process(const lt_run_record *run)
{
    static const int signals[] = {SIGTERM, SIGKILL};
    for (size_t i = 0; i < LT_COUNT(signals); i++) {
        int64_t until = lt_mono_us() + LT_FORCE_PATIENCE_US;
        if (!signal_run(run, signals[i]))
            return;
        while (lt_proc_started((int)run->pid) == run->pid_started && lt_mono_us() < until)
            lt_sleep_us(20000);
    }
}

static bool has_ended(const lt_run_record *run)
{
    return run->status != LT_RUN_RUNNING && run->status != LT_RUN_QUEUED &&
           run->status != LT_RUN_LOST;
}

/* A server may have gone on with the run meanwhile, in a new process: that one finds the request, and is not to be disturbed. */
static lt_status settle(const lt_run_asker *asker, lt_run_record *now, lt_run_cancelled *out,
                        lt_err *err)
{
    int64_t until = lt_mono_us() + 3 * LT_FORCE_PATIENCE_US;
    for (;;) {
        LT_TRY(lt_state_reap(asker->state, NULL, err));
        LT_TRY(lt_state_run_get(asker->state, now->id, asker->arena, now, err));
        if (has_ended(now) || lt_mono_us() > until)
            break;
        lt_status status = lt_state_run_cancel_idle(asker->state, now->id, asker->by, err);
        if (status != LT_OK && status != LT_CONFLICT && status != LT_INVALID)
            return status;
        if (status != LT_OK)
            lt_sleep_us(20000);
    }
    if (!has_ended(now))
        return lt_fail(err, LT_IO, "run %lld was begun again, and does not stop",
                       (long long)now->id);
    out->ended = lt_run_end_orphans(asker->home, asker->state, now->id, &out->stuck);
    return LT_OK;
}

lt_status lt_run_force_cancel(const lt_run_asker *asker, const lt_run_record *run,
                              lt_run_record *now, lt_run_cancelled *out, lt_err *err)
{
    lt_run_cancelled made = {0};
    lt_run_record latest = *run;
    end_process(run);
    LT_TRY(settle(asker, &latest, &made, err));
    *now = latest;
    *out = made;
    return LT_OK;
}

lt_status lt_run_await(const lt_run_asker *asker, int64_t request, int64_t patience_us,
                       lt_request *out, lt_err *err)
{
    static const int64_t LOOK_US = 50000;
    int64_t until = lt_mono_us() + patience_us;
    do {
        LT_TRY(lt_state_request_get(asker->state, request, asker->arena, out, err));
        if (out->done_at_us)
            return LT_OK;
        if (lt_stop_asked())
            return lt_fail(err, LT_CANCELLED, "stopped waiting; the request stays");
        lt_sleep_us(LOOK_US);
    } while (lt_mono_us() < until);
    return LT_OK;
}

lt_status lt_run_ask_mark(const lt_run_asker *asker, const lt_run_record *run, lt_text task,
                          lt_task_status status, lt_err *err)
{
    lt_request request = {.run_id = run->id,
                          .task = task,
                          .kind = T("mark"),
                          .argument = lt_text_of(lt_task_status_name(status)),
                          .asked_by = asker->by};
    if (run->status == LT_RUN_QUEUED)
        return lt_fail(err, LT_CONFLICT, "run %lld has not begun", (long long)run->id);
    if (run->status == LT_RUN_RUNNING)
        return lt_state_request(asker->state, &request, err);
    return lt_state_task_mark(asker->state, run->id, task, status, asker->by, err);
}

/* ---- retry ---- */

lt_status lt_run_check_retry(const lt_run_record *before, lt_err *err)
{
    if (before->status == LT_RUN_RUNNING || before->status == LT_RUN_QUEUED) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "run %lld is still %s", (long long)before->id,
                          lt_run_status_name(before->status)));
        return lt_hint(err, "wait for its end, or cancel it");
    }
    if (lt_text_eq(before->command, T("reproduce"))) {
        lt_ignore(lt_fail(err, LT_INVALID, "run %lld is a reproduction", (long long)before->id));
        return lt_hint(err, "begin it again with 'leat reproduce'");
    }
    return LT_OK;
}

/* What surely fails is told at once, not by the run that would fail. */
static lt_status check_tasks(const lt_run_asker *asker, const lt_run_record *before,
                             const lt_run_retry *retry, lt_err *err)
{
    lt_task_records tasks = {0};
    lt_task_record from;
    if (retry->from.len)
        return lt_run_find_task(asker->state, before, retry->from, asker->arena, &from, err);
    LT_TRY(lt_state_tasks(asker->state, before->id, asker->arena, &tasks, err));
    for (size_t i = 0; i < tasks.len; i++)
        if (!lt_task_is_good(tasks.items[i].status))
            return LT_OK;
    if (retry->all || !tasks.len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT, "run %lld has nothing left to do: every task succeeded",
                      (long long)before->id));
    return lt_hint(err, "start a new one, or do it all again");
}

static lt_text retry_trigger(const lt_run_asker *asker, const lt_run_retry *retry)
{
    LT_AUTO(lt_buf) json = {0};
    lt_json_writer w = {.out = &json};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", T("retry"));
    lt_json_set(&w, "by", asker->by);
    if (retry->from.len)
        lt_json_set(&w, "from", retry->from);
    if (retry->all)
        lt_json_set_bool(&w, "all", true);
    if (retry->request.len)
        lt_json_set(&w, "request", retry->request);
    lt_json_end(&w);
    return lt_arena_text(asker->arena, lt_buf_text(&json));
}

lt_status lt_run_ask_retry(const lt_run_asker *asker, const lt_run_record *before,
                           const lt_run_retry *retry, lt_run_record *out, lt_err *err)
{
    if (retry->from.len && retry->all)
        return lt_fail(err, LT_INVALID, "'from' and 'all' exclude each other");
    LT_TRY(lt_run_check_retry(before, err));
    LT_TRY(check_tasks(asker, before, retry, err));
    lt_run_record made = {.command = T("retry"),
                          .pipeline = before->pipeline,
                          .selection = before->selection,
                          .exclusion = before->exclusion,
                          .target = before->target,
                          .vars_json = before->vars_json,
                          .clock_us = before->clock_us,
                          .threads = before->threads,
                          .full_refresh = before->full_refresh,
                          .retry_of = before->id,
                          .params_json = before->params_json,
                          .trigger_json = retry_trigger(asker, retry)};
    if (retry->key.len)
        made.run_key = lt_text_of(lt_arena_format(asker->arena, "retry:%lld:%.*s",
                                                  (long long)before->id, LT_ARG(retry->key)));
    LT_TRY(lt_state_supervise(asker->state, &made, 1, err));
    *out = made;
    return LT_OK;
}

lt_status lt_run_retry_of(const lt_run_record *run, lt_arena *arena, lt_run_retry *out, lt_err *err)
{
    lt_json *said = NULL;
    LT_TRY(lt_json_read(run->trigger_json, "trigger", NULL, arena, &said, err));
    *out = (lt_run_retry){.from = lt_json_text_or(said, "from", T("")),
                          .all = lt_json_bool_or(said, "all", false)};
    return LT_OK;
}

/* ---- decisions ---- */

static lt_status read_list(const lt_run_asker *asker, lt_text json, lt_json **out, lt_err *err)
{
    return lt_json_read(json, "list", NULL, asker->arena, out, err);
}

/* ["ada", "ben"] as "ada, ben". */
static void list_names(const lt_json *list, const char *before, lt_buf *out)
{
    for (size_t i = 0; i < list->count; i++)
        lt_buf_printf(out, "%s%s%.*s", out->len ? ", " : "", i ? "" : before,
                      LT_ARG(list->items[i].text));
}

/* Who is named, or has one of the roles; everybody but viewers when the task says nothing. */
lt_status lt_run_may_decide(const lt_run_asker *asker, const lt_approval *asked, lt_role role,
                            lt_err *err)
{
    lt_json *people = NULL, *roles = NULL;
    LT_TRY(read_list(asker, asked->people_json, &people, err));
    LT_TRY(read_list(asker, asked->roles_json, &roles, err));
    bool may = people->count == 0 && roles->count == 0 && role != LT_ROLE_VIEWER;
    for (size_t i = 0; i < people->count; i++)
        may = may || lt_text_eq(people->items[i].text, asker->by);
    for (size_t i = 0; i < roles->count; i++) {
        lt_role wanted = lt_role_from(roles->items[i].text);
        may = may || (wanted != LT_ROLE_NONE && role >= wanted);
    }
    if (may)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_DENIED, "%.*s may not decide on '%.*s'", LT_ARG(asker->by),
                      LT_ARG(asked->task)));
    LT_AUTO(lt_buf) names = {.limit = 300};
    list_names(people, "", &names);
    list_names(roles, "the role ", &names);
    return lt_hint(
        err,
        "its 'people' and 'roles' let decide: %s; signed in on the page, over the API, or "
        "as that user of this machine with 'leat approve'",
        names.len ? lt_buf_chars(&names) : "operators and those above");
}

lt_status lt_run_decide(const lt_run_asker *asker, int64_t run_id, lt_text task, lt_role role,
                        bool approve, lt_text comment, lt_err *err)
{
    lt_approval asked;
    LT_TRY(lt_state_approval_get(asker->state, run_id, task, asker->arena, &asked, err));
    LT_TRY(lt_run_may_decide(asker, &asked, role, err));
    lt_approval decided = {.run_id = run_id,
                           .task = task,
                           .decision = approve ? T("approved") : T("rejected"),
                           .decided_by = asker->by,
                           .comment = comment};
    return lt_state_approval_decide(asker->state, &decided, err);
}
