/* Values as text: Python's str() and repr(), JSON, and deep copies. Walks stop at LT_JINJA_MAX_DEPTH levels. */
#include "jinja/inner.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void add_zeros(lt_buf *out, int count)
{
    while (count-- > 0)
        lt_buf_add_byte(out, '0');
}

/* "d.ddde+XX" from printf, laid out as Python does: with an exponent when there are more than `most` digits before the
 * point, or four zeros behind it. */
void lt_jinja_float_layout(const char *printed, int most, lt_buf *out)
{
    char digits[1024] = "0";
    int len = 0;
    const char *p = printed;
    for (; *p && *p != 'e' && len < (int)sizeof(digits); p++)
        if (lt_is_digit(*p))
            digits[len++] = *p;
    int point = *p ? (int)strtol(p + 1, NULL, 10) + 1 : 1;
    while (len > 1 && digits[len - 1] == '0')
        len--;
    if (point > most || point < -3) {
        lt_buf_add_byte(out, digits[0]);
        if (len > 1)
            lt_buf_printf(out, ".%.*s", len - 1, digits + 1);
        lt_buf_printf(out, "e%c%02d", point > 0 ? '+' : '-', abs(point - 1));
    } else if (point <= 0) {
        lt_buf_add_str(out, "0.");
        add_zeros(out, -point);
        lt_buf_add(out, lt_text_at(digits, (size_t)len));
    } else {
        lt_buf_add(out, lt_text_at(digits, (size_t)LT_MIN(point, len)));
        add_zeros(out, point - len);
        lt_buf_add_byte(out, '.');
        if (point < len)
            lt_buf_add(out, lt_text_at(digits + point, (size_t)(len - point)));
        else
            lt_buf_add_byte(out, '0');
    }
}

void lt_jinja_float_repr(double f, lt_buf *out)
{
    if (isnan(f) || isinf(f)) {
        lt_buf_add_str(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    char text[40];
    /* The shortest that reads back as the same number; 15 digits always do, unless the number is subnormal. */
    for (int precision = fabs(f) < 2.3e-308 ? 1 : 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(f));
        if (strtod(text, NULL) == fabs(f))
            break;
    }
    if (signbit(f))
        lt_buf_add_byte(out, '-');
    lt_jinja_float_layout(text, 16, out);
}

static bool is_printable(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad)
        return false;
    return !((c >= 0x200b && c <= 0x200f) || (c >= 0x2000 && c <= 0x200a) ||
             (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 ||
             c == 0xfeff || (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xfff9 && c <= 0xfffb) ||
             c >= 0xe0000);
}

static void repr_char(uint32_t c, lt_text bytes, char quote, lt_buf *out)
{
    if (c == (unsigned char)quote || c == '\\')
        lt_buf_printf(out, "\\%c", (int)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        lt_buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (is_printable(c))
        lt_buf_add(out, bytes);
    else if (c < 0x100)
        lt_buf_printf(out, "\\x%02" PRIx32, c);
    else if (c < 0x10000)
        lt_buf_printf(out, "\\u%04" PRIx32, c);
    else
        lt_buf_printf(out, "\\U%08" PRIx32, c);
}

void lt_jinja_str_repr(lt_text text, lt_buf *out)
{
    char quote =
        lt_text_find_byte(text, '\'', 0) != SIZE_MAX && lt_text_find_byte(text, '"', 0) == SIZE_MAX
            ? '"'
            : '\'';
    lt_buf_add_byte(out, quote);
    uint32_t c;
    for (size_t at = 0, from = 0; lt_utf8_next(text, &at, &c); from = at)
        repr_char(c, lt_text_at(text.ptr + from, at - from), quote, out);
    lt_buf_add_byte(out, quote);
}

static void repr_at(lt_jinja_value value, unsigned depth, lt_buf *out);

static void repr_items(const lt_jinja_seq *list, unsigned depth, lt_buf *out)
{
    for (size_t i = 0; i < list->len && !out->overflow; i++) {
        if (i)
            lt_buf_add_str(out, ", ");
        repr_at(list->items[i], depth + 1, out);
    }
}

static void repr_list(const lt_jinja_seq *list, unsigned depth, lt_buf *out)
{
    static const char *const names[] = {"", "dict_keys(", "dict_values(", "dict_items(", "", ""};
    if (list->kind == LIST_GENERATOR) {
        lt_buf_add_str(out, "<generator object>");
        return;
    }
    if (list->kind == LIST_RANGE) {
        lt_buf_printf(out, "range(%" PRId64 ", %" PRId64, list->range[0], list->range[1]);
        if (list->range[2] != 1)
            lt_buf_printf(out, ", %" PRId64, list->range[2]);
        lt_buf_add_byte(out, ')');
        return;
    }
    lt_buf_printf(out, "%s[", names[list->kind]);
    repr_items(list, depth, out);
    lt_buf_add_str(out, list->kind == LIST_PLAIN ? "]" : "])");
}

static void repr_table(lt_jinja_value table, unsigned depth, lt_buf *out)
{
    bool first = true;
    lt_jinja_value key, value;
    if (table.type == LT_JINJA_SET && table.as.dict->live == 0) {
        lt_buf_add_str(out, "set()");
        return;
    }
    lt_buf_add_byte(out, '{');
    for (size_t at = 0; !out->overflow && lt_jinja_next(table, &at, &key, &value); first = false) {
        if (!first)
            lt_buf_add_str(out, ", ");
        repr_at(key, depth + 1, out);
        if (table.type == LT_JINJA_DICT) {
            lt_buf_add_str(out, ": ");
            repr_at(value, depth + 1, out);
        }
    }
    lt_buf_add_byte(out, '}');
}

static void repr_tuple(const lt_jinja_seq *tuple, unsigned depth, lt_buf *out)
{
    lt_buf_add_byte(out, '(');
    repr_items(tuple, depth, out);
    lt_buf_add_str(out, tuple->len == 1 ? ",)" : ")");
}

static void repr_other(lt_jinja_value value, lt_buf *out)
{
    if (value.type == LT_JINJA_MACRO && lt_text_eq(value.as.macro->node->name, T("caller"))) {
        lt_buf_add_str(out, "<Macro anonymous>"); /* the body of a {% call %} */
    } else if (value.type == LT_JINJA_MACRO) {
        lt_buf_add_str(out, "<Macro ");
        lt_jinja_str_repr(value.as.macro->node->name, out);
        lt_buf_add_byte(out, '>');
    } else if (value.type == LT_JINJA_FUNC) {
        lt_buf_printf(out, "<function %s>", value.as.func->name);
    } else if (value.type == LT_JINJA_METHOD) {
        lt_buf_printf(out, "<built-in method %.*s of %s object>", LT_ARG(value.as.method->name),
                      lt_jinja_type_name(value.as.method->self));
    } else if (value.type == LT_JINJA_OBJECT && value.as.object->class->repr) {
        value.as.object->class->repr(value.as.object, out);
    } else {
        lt_buf_printf(out, "<%s object>", lt_jinja_type_name(value));
    }
}

static void repr_at(lt_jinja_value value, unsigned depth, lt_buf *out)
{
    static const char *const deep[] = {[LT_JINJA_LIST] = "[...]",
                                       [LT_JINJA_TUPLE] = "(...)",
                                       [LT_JINJA_DICT] = "{...}",
                                       [LT_JINJA_SET] = "{...}"};
    if (depth > LT_JINJA_MAX_DEPTH && value.type >= LT_JINJA_LIST && value.type <= LT_JINJA_SET) {
        lt_buf_add_str(out, deep[value.type]);
        return;
    }
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
        lt_buf_add_str(out, "Undefined");
        break;
    case LT_JINJA_NONE:
        lt_buf_add_str(out, "None");
        break;
    case LT_JINJA_BOOL:
        lt_buf_add_str(out, value.as.b ? "True" : "False");
        break;
    case LT_JINJA_INT:
        lt_buf_printf(out, "%" PRId64, value.as.i);
        break;
    case LT_JINJA_FLOAT:
        lt_jinja_float_repr(value.as.f, out);
        break;
    case LT_JINJA_STR:
        lt_jinja_str_repr(lt_jinja_as_text(value), out);
        break;
    case LT_JINJA_LIST:
        repr_list(value.as.list, depth, out);
        break;
    case LT_JINJA_TUPLE:
        repr_tuple(value.as.list, depth, out);
        break;
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        repr_table(value, depth, out);
        break;
    default:
        repr_other(value, out);
    }
}

void lt_jinja_repr(lt_jinja_value value, lt_buf *out)
{
    repr_at(value, 0, out);
}

void lt_jinja_str(lt_jinja_value value, lt_buf *out)
{
    if (value.type == LT_JINJA_STR)
        lt_buf_add(out, lt_jinja_as_text(value));
    else if (value.type == LT_JINJA_OBJECT && value.as.object->class->str)
        value.as.object->class->str(value.as.object, out);
    else if (value.type != LT_JINJA_UNDEFINED)
        repr_at(value, 0, out);
}

/* ---- JSON */

typedef struct json_state {
    const lt_jinja_json *how;
    lt_buf *out;
    unsigned depth;
} json_state;

static lt_status json_value(json_state *state, lt_jinja_value value, lt_err *err);

static void json_text(lt_text text, lt_buf *out)
{
    static const char from[] = "\"\\\n\r\t\b\f";
    static const char to[] = "\"\\nrtbf";
    lt_buf_add_byte(out, '"');
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(text, &at, &c);) {
        const char *known = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (known)
            lt_buf_printf(out, "\\%c", to[known - from]);
        else if (c >= 0x20 && c < 0x7f)
            lt_buf_add_byte(out, (char)c);
        else if (c < 0x10000)
            lt_buf_printf(out, "\\u%04" PRIx32, c);
        else
            lt_buf_printf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    lt_buf_add_byte(out, '"');
}

static void json_break(const json_state *state, bool first)
{
    if (!state->how->indent) {
        if (!first)
            lt_buf_add_str(state->out, ", ");
        return;
    }
    lt_buf_add_str(state->out, first ? "\n" : ",\n");
    for (unsigned i = 0; i < state->how->indent * state->depth; i++)
        lt_buf_add_byte(state->out, ' ');
}

static void json_close(json_state *state, bool empty, char bracket)
{
    state->depth--;
    if (state->how->indent && !empty)
        json_break(state, true);
    lt_buf_add_byte(state->out, bracket);
}

static lt_status json_list(json_state *state, const lt_jinja_seq *list, lt_err *err)
{
    lt_buf_add_byte(state->out, '[');
    state->depth++;
    for (size_t i = 0; i < list->len; i++) {
        json_break(state, i == 0);
        LT_TRY(json_value(state, list->items[i], err));
    }
    json_close(state, list->len == 0, ']');
    return LT_OK;
}

/* Keys are texts in JSON; None, booleans and numbers become ones. */
static lt_status json_key(json_state *state, lt_jinja_value key, lt_err *err)
{
    if (key.type == LT_JINJA_STR) {
        json_text(lt_jinja_as_text(key), state->out);
        return LT_OK;
    }
    if (key.type != LT_JINJA_NONE && !lt_jinja_is_number(key))
        return lt_fail(err, LT_INVALID, "keys must be str, int, float, bool or None, not %s",
                       lt_jinja_type_name(key));
    lt_buf_add_byte(state->out, '"');
    LT_TRY(json_value(state, key, err));
    lt_buf_add_byte(state->out, '"');
    return LT_OK;
}

static int by_key(const void *a, const void *b)
{
    const dict_entry *x = *(const dict_entry *const *)a, *y = *(const dict_entry *const *)b;
    lt_err ignored;
    int order = 0;
    lt_ignore(lt_jinja_compare(x->key, y->key, "<", &order, &ignored));
    return order;
}

LT_OWNED(entry_list, const dict_entry **, lt_free)

static lt_status json_dict(json_state *state, const lt_jinja_table *dict, lt_err *err)
{
    LT_AUTO(entry_list) entries = lt_xcalloc(dict->live + 1, sizeof(*entries));
    size_t count = 0;
    for (size_t i = 0; i < dict->len; i++)
        if (dict->entries[i].live)
            entries[count++] = &dict->entries[i];
    if (state->how->sort_keys) {
        for (size_t i = 1; i < count;
             i++) { /* qsort cannot fail: find out before whether keys compare */
            int order;
            LT_TRY(lt_jinja_compare(entries[i]->key, entries[i - 1]->key, "<", &order, err));
        }
        qsort(entries, count, sizeof(*entries), by_key);
    }
    lt_buf_add_byte(state->out, '{');
    state->depth++;
    for (size_t i = 0; i < count; i++) {
        json_break(state, i == 0);
        LT_TRY(json_key(state, entries[i]->key, err));
        lt_buf_add_str(state->out, ": ");
        LT_TRY(json_value(state, entries[i]->value, err));
    }
    json_close(state, count == 0, '}');
    return LT_OK;
}

static lt_status json_float(double f, lt_buf *out)
{
    if (isfinite(f))
        lt_jinja_float_repr(f, out);
    else
        lt_buf_add_str(out, isnan(f) ? "NaN" : f < 0 ? "-Infinity" : "Infinity");
    return LT_OK;
}

static lt_status json_value(json_state *state, lt_jinja_value value, lt_err *err)
{
    if (state->depth > LT_JINJA_MAX_DEPTH)
        return lt_fail(err, LT_INVALID, "this value nests more than %d levels deep",
                       LT_JINJA_MAX_DEPTH);
    LT_TRY(lt_buf_check(state->out, "the JSON text", err));
    switch (value.type) {
    case LT_JINJA_NONE:
        lt_buf_add_str(state->out, "null");
        return LT_OK;
    case LT_JINJA_BOOL:
        lt_buf_add_str(state->out, value.as.b ? "true" : "false");
        return LT_OK;
    case LT_JINJA_INT:
        lt_buf_printf(state->out, "%" PRId64, value.as.i);
        return LT_OK;
    case LT_JINJA_FLOAT:
        return json_float(value.as.f, state->out);
    case LT_JINJA_STR:
        json_text(lt_jinja_as_text(value), state->out);
        return LT_OK;
    case LT_JINJA_TUPLE:
        return json_list(state, value.as.list, err);
    case LT_JINJA_DICT:
        return json_dict(state, lt_jinja_made(value.as.dict), err);
    case LT_JINJA_LIST:
        if (value.as.list->kind == LIST_PLAIN)
            return json_list(state, value.as.list, err);
        break;
    case LT_JINJA_OBJECT:
        if (!lt_jinja_is_big(value))
            break;
        lt_jinja_repr(value, state->out);
        return LT_OK;
    default:
        break;
    }
    return lt_fail(err, LT_INVALID, "Object of type %s is not JSON serializable",
                   lt_jinja_type_name(value));
}

lt_status lt_jinja_to_json(lt_jinja_value value, const lt_jinja_json *how, lt_buf *out, lt_err *err)
{
    json_state state = {.how = how, .out = out};
    LT_TRY(json_value(&state, value, err));
    return lt_buf_check(out, "the JSON text", err);
}

/* ---- deep copies */

static lt_status copy_at(lt_jinja_heap *heap, lt_jinja_value value, unsigned depth,
                         lt_jinja_value *out, lt_err *err);

static lt_status copy_list(lt_jinja_heap *heap, lt_jinja_value from, unsigned depth,
                           lt_jinja_value *out, lt_err *err)
{
    const lt_jinja_seq *list = from.as.list;
    LT_TRY(lt_jinja_room(heap, (list->len + 4) * sizeof(*list->items), err));
    lt_jinja_value made = lt_jinja_list_of(heap, list->kind, list->len);
    made.type = from.type;
    memcpy(made.as.list->range, list->range, sizeof(list->range));
    made.as.list->used = list->used;
    for (size_t i = 0; i < list->len; i++) {
        lt_jinja_value item;
        LT_TRY(copy_at(heap, list->items[i], depth + 1, &item, err));
        lt_jinja_list_push(made.as.list, item);
    }
    *out = made;
    return LT_OK;
}

static lt_status copy_table(lt_jinja_heap *heap, lt_jinja_value from, unsigned depth,
                            lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value made = from.type == LT_JINJA_SET ? lt_jinja_set(heap) : lt_jinja_dict(heap);
    lt_jinja_value key, value;
    for (size_t at = 0; lt_jinja_next(from, &at, &key, &value);) {
        LT_TRY(lt_jinja_room(heap, sizeof(dict_entry), err));
        LT_TRY(copy_at(heap, key, depth + 1, &key, err));
        LT_TRY(copy_at(heap, value, depth + 1, &value, err));
        lt_jinja_dict_set(made.as.dict, key, value);
    }
    *out = made;
    return LT_OK;
}

static lt_status copy_missing(lt_jinja_heap *heap, lt_jinja_value from, lt_jinja_value *out)
{
    *out = from;
    if (from.as.missing && from.kind != UINT8_MAX)
        *out = lt_jinja_missing_value(
            heap, from.as.missing->kind, lt_jinja_none(),
            lt_jinja_as_text(lt_jinja_text_copy(heap, from.as.missing->name)));
    return LT_OK;
}

static lt_status copy_at(lt_jinja_heap *heap, lt_jinja_value value, unsigned depth,
                         lt_jinja_value *out, lt_err *err)
{
    if (depth > LT_JINJA_MAX_DEPTH)
        return lt_fail(err, LT_INVALID, "this value nests more than %d levels deep",
                       LT_JINJA_MAX_DEPTH);
    switch (value.type) {
    case LT_JINJA_STR:
        LT_TRY(lt_jinja_room(heap, (size_t)value.len + 1, err));
        *out = lt_jinja_text_copy(heap, lt_jinja_as_text(value));
        return LT_OK;
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        return copy_list(heap, value, depth, out, err);
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        return copy_table(heap, value, depth, out, err);
    case LT_JINJA_UNDEFINED:
        return copy_missing(heap, value, out);
    case LT_JINJA_MACRO:
        if (value.as.macro->closure)
            return lt_fail(
                err, LT_INVALID,
                "macro '%.*s' cannot be kept in a value that outlives its template's run",
                LT_ARG(value.as.macro->node->name));
        break;
    case LT_JINJA_METHOD:
        return lt_fail(err, LT_INVALID,
                       "a method cannot be kept in a value that outlives the template's run");
    case LT_JINJA_OBJECT:
        if (value.as.object->class->local)
            return lt_fail(err, LT_INVALID,
                           "a %s cannot be kept in a value that outlives the template's run",
                           lt_jinja_type_name(value));
        if (value.as.object->class->copy) {
            *out = value.as.object->class->copy(value.as.object, heap);
            return LT_OK;
        }
        heap->borrows = true;
        break;
    default:
        break;
    }
    *out = value;
    return LT_OK;
}

lt_status lt_jinja_copy(lt_jinja_heap *heap, lt_jinja_value value, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value made;
    LT_TRY(copy_at(heap, value, 0, &made, err));
    *out = made;
    return LT_OK;
}
