/* changes.h - when the files of a project are to be read again, since somebody has written.
 *
 * Watched are the project's folder, those of its files, and those that links among them lead to. Several files are written at once, so
 * there is a pause until nobody writes; where that does not end (a task that writes beside leat.yml without pause) it is read all the same,
 * and then not for a while. */
#pragma once
#include "base/err.h"

typedef struct lt_changes {
    const char *root; /* the caller's */
    int fd;
    bool is_dirty, is_endless;
    int64_t first_us, last_us; /* of the changes that are waited for to end; 0: none are */
    int64_t rest_us;           /* until then nothing is read again */
} lt_changes;

LT_MUST_CHECK lt_status lt_changes_open(lt_changes *self, const char *root, lt_err *err);
void lt_changes_close(lt_changes *self);
/* The folders as they are now: they come and go. */
void lt_changes_watch(lt_changes *self);
/* Is it time to read the files? Never waits. */
bool lt_changes_are_due(lt_changes *self);
/* They were read, from `began_us` of the clock that nobody sets. */
void lt_changes_read(lt_changes *self, int64_t began_us);
/* There are some that were not read yet. */
bool lt_changes_wait(const lt_changes *self);
/* Somebody may be writing right now. */
bool lt_changes_are_coming(const lt_changes *self);
/* To poll for input, or -1: known changes wait for their moment. */
int lt_changes_fd(const lt_changes *self);
