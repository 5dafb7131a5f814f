/* Dates, datetimes and times with Python's meanings: fields, methods, comparing and counting. */
#include "dbt/rt/moment.h"

/* ---- making ---- */

lt_jinja_value lt_moment_new(lt_jinja_heap *heap, const lt_jinja_class *class, int64_t us,
                             const lt_dbt_zone *zone, const lt_zone_type *type)
{
    moment *made = LT_NEW(&heap->arena, moment);
    *made = (moment){.object.class = class, .us = us, .zone = zone, .type = type};
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_delta_new(lt_jinja_heap *heap, int64_t us)
{
    delta *made = LT_NEW(&heap->arena, delta);
    *made = (delta){.object.class = &lt_delta_class, .us = us};
    return lt_jinja_object_value(&made->object);
}

lt_jinja_value lt_dbt_date_value(lt_jinja_heap *heap, int64_t days)
{
    return lt_moment_new(heap, &lt_date_class, days * DAY_US, NULL, NULL);
}

lt_jinja_value lt_dbt_naive_value(lt_jinja_heap *heap, int64_t wall_us)
{
    return lt_moment_new(heap, &lt_datetime_class, wall_us, NULL, NULL);
}

lt_jinja_value lt_dbt_time_value(lt_jinja_heap *heap, int64_t us_of_day)
{
    return lt_moment_new(heap, &lt_time_class, us_of_day, NULL, NULL);
}

lt_jinja_value lt_moment_in_zone(lt_jinja_heap *heap, int64_t utc_us, const lt_dbt_zone *zone)
{
    const lt_zone_type *type = lt_dbt_zone_at(zone, lt_divide_down(utc_us, SECOND_US));
    return lt_moment_new(heap, &lt_datetime_class, utc_us + type->offset_s * SECOND_US, zone, type);
}

lt_jinja_value lt_moment_of_wall(lt_jinja_heap *heap, int64_t wall_us, const lt_dbt_zone *zone)
{
    const lt_zone_type *type =
        zone ? lt_dbt_zone_at_wall(zone, lt_divide_down(wall_us, SECOND_US)) : NULL;
    return lt_moment_new(heap, &lt_datetime_class, wall_us, zone, type);
}

lt_jinja_value lt_dbt_datetime_value(lt_jinja_heap *heap, int64_t at_us)
{
    return lt_moment_in_zone(heap, at_us, &lt_dbt_utc);
}

const moment *lt_moment_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT)
        return NULL;
    const lt_jinja_class *class = value.as.object->class;
    return class == &lt_date_class || class == &lt_datetime_class || class == &lt_time_class
               ? (const moment *)value.as.object
               : NULL;
}

bool lt_delta_in(lt_jinja_value value, int64_t *us)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &lt_delta_class)
        return false;
    *us = ((const delta *)value.as.object)->us;
    return true;
}

const lt_dbt_zone *lt_moment_zone_in(lt_jinja_value value)
{
    if (value.type != LT_JINJA_OBJECT || value.as.object->class != &lt_dbt_zone_class)
        return NULL;
    return (const lt_dbt_zone *)value.as.object;
}

int64_t lt_moment_utc_us(const moment *m)
{
    return m->us - (m->type ? m->type->offset_s * SECOND_US : 0);
}

bool lt_dbt_moment_of(lt_jinja_value value, int64_t *at_us)
{
    const moment *m = lt_moment_in(value);
    if (!m || m->object.class == &lt_time_class)
        return false;
    *at_us = lt_moment_utc_us(m);
    return true;
}

fields lt_fields_of(int64_t us)
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

lt_status lt_fields_us(const fields *f, int64_t *us, lt_err *err)
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

static lt_status in_range(int64_t us, lt_err *err)
{
    return us < LEAST_US || us > MOST_US ? lt_fail(err, LT_INVALID, "date value out of range")
                                         : LT_OK;
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
    fields f = lt_fields_of(m->us);
    (void)render;
    (void)err;
    *found = true;
    if (self->class != &lt_time_class && lt_text_eq(name, T("year")))
        *out = lt_jinja_int(f.year);
    else if (self->class != &lt_time_class && lt_text_eq(name, T("month")))
        *out = lt_jinja_int(f.month);
    else if (self->class != &lt_time_class && lt_text_eq(name, T("day")))
        *out = lt_jinja_int(f.day);
    else if (self->class != &lt_date_class && lt_text_eq(name, T("tzinfo")))
        *out = m->zone ? lt_jinja_object_value((lt_jinja_object *)(uintptr_t)&m->zone->object)
                       : lt_jinja_none();
    else
        *found = self->class != &lt_date_class && clock_attr(&f, name, out);
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
    i += class == &lt_time_class ? 3 : 0;
    return i < LT_COUNT(names) ? lt_text_of(names[i]) : (lt_text){0};
}

/* Arguments of date(), datetime(), time() and of replace(): positions in order, keywords, tzinfo. */
lt_status lt_moment_take_fields(lt_jinja_call *call, const lt_jinja_class *class, fields *f,
                                const lt_dbt_zone **zone, lt_err *err)
{
    for (size_t i = 0; i < call->arg_count + call->kwarg_count; i++) {
        bool by_name = i >= call->arg_count;
        lt_text name = by_name ? call->kwargs[i - call->arg_count].name : field_name(class, i);
        lt_jinja_value value = by_name ? call->kwargs[i - call->arg_count].value : call->args[i];
        if (lt_text_eq(name, T("fold")))
            continue;
        if (lt_text_eq(name, T("tzinfo")) || (!by_name && !name.len)) {
            *zone = lt_moment_zone_in(value);
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
    fields f = lt_fields_of(m->us);
    const lt_dbt_zone *zone = m->zone;
    int64_t us = 0;
    LT_TRY(lt_moment_take_fields(call, m->object.class, &f, &zone, err));
    LT_TRY(lt_fields_us(&f, &us, err));
    *out = m->object.class == &lt_datetime_class
               ? lt_moment_of_wall(call->heap, us, zone)
               : lt_moment_new(call->heap, m->object.class, us, NULL, NULL);
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
    lt_moment_add_iso(&cut, separator, &text);
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status astimezone(lt_jinja_call *call, const moment *m, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "tz?", args, err));
    const lt_dbt_zone *zone = lt_moment_zone_in(args[0]), *local = lt_dbt_zone_local(call->heap);
    if (!zone && !lt_dbt_is_none(args[0]))
        return lt_fail(err, LT_INVALID, "tz argument must be an instance of tzinfo");
    int64_t at = m->zone
                     ? lt_moment_utc_us(m)
                     : lt_moment_utc_us(
                           (const moment *)lt_moment_of_wall(call->heap, m->us, local).as.object);
    *out = lt_moment_in_zone(call->heap, at, zone ? zone : local);
    return LT_OK;
}

static lt_jinja_value iso_calendar(lt_jinja_heap *heap, const moment *m)
{
    int64_t year;
    int week;
    lt_moment_iso_week(m->us, &year, &week);
    lt_jinja_value parts[] = {lt_jinja_int(year), lt_jinja_int(week),
                              lt_jinja_int(lt_moment_weekday(m->us) + 1)};
    return lt_jinja_tuple(heap, parts, 3);
}

static bool day_method(lt_jinja_call *call, const moment *m, lt_text name, lt_jinja_value *out)
{
    if (lt_text_eq(name, T("weekday")))
        *out = lt_jinja_int(lt_moment_weekday(m->us));
    else if (lt_text_eq(name, T("isoweekday")))
        *out = lt_jinja_int(lt_moment_weekday(m->us) + 1);
    else if (lt_text_eq(name, T("toordinal")))
        *out = lt_jinja_int(lt_divide_down(m->us, DAY_US) + 719163);
    else if (lt_text_eq(name, T("isocalendar")))
        *out = iso_calendar(call->heap, m);
    else
        return false;
    return true;
}

lt_jinja_value lt_moment_offset(lt_jinja_heap *heap, const moment *m)
{
    return m->type ? lt_delta_new(heap, m->type->offset_s * SECOND_US) : lt_jinja_none();
}

static double timestamp_of(lt_jinja_heap *heap, const moment *m)
{
    if (m->zone)
        return (double)lt_moment_utc_us(m) / 1e6;
    lt_jinja_value local = lt_moment_of_wall(heap, m->us, lt_dbt_zone_local(heap));
    return (double)lt_moment_utc_us((const moment *)local.as.object) / 1e6;
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
        *out = lt_moment_offset(call->heap, m);
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
        return lt_moment_strftime(call, m, out, err);
    if (lt_text_eq(name, T("isoformat")))
        return isoformat(call, m, out, err);
    if (lt_text_eq(name, T("replace")))
        return replace_method(call, m, out, err);
    if (class == &lt_datetime_class && lt_text_eq(name, T("astimezone")))
        return astimezone(call, m, out, err);
    *found = (class != &lt_time_class && day_method(call, m, name, out)) ||
             (class == &lt_datetime_class && datetime_method(call, m, name, out));
    return LT_OK;
}

/* ---- comparing and counting ---- */

static bool moment_compare(const lt_jinja_object *self, lt_jinja_value other, int *order)
{
    const moment *a = (const moment *)self, *b = lt_moment_in(other);
    if (!b || b->object.class != a->object.class || !a->zone != !b->zone)
        return false;
    int64_t x = lt_moment_utc_us(a), y = lt_moment_utc_us(b);
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
    const moment *a = (const moment *)self, *b = lt_moment_in(other);
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    int64_t length;
    *found = false;
    if (self->class == &lt_time_class)
        return LT_OK;
    if (op == '-' && b && b->object.class == a->object.class && !reflected) {
        if (!a->zone != !b->zone)
            return lt_fail(err, LT_INVALID,
                           "can't subtract offset-naive and offset-aware datetimes");
        *found = true;
        *out = lt_delta_new(heap, lt_moment_utc_us(a) - lt_moment_utc_us(b));
        return LT_OK;
    }
    if ((op != '+' && op != '-') || (op == '-' && reflected) || !lt_delta_in(other, &length))
        return LT_OK;
    *found = true;
    if (self->class == &lt_date_class)
        length = lt_divide_down(length, DAY_US) * DAY_US;
    int64_t us = op == '+' ? a->us + length : a->us - length;
    LT_TRY(in_range(us, err));
    *out = self->class == &lt_datetime_class ? lt_moment_of_wall(heap, us, a->zone)
                                             : lt_moment_new(heap, self->class, us, NULL, NULL);
    return LT_OK;
}

#define MOMENT_CLASS(name_)                                                                        \
    {                                                                                              \
        .name = name_, .attr = moment_attr, .method = moment_method, .str = lt_moment_str,         \
        .repr = lt_moment_repr, .compare = moment_compare, .equal = moment_equal,                  \
        .arithmetic = moment_arithmetic                                                            \
    }
const lt_jinja_class lt_date_class = MOMENT_CLASS("date");
const lt_jinja_class lt_datetime_class = MOMENT_CLASS("datetime");
const lt_jinja_class lt_time_class = MOMENT_CLASS("time");
