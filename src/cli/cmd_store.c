/* leat store ls, versions, cat, rm, mb, restore, check: objects, for people and scripts. */
#include "cli/store_address.h"

#include "base/proc.h"
#include "base/size.h"
#include "base/time.h"
#include "cli/grid.h"
#include "fmt/json.h"

#include <stdio.h>

static lt_text moment_text(int64_t at_us, char out[LT_TIME_CHARS], bool for_people)
{
    (void)lt_time_write(at_us, out);
    if (!for_people)
        return lt_text_of(out);
    static const size_t seconds = sizeof("2026-11-22 01:02:03") - 1;
    out[10] = ' ';
    out[seconds] = 'Z';
    return lt_text_sub(lt_text_of(out), 0, seconds + 1);
}

static lt_text size_text(int64_t bytes, char out[LT_SIZE_CHARS], bool for_people)
{
    if (for_people)
        return lt_text_of(lt_size_write(bytes, out));
    (void)snprintf(out, LT_SIZE_CHARS, "%lld", (long long)bytes);
    return lt_text_of(out);
}

/* ---- ls ---- */

typedef struct ls_opts {
    bool recursive, is_long;
} ls_opts;

static const lt_opt ls_table[] = {
    {.name = "recursive",
     .letter = 'r',
     LT_AT(ls_opts, recursive),
     .help = "all objects below, not one level"},
    {.name = "long", .letter = 'l', LT_AT(ls_opts, is_long), .help = "with size and date"},
};

static lt_status list_buckets(lt_app *app, lt_store *store, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("bucket"), LT_CELL_TEXT}, {T("versioning"), LT_CELL_TEXT}, {T("created"), LT_CELL_TEXT}};
    static const char *const words[] = {"unversioned", "enabled", "suspended"};
    lt_bucket_infos buckets = {0};
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_bucket_list(store, &app->arena, &buckets, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    for (size_t i = 0; i < buckets.len; i++) {
        char time[LT_TIME_CHARS];
        const lt_bucket_info *bucket = &buckets.items[i];
        lt_text cells[] = {bucket->name, lt_text_of(words[bucket->versioning]),
                           moment_text(bucket->created_at_us, time, !app->globals.json)};
        lt_grid_row(&grid, cells);
    }
    lt_grid_end(&grid);
    return LT_OK;
}

/* One of several forms of a listing. */
typedef struct lister {
    lt_app *app;
    lt_grid grid;
    bool plain; /* keys alone, one a line */
} lister;

static const lt_grid_column object_columns[] = {
    {T("size"), LT_CELL_NUMBER}, {T("written"), LT_CELL_TEXT}, {T("key"), LT_CELL_TEXT}};

static const lt_grid_column object_json_columns[] = {
    {T("key"), LT_CELL_TEXT},          {T("size_bytes"), LT_CELL_NUMBER},
    {T("written_at"), LT_CELL_TEXT},   {T("version"), LT_CELL_TEXT},
    {T("etag"), LT_CELL_TEXT},         {T("sha256"), LT_CELL_TEXT},
    {T("content_type"), LT_CELL_TEXT},
};

static void list_for_programs(lister *list, const lt_object_info *info, bool is_prefix)
{
    char size[LT_SIZE_CHARS], time[LT_TIME_CHARS];
    lt_text cells[LT_COUNT(object_json_columns)] = {info->key};
    if (!is_prefix) {
        cells[1] = size_text(info->size_bytes, size, false);
        cells[2] = moment_text(info->written_at_us, time, false);
        cells[3] = info->version_id;
        cells[4] = info->etag;
        cells[5] = info->sha256;
        cells[6] = info->meta.content_type;
    }
    lt_grid_row(&list->grid, cells);
}

static lt_status list_one(void *context, const lt_object_info *info, bool is_prefix, lt_err *err)
{
    lister *list = context;
    char size[LT_SIZE_CHARS], time[LT_TIME_CHARS];
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped");
    if (list->app->globals.json) {
        list_for_programs(list, info, is_prefix);
    } else if (list->plain) {
        LT_AUTO(lt_buf) line = {0};
        lt_buf_add_visible(&line, info->key);
        lt_buf_add_byte(&line, '\n');
        lt_out_text(&list->app->out, lt_buf_text(&line));
    } else {
        lt_text cells[] = {is_prefix ? T("-") : size_text(info->size_bytes, size, true),
                           is_prefix ? T("-") : moment_text(info->written_at_us, time, true),
                           info->key};
        lt_grid_row(&list->grid, cells);
    }
    return LT_OK;
}

static void lister_cleanup(lister *list)
{
    lt_grid_cleanup(&list->grid);
}

static lt_status list_objects(lt_app *app, lt_store *store, const lt_address *at,
                              const ls_opts *opts, lt_err *err)
{
    LT_AUTO(lister) list = {.app = app, .plain = !opts->is_long};
    lt_list_request request = {.prefix = at->key, .delimiter = opts->recursive ? T("") : T("/")};
    bool json = app->globals.json;
    if (json || opts->is_long)
        lt_grid_begin(&list.grid, &app->out, lt_show_for(app->globals.json),
                      json ? object_json_columns : object_columns,
                      json ? LT_COUNT(object_json_columns) : LT_COUNT(object_columns));
    LT_TRY(lt_store_walk(store, at->bucket, &request, list_one, &list, err));
    if (json || opts->is_long)
        lt_grid_end(&list.grid);
    return LT_OK;
}

static lt_status ls(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    bool all_of_s3 = args->count && strcmp(args->items[0], "s3://") == 0;
    if (!args->count || all_of_s3) {
        LT_TRY(all_of_s3 ? lt_app_s3(app, &store, err) : lt_app_store(app, &store, err));
        return list_buckets(app, store, err);
    }
    LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    return list_objects(app, store, &at, opts, err);
}

static const lt_cmd cmd_ls = {.name = "ls",
                              .help = "list buckets, or the objects below a prefix",
                              .args = "[BUCKET/PREFIX]",
                              .examples = "leat store ls\tthe buckets\n"
                                          "leat store ls -l raw/\twhat is in raw, one level\n"
                                          "leat store ls -r --json raw/\tevery object of raw\n",
                              .opts = ls_table,
                              .opt_count = LT_COUNT(ls_table),
                              .opts_size = sizeof(ls_opts),
                              .run = ls};

/* ---- versions ---- */

static lt_status version_row(void *context, const lt_object_info *info, bool is_prefix, lt_err *err)
{
    lister *list = context;
    bool people = !list->app->globals.json;
    char size[LT_SIZE_CHARS], time[LT_TIME_CHARS];
    (void)is_prefix;
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "stopped");
    lt_text cells[] = {info->key,
                       info->version_id,
                       info->is_marker ? (lt_text){0} : size_text(info->size_bytes, size, people),
                       moment_text(info->written_at_us, time, people),
                       info->is_current ? T("true") : T("false"),
                       info->is_marker ? T("true") : T("false")};
    if (people) {
        cells[4] = info->is_current ? T("current") : T("");
        cells[5] = info->is_marker ? T("deleted") : T("");
    }
    lt_grid_row(&list->grid, cells);
    return LT_OK;
}

static lt_status versions(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    static const lt_grid_column columns[] = {
        {T("key"), LT_CELL_TEXT},     {T("version"), LT_CELL_TEXT}, {T("size"), LT_CELL_NUMBER},
        {T("written"), LT_CELL_TEXT}, {T("current"), LT_CELL_BOOL}, {T("deleted"), LT_CELL_BOOL}};
    (void)opts;
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lister) list = {.app = app};
    LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    lt_grid_begin(&list.grid, &app->out, lt_show_for(app->globals.json), columns,
                  LT_COUNT(columns));
    list.grid.missing = T("-");
    lt_list_request request = {.prefix = at.key, .versions = true};
    LT_TRY(lt_store_walk(store, at.bucket, &request, version_row, &list, err));
    lt_grid_end(&list.grid);
    return LT_OK;
}

static const lt_cmd cmd_versions = {.name = "versions",
                                    .help = "list every version of the objects below a prefix",
                                    .args = "BUCKET/PREFIX",
                                    .run = versions};

/* ---- cat ---- */

typedef struct version_opts {
    const char *version;
} version_opts;

static const lt_opt version_table[] = {
    {.name = "version-id",
     .type = LT_OPT_TEXT,
     LT_AT(version_opts, version),
     .value = "ID",
     .help = "this version; else the current one"},
};

static lt_status cat(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const version_opts *o = opts;
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_TRY(lt_app_store_at(app, args->items[0], true, &store, &at, err));
    return lt_store_get_to_fd(store, at.bucket, at.key, lt_text_of(o->version), app->out.fd, err);
}

static const lt_cmd cmd_cat = {.name = "cat",
                               .help = "write an object to standard output",
                               .args = "BUCKET/KEY",
                               .opts = version_table,
                               .opt_count = LT_COUNT(version_table),
                               .opts_size = sizeof(version_opts),
                               .run = cat};

/* ---- mb ---- */

typedef struct mb_opts {
    const char *versioning;
} mb_opts;

static const lt_opt mb_table[] = {
    {.name = "versioning",
     .type = LT_OPT_CHOICE,
     LT_AT(mb_opts, versioning),
     .value = "STATE",
     .choices = "enabled unversioned",
     .preset = "enabled",
     .help = "keep old versions of objects, or not"},
};

static lt_status mb(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const mb_opts *o = opts;
    lt_address at;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_TRY(lt_address_read(args->items[0], false, &at, err));
    if (at.key.len)
        return lt_fail(err, LT_INVALID, "'%s' is not the name of a bucket", args->items[0]);
    LT_TRY(lt_address_is_s3(args->items[0]) ? lt_app_s3(app, &store, err)
                                            : lt_app_store(app, &store, err));
    return lt_bucket_create(
        store, at.bucket,
        strcmp(o->versioning, "enabled") == 0 ? LT_VERSIONING_ENABLED : LT_UNVERSIONED, err);
}

static const lt_cmd cmd_mb = {.name = "mb",
                              .help = "make a bucket",
                              .args = "BUCKET",
                              .opts = mb_table,
                              .opt_count = LT_COUNT(mb_table),
                              .opts_size = sizeof(mb_opts),
                              .run = mb};

/* ---- restore ---- */

static lt_status restore(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const version_opts *o = opts;
    lt_address at;
    lt_object_info info;
    lt_err unsaid;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_TRY(lt_app_store_at(app, args->items[0], true, &store, &at, err));
    bool is_there = !o->version && lt_store_head(store, at.bucket, at.key, (lt_text){0},
                                                 &app->arena, &info, &unsaid) == LT_OK;
    if (!is_there)
        LT_TRY(lt_store_restore(store, at.bucket, at.key, lt_text_of(o->version), &app->arena,
                                &info, err));
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"version\": \"%.*s\", \"size_bytes\": %lld}\n",
                      LT_ARG(info.version_id), (long long)info.size_bytes);
    else if (is_there && !app->globals.quiet)
        lt_out_printf(&app->out,
                      "nothing to restore: '%s' is there ('--version-id' takes an older one)\n",
                      args->items[0]);
    else if (!app->globals.quiet)
        lt_out_printf(&app->out, "restored as version %.*s\n", LT_ARG(info.version_id));
    return LT_OK;
}

static const lt_opt restore_table[] = {
    {.name = "version-id",
     .type = LT_OPT_TEXT,
     LT_AT(version_opts, version),
     .value = "ID",
     .help = "this version; else the newest that is no delete marker"},
};

static const lt_cmd cmd_restore = {.name = "restore",
                                   .help = "make an old version of an object the current one",
                                   .args = "BUCKET/KEY",
                                   .opts = restore_table,
                                   .opt_count = LT_COUNT(restore_table),
                                   .opts_size = sizeof(version_opts),
                                   .run = restore};

/* ---- check ---- */

typedef struct check_opts {
    bool repair;
} check_opts;

static const lt_opt check_table[] = {
    {.name = "repair",
     LT_AT(check_opts, repair),
     .help = "remove what crashes have left behind (older than an hour)"},
};

static void check_json(lt_app *app, const lt_check_report *report)
{
    lt_json_writer writer = {.out = &app->out.buf};
    lt_json_begin(&writer, '{');
    lt_json_set_int(&writer, "objects", report->objects);
    lt_json_set_int(&writer, "blobs", report->blobs);
    lt_json_set_int(&writer, "bytes", report->bytes);
    lt_json_set_int(&writer, "damaged", report->damaged);
    lt_json_set_int(&writer, "missing", report->missing);
    lt_json_set_int(&writer, "orphans", report->orphans);
    lt_json_key(&writer, T("problems"));
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < report->problems.len; i++)
        lt_json_string(&writer, report->problems.items[i]);
    lt_json_end(&writer);
    lt_json_end(&writer);
    lt_out_str(&app->out, "\n");
}

static void check_text(lt_app *app, const lt_check_report *report)
{
    char size[LT_SIZE_CHARS], objects[LT_COUNT_CHARS], blobs[LT_COUNT_CHARS];
    for (size_t i = 0; i < report->problems.len; i++)
        lt_out_printf(&app->out, "%.*s\n", LT_ARG(report->problems.items[i]));
    lt_out_printf(&app->out,
                  "%s objects, %s blobs, %s read; %lld damaged, %lld missing, %lld orphans\n",
                  lt_count_write(report->objects, objects), lt_count_write(report->blobs, blobs),
                  lt_size_write(report->bytes, size), (long long)report->damaged,
                  (long long)report->missing, (long long)report->orphans);
}

static lt_status check(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const check_opts *o = opts;
    lt_check_report report = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    (void)args;
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(lt_store_check(store, o->repair, &app->arena, &report, err));
    if (app->globals.json)
        check_json(app, &report);
    else
        check_text(app, &report);
    if (!report.damaged && !report.missing)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_IO, "the store has %lld damaged and %lld missing objects",
                      (long long)report.damaged, (long long)report.missing));
    return lt_hint(err, "bring those files back from a backup, or extract the data again");
}

static const lt_cmd cmd_check = {.name = "check",
                                 .help = "read everything and verify every checksum",
                                 .opts = check_table,
                                 .opt_count = LT_COUNT(check_table),
                                 .opts_size = sizeof(check_opts),
                                 .run = check};

extern const lt_cmd lt_cmd_store_cp, lt_cmd_store_mv, lt_cmd_store_sync, lt_cmd_store_rm,
    lt_cmd_store_rb, lt_cmd_store_du, lt_cmd_store_usage, lt_cmd_store_prune, lt_cmd_store_key,
    lt_cmd_store_events, lt_cmd_store_presign, lt_cmd_store_serve;

static const lt_cmd *const subs[] = {&cmd_ls,
                                     &lt_cmd_store_cp,
                                     &lt_cmd_store_mv,
                                     &lt_cmd_store_sync,
                                     &cmd_cat,
                                     &lt_cmd_store_rm,
                                     &cmd_mb,
                                     &lt_cmd_store_rb,
                                     &cmd_versions,
                                     &cmd_restore,
                                     &lt_cmd_store_du,
                                     &lt_cmd_store_usage,
                                     &lt_cmd_store_prune,
                                     &cmd_check,
                                     &lt_cmd_store_serve,
                                     &lt_cmd_store_key,
                                     &lt_cmd_store_presign,
                                     &lt_cmd_store_events,
                                     NULL};

const lt_cmd lt_cmd_store = {
    .name = "store",
    .help = "list, copy, read and restore objects; serve them to S3's clients",
    .about = "BUCKET/KEY or store://BUCKET/KEY is in the project's store; s3://BUCKET/KEY is on S3 "
             "itself, with the keys, region and endpoint that the aws cli would use (or those of "
             "the project's store, when that is on S3).",
    .group = LT_GROUP_DATA,
    .subs = subs,
};
