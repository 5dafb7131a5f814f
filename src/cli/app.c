/* Where a project and its home folder are. */
#include "cli/cmd.h"

#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static lt_status absolute(lt_app *app, const char *path, const char **out, lt_err *err)
{
    char real[PATH_MAX];
    if (!realpath(path, real))
        return lt_fail_errno(err, errno, "cannot use the folder '%s'", path);
    if (!lt_path_is_folder(real))
        return lt_fail(err, LT_INVALID, "'%s' is not a folder", path);
    *out = lt_arena_str(&app->arena, lt_text_of(real));
    return LT_OK;
}

static bool is_project(const char *folder)
{
    LT_AUTO(lt_chars) leat = lt_path_join(folder, "leat.yml");
    LT_AUTO(lt_chars) dbt = lt_path_join(folder, "dbt_project.yml");
    return lt_path_exists(leat) || lt_path_exists(dbt);
}

static lt_status no_project(const char *start, const char *where, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no leat.yml in '%s'%s", start, where));
    return lt_hint(err, "go into a project, name it with --project-dir DIR, or make one with "
                        "'leat init DIR'");
}

lt_status lt_app_project(lt_app *app, const char **folder, lt_err *err)
{
    const char *start;
    if (app->globals.project_dir) {
        LT_TRY(absolute(app, app->globals.project_dir, &start, err));
        if (!is_project(start))
            return no_project(app->globals.project_dir, "", err);
        *folder = start;
        return LT_OK;
    }
    LT_TRY(absolute(app, ".", &start, err));
    char *at = lt_arena_str(&app->arena, lt_text_of(start));
    for (char *slash = at + strlen(at); slash; slash = strrchr(at, '/')) {
        *slash = '\0';
        if (is_project(*at ? at : "/")) {
            *folder = *at ? at : "/";
            return LT_OK;
        }
    }
    return no_project(start, " or above it", err);
}

lt_status lt_app_home(lt_app *app, const char **folder, lt_err *err)
{
    const char *project;
    if (app->globals.home) {
        LT_TRY(lt_folder_make(app->globals.home, 0750, err));
        return absolute(app, app->globals.home, folder, err);
    }
    LT_TRY(lt_app_project(app, &project, err));
    const char *home = lt_arena_format(&app->arena, "%s/.leat", project);
    LT_TRY(lt_folder_make(home, 0750, err));
    *folder = home;
    return LT_OK;
}
