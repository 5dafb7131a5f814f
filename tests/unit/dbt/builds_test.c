/* The record of builds: sets of spans, a damaged file, what two fingerprints say. */
#include "dbt/plan/builds.h"

#include "base/fs.h"
#include "support/test.h"

static lt_dbt_spans spans_of(lt_arena *arena, const int64_t *pairs, size_t count)
{
    lt_dbt_spans made = {0};
    for (size_t i = 0; i + 1 < count; i += 2)
        lt_push_in(arena, &made, ((lt_dbt_span){pairs[i], pairs[i + 1]}));
    return made;
}

static const char *text_of(lt_arena *arena, const lt_dbt_spans *set)
{
    LT_AUTO(lt_buf) text = {0};
    for (size_t i = 0; i < set->len; i++)
        lt_buf_printf(&text, "%lld-%lld ", (long long)set->items[i].start_us,
                      (long long)set->items[i].end_us);
    return lt_arena_str(arena, lt_buf_text(&text));
}

#define SPANS(arena, ...)                                                                          \
    spans_of((arena), (const int64_t[]){__VA_ARGS__},                                              \
             sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

Test(builds, spans_that_touch_or_overlap_become_one)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_dbt_spans set = SPANS(&arena, 10, 20, 30, 40), more = SPANS(&arena, 20, 25, 35, 50, 0, 5);
    lt_dbt_spans_add(&arena, &set, &more);
    CHECK_STR(text_of(&arena, &set), "0-5 10-25 30-50 ");
}

Test(builds, a_removed_span_leaves_what_stands_out_on_both_sides)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_dbt_spans set = SPANS(&arena, 0, 10, 20, 30), gone = SPANS(&arena, 3, 4, 8, 22, 30, 40);
    lt_dbt_spans_remove(&arena, &set, &gone);
    CHECK_STR(text_of(&arena, &set), "0-3 4-8 22-30 ");
}

Test(builds, a_span_is_had_only_when_all_of_it_is)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_dbt_spans set = SPANS(&arena, 0, 10, 20, 30);
    const lt_dbt_span in = {20, 30}, over = {5, 25};
    CHECK(lt_dbt_spans_have(&set, &in));
    CHECK(!lt_dbt_spans_have(&set, &over));
}

Test(builds, a_difference_names_what_changed_came_and_went)
{
    LT_AUTO(lt_buf) out = {0};
    lt_dbt_part_diff(T("a=1;b=2;c=3;"), T("a=1;b=9;d=4;"), 3, &out);
    CHECK_STR(lt_buf_chars(&out), "b, d, c");
    lt_buf_clear(&out);
    lt_dbt_part_diff(T("a=1;b=2;c=3;"), T("d=4;"), 2, &out);
    CHECK_STR(lt_buf_chars(&out), "d, a and 2 more");
}

Test(builds, a_damaged_record_is_an_empty_one)
{
    static const char *const contents[] = {"",
                                           "{",
                                           "[]",
                                           "{\"format\": 1}",
                                           "{\"format\": 1, \"builds\": []}",
                                           "{\"format\": 9, \"builds\": {\"x\": {}}}"};
    const char *folder = lt_test_folder();
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "leat_builds.json");
    for (size_t i = 0; i < LT_COUNT(contents); i++) {
        lt_dbt_builds builds = {0};
        CHECK(lt_file_write(path, lt_text_of(contents[i]), 0644, &err) == LT_OK);
        CHECK(lt_dbt_builds_read(folder, &builds, &err) == LT_OK);
        CHECK(builds.by_key.entries.len == 0);
        lt_dbt_builds_cleanup(&builds);
    }
}
