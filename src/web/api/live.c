/* Streams of events: each follower is asked for its next bytes when there are some. */
#include "web/api/live.h"

#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/ask.h"
#include "run/run.h"
#include "web/api/parts.h"

#include <signal.h>
#include <stdio.h>

enum {
    LOOK_US = 50000,
    PRUNE_EVERY_US = 3600 * 1000000LL,
    CHANGES_AT_ONCE = 100,
    CHANGES_AT_A_LOOK = 1000,
    LOG_AT_ONCE = 32 * 1024, /* bytes of a log in one event */
};

/* ---- shapes ---- */

static const lt_api_field follow_fields[] = {
    {"follow", LT_API_BOOL, .help = "as server-sent events, until the task has ended"},
};
const lt_api_shape lt_api_log_query = {"LogQuery", NULL, LT_API_FIELDS(follow_fields)};

/* ---- followers ---- */

/* Of its connection's thread, but while the connection rests: then of the looking thread. */
typedef struct follower {
    lt_api *api;
    lt_buf waiting;             /* owned; bytes that the client has not taken */
    size_t taken;               /* of these */
    int64_t spoke_us;           /* monotonic */
    int64_t until_us;           /* monotonic; then it has to come again, and show again who it is */
    char pipelines[4096];       /* of a narrow token; empty: all */
    bool is_log, is_over, look; /* look: something of its run has changed */
    bool is_lost;               /* changes: where it was is not known here */
    int64_t after;              /* changes: the last one that was told */
    int64_t run_id;             /* log */
    char *task, *path;          /* owned; log */
    lt_log_place place;
} follower;

static void follower_free(void *state)
{
    follower *self = state;
    (void)atomic_fetch_sub(&self->api->live.followers, 1);
    lt_buf_cleanup(&self->waiting);
    lt_free(self->task);
    lt_free(self->path);
    lt_free(self);
}

static bool reaches(const follower *self, lt_text pipeline)
{
    lt_text rest = lt_text_of(self->pipelines);
    bool found = !rest.len;
    for (lt_text one; !found && lt_text_cut(&rest, ' ', &one);)
        found = lt_text_eq(one, pipeline);
    return found;
}

/* ---- changes ---- */

static void write_change(follower *self, const lt_change *change)
{
    lt_json_writer w = {.out = &self->waiting};
    lt_buf_printf(&self->waiting, "id: %lld\nevent: %.*s\ndata: ", (long long)change->sequence,
                  LT_ARG(change->kind));
    lt_json_begin(&w, '{');
    lt_api_set_moment(&w, "at", change->at_us);
    if (change->run_id)
        lt_json_set_int(&w, "run", change->run_id);
    lt_api_set_text(&w, "task", change->task);
    lt_api_set_text(&w, "pipeline", change->pipeline);
    lt_json_set(&w, "status", change->status);
    lt_json_end(&w);
    lt_buf_add_str(&self->waiting, "\n\n");
}

/* Who was away for too long is told to ask anew for everything. */
static void tell_changes(follower *self)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_changes changes = {0};
    bool missed = false;
    lt_err err;
    if (lt_state_changes(self->api->state, self->after, CHANGES_AT_ONCE, &arena, &changes, &missed,
                         &err) != LT_OK)
        return;
    missed = missed || self->is_lost;
    self->is_lost = false;
    if (missed)
        lt_buf_printf(&self->waiting, "id: %lld\nevent: missed\ndata: {}\n\n",
                      (long long)(changes.len ? changes.items[0].sequence - 1 : self->after));
    for (size_t i = 0; i < changes.len; i++) {
        if (reaches(self, changes.items[i].pipeline))
            write_change(self, &changes.items[i]);
        self->after = changes.items[i].sequence;
    }
}

/* ---- logs ---- */

/* Bytes at the end that may be the beginning of a character. */
static size_t whole_characters(const char *bytes, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)bytes[len - back];
        size_t needs = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if (c >= 0xc0)
            return needs > back ? len - back : len;
    }
    return len;
}

static void write_log(follower *self, lt_text piece)
{
    lt_buf_printf(&self->waiting,
                  "id: %llu.%lld\nevent: log\ndata: ", (unsigned long long)self->place.file,
                  (long long)self->place.offset);
    lt_json_quote(piece, &self->waiting);
    lt_buf_add_str(&self->waiting, "\n\n");
}

static bool has_ended(follower *self, lt_text *status, lt_arena *arena)
{
    lt_err err;
    lt_run_record run = {.id = self->run_id};
    lt_task_record task;
    if (lt_state_run_get(self->api->state, self->run_id, arena, &run, &err) != LT_OK ||
        lt_run_find_task(self->api->state, &run, lt_text_of(self->task), arena, &task, &err) !=
            LT_OK) {
        *status = T("gone");
        return true;
    }
    *status = lt_text_of(lt_task_status_name(task.status));
    return task.finished_at_us != 0 ||
           (run.status != LT_RUN_RUNNING && run.status != LT_RUN_QUEUED);
}

/* The end is asked for before the last look at the file: nothing that was written before it is left out. */
static void tell_log(follower *self)
{
    LT_AUTO(lt_arena) arena = {0};
    char piece[LOG_AT_ONCE];
    lt_text status = {0};
    bool over = self->look && has_ended(self, &status, &arena);
    self->look = over; /* if there is more of the log, it is asked again at its end */
    size_t got = lt_log_read(self->path, &self->place, piece, sizeof(piece));
    if (got) {
        size_t whole = over && got < sizeof(piece) ? got : whole_characters(piece, got);
        self->place.offset -= (int64_t)(got - whole);
        if (whole)
            write_log(self, lt_text_at(piece, whole));
        if (whole || !over)
            return;
    }
    if (!over)
        return;
    lt_buf_add_str(&self->waiting, "event: end\ndata: ");
    lt_json_quote(status, &self->waiting);
    lt_buf_add_str(&self->waiting, "\n\n");
    self->is_over = true;
}

/* ---- sending ---- */

static void tell(follower *self)
{
    if (self->is_log)
        tell_log(self);
    else
        tell_changes(self);
    if (!self->waiting.len && lt_mono_us() - self->spoke_us >= LT_LIVE_QUIET_S * (int64_t)1000000)
        lt_buf_add_str(&self->waiting, ": still here\n\n");
}

static int64_t next_bytes(void *state, char *out, size_t size)
{
    follower *self = state;
    if (self->taken == self->waiting.len) {
        lt_buf_clear(&self->waiting);
        self->taken = 0;
        if (self->is_over || lt_mono_us() >= self->until_us)
            return 0;
        tell(self);
    }
    size_t count = LT_MIN(self->waiting.len - self->taken, size);
    if (!count)
        return self->is_over ? 0 : LT_STREAM_LATER;
    memcpy(out, self->waiting.data + self->taken, count);
    self->taken += count;
    self->spoke_us = lt_mono_us();
    return (int64_t)count;
}

/* ---- the looking thread ---- */

typedef struct news {
    const lt_changes *changes; /* since the last look */
    bool missed;
    int64_t now_us;
} news;

static bool is_about(const follower *self, const lt_change *change)
{
    return change->run_id == self->run_id &&
           (!change->task.len || lt_text_eq(change->task, lt_text_of(self->task)));
}

static bool is_ready(void *context, void *state)
{
    const news *n = context;
    follower *self = state;
    if (n->now_us - self->spoke_us >= LT_LIVE_QUIET_S * (int64_t)1000000)
        return true;
    if (!self->is_log)
        return n->changes->len > 0;
    self->look = self->look || n->missed;
    for (size_t i = 0; i < n->changes->len && !self->look; i++)
        self->look = is_about(self, &n->changes->items[i]);
    return self->look || lt_log_has_more(self->path, &self->place);
}

/* A task that has ended is counted once, at the change that says so. */
static void add_lengths(lt_api *api, int64_t after, int64_t until)
{
    lt_err err;
    lt_lengths found = {0};
    if (lt_state_lengths(api->state, after, until, &found, &err) != LT_OK)
        lt_log(LT_LOG_WARNING, "lengths of tasks are left out of the metrics: %s", err.message);
    (void)pthread_mutex_lock(&api->lengths_lock);
    for (size_t i = 0; i < LT_LENGTH_BUCKETS; i++)
        api->lengths.buckets[i] += found.buckets[i];
    api->lengths.sum_us += found.sum_us;
    (void)pthread_mutex_unlock(&api->lengths_lock);
}

static void look_around(lt_api *api, lt_state_stamp *stamp)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err;
    lt_changes changes = {0};
    news n = {.changes = &changes, .now_us = lt_mono_us()};
    int64_t newest = atomic_load(&api->live.newest);
    if (lt_state_changed(api->state, stamp) &&
        lt_state_changes(api->state, newest, CHANGES_AT_A_LOOK, &arena, &changes, &n.missed,
                         &err) == LT_OK &&
        changes.len)
        atomic_store(&api->live.newest, changes.items[changes.len - 1].sequence);
    if (changes.len)
        add_lengths(api, newest, changes.items[changes.len - 1].sequence);
    if (changes.len == CHANGES_AT_A_LOOK)
        *stamp = (lt_state_stamp){0}; /* there may be more */
    lt_http_server_wake(api->http, is_ready, &n);
}

static void prune(lt_api *api)
{
    static const int64_t KEEP_US = 400 * 86400 * (int64_t)1000000;
    lt_err err;
    if (lt_users_prune(api->state, lt_now_us(), KEEP_US, &err) != LT_OK)
        lt_log(LT_LOG_WARNING, "old sessions are kept for now: %s", err.message);
}

static void *look_on(void *context)
{
    lt_api *api = context;
    lt_state_stamp stamp = {0};
    int64_t prune_at_us = 0;
    while (!atomic_load(&api->live.stop)) {
        look_around(api, &stamp);
        if (lt_mono_us() >= prune_at_us) {
            prune(api);
            prune_at_us = lt_mono_us() + PRUNE_EVERY_US;
        }
        lt_sleep_us(LOOK_US);
    }
    return NULL;
}

lt_status lt_live_begin(lt_api *api, lt_err *err)
{
    int64_t newest = 0;
    sigset_t all, before; /* signals are for the scheduler's thread */
    LT_TRY(lt_state_changes_end(api->state, &newest, err));
    atomic_store(&api->live.newest, newest);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&api->live.thread, NULL, look_on, api);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    api->live.has_thread = code == 0;
    return code == 0 ? LT_OK : lt_fail_errno(err, code, "cannot start a thread");
}

void lt_live_end(lt_api *api)
{
    atomic_store(&api->live.stop, true);
    if (api->live.has_thread)
        (void)pthread_join(api->live.thread, NULL);
}

/* ---- handlers ---- */

static lt_status begin_stream(lt_api_call *call, follower **out, lt_err *err)
{
    lt_api *api = call->api;
    if (atomic_fetch_add(&api->live.followers, 1) >= LT_LIVE_MOST) {
        (void)atomic_fetch_sub(&api->live.followers, 1);
        lt_server_reply_header(call->request, call->reply, T("Retry-After"), T("10"));
        call->status = 503;
        return lt_fail(err, LT_IO, "%d others follow already", LT_LIVE_MOST);
    }
    follower *self = lt_xcalloc(1, sizeof(*self));
    self->api = api;
    self->spoke_us = lt_mono_us();
    self->until_us = self->spoke_us + LT_LIVE_LONGEST_S * (int64_t)1000000;
    lt_buf_add_str(&self->waiting, ": leat\n\n"); /* so that the head is sent at once */
    (void)snprintf(self->pipelines, sizeof(self->pipelines), "%.*s", LT_ARG(call->token_pipelines));
    call->reply->stream = next_bytes;
    call->reply->state = self;
    call->reply->release = follower_free;
    lt_server_reply_header(call->request, call->reply, T("Content-Type"), T("text/event-stream"));
    lt_server_reply_header(call->request, call->reply, T("Cache-Control"), T("no-store"));
    *out = self;
    return LT_OK;
}

lt_status lt_api_follow_changes(lt_api_call *call, lt_err *err)
{
    follower *self;
    int64_t newest = 0;
    lt_text last = lt_server_header(call->request, T("Last-Event-ID"));
    int64_t after = atomic_load(&call->api->live.newest);
    if (last.len && (!lt_text_to_i64(last, &after) || after < 0))
        return lt_api_at(call, lt_fail(err, LT_INVALID, "this is no id of an event"),
                         "header.Last-Event-ID");
    LT_TRY(lt_state_changes_end(call->state, &newest, err));
    LT_TRY(begin_stream(call, &self, err));
    self->is_lost = after > newest; /* it was told by another state.db */
    self->after = LT_MIN(after, newest);
    return LT_OK;
}

/* "FILE.OFFSET" */
static bool read_place(lt_text text, lt_log_place *out)
{
    lt_text file;
    return lt_text_cut(&text, '.', &file) && lt_text_to_u64(file, &out->file) &&
           lt_text_to_i64(text, &out->offset) && out->offset >= 0;
}

static lt_status follow_log(lt_api_call *call, const lt_task_record *task, lt_err *err)
{
    follower *self;
    lt_log_place place = {0};
    lt_text last = lt_server_header(call->request, T("Last-Event-ID"));
    if (last.len && !read_place(last, &place))
        return lt_api_at(call, lt_fail(err, LT_INVALID, "this is no id of an event"),
                         "header.Last-Event-ID");
    LT_TRY(begin_stream(call, &self, err));
    self->is_log = self->look = true;
    self->run_id = call->run.id;
    self->task = lt_text_dup(task->id);
    self->path = lt_run_log_path(call->api->options.home, call->run.id, task->id);
    self->place = place;
    return LT_OK;
}

/* ---- a log as it is now ---- */

typedef struct log_part {
    char *path; /* owned */
    int64_t at, end;
} log_part;

static void log_part_free(void *state)
{
    log_part *part = state;
    lt_free(part->path);
    lt_free(part);
}

static int64_t next_of_log(void *state, char *out, size_t size)
{
    log_part *part = state;
    size_t most = LT_MIN(size, (size_t)(part->end - part->at));
    if (!most)
        return 0;
    int64_t got = lt_log_read_at(part->path, part->at, out, most);
    part->at += LT_MAX(got, (int64_t)0);
    return got;
}

/* "bytes=0-99", "bytes=100-", "bytes=-100" (RFC 9110 section 14); any other is not looked at, as it says. False: nothing of it is there. */
static bool read_range(lt_text text, int64_t size, log_part *part, bool *is_part)
{
    lt_text from;
    int64_t first = 0, last = size - 1;
    *is_part = false;
    if (!lt_text_starts(text, T("bytes=")))
        return true;
    text = lt_text_sub(text, 6, text.len);
    bool has_dash = lt_text_find_byte(text, '-', 0) != SIZE_MAX;
    if (!has_dash || !lt_text_cut(&text, '-', &from) || (!from.len && !text.len) ||
        (from.len && !lt_text_to_i64(from, &first)) || (text.len && !lt_text_to_i64(text, &last)) ||
        last < 0)
        return true;
    if (!from.len) {
        first = LT_MAX(size - last, (int64_t)0);
        last = size - 1;
    }
    *is_part = true;
    part->at = first;
    part->end = LT_MIN(last, size - 1) + 1;
    return first < part->end;
}

static lt_status send_log(lt_api_call *call, const lt_task_record *task, lt_err *err)
{
    log_part *part = lt_xcalloc(1, sizeof(*part));
    lt_server_reply *reply = call->reply;
    bool is_part = false;
    part->path = lt_run_log_path(call->api->options.home, call->run.id, task->id);
    part->end = lt_log_size(part->path);
    int64_t size = part->end;
    bool fits = read_range(lt_server_header(call->request, T("Range")), size, part, &is_part);
    const char *range = lt_arena_format(call->arena, "bytes */%lld", (long long)size);
    if (!fits) {
        log_part_free(part);
        call->status = 416;
        lt_server_reply_header(call->request, reply, T("Content-Range"), lt_text_of(range));
        return lt_fail(err, LT_INVALID, "the log has %lld bytes", (long long)size);
    }
    if (is_part) {
        call->status = 206;
        range = lt_arena_format(call->arena, "bytes %lld-%lld/%lld", (long long)part->at,
                                (long long)part->end - 1, (long long)size);
        lt_server_reply_header(call->request, reply, T("Content-Range"), lt_text_of(range));
    }
    lt_server_reply_header(call->request, reply, T("Accept-Ranges"), T("bytes"));
    lt_server_reply_header(call->request, reply, T("Content-Type"), T("text/plain; charset=utf-8"));
    lt_server_reply_header(call->request, reply, T("Cache-Control"), T("no-store"));
    reply->length = part->end - part->at;
    reply->stream = next_of_log;
    reply->state = part;
    reply->release = log_part_free;
    return LT_OK;
}

lt_status lt_api_get_log(lt_api_call *call, lt_err *err)
{
    lt_task_record task;
    LT_TRY(lt_run_find_task(call->state, &call->run, call->path[1], call->arena, &task, err));
    return lt_api_query_bool(call, "follow") ? follow_log(call, &task, err)
                                             : send_log(call, &task, err);
}
