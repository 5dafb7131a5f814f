/* pg_numeric.h - PostgreSQL's numeric on the wire: big-endian int16 count, weight, sign, scale, then digits of base 10000
 * (src/backend/utils/adt/numeric.c, numeric_send). */
#pragma once
#include "base/buf.h"

enum { LT_PG_NUMERIC_MAX = 8 + 2 * 12 }; /* bytes for 39 digits at any scale up to 38 */

/* magnitude * 10^-scale; gives the bytes written to `out` (at most LT_PG_NUMERIC_MAX). */
size_t lt_pg_numeric_write(unsigned __int128 magnitude, bool negative, int scale, uint8_t *out);

typedef enum lt_pg_numeric {
    LT_PG_NUMERIC_OK,
    LT_PG_NUMERIC_BAD,     /* not a numeric */
    LT_PG_NUMERIC_SPECIAL, /* NaN or infinity */
    LT_PG_NUMERIC_TOO_BIG, /* more digits than fit */
} lt_pg_numeric;
/* *out = value * 10^scale, exactly, and |*out| < 10^38. */
lt_pg_numeric lt_pg_numeric_read(lt_text bytes, int scale, __int128 *out);
/* Append what numeric::text gives. False when it is not a numeric. */
bool lt_pg_numeric_text(lt_text bytes, lt_buf *out);
