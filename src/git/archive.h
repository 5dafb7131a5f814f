/* archive.h - files in one piece: a POSIX tar (ustar, pax records for paths over 100 bytes), always the same bytes for the
 * same files: time 0, owner 0, mode 0644 or 0755. Files and symbolic links only. */
#pragma once
#include "base/buf.h"

/* Append one entry. Paths are relative, with '/' between; the caller adds them in byte order. */
void lt_archive_add_file(lt_buf *archive, lt_text path, lt_text content, bool is_program);
void lt_archive_add_link(lt_buf *archive, lt_text path, lt_text target);
void lt_archive_end(lt_buf *archive);

typedef enum lt_entry_kind { LT_ENTRY_FILE, LT_ENTRY_LINK } lt_entry_kind;
typedef struct lt_archive_entry {
    lt_entry_kind kind;
    lt_text path, target; /* target: of a link */
    lt_text content;      /* of a file; borrowed from the archive */
    bool is_program;
} lt_archive_entry;

typedef struct lt_archive_reader {
    lt_text archive; /* borrowed */
    size_t at;
} lt_archive_reader;

/* The next entry; path and target are borrowed from the archive. *more is false behind the last. LT_INVALID: damaged, a kind of
 * entry that lt_archive_add_...() does not write, or a path that is not safe. */
LT_MUST_CHECK lt_status lt_archive_next(lt_archive_reader *reader, lt_archive_entry *entry,
                                        bool *more, lt_err *err);

/* Relative, without "", ".", ".." or ".git" as a part, without NUL, at most 4096 bytes. */
bool lt_archive_path_is_safe(lt_text path);
/* The link stays below the root: a relative target whose ".." stand in front and do not climb over it. */
bool lt_archive_link_is_safe(lt_text path, lt_text target);
