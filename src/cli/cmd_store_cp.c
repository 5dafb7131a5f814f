/* leat store cp: between the store and local files, one or all below a prefix. */
#include "cli/store_address.h"

#include "base/fs.h"
#include "base/proc.h"
#include "git/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_LIMIT = 1000000 };

typedef struct cp_opts {
    bool recursive;
} cp_opts;

static const lt_opt cp_table[] = {
    {.name = "recursive",
     .letter = 'r',
     LT_AT(cp_opts, recursive),
     .help = "all files of a folder, or all objects below a prefix"},
};

/* One side of a copy. */
typedef struct side {
    bool is_store;
    const char *path; /* local; "-" is standard input or output */
    lt_address at;    /* in the store */
} side;

typedef struct copier {
    lt_app *app;
    lt_store *store; /* owned */
    side to;
    lt_address from; /* of a walk */
    int64_t count, bytes;
} copier;

static void copier_cleanup(copier *c)
{
    lt_store_close(c->store);
}

static bool looks_local(const char *text)
{
    return text[0] == '/' || text[0] == '.' || strcmp(text, "-") == 0 || strcmp(text, "") == 0;
}

/* Store or local file? "store://" and "./" say it; else what exists does. */
static lt_status read_side(lt_store *store, const char *text, bool other_is_local, side *out,
                           lt_err *err)
{
    lt_versioning versioning;
    lt_err missing;
    *out = (side){.path = text};
    if (looks_local(text))
        return LT_OK;
    out->is_store = true;
    LT_TRY(lt_address_read(text, false, &out->at, err));
    if (lt_text_starts(lt_text_of(text), T("store://")))
        return LT_OK;
    bool is_bucket = lt_bucket_find(store, out->at.bucket, &versioning, &missing) == LT_OK;
    bool is_file = lt_path_exists(text);
    if (is_bucket && is_file) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' may be a local path and an object", text));
        return lt_hint(err, "write './%s' or 'store://%s'", text, text);
    }
    out->is_store = is_bucket || (!is_file && other_is_local);
    return LT_OK;
}

/* ---- one object ---- */

static lt_status put_fd(copier *c, int fd, const lt_address *to, lt_err *err)
{
    struct stat info;
    lt_fd_body body;
    lt_object_info made;
    LT_AUTO(lt_arena) arena = {0};
    bool has_size = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    LT_TRY(lt_store_put(c->store, to->bucket, to->key,
                        lt_body_from_fd(&body, fd, has_size ? info.st_size : -1), NULL, &arena,
                        &made, err));
    c->count++;
    c->bytes += made.size_bytes;
    return LT_OK;
}

static lt_status upload(copier *c, const char *path, const lt_address *to, lt_err *err)
{
    if (strcmp(path, "-") == 0)
        return put_fd(c, STDIN_FILENO, to, err);
    LT_AUTO(lt_fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    if (lt_path_is_folder(path)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%s' is a folder", path));
        return lt_hint(err, "copy what is in it with --recursive");
    }
    return put_fd(c, fd, to, err);
}

static lt_status get_fd(copier *c, const lt_address *from, int fd, lt_err *err)
{
    struct stat info = {0};
    LT_TRY(lt_store_get_to_fd(c->store, from->bucket, from->key, T(""), fd, err));
    (void)fstat(fd, &info);
    c->count++;
    c->bytes += S_ISREG(info.st_mode) ? info.st_size : 0;
    return LT_OK;
}

/* The file appears whole or not at all. */
static lt_status download(copier *c, const lt_address *from, const char *path, lt_err *err)
{
    if (strcmp(path, "-") == 0)
        return get_fd(c, from, c->app->out.fd, err);
    LT_AUTO(lt_chars) temp = lt_format("%s.%08x.tmp", path, arc4random());
    LT_AUTO(lt_fd) fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", path);
    lt_status status = get_fd(c, from, fd, err);
    if (status == LT_OK && rename(temp, path) != 0)
        status = lt_fail_errno(err, errno, "cannot write '%s'", path);
    if (status != LT_OK)
        (void)unlink(temp);
    return status;
}

static lt_status copy_inside(copier *c, const lt_address *from, const lt_address *to, lt_err *err)
{
    const char *folder = getenv("TMPDIR");
    LT_AUTO(lt_fd) fd = open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot make a temporary file");
    LT_TRY(lt_store_get_to_fd(c->store, from->bucket, from->key, T(""), fd, err));
    if (lseek(fd, 0, SEEK_SET) != 0)
        return lt_fail_errno(err, errno, "cannot read a temporary file");
    return put_fd(c, fd, to, err);
}

static lt_text last_part(lt_text key)
{
    size_t at = key.len;
    while (at && key.ptr[at - 1] != '/')
        at--;
    return lt_text_sub(key, at, SIZE_MAX);
}

/* ---- names of targets ---- */

/* The key for `name` when the target is `to`: a key that is empty or ends in '/' takes the name behind it. */
static lt_text key_for(lt_arena *arena, lt_text to, lt_text name)
{
    if (to.len && !lt_text_ends(to, T("/")))
        return to;
    return lt_text_of(lt_arena_format(arena, "%.*s%.*s", LT_ARG(to), LT_ARG(name)));
}

static char *path_for(const char *to, lt_text name)
{
    if (strcmp(to, "-") == 0 || (!lt_path_is_folder(to) && !lt_text_ends(lt_text_of(to), T("/"))))
        return lt_xstrdup(to);
    LT_AUTO(lt_chars) last = lt_text_dup(name);
    return lt_path_join(to, last);
}

static lt_status copy_object(copier *c, const lt_address *from, lt_err *err)
{
    lt_text name = last_part(from->key);
    if (c->to.is_store) {
        lt_address to = {c->to.at.bucket, key_for(&c->app->arena, c->to.at.key, name)};
        return copy_inside(c, from, &to, err);
    }
    LT_AUTO(lt_chars) path = path_for(c->to.path, name);
    return download(c, from, path, err);
}

static lt_status copy_file(copier *c, const char *path, lt_err *err)
{
    if (!c->to.is_store)
        return lt_fail(err, LT_INVALID, "neither '%s' nor '%s' is in the store", path, c->to.path);
    lt_text name = lt_text_of(strcmp(path, "-") == 0 ? "" : lt_path_name(path));
    lt_address to = {c->to.at.bucket, key_for(&c->app->arena, c->to.at.key, name)};
    if (!to.key.len)
        return lt_fail(err, LT_INVALID, "the object needs a name: BUCKET/KEY");
    return upload(c, path, &to, err);
}

/* ---- all below ---- */

static lt_status stopped(const copier *c, lt_err *err)
{
    return lt_stop_asked()
               ? lt_fail(err, LT_CANCELLED, "stopped after %lld objects", (long long)c->count)
               : LT_OK;
}

static lt_status download_below(copier *c, const lt_address *from, lt_text name, lt_err *err)
{
    if (!lt_archive_path_is_safe(name)) {
        lt_ignore(lt_fail(err, LT_INVALID, "the key '%.*s' cannot be a path here", LT_ARG(name)));
        return lt_hint(err, "copy it alone, to a name of your own");
    }
    LT_AUTO(lt_chars) below = lt_text_dup(name);
    LT_AUTO(lt_chars) path = lt_path_join(c->to.path, below);
    LT_AUTO(lt_chars) folder = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    LT_TRY(lt_folder_make(folder, 0750, err));
    return download(c, from, path, err);
}

static lt_status copy_walked(void *context, const lt_object_info *info, bool is_prefix, lt_err *err)
{
    copier *c = context;
    LT_AUTO(lt_arena) arena = {0};
    (void)is_prefix;
    LT_TRY(stopped(c, err));
    lt_address from = {c->from.bucket, info->key};
    lt_text name = lt_text_sub(info->key, c->from.key.len, SIZE_MAX);
    if (lt_text_starts(name, T("/")))
        name = lt_text_sub(name, 1, SIZE_MAX);
    if (!c->to.is_store)
        return download_below(c, &from, name.len ? name : last_part(info->key), err);
    lt_text prefix = c->to.at.key;
    bool slash = prefix.len && !lt_text_ends(prefix, T("/"));
    lt_address to = {c->to.at.bucket,
                     lt_text_of(lt_arena_format(&arena, "%.*s%s%.*s", LT_ARG(prefix),
                                                slash ? "/" : "", LT_ARG(name)))};
    return copy_inside(c, &from, &to, err);
}

static lt_status upload_folder(copier *c, const char *folder, lt_err *err)
{
    LT_AUTO(lt_path_list) files = {0};
    lt_text prefix = c->to.at.key;
    bool slash = prefix.len && !lt_text_ends(prefix, T("/"));
    if (!c->to.is_store)
        return lt_fail(err, LT_INVALID, "neither '%s' nor '%s' is in the store", folder,
                       c->to.path);
    LT_TRY(lt_files_below(folder, "", FILES_LIMIT, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[i]);
        LT_AUTO(lt_chars)
        key = lt_format("%.*s%s%s", LT_ARG(prefix), slash ? "/" : "", files.items[i]);
        LT_TRY(stopped(c, err));
        LT_TRY(upload(c, path, &(lt_address){c->to.at.bucket, lt_text_of(key)}, err));
    }
    return LT_OK;
}

static lt_status copy_all(copier *c, const side *from, lt_err *err)
{
    if (!from->is_store)
        return upload_folder(c, from->path, err);
    if (c->to.is_store && lt_text_eq(c->to.at.bucket, from->at.bucket) &&
        lt_text_starts(c->to.at.key, from->at.key))
        return lt_fail(err, LT_INVALID, "the target lies inside of what is copied");
    lt_list_request request = {.prefix = from->at.key};
    c->from = from->at;
    LT_TRY(lt_store_walk(c->store, from->at.bucket, &request, copy_walked, c, err));
    if (c->count == 0)
        return lt_fail(err, LT_NOT_FOUND, "there is nothing below '%s'", from->path);
    return LT_OK;
}

static lt_status cp(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const cp_opts *o = opts;
    side from;
    LT_AUTO(copier) c = {.app = app};
    LT_TRY(lt_app_store(app, &c.store, err));
    LT_TRY(read_side(c.store, args->items[0], looks_local(args->items[1]), &from, err));
    LT_TRY(read_side(c.store, args->items[1], !from.is_store, &c.to, err));
    if (o->recursive)
        LT_TRY(copy_all(&c, &from, err));
    else if (!from.is_store)
        LT_TRY(copy_file(&c, from.path, err));
    else if (!from.at.key.len)
        return lt_fail(err, LT_INVALID, "'%s' names no object; --recursive copies all of it",
                       args->items[0]);
    else
        LT_TRY(copy_object(&c, &from.at, err));
    bool to_stdout = !c.to.is_store && strcmp(c.to.path, "-") == 0;
    if (app->globals.json && !to_stdout)
        lt_out_printf(&app->out, "{\"copied\": %lld, \"bytes\": %lld}\n", (long long)c.count,
                      (long long)c.bytes);
    else if (!app->globals.quiet && !to_stdout)
        lt_out_printf(&app->out, "copied %lld object%s\n", (long long)c.count,
                      c.count == 1 ? "" : "s");
    return LT_OK;
}

const lt_cmd lt_cmd_store_cp = {
    .name = "cp",
    .help = "copy between the store and local files",
    .args = "SOURCE TARGET",
    .about = "What begins with store:// is in the store; what begins with / or . is a local path, "
             "and - is standard input or "
             "output. Anything else is what there is of that name: a bucket's object, or a file. "
             "With --recursive hidden files and links are left out.",
    .examples = "leat store cp data.csv raw/in/\tone file into the store\n"
                "leat store cp -r raw/in/ ./out\tall objects below raw/in/ into a folder\n"
                "leat store cp store://raw/a.csv -\tto standard output\n",
    .opts = cp_table,
    .opt_count = LT_COUNT(cp_table),
    .opts_size = sizeof(cp_opts),
    .run = cp,
};
