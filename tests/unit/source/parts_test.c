/* Names, marks, pages, schemas, twins: the small parts of sources. */
#include "base/fs.h"
#include "source/name.h"
#include "source/pager.h"
#include "source/schema.h"
#include "source/unique.h"
#include "source/watermark.h"
#include "support/test.h"

#include <stdio.h>

Test(name, becomes_snake_case)
{
    static const char *const cases[][2] = {{"updatedAt", "updated_at"},
                                           {"HTTPServer", "http_server"},
                                           {"User-ID 2", "user_id_2"},
                                           {"2nd", "_2nd"},
                                           {"id", "id"},
                                           {"ID", "id"},
                                           {"a__b", "a_b"},
                                           {"_private", "_private"},
                                           {"", "column"},
                                           {"$$", "column"},
                                           {"price(USD)", "price_usd"},
                                           {"caf\xc3\xa9", "caf\xc3\xa9"},
                                           {"a1B2", "a1_b2"},
                                           {"already_snake", "already_snake"},
                                           {"trailing_", "trailing"},
                                           {"x.y.z", "x_y_z"}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_buf) got = {0};
        lt_name_snake(lt_text_of(cases[i][0]), &got);
        CHECK_STR(lt_buf_chars(&got), cases[i][1]);
    }
}

Test(name, collisions_get_numbers_and_fit_postgresql)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_texts taken = {0};
    lt_push_in(&arena, &taken, T("user_id"));
    CHECK_TEXT(lt_name_choose(&arena, T("userId"), &taken), "user_id_2");
    lt_push_in(&arena, &taken, T("USER_ID_2"));
    CHECK_TEXT(lt_name_choose(&arena, T("userId"), &taken), "user_id_3");
    LT_AUTO(lt_buf) big = {0};
    for (int i = 0; i < 40; i++)
        lt_buf_add_str(&big, "\xc3\xa9x");
    lt_text name = lt_name_choose(&arena, lt_buf_text(&big), &taken);
    CHECK(name.len <= 63 && lt_utf8_valid_len(name) == name.len);
    lt_push_in(&arena, &taken, name);
    lt_text second = lt_name_choose(&arena, lt_buf_text(&big), &taken);
    CHECK(second.len <= 63 && lt_text_ends(second, T("_2")) &&
          lt_utf8_valid_len(second) == second.len);
}

static const char *greatest(const char *const *values, lt_arena *arena)
{
    LT_AUTO(lt_mark) mark = {0};
    lt_err err = {0};
    for (; *values; values++)
        CHECK_OK(lt_mark_feed(&mark, lt_text_of(*values), &err), err);
    return lt_arena_str(arena, lt_buf_text(&mark.raw));
}
#define GREATEST(...) greatest((const char *const[]){__VA_ARGS__, NULL}, &arena)

Test(watermark, keeps_the_greatest_by_its_meaning)
{
    LT_AUTO(lt_arena) arena = {0};
    CHECK_STR(GREATEST("9", "10", "null", "2"), "10");
    CHECK_STR(GREATEST("9007199254740993", "9007199254740992"), "9007199254740993");
    CHECK_STR(GREATEST("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T00:30:00+01:00\""),
              "\"2026-01-01T00:00:00Z\"");
    CHECK_STR(GREATEST("\"b\"", "\"a\""), "\"b\"");
    LT_AUTO(lt_mark) mark = {0};
    lt_err err;
    CHECK_OK(lt_mark_feed(&mark, T("5"), &err), err);
    CHECK_STATUS(lt_mark_feed(&mark, T("\"x\""), &err), LT_FAILED, err);
    CHECK_STATUS(lt_mark_feed(&mark, T("{}"), &err), LT_FAILED, err);
    CHECK_STATUS(lt_mark_feed(&mark, T("true"), &err), LT_FAILED, err);
}

static void asks(const char *raw, lt_conf_cursor_format format, int64_t overlap_us,
                 const char *wanted)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err = {0};
    lt_text got = {0};
    lt_conf_cursor cursor = {.field = T("at"), .format = format, .overlap_us = overlap_us};
    lt_status status = lt_mark_ask(lt_text_of(raw), &cursor, &arena, &got, &err);
    CHECK_INT(status == LT_OK, wanted != NULL);
    if (wanted)
        CHECK_TEXT(got, wanted);
}

Test(watermark, asks_from_a_little_earlier)
{
    int64_t day = 86400 * 1000000LL;
    asks("\"2026-03-01T00:00:00+01:00\"", LT_CONF_AS_IS, 0, "2026-03-01T00:00:00+01:00");
    asks("\"2026-03-01T00:00:00Z\"", LT_CONF_AS_IS, day, "2026-02-28T00:00:00.000000Z");
    asks("\"2026-03-01\"", LT_CONF_AS_IS, day, "2026-02-28");
    asks("\"2026-03-01T01:02:03.5Z\"", LT_CONF_ISO, 0, "2026-03-01T01:02:03Z");
    asks("\"1970-01-02T00:00:00Z\"", LT_CONF_UNIX, 0, "86400");
    asks("\"1970-01-02T00:00:00Z\"", LT_CONF_UNIX_MS, day, "0");
    asks("172800", LT_CONF_UNIX, day, "86400");
    asks("172800000", LT_CONF_UNIX_MS, day, "86400000");
    asks("77", LT_CONF_AS_IS, 0, "77");
    asks("77", LT_CONF_AS_IS, day, NULL); /* a counter has no yesterday */
    asks("\"abc\"", LT_CONF_AS_IS, 0, "abc");
    asks("\"abc\"", LT_CONF_AS_IS, day, NULL);
}

/* ---- pages: a server with `total` records that gives at most `most` a page ---- */

static int64_t read_pages(const lt_conf_paginate *conf, int64_t total, int64_t most,
                          bool says_total, int64_t *pages)
{
    lt_pager pager;
    lt_page_request request = {0};
    lt_err err = {0};
    int64_t records = 0, size = conf->size > 0 ? LT_MIN(conf->size, most) : most;
    *pages = 0;
    lt_pager_init(&pager, conf);
    while (lt_pager_take(&pager, &request)) {
        int64_t first = conf->type == LT_CONF_OFFSET ? request.value
                                                     : (request.value - conf->first_page) * size;
        lt_page_info info = {.total = says_total ? total : -1, .total_pages = -1};
        info.records = LT_MAX(LT_MIN(size, total - first), 0);
        if (info.records > 0)
            CHECK_INT(first, records); /* no gap, no overlap */
        records += info.records;
        ++*pages;
        CHECK_OK(lt_pager_landed(&pager, &request, &info, &err), err);
    }
    lt_buf_cleanup(&request.next);
    lt_pager_cleanup(&pager);
    return records;
}

Test(pager, reads_everything_whatever_the_server_says)
{
    static const int64_t totals[] = {0, 1, 9, 10, 11, 20, 95, 100};
    int64_t pages;
    for (size_t i = 0; i < LT_COUNT(totals); i++)
        for (int64_t most = 3; most <= 30; most += 9)
            for (int says = 0; says < 2; says++) {
                lt_conf_paginate number = {
                    .type = LT_CONF_PAGE_NUMBER, .size = 10, .first_page = 1, .max_pages = 1000};
                CHECK_INT(read_pages(&number, totals[i], most, says, &pages), totals[i]);
                lt_conf_paginate unsized = {
                    .type = LT_CONF_PAGE_NUMBER, .first_page = 0, .max_pages = 1000};
                CHECK_INT(read_pages(&unsized, totals[i], most, false, &pages), totals[i]);
                lt_conf_paginate offset = {.type = LT_CONF_OFFSET, .size = 10, .max_pages = 1000};
                CHECK_INT(read_pages(&offset, totals[i], most, says, &pages), totals[i]);
            }
}

Test(pager, asks_for_one_page_more_only_behind_a_full_one_that_tells_nothing)
{
    lt_conf_paginate conf = {
        .type = LT_CONF_PAGE_NUMBER, .size = 10, .first_page = 1, .max_pages = 1000};
    int64_t pages;
    (void)read_pages(&conf, 25, 10, false, &pages);
    CHECK_INT(pages, 3);
    (void)read_pages(&conf, 30, 10, false, &pages);
    CHECK_INT(pages, 4);
    (void)read_pages(&conf, 30, 10, true, &pages);
    CHECK_INT(pages, 3);
    conf.max_pages = 2;
    lt_pager pager;
    lt_page_request request = {0};
    lt_err err;
    lt_pager_init(&pager, &conf);
    CHECK(lt_pager_take(&pager, &request));
    CHECK_STATUS(lt_pager_landed(&pager, &request,
                                 &(lt_page_info){.records = 10, .total = 100, .total_pages = -1},
                                 &err),
                 LT_FAILED, err);
    CHECK_HAS(err.message, "more than 2 pages");
    CHECK(!lt_pager_take(&pager, &request));
    lt_pager_cleanup(&pager);
}

Test(pager, the_same_page_again_is_refused_where_pages_tell_nothing)
{
    lt_conf_paginate conf = {
        .type = LT_CONF_PAGE_NUMBER, .size = 2, .first_page = 1, .max_pages = 1000};
    for (int says = 0; says < 2; says++) {
        lt_err err = {0};
        lt_pager pager;
        lt_page_request request = {0};
        lt_page_info info = {.records = 2, .total = -1, .total_pages = says ? 2 : -1, .hash = 77};
        lt_pager_init(&pager, &conf);
        CHECK(lt_pager_take(&pager, &request));
        CHECK_OK(lt_pager_landed(&pager, &request, &info, &err), err);
        CHECK(lt_pager_take(&pager, &request));
        lt_status status = lt_pager_landed(&pager, &request, &info, &err);
        CHECK_INT(status, says ? LT_OK : LT_FAILED);
        if (!says)
            CHECK_HAS(err.message, "the same as the one before");
        lt_buf_cleanup(&request.next);
        lt_pager_cleanup(&pager);
    }
}

Test(pager, a_chain_that_goes_in_circles_is_found_out)
{
    lt_conf_paginate conf = {.type = LT_CONF_CURSOR, .max_pages = 1000};
    lt_pager pager;
    lt_page_request request = {0};
    lt_err err;
    lt_pager_init(&pager, &conf);
    CHECK(lt_pager_take(&pager, &request));
    CHECK_OK(lt_pager_landed(&pager, &request,
                             &(lt_page_info){.records = 1, .total = -1, .next = T("c1")}, &err),
             err);
    CHECK(lt_pager_take(&pager, &request));
    CHECK_TEXT(lt_buf_text(&request.next), "c1");
    CHECK_STATUS(lt_pager_landed(&pager, &request,
                                 &(lt_page_info){.records = 1, .total = -1, .next = T("c1")}, &err),
                 LT_FAILED, err);
    CHECK_HAS(err.message, "names itself");
    lt_buf_cleanup(&request.next);
    lt_pager_cleanup(&pager);
}

/* ---- schemas ---- */

static void plans(const char *before, const char *found, lt_conf_contract contract,
                  lt_status status, const char *wanted)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) json = {0};
    lt_err err = {0};
    lt_schema old, new;
    lt_type record;
    CHECK_OK(lt_schema_read(lt_text_of(before), &arena, &old, &err), err);
    CHECK(lt_type_read(&arena, lt_text_of(found), &record));
    for (size_t i = 0; i < record.fields.len; i++)
        if (lt_text_eq(record.fields.items[i]->key, T("nothing")))
            record.fields.items[i]->type = (lt_type){0};
    CHECK_STATUS(lt_schema_plan(&old, &record, &contract, &arena, &new, &err), status, err);
    if (status != LT_OK) {
        CHECK_HAS(err.message, wanted);
        return;
    }
    lt_schema_write(&new, &json);
    CHECK_STR(lt_buf_chars(&json), wanted);
    lt_schema again;
    CHECK_OK(lt_schema_read(lt_buf_text(&json), &arena, &again, &err), err);
    CHECK_INT(again.columns.len, new.columns.len);
}

Test(schema, changes_within_the_contract)
{
    static const char *const old =
        "[{\"name\":\"id\",\"type\":\"BIGINT\"},{\"name\":\"gone\",\"type\":\"DATE\"}]";
    lt_conf_contract evolve = {LT_CONF_EVOLVE, LT_CONF_EVOLVE},
                     freeze = {LT_CONF_FREEZE, LT_CONF_FREEZE},
                     discard = {LT_CONF_DISCARD, LT_CONF_DISCARD};
    plans("", "STRUCT(userId BIGINT, user_id VARCHAR, nothing BIGINT)", freeze, LT_OK,
          "[{\"name\":\"user_id\",\"type\":\"BIGINT\",\"key\":\"userId\"},{\"name\":\"user_id_2\","
          "\"type\":\"VARCHAR\",\"key\":"
          "\"user_id\"},{\"name\":\"nothing\",\"type\":\"VARCHAR\",\"null_only\":true}]");
    plans(old, "STRUCT(id DOUBLE, more VARCHAR)", evolve, LT_OK,
          "[{\"name\":\"id\",\"type\":\"DOUBLE\"},{\"name\":\"gone\",\"type\":\"DATE\"},{\"name\":"
          "\"more\",\"type\":\"VARCHAR\"}]");
    plans(old, "STRUCT(id DOUBLE)", freeze, LT_FAILED,
          "the column 'id' is BIGINT and now holds DOUBLE");
    plans(old, "STRUCT(id BIGINT, more VARCHAR)", freeze, LT_FAILED, "the column 'more' is new");
    plans(old, "STRUCT(id INTEGER, gone DATE)", freeze, LT_OK, old);
    plans(old, "STRUCT(id VARCHAR, more VARCHAR)", discard, LT_OK, old);
    plans("[{\"name\":\"n\",\"type\":\"VARCHAR\",\"null_only\":true}]", "STRUCT(n BIGINT)", freeze,
          LT_OK, "[{\"name\":\"n\",\"type\":\"BIGINT\"}]");
    plans("[{\"name\":\"n\",\"type\":\"VARCHAR\"}]", "STRUCT(n BIGINT)", freeze, LT_FAILED,
          "now holds BIGINT");
    plans("[{\"name\":\"n\",\"type\":\"VARCHAR\"}]", "STRUCT(n DATE)", freeze, LT_OK,
          "[{\"name\":\"n\",\"type\":\"VARCHAR\"}]");
}

Test(schema, refuses_a_damaged_one)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err err;
    lt_schema schema;
    CHECK_STATUS(
        lt_schema_read(T("[{\"name\":\"a\",\"type\":\"STRUCT(\"}]"), &arena, &schema, &err),
        LT_INVALID, err);
    CHECK_STATUS(lt_schema_read(T("[{\"type\":\"DATE\"}]"), &arena, &schema, &err), LT_INVALID,
                 err);
    CHECK_STATUS(lt_schema_read(T("[{"), &arena, &schema, &err), LT_INVALID, err);
}

/* ---- twins ---- */

static size_t twins_in(size_t count, uint64_t (*value)(size_t i))
{
    lt_err err = {0};
    LT_AUTO(lt_twins) twins = {0};
    LT_AUTO(lt_chars) path = lt_path_join(lt_test_folder(), "hashes");
    LT_AUTO(lt_buf) bytes = {0};
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = value(i);
        lt_buf_add(&bytes, lt_text_at((const char *)&hash, sizeof(hash)));
    }
    CHECK_OK(lt_file_write(path, lt_buf_text(&bytes), 0600, &err), err);
    CHECK_OK(lt_twins_find((const char *const[]){path}, 1, &twins, &err), err);
    return twins.len;
}

static uint64_t all_different(size_t i)
{
    return (uint64_t)i * 0x9e3779b97f4a7c15U;
}

static uint64_t one_twice(size_t i)
{
    return all_different(i == 2500000 ? 7 : i);
}

static uint64_t zero_twice(size_t i)
{
    return i % 3 == 0 ? 0 : i;
}

Test(unique, finds_the_values_that_stand_twice)
{
    CHECK_INT(twins_in(0, all_different), 0);
    CHECK_INT(twins_in(2600000, all_different), 0); /* two passes */
    CHECK_INT(twins_in(2600000, one_twice), 1);
    CHECK_INT(twins_in(7, zero_twice), 1);
    CHECK_INT(twins_in(3, zero_twice), 0);
}

Test(unique, puts_the_lines_of_twins_apart)
{
    lt_err err = {0};
    const char *folder = lt_test_folder();
    uint64_t hashes[] = {1ULL << 20, 5, 7, 2ULL << 20, 1ULL << 20};
    uint64_t values[] = {1ULL << 20, 2ULL << 20};
    lt_twins twins = {.items = values, .len = 2};
    LT_AUTO(lt_chars) lines = lt_path_join(folder, "lines");
    LT_AUTO(lt_chars) hash_path = lt_path_join(folder, "hashes");
    LT_AUTO(lt_chars) kept = lt_path_join(folder, "kept");
    LT_AUTO(lt_chars) even = lt_path_join(folder, "even");
    LT_AUTO(lt_chars) odd = lt_path_join(folder, "odd");
    const char *const parts[] = {even, odd};
    CHECK_OK(lt_file_write(lines, T("a\nb\nc\nd\ne\n"), 0600, &err), err);
    CHECK_OK(lt_file_write(hash_path, lt_text_at((const char *)hashes, sizeof(hashes)), 0600, &err),
             err);
    CHECK_OK(lt_twins_split(&twins, lines, hash_path, kept, parts, 2, &err), err);
    LT_AUTO(lt_buf) got = {0};
    CHECK_OK(lt_file_read(kept, &got, &err), err);
    lt_buf_add_byte(&got, '|');
    CHECK_OK(lt_file_read(even, &got, &err), err);
    lt_buf_add_byte(&got, '|');
    CHECK_OK(lt_file_read(odd, &got, &err), err);
    CHECK_STR(lt_buf_chars(&got), "b\nc\n|d\n|a\ne\n");
    CHECK_OK(lt_file_write(hash_path, lt_text_at((const char *)hashes, 16), 0600, &err), err);
    CHECK_STATUS(lt_twins_split(&twins, lines, hash_path, kept, parts, 2, &err), LT_IO, err);
}

/* ---- pages ---- */

/* One worker reads all pages of a server that gives its last page, of `size` records, for every later one. */
static int64_t pages_read(int64_t told, int64_t says_pages)
{
    enum { SIZE = 10, MOST = 50 };
    lt_err err = {0};
    lt_pager pager;
    lt_page_request page = {0};
    lt_conf_paginate conf = {.type = LT_CONF_PAGE_NUMBER, .size = SIZE, .first_page = 1};
    int64_t count = 0;
    lt_pager_init(&pager, &conf);
    while (count < MOST && lt_pager_take(&pager, &page)) {
        lt_page_info info = {.records = SIZE, .total = -1};
        info.total_pages = !page.counts ? -1 : page.index == 0 ? told : says_pages;
        CHECK_OK(lt_pager_landed(&pager, &page, &info, &err), err);
        count++;
    }
    lt_buf_cleanup(&page.next);
    lt_pager_cleanup(&pager);
    return count;
}

Test(pager, stops_where_the_last_page_says_so_though_it_is_full)
{
    CHECK_INT(pages_read(4, 4), 4);
}

Test(pager, goes_on_when_the_last_page_tells_of_more)
{
    CHECK_INT(pages_read(4, 6), 6);
}

Test(pager, reads_on_behind_full_pages_that_tell_nothing)
{
    CHECK_INT(pages_read(-1, -1), 50);
}
