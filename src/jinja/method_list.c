/* Methods of list, tuple, dict, set and numbers. What goes into a container of another heap is copied there first. */
#include "jinja/inner.h"

#include <math.h>
#include <stdlib.h>

#define METHOD(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

/* A container that may be changed. */
static lt_status writable(const lt_jinja_call *call, lt_err *err)
{
    const lt_jinja_heap *heap =
        call->self.type == LT_JINJA_LIST ? call->self.as.list->heap : call->self.as.dict->heap;
    if (heap != call->heap && heap->frozen)
        return lt_fail(err, LT_INVALID, "this %s is shared and cannot be changed",
                       lt_jinja_type_name(call->self));
    return LT_OK;
}

static lt_status push(lt_jinja_call *call, lt_jinja_seq *list, lt_jinja_value value, lt_err *err)
{
    LT_TRY(lt_jinja_adopt(call->render, list->heap, &value, err));
    LT_TRY(lt_jinja_room(list->heap, sizeof(value), err));
    lt_jinja_list_push(list, value);
    return lt_jinja_charge(call->render, 1, err);
}

/* ---- list */

METHOD(append)
{
    lt_jinja_value arg;
    *out = lt_jinja_none();
    LT_TRY(lt_jinja_bind(call, "object", &arg, err));
    LT_TRY(writable(call, err));
    return push(call, call->self.as.list, arg, err);
}

METHOD(extend)
{
    lt_jinja_value arg, items;
    LT_TRY(lt_jinja_bind(call, "iterable", &arg, err));
    LT_TRY(writable(call, err));
    LT_TRY(lt_jinja_to_list(call->render, arg, &items, err));
    for (size_t i = 0; i < items.as.list->len; i++)
        LT_TRY(push(call, call->self.as.list, items.as.list->items[i], err));
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(insert)
{
    lt_jinja_value args[2];
    int64_t at;
    LT_TRY(lt_jinja_bind(call, "index object", args, err));
    LT_TRY(lt_jinja_want_int(call, args[0], &at, err));
    LT_TRY(writable(call, err));
    lt_jinja_seq *list = call->self.as.list;
    int64_t len = (int64_t)list->len;
    if (at < 0)
        at = at < -len ? 0 : at + len;
    at = LT_MIN(at, len);
    LT_TRY(push(call, list, args[1], err));
    lt_jinja_value last = list->items[len];
    memmove(list->items + at + 1, list->items + at, (size_t)(len - at) * sizeof(last));
    list->items[at] = last;
    *out = lt_jinja_none();
    return lt_jinja_charge(call->render, (size_t)(len - at) / 4, err);
}

static void take_out(lt_jinja_seq *list, size_t at)
{
    memmove(list->items + at, list->items + at + 1, (list->len - at - 1) * sizeof(*list->items));
    list->len--;
}

METHOD(pop)
{
    lt_jinja_value arg;
    int64_t at = -1;
    lt_jinja_seq *list = call->self.as.list;
    LT_TRY(lt_jinja_bind(call, "index?", &arg, err));
    LT_TRY(writable(call, err));
    if (!lt_jinja_is_absent(arg))
        LT_TRY(lt_jinja_want_int(call, arg, &at, err));
    if (!list->len)
        return lt_fail(err, LT_INVALID, "pop from empty list");
    if (at < 0)
        at += (int64_t)list->len;
    if (at < 0 || at >= (int64_t)list->len)
        return lt_fail(err, LT_INVALID, "pop index out of range");
    *out = list->items[at];
    LT_TRY(lt_jinja_charge(call->render, (list->len - (size_t)at) / 4, err));
    take_out(list, (size_t)at);
    return LT_OK;
}

static lt_status find_item(lt_jinja_call *call, lt_jinja_value wanted, size_t start, size_t *at,
                           lt_err *err)
{
    const lt_jinja_seq *list = call->self.as.list;
    for (*at = start; *at < list->len; ++*at) {
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        if (lt_jinja_eq(list->items[*at], wanted))
            return LT_OK;
    }
    *at = SIZE_MAX;
    return LT_OK;
}

METHOD(remove_item)
{
    lt_jinja_value arg;
    size_t at;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    LT_TRY(writable(call, err));
    LT_TRY(find_item(call, arg, 0, &at, err));
    if (at == SIZE_MAX)
        return lt_fail(err, LT_INVALID, "list.remove(x): x not in list");
    take_out(call->self.as.list, at);
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(index_of)
{
    lt_jinja_value args[3];
    int64_t start = 0, stop = INT64_MAX;
    size_t at;
    LT_TRY(lt_jinja_bind(call, "value start? stop?", args, err));
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_want_int(call, args[1], &start, err));
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_int(call, args[2], &stop, err));
    int64_t len = (int64_t)call->self.as.list->len;
    if (start < 0)
        start = start < -len ? 0 : start + len;
    if (stop < 0)
        stop = stop < -len ? 0 : stop + len;
    LT_TRY(find_item(call, args[0], (size_t)LT_MIN(start, len), &at, err));
    if (at == SIZE_MAX || (int64_t)at >= stop) {
        LT_AUTO(lt_buf) words = {.limit = 200};
        lt_jinja_repr(args[0], &words);
        return lt_fail(err, LT_INVALID, "%s is not in %s", lt_buf_chars(&words),
                       lt_jinja_type_name(call->self));
    }
    *out = lt_jinja_int((int64_t)at);
    return LT_OK;
}

METHOD(count)
{
    lt_jinja_value arg;
    int64_t found = 0;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    const lt_jinja_seq *list = call->self.as.list;
    for (size_t i = 0; i < list->len; i++)
        found += lt_jinja_eq(list->items[i], arg);
    *out = lt_jinja_int(found);
    return lt_jinja_charge(call->render, list->len, err);
}

METHOD(reverse)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    LT_TRY(writable(call, err));
    lt_jinja_seq *list = call->self.as.list;
    for (size_t i = 0, j = list->len; i + 1 < j; i++) {
        lt_jinja_value swap = list->items[i];
        list->items[i] = list->items[--j];
        list->items[j] = swap;
    }
    *out = lt_jinja_none();
    return lt_jinja_charge(call->render, list->len, err);
}

/* `key` must be callable: it is asked once for each item. */
METHOD(sort)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "key? reverse?", args, err));
    LT_TRY(writable(call, err));
    lt_jinja_seq *list = call->self.as.list;
    lt_jinja_value keys = lt_jinja_list(call->heap);
    for (size_t i = 0; i < list->len; i++) {
        lt_jinja_value key = list->items[i];
        if (!lt_jinja_is_absent(args[0]) && args[0].type != LT_JINJA_NONE)
            LT_TRY(lt_jinja_invoke(call->render, args[0], &list->items[i], 1, NULL, 0, &key, err));
        lt_jinja_add(keys, key);
    }
    LT_TRY(lt_jinja_sort(call->render, keys.as.list, list->items, lt_jinja_truth(args[1]), err));
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(copy)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    if (call->self.type == LT_JINJA_LIST)
        return lt_jinja_to_list(call->render, call->self, out, err);
    lt_jinja_value key, value,
        made =
            call->self.type == LT_JINJA_DICT ? lt_jinja_dict(call->heap) : lt_jinja_set(call->heap);
    for (size_t at = 0; lt_jinja_next(call->self, &at, &key, &value);)
        lt_jinja_dict_set(made.as.dict, key, value);
    *out = made;
    return lt_jinja_charge(call->render, lt_jinja_len(made), err);
}

METHOD(clear)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    LT_TRY(writable(call, err));
    if (call->self.type == LT_JINJA_LIST)
        call->self.as.list->len = 0;
    else
        lt_jinja_dict_clear(call->self.as.dict);
    *out = lt_jinja_none();
    return LT_OK;
}

/* ---- dict */

static lt_status put(lt_jinja_call *call, lt_jinja_value key, lt_jinja_value value, lt_err *err)
{
    lt_jinja_table *dict = call->self.as.dict;
    uint32_t hash;
    if (!lt_jinja_hash(key, &hash))
        return lt_fail(err, LT_INVALID, "unhashable type: '%s'", lt_jinja_type_name(key));
    LT_TRY(lt_jinja_adopt(call->render, dict->heap, &key, err));
    LT_TRY(lt_jinja_adopt(call->render, dict->heap, &value, err));
    LT_TRY(lt_jinja_room(dict->heap, sizeof(dict_entry), err));
    lt_jinja_dict_set(dict, key, value);
    return lt_jinja_charge(call->render, 1, err);
}

METHOD(get)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    if (!lt_jinja_find_value(call->self, args[0], out))
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

METHOD(setdefault)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    if (lt_jinja_find_value(call->self, args[0], out))
        return LT_OK;
    LT_TRY(writable(call, err));
    LT_TRY(put(call, args[0], lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1], err));
    (void)lt_jinja_find_value(call->self, args[0], out);
    return LT_OK;
}

METHOD(dict_pop)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "key default?", args, err));
    LT_TRY(writable(call, err));
    if (lt_jinja_dict_remove(call->self.as.dict, args[0], out))
        return LT_OK;
    *out = args[1];
    if (!lt_jinja_is_absent(args[1]))
        return LT_OK;
    LT_AUTO(lt_buf) words = {.limit = 200};
    lt_jinja_repr(args[0], &words);
    return lt_fail(err, LT_INVALID, "there is no key %s", lt_buf_chars(&words));
}

METHOD(popitem)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    LT_TRY(writable(call, err));
    lt_jinja_table *dict = lt_jinja_made(call->self.as.dict);
    for (size_t i = dict->len; i-- > 0;) {
        if (!dict->entries[i].live)
            continue;
        lt_jinja_value pair[2] = {dict->entries[i].key, dict->entries[i].value}, ignored;
        *out = lt_jinja_tuple(call->heap, pair, 2);
        (void)lt_jinja_dict_remove(dict, pair[0], &ignored);
        return lt_jinja_charge(call->render, (dict->len - i) / 4, err);
    }
    return lt_fail(err, LT_INVALID, "popitem(): dictionary is empty");
}

/* A mapping, or pairs. */
static lt_status update_from(lt_jinja_call *call, lt_jinja_value from, lt_err *err)
{
    lt_jinja_value key, value;
    if (from.type == LT_JINJA_DICT) {
        for (size_t at = 0; lt_jinja_next(from, &at, &key, &value);)
            LT_TRY(put(call, key, value, err));
        return LT_OK;
    }
    lt_jinja_value pairs, pair;
    LT_TRY(lt_jinja_to_list(call->render, from, &pairs, err));
    for (size_t i = 0; i < pairs.as.list->len; i++) {
        LT_TRY(lt_jinja_to_list(call->render, pairs.as.list->items[i], &pair, err));
        if (pair.as.list->len != 2)
            return lt_fail(err, LT_INVALID,
                           "dictionary update sequence element #%zu has length %zu; 2 is required",
                           i, pair.as.list->len);
        LT_TRY(put(call, pair.as.list->items[0], pair.as.list->items[1], err));
    }
    return LT_OK;
}

METHOD(update)
{
    LT_TRY(writable(call, err));
    if (call->arg_count > 1)
        return lt_fail(err, LT_INVALID, "update expected at most 1 argument, got %zu",
                       call->arg_count);
    if (call->arg_count)
        LT_TRY(update_from(call, call->args[0], err));
    for (size_t i = 0; i < call->kwarg_count; i++)
        LT_TRY(put(call, lt_jinja_text(call->kwargs[i].name), call->kwargs[i].value, err));
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(fromkeys)
{
    lt_jinja_value args[2], keys;
    LT_TRY(lt_jinja_bind(call, "iterable value?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &keys, err));
    lt_jinja_value made = lt_jinja_dict(call->heap);
    for (size_t i = 0; i < keys.as.list->len; i++) {
        uint32_t hash;
        if (!lt_jinja_hash(keys.as.list->items[i], &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'",
                           lt_jinja_type_name(keys.as.list->items[i]));
        lt_jinja_put_value(made, keys.as.list->items[i],
                           lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1]);
    }
    *out = made;
    return LT_OK;
}

static lt_status view(lt_jinja_call *call, list_kind kind, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    size_t count = lt_jinja_len(call->self);
    LT_TRY(lt_jinja_charge(call->render, count, err));
    LT_TRY(lt_jinja_room(call->heap, count * sizeof(lt_jinja_value), err));
    lt_jinja_value list = lt_jinja_list_of(call->heap, kind, count);
    lt_jinja_value pair[2];
    for (size_t at = 0; lt_jinja_next(call->self, &at, &pair[0], &pair[1]);)
        lt_jinja_add(list, kind == LIST_KEYS     ? pair[0]
                           : kind == LIST_VALUES ? pair[1]
                                                 : lt_jinja_tuple(call->heap, pair, 2));
    *out = list;
    return LT_OK;
}

METHOD(keys)
{
    return view(call, LIST_KEYS, out, err);
}
METHOD(values)
{
    return view(call, LIST_VALUES, out, err);
}
METHOD(items)
{
    return view(call, LIST_ITEMS, out, err);
}

/* ---- set */

METHOD(set_add)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "element", &arg, err));
    LT_TRY(writable(call, err));
    *out = lt_jinja_none();
    return put(call, arg, lt_jinja_none(), err);
}

static lt_status set_drop(lt_jinja_call *call, bool must, lt_err *err)
{
    lt_jinja_value arg, ignored;
    LT_TRY(lt_jinja_bind(call, "element", &arg, err));
    LT_TRY(writable(call, err));
    if (lt_jinja_dict_remove(call->self.as.dict, arg, &ignored) || !must)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "the element to remove is not in the set");
}

METHOD(set_remove)
{
    *out = lt_jinja_none();
    return set_drop(call, true, err);
}
METHOD(set_discard)
{
    *out = lt_jinja_none();
    return set_drop(call, false, err);
}

METHOD(set_update)
{
    LT_TRY(writable(call, err));
    *out = lt_jinja_none();
    for (size_t i = 0; i < call->arg_count; i++) {
        lt_jinja_value list;
        LT_TRY(lt_jinja_to_list(call->render, call->args[i], &list, err));
        for (size_t k = 0; k < list.as.list->len; k++)
            LT_TRY(put(call, list.as.list->items[k], lt_jinja_none(), err));
    }
    return LT_OK;
}

METHOD(set_union)
{
    lt_jinja_call copied = *call;
    copied.arg_count = copied.kwarg_count = 0;
    LT_TRY(copy(&copied, out, err));
    copied = *call;
    copied.self = *out;
    lt_jinja_value ignored;
    return set_update(&copied, &ignored, err);
}

/* Those of self that are (or are not) in the argument. */
static lt_status set_pick(lt_jinja_call *call, bool wanted, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value arg, key, value, other;
    LT_TRY(lt_jinja_bind(call, "iterable", &arg, err));
    lt_jinja_value inner = lt_jinja_set(call->heap), ignored;
    lt_jinja_call sub = *call;
    sub.self = inner;
    LT_TRY(set_update(&sub, &ignored, err));
    lt_jinja_value made = lt_jinja_set(call->heap);
    for (size_t at = 0; lt_jinja_next(call->self, &at, &key, &value);)
        if (lt_jinja_find_value(inner, key, &other) == wanted)
            lt_jinja_add(made, key);
    *out = made;
    return lt_jinja_charge(call->render, lt_jinja_len(call->self), err);
}

METHOD(set_intersection)
{
    return set_pick(call, true, out, err);
}
METHOD(set_difference)
{
    return set_pick(call, false, out, err);
}

METHOD(set_issubset)
{
    lt_jinja_value both;
    LT_TRY(set_pick(call, true, &both, err));
    *out = lt_jinja_bool(lt_jinja_len(both) == lt_jinja_len(call->self));
    return LT_OK;
}

METHOD(set_issuperset)
{
    lt_jinja_value arg, set = lt_jinja_set(call->heap), ignored, both;
    LT_TRY(lt_jinja_bind(call, "iterable", &arg, err));
    lt_jinja_call sub = *call;
    sub.self = set;
    LT_TRY(set_update(&sub, &ignored, err));
    sub.self = call->self;
    LT_TRY(set_pick(&sub, true, &both, err));
    *out = lt_jinja_bool(lt_jinja_len(both) == lt_jinja_len(set));
    return LT_OK;
}

/* ---- numbers */

METHOD(is_integer)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_bool(call->self.type != LT_JINJA_FLOAT ||
                         (isfinite(call->self.as.f) && floor(call->self.as.f) == call->self.as.f));
    return LT_OK;
}

METHOD(bit_length)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    int64_t bits = 0;
    if (!lt_jinja_is_intlike(call->self))
        return lt_fail(err, LT_INVALID, "'float' object has no attribute 'bit_length'");
    int64_t value = lt_jinja_intlike(call->self);
    for (uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value; rest; rest >>= 1)
        bits++;
    *out = lt_jinja_int(bits);
    return LT_OK;
}

const lt_jinja_func lt_jinja_list_methods[] = {
    {"append", append, NULL}, {"extend", extend, NULL},      {"insert", insert, NULL},
    {"pop", pop, NULL},       {"remove", remove_item, NULL}, {"index", index_of, NULL},
    {"count", count, NULL},   {"reverse", reverse, NULL},    {"sort", sort, NULL},
    {"copy", copy, NULL},     {"clear", clear, NULL},        {NULL, NULL, NULL},
};
const lt_jinja_func lt_jinja_tuple_methods[] = {
    {"index", index_of, NULL},
    {"count", count, NULL},
    {NULL, NULL, NULL},
};
const lt_jinja_func lt_jinja_dict_methods[] = {
    {"get", get, NULL},
    {"items", items, NULL},
    {"keys", keys, NULL},
    {"values", values, NULL},
    {"update", update, NULL},
    {"pop", dict_pop, NULL},
    {"setdefault", setdefault, NULL},
    {"copy", copy, NULL},
    {"popitem", popitem, NULL},
    {"fromkeys", fromkeys, NULL},
    {"clear", clear, NULL},
    {NULL, NULL, NULL},
};
const lt_jinja_func lt_jinja_set_methods[] = {
    {"add", set_add, NULL},
    {"remove", set_remove, NULL},
    {"discard", set_discard, NULL},
    {"update", set_update, NULL},
    {"union", set_union, NULL},
    {"intersection", set_intersection, NULL},
    {"difference", set_difference, NULL},
    {"issubset", set_issubset, NULL},
    {"issuperset", set_issuperset, NULL},
    {"copy", copy, NULL},
    {"clear", clear, NULL},
    {NULL, NULL, NULL},
};
const lt_jinja_func lt_jinja_number_methods[] = {
    {"is_integer", is_integer, NULL},
    {"bit_length", bit_length, NULL},
    {NULL, NULL, NULL},
};

/* ---- dict itself */

static lt_status dict_fromkeys(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2], keys;
    uint32_t hash;
    LT_TRY(lt_jinja_bind(call, "iterable value?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &keys, err));
    *out = lt_jinja_dict(call->heap);
    for (size_t i = 0; i < lt_jinja_len(keys); i++) {
        lt_jinja_value key = lt_jinja_at(keys, i);
        if (!lt_jinja_hash(key, &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'", lt_jinja_type_name(key));
        lt_jinja_put_value(*out, key, lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1]);
    }
    return LT_OK;
}

const lt_jinja_func lt_jinja_dict_type_methods[] = {{"fromkeys", dict_fromkeys, NULL},
                                                    {NULL, NULL, NULL}};
