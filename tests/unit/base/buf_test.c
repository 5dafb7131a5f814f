/* Buffers keep their limit. */
#include "base/buf.h"

#include "support/test.h"

Test(buf, appends_and_ends_with_nul)
{
    LT_AUTO(lt_buf) buf = {0};
    CHECK_STR(lt_buf_chars(&buf), "");
    lt_buf_add(&buf, T("leat "));
    lt_buf_printf(&buf, "%d", 42);
    lt_buf_add_byte(&buf, '!');
    lt_buf_add_str(&buf, NULL);
    CHECK_STR(buf.data, "leat 42!");
}

Test(buf, refuses_what_passes_its_limit_and_says_so_once)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) buf = {.limit = 4};
    lt_buf_add(&buf, T("1234"));
    CHECK_OK(lt_buf_check(&buf, "the text", &err), err);
    lt_buf_add(&buf, T("5"));
    lt_buf_add(&buf, T(""));
    CHECK_TEXT(lt_buf_text(&buf), "1234");
    CHECK_STATUS(lt_buf_check(&buf, "the text", &err), LT_TOO_BIG, err);
    CHECK_STR(err.message, "the text is larger than 4 bytes");
}

Test(buf, printing_past_the_limit_changes_nothing)
{
    LT_AUTO(lt_buf) buf = {.limit = 6};
    lt_buf_printf(&buf, "%s", "abc");
    lt_buf_printf(&buf, "%s", "defg");
    CHECK_TEXT(lt_buf_text(&buf), "abc");
    CHECK(buf.overflow);
    lt_buf_clear(&buf);
    lt_buf_printf(&buf, "%s", "abcdef");
    CHECK_TEXT(lt_buf_text(&buf), "abcdef");
    CHECK(!buf.overflow);
}

Test(buf, never_holds_much_more_than_its_limit)
{
    LT_AUTO(lt_buf) buf = {.limit = 1000};
    for (int i = 0; i < 2000; i++)
        lt_buf_add_byte(&buf, 'x');
    CHECK_INT(buf.len, 1000);
    CHECK(buf.cap <= 1001);
}

Test(buf, room_is_filled_by_the_caller)
{
    LT_AUTO(lt_buf) buf = {.limit = 8};
    char *room = lt_buf_room(&buf, 3);
    memcpy(room, "abc", 3);
    lt_buf_grown(&buf, 3);
    CHECK_STR(buf.data, "abc");
    CHECK(!lt_buf_room(&buf, 6) && buf.overflow);
    CHECK(!lt_buf_room(&buf, SIZE_MAX));
}

Test(buf, is_cut_cleared_and_taken)
{
    LT_AUTO(lt_buf) buf = {.limit = 50};
    lt_buf_cut(&buf, 0);
    lt_buf_add(&buf, T("abcdef"));
    lt_buf_cut(&buf, 9);
    CHECK_STR(buf.data, "abcdef");
    lt_buf_cut(&buf, 2);
    CHECK_STR(buf.data, "ab");
    LT_AUTO(lt_chars) taken = lt_buf_take(&buf);
    CHECK_STR(taken, "ab");
    CHECK(!buf.data && buf.len == 0 && buf.limit == 50);
    LT_AUTO(lt_chars) nothing = lt_buf_take(&buf);
    CHECK_STR(nothing, "");
}

Test(buf, agrees_with_a_plain_array)
{
    char model[4000];
    size_t len = 0;
    uint32_t seed = 1;
    LT_AUTO(lt_buf) buf = {.limit = sizeof(model)};
    for (int i = 0; i < 3000; i++) {
        char piece[64];
        seed = seed * 1664525 + 1013904223;
        size_t size = seed >> 26;
        memset(piece, (int)(seed >> 8), sizeof(piece));
        lt_buf_add(&buf, lt_text_at(piece, size));
        if (len + size <= sizeof(model)) {
            memcpy(model + len, piece, size);
            len += size;
        } else {
            CHECK(buf.overflow);
            lt_buf_clear(&buf);
            len = 0;
        }
        CHECK(lt_text_eq(lt_buf_text(&buf), lt_text_at(model, len)));
    }
}
