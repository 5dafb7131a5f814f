/* Schedules: the ticks of a pipeline, what calendars leave out, and what is made up for. */
#include "sched/schedule.h"

#include "base/time.h"

#include <stdio.h>

enum { DAY_S = 86400, LATE_S = 60 };
/* A calendar that leaves out everything must not be searched for ever. */
enum { MOST_SKIPPED = 20000, MOST_COUNTED = 1000 };

/* ---- calendars */

static size_t place_of(const lt_calendar *calendar, int64_t day)
{
    size_t low = 0, high = calendar->days.len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (calendar->days.items[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool lt_calendar_has(const lt_calendar *calendar, int64_t day)
{
    size_t at = place_of(calendar, day);
    return at < calendar->days.len && calendar->days.items[at] == day;
}

bool lt_calendar_add(lt_calendar *calendar, int64_t day)
{
    size_t at = place_of(calendar, day);
    if (at < calendar->days.len && calendar->days.items[at] == day)
        return false;
    lt_push(&calendar->days, day);
    memmove(calendar->days.items + at + 1, calendar->days.items + at,
            (calendar->days.len - 1 - at) * sizeof(day));
    calendar->days.items[at] = day;
    return true;
}

void lt_calendar_cleanup(lt_calendar *calendar)
{
    lt_vec_free(&calendar->days);
}

/* ---- ticks */

static bool is_day_off(const lt_schedule *schedule, lt_cron_tick tick)
{
    return schedule->days_off &&
           lt_calendar_has(schedule->days_off, lt_divide_down(tick.wall_s, DAY_S));
}

/* The interval that begins at or before the moment. */
static int64_t interval_at(const lt_schedule *schedule, int64_t at_s)
{
    int64_t anchor_s = schedule->start_s == INT64_MIN ? 0 : schedule->start_s;
    return anchor_s + lt_divide_down(at_s - anchor_s, schedule->every_s) * schedule->every_s;
}

static lt_cron_tick interval_tick(const lt_schedule *schedule, int64_t at_s)
{
    return (lt_cron_tick){.at_s = at_s, .wall_s = lt_zone_wall(schedule->zone, at_s)};
}

/* The next by clock alone, without calendars. */
static bool next_by_clock(const lt_schedule *schedule, lt_cron_tick after, lt_cron_tick *out)
{
    if (!schedule->every_s)
        return lt_cron_next(&schedule->cron, schedule->zone, after, out);
    *out = interval_tick(schedule, interval_at(schedule, after.at_s) + schedule->every_s);
    return true;
}

static bool previous_by_clock(const lt_schedule *schedule, int64_t before_s, lt_cron_tick *out)
{
    if (!schedule->every_s)
        return lt_cron_previous(&schedule->cron, schedule->zone, before_s, out);
    *out = interval_tick(schedule, interval_at(schedule, before_s - 1));
    return true;
}

bool lt_schedule_previous(const lt_schedule *schedule, int64_t before_s, lt_cron_tick *out)
{
    for (int i = 0; i < MOST_SKIPPED && previous_by_clock(schedule, before_s, out); i++) {
        if (!is_day_off(schedule, *out))
            return true;
        before_s = out->at_s;
    }
    return false;
}

/* The same for the same tick of the same pipeline, so that who asks again gets the same moment. */
static int64_t jitter_of(const lt_schedule *schedule, lt_cron_tick tick)
{
    if (schedule->jitter_s <= 0)
        return 0;
    char key[LT_TICK_KEY_CHARS];
    uint64_t hash = lt_text_hash(lt_text_of(lt_tick_key(tick, key))) ^
                    lt_text_hash(lt_text_of(schedule->name)) * 0x9e3779b97f4a7c15;
    return (int64_t)((hash ^ hash >> 32) % ((uint64_t)schedule->jitter_s + 1));
}

static lt_tick whole_tick(const lt_schedule *schedule, lt_cron_tick tick)
{
    lt_cron_tick before;
    lt_tick made = {.tick = tick,
                    .start_at_s = tick.at_s + jitter_of(schedule, tick),
                    .interval_start_s = tick.at_s,
                    .interval_end_s = tick.at_s};
    if (lt_schedule_previous(schedule, tick.at_s, &before))
        made.interval_start_s = before.at_s;
    return made;
}

static bool next_tick(const lt_schedule *schedule, lt_cron_tick after, lt_cron_tick *out)
{
    if (schedule->start_s != INT64_MIN && after.at_s < schedule->start_s)
        after = lt_cron_from(schedule->start_s - 1);
    for (int i = 0; i < MOST_SKIPPED && next_by_clock(schedule, after, out); i++) {
        if (out->at_s >= schedule->end_s)
            return false;
        if (!is_day_off(schedule, *out))
            return true;
        after = *out;
    }
    return false;
}

bool lt_schedule_next(const lt_schedule *schedule, lt_cron_tick after, lt_tick *out)
{
    lt_cron_tick tick;
    if (!next_tick(schedule, after, &tick))
        return false;
    *out = whole_tick(schedule, tick);
    return true;
}

/* How many there are behind `from` until the moment, at most MOST_COUNTED. */
static size_t count_until(const lt_schedule *schedule, lt_cron_tick from, int64_t until_s)
{
    size_t count = 0;
    lt_cron_tick tick = from;
    while (count < MOST_COUNTED && next_tick(schedule, tick, &tick) && tick.at_s <= until_s)
        count++;
    return count;
}

static void push_until(const lt_schedule *schedule, lt_cron_tick from, int64_t until_s,
                       size_t limit, lt_ticks *out)
{
    lt_cron_tick tick = from;
    while (out->len < limit && next_tick(schedule, tick, &tick) && tick.at_s <= until_s)
        lt_push(out, whole_tick(schedule, tick));
}

/* The last tick in (from_s, until_s]. */
static bool latest_between(const lt_schedule *schedule, int64_t from_s, int64_t until_s,
                           lt_cron_tick *out)
{
    return lt_schedule_previous(schedule, LT_MIN(until_s + 1, schedule->end_s), out) &&
           out->at_s > from_s && out->at_s >= schedule->start_s;
}

static lt_cron_tick later(lt_cron_tick tick, int64_t at_s)
{
    return tick.at_s >= at_s ? tick : lt_cron_from(at_s);
}

void lt_schedule_due(const lt_schedule *schedule, lt_cron_tick last, int64_t now_s, size_t limit,
                     lt_ticks *out, size_t *left_out)
{
    int64_t window_s = LT_MAX(schedule->window_s, LATE_S);
    lt_cron_tick oldest = later(last, now_s - window_s - 1), latest;
    lt_cron_tick recent = later(last, now_s - LATE_S);
    size_t before = out->len;
    push_until(schedule, schedule->catch_up == LT_CATCH_UP_ALL ? oldest : recent, now_s, limit,
               out);
    if (out->len == before && limit > before && schedule->catch_up == LT_CATCH_UP_LATEST &&
        latest_between(schedule, oldest.at_s, now_s, &latest))
        lt_push(out, whole_tick(schedule, latest));
    if (left_out)
        *left_out = 0;
    if (left_out && out->len < limit)
        *left_out = count_until(schedule, last, now_s) - (out->len - before);
}

bool lt_schedule_between(const lt_schedule *schedule, int64_t from_s, int64_t until_s, size_t limit,
                         lt_ticks *out)
{
    lt_cron_tick tick = lt_cron_from(from_s - 1);
    while (next_tick(schedule, tick, &tick) && tick.at_s < until_s) {
        if (out->len == limit)
            return false;
        lt_push(out, whole_tick(schedule, tick));
    }
    return true;
}

/* ---- keys */

const char *lt_tick_key(lt_cron_tick tick, char out[LT_TICK_KEY_CHARS])
{
    char wall[LT_TIME_CHARS];
    (void)lt_time_write(tick.wall_s * 1000000, wall);
    (void)snprintf(out, LT_TICK_KEY_CHARS, "%.19s@%lld", wall, (long long)tick.at_s);
    return out;
}

bool lt_tick_key_read(lt_text key, lt_cron_tick *out)
{
    lt_text wall;
    int64_t wall_us;
    *out = (lt_cron_tick){0};
    if (!lt_text_cut(&key, '@', &wall) || !lt_time_read(wall, &wall_us))
        return false;
    out->wall_s = wall_us / 1000000;
    return lt_text_to_i64(key, &out->at_s);
}
