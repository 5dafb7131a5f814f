/* files.h - the project's files as they were read once, held by several threads: the server takes new ones while others still work with the old.
 */
#pragma once
#include "run/workspace.h"

typedef struct lt_sched_files lt_sched_files;

/* Takes the workspace; the caller holds it. */
lt_sched_files *lt_sched_files_new(lt_workspace *workspace);
lt_workspace *lt_sched_files_workspace(const lt_sched_files *files);
lt_sched_files *lt_sched_files_hold(lt_sched_files *files);
void lt_sched_files_leave(lt_sched_files *files); /* the last one closes it; NULL is fine */
/* A pipeline whose file is wrong stays in the project of `files` as it was in `old`, with its calendar, and stands in `wrong` by its name:
 * its schedule and triggers go on, its runs wait. */
void lt_sched_files_keep(lt_sched_files *files, lt_sched_files *old);
