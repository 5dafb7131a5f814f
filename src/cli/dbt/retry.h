/* cli/dbt/retry.h - the run that `leat dbt retry` takes up. */
#pragma once
#include "cli/dbt/work.h"

/* Read its results from --state, else `target_folder`, and take its options over. */
LT_MUST_CHECK lt_status dbt_retry_read(dbt_work *work, const char *target_folder, lt_err *err);
