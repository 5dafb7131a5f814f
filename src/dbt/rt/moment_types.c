/* modules.datetime and modules.pytz: the types and zones that templates call. */
#include "dbt/rt/moment.h"

#include <math.h>
#include <stdlib.h>

static const lt_jinja_class date_type_class, datetime_type_class;

/* ---- zones ---- */

static lt_status localize(lt_jinja_call *call, const lt_dbt_zone *zone, lt_jinja_value *out,
                          lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "dt is_dst?", args, err));
    const moment *m = lt_moment_in(args[0]);
    if (!m || m->object.class != &lt_datetime_class)
        return lt_fail(err, LT_INVALID, "localize() wants a datetime");
    if (m->zone)
        return lt_fail(err, LT_INVALID, "Not naive datetime (tzinfo is already set)");
    *out = lt_moment_of_wall(call->heap, m->us, zone);
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
    const moment *m = lt_moment_in(args[0]);
    if (!m && lt_text_eq(name, T("utcoffset")) && zone->fixed) {
        *out = lt_delta_new(call->heap, zone->fixed->offset_s * SECOND_US);
        return LT_OK;
    }
    if (!m)
        return lt_fail(err, LT_INVALID, "%.*s() wants a datetime", LT_ARG(name));
    const moment *there =
        (const moment *)lt_moment_in_zone(call->heap, lt_moment_utc_us(m), zone).as.object;
    if (lt_text_eq(name, T("utcoffset")))
        *out = lt_moment_offset(call->heap, there);
    else if (lt_text_eq(name, T("tzname")))
        *out = lt_jinja_text(lt_text_of(there->type->name));
    else
        *out = lt_moment_in_zone(call->heap, lt_moment_utc_us(m), zone);
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
    lt_moment_add_zone(zone, lt_dbt_zone_at(zone, 0), out);
}

const lt_jinja_class lt_dbt_zone_class = {
    .name = "tzinfo", .method = zone_method, .attr = zone_attr, .str = zone_str, .repr = zone_repr};

/* ---- the types, as modules.datetime has them ---- */

static lt_status make_moment(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out,
                             lt_err *err)
{
    bool is_time = class == &lt_time_class;
    fields f = {.year = is_time ? 1970 : -1, .month = is_time, .day = is_time};
    const lt_dbt_zone *zone = NULL;
    int64_t us = 0;
    LT_TRY(lt_moment_take_fields(call, class, &f, &zone, err));
    if (!is_time && (f.year == -1 || !f.month || !f.day))
        return lt_fail(err, LT_INVALID, "%s() needs year, month and day", class->name);
    LT_TRY(lt_fields_us(&f, &us, err));
    *out = class == &lt_datetime_class ? lt_moment_of_wall(call->heap, us, zone)
                                       : lt_moment_new(call->heap, class, us, NULL, NULL);
    return LT_OK;
}

static lt_status date_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &lt_date_class, out, err);
}
static lt_status datetime_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &lt_datetime_class, out, err);
}
static lt_status time_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return make_moment(call, &lt_time_class, out, err);
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
    return lt_delta_scaled(call->heap, sum, out, err);
}

static lt_jinja_value now_value(lt_jinja_heap *heap, const lt_dbt_zone *zone, bool naive)
{
    lt_jinja_value made = lt_moment_in_zone(heap, lt_now_us(), zone);
    return naive ? lt_dbt_naive_value(heap, ((const moment *)made.as.object)->us) : made;
}

static lt_status datetime_now(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "tz?", args, err));
    const lt_dbt_zone *zone = lt_moment_zone_in(args[0]);
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
    const lt_dbt_zone *zone = lt_moment_zone_in(args[1]);
    lt_jinja_value made = lt_moment_in_zone(call->heap, llrint(seconds * 1e6),
                                            zone  ? zone
                                            : utc ? &lt_dbt_utc
                                                  : lt_dbt_zone_local(call->heap));
    const moment *m = (const moment *)made.as.object;
    *out = class == &lt_date_class ? lt_dbt_date_value(call->heap, lt_divide_down(m->us, DAY_US))
           : zone                  ? made
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
    int32_t offset_s = 0;
    size_t at = LT_MIN(lt_text_find_byte(clock, '+', 0), lt_text_find_byte(clock, '-', 0));
    if (zoned && at != SIZE_MAX &&
        !lt_moment_read_offset(lt_text_sub(clock, at, SIZE_MAX), &offset_s))
        return lt_fail(err, LT_INVALID, "Invalid isoformat string: '%.*s'", LT_ARG(text));
    if (class == &lt_date_class)
        *out = lt_dbt_date_value(call->heap, lt_divide_down(us, DAY_US));
    else if (zoned)
        *out = lt_moment_in_zone(
            call->heap, us, offset_s ? lt_dbt_zone_fixed(call->heap, offset_s, NULL) : &lt_dbt_utc);
    else
        *out = lt_dbt_naive_value(call->heap, us);
    return LT_OK;
}

static lt_status combine(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[3];
    LT_TRY(lt_jinja_bind(call, "date time tzinfo?", args, err));
    const moment *date = lt_moment_in(args[0]), *clock = lt_moment_in(args[1]);
    if (!date || !clock || clock->object.class != &lt_time_class)
        return lt_fail(err, LT_INVALID, "combine() wants a date and a time");
    *out = lt_moment_of_wall(call->heap,
                             lt_divide_down(date->us, DAY_US) * DAY_US +
                                 (clock->us - lt_divide_down(clock->us, DAY_US) * DAY_US),
                             lt_moment_zone_in(args[2]));
    return LT_OK;
}

static lt_status from_ordinal(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out,
                              lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "ordinal", args, err));
    if (args[0].type != LT_JINJA_INT || args[0].as.i < 1 || args[0].as.i > 3652059)
        return lt_fail(err, LT_INVALID, "ordinal must be 1 to 3652059");
    *out = lt_moment_new(call->heap, class, (args[0].as.i - 719163) * DAY_US, NULL, NULL);
    return LT_OK;
}

static lt_status today(lt_jinja_call *call, const lt_jinja_class *class, lt_jinja_value *out)
{
    lt_jinja_value now = now_value(call->heap, lt_dbt_zone_local(call->heap), true);
    int64_t us = ((const moment *)now.as.object)->us;
    *out =
        class == &lt_date_class ? lt_dbt_date_value(call->heap, lt_divide_down(us, DAY_US)) : now;
    return LT_OK;
}

/* Alternative constructors: date.today() and datetime's. A method of an instance, called on the type, comes here too. */
static lt_status type_method(lt_jinja_call *call, const lt_jinja_class *class, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    bool is_datetime = class == &lt_datetime_class;
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
        return lt_moment_strptime(call, out, err);
    if (is_datetime && lt_text_eq(name, T("combine")))
        return combine(call, out, err);
    *found = false;
    return LT_OK;
}

static lt_status date_type_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                  bool *found, lt_err *err)
{
    return type_method(call, &lt_date_class, name, out, found, err);
}
static lt_status datetime_type_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                      bool *found, lt_err *err)
{
    return type_method(call, &lt_datetime_class, name, out, found, err);
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
    if (!lt_delta_in(args[0], &us) || llabs(us) >= DAY_US)
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
        self->class == &datetime_type_class ? &lt_datetime_class : &lt_date_class;
    (void)err;
    *found = lt_text_eq(name, T("min")) || lt_text_eq(name, T("max"));
    if (*found)
        *out = lt_moment_new(heap, class,
                             lt_text_eq(name, T("min"))
                                 ? LEAST_US
                                 : lt_divide_down(MOST_US, DAY_US) * DAY_US + clock,
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
