/* PostgreSQL's binary rows into Arrow batches: cells are found row by row, then decoded column by column. */
#include "engine/arrow_build.h"
#include "engine/pg_numeric.h"
#include "engine/pg_types.h"
#include "engine/pgcopy.h"

#include "base/vec.h"

#include <stdio.h>

enum {
    BATCH_ROWS = 8192,
    BATCH_BYTES = 4 << 20,
    DATA_LIMIT = 1200 << 20, /* a batch and the largest row that a server can send (1 GiB) */
    ELEMENT_LIMIT = 1 << 27, /* of an array: what PostgreSQL allows (MaxArraySize) */
};

typedef struct pg_cell {
    uint32_t at; /* in the data */
    int32_t len; /* -1: NULL */
} pg_cell;
typedef LT_VEC(pg_cell) cell_list;

/* A column of cells: every `step`-th from `items` on. */
typedef struct cell_run {
    const uint8_t *data;
    const pg_cell *items;
    size_t count, step;
    int64_t first_row; /* of the whole stream, for errors */
} cell_run;

typedef struct typed_column typed_column;
typedef struct pg_codec {
    uint32_t type;
    const char *format, *extension;
    lt_status (*decode)(const typed_column *column, const cell_run *cells, struct ArrowArray *out,
                        lt_err *err);
} pg_codec;

struct typed_column {
    char *name; /* owned */
    const pg_codec *codec;
    const pg_codec *element; /* of an array, else NULL */
    char format[16];         /* a decimal's */
    int scale;
};

struct lt_pg_decoder {
    size_t column_count;
    typed_column *columns; /* owned */
    lt_buf data;           /* whole rows, then a part of one */
    size_t parsed;         /* bytes of whole rows */
    cell_list cells;       /* of whole rows, row after row; in value mode the last may be a part */
    bool started, done, copies;
    int64_t rows_before; /* in batches that were taken */
};

static lt_status bad_value(const typed_column *column, const cell_run *cells, size_t i,
                           const char *what, lt_err *err)
{
    return lt_fail(err, LT_FAILED, "column '%s', row %lld: %s", column->name,
                   (long long)cells->first_row + (long long)i + 1, what);
}

static const char wrong_size[] = "the server sent a value of the wrong size";

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

#define PLAIN(bytes, out_type, get)                                                                \
    static inline bool to_##out_type##_##bytes(const uint8_t *at, out_type *out)                   \
    {                                                                                              \
        *out = (out_type)get(at);                                                                  \
        return true;                                                                               \
    }
PLAIN(2, int16_t, lt_get16)
PLAIN(4, int32_t, lt_get32)
PLAIN(8, int64_t, lt_get64)

/* A loop for each width: no dispatch in it. */
#define FIXED(name, bytes, out_type, convert)                                                      \
    static lt_status name(const typed_column *column, const cell_run *cells,                       \
                          struct ArrowArray *out, lt_err *err)                                     \
    {                                                                                              \
        lt_arrow_array(out, cells->count, 2, 0);                                                   \
        out_type *values = lt_arrow_buffer(out, 1, cells->count * sizeof(out_type));               \
        for (size_t i = 0; i < cells->count; i++) {                                                \
            pg_cell cell = cells->items[i * cells->step];                                          \
            if (cell.len < 0)                                                                      \
                lt_arrow_set_null(out, i);                                                         \
            else if (cell.len != (bytes))                                                          \
                return bad_value(column, cells, i, wrong_size, err);                               \
            else if (!convert(cells->data + cell.at, &values[i]))                                  \
                return bad_value(column, cells, i, "the value is out of range", err);              \
        }                                                                                          \
        return LT_OK;                                                                              \
    }
FIXED(decode_2, 2, int16_t, to_int16_t_2)
FIXED(decode_4, 4, int32_t, to_int32_t_4)
FIXED(decode_8, 8, int64_t, to_int64_t_8)
FIXED(decode_date, 4, int32_t, to_days)
FIXED(decode_timestamp, 8, int64_t, to_moment)
FIXED(decode_interval, 16, interval, to_interval)

static lt_status decode_bool(const typed_column *column, const cell_run *cells,
                             struct ArrowArray *out, lt_err *err)
{
    lt_arrow_array(out, cells->count, 2, 0);
    uint8_t *bits = lt_arrow_buffer(out, 1, (cells->count + 7) / 8);
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0)
            lt_arrow_set_null(out, i);
        else if (cell.len != 1)
            return bad_value(column, cells, i, wrong_size, err);
        else if (cells->data[cell.at])
            bits[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return LT_OK;
}

static lt_status decode_uuid(const typed_column *column, const cell_run *cells,
                             struct ArrowArray *out, lt_err *err)
{
    enum { WIDTH = 16 };
    lt_arrow_array(out, cells->count, 2, 0);
    uint8_t *values = lt_arrow_buffer(out, 1, cells->count * WIDTH);
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0)
            lt_arrow_set_null(out, i);
        else if (cell.len != WIDTH)
            return bad_value(column, cells, i, wrong_size, err);
        else
            memcpy(values + i * WIDTH, cells->data + cell.at, WIDTH);
    }
    return LT_OK;
}

static lt_status decode_decimal(const typed_column *column, const cell_run *cells,
                                struct ArrowArray *out, lt_err *err)
{
    static const char *const reasons[] = {
        [LT_PG_NUMERIC_BAD] = "the server sent something that is no numeric",
        [LT_PG_NUMERIC_SPECIAL] =
            "NaN and infinity are no decimals; cast the column to text or double precision",
        [LT_PG_NUMERIC_TOO_BIG] = "the number has more than 38 digits",
    };
    lt_arrow_array(out, cells->count, 2, 0);
    char *values = lt_arrow_buffer(out, 1, cells->count * sizeof(__int128));
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0) {
            lt_arrow_set_null(out, i);
            continue;
        }
        __int128 value = 0;
        lt_pg_numeric read =
            lt_pg_numeric_read(lt_text_at((const char *)cells->data + cell.at, (size_t)cell.len),
                               column->scale, &value);
        if (read != LT_PG_NUMERIC_OK)
            return bad_value(column, cells, i, reasons[read], err);
        memcpy(values + i * sizeof(value), &value, sizeof(value));
    }
    return LT_OK;
}

/* ---- variable widths ---- */

/* `skip` leading bytes of each value are not part of the text (the version of jsonb). */
static lt_status decode_bytes(const typed_column *column, const cell_run *cells, size_t skip,
                              struct ArrowArray *out, lt_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < cells->count; i++)
        total +=
            cells->items[i * cells->step].len > 0 ? (size_t)cells->items[i * cells->step].len : 0;
    if (total > INT32_MAX)
        return bad_value(column, cells, 0, "the values of this batch are larger than 2 GiB", err);
    lt_arrow_array(out, cells->count, 3, 0);
    int32_t *offsets = lt_arrow_buffer(out, 1, (cells->count + 1) * sizeof(int32_t));
    char *bytes = lt_arrow_buffer(out, 2, total);
    size_t at = 0;
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0)
            lt_arrow_set_null(out, i);
        else if ((size_t)cell.len < skip || (skip && cells->data[cell.at] != 1))
            return bad_value(column, cells, i, "the server sent an unknown version of jsonb", err);
        size_t len = cell.len < 0 ? 0 : (size_t)cell.len - skip;
        memcpy(bytes + at, cells->data + cell.at + (cell.len < 0 ? 0 : skip), len);
        at += len;
        offsets[i + 1] = (int32_t)at;
    }
    return LT_OK;
}

static lt_status decode_text(const typed_column *column, const cell_run *cells,
                             struct ArrowArray *out, lt_err *err)
{
    return decode_bytes(column, cells, 0, out, err);
}

static lt_status decode_jsonb(const typed_column *column, const cell_run *cells,
                              struct ArrowArray *out, lt_err *err)
{
    return decode_bytes(column, cells, 1, out, err);
}

/* numeric without a scale, or wider than 38 digits: its text, exactly. */
static lt_status decode_numeric_text(const typed_column *column, const cell_run *cells,
                                     struct ArrowArray *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = INT32_MAX};
    lt_arrow_array(out, cells->count, 3, 0);
    int32_t *offsets = lt_arrow_buffer(out, 1, (cells->count + 1) * sizeof(int32_t));
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0)
            lt_arrow_set_null(out, i);
        else if (!lt_pg_numeric_text(
                     lt_text_at((const char *)cells->data + cell.at, (size_t)cell.len), &text))
            return bad_value(column, cells, i, "the server sent something that is no numeric", err);
        offsets[i + 1] = (int32_t)text.len;
    }
    LT_TRY(lt_buf_check(&text, "a batch of numbers", err));
    char *bytes = lt_arrow_buffer(out, 2, text.len);
    memcpy(bytes, lt_buf_chars(&text), text.len);
    return LT_OK;
}

/* ---- kinds ---- */

static const pg_codec codecs[] = {
    {LT_PG_BOOL, "b", NULL, decode_bool},
    {LT_PG_BYTEA, "z", NULL, decode_text},
    {LT_PG_NAME, "u", NULL, decode_text},
    {LT_PG_INT8, "l", NULL, decode_8},
    {LT_PG_INT2, "s", NULL, decode_2},
    {LT_PG_INT4, "i", NULL, decode_4},
    {LT_PG_TEXT, "u", NULL, decode_text},
    {LT_PG_OID, "I", NULL, decode_4},
    {LT_PG_JSON, "u", "arrow.json", decode_text},
    {LT_PG_FLOAT4, "f", NULL, decode_4},
    {LT_PG_FLOAT8, "g", NULL, decode_8},
    {LT_PG_BPCHAR, "u", NULL, decode_text},
    {LT_PG_VARCHAR, "u", NULL, decode_text},
    {LT_PG_DATE, "tdD", NULL, decode_date},
    {LT_PG_TIME, "ttu", NULL, decode_8},
    {LT_PG_TIMESTAMP, "tsu:", NULL, decode_timestamp},
    {LT_PG_TIMESTAMPTZ, "tsu:UTC", NULL, decode_timestamp},
    {LT_PG_INTERVAL, "tin", NULL, decode_interval},
    {LT_PG_UUID, "w:16", "arrow.uuid", decode_uuid},
    {LT_PG_JSONB, "u", "arrow.json", decode_jsonb},
    {LT_PG_NUMERIC, "u", NULL, decode_numeric_text},
};
static const pg_codec decimal_codec = {LT_PG_NUMERIC, NULL, NULL, decode_decimal};

static const pg_codec *find_codec(uint32_t type)
{
    for (size_t i = 0; i < LT_COUNT(codecs); i++)
        if (codecs[i].type == type)
            return &codecs[i];
    return NULL;
}

/* ---- arrays ---- */

/* The elements of one array onto the list; false if it is not a list of this type. `*what` says why. */
static bool add_elements(const cell_run *cells, pg_cell array, uint32_t type, cell_list *out,
                         const char **what)
{
    enum { HEADER = 12, DIMENSION = 8 };
    const uint8_t *at = cells->data + array.at, *end = at + array.len;
    *what = "the server sent something that is no array of its type";
    if (array.len < HEADER || lt_get32(at + 8) != type)
        return false;
    uint32_t dimensions = lt_get32(at);
    if (dimensions == 0)
        return array.len == HEADER;
    if (dimensions > 1) {
        *what = "it is an array with several dimensions; cast it to text or jsonb";
        return false;
    }
    if (array.len < HEADER + DIMENSION)
        return false;
    uint32_t count = lt_get32(at + HEADER);
    at += HEADER + DIMENSION;
    if (count > ELEMENT_LIMIT || count > (size_t)(end - at) / 4)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (end - at < 4)
            return false;
        int32_t len = (int32_t)lt_get32(at);
        at += 4;
        if (len < -1 || len > end - at)
            return false;
        pg_cell element = {.at = (uint32_t)(at - cells->data), .len = len};
        lt_push(out, element);
        at += len > 0 ? len : 0;
    }
    return at == end;
}

static lt_status decode_list(const typed_column *column, const cell_run *cells, cell_list *elements,
                             struct ArrowArray *out, lt_err *err)
{
    const char *what = NULL;
    lt_arrow_array(out, cells->count, 2, 1);
    int32_t *offsets = lt_arrow_buffer(out, 1, (cells->count + 1) * sizeof(int32_t));
    for (size_t i = 0; i < cells->count; i++) {
        pg_cell cell = cells->items[i * cells->step];
        if (cell.len < 0)
            lt_arrow_set_null(out, i);
        else if (!add_elements(cells, cell, column->element->type, elements, &what))
            return bad_value(column, cells, i, what, err);
        if (elements->len > INT32_MAX)
            return bad_value(column, cells, i, "too many elements in a batch", err);
        offsets[i + 1] = (int32_t)elements->len;
    }
    cell_run inner = {.data = cells->data,
                      .items = elements->items,
                      .count = elements->len,
                      .step = 1,
                      .first_row = cells->first_row};
    return column->element->decode(column, &inner, out->children[0], err);
}

static lt_status decode_array(const typed_column *column, const cell_run *cells,
                              struct ArrowArray *out, lt_err *err)
{
    cell_list elements = {0};
    lt_status status = decode_list(column, cells, &elements, out, err);
    lt_vec_free(&elements);
    return status;
}

static const pg_codec array_codec = {0, "+l", NULL, decode_array};

bool lt_pg_decodes(uint32_t type)
{
    const lt_pg_type_info *element = lt_pg_type_of_array(type);
    return find_codec(type) || (element && find_codec(element->oid));
}

/* ---- the decoder ---- */

static const pg_codec *choose(uint32_t type, int modifier, typed_column *column)
{
    enum { LARGEST = 38 };
    int precision = 0;
    if (type != LT_PG_NUMERIC || !lt_pg_numeric_modifier(modifier, &precision, &column->scale) ||
        precision < 1 || precision > LARGEST || column->scale < 0 || column->scale > precision)
        return find_codec(type);
    (void)snprintf(column->format, sizeof(column->format), "d:%d,%d", precision, column->scale);
    return &decimal_codec;
}

lt_pg_decoder *lt_pg_decoder_new(const lt_pg_column *columns, size_t count)
{
    lt_pg_decoder *decoder = lt_xcalloc(1, sizeof(*decoder));
    decoder->column_count = count;
    decoder->data.limit = DATA_LIMIT;
    decoder->columns = lt_xcalloc(count + 1, sizeof(*decoder->columns));
    for (size_t i = 0; i < count; i++) {
        typed_column *column = &decoder->columns[i];
        const lt_pg_type_info *element = lt_pg_type_of_array(columns[i].type);
        column->name = lt_text_dup(columns[i].name);
        column->codec =
            choose(element ? element->oid : columns[i].type, columns[i].modifier, column);
        if (element) {
            column->element = column->codec;
            column->codec = &array_codec;
        }
    }
    return decoder;
}

void lt_pg_decoder_free(lt_pg_decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < decoder->column_count; i++)
        lt_free(decoder->columns[i].name);
    lt_free(decoder->columns);
    lt_buf_cleanup(&decoder->data);
    lt_vec_free(&decoder->cells);
    lt_free(decoder);
}

static void make_field(const typed_column *column, const pg_codec *codec, lt_text name,
                       struct ArrowSchema *out)
{
    lt_arrow_field(out, codec->format ? codec->format : column->format, name, codec->extension,
                   codec == &array_codec ? 1 : 0);
}

void lt_pg_decoder_schema(const lt_pg_decoder *decoder, struct ArrowSchema *out)
{
    lt_arrow_field(out, "+s", (lt_text){0}, NULL, decoder->column_count);
    for (size_t i = 0; i < decoder->column_count; i++) {
        const typed_column *column = &decoder->columns[i];
        make_field(column, column->codec, lt_text_of(column->name), out->children[i]);
        if (column->element)
            make_field(column, column->element, T("item"), out->children[i]->children[0]);
    }
}

/* The row at `at`: 1 when it is whole and its cells are on the list, 0 when more bytes are needed, -1 when it is no row. */
static int parse_row(lt_pg_decoder *decoder, size_t *at)
{
    const uint8_t *data = (const uint8_t *)decoder->data.data;
    size_t end = decoder->data.len, from = *at, cells_before = decoder->cells.len;
    if (end - from < 2)
        return 0;
    uint16_t fields = lt_get16(data + from);
    from += 2;
    if (fields == 0xffff) {
        decoder->done = true;
        *at = from;
        return from == end ? 1 : -1;
    }
    if (fields != decoder->column_count)
        return -1;
    for (size_t i = 0; i < fields; i++) {
        if (end - from < 4)
            break;
        int32_t len = (int32_t)lt_get32(data + from);
        from += 4;
        if (len < -1)
            return -1;
        if (len > 0 && (size_t)len > end - from)
            break;
        pg_cell cell = {.at = (uint32_t)from, .len = len};
        lt_push(&decoder->cells, cell);
        from += len > 0 ? (size_t)len : 0;
    }
    if (decoder->cells.len - cells_before < fields) {
        decoder->cells.len = cells_before;
        return 0;
    }
    *at = from;
    return 1;
}

/* Signature, flags, and an extension that is skipped. Same results as parse_row(). */
static int parse_header(lt_pg_decoder *decoder)
{
    enum { FIXED_BYTES = 19, EXTENSION_LIMIT = 1 << 20 };
    lt_text head = lt_buf_text(&decoder->data);
    if (head.len < FIXED_BYTES)
        return 0;
    uint32_t extension = lt_get32((const uint8_t *)head.ptr + 15);
    uint32_t flags = lt_get32((const uint8_t *)head.ptr + 11);
    if (!lt_text_starts(head, LT_PG_COPY_SIGNATURE) || flags >> 16 || extension > EXTENSION_LIMIT)
        return -1;
    if (head.len < FIXED_BYTES + extension)
        return 0;
    decoder->parsed = FIXED_BYTES + extension;
    decoder->started = true;
    return 1;
}

lt_status lt_pg_decoder_feed(lt_pg_decoder *decoder, lt_text bytes, lt_err *err)
{
    int step = 1;
    decoder->copies = true;
    if (decoder->done && bytes.len)
        return lt_fail(err, LT_FAILED, "the server sent rows behind the end of the rows");
    lt_buf_add(&decoder->data, bytes);
    LT_TRY(lt_buf_check(&decoder->data, "a batch of rows", err));
    if (!decoder->started)
        step = parse_header(decoder);
    while (step == 1 && !decoder->done && decoder->parsed < decoder->data.len)
        step = parse_row(decoder, &decoder->parsed);
    if (step < 0)
        return lt_fail(err, LT_FAILED, "the server sent something that is no binary COPY");
    return LT_OK;
}

lt_status lt_pg_decoder_value(lt_pg_decoder *decoder, const char *bytes, int len, lt_err *err)
{
    pg_cell cell = {.at = (uint32_t)decoder->data.len, .len = len < 0 ? -1 : len};
    if (len > 0)
        lt_buf_add(&decoder->data, lt_text_at(bytes, (size_t)len));
    LT_TRY(lt_buf_check(&decoder->data, "a batch of rows", err));
    decoder->parsed = decoder->data.len;
    lt_push(&decoder->cells, cell);
    return LT_OK;
}

static size_t whole_rows(const lt_pg_decoder *decoder)
{
    return decoder->column_count ? decoder->cells.len / decoder->column_count : 0;
}

bool lt_pg_decoder_is_full(const lt_pg_decoder *decoder)
{
    return whole_rows(decoder) >= BATCH_ROWS || decoder->parsed >= BATCH_BYTES;
}

bool lt_pg_decoder_is_done(const lt_pg_decoder *decoder)
{
    return decoder->done;
}

static lt_status decode_columns(lt_pg_decoder *decoder, size_t rows, struct ArrowArray *out,
                                lt_err *err)
{
    static const uint8_t nothing[1];
    lt_arrow_array(out, rows, 1, decoder->column_count);
    for (size_t i = 0; i < decoder->column_count; i++) {
        const typed_column *column = &decoder->columns[i];
        cell_run cells = {.data =
                              decoder->data.data ? (const uint8_t *)decoder->data.data : nothing,
                          .items = rows ? decoder->cells.items + i : NULL,
                          .count = rows,
                          .step = decoder->column_count,
                          .first_row = decoder->rows_before};
        LT_TRY(column->codec->decode(column, &cells, out->children[i], err));
    }
    return LT_OK;
}

lt_status lt_pg_decoder_take(lt_pg_decoder *decoder, struct ArrowArray *out, lt_err *err)
{
    struct ArrowArray batch = {0};
    size_t rows = whole_rows(decoder);
    lt_status status = decode_columns(decoder, rows, &batch, err);
    if (status != LT_OK) {
        batch.release(&batch);
        return status;
    }
    size_t rest = decoder->data.len - decoder->parsed;
    if (rest)
        memmove(decoder->data.data, decoder->data.data + decoder->parsed, rest);
    lt_buf_cut(&decoder->data, rest);
    decoder->parsed = 0;
    decoder->cells.len = 0;
    decoder->rows_before += (int64_t)rows;
    *out = batch;
    return LT_OK;
}
