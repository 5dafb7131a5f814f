/* The window of --sample, in the two forms that dbt takes. */
#include "cli/dbt/sample.h"

#include "base/time.h"
#include "fmt/yaml.h"

#include <stdio.h>

static const int64_t day_us = 86400000000;

/* As Python's str() of a moment in UTC. */
static void write_moment(int64_t at_us, char out[DBT_MOMENT_CHARS])
{
    char text[LT_TIME_CHARS];
    lt_text said = lt_text_of(lt_time_write(at_us, text));
    said.len -= lt_text_ends(said, T("Z"));
    if (lt_text_ends(said, T(".000000")))
        said.len -= strlen(".000000");
    (void)snprintf(out, DBT_MOMENT_CHARS, "%.*s+00:00", LT_ARG(said));
    char *t = strchr(out, 'T');
    if (t)
        *t = ' ';
}

static void write_window(int64_t start_us, int64_t end_us, dbt_sample *out)
{
    out->start_us = start_us;
    out->end_us = end_us;
    write_moment(start_us, out->start);
    write_moment(end_us, out->end);
}

/* The same day of an earlier month, or that month's last. */
static int64_t months_before(int64_t at_us, int64_t count)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = lt_divide_down(at_us, day_us), rest = at_us - day * day_us;
    lt_date date = lt_date_from_days(day);
    int64_t month = date.year * 12 + (int64_t)date.month - 1 - count;
    date.year = lt_divide_down(month, 12);
    date.month = (unsigned)(month - date.year * 12) + 1;
    date.day = LT_MIN(date.day, (unsigned)days[date.month - 1]);
    lt_date leap = {.year = date.year, .month = 2, .day = 29};
    int64_t before_day = lt_date_from_days(day).day;
    if (date.month == 2 && before_day >= 29 && lt_date_is_valid(leap))
        date.day = 29;
    return lt_days_from_date(date) * day_us + rest;
}

static lt_status read_relative(lt_text text, int64_t now_us, dbt_sample *out, lt_err *err)
{
    static const struct {
        lt_text name;
        int64_t us, months;
    } grains[] = {{T("hour"), 3600000000, 0},
                  {T("day"), 86400000000, 0},
                  {T("month"), 0, 1},
                  {T("year"), 0, 12}};
    enum { MOST = 100000 };
    int64_t count;
    size_t blank = lt_text_find_byte(text, ' ', 0);
    lt_text grain = blank == SIZE_MAX ? (lt_text){0} : lt_text_sub(text, blank + 1, SIZE_MAX);
    grain.len -= lt_text_ends(grain, T("s"));
    for (size_t i = 0; i < LT_COUNT(grains); i++) {
        if (!lt_text_eq_nocase(grain, grains[i].name) ||
            !lt_text_to_i64(lt_text_sub(text, 0, blank), &count) || count < 0 || count > MOST)
            continue;
        write_window(grains[i].months ? months_before(now_us, count * grains[i].months)
                                      : now_us - count * grains[i].us,
                     now_us, out);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "--sample: '%.*s' is no window", LT_ARG(text)));
    return lt_hint(err, "write '3 days', '6 hours', '1 month', '1 year', or "
                        "'{start: 2024-01-01, end: 2024-02-01}'");
}

static lt_status read_end(const lt_yaml *root, lt_text key, int64_t *at_us, lt_err *err)
{
    const lt_yaml *said = lt_yaml_find(root, key);
    if (said && said->kind == LT_YAML_SCALAR && lt_time_read(said->text, at_us))
        return LT_OK;
    return lt_fail(err, LT_INVALID, "--sample: '%.*s' must be a date, or a date and a time",
                   LT_ARG(key));
}

lt_status dbt_sample_read(const char *text, int64_t now_us, dbt_sample *out, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    lt_text said = lt_text_trim(lt_text_of(text));
    LT_AUTO(lt_arena) scratch = {0};
    lt_yaml *root = NULL;
    int64_t start, end;
    if (!lt_text_starts(said, T("{")))
        return read_relative(said, now_us, out, err);
    LT_TRY(lt_yaml_read(said, "--sample", &options, &scratch, &root, err));
    LT_TRY(read_end(root, T("start"), &start, err));
    LT_TRY(read_end(root, T("end"), &end, err));
    write_window(start, end, out);
    return LT_OK;
}
