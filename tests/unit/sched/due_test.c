/* What is due under a clock that leaps, goes back and stands still: each tick has one run, and none is forgotten. */
#include "sched/due.h"

#include "base/time.h"
#include "support/test.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

enum { DAY = 86400, HOUR = 3600, MINUTE = 60 };

typedef struct world {
    lt_arena arena;
    lt_project project;
    lt_state *state;
    lt_due *due;
    int64_t now_s;
    size_t recorded; /* rows that were new */
} world;

static void world_cleanup(world *w)
{
    lt_due_free(w->due);
    lt_state_close(w->state);
    lt_vec_free(&w->project.pipelines);
    lt_arena_cleanup(&w->arena);
}

static int64_t at(const char *text)
{
    int64_t moment_us;
    CHECK(lt_time_read(lt_text_of(text), &moment_us));
    return moment_us / 1000000;
}

static void add_pipeline(world *w, const char *name, const char *schedule)
{
    lt_err err = {0};
    lt_conf_pipeline made = {0};
    const char *text = lt_arena_format(
        &w->arena, "name: %s\nschedule: %s\ntasks: {t: {shell: 'true'}}\n", name, schedule);
    CHECK_OK(lt_conf_read_pipeline(lt_text_of(text), "p.yml", NULL, &w->arena, &made, &err), err);
    lt_push(&w->project.pipelines, made);
}

static void use(world *w)
{
    lt_err err = {0};
    CHECK_OK(lt_due_use(w->due, &w->project, w->now_s * 1000000, &err), err);
}

static world world_at(const char *moment, const char *schedule)
{
    lt_err err = {0};
    world w = {.now_s = at(moment)};
    CHECK_OK(lt_state_open(lt_test_memory_folder(), &w.state, &err), err);
    w.due = lt_due_new(w.state);
    add_pipeline(&w, "p", schedule);
    use(&w);
    return w;
}

/* The clock shows this now. */
static void look(world *w, int64_t now_s)
{
    lt_err err = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_tick_runs runs = {0};
    w->now_s = now_s;
    CHECK_OK(lt_due_record(w->due, now_s * 1000000, &arena, &runs, &err), err);
    for (size_t i = 0; i < runs.len; i++)
        w->recorded += runs.items[i].run.claim != 0; /* 0: there was one of this key */
}

/* It goes on as clocks do. */
static void pass(world *w, int64_t seconds, int64_t step_s)
{
    for (int64_t until_s = w->now_s + seconds; w->now_s < until_s;)
        look(w, LT_MIN(w->now_s + step_s, until_s));
}

/* Another server, from what is remembered. */
static void begin_anew(world *w)
{
    lt_due_free(w->due);
    w->due = lt_due_new(w->state);
    use(w);
}

/* As many runs as were counted, and no two of one tick: the moments that ticks stand for, the earliest first. */
static size_t ticks_of(world *w, int64_t *out, size_t room)
{
    lt_err err = {0};
    lt_run_records open = {0};
    CHECK_OK(lt_state_supervised(w->state, &w->arena, &open, &err), err);
    CHECK(open.len <= room);
    for (size_t i = 0; i < open.len; i++)
        out[i] = open.items[i].clock_us / 1000000;
    for (size_t i = 0; i < open.len; i++)
        for (size_t k = i + 1; k < open.len; k++)
            if (out[k] < out[i]) {
                int64_t other = out[i];
                out[i] = out[k];
                out[k] = other;
            }
    for (size_t i = 1; i < open.len; i++)
        CHECK(out[i] != out[i - 1]);
    CHECK(open.len == w->recorded);
    return open.len;
}

static void check_every(world *w, const char *first, int64_t step_s, size_t count)
{
    static int64_t ticks[4000];
    CHECK_INT(ticks_of(w, ticks, LT_COUNT(ticks)), count);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(ticks[i], at(first) + (int64_t)i * step_s);
}

static const char EVERY_TEN[] = "{cron: '*/10 * * * *', catch_up: all, window: 3d}";

Test(due, a_clock_that_is_set_back_an_hour_doubles_nothing)
{
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", EVERY_TEN);
    pass(&w, 2 * HOUR, 7);
    look(&w, w.now_s - HOUR);
    pass(&w, 2 * HOUR, 7);
    check_every(&w, "2026-06-01T12:10:00", 10 * MINUTE, 18);
}

Test(due, a_clock_that_leaps_a_day_and_is_corrected_loses_nothing)
{
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", EVERY_TEN);
    pass(&w, HOUR, 7);
    look(&w, w.now_s + DAY);
    pass(&w, HOUR, 7); /* everything of the day that has not been is made up for */
    look(&w, w.now_s - DAY);
    pass(&w, DAY, 61);
    check_every(&w, "2026-06-01T12:10:00", 10 * MINUTE, 6 + 144 + 6);
}

Test(due, ticks_that_a_leap_left_out_come_when_it_is_corrected)
{
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", "{cron: '*/10 * * * *', catch_up: none}");
    pass(&w, HOUR, 7);
    look(&w, w.now_s + DAY - 5); /* 12:59:55 on the other day: nothing of the day is made up for */
    CHECK_INT(w.recorded, 6);
    look(&w, w.now_s - DAY);
    pass(&w, HOUR, 7);
    check_every(&w, "2026-06-01T12:10:00", 10 * MINUTE, 11);
}

Test(due, the_latest_is_made_up_for_once_however_the_clock_leaps)
{
    int64_t ticks[10];
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", "{cron: '0 6 * * *', catch_up: latest}");
    look(&w, at("2026-06-02T12:00:00"));
    look(&w, at("2026-06-01T12:00:00"));
    look(&w, at("2026-06-02T12:00:00"));
    begin_anew(&w);
    look(&w, at("2026-06-02T12:00:01"));
    CHECK_INT(ticks_of(&w, ticks, LT_COUNT(ticks)), 1);
    CHECK_INT(ticks[0], at("2026-06-02T06:00:00"));
}

/* A machine that sleeps each night, a clock that is set again and again, a server that begins anew in between. */
Test(due, any_walk_of_the_clock_gives_each_tick_one_run)
{
    uint64_t dice = 20261122;
    LT_AUTO(world) w = world_at("2026-03-28T00:00:00", EVERY_TEN);
    int64_t greatest_s = w.now_s;
    for (size_t i = 0; i < 250; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        switch (dice >> 60) {
        case 0:
            look(&w, LT_MAX(w.now_s - HOUR, at("2026-03-28T00:00:00")));
            break;
        case 1:
            look(&w, w.now_s + 8 * HOUR); /* it slept */
            break;
        case 2:
            begin_anew(&w);
            break;
        case 3:
            look(&w, w.now_s);
            look(&w, w.now_s);
            break;
        default:
            pass(&w, 25 * MINUTE, (int64_t)(dice >> 32) % 100 + 1);
        }
        greatest_s = LT_MAX(greatest_s, w.now_s);
    }
    check_every(&w, "2026-03-28T00:10:00", 10 * MINUTE,
                (size_t)((greatest_s - at("2026-03-28T00:00:00")) / (10 * MINUTE)));
}

Test(due, a_fixed_time_has_one_run_on_the_days_when_clocks_change)
{
    static const struct {
        const char *from, *cron;
        size_t count;
    } cases[] = {
        {"2026-03-28T12:00:00", "'30 1 * * *', catch_up: all",
         3}, /* 01:30 is skipped on the 29th */
        {"2026-10-24T12:00:00", "'30 1 * * *', catch_up: all",
         3}, /* 01:30 comes twice on the 25th */
        {"2026-03-28T12:00:00", "'30 * * * *', catch_up: all", 72}, /* elapsed hours */
        {"2026-10-24T12:00:00", "'30 * * * *', catch_up: all", 72},
    };
    for (size_t i = 0; i < LT_COUNT(cases); i++) {
        LT_AUTO(lt_chars)
        schedule = lt_format("{cron: %s}\ntimezone: Europe/London", cases[i].cron);
        LT_AUTO(world) w = world_at(cases[i].from, schedule);
        int64_t ticks[100];
        for (int64_t hour = 0; hour < 72; hour++) {
            pass(&w, HOUR, 97);
            if (hour % 5 == 4)
                look(&w, w.now_s - 40 * MINUTE);
            if (hour % 5 == 4)
                pass(&w, 40 * MINUTE, 97);
        }
        CHECK_INT(ticks_of(&w, ticks, LT_COUNT(ticks)), cases[i].count);
    }
}

Test(due, a_hundred_pipelines_of_one_minute_have_one_run_each)
{
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", "'0 6 * * *'");
    for (int i = 1; i < 100; i++) {
        LT_AUTO(lt_chars) name = lt_format("p%d", i);
        add_pipeline(&w, name, "'0 6 * * *'");
    }
    use(&w);
    CHECK_INT(lt_due_next_us(w.due), at("2026-06-02T06:00:00") * 1000000);
    look(&w, at("2026-06-02T05:59:59"));
    CHECK_INT(w.recorded, 0);
    look(&w, at("2026-06-02T06:00:00"));
    CHECK_INT(w.recorded, 100);
    look(&w, at("2026-06-02T06:00:00"));
    begin_anew(&w);
    look(&w, at("2026-06-02T05:00:00"));
    pass(&w, 2 * HOUR, 31);
    CHECK_INT(w.recorded, 100);
}

static int write_errno;

static ssize_t pwrite_nothing(int fd, const void *bytes, size_t size, off_t offset)
{
    (void)fd, (void)bytes, (void)size, (void)offset;
    errno = write_errno;
    return -1;
}

/* For SQLite. */
static void fail_writes(bool fail)
{
    static const char *const names[] = {"pwrite", "pwrite64"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    for (size_t i = 0; i < LT_COUNT(names); i++)
        (void)vfs->xSetSystemCall(vfs, names[i], fail ? (sqlite3_syscall_ptr)pwrite_nothing : NULL);
}

Test(due, what_could_not_be_recorded_is_still_due)
{
    static const int errors[] = {ENOSPC, EIO, EROFS, EDQUOT};
    LT_AUTO(world) w = world_at("2026-06-01T12:00:00", EVERY_TEN);
    for (size_t i = 0; i < LT_COUNT(errors); i++) {
        lt_err err = {0};
        LT_AUTO(lt_arena) arena = {0};
        lt_tick_runs runs;
        pass(&w, HOUR, 7);
        write_errno = errors[i];
        fail_writes(true);
        lt_status status = lt_due_record(w.due, (w.now_s + HOUR) * 1000000, &arena, &runs, &err);
        fail_writes(false);
        CHECK_STATUS(status, LT_IO, err);
        w.now_s += HOUR;
        use(&w);
        look(&w, w.now_s);
        check_every(&w, "2026-06-01T12:10:00", 10 * MINUTE, 12 * (i + 1));
    }
}

/* The server reads pauses when state.db has changed; a pause that comes behind that look still counts. */
Test(due, a_pause_at_the_very_moment_of_a_tick_comes_first)
{
    LT_AUTO(world) w = world_at("2026-01-05T00:00:00Z", "'0 * * * *'");
    lt_err err = {0};
    bool changed = false;
    pass(&w, HOUR, MINUTE);
    CHECK_INT(w.recorded, 1);
    CHECK_OK(lt_state_pause(w.state, T("p"), T("me"), T(""), &changed, &err), err);
    pass(&w, 2 * HOUR, MINUTE); /* without lt_due_read_pauses() */
    CHECK_INT(w.recorded, 1);
    CHECK_OK(lt_state_pause(w.state, T("p"), T(""), T(""), &changed, &err), err);
    CHECK_OK(lt_due_read_pauses(w.due, &err), err);
    look(&w, w.now_s + 1);
    CHECK_INT(w.recorded, 2); /* the latest that was missed */
    pass(&w, HOUR, MINUTE);
    CHECK_INT(w.recorded, 3);
}
