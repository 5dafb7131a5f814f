/* CSV quotes what must be quoted, and no more. */
#include "fmt/csv.h"
#include "support/test.h"

Test(csv, quotes_only_what_needs_it)
{
    LT_AUTO(lt_buf) out = {0};
    lt_csv csv = {.out = &out};
    lt_csv_field(&csv, T("plain text"));
    lt_csv_field(&csv, T("a,b"));
    lt_csv_field(&csv, T("say \"hi\""));
    lt_csv_field(&csv, T("two\nlines"));
    lt_csv_field(&csv, T("\r"));
    lt_csv_field(&csv, T(" x"));
    lt_csv_field(&csv, T("x "));
    lt_csv_field(&csv, T(";"));
    lt_csv_end_row(&csv);
    CHECK_STR(lt_buf_chars(&out),
              "plain text,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"\r\",\" x\",\"x \",;\n");
}

Test(csv, null_is_nothing_and_an_empty_text_is_quoted)
{
    LT_AUTO(lt_buf) out = {0};
    lt_csv csv = {.out = &out, .separator = ';', .crlf = true};
    lt_csv_null(&csv);
    lt_csv_field(&csv, T(""));
    lt_csv_field(&csv, T("a;b"));
    lt_csv_null(&csv);
    lt_csv_end_row(&csv);
    lt_csv_field(&csv, T("a,b"));
    lt_csv_end_row(&csv);
    CHECK_STR(lt_buf_chars(&out), ";\"\";\"a;b\";\r\na,b\r\n");
}
