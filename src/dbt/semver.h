/* semver.h - versions and what is wanted of them, by dbt's rules: "1.2.3", ">=1.0.0", "<2.0.0-rc1" (https://semver.org, with dbt's bounds).
 *
 * Texts are borrowed from what was read. */
#pragma once
#include "base/buf.h"
#include "base/vec.h"

typedef enum lt_dbt_bound {
    LT_DBT_EXACT,
    LT_DBT_ABOVE,    /* > */
    LT_DBT_AT_LEAST, /* >= */
    LT_DBT_BELOW,    /* < */
    LT_DBT_AT_MOST,  /* <= */
    LT_DBT_ANY,      /* no bound */
} lt_dbt_bound;

typedef struct lt_dbt_version {
    lt_dbt_bound bound;
    int64_t numbers[3];
    lt_text pre; /* "rc1"; empty for a release */
    lt_text text;
} lt_dbt_version;

typedef LT_VEC(lt_dbt_version) lt_dbt_versions;

typedef struct lt_dbt_version_range {
    lt_dbt_version start, end;
} lt_dbt_version_range;

/* LT_INVALID: it is no version. */
LT_MUST_CHECK lt_status lt_dbt_version_read(lt_text text, lt_dbt_version *out, lt_err *err);
/* Below zero: `a` comes first. Of two bounds at the same version the narrower counts. */
int lt_dbt_version_compare(const lt_dbt_version *a, const lt_dbt_version *b);
/* What all of them allow together; false: nothing. */
bool lt_dbt_versions_join(const lt_dbt_version *all, size_t count, lt_dbt_version_range *out);
bool lt_dbt_version_fits(const lt_dbt_version_range *range, const lt_dbt_version *version);
/* ">=1.0.0, <2.0.0" */
void lt_dbt_version_range_write(const lt_dbt_version_range *range, lt_buf *out);
