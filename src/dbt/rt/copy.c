/* Rows of a seed by COPY: as texts into a temporary table, from there into the seed's own types. */
#include "dbt/rt/inner.h"

#include "engine/arrow_build.h"

#include <stdio.h>

enum { BATCH_ROWS = 20000 };

typedef struct row_source {
    lt_jinja_value table;
    size_t rows, columns, next;
} row_source;

static void add_cell(lt_jinja_value cell, lt_dbt_cell_kind kind, lt_buf *out)
{
    LT_AUTO(lt_buf) number = {0};
    if (kind != LT_DBT_CELL_NUMBER || cell.type == LT_JINJA_INT) {
        lt_jinja_str(cell, out);
        return;
    }
    lt_jinja_str(cell, &number);
    lt_dbt_number_write(lt_buf_text(&number), out);
}

static lt_status text_column(const row_source *from, size_t column, size_t rows,
                             struct ArrowArray *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = LT_GIB};
    int32_t *offsets = lt_xcalloc(rows + 1, sizeof(*offsets));
    unsigned char *valid = lt_xcalloc(rows / 8 + 1, 1);
    lt_arrow_array(out, rows, 3, 0);
    lt_arrow_give(out, 0, valid);
    lt_arrow_give(out, 1, offsets);
    for (size_t i = 0; i < rows; i++) {
        lt_jinja_value cell = lt_dbt_table_cell(from->table, from->next + i, column);
        if (cell.type == LT_JINJA_NONE) {
            out->null_count++;
        } else {
            add_cell(cell, lt_dbt_table_kind(from->table, column), &text);
            valid[i / 8] = (unsigned char)(valid[i / 8] | 1u << i % 8);
        }
        offsets[i + 1] = (int32_t)text.len;
    }
    LT_TRY(lt_buf_check(&text, "a column of a seed", err));
    char *data = lt_xmalloc(text.len + 1);
    memcpy(data, lt_buf_chars(&text), text.len);
    lt_arrow_give(out, 2, data);
    return LT_OK;
}

static lt_status next_rows(lt_stream *stream, struct ArrowArray *out, lt_err *err)
{
    row_source *from = stream->state;
    size_t rows = LT_MIN(from->rows - from->next, (size_t)BATCH_ROWS);
    lt_status status = LT_OK;
    *out = (struct ArrowArray){.release = NULL};
    if (!rows)
        return LT_OK;
    lt_arrow_array(out, rows, 1, from->columns);
    for (size_t i = 0; i < from->columns && status == LT_OK; i++)
        status = text_column(from, i, rows, out->children[i], err);
    from->next += rows;
    if (status != LT_OK)
        out->release(out);
    return status;
}

static void keep_source(lt_stream *stream) /* it is the caller's */
{
    stream->release = NULL;
}

static lt_status copy_texts(lt_session *session, const lt_relation *into, row_source *from,
                            lt_err *err)
{
    int64_t rows;
    lt_stream stream = {.next = next_rows, .release = keep_source, .state = from};
    lt_arrow_field(&stream.schema, "+s", T(""), NULL, from->columns);
    for (size_t i = 0; i < from->columns; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "c%zu", i);
        lt_arrow_field(stream.schema.children[i], "u", lt_text_of(name), NULL, 0);
    }
    lt_status status = lt_ingest(session, into, NULL, &stream, &rows, err);
    lt_stream_release(&stream);
    return status;
}

/* Without length and precision: an explicit cast to varchar(3) would cut where an INSERT fails. */
static void add_base_type(lt_text type, lt_buf *out)
{
    size_t open = lt_text_find_byte(type, '(', 0), close = lt_text_find_byte(type, ')', 0);
    lt_text base = open == SIZE_MAX ? type : lt_text_trim(lt_text_sub(type, 0, open));
    if (lt_text_eq(base, T("character")))
        lt_buf_add_str(out, "bpchar");
    else if (lt_text_eq(base, T("bit")))
        lt_buf_add_str(out, "\"bit\"");
    else
        lt_buf_add(out, base);
    if (open != SIZE_MAX && close != SIZE_MAX)
        lt_buf_add(out, lt_text_sub(type, close + 1, SIZE_MAX));
}

static lt_status run_text(lt_dbt_exec *exec, lt_jinja_heap *heap, const lt_buf *sql, lt_err *err)
{
    lt_jinja_value response, table;
    LT_TRY(lt_buf_check(sql, "the statement", err));
    return lt_dbt_rt_execute(exec, heap, lt_buf_text(sql), true, false, -1, &response, &table, err);
}

lt_status lt_dbt_copy_rows(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_text relation,
                           lt_text columns, lt_jinja_value table, lt_err *err)
{
    static const lt_relation texts = {.name = T("leat_seed_rows")};
    lt_dbt_table_view view;
    lt_columns into = {0};
    LT_AUTO(lt_buf) make = {.limit = LT_MIB};
    LT_AUTO(lt_buf) look = {.limit = LT_MIB};
    LT_AUTO(lt_buf) move = {.limit = 4 * LT_MIB};
    (void)lt_dbt_table_look(table, &view);
    row_source from = {.table = table, .rows = view.row_count, .columns = view.column_count};
    lt_buf_add_str(&make, "create temporary table leat_seed_rows (");
    for (size_t i = 0; i < view.column_count; i++)
        lt_buf_printf(&make, "%sc%zu text", i ? ", " : "", i);
    lt_buf_add_str(&make, ") on commit drop");
    LT_TRY(run_text(exec, heap, &make, err));
    lt_buf_printf(&look, "select %.*s from %.*s", LT_ARG(columns), LT_ARG(relation));
    LT_TRY(lt_query_columns(exec->session, lt_buf_text(&look), &heap->arena, &into, err));
    LT_TRY(copy_texts(exec->session, &texts, &from, err));
    lt_buf_printf(&move, "insert into %.*s (%.*s) select ", LT_ARG(relation), LT_ARG(columns));
    for (size_t i = 0; i < into.len; i++) {
        lt_buf_printf(&move, "%sc%zu::", i ? ", " : "", i);
        add_base_type(into.items[i].type, &move);
    }
    lt_buf_add_str(&move, " from leat_seed_rows; drop table leat_seed_rows");
    return run_text(exec, heap, &move, err);
}
