/* YAML scalars: null, true, 12, 1.5, or a text, by the rules of YAML 1.2's core schema or of YAML 1.1. */
#include "fmt/yaml_scalar.h"

#include "base/time.h"

#include <math.h>

static bool is_one_of(lt_text text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(text, lt_text_of(words[i])))
            return true;
    return false;
}

static bool is_null(lt_text text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return is_one_of(text, words, LT_COUNT(words));
}

static bool read_bool(lt_text text, bool yaml11, bool *truth)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON"};
    static const char *const no[] = {"false", "False", "FALSE", "no", "No",
                                     "NO",    "off",   "Off",   "OFF"};
    size_t count = yaml11 ? LT_COUNT(yes) : 3;
    *truth = is_one_of(text, yes, count);
    return *truth || is_one_of(text, no, count);
}

/* An integer while it is read: exact as long as it fits, and as a double. */
typedef struct number {
    bool minus, huge;
    uint64_t exact;
    double real;
} number;

static void add_digit(number *self, unsigned base, unsigned digit)
{
    self->real = self->real * base + digit;
    if (__builtin_mul_overflow(self->exact, (uint64_t)base, &self->exact) ||
        __builtin_add_overflow(self->exact, (uint64_t)digit, &self->exact))
        self->huge = true;
}

static unsigned digit_of(char c)
{
    if (lt_is_digit(c))
        return (unsigned)(c - '0');
    c = lt_lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

/* All of `digits` (and with `blanks` underscores) in `base`; at least one digit. */
static bool read_digits(lt_text digits, unsigned base, bool blanks, number *out)
{
    size_t seen = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (blanks && digits.ptr[i] == '_')
            continue;
        unsigned digit = digit_of(digits.ptr[i]);
        if (digit >= base)
            return false;
        add_digit(out, base, digit);
        seen++;
    }
    return seen > 0;
}

static lt_text behind(lt_text text, size_t len)
{
    return lt_text_sub(text, len, text.len);
}

static lt_text without_sign(lt_text text, bool *minus)
{
    *minus = lt_text_starts(text, T("-"));
    return *minus || lt_text_starts(text, T("+")) ? behind(text, 1) : text;
}

/* 1:30:00 is 5400: the parts behind the first are 0 to 59. */
static bool read_sexagesimal(lt_text text, number *out)
{
    lt_text part;
    size_t parts = 0;
    if (text.len == 0 || !lt_is_digit(text.ptr[0]))
        return false;
    while (lt_text_cut(&text, ':', &part)) {
        number one = {0};
        if (!read_digits(part, 10, parts == 0, &one) ||
            (parts && (part.len > 2 || one.exact > 59)) || one.huge)
            return false;
        if (parts++ == 0)
            *out = (number){.minus = out->minus, .exact = one.exact, .real = one.real};
        else
            add_digit(out, 60, (unsigned)one.exact);
    }
    return parts > 1;
}

static bool read_int11(lt_text text, number *out)
{
    text = without_sign(text, &out->minus);
    if (lt_text_starts(text, T("0b")))
        return read_digits(behind(text, 2), 2, true, out);
    if (lt_text_starts(text, T("0x")))
        return read_digits(behind(text, 2), 16, true, out);
    if (text.len > 1 && text.ptr[0] == '0')
        return read_digits(text, 8, true, out);
    if (text.len && lt_text_find_byte(text, ':', 0) != SIZE_MAX)
        return read_sexagesimal(text, out);
    return text.len && lt_is_digit(text.ptr[0]) && read_digits(text, 10, true, out);
}

static bool read_int12(lt_text text, number *out)
{
    if (lt_text_starts(text, T("0o")))
        return read_digits(behind(text, 2), 8, false, out);
    if (lt_text_starts(text, T("0x")))
        return read_digits(behind(text, 2), 16, false, out);
    return read_digits(without_sign(text, &out->minus), 10, false, out);
}

static bool read_special_float(lt_text text, double *out)
{
    static const char *const infinite[] = {".inf", ".Inf", ".INF"}, *const none[] = {".nan", ".NaN",
                                                                                     ".NAN"};
    bool minus;
    lt_text rest = without_sign(text, &minus);
    if (is_one_of(rest, infinite, LT_COUNT(infinite))) {
        *out = minus ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    *out = (double)NAN;
    return is_one_of(text, none, LT_COUNT(none));
}

/* Step over digits (with underscores in YAML 1.1), and count the digits. */
static size_t skip_digits(lt_text text, size_t *at, bool blanks)
{
    size_t digits = 0;
    for (; *at < text.len && (lt_is_digit(text.ptr[*at]) || (blanks && text.ptr[*at] == '_'));
         (*at)++)
        digits += text.ptr[*at] != '_';
    return digits;
}

static bool has_float_shape(lt_text text, bool yaml11)
{
    bool minus;
    lt_text written = text;
    text = without_sign(text, &minus);
    if (yaml11 && text.len && text.ptr[0] == '.' &&
        (text.len != written.len || text.len < 2 || text.ptr[1] == '_'))
        return false; /* PyYAML: neither a sign nor a blank around that point */
    size_t at = 0;
    size_t digits = skip_digits(text, &at, yaml11);
    bool point = at < text.len && text.ptr[at] == '.';
    if (point) {
        at++;
        digits += skip_digits(text, &at, yaml11);
    } else if (yaml11) {
        return false; /* PyYAML: 1e3 is a text */
    }
    if (digits == 0 || text.ptr[0] == '_')
        return false;
    if (at == text.len)
        return true;
    if (lt_lower(text.ptr[at++]) != 'e')
        return false;
    bool sign = at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-');
    at += sign;
    return (sign || !yaml11) && skip_digits(text, &at, false) > 0 && at == text.len;
}

/* 190:20:30.15 as YAML 1.1 has it. */
static bool read_sexagesimal_float(lt_text text, double *out)
{
    bool minus;
    size_t point = lt_text_find_byte(text, '.', 0);
    number whole = {0};
    double part = 0;
    lt_text rest = without_sign(text, &minus);
    if (point == SIZE_MAX ||
        !read_sexagesimal(lt_text_sub(rest, 0, rest.len - (text.len - point)), &whole))
        return false;
    lt_text fraction = behind(text, point);
    if (fraction.len > 1 && !lt_text_to_double(fraction, &part))
        return false;
    *out = (whole.real + part) * (minus ? -1 : 1);
    return true;
}

static bool read_float(lt_text text, bool yaml11, double *out)
{
    char plain[128];
    size_t len = 0;
    if (read_special_float(text, out) || (yaml11 && read_sexagesimal_float(text, out)))
        return true;
    if (text.len >= sizeof(plain) || !has_float_shape(text, yaml11))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '_' && !(i == 0 && text.ptr[i] == '+'))
            plain[len++] = text.ptr[i];
    if (!lt_text_to_double(lt_text_at(plain, len), out)) /* finite only */
        *out = plain[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

/* 2026-11-22, or with a time behind it. */
static bool is_time(lt_text text)
{
    int64_t moment;
    return text.len >= 10 && lt_is_digit(text.ptr[0]) && lt_time_read(text, &moment);
}

static bool read_int(lt_yaml *scalar, bool yaml11)
{
    number value = {0};
    if (!(yaml11 ? read_int11(scalar->text, &value) : read_int12(scalar->text, &value)))
        return false;
    scalar->type = LT_YAML_INT;
    uint64_t most = (uint64_t)INT64_MAX + value.minus;
    if (value.huge || value.exact > most) {
        scalar->huge = true;
        scalar->real = value.minus ? -value.real : value.real;
    } else {
        scalar->integer = value.minus ? (int64_t)(0 - value.exact) : (int64_t)value.exact;
    }
    return true;
}

void lt_yaml_resolve(lt_yaml *scalar, bool yaml11)
{
    bool truth;
    double real;
    lt_text text = scalar->text;
    scalar->type = LT_YAML_STRING;
    if (is_null(text)) {
        scalar->type = LT_YAML_NULL;
    } else if (read_bool(text, yaml11, &truth)) {
        scalar->type = LT_YAML_BOOL;
        scalar->truth = truth;
    } else if (read_int(scalar, yaml11)) {
        return;
    } else if (read_float(text, yaml11, &real)) {
        scalar->type = LT_YAML_FLOAT;
        scalar->real = real;
    } else if (yaml11 && is_time(text)) {
        scalar->type = LT_YAML_TIME;
    }
}

bool lt_yaml_apply_tag(lt_yaml *scalar, bool yaml11, bool *known)
{
    static const struct {
        const char *tag;
        lt_yaml_type type;
    } tags[] = {
        {"tag:yaml.org,2002:null", LT_YAML_NULL},      {"tag:yaml.org,2002:bool", LT_YAML_BOOL},
        {"tag:yaml.org,2002:int", LT_YAML_INT},        {"tag:yaml.org,2002:float", LT_YAML_FLOAT},
        {"tag:yaml.org,2002:timestamp", LT_YAML_TIME},
    };
    *known = true;
    if (lt_text_eq(scalar->tag, T("!")) || lt_text_eq(scalar->tag, T("tag:yaml.org,2002:str"))) {
        scalar->type = LT_YAML_STRING;
        return true;
    }
    for (size_t i = 0; i < LT_COUNT(tags); i++) {
        if (!lt_text_eq(scalar->tag, lt_text_of(tags[i].tag)) ||
            (tags[i].type == LT_YAML_TIME && !yaml11))
            continue;
        lt_yaml_resolve(scalar, yaml11);
        if (tags[i].type == LT_YAML_FLOAT && scalar->type == LT_YAML_INT) {
            scalar->type = LT_YAML_FLOAT;
            scalar->real = scalar->huge ? scalar->real : (double)scalar->integer;
            scalar->huge = false;
        }
        return scalar->type == tags[i].type;
    }
    *known = false;
    return false;
}
