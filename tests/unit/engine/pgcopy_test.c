/* Rows of a binary COPY that are made here byte by byte, and the batches that come of them. */
#include "engine/pg_wire.h"
#include "engine/pgcopy.h"
#include "support/test.h"

enum { ROW_GROUP = 122880 }; /* of DuckDB: what a batch holds when its rows are narrow */

static void add16(lt_buf *out, uint16_t value)
{
    uint8_t bytes[2];
    lt_put16(bytes, value);
    lt_buf_add(out, lt_text_at((const char *)bytes, sizeof(bytes)));
}

static void add32(lt_buf *out, uint32_t value)
{
    uint8_t bytes[4];
    lt_put32(bytes, value);
    lt_buf_add(out, lt_text_at((const char *)bytes, sizeof(bytes)));
}

static void add_int(lt_buf *out, int32_t value)
{
    add32(out, 4);
    add32(out, (uint32_t)value);
}

static void add_text(lt_buf *out, lt_text value)
{
    add32(out, (uint32_t)value.len);
    lt_buf_add(out, value);
}

static void add_null(lt_buf *out)
{
    add32(out, UINT32_MAX);
}

static void add_bool(lt_buf *out, bool value)
{
    add_text(out, lt_text_at(value ? "\1" : "\0", 1));
}

static bool is_null(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *validity = array->buffers[0];
    return validity && !(validity[row / 8] >> row % 8 & 1);
}

static const lt_pg_column columns[] = {
    {T("n"), LT_PG_INT4, -1}, {T("t"), LT_PG_TEXT, -1}, {T("b"), LT_PG_BOOL, -1}};

/* Row i: (i, NULL or i in hex, i is even); every 7th text is NULL. */
static void add_row(lt_buf *out, int32_t i)
{
    LT_AUTO(lt_chars) text = lt_format("%x", (unsigned)i);
    add16(out, LT_COUNT(columns));
    add_int(out, i);
    if (i % 7 == 0)
        add_null(out);
    else
        add_text(out, lt_text_of(text));
    add_bool(out, i % 2 == 0);
}

static bool has_row(const struct ArrowArray *batch, int64_t row, int32_t i)
{
    LT_AUTO(lt_chars) text = lt_format("%x", (unsigned)i);
    const int32_t *numbers = batch->children[0]->buffers[1];
    const int32_t *ends = batch->children[1]->buffers[1];
    const char *bytes = batch->children[1]->buffers[2];
    const uint8_t *bits = batch->children[2]->buffers[1];
    lt_text found = lt_text_at(bytes + ends[row], (size_t)(ends[row + 1] - ends[row]));
    return numbers[row] == i && is_null(batch->children[1], row) == (i % 7 == 0) &&
           lt_text_eq(found, i % 7 == 0 ? T("") : lt_text_of(text)) &&
           (bits[row / 8] >> row % 8 & 1) == (i % 2 == 0);
}

/* Rows [from, to) in pieces of `step` bytes. */
static void feed(lt_pg_decoder *decoder, int32_t from, int32_t to, size_t step)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) bytes = {0};
    if (from == 0)
        lt_pg_encoder_begin(&bytes);
    for (int32_t i = from; i < to; i++)
        add_row(&bytes, i);
    for (size_t at = 0; at < bytes.len; at += step)
        CHECK_OK(lt_pg_decoder_feed(decoder, lt_text_sub(lt_buf_text(&bytes), at, step), &err),
                 err);
}

static void check_batch(lt_pg_decoder *decoder, int32_t from, int32_t to)
{
    lt_err err = {0};
    struct ArrowArray batch = {0};
    CHECK_OK(lt_pg_decoder_take(decoder, &batch, &err), err);
    CHECK(batch.length == to - from);
    for (int32_t i = from; i < to; i++)
        CHECK(has_row(&batch, i - from, i));
    batch.release(&batch);
}

Test(pgcopy, rows_may_be_cut_anywhere)
{
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(columns, LT_COUNT(columns));
    feed(decoder, 0, 100, 1);
    feed(decoder, 100, 300, 3);
    feed(decoder, 300, 700, 1000);
    check_batch(decoder, 0, 700);
}

Test(pgcopy, a_batch_is_a_row_group_and_the_next_begins_anew)
{
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(columns, LT_COUNT(columns));
    enum { FIRST = ROW_GROUP / 2, SECOND = FIRST + ROW_GROUP };
    feed(decoder, 0, FIRST - 1, SIZE_MAX / 2); /* the first is half of one: DuckDB begins earlier */
    CHECK(!lt_pg_decoder_is_full(decoder));
    feed(decoder, FIRST - 1, FIRST, SIZE_MAX / 2);
    CHECK(lt_pg_decoder_is_full(decoder));
    check_batch(decoder, 0, FIRST);
    feed(decoder, FIRST, SECOND - 1, SIZE_MAX / 2);
    CHECK(!lt_pg_decoder_is_full(decoder));
    feed(decoder, SECOND - 1, SECOND, SIZE_MAX / 2);
    CHECK(lt_pg_decoder_is_full(decoder));
    check_batch(decoder, FIRST, SECOND);
    CHECK(!lt_pg_decoder_is_full(decoder));
    feed(decoder, SECOND, SECOND + 5000, 4099);
    check_batch(decoder, SECOND, SECOND + 5000);
    check_batch(decoder, 0, 0);
}

/* A row of an array {7, NULL}, a boolean, a numeric as text (12) and a text, cut behind each of its bytes. */
Test(pgcopy, a_row_that_is_cut_is_taken_once)
{
    static const char row[] = "\0\4"
                              "\0\0\0\40\0\0\0\1\0\0\0\1\0\0\0\27\0\0\0\2\0\0\0\1"
                              "\0\0\0\4\0\0\0\7\377\377\377\377"
                              "\0\0\0\1\1"
                              "\0\0\0\12\0\1\0\0\0\0\0\0\0\14"
                              "\0\0\0\3abc";
    static const lt_pg_column kinds[] = {{T("list"), 1007, -1},
                                         {T("flag"), LT_PG_BOOL, -1},
                                         {T("number"), LT_PG_NUMERIC, -1},
                                         {T("text"), LT_PG_TEXT, -1}};
    lt_text whole = lt_text_at(row, sizeof(row) - 1);
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(kinds, LT_COUNT(kinds));
    LT_AUTO(lt_buf) head = {0};
    lt_err err = {0};
    struct ArrowArray batch = {0};
    lt_pg_encoder_begin(&head);
    CHECK_OK(lt_pg_decoder_feed(decoder, lt_buf_text(&head), &err), err);
    for (size_t cut = 1; cut < whole.len; cut++) {
        CHECK_OK(lt_pg_decoder_feed(decoder, lt_text_sub(whole, 0, cut), &err), err);
        CHECK_OK(lt_pg_decoder_feed(decoder, lt_text_sub(whole, cut, SIZE_MAX), &err), err);
    }
    CHECK_OK(lt_pg_decoder_take(decoder, &batch, &err), err);
    int64_t rows = (int64_t)whole.len - 1;
    const int32_t *ends = batch.children[0]->buffers[1], *numbers = batch.children[2]->buffers[1];
    CHECK(batch.length == rows && batch.children[0]->null_count == 0);
    CHECK(batch.children[0]->children[0]->length == 2 * rows);
    CHECK(batch.children[0]->children[0]->null_count == rows);
    CHECK(ends[rows] == 2 * rows && numbers[rows] == 2 * rows);
    const char *text = batch.children[3]->buffers[2];
    for (int64_t i = 0; i < rows; i++)
        CHECK(memcmp(text + 3 * i, "abc", 3) == 0);
    batch.release(&batch);
}

Test(pgcopy, wide_rows_fill_a_batch_by_their_bytes)
{
    lt_err err = {0};
    const lt_pg_column column = {T("t"), LT_PG_TEXT, -1};
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(&column, 1);
    LT_AUTO(lt_chars) large = lt_xcalloc(1, LT_MIB);
    size_t rows = 0;
    for (; !lt_pg_decoder_is_full(decoder); rows++)
        CHECK_OK(lt_pg_decoder_value(decoder, large, LT_MIB, &err), err);
    CHECK(rows == LT_PG_BATCH_BYTES / LT_MIB);
}

Test(pgcopy, a_long_text_of_a_short_numeric_fills_a_batch)
{
    lt_err err = {0};
    const lt_pg_column column = {T("n"), LT_PG_NUMERIC, -1};
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(&column, 1);
    static const char power[] = "\0\1\x7f\xff\0\0\0\0\0\1"; /* 1 * 10000^32767 */
    const size_t each = 10 + 4 * 32767 + 1;                 /* as it came, and its text */
    size_t rows = 0;
    for (; !lt_pg_decoder_is_full(decoder); rows++)
        CHECK_OK(lt_pg_decoder_value(decoder, power, 10, &err), err);
    CHECK_INT(rows, (LT_PG_BATCH_BYTES + each - 1) / each);
}

Test(pgcopy, a_bad_value_is_told_with_column_and_row)
{
    lt_err err = {0};
    LT_AUTO(lt_buf) bytes = {0};
    struct ArrowArray batch = {0};
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(columns, LT_COUNT(columns));
    feed(decoder, 0, 50, 64);
    CHECK_OK(lt_pg_decoder_take(decoder, &batch, &err), err);
    batch.release(&batch);
    feed(decoder, 50, 60, 64);
    add16(&bytes, LT_COUNT(columns));
    add_text(&bytes, T("no"));
    add_null(&bytes);
    add_null(&bytes);
    CHECK_STATUS(lt_pg_decoder_feed(decoder, lt_buf_text(&bytes), &err), LT_FAILED, err);
    CHECK_HAS(err.message, "column 'n', row 61: the server sent a value of the wrong size");
}

Test(pgcopy, a_decimal_that_64_bits_hold_comes_in_64)
{
    lt_err err = {0};
    const lt_pg_column column = {T("d"), LT_PG_NUMERIC, (18 << 16 | 2) + 4}; /* numeric(18,2) */
    LT_AUTO(lt_pg_decoder_ref) decoder = lt_pg_decoder_new(&column, 1);
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    lt_pg_decoder_schema(decoder, &schema);
    CHECK(strcmp(schema.children[0]->format, "d:18,2,64") == 0);
    schema.release(&schema);
    static const char minus[] = "\0\2\0\0\x40\0\0\2\0\x0c\x13\x88"; /* -12.50 */
    CHECK_OK(lt_pg_decoder_value(decoder, minus, 12, &err), err);
    CHECK_OK(lt_pg_decoder_take(decoder, &batch, &err), err);
    CHECK(((const int64_t *)batch.children[0]->buffers[1])[0] == -1250);
    batch.release(&batch);
    static const char large[] =
        "\0\1\0\5\0\0\0\0\0\1"; /* 10^20: no server has that in numeric(18,2) */
    CHECK_STATUS(lt_pg_decoder_value(decoder, large, 10, &err), LT_FAILED, err);
    CHECK_HAS(err.message, "out of range");
}
