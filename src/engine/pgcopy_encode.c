/* Arrow batches into PostgreSQL's binary rows. The writer of each column is chosen once; rows are written one after the other. */
#include "engine/arrow_node.h"
#include "engine/pg_numeric.h"
#include "engine/pg_types.h"
#include "engine/pgcopy.h"

#include <stdlib.h>

typedef struct writer writer;

/* Write length and value of a cell that is not NULL. NULL on success, else what is wrong with it. */
typedef const char *write_cell(const writer *self, int64_t at, lt_buf *out);

struct writer {
    write_cell *write;
    lt_arrow_node *node;  /* of the values: behind a dictionary its values */
    lt_arrow_node *index; /* of a dictionary, else NULL */
    writer *element;      /* of an array */
    uint32_t type;
    const void *data;  /* buffer 1 of the bound array, for fixed widths */
    bool may_hold_nul; /* the bound texts hold a NUL byte somewhere */
};

struct lt_pg_encoder {
    lt_arena arena;
    size_t count;
    writer *writers;
    lt_arrow_node *nodes;
    const struct ArrowArray *batch;
    int64_t batch_rows;
    int64_t rows_before; /* in batches that are done */
};

static const char out_of_range[] = "the value does not fit the column's type";
static const char too_large[] = "the value is larger than 1 GiB";
enum { VALUE_LIMIT = 0x3fffffff }; /* MaxAllocSize */

/* Room for n bytes, nearly always without a call. */
static inline uint8_t *room(lt_buf *out, size_t n)
{
    if (out->cap > out->len + n)
        return (uint8_t *)out->data + out->len;
    return (uint8_t *)lt_buf_room(out, n);
}

/* A length and the place for as many bytes behind it; NULL if there is no room. */
static inline uint8_t *start(lt_buf *out, uint32_t len)
{
    uint8_t *at = room(out, 4 + (size_t)len);
    if (!at)
        return NULL;
    lt_put32(at, len);
    out->len += 4 + (size_t)len;
    return at + 4;
}

/* ---- numbers ---- */

static inline const char *put_2(int16_t value, lt_buf *out)
{
    uint8_t *at = start(out, 2);
    if (at)
        lt_put16(at, (uint16_t)value);
    return NULL;
}

static inline const char *put_4(int32_t value, lt_buf *out)
{
    uint8_t *at = start(out, 4);
    if (at)
        lt_put32(at, (uint32_t)value);
    return NULL;
}

static inline const char *put_8(int64_t value, lt_buf *out)
{
    uint8_t *at = start(out, 8);
    if (at)
        lt_put64(at, (uint64_t)value);
    return NULL;
}

static const char *put_float8(double value, lt_buf *out)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return put_8(bits, out);
}

static const char *put_numeric(unsigned __int128 magnitude, bool negative, int scale, lt_buf *out)
{
    uint8_t bytes[LT_PG_NUMERIC_MAX];
    size_t len = lt_pg_numeric_write(magnitude, negative, scale, bytes);
    uint8_t *at = start(out, (uint32_t)len);
    if (at)
        memcpy(at, bytes, len);
    return NULL;
}

static const char *put_whole(__int128 value, int scale, lt_buf *out)
{
    return put_numeric(value < 0 ? -(unsigned __int128)value : (unsigned __int128)value, value < 0,
                       scale, out);
}

/* For each integer type of Arrow: to int2, int4, int8, numeric and float8. */
#define INTEGERS(from)                                                                             \
    static const char *from##_to_2(const writer *self, int64_t at, lt_buf *out)                    \
    {                                                                                              \
        int16_t value;                                                                             \
        bool bad = __builtin_add_overflow(((const from *)self->data)[at], 0, &value);              \
        return bad ? out_of_range : put_2(value, out);                                             \
    }                                                                                              \
    static const char *from##_to_4(const writer *self, int64_t at, lt_buf *out)                    \
    {                                                                                              \
        int32_t value;                                                                             \
        bool bad = __builtin_add_overflow(((const from *)self->data)[at], 0, &value);              \
        return bad ? out_of_range : put_4(value, out);                                             \
    }                                                                                              \
    static const char *from##_to_8(const writer *self, int64_t at, lt_buf *out)                    \
    {                                                                                              \
        int64_t value;                                                                             \
        bool bad = __builtin_add_overflow(((const from *)self->data)[at], 0, &value);              \
        return bad ? out_of_range : put_8(value, out);                                             \
    }                                                                                              \
    static const char *from##_to_numeric(const writer *self, int64_t at, lt_buf *out)              \
    {                                                                                              \
        return put_whole(((const from *)self->data)[at], 0, out);                                  \
    }

INTEGERS(int8_t)
INTEGERS(uint8_t)
INTEGERS(int16_t)
INTEGERS(uint16_t)
INTEGERS(int32_t)
INTEGERS(uint32_t)
INTEGERS(int64_t)
INTEGERS(uint64_t)

static const char *write_oid(const writer *self, int64_t at, lt_buf *out)
{
    return put_4((int32_t)((const uint32_t *)self->data)[at], out);
}

static const char *write_decimal(const writer *self, int64_t at, lt_buf *out)
{
    return put_whole(lt_arrow_whole_at(self->node, at), self->node->scale, out);
}

static const char *write_huge(const writer *self, int64_t at, lt_buf *out)
{
    __int128 value;
    memcpy(&value, (const char *)self->data + at * 16, sizeof(value));
    return put_whole(value, 0, out);
}

static const char *write_unsigned_huge(const writer *self, int64_t at, lt_buf *out)
{
    unsigned __int128 value;
    memcpy(&value, (const char *)self->data + at * 16, sizeof(value));
    return put_numeric(value, false, 0, out);
}

static const char *write_float4(const writer *self, int64_t at, lt_buf *out)
{
    return put_4(((const int32_t *)self->data)[at], out);
}

static const char *write_float8(const writer *self, int64_t at, lt_buf *out)
{
    return put_8(((const int64_t *)self->data)[at], out);
}

static const char *write_float4_as_8(const writer *self, int64_t at, lt_buf *out)
{
    return put_float8((double)((const float *)self->data)[at], out);
}

static const char *put_bool(bool value, lt_buf *out)
{
    uint8_t *at = start(out, 1);
    if (at)
        *at = value;
    return NULL;
}

static const char *write_bool(const writer *self, int64_t at, lt_buf *out)
{
    return put_bool(((const uint8_t *)self->data)[at / 8] >> at % 8 & 1, out);
}

static const char *write_bool8(const writer *self, int64_t at, lt_buf *out)
{
    return put_bool(((const uint8_t *)self->data)[at] != 0, out);
}

/* ---- bytes ---- */

static const char *put_bytes(lt_text bytes, lt_buf *out)
{
    if (bytes.len > VALUE_LIMIT)
        return too_large;
    uint8_t *at = start(out, (uint32_t)bytes.len);
    if (at)
        memcpy(at, bytes.ptr, bytes.len);
    return NULL;
}

static const char *write_bytes(const writer *self, int64_t at, lt_buf *out)
{
    return put_bytes(lt_arrow_text_at(self->node, at), out);
}

static const char *write_text(const writer *self, int64_t at, lt_buf *out)
{
    lt_text text = lt_arrow_text_at(self->node, at);
    if (self->may_hold_nul && text.len && memchr(text.ptr, '\0', text.len))
        return "the text holds a NUL byte, which PostgreSQL cannot store";
    return put_bytes(text, out);
}

static const char *write_uuid(const writer *self, int64_t at, lt_buf *out)
{
    return put_bytes(lt_text_at((const char *)self->data + at * 16, 16), out);
}

/* JSON of any cell, behind jsonb's version; the length is filled in when it is known. */
static const char *put_json(const writer *self, int64_t at, bool is_jsonb, lt_buf *out)
{
    size_t head = out->len;
    if (!start(out, 0))
        return NULL;
    if (is_jsonb)
        lt_buf_add_byte(out, 1);
    lt_arrow_json(self->node, at, out);
    size_t len = out->len - head - 4;
    if (len > VALUE_LIMIT)
        return too_large;
    if (!out->overflow)
        lt_put32((uint8_t *)out->data + head, (uint32_t)len);
    return NULL;
}

static const char *write_jsonb(const writer *self, int64_t at, lt_buf *out)
{
    return put_json(self, at, true, out);
}

static const char *write_json(const writer *self, int64_t at, lt_buf *out)
{
    return put_json(self, at, false, out);
}

static const char *write_bit(const writer *self, int64_t at, lt_buf *out)
{
    lt_text bits = lt_arrow_text_at(self->node, at);
    size_t padding = bits.len ? (unsigned char)bits.ptr[0] : 0;
    size_t count = bits.len * 8 > 8 + padding ? bits.len * 8 - 8 - padding : 0;
    if (count > VALUE_LIMIT)
        return too_large;
    uint8_t *to = start(out, (uint32_t)count);
    for (size_t i = 0; to && i < count; i++) {
        size_t bit = 8 + padding + i;
        to[i] = (unsigned char)bits.ptr[bit / 8] >> (7 - bit % 8) & 1 ? '1' : '0';
    }
    return NULL;
}

/* ---- time ---- */

static const char *put_days(int64_t days, lt_buf *out)
{
    int32_t value;
    if (__builtin_sub_overflow(days, LT_PG_EPOCH_DAYS, &value))
        return out_of_range;
    return put_4(value, out);
}

static const char *write_date(const writer *self, int64_t at, lt_buf *out)
{
    int32_t days = ((const int32_t *)self->data)[at];
    if (days == INT32_MAX || days == -INT32_MAX)
        return put_4(days > 0 ? INT32_MAX : INT32_MIN, out);
    return put_days(days, out);
}

static const char *write_date_ms(const writer *self, int64_t at, lt_buf *out)
{
    enum { DAY_MS = 86400000 };
    int64_t ms = ((const int64_t *)self->data)[at];
    return put_days(ms / DAY_MS - (ms % DAY_MS < 0), out);
}

/* From `unit` in a second to microseconds, downwards. */
static inline bool to_micros(int64_t value, int64_t unit, int64_t *out)
{
    enum { MICROS = 1000000 };
    if (unit <= MICROS)
        return !__builtin_mul_overflow(value, MICROS / unit, out);
    int64_t size = unit / MICROS;
    *out = value / size - (value % size < 0);
    return true;
}

static const char *write_timestamp(const writer *self, int64_t at, lt_buf *out)
{
    int64_t value = ((const int64_t *)self->data)[at], us;
    if (value == INT64_MAX || value == -INT64_MAX)
        return put_8(value > 0 ? INT64_MAX : INT64_MIN, out);
    if (!to_micros(value, self->node->unit, &us) || __builtin_sub_overflow(us, LT_PG_EPOCH_US, &us))
        return out_of_range;
    return put_8(us, out);
}

static const char *write_timestamp_us(const writer *self, int64_t at, lt_buf *out)
{
    int64_t us = ((const int64_t *)self->data)[at];
    if (us == INT64_MAX || us == -INT64_MAX)
        return put_8(us > 0 ? INT64_MAX : INT64_MIN, out);
    if (__builtin_sub_overflow(us, LT_PG_EPOCH_US, &us))
        return out_of_range;
    return put_8(us, out);
}

static const char *write_time(const writer *self, int64_t at, lt_buf *out)
{
    int64_t us, value = self->node->width == 4 ? ((const int32_t *)self->data)[at]
                                               : ((const int64_t *)self->data)[at];
    return to_micros(value, self->node->unit, &us) ? put_8(us, out) : out_of_range;
}

/* DuckDB: microseconds << 24 | (57599 - seconds east of Greenwich). PostgreSQL: microseconds, seconds west. */
static const char *write_timetz(const writer *self, int64_t at, lt_buf *out)
{
    enum { LARGEST_OFFSET = 57599 };
    uint64_t bits = ((const uint64_t *)self->data)[at];
    uint8_t *to = start(out, 12);
    if (to) {
        lt_put64(to, bits >> 24);
        lt_put32(to + 8, (uint32_t)((int32_t)(bits & 0xffffff) - LARGEST_OFFSET));
    }
    return NULL;
}

static const char *put_interval(int64_t us, int32_t days, int32_t months, lt_buf *out)
{
    uint8_t *to = start(out, 16);
    if (to) {
        lt_put64(to, (uint64_t)us);
        lt_put32(to + 8, (uint32_t)days);
        lt_put32(to + 12, (uint32_t)months);
    }
    return NULL;
}

static const char *write_interval(const writer *self, int64_t at, lt_buf *out)
{
    int32_t months, days;
    int64_t ns, us;
    const char *from = (const char *)self->data + at * 16;
    memcpy(&months, from, sizeof(months));
    memcpy(&days, from + 4, sizeof(days));
    memcpy(&ns, from + 8, sizeof(ns));
    (void)to_micros(ns, 1000000000, &us);
    return put_interval(us, days, months, out);
}

static const char *write_months(const writer *self, int64_t at, lt_buf *out)
{
    return put_interval(0, 0, ((const int32_t *)self->data)[at], out);
}

static const char *write_duration(const writer *self, int64_t at, lt_buf *out)
{
    int64_t us;
    if (!to_micros(((const int64_t *)self->data)[at], self->node->unit, &us))
        return out_of_range;
    return put_interval(us, 0, 0, out);
}

/* ---- arrays, and values behind a dictionary ---- */

static const char *write_value(const writer *self, int64_t at, lt_buf *out);

/* array_recv(): dimensions, whether there are NULLs, element type, then size and lower bound of each dimension. */
static const char *write_array(const writer *self, int64_t at, lt_buf *out)
{
    int64_t from, count;
    size_t head = out->len;
    lt_arrow_list_at(self->node, at, &from, &count);
    uint8_t *to = start(out, count ? 20 : 12);
    if (!to)
        return NULL;
    lt_put32(to, count ? 1 : 0);
    lt_put32(to + 4, 1);
    lt_put32(to + 8, self->element->type);
    if (count) {
        lt_put32(to + 12, (uint32_t)count);
        lt_put32(to + 16, 1);
    }
    for (int64_t i = 0; i < count && !out->overflow; i++) {
        const char *wrong = write_value(self->element, from + i, out);
        if (wrong)
            return wrong;
    }
    if (out->len - head - 4 > VALUE_LIMIT)
        return too_large;
    if (!out->overflow)
        lt_put32((uint8_t *)out->data + head, (uint32_t)(out->len - head - 4));
    return NULL;
}

static inline const char *put_null(lt_buf *out)
{
    uint8_t *at = room(out, 4);
    if (at) {
        lt_put32(at, UINT32_MAX);
        out->len += 4;
    }
    return NULL;
}

/* A cell, NULL or not; `at` is a row of the array that the field has (the index of a dictionary). */
static const char *write_value(const writer *self, int64_t at, lt_buf *out)
{
    if (self->index) {
        if (lt_arrow_is_null(self->index, at))
            return put_null(out);
        at = (int64_t)lt_arrow_whole_at(self->index, at) + self->node->array->offset;
    }
    return lt_arrow_is_null(self->node, at) ? put_null(out) : self->write(self, at, out);
}

/* ---- which writer ---- */

static const struct {
    bool is_unsigned;
    size_t width;
    write_cell *to_2, *to_4, *to_8, *to_numeric;
} integers[] = {
    {false, 1, int8_t_to_2, int8_t_to_4, int8_t_to_8, int8_t_to_numeric},
    {true, 1, uint8_t_to_2, uint8_t_to_4, uint8_t_to_8, uint8_t_to_numeric},
    {false, 2, int16_t_to_2, int16_t_to_4, int16_t_to_8, int16_t_to_numeric},
    {true, 2, uint16_t_to_2, uint16_t_to_4, uint16_t_to_8, uint16_t_to_numeric},
    {false, 4, int32_t_to_2, int32_t_to_4, int32_t_to_8, int32_t_to_numeric},
    {true, 4, uint32_t_to_2, uint32_t_to_4, uint32_t_to_8, uint32_t_to_numeric},
    {false, 8, int64_t_to_2, int64_t_to_4, int64_t_to_8, int64_t_to_numeric},
    {true, 8, uint64_t_to_2, uint64_t_to_4, uint64_t_to_8, uint64_t_to_numeric},
};

static write_cell *integer_writer(const lt_arrow_node *node, uint32_t type)
{
    for (size_t i = 0; i < LT_COUNT(integers); i++) {
        if (integers[i].is_unsigned != node->is_unsigned || integers[i].width != node->width)
            continue;
        switch (type) {
        case LT_PG_INT2:
            return integers[i].to_2;
        case LT_PG_INT4:
            return integers[i].to_4;
        case LT_PG_INT8:
            return integers[i].to_8;
        case LT_PG_NUMERIC:
            return integers[i].to_numeric;
        default:
            return type == LT_PG_OID && node->is_unsigned && node->width == 4 ? write_oid : NULL;
        }
    }
    return NULL;
}

/* Kinds with one width: the first type of a kind is its natural one. */
static const struct {
    lt_arrow_kind kind;
    size_t width; /* 0: any */
    uint32_t type;
    write_cell *write;
} writers[] = {
    {LT_ARROW_NULL, 0, LT_PG_TEXT, write_bytes}, /* never called: all cells are NULL */
    {LT_ARROW_BOOL, 0, LT_PG_BOOL, write_bool},
    {LT_ARROW_BOOL8, 0, LT_PG_BOOL, write_bool8},
    {LT_ARROW_FLOAT, 4, LT_PG_FLOAT4, write_float4},
    {LT_ARROW_FLOAT, 4, LT_PG_FLOAT8, write_float4_as_8},
    {LT_ARROW_FLOAT, 8, LT_PG_FLOAT8, write_float8},
    {LT_ARROW_DECIMAL, 0, LT_PG_NUMERIC, write_decimal},
    {LT_ARROW_HUGEINT, 0, LT_PG_NUMERIC, write_huge},
    {LT_ARROW_UHUGEINT, 0, LT_PG_NUMERIC, write_unsigned_huge},
    {LT_ARROW_TEXT, 0, LT_PG_TEXT, write_text},
    {LT_ARROW_TEXT, 0, LT_PG_VARCHAR, write_text},
    {LT_ARROW_TEXT, 0, LT_PG_BPCHAR, write_text},
    {LT_ARROW_TEXT, 0, LT_PG_NAME, write_text},
    {LT_ARROW_BYTES, 0, LT_PG_BYTEA, write_bytes},
    {LT_ARROW_JSON, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_JSON, 0, LT_PG_JSON, write_json},
    {LT_ARROW_JSON, 0, LT_PG_TEXT, write_text},
    {LT_ARROW_JSON, 0, LT_PG_VARCHAR, write_text},
    {LT_ARROW_BIT, 0, LT_PG_TEXT, write_bit},
    {LT_ARROW_BIT, 0, LT_PG_VARCHAR, write_bit},
    {LT_ARROW_UUID, 0, LT_PG_UUID, write_uuid},
    {LT_ARROW_DATE, 4, LT_PG_DATE, write_date},
    {LT_ARROW_DATE, 8, LT_PG_DATE, write_date_ms},
    {LT_ARROW_TIME, 0, LT_PG_TIME, write_time},
    {LT_ARROW_TIMETZ, 0, LT_PG_TIMETZ, write_timetz},
    {LT_ARROW_MONTHS, 0, LT_PG_INTERVAL, write_months},
    {LT_ARROW_INTERVAL, 0, LT_PG_INTERVAL, write_interval},
    {LT_ARROW_DURATION, 0, LT_PG_INTERVAL, write_duration},
    {LT_ARROW_LIST, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_FIXED_LIST, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_STRUCT, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_MAP, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_UNION, 0, LT_PG_JSONB, write_jsonb},
    {LT_ARROW_LIST, 0, LT_PG_JSON, write_json},
    {LT_ARROW_FIXED_LIST, 0, LT_PG_JSON, write_json},
    {LT_ARROW_STRUCT, 0, LT_PG_JSON, write_json},
    {LT_ARROW_MAP, 0, LT_PG_JSON, write_json},
    {LT_ARROW_UNION, 0, LT_PG_JSON, write_json},
    {LT_ARROW_LIST, 0, LT_PG_TEXT, write_json},
    {LT_ARROW_FIXED_LIST, 0, LT_PG_TEXT, write_json},
    {LT_ARROW_STRUCT, 0, LT_PG_TEXT, write_json},
    {LT_ARROW_MAP, 0, LT_PG_TEXT, write_json},
    {LT_ARROW_UNION, 0, LT_PG_TEXT, write_json},
};

static uint32_t natural_integer(const lt_arrow_node *node)
{
    size_t width = node->width + (node->is_unsigned ? 1 : 0);
    return width <= 2   ? LT_PG_INT2
           : width <= 4 ? LT_PG_INT4
           : width <= 8 ? LT_PG_INT8
                        : LT_PG_NUMERIC;
}

static uint32_t natural(const lt_arrow_node *node)
{
    if (node->dictionary)
        return natural(node->dictionary);
    if (node->kind == LT_ARROW_INT)
        return natural_integer(node);
    if (node->kind == LT_ARROW_TIMESTAMP)
        return node->zoned ? LT_PG_TIMESTAMPTZ : LT_PG_TIMESTAMP;
    for (size_t i = 0; i < LT_COUNT(writers); i++)
        if (writers[i].kind == node->kind && (!writers[i].width || writers[i].width == node->width))
            return writers[i].type;
    return 0;
}

static write_cell *scalar_writer(const lt_arrow_node *node, uint32_t type)
{
    if (node->kind == LT_ARROW_NULL)
        return write_bytes;
    if (node->kind == LT_ARROW_INT)
        return integer_writer(node, type);
    if (node->kind == LT_ARROW_TIMESTAMP &&
        type == (node->zoned ? LT_PG_TIMESTAMPTZ : LT_PG_TIMESTAMP))
        return node->unit == 1000000 ? write_timestamp_us : write_timestamp;
    for (size_t i = 0; i < LT_COUNT(writers); i++)
        if (writers[i].kind == node->kind && writers[i].type == type &&
            (!writers[i].width || writers[i].width == node->width))
            return writers[i].write;
    return NULL;
}

/* False when the field cannot be sent as the type. */
static bool choose(lt_arrow_node *node, uint32_t type, lt_arena *arena, writer *out)
{
    const lt_pg_type_info *element = lt_pg_type_of_array(type);
    *out = (writer){.node = node, .type = type};
    if (node->dictionary) {
        out->index = node;
        out->node = node = node->dictionary;
    }
    out->write = scalar_writer(node, type);
    if (!element || (node->kind != LT_ARROW_LIST && node->kind != LT_ARROW_FIXED_LIST))
        return out->write != NULL;
    out->write = write_array;
    out->element = LT_NEW(arena, writer);
    lt_arrow_node *child = &node->children[0];
    bool is_nested = child->kind == LT_ARROW_LIST || child->kind == LT_ARROW_FIXED_LIST;
    return !is_nested && choose(child, element->oid, arena, out->element);
}

uint32_t lt_pg_natural_type(const struct ArrowSchema *field, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_arrow_node node;
    if (lt_arrow_node_make(field, &arena, &node, err) != LT_OK)
        return 0;
    uint32_t type = natural(&node);
    if (!type) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "column '%s' has a type that PostgreSQL cannot take (%s)", node.name,
                          field->format));
        (void)lt_hint(err, "cast it to VARCHAR in the SELECT");
    }
    return type;
}

bool lt_pg_encodes(const struct ArrowSchema *field, uint32_t type)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_arrow_node node;
    writer chosen;
    lt_err err;
    return lt_arrow_node_make(field, &arena, &node, &err) == LT_OK &&
           choose(&node, type, &arena, &chosen);
}

/* ---- the encoder ---- */

lt_status lt_pg_encoder_new(const struct ArrowSchema *schema, const uint32_t *types,
                            lt_pg_encoder **out, lt_err *err)
{
    LT_AUTO(lt_pg_encoder_ref) made = lt_xcalloc(1, sizeof(*made));
    made->count = (size_t)schema->n_children;
    if (made->count > INT16_MAX)
        return lt_fail(err, LT_TOO_BIG, "%zu columns are too many", made->count);
    made->nodes = lt_alloc_array(&made->arena, made->count, sizeof(*made->nodes));
    made->writers = lt_alloc_array(&made->arena, made->count, sizeof(*made->writers));
    for (size_t i = 0; i < made->count; i++) {
        LT_TRY(lt_arrow_node_make(schema->children[i], &made->arena, &made->nodes[i], err));
        if (!choose(&made->nodes[i], types[i], &made->arena, &made->writers[i]))
            return lt_fail(err, LT_INVALID, "column '%s' cannot be sent as type %u",
                           made->nodes[i].name, types[i]);
    }
    *out = LT_TAKE(made);
    return LT_OK;
}

void lt_pg_encoder_free(lt_pg_encoder *encoder)
{
    if (!encoder)
        return;
    lt_arena_cleanup(&encoder->arena);
    lt_free(encoder);
}

void lt_pg_encoder_begin(lt_buf *out)
{
    lt_buf_add(out, LT_PG_COPY_SIGNATURE);
    lt_buf_add(out, lt_text_at("\0\0\0\0\0\0\0", 8)); /* flags, length of the extension */
}

void lt_pg_encoder_end(lt_buf *out)
{
    lt_buf_add(out, lt_text_at("\377\377", 2));
}

/* Whether the texts of the bound rows hold a NUL: one search for all of them. */
static bool texts_hold_nul(const lt_arrow_node *node)
{
    const struct ArrowArray *array = node->array;
    if ((node->kind != LT_ARROW_TEXT && node->kind != LT_ARROW_JSON) || array->length == 0)
        return false;
    int64_t first = array->offset, last = array->offset + array->length;
    const void *offsets = array->buffers[1];
    int64_t from =
        node->width == 4 ? ((const int32_t *)offsets)[first] : ((const int64_t *)offsets)[first];
    int64_t to =
        node->width == 4 ? ((const int32_t *)offsets)[last] : ((const int64_t *)offsets)[last];
    return to > from && memchr((const char *)array->buffers[2] + from, '\0', (size_t)(to - from));
}

static void bind(writer *self)
{
    self->data = self->node->array->n_buffers > 1 ? self->node->array->buffers[1] : NULL;
    self->may_hold_nul = texts_hold_nul(self->node);
    if (self->element)
        bind(self->element);
}

void lt_pg_encoder_bind(lt_pg_encoder *encoder, const struct ArrowArray *batch)
{
    encoder->rows_before += encoder->batch_rows;
    encoder->batch_rows = batch->length;
    encoder->batch = batch;
    for (size_t i = 0; i < encoder->count; i++) {
        lt_arrow_node_bind(&encoder->nodes[i], batch->children[i]);
        bind(&encoder->writers[i]);
    }
}

static lt_status refuse(const lt_pg_encoder *encoder, size_t column, int64_t row, const char *wrong,
                        lt_err *err)
{
    return lt_fail(err, LT_FAILED, "column '%s', row %lld: %s", encoder->nodes[column].name,
                   (long long)(encoder->rows_before + row + 1), wrong);
}

static lt_status write_row(const lt_pg_encoder *encoder, int64_t row, lt_buf *out, lt_err *err)
{
    uint8_t *head = room(out, 2);
    if (head) {
        lt_put16(head, (uint16_t)encoder->count);
        out->len += 2;
    }
    for (size_t i = 0; i < encoder->count; i++) {
        const lt_arrow_node *node = &encoder->nodes[i];
        const char *wrong = write_value(&encoder->writers[i],
                                        row + encoder->batch->offset + node->array->offset, out);
        if (wrong)
            return refuse(encoder, i, row, wrong, err);
    }
    return LT_OK;
}

lt_status lt_pg_encoder_write(lt_pg_encoder *encoder, int64_t *row, size_t bytes, lt_buf *out,
                              lt_err *err)
{
    for (; *row < encoder->batch->length && out->len < bytes; ++*row) {
        LT_TRY(write_row(encoder, *row, out, err));
        if (out->overflow)
            return lt_buf_check(out, "a row", err);
    }
    return LT_OK;
}
