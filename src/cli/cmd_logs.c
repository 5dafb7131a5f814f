/* leat logs: what the tasks of a run said, also while they say it. */
#include "cli/cmd.h"

#include "base/proc.h"
#include "base/time.h"
#include "cli/work.h"
#include "run/run.h"
#include "task/log_read.h"

typedef struct logs_opts {
    bool follow;
} logs_opts;

static const lt_opt table[] = {
    {.name = "follow",
     .letter = 'f',
     .type = LT_OPT_FLAG,
     LT_AT(logs_opts, follow),
     .help = "go on until the run has ended"},
};

/* The log of one task, as far as it is shown. */
typedef struct shown {
    lt_text task;
    char *path; /* owned */
    lt_log_place place;
} shown;
typedef LT_VEC(shown) shown_logs;

typedef struct showing {
    lt_app *app;
    shown_logs logs;
    bool headings;
    const char *last; /* path of the log that was written last */
    int64_t run_id;
} showing;

/* What commands write may hold anything: on a terminal it must not move the cursor. */
static void write_text(lt_app *app, lt_text text)
{
    lt_text line;
    LT_AUTO(lt_buf) visible = {0};
    if (!app->out.is_terminal) {
        lt_out_text(&app->out, text);
        return;
    }
    for (bool first = true; lt_text_cut(&text, '\n', &line); first = false) {
        if (!first)
            lt_buf_add_byte(&visible, '\n');
        lt_buf_add_visible(&visible, line);
    }
    lt_out_text(&app->out, lt_buf_text(&visible));
}

static void write_heading(showing *s, const shown *log)
{
    if (s->headings && s->last != log->path)
        lt_out_printf(&s->app->out, "==> %.*s <==\n", LT_ARG(log->task));
    s->last = log->path;
}

/* True when there was something. */
static bool show_more(showing *s, shown *log)
{
    enum { CHUNK = 64 << 10 };
    static char chunk[CHUNK];
    bool any = false;
    for (size_t got; (got = lt_log_read(log->path, &log->place, chunk, sizeof(chunk))) > 0;
         any = true) {
        write_heading(s, log);
        write_text(s->app, lt_text_at(chunk, got));
    }
    return any;
}

static bool is_meant(const lt_task_record *task, const char *word)
{
    return !word || lt_text_eq(task->id, lt_text_of(word)) ||
           lt_text_eq(task->name, lt_text_of(word));
}

static bool is_known(const showing *s, lt_text id)
{
    for (size_t i = 0; i < s->logs.len; i++)
        if (lt_text_eq(s->logs.items[i].task, id))
            return true;
    return false;
}

/* Tasks come up while a run goes on. */
static lt_status find_logs(showing *s, lt_workspace *workspace, const char *word, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_task_records tasks = {0};
    LT_TRY(lt_state_tasks(workspace->state, s->run_id, &arena, &tasks, err));
    for (size_t i = 0; i < tasks.len; i++) {
        const lt_task_record *task = &tasks.items[i];
        if (!is_meant(task, word) || is_known(s, task->id))
            continue;
        shown log = {.task = lt_arena_text(&s->app->arena, task->id),
                     .path = lt_run_log_path(workspace->home, s->run_id, task->id)};
        lt_push(&s->logs, log);
    }
    return LT_OK;
}

static bool show_all(showing *s)
{
    bool any = false;
    for (size_t i = 0; i < s->logs.len; i++)
        any = show_more(s, &s->logs.items[i]) || any;
    return any;
}

static lt_status is_over(showing *s, lt_workspace *workspace, bool *over, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record run;
    lt_ignore(lt_state_reap(workspace->state, NULL, err));
    LT_TRY(lt_state_run_get(workspace->state, s->run_id, &arena, &run, err));
    *over = run.status != LT_RUN_RUNNING && run.status != LT_RUN_QUEUED;
    return LT_OK;
}

/* Files are looked at 20 times a second, the record only when it has changed. */
static lt_status follow(showing *s, lt_workspace *workspace, const char *word, lt_err *err)
{
    static const int64_t LOOK_US = 50000;
    lt_state_stamp stamp = {0};
    bool over = false;
    while (!over && !lt_stop_asked()) {
        if (lt_state_changed(workspace->state, &stamp)) {
            LT_TRY(is_over(s, workspace, &over, err));
            LT_TRY(find_logs(s, workspace, word, err));
        }
        if (show_all(s))
            LT_TRY(lt_out_flush(&s->app->out, err));
        if (!over)
            lt_sleep_us(LOOK_US);
    }
    (void)show_all(s);
    return LT_OK;
}

static void showing_end(showing *s)
{
    for (size_t i = 0; i < s->logs.len; i++)
        lt_free(s->logs.items[i].path);
    lt_vec_free(&s->logs);
}

static lt_status logs(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const logs_opts *given = opts;
    lt_run_record run;
    int64_t run_id = 0;
    bool only_task = args->count == 1 && !lt_work_is_run(args->items[0]);
    const char *word = only_task ? args->items[0] : args->count > 1 ? args->items[1] : NULL;
    LT_AUTO(lt_workspace_ref) workspace = NULL;
    if (args->count && !only_task)
        LT_TRY(lt_work_run_id(args->items[0], &run_id, err));
    LT_TRY(lt_work_open_some(app, LT_FILES_NONE, &workspace, err));
    LT_TRY(lt_state_run_get(workspace->state, run_id, &app->arena, &run, err));
    showing s = {.app = app, .headings = !word, .run_id = run.id};
    lt_status status = find_logs(&s, workspace, word, err);
    bool found = s.logs.len > 0;
    if (status == LT_OK && given->follow)
        status = follow(&s, workspace, word, err);
    else if (status == LT_OK)
        (void)show_all(&s);
    showing_end(&s);
    LT_TRY(status);
    if (found || !word || given->follow)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "run %lld has no task '%s'", (long long)run.id, word));
    return lt_hint(err, "'leat runs %lld' lists its tasks", (long long)run.id);
}

const lt_cmd lt_cmd_logs = {
    .name = "logs",
    .help = "show what the tasks of a run said",
    .args = "[RUN] [TASK]",
    .examples =
        "leat logs\tall of the newest run\nleat logs daily_flights\tone task of the newest run\n"
        "leat logs 12 daily_flights\tone task of run 12\nleat logs -f\twhile the newest run goes "
        "on\n",
    .group = LT_GROUP_RUN,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(logs_opts),
    .run = logs,
};
