/* cli/dbt/cmd.h - the verbs of `leat dbt`, for its table, and what they share. */
#pragma once
#include "cli/dbt/work.h"
#include "dbt/plan/plan.h"
#include "dbt/run/execute.h"

lt_status dbt_run_build(dbt_work *work, lt_err *err); /* run, build, test, seed, snapshot */
lt_status dbt_run_clone(dbt_work *work, lt_err *err);
lt_status dbt_run_compile(dbt_work *work, lt_err *err);
lt_status dbt_run_show(dbt_work *work, lt_err *err);
lt_status dbt_run_operation(dbt_work *work, lt_err *err);
lt_status dbt_run_retry(dbt_work *work, lt_err *err); /* cli/dbt/retry.c */
lt_status dbt_run_docs(dbt_work *work, lt_err *err);
lt_status dbt_run_docs_serve(dbt_work *work, lt_err *err);
lt_status dbt_run_freshness(dbt_work *work, lt_err *err);
lt_status dbt_run_plan(dbt_work *work, lt_err *err);
lt_status dbt_run_orphans(dbt_work *work, lt_err *err);
lt_status dbt_run_debug(dbt_work *work, lt_err *err);
lt_status dbt_run_watch(dbt_work *work, lt_err *err);
lt_status dbt_run_init(lt_app *app, const dbt_flags *flags, lt_err *err); /* outside of a project */

/* ---- cli/dbt/cmd_plan.c ---- */

/* What building the chosen nodes would do; writes nothing. *out lives until dbt_plan_close(). */
typedef struct dbt_planned {
    lt_dbt_plan plan;
    lt_arena arena;
    lt_dbt_builds builds;
    lt_dbt_state state;
    lt_dbt_run *run; /* or NULL */
} dbt_planned;
LT_MUST_CHECK lt_status dbt_plan_open(dbt_work *work, const lt_node_set *chosen, dbt_planned *out,
                                      lt_err *err);
void dbt_plan_close(dbt_planned *planned);
/* False for a DuckDB file that is not there: nothing is in it, and looking must not make it. */
bool dbt_has_database(const dbt_work *work);
/* --output text or json. */
LT_MUST_CHECK lt_status dbt_output_is_json(const dbt_work *work, bool *json, lt_err *err);

/* ---- cli/dbt/cmd_site.c ---- */

/* Write the page that shows the artifacts beside them: index.html, and with `is_static` static_index.html, which has them inside. */
LT_MUST_CHECK lt_status dbt_site_write(const char *folder, bool is_static, lt_err *err);

/* ---- cli/dbt/cmd_run.c ---- */

unsigned dbt_threads(const dbt_work *work);
LT_MUST_CHECK lt_status dbt_run_open(dbt_work *work, lt_dbt_action action,
                                     const lt_node_set *selected, lt_dbt_run **out, lt_err *err);
/* Read the project, say what it has, choose the nodes of the verb. */
LT_MUST_CHECK lt_status dbt_load_and_choose(dbt_work *work, lt_node_set *chosen, lt_err *err);
/* The nodes that the verb and the words of the command line mean. */
LT_MUST_CHECK lt_status dbt_choose(dbt_work *work, lt_node_set *chosen, lt_err *err);
/* Run what was opened, keep the record of builds, write run_results.json and manifest.json; without a summary. */
LT_MUST_CHECK lt_status dbt_run_opened(dbt_work *work, lt_dbt_action action, lt_dbt_run *run,
                                       lt_err *err);
/* Run them, say the summary, write run_results.json and manifest.json. */
LT_MUST_CHECK lt_status dbt_run_nodes(dbt_work *work, lt_dbt_action action,
                                      const lt_node_set *chosen, lt_err *err);
