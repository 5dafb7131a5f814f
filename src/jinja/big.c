/* Whole numbers over 64 bits, with GMP: values of the class "int". What fits into 64 bits is never one of them. */
#include "jinja/inner.h"

#include <gmp.h>
#include <math.h>

enum {
    MOST_DIGITS = 4300, /* of a text, as in Python */
    MOST_BITS = 14284   /* of a result: what has no more digits than that */
};

typedef struct big_object {
    lt_jinja_object object;
    mp_size_t size; /* of limbs; below zero for a number below zero */
    mp_limb_t limbs[];
} big_object;

typedef mpz_t lt_mpz;
static void lt_mpz_free(lt_mpz *number)
{
    mpz_clear(*number);
}
#define LT_MPZ(name_)                                                                              \
    __attribute__((cleanup(lt_mpz_free))) lt_mpz name_;                                            \
    mpz_init(name_)

static const big_object *big_of(const lt_jinja_object *self)
{
    return (const big_object *)self;
}

static void set(mpz_t out, lt_jinja_value value)
{
    mpz_t whole;
    if (lt_jinja_is_big(value)) {
        const big_object *big = big_of(value.as.object);
        mpz_set(out, mpz_roinit_n(whole, big->limbs, big->size));
    } else {
        mpz_set_si(out, lt_jinja_intlike(value));
    }
}

static lt_jinja_value value_of(lt_arena *arena, const mpz_t number)
{
    if (mpz_fits_slong_p(number))
        return lt_jinja_int(mpz_get_si(number));
    size_t count = mpz_size(number);
    big_object *made = lt_alloc(arena, sizeof(*made) + count * sizeof(mp_limb_t));
    made->object.class = &lt_jinja_big_class;
    made->size = mpz_sgn(number) < 0 ? -(mp_size_t)count : (mp_size_t)count;
    memcpy(made->limbs, mpz_limbs_read(number), count * sizeof(mp_limb_t));
    return lt_jinja_object_value(&made->object);
}

/* ---- texts ---- */

bool lt_jinja_is_long(lt_jinja_value value)
{
    return lt_jinja_is_big(value);
}

bool lt_jinja_whole(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out)
{
    return lt_jinja_read_int(&heap->arena, text, 10, out);
}

bool lt_jinja_big_read(lt_arena *arena, lt_text digits, int base, bool negative,
                       lt_jinja_value *out)
{
    LT_MPZ(made);
    LT_AUTO(lt_buf) plain = {.limit = MOST_DIGITS + 1};
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] != '_')
            lt_buf_add_byte(&plain, digits.ptr[i]);
    if (plain.overflow || plain.len > MOST_DIGITS ||
        mpz_set_str(made, lt_buf_chars(&plain), base) != 0)
        return false;
    if (negative)
        mpz_neg(made, made);
    *out = value_of(arena, made);
    return true;
}

void lt_jinja_big_digits(lt_jinja_value whole, int base, lt_buf *out)
{
    LT_MPZ(number);
    set(number, whole);
    mpz_abs(number, number);
    LT_AUTO(lt_chars) text = lt_xcalloc(mpz_sizeinbase(number, base) + 2, 1);
    lt_buf_add_str(out, mpz_get_str(text, base, number));
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_jinja_value value = {.type = LT_JINJA_OBJECT, .as.object = (void *)(uintptr_t)self};
    if (lt_jinja_big_is_negative(value))
        lt_buf_add_byte(out, '-');
    lt_jinja_big_digits(value, 10, out);
}

bool lt_jinja_big_is_negative(lt_jinja_value big)
{
    return big_of(big.as.object)->size < 0;
}

/* ---- floats ---- */

/* The nearest one, ties to even. `more`: the number is a little larger than that, away from zero. */
static double to_double(const mpz_t number, bool more)
{
    LT_MPZ(top);
    size_t bits = mpz_sizeinbase(number, 2), cut = bits > 64 ? bits - 64 : 0;
    mpz_tdiv_q_2exp(top, number, cut);
    mpz_abs(top, top);
    uint64_t digits = mpz_get_ui(top);
    if (more || (cut && mpz_scan1(number, 0) < cut))
        digits |= 1; /* below what a double has: it only breaks ties */
    double value = ldexp((double)digits, (int)cut);
    return mpz_sgn(number) < 0 ? -value : value;
}

static bool number(const lt_jinja_object *self, double *out)
{
    mpz_t whole;
    const big_object *big = big_of(self);
    *out = to_double(mpz_roinit_n(whole, big->limbs, big->size), false);
    return true;
}

bool lt_jinja_int_of_float(lt_arena *arena, double value, lt_jinja_value *out)
{
    if (!isfinite(value))
        return false;
    LT_MPZ(whole);
    mpz_set_d(whole, value);
    *out = value_of(arena, whole);
    return true;
}

/* a / b, nearest: with a quotient of more than 64 bits, and what is left of it. */
static lt_status divide(const mpz_t a, const mpz_t b, lt_jinja_value *out, lt_err *err)
{
    LT_MPZ(quotient);
    LT_MPZ(rest);
    long shift = 66 + (long)mpz_sizeinbase(b, 2) - (long)mpz_sizeinbase(a, 2);
    shift = LT_MAX(shift, 0L);
    mpz_mul_2exp(quotient, a, (mp_bitcnt_t)shift);
    mpz_tdiv_qr(quotient, rest, quotient, b);
    double value = ldexp(to_double(quotient, mpz_sgn(rest) != 0), (int)-shift);
    if (!isfinite(value))
        return lt_fail(err, LT_INVALID, "integer division result too large for a float");
    *out = lt_jinja_float(value);
    return LT_OK;
}

/* ---- arithmetic ---- */

static lt_status fail_bits(lt_err *err)
{
    return lt_fail(err, LT_TOO_BIG, "the whole number has more than %d digits", (int)MOST_DIGITS);
}

static lt_status power(mpz_t a, const mpz_t b, mpz_t out, lt_err *err)
{
    bool one = mpz_cmpabs_ui(a, 1) <= 0; /* 0, 1 and -1 do not grow */
    if (one && mpz_sgn(a))
        mpz_pow_ui(out, a, mpz_odd_p(b) ? 1 : 2);
    else if (one)
        mpz_set_ui(out, mpz_sgn(b) == 0);
    else if (mpz_cmp_ui(b, MOST_BITS) > 0 ||
             (mpz_sizeinbase(a, 2) - 1) * mpz_get_ui(b) > (size_t)MOST_BITS)
        return fail_bits(err);
    else
        mpz_pow_ui(out, a, mpz_get_ui(b));
    return LT_OK;
}

/* What gives no whole number: true division, and a power below zero. */
static bool gives_float(char op, const mpz_t b)
{
    return op == '/' || (op == OP_POW && mpz_sgn(b) < 0);
}

lt_status lt_jinja_whole_binary(lt_jinja_heap *heap, char op, lt_jinja_value left,
                                lt_jinja_value right, lt_jinja_value *out, lt_err *err)
{
    LT_MPZ(a);
    LT_MPZ(b);
    LT_MPZ(made);
    set(a, left);
    set(b, right);
    bool divides = op == '/' || op == '%' || op == OP_FLOOR;
    if (divides && !mpz_sgn(b))
        return lt_fail(err, LT_INVALID,
                       op == '/'   ? "division by zero"
                       : op == '%' ? "integer modulo by zero"
                                   : "integer division or modulo by zero");
    if (op == OP_POW && !mpz_sgn(a) && mpz_sgn(b) < 0)
        return lt_fail(err, LT_INVALID, "0.0 cannot be raised to a negative power");
    if (op == '/')
        return divide(a, b, out, err);
    if (gives_float(op, b)) {
        *out = lt_jinja_float(pow(to_double(a, false), to_double(b, false)));
        return LT_OK;
    }
    if (op == '+')
        mpz_add(made, a, b);
    else if (op == '-')
        mpz_sub(made, a, b);
    else if (op == '*')
        mpz_mul(made, a, b);
    else if (op == '%')
        mpz_fdiv_r(made, a, b);
    else if (op == OP_FLOOR)
        mpz_fdiv_q(made, a, b);
    else
        LT_TRY(power(a, b, made, err));
    if (mpz_sizeinbase(made, 2) > MOST_BITS)
        return fail_bits(err);
    LT_TRY(lt_jinja_room(heap, sizeof(big_object) + MOST_BITS / 8, err));
    *out = value_of(&heap->arena, made);
    return LT_OK;
}

/* ---- the class ---- */

static lt_status arithmetic(lt_jinja_render *r, lt_jinja_object *self, char op,
                            lt_jinja_value other, bool reflected, lt_jinja_value *out, bool *found,
                            lt_err *err)
{
    lt_jinja_value value = lt_jinja_object_value(self);
    *found = true;
    if (op == LT_JINJA_OP_ABS && !lt_jinja_big_is_negative(value)) {
        *out = value;
        return LT_OK;
    }
    if (op == LT_JINJA_OP_ABS || op == LT_JINJA_OP_NEGATE)
        return lt_jinja_whole_binary(r->heap, '-', lt_jinja_int(0), value, out, err);
    if (lt_jinja_is_whole(other))
        return lt_jinja_whole_binary(r->heap, op, reflected ? other : value,
                                     reflected ? value : other, out, err);
    double f = 0;
    *found = other.type == LT_JINJA_FLOAT && number(self, &f);
    if (!*found)
        return LT_OK;
    if (!isfinite(f))
        return lt_fail(err, LT_INVALID, "int too large to convert to float");
    return lt_jinja_binary(r, op, reflected ? other : lt_jinja_float(f),
                           reflected ? lt_jinja_float(f) : other, out, err);
}

static bool compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    mpz_t whole;
    const big_object *big = big_of(self);
    (void)mpz_roinit_n(whole, big->limbs, big->size);
    int found = 0;
    if (other.type == LT_JINJA_FLOAT && isnan(other.as.f)) {
        *order = 2;
        return true;
    }
    if (other.type == LT_JINJA_FLOAT) {
        found = mpz_cmp_d(whole, other.as.f);
    } else if (lt_jinja_is_whole(other)) {
        LT_MPZ(theirs);
        set(theirs, other);
        found = mpz_cmp(whole, theirs);
    } else {
        return false;
    }
    *order = found < 0 ? -1 : found > 0;
    return true;
}

static bool equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return compare(self, other, &order) && order == 0;
}

static lt_jinja_value copy(const lt_jinja_object *self, lt_jinja_heap *heap)
{
    mpz_t whole;
    const big_object *big = big_of(self);
    return value_of(&heap->arena, mpz_roinit_n(whole, big->limbs, big->size));
}

const lt_jinja_class lt_jinja_big_class = {
    .name = "int",
    .repr = repr,
    .equal = equal,
    .compare = compare,
    .arithmetic = arithmetic,
    .number = number,
    .copy = copy,
    .is_number = true,
};
