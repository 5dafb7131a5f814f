/* Memory that never fails quietly, and the cleanup of plain handles. */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LT_NORETURN static void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "leat: out of memory (%zu bytes asked for)\n", size);
    abort();
}

void *lt_xmalloc(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *lt_xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *lt_xrealloc(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);
    if (!memory)
        out_of_memory(size);
    return memory;
}

void *lt_xrealloc_array(void *old, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory(SIZE_MAX);
    return lt_xrealloc(old, total);
}

char *lt_xstrdup(const char *string)
{
    return lt_xstrndup(string, strlen(string));
}

char *lt_xstrndup(const char *start, size_t len)
{
    char *copy = lt_xmalloc(len + 1);
    if (len)
        memcpy(copy, start, len);
    copy[len] = '\0';
    return copy;
}

void lt_free(void *memory)
{
    free(memory);
}

char *lt_format(const char *format, ...)
{
    char *made = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&made, format, args);
    va_end(args);
    if (len < 0)
        out_of_memory(0);
    return made;
}

void lt_fd_close(int fd)
{
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = saved;
}
