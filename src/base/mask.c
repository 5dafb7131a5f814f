/* The list of secrets, and their replacement in text. */
#include "base/mask.h"

#include "base/vec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHORTEST = 4 };
static const char SHOWN[] = "***";

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static LT_VEC(lt_text) secrets; /* owned, longest first */

static int longer_first(const void *a, const void *b)
{
    const lt_text *left = a, *right = b;
    if (left->len != right->len)
        return left->len < right->len ? 1 : -1;
    return lt_text_cmp(*left, *right);
}

static void add_one(lt_text secret)
{
    if (secret.len < SHORTEST)
        return;
    for (size_t i = 0; i < secrets.len; i++)
        if (lt_text_eq(secrets.items[i], secret))
            return;
    lt_text copy = lt_text_at(lt_text_dup(secret), secret.len);
    lt_push(&secrets, copy);
    qsort(secrets.items, secrets.len, sizeof(*secrets.items), longer_first);
}

static void percent_encoded(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (lt_is_alpha(c) || lt_is_digit(c) || memchr("-._~", c, 4))
            lt_buf_add_byte(out, c);
        else
            lt_buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

static void base64_encoded(lt_text text, lt_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < text.len; i += 3) {
        size_t left = LT_MIN(text.len - i, (size_t)3);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < left ? (unsigned char)text.ptr[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            lt_buf_add_byte(out, k <= left ? digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static void json_escaped(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\')
            lt_buf_add_byte(out, '\\');
        if ((unsigned char)c < ' ')
            lt_buf_printf(out, "\\u%04x", (unsigned char)c);
        else
            lt_buf_add_byte(out, c);
    }
}

void lt_mask_register(lt_text secret)
{
    static void (*const forms[])(lt_text, lt_buf *) = {percent_encoded, base64_encoded,
                                                       json_escaped};
    if (secret.len < SHORTEST)
        return;
    (void)pthread_rwlock_wrlock(&lock);
    add_one(secret);
    for (size_t i = 0; i < LT_COUNT(forms); i++) {
        LT_AUTO(lt_buf) form = {0};
        forms[i](secret, &form);
        add_one(lt_buf_text(&form));
    }
    (void)pthread_rwlock_unlock(&lock);
}

/* The secret that `text` starts with; empty when none does. */
static lt_text secret_at(lt_text text)
{
    for (size_t i = 0; i < secrets.len; i++)
        if (lt_text_starts(text, secrets.items[i]))
            return secrets.items[i];
    return (lt_text){0};
}

void lt_mask(lt_text text, lt_buf *out)
{
    (void)pthread_rwlock_rdlock(&lock);
    size_t start = 0, at = 0;
    while (secrets.len && at < text.len) {
        lt_text secret = secret_at(lt_text_sub(text, at, SIZE_MAX));
        if (!secret.len) {
            at++;
            continue;
        }
        lt_buf_add(out, lt_text_sub(text, start, at - start));
        lt_buf_add_str(out, SHOWN);
        start = at += secret.len;
    }
    (void)pthread_rwlock_unlock(&lock);
    lt_buf_add(out, lt_text_sub(text, start, SIZE_MAX));
}

void lt_mask_in_place(char *line, size_t size)
{
    LT_AUTO(lt_buf) masked = {0};
    lt_mask(lt_text_of(line), &masked);
    (void)snprintf(line, size, "%s", lt_buf_chars(&masked));
}

void lt_mask_forget_all(void)
{
    (void)pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < secrets.len; i++)
        lt_free((void *)(uintptr_t)secrets.items[i].ptr);
    lt_vec_free(&secrets);
    (void)pthread_rwlock_unlock(&lock);
}
