/* DuckDB's types and values as text: names of types, and small results for people and for the program's own questions. */
#include "engine/duckdb_session.h"

#include <assert.h>
#include <stdio.h>

enum {
    DEPTH_LIMIT = 64,         /* of nested types: far above what people write */
    RESULT_LIMIT = 256 << 20, /* bytes of one lt_table */
};

/* ---- names of types ---- */

static const char *const type_names[] = {
    [DUCKDB_TYPE_BOOLEAN] = "BOOLEAN",
    [DUCKDB_TYPE_TINYINT] = "TINYINT",
    [DUCKDB_TYPE_SMALLINT] = "SMALLINT",
    [DUCKDB_TYPE_INTEGER] = "INTEGER",
    [DUCKDB_TYPE_BIGINT] = "BIGINT",
    [DUCKDB_TYPE_UTINYINT] = "UTINYINT",
    [DUCKDB_TYPE_USMALLINT] = "USMALLINT",
    [DUCKDB_TYPE_UINTEGER] = "UINTEGER",
    [DUCKDB_TYPE_UBIGINT] = "UBIGINT",
    [DUCKDB_TYPE_FLOAT] = "FLOAT",
    [DUCKDB_TYPE_DOUBLE] = "DOUBLE",
    [DUCKDB_TYPE_TIMESTAMP] = "TIMESTAMP",
    [DUCKDB_TYPE_DATE] = "DATE",
    [DUCKDB_TYPE_TIME] = "TIME",
    [DUCKDB_TYPE_INTERVAL] = "INTERVAL",
    [DUCKDB_TYPE_HUGEINT] = "HUGEINT",
    [DUCKDB_TYPE_UHUGEINT] = "UHUGEINT",
    [DUCKDB_TYPE_VARCHAR] = "VARCHAR",
    [DUCKDB_TYPE_BLOB] = "BLOB",
    [DUCKDB_TYPE_TIMESTAMP_S] = "TIMESTAMP_S",
    [DUCKDB_TYPE_TIMESTAMP_MS] = "TIMESTAMP_MS",
    [DUCKDB_TYPE_TIMESTAMP_NS] = "TIMESTAMP_NS",
    [DUCKDB_TYPE_UUID] = "UUID",
    [DUCKDB_TYPE_BIT] = "BIT",
    [DUCKDB_TYPE_TIME_TZ] = "TIME WITH TIME ZONE",
    [DUCKDB_TYPE_TIMESTAMP_TZ] = "TIMESTAMP WITH TIME ZONE",
    [DUCKDB_TYPE_BIGNUM] = "BIGNUM",
    [DUCKDB_TYPE_SQLNULL] = "\"NULL\"",
    [DUCKDB_TYPE_STRING_LITERAL] = "VARCHAR",
    [DUCKDB_TYPE_INTEGER_LITERAL] = "INTEGER",
    [DUCKDB_TYPE_TIME_NS] = "TIME_NS",
};

static lt_status add_type(duckdb_logical_type type, int depth, lt_buf *out, lt_err *err);

static lt_status add_child_type(duckdb_logical_type taken, int depth, lt_buf *out, lt_err *err)
{
    LT_AUTO(duck_type) child = taken;
    return add_type(child, depth + 1, out, err);
}

/* STRUCT(a INTEGER, "b c" VARCHAR) or UNION(...). */
static lt_status add_members(duckdb_logical_type type, bool is_union, int depth, lt_buf *out,
                             lt_err *err)
{
    idx_t count =
        is_union ? lt_duck.union_type_member_count(type) : lt_duck.struct_type_child_count(type);
    lt_buf_add_str(out, is_union ? "UNION(" : "STRUCT(");
    for (idx_t i = 0; i < count; i++) {
        LT_AUTO(duck_chars)
        name = is_union ? lt_duck.union_type_member_name(type, i)
                        : lt_duck.struct_type_child_name(type, i);
        lt_buf_add_str(out, i ? ", " : "");
        if (name && name[0]) { /* row(1, 2) has no names */
            lt_quote_name(lt_text_of(name), out);
            lt_buf_add_byte(out, ' ');
        }
        LT_TRY(add_child_type(is_union ? lt_duck.union_type_member_type(type, i)
                                       : lt_duck.struct_type_child_type(type, i),
                              depth, out, err));
    }
    lt_buf_add_byte(out, ')');
    return LT_OK;
}

static void add_enum(duckdb_logical_type type, lt_buf *out)
{
    idx_t count = lt_duck.enum_dictionary_size(type);
    lt_buf_add_str(out, "ENUM(");
    for (idx_t i = 0; i < count; i++) {
        LT_AUTO(duck_chars) value = lt_duck.enum_dictionary_value(type, i);
        lt_buf_add_str(out, i ? ", " : "");
        lt_quote_literal(lt_text_of(value), out);
    }
    lt_buf_add_byte(out, ')');
}

static lt_status add_type(duckdb_logical_type type, int depth, lt_buf *out, lt_err *err)
{
    duckdb_type id = lt_duck.get_type_id(type);
    LT_AUTO(duck_chars) alias = lt_duck.logical_type_get_alias(type);
    if (depth > DEPTH_LIMIT)
        return lt_fail(err, LT_TOO_BIG, "a type is nested more than %d deep", DEPTH_LIMIT);
    if (alias && alias[0]) { /* JSON, or a type that somebody made */
        lt_buf_add_str(out, alias);
        return LT_OK;
    }
    switch ((unsigned)id) {
    case DUCKDB_TYPE_DECIMAL:
        lt_buf_printf(out, "DECIMAL(%u,%u)", lt_duck.decimal_width(type),
                      lt_duck.decimal_scale(type));
        return LT_OK;
    case DUCKDB_TYPE_ENUM:
        add_enum(type, out);
        return LT_OK;
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_UNION:
        return add_members(type, id == DUCKDB_TYPE_UNION, depth, out, err);
    case DUCKDB_TYPE_LIST:
        LT_TRY(add_child_type(lt_duck.list_type_child_type(type), depth, out, err));
        lt_buf_add_str(out, "[]");
        return LT_OK;
    case DUCKDB_TYPE_ARRAY:
        LT_TRY(add_child_type(lt_duck.array_type_child_type(type), depth, out, err));
        lt_buf_printf(out, "[%zu]", (size_t)lt_duck.array_type_array_size(type));
        return LT_OK;
    case DUCKDB_TYPE_MAP:
        lt_buf_add_str(out, "MAP(");
        LT_TRY(add_child_type(lt_duck.map_type_key_type(type), depth, out, err));
        lt_buf_add_str(out, ", ");
        LT_TRY(add_child_type(lt_duck.map_type_value_type(type), depth, out, err));
        lt_buf_add_byte(out, ')');
        return LT_OK;
    default:
        break;
    }
    const char *name = (size_t)id < LT_COUNT(type_names) ? type_names[id] : NULL;
    if (!name) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "a column has a DuckDB type that cannot be read (type %u)",
                          (unsigned)id));
        return lt_hint(err, "cast VARIANT, GEOMETRY and the like to JSON or VARCHAR in the SELECT");
    }
    lt_buf_add_str(out, name);
    return LT_OK;
}

lt_status lt_duckdb_type_name(duckdb_logical_type type, lt_buf *out, lt_err *err)
{
    LT_TRY(add_type(type, 0, out, err));
    return lt_buf_check(out, "the type", err);
}

/* ---- values ---- */

typedef struct place { /* a cell */
    duckdb_vector vector;
    duckdb_logical_type type; /* borrowed */
    idx_t row;
    int depth;
} place;

static bool is_null(duckdb_vector vector, idx_t row)
{
    const uint64_t *valid = lt_duck.vector_get_validity(vector);
    return valid && !(valid[row / 64] >> row % 64 & 1);
}

static lt_text string_at(duckdb_vector vector, idx_t row)
{
    const duckdb_string_t *string = (const duckdb_string_t *)lt_duck.vector_get_data(vector) + row;
    size_t len = string->value.inlined.length;
    return lt_text_at(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr, len);
}

static duckdb_value value_at(place at);

static duckdb_value child_value(duckdb_vector vector, duckdb_logical_type taken, idx_t row,
                                int depth)
{
    LT_AUTO(duck_type) type = taken;
    return value_at((place){.vector = vector, .type = type, .row = row, .depth = depth + 1});
}

static void free_values(duckdb_value *values, idx_t count)
{
    for (idx_t i = 0; i < count; i++)
        lt_duck.destroy_value(&values[i]);
    lt_free(values);
}

static duckdb_value struct_value(place at)
{
    idx_t count = lt_duck.struct_type_child_count(at.type);
    duckdb_value *values = lt_xcalloc(count + 1, sizeof(duckdb_value));
    for (idx_t i = 0; i < count; i++)
        values[i] = child_value(lt_duck.struct_vector_get_child(at.vector, i),
                                lt_duck.struct_type_child_type(at.type, i), at.row, at.depth);
    duckdb_value made = lt_duck.create_struct_value(at.type, values);
    free_values(values, count);
    return made;
}

static duckdb_value union_value(place at)
{
    const uint8_t *tags = lt_duck.vector_get_data(lt_duck.struct_vector_get_child(at.vector, 0));
    idx_t tag = tags[at.row];
    LT_AUTO(duck_value)
    member = child_value(lt_duck.struct_vector_get_child(at.vector, tag + 1),
                         lt_duck.union_type_member_type(at.type, tag), at.row, at.depth);
    return lt_duck.create_union_value(at.type, tag, member);
}

/* The rows from `from` on of a child vector. */
static duckdb_value *child_values(duckdb_vector child, duckdb_logical_type type, idx_t from,
                                  idx_t count, int depth)
{
    duckdb_value *values = lt_xcalloc(count + 1, sizeof(duckdb_value));
    for (idx_t i = 0; i < count; i++)
        values[i] =
            value_at((place){.vector = child, .type = type, .row = from + i, .depth = depth + 1});
    return values;
}

static duckdb_value list_value(place at)
{
    LT_AUTO(duck_type) type = lt_duck.list_type_child_type(at.type);
    const duckdb_list_entry *entry =
        (const duckdb_list_entry *)lt_duck.vector_get_data(at.vector) + at.row;
    duckdb_value *values = child_values(lt_duck.list_vector_get_child(at.vector), type,
                                        entry->offset, entry->length, at.depth);
    duckdb_value made = lt_duck.create_list_value(type, values, entry->length);
    free_values(values, entry->length);
    return made;
}

static duckdb_value array_value(place at)
{
    LT_AUTO(duck_type) type = lt_duck.array_type_child_type(at.type);
    idx_t size = lt_duck.array_type_array_size(at.type);
    duckdb_value *values = child_values(lt_duck.array_vector_get_child(at.vector), type,
                                        at.row * size, size, at.depth);
    duckdb_value made = lt_duck.create_array_value(type, values, size);
    free_values(values, size);
    return made;
}

static duckdb_value map_value(place at)
{
    LT_AUTO(duck_type) key_type = lt_duck.map_type_key_type(at.type);
    LT_AUTO(duck_type) value_type = lt_duck.map_type_value_type(at.type);
    duckdb_vector pairs = lt_duck.list_vector_get_child(at.vector);
    const duckdb_list_entry *entry =
        (const duckdb_list_entry *)lt_duck.vector_get_data(at.vector) + at.row;
    duckdb_value *keys = child_values(lt_duck.struct_vector_get_child(pairs, 0), key_type,
                                      entry->offset, entry->length, at.depth);
    duckdb_value *values = child_values(lt_duck.struct_vector_get_child(pairs, 1), value_type,
                                        entry->offset, entry->length, at.depth);
    duckdb_value made = lt_duck.create_map_value(at.type, keys, values, entry->length);
    free_values(keys, entry->length);
    free_values(values, entry->length);
    return made;
}

/* An integer of the width that DuckDB chose for a decimal or an enum. */
static duckdb_hugeint whole_at(const void *data, duckdb_type width, idx_t row)
{
    int64_t value = 0;
    switch ((unsigned)width) {
    case DUCKDB_TYPE_HUGEINT:
        return ((const duckdb_hugeint *)data)[row];
    case DUCKDB_TYPE_BIGINT:
        value = ((const int64_t *)data)[row];
        break;
    case DUCKDB_TYPE_INTEGER:
        value = ((const int32_t *)data)[row];
        break;
    case DUCKDB_TYPE_SMALLINT:
        value = ((const int16_t *)data)[row];
        break;
    case DUCKDB_TYPE_UINTEGER:
        value = ((const uint32_t *)data)[row];
        break;
    case DUCKDB_TYPE_USMALLINT:
        value = ((const uint16_t *)data)[row];
        break;
    default:
        value = ((const uint8_t *)data)[row];
        break;
    }
    return (duckdb_hugeint){.lower = (uint64_t)value, .upper = value < 0 ? -1 : 0};
}

static duckdb_value decimal_value(place at, const void *data)
{
    duckdb_decimal decimal = {.width = lt_duck.decimal_width(at.type),
                              .scale = lt_duck.decimal_scale(at.type),
                              .value =
                                  whole_at(data, lt_duck.decimal_internal_type(at.type), at.row)};
    return lt_duck.create_decimal(decimal);
}

/* A BIGNUM is stored as 3 bytes (a bit for "not negative", then the length) and the magnitude, all inverted when negative. */
static duckdb_value bignum_value(place at)
{
    lt_text stored = string_at(at.vector, at.row);
    if (stored.len < 4)
        return lt_duck.create_null_value();
    bool negative = !((unsigned char)stored.ptr[0] & 0x80);
    size_t len = stored.len - 3;
    uint8_t *magnitude = lt_xmalloc(len);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)stored.ptr[i + 3];
        magnitude[i] = negative ? (uint8_t)~byte : byte;
    }
    duckdb_value made = lt_duck.create_bignum(
        (duckdb_bignum){.data = magnitude, .size = len, .is_negative = negative});
    lt_free(magnitude);
    return made;
}

static duckdb_value bytes_value(place at, duckdb_type id)
{
    lt_text bytes = string_at(at.vector, at.row);
    uint8_t *data = (uint8_t *)(uintptr_t)bytes.ptr; /* only read */
    if (id == DUCKDB_TYPE_BLOB)
        return lt_duck.create_blob(data, bytes.len);
    if (id == DUCKDB_TYPE_BIT)
        return lt_duck.create_bit((duckdb_bit){.data = data, .size = bytes.len});
    return lt_duck.create_varchar_length(bytes.ptr, bytes.len);
}

static duckdb_value uuid_value(const void *data, idx_t row)
{
    duckdb_hugeint stored =
        ((const duckdb_hugeint *)data)[row]; /* its top bit is flipped, to sort */
    return lt_duck.create_uuid((duckdb_uhugeint){
        .lower = stored.lower, .upper = (uint64_t)stored.upper ^ (UINT64_C(1) << 63)});
}

#define PLAIN(id, type, create)                                                                    \
    case id:                                                                                       \
        return lt_duck.create(((const type *)data)[at.row])

static duckdb_value scalar_value(place at, duckdb_type id)
{
    const void *data = lt_duck.vector_get_data(at.vector);
    switch ((unsigned)id) {
        PLAIN(DUCKDB_TYPE_BOOLEAN, bool, create_bool);
        PLAIN(DUCKDB_TYPE_TINYINT, int8_t, create_int8);
        PLAIN(DUCKDB_TYPE_SMALLINT, int16_t, create_int16);
        PLAIN(DUCKDB_TYPE_INTEGER, int32_t, create_int32);
        PLAIN(DUCKDB_TYPE_BIGINT, int64_t, create_int64);
        PLAIN(DUCKDB_TYPE_UTINYINT, uint8_t, create_uint8);
        PLAIN(DUCKDB_TYPE_USMALLINT, uint16_t, create_uint16);
        PLAIN(DUCKDB_TYPE_UINTEGER, uint32_t, create_uint32);
        PLAIN(DUCKDB_TYPE_UBIGINT, uint64_t, create_uint64);
        PLAIN(DUCKDB_TYPE_HUGEINT, duckdb_hugeint, create_hugeint);
        PLAIN(DUCKDB_TYPE_UHUGEINT, duckdb_uhugeint, create_uhugeint);
        PLAIN(DUCKDB_TYPE_FLOAT, float, create_float);
        PLAIN(DUCKDB_TYPE_DOUBLE, double, create_double);
        PLAIN(DUCKDB_TYPE_DATE, duckdb_date, create_date);
        PLAIN(DUCKDB_TYPE_TIME, duckdb_time, create_time);
        PLAIN(DUCKDB_TYPE_TIME_NS, duckdb_time_ns, create_time_ns);
        PLAIN(DUCKDB_TYPE_TIME_TZ, duckdb_time_tz, create_time_tz_value);
        PLAIN(DUCKDB_TYPE_TIMESTAMP, duckdb_timestamp, create_timestamp);
        PLAIN(DUCKDB_TYPE_TIMESTAMP_TZ, duckdb_timestamp, create_timestamp_tz);
        PLAIN(DUCKDB_TYPE_TIMESTAMP_S, duckdb_timestamp_s, create_timestamp_s);
        PLAIN(DUCKDB_TYPE_TIMESTAMP_MS, duckdb_timestamp_ms, create_timestamp_ms);
        PLAIN(DUCKDB_TYPE_TIMESTAMP_NS, duckdb_timestamp_ns, create_timestamp_ns);
        PLAIN(DUCKDB_TYPE_INTERVAL, duckdb_interval, create_interval);
    case DUCKDB_TYPE_DECIMAL:
        return decimal_value(at, data);
    case DUCKDB_TYPE_ENUM:
        return lt_duck.create_enum_value(
            at.type, whole_at(data, lt_duck.enum_internal_type(at.type), at.row).lower);
    case DUCKDB_TYPE_UUID:
        return uuid_value(data, at.row);
    case DUCKDB_TYPE_BIGNUM:
        return bignum_value(at);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_BIT:
        return bytes_value(at, id);
    default:
        return lt_duck.create_null_value();
    }
}

static duckdb_value value_at(place at)
{
    duckdb_type id = lt_duck.get_type_id(at.type);
    if (is_null(at.vector, at.row) || at.depth > DEPTH_LIMIT)
        return lt_duck.create_null_value();
    switch ((unsigned)id) {
    case DUCKDB_TYPE_STRUCT:
        return struct_value(at);
    case DUCKDB_TYPE_UNION:
        return union_value(at);
    case DUCKDB_TYPE_LIST:
        return list_value(at);
    case DUCKDB_TYPE_ARRAY:
        return array_value(at);
    case DUCKDB_TYPE_MAP:
        return map_value(at);
    default:
        return scalar_value(at, id);
    }
}

/* What `value::VARCHAR` gives: by DuckDB itself, from a copy of the value. */
static lt_text cell_text(place at, duckdb_type id, lt_arena *arena)
{
    if (is_null(at.vector, at.row))
        return (lt_text){0};
    if (id == DUCKDB_TYPE_VARCHAR) /* may hold NUL bytes */
        return lt_arena_text(arena, string_at(at.vector, at.row));
    LT_AUTO(duck_value) value = value_at(at);
    LT_AUTO(duck_chars) text = value ? lt_duck.get_varchar(value) : NULL;
    return text ? lt_arena_text(arena, lt_text_of(text)) : (lt_text){0};
}

/* ---- tables ---- */

typedef LT_VEC(lt_text) cells;

typedef struct limits {
    size_t rows;
    size_t bytes; /* what the arena may hold at the end: others may have filled it */
} limits;

/* The rows of a chunk behind those that are there, up to the limit; *more when there were more. */
static lt_status add_chunk(duckdb_data_chunk chunk, size_t columns, const limits *most, bool *more,
                           lt_arena *arena, cells *out, lt_err *err)
{
    size_t have = out->len / columns;
    size_t rows = (size_t)lt_duck.data_chunk_get_size(chunk);
    *more = rows > most->rows - have;
    rows = LT_MIN(rows, most->rows - have);
    size_t start = out->len;
    for (size_t i = 0; i < rows * columns; i++)
        lt_push_in(arena, out, (lt_text){0});
    assert(out->items || !rows);
    for (size_t c = 0; c < columns; c++) {
        duckdb_vector vector = lt_duck.data_chunk_get_vector(chunk, c);
        LT_AUTO(duck_type) type = lt_duck.vector_get_column_type(vector);
        duckdb_type id = lt_duck.get_type_id(type);
        for (size_t r = 0; r < rows && arena->used_bytes < most->bytes; r++)
            out->items[start + r * columns + c] =
                cell_text((place){.vector = vector, .type = type, .row = r}, id, arena);
    }
    if (arena->used_bytes >= most->bytes)
        return lt_fail(err, LT_TOO_BIG, "the result is larger than %d bytes", RESULT_LIMIT);
    return LT_OK;
}

static lt_status describe(duckdb_result *result, lt_arena *arena, lt_table *table, lt_err *err)
{
    table->column_count = (size_t)lt_duck.column_count(result);
    table->names = lt_alloc_array(arena, table->column_count, sizeof(lt_text));
    table->types = lt_alloc_array(arena, table->column_count, sizeof(lt_text));
    for (size_t i = 0; i < table->column_count; i++) {
        LT_AUTO(duck_type) type = lt_duck.column_logical_type(result, i);
        LT_AUTO(lt_buf) name = {0};
        LT_TRY(lt_duckdb_type_name(type, &name, err));
        table->names[i] = lt_arena_text(arena, lt_text_of(lt_duck.column_name(result, i)));
        table->types[i] = lt_arena_text(arena, lt_buf_text(&name));
    }
    return LT_OK;
}

lt_status lt_duckdb_query_table(lt_session *session, lt_text sql, const lt_text *params,
                                size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                                lt_table *out, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_AUTO(duck_prepared) prepared = NULL;
    LT_AUTO(duck_result) result = {0};
    lt_table table = {0};
    cells found = {0};
    bool cut = false;
    const limits most = {row_limit, arena->used_bytes + RESULT_LIMIT};
    LT_TRY(lt_duckdb_prepare(self, sql, params, param_count, &prepared, err));
    LT_TRY(lt_duckdb_start(self, prepared, &result, err));
    LT_TRY(describe(&result, arena, &table, err));
    while (!cut && table.column_count) {
        LT_AUTO(duck_chunk) chunk = NULL;
        LT_TRY(lt_duckdb_fetch(self, &result, &chunk, err));
        if (!chunk || lt_duck.data_chunk_get_size(chunk) == 0)
            break;
        LT_TRY(add_chunk(chunk, table.column_count, &most, &cut, arena, &found, err));
    }
    table.cells = found.items;
    table.row_count = table.column_count ? found.len / table.column_count : 0;
    *more = cut;
    *out = table;
    return LT_OK;
}
