/* Time zones: names, offsets and changes, against the C library's own reading of the same files. */
#include "base/zone.h"

#include "base/fs.h"
#include "base/time.h"
#include "support/test.h"

#include <stdlib.h>
#include <time.h>

static const lt_zone *zone_of(const char *name)
{
    lt_err err = {0};
    const lt_zone *zone = NULL;
    CHECK_OK(lt_zone_find(lt_text_of(name), &zone, &err), err);
    return zone;
}

static int64_t at(const char *text)
{
    int64_t moment_us;
    CHECK(lt_time_read(lt_text_of(text), &moment_us));
    return moment_us / 1000000;
}

Test(zone, offsets_follow_the_clocks)
{
    static const struct {
        const char *zone, *moment;
        int32_t offset_s;
        bool is_dst;
        const char *name;
    } cases[] = {
        {"Europe/London", "2026-01-01T12:00:00", 0, false, "GMT"},
        {"Europe/London", "2026-03-29T00:59:59", 0, false, "GMT"},
        {"Europe/London", "2026-03-29T01:00:00", 3600, true, "BST"},
        {"Europe/London", "2026-10-25T00:59:59", 3600, true, "BST"},
        {"Europe/London", "2026-10-25T01:00:00", 0, false, "GMT"},
        {"Europe/London", "2099-07-01T00:00:00", 3600, true, "BST"},
        {"Europe/London", "2099-12-01T00:00:00", 0, false, "GMT"},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00", 39600, true, "+11"},
        {"Australia/Lord_Howe", "2050-07-01T00:00:00", 37800, false, "+1030"},
        {"America/New_York", "1883-01-01T00:00:00", -17762, false, "LMT"},
        {"Asia/Kolkata", "2060-07-01T00:00:00", 19800, false, "IST"},
        {"UTC", "2026-07-01T00:00:00", 0, false, "UTC"},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        const lt_zone_type *type = lt_zone_at(zone_of(cases[i].zone), at(cases[i].moment));
        CHECK_INT(type->offset_s, cases[i].offset_s);
        CHECK_INT(type->is_dst, cases[i].is_dst);
        CHECK_STR(type->name, cases[i].name);
    }
}

Test(zone, names_are_no_paths)
{
    static const char *const wrong[] = {
        "",          "/etc/passwd", "../../etc/passwd", "Europe/../../x",
        "right/UTC", "a b",         "Europe/London\n"};
    const lt_zone *zone;
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_err err = {0};
        CHECK_STATUS(lt_zone_find(lt_text_of(wrong[i]), &zone, &err), LT_INVALID, err);
    }
    lt_err err = {0};
    CHECK_STATUS(lt_zone_find(T("Europe/Londn"), &zone, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.hint, "did you mean 'Europe/London'?");
    CHECK_STATUS(lt_zone_find(T("BST"), &zone, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.hint, "names are like Europe/London");
    CHECK_STATUS(lt_zone_find(T("Olympus/Mons"), &zone, &err), LT_NOT_FOUND, err);
    CHECK_HAS(err.hint, "tzdata");
    CHECK_STATUS(lt_zone_find(T("Europe"), &zone, &err), LT_NOT_FOUND, err);
    CHECK_STATUS(lt_zone_find(T("zone.tab"), &zone, &err), LT_INVALID, err);
}

Test(zone, a_zone_is_read_once)
{
    CHECK(zone_of("Europe/Paris") == zone_of("Europe/Paris"));
    CHECK(zone_of("utc") == lt_zone_utc());
}

Test(zone, wall_times_come_once_twice_or_not)
{
    int64_t first, second;
    const lt_zone *london = zone_of("Europe/London");
    CHECK_INT(lt_zone_moments(london, at("2026-06-01T12:00:00"), &first, &second), LT_WALL_ONCE);
    CHECK_INT(first, at("2026-06-01T11:00:00"));
    CHECK_INT(second, first);
    CHECK_INT(lt_zone_moments(london, at("2026-03-29T01:30:00"), &first, &second), LT_WALL_SKIPPED);
    CHECK_INT(first, at("2026-03-29T01:00:00"));
    CHECK_INT(lt_zone_moments(london, at("2026-10-25T01:30:00"), &first, &second), LT_WALL_TWICE);
    CHECK_INT(first, at("2026-10-25T00:30:00"));
    CHECK_INT(second, at("2026-10-25T01:30:00"));
    /* a whole day that was not */
    CHECK_INT(lt_zone_moments(zone_of("Pacific/Apia"), at("2011-12-30T12:00:00"), &first, &second),
              LT_WALL_SKIPPED);
    CHECK_INT(first, at("2011-12-30T10:00:00"));
}

/* Every zone of tzdata, with what the C library says of the same moments. */
static void compare_zone(const char *name)
{
    const lt_zone *zone = zone_of(name);
    CHECK_INT(setenv("TZ", name, 1), 0);
    tzset();
    for (int64_t moment = at("1901-12-14T00:00:00"); moment < at("2100-01-01T00:00:00");
         moment += 86400 * (int64_t)37 + 3601) {
        struct tm c;
        time_t as_time = moment;
        const lt_zone_type *type = lt_zone_at(zone, moment);
        if (!localtime_r(&as_time, &c) || c.tm_gmtoff != type->offset_s ||
            (c.tm_isdst > 0) != type->is_dst)
            CHECK_STR(name, "");
        int64_t first, second, wall = moment + type->offset_s;
        if (lt_zone_moments(zone, wall, &first, &second) == LT_WALL_SKIPPED ||
            (first != moment && second != moment))
            CHECK_STR(name, "");
    }
}

Test(zone, every_zone_agrees_with_the_c_library)
{
    LT_AUTO(lt_path_list) files = {0};
    lt_err err = {0};
    size_t compared = 0;
    CHECK_OK(lt_files_below("/usr/share/zoneinfo", "", 10000, &files, &err), err);
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_buf) head = {.limit = LT_MIB};
        LT_AUTO(lt_chars) path = lt_path_join("/usr/share/zoneinfo", files.items[i]);
        const lt_zone *zone;
        if (lt_file_read(path, &head, &err) != LT_OK ||
            !lt_text_starts(lt_buf_text(&head), T("TZif")) ||
            lt_zone_find(lt_text_of(files.items[i]), &zone, &err) != LT_OK)
            continue;
        compare_zone(files.items[i]);
        compared++;
    }
    CHECK_INT(unsetenv("TZ"), 0);
    tzset();
    CHECK(compared > 300);
}

Test(zone, changes_are_where_the_type_changes)
{
    const lt_zone *zone = zone_of("America/New_York");
    int64_t change, moment = at("2030-01-01T00:00:00");
    for (int i = 0; i < 100; i++) {
        CHECK(lt_zone_next_change(zone, moment, &change));
        CHECK(change > moment);
        CHECK(lt_zone_at(zone, change - 1)->offset_s != lt_zone_at(zone, change)->offset_s);
        CHECK(lt_zone_at(zone, moment)->offset_s == lt_zone_at(zone, change - 1)->offset_s);
        moment = change;
    }
    CHECK(moment > at("2079-01-01T00:00:00"));
    CHECK(!lt_zone_next_change(lt_zone_utc(), 0, &change));
    CHECK(!lt_zone_next_change(zone_of("Asia/Kolkata"), at("2026-01-01T00:00:00"), &change));
}

/* A version 2 file without listed changes, with this footer. */
static lt_status read_footer(const char *footer, lt_zone **zone, lt_err *err)
{
    LT_AUTO(lt_buf) file = {.limit = LT_KIB};
    for (int part = 0; part < 2; part++) {
        lt_buf_add(&file,
                   lt_text_at("TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                              "\0\0\0\1\0\0\0\4",
                              44));
        lt_buf_add(&file, lt_text_at("\0\0\0\0\0\0LMT", 10));
    }
    lt_buf_printf(&file, "\n%s\n", footer);
    return lt_zone_read(T("Test/Zone"), lt_buf_text(&file), zone, err);
}

Test(zone, reads_every_form_of_a_rule)
{
    static const struct {
        const char *footer, *moment;
        int32_t offset_s;
    } cases[] = {
        {"<-03>3", "2026-07-01T00:00:00", -10800},
        {"IST-5:30", "2026-07-01T00:00:00", 19800},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-07-01T00:00:00", -14400},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59", -18000},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00", -14400},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-12-01T00:00:00", 0}, /* Dublin: winter is "summer" */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00", 3600},
        {"AAA3BBB,J60/0,J300/0", "2024-03-01T03:00:00",
         -7200}, /* J60 is March 1 in leap years too */
        {"AAA3BBB,J60/0,J300/0", "2024-02-29T12:00:00", -10800},
        {"AAA3BBB,59/0,300/0", "2024-02-29T03:00:00", -7200},
        {"<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", "2026-07-01T00:00:00", 7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00", -3600},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        lt_err err = {0};
        LT_AUTO(lt_zone_ref) zone = NULL;
        CHECK_OK(read_footer(cases[i].footer, &zone, &err), err);
        CHECK_INT(lt_zone_at(zone, at(cases[i].moment))->offset_s, cases[i].offset_s);
    }
}

Test(zone, damaged_files_are_refused)
{
    static const char *const wrong[] = {"5EDT",
                                        "EST",
                                        "EST5EDT",
                                        "EST5EDT,M3.2.0",
                                        "EST5EDT,M13.2.0,M11.1.0",
                                        "EST5EDT,M3.6.0,M11.1.0",
                                        "EST5EDT,M3.2.0,M11.1.0x",
                                        "<EST5",
                                        "EST200",
                                        "EST5EDT,J0,J1",
                                        "EST5EDT,366,1"};
    for (size_t i = 0; i < LT_COUNT(wrong); i++) {
        lt_err err = {0};
        LT_AUTO(lt_zone_ref) zone = NULL;
        CHECK_STATUS(read_footer(wrong[i], &zone, &err), LT_INVALID, err);
    }
    LT_AUTO(lt_buf) file = {.limit = LT_MIB};
    lt_err err = {0};
    CHECK_OK(lt_file_read("/usr/share/zoneinfo/Europe/London", &file, &err), err);
    for (size_t len = 0; len < lt_buf_text(&file).len; len += 7) {
        LT_AUTO(lt_zone_ref) zone = NULL;
        lt_ignore(lt_zone_read(T("x"), lt_text_sub(lt_buf_text(&file), 0, len), &zone, &err));
    }
}
