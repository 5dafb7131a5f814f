/* cmd_dbt.h - the verbs of `leat dbt`, for its table, and what they share. */
#pragma once
#include "cli/dbt_work.h"
#include "dbt/execute.h"

lt_status dbt_run_build(dbt_work *work, lt_err *err); /* run, build, test, seed, snapshot */
lt_status dbt_run_clone(dbt_work *work, lt_err *err);
lt_status dbt_run_compile(dbt_work *work, lt_err *err);
lt_status dbt_run_show(dbt_work *work, lt_err *err);
lt_status dbt_run_operation(dbt_work *work, lt_err *err);
lt_status dbt_run_retry(dbt_work *work, lt_err *err); /* dbt_retry.c */
lt_status dbt_run_docs(dbt_work *work, lt_err *err);
lt_status dbt_run_freshness(dbt_work *work, lt_err *err);
lt_status dbt_run_init(lt_app *app, const dbt_flags *flags, lt_err *err); /* outside of a project */

/* ---- cmd_dbt_run.c ---- */

unsigned dbt_threads(const dbt_work *work);
LT_MUST_CHECK lt_status dbt_run_open(dbt_work *work, lt_dbt_action action,
                                     const lt_node_set *selected, lt_dbt_run **out, lt_err *err);
/* Read the project, say what it has, choose the nodes of the verb. */
LT_MUST_CHECK lt_status dbt_load_and_choose(dbt_work *work, lt_node_set *chosen, lt_err *err);
/* Run them, say the summary, write run_results.json and manifest.json. */
LT_MUST_CHECK lt_status dbt_run_nodes(dbt_work *work, lt_dbt_action action,
                                      const lt_node_set *chosen, lt_err *err);
