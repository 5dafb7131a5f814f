/* Where processes meet: whose turn it is, who takes a run over, what is asked and answered, who has places in a pool. */
#include "state/inner.h"

#include "base/proc.h"
#include "base/time.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- whose turn it is ---- */

typedef struct asking {
    lt_run_record *run;
    const lt_admission *rule; /* may be NULL */
    const lt_task_record *tasks;
    size_t task_count;
    lt_arena *arena;
} asking;

static lt_status find_key(lt_tx *tx, lt_run_record *run, lt_err *err)
{
    if (!run->run_key.len)
        return LT_OK;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select id from runs where " HAS_KEY, V(run->run_key));
    if (!lt_query_next(&q))
        return LT_OK;
    run->id = lt_query_i64(&q, 0);
    return lt_fail(err, LT_CONFLICT, "run %lld has the key '%.*s' already", (long long)run->id,
                   LT_ARG(run->run_key));
}

/* The run that is in the way; 0: none. A run that is queued stands behind those that asked before it, but for those whose moment has
 * not come. */
static int64_t in_the_way(lt_tx *tx, const lt_run_record *run, const lt_admission *rule)
{
    if (!rule || rule->overlap == LT_OVERLAP_ALLOW)
        if (!rule || !rule->most)
            return 0;
    int64_t count = 0, first = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select id from runs where pipeline = ? and id <> ? and (status = 'running' or "
                    "(status = 'queued' and (? = 0 or id < ?) and not (wait_kind = 'time' and "
                    "wait_next_us > ?))) order by id",
                    V(run->pipeline), V(run->id), V(run->id), V(run->id), V(lt_now_us()));
    while (lt_query_next(&q)) {
        first = first ? first : lt_query_i64(&q, 0);
        count++;
    }
    return count >= LT_MAX(rule->most, (int64_t)1) ? first : 0;
}

/* Those that are under way are asked to stop, each once. */
static lt_status cancel_others(lt_tx *tx, const lt_run_record *run, lt_err *err)
{
    return lt_tx_exec(
        tx, err,
        "insert into requests (run_id, task, kind, asked_by, asked_at_us) select id, '', 'cancel', "
        "'run ' || ?, ? from runs where pipeline = ? and id < ? and status = 'running' and not "
        "exists (select 1 from requests where run_id = runs.id and kind = 'cancel' and task = '' "
        "and done_at_us = 0)",
        V(run->id), V(lt_now_us()), V(run->pipeline), V(run->id));
}

static lt_waiting turn_after(int64_t run_id)
{
    return (lt_waiting){.kind = T("turn"), .run = run_id, .since_us = lt_now_us()};
}

lt_status lt_state_write_run_wait(lt_tx *tx, int64_t run_id, const lt_waiting *waiting, lt_err *err)
{
    return lt_tx_exec(
        tx, err,
        "update runs set wait_since_us = case when wait_kind = ? and wait_since_us <> 0 "
        "then wait_since_us else ? end, wait_kind = ?, wait_what = ?, "
        "wait_detail = ?, wait_run = ?, wait_next_us = ?, wait_deadline_us = ? "
        "where id = ?",
        V(waiting->kind), V(waiting->since_us ? waiting->since_us : lt_now_us()), V(waiting->kind),
        V(waiting->what), V(waiting->detail), V(waiting->run), V(waiting->next_us),
        V(waiting->deadline_us), V(run_id));
}

static lt_status ask_run(lt_tx *tx, void *context, lt_err *err)
{
    asking *a = context;
    lt_run_record *run = a->run;
    run->id = 0;
    LT_TRY(find_key(tx, run, err));
    int64_t other = in_the_way(tx, run, a->rule);
    bool skip = other && a->rule->overlap == LT_OVERLAP_SKIP;
    run->status = !other ? LT_RUN_RUNNING : skip ? LT_RUN_SKIPPED : LT_RUN_QUEUED;
    run->pid = getpid();
    if (skip)
        run->message = lt_text_of(
            lt_arena_format(a->arena, "run %lld of the pipeline is under way", (long long)other));
    LT_TRY(lt_state_insert_run(tx, run, err));
    if (skip)
        return LT_OK;
    LT_TRY(lt_state_insert_tasks(tx, run->id, a->tasks, a->task_count, err));
    if (!other)
        return LT_OK;
    run->waiting = turn_after(other);
    LT_TRY(lt_state_write_run_wait(tx, run->id, &run->waiting, err));
    return a->rule->overlap == LT_OVERLAP_CANCEL_OLD ? cancel_others(tx, run, err) : LT_OK;
}

lt_status lt_state_run_ask(lt_state *state, lt_run_record *run, const lt_admission *rule,
                           const lt_task_record *tasks, size_t task_count, lt_err *err)
{
    asking a = {
        .run = run, .rule = rule, .tasks = tasks, .task_count = task_count, .arena = &state->arena};
    return lt_db_write(state->db, ask_run, &a, err);
}

static lt_status status_now(lt_tx *tx, int64_t run_id, lt_run_status *out, lt_err *err)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "select status from runs where id = ?", V(run_id));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "there is no run %lld any more", (long long)run_id);
    *out = lt_run_status_from(lt_query_text(&q, 0));
    return LT_OK;
}

static lt_status skip_queued(lt_tx *tx, const asking *a, int64_t other, lt_err *err)
{
    a->run->status = LT_RUN_SKIPPED;
    a->run->message = lt_text_of(
        lt_arena_format(a->arena, "run %lld of the pipeline is under way", (long long)other));
    return lt_tx_exec(tx, err,
                      "update runs set status = 'skipped', message = ?, finished_at_us = ?, "
                      "wait_kind = '' where id = ?",
                      V(a->run->message), V(lt_now_us()), V(a->run->id));
}

static lt_status admit_run(lt_tx *tx, void *context, lt_err *err)
{
    asking *a = context;
    lt_run_record *run = a->run;
    lt_run_status now = LT_RUN_QUEUED;
    LT_TRY(status_now(tx, run->id, &now, err));
    if (now != LT_RUN_QUEUED)
        return lt_fail(err, LT_CANCELLED, "run %lld was %s while it waited", (long long)run->id,
                       lt_run_status_name(now));
    int64_t other = in_the_way(tx, run, a->rule);
    if (other && a->rule->overlap == LT_OVERLAP_SKIP)
        return skip_queued(tx, a, other, err);
    if (other) {
        run->waiting = turn_after(other);
        if (a->rule->overlap == LT_OVERLAP_CANCEL_OLD)
            LT_TRY(cancel_others(tx, run, err));
        return lt_state_write_run_wait(tx, run->id, &run->waiting, err);
    }
    run->status = LT_RUN_RUNNING;
    run->started_at_us = lt_now_us();
    run->waiting = (lt_waiting){0};
    return lt_tx_exec(tx, err,
                      "update runs set status = 'running', started_at_us = ?, wait_kind = '' "
                      "where id = ?",
                      V(run->started_at_us), V(run->id));
}

lt_status lt_state_run_admit(lt_state *state, lt_run_record *run, const lt_admission *rule,
                             lt_arena *arena, lt_err *err)
{
    asking a = {.run = run, .rule = rule, .arena = arena};
    return lt_db_write(state->db, admit_run, &a, err);
}

static lt_status enqueue_run(lt_tx *tx, void *context, lt_err *err)
{
    lt_run_record *run = context;
    LT_TRY(find_key(tx, run, err));
    run->status = LT_RUN_QUEUED;
    run->pid = 0;
    return lt_state_insert_run(tx, run, err);
}

lt_status lt_state_run_enqueue(lt_state *state, lt_run_record *run, lt_err *err)
{
    return lt_db_write(state->db, enqueue_run, run, err);
}

/* ---- taking a run over ---- */

typedef struct claiming {
    int64_t run_id;
    lt_arena *arena;
    lt_run_record *out;
} claiming;

static lt_status find_claimable(lt_tx *tx, const claiming *c, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " RUN_COLUMNS " from runs where id = ?", V(c->run_id));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "there is no run %lld", (long long)c->run_id);
    *c->out = lt_state_read_run(&q, c->arena);
    return LT_OK;
}

static lt_status check_claimable(const lt_run_record *run, lt_err *err)
{
    bool open = run->status == LT_RUN_RUNNING || run->status == LT_RUN_QUEUED;
    if (open && run->pid && run->pid != getpid() &&
        lt_proc_started((int)run->pid) == run->pid_started) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "run %lld is under way (process %lld)",
                          (long long)run->id, (long long)run->pid));
        return lt_hint(err, "'leat logs -f %lld' follows it", (long long)run->id);
    }
    if (open || run->status == LT_RUN_LOST)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "run %lld has ended: it %s", (long long)run->id,
                      run->status == LT_RUN_FAILED      ? "failed"
                      : run->status == LT_RUN_CANCELLED ? "was cancelled"
                      : run->status == LT_RUN_SKIPPED   ? "was skipped"
                                                        : "succeeded"));
    return lt_hint(err, "'leat retry %lld' does again what did not succeed", (long long)run->id);
}

static lt_status claim_run(lt_tx *tx, void *context, lt_err *err)
{
    const claiming *c = context;
    int pid = getpid();
    LT_TRY(find_claimable(tx, c, err));
    LT_TRY(check_claimable(c->out, err));
    lt_run_record *run = c->out;
    if (run->pid && run->status != LT_RUN_LOST && run->pid != pid) /* nobody has seen it die */
        LT_TRY(lt_state_mark_lost(tx, run->id, err));
    run->status = run->started_at_us ? LT_RUN_RUNNING : LT_RUN_QUEUED;
    run->claim++;
    run->pid = pid;
    run->pid_started = lt_proc_started(pid);
    LT_TRY(lt_tx_exec(tx, err, "delete from pool_places where run_id = ?", V(run->id)));
    return lt_tx_exec(tx, err,
                      "update runs set status = ?, claim = ?, pid = ?, pid_started = ?, message = "
                      "'', finished_at_us = 0, wait_kind = '' where id = ?",
                      V(lt_run_status_name(run->status)), V(run->claim), V(pid),
                      V((int64_t)run->pid_started), V(run->id));
}

lt_status lt_state_run_claim(lt_state *state, int64_t run_id, lt_arena *arena, lt_run_record *out,
                             lt_err *err)
{
    claiming c = {.run_id = run_id, .arena = arena, .out = out};
    return lt_db_write(state->db, claim_run, &c, err);
}

typedef struct run_wait {
    int64_t run_id;
    const lt_waiting *waiting;
} run_wait;

static lt_status write_wait(lt_tx *tx, void *context, lt_err *err)
{
    const run_wait *wait = context;
    return lt_state_write_run_wait(tx, wait->run_id, wait->waiting, err);
}

lt_status lt_state_run_wait(lt_state *state, int64_t run_id, const lt_waiting *waiting, lt_err *err)
{
    run_wait wait = {.run_id = run_id, .waiting = waiting};
    return lt_db_write(state->db, write_wait, &wait, err);
}

/* ---- has anything changed? ---- */

static int64_t moment_ns(struct timespec at)
{
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

/* Every commit writes the write-ahead log, or begins it anew. The file's time is that of the kernel's last tick, so that two commits
 * may have the same one: what has changed just now is looked at again, until the time is old enough to be trusted. */
bool lt_state_changed(lt_state *state, lt_state_stamp *stamp)
{
    static const int64_t TRUSTED_NS = 100000000;
    struct stat wal = {0}, file = {0};
    struct timespec clock = {0};
    LT_AUTO(lt_chars) path = lt_format("%s-wal", lt_db_path(state->db));
    (void)clock_gettime(CLOCK_REALTIME, &clock);
    (void)stat(path, &wal);
    (void)stat(lt_db_path(state->db), &file);
    lt_state_stamp now = {.size = wal.st_size,
                          .changed_ns = moment_ns(wal.st_mtim),
                          .main_ns = moment_ns(file.st_mtim)};
    int64_t age_ns = moment_ns(clock) - LT_MAX(now.changed_ns, now.main_ns);
    bool changed = now.size != stamp->size || now.changed_ns != stamp->changed_ns ||
                   now.main_ns != stamp->main_ns || (age_ns >= 0 && age_ns < TRUSTED_NS);
    *stamp = now;
    return changed;
}

/* ---- requests ---- */

static lt_status add_request(lt_tx *tx, void *context, lt_err *err)
{
    lt_request *request = context;
    request->asked_at_us = lt_now_us();
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into requests (run_id, task, kind, argument, asked_by, asked_at_us) "
                      "values (?, ?, ?, ?, ?, ?)",
                      V(request->run_id), V(request->task), V(request->kind), V(request->argument),
                      V(request->asked_by), V(request->asked_at_us)));
    request->id = lt_tx_last_id(tx);
    return LT_OK;
}

lt_status lt_state_request(lt_state *state, lt_request *request, lt_err *err)
{
    return lt_db_write(state->db, add_request, request, err);
}

#define REQUEST_COLUMNS                                                                            \
    "id, run_id, task, kind, argument, asked_by, answer, asked_at_us, done_at_us"

static lt_request read_request(const lt_query *q, lt_arena *arena)
{
    return (lt_request){.id = lt_query_i64(q, 0),
                        .run_id = lt_query_i64(q, 1),
                        .task = lt_query_text_in(q, arena, 2),
                        .kind = lt_query_text_in(q, arena, 3),
                        .argument = lt_query_text_in(q, arena, 4),
                        .asked_by = lt_query_text_in(q, arena, 5),
                        .answer = lt_query_text_in(q, arena, 6),
                        .asked_at_us = lt_query_i64(q, 7),
                        .done_at_us = lt_query_i64(q, 8)};
}

static lt_status get_request(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " REQUEST_COLUMNS " from requests where id = ?", V(r->run_id));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "there is no request %lld", (long long)r->run_id);
    *(lt_request *)r->out = read_request(&q, r->arena);
    return LT_OK;
}

lt_status lt_state_request_get(lt_state *state, int64_t id, lt_arena *arena, lt_request *out,
                               lt_err *err)
{
    reading r = {.run_id = id, .arena = arena, .out = out};
    return lt_db_read(state->db, get_request, &r, err);
}

static lt_status list_requests(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_requests *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " REQUEST_COLUMNS
                    " from requests where run_id = ? and done_at_us = 0 order by id",
                    V(r->run_id));
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, read_request(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_requests_open(lt_state *state, int64_t run_id, lt_arena *arena, lt_requests *out,
                                 lt_err *err)
{
    reading r = {.run_id = run_id, .arena = arena, .out = out};
    return lt_db_read(state->db, list_requests, &r, err);
}

lt_status lt_state_request_done(lt_state *state, int64_t id, lt_text answer, lt_err *err)
{
    return lt_db_exec(state->db, err, "update requests set done_at_us = ?, answer = ? where id = ?",
                      V(lt_now_us()), V(answer), V(id));
}

typedef struct idle_cancel {
    int64_t run_id;
    lt_text by;
} idle_cancel;

static lt_status cancel_idle(lt_tx *tx, void *context, lt_err *err)
{
    const idle_cancel *cancel = context;
    int64_t now_us = lt_now_us(), id = cancel->run_id;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select status, pid, pid_started from runs where id = ?", V(id));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "there is no run %lld", (long long)id);
    lt_run_status status = lt_run_status_from(lt_query_text(&q, 0));
    int pid = (int)lt_query_i64(&q, 1);
    bool open = status == LT_RUN_RUNNING || status == LT_RUN_QUEUED;
    if (open && pid && lt_proc_started(pid) == (uint64_t)lt_query_i64(&q, 2))
        return lt_fail(err, LT_CONFLICT, "run %lld has a process", (long long)id);
    if (!open && status != LT_RUN_LOST)
        return lt_fail(err, LT_INVALID, "run %lld has ended already: %s", (long long)id,
                       lt_run_status_name(status));
    LT_AUTO(lt_chars) message = lt_format("cancelled by %.*s", LT_ARG(cancel->by));
    LT_TRY(lt_tx_exec(tx, err,
                      "update tasks set status = 'cancelled', finished_at_us = ?, wait_kind = '' "
                      "where run_id = ? and status in ('pending', 'waiting', 'running')",
                      V(now_us), V(id)));
    LT_TRY(lt_tx_exec(tx, err, "update tasks set cause = '' where run_id = ? and cause = 'lost'",
                      V(id)));
    return lt_tx_exec(tx, err,
                      "update runs set status = 'cancelled', message = ?, finished_at_us = ?, "
                      "wait_kind = '' where id = ?",
                      V(message), V(now_us), V(id));
}

lt_status lt_state_run_cancel_idle(lt_state *state, int64_t run_id, lt_text by, lt_err *err)
{
    idle_cancel cancel = {.run_id = run_id, .by = by};
    return lt_db_write(state->db, cancel_idle, &cancel, err);
}

typedef struct marking {
    int64_t run_id;
    lt_text task, message;
    lt_task_status status;
} marking;

/* A run whose last failure is taken back has succeeded, and the other way round. What its failures had skipped is still to be done:
 * then it stays failed, for 'leat retry'. */
static lt_status judge_run(lt_tx *tx, const marking *m, lt_err *err)
{
    static const char bad[] = "exists (select 1 from tasks where run_id = ? and (status in "
                              "('failed', 'cancelled', 'pending', 'waiting', 'running') or (status "
                              "= 'skipped' and cause = 'upstream')))";
    LT_AUTO(lt_chars)
    good = lt_format("update runs set status = 'succeeded', message = ? where id = ? and status in "
                     "('failed', 'cancelled', 'lost') and not %s",
                     bad);
    if (m->status == LT_TASK_FAILED)
        return lt_tx_exec(tx, err,
                          "update runs set status = 'failed', message = ? where id = ? and status "
                          "= 'succeeded'",
                          V(m->message), V(m->run_id));
    return lt_tx_exec(tx, err, good, V(m->message), V(m->run_id), V(m->run_id));
}

static lt_status mark_task(lt_tx *tx, void *context, lt_err *err)
{
    const marking *m = context;
    LT_TRY(lt_tx_exec(tx, err,
                      "update tasks set status = ?, message = ?, hint = '', cause = '', wait_kind "
                      "= '', finished_at_us = ? where run_id = ? and id = ?",
                      V(lt_task_status_name(m->status)), V(m->message), V(lt_now_us()),
                      V(m->run_id), V(m->task)));
    return judge_run(tx, m, err);
}

lt_status lt_state_task_mark(lt_state *state, int64_t run_id, lt_text task, lt_task_status status,
                             lt_text by, lt_err *err)
{
    LT_AUTO(lt_chars)
    message = lt_format("%.*s was marked as %s by %.*s", LT_ARG(task), lt_task_status_name(status),
                        LT_ARG(by));
    marking m = {run_id, task, lt_text_of(message), status};
    return lt_db_write(state->db, mark_task, &m, err);
}

/* ---- approvals ---- */

lt_status lt_state_approval_ask(lt_state *state, const lt_approval *asked, lt_err *err)
{
    return lt_db_exec(state->db, err,
                      "insert into approvals (run_id, task, people_json, roles_json, message, "
                      "asked_at_us, deadline_us) values (?, ?, ?, ?, ?, ?, ?) on conflict do "
                      "nothing",
                      V(asked->run_id), V(asked->task), V(asked->people_json), V(asked->roles_json),
                      V(asked->message), V(lt_now_us()), V(asked->deadline_us));
}

static lt_status get_approval(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select run_id, task, people_json, roles_json, message, asked_at_us, "
                    "deadline_us, decision, decided_by, comment, decided_at_us from approvals "
                    "where run_id = ? and task = ?",
                    V(r->run_id), V(r->key));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "nobody is asked to approve '%.*s' of run %lld",
                       LT_ARG(r->key), (long long)r->run_id);
    *(lt_approval *)r->out = (lt_approval){.run_id = lt_query_i64(&q, 0),
                                           .task = lt_query_text_in(&q, r->arena, 1),
                                           .people_json = lt_query_text_in(&q, r->arena, 2),
                                           .roles_json = lt_query_text_in(&q, r->arena, 3),
                                           .message = lt_query_text_in(&q, r->arena, 4),
                                           .asked_at_us = lt_query_i64(&q, 5),
                                           .deadline_us = lt_query_i64(&q, 6),
                                           .decision = lt_query_text_in(&q, r->arena, 7),
                                           .decided_by = lt_query_text_in(&q, r->arena, 8),
                                           .comment = lt_query_text_in(&q, r->arena, 9),
                                           .decided_at_us = lt_query_i64(&q, 10)};
    return LT_OK;
}

lt_status lt_state_approval_get(lt_state *state, int64_t run_id, lt_text task, lt_arena *arena,
                                lt_approval *out, lt_err *err)
{
    reading r = {.run_id = run_id, .key = task, .arena = arena, .out = out};
    return lt_db_read(state->db, get_approval, &r, err);
}

static lt_status decide(lt_tx *tx, void *context, lt_err *err)
{
    const lt_approval *decided = context;
    int64_t now_us = lt_now_us();
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select decision, decided_by, deadline_us from approvals where run_id = ? and "
                    "task = ?",
                    V(decided->run_id), V(decided->task));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "nobody is asked to approve '%.*s' of run %lld",
                       LT_ARG(decided->task), (long long)decided->run_id);
    if (lt_query_text(&q, 0).len)
        return lt_fail(err, LT_CONFLICT, "'%.*s' of run %lld is already %.*s, by %.*s",
                       LT_ARG(decided->task), (long long)decided->run_id,
                       LT_ARG(lt_query_text(&q, 0)), LT_ARG(lt_query_text(&q, 1)));
    if (lt_query_i64(&q, 2) && lt_query_i64(&q, 2) < now_us)
        return lt_fail(err, LT_CONFLICT, "it is too late to decide on '%.*s' of run %lld",
                       LT_ARG(decided->task), (long long)decided->run_id);
    return lt_tx_exec(tx, err,
                      "update approvals set decision = ?, decided_by = ?, comment = ?, "
                      "decided_at_us = ? where run_id = ? and task = ?",
                      V(decided->decision), V(decided->decided_by), V(decided->comment), V(now_us),
                      V(decided->run_id), V(decided->task));
}

lt_status lt_state_approval_decide(lt_state *state, const lt_approval *decided, lt_err *err)
{
    lt_approval copy = *decided;
    return lt_db_write(state->db, decide, &copy, err);
}

/* ---- pools ---- */

typedef struct pool_asking {
    const lt_pool_wish *wish;
    bool granted;
} pool_asking;

/* Give places to who comes first, as long as they fit: nobody overtakes, so that a wish for many places is not starved. */
static lt_status share_out(lt_tx *tx, pool_asking *p, lt_err *err)
{
    const lt_pool_wish *wish = p->wish;
    int64_t used = 0;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select run_id, task, places, granted_at_us from pool_places join runs on "
                    "runs.id = run_id where pool = ? and status = 'running' order by "
                    "granted_at_us = 0, priority desc, pool_places.asked_at_us, run_id, task",
                    V(wish->pool));
    while (lt_query_next(&q)) {
        bool mine =
            lt_query_i64(&q, 0) == wish->run_id && lt_text_eq(lt_query_text(&q, 1), wish->task);
        bool has = lt_query_i64(&q, 3) != 0;
        used += lt_query_i64(&q, 2);
        if (!has && used > wish->size)
            return LT_OK;
        if (!mine)
            continue;
        p->granted = true;
        return has ? LT_OK
                   : lt_tx_exec(tx, err,
                                "update pool_places set granted_at_us = ? where pool = ? and "
                                "run_id = ? and task = ?",
                                V(lt_now_us()), V(wish->pool), V(wish->run_id), V(wish->task));
    }
    return lt_query_check(&q, err);
}

static lt_status take_places(lt_tx *tx, void *context, lt_err *err)
{
    pool_asking *p = context;
    const lt_pool_wish *wish = p->wish;
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into pool_places (pool, run_id, task, places, priority, asked_at_us) "
                      "values (?, ?, ?, ?, ?, ?) on conflict do nothing",
                      V(wish->pool), V(wish->run_id), V(wish->task), V(wish->places),
                      V(wish->priority), V(lt_now_us())));
    return share_out(tx, p, err);
}

lt_status lt_state_pool_take(lt_state *state, const lt_pool_wish *wish, bool *granted, lt_err *err)
{
    pool_asking p = {.wish = wish};
    if (wish->places > wish->size)
        return lt_fail(
            err, LT_INVALID, "'%.*s' wants %lld places of the pool '%.*s', which has %lld",
            LT_ARG(wish->task), (long long)wish->places, LT_ARG(wish->pool), (long long)wish->size);
    LT_TRY(lt_db_write(state->db, take_places, &p, err));
    *granted = p.granted;
    return LT_OK;
}

lt_status lt_state_pool_leave(lt_state *state, int64_t run_id, lt_text task, lt_err *err)
{
    return lt_db_exec(state->db, err, "delete from pool_places where run_id = ? and task = ?",
                      V(run_id), V(task));
}

/* ---- news ---- */

typedef struct news_asking {
    int64_t run_id;
    bool pools;
    lt_arena *arena;
    lt_news *out;
} news_asking;

static void add_wakes(lt_tx *tx, const news_asking *n, const char *sql)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, sql, V(n->run_id));
    while (lt_query_next(&q))
        lt_push_in(n->arena, &n->out->wake, lt_query_text_in(&q, n->arena, 0));
}

/* Whose turn it would be in its pool; whether it fits is found out by asking. */
static const char pool_turns[] =
    "select p.task from pool_places p where p.run_id = ? and granted_at_us = 0 and not exists "
    "(select 1 from pool_places o join runs r on r.id = o.run_id where o.pool = p.pool and "
    "r.status = 'running' and o.granted_at_us = 0 and (o.priority > p.priority or (o.priority = "
    "p.priority and (o.asked_at_us < p.asked_at_us or (o.asked_at_us = p.asked_at_us and "
    "(o.run_id, o.task) < (p.run_id, p.task))))))";

static lt_status read_news(lt_tx *tx, void *context, lt_err *err)
{
    const news_asking *n = context;
    reading r = {.run_id = n->run_id, .arena = n->arena, .out = &n->out->requests};
    LT_TRY(list_requests(tx, &r, err));
    add_wakes(tx, n,
              "select task from approvals join tasks t on t.run_id = approvals.run_id and t.id = "
              "task where approvals.run_id = ? and decision <> '' and t.status = 'waiting'");
    add_wakes(tx, n,
              "select parent_task from runs join tasks t on t.run_id = parent_run and t.id = "
              "parent_task where " HAS_PARENT " and runs.status not in ('queued', 'running') and "
              "t.status = 'waiting'");
    if (n->pools)
        add_wakes(tx, n, pool_turns);
    return lt_tx_check(tx, err);
}

lt_status lt_state_news(lt_state *state, int64_t run_id, bool pools, lt_arena *arena, lt_news *out,
                        lt_err *err)
{
    news_asking n = {.run_id = run_id, .pools = pools, .arena = arena, .out = out};
    return lt_db_read(state->db, read_news, &n, err);
}

/* ---- runs of others ---- */

static lt_status list_runs_of(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_run_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " RUN_COLUMNS " from runs where " HAS_PARENT " order by id",
                    V(r->run_id));
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, lt_state_read_run(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_runs_of(lt_state *state, int64_t parent_run, lt_arena *arena,
                           lt_run_records *out, lt_err *err)
{
    reading r = {.run_id = parent_run, .arena = arena, .out = out};
    return lt_db_read(state->db, list_runs_of, &r, err);
}

static lt_status get_by_key(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select " RUN_COLUMNS " from runs where " HAS_KEY, V(r->key));
    if (!lt_query_next(&q))
        return lt_fail(err, LT_NOT_FOUND, "there is no run with the key '%.*s'", LT_ARG(r->key));
    *(lt_run_record *)r->out = lt_state_read_run(&q, r->arena);
    return LT_OK;
}

lt_status lt_state_run_by_key(lt_state *state, lt_text key, lt_arena *arena, lt_run_record *out,
                              lt_err *err)
{
    reading r = {.key = key, .arena = arena, .out = out};
    return lt_db_read(state->db, get_by_key, &r, err);
}

static lt_status list_open(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_run_records *out = r->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " RUN_COLUMNS " from runs where status in ('queued', 'running') and "
                    "(? = '' or pipeline = ?) order by id",
                    V(r->key), V(r->key));
    while (lt_query_next(&q))
        lt_push_in(r->arena, out, lt_state_read_run(&q, r->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_runs_open(lt_state *state, lt_text pipeline, lt_arena *arena,
                             lt_run_records *out, lt_err *err)
{
    reading r = {.key = pipeline, .arena = arena, .out = out};
    return lt_db_read(state->db, list_open, &r, err);
}
