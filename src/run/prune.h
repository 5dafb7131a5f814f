/* prune.h - forget old runs, and what only they needed: records, logs, snapshots of files, commits of datasets.
 *
 * A run that is forgotten can no longer be shown, retried or reproduced. Commits that a run which stays has read are kept, and so is
 * the last commit of every dataset. Killed at any moment, the next prune finishes. */
#pragma once
#include "run/workspace.h"

typedef struct lt_prune_request {
    int64_t keep;             /* so many of the newest runs stay, however old; at least 1 */
    int64_t runs_older_us;    /* runs that began longer ago go; negative: none */
    int64_t commits_older_us; /* commits that were made longer ago go; negative: none */
    size_t limit;             /* runs at most, oldest first */
    bool dry_run;             /* only list the runs */
} lt_prune_request;

typedef struct lt_prune_report {
    lt_run_records runs; /* gone, or to go; in the arena */
    int64_t commits;     /* forgotten */
} lt_prune_report;

/* Runs, then the commits of all datasets. */
LT_MUST_CHECK lt_status lt_prune(lt_workspace *workspace, const lt_prune_request *request,
                                 lt_arena *arena, lt_prune_report *report, lt_err *err);

/* What a run does at its end, as `retention:` of leat.yml says: a few runs, and the commits of the datasets that it touched. */
typedef struct lt_prune_datasets {
    lt_text *buckets, *prefixes;
    size_t count;
} lt_prune_datasets;
LT_MUST_CHECK lt_status lt_prune_some(lt_workspace *workspace, const lt_prune_request *request,
                                      const lt_prune_datasets *datasets, lt_arena *arena,
                                      lt_prune_report *report, lt_err *err);

/* The request that `retention:` makes; both ages negative when nothing is to go. */
lt_prune_request lt_prune_settings(const lt_workspace *workspace);

/* Held by a run from storing its files until its record names them, and by who removes files that no run needs: then nothing is
 * removed that a run is about to need. Closed with lt_fd_close(). */
LT_MUST_CHECK lt_status lt_prune_lock(const lt_workspace *workspace, int *lock, lt_err *err);
