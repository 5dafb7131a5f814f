/* Values: make, read, compare, hash. Walks into nested values stop at LT_JINJA_MAX_DEPTH levels. */
#include "jinja/inner.h"

#include <math.h>
#include <stdlib.h>

enum {
    LARGE_TEXT =
        16 * 1024, /* bytes: small texts, of which there are many, take no room from a large one */
    COMPARE_BUDGET =
        1000000 /* nested items looked at by one comparison: shared lists can nest exponentially */
};

void *lt_jinja_alloc(lt_jinja_heap *heap, size_t size)
{
    size_t limit = heap->limit ? heap->limit : LT_BUF_LIMIT;
    if (size > limit || heap->arena.used_bytes > limit - size)
        heap->overflow = true;
    return lt_alloc(&heap->arena, size);
}

lt_status lt_jinja_room(lt_jinja_heap *heap, size_t size, lt_err *err)
{
    size_t limit = heap->limit ? heap->limit : LT_BUF_LIMIT;
    if (size <= limit && heap->arena.used_bytes <= limit - size)
        return LT_OK;
    return lt_fail(err, LT_TOO_BIG,
                   "the values of this template take more than %zu bytes of memory", limit);
}

void lt_jinja_heap_cleanup(lt_jinja_heap *heap)
{
    lt_arena_cleanup(&heap->arena);
    memset(heap->tails, 0, sizeof(heap->tails));
    heap->overflow = false;
}

void lt_jinja_heap_reset(lt_jinja_heap *heap)
{
    lt_arena_reset(&heap->arena);
    *heap = (lt_jinja_heap){.arena = heap->arena, .seed = heap->seed};
}

/* ---- make */

lt_jinja_value lt_jinja_text_copy(lt_jinja_heap *heap, lt_text text)
{
    char *copy = lt_jinja_alloc(heap, text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return lt_jinja_text(lt_text_at(copy, text.len));
}

/* `a` with `b` behind it where `a` lies, if there is room. */
static bool extend(lt_jinja_heap *heap, lt_text a, lt_text b)
{
    for (size_t i = 0; i < LT_COUNT(heap->tails) && a.len; i++) {
        if (a.ptr + a.len != heap->tails[i].end ||
            b.len > (size_t)(heap->tails[i].room_end - heap->tails[i].end))
            continue;
        if (b.len)
            memcpy(heap->tails[i].end, b.ptr, b.len);
        heap->tails[i].end += b.len;
        return true;
    }
    return false;
}

lt_jinja_value lt_jinja_concat(lt_jinja_heap *heap, lt_text a, lt_text b)
{
    if (extend(heap, a, b))
        return lt_jinja_text(lt_text_at(a.ptr, a.len + b.len));
    size_t len = a.len + b.len;
    size_t room = len < 64 ? len : len + len / 2; /* a text that grew once may grow again */
    char *made = lt_jinja_alloc(heap, room + 1);
    if (a.len)
        memcpy(made, a.ptr, a.len);
    if (b.len)
        memcpy(made + a.len, b.ptr, b.len);
    heap->tails[len >= LARGE_TEXT].end = made + len;
    heap->tails[len >= LARGE_TEXT].room_end = made + room;
    return lt_jinja_text(lt_text_at(made, len));
}

lt_jinja_value lt_jinja_missing_value(lt_jinja_heap *heap, missing_kind kind, lt_jinja_value owner,
                                      lt_text name)
{
    lt_jinja_missing *missing = lt_jinja_alloc(heap, sizeof(*missing));
    *missing = (lt_jinja_missing){.kind = kind, .name = name, .owner = owner};
    return (lt_jinja_value){.type = LT_JINJA_UNDEFINED, .as.missing = missing};
}

lt_jinja_value lt_jinja_undefined_named(lt_jinja_heap *heap, lt_text name)
{
    return lt_jinja_missing_value(heap, MISSING_NAME, lt_jinja_none(), name);
}

lt_jinja_value lt_jinja_list_of(lt_jinja_heap *heap, list_kind kind, size_t cap)
{
    lt_jinja_seq *list = lt_jinja_alloc(heap, sizeof(*list));
    list->heap = heap;
    list->kind = (uint8_t)kind;
    if (cap) {
        list->items = lt_jinja_alloc(heap, cap * sizeof(*list->items));
        list->cap = cap;
    }
    return (lt_jinja_value){.type = LT_JINJA_LIST, .as.list = list};
}

lt_jinja_value lt_jinja_list(lt_jinja_heap *heap)
{
    return lt_jinja_list_of(heap, LIST_PLAIN, 0);
}

void lt_jinja_list_push(lt_jinja_seq *list, lt_jinja_value value)
{
    if (list->len == list->cap) {
        size_t cap = list->cap < 4 ? 4 : list->cap * 2;
        lt_jinja_value *items = lt_jinja_alloc(list->heap, cap * sizeof(*items));
        if (list->len)
            memcpy(items, list->items, list->len * sizeof(*items));
        list->items = items;
        list->cap = cap;
    }
    list->items[list->len++] = value;
}

lt_jinja_value lt_jinja_tuple(lt_jinja_heap *heap, const lt_jinja_value *items, size_t count)
{
    lt_jinja_value tuple = lt_jinja_list_of(heap, LIST_PLAIN, count);
    if (count)
        memcpy(tuple.as.list->items, items, count * sizeof(*items));
    tuple.as.list->len = count;
    tuple.type = LT_JINJA_TUPLE;
    return tuple;
}

static lt_jinja_value table_of(lt_jinja_heap *heap, lt_jinja_type type)
{
    lt_jinja_table *dict = lt_jinja_alloc(heap, sizeof(*dict));
    dict->heap = heap;
    return (lt_jinja_value){.type = (uint8_t)type, .as.dict = dict};
}

lt_jinja_value lt_jinja_dict(lt_jinja_heap *heap)
{
    return table_of(heap, LT_JINJA_DICT);
}

lt_jinja_value lt_jinja_lazy_dict(lt_jinja_heap *heap, lt_jinja_value (*make)(void *user),
                                  void *user)
{
    lt_jinja_value dict = table_of(heap, LT_JINJA_DICT);
    dict.as.dict->lazy = lt_jinja_alloc(heap, sizeof(lt_jinja_lazy));
    *dict.as.dict->lazy = (lt_jinja_lazy){make, user};
    return dict;
}

lt_jinja_value lt_jinja_set(lt_jinja_heap *heap)
{
    return table_of(heap, LT_JINJA_SET);
}

void lt_jinja_add(lt_jinja_value to, lt_jinja_value value)
{
    if (to.type == LT_JINJA_SET)
        lt_jinja_dict_set(to.as.dict, value, lt_jinja_none());
    else if (lt_jinja_is_list(to))
        lt_jinja_list_push(to.as.list, value);
}

void lt_jinja_put_value(lt_jinja_value dict, lt_jinja_value key, lt_jinja_value value)
{
    if (dict.type == LT_JINJA_DICT)
        lt_jinja_dict_set(dict.as.dict, key, value);
}

void lt_jinja_put(lt_jinja_value dict, const char *key, lt_jinja_value value)
{
    lt_jinja_put_value(dict, lt_jinja_text(lt_text_of(key)), value);
}

/* ---- read */

size_t lt_jinja_len(lt_jinja_value value)
{
    switch (value.type) {
    case LT_JINJA_STR:
        return lt_jinja_chars(lt_jinja_as_text(value));
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        return value.as.list->len;
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        return lt_jinja_made(value.as.dict)->live;
    default:
        return 0;
    }
}

lt_jinja_value lt_jinja_at(lt_jinja_value list, size_t i)
{
    if (lt_jinja_is_list(list) && i < list.as.list->len)
        return list.as.list->items[i];
    return (lt_jinja_value){0};
}

bool lt_jinja_next(lt_jinja_value dict, size_t *at, lt_jinja_value *key, lt_jinja_value *value)
{
    if (dict.type != LT_JINJA_DICT && dict.type != LT_JINJA_SET)
        return false;
    while (*at < lt_jinja_made(dict.as.dict)->len) {
        const dict_entry *entry = &dict.as.dict->entries[(*at)++];
        if (entry->live) {
            *key = entry->key;
            *value = entry->value;
            return true;
        }
    }
    return false;
}

bool lt_jinja_find_value(lt_jinja_value dict, lt_jinja_value key, lt_jinja_value *value)
{
    if (dict.type != LT_JINJA_DICT && dict.type != LT_JINJA_SET)
        return false;
    const dict_entry *entry = lt_jinja_dict_get(dict.as.dict, key);
    if (entry)
        *value = entry->value;
    return entry;
}

bool lt_jinja_find(lt_jinja_value dict, lt_text key, lt_jinja_value *value)
{
    return lt_jinja_find_value(dict, lt_jinja_text(key), value);
}

bool lt_jinja_truth(lt_jinja_value value)
{
    switch (value.type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        return false;
    case LT_JINJA_BOOL:
        return value.as.b;
    case LT_JINJA_INT:
        return value.as.i != 0;
    case LT_JINJA_FLOAT:
        return value.as.f != 0;
    case LT_JINJA_STR:
        return value.len != 0;
    case LT_JINJA_LIST:
        return value.as.list->kind == LIST_GENERATOR || value.as.list->len != 0;
    case LT_JINJA_TUPLE:
        return value.as.list->len != 0;
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        return lt_jinja_made(value.as.dict)->live != 0;
    case LT_JINJA_OBJECT: {
        const lt_jinja_class *class = value.as.object->class;
        size_t len;
        if (class->truth)
            return class->truth(value.as.object);
        return !class->length || !class->length(value.as.object, &len) || len;
    }
    default:
        return true;
    }
}

const char *lt_jinja_type_name(lt_jinja_value value)
{
    static const char *const names[] = {
        [LT_JINJA_UNDEFINED] = "Undefined",
        [LT_JINJA_NONE] = "NoneType",
        [LT_JINJA_BOOL] = "bool",
        [LT_JINJA_INT] = "int",
        [LT_JINJA_FLOAT] = "float",
        [LT_JINJA_STR] = "str",
        [LT_JINJA_LIST] = "list",
        [LT_JINJA_TUPLE] = "tuple",
        [LT_JINJA_DICT] = "dict",
        [LT_JINJA_SET] = "set",
        [LT_JINJA_MACRO] = "Macro",
        [LT_JINJA_FUNC] = "function",
        [LT_JINJA_METHOD] = "builtin_function_or_method",
        [LT_JINJA_OBJECT] = "object",
    };
    static const char *const lists[] = {"list",       "dict_keys", "dict_values",
                                        "dict_items", "range",     "generator"};
    if (value.type == LT_JINJA_LIST)
        return lists[value.as.list->kind];
    if (value.type == LT_JINJA_OBJECT)
        return value.as.object->class->name;
    return value.type < LT_COUNT(names) ? names[value.type] : "object";
}

/* ---- compare */

/* An integer against a float, exactly. */
static int compare_int_float(int64_t i, double f)
{
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

/* Neither may be NaN. */
static int compare_numbers(lt_jinja_value a, lt_jinja_value b)
{
    if (a.type == LT_JINJA_FLOAT && b.type == LT_JINJA_FLOAT)
        return a.as.f < b.as.f ? -1 : a.as.f > b.as.f;
    if (a.type == LT_JINJA_FLOAT)
        return -compare_int_float(lt_jinja_intlike(b), a.as.f);
    if (b.type == LT_JINJA_FLOAT)
        return compare_int_float(lt_jinja_intlike(a), b.as.f);
    int64_t x = lt_jinja_intlike(a), y = lt_jinja_intlike(b);
    return x < y ? -1 : x > y;
}

static bool is_nan(lt_jinja_value v)
{
    return v.type == LT_JINJA_FLOAT && isnan(v.as.f);
}

typedef struct eq_state {
    unsigned depth;
    uint32_t budget;
} eq_state;

static bool values_eq(lt_jinja_value a, lt_jinja_value b, eq_state *state);

static bool lists_eq(const lt_jinja_seq *a, const lt_jinja_seq *b, eq_state *state)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len && i < b->len; i++)
        if (!values_eq(a->items[i], b->items[i], state))
            return false;
    return true;
}

/* Every key of `a` is in `b`, with an equal value. */
static bool is_subset(lt_jinja_value a, lt_jinja_value b, eq_state *state)
{
    lt_jinja_value key, value;
    for (size_t at = 0; lt_jinja_next(a, &at, &key, &value);) {
        const dict_entry *other = lt_jinja_dict_get(b.as.dict, key);
        if (!other || !values_eq(value, other->value, state))
            return false;
    }
    return true;
}

static bool dicts_eq(lt_jinja_value a, lt_jinja_value b, eq_state *state)
{
    return lt_jinja_made(a.as.dict)->live == lt_jinja_made(b.as.dict)->live &&
           is_subset(a, b, state);
}

/* ---- sets, and views of dicts, which compare as sets do: by what is in them, in any order */

static bool is_view_of(lt_jinja_value v, unsigned kind)
{
    return v.type == LT_JINJA_LIST && v.as.list->kind == kind;
}

bool lt_jinja_is_setlike(lt_jinja_value v)
{
    return v.type == LT_JINJA_SET || is_view_of(v, LIST_KEYS) || is_view_of(v, LIST_ITEMS);
}

/* A view as the set of its keys, or as a dict again. */
static lt_jinja_value as_table(lt_jinja_heap *scratch, lt_jinja_value v)
{
    if (v.type == LT_JINJA_SET)
        return v;
    bool pairs = is_view_of(v, LIST_ITEMS);
    lt_jinja_value table = pairs ? lt_jinja_dict(scratch) : lt_jinja_set(scratch);
    for (size_t i = 0; i < v.as.list->len; i++) {
        lt_jinja_value item = v.as.list->items[i];
        if (pairs)
            lt_jinja_put_value(table, lt_jinja_at(item, 0), lt_jinja_at(item, 1));
        else
            lt_jinja_add(table, item);
    }
    return table;
}

/* 0: the same; -1: a is a part of b; 1: b is a part of a; 2: neither. */
static int set_order(lt_jinja_value a, lt_jinja_value b, eq_state *state)
{
    bool comparable = is_view_of(a, LIST_ITEMS) == is_view_of(b, LIST_ITEMS);
    if (!comparable && lt_jinja_len(a) && lt_jinja_len(b))
        return 2;
    lt_jinja_heap scratch = {0};
    lt_jinja_value x = as_table(&scratch, a), y = as_table(&scratch, b);
    bool within = is_subset(x, y, state), around = is_subset(y, x, state);
    lt_jinja_heap_cleanup(&scratch);
    return within && around ? 0 : within ? -1 : around ? 1 : 2;
}

bool lt_jinja_same(lt_jinja_value a, lt_jinja_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case LT_JINJA_UNDEFINED:
    case LT_JINJA_NONE:
        return true;
    case LT_JINJA_BOOL:
        return a.as.b == b.as.b;
    case LT_JINJA_STR: /* Python's small texts are usually one object */
        return lt_text_eq(lt_jinja_as_text(a), lt_jinja_as_text(b));
    default: /* a float by its bits */
        return a.as.i == b.as.i;
    }
}

static bool same_type_eq(lt_jinja_value a, lt_jinja_value b, eq_state *state)
{
    if (lt_jinja_same(a, b))
        return true;
    switch (a.type) {
    case LT_JINJA_LIST:
        if (a.as.list->kind == LIST_VALUES || a.as.list->kind == LIST_GENERATOR)
            return false;
        return a.as.list->kind == b.as.list->kind && lists_eq(a.as.list, b.as.list, state);
    case LT_JINJA_TUPLE:
        return lists_eq(a.as.list, b.as.list, state);
    case LT_JINJA_DICT:
        return dicts_eq(a, b, state);
    default:
        return false;
    }
}

static bool values_eq(lt_jinja_value a, lt_jinja_value b, eq_state *state)
{
    if (lt_jinja_is_number(a) && lt_jinja_is_number(b))
        return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
    if (a.type == LT_JINJA_STR && b.type == LT_JINJA_STR)
        return lt_text_eq(lt_jinja_as_text(a), lt_jinja_as_text(b));
    if (a.type == LT_JINJA_OBJECT && a.as.object->class->equal)
        return a.as.object->class->equal(a.as.object, b);
    if (b.type == LT_JINJA_OBJECT && b.as.object->class->equal)
        return b.as.object->class->equal(b.as.object, a);
    bool sets = lt_jinja_is_setlike(a) && lt_jinja_is_setlike(b);
    if ((a.type != b.type && !sets) || state->depth >= LT_JINJA_MAX_DEPTH || state->budget == 0)
        return false;
    state->budget--;
    state->depth++;
    bool equal = sets ? set_order(a, b, state) == 0 : same_type_eq(a, b, state);
    state->depth--;
    return equal;
}

bool lt_jinja_eq(lt_jinja_value a, lt_jinja_value b)
{
    eq_state state = {.budget = COMPARE_BUDGET};
    return values_eq(a, b, &state);
}

static bool is_plain(lt_jinja_value list)
{
    return list.as.list->kind == LIST_PLAIN || list.as.list->kind == LIST_GROUP;
}

static lt_status fail_order(lt_jinja_value a, lt_jinja_value b, const char *op, lt_err *err)
{
    return lt_fail(err, LT_INVALID, "'%s' not supported between instances of '%s' and '%s'", op,
                   lt_jinja_type_name(a), lt_jinja_type_name(b));
}

/* The first items that differ decide, as in Python. Goes one level down for each level of nesting. */
static lt_status order_values(lt_jinja_value a, lt_jinja_value b, const char *op, unsigned depth,
                              int *order, lt_err *err)
{
    *order = 2; /* NaN: neither */
    if (lt_jinja_is_number(a) && lt_jinja_is_number(b)) {
        if (!is_nan(a) && !is_nan(b))
            *order = compare_numbers(a, b);
        return LT_OK;
    }
    if (a.type == LT_JINJA_STR && b.type == LT_JINJA_STR) {
        int texts = lt_text_cmp(lt_jinja_as_text(a),
                                lt_jinja_as_text(b)); /* UTF-8 orders as code points do */
        *order = texts < 0 ? -1 : texts > 0;
        return LT_OK;
    }
    if (a.type == LT_JINJA_OBJECT && a.as.object->class->compare &&
        a.as.object->class->compare(a.as.object, b, order))
        return LT_OK;
    if (b.type == LT_JINJA_OBJECT && b.as.object->class->compare &&
        b.as.object->class->compare(b.as.object, a, order)) {
        *order = -*order;
        return LT_OK;
    }
    if (lt_jinja_is_setlike(a) && lt_jinja_is_setlike(b)) {
        eq_state state = {.budget = COMPARE_BUDGET};
        *order = set_order(a, b, &state);
        return LT_OK;
    }
    if (!lt_jinja_is_list(a) || a.type != b.type || !is_plain(a) || !is_plain(b) ||
        depth > LT_JINJA_MAX_DEPTH)
        return fail_order(a, b, op, err);
    const lt_jinja_seq *x = a.as.list, *y = b.as.list;
    for (size_t i = 0; i < x->len && i < y->len; i++)
        if (!lt_jinja_eq(x->items[i], y->items[i]))
            return order_values(x->items[i], y->items[i], op, depth + 1, order, err);
    *order = x->len < y->len ? -1 : x->len > y->len;
    return LT_OK;
}

lt_status lt_jinja_compare(lt_jinja_value a, lt_jinja_value b, const char *op, int *order,
                           lt_err *err)
{
    return order_values(a, b, op, 0, order, err);
}
