/* Passwords and bearer tokens, by libsodium. */
#include "secret/password.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

/* OWASP's second choice for argon2id: 19 MiB, two passes. */
enum { PASSES = 2, MEMORY = 19 * 1024 * 1024 };

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static const char *const known[] = {"password12",      "passwordpassword", "1234567890",
                                    "qwertyuiop",      "0123456789",       "administrator",
                                    "changemechangeme"};

lt_status lt_password_check_rules(lt_text password, lt_text user, lt_err *err)
{
    if (password.len < LT_PASSWORD_LEAST || password.len > LT_PASSWORD_MOST)
        return lt_fail(err, LT_INVALID, "a password has %d to %d characters", LT_PASSWORD_LEAST,
                       LT_PASSWORD_MOST);
    bool same = true;
    for (size_t i = 1; i < password.len; i++)
        same = same && password.ptr[i] == password.ptr[0];
    bool guessed = same || lt_text_eq_nocase(password, user);
    for (size_t i = 0; i < LT_COUNT(known); i++)
        guessed = guessed || lt_text_eq_nocase(password, lt_text_of(known[i]));
    if (!guessed)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "this password is too easy to guess"));
    return lt_hint(err, "four words that do not belong together are good");
}

static bool started(void)
{
    return sodium_init() >= 0;
}

lt_status lt_password_hash(lt_text password, char out[LT_PASSWORD_HASH_CHARS], lt_err *err)
{
    _Static_assert(LT_PASSWORD_HASH_CHARS >= crypto_pwhash_STRBYTES, "room for the hash");
    (void)pthread_mutex_lock(&one_at_a_time);
    int failed = !started() || crypto_pwhash_str_alg(out, password.ptr, password.len, PASSES,
                                                     MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0;
    (void)pthread_mutex_unlock(&one_at_a_time);
    return failed ? lt_fail(err, LT_IO, "cannot hash a password: out of memory") : LT_OK;
}

/* Of a random password that nobody was told: what an unknown user is compared with. */
static const char *hash_of_nobody(void)
{
    static char hash[LT_PASSWORD_HASH_CHARS];
    if (!hash[0]) {
        char random[32];
        randombytes_buf(random, sizeof(random));
        if (crypto_pwhash_str_alg(hash, random, sizeof(random), PASSES, MEMORY,
                                  crypto_pwhash_ALG_ARGON2ID13) != 0)
            hash[0] = 0;
    }
    return hash;
}

bool lt_password_fits(lt_text password, lt_text hash)
{
    char copy[LT_PASSWORD_HASH_CHARS] = {0};
    bool is_hash = hash.len > 0 && hash.len < sizeof(copy);
    if (password.len > LT_PASSWORD_MOST)
        return false;
    (void)pthread_mutex_lock(&one_at_a_time);
    bool fits = false;
    if (started()) {
        lt_text against = is_hash ? hash : lt_text_of(hash_of_nobody());
        memcpy(copy, against.ptr, LT_MIN(against.len, sizeof(copy) - 1));
        fits = crypto_pwhash_str_verify(copy, password.ptr ? password.ptr : "", password.len) == 0;
    }
    (void)pthread_mutex_unlock(&one_at_a_time);
    return fits && is_hash;
}

bool lt_password_is_old(lt_text hash)
{
    char copy[LT_PASSWORD_HASH_CHARS] = {0};
    memcpy(copy, hash.ptr, LT_MIN(hash.len, sizeof(copy) - 1));
    return crypto_pwhash_str_needs_rehash(copy, PASSES, MEMORY) != 0;
}

const char *lt_password_make(char out[LT_BEARER_CHARS])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    size_t len = 0;
    if (!started())
        return NULL;
    for (size_t i = 0; i < 20; i++) {
        if (i && i % 4 == 0)
            out[len++] = '-';
        out[len++] = letters[randombytes_uniform(sizeof(letters) - 1)];
    }
    out[len] = 0;
    return out;
}

const char *lt_bearer_make(const char *prefix, char out[LT_BEARER_CHARS])
{
    unsigned char random[32];
    char text[sodium_base64_ENCODED_LEN(sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    if (!started())
        return NULL;
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2base64(text, sizeof(text), random, sizeof(random),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)snprintf(out, LT_BEARER_CHARS, "%s%s", prefix, text);
    sodium_memzero(random, sizeof(random));
    sodium_memzero(text, sizeof(text));
    return out;
}

const char *lt_bearer_hash(lt_text token, char out[LT_BEARER_HASH_CHARS])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)(token.ptr ? token.ptr : ""),
                             token.len);
    (void)sodium_bin2hex(out, LT_BEARER_HASH_CHARS, digest, sizeof(digest));
    return out;
}
