/* print.h - the fingerprint of a node: all that its relation follows from but data, in parts, so that two of them say what has changed.
 *
 * A part is a list "name=digest;name=digest;..." in the order of names; `code` has one item. What a person can change without
 * changing the relation (tags, meta, descriptions that are not persisted, ...) is in none. */
#pragma once
#include "dbt/dbt.h"

typedef enum lt_dbt_part {
    LT_DBT_PART_CODE, /* SQL; of a seed the file; of a test its arguments */
    LT_DBT_PART_CONFIG, /* configuration by key, and columns where a contract or comments depend on them */
    LT_DBT_PART_MACROS, /* of the project and its packages: those that it calls, and those that they call */
    LT_DBT_PART_VARS, /* variables and environment variables that its text names, or that of its macros */
    LT_DBT_PART_UPSTREAM, /* ephemeral models, which are a part of its SQL; where the others are */
    LT_DBT_PRINT_PARTS
} lt_dbt_part;
const char *lt_dbt_part_name(
    lt_dbt_part part); /* "code", "config", "macro", "variable", "upstream" */

typedef struct lt_dbt_print {
    lt_text parts[LT_DBT_PRINT_PARTS];
} lt_dbt_print;

/* Fingerprints of one project; one thread. */
typedef struct lt_dbt_prints lt_dbt_prints;
lt_dbt_prints *lt_dbt_prints_new(lt_dbt *dbt);
void lt_dbt_prints_free(lt_dbt_prints *prints); /* NULL is fine */
LT_OWNED(lt_dbt_prints_ref, lt_dbt_prints *, lt_dbt_prints_free)

/* Lives as long as `prints`. */
const lt_dbt_print *lt_dbt_print_of(lt_dbt_prints *prints, const lt_dbt_node *node);
/* A number that tells whether a fingerprint has to be made: that of two projects which this process read with one parse cache, one after
 * the other, is the same when the numbers are. 0: it cannot be told. Costs little. */
uint64_t lt_dbt_print_mark(lt_dbt_prints *prints, const lt_dbt_node *node);
bool lt_dbt_part_same(const lt_dbt_print *a, const lt_dbt_print *b, lt_dbt_part part);
/* The names of a part that differ: "materialized, schema"; at most `most` of them, then "and 3 more". */
void lt_dbt_part_diff(lt_text then, lt_text now, size_t most, lt_buf *out);
