/* Another run's manifest as text: what is letter by letter as it was, and nodes that another thread has read. */
#include "dbt/select/state_text.h"

#include "base/fs.h"
#include "support/test.h"

#include <stdio.h>

static bool is_same(const char *id, const char *then, const char *now)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_json_reader reader;
    lt_json_token token;
    lt_dbt_old_node *node = NULL;
    lt_err err = {0};
    lt_json_open(&reader, lt_text_of(then), "then");
    CHECK(lt_json_next(&reader, &token, &err) == LT_OK);
    CHECK(lt_dbt_old_node_read(&reader, lt_text_of(id), &arena, &token, &node, &err) == LT_OK);
    CHECK_TEXT(node->raw, then);
    return lt_dbt_old_node_is(node, lt_text_of(now));
}

Test(state_text, times_places_and_compiled_code_say_nothing_of_what_a_node_is_made_from)
{
    static const char *const alike[][2] = {
        {"{\"a\":1}", "{\"a\":1}"},
        {"{\"a\":1,\"created_at\":1.5}", "{\"a\":1,\"created_at\":17}"},
        {"{\"created_at\":1,\"a\":1}", "{\"created_at\":12,\"a\":1}"},
        {"{\"database\":\"p\",\"schema\":\"q\",\"name\":\"m\"}",
         "{\"database\":\"x\",\"schema\":null,\"name\":\"m\"}"},
        {"{\"a\":1,\"primary_key\":[\"id\"],\"b\":2}", "{\"a\":1,\"b\":2}"},
        {"{\"primary_key\":[\"id\"],\"b\":2}", "{\"b\":2}"},
        {"{\"compiled\":true,\"compiled_code\":\"a \\\" }, {\",\"b\":2}",
         "{\"compiled\":false,\"compiled_code\":null,\"b\":2}"},
        {"{\"extra_ctes\":[{\"id\":\"m\"}],\"b\":{}}", "{\"extra_ctes\":[],\"b\":{}}"},
    };
    for (size_t i = 0; i < LT_COUNT(alike); i++)
        CHECK(is_same("model.shop.m", alike[i][0], alike[i][1]));
}

Test(state_text, anything_else_is_a_difference)
{
    static const char *const others[][2] = {
        {"{\"a\":1}", "{\"a\":2}"},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
        {"{\"a\":1,\"b\":1}", "{\"a\":1}"},
        {"{\"created_at\":1,\"a\":1}", "{\"created_at\":1,\"a\":2}"},
        {"{\"created_at\":1,\"a\":1}", "{\"created_at\":1}"},
        {"{\"a\":1,\"created_at\":1}", "{\"a\":1}"},
        {"{\"a\":1}", "{\"a\":1,\"created_at\":1}"},
        {"{\"schema\":1,\"a\":1}", "{\"schema\":1}"},
        /* only of the node itself */
        {"{\"meta\":{\"created_at\":1}}", "{\"meta\":{\"created_at\":2}}"},
        {"{\"meta\":{\"schema\":\"a\"},\"schema\":\"a\"}",
         "{\"meta\":{\"schema\":\"b\"},\"schema\":\"a\"}"},
        {"{\"created_at\":1,\"raw_code\":\"a\"}", "{\"created_at\":\"a\",\"raw_code\":\"b\"}"},
        {"{\"created_at\":{},\"raw_code\":\"a\"}", "{\"created_at\":{\"raw_code\":\"a\"}}"},
        {"[1]", "[2]"},
        {"7", "8"},
    };
    for (size_t i = 0; i < LT_COUNT(others); i++)
        CHECK(!is_same("model.shop.m", others[i][0], others[i][1]));
}

Test(state_text, a_source_is_where_it_lies)
{
    const char *then = "{\"schema\":\"a\",\"created_at\":1}";
    CHECK(is_same("source.shop.a.b", then, "{\"schema\":\"a\",\"created_at\":2}"));
    CHECK(!is_same("source.shop.a.b", then, "{\"schema\":\"b\",\"created_at\":1}"));
    CHECK(is_same("model.shop.m", then, "{\"schema\":\"b\",\"created_at\":1}"));
}

/* Nodes, each with something in it that looks like another, and what stands behind them. */
static void write_manifest(lt_buf *out, size_t nodes, const char *tail)
{
    out->limit = 64 << 20;
    lt_buf_add_str(out, "{\"metadata\":{},\"nodes\":{");
    for (size_t i = 0; i < nodes; i++)
        lt_buf_printf(out,
                      "%s\"model.shop.m_%zu\": {\"number\":%zu,\"columns\":{\"a\":{},\"b.c.d\":{}},"
                      "\"created_at\":1,\"raw_code\":\"},\\\"x.y.z\\\": {%0900d\"}",
                      i ? "," : "", i, i, 0);
    lt_buf_add_str(out, tail);
}

static lt_status read_whole(lt_text text, lt_dbt_state *state, lt_err *err)
{
    const char *folder = lt_test_folder();
    LT_AUTO(lt_chars) path = lt_path_join(folder, "manifest.json");
    CHECK(lt_file_write(path, text, 0644, err) == LT_OK);
    return lt_dbt_state_read(folder, folder, state, err);
}

Test(state_text, a_large_manifest_is_read_by_two_and_has_all_nodes_once_and_in_order)
{
    enum { NODES = 6000 };
    LT_AUTO(lt_buf) text = {0};
    lt_dbt_state state = {0};
    lt_err err = {0};
    write_manifest(&text, NODES, "},\"sources\":{\"source.shop.a.b\":{\"x\":1}},\"macros\":{}}");
    CHECK(read_whole(lt_buf_text(&text), &state, &err) == LT_OK);
    lt_text id;
    size_t count = 0;
    for (; lt_dbt_state_id_at(&state, count, &id) && count < NODES; count++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "model.shop.m_%zu", count);
        CHECK_TEXT(id, expected);
        const lt_json *node = lt_dbt_state_node(&state, id);
        int64_t number = -1;
        CHECK(node && lt_json_to_i64(lt_json_find(node, "number")->text, &number));
        CHECK((size_t)number == count);
    }
    CHECK(count == NODES && lt_dbt_state_id_at(&state, NODES, &id));
    CHECK_TEXT(id, "source.shop.a.b");
    CHECK(!lt_dbt_state_id_at(&state, NODES + 1, &id));
    lt_dbt_state_cleanup(&state);
}

Test(state_text, what_is_wrong_in_the_second_half_is_told_with_its_place)
{
    static const char *const tails[] = {
        "", "}", "},", ",\"model.shop.last\":{]}}", "}}}", ",\"model.shop.last\"}}"};
    for (size_t i = 0; i < LT_COUNT(tails); i++) {
        LT_AUTO(lt_buf) text = {0};
        lt_dbt_state state = {0};
        lt_err err = {0};
        write_manifest(&text, 6000, tails[i]);
        CHECK(read_whole(lt_buf_text(&text), &state, &err) == LT_INVALID);
        CHECK(lt_has(err.message, "manifest.json:1:"));
    }
}

Test(state_text, a_middle_that_only_looks_like_a_node_changes_nothing)
{
    /* `nodes` is small; the middle is in a text and in members further down */
    static const char *const looks[] = {"{\"a.b.c\":{}},\"d.e.f\":{},\"g.h.i\":{}",
                                        "{\"a\":[{\"x\":{\"y\":{}},\"j.k.l\":{\"m\":1}}]}"};
    for (size_t i = 0; i < LT_COUNT(looks); i++) {
        LT_AUTO(lt_buf) text = {.limit = 64 << 20};
        lt_dbt_state state = {0};
        lt_err err = {0};
        lt_text id;
        lt_buf_add_str(&text, "{\"nodes\":{\"model.shop.m\":{}},\"child_map\":{\"a\":[");
        for (size_t k = 0; k < 120000; k++)
            lt_buf_printf(&text, "%s{\"k\":%s}", k ? "," : "", looks[i]);
        lt_buf_add_str(&text, "]},\"metrics\":{\"metric.shop.n\":{}}}");
        CHECK(text.len > 4 << 20);
        CHECK(read_whole(lt_buf_text(&text), &state, &err) == LT_OK);
        CHECK(lt_dbt_state_id_at(&state, 0, &id));
        CHECK_TEXT(id, "model.shop.m");
        CHECK(lt_dbt_state_id_at(&state, 1, &id));
        CHECK_TEXT(id, "metric.shop.n");
        CHECK(!lt_dbt_state_id_at(&state, 2, &id));
        lt_dbt_state_cleanup(&state);
    }
}
