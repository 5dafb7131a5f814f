/* buf.h - bytes that grow, up to a limit.
 *
 * Every buffer has a limit; 0 stands for LT_BUF_LIMIT. An append that would pass it changes nothing but sets `overflow`,
 * and later appends do nothing: write freely, ask once at the end with lt_buf_check(). After each append data[len] is NUL,
 * so data can be read as a C string (data is NULL before the first append: use lt_buf_chars()). */
#pragma once
#include "base/err.h"

#include <stdarg.h>

#define LT_BUF_LIMIT (256 * LT_MIB)

typedef struct lt_buf {
    char *data; /* owned */
    size_t len, cap;
    size_t limit; /* bytes; 0 is LT_BUF_LIMIT */
    bool overflow;
} lt_buf;

void lt_buf_add(lt_buf *buf, lt_text text);
void lt_buf_add_str(lt_buf *buf, const char *string);
void lt_buf_add_byte(lt_buf *buf, char byte);
void lt_buf_printf(lt_buf *buf, const char *format, ...) LT_PRINTF(2, 3);
void lt_buf_vprintf(lt_buf *buf, const char *format, va_list args) LT_PRINTF(2, 0);

/* Room for `len` more bytes behind data[len], to be filled by the caller, who then adds to buf->len (lt_buf_grown()).
 * NULL when that would pass the limit (overflow is set). */
char *lt_buf_room(lt_buf *buf, size_t len);
void lt_buf_grown(lt_buf *buf, size_t len);

void lt_buf_clear(lt_buf *buf);           /* empty again, memory kept, overflow forgotten */
void lt_buf_cut(lt_buf *buf, size_t len); /* keep the first `len` bytes */
void lt_buf_cleanup(lt_buf *buf);         /* free; the limit stays */

static inline lt_text lt_buf_text(const lt_buf *buf) /* borrowed until the next append */
{
    return lt_text_at(buf->data, buf->len);
}
static inline const char *lt_buf_chars(const lt_buf *buf)
{
    return buf->data ? buf->data : "";
}
/* The bytes as a heap string, owned by the caller; the buffer is empty afterwards. */
char *lt_buf_take(lt_buf *buf);

/* LT_TOO_BIG if something did not fit: "<what> is larger than N bytes". */
LT_MUST_CHECK lt_status lt_buf_check(const lt_buf *buf, const char *what, lt_err *err);
