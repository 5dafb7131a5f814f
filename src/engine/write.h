/* write.h - one change of a target: one transaction, one attempt at a time, nothing half-done.
 *
 * The change of a relation goes: lock the relation, check that no later attempt has written it, record this attempt, do the
 * work, commit. A killed client's statement may still commit on a server after the client is gone; the recorded token makes a
 * late attempt stop instead of writing over a newer one.
 *
 *     LT_TRY(lt_write_begin(session, &relation, &attempt, err));   the transaction is open, the relation is ours
 *     ... statements ...
 *     LT_TRY(lt_session_commit(session, err));                             or lt_session_rollback(session)
 */
#pragma once
#include "engine/engine.h"

/* Who writes. Tokens of one home grow with every attempt; those of different homes are not compared. */
typedef struct lt_attempt {
    lt_text
        home; /* a random id of the state.db that gave the token; empty: no check, nothing recorded */
    int64_t token; /* from 1 */
    lt_text run_id, task;
} lt_attempt;

/* The schema "leat" with its tables is there; call once for each target before writing. Safe to call at any time, by several. */
LT_MUST_CHECK lt_status lt_write_prepare(lt_session *session, lt_err *err);

/* Begin as above. On failure no transaction is open. LT_CONFLICT: a later attempt has written this relation. */
LT_MUST_CHECK lt_status lt_write_begin(lt_session *session, const lt_relation *relation,
                                       const lt_attempt *attempt, lt_err *err);

/* Begin as above, and leave other people's work alone: LT_INVALID when the relation is there but leat has never written it, unless
 * `take_over`. *existing (may be NULL) is what stands under its name. */
LT_MUST_CHECK lt_status lt_write_begin_own(lt_session *session, const lt_relation *relation,
                                           const lt_attempt *attempt, bool take_over,
                                           lt_relation_kind *existing, lt_err *err);

/* Make an end of a server's backend that a dead process left behind, and wait until it is gone (at most 30 s, else LT_IO). Nothing
 * to do where targets have no backends, and when the pid is another's by now. */
LT_MUST_CHECK lt_status lt_write_end_backend(lt_session *session, int pid, lt_text started,
                                             lt_err *err);
