/* time.h - moments in microseconds since 1970 UTC, and how they are written.
 *
 * Fields and variables are named ..._at_us (moments) and ..._us / _ms / _s (lengths). */
#pragma once
#include "base/err.h"

int64_t lt_now_us(void);  /* wall clock, UTC */
int64_t lt_mono_us(void); /* never goes back; for lengths and deadlines only */
void lt_sleep_us(int64_t length_us);

typedef struct lt_date {
    int64_t year;        /* proleptic Gregorian; 0 is 1 BC */
    unsigned month, day; /* from 1 */
} lt_date;

/* Days since 1970-01-01 and back (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
int64_t lt_days_from_date(lt_date date);
lt_date lt_date_from_days(int64_t days);
bool lt_date_is_valid(lt_date date);

/* The floor of value / by, also below zero; `by` > 0. For moments before 1970. */
static inline int64_t lt_divide_down(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

enum { LT_TIME_CHARS = 40 };
/* "2026-11-22T01:02:03.000004Z" (RFC 3339, UTC); years 0 to 9999, others are clamped. */
const char *lt_time_write(int64_t moment_us, char out[LT_TIME_CHARS]);
/* RFC 3339 / ISO 8601: a date, or date and time with 'T' or ' ', optional fraction (cut to microseconds), zone Z, +hh:mm,
 * +hhmm, +hh or none (then UTC). False for anything else; a second of 60 reads as 59.999999. */
LT_MUST_CHECK bool lt_time_read(lt_text text, int64_t *moment_us);

/* A length as people write it: "30s", "10m", "2h", "30d", "1w", "250ms", sums "1h30m"; a bare number is seconds. */
LT_MUST_CHECK bool lt_length_read(lt_text text, int64_t *length_us);
/* "850 ms", "4.2 s", "3 min 5 s", "2 h 10 min". */
const char *lt_length_write(int64_t length_us, char out[LT_TIME_CHARS]);
