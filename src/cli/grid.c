/* Tables, JSON and CSV out of rows, in bounded memory. */
#include "cli/grid.h"

#include "base/map.h"
#include "fmt/json.h"

enum { KEPT_ROWS = 500, KEPT_BYTES = 1 << 20, GAP = 2, NARROWEST = 4 };

static const char ELLIPSIS[] = "\xe2\x80\xa6";

/* ---- JSON ---- */

/* The names of JSON members, where a repeated column becomes "name_2". */
static void make_names_unique(lt_grid *grid)
{
    LT_AUTO(lt_map) seen = {0};
    grid->names = lt_alloc_array(&grid->arena, grid->count, sizeof(*grid->names));
    for (size_t i = 0; i < grid->count; i++) {
        lt_text name = grid->columns[i].name;
        for (size_t n = 2; lt_map_has(&seen, name); n++)
            name = lt_text_of(
                lt_arena_format(&grid->arena, "%.*s_%zu", LT_ARG(grid->columns[i].name), n));
        (void)lt_map_put(&seen, name, grid);
        grid->names[i] = name;
    }
}

static bool is_true(lt_text cell)
{
    return lt_text_eq(cell, T("true")) || lt_text_eq(cell, T("t")) || lt_text_eq(cell, T("1"));
}

static bool is_json_number(lt_text cell)
{
    lt_err err;
    bool begins = cell.len && (cell.ptr[0] == '-' || lt_is_digit(cell.ptr[0]));
    return begins && lt_json_check(cell, NULL, &err) == LT_OK;
}

static void json_cell(lt_json_writer *writer, lt_cell_kind kind, lt_text cell)
{
    lt_err err;
    if (!cell.ptr)
        lt_json_null(writer);
    else if (kind == LT_CELL_BOOL)
        lt_json_bool(writer, is_true(cell));
    else if ((kind == LT_CELL_NUMBER && is_json_number(cell)) ||
             (kind == LT_CELL_JSON && lt_json_check(cell, NULL, &err) == LT_OK))
        lt_json_raw(writer, cell);
    else
        lt_json_string(writer, cell);
}

static void json_row(lt_grid *grid, const lt_text *cells)
{
    lt_buf_clear(&grid->scratch);
    lt_json_writer writer = {.out = &grid->scratch};
    lt_json_begin(&writer, '{');
    for (size_t i = 0; i < grid->count; i++) {
        lt_json_key(&writer, grid->names[i]);
        json_cell(&writer, grid->columns[i].kind, cells[i]);
    }
    lt_json_end(&writer);
    for (char *at = grid->scratch.data; (at = strpbrk(at, "\r\n"));)
        *at = ' '; /* white space of a JSON cell: one row is one line */
    if (grid->show == LT_SHOW_JSON)
        lt_out_str(grid->out, grid->row_count ? ",\n " : "[");
    lt_out_text(grid->out, lt_buf_text(&grid->scratch));
    if (grid->show == LT_SHOW_NDJSON)
        lt_out_str(grid->out, "\n");
}

/* ---- CSV (RFC 4180; NULL is nothing, an empty text is "") ---- */

static void csv_cell(lt_out *out, lt_text cell)
{
    bool plain = cell.len > 0;
    for (size_t i = 0; i < cell.len && plain; i++)
        plain = !memchr(",\"\r\n", cell.ptr[i], 4);
    if (plain || !cell.ptr) {
        lt_out_text(out, cell);
        return;
    }
    lt_text part;
    bool first = true;
    lt_out_str(out, "\"");
    while (lt_text_cut(&cell, '"', &part)) {
        lt_out_str(out, first ? "" : "\"\"");
        lt_out_text(out, part);
        first = false;
    }
    lt_out_str(out, "\"");
}

static void csv_row(lt_grid *grid, const lt_text *cells)
{
    for (size_t i = 0; i < grid->count; i++) {
        lt_out_str(grid->out, i ? "," : "");
        csv_cell(grid->out, cells[i]);
    }
    lt_out_str(grid->out, "\n");
}

static void csv_header(lt_grid *grid)
{
    for (size_t i = 0; i < grid->count; i++) {
        lt_out_str(grid->out, i ? "," : "");
        csv_cell(grid->out, grid->columns[i].name);
    }
    lt_out_str(grid->out, "\n");
}

/* ---- tables ---- */

static size_t total_width(const lt_grid *grid, size_t cap)
{
    size_t sum = 0;
    for (size_t i = 0; i < grid->shown_count; i++)
        sum += LT_MIN(grid->widths[i], cap) + (i ? (size_t)GAP : 0);
    return sum;
}

/* Cut the widest columns, all to one width, until the table fits; then leave columns out from the right. */
static void fit(lt_grid *grid)
{
    size_t width = grid->out->width, cap = 0;
    if (!width)
        return;
    for (size_t i = 0; i < grid->count; i++)
        cap = LT_MAX(cap, grid->widths[i]);
    while (grid->shown_count > 1 && total_width(grid, NARROWEST) > width)
        grid->shown_count--;
    cap = LT_MIN(cap, width);
    while (cap > 1 && total_width(grid, cap) > width)
        cap--;
    for (size_t i = 0; i < grid->shown_count; i++)
        grid->widths[i] = LT_MIN(grid->widths[i], cap);
}

/* A cell in its width: cut with an ellipsis on a terminal, to the right for numbers; no blanks at the end of a line. */
static void padded(lt_grid *grid, size_t column, lt_text text, lt_style style)
{
    size_t width = grid->widths[column], columns = lt_text_columns(text);
    bool right = grid->columns[column].kind == LT_CELL_NUMBER;
    bool last = column + 1 == grid->shown_count;
    bool cut = grid->out->width && columns > width;
    if (cut) {
        text = lt_text_cut_columns(text, width - 1);
        columns = lt_text_columns(text) + 1;
    }
    size_t blanks = columns < width ? width - columns : 0;
    if (column)
        lt_out_printf(grid->out, "%*s", (int)GAP, "");
    if (right)
        lt_out_printf(grid->out, "%*s", (int)blanks, "");
    lt_out_styled(grid->out, style, text);
    lt_out_str(grid->out, cut ? ELLIPSIS : "");
    if (!right && !last)
        lt_out_printf(grid->out, "%*s", (int)blanks, "");
}

static void table_line(lt_grid *grid, const lt_text *cells)
{
    for (size_t i = 0; i < grid->shown_count; i++)
        padded(grid, i, cells[i].ptr ? cells[i] : grid->missing, cells[i].ptr ? LT_PLAIN : LT_DIM);
    lt_out_str(grid->out, "\n");
}

static lt_text visible(lt_grid *grid, lt_text text)
{
    lt_buf_clear(&grid->scratch);
    lt_buf_add_visible(&grid->scratch, text);
    return lt_arena_text(&grid->arena, lt_buf_text(&grid->scratch));
}

static void table_header(lt_grid *grid)
{
    for (size_t i = 0; i < grid->shown_count; i++)
        padded(grid, i, visible(grid, grid->columns[i].name), LT_BOLD);
    lt_out_str(grid->out, "\n");
    for (size_t i = 0; i < grid->shown_count; i++) {
        lt_out_printf(grid->out, "%*s", i ? (int)GAP : 0, "");
        for (size_t k = 0; k < grid->widths[i]; k++)
            lt_out_str(grid->out, "-");
    }
    lt_out_str(grid->out, "\n");
}

/* The first rows are in: choose the widths, write them. */
static void measure(lt_grid *grid)
{
    size_t *widths = grid->widths;
    for (size_t i = 0; i < grid->count; i++)
        widths[i] = LT_MAX((size_t)1, lt_text_columns(visible(grid, grid->columns[i].name)));
    for (size_t i = 0; i < grid->kept.len; i++) {
        lt_text cell = grid->kept.items[i];
        size_t *width = &widths[i % LT_MAX(grid->count, (size_t)1)];
        *width = LT_MAX(*width, cell.ptr ? lt_text_columns(cell) : grid->missing.len);
    }
    fit(grid);
    grid->measured = true;
    table_header(grid);
    for (size_t i = 0; grid->count && i < grid->kept.len; i += grid->count)
        table_line(grid, grid->kept.items + i);
    lt_arena_cleanup(&grid->arena); /* the widths are not in it */
    grid->kept.len = 0;
}

static void table_row(lt_grid *grid, const lt_text *cells)
{
    for (size_t i = 0; i < grid->count; i++) {
        lt_text cell = cells[i].ptr ? visible(grid, cells[i]) : (lt_text){0};
        grid->kept_bytes += cell.len;
        lt_push(&grid->kept, cell);
    }
    if (grid->measured) {
        table_line(grid, grid->kept.items);
        grid->kept.len = 0;
        lt_arena_cleanup(&grid->arena);
    } else if (grid->row_count + 1 >= KEPT_ROWS || grid->kept_bytes >= KEPT_BYTES) {
        measure(grid);
    }
}

/* ---- all of them ---- */

void lt_grid_begin(lt_grid *grid, lt_out *out, lt_show show, const lt_grid_column *columns,
                   size_t count)
{
    *grid = (lt_grid){.out = out,
                      .show = show,
                      .columns = columns,
                      .count = count,
                      .shown_count = count,
                      .missing = T("NULL")};
    if (show == LT_SHOW_TABLE)
        grid->widths = lt_xcalloc(count, sizeof(*grid->widths));
    else if (show == LT_SHOW_CSV)
        csv_header(grid);
    else
        make_names_unique(grid);
}

void lt_grid_row(lt_grid *grid, const lt_text *cells)
{
    if (grid->show == LT_SHOW_TABLE)
        table_row(grid, cells);
    else if (grid->show == LT_SHOW_CSV)
        csv_row(grid, cells);
    else
        json_row(grid, cells);
    grid->row_count++;
}

void lt_grid_end(lt_grid *grid)
{
    if (grid->show == LT_SHOW_JSON)
        lt_out_str(grid->out, grid->row_count ? "]\n" : "[]\n");
    if (grid->show != LT_SHOW_TABLE)
        return;
    if (!grid->measured)
        measure(grid);
    if (grid->shown_count < grid->count)
        lt_out_printf(grid->out, "(%zu more columns do not fit; --json shows all)\n",
                      grid->count - grid->shown_count);
}

void lt_grid_cleanup(lt_grid *grid)
{
    lt_free(grid->widths);
    lt_vec_free(&grid->kept);
    lt_buf_cleanup(&grid->scratch);
    lt_arena_cleanup(&grid->arena);
    *grid = (lt_grid){0};
}
