/* inner.h - what the files of run/ share. */
#pragma once
#include "base/buf.h"
#include "engine/write.h"
#include "net/rate.h"
#include "run/run.h"

#include <pthread.h>

typedef struct executor executor;

/* One attempt of one task, as a step sees it. */
typedef struct lt_work {
    executor *run;
    struct worker *worker; /* that does it */
    lt_run_task *task;
    const lt_step *step;
    lt_session *session; /* of the worker; NULL until the step asks with lt_work_session() */
    lt_attempt attempt;
    lt_arena *arena; /* of the attempt */
    lt_buf result;   /* members of the record's result_json, without braces */
    int log_fd;
    atomic_bool *cancelled; /* set when the attempt must end */
    bool warned;
} lt_work;

struct executor {
    lt_workspace *workspace;
    const lt_run_request *request;
    lt_plan *plan;
    lt_run_record *record;
    lt_engine *engine; /* owned */
    int lease;         /* owned; on the target, longer than the engine */
    int tree_lock;     /* owned; until the run's record names its files */
    lt_run_task *tasks;
    size_t task_count;
    size_t *task_of_node; /* node index -> task index + 1 */
    lt_pins pins;         /* what the reproduced run read */
    lt_rate *rates;       /* owned: one for each source, shared by its resources */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t *missing; /* per task: needs that have not ended well yet */
    size_t pending, running;
    bool stopping;    /* no new task begins */
    lt_status broken; /* the record of the run cannot be kept: LT_OK or why */
    lt_err broken_err;
    struct worker *workers;
    size_t worker_count;
};

/* ---- step.c ---- */

/* Do the step once. Rows go to the task's progress and record. */
lt_status lt_step_run(lt_work *work, lt_err *err);
/* The worker's session on the target, opened when first asked for, and recorded with the attempt. */
lt_status lt_work_session(lt_work *work, lt_session **session, lt_err *err);

/* The commit of a dataset that a reproduction must read; 0: the newest. */
int64_t lt_work_pinned_sequence(const lt_work *work, lt_text bucket, lt_text prefix);

/* ---- log.c ---- */

/* One line in the task's log, with the time in front; secrets masked. */
void lt_work_log(const lt_work *work, const char *format, ...) LT_PRINTF(2, 3);
lt_status lt_work_log_open(lt_work *work, lt_err *err);

/* ---- pool.c ---- */

/* Run all tasks to their end on `threads` workers. */
void lt_pool_run(executor *run, size_t threads);
