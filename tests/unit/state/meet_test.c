/* Processes meet in rows: turns, takeovers, requests, approvals, pools; and the sentences about waiting. */
#include "base/proc.h"
#include "base/time.h"
#include "state/figures.h"
#include "state/inner.h"
#include "state/why.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static lt_state *open_state(const char *home)
{
    lt_err err = {0};
    lt_state *state = NULL;
    CHECK_OK(lt_state_open(home, &state, &err), err);
    return state;
}

static const lt_task_record one_task = {.id = T("task.p.a"),
                                        .kind = T("shell"),
                                        .name = T("a"),
                                        .rows_in = -1,
                                        .rows_out = -1,
                                        .needs_json = T("[]")};

static lt_run_record ask(lt_state *state, lt_overlap overlap, int64_t most, const char *key)
{
    lt_err err = {0};
    lt_admission rule = {.overlap = overlap, .most = most};
    lt_run_record run = {.command = T("run"),
                         .pipeline = T("p"),
                         .target = T("dev"),
                         .clock_us = 1,
                         .run_key = lt_text_of(key)};
    CHECK_OK(lt_state_run_ask(state, &run, &rule, &one_task, 1, &err), err);
    return run;
}

static void finish(lt_state *state, int64_t id)
{
    lt_err err = {0};
    CHECK_OK(lt_state_run_finish(state, id, LT_RUN_SUCCEEDED, T(""), T(""), &err), err);
}

Test(meet, runs_of_a_pipeline_take_turns_in_the_order_of_asking)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_admission rule = {.overlap = LT_OVERLAP_QUEUE, .most = 1};
    lt_run_record first = ask(state, LT_OVERLAP_QUEUE, 1, "");
    lt_run_record second = ask(state, LT_OVERLAP_QUEUE, 1, "");
    lt_run_record third = ask(state, LT_OVERLAP_QUEUE, 1, "");
    CHECK_INT(first.status, LT_RUN_RUNNING);
    CHECK_INT(second.status, LT_RUN_QUEUED);
    CHECK_TEXT(second.waiting.kind, "turn");
    CHECK_INT(second.waiting.run, first.id);
    CHECK_OK(lt_state_run_admit(state, &third, &rule, &arena, &err), err);
    CHECK_INT(third.status, LT_RUN_QUEUED);
    finish(state, first.id);
    CHECK_OK(lt_state_run_admit(state, &third, &rule, &arena, &err), err);
    CHECK_INT(third.status, LT_RUN_QUEUED); /* the second has asked before */
    CHECK_INT(third.waiting.run, second.id);
    CHECK_OK(lt_state_run_admit(state, &second, &rule, &arena, &err), err);
    CHECK_INT(second.status, LT_RUN_RUNNING);
}

Test(meet, a_run_may_be_left_out_or_have_the_others_stopped)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_requests open = {0};
    lt_run_record first = ask(state, LT_OVERLAP_QUEUE, 2, "");
    CHECK_INT(ask(state, LT_OVERLAP_SKIP, 1, "").status, LT_RUN_SKIPPED);
    CHECK_INT(ask(state, LT_OVERLAP_ALLOW, 0, "").status, LT_RUN_RUNNING);
    lt_run_record eager = ask(state, LT_OVERLAP_CANCEL_OLD, 1, "");
    CHECK_INT(eager.status, LT_RUN_QUEUED);
    CHECK_OK(lt_state_requests_open(state, first.id, &arena, &open, &err), err);
    CHECK_INT(open.len, 1);
    CHECK_TEXT(open.items[0].kind, "cancel");
}

Test(meet, a_key_is_one_run)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record first = ask(state, LT_OVERLAP_ALLOW, 0, "daily 2026-01-01"), found;
    lt_run_record second = {.command = T("run"), .run_key = T("daily 2026-01-01")};
    CHECK_STATUS(lt_state_run_enqueue(state, &second, &err), LT_CONFLICT, err);
    CHECK_INT(second.id, first.id);
    CHECK_OK(lt_state_run_by_key(state, T("daily 2026-01-01"), &arena, &found, &err), err);
    CHECK_INT(found.id, first.id);
    CHECK_STATUS(lt_state_run_by_key(state, T("other"), &arena, &found, &err), LT_NOT_FOUND, err);
}

static void leave_behind(const char *home)
{
    pid_t pid = fork();
    if (pid == 0) {
        lt_err err;
        lt_state *state = NULL;
        int64_t token, attempt;
        lt_run_record run = {.command = T("run"), .pipeline = T("p"), .target = T("dev")};
        bool ok = lt_state_open(home, &state, &err) == LT_OK &&
                  lt_state_run_start(state, &run, &one_task, 1, &err) == LT_OK &&
                  lt_state_task_start(state, run.id, one_task.id, &token, &attempt, &err) == LT_OK;
        _exit(ok ? 0 : 1); /* without a word */
    }
    int how = 0;
    CHECK_INT(waitpid(pid, &how, 0), pid);
    CHECK_INT(how, 0);
}

Test(meet, a_run_whose_process_died_is_taken_over_once)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *home = lt_test_folder();
    leave_behind(home);
    LT_AUTO(lt_state_ref) state = open_state(home);
    int64_t count = 0;
    lt_run_record run;
    lt_task_records tasks = {0};
    CHECK_OK(lt_state_reap(state, &count, &err), err);
    CHECK_INT(count, 1);
    CHECK_OK(lt_state_tasks(state, 1, &arena, &tasks, &err), err);
    CHECK_TEXT(tasks.items[0].cause, "lost");
    CHECK_OK(lt_state_run_claim(state, 1, &arena, &run, &err), err);
    CHECK_INT(run.status, LT_RUN_RUNNING);
    CHECK_INT(run.claim, 2);
    finish(state, 1);
    CHECK_STATUS(lt_state_run_claim(state, 1, &arena, &run, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "has ended: it succeeded");
}

typedef struct reaper {
    lt_state *state;
    atomic_bool begins;
    int64_t count;
    lt_status status;
} reaper;

static void *reap(void *context)
{
    reaper *self = context;
    lt_err err = {0};
    atomic_store(&self->begins, true);
    self->status = lt_state_reap(self->state, &self->count, &err);
    return NULL;
}

typedef struct takeover {
    reaper *reaper;
    pthread_t thread;
} takeover;

/* While it is not committed the reaper sees a run whose process is dead, and waits for its turn to write that down. */
static lt_status take_over_meanwhile(lt_tx *tx, void *context, lt_err *err)
{
    takeover *self = context;
    LT_TRY(lt_tx_exec(tx, err, "update runs set claim = 2, pid = ?, pid_started = ? where id = 1",
                      V((int64_t)getpid()), V((int64_t)lt_proc_started(getpid()))));
    CHECK_INT(pthread_create(&self->thread, NULL, reap, self->reaper), 0);
    while (!atomic_load(&self->reaper->begins))
        lt_sleep_us(1000);
    lt_sleep_us(50000); /* for its look; a slow machine only makes this test find less */
    return LT_OK;
}

Test(meet, a_run_that_is_taken_over_while_somebody_finds_it_dead_is_not_lost)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *home = lt_test_folder();
    leave_behind(home);
    LT_AUTO(lt_state_ref) state = open_state(home);
    LT_AUTO(lt_state_ref) other = open_state(home);
    reaper finds = {.state = other};
    takeover taken = {.reaper = &finds};
    lt_run_record run;
    CHECK_OK(lt_db_write(state->db, take_over_meanwhile, &taken, &err), err);
    CHECK_INT(pthread_join(taken.thread, NULL), 0);
    CHECK_INT(finds.status, LT_OK);
    CHECK_INT(finds.count, 0);
    CHECK_OK(lt_state_run_get(state, 1, &arena, &run, &err), err);
    CHECK_INT(run.status, LT_RUN_RUNNING);
}

static lt_task_record task_of(lt_state *state, lt_arena *arena)
{
    lt_err err = {0};
    lt_task_records tasks = {0};
    CHECK_OK(lt_state_tasks(state, 1, arena, &tasks, &err), err);
    CHECK(tasks.len == 1);
    return tasks.items[0];
}

Test(meet, a_run_that_goes_on_says_what_its_tasks_do)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *home = lt_test_folder();
    leave_behind(home);
    LT_AUTO(lt_state_ref) state = open_state(home);
    lt_run_record run;
    CHECK_OK(lt_state_run_claim(state, 1, &arena, &run, &err), err); /* nobody has seen it die */
    CHECK_TEXT(task_of(state, &arena).cause, "lost");
    CHECK_OK(lt_state_tasks_resume(state, 1, T(""), &one_task.id, 1, &err), err);
    lt_task_record task = task_of(state, &arena);
    CHECK_INT(task.status, LT_TASK_RUNNING);
    CHECK_INT(task.failures, 0); /* nothing has failed: its run died */
    CHECK_OK(lt_state_attempt_finish(state, task.token, LT_TASK_FAILED, T("x"), &err), err);
    CHECK_INT(task_of(state, &arena).failures, 1);
}

Test(meet, who_asked_a_run_is_answered_by_its_end)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, "");
    lt_request request = {.run_id = run.id, .kind = T("cancel"), .asked_by = T("ada")}, got;
    CHECK_OK(lt_state_request(state, &request, &err), err);
    CHECK_OK(lt_state_run_finish(state, run.id, LT_RUN_CANCELLED, T(""), T("two were left"), &err),
             err);
    CHECK_OK(lt_state_request_get(state, request.id, &arena, &got, &err), err);
    CHECK_TEXT(got.answer, "two were left");
    CHECK(got.done_at_us != 0);
}

Test(meet, a_living_process_keeps_its_run)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *home = lt_test_folder();
    LT_AUTO(lt_state_ref) state = open_state(home);
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, ""), got;
    pid_t pid = fork();
    if (pid == 0) {
        lt_state *other = NULL;
        bool refused = lt_state_open(home, &other, &err) == LT_OK &&
                       lt_state_run_claim(other, run.id, &arena, &got, &err) == LT_CONFLICT &&
                       lt_state_run_cancel_idle(other, run.id, T("x"), &err) == LT_CONFLICT;
        _exit(refused ? 0 : 1);
    }
    int how = 0;
    CHECK_INT(waitpid(pid, &how, 0), pid);
    CHECK_INT(how, 0);
}

Test(meet, an_attempt_that_was_given_up_may_not_write)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, "");
    int64_t old_token, new_token, attempt;
    lt_task_records tasks = {0};
    CHECK_OK(lt_state_task_start(state, run.id, one_task.id, &old_token, &attempt, &err), err);
    CHECK_OK(lt_state_task_start(state, run.id, one_task.id, &new_token, &attempt, &err), err);
    lt_task_record late = {.id = one_task.id, .status = LT_TASK_FAILED, .token = old_token};
    CHECK_STATUS(lt_state_task_finish(state, run.id, &late, &err), LT_CONFLICT, err);
    CHECK_OK(lt_state_tasks(state, run.id, &arena, &tasks, &err), err);
    CHECK_INT(tasks.items[0].status, LT_TASK_RUNNING);
    lt_task_record good = {.id = one_task.id,
                           .status = LT_TASK_SUCCEEDED,
                           .token = new_token,
                           .output_json = T("{\"x\":1}")};
    CHECK_OK(lt_state_task_finish(state, run.id, &good, &err), err);
}

static bool take(lt_state *state, int64_t run, const char *task, int64_t places, int64_t priority)
{
    lt_err err = {0};
    bool granted = false;
    lt_pool_wish wish = {.pool = T("api"),
                         .task = lt_text_of(task),
                         .run_id = run,
                         .size = 3,
                         .places = places,
                         .priority = priority};
    CHECK_OK(lt_state_pool_take(state, &wish, &granted, &err), err);
    return granted;
}

Test(meet, a_pool_is_fair_and_nobody_overtakes)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record one = ask(state, LT_OVERLAP_ALLOW, 0, ""),
                  two = ask(state, LT_OVERLAP_ALLOW, 0, "");
    lt_news news = {0};
    CHECK(take(state, one.id, "a", 2, 0));
    CHECK(take(state, one.id, "a", 2, 0)); /* asked again: still its own */
    CHECK(!take(state, one.id, "big", 3, 0));
    CHECK(!take(state, two.id, "small", 1, 0)); /* it would fit, but the big one came first */
    CHECK(take(state, two.id, "urgent", 1, 9));
    CHECK_OK(lt_state_pool_leave(state, one.id, T("a"), &err), err);
    CHECK(!take(state, one.id, "big", 3, 0));
    finish(state, two.id); /* what an ended run held is free, and what it wanted is forgotten */
    CHECK_OK(lt_state_news(state, one.id, true, &arena, &news, &err), err);
    CHECK_INT(news.wake.len, 1);
    CHECK(take(state, one.id, "big", 3, 0));
    bool granted;
    lt_pool_wish wish = {
        .pool = T("api"), .task = T("x"), .run_id = one.id, .size = 3, .places = 4};
    CHECK_STATUS(lt_state_pool_take(state, &wish, &granted, &err), LT_INVALID, err);
}

Test(meet, an_approval_is_decided_once_and_in_time)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, "");
    lt_approval asked = {.run_id = run.id,
                         .task = T("task.p.a"),
                         .people_json = T("[]"),
                         .roles_json = T("[]"),
                         .message = T("go?")},
                got;
    lt_approval yes = {.run_id = run.id,
                       .task = T("task.p.a"),
                       .decision = T("approved"),
                       .decided_by = T("ann"),
                       .comment = T("ok")};
    CHECK_STATUS(lt_state_approval_decide(state, &yes, &err), LT_NOT_FOUND, err);
    CHECK_OK(lt_state_approval_ask(state, &asked, &err), err);
    CHECK_OK(lt_state_approval_ask(state, &asked, &err), err);
    CHECK_OK(lt_state_approval_decide(state, &yes, &err), err);
    CHECK_STATUS(lt_state_approval_decide(state, &yes, &err), LT_CONFLICT, err);
    CHECK_OK(lt_state_approval_get(state, run.id, T("task.p.a"), &arena, &got, &err), err);
    CHECK_TEXT(got.decided_by, "ann");
    asked.task = T("late");
    asked.deadline_us = 1;
    CHECK_OK(lt_state_approval_ask(state, &asked, &err), err);
    yes.task = T("late");
    CHECK_STATUS(lt_state_approval_decide(state, &yes, &err), LT_CONFLICT, err);
}

Test(meet, a_change_by_another_connection_is_seen)
{
    lt_err err = {0};
    const char *home = lt_test_folder();
    LT_AUTO(lt_state_ref) state = open_state(home);
    LT_AUTO(lt_state_ref) other = open_state(home);
    lt_state_stamp stamp = {0};
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, "");
    int64_t began = lt_mono_us();
    while (lt_state_changed(state, &stamp)) /* until the last change is old enough to be trusted */
        CHECK(lt_mono_us() - began < 60000000);
    lt_request request = {.run_id = run.id, .kind = T("cancel"), .asked_by = T("ann")};
    CHECK_OK(lt_state_request(other, &request, &err), err);
    CHECK(lt_state_changed(state, &stamp));
}

static void why(lt_state *state, int64_t run_id, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record run;
    lt_task_records tasks = {0};
    lt_buf_clear(out);
    CHECK_OK(lt_state_run_get(state, run_id, &arena, &run, &err), err);
    CHECK_OK(lt_state_tasks(state, run_id, &arena, &tasks, &err), err);
    CHECK_OK(lt_why_task(state, &run, &tasks, &tasks.items[0], out, &err), err);
}

Test(why, each_reason_is_one_sentence)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) said = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_record run = ask(state, LT_OVERLAP_ALLOW, 0, "");
    const struct {
        lt_waiting waiting;
        const char *part;
    } cases[] = {
        {{.kind = T("pool"), .what = T("api")},
         "waits for places in the pool 'api', held by run 1 (x)"},
        {{.kind = T("retry"), .what = T("attempt 2 of 3"), .detail = T("no answer"), .next_us = 1},
         "failed (no answer); it is tried again at 1970-01-01T00:00:00Z, attempt 2 of 3"},
        {{.kind = T("time"), .next_us = 1}, "waits until 1970-01-01T00:00:00Z"},
        {{.kind = T("object"), .what = T("raw/x"), .next_us = 1, .deadline_us = 2},
         "waits for the object raw/x, for "},
        {{.kind = T("sql"), .detail = T("it gave 0")}, "query to become true (it gave 0)"},
        {{.kind = T("http"), .what = T("http://x"), .detail = T("503")},
         "waits for http://x (503)"},
        {{.kind = T("approval"), .what = T("ann")}, "waits for the approval of ann"},
        {{.kind = T("items"), .detail = T("1 of 2 have ended")}, "its items: 1 of 2 have ended"},
        {{.kind = T("run"), .what = T("q"), .run = run.id},
         "run 1 of the pipeline q, which is running"},
    };
    CHECK(take(state, run.id, "x", 1, 0));
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        CHECK_OK(lt_state_task_wait(state, run.id, one_task.id, &cases[i].waiting, &err), err);
        why(state, run.id, &said);
        CHECK_HAS(lt_buf_chars(&said), cases[i].part);
        CHECK(!strchr(lt_buf_chars(&said), '\n'));
    }
    CHECK_OK(lt_state_task_wait(state, run.id, one_task.id, &(lt_waiting){0}, &err), err);
    why(state, run.id, &said);
    CHECK_HAS(lt_buf_chars(&said), "is ready");
    CHECK_OK(lt_state_run_wait(
                 state, run.id,
                 &(lt_waiting){.kind = T("target"), .what = T("dev"), .detail = T("run 7")}, &err),
             err);
    why(state, run.id, &said);
    CHECK_HAS(lt_buf_chars(&said), "waits for the target 'dev', held by run 7, for ");
}

/* "p running 1, p succeeded 2" */
static void check_counts(lt_state *state, const char *wanted)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) said = {0};
    lt_figures figures;
    CHECK_OK(lt_state_figures(state, &arena, &figures, &err), err);
    for (size_t i = 0; i < figures.runs.len; i++)
        lt_buf_printf(&said, "%s%.*s %.*s %lld", i ? ", " : "", LT_ARG(figures.runs.items[i].name),
                      LT_ARG(figures.runs.items[i].status), (long long)figures.runs.items[i].count);
    CHECK_TEXT(lt_buf_text(&said), wanted);
}

Test(meet, runs_are_counted_as_they_come_change_and_go)
{
    lt_err err = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    check_counts(state, "");
    lt_run_record first = ask(state, LT_OVERLAP_ALLOW, 0, "");
    lt_run_record second = ask(state, LT_OVERLAP_ALLOW, 0, "");
    check_counts(state, "p running 2");
    finish(state, first.id);
    check_counts(state, "p running 1, p succeeded 1");
    finish(state, second.id);
    CHECK_INT(ask(state, LT_OVERLAP_SKIP, 1, "").status, LT_RUN_RUNNING);
    CHECK_INT(ask(state, LT_OVERLAP_SKIP, 1, "").status, LT_RUN_SKIPPED);
    check_counts(state, "p running 1, p skipped 1, p succeeded 2");
    CHECK_OK(lt_state_run_delete(state, first.id, &err), err);
    CHECK_OK(lt_state_run_delete(state, second.id, &err), err);
    check_counts(state, "p running 1, p skipped 1");
}
