/* PostgreSQL's binary rows into Arrow batches: each value goes from the row that has come to the end of its column. */
#include "engine/arrow_build.h"
#include "engine/pg_numeric.h"
#include "engine/pg_types.h"
#include "engine/pgcopy.h"

#include <stdio.h>
#include <stdlib.h>

/* BATCH_ROWS is a row group of DuckDB, which then compresses and writes each batch as it is; smaller ones it would gather first, at
 * the price of another copy of every row (measured: a fifth of the time). The first has half of them, the least that DuckDB does not
 * gather, so that its threads begin earlier. BATCH_BYTES bounds what wide rows take. */
enum {
    BATCH_ROWS = 122880,
    FIRST_BATCH_ROWS = BATCH_ROWS / 2,
    BATCH_BYTES = LT_PG_BATCH_BYTES,
    DATA_LIMIT =
        1200 << 20, /* the largest row that a server can send (1 GiB), and what came with it */
    ELEMENT_LIMIT = 1 << 27, /* of an array: what PostgreSQL allows (MaxArraySize) */
    FIRST_ROWS = 256,
};

typedef struct typed_column typed_column;
typedef enum layout { BITS, FIXED, BYTES, LIST } layout; /* of Arrow: what its buffer 1 is */

/* Append a value that is not NULL. NULL on success, else what is wrong with it. */
typedef const char *append_value(typed_column *column, const uint8_t *at, size_t len);

typedef struct pg_codec {
    uint32_t type;
    const char *format, *extension;
    layout layout;
    size_t width; /* of a FIXED value in Arrow */
    append_value *append;
} pg_codec;

struct typed_column {
    char *name; /* owned */
    const pg_codec *codec;
    typed_column *element; /* owned; of an array, else NULL */
    char format[20];       /* a decimal's */
    int scale;
    size_t *held; /* of the decoder: bytes that the batch holds */

    /* The batch that grows. All owned, with room for `room` rows. */
    size_t rows, room;
    uint8_t *validity; /* NULL while there is no NULL */
    void *values;      /* bits, values, or the offsets behind each row */
    char *bytes;       /* of BYTES */
    size_t bytes_len, bytes_room;
    int64_t null_count;
    size_t expected_rows, expected_bytes; /* the batch before had so many */
};

struct lt_pg_decoder {
    size_t column_count;
    typed_column *columns; /* owned */
    lt_buf rest;           /* a part of a row, or of the header */
    size_t held;           /* bytes of the rows that wait */
    size_t rows;           /* whole ones that wait */
    size_t next;           /* in value mode: the column of the next value */
    bool started, done;
    int64_t rows_before; /* in batches that were taken */
};

static const char wrong_size[] = "the server sent a value of the wrong size";
static const char out_of_range[] = "the value is out of range";
static const char too_many[] = "the values of this batch are larger than 2 GiB";
static const char no_numeric[] = "the server sent something that is no numeric";

/* ---- the columns grow ---- */

static size_t values_size(const typed_column *column, size_t rows)
{
    switch (column->codec->layout) {
    case BITS:
        return (rows + 7) / 8;
    case FIXED:
        return rows * column->codec->width;
    default:
        return (rows + 1) * sizeof(int32_t);
    }
}

static size_t grow_bits(uint8_t **bits, size_t from, size_t to, int filler)
{
    size_t before = (from + 7) / 8, after = (to + 7) / 8;
    *bits = lt_xrealloc(*bits, after);
    memset(*bits + before, filler, after - before);
    return after;
}

static void grow(typed_column *column)
{
    size_t before = column->room, after = LT_MAX(before * 2, (size_t)FIRST_ROWS);
    if (!before && column->expected_rows > after)
        after = column->expected_rows;
    if (column->validity)
        (void)grow_bits(&column->validity, before, after, 0xff);
    column->values = lt_xrealloc(column->values, LT_MAX(values_size(column, after), (size_t)8));
    if (column->codec->layout == BITS)
        memset((uint8_t *)column->values + values_size(column, before), 0,
               values_size(column, after) - values_size(column, before));
    if (!before && (column->codec->layout == BYTES || column->codec->layout == LIST))
        *(int32_t *)column->values = 0;
    column->room = after;
}

/* Room for the next row. */
static inline void make_room(typed_column *column)
{
    if (column->rows == column->room)
        grow(column);
}

/* The place of the next FIXED value. */
static inline void *next_value(typed_column *column, size_t width)
{
    return (uint8_t *)column->values + column->rows * width;
}

/* Where the next BYTES or LIST begins, which is where the last one ends. */
static inline void end_at(typed_column *column, size_t end)
{
    ((int32_t *)column->values)[column->rows + 1] = (int32_t)end;
}

static void append_null(typed_column *column)
{
    make_room(column);
    if (!column->validity)
        (void)grow_bits(&column->validity, 0, column->room, 0xff);
    column->validity[column->rows / 8] &= (uint8_t) ~(1u << column->rows % 8);
    column->null_count++;
    if (column->codec->layout == FIXED)
        memset(next_value(column, column->codec->width), 0, column->codec->width);
    else if (column->codec->layout != BITS)
        end_at(column, (size_t)((int32_t *)column->values)[column->rows]);
    column->rows++;
}

static inline const char *append(typed_column *column, const uint8_t *at, size_t len)
{
    make_room(column);
    const char *wrong = column->codec->append(column, at, len);
    column->rows++;
    return wrong;
}

/* ---- fixed widths ---- */

/* Days from PostgreSQL's epoch to Arrow's; the infinities are DuckDB's. */
static inline bool to_days(const uint8_t *at, int32_t *out)
{
    int32_t days = (int32_t)lt_get32(at);
    if (days == INT32_MAX || days == INT32_MIN) {
        *out = days == INT32_MAX ? INT32_MAX : -INT32_MAX;
        return true;
    }
    return !__builtin_add_overflow(days, LT_PG_EPOCH_DAYS, out);
}

static inline bool to_moment(const uint8_t *at, int64_t *out)
{
    int64_t us = (int64_t)lt_get64(at);
    if (us == INT64_MAX || us == INT64_MIN) {
        *out = us == INT64_MAX ? INT64_MAX : -INT64_MAX;
        return true;
    }
    return !__builtin_add_overflow(us, LT_PG_EPOCH_US, out);
}

typedef struct interval {
    int32_t months, days;
    int64_t ns;
} interval;

static inline bool to_interval(const uint8_t *at, interval *out)
{
    out->days = (int32_t)lt_get32(at + 8);
    out->months = (int32_t)lt_get32(at + 12);
    return !__builtin_mul_overflow((int64_t)lt_get64(at), 1000, &out->ns);
}

typedef struct uuid {
    uint8_t bytes[16];
} uuid;

static inline bool to_uuid(const uint8_t *at, uuid *out)
{
    memcpy(out, at, sizeof(*out));
    return true;
}

#define PLAIN(bytes, out_type, get)                                                                \
    static inline bool to_##out_type##_##bytes(const uint8_t *at, out_type *out)                   \
    {                                                                                              \
        *out = (out_type)get(at);                                                                  \
        return true;                                                                               \
    }
PLAIN(2, int16_t, lt_get16)
PLAIN(4, int32_t, lt_get32)
PLAIN(8, int64_t, lt_get64)

#define FIXED_WIDTH(name, bytes, out_type, convert)                                                \
    static const char *name(typed_column *column, const uint8_t *at, size_t len)                   \
    {                                                                                              \
        if (len != (bytes))                                                                        \
            return wrong_size;                                                                     \
        return convert(at, next_value(column, sizeof(out_type))) ? NULL : out_of_range;            \
    }
FIXED_WIDTH(append_2, 2, int16_t, to_int16_t_2)
FIXED_WIDTH(append_4, 4, int32_t, to_int32_t_4)
FIXED_WIDTH(append_8, 8, int64_t, to_int64_t_8)
FIXED_WIDTH(append_date, 4, int32_t, to_days)
FIXED_WIDTH(append_timestamp, 8, int64_t, to_moment)
FIXED_WIDTH(append_interval, 16, interval, to_interval)
FIXED_WIDTH(append_uuid, 16, uuid, to_uuid)

static const char *append_bool(typed_column *column, const uint8_t *at, size_t len)
{
    if (len != 1)
        return wrong_size;
    ((uint8_t *)column->values)[column->rows / 8] |= (uint8_t)((*at != 0) << column->rows % 8);
    return NULL;
}

static const char *read_decimal(const typed_column *column, const uint8_t *at, size_t len,
                                __int128 *out)
{
    static const char *const reasons[] = {
        [LT_PG_NUMERIC_OK] = NULL,
        [LT_PG_NUMERIC_BAD] = no_numeric,
        [LT_PG_NUMERIC_SPECIAL] =
            "NaN and infinity are no decimals; cast the column to text or double precision",
        [LT_PG_NUMERIC_TOO_BIG] = "the number has more than 38 digits",
    };
    return reasons[lt_pg_numeric_read(lt_text_at((const char *)at, len), column->scale, out)];
}

static const char *append_decimal(typed_column *column, const uint8_t *at, size_t len)
{
    __int128 value = 0;
    const char *wrong = read_decimal(column, at, len, &value);
    memcpy(next_value(column, sizeof(value)), &value, sizeof(value));
    return wrong;
}

static const char *append_small_decimal(typed_column *column, const uint8_t *at, size_t len)
{
    __int128 value = 0;
    const char *wrong = read_decimal(column, at, len, &value);
    if (!wrong && (value > INT64_MAX || value < INT64_MIN))
        return out_of_range;
    *(int64_t *)next_value(column, sizeof(int64_t)) = (int64_t)value;
    return wrong;
}

/* ---- variable widths ---- */

static const char *append_text(typed_column *column, const uint8_t *at, size_t len)
{
    size_t end = column->bytes_len + len;
    if (end > INT32_MAX)
        return too_many;
    if (end > column->bytes_room) {
        size_t wanted = column->bytes ? column->bytes_room * 2 : column->expected_bytes;
        column->bytes_room = LT_MAX(end, wanted);
        column->bytes = lt_xrealloc(column->bytes, column->bytes_room);
    }
    if (len)
        memcpy(column->bytes + column->bytes_len, at, len);
    column->bytes_len = end;
    end_at(column, end);
    return NULL;
}

/* Behind its version. */
static const char *append_jsonb(typed_column *column, const uint8_t *at, size_t len)
{
    if (len < 1 || *at != 1)
        return "the server sent an unknown version of jsonb";
    return append_text(column, at + 1, len - 1);
}

/* numeric without a scale, or wider than 38 digits: its text, exactly. It can be far longer than what came. */
static const char *append_numeric_text(typed_column *column, const uint8_t *at, size_t len)
{
    LT_AUTO(lt_buf) text = {.limit = INT32_MAX};
    if (!lt_pg_numeric_text(lt_text_at((const char *)at, len), &text))
        return no_numeric;
    *column->held += text.len;
    return append_text(column, (const uint8_t *)lt_buf_chars(&text), text.len);
}

/* ---- kinds ---- */

static const pg_codec codecs[] = {
    {LT_PG_BOOL, "b", NULL, BITS, 0, append_bool},
    {LT_PG_BYTEA, "z", NULL, BYTES, 0, append_text},
    {LT_PG_NAME, "u", NULL, BYTES, 0, append_text},
    {LT_PG_INT8, "l", NULL, FIXED, 8, append_8},
    {LT_PG_INT2, "s", NULL, FIXED, 2, append_2},
    {LT_PG_INT4, "i", NULL, FIXED, 4, append_4},
    {LT_PG_TEXT, "u", NULL, BYTES, 0, append_text},
    {LT_PG_OID, "I", NULL, FIXED, 4, append_4},
    {LT_PG_JSON, "u", "arrow.json", BYTES, 0, append_text},
    {LT_PG_FLOAT4, "f", NULL, FIXED, 4, append_4},
    {LT_PG_FLOAT8, "g", NULL, FIXED, 8, append_8},
    {LT_PG_BPCHAR, "u", NULL, BYTES, 0, append_text},
    {LT_PG_VARCHAR, "u", NULL, BYTES, 0, append_text},
    {LT_PG_DATE, "tdD", NULL, FIXED, 4, append_date},
    {LT_PG_TIME, "ttu", NULL, FIXED, 8, append_8},
    {LT_PG_TIMESTAMP, "tsu:", NULL, FIXED, 8, append_timestamp},
    {LT_PG_TIMESTAMPTZ, "tsu:UTC", NULL, FIXED, 8, append_timestamp},
    {LT_PG_INTERVAL, "tin", NULL, FIXED, 16, append_interval},
    {LT_PG_UUID, "w:16", "arrow.uuid", FIXED, 16, append_uuid},
    {LT_PG_JSONB, "u", "arrow.json", BYTES, 0, append_jsonb},
    {LT_PG_NUMERIC, "u", NULL, BYTES, 0, append_numeric_text},
};
static const pg_codec decimal_codec = {LT_PG_NUMERIC, NULL, NULL, FIXED, 16, append_decimal};
static const pg_codec small_decimal_codec = {LT_PG_NUMERIC, NULL, NULL,
                                             FIXED,         8,    append_small_decimal};

static const pg_codec *find_codec(uint32_t type)
{
    for (size_t i = 0; i < LT_COUNT(codecs); i++)
        if (codecs[i].type == type)
            return &codecs[i];
    return NULL;
}

/* ---- arrays ---- */

static const char no_array[] = "the server sent something that is no array of its type";

static const char *append_elements(typed_column *element, const uint8_t *at, const uint8_t *end,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - at < 4)
            return no_array;
        int32_t len = (int32_t)lt_get32(at);
        at += 4;
        if (len < -1 || len > end - at)
            return no_array;
        const char *wrong = NULL;
        if (len < 0)
            append_null(element);
        else
            wrong = append(element, at, (size_t)len);
        if (wrong)
            return wrong;
        at += len > 0 ? len : 0;
    }
    return at == end ? NULL : no_array;
}

static const char *append_list(typed_column *column, const uint8_t *at, size_t len)
{
    enum { HEADER = 12, DIMENSION = 8 };
    const uint8_t *end = at + len;
    const char *wrong = NULL;
    if (len < HEADER || lt_get32(at + 8) != column->element->codec->type)
        return no_array;
    uint32_t dimensions = lt_get32(at);
    if (dimensions > 1)
        return "it is an array with several dimensions; cast it to text or jsonb";
    if (dimensions == 0 ? len != HEADER : len < HEADER + DIMENSION)
        return no_array;
    if (dimensions) {
        uint32_t count = lt_get32(at + HEADER);
        at += HEADER + DIMENSION;
        if (count > ELEMENT_LIMIT || count > (size_t)(end - at) / 4)
            return no_array;
        if (column->element->rows + count > INT32_MAX)
            return "too many elements in a batch";
        wrong = append_elements(column->element, at, end, count);
    }
    end_at(column, column->element->rows);
    return wrong;
}

static const pg_codec array_codec = {0, "+l", NULL, LIST, 0, append_list};

bool lt_pg_decodes(uint32_t type)
{
    const lt_pg_type_info *element = lt_pg_type_of_array(type);
    return find_codec(type) || (element && find_codec(element->oid));
}

/* ---- the decoder ---- */

/* Decimals of up to 18 digits need 64 bits, and DuckDB holds them so too. */
static const pg_codec *choose(uint32_t type, int modifier, typed_column *column)
{
    enum { LARGEST = 38, SMALL = 18 };
    int precision = 0;
    if (type != LT_PG_NUMERIC || !lt_pg_numeric_modifier(modifier, &precision, &column->scale) ||
        precision < 1 || precision > LARGEST || column->scale < 0 || column->scale > precision)
        return find_codec(type);
    bool small = precision <= SMALL;
    (void)snprintf(column->format, sizeof(column->format), "d:%d,%d%s", precision, column->scale,
                   small ? ",64" : "");
    return small ? &small_decimal_codec : &decimal_codec;
}

lt_pg_decoder *lt_pg_decoder_new(const lt_pg_column *columns, size_t count)
{
    lt_pg_decoder *decoder = lt_xcalloc(1, sizeof(*decoder));
    decoder->column_count = count;
    decoder->rest.limit = DATA_LIMIT;
    decoder->columns = lt_xcalloc(count + 1, sizeof(*decoder->columns));
    for (size_t i = 0; i < count; i++) {
        typed_column *column = &decoder->columns[i], *value = column;
        const lt_pg_type_info *element = lt_pg_type_of_array(columns[i].type);
        column->name = lt_text_dup(columns[i].name);
        column->held = &decoder->held;
        if (element) {
            column->codec = &array_codec;
            column->element = value = lt_xcalloc(1, sizeof(*column));
            value->held = &decoder->held;
        }
        value->codec = choose(element ? element->oid : columns[i].type, columns[i].modifier, value);
    }
    return decoder;
}

static void free_column(typed_column *column)
{
    lt_free(column->name);
    lt_free(column->validity);
    lt_free(column->values);
    lt_free(column->bytes);
}

void lt_pg_decoder_free(lt_pg_decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < decoder->column_count; i++) {
        if (decoder->columns[i].element)
            free_column(decoder->columns[i].element);
        lt_free(decoder->columns[i].element);
        free_column(&decoder->columns[i]);
    }
    lt_free(decoder->columns);
    lt_buf_cleanup(&decoder->rest);
    lt_free(decoder);
}

static void make_field(const typed_column *column, lt_text name, struct ArrowSchema *out)
{
    const pg_codec *codec = column->codec;
    lt_arrow_field(out, codec->format ? codec->format : column->format, name, codec->extension,
                   column->element ? 1 : 0);
}

void lt_pg_decoder_schema(const lt_pg_decoder *decoder, struct ArrowSchema *out)
{
    lt_arrow_field(out, "+s", (lt_text){0}, NULL, decoder->column_count);
    for (size_t i = 0; i < decoder->column_count; i++) {
        const typed_column *column = &decoder->columns[i];
        make_field(column, lt_text_of(column->name), out->children[i]);
        if (column->element)
            make_field(column->element, T("item"), out->children[i]->children[0]);
    }
}

/* ---- rows in ---- */

typedef enum step { NOT_ROWS = -1, NEED_MORE, WHOLE, WRONG_VALUE } step;

static lt_status bad_value(const lt_pg_decoder *decoder, const typed_column *column,
                           const char *what, lt_err *err)
{
    long long row = decoder->rows_before + (int64_t)decoder->rows + 1;
    return lt_fail(err, LT_FAILED, "column '%s', row %lld: %s", column->name, row, what);
}

/* Take the last value back. */
static void drop_last(typed_column *column)
{
    size_t row = --column->rows;
    uint8_t bit = (uint8_t)(1u << row % 8);
    if (column->validity && !(column->validity[row / 8] & bit)) {
        column->validity[row / 8] |= bit;
        column->null_count--;
    }
    if (column->codec->layout == BITS)
        ((uint8_t *)column->values)[row / 8] &= (uint8_t)~bit;
    else if (column->codec->layout == BYTES)
        column->bytes_len = (size_t)((int32_t *)column->values)[row];
}

/* A row of which only the first `count` fields are there: none of it has been taken. */
static step take_back(lt_pg_decoder *decoder, size_t count, size_t held)
{
    for (typed_column *column = decoder->columns; count > 0; count--, column++) {
        drop_last(column);
        while (column->element &&
               column->element->rows > (size_t)((int32_t *)column->values)[column->rows])
            drop_last(column->element);
    }
    decoder->held = held;
    return NEED_MORE;
}

/* The fields at *at, each to the end of its column, whole or not at all. */
static step take_fields(lt_pg_decoder *decoder, const uint8_t **at, const uint8_t *end, lt_err *err)
{
    const uint8_t *from = *at;
    size_t held = decoder->held;
    for (size_t i = 0; i < decoder->column_count; i++) {
        typed_column *column = &decoder->columns[i];
        if (end - from < 4)
            return take_back(decoder, i, held);
        int32_t len = (int32_t)lt_get32(from);
        from += 4;
        if (len < -1)
            return NOT_ROWS;
        if (len < 0) {
            append_null(column);
            continue;
        }
        if (len > end - from)
            return take_back(decoder, i, held);
        const char *wrong = append(column, from, (size_t)len);
        if (wrong) {
            lt_ignore(bad_value(decoder, column, wrong, err));
            return WRONG_VALUE;
        }
        from += len;
    }
    *at = from;
    return WHOLE;
}

/* The row at *at, or the end mark; *at moves behind it when it is whole. */
static step take_row(lt_pg_decoder *decoder, const uint8_t **at, const uint8_t *end, lt_err *err)
{
    if (end - *at < 2)
        return NEED_MORE;
    const uint8_t *from = *at + 2;
    uint16_t fields = lt_get16(*at);
    if (fields == 0xffff) {
        decoder->done = true;
        *at = from;
        return from == end ? WHOLE : NOT_ROWS;
    }
    step found = fields == decoder->column_count ? take_fields(decoder, &from, end, err) : NOT_ROWS;
    if (found != WHOLE)
        return found;
    decoder->held += (size_t)(from - *at);
    decoder->rows++;
    *at = from;
    return WHOLE;
}

/* Signature, flags, and an extension that is skipped. */
static step take_header(lt_pg_decoder *decoder, const uint8_t **at, const uint8_t *end)
{
    enum { FIXED_BYTES = 19, EXTENSION_LIMIT = 1 << 20 };
    lt_text head = lt_text_at((const char *)*at, (size_t)(end - *at));
    if (head.len < FIXED_BYTES)
        return NEED_MORE;
    uint32_t extension = lt_get32(*at + 15), flags = lt_get32(*at + 11);
    if (!lt_text_starts(head, LT_PG_COPY_SIGNATURE) || flags >> 16 || extension > EXTENSION_LIMIT)
        return NOT_ROWS;
    if (head.len < FIXED_BYTES + extension)
        return NEED_MORE;
    *at += FIXED_BYTES + extension;
    decoder->started = true;
    return WHOLE;
}

/* All that is whole in these bytes; *taken is where it ends. */
static lt_status take_all(lt_pg_decoder *decoder, lt_text bytes, size_t *taken, lt_err *err)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr, *end = at + bytes.len;
    step found = decoder->started ? WHOLE : take_header(decoder, &at, end);
    while (found == WHOLE && !decoder->done && at < end)
        found = take_row(decoder, &at, end, err);
    if (found == WRONG_VALUE)
        return LT_FAILED;
    if (found == NOT_ROWS)
        return lt_fail(err, LT_FAILED, "the server sent something that is no binary COPY");
    *taken = (size_t)((const char *)at - bytes.ptr);
    return LT_OK;
}

/* A server sends whole rows, which are read where they lie; what is cut waits in `rest`. */
lt_status lt_pg_decoder_feed(lt_pg_decoder *decoder, lt_text bytes, lt_err *err)
{
    size_t taken = 0;
    if (decoder->done && bytes.len)
        return lt_fail(err, LT_FAILED, "the server sent rows behind the end of the rows");
    if (decoder->rest.len == 0 && bytes.len) {
        LT_TRY(take_all(decoder, bytes, &taken, err));
        lt_buf_add(&decoder->rest, lt_text_sub(bytes, taken, SIZE_MAX));
        return lt_buf_check(&decoder->rest, "a row", err);
    }
    lt_buf_add(&decoder->rest, bytes);
    LT_TRY(lt_buf_check(&decoder->rest, "a row", err));
    if (decoder->rest.len)
        LT_TRY(take_all(decoder, lt_buf_text(&decoder->rest), &taken, err));
    if (taken) {
        memmove(decoder->rest.data, decoder->rest.data + taken, decoder->rest.len - taken);
        lt_buf_cut(&decoder->rest, decoder->rest.len - taken);
    }
    return LT_OK;
}

lt_status lt_pg_decoder_value(lt_pg_decoder *decoder, const char *bytes, int len, lt_err *err)
{
    typed_column *column = &decoder->columns[decoder->next];
    const char *wrong = NULL;
    if (len < 0)
        append_null(column);
    else
        wrong = append(column, (const uint8_t *)bytes, (size_t)len);
    if (wrong)
        return bad_value(decoder, column, wrong, err);
    decoder->held += len > 0 ? (size_t)len : 0;
    decoder->next = (decoder->next + 1) % decoder->column_count;
    decoder->rows += decoder->next == 0;
    return LT_OK;
}

bool lt_pg_decoder_is_full(const lt_pg_decoder *decoder)
{
    size_t wanted = decoder->rows_before ? BATCH_ROWS : FIRST_BATCH_ROWS;
    return decoder->rows >= wanted || decoder->held >= BATCH_BYTES;
}

bool lt_pg_decoder_is_done(const lt_pg_decoder *decoder)
{
    return decoder->done;
}

/* ---- batches out ---- */

/* The column's rows become the array's; the next batch begins with as much room as this one needed. */
static void hand_over(typed_column *column, struct ArrowArray *out)
{
    bool has_bytes = column->codec->layout == BYTES;
    if (!column->room)
        grow(column);
    lt_arrow_array(out, column->rows, has_bytes ? 3 : 2, column->element ? 1 : 0);
    lt_arrow_give(out, 0, column->validity);
    lt_arrow_give(out, 1, column->values);
    if (has_bytes)
        lt_arrow_give(out, 2, column->bytes ? column->bytes : lt_xcalloc(1, 8));
    out->null_count = column->null_count;
    if (column->element)
        hand_over(column->element, out->children[0]);

    column->expected_rows = column->rows;
    column->expected_bytes = column->bytes_len + column->bytes_len / 16;
    column->validity = NULL;
    column->values = NULL;
    column->bytes = NULL;
    column->rows = column->room = column->bytes_len = column->bytes_room = 0;
    column->null_count = 0;
}

lt_status lt_pg_decoder_take(lt_pg_decoder *decoder, struct ArrowArray *out, lt_err *err)
{
    if (decoder->next)
        return lt_fail(err, LT_FAILED, "the server ended the rows within a row");
    lt_arrow_array(out, decoder->rows, 1, decoder->column_count);
    for (size_t i = 0; i < decoder->column_count; i++)
        hand_over(&decoder->columns[i], out->children[i]);
    decoder->rows_before += (int64_t)decoder->rows;
    decoder->rows = 0;
    decoder->held = 0;
    return LT_OK;
}
