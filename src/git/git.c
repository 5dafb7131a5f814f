/* The project in its repository: state, list of files, snapshots, restoring. */
#include "git/git.h"

#include "base/fs.h"
#include "base/map.h"
#include "git/archive.h"
#include "git/git_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_LIMIT = 100000 };

static void free_repository(git_repository *repository)
{
    if (repository)
        lt_git2.repository_free(repository);
}
LT_OWNED(git_repo, git_repository *, free_repository)

static void free_object(git_object *object)
{
    if (object)
        lt_git2.object_free(object);
}
LT_OWNED(git_thing, git_object *, free_object)

static void free_reference(git_reference *reference)
{
    if (reference)
        lt_git2.reference_free(reference);
}
LT_OWNED(git_ref, git_reference *, free_reference)

static void free_status(git_status_list *list)
{
    if (list)
        lt_git2.status_list_free(list);
}
LT_OWNED(git_changes, git_status_list *, free_status)

static lt_status git_failed(int code, const char *what, lt_err *err)
{
    const git_error *last = lt_git2.error_last();
    lt_status status = code == GIT_ENOTFOUND ? LT_NOT_FOUND : LT_INVALID;
    return lt_fail(err, status, "%s: git says: %s", what, last ? last->message : "nothing");
}

/* ---- the repository that a project lies in ---- */

/* `inside` is the project's path in the work tree, with '/' at its end, or empty. */
static lt_status open_repository(const char *project, git_repository **out, char **inside,
                                 lt_err *err)
{
    char real[PATH_MAX];
    int ignored = 0;
    LT_AUTO(git_repo) repo = NULL;
    LT_TRY(lt_git_load(err));
    if (!realpath(project, real))
        return lt_fail_errno(err, errno, "cannot read '%s'", project);
    int code = lt_git2.repository_open_ext(&repo, real, 0, NULL);
    if (code == GIT_ENOTFOUND)
        return lt_fail(err, LT_NOT_FOUND, "'%s' lies in no git repository", project);
    if (code != 0)
        return git_failed(code, "cannot open the repository", err);
    LT_AUTO(lt_chars) folder = lt_format("%s/", real);
    const char *root = lt_git2.repository_workdir(repo);
    if (!root || !lt_text_starts(lt_text_of(folder), lt_text_of(root)))
        return lt_fail(err, LT_NOT_FOUND, "the git repository of '%s' has no work tree", project);
    const char *below = folder + strlen(root);
    if (*below && lt_git2.ignore_path_is_ignored(&ignored, repo, below) == 0 && ignored)
        return lt_fail(err, LT_NOT_FOUND, "'%s' is ignored by the git repository around it",
                       project);
    *inside = lt_xstrdup(below);
    *out = LT_TAKE(repo);
    return LT_OK;
}

static lt_status open_changes(git_repository *repo, char *inside, unsigned flags,
                              git_status_list **out, lt_err *err)
{
    git_status_options options = {.version = GIT_STATUS_OPTIONS_VERSION};
    options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
    options.flags = flags | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
    if (*inside)
        options.pathspec = (git_strarray){.strings = &inside, .count = 1};
    int code = lt_git2.status_list_new(out, repo, &options);
    return code == 0 ? LT_OK : git_failed(code, "cannot list the changes", err);
}

static void read_branch_before_first_commit(git_repository *repo, lt_git_state *state)
{
    LT_AUTO(git_ref) head = NULL;
    if (lt_git2.reference_lookup(&head, repo, "HEAD") != 0)
        return;
    const char *target = lt_git2.reference_symbolic_target(head);
    if (target && lt_text_starts(lt_text_of(target), T("refs/heads/")))
        (void)snprintf(state->branch, sizeof(state->branch), "%s", target + strlen("refs/heads/"));
}

static lt_status look(const char *project, lt_git_state *state, lt_err *err)
{
    LT_AUTO(lt_chars) inside = NULL;
    LT_AUTO(git_repo) repo = NULL;
    LT_AUTO(git_ref) head = NULL;
    LT_AUTO(git_changes) changes = NULL;
    LT_TRY(open_repository(project, &repo, &inside, err));
    int code = lt_git2.repository_head(&head, repo);
    if (code == 0) {
        (void)lt_git2.oid_tostr(state->commit, sizeof(state->commit),
                                lt_git2.reference_target(head));
        if (!lt_git2.repository_head_detached(repo))
            (void)snprintf(state->branch, sizeof(state->branch), "%s",
                           lt_git2.reference_shorthand(head));
    } else if (code == GIT_EUNBORNBRANCH) {
        read_branch_before_first_commit(repo, state);
    } else {
        return git_failed(code, "cannot read HEAD", err);
    }
    LT_TRY(open_changes(repo, inside, GIT_STATUS_OPT_INCLUDE_UNTRACKED, &changes, err));
    state->is_dirty = lt_git2.status_list_entrycount(changes) > 0;
    return LT_OK;
}

void lt_git_look(const char *project, lt_git_state *state)
{
    lt_err err = {0};
    lt_git_state found = {0};
    found.is_known = look(project, &found, &err) == LT_OK;
    *state = found.is_known ? found : (lt_git_state){0};
    if (!found.is_known)
        (void)snprintf(state->why, sizeof(state->why), "%s", err.message);
}

bool lt_git_tracks(const char *project, const char *path)
{
    lt_err err;
    git_index *index = NULL;
    LT_AUTO(lt_chars) inside = NULL;
    LT_AUTO(git_repo) repo = NULL;
    if (open_repository(project, &repo, &inside, &err) != LT_OK ||
        lt_git2.repository_index(&index, repo) != 0)
        return false;
    LT_AUTO(lt_chars) whole = lt_format("%s%s", inside, path);
    bool is_tracked = lt_git2.index_get_bypath(index, whole, 0) != NULL;
    lt_git2.index_free(index);
    return is_tracked;
}

/* ---- the list of files ---- */

/* What no archive holds, wherever it comes from: leat's own folder, and what may hold secrets. */
static bool is_left_out(lt_text path)
{
    size_t slash = path.len;
    while (slash && path.ptr[slash - 1] != '/')
        slash--;
    lt_text name = lt_text_sub(path, slash, SIZE_MAX);
    return lt_text_starts(path, T(".leat/")) || lt_text_eq(name, T(".env")) ||
           lt_text_starts(name, T(".env.")) || !lt_archive_path_is_safe(path);
}

static void add_path(lt_path_list *list, lt_text path)
{
    if (!is_left_out(path))
        lt_push(list, lt_text_dup(path));
}

/* In index or work tree, not ignored, and there. */
static lt_status list_by_git(const char *project, lt_path_list *list, lt_err *err)
{
    LT_AUTO(lt_chars) inside = NULL;
    LT_AUTO(git_repo) repo = NULL;
    LT_AUTO(git_changes) files = NULL;
    LT_TRY(open_repository(project, &repo, &inside, err));
    LT_TRY(open_changes(repo, inside,
                        GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                            GIT_STATUS_OPT_INCLUDE_UNMODIFIED,
                        &files, err));
    size_t count = lt_git2.status_list_entrycount(files);
    for (size_t i = 0; i < count; i++) {
        const git_status_entry *entry = lt_git2.status_byindex(files, i);
        const git_diff_delta *delta =
            entry->index_to_workdir ? entry->index_to_workdir : entry->head_to_index;
        lt_text path = lt_text_of(delta->new_file.path);
        if (!(entry->status & (GIT_STATUS_WT_DELETED | GIT_STATUS_IGNORED)) &&
            lt_text_starts(path, lt_text_of(inside)))
            add_path(list, lt_text_sub(path, strlen(inside), SIZE_MAX));
    }
    return LT_OK;
}

/* Without git: every file that is not hidden. */
static lt_status list_by_folder(const char *project, lt_path_list *list, lt_err *err)
{
    LT_AUTO(lt_path_list) all = {0};
    LT_TRY(lt_files_below(project, "", FILES_LIMIT, &all, err));
    for (size_t i = 0; i < all.len; i++)
        add_path(list, lt_text_of(all.items[i]));
    return LT_OK;
}

static int by_bytes(const void *a, const void *b)
{
    char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static lt_status list_files(const char *project, lt_path_list *list, lt_err *err)
{
    if (list_by_git(project, list, err) != LT_OK) {
        lt_path_list_cleanup(list);
        LT_TRY(list_by_folder(project, list, err));
    }
    if (list->len > FILES_LIMIT)
        return lt_fail(err, LT_TOO_BIG, "'%s' holds more than %d files", project, FILES_LIMIT);
    if (list->len)
        qsort(list->items, list->len, sizeof(*list->items), by_bytes);
    return LT_OK;
}

/* ---- snapshots ---- */

static lt_status too_big(const lt_buf *out, lt_err *err)
{
    lt_status status = lt_buf_check(out, "the archive of the project's files", err);
    if (status != LT_OK)
        (void)lt_hint(err, "let .gitignore name large data files, or commit before the run");
    return status;
}

static lt_status add_link_at(int root, const char *path, lt_buf *out, lt_git_archive *info,
                             lt_err *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(root, path, target, sizeof(target));
    if (len < 0)
        return lt_fail_errno(err, errno, "cannot read the link '%s'", path);
    lt_text to = lt_text_at(target, (size_t)len);
    if (!lt_archive_link_is_safe(lt_text_of(path), to)) {
        info->left_out++;
        return LT_OK;
    }
    info->file_count++;
    lt_archive_add_link(out, lt_text_of(path), to);
    return LT_OK;
}

static lt_status add_file_at(int root, const char *path, lt_buf *out, lt_git_archive *info,
                             lt_err *err)
{
    struct stat now;
    LT_AUTO(lt_buf) content = {.limit = out->limit ? out->limit : LT_BUF_LIMIT};
    content.limit += 64 * LT_KIB; /* room for the read that finds the end */
    LT_AUTO(lt_fd) fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return add_link_at(root, path, out, info, err);
    if (fd < 0 && errno == ENOENT) /* it went away since the list was made */
        return LT_OK;
    if (fd < 0 || fstat(fd, &now) != 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", path);
    if (!S_ISREG(now.st_mode)) {
        info->left_out++; /* a folder here is another repository */
        return LT_OK;
    }
    LT_TRY(lt_fd_read(fd, &content, path, err));
    info->file_count++;
    lt_archive_add_file(out, lt_text_of(path), lt_buf_text(&content), now.st_mode & 0100);
    return too_big(out, err);
}

static void finish(lt_buf *out, size_t start, lt_git_archive *info)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    lt_archive_end(out);
    lt_text bytes = lt_text_sub(lt_buf_text(out), start, SIZE_MAX);
    (void)crypto_hash_sha256(digest, (const unsigned char *)bytes.ptr, bytes.len);
    (void)sodium_bin2hex(info->sha256, sizeof(info->sha256), digest, sizeof(digest));
}

lt_status lt_git_snapshot(const char *project, lt_buf *out, lt_git_archive *info, lt_err *err)
{
    LT_AUTO(lt_path_list) list = {0};
    lt_git_archive made = {0};
    size_t start = out->len;
    LT_TRY(list_files(project, &list, err));
    LT_AUTO(lt_fd) root = open(project, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return lt_fail_errno(err, errno, "cannot read the folder '%s'", project);
    for (size_t i = 0; i < list.len; i++) {
        lt_status status = add_file_at(root, list.items[i], out, &made, err);
        if (status != LT_OK) {
            lt_buf_cut(out, start);
            return status;
        }
    }
    finish(out, start, &made);
    LT_TRY(too_big(out, err));
    if (info)
        *info = made;
    return LT_OK;
}

/* ---- the files of a commit ---- */

typedef struct tree_file {
    char *path; /* owned */
    git_oid id;
    git_filemode_t mode;
} tree_file;

typedef LT_VEC(tree_file) tree_files;

static void tree_files_cleanup(tree_files *files)
{
    for (size_t i = 0; i < files->len; i++)
        lt_free(files->items[i].path);
    lt_vec_free(files);
}

static int gather(const char *folder, const git_tree_entry *entry, void *context)
{
    tree_files *files = context;
    tree_file file = {.mode = lt_git2.tree_entry_filemode(entry),
                      .id = *lt_git2.tree_entry_id(entry)};
    if (file.mode == GIT_FILEMODE_TREE)
        return 0;
    if (files->len >= FILES_LIMIT)
        return -1;
    file.path = lt_format("%s%s", folder, lt_git2.tree_entry_name(entry));
    lt_push(files, file);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const tree_file *left = a, *right = b;
    return strcmp(left->path, right->path);
}

/* The tree of the project's folder in a commit. */
static lt_status find_tree(git_repository *repo, const char *commit, const char *inside,
                           git_object **tree, lt_err *err)
{
    LT_AUTO(git_thing) named = NULL;
    LT_AUTO(git_thing) root = NULL;
    int code = lt_git2.revparse_single(&named, repo, commit);
    if (code == 0)
        code = lt_git2.object_peel(&root, named, GIT_OBJECT_TREE);
    if (code == 0 && !*inside) {
        *tree = LT_TAKE(root);
    } else if (code == 0) {
        LT_AUTO(lt_chars) path = lt_xstrndup(inside, strlen(inside) - 1);
        code = lt_git2.object_lookup_bypath(tree, root, path, GIT_OBJECT_TREE);
    }
    if (code == 0)
        return LT_OK;
    LT_AUTO(lt_chars) what = lt_format("cannot find the commit '%s'", commit);
    lt_ignore(git_failed(code, what, err));
    err->status = LT_NOT_FOUND;
    return lt_hint(err, "fetch it (git fetch), then try again");
}

static lt_status add_blob(git_repository *repo, const tree_file *file, lt_buf *out,
                          lt_git_archive *info, lt_err *err)
{
    git_blob *blob = NULL;
    lt_text path = lt_text_of(file->path);
    bool is_link = file->mode == GIT_FILEMODE_LINK;
    int code = lt_git2.blob_lookup(&blob, repo, &file->id);
    if (code != 0)
        return git_failed(code, file->path, err);
    lt_text content = lt_text_at(lt_git2.blob_rawcontent(blob), (size_t)lt_git2.blob_rawsize(blob));
    if (is_link && lt_archive_link_is_safe(path, content))
        lt_archive_add_link(out, path, content);
    else if (!is_link)
        lt_archive_add_file(out, path, content, file->mode == GIT_FILEMODE_BLOB_EXECUTABLE);
    bool is_out = is_link && !lt_archive_link_is_safe(path, content);
    info->left_out += is_out;
    info->file_count += !is_out;
    lt_git2.blob_free(blob);
    return too_big(out, err);
}

static lt_status add_tree(git_repository *repo, git_object *tree, lt_buf *out, lt_git_archive *info,
                          lt_err *err)
{
    LT_AUTO(tree_files) files = {0};
    if (lt_git2.tree_walk((const git_tree *)tree, GIT_TREEWALK_PRE, gather, &files) != 0)
        return lt_fail(err, LT_TOO_BIG, "the commit holds more than %d files, or cannot be read",
                       FILES_LIMIT);
    if (files.len)
        qsort(files.items, files.len, sizeof(*files.items), by_path);
    for (size_t i = 0; i < files.len; i++) {
        const tree_file *file = &files.items[i];
        if (file->mode == GIT_FILEMODE_COMMIT)
            info->left_out++; /* another repository */
        else if (!is_left_out(lt_text_of(file->path)))
            LT_TRY(add_blob(repo, file, out, info, err));
    }
    return LT_OK;
}

lt_status lt_git_snapshot_commit(const char *project, const char *commit, lt_buf *out,
                                 lt_git_archive *info, lt_err *err)
{
    LT_AUTO(lt_chars) inside = NULL;
    LT_AUTO(git_repo) repo = NULL;
    LT_AUTO(git_thing) tree = NULL;
    lt_git_archive made = {0};
    size_t start = out->len;
    lt_status status = open_repository(project, &repo, &inside, err);
    if (status != LT_OK) {
        err->status = LT_INVALID;
        return LT_INVALID;
    }
    LT_TRY(find_tree(repo, commit, inside, &tree, err));
    status = add_tree(repo, tree, out, &made, err);
    if (status != LT_OK) {
        lt_buf_cut(out, start);
        return status;
    }
    finish(out, start, &made);
    LT_TRY(too_big(out, err));
    if (info)
        *info = made;
    return LT_OK;
}

/* ---- restoring ---- */

static lt_status make_empty(const char *folder, lt_err *err)
{
    LT_TRY(lt_folder_make(folder, 0750, err));
    if (rmdir(folder) != 0)
        return lt_fail(err, LT_CONFLICT, "'%s' is not an empty folder", folder);
    return lt_folder_make(folder, 0750, err);
}

/* No folder above `path` is a link of this archive: nothing is ever written through one. */
static lt_status check_above(const lt_map *links, lt_text path, lt_err *err)
{
    for (size_t i = 0; i <= path.len; i++)
        if ((i == path.len || path.ptr[i] == '/') && lt_map_has(links, lt_text_sub(path, 0, i)))
            return lt_fail(err, LT_INVALID, "the archive holds '%.*s', which leads through a link",
                           LT_ARG(path));
    return LT_OK;
}

static lt_status make_file(int root, const char *path, const lt_archive_entry *entry, lt_err *err)
{
    LT_AUTO(lt_fd)
    fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                entry->is_program ? 0750 : 0640);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot create '%s'", path);
    return lt_fd_write(fd, entry->content, path, err);
}

static lt_status restore_entry(int root, const char *folder, const lt_archive_entry *entry,
                               lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_text_dup(entry->path);
    LT_AUTO(lt_chars) whole = lt_path_join(folder, path);
    LT_AUTO(lt_chars) above = lt_xstrndup(whole, (size_t)(strrchr(whole, '/') - whole));
    LT_TRY(lt_folder_make(above, 0750, err));
    if (entry->kind == LT_ENTRY_FILE)
        return make_file(root, path, entry, err);
    LT_AUTO(lt_chars) target = lt_text_dup(entry->target);
    if (symlinkat(target, root, path) != 0)
        return lt_fail_errno(err, errno, "cannot create the link '%s'", path);
    return LT_OK;
}

/* All entries are checked before the first is written; links come last. */
static lt_status gather_links(lt_text archive, lt_map *links, lt_arena *arena, lt_err *err)
{
    lt_archive_reader reader = {.archive = archive};
    lt_archive_entry entry;
    for (bool more = true;;) {
        LT_TRY(lt_archive_next(&reader, &entry, &more, err));
        if (!more)
            return LT_OK;
        if (entry.kind == LT_ENTRY_LINK)
            (void)lt_map_put(links, lt_arena_text(arena, entry.path), links);
    }
}

static lt_status restore_kind(lt_text archive, int root, const char *folder, lt_entry_kind kind,
                              const lt_map *links, lt_err *err)
{
    lt_archive_reader reader = {.archive = archive};
    lt_archive_entry entry;
    for (bool more = true;;) {
        LT_TRY(lt_archive_next(&reader, &entry, &more, err));
        if (!more)
            return LT_OK;
        if (entry.kind != kind)
            continue;
        size_t slash = entry.path.len;
        while (slash && entry.path.ptr[slash - 1] != '/')
            slash--;
        lt_text checked =
            kind == LT_ENTRY_FILE ? entry.path : lt_text_sub(entry.path, 0, slash ? slash - 1 : 0);
        LT_TRY(check_above(links, checked, err));
        LT_TRY(restore_entry(root, folder, &entry, err));
    }
}

lt_status lt_git_restore(lt_text archive, const char *folder, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_map) links = {0};
    LT_TRY(gather_links(archive, &links, &arena, err));
    LT_TRY(make_empty(folder, err));
    LT_AUTO(lt_fd) root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return lt_fail_errno(err, errno, "cannot read the folder '%s'", folder);
    LT_TRY(restore_kind(archive, root, folder, LT_ENTRY_FILE, &links, err));
    return restore_kind(archive, root, folder, LT_ENTRY_LINK, &links, err);
}

lt_status lt_git_restore_commit(const char *project, const char *commit, const char *folder,
                                lt_err *err)
{
    LT_AUTO(lt_buf) archive = {0};
    LT_TRY(lt_git_snapshot_commit(project, commit, &archive, NULL, err));
    return lt_git_restore(lt_buf_text(&archive), folder, err);
}
