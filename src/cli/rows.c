/* Rows of a statement: cast to text by the engine, read from Arrow, shown by a grid. */
#include "cli/rows.h"

#include "cli/sql_split.h"

#include <assert.h>

/* ---- columns ---- */

static bool starts_with_any(lt_text type, const lt_text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq_nocase(lt_text_sub(type, 0, names[i].len), names[i]))
            return true;
    return false;
}

/* How JSON shows a type of DuckDB or PostgreSQL. */
static lt_cell_kind kind_of(lt_text type)
{
    static const lt_text numbers[] = {
        T("tinyint"),  T("smallint"), T("bigint"),   T("hugeint"), T("utinyint"), T("usmallint"),
        T("uinteger"), T("ubigint"),  T("uhugeint"), T("int"),     T("decimal"),  T("numeric"),
        T("double"),   T("float"),    T("real"),     T("oid"),     T("money"),
    };
    static const lt_text nested[] = {T("struct"), T("map"), T("union"), T("json")};
    if (lt_text_ends(type, T("]")) || starts_with_any(type, nested, LT_COUNT(nested)))
        return LT_CELL_JSON;
    if (starts_with_any(type, (const lt_text[]){T("interval"), T("money")}, 2))
        return LT_CELL_TEXT;
    if (starts_with_any(type, (const lt_text[]){T("bool")}, 1))
        return LT_CELL_BOOL;
    return starts_with_any(type, numbers, LT_COUNT(numbers)) ? LT_CELL_NUMBER : LT_CELL_TEXT;
}

static lt_grid_column *grid_columns(lt_arena *arena, const lt_columns *columns)
{
    lt_grid_column *made = lt_alloc_array(arena, columns->len, sizeof(*made));
    for (size_t i = 0; i < columns->len; i++)
        made[i] = (lt_grid_column){columns->items[i].name, kind_of(columns->items[i].type)};
    return made;
}

/* Every column as text. The names are given anew: those of the statement may be the same twice. */
static void cast_all(lt_session *session, lt_text statement, const lt_grid_column *columns,
                     size_t count, bool json, lt_buf *sql)
{
    bool is_duckdb = strcmp(lt_engine_target(lt_session_engine(session))->kind, "duckdb") == 0;
    const char *type = is_duckdb ? "varchar" : "text";
    lt_buf_add_str(sql, "select ");
    for (size_t i = 0; i < count; i++) {
        bool nested = columns[i].kind == LT_CELL_JSON && json;
        lt_buf_printf(sql, nested ? "%scast(to_json(c%zu) as %s)" : "%scast(c%zu as %s)",
                      i ? ", " : "", i, type);
    }
    lt_buf_add_str(sql, " from (\n");
    lt_buf_add(sql, statement);
    lt_buf_add_str(sql, "\n) as leat_rows(");
    for (size_t i = 0; i < count; i++)
        lt_buf_printf(sql, "%sc%zu", i ? ", " : "", i);
    lt_buf_add_str(sql, ")");
}

/* ---- cells of Arrow text columns: "u" (32-bit offsets), "U" (64-bit), "vu" (views) ---- */

static bool is_null(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *valid = array->null_count ? array->buffers[0] : NULL;
    return valid && !(valid[row / 8] >> (row % 8) & 1);
}

typedef struct arrow_view {
    int32_t len;
    char start[4];
    int32_t buffer, offset;
} arrow_view;

static lt_text view_text(const struct ArrowArray *array, int64_t row)
{
    enum { INLINE_BYTES = 12 };
    const arrow_view *view = (const arrow_view *)array->buffers[1] + row;
    if (view->len <= INLINE_BYTES)
        return lt_text_at(view->start, (size_t)view->len);
    const char *data = array->buffers[2 + view->buffer];
    return lt_text_at(data + view->offset, (size_t)view->len);
}

static lt_text cell_text(const struct ArrowSchema *schema, const struct ArrowArray *array,
                         int64_t row)
{
    row += array->offset;
    if (is_null(array, row))
        return (lt_text){0};
    if (strcmp(schema->format, "vu") == 0)
        return view_text(array, row);
    const char *data = array->buffers[2] ? array->buffers[2] : "";
    if (strcmp(schema->format, "U") == 0) {
        const int64_t *ends = array->buffers[1];
        return lt_text_at(data + ends[row], (size_t)(ends[row + 1] - ends[row]));
    }
    const int32_t *ends = array->buffers[1];
    return lt_text_at(data + ends[row], (size_t)(ends[row + 1] - ends[row]));
}

static bool is_text(const char *format)
{
    return strcmp(format, "u") == 0 || strcmp(format, "U") == 0 || strcmp(format, "vu") == 0;
}

typedef struct ArrowArray arrow_batch;

static void arrow_batch_cleanup(arrow_batch *batch)
{
    if (batch->release)
        batch->release(batch);
}

static void show_batch(lt_grid *grid, const struct ArrowSchema *schema, const arrow_batch *batch,
                       lt_text *cells)
{
    for (int64_t row = 0; row < batch->length; row++) {
        for (size_t i = 0; i < grid->count; i++)
            cells[i] = cell_text(schema->children[i], batch->children[i], row + batch->offset);
        lt_grid_row(grid, cells);
    }
}

static lt_status show_stream(lt_stream *stream, lt_grid *grid, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text *cells = lt_alloc_array(&arena, grid->count, sizeof(*cells));
    for (size_t i = 0; i < grid->count; i++)
        if (!is_text(stream->schema.children[i]->format))
            return lt_fail(err, LT_IO, "column %zu did not come as text", i + 1);
    while (!grid->out->error) { /* nobody reads any more: stop */
        LT_AUTO(arrow_batch) batch = {0};
        LT_TRY(stream->next(stream, &batch, err));
        if (!batch.release)
            break;
        show_batch(grid, &stream->schema, &batch, cells);
    }
    return LT_OK;
}

/* ---- statements ---- */

static lt_status show_select(lt_session *session, lt_text statement, lt_out *out, lt_show show,
                             lt_err *err)
{
    lt_columns columns = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) sql = {0};
    LT_AUTO(lt_stream) stream = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_query_columns(session, statement, &arena, &columns, err));
    const lt_grid_column *heads = grid_columns(&arena, &columns);
    bool json = show == LT_SHOW_JSON || show == LT_SHOW_NDJSON;
    cast_all(session, statement, heads, columns.len, json, &sql);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    LT_TRY(lt_query(session, lt_buf_text(&sql), NULL, 0, &stream, err));
    assert((size_t)stream.schema.n_children == columns.len);
    lt_grid_begin(&grid, out, show, heads, columns.len);
    lt_status status = show_stream(&stream, &grid, err);
    if (status == LT_OK || grid.row_count)
        lt_grid_end(&grid);
    return status;
}

/* The plans of EXPLAIN are drawings: their lines as they are, without what could harm a terminal. */
static void show_drawing(const lt_table *table, lt_out *out)
{
    LT_AUTO(lt_buf) safe = {0};
    for (size_t row = 0; row < table->row_count; row++) {
        lt_text rest = lt_table_cell(table, row, table->column_count - 1), line;
        while (lt_text_cut(&rest, '\n', &line) && (rest.ptr || line.len)) {
            lt_buf_add_visible(&safe, line);
            lt_buf_add_byte(&safe, '\n');
        }
    }
    lt_out_text(out, lt_buf_text(&safe));
}

static bool is_explain(lt_text statement)
{
    return lt_text_eq_nocase(lt_text_sub(statement, 0, strlen("explain")), T("explain"));
}

static lt_status show_table(lt_session *session, lt_text statement, lt_out *out, lt_show show,
                            lt_err *err)
{
    lt_table table = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_query_table(session, statement, NULL, 0, LT_ROWS_HELD, NULL, &arena, &table, err));
    if (show == LT_SHOW_TABLE && table.column_count && is_explain(statement)) {
        show_drawing(&table, out);
        return LT_OK;
    }
    lt_grid_column *columns = lt_alloc_array(&arena, table.column_count, sizeof(*columns));
    for (size_t i = 0; i < table.column_count; i++)
        columns[i] = (lt_grid_column){table.names[i], kind_of(table.types[i])};
    lt_grid_begin(&grid, out, show, columns, table.column_count);
    for (size_t row = 0; row < table.row_count; row++)
        lt_grid_row(&grid, table.cells + row * table.column_count);
    lt_grid_end(&grid);
    return LT_OK;
}

lt_status lt_rows_show(lt_session *session, lt_text statement, lt_out *out, lt_show show,
                       int64_t *changed, lt_err *err)
{
    *changed = -1;
    switch (lt_sql_kind_of(statement)) {
    case LT_SQL_SELECT:
        return show_select(session, statement, out, show, err);
    case LT_SQL_SHOWS:
        return show_table(session, statement, out, show, err);
    case LT_SQL_DOES:
        break;
    }
    return lt_exec(session, statement, changed, err);
}
