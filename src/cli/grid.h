/* grid.h - rows and columns for people (an aligned table) and for programs (JSON, NDJSON, CSV).
 *
 * Rows are streamed: a table measures its first rows (at most 500, or 1 MiB), then every later row is written at once, so
 * that any number of rows takes bounded memory. On a terminal a table is cut to its width; elsewhere nothing is cut. */
#pragma once
#include "base/vec.h"
#include "cli/out.h"

typedef enum lt_show { LT_SHOW_TABLE, LT_SHOW_JSON, LT_SHOW_NDJSON, LT_SHOW_CSV } lt_show;

static inline lt_show lt_show_for(bool json)
{
    return json ? LT_SHOW_JSON : LT_SHOW_TABLE;
}

typedef enum lt_cell_kind {
    LT_CELL_TEXT,
    LT_CELL_NUMBER, /* to the right; in JSON a number when it is one there (NaN is a string) */
    LT_CELL_BOOL,   /* "true", "t" or "1", else false */
    LT_CELL_JSON,   /* in JSON as it is when valid, else a string */
} lt_cell_kind;

typedef struct lt_grid_column {
    lt_text name; /* borrowed until lt_grid_end() */
    lt_cell_kind kind;
} lt_grid_column;

typedef struct lt_grid {
    lt_out *out; /* borrowed */
    lt_show show;
    const lt_grid_column *columns; /* borrowed */
    lt_text *names;                /* of JSON members: unique */
    size_t *widths;                /* of a table; in arena */
    size_t count, shown_count;     /* columns; those that fit */
    size_t row_count;
    LT_VEC(lt_text)
    kept; /* cells of the rows that are measured, visible form */
    size_t kept_bytes;
    lt_text missing; /* what a table shows for NULL; may be set behind lt_grid_begin() */
    bool measured;
    lt_arena arena;
    lt_buf scratch;
} lt_grid;

void lt_grid_begin(lt_grid *grid, lt_out *out, lt_show show, const lt_grid_column *columns,
                   size_t count);
/* `cells`: one for each column; a NULL ptr is NULL. Nothing is borrowed. */
void lt_grid_row(lt_grid *grid, const lt_text *cells);
/* Write what is left. A table without rows shows its header. */
void lt_grid_end(lt_grid *grid);
void lt_grid_cleanup(lt_grid *grid); /* also fine without lt_grid_end(); a zeroed grid is fine */
