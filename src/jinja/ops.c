/* Arithmetic as Python does it; what leaves 64 bits is done in big.c. */
#include "jinja/inner.h"

#include <math.h>
#include <stdlib.h>

static const char *op_word(char op)
{
    switch (op) {
    case OP_FLOOR:
        return "//";
    case OP_POW:
        return "** or pow()";
    case '+':
        return "+";
    case '-':
        return "-";
    case '*':
        return "*";
    case '/':
        return "/";
    default:
        return "%";
    }
}

static lt_status fail_types(char op, lt_jinja_value a, lt_jinja_value b, lt_err *err)
{
    if (op == '+' && a.type == LT_JINJA_STR)
        return lt_fail(err, LT_INVALID, "can only concatenate str (not \"%s\") to str",
                       lt_jinja_type_name(b));
    if (op == '+' && lt_jinja_is_list(a) && a.as.list->kind == LIST_PLAIN)
        return lt_fail(err, LT_INVALID, "can only concatenate %s (not \"%s\") to %s",
                       lt_jinja_type_name(a), lt_jinja_type_name(b), lt_jinja_type_name(a));
    return lt_fail(err, LT_INVALID, "unsupported operand type(s) for %s: '%s' and '%s'",
                   op_word(op), lt_jinja_type_name(a), lt_jinja_type_name(b));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

/* False: it does not fit into 64 bits, or is no whole number. */
static bool int_pow(int64_t base, int64_t exponent, int64_t *out)
{
    int64_t result = 1;
    if (exponent < 0)
        return false;
    while (exponent) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return false;
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base))
            return false;
    }
    *out = result;
    return true;
}

static bool int_small(char op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case '+':
        return !__builtin_add_overflow(a, b, out);
    case '-':
        return !__builtin_sub_overflow(a, b, out);
    case '*':
        return !__builtin_mul_overflow(a, b, out);
    case OP_POW:
        return int_pow(a, b, out);
    case '/':
        return false;
    default:
        if (b == 0 || b == -1)
            return false;
        *out = op == OP_FLOOR ? floor_div(a, b) : a - floor_div(a, b) * b;
        return true;
    }
}

static lt_status int_binary(lt_jinja_render *r, char op, lt_jinja_value a, lt_jinja_value b,
                            lt_jinja_value *out, lt_err *err)
{
    int64_t x = lt_jinja_intlike(a), y = lt_jinja_intlike(b), made;
    if (int_small(op, x, y, &made))
        *out = lt_jinja_int(made);
    else if (op == '/' && y != 0 && LT_MAX(llabs(x), llabs(y)) < INT64_C(1) << 53 && x != INT64_MIN)
        *out = lt_jinja_float((double)x / (double)y);
    else
        return lt_jinja_whole_binary(r->heap, op, a, b, out, err);
    return LT_OK;
}

/* float_divmod() of CPython: the remainder has the sign of the divisor, the quotient is floored. */
static double float_mod(double a, double b)
{
    double rest = fmod(a, b);
    if (rest != 0)
        return (b < 0) != (rest < 0) ? rest + b : rest;
    return copysign(0.0, b);
}

static double float_floor_div(double a, double b)
{
    double quotient = (a - float_mod(a, b)) / b;
    if (quotient == 0)
        return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}

static lt_status float_pow(double a, double b, lt_jinja_value *out, lt_err *err)
{
    if (a == 0 && b < 0)
        return lt_fail(err, LT_INVALID, "0.0 cannot be raised to a negative power");
    double result = pow(a, b);
    if (isnan(result) && !isnan(a) && !isnan(b))
        return lt_fail(err, LT_INVALID, "a negative number has no real power with a fraction");
    if (isinf(result) && !isinf(a) && !isinf(b))
        return lt_fail(err, LT_INVALID, "(34, 'Numerical result out of range')");
    *out = lt_jinja_float(result);
    return LT_OK;
}

static lt_status float_binary(char op, double a, double b, lt_jinja_value *out, lt_err *err)
{
    if (b == 0 && (op == '/' || op == OP_FLOOR || op == '%'))
        return lt_fail(err, LT_INVALID,
                       op == '/'   ? "float division by zero"
                       : op == '%' ? "float modulo"
                                   : "float floor division by zero");
    switch (op) {
    case '+':
        *out = lt_jinja_float(a + b);
        return LT_OK;
    case '-':
        *out = lt_jinja_float(a - b);
        return LT_OK;
    case '*':
        *out = lt_jinja_float(a * b);
        return LT_OK;
    case '/':
        *out = lt_jinja_float(a / b);
        return LT_OK;
    case OP_POW:
        return float_pow(a, b, out, err);
    case OP_FLOOR:
        *out = lt_jinja_float(float_floor_div(a, b));
        return LT_OK;
    default:
        *out = lt_jinja_float(float_mod(a, b));
        return LT_OK;
    }
}

static bool is_sequence(lt_jinja_value v)
{
    return v.type == LT_JINJA_STR || (lt_jinja_is_list(v) && v.as.list->kind == LIST_PLAIN);
}

/* "ab" * 3, [0] * 3 */
static lt_status repeat(lt_jinja_render *r, lt_jinja_value what, int64_t times, lt_jinja_value *out,
                        lt_err *err)
{
    bool is_text = what.type == LT_JINJA_STR;
    size_t one = is_text ? what.len : what.as.list->len;
    size_t count = times < 0 ? 0 : (size_t)times, total, size;
    if (__builtin_mul_overflow(one, count, &total) ||
        __builtin_mul_overflow(total, is_text ? (size_t)1 : sizeof(lt_jinja_value), &size))
        size = SIZE_MAX;
    LT_TRY(lt_jinja_room(r->heap, size, err));
    LT_TRY(lt_jinja_charge(r, size / 32, err));
    if (is_text) {
        char *made = lt_jinja_alloc(r->heap, total + 1);
        for (size_t i = 0; i < total; i += one)
            memcpy(made + i, what.as.s, one);
        *out = lt_jinja_text(lt_text_at(made, total));
        return LT_OK;
    }
    lt_jinja_value list = lt_jinja_list_of(r->heap, LIST_PLAIN, total);
    list.type = what.type;
    for (size_t i = 0; i < total; i++)
        lt_jinja_list_push(list.as.list, what.as.list->items[i % one]);
    *out = list;
    return LT_OK;
}

static lt_status join_lists(lt_jinja_render *r, lt_jinja_value a, lt_jinja_value b,
                            lt_jinja_value *out, lt_err *err)
{
    size_t count = a.as.list->len + b.as.list->len;
    LT_TRY(lt_jinja_room(r->heap, count * sizeof(lt_jinja_value), err));
    LT_TRY(lt_jinja_charge(r, count / 2, err));
    lt_jinja_value made = lt_jinja_list_of(r->heap, LIST_PLAIN, count);
    made.type = a.type;
    for (size_t i = 0; i < a.as.list->len; i++)
        lt_jinja_list_push(made.as.list, a.as.list->items[i]);
    for (size_t i = 0; i < b.as.list->len; i++)
        lt_jinja_list_push(made.as.list, b.as.list->items[i]);
    *out = made;
    return LT_OK;
}

/* A set, or a view of a dict, as a set of its own. */
static lt_status set_of(lt_jinja_render *r, lt_jinja_value from, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value list;
    uint32_t hash;
    LT_TRY(lt_jinja_to_list(r, from, &list, err));
    *out = lt_jinja_set(r->heap);
    for (size_t i = 0; i < list.as.list->len; i++) {
        if (!lt_jinja_hash(list.as.list->items[i], &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'",
                           lt_jinja_type_name(list.as.list->items[i]));
        lt_jinja_add(*out, list.as.list->items[i]);
    }
    return lt_jinja_charge(r, list.as.list->len, err);
}

/* `a` is set-like; behind a set there must be one too, behind a view anything that can be iterated. */
static lt_status set_minus(lt_jinja_render *r, lt_jinja_value a, lt_jinja_value b,
                           lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value from, gone, key, value;
    if (a.type == LT_JINJA_SET && !lt_jinja_is_setlike(b))
        return fail_types('-', a, b, err);
    LT_TRY(set_of(r, a, &from, err));
    LT_TRY(set_of(r, b, &gone, err));
    *out = lt_jinja_set(r->heap);
    for (size_t at = 0; lt_jinja_next(from, &at, &key, &value);)
        if (!lt_jinja_dict_get(gone.as.dict, key))
            lt_jinja_add(*out, key);
    return LT_OK;
}

static lt_status object_binary(lt_jinja_render *r, char op, lt_jinja_value a, lt_jinja_value b,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    *found = false;
    if (a.type == LT_JINJA_OBJECT && a.as.object->class->arithmetic)
        LT_TRY(a.as.object->class->arithmetic(r, a.as.object, op, b, false, out, found, err));
    if (!*found && b.type == LT_JINJA_OBJECT && b.as.object->class->arithmetic)
        LT_TRY(b.as.object->class->arithmetic(r, b.as.object, op, a, true, out, found, err));
    return LT_OK;
}

static lt_status add(lt_jinja_render *r, lt_jinja_value a, lt_jinja_value b, lt_jinja_value *out,
                     lt_err *err)
{
    if (a.type == LT_JINJA_STR && b.type == LT_JINJA_STR) {
        LT_TRY(lt_jinja_charge(r, b.len / 32, err));
        *out = lt_jinja_concat(r->heap, lt_jinja_as_text(a), lt_jinja_as_text(b));
        return LT_OK;
    }
    if (is_sequence(a) && a.type == b.type && is_sequence(b))
        return join_lists(r, a, b, out, err);
    return fail_types('+', a, b, err);
}

lt_status lt_jinja_binary(lt_jinja_render *r, char op, lt_jinja_value a, lt_jinja_value b,
                          lt_jinja_value *out, lt_err *err)
{
    if (lt_jinja_is_number(a) && lt_jinja_is_number(b)) {
        if (a.type == LT_JINJA_FLOAT || b.type == LT_JINJA_FLOAT)
            return float_binary(op, lt_jinja_to_float(a), lt_jinja_to_float(b), out, err);
        return int_binary(r, op, a, b, out, err);
    }
    if (op == '%' && a.type == LT_JINJA_STR)
        return lt_jinja_percent(r, lt_jinja_as_text(a), b, out, err);
    if (lt_jinja_is_undefined(a) || lt_jinja_is_undefined(b)) {
        lt_jinja_value missing = lt_jinja_is_undefined(a) ? a : b;
        if (!lt_jinja_is_absorbed(r->env, missing))
            return lt_jinja_fail_undefined(r, missing, err);
        *out = missing;
        return LT_OK;
    }
    bool found;
    LT_TRY(object_binary(r, op, a, b, out, &found, err));
    if (found)
        return LT_OK;
    if (op == '+')
        return add(r, a, b, out, err);
    if (op == '*' && is_sequence(a) && lt_jinja_is_intlike(b))
        return repeat(r, a, lt_jinja_intlike(b), out, err);
    if (op == '*' && is_sequence(b) && lt_jinja_is_intlike(a))
        return repeat(r, b, lt_jinja_intlike(a), out, err);
    if (op == '-' && lt_jinja_is_setlike(a))
        return set_minus(r, a, b, out, err);
    return fail_types(op, a, b, err);
}

lt_status lt_jinja_plus(lt_jinja_render *render, lt_jinja_value a, lt_jinja_value b,
                        lt_jinja_value *out, lt_err *err)
{
    return lt_jinja_binary(render, '+', a, b, out, err);
}

lt_status lt_jinja_items(lt_jinja_render *render, lt_jinja_value value, lt_jinja_value *list,
                         lt_err *err)
{
    return lt_jinja_to_list(render, value, list, err);
}
