/* schedule.h - what the server remembers of schedules: how far it has come with each, what is paused, and the runs that it has to
 * begin.
 *
 * A tick becomes a run and the memory of it in one transaction, so that a server which is killed at any moment neither forgets
 * a tick nor begins one twice; the run's key is unique, so a memory that was lost or set back does no harm either. */
#pragma once
#include "state/state.h"

typedef struct lt_schedule_record {
    lt_text pipeline;
    lt_text schedule;     /* as the file said it when the memory began; empty: it has not begun */
    int64_t at_s, wall_s; /* the last tick that was seen to */
    int64_t paused_at_us; /* 0: not paused */
    lt_text paused_by, paused_why;
} lt_schedule_record;
typedef LT_VEC(lt_schedule_record) lt_schedule_records;

LT_MUST_CHECK lt_status lt_state_schedules(lt_state *state, lt_arena *arena,
                                           lt_schedule_records *out, lt_err *err);
/* A zeroed record with its name when nothing is remembered. */
LT_MUST_CHECK lt_status lt_state_schedule_get(lt_state *state, lt_text pipeline, lt_arena *arena,
                                              lt_schedule_record *out, lt_err *err);
/* Remember these ticks as the last ones that were seen to, without runs, in one transaction. `schedule` as in the record. */
typedef struct lt_schedule_seen {
    lt_text pipeline, schedule;
    int64_t at_s, wall_s;
} lt_schedule_seen;
LT_MUST_CHECK lt_status lt_state_schedules_seen(lt_state *state, const lt_schedule_seen *list,
                                                size_t count, lt_err *err);
typedef struct lt_tick_run {
    int64_t at_s, wall_s;
    lt_run_record run;
    bool is_paused; /* the pipeline was paused by then: nothing was recorded of this tick */
} lt_tick_run;
/* Record the runs of ticks, queued for the server, and remember the ticks, in one transaction, which also looks whether their
 * pipelines are paused. run.id is that of the run with the key when there is one already. run.waiting of kind "time" holds it back until then. */
LT_MUST_CHECK lt_status lt_state_ticks(lt_state *state, lt_tick_run *ticks, size_t count,
                                       lt_err *err);
/* Queue runs for the server, all or none; one whose key is there already gets that run's id, and a `claim` of 0. */
LT_MUST_CHECK lt_status lt_state_supervise(lt_state *state, lt_run_record *runs, size_t count,
                                           lt_err *err);
/* Runs for the server that have not ended: queued, running or lost; oldest first. */
LT_MUST_CHECK lt_status lt_state_supervised(lt_state *state, lt_arena *arena, lt_run_records *out,
                                            lt_err *err);
/* Who waits for whose end, of many runs in one transaction. */
typedef struct lt_turn {
    int64_t run_id, behind;
} lt_turn;
typedef LT_VEC(lt_turn) lt_turns;
LT_MUST_CHECK lt_status lt_state_turns(lt_state *state, const lt_turns *turns, lt_err *err);
/* `by` empty: not paused any more. *changed: it was not so before. */
LT_MUST_CHECK lt_status lt_state_pause(lt_state *state, lt_text pipeline, lt_text by, lt_text why,
                                       bool *changed, lt_err *err);
/* Which runs are meant; what is empty or 0 does not count. */
typedef struct lt_run_filter {
    lt_text pipeline;
    const char
        *status; /* a name of lt_run_status_name(), or "open": queued or running; NULL: any */
    int64_t
        since_us; /* asked for at this moment or later; after a clock was set back, some that were asked for before may be missing */
    int64_t before; /* with ids below this */
    size_t limit;
} lt_run_filter;
/* The newest first. Quick among a million of runs. */
LT_MUST_CHECK lt_status lt_state_runs_find(lt_state *state, const lt_run_filter *filter,
                                           lt_arena *arena, lt_run_records *out, lt_err *err);
/* git_*, tree and engine of a run that somebody else has recorded. */
LT_MUST_CHECK lt_status lt_state_run_files(lt_state *state, const lt_run_record *run, lt_err *err);
