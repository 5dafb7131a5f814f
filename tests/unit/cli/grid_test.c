/* Tables fit the terminal, show NULL apart from text, and stream; JSON and CSV are exact. */
#include "cli/grid.h"

#include "fmt/json.h"
#include "support/test.h"

#include <stdio.h>

#define NONE ((lt_text){0})

static const lt_grid_column columns[] = {
    {T("name"), LT_CELL_TEXT}, {T("n"), LT_CELL_NUMBER}, {T("name"), LT_CELL_JSON}};
static const lt_text rows[][3] = {
    {T("a,\"b\""), T("1"), T("{\"x\":[1]}")}, {T(""), NONE, NONE},
    {T("\u6f22\n"), T("-12.5"), T("{no")},    {T("plain"), T("NaN"), T("true")},
    {T("two"), T("2e3"), T("[1,\n2]")},
};

static void show(lt_out *out, lt_show how)
{
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, out, how, columns, LT_COUNT(columns));
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        lt_grid_row(&grid, rows[i]);
    lt_grid_end(&grid);
}

static void check_shown(lt_show how, const char *wanted)
{
    lt_out out = {.fd = -1};
    show(&out, how);
    CHECK_STR(lt_buf_chars(&out.buf), wanted);
    lt_out_cleanup(&out);
}

Test(grid, table_aligns_and_shows_null)
{
    check_shown(LT_SHOW_TABLE, "name       n  name\n"
                               "-----  -----  ---------\n"
                               "a,\"b\"      1  {\"x\":[1]}\n"
                               "        NULL  NULL\n"
                               "\u6f22\\n   -12.5  {no\n"
                               "plain    NaN  true\n"
                               "two      2e3  [1,\\n2]\n");
}

Test(grid, json_is_valid_and_typed)
{
    lt_err err = {0};
    lt_out out = {.fd = -1};
    show(&out, LT_SHOW_JSON);
    CHECK_STR(out.buf.data, "[{\"name\":\"a,\\\"b\\\"\",\"n\":1,\"name_2\":{\"x\":[1]}},\n"
                            " {\"name\":\"\",\"n\":null,\"name_2\":null},\n"
                            " {\"name\":\"\u6f22\\n\",\"n\":-12.5,\"name_2\":\"{no\"},\n"
                            " {\"name\":\"plain\",\"n\":\"NaN\",\"name_2\":true},\n"
                            " {\"name\":\"two\",\"n\":2e3,\"name_2\":[1, 2]}]\n");
    CHECK_OK(lt_json_check(lt_buf_text(&out.buf), NULL, &err), err);
    lt_out_cleanup(&out);
}

Test(grid, ndjson_has_one_line_for_each_row)
{
    check_shown(LT_SHOW_NDJSON, "{\"name\":\"a,\\\"b\\\"\",\"n\":1,\"name_2\":{\"x\":[1]}}\n"
                                "{\"name\":\"\",\"n\":null,\"name_2\":null}\n"
                                "{\"name\":\"\u6f22\\n\",\"n\":-12.5,\"name_2\":\"{no\"}\n"
                                "{\"name\":\"plain\",\"n\":\"NaN\",\"name_2\":true}\n"
                                "{\"name\":\"two\",\"n\":2e3,\"name_2\":[1, 2]}\n");
}

Test(grid, csv_tells_null_from_empty)
{
    check_shown(LT_SHOW_CSV, "name,n,name\n"
                             "\"a,\"\"b\"\"\",1,\"{\"\"x\"\":[1]}\"\n"
                             "\"\",,\n"
                             "\"\u6f22\n\",-12.5,{no\n"
                             "plain,NaN,true\n"
                             "two,2e3,\"[1,\n2]\"\n");
}

Test(grid, booleans_are_json_booleans)
{
    static const lt_grid_column one[] = {{T("b"), LT_CELL_BOOL}};
    static const lt_text cells[] = {T("t"), T("false"), NONE};
    lt_out out = {.fd = -1};
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &out, LT_SHOW_NDJSON, one, 1);
    for (size_t i = 0; i < LT_COUNT(cells); i++)
        lt_grid_row(&grid, &cells[i]);
    lt_grid_end(&grid);
    CHECK_STR(out.buf.data, "{\"b\":true}\n{\"b\":false}\n{\"b\":null}\n");
    lt_out_cleanup(&out);
}

Test(grid, without_rows_is_a_header_or_an_empty_list)
{
    lt_out out = {.fd = -1};
    for (lt_show how = LT_SHOW_TABLE; how <= LT_SHOW_CSV; how++) {
        LT_AUTO(lt_grid) grid = {0};
        lt_grid_begin(&grid, &out, how, columns, 2);
        lt_grid_end(&grid);
    }
    CHECK_STR(out.buf.data, "name  n\n----  -\n[]\nname,n\n");
    lt_out_cleanup(&out);
}

static void check_fits(size_t width)
{
    static const lt_grid_column wide[] = {{T("first"), LT_CELL_TEXT},
                                          {T("number"), LT_CELL_NUMBER},
                                          {T("a long column name"), LT_CELL_TEXT},
                                          {T("d"), LT_CELL_TEXT}};
    static const lt_text cells[] = {T("a rather long text of forty-one characters"), T("123456789"),
                                    T("\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57"), T("d")};
    lt_out out = {.fd = -1, .width = width};
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &out, LT_SHOW_TABLE, wide, LT_COUNT(wide));
    lt_grid_row(&grid, cells);
    lt_grid_end(&grid);
    lt_text rest = lt_buf_text(&out.buf), line;
    while (lt_text_cut(&rest, '\n', &line))
        CHECK(line.ptr[0] == '(' || lt_text_columns(line) <= width);
    lt_out_cleanup(&out);
}

Test(grid, fits_every_width)
{
    for (size_t width = 1; width < 120; width++)
        check_fits(width);
}

Test(grid, streams_with_bounded_memory_and_no_later_cuts_off_a_terminal)
{
    static const lt_grid_column one[] = {{T("x"), LT_CELL_TEXT}};
    lt_out out = {.fd = -1};
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, &out, LT_SHOW_TABLE, one, 1);
    for (int i = 0; i < 5000; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "row %d", i);
        lt_text cell = lt_text_of(text);
        lt_grid_row(&grid, &cell);
        CHECK(grid.kept.len <= 500);
    }
    CHECK(grid.arena.used_bytes == 0);
    lt_grid_end(&grid);
    CHECK(lt_has(out.buf.data, "\nrow 4999\n"));
    lt_out_cleanup(&out);
}
