/* Unicode text as Python sees it: code points, case, white space, numbers in texts. */
#include "jinja/inner.h"

#include <errno.h>
#include <stdlib.h>

bool lt_jinja_is_ascii(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

size_t lt_jinja_chars(lt_text text)
{
    if (lt_jinja_is_ascii(text))
        return text.len;
    size_t count = 0;
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(text, &at, &c);)
        count++;
    return count;
}

size_t lt_jinja_offset(lt_text text, size_t chars)
{
    size_t at = 0;
    uint32_t c;
    while (chars && at < text.len) {
        if ((unsigned char)text.ptr[at] < 0x80)
            at++;
        else
            (void)lt_utf8_next(text, &at, &c);
        chars--;
    }
    return at;
}

/* ---- case: ranges of simple mappings. Pairs: even is upper, odd is lower (or the other way round). */

typedef struct case_range {
    uint32_t first, last;
    int32_t to_upper; /* what to add to a lower letter; 0: upper and lower alternate */
} case_range;

static const case_range lowers[] = {
    {'a', 'z', -32},     {0xe0, 0xf6, -32},   {0xf8, 0xfe, -32},   {0xff, 0xff, 121},
    {0x3b1, 0x3c1, -32}, {0x3c3, 0x3cb, -32}, {0x3ac, 0x3ac, -38}, {0x3ad, 0x3af, -37},
    {0x3cc, 0x3cc, -64}, {0x3cd, 0x3ce, -63}, {0x430, 0x44f, -32}, {0x450, 0x45f, -80},
};

static const case_range alternating[] = {
    {0x100, 0x12f, 0}, {0x132, 0x137, 0}, {0x14a, 0x177, 0},   {0x460, 0x481, 0},
    {0x48a, 0x4bf, 0}, {0x4d0, 0x52f, 0}, {0x1e00, 0x1e95, 0}, {0x1ea0, 0x1eff, 0},
};
static const case_range alternating_odd[] = {
    {0x139, 0x148, 0}, {0x179, 0x17e, 0}, {0x4c1, 0x4ce, 0}};

static bool in_ranges(const case_range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

uint32_t lt_jinja_upper(uint32_t c)
{
    for (size_t i = 0; i < LT_COUNT(lowers); i++)
        if (c >= lowers[i].first && c <= lowers[i].last)
            return (uint32_t)((int32_t)c + lowers[i].to_upper);
    if (c == 0x3c2) /* final sigma */
        return 0x3a3;
    if (in_ranges(alternating, LT_COUNT(alternating), c))
        return c & ~1U;
    if (in_ranges(alternating_odd, LT_COUNT(alternating_odd), c))
        return c - !(c & 1U);
    return c;
}

uint32_t lt_jinja_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    for (size_t i = 1; i < LT_COUNT(lowers); i++) {
        uint32_t lower = (uint32_t)((int32_t)c - lowers[i].to_upper);
        if (lower >= lowers[i].first && lower <= lowers[i].last)
            return lower;
    }
    if (in_ranges(alternating, LT_COUNT(alternating), c))
        return c | 1U;
    if (in_ranges(alternating_odd, LT_COUNT(alternating_odd), c))
        return c + (c & 1U);
    return c;
}

bool lt_jinja_is_letter(uint32_t c)
{
    if (c < 0x80)
        return lt_is_alpha((char)c);
    if (c < 0xc0)
        return c == 0xaa || c == 0xb5 || c == 0xba;
    if (c == 0xd7 || c == 0xf7)
        return false;
    return c < 0x2000 || (c >= 0x2c00 && c < 0x2e00) || (c >= 0x3041 && c < 0xd7a4) ||
           (c >= 0xf900 && c < 0xfe00) || (c >= 0x10000 && c < 0x1f000) ||
           (c >= 0x20000 && c < 0x32000);
}

bool lt_jinja_is_white(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static void put(uint32_t c, lt_buf *out)
{
    char bytes[4];
    lt_buf_add(out, lt_text_at(bytes, lt_utf8_put(c, bytes)));
}

static void put_upper(uint32_t c, lt_buf *out)
{
    if (c == 0xdf) /* sharp s */
        lt_buf_add_str(out, "SS");
    else
        put(lt_jinja_upper(c), out);
}

void lt_jinja_recase(lt_text text, ustr_case how, lt_buf *out)
{
    bool inside = false; /* behind a cased letter */
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(text, &at, &c);) {
        bool up = how == CASE_UPPER || (how == CASE_SWAP && lt_jinja_lower(c) == c) ||
                  (how == CASE_TITLE && !inside) || (how == CASE_CAPITAL && !inside);
        if (how == CASE_FOLD && c == 0xdf)
            lt_buf_add_str(out, "ss");
        else if (up && how != CASE_UPPER && how != CASE_SWAP && c == 0xdf)
            lt_buf_add_str(out, "Ss");
        else if (up)
            put_upper(c, out);
        else
            put(lt_jinja_lower(c), out);
        inside = how == CASE_CAPITAL || lt_jinja_is_cased(c) || c == 0xdf;
    }
}

/* ---- stripping */

static bool strips(lt_text chars, uint32_t c)
{
    if (!chars.len)
        return lt_jinja_is_white(c);
    uint32_t one;
    for (size_t at = 0; lt_utf8_next(chars, &at, &one);)
        if (one == c)
            return true;
    return false;
}

/* The start of the last character of a text that is not empty. */
static size_t last_char(lt_text text)
{
    size_t at = text.len - 1;
    while (at && text.len - at < 4 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at--;
    return at;
}

lt_text lt_jinja_strip(lt_text text, lt_text chars, bool left, bool right)
{
    uint32_t c;
    while (left && text.len) {
        size_t at = 0;
        (void)lt_utf8_next(text, &at, &c);
        if (!strips(chars, c))
            break;
        text = lt_text_sub(text, at, SIZE_MAX);
    }
    while (right && text.len) {
        size_t at = last_char(text), after = at;
        (void)lt_utf8_next(text, &after, &c);
        if (!strips(chars, c))
            break;
        text.len = at;
    }
    return text;
}

/* ---- numbers */

static int digit_value(char c)
{
    if (lt_is_digit(c))
        return c - '0';
    c = lt_lower(c);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* The base that a prefix such as 0x names; `*text` moves behind it. Base 0 takes any, a fixed one only its own. */
static int read_prefix(lt_text *text, int base)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    if (text->len > 2 && text->ptr[0] == '0')
        for (size_t i = 0; i < LT_COUNT(prefixes); i++)
            if (lt_lower(text->ptr[1]) == prefixes[i].letter &&
                (base == 0 || base == prefixes[i].base)) {
                *text = lt_text_sub(*text, 2, SIZE_MAX);
                if (text->len > 1 && text->ptr[0] == '_')
                    *text = lt_text_sub(*text, 1, SIZE_MAX);
                return prefixes[i].base;
            }
    return base ? base : 10;
}

bool lt_jinja_read_int(lt_arena *arena, lt_text text, int base, lt_jinja_value *out)
{
    text = lt_jinja_strip(text, (lt_text){0}, true, true);
    bool negative = text.len && text.ptr[0] == '-';
    if (negative || (text.len && text.ptr[0] == '+'))
        text = lt_text_sub(text, 1, SIZE_MAX);
    base = read_prefix(&text, base);
    int64_t value = 0;
    bool digit_before = false, over = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_' && digit_before) {
            digit_before = false;
            continue;
        }
        int digit = digit_value(text.ptr[i]);
        if (digit >= base)
            return false;
        over = over || __builtin_mul_overflow(value, (int64_t)base, &value) ||
               __builtin_sub_overflow(value, (int64_t)digit, &value);
        digit_before = true;
    }
    if (!digit_before)
        return false;
    if (over || (!negative && value == INT64_MIN))
        return lt_jinja_big_read(arena, text, base, negative, out);
    *out = lt_jinja_int(negative ? value : -value);
    return true;
}

bool lt_jinja_read_float(lt_text text, double *out)
{
    text = lt_jinja_strip(text, (lt_text){0}, true, true);
    char plain[512];
    size_t len = 0;
    if (text.len == 0 || text.len >= sizeof(plain))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '_' && i && lt_is_digit(text.ptr[i - 1]) && i + 1 < text.len &&
            lt_is_digit(text.ptr[i + 1]))
            continue;
        if (c == 'x' || c == 'X' || c == '(' ||
            c == '\0') /* strtod reads hexadecimal and nan(...) */
            return false;
        plain[len++] = c;
    }
    plain[len] = '\0';
    char *end;
    *out = strtod(plain, &end);
    return end == plain + len && end != plain;
}
