/* What a trigger needs before anything can happen. */
#include "base/fs.h"
#include "sched/hook.h"
#include "sched/look.h"
#include "sched/watch.h"

static lt_text bucket_at(const void *context, size_t i)
{
    return ((const lt_bucket_infos *)context)->items[i].name;
}

/* Of the project's own store on this machine; one on S3 says it itself when it is listed. */
static lt_status try_bucket(lt_workspace *workspace, lt_text bucket, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos all = {0};
    lt_versioning versioning;
    lt_text nearest;
    if (lt_text_starts(bucket, T("s3://")) ||
        lt_text_starts(workspace->project->store.url, T("s3://")))
        return LT_OK;
    lt_status status = lt_bucket_find(workspace->store, bucket, &versioning, err);
    if (status != LT_NOT_FOUND)
        return status;
    LT_TRY(lt_bucket_list(workspace->store, &arena, &all, err));
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no bucket '%.*s'", LT_ARG(bucket)));
    if (lt_text_nearest(bucket, all.len, bucket_at, &all, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "make it: leat store mb %.*s", LT_ARG(bucket));
}

static lt_status try_folder(const lt_workspace *workspace, lt_text folder, lt_err *err)
{
    LT_AUTO(lt_chars) name = lt_text_dup(folder);
    LT_AUTO(lt_chars) path = lt_path_join(workspace->root, name);
    return lt_path_is_folder(path) ? LT_OK
                                   : lt_fail(err, LT_NOT_FOUND, "there is no folder '%s'", name);
}

lt_status lt_watch_try(lt_workspace *workspace, const lt_conf_trigger *trigger, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text secret;
    switch (trigger->kind) {
    case LT_ON_OBJECT:
        return try_bucket(workspace, trigger->object.bucket, err);
    case LT_ON_FILE:
        return try_folder(workspace, trigger->file.folder, err);
    case LT_ON_WEBHOOK:
        return lt_hook_secret(workspace, &trigger->webhook, &arena, &secret, err);
    default:
        return LT_OK;
    }
}

/* A message comes by itself; only what it needs is looked at. */
lt_status lt_look_webhook(lt_watched *watched, lt_look *look, lt_err *err)
{
    (void)watched;
    (void)look;
    (void)err;
    return LT_OK;
}
