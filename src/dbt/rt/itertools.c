/* modules.itertools: the fourteen functions that dbt offers; all give lists, which are bounded. */
#include "dbt/rt/inner.h"

enum { MAX_ITEMS = 1000 * 1000 };

typedef struct pool {
    lt_jinja_value list;
    size_t len;
} pool;

/* Anything that can be iterated, as a list: Jinja's own filter knows how. */
static lt_status items_of(lt_jinja_call *call, lt_jinja_value value, pool *out, lt_err *err)
{
    LT_TRY(lt_jinja_items(call->render, value, &out->list, err));
    out->len = lt_jinja_len(out->list);
    return LT_OK;
}

static lt_status too_many(lt_err *err)
{
    return lt_fail(err, LT_TOO_BIG, "itertools would give more than %d items", MAX_ITEMS);
}

static const lt_jinja_value *keyword(const lt_jinja_call *call, const char *name)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, lt_text_of(name)))
            return &call->kwargs[i].value;
    return NULL;
}

static int64_t count_of(lt_jinja_value value, int64_t otherwise)
{
    return value.type == LT_JINJA_INT ? value.as.i : otherwise;
}

/* ---- joining ---- */

static lt_status chain(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < call->arg_count; i++) {
        pool p;
        LT_TRY(items_of(call, call->args[i], &p, err));
        for (size_t k = 0; k < p.len; k++)
            lt_jinja_add(*out, lt_jinja_at(p.list, k));
    }
    return LT_OK;
}

static lt_status zip_longest(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_jinja_value *fill = keyword(call, "fillvalue");
    pool *pools = lt_alloc_array(&call->heap->arena, call->arg_count + 1, sizeof(*pools));
    lt_jinja_value *row = lt_alloc_array(&call->heap->arena, call->arg_count + 1, sizeof(*row));
    size_t longest = 0;
    for (size_t i = 0; i < call->arg_count; i++) {
        LT_TRY(items_of(call, call->args[i], &pools[i], err));
        longest = LT_MAX(longest, pools[i].len);
    }
    *out = lt_jinja_list(call->heap);
    for (size_t k = 0; k < longest; k++) {
        for (size_t i = 0; i < call->arg_count; i++)
            row[i] = k < pools[i].len ? lt_jinja_at(pools[i].list, k)
                     : fill           ? *fill
                                      : lt_jinja_none();
        lt_jinja_add(*out, lt_jinja_tuple(call->heap, row, call->arg_count));
    }
    return LT_OK;
}

static lt_status repeat(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "object times?", args, err));
    int64_t times = count_of(args[1], -1);
    if (times < 0 || times > MAX_ITEMS)
        return lt_fail(err, LT_TOO_BIG, "repeat() needs a number of times, up to %d", MAX_ITEMS);
    *out = lt_jinja_list(call->heap);
    for (int64_t i = 0; i < times; i++)
        lt_jinja_add(*out, args[0]);
    return LT_OK;
}

/* count() and cycle() never end in Python; a template can only use as much of them as it breaks off. */
enum { ENDLESS = 10000 };

static lt_status count(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "start? step?", args, err));
    int64_t start = count_of(args[0], 0), step = count_of(args[1], 1);
    *out = lt_jinja_list(call->heap);
    for (int64_t i = 0; i < ENDLESS; i++)
        lt_jinja_add(*out, lt_jinja_int((int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)step)));
    return LT_OK;
}

static lt_status cycle(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    pool p;
    LT_TRY(lt_jinja_bind(call, "iterable", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; p.len && i < ENDLESS; i++)
        lt_jinja_add(*out, lt_jinja_at(p.list, i % p.len));
    return LT_OK;
}

static lt_status tee(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    pool p;
    LT_TRY(lt_jinja_bind(call, "iterable n?", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    int64_t n = count_of(args[1], 2);
    if (n < 0 || n > 1000)
        return too_many(err);
    lt_jinja_value *copies = lt_alloc_array(&call->heap->arena, (size_t)n + 1, sizeof(*copies));
    for (int64_t i = 0; i < n; i++) {
        copies[i] = lt_jinja_list(call->heap);
        for (size_t k = 0; k < p.len; k++)
            lt_jinja_add(copies[i], lt_jinja_at(p.list, k));
    }
    *out = lt_jinja_tuple(call->heap, copies, (size_t)n);
    return LT_OK;
}

/* ---- choosing ---- */

static lt_status ask(lt_jinja_call *call, lt_jinja_value predicate, lt_jinja_value item, bool *yes,
                     lt_err *err)
{
    lt_jinja_value answer = item;
    if (predicate.type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_invoke(call->render, predicate, &item, 1, NULL, 0, &answer, err));
    *yes = lt_jinja_truth(answer);
    return LT_OK;
}

static lt_status compress(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    pool data, chosen;
    LT_TRY(lt_jinja_bind(call, "data selectors", args, err));
    LT_TRY(items_of(call, args[0], &data, err));
    LT_TRY(items_of(call, args[1], &chosen, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < LT_MIN(data.len, chosen.len); i++)
        if (lt_jinja_truth(lt_jinja_at(chosen.list, i)))
            lt_jinja_add(*out, lt_jinja_at(data.list, i));
    return LT_OK;
}

typedef enum filtering { DROP_WHILE, TAKE_WHILE, FILTER_FALSE } filtering;

static lt_status filter_items(lt_jinja_call *call, filtering how, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    pool p;
    bool dropping = how == DROP_WHILE, yes;
    LT_TRY(lt_jinja_bind(call, "predicate iterable", args, err));
    LT_TRY(items_of(call, args[1], &p, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < p.len; i++) {
        lt_jinja_value item = lt_jinja_at(p.list, i);
        if (how == DROP_WHILE && !dropping) {
            lt_jinja_add(*out, item);
            continue;
        }
        LT_TRY(ask(call, args[0], item, &yes, err));
        if (how == TAKE_WHILE && !yes)
            return LT_OK;
        if (how == TAKE_WHILE || !yes)
            lt_jinja_add(*out, item);
        dropping = dropping && yes;
    }
    return LT_OK;
}

static lt_status islice(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[4];
    pool p;
    LT_TRY(lt_jinja_bind(call, "iterable a b? c?", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    bool one = lt_jinja_is_absent(args[2]) && call->arg_count < 3;
    int64_t start = one ? 0 : count_of(args[1], 0);
    int64_t stop = count_of(one ? args[1] : args[2], (int64_t)p.len);
    int64_t step = lt_jinja_is_absent(args[3]) ? 1 : count_of(args[3], 1);
    if (start < 0 || stop < 0 || step < 1)
        return lt_fail(err, LT_INVALID, "Indices for islice() must be None or an integer >= 0");
    *out = lt_jinja_list(call->heap);
    for (int64_t i = start; i < stop && i < (int64_t)p.len; i += step)
        lt_jinja_add(*out, lt_jinja_at(p.list, (size_t)i));
    return LT_OK;
}

static lt_status accumulate(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3], sum = lt_jinja_none();
    pool p;
    LT_TRY(lt_jinja_bind(call, "iterable func? initial?", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    *out = lt_jinja_list(call->heap);
    bool has = !lt_dbt_is_none(args[2]);
    if (has) {
        sum = args[2];
        lt_jinja_add(*out, sum);
    }
    for (size_t i = 0; i < p.len; i++) {
        lt_jinja_value both[] = {sum, lt_jinja_at(p.list, i)};
        if (!has)
            sum = both[1];
        else if (!lt_dbt_is_none(args[1]))
            LT_TRY(lt_jinja_invoke(call->render, args[1], both, 2, NULL, 0, &sum, err));
        else
            LT_TRY(lt_jinja_plus(call->render, both[0], both[1], &sum, err));
        has = true;
        lt_jinja_add(*out, sum);
    }
    return LT_OK;
}

static lt_status starmap(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    pool p, row;
    LT_TRY(lt_jinja_bind(call, "function iterable", args, err));
    LT_TRY(items_of(call, args[1], &p, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < p.len; i++) {
        lt_jinja_value made;
        LT_TRY(items_of(call, lt_jinja_at(p.list, i), &row, err));
        lt_jinja_value *given = lt_alloc_array(&call->heap->arena, row.len + 1, sizeof(*given));
        for (size_t k = 0; k < row.len; k++)
            given[k] = lt_jinja_at(row.list, k);
        LT_TRY(lt_jinja_invoke(call->render, args[0], given, row.len, NULL, 0, &made, err));
        lt_jinja_add(*out, made);
    }
    return LT_OK;
}

/* ---- combining: indexes that count up, as an odometer ---- */

static lt_status product(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const lt_jinja_value *repeat_value = keyword(call, "repeat");
    int64_t times = repeat_value ? count_of(*repeat_value, 1) : 1;
    if (times < 0 || times > 64)
        return too_many(err);
    size_t n = call->arg_count * (size_t)times, total = 1;
    pool *pools = lt_alloc_array(&call->heap->arena, n + 1, sizeof(*pools));
    size_t *at = lt_alloc_array(&call->heap->arena, n + 1, sizeof(*at));
    lt_jinja_value *row = lt_alloc_array(&call->heap->arena, n + 1, sizeof(*row));
    for (size_t i = 0; i < n; i++) {
        if (i < call->arg_count)
            LT_TRY(items_of(call, call->args[i], &pools[i], err));
        else
            pools[i] = pools[i % call->arg_count];
        total *= pools[i].len;
        if (total > MAX_ITEMS)
            return too_many(err);
    }
    *out = lt_jinja_list(call->heap);
    for (size_t k = 0; k < total; k++) {
        for (size_t i = 0; i < n; i++)
            row[i] = lt_jinja_at(pools[i].list, at[i]);
        lt_jinja_add(*out, lt_jinja_tuple(call->heap, row, n));
        for (size_t i = n; i-- > 0;) {
            if (++at[i] < pools[i].len)
                break;
            at[i] = 0;
        }
    }
    return LT_OK;
}

typedef struct choosing {
    const pool *from;
    size_t *at, r;
    bool repeats, ordered; /* with replacement; permutations */
    lt_jinja_value list;
    lt_jinja_value *row;
    size_t made;
} choosing;

static bool is_used(const choosing *c, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        if (c->at[i] == c->at[depth])
            return true;
    return false;
}

/* Depth-first without recursion: at[depth] is the next item to try there. */
static lt_status choose(lt_jinja_heap *heap, choosing *c, lt_err *err)
{
    size_t depth = 0;
    if (c->r)
        c->at[0] = 0;
    for (;;) {
        if (depth == c->r) {
            for (size_t i = 0; i < c->r; i++)
                c->row[i] = lt_jinja_at(c->from->list, c->at[i]);
            lt_jinja_add(c->list, lt_jinja_tuple(heap, c->row, c->r));
            if (++c->made > MAX_ITEMS)
                return too_many(err);
        } else if (c->at[depth] < c->from->len) {
            if (c->ordered && is_used(c, depth)) {
                c->at[depth]++;
                continue;
            }
            depth++;
            if (depth < c->r)
                c->at[depth] = c->ordered ? 0 : c->at[depth - 1] + !c->repeats;
            continue;
        }
        if (depth == 0)
            return LT_OK;
        c->at[--depth]++;
    }
}

static lt_status choices(lt_jinja_call *call, bool ordered, bool repeats, lt_jinja_value *out,
                         lt_err *err)
{
    lt_jinja_value args[2];
    pool p;
    LT_TRY(lt_jinja_bind(call, ordered ? "iterable r?" : "iterable r", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    int64_t r = count_of(args[1], (int64_t)p.len);
    if (r < 0 || r > 1000)
        return lt_fail(err, LT_INVALID, "r must be 0 to 1000");
    choosing c = {.from = &p, .r = (size_t)r, .repeats = repeats, .ordered = ordered};
    c.at = lt_alloc_array(&call->heap->arena, c.r + 1, sizeof(*c.at));
    c.row = lt_alloc_array(&call->heap->arena, c.r + 1, sizeof(*c.row));
    c.list = *out = lt_jinja_list(call->heap);
    return choose(call->heap, &c, err);
}

static lt_status groupby(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2], group = {0}, last = {0};
    pool p;
    LT_TRY(lt_jinja_bind(call, "iterable key?", args, err));
    LT_TRY(items_of(call, args[0], &p, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < p.len; i++) {
        lt_jinja_value item = lt_jinja_at(p.list, i), key = item;
        if (!lt_dbt_is_none(args[1]))
            LT_TRY(lt_jinja_invoke(call->render, args[1], &item, 1, NULL, 0, &key, err));
        if (i == 0 || !lt_jinja_eq(key, last)) {
            group = lt_jinja_list(call->heap);
            lt_jinja_value both[] = {key, group};
            lt_jinja_add(*out, lt_jinja_tuple(call->heap, both, 2));
        }
        lt_jinja_add(group, item);
        last = key;
    }
    return LT_OK;
}

/* ---- the module ---- */

static lt_status dropwhile(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return filter_items(call, DROP_WHILE, out, err);
}
static lt_status takewhile(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return filter_items(call, TAKE_WHILE, out, err);
}
static lt_status filterfalse(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return filter_items(call, FILTER_FALSE, out, err);
}
static lt_status permutations(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return choices(call, true, false, out, err);
}
static lt_status combinations(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return choices(call, false, false, out, err);
}
static lt_status combinations_again(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return choices(call, false, true, out, err);
}

static const lt_jinja_func functions[] = {
    {"count", count, NULL},
    {"cycle", cycle, NULL},
    {"repeat", repeat, NULL},
    {"accumulate", accumulate, NULL},
    {"chain", chain, NULL},
    {"compress", compress, NULL},
    {"dropwhile", dropwhile, NULL},
    {"filterfalse", filterfalse, NULL},
    {"groupby", groupby, NULL},
    {"islice", islice, NULL},
    {"starmap", starmap, NULL},
    {"takewhile", takewhile, NULL},
    {"tee", tee, NULL},
    {"zip_longest", zip_longest, NULL},
    {"product", product, NULL},
    {"permutations", permutations, NULL},
    {"combinations", combinations, NULL},
    {"combinations_with_replacement", combinations_again, NULL},
};

static lt_status module_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_dbt_exec *exec = ((exec_object *)self)->exec;
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    (void)render;
    (void)err;
    *found = false;
    for (size_t i = 0; i < LT_COUNT(functions); i++)
        if (lt_text_eq(lt_text_of(functions[i].name), name)) {
            *out = lt_jinja_func_value(&functions[i]);
            *found = true;
        }
    if (*found && settings->host->itertools_used)
        settings->host->itertools_used(settings->user, exec);
    return LT_OK;
}

const lt_jinja_class lt_dbt_itertools_module = {.name = "module", .attr = module_attr};
