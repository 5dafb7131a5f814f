/* pgcopy.h - rows of PostgreSQL's binary COPY, to and from Arrow batches. Pure: no connection.
 *
 * Format: https://www.postgresql.org/docs/15/sql-copy.html ("Binary Format"); values as the types' send and receive functions
 * have them. What comes in is not trusted. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/arrow.h"

typedef struct lt_pg_column {
    lt_text name; /* borrowed */
    uint32_t type;
    int modifier; /* -1: none */
} lt_pg_column;

/* ---- in ---- */

typedef struct lt_pg_decoder lt_pg_decoder;
enum {
    LT_PG_BATCH_BYTES = 16 << 20
}; /* a batch has about so many at most, but for a row that is larger */

/* Whether the type is read in binary; others must be cast to text by the query. */
bool lt_pg_decodes(uint32_t type);
/* Owned by the caller; the columns are copied. Every type must be one that lt_pg_decodes(). */
lt_pg_decoder *lt_pg_decoder_new(const lt_pg_column *columns, size_t count);
void lt_pg_decoder_free(lt_pg_decoder *decoder);
LT_OWNED(lt_pg_decoder_ref, lt_pg_decoder *, lt_pg_decoder_free)
/* The schema of its batches. */
void lt_pg_decoder_schema(const lt_pg_decoder *decoder, struct ArrowSchema *out);
/* Take bytes of the COPY stream, cut anywhere. LT_FAILED: not a binary COPY of these columns, or a value is not of its type or
 * cannot be held; nothing but lt_pg_decoder_free() makes sense then. */
LT_MUST_CHECK lt_status lt_pg_decoder_feed(lt_pg_decoder *decoder, lt_text bytes, lt_err *err);
/* Or take a row's values one by one, when they do not come as COPY. `len` < 0 is NULL. Errors as above. */
LT_MUST_CHECK lt_status lt_pg_decoder_value(lt_pg_decoder *decoder, const char *bytes, int len,
                                            lt_err *err);
/* Enough rows for a batch are waiting. */
bool lt_pg_decoder_is_full(const lt_pg_decoder *decoder);
/* The end mark has been seen. */
bool lt_pg_decoder_is_done(const lt_pg_decoder *decoder);
/* The whole rows that wait as a batch, possibly of 0 rows. LT_FAILED: a row was begun by lt_pg_decoder_value() and is not whole. */
LT_MUST_CHECK lt_status lt_pg_decoder_take(lt_pg_decoder *decoder, struct ArrowArray *out,
                                           lt_err *err);

/* ---- out ---- */

typedef struct lt_pg_encoder lt_pg_encoder;

/* The type that holds a field without loss when nothing says another: 0 for a field that cannot be sent. */
uint32_t lt_pg_natural_type(const struct ArrowSchema *field, lt_err *err);
/* Whether the field can be sent as this type. */
bool lt_pg_encodes(const struct ArrowSchema *field, uint32_t type);
/* A writer of these fields as these types, all of which lt_pg_encodes(). The schema is borrowed. */
LT_MUST_CHECK lt_status lt_pg_encoder_new(const struct ArrowSchema *schema, const uint32_t *types,
                                          lt_pg_encoder **out, lt_err *err);
void lt_pg_encoder_free(lt_pg_encoder *encoder);
LT_OWNED(lt_pg_encoder_ref, lt_pg_encoder *, lt_pg_encoder_free)
void lt_pg_encoder_begin(lt_buf *out); /* the header */
void lt_pg_encoder_end(lt_buf *out);   /* the end mark */
/* Bind a batch, which must live until its last row is written. */
void lt_pg_encoder_bind(lt_pg_encoder *encoder, const struct ArrowArray *batch);
/* Append rows from `*row` on until `out` holds at least `bytes` or the batch ends; *row is the next one. LT_FAILED: a value does
 * not fit its type; the message names column and row (counted over all batches, from 1). */
LT_MUST_CHECK lt_status lt_pg_encoder_write(lt_pg_encoder *encoder, int64_t *row, size_t bytes,
                                            lt_buf *out, lt_err *err);
