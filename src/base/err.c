/* Errors: one line each, cut to size, with the next step. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* The length of `line` without a character that was cut at its end. Wrong bytes before it stay: messages quote them. */
static size_t without_half_character(const char *line, size_t len)
{
    size_t start = len;
    while (start && len - start < 3 && ((unsigned char)line[start - 1] & 0xc0) == 0x80)
        start--;
    if (!start || (unsigned char)line[start - 1] < 0xc0)
        return len;
    size_t last = start - 1;
    return last + lt_utf8_valid_len(lt_text_at(line + last, len - last));
}

/* Printed text as one whole line: no control characters, no half character at the end. */
static void tidy(char *line, size_t size, int printed)
{
    size_t len = strnlen(line, size - 1);
    if (printed >= (int)size && size > 4) {
        len = without_half_character(line, size - 4);
        memcpy(line + len, "...", 4);
        len += 3;
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
}

LT_PRINTF(3, 0)
static void print_line(char *out, size_t size, const char *format, va_list args)
{
    tidy(out, size, vsnprintf(out, size, format, args));
}

lt_status lt_fail_args(lt_err *err, lt_status status, const char *format, va_list args)
{
    char line[sizeof(err->message)]; /* arguments may point into *err */
    print_line(line, sizeof(line), format, args);
    memcpy(err->message, line, sizeof(line));
    err->hint[0] = '\0';
    err->status = status;
    err->reason = 0;
    return status;
}

lt_status lt_fail(lt_err *err, lt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, status, format, args));
    va_end(args);
    return status;
}

static lt_status status_of_errno(int code)
{
    switch (code) {
    case ENOENT:
        return LT_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return LT_DENIED;
    case EEXIST:
        return LT_CONFLICT;
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
        return LT_INVALID;
    default:
        return LT_IO;
    }
}

static const char *hint_of_errno(int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
        return "free some disk space, then run the same command again";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (ulimit -n)";
    case EACCES:
    case EPERM:
        return "look at its owner and permissions (ls -ld), or use another place";
    case EROFS:
        return "choose a folder that can be written: --home DIR, for leat dbt --target-path DIR "
               "and --log-path DIR";
    default:
        return "";
    }
}

lt_status lt_fail_errno(lt_err *err, int code, const char *format, ...)
{
    char line[sizeof(err->message)];
    char reason[128];
    va_list args;
    va_start(args, format);
    print_line(line, sizeof(line), format, args);
    va_end(args);
    lt_status status = lt_fail(err, status_of_errno(code), "%s: %s", line,
                               strerror_r(code, reason, sizeof(reason)));
    (void)snprintf(err->hint, sizeof(err->hint), "%s", hint_of_errno(code));
    return status;
}

lt_status lt_hint(lt_err *err, const char *format, ...)
{
    char line[sizeof(err->hint)];
    va_list args;
    va_start(args, format);
    print_line(line, sizeof(line), format, args);
    va_end(args);
    memcpy(err->hint, line, sizeof(line));
    return err->status;
}

lt_status lt_wrap(lt_err *err, const char *format, ...)
{
    char context[sizeof(err->message)];
    char line[2 * sizeof(err->message) + 2];
    va_list args;
    va_start(args, format);
    print_line(context, sizeof(context), format, args);
    va_end(args);
    (void)snprintf(line, sizeof(line), "%s: %s", context, err->message);
    tidy(err->message, sizeof(err->message),
         snprintf(err->message, sizeof(err->message), "%s", line));
    return err->status;
}

const char *lt_status_name(lt_status status)
{
    static const char *const names[] = {
        [LT_OK] = "ok",
        [LT_INVALID] = "invalid",
        [LT_FAILED] = "failed",
        [LT_NOT_FOUND] = "not_found",
        [LT_CONFLICT] = "conflict",
        [LT_DENIED] = "denied",
        [LT_TOO_BIG] = "too_big",
        [LT_IO] = "io",
        [LT_CANCELLED] = "cancelled",
    };
    return (size_t)status < LT_COUNT(names) ? names[status] : "unknown";
}
