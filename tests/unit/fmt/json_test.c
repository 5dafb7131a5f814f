/* JSON is read to the letter, and written byte for byte the same. */
#include "fmt/json.h"
#include "support/cases.h"
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

static void read_and_write(const lt_case *one, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json *root;
    lt_json_writer writer = {.out = out};
    lt_status read = lt_json_read(one->input, NULL, NULL, &arena, &root, &err);
    if (read == LT_OK)
        lt_json_tree(&writer, root);
    else
        lt_buf_add_str(out, err.message);
    lt_err again = {0};
    if (lt_json_check(one->input, NULL, &again) != read && !lt_has(err.message, "stands twice"))
        lt_buf_add_str(out, " (but lt_json_check says otherwise)");
}

Test(json, accepts_what_the_rfc_allows)
{
    lt_cases_run("json/accept.txt", read_and_write);
}

Test(json, rejects_everything_else_and_says_where)
{
    lt_cases_run("json/reject.txt", read_and_write);
}

Test(json, every_cut_of_a_text_is_refused)
{
    lt_err err = {0};
    lt_text all = T("{\"key\": [1.5e+3, \"a\\u00e9\\ud83d\\ude00 \xC3\xA9 longer than eight\", "
                    "true, null, {}]}");
    CHECK_OK(lt_json_check(all, NULL, &err), err);
    for (size_t len = 0; len < all.len; len++) {
        char *exact = malloc(len ? len : 1); /* so that a read behind the end is seen */
        memcpy(exact, all.ptr, len);
        CHECK_STATUS(lt_json_check(lt_text_at(exact, len), NULL, &err), LT_INVALID, err);
        free(exact);
    }
}

Test(json, names_the_text_in_errors)
{
    lt_err err = {0};
    CHECK_STATUS(lt_json_check(T("[1,\n x]"), "page 3", &err), LT_INVALID, err);
    CHECK_STR(err.message, "page 3:2:2: expected a value, got 'x'");
    CHECK_STATUS(lt_json_check((lt_text){0}, "", &err), LT_INVALID, err);
    CHECK_STR(err.message, "1:1: the JSON ends here, expected a value");
}

static void nest(lt_buf *out, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        lt_buf_add_str(out, i % 2 ? "{\"a\":" : "[");
    lt_buf_add_byte(out, '0');
    for (size_t i = depth; i-- > 0;)
        lt_buf_add_byte(out, i % 2 ? '}' : ']');
}

Test(json, nesting_has_a_limit_that_can_be_set)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) fits = {0}, deep = {0}, written = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json *root;
    nest(&fits, LT_JSON_DEPTH);
    CHECK_OK(lt_json_check(lt_buf_text(&fits), NULL, &err), err);
    nest(&deep, LT_JSON_DEPTH + 1);
    CHECK_STATUS(lt_json_check(lt_buf_text(&deep), NULL, &err), LT_TOO_BIG, err);
    CHECK_HAS(err.message, "nested deeper than 512 levels");
    lt_json_options more = {.depth = 99999};
    CHECK_OK(lt_json_read(lt_buf_text(&deep), NULL, &more, &arena, &root, &err), err);
    lt_json_writer writer = {.out = &written};
    lt_json_tree(&writer, root);
    CHECK(lt_text_eq(lt_buf_text(&written), lt_buf_text(&deep)));
    lt_buf_clear(&deep);
    nest(&deep, LT_JSON_DEPTH_MAX + 1);
    CHECK_STATUS(lt_json_read(lt_buf_text(&deep), NULL, &more, &arena, &root, &err), LT_TOO_BIG,
                 err);
    lt_json_options less = {.depth = 1};
    CHECK_OK(lt_json_read(T("[1]"), NULL, &less, &arena, &root, &err), err);
    CHECK_STATUS(lt_json_read(T("[[1]]"), "x", &less, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_STR(err.message, "x:1:2: nested deeper than 1 levels");
}

Test(json, values_have_a_limit)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json *root;
    lt_json_options few = {.node_limit = 3};
    CHECK_OK(lt_json_read(T("[1,2]"), NULL, &few, &arena, &root, &err), err);
    CHECK_STATUS(lt_json_read(T("[1,2,3]"), NULL, &few, &arena, &root, &err), LT_TOO_BIG, err);
    CHECK_STR(err.message, "1:6: more than 3 values");
}

Test(json, the_last_key_can_win)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_json *root;
    lt_json_options last = {.last_key_wins = true};
    CHECK_OK(lt_json_read(T("{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}"), NULL, &last, &arena,
                          &root, &err),
             err);
    lt_json_writer writer = {.out = &out};
    lt_json_tree(&writer, root);
    CHECK_STR(lt_buf_chars(&out), "{\"b\":2,\"c\":4,\"a\":5}");
    CHECK_INT(lt_json_i64_or(root, "a", 0), 5);
}

Test(json, the_reader_gives_tokens_with_their_place)
{
    static const struct {
        lt_json_kind kind;
        const char *raw;
        size_t offset;
    } wanted[] = {
        {LT_JSON_OBJECT, "{", 1},      {LT_JSON_KEY, "\"a\"", 2},  {LT_JSON_ARRAY, "[", 7},
        {LT_JSON_NUMBER, "-1.5", 8},   {LT_JSON_BOOL, "true", 14}, {LT_JSON_NULL, "null", 19},
        {LT_JSON_STRING, "\"x\"", 24}, {LT_JSON_CLOSE, "]", 27},   {LT_JSON_CLOSE, "}", 28},
        {LT_JSON_END, "", 29},         {LT_JSON_END, "", 29},
    };
    lt_err err = {0};
    lt_json_reader reader;
    lt_json_open(&reader, T(" {\"a\": [-1.5, true,null,\"x\"]}"), NULL);
    for (size_t i = 0; i < LT_COUNT(wanted); i++) {
        lt_json_token token;
        CHECK_OK(lt_json_next(&reader, &token, &err), err);
        CHECK_INT(token.kind, wanted[i].kind);
        CHECK_TEXT(token.raw, wanted[i].raw);
        CHECK_INT(token.offset, wanted[i].offset);
    }
}

Test(json, a_value_can_be_stepped_over_whole)
{
    lt_err err = {0};
    lt_json_reader reader;
    lt_json_token token;
    lt_json_open(&reader, T("[ {\"a\":[1,2,{}]} , 5,[}]"), NULL);
    CHECK_OK(lt_json_next(&reader, &token, &err), err);
    CHECK_OK(lt_json_next(&reader, &token, &err), err);
    CHECK_OK(lt_json_whole(&reader, &token, &err), err);
    CHECK_TEXT(token.raw, "{\"a\":[1,2,{}]}");
    CHECK_INT(token.offset, 2);
    CHECK_OK(lt_json_next(&reader, &token, &err), err);
    CHECK_OK(lt_json_whole(&reader, &token, &err), err);
    CHECK_TEXT(token.raw, "5");
    CHECK_OK(lt_json_next(&reader, &token, &err), err);
    CHECK_STATUS(lt_json_whole(&reader, &token, &err), LT_INVALID, err);
    CHECK_STR(err.message, "1:23: expected a value, got '}'");
}

Test(json, two_readers_share_an_object)
{
    const lt_text text = T("{\"a\":1, \"b\":{\"x\":[]},\"c\":2} ");
    lt_json_reader first, second;
    lt_json_token token;
    lt_err err = {0};
    size_t middle = lt_text_find(text, T("\"b\""), 0);
    lt_json_open_at_key(&second, text, middle, "text");
    CHECK_OK(lt_json_next(&second, &token, &err), err);
    CHECK(token.kind == LT_JSON_KEY && token.offset == middle);
    while (token.kind != LT_JSON_CLOSE || second.depth > 0)
        CHECK_OK(lt_json_next(&second, &token, &err), err);
    lt_json_open(&first, text, "text");
    do
        CHECK_OK(lt_json_next(&first, &token, &err), err);
    while (token.offset != middle);
    CHECK(token.kind == LT_JSON_KEY);
    lt_json_go_on_at(&first, text.len - 2);
    CHECK_OK(lt_json_next(&first, &token, &err), err);
    CHECK(token.kind == LT_JSON_CLOSE);
    CHECK_OK(lt_json_next(&first, &token, &err), err);
    CHECK(token.kind == LT_JSON_END);
}

Test(json, numbers_are_read_only_when_they_fit)
{
    int64_t n = 7;
    double d = 7;
    CHECK(lt_json_to_i64(T("-9223372036854775808"), &n));
    CHECK_INT(n, INT64_MIN);
    CHECK(!lt_json_to_i64(T("9223372036854775808"), &n));
    CHECK(!lt_json_to_i64(T("1.0"), &n));
    CHECK(!lt_json_to_i64(T("\"1\""), &n));
    CHECK(lt_json_to_double(T("1e2"), &d));
    CHECK(d == 100);
    CHECK(!lt_json_to_double(T("1e999"), &d));
    CHECK(!lt_json_to_double(T("\"1\""), &d));
    CHECK(!lt_json_to_double(T(""), &d));
}

Test(json, strings_are_decoded_and_compared)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) out = {0};
    lt_text raw = T("\"a\\n\\u00e9\\ud83d\\ude00\\/\\u0000z\"");
    lt_text value = T("a\n\xC3\xA9\xF0\x9F\x98\x80/\0z");
    lt_json_unescape(raw, &out);
    CHECK(lt_text_eq(lt_buf_text(&out), value));
    CHECK(lt_text_eq(lt_json_string_in(&arena, raw), value));
    CHECK(lt_json_string_eq(raw, value));
    CHECK(!lt_json_string_eq(raw, lt_text_sub(value, 0, value.len - 1)));
    CHECK(!lt_json_string_eq(raw, T("a\n\xC3\xA9\xF0\x9F\x98\x81/\0z")));
    CHECK(!lt_json_string_eq(T("\"ab\""), T("a")));
    CHECK(!lt_json_string_eq(T("\"a\""), T("ab")));
    CHECK(lt_json_string_eq(T("\"\""), T("")));
    CHECK(!lt_json_string_eq(T("\"\\n\""), T("\\n")));
    CHECK_TEXT(lt_json_string_in(&arena, T("\"plain\"")), "plain");
}

Test(json, a_record_becomes_one_line)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_add_line(T("{\"a\":1}"), &out);
    lt_json_add_line(T("{\n\t\"a\": \"b\\n\"\r\n}"), &out);
    CHECK_STR(lt_buf_chars(&out), "{\"a\":1}\n{ \t\"a\": \"b\\n\"  }\n");
    LT_AUTO(lt_buf) small = {.limit = 4};
    lt_json_add_line(T("[\n1\n]"), &small);
    CHECK(small.overflow);
    lt_json_add_line(T(""), &small);
}

Test(json, a_tree_is_asked_by_key)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) many = {0};
    lt_json *root;
    CHECK_OK(lt_json_read(T("{\"n\":3,\"d\":1.5,\"s\":\"x\",\"b\":true,\"a\":[1],\"z\":null}"),
                          NULL, NULL, &arena, &root, &err),
             err);
    CHECK_INT(lt_json_i64_or(root, "n", 0), 3);
    CHECK_INT(lt_json_i64_or(root, "d", 9), 9);
    CHECK_INT(lt_json_i64_or(root, "s", 9), 9);
    CHECK_INT(lt_json_i64_or(root, "none", 9), 9);
    CHECK(lt_json_double_or(root, "d", 0) == 1.5);
    CHECK(lt_json_double_or(root, "s", 2) == 2);
    CHECK_TEXT(lt_json_text_or(root, "s", T("?")), "x");
    CHECK_TEXT(lt_json_text_or(root, "n", T("?")), "?");
    CHECK(lt_json_bool_or(root, "b", false));
    CHECK(!lt_json_bool_or(root, "n", false));
    CHECK_INT(lt_json_find(root, "a")->items[0].kind, LT_JSON_NUMBER);
    CHECK(!lt_json_find(lt_json_find(root, "a"), "x"));
    CHECK(!lt_json_find(NULL, "x"));
    lt_buf_add_str(&many, "{\"m\":0");
    for (int i = 0; i < 1000; i++)
        lt_buf_printf(&many, ",\"key %d\":%d", i * 7919 % 1000, i);
    lt_buf_add_byte(&many, '}');
    CHECK_OK(lt_json_read(lt_buf_text(&many), NULL, NULL, &arena, &root, &err), err);
    CHECK_INT(root->count, 1001);
    for (int i = 0; i < 1000; i++) {
        LT_AUTO(lt_chars) key = lt_format("key %d", i * 7919 % 1000);
        CHECK_INT(lt_json_i64_or(root, key, -1), i);
    }
    CHECK(!lt_json_find(root, "key x"));
    CHECK(!lt_json_find(root, "a"));
}

Test(json, places_count_characters)
{
    size_t line, col;
    lt_json_place(T("a\n\xC3\xA9x"), 4, &line, &col);
    CHECK_INT(line, 2);
    CHECK_INT(col, 2);
    lt_json_place(T("a"), 99, &line, &col);
    CHECK_INT(col, 2);
}

static void write_sample(lt_json_writer *w)
{
    lt_json_begin(w, '{');
    lt_json_set(w, "text", T("a\"\\\b\f\n\r\t\x01/\x7F\xC3\xA9"));
    lt_json_set_int(w, "int", INT64_MIN);
    lt_json_set_bool(w, "bool", false);
    lt_json_key(w, T("list"));
    lt_json_begin(w, '[');
    lt_json_double(w, 0.1);
    lt_json_double(w, 1e300);
    lt_json_double(w, (double)1 / 3);
    lt_json_double(w, (double)NAN);
    lt_json_double(w, (double)INFINITY);
    lt_json_double(w, -3);
    lt_json_begin(w, '[');
    lt_json_end(w);
    lt_json_end(w);
    lt_json_key(w, T("empty"));
    lt_json_begin(w, '{');
    lt_json_end(w);
    lt_json_key(w, T("raw"));
    lt_json_raw(w, T("[1]"));
    lt_json_end(w);
}

Test(json, is_written_on_one_line)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_writer writer = {.out = &out};
    write_sample(&writer);
    CHECK_STR(
        lt_buf_chars(&out),
        "{\"text\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\xC3\xA9\",\"int\":-9223372036854775808,"
        "\"bool\":false,\"list\":[0.1,1e+300,0.3333333333333333,null,null,-3,[]],\"empty\":{},"
        "\"raw\":[1]}");
    lt_err err = {0};
    CHECK_OK(lt_json_check(lt_buf_text(&out), NULL, &err), err);
}

Test(json, is_written_with_indents)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_writer writer = {.out = &out, .indent = 2};
    write_sample(&writer);
    CHECK_STR(lt_buf_chars(&out),
              "{\n  \"text\": \"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\xC3\xA9\",\n"
              "  \"int\": -9223372036854775808,\n  \"bool\": false,\n  \"list\": [\n    0.1,\n"
              "    1e+300,\n    0.3333333333333333,\n    null,\n    null,\n    -3,\n    []\n  ],\n"
              "  \"empty\": {},\n  \"raw\": [1]\n}");
}

Test(json, bytes_that_are_no_text_are_replaced)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_quote(T("a\xFF\xC3z\xED\xA0\x80"), &out);
    CHECK_STR(lt_buf_chars(&out),
              "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

Test(json, kinds_have_names)
{
    CHECK_STR(lt_json_kind_name(LT_JSON_BOOL), "true or false");
    CHECK_STR(lt_json_kind_name(LT_JSON_END), "nothing");
}

static void follow(const lt_case *one, lt_buf *out)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json_path path;
    lt_json_walk walk;
    lt_json_token token;
    size_t bar = lt_text_find(one->input, T(" | "), 0);
    lt_text source = lt_text_sub(one->input, 0, bar),
            page = lt_text_sub(one->input, bar + 3, one->input.len);
    lt_status status = lt_json_path_compile(source, &arena, &path, &err);
    if (status == LT_OK) {
        lt_json_walk_open(&walk, &path, true, page, NULL);
        while ((status = lt_json_walk_next(&walk, &token, &err)) == LT_OK &&
               token.kind != LT_JSON_END)
            lt_buf_printf(out, "%s%.*s", out->len ? " " : "", LT_ARG(token.raw));
        if (status == LT_OK)
            status = lt_json_walk_check(&walk, &err);
    }
    if (status == LT_OK)
        return;
    lt_buf_clear(out);
    lt_buf_add_str(out, err.message);
    if (err.hint[0] && lt_has(err.hint, "object"))
        lt_buf_printf(out, " [%s]", err.hint);
}

Test(json, paths_give_records)
{
    lt_cases_run("json/paths.txt", follow);
}

Test(json, a_path_finds_one_place)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json_path path;
    lt_json_token token;
    CHECK_OK(lt_json_path_compile(T("$.meta.next"), &arena, &path, &err), err);
    CHECK_OK(
        lt_json_path_find(&path, T("{\"meta\":{\"next\":[\"x\"]}, broken"), NULL, &token, &err),
        err);
    CHECK_TEXT(token.raw, "[\"x\"]");
    CHECK_OK(lt_json_path_find(&path, T("{\"meta\":{}}"), NULL, &token, &err), err);
    CHECK_INT(token.kind, LT_JSON_END);
    CHECK_STATUS(lt_json_path_find(&path, T("{\"meta\":"), NULL, &token, &err), LT_INVALID, err);
    lt_json_path bad = {0};
    CHECK_STATUS(lt_json_path_compile(T("x"), &arena, &bad, &err), LT_INVALID, err);
    CHECK_HAS(err.hint, "$.items[*]");
    CHECK(bad.steps == NULL);
}

Test(json, a_walk_counts_and_checks_the_rest)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_json_path path;
    lt_json_walk walk;
    lt_json_token token;
    CHECK_OK(lt_json_path_compile(T("$.a"), &arena, &path, &err), err);
    lt_json_walk_open(&walk, &path, false, T("{\"a\":[1,2]}"), NULL);
    CHECK_OK(lt_json_walk_next(&walk, &token, &err), err);
    CHECK_TEXT(token.raw, "[1,2]");
    CHECK_OK(lt_json_walk_next(&walk, &token, &err), err);
    CHECK_INT(token.kind, LT_JSON_END);
    CHECK_INT(walk.found, 1);
}

Test(json, an_item_that_came_by_other_means_has_a_comma_behind_it)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    CHECK(!lt_json_has_items(&w));
    lt_json_begin(&w, '{');
    CHECK(!lt_json_has_items(&w));
    lt_buf_add_str(&text, "\"a\":1");
    lt_json_note_item(&w);
    CHECK(lt_json_has_items(&w));
    lt_json_set_int(&w, "b", 2);
    lt_json_end(&w);
    CHECK_TEXT(lt_buf_text(&text), "{\"a\":1,\"b\":2}");
}
