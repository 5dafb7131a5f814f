/* The calendar, moments as text and back, lengths of time. */
#include "base/time.h"

#include "support/test.h"

#include <stdlib.h>
#include <time.h>

static const int64_t SECOND = 1000000, DAY = 86400 * (int64_t)1000000;

Test(time, days_of_known_dates)
{
    static const struct {
        lt_date date;
        int64_t days;
    } cases[] = {
        {{1970, 1, 1}, 0},     {{1969, 12, 31}, -1},      {{2000, 2, 29}, 11016},
        {{2000, 3, 1}, 11017}, {{1900, 3, 1}, -25508},    {{2026, 11, 22}, 20779},
        {{0, 1, 1}, -719528},  {{9999, 12, 31}, 2932896}, {{-1, 12, 31}, -719529},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        CHECK_INT(lt_days_from_date(cases[i].date), cases[i].days);
        lt_date back = lt_date_from_days(cases[i].days);
        CHECK_INT(back.year, cases[i].date.year);
        CHECK_INT(back.month, cases[i].date.month);
        CHECK_INT(back.day, cases[i].date.day);
    }
}

Test(time, calendar_agrees_with_the_c_library_for_ten_thousand_years)
{
    for (int64_t days = -719528; days <= 2932896; days += 17) {
        time_t moment = (time_t)days * 86400;
        struct tm c;
        lt_date date = lt_date_from_days(days);
        if (!gmtime_r(&moment, &c) || c.tm_year + 1900 != date.year ||
            c.tm_mon + 1 != (int)date.month || c.tm_mday != (int)date.day ||
            lt_days_from_date(date) != days || !lt_date_is_valid(date))
            CHECK_INT(days, -1);
    }
}

Test(time, knows_which_dates_are_none)
{
    static const lt_date wrong[] = {{2026, 0, 1},  {2026, 13, 1}, {2026, 1, 0},  {2026, 1, 32},
                                    {2026, 4, 31}, {2026, 2, 29}, {1900, 2, 29}, {2000, 2, 30}};
    static const lt_date right[] = {{2024, 2, 29}, {2000, 2, 29}, {2026, 12, 31}, {0, 2, 29}};
    for (size_t i = 0; i < LT_COUNT(wrong); i++)
        CHECK(!lt_date_is_valid(wrong[i]));
    for (size_t i = 0; i < LT_COUNT(right); i++)
        CHECK(lt_date_is_valid(right[i]));
}

Test(time, moments_are_written_and_read_back)
{
    char text[LT_TIME_CHARS];
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t back, moment = (int64_t)((seed >> 2) % 315569520000000000u) - 62167219200000000;
        if (!lt_time_read(lt_text_of(lt_time_write(moment, text)), &back) || back != moment)
            CHECK_STR(text, "");
    }
    CHECK_STR(lt_time_write(0, text), "1970-01-01T00:00:00.000000Z");
    CHECK_STR(lt_time_write(-1, text), "1969-12-31T23:59:59.999999Z");
    CHECK_STR(lt_time_write(INT64_MIN, text), "0000-01-01T00:00:00.000000Z");
    CHECK_STR(lt_time_write(INT64_MAX, text), "9999-12-31T23:59:59.999999Z");
}

Test(time, reads_iso_8601)
{
    static const struct {
        const char *text;
        int64_t moment_us;
    } cases[] = {
        {"1970-01-02", 86400000000},
        {"1970-01-01T00:00:01Z", 1000000},
        {"1970-01-01 00:00:01", 1000000},
        {"1970-01-01t00:00z", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00,25Z", 250000},
        {"1970-01-01T00:00:00.1234567899Z", 123456},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1970-01-01T01:30:00+0130", 0},
        {"1970-01-01T00:00:00-02", 7200000000},
        {"1970-01-01T23:59:60Z", 86399999999},
        {"1970-01-01T00:00:60.7Z", 59999999},
        {"2000-02-29T12:34:56.000001Z", 951827696000001},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t moment = 77;
        CHECK(lt_time_read(lt_text_of(cases[i].text), &moment));
        CHECK_INT(moment, cases[i].moment_us);
    }
}

Test(time, refuses_what_is_no_time)
{
    static const char *const cases[] = {
        "",
        "1970",
        "1970-1-1",
        "1970-01",
        "1970-01-32",
        "1970-13-01",
        "1970-02-29",
        "1970-01-01T",
        "1970-01-01X00:00:00",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00",
        "1970-01-01T00:00:",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00.xZ",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00+1",
        "1970-01-01T00:00:00+01:",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00 Z",
        "1970-01-01Z",
        " 1970-01-01",
        "1970-01-01 ",
        "+1970-01-01",
        "197O-01-01",
        "1970/01/01",
        "1970-01-01T00:00:00*",
        "1970-01-01T00:00:00.1+0",
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t moment = 77;
        if (lt_time_read(lt_text_of(cases[i]), &moment) || moment != 77)
            CHECK_STR(cases[i], "");
    }
}

Test(time, reads_lengths)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"0", 0},           {"30", 30000000},       {"30s", 30000000},    {"250ms", 250000},
        {"10m", 600000000}, {"10min", 600000000},   {"2h", 7200000000},   {"1h30m", 5400000000},
        {"1m30", 90000000}, {"30d", 2592000000000}, {"1w", 604800000000},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        int64_t us = 77;
        CHECK(lt_length_read(lt_text_of(cases[i].text), &us));
        CHECK_INT(us, cases[i].us);
    }
    static const char *const wrong[] = {"",
                                        "s",
                                        "-1s",
                                        "1x",
                                        "1.5h",
                                        "1 h",
                                        "h1",
                                        "1h30q",
                                        "99999999999999999999",
                                        "9223372036854775807s",
                                        "15250284w15250284w",
                                        "1S"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        int64_t us = 77;
        if (lt_length_read(lt_text_of(wrong[i]), &us) || us != 77)
            CHECK_STR(wrong[i], "");
    }
}

Test(time, writes_lengths_for_people)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "0 ms"},
        {850000, "850 ms"},
        {999999, "999 ms"},
        {1000000, "1.0 s"},
        {4250000, "4.2 s"},
        {59999999, "59.9 s"},
        {60000000, "1 min 0 s"},
        {185000000, "3 min 5 s"},
        {7800000000, "2 h 10 min"},
        {360000000000, "100 h 0 min"},
    };
    char text[LT_TIME_CHARS];
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        CHECK_STR(lt_length_write(cases[i].us, text), cases[i].text);
}

Test(time, clocks_go_forward_and_sleep_lasts)
{
    int64_t wall = lt_now_us(), start = lt_mono_us();
    lt_sleep_us(-5);
    lt_sleep_us(0);
    lt_sleep_us(2000);
    CHECK(lt_mono_us() - start >= 2000);
    CHECK(wall > 20000 * DAY && lt_now_us() - wall < 60 * SECOND);
}

Test(time, division_goes_down_also_before_1970)
{
    CHECK_INT(lt_divide_down(7, 2), 3);
    CHECK_INT(lt_divide_down(-7, 2), -4);
    CHECK_INT(lt_divide_down(-8, 2), -4);
    CHECK_INT(lt_divide_down(0, 2), 0);
}
