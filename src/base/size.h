/* size.h - sizes in bytes as people write them. */
#pragma once
#include "base/text.h"

/* "2GiB", "512 MiB", "1.5GB", "64k", "4096": a number, then an optional unit: B, kB MB GB TB (powers of 1000), KiB MiB GiB
 * TiB and k K M G T (powers of 1024), in any case but for that. At most INT64_MAX bytes. False for anything else. */
LT_MUST_CHECK bool lt_size_read(lt_text text, int64_t *bytes);

enum { LT_SIZE_CHARS = 24 };
/* "0 B", "999 B", "1.5 KiB", "20 GiB": three digits at most, powers of 1024. */
const char *lt_size_write(int64_t bytes, char out[LT_SIZE_CHARS]);
