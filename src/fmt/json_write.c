/* The JSON writer: the same calls give the same bytes. */
#include "fmt/json.h"

#include "base/vec.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool bit_at(const uint64_t *bits, unsigned i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, unsigned i, bool value)
{
    uint64_t bit = (uint64_t)1 << (i % 64);
    bits[i / 64] = value ? bits[i / 64] | bit : bits[i / 64] & ~bit;
}

static void new_line(lt_json_writer *writer)
{
    if (writer->indent == 0)
        return;
    lt_buf_add_byte(writer->out, '\n');
    for (unsigned i = 0; i < writer->depth * writer->indent; i++)
        lt_buf_add_byte(writer->out, ' ');
}

/* What stands between items. */
static void before_item(lt_json_writer *writer)
{
    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    if (writer->depth == 0)
        return;
    unsigned top = writer->depth - 1;
    if (bit_at(writer->has_items, top))
        lt_buf_add_byte(writer->out, ',');
    set_bit(writer->has_items, top, true);
    new_line(writer);
}

void lt_json_begin(lt_json_writer *writer, char bracket)
{
    assert(writer->depth < LT_JSON_DEPTH_MAX);
    before_item(writer);
    lt_buf_add_byte(writer->out, bracket);
    set_bit(writer->is_object, writer->depth, bracket == '{');
    set_bit(writer->has_items, writer->depth, false);
    writer->depth++;
}

void lt_json_end(lt_json_writer *writer)
{
    assert(writer->depth > 0);
    writer->depth--;
    if (bit_at(writer->has_items, writer->depth))
        new_line(writer);
    lt_buf_add_byte(writer->out, bit_at(writer->is_object, writer->depth) ? '}' : ']');
}

/* How a byte below 0x20, a quote or a backslash is written; NULL for the others. */
static const char *escape_of(unsigned char c, char hex[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        (void)snprintf(hex, 8, "\\u%04x", (unsigned)c);
        return c < 0x20 ? hex : NULL;
    }
}

/* Text that is UTF-8, with escapes. */
static void add_escaped(lt_text text, lt_buf *out)
{
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char hex[8];
        lt_buf_add(out, lt_text_sub(text, start, i - start));
        lt_buf_add_str(out, escape_of(c, hex));
        start = i + 1;
    }
    lt_buf_add(out, lt_text_sub(text, start, text.len - start));
}

/* True when nothing of it needs an escape or a second look: most keys and names. */
static bool is_plain(lt_text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < ' ' || c == '"' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

static void quote_plain(lt_text value, lt_buf *out)
{
    char *room = lt_buf_room(out, value.len + 2);
    if (!room)
        return;
    room[0] = '"';
    if (value.len)
        memcpy(room + 1, value.ptr, value.len);
    room[value.len + 1] = '"';
    lt_buf_grown(out, value.len + 2);
}

void lt_json_quote(lt_text value, lt_buf *out)
{
    if (is_plain(value)) {
        quote_plain(value, out);
        return;
    }
    lt_buf_add_byte(out, '"');
    while (value.len) {
        size_t valid = lt_utf8_valid_len(value);
        add_escaped(lt_text_sub(value, 0, valid), out);
        value = lt_text_sub(value, valid, value.len - valid);
        if (value.len) {
            lt_buf_add_str(out, "\xEF\xBF\xBD");
            value = lt_text_sub(value, 1, value.len - 1);
        }
    }
    lt_buf_add_byte(out, '"');
}

void lt_json_key(lt_json_writer *writer, lt_text key)
{
    before_item(writer);
    lt_json_quote(key, writer->out);
    lt_buf_add_str(writer->out, writer->indent ? ": " : ":");
    writer->after_key = true;
}

void lt_json_string(lt_json_writer *writer, lt_text value)
{
    before_item(writer);
    lt_json_quote(value, writer->out);
}

void lt_json_raw(lt_json_writer *writer, lt_text value)
{
    before_item(writer);
    lt_buf_add(writer->out, value);
}

void lt_json_int(lt_json_writer *writer, int64_t value)
{
    before_item(writer);
    lt_buf_printf(writer->out, "%" PRId64, value);
}

void lt_json_double(lt_json_writer *writer, double value)
{
    char text[40];
    if (!isfinite(value)) {
        lt_json_null(writer);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    lt_json_raw(writer, lt_text_of(text));
}

void lt_json_bool(lt_json_writer *writer, bool value)
{
    lt_json_raw(writer, value ? T("true") : T("false"));
}

void lt_json_null(lt_json_writer *writer)
{
    lt_json_raw(writer, T("null"));
}

bool lt_json_has_items(const lt_json_writer *writer)
{
    return writer->depth && bit_at(writer->has_items, writer->depth - 1);
}

void lt_json_note_item(lt_json_writer *writer)
{
    assert(writer->depth > 0 && !writer->after_key);
    set_bit(writer->has_items, writer->depth - 1, true);
}

void lt_json_set(lt_json_writer *writer, const char *key, lt_text value)
{
    lt_json_key(writer, lt_text_of(key));
    lt_json_string(writer, value);
}

void lt_json_set_int(lt_json_writer *writer, const char *key, int64_t value)
{
    lt_json_key(writer, lt_text_of(key));
    lt_json_int(writer, value);
}

void lt_json_set_bool(lt_json_writer *writer, const char *key, bool value)
{
    lt_json_key(writer, lt_text_of(key));
    lt_json_bool(writer, value);
}

/* A scalar, or the beginning of a container. */
static void write_head(lt_json_writer *writer, const lt_json *value)
{
    switch (value->kind) {
    case LT_JSON_ARRAY:
        lt_json_begin(writer, '[');
        return;
    case LT_JSON_OBJECT:
        lt_json_begin(writer, '{');
        return;
    case LT_JSON_STRING:
        lt_json_string(writer, value->text);
        return;
    case LT_JSON_NUMBER:
        lt_json_raw(writer, value->text);
        return;
    case LT_JSON_BOOL:
        lt_json_bool(writer, value->truth);
        return;
    default:
        lt_json_null(writer);
        return;
    }
}

typedef struct tree_place {
    const lt_json *container;
    size_t next;
} tree_place;

void lt_json_tree(lt_json_writer *writer, const lt_json *value)
{
    LT_VEC(tree_place) open = {0};
    const lt_json *now = value;
    for (;;) {
        write_head(writer, now);
        if (now->kind == LT_JSON_ARRAY || now->kind == LT_JSON_OBJECT) {
            tree_place place = {.container = now};
            lt_push(&open, place);
        }
        while (open.len &&
               open.items[open.len - 1].next == open.items[open.len - 1].container->count) {
            lt_json_end(writer);
            open.len--;
        }
        if (open.len == 0)
            break;
        tree_place *top = &open.items[open.len - 1];
        now = &top->container->items[top->next++];
        if (top->container->kind == LT_JSON_OBJECT)
            lt_json_key(writer, now->key);
    }
    lt_vec_free(&open);
}
