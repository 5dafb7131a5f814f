/* Filters on single values: default, numbers, JSON. */
#include "jinja/inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FILTER(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

FILTER(default_value)
{
    lt_jinja_value args[3];
    LT_TRY(lt_jinja_bind(call, "value default_value? boolean?", args, err));
    bool missing =
        lt_jinja_is_undefined(args[0]) || (lt_jinja_truth(args[2]) && !lt_jinja_truth(args[0]));
    *out = !missing ? args[0] : lt_jinja_is_absent(args[1]) ? lt_jinja_text((lt_text){0}) : args[1];
    return LT_OK;
}

static lt_status use(lt_jinja_call *call, lt_jinja_value value, lt_err *err)
{
    return lt_jinja_is_undefined(value) && !lt_jinja_is_absent(value)
               ? lt_jinja_fail_undefined(call->render, value, err)
               : LT_OK;
}

/* A host's number (a decimal of a database) counts as a float, and so does a long whole one where that is what is asked for. */
static lt_jinja_value plain_number(lt_jinja_value value)
{
    double f;
    if (value.type != LT_JINJA_OBJECT || !value.as.object->class->number ||
        !value.as.object->class->number(value.as.object, &f))
        return value;
    return lt_jinja_float(f);
}

FILTER(to_int)
{
    lt_jinja_value args[3];
    int64_t base = 10;
    double f;
    lt_arena *arena = &call->heap->arena;
    LT_TRY(lt_jinja_bind(call, "value default? base?", args, err));
    LT_TRY(use(call, args[0], err));
    LT_TRY(lt_jinja_room(call->heap, 4 * LT_KIB, err)); /* of a long number */
    if (!lt_jinja_is_big(args[0]))
        args[0] = plain_number(args[0]);
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_int(call, args[2], &base, err));
    bool base_ok = base == 0 || (base >= 2 && base <= 36);
    *out = lt_jinja_is_absent(args[1]) ? lt_jinja_int(0) : args[1];
    lt_text text = lt_jinja_as_text(args[0]);
    if (lt_jinja_is_intlike(args[0]))
        *out = lt_jinja_int(lt_jinja_intlike(args[0]));
    else if (args[0].type == LT_JINJA_FLOAT)
        (void)lt_jinja_int_of_float(arena, args[0].as.f, out);
    else if (lt_jinja_is_big(args[0]))
        *out = args[0];
    else if (args[0].type == LT_JINJA_STR &&
             !(base_ok && lt_jinja_read_int(arena, text, (int)base, out)) &&
             lt_jinja_read_float(text, &f))
        (void)lt_jinja_int_of_float(arena, f, out);
    return LT_OK;
}

FILTER(to_float)
{
    lt_jinja_value args[2];
    double f;
    LT_TRY(lt_jinja_bind(call, "value default? ", args, err));
    LT_TRY(use(call, args[0], err));
    args[0] = plain_number(args[0]);
    *out = lt_jinja_is_absent(args[1]) ? lt_jinja_float(0) : args[1];
    if (lt_jinja_is_number(args[0]))
        *out = lt_jinja_float(lt_jinja_to_float(args[0]));
    else if (args[0].type == LT_JINJA_STR && lt_jinja_read_float(lt_jinja_as_text(args[0]), &f))
        *out = lt_jinja_float(f);
    return LT_OK;
}

FILTER(absolute)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "x", &arg, err));
    LT_TRY(use(call, arg, err));
    if (arg.type == LT_JINJA_OBJECT && arg.as.object->class->arithmetic) {
        bool found = false;
        LT_TRY(arg.as.object->class->arithmetic(call->render, arg.as.object, LT_JINJA_OP_ABS,
                                                (lt_jinja_value){0}, false, out, &found, err));
        if (found)
            return LT_OK;
    }
    arg = plain_number(arg);
    if (!lt_jinja_is_number(arg))
        return lt_fail(err, LT_INVALID, "bad operand type for abs(): '%s'",
                       lt_jinja_type_name(arg));
    if (arg.type == LT_JINJA_FLOAT)
        *out = lt_jinja_float(fabs(arg.as.f));
    else if (lt_jinja_intlike(arg) < 0)
        return lt_jinja_binary(call->render, '-', lt_jinja_int(0), arg, out, err);
    else
        *out = lt_jinja_int(lt_jinja_intlike(arg));
    return LT_OK;
}

/* Python's round(): the decimal nearest to the exact value, ties to even. */
static double round_float(double f, int64_t digits)
{
    char text[512];
    if (!isfinite(f) || digits > 300)
        return f;
    if (digits >= 0) {
        (void)snprintf(text, sizeof(text), "%.*f", (int)digits, f);
        return strlen(text) + 1 < sizeof(text) ? strtod(text, NULL) : f;
    }
    double scale = pow(10, (double)-digits);
    return isfinite(scale) ? nearbyint(f / scale) * scale : 0;
}

/* To a multiple of 10^-digits, ties to the even one. */
static lt_status round_int(lt_jinja_call *call, lt_jinja_value value, int64_t digits,
                           lt_jinja_value *out, lt_err *err)
{
    lt_jinja_render *r = call->render;
    lt_jinja_value scale, whole, rest, odd;
    int order;
    *out = lt_jinja_is_big(value) ? value : lt_jinja_int(lt_jinja_intlike(value));
    if (digits >= 0)
        return LT_OK;
    LT_TRY(lt_jinja_binary(r, OP_POW, lt_jinja_int(10), lt_jinja_int(-digits), &scale, err));
    LT_TRY(lt_jinja_binary(r, OP_FLOOR, value, scale, &whole, err));
    LT_TRY(lt_jinja_binary(r, '%', value, scale, &rest, err));
    LT_TRY(lt_jinja_binary(r, '*', rest, lt_jinja_int(2), &rest, err));
    LT_TRY(lt_jinja_binary(r, '%', whole, lt_jinja_int(2), &odd, err));
    LT_TRY(lt_jinja_compare(rest, scale, ">", &order, err));
    if (order > 0 || (order == 0 && lt_jinja_truth(odd)))
        LT_TRY(lt_jinja_binary(r, '+', whole, lt_jinja_int(1), &whole, err));
    return lt_jinja_binary(r, '*', whole, scale, out, err);
}

FILTER(round_value)
{
    lt_jinja_value args[3];
    int64_t digits = 0;
    lt_text method = T("common");
    LT_TRY(lt_jinja_bind(call, "value precision? method?", args, err));
    LT_TRY(use(call, args[0], err));
    lt_jinja_value said = args[0];
    args[0] = plain_number(args[0]);
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_want_int(call, args[1], &digits, err));
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_text(call, args[2], &method, err));
    bool up = lt_text_eq(method, T("ceil"));
    if (!up && !lt_text_eq(method, T("common")) && !lt_text_eq(method, T("floor")))
        return lt_fail(err, LT_INVALID, "method must be common, ceil or floor");
    if (!lt_jinja_is_number(args[0]))
        return lt_fail(err, LT_INVALID, "type %s doesn't define __round__ method",
                       lt_jinja_type_name(args[0]));
    if (lt_text_eq(method, T("common"))) {
        if (lt_jinja_is_whole(said))
            return round_int(call, said, digits, out, err);
        *out = lt_jinja_float(round_float(args[0].as.f, digits));
        return LT_OK;
    }
    double scale = pow(10, (double)digits), scaled = lt_jinja_to_float(args[0]) * scale;
    *out = lt_jinja_float((up ? ceil(scaled) : floor(scaled)) / scale);
    return LT_OK;
}

/* As json.dumps(sort_keys=True) with <, >, & and ' escaped, so that it may stand in HTML. */
static void add_html_safe(lt_text json, lt_buf *out)
{
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (c == '<' || c == '>' || c == '&' || c == '\'')
            lt_buf_printf(out, "\\u%04x", (unsigned)c);
        else
            lt_buf_add_byte(out, c);
    }
}

FILTER(tojson)
{
    lt_jinja_value args[2];
    int64_t indent = 0;
    LT_TRY(lt_jinja_bind(call, "value indent?", args, err));
    LT_TRY(use(call, args[0], err));
    if (!lt_jinja_is_absent(args[1]) && args[1].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_int(call, args[1], &indent, err));
    if (indent < 0 || indent > 64)
        return lt_fail(err, LT_INVALID, "tojson's indent must be 0 to 64");
    lt_jinja_json how = {.indent = (unsigned)indent, .sort_keys = true};
    LT_AUTO(lt_buf) json = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_to_json(args[0], &how, &json, err));
    size_t mark = call->render->out.len;
    add_html_safe(lt_buf_text(&json), &call->render->out);
    LT_TRY(lt_jinja_charge(call->render, json.len / 16, err));
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(pprint)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    size_t mark = call->render->out.len;
    lt_jinja_repr(arg, &call->render->out);
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(filesizeformat)
{
    static const char *const prefixes[2][8] = {
        {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"},
        {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"},
    };
    lt_jinja_value args[2];
    double bytes;
    LT_TRY(lt_jinja_bind(call, "value binary?", args, err));
    LT_TRY(use(call, args[0], err));
    bool binary = lt_jinja_truth(args[1]);
    if (lt_jinja_is_number(args[0]))
        bytes = lt_jinja_to_float(args[0]);
    else if (!lt_jinja_read_float(lt_jinja_as_text(args[0]), &bytes))
        return lt_fail(err, LT_INVALID, "could not convert this value to a number");
    double base = binary ? 1024 : 1000;
    char text[400];
    if (bytes == 1) {
        (void)snprintf(text, sizeof(text), "1 Byte");
    } else if (bytes < base) {
        (void)snprintf(text, sizeof(text), "%.0f Bytes", trunc(bytes));
    } else {
        double unit = base;
        size_t i = 0;
        while (i < 7 && bytes >= unit * base) {
            unit *= base;
            i++;
        }
        (void)snprintf(text, sizeof(text), "%.1f %s", base * bytes / (unit * base),
                       prefixes[binary][i]);
    }
    *out = lt_jinja_text_copy(call->heap, lt_text_of(text));
    return LT_OK;
}

const lt_jinja_func lt_jinja_misc_filters[] = {
    {"default", default_value, NULL},
    {"d", default_value, NULL},
    {"int", to_int, NULL},
    {"float", to_float, NULL},
    {"abs", absolute, NULL},
    {"round", round_value, NULL},
    {"tojson", tojson, NULL},
    {"pprint", pprint, NULL},
    {"filesizeformat", filesizeformat, NULL},
    {NULL, NULL, NULL},
};
