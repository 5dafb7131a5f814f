/* CRCs by tables of eight bytes at a time, combined by arithmetic modulo their polynomials; SHAs by OpenSSL. */
#include "store/checksum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <zlib.h>

/* The polynomials, reflected. Values of "123456789": cbf43926, e3069283, ae8b14860a799888. */
static const struct {
    const char *name;
    size_t size;
    uint64_t polynomial; /* 0: no CRC */
} kinds[LT_SUM_COUNT] = {
    [LT_SUM_NONE] = {"", 0, 0},
    [LT_SUM_CRC32] = {"CRC32", 4, 0xedb88320},
    [LT_SUM_CRC32C] = {"CRC32C", 4, 0x82f63b78},
    [LT_SUM_CRC64NVME] = {"CRC64NVME", 8, 0x9a6c9329ac4bc9b5},
    [LT_SUM_SHA1] = {"SHA1", 20, 0},
    [LT_SUM_SHA256] = {"SHA256", 32, 0},
};

const char *lt_sum_name(lt_sum_kind kind)
{
    return kinds[kind < LT_SUM_COUNT ? kind : LT_SUM_NONE].name;
}

bool lt_sum_find(lt_text name, lt_sum_kind *out)
{
    for (lt_sum_kind kind = LT_SUM_CRC32; kind < LT_SUM_COUNT; kind++) {
        if (!lt_text_eq_nocase(name, lt_text_of(kinds[kind].name)))
            continue;
        *out = kind;
        return true;
    }
    return false;
}

size_t lt_sum_size(lt_sum_kind kind)
{
    return kinds[kind < LT_SUM_COUNT ? kind : LT_SUM_NONE].size;
}

bool lt_sum_is_crc(lt_sum_kind kind)
{
    return kind < LT_SUM_COUNT && kinds[kind].polynomial != 0;
}

/* ---------------------------------------------------------------- CRCs */

enum { LANES = 8 };
static uint64_t tables[2][LANES][256]; /* of CRC32C and CRC64NVME; written once */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_table(uint64_t polynomial, uint64_t table[LANES][256])
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
        table[0][i] = crc;
    }
    for (int lane = 1; lane < LANES; lane++)
        for (unsigned i = 0; i < 256; i++) {
            uint64_t before = table[lane - 1][i];
            table[lane][i] = before >> 8 ^ table[0][before & 0xff];
        }
}

static void make_tables(void)
{
    make_table(kinds[LT_SUM_CRC32C].polynomial, tables[0]);
    make_table(kinds[LT_SUM_CRC64NVME].polynomial, tables[1]);
}

static uint64_t crc_add(const uint64_t table[LANES][256], uint64_t crc, lt_text part)
{
    const unsigned char *at = (const unsigned char *)part.ptr;
    size_t left = part.len;
    for (; left >= LANES; left -= LANES, at += LANES) {
        uint64_t word;
        memcpy(&word, at, sizeof(word)); /* little-endian, as on all our machines */
        word ^= crc;
        crc = 0;
        for (int lane = 0; lane < LANES; lane++)
            crc ^= table[LANES - 1 - lane][word >> (8 * lane) & 0xff];
    }
    for (; left; left--, at++)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return crc;
}

/* The product of two polynomials modulo that of the CRC; the highest bit is x^0, since all is reflected. */
static uint64_t multiply(uint64_t polynomial, unsigned bits, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t mask = (uint64_t)1 << (bits - 1); mask; mask >>= 1) {
        if (a & mask)
            product ^= b;
        b = b & 1 ? b >> 1 ^ polynomial : b >> 1;
    }
    return product;
}

uint64_t lt_crc_combine(lt_sum_kind kind, uint64_t first, uint64_t second, uint64_t second_len)
{
    uint64_t polynomial = kinds[kind].polynomial;
    unsigned bits = (unsigned)(8 * kinds[kind].size);
    uint64_t shift = (uint64_t)1 << (bits - 1); /* x^0 */
    uint64_t power = (uint64_t)1 << (bits - 2); /* x^1 */
    for (int i = 0; i < 3; i++)                 /* x^8: a byte */
        power = multiply(polynomial, bits, power, power);
    for (; second_len; second_len >>= 1) {
        if (second_len & 1)
            shift = multiply(polynomial, bits, power, shift);
        power = multiply(polynomial, bits, power, power);
    }
    return multiply(polynomial, bits, shift, first) ^ second;
}

uint64_t lt_crc_read(lt_text raw)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < raw.len && i < sizeof(crc); i++)
        crc = crc << 8 | (unsigned char)raw.ptr[i];
    return crc;
}

void lt_crc_write(lt_sum_kind kind, uint64_t crc, unsigned char *out)
{
    for (size_t i = kinds[kind].size; i-- > 0; crc >>= 8)
        out[i] = (unsigned char)crc;
}

/* ---------------------------------------------------------------- all kinds */

lt_status lt_sum_begin(lt_sum *sum, lt_sum_kind kind, lt_err *err)
{
    (void)pthread_once(&tables_once, make_tables);
    sum->kind = kind;
    sum->crc = kind == LT_SUM_CRC32C ? 0xffffffff : kind == LT_SUM_CRC64NVME ? UINT64_MAX : 0;
    if (kind != LT_SUM_SHA1 && kind != LT_SUM_SHA256)
        return LT_OK;
    sum->sha = EVP_MD_CTX_new();
    if (!sum->sha ||
        EVP_DigestInit_ex(sum->sha, kind == LT_SUM_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) != 1)
        return lt_fail(err, LT_IO, "OpenSSL has no %s here", lt_sum_name(kind));
    return LT_OK;
}

lt_status lt_sum_add(lt_sum *sum, lt_text part, lt_err *err)
{
    if (sum->kind == LT_SUM_CRC32)
        sum->crc = crc32_z((uLong)sum->crc, (const Bytef *)part.ptr, part.len);
    else if (sum->kind == LT_SUM_CRC32C || sum->kind == LT_SUM_CRC64NVME)
        sum->crc = crc_add(tables[sum->kind == LT_SUM_CRC64NVME], sum->crc, part);
    else if (sum->sha && EVP_DigestUpdate(sum->sha, part.ptr, part.len) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    return LT_OK;
}

lt_status lt_sum_end(lt_sum *sum, unsigned char out[LT_SUM_BYTES], size_t *len, lt_err *err)
{
    *len = lt_sum_size(sum->kind);
    if (sum->kind == LT_SUM_CRC32C)
        sum->crc ^= 0xffffffff;
    else if (sum->kind == LT_SUM_CRC64NVME)
        sum->crc ^= UINT64_MAX;
    if (lt_sum_is_crc(sum->kind))
        lt_crc_write(sum->kind, sum->crc, out);
    else if (sum->sha && EVP_DigestFinal_ex(sum->sha, out, NULL) != 1)
        return lt_fail(err, LT_IO, "OpenSSL cannot compute a checksum");
    return LT_OK;
}

void lt_sum_cleanup(lt_sum *sum)
{
    EVP_MD_CTX_free(sum->sha);
    *sum = (lt_sum){0};
}

lt_text lt_sum_text(lt_arena *arena, lt_text raw, int32_t parts)
{
    enum { SUFFIX = 16 };
    if (!raw.len)
        return (lt_text){0};
    size_t size = (raw.len + 2) / 3 * 4 + SUFFIX;
    char *out = lt_alloc(arena, size);
    size_t len =
        (size_t)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)raw.ptr, (int)raw.len);
    if (parts > 0)
        len += (size_t)snprintf(out + len, size - len, "-%d", parts);
    return lt_text_at(out, len);
}

bool lt_sum_read(lt_text base64, unsigned char *out, size_t size)
{
    unsigned char room[LT_SUM_BYTES + 16];
    size_t chars = (size + 2) / 3 * 4, padding = (3 - size % 3) % 3;
    if (base64.len != chars || size > LT_SUM_BYTES || base64.len > sizeof(room) ||
        EVP_DecodeBlock(room, (const unsigned char *)base64.ptr, (int)base64.len) < (int)size)
        return false;
    for (size_t i = 0; i < chars; i++) /* OpenSSL takes '=' for any character */
        if ((base64.ptr[i] == '=') != (i >= chars - padding))
            return false;
    memcpy(out, room, size);
    return true;
}
