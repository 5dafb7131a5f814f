/* each.h - the same work on many things, side by side. */
#pragma once
#include "base/err.h"

enum { LT_EACH_JOBS_MOST = 256 };

typedef lt_status lt_each_work(void *context, size_t i, lt_err *err);

/* Call `work` for each i below `count`, from up to `jobs` threads (at most LT_EACH_JOBS_MOST), the caller's among them. The first failure
 * is given; no new work begins behind it, and what runs is waited for. */
LT_MUST_CHECK lt_status lt_each(unsigned jobs, size_t count, lt_each_work *work, void *context,
                                lt_err *err);
