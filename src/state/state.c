/* The records of runs, tasks and attempts in state.db. */
#include "state/inner.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/proc.h"
#include "base/time.h"

#include <unistd.h>

/* What is asked for again and again is little, and a server that has seen many runs should not be larger for it. */
static const lt_db_schema schema = {.name = "state", .cache_kib = 2048};

const char *const lt_run_statuses[] = {
    [LT_RUN_RUNNING] = "running",     [LT_RUN_SUCCEEDED] = "succeeded", [LT_RUN_FAILED] = "failed",
    [LT_RUN_CANCELLED] = "cancelled", [LT_RUN_LOST] = "lost",           [LT_RUN_QUEUED] = "queued",
    [LT_RUN_SKIPPED] = "skipped",
};

const char *const lt_task_statuses[] = {
    [LT_TASK_PENDING] = "pending",     [LT_TASK_RUNNING] = "running",
    [LT_TASK_SUCCEEDED] = "succeeded", [LT_TASK_WARNED] = "warned",
    [LT_TASK_FAILED] = "failed",       [LT_TASK_SKIPPED] = "skipped",
    [LT_TASK_CANCELLED] = "cancelled", [LT_TASK_REUSED] = "reused",
    [LT_TASK_WAITING] = "waiting",
};
enum { RUN_STATUSES = LT_COUNT(lt_run_statuses), TASK_STATUSES = LT_COUNT(lt_task_statuses) };

const char *lt_run_status_name(lt_run_status status)
{
    return lt_run_statuses[status];
}

const char *lt_task_status_name(lt_task_status status)
{
    return lt_task_statuses[status];
}

static size_t status_from(const char *const *names, size_t count, lt_text name)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(lt_text_of(names[i]), name))
            return i;
    return 0;
}

lt_run_status lt_run_status_from(lt_text name)
{
    return (lt_run_status)status_from(lt_run_statuses, RUN_STATUSES, name);
}

lt_task_status lt_task_status_from(lt_text name)
{
    return (lt_task_status)status_from(lt_task_statuses, TASK_STATUSES, name);
}

static lt_status read_home_id(lt_tx *tx, void *context, lt_err *err)
{
    lt_state *state = context;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "select id from home");
    if (lt_query_next(&q))
        state->home_id = lt_query_text_in(&q, &state->arena, 0);
    return lt_query_check(&q, err);
}

lt_status lt_state_open(const char *home, lt_state **out, lt_err *err)
{
    LT_TRY(lt_folder_make(home, 0750, err));
    LT_AUTO(lt_chars) path = lt_path_join(home, "state.db");
    lt_state *state = lt_xcalloc(1, sizeof(*state));
    state->home = lt_arena_str(&state->arena, lt_text_of(home));
    lt_status status = lt_db_open(path, &schema, &state->db, err);
    if (status == LT_OK)
        status = lt_db_read(state->db, read_home_id, state, err);
    if (status != LT_OK) {
        lt_state_close(state);
        return status;
    }
    *out = state;
    return LT_OK;
}

/* A server that begins at this very moment waits until the file is let go. */
bool lt_state_has_server(const lt_state *state)
{
    LT_AUTO(lt_chars) path = lt_format("%s/leases/server.lock", state->home);
    LT_AUTO(lt_fd) fd = -1;
    lt_err err;
    return lt_path_exists(path) && lt_file_lock(path, 0, &fd, &err) == LT_CONFLICT;
}

lt_status lt_state_copy(lt_state *state, const char *path, lt_err *err)
{
    return lt_db_copy(state->db, path, err);
}

static lt_status do_check(lt_tx *tx, void *context, lt_err *err)
{
    const lt_state *state = context;
    LT_AUTO(lt_query) pages = lt_tx_query(tx, "PRAGMA integrity_check(1)");
    if (lt_query_next(&pages) && !lt_text_eq(lt_query_text(&pages, 0), T("ok")))
        return lt_fail(err, LT_IO, "'%s' is damaged: %.*s", lt_db_path(state->db),
                       LT_ARG(lt_query_text(&pages, 0)));
    LT_AUTO(lt_query) keys = lt_tx_query(tx, "PRAGMA foreign_key_check");
    if (lt_query_next(&keys))
        return lt_fail(err, LT_IO, "'%s' is damaged: a row of %.*s refers to a missing one of %.*s",
                       lt_db_path(state->db), LT_ARG(lt_query_text(&keys, 0)),
                       LT_ARG(lt_query_text(&keys, 2)));
    return lt_tx_check(tx, err);
}

lt_status lt_state_check(lt_state *state, lt_err *err)
{
    return lt_db_read(state->db, do_check, state, err);
}

void lt_state_close(lt_state *state)
{
    if (!state)
        return;
    lt_db_close(state->db);
    lt_arena_cleanup(&state->arena);
    lt_free(state);
}

lt_status lt_state_check_writable(lt_state *state, lt_err *err)
{
    return lt_db_exec(state->db, err, "update home set id = id");
}

void lt_state_wait_for_room(lt_state *state, bool (*is_enough)(void))
{
    lt_db_wait_for_room(state->db, is_enough);
}

lt_text lt_state_home_id(const lt_state *state)
{
    return state->home_id;
}

/* ---- writing ---- */

lt_text lt_state_masked(lt_text text, lt_arena *arena)
{
    LT_AUTO(lt_buf) out = {0};
    lt_mask(text, &out);
    return lt_arena_text(arena, lt_buf_text(&out));
}

typedef struct run_start {
    lt_run_record *run;
    const lt_task_record *tasks;
    size_t task_count;
} run_start;

static lt_text or_object(lt_text json)
{
    return json.len ? json : T("{}");
}

/* With the process that does it; a run that is queued for anybody has none. */
lt_status lt_state_insert_run(lt_tx *tx, lt_run_record *run, lt_err *err)
{
    int pid = run->status == LT_RUN_QUEUED && !run->pid ? 0 : getpid();
    run->asked_at_us = lt_now_us();
    run->started_at_us = run->status == LT_RUN_QUEUED ? 0 : run->asked_at_us;
    run->claim = 1;
    LT_TRY(lt_tx_exec(
        tx, err,
        "insert into runs (command, pipeline, selection, exclusion, target, vars_json, clock_us, "
        "threads, full_refresh, retry_of, git_commit, git_branch, git_dirty, tree, engine, status, "
        "started_at_us, pid, pid_started, run_key, params_json, trigger_json, parent_run, "
        "parent_task, asked_at_us, finished_at_us, message) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(run->command), V(run->pipeline), V(run->selection), V(run->exclusion), V(run->target),
        V(run->vars_json), V(run->clock_us), V(run->threads), V(run->full_refresh),
        V(run->retry_of), V(run->git_commit), V(run->git_branch), V(run->git_dirty), V(run->tree),
        V(run->engine), V(lt_run_status_name(run->status)), V(run->started_at_us), V(pid),
        V((int64_t)(pid ? lt_proc_started(pid) : 0)), V(run->run_key),
        V(or_object(run->params_json)), V(or_object(run->trigger_json)), V(run->parent_run),
        V(run->parent_task), V(run->asked_at_us),
        V(run->status == LT_RUN_SKIPPED ? run->asked_at_us : 0), V(run->message)));
    run->id = lt_tx_last_id(tx);
    return LT_OK;
}

static lt_status insert_task(lt_tx *tx, int64_t run_id, int64_t ordinal, const lt_task_record *task,
                             lt_err *err)
{
    return lt_tx_exec(tx, err,
                      "insert into tasks (run_id, ordinal, id, kind, name, status, rows_in, "
                      "rows_out, result_json, output_json, needs_json, parent, item_json, cause) "
                      "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      V(run_id), V(ordinal), V(task->id), V(task->kind), V(task->name),
                      V(lt_task_status_name(task->status)), V(task->rows_in), V(task->rows_out),
                      V(task->result_json), V(task->output_json),
                      V(task->needs_json.len ? task->needs_json : T("[]")), V(task->parent),
                      V(task->item_json), V(task->cause));
}

lt_status lt_state_insert_tasks(lt_tx *tx, int64_t run_id, const lt_task_record *tasks,
                                size_t count, lt_err *err)
{
    int64_t ordinal = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select coalesce(max(ordinal) + 1, 0) from tasks where run_id = ?",
                    V(run_id));
    if (lt_query_next(&q))
        ordinal = lt_query_i64(&q, 0);
    for (size_t i = 0; i < count; i++)
        LT_TRY(insert_task(tx, run_id, ordinal + (int64_t)i, &tasks[i], err));
    return LT_OK;
}

static lt_status start_run(lt_tx *tx, void *context, lt_err *err)
{
    run_start *start = context;
    start->run->status = LT_RUN_RUNNING;
    LT_TRY(lt_state_insert_run(tx, start->run, err));
    return lt_state_insert_tasks(tx, start->run->id, start->tasks, start->task_count, err);
}

lt_status lt_state_run_start(lt_state *state, lt_run_record *run, const lt_task_record *tasks,
                             size_t task_count, lt_err *err)
{
    run_start start = {.run = run, .tasks = tasks, .task_count = task_count};
    return lt_db_write(state->db, start_run, &start, err);
}

typedef struct tasks_add {
    int64_t run_id;
    const lt_task_record *tasks;
    size_t count;
} tasks_add;

static lt_status add_tasks(lt_tx *tx, void *context, lt_err *err)
{
    const tasks_add *add = context;
    return lt_state_insert_tasks(tx, add->run_id, add->tasks, add->count, err);
}

lt_status lt_state_tasks_add(lt_state *state, int64_t run_id, const lt_task_record *tasks,
                             size_t count, lt_err *err)
{
    tasks_add add = {.run_id = run_id, .tasks = tasks, .count = count};
    return lt_db_write(state->db, add_tasks, &add, err);
}

typedef struct run_finish {
    int64_t run_id;
    lt_run_status status;
    lt_text message, answer;
} run_finish;

/* Tasks that never began, because the run could not, are over too. */
static lt_status finish_run(lt_tx *tx, void *context, lt_err *err)
{
    const run_finish *finish = context;
    int64_t now_us = lt_now_us();
    LT_TRY(lt_tx_exec(tx, err,
                      "update tasks set status = 'cancelled', finished_at_us = ? where run_id = ? "
                      "and status in ('pending', 'waiting')",
                      V(now_us), V(finish->run_id)));
    LT_TRY(lt_tx_exec(tx, err, "delete from pool_places where run_id = ?", V(finish->run_id)));
    LT_TRY(lt_tx_exec(tx, err,
                      "update requests set done_at_us = ?, answer = ? where run_id = ? and "
                      "done_at_us = 0",
                      V(now_us), V(finish->answer.len ? finish->answer : T("the run has ended")),
                      V(finish->run_id)));
    return lt_tx_exec(tx, err,
                      "update runs set status = ?, message = ?, finished_at_us = ?, wait_kind = '' "
                      "where id = ?",
                      V(lt_run_status_name(finish->status)), V(finish->message), V(now_us),
                      V(finish->run_id));
}

lt_status lt_state_run_finish(lt_state *state, int64_t run_id, lt_run_status status,
                              lt_text message, lt_text answer, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    run_finish finish = {.run_id = run_id,
                         .status = status,
                         .message = lt_state_masked(message, &arena),
                         .answer = answer};
    return lt_db_write(state->db, finish_run, &finish, err);
}

typedef struct task_start {
    int64_t run_id;
    lt_text task;
    int64_t token, attempt;
} task_start;

static lt_status count_attempt(lt_tx *tx, task_start *start, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select attempts + 1 from tasks where run_id = ? and id = ?",
                    V(start->run_id), V(start->task));
    bool found = lt_query_next(&q);
    LT_TRY(lt_query_check(&q, err));
    if (!found)
        return lt_fail(err, LT_NOT_FOUND, "run %lld has no task '%.*s'", (long long)start->run_id,
                       LT_ARG(start->task));
    start->attempt = lt_query_i64(&q, 0);
    return LT_OK;
}

static lt_status start_task(lt_tx *tx, void *context, lt_err *err)
{
    task_start *start = context;
    int64_t now_us = lt_now_us();
    LT_TRY(count_attempt(tx, start, err));
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into attempts (run_id, task, attempt, started_at_us, status) "
                      "values (?, ?, ?, ?, 'running')",
                      V(start->run_id), V(start->task), V(start->attempt), V(now_us)));
    start->token = lt_tx_last_id(tx);
    return lt_tx_exec(
        tx, err,
        "update tasks set status = 'running', attempts = ?, token = ?, finished_at_us = 0, "
        "cause = '', wait_kind = '', started_at_us = case when started_at_us = 0 then ? else "
        "started_at_us end where run_id = ? and id = ?",
        V(start->attempt), V(start->token), V(now_us), V(start->run_id), V(start->task));
}

lt_status lt_state_task_start(lt_state *state, int64_t run_id, lt_text task, int64_t *token,
                              int64_t *attempt, lt_err *err)
{
    task_start start = {.run_id = run_id, .task = task};
    LT_TRY(lt_db_write(state->db, start_task, &start, err));
    *token = start.token;
    *attempt = start.attempt;
    return LT_OK;
}

lt_status lt_state_task_backend(lt_state *state, int64_t token, int pid, lt_text started,
                                lt_err *err)
{
    return lt_db_exec(state->db, err,
                      "update attempts set backend_pid = ?, backend_started = ? where token = ?",
                      V(pid), V(started), V(token));
}

typedef struct task_finish {
    int64_t run_id;
    const lt_task_record *const *tasks;
    size_t count;
} task_finish;

/* An attempt that was given up for dead must not write when it comes back. */
static lt_status check_token(lt_tx *tx, int64_t run_id, const lt_task_record *task, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select token from tasks where run_id = ? and id = ?", V(run_id),
                    V(task->id));
    if (!lt_query_next(&q) || lt_query_i64(&q, 0) == task->token)
        return LT_OK;
    return lt_fail(err, LT_CONFLICT, "a later attempt of '%.*s' has begun: this one is refused",
                   LT_ARG(task->id));
}

static lt_status finish_one(lt_tx *tx, int64_t run_id, const lt_task_record *task, lt_err *err)
{
    const char *status = lt_task_status_name(task->status);
    LT_AUTO(lt_arena) arena = {0};
    lt_text message = lt_state_masked(task->message, &arena);
    int64_t now_us = lt_now_us();
    if (task->token)
        LT_TRY(check_token(tx, run_id, task, err));
    LT_TRY(lt_tx_exec(
        tx, err,
        "update tasks set status = ?, finished_at_us = ?, rows_in = ?, rows_out = ?, "
        "peak_bytes = ?, message = ?, hint = ?, result_json = ?, output_json = ?, cause = ?, "
        "wait_kind = '' where run_id = ? and id = ?",
        V(status), V(now_us), V(task->rows_in), V(task->rows_out), V(task->peak_bytes), V(message),
        V(lt_state_masked(task->hint, &arena)), V(lt_state_masked(task->result_json, &arena)),
        V(lt_state_masked(task->output_json, &arena)), V(task->cause), V(run_id), V(task->id)));
    LT_TRY(lt_tx_exec(tx, err, "delete from pool_places where run_id = ? and task = ?", V(run_id),
                      V(task->id)));
    return lt_tx_exec(
        tx, err,
        "update attempts set status = ?, finished_at_us = ?, message = ?, backend_pid = 0 "
        "where run_id = ? and task = ? and status = 'running'",
        V(status), V(now_us), V(message), V(run_id), V(task->id));
}

static lt_status finish_tasks(lt_tx *tx, void *context, lt_err *err)
{
    const task_finish *finish = context;
    for (size_t i = 0; i < finish->count; i++)
        LT_TRY(finish_one(tx, finish->run_id, finish->tasks[i], err));
    return LT_OK;
}

lt_status lt_state_task_finish(lt_state *state, int64_t run_id, const lt_task_record *task,
                               lt_err *err)
{
    return lt_state_tasks_finish(state, run_id, &task, 1, err);
}

lt_status lt_state_tasks_finish(lt_state *state, int64_t run_id, const lt_task_record *const *tasks,
                                size_t count, lt_err *err)
{
    task_finish finish = {.run_id = run_id, .tasks = tasks, .count = count};
    return lt_db_write(state->db, finish_tasks, &finish, err);
}

lt_status lt_state_attempt_finish(lt_state *state, int64_t token, lt_task_status status,
                                  lt_text message, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    return lt_db_exec(state->db, err,
                      "update attempts set status = ?, finished_at_us = ?, message = ?, "
                      "backend_pid = 0 where token = ?",
                      V(lt_task_status_name(status)), V(lt_now_us()),
                      V(lt_state_masked(message, &arena)), V(token));
}

lt_status lt_state_task_wait(lt_state *state, int64_t run_id, lt_text task,
                             const lt_waiting *waiting, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    int64_t now_us = lt_now_us();
    return lt_db_exec(
        state->db, err,
        "update tasks set status = ?, wait_since_us = case when ? <> 0 then ? when wait_kind = ? "
        "and wait_since_us <> 0 then wait_since_us else ? end, wait_kind = ?, wait_what = ?, "
        "wait_detail = ?, wait_run = ?, wait_next_us = ?, wait_deadline_us = ?, started_at_us = "
        "case when started_at_us = 0 then ? else started_at_us end where run_id = ? and id = ?",
        V(waiting->kind.len ? "waiting" : "pending"), V(waiting->since_us), V(waiting->since_us),
        V(waiting->kind), V(now_us), V(waiting->kind), V(lt_state_masked(waiting->what, &arena)),
        V(lt_state_masked(waiting->detail, &arena)), V(waiting->run), V(waiting->next_us),
        V(waiting->deadline_us), V(now_us), V(run_id), V(task));
}

lt_status lt_state_backend_ended(lt_state *state, int64_t token, lt_err *err)
{
    return lt_db_exec(state->db, err, "update attempts set backend_pid = 0 where token = ?",
                      V(token));
}

lt_status lt_state_pin(lt_state *state, int64_t run_id, const lt_pin *pin, lt_err *err)
{
    return lt_db_exec(
        state->db, err,
        "insert into pins (run_id, bucket, prefix, sequence, commit_id) values (?, ?, ?, ?, ?) "
        "on conflict do update set sequence = excluded.sequence, commit_id = excluded.commit_id",
        V(run_id), V(pin->bucket), V(pin->prefix), V(pin->sequence), V(pin->commit_id));
}

typedef struct tasks_resume {
    int64_t run_id;
    lt_text parent;
    const lt_text *alive;
    size_t count;
} tasks_resume;

static lt_status resume_tasks(lt_tx *tx, void *context, lt_err *err)
{
    const tasks_resume *resume = context;
    for (size_t i = 0; i < resume->count; i++) {
        LT_TRY(lt_tx_exec(tx, err,
                          "update attempts set status = 'running', message = '', finished_at_us = "
                          "0 where token = (select token from tasks where run_id = ? and id = ?)",
                          V(resume->run_id), V(resume->alive[i])));
        LT_TRY(lt_tx_exec(tx, err,
                          "update tasks set status = 'running', message = '', cause = '', "
                          "finished_at_us = 0 where run_id = ? and id = ?",
                          V(resume->run_id), V(resume->alive[i])));
    }
    return lt_tx_exec(tx, err,
                      "update tasks set status = 'pending', message = '', cause = '', "
                      "finished_at_us = 0 where run_id = ? and parent = ? and cause = 'lost'",
                      V(resume->run_id), V(resume->parent));
}

lt_status lt_state_tasks_resume(lt_state *state, int64_t run_id, lt_text parent,
                                const lt_text *alive, size_t count, lt_err *err)
{
    tasks_resume resume = {.run_id = run_id, .parent = parent, .alive = alive, .count = count};
    return lt_db_write(state->db, resume_tasks, &resume, err);
}

/* ---- reading ---- */

lt_waiting lt_state_read_waiting(const lt_query *q, lt_arena *arena, int first)
{
    return (lt_waiting){.kind = lt_query_text_in(q, arena, first),
                        .what = lt_query_text_in(q, arena, first + 1),
                        .detail = lt_query_text_in(q, arena, first + 2),
                        .run = lt_query_i64(q, first + 3),
                        .since_us = lt_query_i64(q, first + 4),
                        .next_us = lt_query_i64(q, first + 5),
                        .deadline_us = lt_query_i64(q, first + 6)};
}

lt_run_record lt_state_read_run(const lt_query *q, lt_arena *arena)
{
    return (lt_run_record){
        .id = lt_query_i64(q, 0),
        .command = lt_query_text_in(q, arena, 1),
        .pipeline = lt_query_text_in(q, arena, 2),
        .selection = lt_query_text_in(q, arena, 3),
        .exclusion = lt_query_text_in(q, arena, 4),
        .target = lt_query_text_in(q, arena, 5),
        .vars_json = lt_query_text_in(q, arena, 6),
        .clock_us = lt_query_i64(q, 7),
        .threads = lt_query_i64(q, 8),
        .full_refresh = lt_query_i64(q, 9) != 0,
        .retry_of = lt_query_i64(q, 10),
        .git_commit = lt_query_text_in(q, arena, 11),
        .git_branch = lt_query_text_in(q, arena, 12),
        .git_dirty = lt_query_i64(q, 13) != 0,
        .tree = lt_query_text_in(q, arena, 14),
        .engine = lt_query_text_in(q, arena, 15),
        .status = lt_run_status_from(lt_query_text(q, 16)),
        .message = lt_query_text_in(q, arena, 17),
        .started_at_us = lt_query_i64(q, 18),
        .finished_at_us = lt_query_i64(q, 19),
        .pid = lt_query_i64(q, 20),
        .run_key = lt_query_text_in(q, arena, 21),
        .params_json = lt_query_text_in(q, arena, 22),
        .trigger_json = lt_query_text_in(q, arena, 23),
        .parent_run = lt_query_i64(q, 24),
        .parent_task = lt_query_text_in(q, arena, 25),
        .claim = lt_query_i64(q, 26),
        .asked_at_us = lt_query_i64(q, 27),
        .waiting = lt_state_read_waiting(q, arena, 28),
        .pid_started = (uint64_t)lt_query_i64(q, 35),
    };
}

static lt_status get_run(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx, "select " RUN_COLUMNS " from runs where id = ? or ? = 0 order by id desc limit 1",
        V(r->run_id), V(r->run_id));
    bool found = lt_query_next(&q);
    LT_TRY(lt_query_check(&q, err));
    if (found) {
        *(lt_run_record *)r->out = lt_state_read_run(&q, r->arena);
        return LT_OK;
    }
    LT_AUTO(lt_query) last = lt_tx_query(tx, "select coalesce(max(id), 0) from runs");
    int64_t newest = lt_query_next(&last) ? lt_query_i64(&last, 0) : 0;
    if (!newest)
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "there are no runs here yet"));
    else
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no run %lld", (long long)r->run_id));
    return newest
               ? lt_hint(err, "the newest run is %lld; 'leat runs' lists them", (long long)newest)
               : lt_hint(err, "start one with 'leat run'");
}

lt_status lt_state_run_get(lt_state *state, int64_t run_id, lt_arena *arena, lt_run_record *out,
                           lt_err *err)
{
    reading r = {.run_id = run_id, .arena = arena, .out = out};
    return lt_db_read(state->db, get_run, &r, err);
}

static lt_status list_runs(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_run_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " RUN_COLUMNS " from runs order by id desc limit ?",
                    V((int64_t)r->limit));
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, lt_state_read_run(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_runs(lt_state *state, size_t limit, lt_arena *arena, lt_run_records *out,
                        lt_err *err)
{
    reading r = {.limit = limit, .arena = arena, .out = out};
    return lt_db_read(state->db, list_runs, &r, err);
}

static lt_status list_tasks(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_task_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "select id, kind, name, status, attempts, started_at_us, finished_at_us, rows_in, "
        "rows_out, peak_bytes, message, hint, result_json, token, needs_json, parent, item_json, "
        "output_json, cause, " WAIT_COLUMNS ", (select count(*) from attempts a where a.run_id = "
        "tasks.run_id and a.task = tasks.id and a.status = 'failed') from tasks where run_id = ? "
        "order by ordinal",
        V(r->run_id));
    while (lt_query_next(&q)) {
        lt_task_record task = {
            .id = lt_query_text_in(&q, r->arena, 0),
            .kind = lt_query_text_in(&q, r->arena, 1),
            .name = lt_query_text_in(&q, r->arena, 2),
            .status = lt_task_status_from(lt_query_text(&q, 3)),
            .attempts = lt_query_i64(&q, 4),
            .started_at_us = lt_query_i64(&q, 5),
            .finished_at_us = lt_query_i64(&q, 6),
            .rows_in = lt_query_i64(&q, 7),
            .rows_out = lt_query_i64(&q, 8),
            .peak_bytes = lt_query_i64(&q, 9),
            .message = lt_query_text_in(&q, r->arena, 10),
            .hint = lt_query_text_in(&q, r->arena, 11),
            .result_json = lt_query_text_in(&q, r->arena, 12),
            .token = lt_query_i64(&q, 13),
            .needs_json = lt_query_text_in(&q, r->arena, 14),
            .parent = lt_query_text_in(&q, r->arena, 15),
            .item_json = lt_query_text_in(&q, r->arena, 16),
            .output_json = lt_query_text_in(&q, r->arena, 17),
            .cause = lt_query_text_in(&q, r->arena, 18),
            .waiting = lt_state_read_waiting(&q, r->arena, 19),
            .failures = lt_query_i64(&q, 26),
        };
        lt_push_in(r->arena, out, task);
    }
    return lt_query_check(&q, err);
}

lt_status lt_state_tasks(lt_state *state, int64_t run_id, lt_arena *arena, lt_task_records *out,
                         lt_err *err)
{
    reading r = {.run_id = run_id, .arena = arena, .out = out};
    return lt_db_read(state->db, list_tasks, &r, err);
}

static lt_status list_pins(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_pins *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select bucket, prefix, commit_id, sequence from pins where run_id = ? order "
                    "by bucket, prefix",
                    V(r->run_id));
    while (lt_query_next(&q)) {
        lt_pin pin = {.bucket = lt_query_text_in(&q, r->arena, 0),
                      .prefix = lt_query_text_in(&q, r->arena, 1),
                      .commit_id = lt_query_text_in(&q, r->arena, 2),
                      .sequence = lt_query_i64(&q, 3)};
        lt_push_in(r->arena, out, pin);
    }
    return lt_query_check(&q, err);
}

lt_status lt_state_pins(lt_state *state, int64_t run_id, lt_arena *arena, lt_pins *out, lt_err *err)
{
    reading r = {.run_id = run_id, .arena = arena, .out = out};
    return lt_db_read(state->db, list_pins, &r, err);
}

static lt_status list_lost_backends(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_backends *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "select token, backend_pid, backend_started from attempts join runs on runs.id = "
        "attempts.run_id where backend_pid <> 0 and runs.status <> 'running' and target = ?",
        V(r->target));
    while (lt_query_next(&q)) {
        lt_backend backend = {.token = lt_query_i64(&q, 0),
                              .pid = (int)lt_query_i64(&q, 1),
                              .started = lt_query_text_in(&q, r->arena, 2),
                              .target = r->target};
        lt_push_in(r->arena, out, backend);
    }
    return lt_query_check(&q, err);
}

lt_status lt_state_lost_backends(lt_state *state, lt_text target, lt_arena *arena, lt_backends *out,
                                 lt_err *err)
{
    reading r = {.target = target, .arena = arena, .out = out};
    return lt_db_read(state->db, list_lost_backends, &r, err);
}

/* ---- what died without a word ---- */

typedef LT_VEC(int64_t) run_ids;

static lt_status find_lost(lt_tx *tx, void *context, lt_err *err)
{
    run_ids *lost = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select id, pid, pid_started from runs where status = 'running' "
                        "or (status = 'queued' and pid <> 0)");
    while (lt_query_next(&q))
        if (lt_proc_started((int)lt_query_i64(&q, 1)) != (uint64_t)lt_query_i64(&q, 2))
            lt_push(lost, lt_query_i64(&q, 0));
    return lt_query_check(&q, err);
}

lt_status lt_state_mark_lost(lt_tx *tx, int64_t run_id, lt_err *err)
{
    static const char message[] = "the process of the run ended without a word";
    int64_t now_us = lt_now_us();
    LT_TRY(lt_tx_exec(
        tx, err,
        "update tasks set status = case status when 'running' then 'failed' else 'cancelled' end, "
        "message = case status when 'running' then ? else '' end, finished_at_us = ?, "
        "cause = 'lost' where run_id = ? and status in ('running', 'pending', 'waiting')",
        V(message), V(now_us), V(run_id)));
    LT_TRY(lt_tx_exec(tx, err,
                      "update attempts set status = 'lost', message = ?, finished_at_us = ? "
                      "where run_id = ? and status = 'running'",
                      V(message), V(now_us), V(run_id)));
    LT_TRY(lt_tx_exec(tx, err, "delete from pool_places where run_id = ?", V(run_id)));
    return lt_tx_exec(tx, err,
                      "update runs set status = 'lost', message = ?, finished_at_us = ? "
                      "where id = ? and status in ('running', 'queued')",
                      V(message), V(now_us), V(run_id));
}

/* Looks again: between the look and the lock somebody may have taken such a run over, and that one lives. */
static lt_status mark_all_lost(lt_tx *tx, void *context, lt_err *err)
{
    run_ids *lost = context;
    lost->len = 0;
    LT_TRY(find_lost(tx, lost, err));
    for (size_t i = 0; i < lost->len; i++)
        LT_TRY(lt_state_mark_lost(tx, lost->items[i], err));
    return LT_OK;
}

lt_status lt_state_reap(lt_state *state, int64_t *count, lt_err *err)
{
    run_ids lost = {0};
    lt_status status = lt_db_read(state->db, find_lost, &lost, err);
    if (status == LT_OK && lost.len)
        status = lt_db_write(state->db, mark_all_lost, &lost, err);
    if (status == LT_OK && count)
        *count = (int64_t)lost.len;
    lt_vec_free(&lost);
    return status;
}

/* ---- forgetting ---- */

typedef struct old_runs {
    int64_t keep, before_us;
    size_t limit;
    lt_arena *arena;
    lt_run_records *out;
} old_runs;

static lt_status list_old_runs(lt_tx *tx, void *context, lt_err *err)
{
    const old_runs *wanted = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "select " RUN_COLUMNS " from runs where status not in ('running', 'queued') and "
        "started_at_us < ? and id not in (select id from runs order by id desc limit ?) "
        "and not exists (select 1 from attempts a where a.run_id = runs.id and "
        "a.backend_pid <> 0) order by id limit ?",
        V(wanted->before_us), V(wanted->keep), V((int64_t)wanted->limit));
    while (lt_query_next(&q))
        lt_push_in(wanted->arena, wanted->out, lt_state_read_run(&q, wanted->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_old_runs(lt_state *state, int64_t keep, int64_t before_us, size_t limit,
                            lt_arena *arena, lt_run_records *out, lt_err *err)
{
    old_runs wanted = {
        .keep = keep, .before_us = before_us, .limit = limit, .arena = arena, .out = out};
    *out = (lt_run_records){0};
    return lt_db_read(state->db, list_old_runs, &wanted, err);
}

static lt_status delete_run(lt_tx *tx, void *context, lt_err *err)
{
    int64_t run_id = *(const int64_t *)context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select 1 from runs where id = ? and status in ('running', 'queued')",
                    V(run_id));
    bool running = lt_query_next(&q);
    LT_TRY(lt_query_check(&q, err));
    if (running)
        return lt_fail(err, LT_CONFLICT, "run %lld is still running", (long long)run_id);
    return lt_tx_exec(tx, err, "delete from runs where id = ?", V(run_id));
}

lt_status lt_state_run_delete(lt_state *state, int64_t run_id, lt_err *err)
{
    return lt_db_write(state->db, delete_run, &run_id, err);
}

typedef struct tree_use {
    lt_text tree;
    bool used;
} tree_use;

static lt_status look_for_tree(lt_tx *tx, void *context, lt_err *err)
{
    tree_use *use = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select 1 from runs where tree = ? limit 1", V(use->tree));
    use->used = lt_query_next(&q);
    return lt_query_check(&q, err);
}

lt_status lt_state_tree_is_used(lt_state *state, lt_text tree, bool *used, lt_err *err)
{
    tree_use use = {.tree = tree};
    LT_TRY(lt_db_read(state->db, look_for_tree, &use, err));
    *used = use.used;
    return LT_OK;
}
