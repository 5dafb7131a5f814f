/* Growing bytes with a limit. */
#include "base/buf.h"

#include <stdio.h>

static size_t limit_of(const lt_buf *buf)
{
    return buf->limit ? buf->limit : LT_BUF_LIMIT;
}

char *lt_buf_room(lt_buf *buf, size_t len)
{
    if (buf->overflow || len > limit_of(buf) || buf->len > limit_of(buf) - len) {
        buf->overflow = true;
        return NULL;
    }
    size_t need = buf->len + len + 1;
    if (need > buf->cap) {
        size_t cap = LT_MAX(buf->cap + buf->cap / 2, (size_t)64);
        buf->cap = LT_MAX(LT_MIN(cap, limit_of(buf) + 1), need);
        buf->data = lt_xrealloc(buf->data, buf->cap);
        buf->data[buf->len] = '\0';
    }
    return buf->data + buf->len;
}

void lt_buf_grown(lt_buf *buf, size_t len)
{
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void lt_buf_add(lt_buf *buf, lt_text text)
{
    char *room = lt_buf_room(buf, text.len);
    if (!room)
        return;
    if (text.len)
        memcpy(room, text.ptr, text.len);
    lt_buf_grown(buf, text.len);
}

void lt_buf_add_str(lt_buf *buf, const char *string)
{
    lt_buf_add(buf, lt_text_of(string));
}

void lt_buf_add_byte(lt_buf *buf, char byte)
{
    lt_buf_add(buf, lt_text_at(&byte, 1));
}

void lt_buf_vprintf(lt_buf *buf, const char *format, va_list args)
{
    va_list again;
    size_t left = buf->data && !buf->overflow ? buf->cap - buf->len : 0;
    va_copy(again, args);
    int len = vsnprintf(left ? buf->data + buf->len : NULL, left, format, again);
    va_end(again);
    bool fits = len >= 0 && (size_t)len < left; /* then it is there already */
    char *room = len < 0 ? NULL : lt_buf_room(buf, (size_t)len);
    if (left && (!room || !fits))
        buf->data[buf->len] = '\0';
    if (!room)
        return;
    if (!fits)
        (void)vsnprintf(room, (size_t)len + 1, format, args);
    lt_buf_grown(buf, (size_t)len);
}

void lt_buf_printf(lt_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_buf_vprintf(buf, format, args);
    va_end(args);
}

void lt_buf_clear(lt_buf *buf)
{
    buf->overflow = false;
    lt_buf_cut(buf, 0);
}

void lt_buf_cut(lt_buf *buf, size_t len)
{
    if (!buf->data || len > buf->len)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

void lt_buf_cleanup(lt_buf *buf)
{
    lt_free(buf->data);
    *buf = (lt_buf){.limit = buf->limit};
}

char *lt_buf_take(lt_buf *buf)
{
    char *taken = buf->data ? buf->data : lt_xstrdup("");
    *buf = (lt_buf){.limit = buf->limit};
    return taken;
}

lt_status lt_buf_check(const lt_buf *buf, const char *what, lt_err *err)
{
    if (!buf->overflow)
        return LT_OK;
    return lt_fail(err, LT_TOO_BIG, "%s is larger than %zu bytes", what, limit_of(buf));
}
