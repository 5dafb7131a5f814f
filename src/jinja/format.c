/* One value by a format spec, str.format(), and the % operator, as Python does them. */
#include "jinja/inner.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_WIDTH = 100000, MAX_PRECISION = 500, MAX_DIGITS = 16384 /* a long number in bits */ };

typedef struct spec {
    lt_text fill; /* one character */
    char align;   /* < > ^ = or 0 */
    char sign;    /* + - space */
    bool alternate, zero;
    char group; /* , _ or 0 */
    size_t width;
    int precision; /* -1: none */
    char type;     /* 0: none */
} spec;

/* ---- numbers to digits */

static bool read_count(lt_text text, size_t *at, size_t limit, size_t *out)
{
    size_t value = 0;
    for (; *at < text.len && lt_is_digit(text.ptr[*at]); ++*at) {
        value = value * 10 + (size_t)(text.ptr[*at] - '0');
        if (value > limit)
            return false;
    }
    *out = value;
    return true;
}

static void upper_ascii(char *text)
{
    for (; *text; text++)
        *text = lt_upper(*text);
}

/* The magnitude of a whole number in base 2, 8, 10 or 16. */
static void int_digits(lt_jinja_value value, char type, lt_buf *out)
{
    int base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    lt_jinja_big_digits(value, base, out);
    if (type == 'X')
        upper_ascii(out->data);
}

static bool is_negative(lt_jinja_value whole)
{
    return lt_jinja_is_big(whole) ? lt_jinja_big_is_negative(whole) : lt_jinja_intlike(whole) < 0;
}

/* Digits of a float without its sign. printf and Python agree on e, f and g. */
static void float_digits(double value, const spec *s, lt_buf *out)
{
    int precision = s->precision < 0 ? 6 : s->precision;
    char type = s->type;
    if (!isfinite(value)) {
        bool up = type == 'E' || type == 'F' || type == 'G';
        lt_buf_add_str(out, isnan(value) ? (up ? "NAN" : "nan") : up ? "INF" : "inf");
        return;
    }
    switch (type) {
    case 'e':
        lt_buf_printf(out, s->alternate ? "%#.*e" : "%.*e", precision, value);
        break;
    case 'E':
        lt_buf_printf(out, s->alternate ? "%#.*E" : "%.*E", precision, value);
        break;
    case 'g':
    case 'n':
        lt_buf_printf(out, s->alternate ? "%#.*g" : "%.*g", precision ? precision : 1, value);
        break;
    case 'G':
        lt_buf_printf(out, s->alternate ? "%#.*G" : "%.*G", precision ? precision : 1, value);
        break;
    case '%':
        lt_buf_printf(out, "%.*f%%", precision, value * 100);
        break;
    default:
        lt_buf_printf(out, s->alternate ? "%#.*f" : "%.*f", precision, value);
    }
}

/* A float without type but with precision: like g, but always with a fraction, and an exponent one digit sooner. */
static void float_general(double value, const spec *s, lt_buf *out)
{
    if (s->precision < 0 || !isfinite(value)) {
        lt_jinja_float_repr(value, out);
        return;
    }
    int precision = s->precision ? s->precision : 1;
    char text[MAX_PRECISION + 40];
    (void)snprintf(text, sizeof(text), "%.*e", precision - 1, value);
    lt_jinja_float_layout(text, precision - 1, out);
}

/* Separators between groups of the integer part. */
static void add_grouped(lt_text digits, char group, size_t size, lt_buf *out)
{
    size_t whole = 0;
    while (whole < digits.len &&
           (lt_is_digit(digits.ptr[whole]) || (size == 4 && lt_is_alpha(digits.ptr[whole]))))
        whole++;
    for (size_t i = 0; i < digits.len; i++) {
        if (group && i && i < whole && (whole - i) % size == 0)
            lt_buf_add_byte(out, group);
        lt_buf_add_byte(out, digits.ptr[i]);
    }
}

/* ---- a spec */

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static lt_status fail_spec(lt_err *err)
{
    return lt_fail(err, LT_INVALID, "Invalid format specifier");
}

static void read_align(lt_text text, size_t *at, spec *s)
{
    size_t first = lt_jinja_offset(text, 1);
    if (first < text.len && is_align(text.ptr[first])) {
        s->fill = lt_text_sub(text, 0, first);
        s->align = text.ptr[first];
        *at = first + 1;
    } else if (text.len && is_align(text.ptr[0])) {
        s->align = text.ptr[0];
        *at = 1;
    }
}

static bool take(lt_text text, size_t *at, const char *set, char *out)
{
    if (*at >= text.len || !text.ptr[*at] || !strchr(set, text.ptr[*at]))
        return false;
    *out = text.ptr[(*at)++];
    return true;
}

static lt_status read_spec(lt_text text, spec *s, lt_err *err)
{
    size_t at = 0, count;
    char c;
    *s = (spec){.fill = T(" "), .sign = '-', .precision = -1};
    read_align(text, &at, s);
    (void)take(text, &at, "+- ", &s->sign);
    s->alternate = take(text, &at, "#", &c);
    s->zero = take(text, &at, "0", &c);
    if (s->zero && !s->align) {
        s->fill = T("0");
        s->align = '=';
    }
    if (!read_count(text, &at, MAX_WIDTH, &s->width))
        return lt_fail(err, LT_TOO_BIG, "a format's width is over %d", MAX_WIDTH);
    (void)take(text, &at, ",_", &s->group);
    if (take(text, &at, ".", &c)) {
        size_t before = at;
        if (!read_count(text, &at, MAX_PRECISION, &count))
            return lt_fail(err, LT_TOO_BIG, "a format's precision is over %d", MAX_PRECISION);
        if (at == before)
            return lt_fail(err, LT_INVALID, "Format specifier missing precision");
        s->precision = (int)count;
    }
    if (at < text.len)
        s->type = text.ptr[at++];
    return at == text.len ? LT_OK : fail_spec(err);
}

/* sign + prefix + body, padded to the width. */
static void add_padded(const spec *s, char align, lt_text sign, lt_text body, lt_buf *out)
{
    size_t have = lt_jinja_chars(sign) + lt_jinja_chars(body);
    size_t missing = s->width > have ? s->width - have : 0;
    size_t left = align == '>' || align == '=' ? missing : align == '^' ? missing / 2 : 0;
    if (align == '=')
        lt_buf_add(out, sign);
    for (size_t i = 0; i < left; i++)
        lt_buf_add(out, s->fill);
    if (align != '=')
        lt_buf_add(out, sign);
    lt_buf_add(out, body);
    for (size_t i = left; i < missing; i++)
        lt_buf_add(out, s->fill);
}

static lt_status fail_code(const spec *s, lt_jinja_value value, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "Unknown format code '%c' for object of type '%s'", s->type,
                   lt_jinja_type_name(value));
}

static const char *sign_of(const spec *s, bool negative)
{
    return negative ? "-" : s->sign == '+' ? "+" : s->sign == ' ' ? " " : "";
}

/* With zeros in front and grouping, the zeros are grouped too. */
static void add_number(const spec *s, const char *sign, lt_text digits, size_t group_size,
                       lt_buf *out)
{
    LT_AUTO(lt_buf) body = {.limit = MAX_WIDTH * 4};
    LT_AUTO(lt_buf) padded = {.limit = MAX_WIDTH * 4};
    add_grouped(digits, s->group, group_size, &body);
    if (s->group && s->align == '=' && lt_text_eq(s->fill, T("0"))) {
        lt_buf_add(&padded, digits);
        while (body.len + strlen(sign) < s->width) {
            LT_AUTO(lt_buf) more = {.limit = MAX_WIDTH * 4};
            lt_buf_add_byte(&more, '0');
            lt_buf_add(&more, lt_buf_text(&padded));
            lt_buf_clear(&padded);
            lt_buf_add(&padded, lt_buf_text(&more));
            lt_buf_clear(&body);
            add_grouped(lt_buf_text(&padded), s->group, group_size, &body);
        }
    }
    add_padded(s, s->align ? s->align : '>', lt_text_of(sign), lt_buf_text(&body), out);
}

static lt_status format_int(lt_jinja_value value, const spec *s, lt_buf *out, lt_err *err)
{
    int64_t number = lt_jinja_is_big(value) ? -1 : lt_jinja_intlike(value);
    LT_AUTO(lt_buf) digits = {.limit = MAX_DIGITS};
    char sign[8];
    if (s->precision >= 0)
        return lt_fail(err, LT_INVALID, "Precision not allowed in integer format specifier");
    if (s->type == 'c') {
        char utf8[4];
        size_t len = number >= 0 && number < 0x110000 ? lt_utf8_put((uint32_t)number, utf8) : 0;
        if (!len)
            return lt_fail(err, LT_INVALID, "%%c arg not in range(0x110000)");
        add_padded(s, s->align ? s->align : '>', (lt_text){0}, lt_text_at(utf8, len), out);
        return LT_OK;
    }
    char type = s->type == '\0' || s->type == 'n' ? 'd' : s->type;
    int_digits(value, type, &digits);
    (void)snprintf(sign, sizeof(sign), "%s%s", sign_of(s, is_negative(value)),
                   !s->alternate || type == 'd' ? ""
                   : type == 'b'                ? "0b"
                   : type == 'o'                ? "0o"
                   : type == 'x'                ? "0x"
                                                : "0X");
    add_number(s, sign, lt_buf_text(&digits), type == 'd' ? 3 : 4, out);
    return LT_OK;
}

static lt_status format_float(double number, const spec *s, lt_buf *out)
{
    LT_AUTO(lt_buf) digits = {.limit = 4096};
    bool negative = signbit(number) && !isnan(number);
    if (s->type)
        float_digits(fabs(number), s, &digits);
    else
        float_general(fabs(number), s, &digits);
    add_number(s, sign_of(s, negative), lt_buf_text(&digits), 3, out);
    return LT_OK;
}

static lt_status format_text(lt_jinja_value value, const spec *s, lt_buf *out, lt_err *err)
{
    if (s->type && s->type != 's')
        return fail_code(s, value, err);
    if (s->align == '=' && !s->zero)
        return lt_fail(err, LT_INVALID, "'=' alignment not allowed in string format specifier");
    lt_text text = lt_jinja_as_text(value);
    if (s->precision >= 0)
        text = lt_text_sub(text, 0, lt_jinja_offset(text, (size_t)s->precision));
    add_padded(s, s->align == '=' || !s->align ? '<' : s->align, (lt_text){0}, text, out);
    return LT_OK;
}

lt_status lt_jinja_format_spec(lt_jinja_value value, lt_text text, lt_buf *out, lt_err *err)
{
    spec s;
    if (!text.len) {
        lt_jinja_str(value, out);
        return LT_OK;
    }
    LT_TRY(read_spec(text, &s, err));
    if (value.type == LT_JINJA_STR)
        return format_text(value, &s, out, err);
    if (lt_jinja_is_whole(value) && (!s.type || strchr("bcdoxXn", s.type)))
        return format_int(value, &s, out, err);
    double real;
    if (lt_jinja_is_big(value) && lt_jinja_big_class.number(value.as.object, &real))
        value = lt_jinja_float(real);
    if (lt_jinja_is_number(value) && (!s.type || strchr("eEfFgGn%", s.type)))
        return format_float(lt_jinja_to_float(value), &s, out);
    if (lt_jinja_is_number(value))
        return fail_code(&s, value, err);
    return lt_fail(err, LT_INVALID, "unsupported format string passed to %s.__format__",
                   lt_jinja_type_name(value));
}

/* ---- str.format */

typedef struct formatter {
    lt_jinja_call *call;
    lt_text format;
    size_t at;
    size_t next; /* number of the next {} */
    bool automatic, manual;
} formatter;

static lt_status fail_brace(lt_err *err, const char *which)
{
    return lt_fail(err, LT_INVALID, "Single '%s' encountered in format string", which);
}

static lt_status positional(formatter *f, size_t i, lt_jinja_value *out, lt_err *err)
{
    if (i >= f->call->arg_count)
        return lt_fail(err, LT_INVALID,
                       "Replacement index %zu out of range for positional args tuple", i);
    *out = f->call->args[i];
    return LT_OK;
}

static lt_status field_value(formatter *f, lt_text name, lt_jinja_value *out, lt_err *err)
{
    size_t at = 0, i = 0;
    if (!name.len) {
        f->automatic = true;
        if (f->manual)
            return lt_fail(
                err, LT_INVALID,
                "cannot switch from manual field specification to automatic field numbering");
        return positional(f, f->next++, out, err);
    }
    if (read_count(name, &at, MAX_WIDTH, &i) && at == name.len) {
        f->manual = true;
        if (f->automatic)
            return lt_fail(
                err, LT_INVALID,
                "cannot switch from automatic field numbering to manual field specification");
        return positional(f, i, out, err);
    }
    for (i = 0; i < f->call->kwarg_count; i++)
        if (lt_text_eq(f->call->kwargs[i].name, name)) {
            *out = f->call->kwargs[i].value;
            return LT_OK;
        }
    return lt_fail(err, LT_INVALID, "KeyError: '%.*s'", LT_ARG(name));
}

/* name.attr[item].attr ... */
static lt_status field_path(formatter *f, lt_text path, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_render *r = f->call->render;
    size_t end = 0;
    while (end < path.len && path.ptr[end] != '.' && path.ptr[end] != '[')
        end++;
    LT_TRY(field_value(f, lt_text_sub(path, 0, end), out, err));
    while (end < path.len) {
        size_t start = end + 1;
        bool is_item = path.ptr[end] == '[';
        for (end = start;
             end < path.len &&
             (is_item ? path.ptr[end] != ']' : path.ptr[end] != '.' && path.ptr[end] != '[');)
            end++;
        lt_text name = lt_text_sub(path, start, end - start);
        int64_t i;
        if (!is_item)
            LT_TRY(lt_jinja_attr(r, *out, name, out, err));
        else
            LT_TRY(lt_jinja_item(r, *out,
                                 lt_text_to_i64(name, &i) ? lt_jinja_int(i) : lt_jinja_text(name),
                                 out, err));
        if (lt_jinja_is_undefined(*out))
            return lt_jinja_fail_undefined(r, *out, err);
        end += is_item;
    }
    return LT_OK;
}

/* The end of a field that began at `at`, over nested braces and brackets. */
static size_t field_end(lt_text format, size_t at)
{
    for (unsigned depth = 1; at < format.len; at++) {
        depth += format.ptr[at] == '{';
        depth -= format.ptr[at] == '}';
        if (!depth)
            return at;
    }
    return SIZE_MAX;
}

/* A spec may hold fields itself: {:{width}}. One level. */
static lt_status expand_spec(formatter *f, lt_text text, lt_buf *out, lt_err *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '{') {
            lt_buf_add_byte(out, text.ptr[i]);
            continue;
        }
        size_t end = field_end(text, i + 1);
        if (end == SIZE_MAX)
            return fail_brace(err, "{");
        lt_jinja_value value;
        LT_TRY(field_path(f, lt_text_sub(text, i + 1, end - i - 1), &value, err));
        lt_jinja_str(value, out);
        i = end;
    }
    return LT_OK;
}

static lt_status add_field(formatter *f, lt_text field, lt_buf *out, lt_err *err)
{
    size_t colon = 0, bracket = 0;
    for (; colon < field.len && (bracket || (field.ptr[colon] != ':' && field.ptr[colon] != '!'));
         colon++)
        bracket = field.ptr[colon] == '[' ? 1 : field.ptr[colon] == ']' ? 0 : bracket;
    lt_jinja_value value;
    LT_TRY(field_path(f, lt_text_sub(field, 0, colon), &value, err));
    lt_text rest = lt_text_sub(field, colon, SIZE_MAX);
    LT_AUTO(lt_buf) converted = {.limit = LT_MIB};
    if (rest.len && rest.ptr[0] == '!') {
        if (rest.len < 2 || (rest.ptr[1] != 'r' && rest.ptr[1] != 's' && rest.ptr[1] != 'a'))
            return lt_fail(err, LT_INVALID, "unknown conversion in format string");
        if (rest.ptr[1] == 's')
            lt_jinja_str(value, &converted);
        else
            lt_jinja_repr(value, &converted);
        LT_TRY(lt_buf_check(&converted, "the formatted value", err));
        value = lt_jinja_text(lt_buf_text(&converted));
        rest = lt_text_sub(rest, 2, SIZE_MAX);
    }
    LT_AUTO(lt_buf) expanded = {.limit = 1024};
    if (rest.len && rest.ptr[0] != ':')
        return lt_fail(err, LT_INVALID, "expected ':' after conversion specifier");
    LT_TRY(expand_spec(f, lt_text_sub(rest, 1, SIZE_MAX), &expanded, err));
    if (lt_jinja_is_strict(f->call->render, value))
        return lt_jinja_fail_undefined(f->call->render, value, err);
    return lt_jinja_format_spec(value, lt_buf_text(&expanded), out, err);
}

lt_status lt_jinja_format(lt_jinja_call *call, lt_text format, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_render *r = call->render;
    formatter f = {.call = call, .format = format};
    size_t mark = r->out.len;
    for (size_t at = 0; at < format.len; at++) {
        char c = format.ptr[at];
        bool doubled = at + 1 < format.len && format.ptr[at + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            lt_buf_add_byte(&r->out, c);
            at++;
        } else if (c == '}') {
            return fail_brace(err, "}");
        } else if (c == '{') {
            size_t end = field_end(format, at + 1);
            if (end == SIZE_MAX)
                return fail_brace(err, "{");
            LT_TRY(add_field(&f, lt_text_sub(format, at + 1, end - at - 1), &r->out, err));
            LT_TRY(lt_jinja_charge(r, 1, err));
            at = end;
        } else {
            lt_buf_add_byte(&r->out, c);
        }
    }
    LT_TRY(lt_jinja_charge(r, (r->out.len - mark) / 32, err));
    *out = lt_jinja_take(r, mark);
    return LT_OK;
}

/* ---- format % args */

typedef struct percent {
    lt_jinja_render *r;
    lt_jinja_value args;
    size_t next;
    bool named;
} percent;

static lt_status next_arg(percent *p, lt_jinja_value *out, lt_err *err)
{
    if (p->args.type == LT_JINJA_TUPLE ? p->next >= p->args.as.list->len : p->next > 0)
        return lt_fail(err, LT_INVALID, "not enough arguments for format string");
    *out = p->args.type == LT_JINJA_TUPLE ? p->args.as.list->items[p->next] : p->args;
    p->next++;
    return LT_OK;
}

static lt_status percent_count(percent *p, lt_text format, size_t *at, size_t limit, int64_t *out,
                               lt_err *err)
{
    size_t count;
    if (*at < format.len && format.ptr[*at] == '*') {
        lt_jinja_value value;
        ++*at;
        LT_TRY(next_arg(p, &value, err));
        if (!lt_jinja_is_intlike(value))
            return lt_fail(err, LT_INVALID, "* wants int");
        *out = lt_jinja_intlike(value);
        if (*out > (int64_t)limit || *out < -(int64_t)limit)
            return lt_fail(err, LT_TOO_BIG, "a format's width or precision is over %zu", limit);
        return LT_OK;
    }
    if (!read_count(format, at, limit, &count))
        return lt_fail(err, LT_TOO_BIG, "a format's width or precision is over %zu", limit);
    *out = (int64_t)count;
    return LT_OK;
}

static lt_status percent_number(lt_arena *arena, lt_jinja_value value, spec *s, lt_buf *out,
                                lt_err *err)
{
    bool wants_float = strchr("eEfFgG", s->type);
    double real;
    bool is_whole = lt_jinja_is_whole(value);
    if (value.type == LT_JINJA_OBJECT && (wants_float || !is_whole) &&
        value.as.object->class->number && value.as.object->class->number(value.as.object, &real))
        value = lt_jinja_float(real); /* as Python, which asks the object for a float */
    if (!lt_jinja_is_number(value) && !is_whole)
        return lt_fail(err, LT_INVALID,
                       wants_float      ? "must be real number, not %s"
                       : s->type == 'd' ? "%%d format: a real number is required, not %s"
                                        : "%%x format: an integer is required, not %s",
                       lt_jinja_type_name(value));
    if (wants_float)
        return format_float(lt_jinja_to_float(value), s, out);
    if (value.type == LT_JINJA_FLOAT) {
        if (s->type != 'd' || !lt_jinja_int_of_float(arena, value.as.f, &value))
            return lt_fail(err, LT_INVALID, "this float has no integer format");
    }
    int precision = s->precision;
    s->precision = -1;
    if (precision > 0) { /* at least so many digits */
        LT_AUTO(lt_buf) digits = {.limit = MAX_DIGITS}, body = {.limit = MAX_DIGITS};
        int_digits(value, s->type, &digits);
        for (size_t i = digits.len; i < (size_t)precision; i++)
            lt_buf_add_byte(&body, '0');
        lt_buf_add(&body, lt_buf_text(&digits));
        add_padded(s, s->align ? s->align : '>', lt_text_of(sign_of(s, is_negative(value))),
                   lt_buf_text(&body), out);
        return LT_OK;
    }
    return format_int(value, s, out, err);
}

static lt_status percent_text(percent *p, lt_jinja_value value, spec *s, lt_buf *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 16 * LT_MIB};
    char utf8[4];
    if (s->type == 'c' && lt_jinja_is_intlike(value)) {
        int64_t code = lt_jinja_intlike(value);
        lt_buf_add(
            &text,
            lt_text_at(utf8, code >= 0 && code < 0x110000 ? lt_utf8_put((uint32_t)code, utf8) : 0));
    } else if (s->type == 's' || s->type == 'c') {
        if (lt_jinja_is_strict(p->r, value))
            return lt_jinja_fail_undefined(p->r, value, err);
        lt_jinja_str(value, &text);
    } else {
        lt_jinja_repr(value, &text);
    }
    LT_TRY(lt_buf_check(&text, "the formatted value", err));
    if (s->type == 'c' && lt_jinja_chars(lt_buf_text(&text)) != 1)
        return lt_fail(err, LT_INVALID, "%%c requires int or char");
    s->type = '\0';
    s->align = s->align == '<' ? '<' : '>';
    s->fill = T(" ");
    return format_text(lt_jinja_text(lt_buf_text(&text)), s, out, err);
}

static lt_status percent_value(percent *p, lt_text format, size_t *at, lt_jinja_value *value,
                               lt_err *err)
{
    if (*at >= format.len || format.ptr[*at] != '(')
        return LT_OK;
    size_t end = lt_text_find_byte(format, ')', *at);
    if (end == SIZE_MAX)
        return lt_fail(err, LT_INVALID, "incomplete format key");
    if (p->args.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "format requires a mapping");
    lt_text name = lt_text_sub(format, *at + 1, end - *at - 1);
    if (!lt_jinja_find(p->args, name, value))
        return lt_fail(err, LT_INVALID, "KeyError: '%.*s'", LT_ARG(name));
    *at = end + 1;
    p->named = true;
    return LT_OK;
}

static void percent_flags(lt_text format, size_t *at, spec *s)
{
    char c;
    while (take(format, at, "-+ #0", &c)) {
        if (c == '-')
            s->align = '<';
        else if (c == '#')
            s->alternate = true;
        else if (c == '0')
            s->zero = true;
        else if (c == '+' || s->sign != '+')
            s->sign = c;
    }
    if (s->zero && !s->align) {
        s->align = '=';
        s->fill = T("0");
    }
}

/* One conversion; `at` stands behind the %. */
static lt_status convert(percent *p, lt_text format, size_t *at, lt_err *err)
{
    lt_buf *out = &p->r->out;
    spec s = {.fill = T(" "), .sign = '-', .precision = -1};
    lt_jinja_value value = {.kind = UINT8_MAX};
    int64_t count;
    char c;
    LT_TRY(percent_value(p, format, at, &value, err));
    percent_flags(format, at, &s);
    LT_TRY(percent_count(p, format, at, MAX_WIDTH, &count, err));
    if (count < 0)
        s.align = '<';
    s.width = (size_t)(count < 0 ? -count : count);
    if (take(format, at, ".", &c)) {
        LT_TRY(percent_count(p, format, at, MAX_PRECISION, &count, err));
        s.precision = (int)LT_MAX(count, (int64_t)0);
    }
    while (take(format, at, "hlL", &c))
        ;
    if (*at >= format.len)
        return lt_fail(err, LT_INVALID, "incomplete format");
    s.type = format.ptr[(*at)++];
    if (s.type == '%') {
        lt_buf_add_byte(out, '%');
        return LT_OK;
    }
    if (lt_jinja_is_absent(value))
        LT_TRY(next_arg(p, &value, err));
    if (s.type == 'i' || s.type == 'u')
        s.type = 'd';
    if (s.type && strchr("dxXoeEfFgG", s.type))
        return percent_number(&p->r->heap->arena, value, &s, out, err);
    if (s.type && strchr("srac", s.type))
        return percent_text(p, value, &s, out, err);
    return lt_fail(err, LT_INVALID, "unsupported format character '%c' (0x%x) at index %zu",
                   s.type >= ' ' ? s.type : '?', (unsigned char)s.type, *at - 1);
}

/* How many of the arguments of % must be used up: a tuple's items, one value; nothing of what can be asked by key. */
static size_t must_convert(lt_jinja_value args)
{
    if (args.type == LT_JINJA_TUPLE)
        return args.as.list->len;
    bool has_items = args.type == LT_JINJA_DICT || lt_jinja_is_undefined(args) ||
                     (args.type == LT_JINJA_LIST && args.as.list->kind != LIST_GENERATOR);
    return has_items ? 0 : 1;
}

lt_status lt_jinja_percent(lt_jinja_render *r, lt_text format, lt_jinja_value args,
                           lt_jinja_value *out, lt_err *err)
{
    percent p = {.r = r, .args = args};
    size_t mark = r->out.len;
    for (size_t at = 0; at < format.len;) {
        size_t next = lt_text_find_byte(format, '%', at);
        if (next == SIZE_MAX)
            next = format.len;
        lt_buf_add(&r->out, lt_text_sub(format, at, next - at));
        at = next + 1;
        if (next < format.len)
            LT_TRY(convert(&p, format, &at, err));
        LT_TRY(lt_jinja_charge(r, 1, err));
    }
    if (!p.named && p.next < must_convert(args))
        return lt_fail(err, LT_INVALID, "not all arguments converted during string formatting");
    LT_TRY(lt_jinja_charge(r, (r->out.len - mark) / 32, err));
    *out = lt_jinja_take(r, mark);
    return LT_OK;
}
