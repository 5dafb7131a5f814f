/* Schedules out of the project's files, and rows of runs out of ticks. */
#include "sched/tick.h"

#include "base/time.h"
#include "fmt/json.h"
#include "run/run.h"

enum { PARAMS_BYTES = 64 * 1024, EVENT_BYTES = 2 << 20 };

bool lt_sched_read(const lt_project *project, const lt_conf_pipeline *pipeline,
                   lt_calendar *calendar, lt_schedule *out)
{
    const lt_conf_schedule *said = &pipeline->schedule;
    const lt_conf_calendar *off =
        said->days_off.len ? lt_project_calendar(project, said->days_off) : NULL;
    if (!said->place.line)
        return false;
    if (off) {
        *calendar = (lt_calendar){.name = off->name.ptr};
        calendar->days.items = off->days.items;
        calendar->days.len = off->days.len;
    }
    *out = (lt_schedule){.cron = said->cron,
                         .every_s = said->every_us / 1000000,
                         .start_s = said->start_s,
                         .end_s = said->end_s,
                         .jitter_s = said->jitter_us / 1000000,
                         .zone = said->zone,
                         .days_off = off ? calendar : NULL,
                         .catch_up = (lt_catch_up)said->catch_up,
                         .window_s = said->window_us / 1000000,
                         .name = pipeline->name.ptr};
    return true;
}

lt_text lt_sched_text(const lt_conf_pipeline *pipeline, lt_arena *arena)
{
    const lt_conf_schedule *s = &pipeline->schedule;
    return lt_text_of(lt_arena_format(
        arena, "%.*s|%lld|%s|%lld|%lld|%.*s", LT_ARG(s->cron_text), (long long)s->every_us,
        lt_zone_name(s->zone), (long long)s->start_s, (long long)s->end_s, LT_ARG(s->days_off)));
}

static lt_status params_of(const lt_conf_pipeline *pipeline, const lt_texts *given, lt_arena *arena,
                           lt_text *out, lt_err *err)
{
    static const lt_texts none;
    LT_AUTO(lt_buf) json = {.limit = PARAMS_BYTES};
    LT_TRY(lt_params_read(pipeline, given ? given : &none, &json, err));
    LT_TRY(lt_buf_check(&json, "the parameters", err));
    *out = lt_arena_text(arena, lt_buf_text(&json));
    return LT_OK;
}

static void set_moment(lt_json_writer *w, const char *key, int64_t at_s)
{
    char text[LT_TIME_CHARS];
    lt_json_set(w, key, lt_text_of(lt_time_write(at_s * 1000000, text)));
}

lt_status lt_sched_tick_run(const lt_conf_pipeline *pipeline, const lt_tick *tick, const char *kind,
                            const lt_texts *given, lt_arena *arena, lt_run_record *out, lt_err *err)
{
    char key[LT_TICK_KEY_CHARS];
    LT_AUTO(lt_buf) trigger = {0};
    lt_json_writer w = {.out = &trigger};
    lt_tick_key(tick->tick, key);
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", lt_text_of(kind));
    lt_json_set(&w, "tick", lt_text_of(key));
    set_moment(&w, "due_at", tick->tick.at_s);
    set_moment(&w, "interval_start", tick->interval_start_s);
    set_moment(&w, "interval_end", tick->interval_end_s);
    lt_json_end(&w);
    *out = (lt_run_record){
        .command = T("run"), .pipeline = pipeline->name, .clock_us = tick->tick.at_s * 1000000};
    LT_TRY(params_of(pipeline, given, arena, &out->params_json, err));
    out->trigger_json = lt_arena_text(arena, lt_buf_text(&trigger));
    out->run_key =
        lt_text_of(lt_arena_format(arena, "schedule:%.*s:%s", LT_ARG(pipeline->name), key));
    if (tick->start_at_s > tick->tick.at_s)
        out->waiting = (lt_waiting){.kind = T("time"), .next_us = tick->start_at_s * 1000000};
    return LT_OK;
}

lt_status lt_sched_wish_run(const lt_conf_pipeline *pipeline, const lt_sched_wish *wish,
                            lt_arena *arena, lt_run_record *out, lt_err *err)
{
    LT_AUTO(lt_buf) trigger = {0};
    lt_json_writer w = {.out = &trigger};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", T("trigger"));
    lt_json_set(&w, "by", wish->by);
    if (wish->request.len)
        lt_json_set(&w, "request", wish->request);
    lt_json_end(&w);
    *out = (lt_run_record){.command = T("run"),
                           .pipeline = pipeline->name,
                           .clock_us = LT_MAX(wish->at_us, lt_now_us())};
    LT_TRY(params_of(pipeline, wish->params, arena, &out->params_json, err));
    out->trigger_json = lt_arena_text(arena, lt_buf_text(&trigger));
    if (wish->key.len)
        out->run_key = lt_text_of(
            lt_arena_format(arena, "trigger:%.*s:%.*s", LT_ARG(pipeline->name), LT_ARG(wish->key)));
    if (wish->at_us)
        out->waiting = (lt_waiting){.kind = T("time"), .next_us = wish->at_us};
    return LT_OK;
}

/* ---- events ---- */

static void write_event(const lt_conf_trigger *trigger, const lt_sched_event *events, size_t count,
                        lt_buf *out)
{
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", lt_text_of(lt_conf_trigger_kinds[trigger->kind]));
    lt_json_set(&w, "trigger", trigger->name);
    if (trigger->batch_us) {
        lt_json_set_int(&w, "count", (int64_t)count);
        lt_json_key(&w, T("events"));
        lt_json_begin(&w, '[');
        for (size_t i = 0; i < count; i++)
            lt_json_raw(&w, events[i].json);
        lt_json_end(&w);
    } else {
        lt_json_key(&w, T("event"));
        lt_json_raw(&w, events[0].json);
    }
    lt_json_end(&w);
}

/* A parameter as somebody would have typed it: texts without quotes. */
static lt_status map_param(const lt_conf_mapped *mapped, lt_text event, lt_arena *arena,
                           lt_texts *out, lt_err *err)
{
    lt_json_token token;
    LT_TRY(lt_json_path_find(&mapped->path, event, "the event", &token, err));
    if (token.kind == LT_JSON_END || token.kind == LT_JSON_NULL)
        return LT_OK; /* its default */
    lt_text value = token.kind == LT_JSON_STRING ? lt_json_string_in(arena, token.raw) : token.raw;
    if (memchr(value.ptr, '\0', value.len))
        return lt_fail(err, LT_INVALID, "the parameter '%.*s' has a NUL in it",
                       LT_ARG(mapped->name));
    lt_push_in(
        arena, out,
        lt_text_of(lt_arena_format(arena, "%.*s=%.*s", LT_ARG(mapped->name), LT_ARG(value))));
    return LT_OK;
}

lt_status lt_sched_event_run(const lt_conf_pipeline *pipeline, const lt_conf_trigger *trigger,
                             const lt_sched_event *events, size_t count, lt_arena *arena,
                             lt_run_record *out, lt_err *err)
{
    LT_AUTO(lt_buf) json = {.limit = EVENT_BYTES};
    lt_texts params = {0};
    write_event(trigger, events, count, &json);
    LT_TRY(lt_buf_check(&json, "the event", err));
    for (size_t i = 0; i < trigger->mapped.len; i++)
        LT_TRY(map_param(&trigger->mapped.items[i], lt_buf_text(&json), arena, &params, err));
    *out = (lt_run_record){
        .command = T("run"), .pipeline = pipeline->name, .clock_us = events[count - 1].at_us};
    LT_TRY(params_of(pipeline, &params, arena, &out->params_json, err));
    out->trigger_json = lt_arena_text(arena, lt_buf_text(&json));
    out->run_key = lt_text_of(lt_arena_format(arena, "event:%.*s:%.*s:%.*s", LT_ARG(pipeline->name),
                                              LT_ARG(trigger->name), LT_ARG(events[0].id)));
    return LT_OK;
}
