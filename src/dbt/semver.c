/* Versions with bounds: reading, comparing, joining what several lists want. */
#include "dbt/semver.h"

/* ---- reading ---- */

static const struct {
    lt_text sign;
    lt_dbt_bound bound;
} bounds[] = {{T(">="), LT_DBT_AT_LEAST},
              {T("<="), LT_DBT_AT_MOST},
              {T(">"), LT_DBT_ABOVE},
              {T("<"), LT_DBT_BELOW},
              {T("="), LT_DBT_EXACT}};

static bool read_number(lt_text *rest, int64_t *out)
{
    enum { MOST_DIGITS = 15 };
    size_t len = 0;
    while (len < rest->len && lt_is_digit(rest->ptr[len]))
        len++;
    lt_text digits = lt_text_sub(*rest, 0, len);
    *rest = lt_text_sub(*rest, len, SIZE_MAX);
    return len && len <= MOST_DIGITS && (len == 1 || digits.ptr[0] != '0') &&
           lt_text_to_i64(digits, out);
}

/* Words between dots; numbers among those of a candidate have no zero in front. */
static bool is_tag(lt_text text, bool candidate)
{
    lt_text part;
    while (lt_text_cut(&text, '.', &part)) {
        bool number = part.len > 0;
        for (size_t i = 0; i < part.len; i++) {
            char c = part.ptr[i];
            number &= lt_is_digit(c);
            if (!lt_is_alpha(c) && !lt_is_digit(c) && c != '-')
                return false;
        }
        if (candidate && (!part.len || (number && part.len > 1 && part.ptr[0] == '0')))
            return false;
    }
    return true;
}

/* Behind the three numbers: "-rc1", "rc1", "+build". */
static bool read_tags(lt_text rest, lt_dbt_version *out)
{
    size_t plus = lt_text_find_byte(rest, '+', 0);
    lt_text pre = lt_text_sub(rest, 0, plus), build = {0};
    if (plus != SIZE_MAX)
        build = lt_text_sub(rest, plus + 1, SIZE_MAX);
    if (lt_text_starts(pre, T("-")))
        pre = lt_text_sub(pre, 1, SIZE_MAX);
    out->pre = pre;
    return (!rest.len || pre.len || plus == 0) && (!pre.len || is_tag(pre, true)) &&
           (!build.len || is_tag(build, false));
}

lt_status lt_dbt_version_read(lt_text text, lt_dbt_version *out, lt_err *err)
{
    lt_text rest = lt_text_trim(text);
    lt_dbt_version made = {.bound = LT_DBT_EXACT, .text = rest};
    for (size_t i = 0; i < LT_COUNT(bounds); i++)
        if (lt_text_starts(rest, bounds[i].sign)) {
            made.bound = bounds[i].bound;
            rest = lt_text_sub(rest, bounds[i].sign.len, SIZE_MAX);
            break;
        }
    bool good = true;
    for (size_t i = 0; i < 3 && good; i++) {
        good = read_number(&rest, &made.numbers[i]);
        if (good && i < 2) {
            good = lt_text_starts(rest, T("."));
            rest = lt_text_sub(rest, 1, SIZE_MAX);
        }
    }
    if (!good || !read_tags(rest, &made))
        return lt_fail(err, LT_INVALID, "\"%.*s\" is not a valid semantic version", LT_ARG(text));
    *out = made;
    return LT_OK;
}

/* ---- comparing ---- */

static int sign_of(int64_t number)
{
    return (number > 0) - (number < 0);
}

/* Parts between dots: numbers by value and before words; of the same parts the longer text is later. */
static int compare_tags(lt_text a, lt_text b)
{
    lt_text left = a, right = b, x, y;
    for (;;) {
        bool more_a = lt_text_cut(&left, '.', &x), more_b = lt_text_cut(&right, '.', &y);
        int64_t n, m;
        if (!more_a || !more_b)
            return sign_of((int64_t)a.len - (int64_t)b.len);
        bool number_x = lt_text_to_i64(x, &n), number_y = lt_text_to_i64(y, &m);
        int order = number_x && number_y ? sign_of(n - m)
                    : number_x           ? -1
                    : number_y           ? 1
                                         : sign_of(lt_text_cmp(x, y));
        if (order)
            return order;
    }
}

static bool is_lower(const lt_dbt_version *v)
{
    return v->bound == LT_DBT_ABOVE || v->bound == LT_DBT_AT_LEAST;
}

static bool is_upper(const lt_dbt_version *v)
{
    return v->bound == LT_DBT_BELOW || v->bound == LT_DBT_AT_MOST;
}

static bool is_pair(const lt_dbt_version *a, const lt_dbt_version *b, lt_dbt_bound first,
                    lt_dbt_bound second)
{
    return a->bound == first && b->bound == second;
}

/* Bounds at the same version. */
static int compare_bounds(const lt_dbt_version *a, const lt_dbt_version *b)
{
    if (is_pair(a, b, LT_DBT_AT_LEAST, LT_DBT_AT_MOST) ||
        is_pair(a, b, LT_DBT_AT_MOST, LT_DBT_AT_LEAST))
        return 0;
    if (is_pair(a, b, LT_DBT_BELOW, LT_DBT_AT_MOST) ||
        is_pair(a, b, LT_DBT_AT_LEAST, LT_DBT_ABOVE) || (is_upper(a) && is_lower(b)))
        return -1;
    if (is_pair(a, b, LT_DBT_AT_MOST, LT_DBT_BELOW) ||
        is_pair(a, b, LT_DBT_ABOVE, LT_DBT_AT_LEAST) || (is_lower(a) && is_upper(b)))
        return 1;
    return 0;
}

int lt_dbt_version_compare(const lt_dbt_version *a, const lt_dbt_version *b)
{
    if (a->bound == LT_DBT_ANY || b->bound == LT_DBT_ANY)
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (a->numbers[i] != b->numbers[i])
            return a->numbers[i] < b->numbers[i] ? -1 : 1;
    if (a->pre.len && b->pre.len) {
        int order = compare_tags(a->pre, b->pre);
        return order ? order : compare_bounds(a, b);
    }
    /* A release comes after its candidates; but "<2.0.0" does not want them. */
    if (b->pre.len)
        return a->bound == LT_DBT_BELOW ? -1 : 1;
    return a->pre.len ? -1 : compare_bounds(a, b);
}

/* ---- joining ---- */

static bool join_exact(const lt_dbt_version *bound, const lt_dbt_version *exact, bool lower,
                       lt_dbt_version *out)
{
    int order = lt_dbt_version_compare(bound, exact);
    bool inside = lower ? order < 0 : order > 0;
    *out = *exact;
    return inside || (order == 0 && bound->bound == (lower ? LT_DBT_AT_LEAST : LT_DBT_AT_MOST));
}

static bool join_bounds(const lt_dbt_version *a, const lt_dbt_version *b, bool lower,
                        lt_dbt_version *out)
{
    if (a->bound == LT_DBT_ANY || b->bound == LT_DBT_ANY) {
        *out = a->bound == LT_DBT_ANY ? *b : *a;
        return true;
    }
    if (a->bound == LT_DBT_EXACT)
        return join_exact(b, a, lower, out);
    if (b->bound == LT_DBT_EXACT)
        return join_exact(a, b, lower, out);
    int order = lt_dbt_version_compare(a, b);
    *out = (lower ? order < 0 : order > 0) ? *b : *a;
    return true;
}

static lt_dbt_version_range range_of(const lt_dbt_version *v)
{
    static const lt_dbt_version any = {.bound = LT_DBT_ANY};
    return (lt_dbt_version_range){.start = is_upper(v) ? any : *v, .end = is_lower(v) ? any : *v};
}

static bool join_ranges(const lt_dbt_version_range *a, const lt_dbt_version_range *b,
                        lt_dbt_version_range *out)
{
    if (a->start.bound == LT_DBT_EXACT && b->start.bound == LT_DBT_EXACT) {
        *out = (lt_dbt_version_range){a->start, a->start};
        return lt_dbt_version_compare(&a->start, &b->start) == 0;
    }
    return join_bounds(&a->start, &b->start, true, &out->start) &&
           join_bounds(&a->end, &b->end, false, &out->end) &&
           lt_dbt_version_compare(&out->start, &out->end) <= 0;
}

bool lt_dbt_versions_join(const lt_dbt_version *all, size_t count, lt_dbt_version_range *out)
{
    lt_dbt_version_range joined = {{.bound = LT_DBT_ANY}, {.bound = LT_DBT_ANY}};
    bool begun = false;
    for (size_t i = count; i-- > 0;) {
        lt_dbt_version_range next = range_of(&all[i]), both;
        if (all[i].bound == LT_DBT_ANY)
            continue;
        if (begun && !join_ranges(&joined, &next, &both))
            return false;
        joined = begun ? both : next;
        begun = true;
    }
    *out = joined;
    return true;
}

bool lt_dbt_version_fits(const lt_dbt_version_range *range, const lt_dbt_version *version)
{
    const lt_dbt_version all[] = {*version, range->start, range->end};
    lt_dbt_version_range joined;
    return lt_dbt_versions_join(all, LT_COUNT(all), &joined);
}

void lt_dbt_version_range_write(const lt_dbt_version_range *range, lt_buf *out)
{
    const lt_dbt_version *ends[] = {&range->start, &range->end};
    size_t begin = out->len;
    for (size_t i = 0; i < LT_COUNT(ends); i++)
        if (ends[i]->bound != LT_DBT_ANY)
            lt_buf_printf(
                out, "%s%s%.*s", out->len > begin ? ", " : "",
                ends[i]->bound == LT_DBT_EXACT && !lt_text_starts(ends[i]->text, T("=")) ? "=" : "",
                LT_ARG(ends[i]->text));
    if (out->len == begin)
        lt_buf_add_str(out, "ANY");
}
