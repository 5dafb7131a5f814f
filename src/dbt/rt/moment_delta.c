/* timedelta: lengths of time. */
#include "dbt/rt/moment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- timedelta ---- */

static void delta_str(const lt_jinja_object *self, lt_buf *out)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    fields f = lt_fields_of(us - days * DAY_US);
    if (days)
        lt_buf_printf(out, "%lld day%s, ", (long long)days, llabs(days) == 1 ? "" : "s");
    lt_buf_printf(out, "%u:%02u:%02u", f.hour, f.minute, f.second);
    if (f.us)
        lt_buf_printf(out, ".%06u", f.us);
}

static void delta_repr(const lt_jinja_object *self, lt_buf *out)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    int64_t seconds = (us - days * DAY_US) / SECOND_US, rest = (us - days * DAY_US) % SECOND_US;
    const char *comma = "";
    lt_buf_add_str(out, "datetime.timedelta(");
    if (days) {
        lt_buf_printf(out, "days=%lld", (long long)days);
        comma = ", ";
    }
    if (seconds) {
        lt_buf_printf(out, "%sseconds=%lld", comma, (long long)seconds);
        comma = ", ";
    }
    if (rest)
        lt_buf_printf(out, "%smicroseconds=%lld", comma, (long long)rest);
    lt_buf_add_str(out, us ? ")" : "0)");
}

static lt_status delta_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    int64_t rest = us - days * DAY_US;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("days")))
        *out = lt_jinja_int(days);
    else if (lt_text_eq(name, T("seconds")))
        *out = lt_jinja_int(rest / SECOND_US);
    else if (lt_text_eq(name, T("microseconds")))
        *out = lt_jinja_int(rest % SECOND_US);
    else
        *found = false;
    return LT_OK;
}

static lt_status delta_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    (void)err;
    *found = lt_text_eq(name, T("total_seconds"));
    if (*found)
        *out = lt_jinja_float((double)((const delta *)call->self.as.object)->us / 1e6);
    return LT_OK;
}

static bool delta_compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    int64_t a = ((const delta *)self)->us, b;
    if (!lt_delta_in(other, &b))
        return false;
    *order = a < b ? -1 : a > b;
    return true;
}

static bool delta_equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return delta_compare(self, other, &order) && order == 0;
}

static bool delta_truth(const lt_jinja_object *self)
{
    return ((const delta *)self)->us != 0;
}

lt_status lt_delta_scaled(lt_jinja_heap *heap, double us, lt_jinja_value *out, lt_err *err)
{
    if (!(fabs(us) < 8.64e19))
        return lt_fail(err, LT_INVALID, "timedelta is out of range");
    *out = lt_delta_new(heap, fabs(us) < 9e18 ? llrint(us) : (us < 0 ? INT64_MIN : INT64_MAX));
    return LT_OK;
}

static lt_status delta_arithmetic(lt_jinja_render *render, lt_jinja_object *self, char op,
                                  lt_jinja_value other, bool reflected, lt_jinja_value *out,
                                  bool *found, lt_err *err)
{
    int64_t a = ((const delta *)self)->us, b, sum;
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    *found = true;
    if (lt_delta_in(other, &b)) {
        if (op == '/' && b) {
            *out = lt_jinja_float((double)a / (double)b);
            return LT_OK;
        }
        bool over = op == '-' ? (reflected ? __builtin_sub_overflow(b, a, &sum)
                                           : __builtin_sub_overflow(a, b, &sum))
                              : __builtin_add_overflow(a, b, &sum);
        if ((op == '+' || op == '-') && !over) {
            *out = lt_delta_new(heap, sum);
            return LT_OK;
        }
    }
    bool is_number = other.type == LT_JINJA_INT || other.type == LT_JINJA_FLOAT;
    double by = other.type == LT_JINJA_INT ? (double)other.as.i : is_number ? other.as.f : 0;
    if (is_number && op == '*')
        return lt_delta_scaled(heap, (double)a * by, out, err);
    if (is_number && op == '/' && !reflected && by != 0)
        return lt_delta_scaled(heap, (double)a / by, out, err);
    *found = false;
    return LT_OK;
}

const lt_jinja_class lt_delta_class = {
    .name = "timedelta",
    .attr = delta_attr,
    .method = delta_method,
    .str = delta_str,
    .repr = delta_repr,
    .compare = delta_compare,
    .equal = delta_equal,
    .truth = delta_truth,
    .arithmetic = delta_arithmetic,
};
