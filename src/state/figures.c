/* Counts what is in state.db. */
#include "state/figures.h"

#include "state/inner.h"

static void read_list(lt_query *q, lt_arena *arena, lt_figure_list *out)
{
    while (lt_query_next(q)) {
        lt_figure one = {.name = lt_query_text_in(q, arena, 0),
                         .status = lt_query_text_in(q, arena, 1),
                         .count = lt_query_i64(q, 2)};
        lt_push_in(arena, out, one);
    }
}

static lt_status read_figures(lt_tx *tx, void *context, lt_err *err)
{
    const reading *r = context;
    lt_figures *out = r->out;
    LT_AUTO(lt_query)
    runs = lt_tx_query(
        tx,
        "with few as (select distinct pipeline from run_counts order by pipeline limit ?) "
        "select iif(pipeline in few, pipeline, 'other') as shown, status, sum(number) from "
        "run_counts where number > 0 group by shown, status order by shown, status",
        V((int64_t)LT_FIGURE_PIPELINES));
    read_list(&runs, r->arena, &out->runs);
    LT_AUTO(lt_query)
    waiting =
        lt_tx_query(tx, "select wait_kind, '', count(*) from tasks where run_id in (select id "
                        "from runs where status in ('queued', 'running')) and status = "
                        "'waiting' group by wait_kind order by wait_kind");
    read_list(&waiting, r->arena, &out->waiting);
    LT_AUTO(lt_query)
    pools = lt_tx_query(tx, "select pool, iif(granted_at_us, 'taken', 'wanted') as state, "
                            "sum(places) from pool_places join runs on runs.id = run_id where "
                            "runs.status = 'running' group by pool, state order by pool, state");
    read_list(&pools, r->arena, &out->pools);
    return lt_query_check(&pools, err);
}

lt_status lt_state_figures(lt_state *state, lt_arena *arena, lt_figures *out, lt_err *err)
{
    reading r = {.arena = arena, .out = out};
    *out = (lt_figures){0};
    return lt_db_read(state->db, read_figures, &r, err);
}

/* ---- lengths of tasks ---- */

const int64_t lt_length_bounds_us[] = {10000,    100000,    1000000,    5000000,
                                       30000000, 300000000, 1800000000, 7200000000};

typedef struct measuring {
    int64_t after, until;
    lt_lengths found;
} measuring;

static lt_status read_lengths(lt_tx *tx, void *context, lt_err *err)
{
    measuring *m = context;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select finished_at_us - started_at_us from changes join tasks on "
                    "tasks.run_id = changes.run_id and tasks.id = changes.task where sequence > ? "
                    "and sequence <= ? and changes.kind = 'task' and changes.status in "
                    "('succeeded', 'warned', 'failed', 'cancelled') and started_at_us <> 0 and "
                    "finished_at_us <> 0",
                    V(m->after), V(m->until));
    while (lt_query_next(&q)) {
        size_t bucket = 0;
        int64_t length_us = LT_MAX(lt_query_i64(&q, 0), (int64_t)0);
        while (bucket < LT_LENGTH_BUCKETS - 1 && length_us > lt_length_bounds_us[bucket])
            bucket++;
        m->found.buckets[bucket]++;
        m->found.sum_us += length_us;
    }
    return lt_query_check(&q, err);
}

lt_status lt_state_lengths(lt_state *state, int64_t after, int64_t until, lt_lengths *out,
                           lt_err *err)
{
    measuring m = {.after = after, .until = until};
    LT_TRY(lt_db_read(state->db, read_lengths, &m, err));
    for (size_t i = 0; i < LT_LENGTH_BUCKETS; i++)
        out->buckets[i] += m.found.buckets[i];
    out->sum_us += m.found.sum_us;
    return LT_OK;
}
