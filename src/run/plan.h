/* plan.h - what a run would do: the graph of the whole project, and the part of it that is meant. */
#pragma once
#include "dbt/dbt.h"
#include "dbt/profile.h"
#include "graph/graph.h"
#include "run/workspace.h"

typedef enum lt_step_kind {
    LT_STEP_EXTRACT,
    LT_STEP_LOAD,
    LT_STEP_MODEL, /* and seeds and snapshots */
    LT_STEP_TEST,  /* and unit tests */
    LT_STEP_SQL,
    LT_STEP_COMMAND, /* shell, python, notebook */
    LT_STEP_HTTP,
    LT_STEP_NOTIFY,
    LT_STEP_WAIT,
    LT_STEP_APPROVE,
    LT_STEP_PIPELINE,
    LT_STEP_EACH,
    LT_STEP_CHOOSE,
    LT_STEP_GATE, /* nothing: other tasks stand before it */
    LT_STEP_HOOK, /* on-run-start, on-run-end of a dbt project */
    LT_STEP_KINDS
} lt_step_kind;

typedef enum lt_step_role {
    LT_ROLE_MAIN,
    LT_ROLE_ON_SUCCESS,
    LT_ROLE_ON_FAILURE,
    LT_ROLE_ON_LATE
} lt_step_role;

/* One node of the graph: the payload of its lt_node. */
typedef struct lt_step {
    lt_step_kind kind;
    const lt_conf_resource *resource; /* extract, load */
    lt_relation relation;             /* load: the table */
    lt_dbt_node *node; /* model, test; gate: an ephemeral model, which stands in what reads it */
    const char *hook;  /* hook: "on-run-start" */
    const lt_conf_task *task; /* that it is, or (extract to test) to which it belongs; or NULL */
    lt_conf_rule_when when;
    lt_step_role role;
    bool uses_target;
} lt_step;

typedef struct lt_plan_request {
    lt_target target;
    const lt_conf_pipeline *pipeline; /* or NULL */
    lt_text select, exclude;          /* empty: the pipeline's, or everything */
    const char *only_kind;            /* "extract", "load": nothing else; NULL: all kinds */
    bool full_refresh;
    lt_text schema_prefix; /* a scratch copy: */
    bool
        whole_upstream; /* with all loads and models that the selected models need, without extracts and tests */
    lt_scope scope;     /* of the run */
    lt_texts take_over; /* "schema.name" or "name": replaced although leat did not make them */
} lt_plan_request;

typedef struct lt_plan {
    lt_arena arena;
    lt_plan_request request;
    lt_dbt *dbt; /* owned */
    lt_dbt_profile
        profile; /* of a dbt project whose profile builds in this target, too; else empty */
    lt_jinja_heap profile_heap;
    lt_graph graph;
    lt_node_set selected;
    lt_node_set members; /* of tasks that stand for several steps */
    size_t *order;       /* of the whole graph */
} lt_plan;

/* Read the models, build the graph, find its order, select. LT_INVALID: files, cycles, references or selectors are wrong;
 * LT_NOT_FOUND: the selection matches nothing. The caller ends *out with lt_plan_free(). */
LT_MUST_CHECK lt_status lt_plan_make(lt_workspace *workspace, const lt_plan_request *request,
                                     lt_plan **out, lt_err *err);
/* The plan of a run that cannot begin: its pipeline's on_failure alone, without those that need models or (`has_target` false) the target.
 * It may be empty. */
LT_MUST_CHECK lt_status lt_plan_make_alert(const lt_plan_request *request, bool has_target,
                                           lt_plan **out, lt_err *err);
/* Make the plan's graph, and look for the words of pipelines that select nothing in it: each is one more of the pipeline's warnings. So is
 * what keeps the graph from being made, once. */
void lt_plan_warn(lt_workspace *workspace);
/* The same, but unless `thoroughly` only when a word is neither the name of a task nor of a file that is there: reading the models takes
 * its time. */
void lt_plan_foresee(lt_workspace *workspace, bool thoroughly);
/* Is the relation one of those that the request takes over? */
bool lt_plan_takes_over(const lt_plan *plan, const lt_relation *relation);
/* LT_INVALID: one of the request's take_over is nothing that the selected steps write. */
LT_MUST_CHECK lt_status lt_plan_check_take_over(const lt_plan *plan, lt_err *err);
/* The schemas that the selected steps write, each once, in the plan's arena. */
void lt_plan_schemas(lt_plan *plan, lt_texts *out);
/* What a task of a pipeline is as a step. */
lt_step lt_plan_step_of(const lt_conf_task *task);
/* The id of a task of a pipeline, in the plan's arena. */
lt_text lt_plan_task_id(lt_plan *plan, const lt_conf_pipeline *pipeline, lt_text name);
void lt_plan_free(lt_plan *plan); /* NULL is fine */
LT_OWNED(lt_plan_ref, lt_plan *, lt_plan_free)
