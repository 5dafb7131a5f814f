/* A home is copied beside its use, and a copy becomes a home. */
#include "run/backup.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "base/version.h"
#include "fmt/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FORMAT = 1,
    STAMP_CHARS = 17,
    LOGS_MOST = 5000000,
    RECORD_BYTES = 1024 * 1024,
    SECOND_US = 1000000
};

/* ---- the folder of backups ---- */

static void write_stamp(int64_t now_us, char out[STAMP_CHARS])
{
    char text[LT_TIME_CHARS];
    size_t len = 0;
    lt_time_write(now_us, text);
    for (size_t i = 0; i < sizeof("2026-11-22T01:02:03") - 1; i++)
        if (text[i] != '-' && text[i] != ':')
            out[len++] = text[i];
    out[len++] = 'Z';
    out[len] = '\0';
}

static bool read_stamp(const char *name, int64_t *moment_us)
{
    static const char shape[] = "00000000T000000Z";
    for (size_t i = 0; i < sizeof(shape); i++) /* with the end */
        if (shape[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != shape[i])
            return false;
    LT_AUTO(lt_chars)
    text = lt_format("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", name, name + 4, name + 6, name + 9,
                     name + 11, name + 13);
    return lt_time_read(lt_text_of(text), moment_us);
}

/* Something else may have such a name. */
static bool is_backup(const char *folder, const char *name)
{
    int64_t moment_us;
    LT_AUTO(lt_chars) record = lt_format("%s/%s/backup.json", folder, name);
    return read_stamp(name, &moment_us) && lt_path_exists(record);
}

static bool is_unfinished(const char *name)
{
    int64_t moment_us;
    return name[0] == '.' && read_stamp(name + 1, &moment_us);
}

typedef LT_VEC(char *) names; /* each owned */

static void names_cleanup(names *list)
{
    for (size_t i = 0; i < list->len; i++)
        lt_free(list->items[i]);
    lt_vec_free(list);
}

static int newest_first(const void *a, const void *b)
{
    char *const *left = a, *const *right = b;
    return strcmp(*right, *left);
}

/* The backups in a folder, newest first; `hidden`: instead what was not finished, or not removed whole. */
static lt_status list_backups(const char *folder, bool hidden, names *out, lt_err *err)
{
    DIR *opened = opendir(folder);
    if (!opened)
        return lt_fail_errno(err, errno, "cannot read the folder '%s'", folder);
    struct dirent *entry;
    while ((entry = readdir(opened)))
        if (hidden ? is_unfinished(entry->d_name) : is_backup(folder, entry->d_name))
            lt_push(out, lt_xstrdup(entry->d_name));
    (void)closedir(opened);
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), newest_first);
    return LT_OK;
}

static lt_status remove_all(const char *folder, const names *list, size_t from, lt_err *err)
{
    for (size_t i = from; i < list->len; i++) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, list->items[i]);
        LT_TRY(lt_path_remove(path, err));
    }
    return LT_OK;
}

/* It loses its name first: what is seen is always whole. */
static lt_status remove_old(const char *folder, int64_t keep, lt_err *err)
{
    LT_AUTO(names) all = {0};
    LT_TRY(list_backups(folder, false, &all, err));
    for (size_t i = (size_t)keep; keep > 0 && i < all.len; i++) {
        LT_AUTO(lt_chars) path = lt_path_join(folder, all.items[i]);
        LT_AUTO(lt_chars) hidden = lt_format("%s/.%s", folder, all.items[i]);
        if (rename(path, hidden) != 0)
            return lt_fail_errno(err, errno, "cannot remove '%s'", path);
        LT_TRY(lt_path_remove(hidden, err));
    }
    return LT_OK;
}

/* ---- making one ---- */

typedef struct making {
    lt_workspace *workspace;
    const lt_backup_plan *plan;
    lt_backup_made *out;
    char *to;      /* owned; the hidden folder */
    char *earlier; /* owned; the newest backup that is there; NULL: none */
    lt_buf record_text;
    lt_json_writer record;
    LT_VEC(const char *) target_files; /* borrowed; that have been copied */
} making;

static void making_cleanup(making *it)
{
    lt_free(it->to);
    lt_free(it->earlier);
    lt_buf_cleanup(&it->record_text);
    lt_vec_free(&it->target_files);
}

static lt_status copy_logs(const making *it, lt_err *err)
{
    LT_AUTO(lt_chars) logs = lt_path_join(it->workspace->home, "logs");
    LT_AUTO(lt_chars) copies = lt_path_join(it->to, "logs");
    LT_AUTO(lt_chars) before = it->earlier ? lt_path_join(it->earlier, "logs") : NULL;
    LT_AUTO(lt_path_list) files = {0};
    if (!lt_path_is_folder(logs))
        return LT_OK;
    LT_TRY(lt_files_below(logs, "", LOGS_MOST, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) from = lt_path_join(logs, files.items[i]);
        LT_AUTO(lt_chars) to = lt_path_join(copies, files.items[i]);
        LT_AUTO(lt_chars) same = before ? lt_path_join(before, files.items[i]) : NULL;
        char *slash = strrchr(to, '/');
        *slash = '\0';
        LT_TRY(lt_folder_make(to, 0750, err));
        *slash = '/';
        if (same && lt_file_link_same(from, same, to, NULL))
            continue;
        lt_status status = lt_file_copy(from, to, NULL, err);
        if (status != LT_OK && status != LT_NOT_FOUND) /* pruned meanwhile */
            return status;
    }
    return LT_OK;
}

/* DuckDB locks the file that it has open for writing, from whatever program. Its lock is the process's, ours the descriptor's: that
 * one stays when the copy closes the same file. */
static lt_status lock_file(const char *path, int *fd, lt_err *err)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    LT_AUTO(lt_fd) opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", path);
    if (fcntl(opened, F_OFD_SETLK, &lock) != 0) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "another program has '%s' open for writing", path));
        return lt_hint(err, "close it (a duckdb shell, a notebook), or leave the targets out with "
                            "--no-targets");
    }
    *fd = opened;
    opened = -1;
    return LT_OK;
}

/* The file and its log are one while nobody writes. */
static lt_status copy_target_files(making *it, const lt_target *target, lt_err *err)
{
    LT_AUTO(lt_fd) lock = -1;
    int64_t bytes = 0;
    LT_AUTO(lt_chars) to = lt_format("%s/targets/%s.duckdb", it->to, target->name);
    LT_AUTO(lt_chars) log = lt_format("%s.wal", target->path);
    LT_AUTO(lt_chars) log_to = lt_format("%s.wal", to);
    LT_AUTO(lt_chars) file = realpath(target->path, NULL); /* it may be a link to a larger disk */
    if (!file)
        return lt_fail_errno(err, errno, "cannot open '%s'", target->path);
    LT_TRY(lock_file(file, &lock, err));
    LT_TRY(lt_file_copy(file, to, &bytes, err));
    it->out->target_bytes += bytes;
    lt_status status = lt_file_copy(log, log_to, &bytes, err);
    return status == LT_NOT_FOUND ? LT_OK : status;
}

static bool is_copied(const making *it, const char *path)
{
    for (size_t i = 0; i < it->target_files.len; i++)
        if (strcmp(it->target_files.items[i], path) == 0)
            return true;
    return false;
}

/* Where it belongs: below the home or the project, or anywhere. */
static void record_target(making *it, const lt_target *target)
{
    lt_text path = lt_text_of(target->path), home = lt_text_of(it->workspace->home),
            root = lt_text_of(it->workspace->root);
    bool in_home = lt_text_starts(path, home) && path.ptr[home.len] == '/';
    bool in_root = !in_home && lt_text_starts(path, root) && path.ptr[root.len] == '/';
    size_t cut = in_home ? home.len + 1 : in_root ? root.len + 1 : 0;
    lt_json_begin(&it->record, '{');
    lt_json_set(&it->record, "name", lt_text_of(target->name));
    lt_json_set(&it->record, "below", in_home ? T("home") : in_root ? T("project") : T("/"));
    lt_json_set(&it->record, "path", lt_text_sub(path, cut, SIZE_MAX));
    lt_json_end(&it->record);
}

static lt_status copy_target(making *it, const lt_conf_target *conf, lt_err *err)
{
    lt_target target = {0};
    LT_AUTO(lt_fd) lease = -1;
    if (conf->engine != LT_CONF_DUCKDB)
        return LT_OK;
    LT_TRY(lt_workspace_target(it->workspace, conf->name, &target, err));
    if (!lt_path_exists(target.path) || is_copied(it, target.path))
        return LT_OK;
    lt_push(&it->target_files, target.path);
    LT_TRY(lt_workspace_lease(it->workspace, &target, "a backup", 0, &lease, err));
    LT_TRY(copy_target_files(it, &target, err));
    record_target(it, &target);
    return LT_OK;
}

static lt_status copy_targets(making *it, lt_err *err)
{
    const lt_project *project = it->workspace->project;
    LT_AUTO(lt_chars) folder = lt_path_join(it->to, "targets");
    lt_json_key(&it->record, T("targets"));
    lt_json_begin(&it->record, '[');
    LT_TRY(lt_folder_make(folder, 0750, err));
    for (size_t i = 0; i < project->targets.len && !it->plan->no_targets; i++)
        LT_TRY(copy_target(it, &project->targets.items[i], err));
    lt_json_end(&it->record);
    return LT_OK;
}

static lt_status copy_store(making *it, lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_path_join(it->to, "store");
    LT_AUTO(lt_chars) earlier = it->earlier ? lt_path_join(it->earlier, "store") : NULL;
    const char *url = lt_conf_store_url(&it->workspace->project->store, it->workspace->home,
                                        &it->workspace->arena);
    it->out->without_store = !lt_text_starts(lt_text_of(url), T("local:"));
    lt_json_set_bool(&it->record, "store", !it->out->without_store);
    if (it->out->without_store)
        return LT_OK;
    lt_backup_request request = {.folder = folder, .earlier = earlier, .counts = it->plan->counts};
    return lt_store_backup(it->workspace->store, &request, err);
}

/* What is seen under its name is whole and durable. */
static lt_status finish(making *it, const char *stamp, lt_err *err)
{
    LT_AUTO(lt_chars) record = lt_path_join(it->to, "backup.json");
    LT_AUTO(lt_fd) folder = open(it->plan->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(it->out->path, sizeof(it->out->path), "%s/%s", it->plan->folder, stamp);
    lt_json_end(&it->record);
    lt_buf_add_byte(&it->record_text, '\n');
    if (folder < 0 || syncfs(folder) != 0)
        return lt_fail_errno(err, errno, "cannot sync '%s'", it->plan->folder);
    LT_TRY(lt_file_write_durably(record, lt_buf_text(&it->record_text), 0640, err));
    if (rename(it->to, it->out->path) != 0)
        return lt_fail_errno(err, errno, "cannot name '%s'", it->out->path);
    return lt_folder_sync(it->plan->folder, err);
}

/* state.db before the store: what it speaks of is there then. */
static lt_status make(making *it, const char *stamp, lt_err *err)
{
    char now[LT_TIME_CHARS];
    LT_AUTO(lt_chars) state = lt_path_join(it->to, "state.db");
    it->record = (lt_json_writer){.out = &it->record_text, .indent = 2};
    LT_TRY(lt_folder_make(it->to, 0750, err));
    lt_json_begin(&it->record, '{');
    lt_json_set_int(&it->record, "format", FORMAT);
    lt_json_set(&it->record, "leat", T(LT_VERSION));
    lt_json_set(&it->record, "project", it->workspace->project->name);
    lt_json_set(&it->record, "made_at", lt_text_of(lt_time_write(lt_now_us(), now)));
    LT_TRY(copy_targets(it, err));
    LT_TRY(lt_state_copy(it->workspace->state, state, err));
    LT_TRY(copy_logs(it, err));
    LT_TRY(copy_store(it, err));
    return finish(it, stamp, err);
}

/* The newest is the last by name, whatever the clock says: else it is what --keep removes and what restore passes over. */
static int64_t next_moment(const names *all)
{
    int64_t now_us = lt_now_us(), newest_us;
    if (!all->len || !read_stamp(all->items[0], &newest_us) || now_us >= newest_us + SECOND_US)
        return now_us;
    if (now_us < newest_us)
        lt_log(LT_LOG_WARNING,
               "the clock stands before the newest backup, '%s': this one is named as the second "
               "after it; its backup.json has what the clock says",
               all->items[0]);
    return newest_us + SECOND_US;
}

static lt_status make_next(making *it, lt_err *err)
{
    char stamp[STAMP_CHARS];
    LT_AUTO(names) left = {0};
    LT_AUTO(names) all = {0};
    const char *folder = it->plan->folder;
    LT_TRY(list_backups(folder, true, &left, err));
    LT_TRY(remove_all(folder, &left, 0, err));
    LT_TRY(list_backups(folder, false, &all, err));
    it->earlier = all.len ? lt_path_join(folder, all.items[0]) : NULL;
    write_stamp(next_moment(&all), stamp);
    it->to = lt_format("%s/.%s", folder, stamp);
    lt_status status = make(it, stamp, err);
    lt_err later;
    if (status != LT_OK)
        lt_ignore(lt_path_remove(it->to, &later));
    return status;
}

lt_status lt_backup_make(lt_workspace *workspace, const lt_backup_plan *plan, lt_backup_made *out,
                         lt_err *err)
{
    LT_AUTO(lt_fd) lock = -1;
    LT_AUTO(making) it = {.workspace = workspace, .plan = plan, .out = out};
    LT_AUTO(lt_chars) path = lt_path_join(plan->folder, ".lock");
    *out = (lt_backup_made){0};
    LT_TRY(lt_folder_make(plan->folder, 0750, err));
    lt_status status = lt_file_lock(path, 0, &lock, err);
    if (status == LT_CONFLICT)
        return lt_fail(err, LT_CONFLICT, "another backup into '%s' is under way", plan->folder);
    LT_TRY(status);
    LT_TRY(make_next(&it, err));
    LT_TRY(remove_old(plan->folder, plan->keep, err));
    int64_t failed = atomic_load(&plan->counts->failed);
    if (!failed)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "'%s' is made, but %lld contents of the store are damaged",
                      out->path, (long long)failed));
    return lt_hint(err, "see whose they are with 'leat store check', and restore those objects "
                        "from an older backup");
}

/* ---- restoring ---- */

static lt_status find_backup(const char *from, char **out, lt_err *err)
{
    LT_AUTO(names) all = {0};
    LT_AUTO(lt_chars) record = lt_path_join(from, "backup.json");
    if (lt_path_exists(record)) {
        *out = lt_xstrdup(from);
        return LT_OK;
    }
    LT_TRY(list_backups(from, false, &all, err));
    if (!all.len)
        return lt_fail(err, LT_NOT_FOUND, "'%s' is no backup, and holds none", from);
    *out = lt_path_join(from, all.items[0]);
    return LT_OK;
}

static lt_status read_record(const char *from, lt_arena *arena, lt_json **out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = RECORD_BYTES};
    LT_AUTO(lt_chars) path = lt_path_join(from, "backup.json");
    LT_TRY(lt_file_read(path, &text, err));
    LT_TRY(lt_json_read(lt_buf_text(&text), lt_arena_str(arena, lt_text_of(path)), NULL, arena, out,
                        err));
    int64_t format = lt_json_i64_or(*out, "format", 0);
    if (format == FORMAT)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%s' has format %lld, this leat knows %d", path,
                      (long long)format, FORMAT));
    return lt_hint(err, "use the version of leat that made it: '%.*s'",
                   LT_ARG(lt_json_text_or(*out, "leat", T("?"))));
}

static lt_status need_nothing(const char *path, const char *what, lt_err *err)
{
    DIR *opened = opendir(path);
    bool empty = !opened && errno == ENOENT;
    struct dirent *entry = NULL;
    while (opened && (entry = readdir(opened)) &&
           (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
        ;
    empty = empty || (opened && !entry);
    if (opened)
        (void)closedir(opened);
    if (empty)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT, "%s '%s' is there already", what, path));
    return lt_hint(err, "move it away first: nothing is written over");
}

static lt_status copy_tree(const char *from, const char *to, lt_err *err)
{
    LT_AUTO(lt_path_list) files = {0};
    if (!lt_path_is_folder(from))
        return LT_OK;
    LT_TRY(lt_folder_make(to, 0750, err));
    LT_TRY(lt_files_below(from, "", SIZE_MAX, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) one = lt_path_join(from, files.items[i]);
        LT_AUTO(lt_chars) copy = lt_path_join(to, files.items[i]);
        char *slash = strrchr(copy, '/');
        *slash = '\0';
        LT_TRY(lt_folder_make(copy, 0750, err));
        *slash = '/';
        LT_TRY(lt_file_copy(one, copy, NULL, err));
    }
    return LT_OK;
}

/* A path from a record may not leave the folder that it is below. */
static bool is_below(lt_text path)
{
    if (!path.len || path.ptr[0] == '/' || memchr(path.ptr, '\0', path.len))
        return false;
    lt_text rest = path;
    while (rest.len) {
        const char *slash = memchr(rest.ptr, '/', rest.len);
        size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;
        lt_text part = lt_text_sub(rest, 0, len);
        if (!len || lt_text_eq(part, T(".")) || lt_text_eq(part, T("..")))
            return false;
        rest = lt_text_sub(rest, len + (slash != NULL), SIZE_MAX);
    }
    return true;
}

/* A file that has another name until the end. */
typedef struct aside {
    const char *to, *temp; /* in the arena */
} aside;

typedef struct restoring {
    const lt_restore_plan *plan;
    lt_arena *arena;
    lt_restored *out;
    const lt_json *record;
    char *from, *home; /* owned; the backup, and the new home under another name */
    LT_VEC(aside) asides;
} restoring;

static void restoring_cleanup(restoring *it)
{
    lt_free(it->from);
    lt_free(it->home);
    lt_vec_free(&it->asides);
}

static void remove_asides(restoring *it)
{
    lt_err later;
    for (size_t i = 0; i < it->asides.len; i++)
        lt_ignore(lt_path_remove(it->asides.items[i].temp, &later));
}

/* Called twice for each: to see that nothing is in the way, and to copy. NULL: it has no place here. */
static const char *target_place(const restoring *it, const lt_json *target, bool final)
{
    lt_text below = lt_json_text_or(target, "below", T("")),
            path = lt_json_text_or(target, "path", T(""));
    const char *home = final ? it->plan->home : it->home;
    if (!is_below(path))
        return NULL;
    if (lt_text_eq(below, T("home")))
        return lt_arena_format(it->arena, "%s/%.*s", home, LT_ARG(path));
    if (lt_text_eq(below, T("project")))
        return lt_arena_format(it->arena, "%s/%.*s", it->plan->root, LT_ARG(path));
    return NULL;
}

static bool is_name(lt_text name)
{
    return is_below(name) && !memchr(name.ptr, '/', name.len);
}

/* Also the log: DuckDB would take an old one for that of the file that comes. */
static lt_status need_no_target(const restoring *it, const char *place, lt_err *err)
{
    const char *log = lt_arena_format(it->arena, "%s.wal", place);
    if (lt_path_exists(place))
        return need_nothing(place, "the file", err);
    return lt_path_exists(log) ? need_nothing(log, "the file", err) : LT_OK;
}

static lt_status check_target(restoring *it, const lt_json *target, lt_err *err)
{
    const char *place = target_place(it, target, true);
    if (!is_name(lt_json_text_or(target, "name", T(""))))
        return lt_fail(err, LT_INVALID, "'%s/backup.json' names no target", it->from);
    return place ? need_no_target(it, place, err) : LT_OK;
}

/* Under another name first. What lies in the home gets its name with the home. */
static lt_status copy_aside(restoring *it, const char *from, const char *to, bool in_home,
                            lt_err *err)
{
    aside one = {.to = to, .temp = to};
    LT_AUTO(lt_chars) folder = lt_xstrdup(to);
    *strrchr(folder, '/') = '\0';
    LT_TRY(lt_folder_make(folder, 0750, err));
    if (!in_home) {
        one.temp = lt_arena_format(it->arena, "%s.restoring-%08x", to, arc4random());
        lt_push(&it->asides, one);
    }
    LT_TRY(lt_file_copy(from, one.temp, NULL, err));
    LT_AUTO(lt_fd) file = open(one.temp, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fsync(file) != 0)
        return lt_fail_errno(err, errno, "cannot sync '%s'", one.temp);
    return LT_OK;
}

/* The log before the file: a file without its log would lack what it holds. */
static lt_status copy_back(restoring *it, const char *from, const char *to, bool in_home,
                           lt_err *err)
{
    const char *log = lt_arena_format(it->arena, "%s.wal", from);
    const char *log_to = lt_arena_format(it->arena, "%s.wal", to);
    if (lt_path_exists(log))
        LT_TRY(copy_aside(it, log, log_to, in_home, err));
    return copy_aside(it, from, to, in_home, err);
}

/* Never over what has come meanwhile. */
static lt_status place_asides(restoring *it, lt_err *err)
{
    for (size_t i = 0; i < it->asides.len; i++) {
        aside *one = &it->asides.items[i];
        if (renameat2(AT_FDCWD, one->temp, AT_FDCWD, one->to, RENAME_NOREPLACE) != 0)
            return lt_fail_errno(err, errno, "cannot name '%s'", one->to);
        one->temp = one->to;
        LT_AUTO(lt_chars) folder = lt_xstrdup(one->to);
        *strrchr(folder, '/') = '\0';
        LT_TRY(lt_folder_sync(folder, err));
    }
    return LT_OK;
}

static lt_status restore_target(restoring *it, const lt_json *target, lt_err *err)
{
    const char *place = target_place(it, target, false);
    lt_text name = lt_json_text_or(target, "name", T(""));
    const char *from = lt_arena_format(it->arena, "%s/targets/%.*s.duckdb", it->from, LT_ARG(name));
    if (!place) {
        lt_push_in(it->arena, &it->out->other_targets,
                   lt_text_of(lt_arena_format(it->arena, "%.*s: %s", LT_ARG(name), from)));
        return LT_OK;
    }
    bool in_home = lt_text_eq(lt_json_text_or(target, "below", T("")), T("home"));
    LT_TRY(copy_back(it, from, place, in_home, err));
    lt_push_in(it->arena, &it->out->targets, lt_text_of(target_place(it, target, true)));
    return LT_OK;
}

/* Called with each target of the record. */
static lt_status each_target(restoring *it,
                             lt_status (*call)(restoring *it, const lt_json *target, lt_err *err),
                             lt_err *err)
{
    const lt_json *targets = lt_json_find(it->record, "targets");
    for (size_t i = 0; targets && targets->kind == LT_JSON_ARRAY && i < targets->count; i++)
        LT_TRY(call(it, &targets->items[i], err));
    return LT_OK;
}

static lt_status verify_state(const restoring *it, lt_err *err)
{
    LT_AUTO(lt_state_ref) state = NULL;
    LT_TRY(lt_state_open(it->home, &state, err));
    return lt_state_check(state, err);
}

static lt_status verify_store(const restoring *it, lt_err *err)
{
    lt_check_report report = {0};
    LT_AUTO(lt_store_ref) store = NULL;
    LT_AUTO(lt_chars) url = lt_format("local:%s/store", it->home);
    LT_TRY(lt_store_open(url, &store, err));
    LT_TRY(lt_store_check(store, false, it->arena, &report, err));
    it->out->objects = report.objects;
    it->out->blobs = report.blobs;
    for (size_t i = 0; i < report.problems.len; i++)
        lt_log(LT_LOG_ERROR, "in the backup: %.*s", LT_ARG(report.problems.items[i]));
    if (!report.damaged && !report.missing)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_FAILED, "%lld objects of the backup '%s' are damaged or missing",
                      (long long)(report.damaged + report.missing), it->from));
    return lt_hint(err, "take an older one; nothing has been changed");
}

static lt_status fill_home(const restoring *it, lt_err *err)
{
    LT_AUTO(lt_chars) state = lt_path_join(it->from, "state.db");
    LT_AUTO(lt_chars) state_to = lt_path_join(it->home, "state.db");
    LT_AUTO(lt_chars) logs = lt_path_join(it->from, "logs");
    LT_AUTO(lt_chars) logs_to = lt_path_join(it->home, "logs");
    LT_AUTO(lt_chars) store = lt_path_join(it->from, "store");
    LT_AUTO(lt_chars) store_to = lt_path_join(it->home, "store");
    LT_TRY(lt_file_copy(state, state_to, NULL, err));
    LT_TRY(verify_state(it, err));
    LT_TRY(copy_tree(logs, logs_to, err));
    LT_TRY(copy_tree(store, store_to, err));
    if (lt_json_bool_or(it->record, "store", false))
        LT_TRY(verify_store(it, err));
    return LT_OK;
}

/* Everything is copied and verified under another name, and has its own in the end. */
static lt_status restore(restoring *it, lt_err *err)
{
    LT_TRY(each_target(it, check_target, err));
    LT_TRY(lt_path_remove(it->home, err)); /* of one that was killed */
    LT_TRY(lt_folder_make(it->home, 0750, err));
    LT_TRY(fill_home(it, err));
    LT_TRY(each_target(it, restore_target, err));
    LT_AUTO(lt_fd) folder = open(it->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || syncfs(folder) != 0)
        return lt_fail_errno(err, errno, "cannot sync '%s'", it->home);
    LT_TRY(place_asides(it, err));
    if (rename(it->home, it->plan->home) != 0)
        return lt_fail_errno(err, errno, "cannot name '%s'", it->plan->home);
    LT_AUTO(lt_chars) parent = lt_xstrdup(it->plan->home);
    *strrchr(parent, '/') = '\0';
    return lt_folder_sync(parent[0] ? parent : "/", err);
}

static lt_status lock_home(const char *home, const char *lock_path, int *lock, lt_err *err)
{
    LT_TRY(need_nothing(home, "the home", err));
    lt_status status = lt_file_lock(lock_path, 0, lock, err);
    if (status == LT_CONFLICT)
        return lt_fail(err, LT_CONFLICT, "another restore of '%s' is under way", home);
    LT_TRY(status);
    return need_nothing(home, "the home", err); /* one may have ended just now */
}

lt_status lt_backup_restore(const lt_restore_plan *plan, lt_arena *arena, lt_restored *out,
                            lt_err *err)
{
    LT_AUTO(restoring) it = {.plan = plan, .arena = arena, .out = out};
    lt_json *record = NULL;
    LT_AUTO(lt_fd) lock = -1;
    LT_AUTO(lt_chars) lock_path = lt_format("%s.restoring.lock", plan->home);
    *out = (lt_restored){0};
    LT_TRY(find_backup(plan->from, &it.from, err));
    LT_TRY(read_record(it.from, arena, &record, err));
    out->from = lt_arena_text(arena, lt_text_of(it.from));
    if (!lt_time_read(lt_json_text_or(record, "made_at", T("")), &out->made_at_us))
        return lt_fail(err, LT_INVALID, "'%s/backup.json' has no moment", it.from);
    LT_TRY(lock_home(plan->home, lock_path, &lock, err));
    it.record = record;
    it.home = lt_format("%s.restoring", plan->home);
    lt_status status = restore(&it, err);
    lt_err later;
    if (status != LT_OK) {
        remove_asides(&it);
        lt_ignore(lt_path_remove(it.home, &later));
    }
    (void)unlink(lock_path);
    return status;
}
