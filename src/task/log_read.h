/* log_read.h - reading what lt_task_log wrote (task/log.h), also while it is written: PATH.head, PATH.1 and PATH as one text. */
#pragma once
#include "base/buf.h"

/* How far somebody has read. It names a file by its number on the disk, so that it stays right while files are renamed; zero: from the start. */
typedef struct lt_log_place {
    uint64_t file;
    int64_t offset;
} lt_log_place;

/* The next bytes, at most `size`; 0: nothing (more) now. What was rotated away meanwhile is left out. */
size_t lt_log_read(const char *path, lt_log_place *place, char *out, size_t size);
/* Would lt_log_read() give something? */
bool lt_log_has_more(const char *path, const lt_log_place *place);

/* All that is there now, and a part of it by offset. -1: it became less meanwhile. */
int64_t lt_log_size(const char *path);
int64_t lt_log_read_at(const char *path, int64_t offset, char *out, size_t size);
