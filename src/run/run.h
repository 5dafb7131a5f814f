/* run.h - execute a plan: in parallel, in order, with a durable record of every step.
 *
 * lt_run() opens the target, records the run with all its tasks, executes them on `threads` workers, and records the end. A task starts
 * when all that it needs (and is part of the run) has succeeded; what needs a failed task is skipped. The caller's thread
 * only watches: time limits, memory, the stop flag. */
#pragma once
#include "base/progress.h"
#include "run/plan.h"

typedef struct lt_run_task {
    const lt_node *node;
    lt_task_record
        record; /* as in state.db; others than its worker may read it once ended_mono_us is set */
    lt_progress progress;
    _Atomic int64_t started_mono_us, ended_mono_us; /* 0: not yet */
    _Atomic int64_t peak_bytes; /* the most that the process held while it ran */
    lt_status ended_with;       /* LT_OK, or why it failed */
    _Atomic(const char *) note; /* "attempt 2 of 3", for the display; or NULL */
} lt_run_task;

typedef struct lt_run_view {
    const lt_run_record *record;
    lt_run_task *tasks; /* in the order of the plan */
    size_t task_count;
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
} lt_run_request;

typedef struct lt_run_report {
    lt_run_record record;
    lt_run_task *tasks; /* owned */
    size_t task_count;
    bool ended; /* the tasks were begun, and the counts below say how they ended */
    size_t failed, skipped, warned, succeeded;
    lt_plan *plan; /* owned */
} lt_run_report;
void lt_run_report_cleanup(lt_run_report *report);

/* LT_OK: every task succeeded. LT_CANCELLED: stopped. LT_FAILED: data, models or tests failed; another status is that of the first
 * failure when none of them is LT_FAILED, or says that the run could not begin (report->ended tells). */
LT_MUST_CHECK lt_status lt_run(lt_workspace *workspace, const lt_run_request *request,
                               lt_run_report *report, lt_err *err);

/* Only the plan of such a run: nothing is recorded or opened. */
LT_MUST_CHECK lt_status lt_run_plan(lt_workspace *workspace, const lt_run_request *request,
                                    lt_plan **out, lt_err *err);

/* The folder with the logs of a run, and the log of one task in it; heap strings. */
char *lt_run_log_folder(const lt_workspace *workspace, int64_t run_id);
char *lt_run_log_path(const lt_workspace *workspace, int64_t run_id, lt_text task);
