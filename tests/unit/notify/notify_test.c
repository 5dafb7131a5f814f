/* What leaves the building: events and spans as their specifications want them, and a courier that nobody waits for. */
#include "base/fs.h"
#include "base/time.h"
#include "fmt/json.h"
#include "notify/courier.h"
#include "notify/lineage.h"
#include "notify/trace.h"
#include "support/test.h"

Test(notify, ids_are_the_same_for_the_same_words_and_well_formed)
{
    char uuid[LT_UUID_CHARS], again[LT_UUID_CHARS], other[LT_UUID_CHARS];
    char trace[LT_TRACE_ID_CHARS], span[LT_SPAN_ID_CHARS], span2[LT_SPAN_ID_CHARS];
    CHECK_STR(lt_uuid_from(T("a"), uuid), lt_uuid_from(T("a"), again));
    CHECK(strcmp(uuid, lt_uuid_from(T("b"), other)) != 0);
    CHECK(strlen(uuid) == 36 && uuid[14] == '8' && strchr("89ab", uuid[19]));
    CHECK(strlen(lt_trace_id_from(T("a"), trace)) == 32);
    CHECK(strlen(lt_span_id_from(T("a"), span)) == 16);
    CHECK(strcmp(span, lt_span_id_from(T("b"), span2)) != 0 && strncmp(trace, span, 16) != 0);
}

Test(notify, an_event_is_one_line_whatever_it_holds)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_err err = {0};
    lt_json *root = NULL;
    lt_lineage_dataset table = {
        .namespace_ = T("duckdb://x"), .name = T("a.\"b\nc"), .rows = 7, .version = T("12")};
    lt_lineage_event event = {.kind = LT_LINEAGE_FAIL,
                              .at_us = 1000000,
                              .job = {T("shop"), T("p.model.x")},
                              .job_type = T("MODEL"),
                              .run_id = T("r"),
                              .error = T("line\n\"two\""),
                              .sql = T("select 1\n\\"),
                              .dialect = T("duckdb"),
                              .nominal_start_us = 1};
    lt_push_in(&arena, &event.outputs, table);
    lt_lineage_write(&event, &out);
    lt_text line = lt_buf_text(&out);
    CHECK(lt_text_find_byte(line, '\n', 0) == line.len - 1);
    CHECK_OK(lt_json_read(line, NULL, NULL, &arena, &root, &err), err);
    CHECK_TEXT(lt_json_text_or(root, "eventType", T("")), "FAIL");
    const lt_json *run = lt_json_find(lt_json_find(root, "run"), "facets");
    CHECK_TEXT(lt_json_text_or(lt_json_find(run, "errorMessage"), "message", T("")),
               "line\n\"two\"");
    CHECK(lt_json_find(lt_json_find(run, "nominalTime"), "nominalStartTime"));
    CHECK(!lt_json_find(lt_json_find(run, "nominalTime"), "nominalEndTime"));
    const lt_json *output = &lt_json_find(root, "outputs")->items[0];
    CHECK_TEXT(lt_json_text_or(output, "name", T("")), "a.\"b\nc");
    CHECK_INT(lt_json_i64_or(lt_json_find(lt_json_find(output, "outputFacets"), "outputStatistics"),
                             "rowCount", 0),
              7);
}

Test(notify, a_span_has_numbers_as_texts_and_a_status)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) spans = {0};
    LT_AUTO(lt_buf) body = {0};
    lt_err err = {0};
    lt_json *root = NULL;
    lt_span span = {.name = T("a"), .start_us = 5, .end_us = 7, .failed = true, .message = T("no")};
    for (int i = 0; i < LT_SPAN_ATTRIBUTES + 3; i++) /* more than there is room for */
        lt_span_set_number(&span, "n", i);
    lt_span_write(&span, &spans);
    lt_trace_write(T("svc"), T("a=%20b,=x,bad"), lt_buf_text(&spans), &body);
    CHECK_OK(lt_json_read(lt_buf_text(&body), NULL, NULL, &arena, &root, &err), err);
    const lt_json *resource = &lt_json_find(root, "resourceSpans")->items[0];
    const lt_json *attributes = lt_json_find(lt_json_find(resource, "resource"), "attributes");
    CHECK(attributes->count == 3);
    CHECK_TEXT(lt_json_text_or(lt_json_find(&attributes->items[2], "value"), "stringValue", T("")),
               " b");
    const lt_json *made =
        &lt_json_find(&lt_json_find(resource, "scopeSpans")->items[0], "spans")->items[0];
    CHECK_TEXT(lt_json_text_or(made, "endTimeUnixNano", T("")), "7000");
    CHECK(lt_json_find(made, "attributes")->count == LT_SPAN_ATTRIBUTES);
    CHECK_INT(lt_json_i64_or(lt_json_find(made, "status"), "code", 0), 2);
}

Test(notify, a_courier_to_nobody_ends_in_time)
{
    int64_t began = lt_mono_us();
    lt_courier *courier =
        lt_courier_new(&(lt_courier_options){.what = "tests", .url = T("http://127.0.0.1:9/")});
    for (int i = 0; i < 100; i++)
        lt_courier_send(courier, T("{}"));
    lt_courier_end(courier, 300000);
    CHECK(lt_mono_us() - began >= 300000); /* it has tried that long */
    lt_courier_end(NULL, 0);
    courier =
        lt_courier_new(&(lt_courier_options){.what = "tests", .url = T("http://127.0.0.1:9/")});
    lt_courier_end(courier, 60 * (int64_t)1000000); /* nothing waits: it does not either */
    CHECK(lt_mono_us() - began < 50 * (int64_t)1000000);
}
