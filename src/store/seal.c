/* AES-256-GCM by OpenSSL; keys of contents sealed by libsodium. */
#include "store/seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>

enum { NONCE = 12 };

static_assert((int)LT_SEALED_KEY == (int)crypto_secretbox_NONCEBYTES + (int)LT_CONTENT_KEY +
                                        (int)crypto_secretbox_MACBYTES,
              "a sealed key is a nonce and a box");

int64_t lt_sealed_size(int64_t size_bytes)
{
    int64_t segments = (size_bytes + LT_SEGMENT_BYTES - 1) / LT_SEGMENT_BYTES;
    return size_bytes + LT_MAX(segments, (int64_t)1) * LT_SEGMENT_TAG;
}

void lt_content_key_new(const unsigned char store_key[LT_CONTENT_KEY],
                        unsigned char key[LT_CONTENT_KEY], char sealed[LT_SEALED_KEY])
{
    unsigned char *out = (unsigned char *)sealed;
    randombytes_buf(key, LT_CONTENT_KEY);
    randombytes_buf(out, crypto_secretbox_NONCEBYTES);
    (void)crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, key, LT_CONTENT_KEY, out,
                                store_key);
}

bool lt_content_key_open(const unsigned char store_key[LT_CONTENT_KEY],
                         const char sealed[LT_SEALED_KEY], unsigned char key[LT_CONTENT_KEY])
{
    const unsigned char *in = (const unsigned char *)sealed;
    return crypto_secretbox_open_easy(key, in + crypto_secretbox_NONCEBYTES,
                                      LT_SEALED_KEY - crypto_secretbox_NONCEBYTES, in,
                                      store_key) == 0;
}

lt_status lt_cipher_begin(lt_cipher *cipher, const unsigned char key[LT_CONTENT_KEY], bool encrypts,
                          lt_err *err)
{
    cipher->encrypts = encrypts;
    cipher->context = EVP_CIPHER_CTX_new();
    if (!cipher->context ||
        EVP_CipherInit_ex(cipher->context, EVP_aes_256_gcm(), NULL, key, NULL, encrypts) != 1)
        return lt_fail(err, LT_IO, "OpenSSL has no AES-256-GCM here");
    return LT_OK;
}

static void nonce_of(uint64_t number, bool last, unsigned char out[NONCE])
{
    memset(out, 0, NONCE);
    out[0] = last;
    for (int i = NONCE - 1; i > 3; i--, number >>= 8)
        out[i] = (unsigned char)number;
}

lt_status lt_cipher_segment(lt_cipher *cipher, uint64_t number, bool last, lt_text from, char *to,
                            lt_err *err)
{
    unsigned char nonce[NONCE], tag[LT_SEGMENT_TAG], *out = (unsigned char *)to;
    size_t plain = from.len;
    int len = 0, rest = 0;
    nonce_of(number, last, nonce);
    if (!cipher->encrypts) {
        if (from.len < LT_SEGMENT_TAG)
            return lt_fail(err, LT_IO, "an encrypted content is damaged: it ends too early");
        plain -= LT_SEGMENT_TAG;
        memcpy(tag, from.ptr + plain, sizeof(tag));
    }
    if (EVP_CipherInit_ex(cipher->context, NULL, NULL, NULL, nonce, cipher->encrypts) != 1 ||
        (plain && EVP_CipherUpdate(cipher->context, out, &len, (const unsigned char *)from.ptr,
                                   (int)plain) != 1))
        return lt_fail(err, LT_IO, "OpenSSL cannot encrypt");
    if (!cipher->encrypts &&
        EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot decrypt");
    if (EVP_CipherFinal_ex(cipher->context, out + len, &rest) != 1)
        return lt_fail(err, LT_IO, "an encrypted content is damaged");
    if (cipher->encrypts && EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_GCM_GET_TAG,
                                                LT_SEGMENT_TAG, out + plain) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot encrypt");
    return LT_OK;
}

void lt_cipher_cleanup(lt_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->context);
    *cipher = (lt_cipher){0};
}
