/* schedule.h - when a pipeline is due: crontab or fixed intervals, in a time zone, with calendars of days off; and which ticks are
 * made up for after a pause. Pure: it reads no clock and no file.
 *
 * A tick is named by the moment at which it is due and the wall time that the schedule said (base/cron.h); together they are
 * the key under which its run is recorded, so that a tick has one run, whoever asks and how often. */
#pragma once
#include "base/cron.h"
#include "base/vec.h"

/* Days off, as days since 1970-01-01, sorted, each once. */
typedef struct lt_calendar {
    const char *name;
    LT_VEC(int64_t) days;
} lt_calendar;

bool lt_calendar_has(const lt_calendar *calendar, int64_t day);
/* Add a day where it belongs; false: it was there. */
bool lt_calendar_add(lt_calendar *calendar, int64_t day);
void lt_calendar_cleanup(lt_calendar *calendar);

typedef enum lt_catch_up {
    LT_CATCH_UP_LATEST, /* of the missed ticks, the last one */
    LT_CATCH_UP_ALL,
    LT_CATCH_UP_NONE,
} lt_catch_up;

typedef struct lt_schedule {
    lt_cron cron;
    int64_t every_s; /* > 0: this instead of `cron`; elapsed time, not the wall clock */
    int64_t
        start_s; /* no tick before; `every_s` counts from here; INT64_MIN: none, counts from 1970 */
    int64_t end_s;    /* no tick at or after; INT64_MAX: none */
    int64_t jitter_s; /* a tick starts up to so much later, always the same for the same tick */
    const lt_zone *zone;
    const lt_calendar *days_off; /* no ticks on these days of the zone; NULL: none */
    lt_catch_up catch_up;
    int64_t window_s; /* ticks that are older are not made up for */
    const char *name; /* of the pipeline: spreads the jitter */
} lt_schedule;

typedef struct lt_tick {
    lt_cron_tick tick;
    int64_t start_at_s; /* tick.at_s and the jitter */
    int64_t interval_start_s,
        interval_end_s; /* the data that the tick is for: from the tick before it until it */
} lt_tick;
typedef LT_VEC(lt_tick) lt_ticks;

/* The first tick behind `after`; false: none. */
bool lt_schedule_next(const lt_schedule *schedule, lt_cron_tick after, lt_tick *out);
/* The last tick that was due before the moment, whatever `start_s` says; false: none. */
bool lt_schedule_previous(const lt_schedule *schedule, int64_t before_s, lt_cron_tick *out);

/* What is due by now, behind the last tick that has a run: at most `limit` ticks, the earliest first, by the rules of catch_up and
 * window_s. A tick that is less than a minute late always counts. *left_out (may be NULL) counts
 * those that are not made up for, up to 1000; it is 0 when there are more due than `limit`. */
void lt_schedule_due(const lt_schedule *schedule, lt_cron_tick last, int64_t now_s, size_t limit,
                     lt_ticks *out, size_t *left_out);

/* Every tick in [from_s, until_s), for a backfill; false: there are more than `limit`. */
bool lt_schedule_between(const lt_schedule *schedule, int64_t from_s, int64_t until_s, size_t limit,
                         lt_ticks *out);

enum { LT_TICK_KEY_CHARS = 64 };
/* "2026-03-29T01:30:00@1774746000": the wall time that was said and the moment. */
const char *lt_tick_key(lt_cron_tick tick, char out[LT_TICK_KEY_CHARS]);
LT_MUST_CHECK bool lt_tick_key_read(lt_text key, lt_cron_tick *out);
