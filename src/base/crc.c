/* Cyclic sums by tables of eight bytes at once, or by the machine's own instruction, and their joining. */
#include "base/crc.h"

#include <pthread.h>
#include <zlib.h>
#if defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define CRC32_POLYNOMIAL 0xedb88320U
#define CRC32C_POLYNOMIAL 0x82f63b78U
#define CRC64NVME_POLYNOMIAL 0x9a6c9329ac4bc9b5ULL

enum { SLICES = 8 };

/* tables[k][b]: the sum of byte b with k zero bytes behind it. Filled once. */
static uint64_t nvme_tables[SLICES][256];
static uint32_t castagnoli_tables[SLICES][256];
static uint32_t (*castagnoli)(uint32_t raw, const char *at, size_t len);

uint32_t lt_crc32(uint32_t sum, lt_text part)
{
    return part.len ? (uint32_t)crc32_z(sum, (const unsigned char *)part.ptr, part.len) : sum;
}

static uint64_t word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word; /* little-endian, as all machines that we build for */
}

/* ---- Castagnoli ---- */

static uint32_t castagnoli_by_table(uint32_t raw, const char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = word_at(at) ^ raw;
        raw = 0;
        for (unsigned k = 0; k < SLICES; k++)
            raw ^= castagnoli_tables[SLICES - 1 - k][word >> 8 * k & 0xff];
    }
    for (; len > 0; at++, len--)
        raw = castagnoli_tables[0][(raw ^ (unsigned char)*at) & 0xff] ^ raw >> 8;
    return raw;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t castagnoli_by_machine(uint32_t raw,
                                                                        const char *at, size_t len)
{
    uint64_t wide = raw;
    for (; len >= 8; at += 8, len -= 8)
        wide = __builtin_ia32_crc32di(wide, word_at(at));
    raw = (uint32_t)wide;
    for (; len > 0; at++, len--)
        raw = __builtin_ia32_crc32qi(raw, (unsigned char)*at);
    return raw;
}

static bool machine_has_it(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t castagnoli_by_machine(uint32_t raw, const char *at,
                                                                      size_t len)
{
    for (; len >= 8; at += 8, len -= 8)
        raw = __crc32cd(raw, word_at(at));
    for (; len > 0; at++, len--)
        raw = __crc32cb(raw, (unsigned char)*at);
    return raw;
}

static bool machine_has_it(void)
{
    return getauxval(AT_HWCAP) & HWCAP_CRC32;
}
#else
static uint32_t castagnoli_by_machine(uint32_t raw, const char *at, size_t len)
{
    return castagnoli_by_table(raw, at, len);
}

static bool machine_has_it(void)
{
    return false;
}
#endif

/* ---- tables ---- */

static uint64_t sum_of_byte(uint64_t byte, uint64_t polynomial)
{
    for (int bit = 0; bit < 8; bit++)
        byte = byte & 1 ? byte >> 1 ^ polynomial : byte >> 1;
    return byte;
}

static void fill(void)
{
    for (unsigned b = 0; b < 256; b++) {
        nvme_tables[0][b] = sum_of_byte(b, CRC64NVME_POLYNOMIAL);
        castagnoli_tables[0][b] = (uint32_t)sum_of_byte(b, CRC32C_POLYNOMIAL);
    }
    for (unsigned k = 1; k < SLICES; k++)
        for (unsigned b = 0; b < 256; b++) {
            uint64_t wide = nvme_tables[k - 1][b];
            uint32_t narrow = castagnoli_tables[k - 1][b];
            nvme_tables[k][b] = nvme_tables[0][wide & 0xff] ^ wide >> 8;
            castagnoli_tables[k][b] = castagnoli_tables[0][narrow & 0xff] ^ narrow >> 8;
        }
    castagnoli = machine_has_it() ? castagnoli_by_machine : castagnoli_by_table;
}

static void fill_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fill);
}

uint32_t lt_crc32c(uint32_t sum, lt_text part)
{
    fill_once();
    return ~castagnoli(~sum, part.ptr, part.len);
}

uint32_t lt_crc32c_by_table(uint32_t sum, lt_text part)
{
    fill_once();
    return ~castagnoli_by_table(~sum, part.ptr, part.len);
}

uint64_t lt_crc64nvme(uint64_t sum, lt_text part)
{
    uint64_t raw = ~sum;
    const char *at = part.ptr;
    size_t len = part.len;
    fill_once();
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = word_at(at) ^ raw;
        raw = 0;
        for (unsigned k = 0; k < SLICES; k++)
            raw ^= nvme_tables[SLICES - 1 - k][word >> 8 * k & 0xff];
    }
    for (; len > 0; at++, len--)
        raw = nvme_tables[0][(raw ^ (unsigned char)*at) & 0xff] ^ raw >> 8;
    return ~raw;
}

/* ---- joining: A's sum times x^(8 * length of B), as polynomials over GF(2) modulo the generator ---- */

/* The highest power is the lowest bit; `one` is x^0, the highest bit of the sum's width. */
static uint64_t times(uint64_t a, uint64_t b, uint64_t one, uint64_t polynomial)
{
    uint64_t product = 0;
    for (; one; one >>= 1) {
        if (a & one)
            product ^= b;
        b = b & 1 ? b >> 1 ^ polynomial : b >> 1;
    }
    return product;
}

static uint64_t join(uint64_t a, uint64_t b, uint64_t b_bytes, uint64_t one, uint64_t polynomial)
{
    uint64_t power = one >> 8; /* x^8: one byte */
    for (; b_bytes; b_bytes >>= 1) {
        if (b_bytes & 1)
            a = times(power, a, one, polynomial);
        power = times(power, power, one, polynomial);
    }
    return a ^ b;
}

uint32_t lt_crc32_join(uint32_t a, uint32_t b, uint64_t b_bytes)
{
    return (uint32_t)join(a, b, b_bytes, 1ULL << 31, CRC32_POLYNOMIAL);
}

uint32_t lt_crc32c_join(uint32_t a, uint32_t b, uint64_t b_bytes)
{
    return (uint32_t)join(a, b, b_bytes, 1ULL << 31, CRC32C_POLYNOMIAL);
}

uint64_t lt_crc64nvme_join(uint64_t a, uint64_t b, uint64_t b_bytes)
{
    return join(a, b, b_bytes, 1ULL << 63, CRC64NVME_POLYNOMIAL);
}
