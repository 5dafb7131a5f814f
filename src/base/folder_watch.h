/* folder_watch.h - folders whose files are watched, with all below them, as the kernel tells of changes (inotify). No polling.
 *
 * A change is a file that was written and closed, made, renamed or removed; or a folder, or a link to one, that came or went. Names that begin with '.' or
 * '#' or end in '~' are editors' own and do not count, nor does a file that `counts` refuses. One thread. */
#pragma once
#include "base/err.h"

typedef struct lt_folder_watch lt_folder_watch;

typedef struct lt_folder_watch_options {
    /* Is this folder gone into? `path` is absolute. NULL: all are, but those whose names begin with '.'. */
    bool (*enters)(void *user, const char *path, const char *name);
    /* Does a change of this file count? `name` has no folder. NULL: each does. */
    bool (*counts)(void *user, const char *name);
    void *user;
} lt_folder_watch_options;

LT_MUST_CHECK lt_status lt_folder_watch_open(const lt_folder_watch_options *options,
                                             lt_folder_watch **out, lt_err *err);
void lt_folder_watch_close(lt_folder_watch *watch); /* NULL is fine */

/* Watch a folder, and with `deep` those below it, also those that come later. LT_TOO_BIG: the machine allows no more watches. */
LT_MUST_CHECK lt_status lt_folder_watch_add(lt_folder_watch *watch, const char *folder, bool deep,
                                            lt_err *err);
/* Readable when something may have changed. */
int lt_folder_watch_fd(const lt_folder_watch *watch);
/* Take what has happened, without waiting. *changed: something of it counts. New folders are watched from now on, also where so much has
 * happened that the kernel has lost some of it. LT_NOT_FOUND: a folder that was given to lt_folder_watch_add() was moved or removed. */
LT_MUST_CHECK lt_status lt_folder_watch_take(lt_folder_watch *watch, bool *changed, lt_err *err);
