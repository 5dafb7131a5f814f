/* Texts: search, cut, numbers, nearest names, UTF-8. */
#include "base/text.h"

#include "support/test.h"

#include <math.h>
#include <stdlib.h>

Test(text, compares_bytes)
{
    CHECK(lt_text_eq(T(""), (lt_text){0}) && !lt_text_eq(T("a"), T("b")) &&
          !lt_text_eq(T("a"), T("aa")));
    CHECK(lt_text_eq_nocase(T("LeAt"), T("lEaT")) && !lt_text_eq_nocase(T("a"), T("ab")) &&
          !lt_text_eq_nocase(T("[x"), T("{x")));
    CHECK(lt_text_cmp(T("a"), T("ab")) < 0 && lt_text_cmp(T("b"), T("ab")) > 0);
    CHECK(lt_text_cmp(T("\xff"), T("a")) > 0 && lt_text_cmp(T("x"), T("x")) == 0);
    CHECK(lt_text_cmp((lt_text){0}, T("")) == 0 && lt_text_cmp(T("ab"), T("a")) > 0);
    CHECK(lt_text_starts(T("leat"), T("le")) && !lt_text_starts(T("l"), T("le")) &&
          lt_text_starts(T(""), T("")));
    CHECK(lt_text_ends(T("leat"), T("at")) && !lt_text_ends(T("t"), T("at")));
    CHECK(lt_has("leat", "ea") && !lt_has("leat", "ae"));
    CHECK_INT(lt_text_of(NULL).len, 0);
}

Test(text, finds_from_a_place)
{
    lt_text text = T("abcabc");
    CHECK_INT(lt_text_find(text, T("bc"), 0), 1);
    CHECK_INT(lt_text_find(text, T("bc"), 2), 4);
    CHECK(lt_text_find(text, T("bc"), 5) == SIZE_MAX);
    CHECK(lt_text_find(text, T("bc"), 99) == SIZE_MAX);
    CHECK_INT(lt_text_find(text, T(""), 6), 6);
    CHECK(lt_text_find((lt_text){0}, T("x"), 0) == SIZE_MAX);
    CHECK_INT(lt_text_find_byte(text, 'a', 1), 3);
    CHECK(lt_text_find_byte(text, 'z', 0) == SIZE_MAX);
    CHECK(lt_text_find_byte(text, 'a', 6) == SIZE_MAX);
    CHECK(lt_text_has(text, T("cab")) && !lt_text_has(text, T("cb")));
}

Test(text, sub_and_trim_stay_inside)
{
    CHECK_TEXT(lt_text_sub(T("abc"), 1, 1), "b");
    CHECK_TEXT(lt_text_sub(T("abc"), 1, SIZE_MAX), "bc");
    CHECK_TEXT(lt_text_sub(T("abc"), 3, 1), "");
    CHECK_TEXT(lt_text_sub(T("abc"), SIZE_MAX, SIZE_MAX), "");
    CHECK(lt_text_sub((lt_text){0}, 0, 5).ptr == NULL);
    CHECK_TEXT(lt_text_trim(T(" \t\n\v\f\r a b ")), "a b");
    CHECK_TEXT(lt_text_trim(T("   ")), "");
}

Test(text, cut_gives_every_part)
{
    lt_text rest = T("a,,b,"), part;
    static const char *const wanted[] = {"a", "", "b", ""};
    for (size_t i = 0; i < LT_COUNT(wanted); i++) {
        CHECK(lt_text_cut(&rest, ',', &part));
        CHECK_TEXT(part, wanted[i]);
    }
    CHECK(!lt_text_cut(&rest, ',', &part));
    rest = (lt_text){0};
    CHECK(!lt_text_cut(&rest, ',', &part));
}

Test(text, reads_whole_numbers_in_range_only)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"--1", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t value = 99;
        CHECK(lt_text_to_i64(lt_text_of(cases[i].text), &value) == cases[i].ok);
        CHECK_INT(value, cases[i].ok ? cases[i].value : 99);
    }
    uint64_t big = 0;
    CHECK(lt_text_to_u64(T("18446744073709551615"), &big) && big == UINT64_MAX);
    CHECK(!lt_text_to_u64(T("18446744073709551616"), &big) && !lt_text_to_u64(T("-1"), &big));
}

Test(text, reads_finite_doubles_only)
{
    double value = 0;
    CHECK(lt_text_to_double(T("-1.5e3"), &value) && value <= -1500 && value >= -1500);
    CHECK(lt_text_to_double(T("+.5"), &value) && value <= 0.5 && value >= 0.5);
    static const char *const wrong[] = {"",   "nan", "inf", "1e999", "0x10", "1 ",
                                        " 1", ".",   "1e",  "--1",   "1,5"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(!lt_text_to_double(lt_text_of(wrong[i]), &value));
    char digits[600];
    memset(digits, '1', sizeof(digits));
    CHECK(!lt_text_to_double(lt_text_at(digits, 513), &value));
    CHECK(lt_text_to_double(lt_text_at(digits, 300), &value));
    CHECK(!lt_text_to_double(T("1\0"), &value));
}

Test(text, copies_are_c_strings)
{
    LT_AUTO(lt_chars) copy = lt_text_dup(lt_text_sub(T("abcd"), 1, 2));
    CHECK_STR(copy, "bc");
}

Test(text, hash_is_fnv_1a)
{
    /* http://www.isthe.com/chongo/tech/comp/fnv/ */
    CHECK(lt_text_hash(T("")) == 0xcbf29ce484222325u);
    CHECK(lt_text_hash(T("a")) == 0xaf63dc4c8601ec8cu);
    CHECK(lt_text_hash(T("foobar")) == 0x85944171f73967e8u);
}

/* ---- nearness ---- */

Test(text, distance_of_known_pairs)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},       {"abc", "abc", 0}, {"abc", "ABC", 0},        {"", "abc", 3},
        {"abc", "acb", 1}, {"AB", "ba", 1},   {"kitten", "sitting", 3}, {"store", "stroe", 1},
        {"ca", "abc", 3},  {"a", "b", 1},     {"flaw", "lawn", 2},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_text a = lt_text_of(cases[i].a), b = lt_text_of(cases[i].b);
        CHECK_INT(lt_text_distance(a, b, 10), cases[i].distance);
        CHECK_INT(lt_text_distance(b, a, 10), cases[i].distance);
    }
    CHECK_INT(lt_text_distance(T("aaaaaaaa"), T("bbbbbbbb"), 3), 4);
}

static lt_text random_text(char *out, size_t most, uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    size_t len = (*seed >> 16) % (most + 1);
    for (size_t i = 0; i < len; i++) {
        *seed = *seed * 1664525 + 1013904223;
        out[i] = (char)('a' + (*seed >> 24) % 3);
    }
    return lt_text_at(out, len);
}

Test(text, distance_is_symmetric_and_bounded)
{
    uint32_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        char one[12], two[12];
        lt_text a = random_text(one, sizeof(one), &seed), b = random_text(two, sizeof(two), &seed);
        size_t distance = lt_text_distance(a, b, 99);
        CHECK_INT(distance, lt_text_distance(b, a, 99));
        CHECK(distance <= LT_MAX(a.len, b.len));
        CHECK(distance >= LT_MAX(a.len, b.len) - LT_MIN(a.len, b.len));
        CHECK((distance == 0) == lt_text_eq(a, b));
        CHECK_INT(lt_text_distance(a, b, 2), LT_MIN(distance, (size_t)3));
    }
}

Test(text, long_texts_are_far)
{
    char long_text[70];
    memset(long_text, 'a', sizeof(long_text));
    CHECK_INT(lt_text_distance(lt_text_at(long_text, 65), lt_text_at(long_text, 65), 3), 4);
    CHECK_INT(lt_text_distance(lt_text_at(long_text, 64), lt_text_at(long_text, 64), 3), 0);
}

static lt_text name_at(const void *context, size_t i)
{
    return lt_text_of(((const char *const *)context)[i]);
}

Test(text, nearest_is_a_likely_slip_or_nothing)
{
    static const char *const names[] = {"", "store", "status", "run", "ls", "x", "snapshots"};
    static const struct {
        const char *typed, *nearest;
    } cases[] = {{"stroe", "store"},    {"statsu", "status"}, {"rum", "run"}, {"lz", "ls"},
                 {"y", NULL},           {"zzzzz", NULL},      {"", NULL},     {"RUN", "run"},
                 {"snap", "snapshots"}, {"sta", NULL}};
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_text nearest = {0};
        bool found =
            lt_text_nearest(lt_text_of(cases[i].typed), LT_COUNT(names), name_at, names, &nearest);
        CHECK(found == (cases[i].nearest != NULL));
        CHECK_TEXT(found ? nearest : (lt_text){0}, cases[i].nearest ? cases[i].nearest : "");
    }
}

/* ---- UTF-8 ---- */

Test(text, every_scalar_value_is_written_and_read)
{
    for (uint32_t point = 0; point <= 0x110000; point++) {
        char bytes[4];
        size_t at = 0, len = lt_utf8_put(point, bytes);
        uint32_t back;
        bool is_scalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        size_t wanted = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        if (len != (is_scalar ? wanted : 0))
            CHECK_INT(len, point);
        if (!is_scalar)
            continue;
        if (!lt_utf8_next(lt_text_at(bytes, len), &at, &back) || back != point || at != len ||
            lt_utf8_valid_len(lt_text_at(bytes, len)) != len)
            CHECK_INT(back, point);
    }
}

Test(text, wrong_utf8_ends_the_valid_part)
{
    /* RFC 3629; the Unicode standard, table 3-7 */
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        {"abc", 3},
        {"a\x80", 1},
        {"a\xc0\x80", 1},
        {"a\xc1\xbf", 1},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"x\xe2\x82", 1},
        {"x\xe2(\xa1", 1},
        {"\u20ac\xc3", 3},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_INT(lt_utf8_valid_len(lt_text_of(cases[i].text)), cases[i].valid);
}

Test(text, walking_wrong_bytes_goes_on_behind_each)
{
    lt_text text = T("\xe2\x82\x41\xff\xf0\x9f\x98\x80");
    static const uint32_t wanted[] = {0xfffd, 0xfffd, 'A', 0xfffd, 0x1f600};
    size_t at = 0;
    uint32_t point;
    for (size_t i = 0; i < LT_COUNT(wanted); i++) {
        CHECK(lt_utf8_next(text, &at, &point));
        CHECK_INT(point, wanted[i]);
    }
    CHECK(!lt_utf8_next(text, &at, &point));
}

/* A table-driven decoder, written another way: the states of Unicode's table 3-7. */
static bool table_says_valid(const unsigned char *b, size_t len)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t more;
    } table[] = {
        {0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1}, {0xe0, 0xe0, 0xa0, 0xbf, 2},
        {0xe1, 0xec, 0x80, 0xbf, 2}, {0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
        {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3}, {0xf4, 0xf4, 0x80, 0x8f, 3},
    };
    for (size_t at = 0; at < len;) {
        size_t row = 0;
        while (row < LT_COUNT(table) && (b[at] < table[row].low || b[at] > table[row].high))
            row++;
        if (row == LT_COUNT(table) || at + table[row].more >= len)
            return false;
        for (size_t k = 1; k <= table[row].more; k++)
            if (b[at + k] < (k == 1 ? table[row].second_low : 0x80) ||
                b[at + k] > (k == 1 ? table[row].second_high : 0xbf))
                return false;
        at += table[row].more + 1;
    }
    return true;
}

Test(text, utf8_agrees_with_the_table_of_the_standard)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                          0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    enum { N = sizeof(edges) };
    for (size_t n = 0; n < (size_t)N * N * N * N; n++) {
        unsigned char b[4] = {edges[n % N], edges[n / N % N], edges[n / N / N % N],
                              edges[n / N / N / N]};
        for (size_t len = 1; len <= 4; len++)
            if ((lt_utf8_valid_len(lt_text_at((const char *)b, len)) == len) !=
                table_says_valid(b, len))
                CHECK_INT(n, -1);
    }
}

Test(text, hex_digits_have_a_value)
{
    const char *digits = "0123456789abcdefABCDEF";
    for (int i = 0; digits[i]; i++)
        CHECK_INT(lt_hex_value(digits[i]), i < 16 ? i : i - 6);
    for (const char *other = "/:@G`g \x7f\xff"; *other; other++)
        CHECK_INT(lt_hex_value(*other), -1);
}
