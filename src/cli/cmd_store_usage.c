/* leat store du, usage, prune: how much there is, and what may go. */
#include "cli/store_address.h"

#include "base/size.h"
#include "cli/grid.h"
#include "fmt/json.h"
#include "store/retention.h"

#include <stdio.h>

static const lt_grid_column columns[] = {
    {T("prefix"), LT_CELL_TEXT},     {T("objects"), LT_CELL_NUMBER},
    {T("size"), LT_CELL_NUMBER},     {T("old_versions"), LT_CELL_NUMBER},
    {T("old_size"), LT_CELL_NUMBER}, {T("delete_markers"), LT_CELL_NUMBER},
};

static lt_text number(int64_t value, char out[LT_SIZE_CHARS])
{
    return lt_text_at(out, (size_t)snprintf(out, LT_SIZE_CHARS, "%lld", (long long)value));
}

static lt_text size_of(int64_t bytes, bool people, char out[LT_SIZE_CHARS])
{
    return people ? lt_text_of(lt_size_write(bytes, out)) : number(bytes, out);
}

static void add_row(lt_grid *grid, bool people, lt_text name, const lt_usage *usage)
{
    char cells[5][LT_SIZE_CHARS];
    lt_text row[] = {name,
                     number(usage->objects, cells[0]),
                     size_of(usage->object_bytes, people, cells[1]),
                     number(usage->old_versions, cells[2]),
                     size_of(usage->old_version_bytes, people, cells[3]),
                     number(usage->markers, cells[4])};
    lt_grid_row(grid, row);
}

/* ---- du ---- */

static lt_status du(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    bool people = !app->globals.json;
    lt_address at;
    lt_usage_report report = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    LT_TRY(lt_store_usage(store, at.bucket, at.key, T("/"), &app->arena, &report, err));
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), columns, LT_COUNT(columns));
    for (size_t i = 0; i < report.groups.len; i++)
        add_row(&grid, people, report.groups.items[i].prefix, &report.groups.items[i]);
    if (people)
        add_row(&grid, people, T("total"), &report.total);
    lt_grid_end(&grid);
    return LT_OK;
}

const lt_cmd lt_cmd_store_du = {.name = "du",
                                .help = "how much there is below a prefix, one level deep",
                                .args = "BUCKET/PREFIX",
                                .run = du};

/* ---- usage ---- */

static lt_status usage(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts, (void)args;
    lt_bucket_infos buckets = {0};
    lt_usage all = {0};
    bool people = !app->globals.json;
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_grid) grid = {0};
    LT_TRY(lt_app_store(app, &store, err));
    LT_TRY(lt_bucket_list(store, &app->arena, &buckets, err));
    lt_grid_column of_buckets[LT_COUNT(columns)];
    memcpy(of_buckets, columns, sizeof(columns));
    of_buckets[0].name = T("bucket");
    lt_grid_begin(&grid, &app->out, lt_show_for(app->globals.json), of_buckets,
                  LT_COUNT(of_buckets));
    for (size_t i = 0; i < buckets.len; i++) {
        lt_usage_report report = {0};
        LT_TRY(
            lt_store_usage(store, buckets.items[i].name, T(""), T(""), &app->arena, &report, err));
        add_row(&grid, people, buckets.items[i].name, &report.total);
        all.objects += report.total.objects;
        all.object_bytes += report.total.object_bytes;
        all.old_versions += report.total.old_versions;
        all.old_version_bytes += report.total.old_version_bytes;
        all.markers += report.total.markers;
    }
    if (people)
        add_row(&grid, people, T("total"), &all);
    lt_grid_end(&grid);
    return LT_OK;
}

const lt_cmd lt_cmd_store_usage = {
    .name = "usage", .help = "how much there is in each bucket of the store", .run = usage};

/* ---- prune ---- */

typedef struct prune_opts {
    bool markers, rules, dry_run;
    int64_t older_than_us, keep, uploads_us;
} prune_opts;

static const lt_opt prune_table[] = {
    {.name = "older-than",
     .type = LT_OPT_LENGTH,
     LT_AT(prune_opts, older_than_us),
     .value = "LENGTH",
     .preset = "never",
     .help = "old versions that were replaced longer ago than this: 30d"},
    {.name = "keep",
     .type = LT_OPT_INT,
     LT_AT(prune_opts, keep),
     .value = "N",
     .preset = "-1",
     .min = -1,
     .max = INT32_MAX,
     .help = "but keep the newest N old versions of each object; alone: whatever their age"},
    {.name = "markers",
     LT_AT(prune_opts, markers),
     .help = "delete markers that have nothing behind them"},
    {.name = "uploads",
     .type = LT_OPT_LENGTH,
     LT_AT(prune_opts, uploads_us),
     .value = "LENGTH",
     .preset = "never",
     .help = "unfinished uploads that were begun longer ago than this"},
    {.name = "rules",
     LT_AT(prune_opts, rules),
     .help = "what the lifecycle rules of the buckets ask for, instead"},
    {.name = "dry-run", LT_AT(prune_opts, dry_run), .help = "only count"},
    LT_OPT_DRYRUN(prune_opts),
};

static void say_pruned(lt_app *app, const lt_prune_report *report, bool dry_run)
{
    char bytes[LT_SIZE_CHARS];
    if (app->globals.json) {
        lt_json_writer writer = {.out = &app->out.buf};
        lt_json_begin(&writer, '{');
        lt_json_set_int(&writer, "versions", report->versions);
        lt_json_set_int(&writer, "version_bytes", report->version_bytes);
        lt_json_set_int(&writer, "expired", report->expired);
        lt_json_set_int(&writer, "markers", report->markers);
        lt_json_set_int(&writer, "uploads", report->uploads);
        lt_json_set_bool(&writer, "dry_run", dry_run);
        lt_json_end(&writer);
        lt_out_str(&app->out, "\n");
    } else if (!app->globals.quiet) {
        lt_out_printf(&app->out,
                      "%s %lld old versions (%s), %lld delete markers, %lld uploads; %lld objects "
                      "expired\n",
                      dry_run ? "would have removed" : "removed", (long long)report->versions,
                      lt_size_write(report->version_bytes, bytes), (long long)report->markers,
                      (long long)report->uploads, (long long)report->expired);
    }
}

static lt_status run_rules(lt_app *app, lt_store *store, lt_text bucket, bool dry_run, lt_err *err)
{
    lt_prune_report report = {0};
    lt_lifecycle_request request = {.bucket = bucket, .dry_run = dry_run};
    LT_TRY(lt_store_lifecycle(store, &request, &report, err));
    say_pruned(app, &report, dry_run);
    return LT_OK;
}

static lt_status prune(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const prune_opts *o = opts;
    lt_address at = {0};
    lt_prune_report report = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    bool versions = o->older_than_us >= 0 || o->keep >= 0;
    if (!o->rules && !versions && !o->markers && o->uploads_us < 0) {
        lt_ignore(lt_fail(err, LT_INVALID, "nothing says what may go"));
        return lt_hint(err, "say --older-than, --keep, --markers, --uploads or --rules");
    }
    if (o->rules && (versions || o->markers || o->uploads_us >= 0 || (args->count && at.key.len)))
        return lt_fail(err, LT_INVALID, "--rules goes alone");
    if (args->count)
        LT_TRY(lt_app_store_at(app, args->items[0], false, &store, &at, err));
    else
        LT_TRY(lt_app_store(app, &store, err));
    if (o->rules)
        return run_rules(app, store, at.bucket, o->dry_run, err);
    lt_prune_request request = {.bucket = at.bucket,
                                .prefix = at.key,
                                .older_than_us =
                                    o->keep >= 0 ? LT_MAX(o->older_than_us, 0) : o->older_than_us,
                                .keep = (int32_t)LT_MAX(o->keep, 0),
                                .expired_markers = o->markers,
                                .uploads_older_than_us = o->uploads_us,
                                .dry_run = o->dry_run};
    LT_TRY(lt_store_prune(store, &request, &report, err));
    say_pruned(app, &report, o->dry_run);
    return LT_OK;
}

const lt_cmd lt_cmd_store_prune = {
    .name = "prune",
    .help = "remove old versions, delete markers and unfinished uploads for good",
    .args = "[BUCKET/PREFIX]",
    .about = "Of all buckets, unless one is named. Current objects stay. What the commit of a "
             "dataset holds stays readable until the commit is forgotten.",
    .examples =
        "leat store prune --older-than 30d --keep 2 raw/\tof what was replaced a month ago, "
        "all but the newest two\n"
        "leat store prune --rules\twhat lifecycle rules ask for\n",
    .opts = prune_table,
    .opt_count = LT_COUNT(prune_table),
    .opts_size = sizeof(prune_opts),
    .run = prune};
