/* The workers: who looks at which task when, attempts and their limits, retries, and what waits without a worker. */
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/inner.h"

#include <stdlib.h>

static const lt_conf_defaults *defaults_of(const executor *run)
{
    static const lt_conf_defaults none = {
        .backoff_us = 1000000, .backoff_max_us = 300000000, .grace_us = 10000000};
    const lt_conf_pipeline *pipeline = run->plan->request.pipeline;
    return pipeline ? &pipeline->defaults : &none;
}

static int64_t own_or(int64_t own, int64_t otherwise, const lt_conf_task *task)
{
    return task && own >= 0 ? own : otherwise;
}

/* ---- recording ---- */

static void take_record_failure(executor *run, lt_status status, const lt_err *err)
{
    if (status == LT_OK || run->broken != LT_OK)
        return;
    run->broken = status;
    run->broken_err = *err;
    run->stopping = true;
    (void)pthread_cond_broadcast(&run->wanted);
    (void)pthread_cond_broadcast(&run->changed);
}

static void tell_end(executor *run, lt_run_task *task)
{
    task->progress.rows_in = task->record.rows_in; /* the last word; -1 is not counted */
    task->progress.rows_out = task->record.rows_out;
    task->ended_mono_us = lt_mono_us();
    if (!task->started_mono_us)
        task->started_mono_us = (int64_t)task->ended_mono_us;
    if (run->request->watch)
        run->request->watch->ended(run->request->watch->context, task);
    lt_telemetry_task_ended(run, task);
}

void lt_pool_record(executor *run, lt_run_task *const *tasks, size_t count)
{
    lt_err err;
    const lt_task_record **records = lt_xcalloc(count, sizeof(*records));
    for (size_t i = 0; i < count; i++) {
        tasks[i]->record.peak_bytes = tasks[i]->peak_bytes;
        records[i] = &tasks[i]->record;
    }
    (void)pthread_mutex_unlock(&run->lock);
    lt_status status =
        lt_state_tasks_finish(run->workspace->state, run->record->id, records, count, &err);
    (void)pthread_mutex_lock(&run->lock);
    take_record_failure(run, status, &err);
    for (size_t i = 0; i < count; i++)
        tell_end(run, tasks[i]);
    lt_free(records);
}

/* With the lock held. What was skipped because of it is one record of its own: it follows from this one. */
static void settle(executor *run, lt_run_task *task)
{
    lt_run_tasks skipped = {0};
    lt_order_settle(run, task, &skipped);
    if (skipped.len)
        lt_pool_record(run, skipped.items, skipped.len);
    lt_vec_free(&skipped);
}

/* ---- attempts ---- */

static void begin_attempt(worker *self, int64_t timeout_us)
{
    (void)pthread_mutex_lock(&self->run->lock);
    self->timed_out = false;
    self->cancelled = self->task->marked != LT_TASK_PENDING;
    self->deadline_us = timeout_us ? lt_mono_us() + timeout_us : 0;
    (void)pthread_mutex_unlock(&self->run->lock);
}

/* A session that failed may be broken; the next attempt opens a new one. */
static void end_attempt(worker *self, lt_work *work, lt_status status, lt_err *err)
{
    (void)pthread_mutex_lock(&self->run->lock);
    bool timed_out = self->timed_out;
    lt_session *broken = NULL;
    self->deadline_us = 0;
    self->working = NULL;
    if (status == LT_IO || status == LT_CANCELLED) {
        broken = self->session;
        self->session = NULL;
    }
    (void)pthread_mutex_unlock(&self->run->lock);
    lt_session_close(broken);
    if (timed_out && status != LT_OK) {
        work->error_kind = "timeout";
        lt_ignore(lt_fail(err, LT_IO, "the attempt took longer than its timeout"));
        lt_hint(err, "raise 'timeout' of the task or in the pipeline's defaults, or find out what "
                     "it waits for with 'leat logs'");
    }
}

/* The places in a pool come first; false: they are waited for. */
static lt_status take_places(lt_work *work, bool *granted, lt_err *err)
{
    const lt_conf_task *conf = work->step->task;
    executor *run = work->run;
    *granted = true;
    if (!conf || !conf->pool.len)
        return LT_OK;
    lt_pool_wish wish = {.pool = conf->pool,
                         .task = work->task->node->id,
                         .run_id = run->record->id,
                         .size = lt_project_pool(run->workspace->project, conf->pool),
                         .places = conf->places,
                         .priority = conf->priority};
    LT_TRY(lt_state_pool_take(run->workspace->state, &wish, granted, err));
    if (*granted)
        return LT_OK;
    work->parks = true;
    work->waiting = (lt_waiting){.kind = T("pool"), .what = conf->pool};
    return LT_OK;
}

static lt_status begin_if_new(lt_work *work, lt_err *err)
{
    lt_run_task *task = work->task;
    executor *run = work->run;
    if (!task->record.started_at_us)
        task->record.started_at_us = lt_now_us();
    if (!task->begun && !task->has_lost) {
        LT_TRY(lt_state_task_start(run->workspace->state, run->record->id, task->node->id,
                                   &task->record.token, &task->record.attempts, err));
        lt_work_log(work, "attempt %lld begins", (long long)task->record.attempts);
    }
    task->begun = true;
    work->attempt.token = task->record.token;
    return LT_OK;
}

static lt_status look_at(worker *self, lt_work *work, lt_err *err)
{
    const lt_conf_task *conf = work->step->task;
    bool granted = true;
    LT_TRY(lt_work_log_open(work, err));
    if (!work->task->begun)
        LT_TRY(take_places(work, &granted, err));
    if (!granted)
        return LT_OK;
    LT_TRY(begin_if_new(work, err));
    lt_work_names(work);
    int64_t timeout_us = defaults_of(work->run)->timeout_us;
    begin_attempt(self, work->step->kind == LT_STEP_COMMAND
                            ? 0 /* its wrapper sees to that */
                            : own_or(conf ? conf->timeout_us : -1, timeout_us, conf));
    lt_status status = lt_step_run(work, err);
    end_attempt(self, work, status, err);
    return status == LT_OK ? LT_OK : err->status;
}

/* ---- trying again ---- */

static bool fits_exit(lt_text word, int64_t code)
{
    int64_t from = 0, to = 0;
    if (!lt_text_starts(word, T("exit:")) || !code)
        return false;
    lt_text range = lt_text_sub(word, 5, SIZE_MAX);
    size_t dash = lt_text_find_byte(range, '-', 0);
    bool read = lt_text_to_i64(lt_text_sub(range, 0, dash), &from);
    to = from;
    if (dash != SIZE_MAX)
        read = read && lt_text_to_i64(lt_text_sub(range, dash + 1, SIZE_MAX), &to);
    return read && code >= from && code <= to;
}

static bool fits(const lt_conf_texts *words, const lt_work *work, lt_text kind)
{
    for (size_t i = 0; i < words->len; i++) {
        lt_text word = words->items[i].raw;
        if (lt_text_eq(word, T("any")) || lt_text_eq(word, kind) ||
            fits_exit(word, work->exit_code))
            return true;
    }
    return false;
}

static bool is_passing(const lt_work *work, lt_status status)
{
    const lt_conf_task *conf = work->step->task;
    lt_text kind = lt_text_of(work->error_kind ? work->error_kind : lt_status_name(status));
    if (conf && fits(&conf->retry_never, work, kind))
        return false;
    if (conf && conf->retry_on.len)
        return fits(&conf->retry_on, work, kind);
    return status == LT_IO || status == LT_CONFLICT ||
           (conf && conf->has_retries && work->exit_code);
}

static int64_t retries_of(const lt_work *work)
{
    const lt_conf_task *conf = work->step->task;
    return own_or(conf ? conf->retries : -1, defaults_of(work->run)->retries, conf);
}

static bool may_try_again(const lt_work *work, lt_status status)
{
    return status != LT_OK && status != LT_CANCELLED && is_passing(work, status) &&
           work->task->tries < retries_of(work) && !lt_stop_asked() && !work->run->stopping;
}

/* Full jitter over a doubling span. */
static int64_t back_off_us(const lt_work *work)
{
    const lt_conf_task *conf = work->step->task;
    const lt_conf_defaults *defaults = defaults_of(work->run);
    int64_t span = own_or(conf ? conf->backoff_us : -1, defaults->backoff_us, conf);
    int64_t most = own_or(conf ? conf->backoff_max_us : -1, defaults->backoff_max_us, conf);
    for (int64_t i = 0; i < work->task->tries && span < most; i++)
        span *= 2;
    span = LT_MIN(span, most);
    uint64_t random = (uint64_t)arc4random() << 32 | arc4random();
    return span > 0 ? (int64_t)(random % (uint64_t)span) : 0;
}

static lt_status plan_retry(lt_work *work, lt_status status, lt_err *err)
{
    lt_err why = *err;
    lt_run_task *task = work->task;
    work->parks = true;
    work->wake_at_us = lt_now_us() + back_off_us(work);
    lt_text message = lt_arena_text(work->arena, lt_text_of(why.message));
    work->waiting = (lt_waiting){.kind = T("retry"),
                                 .what = lt_text_of(lt_arena_format(
                                     work->arena, "attempt %lld of %lld",
                                     (long long)task->tries + 2, (long long)retries_of(work) + 1)),
                                 .detail = message};
    lt_work_log(work, "attempt failed, another one follows: %s", why.message);
    char pause[LT_TIME_CHARS];
    lt_log(LT_LOG_WARNING, "%.*s: %.*s in %s: %s", LT_ARG(task->record.name),
           LT_ARG(work->waiting.what), lt_length_write(work->wake_at_us - lt_now_us(), pause),
           why.message);
    if (task->record.token)
        LT_TRY(lt_state_attempt_finish(work->run->workspace->state, task->record.token,
                                       status == LT_CANCELLED ? LT_TASK_CANCELLED : LT_TASK_FAILED,
                                       message, err));
    lt_command_close(work, true);
    lt_err leaving;
    if (work->step->task && work->step->task->pool.len) /* a pause holds no places */
        lt_ignore(lt_state_pool_leave(work->run->workspace->state, work->run->record->id,
                                      task->node->id, &leaving));
    task->tries++;
    task->called = task->looks = 0;
    task->begun = task->has_lost = false;
    return LT_OK;
}

/* ---- waiting without a worker ---- */

static void say_attempt(executor *run, lt_run_task *task, lt_text what)
{
    task->note = lt_arena_format(&run->plan->arena, "%.*s", LT_ARG(what));
}

/* Also those whose turn came while their for_each was about to wait. */
static void begin_items(executor *run, lt_run_task *each)
{
    lt_run_tasks skipped = {0};
    lt_items_go_on(run, each, &skipped);
    lt_order_follow(run, 0, &skipped);
    if (skipped.len)
        lt_pool_record(run, skipped.items, skipped.len);
    lt_vec_free(&skipped);
}

static void park(worker *self, lt_work *work)
{
    executor *run = self->run;
    lt_run_task *task = work->task;
    lt_err err;
    work->waiting.next_us = work->wake_at_us;
    lt_status status = lt_state_task_wait(run->workspace->state, run->record->id, task->node->id,
                                          &work->waiting, &err);
    (void)pthread_mutex_lock(&run->lock);
    take_record_failure(run, status, &err);
    if (lt_text_eq(work->waiting.kind, T("retry")))
        say_attempt(run, task, work->waiting.what);
    task->record.status = LT_TASK_WAITING;
    task->record.waiting.kind =
        lt_text_of(lt_arena_format(&run->plan->arena, "%.*s", LT_ARG(work->waiting.kind)));
    self->task = NULL;
    run->running--;
    run->parked++;
    if (task->marked != LT_TASK_PENDING) {
        lt_order_ready(run, task);
    } else if (work->wake_at_us) {
        int64_t rest = LT_MAX(work->wake_at_us - lt_now_us(), (int64_t)0);
        task->wake_mono_us = LT_MAX(lt_mono_us() + rest, (int64_t)1);
        run->next_wake_mono_us = LT_MIN(run->next_wake_mono_us, task->wake_mono_us);
    }
    if (task->items)
        begin_items(run, task);
    run->next_news_mono_us = 0; /* nor was anybody told meanwhile */
    run->stamp = (lt_state_stamp){0};
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
}

/* Called with the lock held. */
static void wake_due(executor *run)
{
    int64_t now = lt_mono_us(), next = INT64_MAX;
    if (now < run->next_wake_mono_us)
        return;
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        if (task->record.status != LT_TASK_WAITING || !task->wake_mono_us)
            continue;
        if (task->wake_mono_us <= now)
            lt_order_ready(run, task);
        else
            next = LT_MIN(next, task->wake_mono_us);
    }
    run->next_wake_mono_us = next;
}

/* ---- one task ---- */

static lt_task_status status_of(lt_status status, const lt_work *work)
{
    if (work->task->marked != LT_TASK_PENDING)
        return work->task->marked;
    if (status == LT_OK)
        return work->warned ? LT_TASK_WARNED : LT_TASK_SUCCEEDED;
    return status == LT_CANCELLED ? LT_TASK_CANCELLED : LT_TASK_FAILED;
}

static void mark(executor *run, lt_run_task *task, lt_task_status status, lt_text by);

/* A for_each that ends before its items do takes them with it. */
static void end_items_of(executor *run, const lt_run_task *each)
{
    for (size_t i = 0; each->items && i < run->task_count; i++)
        if (run->tasks[i]->parent == each)
            mark(run, run->tasks[i], LT_TASK_CANCELLED, T("the end of its for_each"));
}

/* Called with the lock held. */
static void write_record(executor *run, lt_work *work, lt_status status, const lt_err *err)
{
    lt_task_record *record = &work->task->record;
    lt_arena *arena = &run->plan->arena;
    record->status = status_of(status, work);
    work->task->ended_with = lt_task_is_good(record->status) ? LT_OK
                             : status == LT_OK               ? LT_FAILED
                                                             : status;
    if (work->task->marked != LT_TASK_PENDING) {
        record->message =
            lt_text_of(lt_arena_format(arena, "%s by %.*s",
                                       record->status == LT_TASK_CANCELLED   ? "cancelled"
                                       : record->status == LT_TASK_SUCCEEDED ? "marked as succeeded"
                                                                             : "marked as failed",
                                       LT_ARG(work->task->asked_by)));
    } else if (status != LT_OK || work->warned) {
        record->message = lt_text_of(lt_arena_format(arena, "%s", err->message));
        record->hint = lt_text_of(lt_arena_format(arena, "%s", err->hint));
    }
    record->result_json = lt_text_of(lt_arena_format(arena, "{%s}", lt_buf_chars(&work->result)));
    record->output_json = lt_arena_text(arena, lt_buf_text(&work->output));
}

static void end_task(worker *self, lt_work *work, lt_status status, const lt_err *err)
{
    executor *run = self->run;
    lt_run_task *task = work->task;
    if (work->log_fd >= 0 && (status != LT_OK || work->warned))
        lt_work_log(work, "%s: %s%s%s", status == LT_OK ? "warning" : "failed", err->message,
                    err->hint[0] ? "; " : "", err->hint);
    if (work->log_fd >= 0)
        lt_work_log(work, "ends: %s", lt_task_status_name(status_of(status, work)));
    (void)pthread_mutex_lock(&run->lock);
    write_record(run, work, status, err);
    end_items_of(run, task);
    lt_pool_record(run, &task, 1);
    bool recorded = run->broken == LT_OK;
    if (task->step->task && task->step->task->pool.len)
        run->next_news_mono_us = 0; /* its places may be another's now */
    self->task = NULL;
    settle(run, task);
    run->running--;
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
    lt_command_close(work, recorded);
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
        .step = task->step,
        .arena = &arena,
        .output = {.limit = LT_OUTPUT_MAX},
        .log_fd = -1,
        .cancelled = &self->cancelled,
        .attempt = {.home = lt_state_home_id(run->workspace->state), .task = task->node->id}};
    work.attempt.run_id = lt_text_of(lt_arena_format(&arena, "%lld", (long long)run->record->id));
    lt_status status = LT_CANCELLED;
    lt_ignore(lt_fail(&err, LT_CANCELLED, "cancelled before it began"));
    if (task->marked == LT_TASK_PENDING)
        status = look_at(self, &work, &err);
    if (task->marked == LT_TASK_PENDING && may_try_again(&work, status))
        status = plan_retry(&work, status, &err);
    if (status == LT_OK && work.parks && task->marked == LT_TASK_PENDING)
        park(self, &work);
    else
        end_task(self, &work, status, &err);
    lt_fd_close(work.log_fd);
    lt_buf_cleanup(&work.result);
    lt_buf_cleanup(&work.output);
    lt_jinja_heap_cleanup(&work.heap);
}

/* The task that has been ready longest; waits for one. NULL: there will be none. Called with the lock held. */
static lt_run_task *next_task(executor *run)
{
    for (;;) {
        if (run->stopping || !run->unended)
            return NULL;
        lt_run_task *task = run->first_ready;
        if (task) {
            run->first_ready = task->next_ready;
            if (!run->first_ready)
                run->last_ready = &run->first_ready;
            task->queued = false;
            return task;
        }
        (void)pthread_cond_wait(&run->wanted, &run->lock);
    }
}

static void *work_on(void *context)
{
    worker *self = context;
    executor *run = self->run;
    (void)pthread_mutex_lock(&run->lock);
    for (lt_run_task *task; (task = next_task(run));) {
        bool first = !task->started_mono_us;
        task->record.status = LT_TASK_RUNNING;
        if (first)
            task->started_mono_us = lt_mono_us();
        self->task = task;
        run->running++;
        if (first && run->request->watch)
            run->request->watch->began(run->request->watch->context, task);
        if (first)
            lt_telemetry_task_began(run, task);
        (void)pthread_mutex_unlock(&run->lock);
        run_task(self, task);
        (void)pthread_mutex_lock(&run->lock);
    }
    (void)pthread_cond_broadcast(&run->changed);
    lt_session *session = self->session;
    self->session = NULL;
    (void)pthread_mutex_unlock(&run->lock);
    lt_session_close(session);
    return NULL;
}

/* ---- what others ask ---- */

static void cancel_work(worker *self)
{
    if (self->working)
        lt_session_cancel(self->working);
    self->cancelled = true;
}

/* End a task as somebody has said, with all that it made. */
static void mark(executor *run, lt_run_task *task, lt_task_status status, lt_text by)
{
    if (lt_task_has_ended(task) || task->marked != LT_TASK_PENDING)
        return;
    task->marked = status;
    task->asked_by = lt_text_of(lt_arena_format(&run->plan->arena, "%.*s", LT_ARG(by)));
    for (size_t i = 0; i < run->worker_count; i++)
        if (run->workers[i].task == task)
            cancel_work(&run->workers[i]);
    lt_order_ready(run, task); /* a worker ends it, unless one has it */
    for (size_t i = 0; task->items && i < run->task_count; i++)
        if (run->tasks[i]->parent == task)
            mark(run, run->tasks[i], LT_TASK_CANCELLED, by);
}

static void obey(executor *run, const lt_request *request)
{
    bool cancels = lt_text_eq(request->kind, T("cancel"));
    if (!request->task.len) {
        if (cancels && !lt_stop_asked()) {
            run->cancelled_by =
                lt_text_of(lt_arena_format(&run->plan->arena, "%.*s", LT_ARG(request->asked_by)));
            lt_stop_ask();
        }
        return;
    }
    lt_run_task *task = lt_map_find(&run->by_id, request->task);
    if (task)
        mark(run, task,
             cancels                                         ? LT_TASK_CANCELLED
             : lt_text_eq(request->argument, T("succeeded")) ? LT_TASK_SUCCEEDED
                                                             : LT_TASK_FAILED,
             request->asked_by);
}

/* A request about a task is answered when the task has ended; one about the run at its end, by its record. */
static bool is_answered(executor *run, const lt_request *request)
{
    lt_run_task *task = request->task.len ? lt_map_find(&run->by_id, request->task) : NULL;
    return request->task.len && (!task || task->ended_mono_us);
}

/* Called with the lock held, which is given up meanwhile. */
static void hear_news(executor *run)
{
    static const int64_t EVERY_US = 50000, AT_LEAST_EVERY_US = 1000000;
    LT_AUTO(lt_arena) arena = {0};
    lt_news news = {0};
    lt_err err;
    int64_t now = lt_mono_us();
    if (now < run->next_news_mono_us)
        return;
    run->next_news_mono_us = now + EVERY_US;
    bool changed = lt_state_changed(run->workspace->state, &run->stamp);
    if (!changed && now - run->heard_mono_us < AT_LEAST_EVERY_US)
        return;
    run->heard_mono_us = now;
    (void)pthread_mutex_unlock(&run->lock);
    lt_status status = lt_state_news(run->workspace->state, run->record->id,
                                     run->workspace->project->pools.len > 0, &arena, &news, &err);
    (void)pthread_mutex_lock(&run->lock);
    if (status != LT_OK) /* it is asked again */
        return;
    for (size_t i = 0; i < news.wake.len; i++) {
        lt_run_task *task = lt_map_find(&run->by_id, news.wake.items[i]);
        if (task && task->record.status == LT_TASK_WAITING)
            lt_order_ready(run, task);
    }
    for (size_t i = 0; i < news.requests.len; i++) {
        const lt_request *request = &news.requests.items[i];
        if (!is_answered(run, request)) {
            obey(run, request);
            run->stamp = (lt_state_stamp){0}; /* it is looked at again until it is answered */
            continue;
        }
        (void)pthread_mutex_unlock(&run->lock);
        lt_ignore(lt_state_request_done(run->workspace->state, request->id, T("ended"), &err));
        (void)pthread_mutex_lock(&run->lock);
    }
}

/* ---- watching ---- */

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
        if ((int64_t)memory > self->task->peak_bytes && self->task->step->kind != LT_STEP_COMMAND)
            self->task->peak_bytes = (int64_t)memory;
        if (self->working)
            ask_progress(self);
        if (self->deadline_us && lt_mono_us() > self->deadline_us)
            self->timed_out = true;
        if (stop || self->timed_out)
            cancel_work(self);
    }
    if (run->stopping)
        (void)pthread_cond_broadcast(&run->wanted);
}

static void look_at_clock(executor *run)
{
    wake_due(run);
    if (!run->late_mono_us || lt_mono_us() < run->late_mono_us || run->main_has_ended)
        return;
    lt_run_tasks skipped = {0};
    run->late_mono_us = 0;
    lt_order_release(run, LT_ROLE_ON_LATE, &skipped);
    lt_order_follow(run, 0, &skipped);
    if (skipped.len)
        lt_pool_record(run, skipped.items, skipped.len);
    lt_vec_free(&skipped);
}

static void wait_a_moment(executor *run)
{
    static const int64_t LOOK_US = 20000;
    int64_t until = LT_MIN(lt_mono_us() + LOOK_US, run->next_wake_mono_us);
    struct timespec when = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    (void)pthread_cond_timedwait(&run->changed, &run->lock, &when);
}

static void watch(executor *run)
{
    int64_t next_look = 0;
    (void)pthread_mutex_lock(&run->lock);
    while (run->running || (run->unended && !run->stopping)) {
        wait_a_moment(run);
        look_at_clock(run);
        if (lt_mono_us() < next_look)
            continue;
        next_look = lt_mono_us() + 20000;
        (void)pthread_mutex_unlock(&run->lock);
        size_t memory = lt_proc_resident_bytes();
        (void)pthread_mutex_lock(&run->lock);
        look_after(run, memory);
        hear_news(run);
        lt_target_yield(run);
    }
    (void)pthread_cond_broadcast(&run->wanted);
    (void)pthread_mutex_unlock(&run->lock);
}

static void cancel_the_rest(executor *run)
{
    lt_run_tasks rest = {0};
    (void)pthread_mutex_lock(&run->lock);
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        if (lt_task_has_ended(task))
            continue;
        task->record.status = LT_TASK_CANCELLED;
        lt_push(&rest, task);
    }
    if (rest.len)
        lt_pool_record(run, rest.items, rest.len);
    (void)pthread_mutex_unlock(&run->lock);
    lt_vec_free(&rest);
}

void lt_pool_run(executor *run, size_t threads)
{
    run->workers = lt_xcalloc(threads, sizeof(worker));
    run->worker_count = threads;
    run->last_ready = &run->first_ready;
    run->next_wake_mono_us = INT64_MAX;
    (void)pthread_mutex_lock(&run->lock);
    lt_order_begin(run);
    (void)pthread_mutex_unlock(&run->lock);
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
