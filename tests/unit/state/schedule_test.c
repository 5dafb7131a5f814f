/* What the server remembers of schedules. */
#include "state/schedule.h"

#include "state/inner.h"
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
    CHECK_OK(lt_state_open(lt_test_folder(), &m.state, &err), err);
    lt_schedule_seen daily = {T("daily"), T("@daily"), 100, 100};
    CHECK_OK(lt_state_schedules_seen(m.state, &daily, 1, &err), err);
    return m;
}

static lt_tick_run tick_at(int64_t at_s, const char *key)
{
    return (lt_tick_run){.at_s = at_s,
                         .wall_s = at_s,
                         .run = {.command = T("run"),
                                 .pipeline = T("daily"),
                                 .clock_us = at_s * 1000000,
                                 .run_key = lt_text_of(key)}};
}

static lt_status plan_searches(lt_tx *tx, void *context, lt_err *err)
{
    bool searches = false;
    LT_AUTO(lt_query) q = lt_tx_query(tx, context, V(T("x")));
    while (lt_query_next(&q))
        searches = lt_text_starts(lt_query_text(&q, 3), T("SEARCH runs USING"));
    LT_TRY(lt_query_check(&q, err));
    return searches ? LT_OK : lt_fail(err, LT_FAILED, "all runs are read");
}

Test(state_schedule, keys_and_parents_are_looked_up_without_reading_all_runs)
{
    static const char *const questions[] = {
        "explain query plan select id from runs where " HAS_KEY,
        "explain query plan select id from runs where " HAS_PARENT};
    lt_err err = {0};
    lt_state *state = NULL;
    CHECK_OK(lt_state_open(lt_test_folder(), &state, &err), err);
    for (size_t i = 0; i < LT_COUNT(questions); i++)
        CHECK_OK(lt_db_read(state->db, plan_searches, (void *)(uintptr_t)questions[i], &err), err);
    lt_state_close(state);
}

Test(state_schedule, a_tick_becomes_one_run_however_often_it_comes)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_run_records open = {0};
    lt_schedule_record record;
    lt_tick_run ticks[] = {tick_at(200, "a"), tick_at(300, "b")};
    CHECK_OK(lt_state_ticks(m.state, ticks, 2, &err), err);
    int64_t first = ticks[0].run.id;
    lt_tick_run again[] = {tick_at(200, "a"), tick_at(400, "c")};
    CHECK_OK(lt_state_ticks(m.state, again, 2, &err), err);
    CHECK(again[0].run.id == first && again[0].run.claim == 0 && again[1].run.claim == 1);
    CHECK_OK(lt_state_supervised(m.state, &m.arena, &open, &err), err);
    CHECK(open.len == 3);
    CHECK_OK(lt_state_schedule_get(m.state, T("daily"), &m.arena, &record, &err), err);
    CHECK(record.at_s == 400);
}

Test(state_schedule, a_pause_keeps_what_was_seen)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_schedule_record record;
    bool changed = false;
    CHECK_OK(lt_state_pause(m.state, T("daily"), T("ada"), T("holidays"), &changed, &err), err);
    CHECK(changed);
    CHECK_OK(lt_state_pause(m.state, T("daily"), T("bob"), T(""), &changed, &err), err);
    CHECK(!changed);
    CHECK_OK(lt_state_schedule_get(m.state, T("daily"), &m.arena, &record, &err), err);
    CHECK(record.paused_at_us && record.at_s == 100);
    CHECK_TEXT(record.paused_by, "ada");
    CHECK_OK(lt_state_pause(m.state, T("daily"), T(""), T(""), &changed, &err), err);
    CHECK(changed);
    CHECK_OK(lt_state_schedule_get(m.state, T("daily"), &m.arena, &record, &err), err);
    CHECK(!record.paused_at_us);
}

Test(state_schedule, a_run_that_waits_for_a_moment_says_so)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_run_records open = {0};
    lt_tick_run one = tick_at(200, "a");
    one.run.waiting = (lt_waiting){.kind = T("time"), .next_us = 260000000};
    CHECK_OK(lt_state_ticks(m.state, &one, 1, &err), err);
    CHECK_OK(lt_state_supervised(m.state, &m.arena, &open, &err), err);
    CHECK(open.len == 1 && open.items[0].waiting.next_us == 260000000);
}

Test(state_schedule, a_page_begins_below_the_last_one)
{
    lt_err err = {0};
    LT_AUTO(memory) m = memory_open();
    lt_run_records page = {0};
    lt_tick_run ticks[] = {tick_at(200, "a"), tick_at(300, "b"), tick_at(400, "c")};
    CHECK_OK(lt_state_ticks(m.state, ticks, 3, &err), err);
    lt_run_filter of_daily = {.pipeline = T("daily"), .limit = 2};
    CHECK_OK(lt_state_runs_find(m.state, &of_daily, &m.arena, &page, &err), err);
    CHECK(page.len == 2 && page.items[1].id == ticks[1].run.id);
    lt_run_filter queued = {.status = "queued", .before = page.items[1].id, .limit = 2};
    CHECK_OK(lt_state_runs_find(m.state, &queued, &m.arena, &page, &err), err);
    CHECK(page.len == 1 && page.items[0].id == ticks[0].run.id);
    lt_run_filter failed = {.status = "failed", .limit = 2};
    CHECK_OK(lt_state_runs_find(m.state, &failed, &m.arena, &page, &err), err);
    CHECK(page.len == 0);
}
