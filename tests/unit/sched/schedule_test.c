/* Schedules: ticks, days off, intervals of data, jitter, and what is made up for. */
#include "sched/schedule.h"

#include "base/time.h"
#include "support/test.h"

static int64_t at(const char *text)
{
    int64_t moment_us;
    CHECK(lt_time_read(lt_text_of(text), &moment_us));
    return moment_us / 1000000;
}

static lt_schedule schedule_of(const char *cron, const char *zone)
{
    lt_err err = {0};
    lt_schedule schedule = {.start_s = INT64_MIN, .end_s = INT64_MAX, .name = "daily"};
    CHECK_OK(lt_cron_read(lt_text_of(cron), &schedule.cron, &err), err);
    CHECK_OK(lt_zone_find(lt_text_of(zone), &schedule.zone, &err), err);
    return schedule;
}

static void check_ticks(const lt_ticks *ticks, size_t count, const char *const *wanted)
{
    CHECK_INT(ticks->len, count);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(ticks->items[i].tick.at_s, at(wanted[i]));
}
#define CHECK_TICKS(ticks, ...)                                                                    \
    check_ticks((ticks), LT_COUNT(((const char *const[]){__VA_ARGS__})),                           \
                (const char *const[]){__VA_ARGS__})

Test(schedule, a_tick_is_for_the_data_since_the_one_before)
{
    lt_schedule schedule = schedule_of("0 6 * * 1-5", "Europe/London");
    lt_tick tick;
    CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-11-22")), &tick)); /* a Sunday */
    CHECK_INT(tick.tick.at_s, at("2026-11-23T06:00:00"));
    CHECK_INT(tick.interval_start_s, at("2026-11-20T06:00:00")); /* Friday */
    CHECK_INT(tick.interval_end_s, at("2026-11-23T06:00:00"));
    CHECK_INT(tick.start_at_s, tick.tick.at_s);
}

Test(schedule, days_off_are_left_out_and_their_data_is_not)
{
    lt_schedule schedule = schedule_of("0 6 * * *", "Europe/London");
    LT_AUTO(lt_calendar) calendar = {.name = "bank-holidays"};
    CHECK(lt_calendar_add(&calendar, at("2026-12-28") / 86400));
    CHECK(lt_calendar_add(&calendar, at("2026-12-25") / 86400));
    CHECK(lt_calendar_add(&calendar, at("2026-12-26") / 86400));
    CHECK(!lt_calendar_add(&calendar, at("2026-12-26") / 86400));
    schedule.days_off = &calendar;
    lt_tick tick;
    CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-12-24T12:00:00")), &tick));
    CHECK_INT(tick.tick.at_s, at("2026-12-27T06:00:00"));
    CHECK_INT(tick.interval_start_s, at("2026-12-24T06:00:00"));
}

Test(schedule, a_calendar_of_every_day_ends)
{
    lt_schedule schedule = schedule_of("0 0 * * *", "UTC");
    LT_AUTO(lt_calendar) calendar = {0};
    lt_tick tick;
    for (int64_t day = 0; day < 60000; day++)
        (void)lt_calendar_add(&calendar, day);
    schedule.days_off = &calendar;
    CHECK(!lt_schedule_next(&schedule, lt_cron_from(at("2026-01-01")), &tick));
}

Test(schedule, intervals_count_elapsed_time_from_the_start)
{
    lt_schedule schedule = schedule_of("@daily", "Europe/London");
    lt_tick tick;
    schedule.every_s = 5400;
    schedule.start_s = at("2026-03-28T23:10:00");
    CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-01-01")), &tick));
    CHECK_INT(tick.tick.at_s, schedule.start_s);
    CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-03-29T00:50:00")), &tick));
    CHECK_INT(tick.tick.at_s, at("2026-03-29T02:10:00")); /* over the change of clocks */
    CHECK_INT(tick.tick.wall_s, at("2026-03-29T03:10:00"));
    CHECK_INT(tick.interval_start_s, at("2026-03-29T00:40:00"));
    schedule.end_s = at("2026-03-29T02:10:00");
    CHECK(!lt_schedule_next(&schedule, lt_cron_from(at("2026-03-29T00:50:00")), &tick));
}

Test(schedule, jitter_is_the_same_for_the_same_tick)
{
    lt_schedule schedule = schedule_of("0 * * * *", "UTC");
    schedule.jitter_s = 300;
    LT_AUTO(lt_calendar) seen = {0};
    for (int i = 0; i < 200; i++) {
        lt_tick tick, again;
        CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-01-01") + i * 3600), &tick));
        CHECK(lt_schedule_next(&schedule, lt_cron_from(at("2026-01-01") + i * 3600), &again));
        CHECK_INT(tick.start_at_s, again.start_at_s);
        CHECK(tick.start_at_s >= tick.tick.at_s && tick.start_at_s <= tick.tick.at_s + 300);
        (void)lt_calendar_add(&seen, tick.start_at_s - tick.tick.at_s);
    }
    CHECK(seen.days.len > 80);
}

Test(schedule, missed_ticks_are_made_up_for_as_told)
{
    lt_schedule schedule = schedule_of("0 * * * *", "UTC");
    lt_cron_tick last = lt_cron_from(at("2026-01-01T00:00:00"));
    int64_t now = at("2026-01-01T05:30:00");
    size_t left_out;
    schedule.window_s = 86400;
    lt_ticks ticks = {0};
    lt_schedule_due(&schedule, last, now, 10, &ticks, &left_out);
    CHECK_TICKS(&ticks, "2026-01-01T05:00:00");
    CHECK_INT(left_out, 4);
    ticks.len = 0;
    schedule.catch_up = LT_CATCH_UP_ALL;
    schedule.window_s = 3 * 3600;
    lt_schedule_due(&schedule, last, now, 10, &ticks, &left_out);
    CHECK_TICKS(&ticks, "2026-01-01T03:00:00", "2026-01-01T04:00:00", "2026-01-01T05:00:00");
    CHECK_INT(left_out, 2);
    ticks.len = 0;
    lt_schedule_due(&schedule, last, now, 2, &ticks, &left_out);
    CHECK_TICKS(&ticks, "2026-01-01T03:00:00", "2026-01-01T04:00:00");
    ticks.len = 0;
    schedule.catch_up = LT_CATCH_UP_NONE;
    lt_schedule_due(&schedule, last, now, 10, &ticks, &left_out);
    CHECK_INT(ticks.len, 0);
    CHECK_INT(left_out, 5);
    lt_schedule_due(&schedule, last, at("2026-01-01T05:00:40"), 10, &ticks, &left_out);
    CHECK_TICKS(&ticks, "2026-01-01T05:00:00"); /* a little late is not missed */
    CHECK_INT(left_out, 4);
    lt_vec_free(&ticks);
}

Test(schedule, nothing_is_due_twice)
{
    static const lt_catch_up ways[] = {LT_CATCH_UP_LATEST, LT_CATCH_UP_ALL, LT_CATCH_UP_NONE};
    for (size_t way = 0; way < LT_COUNT(ways); way++) {
        lt_schedule schedule = schedule_of("*/7 * * * *", "Europe/London");
        schedule.catch_up = ways[way];
        schedule.window_s = 7200;
        lt_ticks ticks = {0};
        int64_t now = at("2026-10-24T22:00:00");
        lt_cron_tick last = lt_cron_from(now);
        uint64_t seed = 7;
        for (int i = 0; i < 300; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            now += (int64_t)((seed >> 33) % 2000) - 300; /* clocks may be set back */
            ticks.len = 0;
            lt_schedule_due(&schedule, last, now, 100, &ticks, NULL);
            for (size_t k = 0; k < ticks.len; k++) {
                CHECK(ticks.items[k].tick.at_s > last.at_s);
                CHECK(ticks.items[k].tick.at_s <= now);
                last = ticks.items[k].tick;
            }
        }
        lt_vec_free(&ticks);
    }
}

Test(schedule, a_backfill_has_every_tick_of_its_range)
{
    lt_schedule schedule = schedule_of("0 0 * * *", "UTC");
    lt_ticks ticks = {0};
    CHECK(lt_schedule_between(&schedule, at("2026-02-27"), at("2026-03-02"), 10, &ticks));
    CHECK_TICKS(&ticks, "2026-02-27", "2026-02-28", "2026-03-01");
    ticks.len = 0;
    CHECK(!lt_schedule_between(&schedule, at("2020-01-01"), at("2026-01-01"), 100, &ticks));
    lt_vec_free(&ticks);
}

Test(schedule, keys_are_read_back)
{
    char key[LT_TICK_KEY_CHARS];
    lt_cron_tick tick = {.at_s = 1774746000, .wall_s = at("2026-03-29T01:30:00")}, back;
    CHECK_STR(lt_tick_key(tick, key), "2026-03-29T01:30:00@1774746000");
    CHECK(lt_tick_key_read(lt_text_of(key), &back));
    CHECK_INT(back.at_s, tick.at_s);
    CHECK_INT(back.wall_s, tick.wall_s);
    CHECK(!lt_tick_key_read(T("2026-03-29T01:30:00"), &back));
    CHECK(!lt_tick_key_read(T("yesterday@1"), &back));
}
