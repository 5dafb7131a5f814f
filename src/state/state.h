/* state.h - the durable memory of runs: state.db in the project's home.
 *
 * A run is one execution of a selection; a task is one node in it; an attempt is one try of a task. Every transition is one
 * committed record before anything is built on it. Threads: any number may share one state; several processes one file. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef struct lt_state lt_state;

/* Open (or make) `home`/state.db. */
LT_MUST_CHECK lt_status lt_state_open(const char *home, lt_state **out, lt_err *err);
/* Does a server (leat up) work in this home? */
bool lt_state_has_server(const lt_state *state);
#define LT_NO_SERVER "no server works here: nothing begins until 'leat up'"
void lt_state_close(lt_state *state); /* NULL is fine */
LT_OWNED(lt_state_ref, lt_state *, lt_state_close)
/* Copy it as it is now to a new file, beside its use; see lt_db_copy(). */
LT_MUST_CHECK lt_status lt_state_copy(lt_state *state, const char *path, lt_err *err);
/* LT_IO unless every page and every reference of it is whole. */
LT_MUST_CHECK lt_status lt_state_check(lt_state *state, lt_err *err);
/* A random id of this state.db, made with it: the `home` of lt_attempt. Borrowed. */
lt_text lt_state_home_id(const lt_state *state);

/* lt_db_wait_for_room(): for a run, which would else lose what it has done. */
void lt_state_wait_for_room(lt_state *state, bool (*is_enough)(void));
/* Write something that changes nothing, durably. */
LT_MUST_CHECK lt_status lt_state_check_writable(lt_state *state, lt_err *err);

typedef enum lt_run_status {
    LT_RUN_RUNNING,
    LT_RUN_SUCCEEDED,
    LT_RUN_FAILED,    /* a task failed */
    LT_RUN_CANCELLED, /* Ctrl-C or `leat cancel` */
    LT_RUN_LOST,      /* its process ended without a word (killed, power cut) */
    LT_RUN_QUEUED,    /* asked for, not begun */
    LT_RUN_SKIPPED,   /* not begun, since another one of its pipeline was under way */
} lt_run_status;

typedef enum lt_task_status {
    LT_TASK_PENDING,
    LT_TASK_RUNNING,
    LT_TASK_SUCCEEDED,
    LT_TASK_WARNED, /* a test with severity warn found rows */
    LT_TASK_FAILED,
    LT_TASK_SKIPPED, /* something it needs failed */
    LT_TASK_CANCELLED,
    LT_TASK_REUSED,  /* succeeded in the run that this one retries */
    LT_TASK_WAITING, /* begun, and no thread is busy with it: lt_waiting says for what */
} lt_task_status;

/* What a run or a task waits for, so that it can be said in one sentence (why.h). Kinds:
 *   turn        an earlier run of the pipeline (`run`)            target     its target (`what`), held as `detail` says
 *   pool        places in the pool `what`                         retry      its next attempt; `detail` is the last error
 *   time        a moment (`next_us`)                              object     `what` is bucket/key
 *   sql, http   a condition; `detail` is what was found last      approval   people; `what` says who may
 *   files       files of the project that are wrong, as `detail` says
 *   run         the run `run` of the pipeline `what`              items      its items; `detail` counts them */
typedef struct lt_waiting {
    lt_text kind; /* empty: for nothing */
    lt_text what, detail;
    int64_t run;
    int64_t since_us;    /* 0: now */
    int64_t next_us;     /* when it goes on or looks again; 0: when somebody tells it */
    int64_t deadline_us; /* when it gives up; 0: never */
} lt_waiting;

const char *lt_run_status_name(lt_run_status status); /* "running", "succeeded", ... */
const char *lt_task_status_name(lt_task_status status);

typedef struct lt_run_record {
    int64_t id;                             /* 1, 2, ...: what people type */
    lt_text command;                        /* "run", "extract", "load", "retry" */
    lt_text pipeline, selection, exclusion; /* as given; may be empty */
    lt_text target;                         /* name */
    lt_text vars_json;
    int64_t clock_us; /* the moment that the run takes for now: run_started_at, run_date */
    int64_t threads;
    bool full_refresh;
    int64_t retry_of; /* run id, or 0 */
    lt_text git_commit, git_branch;
    bool git_dirty;
    lt_text tree;   /* "bucket/key" of the snapshot of a dirty tree, or empty */
    lt_text engine; /* "duckdb 1.5.5": the version that made the fingerprints */
    lt_run_status status;
    lt_text message;                       /* why it failed, one line */
    int64_t started_at_us, finished_at_us; /* 0: not yet */
    int64_t pid;
    uint64_t pid_started; /* names the process for good, with pid: lt_proc_started() */
    lt_text run_key;      /* who asks for a run with the same key gets this one; may be empty */
    lt_text params_json;  /* an object, as given */
    lt_text trigger_json; /* what asked for it: {"kind": "manual"} */
    int64_t parent_run;   /* 0: none */
    lt_text parent_task;
    int64_t claim; /* of the process that does it; see lt_state_run_claim() */
    int64_t asked_at_us;
    lt_waiting waiting;
} lt_run_record;

typedef struct lt_task_record {
    lt_text id; /* node id */
    lt_text kind, name;
    lt_task_status status;
    int64_t attempts;
    int64_t started_at_us, finished_at_us;
    int64_t rows_in, rows_out; /* -1: not counted */
    int64_t peak_bytes;
    lt_text message, hint; /* of a failure or a warning */
    lt_text result_json;   /* what later readers need: relation, commit, fingerprint */
    int64_t token;       /* of its newest attempt; when not 0, only that one may finish the task */
    lt_text needs_json;  /* ids of the tasks that it waits for: ["a", "b"] */
    lt_text parent;      /* id of the for_each that made it, or empty */
    lt_text item_json;   /* of such a task: {"index": 0, "task": "x", "item": ...} */
    lt_text output_json; /* an object that later tasks read, or empty */
    lt_text
        cause; /* skipped: "upstream", "choice", "rule"; not ended: "lost" when its process had died; not begun: "on_failure" and the like of a handler */
    lt_waiting waiting;
    int64_t failures; /* attempts that failed; those that were lost with their run do not count */
} lt_task_record;
typedef LT_VEC(lt_run_record) lt_run_records;
typedef LT_VEC(lt_task_record) lt_task_records;

/* A dataset at the commit that a run read. */
typedef struct lt_pin {
    lt_text bucket, prefix, commit_id;
    int64_t sequence;
} lt_pin;
typedef LT_VEC(lt_pin) lt_pins;

/* Record a new run with its tasks (all pending, or reused) in one transaction; run->id is set. The process is taken from getpid(). */
LT_MUST_CHECK lt_status lt_state_run_start(lt_state *state, lt_run_record *run,
                                           const lt_task_record *tasks, size_t task_count,
                                           lt_err *err);
/* With `answer` (empty: that the run has ended) for whoever has asked something of it. */
LT_MUST_CHECK lt_status lt_state_run_finish(lt_state *state, int64_t run_id, lt_run_status status,
                                            lt_text message, lt_text answer, lt_err *err);

/* May a run of a pipeline begin while others of it are under way? */
typedef enum lt_overlap {
    LT_OVERLAP_ALLOW,
    LT_OVERLAP_QUEUE,      /* wait for its turn, in the order of asking */
    LT_OVERLAP_SKIP,       /* do not run at all */
    LT_OVERLAP_CANCEL_OLD, /* have the others cancelled, then begin */
} lt_overlap;
typedef struct lt_admission {
    lt_overlap overlap;
    int64_t most; /* runs of the pipeline at once, at least 1; 0: any number */
} lt_admission;
/* Record a new run as lt_state_run_start() does, unless the rule (NULL: none) is against it: then run->status is LT_RUN_QUEUED
 * (with run->waiting) or LT_RUN_SKIPPED. LT_CONFLICT: a run with its key is there; run->id says which. */
LT_MUST_CHECK lt_status lt_state_run_ask(lt_state *state, lt_run_record *run,
                                         const lt_admission *rule, const lt_task_record *tasks,
                                         size_t task_count, lt_err *err);
/* Is it the turn of a queued run now? Then it is running, as run->status says; else run->waiting says for whom it waits. LT_CANCELLED: it
 * was cancelled meanwhile. */
LT_MUST_CHECK lt_status lt_state_run_admit(lt_state *state, lt_run_record *run,
                                           const lt_admission *rule, lt_arena *arena, lt_err *err);
/* Record a run that some other process will begin, with lt_state_run_claim(): for schedules, triggers and pipelines that call others.
 * LT_CONFLICT as above. */
LT_MUST_CHECK lt_status lt_state_run_enqueue(lt_state *state, lt_run_record *run, lt_err *err);
/* Take over a run that nobody does: one that is queued, or whose process has died. Its status is LT_RUN_QUEUED (it was never begun)
 * or LT_RUN_RUNNING then, `claim` is greater than before, and what an older claim writes is refused. LT_CONFLICT: its process lives; LT_INVALID:
 * it has ended. */
LT_MUST_CHECK lt_status lt_state_run_claim(lt_state *state, int64_t run_id, lt_arena *arena,
                                           lt_run_record *out, lt_err *err);
/* What the run itself waits for (an empty kind: nothing any more). */
LT_MUST_CHECK lt_status lt_state_run_wait(lt_state *state, int64_t run_id,
                                          const lt_waiting *waiting, lt_err *err);
/* The tasks of a run that had none yet, or some that were made while it runs: all or none. */
LT_MUST_CHECK lt_status lt_state_tasks_add(lt_state *state, int64_t run_id,
                                           const lt_task_record *tasks, size_t count, lt_err *err);

/* A run goes on: of its tasks that ended as "lost" (of the for_each `parent`, or with none), those in `alive` are running again, with the attempt
 * that they had, and the others pending. */
LT_MUST_CHECK lt_status lt_state_tasks_resume(lt_state *state, int64_t run_id, lt_text parent,
                                              const lt_text *alive, size_t count, lt_err *err);

/* A new attempt of a task begins: *token (greater than all before it in this home) names it, *attempt counts from 1. */
LT_MUST_CHECK lt_status lt_state_task_start(lt_state *state, int64_t run_id, lt_text task,
                                            int64_t *token, int64_t *attempt, lt_err *err);
/* The database backend that works for the attempt, to be ended before a later attempt begins. */
LT_MUST_CHECK lt_status lt_state_task_backend(lt_state *state, int64_t token, int pid,
                                              lt_text started, lt_err *err);
/* The attempt `token` ended and another one may follow: only the attempt is recorded. */
LT_MUST_CHECK lt_status lt_state_attempt_finish(lt_state *state, int64_t token,
                                                lt_task_status status, lt_text message,
                                                lt_err *err);
/* The task is waiting, or (an empty kind) pending again. `since_us` of 0 keeps what stands there for the same kind. */
LT_MUST_CHECK lt_status lt_state_task_wait(lt_state *state, int64_t run_id, lt_text task,
                                           const lt_waiting *waiting, lt_err *err);
/* Several at once, as below: of tasks that never began. */
LT_MUST_CHECK lt_status lt_state_tasks_finish(lt_state *state, int64_t run_id,
                                              const lt_task_record *const *tasks, size_t count,
                                              lt_err *err);
/* The attempt ended: status, rows, peak, message, hint, result, output and cause are taken from `task`; its places in pools are free again.
 * LT_CONFLICT: `token` is not the task's newest one, and nothing was written. */
LT_MUST_CHECK lt_status lt_state_task_finish(lt_state *state, int64_t run_id,
                                             const lt_task_record *task, lt_err *err);

/* Backends of attempts that never ended (their process died), with which a new run must first make an end. */
typedef struct lt_backend {
    int64_t token;
    int pid;
    lt_text started, target;
} lt_backend;
typedef LT_VEC(lt_backend) lt_backends;
LT_MUST_CHECK lt_status lt_state_lost_backends(lt_state *state, lt_text target, lt_arena *arena,
                                               lt_backends *out, lt_err *err);
LT_MUST_CHECK lt_status lt_state_backend_ended(lt_state *state, int64_t token, lt_err *err);

LT_MUST_CHECK lt_status lt_state_pin(lt_state *state, int64_t run_id, const lt_pin *pin,
                                     lt_err *err);
LT_MUST_CHECK lt_status lt_state_pins(lt_state *state, int64_t run_id, lt_arena *arena,
                                      lt_pins *out, lt_err *err);

/* LT_NOT_FOUND says which runs there are. id 0: the newest. */
LT_MUST_CHECK lt_status lt_state_run_get(lt_state *state, int64_t run_id, lt_arena *arena,
                                         lt_run_record *out, lt_err *err);
/* Newest first, at most `limit`. */
LT_MUST_CHECK lt_status lt_state_runs(lt_state *state, size_t limit, lt_arena *arena,
                                      lt_run_records *out, lt_err *err);
/* In the order of the plan. */
LT_MUST_CHECK lt_status lt_state_tasks(lt_state *state, int64_t run_id, lt_arena *arena,
                                       lt_task_records *out, lt_err *err);

/* ---- forgetting ---- */

/* Ended runs that began before `before_us` and are not among the `keep` newest, oldest first, at most `limit`. Runs whose backend on a
 * server may still be at work are not among them. */
LT_MUST_CHECK lt_status lt_state_old_runs(lt_state *state, int64_t keep, int64_t before_us,
                                          size_t limit, lt_arena *arena, lt_run_records *out,
                                          lt_err *err);
/* Delete the record of a run that has ended, with its tasks, attempts and pins. LT_CONFLICT: it runs. Missing is fine. */
LT_MUST_CHECK lt_status lt_state_run_delete(lt_state *state, int64_t run_id, lt_err *err);
/* Does any run need this snapshot? */
LT_MUST_CHECK lt_status lt_state_tree_is_used(lt_state *state, lt_text tree, bool *used,
                                              lt_err *err);

/* ---- meeting others: one writes a row, the other answers ---- */

/* May anything in state.db have changed since `stamp` was filled the last time? Costs two looks at files; zero it at first. Never false by
 * mistake; true for a tenth of a second after each change. */
typedef struct lt_state_stamp {
    int64_t size, changed_ns, main_ns;
} lt_state_stamp;
bool lt_state_changed(lt_state *state, lt_state_stamp *stamp);

typedef struct lt_request {
    int64_t id, run_id;
    lt_text task; /* empty: the whole run */
    lt_text kind; /* "cancel"; "mark" with the status as argument */
    lt_text argument, asked_by, answer;
    int64_t asked_at_us, done_at_us;
} lt_request;
typedef LT_VEC(lt_request) lt_requests;
LT_MUST_CHECK lt_status lt_state_request(lt_state *state, lt_request *request, lt_err *err);
LT_MUST_CHECK lt_status lt_state_request_get(lt_state *state, int64_t id, lt_arena *arena,
                                             lt_request *out, lt_err *err);
/* Those of a run that nobody has answered, oldest first. */
LT_MUST_CHECK lt_status lt_state_requests_open(lt_state *state, int64_t run_id, lt_arena *arena,
                                               lt_requests *out, lt_err *err);
LT_MUST_CHECK lt_status lt_state_request_done(lt_state *state, int64_t id, lt_text answer,
                                              lt_err *err);
/* Cancel a run that no process does (queued, or lost): at once. LT_CONFLICT: a process does it, so ask it. */
LT_MUST_CHECK lt_status lt_state_run_cancel_idle(lt_state *state, int64_t run_id, lt_text by,
                                                 lt_err *err);
/* Say how a task of a run that has ended counts from now on; what resumes or retries the run goes by it. */
LT_MUST_CHECK lt_status lt_state_task_mark(lt_state *state, int64_t run_id, lt_text task,
                                           lt_task_status status, lt_text by, lt_err *err);

typedef struct lt_approval {
    int64_t run_id;
    lt_text task, people_json, roles_json, message;
    int64_t asked_at_us, deadline_us;
    lt_text decision; /* "approved", "rejected", or empty */
    lt_text decided_by, comment;
    int64_t decided_at_us;
} lt_approval;
/* Ask; fine when it is asked already. */
LT_MUST_CHECK lt_status lt_state_approval_ask(lt_state *state, const lt_approval *asked,
                                              lt_err *err);
LT_MUST_CHECK lt_status lt_state_approval_get(lt_state *state, int64_t run_id, lt_text task,
                                              lt_arena *arena, lt_approval *out, lt_err *err);
/* LT_NOT_FOUND: nobody asked; LT_CONFLICT: decided already, or too late. Who may decide is the caller's to check. */
LT_MUST_CHECK lt_status lt_state_approval_decide(lt_state *state, const lt_approval *decided,
                                                 lt_err *err);

/* Places in a pool of `size`. *granted false: the wish is kept, in the order of priority (greater first) and of asking; ask again
 * with the same call when something has changed. LT_INVALID: more places than the pool has. */
typedef struct lt_pool_wish {
    lt_text pool, task;
    int64_t run_id, size, places, priority;
} lt_pool_wish;
LT_MUST_CHECK lt_status lt_state_pool_take(lt_state *state, const lt_pool_wish *wish, bool *granted,
                                           lt_err *err);
LT_MUST_CHECK lt_status lt_state_pool_leave(lt_state *state, int64_t run_id, lt_text task,
                                            lt_err *err);

/* What the process of a run has to know: requests that are open, and tasks that need not wait any longer for what they wait for: a decision,
 * the end of a run, places in a pool (only looked for with `pools`). */
typedef struct lt_news {
    lt_requests requests;
    lt_texts wake;
} lt_news;
LT_MUST_CHECK lt_status lt_state_news(lt_state *state, int64_t run_id, bool pools, lt_arena *arena,
                                      lt_news *out, lt_err *err);

/* Runs that this one has called, as (parent_task, id, status). */
LT_MUST_CHECK lt_status lt_state_runs_of(lt_state *state, int64_t parent_run, lt_arena *arena,
                                         lt_run_records *out, lt_err *err);
/* The run with this key; LT_NOT_FOUND. */
LT_MUST_CHECK lt_status lt_state_run_by_key(lt_state *state, lt_text key, lt_arena *arena,
                                            lt_run_record *out, lt_err *err);
/* Runs that are queued or running, of one pipeline or (empty) all, oldest first. */
LT_MUST_CHECK lt_status lt_state_runs_open(lt_state *state, lt_text pipeline, lt_arena *arena,
                                           lt_run_records *out, lt_err *err);

/* Runs that say "running" whose process is gone become lost, their running tasks failed, their pending and waiting ones cancelled (with "lost" as the cause). *count
 * (may be NULL) of runs. Called when a state is opened for work. */
LT_MUST_CHECK lt_status lt_state_reap(lt_state *state, int64_t *count, lt_err *err);
