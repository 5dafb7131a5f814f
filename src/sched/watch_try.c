/* What a trigger needs before anything can happen. */
#include "base/fs.h"
#include "sched/hook.h"
#include "sched/look.h"
#include "sched/watch.h"

/* Of the project's own store on this machine; one on S3 says it itself when it is listed. */
static lt_status try_bucket(lt_workspace *workspace, lt_text bucket, lt_err *err)
{
    lt_versioning versioning;
    if (lt_text_starts(bucket, T("s3://")) ||
        lt_text_starts(workspace->project->store.url, T("s3://")))
        return LT_OK;
    return lt_bucket_find(workspace->store, bucket, &versioning, err);
}

lt_status lt_watch_no_folder(const char *name, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no folder '%s'", name));
    return lt_hint(err, "make it; a path is from the project's folder, unless it begins with '/'");
}

static lt_status try_folder(const lt_workspace *workspace, lt_text folder, lt_err *err)
{
    LT_AUTO(lt_chars) name = lt_text_dup(folder);
    LT_AUTO(lt_chars) path = lt_path_join(workspace->root, name);
    return lt_path_is_folder(path) ? LT_OK : lt_watch_no_folder(name, err);
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
