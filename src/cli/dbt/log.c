/* Lines of `leat dbt`, for people and for programs. */
#include "cli/dbt/log.h"

#include "base/fs.h"
#include "base/mask.h"
#include "base/time.h"
#include "fmt/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
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
    lt_text message, data;
} event;

static void add_json(const dbt_log *log, const event *e, lt_buf *out)
{
    char now[LT_TIME_CHARS];
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("data"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "msg", e->message);
    if (e->data.len) {
        lt_buf_add_byte(out, ',');
        lt_buf_add(out, e->data);
    }
    lt_json_end(&w);
    lt_json_key(&w, T("info"));
    lt_json_begin(&w, '{');
    lt_json_set(&w, "category", T(""));
    lt_json_set(&w, "code", lt_text_of(e->code));
    lt_json_key(&w, T("extra"));
    lt_json_begin(&w, '{');
    for (size_t i = 0; log->invocation && i < log->invocation->env_count; i++)
        lt_json_set(&w, log->invocation->env_names[i], lt_text_of(log->invocation->env_values[i]));
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

static void add_moment(lt_buf *out)
{
    add_time(out);
    lt_buf_printf(out, ".%06d", (int)(lt_now_us() % 1000000));
}

/* Only the first line of a message has a time, as with dbt. */
static void add_text(const dbt_log *log, bool details, const event *e, lt_buf *out)
{
    static const char rule[] = "==============================";
    char now[LT_TIME_CHARS];
    if (!details) {
        add_time(out);
        lt_buf_add_str(out, "  ");
    } else {
        if (strcmp(e->name, "MainReportVersion") == 0)
            lt_buf_printf(out, "\n\n%s %s | %s %s\n", rule, lt_time_write(lt_now_us(), now),
                          log->invocation_id, rule);
        add_moment(out);
        lt_buf_printf(out, " [%-5s] [MainThread]: ", level_names[e->level]);
    }
    lt_buf_add(out, e->message);
    lt_buf_add_byte(out, '\n');
}

/* Without sequences that paint: a file, a pipe and JSON have no colors, and no text of others paints either. */
static void strip(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\033') {
            lt_buf_add_byte(out, text.ptr[i]);
            continue;
        }
        while (i + 1 < text.len && text.ptr[i] != 'm')
            i++;
    }
}

static void add_event(const dbt_log *log, bool to_file, const event *e, lt_buf *out)
{
    bool json = to_file ? log->json_file : log->json;
    LT_AUTO(lt_buf) bare = {.limit = 4 * LT_MIB};
    LT_AUTO(lt_buf) line = {.limit = 8 * LT_MIB};
    event plain = *e;
    bool paints = lt_text_find_byte(e->message, '\033', 0) != SIZE_MAX;
    if (paints && (json || !(to_file ? log->colors_file : log->colors))) {
        strip(e->message, &bare);
        plain.message = lt_buf_text(&bare);
    }
    if (json)
        add_json(log, &plain, &line);
    else
        add_text(log, to_file ? log->details_file : log->details, &plain, &line);
    lt_mask(lt_buf_text(&line), out);
}

static void write_event(dbt_log *log, const event *e)
{
    LT_AUTO(lt_buf) line = {.limit = 8 * LT_MIB};
    lt_err err = {0};
    bool shown =
        !log->is_silent && e->level <= log->level && (!log->quiet || e->level == LT_LOG_ERROR);
    (void)pthread_mutex_lock(&log->lock);
    if (shown) {
        add_event(log, false, e, &line);
        lt_out_text(log->out, lt_buf_text(&line));
        lt_ignore(lt_out_flush(log->out, &err));
    }
    if (log->fd >= 0 && e->level <= log->file_level) {
        lt_buf_clear(&line);
        add_event(log, true, e, &line);
        lt_ignore(lt_fd_write(log->fd, lt_buf_text(&line), "dbt.log", &err));
    }
    (void)pthread_mutex_unlock(&log->lock);
}

static void say(dbt_log *log, event e, const char *format, va_list args) LT_PRINTF(3, 0);
static void say(dbt_log *log, event e, const char *format, va_list args)
{
    LT_AUTO(lt_buf) text = {.limit = 2 * LT_MIB};
    lt_buf_vprintf(&text, format, args);
    e.message = lt_buf_text(&text);
    write_event(log, &e);
}

void dbt_say(dbt_log *log, lt_log_level level, const char *code, const char *name,
             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(log, (event){.level = level, .code = code, .name = name}, format, args);
    va_end(args);
}

void dbt_say_of(dbt_log *log, lt_log_level level, const char *code, const char *name, lt_text data,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(log, (event){.level = level, .code = code, .name = name, .data = data}, format, args);
    va_end(args);
}

bool dbt_log_has_data(const dbt_log *log)
{
    return (log->json && !log->is_silent) || (log->json_file && log->fd >= 0);
}

/* Also when quiet. */
static void write_shown(dbt_log *log, const event *e)
{
    lt_err err = {0};
    (void)pthread_mutex_lock(&log->lock);
    if (log->json) {
        LT_AUTO(lt_buf) text = {.limit = 16 * LT_MIB};
        add_json(log, e, &text);
        lt_out_text(log->out, lt_buf_text(&text));
    } else {
        lt_out_text(log->out, e->message);
        lt_out_str(log->out, "\n");
    }
    lt_ignore(lt_out_flush(log->out, &err));
    (void)pthread_mutex_unlock(&log->lock);
}

void dbt_say_plain(dbt_log *log, lt_text line)
{
    const event e = {.level = LT_LOG_INFO, .code = "Z052", .name = "PrintEvent", .message = line};
    write_shown(log, &e);
}

void dbt_say_shown(dbt_log *log, const char *code, const char *name, lt_text head, lt_text body)
{
    LT_AUTO(lt_buf) whole = {0};
    event e = {.level = LT_LOG_INFO, .code = code, .name = name, .message = body};
    if (head.len && !log->quiet && log->json) {
        lt_buf_printf(&whole, "%.*s\n", LT_ARG(head));
        lt_buf_add(&whole, body);
        e.message = lt_buf_text(&whole);
    } else if (head.len && !log->quiet) {
        dbt_say(log, LT_LOG_INFO, code, name, "%.*s", LT_ARG(head));
    }
    write_shown(log, &e);
}

void dbt_log_open(dbt_log *log, const char *folder)
{
    lt_err err = {0};
    struct stat there;
    LT_AUTO(lt_chars) path = lt_path_join(folder, "dbt.log");
    LT_AUTO(lt_chars) aside = lt_format("%s.1", path);
    if (lt_folder_make(folder, 0755, &err) != LT_OK)
        return;
    if (log->file_most_bytes && stat(path, &there) == 0 &&
        (uint64_t)there.st_size >= log->file_most_bytes)
        (void)rename(path, aside);
    log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

void dbt_log_close(dbt_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
    (void)pthread_mutex_destroy(&log->lock);
}
