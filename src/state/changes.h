/* changes.h - what has changed in state.db, in order: for whoever looks on while things happen.
 *
 * The rows are written by triggers in the transaction of each change (sql/state/), so nothing is left out, whichever process did it. Only the
 * newest ten thousand are kept. */
#pragma once
#include "state/state.h"

typedef struct lt_change {
    int64_t sequence, at_us;
    lt_text kind; /* "run", "task", "schedule" */
    int64_t run_id;
    lt_text task, pipeline, status; /* of a schedule: "paused" or "going" */
} lt_change;
typedef LT_VEC(lt_change) lt_changes;

/* Those behind `after`, oldest first, at most `limit`. *missed: some behind `after` are not kept any more. */
LT_MUST_CHECK lt_status lt_state_changes(lt_state *state, int64_t after, size_t limit,
                                         lt_arena *arena, lt_changes *out, bool *missed,
                                         lt_err *err);
/* The sequence of the newest; 0: there is none. */
LT_MUST_CHECK lt_status lt_state_changes_end(lt_state *state, int64_t *out, lt_err *err);
