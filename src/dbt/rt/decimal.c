/* Numbers of a database that are no whole numbers, with the arithmetic of Python's Decimal: exact, or 28 digits, half to even. */
#include "dbt/rt/inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PRECISION = 28,
    MOST_DIGITS = 1100, /* of an operand; a double has up to 767 */
    MOST_SHIFT = 2200,  /* zeros that are put behind one */
    MOST_EXPONENT = 20000
};

/* digits * 10^exponent. The digits are numbers 0 to 9, the first is no zero; of zero there is none. */
typedef struct number {
    const unsigned char *digits;
    size_t len;
    int64_t exponent;
    bool negative;
} number;

typedef struct decimal_object {
    lt_jinja_object object;
    lt_text text; /* as Python writes it */
    number number;
    bool is_plain; /* else NaN, infinite, or with more digits than are counted with */
    double value;
} decimal_object;

static const lt_jinja_class decimal_class;

static const decimal_object *decimal_of(const lt_jinja_object *self)
{
    return (const decimal_object *)self;
}

/* ---- texts ---- */

static number stripped(number n)
{
    while (n.len && !n.digits[0]) {
        n.digits++;
        n.len--;
    }
    return n;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool read_number(lt_text text, lt_arena *arena, number *out)
{
    unsigned char *digits = lt_alloc(arena, text.len + 1);
    size_t at = 0, len = 0;
    bool point = false, any = false;
    *out = (number){.digits = digits, .negative = text.len && text.ptr[0] == '-'};
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        at++;
    for (; at < text.len && (lt_is_digit(text.ptr[at]) || (text.ptr[at] == '.' && !point)); at++) {
        if (text.ptr[at] == '.') {
            point = true;
            continue;
        }
        any = true;
        digits[len++] = (unsigned char)(text.ptr[at] - '0');
        out->exponent -= point;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        int64_t exponent;
        lt_text rest = lt_text_sub(text, at + 1, SIZE_MAX);
        if (rest.len && rest.ptr[0] == '+')
            rest = lt_text_sub(rest, 1, SIZE_MAX);
        if (!lt_text_to_i64(rest, &exponent) || exponent > MOST_EXPONENT ||
            exponent < -MOST_EXPONENT)
            return false;
        out->exponent += exponent;
        at = text.len;
    }
    out->len = len;
    *out = stripped(*out);
    return any && at == text.len && out->len <= MOST_DIGITS && out->exponent >= -MOST_EXPONENT;
}

static void add_digits(const number *n, size_t from, size_t to, lt_buf *out)
{
    for (size_t i = from; i < to; i++)
        lt_buf_add_byte(out, (char)('0' + n->digits[i]));
}

/* As str(Decimal): plain, unless there are zeros behind it or more than five between the point and the first digit. */
static void write_number(const number *given, lt_buf *out)
{
    static const unsigned char zero[1] = {0};
    number n = *given;
    if (!n.len) {
        n.digits = zero;
        n.len = 1;
    }
    int64_t left = n.exponent + (int64_t)n.len; /* digits in front of the point */
    lt_buf_add_str(out, n.negative ? "-" : "");
    if (n.exponent <= 0 && left > -6) {
        size_t whole = left > 0 ? (size_t)left : 0;
        add_digits(&n, 0, whole, out);
        lt_buf_add_str(out, whole ? "" : "0");
        lt_buf_add_str(out, n.exponent < 0 ? "." : "");
        for (int64_t i = left; i < 0; i++)
            lt_buf_add_byte(out, '0');
        add_digits(&n, whole, n.len, out);
        return;
    }
    add_digits(&n, 0, 1, out);
    lt_buf_add_str(out, n.len > 1 ? "." : "");
    add_digits(&n, 1, n.len, out);
    lt_buf_printf(out, "E%+lld", (long long)left - 1);
}

static lt_jinja_value value_of(lt_jinja_heap *heap, const number *n, lt_text otherwise)
{
    LT_AUTO(lt_buf) text = {0};
    decimal_object *made = LT_NEW(&heap->arena, decimal_object);
    *made = (decimal_object){.object.class = &decimal_class, .is_plain = n != NULL};
    if (n) {
        made->number = *n;
        write_number(n, &text);
    } else {
        lt_buf_add(&text, otherwise);
    }
    made->text = lt_jinja_as_text(lt_jinja_text_copy(heap, lt_buf_text(&text)));
    made->value = strtod(lt_buf_chars(&text), NULL);
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_decimal_value(lt_jinja_heap *heap, lt_text digits)
{
    number n;
    bool plain = read_number(digits, &heap->arena, &n);
    return value_of(heap, plain ? &n : NULL, digits);
}

static void str(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add(out, decimal_of(self)->text);
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_printf(out, "Decimal('%.*s')", LT_ARG(decimal_of(self)->text));
}

static bool truth(const lt_jinja_object *self)
{
    return decimal_of(self)->value != 0 || decimal_of(self)->number.len;
}

/* ---- digits ---- */

/* The same value with zeros behind it. */
static number shifted(lt_arena *arena, number n, size_t zeros)
{
    unsigned char *digits = lt_alloc(arena, n.len + zeros + 1);
    if (n.len)
        memcpy(digits, n.digits, n.len);
    n.digits = digits;
    n.exponent -= (int64_t)zeros;
    n.len = n.len ? n.len + zeros : 0;
    return n;
}

static int compare_digits(number a, number b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    int order = a.len ? memcmp(a.digits, b.digits, a.len) : 0;
    return (order > 0) - (order < 0);
}

/* a + b, or a - b where a is not smaller; signs do not count. */
static number combined(lt_arena *arena, number a, number b, int sign)
{
    size_t len = LT_MAX(a.len, b.len) + 1;
    unsigned char *digits = lt_alloc(arena, len);
    int carry = 0;
    for (size_t i = 0; i < len; i++) {
        int left = i < a.len ? a.digits[a.len - 1 - i] : 0;
        int right = i < b.len ? b.digits[b.len - 1 - i] : 0;
        int sum = left + sign * right + carry + 10;
        digits[len - 1 - i] = (unsigned char)(sum % 10);
        carry = sum / 10 - 1;
    }
    return stripped((number){.digits = digits, .len = len, .exponent = a.exponent});
}

static number product(lt_arena *arena, number a, number b)
{
    size_t len = a.len + b.len;
    unsigned char *digits = lt_alloc(arena, len + 1);
    for (size_t i = a.len; i-- > 0;) {
        unsigned carry = 0;
        for (size_t k = b.len; k-- > 0;) {
            unsigned sum = digits[i + k + 1] + a.digits[i] * (unsigned)b.digits[k] + carry;
            digits[i + k + 1] = (unsigned char)(sum % 10);
            carry = sum / 10;
        }
        digits[i] = (unsigned char)(digits[i] + carry);
    }
    return stripped((number){.digits = digits,
                             .len = len,
                             .exponent = a.exponent + b.exponent,
                             .negative = a.negative != b.negative});
}

/* Whole numbers: a = quotient * b + rest, all without signs. */
static number quotient(lt_arena *arena, number a, number b, number *rest)
{
    unsigned char *digits = lt_alloc(arena, a.len + 1), *left = lt_alloc(arena, a.len + 1);
    number r = {.digits = left};
    size_t begin = 0, end = 0; /* of what is left, in `left` */
    for (size_t i = 0; i < a.len; i++) {
        left[end++] = a.digits[i];
        r = stripped((number){.digits = left + begin, .len = end - begin});
        while (compare_digits(r, b) >= 0) {
            int borrow = 0;
            for (size_t k = 0; k < r.len; k++) {
                size_t at = end - 1 - k;
                int digit = left[at] - (k < b.len ? b.digits[b.len - 1 - k] : 0) - borrow;
                borrow = digit < 0;
                left[at] = (unsigned char)(digit + 10 * borrow);
            }
            digits[i]++;
            r = stripped((number){.digits = left + begin, .len = end - begin});
        }
        begin = end - r.len;
    }
    *rest = r;
    return stripped((number){.digits = digits, .len = a.len});
}

/* No more than 28 digits: half to even. */
static number rounded(lt_arena *arena, number n)
{
    static const unsigned char one[1] = {1};
    if (n.len <= PRECISION)
        return n;
    size_t cut = n.len - PRECISION;
    const unsigned char *behind = n.digits + PRECISION;
    bool more = false;
    for (size_t i = 1; i < cut; i++)
        more = more || behind[i];
    bool up = behind[0] > 5 || (behind[0] == 5 && (more || n.digits[PRECISION - 1] % 2));
    number kept = n;
    kept.len = PRECISION;
    kept.exponent += (int64_t)cut;
    if (!up)
        return kept;
    number sum = combined(arena, kept, (number){.digits = one, .len = 1}, 1);
    sum.negative = n.negative;
    return sum.len > PRECISION ? rounded(arena, sum) : sum;
}

/* ---- arithmetic ---- */

static lt_status too_large(lt_err *err)
{
    return lt_fail(err, LT_INVALID, "a Decimal of more than %d digits", MOST_SHIFT);
}

/* Both with the smaller exponent. */
static lt_status align(lt_arena *arena, number *a, number *b, lt_err *err)
{
    number *high = a->exponent > b->exponent ? a : b;
    int64_t gap = high->exponent - LT_MIN(a->exponent, b->exponent);
    if (gap > MOST_SHIFT)
        return too_large(err);
    *high = shifted(arena, *high, (size_t)gap);
    return LT_OK;
}

static lt_status sum(lt_arena *arena, number a, number b, number *out, lt_err *err)
{
    LT_TRY(align(arena, &a, &b, err));
    if (a.negative == b.negative) {
        *out = combined(arena, a, b, 1);
        out->negative = a.negative;
        return LT_OK;
    }
    bool less = compare_digits(a, b) < 0;
    *out = less ? combined(arena, b, a, -1) : combined(arena, a, b, -1);
    out->negative = out->len && (less ? b.negative : a.negative);
    return LT_OK;
}

/* An exact one has no more zeros at its end than the operands give it. */
static lt_status ratio(lt_arena *arena, number a, number b, number *out, lt_err *err)
{
    static const unsigned char one[1] = {1};
    int64_t ideal = a.exponent - b.exponent;
    int64_t shift = a.len ? (int64_t)b.len - (int64_t)a.len + PRECISION + 1 : 0;
    bool negative = a.negative != b.negative;
    number rest;
    if (!b.len)
        return lt_fail(err, LT_INVALID, "division by zero");
    if (shift > 0)
        a = shifted(arena, a, (size_t)shift);
    else
        b = shifted(arena, b, (size_t)-shift);
    number made = quotient(arena, a, b, &rest);
    made.exponent = ideal - shift;
    if (rest.len && made.len && made.digits[made.len - 1] % 5 == 0) {
        int64_t exponent = made.exponent; /* what is left must not look like a half */
        made = combined(arena, made, (number){.digits = one, .len = 1}, 1);
        made.exponent = exponent;
    }
    while (!rest.len && made.len && made.exponent < ideal && !made.digits[made.len - 1]) {
        made.len--;
        made.exponent++;
    }
    made.negative = negative;
    *out = made;
    return LT_OK;
}

/* Towards zero, as Decimal does it: the rest has the sign of `a`. */
static lt_status whole_ratio(lt_arena *arena, number a, number b, bool rest_wanted, number *out,
                             lt_err *err)
{
    number rest;
    int64_t exponent = LT_MIN(a.exponent, b.exponent);
    bool negative = a.negative;
    if (!b.len)
        return lt_fail(err, LT_INVALID, "division by zero");
    LT_TRY(align(arena, &a, &b, err));
    number made = quotient(arena, a, b, &rest);
    if (made.len > PRECISION)
        return lt_fail(err, LT_INVALID, "the quotient has more than %d digits", PRECISION);
    *out = rest_wanted ? rest : made;
    out->exponent = rest_wanted ? exponent : 0;
    out->negative = rest_wanted ? negative : negative != b.negative;
    return LT_OK;
}

static bool whole_of(number n, int64_t *out)
{
    int64_t value = 0;
    for (; n.exponent < 0 && n.len && !n.digits[n.len - 1]; n.exponent++)
        n.len--;
    if (!n.len)
        n.exponent = 0;
    if (n.exponent < 0 || n.exponent + (int64_t)n.len > 4)
        return false;
    for (size_t i = 0; i < n.len + (size_t)n.exponent; i++)
        value = 10 * value + (i < n.len ? n.digits[i] : 0);
    *out = n.negative ? -value : value;
    return true;
}

static lt_status power(lt_arena *arena, number a, number b, number *out, lt_err *err)
{
    static const unsigned char one[1] = {1};
    int64_t times;
    number made = {.digits = one, .len = 1};
    if (!whole_of(b, &times) || (!a.len && times <= 0))
        return lt_fail(err, LT_INVALID, "a Decimal to the power of what is no whole number");
    for (int64_t i = 0; i < (times < 0 ? -times : times); i++) {
        if (made.len + a.len > MOST_SHIFT)
            return too_large(err);
        made = product(arena, made, a);
    }
    if (!made.len)
        made = (number){0};
    if (times < 0)
        return ratio(arena, (number){.digits = one, .len = 1}, made, out, err);
    *out = made;
    return LT_OK;
}

static lt_status compute(lt_arena *arena, char op, number a, number b, number *out, lt_err *err)
{
    switch (op) {
    case '-':
        b.negative = !b.negative;
        return sum(arena, a, b, out, err);
    case '+':
        return sum(arena, a, b, out, err);
    case '*':
        *out = product(arena, a, b);
        return LT_OK;
    case '/':
        return ratio(arena, a, b, out, err);
    case LT_JINJA_OP_FLOOR:
        return whole_ratio(arena, a, b, false, out, err);
    case '%':
        return whole_ratio(arena, a, b, true, out, err);
    default:
        return power(arena, a, b, out, err);
    }
}

/* ---- values ---- */

/* Exactly; of a float all the digits that it has in binary. */
static bool number_of(lt_jinja_value value, lt_arena *arena, number *out)
{
    LT_AUTO(lt_buf) text = {0};
    if (value.type == LT_JINJA_OBJECT && value.as.object->class == &decimal_class) {
        *out = decimal_of(value.as.object)->number;
        return decimal_of(value.as.object)->is_plain;
    }
    if (value.type == LT_JINJA_FLOAT)
        lt_buf_printf(&text, "%.770e", value.as.f);
    else if (value.type == LT_JINJA_INT || value.type == LT_JINJA_BOOL)
        lt_buf_printf(&text, "%lld",
                      (long long)(value.type == LT_JINJA_INT ? value.as.i : value.as.b));
    return text.len && read_number(lt_buf_text(&text), arena, out);
}

static bool float_of(lt_jinja_value value, double *out)
{
    if (value.type == LT_JINJA_OBJECT && value.as.object->class == &decimal_class)
        *out = decimal_of(value.as.object)->value;
    else if (value.type == LT_JINJA_FLOAT)
        *out = value.as.f;
    else if (value.type == LT_JINJA_INT || value.type == LT_JINJA_BOOL)
        *out = value.type == LT_JINJA_INT ? (double)value.as.i : value.as.b;
    else
        return false;
    return true;
}

static bool compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_err none = {0};
    number a = decimal_of(self)->number, b, difference;
    double left = decimal_of(self)->value, right;
    if (!float_of(other, &right) || isnan(left) || isnan(right))
        return false;
    *order = left < right ? -1 : left > right;
    if (decimal_of(self)->is_plain && number_of(other, &arena, &b) &&
        compute(&arena, '-', a, b, &difference, &none) == LT_OK)
        *order = !difference.len ? 0 : difference.negative ? -1 : 1;
    return true;
}

static bool equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return compare(self, other, &order) && order == 0;
}

/* -x and abs(x): rounded, as any result is. */
static lt_status with_sign(lt_jinja_render *render, const decimal_object *self, bool negative,
                           lt_jinja_value *out, lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    if (!self->is_plain)
        return lt_fail(err, LT_INVALID, "no arithmetic with %.*s", LT_ARG(self->text));
    number made = rounded(&heap->arena, self->number);
    made.negative = negative && made.len;
    *out = value_of(heap, &made, (lt_text){0});
    return LT_OK;
}

static lt_status arithmetic(lt_jinja_render *render, lt_jinja_object *self, char op,
                            lt_jinja_value other, bool reflected, lt_jinja_value *out, bool *found,
                            lt_err *err)
{
    const decimal_object *own = decimal_of(self);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    number a = own->number, b, made;
    double ignored;
    *found = true;
    if (op == LT_JINJA_OP_NEGATE || op == LT_JINJA_OP_ABS)
        return with_sign(render, own, op == LT_JINJA_OP_NEGATE && !a.negative, out, err);
    *found = float_of(other, &ignored);
    if (!*found)
        return LT_OK;
    if (other.type == LT_JINJA_FLOAT)
        return lt_fail(err, LT_INVALID,
                       "unsupported operand type(s) for %s: 'decimal.Decimal' and 'float'",
                       op == LT_JINJA_OP_FLOOR ? "//"
                       : op == LT_JINJA_OP_POW ? "**"
                                               : (char[]){op, '\0'});
    if (!own->is_plain || !number_of(other, &heap->arena, &b))
        return lt_fail(err, LT_INVALID, "no arithmetic with %.*s", LT_ARG(own->text));
    LT_TRY(compute(&heap->arena, op, reflected ? b : a, reflected ? a : b, &made, err));
    made = rounded(&heap->arena, made);
    *out = value_of(heap, &made, (lt_text){0});
    return LT_OK;
}

static bool to_number(const lt_jinja_object *self, double *out)
{
    *out = decimal_of(self)->value;
    return true;
}

static const lt_jinja_class decimal_class = {
    .name = "Decimal",
    .str = str,
    .repr = repr,
    .truth = truth,
    .compare = compare,
    .equal = equal,
    .arithmetic = arithmetic,
    .number = to_number,
    .is_number = true,
};
