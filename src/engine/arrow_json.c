/* Arrow cells as JSON text. */
#include "engine/arrow_node.h"

#include "base/time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void add_string(lt_text text, lt_buf *out)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    size_t start = 0;
    lt_buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        lt_buf_add(out, lt_text_at(text.ptr + start, i - start));
        start = i + 1;
        const char *known = c ? strchr(from, (char)c) : NULL;
        if (known)
            lt_buf_add(out, lt_text_at((const char[]){'\\', to[known - from]}, 2));
        else
            lt_buf_printf(out, "\\u%04x", c);
    }
    lt_buf_add(out, lt_text_sub(text, start, SIZE_MAX));
    lt_buf_add_byte(out, '"');
}

/* The shortest digits that read back as the same number. */
static void add_float(double value, bool is_single, lt_buf *out)
{
    char digits[40];
    if (!isfinite(value)) {
        lt_buf_add_str(out, isnan(value) ? "\"NaN\""
                            : value > 0  ? "\"Infinity\""
                                         : "\"-Infinity\"");
        return;
    }
    for (int precision = is_single ? 6 : 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
        double back = strtod(digits, NULL);
        if (is_single ? (float)back == (float)value : back == value)
            break;
    }
    lt_buf_add_str(out, digits);
}

void lt_arrow_decimal_text(__int128 whole, int scale, lt_buf *out)
{
    char digits[64];
    size_t at = sizeof(digits);
    unsigned __int128 left = whole < 0 ? -(unsigned __int128)whole : (unsigned __int128)whole;
    int written = 0;
    while (left || written <= scale) {
        if (written == scale && scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
        written++;
    }
    if (whole < 0)
        digits[--at] = '-';
    lt_buf_add(out, lt_text_at(digits + at, sizeof(digits) - at));
}

static void add_unsigned_huge(unsigned __int128 value, lt_buf *out)
{
    char digits[40];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + (int)(value % 10));
    while (value /= 10);
    lt_buf_add(out, lt_text_at(digits + at, sizeof(digits) - at));
}

static void add_date(int64_t days, lt_buf *out)
{
    lt_date date = lt_date_from_days(days);
    if (date.year > 0)
        lt_buf_printf(out, "%04lld-%02u-%02u", (long long)date.year, date.month, date.day);
    else
        lt_buf_printf(out, "%04lld-%02u-%02u (BC)", (long long)(1 - date.year), date.month,
                      date.day);
}

/* A time of day in nanoseconds, with as many digits of the second as it needs: none, 6 or 9. */
static void add_clock(int64_t ns, lt_buf *out)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
    lt_buf_printf(out, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
                  (long long)(seconds / 60 % 60), (long long)(seconds % 60));
    if (rest % 1000)
        lt_buf_printf(out, ".%09lld", (long long)rest);
    else if (rest)
        lt_buf_printf(out, ".%06lld", (long long)(rest / 1000));
}

static void add_timestamp(const lt_arrow_node *node, int64_t value, lt_buf *out)
{
    enum { DAY_S = 86400 };
    if (value == INT64_MAX || value == -INT64_MAX) {
        lt_buf_add_str(out, value > 0 ? "\"infinity\"" : "\"-infinity\"");
        return;
    }
    int64_t day = node->unit * DAY_S;
    int64_t days = value / day - (value % day < 0);
    lt_buf_add_byte(out, '"');
    add_date(days, out);
    lt_buf_add_byte(out, ' ');
    add_clock((int64_t)((__int128)value - (__int128)days * day) * (1000000000 / node->unit), out);
    lt_buf_add_str(out, node->zoned ? "+00\"" : "\"");
}

static void add_day(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    enum { DAY_MS = 86400000 };
    const void *data = node->array->buffers[1];
    int64_t value = node->width == 4 ? ((const int32_t *)data)[at] : ((const int64_t *)data)[at];
    if (node->width == 4 && (value == INT32_MAX || value == -INT32_MAX)) {
        lt_buf_add_str(out, value > 0 ? "\"infinity\"" : "\"-infinity\"");
        return;
    }
    lt_buf_add_byte(out, '"');
    add_date(node->width == 4 ? value : value / DAY_MS - (value % DAY_MS < 0), out);
    lt_buf_add_byte(out, '"');
}

static void add_time(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    const void *data = node->array->buffers[1];
    int64_t value = node->width == 4 ? ((const int32_t *)data)[at] : ((const int64_t *)data)[at];
    lt_buf_add_byte(out, '"');
    add_clock(value * (1000000000 / node->unit), out);
    lt_buf_add_byte(out, '"');
}

/* DuckDB packs a time with zone as microseconds << 24 | (57599 - offset in seconds). */
static void add_timetz(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    enum { LARGEST_OFFSET = 57599 };
    uint64_t bits = ((const uint64_t *)node->array->buffers[1])[at];
    int offset = LARGEST_OFFSET - (int)(bits & 0xffffff);
    lt_buf_add_byte(out, '"');
    add_clock((int64_t)(bits >> 24) * 1000, out);
    lt_buf_printf(out, "%c%02d", offset < 0 ? '-' : '+', abs(offset) / 3600);
    if (abs(offset) % 3600)
        lt_buf_printf(out, ":%02d", abs(offset) / 60 % 60);
    if (abs(offset) % 60)
        lt_buf_printf(out, ":%02d", abs(offset) % 60);
    lt_buf_add_byte(out, '"');
}

/* As PostgreSQL and DuckDB both read it: "1 mons 2 days 03:04:05.6". */
static void add_interval(int64_t months, int64_t days, int64_t ns, lt_buf *out)
{
    lt_buf_printf(out, "\"%lld mons %lld days %s", (long long)months, (long long)days,
                  ns < 0 ? "-" : "");
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    lt_buf_printf(out, "%02llu:%02llu:%02llu.%09llu\"", (unsigned long long)(size / 3600000000000),
                  (unsigned long long)(size / 60000000000 % 60),
                  (unsigned long long)(size / 1000000000 % 60),
                  (unsigned long long)(size % 1000000000));
}

static void add_month_day_nano(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    struct {
        int32_t months, days;
        int64_t ns;
    } value;
    memcpy(&value, (const char *)node->array->buffers[1] + at * 16, sizeof(value));
    add_interval(value.months, value.days, value.ns, out);
}

static void add_uuid(const uint8_t *bytes, lt_buf *out)
{
    lt_buf_add_byte(out, '"');
    for (int i = 0; i < 16; i++)
        lt_buf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    lt_buf_add_byte(out, '"');
}

static void add_bytes(lt_text bytes, lt_buf *out)
{
    static const char hex[] = "0123456789abcdef";
    lt_buf_add_str(out, "\"\\\\x");
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        lt_buf_add(out, lt_text_at((const char[]){hex[byte >> 4], hex[byte & 15]}, 2));
    }
    lt_buf_add_byte(out, '"');
}

static void add_list(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    int64_t from, count;
    lt_arrow_list_at(node, at, &from, &count);
    lt_buf_add_byte(out, '[');
    for (int64_t i = 0; i < count && !out->overflow; i++) {
        lt_buf_add_str(out, i ? "," : "");
        lt_arrow_json(&node->children[0], from + i, out);
    }
    lt_buf_add_byte(out, ']');
}

static void add_struct(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    bool named = node->child_count && node->children[0].name[0];
    lt_buf_add_byte(out, named ? '{' : '[');
    for (size_t i = 0; i < node->child_count; i++) {
        const lt_arrow_node *child = &node->children[i];
        lt_buf_add_str(out, i ? "," : "");
        if (named) {
            add_string(lt_text_of(child->name), out);
            lt_buf_add_byte(out, ':');
        }
        lt_arrow_json(child, at + child->array->offset, out);
    }
    lt_buf_add_byte(out, named ? '}' : ']');
}

/* A key of an object is a string, whatever the type of the map's key. */
static void add_key(const lt_arrow_node *key, int64_t at, lt_buf *out)
{
    LT_AUTO(lt_buf) text = {0};
    lt_arrow_json(key, at, &text);
    if (text.len && text.data[0] == '"')
        lt_buf_add(out, lt_buf_text(&text));
    else
        add_string(lt_buf_text(&text), out);
}

static void add_map(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    int64_t from, count;
    const lt_arrow_node *pair = &node->children[0];
    lt_arrow_list_at(node, at, &from, &count);
    lt_buf_add_byte(out, '{');
    for (int64_t i = 0; i < count && !out->overflow; i++) {
        lt_buf_add_str(out, i ? "," : "");
        add_key(&pair->children[0], from + i + pair->children[0].array->offset, out);
        lt_buf_add_byte(out, ':');
        lt_arrow_json(&pair->children[1], from + i + pair->children[1].array->offset, out);
    }
    lt_buf_add_byte(out, '}');
}

/* {"member": value}, as DuckDB's to_json() writes a union. */
static void add_union(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    const lt_arrow_node *member = lt_arrow_member_at(node, at);
    lt_buf_add_byte(out, '{');
    add_string(lt_text_of(member->name), out);
    lt_buf_add_byte(out, ':');
    lt_arrow_json(member, at + member->array->offset, out);
    lt_buf_add_byte(out, '}');
}

static void add_bit(lt_text bits, lt_buf *out)
{
    size_t padding = bits.len ? (unsigned char)bits.ptr[0] : 0;
    lt_buf_add_byte(out, '"');
    for (size_t i = 8 + padding; i < bits.len * 8; i++)
        lt_buf_add_byte(out, (unsigned char)bits.ptr[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
    lt_buf_add_byte(out, '"');
}

static void add_scalar(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    const void *data = node->array->buffers[1];
    unsigned __int128 huge;
    switch (node->kind) {
    case LT_ARROW_BOOL:
        lt_buf_add_str(out, ((const uint8_t *)data)[at / 8] >> at % 8 & 1 ? "true" : "false");
        return;
    case LT_ARROW_BOOL8:
        lt_buf_add_str(out, ((const uint8_t *)data)[at] ? "true" : "false");
        return;
    case LT_ARROW_FLOAT:
        add_float(node->width == 4 ? (double)((const float *)data)[at] : ((const double *)data)[at],
                  node->width == 4, out);
        return;
    case LT_ARROW_UHUGEINT:
        memcpy(&huge, (const char *)data + at * 16, sizeof(huge));
        add_unsigned_huge(huge, out);
        return;
    case LT_ARROW_INT:
    case LT_ARROW_HUGEINT:
    case LT_ARROW_DECIMAL:
        lt_arrow_decimal_text(lt_arrow_whole_at(node, at), node->scale, out);
        return;
    case LT_ARROW_UUID:
        add_uuid((const uint8_t *)data + at * 16, out);
        return;
    case LT_ARROW_DATE:
        add_day(node, at, out);
        return;
    case LT_ARROW_TIME:
        add_time(node, at, out);
        return;
    case LT_ARROW_TIMETZ:
        add_timetz(node, at, out);
        return;
    case LT_ARROW_TIMESTAMP:
        add_timestamp(node, ((const int64_t *)data)[at], out);
        return;
    case LT_ARROW_MONTHS:
        add_interval(((const int32_t *)data)[at], 0, 0, out);
        return;
    case LT_ARROW_INTERVAL:
        add_month_day_nano(node, at, out);
        return;
    case LT_ARROW_DURATION:
        add_interval(0, 0, ((const int64_t *)data)[at] * (1000000000 / node->unit), out);
        return;
    default:
        lt_buf_add_str(out, "null");
        return;
    }
}

/* Its depth is that of the schema, which lt_arrow_node_make() has limited. */
void lt_arrow_json(const lt_arrow_node *node, int64_t at, lt_buf *out)
{
    if (lt_arrow_is_null(node, at)) {
        lt_buf_add_str(out, "null");
        return;
    }
    if (node->dictionary) {
        int64_t index = (int64_t)lt_arrow_whole_at(node, at);
        lt_arrow_json(node->dictionary, index + node->dictionary->array->offset, out);
        return;
    }
    switch (node->kind) {
    case LT_ARROW_TEXT:
        add_string(lt_arrow_text_at(node, at), out);
        return;
    case LT_ARROW_JSON:
        lt_buf_add(out, lt_arrow_text_at(node, at));
        return;
    case LT_ARROW_BYTES:
        add_bytes(lt_arrow_text_at(node, at), out);
        return;
    case LT_ARROW_BIT:
        add_bit(lt_arrow_text_at(node, at), out);
        return;
    case LT_ARROW_LIST:
    case LT_ARROW_FIXED_LIST:
        add_list(node, at, out);
        return;
    case LT_ARROW_STRUCT:
        add_struct(node, at, out);
        return;
    case LT_ARROW_MAP:
        add_map(node, at, out);
        return;
    case LT_ARROW_UNION:
        add_union(node, at, out);
        return;
    default:
        add_scalar(node, at, out);
        return;
    }
}
