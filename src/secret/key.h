/* key.h - where the master key comes from. For secret/ alone. */
#pragma once
#include "base/buf.h"

/* What opens the sealed file: 32 random bytes, or a passphrase. Wipe with lt_buf_... through lt_secret_wipe(). */
typedef struct lt_master_key {
    lt_buf bytes;
    bool is_passphrase;
    const char *from; /* for messages: "LEAT_KEY", "leat.key", "the key file" */
} lt_master_key;

/* LT_NOT_FOUND: there is none; LT_DENIED: others can read the file; LT_INVALID: what is there is no key. `root` is the
 * project's folder: a key file inside is refused. */
LT_MUST_CHECK lt_status lt_master_key_find(const char *root, lt_master_key *out, lt_err *err);
/* From the file of the user alone, whatever else there is. *path: its name, the caller's. */
LT_MUST_CHECK lt_status lt_master_key_from_file(const char *root, lt_master_key *out, char **path,
                                                lt_err *err);
/* Make a new key file with a random key, and give it. */
LT_MUST_CHECK lt_status lt_master_key_make(const char *root, lt_master_key *out, lt_err *err);
void lt_master_key_cleanup(lt_master_key *key);
