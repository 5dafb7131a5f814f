/* Numbers of a database that are no whole numbers: they keep their digits and print as they are written. */
#include "dbt/rt/inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct decimal_object {
    lt_jinja_object object;
    lt_text digits;
    double value;
} decimal_object;

static const lt_jinja_class decimal_class;

static const decimal_object *decimal_of(const lt_jinja_object *self)
{
    return (const decimal_object *)self;
}

lt_jinja_value lt_dbt_decimal_value(lt_jinja_heap *heap, lt_text digits)
{
    decimal_object *made = LT_NEW(&heap->arena, decimal_object);
    *made = (decimal_object){.object.class = &decimal_class};
    made->digits = lt_jinja_as_text(lt_jinja_text_copy(heap, digits));
    char text[512];
    snprintf(text, sizeof(text), "%.*s", LT_ARG(digits));
    made->value = strtod(text, NULL);
    return lt_jinja_object_value(&made->object);
}

static void str(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add(out, decimal_of(self)->digits);
}

static void repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_printf(out, "Decimal('%.*s')", LT_ARG(decimal_of(self)->digits));
}

static bool truth(const lt_jinja_object *self)
{
    return decimal_of(self)->value != 0;
}

static bool number_of(lt_jinja_value value, double *out)
{
    switch (value.type) {
    case LT_JINJA_INT:
        *out = (double)value.as.i;
        return true;
    case LT_JINJA_BOOL:
        *out = value.as.b;
        return true;
    case LT_JINJA_FLOAT:
        *out = value.as.f;
        return true;
    case LT_JINJA_OBJECT:
        if (value.as.object->class != &decimal_class)
            return false;
        *out = decimal_of(value.as.object)->value;
        return true;
    default:
        return false;
    }
}

static bool compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    double a = decimal_of(self)->value, b;
    if (!number_of(other, &b))
        return false;
    *order = a < b ? -1 : a > b;
    return true;
}

static bool equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return compare(self, other, &order) && order == 0;
}

static unsigned decimals_of(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT)
        return 0;
    lt_text digits = decimal_of(value.as.object)->digits;
    size_t point = lt_text_find_byte(digits, '.', 0);
    return point == SIZE_MAX ? 0 : (unsigned)(digits.len - point - 1);
}

/* Sums and products have the decimals that Python's Decimal gives them; quotients up to 28 significant digits are beyond a
 * double: 17 are given. */
static lt_jinja_value result(lt_jinja_heap *heap, char op, double value, unsigned a, unsigned b)
{
    char text[400];
    if (op == '/')
        snprintf(text, sizeof(text), "%.17g", value);
    else
        snprintf(text, sizeof(text), "%.*f", (int)(op == '*' ? a + b : LT_MAX(a, b)), value);
    return lt_dbt_decimal_value(heap, lt_text_of(text));
}

static lt_status arithmetic(lt_jinja_render *render, lt_jinja_object *self, char op,
                            lt_jinja_value other, bool reflected, lt_jinja_value *out, bool *found,
                            lt_err *err)
{
    double a = decimal_of(self)->value, b, made;
    *found = number_of(other, &b) && strchr("+-*/", op);
    if (!*found)
        return LT_OK;
    if (other.type == LT_JINJA_FLOAT)
        return lt_fail(err, LT_INVALID,
                       "unsupported operand type(s) for %c: 'decimal.Decimal' and 'float'", op);
    unsigned a_places = decimals_of(lt_jinja_object_value(self)), b_places = decimals_of(other);
    double left = reflected ? b : a, right = reflected ? a : b;
    if (op == '/' && right == 0)
        return lt_fail(err, LT_INVALID, "division by zero");
    made = op == '+'   ? left + right
           : op == '-' ? left - right
           : op == '*' ? left * right
                       : left / right;
    *out = result(lt_jinja_heap_of(render), op, made, a_places, b_places);
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
