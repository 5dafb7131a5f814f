/* unique.h - is every key there only once? Answered from 64-bit hashes in files, in bounded memory; and the records whose
 * hash stands twice, put apart, so that the exact comparison in SQL only sees those. */
#pragma once
#include "base/err.h"
#include "base/vec.h"

typedef struct lt_twins {
    uint64_t *items; /* owned; sorted, each once */
    size_t len, cap;
} lt_twins;
void lt_twins_cleanup(lt_twins *twins);

/* The values that stand more than once in the files (native uint64_t, one after the other). A value may be there by chance (2^-64
 * for a pair of keys): then SQL finds nothing to remove. Uses at most 32 MiB beside the result, and reads the files once for each
 * 2 million values. LT_TOO_BIG: more than 4 million keys stand twice. */
LT_MUST_CHECK lt_status lt_twins_find(const char *const *paths, size_t count, lt_twins *twins,
                                      lt_err *err);

/* Split a file of lines: line i goes to one of `part_paths` if hash i (of `hashes`) is among the twins, always to the same for the
 * same hash; else to `kept_path`. Parts are appended to, `kept_path` is made anew. */
LT_MUST_CHECK lt_status lt_twins_split(const lt_twins *twins, const char *lines, const char *hashes,
                                       const char *kept_path, const char *const *part_paths,
                                       size_t part_count, lt_err *err);
