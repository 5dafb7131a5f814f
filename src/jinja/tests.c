/* The tests of `x is ...`. */
#include "jinja/inner.h"

#define TEST(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

/* A test of the value's kind alone. */
#define KIND(name_, condition_)                                                                    \
    TEST(name_)                                                                                    \
    {                                                                                              \
        lt_jinja_value v;                                                                          \
        LT_TRY(lt_jinja_bind(call, "value", &v, err));                                             \
        *out = lt_jinja_bool(condition_);                                                          \
        return LT_OK;                                                                              \
    }

static const lt_jinja_class *class_of(lt_jinja_value v)
{
    static const lt_jinja_class none;
    return v.type == LT_JINJA_OBJECT ? v.as.object->class : &none;
}

static bool is_sequence(lt_jinja_value v)
{
    if (v.type == LT_JINJA_LIST)
        return v.as.list->kind == LIST_PLAIN || v.as.list->kind == LIST_RANGE;
    return v.type == LT_JINJA_STR || v.type == LT_JINJA_TUPLE || v.type == LT_JINJA_DICT ||
           v.type == LT_JINJA_UNDEFINED || /* Jinja's Undefined has all methods, to fail in them */

           class_of(v)->is_sequence || class_of(v)->is_mapping;
}

static bool is_iterable(lt_jinja_value v)
{
    return (v.type >= LT_JINJA_STR && v.type <= LT_JINJA_SET) || v.type == LT_JINJA_UNDEFINED ||
           class_of(v)->items;
}

KIND(is_defined, !lt_jinja_is_undefined(v))
KIND(is_undefined, lt_jinja_is_undefined(v))
KIND(is_none, v.type == LT_JINJA_NONE)
KIND(is_boolean, v.type == LT_JINJA_BOOL)
KIND(is_true, v.type == LT_JINJA_BOOL && v.as.b)
KIND(is_false, v.type == LT_JINJA_BOOL && !v.as.b)
KIND(is_integer, v.type == LT_JINJA_INT || lt_jinja_is_big(v))
KIND(is_float, v.type == LT_JINJA_FLOAT)
KIND(is_number, lt_jinja_is_number(v) || class_of(v)->is_number)
KIND(is_string, v.type == LT_JINJA_STR || class_of(v)->is_string)
KIND(is_mapping, v.type == LT_JINJA_DICT || class_of(v)->is_mapping)
KIND(is_sequence_test, is_sequence(v))
KIND(is_iterable_test, is_iterable(v))
KIND(is_callable, v.type == LT_JINJA_UNDEFINED || v.type == LT_JINJA_MACRO ||
                      v.type == LT_JINJA_FUNC || v.type == LT_JINJA_METHOD || class_of(v)->call)
KIND(is_escaped, false && v.type)

static lt_status cased(lt_jinja_call *call, const char *method, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value value;
    lt_text text;
    LT_TRY(lt_jinja_bind(call, "value", &value, err));
    LT_TRY(lt_jinja_text_of(call->render, value, &text, err));
    lt_jinja_value self = lt_jinja_text(text);
    lt_jinja_call inner = {
        .render = call->render, .heap = call->heap, .self = self, .name = method};
    return lt_jinja_method_find(self, lt_text_of(method))->run(&inner, out, err);
}

TEST(is_upper)
{
    return cased(call, "isupper", out, err);
}
TEST(is_lower)
{
    return cased(call, "islower", out, err);
}

/* ---- numbers */

static lt_status remainder_is(lt_jinja_call *call, lt_jinja_value divisor, int64_t wanted,
                              lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value rest;
    LT_TRY(lt_jinja_binary(call->render, '%', call->args[0], divisor, &rest, err));
    *out = lt_jinja_bool(lt_jinja_eq(rest, lt_jinja_int(wanted)));
    return LT_OK;
}

TEST(is_even)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_bind(call, "value", &value, err));
    return remainder_is(call, lt_jinja_int(2), 0, out, err);
}
TEST(is_odd)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_bind(call, "value", &value, err));
    return remainder_is(call, lt_jinja_int(2), 1, out, err);
}
TEST(is_divisible)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "value num", args, err));
    return remainder_is(call, args[1], 0, out, err);
}

/* ---- comparisons */

TEST(is_eq)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "a b", args, err));
    *out = lt_jinja_bool(lt_jinja_eq(args[0], args[1]));
    return LT_OK;
}
TEST(is_ne)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "a b", args, err));
    *out = lt_jinja_bool(!lt_jinja_eq(args[0], args[1]));
    return LT_OK;
}
TEST(is_sameas)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "a b", args, err));
    *out = lt_jinja_bool(lt_jinja_same(args[0], args[1]));
    return LT_OK;
}
TEST(is_in)
{
    lt_jinja_value args[2];
    bool found;
    LT_TRY(lt_jinja_bind(call, "value seq", args, err));
    LT_TRY(lt_jinja_contains(call->render, args[1], args[0], &found, err));
    *out = lt_jinja_bool(found);
    return LT_OK;
}

/* Which of the orders -1, 0, 1 hold, as bits 1, 2, 4. */
static lt_status ordered(lt_jinja_call *call, const char *op, unsigned orders, lt_jinja_value *out,
                         lt_err *err)
{
    lt_jinja_value args[2];
    int order;
    LT_TRY(lt_jinja_bind(call, "a b", args, err));
    for (size_t i = 0; i < 2; i++)
        if (lt_jinja_is_undefined(args[i]))
            return lt_jinja_fail_undefined(call->render, args[i], err);
    LT_TRY(lt_jinja_compare(args[0], args[1], op, &order, err));
    *out = lt_jinja_bool(order != 2 && (orders >> (order + 1) & 1));
    return LT_OK;
}

TEST(is_lt)
{
    return ordered(call, "<", 1, out, err);
}
TEST(is_le)
{
    return ordered(call, "<=", 3, out, err);
}
TEST(is_gt)
{
    return ordered(call, ">", 4, out, err);
}
TEST(is_ge)
{
    return ordered(call, ">=", 6, out, err);
}

/* ---- names */

TEST(is_filter)
{
    lt_jinja_value v;
    LT_TRY(lt_jinja_bind(call, "value", &v, err));
    *out = lt_jinja_bool(lt_jinja_filter_find(call->render->env, lt_jinja_as_text(v)));
    return LT_OK;
}
TEST(is_test)
{
    lt_jinja_value v;
    LT_TRY(lt_jinja_bind(call, "value", &v, err));
    *out = lt_jinja_bool(lt_jinja_test_find(call->render->env, lt_jinja_as_text(v)));
    return LT_OK;
}

const lt_jinja_func lt_jinja_tests[] = {
    {"defined", is_defined, NULL},
    {"undefined", is_undefined, NULL},
    {"none", is_none, NULL},
    {"boolean", is_boolean, NULL},
    {"true", is_true, NULL},
    {"false", is_false, NULL},
    {"integer", is_integer, NULL},
    {"float", is_float, NULL},
    {"number", is_number, NULL},
    {"string", is_string, NULL},
    {"mapping", is_mapping, NULL},
    {"sequence", is_sequence_test, NULL},
    {"iterable", is_iterable_test, NULL},
    {"callable", is_callable, NULL},
    {"escaped", is_escaped, NULL},
    {"upper", is_upper, NULL},
    {"lower", is_lower, NULL},
    {"even", is_even, NULL},
    {"odd", is_odd, NULL},
    {"divisibleby", is_divisible, NULL},
    {"eq", is_eq, NULL},
    {"==", is_eq, NULL},
    {"equalto", is_eq, NULL},
    {"ne", is_ne, NULL},
    {"!=", is_ne, NULL},
    {"lt", is_lt, NULL},
    {"<", is_lt, NULL},
    {"lessthan", is_lt, NULL},
    {"le", is_le, NULL},
    {"<=", is_le, NULL},
    {"gt", is_gt, NULL},
    {">", is_gt, NULL},
    {"greaterthan", is_gt, NULL},
    {"ge", is_ge, NULL},
    {">=", is_ge, NULL},
    {"sameas", is_sameas, NULL},
    {"in", is_in, NULL},
    {"filter", is_filter, NULL},
    {"test", is_test, NULL},
    {NULL, NULL, NULL},
};
