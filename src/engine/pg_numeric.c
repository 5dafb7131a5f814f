/* PostgreSQL's numeric and 128-bit integers. */
#include "engine/pg_numeric.h"

#include <stdio.h>

enum { BASE = 10000, BASE_DIGITS = 4, HEADER = 8 };
enum { NEGATIVE = 0x4000, NOT_A_NUMBER = 0xc000, INFINITE = 0xd000, MINUS_INFINITE = 0xf000 };

static const unsigned powers[] = {1, 10, 100, 1000, 10000};

static uint8_t *put16(uint8_t *at, int value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static int get16(const uint8_t *at)
{
    return (int16_t)(at[0] << 8 | at[1]);
}

/* The groups of four digits, lowest first, split at the point; gives how many. 64-bit division where it is enough. */
static int split(unsigned __int128 left, int scale, uint16_t groups[12])
{
    int count = 0, partial = scale % BASE_DIGITS;
    if (partial) {
        groups[count++] =
            (uint16_t)((unsigned)(left % powers[partial]) * powers[BASE_DIGITS - partial]);
        left /= powers[partial];
    }
    for (; left > UINT64_MAX; left /= BASE)
        groups[count++] = (uint16_t)(left % BASE);
    for (uint64_t low = (uint64_t)left; low; low /= BASE)
        groups[count++] = (uint16_t)(low % BASE);
    return count;
}

size_t lt_pg_numeric_write(unsigned __int128 magnitude, bool negative, int scale, uint8_t *out)
{
    uint16_t groups[12];
    int fraction = (scale + BASE_DIGITS - 1) / BASE_DIGITS;
    int count = split(magnitude, scale, groups), low = 0;
    while (low < count && groups[low] == 0)
        low++;
    int top = count; /* groups above are zero, or are not there */
    while (top > low && groups[top - 1] == 0)
        top--;
    uint8_t *at = put16(out, top - low);
    at = put16(at, top > low ? top - 1 - fraction : 0);
    at = put16(at, negative && top > low ? NEGATIVE : 0);
    at = put16(at, scale);
    for (int i = top; i-- > low;)
        at = put16(at, groups[i]);
    return (size_t)(at - out);
}

typedef struct numeric {
    int count, weight, scale;
    unsigned sign;
    const uint8_t *digits;
} numeric;

static bool parse(lt_text bytes, numeric *out)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    if (bytes.len < HEADER)
        return false;
    *out = (numeric){.count = get16(at),
                     .weight = get16(at + 2),
                     .sign = (unsigned)get16(at + 4) & 0xffff,
                     .scale = get16(at + 6),
                     .digits = at + HEADER};
    if (out->count < 0 || bytes.len != HEADER + 2 * (size_t)out->count || out->scale < 0)
        return false;
    for (int i = 0; i < out->count; i++)
        if (get16(out->digits + 2 * (size_t)i) < 0 || get16(out->digits + 2 * (size_t)i) >= BASE)
            return false;
    return out->sign == 0 || out->sign == NEGATIVE || out->sign == NOT_A_NUMBER ||
           out->sign == INFINITE || out->sign == MINUS_INFINITE;
}

static bool times(unsigned __int128 *value, int power_of_ten)
{
    for (; power_of_ten > 0 && *value; power_of_ten--)
        if (__builtin_mul_overflow(*value, 10, value))
            return false;
    return true;
}

/* The digits as one number at 10^-scale. False when they do not fit, or go below that place. */
static bool gather(const numeric *number, int scale, unsigned __int128 *out)
{
    unsigned __int128 value = 0;
    for (int i = 0; i < number->count; i++) {
        unsigned digit = (unsigned)get16(number->digits + 2 * (size_t)i);
        int place = BASE_DIGITS * (number->weight - i) + scale; /* of the digit's own unit */
        int cut = place < 0 ? -place : 0;                       /* decimals of it below the scale */
        if (digit == 0 && value == 0)
            continue;
        if (cut >= BASE_DIGITS) {
            if (digit)
                return false;
            continue;
        }
        if (digit % powers[cut] || !times(&value, BASE_DIGITS - cut) ||
            __builtin_add_overflow(value, digit / powers[cut], &value))
            return false;
        if (i == number->count - 1 && !times(&value, place))
            return false;
    }
    *out = value;
    return true;
}

/* Most values: few digits, the whole in 64 bits. */
static bool gather_small(const numeric *number, int scale, int64_t *out)
{
    int place = BASE_DIGITS * (number->weight - number->count + 1) + scale;
    uint64_t value = 0;
    if (number->count > 3 || number->count == 0 || place < -3 || place > 4)
        return false;
    for (int i = 0; i < number->count; i++)
        value = value * BASE + (unsigned)get16(number->digits + 2 * (size_t)i);
    if (place < 0) {
        if (value % powers[-place])
            return false;
        value /= powers[-place];
    } else {
        value *= powers[place];
    }
    *out = number->sign == NEGATIVE ? -(int64_t)value : (int64_t)value;
    return true;
}

lt_pg_numeric lt_pg_numeric_read(lt_text bytes, int scale, __int128 *out)
{
    const unsigned __int128 limit = /* 10^38 */
        (unsigned __int128)10000000000000000000u * 10000000000000000000u;
    numeric number;
    int64_t small;
    unsigned __int128 value;
    if (!parse(bytes, &number))
        return LT_PG_NUMERIC_BAD;
    if (number.sign != 0 && number.sign != NEGATIVE)
        return LT_PG_NUMERIC_SPECIAL;
    if (gather_small(&number, scale, &small)) {
        *out = small;
        return LT_PG_NUMERIC_OK;
    }
    if (!gather(&number, scale, &value) || value >= limit)
        return LT_PG_NUMERIC_TOO_BIG;
    *out = number.sign == NEGATIVE ? -(__int128)value : (__int128)value;
    return LT_PG_NUMERIC_OK;
}

/* The group whose unit is 10000^place; zero where none is stored. */
static int group_at(const numeric *number, int place)
{
    int i = number->weight - place;
    return i >= 0 && i < number->count ? get16(number->digits + 2 * (size_t)i) : 0;
}

bool lt_pg_numeric_text(lt_text bytes, lt_buf *out)
{
    numeric number;
    if (!parse(bytes, &number))
        return false;
    if (number.sign != 0 && number.sign != NEGATIVE) {
        lt_buf_add_str(out, number.sign == NOT_A_NUMBER ? "NaN"
                            : number.sign == INFINITE   ? "Infinity"
                                                        : "-Infinity");
        return true;
    }
    lt_buf_add_str(out, number.sign == NEGATIVE ? "-" : "");
    lt_buf_printf(out, "%d", number.weight >= 0 ? group_at(&number, number.weight) : 0);
    for (int place = number.weight - 1; place >= 0 && !out->overflow; place--)
        lt_buf_printf(out, "%04d", group_at(&number, place));
    if (number.scale == 0)
        return true;
    lt_buf_add_byte(out, '.');
    size_t start = out->len;
    for (int place = -1; - place * BASE_DIGITS - BASE_DIGITS < number.scale && !out->overflow;
         place--)
        lt_buf_printf(out, "%04d", group_at(&number, place));
    lt_buf_cut(out, start + (size_t)number.scale);
    return true;
}
