/* leat store rm, rb: delete objects, versions, and buckets. */
#include "cli/store_address.h"

#include "base/log.h"
#include "base/proc.h"
#include "store/reason.h"
#include "store/transfer.h"

typedef struct rm_opts {
    bool recursive, dry_run;
    const char *version;
    lt_strings exclude, include;
} rm_opts;

static const lt_opt rm_table[] = {
    {.name = "recursive",
     .letter = 'r',
     LT_AT(rm_opts, recursive),
     .help = "every object below the prefix"},
    {.name = "version-id",
     .type = LT_OPT_TEXT,
     LT_AT(rm_opts, version),
     .value = "ID",
     .help =
         "this version, for good; else the object gets a delete marker where there are versions"},
    {.name = "exclude",
     .type = LT_OPT_LIST,
     LT_AT(rm_opts, exclude),
     .value = "PATTERN",
     .help = "leave names like this (relative to the prefix; * is anything, also /)"},
    {.name = "include",
     .type = LT_OPT_LIST,
     LT_AT(rm_opts, include),
     .value = "PATTERN",
     .help = "but delete these all the same"},
    {.name = "dry-run", LT_AT(rm_opts, dry_run), .help = "only tell what would be done"},
    LT_OPT_DRYRUN(rm_opts),
};

static void tell(void *context, const lt_transfer_event *event)
{
    lt_app *app = context;
    LT_AUTO(lt_buf) shown = {.limit = 16 * LT_KIB};
    lt_buf_add_visible(&shown, event->name);
    if (event->kind == LT_TRANSFER_FAILED)
        lt_log(LT_LOG_ERROR, "%s: %s", lt_buf_chars(&shown), event->err->message);
    else if (!app->globals.json)
        lt_out_printf(&app->out, "would delete %s\n", lt_buf_chars(&shown));
}

static void tell_failures(void *context, const lt_transfer_event *event)
{
    if (event->kind == LT_TRANSFER_FAILED)
        tell(context, event);
}

static void say_removed(lt_app *app, int64_t count, bool dry_run)
{
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"removed\": %lld%s}\n", (long long)count,
                      dry_run ? ", \"dry_run\": true" : "");
    else if (!app->globals.quiet)
        lt_out_printf(&app->out, "%s %lld object%s\n", dry_run ? "would have removed" : "removed",
                      (long long)count, count == 1 ? "" : "s");
}

static lt_status rm_below(lt_app *app, lt_store *store, const lt_address *at, const rm_opts *o,
                          lt_err *err)
{
    lt_end end = {.store = store, .bucket = at->bucket, .key = at->key};
    lt_transfer transfer = {.dry_run = o->dry_run,
                            .exclude = o->exclude.items,
                            .exclude_count = o->exclude.len,
                            .include = o->include.items,
                            .include_count = o->include.len,
                            .tell = o->dry_run ? tell : tell_failures,
                            .context = app};
    lt_status status = lt_transfer_remove(&transfer, &end, err);
    if (status == LT_OK || app->globals.json)
        say_removed(app, atomic_load(&transfer.counts.deleted), o->dry_run);
    return status;
}

static lt_status rm(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const rm_opts *o = opts;
    lt_address at;
    lt_object_info info;
    LT_AUTO(lt_store_ref) store = NULL;
    if (o->recursive && o->version)
        return lt_fail(err, LT_INVALID, "--recursive and --version-id do not go together");
    if (!o->recursive && (o->exclude.len || o->include.len))
        return lt_fail(err, LT_INVALID, "--exclude and --include are for --recursive");
    LT_TRY(lt_app_store_at(app, args->items[0], !o->recursive, &store, &at, err));
    if (o->recursive)
        return rm_below(app, store, &at, o, err);
    lt_text version = lt_text_of(o->version);
    LT_TRY(lt_store_head(store, at.bucket, at.key, version, &app->arena, &info, err));
    if (!o->dry_run)
        LT_TRY(lt_store_delete(store, at.bucket, at.key, version, NULL, &app->arena, NULL, err));
    say_removed(app, 1, o->dry_run);
    return LT_OK;
}

const lt_cmd lt_cmd_store_rm = {
    .name = "rm",
    .help = "delete an object, a version of it, or all below a prefix",
    .args = "BUCKET/KEY",
    .examples = "leat store rm raw/in/a.csv\tbring it back with 'leat store restore'\n"
                "leat store rm -r --exclude '*' --include '*.tmp' raw/\tsome of them\n",
    .opts = rm_table,
    .opt_count = LT_COUNT(rm_table),
    .opts_size = sizeof(rm_opts),
    .run = rm};

/* ---- rb ---- */

typedef struct rb_opts {
    bool force;
} rb_opts;

static const lt_opt rb_table[] = {
    {.name = "force",
     LT_AT(rb_opts, force),
     .help = "with all objects in it, their old versions and delete markers"},
};

typedef struct emptying {
    lt_store *store;
    lt_text bucket;
    int64_t count;
} emptying;

static lt_status remove_version(void *context, const lt_object_info *info, bool is_prefix,
                                lt_err *err)
{
    emptying *it = context;
    (void)is_prefix;
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped after %lld versions", (long long)it->count);
    it->count++;
    return lt_store_delete(it->store, it->bucket, info->key, info->version_id, NULL, NULL, NULL,
                           err);
}

static lt_status rb(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const rb_opts *o = opts;
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    if (at.key.len)
        return lt_fail(err, LT_INVALID, "'%s' is not the name of a bucket", args->items[0]);
    emptying it = {.store = store, .bucket = at.bucket};
    lt_list_request request = {.versions = true};
    if (o->force)
        LT_TRY(lt_store_walk(store, at.bucket, &request, remove_version, &it, err));
    lt_status status = lt_bucket_delete(store, at.bucket, err);
    if (status != LT_OK && err->reason == LT_WHY_BUCKET_NOT_EMPTY)
        return lt_hint(err, "leat store rb --force %.*s also removes all that is in it",
                       LT_ARG(at.bucket));
    LT_TRY(status);
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"removed_versions\": %lld}\n", (long long)it.count);
    else if (!app->globals.quiet)
        lt_out_printf(&app->out, "removed the bucket '%.*s' and %lld version%s in it\n",
                      LT_ARG(at.bucket), (long long)it.count, it.count == 1 ? "" : "s");
    return LT_OK;
}

const lt_cmd lt_cmd_store_rb = {.name = "rb",
                                .help = "remove a bucket that is empty",
                                .args = "BUCKET",
                                .opts = rb_table,
                                .opt_count = LT_COUNT(rb_table),
                                .opts_size = sizeof(rb_opts),
                                .run = rb};
