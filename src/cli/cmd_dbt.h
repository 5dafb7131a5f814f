/* cmd_dbt.h - the verbs of `leat dbt`, for its table. */
#pragma once
#include "cli/dbt_work.h"
