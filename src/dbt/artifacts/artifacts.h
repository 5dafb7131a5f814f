/* artifacts.h - files about a project that others read, beside manifest.json: catalog.json, sources.json, graph_summary.json, semantic_manifest.json.
 *
 * Shapes are dbt's, https://schemas.getdbt.com/dbt/catalog/v1.json and sources/v3.json. A run gives the database; one without an engine gives nothing. */
#pragma once
#include "dbt/run/execute.h"

/* ---- catalog.json: relations and columns as the database has them ---- */

typedef struct lt_dbt_catalog_request {
    const lt_node_set *selected; /* only these nodes and sources; NULL: all */
    bool empty;                  /* ask nothing */
    const char *folder;
} lt_dbt_catalog_request;

/* Write FOLDER/catalog.json. *failures, in `arena`: why databases could not be asked; the file has it too. */
LT_MUST_CHECK lt_status lt_dbt_catalog_write(lt_dbt_run *run, const lt_dbt_catalog_request *request,
                                             lt_arena *arena, lt_texts *failures, lt_err *err);

/* ---- sources.json: how old the rows of sources are ---- */

typedef enum lt_dbt_fresh_status {
    LT_DBT_FRESH_PASS,
    LT_DBT_FRESH_WARN,
    LT_DBT_FRESH_ERROR,
    LT_DBT_FRESH_RUNTIME_ERROR, /* it could not be found out */
} lt_dbt_fresh_status;

typedef struct lt_dbt_fresh {
    const lt_dbt_node *source;
    lt_dbt_fresh_status status;
    int64_t loaded_at_us, asked_at_us; /* of the newest row, and of the question */
    int64_t started_us, ended_us;
    lt_text message;  /* of a runtime error */
    lt_text response; /* JSON */
    unsigned thread;  /* from 1 */
    size_t place;     /* from 1 */
} lt_dbt_fresh;

typedef struct lt_dbt_freshness_request {
    const lt_node_set *selected;
    bool without_rule; /* also those that only say when their rows were loaded */
    unsigned threads;
    const char *path; /* of the file that is written; NULL: none */
    /* Called under a lock, from any thread. */
    void (*started)(void *user, const lt_dbt_fresh *one, size_t total);
    void (*ended)(void *user, const lt_dbt_fresh *one, size_t total);
    void *user;
} lt_dbt_freshness_request;

/* Whether a source has a rule for its age. */
bool lt_dbt_has_freshness(const lt_dbt *dbt, const lt_dbt_node *source);
/* Do on-run-start and on-run-end count for it, too? A flag of the project may say no. */
bool lt_dbt_freshness_runs_hooks(const lt_dbt *dbt);
bool lt_dbt_has_hooks(const lt_dbt *dbt);
/* Ask each chosen source that has a rule. *out, *count: what was found, in the order of ids; they live with the run. LT_FAILED: something is
 * too old, or could not be asked. */
LT_MUST_CHECK lt_status lt_dbt_freshness(lt_dbt_run *run, const lt_dbt_freshness_request *request,
                                         const lt_dbt_fresh **out, size_t *count, lt_err *err);

/* ---- lines of JSON ---- */

typedef enum lt_dbt_moment_of_node {
    LT_DBT_NODE_STARTS,
    LT_DBT_NODE_ENDS,
    LT_DBT_NODE_FINISHED, /* the last word on it: with the result */
} lt_dbt_moment_of_node;

/* What an event's `data` says of its node, as dbt's does: `group` (where it has one), `node_info` and, in the end, `run_result`. */
void lt_dbt_write_node_info(const lt_dbt *dbt, const lt_dbt_node_result *result,
                            lt_dbt_moment_of_node moment, lt_json_writer *w);

/* ---- without a database ---- */

/* FOLDER/graph_summary.json: names, kinds and edges. */
LT_MUST_CHECK lt_status lt_dbt_graph_summary_write(const lt_dbt *dbt,
                                                   const lt_dbt_invocation *invocation,
                                                   const char *folder, lt_err *err);
/* FOLDER/semantic_manifest.json of a project without semantic models, metrics and saved queries; one that has them gets no such file. */
LT_MUST_CHECK lt_status lt_dbt_semantic_manifest_write(const lt_dbt *dbt, const char *folder,
                                                       lt_err *err);
