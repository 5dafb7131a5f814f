/* run.h - execute a plan: in parallel, in order, with a durable record of every step.
 *
 * lt_run() opens the target, records the run with all its tasks, executes them on `threads` workers, and records the end. A task starts
 * when all that it needs (and is part of the run) has succeeded; what needs a failed task is skipped. The caller's thread
 * only watches: time limits, memory, the stop flag. */
#pragma once
#include "base/progress.h"
#include "run/plan.h"

typedef struct lt_run_task lt_run_task;
struct lt_run_task {
    const lt_node *node;
    const lt_step *step;
    lt_task_record
        record; /* as in state.db; others than its worker may read it once ended_mono_us is set */
    lt_progress progress;
    _Atomic int64_t started_mono_us, ended_mono_us; /* 0: not yet */
    _Atomic int64_t peak_bytes; /* the most that the process held while it ran */
    lt_status ended_with;       /* LT_OK, or why it failed */
    _Atomic(const char *) note; /* "attempt 2 of 3", for the display; or NULL */

    /* of the pool, guarded by its lock */
    lt_run_task **feeds; /* owned; those that come after it */
    size_t feed_count, feed_cap;
    size_t need_count, open, good, bad, left_out; /* of those that it comes after */
    const lt_run_task *root;                      /* the failure because of which it is skipped */
    bool held; /* not yet: a handler, or an item whose turn has not come */
    bool queued, not_chosen;
    bool begun;           /* an attempt goes on, and waits in between */
    bool has_lost;        /* its newest attempt was begun by a process that has died */
    int64_t tries;        /* failed attempts; those that were lost with their run do not count */
    int64_t looks;        /* how often a condition was looked at */
    int64_t called;       /* the run that it has called; 0: none */
    int child;            /* the process that does it, if it is ours */
    int64_t wake_mono_us; /* of one that waits; 0: when told */
    _Atomic lt_task_status marked; /* what somebody has said that it is; LT_TASK_PENDING: nothing */
    lt_text asked_by;              /* who cancelled or marked it */
    lt_run_task *next_ready;
    lt_run_task *parent;    /* the for_each */
    size_t item;            /* number of its item there */
    struct lt_items *items; /* owned; of a for_each that has begun */
};

typedef struct lt_run_view {
    const lt_run_record *record;
    lt_run_task *const *tasks; /* in the order of the plan; then those that a for_each made */
    const _Atomic size_t *task_count;
} lt_run_view;

/* Who looks on. Calls come from any thread; those of `began` and `ended` never at the same time. */
typedef struct lt_run_watch {
    void (*opened)(void *context, const lt_run_view *run); /* recorded; nothing has begun */
    void (*began)(void *context, const lt_run_task *task);
    void (*ended)(void *context, const lt_run_task *task);
    void *context;
} lt_run_watch;

typedef struct lt_run_request {
    lt_text command; /* "run", "extract", "load", "retry" */
    lt_text pipeline, select, exclude, target;
    const char *only_kind; /* as in lt_plan_request */
    int64_t threads;       /* 0: the target's */
    bool full_refresh;
    int64_t retry_of;   /* run id: do what did not succeed there, and what depends on it */
    int64_t reproduces; /* run id: build what it built, from what it read, in scratch schemas */
    bool keep_scratch;  /* leave those schemas */
    lt_texts take_over; /* as in lt_plan_request; each must be written by a task of the run */
    const lt_run_watch *watch; /* may be NULL */
    int64_t
        run_id; /* do this run, which is queued or whose process has died; the fields above are then as its record says */
    bool
        gives_up; /* with run_id: end what that run has left, tell whom its pipeline names, and record it as failed */
    lt_text run_key;     /* LT_CONFLICT when there is a run with it; may be empty */
    lt_texts params;     /* of the pipeline: "name=value" */
    lt_text params_json; /* the same as an object, from a record; instead of `params` */
    lt_text again_from;  /* of a retry: this task and all behind it, whatever they came to */
    bool again_all;      /* of a retry: every task */
    int64_t parent_run;  /* the run that called this one, or 0 */
    lt_text parent_task;
    lt_text trigger_json; /* empty: {"kind": "manual"} */
} lt_run_request;

typedef struct lt_run_report {
    lt_run_record record;
    lt_run_task **tasks; /* owned, each owned */
    size_t task_count;
    bool ended; /* the tasks were begun, and the counts below say how they ended */
    size_t failed, skipped, warned, succeeded;
    lt_plan *plan; /* owned */
} lt_run_report;
void lt_run_report_cleanup(lt_run_report *report);

/* Before a queued run is begun: on a full disk not even its home can be opened. Says that it waits; until there is room, or the stop flag is set. */
void lt_run_wait_for_room(const char *home);
/* LT_OK: every task succeeded. LT_CANCELLED: stopped. LT_FAILED: data, models or tests failed; another status is that of the first
 * failure when none of them is LT_FAILED, or says that the run could not begin (report->ended tells). */
LT_MUST_CHECK lt_status lt_run(lt_workspace *workspace, const lt_run_request *request,
                               lt_run_report *report, lt_err *err);

/* Begin a run that is queued, or go on with one that was lost, in a process of its own (and a session of its own: it outlives us),
 * whose output goes to run.out among its logs. */
typedef enum lt_run_way { LT_RUN_GOES_ON, LT_RUN_GIVES_UP } lt_run_way;
LT_MUST_CHECK lt_status lt_run_spawn(const char *root, const char *home, int64_t run_id,
                                     lt_run_way way, int *pid, lt_err *err);
/* The parameters of a run as JSON: those given as "name=value", and the defaults of others. */
LT_MUST_CHECK lt_status lt_params_read(const lt_conf_pipeline *pipeline, const lt_texts *given,
                                       lt_buf *json, lt_err *err);

/* Only the plan of such a run: nothing is recorded or opened. */
LT_MUST_CHECK lt_status lt_run_plan(lt_workspace *workspace, const lt_run_request *request,
                                    lt_plan **out, lt_err *err);

/* End what commands of a run have left running, whose own process is gone. Gives how many processes that were; *stuck: how many are left. */
size_t lt_run_end_orphans(const char *home, const lt_state *state, int64_t run_id, size_t *stuck);

/* The folder with the logs of a run, and the log of one task in it; heap strings. */
char *lt_run_log_folder(const char *home, int64_t run_id);
char *lt_run_log_path(const char *home, int64_t run_id, lt_text task);
/* The executed notebook beside that log; there only when the task was a notebook. */
char *lt_run_notebook_path(const char *home, int64_t run_id, lt_text task);
/* Does a task with this status let what comes after it go on? */
bool lt_task_is_good(lt_task_status status);
