/* Schedules: reading crontab's five or six fields, and finding the moments that they name. */
#include "base/cron.h"

#include "base/time.h"

enum { DAY_S = 86400, CORRECTION_S = 3 * 3600 };
static const int64_t HORIZON_S = (int64_t)50 * 366 * DAY_S;

/* ---- reading */

typedef struct field {
    const char *name;
    unsigned least, most;
    const char *const *names; /* three letters each, from `least` */
    unsigned name_count;
    enum { FIELD_PLAIN, FIELD_DAYS, FIELD_WEEKDAYS } kind;
    const char *allowed;
} field;

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const field fields[] = {
    {"second", 0, 59, NULL, 0, FIELD_PLAIN, "0-59"},
    {"minute", 0, 59, NULL, 0, FIELD_PLAIN, "0-59"},
    {"hour", 0, 23, NULL, 0, FIELD_PLAIN, "0-23"},
    {"day of the month", 1, 31, NULL, 0, FIELD_DAYS, "1-31, L, L-3, 15W, LW"},
    {"month", 1, 12, months, LT_COUNT(months), FIELD_PLAIN, "1-12, jan-dec"},
    {"day of the week", 0, 7, weekdays, LT_COUNT(weekdays), FIELD_WEEKDAYS,
     "0-7, sun-sat, 5L, 5#3"},
};

static const struct {
    const char *name, *means;
} nicknames[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* What one field says, before it is put into its place of the schedule. */
typedef struct said {
    uint64_t plain, before_last, nearest, last, nth[6];
    bool star; /* begins with a star */
} said;

/* A number or a name off the front of *rest. */
static bool take_value(const field *f, lt_text *rest, unsigned *out)
{
    size_t digits = 0;
    while (digits < rest->len && digits < 3 && lt_is_digit(rest->ptr[digits]))
        digits++;
    uint64_t value;
    if (digits) {
        if (!lt_text_to_u64(lt_text_sub(*rest, 0, digits), &value) || value < f->least ||
            value > f->most)
            return false;
        *rest = lt_text_sub(*rest, digits, SIZE_MAX);
        *out = (unsigned)value;
        return true;
    }
    for (unsigned i = 0; i < f->name_count; i++)
        if (lt_text_eq_nocase(lt_text_sub(*rest, 0, 3), lt_text_of(f->names[i]))) {
            *rest = lt_text_sub(*rest, 3, SIZE_MAX);
            *out = f->least + i;
            return true;
        }
    return false;
}

static bool take_char(lt_text *rest, char c)
{
    if (!rest->len || lt_upper(rest->ptr[0]) != c)
        return false;
    *rest = lt_text_sub(*rest, 1, SIZE_MAX);
    return true;
}

/* L, L-3, LW */
static bool read_last_day(lt_text item, said *out)
{
    uint64_t before = 0;
    if (lt_text_eq_nocase(item, T("LW"))) {
        out->nearest |= 1;
        return true;
    }
    if (!take_char(&item, 'L') ||
        (item.len && (!take_char(&item, '-') || !lt_text_to_u64(item, &before) || before > 30)))
        return false;
    out->before_last |= (uint64_t)1 << before;
    return true;
}

/* What stands behind a single day: 15W, 5L, 5#3. True with nothing read when there is no such thing. */
static bool read_suffix(const field *f, unsigned value, lt_text *rest, said *out, bool *read)
{
    unsigned nth;
    static const field order = {.least = 1, .most = 5};
    *read = true;
    if (f->kind == FIELD_DAYS && take_char(rest, 'W')) {
        out->nearest |= (uint64_t)1 << value;
    } else if (f->kind == FIELD_WEEKDAYS && take_char(rest, 'L')) {
        out->last |= (uint64_t)1 << value % 7;
    } else if (f->kind == FIELD_WEEKDAYS && take_char(rest, '#')) {
        if (!take_value(&order, rest, &nth))
            return false;
        out->nth[nth] |= (uint64_t)1 << value % 7;
    } else {
        *read = false;
    }
    return !*read || !rest->len;
}

/* One of the items between commas. */
static bool read_item(const field *f, lt_text item, said *out)
{
    unsigned from, to, step = 1;
    static const field step_field = {.least = 1, .most = 999};
    bool star = take_char(&item, '*') || (f->kind != FIELD_PLAIN && take_char(&item, '?'));
    if (star) {
        from = f->least;
        to = f->kind == FIELD_WEEKDAYS ? 6 : f->most;
    } else {
        if (f->kind == FIELD_DAYS && item.len && lt_upper(item.ptr[0]) == 'L')
            return read_last_day(item, out);
        bool suffixed;
        if (!take_value(f, &item, &from) || !read_suffix(f, from, &item, out, &suffixed))
            return false;
        if (suffixed)
            return true;
        to = from;
        if (take_char(&item, '-')) {
            if (!take_value(f, &item, &to))
                return false;
            if (f->kind == FIELD_WEEKDAYS && to == 0) /* sat-sun */
                to = 7;
            if (to < from)
                return false;
        } else if (item.len && item.ptr[0] == '/') {
            to = f->most;
        }
    }
    if (take_char(&item, '/') && !take_value(&step_field, &item, &step))
        return false;
    for (unsigned value = from; value <= to; value += step)
        out->plain |= (uint64_t)1 << (f->kind == FIELD_WEEKDAYS ? value % 7 : value);
    return !item.len;
}

static lt_status read_field(const field *f, lt_text text, said *out, lt_err *err)
{
    lt_text rest = text, item;
    *out = (said){.star = text.len && (text.ptr[0] == '*' || text.ptr[0] == '?')};
    bool good = text.len && text.ptr[text.len - 1] != ',';
    while (good && lt_text_cut(&rest, ',', &item))
        good = read_item(f, item, out);
    if (good)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is wrong for the %s", LT_ARG(text), f->name));
    return lt_hint(err, "allowed are *, %s, ranges 1-5, lists 1,3 and steps */2", f->allowed);
}

static void put_field(lt_cron *cron, size_t i, const said *read)
{
    uint64_t *const plain[] = {&cron->seconds, &cron->minutes, &cron->hours,
                               &cron->days,    &cron->months,  &cron->weekdays};
    *plain[i] = read->plain;
    if (i < 3)
        cron->fixed = cron->fixed && !read->star;
    if (i == 3) {
        cron->any_day = read->star;
        cron->days_before_last = read->before_last;
        cron->nearest_weekday = read->nearest;
    }
    if (i == 5) {
        cron->any_weekday = read->star;
        cron->last_weekdays = read->last;
        memcpy(cron->nth_weekdays, read->nth, sizeof(read->nth));
    }
}

static bool next_wall(const lt_cron *cron, int64_t from_s, int64_t until_s, int64_t *out);

static lt_status read_fields(lt_text text, lt_cron *out, lt_err *err)
{
    lt_text words[7], rest = text;
    size_t count = 0;
    while (count < LT_COUNT(words) && (rest = lt_text_trim(rest)).len) {
        size_t len = 0;
        while (len < rest.len && !lt_is_space(rest.ptr[len]))
            len++;
        words[count++] = lt_text_sub(rest, 0, len);
        rest = lt_text_sub(rest, len, SIZE_MAX);
    }
    if (count != 5 && count != 6) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "a schedule has five fields, or six with seconds: '%.*s'", LT_ARG(text)));
        return lt_hint(err, "minute hour day month weekday, as in \"0 6 * * 1-5\" or @daily");
    }
    *out = (lt_cron){.seconds = 1, .fixed = true};
    for (size_t i = 0; i < count; i++) {
        said read;
        LT_TRY(read_field(&fields[i + 6 - count], words[i], &read, err));
        put_field(out, i + 6 - count, &read);
    }
    return LT_OK;
}

/* "daily": a nickname without its @. */
static bool is_word(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_alpha(text.ptr[i]))
            return false;
    return text.len > 0;
}

static lt_text nickname_at(const void *context, size_t i)
{
    (void)context;
    return lt_text_sub(lt_text_of(nicknames[i].name), 1, SIZE_MAX);
}

static lt_status fail_nickname(lt_text text, lt_err *err)
{
    lt_text nearest, word = lt_text_starts(text, T("@")) ? lt_text_sub(text, 1, SIZE_MAX) : text;
    lt_ignore(lt_fail(err, LT_INVALID, "unknown schedule '%.*s'", LT_ARG(text)));
    if (lt_text_nearest(word, LT_COUNT(nicknames), nickname_at, NULL, &nearest))
        return lt_hint(err, "did you mean '@%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "minute hour day month weekday, as in \"0 6 * * 1-5\"; or @yearly, "
                        "@monthly, @weekly, @daily, @hourly");
}

lt_status lt_cron_read(lt_text text, lt_cron *out, lt_err *err)
{
    text = lt_text_trim(text);
    lt_text meant = text;
    int64_t ignored;
    for (size_t i = 0; i < LT_COUNT(nicknames); i++)
        if (lt_text_eq_nocase(text, lt_text_of(nicknames[i].name)))
            meant = lt_text_of(nicknames[i].means);
    if (lt_text_starts(meant, T("@")) || is_word(meant))
        return fail_nickname(text, err);
    LT_TRY(read_fields(meant, out, err));
    if (!next_wall(out, 0, HORIZON_S, &ignored))
        return lt_fail(err, LT_INVALID, "the schedule '%.*s' never comes", LT_ARG(text));
    return LT_OK;
}

/* ---- the calendar, in wall time */

static bool has(uint64_t set, unsigned value)
{
    return set >> value & 1;
}

static unsigned weekday_of(int64_t day)
{
    return (unsigned)(day + 4 - lt_divide_down(day + 4, 7) * 7);
}

static unsigned month_length(lt_date date)
{
    for (unsigned day = 31;; day--)
        if (lt_date_is_valid((lt_date){date.year, date.month, day}))
            return day;
}

/* The weekday (Monday to Friday) nearest to day `wanted`, without leaving the month. */
static unsigned nearest_weekday(int64_t first, unsigned wanted, unsigned length)
{
    unsigned weekday = weekday_of(first + wanted - 1);
    if (weekday == 6)
        return wanted > 1 ? wanted - 1 : wanted + 2;
    if (weekday == 0)
        return wanted < length ? wanted + 1 : wanted - 2;
    return wanted;
}

static bool matches_day_of_month(const lt_cron *cron, int64_t day, lt_date date)
{
    unsigned length = month_length(date);
    int64_t first = day - date.day + 1;
    if (has(cron->days, date.day) || has(cron->days_before_last, length - date.day))
        return true;
    for (unsigned wanted = 0; cron->nearest_weekday && wanted <= length; wanted++)
        if (has(cron->nearest_weekday, wanted) &&
            nearest_weekday(first, wanted ? wanted : length, length) == date.day)
            return true;
    return false;
}

static bool matches_weekday(const lt_cron *cron, int64_t day, lt_date date)
{
    unsigned weekday = weekday_of(day);
    return has(cron->weekdays, weekday) || has(cron->nth_weekdays[(date.day + 6) / 7], weekday) ||
           (has(cron->last_weekdays, weekday) && date.day + 7 > month_length(date));
}

static bool matches_day(const lt_cron *cron, int64_t day, lt_date date)
{
    bool by_day = matches_day_of_month(cron, day, date),
         by_weekday = matches_weekday(cron, day, date);
    return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The first of the set at or after `from`; 64: none. */
static unsigned first_from(uint64_t set, unsigned from)
{
    set = from < 64 ? set >> from << from : 0;
    return set ? (unsigned)__builtin_ctzll(set) : 64;
}

/* The first time of day at or after `from_s` seconds; false: none on this day. */
static bool next_time(const lt_cron *cron, unsigned from_s, unsigned *out)
{
    unsigned from_hour = from_s / 3600, from_minute = from_s / 60 % 60, from_second = from_s % 60;
    for (unsigned hour = first_from(cron->hours, from_hour); hour < 24;
         hour = first_from(cron->hours, hour + 1)) {
        bool same_hour = hour == from_hour;
        for (unsigned minute = first_from(cron->minutes, same_hour ? from_minute : 0); minute < 60;
             minute = first_from(cron->minutes, minute + 1)) {
            bool same_minute = same_hour && minute == from_minute;
            unsigned second = first_from(cron->seconds, same_minute ? from_second : 0);
            if (second < 60) {
                *out = hour * 3600 + minute * 60 + second;
                return true;
            }
        }
    }
    return false;
}

/* The first wall time at or after `from_s` and before `until_s`. */
static bool next_wall(const lt_cron *cron, int64_t from_s, int64_t until_s, int64_t *out)
{
    int64_t day = lt_divide_down(from_s, DAY_S);
    unsigned from = (unsigned)(from_s - day * DAY_S), time;
    for (; day * DAY_S < until_s; day++, from = 0) {
        lt_date date = lt_date_from_days(day);
        if (!has(cron->months, date.month)) {
            day += month_length(date) - date.day;
            continue;
        }
        if (matches_day(cron, day, date) && next_time(cron, from, &time)) {
            *out = day * DAY_S + time;
            return *out < until_s;
        }
    }
    return false;
}

/* ---- moments */

/* A stretch of time in which one offset holds, and what happened to clocks at its start. */
typedef struct stretch {
    int64_t start_s, end_s; /* UTC; from, until */
    int64_t offset_s, jump_s;
} stretch;

static stretch stretch_behind(const lt_zone *zone, int64_t start_s, int64_t offset_before_s)
{
    stretch s = {
        .start_s = start_s, .end_s = INT64_MAX, .offset_s = lt_zone_at(zone, start_s)->offset_s};
    (void)lt_zone_next_change(zone, start_s, &s.end_s);
    int64_t jump_s = s.offset_s - offset_before_s;
    s.jump_s = jump_s > -CORRECTION_S && jump_s < CORRECTION_S ? jump_s : 0;
    return s;
}

static bool is_behind(lt_cron_tick a, lt_cron_tick b)
{
    return a.at_s > b.at_s || (a.at_s == b.at_s && a.wall_s > b.wall_s);
}

static lt_cron_shift shift_of(const lt_zone *zone, int64_t at_s, int64_t wall_s)
{
    int64_t first, second;
    if (lt_zone_moments(zone, wall_s, &first, &second) != LT_WALL_TWICE)
        return LT_CRON_AS_SAID;
    return at_s == first ? LT_CRON_FIRST : LT_CRON_SECOND;
}

/* The wall times that clocks skipped when the stretch began: they are due at its start. */
static bool next_skipped(const lt_cron *cron, const stretch *s, lt_cron_tick after,
                         lt_cron_tick *out)
{
    int64_t from_s = s->start_s + s->offset_s - s->jump_s, until_s = s->start_s + s->offset_s;
    if (!cron->fixed || s->jump_s <= 0 || after.at_s > s->start_s)
        return false;
    if (after.at_s == s->start_s && after.wall_s >= from_s)
        from_s = after.wall_s < until_s ? after.wall_s + 1 : until_s;
    *out = (lt_cron_tick){.at_s = s->start_s, .shift = LT_CRON_MOVED};
    return next_wall(cron, from_s, until_s, &out->wall_s);
}

static bool next_in(const lt_cron *cron, const lt_zone *zone, const stretch *s, lt_cron_tick after,
                    int64_t horizon_s, lt_cron_tick *out)
{
    if (next_skipped(cron, s, after, out))
        return true;
    int64_t from_s = LT_MAX(s->start_s, after.at_s);
    if (cron->fixed && s->jump_s < 0) /* what came already before clocks went back */
        from_s = LT_MAX(from_s, s->start_s - s->jump_s);
    int64_t end_s = LT_MIN(s->end_s, horizon_s), wall_s;
    for (; from_s < end_s; from_s++) {
        if (!next_wall(cron, from_s + s->offset_s, end_s + s->offset_s, &wall_s))
            return false;
        *out = (lt_cron_tick){.at_s = wall_s - s->offset_s, .wall_s = wall_s};
        if (is_behind(*out, after)) {
            out->shift = shift_of(zone, out->at_s, wall_s);
            return true;
        }
        from_s = out->at_s;
    }
    return false;
}

bool lt_cron_next(const lt_cron *cron, const lt_zone *zone, lt_cron_tick after, lt_cron_tick *out)
{
    int64_t horizon_s = after.at_s + HORIZON_S;
    /* from before a change that is just now, or whose repeated hour is */
    int64_t start_s = after.at_s - DAY_S;
    stretch s = stretch_behind(zone, start_s, lt_zone_at(zone, start_s)->offset_s);
    while (s.start_s < horizon_s) {
        if (s.end_s > after.at_s && next_in(cron, zone, &s, after, horizon_s, out))
            return true;
        if (s.end_s == INT64_MAX)
            return false;
        s = stretch_behind(zone, s.end_s, s.offset_s);
    }
    return false;
}

bool lt_cron_previous(const lt_cron *cron, const lt_zone *zone, int64_t before_s, lt_cron_tick *out)
{
    bool found = false; /* a short way back first: all ticks on the way are counted up */
    for (int64_t back_s = 64; !found && back_s < HORIZON_S; back_s *= 8) {
        lt_cron_tick tick = lt_cron_from(before_s - back_s);
        while (lt_cron_next(cron, zone, tick, &tick) && tick.at_s < before_s) {
            *out = tick;
            found = true;
        }
    }
    return found;
}
