/* password.h - passwords and bearer tokens: made, kept as hashes, compared without telling anything by time.
 *
 * Passwords are hashed with argon2id (libsodium's text form, which names its own cost). Hashing takes 20 MiB and some tens of
 * milliseconds; one at a time in a process, so that many sign-ins at once cost time and not memory. Tokens have 256 random bits, so
 * that a plain SHA-256 is enough. */
#pragma once
#include "base/err.h"

enum {
    LT_PASSWORD_HASH_CHARS = 128, /* crypto_pwhash_STRBYTES */
    LT_PASSWORD_LEAST = 10,
    LT_PASSWORD_MOST = 1024,
    LT_BEARER_CHARS = 64,      /* "leat_" and 43 characters */
    LT_BEARER_HASH_CHARS = 65, /* hex SHA-256 */
};

/* LT_INVALID: shorter than LT_PASSWORD_LEAST bytes, longer than LT_PASSWORD_MOST, or one that everybody tries. */
LT_MUST_CHECK lt_status lt_password_check_rules(lt_text password, lt_text user, lt_err *err);
LT_MUST_CHECK lt_status lt_password_hash(lt_text password, char out[LT_PASSWORD_HASH_CHARS],
                                         lt_err *err);
/* Whether the password fits. An empty hash takes as long as a wrong password, and never fits. */
bool lt_password_fits(lt_text password, lt_text hash);
/* Whether the hash was made with a lower cost than lt_password_hash() takes now. */
bool lt_password_is_old(lt_text hash);
/* A new password that people can type: 5 groups of 4 characters without look-alikes (99 bits). */
const char *lt_password_make(char out[LT_BEARER_CHARS]);

/* A new token: `prefix` and 43 characters of base64url. */
const char *lt_bearer_make(const char *prefix, char out[LT_BEARER_CHARS]);
const char *lt_bearer_hash(lt_text token, char out[LT_BEARER_HASH_CHARS]);
