/* reproduce.h - build again what a run built, from what it read, and compare.
 *
 * The files are those of the run (its commit, or the tree that was stored when it was dirty), so are the dataset commits, the
 * variables and the clock. Everything goes into scratch schemas of the same target, which are dropped at the end. Tables are
 * compared by their fingerprints (fingerprint.h). An incremental model is built whole: if it differs from what was there after
 * an increment on earlier state, it is said to be not comparable, which is no failure. Views hold nothing and are built, not
 * compared. */
#pragma once
#include "run/run.h"

typedef enum lt_verdict {
    LT_VERDICT_IDENTICAL,
    LT_VERDICT_CLOSE,          /* floating point sums in another order: within 1e-12 */
    LT_VERDICT_NOT_COMPARABLE, /* built on earlier state */
    LT_VERDICT_DIFFERENT,
} lt_verdict;
const char *lt_verdict_name(lt_verdict verdict); /* "identical", ... */

typedef struct lt_comparison {
    lt_text name; /* of the model */
    lt_verdict verdict;
    int64_t rows;
    lt_text why;
} lt_comparison;

typedef struct lt_reproduction {
    lt_run_record original;
    LT_VEC(lt_comparison) models; /* in the order of the run; in the arena */
    size_t different, not_comparable;
} lt_reproduction;

/* LT_OK: nothing differs. LT_FAILED: something does (see `out`), or the rebuild failed. LT_INVALID: the run cannot be
 * reproduced, and why. `keep`: the scratch schemas stay. */
LT_MUST_CHECK lt_status lt_reproduce(lt_workspace *workspace, int64_t run_id, bool keep,
                                     const lt_run_watch *watch, lt_arena *arena,
                                     lt_reproduction *out, lt_err *err);
