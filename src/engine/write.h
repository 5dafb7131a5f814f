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
    int64_t
        token; /* from 1; 0: who writes can be told from nobody later: recorded if nobody has, never checked */
    lt_text run_id, task;
} lt_attempt;

/* The schema "leat" with its tables is there; call once for each target before writing. Safe to call at any time, by several. */
LT_MUST_CHECK lt_status lt_write_prepare(lt_session *session, lt_err *err);

/* Begin as above. On failure no transaction is open. LT_CONFLICT: a later attempt has written this relation. */
LT_MUST_CHECK lt_status lt_write_begin(lt_session *session, const lt_relation *relation,
                                       const lt_attempt *attempt, lt_err *err);

/* ---- the parts of it, for who has a transaction already ---- */

/* Wait until nobody else writes the relation, and keep others out until the transaction ends. */
LT_MUST_CHECK lt_status lt_write_lock(lt_session *session, const lt_relation *relation,
                                      lt_err *err);
/* Begin a transaction with that lock, and say what is there once the lock is ours: one message to a server. On failure no transaction is
 * open. */
LT_MUST_CHECK lt_status lt_write_begin_look(lt_session *session, const lt_relation *relation,
                                            lt_relation_kind *kind, lt_err *err);
/* LT_INVALID: leat has never written the relation, which is there as `existing`. Asked under the lock, before lt_write_claim(). */
LT_MUST_CHECK lt_status lt_write_check_own(lt_session *session, const lt_relation *relation,
                                           lt_relation_kind existing, lt_err *err);
/* Check that no later attempt has written the relation (LT_CONFLICT), and leave this attempt's token there. */
LT_MUST_CHECK lt_status lt_write_claim(lt_session *session, const lt_relation *relation,
                                       const lt_attempt *attempt, lt_err *err);
/* Are there records, and may this session add to them? Who does not make them with lt_write_prepare() asks first. */
LT_MUST_CHECK lt_status lt_write_has_records(lt_session *session, bool *has, lt_err *err);

/* Make an end of a server's backend that a dead process left behind, and wait until it is gone (at most 30 s, else LT_IO). Nothing
 * to do where targets have no backends, and when the pid is another's by now. */
LT_MUST_CHECK lt_status lt_write_end_backend(lt_session *session, int pid, lt_text started,
                                             lt_err *err);
