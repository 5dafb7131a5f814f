/* cli/dbt/lines.h - what `leat dbt` says of nodes: dbt's lines while they run, and its summary at the end. */
#pragma once
#include "cli/dbt/work.h"
#include "dbt/artifacts/artifacts.h"

bool dbt_is_test(const lt_dbt_node *node);

void dbt_say_found(dbt_work *work);
void dbt_say_concurrency(dbt_work *work);
void dbt_say_blank(dbt_work *work);

/* For lt_dbt_settings and lt_dbt_run_request; `user` is the dbt_work. */
void dbt_line_started(void *user, const lt_dbt_node_result *result, size_t total);
void dbt_line_ended(void *user, const lt_dbt_node_result *result, size_t total);
void dbt_line_batch(void *user, const lt_dbt_batch_line *one);
lt_status dbt_line_said(void *user, lt_dbt_said how, lt_text message, lt_err *err);
void dbt_say_end(dbt_work *work, const lt_dbt_run *run);

/* For lt_dbt_freshness_request. */
void dbt_line_fresh_started(void *user, const lt_dbt_fresh *one, size_t total);
void dbt_line_fresh_ended(void *user, const lt_dbt_fresh *one, size_t total);
void dbt_say_fresh_end(dbt_work *work, const lt_dbt_fresh *all, size_t count, int64_t elapsed_us);
