/* The functions every template has: range, dict, namespace, cycler, joiner. */
#include "jinja/inner.h"

#define FUNCTION(name_)                                                                            \
    static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

FUNCTION(range)
{
    lt_jinja_value args[3];
    int64_t start = 0, stop, step = 1;
    LT_TRY(lt_jinja_bind(call, "start stop? step?", args, err));
    LT_TRY(lt_jinja_want_int(call, args[0], &stop, err));
    if (!lt_jinja_is_absent(args[1])) {
        start = stop;
        LT_TRY(lt_jinja_want_int(call, args[1], &stop, err));
    }
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_int(call, args[2], &step, err));
    if (step == 0)
        return lt_fail(err, LT_INVALID, "range() arg 3 must not be zero");
    /* In 128 bits, where nothing overflows. */
    __int128 span = step > 0 ? (__int128)stop - start : (__int128)start - stop;
    __int128 stride = step > 0 ? step : -(__int128)step;
    __int128 count = span > 0 ? (span - 1) / stride + 1 : 0;
    if (count > LT_JINJA_MAX_RANGE)
        return lt_fail(err, LT_INVALID,
                       "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).",
                       LT_JINJA_MAX_RANGE);
    LT_TRY(lt_jinja_charge(call->render, (size_t)count / 4, err));
    lt_jinja_value list = lt_jinja_list_of(call->heap, LIST_RANGE, (size_t)count);
    memcpy(list.as.list->range, (int64_t[3]){start, stop, step}, sizeof(list.as.list->range));
    for (__int128 i = 0; i < count; i++)
        lt_jinja_add(list, lt_jinja_int((int64_t)(start + i * step)));
    *out = list;
    return LT_OK;
}

/* dict(mapping or pairs, name=value...), through the method update. */
FUNCTION(dict)
{
    lt_jinja_value made = lt_jinja_dict(call->heap);
    lt_jinja_call inner = *call;
    inner.self = made;
    LT_TRY(lt_jinja_method_find(made, T("update"))->run(&inner, out, err));
    *out = made;
    return LT_OK;
}

/* ---- namespace */

static lt_status namespace_attr(lt_jinja_render *r, lt_jinja_object *self, lt_text name,
                                lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)r;
    (void)err;
    *found = lt_jinja_find(((lt_jinja_namespace *)self)->vars, name, out);
    return LT_OK;
}

static lt_status namespace_assign(lt_jinja_render *r, lt_jinja_object *self, lt_text name,
                                  lt_jinja_value value, lt_err *err)
{
    lt_jinja_value vars = ((lt_jinja_namespace *)self)->vars;
    LT_TRY(lt_jinja_adopt(r, vars.as.dict->heap, &value, err));
    lt_jinja_put_value(vars, lt_jinja_text(name), value);
    return LT_OK;
}

static void namespace_repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add_str(out, "<Namespace ");
    lt_jinja_repr(((const lt_jinja_namespace *)self)->vars, out);
    lt_buf_add_byte(out, '>');
}

const lt_jinja_class lt_jinja_namespace_class = {
    .name = "Namespace",
    .attr = namespace_attr,
    .assign = namespace_assign,
    .repr = namespace_repr,
    .local = true,
};

lt_jinja_value lt_jinja_namespace_new(lt_jinja_heap *heap)
{
    lt_jinja_namespace *made = lt_jinja_alloc(heap, sizeof(*made));
    *made = (lt_jinja_namespace){.base = {&lt_jinja_namespace_class}, .vars = lt_jinja_dict(heap)};
    return lt_jinja_object_value(&made->base);
}

FUNCTION(namespace)
{
    lt_jinja_value vars;
    LT_TRY(dict(call, &vars, err));
    *out = lt_jinja_namespace_new(call->heap);
    ((lt_jinja_namespace *)out->as.object)->vars = vars;
    return LT_OK;
}

/* ---- cycler */

typedef struct cycler {
    lt_jinja_object base;
    lt_jinja_value items; /* a tuple */
    size_t at;
} cycler;

static lt_status cycler_attr(lt_jinja_render *r, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)r;
    (void)err;
    const cycler *c = (const cycler *)self;
    *found = lt_text_eq(name, T("current"));
    *out = lt_jinja_at(c->items, c->at);
    return LT_OK;
}

static lt_status cycler_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    (void)err;
    cycler *c = (cycler *)call->self.as.object;
    *found = true;
    if (lt_text_eq(name, T("next"))) {
        *out = lt_jinja_at(c->items, c->at);
        c->at = (c->at + 1) % lt_jinja_len(c->items);
    } else if (lt_text_eq(name, T("reset"))) {
        c->at = 0;
    } else {
        *found = false;
    }
    return LT_OK;
}

static bool cycler_has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return lt_text_eq(name, T("next")) || lt_text_eq(name, T("reset"));
}

static const lt_jinja_class cycler_class = {
    .name = "Cycler",
    .attr = cycler_attr,
    .method = cycler_method,
    .has_method = cycler_has_method,
    .local = true,
};

FUNCTION(new_cycler)
{
    if (!call->arg_count)
        return lt_fail(err, LT_INVALID, "at least one item has to be provided");
    if (call->kwarg_count)
        return lt_fail(err, LT_INVALID, "cycler() takes no keyword arguments");
    cycler *c = lt_jinja_alloc(call->heap, sizeof(*c));
    *c = (cycler){.base = {&cycler_class},
                  .items = lt_jinja_tuple(call->heap, call->args, call->arg_count)};
    *out = lt_jinja_object_value(&c->base);
    return LT_OK;
}

/* ---- joiner */

typedef struct joiner {
    lt_jinja_object base;
    lt_jinja_value between;
    bool used;
} joiner;

static lt_status joiner_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    joiner *j = (joiner *)call->self.as.object;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = j->used ? j->between : lt_jinja_text((lt_text){0});
    j->used = true;
    return LT_OK;
}

static const lt_jinja_class joiner_class = {.name = "Joiner", .call = joiner_call, .local = true};

FUNCTION(new_joiner)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "sep?", &arg, err));
    joiner *j = lt_jinja_alloc(call->heap, sizeof(*j));
    *j = (joiner){.base = {&joiner_class},
                  .between = lt_jinja_is_absent(arg) ? lt_jinja_text(T(", ")) : arg};
    *out = lt_jinja_object_value(&j->base);
    return LT_OK;
}

const lt_jinja_func lt_jinja_globals[] = {
    {"range", range, NULL},       {"dict", dict, NULL},         {"namespace", namespace, NULL},
    {"cycler", new_cycler, NULL}, {"joiner", new_joiner, NULL}, {NULL, NULL, NULL},
};
