/* event.h - what happened to objects, in order: durable, at least once, from a cursor.
 *
 * An event is written in the transaction of its change: there is none without the other. Every change has one, whether somebody asked for
 * it or not; events are forgotten by age and number (lt_events_keep()). The cursor is the number of the last event seen;
 * numbers only grow, with gaps. */
#pragma once
#include "store/store.h"

typedef enum lt_event_kind {
    LT_EVENT_CREATED,
    LT_EVENT_DELETED,       /* "Permanently Deleted" */
    LT_EVENT_MARKER_CREATED /* "Delete Marker Created" */
} lt_event_kind;

typedef struct lt_event {
    int64_t number;
    int64_t at_us;
    lt_event_kind kind;
    lt_text bucket, key, version_id; /* empty version_id: the bucket never was versioned */
    lt_text etag;                    /* empty but for LT_EVENT_CREATED, like size_bytes 0 */
    int64_t size_bytes;
    lt_text sequencer; /* 16 hex digits: orders the events of one key */
    lt_text
        reason; /* "PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject", "Lifecycle Expiration", ... */
    lt_text request_id, requester, source_ip;
} lt_event;

typedef struct lt_event_request {
    int64_t after;          /* cursor; 0: from the oldest that is there */
    lt_text bucket, prefix; /* empty: all */
    size_t limit;           /* 0 and more than 1000 are 1000 */
} lt_event_request;
typedef struct lt_events {
    LT_VEC(lt_event) items;
    int64_t next; /* the cursor to go on with: it has moved over what was filtered out, too */
    bool more;    /* there are more right now */
} lt_events;

/* LT_WHY_EVENTS_GONE: some behind the cursor have been forgotten; the hint says from where one can go on. */
LT_MUST_CHECK lt_status lt_events_read(lt_store *store, const lt_event_request *request,
                                       lt_arena *arena, lt_events *out, lt_err *err);
/* The number of the last event so far: a cursor for what comes from now on. */
LT_MUST_CHECK lt_status lt_events_last(lt_store *store, int64_t *out, lt_err *err);
/* Wait until there is an event behind `after`, for at most `timeout_us`: *any says whether. Changes of this process wake at once,
 * those of others are seen within 50 ms (one look at an index row each time). */
LT_MUST_CHECK lt_status lt_events_wait(lt_store *store, int64_t after, int64_t timeout_us,
                                       bool *any, lt_err *err);
/* How long events stay, from now on: for `age_us`, and never more than `most` (at first 7 days, and a million). */
LT_MUST_CHECK lt_status lt_events_keep(lt_store *store, int64_t age_us, int64_t most, lt_err *err);

/* Append the event as one line of JSON in the shape of AWS EventBridge ("source": "aws.s3", "detail-type": "Object Created"). */
void lt_event_write_json(const lt_event *event, lt_text region, lt_buf *out);
