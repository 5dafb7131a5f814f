/* spool.h - a file in the scratch folder that is written in large pieces. One thread. */
#pragma once
#include "base/buf.h"

typedef struct lt_spool {
    char *path; /* owned */
    int fd;
    lt_buf buf;
    int64_t bytes; /* written so far, the buffer included */
} lt_spool;

LT_MUST_CHECK lt_status lt_spool_open(lt_spool *spool, const char *folder, const char *name,
                                      lt_err *err);
/* Write what is in `buf`; call it when that is worth it (lt_spool_is_full()) and once at the end. */
LT_MUST_CHECK lt_status lt_spool_flush(lt_spool *spool, lt_err *err);
static inline bool lt_spool_is_full(const lt_spool *spool)
{
    return spool->buf.len >= LT_MIB;
}
void lt_spool_cleanup(lt_spool *spool); /* the file stays */
