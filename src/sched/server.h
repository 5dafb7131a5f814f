/* server.h - the scheduler of one home: turns ticks into runs, begins runs as processes of their own, watches them, and takes up
 * again those whose process has died.
 *
 * One server works in a home (home/leases/server.lock). Everything that must survive is in state.db, so killing it at any moment
 * loses and doubles nothing: runs go on without it, and the next server finds them. It opens no warehouse.
 *
 * Threads: lt_sched_run() belongs to one thread; lt_sched_project() may be used by others meanwhile. */
#pragma once
#include "conf/conf.h"
#include "sched/hook.h"
#include "state/state.h"

typedef struct lt_sched lt_sched;

typedef struct lt_sched_options {
    const char *root, *home; /* borrowed */
    int64_t most_runs;       /* processes at once [16] */
    int64_t drain_us;        /* when it is told to stop: how long it waits for runs to end */
} lt_sched_options;

/* LT_CONFLICT: a server works in this home, and who. LT_INVALID: leat.yml is wrong; other wrong files only hold
 * back what needs them. The caller owns *out. */
LT_MUST_CHECK lt_status lt_sched_open(const lt_sched_options *options, lt_sched **out, lt_err *err);
/* Until the stop flag (base/proc.h) is set. */
LT_MUST_CHECK lt_status lt_sched_run(lt_sched *self, lt_err *err);
void lt_sched_close(lt_sched *self); /* runs go on; NULL is fine */
LT_OWNED(lt_sched_ref, lt_sched *, lt_sched_close)

lt_state *lt_sched_state(lt_sched *self);
/* How the loop is doing, for whoever watches the server. Any thread. */
enum { LT_LAG_BUCKETS = 8 };
extern const int64_t
    lt_lag_bounds_us[LT_LAG_BUCKETS - 1]; /* upper bounds; the last bucket has none */
typedef struct lt_sched_figures {
    int64_t beat_mono_us; /* when it has last looked around */
    size_t children;      /* processes of runs */
    int64_t ticks,
        lag_sum_us; /* of schedules since the server has begun; from due to the durable row of its run */
    int64_t lag_buckets[LT_LAG_BUCKETS]; /* ticks by their lag, each in one */
    size_t wrong_files,                  /* of the project */
        held_pipelines;                  /* that cannot run because of them */
} lt_sched_figures;
void lt_sched_look(lt_sched *self, lt_sched_figures *out);
/* Hold the project as it was read last; what is wrong with the files now is *wrong, a line for
 * each (empty: nothing); pipelines whose files are wrong are there as they were. Give it back soon. */
const lt_project *lt_sched_project(lt_sched *self, lt_text *wrong);
void lt_sched_project_done(lt_sched *self);
/* lt_hook_take() with the files as they were read last. Any thread. */
LT_MUST_CHECK lt_status lt_sched_hook(lt_sched *self, const lt_hook_message *message,
                                      lt_hook_taken *out, lt_err *err);
