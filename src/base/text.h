/* text.h - a piece of somebody's bytes: pointer and length, not owned, not NUL-terminated.
 *
 * A text may hold any bytes; functions that need ASCII say so. {NULL, 0} is the empty text. */
#pragma once
#include "base/base.h"

#include <string.h>

typedef struct lt_text {
    const char *ptr; /* borrowed */
    size_t len;
} lt_text;

/* A text from a string literal. */
#define T(literal) ((lt_text){.ptr = "" literal, .len = sizeof(literal) - 1})
/* For printf: `printf("%.*s", LT_ARG(text))`. Cut to INT_MAX bytes. */
#define LT_ARG(text)                                                                               \
    ((text).len > INT32_MAX ? INT32_MAX : (int)(text).len), ((text).ptr ? (text).ptr : "")

static inline lt_text lt_text_of(const char *string) /* NULL gives the empty text */
{
    return (lt_text){.ptr = string, .len = string ? strlen(string) : 0};
}

static inline lt_text lt_text_at(const char *start, size_t len)
{
    return (lt_text){.ptr = start, .len = len};
}

static inline bool lt_text_eq(lt_text a, lt_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool lt_text_eq_nocase(lt_text a, lt_text b); /* ASCII */
int lt_text_cmp(lt_text a,
                lt_text b); /* by bytes: < 0, 0, > 0; usable with qsort by a thin wrapper */
bool lt_text_starts(lt_text text, lt_text prefix);
bool lt_text_ends(lt_text text, lt_text suffix);
bool lt_text_ends_nocase(lt_text text, lt_text suffix); /* ASCII */
bool lt_text_has(lt_text text, lt_text part);
bool lt_text_has_any(lt_text text, const char *const *parts, size_t count);
bool lt_has(const char *string, const char *part); /* for tests and messages */

/* The offset of the first `part` (or `byte`) at or after `from`, or SIZE_MAX. */
size_t lt_text_find(lt_text text, lt_text part, size_t from);
size_t lt_text_find_byte(lt_text text, char byte, size_t from);

/* From `from`, `len` bytes; both are cut to what is there. */
lt_text lt_text_sub(lt_text text, size_t from, size_t len);
/* Without ASCII white space at both ends. */
lt_text lt_text_trim(lt_text text);

/* Take the part before the first `sep` out of `*rest`, and step over the separator. False when nothing is left.
 * "a,,b" gives "a", "", "b"; "a," gives "a", "". Start with *rest = text and call until false. */
bool lt_text_cut(lt_text *rest, char sep, lt_text *part);

/* Whole-text numbers: false when anything but one decimal number in range is there. No white space, no '+'. */
LT_MUST_CHECK bool lt_text_to_i64(lt_text text, int64_t *out);
LT_MUST_CHECK bool lt_text_to_u64(lt_text text, uint64_t *out);
/* As strtod() in the C locale, finite only. At most 512 bytes. */
LT_MUST_CHECK bool lt_text_to_double(lt_text text, double *out);

/* Does the whole text have this form? As in fnmatch(3): `*` and `?` stop at '/', but not in a pattern that has `**`. */
bool lt_text_fits(lt_text text, lt_text pattern);

char *lt_text_dup(
    lt_text
        text); /* a heap string; the caller frees it. Bytes after a NUL are there but unseen by C. */

/* A 64-bit hash (FNV-1a), stable across runs and machines. Not for hostile keys where collisions matter. */
uint64_t lt_text_hash(lt_text text);

/* The one of `count` names that is nearest to `text` by edit distance, if near enough to be a slip; else the only one that begins with it. ASCII case does
 * not count. `name_at(context, i)` gives the i-th; empty names are passed over. For "did you mean ...?". */
typedef lt_text lt_name_at(const void *context, size_t i);
bool lt_text_nearest(lt_text text, size_t count, lt_name_at *name_at, const void *context,
                     lt_text *nearest);
/* The distance itself (Levenshtein with transpositions), at most `limit` + 1. Texts over 64 bytes count as far. */
size_t lt_text_distance(lt_text a, lt_text b, size_t limit);

/* The length of the valid UTF-8 prefix: text.len when all of it is valid (RFC 3629: no surrogates, no overlongs). */
size_t lt_utf8_valid_len(lt_text text);
/* Write one code point; gives the number of bytes (1 to 4), or 0 if it is not a scalar value. */
size_t lt_utf8_put(uint32_t code_point, char out[4]);
/* Read the code point at `*at` and step over it; a wrong byte reads as U+FFFD. False at the end. */
bool lt_utf8_next(lt_text text, size_t *at, uint32_t *code_point);

/* ASCII only, whatever the locale says. */
static inline bool lt_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline bool lt_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool lt_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline char lt_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}
static inline char lt_upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}
/* 0 to 15; -1 when it is no hexadecimal digit. */
static inline int lt_hex_value(char c)
{
    if (lt_is_digit(c))
        return c - '0';
    c = lt_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
