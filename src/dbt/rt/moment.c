/* modules.datetime and modules.pytz: dates, times, lengths and zones with Python's meanings. */
#include "dbt/rt/zone.h"

#include "base/time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_US INT64_C(86400000000)
#define SECOND_US INT64_C(1000000)

/* A date, a datetime or a time; which one, its class says. */
typedef struct moment {
    lt_jinja_object object;
    int64_t us;               /* wall clock since 1970; of a time: since midnight */
    const lt_dbt_zone *zone;  /* NULL: naive */
    const lt_zone_type *type; /* of the zone, at that moment */
} moment;

typedef struct delta {
    lt_jinja_object object;
    int64_t us;
} delta;

static const lt_jinja_class date_class, datetime_class, time_class, delta_class;
static const lt_jinja_class date_type_class, datetime_type_class;

typedef struct fields {
    int64_t year;
    unsigned month, day, hour, minute, second, us;
} fields;

/* ---- making ---- */

static lt_jinja_value moment_new(lt_jinja_heap *heap, const lt_jinja_class *class, int64_t us,
                                 const lt_dbt_zone *zone, const lt_zone_type *type)
{
    moment *made = LT_NEW(&heap->arena, moment);
    *made = (moment){.object.class = class, .us = us, .zone = zone, .type = type};
    return lt_jinja_object_value(&made->object);
}

static lt_jinja_value delta_new(lt_jinja_heap *heap, int64_t us)
{
    delta *made = LT_NEW(&heap->arena, delta);
    *made = (delta){.object.class = &delta_class, .us = us};
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_date_value(lt_jinja_heap *heap, int64_t days)
{
    return moment_new(heap, &date_class, days * DAY_US, NULL, NULL);
}

lt_jinja_value lt_dbt_naive_value(lt_jinja_heap *heap, int64_t wall_us)
{
    return moment_new(heap, &datetime_class, wall_us, NULL, NULL);
}

lt_jinja_value lt_dbt_time_value(lt_jinja_heap *heap, int64_t us_of_day)
{
    return moment_new(heap, &time_class, us_of_day, NULL, NULL);
}

static lt_jinja_value in_zone(lt_jinja_heap *heap, int64_t utc_us, const lt_dbt_zone *zone)
{
    const lt_zone_type *type = lt_dbt_zone_at(zone, lt_divide_down(utc_us, SECOND_US));
    return moment_new(heap, &datetime_class, utc_us + type->offset_s * SECOND_US, zone, type);
}

static lt_jinja_value wall_in_zone(lt_jinja_heap *heap, int64_t wall_us, const lt_dbt_zone *zone)
{
    const lt_zone_type *type =
        zone ? lt_dbt_zone_at_wall(zone, lt_divide_down(wall_us, SECOND_US)) : NULL;
    return moment_new(heap, &datetime_class, wall_us, zone, type);
}

lt_jinja_value lt_dbt_datetime_value(lt_jinja_heap *heap, int64_t at_us)
{
    return in_zone(heap, at_us, &lt_dbt_utc);
}

static const moment *moment_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT)
        return NULL;
    const lt_jinja_class *class = value.as.object->class;
    return class == &date_class || class == &datetime_class || class == &time_class
               ? (const moment *)value.as.object
               : NULL;
}

static bool delta_in(lt_jinja_value value, int64_t *us)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &delta_class)
        return false;
    *us = ((const delta *)value.as.object)->us;
    return true;
}

static const lt_dbt_zone *zone_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &lt_dbt_zone_class)
        return NULL;
    return (const lt_dbt_zone *)value.as.object;
}

static int64_t utc_us(const moment *m)
{
    return m->us - (m->type ? m->type->offset_s * SECOND_US : 0);
}

bool lt_dbt_moment_of(lt_jinja_value value, int64_t *at_us)
{
    const moment *m = moment_in(value);
    if (!m || m->object.class == &time_class)
        return false;
    *at_us = utc_us(m);
    return true;
}

static fields fields_of(int64_t us)
{
    int64_t days = lt_divide_down(us, DAY_US), rest = us - days * DAY_US;
    lt_date date = lt_date_from_days(days);
    return (fields){.year = date.year,
                    .month = date.month,
                    .day = date.day,
                    .hour = (unsigned)(rest / (3600 * SECOND_US)),
                    .minute = (unsigned)(rest / (60 * SECOND_US) % 60),
                    .second = (unsigned)(rest / SECOND_US % 60),
                    .us = (unsigned)(rest % SECOND_US)};
}

static lt_status us_of(const fields *f, int64_t *us, lt_err *err)
{
    lt_date date = {.year = f->year, .month = f->month, .day = f->day};
    if (f->year < 1 || f->year > 9999)
        return lt_fail(err, LT_INVALID, "year %lld is out of range", (long long)f->year);
    if (f->month < 1 || f->month > 12)
        return lt_fail(err, LT_INVALID, "month must be in 1..12");
    if (!lt_date_is_valid(date))
        return lt_fail(err, LT_INVALID, "day is out of range for month");
    if (f->hour > 23)
        return lt_fail(err, LT_INVALID, "hour must be in 0..23");
    if (f->minute > 59)
        return lt_fail(err, LT_INVALID, "minute must be in 0..59");
    if (f->second > 59)
        return lt_fail(err, LT_INVALID, "second must be in 0..59");
    if (f->us > 999999)
        return lt_fail(err, LT_INVALID, "microsecond must be in 0..999999");
    *us = lt_days_from_date(date) * DAY_US +
          (((int64_t)f->hour * 60 + f->minute) * 60 + f->second) * SECOND_US + f->us;
    return LT_OK;
}

static const int64_t min_us = INT64_C(-62135596800) * 1000000,
                     max_us = INT64_C(253402300799) * 1000000 + 999999;

static lt_status in_range(int64_t us, lt_err *err)
{
    return us < min_us || us > max_us ? lt_fail(err, LT_INVALID, "date value out of range") : LT_OK;
}

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

static void add_iso(const moment *m, const char *separator, lt_buf *out)
{
    fields f = fields_of(m->us);
    if (m->object.class != &time_class)
        add_date(&f, out);
    if (m->object.class == &datetime_class)
        lt_buf_add_str(out, separator);
    if (m->object.class != &date_class)
        add_clock(&f, out);
    if (m->type)
        add_offset(m->type->offset_s, ":", out);
}

static void moment_str(const lt_jinja_object *self, lt_buf *out)
{
    add_iso((const moment *)self, " ", out);
}

static void add_zone_repr(const lt_dbt_zone *zone, const lt_zone_type *type, lt_buf *out)
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

static void moment_repr(const lt_jinja_object *self, lt_buf *out)
{
    const moment *m = (const moment *)self;
    fields f = fields_of(m->us);
    if (m->object.class == &date_class) {
        lt_buf_printf(out, "datetime.date(%lld, %u, %u)", (long long)f.year, f.month, f.day);
        return;
    }
    if (m->object.class == &time_class)
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
        add_zone_repr(m->zone, m->type, out);
    }
    lt_buf_add_byte(out, ')');
}

/* ---- strftime ---- */

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static unsigned weekday(int64_t us) /* 0 is Monday */
{
    int64_t days = lt_divide_down(us, DAY_US) + 3;
    return (unsigned)(((days % 7) + 7) % 7);
}

static int year_day(int64_t us) /* from 1 */
{
    fields f = fields_of(us);
    lt_date first = {.year = f.year, .month = 1, .day = 1};
    return (int)(lt_divide_down(us, DAY_US) - lt_days_from_date(first)) + 1;
}

/* ISO 8601: the year and week of the Thursday of this week. */
static void iso_week(int64_t us, int64_t *year, int *week)
{
    int64_t thursday = us + (3 - (int64_t)weekday(us)) * DAY_US;
    *year = fields_of(thursday).year;
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
    iso_week(m->us, &iso_year, &iso);
    unsigned monday = weekday(m->us), sunday = (monday + 1) % 7;
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
        {'s', 1, lt_divide_down(utc_us(m), SECOND_US), '0'},
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
        add_word(day_names[weekday(m->us)], 3, flag, out);
        break;
    case 'A':
        add_word(day_names[weekday(m->us)], SIZE_MAX, flag, out);
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
    fields f = fields_of(m->us);
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

static lt_status strftime_method(lt_jinja_call *call, const moment *m, lt_jinja_value *out,
                                 lt_err *err)
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

static lt_status datetime_strptime(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
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
    LT_TRY(us_of(&r.f, &us, err));
    if (r.year_day)
        us += (r.year_day - year_day(us)) * DAY_US;
    *out = wall_in_zone(call->heap, us,
                        r.has_zone ? lt_dbt_zone_fixed(call->heap, r.offset_s, NULL) : NULL);
    return LT_OK;
}

/* ---- attributes and methods ---- */

static bool clock_attr(const fields *f, lt_text name, lt_jinja_value *out)
{
    const struct {
        lt_text name;
        unsigned value;
    } parts[] = {
        {T("hour"), f->hour},
        {T("minute"), f->minute},
        {T("second"), f->second},
        {T("microsecond"), f->us},
    };
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (lt_text_eq(parts[i].name, name)) {
            *out = lt_jinja_int(parts[i].value);
            return true;
        }
    return false;
}

static lt_status moment_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const moment *m = (const moment *)self;
    fields f = fields_of(m->us);
    (void)render;
    (void)err;
    *found = true;
    if (self->class != &time_class && lt_text_eq(name, T("year")))
        *out = lt_jinja_int(f.year);
    else if (self->class != &time_class && lt_text_eq(name, T("month")))
        *out = lt_jinja_int(f.month);
    else if (self->class != &time_class && lt_text_eq(name, T("day")))
        *out = lt_jinja_int(f.day);
    else if (self->class != &date_class && lt_text_eq(name, T("tzinfo")))
        *out = m->zone ? lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&m->zone->object)
                       : lt_jinja_none();
    else
        *found = self->class != &date_class && clock_attr(&f, name, out);
    return LT_OK;
}

static bool set_field(fields *f, lt_text name, lt_jinja_value value)
{
    if (value.type != LT_JINJA_INT)
        return false;
    unsigned number = value.as.i < 0 || value.as.i > 999999 ? UINT32_MAX : (unsigned)value.as.i;
    const struct {
        lt_text name;
        unsigned *field;
    } parts[] = {
        {T("month"), &f->month},   {T("day"), &f->day},       {T("hour"), &f->hour},
        {T("minute"), &f->minute}, {T("second"), &f->second}, {T("microsecond"), &f->us},
    };
    if (lt_text_eq(name, T("year"))) {
        f->year = value.as.i;
        return true;
    }
    for (size_t i = 0; i < LT_COUNT(parts); i++)
        if (lt_text_eq(parts[i].name, name)) {
            *parts[i].field = number;
            return true;
        }
    return false;
}

static lt_text field_name(const lt_jinja_class *class, size_t i)
{
    static const char *const names[] = {"year",   "month",  "day",        "hour",
                                        "minute", "second", "microsecond"};
    i += class == &time_class ? 3 : 0;
    return i < LT_COUNT(names) ? lt_text_of(names[i]) : (lt_text){0};
}

/* Arguments of date(), datetime(), time() and of replace(): positions in order, keywords, tzinfo. */
static lt_status take_fields(lt_jinja_call *call, const lt_jinja_class *class, fields *f,
                             const lt_dbt_zone **zone, lt_err *err)
{
    for (size_t i = 0; i < call->arg_count + call->kwarg_count; i++) {
        bool by_name = i >= call->arg_count;
        lt_text name = by_name ? call->kwargs[i - call->arg_count].name : field_name(class, i);
        lt_jinja_value value = by_name ? call->kwargs[i - call->arg_count].value : call->args[i];
        if (lt_text_eq(name, T("fold")))
            continue;
        if (lt_text_eq(name, T("tzinfo")) || (!by_name && !name.len)) {
            *zone = zone_in(value);
            if (!*zone && value.type != LT_JINJA_NONE)
                return lt_fail(
                    err, LT_INVALID,
                    "tzinfo argument must be None or of a tzinfo subclass, not type '%s'",
                    lt_jinja_type_name(value));
            continue;
        }
        if (!set_field(f, name, value))
            return lt_fail(err, LT_INVALID, "%s() cannot take '%.*s' of type %s", call->name,
                           LT_ARG(name), lt_jinja_type_name(value));
    }
    return LT_OK;
}

static lt_status replace_method(lt_jinja_call *call, const moment *m, lt_jinja_value *out,
                                lt_err *err)
{
    fields f = fields_of(m->us);
    const lt_dbt_zone *zone = m->zone;
    int64_t us = 0;
    LT_TRY(take_fields(call, m->object.class, &f, &zone, err));
    LT_TRY(us_of(&f, &us, err));
    *out = m->object.class == &datetime_class
               ? wall_in_zone(call->heap, us, zone)
               : moment_new(call->heap, m->object.class, us, NULL, NULL);
    return LT_OK;
}

static lt_status isoformat(lt_jinja_call *call, const moment *m, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_AUTO(lt_buf) text = {0};
    LT_TRY(lt_jinja_bind(call, "sep? timespec?", args, err));
    LT_AUTO(lt_chars)
    separator = lt_text_dup(args[0].type == LT_JINJA_STR ? lt_jinja_as_text(args[0]) : T("T"));
    lt_text spec = lt_jinja_as_text(args[1]);
    moment cut = *m;
    if (lt_text_eq(spec, T("seconds")))
        cut.us = lt_divide_down(m->us, SECOND_US) * SECOND_US;
    add_iso(&cut, separator, &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status astimezone(lt_jinja_call *call, const moment *m, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "tz?", args, err));
    const lt_dbt_zone *zone = zone_in(args[0]), *local = lt_dbt_zone_local(call->heap);
    if (!zone && !lt_dbt_is_none(args[0]))
        return lt_fail(err, LT_INVALID, "tz argument must be an instance of tzinfo");
    int64_t at = m->zone ? utc_us(m)
                         : utc_us((const moment *)wall_in_zone(call->heap, m->us, local).as.object);
    *out = in_zone(call->heap, at, zone ? zone : local);
    return LT_OK;
}

static lt_jinja_value iso_calendar(lt_jinja_heap *heap, const moment *m)
{
    int64_t year;
    int week;
    iso_week(m->us, &year, &week);
    lt_jinja_value parts[] = {lt_jinja_int(year), lt_jinja_int(week),
                              lt_jinja_int(weekday(m->us) + 1)};
    return lt_jinja_tuple(heap, parts, 3);
}

static bool day_method(lt_jinja_call *call, const moment *m, lt_text name, lt_jinja_value *out)
{
    if (lt_text_eq(name, T("weekday")))
        *out = lt_jinja_int(weekday(m->us));
    else if (lt_text_eq(name, T("isoweekday")))
        *out = lt_jinja_int(weekday(m->us) + 1);
    else if (lt_text_eq(name, T("toordinal")))
        *out = lt_jinja_int(lt_divide_down(m->us, DAY_US) + 719163);
    else if (lt_text_eq(name, T("isocalendar")))
        *out = iso_calendar(call->heap, m);
    else
        return false;
    return true;
}

static lt_jinja_value offset_value(lt_jinja_heap *heap, const moment *m)
{
    return m->type ? delta_new(heap, m->type->offset_s * SECOND_US) : lt_jinja_none();
}

static double timestamp_of(lt_jinja_heap *heap, const moment *m)
{
    if (m->zone)
        return (double)utc_us(m) / 1e6;
    lt_jinja_value local = wall_in_zone(heap, m->us, lt_dbt_zone_local(heap));
    return (double)utc_us((const moment *)local.as.object) / 1e6;
}

static bool datetime_method(lt_jinja_call *call, const moment *m, lt_text name, lt_jinja_value *out)
{
    int64_t days = lt_divide_down(m->us, DAY_US);
    if (lt_text_eq(name, T("date")))
        *out = lt_dbt_date_value(call->heap, days);
    else if (lt_text_eq(name, T("time")))
        *out = lt_dbt_time_value(call->heap, m->us - days * DAY_US);
    else if (lt_text_eq(name, T("timestamp")))
        *out = lt_jinja_float(timestamp_of(call->heap, m));
    else if (lt_text_eq(name, T("utcoffset")))
        *out = offset_value(call->heap, m);
    else if (lt_text_eq(name, T("tzname")))
        *out = m->type ? lt_jinja_text(lt_text_of(m->type->name)) : lt_jinja_none();
    else
        return false;
    return true;
}

static lt_status moment_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    const moment *m = (const moment *)call->self.as.object;
    const lt_jinja_class *class = m->object.class;
    *found = true;
    if (lt_text_eq(name, T("strftime")) || lt_text_eq(name, T("__format__")))
        return strftime_method(call, m, out, err);
    if (lt_text_eq(name, T("isoformat")))
        return isoformat(call, m, out, err);
    if (lt_text_eq(name, T("replace")))
        return replace_method(call, m, out, err);
    if (class == &datetime_class && lt_text_eq(name, T("astimezone")))
        return astimezone(call, m, out, err);
    *found = (class != &time_class && day_method(call, m, name, out)) ||
             (class == &datetime_class && datetime_method(call, m, name, out));
    return LT_OK;
}

/* ---- comparing and counting ---- */

static bool moment_compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    const moment *a = (const moment *)self, *b = moment_in(other);
    if (!b || b->object.class != a->object.class || !a->zone != !b->zone)
        return false;
    int64_t x = utc_us(a), y = utc_us(b);
    *order = x < y ? -1 : x > y;
    return true;
}

static bool moment_equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return moment_compare(self, other, &order) && order == 0;
}

static lt_status moment_arithmetic(lt_jinja_render *render, lt_jinja_object *self, char op,
                                   lt_jinja_value other, bool reflected, lt_jinja_value *out,
                                   bool *found, lt_err *err)
{
    const moment *a = (const moment *)self, *b = moment_in(other);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    int64_t length;
    *found = false;
    if (self->class == &time_class)
        return LT_OK;
    if (op == '-' && b && b->object.class == a->object.class && !reflected) {
        if (!a->zone != !b->zone)
            return lt_fail(err, LT_INVALID,
                           "can't subtract offset-naive and offset-aware datetimes");
        *found = true;
        *out = delta_new(heap, utc_us(a) - utc_us(b));
        return LT_OK;
    }
    if ((op != '+' && op != '-') || (op == '-' && reflected) || !delta_in(other, &length))
        return LT_OK;
    *found = true;
    if (self->class == &date_class)
        length = lt_divide_down(length, DAY_US) * DAY_US;
    int64_t us = op == '+' ? a->us + length : a->us - length;
    LT_TRY(in_range(us, err));
    *out = self->class == &datetime_class ? wall_in_zone(heap, us, a->zone)
                                          : moment_new(heap, self->class, us, NULL, NULL);
    return LT_OK;
}

#define MOMENT_CLASS(name_)                                                                        \
    {                                                                                              \
        .name = name_, .attr = moment_attr, .method = moment_method, .str = moment_str,            \
        .repr = moment_repr, .compare = moment_compare, .equal = moment_equal,                     \
        .arithmetic = moment_arithmetic                                                            \
    }
static const lt_jinja_class date_class = MOMENT_CLASS("date");
static const lt_jinja_class datetime_class = MOMENT_CLASS("datetime");
static const lt_jinja_class time_class = MOMENT_CLASS("time");

/* ---- timedelta ---- */

static void delta_str(const lt_jinja_object *self, lt_buf *out)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    fields f = fields_of(us - days * DAY_US);
    if (days)
        lt_buf_printf(out, "%lld day%s, ", (long long)days, llabs(days) == 1 ? "" : "s");
    lt_buf_printf(out, "%u:%02u:%02u", f.hour, f.minute, f.second);
    if (f.us)
        lt_buf_printf(out, ".%06u", f.us);
}

static void delta_repr(const lt_jinja_object *self, lt_buf *out)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    int64_t seconds = (us - days * DAY_US) / SECOND_US, rest = (us - days * DAY_US) % SECOND_US;
    const char *comma = "";
    lt_buf_add_str(out, "datetime.timedelta(");
    if (days) {
        lt_buf_printf(out, "days=%lld", (long long)days);
        comma = ", ";
    }
    if (seconds) {
        lt_buf_printf(out, "%sseconds=%lld", comma, (long long)seconds);
        comma = ", ";
    }
    if (rest)
        lt_buf_printf(out, "%smicroseconds=%lld", comma, (long long)rest);
    lt_buf_add_str(out, us ? ")" : "0)");
}

static lt_status delta_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    int64_t us = ((const delta *)self)->us, days = lt_divide_down(us, DAY_US);
    int64_t rest = us - days * DAY_US;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("days")))
        *out = lt_jinja_int(days);
    else if (lt_text_eq(name, T("seconds")))
        *out = lt_jinja_int(rest / SECOND_US);
    else if (lt_text_eq(name, T("microseconds")))
        *out = lt_jinja_int(rest % SECOND_US);
    else
        *found = false;
    return LT_OK;
}

static lt_status delta_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    (void)err;
    *found = lt_text_eq(name, T("total_seconds"));
    if (*found)
        *out = lt_jinja_float((double)((const delta *)call->self.as.object)->us / 1e6);
    return LT_OK;
}

static bool delta_compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    int64_t a = ((const delta *)self)->us, b;
    if (!delta_in(other, &b))
        return false;
    *order = a < b ? -1 : a > b;
    return true;
}

static bool delta_equal(const lt_jinja_object *self, lt_jinja_value other)
{
    int order;
    return delta_compare(self, other, &order) && order == 0;
}

static bool delta_truth(const lt_jinja_object *self)
{
    return ((const delta *)self)->us != 0;
}

static lt_status scaled(lt_jinja_heap *heap, double us, lt_jinja_value *out, lt_err *err)
{
    if (!(fabs(us) < 8.64e19))
        return lt_fail(err, LT_INVALID, "timedelta is out of range");
    *out = delta_new(heap, fabs(us) < 9e18 ? llrint(us) : (us < 0 ? INT64_MIN : INT64_MAX));
    return LT_OK;
}

static lt_status delta_arithmetic(lt_jinja_render *render, lt_jinja_object *self, char op,
                                  lt_jinja_value other, bool reflected, lt_jinja_value *out,
                                  bool *found, lt_err *err)
{
    int64_t a = ((const delta *)self)->us, b, sum;
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    *found = true;
    if (delta_in(other, &b)) {
        if (op == '/' && b) {
            *out = lt_jinja_float((double)a / (double)b);
            return LT_OK;
        }
        bool over = op == '-' ? (reflected ? __builtin_sub_overflow(b, a, &sum)
                                           : __builtin_sub_overflow(a, b, &sum))
                              : __builtin_add_overflow(a, b, &sum);
        if ((op == '+' || op == '-') && !over) {
            *out = delta_new(heap, sum);
            return LT_OK;
        }
    }
    bool is_number = other.type == LT_JINJA_INT || other.type == LT_JINJA_FLOAT;
    double by = other.type == LT_JINJA_INT ? (double)other.as.i : is_number ? other.as.f : 0;
    if (is_number && op == '*')
        return scaled(heap, (double)a * by, out, err);
    if (is_number && op == '/' && !reflected && by != 0)
        return scaled(heap, (double)a / by, out, err);
    *found = false;
    return LT_OK;
}

static const lt_jinja_class delta_class = {
    .name = "timedelta",
    .attr = delta_attr,
    .method = delta_method,
    .str = delta_str,
    .repr = delta_repr,
    .compare = delta_compare,
    .equal = delta_equal,
    .truth = delta_truth,
    .arithmetic = delta_arithmetic,
};

/* ---- zones ---- */

static lt_status localize(lt_jinja_call *call, const lt_dbt_zone *zone, lt_jinja_value *out,
                          lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "dt is_dst?", args, err));
    const moment *m = moment_in(args[0]);
    if (!m || m->object.class != &datetime_class)
        return lt_fail(err, LT_INVALID, "localize() wants a datetime");
    if (m->zone)
        return lt_fail(err, LT_INVALID, "Not naive datetime (tzinfo is already set)");
    *out = wall_in_zone(call->heap, m->us, zone);
    return LT_OK;
}

static lt_status zone_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                             lt_err *err)
{
    const lt_dbt_zone *zone = (const lt_dbt_zone *)call->self.as.object;
    lt_jinja_value args[1];
    *found = true;
    if (lt_text_eq(name, T("localize")))
        return localize(call, zone, out, err);
    *found = lt_text_eq(name, T("normalize")) || lt_text_eq(name, T("fromutc")) ||
             lt_text_eq(name, T("utcoffset")) || lt_text_eq(name, T("tzname"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "dt", args, err));
    const moment *m = moment_in(args[0]);
    if (!m && lt_text_eq(name, T("utcoffset")) && zone->fixed) {
        *out = delta_new(call->heap, zone->fixed->offset_s * SECOND_US);
        return LT_OK;
    }
    if (!m)
        return lt_fail(err, LT_INVALID, "%.*s() wants a datetime", LT_ARG(name));
    const moment *there = (const moment *)in_zone(call->heap, utc_us(m), zone).as.object;
    if (lt_text_eq(name, T("utcoffset")))
        *out = offset_value(call->heap, there);
    else if (lt_text_eq(name, T("tzname")))
        *out = lt_jinja_text(lt_text_of(there->type->name));
    else
        *out = in_zone(call->heap, utc_us(m), zone);
    return LT_OK;
}

static lt_status zone_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    *found = lt_text_eq(name, T("zone"));
    if (*found)
        *out = lt_jinja_text(lt_text_of(((const lt_dbt_zone *)self)->name));
    return LT_OK;
}

static void zone_str(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add_str(out, ((const lt_dbt_zone *)self)->name);
}

static void zone_repr(const lt_jinja_object *self, lt_buf *out)
{
    const lt_dbt_zone *zone = (const lt_dbt_zone *)self;
    add_zone_repr(zone, lt_dbt_zone_at(zone, 0), out);
}

const lt_jinja_class lt_dbt_zone_class = {
    .name = "tzinfo", .method = zone_method, .attr = zone_attr, .str = zone_str, .repr = zone_repr};

/* ---- the types, as modules.datetime has them ---- */

static lt_status make_moment(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out,
                             lt_err *err)
{
    bool is_time = class == &time_class;
    fields f = {.year = is_time ? 1970 : -1, .month = is_time, .day = is_time};
    const lt_dbt_zone *zone = NULL;
    int64_t us = 0;
    LT_TRY(take_fields(call, class, &f, &zone, err));
    if (!is_time && (f.year == -1 || !f.month || !f.day))
        return lt_fail(err, LT_INVALID, "%s() needs year, month and day", class->name);
    LT_TRY(us_of(&f, &us, err));
    *out = class == &datetime_class ? wall_in_zone(call->heap, us, zone)
                                    : moment_new(call->heap, class, us, NULL, NULL);
    return LT_OK;
}

static lt_status date_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &date_class, out, err);
}
static lt_status datetime_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &datetime_class, out, err);
}
static lt_status time_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &time_class, out, err);
}

static lt_status add_unit(lt_jinja_value value, int64_t unit_us, double *sum, lt_err *err)
{
    if (lt_jinja_is_absent(value))
        return LT_OK;
    if (value.type == LT_JINJA_INT)
        *sum += (double)value.as.i * (double)unit_us;
    else if (value.type == LT_JINJA_FLOAT)
        *sum += value.as.f * (double)unit_us;
    else
        return lt_fail(err, LT_INVALID, "unsupported type for timedelta component: %s",
                       lt_jinja_type_name(value));
    return LT_OK;
}

static lt_status delta_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    static const int64_t units[] = {DAY_US,         SECOND_US,        1,         1000,
                                    60 * SECOND_US, 3600 * SECOND_US, 7 * DAY_US};
    lt_jinja_value args[LT_COUNT(units)];
    double sum = 0;
    LT_TRY(lt_jinja_bind(call, "days? seconds? microseconds? milliseconds? minutes? hours? weeks?",
                         args, err));
    for (size_t i = 0; i < LT_COUNT(units); i++)
        LT_TRY(add_unit(args[i], units[i], &sum, err));
    return scaled(call->heap, sum, out, err);
}

static lt_jinja_value now_value(lt_jinja_heap *heap, const lt_dbt_zone *zone, bool naive)
{
    lt_jinja_value made = in_zone(heap, lt_now_us(), zone);
    return naive ? lt_dbt_naive_value(heap, ((const moment *)made.as.object)->us) : made;
}

static lt_status datetime_now(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "tz?", args, err));
    const lt_dbt_zone *zone = zone_in(args[0]);
    if (!zone && !lt_dbt_is_none(args[0]))
        return lt_fail(err, LT_INVALID, "tzinfo argument must be None or of a tzinfo subclass");
    *out = now_value(call->heap, zone ? zone : lt_dbt_zone_local(call->heap), zone == NULL);
    return LT_OK;
}

static lt_status from_timestamp(lt_jinja_call *call, const lt_jinja_class *class, bool utc,
                                lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "timestamp tz?", args, err));
    double seconds = args[0].type == LT_JINJA_INT     ? (double)args[0].as.i
                     : args[0].type == LT_JINJA_FLOAT ? args[0].as.f
                                                      : NAN;
    if (!(fabs(seconds) < 2.5e11))
        return lt_fail(err, LT_INVALID, "fromtimestamp() wants a number of seconds");
    const lt_dbt_zone *zone = zone_in(args[1]);
    lt_jinja_value made = in_zone(call->heap, llrint(seconds * 1e6),
                                  zone  ? zone
                                  : utc ? &lt_dbt_utc
                                        : lt_dbt_zone_local(call->heap));
    const moment *m = (const moment *)made.as.object;
    *out = class == &date_class ? lt_dbt_date_value(call->heap, lt_divide_down(m->us, DAY_US))
           : zone               ? made
                                : lt_dbt_naive_value(call->heap, m->us);
    return LT_OK;
}

/* An ISO text: with an offset it is aware. */
static lt_status from_iso(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out,
                          lt_err *err)
{
    lt_jinja_value args[1];
    lt_text text = {0};
    int64_t us;
    LT_TRY(lt_jinja_bind(call, "date_string", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "date_string", &text, err));
    if (!lt_time_read(text, &us))
        return lt_fail(err, LT_INVALID, "Invalid isoformat string: '%.*s'", LT_ARG(text));
    lt_text clock = lt_text_sub(text, 10, text.len);
    bool zoned =
        lt_text_has(clock, T("+")) || lt_text_has(clock, T("-")) || lt_text_ends(clock, T("Z"));
    reading r = {.text = clock};
    r.at = LT_MIN(lt_text_find_byte(clock, '+', 0), lt_text_find_byte(clock, '-', 0));
    if (zoned && r.at != SIZE_MAX && !read_offset(&r))
        return lt_fail(err, LT_INVALID, "Invalid isoformat string: '%.*s'", LT_ARG(text));
    if (class == &date_class)
        *out = lt_dbt_date_value(call->heap, lt_divide_down(us, DAY_US));
    else if (zoned)
        *out = in_zone(call->heap, us,
                       r.offset_s ? lt_dbt_zone_fixed(call->heap, r.offset_s, NULL) : &lt_dbt_utc);
    else
        *out = lt_dbt_naive_value(call->heap, us);
    return LT_OK;
}

static lt_status combine(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    LT_TRY(lt_jinja_bind(call, "date time tzinfo?", args, err));
    const moment *date = moment_in(args[0]), *clock = moment_in(args[1]);
    if (!date || !clock || clock->object.class != &time_class)
        return lt_fail(err, LT_INVALID, "combine() wants a date and a time");
    *out = wall_in_zone(call->heap,
                        lt_divide_down(date->us, DAY_US) * DAY_US +
                            (clock->us - lt_divide_down(clock->us, DAY_US) * DAY_US),
                        zone_in(args[2]));
    return LT_OK;
}

static lt_status from_ordinal(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out,
                              lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "ordinal", args, err));
    if (args[0].type != LT_JINJA_INT || args[0].as.i < 1 || args[0].as.i > 3652059)
        return lt_fail(err, LT_INVALID, "ordinal must be 1 to 3652059");
    *out = moment_new(call->heap, class, (args[0].as.i - 719163) * DAY_US, NULL, NULL);
    return LT_OK;
}

static lt_status today(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out)
{
    lt_jinja_value now = now_value(call->heap, lt_dbt_zone_local(call->heap), true);
    int64_t us = ((const moment *)now.as.object)->us;
    *out = class == &date_class ? lt_dbt_date_value(call->heap, lt_divide_down(us, DAY_US)) : now;
    return LT_OK;
}

/* Alternative constructors: date.today() and datetime's. A method of an instance, called on the type, comes here too. */
static lt_status type_method(lt_jinja_call *call, const lt_jinja_class *class, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    bool is_datetime = class == &datetime_class;
    *found = true;
    if (lt_text_eq(name, T("today")))
        return today(call, class, out);
    if (lt_text_eq(name, T("fromisoformat")))
        return from_iso(call, class, out, err);
    if (lt_text_eq(name, T("fromordinal")))
        return from_ordinal(call, class, out, err);
    if (lt_text_eq(name, T("fromtimestamp")))
        return from_timestamp(call, class, false, out, err);
    if (is_datetime && lt_text_eq(name, T("utcfromtimestamp")))
        return from_timestamp(call, class, true, out, err);
    if (is_datetime && lt_text_eq(name, T("now")))
        return datetime_now(call, out, err);
    if (is_datetime && lt_text_eq(name, T("utcnow"))) {
        *out = now_value(call->heap, &lt_dbt_utc, true);
        return LT_OK;
    }
    if (is_datetime && lt_text_eq(name, T("strptime")))
        return datetime_strptime(call, out, err);
    if (is_datetime && lt_text_eq(name, T("combine")))
        return combine(call, out, err);
    *found = false;
    return LT_OK;
}

static lt_status date_type_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                  bool *found, lt_err *err)
{
    return type_method(call, &date_class, name, out, found, err);
}
static lt_status datetime_type_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                      bool *found, lt_err *err)
{
    return type_method(call, &datetime_class, name, out, found, err);
}

/* try_or_compiler_error() takes datetime.strptime without calling it. */
static bool type_has_method(const lt_jinja_object *self, lt_text name)
{
    static const char *const names[] = {"today",  "fromisoformat", "fromordinal",
                                        "now",    "fromtimestamp", "utcfromtimestamp",
                                        "utcnow", "strptime",      "combine"};
    (void)self;
    for (size_t i = 0; i < LT_COUNT(names); i++)
        if (lt_text_eq(lt_text_of(names[i]), name))
            return true;
    return false;
}

static lt_status timezone_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    int64_t us;
    LT_TRY(lt_jinja_bind(call, "offset name?", args, err));
    if (!delta_in(args[0], &us) || llabs(us) >= DAY_US)
        return lt_fail(err, LT_INVALID, "timezone() wants a timedelta of less than a day");
    const char *name = lt_jinja_is_absent(args[1])
                           ? NULL
                           : lt_arena_str(&call->heap->arena, lt_jinja_as_text(args[1]));
    const lt_dbt_zone *zone = lt_dbt_zone_fixed(call->heap, (int32_t)(us / SECOND_US), name);
    *out = lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&zone->object);
    return LT_OK;
}

static lt_status timezone_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)self;
    (void)err;
    *found = lt_text_eq(name, T("utc"));
    if (*found)
        *out = lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&lt_dbt_utc.object);
    return LT_OK;
}

static lt_status date_type_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                                lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    int64_t clock = self->class == &datetime_type_class ? DAY_US - 1 : 0;
    const lt_jinja_class *class =
        self->class == &datetime_type_class ? &datetime_class : &date_class;
    (void)err;
    *found = lt_text_eq(name, T("min")) || lt_text_eq(name, T("max"));
    if (*found)
        *out = moment_new(
            heap, class,
            lt_text_eq(name, T("min")) ? min_us : lt_divide_down(max_us, DAY_US) * DAY_US + clock,
            NULL, NULL);
    return LT_OK;
}

static const lt_jinja_class date_type_class = {.name = "type",
                                               .call = date_call,
                                               .attr = date_type_attr,
                                               .method = date_type_method,
                                               .has_method = type_has_method};
static const lt_jinja_class datetime_type_class = {.name = "type",
                                                   .call = datetime_call,
                                                   .attr = date_type_attr,
                                                   .method = datetime_type_method,
                                                   .has_method = type_has_method};
static const lt_jinja_class time_type_class = {.name = "type", .call = time_call};
static const lt_jinja_class delta_type_class = {.name = "type", .call = delta_call};
static const lt_jinja_class timezone_type_class = {
    .name = "type", .call = timezone_call, .attr = timezone_attr};

static lt_jinja_object date_type = {&date_type_class}, datetime_type = {&datetime_type_class},
                       time_type = {&time_type_class}, delta_type = {&delta_type_class},
                       timezone_type = {&timezone_type_class};

static lt_status module_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    const struct {
        lt_text name;
        lt_jinja_object *type;
    } types[] = {
        {T("date"), &date_type},         {T("datetime"), &datetime_type},
        {T("time"), &time_type},         {T("timedelta"), &delta_type},
        {T("timezone"), &timezone_type}, {T("tzinfo"), &timezone_type},
    };
    (void)render;
    (void)self;
    (void)err;
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_text_eq(types[i].name, name)) {
            *out = lt_jinja_object_value(types[i].type);
            *found = true;
            return LT_OK;
        }
    *found = false;
    return LT_OK;
}

/* `modules.datetime.date(...)` is asked for as a method first; it is an attribute. */
const lt_jinja_class lt_dbt_datetime_module = {.name = "module", .attr = module_attr};

/* ---- pytz ---- */

static lt_status pytz_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                             lt_err *err)
{
    lt_jinja_value args[1];
    const lt_dbt_zone *zone = NULL;
    *found = true;
    if (lt_text_eq(name, T("timezone"))) {
        lt_text wanted = {0};
        LT_TRY(lt_jinja_bind(call, "zone", args, err));
        LT_TRY(lt_jinja_need_text(call, args[0], "zone", &wanted, err));
        LT_TRY(lt_dbt_zone_find(call->heap, wanted, &zone, err));
    } else if (lt_text_eq(name, T("FixedOffset"))) {
        LT_TRY(lt_jinja_bind(call, "offset", args, err));
        if (args[0].type != LT_JINJA_INT || llabs(args[0].as.i) >= 1440)
            return lt_fail(err, LT_INVALID, "FixedOffset() wants less than a day of minutes");
        zone = lt_dbt_zone_fixed(call->heap, (int32_t)args[0].as.i * 60, NULL);
    } else {
        *found = false;
        return LT_OK;
    }
    *out = lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&zone->object);
    return LT_OK;
}

static lt_status pytz_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)self;
    (void)err;
    *found = lt_text_eq(name, T("utc")) || lt_text_eq(name, T("UTC"));
    if (*found)
        *out = lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&lt_dbt_utc.object);
    return LT_OK;
}

const lt_jinja_class lt_dbt_pytz_module = {
    .name = "module", .method = pytz_method, .attr = pytz_attr};
