/* The log of a task: one file, a line for each event. */
#include "base/fs.h"
#include "base/mask.h"
#include "base/time.h"
#include "run/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

char *lt_run_log_folder(const char *home, int64_t run_id)
{
    return lt_format("%s/logs/%lld", home, (long long)run_id);
}

/* Node ids come from names in files; a path must not. */
char *lt_run_log_path(const char *home, int64_t run_id, lt_text task)
{
    LT_AUTO(lt_chars) folder = lt_run_log_folder(home, run_id);
    LT_AUTO(lt_buf) name = {0};
    for (size_t i = 0; i < task.len && name.len < 180; i++) {
        char c = task.ptr[i];
        lt_buf_add_byte(&name, lt_is_alpha(c) || lt_is_digit(c) || c == '.' || c == '-' ? c : '_');
    }
    if (name.len < task.len || memchr(task.ptr, '/', task.len))
        lt_buf_printf(&name, "-%08x", (unsigned)lt_text_hash(task));
    return lt_format("%s/%s.log", folder, lt_buf_chars(&name));
}

lt_status lt_work_log_open(lt_work *work, lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_run_log_folder(work->run->workspace->home, work->run->record->id);
    LT_AUTO(lt_chars)
    path = lt_run_log_path(work->run->workspace->home, work->run->record->id, work->task->node->id);
    LT_TRY(lt_folder_make(folder, 0750, err));
    work->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (work->log_fd < 0)
        return lt_fail_errno(err, errno, "cannot write the log '%s'", path);
    return LT_OK;
}

void lt_work_log(const lt_work *work, const char *format, ...)
{
    char now[LT_TIME_CHARS];
    lt_err err;
    LT_AUTO(lt_buf) line = {.limit = LT_MIB};
    LT_AUTO(lt_buf) shown = {.limit = 2 * LT_MIB};
    va_list args;
    lt_buf_printf(&line, "%s ", lt_time_write(lt_now_us(), now));
    va_start(args, format);
    lt_buf_vprintf(&line, format, args);
    va_end(args);
    lt_buf_add_byte(&line, '\n');
    lt_mask(lt_buf_text(&line), &shown);
    lt_ignore(lt_fd_write(work->log_fd, lt_buf_text(&shown), "the log",
                          &err)); /* a full disk must not fail the task twice */
}
