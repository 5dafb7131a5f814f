/* What the server remembers of triggers. */
#include "state/trigger.h"

#include "state/schedule.h"
#include "support/test.h"

typedef struct memory {
    lt_state *state;
    lt_arena arena;
} memory;

static void memory_cleanup(memory *m)
{
    lt_state_close(m->state);
    lt_arena_cleanup(&m->arena);
}

static memory memory_open(void)
{
    lt_err err = {0};
    memory m = {0};
    lt_trigger_item known[] = {{T("a"), T("1")}, {T("b"), T("1")}};
    lt_trigger_items items = {.items = known, .len = 2};
    CHECK_OK(lt_state_open(lt_test_folder(), &m.state, &err), err);
    CHECK_OK(lt_state_trigger_begin(m.state, T("p"), T("t"), T("object|x"), T("7"), &items, &err),
             err);
    return m;
}

static lt_run_record run_of(const char *key)
{
    return (lt_run_record){
        .command = T("run"), .pipeline = T("p"), .clock_us = 1000000, .run_key = lt_text_of(key)};
}

static size_t count_runs(memory *m)
{
    lt_err err = {0};
    lt_run_records open = {0};
    CHECK_OK(lt_state_supervised(m->state, &m->arena, &open, &err), err);
    return open.len;
}

Test(state_trigger, an_event_moves_the_cursor_and_makes_its_run_together)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_trigger_record record;
    lt_run_record runs[] = {run_of("event:p:t:8"), run_of("event:p:t:9")};
    lt_trigger_step step = {.pipeline = T("p"),
                            .name = T("t"),
                            .cursor = T("9"),
                            .runs = runs,
                            .run_count = 2,
                            .events = 2,
                            .last_event = T("in/b")};
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK(count_runs(&m) == 2);
    CHECK_OK(lt_state_trigger_get(m.state, T("p"), T("t"), &m.arena, &record, &err), err);
    CHECK(lt_text_eq(record.cursor, T("9")) && record.events == 2);
    CHECK(lt_text_eq(record.last_event, T("in/b")) && record.last_run == runs[1].id);
    lt_run_record again[] = {run_of("event:p:t:9")}; /* a memory that was set back */
    step.runs = again;
    step.run_count = 1;
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK(count_runs(&m) == 2 && again[0].id == runs[1].id);
}

Test(state_trigger, a_step_of_what_has_not_begun_leaves_nothing)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_run_record runs[] = {run_of("event:p:u:1")};
    lt_trigger_step step = {
        .pipeline = T("p"), .name = T("u"), .cursor = T("1"), .runs = runs, .run_count = 1};
    CHECK(lt_state_trigger_step(m.state, &step, &err) == LT_NOT_FOUND);
    CHECK(count_runs(&m) == 0);
}

Test(state_trigger, a_paused_pipeline_takes_its_events_later)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    bool changed = false;
    lt_trigger_record record;
    lt_run_record runs[] = {run_of("event:p:t:8")};
    lt_trigger_step step = {.pipeline = T("p"),
                            .name = T("t"),
                            .cursor = T("8"),
                            .runs = runs,
                            .run_count = 1,
                            .events = 1,
                            .heeds_pause = true};
    CHECK_OK(lt_state_pause(m.state, T("p"), T("me"), T(""), &changed, &err), err);
    CHECK(lt_state_trigger_step(m.state, &step, &err) == LT_CANCELLED);
    CHECK_OK(lt_state_trigger_get(m.state, T("p"), T("t"), &m.arena, &record, &err), err);
    CHECK(count_runs(&m) == 0 && lt_text_eq(record.cursor, T("7")));
    CHECK_OK(lt_state_pause(m.state, T("p"), T(""), T(""), &changed, &err), err);
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK(count_runs(&m) == 1);
}

Test(state_trigger, what_somebody_asked_for_begins_in_a_pause)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    bool changed = false;
    lt_run_record runs[] = {run_of("event:p:t:8")};
    lt_trigger_step step = {.pipeline = T("p"), .name = T("t"), .runs = runs, .run_count = 1};
    CHECK_OK(lt_state_pause(m.state, T("p"), T("me"), T(""), &changed, &err), err);
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK(count_runs(&m) == 1);
}

Test(state_trigger, items_are_known_changed_and_forgotten)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_trigger_items found = {0};
    lt_trigger_item news[] = {{T("a"), T("2")}, {T("b"), T("")}, {T("c"), T("1")}};
    lt_trigger_items items = {.items = news, .len = 3};
    lt_trigger_step step = {.pipeline = T("p"), .name = T("t"), .items = &items};
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK_OK(lt_state_trigger_items(m.state, T("p"), T("t"), &m.arena, &found, &err), err);
    CHECK(found.len == 2);
    CHECK(lt_text_eq(found.items[0].stamp, T("2")) && lt_text_eq(found.items[1].item, T("c")));
    CHECK_OK(lt_state_trigger_begin(m.state, T("p"), T("t"), T("file|y"), T(""), NULL, &err), err);
    CHECK_OK(lt_state_trigger_items(m.state, T("p"), T("t"), &m.arena, &found, &err), err);
    CHECK(found.len == 0);
}

Test(state_trigger, trouble_keeps_its_beginning_and_ends_with_a_step)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_trigger_record first, second;
    lt_trigger_step step = {.pipeline = T("p"), .name = T("t")};
    CHECK_OK(lt_state_trigger_trouble(m.state, T("p"), T("t"), T("gone"), &err), err);
    CHECK_OK(lt_state_trigger_get(m.state, T("p"), T("t"), &m.arena, &first, &err), err);
    CHECK_OK(lt_state_trigger_trouble(m.state, T("p"), T("t"), T("away"), &err), err);
    CHECK_OK(lt_state_trigger_get(m.state, T("p"), T("t"), &m.arena, &second, &err), err);
    CHECK(lt_text_eq(second.trouble, T("away")) && lt_text_eq(second.cursor, T("7")));
    CHECK(first.trouble_since_us > 0 && second.trouble_since_us == first.trouble_since_us);
    CHECK_OK(lt_state_trigger_step(m.state, &step, &err), err);
    CHECK_OK(lt_state_trigger_get(m.state, T("p"), T("t"), &m.arena, &second, &err), err);
    CHECK(second.trouble.len == 0 && second.trouble_since_us == 0);
}
