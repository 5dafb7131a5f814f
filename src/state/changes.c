/* Reads the list of changes. */
#include "state/changes.h"

#include "state/inner.h"

typedef struct look {
    int64_t after;
    size_t limit;
    lt_arena *arena;
    lt_changes *out;
    bool missed;
} look;

static lt_status read_changes(lt_tx *tx, void *context, lt_err *err)
{
    look *l = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select sequence, at_us, kind, run_id, task, pipeline, status from changes "
                    "where sequence > ? order by sequence limit ?",
                    V(l->after), V(l->limit));
    while (lt_query_next(&q)) {
        lt_change one = {.sequence = lt_query_i64(&q, 0),
                         .at_us = lt_query_i64(&q, 1),
                         .kind = lt_query_text_in(&q, l->arena, 2),
                         .run_id = lt_query_i64(&q, 3),
                         .task = lt_query_text_in(&q, l->arena, 4),
                         .pipeline = lt_query_text_in(&q, l->arena, 5),
                         .status = lt_query_text_in(&q, l->arena, 6)};
        lt_push_in(l->arena, l->out, one);
    }
    l->missed = l->out->len && l->out->items[0].sequence > l->after + 1;
    return lt_query_check(&q, err);
}

lt_status lt_state_changes(lt_state *state, int64_t after, size_t limit, lt_arena *arena,
                           lt_changes *out, bool *missed, lt_err *err)
{
    look l = {.after = after, .limit = limit, .arena = arena, .out = out};
    *out = (lt_changes){0};
    LT_TRY(lt_db_read(state->db, read_changes, &l, err));
    *missed = l.missed;
    return LT_OK;
}

static lt_status read_end(lt_tx *tx, void *context, lt_err *err)
{
    int64_t *out = context;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "select max(sequence) from changes");
    if (lt_query_next(&q))
        *out = lt_query_i64(&q, 0);
    return lt_query_check(&q, err);
}

lt_status lt_state_changes_end(lt_state *state, int64_t *out, lt_err *err)
{
    return lt_db_read(state->db, read_end, out, err);
}
