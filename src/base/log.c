/* Log lines: one write each, so that threads do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/mask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic(lt_log_level) current_level = LT_LOG_INFO;

void lt_log_set_level(lt_log_level level)
{
    current_level = level;
}

lt_log_level lt_log_get_level(void)
{
    return current_level;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*before_line)(void *context);
static void (*after_line)(void *context);
static void *around_context;

void lt_log_set_around(void (*before)(void *context), void (*after)(void *context), void *context)
{
    (void)pthread_mutex_lock(&lock);
    before_line = before;
    after_line = after;
    around_context = context;
    (void)pthread_mutex_unlock(&lock);
}

static _Thread_local void (*also_to)(void *context, lt_log_level level, lt_text line);
static _Thread_local void *also_context;

void lt_log_set_also(void (*also)(void *context, lt_log_level level, lt_text line), void *context)
{
    also_to = also;
    also_context = context;
}

static void write_masked(const lt_buf *lines)
{
    LT_AUTO(lt_buf) masked = {0};
    lt_mask(lt_buf_text(lines), &masked);
    (void)pthread_mutex_lock(&lock);
    if (before_line)
        before_line(around_context);
    (void)fwrite(lt_buf_chars(&masked), 1, masked.len, stderr);
    (void)fflush(stderr);
    if (after_line)
        after_line(around_context);
    (void)pthread_mutex_unlock(&lock);
}

void lt_log(lt_log_level level, const char *format, ...)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    bool also = also_to && level <= LT_LOG_INFO;
    if (level > current_level && !also)
        return;
    LT_AUTO(lt_buf) line = {0};
    lt_buf_printf(&line, "leat: %s", words[level]);
    size_t head = line.len;
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&line, format, args);
    va_end(args);
    if (also)
        also_to(also_context, level, lt_text_sub(lt_buf_text(&line), head, SIZE_MAX));
    lt_buf_add_byte(&line, '\n');
    if (level <= current_level)
        write_masked(&line);
}

void lt_log_err(const lt_err *err)
{
    LT_AUTO(lt_buf) lines = {0};
    lt_buf_printf(&lines, "leat: error: %s\n", err->message);
    if (err->hint[0])
        lt_buf_printf(&lines, "  hint: %s\n", err->hint);
    write_masked(&lines);
}
