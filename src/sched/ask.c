/* Looking at schedules, and filling ranges of them. */
#include "sched/ask.h"

#include "sched/watch.h"

#include "base/time.h"
#include "state/users.h"

#include <pwd.h>

static const int64_t SECOND_US = 1000000;

static lt_text pipeline_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->pipelines.items[i].name;
}

lt_status lt_sched_pipeline(const lt_project *project, lt_text name, const lt_conf_pipeline **out,
                            lt_err *err)
{
    lt_text nearest;
    *out = lt_project_pipeline(project, name);
    if (*out)
        return LT_OK;
    const lt_conf_wrong *wrong = lt_project_held_by(project, name);
    if (wrong) {
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "no file that can be read has a pipeline '%.*s'",
                          LT_ARG(lt_text_sub(name, 0, 200))));
        return lt_hint(err, "mend %s", wrong->file);
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no pipeline '%.*s'",
                      LT_ARG(lt_text_sub(name, 0, 200))));
    if (lt_text_nearest(name, project->pipelines.len, pipeline_name_at, project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "'leat pipelines' lists them");
}

lt_status lt_sched_pausable(const lt_project *project, lt_state *state, lt_text name, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_schedule_record record = {0};
    const lt_conf_pipeline *pipeline;
    const lt_conf_wrong *wrong = lt_project_held_by(project, name);
    if (wrong && lt_text_eq(wrong->name, name))
        return LT_OK;
    LT_TRY(lt_state_schedule_get(state, name, &arena, &record, err));
    if (record.paused_at_us || (wrong && record.schedule.len))
        return LT_OK;
    return lt_sched_pipeline(project, name, &pipeline, err);
}

/* ---- looking ---- */

static lt_status triggers_of(const lt_conf_pipeline *pipeline, lt_state *state, lt_buf *out,
                             lt_err *err)
{
    for (size_t i = 0; i < pipeline->triggers.len; i++) {
        LT_AUTO(lt_arena) arena = {0};
        lt_trigger_record record;
        const lt_conf_trigger *trigger = &pipeline->triggers.items[i];
        LT_TRY(lt_state_trigger_get(state, pipeline->name, trigger->name, &arena, &record, err));
        lt_buf_add_str(out, i ? ", or " : "waits for ");
        lt_watch_describe(trigger, out);
        if (record.trouble.len)
            lt_buf_printf(out, " (it cannot do its work: %.*s)", LT_ARG(record.trouble));
    }
    return LT_OK;
}

void lt_sched_say_paused(const lt_schedule_record *record, lt_buf *out)
{
    char moment[LT_TIME_CHARS];
    lt_buf_printf(out, "paused by %.*s at %.19sZ%s%.*s", LT_ARG(record->paused_by),
                  lt_time_write(record->paused_at_us, moment), record->paused_why.len ? ": " : "",
                  LT_ARG(record->paused_why));
}

static lt_status say_why_not(const lt_project *project, const lt_conf_pipeline *pipeline,
                             const lt_sched_view *view, lt_state *state, lt_buf *out, lt_err *err)
{
    const lt_conf_wrong *wrong = lt_project_held_by(project, pipeline->name);
    bool comes = view->has_schedule || pipeline->triggers.len;
    if (view->record.paused_at_us)
        lt_sched_say_paused(&view->record, out);
    else if (wrong)
        lt_buf_printf(out, "its runs wait until %s is mended: %.*s", wrong->file,
                      LT_ARG(wrong->said));
    else if (!comes)
        lt_buf_add_str(out, "no schedule: a run is asked for by 'leat run --pipeline' or 'leat "
                            "trigger'");
    else if (!view->served)
        lt_buf_add_str(out, LT_NO_SERVER);
    else
        return triggers_of(pipeline, state, out, err);
    return LT_OK;
}

static void add_next(const lt_schedule *schedule, size_t times, lt_arena *arena, lt_sched_view *out)
{
    lt_tick tick;
    lt_cron_tick after = lt_cron_from(lt_divide_down(lt_now_us(), SECOND_US));
    while (out->next_s.len < times && lt_schedule_next(schedule, after, &tick)) {
        lt_push_in(arena, &out->next_s, tick.start_at_s);
        after = tick.tick;
    }
}

lt_status lt_sched_look_at(const lt_project *project, const lt_conf_pipeline *pipeline,
                           lt_state *state, size_t times, lt_arena *arena, lt_sched_view *out,
                           lt_err *err)
{
    lt_schedule schedule;
    lt_calendar calendar = {0};
    LT_AUTO(lt_buf) why_not = {0};
    lt_run_records newest = {0};
    lt_run_filter filter = {.pipeline = pipeline->name, .limit = 1};
    lt_sched_view made = {.has_schedule = lt_sched_read(project, pipeline, &calendar, &schedule)};
    LT_TRY(lt_state_schedule_get(state, pipeline->name, arena, &made.record, err));
    LT_TRY(lt_state_runs_find(state, &filter, arena, &newest, err));
    if (made.has_schedule && !made.record.paused_at_us)
        add_next(&schedule, times, arena, &made);
    made.served = lt_state_has_server(state);
    LT_TRY(say_why_not(project, pipeline, &made, state, &why_not, err));
    made.why_not = lt_arena_text(arena, lt_buf_text(&why_not));
    made.has_run = newest.len > 0;
    if (made.has_run)
        made.newest = newest.items[0];
    *out = made;
    return LT_OK;
}

lt_status lt_sched_paused(const lt_project *project, lt_state *state, lt_arena *arena,
                          lt_schedule_records *out, lt_err *err)
{
    lt_schedule_records all = {0};
    size_t count = 0;
    *out = (lt_schedule_records){0};
    LT_TRY(lt_state_schedules(state, arena, &all, err));
    for (size_t i = 0; i < all.len; i++)
        if (all.items[i].paused_at_us)
            all.items[count++] = all.items[i];
    for (size_t i = 0; i < project->pipelines.len; i++)
        for (size_t k = 0; k < count; k++)
            if (lt_text_eq(all.items[k].pipeline, project->pipelines.items[i].name))
                lt_push_in(arena, out, all.items[k]);
    return LT_OK;
}

/* ---- people ---- */

typedef struct looker {
    lt_users users;
    lt_arena *arena;
    lt_texts *out;
} looker;

static lt_text user_name_at(const void *context, size_t i)
{
    return ((const lt_users *)context)->items[i].name;
}

/* 'leat approve' takes the name that somebody has on the machine. */
static bool is_of_machine(lt_text name)
{
    struct passwd space, *found = NULL;
    char texts[4096];
    LT_AUTO(lt_chars) key = lt_text_dup(name);
    return getpwnam_r(key, &space, texts, sizeof(texts), &found) == 0 && found;
}

static void look_at_person(looker *self, const lt_conf_text *person)
{
    lt_text nearest;
    for (size_t i = 0; i < self->users.len; i++)
        if (lt_text_eq(self->users.items[i].name, person->raw))
            return;
    if (is_of_machine(person->raw))
        return;
    bool near = lt_text_nearest(person->raw, self->users.len, user_name_at, &self->users, &nearest);
    lt_push_in(self->arena, self->out,
               lt_text_of(lt_arena_format(
                   self->arena, "%s:%u:%u: there is no user '%.*s' who could approve%s%.*s%s",
                   person->place.file, person->place.line, person->place.col, LT_ARG(person->raw),
                   near ? "; did you mean '" : ": 'leat user add' makes one",
                   near ? (int)nearest.len : 0, near ? nearest.ptr : "", near ? "'?" : "")));
}

static void look_at_people(looker *self, const lt_conf_tasks *tasks)
{
    for (size_t i = 0; i < tasks->len; i++) {
        const lt_conf_task *task = &tasks->items[i];
        const lt_conf_tasks *inner = &task->for_each.tasks;
        for (size_t k = 0; k < task->approve.people.len; k++)
            look_at_person(self, &task->approve.people.items[k]);
        for (size_t k = 0; k < inner->len; k++)
            for (size_t n = 0; n < inner->items[k].approve.people.len; n++)
                look_at_person(self, &inner->items[k].approve.people.items[n]);
    }
}

lt_status lt_sched_strangers(const lt_project *project, lt_state *state, lt_arena *arena,
                             lt_texts *out, lt_err *err)
{
    looker self = {.arena = arena, .out = out};
    *out = (lt_texts){0};
    LT_TRY(lt_user_list(state, arena, &self.users, err));
    for (size_t i = 0; i < project->pipelines.len; i++)
        look_at_people(&self, &project->pipelines.items[i].tasks);
    return LT_OK;
}

/* ---- backfills ---- */

static lt_status find_ticks(const lt_project *project, const lt_conf_pipeline *pipeline,
                            const lt_sched_range *range, lt_ticks *out, lt_err *err)
{
    lt_schedule schedule;
    lt_calendar calendar = {0};
    if (range->from_us >= range->to_us)
        return lt_fail(err, LT_INVALID, "the end of the range is not behind its beginning");
    if (!lt_sched_read(project, pipeline, &calendar, &schedule))
        return lt_conf_fail(pipeline->place, err, "the pipeline has no schedule to fill");
    if (lt_schedule_between(&schedule, lt_divide_down(range->from_us, SECOND_US),
                            lt_divide_down(range->to_us, SECOND_US), LT_BACKFILL_MOST, out))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_TOO_BIG, "these are more than %d ticks", LT_BACKFILL_MOST));
    return lt_hint(err, "fill a shorter range at a time");
}

static lt_text with_parallel(lt_text object, int64_t parallel, lt_arena *arena)
{
    return lt_text_of(lt_arena_format(arena, "%.*s,\"parallel\":%lld}",
                                      LT_ARG(lt_text_sub(object, 0, object.len - 1)),
                                      (long long)parallel));
}

lt_status lt_sched_backfill(const lt_project *project, const lt_conf_pipeline *pipeline,
                            const lt_sched_range *range, lt_arena *arena, lt_run_record **runs,
                            size_t *count, lt_err *err)
{
    lt_ticks ticks = {0};
    lt_status status = find_ticks(project, pipeline, range, &ticks, err);
    lt_run_record *made = lt_alloc_array(arena, ticks.len + 1, sizeof(*made));
    for (size_t i = 0; i < ticks.len && status == LT_OK; i++) {
        const lt_tick *tick = &ticks.items[range->reverse ? ticks.len - 1 - i : i];
        status = lt_sched_tick_run(pipeline, tick, "backfill", range->params, arena, &made[i], err);
        made[i].waiting = (lt_waiting){0};
        if (range->parallel && status == LT_OK) /* whoever begins it reads this */
            made[i].trigger_json = with_parallel(made[i].trigger_json, range->parallel, arena);
    }
    if (status == LT_OK) {
        *runs = made;
        *count = ticks.len;
    }
    lt_vec_free(&ticks);
    return status;
}
