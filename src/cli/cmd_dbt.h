/* cmd_dbt.h - the verbs of `leat dbt`, for its table. */
#pragma once
#include "cli/dbt_work.h"

lt_status dbt_run_build(dbt_work *work, lt_err *err); /* run, build, test, seed, snapshot */
lt_status dbt_run_clone(dbt_work *work, lt_err *err);
lt_status dbt_run_compile(dbt_work *work, lt_err *err);
lt_status dbt_run_show(dbt_work *work, lt_err *err);
lt_status dbt_run_operation(dbt_work *work, lt_err *err);
lt_status dbt_run_retry(dbt_work *work, lt_err *err);
