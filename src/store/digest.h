/* digest.h - the sums of a body while it streams by: SHA-256 names its content, MD5 is its S3 ETag.
 *
 * LT_AUTO(lt_digest) digest = {0}; begin, add..., end. */
#pragma once
#include "base/err.h"

enum { LT_SHA256_BYTES = 32, LT_MD5_BYTES = 16 };

typedef struct lt_digest {
    struct evp_md_ctx_st *sha256, *md5; /* owned */
} lt_digest;

typedef struct lt_sums {
    char sha256[LT_SHA256_BYTES];
    char md5[LT_MD5_BYTES];
} lt_sums;

LT_MUST_CHECK lt_status lt_digest_begin(lt_digest *digest, bool with_md5, lt_err *err);
LT_MUST_CHECK lt_status lt_digest_add(lt_digest *digest, lt_text part, lt_err *err);
/* One of the two alone, for who has a thread for each. */
LT_MUST_CHECK lt_status lt_digest_add_md5(lt_digest *digest, lt_text part, lt_err *err);
LT_MUST_CHECK lt_status lt_digest_add_sha256(lt_digest *digest, lt_text part, lt_err *err);
LT_MUST_CHECK lt_status lt_digest_end(lt_digest *digest, lt_sums *sums, lt_err *err);
void lt_digest_cleanup(lt_digest *digest);

/* Lower-case hex with a NUL behind: `out` has room for 2 * bytes.len + 1. */
const char *lt_hex_write(lt_text bytes, char *out);
/* False unless `hex` is exactly `size` bytes in lower-case hex. */
LT_MUST_CHECK bool lt_hex_read(lt_text hex, char *out, size_t size);
