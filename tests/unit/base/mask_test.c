/* Secrets never show: plain, encoded, overlapping, in pieces. */
#include "base/mask.h"

#include "support/test.h"

static void check_masked(lt_text text, const char *wanted)
{
    LT_AUTO(lt_buf) out = {0};
    lt_mask(text, &out);
    CHECK_STR(lt_buf_chars(&out), wanted);
}

static void only(lt_text secret)
{
    lt_mask_forget_all();
    lt_mask_register(secret);
}

Test(mask, replaces_every_place)
{
    only(T("hunter22"));
    check_masked(T("hunter22 and hunter22hunter22, hunter2"), "*** and ******, hunter2");
    check_masked(T(""), "");
    lt_mask_forget_all();
    check_masked(T("hunter22"), "hunter22");
}

Test(mask, leaves_short_values_alone)
{
    only(T("abc"));
    check_masked(T("abc"), "abc");
    only(T("abcd"));
    check_masked(T("abcd"), "***");
    lt_mask_forget_all();
}

Test(mask, overlapping_secrets_leave_no_rest)
{
    only(T("abcdef"));
    lt_mask_register(T("defghi"));
    lt_mask_register(T("abcd"));
    lt_mask_register(T("abcd"));
    check_masked(T("<abcdefghi> <abcdefgh> <abcdx> <defghi>"), "<***> <***gh> <***x> <***>");
    only(T("aaaa"));
    check_masked(T("xaaaaaay"), "x***y");
    lt_mask_forget_all();
}

Test(mask, knows_encoded_forms)
{
    only(T("p\xc3\xa4ss w/\"x\"\n+1"));
    check_masked(T("u=p%C3%A4ss%20w%2F%22x%22%0A%2B1&"), "u=***&");
    check_masked(T("{\"a\": \"p\xc3\xa4ss w/\\\"x\\\"\\n+1\"}"), "{\"a\": \"***\"}");
    check_masked(T("error: p\xc3\xa4ss w/\"x\" +1 is wrong"), "error: *** is wrong");
    only(T("hunter22"));
    check_masked(T("aHVudGVyMjI="), "***");
    check_masked(T("aHVudGVyMjI"), "***");
    only(T("a\x01z\x7f!"));
    check_masked(T("\"a\\u0001z\x7f!\""), "\"***\"");
    only(T("\xff\xfe\xfd\xfc\xfb\xfa"));
    check_masked(T("//79/Pv6"), "***");
    check_masked(T("__79_Pv6"), "***");
    lt_mask_forget_all();
}

Test(mask, knows_base64_of_texts_that_hold_it)
{
    only(T("correct horse"));
    /* base64 of "u:correct horse", "us:correct horse", "use:correct horse!" */
    check_masked(T("Basic dTpjb3JyZWN0IGhvcnNl"), "Basic dTp***");
    check_masked(T("Basic dXM6Y29ycmVjdCBob3JzZQ=="), "Basic dXM6***");
    check_masked(T("Basic dXNlOmNvcnJlY3QgaG9yc2Uh"), "Basic dXNlOm***Uh");
    lt_mask_forget_all();
}

Test(mask, works_in_place_and_keeps_the_size)
{
    only(T("hunter22"));
    char line[16] = "a hunter22 b";
    lt_mask_in_place(line, sizeof(line));
    CHECK_STR(line, "a *** b");
    only(T("four"));
    char full[9] = "fourfour";
    lt_mask_in_place(full, 6);
    CHECK_STR(full, "*****");
    lt_mask_forget_all();
}

/* In pieces of `step` bytes: the same as at once. */
static void check_pieces(lt_text text, size_t step)
{
    LT_AUTO(lt_buf) whole = {0}, pieces = {0}, held = {0};
    lt_mask(text, &whole);
    for (size_t at = 0; at < text.len; at += step) {
        lt_buf_add(&held, lt_text_sub(text, at, step));
        lt_text now = lt_buf_text(&held);
        size_t safe = lt_mask_safe_len(now);
        lt_mask(lt_text_sub(now, 0, safe), &pieces);
        LT_AUTO(lt_chars) rest = lt_text_dup(lt_text_sub(now, safe, SIZE_MAX));
        size_t left = now.len - safe;
        lt_buf_clear(&held);
        lt_buf_add(&held, lt_text_at(rest, left));
    }
    lt_mask(lt_buf_text(&held), &pieces);
    CHECK_TEXT(lt_buf_text(&pieces), lt_buf_chars(&whole));
}

Test(mask, pieces_are_masked_as_the_whole)
{
    uint32_t seed = 3;
    for (int round = 0; round < 300; round++) {
        char text[60], secret[3][12];
        lt_mask_forget_all();
        for (size_t s = 0; s < 3; s++) {
            size_t len = 4 + (seed >> 28) % 8;
            for (size_t i = 0; i < len; i++)
                secret[s][i] = (char)('a' + ((seed = seed * 1664525 + 1013904223) >> 24) % 2);
            lt_mask_register(lt_text_at(secret[s], len));
        }
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('a' + ((seed = seed * 1664525 + 1013904223) >> 24) % 2);
        for (size_t step = 1; step < 9; step++)
            check_pieces(lt_text_at(text, sizeof(text)), step);
    }
    lt_mask_forget_all();
    CHECK_INT(lt_mask_safe_len(T("anything")), 8);
}

Test(mask, finds_what_a_naive_search_finds)
{
    uint32_t seed = 11;
    for (int round = 0; round < 500; round++) {
        char text[40];
        LT_AUTO(lt_buf) out = {0};
        only(T("abab"));
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('a' + ((seed = seed * 1664525 + 1013904223) >> 24) % 3);
        lt_mask(lt_text_at(text, sizeof(text)), &out);
        CHECK(!lt_text_has(lt_buf_text(&out), T("abab")));
        CHECK(lt_text_has(lt_buf_text(&out), T("***")) ==
              lt_text_has(lt_text_at(text, sizeof(text)), T("abab")));
    }
    lt_mask_forget_all();
}
