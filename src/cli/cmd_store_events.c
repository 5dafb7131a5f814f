/* leat store events: what happened to objects, from a cursor on. */
#include "cli/store_address.h"

#include "base/proc.h"
#include "base/size.h"
#include "base/time.h"
#include "fmt/json.h"
#include "store/event.h"

typedef struct events_opts {
    bool follow;
    int64_t after;
} events_opts;

static const lt_opt events_table[] = {
    {.name = "follow",
     .letter = 'f',
     LT_AT(events_opts, follow),
     .help = "wait for more, until Ctrl-C; without --after from now on"},
    {.name = "after",
     .type = LT_OPT_INT,
     LT_AT(events_opts, after),
     .value = "NUMBER",
     .preset = "-1",
     .min = -1,
     .max = INT64_MAX,
     .help = "only behind this event; 0 is the oldest that is there"},
};

static const char *word_of(lt_event_kind kind)
{
    static const char *const words[] = {[LT_EVENT_CREATED] = "created",
                                        [LT_EVENT_DELETED] = "deleted",
                                        [LT_EVENT_MARKER_CREATED] = "marker"};
    return words[kind];
}

static void write_event(lt_app *app, const lt_event *event)
{
    char at[LT_TIME_CHARS], size[LT_SIZE_CHARS];
    LT_AUTO(lt_buf) line = {.limit = 64 * LT_KIB};
    if (app->globals.json) {
        lt_event_write_json(event, T("us-east-1"), &line);
        if (!lt_text_ends(lt_buf_text(&line), T("\n")))
            lt_buf_add_byte(&line, '\n');
    } else {
        lt_buf_printf(&line, "%lld  %.19s  %-7s  ", (long long)event->number,
                      lt_time_write(event->at_us, at), word_of(event->kind));
        lt_buf_add_visible(&line, event->bucket);
        lt_buf_add_byte(&line, '/');
        lt_buf_add_visible(&line, event->key);
        if (event->kind == LT_EVENT_CREATED)
            lt_buf_printf(&line, "  %s", lt_size_write(event->size_bytes, size));
        lt_buf_printf(&line, "  %.*s\n", LT_ARG(event->reason));
    }
    lt_out_text(&app->out, lt_buf_text(&line));
}

/* All that are there now; request->after moves on. */
static lt_status write_all(lt_app *app, lt_store *store, lt_event_request *request, lt_err *err)
{
    for (bool more = true; more && !lt_stop_asked();) {
        LT_AUTO(lt_arena) arena = {0};
        lt_events page = {0};
        LT_TRY(lt_events_read(store, request, &arena, &page, err));
        for (size_t i = 0; i < page.items.len; i++)
            write_event(app, &page.items.items[i]);
        request->after = page.next;
        more = page.more;
        LT_TRY(lt_out_flush(&app->out, err));
    }
    return LT_OK;
}

static lt_status events(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const int64_t LOOK_US = 500000; /* how soon Ctrl-C is noticed */
    const events_opts *o = opts;
    lt_address at = {0};
    bool any;
    LT_AUTO(lt_store_ref) store = NULL;
    if (args->count)
        LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    else
        LT_TRY(lt_app_store(app, &store, err));
    lt_event_request request = {
        .after = LT_MAX(o->after, (int64_t)0), .bucket = at.bucket, .prefix = at.key};
    if (o->follow && o->after < 0)
        LT_TRY(lt_events_last(store, &request.after, err));
    LT_TRY(write_all(app, store, &request, err));
    while (o->follow && !lt_stop_asked()) {
        LT_TRY(lt_events_wait(store, request.after, LOOK_US, &any, err));
        if (any)
            LT_TRY(write_all(app, store, &request, err));
    }
    return LT_OK;
}

const lt_cmd lt_cmd_store_events = {
    .name = "events",
    .help = "list what happened to objects",
    .args = "[BUCKET/PREFIX]",
    .about =
        "One line for each event, oldest first: its number, when, what, and which object. With "
        "--json each line is an object in the shape of AWS EventBridge. The number of the "
        "last event that was seen is where to go on: --after.",
    .examples = "leat store events --follow raw/\twhat lands in raw from now on\n",
    .opts = events_table,
    .opt_count = LT_COUNT(events_table),
    .opts_size = sizeof(events_opts),
    .run = events};
