/* secret.h - values that must not lie in the clear: from the environment, or from <project>/secrets.sealed.
 *
 * The sealed file may be committed: names are readable (so that a diff says what changed), values are not. It is text:
 *     leat-secrets 1 SALT CHECK
 *     NAME base64(nonce, sealed value)          sorted by name
 *     = base64(nonce, seal of every byte before)
 * Each value is sealed by itself (XChaCha20-Poly1305, libsodium) and bound to its name and the file's salt; the last line binds
 * all lines together: a changed, renamed, moved, added or removed line is found out. CHECK tells a wrong key from a changed file.
 * Lengths are rounded up to 32 bytes. Not found out: the whole file put back to an older one (git shows that).
 *
 * The master key, the first that is there: LEAT_KEY in the environment (32 bytes in base64, or a passphrase of at least 12
 * characters, stretched by argon2id with the file's salt); $CREDENTIALS_DIRECTORY/leat.key (systemd); ~/.config/leat/key
 * ($XDG_CONFIG_HOME), made by the first lt_secret_set() with mode 0600, refused if others can read it or if it lies in the
 * project. Every value that is read is masked from then on (lt_mask_register). Threads: one lt_secrets for one thread; opening
 * the same file several times is fine, writers wait for each other. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

typedef struct lt_secrets lt_secrets;

enum { LT_SECRET_NAME_MAX = 128, LT_SECRET_VALUE_MAX = 64 * 1024 };

/* Open the secrets of the project in `root`. Nothing is read yet, no key is needed yet. End with lt_secrets_close(). */
LT_MUST_CHECK lt_status lt_secrets_open(const char *root, lt_secrets **out, lt_err *err);
void lt_secrets_close(lt_secrets *secrets); /* wipes; NULL is fine */
LT_OWNED(lt_secrets_ref, lt_secrets *, lt_secrets_close)

/* The value of `name`: the environment variable of that name if there is one that is not empty, else from the sealed file.
 * Appended to `value`; give it to lt_secret_wipe() after use. LT_NOT_FOUND with the nearest name; LT_DENIED: no key, or the
 * wrong one; LT_INVALID: the file was changed by somebody without the key. */
LT_MUST_CHECK lt_status lt_secret_get(lt_secrets *secrets, lt_text name, lt_buf *value,
                                      lt_err *err);
/* Would lt_secret_get() find it? The same statuses, without a value and without the work of stretching a passphrase: that one is wrong is
 * not found out here. */
LT_MUST_CHECK lt_status lt_secret_check(lt_secrets *secrets, lt_text name, lt_err *err);
/* Seal `value` under `name` (a letter or '_', then letters, digits, '_'), new or instead of the old one; durable on LT_OK. */
LT_MUST_CHECK lt_status lt_secret_set(lt_secrets *secrets, lt_text name, lt_text value,
                                      lt_err *err);
/* LT_NOT_FOUND if there is none of that name in the file. */
LT_MUST_CHECK lt_status lt_secret_remove(lt_secrets *secrets, lt_text name, lt_err *err);
/* The names in the file, sorted; needs no key. They live in `arena`. */
LT_MUST_CHECK lt_status lt_secret_list(lt_secrets *secrets, lt_arena *arena, lt_text **names,
                                       size_t *count, lt_err *err);
/* The user's file for the master key, whether it is there or not; a heap string. NULL: the user has no home folder. */
char *lt_secret_key_file(void);
/* Overwrite the bytes and free the buffer. */
void lt_secret_wipe(lt_buf *value);
