/* What a cell of a seed can be: numbers, dates, moments and truth values as dbt's reader of CSV (agate, isodate) knows them. */
#include "dbt/rt/inner.h"

#include "base/time.h"

enum { MOST_ZEROS = 400, MOST_FRACTION = 9 };

bool lt_dbt_cell_is_null(lt_text cell)
{
    lt_text bare = lt_text_trim(cell);
    return !bare.len || lt_text_eq_nocase(bare, T("null"));
}

/* ---- numbers ---- */

static const char *const currencies[] = {"؋", "$", "ƒ", "៛", "¥", "₡", "₱", "£", "€", "¢",
                                         "﷼", "₪", "₩", "₭", "₮", "₦", "฿", "₤", "₫"};

static lt_text without(lt_text text, lt_text symbol)
{
    while (lt_text_starts(text, symbol))
        text = lt_text_sub(text, symbol.len, SIZE_MAX);
    while (lt_text_ends(text, symbol))
        text.len -= symbol.len;
    return text;
}

static bool is_special(lt_text digits, const char **name)
{
    bool minus = digits.len && digits.ptr[0] == '-';
    if (digits.len && (minus || digits.ptr[0] == '+'))
        digits = lt_text_sub(digits, 1, SIZE_MAX);
    if (lt_text_eq_nocase(digits, T("nan")))
        *name = "NaN";
    else if (lt_text_eq_nocase(digits, T("inf")) || lt_text_eq_nocase(digits, T("infinity")))
        *name = minus ? "-Infinity" : "Infinity";
    else
        return false;
    return true;
}

static size_t skip_digits(lt_text text, size_t at)
{
    while (at < text.len && lt_is_digit(text.ptr[at]))
        at++;
    return at;
}

/* [+-]digits[.digits][e[+-]digits] */
static bool is_decimal(lt_text text)
{
    size_t at = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
    size_t whole = skip_digits(text, at) - at, fraction = 0;
    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        fraction = skip_digits(text, at + 1) - at - 1;
        at += 1 + fraction;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        size_t from = at + 1;
        from += from < text.len && (text.ptr[from] == '-' || text.ptr[from] == '+');
        at = skip_digits(text, from);
        if (at == from)
            return false;
    }
    return whole + fraction && at == text.len;
}

/* A minus in front of the currency and one behind it take each other away; a plus is not written. */
static void set_sign(lt_buf *number, bool minus)
{
    LT_AUTO(lt_buf) made = {0};
    lt_text rest = lt_buf_text(number);
    bool is_signed = rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+');
    minus = minus != (is_signed && rest.ptr[0] == '-');
    lt_buf_add_str(&made, minus ? "-" : "");
    lt_buf_add(&made, lt_text_sub(rest, is_signed, SIZE_MAX));
    lt_buf_clear(number);
    lt_buf_add(number, lt_buf_text(&made));
}

bool lt_dbt_cell_number(lt_text cell, lt_buf *out)
{
    const char *special = NULL;
    lt_text bare = without(lt_text_trim(cell), T("%"));
    bool minus = bare.len && bare.ptr[0] == '-';
    if (minus)
        bare = lt_text_sub(bare, 1, SIZE_MAX);
    for (size_t i = 0; i < LT_COUNT(currencies); i++)
        bare = without(bare, lt_text_of(currencies[i]));
    bare = lt_text_trim(bare);
    lt_buf_clear(out);
    for (size_t i = 0; i < bare.len; i++)
        if (bare.ptr[i] != ',' && bare.ptr[i] != '_')
            lt_buf_add_byte(out, bare.ptr[i]);
    if (!is_special(lt_buf_text(out), &special) && !is_decimal(lt_buf_text(out)))
        return false;
    set_sign(out, minus);
    if (is_special(lt_buf_text(out), &special)) {
        lt_buf_clear(out);
        lt_buf_add_str(out, special);
    }
    return true;
}

static bool is_number(lt_text cell)
{
    LT_AUTO(lt_buf) ignored = {0};
    return lt_dbt_cell_number(cell, &ignored);
}

/* The parts of a number that Decimal wrote. */
typedef struct number_parts {
    lt_text whole, fraction; /* without zeros behind */
    int64_t exponent;
    bool is_zero;
} number_parts;

static number_parts parts_of(lt_text number)
{
    number_parts parts = {.is_zero = true};
    size_t end = 0;
    while (end < number.len && number.ptr[end] != 'e' && number.ptr[end] != 'E') {
        parts.is_zero = parts.is_zero && !(number.ptr[end] >= '1' && number.ptr[end] <= '9');
        end++;
    }
    lt_text mantissa = lt_text_sub(number, 0, end),
            exponent = lt_text_sub(number, end + 1, SIZE_MAX);
    if (exponent.len && exponent.ptr[0] == '+')
        exponent = lt_text_sub(exponent, 1, SIZE_MAX);
    if (!lt_text_to_i64(exponent, &parts.exponent))
        parts.exponent = 0;
    size_t point = lt_text_find_byte(mantissa, '.', 0);
    parts.whole = lt_text_sub(mantissa, 0, point);
    if (point != SIZE_MAX)
        parts.fraction = lt_text_sub(mantissa, point + 1, SIZE_MAX);
    while (parts.fraction.len && parts.fraction.ptr[parts.fraction.len - 1] == '0')
        parts.fraction.len--;
    return parts;
}

bool lt_dbt_number_has_decimals(lt_text number)
{
    number_parts parts = parts_of(number);
    return !parts.is_zero && (int64_t)parts.fraction.len > parts.exponent;
}

void lt_dbt_number_write(lt_text number, lt_buf *out)
{
    number_parts parts = parts_of(number);
    if (parts.is_zero || parts.exponent > MOST_ZEROS || lt_dbt_number_has_decimals(number)) {
        bool whole = parts.is_zero && parts.whole.len && parts.whole.len < number.len;
        lt_buf_add(out, whole ? parts.whole : number);
        return;
    }
    lt_buf_add(out, parts.whole);
    lt_buf_add(out, parts.fraction);
    for (int64_t i = (int64_t)parts.fraction.len; i < parts.exponent; i++)
        lt_buf_add_byte(out, '0');
}

/* ---- dates and moments ---- */

/* What a pattern found: years, months, days, weeks, hours, ... */
typedef struct fields {
    unsigned of[128]; /* by the pattern's letter */
    bool has[128];
} fields;

/* `text` is what `pattern` says: each small letter or capital of "YMDOC" is a digit of that field, all else stands for itself. */
static bool matches(lt_text text, const char *pattern, fields *found)
{
    *found = (fields){0};
    if (strlen(pattern) != text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char letter = (unsigned char)pattern[i];
        if (!strchr("YMDOCwe", letter)) {
            if (text.ptr[i] != (char)letter)
                return false;
            continue;
        }
        if (!lt_is_digit(text.ptr[i]))
            return false;
        found->of[letter] = found->of[letter] * 10 + (unsigned)(text.ptr[i] - '0');
        found->has[letter] = true;
    }
    return true;
}

/* Of the ISO year's week; isodate counts from the week that 1 January lies in. */
static int64_t week_day(int64_t new_year, unsigned week, unsigned day)
{
    int64_t weekday = (new_year + 3) % 7; /* 0: Monday; 1970-01-01 was a Thursday */
    weekday = weekday < 0 ? weekday + 7 : weekday;
    return new_year + 7 * ((int64_t)week - (weekday <= 3)) - (weekday + 1) + day;
}

static bool calendar_days(lt_date date, int64_t *days)
{
    if (date.year < 1 || !lt_date_is_valid(date))
        return false;
    *days = lt_days_from_date(date);
    return true;
}

static bool days_of(const fields *f, int64_t *days)
{
    lt_date date = {.year = f->has['C'] ? f->of['C'] * 100 + 1 : f->of['Y'], .month = 1, .day = 1};
    if (f->has['M'])
        date.month = f->of['M'] ? f->of['M'] : 1;
    if (f->has['D'])
        date.day = f->of['D'];
    if (!calendar_days(date, days))
        return false;
    if (f->has['w'])
        *days = week_day(*days, f->of['w'], f->of['e'] ? f->of['e'] : 1);
    else if (f->has['O'])
        *days += (int64_t)f->of['O'] - 1;
    return true;
}

static bool iso_date(lt_text text, int64_t *days)
{
    static const char *const patterns[] = {"YYYY-MM-DD", "YYYYMMDD", "YYYY-Www-e", "YYYYWwwe",
                                           "YYYY-OOO",   "YYYYOOO",  "YYYY-Www",   "YYYYWww",
                                           "YYYY-MM",    "YYYYMM",   "YYYY",       "CC"};
    fields found;
    for (size_t i = 0; i < LT_COUNT(patterns); i++)
        if (matches(text, patterns[i], &found))
            return days_of(&found, days);
    return false;
}

/* One or two digits at `*at`, up to `most`. */
static bool read_pair(lt_text text, size_t *at, unsigned most, unsigned *out)
{
    size_t from = *at;
    *out = 0;
    while (*at < text.len && *at < from + 2 && lt_is_digit(text.ptr[*at]))
        *out = *out * 10 + (unsigned)(text.ptr[(*at)++] - '0');
    return *at > from && *out <= most;
}

static bool read_byte(lt_text text, size_t *at, char wanted)
{
    bool is_there = *at < text.len && text.ptr[*at] == wanted;
    *at += is_there;
    return is_there;
}

/* strptime's %Y-%m-%d */
static bool plain_date(lt_text text, size_t *at, int64_t *days)
{
    lt_date date = {0};
    unsigned high, low;
    if (!read_pair(text, at, 99, &high) || *at != 2 || !read_pair(text, at, 99, &low) || *at != 4)
        return false;
    date.year = high * 100 + low;
    return read_byte(text, at, '-') && read_pair(text, at, 12, &date.month) &&
           read_byte(text, at, '-') && read_pair(text, at, 31, &date.day) &&
           calendar_days(date, days);
}

bool lt_dbt_cell_date(lt_text cell, int64_t *days)
{
    size_t at = 0;
    lt_text bare = lt_text_trim(cell);
    return plain_date(bare, &at, days) && at == bare.len;
}

/* strptime's %Y-%m-%d %H:%M:%S */
static bool plain_moment(lt_text text, int64_t *us)
{
    int64_t days;
    unsigned hour, minute, second;
    size_t at = 0;
    if (!plain_date(text, &at, &days) || !read_byte(text, &at, ' '))
        return false;
    while (read_byte(text, &at, ' '))
        continue;
    if (!read_pair(text, &at, 23, &hour) || !read_byte(text, &at, ':') ||
        !read_pair(text, &at, 59, &minute) || !read_byte(text, &at, ':') ||
        !read_pair(text, &at, 59, &second) || at != text.len)
        return false;
    *us = ((days * 24 + hour) * 60 + minute) * 60000000 + (int64_t)second * 1000000;
    return true;
}

/* "Z", "+hh", "+hhmm", "+hh:mm" at the end of `*text` are taken off; what has to be added to be in UTC. */
static int64_t take_zone(lt_text *text)
{
    static const size_t lengths[] = {3, 5, 6};
    if (lt_text_ends(*text, T("Z"))) {
        text->len--;
        return 0;
    }
    for (size_t i = 0; i < LT_COUNT(lengths); i++) {
        if (text->len <= lengths[i])
            continue;
        lt_text zone = lt_text_sub(*text, text->len - lengths[i], SIZE_MAX);
        fields found;
        bool west = zone.ptr[0] == '-';
        if ((!west && zone.ptr[0] != '+') ||
            (!matches(lt_text_sub(zone, 1, SIZE_MAX), "YY", &found) &&
             !matches(lt_text_sub(zone, 1, SIZE_MAX), "YYMM", &found) &&
             !matches(lt_text_sub(zone, 1, SIZE_MAX), "YY:MM", &found)))
            continue;
        text->len -= lengths[i];
        int64_t us = ((int64_t)found.of['Y'] * 60 + found.of['M']) * 60000000;
        return west ? us : -us;
    }
    return 0;
}

/* hh[[:]mm[[:]ss]], the last of them with a fraction */
static bool iso_time(lt_text text, int64_t *us)
{
    static const struct {
        const char *pattern;
        int64_t unit_us; /* of the last field */
    } forms[] = {{"YY:MM:DD", 1000000},
                 {"YYMMDD", 1000000},
                 {"YY:MM", 60000000},
                 {"YYMM", 60000000},
                 {"YY", 3600000000}};
    size_t point = 0;
    int64_t fraction = 0, scale = 1;
    fields f;
    while (point < text.len && text.ptr[point] != '.' && text.ptr[point] != ',')
        point++;
    lt_text digits = lt_text_sub(text, point + 1, SIZE_MAX);
    if (skip_digits(digits, 0) != digits.len || (point < text.len && !digits.len))
        return false;
    for (size_t i = 0; i < digits.len && i < MOST_FRACTION; i++, scale *= 10)
        fraction = fraction * 10 + (digits.ptr[i] - '0');
    for (size_t i = 0; i < LT_COUNT(forms); i++) {
        if (!matches(lt_text_sub(text, 0, point), forms[i].pattern, &f))
            continue;
        *us = (((int64_t)f.of['Y'] * 60 + f.of['M']) * 60 + f.of['D']) * 1000000 +
              forms[i].unit_us * fraction / scale;
        return f.of['Y'] < 24 && f.of['M'] < 60 && f.of['D'] < 60;
    }
    return false;
}

static bool iso_moment(lt_text text, int64_t *us)
{
    int64_t days, of_day;
    size_t mark = lt_text_find_byte(text, 'T', 0);
    if (mark == SIZE_MAX)
        return false;
    lt_text time = lt_text_sub(text, mark + 1, SIZE_MAX);
    int64_t shift = take_zone(&time);
    if (!iso_date(lt_text_sub(text, 0, mark), &days) || !iso_time(time, &of_day))
        return false;
    *us = days * 86400000000 + of_day + shift;
    return true;
}

bool lt_dbt_cell_moment(lt_text cell, int64_t *us)
{
    lt_text bare = lt_text_trim(cell);
    return plain_moment(bare, us) || iso_moment(bare, us);
}

static bool is_date(lt_text cell)
{
    int64_t days;
    return lt_dbt_cell_date(cell, &days);
}

static bool is_plain_moment(lt_text cell)
{
    int64_t us;
    return plain_moment(lt_text_trim(cell), &us);
}

static bool is_iso_moment(lt_text cell)
{
    int64_t us;
    return iso_moment(lt_text_trim(cell), &us);
}

static bool is_bool(lt_text cell)
{
    lt_text bare = lt_text_trim(cell);
    return lt_text_eq_nocase(bare, T("true")) || lt_text_eq_nocase(bare, T("false"));
}

/* A column is of one form: moments of both forms together are texts. */
const lt_dbt_cell_form lt_dbt_cell_forms[LT_DBT_CELL_FORMS] = {
    {LT_DBT_CELL_NUMBER, is_number},
    {LT_DBT_CELL_DATE, is_date},
    {LT_DBT_CELL_DATETIME, is_plain_moment},
    {LT_DBT_CELL_DATETIME, is_iso_moment},
    {LT_DBT_CELL_BOOL, is_bool},
};
