/* Calendars and schedules: which settings they have, and what is checked of them. */
#include "conf/tables.h"

#include "base/time.h"

#include <assert.h>
#include <stdlib.h>

/* ---- a calendar ---- */

static bool fits_date(lt_text text)
{
    int64_t at_us;
    return text.len == strlen("2026-12-25") && lt_time_read(text, &at_us);
}

static const lt_setting calendar_settings[] = {
    {.name = "name",
     .type = LT_SET_NAME,
     .offset = AT(lt_conf_calendar, name),
     .required = true,
     .help = "what `days_off` of a schedule calls it"},
    {.name = "description",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_calendar, description),
     .fits = lt_fits_any,
     .wanted = "a text",
     .help = "what it is, for people"},
    {.name = "days",
     .type = LT_SET_PAIRS,
     .offset = AT(lt_conf_calendar, written),
     .required = true,
     .fits = fits_date,
     .wanted = "a date such as 2026-12-25",
     .help = "dates and what they are called: `2026-12-25: Christmas Day`"},
};

static int by_number(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static lt_status check_calendar(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                                lt_err *err)
{
    lt_conf_calendar *calendar = made;
    (void)node, (void)err;
    for (size_t i = 0; i < calendar->written.len; i++) {
        int64_t at_us = 0;
        bool is_date = lt_time_read(calendar->written.items[i].name, &at_us);
        assert(is_date);
        (void)is_date;
        lt_push_in(reader->arena, &calendar->days, lt_divide_down(at_us, DAY));
    }
    if (calendar->days.len)
        qsort(calendar->days.items, calendar->days.len, sizeof(*calendar->days.items), by_number);
    return LT_OK;
}

const lt_setting_group lt_conf_calendar_group = {
    .name = "a calendar",
    .help = "Days on which schedules that name it do not run.",
    SETTINGS(calendar_settings),
    .size = sizeof(lt_conf_calendar),
    .place_offset = AT(lt_conf_calendar, place),
    .check = check_calendar};

/* ---- a schedule ---- */

static const char *const catch_up_words[] = {"latest", "all", "none"};

static const lt_setting schedule_settings[] = {
    {.name = "cron",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_schedule, cron_text),
     .fits = lt_fits_set,
     .wanted = "a line as in crontab(5)",
     .help = "minute, hour, day of the month, month, day of the week, as in crontab(5); six fields "
             "begin with seconds; also `L`, `15W`, `5#3`, `@daily`"},
    {.name = "every",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_schedule, every_us),
     .min = SECOND,
     .max = 366 * DAY,
     .shown = "none",
     .help = "a fixed time between two ticks, counted from `start`, whatever clocks do"},
    {.name = "timezone",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_schedule, zone_name),
     .fits = lt_fits_set,
     .wanted = "a time zone such as Europe/London",
     .shown = "the pipeline's",
     .help = "the clock on whose wall `cron` is read"},
    {.name = "start",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_schedule, start),
     .fits = lt_fits_set,
     .wanted = "a moment such as 2026-01-01 or 2026-01-01T06:00:00Z",
     .shown = "none",
     .help = "no tick before this moment"},
    {.name = "end",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_schedule, end),
     .fits = lt_fits_set,
     .wanted = "a moment such as 2027-01-01 or 2027-01-01T06:00:00Z",
     .shown = "none",
     .help = "no tick at this moment or behind it"},
    {.name = "jitter",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_schedule, jitter_us),
     .fallback = "0",
     .max = DAY,
     .help = "a run begins up to so much after its tick, always the same for the same tick"},
    {.name = "days_off",
     .type = LT_SET_WORD,
     .offset = AT(lt_conf_schedule, days_off),
     .fits = lt_conf_is_snake_case,
     .wanted = "the name of a calendar",
     .shown = "none",
     .help = "a calendar of `calendars/`: no ticks on its days"},
    {.name = "catch_up",
     .type = LT_SET_CHOICE,
     .offset = AT(lt_conf_schedule, catch_up),
     .fallback = "latest",
     WORDS(catch_up_words),
     .help = "of the ticks that nobody saw (no server ran, or it was paused): the last one, all "
             "of them, or none"},
    {.name = "window",
     .type = LT_SET_LENGTH,
     .offset = AT(lt_conf_schedule, window_us),
     .fallback = "1d",
     .min = SECOND,
     .max = 3660 * DAY,
     .help = "how old a tick may be to be made up for"},
};

static const lt_yaml *place_of(const lt_yaml *node, const char *key)
{
    const lt_yaml *value = lt_yaml_find(node, lt_text_of(key));
    return value ? value : node;
}

static lt_status read_moment(const lt_conf_reader *reader, const lt_yaml *node, const char *key,
                             lt_text text, int64_t none, int64_t *out, lt_err *err)
{
    int64_t at_us;
    *out = none;
    if (!text.len)
        return LT_OK;
    if (!lt_time_read(text, &at_us))
        return lt_setting_fail(reader, place_of(node, key), err,
                               "'%s' is a moment such as 2026-01-01 or 2026-01-01T06:00:00Z, not "
                               "'%.*s'",
                               key, LT_ARG(text));
    *out = lt_divide_down(at_us, SECOND);
    return LT_OK;
}

static lt_status wrap_at(const lt_conf_reader *reader, const lt_yaml *node, lt_err *err)
{
    err->status = LT_INVALID;
    return lt_wrap(err, "%s:%u:%u", reader->file, node->line, node->col);
}

lt_status lt_conf_read_zone(const lt_conf_reader *reader, const lt_yaml *node, lt_text name,
                            const lt_zone **out, lt_err *err)
{
    if (name.len && lt_zone_find(name, out, err) != LT_OK)
        return wrap_at(reader, place_of(node, "timezone"), err);
    return LT_OK;
}

static lt_status check_schedule(const lt_conf_reader *reader, void *made, const lt_yaml *node,
                                lt_err *err)
{
    lt_conf_schedule *schedule = made;
    if (schedule->cron_text.len && lt_cron_read(schedule->cron_text, &schedule->cron, err) != LT_OK)
        return wrap_at(reader, place_of(node, "cron"), err);
    LT_TRY(lt_conf_read_zone(reader, node, schedule->zone_name, &schedule->zone, err));
    LT_TRY(read_moment(reader, node, "start", schedule->start, INT64_MIN, &schedule->start_s, err));
    LT_TRY(read_moment(reader, node, "end", schedule->end, INT64_MAX, &schedule->end_s, err));
    if (schedule->start_s >= schedule->end_s)
        return lt_setting_fail(reader, place_of(node, "end"), err, "'end' is not behind 'start'");
    if (schedule->every_us % SECOND)
        return lt_setting_fail(reader, place_of(node, "every"), err,
                               "'every' is a number of whole seconds");
    return LT_OK;
}

const lt_setting_group lt_conf_schedule_group = {.name = "'schedule'",
                                                 .help = "When runs begin by themselves.",
                                                 SETTINGS(schedule_settings),
                                                 .size = sizeof(lt_conf_schedule),
                                                 .place_offset = AT(lt_conf_schedule, place),
                                                 .alone = {"cron", "every"},
                                                 .one_of_them = true,
                                                 .check = check_schedule};
