/* PostgreSQL's built-in types: oids, names, and what a DuckDB type becomes. */
#include "engine/pg_types.h"

#include <stdio.h>

static const lt_pg_type_info types[] = {
    {LT_PG_BOOL, 1000, "boolean"},
    {LT_PG_BYTEA, 1001, "bytea"},
    {LT_PG_NAME, 1003, "name"},
    {LT_PG_INT8, 1016, "bigint"},
    {LT_PG_INT2, 1005, "smallint"},
    {LT_PG_INT4, 1007, "integer"},
    {LT_PG_TEXT, 1009, "text"},
    {LT_PG_OID, 1028, "oid"},
    {LT_PG_JSON, 199, "json"},
    {LT_PG_FLOAT4, 1021, "real"},
    {LT_PG_FLOAT8, 1022, "double precision"},
    {LT_PG_BPCHAR, 1014, "bpchar"},
    {LT_PG_VARCHAR, 1015, "character varying"},
    {LT_PG_DATE, 1182, "date"},
    {LT_PG_TIME, 1183, "time without time zone"},
    {LT_PG_TIMESTAMP, 1115, "timestamp without time zone"},
    {LT_PG_TIMESTAMPTZ, 1185, "timestamp with time zone"},
    {LT_PG_INTERVAL, 1187, "interval"},
    {LT_PG_TIMETZ, 1270, "time with time zone"},
    {LT_PG_NUMERIC, 1231, "numeric"},
    {LT_PG_UUID, 2951, "uuid"},
    {LT_PG_JSONB, 3807, "jsonb"},
};

const lt_pg_type_info *lt_pg_type_find(uint32_t oid)
{
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (types[i].oid == oid)
            return &types[i];
    return NULL;
}

const lt_pg_type_info *lt_pg_type_of_array(uint32_t oid)
{
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (types[i].array == oid)
            return &types[i];
    return NULL;
}

bool lt_pg_type_name(uint32_t oid, int modifier, lt_buf *out)
{
    enum {
        HEADER = 4
    }; /* modifiers of varying lengths count four bytes that once were stored with the value */
    const lt_pg_type_info *type = lt_pg_type_find(oid);
    const lt_pg_type_info *element = type ? NULL : lt_pg_type_of_array(oid);
    if (modifier < 0 && (type || element)) {
        lt_buf_add_str(out, type ? type->name : element->name);
        lt_buf_add_str(out, type ? "" : "[]");
        return true;
    }
    int precision = 0, scale = 0;
    if (oid == LT_PG_NUMERIC && lt_pg_numeric_modifier(modifier, &precision, &scale))
        lt_buf_printf(out, "numeric(%d,%d)", precision, scale);
    else if (oid == LT_PG_VARCHAR)
        lt_buf_printf(out, "character varying(%d)", modifier - HEADER);
    else if (oid == LT_PG_BPCHAR)
        lt_buf_printf(out, "character(%d)", modifier - HEADER);
    else
        return false;
    return true;
}

bool lt_pg_numeric_modifier(int modifier, int *precision, int *scale)
{
    if (modifier < 4)
        return false;
    unsigned packed = (unsigned)modifier - 4;
    *precision = (int)(packed >> 16 & 0xffff);
    *scale = (int)((packed & 0x7ff) ^ 1024) - 1024;
    return true;
}

/* ---- from DuckDB's types ---- */

static const struct {
    const char *duckdb, *postgres;
} mapped[] = {
    {"BOOLEAN", "boolean"},
    {"BOOL", "boolean"},
    {"TINYINT", "smallint"},
    {"UTINYINT", "smallint"},
    {"SMALLINT", "smallint"},
    {"USMALLINT", "integer"},
    {"INTEGER", "integer"},
    {"INT", "integer"},
    {"UINTEGER", "bigint"},
    {"BIGINT", "bigint"},
    {"UBIGINT", "numeric(20,0)"},
    {"HUGEINT", "numeric(38,0)"},
    {"UHUGEINT", "numeric(39,0)"},
    {"BIGNUM", "numeric"},
    {"FLOAT", "real"},
    {"REAL", "real"},
    {"DOUBLE", "double precision"},
    {"DECIMAL", "numeric(18,3)"},
    {"VARCHAR", "text"},
    {"TEXT", "text"},
    {"STRING", "text"},
    {"CHAR", "text"},
    {"BIT", "text"},
    {"NULL", "text"},
    {"\"NULL\"", "text"},
    {"BLOB", "bytea"},
    {"UUID", "uuid"},
    {"JSON", "jsonb"},
    {"VARIANT", "jsonb"},
    {"DATE", "date"},
    {"TIME", "time without time zone"},
    {"TIME_NS", "time without time zone"},
    {"TIMETZ", "time with time zone"},
    {"TIME WITH TIME ZONE", "time with time zone"},
    {"TIMESTAMP", "timestamp without time zone"},
    {"DATETIME", "timestamp without time zone"},
    {"TIMESTAMP_S", "timestamp without time zone"},
    {"TIMESTAMP_MS", "timestamp without time zone"},
    {"TIMESTAMP_NS", "timestamp without time zone"},
    {"TIMESTAMPTZ", "timestamp with time zone"},
    {"TIMESTAMP WITH TIME ZONE", "timestamp with time zone"},
    {"INTERVAL", "interval"},
};

/* Types with something in brackets, by how they start. */
static const struct {
    const char *start, *postgres; /* NULL: numeric with the same numbers */
} with_arguments[] = {
    {"STRUCT(", "jsonb"}, {"MAP(", "jsonb"},  {"UNION(", "jsonb"}, {"ENUM(", "text"},
    {"VARCHAR(", "text"}, {"DECIMAL(", NULL}, {"NUMERIC(", NULL},
};

static bool starts_nocase(lt_text text, const char *start)
{
    return lt_text_eq_nocase(lt_text_sub(text, 0, strlen(start)), lt_text_of(start));
}

static lt_text with_brackets(lt_text type, lt_arena *arena)
{
    for (size_t i = 0; i < LT_COUNT(with_arguments); i++) {
        if (!starts_nocase(type, with_arguments[i].start))
            continue;
        if (with_arguments[i].postgres)
            return lt_text_of(with_arguments[i].postgres);
        lt_text numbers = lt_text_sub(type, lt_text_find_byte(type, '(', 0), SIZE_MAX);
        for (size_t k = 1; k + 1 < numbers.len; k++)
            if (!lt_is_digit(numbers.ptr[k]) && numbers.ptr[k] != ',' && numbers.ptr[k] != ' ')
                return (lt_text){0};
        return lt_text_of(lt_arena_format(arena, "numeric%.*s", LT_ARG(numbers)));
    }
    return (lt_text){0};
}

lt_status lt_pg_type_from_duckdb(lt_text duckdb_type, lt_arena *arena, lt_text *out, lt_err *err)
{
    lt_text type = lt_text_trim(duckdb_type), found = {0};
    for (size_t i = 0; i < LT_COUNT(mapped); i++)
        if (lt_text_eq_nocase(type, lt_text_of(mapped[i].duckdb)))
            found = lt_text_of(mapped[i].postgres);
    if (lt_text_ends(type, T("]"))) /* a list, whatever is in it */
        found = T("jsonb");
    if (!found.len && lt_text_ends(type, T(")")))
        found = with_brackets(type, arena);
    if (!found.len) {
        lt_ignore(lt_fail(err, LT_INVALID, "the DuckDB type %.*s has no counterpart in PostgreSQL",
                          LT_ARG(type)));
        return lt_hint(err, "cast the column to VARCHAR or JSON");
    }
    *out = lt_arena_text(arena, found);
    return LT_OK;
}
