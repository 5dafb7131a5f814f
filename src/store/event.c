/* Events as AWS EventBridge writes them: "Amazon S3 User Guide", "EventBridge event message structure". */
#include "store/event.h"

#include "base/time.h"
#include "fmt/json.h"

#include <stdio.h>

static const struct {
    const char *detail_type, *deletion;
} kinds[] = {
    [LT_EVENT_CREATED] = {"Object Created", NULL},
    [LT_EVENT_DELETED] = {"Object Deleted", "Permanently Deleted"},
    [LT_EVENT_MARKER_CREATED] = {"Object Deleted", "Delete Marker Created"},
};

/* The same event has the same id whenever it is read: who gets it twice can tell. */
static void write_id(lt_json_writer *w, const lt_event *event)
{
    char id[40];
    uint64_t hash =
        lt_text_hash(event->key) ^ lt_text_hash(event->bucket) * 31 ^ (uint64_t)event->at_us;
    (void)snprintf(id, sizeof(id), "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(hash >> 32),
                   (unsigned)(hash >> 16 & 0xffff), (unsigned)(hash & 0xfff),
                   (unsigned)(hash >> 12 & 0xfff),
                   (unsigned long long)event->number & 0xffffffffffffULL);
    lt_json_set(w, "id", lt_text_of(id));
}

static void set_known(lt_json_writer *w, const char *name, lt_text value)
{
    if (value.len)
        lt_json_set(w, name, value);
}

static void write_object(lt_json_writer *w, const lt_event *event)
{
    lt_json_key(w, T("object"));
    lt_json_begin(w, '{');
    lt_json_set(w, "key", event->key);
    if (event->kind == LT_EVENT_CREATED) {
        lt_json_key(w, T("size"));
        lt_json_int(w, event->size_bytes);
    }
    set_known(w, "etag", event->etag);
    set_known(w, "version-id", event->version_id);
    lt_json_set(w, "sequencer", event->sequencer);
    lt_json_end(w);
}

static void write_detail(lt_json_writer *w, const lt_event *event)
{
    lt_json_key(w, T("detail"));
    lt_json_begin(w, '{');
    lt_json_set(w, "version", T("0"));
    lt_json_key(w, T("bucket"));
    lt_json_begin(w, '{');
    lt_json_set(w, "name", event->bucket);
    lt_json_end(w);
    write_object(w, event);
    set_known(w, "request-id", event->request_id);
    set_known(w, "requester", event->requester);
    set_known(w, "source-ip-address", event->source_ip);
    lt_json_set(w, "reason", event->reason);
    if (kinds[event->kind].deletion)
        lt_json_set(w, "deletion-type", lt_text_of(kinds[event->kind].deletion));
    lt_json_end(w);
}

void lt_event_write_json(const lt_event *event, lt_text region, lt_buf *out)
{
    lt_json_writer w = {.out = out};
    char time[LT_TIME_CHARS];
    LT_AUTO(lt_chars) resource = lt_format("arn:aws:s3:::%.*s", LT_ARG(event->bucket));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "version", T("0"));
    write_id(&w, event);
    lt_json_set(&w, "detail-type", lt_text_of(kinds[event->kind].detail_type));
    lt_json_set(&w, "source", T("aws.s3"));
    lt_json_set(&w, "account", T("000000000000"));
    lt_json_set(&w, "time", lt_text_of(lt_time_write(event->at_us, time)));
    lt_json_set(&w, "region", region);
    lt_json_key(&w, T("resources"));
    lt_json_begin(&w, '[');
    lt_json_string(&w, lt_text_of(resource));
    lt_json_end(&w);
    write_detail(&w, event);
    lt_json_end(&w);
    lt_buf_add_byte(out, '\n');
}
