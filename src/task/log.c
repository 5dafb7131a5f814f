/* The log of one attempt's output: masked, rotated, never larger than its limit. */
#include "task/log.h"

#include "base/fs.h"
#include "base/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static lt_status reopen(lt_task_log *log, lt_err *err)
{
    lt_fd_close(log->fd);
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log->fd < 0)
        return lt_fail_errno(err, errno, "cannot write the log '%s'", log->path);
    log->file_bytes = LT_MAX(size_of(log->path), (int64_t)0);
    return LT_OK;
}

lt_status lt_task_log_open(lt_task_log *log, const char *path, int64_t limit_bytes, lt_err *err)
{
    *log = (lt_task_log){.path = lt_xstrdup(path), .fd = -1, .limit_bytes = limit_bytes};
    LT_AUTO(lt_chars) head = lt_format("%s.head", path);
    LT_AUTO(lt_chars) older = lt_format("%s.1", path);
    log->has_head = size_of(head) >= 0;
    log->old_bytes = LT_MAX(size_of(older), (int64_t)0);
    return reopen(log, err);
}

static void write_now(lt_task_log *log, lt_text text)
{
    lt_err err;
    if (text.len && !log->is_broken && lt_fd_write(log->fd, text, log->path, &err) != LT_OK)
        log->is_broken = true;
    log->file_bytes += (int64_t)text.len;
}

/* PATH is full: the first time it becomes the head, later the older half of the tail. */
static void rotate(lt_task_log *log)
{
    char line[120];
    lt_err err;
    LT_AUTO(lt_chars) to = lt_format("%s.%s", log->path, log->has_head ? "1" : "head");
    int64_t lost = log->has_head ? log->old_bytes : 0;
    if (log->has_head)
        log->old_bytes = log->file_bytes;
    log->has_head = true;
    log->dropped += lost;
    if (rename(log->path, to) != 0 || reopen(log, &err) != LT_OK) {
        log->is_broken = true;
        return;
    }
    if (!log->dropped)
        return;
    (void)snprintf(line, sizeof(line), "[leat: %lld bytes of output were left out before here]\n",
                   (long long)log->dropped);
    write_now(log, lt_text_of(line));
}

static void write_masked(lt_task_log *log, lt_text text)
{
    LT_AUTO(lt_buf) shown = {0};
    lt_mask(text, &shown);
    lt_text rest = lt_buf_text(&shown);
    while (rest.len) {
        int64_t room = log->limit_bytes / 3 - log->file_bytes;
        if (room <= 0 && log->limit_bytes) {
            rotate(log);
            room = LT_MAX(log->limit_bytes / 3 - log->file_bytes, (int64_t)1);
        }
        size_t part = log->limit_bytes ? LT_MIN(rest.len, (size_t)room) : rest.len;
        write_now(log, lt_text_sub(rest, 0, part));
        rest = lt_text_sub(rest, part, SIZE_MAX);
    }
}

void lt_task_log_write(lt_task_log *log, lt_text output)
{
    log->bytes += (int64_t)output.len;
    lt_buf_add(&log->waiting, output);
    size_t safe = lt_mask_safe_len(lt_buf_text(&log->waiting));
    if (!safe)
        return;
    write_masked(log, lt_text_sub(lt_buf_text(&log->waiting), 0, safe));
    size_t left = log->waiting.len - safe;
    memmove(log->waiting.data, log->waiting.data + safe, left);
    lt_buf_cut(&log->waiting, left);
}

void lt_task_log_close(lt_task_log *log)
{
    write_masked(log, lt_buf_text(&log->waiting));
    lt_buf_cleanup(&log->waiting);
    lt_fd_close(log->fd);
    lt_free(log->path);
    log->fd = -1;
    log->path = NULL;
}
