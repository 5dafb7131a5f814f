/* How far schedules have come, and the runs of the ticks that are due. */
#include "sched/due.h"

#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "sched/tick.h"

enum { MOST_TICKS = 1000 /* of one pipeline at once */, SECOND_US = 1000000 };

typedef struct entry {
    const lt_conf_pipeline *pipeline;
    lt_schedule schedule;
    lt_calendar calendar;
    bool paused;
    lt_text text;
    lt_cron_tick seen;
    int64_t next_s; /* INT64_MAX: never */
} entry;

struct lt_due {
    lt_state *state;       /* borrowed */
    lt_arena arena;        /* of the entries */
    LT_VEC(entry) entries; /* of pipelines that have a schedule */
};

typedef LT_VEC(lt_schedule_seen) seen_list;

lt_due *lt_due_new(lt_state *state)
{
    lt_due *self = lt_xcalloc(1, sizeof(*self));
    self->state = state;
    return self;
}

void lt_due_free(lt_due *self)
{
    if (!self)
        return;
    lt_vec_free(&self->entries);
    lt_arena_cleanup(&self->arena);
    lt_free(self);
}

static void plan_next(entry *one)
{
    lt_tick next;
    one->next_s = lt_schedule_next(&one->schedule, one->seen, &next) ? next.tick.at_s : INT64_MAX;
}

/* To be remembered with the others of this moment. */
static void see(entry *one, lt_cron_tick tick, seen_list *seen)
{
    lt_schedule_seen now = {one->pipeline->name, one->text, tick.at_s, tick.wall_s};
    one->seen = tick;
    plan_next(one);
    lt_push(seen, now);
}

static lt_status remember(lt_due *self, entry *one, int64_t now_s, seen_list *seen, lt_err *err)
{
    lt_schedule_record record;
    if (one->schedule.days_off)
        one->schedule.days_off = &one->calendar; /* where it stays */
    one->text = lt_sched_text(one->pipeline, &self->arena);
    LT_TRY(lt_state_schedule_get(self->state, one->pipeline->name, &self->arena, &record, err));
    one->paused = record.paused_at_us != 0;
    one->seen = (lt_cron_tick){.at_s = record.at_s, .wall_s = record.wall_s};
    if (lt_text_eq(record.schedule, one->text))
        plan_next(one);
    else
        see(one, lt_cron_from(now_s), seen);
    return LT_OK;
}

static void gather(lt_due *self, const lt_project *project)
{
    for (size_t i = 0; i < project->pipelines.len; i++) {
        entry made = {.pipeline = &project->pipelines.items[i], .next_s = INT64_MAX};
        if (lt_sched_read(project, made.pipeline, &made.calendar, &made.schedule))
            lt_push(&self->entries, made);
    }
}

lt_status lt_due_use(lt_due *self, const lt_project *project, int64_t now_us, lt_err *err)
{
    seen_list seen = {0};
    lt_status status = LT_OK;
    lt_vec_free(&self->entries);
    lt_arena_cleanup(&self->arena);
    gather(self, project);
    for (size_t i = 0; i < self->entries.len && status == LT_OK; i++)
        status =
            remember(self, &self->entries.items[i], lt_divide_down(now_us, SECOND_US), &seen, err);
    if (status == LT_OK)
        status = lt_state_schedules_seen(self->state, seen.items, seen.len, err);
    lt_vec_free(&seen);
    return status;
}

lt_status lt_due_read_pauses(lt_due *self, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_map) by_name = {0}; /* a thousand pipelines would be a million comparisons */
    lt_schedule_records records = {0};
    LT_TRY(lt_state_schedules(self->state, &arena, &records, err));
    for (size_t i = 0; i < records.len; i++)
        (void)lt_map_put(&by_name, records.items[i].pipeline, &records.items[i]);
    for (size_t i = 0; i < self->entries.len; i++) {
        entry *one = &self->entries.items[i];
        const lt_schedule_record *record = lt_map_find(&by_name, one->pipeline->name);
        if (record)
            one->paused = record->paused_at_us != 0;
    }
    return LT_OK;
}

static lt_status add_ticks(entry *one, int64_t now_s, lt_arena *arena, lt_tick_runs *out,
                           bool *nothing, lt_err *err)
{
    lt_ticks due = {0};
    size_t left_out = 0;
    lt_status status = LT_OK;
    lt_schedule_due(&one->schedule, one->seen, now_s, MOST_TICKS, &due, &left_out);
    for (size_t i = 0; i < due.len && status == LT_OK; i++) {
        lt_tick_run made = {.at_s = due.items[i].tick.at_s, .wall_s = due.items[i].tick.wall_s};
        status = lt_sched_tick_run(one->pipeline, &due.items[i], "schedule", NULL, arena, &made.run,
                                   err);
        if (status == LT_OK)
            lt_push_in(arena, out, made);
    }
    if (left_out)
        lt_log(LT_LOG_WARNING, "%.*s: %zu tick%s were missed and are not made up for",
               LT_ARG(one->pipeline->name), left_out, left_out == 1 ? "" : "s");
    *nothing = due.len == 0;
    if (due.len && status == LT_OK)
        one->seen = due.items[due.len - 1].tick;
    lt_vec_free(&due);
    return status;
}

/* A clock that was set back: ticks that have a run keep it, by their key; the others come again. */
static bool is_set_back(const entry *one, int64_t now_s)
{
    return one->seen.at_s > now_s;
}

static lt_status record_ticks_of(entry *one, int64_t now_s, lt_arena *arena, lt_tick_runs *out,
                                 seen_list *seen, lt_err *err)
{
    bool nothing = false;
    if (is_set_back(one, now_s))
        see(one, lt_cron_from(now_s), seen);
    if (one->paused || one->next_s > now_s)
        return LT_OK;
    LT_TRY(add_ticks(one, now_s, arena, out, &nothing, err));
    if (nothing)
        see(one, lt_cron_from(now_s), seen);
    else
        plan_next(one);
    return LT_OK;
}

/* Whoever has paused a pipeline at this very moment was first: its ticks are still to come, and none is recorded. */
static lt_status leave_paused(lt_due *self, lt_tick_runs *out, lt_err *err)
{
    size_t good = 0;
    bool any = false;
    for (size_t i = 0; i < out->len; i++) {
        any = any || out->items[i].is_paused;
        if (!out->items[i].is_paused)
            out->items[good++] = out->items[i];
    }
    out->len = good;
    for (size_t i = 0; any && i < self->entries.len; i++) {
        entry *one = &self->entries.items[i];
        lt_schedule_record record;
        LT_AUTO(lt_arena) arena = {0};
        LT_TRY(lt_state_schedule_get(self->state, one->pipeline->name, &arena, &record, err));
        one->paused = record.paused_at_us != 0;
        one->seen = (lt_cron_tick){.at_s = record.at_s, .wall_s = record.wall_s};
        plan_next(one);
    }
    return LT_OK;
}

lt_status lt_due_record(lt_due *self, int64_t now_us, lt_arena *arena, lt_tick_runs *out,
                        lt_err *err)
{
    seen_list seen = {0};
    int64_t now_s = lt_divide_down(now_us, SECOND_US);
    lt_status status = LT_OK;
    *out = (lt_tick_runs){0};
    for (size_t i = 0; i < self->entries.len && status == LT_OK; i++)
        status = record_ticks_of(&self->entries.items[i], now_s, arena, out, &seen, err);
    if (status == LT_OK)
        status = lt_state_schedules_seen(self->state, seen.items, seen.len, err);
    lt_vec_free(&seen);
    if (status == LT_OK && out->len)
        status = lt_state_ticks(self->state, out->items, out->len, err);
    return status == LT_OK ? leave_paused(self, out, err) : status;
}

int64_t lt_due_next_us(const lt_due *self)
{
    int64_t next_s = INT64_MAX;
    for (size_t i = 0; i < self->entries.len; i++)
        if (!self->entries.items[i].paused)
            next_s = LT_MIN(next_s, self->entries.items[i].next_s);
    return next_s == INT64_MAX ? INT64_MAX : next_s * SECOND_US;
}
