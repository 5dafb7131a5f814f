/* Errors are one line, cut at a character, with status and hint. */
#include "base/err.h"

#include "support/test.h"

#include <errno.h>
#include <stdio.h>

Test(err, carries_status_message_and_hint)
{
    lt_err err = {0};
    CHECK_STATUS(lt_fail(&err, LT_CONFLICT, "no %s in %d", "way", 3), LT_CONFLICT, err);
    CHECK_STR(err.message, "no way in 3");
    CHECK_STATUS(lt_hint(&err, "try %d", 4), LT_CONFLICT, err);
    CHECK_STATUS(lt_wrap(&err, "a/%s", "b"), LT_CONFLICT, err);
    CHECK_STR(err.message, "a/b: no way in 3");
    CHECK_STR(err.hint, "try 4");
    lt_ignore(lt_fail(&err, LT_IO, "new"));
    CHECK_STR(err.hint, "");
}

Test(err, arguments_may_be_the_error_itself)
{
    lt_err err = {.message = "inner"};
    lt_ignore(lt_fail(&err, LT_IO, "outer (%s)", err.message));
    CHECK_STR(err.message, "outer (inner)");
    lt_ignore(lt_hint(&err, "see %s", err.message));
    CHECK_STR(err.hint, "see outer (inner)");
}

Test(err, stays_one_line)
{
    lt_err err = {0};
    lt_ignore(lt_fail(&err, LT_IO, "a\nb\tc\033[2J\x7f"));
    CHECK_STR(err.message, "a b c [2J ");
    lt_ignore(lt_wrap(&err, "x\ny"));
    CHECK_STR(err.message, "x y: a b c [2J ");
}

static void fill(char *text, size_t size, const char *unit)
{
    size_t len = strlen(unit);
    for (size_t i = 0; i + 1 < size; i++)
        text[i] = unit[i % len];
    text[size - 1] = '\0';
}

Test(err, is_cut_at_a_character_wherever_the_limit_falls)
{
    static const char *const units[] = {"a", "\u00e9", "\u20ac", "\U0001f600"};
    lt_err err = {0};
    char text[1500];
    for (size_t u = 0; u < LT_COUNT(units); u++) {
        fill(text, sizeof(text), units[u]);
        for (int lead = 0; lead < 5; lead++) {
            lt_ignore(lt_fail(&err, LT_IO, "%.*s%s", lead, "xxxx", text));
            lt_text got = lt_text_of(err.message);
            CHECK(got.len >= sizeof(err.message) - 8 && got.len < sizeof(err.message));
            CHECK_INT(lt_utf8_valid_len(got), got.len);
            CHECK(lt_text_ends(got, T("...")));
        }
    }
}

Test(err, a_wrong_byte_does_not_cut_a_long_message_there)
{
    lt_err err = {0};
    char text[1500];
    fill(text, sizeof(text), "abc\xff\x80");
    lt_ignore(lt_fail(&err, LT_IO, "%s", text));
    CHECK(strlen(err.message) > 1000);
    fill(text, sizeof(text), "\x80");
    lt_ignore(lt_fail(&err, LT_IO, "%s", text));
    CHECK(strlen(err.message) > 1000);
}

Test(err, wrapping_a_full_message_keeps_the_context)
{
    lt_err err = {0};
    char text[1500];
    fill(text, sizeof(text), "long ");
    lt_ignore(lt_fail(&err, LT_IO, "%s", text));
    CHECK_STATUS(lt_wrap(&err, "context"), LT_IO, err);
    CHECK(lt_text_starts(lt_text_of(err.message), T("context: long long")));
    CHECK(lt_text_ends(lt_text_of(err.message), T("...")));
}

Test(err, status_follows_errno)
{
    static const struct {
        int code;
        lt_status status;
        const char *hint;
    } cases[] = {
        {ENOENT, LT_NOT_FOUND, ""},     {EACCES, LT_DENIED, ""},
        {EPERM, LT_DENIED, ""},         {EROFS, LT_DENIED, "--target-path"},
        {EEXIST, LT_CONFLICT, ""},      {EINVAL, LT_INVALID, ""},
        {ENOTDIR, LT_INVALID, ""},      {EISDIR, LT_INVALID, ""},
        {ENAMETOOLONG, LT_INVALID, ""}, {ENOSPC, LT_IO, "free some"},
        {EDQUOT, LT_IO, "free"},        {EMFILE, LT_IO, "ulimit"},
        {ENFILE, LT_IO, "ulimit -n"},   {EIO, LT_IO, ""},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_fail_errno(&err, cases[i].code, "cannot do '%s'", "it"), cases[i].status,
                     err);
        CHECK(lt_text_starts(lt_text_of(err.message), T("cannot do 'it': ")));
        CHECK_HAS(err.message, strerror(cases[i].code));
        CHECK_HAS(err.hint, cases[i].hint);
    }
}

Test(err, every_status_has_a_name)
{
    for (lt_status a = LT_OK; a <= LT_CANCELLED; a++)
        for (lt_status b = LT_OK; b < a; b++)
            CHECK(strcmp(lt_status_name(a), lt_status_name(b)) != 0);
    CHECK_STR(lt_status_name((lt_status)99), "unknown");
}

static lt_status fails_in_the_middle(int *steps, lt_err *err)
{
    ++*steps;
    LT_TRY(lt_fail(err, LT_TOO_BIG, "x"));
    ++*steps;
    return LT_OK;
}

Test(err, try_returns_at_the_first_failure)
{
    lt_err err = {0};
    int steps = 0;
    CHECK_STATUS(fails_in_the_middle(&steps, &err), LT_TOO_BIG, err);
    CHECK_INT(steps, 1);
}
