/* sealed.h - the text of secrets.sealed: lines, and what seals them. For secret/ alone. */
#pragma once
#include "base/vec.h"
#include "secret/key.h"

enum { LT_SEAL_SALT = 16, LT_SEAL_CHECK = 8, LT_SEAL_KEY = 32 };

typedef struct lt_sealed_line {
    lt_text name, sealed; /* base64, as it stands in the file */
} lt_sealed_line;

/* A file in memory. Everything points into an arena. */
typedef struct lt_sealed {
    unsigned char salt[LT_SEAL_SALT], check[LT_SEAL_CHECK];
    LT_VEC(lt_sealed_line) lines; /* sorted by name; in the arena */
    lt_text body;                 /* every byte before the last line */
    lt_text seal;                 /* of the last line, base64 */
} lt_sealed;

/* A letter or '_', then letters, digits, '_'; at most LT_SECRET_NAME_MAX. */
bool lt_sealed_is_name(lt_text name);
/* Take a text apart. LT_INVALID: it is none of ours. */
LT_MUST_CHECK lt_status lt_sealed_read(lt_text text, lt_arena *arena, lt_sealed *out, lt_err *err);
/* A new, empty one with a random salt. */
void lt_sealed_new(lt_sealed *out);

/* The key of this file, from the master key and the file's salt; argon2id for a passphrase (64 MiB, about 0.1 s). */
LT_MUST_CHECK lt_status lt_sealed_key(const lt_sealed *file, const lt_master_key *master,
                                      unsigned char key[LT_SEAL_KEY], lt_err *err);
/* LT_DENIED: the key is another one. LT_INVALID: something was changed. */
LT_MUST_CHECK lt_status lt_sealed_check(const lt_sealed *file, const unsigned char key[LT_SEAL_KEY],
                                        lt_err *err);
/* The value of a line, appended. */
LT_MUST_CHECK lt_status lt_sealed_open(const lt_sealed *file, const lt_sealed_line *line,
                                       const unsigned char key[LT_SEAL_KEY], lt_buf *value,
                                       lt_err *err);
/* Seal a value for a name: base64 in the arena. */
lt_text lt_sealed_seal(const lt_sealed *file, lt_text name, lt_text value,
                       const unsigned char key[LT_SEAL_KEY], lt_arena *arena);
/* The whole text, with a new seal behind it. */
void lt_sealed_write(lt_sealed *file, const unsigned char key[LT_SEAL_KEY], lt_buf *out);
