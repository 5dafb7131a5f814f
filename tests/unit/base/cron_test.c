/* Schedules: what the fields may say, the moments that they name, and cronie's rules when clocks change. */
#include "base/cron.h"

#include "base/fs.h"
#include "base/time.h"
#include "support/test.h"

#include <stdio.h>

static const lt_zone *zone_of(const char *name)
{
    lt_err err = {0};
    const lt_zone *zone = NULL;
    CHECK_OK(lt_zone_find(lt_text_of(name), &zone, &err), err);
    return zone;
}

static lt_cron cron_of(const char *text)
{
    lt_err err = {0};
    lt_cron cron;
    CHECK_OK(lt_cron_read(lt_text_of(text), &cron, &err), err);
    return cron;
}

static int64_t at(const char *text)
{
    int64_t moment_us;
    CHECK(lt_time_read(lt_text_of(text), &moment_us));
    return moment_us / 1000000;
}

/* The next ticks, as "11-22 06:00 ..." in the zone's own time. */
static const char *ticks(const char *schedule, const char *zone, const char *from, int count)
{
    static char out[400];
    size_t len = 0;
    lt_cron cron = cron_of(schedule);
    lt_cron_tick tick = lt_cron_from(at(from) - 1);
    for (int i = 0; i < count; i++) {
        char text[LT_TIME_CHARS];
        CHECK(lt_cron_next(&cron, zone_of(zone), tick, &tick));
        (void)lt_time_write(lt_zone_wall(zone_of(zone), tick.at_s) * 1000000, text);
        len +=
            (size_t)snprintf(out + len, sizeof(out) - len, "%s%.5s %.*s", len ? " " : "", text + 5,
                             lt_text_ends(lt_text_at(text, 19), T(":00")) ? 5 : 8, text + 11);
    }
    return out;
}

Test(cron, names_the_moments_that_were_meant)
{
    static const struct {
        const char *schedule, *ticks;
    } cases[] = {
        /* from Sunday 2026-11-22 */
        {"0 6 * * 1-5", "11-23 06:00 11-24 06:00 11-25 06:00"},
        {"*/20 * * * *", "11-22 00:00 11-22 00:20 11-22 00:40"},
        {"5/20 1 * * *", "11-22 01:05 11-22 01:25 11-22 01:45"},
        {"*/20 * * * * *", "11-22 00:00 11-22 00:00:20 11-22 00:00:40"},
        {"0 1 1,8,15,23 * *", "11-23 01:00 12-01 01:00 12-08 01:00"},
        {"30 4 L * *", "11-30 04:30 12-31 04:30 01-31 04:30"},
        {"0 0 L-2 2 *", "02-26 00:00 02-27 00:00 02-26 00:00"},
        {"0 0 LW * *", "11-30 00:00 12-31 00:00 01-29 00:00"},
        {"0 0 1W * *", "12-01 00:00 01-01 00:00 02-01 00:00"},
        {"0 0 15W 8 *", "08-16 00:00 08-15 00:00 08-15 00:00"},
        {"0 0 31W 1 *", "01-29 00:00 01-31 00:00 01-31 00:00"},
        {"0 0 * * 5L", "11-27 00:00 12-25 00:00 01-29 00:00"},
        {"0 0 * * fri#3", "12-18 00:00 01-15 00:00 02-19 00:00"},
        {"0 0 * * 1#5", "11-30 00:00 03-29 00:00 05-31 00:00"},
        {"0 12 13 * 5", "11-27 12:00 12-04 12:00 12-11 12:00"},  /* either is enough */
        {"0 12 */2 * 5", "11-27 12:00 12-11 12:00 12-25 12:00"}, /* a star: both */
        {"0 0 29 2 *", "02-29 00:00 02-29 00:00 02-29 00:00"},
        {"0 0 ? jan MON", "01-04 00:00 01-11 00:00 01-18 00:00"},
        {"0 0 * * sat-sun", "11-22 00:00 11-28 00:00 11-29 00:00"},
        {"0 0 * * 7", "11-22 00:00 11-29 00:00 12-06 00:00"},
        {"@hourly", "11-22 00:00 11-22 01:00 11-22 02:00"},
        {"@daily", "11-22 00:00 11-23 00:00 11-24 00:00"},
        {"@weekly", "11-22 00:00 11-29 00:00 12-06 00:00"},
        {"@monthly", "12-01 00:00 01-01 00:00 02-01 00:00"},
        {"@yearly", "01-01 00:00 01-01 00:00 01-01 00:00"},
        {"  0   6 * * * ", "11-22 06:00 11-23 06:00 11-24 06:00"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_STR(ticks(cases[i].schedule, "UTC", "2026-11-22", 3), cases[i].ticks);
}

Test(cron, wrong_fields_are_told)
{
    static const struct {
        const char *schedule, *message;
    } cases[] = {
        {"", "five fields"},
        {"* * * *", "five fields"},
        {"* * * * * * *", "five fields"},
        {"60 * * * *", "'60' is wrong for the minute"},
        {"* 24 * * *", "'24' is wrong for the hour"},
        {"* * 0 * *", "day of the month"},
        {"* * 32 * *", "day of the month"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 8", "day of the week"},
        {"5-1 * * * *", "minute"},
        {"*/0 * * * *", "minute"},
        {"1,, * * * *", "minute"},
        {"1, * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"* * L-31 * *", "day of the month"},
        {"* * W * *", "day of the month"},
        {"* * * * 5#6", "day of the week"},
        {"* * * * 5#0", "day of the week"},
        {"? * * * *", "minute"},
        {"99 * * * * *", "'99' is wrong for the second"},
        {"0 0 30 2 *", "never comes"},
        {"0 0 31 4,6 *", "never comes"},
        {"@reboot", "unknown schedule"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        lt_cron cron;
        CHECK_STATUS(lt_cron_read(lt_text_of(cases[i].schedule), &cron, &err), LT_INVALID, err);
        CHECK_HAS(err.message, cases[i].message);
    }
}

Test(cron, a_fixed_time_comes_once_when_clocks_change)
{
    /* London: 01:00 to 02:00 is skipped on March 29, comes twice on October 25 */
    CHECK_STR(ticks("30 1 * * *", "Europe/London", "2026-03-28T12:00:00", 2),
              "03-29 02:00 03-30 01:30");
    CHECK_STR(ticks("30 1 * * *", "Europe/London", "2026-10-24T12:00:00", 2),
              "10-25 01:30 10-26 01:30");
    CHECK_STR(ticks("15,45 1 * * *", "Europe/London", "2026-03-28T12:00:00", 3),
              "03-29 02:00 03-29 02:00 03-30 01:15");
    /* half an hour, on Lord Howe Island */
    CHECK_STR(ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00", 2),
              "10-04 02:30 10-05 02:15");
    lt_cron cron = cron_of("30 1 * * *");
    lt_cron_tick tick = lt_cron_from(at("2026-10-24T12:00:00"));
    CHECK(lt_cron_next(&cron, zone_of("Europe/London"), tick, &tick));
    CHECK_INT(tick.at_s, at("2026-10-25T00:30:00"));
    CHECK_INT(tick.wall_s, at("2026-10-25T01:30:00"));
    CHECK_INT(tick.shift, LT_CRON_FIRST);
    tick = lt_cron_from(at("2026-03-28T12:00:00"));
    CHECK(lt_cron_next(&cron, zone_of("Europe/London"), tick, &tick));
    CHECK_INT(tick.shift, LT_CRON_MOVED);
    CHECK_INT(tick.wall_s, at("2026-03-29T01:30:00"));
}

Test(cron, a_star_follows_the_clock)
{
    CHECK_STR(ticks("0 * * * *", "Europe/London", "2026-03-29T00:00:00", 3),
              "03-29 00:00 03-29 02:00 03-29 03:00");
    CHECK_STR(ticks("0 * * * *", "Europe/London", "2026-10-25T00:00:00", 3),
              "10-25 01:00 10-25 01:00 10-25 02:00");
    CHECK_STR(ticks("*/30 1 * * *", "Europe/London", "2026-10-25T00:00:00", 5),
              "10-25 01:00 10-25 01:30 10-25 01:00 10-25 01:30 10-26 01:00");
    CHECK_STR(ticks("*/30 1 * * *", "Europe/London", "2026-03-28T12:00:00", 1), "03-30 01:00");
}

Test(cron, a_change_of_a_day_is_a_correction)
{
    /* Samoa left out 2011-12-30 */
    CHECK_STR(ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00", 3),
              "12-29 12:00 12-31 12:00 01-01 12:00");
}

Test(cron, the_tick_before_is_found)
{
    static const char *const schedules[] = {"* * * * * *", "*/5 * * * *", "0 6 * * 1-5",
                                            "0 0 1 1 *", "0 0 29 2 *"};
    const lt_zone *zone = zone_of("Europe/London");
    for (size_t i = 0; i < LT_COUNT(schedules); i++) {
        lt_cron cron = cron_of(schedules[i]);
        lt_cron_tick before, next;
        int64_t now = at("2026-03-29T04:32:10");
        CHECK(lt_cron_previous(&cron, zone, now, &before));
        CHECK(before.at_s < now);
        CHECK(lt_cron_next(&cron, zone, before, &next));
        CHECK(next.at_s >= now);
    }
}

/* ---- cronie itself, a minute at a time (the loop of its cron.c): what it runs at each minute, as nominal times */

typedef struct oracle {
    const lt_cron *cron;
    const lt_zone *zone;
    int64_t virtual_s; /* the wall minute up to which jobs were run */
} oracle;

static bool has(uint64_t set, unsigned value)
{
    return set >> value & 1;
}

static bool matches(const lt_cron *cron, int64_t wall_s)
{
    int64_t day = lt_divide_down(wall_s, 86400), in_day = wall_s - day * 86400;
    lt_date date = lt_date_from_days(day);
    unsigned weekday = (unsigned)((day % 7 + 11) % 7);
    bool by_day = has(cron->days, date.day), by_weekday = has(cron->weekdays, weekday);
    return has(cron->minutes, (unsigned)(in_day / 60 % 60)) &&
           has(cron->hours, (unsigned)(in_day / 3600)) && has(cron->months, date.month) &&
           (cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday);
}

typedef struct due {
    int64_t at_s[64], wall_s[64];
    size_t count;
} due;

static void find_jobs(const oracle *o, int64_t wall_s, bool stars, bool fixed, int64_t at_s,
                      due *out)
{
    if ((o->cron->fixed ? fixed : stars) && matches(o->cron, wall_s) && out->count < 64) {
        out->at_s[out->count] = at_s;
        out->wall_s[out->count++] = wall_s;
    }
}

static void oracle_minute(oracle *o, int64_t at_s, due *out)
{
    int64_t running_s = lt_zone_wall(o->zone, at_s), minutes = (running_s - o->virtual_s) / 60;
    out->count = 0;
    if (minutes >= 180 || minutes <= -180) {
        o->virtual_s = running_s;
        find_jobs(o, running_s, true, true, at_s, out);
    } else if (minutes > 5) {
        find_jobs(o, running_s, true, false, at_s, out);
        while (o->virtual_s < running_s) {
            o->virtual_s += 60;
            find_jobs(o, o->virtual_s, false, true, at_s, out);
        }
    } else if (minutes > 0) {
        while (o->virtual_s < running_s) {
            o->virtual_s += 60;
            find_jobs(o, o->virtual_s, true, true, at_s, out);
        }
    } else {
        find_jobs(o, running_s, true, false, at_s, out);
    }
}

/* Two days before and after a change. */
static void compare_change(const lt_cron *cron, const lt_zone *zone, int64_t change_s)
{
    int64_t start_s = (change_s - 2 * (int64_t)86400) / 60 * 60,
            end_s = start_s + 4 * (int64_t)86400;
    oracle o = {cron, zone, lt_zone_wall(zone, start_s - 60)};
    lt_cron_tick tick = lt_cron_from(start_s - 1);
    bool more = lt_cron_next(cron, zone, tick, &tick);
    for (int64_t at_s = start_s; at_s < end_s; at_s += 60) {
        due found;
        oracle_minute(&o, at_s, &found);
        for (size_t i = 0; i < found.count; i++) {
            if (!more || tick.at_s != found.at_s[i] || tick.wall_s != found.wall_s[i]) {
                CHECK_STR(lt_zone_name(zone), "");
                CHECK_INT(tick.at_s, found.at_s[i]);
                CHECK_INT(tick.wall_s, found.wall_s[i]);
            }
            more = lt_cron_next(cron, zone, tick, &tick);
        }
    }
    CHECK(!more || tick.at_s >= end_s);
}

Test(cron, every_zone_keeps_the_rules_of_cronie_for_two_years)
{
    static const char *const schedules[] = {"30 1 * * *",   "0,30 0,1,2,3 * * *", "17 * * * *",
                                            "*/15 * * * *", "*/10 0-4 * * *",     "59 23 * * 0,6"};
    LT_AUTO(lt_path_list) files = {0};
    lt_err err = {0};
    size_t compared = 0;
    CHECK_OK(lt_files_below("/usr/share/zoneinfo", "", 10000, &files, &err), err);
    for (size_t i = 0; i < files.len; i++) {
        const lt_zone *zone;
        int64_t change_s = at("2026-01-01T00:00:00");
        if (lt_zone_find(lt_text_of(files.items[i]), &zone, &err) != LT_OK)
            continue;
        while (lt_zone_next_change(zone, change_s, &change_s) &&
               change_s < at("2028-01-01T00:00:00")) {
            lt_cron cron = cron_of(schedules[compared++ % LT_COUNT(schedules)]);
            compare_change(&cron, zone, change_s);
        }
    }
    CHECK(compared > 500);
}
