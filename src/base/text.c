/* Texts: compare, search, cut, read numbers, walk UTF-8. */
#include "base/text.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>

bool lt_text_eq_nocase(lt_text a, lt_text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lt_lower(a.ptr[i]) != lt_lower(b.ptr[i]))
            return false;
    return true;
}

int lt_text_cmp(lt_text a, lt_text b)
{
    size_t shared = LT_MIN(a.len, b.len);
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool lt_text_starts(lt_text text, lt_text prefix)
{
    return text.len >= prefix.len && lt_text_eq(lt_text_sub(text, 0, prefix.len), prefix);
}

bool lt_text_ends(lt_text text, lt_text suffix)
{
    return text.len >= suffix.len &&
           lt_text_eq(lt_text_sub(text, text.len - suffix.len, suffix.len), suffix);
}

bool lt_text_ends_nocase(lt_text text, lt_text suffix)
{
    return text.len >= suffix.len &&
           lt_text_eq_nocase(lt_text_sub(text, text.len - suffix.len, SIZE_MAX), suffix);
}

bool lt_text_has(lt_text text, lt_text part)
{
    return lt_text_find(text, part, 0) != SIZE_MAX;
}

bool lt_text_has_any(lt_text text, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_has(text, lt_text_of(parts[i])))
            return true;
    return false;
}

bool lt_has(const char *string, const char *part)
{
    return strstr(string, part) != NULL;
}

size_t lt_text_find(lt_text text, lt_text part, size_t from)
{
    if (from > text.len || part.len > text.len - from)
        return SIZE_MAX;
    if (part.len == 0)
        return from;
    const char *found = memmem(text.ptr + from, text.len - from, part.ptr, part.len);
    return found ? (size_t)(found - text.ptr) : SIZE_MAX;
}

size_t lt_text_find_byte(lt_text text, char byte, size_t from)
{
    if (from >= text.len)
        return SIZE_MAX;
    const char *found = memchr(text.ptr + from, byte, text.len - from);
    return found ? (size_t)(found - text.ptr) : SIZE_MAX;
}

lt_text lt_text_sub(lt_text text, size_t from, size_t len)
{
    if (from >= text.len)
        return (lt_text){.ptr = text.ptr ? text.ptr + text.len : NULL, .len = 0};
    return lt_text_at(text.ptr + from, LT_MIN(len, text.len - from));
}

lt_text lt_text_trim(lt_text text)
{
    while (text.len && lt_is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len && lt_is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool lt_text_cut(lt_text *rest, char sep, lt_text *part)
{
    if (!rest->ptr)
        return false;
    size_t at = lt_text_find_byte(*rest, sep, 0);
    if (at == SIZE_MAX) {
        *part = *rest;
        *rest = (lt_text){0};
        return true;
    }
    *part = lt_text_at(rest->ptr, at);
    *rest = lt_text_at(rest->ptr + at + 1, rest->len - at - 1);
    return true;
}

bool lt_text_to_u64(lt_text text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!lt_is_digit(text.ptr[i]) || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool lt_text_to_i64(lt_text text, int64_t *out)
{
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t size = 0;
    if (!lt_text_to_u64(lt_text_sub(text, negative, SIZE_MAX), &size))
        return false;
    if (size > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

bool lt_text_to_double(lt_text text, double *out)
{
    char digits[513];
    if (text.len == 0 || text.len >= sizeof(digits))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_digit(text.ptr[i]) && !memchr("+-.eE", text.ptr[i], 5))
            return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end = NULL;
    double value = strtod(digits, &end);
    if (end != digits + text.len || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool lt_text_fits(lt_text text, lt_text pattern)
{
    LT_AUTO(lt_chars) name = lt_text_dup(text);
    LT_AUTO(lt_chars) form = lt_text_dup(pattern);
    return fnmatch(form, name, lt_text_has(pattern, T("**")) ? 0 : FNM_PATHNAME) == 0;
}

char *lt_text_dup(lt_text text)
{
    return lt_xstrndup(text.ptr, text.len);
}

uint64_t lt_text_hash(lt_text text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
    return hash;
}

enum { NEAR_LIMIT = 64 };

size_t lt_text_distance(lt_text a, lt_text b, size_t limit)
{
    size_t rows[3][NEAR_LIMIT + 1];
    if (a.len > NEAR_LIMIT || b.len > NEAR_LIMIT)
        return limit + 1;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t swap_cost = above[j - 1] + (lt_lower(a.ptr[i - 1]) != lt_lower(b.ptr[j - 1]));
            now[j] = LT_MIN(LT_MIN(above[j], now[j - 1]) + 1, swap_cost);
            if (i > 1 && j > 1 && lt_lower(a.ptr[i - 1]) == lt_lower(b.ptr[j - 2]) &&
                lt_lower(a.ptr[i - 2]) == lt_lower(b.ptr[j - 1]))
                now[j] = LT_MIN(now[j], before[j - 2] + 1);
        }
    }
    return LT_MIN(rows[a.len % 3][b.len], limit + 1);
}

static size_t common_head(lt_text a, lt_text b)
{
    size_t len = 0;
    while (len < a.len && len < b.len && lt_lower(a.ptr[len]) == lt_lower(b.ptr[len]))
        len++;
    return len;
}

/* "on_fail" is "on_failure", when no other name begins so. */
static bool only_longer(lt_text text, size_t count, lt_name_at *name_at, const void *context,
                        lt_text *nearest)
{
    enum { SHORTEST = 4 };
    size_t found = 0;
    lt_text longer = {0};
    for (size_t i = 0; i < count && text.len >= SHORTEST; i++) {
        lt_text name = name_at(context, i);
        if (common_head(text, name) < text.len)
            continue;
        found++;
        longer = name;
    }
    if (found == 1)
        *nearest = longer;
    return found == 1;
}

bool lt_text_nearest(lt_text text, size_t count, lt_name_at *name_at, const void *context,
                     lt_text *nearest)
{
    size_t limit = text.len <= 3 ? 1 : text.len <= 8 ? 2 : 3;
    size_t best = limit + 1, best_head = 0;
    for (size_t i = 0; i < count; i++) {
        lt_text name = name_at(context, i);
        size_t distance = lt_text_distance(text, name, limit);
        bool shares = distance < LT_MAX(text.len, name.len); /* "a" is no slip for "b" */
        size_t head = common_head(text, name); /* "retrys" is rather "retries" than "returns" */
        if (name.len && shares && (distance < best || (distance == best && head > best_head))) {
            best = distance;
            best_head = head;
            *nearest = name;
        }
    }
    return best <= limit || only_longer(text, count, name_at, context, nearest);
}

/* The number of bytes that a lead byte announces, or 0 for a byte that cannot lead. */
static size_t utf8_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* The code point at `at`, or UINT32_MAX if the bytes there are not UTF-8; *len says how many were read. */
static uint32_t utf8_decode(lt_text text, size_t at, size_t *len)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text.ptr + at;
    size_t need = utf8_length(bytes[0]);
    *len = 1;
    if (need == 0 || need > text.len - at)
        return UINT32_MAX;
    uint32_t point = need == 1 ? bytes[0] : bytes[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return UINT32_MAX;
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    if (point < smallest[need] || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff)
        return UINT32_MAX;
    *len = need;
    return point;
}

size_t lt_utf8_valid_len(lt_text text)
{
    size_t at = 0, len;
    uint64_t eight;
    while (at < text.len) {
        if ((unsigned char)text.ptr[at] < 0x80) { /* ASCII goes fast */
            for (at++; text.len - at >= sizeof(eight); at += sizeof(eight)) {
                memcpy(&eight, text.ptr + at, sizeof(eight));
                if (eight & 0x8080808080808080u)
                    break;
            }
            continue;
        }
        if (utf8_decode(text, at, &len) == UINT32_MAX)
            return at;
        at += len;
    }
    return at;
}

bool lt_utf8_next(lt_text text, size_t *at, uint32_t *code_point)
{
    if (*at >= text.len)
        return false;
    size_t len;
    uint32_t point = utf8_decode(text, *at, &len);
    *code_point = point == UINT32_MAX ? 0xfffd : point;
    *at += len;
    return true;
}

size_t lt_utf8_put(uint32_t code_point, char out[4])
{
    if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        return 0;
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code_point >>= 6)
        out[i] = (char)(0x80 | (code_point & 0x3f));
    out[0] = (char)((0xf00u >> len & 0xf0u) | code_point);
    return len;
}
