/* Output: gathered, styled, written in large pieces. */
#include "cli/out.h"

#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

static size_t terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static bool color_is_wanted(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void lt_out_open(lt_out *out, int fd, bool may_color)
{
    bool is_terminal = fd >= 0 && isatty(fd);
    *out = (lt_out){.fd = fd,
                    .is_terminal = is_terminal,
                    .has_color = is_terminal && may_color && color_is_wanted(),
                    .width = is_terminal ? terminal_width(fd) : 0};
}

void lt_out_cleanup(lt_out *out)
{
    lt_buf_cleanup(&out->buf);
}

static void write_out(lt_out *out)
{
    lt_text left = lt_buf_text(&out->buf);
    while (left.len && !out->error) {
        ssize_t wrote = write(out->fd, left.ptr, left.len);
        if (wrote < 0 && errno != EINTR)
            out->error = errno;
        if (wrote > 0)
            left = lt_text_sub(left, (size_t)wrote, SIZE_MAX);
    }
    lt_buf_clear(&out->buf);
}

static void write_if_large(lt_out *out)
{
    if (out->fd >= 0 && out->buf.len >= PIECE)
        write_out(out);
}

void lt_out_text(lt_out *out, lt_text text)
{
    lt_buf_add(&out->buf, text);
    write_if_large(out);
}

void lt_out_str(lt_out *out, const char *string)
{
    lt_out_text(out, lt_text_of(string));
}

void lt_out_printf(lt_out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(&out->buf, format, args);
    va_end(args);
    write_if_large(out);
}

const char *lt_style_on(const lt_out *out, lt_style style)
{
    static const char *const codes[] = {
        [LT_PLAIN] = "",        [LT_BOLD] = "\033[1m",   [LT_DIM] = "\033[2m",
        [LT_RED] = "\033[31m",  [LT_GREEN] = "\033[32m", [LT_YELLOW] = "\033[33m",
        [LT_CYAN] = "\033[36m",
    };
    return out->has_color ? codes[style] : "";
}

const char *lt_style_off(const lt_out *out)
{
    return out->has_color ? "\033[0m" : "";
}

void lt_out_styled(lt_out *out, lt_style style, lt_text text)
{
    lt_out_str(out, lt_style_on(out, style));
    lt_out_text(out, text);
    lt_out_str(out, style == LT_PLAIN ? "" : lt_style_off(out));
}

lt_status lt_out_flush(lt_out *out, lt_err *err)
{
    if (out->fd >= 0)
        write_out(out);
    if (out->error == EPIPE)
        return lt_fail(err, LT_CANCELLED, "nobody reads the output any more");
    if (out->error)
        return lt_fail_errno(err, out->error, "cannot write the output");
    return LT_OK;
}

lt_text lt_moment_cell(lt_arena *arena, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    return at_us ? lt_text_of(lt_arena_format(arena, "%.19sZ", lt_time_write(at_us, text)))
                 : (lt_text){0};
}

const char *lt_count_write(int64_t count, char out[LT_COUNT_CHARS])
{
    char digits[LT_COUNT_CHARS];
    uint64_t size = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)size);
    size_t at = 0;
    if (count < 0)
        out[at++] = '-';
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *lt_count_short(double count, char out[LT_COUNT_CHARS])
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    while (count >= 999.5 && unit + 1 < LT_COUNT(units)) {
        count /= 1000;
        unit++;
    }
    (void)snprintf(out, LT_COUNT_CHARS, "%.*f%s", unit && count < 9.95, count, units[unit]);
    return out;
}
