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
/* A run that somebody asks for. `key` may be empty; `at_us` 0: now. */
typedef struct lt_sched_wish {
    lt_text by, key;
    const lt_texts *params;
    int64_t at_us;
} lt_sched_wish;
LT_MUST_CHECK lt_status lt_sched_wish_run(const lt_conf_pipeline *pipeline,
                                          const lt_sched_wish *wish, lt_arena *arena,
                                          lt_run_record *out, lt_err *err);
