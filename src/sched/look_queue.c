/* Looking at a queue of SQS that S3 tells of its objects: messages become events, and are deleted when their runs are recorded. */
#include "sched/look.h"

#include "base/log.h"
#include "base/time.h"
#include "net/url.h"
#include "sched/sqs.h"

enum { HIDE_S = 60, LONGEST_WAIT_S = 20, SHORT_WAIT_S = 2, MOST_HELD_BYTES = 16 << 20 };

/* A message that is taken from the queue and not deleted yet. */
struct lt_received {
    char *id, *handle, *body; /* owned */
};

struct lt_queue {
    lt_sqs *sqs; /* owned */
    LT_VEC(struct lt_received) received;
};

void lt_queue_close(lt_queue *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->received.len; i++) {
        lt_free(self->received.items[i].id);
        lt_free(self->received.items[i].handle);
        lt_free(self->received.items[i].body);
    }
    lt_vec_free(&self->received);
    lt_sqs_close(self->sqs);
    lt_free(self);
}

/* ---- what messages say ---- */

/* An object, by either form of S3's events. */
typedef struct told {
    lt_text bucket, key, version, etag, sequencer, at;
    int64_t size;
} told;

static lt_text text_at(const lt_json *object, const char *key)
{
    const lt_json *value = object ? lt_json_find(object, key) : NULL;
    return value && value->kind == LT_JSON_STRING ? value->text : (lt_text){0};
}

static void add_event(const lt_watched *watched, lt_look *look, const told *t)
{
    const lt_conf_on_object *on = &watched->trigger->object;
    LT_AUTO(lt_buf) json = {0};
    LT_AUTO(lt_buf) stamp = {0};
    lt_json_writer w = {.out = &json};
    int64_t at_us;
    lt_text bucket = lt_text_sub(on->bucket, strlen("s3://"), SIZE_MAX);
    if (!lt_text_eq(t->bucket, bucket) || !lt_text_starts(t->key, on->prefix) ||
        (on->key.len && !lt_text_fits(t->key, on->key)))
        return;
    lt_json_begin(&w, '{');
    lt_json_set(&w, "bucket", t->bucket);
    lt_json_set(&w, "key", t->key);
    lt_json_set(&w, "version", t->version);
    lt_json_set(&w, "etag", t->etag);
    lt_json_set_int(&w, "size", t->size);
    lt_json_set(&w, "at", t->at);
    lt_json_end(&w);
    /* S3 may tell of one write twice; the sequencer is that of the write */
    lt_buf_printf(&stamp, "%.*s|%.*s|%.*s", LT_ARG(t->version), LT_ARG(t->sequencer),
                  LT_ARG(t->sequencer.len ? T("") : t->at));
    lt_sched_event made = {.id = lt_look_id(t->key, lt_buf_text(&stamp), look->arena),
                           .json = lt_arena_text(look->arena, lt_buf_text(&json)),
                           .what = lt_text_of(lt_arena_format(look->arena, "%.*s/%.*s",
                                                              LT_ARG(t->bucket), LT_ARG(t->key))),
                           .at_us = lt_time_read(t->at, &at_us) ? at_us : lt_now_us()};
    lt_push_in(look->arena, &look->events, made);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html; keys are written as in a form. */
static bool read_notification(const lt_watched *watched, lt_look *look, const lt_json *record)
{
    const lt_json *s3 = lt_json_find(record, "s3");
    const lt_json *object = s3 ? lt_json_find(s3, "object") : NULL;
    const lt_json *bucket = s3 ? lt_json_find(s3, "bucket") : NULL;
    lt_text name = text_at(record, "eventName");
    LT_AUTO(lt_buf) key = {.limit = 16 * LT_KIB};
    if (!object || !lt_url_decode(text_at(object, "key"), true, &key) || !key.len)
        return false;
    if (!lt_text_starts(name, T("ObjectCreated:")) && !lt_text_starts(name, T("s3:ObjectCreated:")))
        return true; /* removed, restored, ... */
    told t = {.bucket = text_at(bucket, "name"),
              .key = lt_buf_text(&key),
              .version = text_at(object, "versionId"),
              .etag = text_at(object, "eTag"),
              .sequencer = text_at(object, "sequencer"),
              .at = text_at(record, "eventTime"),
              .size = lt_json_i64_or(object, "size", 0)};
    add_event(watched, look, &t);
    return true;
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html; keys are written as they are. */
static bool read_bridge(const lt_watched *watched, lt_look *look, const lt_json *root)
{
    const lt_json *detail = lt_json_find(root, "detail");
    const lt_json *object = detail ? lt_json_find(detail, "object") : NULL;
    if (!object || !text_at(object, "key").len)
        return false;
    if (!lt_text_eq(text_at(root, "detail-type"), T("Object Created")))
        return true;
    told t = {.bucket = text_at(lt_json_find(detail, "bucket"), "name"),
              .key = text_at(object, "key"),
              .version = text_at(object, "version-id"),
              .etag = text_at(object, "etag"),
              .sequencer = text_at(object, "sequencer"),
              .at = text_at(root, "time"),
              .size = lt_json_i64_or(object, "size", 0)};
    add_event(watched, look, &t);
    return true;
}

static bool read_records(const lt_watched *watched, lt_look *look, const lt_json *records)
{
    bool all = true;
    for (size_t i = 0; i < records->count; i++)
        all = read_notification(watched, look, &records->items[i]) && all;
    return all;
}

/* False: not a message of S3, by itself or through EventBridge or SNS. */
static bool read_body(const lt_watched *watched, lt_look *look, lt_text body, bool inner)
{
    lt_json *root = NULL;
    lt_err err;
    if (lt_json_read(body, "message", NULL, look->arena, &root, &err) != LT_OK ||
        root->kind != LT_JSON_OBJECT)
        return false;
    const lt_json *records = lt_json_find(root, "Records");
    if (records && records->kind == LT_JSON_ARRAY)
        return read_records(watched, look, records);
    if (lt_text_eq(text_at(root, "source"), T("aws.s3")))
        return read_bridge(watched, look, root);
    if (lt_text_eq(text_at(root, "Event"), T("s3:TestEvent")))
        return true;
    if (!inner && lt_text_eq(text_at(root, "Type"), T("Notification")))
        return read_body(watched, look, text_at(root, "Message"), true);
    return false;
}

/* ---- the queue ---- */

/* One that comes again, since nobody has deleted it in time, has another handle. */
static void keep(lt_queue *self, const lt_sqs_message *message)
{
    for (size_t i = 0; i < self->received.len; i++) {
        struct lt_received *known = &self->received.items[i];
        if (!lt_text_eq(lt_text_of(known->id), message->id))
            continue;
        lt_free(known->handle);
        known->handle = lt_text_dup(message->handle);
        return;
    }
    lt_push(&self->received,
            ((struct lt_received){lt_text_dup(message->id), lt_text_dup(message->handle),
                                  lt_text_dup(message->body)}));
}

static void drop(lt_queue *self, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        lt_free(self->received.items[i].id);
        lt_free(self->received.items[i].handle);
        lt_free(self->received.items[i].body);
    }
    for (size_t i = from + count; i < self->received.len; i++)
        self->received.items[i - count] = self->received.items[i];
    self->received.len -= count;
}

/* What is not for us stays in the queue: its own rule for messages that nobody takes sees to it. */
static void leave(const lt_watched *watched, lt_queue *self, size_t index)
{
    lt_log(LT_LOG_WARNING,
           "%.*s: the trigger '%.*s' leaves a message in its queue that is not "
           "S3's: %s",
           LT_ARG(watched->pipeline->name), LT_ARG(watched->trigger->name),
           self->received.items[index].id);
    drop(self, index, 1);
}

static size_t held_bytes(const lt_queue *self)
{
    size_t sum = 0;
    for (size_t i = 0; i < self->received.len; i++)
        sum += strlen(self->received.items[i].body);
    return sum;
}

static lt_status receive(lt_watched *watched, lt_look *look, lt_err *err)
{
    lt_queue *self = watched->queue;
    lt_sqs_messages messages = {0};
    int64_t hide_s = HIDE_S + watched->trigger->batch_us / 1000000;
    bool waits = self->received.len == 0;
    if (self->received.len >= (size_t)watched->trigger->batch_most ||
        held_bytes(self) > MOST_HELD_BYTES)
        return LT_OK;
    LT_TRY(lt_sqs_receive(self->sqs,
                          !waits                 ? 0
                          : watched->is_only_one ? LONGEST_WAIT_S
                                                 : SHORT_WAIT_S,
                          hide_s, look->arena, &messages, err));
    for (size_t i = 0; i < messages.len; i++)
        keep(self, &messages.items[i]);
    return LT_OK;
}

lt_status lt_look_queue(lt_watched *watched, lt_look *look, lt_err *err)
{
    if (look->first) /* messages wait in the queue: nothing is to be known */
        return LT_OK;
    if (!watched->queue) {
        lt_sqs *sqs = NULL;
        LT_TRY(lt_sqs_open(watched->trigger->object.queue, watched->stop, &sqs, err));
        watched->queue = lt_xcalloc(1, sizeof(*watched->queue));
        watched->queue->sqs = sqs;
    }
    lt_queue *self = watched->queue;
    LT_TRY(receive(watched, look, err));
    for (size_t i = 0; i < self->received.len;) {
        size_t before = look->events.len;
        if (read_body(watched, look, lt_text_of(self->received.items[i].body), false)) {
            i++;
            continue;
        }
        look->events.len = before;
        leave(watched, self, i);
    }
    look->again_us = 1;
    return LT_OK;
}

void lt_queue_recorded(lt_watched *watched)
{
    lt_queue *self = watched->queue;
    lt_err err = {0};
    while (self && self->received.len) {
        lt_text handles[LT_SQS_AT_ONCE];
        size_t count = LT_MIN(self->received.len, (size_t)LT_SQS_AT_ONCE);
        for (size_t i = 0; i < count; i++)
            handles[i] = lt_text_of(self->received.items[i].handle);
        if (lt_sqs_delete(self->sqs, handles, count, &err) != LT_OK)
            lt_log(LT_LOG_WARNING, "%.*s: %s; the messages come again, and are known then",
                   LT_ARG(watched->pipeline->name), err.message);
        drop(self, 0, count);
    }
}
