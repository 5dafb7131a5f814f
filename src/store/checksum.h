/* checksum.h - the checksums of S3 beside the ETag: computed while a body streams by, and combined over parts.
 *
 * Raw sums are big-endian, as they stand in base64 on the wire. LT_AUTO(lt_sum) sum = {0}; begin, add..., end. */
#pragma once
#include "store/object.h"

enum { LT_SUM_BYTES = 32 }; /* the largest */

typedef struct lt_sum {
    lt_sum_kind kind;
    uint64_t crc;
    struct evp_md_ctx_st *sha; /* owned */
} lt_sum;

LT_MUST_CHECK lt_status lt_sum_begin(lt_sum *sum, lt_sum_kind kind, lt_err *err);
LT_MUST_CHECK lt_status lt_sum_add(lt_sum *sum, lt_text part, lt_err *err);
/* Gives the number of bytes written to `out`. */
LT_MUST_CHECK lt_status lt_sum_end(lt_sum *sum, unsigned char out[LT_SUM_BYTES], size_t *len,
                                   lt_err *err);
void lt_sum_cleanup(lt_sum *sum);

/* The CRC of two texts one behind the other, from the CRCs of each and the length of the second. */
uint64_t lt_crc_combine(lt_sum_kind kind, uint64_t first, uint64_t second, uint64_t second_len);
uint64_t lt_crc_read(lt_text raw); /* big-endian */
void lt_crc_write(lt_sum_kind kind, uint64_t crc, unsigned char *out);

/* Raw bytes as base64, with "-N" behind if parts > 0; in the arena. Empty for no bytes. */
lt_text lt_sum_text(lt_arena *arena, lt_text raw, int32_t parts);
/* base64 of exactly `size` bytes; false if it is not. */
LT_MUST_CHECK bool lt_sum_read(lt_text base64, unsigned char *out, size_t size);
