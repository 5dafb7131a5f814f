/* child.h - a piece of a test in a process of its own: for what ends the process, or needs other rights. */
#pragma once
#include "base/buf.h"

/* Fork, run `body` there, and give its result (0 to 127), or 128 + N when signal N ended it. What it wrote to standard
 * error is appended to `said` (may be NULL). No CHECK in the body. */
int lt_child_run(int (*body)(void *context), void *context, lt_buf *said);

/* Be somebody without rights: when root, become user 65534. False when that is not possible. */
bool lt_child_become_nobody(void);
