/* Runs are recorded step by step and can be read back; the dead are noticed. */
#include "state/state.h"

#include "base/mask.h"
#include "base/vec.h"
#include "support/test.h"

#include <sys/wait.h>
#include <unistd.h>

static const lt_task_record two_tasks[] = {
    {.id = T("model.shop.b"), .kind = T("model"), .name = T("b"), .rows_in = -1, .rows_out = -1},
    {.id = T("model.shop.a"), .kind = T("model"), .name = T("a"), .rows_in = -1, .rows_out = -1},
};

static lt_state *open_state(const char *home)
{
    lt_err err = {0};
    lt_state *state = NULL;
    CHECK_OK(lt_state_open(home, &state, &err), err);
    return state;
}

static int64_t start(lt_state *state)
{
    lt_err err = {0};
    lt_run_record run = {.command = T("run"), .target = T("dev"), .clock_us = 42, .threads = 4};
    CHECK_OK(lt_state_run_start(state, &run, two_tasks, 2, &err), err);
    return run.id;
}

Test(state, a_run_and_its_tasks_read_back_as_they_were_written)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    int64_t id = start(state), token = 0, attempt = 0;
    CHECK_INT(id, 1);
    CHECK_OK(lt_state_task_start(state, id, T("model.shop.b"), &token, &attempt, &err), err);
    CHECK_INT(attempt, 1);
    lt_task_record done = {.id = T("model.shop.b"),
                           .status = LT_TASK_SUCCEEDED,
                           .rows_out = 7,
                           .result_json = T("{}")};
    CHECK_OK(lt_state_task_finish(state, id, &done, &err), err);
    CHECK_OK(lt_state_run_finish(state, id, LT_RUN_SUCCEEDED, T(""), T(""), &err), err);

    lt_run_record run = {0};
    CHECK_OK(lt_state_run_get(state, 0, &arena, &run, &err), err);
    CHECK_INT(run.id, id);
    CHECK_INT(run.clock_us, 42);
    CHECK_INT(run.status, LT_RUN_SUCCEEDED);
    CHECK(run.finished_at_us >= run.started_at_us);

    lt_task_records tasks = {0};
    CHECK_OK(lt_state_tasks(state, id, &arena, &tasks, &err), err);
    CHECK_INT(tasks.len, 2);
    CHECK_TEXT(tasks.items[0].name, "b");
    CHECK_INT(tasks.items[0].status, LT_TASK_SUCCEEDED);
    CHECK_INT(tasks.items[0].rows_out, 7);
    CHECK_INT(tasks.items[1].status, LT_TASK_CANCELLED); /* it never began */
}

Test(state, tokens_grow_with_every_attempt_over_all_runs)
{
    lt_err err = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    int64_t last = 0;
    for (int i = 0; i < 3; i++) {
        int64_t token = 0, attempt = 0, id = start(state);
        CHECK_OK(lt_state_task_start(state, id, T("model.shop.a"), &token, &attempt, &err), err);
        CHECK(token > last);
        last = token;
        CHECK_OK(lt_state_task_start(state, id, T("model.shop.a"), &token, &attempt, &err), err);
        CHECK_INT(attempt, 2);
        CHECK(token > last);
        last = token;
    }
}

Test(state, an_unknown_run_or_task_is_named)
{
    lt_err err = {0};
    int64_t token, attempt;
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record run;
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    CHECK_STATUS(lt_state_run_get(state, 0, &arena, &run, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.hint, "leat run");
    int64_t id = start(state);
    CHECK_STATUS(lt_state_run_get(state, 99, &arena, &run, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "no run 99");
    CHECK_HAS(err.hint, "newest run is 1");
    CHECK_STATUS(lt_state_task_start(state, id, T("model.shop.z"), &token, &attempt, &err),
                 LT_NOT_FOUND, err);
    CHECK_HAS(err.message, "model.shop.z");
}

Test(state, secrets_never_reach_the_file)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    int64_t id = start(state);
    lt_mask_register(T("s3cr3t-token"));
    lt_task_record failed = {.id = T("model.shop.a"),
                             .status = LT_TASK_FAILED,
                             .message = T("401 for s3cr3t-token"),
                             .hint = T("s3cr3t-token")};
    CHECK_OK(lt_state_task_finish(state, id, &failed, &err), err);
    CHECK_OK(lt_state_run_finish(state, id, LT_RUN_FAILED, T("s3cr3t-token"), T(""), &err), err);
    lt_mask_forget_all();
    lt_task_records tasks = {0};
    lt_run_record run;
    CHECK_OK(lt_state_tasks(state, id, &arena, &tasks, &err), err);
    CHECK_TEXT(tasks.items[1].message, "401 for ***");
    CHECK_TEXT(tasks.items[1].hint, "***");
    CHECK_OK(lt_state_run_get(state, id, &arena, &run, &err), err);
    CHECK_TEXT(run.message, "***");
}

Test(state, pins_keep_the_last_word_on_a_dataset)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    int64_t id = start(state);
    lt_pin pin = {.bucket = T("raw"), .prefix = T("a/"), .commit_id = T("c1"), .sequence = 1};
    CHECK_OK(lt_state_pin(state, id, &pin, &err), err);
    pin.sequence = 2;
    CHECK_OK(lt_state_pin(state, id, &pin, &err), err);
    lt_pins pins = {0};
    CHECK_OK(lt_state_pins(state, id, &arena, &pins, &err), err);
    CHECK_INT(pins.len, 1);
    CHECK_INT(pins.items[0].sequence, 2);
}

/* A child starts a run with a task and a backend, and dies. */
static void die_in_a_run(const char *home)
{
    pid_t child = fork();
    if (child == 0) {
        lt_err err = {0};
        int64_t token = 0, attempt = 0;
        lt_state *state = open_state(home);
        int64_t id = start(state);
        lt_ignore(lt_state_task_start(state, id, T("model.shop.b"), &token, &attempt, &err));
        lt_ignore(lt_state_task_backend(state, token, 4711, T("2026-11-22"), &err));
        _exit(0);
    }
    int how = 0;
    CHECK_INT(waitpid(child, &how, 0), child);
    CHECK_INT(how, 0);
}

Test(state, a_run_whose_process_died_is_lost_and_its_backend_is_remembered)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *home = lt_test_folder();
    die_in_a_run(home);
    LT_AUTO(lt_state_ref) state = open_state(home);
    int64_t alive = start(state), count = 0;
    lt_backends backends = {0};
    CHECK_OK(lt_state_lost_backends(state, T("dev"), &arena, &backends, &err), err);
    CHECK_INT(backends.len, 0);
    CHECK_OK(lt_state_reap(state, &count, &err), err);
    CHECK_INT(count, 1);

    lt_run_record run;
    lt_task_records tasks = {0};
    CHECK_OK(lt_state_run_get(state, 1, &arena, &run, &err), err);
    CHECK_INT(run.status, LT_RUN_LOST);
    CHECK_OK(lt_state_tasks(state, 1, &arena, &tasks, &err), err);
    CHECK_INT(tasks.items[0].status, LT_TASK_FAILED);
    CHECK_INT(tasks.items[1].status, LT_TASK_CANCELLED);
    CHECK_OK(lt_state_run_get(state, alive, &arena, &run, &err), err);
    CHECK_INT(run.status, LT_RUN_RUNNING);

    CHECK_OK(lt_state_lost_backends(state, T("dev"), &arena, &backends, &err), err);
    CHECK_INT(backends.len, 1);
    CHECK_INT(backends.items[0].pid, 4711);
    CHECK_OK(lt_state_backend_ended(state, backends.items[0].token, &err), err);
    backends.len = 0;
    CHECK_OK(lt_state_lost_backends(state, T("dev"), &arena, &backends, &err), err);
    CHECK_INT(backends.len, 0);
}

static size_t old_runs(lt_state *state, int64_t keep, lt_arena *arena, lt_run_records *out)
{
    lt_err err = {0};
    CHECK_OK(lt_state_old_runs(state, keep, INT64_MAX, 10, arena, out, &err), err);
    return out->len;
}

Test(state, old_runs_are_those_that_nothing_needs_any_more)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_state_ref) state = open_state(lt_test_folder());
    lt_run_records found = {0};
    int64_t token = 0, attempt = 0;
    for (int i = 0; i < 4; i++)
        (void)start(state);
    CHECK_INT(old_runs(state, 0, &arena, &found), 0); /* all of them run */
    CHECK_STATUS(lt_state_run_delete(state, 1, &err), LT_CONFLICT, err);
    CHECK_OK(lt_state_task_start(state, 1, T("model.shop.a"), &token, &attempt, &err), err);
    CHECK_OK(lt_state_task_backend(state, token, 4711, T("then"), &err), err);
    for (int64_t id = 1; id <= 4; id++)
        CHECK_OK(lt_state_run_finish(state, id, LT_RUN_SUCCEEDED, T(""), T(""), &err), err);
    CHECK_INT(old_runs(state, 1, &arena, &found), 2); /* the backend of run 1 may be at work */
    CHECK_INT(found.items[0].id, 2);
    CHECK_OK(lt_state_backend_ended(state, token, &err), err);
    CHECK_INT(old_runs(state, 3, &arena, &found), 1);
    CHECK_OK(lt_state_run_delete(state, 1, &err), err);
    CHECK_OK(lt_state_run_delete(state, 1, &err), err);
    CHECK_INT(old_runs(state, 3, &arena, &found), 0);
    lt_run_record run;
    CHECK_STATUS(lt_state_run_get(state, 1, &arena, &run, &err), LT_NOT_FOUND, err);
}
