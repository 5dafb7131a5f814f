/* keep.h - what hangs on a relation that is about to be replaced by another of its name: grants, row security, and the views
 * that read it, which PostgreSQL drops with it.
 *
 *     LT_TRY(lt_keep_read(session, &relation, &arena, &kept, err));      the old one is still there
 *     ... drop it with CASCADE or give it another name, give its name to a new one ...
 *     LT_TRY(lt_keep_restore(session, &kept, err));                      in the same transaction
 *
 * Views come back with owner, options, grants and comments, or a warning in the log says which did not, and why. Engines without
 * grants, and whose views go by name, have nothing to keep. */
#pragma once
#include "engine/engine.h"

typedef struct lt_kept {
    lt_table rows; /* of sql/postgres/kept.sql */
    lt_relation relation;
    lt_text oid;        /* of the old one */
    bool leaves_grants; /* set it when somebody else says who may do what with the new one */
} lt_kept;

/* Also locks the relation until the end of the transaction, so that nobody hangs something on it meanwhile. Everything in *out
 * is in `arena`. */
LT_MUST_CHECK lt_status lt_keep_read(lt_session *session, const lt_relation *relation,
                                     lt_relation_kind kind, lt_arena *arena, lt_kept *out,
                                     lt_err *err);

/* Nothing is done when the old relation still has its name. Under another name it is dropped: what reads it shall read the new one.
 * LT_FAILED: grants or row security of the relation itself cannot be brought back; the transaction must be rolled back. */
LT_MUST_CHECK lt_status lt_keep_restore(lt_session *session, const lt_kept *kept, lt_err *err);
