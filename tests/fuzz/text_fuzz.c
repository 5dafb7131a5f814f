/* Fuzz: any bytes as UTF-8, as two names that may be near, as numbers, and as a text with a secret in it. */
#include "base/mask.h"

#include <stdlib.h>

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void walk_utf8(lt_text text)
{
    size_t at = 0, before = 0, valid = lt_utf8_valid_len(text);
    uint32_t point;
    while (lt_utf8_next(text, &at, &point)) {
        char bytes[4];
        size_t len = lt_utf8_put(point, bytes);
        must(at > before && at - before <= 4 && len > 0);
        if (at <= valid)
            must(lt_text_eq(lt_text_at(bytes, len), lt_text_sub(text, before, at - before)));
        before = at;
    }
    must(at == text.len);
}

static void compare(lt_text a, lt_text b)
{
    size_t distance = lt_text_distance(a, b, 99);
    must(distance == lt_text_distance(b, a, 99) && distance <= 100);
    must(a.len > 64 || b.len > 64 || distance <= LT_MAX(a.len, b.len));
    must((distance == 0) == (a.len <= 64 && b.len <= 64 && lt_text_eq_nocase(a, b)));
}

static void mask(lt_text secret, lt_text text)
{
    LT_AUTO(lt_buf) out = {0};
    lt_mask_forget_all();
    lt_mask_register(secret);
    must(lt_mask_safe_len(text) <= text.len);
    lt_mask(text, &out);
    must(secret.len < 4 || memchr(secret.ptr, '*', secret.len) ||
         !lt_text_has(lt_buf_text(&out), secret));
    lt_mask_forget_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lt_text text = lt_text_at((const char *)data, size);
    size_t middle = size ? data[0] % size : 0;
    lt_text a = lt_text_sub(text, 0, middle), b = lt_text_sub(text, middle, SIZE_MAX);
    int64_t number;
    double real;
    walk_utf8(text);
    compare(a, b);
    if (size < 4096)
        mask(a, b);
    (void)!lt_text_to_i64(text, &number);
    (void)!lt_text_to_double(text, &real);
    return 0;
}
