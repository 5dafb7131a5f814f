/* due.h - the schedules of a project, as the server works through them: what is due, and the runs of it.
 *
 * The moment is always an argument, so that whatever a clock may do can be tried: it may stand still, leap, and go back. How far each schedule
 * has come is in state.db (state/schedule.h), written in one transaction with the runs.
 *
 * Threads: one. */
#pragma once
#include "conf/conf.h"
#include "state/schedule.h"

typedef struct lt_due lt_due;

/* `state` must stay. The caller owns it. */
lt_due *lt_due_new(lt_state *state);
void lt_due_free(lt_due *self); /* NULL is fine */

/* Go on with the schedules of `project`, which must stay until the next call, from where state.db says; one that is new, or says something else
 * than before, begins at `now_us`. Also after lt_due_record() has failed. */
LT_MUST_CHECK lt_status lt_due_use(lt_due *self, const lt_project *project, int64_t now_us,
                                   lt_err *err);
/* Look again which pipelines are paused. */
LT_MUST_CHECK lt_status lt_due_read_pauses(lt_due *self, lt_err *err);

typedef LT_VEC(lt_tick_run) lt_tick_runs;
/* Record a run for each tick that is due at `now_us`, as `catch_up` says; *out, in the arena, are these. When the clock went back, ticks that
 * have a run keep it, and those that have none come again. What could not be recorded (a full disk) is still due after lt_due_use(). */
LT_MUST_CHECK lt_status lt_due_record(lt_due *self, int64_t now_us, lt_arena *arena,
                                      lt_tick_runs *out, lt_err *err);
/* When the next tick is due; INT64_MAX: none. */
int64_t lt_due_next_us(const lt_due *self);
