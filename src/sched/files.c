/* The project's files, counted: whoever leaves last closes them. */
#include "sched/files.h"

#include <stdatomic.h>

struct lt_sched_files {
    lt_workspace *workspace; /* owned */
    atomic_int holders;
};

lt_sched_files *lt_sched_files_new(lt_workspace *workspace)
{
    lt_sched_files *files = lt_xcalloc(1, sizeof(*files));
    files->workspace = workspace;
    atomic_init(&files->holders, 1);
    return files;
}

lt_workspace *lt_sched_files_workspace(const lt_sched_files *files)
{
    return files->workspace;
}

lt_sched_files *lt_sched_files_hold(lt_sched_files *files)
{
    (void)atomic_fetch_add(&files->holders, 1);
    return files;
}

void lt_sched_files_leave(lt_sched_files *files)
{
    if (!files || atomic_fetch_sub(&files->holders, 1) > 1)
        return;
    lt_workspace_close(files->workspace);
    lt_free(files);
}
