/* A stable merge sort whose comparisons can fail. */
#include "jinja/inner.h"

typedef struct pair {
    lt_jinja_value key, item;
} pair;

LT_OWNED(pair_list, pair *, lt_free)

typedef struct merge {
    lt_jinja_render *r;
    bool reverse;
    lt_err *err;
} merge;

/* Merge the sorted runs [from, middle) and [middle, to) of `a` into `b`. */
static lt_status merge_runs(const merge *m, const pair *a, size_t from, size_t middle, size_t to,
                            pair *b)
{
    size_t left = from, right = middle;
    LT_TRY(lt_jinja_charge(m->r, to - from, m->err));
    for (size_t at = from; at < to; at++) {
        bool take_right = left == middle;
        if (left < middle && right < to) {
            int order;
            /* Equal ones keep their order, backwards too, as in Python. */
            LT_TRY(lt_jinja_compare(a[right].key, a[left].key, "<", &order, m->err));
            take_right = order != 2 && (m->reverse ? order > 0 : order < 0);
        }
        b[at] = take_right ? a[right++] : a[left++];
    }
    return LT_OK;
}

lt_status lt_jinja_sort(lt_jinja_render *r, lt_jinja_seq *keys, lt_jinja_value *items, bool reverse,
                        lt_err *err)
{
    size_t count = keys->len;
    if (!count)
        return LT_OK;
    LT_AUTO(pair_list) first = lt_xcalloc(count, sizeof(*first));
    LT_AUTO(pair_list) second = lt_xcalloc(count, sizeof(*second));
    merge m = {.r = r, .reverse = reverse, .err = err};
    pair *from = first, *to = second;
    for (size_t i = 0; i < count; i++)
        from[i] = (pair){keys->items[i], items[i]};
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width)
            LT_TRY(merge_runs(&m, from, i, LT_MIN(i + width, count), LT_MIN(i + 2 * width, count),
                              to));
        pair *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = from[i].item;
        keys->items[i] = from[i].key;
    }
    return LT_OK;
}
