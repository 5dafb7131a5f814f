/* Reads fault descriptions and decides for each request. */
#include "fault.h"

static const char *const names[LT_FAULT_COUNT] = {
    "429",    "500",      "502",    "503",   "404",  "refuse", "slow", "never",
    "hangup", "truncate", "broken", "shape", "type", "twice",  "grow", "shrink"};

void lt_faults_init(lt_faults *faults, uint64_t seed)
{
    *faults = (lt_faults){.seed = seed};
    (void)pthread_mutex_init(&faults->lock, NULL);
}

static bool read_when(lt_text when, lt_fault *fault)
{
    if (lt_text_starts(when, T("#"))) {
        bool on = lt_text_ends(when, T("+"));
        fault->when = on ? LT_FAULT_FROM : LT_FAULT_REQUEST;
        return lt_text_to_i64(lt_text_sub(when, 1, when.len - 1 - on), &fault->number);
    }
    if (lt_text_starts(when, T("page="))) {
        bool once = lt_text_ends(when, T("!"));
        fault->when = once ? LT_FAULT_PAGE_ONCE : LT_FAULT_PAGE;
        return lt_text_to_i64(lt_text_sub(when, 5, when.len - 5 - once), &fault->number);
    }
    fault->when = LT_FAULT_SHARE;
    return lt_text_to_double(when, &fault->share) && fault->share >= 0 && fault->share <= 1;
}

lt_status lt_faults_add(lt_faults *faults, lt_text spec, lt_err *err)
{
    lt_fault fault = {.kind = LT_FAULT_COUNT};
    size_t colon = lt_text_find_byte(spec, ':', 0);
    lt_text kind = lt_text_sub(spec, 0, colon);
    for (unsigned i = 0; i < LT_FAULT_COUNT; i++)
        if (lt_text_eq(kind, lt_text_of(names[i])))
            fault.kind = (lt_fault_kind)i;
    if (fault.kind == LT_FAULT_COUNT || colon == SIZE_MAX ||
        !read_when(lt_text_sub(spec, colon + 1, spec.len), &fault)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is no fault", LT_ARG(spec)));
        return lt_hint(err,
                       "write KIND:WHEN, for example 429:0.05, broken:#7, refuse:#9+, 404:page=3");
    }
    (void)pthread_mutex_lock(&faults->lock);
    bool room = faults->len < LT_FAULTS_MAX;
    if (room)
        faults->items[faults->len++] = fault;
    (void)pthread_mutex_unlock(&faults->lock);
    return room ? LT_OK : lt_fail(err, LT_TOO_BIG, "more than %d faults", LT_FAULTS_MAX);
}

void lt_faults_clear(lt_faults *faults)
{
    (void)pthread_mutex_lock(&faults->lock);
    faults->len = 0;
    (void)pthread_mutex_unlock(&faults->lock);
}

bool lt_faults_have(lt_faults *faults, lt_fault_kind kind)
{
    bool have = false;
    (void)pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->len; i++)
        have = have || faults->items[i].kind == kind;
    (void)pthread_mutex_unlock(&faults->lock);
    return have;
}

/* splitmix64 (Steele, Lea, Flood 2014), to a number from 0 to below 1. */
static double draw(uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool goes_off(lt_fault *fault, uint64_t seed, int64_t request, int64_t page)
{
    switch (fault->when) {
    case LT_FAULT_SHARE:
        return draw(seed) < fault->share;
    case LT_FAULT_REQUEST:
        return request == fault->number;
    case LT_FAULT_FROM:
        return request >= fault->number;
    case LT_FAULT_PAGE:
        return page == fault->number;
    case LT_FAULT_PAGE_ONCE:
        if (page != fault->number || fault->spent)
            return false;
        return fault->spent = true;
    }
    return false;
}

unsigned lt_faults_draw(lt_faults *faults, int64_t request, int64_t page)
{
    unsigned set = 0;
    (void)pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; i < faults->len; i++) {
        uint64_t seed = faults->seed + (uint64_t)request * LT_FAULTS_MAX + i;
        if (!goes_off(&faults->items[i], seed, request, page))
            continue;
        set |= 1U << faults->items[i].kind;
        faults->hits[faults->items[i].kind]++;
    }
    (void)pthread_mutex_unlock(&faults->lock);
    return set;
}

void lt_faults_json(lt_faults *faults, lt_buf *out)
{
    (void)pthread_mutex_lock(&faults->lock);
    lt_buf_add_byte(out, '{');
    for (size_t i = 0; i < LT_FAULT_COUNT; i++)
        lt_buf_printf(out, "%s\"%s\":%lld", i ? "," : "", names[i], (long long)faults->hits[i]);
    lt_buf_add_byte(out, '}');
    (void)pthread_mutex_unlock(&faults->lock);
}
