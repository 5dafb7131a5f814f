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
static bool can_start[256];

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
    can_start[(unsigned char)secret.ptr[0]] = true;
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

enum { BASE64, BASE64_URL };

static char base64_digit(int kind, uint32_t bits)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    return bits < 62 ? digits[bits] : (kind == BASE64 ? "+/" : "-_")[bits - 62];
}

/* The six bits from bit `at` of the text; what lies behind its end is 0. */
static uint32_t six_bits(lt_text text, size_t at)
{
    size_t byte = at / 8;
    uint32_t pair = (uint32_t)(unsigned char)text.ptr[byte] << 8;
    if (byte + 1 < text.len)
        pair |= (unsigned char)text.ptr[byte + 1];
    return pair >> (10 - at % 8) & 63;
}

/* The digits that only the secret decides when it stands `shift` bytes (0 to 2) behind the start of a group of three: so
 * "user:secret" is found in base64 too. */
static void add_base64(lt_text secret, int kind, size_t shift)
{
    enum { SHORTEST_CORE = 6 };
    LT_AUTO(lt_buf) core = {0};
    for (size_t at = shift * 8 % 6 ? 6 - shift * 8 % 6 : 0; at + 6 <= secret.len * 8; at += 6)
        lt_buf_add_byte(&core, base64_digit(kind, six_bits(secret, at)));
    if (core.len >= SHORTEST_CORE)
        add_one(lt_buf_text(&core));
}

/* The whole form, without and with padding. */
static void add_whole_base64(lt_text secret, int kind)
{
    LT_AUTO(lt_buf) form = {0};
    for (size_t at = 0; at < secret.len * 8; at += 6)
        lt_buf_add_byte(&form, base64_digit(kind, six_bits(secret, at)));
    add_one(lt_buf_text(&form));
    while (form.len % 4)
        lt_buf_add_byte(&form, '=');
    add_one(lt_buf_text(&form));
}

static void json_escaped(lt_text text, lt_buf *out)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        const char *found = c ? strchr(special, c) : NULL;
        if (found)
            lt_buf_printf(out, "\\%c", letters[found - special]);
        else if ((unsigned char)c < ' ')
            lt_buf_printf(out, "\\u%04x", (unsigned char)c);
        else
            lt_buf_add_byte(out, c);
    }
}

/* As lt_fail() puts it into one line. */
static void on_one_line(lt_text text, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        lt_buf_add_byte(out, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
}

void lt_mask_register(lt_text secret)
{
    static void (*const forms[])(lt_text, lt_buf *) = {percent_encoded, json_escaped, on_one_line};
    if (secret.len < SHORTEST)
        return;
    (void)pthread_rwlock_wrlock(&lock);
    add_one(secret);
    for (size_t i = 0; i < LT_COUNT(forms); i++) {
        LT_AUTO(lt_buf) form = {0};
        forms[i](secret, &form);
        add_one(lt_buf_text(&form));
    }
    for (int kind = BASE64; kind <= BASE64_URL; kind++) {
        add_whole_base64(secret, kind);
        for (size_t shift = 0; shift < 3; shift++)
            add_base64(secret, kind, shift);
    }
    (void)pthread_rwlock_unlock(&lock);
}

/* The length of the longest secret that `text` starts with; 0 when none does. */
static size_t secret_at(lt_text text)
{
    if (!can_start[(unsigned char)text.ptr[0]])
        return 0;
    for (size_t i = 0; i < secrets.len; i++)
        if (lt_text_starts(text, secrets.items[i]))
            return secrets.items[i].len;
    return 0;
}

/* The end of what is secret from `at` on: secrets that begin inside of it and reach further count too. */
static size_t secret_end(lt_text text, size_t at)
{
    size_t end = at;
    do
        end = LT_MAX(end, at + secret_at(lt_text_sub(text, at, SIZE_MAX)));
    while (++at < end);
    return end;
}

void lt_mask(lt_text text, lt_buf *out)
{
    (void)pthread_rwlock_rdlock(&lock);
    size_t start = 0, at = 0;
    while (secrets.len && at < text.len) {
        if (!can_start[(unsigned char)text.ptr[at]]) {
            at++;
            continue;
        }
        size_t end = secret_end(text, at);
        if (end == at) {
            at++;
            continue;
        }
        lt_buf_add(out, lt_text_sub(text, start, at - start));
        lt_buf_add_str(out, SHOWN);
        start = at = end;
    }
    (void)pthread_rwlock_unlock(&lock);
    lt_buf_add(out, lt_text_sub(text, start, SIZE_MAX));
}

/* Could `tail` be the beginning of a secret whose end is still to come? */
static bool may_go_on(lt_text tail)
{
    for (size_t i = 0; i < secrets.len; i++)
        if (secrets.items[i].len > tail.len && lt_text_starts(secrets.items[i], tail))
            return true;
    return false;
}

/* A place not behind `at` that lies inside of no secret. */
static size_t outside(lt_text text, size_t at, size_t longest)
{
    size_t from = at - LT_MIN(at, longest);
    while (from < at) {
        if (from + secret_at(lt_text_sub(text, from, SIZE_MAX)) <= at) {
            from++;
            continue;
        }
        at = from;
        from = at - LT_MIN(at, longest);
    }
    return at;
}

size_t lt_mask_safe_len(lt_text text)
{
    (void)pthread_rwlock_rdlock(&lock);
    size_t longest = secrets.len ? secrets.items[0].len : 0;
    size_t safe = text.len - LT_MIN(text.len, longest);
    while (safe < text.len && !may_go_on(lt_text_sub(text, safe, SIZE_MAX)))
        safe++;
    if (safe < text.len)
        safe = outside(text, safe, longest);
    (void)pthread_rwlock_unlock(&lock);
    return safe;
}

void lt_mask_in_place(char *line, size_t size)
{
    LT_AUTO(lt_buf) masked = {0};
    lt_mask(lt_text_of(line), &masked);
    (void)snprintf(line, size, "%s", lt_buf_chars(&masked));
}

void lt_mask_list(lt_arena *arena, lt_texts *out)
{
    (void)pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < secrets.len; i++)
        lt_push_in(arena, out, lt_arena_text(arena, secrets.items[i]));
    (void)pthread_rwlock_unlock(&lock);
}

void lt_mask_add_form(lt_text form)
{
    (void)pthread_rwlock_wrlock(&lock);
    add_one(form);
    (void)pthread_rwlock_unlock(&lock);
}

void lt_mask_forget_all(void)
{
    (void)pthread_rwlock_wrlock(&lock);
    for (size_t i = 0; i < secrets.len; i++)
        lt_free((void *)(uintptr_t)secrets.items[i].ptr);
    lt_vec_free(&secrets);
    memset(can_start, 0, sizeof(can_start));
    (void)pthread_rwlock_unlock(&lock);
}
