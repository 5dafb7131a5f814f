/* The project's files, counted: whoever leaves last closes them. What is wrong now is kept from when it was right. */
#include "sched/files.h"

#include <stdatomic.h>

/* Something in a project that lies in the arena of older files. */
typedef struct kept {
    const char *file;
    lt_sched_files *origin; /* held */
} kept;

struct lt_sched_files {
    lt_workspace *workspace; /* owned */
    atomic_int holders;
    LT_VEC(kept) kept;
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
    for (size_t i = 0; i < files->kept.len; i++)
        lt_sched_files_leave(files->kept.items[i].origin);
    lt_vec_free(&files->kept);
    lt_workspace_close(files->workspace);
    lt_free(files);
}

/* ---- what was right before ---- */

/* Hold those files in whose arena it lies. */
static void hold_origin(lt_sched_files *files, lt_sched_files *old, const char *file)
{
    lt_sched_files *origin = old;
    for (size_t i = 0; i < old->kept.len; i++)
        if (strcmp(old->kept.items[i].file, file) == 0)
            origin = old->kept.items[i].origin;
    lt_push(&files->kept, ((kept){file, lt_sched_files_hold(origin)}));
}

static void keep_calendar(lt_sched_files *files, lt_sched_files *old, lt_text name)
{
    lt_workspace *now = files->workspace;
    const lt_conf_calendar *before = lt_project_calendar(old->workspace->project, name);
    if (!before || lt_project_calendar(now->project, name))
        return;
    lt_push_in(&now->arena, &now->project->calendars, *before);
    hold_origin(files, old, before->place.file);
}

static void keep_pipeline(lt_sched_files *files, lt_sched_files *old, lt_conf_wrong *wrong)
{
    lt_workspace *now = files->workspace;
    const lt_project *before = old->workspace->project;
    for (size_t i = 0; i < before->pipelines.len; i++) {
        const lt_conf_pipeline *one = &before->pipelines.items[i];
        if (strcmp(one->place.file, wrong->file) != 0 ||
            lt_project_pipeline(now->project, one->name))
            continue;
        lt_push_in(&now->arena, &now->project->pipelines, *one);
        hold_origin(files, old, one->place.file);
        wrong->name = one->name;
        wrong->is_named = true;
        if (one->schedule.days_off.len)
            keep_calendar(files, old, one->schedule.days_off);
    }
}

void lt_sched_files_keep(lt_sched_files *files, lt_sched_files *old)
{
    lt_project *project = files->workspace->project;
    for (size_t i = 0; i < project->wrong.len; i++)
        if (project->wrong.items[i].kind == LT_CONF_PIPELINE_FILE)
            keep_pipeline(files, old, &project->wrong.items[i]);
}
