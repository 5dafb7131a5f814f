/* Comparing what a unit test expected with what the model gave. */
#include "dbt/rt/inner.h"

#include <stdlib.h>

enum { MAX_SHOWN = 50 };

/* A row as text, without the column that says whose it is. */
typedef struct side_row {
    lt_text text; /* cells with separators that no cell can hold */
    size_t row;
    bool expected, met;
} side_row;

static size_t side_column(lt_jinja_value table, size_t columns)
{
    for (size_t i = columns; i-- > 0;)
        if (lt_text_eq_nocase(lt_dbt_table_name(table, i), T("actual_or_expected")))
            return i;
    return columns;
}

static void add_row(lt_jinja_value table, size_t row, size_t columns, size_t side, lt_buf *out)
{
    for (size_t i = 0; i < columns; i++) {
        lt_jinja_value cell = lt_dbt_table_cell(table, row, i);
        if (i == side)
            continue;
        lt_buf_add_byte(out, cell.type == LT_JINJA_NONE ? 1 : 2);
        if (cell.type != LT_JINJA_NONE)
            lt_jinja_str(cell, out);
    }
}

static int by_text(const void *a, const void *b)
{
    const side_row *x = a, *y = b;
    int order = lt_text_cmp(x->text, y->text);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int by_side(const void *a, const void *b)
{
    const side_row *x = a, *y = b;
    int order = (int)y->expected - (int)x->expected;
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* Rows of one text cancel each other out, one of a side for one of the other. */
static size_t cancel(side_row *rows, size_t count)
{
    size_t left = count;
    for (size_t start = 0, end; start < count; start = end) {
        size_t expected = 0;
        for (end = start; end < count && lt_text_eq(rows[end].text, rows[start].text); end++)
            expected += rows[end].expected;
        size_t pairs = LT_MIN(expected, end - start - expected), from[2] = {pairs, pairs};
        for (size_t i = start; i < end; i++) {
            size_t *rest = &from[rows[i].expected];
            rows[i].met = *rest > 0;
            *rest -= rows[i].met;
            left -= rows[i].met;
        }
    }
    return left;
}

static void show_row(lt_jinja_value table, const side_row *row, size_t columns, size_t side,
                     lt_buf *out)
{
    lt_buf_add_str(out, row->expected ? "| --- " : "| +++ ");
    for (size_t i = 0; i < columns; i++) {
        if (i == side)
            continue;
        lt_buf_add_str(out, "| ");
        lt_jinja_str(lt_dbt_table_cell(table, row->row, i), out);
        lt_buf_add_byte(out, ' ');
    }
    lt_buf_add_str(out, "|\n");
}

static void show(lt_jinja_value table, side_row *rows, size_t count, size_t columns, size_t side,
                 lt_buf *out)
{
    size_t shown = 0;
    lt_buf_add_str(out, "| @@  ");
    for (size_t i = 0; i < columns; i++)
        if (i != side)
            lt_buf_printf(out, "| %.*s ", LT_ARG(lt_dbt_table_name(table, i)));
    lt_buf_add_str(out, "|\n");
    qsort(rows, count, sizeof(*rows), by_side);
    for (size_t i = 0; i < count && shown < MAX_SHOWN; i++) {
        if (rows[i].met)
            continue;
        show_row(table, &rows[i], columns, side, out);
        shown++;
    }
}

LT_OWNED(side_rows, side_row *, lt_free)

lt_status lt_dbt_unit_diff(lt_jinja_value table, bool *same, lt_buf *out, lt_err *err)
{
    lt_dbt_table_view view;
    LT_AUTO(lt_arena) arena = {0};
    if (!lt_dbt_table_look(table, &view))
        return lt_fail(err, LT_INVALID, "the unit test gave no table");
    size_t side = side_column(table, view.column_count);
    if (side == view.column_count)
        return lt_fail(err, LT_INVALID, "the unit test gave no column 'actual_or_expected'");
    LT_AUTO(side_rows) rows = lt_xcalloc(view.row_count + 1, sizeof(*rows));
    for (size_t row = 0; row < view.row_count; row++) {
        LT_AUTO(lt_buf) text = {0};
        add_row(table, row, view.column_count, side, &text);
        rows[row] = (side_row){.text = lt_arena_text(&arena, lt_buf_text(&text)), .row = row};
        rows[row].expected =
            lt_text_eq(lt_jinja_as_text(lt_dbt_table_cell(table, row, side)), T("expected"));
    }
    if (view.row_count)
        qsort(rows, view.row_count, sizeof(*rows), by_text);
    *same = cancel(rows, view.row_count) == 0;
    if (!*same)
        show(table, rows, view.row_count, view.column_count, side, out);
    return LT_OK;
}
