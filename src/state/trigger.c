/* The rows behind triggers: how far they have come, what they know, and the runs of what is new. */
#include "state/trigger.h"

#include "state/inner.h"

#include "base/time.h"

#define TRIGGER_COLUMNS                                                                            \
    "pipeline, name, watches, cursor, since_us, events, last_event, last_event_at_us, last_run, "  \
    "trouble, trouble_since_us"

/* For the functions that run in a transaction. */
typedef struct naming {
    lt_text pipeline, name;
    lt_text watches, cursor, trouble;
    const lt_trigger_items *items;
    const lt_trigger_step *step;
    lt_arena *arena;
    void *out;
} naming;

static lt_trigger_record read_trigger(const lt_query *q, lt_arena *arena)
{
    return (lt_trigger_record){.pipeline = lt_query_text_in(q, arena, 0),
                               .name = lt_query_text_in(q, arena, 1),
                               .watches = lt_query_text_in(q, arena, 2),
                               .cursor = lt_query_text_in(q, arena, 3),
                               .since_us = lt_query_i64(q, 4),
                               .events = lt_query_i64(q, 5),
                               .last_event = lt_query_text_in(q, arena, 6),
                               .last_event_at_us = lt_query_i64(q, 7),
                               .last_run = lt_query_i64(q, 8),
                               .trouble = lt_query_text_in(q, arena, 9),
                               .trouble_since_us = lt_query_i64(q, 10)};
}

static lt_status list_triggers(lt_tx *tx, void *context, lt_err *err)
{
    const naming *n = context;
    lt_trigger_records *out = n->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select " TRIGGER_COLUMNS " from triggers where " IS_OR_ANY(
                        "pipeline", "1") " and " IS_OR_ANY("name", "2") " order by pipeline, name",
                    V(n->pipeline), V(n->name));
    while (lt_query_next(&q))
        lt_push_in(n->arena, out, read_trigger(&q, n->arena));
    return lt_query_check(&q, err);
}

lt_status lt_state_triggers(lt_state *state, lt_text pipeline, lt_arena *arena,
                            lt_trigger_records *out, lt_err *err)
{
    naming n = {.pipeline = pipeline, .arena = arena, .out = out};
    *out = (lt_trigger_records){0};
    return lt_db_read(state->db, list_triggers, &n, err);
}

lt_status lt_state_trigger_get(lt_state *state, lt_text pipeline, lt_text name, lt_arena *arena,
                               lt_trigger_record *out, lt_err *err)
{
    lt_trigger_records found = {0};
    naming n = {.pipeline = pipeline, .name = name, .arena = arena, .out = &found};
    LT_TRY(lt_db_read(state->db, list_triggers, &n, err));
    *out = found.len ? found.items[0] : (lt_trigger_record){.pipeline = pipeline, .name = name};
    return LT_OK;
}

static lt_status list_items(lt_tx *tx, void *context, lt_err *err)
{
    const naming *n = context;
    lt_trigger_items *out = n->out;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "select item, stamp from trigger_items where pipeline = ? and trigger = ? "
                    "order by item",
                    V(n->pipeline), V(n->name));
    while (lt_query_next(&q)) {
        lt_trigger_item made = {lt_query_text_in(&q, n->arena, 0),
                                lt_query_text_in(&q, n->arena, 1)};
        lt_push_in(n->arena, out, made);
    }
    return lt_query_check(&q, err);
}

lt_status lt_state_trigger_items(lt_state *state, lt_text pipeline, lt_text name, lt_arena *arena,
                                 lt_trigger_items *out, lt_err *err)
{
    naming n = {.pipeline = pipeline, .name = name, .arena = arena, .out = out};
    *out = (lt_trigger_items){0};
    return lt_db_read(state->db, list_items, &n, err);
}

/* ---- writing ---- */

static lt_status write_items(lt_tx *tx, lt_text pipeline, lt_text name,
                             const lt_trigger_items *items, lt_err *err)
{
    for (size_t i = 0; items && i < items->len; i++) {
        const lt_trigger_item *one = &items->items[i];
        if (one->stamp.len)
            LT_TRY(lt_tx_exec(tx, err,
                              "insert or replace into trigger_items (pipeline, trigger, item, "
                              "stamp) values (?, ?, ?, ?)",
                              V(pipeline), V(name), V(one->item), V(one->stamp)));
        else
            LT_TRY(lt_tx_exec(tx, err,
                              "delete from trigger_items where pipeline = ? and trigger = ? and "
                              "item = ?",
                              V(pipeline), V(name), V(one->item)));
    }
    return LT_OK;
}

static lt_status begin_trigger(lt_tx *tx, void *context, lt_err *err)
{
    const naming *n = context;
    LT_TRY(lt_tx_exec(tx, err, "delete from trigger_items where pipeline = ? and trigger = ?",
                      V(n->pipeline), V(n->name)));
    LT_TRY(lt_tx_exec(tx, err,
                      "insert into triggers (pipeline, name, watches, cursor, since_us) values (?, "
                      "?, ?, ?, ?) on conflict (pipeline, name) do update set watches = "
                      "excluded.watches, cursor = excluded.cursor, since_us = excluded.since_us, "
                      "trouble = '', trouble_since_us = 0",
                      V(n->pipeline), V(n->name), V(n->watches), V(n->cursor), V(lt_now_us())));
    return write_items(tx, n->pipeline, n->name, n->items, err);
}

lt_status lt_state_trigger_begin(lt_state *state, lt_text pipeline, lt_text name, lt_text watches,
                                 lt_text cursor, const lt_trigger_items *items, lt_err *err)
{
    naming n = {
        .pipeline = pipeline, .name = name, .watches = watches, .cursor = cursor, .items = items};
    return lt_db_write(state->db, begin_trigger, &n, err);
}

/* Asked here, since whoever looks has asked a moment before, and a pause counts from its commit on. */
static lt_status check_pause(lt_tx *tx, const lt_trigger_step *step, lt_err *err)
{
    if (!step->heeds_pause || !step->run_count)
        return LT_OK;
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "select 1 from schedules where pipeline = ? and paused_at_us <> 0",
                    V(step->pipeline));
    bool paused = lt_query_next(&q);
    LT_TRY(lt_query_check(&q, err));
    return paused
               ? lt_fail(err, LT_CANCELLED, "the pipeline '%.*s' is paused", LT_ARG(step->pipeline))
               : LT_OK;
}

static lt_status step_trigger(lt_tx *tx, void *context, lt_err *err)
{
    const lt_trigger_step *step = ((const naming *)context)->step;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(check_pause(tx, step, err));
    for (size_t i = 0; i < step->run_count; i++)
        LT_TRY(lt_state_insert_supervised(tx, &step->runs[i], err));
    LT_TRY(write_items(tx, step->pipeline, step->name, step->items, err));
    int64_t last = step->run_count ? step->runs[step->run_count - 1].id : 0;
    LT_TRY(lt_tx_exec(tx, err,
                      "update triggers set cursor = iif(?, ?, cursor), events = events + ?, "
                      "last_event = iif(? > 0, ?, last_event), last_event_at_us = iif(? > 0, ?, "
                      "last_event_at_us), last_run = iif(? > 0, ?, last_run), trouble = '', "
                      "trouble_since_us = 0 where pipeline = ? and name = ?",
                      V(step->cursor.ptr != NULL), V(step->cursor), V(step->events),
                      V(step->events), V(lt_state_masked(step->last_event, &arena)),
                      V(step->events), V(lt_now_us()), V(last), V(last), V(step->pipeline),
                      V(step->name)));
    if (lt_tx_changes(tx) != 1)
        return lt_fail(err, LT_NOT_FOUND, "nothing is known of the trigger '%.*s' of '%.*s'",
                       LT_ARG(step->name), LT_ARG(step->pipeline));
    return LT_OK;
}

lt_status lt_state_trigger_step(lt_state *state, const lt_trigger_step *step, lt_err *err)
{
    naming n = {.step = step};
    return lt_db_write(state->db, step_trigger, &n, err);
}

static lt_status set_trouble(lt_tx *tx, void *context, lt_err *err)
{
    const naming *n = context;
    LT_AUTO(lt_arena) arena = {0};
    lt_text trouble = lt_state_masked(n->trouble, &arena);
    int64_t since_us = trouble.len ? lt_now_us() : 0;
    LT_TRY(lt_tx_exec(tx, err,
                      "insert or ignore into triggers (pipeline, name, watches, since_us) values "
                      "(?, ?, '', ?)",
                      V(n->pipeline), V(n->name), V(lt_now_us())));
    return lt_tx_exec(tx, err,
                      "update triggers set trouble_since_us = iif(trouble = '' or ? = 0, ?, "
                      "trouble_since_us), trouble = ? where pipeline = ? and name = ? and trouble "
                      "<> ?",
                      V(since_us), V(since_us), V(trouble), V(n->pipeline), V(n->name), V(trouble));
}

lt_status lt_state_trigger_trouble(lt_state *state, lt_text pipeline, lt_text name, lt_text trouble,
                                   lt_err *err)
{
    naming n = {.pipeline = pipeline, .name = name, .trouble = trouble};
    return lt_db_write(state->db, set_trouble, &n, err);
}
