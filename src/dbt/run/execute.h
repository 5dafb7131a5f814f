/* execute.h - run the chosen nodes of a dbt project, each after what it needs, several at once.
 *
 * One lt_dbt_run is one invocation with an open engine. lt_dbt_run_nodes() starts threads, each with a session of its own, and gives
 * every chosen node a result: what ran, what failed, what was skipped because of it. */
#pragma once
#include "dbt/artifacts/manifest.h"
#include "dbt/select/select.h"
#include "engine/write.h"

typedef struct lt_dbt_run lt_dbt_run;

typedef enum lt_dbt_outcome {
    LT_DBT_SUCCESS, /* of a model, seed, snapshot; compiled */
    LT_DBT_ERROR,
    LT_DBT_SKIPPED,
    LT_DBT_PASS, /* of a test */
    LT_DBT_FAIL,
    LT_DBT_WARN,
    LT_DBT_NO_OP,
    LT_DBT_PARTIAL_SUCCESS, /* of a microbatch model: some batches are built */
    LT_DBT_OUTCOMES
} lt_dbt_outcome;
const char *lt_dbt_outcome_name(
    lt_dbt_outcome outcome); /* "success", ... as run_results.json has it */

typedef struct lt_dbt_node_result {
    const lt_dbt_node *node;
    lt_dbt_outcome outcome;
    lt_text message; /* "SELECT 100", or what went wrong: for people see lt_dbt_result_say() */
    lt_text adapter_response; /* JSON */
    const lt_err *err;        /* of a node's LT_DBT_ERROR: why, as long as the run; else NULL */
    int64_t failures;         /* of a test; -1: none */
    int64_t
        rows; /* that the last statement made or changed; failing rows of a test; -1: not known */
    bool incremental;          /* what was there stayed, and was added to */
    lt_dbt_spans done, failed; /* of a microbatch model: its batches */
    int64_t compile_started_us, compile_ended_us, execute_started_us, execute_ended_us;
    unsigned thread;      /* from 1 */
    size_t place;         /* from 1, in the order of starting */
    lt_jinja_value table; /* of show: what the query gave; lives with the run */
} lt_dbt_node_result;

typedef enum lt_dbt_action {
    LT_DBT_DO_COMPILE,
    LT_DBT_DO_RUN,
    LT_DBT_DO_CLONE,
    LT_DBT_DO_SHOW /* compile, and get rows of the query */
} lt_dbt_action;
static inline bool lt_dbt_builds_nothing(lt_dbt_action action)
{
    return action == LT_DBT_DO_COMPILE || action == LT_DBT_DO_SHOW;
}

/* What dbt has not: relations that leat has never written are left alone (LT_INVALID), but for those that `takes_over` names; grants,
 * row security and other people's views stay when a relation is built anew; rows that a test finds are kept without being asked
 * for. leat.writes must be there. */
typedef struct lt_dbt_guard {
    bool (*takes_over)(const void *context, const lt_relation *relation); /* may be NULL */
    const void *context;
} lt_dbt_guard;

/* Of an earlier run: what is left of a microbatch model. */
typedef struct lt_dbt_again {
    const lt_dbt_node *node;
    lt_dbt_spans spans;
} lt_dbt_again;

/* A batch of a microbatch model begins or has ended. */
typedef struct lt_dbt_batch_line {
    const lt_dbt_node *node;
    const char *id; /* "2024-01-01" */
    size_t place, total;
    bool has_failed;
    lt_text message; /* what the database said of it; empty: nothing */
    double seconds;  /* < 0: it begins */
} lt_dbt_batch_line;

typedef struct lt_dbt_run_request {
    lt_dbt *dbt;
    const lt_target *target;             /* opened for this run; NULL: `engine` */
    lt_engine *engine;                   /* NULL too: compile without a database */
    const lt_dbt_guard *guard;           /* NULL: as dbt */
    const lt_dbt_invocation *invocation; /* NULL: no artifacts are written */
    const char *target_folder;           /* NULL: nothing is written there */
    lt_dbt_action action;
    const lt_node_set *selected;
    unsigned threads;
    int64_t limit;        /* of LT_DBT_DO_SHOW: rows; < 0: a million */
    bool shows_ephemeral; /* ephemeral models have results like others */
    bool fail_fast, empty, favor_state;
    bool no_ctes; /* ephemeral models are named, not written out */
    bool
        is_apart; /* without a target: templates run as ever, but who asks the database is refused */
    lt_text sample_start, sample_end; /* references have only rows of this window; empty: all */
    bool warn_error;                  /* a test that would warn fails */
    bool tests_gate;                  /* build: nothing is built on what a test has refused */
    const lt_dbt_state *defer;        /* or NULL */
    int64_t event_from_us,
        event_to_us; /* what microbatch models build; 0: as they say themselves */
    const struct lt_dbt_builds *fills_gaps; /* microbatch models also build what is missing, by this
                                               record and the rows that are there; or NULL */
    const lt_dbt_again *again;              /* only these batches of these models */
    size_t again_count;
    lt_jinja_value
        credentials; /* of the profile: extensions, settings and files to attach for DuckDB */
    /* Called under a lock, from any thread. `total` nodes will run. */
    void (*started)(void *user, const lt_dbt_node_result *result, size_t total);
    void (*ended)(void *user, const lt_dbt_node_result *result, size_t total);
    void (*batch)(void *user, const lt_dbt_batch_line *line); /* without that lock */
    void *user;
} lt_dbt_run_request;

LT_MUST_CHECK lt_status lt_dbt_run_open(const lt_dbt_run_request *request, lt_dbt_run **out,
                                        lt_err *err);
void lt_dbt_run_close(lt_dbt_run *run); /* NULL is fine */
LT_OWNED(lt_dbt_run_ref, lt_dbt_run *, lt_dbt_run_close)

/* ---- for another executor than lt_dbt_run_nodes(): without `selected` ---- */

/* Go on with another engine of the same target, or with none; the caller ends the old one afterwards. No node may be at work. */
LT_MUST_CHECK lt_status lt_dbt_run_use(lt_dbt_run *run, lt_engine *engine, lt_err *err);
/* Others have changed the target: what is known of it is old. */
void lt_dbt_run_forget(lt_dbt_run *run);
/* Do one node, now; its schema is there. The result lives with the run; any number of threads, each with a session of its own. */
const lt_dbt_node_result *lt_dbt_run_node(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                                          const lt_attempt *attempt);
/* The hooks of "on-run-start" or "on-run-end", in a session of the run's engine (NULL: a new one). Each has a result; `started` and `ended` are
 * called with the number of these hooks. After one that fails (its status) the others are skipped. */
LT_MUST_CHECK lt_status lt_dbt_run_hooks(lt_dbt_run *run, const char *when, lt_session *session,
                                         lt_err *err);

/* ---- */

/* Make schemas, run on-run-start, the nodes, on-run-end. LT_FAILED: something failed (the results say what); other
 * statuses: it could not be run at all. */
LT_MUST_CHECK lt_status lt_dbt_run_nodes(lt_dbt_run *run, lt_err *err);
/* From any thread, while lt_dbt_run_nodes() is at work: statements that run are cancelled and undone, nothing more is begun. Until it returns,
 * asking again reaches what was between two statements. */
void lt_dbt_run_cancel(lt_dbt_run *run);
/* In the order of ending; NULL after the last. */
const lt_dbt_node_result *lt_dbt_result_at(const lt_dbt_run *run, size_t i);
size_t lt_dbt_run_total(const lt_dbt_run *run); /* nodes that run */
int64_t lt_dbt_elapsed_us(const lt_dbt_run *run);
/* The message as run_results.json and people have it: of an error with its kind and the node in front, further lines indented. */
void lt_dbt_result_say(const lt_dbt_run *run, const lt_dbt_node_result *result, lt_buf *out);
/* FOLDER/run_results.json (schema v6). */
LT_MUST_CHECK lt_status lt_dbt_run_results_write(const lt_dbt_run *run, const char *folder,
                                                 lt_err *err);

/* Call a macro with keywords, in a transaction that is committed: run-operation. *out lives with the run, which has a result of it.
 * LT_NOT_FOUND: there is no such macro, and no result. */
LT_MUST_CHECK lt_status lt_dbt_operation(lt_dbt_run *run, lt_text macro, lt_jinja_value args,
                                         lt_jinja_value *out, lt_err *err);

/* A text as a node of the project, the last of lt_dbt_all(), until lt_dbt_inline_remove(): --inline. LT_INVALID: it cannot be parsed. */
LT_MUST_CHECK lt_status lt_dbt_inline_add(lt_dbt *dbt, lt_text source, const lt_dbt_node **out,
                                          lt_err *err);
void lt_dbt_inline_remove(lt_dbt *dbt); /* nothing, when there is none */
bool lt_dbt_is_inline(const lt_dbt_node *node);
/* Rows of a query as a list of dictionaries in `heap`; `header` (may be empty) comes first. */
LT_MUST_CHECK lt_status lt_dbt_query_rows(lt_session *session, lt_text header, lt_text query,
                                          int64_t limit, lt_jinja_heap *heap, lt_jinja_value *rows,
                                          lt_err *err);
/* What the profile (`credentials`, a dict or undefined) says of DuckDB, done to an engine that was just opened. */
LT_MUST_CHECK lt_status lt_dbt_prepare_engine(lt_engine *engine, lt_jinja_value credentials,
                                              lt_err *err);
