/* Output: width of texts, harmless texts, JSON strings, broken pipes. */
#include "cli/out.h"

#include "support/test.h"

#include <fcntl.h>
#include <unistd.h>

Test(columns, follow_the_unicode_width)
{
    static const struct {
        const char *text;
        size_t columns;
    } cases[] = {
        {"", 0},           {"abc", 3},          {"caf\u00e9", 4},
        {"e\u0301", 1},    {"\u6f22\u5b57", 4}, {"\uff21", 2},
        {"\U0001f600", 2}, {"a\u200bb", 2},     {"\u2192", 1},
        {"\uac00", 2},     {"\xff\xfe", 2},     {"\u2026", 1},
        {"\U00020000", 2}, {"\U000e0100", 0},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_INT(lt_text_columns(lt_text_of(cases[i].text)), cases[i].columns);
}

Test(columns, cutting_never_splits_a_wide_character)
{
    CHECK_TEXT(lt_text_cut_columns(T("\u6f22\u5b57"), 3), "\u6f22");
    CHECK_TEXT(lt_text_cut_columns(T("abc"), 5), "abc");
    CHECK_TEXT(lt_text_cut_columns(T("e\u0301x"), 1), "e\u0301");
    CHECK_TEXT(lt_text_cut_columns(T("abc"), 0), "");
}

Test(columns, what_moves_a_cursor_is_shown_instead)
{
    LT_AUTO(lt_buf) out = {0};
    lt_buf_add_visible(&out, T("a\n\t\r\033[2J\x7f\xc2\x9b\xff\u202e\0b\u00e9"));
    CHECK_STR(out.data, "a\\n\\t\\r\\x1b[2J\\x7f\\x9b\\xff\\u202e\\x00b\u00e9");
}

Test(out, has_colour_only_when_it_may)
{
    lt_out plain = {.fd = -1}, colored = {.fd = -1, .has_color = true};
    lt_out_styled(&plain, LT_RED, T("x"));
    lt_out_styled(&colored, LT_RED, T("x"));
    CHECK_STR(plain.buf.data, "x");
    CHECK_STR(colored.buf.data, "\033[31mx\033[0m");
    lt_out_cleanup(&plain);
    lt_out_cleanup(&colored);
}

Test(out, a_pipe_is_no_terminal_and_its_end_is_no_crash)
{
    int ends[2];
    lt_out out;
    lt_err err = {0};
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    lt_out_open(&out, ends[1], true);
    CHECK(!out.is_terminal && !out.has_color && out.width == 0);
    lt_out_str(&out, "gone");
    CHECK_OK(lt_out_flush(&out, &err), err);
    char got[8];
    CHECK_INT(read(ends[0], got, sizeof(got)), 4);
    lt_fd_close(ends[1]);
    lt_fd_close(ends[0]);
    lt_out_cleanup(&out);
}

Test(out, tells_of_a_full_disk_at_the_end)
{
    lt_err err = {0};
    LT_AUTO(lt_fd) fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    lt_out out;
    lt_out_open(&out, fd, false);
    for (int i = 0; i < 20000; i++)
        lt_out_printf(&out, "line %d\n", i);
    CHECK(out.buf.len < 70000);
    CHECK_STATUS(lt_out_flush(&out, &err), LT_IO, err);
    CHECK_HAS(err.message, "cannot write the output");
    lt_out_cleanup(&out);
}
