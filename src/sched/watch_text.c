/* What triggers wait for, in words. */
#include "sched/watch.h"

#include "base/time.h"

lt_text lt_watch_text(const lt_conf_trigger *t, lt_arena *arena)
{
    LT_AUTO(lt_buf) out = {0};
    lt_buf_printf(&out, "%s|", lt_conf_trigger_kinds[t->kind]);
    lt_watch_describe(t, &out);
    lt_buf_printf(&out, "|%.*s|%.*s|%.*s", LT_ARG(t->target), LT_ARG(t->watch.source),
                  LT_ARG(t->http.method.raw));
    return lt_arena_text(arena, lt_buf_text(&out));
}

static void list(const lt_conf_texts *names, const char *between, lt_buf *out)
{
    for (size_t i = 0; i < names->len; i++)
        lt_buf_printf(out, "%s%.*s", i ? between : "", LT_ARG(names->items[i].raw));
}

void lt_watch_describe(const lt_conf_trigger *t, lt_buf *out)
{
    switch (t->kind) {
    case LT_ON_OBJECT:
        lt_buf_printf(out, "an object under %.*s/%.*s", LT_ARG(t->object.bucket),
                      LT_ARG(t->object.prefix));
        if (t->object.key.len)
            lt_buf_printf(out, " of the form %.*s", LT_ARG(t->object.key));
        if (t->object.queue.len)
            lt_buf_printf(out, ", told by the queue %.*s", LT_ARG(t->object.queue));
        break;
    case LT_ON_DATASET:
        lt_buf_add_str(out, "a commit of ");
        list(&t->dataset.any_of, " or ", out);
        list(&t->dataset.all_of, " and ", out);
        break;
    case LT_ON_FILE:
        lt_buf_printf(out, "a file %.*s in %.*s", LT_ARG(t->file.name), LT_ARG(t->file.folder));
        break;
    case LT_ON_HTTP:
        lt_buf_printf(out, "a change at %.*s", LT_ARG(t->http.url.raw));
        break;
    case LT_ON_SQL:
        lt_buf_printf(out, "another answer to '%.*s'", LT_ARG(lt_text_sub(t->sql.raw, 0, 200)));
        break;
    default:
        lt_buf_printf(out, "a message to its webhook");
    }
}

static void add_moment(lt_buf *out, const char *before, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    lt_buf_printf(out, "%s%.19sZ", before, lt_time_write(at_us, text));
}

void lt_watch_why(const lt_conf_trigger *trigger, const lt_trigger_record *record, bool served,
                  lt_buf *out)
{
    lt_buf_add_str(out, served ? "waits for " : LT_NO_SERVER "; then it waits for ");
    lt_watch_describe(trigger, out);
    if (record->watches.len && served)
        add_moment(out, " since ", record->since_us);
    if (record->last_event_at_us) {
        lt_buf_printf(out, "; last event %.*s", LT_ARG(record->last_event));
        add_moment(out, " at ", record->last_event_at_us);
        lt_buf_printf(out, " (run %lld)", (long long)record->last_run);
    } else if (record->watches.len) {
        lt_buf_add_str(out, "; no event so far");
    }
    if (record->trouble.len)
        lt_buf_printf(out, "; it cannot do its work: %.*s", LT_ARG(record->trouble));
    if (record->trouble.len && record->trouble_since_us)
        add_moment(out, ", since ", record->trouble_since_us);
}
