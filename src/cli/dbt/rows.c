/* Rows for people, in columns, and for programs, as JSON. */
#include "cli/dbt/rows.h"

#include "base/arena.h"
#include "dbt/artifacts/manifest.h"

#include <math.h>
#include <stdlib.h>

static bool is_decimal(lt_jinja_value value)
{
    return value.type == LT_JINJA_OBJECT && strcmp(lt_jinja_type_name(value), "Decimal") == 0;
}

static bool is_number(lt_jinja_value value)
{
    return value.type == LT_JINJA_INT || value.type == LT_JINJA_FLOAT || is_decimal(value);
}

/* As Python writes and reads it, which is more than JSON has: NaN, Infinity. */
static void write_value(lt_json_writer *w, lt_jinja_value value)
{
    if (value.type != LT_JINJA_FLOAT || isfinite(value.as.f)) {
        lt_dbt_write_value(w, value);
        return;
    }
    double number = value.as.f;
    lt_json_raw(w, lt_text_of(isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity"));
}

void dbt_rows_json(lt_jinja_value rows, lt_json_writer *w)
{
    lt_jinja_value key, value;
    lt_json_begin(w, '[');
    for (size_t i = 0; i < lt_jinja_len(rows); i++) {
        lt_json_begin(w, '{');
        for (size_t at = 0; lt_jinja_next(lt_jinja_at(rows, i), &at, &key, &value);) {
            LT_AUTO(lt_buf) text = {0};
            lt_json_key(w, lt_jinja_as_text(key));
            if (!is_decimal(value)) {
                write_value(w, value);
                continue;
            }
            lt_jinja_str(value, &text);
            write_value(w, lt_jinja_float(strtod(lt_buf_chars(&text), NULL)));
        }
        lt_json_end(w);
    }
    lt_json_end(w);
}

/* ---- columns ---- */

/* Of characters, not bytes. */
static size_t width_of(lt_text text)
{
    size_t at = 0, count = 0;
    uint32_t point;
    while (lt_utf8_next(text, &at, &point))
        count++;
    return count;
}

typedef struct cell {
    lt_text text;
    size_t width;
    bool is_number;
} cell;

static cell cell_of(lt_jinja_value value, lt_arena *arena)
{
    LT_AUTO(lt_buf) text = {0};
    if (value.type != LT_JINJA_NONE)
        lt_jinja_str(value, &text);
    lt_text kept = lt_arena_text(arena, lt_buf_text(&text));
    return (cell){.text = kept, .width = width_of(kept), .is_number = is_number(value)};
}

static void add_line(const cell *cells, const size_t *widths, size_t count, lt_buf *out)
{
    lt_buf_add_byte(out, '|');
    for (size_t i = 0; i < count; i++) {
        int pad = (int)(widths[i] - cells[i].width);
        lt_buf_printf(out, " %*s%.*s%*s |", cells[i].is_number ? pad : 0, "", LT_ARG(cells[i].text),
                      cells[i].is_number ? 0 : pad, "");
    }
}

static void add_rule(const size_t *widths, size_t count, lt_buf *out)
{
    lt_buf_add_str(out, "\n|");
    for (size_t i = 0; i < count; i++) {
        lt_buf_add_byte(out, ' ');
        for (size_t k = 0; k < widths[i]; k++)
            lt_buf_add_byte(out, '-');
        lt_buf_add_str(out, " |");
    }
}

void dbt_rows_table(lt_jinja_value rows, lt_buf *out)
{
    LT_AUTO(lt_arena) scratch = {0};
    size_t count = lt_jinja_len(rows), columns = count ? lt_jinja_len(lt_jinja_at(rows, 0)) : 0;
    size_t *widths = lt_alloc_array(&scratch, columns + 1, sizeof(*widths));
    cell *cells = lt_alloc_array(&scratch, (count + 1) * columns + 1, sizeof(*cells));
    lt_jinja_value key, value;
    for (size_t row = 0; row < count; row++) {
        size_t i = 0;
        for (size_t at = 0; i < columns && lt_jinja_next(lt_jinja_at(rows, row), &at, &key, &value);
             i++) {
            cells[i] = cell_of(key, &scratch);
            cells[(row + 1) * columns + i] = cell_of(value, &scratch);
            widths[i] =
                LT_MAX(widths[i], LT_MAX(cells[i].width, cells[(row + 1) * columns + i].width));
        }
    }
    if (!columns)
        return;
    add_line(cells, widths, columns, out);
    add_rule(widths, columns, out);
    for (size_t row = 1; row <= count; row++) {
        lt_buf_add_byte(out, '\n');
        add_line(cells + row * columns, widths, columns, out);
    }
}
