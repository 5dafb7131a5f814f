/* log.h - a task's log: bytes as they come, secrets masked, of bounded size.
 *
 * Up to the limit everything is kept in PATH. Then the first third stays in PATH.head, and the newest in PATH and PATH.1, which are
 * replaced in turn; the gap is marked by a line. Read PATH.head, PATH.1 and PATH, in this order: that is all there is. */
#pragma once
#include "base/buf.h"

typedef struct lt_task_log {
    char *path;             /* owned */
    int fd;                 /* owned */
    int64_t limit_bytes;    /* of all three files */
    int64_t file_bytes;     /* in PATH now */
    int64_t old_bytes;      /* in PATH.1 */
    int64_t bytes, dropped; /* of output, so far; what is not there any more */
    bool has_head, is_broken;
    lt_buf waiting; /* may be the beginning of a secret */
} lt_task_log;

/* Goes on behind what is there. LT_IO: the file cannot be written. */
LT_MUST_CHECK lt_status lt_task_log_open(lt_task_log *log, const char *path, int64_t limit_bytes,
                                         lt_err *err);
/* Never fails: a full disk loses output, and `is_broken` says so. */
void lt_task_log_write(lt_task_log *log, lt_text output);
void lt_task_log_close(lt_task_log *log); /* what waited is written */
