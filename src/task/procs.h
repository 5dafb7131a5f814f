/* procs.h - the processes of a task: found by descent, or by the mark in their environment. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef LT_VEC(int) lt_pids;

/* All living descendants of `root`, without it; zombies do not count. At most `limit` are gathered. */
void lt_procs_below(int root, size_t limit, lt_pids *out);
/* End all descendants of `root` with SIGKILL. They are stopped first, until no new ones are found, without a pause and before all other work of the
 * machine where we may: so a fork bomb does not outrun it. Gives how many there were. They are zombies until their parents look. */
size_t lt_procs_kill_below(int root);
/* How many processes and threads there are on the machine; 0: not known. Costs one small file. */
int64_t lt_procs_on_machine(void);
/* All living processes whose environment, as they were started, holds `variable` ("LEAT_ATTEMPT=..."); never this one. */
void lt_procs_marked(lt_text variable, lt_pids *out);
/* Resident memory of these, in bytes. */
int64_t lt_procs_resident_bytes(const lt_pids *pids);
/* Send SIGKILL to all that have the mark, until none is left or `patience_us` is over. Gives how many there were; *stuck
 * (may be NULL) how many are still there. */
size_t lt_procs_end_marked(lt_text variable, int64_t patience_us, size_t *stuck);
