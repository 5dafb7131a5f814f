/* leat dbt deps: resolve the lists of packages into a lock file, and install what it says. */
#include "dbt/deps/inner.h"

#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROUNDS = 100 }; /* packages of packages of packages */

void lt_dbt_deps_say(const deps *d, bool warning, const char *format, ...)
{
    LT_AUTO(lt_buf) line = {.limit = 64 * LT_KIB};
    va_list args;
    if (!d->request->say)
        return;
    va_start(args, format);
    lt_buf_vprintf(&line, format, args);
    va_end(args);
    d->request->say(d->request->user, warning, lt_buf_text(&line));
}

/* ---- resolving ---- */

static lt_status check_names(const deps *d, pinned *const *all, size_t count, lt_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (lt_text_eq(all[i]->name, d->request->project))
            return lt_fail(err, LT_INVALID,
                           "Found a dependency with the same name as the root project '%.*s'. "
                           "Package names must be unique in a project",
                           LT_ARG(all[i]->name));
        for (size_t k = 0; k < i; k++)
            if (lt_text_eq(all[i]->name, all[k]->name))
                return lt_fail(err, LT_INVALID,
                               "Found duplicate project \"%.*s\". This occurs when a dependency "
                               "has the same project name as some other dependency",
                               LT_ARG(all[i]->name));
    }
    return LT_OK;
}

/* What is asked for in one round is chosen, and what that needs is asked for in the next; wishes for one package add up. */
static lt_status grow(deps *d, wanted_list *final, lt_err *err)
{
    wanted_list pending = d->list;
    for (int round = 0; pending.len; round++) {
        wanted_list next = {0};
        if (round == MOST_ROUNDS)
            return lt_fail(err, LT_INVALID, "packages need each other without end: '%.*s'",
                           LT_ARG(pending.items[0]->said));
        for (size_t i = 0; i < pending.len; i++) {
            pinned one;
            LT_TRY(lt_dbt_deps_merge(d, final, pending.items[i], err));
            LT_TRY(lt_dbt_deps_pin(d, lt_dbt_deps_find(final, pending.items[i]), &one, err));
            for (size_t k = 0; k < one.needs.len; k++)
                LT_TRY(lt_dbt_deps_merge(d, &next, one.needs.items[k], err));
        }
        pending = next;
    }
    return LT_OK;
}

static lt_status pin_all(deps *d, const wanted_list *list, pinned ***out, lt_err *err)
{
    pinned **all = lt_alloc_array(&d->arena, list->len + 1, sizeof(*all));
    for (size_t i = 0; i < list->len; i++) {
        all[i] = LT_NEW(&d->arena, pinned);
        LT_TRY(lt_dbt_deps_pin(d, list->items[i], all[i], err));
    }
    LT_TRY(check_names(d, all, list->len, err));
    *out = all;
    return LT_OK;
}

static lt_status make_lock(deps *d, lt_err *err)
{
    wanted_list final = {0};
    pinned **all;
    LT_TRY(grow(d, &final, err));
    LT_TRY(pin_all(d, &final, &all, err));
    return lt_dbt_deps_write_lock(d, all, final.len, err);
}

/* A lock is used as long as the lists are those that it was made of. */
static lt_status is_locked(deps *d, bool *out, lt_err *err)
{
    char now[41];
    wanted_list ignored = {0};
    lt_text before;
    LT_AUTO(lt_chars) path = lt_path_join(d->request->root, "package-lock.yml");
    *out = false;
    if (d->request->upgrade || !lt_path_exists(path))
        return LT_OK;
    LT_TRY(lt_dbt_deps_read_lock(d, &ignored, &before, err));
    lt_dbt_deps_sum(d, now);
    *out = lt_text_eq(before, lt_text_of(now));
    return LT_OK;
}

/* ---- installing ---- */

static void tell(deps *d, const pinned *package, lt_buf *newer)
{
    const wanted *from = package->from;
    switch (from->kind) {
    case HUB_PACKAGE:
        lt_dbt_deps_say(d, false, "Installed from version %.*s", LT_ARG(package->version));
        if (lt_text_eq(package->version, package->latest)) {
            lt_dbt_deps_say(d, false, "Up to date!");
            return;
        }
        lt_dbt_deps_say(d, false, "Updated version available: %.*s", LT_ARG(package->latest));
        lt_buf_printf(newer, "%s'%.*s'", newer->len ? ", " : "", LT_ARG(from->key));
        return;
    case GIT_PACKAGE:
        lt_dbt_deps_say(d, false, "Installed from revision %.*s", LT_ARG(package->version));
        if (from->subdirectory.len)
            lt_dbt_deps_say(d, false, "and subdirectory %.*s", LT_ARG(from->subdirectory));
        return;
    case LOCAL_PACKAGE:
        lt_dbt_deps_say(d, false, "Installed from <local @ %.*s>", LT_ARG(from->said));
        return;
    default:
        lt_dbt_deps_say(d, false, "Installed from tarball (url: %.*s)", LT_ARG(from->said));
    }
}

/* All of it beside the old folder first, so that a failure leaves that as it was. */
static lt_status install_all(deps *d, const char *place, lt_err *err)
{
    wanted_list list = {0};
    lt_text sum;
    pinned **all;
    LT_AUTO(lt_buf) newer = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_chars) downloads = lt_path_join(d->fresh, ".downloads");
    LT_TRY(lt_dbt_deps_read_lock(d, &list, &sum, err));
    LT_TRY(pin_all(d, &list, &all, err));
    for (size_t i = 0; i < list.len; i++) {
        lt_dbt_deps_say(
            d, false, "Installing %.*s",
            LT_ARG(list.items[i]->kind == TARBALL_PACKAGE ? all[i]->name : list.items[i]->said));
        LT_TRY(lt_dbt_deps_install(d, all[i], err));
        tell(d, all[i], &newer);
    }
    if (newer.len) {
        lt_dbt_deps_say(d, false, "%s", "");
        lt_dbt_deps_say(d, false,
                        "Updates available for packages: [%s]\nUpdate your versions in "
                        "packages.yml, then run dbt deps",
                        lt_buf_chars(&newer));
    }
    LT_TRY(lt_path_remove(downloads, err));
    LT_TRY(lt_path_remove(place, err));
    if (rename(d->fresh, place) != 0)
        return lt_fail_errno(err, errno, "cannot put the packages at '%s'", place);
    return LT_OK;
}

/* The folder is removed as a whole: it must not be one that holds the project. */
static lt_status check_place(const deps *d, const char *place, lt_err *err)
{
    char real[PATH_MAX], root[PATH_MAX];
    if (!realpath(place, real) || !realpath(d->request->root, root))
        return LT_OK;
    size_t len = strlen(real);
    if (strncmp(root, real, len) == 0 && (root[len] == '/' || !root[len] || len == 1))
        return lt_fail(err, LT_INVALID, "packages-install-path: '%s' holds the project itself",
                       place);
    return LT_OK;
}

static lt_status work(deps *d, const char *place, lt_err *err)
{
    bool locked;
    LT_TRY(check_place(d, place, err));
    LT_AUTO(lt_chars) prefix = lt_format("%s.new-", place);
    LT_AUTO(lt_chars) fresh = NULL;
    LT_TRY(lt_dbt_deps_read(d, d->request->root, &d->list, d->contracts, err));
    if (!d->list.len) {
        lt_dbt_deps_say(d, true, "Warning: No packages were found in packages.yml");
        return LT_OK;
    }
    LT_TRY(is_locked(d, &locked, err));
    if (locked && d->request->lock_only)
        return LT_OK;
    LT_TRY(lt_folder_make_temp(prefix, &fresh, err));
    d->fresh = fresh;
    LT_AUTO(lt_chars) downloads = lt_path_join(fresh, ".downloads");
    lt_status status = lt_folder_make(downloads, 0755, err);
    if (status == LT_OK && !locked)
        status = make_lock(d, err);
    if (status == LT_OK && !d->request->lock_only)
        status = install_all(d, place, err);
    lt_err ignored = {0};
    lt_ignore(lt_path_remove(fresh, &ignored));
    return status;
}

lt_status lt_dbt_deps(const lt_dbt_deps_request *request, lt_err *err)
{
    lt_dbt bare = {.settings = {.scope = request->scope}, .yaml_env = lt_dbt_yaml_env};
    lt_dbt_package root = {
        .name = T("packages"), .file = "dbt_project.yml", .vars = request->scope->vars};
    deps d = {.request = request,
              .bare = &bare,
              .hub = lt_dbt_hub_new(request->hub_url, request->any_dbt)};
    LT_AUTO(lt_chars)
    place = request->install_path[0] == '/' ? lt_xstrdup(request->install_path)
                                            : lt_path_join(request->root, request->install_path);
    bare.root = &root;
    bare.target = lt_jinja_dict(&bare.heap);
    d.contracts = lt_jinja_list(&bare.heap);
    lt_status status = work(&d, place, err);
    lt_dbt_hub_free(d.hub);
    lt_jinja_heap_cleanup(&bare.heap);
    lt_arena_cleanup(&bare.arena);
    lt_arena_cleanup(&d.arena);
    return status;
}
