/* unique.h - is every key there only once? Answered from 64-bit hashes in files, in bounded memory. */
#pragma once
#include "base/err.h"
#include "base/vec.h"

/* Do the files (native uint64_t, one after the other) hold any value twice? *twice may be true by chance (2^-64 for a pair):
 * then the exact way, in SQL, finds nothing to remove. Uses at most 32 MiB and reads the files once for each 2 million values. */
LT_MUST_CHECK lt_status lt_unique_check(const char *const *paths, size_t count, bool *twice,
                                        lt_err *err);
