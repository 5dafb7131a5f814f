/* Forgets old runs and the commits that only they needed. */
#include "run/prune.h"

#include "base/fs.h"
#include "base/time.h"
#include "run/run.h"

lt_prune_request lt_prune_settings(const lt_workspace *workspace)
{
    const lt_conf_retention *retention = &workspace->project->retention;
    return (lt_prune_request){.keep = LT_MAX(retention->keep, (int64_t)1),
                              .runs_older_us = retention->runs_us ? retention->runs_us : -1,
                              .commits_older_us =
                                  retention->commits_us ? retention->commits_us : -1};
}

lt_status lt_prune_lock(const lt_workspace *workspace, int *lock, lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_path_join(workspace->home, "leases");
    LT_AUTO(lt_chars) path = lt_path_join(folder, ".trees.lock");
    LT_TRY(lt_folder_make(folder, 0750, err));
    return lt_file_lock(path, -1, lock, err);
}

/* The snapshot of a run's files goes with the last run that has it. */
static lt_status remove_tree(lt_workspace *workspace, lt_text tree, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_fd) lock = -1;
    lt_object_info info;
    bool used = false;
    if (!tree.len)
        return LT_OK;
    LT_TRY(lt_prune_lock(workspace, &lock, err));
    LT_TRY(lt_state_tree_is_used(workspace->state, tree, &used, err));
    if (used)
        return LT_OK;
    lt_status status =
        lt_store_delete(workspace->store, T("leat"), tree, (lt_text){0}, NULL, &arena, &info, err);
    return status == LT_NOT_FOUND ? LT_OK : status;
}

/* The record last: until it is gone, the next prune finds what is left to do. But the files are shared, and go after it. */
static lt_status forget_run(lt_workspace *workspace, const lt_run_record *run, lt_err *err)
{
    LT_AUTO(lt_chars) owner = lt_format("run-%lld", (long long)run->id);
    LT_AUTO(lt_chars) logs = lt_run_log_folder(workspace->home, run->id);
    LT_TRY(lt_store_keep(workspace->store, lt_text_of(owner), T(""), T(""), 0, err));
    LT_TRY(lt_path_remove(logs, err));
    LT_AUTO(lt_chars) attempts = lt_format("%s/attempts/%lld", workspace->home, (long long)run->id);
    LT_TRY(lt_path_remove(attempts, err));
    LT_TRY(lt_state_run_delete(workspace->state, run->id, err));
    return remove_tree(workspace, run->tree, err);
}

static lt_status forget_runs(lt_workspace *workspace, const lt_prune_request *request,
                             lt_arena *arena, lt_prune_report *report, lt_err *err)
{
    if (request->runs_older_us < 0)
        return LT_OK;
    LT_TRY(lt_state_old_runs(workspace->state, LT_MAX(request->keep, (int64_t)1),
                             lt_now_us() - request->runs_older_us, request->limit, arena,
                             &report->runs, err));
    for (size_t i = 0; i < report->runs.len && !request->dry_run; i++)
        LT_TRY(forget_run(workspace, &report->runs.items[i], err));
    return LT_OK;
}

/* Commits of a dataset are in the order of time, and one that is not there has been forgotten, so it was old. */
static lt_status is_old(lt_workspace *workspace, lt_text bucket, lt_text prefix, int64_t sequence,
                        int64_t before_us, bool *old, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_commit_info commit = {0};
    lt_status status =
        lt_dataset_commit(workspace->store, bucket, prefix, sequence, &arena, &commit, err);
    if (status != LT_OK && status != LT_NOT_FOUND)
        return status;
    *old = status == LT_NOT_FOUND || commit.committed_at_us < before_us;
    return LT_OK;
}

static lt_status forget_commits(lt_workspace *workspace, lt_text bucket, lt_text prefix,
                                int64_t before_us, int64_t *forgotten, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_commit_info last;
    int64_t first = 1, count = 0;
    lt_status status = lt_dataset_commit(workspace->store, bucket, prefix, 0, &arena, &last, err);
    if (status == LT_NOT_FOUND)
        return LT_OK; /* nothing has landed yet */
    LT_TRY(status);
    for (int64_t end = last.sequence; first < end;) { /* the first that is not old, or the last */
        int64_t middle = first + (end - first) / 2;
        bool old = false;
        LT_TRY(is_old(workspace, bucket, prefix, middle, before_us, &old, err));
        if (old)
            first = middle + 1;
        else
            end = middle;
    }
    if (first > 1)
        LT_TRY(lt_dataset_forget(workspace->store, bucket, prefix, first, &count, err));
    *forgotten += count;
    return LT_OK;
}

lt_status lt_prune_some(lt_workspace *workspace, const lt_prune_request *request,
                        const lt_prune_datasets *datasets, lt_arena *arena, lt_prune_report *report,
                        lt_err *err)
{
    int64_t before_us = lt_now_us() - request->commits_older_us;
    *report = (lt_prune_report){0};
    LT_TRY(forget_runs(workspace, request, arena, report, err));
    if (request->commits_older_us < 0 || request->dry_run)
        return LT_OK;
    for (size_t i = 0; i < datasets->count; i++)
        LT_TRY(forget_commits(workspace, datasets->buckets[i], datasets->prefixes[i], before_us,
                              &report->commits, err));
    return LT_OK;
}

lt_status lt_prune(lt_workspace *workspace, const lt_prune_request *request, lt_arena *arena,
                   lt_prune_report *report, lt_err *err)
{
    lt_dataset_infos infos = {0};
    lt_prune_datasets all = {0};
    LT_TRY(lt_dataset_list(workspace->store, arena, &infos, err));
    all.buckets = lt_alloc_array(arena, infos.len, sizeof(lt_text));
    all.prefixes = lt_alloc_array(arena, infos.len, sizeof(lt_text));
    all.count = infos.len;
    for (size_t i = 0; i < infos.len; i++) {
        all.buckets[i] = infos.items[i].bucket;
        all.prefixes[i] = infos.items[i].prefix;
    }
    return lt_prune_some(workspace, request, &all, arena, report, err);
}
