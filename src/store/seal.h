/* seal.h - encryption at rest: each content has a random key of its own, which is kept sealed with the store's key.
 *
 * A content is cut into segments of 64 KiB, each AES-256-GCM with its number as the nonce, so that any part can be read and checked
 * alone; the last one is marked in its nonce, so that cutting off its end is found out. An empty content is one empty
 * segment. */
#pragma once
#include "base/err.h"
#include "base/text.h"

enum {
    LT_SEGMENT_BYTES = 64 * 1024,
    LT_SEGMENT_TAG = 16,
    LT_CONTENT_KEY = 32,
    LT_SEALED_KEY = 72, /* nonce, key, tag */
};

/* How much a content takes when it is encrypted. */
int64_t lt_sealed_size(int64_t size_bytes);

/* A new random key, and the same sealed with the store's. */
void lt_content_key_new(const unsigned char store_key[LT_CONTENT_KEY],
                        unsigned char key[LT_CONTENT_KEY], char sealed[LT_SEALED_KEY]);
/* False: sealed with another key, or damaged. */
LT_MUST_CHECK bool lt_content_key_open(const unsigned char store_key[LT_CONTENT_KEY],
                                       const char sealed[LT_SEALED_KEY],
                                       unsigned char key[LT_CONTENT_KEY]);

/* LT_AUTO(lt_cipher) cipher = {0}; */
typedef struct lt_cipher {
    struct evp_cipher_ctx_st *context; /* owned */
    bool encrypts;
} lt_cipher;
LT_MUST_CHECK lt_status lt_cipher_begin(lt_cipher *cipher, const unsigned char key[LT_CONTENT_KEY],
                                        bool encrypts, lt_err *err);
/* One segment, from and to: encrypting makes it LT_SEGMENT_TAG longer, decrypting as much shorter. LT_IO: it is damaged. */
LT_MUST_CHECK lt_status lt_cipher_segment(lt_cipher *cipher, uint64_t number, bool last,
                                          lt_text from, char *to, lt_err *err);
void lt_cipher_cleanup(lt_cipher *cipher);
