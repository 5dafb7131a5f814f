/* The live block, plain event lines, and the closing table. */
#include "cli/progress.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/size.h"
#include "base/time.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { REDRAW_MS = 125, BAR_CELLS = 10, NAME_COLUMNS = 36, MOST_LINES = LT_LIVE_TASKS + 2 };

static const int64_t SECOND_US = 1000000;

static const struct {
    const char *mark;
    lt_style style;
} states[] = {
    [LT_TASK_PENDING] = {" ", LT_DIM},
    [LT_TASK_RUNNING] = {">", LT_PLAIN},
    [LT_TASK_SUCCEEDED] = {"\xe2\x9c\x93", LT_GREEN},
    [LT_TASK_WARNED] = {"!", LT_YELLOW},
    [LT_TASK_FAILED] = {"\xe2\x9c\x97", LT_RED},
    [LT_TASK_SKIPPED] = {"-", LT_DIM},
    [LT_TASK_CANCELLED] = {"-", LT_YELLOW},
    [LT_TASK_REUSED] = {"=", LT_DIM},
    [LT_TASK_WAITING] = {".", LT_DIM},
};

/* ---- the figures of a task ---- */

typedef struct figures {
    int64_t rows, total, bytes, elapsed_us;
    int percent; /* -1: not known */
} figures;

static figures figures_of(const lt_task_view *task, int64_t now_us)
{
    figures f = {.percent = -1};
    int64_t end_us = task->ended_mono_us ? task->ended_mono_us : now_us;
    f.elapsed_us = task->started_mono_us ? LT_MAX((int64_t)0, end_us - task->started_mono_us) : 0;
    if (!task->progress)
        return f;
    f.rows = LT_MAX(LT_MAX(task->progress->rows_in, task->progress->rows_out), (int64_t)0);
    f.bytes = task->progress->bytes;
    f.total = task->progress->rows_total;
    f.percent = task->progress->percent ? task->progress->percent : -1;
    if (f.total > 0)
        f.percent = (int)LT_MIN((double)100, 100.0 * (double)f.rows / (double)f.total);
    return f;
}

static void add_rate(lt_buf *out, const figures *f)
{
    char text[LT_COUNT_CHARS];
    if (f->rows > 0 && f->elapsed_us > SECOND_US / 10)
        lt_buf_printf(
            out, " %8s/s",
            lt_count_short((double)f->rows * (double)SECOND_US / (double)f->elapsed_us, text));
    else
        lt_buf_printf(out, " %10s", "");
}

static void add_time_left(lt_buf *out, const figures *f)
{
    char text[LT_TIME_CHARS];
    if (f->percent <= 0 || f->percent > 100)
        return;
    double left_us = (double)f->elapsed_us * (100 - f->percent) / f->percent;
    lt_buf_printf(out, "  ETA %s", lt_length_write((int64_t)left_us, text));
}

static void add_bar(lt_buf *out, int percent)
{
    int full = percent * BAR_CELLS / 100;
    if (percent < 0) {
        lt_buf_printf(out, "%*s", BAR_CELLS + 5, "");
        return;
    }
    for (int i = 0; i < BAR_CELLS; i++)
        lt_buf_add_str(out, i < full ? "\xe2\x96\x88" : "\xe2\x96\x91");
    lt_buf_printf(out, " %3d%%", percent);
}

static void add_name(lt_buf *out, const char *name, size_t columns)
{
    LT_AUTO(lt_buf) safe = {0};
    lt_buf_add_visible(&safe, lt_text_of(name));
    lt_text cut = lt_text_cut_columns(lt_buf_text(&safe), columns);
    lt_buf_add(out, cut);
    lt_buf_printf(out, "%*s", (int)(columns - lt_text_columns(cut)), "");
}

/* ---- the live block ---- */

static void live_line(const lt_task_view *task, size_t name_columns, int64_t now_us,
                      const char *spinner, lt_buf *out)
{
    char text[LT_COUNT_CHARS], size[LT_SIZE_CHARS], length[LT_TIME_CHARS];
    figures f = figures_of(task, now_us);
    lt_buf_printf(out, "%s ", spinner);
    add_name(out, task->name, name_columns);
    lt_buf_add_byte(out, ' ');
    add_bar(out, f.percent);
    lt_buf_printf(out, " %9s", lt_length_write(f.elapsed_us, length));
    lt_buf_printf(out, " %13s rows", lt_count_write(f.rows, text));
    add_rate(out, &f);
    lt_buf_printf(out, " %8s", f.bytes ? lt_size_write(f.bytes, size) : "");
    if (task->memory_bytes)
        lt_buf_printf(out, "  mem %s", lt_size_write(task->memory_bytes, size));
    add_time_left(out, &f);
    if (task->note) {
        lt_buf_add_str(out, "  ");
        lt_buf_add_visible(out, lt_text_of(task->note));
    }
}

static void totals_line(const lt_live_state *state, size_t hidden, lt_buf *out)
{
    lt_buf_printf(out, "  %zu of %zu done", state->done_count, state->total_count);
    if (state->failed_count)
        lt_buf_printf(out, ", %zu failed", state->failed_count);
    if (hidden)
        lt_buf_printf(out, ", %zu more running", hidden);
}

static void end_line(const lt_buf *line, size_t width, const char *on, lt_buf *out)
{
    lt_buf_add_str(out, on);
    lt_buf_add(out, lt_text_cut_columns(lt_buf_text(line), width));
    lt_buf_add_str(out, *on ? "\033[0m\n" : "\n");
}

void lt_live_render(const lt_live_state *state, int64_t now_us, unsigned frame, size_t width,
                    size_t height, bool color, lt_buf *out)
{
    static const char *const spinners[] = {
        "\xe2\xa0\x8b", "\xe2\xa0\x99", "\xe2\xa0\xb9", "\xe2\xa0\xb8", "\xe2\xa0\xbc",
        "\xe2\xa0\xb4", "\xe2\xa0\xa6", "\xe2\xa0\xa7", "\xe2\xa0\x87", "\xe2\xa0\x8f"};
    LT_AUTO(lt_buf) line = {0};
    size_t held = LT_MIN(state->running_count, (size_t)LT_LIVE_TASKS);
    size_t shown = LT_MIN(held, height > 1 ? height - 1 : 0), widest = 8;
    if (!height)
        return;
    for (size_t i = 0; i < shown; i++)
        widest = LT_MAX(widest, lt_text_columns(lt_text_of(state->running[i].name)));
    for (size_t i = 0; i < shown; i++) {
        lt_buf_clear(&line);
        live_line(&state->running[i], LT_MIN(widest, (size_t)NAME_COLUMNS), now_us,
                  spinners[frame % LT_COUNT(spinners)], &line);
        end_line(&line, width, "", out);
    }
    lt_buf_clear(&line);
    totals_line(state, state->running_count - shown, &line);
    end_line(&line, width, color ? "\033[2m" : "", out);
}

void lt_task_line(const lt_task_view *task, bool color, lt_buf *out)
{
    char text[LT_COUNT_CHARS], size[LT_SIZE_CHARS], length[LT_TIME_CHARS];
    lt_out style = {.has_color = color};
    figures f = figures_of(task, task->started_mono_us);
    lt_buf_printf(out, "%s%s %s%s ", lt_style_on(&style, states[task->state].style),
                  states[task->state].mark, lt_task_status_name(task->state), lt_style_off(&style));
    lt_buf_add_visible(out, lt_text_of(task->name));
    if (task->ended_mono_us)
        lt_buf_printf(out, "  %s", lt_length_write(f.elapsed_us, length));
    if (f.rows)
        lt_buf_printf(out, "  %s rows", lt_count_write(f.rows, text));
    if (task->peak_bytes)
        lt_buf_printf(out, "  peak %s", lt_size_write(task->peak_bytes, size));
    if (task->note) {
        lt_buf_add_str(out, "  ");
        lt_buf_add_visible(out, lt_text_of(task->note));
    }
}

/* ---- the display ---- */

struct lt_live {
    int fd;
    bool is_terminal, color, quiet;
    lt_live_list *list; /* called under `lock` */
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    unsigned frame;
    size_t drawn[MOST_LINES], drawn_count; /* columns of the lines on the screen */
};

static void write_all(int fd, const lt_buf *bytes)
{
    lt_err err;
    LT_AUTO(lt_buf) masked = {0};
    lt_mask(lt_buf_text(bytes), &masked);
    lt_ignore(lt_fd_write(fd, lt_buf_text(&masked), "standard error", &err));
}

static void screen_size(int fd, size_t *width, size_t *height)
{
    struct winsize size;
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
    *width = known ? size.ws_col : 80;
    *height = known ? size.ws_row : 24;
}

/* The block's lines, in rows of a screen that may have become narrower since they were drawn. */
static size_t rows_on_screen(const lt_live *live, size_t width)
{
    size_t rows = 0;
    for (size_t i = 0; i < live->drawn_count; i++)
        rows += live->drawn[i] ? (live->drawn[i] + width - 1) / width : 1;
    return rows;
}

/* Go up to where the block begins and clear all below. */
static void add_erase(lt_live *live, size_t width, lt_buf *out)
{
    size_t rows = rows_on_screen(live, width);
    if (rows)
        lt_buf_printf(out, "\033[%zuF\033[J", rows);
    live->drawn_count = 0;
}

static void remember(lt_live *live, lt_text block)
{
    lt_text line;
    while (lt_text_cut(&block, '\n', &line) && (block.ptr || line.len)) {
        size_t escapes = lt_text_starts(line, T("\033[")) ? strlen("\033[2m\033[0m") : 0;
        live->drawn[live->drawn_count++] = lt_text_columns(line) - escapes;
    }
}

static void add_block(lt_live *live, size_t width, size_t height, lt_buf *out)
{
    lt_live_state state = {0};
    LT_AUTO(lt_buf) block = {0};
    live->list(live->context, &state);
    lt_live_render(&state, lt_mono_us(), live->frame, width - 1,
                   LT_MIN(height - 1, (size_t)MOST_LINES), live->color, &block);
    remember(live, lt_buf_text(&block));
    lt_buf_add(out, lt_buf_text(&block));
}

/* One write takes the old block away, prints `above` (may be NULL), and draws the new block. */
static void redraw(lt_live *live, const lt_buf *above, bool with_block)
{
    size_t width, height;
    LT_AUTO(lt_buf) out = {0};
    screen_size(live->fd, &width, &height);
    add_erase(live, width, &out);
    if (above)
        lt_buf_add(&out, lt_buf_text(above));
    if (with_block)
        add_block(live, width, height, &out);
    write_all(live->fd, &out);
}

static void *draw_for_ever(void *context)
{
    lt_live *live = context;
    (void)pthread_mutex_lock(&live->lock);
    while (!live->stopping) {
        struct timespec until;
        redraw(live, NULL, true);
        live->frame++;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += REDRAW_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&live->wake, &live->lock, &until);
    }
    redraw(live, NULL, false);
    (void)pthread_mutex_unlock(&live->lock);
    return NULL;
}

/* Around a log line: the block makes room. */
static void before_log(void *context)
{
    lt_live *live = context;
    (void)pthread_mutex_lock(&live->lock);
    redraw(live, NULL, false);
}

static void after_log(void *context)
{
    lt_live *live = context;
    if (!live->stopping)
        redraw(live, NULL, true);
    (void)pthread_mutex_unlock(&live->lock);
}

lt_live *lt_live_start(int fd, bool may_color, bool quiet, lt_live_list *list, void *context)
{
    lt_out probe;
    lt_out_open(&probe, fd, may_color);
    lt_live *live = lt_xcalloc(1, sizeof(*live));
    *live = (lt_live){.fd = fd,
                      .is_terminal = probe.is_terminal && !quiet,
                      .color = probe.has_color,
                      .quiet = quiet,
                      .list = list,
                      .context = context};
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&live->lock, NULL);
    (void)pthread_cond_init(&live->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (live->is_terminal && pthread_create(&live->thread, NULL, draw_for_ever, live) != 0)
        live->is_terminal = false; /* plain lines do without a thread */
    if (live->is_terminal)
        lt_log_set_around(before_log, after_log, live);
    return live;
}

static void add_clock(lt_buf *out)
{
    char text[LT_TIME_CHARS];
    (void)lt_time_write(lt_now_us(), text);
    lt_buf_printf(out, "%.8sZ ", text + strlen("2026-11-22T"));
}

void lt_live_event(lt_live *live, const lt_task_view *task)
{
    LT_AUTO(lt_buf) line = {0};
    bool bad = task->state == LT_TASK_FAILED || task->state == LT_TASK_WARNED;
    if ((live->quiet && !bad) || (live->is_terminal && task->state == LT_TASK_RUNNING))
        return;
    if (!live->is_terminal)
        add_clock(&line);
    lt_task_line(task, live->color, &line);
    lt_buf_add_byte(&line, '\n');
    (void)pthread_mutex_lock(&live->lock);
    if (live->is_terminal)
        redraw(live, &line, !live->stopping);
    else
        write_all(live->fd, &line);
    (void)pthread_mutex_unlock(&live->lock);
}

void lt_live_stop(lt_live *live)
{
    if (!live)
        return;
    if (live->is_terminal) {
        lt_log_set_around(NULL, NULL, NULL);
        (void)pthread_mutex_lock(&live->lock);
        live->stopping = true;
        (void)pthread_cond_signal(&live->wake);
        (void)pthread_mutex_unlock(&live->lock);
        (void)pthread_join(live->thread, NULL);
    }
    (void)pthread_cond_destroy(&live->wake);
    (void)pthread_mutex_destroy(&live->lock);
    lt_free(live);
}

/* ---- the closing table ---- */

static lt_text number(lt_arena *arena, bool known, bool grouped, int64_t value)
{
    char text[LT_COUNT_CHARS];
    if (!known)
        return (lt_text){0};
    if (grouped)
        return lt_arena_text(arena, lt_text_of(lt_count_write(value, text)));
    return lt_text_of(lt_arena_format(arena, "%lld", (long long)value));
}

static void task_row(lt_grid *grid, const lt_task_view *task)
{
    LT_AUTO(lt_arena) arena = {0};
    char size[LT_SIZE_CHARS];
    bool people = grid->show == LT_SHOW_TABLE;
    const lt_progress *counted = task->progress;
    figures f = figures_of(task, task->started_mono_us);
    lt_text memory = number(&arena, task->peak_bytes > 0, false, task->peak_bytes);
    if (people && memory.ptr)
        memory = lt_text_of(lt_size_write(task->peak_bytes, size));
    lt_text cells[] = {
        lt_text_of(task->name),
        lt_text_of(lt_task_status_name(task->state)),
        number(&arena, counted && counted->rows_in >= 0, people, counted ? counted->rows_in : 0),
        number(&arena, counted && counted->rows_out >= 0, people, counted ? counted->rows_out : 0),
        lt_text_of(lt_arena_format(&arena, "%.3f", (double)f.elapsed_us / (double)SECOND_US)),
        memory,
    };
    for (size_t i = 0; people && i < LT_COUNT(cells); i++)
        cells[i] = cells[i].ptr ? cells[i] : T("-");
    lt_grid_row(grid, cells);
}

void lt_tasks_write(lt_out *out, lt_show show, const lt_task_view *tasks, size_t count)
{
    static const lt_grid_column for_people[] = {
        {T("task"), LT_CELL_TEXT},      {T("status"), LT_CELL_TEXT},
        {T("rows in"), LT_CELL_NUMBER}, {T("rows out"), LT_CELL_NUMBER},
        {T("seconds"), LT_CELL_NUMBER}, {T("peak memory"), LT_CELL_NUMBER},
    };
    static const lt_grid_column for_programs[] = {
        {T("task"), LT_CELL_TEXT},      {T("status"), LT_CELL_TEXT},
        {T("rows_in"), LT_CELL_NUMBER}, {T("rows_out"), LT_CELL_NUMBER},
        {T("seconds"), LT_CELL_NUMBER}, {T("peak_memory_bytes"), LT_CELL_NUMBER},
    };
    LT_AUTO(lt_grid) grid = {0};
    lt_grid_begin(&grid, out, show, show == LT_SHOW_TABLE ? for_people : for_programs,
                  LT_COUNT(for_people));
    for (size_t i = 0; i < count; i++)
        task_row(&grid, &tasks[i]);
    lt_grid_end(&grid);
}
