/* Lines of `leat dbt`, for people and for programs. */
#include "cli/dbt_log.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/time.h"
#include "fmt/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void add_time(lt_buf *out)
{
    time_t now = (time_t)(lt_now_us() / 1000000);
    struct tm parts;
    char text[16];
    if (!localtime_r(&now, &parts) || !strftime(text, sizeof(text), "%H:%M:%S", &parts))
        text[0] = '\0';
    lt_buf_add_str(out, text);
}

typedef struct event {
    lt_log_level level;
    const char *code, *name;
    lt_text message;
} event;

static void add_json(const dbt_log *log, const event *e, lt_buf *out)
{
    char now[LT_TIME_CHARS];
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("data"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "msg", e->message);
    lt_json_end(&w);
    lt_json_key(&w, T("info"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "category", T(""));
    lt_json_set(&w, "code", lt_text_of(e->code));
    lt_json_key(&w, T("extra"));
    lt_json_begin(&w, '{');
    lt_json_end(&w);
    lt_json_set(&w, "invocation_id", lt_text_of(log->invocation_id));
    lt_json_set(&w, "level", lt_text_of(level_names[e->level]));
    lt_json_set(&w, "msg", e->message);
    lt_json_set(&w, "name", lt_text_of(e->name));
    lt_json_set_int(&w, "pid", getpid());
    lt_json_set(&w, "thread", T("MainThread"));
    lt_json_set(&w, "ts", lt_text_of(lt_time_write(lt_now_us(), now)));
    lt_json_end(&w);
    lt_json_end(&w);
    lt_buf_add_byte(out, '\n');
}

static void add_text(const event *e, lt_buf *out)
{
    lt_text rest = e->message, line;
    do { /* every line of a message has its time, as dbt's have */
        if (!lt_text_cut(&rest, '\n', &line))
            line = (lt_text){0};
        add_time(out);
        lt_buf_add_str(out, "  ");
        lt_buf_add(out, line);
        lt_buf_add_byte(out, '\n');
    } while (rest.len);
}

static void write_event(dbt_log *log, const event *e)
{
    LT_AUTO(lt_buf) line = {.limit = 4 * LT_MIB};
    LT_AUTO(lt_buf) masked = {.limit = 4 * LT_MIB};
    lt_err err = {0};
    bool shown = e->level <= log->level && (!log->quiet || e->level == LT_LOG_ERROR);
    (void)pthread_mutex_lock(&log->lock);
    if (shown) {
        if (log->json)
            add_json(log, e, &line);
        else
            add_text(e, &line);
        lt_mask(lt_buf_text(&line), &masked);
        lt_out_text(log->out, lt_buf_text(&masked));
        lt_ignore(lt_out_flush(log->out, &err));
    }
    if (log->fd >= 0) {
        lt_buf_clear(&line);
        lt_buf_clear(&masked);
        if (log->json_file)
            add_json(log, e, &line);
        else
            add_text(e, &line);
        lt_mask(lt_buf_text(&line), &masked);
        lt_ignore(lt_fd_write(log->fd, lt_buf_text(&masked), "dbt.log", &err));
    }
    (void)pthread_mutex_unlock(&log->lock);
}

void dbt_say(dbt_log *log, lt_log_level level, const char *code, const char *name,
             const char *format, ...)
{
    LT_AUTO(lt_buf) text = {.limit = 2 * LT_MIB};
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&text, format, args);
    va_end(args);
    event e = {.level = level, .code = code, .name = name, .message = lt_buf_text(&text)};
    write_event(log, &e);
}

void dbt_say_plain(dbt_log *log, lt_text line)
{
    lt_err err = {0};
    (void)pthread_mutex_lock(&log->lock);
    if (log->json) {
        LT_AUTO(lt_buf) text = {.limit = 16 * LT_MIB};
        event e = {.level = LT_LOG_INFO, .code = "Z052", .name = "PrintEvent", .message = line};
        add_json(log, &e, &text);
        lt_out_text(log->out, lt_buf_text(&text));
    } else {
        lt_out_text(log->out, line);
        lt_out_str(log->out, "\n");
    }
    lt_ignore(lt_out_flush(log->out, &err));
    (void)pthread_mutex_unlock(&log->lock);
}

void dbt_log_open(dbt_log *log, const char *folder)
{
    lt_err err = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "dbt.log");
    if (lt_folder_make(folder, 0755, &err) == LT_OK)
        log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

void dbt_log_close(dbt_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
    (void)pthread_mutex_destroy(&log->lock);
}
