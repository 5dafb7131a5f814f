/* ask.h - what people ask of runs that are recorded, from the command line or through the server: cancel, mark, retry, decide.
 *
 * Who may ask is the caller's to check, but for decisions, whose task says who may. */
#pragma once
#include "state/state.h"
#include "state/users.h"

typedef struct lt_run_asker {
    lt_state *state;  /* borrowed */
    const char *home; /* borrowed; the folder with the state */
    lt_text by;       /* who asks: a name */
    lt_arena *arena;
} lt_run_asker;

/* The task of a run that the word names: its id, or its name (of several, the first). LT_NOT_FOUND with the nearest name. */
LT_MUST_CHECK lt_status lt_run_find_task(lt_state *state, const lt_run_record *run, lt_text word,
                                         lt_arena *arena, lt_task_record *out, lt_err *err);

typedef struct lt_run_cancelled {
    int64_t request;     /* for lt_state_request_get(); 0: it is over already */
    size_t ended, stuck; /* of a run that is over: processes that had gone on without it */
} lt_run_cancelled;
/* Cancel a run, or (a task's id) one task of it. LT_CONFLICT: the run has ended. */
LT_MUST_CHECK lt_status lt_run_ask_cancel(const lt_run_asker *asker, const lt_run_record *run,
                                          lt_text task, lt_run_cancelled *out, lt_err *err);
/* End the process of a run that does not answer to a cancel: SIGTERM, SIGKILL when that did not help within LT_FORCE_PATIENCE_US, then what it
 * has left; and the run is cancelled, unless it came to its own end meanwhile (*now says so). Waits for all of that. */
enum { LT_FORCE_PATIENCE_US = 10 * 1000000 };
LT_MUST_CHECK lt_status lt_run_force_cancel(const lt_run_asker *asker, const lt_run_record *run,
                                            lt_run_record *now, lt_run_cancelled *out, lt_err *err);
/* Wait for the answer to a request, `patience_us` at most or until the stop flag is set (LT_CANCELLED); out->done_at_us is 0 when there was none in time. */
LT_MUST_CHECK lt_status lt_run_await(const lt_run_asker *asker, int64_t request,
                                     int64_t patience_us, lt_request *out, lt_err *err);
/* Say how a task counts from now on: LT_TASK_SUCCEEDED or LT_TASK_FAILED. While the run is under way its process does it. LT_CONFLICT: the run
 * has not begun. */
LT_MUST_CHECK lt_status lt_run_ask_mark(const lt_run_asker *asker, const lt_run_record *run,
                                        lt_text task, lt_task_status status, lt_err *err);

typedef struct lt_run_retry {
    lt_text from;    /* this task and all behind it, whatever they came to; may be empty */
    bool all;        /* every task */
    lt_text key;     /* who asks again with the same key gets the same run; may be empty */
    lt_text request; /* beside it: the sum of what was asked, kept with the run */
} lt_run_retry;
/* LT_CONFLICT, LT_INVALID: this run cannot be retried (now). */
LT_MUST_CHECK lt_status lt_run_check_retry(const lt_run_record *before, lt_err *err);
/* Have the server do again what did not succeed, in a new run. out->claim is 0 when the key has its run already. */
LT_MUST_CHECK lt_status lt_run_ask_retry(const lt_run_asker *asker, const lt_run_record *before,
                                         const lt_run_retry *retry, lt_run_record *out,
                                         lt_err *err);
/* What a queued retry was asked for, from its record. */
LT_MUST_CHECK lt_status lt_run_retry_of(const lt_run_record *run, lt_arena *arena,
                                        lt_run_retry *out, lt_err *err);

/* May the asker decide on this? `role` is what they may (LT_ROLE_NONE: nothing but what names them). LT_DENIED: the task wants others. A
 * task that names nobody is for everybody who may more than look. */
LT_MUST_CHECK lt_status lt_run_may_decide(const lt_run_asker *asker, const lt_approval *asked,
                                          lt_role role, lt_err *err);
/* Agree to a task or reject it. LT_DENIED as above; LT_CONFLICT: it is decided already. */
LT_MUST_CHECK lt_status lt_run_decide(const lt_run_asker *asker, int64_t run_id, lt_text task,
                                      lt_role role, bool approve, lt_text comment, lt_err *err);
