/* crc.h - the cyclic sums that S3 knows: CRC-32, CRC-32C and CRC-64/NVME; all reflected, begun and ended with all bits set.
 *
 * A running sum starts at 0 and is always a finished one: sum = lt_crc32c(sum, part), part after part. The sums of two
 * neighbours give that of both: that is how the parts of an upload make the sum of the object. Pure; any thread. */
#pragma once
#include "base/text.h"

uint32_t lt_crc32(uint32_t sum, lt_text part); /* ISO 3309: zlib, gzip */
uint32_t lt_crc32c(uint32_t sum,
                   lt_text part); /* Castagnoli: RFC 3720; in hardware where there is such */
uint64_t lt_crc64nvme(uint64_t sum, lt_text part); /* NVM Express, polynomial ad93d23594c93659 */

/* The same without the machine's instruction: for tests, and machines that have none. */
uint32_t lt_crc32c_by_table(uint32_t sum, lt_text part);

/* The sum of A and B behind it, from their sums and the length of B. */
uint32_t lt_crc32_join(uint32_t a, uint32_t b, uint64_t b_bytes);
uint32_t lt_crc32c_join(uint32_t a, uint32_t b, uint64_t b_bytes);
uint64_t lt_crc64nvme_join(uint64_t a, uint64_t b, uint64_t b_bytes);
