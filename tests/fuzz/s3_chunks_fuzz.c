/* Any bytes as an aws-chunked body: what comes out is the same however the bytes come in, and no more than came in. */
#include "web/s3/chunks.h"

#include <stdlib.h>

typedef struct feed {
    lt_text left;
    size_t step;
} feed;

static lt_status read_feed(void *context, char *out, size_t size, size_t *got, lt_err *err)
{
    (void)err;
    feed *self = context;
    lt_text part = lt_text_sub(self->left, 0, LT_MIN(size, self->step));
    if (part.len)
        memcpy(out, part.ptr, part.len);
    self->left = lt_text_sub(self->left, part.len, self->left.len);
    *got = part.len;
    return LT_OK;
}

static lt_status decode(lt_text framed, size_t step, bool trailer, lt_buf *out)
{
    static lt_s3_chunks chunks;
    feed source = {framed, step};
    lt_err err;
    char block[512];
    lt_status status = LT_OK;
    chunks = (lt_s3_chunks){.read = read_feed, .context = &source, .has_trailer = trailer};
    for (size_t got = 1; got > 0 && status == LT_OK;) {
        status = lt_s3_chunks_read(&chunks, block, sizeof(block), &got, &err);
        lt_buf_add(out, lt_text_at(block, status == LT_OK ? got : 0));
    }
    lt_s3_chunks_cleanup(&chunks);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_buf) one = {0};
    LT_AUTO(lt_buf) other = {0};
    if (size < 1)
        return 0;
    lt_text framed = lt_text_at((const char *)data + 1, size - 1);
    lt_status first = decode(framed, SIZE_MAX, data[0] & 1, &one);
    lt_status second = decode(framed, 1 + data[0] % 7, data[0] & 1, &other);
    if (first != second || one.len > size ||
        (first == LT_OK && !lt_text_eq(lt_buf_text(&one), lt_buf_text(&other))))
        abort();
    return 0;
}
