/* chunks.h - the framing "aws-chunked": HEX[;chunk-signature=SIG] CRLF bytes CRLF ... 0 CRLF [trailers] CRLF.
 *
 * "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and "... Including Trailing
 * Headers" of the S3 API reference. Bytes are given out before their chunk's signature is known: who stores them must not commit before
 * the end, which comes only when every signature was right. */
#pragma once
#include "base/arena.h"
#include "net/aws_sign.h"

enum { LT_S3_LINE_BYTES = 4096, LT_S3_TRAILER_BYTES = 16 * 1024 };

typedef enum lt_s3_chunk_fault {
    LT_S3_CHUNKS_FINE,
    LT_S3_CHUNKS_BROKEN,    /* not this framing, or cut off */
    LT_S3_CHUNKS_SIGNATURE, /* a signature is wrong or missing */
    LT_S3_CHUNKS_SOURCE,    /* reading failed: err is filled */
} lt_s3_chunk_fault;

typedef struct lt_s3_chunks {
    /* Set by who begins. */
    lt_status (*read)(void *context, char *out, size_t size, size_t *got, lt_err *err);
    void *context;
    lt_aws_chain *chain; /* NULL: chunks carry no signatures */
    bool has_trailer;

    /* Results: trailers as "name:value\n" lines, names in lower case; complete at the end. */
    lt_buf trailer;
    lt_s3_chunk_fault fault;

    /* Inside. */
    char in[16 * 1024];
    size_t in_at, in_len;
    uint64_t left; /* of the chunk */
    enum { LT_S3_AT_HEAD, LT_S3_IN_DATA, LT_S3_AT_END } state;
    char signature[LT_AWS_HEX_CHARS]; /* of the chunk */
    struct evp_md_ctx_st *sha256;     /* of the chunk */
} lt_s3_chunks;

/* The next decoded bytes; *got 0 at the end, when everything was right. LT_INVALID with `fault` set. */
LT_MUST_CHECK lt_status lt_s3_chunks_read(lt_s3_chunks *self, char *out, size_t size, size_t *got,
                                          lt_err *err);
void lt_s3_chunks_cleanup(lt_s3_chunks *chunks);
