/* progress.h - how far a task is, written by whoever works and read by whoever shows it.
 *
 * Plain atomic counters: any thread may add or read. */
#pragma once
#include "base/base.h"

#include <stdatomic.h>

typedef struct lt_progress {
    _Atomic int64_t rows_in,
        rows_out; /* read from the outside; written to the target or the store; -1: ended, and not counted */
    _Atomic int64_t bytes;      /* read or moved */
    _Atomic int64_t rows_total; /* expected; 0 is not known */
    _Atomic int percent;        /* of a statement that knows nothing about rows; -1 is not known */
} lt_progress;

static inline void lt_progress_add(_Atomic int64_t *counter, int64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}
