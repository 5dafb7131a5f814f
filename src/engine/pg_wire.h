/* pg_wire.h - PostgreSQL's types in binary, shared by what reads and what writes them. */
#pragma once
#include "base/text.h"

/* pg_type.oid of the built-in types (src/include/catalog/pg_type.dat): fixed for good. */
typedef enum lt_pg_type {
    LT_PG_BOOL = 16,
    LT_PG_BYTEA = 17,
    LT_PG_NAME = 19,
    LT_PG_INT8 = 20,
    LT_PG_INT2 = 21,
    LT_PG_INT4 = 23,
    LT_PG_TEXT = 25,
    LT_PG_OID = 26,
    LT_PG_JSON = 114,
    LT_PG_FLOAT4 = 700,
    LT_PG_FLOAT8 = 701,
    LT_PG_BPCHAR = 1042,
    LT_PG_VARCHAR = 1043,
    LT_PG_DATE = 1082,
    LT_PG_TIME = 1083,
    LT_PG_TIMESTAMP = 1114,
    LT_PG_TIMESTAMPTZ = 1184,
    LT_PG_INTERVAL = 1186,
    LT_PG_TIMETZ = 1266,
    LT_PG_NUMERIC = 1700,
    LT_PG_UUID = 2950,
    LT_PG_JSONB = 3802,
} lt_pg_type;

/* A built-in type; NULL for others. `array` is the oid of its array type, 0 if it has none here. */
typedef struct lt_pg_type_info {
    uint32_t oid, array;
    const char *name; /* as format_type() writes it without a modifier */
} lt_pg_type_info;
const lt_pg_type_info *lt_pg_type_find(uint32_t oid);
/* The element type of a known array type, or NULL. */
const lt_pg_type_info *lt_pg_type_of_array(uint32_t oid);

/* Days and microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01. */
#define LT_PG_EPOCH_DAYS 10957
#define LT_PG_EPOCH_US (INT64_C(10957) * 86400 * 1000000)
#define LT_PG_COPY_SIGNATURE T("PGCOPY\n\377\r\n\0")

static inline uint16_t lt_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}
static inline uint32_t lt_get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}
static inline uint64_t lt_get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value);
}
static inline void lt_put16(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof(value));
}
static inline void lt_put32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
}
static inline void lt_put64(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof(value));
}
