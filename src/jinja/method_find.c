/* Methods of str that search, replace and cut. */
#include "jinja/inner.h"

#define METHOD(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

/* A search: the part of self between the bounds, where it starts in bytes and characters, and what is looked for. */
typedef struct search {
    lt_text text, part;
    size_t from, from_chars;
    bool impossible; /* start lies behind the end */
} search;

static lt_status bound(const lt_jinja_call *call, lt_jinja_value value, int64_t absent, int64_t len,
                       int64_t *out, lt_err *err)
{
    *out = absent;
    if (lt_jinja_is_absent(value) || value.type == LT_JINJA_NONE)
        return LT_OK;
    LT_TRY(lt_jinja_want_int(call, value, out, err));
    if (*out < 0)
        *out = *out < -len ? 0 : *out + len;
    return LT_OK;
}

static lt_status search_bounds(lt_jinja_call *call, const lt_jinja_value args[3], search *s,
                               lt_err *err)
{
    lt_text text = lt_jinja_as_text(call->self);
    int64_t len = (int64_t)lt_jinja_chars(text), start, end;
    LT_TRY(bound(call, args[1], 0, len, &start, err));
    LT_TRY(bound(call, args[2], len, len, &end, err));
    s->impossible = start > len || start > end;
    end = LT_MIN(end, len);
    if (s->impossible)
        return LT_OK;
    s->from_chars = (size_t)start;
    s->from = lt_jinja_offset(text, (size_t)start);
    lt_text rest = lt_text_sub(text, s->from, SIZE_MAX);
    s->text = lt_text_sub(rest, 0, lt_jinja_offset(rest, (size_t)(end - start)));
    return lt_jinja_charge(call->render, text.len / 32, err);
}

static lt_status search_args(lt_jinja_call *call, search *s, lt_err *err)
{
    lt_jinja_value args[3];
    *s = (search){0};
    LT_TRY(lt_jinja_bind(call, "sub start? end?", args, err));
    LT_TRY(lt_jinja_want_text(call, args[0], &s->part, err));
    return search_bounds(call, args, s, err);
}

static size_t find_last(lt_text text, lt_text part)
{
    if (part.len > text.len)
        return SIZE_MAX;
    for (size_t at = text.len - part.len + 1; at-- > 0;)
        if (part.len == 0 || memcmp(text.ptr + at, part.ptr, part.len) == 0)
            return at;
    return SIZE_MAX;
}

/* Searching from the right can look at the same bytes again and again: let long needles cost. */
static lt_status charge_search(lt_jinja_call *call, lt_text text, lt_text part, bool last,
                               lt_err *err)
{
    return lt_jinja_charge(call->render, text.len / 32 * (last ? 1 + part.len / 64 : 1), err);
}

static lt_status find_any(lt_jinja_call *call, bool last, bool must, lt_jinja_value *out,
                          lt_err *err)
{
    search s;
    LT_TRY(search_args(call, &s, err));
    LT_TRY(charge_search(call, s.text, s.part, last, err));
    size_t at = s.impossible ? SIZE_MAX
                : last       ? find_last(s.text, s.part)
                             : lt_text_find(s.text, s.part, 0);
    if (at == SIZE_MAX) {
        if (must)
            return lt_fail(err, LT_INVALID, "substring not found");
        *out = lt_jinja_int(-1);
        return LT_OK;
    }
    *out = lt_jinja_int((int64_t)(s.from_chars + lt_jinja_chars(lt_text_sub(s.text, 0, at))));
    return LT_OK;
}

METHOD(find)
{
    return find_any(call, false, false, out, err);
}
METHOD(rfind)
{
    return find_any(call, true, false, out, err);
}
METHOD(index_of)
{
    return find_any(call, false, true, out, err);
}
METHOD(rindex_of)
{
    return find_any(call, true, true, out, err);
}

METHOD(count)
{
    search s;
    LT_TRY(search_args(call, &s, err));
    int64_t found = 0;
    if (!s.impossible && !s.part.len)
        found = (int64_t)lt_jinja_chars(s.text) + 1;
    else if (!s.impossible)
        for (size_t at = 0; (at = lt_text_find(s.text, s.part, at)) != SIZE_MAX; at += s.part.len)
            found++;
    *out = lt_jinja_int(found);
    return LT_OK;
}

/* startswith, endswith: one text or a tuple of them. */
static lt_status has_end(lt_jinja_call *call, bool (*test)(lt_text, lt_text), lt_jinja_value *out,
                         lt_err *err)
{
    lt_jinja_value args[3];
    search s = {0};
    LT_TRY(lt_jinja_bind(call, "part start? end?", args, err));
    LT_TRY(search_bounds(call, args, &s, err));
    bool yes = false;
    if (args[0].type == LT_JINJA_TUPLE) {
        for (size_t i = 0; i < args[0].as.list->len && !yes; i++) {
            LT_TRY(lt_jinja_want_text(call, args[0].as.list->items[i], &s.part, err));
            yes = !s.impossible && test(s.text, s.part);
        }
    } else {
        LT_TRY(lt_jinja_want_text(call, args[0], &s.part, err));
        yes = !s.impossible && test(s.text, s.part);
    }
    *out = lt_jinja_bool(yes);
    return LT_OK;
}

METHOD(startswith)
{
    return has_end(call, lt_text_starts, out, err);
}
METHOD(endswith)
{
    return has_end(call, lt_text_ends, out, err);
}

/* Replacing the empty text puts the new one around every character. */
static lt_status replace_empty(lt_jinja_call *call, lt_text new, int64_t limit, lt_err *err)
{
    lt_text text = lt_jinja_as_text(call->self);
    lt_buf *buf = &call->render->out;
    uint32_t c;
    if (limit)
        lt_buf_add(buf, new);
    for (size_t at = 0, from = 0; lt_utf8_next(text, &at, &c); from = at) {
        lt_buf_add(buf, lt_text_sub(text, from, at - from));
        if (--limit > 0 || limit < 0)
            lt_buf_add(buf, new);
        else
            limit = 1; /* used up */
        LT_TRY(lt_jinja_charge(call->render, 1 + new.len / 32, err));
    }
    return LT_OK;
}

METHOD(replace)
{
    lt_jinja_value args[3];
    lt_text old, new, text = lt_jinja_as_text(call->self);
    int64_t limit = -1;
    LT_TRY(lt_jinja_bind(call, "old new count?", args, err));
    LT_TRY(lt_jinja_want_text(call, args[0], &old, err));
    LT_TRY(lt_jinja_want_text(call, args[1], &new, err));
    if (!lt_jinja_is_absent(args[2]))
        LT_TRY(lt_jinja_want_int(call, args[2], &limit, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    if (!old.len) {
        LT_TRY(replace_empty(call, new, limit, err));
        *out = lt_jinja_take(call->render, mark);
        return LT_OK;
    }
    size_t at = 0, found;
    while (limit != 0 && (found = lt_text_find(text, old, at)) != SIZE_MAX) {
        lt_buf_add(buf, lt_text_sub(text, at, found - at));
        lt_buf_add(buf, new);
        at = found + old.len;
        limit -= limit > 0;
        LT_TRY(lt_jinja_charge(call->render, 1 + new.len / 32, err));
    }
    lt_buf_add(buf, lt_text_sub(text, at, SIZE_MAX));
    LT_TRY(lt_jinja_charge(call->render, text.len / 32, err));
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* ---- split */

static void reverse(lt_jinja_seq *list)
{
    for (size_t i = 0, j = list->len; i + 1 < j; i++) {
        lt_jinja_value swap = list->items[i];
        list->items[i] = list->items[--j];
        list->items[j] = swap;
    }
}

static lt_status split_white(lt_jinja_call *call, lt_text text, int64_t limit, bool from_right,
                             lt_jinja_seq *list, lt_err *err)
{
    for (;;) {
        text = lt_jinja_strip(text, (lt_text){0}, !from_right, from_right);
        if (!text.len)
            return LT_OK;
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        size_t start = 0, end = 0;
        uint32_t c;
        if (limit == 0) {
            lt_jinja_list_push(list, lt_jinja_text(text));
            return LT_OK;
        }
        if (from_right) {
            for (end = text.len, start = end; start > 0;) {
                size_t before = start - 1, after;
                while (before && ((unsigned char)text.ptr[before] & 0xc0) == 0x80)
                    before--;
                after = before;
                (void)lt_utf8_next(text, &after, &c);
                if (lt_jinja_is_white(c))
                    break;
                start = before;
            }
        } else {
            for (size_t at = 0; lt_utf8_next(text, &at, &c) && !lt_jinja_is_white(c);)
                end = at;
        }
        lt_jinja_list_push(list, lt_jinja_text(lt_text_sub(text, start, end - start)));
        text = from_right ? lt_text_sub(text, 0, start) : lt_text_sub(text, end, SIZE_MAX);
        limit -= limit > 0;
    }
}

static lt_status split_by(lt_jinja_call *call, lt_text text, lt_text sep, int64_t limit,
                          bool from_right, lt_jinja_seq *list, lt_err *err)
{
    while (limit != 0) {
        size_t at = from_right ? find_last(text, sep) : lt_text_find(text, sep, 0);
        if (at == SIZE_MAX)
            break;
        size_t after = at + sep.len;
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        lt_jinja_list_push(list, lt_jinja_text(from_right ? lt_text_sub(text, after, SIZE_MAX)
                                                          : lt_text_sub(text, 0, at)));
        text = from_right ? lt_text_sub(text, 0, at) : lt_text_sub(text, after, SIZE_MAX);
        limit -= limit > 0;
    }
    lt_jinja_list_push(list, lt_jinja_text(text));
    return LT_OK;
}

static lt_status split_any(lt_jinja_call *call, bool from_right, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    int64_t limit = -1;
    LT_TRY(lt_jinja_bind(call, "sep? maxsplit?", args, err));
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_want_int(call, args[1], &limit, err));
    lt_text text = lt_jinja_as_text(call->self), sep;
    lt_jinja_value list = lt_jinja_list(call->heap);
    LT_TRY(lt_jinja_charge(call->render, text.len / 16, err));
    if (lt_jinja_is_absent(args[0]) || args[0].type == LT_JINJA_NONE) {
        LT_TRY(split_white(call, text, limit, from_right, list.as.list, err));
    } else {
        LT_TRY(lt_jinja_want_text(call, args[0], &sep, err));
        if (!sep.len)
            return lt_fail(err, LT_INVALID, "empty separator");
        LT_TRY(charge_search(call, text, sep, from_right, err));
        LT_TRY(split_by(call, text, sep, limit, from_right, list.as.list, err));
    }
    if (from_right)
        reverse(list.as.list);
    *out = list;
    return LT_OK;
}

METHOD(split)
{
    return split_any(call, false, out, err);
}
METHOD(rsplit)
{
    return split_any(call, true, out, err);
}

METHOD(splitlines)
{
    lt_jinja_value arg;
    LT_TRY(lt_jinja_bind(call, "keepends?", &arg, err));
    bool keep = lt_jinja_truth(arg);
    lt_text text = lt_jinja_as_text(call->self);
    lt_jinja_value list = lt_jinja_list(call->heap);
    size_t start = 0;
    uint32_t c;
    for (size_t at = 0, from = 0; lt_utf8_next(text, &at, &c); from = at) {
        if (!((c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
              c == 0x2029))
            continue;
        if (c == '\r' && at < text.len && text.ptr[at] == '\n')
            at++;
        lt_jinja_add(list, lt_jinja_text(lt_text_sub(text, start, (keep ? at : from) - start)));
        start = at;
    }
    if (start < text.len)
        lt_jinja_add(list, lt_jinja_text(lt_text_sub(text, start, SIZE_MAX)));
    *out = list;
    return lt_jinja_charge(call->render, text.len / 16, err);
}

static lt_status partition_at(lt_jinja_call *call, bool last, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value arg;
    lt_text sep, text = lt_jinja_as_text(call->self);
    LT_TRY(lt_jinja_bind(call, "sep", &arg, err));
    LT_TRY(lt_jinja_want_text(call, arg, &sep, err));
    if (!sep.len)
        return lt_fail(err, LT_INVALID, "empty separator");
    LT_TRY(lt_jinja_charge(call->render, text.len / 32, err));
    LT_TRY(charge_search(call, text, sep, last, err));
    size_t at = last ? find_last(text, sep) : lt_text_find(text, sep, 0);
    lt_jinja_value none = lt_jinja_text((lt_text){0});
    lt_jinja_value parts[3] = {call->self, none, none};
    if (at != SIZE_MAX) {
        parts[0] = lt_jinja_text(lt_text_sub(text, 0, at));
        parts[1] = lt_jinja_text(lt_text_sub(text, at, sep.len));
        parts[2] = lt_jinja_text(lt_text_sub(text, at + sep.len, SIZE_MAX));
    } else if (last) {
        parts[0] = none;
        parts[2] = call->self;
    }
    *out = lt_jinja_tuple(call->heap, parts, 3);
    return LT_OK;
}

METHOD(partition)
{
    return partition_at(call, false, out, err);
}
METHOD(rpartition)
{
    return partition_at(call, true, out, err);
}

const lt_jinja_func lt_jinja_str_find_methods[] = {
    {"find", find, NULL},
    {"rfind", rfind, NULL},
    {"index", index_of, NULL},
    {"rindex", rindex_of, NULL},
    {"count", count, NULL},
    {"startswith", startswith, NULL},
    {"endswith", endswith, NULL},
    {"replace", replace, NULL},
    {"split", split, NULL},
    {"rsplit", rsplit, NULL},
    {"splitlines", splitlines, NULL},
    {"partition", partition, NULL},
    {"rpartition", rpartition, NULL},
    {NULL, NULL, NULL},
};
