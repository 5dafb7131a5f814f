/* Packages one by one: choose a version, fetch it from the hub, git, an archive or a folder, and put it in its place. */
#include "dbt/deps/inner.h"

#include "base/fs.h"
#include "base/proc.h"
#include "dbt/profile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- places ---- */

/* A name is a folder of dbt_packages/. */
static bool is_name(lt_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!lt_is_alpha(name.ptr[i]) && !lt_is_digit(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return name.len > 0;
}

static char *place_of(const deps *d, lt_text name)
{
    LT_AUTO(lt_chars) folder = lt_text_dup(name);
    return lt_path_join(d->fresh, folder);
}

/* Where something is kept until it is installed. */
static char *download_of(const deps *d, const wanted *package)
{
    char sum[33];
    LT_AUTO(lt_chars)
    key = lt_format("%d %.*s %.*s", (int)package->kind, LT_ARG(package->key),
                    LT_ARG(package->subdirectory));
    lt_dbt_md5_hex(lt_text_of(key), sum);
    return lt_format("%s/.downloads/%s", d->fresh, sum);
}

/* The name of the project in a folder, and what it needs. */
static lt_status read_project(deps *d, const char *folder, pinned *out, lt_err *err)
{
    lt_jinja_value project = {0};
    wanted_list needs = {0};
    LT_AUTO(lt_chars) file = lt_path_join(folder, "dbt_project.yml");
    if (!lt_path_exists(file)) {
        lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is no package: it has no dbt_project.yml",
                          LT_ARG(out->from->said)));
        return lt_hint(err, "check the path, or the 'subdirectory'");
    }
    LT_TRY(lt_dbt_yaml_value(file, &d->bare->heap, &project, err));
    out->name = lt_arena_text(&d->arena, lt_dbt_text_at(d->bare, project, "name"));
    LT_TRY(lt_dbt_deps_read(d, lt_arena_str(&d->arena, lt_text_of(folder)), &needs,
                            (lt_jinja_value){0}, err));
    for (size_t i = 0; i < needs.len; i++)
        lt_push_in(&d->arena, &out->needs, needs.items[i]);
    return LT_OK;
}

static lt_status move_in(deps *d, const char *from, lt_text name, lt_err *err)
{
    LT_AUTO(lt_chars) place = place_of(d, name);
    LT_TRY(lt_path_remove(place, err));
    if (rename(from, place) != 0)
        return lt_fail_errno(err, errno, "cannot put the package at '%s'", place);
    return LT_OK;
}

/* ---- folders ---- */

/* Paths are those of the project, also in lists of packages; one that is only there beside the list is taken, too. */
static lt_status find_local(const deps *d, const wanted *package, char real[PATH_MAX], lt_err *err)
{
    LT_AUTO(lt_chars) said = lt_text_dup(package->key);
    LT_AUTO(lt_chars)
    path = said[0] == '/' ? lt_xstrdup(said) : lt_path_join(d->request->root, said);
    if (!realpath(path, real))
        return lt_fail(err, LT_INVALID, "there is no folder '%s' for a local package", path);
    return LT_OK;
}

static lt_status install_local(deps *d, const pinned *package, lt_err *err)
{
    char real[PATH_MAX];
    LT_AUTO(lt_chars) place = place_of(d, package->name);
    LT_TRY(find_local(d, package->from, real, err));
    if (symlink(real, place) != 0)
        return lt_fail_errno(err, errno, "cannot link '%s'", place);
    return LT_OK;
}

/* ---- git ---- */

/* Words go to git as they are: no shell, and none of them can be taken for an option. */
static lt_status run_git(const char *const *words, lt_err *err)
{
    LT_AUTO(lt_buf) out = {.limit = LT_MIB};
    int code = 0;
    LT_TRY(lt_proc_run((char *const *)(uintptr_t)words, &out, &code, err));
    if (code != 0)
        return lt_fail(err, LT_IO, "git %s failed", words[1][0] == '-' ? words[3] : words[1]);
    return LT_OK;
}

static lt_status checkout(const char *folder, const char *revision, lt_err *err)
{
    LT_AUTO(lt_chars) remote = lt_format("origin/%s", revision);
    const char *const names[] = {remote, revision};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        const char *const words[] = {"git",     "-C",       folder,   "checkout",
                                     "--quiet", "--detach", names[i], NULL};
        if (run_git(words, err) == LT_OK)
            return LT_OK;
    }
    return err->status;
}

static lt_status clone_git(const wanted *package, const char *revision, const char *folder,
                           lt_err *err)
{
    LT_AUTO(lt_chars) url = lt_text_dup(package->key);
    const char *const clone[] = {"git", "clone", "--quiet", "--", url, folder, NULL};
    if (revision[0] == '-' || url[0] == '-')
        return lt_fail(err, LT_INVALID, "'%s' is no revision of '%.*s'", revision,
                       LT_ARG(package->said));
    if (run_git(clone, err) != LT_OK) {
        lt_ignore(lt_fail(err, LT_INVALID, "cannot clone '%.*s'", LT_ARG(package->said)));
        return lt_hint(err, "look whether 'git clone' of it works");
    }
    if (checkout(folder, revision, err) == LT_OK)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "'%.*s' has no revision '%s'", LT_ARG(package->said), revision);
}

/* The commit of a checkout without a branch. */
static lt_status read_commit(deps *d, const char *folder, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, ".git/HEAD");
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    LT_TRY(lt_file_read(path, &text, err));
    *out = lt_arena_text(&d->arena, lt_text_trim(lt_buf_text(&text)));
    return LT_OK;
}

static char *inside(const char *folder, lt_text subdirectory)
{
    LT_AUTO(lt_chars) below = lt_text_dup(subdirectory);
    return subdirectory.len ? lt_path_join(folder, below) : lt_xstrdup(folder);
}

static lt_status pin_git(deps *d, const wanted *package, pinned *out, lt_err *err)
{
    LT_AUTO(lt_chars) folder = download_of(d, package);
    LT_AUTO(lt_chars) project = inside(folder, package->subdirectory);
    if (package->revisions.len > 1)
        return lt_fail(err, LT_INVALID,
                       "git dependencies should contain exactly one version. %.*s contains: %.*s, "
                       "%.*s",
                       LT_ARG(package->said), LT_ARG(package->revisions.items[0]),
                       LT_ARG(package->revisions.items[1]));
    LT_AUTO(lt_chars)
    revision = lt_text_dup(package->revisions.len ? package->revisions.items[0] : T("HEAD"));
    if (!lt_path_exists(folder))
        LT_TRY(clone_git(package, revision, folder, err));
    if (!package->unpinned_is_fine &&
        (strcmp(revision, "HEAD") == 0 || strcmp(revision, "main") == 0 ||
         strcmp(revision, "master") == 0))
        lt_dbt_deps_say(d, true,
                        "[WARNING]: The git package \"%.*s\" is %s. This can introduce breaking "
                        "changes into your project without warning!",
                        LT_ARG(package->said),
                        strcmp(revision, "HEAD") == 0 ? "not pinned, using HEAD (default branch)"
                                                      : "pinned to a branch");
    LT_TRY(read_commit(d, folder, &out->version, err));
    return read_project(d, project, out, err);
}

static lt_status install_git(deps *d, const pinned *package, lt_err *err)
{
    lt_text there = {0};
    LT_AUTO(lt_chars) folder = download_of(d, package->from);
    LT_AUTO(lt_chars) project = inside(folder, package->from->subdirectory);
    LT_AUTO(lt_chars) revision = lt_text_dup(package->version);
    if (lt_path_exists(folder))
        LT_TRY(read_commit(d, folder, &there, err));
    if (!lt_text_eq(there, package->version)) {
        LT_TRY(lt_path_remove(folder, err));
        LT_TRY(clone_git(package->from, revision, folder, err));
    }
    return move_in(d, project, package->name, err);
}

/* ---- archives ---- */

/* What an archive holds: one folder. */
static lt_status only_folder(const wanted *package, const char *folder, char **out, lt_err *err)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    size_t count = 0;
    if (!open)
        return lt_fail_errno(err, errno, "cannot read '%s'", folder);
    LT_AUTO(lt_chars) found = NULL;
    while ((entry = readdir(open))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        lt_free(found);
        found = lt_path_join(folder, entry->d_name);
    }
    (void)closedir(open);
    if (count != 1 || !lt_path_is_folder(found)) {
        lt_ignore(lt_fail(err, LT_INVALID, "the archive of '%.*s' does not hold one folder",
                          LT_ARG(package->said)));
        return lt_hint(err, "its files are below NAME/: NAME/dbt_project.yml");
    }
    *out = lt_xstrdup(found);
    return LT_OK;
}

static lt_status fetch(deps *d, const wanted *package, lt_text url, char **project, lt_err *err)
{
    size_t links = 0;
    LT_AUTO(lt_chars) folder = download_of(d, package);
    if (!lt_path_exists(folder))
        LT_TRY(lt_dbt_hub_fetch(d->hub, url, folder, &links, err));
    if (links)
        lt_dbt_deps_say(d, true, "[WARNING]: %zu link%s in the archive of '%.*s' %s left out",
                        links, links == 1 ? "" : "s", LT_ARG(package->said),
                        links == 1 ? "is" : "are");
    return only_folder(package, folder, project, err);
}

static lt_status pin_hub(deps *d, const wanted *package, pinned *out, lt_err *err)
{
    wanted_list needs = {0};
    lt_dbt_hub_found found;
    const lt_dbt_hub_wish wish = {.package = package->key,
                                  .versions = package->versions.items,
                                  .version_count = package->versions.len,
                                  .candidates = package->candidates};
    LT_TRY(lt_dbt_hub_find(d->hub, &wish, &found, err));
    if (found.moved_to.len && !lt_dbt_texts_have(&d->moved, package->key)) {
        lt_push_in(&d->arena, &d->moved, package->key);
        LT_TRY(d->request->moved(d->request->user, package->key, found.moved_to, err));
    }
    out->name = found.name;
    out->version = found.version;
    out->latest = found.latest;
    out->archive = found.archive;
    LT_TRY(lt_dbt_deps_read_json(d, found.packages, &needs, err));
    for (size_t i = 0; i < needs.len; i++)
        lt_push_in(&d->arena, &out->needs, needs.items[i]);
    return LT_OK;
}

static lt_status pin_archive(deps *d, const wanted *package, pinned *out, lt_err *err)
{
    LT_AUTO(lt_chars) project = NULL;
    LT_TRY(fetch(d, package, package->key, &project, err));
    LT_TRY(read_project(d, project, out, err));
    out->name = package->name;
    return LT_OK;
}

static lt_status install_archive(deps *d, const pinned *package, lt_err *err)
{
    LT_AUTO(lt_chars) project = NULL;
    bool hub = package->from->kind == HUB_PACKAGE;
    LT_TRY(fetch(d, package->from, hub ? package->archive : package->from->key, &project, err));
    return move_in(d, project, package->name, err);
}

/* ---- any of them ---- */

lt_status lt_dbt_deps_pin(deps *d, const wanted *package, pinned *out, lt_err *err)
{
    char real[PATH_MAX];
    *out = (pinned){.from = package};
    switch (package->kind) {
    case HUB_PACKAGE:
        LT_TRY(pin_hub(d, package, out, err));
        break;
    case GIT_PACKAGE:
        LT_TRY(pin_git(d, package, out, err));
        break;
    case TARBALL_PACKAGE:
        LT_TRY(pin_archive(d, package, out, err));
        break;
    default:
        LT_TRY(find_local(d, package, real, err));
        LT_TRY(read_project(d, real, out, err));
    }
    if (!is_name(out->name))
        return lt_fail(err, LT_INVALID, "the package '%.*s' calls itself '%.*s', which is no name",
                       LT_ARG(package->said), LT_ARG(out->name));
    return LT_OK;
}

lt_status lt_dbt_deps_install(deps *d, const pinned *package, lt_err *err)
{
    switch (package->from->kind) {
    case GIT_PACKAGE:
        return install_git(d, package, err);
    case LOCAL_PACKAGE:
        return install_local(d, package, err);
    default:
        return install_archive(d, package, err);
    }
}
