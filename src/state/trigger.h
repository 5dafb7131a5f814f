/* trigger.h - what the server remembers of triggers: how far each has come, and the runs of its events.
 *
 * A step of a trigger - what it has seen now, and the runs of what is new - is one transaction: a server that is killed at any moment neither
 * loses an event nor takes one twice. The run's key names the event, so that a memory which was set back does no harm either. */
#pragma once
#include "state/state.h"

typedef struct lt_trigger_record {
    lt_text pipeline, name;
    lt_text watches; /* what it looks at; empty: it has not begun */
    lt_text cursor;
    int64_t since_us, events;
    lt_text last_event;
    int64_t last_event_at_us, last_run;
    lt_text trouble; /* empty: none */
    int64_t trouble_since_us;
} lt_trigger_record;
typedef LT_VEC(lt_trigger_record) lt_trigger_records;

/* A thing that it knows. An empty stamp: it is gone. */
typedef struct lt_trigger_item {
    lt_text item, stamp;
} lt_trigger_item;
typedef LT_VEC(lt_trigger_item) lt_trigger_items;

/* Of one pipeline, or (empty) of all. */
LT_MUST_CHECK lt_status lt_state_triggers(lt_state *state, lt_text pipeline, lt_arena *arena,
                                          lt_trigger_records *out, lt_err *err);
/* With its names alone when nothing is remembered. */
LT_MUST_CHECK lt_status lt_state_trigger_get(lt_state *state, lt_text pipeline, lt_text name,
                                             lt_arena *arena, lt_trigger_record *out, lt_err *err);
LT_MUST_CHECK lt_status lt_state_trigger_items(lt_state *state, lt_text pipeline, lt_text name,
                                               lt_arena *arena, lt_trigger_items *out, lt_err *err);

/* It looks at something else from now on: what it knew of another thing is forgotten. */
LT_MUST_CHECK lt_status lt_state_trigger_begin(lt_state *state, lt_text pipeline, lt_text name,
                                               lt_text watches, lt_text cursor,
                                               const lt_trigger_items *items, lt_err *err);

typedef struct lt_trigger_step {
    lt_text pipeline, name;
    lt_text cursor;      /* from now on; .ptr NULL: as it is */
    lt_run_record *runs; /* queued for the server; see lt_state_supervise() */
    size_t run_count;
    int64_t events; /* that these runs are for */
    lt_text last_event;
    const lt_trigger_items *items; /* may be NULL: nothing new is known */
    bool heeds_pause;              /* no run of a paused pipeline */
} lt_trigger_step;
/* All of it or nothing; ends its trouble. LT_NOT_FOUND: it has not begun. LT_CANCELLED: its runs would be of a pipeline that is paused. */
LT_MUST_CHECK lt_status lt_state_trigger_step(lt_state *state, const lt_trigger_step *step,
                                              lt_err *err);
/* Why it cannot look (empty: it can again). */
LT_MUST_CHECK lt_status lt_state_trigger_trouble(lt_state *state, lt_text pipeline, lt_text name,
                                                 lt_text trouble, lt_err *err);
