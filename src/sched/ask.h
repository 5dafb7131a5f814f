/* ask.h - what people ask about schedules, from the command line or through the server. */
#pragma once
#include "sched/tick.h"

/* The pipeline of that name; LT_NOT_FOUND with the nearest one, or with the file that cannot be read. */
LT_MUST_CHECK lt_status lt_sched_pipeline(const lt_project *project, lt_text name,
                                          const lt_conf_pipeline **out, lt_err *err);
/* May a pipeline be paused, or go on? One whose file is wrong may, and whatever is paused; else LT_NOT_FOUND, as above. */
LT_MUST_CHECK lt_status lt_sched_pausable(const lt_project *project, lt_state *state, lt_text name,
                                          lt_err *err);

/* How it stands with a pipeline. In the arena. */
typedef struct lt_sched_view {
    bool has_schedule;
    bool served;               /* a server works; else nothing comes */
    lt_schedule_record record; /* whether it is paused, and by whom */
    LT_VEC(int64_t) next_s;    /* the times that come, none while it is paused */
    lt_text why_not;           /* why nothing comes by itself; empty when it does */
    bool has_run;
    lt_run_record newest;
} lt_sched_view;
LT_MUST_CHECK lt_status lt_sched_look_at(const lt_project *project,
                                         const lt_conf_pipeline *pipeline, lt_state *state,
                                         size_t times, lt_arena *arena, lt_sched_view *out,
                                         lt_err *err);

/* The pipelines of the project that are paused, in its order. In the arena. */
LT_MUST_CHECK lt_status lt_sched_paused(const lt_project *project, lt_state *state, lt_arena *arena,
                                        lt_schedule_records *out, lt_err *err);
/* "paused by ada at 2026-11-22T06:00:00Z: the source is closed" */
void lt_sched_say_paused(const lt_schedule_record *record, lt_buf *out);
/* Who is asked to approve and is neither a user of the server nor of this machine, as sentences with a place. In the arena. */
LT_MUST_CHECK lt_status lt_sched_strangers(const lt_project *project, lt_state *state,
                                           lt_arena *arena, lt_texts *out, lt_err *err);

/* The ticks of a range that a backfill is for. */
typedef struct lt_sched_range {
    int64_t from_us, to_us; /* [from, to) */
    bool reverse;           /* the newest first */
    int64_t parallel;       /* so many at once; 0: as 'overlap' of the pipeline says */
    const lt_texts *params; /* "name=value"; may be NULL */
} lt_sched_range;
enum { LT_BACKFILL_MOST = 10000 };
/* The runs of these ticks, not recorded; in the arena. LT_INVALID: no schedule, no range; LT_TOO_BIG. */
LT_MUST_CHECK lt_status lt_sched_backfill(const lt_project *project,
                                          const lt_conf_pipeline *pipeline,
                                          const lt_sched_range *range, lt_arena *arena,
                                          lt_run_record **runs, size_t *count, lt_err *err);
