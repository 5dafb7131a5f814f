/* execute_inner.h - what the files of a run share. */
#pragma once
#include "dbt/inner.h"
#include "dbt/run/execute.h"
#include "engine/keep.h"
#include "engine/write.h"

#include <pthread.h>

typedef struct task {
    LT_VEC(size_t) feeds; /* indexes of nodes that wait for this one */
    size_t missing;       /* for how many this one waits */
    bool takes_part, is_done;
} task;

/* Batches of a model that any thread may take which has nothing else to do; under the run's lock. */
typedef struct batch_queue {
    struct batch_queue *next;
    struct batching *owner;
    size_t at, end; /* the next one; behind the last */
    size_t working;
} batch_queue;

struct lt_dbt_run {
    lt_dbt_run_request request;
    run_settings settings;
    lt_engine *engine; /* NULL: without a database */
    bool owns_engine;
    bool is_server;       /* others may change the target meanwhile */
    bool has_plain_views; /* plain.c: no macro of anybody's is in the way of ours */
    bool has_records;     /* leat.writes is there, and we may write to it */
    lt_text database;     /* the connection's own */
    lt_jinja_heap values; /* of the run itself */
    run_graph graph;
    lt_dbt_rt *rt;  /* owned */
    lt_arena arena; /* under the lock */
    task *tasks;    /* by index of the node */
    lt_dbt_nodes *children;
    size_t *ready; /* a heap */
    batch_queue *batches;
    size_t ready_count, total, done_count, started_count;
    size_t shown; /* of `total`: those that have a result */
    LT_VEC(lt_dbt_node_result *) results;
    LT_VEC(lt_session *) working;  /* of the threads; borrowed from them */
    LT_VEC(lt_jinja_heap *) heaps; /* owned: of values that outlive their node */
    LT_VEC(lt_jinja_heap *) spare; /* owned: for the next node */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopped;
    size_t hooks_failed; /* their statements did; the results have them */
    int64_t started_us, ended_us;
};

/* ---- attempt.c ---- */

/* The heap of a node, a hook or an operation; lt_dbt_heap_done() when that is, which empties it for the next unless `graph` needs it. */
lt_jinja_heap *lt_dbt_heap_new(lt_dbt_run *run);
void lt_dbt_heap_done(lt_dbt_run *run, lt_jinja_heap *heap, graph_turn *turn);

/* Open the engine and the run time. */
lt_status lt_dbt_run_connect(lt_dbt_run *run, lt_err *err);
/* Compile a node, and run it; the result says how that went. `token` is NULL when nobody else can be given the node. */
void lt_dbt_attempt(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                    const lt_attempt *token, lt_dbt_node_result *result);
/* The same for one batch (NULL: the node is no microbatch model). */
void lt_dbt_attempt_once(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                         const lt_attempt *token, const lt_dbt_batch *batch,
                         lt_dbt_node_result *result);
/* target/compiled/OWN; and the node knows what it was compiled to. */
lt_status lt_dbt_compiled_write(const lt_dbt_run *run, lt_text own, lt_text sql, lt_err *err);
void lt_dbt_compiled_keep(lt_dbt_run *run, lt_dbt_node *node, lt_text own, lt_text sql);
/* The node failed: that is kept as long as the run. With the run's lock. */
void lt_dbt_result_failed(lt_dbt_run *run, lt_dbt_node_result *result, const lt_err *err);
/* Of values that live as long as the run. */
lt_jinja_heap *lt_dbt_run_heap(lt_dbt_run *run);
/* inline.c: `query`: compiled; the rows live as long as the run. */
lt_status lt_dbt_show_rows(lt_dbt_run *run, const rendering *r, lt_text query, lt_jinja_value *rows,
                           lt_err *err);
/* batches.c */
bool lt_dbt_is_microbatch(const lt_dbt_node *node);
void lt_dbt_attempt_batches(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                            const lt_attempt *token, lt_dbt_node_result *result);
/* Build the next batch of a queue that has one, if any; called and returning under the run's lock. */
bool lt_dbt_batches_help(lt_dbt_run *run, lt_session *session);
lt_status lt_dbt_make_schemas(lt_dbt_run *run, lt_err *err);

/* ---- plain.c ---- */

/* Does this project leave views to our macros, and the adapter know what they do? Before threads work: it reads the macros. */
bool lt_dbt_has_plain_views(lt_dbt *dbt, const lt_dbt_rt *rt);
/* Does the node ask for nothing but its view: no hook, grant, comment, contract or header? */
bool lt_dbt_is_plain_view(const lt_dbt *dbt, const lt_dbt_node *node);

/* ---- call.c ---- */

/* A macro that is called from outside of templates. */
typedef struct lt_dbt_macro_call {
    lt_session *session;
    const lt_dbt_node *node; /* `model`, `this`; may be NULL */
    lt_text macro;
    const lt_jinja_kwarg *args;
    size_t arg_count;
} lt_dbt_macro_call;
/* *out lives in `heap`. */
lt_status lt_dbt_macro_run(lt_dbt_run *run, const lt_dbt_macro_call *call, lt_jinja_heap *heap,
                           lt_jinja_value *out, lt_err *err);

/* execute.c: what lt_dbt_run_cancel() reaches in between. */
void lt_dbt_work_begins(lt_dbt_run *run, lt_session *session);
void lt_dbt_work_ends(lt_dbt_run *run, const lt_session *session);
/* execute.c: under the lock */
lt_dbt_node_result *lt_dbt_result_new(lt_dbt_run *run, const lt_dbt_node *node);

/* ---- fence.c ---- */

/* The transactions of one node. While the fence is closed, each begins with the lock on the node's relation and the attempt's
 * token, and what hangs on the relation stays when another takes its place. */
typedef struct node_fence {
    lt_dbt_run *run;
    const lt_dbt_node *node;
    rendering *r; /* whose exec is asked what is there */
    lt_arena *arena;
    lt_attempt attempt;
    lt_relation relation;
    lt_relation_kind existing, found; /* now; when the node began */
    lt_dbt_transaction transaction;
    lt_kept kept;
    bool is_closed, is_asked;
} node_fence;

/* Also gives the rendering the transaction. Closed for nodes that write. */
void lt_dbt_fence_init(node_fence *f, lt_dbt_run *run, rendering *r, const lt_attempt *attempt,
                       lt_arena *arena);
void lt_dbt_fence_close(node_fence *f, bool is_closed);

/* ---- run_results.c ---- */

/* An entry of `results`. */
void lt_dbt_write_result(lt_json_writer *w, const lt_dbt_run *run,
                         const lt_dbt_node_result *result);
/* result_value.c: the same as on-run-end sees it, with its node. */
lt_jinja_value lt_dbt_result_value(const lt_dbt_run *run, const lt_dbt_node_result *result,
                                   lt_jinja_heap *heap);
/* "key": [["2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"], ...] */
/* {"name": "compile", "started_at": ..., "completed_at": ...} */
void lt_dbt_write_timing(lt_json_writer *w, const char *name, int64_t started_us, int64_t ended_us);
void lt_dbt_write_spans(lt_json_writer *w, const char *key, const lt_dbt_spans *spans);
