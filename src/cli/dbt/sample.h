/* cli/dbt/sample.h - --sample: the window of time that references are cut to. */
#pragma once
#include "cli/cmd.h"

enum { DBT_MOMENT_CHARS = 40 };

typedef struct dbt_sample {
    int64_t start_us, end_us;
    char start[DBT_MOMENT_CHARS],
        end[DBT_MOMENT_CHARS]; /* "2026-11-22 08:00:00+00:00"; empty: none */
} dbt_sample;

/* "3 days", "1 month", or "{start: 2024-01-01, end: 2024-02-01}". `now_us` ends the first kind. */
LT_MUST_CHECK lt_status dbt_sample_read(const char *text, int64_t now_us, dbt_sample *out,
                                        lt_err *err);
