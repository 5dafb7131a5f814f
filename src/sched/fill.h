/* fill.h - a backfill without a server: the runs of a range of ticks, begun here, so many at once.
 *
 * A run is recorded when it begins, under the key of its tick: who is killed, or asked to stop, begins with the next tick that has no run when
 * asked again. Each run is a process of its own in a session of its own: Ctrl-C does not reach it. */
#pragma once
#include "run/workspace.h"

typedef struct lt_fill_news {
    const lt_run_record *run; /* as it has ended */
    size_t number, count;     /* it is the number-th of so many that have ended */
} lt_fill_news;

typedef struct lt_fill {
    lt_workspace *workspace;
    lt_run_record *runs; /* of the ticks, in the order of beginning; lt_sched_backfill() */
    size_t count;
    size_t parallel;                                       /* at least 1 */
    void (*tell)(void *context, const lt_fill_news *news); /* may be NULL */
    void *context;
    /* what came of it */
    size_t succeeded, failed, known, left; /* known: had ended before; left: not begun */
    int64_t first_failed;                  /* the run; 0: none */
} lt_fill;

/* To the end, or, when lt_stop_asked(), to the end of those that are under way. LT_OK: all that has begun has ended, how ever. */
LT_MUST_CHECK lt_status lt_sched_fill(lt_fill *fill, lt_err *err);
