/* Filters over sequences as wholes: length, first, sort, sum, batch. */
#include "jinja/inner.h"

#include <stdlib.h>

#define FILTER(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

static lt_jinja_value nothing(lt_jinja_call *call, const char *why)
{
    return lt_jinja_missing_value(call->heap, MISSING_TEXT, lt_jinja_none(), lt_text_of(why));
}

FILTER(length)
{
    lt_jinja_value arg;
    int64_t len;
    LT_TRY(lt_jinja_bind(call, "obj", &arg, err));
    LT_TRY(lt_jinja_length(call->render, arg, &len, err));
    *out = lt_jinja_int(len);
    return LT_OK;
}

FILTER(first)
{
    lt_jinja_value arg;
    lt_jinja_iter iter;
    bool more;
    LT_TRY(lt_jinja_bind(call, "seq", &arg, err));
    LT_TRY(lt_jinja_iter_start(call->render, arg, &iter, err));
    LT_TRY(lt_jinja_iter_next(call->render, &iter, out, &more, err));
    if (!more)
        *out = nothing(call, "No first item, sequence was empty.");
    return LT_OK;
}

FILTER(last)
{
    lt_jinja_value arg, list;
    LT_TRY(lt_jinja_bind(call, "seq", &arg, err));
    LT_TRY(lt_jinja_to_list(call->render, arg, &list, err));
    size_t len = lt_jinja_len(list);
    *out = len ? lt_jinja_at(list, len - 1) : nothing(call, "No last item, sequence was empty.");
    return LT_OK;
}

FILTER(random_item)
{
    lt_jinja_value arg, list;
    LT_TRY(lt_jinja_bind(call, "seq", &arg, err));
    LT_TRY(lt_jinja_to_list(call->render, arg, &list, err));
    size_t len = lt_jinja_len(list);
    *out = len ? lt_jinja_at(list, arc4random_uniform((uint32_t)len))
               : nothing(call, "No random item, sequence was empty.");
    return LT_OK;
}

FILTER(list)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    return lt_jinja_to_list(call->render, arg, out, err);
}

static void reverse_items(lt_jinja_seq *list)
{
    for (size_t i = 0, j = list->len; i + 1 < j; i++) {
        lt_jinja_value swap = list->items[i];
        list->items[i] = list->items[--j];
        list->items[j] = swap;
    }
}

FILTER(reverse)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    if (arg.type == LT_JINJA_STR) {
        lt_jinja_value parts[3] = {lt_jinja_none(), lt_jinja_none(), lt_jinja_int(-1)};
        return lt_jinja_slice(call->render, arg, parts, out, err);
    }
    LT_TRY(lt_jinja_to_list(call->render, arg, out, err));
    reverse_items(out->as.list);
    out->as.list->kind = LIST_GENERATOR;
    return LT_OK;
}

FILTER(join)
{
    lt_jinja_value args[3], items, item;
    lt_text between = {0}, text;
    LT_TRY(lt_jinja_bind(call, "value d? attribute?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_text_of(call->render, args[1], &between, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    for (size_t i = 0; i < items.as.list->len; i++) {
        item = items.as.list->items[i];
        if (!lt_jinja_is_absent(args[2]) && args[2].type != LT_JINJA_NONE)
            LT_TRY(lt_jinja_pick(call->render, item, args[2], &item, err));
        LT_TRY(lt_jinja_text_of(call->render, item, &text, err));
        if (i)
            lt_buf_add(buf, between);
        lt_buf_add(buf, text);
        LT_TRY(lt_jinja_charge(call->render, 1 + (text.len + between.len) / 32, err));
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* ---- order */

/* What an item is ordered by: its attribute, without case unless asked for. */
static lt_status key_of(lt_jinja_call *call, lt_jinja_value item, lt_jinja_value attribute,
                        bool keep_case, lt_jinja_value *out, lt_err *err)
{
    *out = item;
    if (!lt_jinja_is_absent(attribute) && attribute.type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_pick(call->render, item, attribute, out, err));
    if (lt_jinja_is_strict(call->render, *out))
        return lt_jinja_fail_undefined(call->render, *out, err);
    if (!keep_case)
        *out = lt_jinja_fold(call->render, *out);
    return LT_OK;
}

/* A tuple of keys, also where there is one: two that are undefined are equal there, and need no order. */
static lt_status keys_of(lt_jinja_call *call, lt_jinja_value item, lt_jinja_value attribute,
                         bool keep_case, lt_jinja_value *out, lt_err *err)
{
    lt_text rest = lt_jinja_as_text(attribute), part;
    lt_jinja_value key;
    *out = lt_jinja_tuple(call->heap, NULL, 0);
    if (lt_text_find_byte(rest, ',', 0) == SIZE_MAX) {
        LT_TRY(key_of(call, item, attribute, keep_case, &key, err));
        lt_jinja_list_push(out->as.list, key);
        return LT_OK;
    }
    while (lt_text_cut(&rest, ',', &part)) {
        LT_TRY(key_of(call, item, lt_jinja_text(lt_text_trim(part)), keep_case, &key, err));
        lt_jinja_list_push(out->as.list, key);
    }
    return LT_OK;
}

FILTER(sort)
{
    lt_jinja_value args[4], keys = lt_jinja_list(call->heap), key;
    LT_TRY(lt_jinja_bind(call, "value reverse? case_sensitive? attribute?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], out, err));
    for (size_t i = 0; i < out->as.list->len; i++) {
        LT_TRY(keys_of(call, out->as.list->items[i], args[3], lt_jinja_truth(args[2]), &key, err));
        lt_jinja_list_push(keys.as.list, key);
    }
    return lt_jinja_sort(call->render, keys.as.list, out->as.list->items, lt_jinja_truth(args[1]),
                         err);
}

FILTER(unique)
{
    lt_jinja_value args[3], items, key, seen = lt_jinja_set(call->heap);
    LT_TRY(lt_jinja_bind(call, "value case_sensitive? attribute?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    lt_jinja_value made = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    for (size_t i = 0; i < items.as.list->len; i++) {
        uint32_t hash;
        LT_TRY(key_of(call, items.as.list->items[i], args[2], lt_jinja_truth(args[1]), &key, err));
        if (!lt_jinja_hash(key, &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'", lt_jinja_type_name(key));
        if (lt_jinja_dict_get(seen.as.dict, key))
            continue;
        lt_jinja_add(seen, key);
        lt_jinja_add(made, items.as.list->items[i]);
    }
    *out = made;
    return LT_OK;
}

static lt_status extreme(lt_jinja_call *call, int wanted, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3], items, best, key;
    LT_TRY(lt_jinja_bind(call, "value case_sensitive? attribute?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    *out = nothing(call, "No aggregated item, sequence was empty.");
    for (size_t i = 0; i < items.as.list->len; i++) {
        int order = wanted;
        LT_TRY(key_of(call, items.as.list->items[i], args[2], lt_jinja_truth(args[1]), &key, err));
        if (i)
            LT_TRY(lt_jinja_compare(key, best, wanted < 0 ? "<" : ">", &order, err));
        if (order != wanted)
            continue;
        best = key;
        *out = items.as.list->items[i];
    }
    return LT_OK;
}

FILTER(min)
{
    return extreme(call, -1, out, err);
}
FILTER(max)
{
    return extreme(call, 1, out, err);
}

FILTER(sum)
{
    lt_jinja_value args[3], items, item;
    LT_TRY(lt_jinja_bind(call, "iterable attribute? start?", args, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    lt_jinja_value total = lt_jinja_is_absent(args[2]) ? lt_jinja_int(0) : args[2];
    if (total.type == LT_JINJA_STR)
        return lt_fail(err, LT_INVALID, "sum() can't sum strings [use ''.join(seq) instead]");
    for (size_t i = 0; i < items.as.list->len; i++) {
        item = items.as.list->items[i];
        if (!lt_jinja_is_absent(args[1]) && args[1].type != LT_JINJA_NONE)
            LT_TRY(lt_jinja_pick(call->render, item, args[1], &item, err));
        LT_TRY(lt_jinja_binary(call->render, '+', total, item, &total, err));
    }
    *out = total;
    return LT_OK;
}

/* ---- rows and columns */

FILTER(batch)
{
    lt_jinja_value args[3], items, row = {0};
    int64_t count;
    LT_TRY(lt_jinja_bind(call, "value linecount fill_with?", args, err));
    LT_TRY(lt_jinja_want_int(call, args[1], &count, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    lt_jinja_value rows = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    for (size_t i = 0; i < items.as.list->len; i++) {
        if (row.type != LT_JINJA_LIST || (count > 0 && row.as.list->len == (size_t)count)) {
            row = lt_jinja_list(call->heap);
            lt_jinja_add(rows, row);
        }
        lt_jinja_add(row, items.as.list->items[i]);
    }
    bool fills = !lt_jinja_is_absent(args[2]) && args[2].type != LT_JINJA_NONE;
    if (fills && row.type == LT_JINJA_LIST && count > 0)
        LT_TRY(
            lt_jinja_room(call->heap, (size_t)LT_MIN(count, (int64_t)LT_GIB) * sizeof(row), err));
    while (fills && row.type == LT_JINJA_LIST && (int64_t)row.as.list->len < count)
        lt_jinja_add(row, args[2]);
    *out = rows;
    return LT_OK;
}

FILTER(slice)
{
    lt_jinja_value args[3], items;
    int64_t slices;
    LT_TRY(lt_jinja_bind(call, "value slices fill_with?", args, err));
    LT_TRY(lt_jinja_want_int(call, args[1], &slices, err));
    LT_TRY(lt_jinja_to_list(call->render, args[0], &items, err));
    if (slices <= 0)
        return lt_fail(err, LT_INVALID, "integer division or modulo by zero");
    LT_TRY(lt_jinja_charge(call->render, (size_t)slices, err));
    LT_TRY(lt_jinja_room(call->heap, (size_t)LT_MIN(slices, (int64_t)LT_GIB) * 64, err));
    size_t len = items.as.list->len, per = len / (size_t)slices, more = len % (size_t)slices,
           at = 0;
    lt_jinja_value columns = lt_jinja_list_of(call->heap, LIST_GENERATOR, 0);
    bool fills = !lt_jinja_is_absent(args[2]) && args[2].type != LT_JINJA_NONE;
    for (size_t i = 0; i < (size_t)slices; i++) {
        lt_jinja_value column = lt_jinja_list(call->heap);
        for (size_t end = at + per + (i < more); at < end; at++)
            lt_jinja_add(column, items.as.list->items[at]);
        if (fills && i >= more)
            lt_jinja_add(column, args[2]);
        lt_jinja_add(columns, column);
    }
    *out = columns;
    return LT_OK;
}

const lt_jinja_func lt_jinja_list_filters[] = {
    {"length", length, NULL},
    {"count", length, NULL},
    {"first", first, NULL},
    {"last", last, NULL},
    {"random", random_item, NULL},
    {"list", list, NULL},
    {"reverse", reverse, NULL},
    {"join", join, NULL},
    {"sort", sort, NULL},
    {"unique", unique, NULL},
    {"min", min, NULL},
    {"max", max, NULL},
    {"sum", sum, NULL},
    {"batch", batch, NULL},
    {"slice", slice, NULL},
    {NULL, NULL, NULL},
};
