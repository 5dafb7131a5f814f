/* inner.h - what the files of run/ share. */
#pragma once
#include "base/buf.h"
#include "dbt/run/execute.h"
#include "engine/write.h"
#include "fmt/json.h"
#include "net/rate.h"
#include "run/run.h"
#include "task/spec.h"

#include <pthread.h>

typedef struct executor executor;

enum { LT_MADE_TASKS = 65536, LT_OUTPUT_MAX = 64 << 10 };

/* One look at a task: an attempt of it, or a part of one that waits in between. */
typedef struct lt_work {
    executor *run;
    struct worker *worker; /* that does it */
    lt_run_task *task;
    const lt_step *step;
    lt_session *session; /* of the worker; NULL until the step asks with lt_work_session() */
    lt_attempt attempt;
    lt_arena *arena; /* of the attempt */
    lt_buf result;   /* members of the record's result_json, without braces */
    lt_buf output;   /* the task's output_json: an object, or empty */
    int log_fd;
    atomic_bool *cancelled; /* set when the attempt must end */
    bool warned;
    const char *error_kind;     /* "timeout", "lost", "memory"; NULL: by the status */
    int64_t exit_code;          /* of a command; 0: none */
    struct lt_command *command; /* owned; to be told when the end is recorded */
    lt_scope scope;             /* for its templates */
    lt_jinja_heap heap;         /* of that */

    /* Set by a step that returns LT_OK without having ended: it is called again at that moment, or when told. */
    bool parks;
    int64_t wake_at_us; /* wall clock; 0: when told */
    lt_waiting waiting;
} lt_work;

/* The items of a for_each, while they are done. */
typedef struct lt_items {
    size_t count, tasks_each;
    size_t next, active,
        parallel;        /* the item that begins next; those that have begun and not ended */
    size_t *open;        /* owned; for each: its tasks that have not ended */
    lt_run_task **tasks; /* owned list: item after item */
    size_t ended;        /* items */
} lt_items;

struct executor {
    lt_workspace *workspace;
    const lt_run_request *request;
    lt_plan *plan;
    lt_run_record *record;
    lt_engine *engine; /* owned */
    lt_dbt_guard guard;
    lt_dbt_run *dbt;   /* owned; NULL until the target is open and something of the project runs */
    int lease;         /* owned; on the target, longer than the engine */
    int tree_lock;     /* owned; until the run's record names its files */
    bool target_moves; /* somebody opens or closes the target */
    bool target_was_open;
    lt_run_task **tasks; /* owned; room for those that are made later, so that it never moves */
    _Atomic size_t task_count;
    lt_run_task **task_of_node; /* or NULL */
    lt_map by_id;               /* of tasks */
    lt_pins pins;               /* what the reproduced run read */
    lt_rate *rates;             /* owned: one for each source, shared by its resources */
    lt_jinja_value params;      /* a dict in the workspace's heap */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* for who watches */
    pthread_cond_t wanted;  /* for workers: a task is ready, or there will be none */
    lt_run_task *first_ready, **last_ready;
    size_t unended;            /* tasks that have not ended */
    size_t unended_main;       /* of these, no handlers */
    size_t running, parked;    /* in a worker's hands; waiting */
    int64_t next_wake_mono_us; /* INT64_MAX: none */
    int64_t late_mono_us;      /* 0: not any more */
    bool main_has_ended;
    atomic_bool stopping; /* no new task begins */
    lt_status broken;     /* the record of the run cannot be kept: LT_OK or why */
    lt_err broken_err;
    lt_text cancelled_by;
    size_t processes_ended, processes_stuck; /* that commands left behind */
    lt_state_stamp stamp;
    int64_t next_news_mono_us, heard_mono_us;
    struct worker *workers;
    size_t worker_count;
    struct lt_telemetry *telemetry; /* owned; NULL: nobody is told */
    bool has_params;                /* those of the request are right, and in `params` */
    lt_err cannot_begin;            /* status LT_OK: it can */
};

typedef struct worker {
    executor *run;
    pthread_t thread;
    lt_session *session; /* owned */
    lt_run_task *task;   /* that runs, guarded by run->lock */
    lt_session *working; /* session that the attempt uses, guarded by run->lock: to cancel it */
    int64_t deadline_us; /* monotonic; 0: none */
    bool timed_out;
    atomic_bool cancelled;
} worker;

/* ---- begin.c: a run that cannot begin ---- */

/* Does its pipeline name somebody to tell? Not of a retry or a reproduction: who asks for those looks on. */
bool lt_begin_can_tell(const executor *run);
/* In place of a plan that cannot be made: the pipeline's on_failure alone. `target` NULL: it is not known. */
LT_MUST_CHECK lt_status lt_begin_plan_alert(executor *run, const lt_target *target, lt_err *err);
/* The run is recorded and its plan made: add a task "begin" that has failed because of `why`, and skip the others, so that only
 * on_failure is left to do. */
LT_MUST_CHECK lt_status lt_begin_fail(executor *run, const lt_err *why, lt_err *err);

/* ---- run.c ---- */

/* The task of a run that goes on, as it was recorded `then`. */
void lt_run_task_resume(lt_run_task *task, const lt_task_record *then);
/* Record what these tasks are, now that the run goes on; `parent`: the for_each that made them, or empty. */
lt_status lt_run_tasks_resume(executor *run, lt_text parent, lt_run_task *const *tasks,
                              size_t count, lt_err *err);

/* ---- step.c ---- */

/* Do the step once. Rows go to the task's progress and record. */
lt_status lt_step_run(lt_work *work, lt_err *err);
/* The commit of a dataset that a reproduction must read; 0: the newest. */
int64_t lt_work_pinned_sequence(const lt_work *work, lt_text bucket, lt_text prefix);

/* A row as an object. */
void lt_step_write_row(const lt_table *table, size_t row, lt_json_writer *writer);

/* ---- the other steps ---- */

lt_status lt_step_command(lt_work *work, lt_err *err);
lt_status lt_step_http(lt_work *work, lt_err *err);
lt_status lt_step_notify(lt_work *work, lt_err *err);
lt_status lt_step_wait(lt_work *work, lt_err *err);
lt_status lt_step_approve(lt_work *work, lt_err *err);
lt_status lt_step_pipeline(lt_work *work, lt_err *err);
lt_status lt_step_each(lt_work *work, lt_err *err);
lt_status lt_step_choose(lt_work *work, lt_err *err);

/* Send a request and judge its status; the answer becomes the output when `output` is not NULL. */
lt_status lt_step_send(lt_work *work, const lt_conf_http *http, lt_buf *output, lt_err *err);

/* ---- target.c ---- */

/* The worker's session on the target, opened when first asked for, and recorded with the attempt. */
lt_status lt_work_session(lt_work *work, lt_session **session, lt_err *err);
/* Open the target before the tasks begin, where any of them needs it. */
lt_status lt_target_prepare(executor *run, lt_err *err);
/* Nobody needs the target for now: let others have it. Called with the lock held, which is given up meanwhile. */
void lt_target_yield(executor *run);
lt_status lt_target_clean_up(executor *run, lt_err *err);
void lt_target_close(executor *run);

/* ---- telemetry.c: OpenLineage events and OpenTelemetry spans, for who asked for them in leat.yml or the environment ---- */

/* The run begins: LT_INVALID when the settings are wrong. What cannot be delivered later is a warning at the end. */
lt_status lt_telemetry_open(executor *run, lt_err *err);
/* A task has begun, has ended. With the lock held; neither waits. */
void lt_telemetry_task_began(executor *run, const lt_run_task *task);
void lt_telemetry_task_ended(executor *run, const lt_run_task *task);
/* The step is done: remember the columns of what it has read and written. On the worker, without the lock. */
void lt_telemetry_learn(lt_work *work);
/* The task has read or written this commit of a dataset. */
void lt_telemetry_learn_commit(const lt_work *work, const lt_commit_info *commit);
/* The run has ended, as its record says; `message`: why it failed. */
void lt_telemetry_close(executor *run, lt_text message);
/* "00-<trace>-<span>-01" (W3C Trace Context) for what a task starts; empty when there are no traces. In the arena. */
lt_text lt_telemetry_traceparent(const executor *run, const lt_run_task *task, lt_arena *arena);

/* ---- names.c ---- */

/* What the task's templates may ask for: params, outputs, item, ... */
void lt_work_names(lt_work *work);
lt_status lt_work_render(lt_work *work, const lt_conf_text *text, lt_text *out, lt_err *err);
/* The value of an expression, or of a template that is one; in the work's heap. */
lt_status lt_work_value(lt_work *work, const lt_conf_text *text, lt_jinja_value *out, lt_err *err);
lt_jinja_value lt_names_of_json(lt_jinja_heap *heap, const lt_json *json);

/* Make them the values of params.x and var('x'). */
lt_status lt_params_use(executor *run, lt_scope *scope, lt_err *err);

/* ---- command.c ---- */

typedef struct lt_command lt_command;
/* Everything of the attempt is recorded: the wrapper may go. Also when there is none. */
void lt_command_close(lt_work *work, bool recorded);

/* ---- notebook.c ---- */

/* What the embedded runner needs to run the notebook at `path`: arguments of Python, and its order in the environment. */
lt_status lt_notebook_order(lt_work *work, const char *base, lt_text path, lt_texts *args,
                            lt_texts *env, lt_err *err);
/* What the runner meant by its exit code; `line` is the last one that it wrote. */
lt_status lt_notebook_fail(int64_t code, lt_text line, lt_err *err);
/* Put the executed notebook, as far as it came, beside the task's log; secrets masked. Tells where in the log. */
void lt_notebook_keep(lt_work *work, const char *base);

/* ---- log.c ---- */

/* One line in the task's log, with the time in front; secrets masked. */
void lt_work_log(const lt_work *work, const char *format, ...) LT_PRINTF(2, 3);
lt_status lt_work_log_open(lt_work *work, lt_err *err);

/* ---- order.c: all with the lock held ---- */

/* Count what stands before each task, and make ready what can begin. */
void lt_order_begin(executor *run);
/* The task has ended and is recorded: what comes after it goes on. Tasks that are skipped are added to *skipped. */
typedef LT_VEC(lt_run_task *) lt_run_tasks;
void lt_order_settle(executor *run, lt_run_task *task, lt_run_tasks *skipped);
void lt_order_ready(executor *run, lt_run_task *task);
bool lt_task_has_ended(const lt_run_task *task);
/* Pass on what was skipped, from the `from`th on, and what is skipped because of that. */
void lt_order_follow(executor *run, size_t from, lt_run_tasks *skipped);
/* It is time for handlers of this role. */
void lt_order_release(executor *run, lt_step_role role, lt_run_tasks *skipped);
/* Add a task that came up while the run goes on. NULL: there is no more room. */
lt_run_task *lt_order_add(executor *run, const lt_run_task *made);
void lt_order_feed(lt_run_task *before, lt_run_task *after);
/* Begin items of a for_each, as many as may be at once. */
void lt_items_go_on(executor *run, lt_run_task *each, lt_run_tasks *skipped);

/* ---- pool.c ---- */

/* Run all tasks to their end on `threads` workers. */
void lt_pool_run(executor *run, size_t threads);
/* Record the ends of tasks, with the lock given up meanwhile; on failure the run stops. */
void lt_pool_record(executor *run, lt_run_task *const *tasks, size_t count);
