/* Events as runs, and what a look tells from what is known. */
#include "conf/conf.h"
#include "sched/look.h"
#include "sched/watch.h"

#include "support/test.h"

static lt_conf_pipeline pipeline_of(const char *text, lt_arena *arena)
{
    lt_err err = {0};
    lt_conf_pipeline out = {0};
    CHECK_OK(lt_conf_read_pipeline(lt_text_of(text), "p.yml", NULL, arena, &out, &err), err);
    return out;
}

static const char PIPELINE[] =
    "name: p\n"
    "params: {key: none, size: {type: int, default: 0}, all: ''}\n"
    "triggers:\n"
    "  one: {object: {bucket: inbox}, params: {key: $.event.key, size: $.event.size, all: "
    "$.none}}\n"
    "  many: {object: {bucket: inbox}, batch: 1m, params: {size: $.count, all: $.events}}\n"
    "tasks: {t: {shell: 'true'}}\n";

Test(sched_trigger, an_event_gives_parameters_clock_and_key)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_pipeline pipeline = pipeline_of(PIPELINE, &arena);
    lt_run_record run;
    lt_sched_event event = {T("5@77"), T("{\"key\":\"a \\\"b\\\".csv\",\"size\": 12}"),
                            T("inbox/a"), 77};
    CHECK_OK(
        lt_sched_event_run(&pipeline, &pipeline.triggers.items[0], &event, 1, &arena, &run, &err),
        err);
    CHECK(lt_text_eq(run.run_key, T("event:p:one:5@77")) && run.clock_us == 77);
    CHECK(lt_text_has(run.params_json, T("\"key\": \"a \\\"b\\\".csv\"")));
    CHECK(lt_text_has(run.params_json, T("\"size\": 12")));
    CHECK(lt_text_has(run.trigger_json, T("\"kind\":\"object\",\"trigger\":\"one\",\"event\":{")));
}

Test(sched_trigger, a_batch_counts_its_events)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_pipeline pipeline = pipeline_of(PIPELINE, &arena);
    lt_run_record run;
    lt_sched_event events[] = {{T("1@1"), T("{\"key\":\"a\"}"), T("a"), 1},
                               {T("2@2"), T("{\"key\":\"b\"}"), T("b"), 2}};
    CHECK_OK(
        lt_sched_event_run(&pipeline, &pipeline.triggers.items[1], events, 2, &arena, &run, &err),
        err);
    CHECK(lt_text_eq(run.run_key, T("event:p:many:1@1")));
    CHECK(lt_text_has(run.trigger_json, T("\"count\":2,\"events\":[{\"key\":\"a\"},{\"key\":")));
    CHECK(lt_text_has(run.params_json, T("\"size\": 2")));
}

Test(sched_trigger, a_parameter_of_another_type_is_an_error)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_pipeline pipeline = pipeline_of(PIPELINE, &arena);
    lt_run_record run;
    lt_sched_event event = {T("1"), T("{\"key\":\"a\",\"size\":\"big\"}"), T("a"), 1};
    CHECK(lt_sched_event_run(&pipeline, &pipeline.triggers.items[0], &event, 1, &arena, &run,
                             &err) == LT_INVALID);
    CHECK(lt_has(err.message, "size"));
}

Test(sched_trigger, a_look_tells_new_and_changed_and_gone_from_known)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_map) there = {0};
    lt_watched watched = {0};
    lt_look look = {.arena = &arena};
    char one[] = "1", gone[] = "";
    lt_map_put(&watched.known, T("same"), one);
    lt_map_put(&watched.known, T("changed"), one);
    lt_map_put(&watched.known, T("away"), one);
    lt_map_put(&watched.known, T("long ago"), gone);
    CHECK(!lt_look_item(&watched, &look, T("same"), T("1")));
    CHECK(lt_look_item(&watched, &look, T("changed"), T("2")));
    CHECK(lt_look_item(&watched, &look, T("new"), T("1")));
    lt_map_put(&there, T("same"), one);
    lt_map_put(&there, T("changed"), one);
    lt_map_put(&there, T("new"), one);
    lt_look_gone(&watched, &look, &there);
    CHECK(look.items.len == 3);
    CHECK(lt_text_eq(look.items.items[2].item, T("away")) && !look.items.items[2].stamp.len);
    lt_map_cleanup(&watched.known);
}

Test(sched_trigger, another_place_to_look_at_is_another_trigger)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_conf_pipeline pipeline = pipeline_of(PIPELINE, &arena);
    lt_conf_trigger other = pipeline.triggers.items[0];
    lt_text was = lt_watch_text(&other, &arena);
    other.batch_us = 5;
    CHECK(lt_text_eq(was, lt_watch_text(&other, &arena)));
    other.object.prefix = T("x/");
    CHECK(!lt_text_eq(was, lt_watch_text(&other, &arena)));
}

Test(sched_trigger, why_tells_the_last_event_and_the_trouble)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_conf_pipeline pipeline = pipeline_of(PIPELINE, &arena);
    lt_trigger_record record = {.watches = T("x"),
                                .since_us = 1000000,
                                .last_event = T("inbox/a"),
                                .last_event_at_us = 2000000,
                                .last_run = 12,
                                .trouble = T("it is gone"),
                                .trouble_since_us = 3000000};
    lt_watch_why(&pipeline.triggers.items[0], &record, true, &out);
    CHECK(
        lt_has(lt_buf_chars(&out), "waits for an object under inbox/ since 1970-01-01T00:00:01Z"));
    CHECK(lt_has(lt_buf_chars(&out), "last event inbox/a at 1970-01-01T00:00:02Z (run 12)"));
    CHECK(lt_has(lt_buf_chars(&out), "it cannot do its work: it is gone"));
}
