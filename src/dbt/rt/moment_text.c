/* Moments as text: isoformat, str, repr, strftime, strptime. */
#include "dbt/rt/moment.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- text: isoformat, str, repr ---- */

static void add_date(const fields *f, lt_buf *out)
{
    lt_buf_printf(out, "%04lld-%02u-%02u", (long long)f->year, f->month, f->day);
}

static void add_clock(const fields *f, lt_buf *out)
{
    lt_buf_printf(out, "%02u:%02u:%02u", f->hour, f->minute, f->second);
    if (f->us)
        lt_buf_printf(out, ".%06u", f->us);
}

static void add_offset(int32_t offset_s, const char *colon, lt_buf *out)
{
    int away = abs(offset_s);
    lt_buf_printf(out, "%c%02d%s%02d", offset_s < 0 ? '-' : '+', away / 3600, colon,
                  away / 60 % 60);
    if (away % 60)
        lt_buf_printf(out, "%s%02d", colon, away % 60);
}

void lt_moment_add_iso(const moment *m, const char *separator, lt_buf *out)
{
    fields f = lt_fields_of(m->us);
    if (m->object.class != &lt_time_class)
        add_date(&f, out);
    if (m->object.class == &lt_datetime_class)
        lt_buf_add_str(out, separator);
    if (m->object.class != &lt_date_class)
        add_clock(&f, out);
    if (m->type)
        add_offset(m->type->offset_s, ":", out);
}

void lt_moment_str(const lt_jinja_object *self, lt_buf *out)
{
    lt_moment_add_iso((const moment *)self, " ", out);
}

void lt_moment_add_zone(const lt_dbt_zone *zone, const lt_zone_type *type, lt_buf *out)
{
    if (zone == &lt_dbt_utc)
        lt_buf_add_str(out, "<UTC>");
    else if (zone->fixed)
        lt_buf_printf(out, "datetime.timezone(datetime.timedelta(seconds=%d))",
                      (int)type->offset_s);
    else
        lt_buf_printf(out, "<DstTzInfo '%s' %s%+d:%02d:00 %s>", zone->name, type->name,
                      type->offset_s / 3600, abs(type->offset_s) / 60 % 60,
                      type->is_dst ? "DST" : "STD");
}

void lt_moment_repr(const lt_jinja_object *self, lt_buf *out)
{
    const moment *m = (const moment *)self;
    fields f = lt_fields_of(m->us);
    if (m->object.class == &lt_date_class) {
        lt_buf_printf(out, "datetime.date(%lld, %u, %u)", (long long)f.year, f.month, f.day);
        return;
    }
    if (m->object.class == &lt_time_class)
        lt_buf_printf(out, "datetime.time(%u, %u", f.hour, f.minute);
    else
        lt_buf_printf(out, "datetime.datetime(%lld, %u, %u, %u, %u", (long long)f.year, f.month,
                      f.day, f.hour, f.minute);
    if (f.second || f.us)
        lt_buf_printf(out, ", %u", f.second);
    if (f.us)
        lt_buf_printf(out, ", %u", f.us);
    if (m->zone) {
        lt_buf_add_str(out, ", tzinfo=");
        lt_moment_add_zone(m->zone, m->type, out);
    }
    lt_buf_add_byte(out, ')');
}

/* ---- strftime ---- */

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

unsigned lt_moment_weekday(int64_t us)
{
    int64_t days = lt_divide_down(us, DAY_US) + 3;
    return (unsigned)(((days % 7) + 7) % 7);
}

static int year_day(int64_t us) /* from 1 */
{
    fields f = lt_fields_of(us);
    lt_date first = {.year = f.year, .month = 1, .day = 1};
    return (int)(lt_divide_down(us, DAY_US) - lt_days_from_date(first)) + 1;
}

/* ISO 8601: the year and week of the Thursday of this week. */
void lt_moment_iso_week(int64_t us, int64_t *year, int *week)
{
    int64_t thursday = us + (3 - (int64_t)lt_moment_weekday(us)) * DAY_US;
    *year = lt_fields_of(thursday).year;
    *week = (year_day(thursday) - 1) / 7 + 1;
}

static void add_number(long long number, int width, char flag, char pad, lt_buf *out)
{
    if (flag == '-')
        lt_buf_printf(out, "%lld", number);
    else if (flag == '_' || (pad == ' ' && flag != '0'))
        lt_buf_printf(out, "%*lld", width, number);
    else
        lt_buf_printf(out, "%0*lld", width, number);
}

static void add_word(const char *word, size_t len, char flag, lt_buf *out)
{
    for (size_t i = 0; word[i] && i < len; i++)
        lt_buf_add_byte(out, flag == '^' ? lt_upper(word[i]) : word[i]);
}

static void add_format(const moment *m, lt_text format, lt_buf *out);

/* The parts of dates that are numbers. */
static bool add_numeric(const moment *m, const fields *f, char what, char flag, lt_buf *out)
{
    int64_t iso_year = 0;
    int iso = 0, day = year_day(m->us);
    lt_moment_iso_week(m->us, &iso_year, &iso);
    unsigned monday = lt_moment_weekday(m->us), sunday = (monday + 1) % 7;
    const struct {
        char what;
        int width;
        long long number;
        char pad;
    } numbers[] = {
        {'Y', 4, f->year, '0'},
        {'m', 2, f->month, '0'},
        {'d', 2, f->day, '0'},
        {'e', 2, f->day, ' '},
        {'H', 2, f->hour, '0'},
        {'k', 2, f->hour, ' '},
        {'I', 2, f->hour % 12 ? f->hour % 12 : 12, '0'},
        {'l', 2, f->hour % 12 ? f->hour % 12 : 12, ' '},
        {'M', 2, f->minute, '0'},
        {'S', 2, f->second, '0'},
        {'f', 6, f->us, '0'},
        {'y', 2, f->year % 100, '0'},
        {'C', 2, f->year / 100, '0'},
        {'j', 3, day, '0'},
        {'w', 1, sunday, '0'},
        {'u', 1, monday + 1, '0'},
        {'G', 4, iso_year, '0'},
        {'g', 2, iso_year % 100, '0'},
        {'V', 2, iso, '0'},
        {'U', 2, (day + 6 - (int)sunday) / 7, '0'},
        {'W', 2, (day + 6 - (int)monday) / 7, '0'},
        {'s', 1, lt_divide_down(lt_moment_utc_us(m), SECOND_US), '0'},
    };
    for (size_t i = 0; i < LT_COUNT(numbers); i++)
        if (numbers[i].what == what) {
            add_number(numbers[i].number, numbers[i].width, flag, numbers[i].pad, out);
            return true;
        }
    return false;
}

static bool add_composed(const moment *m, char what, lt_buf *out)
{
    static const struct {
        char what;
        lt_text format;
    } composed[] = {
        {'c', {"%a %b %e %H:%M:%S %Y", 20}},
        {'x', {"%m/%d/%y", 8}},
        {'D', {"%m/%d/%y", 8}},
        {'X', {"%H:%M:%S", 8}},
        {'T', {"%H:%M:%S", 8}},
        {'F', {"%Y-%m-%d", 8}},
        {'R', {"%H:%M", 5}},
        {'r', {"%I:%M:%S %p", 11}},
    };
    for (size_t i = 0; i < LT_COUNT(composed); i++)
        if (composed[i].what == what) {
            add_format(m, composed[i].format, out);
            return true;
        }
    return false;
}

static void add_directive(const moment *m, const fields *f, char what, char flag, lt_buf *out)
{
    if (add_numeric(m, f, what, flag, out) || add_composed(m, what, out))
        return;
    switch (what) {
    case 'a':
        add_word(day_names[lt_moment_weekday(m->us)], 3, flag, out);
        break;
    case 'A':
        add_word(day_names[lt_moment_weekday(m->us)], SIZE_MAX, flag, out);
        break;
    case 'b':
    case 'h':
        add_word(month_names[f->month - 1], 3, flag, out);
        break;
    case 'B':
        add_word(month_names[f->month - 1], SIZE_MAX, flag, out);
        break;
    case 'p':
        lt_buf_add_str(out, f->hour < 12 ? "AM" : "PM");
        break;
    case 'P':
        lt_buf_add_str(out, f->hour < 12 ? "am" : "pm");
        break;
    case 'z':
        if (m->type)
            add_offset(m->type->offset_s, "", out);
        break;
    case 'Z':
        lt_buf_add_str(out, m->type ? m->type->name : "");
        break;
    case 'n':
        lt_buf_add_byte(out, '\n');
        break;
    case 't':
        lt_buf_add_byte(out, '\t');
        break;
    case '%':
        lt_buf_add_byte(out, '%');
        break;
    default: /* as the C library: what it does not know stays */
        lt_buf_printf(out, "%%%c", what);
        break;
    }
}

static void add_format(const moment *m, lt_text format, lt_buf *out)
{
    fields f = lt_fields_of(m->us);
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%' || i + 1 == format.len) {
            lt_buf_add_byte(out, format.ptr[i]);
            continue;
        }
        char flag = 0;
        i++;
        if (strchr("-_0^#", format.ptr[i]) && i + 1 < format.len)
            flag = format.ptr[i++];
        add_directive(m, &f, format.ptr[i], flag, out);
    }
}

lt_status lt_moment_strftime(lt_jinja_call *call, const moment *m, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    lt_text format = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    LT_TRY(lt_jinja_bind(call, "format", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "format", &format, err));
    add_format(m, format, &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

/* ---- strptime ---- */

/* A text that is being read, and what was found. */
typedef struct reading {
    lt_text text;
    size_t at;
    fields f;
    bool pm, has_pm, has_zone;
    int32_t offset_s;
    int year_day;
} reading;

static bool read_digits(reading *r, size_t most, unsigned *out)
{
    size_t start = r->at;
    *out = 0;
    while (r->at < r->text.len && r->at - start < most && lt_is_digit(r->text.ptr[r->at]))
        *out = *out * 10 + (unsigned)(r->text.ptr[r->at++] - '0');
    return r->at > start;
}

static bool read_name(reading *r, const char *const *names, unsigned count, unsigned *out)
{
    for (unsigned whole = 2; whole-- > 0;)
        for (unsigned i = 0; i < count; i++) {
            size_t len = whole ? strlen(names[i]) : 3;
            lt_text here = lt_text_sub(r->text, r->at, len);
            if (!lt_text_eq_nocase(here, lt_text_at(names[i], len)))
                continue;
            r->at += len;
            *out = i;
            return true;
        }
    return false;
}

static bool read_offset(reading *r)
{
    unsigned hours, minutes = 0;
    r->has_zone = true;
    if (r->at < r->text.len && r->text.ptr[r->at] == 'Z') {
        r->at++;
        return true;
    }
    char sign = r->at < r->text.len ? r->text.ptr[r->at++] : 0;
    if ((sign != '+' && sign != '-') || !read_digits(r, 2, &hours))
        return false;
    if (r->at < r->text.len && r->text.ptr[r->at] == ':')
        r->at++;
    if (!read_digits(r, 2, &minutes))
        return false;
    r->offset_s = (int32_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

bool lt_moment_read_offset(lt_text text, int32_t *offset_s)
{
    reading r = {.text = text};
    bool read = read_offset(&r);
    *offset_s = r.offset_s;
    return read;
}

static bool read_fraction(reading *r)
{
    size_t start = r->at;
    if (!read_digits(r, 6, &r->f.us))
        return false;
    for (size_t digits = r->at - start; digits < 6; digits++)
        r->f.us *= 10;
    return true;
}

static bool read_meridian(reading *r)
{
    lt_text here = lt_text_sub(r->text, r->at, 2);
    r->has_pm = true;
    r->pm = lt_text_eq_nocase(here, T("pm"));
    r->at += 2;
    return r->pm || lt_text_eq_nocase(here, T("am"));
}

static bool read_directive(reading *r, char what)
{
    unsigned number = 0;
    bool ok = true;
    switch (what) {
    case 'Y':
        ok = read_digits(r, 4, &number);
        r->f.year = number;
        return ok;
    case 'y':
        ok = read_digits(r, 2, &number);
        r->f.year = number < 69 ? 2000 + number : 1900 + number;
        return ok;
    case 'm':
        return read_digits(r, 2, &r->f.month);
    case 'd':
        return read_digits(r, 2, &r->f.day);
    case 'H':
    case 'I':
        return read_digits(r, 2, &r->f.hour);
    case 'M':
        return read_digits(r, 2, &r->f.minute);
    case 'S':
        return read_digits(r, 2, &r->f.second);
    case 'f':
        return read_fraction(r);
    case 'j':
        ok = read_digits(r, 3, &number);
        r->year_day = (int)number;
        return ok;
    case 'b':
    case 'B':
        ok = read_name(r, month_names, 12, &number);
        r->f.month = number + 1;
        return ok;
    case 'a':
    case 'A':
        return read_name(r, day_names, 7, &number);
    case 'p':
        return read_meridian(r);
    case 'z':
        return read_offset(r);
    default:
        return false;
    }
}

static bool read_format(reading *r, lt_text format)
{
    for (size_t i = 0; i < format.len; i++) {
        char c = format.ptr[i];
        if (lt_is_space(c)) {
            while (r->at < r->text.len && lt_is_space(r->text.ptr[r->at]))
                r->at++;
        } else if (c == '%' && i + 1 < format.len && format.ptr[i + 1] != '%') {
            if (!read_directive(r, format.ptr[++i]))
                return false;
        } else {
            i += c == '%' && i + 1 < format.len;
            if (r->at >= r->text.len || lt_lower(r->text.ptr[r->at]) != lt_lower(c))
                return false;
            r->at++;
        }
    }
    return true;
}

lt_status lt_moment_strptime(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    lt_text format = {0};
    reading r = {.f = {.year = 1900, .month = 1, .day = 1}};
    int64_t us = 0;
    LT_TRY(lt_jinja_bind(call, "date_string format", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "date_string", &r.text, err));
    LT_TRY(lt_jinja_need_text(call, args[1], "format", &format, err));
    if (!read_format(&r, format))
        return lt_fail(err, LT_INVALID, "time data '%.*s' does not match format '%.*s'",
                       LT_ARG(r.text), LT_ARG(format));
    if (r.at < r.text.len)
        return lt_fail(err, LT_INVALID, "unconverted data remains: %.*s",
                       LT_ARG(lt_text_sub(r.text, r.at, r.text.len)));
    if (r.has_pm)
        r.f.hour = r.f.hour % 12 + (r.pm ? 12 : 0);
    LT_TRY(lt_fields_us(&r.f, &us, err));
    if (r.year_day)
        us += (r.year_day - year_day(us)) * DAY_US;
    *out = lt_moment_of_wall(call->heap, us,
                             r.has_zone ? lt_dbt_zone_fixed(call->heap, r.offset_s, NULL) : NULL);
    return LT_OK;
}
