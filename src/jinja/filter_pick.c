/* Filters that look into the items of sequences: map, select, groupby, attr, dictsort. */
#include "jinja/inner.h"

#define FILTER(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

static lt_status pick_path(lt_jinja_render *r, lt_jinja_value value, lt_text path,
                           lt_jinja_value *out, lt_err *err)
{
    lt_text part;
    *out = value;
    while (lt_text_cut(&path, '.', &part)) {
        int64_t i;
        lt_jinja_value key =
            lt_text_to_i64(part, &i) && part.ptr[0] != '-' ? lt_jinja_int(i) : lt_jinja_text(part);
        LT_TRY(lt_jinja_item(r, *out, key, out, err));
    }
    return LT_OK;
}

lt_status lt_jinja_pick(lt_jinja_render *r, lt_jinja_value value, lt_jinja_value attribute,
                        lt_jinja_value *out, lt_err *err)
{
    if (attribute.type == LT_JINJA_STR)
        return pick_path(r, value, lt_jinja_as_text(attribute), out, err);
    return lt_jinja_item(r, value, attribute, out, err);
}

lt_jinja_value lt_jinja_fold(lt_jinja_render *r, lt_jinja_value value)
{
    if (value.type != LT_JINJA_STR)
        return value;
    size_t mark = r->out.len;
    lt_jinja_recase(lt_jinja_as_text(value), CASE_LOWER, &r->out);
    return lt_jinja_take(r, mark);
}

static const lt_jinja_value *kwarg(const lt_jinja_call *call, const char *name)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, lt_text_of(name)))
            return &call->kwargs[i].value;
    return NULL;
}

enum { MAX_ARGS = 16 };

/* Run a filter or test by name with `subject` first, then the arguments of `call` from number `from` on. */
static lt_status run_named(lt_jinja_call *call, const lt_jinja_func *func, lt_jinja_value subject,
                           size_t from, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[MAX_ARGS] = {subject};
    size_t count = call->arg_count > from ? call->arg_count - from : 0;
    if (count >= MAX_ARGS)
        return lt_fail(err, LT_INVALID, "%s() takes at most %d arguments here", func->name,
                       MAX_ARGS - 1);
    for (size_t i = 0; i < count; i++)
        args[i + 1] = call->args[from + i];
    lt_jinja_call inner = *call;
    inner.name = func->name;
    inner.user = func->user;
    inner.args = args;
    inner.arg_count = count + 1;
    *out = lt_jinja_none();
    return func->run(&inner, out, err);
}

static lt_status map_attribute(lt_jinja_call *call, lt_jinja_value item, lt_jinja_value *out,
                               lt_err *err)
{
    const lt_jinja_value *absent = kwarg(call, "default");
    LT_TRY(lt_jinja_pick(call->render, item, *kwarg(call, "attribute"), out, err));
    if (lt_jinja_is_undefined(*out) && absent)
        *out = *absent;
    return LT_OK;
}

static lt_status find_filter(lt_jinja_call *call, const lt_jinja_func **out, lt_err *err)
{
    lt_text name;
    if (call->arg_count < 2)
        return lt_fail(err, LT_INVALID, "map requires a filter argument");
    LT_TRY(lt_jinja_want_text(call, call->args[1], &name, err));
    *out = lt_jinja_filter_find(call->render->env, name);
    return *out ? LT_OK : lt_fail(err, LT_INVALID, "No filter named '%.*s'.", LT_ARG(name));
}

/* As Jinja, map and its like do not look into what is false: None, false and 0 give nothing, and are no error. */
static lt_status items_unless_false(lt_jinja_call *call, lt_jinja_value *items, lt_err *err)
{
    *items = lt_jinja_list(call->heap);
    if (!lt_jinja_is_undefined(call->args[0]) && !lt_jinja_truth(call->args[0]))
        return LT_OK;
    return lt_jinja_to_list(call->render, call->args[0], items, err);
}

FILTER(map)
{
    lt_jinja_value items, item;
    const lt_jinja_func *func = NULL;
    bool by_attribute = call->arg_count == 1 && kwarg(call, "attribute");
    lt_jinja_value made = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    LT_TRY(items_unless_false(call, &items, err));
    if (!by_attribute)
        LT_TRY(find_filter(call, &func, err));
    for (size_t i = 0; i < items.as.list->len; i++) {
        if (by_attribute)
            LT_TRY(map_attribute(call, items.as.list->items[i], &item, err));
        else
            LT_TRY(run_named(call, func, items.as.list->items[i], 2, &item, err));
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        lt_jinja_add(made, item);
    }
    *out = made;
    return LT_OK;
}

/* select, reject, selectattr, rejectattr: `wanted` is the answer that keeps an item. */
static lt_status select_items(lt_jinja_call *call, bool by_attribute, bool wanted,
                              lt_jinja_value *out, lt_err *err)
{
    size_t test_at = by_attribute ? 2 : 1;
    const lt_jinja_func *test = NULL;
    lt_jinja_value items, subject, answer;
    lt_text name;
    if (call->arg_count < test_at)
        return lt_fail(err, LT_INVALID, "%s: Missing parameter for attribute name", call->name);
    if (call->arg_count > test_at) {
        LT_TRY(lt_jinja_want_text(call, call->args[test_at], &name, err));
        test = lt_jinja_test_find(call->render->env, name);
        if (!test)
            return lt_fail(err, LT_INVALID, "No test named '%.*s'.", LT_ARG(name));
    }
    LT_TRY(items_unless_false(call, &items, err));
    lt_jinja_value made = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    for (size_t i = 0; i < items.as.list->len; i++) {
        subject = items.as.list->items[i];
        if (by_attribute)
            LT_TRY(lt_jinja_pick(call->render, subject, call->args[1], &subject, err));
        answer = subject;
        if (test)
            LT_TRY(run_named(call, test, subject, test_at + 1, &answer, err));
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        if (lt_jinja_truth(answer) == wanted)
            lt_jinja_add(made, items.as.list->items[i]);
    }
    *out = made;
    return LT_OK;
}

FILTER(select)
{
    return select_items(call, false, true, out, err);
}
FILTER(reject)
{
    return select_items(call, false, false, out, err);
}
FILTER(selectattr)
{
    return select_items(call, true, true, out, err);
}
FILTER(rejectattr)
{
    return select_items(call, true, false, out, err);
}

/* ---- groupby */

static lt_jinja_value group_of(lt_jinja_call *call, lt_jinja_value key)
{
    lt_jinja_value parts[2] = {key, lt_jinja_list(call->heap)};
    lt_jinja_value group = lt_jinja_tuple(call->heap, parts, 2);
    group.as.list->kind = LIST_GROUP;
    return group;
}

FILTER(groupby)
{
    lt_jinja_value args[4], items, keys = lt_jinja_list(call->heap), group = {0};
    LT_TRY(lt_jinja_bind(call, "value attribute default? case_sensitive?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    bool keep_case = lt_jinja_truth(args[3]);
    for (size_t i = 0; i < items.as.list->len; i++) {
        lt_jinja_value key;
        LT_TRY(lt_jinja_pick(call->render, items.as.list->items[i], args[1], &key, err));
        if (lt_jinja_is_undefined(key) && !lt_jinja_is_absent(args[2]))
            key = args[2];
        lt_jinja_add(keys, keep_case ? key : lt_jinja_fold(call->render, key));
    }
    LT_TRY(lt_jinja_sort(call->render, keys.as.list, items.as.list->items, false, err));
    lt_jinja_value made = lt_jinja_list(call->heap);
    for (size_t i = 0; i < items.as.list->len; i++) {
        lt_jinja_value item = items.as.list->items[i], shown;
        if (!i || !lt_jinja_eq(keys.as.list->items[i], keys.as.list->items[i - 1])) {
            LT_TRY(lt_jinja_pick(call->render, item, args[1], &shown, err));
            group = group_of(call, lt_jinja_is_undefined(shown) && !lt_jinja_is_absent(args[2])
                                       ? args[2]
                                       : shown);
            lt_jinja_add(made, group);
        }
        lt_jinja_add(lt_jinja_at(group, 1), item);
    }
    *out = made;
    return LT_OK;
}

/* ---- attr, items, dictsort */

/* Only what x.name gives without looking at items. */
FILTER(attr)
{
    lt_jinja_value args[2];
    lt_text name;
    LT_TRY(lt_jinja_bind(call, "obj name", args, err));
    LT_TRY(lt_jinja_text_of(call->render, args[1], &name, err));
    if (args[0].type == LT_JINJA_DICT && !lt_jinja_method_find(args[0], name)) {
        *out = lt_jinja_missing_value(call->heap, MISSING_ATTR, args[0], name);
        return LT_OK;
    }
    return lt_jinja_attr(call->render, args[0], name, out, err);
}

FILTER(items)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    *out = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    if (lt_jinja_is_undefined(arg))
        return LT_OK;
    if (arg.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "Can only get item pairs from a mapping.");
    lt_jinja_value pair[2];
    for (size_t at = 0; lt_jinja_next(arg, &at, &pair[0], &pair[1]);)
        lt_jinja_add(*out, lt_jinja_tuple(call->heap, pair, 2));
    return lt_jinja_charge(call->render, lt_jinja_len(arg), err);
}

FILTER(dictsort)
{
    lt_jinja_value args[4], pair[2], keys = lt_jinja_list(call->heap);
    lt_text by = T("key");
    LT_TRY(lt_jinja_bind(call, "value case_sensitive? by? reverse?", args, err));
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_text(call, args[2], &by, err));
    if (!lt_text_eq(by, T("key")) && !lt_text_eq(by, T("value")))
        return lt_fail(err, LT_INVALID, "You can only sort by either \"key\" or \"value\"");
    if (lt_jinja_is_undefined(args[0]))
        return lt_jinja_fail_undefined(call->render, args[0], err);
    if (args[0].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "dictsort takes a mapping, not %s",
                       lt_jinja_type_name(args[0]));
    lt_jinja_value made = lt_jinja_list(call->heap);
    for (size_t at = 0; lt_jinja_next(args[0], &at, &pair[0], &pair[1]);) {
        lt_jinja_value key = pair[by.ptr[0] == 'v'];
        lt_jinja_add(made, lt_jinja_tuple(call->heap, pair, 2));
        lt_jinja_add(keys, lt_jinja_truth(args[1]) ? key : lt_jinja_fold(call->render, key));
    }
    LT_TRY(lt_jinja_sort(call->render, keys.as.list, made.as.list->items, lt_jinja_truth(args[3]),
                         err));
    *out = made;
    return LT_OK;
}

const lt_jinja_func lt_jinja_pick_filters[] = {
    {"map", map, NULL},
    {"select", select, NULL},
    {"reject", reject, NULL},
    {"selectattr", selectattr, NULL},
    {"rejectattr", rejectattr, NULL},
    {"groupby", groupby, NULL},
    {"attr", attr, NULL},
    {"items", items, NULL},
    {"dictsort", dictsort, NULL},
    {NULL, NULL, NULL},
};
