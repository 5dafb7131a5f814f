/* moment.h - what the files of modules.datetime and modules.pytz share. For moment*.c alone. */
#pragma once
#include "base/time.h"
#include "dbt/rt/zone.h"

#define DAY_US INT64_C(86400000000)
#define SECOND_US INT64_C(1000000)
#define LEAST_US (INT64_C(-62135596800) * SECOND_US)         /* 0001-01-01 */
#define MOST_US (INT64_C(253402300799) * SECOND_US + 999999) /* 9999-12-31, its last microsecond */

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

typedef struct fields {
    int64_t year;
    unsigned month, day, hour, minute, second, us;
} fields;

extern const lt_jinja_class lt_date_class, lt_datetime_class, lt_time_class, lt_delta_class;

/* ---- moment.c ---- */

lt_jinja_value lt_moment_new(lt_jinja_heap *heap, const lt_jinja_class *class, int64_t us,
                             const lt_dbt_zone *zone, const lt_zone_type *type);
lt_jinja_value lt_delta_new(lt_jinja_heap *heap, int64_t us);
lt_jinja_value lt_moment_in_zone(lt_jinja_heap *heap, int64_t utc_us, const lt_dbt_zone *zone);
lt_jinja_value lt_moment_of_wall(lt_jinja_heap *heap, int64_t wall_us, const lt_dbt_zone *zone);
const moment *lt_moment_in(lt_jinja_value value);
bool lt_delta_in(lt_jinja_value value, int64_t *us);
const lt_dbt_zone *lt_moment_zone_in(lt_jinja_value value);
int64_t lt_moment_utc_us(const moment *m);
fields lt_fields_of(int64_t us);
lt_status lt_fields_us(const fields *f, int64_t *us, lt_err *err);
lt_status lt_moment_take_fields(lt_jinja_call *call, const lt_jinja_class *class, fields *f,
                                const lt_dbt_zone **zone, lt_err *err);

/* How far its zone is from UTC, as a timedelta; none for a naive one. */
lt_jinja_value lt_moment_offset(lt_jinja_heap *heap, const moment *m);

/* ---- moment_delta.c ---- */

/* A timedelta of so many microseconds, which may be too many for one. */
lt_status lt_delta_scaled(lt_jinja_heap *heap, double us, lt_jinja_value *out, lt_err *err);

/* ---- moment_text.c ---- */

unsigned lt_moment_weekday(int64_t us); /* 0 is Monday */
void lt_moment_add_zone(const lt_dbt_zone *zone, const lt_zone_type *type,
                        lt_buf *out);                        /* its repr */
bool lt_moment_read_offset(lt_text text, int32_t *offset_s); /* "Z", "+02:00", "-0930" */

void lt_moment_add_iso(const moment *m, const char *separator, lt_buf *out);
void lt_moment_str(const lt_jinja_object *self, lt_buf *out);
void lt_moment_repr(const lt_jinja_object *self, lt_buf *out);
void lt_moment_iso_week(int64_t us, int64_t *year, int *week);
lt_status lt_moment_strftime(lt_jinja_call *call, const moment *m, lt_jinja_value *out,
                             lt_err *err);
lt_status lt_moment_strptime(lt_jinja_call *call, lt_jinja_value *out, lt_err *err);
