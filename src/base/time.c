/* Clocks, the calendar, and times as text. */
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static const int64_t SECOND = 1000000, DAY = 86400 * (int64_t)1000000;

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t lt_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t lt_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void lt_sleep_us(int64_t length_us)
{
    if (length_us <= 0)
        return;
    struct timespec left = {.tv_sec = length_us / SECOND, .tv_nsec = length_us % SECOND * 1000};
    while (nanosleep(&left, &left) != 0 &&
           errno == EINTR) /* ThreadSanitizer knows no other sleep */
        ;
}

int64_t lt_days_from_date(lt_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * ((int64_t)date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

lt_date lt_date_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    lt_date date = {.month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9),
                    .day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1)};
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

bool lt_date_is_valid(lt_date date)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day <= lengths[date.month - 1] + (date.month == 2 && leap);
}

static char *put_digits(char *at, int digits, uint64_t value, char behind)
{
    for (int i = digits; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = behind;
    return at + digits + 1;
}

/* Without printf(), which takes ten times as long: each node of a run writes a dozen of them. */
const char *lt_time_write(int64_t moment_us, char out[LT_TIME_CHARS])
{
    static const int64_t first = -62167219200 * (int64_t)1000000, last = 253402300799999999;
    moment_us = LT_MAX(first, LT_MIN(last, moment_us));
    int64_t days = lt_divide_down(moment_us, DAY), in_day = moment_us - days * DAY;
    lt_date date = lt_date_from_days(days);
    uint64_t seconds = (uint64_t)(in_day / SECOND);
    char *at = put_digits(out, 4, (uint64_t)date.year, '-');
    at = put_digits(at, 2, date.month, '-');
    at = put_digits(at, 2, date.day, 'T');
    at = put_digits(at, 2, seconds / 3600, ':');
    at = put_digits(at, 2, seconds / 60 % 60, ':');
    at = put_digits(at, 2, seconds % 60, '.');
    *put_digits(at, 6, (uint64_t)(in_day % SECOND), 'Z') = '\0';
    return out;
}

/* Exactly `digits` digits off the front of *rest. */
static bool take_number(lt_text *rest, size_t digits, unsigned *out)
{
    uint64_t value;
    lt_text part = lt_text_sub(*rest, 0, digits);
    if (part.len != digits || !lt_text_to_u64(part, &value))
        return false;
    *rest = lt_text_sub(*rest, digits, SIZE_MAX);
    *out = (unsigned)value;
    return true;
}

static bool take_byte(lt_text *rest, char byte)
{
    if (!rest->len || rest->ptr[0] != byte)
        return false;
    *rest = lt_text_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool take_fraction(lt_text *rest, int64_t *us)
{
    int64_t unit = SECOND / 10;
    if (!take_byte(rest, '.') && !take_byte(rest, ','))
        return true;
    if (!rest->len || !lt_is_digit(rest->ptr[0]))
        return false;
    for (; rest->len && lt_is_digit(rest->ptr[0]); unit /= 10) {
        *us += (rest->ptr[0] - '0') * unit;
        *rest = lt_text_sub(*rest, 1, SIZE_MAX);
    }
    return true;
}

static bool take_zone(lt_text *rest, int64_t *offset_us)
{
    if (!rest->len || take_byte(rest, 'Z') || take_byte(rest, 'z'))
        return true;
    bool west = take_byte(rest, '-');
    unsigned hours, minutes = 0;
    if ((!west && !take_byte(rest, '+')) || !take_number(rest, 2, &hours))
        return false;
    bool colon = take_byte(rest, ':');
    if ((colon || rest->len) && !take_number(rest, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *offset_us = (west ? -1 : 1) * ((int64_t)hours * 3600 + (int64_t)minutes * 60) * SECOND;
    return true;
}

static bool take_clock(lt_text *rest, int64_t *us)
{
    unsigned hour, minute, second = 0;
    int64_t fraction = 0;
    if (!take_number(rest, 2, &hour) || !take_byte(rest, ':') || !take_number(rest, 2, &minute))
        return false;
    if (take_byte(rest, ':') && (!take_number(rest, 2, &second) || !take_fraction(rest, &fraction)))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    if (second == 60) {
        second = 59;
        fraction = SECOND - 1;
    }
    *us = ((int64_t)hour * 3600 + (int64_t)minute * 60 + (int64_t)second) * SECOND + fraction;
    return true;
}

bool lt_time_read(lt_text text, int64_t *moment_us)
{
    unsigned year;
    lt_date date;
    int64_t in_day = 0, offset = 0;
    if (!take_number(&text, 4, &year) || !take_byte(&text, '-') ||
        !take_number(&text, 2, &date.month) || !take_byte(&text, '-') ||
        !take_number(&text, 2, &date.day))
        return false;
    date.year = year;
    if (!lt_date_is_valid(date))
        return false;
    if (text.len) {
        if (!take_byte(&text, 'T') && !take_byte(&text, 't') && !take_byte(&text, ' '))
            return false;
        if (!take_clock(&text, &in_day) || !take_zone(&text, &offset))
            return false;
    }
    if (text.len)
        return false;
    *moment_us = lt_days_from_date(date) * DAY + in_day - offset;
    return true;
}

typedef struct length_unit {
    lt_text name;
    int64_t us;
} length_unit;

static const length_unit units[] = {
    {T("ms"), 1000},
    {T("s"), 1000000},
    {T("m"), 60 * (int64_t)1000000},
    {T("min"), 60 * (int64_t)1000000},
    {T("h"), 3600 * (int64_t)1000000},
    {T("d"), 86400 * (int64_t)1000000},
    {T("w"), 7 * 86400 * (int64_t)1000000},
    {T(""), 1000000},
};

static bool unit_us(lt_text name, int64_t *us)
{
    for (size_t i = 0; i < LT_COUNT(units); i++) {
        if (!lt_text_eq(units[i].name, name))
            continue;
        *us = units[i].us;
        return true;
    }
    return false;
}

static size_t span(lt_text text, bool (*is)(char))
{
    size_t len = 0;
    while (len < text.len && is(text.ptr[len]))
        len++;
    return len;
}

bool lt_length_read(lt_text text, int64_t *length_us)
{
    int64_t sum = 0;
    if (!text.len)
        return false;
    while (text.len) {
        int64_t number, unit, part;
        size_t digits = span(text, lt_is_digit);
        if (!lt_text_to_i64(lt_text_sub(text, 0, digits), &number))
            return false;
        text = lt_text_sub(text, digits, SIZE_MAX);
        size_t letters = span(text, lt_is_alpha);
        if (!unit_us(lt_text_sub(text, 0, letters), &unit) ||
            __builtin_mul_overflow(number, unit, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
        text = lt_text_sub(text, letters, SIZE_MAX);
    }
    *length_us = sum;
    return true;
}

const char *lt_length_write(int64_t length_us, char out[LT_TIME_CHARS])
{
    long long ms = (long long)(length_us / 1000), s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(out, LT_TIME_CHARS, "%lld ms", ms);
    else if (s < 60)
        (void)snprintf(out, LT_TIME_CHARS, "%lld.%lld s", s, ms / 100 % 10);
    else if (s < 3600)
        (void)snprintf(out, LT_TIME_CHARS, "%lld min %lld s", s / 60, s % 60);
    else
        (void)snprintf(out, LT_TIME_CHARS, "%lld h %lld min", s / 3600, s / 60 % 60);
    return out;
}
