/* progress.h - how the tasks of a run are shown while they run, and when they have ended.
 *
 * On a terminal a block of live lines, one for each running task, is redrawn eight times a second below the lines that stay.
 * Elsewhere there is one plain line for each event. Everything goes to standard error but the closing table. Log lines
 * (base/log.h) find their place above the block. The cursor is never hidden and lines are never left half drawn, so
 * there is nothing to restore when the program is killed. */
#pragma once
#include "base/progress.h"
#include "cli/grid.h"
#include "cli/out.h"
#include "state/state.h"

/* What is known of a task at one moment. */
typedef struct lt_task_view {
    const char *name; /* borrowed for the call */
    lt_task_status state;
    const lt_progress *progress;      /* borrowed; NULL: not counted */
    int64_t started_mono_us;          /* 0: not yet */
    int64_t ended_mono_us;            /* 0: not yet */
    int64_t memory_bytes, peak_bytes; /* 0: not known */
    const char *note;                 /* "attempt 2 of 4", an error's first line; NULL: nothing */
} lt_task_view;

enum { LT_LIVE_TASKS = 64 };

/* What a live block shows. */
typedef struct lt_live_state {
    lt_task_view running[LT_LIVE_TASKS];
    size_t running_count; /* may be larger than what fits in `running` */
    size_t done_count, failed_count, total_count;
} lt_live_state;

/* Fills `state` (zeroed); called from the display's own thread about 8 times a second. Texts and progress that it points to
 * must stay until its next call or lt_live_stop(). */
typedef void lt_live_list(void *context, lt_live_state *state);

typedef struct lt_live lt_live;

/* Begin to show on descriptor `fd` (standard error). Only one at a time. `quiet`: only what failed, no block. */
lt_live *lt_live_start(int fd, bool may_color, bool quiet, lt_live_list *list, void *context);
/* A task has begun or ended: a line that stays (on a terminal only when it has ended). Any thread. */
void lt_live_event(lt_live *live, const lt_task_view *task);
void lt_live_stop(lt_live *live); /* takes the block away; NULL is fine */
LT_OWNED(lt_live_ref, lt_live *, lt_live_stop)

/* The closing table: task, status, rows in, rows out, seconds, peak memory. */
void lt_tasks_write(lt_out *out, lt_show show, const lt_task_view *tasks, size_t count);

/* ---- its parts, for tests ---- */

/* The lines of a block as it is at `now_us`, each ended by a new line, at most `height` of them and `width` columns wide. */
void lt_live_render(const lt_live_state *state, int64_t now_us, unsigned frame, size_t width,
                    size_t height, bool color, lt_buf *out);
/* The line of an event, without time and without new line. */
void lt_task_line(const lt_task_view *task, bool color, lt_buf *out);
