/* Looking at the store: events of objects, listings, commits of datasets. */
#include "sched/look.h"

#include "base/log.h"
#include "base/time.h"
#include "store/event.h"
#include "store/reason.h"

#include <stdio.h>

enum { MOST_OBJECTS = 100000 };

static bool is_wanted(const lt_conf_on_object *on, lt_text key)
{
    return lt_text_starts(key, on->prefix) && (!on->key.len || lt_text_fits(key, on->key));
}

/* ---- events ---- */

static void add_event(lt_look *look, const lt_event *event)
{
    LT_AUTO(lt_buf) json = {0};
    char moment[LT_TIME_CHARS];
    lt_json_writer w = {.out = &json};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "bucket", event->bucket);
    lt_json_set(&w, "key", event->key);
    lt_json_set(&w, "version", event->version_id);
    lt_json_set(&w, "etag", event->etag);
    lt_json_set_int(&w, "size", event->size_bytes);
    lt_json_set(&w, "at", lt_text_of(lt_time_write(event->at_us, moment)));
    lt_json_set_int(&w, "number", event->number);
    lt_json_end(&w);
    lt_sched_event made = {
        .id = lt_text_of(lt_arena_format(look->arena, "%lld@%lld", (long long)event->number,
                                         (long long)event->at_us)),
        .json = lt_arena_text(look->arena, lt_buf_text(&json)),
        .what = lt_text_of(
            lt_arena_format(look->arena, "%.*s/%.*s", LT_ARG(event->bucket), LT_ARG(event->key))),
        .at_us = event->at_us};
    lt_push_in(look->arena, &look->events, made);
}

static void set_cursor(lt_look *look, int64_t number)
{
    look->cursor = lt_text_of(lt_arena_format(look->arena, "%lld", (long long)number));
}

/* Another store lies there than the one whose events were counted, or the oldest are forgotten: on from the oldest that is there. */
static lt_status read_from(lt_watched *watched, lt_event_request *request, lt_arena *arena,
                           lt_events *out, lt_err *err)
{
    lt_store *store = watched->workspace->store;
    int64_t last = 0;
    LT_TRY(lt_events_last(store, &last, err));
    if (request->after == last)
        return LT_OK;
    if (request->after > last)
        request->after = 0;
    lt_status status = lt_events_read(store, request, arena, out, err);
    if (status == LT_OK || err->reason != LT_WHY_EVENTS_GONE)
        return status;
    lt_log(LT_LOG_WARNING,
           "%.*s: events of the store were forgotten before the trigger '%.*s' had seen them",
           LT_ARG(watched->pipeline->name), LT_ARG(watched->trigger->name));
    request->after = 0;
    return lt_events_read(store, request, arena, out, err);
}

lt_status lt_look_events(lt_watched *watched, lt_look *look, lt_err *err)
{
    const lt_conf_trigger *trigger = watched->trigger;
    lt_event_request request = {.bucket = trigger->object.bucket,
                                .prefix = trigger->object.prefix,
                                .limit = (size_t)trigger->batch_most};
    int64_t last = 0;
    if (look->first) {
        LT_TRY(lt_events_last(watched->workspace->store, &last, err));
        set_cursor(look, last);
        return LT_OK;
    }
    if (!lt_text_to_i64(lt_buf_text(&watched->cursor), &request.after))
        return lt_fail(err, LT_INVALID, "the cursor of the trigger is no number");
    lt_events found = {.next = request.after};
    LT_TRY(read_from(watched, &request, look->arena, &found, err));
    for (size_t i = 0; i < found.items.len; i++)
        if (found.items.items[i].kind == LT_EVENT_CREATED &&
            is_wanted(&trigger->object, found.items.items[i].key))
            add_event(look, &found.items.items[i]);
    set_cursor(look, found.next);
    look->again_us = found.more ? 1 : 0;
    return LT_OK;
}

/* ---- listings ---- */

/* The bucket, and the store that has it: the project's, or S3 itself. */
static lt_status find_store(lt_watched *watched, lt_store **store, lt_text *bucket, lt_err *err)
{
    *bucket = watched->trigger->object.bucket;
    *store = watched->workspace->store;
    if (!lt_text_starts(*bucket, T("s3://")))
        return LT_OK;
    *bucket = lt_text_sub(*bucket, strlen("s3://"), SIZE_MAX);
    if (!watched->other)
        LT_TRY(lt_store_open("s3://", &watched->other, err));
    *store = watched->other;
    return LT_OK;
}

static void add_object(const lt_watched *watched, lt_look *look, lt_text bucket,
                       const lt_object_info *object)
{
    LT_AUTO(lt_buf) json = {0};
    char moment[LT_TIME_CHARS];
    LT_AUTO(lt_chars)
    stamp = lt_format("%.*s|%lld|%lld", LT_ARG(object->etag), (long long)object->size_bytes,
                      (long long)object->written_at_us);
    if (!lt_look_item(watched, look, object->key, lt_text_of(stamp)))
        return;
    lt_json_writer w = {.out = &json};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "bucket", bucket);
    lt_json_set(&w, "key", object->key);
    lt_json_set(&w, "version", object->version_id);
    lt_json_set(&w, "etag", object->etag);
    lt_json_set_int(&w, "size", object->size_bytes);
    lt_json_set(&w, "at", lt_text_of(lt_time_write(object->written_at_us, moment)));
    lt_json_end(&w);
    lt_sched_event made = {.id = lt_look_id(object->key, lt_text_of(stamp), look->arena),
                           .json = lt_arena_text(look->arena, lt_buf_text(&json)),
                           .what = lt_text_of(lt_arena_format(look->arena, "%.*s/%.*s",
                                                              LT_ARG(bucket), LT_ARG(object->key))),
                           .at_us = object->written_at_us};
    lt_push_in(look->arena, &look->events, made);
}

lt_status lt_look_listing(lt_watched *watched, lt_look *look, lt_err *err)
{
    const lt_conf_on_object *on = &watched->trigger->object;
    lt_list_request request = {.prefix = on->prefix};
    LT_AUTO(lt_map) there = {0};
    lt_store *store = NULL;
    lt_text bucket;
    LT_TRY(find_store(watched, &store, &bucket, err));
    for (bool more = true; more;) {
        lt_listing page = {0};
        LT_TRY(lt_store_list(store, bucket, &request, look->arena, &page, err));
        for (size_t i = 0; i < page.objects.len; i++) {
            if (!is_wanted(on, page.objects.items[i].key))
                continue;
            (void)lt_map_put(&there, page.objects.items[i].key, &there);
            add_object(watched, look, bucket, &page.objects.items[i]);
        }
        if (there.entries.len > MOST_OBJECTS) {
            lt_ignore(lt_fail(err, LT_TOO_BIG, "more than %d objects below '%.*s/%.*s'",
                              MOST_OBJECTS, LT_ARG(on->bucket), LT_ARG(on->prefix)));
            return lt_hint(err, "give the trigger a 'prefix' that only new objects have");
        }
        more = page.more;
        request.after_key = page.next_key;
    }
    lt_look_gone(watched, look, &there);
    return LT_OK;
}

/* ---- datasets ---- */

typedef struct commits {
    lt_buf json, what, id;
    size_t count, changed;
} commits;

static void commits_cleanup(commits *self)
{
    lt_buf_cleanup(&self->json);
    lt_buf_cleanup(&self->what);
    lt_buf_cleanup(&self->id);
}

static void add_commit(lt_text name, const lt_commit_info *commit, commits *out)
{
    lt_buf_add_str(&out->json, out->changed ? ",{\"dataset\":" : "{\"dataset\":");
    lt_json_quote(name, &out->json);
    lt_buf_printf(&out->json,
                  ",\"sequence\":%lld,\"rows\":%lld,\"commit\":", (long long)commit->sequence,
                  (long long)commit->rows);
    lt_json_quote(commit->commit_id, &out->json);
    lt_buf_add_byte(&out->json, '}');
    lt_buf_printf(&out->what, "%s%.*s", out->changed ? ", " : "", LT_ARG(name));
    lt_buf_printf(&out->id, "%.*s@%.*s\n", LT_ARG(name), LT_ARG(commit->commit_id));
    out->changed++;
}

static lt_status look_at_dataset(const lt_watched *watched, lt_look *look, lt_text name,
                                 commits *out, lt_err *err)
{
    lt_commit_info commit = {0};
    size_t slash = lt_text_find_byte(name, '/', 0);
    char stamp[32];
    lt_status status =
        lt_dataset_commit(watched->workspace->store, lt_text_sub(name, 0, slash),
                          lt_text_sub(name, slash + 1, SIZE_MAX), 0, look->arena, &commit, err);
    if (status != LT_OK && status != LT_NOT_FOUND)
        return status;
    (void)snprintf(stamp, sizeof(stamp), "%lld", (long long)commit.sequence);
    out->count++;
    if (lt_look_item(watched, look, name, lt_text_of(stamp)) && commit.sequence)
        add_commit(name, &commit, out);
    return LT_OK;
}

/* Several commits that are seen at once are one event: who runs then reads the newest anyhow. */
lt_status lt_look_datasets(lt_watched *watched, lt_look *look, lt_err *err)
{
    static const int64_t LOOK_US = 200000;
    const lt_conf_on_dataset *on = &watched->trigger->dataset;
    const lt_conf_texts *names = on->all_of.len ? &on->all_of : &on->any_of;
    __attribute__((cleanup(commits_cleanup))) commits found = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < names->len && status == LT_OK; i++)
        status = look_at_dataset(watched, look, names->items[i].raw, &found, err);
    if (!lt_text_starts(watched->workspace->project->store.url, T("s3://")))
        look->again_us = LOOK_US;
    if (status != LT_OK || look->first)
        return status;
    if (!found.changed || (on->all_of.len && found.changed < found.count)) {
        look->items.len = 0; /* what has changed so far is still news when the others follow */
        return LT_OK;
    }
    lt_sched_event made = {.id = lt_look_id(lt_buf_text(&found.id), T(""), look->arena),
                           .json = lt_text_of(lt_arena_format(look->arena, "{\"datasets\":[%s]}",
                                                              lt_buf_chars(&found.json))),
                           .what = lt_arena_text(look->arena, lt_buf_text(&found.what)),
                           .at_us = lt_now_us()};
    lt_push_in(look->arena, &look->events, made);
    return LT_OK;
}
