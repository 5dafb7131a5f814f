/* Any bytes as a binary COPY, cut anywhere: the decoder stays within bounds, and what it accepts survives the way out and in.
 *
 * The first byte is the number of columns, then a byte for each chooses its type, one says in how many pieces the rest comes. */
#include "engine/pg_wire.h"
#include "engine/pgcopy.h"

#include <stdlib.h>

static const lt_pg_column kinds[] = {
    {T("b"), LT_PG_BOOL, -1},
    {T("s"), LT_PG_INT2, -1},
    {T("i"), LT_PG_INT4, -1},
    {T("l"), LT_PG_INT8, -1},
    {T("f"), LT_PG_FLOAT4, -1},
    {T("g"), LT_PG_FLOAT8, -1},
    {T("t"), LT_PG_TEXT, -1},
    {T("z"), LT_PG_BYTEA, -1},
    {T("d"), LT_PG_DATE, -1},
    {T("ti"), LT_PG_TIME, -1},
    {T("ts"), LT_PG_TIMESTAMP, -1},
    {T("tz"), LT_PG_TIMESTAMPTZ, -1},
    {T("iv"), LT_PG_INTERVAL, -1},
    {T("u"), LT_PG_UUID, -1},
    {T("j"), LT_PG_JSONB, -1},
    {T("n"), LT_PG_NUMERIC, -1},                    /* text in Arrow */
    {T("n9"), LT_PG_NUMERIC, (9 << 16 | 4) + 4},    /* numeric(9,4) */
    {T("n38"), LT_PG_NUMERIC, (38 << 16 | 10) + 4}, /* numeric(38,10) */
    {T("al"), 1016, -1},                            /* bigint[] */
    {T("at"), 1009, -1},                            /* text[] */
    {T("an"), 1231, (18 << 16 | 2) + 4},            /* numeric(18,2)[] */
};
enum { COLUMNS = 6 };

static bool decode(const lt_pg_column *columns, size_t count, lt_text bytes, size_t pieces,
                   lt_pg_decoder **out, struct ArrowArray *batch)
{
    lt_err err;
    lt_pg_decoder *decoder = lt_pg_decoder_new(columns, count);
    size_t step = bytes.len / pieces + 1;
    bool good = true;
    for (size_t at = 0; good && at < bytes.len; at += step)
        good = lt_pg_decoder_feed(decoder, lt_text_sub(bytes, at, step), &err) == LT_OK;
    *out = decoder;
    return good && lt_pg_decoder_take(decoder, batch, &err) == LT_OK;
}

/* Encoded and decoded again it has as many rows, and encodes to the same bytes. */
static void check_round_trip(const lt_pg_column *columns, size_t count,
                             const lt_pg_decoder *decoder, const struct ArrowArray *batch,
                             lt_buf *first, bool is_second)
{
    lt_err err;
    int64_t row = 0;
    uint32_t types[COLUMNS];
    struct ArrowSchema schema = {0};
    LT_AUTO(lt_buf) out = {.limit = 64 * LT_MIB};
    LT_AUTO(lt_pg_encoder_ref) encoder = NULL;
    for (size_t i = 0; i < count; i++)
        types[i] = columns[i].type == LT_PG_NUMERIC && columns[i].modifier < 0 ? LT_PG_TEXT
                                                                               : columns[i].type;
    lt_pg_decoder_schema(decoder, &schema);
    if (lt_pg_encoder_new(&schema, types, &encoder, &err) != LT_OK)
        abort();
    lt_pg_encoder_begin(&out);
    lt_pg_encoder_bind(encoder, batch);
    bool written = lt_pg_encoder_write(encoder, &row, SIZE_MAX, &out, &err) == LT_OK;
    lt_pg_encoder_end(&out);
    schema.release(&schema);
    if (is_second && (!written || !lt_text_eq(lt_buf_text(&out), lt_buf_text(first))))
        abort();
    if (is_second || !written) /* a NUL in a text is refused */
        return;
    lt_pg_column again[COLUMNS];
    struct ArrowArray back = {0};
    LT_AUTO(lt_pg_decoder_ref) reader = NULL;
    for (size_t i = 0; i < count; i++)
        again[i] = (lt_pg_column){
            .name = columns[i].name, .type = types[i], .modifier = columns[i].modifier};
    if (!decode(again, count, lt_buf_text(&out), 1, &reader, &back) ||
        back.length != batch->length || !lt_pg_decoder_is_done(reader))
        abort();
    lt_buf_add(first, lt_buf_text(&out));
    check_round_trip(again, count, reader, &back, first, true);
    back.release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_pg_column columns[COLUMNS];
    struct ArrowArray batch = {0};
    LT_AUTO(lt_pg_decoder_ref) decoder = NULL;
    LT_AUTO(lt_buf) first = {.limit = 64 * LT_MIB};
    size_t count = size ? 1 + data[0] % COLUMNS : 1;
    if (size < 2 + count)
        return 0;
    for (size_t i = 0; i < count; i++)
        columns[i] = kinds[data[1 + i] % LT_COUNT(kinds)];
    size_t pieces = 1 + data[1 + count] % 8;
    lt_text rest = lt_text_at((const char *)data + 2 + count, size - 2 - count);
    if (!decode(columns, count, rest, pieces, &decoder, &batch))
        return 0;
    check_round_trip(columns, count, decoder, &batch, &first, false);
    batch.release(&batch);
    return 0;
}
