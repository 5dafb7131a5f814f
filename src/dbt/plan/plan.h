/* plan.h - what a build of chosen nodes would do and why, found out without writing anything.
 *
 * For each node the newest evidence of what its relation was built from is taken: the record of `leat dbt` (builds.h); the manifest
 * and results of another run, of --state or of the target folder, when they belong together; else only whether the
 * relation is there. What cannot be told counts as changed, and the reason says so. */
#pragma once
#include "dbt/plan/builds.h"
#include "dbt/run/execute.h"

typedef enum lt_dbt_why {
    LT_DBT_WHY_NEVER,    /* there is no such relation; of a test: it has never passed */
    LT_DBT_WHY_FULL,     /* --full-refresh */
    LT_DBT_WHY_CODE,     /* SQL, a macro, a variable, an ephemeral model */
    LT_DBT_WHY_CONFIG,   /* configuration */
    LT_DBT_WHY_DATA,     /* seeds and sources; spans of a microbatch model */
    LT_DBT_WHY_UPSTREAM, /* what it reads is built, or was, after it */
    LT_DBT_WHY_FAILED,   /* the last build of it failed, or never ended */
    LT_DBT_WHY_UNKNOWN,  /* nothing tells what it was built from */
    LT_DBT_WHYS
} lt_dbt_why;
const char *lt_dbt_why_name(lt_dbt_why why); /* "never built", "code", ... */

typedef enum lt_dbt_evidence {
    LT_DBT_BY_NOTHING,
    LT_DBT_BY_RECORD,    /* leat_builds.json */
    LT_DBT_BY_MANIFEST,  /* manifest.json and run_results.json */
    LT_DBT_BY_WAREHOUSE, /* the relation is there, or not */
    LT_DBT_EVIDENCES
} lt_dbt_evidence;
const char *lt_dbt_evidence_name(lt_dbt_evidence evidence);

typedef struct lt_dbt_reason {
    lt_dbt_why why;
    lt_text what; /* a sentence without a dot: "macro macro.shop.cents has changed" */
} lt_dbt_reason;

typedef struct lt_dbt_plan_item {
    const lt_dbt_node *node;
    bool is_built; /* else nothing has changed since `built_at_us` */
    LT_VEC(lt_dbt_reason) reasons;
    lt_dbt_evidence evidence;
    int64_t built_at_us; /* when the last build of it began; 0: not known */
    lt_text note;        /* what does not count but should be known; or empty */
} lt_dbt_plan_item;

typedef struct lt_dbt_plan {
    LT_VEC(lt_dbt_plan_item) items; /* in the order of building */
    size_t built;
} lt_dbt_plan;

typedef struct lt_dbt_plan_request {
    lt_dbt_run *run; /* with an engine; NULL: there is no database yet, so nothing is built */
    lt_dbt *dbt;
    const lt_node_set *selected;
    const lt_dbt_builds *builds;
    const lt_dbt_state *state; /* or NULL */
    const char *state_name;    /* its folder, for sentences */
    unsigned threads;          /* for questions about sources */
} lt_dbt_plan_request;

/* All of *out lives in `arena`, which must not end before the run. */
LT_MUST_CHECK lt_status lt_dbt_plan_make(const lt_dbt_plan_request *request, lt_arena *arena,
                                         lt_dbt_plan *out, lt_err *err);
