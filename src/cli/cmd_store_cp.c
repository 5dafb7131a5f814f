/* leat store cp, mv, sync: between stores, S3 and local files; one, or all below a prefix. */
#include "cli/store_address.h"

#include "base/fs.h"
#include "base/log.h"
#include "cli/transfer_show.h"
#include "fmt/json.h"
#include "store/reason.h"
#include "store/transfer.h"

#include <stdio.h>
#include <unistd.h>

enum { JOBS_MOST = 256 };

typedef struct copy_opts {
    bool recursive, dry_run, delete_extra, size_only;
    int64_t jobs;
    lt_strings exclude, include;
    const char *version;
} copy_opts;

#define OPT_RECURSIVE                                                                              \
    {                                                                                              \
        .name = "recursive", .letter = 'r', LT_AT(copy_opts, recursive),                           \
        .help = "all files of a folder, or all objects below a prefix"                             \
    }
#define OPT_JOBS                                                                                   \
    {                                                                                              \
        .name = "jobs", .letter = 'j', .type = LT_OPT_INT, LT_AT(copy_opts, jobs), .value = "N",   \
        .preset = "8", .min = 1, .max = JOBS_MOST,                                                 \
        .help = "how many at once: files, and parts of a large one"                                \
    }
#define OPT_EXCLUDE                                                                                \
    {                                                                                              \
        .name = "exclude", .type = LT_OPT_LIST, LT_AT(copy_opts, exclude), .value = "PATTERN",     \
        .help = "leave out names like this (relative to the source; * is anything, also /)"        \
    }
#define OPT_INCLUDE                                                                                \
    {                                                                                              \
        .name = "include", .type = LT_OPT_LIST, LT_AT(copy_opts, include), .value = "PATTERN",     \
        .help = "but take these all the same"                                                      \
    }
#define OPT_DRYRUN                                                                                 \
    {.name = "dry-run", LT_AT(copy_opts, dry_run), .help = "only tell what would be done"},        \
        LT_OPT_DRYRUN(copy_opts)

static const lt_opt cp_table[] = {
    OPT_RECURSIVE,
    OPT_JOBS,
    OPT_EXCLUDE,
    OPT_INCLUDE,
    OPT_DRYRUN,
    {.name = "version-id",
     .type = LT_OPT_TEXT,
     LT_AT(copy_opts, version),
     .value = "ID",
     .help = "this version of one object; else the current one"},
};

static const lt_opt mv_table[] = {OPT_RECURSIVE, OPT_JOBS, OPT_EXCLUDE, OPT_INCLUDE, OPT_DRYRUN};

static const lt_opt sync_table[] = {
    OPT_JOBS,
    OPT_EXCLUDE,
    OPT_INCLUDE,
    OPT_DRYRUN,
    {.name = "delete",
     LT_AT(copy_opts, delete_extra),
     .help = "delete at the target what the source has not"},
    {.name = "size-only",
     LT_AT(copy_opts, size_only),
     .help = "the same size is the same: do not compare checksums"},
};

/* ---- the two sides ---- */

/* A command with its stores; both sides may be in the same one. */
typedef struct job {
    lt_app *app;
    const copy_opts *opts;
    const char *done;   /* "copied" */
    lt_store *own, *s3; /* owned; NULL until they are needed */
    lt_end from, to;
    lt_transfer transfer;
    lt_buf told; /* JSON of a dry run */
    lt_json_writer writer;
} job;

static void job_cleanup(job *it)
{
    lt_store_close(it->own);
    lt_store_close(it->s3);
    lt_buf_cleanup(&it->told);
}

static bool looks_local(const char *text)
{
    return text[0] == '/' || text[0] == '.' || strcmp(text, "-") == 0 || strcmp(text, "") == 0;
}

static bool names_a_store(const char *text)
{
    return lt_address_is_s3(text) || lt_text_starts(lt_text_of(text), T("store://"));
}

static lt_status use_store(job *it, const char *text, lt_end *out, lt_err *err)
{
    lt_address at;
    bool on_s3 = lt_address_is_s3(text);
    LT_TRY(lt_address_read(text, false, &at, err));
    if (on_s3 && !it->s3)
        LT_TRY(lt_app_s3(it->app, &it->s3, err));
    if (!on_s3 && !it->own)
        LT_TRY(lt_app_store(it->app, &it->own, err));
    out->store = on_s3 ? it->s3 : it->own;
    out->bucket = at.bucket;
    out->key = at.key;
    return LT_OK;
}

/* Store or local file? s3://, store:// and "./" say it; else what exists does. */
static lt_status read_end(job *it, const char *text, bool other_is_local, lt_end *out, lt_err *err)
{
    lt_versioning versioning;
    lt_err missing = {0};
    lt_address at;
    *out = (lt_end){.path = text};
    if (looks_local(text))
        return LT_OK;
    if (names_a_store(text))
        return use_store(it, text, out, err);
    LT_TRY(lt_address_read(text, false, &at, err));
    if (!it->own)
        LT_TRY(lt_app_store(it->app, &it->own, err));
    bool is_bucket = lt_bucket_find(it->own, at.bucket, &versioning, &missing) == LT_OK;
    bool is_file = lt_path_exists(text);
    if (is_bucket && is_file) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' may be a local path and an object", text));
        return lt_hint(err, "write './%s' or 'store://%s'", text, text);
    }
    return is_bucket || (!is_file && other_is_local) ? use_store(it, text, out, err) : LT_OK;
}

static lt_status read_ends(job *it, const lt_args *args, lt_err *err)
{
    const char *from = args->items[0], *to = args->items[1];
    LT_TRY(read_end(it, from, looks_local(to), &it->from, err));
    LT_TRY(read_end(it, to, !it->from.store, &it->to, err));
    if (it->from.store || it->to.store)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "neither '%s' nor '%s' is in a store", from, to));
    return lt_hint(err, "write store://BUCKET/KEY or s3://BUCKET/KEY");
}

/* ---- one ---- */

static lt_text last_part(lt_text key)
{
    size_t at = key.len;
    while (at && key.ptr[at - 1] != '/')
        at--;
    return lt_text_sub(key, at, SIZE_MAX);
}

/* A target that is empty or ends in '/', or is a folder, takes the name of the source behind it. */
static lt_status complete_target(job *it, lt_err *err)
{
    lt_arena *arena = &it->app->arena;
    lt_text name = it->from.store                    ? last_part(it->from.key)
                   : strcmp(it->from.path, "-") == 0 ? (lt_text){0}
                                                     : lt_text_of(lt_path_name(it->from.path));
    if (it->to.store) {
        if (!it->to.key.len || lt_text_ends(it->to.key, T("/")))
            it->to.key =
                lt_text_of(lt_arena_format(arena, "%.*s%.*s", LT_ARG(it->to.key), LT_ARG(name)));
        if (!it->to.key.len || lt_text_ends(it->to.key, T("/")))
            return lt_fail(err, LT_INVALID, "the object needs a name: BUCKET/KEY");
        return LT_OK;
    }
    const char *path = it->to.path;
    if (strcmp(path, "-") == 0 ||
        (!lt_path_is_folder(path) && !lt_text_ends(lt_text_of(path), T("/"))))
        return LT_OK;
    LT_AUTO(lt_chars) last = lt_text_dup(name);
    LT_AUTO(lt_chars) joined = lt_path_join(path, last);
    it->to.path = lt_arena_str(arena, lt_text_of(joined));
    return LT_OK;
}

/* Said once, before every object fails for it. Who may not look at the bucket may still write into it. */
static lt_status check_target(const job *it, lt_err *err)
{
    lt_versioning versioning;
    lt_err missing = {0};
    const lt_end *to = &it->to;
    if (!to->store || lt_bucket_find(to->store, to->bucket, &versioning, &missing) == LT_OK ||
        missing.reason != LT_WHY_NO_SUCH_BUCKET)
        return LT_OK;
    *err = missing;
    return lt_hint(err, "make it: leat store mb %s%.*s", it->to.store == it->s3 ? "s3://" : "",
                   LT_ARG(to->bucket));
}

static lt_status transfer_one(job *it, const lt_args *args, lt_err *err)
{
    if (it->from.store && !it->from.key.len)
        return lt_fail(err, LT_INVALID, "'%s' names no object; --recursive takes all of it",
                       args->items[0]);
    LT_TRY(complete_target(it, err));
    it->from.version_id = lt_text_of(it->opts->version);
    return lt_transfer_one(&it->transfer, &it->from, &it->to, err);
}

/* ---- telling ---- */

static void tell(void *context, const lt_transfer_event *event)
{
    job *it = context;
    static const char *const words[] = {[LT_TRANSFER_COPIED] = "copy",
                                        [LT_TRANSFER_DELETED] = "delete",
                                        [LT_TRANSFER_SKIPPED] = "skip",
                                        [LT_TRANSFER_FAILED] = "fail"};
    LT_AUTO(lt_buf) shown = {.limit = 16 * LT_KIB};
    lt_buf_add_visible(&shown, event->name);
    if (event->kind == LT_TRANSFER_FAILED)
        lt_log(LT_LOG_ERROR, "%s: %s", lt_buf_chars(&shown), event->err->message);
    if (event->kind == LT_TRANSFER_SKIPPED)
        lt_log(LT_LOG_WARNING,
               "the key '%s' cannot be a path here: copy it alone, to a name of "
               "your own",
               lt_buf_chars(&shown));
    if (!it->transfer.dry_run)
        return;
    if (it->app->globals.json) {
        lt_json_begin(&it->writer, '{');
        lt_json_set(&it->writer, "do", lt_text_of(words[event->kind]));
        lt_json_set(&it->writer, "name", event->name);
        lt_json_set_int(&it->writer, "bytes", event->bytes);
        lt_json_end(&it->writer);
    } else {
        lt_out_printf(&it->app->out, "would %s %s\n",
                      event->kind == LT_TRANSFER_COPIED && it->transfer.move ? "move"
                                                                             : words[event->kind],
                      lt_buf_chars(&shown));
    }
}

static void say_json(job *it)
{
    const lt_transfer_counts *counts = &it->transfer.counts;
    lt_json_writer writer = {.out = &it->app->out.buf};
    lt_json_begin(&writer, '{');
    lt_json_set_int(&writer, it->done, atomic_load(&counts->copied));
    lt_json_set_int(&writer, "bytes", atomic_load(&counts->bytes));
    if (it->transfer.sync) {
        lt_json_set_int(&writer, "same", atomic_load(&counts->same));
        lt_json_set_int(&writer, "deleted", atomic_load(&counts->deleted));
    }
    lt_json_set_int(&writer, "skipped", atomic_load(&counts->skipped));
    lt_json_set_int(&writer, "failed", atomic_load(&counts->failed));
    if (it->transfer.dry_run) {
        lt_json_set_bool(&writer, "dry_run", true);
        lt_json_key(&writer, T("items"));
        lt_json_raw(&writer, lt_buf_text(&it->told));
    }
    lt_json_end(&writer);
    lt_out_str(&it->app->out, "\n");
}

static void say_text(job *it)
{
    const lt_transfer_counts *counts = &it->transfer.counts;
    int64_t count = atomic_load(&counts->copied), same = atomic_load(&counts->same);
    int64_t deleted = atomic_load(&counts->deleted);
    lt_out_printf(&it->app->out, "%s%s %lld object%s", it->transfer.dry_run ? "would have " : "",
                  it->done, (long long)count, count == 1 ? "" : "s");
    if (it->transfer.sync)
        lt_out_printf(&it->app->out, ", deleted %lld; %lld the same", (long long)deleted,
                      (long long)same);
    lt_out_str(&it->app->out, "\n");
}

/* ---- the commands ---- */

static lt_status check_some(const job *it, const lt_args *args, lt_err *err)
{
    const lt_transfer_counts *c = &it->transfer.counts;
    if (it->transfer.sync || atomic_load(&c->found) || atomic_load(&c->skipped) ||
        it->opts->exclude.len)
        return LT_OK;
    return lt_fail(err, LT_NOT_FOUND, "there is nothing below '%s'", args->items[0]);
}

static lt_status run(job *it, const lt_args *args, lt_err *err)
{
    const copy_opts *o = it->opts;
    LT_AUTO(lt_transfer_show_ref) show = NULL;
    bool many = o->recursive || it->transfer.sync;
    LT_TRY(read_ends(it, args, err));
    if (many && o->version)
        return lt_fail(err, LT_INVALID, "--recursive and --version-id do not go together");
    LT_TRY(check_target(it, err));
    bool to_stdout = !it->to.store && strcmp(it->to.path, "-") == 0;
    if (!it->app->globals.quiet && !it->app->globals.json && !to_stdout && !o->dry_run)
        show = lt_transfer_show_start(&it->transfer.counts);
    it->writer.out = &it->told;
    lt_json_begin(&it->writer, '[');
    lt_status status = many ? lt_transfer_all(&it->transfer, &it->from, &it->to, err)
                            : transfer_one(it, args, err);
    lt_json_end(&it->writer);
    lt_transfer_show_stop(LT_TAKE(show));
    if (status == LT_OK && many)
        status = check_some(it, args, err);
    if (it->app->globals.json && !to_stdout && (status == LT_OK || many))
        say_json(it);
    else if (!it->app->globals.quiet && !to_stdout && status == LT_OK)
        say_text(it);
    return status;
}

static lt_status begin(lt_app *app, const copy_opts *opts, const lt_args *args, job *it,
                       lt_err *err)
{
    *it = (job){.app = app, .opts = opts, .done = it->done, .transfer = it->transfer};
    it->told.limit = 64 * LT_MIB;
    it->transfer.jobs = (unsigned)opts->jobs;
    it->transfer.dry_run = opts->dry_run;
    it->transfer.exclude = opts->exclude.items;
    it->transfer.exclude_count = opts->exclude.len;
    it->transfer.include = opts->include.items;
    it->transfer.include_count = opts->include.len;
    it->transfer.tell = tell;
    it->transfer.context = it;
    return run(it, args, err);
}

static lt_status cp(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    LT_AUTO(job) it = {.done = "copied"};
    return begin(app, opts, args, &it, err);
}

static lt_status mv(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    LT_AUTO(job) it = {.done = "moved", .transfer = {.move = true}};
    return begin(app, opts, args, &it, err);
}

static lt_status sync_all(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const copy_opts *o = opts;
    LT_AUTO(job)
    it = {.done = "copied",
          .transfer = {.sync = true, .delete_extra = o->delete_extra, .size_only = o->size_only}};
    return begin(app, opts, args, &it, err);
}

#define ABOUT                                                                                      \
    "What begins with store:// is in the project's store; s3:// is S3 itself, with the keys, "     \
    "region and endpoint that the aws cli would use; what begins with / or . is a local path, "    \
    "and - is standard input or output. Anything else is what there is of that name: a bucket's "  \
    "object, or a file. Hidden files and links are left out of folders. What is larger than 64 "   \
    "MiB goes in parts: when it is broken off, the same command goes on where it was."

const lt_cmd lt_cmd_store_cp = {
    .name = "cp",
    .meant = "put get upload download copy add",
    .help = "copy between the store, S3 and local files",
    .args = "SOURCE TARGET",
    .about = ABOUT,
    .examples = "leat store cp data.csv raw/in/\tone file into the store\n"
                "leat store cp -r raw/in/ ./out\tall objects below raw/in/ into a folder\n"
                "leat store cp -r store://raw/ s3://lake/raw/\tfrom the project's store to S3\n"
                "leat store cp store://raw/a.csv -\tto standard output\n",
    .opts = cp_table,
    .opt_count = LT_COUNT(cp_table),
    .opts_size = sizeof(copy_opts),
    .run = cp,
};

const lt_cmd lt_cmd_store_mv = {
    .name = "mv",
    .help = "move between the store, S3 and local files",
    .args = "SOURCE TARGET",
    .about = "Copies, and then deletes the source. " ABOUT,
    .examples = "leat store mv raw/in/a.csv raw/done/\twithin the store\n",
    .opts = mv_table,
    .opt_count = LT_COUNT(mv_table),
    .opts_size = sizeof(copy_opts),
    .run = mv,
};

const lt_cmd lt_cmd_store_sync = {
    .name = "sync",
    .help = "copy what is missing or different at the target",
    .args = "SOURCE TARGET",
    .about = "What has the same size and the same checksum (ETag) at both sides is left. " ABOUT,
    .examples = "leat store sync ./data s3://lake/data/\ta folder to S3\n"
                "leat store sync --delete raw/in/ ./in\tand nothing else at the target\n",
    .opts = sync_table,
    .opt_count = LT_COUNT(sync_table),
    .opts_size = sizeof(copy_opts),
    .run = sync_all,
};
