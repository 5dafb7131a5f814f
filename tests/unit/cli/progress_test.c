/* The live block, event lines and the closing table, on a screen of a made-up size. */
#include "cli/progress.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "support/test.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const int64_t SECOND = 1000000;

Test(progress, block_shows_rows_rate_bytes_memory_and_time_left)
{
    LT_AUTO(lt_buf) out = {0};
    lt_progress half = {.rows_in = 1500000, .bytes = 3 << 20, .rows_total = 3000000};
    lt_live_state state = {.running = {{.name = "extract flights",
                                        .state = LT_TASK_RUNNING,
                                        .progress = &half,
                                        .started_mono_us = 1 * SECOND,
                                        .memory_bytes = 84 << 20,
                                        .note = "attempt 2 of 4"}},
                           .running_count = 1,
                           .done_count = 3,
                           .failed_count = 1,
                           .total_count = 9};
    lt_live_render(&state, 6 * SECOND, 0, 200, 24, false, &out);
    CHECK_STR(out.data,
              "\u280b extract flights \u2588\u2588\u2588\u2588\u2588\u2591\u2591\u2591\u2591\u2591"
              "  50%     5.0 s     1,500,000 rows     300k/s  3.0 MiB  mem 84 MiB"
              "  ETA 5.0 s  attempt 2 of 4\n"
              "  3 of 9 done, 1 failed\n");
}

Test(progress, block_never_passes_the_screen)
{
    lt_progress some = {.rows_in = INT64_MAX, .percent = -1};
    lt_live_state state = {.running_count = 70, .total_count = 100};
    for (size_t i = 0; i < LT_LIVE_TASKS; i++)
        state.running[i] = (lt_task_view){
            .name =
                "\u6f22\u5b57 with a name that is much too long for most screens of the world\n",
            .progress = &some,
            .started_mono_us = 1};
    for (size_t height = 0; height < 80; height += 3) {
        for (size_t width = 1; width < 150; width += 7) {
            LT_AUTO(lt_buf) out = {0};
            lt_live_render(&state, 2, 7, width, height, false, &out);
            lt_text rest = lt_buf_text(&out), line;
            size_t lines = 0;
            while (lt_text_cut(&rest, '\n', &line) && rest.ptr) {
                CHECK(lt_text_columns(line) <= width);
                lines++;
            }
            CHECK(lines <= height);
        }
    }
}

Test(progress, block_says_how_many_are_hidden)
{
    LT_AUTO(lt_buf) out = {0};
    lt_live_state state = {.running = {{.name = "a"}, {.name = "b"}, {.name = "c"}},
                           .running_count = 3,
                           .total_count = 5};
    lt_live_render(&state, 0, 0, 80, 2, false, &out);
    CHECK_HAS(out.data, "\n  0 of 5 done, 2 more running\n");
}

Test(progress, event_lines_tell_the_end_of_a_task)
{
    LT_AUTO(lt_buf) out = {0};
    lt_progress done = {.rows_in = 7, .rows_out = 1234567};
    lt_task_view task = {.name = "stg\033[2J",
                         .state = LT_TASK_FAILED,
                         .progress = &done,
                         .started_mono_us = 5,
                         .ended_mono_us = 5 + 4200000,
                         .peak_bytes = 1 << 30,
                         .note = "models/a.sql:3:1: no such column"};
    lt_task_line(&task, false, &out);
    CHECK_STR(out.data, "\u2717 failed stg\\x1b[2J  4.2 s  1,234,567 rows  peak 1.0 GiB  "
                        "models/a.sql:3:1: no such column");
    lt_buf_clear(&out);
    task = (lt_task_view){.name = "a", .state = LT_TASK_RUNNING, .started_mono_us = 9};
    lt_task_line(&task, false, &out);
    CHECK_STR(out.data, "> running a");
}

static const lt_progress counted = {.rows_in = 1000, .rows_out = 900};
static const lt_task_view closing[] = {
    {.name = "a",
     .state = LT_TASK_SUCCEEDED,
     .progress = &counted,
     .started_mono_us = 1,
     .ended_mono_us = 1500001,
     .peak_bytes = 1536},
    {.name = "b", .state = LT_TASK_SKIPPED},
};

Test(progress, closing_table_is_for_people_and_for_programs)
{
    lt_out out = {.fd = -1};
    lt_tasks_write(&out, LT_SHOW_TABLE, closing, LT_COUNT(closing));
    CHECK_STR(out.buf.data, "task  status     rows in  rows out  seconds  peak memory\n"
                            "----  ---------  -------  --------  -------  -----------\n"
                            "a     succeeded    1,000       900    1.500      1.5 KiB\n"
                            "b     skipped          -         -    0.000            -\n");
    lt_buf_clear(&out.buf);
    lt_tasks_write(&out, LT_SHOW_NDJSON, closing, LT_COUNT(closing));
    CHECK_STR(out.buf.data,
              "{\"task\":\"a\",\"status\":\"succeeded\",\"rows_in\":1000,\"rows_out\":900,"
              "\"seconds\":1.500,\"peak_memory_bytes\":1536}\n"
              "{\"task\":\"b\",\"status\":\"skipped\",\"rows_in\":null,\"rows_out\":"
              "null,\"seconds\":0.000,\"peak_memory_bytes\":null}\n");
    lt_out_cleanup(&out);
}

static void one_running(void *context, lt_live_state *state)
{
    state->running[0] =
        (lt_task_view){.name = context, .state = LT_TASK_RUNNING, .started_mono_us = 1};
    state->running_count = 1;
    state->total_count = 2;
}

/* What the display wrote into `fd` by now. */
static void read_all(int fd, lt_buf *got)
{
    char chunk[4096];
    ssize_t len;
    while ((len = read(fd, chunk, sizeof(chunk))) > 0)
        lt_buf_add(got, lt_text_at(chunk, (size_t)len));
}

Test(progress, elsewhere_than_on_a_terminal_events_are_plain_lines)
{
    int ends[2];
    char name[] = "load x";
    LT_AUTO(lt_buf) got = {0};
    lt_task_view task = {.name = name, .state = LT_TASK_RUNNING};
    lt_task_view failed = {.name = name, .state = LT_TASK_FAILED};
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    lt_live *live = lt_live_start(ends[1], true, false, one_running, name);
    lt_live_event(live, &task);
    lt_live_stop(live);
    live = lt_live_start(ends[1], true, true, one_running, name);
    lt_live_event(live, &task);
    lt_live_event(live, &failed);
    lt_live_stop(live);
    lt_fd_close(ends[1]);
    read_all(ends[0], &got);
    lt_fd_close(ends[0]);
    lt_text rest = lt_buf_text(&got), line;
    CHECK(lt_text_cut(&rest, '\n', &line));
    CHECK_TEXT(lt_text_sub(line, 8, SIZE_MAX), "Z > running load x"); /* behind the time of day */
    CHECK(lt_text_cut(&rest, '\n', &line));
    CHECK_TEXT(lt_text_sub(line, 8, SIZE_MAX), "Z \u2717 failed load x");
    CHECK_INT(rest.len, 0);
}

Test(progress, on_a_terminal_the_block_is_redrawn_and_taken_away)
{
    int master = -1, slave = -1;
    char name[] = "model a";
    struct winsize size = {.ws_row = 10, .ws_col = 60};
    LT_AUTO(lt_buf) got = {0};
    lt_task_view done = {
        .name = "model z", .state = LT_TASK_SUCCEEDED, .started_mono_us = 1, .ended_mono_us = 2};
    if (openpty(&master, &slave, NULL, NULL, &size) != 0)
        SKIP("no pseudo-terminals here");
    CHECK(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
    lt_live *live = lt_live_start(slave, false, false, one_running, name);
    lt_live_event(live, &done);
    size.ws_col = 20; /* the lines drawn now take more rows */
    CHECK(ioctl(slave, TIOCSWINSZ, &size) == 0);
    lt_live_event(live, &done);
    lt_live_stop(live);
    read_all(master, &got);
    CHECK_HAS(lt_buf_chars(&got), "model a");
    CHECK_HAS(lt_buf_chars(&got), "\u2713 succeeded model z");
    CHECK_HAS(lt_buf_chars(&got), "\033[2F\033[J");
    CHECK_HAS(lt_buf_chars(&got), "\033[4F\033[J"); /* two lines of 59 and 20 columns: 3 + 1 rows */
    CHECK(lt_text_ends(lt_buf_text(&got), T("\033[J")));
    lt_fd_close(slave);
    lt_fd_close(master);
}
