/* scratch.h - folders for files that live as long as one piece of work, in the home's cache/scratch.
 *
 * A process that dies leaves its folders there; the next command finds that nobody holds them, and removes them. */
#pragma once
#include "base/base.h"
#include "base/err.h"

typedef struct lt_scratch {
    char *folder; /* owned */
    int lock;     /* held while the folder is in use; -1: none */
} lt_scratch;

/* The fields before lt_scratch_open(), and after lt_scratch_drop(). */
#define LT_SCRATCH_NONE                                                                            \
    {                                                                                              \
        .lock = -1                                                                                 \
    }

/* A new folder whose name begins with `name`; lt_scratch_drop() ends it. */
LT_MUST_CHECK lt_status lt_scratch_open(const char *home, const char *name, lt_scratch *out,
                                        lt_err *err);
void lt_scratch_drop(lt_scratch *scratch); /* with all that is in it */
/* Remove what dead processes have left. Never fails: what cannot be removed stays. */
void lt_scratch_sweep(const char *home);
