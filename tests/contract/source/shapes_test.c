/* REST records of every shape: nested, changing, doubled, odd names; and answers that are none. */
#include "net/http_server.h"
#include "support/extract.h"

#include <stdio.h>

/* A server whose answer the test sets. */
typedef struct world {
    lt_http_server *server;
    lt_test_extract *extract;
    const char *body, *type;
    int status, requests, runs;
} world;

static void handle(void *context, const lt_server_request *request, lt_server_reply *reply)
{
    world *w = context;
    w->requests++;
    lt_server_reply_header(request, reply, T("Content-Type"), lt_text_of(w->type));
    reply->status = w->status;
    lt_buf_add_str(&reply->body, w->body);
}

static world *start(const char *resource)
{
    world *w = lt_xcalloc(1, sizeof(*w));
    lt_err err = {0};
    w->status = 200;
    w->type = "application/json";
    CHECK_OK(
        lt_http_server_start(&(lt_server_options){.handle = handle, .context = w, .threads = 1},
                             &w->server, &err),
        err);
    LT_AUTO(lt_chars)
    yaml = lt_format("name: shop\nkind: rest\nbase_url: %s\nretries: 0\nresources:\n  - name: t\n  "
                     "  path: /t\n%s",
                     lt_http_server_url(w->server), resource);
    w->extract = lt_test_extract_begin(yaml);
    return w;
}

static void finish(world *w)
{
    lt_test_extract_end(w->extract);
    lt_http_server_stop(w->server);
    lt_free(w);
}

static lt_status run(world *w, const char *body)
{
    char name[16];
    w->body = body;
    (void)snprintf(name, sizeof(name), "r%d", ++w->runs);
    return lt_test_extract_run(w->extract, name);
}

static void lands(world *w, const char *body, const char *types)
{
    CHECK_OK(run(w, body), w->extract->err);
    CHECK_STR(lt_test_extract_types(w->extract), types);
}

static void refused(world *w, const char *body, lt_status status, const char *part)
{
    CHECK_STATUS(run(w, body), status, w->extract->err);
    CHECK_HAS(w->extract->err.message, part);
}

Test(shapes, nested_values_stay_nested)
{
    world *w = start("");
    lands(w,
          "[\n {\"id\": 1,\n  \"at\": {\"x\": 1, \"y z\": [1,\n 2.5]}, \"odd\": {\"a\": 1}},\n "
          "{\"id\": 2, \"odd\": [1]}\n]",
          "id BIGINT, at STRUCT(x BIGINT, \"y z\" DOUBLE[]), odd JSON");
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT \"at\"['y z'][2] FROM {data} WHERE id = 1"),
              "2.5");
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT odd FROM {data} WHERE id = 2"), "[1]");
    finish(w);
}

Test(shapes, values_survive_as_they_were)
{
    world *w = start("");
    lands(
        w,
        "[{\"s\":\"\\u00e9\\n\\\"q\\\" "
        "\xf0\x9f\x98\x80\",\"big\":18446744073709551615,\"mix\":1.50},{\"s\":\"\",\"mix\":\"x\"}]",
        "s VARCHAR, big DECIMAL(38,0), mix VARCHAR");
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT s FROM {data} WHERE s <> ''"),
              "\xc3\xa9\n\"q\" \xf0\x9f\x98\x80");
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT max(big) FROM {data}"),
              "18446744073709551615");
    finish(w);
}

Test(shapes, odd_names_become_columns)
{
    world *w = start("");
    lands(w, "[{\"User Id\":1,\"userId\":2,\"it's\":3,\"\\\"q\\\"\":4,\"\":5}]",
          "user_id BIGINT, user_id_2 BIGINT, it_s BIGINT, q BIGINT, column BIGINT");
    finish(w);
}

Test(shapes, keys_that_differ_only_in_case_are_two_columns)
{
    world *w = start("");
    lands(w,
          "[{\"id\":1,\"ID\":\"x\",\"at\":\"2026-01-01T00:00:00Z\",\"At\":{\"a/"
          "b\":[1]}},{\"id\":2,\"ID\":null}]",
          "id BIGINT, id_2 VARCHAR, at TIMESTAMP WITH TIME ZONE, at_2 STRUCT(\"a/b\" BIGINT[])");
    CHECK_STR(
        lt_test_extract_ask(
            w->extract,
            "SELECT concat(id, id_2, epoch(\"at\"), at_2['a/b'][1]) FROM {data} WHERE id = 1"),
        "1x1767225600.01");
    finish(w);
}

Test(shapes, columns_and_types_evolve)
{
    world *w = start("    cursor: {field: id, param: since}");
    lands(w, "[{\"id\":1,\"n\":1,\"empty\":null}]", "id BIGINT, n BIGINT");
    lands(w, "[{\"id\":2,\"n\":1.5,\"empty\":true,\"new\":\"2026-01-01\"}]",
          "id BIGINT, n DOUBLE, empty BOOLEAN, new DATE");
    LT_AUTO(lt_buf) schema = {0};
    lt_schema_write(&w->extract->result.schema, &schema);
    CHECK_STR(lt_buf_chars(&schema), "[{\"name\":\"id\",\"type\":\"BIGINT\"},{\"name\":\"n\","
                                     "\"type\":\"DOUBLE\"},{\"name\":\"empty\",\"type\":"
                                     "\"BOOLEAN\"},{\"name\":\"new\",\"type\":\"DATE\"}]");
    finish(w);
}

Test(shapes, what_the_contract_discards_is_counted)
{
    world *w = start("    contract: {columns: discard, types: discard}");
    lands(w, "[{\"id\":1,\"n\":1,\"o\":{\"a\":1}}]", "id BIGINT, n BIGINT, o STRUCT(a BIGINT)");
    lands(w,
          "[{\"id\":2,\"n\":\"x\",\"more\":1,\"o\":{\"a\":5}},{\"id\":3,\"n\":7,\"more\":null,"
          "\"o\":\"text\"}]",
          "id BIGINT, n BIGINT, o STRUCT(a BIGINT)");
    CHECK_INT(w->extract->result.discarded, 3);
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT concat(sum(n), '|', sum(o.a)) FROM {data}"),
              "7|5");
    finish(w);
}

Test(shapes, of_records_with_one_key_the_newest_stays)
{
    world *w = start("    key: [id]\n    cursor: {field: at, param: since}");
    lands(w,
          "[{\"id\":1,\"at\":\"2026-01-02\",\"v\":\"new\"},{\"id\":1,\"at\":\"2026-01-01\",\"v\":"
          "\"old\"},{\"id\":2,\"at\":\"2026-01-01\",\"v\":"
          "\"b\"}]",
          "id BIGINT, at DATE, v VARCHAR");
    CHECK_INT(w->extract->result.duplicates, 1);
    CHECK_STR(lt_test_extract_ask(w->extract, "SELECT string_agg(v, ',' ORDER BY id) FROM {data}"),
              "new,b");
    finish(w);
}

Test(shapes, without_a_key_equal_records_are_all_kept)
{
    world *w = start("");
    CHECK_OK(run(w, "[{\"a\":1},{\"a\":1},{\"a\":1}]"), w->extract->err);
    CHECK_INT(w->extract->result.rows, 3);
    finish(w);
}

Test(shapes, an_empty_answer_is_no_dataset_and_empties_one)
{
    world *w = start("");
    CHECK_OK(run(w, "[]"), w->extract->err);
    CHECK(!w->extract->result.committed);
    CHECK_OK(run(w, "[{\"a\":1}]"), w->extract->err);
    CHECK_OK(run(w, "[]"), w->extract->err);
    CHECK(w->extract->result.committed);
    CHECK_INT(w->extract->result.rows, 0);
    CHECK_INT(w->extract->result.schema.columns.len, 1);
    finish(w);
}

Test(shapes, wrong_ones_are_named)
{
    world *w = start("    key: [id]");
    refused(w, "[{\"a\":1}]", LT_FAILED,
            "(page 1), record 1: the record has no value for the key 'id'");
    refused(w, "[{\"id\":1},2]", LT_FAILED, "record 2 at '$' is a number, not an object");
    refused(w, "[{\"id\":1},{\"id\":2,\"x\":1,\"x\":2}]", LT_FAILED,
            "record 2: the key \"x\" stands twice");
    refused(w, "[{\"id\":1}", LT_FAILED, "tried 4 times: broken JSON at byte 9");
    finish(w);
}

Test(shapes, a_page_of_html_is_not_taken_for_data)
{
    world *w = start("");
    w->type = "text/html";
    refused(w, "<html>please sign in</html>", LT_FAILED, "broken JSON");
    w->status = 418;
    refused(w, "I am a teapot", LT_FAILED, "the server answered 418 : I am a teapot");
    finish(w);
}

Test(shapes, records_that_hold_nothing_are_an_error)
{
    world *w = start("");
    refused(w, "[{},{}]", LT_FAILED, "hold no values at all");
    finish(w);
}

Test(shapes, a_next_link_to_another_server_is_not_followed)
{
    world *w = start("    records: $.r\n    paginate: {type: next_link, next: $.next}");
    refused(w, "{\"r\":[{\"id\":1}],\"next\":\"http://127.0.0.2:1/steal\"}", LT_FAILED,
            "leads to another server, http://127.0.0.2");
    refused(w, "{\"r\":[{\"id\":1}],\"next\":\"/t\"}", LT_FAILED, "names itself as the next one");
    finish(w);
}

Test(shapes, a_missing_total_is_named)
{
    world *w = start("    records: $.r\n    paginate: {type: offset, size: 5, total: $.total}");
    refused(w, "{\"r\":[{\"id\":1}]}", LT_INVALID,
            "the page holds no number of records (paginate.total) at '$.total'");
    finish(w);
}
