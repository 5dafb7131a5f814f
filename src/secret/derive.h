/* derive.h - keys of their own for other purposes than secrets.sealed, from the same master key (secret.h says where it comes from). */
#pragma once
#include "base/err.h"
#include "base/text.h"

enum { LT_DERIVE_SALT = 16, LT_DERIVE_KEY = 32 };

/* The key for `purpose` and `salt`: the same for the same master key, and nothing is learned from it about that or other keys. A
 * passphrase is stretched by argon2id (64 MiB, about 0.1 s). `make`: make the key file if there is no master key at all.
 * `project` is a folder in which the key file must not lie. Wipe `out` with sodium_memzero(). LT_NOT_FOUND: there is no
 * master key; LT_DENIED: others can read its file. */
LT_MUST_CHECK lt_status lt_secret_derive(const char *project, lt_text purpose,
                                         const unsigned char salt[LT_DERIVE_SALT], bool make,
                                         unsigned char out[LT_DERIVE_KEY], lt_err *err);
/* The same from the key file of the user alone, although another key comes first: so that a message can say which one it is that
 * fits. *path: the file's name, the caller's. */
LT_MUST_CHECK lt_status lt_secret_derive_from_file(const char *project, lt_text purpose,
                                                   const unsigned char salt[LT_DERIVE_SALT],
                                                   unsigned char out[LT_DERIVE_KEY], char **path,
                                                   lt_err *err);
