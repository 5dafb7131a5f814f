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
void lt_state_close(lt_state *state); /* NULL is fine */
LT_OWNED(lt_state_ref, lt_state *, lt_state_close)
/* A random id of this state.db, made with it: the `home` of lt_attempt. Borrowed. */
lt_text lt_state_home_id(const lt_state *state);

typedef enum lt_run_status {
    LT_RUN_RUNNING,
    LT_RUN_SUCCEEDED,
    LT_RUN_FAILED,    /* a task failed */
    LT_RUN_CANCELLED, /* Ctrl-C or `leat cancel` */
    LT_RUN_LOST,      /* its process ended without a word (killed, power cut) */
} lt_run_status;

typedef enum lt_task_status {
    LT_TASK_PENDING,
    LT_TASK_RUNNING,
    LT_TASK_SUCCEEDED,
    LT_TASK_WARNED, /* a test with severity warn found rows */
    LT_TASK_FAILED,
    LT_TASK_SKIPPED, /* something it needs failed */
    LT_TASK_CANCELLED,
    LT_TASK_REUSED, /* succeeded in the run that this one retries */
} lt_task_status;

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
LT_MUST_CHECK lt_status lt_state_run_finish(lt_state *state, int64_t run_id, lt_run_status status,
                                            lt_text message, lt_err *err);

/* A new attempt of a task begins: *token (greater than all before it in this home) names it, *attempt counts from 1. */
LT_MUST_CHECK lt_status lt_state_task_start(lt_state *state, int64_t run_id, lt_text task,
                                            int64_t *token, int64_t *attempt, lt_err *err);
/* The database backend that works for the attempt, to be ended before a later attempt begins. */
LT_MUST_CHECK lt_status lt_state_task_backend(lt_state *state, int64_t token, int pid,
                                              lt_text started, lt_err *err);
/* The attempt ended: status, rows, peak, message, hint and result are taken from `task`. */
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

/* Runs that say "running" whose process is gone become lost, their running tasks failed, their pending ones cancelled. *count
 * (may be NULL) of runs. Called when a state is opened for work. */
LT_MUST_CHECK lt_status lt_state_reap(lt_state *state, int64_t *count, lt_err *err);
