/* The workers: who takes which task when, attempts and their limits. */
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/inner.h"

#include <stdlib.h>

typedef struct worker {
    executor *run;
    pthread_t thread;
    lt_session *session; /* owned */
    lt_run_task *task;   /* that runs, guarded by run->lock */
    lt_session *working; /* session that the attempt uses, guarded by run->lock: to cancel it */
    int64_t deadline_us; /* monotonic; 0: none */
    bool timed_out;
    atomic_bool cancelled;
} worker;

static const lt_conf_defaults *defaults_of(const executor *run)
{
    static const lt_conf_defaults none = {.backoff_us = 1000000};
    const lt_conf_pipeline *pipeline = run->plan->request.pipeline;
    return pipeline ? &pipeline->defaults : &none;
}

/* ---- order ---- */

static lt_run_task *task_of(const executor *run, size_t node)
{
    return run->task_of_node[node] ? &run->tasks[run->task_of_node[node] - 1] : NULL;
}

static bool is_open(lt_task_status status)
{
    return status == LT_TASK_PENDING || status == LT_TASK_RUNNING;
}

static bool lets_others_go_on(lt_task_status status)
{
    return status == LT_TASK_SUCCEEDED || status == LT_TASK_WARNED || status == LT_TASK_REUSED;
}

static void count_missing(executor *run)
{
    for (size_t i = 0; i < run->task_count; i++) {
        const lt_node *node = run->tasks[i].node;
        run->missing[i] = 0;
        for (size_t k = 0; k < node->needs.len; k++) {
            const lt_run_task *needed = task_of(run, node->needs.items[k]);
            run->missing[i] += needed && is_open(needed->record.status);
        }
        run->pending += run->tasks[i].record.status == LT_TASK_PENDING;
    }
}

static void record_end(executor *run, lt_run_task *task)
{
    lt_err err;
    task->record.peak_bytes = task->peak_bytes;
    task->progress.rows_in = task->record.rows_in; /* the last word; -1 is not counted */
    task->progress.rows_out = task->record.rows_out;
    task->ended_mono_us = lt_mono_us();
    lt_status status =
        lt_state_task_finish(run->workspace->state, run->record->id, &task->record, &err);
    if (status != LT_OK && run->broken == LT_OK) {
        run->broken = status;
        run->broken_err = err;
        run->stopping = true;
    }
    if (run->request->watch)
        run->request->watch->ended(run->request->watch->context, task);
}

/* What needs a task that did not succeed is skipped, and what needs that, and so on. Called with the lock held. */
static void skip_dependents(executor *run, const lt_run_task *failed)
{
    LT_VEC(const lt_run_task *) front = {0};
    lt_push(&front, failed);
    for (size_t i = 0; i < front.len; i++) {
        const lt_run_task *cause = front.items[i];
        for (size_t k = 0; k < cause->node->feeds.len; k++) {
            lt_run_task *next = task_of(run, cause->node->feeds.items[k]);
            if (!next || next->record.status != LT_TASK_PENDING)
                continue;
            next->record.status = LT_TASK_SKIPPED;
            next->record.message = lt_text_of(lt_arena_format(
                &run->plan->arena, "%.*s %s", LT_ARG(failed->node->name),
                failed->record.status == LT_TASK_CANCELLED ? "was cancelled" : "failed"));
            run->pending--;
            record_end(run, next);
            lt_push(&front, (const lt_run_task *)next);
        }
    }
    lt_vec_free(&front);
}

/* Called with the lock held. */
static void settle(executor *run, lt_run_task *task)
{
    record_end(run, task);
    if (!lets_others_go_on(task->record.status)) {
        skip_dependents(run, task);
        return;
    }
    for (size_t k = 0; k < task->node->feeds.len; k++) {
        const lt_run_task *next = task_of(run, task->node->feeds.items[k]);
        if (next)
            run->missing[next - run->tasks]--;
    }
}

/* The first task that can begin; waits while others may make one ready. NULL: there will be none. Called with the lock held. */
static lt_run_task *next_task(executor *run)
{
    for (;;) {
        if (run->stopping || !run->pending)
            return NULL;
        for (size_t i = 0; i < run->task_count; i++)
            if (run->tasks[i].record.status == LT_TASK_PENDING && !run->missing[i])
                return &run->tasks[i];
        (void)pthread_cond_wait(&run->changed, &run->lock);
    }
}

/* ---- attempts ---- */

static void set_working(worker *self, lt_session *session)
{
    (void)pthread_mutex_lock(&self->run->lock);
    self->working = session;
    (void)pthread_mutex_unlock(&self->run->lock);
}

static lt_status session_of(worker *self, lt_session **out, lt_err *err)
{
    if (!self->session)
        LT_TRY(lt_session_open(self->run->engine, &self->session, err));
    *out = self->session;
    return LT_OK;
}

lt_status lt_work_session(lt_work *work, lt_session **session, lt_err *err)
{
    char started[64];
    int pid;
    worker *self = work->worker;
    LT_TRY(session_of(self, &work->session, err));
    set_working(self, work->session);
    if (lt_session_backend(work->session, &pid, started))
        LT_TRY(lt_state_task_backend(work->run->workspace->state, work->attempt.token, pid,
                                     lt_text_of(started), err));
    *session = work->session;
    return LT_OK;
}

static lt_status attempt_once(worker *self, lt_work *work, lt_err *err)
{
    executor *run = self->run;
    LT_TRY(lt_state_task_start(run->workspace->state, run->record->id, work->task->node->id,
                               &work->attempt.token, &work->task->record.attempts, err));
    lt_work_log(work, "attempt %lld begins", (long long)work->task->record.attempts);
    return lt_step_run(work, err);
}

static void begin_attempt(worker *self, int64_t timeout_us)
{
    (void)pthread_mutex_lock(&self->run->lock);
    self->timed_out = false;
    self->cancelled = false;
    self->deadline_us = timeout_us ? lt_mono_us() + timeout_us : 0;
    (void)pthread_mutex_unlock(&self->run->lock);
}

/* A session that failed may be broken; the next attempt opens a new one. */
static void end_attempt(worker *self, lt_status status, lt_err *err)
{
    (void)pthread_mutex_lock(&self->run->lock);
    bool timed_out = self->timed_out;
    self->deadline_us = 0;
    self->working = NULL;
    (void)pthread_mutex_unlock(&self->run->lock);
    if (status == LT_IO || status == LT_CANCELLED) {
        lt_session_close(self->session);
        self->session = NULL;
    }
    if (timed_out && status != LT_OK) {
        lt_ignore(lt_fail(err, LT_IO, "the attempt took longer than its timeout"));
        lt_hint(err, "raise 'timeout' in the pipeline's defaults, or find out what it waits for "
                     "with 'leat logs'");
    }
}

static bool may_try_again(const executor *run, lt_status status, int64_t attempt)
{
    bool passing = status == LT_IO || status == LT_CONFLICT;
    return passing && attempt <= defaults_of(run)->retries && !lt_stop_asked();
}

/* Wait before the next attempt: full jitter over a doubling span; a stop ends the wait. */
static void back_off(const executor *run, int64_t attempt)
{
    static const int64_t LONGEST_US = 300 * (int64_t)1000000, LOOK_US = 50000;
    int64_t span = defaults_of(run)->backoff_us;
    for (int64_t i = 1; i < attempt && span < LONGEST_US; i++)
        span *= 2;
    span = LT_MIN(span, LONGEST_US);
    int64_t until =
        lt_mono_us() +
        (span ? (int64_t)(arc4random_uniform((uint32_t)LT_MIN(span, (int64_t)UINT32_MAX))) : 0);
    while (lt_mono_us() < until && !lt_stop_asked())
        lt_sleep_us(LOOK_US);
}

static void say_attempt(executor *run, lt_run_task *task, int64_t attempt)
{
    (void)pthread_mutex_lock(&run->lock);
    task->note = lt_arena_format(&run->plan->arena, "attempt %lld of %lld", (long long)attempt,
                                 (long long)defaults_of(run)->retries + 1);
    (void)pthread_mutex_unlock(&run->lock);
}

static lt_status attempt_until_done(worker *self, lt_work *work, lt_err *err)
{
    executor *run = self->run;
    for (int64_t attempt = 1;; attempt++) {
        begin_attempt(self, defaults_of(run)->timeout_us);
        lt_buf_clear(&work->result);
        lt_status status = attempt_once(self, work, err);
        end_attempt(self, status, err);
        status = status == LT_OK ? LT_OK : err->status;
        if (status == LT_OK || !may_try_again(run, status, attempt))
            return status;
        lt_work_log(work, "attempt failed, another one follows: %s", err->message);
        say_attempt(run, work->task, attempt + 1);
        back_off(run, attempt);
    }
}

/* ---- one task ---- */

static lt_task_status status_of(lt_status status, const lt_work *work)
{
    if (status == LT_OK)
        return work->warned ? LT_TASK_WARNED : LT_TASK_SUCCEEDED;
    return status == LT_CANCELLED ? LT_TASK_CANCELLED : LT_TASK_FAILED;
}

static void write_record(executor *run, lt_work *work, lt_status status, const lt_err *err)
{
    lt_task_record *record = &work->task->record;
    lt_arena *arena = &run->plan->arena;
    record->status = status_of(status, work);
    work->task->ended_with = status;
    if (status != LT_OK || work->warned) {
        record->message = lt_text_of(lt_arena_format(arena, "%s", err->message));
        record->hint = lt_text_of(lt_arena_format(arena, "%s", err->hint));
    }
    record->result_json = lt_text_of(lt_arena_format(arena, "{%s}", lt_buf_chars(&work->result)));
}

static void run_task(worker *self, lt_run_task *task)
{
    executor *run = self->run;
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_work work = {
        .worker = self,
        .run = run,
        .task = task,
        .step = task->node->payload,
        .arena = &arena,
        .log_fd = -1,
        .cancelled = &self->cancelled,
        .attempt = {.home = lt_state_home_id(run->workspace->state), .task = task->node->id}};
    work.attempt.run_id = lt_text_of(lt_arena_format(&arena, "%lld", (long long)run->record->id));
    lt_status status = lt_work_log_open(&work, &err);
    if (status == LT_OK)
        status = attempt_until_done(self, &work, &err);
    if (status != LT_OK || work.warned)
        lt_work_log(&work, "%s: %s%s%s", status == LT_OK ? "warning" : "failed", err.message,
                    err.hint[0] ? "; " : "", err.hint);
    lt_work_log(&work, "ends: %s", lt_task_status_name(status_of(status, &work)));
    lt_fd_close(work.log_fd);

    (void)pthread_mutex_lock(&run->lock);
    write_record(run, &work, status, &err);
    self->task = NULL;
    run->running--;
    settle(run, task);
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
    lt_buf_cleanup(&work.result);
}

static void *work_on(void *context)
{
    worker *self = context;
    executor *run = self->run;
    (void)pthread_mutex_lock(&run->lock);
    for (lt_run_task *task; (task = next_task(run));) {
        task->record.status = LT_TASK_RUNNING;
        task->started_mono_us = lt_mono_us();
        self->task = task;
        run->pending--;
        run->running++;
        if (run->request->watch)
            run->request->watch->began(run->request->watch->context, task);
        (void)pthread_mutex_unlock(&run->lock);
        run_task(self, task);
        (void)pthread_mutex_lock(&run->lock);
    }
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
    lt_session_close(self->session);
    return NULL;
}

/* ---- watching ---- */

static void cancel_work(worker *self)
{
    if (self->working)
        lt_session_cancel(self->working);
    self->cancelled = true;
}

/* How far a statement says it is, where it says so. */
static void ask_progress(worker *self)
{
    int64_t rows;
    double fraction = -1;
    lt_session_progress(self->working, &rows, &fraction);
    if (fraction >= 0)
        self->task->progress.percent = (int)(100 * fraction);
}

/* Called with the lock held, some times a second. */
static void look_after(executor *run, size_t memory)
{
    bool stop = lt_stop_asked();
    run->stopping = run->stopping || stop;
    for (size_t i = 0; i < run->worker_count; i++) {
        worker *self = &run->workers[i];
        if (!self->task)
            continue;
        if ((int64_t)memory > self->task->peak_bytes)
            self->task->peak_bytes = (int64_t)memory;
        if (self->working)
            ask_progress(self);
        if (self->deadline_us && lt_mono_us() > self->deadline_us)
            self->timed_out = true;
        if (stop || self->timed_out)
            cancel_work(self);
    }
    if (run->stopping)
        (void)pthread_cond_broadcast(&run->changed);
}

static void wait_a_moment(executor *run)
{
    static const int64_t LOOK_US = 20000;
    int64_t until = lt_mono_us() + LOOK_US;
    struct timespec when = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    (void)pthread_cond_timedwait(&run->changed, &run->lock, &when);
}

static void watch(executor *run)
{
    (void)pthread_mutex_lock(&run->lock);
    while (run->running || (run->pending && !run->stopping)) {
        wait_a_moment(run);
        (void)pthread_mutex_unlock(&run->lock);
        size_t memory = lt_proc_resident_bytes();
        (void)pthread_mutex_lock(&run->lock);
        look_after(run, memory);
    }
    (void)pthread_mutex_unlock(&run->lock);
}

static void cancel_the_rest(executor *run)
{
    for (size_t i = 0; i < run->task_count; i++) {
        if (run->tasks[i].record.status != LT_TASK_PENDING)
            continue;
        run->tasks[i].record.status = LT_TASK_CANCELLED;
        record_end(run, &run->tasks[i]);
    }
}

void lt_pool_run(executor *run, size_t threads)
{
    run->workers = lt_xcalloc(threads, sizeof(worker));
    run->worker_count = threads;
    count_missing(run);
    size_t started = 0;
    for (; started < threads; started++) {
        run->workers[started].run = run;
        if (pthread_create(&run->workers[started].thread, NULL, work_on, &run->workers[started]) !=
            0)
            break;
    }
    if (!started) { /* no thread to be had: this one does it all */
        run->worker_count = 1;
        (void)work_on(&run->workers[0]);
    }
    watch(run);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(run->workers[i].thread, NULL);
    cancel_the_rest(run);
    lt_free(run->workers);
}
