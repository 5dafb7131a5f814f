/* cgroup.h - the group of cgroup v2 that the server was started in, when it was given to it (Delegate=yes of systemd).
 *
 * A group that has controllers enabled for those below it may hold no process itself, so the server moves aside. */
#pragma once
#include "base/err.h"

/* With LEAT_CGROUP=own: the server and whatever else is in its group go into `server` below it, the controllers that are there (cpu, memory,
 * pids) are enabled, empty groups of tasks that were killed are removed, and LEAT_CGROUP becomes the group's folder, for the tasks. Where that
 * cannot be done a warning says why, and limits are those without a cgroup: the variable is then unset. Call it before any thread is there. */
void lt_cgroup_settle(void);
