/* The JSON reader: tokens and whole values of a text in memory, checked to the letter. */
#include "fmt/json.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>

typedef unsigned char byte;

enum state {
    WANT_VALUE,  /* at the start, behind a key or behind a comma of an array */
    WANT_FIRST,  /* behind '[' or '{' */
    WANT_KEY,    /* behind a comma of an object */
    AFTER_VALUE, /* a comma, the end of the container, or the end of the text */
};

/* Where a scan stopped, and why when it failed. Messages are constant texts, so that the hot paths format nothing. */
typedef struct json_scan {
    const byte *at, *end;
    const char *why;
} json_scan;

const char *lt_json_kind_name(lt_json_kind kind)
{
    static const char *const names[] = {
        [LT_JSON_NULL] = "null",       [LT_JSON_BOOL] = "true or false",
        [LT_JSON_NUMBER] = "a number", [LT_JSON_STRING] = "a string",
        [LT_JSON_ARRAY] = "an array",  [LT_JSON_OBJECT] = "an object",
        [LT_JSON_KEY] = "a key",       [LT_JSON_CLOSE] = "an end",
        [LT_JSON_END] = "nothing",
    };
    return names[kind];
}

/* ---- errors ---- */

void lt_json_place(lt_text text, size_t offset, size_t *line, size_t *col)
{
    size_t start = 0;
    offset = LT_MIN(offset, text.len);
    *line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text.ptr[i] != '\n')
            continue;
        (*line)++;
        start = i + 1;
    }
    *col = 1;
    for (size_t i = start; i < offset; i++)
        *col += ((byte)text.ptr[i] & 0xC0) != 0x80;
}

static lt_status put_place(const lt_json_reader *reader, size_t offset, lt_err *err)
{
    size_t line, col;
    lt_json_place(reader->text, offset, &line, &col);
    if (reader->name && *reader->name)
        return lt_wrap(err, "%s:%zu:%zu", reader->name, line, col);
    return lt_wrap(err, "%zu:%zu", line, col);
}

lt_status lt_json_fail(const lt_json_reader *reader, size_t offset, lt_err *err, const char *format,
                       ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return put_place(reader, offset, err);
}

/* "expected X, got Y" at the place where the reader stands */
__attribute__((cold, noinline)) static lt_status fail_expected(const lt_json_reader *reader,
                                                               const byte *at, const char *expected,
                                                               lt_err *err)
{
    size_t offset = (size_t)(at - (const byte *)reader->text.ptr);
    lt_text rest = lt_text_sub(reader->text, offset, 4);
    if (rest.len == 0)
        return lt_json_fail(reader, offset, err, "the JSON ends here, expected %s", expected);
    size_t step = 0;
    uint32_t code_point = 0;
    (void)lt_utf8_next(rest, &step, &code_point);
    if (code_point < 0x20 || code_point == 0x7F || code_point == 0xFFFD)
        return lt_json_fail(reader, offset, err, "expected %s, got the byte 0x%02X", expected,
                            (unsigned)*at);
    return lt_json_fail(reader, offset, err, "expected %s, got '%.*s'", expected, (int)step,
                        rest.ptr);
}

__attribute__((cold, noinline)) static lt_status fail_scan(const lt_json_reader *reader,
                                                           const json_scan *scan, lt_err *err)
{
    return lt_json_fail(reader, (size_t)(scan->at - (const byte *)reader->text.ptr), err, "%s",
                        scan->why);
}

__attribute__((cold, noinline)) static lt_status fail_depth(const lt_json_reader *reader,
                                                            const byte *at, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_TOO_BIG, "nested deeper than %u levels", reader->depth_limit));
    return put_place(reader, (size_t)(at - (const byte *)reader->text.ptr), err);
}

/* ---- scalars ---- */

/* Bit 7 of the first byte (in memory order) that is a quote, a backslash, a control or not ASCII is set; bytes behind it may
 * be wrong. The usual "has zero byte" trick; borrows only run away from a true hit. */
static inline uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    return ((word - ones * 0x20) | (quote - ones) | (slash - ones) | word) & highs;
}

/* Step over plain characters of a string. */
static inline const byte *plain_end(const byte *at, const byte *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t hits = special_bytes(le64toh(word));
        if (hits)
            return at + (__builtin_ctzll(hits) >> 3);
        at += 8;
    }
    return at;
}

/* The length of the UTF-8 character at `at` (RFC 3629), or 0. */
static inline size_t utf8_len(const byte *at, const byte *end)
{
    size_t left = (size_t)(end - at);
    byte a = at[0];
    if (a < 0xC2 || left < 2 || (at[1] & 0xC0) != 0x80)
        return 0;
    if (a < 0xE0)
        return 2;
    if (left < 3 || (at[2] & 0xC0) != 0x80)
        return 0;
    if (a < 0xF0)
        return (a == 0xE0 && at[1] < 0xA0) || (a == 0xED && at[1] > 0x9F) ? 0 : 3;
    if (left < 4 || (at[3] & 0xC0) != 0x80 || a > 0xF4)
        return 0;
    return (a == 0xF0 && at[1] < 0x90) || (a == 0xF4 && at[1] > 0x8F) ? 0 : 4;
}

static int hex_digit(byte c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`, or -1. */
static int32_t hex4(const byte *at, const byte *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* `at` is behind "\u". The length of what follows, surrogate pair included, or 0. */
static size_t unicode_escape_len(const byte *at, const byte *end, const char **why)
{
    int32_t unit = hex4(at, end);
    *why = "\\u needs four hex digits";
    if (unit < 0)
        return 0;
    if (unit < 0xD800 || unit > 0xDFFF)
        return 4;
    *why = "half of a surrogate pair in a string";
    if (unit > 0xDBFF || end - at < 10 || at[4] != '\\' || at[5] != 'u')
        return 0;
    int32_t low = hex4(at + 6, end);
    return low >= 0xDC00 && low <= 0xDFFF ? 10 : 0;
}

static bool scan_escape(json_scan *scan)
{
    static const char escapes[] = "\"\\/bfnrt";
    if (scan->end - scan->at < 2) {
        scan->at = scan->end;
        scan->why = "the JSON ends inside a string";
        return false;
    }
    if (scan->at[1] == 'u') {
        size_t len = unicode_escape_len(scan->at + 2, scan->end, &scan->why);
        scan->at += len ? len + 2 : 0;
        return len != 0;
    }
    scan->why = "no such escape in a string: only \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
    if (!memchr(escapes, scan->at[1], sizeof(escapes) - 1))
        return false;
    scan->at += 2;
    return true;
}

/* Characters of several bytes come in rows. */
static inline bool scan_utf8(json_scan *scan)
{
    while (scan->at < scan->end && *scan->at >= 0x80) {
        size_t len = utf8_len(scan->at, scan->end);
        if (len == 0) {
            scan->why = "the text is not UTF-8";
            return false;
        }
        scan->at += len;
    }
    return true;
}

/* From behind the opening quote to behind the closing one. */
static inline bool scan_string(json_scan *scan)
{
    for (;;) {
        scan->at = plain_end(scan->at, scan->end);
        if (scan->at == scan->end) {
            scan->why = "the JSON ends inside a string";
            return false;
        }
        byte c = *scan->at;
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(scan))
                return false;
        } else if (c >= 0x80) {
            if (!scan_utf8(scan))
                return false;
        } else if (c < 0x20) {
            scan->why = "a control character in a string must be escaped";
            return false;
        } else {
            scan->at++; /* the last bytes of the text, one by one */
        }
    }
}

static inline bool is_digit(const byte *at, const byte *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static inline bool scan_digits(json_scan *scan)
{
    scan->why = "a digit is missing in a number";
    if (!is_digit(scan->at, scan->end))
        return false;
    while (is_digit(scan->at, scan->end))
        scan->at++;
    return true;
}

static inline bool scan_number(json_scan *scan)
{
    if (*scan->at == '-')
        scan->at++;
    if (scan->at < scan->end && *scan->at == '0') {
        scan->at++;
        scan->why = "a number must not begin with 0";
        if (is_digit(scan->at, scan->end))
            return false;
    } else if (!scan_digits(scan)) {
        return false;
    }
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (scan->at == scan->end || (*scan->at | 0x20) != 'e')
        return true;
    scan->at++;
    if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
        scan->at++;
    return scan_digits(scan);
}

static inline bool scan_word(json_scan *scan, const char *word, size_t len)
{
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static inline const byte *skip_space(const byte *at, const byte *end)
{
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* ---- structure ---- */

void lt_json_open(lt_json_reader *reader, lt_text text, const char *name)
{
    *reader = (lt_json_reader){
        .text = text, .name = name, .depth_limit = LT_JSON_DEPTH, .state = WANT_VALUE};
    if (!text.ptr)
        reader->text = T("");
    if (lt_text_starts(text, T("\xEF\xBB\xBF")))
        reader->at = 3;
}

void lt_json_open_at_key(lt_json_reader *reader, lt_text text, size_t offset, const char *name)
{
    *reader = (lt_json_reader){.text = text,
                               .name = name,
                               .at = offset,
                               .depth = 1,
                               .depth_limit = LT_JSON_DEPTH,
                               .state = WANT_KEY,
                               .is_object = {1}};
}

void lt_json_go_on_at(lt_json_reader *reader, size_t offset)
{
    reader->at = offset;
    reader->state = AFTER_VALUE;
}

static inline bool in_object(const lt_json_reader *reader)
{
    unsigned top = reader->depth - 1;
    return reader->depth && (reader->is_object[top / 64] >> (top % 64) & 1);
}

static inline lt_status push(lt_json_reader *reader, const byte *at, lt_err *err)
{
    if (reader->depth >= reader->depth_limit || reader->depth >= LT_JSON_DEPTH_MAX)
        return fail_depth(reader, at, err);
    uint64_t bit = (uint64_t)1 << (reader->depth % 64);
    uint64_t *word = &reader->is_object[reader->depth / 64];
    *word = *at == '{' ? *word | bit : *word & ~bit;
    reader->depth++;
    reader->state = WANT_FIRST;
    return LT_OK;
}

static inline lt_status give(lt_json_reader *reader, lt_json_token *token, lt_json_kind kind,
                             const byte *start, const byte *end)
{
    const byte *text = (const byte *)reader->text.ptr;
    token->kind = kind;
    token->raw.ptr = (const char *)start;
    token->raw.len = (size_t)(end - start);
    token->offset = (size_t)(start - text);
    reader->at = (size_t)(end - text);
    return LT_OK;
}

static lt_status read_word(lt_json_reader *reader, json_scan *scan, lt_json_token *token,
                           lt_err *err)
{
    const byte *start = scan->at;
    bool is_null = *start == 'n';
    bool is_true = *start == 't';
    if (!scan_word(scan, is_null ? "null" : is_true ? "true" : "false", is_null || is_true ? 4 : 5))
        return fail_expected(reader, start, "a value", err);
    reader->state = AFTER_VALUE;
    return give(reader, token, is_null ? LT_JSON_NULL : LT_JSON_BOOL, start, scan->at);
}

static inline lt_status read_value(lt_json_reader *reader, json_scan *scan, lt_json_token *token,
                                   lt_err *err)
{
    const byte *start = scan->at;
    if (start == scan->end)
        return fail_expected(reader, start, "a value", err);
    switch (*start) {
    case '"':
        scan->at++;
        if (!scan_string(scan))
            return fail_scan(reader, scan, err);
        reader->state = AFTER_VALUE;
        return give(reader, token, LT_JSON_STRING, start, scan->at);
    case '{':
    case '[':
        LT_TRY(push(reader, start, err));
        return give(reader, token, *start == '{' ? LT_JSON_OBJECT : LT_JSON_ARRAY, start,
                    start + 1);
    case 'n':
    case 't':
    case 'f':
        return read_word(reader, scan, token, err);
    default:
        if (*start != '-' && !is_digit(start, scan->end))
            return fail_expected(reader, start, "a value", err);
        if (!scan_number(scan))
            return fail_scan(reader, scan, err);
        reader->state = AFTER_VALUE;
        return give(reader, token, LT_JSON_NUMBER, start, scan->at);
    }
}

/* A key with the colon behind it. */
static inline lt_status read_key(lt_json_reader *reader, json_scan *scan, lt_json_token *token,
                                 lt_err *err)
{
    const byte *start = scan->at;
    if (start == scan->end || *start != '"')
        return fail_expected(reader, start,
                             reader->state == WANT_FIRST ? "a key in double quotes or '}'"
                                                         : "a key in double quotes",
                             err);
    scan->at++;
    if (!scan_string(scan))
        return fail_scan(reader, scan, err);
    const byte *end = scan->at;
    const byte *colon = skip_space(end, scan->end);
    if (colon == scan->end || *colon != ':')
        return fail_expected(reader, colon, "':' behind the key", err);
    reader->state = WANT_VALUE;
    lt_ignore(give(reader, token, LT_JSON_KEY, start, end));
    reader->at += (size_t)(colon + 1 - end);
    return LT_OK;
}

static inline lt_status read_end(lt_json_reader *reader, const json_scan *scan,
                                 lt_json_token *token, lt_err *err)
{
    if (scan->at != scan->end)
        return fail_expected(reader, scan->at, "nothing behind the value", err);
    return give(reader, token, LT_JSON_END, scan->at, scan->at);
}

/* Behind a value: step over a comma, or close. *done: the token is given. */
static inline lt_status read_after(lt_json_reader *reader, json_scan *scan, lt_json_token *token,
                                   bool *done, lt_err *err)
{
    bool object = in_object(reader);
    *done = true;
    if (reader->depth == 0)
        return read_end(reader, scan, token, err);
    byte c = scan->at < scan->end ? *scan->at : 0;
    if (c == (object ? '}' : ']')) {
        reader->depth--;
        reader->state = AFTER_VALUE;
        return give(reader, token, LT_JSON_CLOSE, scan->at, scan->at + 1);
    }
    if (reader->state == AFTER_VALUE) {
        if (c != ',')
            return fail_expected(reader, scan->at, object ? "',' or '}'" : "',' or ']'", err);
        scan->at = skip_space(scan->at + 1, scan->end);
        reader->state = object ? WANT_KEY : WANT_VALUE;
    }
    *done = false;
    return LT_OK;
}

static inline lt_status step(lt_json_reader *reader, lt_json_token *token, lt_err *err)
{
    const byte *text = (const byte *)reader->text.ptr;
    json_scan scan = {.end = text + reader->text.len};
    scan.at = skip_space(text + reader->at, scan.end);
    if (reader->state == WANT_VALUE)
        return read_value(reader, &scan, token, err);
    bool done = false;
    LT_TRY(read_after(reader, &scan, token, &done, err));
    if (done)
        return LT_OK;
    return in_object(reader) ? read_key(reader, &scan, token, err)
                             : read_value(reader, &scan, token, err);
}

lt_status lt_json_next(lt_json_reader *reader, lt_json_token *token, lt_err *err)
{
    lt_json_token read;
    LT_TRY(step(reader, &read, err));
    *token = read;
    return LT_OK;
}

lt_status lt_json_whole(lt_json_reader *reader, lt_json_token *token, lt_err *err)
{
    if (token->kind != LT_JSON_ARRAY && token->kind != LT_JSON_OBJECT)
        return LT_OK;
    unsigned outside = reader->depth - 1;
    lt_json_token inner;
    while (reader->depth > outside)
        LT_TRY(step(reader, &inner, err));
    token->raw.len = reader->at - token->offset;
    return LT_OK;
}

lt_status lt_json_check(lt_text text, const char *name, lt_err *err)
{
    lt_json_reader reader;
    lt_json_token token = {0};
    lt_json_open(&reader, text, name);
    while (token.kind != LT_JSON_END)
        LT_TRY(step(&reader, &token, err));
    return LT_OK;
}

/* ---- what tokens mean ---- */

/* Read one character of a raw string that was checked, at *at, into `out` (up to 4 bytes). */
static size_t decode_one(lt_text raw, size_t *at, char out[4])
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const byte *here = (const byte *)raw.ptr + *at, *end = (const byte *)raw.ptr + raw.len;
    if (*here != '\\') {
        out[0] = (char)*here;
        (*at)++;
        return 1;
    }
    if (here[1] != 'u') {
        const char *found = memchr(from, here[1], sizeof(from) - 1);
        out[0] = found ? to[found - from] : (char)here[1];
        *at += 2;
        return 1;
    }
    uint32_t unit = (uint32_t)hex4(here + 2, end);
    *at += 6;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + ((uint32_t)hex4(here + 8, end) - 0xDC00);
        *at += 6;
    }
    return lt_utf8_put(unit, out);
}

static lt_text without_quotes(lt_text raw)
{
    return lt_text_sub(raw, 1, raw.len - 2);
}

void lt_json_unescape(lt_text raw, lt_buf *out)
{
    lt_text inner = without_quotes(raw);
    size_t at = 0;
    while (at < inner.len) {
        size_t slash = LT_MIN(lt_text_find_byte(inner, '\\', at), inner.len);
        lt_buf_add(out, lt_text_sub(inner, at, slash - at));
        at = slash;
        char character[4];
        if (at < inner.len) {
            size_t len = decode_one(inner, &at, character);
            lt_buf_add(out, lt_text_at(character, len));
        }
    }
}

lt_text lt_json_string_in(lt_arena *arena, lt_text raw)
{
    lt_text inner = without_quotes(raw);
    if (lt_text_find_byte(inner, '\\', 0) == SIZE_MAX)
        return lt_arena_text(arena, inner);
    char *copy =
        lt_alloc(arena, inner.len + 1); /* an escape is never shorter than what it stands for */
    size_t at = 0, len = 0;
    while (at < inner.len) {
        char character[4];
        size_t count = decode_one(inner, &at, character);
        memcpy(copy + len, character, count);
        len += count;
    }
    return lt_text_at(copy, len);
}

bool lt_json_string_eq(lt_text raw, lt_text value)
{
    lt_text inner = without_quotes(raw);
    if (inner.len < value.len)
        return false;
    if (inner.len == value.len && lt_text_eq(inner, value))
        return lt_text_find_byte(inner, '\\', 0) == SIZE_MAX;
    size_t at = 0, len = 0;
    while (at < inner.len) {
        char character[4];
        size_t count = decode_one(inner, &at, character);
        if (count > value.len - len || memcmp(value.ptr + len, character, count) != 0)
            return false;
        len += count;
    }
    return len == value.len;
}

bool lt_json_to_i64(lt_text raw, int64_t *n)
{
    return lt_text_to_i64(raw, n);
}

bool lt_json_to_double(lt_text raw, double *n)
{
    return raw.len && (raw.ptr[0] == '-' || lt_is_digit(raw.ptr[0])) && lt_text_to_double(raw, n);
}

void lt_json_add_line(lt_text raw, lt_buf *out)
{
    size_t start = out->len;
    lt_buf_add(out, raw);
    lt_buf_add_byte(out, '\n');
    if (out->overflow || !raw.len)
        return;
    if (!memchr(raw.ptr, '\n', raw.len) && !memchr(raw.ptr, '\r', raw.len))
        return;
    for (size_t i = start; i < out->len - 1; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}
