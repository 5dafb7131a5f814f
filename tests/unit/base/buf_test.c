/* Buffers keep their limit. */
#include "base/buf.h"
#include "support/test.h"

Test(buf, appends_and_ends_with_nul)
{
    LT_AUTO(lt_buf) buf = {0};
    CHECK_STR(lt_buf_chars(&buf), "");
    lt_buf_add(&buf, T("leat "));
    lt_buf_printf(&buf, "%d", 42);
    CHECK_STR(buf.data, "leat 42");
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
