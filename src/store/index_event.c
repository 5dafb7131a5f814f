/* Events in the index: written with each change, read from a cursor, forgotten by age and number. */
#include "store/index.h"

#include "base/time.h"

#define DAYS_US ((int64_t)86400 * 1000000)
enum { KEPT_AT_FIRST = 1000000, SCANNED_AT_MOST = 20000 };

lt_status lt_index_event_add(lt_tx *tx, const lt_index_bucket *bucket, const lt_object_info *info,
                             lt_event_kind kind, const lt_index_cause *cause, lt_err *err)
{
    static const lt_origin nobody = {0};
    const lt_origin *origin = cause->origin ? cause->origin : &nobody;
    lt_text reason = origin->reason.len ? origin->reason : lt_text_of(cause->reason);
    bool created = kind == LT_EVENT_CREATED;
    return lt_tx_exec(
        tx, err,
        "INSERT INTO events (at_us, kind, bucket, key, version_id, size_bytes, etag, reason, "
        "request_id, requester, source_ip) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(lt_now_us()), V(kind), V(bucket->name), V(info->key),
        V(bucket->versioning == LT_UNVERSIONED ? (lt_text){0} : info->version_id),
        V(created ? info->size_bytes : 0), V(created ? info->etag : (lt_text){0}), V(reason),
        V(origin->request_id), V(origin->requester), V(origin->source_ip));
}

int64_t lt_index_event_last(lt_tx *tx)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT seq FROM sqlite_sequence WHERE name = 'events'");
    return lt_query_next(&q) ? lt_query_i64(&q, 0) : 0;
}

static void read_event(const lt_query *q, lt_arena *arena, lt_event *out)
{
    int64_t number = lt_query_i64(q, 0);
    *out = (lt_event){
        .number = number,
        .at_us = lt_query_i64(q, 1),
        .kind = (lt_event_kind)lt_query_i64(q, 2),
        .bucket = lt_query_text_in(q, arena, 3),
        .key = lt_query_text_in(q, arena, 4),
        .version_id = lt_query_text_in(q, arena, 5),
        .size_bytes = lt_query_i64(q, 6),
        .etag = lt_query_text_in(q, arena, 7),
        .reason = lt_query_text_in(q, arena, 8),
        .request_id = lt_query_text_in(q, arena, 9),
        .requester = lt_query_text_in(q, arena, 10),
        .source_ip = lt_query_text_in(q, arena, 11),
        .sequencer = lt_text_of(lt_arena_format(arena, "%016llX", (unsigned long long)number))};
}

static bool is_wanted(const lt_event_request *request, lt_text bucket, lt_text key)
{
    return (!request->bucket.len || lt_text_eq(request->bucket, bucket)) &&
           lt_text_starts(key, request->prefix);
}

/* Some may be missing behind the cursor, unless it is 0: that means "from what there is". */
static lt_status check_cursor(lt_tx *tx, int64_t after, lt_err *err)
{
    int64_t forgotten = lt_index_setting(tx, "events_forgotten", 0);
    if (after == 0 || after >= forgotten)
        return LT_OK;
    lt_ignore(lt_store_fail(err, LT_WHY_EVENTS_GONE,
                            "the events from %lld to %lld have been forgotten",
                            (long long)after + 1, (long long)forgotten));
    return lt_hint(err, "look at the objects themselves, then go on from event %lld",
                   (long long)forgotten);
}

lt_status lt_index_event_list(lt_tx *tx, const lt_event_request *request, lt_arena *arena,
                              lt_events *out, lt_err *err)
{
    size_t scanned = 0;
    LT_TRY(check_cursor(tx, request->after, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx,
        "SELECT number, at_us, kind, bucket, key, version_id, size_bytes, etag, reason, "
        "request_id, requester, source_ip FROM events WHERE number > ? ORDER BY number",
        V(request->after));
    out->next = request->after;
    while (lt_query_next(&q)) {
        if (out->items.len == request->limit || scanned++ == SCANNED_AT_MOST) {
            out->more = true;
            break;
        }
        out->next = lt_query_i64(&q, 0);
        if (!is_wanted(request, lt_query_text(&q, 3), lt_query_text(&q, 4)))
            continue;
        lt_event event;
        read_event(&q, arena, &event);
        lt_push_in(arena, &out->items, event);
    }
    return lt_query_check(&q, err);
}

static int64_t kept_number(lt_tx *tx)
{
    return lt_index_setting(tx, "events_most", KEPT_AT_FIRST);
}

static int64_t kept_since(lt_tx *tx)
{
    return lt_now_us() - lt_index_setting(tx, "events_age_us", 7 * DAYS_US);
}

bool lt_index_event_is_due(lt_tx *tx)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT number, at_us FROM events ORDER BY number LIMIT 1");
    return lt_query_next(&q) && (lt_query_i64(&q, 0) <= lt_index_event_last(tx) - kept_number(tx) ||
                                 lt_query_i64(&q, 1) < kept_since(tx));
}

lt_status lt_index_event_forget(lt_tx *tx, int64_t most, bool *left, lt_err *err)
{
    int64_t last = lt_index_event_last(tx) - kept_number(tx), until = 0, count = 0;
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx,
                        "SELECT max(number), count(*) FROM (SELECT number, at_us FROM events "
                        "ORDER BY number LIMIT ?) WHERE at_us < ? OR number <= ?",
                        V(most), V(kept_since(tx)), V(last));
        if (lt_query_next(&q)) {
            until = lt_query_i64(&q, 0);
            count = lt_query_i64(&q, 1);
        }
    }
    *left = count == most;
    if (!count)
        return lt_tx_check(tx, err);
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM events WHERE number <= ?", V(until)));
    return lt_index_setting_set(tx, "events_forgotten", until, err);
}
