/* Results as templates see them: agate's Table with rows and columns, as far as macros use it. */
#include "base/time.h"
#include "dbt/rt/inner.h"

#include <stdio.h>

/* Cells are stored row after row in growing rows; rows and columns are views that point back to the table. */
typedef struct table_object {
    lt_jinja_object object;
    lt_jinja_heap *heap;
    size_t columns, rows, cap;
    lt_jinja_value *names;
    lt_dbt_cell_kind *kinds;
    lt_jinja_value *cells;
} table_object;

typedef struct row_object {
    lt_jinja_object object;
    const table_object *table;
    size_t row;
} row_object;

typedef struct column_object {
    lt_jinja_object object;
    const table_object *table;
    size_t column;
} column_object;

typedef struct columns_object { /* .columns and .rows: by number and by name */
    lt_jinja_object object;
    const table_object *table;
} columns_object;

static const lt_jinja_class table_class, row_class, column_class, columns_class, rows_class;

static table_object *table_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &table_class)
        return NULL;
    return (table_object *)value.as.object;
}

/* ---- making ---- */

lt_jinja_value lt_dbt_table_new(lt_jinja_heap *heap, const lt_text *names,
                                const lt_dbt_cell_kind *kinds, size_t columns)
{
    table_object *made = LT_NEW(&heap->arena, table_object);
    *made = (table_object){.object.class = &table_class, .heap = heap, .columns = columns};
    made->names = lt_alloc_array(&heap->arena, columns + 1, sizeof(*made->names));
    made->kinds = lt_alloc_array(&heap->arena, columns + 1, sizeof(*made->kinds));
    for (size_t i = 0; i < columns; i++) {
        made->names[i] = lt_jinja_text_copy(heap, names[i]);
        made->kinds[i] = kinds ? kinds[i] : LT_DBT_CELL_TEXT;
    }
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_table_empty(lt_jinja_heap *heap)
{
    return lt_dbt_table_new(heap, NULL, NULL, 0);
}

void lt_dbt_table_add_row(lt_jinja_value value, const lt_jinja_value *cells)
{
    table_object *table = table_in(value);
    if (table->rows == table->cap) {
        size_t cap = table->cap ? 2 * table->cap : 16;
        lt_jinja_value *more =
            lt_alloc_array(&table->heap->arena, cap * table->columns + 1, sizeof(*more));
        if (table->rows)
            memcpy(more, table->cells, table->rows * table->columns * sizeof(*more));
        table->cells = more;
        table->cap = cap;
    }
    memcpy(table->cells + table->rows * table->columns, cells, table->columns * sizeof(*cells));
    table->rows++;
}

lt_dbt_cell_kind lt_dbt_table_kind(lt_jinja_value table, size_t column)
{
    const table_object *self = table_in(table);
    return self && column < self->columns ? self->kinds[column] : LT_DBT_CELL_TEXT;
}

void lt_dbt_table_set_kind(lt_jinja_value table, size_t column, lt_dbt_cell_kind kind)
{
    table_in(table)->kinds[column] = kind;
}

bool lt_dbt_table_look(lt_jinja_value value, lt_dbt_table_view *view)
{
    const table_object *table = table_in(value);
    if (table)
        *view = (lt_dbt_table_view){.column_count = table->columns, .row_count = table->rows};
    return table != NULL;
}

lt_text lt_dbt_table_name(lt_jinja_value table, size_t column)
{
    return lt_jinja_as_text(table_in(table)->names[column]);
}

static lt_jinja_value cell_at(const table_object *table, size_t row, size_t column)
{
    return table->cells[row * table->columns + column];
}

lt_jinja_value lt_dbt_table_cell(lt_jinja_value table, size_t row, size_t column)
{
    return cell_at(table_in(table), row, column);
}

/* ---- results of an engine ---- */

static bool is_type(lt_text type, const char *const *names)
{
    for (; *names; names++)
        if (lt_text_eq_nocase(lt_text_sub(type, 0, strlen(*names)), lt_text_of(*names)))
            return true;
    return false;
}

static lt_dbt_cell_kind kind_of_type(lt_text type)
{
    static const char *const integers[] = {"int",      "bigint",   "smallint", "tinyint",
                                           "hugeint",  "uint",     "ubigint",  "usmallint",
                                           "utinyint", "uhugeint", "oid",      NULL};
    static const char *const numbers[] = {"numeric", "decimal", "double", "real", "float", NULL};
    static const char *const moments[] = {"timestamp", "datetime", NULL};
    static const char *const booleans[] = {"bool", NULL};
    bool is_list = lt_text_ends(type, T("]"));
    if (is_list || lt_text_starts(type, T("interval")))
        return LT_DBT_CELL_TEXT;
    if (lt_text_eq_nocase(type, T("date")))
        return LT_DBT_CELL_DATE;
    if (is_type(type, moments))
        return LT_DBT_CELL_DATETIME;
    if (is_type(type, booleans))
        return LT_DBT_CELL_BOOL;
    if (is_type(type, integers))
        return LT_DBT_CELL_INTEGER;
    return is_type(type, numbers) ? LT_DBT_CELL_NUMBER : LT_DBT_CELL_TEXT;
}

static lt_jinja_value moment_value(lt_jinja_heap *heap, lt_text cell, lt_text type)
{
    int64_t at_us;
    bool zoned = lt_text_has(type, T("zone")) && !lt_text_has(type, T("without"));
    zoned = zoned || lt_text_eq_nocase(type, T("timestamptz"));
    if (!lt_time_read(cell, &at_us))
        return lt_jinja_text_copy(heap, cell); /* infinity, years that Python has not */
    return zoned ? lt_dbt_datetime_value(heap, at_us) : lt_dbt_naive_value(heap, at_us);
}

/* A float of 32 bits, with the digits that it has as one of 64: that is how Python gets it from DuckDB. */
static lt_text widened(lt_jinja_heap *heap, lt_text cell)
{
    double value;
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    if (!lt_text_to_double(cell, &value))
        return cell;
    lt_jinja_repr(lt_jinja_float((double)(float)value), &text);
    return lt_arena_text(&heap->arena, lt_buf_text(&text));
}

/* One element of PostgreSQL's text of an array, as JSON. */
static void add_element(lt_text element, bool quoted, lt_dbt_cell_kind kind, lt_buf *out)
{
    double real;
    lt_err ignored = {0};
    const lt_jinja_json how = {0};
    lt_jinja_value value = lt_jinja_text(element);
    if (!quoted && lt_text_eq(element, T("NULL")))
        value = lt_jinja_none();
    else if (kind == LT_DBT_CELL_BOOL)
        value = lt_jinja_bool(lt_text_eq(element, T("t")));
    else if (kind == LT_DBT_CELL_NUMBER && lt_text_to_double(element, &real))
        value = lt_jinja_float(real);
    if (kind == LT_DBT_CELL_INTEGER && value.type == LT_JINJA_STR)
        lt_buf_add(out, element);
    else
        lt_ignore(lt_jinja_to_json(value, &how, out, &ignored)); /* a plain value always has one */
}

/* The end of an element that begins at `at`; its text without quotes and backslashes. */
static size_t read_element(lt_text text, size_t at, bool *quoted, lt_buf *out)
{
    *quoted = text.ptr[at] == '"';
    for (at += *quoted; at < text.len; at++) {
        char c = text.ptr[at];
        if (*quoted ? c == '"' : c == ',' || c == '}')
            break;
        if (c == '\\' && at + 1 < text.len)
            c = text.ptr[++at];
        lt_buf_add_byte(out, c);
    }
    return at + (*quoted && at < text.len);
}

/* "{1,2}" of PostgreSQL is "[1, 2]": lists in results are JSON for templates, as with dbt. */
static lt_jinja_value array_value(lt_jinja_heap *heap, lt_text cell, lt_text type)
{
    LT_AUTO(lt_buf) made = {.limit = 64 * LT_MIB};
    LT_AUTO(lt_buf) element = {.limit = 64 * LT_MIB};
    lt_dbt_cell_kind kind;
    while (lt_text_ends(type, T("[]")))
        type.len -= 2;
    kind = kind_of_type(type);
    for (size_t at = 0; at < cell.len;) {
        char c = cell.ptr[at];
        bool quoted;
        if (c == '{' || c == '}') {
            lt_buf_add_byte(&made, c == '{' ? '[' : ']');
            at++;
        } else if (c == ',') {
            lt_buf_add_str(&made, ", ");
            at++;
        } else {
            lt_buf_clear(&element);
            at = read_element(cell, at, &quoted, &element);
            if (kind == LT_DBT_CELL_DATETIME && element.len > 10 && element.data[10] == ' ')
                element.data[10] = 'T'; /* isoformat() */
            add_element(lt_buf_text(&element), quoted, kind, &made);
        }
    }
    return lt_jinja_text_copy(heap, lt_buf_text(&made));
}

lt_jinja_value lt_dbt_cell_value(lt_jinja_heap *heap, lt_text cell, lt_text type)
{
    int64_t number;
    lt_jinja_value whole;
    if (!cell.ptr)
        return lt_jinja_none();
    if (lt_text_ends(type, T("[]")) && lt_text_starts(cell, T("{")))
        return array_value(heap, cell, type);
    switch (kind_of_type(type)) {
    case LT_DBT_CELL_BOOL:
        return lt_jinja_bool(lt_text_eq(cell, T("true")) || lt_text_eq(cell, T("t")));
    case LT_DBT_CELL_INTEGER:
        return lt_jinja_whole(heap, cell, &whole) ? whole : lt_dbt_decimal_value(heap, cell);
    case LT_DBT_CELL_NUMBER:
        return lt_dbt_decimal_value(heap,
                                    lt_text_eq(type, T("FLOAT")) ? widened(heap, cell) : cell);
    case LT_DBT_CELL_DATE:
        return lt_time_read(cell, &number)
                   ? lt_dbt_date_value(heap, lt_divide_down(number, 86400000000))
                   : lt_jinja_text_copy(heap, cell);
    case LT_DBT_CELL_DATETIME:
        return moment_value(heap, cell, type);
    default:
        return lt_jinja_text_copy(heap, cell);
    }
}

lt_jinja_value lt_dbt_table_from(lt_jinja_heap *heap, const lt_table *from)
{
    lt_jinja_value made = lt_dbt_table_new(heap, from->names, NULL, from->column_count);
    table_object *table = table_in(made);
    for (size_t i = 0; i < from->column_count; i++)
        table->kinds[i] = kind_of_type(from->types[i]);
    table->rows = table->cap = from->row_count;
    table->cells = lt_alloc_array(&heap->arena, from->row_count * from->column_count + 1,
                                  sizeof(*table->cells));
    for (size_t row = 0; row < from->row_count; row++)
        for (size_t i = 0; i < from->column_count; i++)
            table->cells[row * from->column_count + i] =
                lt_dbt_cell_value(heap, lt_table_cell(from, row, i), from->types[i]);
    return made;
}

lt_jinja_value lt_dbt_table_data(lt_jinja_heap *heap, lt_jinja_value value)
{
    const table_object *table = table_in(value);
    lt_jinja_value list = lt_jinja_list(heap);
    for (size_t row = 0; table && row < table->rows; row++)
        lt_jinja_add(list,
                     lt_jinja_tuple(heap, table->cells + row * table->columns, table->columns));
    return list;
}

/* ---- views ---- */

static lt_jinja_value row_value(lt_jinja_heap *heap, const table_object *table, size_t row)
{
    row_object *made = LT_NEW(&heap->arena, row_object);
    *made = (row_object){.object.class = &row_class, .table = table, .row = row};
    return lt_jinja_object_value(&made->object);
}

static lt_jinja_value column_value(lt_jinja_heap *heap, const table_object *table, size_t column)
{
    column_object *made = LT_NEW(&heap->arena, column_object);
    *made = (column_object){.object.class = &column_class, .table = table, .column = column};
    return lt_jinja_object_value(&made->object);
}

static lt_jinja_value columns_value(lt_jinja_heap *heap, const table_object *table,
                                    const lt_jinja_class *class)
{
    columns_object *made = LT_NEW(&heap->arena, columns_object);
    *made = (columns_object){.object.class = class, .table = table};
    return lt_jinja_object_value(&made->object);
}

static bool find_column(const table_object *table, lt_text name, size_t *out)
{
    for (size_t i = 0; i < table->columns; i++)
        if (lt_text_eq(lt_jinja_as_text(table->names[i]), name)) {
            *out = i;
            return true;
        }
    return false;
}

/* An index as Python counts, from the end when negative; or a slice's part. */
static bool index_of(lt_jinja_value key, size_t len, size_t *out)
{
    if (key.type != LT_JINJA_INT)
        return false;
    int64_t i = key.as.i < 0 ? key.as.i + (int64_t)len : key.as.i;
    *out = (size_t)i;
    return i >= 0 && i < (int64_t)len;
}

static bool column_index(const table_object *table, lt_jinja_value key, size_t *out)
{
    return key.type == LT_JINJA_STR ? find_column(table, lt_jinja_as_text(key), out)
                                    : index_of(key, table->columns, out);
}

static lt_jinja_value names_tuple(lt_jinja_heap *heap, const table_object *table)
{
    return lt_jinja_tuple(heap, table->names, table->columns);
}

static lt_jinja_value row_cells(lt_jinja_heap *heap, const table_object *table, size_t row)
{
    return lt_jinja_tuple(heap, table->cells + row * table->columns, table->columns);
}

static lt_jinja_value column_cells(lt_jinja_heap *heap, const table_object *table, size_t column)
{
    lt_jinja_value list = lt_jinja_list(heap);
    for (size_t row = 0; row < table->rows; row++)
        lt_jinja_add(list, cell_at(table, row, column));
    return list;
}

static lt_jinja_value as_tuple(lt_jinja_heap *heap, lt_jinja_value list)
{
    size_t len = lt_jinja_len(list);
    lt_jinja_value *items = lt_alloc_array(&heap->arena, len + 1, sizeof(*items));
    for (size_t i = 0; i < len; i++)
        items[i] = lt_jinja_at(list, i);
    return lt_jinja_tuple(heap, items, len);
}

/* ---- a row ---- */

static lt_status row_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                          lt_jinja_value *out, bool *found, lt_err *err)
{
    const row_object *row = (const row_object *)self;
    size_t column;
    (void)render;
    (void)err;
    *found = column_index(row->table, key, &column);
    if (*found)
        *out = cell_at(row->table, row->row, column);
    return LT_OK;
}

static lt_status row_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                           lt_err *err)
{
    const row_object *row = (const row_object *)self;
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *list = lt_jinja_list(heap);
    for (size_t i = 0; i < row->table->columns; i++)
        lt_jinja_add(*list, cell_at(row->table, row->row, i));
    return LT_OK;
}

static bool row_length(const lt_jinja_object *self, size_t *len)
{
    *len = ((const row_object *)self)->table->columns;
    return true;
}

static lt_jinja_value row_dict(lt_jinja_heap *heap, const row_object *row)
{
    lt_jinja_value dict = lt_jinja_dict(heap);
    for (size_t i = 0; i < row->table->columns; i++)
        lt_jinja_put_value(dict, row->table->names[i], cell_at(row->table, row->row, i));
    return dict;
}

static lt_jinja_value pairs(lt_jinja_heap *heap, const row_object *row)
{
    lt_jinja_value list = lt_jinja_list(heap);
    for (size_t i = 0; i < row->table->columns; i++) {
        lt_jinja_value pair[] = {row->table->names[i], cell_at(row->table, row->row, i)};
        lt_jinja_add(list, lt_jinja_tuple(heap, pair, 2));
    }
    return list;
}

static lt_status row_get(lt_jinja_call *call, const row_object *row, lt_jinja_value *out,
                         lt_err *err)
{
    lt_jinja_value args[2];
    size_t column;
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    *out = column_index(row->table, args[0], &column) ? cell_at(row->table, row->row, column)
           : lt_jinja_is_absent(args[1])              ? lt_jinja_none()
                                                      : args[1];
    return LT_OK;
}

static lt_status row_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                            lt_err *err)
{
    const row_object *row = (const row_object *)call->self.as.object;
    *found = true;
    if (lt_text_eq(name, T("get")))
        return row_get(call, row, out, err);
    if (lt_text_eq(name, T("values")))
        *out = row_cells(call->heap, row->table, row->row);
    else if (lt_text_eq(name, T("keys")))
        *out = names_tuple(call->heap, row->table);
    else if (lt_text_eq(name, T("items")))
        *out = pairs(call->heap, row);
    else if (lt_text_eq(name, T("dict")))
        *out = row_dict(call->heap, row);
    else
        *found = false;
    return LT_OK;
}

/* row.name is what Jinja makes of row['name']; methods come first. */
static lt_status row_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                          lt_jinja_value *out, bool *found, lt_err *err)
{
    return row_item(render, self, lt_jinja_text(name), out, found, err);
}

static void row_repr(const lt_jinja_object *self, lt_buf *out)
{
    const row_object *row = (const row_object *)self;
    lt_buf_add_str(out, "<agate.Row: (");
    for (size_t i = 0; i < row->table->columns; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        lt_jinja_repr(cell_at(row->table, row->row, i), out);
    }
    lt_buf_add_str(out, ")>");
}

static const lt_jinja_class row_class = {
    .name = "Row",
    .item = row_item,
    .attr = row_attr,
    .items = row_items,
    .method = row_method,
    .length = row_length,
    .repr = row_repr,
    .is_sequence = true,
};

/* ---- a column ---- */

static const column_object *column_of(const lt_jinja_object *self)
{
    return (const column_object *)self;
}

static const char *const kind_names[] = {
    [LT_DBT_CELL_TEXT] = "Text",     [LT_DBT_CELL_INTEGER] = "Integer",
    [LT_DBT_CELL_NUMBER] = "Number", [LT_DBT_CELL_BOOL] = "Boolean",
    [LT_DBT_CELL_DATE] = "Date",     [LT_DBT_CELL_DATETIME] = "DateTime",
};

static lt_status column_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const column_object *column = column_of(self);
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("name")))
        *out = column->table->names[column->column];
    else if (lt_text_eq(name, T("index")))
        *out = lt_jinja_int((int64_t)column->column);
    else if (lt_text_eq(name, T("data_type")))
        *out = lt_jinja_text(lt_text_of(kind_names[column->table->kinds[column->column]]));
    else
        *found = false;
    return LT_OK;
}

static lt_status column_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const column_object *column = column_of(self);
    size_t row;
    (void)render;
    (void)err;
    *found = index_of(key, column->table->rows, &row);
    if (*found)
        *out = cell_at(column->table, row, column->column);
    return LT_OK;
}

static lt_status column_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                              lt_err *err)
{
    const column_object *column = column_of(self);
    (void)err;
    *list = column_cells(lt_jinja_heap_of(render), column->table, column->column);
    return LT_OK;
}

static bool column_length(const lt_jinja_object *self, size_t *len)
{
    *len = column_of(self)->table->rows;
    return true;
}

static lt_jinja_value distinct(lt_jinja_heap *heap, lt_jinja_value list)
{
    lt_jinja_value made = lt_jinja_list(heap), seen = lt_jinja_dict(heap), ignored;
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_jinja_value item = lt_jinja_at(list, i);
        lt_jinja_value key =
            item.type == LT_JINJA_OBJECT ? lt_jinja_text(lt_dbt_str(heap, item)) : item;
        if (lt_jinja_find_value(seen, key, &ignored))
            continue;
        lt_jinja_put_value(seen, key, lt_jinja_none());
        lt_jinja_add(made, item);
    }
    return made;
}

static lt_jinja_value without_nulls(lt_jinja_heap *heap, lt_jinja_value list)
{
    lt_jinja_value made = lt_jinja_list(heap);
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_at(list, i).type != LT_JINJA_NONE)
            lt_jinja_add(made, lt_jinja_at(list, i));
    return made;
}

static lt_status column_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    const column_object *column = column_of(call->self.as.object);
    lt_jinja_value cells = column_cells(call->heap, column->table, column->column);
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("values")))
        *out = as_tuple(call->heap, cells);
    else if (lt_text_eq(name, T("values_distinct")))
        *out = as_tuple(call->heap, distinct(call->heap, cells));
    else if (lt_text_eq(name, T("values_without_nulls")))
        *out = as_tuple(call->heap, without_nulls(call->heap, cells));
    else
        *found = false;
    return LT_OK;
}

static const lt_jinja_class column_class = {
    .name = "Column",
    .attr = column_attr,
    .item = column_item,
    .items = column_items,
    .method = column_method,
    .length = column_length,
    .is_sequence = true,
};

/* ---- .columns and .rows ---- */

static const table_object *mapped(const lt_jinja_object *self)
{
    return ((const columns_object *)self)->table;
}

static lt_status columns_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                              lt_jinja_value *out, bool *found, lt_err *err)
{
    size_t column;
    (void)err;
    *found = column_index(mapped(self), key, &column);
    if (*found)
        *out = column_value(lt_jinja_heap_of(render), mapped(self), column);
    return LT_OK;
}

static lt_status columns_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                               lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *list = lt_jinja_list(heap);
    for (size_t i = 0; i < mapped(self)->columns; i++)
        lt_jinja_add(*list, column_value(heap, mapped(self), i));
    return LT_OK;
}

static bool columns_length(const lt_jinja_object *self, size_t *len)
{
    *len = mapped(self)->columns;
    return true;
}

static lt_status columns_get(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    bool found = false;
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    LT_TRY(columns_item(call->render, call->self.as.object, args[0], out, &found, err));
    if (!found)
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

/* (name, column) pairs, or a dictionary of them. */
static lt_jinja_value column_pairs(lt_jinja_heap *heap, const table_object *table, bool as_dict)
{
    lt_jinja_value made = as_dict ? lt_jinja_dict(heap) : lt_jinja_list(heap);
    for (size_t i = 0; i < table->columns; i++) {
        lt_jinja_value pair[] = {table->names[i], column_value(heap, table, i)};
        if (as_dict)
            lt_jinja_put_value(made, pair[0], pair[1]);
        else
            lt_jinja_add(made, lt_jinja_tuple(heap, pair, 2));
    }
    return made;
}

static lt_status columns_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                                lt_err *err)
{
    const table_object *table = mapped(call->self.as.object);
    *found = true;
    if (lt_text_eq(name, T("keys")))
        *out = names_tuple(call->heap, table);
    else if (lt_text_eq(name, T("values")))
        return columns_items(call->render, call->self.as.object, out, err);
    else if (lt_text_eq(name, T("get")))
        return columns_get(call, out, err);
    else if (lt_text_eq(name, T("items")))
        *out = column_pairs(call->heap, table, false);
    else if (lt_text_eq(name, T("dict")))
        *out = column_pairs(call->heap, table, true);
    else
        *found = false;
    return LT_OK;
}

static const lt_jinja_class columns_class = {
    .name = "MappedSequence",
    .item = columns_item,
    .items = columns_items,
    .length = columns_length,
    .method = columns_method,
    .is_sequence = true,
};

static lt_status rows_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    size_t row;
    (void)err;
    *found = index_of(key, mapped(self)->rows, &row);
    if (*found)
        *out = row_value(lt_jinja_heap_of(render), mapped(self), row);
    return LT_OK;
}

static lt_status rows_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                            lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *list = lt_jinja_list(heap);
    for (size_t i = 0; i < mapped(self)->rows; i++)
        lt_jinja_add(*list, row_value(heap, mapped(self), i));
    return LT_OK;
}

static bool rows_length(const lt_jinja_object *self, size_t *len)
{
    *len = mapped(self)->rows;
    return true;
}

static lt_status rows_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                             lt_err *err)
{
    *found = lt_text_eq(name, T("values"));
    return *found ? rows_items(call->render, call->self.as.object, out, err) : LT_OK;
}

static const lt_jinja_class rows_class = {
    .name = "MappedSequence",
    .item = rows_item,
    .items = rows_items,
    .length = rows_length,
    .method = rows_method,
    .is_sequence = true,
};

/* ---- the table ---- */

static lt_jinja_value type_names(lt_jinja_heap *heap, const table_object *table)
{
    lt_jinja_value list = lt_jinja_list(heap);
    for (size_t i = 0; i < table->columns; i++)
        lt_jinja_add(list, lt_jinja_text(lt_text_of(kind_names[table->kinds[i]])));
    return list;
}

static lt_status table_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    const table_object *table = (const table_object *)self;
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("rows")))
        *out = columns_value(heap, table, &rows_class);
    else if (lt_text_eq(name, T("columns")))
        *out = columns_value(heap, table, &columns_class);
    else if (lt_text_eq(name, T("column_names")))
        *out = names_tuple(heap, table);
    else if (lt_text_eq(name, T("column_types")))
        *out = type_names(heap, table);
    else
        *found = false;
    return LT_OK;
}

static lt_status table_items(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                             lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    const table_object *table = (const table_object *)self;
    (void)err;
    *list = lt_jinja_list(heap);
    for (size_t i = 0; i < table->rows; i++)
        lt_jinja_add(*list, row_value(heap, table, i));
    return LT_OK;
}

static bool table_length(const lt_jinja_object *self, size_t *len)
{
    *len = ((const table_object *)self)->rows;
    return true;
}

/* ---- print_table(): agate's frame of bars ---- */

enum { PRINT_WIDTH = 20, PRINT_COLUMNS = 6, PRINT_ROWS = 20 };

static lt_text printed(lt_jinja_heap *heap, lt_jinja_value cell)
{
    if (cell.type == LT_JINJA_NONE)
        return T("");
    lt_text text = lt_dbt_str(heap, cell);
    if (text.len <= PRINT_WIDTH)
        return text;
    return lt_text_of(lt_arena_format(&heap->arena, "%.*s...", PRINT_WIDTH - 3, text.ptr));
}

static void add_cell(lt_text text, size_t width, bool right, lt_buf *out)
{
    int pad = (int)(width - LT_MIN(width, text.len));
    lt_buf_printf(out, "| %*s%.*s%*s ", right ? pad : 0, "", LT_ARG(text), right ? 0 : pad, "");
}

static void table_text(lt_jinja_heap *heap, const table_object *table, lt_buf *out)
{
    size_t columns = LT_MIN(table->columns, (size_t)PRINT_COLUMNS);
    size_t rows = LT_MIN(table->rows, (size_t)PRINT_ROWS), widths[PRINT_COLUMNS] = {0};
    for (size_t i = 0; i < columns; i++) {
        widths[i] = lt_jinja_as_text(table->names[i]).len;
        for (size_t row = 0; row < rows; row++)
            widths[i] = LT_MAX(widths[i], printed(heap, cell_at(table, row, i)).len);
    }
    for (size_t i = 0; i < columns; i++)
        add_cell(lt_jinja_as_text(table->names[i]), widths[i], false, out);
    lt_buf_add_str(out, "|\n");
    for (size_t i = 0; i < columns; i++) {
        lt_buf_add_str(out, "| ");
        for (size_t k = 0; k < widths[i]; k++)
            lt_buf_add_byte(out, '-');
        lt_buf_add_byte(out, ' ');
    }
    lt_buf_add_str(out, "|");
    for (size_t row = 0; row < rows; row++) {
        lt_buf_add_byte(out, '\n');
        for (size_t i = 0; i < columns; i++)
            add_cell(printed(heap, cell_at(table, row, i)), widths[i],
                     table->kinds[i] == LT_DBT_CELL_INTEGER ||
                         table->kinds[i] == LT_DBT_CELL_NUMBER,
                     out);
        lt_buf_add_byte(out, '|');
    }
}

static lt_status print_table(lt_jinja_call *call, const table_object *table, lt_jinja_value *out)
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    table_text(call->heap, table, &text);
    printf("%s\n", lt_buf_chars(&text));
    *out = lt_jinja_none();
    return LT_OK;
}

/* table.select(['a', 'b']): a table of these columns; exclude() the rest of them. */
static lt_status pick_columns(lt_jinja_call *call, const table_object *table, bool keep,
                              lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "key", args, err));
    size_t *picked = lt_alloc_array(&call->heap->arena, table->columns + 1, sizeof(*picked));
    lt_text *names = lt_alloc_array(&call->heap->arena, table->columns + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < table->columns; i++) {
        bool named = args[0].type == LT_JINJA_STR && lt_jinja_eq(args[0], table->names[i]);
        for (size_t k = 0; args[0].type != LT_JINJA_STR && k < lt_jinja_len(args[0]); k++)
            named = named || lt_jinja_eq(lt_jinja_at(args[0], k), table->names[i]);
        if (named != keep)
            continue;
        names[count] = lt_jinja_as_text(table->names[i]);
        picked[count++] = i;
    }
    *out = lt_dbt_table_new(call->heap, names, NULL, count);
    lt_jinja_value *cells = lt_alloc_array(&call->heap->arena, count + 1, sizeof(*cells));
    for (size_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < count; i++)
            cells[i] = cell_at(table, row, picked[i]);
        lt_dbt_table_add_row(*out, cells);
    }
    for (size_t i = 0; i < count; i++)
        lt_dbt_table_set_kind(*out, i, table->kinds[picked[i]]);
    return LT_OK;
}

/* table.rename(column_names=[...]) */
static lt_status rename_columns(lt_jinja_call *call, const table_object *table, lt_jinja_value *out,
                                lt_err *err)
{
    lt_jinja_value args[1], name;
    LT_TRY(lt_jinja_bind(call, "column_names", args, err));
    lt_text *names = lt_alloc_array(&call->heap->arena, table->columns + 1, sizeof(*names));
    for (size_t i = 0; i < table->columns; i++) {
        names[i] = lt_jinja_as_text(table->names[i]);
        if (args[0].type == LT_JINJA_DICT && lt_jinja_find(args[0], names[i], &name))
            names[i] = lt_dbt_str(call->heap, name);
        else if (args[0].type != LT_JINJA_DICT && i < lt_jinja_len(args[0]))
            names[i] = lt_dbt_str(call->heap, lt_jinja_at(args[0], i));
    }
    *out = lt_dbt_table_new(call->heap, names, table->kinds, table->columns);
    for (size_t row = 0; row < table->rows; row++)
        lt_dbt_table_add_row(*out, table->cells + row * table->columns);
    return LT_OK;
}

static lt_status limit_rows(lt_jinja_call *call, const table_object *table, lt_jinja_value *out,
                            lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "max_rows", args, err));
    lt_text *names = lt_alloc_array(&call->heap->arena, table->columns + 1, sizeof(*names));
    for (size_t i = 0; i < table->columns; i++)
        names[i] = lt_jinja_as_text(table->names[i]);
    *out = lt_dbt_table_new(call->heap, names, table->kinds, table->columns);
    for (size_t row = 0; row < table->rows && (int64_t)row < args[0].as.i; row++)
        lt_dbt_table_add_row(*out, table->cells + row * table->columns);
    return LT_OK;
}

static lt_status table_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    const table_object *table = (const table_object *)call->self.as.object;
    *found = true;
    if (lt_text_eq(name, T("print_table")))
        return print_table(call, table, out);
    if (lt_text_eq(name, T("select")))
        return pick_columns(call, table, true, out, err);
    if (lt_text_eq(name, T("exclude")))
        return pick_columns(call, table, false, out, err);
    if (lt_text_eq(name, T("rename")))
        return rename_columns(call, table, out, err);
    if (lt_text_eq(name, T("limit")))
        return limit_rows(call, table, out, err);
    *found = false;
    return LT_OK;
}

static bool table_truth(const lt_jinja_object *self)
{
    return ((const table_object *)self)->rows != 0;
}

static lt_status table_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    const table_object *table = (const table_object *)self;
    size_t row;
    (void)err;
    *found = index_of(key, table->rows, &row);
    if (*found)
        *out = row_value(lt_jinja_heap_of(render), table, row);
    return LT_OK;
}

static const lt_jinja_class table_class = {
    .name = "Table",
    .attr = table_attr,
    .item = table_item,
    .items = table_items,
    .length = table_length,
    .truth = table_truth,
    .method = table_method,
    .is_sequence = true,
};
