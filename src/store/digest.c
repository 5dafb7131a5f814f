/* SHA-256 and MD5 through OpenSSL. */
#include "store/digest.h"

#include <openssl/evp.h>

static lt_status begin_one(EVP_MD_CTX **context, const EVP_MD *kind, lt_err *err)
{
    *context = EVP_MD_CTX_new();
    if (!*context || EVP_DigestInit_ex(*context, kind, NULL) != 1)
        return lt_fail(err, LT_IO, "OpenSSL has no %s here", kind == EVP_md5() ? "MD5" : "SHA-256");
    return LT_OK;
}

lt_status lt_digest_begin(lt_digest *digest, bool with_md5, lt_err *err)
{
    LT_TRY(begin_one(&digest->sha256, EVP_sha256(), err));
    return with_md5 ? begin_one(&digest->md5, EVP_md5(), err) : LT_OK;
}

static lt_status add_to(EVP_MD_CTX *context, lt_text part, lt_err *err)
{
    if (!context || EVP_DigestUpdate(context, part.ptr, part.len) == 1)
        return LT_OK;
    return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
}

lt_status lt_digest_add_md5(lt_digest *digest, lt_text part, lt_err *err)
{
    return add_to(digest->md5, part, err);
}

lt_status lt_digest_add_sha256(lt_digest *digest, lt_text part, lt_err *err)
{
    return add_to(digest->sha256, part, err);
}

lt_status lt_digest_add(lt_digest *digest, lt_text part, lt_err *err)
{
    LT_TRY(lt_digest_add_sha256(digest, part, err));
    return lt_digest_add_md5(digest, part, err);
}

lt_status lt_digest_end(lt_digest *digest, lt_sums *sums, lt_err *err)
{
    if (EVP_DigestFinal_ex(digest->sha256, (unsigned char *)sums->sha256, NULL) != 1 ||
        (digest->md5 && EVP_DigestFinal_ex(digest->md5, (unsigned char *)sums->md5, NULL) != 1))
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    return LT_OK;
}

void lt_digest_cleanup(lt_digest *digest)
{
    EVP_MD_CTX_free(digest->sha256);
    EVP_MD_CTX_free(digest->md5);
    *digest = (lt_digest){0};
}

const char *lt_hex_write(lt_text bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
        out[2 * i + 1] = digits[(unsigned char)bytes.ptr[i] & 15];
    }
    out[2 * bytes.len] = '\0';
    return out;
}

static int hex_value(char c)
{
    if (lt_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lt_hex_read(lt_text hex, char *out, size_t size)
{
    if (hex.len != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (char)(high << 4 | low);
    }
    return true;
}
