/* tick.h - from what pipelines/ says to schedules, and from ticks and wishes to rows of runs. */
#pragma once
#include "conf/conf.h"
#include "sched/schedule.h"
#include "state/schedule.h"

/* The schedule of a pipeline; false: it has none. Borrows from the project; `calendar` must live as long. */
bool lt_sched_read(const lt_project *project, const lt_conf_pipeline *pipeline,
                   lt_calendar *calendar, lt_schedule *out);
/* The schedule as one text: another text is another schedule. In `arena`. */
lt_text lt_sched_text(const lt_conf_pipeline *pipeline, lt_arena *arena);

/* The run of a tick: its key, clock, interval and parameters (defaults, and `given` as "name=value"). `kind` is "schedule" or
 * "backfill"; both have the same key, so a tick that has run is not filled again. */
LT_MUST_CHECK lt_status lt_sched_tick_run(const lt_conf_pipeline *pipeline, const lt_tick *tick,
                                          const char *kind, const lt_texts *given, lt_arena *arena,
                                          lt_run_record *out, lt_err *err);
/* The runs of a trigger: of one event, or of several. The run's record of it is what `params` of the trigger and the template name `trigger`
 * read: {"kind": "object", "trigger": NAME, "event": {...}}, or with `batch` {..., "events": [...], "count": N}. */
typedef struct lt_sched_event {
    lt_text id;   /* the same for the same event, whenever it is seen */
    lt_text json; /* an object */
    lt_text what; /* for people: "in/a.csv" */
    int64_t at_us;
} lt_sched_event;
typedef LT_VEC(lt_sched_event) lt_sched_events;
/* LT_INVALID: a parameter is not in the event, or not of its type. */
LT_MUST_CHECK lt_status lt_sched_event_run(const lt_conf_pipeline *pipeline,
                                           const lt_conf_trigger *trigger,
                                           const lt_sched_event *events, size_t count,
                                           lt_arena *arena, lt_run_record *out, lt_err *err);

/* A run that somebody asks for. `key` may be empty; `request`, beside it, is the sum of what was asked and kept with the run; `at_us` 0:
 * now. */
typedef struct lt_sched_wish {
    lt_text by, key, request;
    const lt_texts *params;
    int64_t at_us;
} lt_sched_wish;
LT_MUST_CHECK lt_status lt_sched_wish_run(const lt_conf_pipeline *pipeline,
                                          const lt_sched_wish *wish, lt_arena *arena,
                                          lt_run_record *out, lt_err *err);
