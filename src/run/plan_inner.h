/* plan_inner.h - what the files of a plan share: plan_nodes.c and plan_tasks.c fill the graph, plan.c selects in it. */
#pragma once
#include "run/plan.h"

/* ---- plan_nodes.c: what the project adds ---- */

/* Extracts, loads, models, tests and hooks; reads the models first. */
LT_MUST_CHECK lt_status lt_plan_add_graph(lt_plan *plan, lt_workspace *workspace, lt_err *err);
/* When it is known what is selected: models wait for the tests of what they read, and all for the hooks. */
void lt_plan_guard(lt_plan *plan);
/* A node with a copy of `step` as its payload; *out, unless NULL, is the graph's. */
LT_MUST_CHECK lt_status lt_plan_add_step(lt_plan *plan, const lt_node *node, const lt_step *step,
                                         lt_node **out, lt_err *err);
/* "ab.c", in the plan's arena. */
lt_text lt_plan_format(lt_plan *plan, const char *a, lt_text b, lt_text c);
bool lt_plan_is_kind(const lt_node *node, lt_step_kind kind);
/* A test that a `test:` task names is done when that task says. */
bool lt_plan_is_called_by_name(const lt_node *node);
/* The model that a unit test is of; NULL for other nodes. */
const lt_dbt_node *lt_plan_unit_model(const lt_dbt_node *node);

/* ---- plan_tasks.c: what the pipeline adds ---- */

/* Its tasks and handlers, and plan->members; nothing where there is no pipeline. */
LT_MUST_CHECK lt_status lt_plan_add_tasks(lt_plan *plan, lt_err *err);
/* One of them as a node, with nothing before it yet. */
LT_MUST_CHECK lt_status lt_plan_add_task(lt_plan *plan, const lt_conf_pipeline *pipeline,
                                         const lt_conf_task *task, lt_step_role role, lt_err *err);
/* Its on_failure alone; see lt_plan_make_alert(). */
LT_MUST_CHECK lt_status lt_plan_add_alert(lt_plan *plan, bool has_target, lt_err *err);
/* A task of the pipeline by its name, else what the words select, added to *out. LT_NOT_FOUND: nothing. */
LT_MUST_CHECK lt_status lt_plan_find_after(lt_plan *plan, const lt_conf_text *after,
                                           lt_node_set *out, lt_err *err);
/* What the words of a task select, added to *out. LT_NOT_FOUND: nothing. */
LT_MUST_CHECK lt_status lt_plan_select_of_task(lt_plan *plan, const lt_conf_task *task,
                                               lt_node_set *out, lt_err *err);
/* Is all that the test looks at in the set? *any: a part of it is. */
bool lt_plan_reads(const lt_plan *plan, const lt_node *test, const lt_node_set *set, bool *any);
/* Gives err->status: the hint names what is nearly so called, or how to select. */
LT_MUST_CHECK lt_status lt_plan_hint_names(const lt_plan *plan, lt_text unmatched, lt_err *err);

/* ---- plan.c ---- */

/* What the texts select, added to *set; an error names its place. LT_NOT_FOUND: one selects nothing. */
LT_MUST_CHECK lt_status lt_plan_select_texts(lt_plan *plan, const lt_conf_texts *texts,
                                             lt_node_set *set, lt_err *err);
