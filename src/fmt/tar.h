/* tar.h - read an archive (POSIX ustar and pax, GNU long names), plain or gzipped, that comes from somebody else.
 *
 * Names are given as they may be used below a folder: relative, without "." and "..", no longer than LT_TAR_PATH_BYTES. Anything else ends the
 * reading with LT_INVALID before the entry is seen. */
#pragma once
#include "base/buf.h"

enum { LT_TAR_PATH_BYTES = 1024 };

typedef enum lt_tar_kind {
    LT_TAR_FILE,
    LT_TAR_FOLDER,
    LT_TAR_OTHER, /* links, devices: to be left out */
} lt_tar_kind;

typedef struct lt_tar_entry {
    lt_tar_kind kind;
    lt_text path; /* "top/inside/file.sql" */
    lt_text content;
    bool is_executable;
} lt_tar_entry;

/* Called for each entry, in order. What it gives, when not LT_OK, ends the reading. */
typedef lt_status lt_tar_take(void *context, const lt_tar_entry *entry, lt_err *err);

/* Unpack gzip into `out`, whose limit counts: LT_TOO_BIG. Bytes that are not gzip are copied. LT_INVALID: they are broken. */
LT_MUST_CHECK lt_status lt_gunzip(lt_text packed, lt_buf *out, lt_err *err);
/* LT_INVALID: no archive, or names that lead out of it. LT_TOO_BIG: more than `most` entries. */
LT_MUST_CHECK lt_status lt_tar_read(lt_text archive, size_t most, lt_tar_take *take, void *context,
                                    lt_err *err);
