/* The threads that look at what triggers wait for, and record what they find. */
#include "sched/watch.h"

#include "base/each.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "sched/look.h"
#include "state/schedule.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { JOBS = 4, LOOK_MS = 50, IDLE_MS = 1000 };

static const int64_t SECOND = 1000000;

typedef enum watch_pace { QUICK, SLOW, QUEUES, PACES } watch_pace;

typedef struct watcher {
    lt_watch *watch; /* borrowed */
    watch_pace pace;
    bool is_started;
    pthread_t thread;
    int wake, inotify;
    lt_sched_files *files; /* held */
    lt_arena arena;
    LT_VEC(lt_watched *) all; /* owned, each owned */
    bool has_read;            /* files, once at least */
    lt_state_stamp stamp;
} watcher;

struct lt_watch {
    lt_state *state; /* borrowed */
    pthread_mutex_t lock;
    lt_sched_files *files; /* held; guarded by the lock */
    atomic_bool stop;
    watcher watchers[PACES]; /* by pace */
};

/* ---- which look ---- */

static bool is_remote(const lt_workspace *workspace)
{
    return lt_text_starts(workspace->project->store.url, T("s3://"));
}

/* Its objects are not those of the project's own store here. */
static bool is_remote_trigger(const lt_workspace *workspace, const lt_conf_trigger *trigger)
{
    return is_remote(workspace) || lt_text_starts(trigger->object.bucket, T("s3://"));
}

static lt_look_fn *look_of(const lt_workspace *workspace, const lt_conf_trigger *trigger)
{
    switch (trigger->kind) {
    case LT_ON_OBJECT:
        return trigger->object.queue.len               ? lt_look_queue
               : is_remote_trigger(workspace, trigger) ? lt_look_listing
                                                       : lt_look_events;
    case LT_ON_DATASET:
        return lt_look_datasets;
    case LT_ON_FILE:
        return lt_look_files;
    case LT_ON_HTTP:
        return lt_look_http;
    case LT_ON_SQL:
        return lt_look_sql;
    default:
        return lt_look_webhook;
    }
}

static watch_pace pace_of(const lt_workspace *workspace, const lt_conf_trigger *trigger)
{
    if (trigger->object.queue.len)
        return QUEUES;
    bool far = trigger->kind == LT_ON_HTTP || trigger->kind == LT_ON_SQL ||
               trigger->kind == LT_ON_WEBHOOK ||
               (is_remote_trigger(workspace, trigger) && trigger->kind != LT_ON_FILE);
    return far ? SLOW : QUICK;
}

/* ---- what is known ---- */

static void set_cursor(lt_watched *one, lt_text cursor)
{
    if (!cursor.ptr)
        return;
    lt_buf_clear(&one->cursor);
    lt_buf_add(&one->cursor, cursor);
}

static void know(lt_watched *one, const lt_trigger_items *items)
{
    for (size_t i = 0; i < items->len; i++) {
        const lt_trigger_item *item = &items->items[i];
        lt_map_put(&one->known, lt_arena_text(&one->known_arena, item->item),
                   lt_arena_str(&one->known_arena, item->stamp));
    }
}

static void free_watched(lt_watched *one)
{
    for (size_t i = 0; i < one->growing.len; i++) {
        lt_free(one->growing.items[i].path);
        lt_free(one->growing.items[i].stamp);
    }
    lt_vec_free(&one->growing);
    lt_store_close(one->other);
    lt_queue_close(one->queue);
    lt_map_cleanup(&one->known);
    lt_arena_cleanup(&one->known_arena);
    lt_buf_cleanup(&one->cursor);
    lt_free(one);
}

/* What is gone stays in the map with an empty stamp, and costs memory until it is read again. */
static lt_status remember(watcher *self, lt_watched *one, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_trigger_record record;
    lt_trigger_items items = {0};
    lt_state *state = self->watch->state;
    LT_TRY(
        lt_state_trigger_get(state, one->pipeline->name, one->trigger->name, &arena, &record, err));
    one->begun = lt_text_eq(record.watches, one->watches);
    one->in_trouble = record.trouble.len != 0;
    one->told = one->in_trouble && self->has_read; /* by this server */
    one->events = record.events;
    if (!one->begun)
        return LT_OK;
    set_cursor(one, record.cursor);
    LT_TRY(lt_state_trigger_items(state, one->pipeline->name, one->trigger->name, &arena, &items,
                                  err));
    know(one, &items);
    return LT_OK;
}

/* ---- recording ---- */

static lt_status begin(watcher *self, lt_watched *one, lt_look *look, lt_err *err)
{
    bool all_is_new = one->trigger->existing == LT_CONF_YES &&
                      one->trigger->kind != LT_ON_DATASET &&
                      look_of(one->workspace, one->trigger) != lt_look_events;
    static const lt_trigger_items none;
    lt_text cursor = look->cursor.ptr && !all_is_new ? look->cursor : T("");
    LT_TRY(lt_state_trigger_begin(self->watch->state, one->pipeline->name, one->trigger->name,
                                  one->watches, cursor, all_is_new ? &none : &look->items, err));
    set_cursor(one, cursor);
    if (!all_is_new)
        know(one, &look->items);
    one->begun = true;
    one->in_trouble = false;
    one->next_mono_us = 0;
    lt_log(LT_LOG_INFO, "%.*s: the trigger '%.*s' looks from now on", LT_ARG(one->pipeline->name),
           LT_ARG(one->trigger->name));
    return LT_OK;
}

/* One run for each event, or with `batch` one for so many. */
static lt_status make_runs(const lt_watched *one, lt_look *look, lt_trigger_step *step, lt_err *err)
{
    size_t at_once = one->trigger->batch_us ? (size_t)one->trigger->batch_most : 1;
    step->runs = lt_alloc_array(look->arena, look->events.len + 1, sizeof(*step->runs));
    for (size_t i = 0; i < look->events.len; i += at_once) {
        size_t count = LT_MIN(at_once, look->events.len - i);
        LT_TRY(lt_sched_event_run(one->pipeline, one->trigger, &look->events.items[i], count,
                                  look->arena, &step->runs[step->run_count++], err));
    }
    step->events = (int64_t)look->events.len;
    if (look->events.len)
        step->last_event = look->events.items[look->events.len - 1].what;
    return LT_OK;
}

/* The cursor moves over what is of no interest, too; that is worth a transaction once in a while. */
static bool is_worth_recording(const lt_watched *one, const lt_look *look)
{
    static const int64_t SAVE_US = 60 * 1000000;
    if (look->events.len || look->items.len || (one->in_trouble && !one->lacks))
        return true;
    return look->cursor.ptr && !lt_text_eq(look->cursor, lt_buf_text(&one->cursor)) &&
           lt_mono_us() - one->saved_mono_us >= SAVE_US;
}

/* Is the batch still being gathered? Then nothing is recorded: the next look finds the same, and more. */
static bool gathers(lt_watched *one, lt_look *look)
{
    if (!one->trigger->batch_us || !look->events.len)
        return false;
    int64_t now_us = lt_mono_us();
    if (!one->batch_mono_us)
        one->batch_mono_us = now_us;
    int64_t rest_us = one->batch_mono_us + one->trigger->batch_us - now_us;
    if (rest_us <= 0 || look->events.len >= (size_t)one->trigger->batch_most)
        return false;
    look->again_us = LT_MIN(rest_us, SECOND / 4);
    return true;
}

static lt_status record(watcher *self, lt_watched *one, lt_look *look, lt_err *err)
{
    if (gathers(one, look))
        return LT_OK;
    one->batch_mono_us = 0;
    if (is_worth_recording(one, look)) {
        lt_trigger_step step = {.pipeline = one->pipeline->name,
                                .name = one->trigger->name,
                                .cursor = look->cursor,
                                .items = &look->items,
                                .heeds_pause = true};
        LT_TRY(make_runs(one, look, &step, err));
        LT_TRY(lt_state_trigger_step(self->watch->state, &step, err));
        one->events += step.events;
        one->in_trouble = one->lacks;
        one->try_mono_us = 0; /* the step has wiped what is wrong */
        one->saved_mono_us = lt_mono_us();
        know(one, &look->items);
    }
    set_cursor(one, look->cursor);
    lt_queue_recorded(one);
    return LT_OK;
}

/* ---- looking ---- */

static const int64_t AGAIN_US = 5 * 1000000;

/* In the log once, in the record for whoever asks. */
static void tell_trouble(watcher *self, lt_watched *one, const lt_err *why)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err;
    lt_text said = lt_conf_say(why, &arena);
    if (!one->told)
        lt_log(LT_LOG_WARNING, "%.*s: the trigger '%.*s' cannot do its work: %.*s",
               LT_ARG(one->pipeline->name), LT_ARG(one->trigger->name), LT_ARG(said));
    one->told = one->in_trouble = true;
    lt_ignore(lt_state_trigger_trouble(self->watch->state, one->pipeline->name, one->trigger->name,
                                       said, &err));
}

/* The look went well, and yet nothing can happen. Gives how long until it is looked at again. */
static int64_t try_needs(watcher *self, lt_watched *one)
{
    lt_err why = {0};
    if (lt_mono_us() < one->try_mono_us)
        return one->try_mono_us - lt_mono_us();
    one->try_mono_us = lt_mono_us() + AGAIN_US;
    one->lacks = lt_watch_try(one->workspace, one->trigger, &why) != LT_OK;
    if (one->lacks)
        tell_trouble(self, one, &why);
    return AGAIN_US;
}

static bool is_quick_kind(const lt_watched *one)
{
    return one->trigger->kind == LT_ON_OBJECT && !is_remote_trigger(one->workspace, one->trigger);
}

static lt_status look_at(void *context, size_t i, lt_err *err)
{
    watcher *self = context;
    lt_watched *one = self->all.items[i];
    LT_AUTO(lt_arena) arena = {0};
    lt_look look = {.arena = &arena, .first = !one->begun};
    lt_err why = {0};
    (void)err;
    if (one->paused || one->next_mono_us > lt_mono_us() || atomic_load(&self->watch->stop))
        return LT_OK;
    lt_status status = look_of(one->workspace, one->trigger)(one, &look, &why);
    if (status == LT_OK)
        status = look.first ? begin(self, one, &look, &why) : record(self, one, &look, &why);
    if (status == LT_CANCELLED)
        return LT_OK;
    if (status != LT_OK) {
        tell_trouble(self, one, &why);
        one->next_mono_us = lt_mono_us() + AGAIN_US;
        return LT_OK;
    }
    one->told = one->told && one->in_trouble;
    int64_t needs_us = try_needs(self, one);
    int64_t pause_us = look.again_us                         ? look.again_us
                       : one->trigger->kind == LT_ON_WEBHOOK ? needs_us
                       : is_quick_kind(one)                  ? (int64_t)LOOK_MS * 1000
                                                             : one->trigger->every_us;
    one->next_mono_us = look.first ? 0 : lt_mono_us() + pause_us;
    return LT_OK;
}

static lt_status read_pauses(watcher *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_schedule_records records = {0};
    LT_TRY(lt_state_schedules(self->watch->state, &arena, &records, err));
    for (size_t i = 0; i < self->all.len; i++)
        for (size_t k = 0; k < records.len; k++)
            if (lt_text_eq(records.items[k].pipeline, self->all.items[i]->pipeline->name))
                self->all.items[i]->paused = records.items[k].paused_at_us != 0;
    return LT_OK;
}

/* ---- the files ---- */

static void forget_all(watcher *self)
{
    for (size_t i = 0; i < self->all.len; i++)
        free_watched(self->all.items[i]);
    self->all.len = 0;
    lt_arena_cleanup(&self->arena);
    lt_fd_close(self->inotify);
    self->inotify = self->pace != QUICK ? -1 : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

static void add_watched(watcher *self, const lt_conf_pipeline *pipeline,
                        const lt_conf_trigger *trigger)
{
    lt_err err = {0};
    lt_workspace *workspace = lt_sched_files_workspace(self->files);
    if (pace_of(workspace, trigger) != self->pace)
        return;
    lt_watched *one = lt_xcalloc(1, sizeof(*one));
    one->workspace = workspace;
    one->pipeline = pipeline;
    one->trigger = trigger;
    one->inotify = self->inotify;
    one->stop = &self->watch->stop;
    one->watches = lt_watch_text(trigger, &self->arena);
    lt_push(&self->all, one);
    if (remember(self, one, &err) != LT_OK) {
        tell_trouble(self, one, &err);
        one->next_mono_us = lt_mono_us() + AGAIN_US;
    }
}

/* What is in memory only (files that grow, batches) begins anew. */
static void take_files(watcher *self)
{
    (void)pthread_mutex_lock(&self->watch->lock);
    bool is_new = self->files != self->watch->files;
    lt_sched_files *files = is_new ? lt_sched_files_hold(self->watch->files) : NULL;
    (void)pthread_mutex_unlock(&self->watch->lock);
    if (!is_new)
        return;
    forget_all(self);
    lt_sched_files_leave(self->files);
    self->files = files;
    const lt_project *project = lt_sched_files_workspace(files)->project;
    for (size_t i = 0; i < project->pipelines.len; i++)
        for (size_t k = 0; k < project->pipelines.items[i].triggers.len; k++)
            add_watched(self, &project->pipelines.items[i],
                        &project->pipelines.items[i].triggers.items[k]);
    for (size_t i = 0; i < self->all.len; i++)
        self->all.items[i]->is_only_one = self->all.len == 1;
    self->stamp = (lt_state_stamp){0};
    self->has_read = true;
}

/* ---- the threads ---- */

static void wait_for_news(watcher *self)
{
    struct pollfd fds[] = {{.fd = self->wake, .events = POLLIN},
                           {.fd = self->inotify, .events = POLLIN}};
    char events[16 * 1024];
    uint64_t count;
    int timeout_ms = !self->all.len ? -1 : self->pace == SLOW ? IDLE_MS / 5 : LOOK_MS;
    (void)poll(fds, LT_COUNT(fds), timeout_ms);
    if (fds[0].revents & POLLIN)
        (void)!read(self->wake, &count, sizeof(count));
    bool changed = false;
    while (self->inotify >= 0 && read(self->inotify, events, sizeof(events)) > 0)
        changed = true;
    for (size_t i = 0; i < self->all.len && changed; i++)
        if (self->all.items[i]->trigger->kind == LT_ON_FILE)
            self->all.items[i]->next_mono_us = 0;
}

static void *work(void *context)
{
    watcher *self = context;
    lt_err err = {0};
    while (!atomic_load(&self->watch->stop)) {
        take_files(self);
        if (lt_state_changed(self->watch->state, &self->stamp) && read_pauses(self, &err) != LT_OK)
            lt_log(LT_LOG_WARNING, "triggers: %s", err.message);
        lt_ignore(lt_each(self->pace != QUICK ? JOBS : 1, self->all.len, look_at, self, &err));
        wait_for_news(self);
    }
    forget_all(self);
    lt_fd_close(self->inotify);
    lt_vec_free(&self->all);
    lt_sched_files_leave(self->files);
    return NULL;
}

static void wake(const watcher *self)
{
    const uint64_t one = 1;
    if (self->wake >= 0)
        (void)!write(self->wake, &one, sizeof(one));
}

static lt_status start(lt_watch *watch, watch_pace pace, lt_err *err)
{
    watcher *self = &watch->watchers[pace];
    self->watch = watch;
    self->pace = pace;
    self->inotify = -1;
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake < 0)
        return lt_fail_errno(err, errno, "cannot make an eventfd");
    int code = pthread_create(&self->thread, NULL, work, self);
    if (code != 0)
        return lt_fail_errno(err, code, "cannot start a thread");
    self->is_started = true;
    return LT_OK;
}

static void stop(watcher *self)
{
    if (self->is_started)
        (void)pthread_join(self->thread, NULL);
    lt_fd_close(self->wake);
}

lt_status lt_watch_start(lt_state *state, lt_sched_files *files, lt_watch **out, lt_err *err)
{
    lt_watch *watch = lt_xcalloc(1, sizeof(*watch));
    watch->state = state;
    watch->files = lt_sched_files_hold(files);
    for (size_t i = 0; i < LT_COUNT(watch->watchers); i++)
        watch->watchers[i].wake = -1;
    (void)pthread_mutex_init(&watch->lock, NULL);
    lt_status status = LT_OK;
    for (size_t i = 0; i < LT_COUNT(watch->watchers) && status == LT_OK; i++)
        status = start(watch, (watch_pace)i, err);
    if (status == LT_OK)
        *out = watch;
    else
        lt_watch_stop(watch);
    return status;
}

void lt_watch_use(lt_watch *watch, lt_sched_files *files)
{
    (void)pthread_mutex_lock(&watch->lock);
    lt_sched_files *old = watch->files;
    watch->files = lt_sched_files_hold(files);
    (void)pthread_mutex_unlock(&watch->lock);
    lt_sched_files_leave(old);
    for (size_t i = 0; i < LT_COUNT(watch->watchers); i++)
        wake(&watch->watchers[i]);
}

void lt_watch_stop(lt_watch *watch)
{
    if (!watch)
        return;
    atomic_store(&watch->stop, true);
    for (size_t i = 0; i < LT_COUNT(watch->watchers); i++)
        wake(&watch->watchers[i]);
    for (size_t i = 0; i < LT_COUNT(watch->watchers); i++)
        stop(&watch->watchers[i]);
    lt_sched_files_leave(watch->files);
    (void)pthread_mutex_destroy(&watch->lock);
    lt_free(watch);
}
