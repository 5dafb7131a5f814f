/* Attributes, items, slices, length and membership of every kind of value. */
#include "jinja/inner.h"

#include <assert.h>
#include <stdio.h>

/* ---- undefined values */

/* Python's words for the owner of something missing. */
static const char *owner_name(lt_jinja_value owner, char out[80])
{
    if (owner.type == LT_JINJA_NONE)
        return "'None'";
    (void)snprintf(out, 80, "'%s object'", lt_jinja_type_name(owner));
    return out;
}

lt_status lt_jinja_fail_undefined(lt_jinja_render *r, lt_jinja_value value, lt_err *err)
{
    const lt_jinja_missing *missing = value.kind != UINT8_MAX ? value.as.missing : NULL;
    char owner[80];
    if (!missing)
        return lt_fail(err, LT_INVALID, "the value is undefined");
    switch (missing->kind) {
    case MISSING_NAME:
    case MISSING_IN_MACRO:
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is undefined", LT_ARG(missing->name)));
        return lt_jinja_suggest(r, missing->name, err);
    case MISSING_ATTR:
        return lt_fail(err, LT_INVALID, "%s has no attribute '%.*s'",
                       owner_name(missing->owner, owner), LT_ARG(missing->name));
    case MISSING_ITEM:
        (void)owner_name(missing->owner, owner);
        return lt_fail(err, LT_INVALID, "%s object has no element %.*s",
                       lt_jinja_type_name(missing->owner), LT_ARG(missing->name));
    default:
        return lt_fail(err, LT_INVALID, "%.*s", LT_ARG(missing->name));
    }
}

/* Looking into an undefined value: again undefined, or an error. */
static lt_status inside_undefined(lt_jinja_render *r, lt_jinja_value value, lt_jinja_value *out,
                                  lt_err *err)
{
    if (r->env->undefined != LT_JINJA_CHAINABLE && !lt_jinja_is_absorbed(r->env, value))
        return lt_jinja_fail_undefined(r, value, err);
    *out = value;
    return LT_OK;
}

static lt_jinja_value missing_item(lt_jinja_render *r, lt_jinja_value owner, lt_jinja_value key)
{
    if (key.type == LT_JINJA_STR)
        return lt_jinja_missing_value(r->heap, MISSING_ATTR, owner, lt_jinja_as_text(key));
    LT_AUTO(lt_buf) words = {.limit = 200};
    lt_jinja_repr(key, &words);
    return lt_jinja_missing_value(r->heap, MISSING_ITEM, owner,
                                  lt_arena_text(&r->heap->arena, lt_buf_text(&words)));
}

/* ---- methods as values */

static lt_jinja_value bound_method(lt_jinja_render *r, lt_jinja_value self, lt_text name,
                                   const lt_jinja_func *func)
{
    lt_jinja_method *method = lt_jinja_alloc(r->heap, sizeof(*method));
    *method = (lt_jinja_method){.self = self, .name = name, .func = func};
    return (lt_jinja_value){.type = LT_JINJA_METHOD, .as.method = method};
}

/* ---- x.name */

static lt_status object_attr(lt_jinja_render *r, lt_jinja_value value, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const lt_jinja_class *class = value.as.object->class;
    *found = false;
    if (class->attr)
        LT_TRY(class->attr(r, value.as.object, name, out, found, err));
    return LT_OK;
}

static lt_status object_item(lt_jinja_render *r, lt_jinja_value value, lt_jinja_value key,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const lt_jinja_class *class = value.as.object->class;
    *found = false;
    if (class->item)
        LT_TRY(class->item(r, value.as.object, key, out, found, err));
    return LT_OK;
}

/* Attributes of our own types that are neither methods nor items. */
static bool own_attr(lt_jinja_render *r, lt_jinja_value value, lt_text name, lt_jinja_value *out)
{
    if (value.type == LT_JINJA_TUPLE && value.as.list->kind == LIST_GROUP) {
        bool grouper = lt_text_eq(name, T("grouper"));
        *out = lt_jinja_at(value, !grouper);
        return grouper || lt_text_eq(name, T("list"));
    }
    if (value.type != LT_JINJA_MACRO)
        return false;
    const lt_jinja_node *node = value.as.macro->node;
    if (lt_text_eq(name, T("name"))) {
        *out = lt_jinja_text(node->name);
        return true;
    }
    if (lt_text_eq(name, T("arguments"))) {
        *out = lt_jinja_tuple(r->heap, NULL, 0);
        for (const lt_jinja_node *param = node->a; param; param = param->next)
            lt_jinja_list_push(out->as.list, lt_jinja_text(param->name));
        return true;
    }
    static const struct {
        const char *name;
        uint16_t flag;
    } flags[] = {
        {"caller", USES_CALLER}, {"catch_varargs", USES_VARARGS}, {"catch_kwargs", USES_KWARGS}};
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (lt_text_eq(name, lt_text_of(flags[i].name))) {
            *out = lt_jinja_bool(node->flags & flags[i].flag);
            return true;
        }
    return false;
}

lt_status lt_jinja_attr(lt_jinja_render *r, lt_jinja_value value, lt_text name, lt_jinja_value *out,
                        lt_err *err)
{
    bool found = false;
    if (lt_jinja_is_undefined(value))
        return inside_undefined(r, value, out, err);
    if (value.type == LT_JINJA_OBJECT) {
        LT_TRY(object_attr(r, value, name, out, &found, err));
        if (!found)
            LT_TRY(object_item(r, value, lt_jinja_text(name), out, &found, err));
        const lt_jinja_class *class = value.as.object->class;
        if (!found && class->has_method && class->has_method(value.as.object, name)) {
            *out = bound_method(r, value, name, NULL);
            found = true;
        }
        if (!found)
            *out = lt_jinja_missing_value(r->heap, MISSING_ATTR, value, name);
        return LT_OK;
    }
    const lt_jinja_func *method = lt_jinja_method_find(value, name);
    if (method)
        *out = bound_method(r, value, name, method);
    else if (!own_attr(r, value, name, out) &&
             !(value.type == LT_JINJA_DICT && lt_jinja_find(value, name, out)))
        *out = lt_jinja_missing_value(r->heap, MISSING_ATTR, value, name);
    return LT_OK;
}

/* ---- x[key] */

static bool list_item(lt_jinja_value value, int64_t i, lt_jinja_value *out)
{
    const lt_jinja_seq *list = value.as.list;
    if (value.type == LT_JINJA_LIST && list->kind != LIST_PLAIN && list->kind != LIST_RANGE)
        return false; /* views and generators have no items by number */
    int64_t len = (int64_t)list->len;
    if (i < 0)
        i += len;
    if (i < 0 || i >= len)
        return false;
    *out = list->items[i];
    return true;
}

static bool str_item(lt_jinja_value value, int64_t i, lt_jinja_value *out)
{
    lt_text text = lt_jinja_as_text(value);
    int64_t len = (int64_t)lt_jinja_chars(text);
    if (i < 0)
        i += len;
    if (i < 0 || i >= len)
        return false;
    size_t start = lt_jinja_offset(text, (size_t)i);
    size_t end = start;
    uint32_t c;
    (void)lt_utf8_next(text, &end, &c);
    *out = lt_jinja_text(lt_text_sub(text, start, end - start));
    return true;
}

lt_status lt_jinja_item(lt_jinja_render *r, lt_jinja_value value, lt_jinja_value key,
                        lt_jinja_value *out, lt_err *err)
{
    bool found = false;
    if (lt_jinja_is_undefined(value))
        return inside_undefined(r, value, out, err);
    if (value.type == LT_JINJA_OBJECT) {
        LT_TRY(object_item(r, value, key, out, &found, err));
        if (found)
            return LT_OK;
        if (key.type == LT_JINJA_STR)
            LT_TRY(object_attr(r, value, lt_jinja_as_text(key), out, &found, err));
        if (!found)
            *out = missing_item(r, value, key);
        return LT_OK;
    }
    if (value.type == LT_JINJA_DICT)
        found = lt_jinja_find_value(value, key, out);
    else if (lt_jinja_is_list(value) && lt_jinja_is_intlike(key))
        found = list_item(value, lt_jinja_intlike(key), out);
    else if (value.type == LT_JINJA_STR && lt_jinja_is_intlike(key)) {
        LT_TRY(lt_jinja_charge(r, value.len / 32, err));
        found = str_item(value, lt_jinja_intlike(key), out);
    }
    if (found)
        return LT_OK;
    /* As Jinja does: what is no item may be an attribute. */
    if (key.type == LT_JINJA_STR && value.type != LT_JINJA_DICT)
        return lt_jinja_attr(r, value, lt_jinja_as_text(key), out, err);
    const lt_jinja_func *method =
        key.type == LT_JINJA_STR ? lt_jinja_method_find(value, lt_jinja_as_text(key)) : NULL;
    *out = method ? bound_method(r, value, lt_jinja_as_text(key), method)
                  : missing_item(r, value, key);
    return LT_OK;
}

/* ---- x[a:b:c] */

typedef struct slice_range {
    int64_t start, stop, step, count;
} slice_range;

static lt_status slice_bound(lt_jinja_value part, int64_t absent, int64_t *out, lt_err *err)
{
    *out = absent;
    if (part.type == LT_JINJA_NONE)
        return LT_OK;
    if (!lt_jinja_is_intlike(part))
        return lt_fail(err, LT_INVALID,
                       "slice indices must be integers or None or have an __index__ method");
    *out = lt_jinja_intlike(part);
    return LT_OK;
}

static int64_t clamp_bound(int64_t bound, int64_t len, bool backwards)
{
    if (bound < 0)
        bound = bound < -len ? -1 : bound + len;
    if (bound < 0)
        return backwards ? -1 : 0;
    return bound >= len ? (backwards ? len - 1 : len) : bound;
}

/* PySlice_AdjustIndices() of CPython. */
static lt_status slice_range_of(const lt_jinja_value parts[3], int64_t len, slice_range *out,
                                lt_err *err)
{
    LT_TRY(slice_bound(parts[2], 1, &out->step, err));
    if (out->step == 0)
        return lt_fail(err, LT_INVALID, "slice step cannot be zero");
    if (out->step < -INT64_MAX)
        out->step = -INT64_MAX;
    bool backwards = out->step < 0;
    LT_TRY(slice_bound(parts[0], backwards ? INT64_MAX : 0, &out->start, err));
    LT_TRY(slice_bound(parts[1], backwards ? INT64_MIN : INT64_MAX, &out->stop, err));
    out->start = clamp_bound(out->start, len, backwards);
    out->stop = clamp_bound(out->stop, len, backwards);
    out->count = 0;
    if (!backwards && out->start < out->stop)
        out->count = (out->stop - out->start - 1) / out->step + 1;
    if (backwards && out->stop < out->start)
        out->count = (out->start - out->stop - 1) / -out->step + 1;
    return LT_OK;
}

static lt_status slice_list(lt_jinja_render *r, lt_jinja_value value, const lt_jinja_value parts[3],
                            lt_jinja_value *out, lt_err *err)
{
    slice_range range;
    LT_TRY(slice_range_of(parts, (int64_t)value.as.list->len, &range, err));
    LT_TRY(lt_jinja_charge(r, (size_t)range.count, err));
    LT_TRY(lt_jinja_room(r->heap, (size_t)range.count * sizeof(lt_jinja_value), err));
    lt_jinja_value made = lt_jinja_list_of(r->heap, LIST_PLAIN, (size_t)range.count);
    made.type = value.type;
    for (int64_t i = 0, at = range.start; i < range.count; i++, at += range.step)
        lt_jinja_list_push(made.as.list, value.as.list->items[at]);
    *out = made;
    return LT_OK;
}

static lt_status slice_str(lt_jinja_render *r, lt_jinja_value value, const lt_jinja_value parts[3],
                           lt_jinja_value *out, lt_err *err)
{
    lt_text text = lt_jinja_as_text(value);
    bool ascii = lt_jinja_is_ascii(text);
    slice_range range;
    LT_TRY(slice_range_of(parts, (int64_t)lt_jinja_chars(text), &range, err));
    LT_TRY(lt_jinja_charge(r, text.len / 16, err));
    if (range.step == 1) {
        size_t start = ascii ? (size_t)range.start : lt_jinja_offset(text, (size_t)range.start);
        lt_text rest = lt_text_sub(text, start, SIZE_MAX);
        *out = lt_jinja_text(lt_text_sub(
            rest, 0, ascii ? (size_t)range.count : lt_jinja_offset(rest, (size_t)range.count)));
        return LT_OK;
    }
    /* With another step, each character costs a walk unless all are one byte. */
    size_t mark = r->out.len;
    assert(text.ptr || range.count <= 0);
    for (int64_t i = 0, at = range.start; i < range.count; i++, at += range.step) {
        lt_jinja_value one;
        if (ascii) {
            lt_buf_add_byte(&r->out, text.ptr[at]);
        } else if (str_item(value, at, &one)) {
            LT_TRY(lt_jinja_charge(r, text.len / 16, err));
            lt_buf_add(&r->out, lt_jinja_as_text(one));
        }
    }
    *out = lt_jinja_take(r, mark);
    return LT_OK;
}

lt_status lt_jinja_slice(lt_jinja_render *r, lt_jinja_value value, const lt_jinja_value parts[3],
                         lt_jinja_value *out, lt_err *err)
{
    if (lt_jinja_is_undefined(value))
        return inside_undefined(r, value, out, err);
    if (value.type == LT_JINJA_STR)
        return slice_str(r, value, parts, out, err);
    if (value.type == LT_JINJA_OBJECT && value.as.object->class->items) {
        lt_jinja_value list;
        LT_TRY(lt_jinja_to_list(r, value, &list, err));
        return slice_list(r, list, parts, out, err);
    }
    if (value.type == LT_JINJA_TUPLE ||
        (value.type == LT_JINJA_LIST &&
         (value.as.list->kind == LIST_PLAIN || value.as.list->kind == LIST_RANGE)))
        return slice_list(r, value, parts, out, err);
    if (value.type == LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "unhashable type: 'slice'");
    return lt_fail(err, LT_INVALID, "'%s' object is not subscriptable", lt_jinja_type_name(value));
}

/* ---- length and membership */

static bool has_length(lt_jinja_value value)
{
    if (value.type == LT_JINJA_LIST)
        return value.as.list->kind != LIST_GENERATOR;
    return value.type == LT_JINJA_STR || value.type == LT_JINJA_TUPLE ||
           value.type == LT_JINJA_DICT || value.type == LT_JINJA_SET;
}

lt_status lt_jinja_length(lt_jinja_render *r, lt_jinja_value value, int64_t *len, lt_err *err)
{
    *len = 0;
    if (lt_jinja_is_undefined(value))
        return lt_jinja_is_strict(r, value) ? lt_jinja_fail_undefined(r, value, err) : LT_OK;
    if (value.type == LT_JINJA_OBJECT) {
        const lt_jinja_class *class = value.as.object->class;
        size_t items;
        if (class->length && class->length(value.as.object, &items)) {
            *len = (int64_t)items;
            return LT_OK;
        }
        if (class->items) {
            lt_jinja_value list;
            LT_TRY(lt_jinja_to_list(r, value, &list, err));
            *len = (int64_t)lt_jinja_len(list);
            return LT_OK;
        }
    }
    if (!has_length(value))
        return lt_fail(err, LT_INVALID, "object of type '%s' has no len()",
                       lt_jinja_type_name(value));
    if (value.type == LT_JINJA_STR)
        LT_TRY(lt_jinja_charge(r, value.len / 32, err));
    *len = (int64_t)lt_jinja_len(value);
    return LT_OK;
}

static lt_status list_contains(lt_jinja_render *r, lt_jinja_value whole, lt_jinja_value part,
                               bool *found, lt_err *err)
{
    lt_jinja_iter iter;
    LT_TRY(lt_jinja_iter_start(r, whole, &iter, err));
    *found = false;
    for (bool more = true; !*found;) {
        lt_jinja_value item;
        LT_TRY(lt_jinja_iter_next(r, &iter, &item, &more, err));
        if (!more)
            break;
        *found = lt_jinja_eq(item, part);
    }
    return LT_OK;
}

lt_status lt_jinja_contains(lt_jinja_render *r, lt_jinja_value whole, lt_jinja_value part,
                            bool *found, lt_err *err)
{
    *found = false;
    if (lt_jinja_is_undefined(whole) && !lt_jinja_is_strict(r, whole))
        return LT_OK;
    if (whole.type == LT_JINJA_STR) {
        if (lt_jinja_is_undefined(part))
            return lt_jinja_fail_undefined(r, part, err);
        if (part.type != LT_JINJA_STR)
            return lt_fail(err, LT_INVALID, "'in <string>' requires string as left operand, not %s",
                           lt_jinja_type_name(part));
        LT_TRY(lt_jinja_charge(r, whole.len / 32, err));
        *found = lt_text_has(lt_jinja_as_text(whole), lt_jinja_as_text(part));
        return LT_OK;
    }
    if (whole.type == LT_JINJA_DICT || whole.type == LT_JINJA_SET) {
        uint32_t hash;
        if (!lt_jinja_hash(part, &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'", lt_jinja_type_name(part));
        *found = lt_jinja_dict_get(whole.as.dict, part);
        return LT_OK;
    }
    if (whole.type == LT_JINJA_OBJECT && whole.as.object->class->item &&
        whole.as.object->class->is_mapping) {
        lt_jinja_value ignored;
        return whole.as.object->class->item(r, whole.as.object, part, &ignored, found, err);
    }
    if (!lt_jinja_is_list(whole) && whole.type != LT_JINJA_OBJECT && !lt_jinja_is_undefined(whole))
        return lt_fail(err, LT_INVALID, "argument of type '%s' is not iterable",
                       lt_jinja_type_name(whole));
    return list_contains(r, whole, part, found, err);
}

lt_status lt_jinja_adopt(lt_jinja_render *r, lt_jinja_heap *into, lt_jinja_value *value,
                         lt_err *err)
{
    if (into == r->heap)
        return LT_OK;
    if (into->frozen)
        return lt_fail(err, LT_INVALID, "this value is shared and cannot be changed");
    return lt_jinja_copy(into, *value, value, err);
}
