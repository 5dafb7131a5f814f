/* Sizes in bytes as text. */
#include "base/size.h"

#include <stdio.h>

typedef struct size_unit {
    lt_text name;
    int64_t bytes;
} size_unit;

static const size_unit units[] = {
    {T(""), 1},
    {T("b"), 1},
    {T("kb"), 1000},
    {T("mb"), 1000000},
    {T("gb"), 1000000000},
    {T("tb"), 1000000000000},
    {T("kib"), (int64_t)1 << 10},
    {T("mib"), (int64_t)1 << 20},
    {T("gib"), (int64_t)1 << 30},
    {T("tib"), (int64_t)1 << 40},
    {T("k"), (int64_t)1 << 10},
    {T("m"), (int64_t)1 << 20},
    {T("g"), (int64_t)1 << 30},
    {T("t"), (int64_t)1 << 40},
};

static bool unit_bytes(lt_text name, int64_t *bytes)
{
    for (size_t i = 0; i < LT_COUNT(units); i++) {
        if (!lt_text_eq_nocase(units[i].name, name))
            continue;
        *bytes = units[i].bytes;
        return true;
    }
    return false;
}

bool lt_size_read(lt_text text, int64_t *bytes)
{
    int64_t whole, unit, product;
    double number;
    size_t digits = 0;
    while (digits < text.len && (lt_is_digit(text.ptr[digits]) || text.ptr[digits] == '.'))
        digits++;
    lt_text number_text = lt_text_sub(text, 0, digits);
    if (!unit_bytes(lt_text_trim(lt_text_sub(text, digits, SIZE_MAX)), &unit))
        return false;
    if (lt_text_to_i64(number_text, &whole)) {
        if (__builtin_mul_overflow(whole, unit, &product))
            return false;
        *bytes = product;
        return true;
    }
    if (!lt_text_to_double(number_text, &number) || number * (double)unit >= (double)INT64_MAX)
        return false;
    *bytes = (int64_t)(number * (double)unit);
    return true;
}

const char *lt_size_write(int64_t bytes, char out[LT_SIZE_CHARS])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double left = (double)bytes;
    size_t unit = 0;
    while (left >= 999.5 && unit + 1 < LT_COUNT(names)) {
        left /= 1024;
        unit++;
    }
    bool with_tenth = unit && left < 9.95;
    (void)snprintf(out, LT_SIZE_CHARS, "%.*f %s", with_tenth, left, names[unit]);
    return out;
}
