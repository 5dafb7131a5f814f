/* cron.h - schedules as crontab(5) writes them, and the moments that they name in a time zone.
 *
 *     minute hour day-of-month month day-of-week        "0 6 * * 1-5"
 *     second minute hour day-of-month month day-of-week "30 0 6 * * 1-5"
 *     @yearly @annually @monthly @weekly @daily @midnight @hourly
 *
 * Each field is "*" (or "?" for the two fields of days), numbers, names (jan, mon), ranges a-b, steps (a star, a range or a number
 * with /n), and lists of these with commas. Days of the week are 0 to 7, Sunday being 0 and 7. Also, as Quartz has them: in days of the month
 * L (the last), L-3 (three before it), 15W (the weekday nearest to the 15th, in the same month), LW; in days of the week 5L (the last
 * Friday of the month) and 5#3 (the third Friday). When both fields of days are restricted (neither begins with a star), one of them
 * is enough, as in every cron.
 *
 * When clocks change, cronie's rules hold (cron(8)). A schedule at fixed times (no star in seconds, minutes and hours) keeps each of its wall times
 * once: one that clocks skip is due at the moment of the change, one that comes twice is due the first time. A schedule
 * with a star there follows the wall clock: a skipped hour has no ticks, a repeated one has twice as many. Both only for changes of
 * less than three hours; a greater one is a correction, and nothing is made up for. */
#pragma once
#include "base/zone.h"

typedef struct lt_cron {
    uint64_t seconds, minutes, hours; /* bit n: value n */
    uint64_t days, months;            /* from 1 */
    uint64_t weekdays;                /* 0 to 6 */
    uint64_t days_before_last;        /* bit n: n days before the last of the month */
    uint64_t nearest_weekday;         /* bit n: the weekday nearest to n; bit 0: to the last day */
    uint64_t last_weekdays;           /* bit n: the last n of the month */
    uint64_t nth_weekdays[6];         /* [k] bit n: the k-th n of the month */
    bool any_day, any_weekday;        /* the field begins with a star */
    bool fixed;                       /* no star in seconds, minutes and hours */
} lt_cron;

/* LT_INVALID: says which field and what is allowed there; also for a schedule that never comes ("0 0 30 2 *"). */
LT_MUST_CHECK lt_status lt_cron_read(lt_text text, lt_cron *out, lt_err *err);

typedef enum lt_cron_shift {
    LT_CRON_AS_SAID,
    LT_CRON_MOVED, /* clocks skip the time that was said: it is due when they do */
    LT_CRON_FIRST, /* the time comes twice; this is the first */
    LT_CRON_SECOND,
} lt_cron_shift;

typedef struct lt_cron_tick {
    int64_t at_s; /* when it is due */
    int64_t
        wall_s; /* the time that the schedule names, on the wall of the zone: with at_s the tick's identity */
    lt_cron_shift shift;
} lt_cron_tick;

/* The tick behind all others that are due at `at_s` or before: where to begin with lt_cron_next(). */
static inline lt_cron_tick lt_cron_from(int64_t at_s)
{
    return (lt_cron_tick){.at_s = at_s, .wall_s = INT64_MAX};
}
/* The first tick behind `after`. False: there is none in the 50 years that follow. */
bool lt_cron_next(const lt_cron *cron, const lt_zone *zone, lt_cron_tick after, lt_cron_tick *out);
/* The last tick before the moment. False: none in the 50 years before. */
bool lt_cron_previous(const lt_cron *cron, const lt_zone *zone, int64_t before_s,
                      lt_cron_tick *out);
