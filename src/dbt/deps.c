/* leat dbt deps: a list of packages to do, each installed under its own name, and the lock file that says which. */
#include "dbt/deps.h"

#include "base/fs.h"
#include "base/proc.h"
#include "dbt/inner.h"
#include "dbt/profile.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_PACKAGES = 500 };

/* One entry of a list of packages. */
typedef struct wanted {
    const char *from; /* folder of the list that asks for it */
    lt_text local, git, revision, subdirectory;
    lt_text name; /* of the package, once it is read */
} wanted;

typedef struct installing {
    const lt_dbt_deps_request *request;
    lt_dbt *bare; /* renders packages.yml */
    lt_arena arena;
    const char *folder; /* dbt_packages */
    LT_VEC(wanted) list;
} installing;

/* ---- lists ---- */

static lt_text text_at(installing *in, lt_jinja_value entry, const char *key)
{
    return lt_arena_text(&in->arena, lt_dbt_text_at(in->bare, entry, key));
}

static lt_status add_entry(installing *in, const char *from, const char *path, const lt_yaml *node,
                           lt_err *err)
{
    value_source source = {.dbt = in->bare, .path = path, .may_read_secrets = true};
    lt_jinja_value entry;
    LT_TRY(lt_dbt_value(&source, node, &entry, err));
    wanted made = {.from = from,
                   .local = text_at(in, entry, "local"),
                   .git = text_at(in, entry, "git"),
                   .revision = text_at(in, entry, "revision"),
                   .subdirectory = text_at(in, entry, "subdirectory")};
    if (!made.local.len && !made.git.len) {
        lt_ignore(lt_yaml_fail(node, path, err, "this package is neither 'local' nor 'git'"));
        return lt_hint(err,
                       "packages of the hub and archives are not fetched: name the package's git "
                       "repository and a revision");
    }
    for (size_t i = 0; i < in->list.len; i++)
        if (lt_text_eq(in->list.items[i].git, made.git) &&
            lt_text_eq(in->list.items[i].local, made.local) &&
            lt_text_eq(in->list.items[i].subdirectory, made.subdirectory))
            return LT_OK; /* two lists ask for the same */
    if (in->list.len == MOST_PACKAGES)
        return lt_fail(err, LT_TOO_BIG, "there are more than %d packages", MOST_PACKAGES);
    lt_push_in(&in->arena, &in->list, made);
    return LT_OK;
}

static lt_status add_list(installing *in, const char *folder, lt_err *err)
{
    static const char *const files[] = {"packages.yml", "dependencies.yml"};
    for (size_t f = 0; f < LT_COUNT(files); f++) {
        lt_yaml *root = NULL;
        LT_AUTO(lt_chars) full = lt_path_join(folder, files[f]);
        if (!lt_path_exists(full))
            continue;
        const char *shown = lt_arena_str(&in->arena, lt_text_of(full));
        LT_TRY(lt_dbt_yaml_file(in->bare, folder, files[f], &root, err));
        const lt_yaml *list = lt_yaml_find(root, T("packages"));
        if (lt_dbt_is_null(list))
            continue;
        LT_TRY(lt_dbt_need_list(shown, list, "packages", err));
        for (size_t i = 0; i < list->count; i++)
            LT_TRY(add_entry(in, folder, shown, list->items[i], err));
    }
    return LT_OK;
}

/* ---- installing ---- */

static lt_status read_name(installing *in, wanted *package, const char *folder, lt_err *err)
{
    lt_jinja_value project = {0};
    LT_AUTO(lt_chars) file = lt_path_join(folder, "dbt_project.yml");
    if (!lt_path_exists(file)) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "'%s' is no package: it has no dbt_project.yml", folder));
        return lt_hint(err, "check the path, or the 'subdirectory'");
    }
    LT_TRY(lt_dbt_yaml_value(file, &in->bare->heap, &project, err));
    package->name = text_at(in, project, "name");
    for (size_t i = 0; i < package->name.len; i++) {
        char c = package->name.ptr[i];
        if (!lt_is_alpha(c) && !lt_is_digit(c) && c != '_')
            package->name.len = 0; /* a name is a folder here */
    }
    if (package->name.len)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "%s: 'name' is missing, or no name for a package", file);
}

static char *place_of(const installing *in, const wanted *package)
{
    LT_AUTO(lt_chars) name = lt_text_dup(package->name);
    return lt_path_join(in->folder, name);
}

static lt_status install_local(installing *in, wanted *package, lt_err *err)
{
    char real[PATH_MAX];
    LT_AUTO(lt_chars) said = lt_text_dup(package->local);
    LT_AUTO(lt_chars) path = lt_path_join(package->from, said);
    if (!realpath(path, real))
        return lt_fail(err, LT_INVALID, "there is no folder '%s' for a local package", path);
    LT_TRY(read_name(in, package, real, err));
    LT_AUTO(lt_chars) place = place_of(in, package);
    if (in->request->lock_only)
        return LT_OK;
    LT_TRY(lt_path_remove(place, err));
    if (symlink(real, place) != 0)
        return lt_fail_errno(err, errno, "cannot link '%s'", place);
    return LT_OK;
}

/* Words go to git as they are: no shell, and none of them can be taken for an option. */
static lt_status run_git(const char *const *words, lt_err *err)
{
    pid_t pid;
    int state = 0;
    int code = posix_spawnp(&pid, "git", NULL, NULL, (char *const *)(uintptr_t)words, environ);
    if (code != 0)
        return lt_fail_errno(err, code, "cannot start git");
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return lt_fail_errno(err, errno, "waiting for git");
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
        return lt_fail(err, LT_IO, "git %s failed", words[1]);
    return LT_OK;
}

static lt_status clone_git(const wanted *package, const char *folder, lt_err *err)
{
    LT_AUTO(lt_chars) url = lt_text_dup(package->git);
    LT_AUTO(lt_chars) revision = lt_text_dup(package->revision.len ? package->revision : T("HEAD"));
    const char *const clone[] = {"git", "clone", "--quiet", "--", url, folder, NULL};
    const char *const checkout[] = {"git",     "-C",       folder,   "checkout",
                                    "--quiet", "--detach", revision, NULL};
    if (revision[0] == '-' || url[0] == '-')
        return lt_fail(err, LT_INVALID, "'%s' is no revision of '%s'", revision, url);
    LT_TRY(run_git(clone, err));
    if (!package->revision.len)
        return LT_OK;
    if (run_git(checkout, err) == LT_OK)
        return LT_OK;
    LT_AUTO(lt_chars) remote = lt_format("origin/%s", revision);
    const char *const branch[] = {"git",     "-C",       folder, "checkout",
                                  "--quiet", "--detach", remote, NULL};
    if (run_git(branch, err) == LT_OK)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "'%s' has no revision '%s'", url, revision);
}

static bool leads_out(lt_text path)
{
    lt_text part;
    if (lt_text_starts(path, T("/")))
        return true;
    while (lt_text_cut(&path, '/', &part))
        if (lt_text_eq(part, T("..")))
            return true;
    return false;
}

static lt_status install_git(installing *in, wanted *package, lt_err *err)
{
    LT_AUTO(lt_chars) prefix = lt_path_join(in->folder, ".git-");
    LT_AUTO(lt_chars) fresh = NULL;
    if (leads_out(package->subdirectory))
        return lt_fail(err, LT_INVALID, "the subdirectory '%.*s' leads out of the repository",
                       LT_ARG(package->subdirectory));
    LT_TRY(lt_folder_make_temp(prefix, &fresh, err));
    lt_status status = clone_git(package, fresh, err);
    LT_AUTO(lt_chars) below = lt_text_dup(package->subdirectory);
    LT_AUTO(lt_chars) inside = lt_path_join(fresh, below);
    if (status == LT_OK)
        status = read_name(in, package, package->subdirectory.len ? inside : fresh, err);
    if (status == LT_OK && !in->request->lock_only) {
        LT_AUTO(lt_chars) place = place_of(in, package);
        status = lt_path_remove(place, err);
        if (status == LT_OK && rename(package->subdirectory.len ? inside : fresh, place) != 0)
            status = lt_fail_errno(err, errno, "cannot put the package at '%s'", place);
    }
    lt_err ignored = {0};
    lt_ignore(lt_path_remove(fresh, &ignored));
    return status;
}

static void say(const installing *in, const char *word, const wanted *package)
{
    LT_AUTO(lt_chars)
    line =
        lt_format("%s %.*s%s%.*s", word, LT_ARG(package->git.len ? package->git : package->local),
                  package->revision.len ? "@" : "", LT_ARG(package->revision));
    if (in->request->say)
        in->request->say(in->request->user, lt_text_of(line));
}

static lt_status install(installing *in, wanted *package, lt_err *err)
{
    say(in, "Installing", package);
    LT_TRY(package->git.len ? install_git(in, package, err) : install_local(in, package, err));
    LT_AUTO(lt_chars) place = place_of(in, package);
    LT_AUTO(lt_chars) said = lt_text_dup(package->local);
    LT_AUTO(lt_chars) local = lt_path_join(package->from, said);
    bool link = package->local.len && in->request->lock_only;
    char real[PATH_MAX];
    if (!realpath(link ? local : place, real))
        return LT_OK; /* only locked: what a git package asks for is read when it is installed */
    return add_list(in, lt_arena_str(&in->arena, lt_text_of(real)), err);
}

/* ---- the lock ---- */

static lt_status write_lock(const installing *in, lt_err *err)
{
    char sum[65];
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    LT_AUTO(lt_chars) path = lt_path_join(in->request->root, "package-lock.yml");
    lt_buf_add_str(&text, "packages:\n");
    for (size_t i = 0; i < in->list.len; i++) {
        const wanted *package = &in->list.items[i];
        lt_buf_printf(&text, "  - %s: ", package->git.len ? "git" : "local");
        lt_json_quote(package->git.len ? package->git : package->local, &text);
        lt_buf_printf(&text, "\n    name: %.*s\n", LT_ARG(package->name));
        if (package->revision.len) {
            lt_buf_add_str(&text, "    revision: ");
            lt_json_quote(package->revision, &text);
            lt_buf_add_byte(&text, '\n');
        }
        if (package->subdirectory.len) {
            lt_buf_add_str(&text, "    subdirectory: ");
            lt_json_quote(package->subdirectory, &text);
            lt_buf_add_byte(&text, '\n');
        }
    }
    lt_dbt_sha256(lt_buf_text(&text), sum);
    lt_buf_printf(&text, "sha1_hash: %.40s\n", sum);
    return lt_file_write(path, lt_buf_text(&text), 0644, err);
}

static lt_status install_all(installing *in, lt_err *err)
{
    LT_TRY(add_list(in, in->request->root, err));
    if (!in->list.len) {
        if (in->request->say)
            in->request->say(in->request->user,
                             T("Warning: No packages were found in packages.yml"));
        return LT_OK;
    }
    LT_TRY(lt_folder_make(in->folder, 0755, err));
    for (size_t i = 0; i < in->list.len; i++) {
        wanted package = in->list.items[i]; /* the list grows while it is gone through */
        LT_TRY(install(in, &package, err));
        in->list.items[i] = package;
        for (size_t k = 0; k < i; k++)
            if (lt_text_eq(in->list.items[k].name, package.name))
                return lt_fail(err, LT_INVALID, "two packages have the name '%.*s'",
                               LT_ARG(package.name));
    }
    return write_lock(in, err);
}

lt_status lt_dbt_deps(const lt_dbt_deps_request *request, lt_err *err)
{
    lt_dbt bare = {.settings = {.scope = request->scope}, .yaml_env = lt_dbt_yaml_env};
    lt_dbt_package root = {
        .name = T("packages"), .file = "dbt_project.yml", .vars = request->scope->vars};
    installing in = {.request = request, .bare = &bare};
    LT_AUTO(lt_chars) folder = lt_path_join(request->root, request->install_path);
    in.folder = folder;
    bare.root = &root;
    bare.target = lt_jinja_dict(&bare.heap);
    lt_status status = install_all(&in, err);
    lt_jinja_heap_cleanup(&bare.heap);
    lt_arena_cleanup(&bare.arena);
    lt_arena_cleanup(&in.arena);
    return status;
}
