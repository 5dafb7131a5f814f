/* From leat.yml to an engine's target, and the lease of a DuckDB file. */
#include "cli/target.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "conf/dotenv.h"
#include "git/git.h"

static bool is_tracked(void *context, const char *path)
{
    return lt_git_tracks(context, lt_path_name(path));
}

lt_status lt_app_load(lt_app *app, lt_project **out, lt_err *err)
{
    const char *root;
    LT_TRY(lt_app_project(app, &root, err));
    char *folder = lt_arena_str(&app->arena, lt_text_of(root));
    LT_TRY(lt_dotenv_load(root, is_tracked, folder, err));
    return lt_project_load(root, NULL, &app->arena, out, err);
}

static lt_status text_of(lt_app *app, const lt_conf_text *text, const char **out, lt_err *err)
{
    lt_text value = {0};
    if (text->raw.ptr)
        LT_TRY(lt_conf_render(text, NULL, NULL, &app->arena, &value, err));
    *out = value.len ? lt_arena_str(&app->arena, value) : NULL;
    return LT_OK;
}

/* The default path follows --home; another one is relative to the project. */
static lt_status duckdb_path(lt_app *app, const lt_project *project, const lt_conf_target *conf,
                             const char **out, lt_err *err)
{
    const char *home, *path;
    LT_TRY(lt_app_home(app, &home, err));
    LT_TRY(text_of(app, &conf->path, &path, err));
    bool is_default = !path || strcmp(path, ".leat/warehouse.duckdb") == 0;
    if (is_default)
        *out = lt_arena_format(&app->arena, "%s/warehouse.duckdb", home);
    else if (path[0] == '/' || strcmp(path, ":memory:") == 0)
        *out = path;
    else
        *out = lt_arena_format(&app->arena, "%s/%s", project->root, path);
    return LT_OK;
}

lt_status lt_app_target(lt_app *app, const lt_project *project, const char *name, lt_target *out,
                        lt_err *err)
{
    const lt_conf_target *conf;
    LT_TRY(lt_project_target_get(project, lt_text_of(name), &conf, err));
    lt_target made = {.name = lt_arena_str(&app->arena, conf->name),
                      .kind = conf->engine == LT_CONF_DUCKDB ? "duckdb" : "postgres",
                      .memory_bytes = (size_t)conf->memory_bytes};
    LT_TRY(text_of(app, &conf->url, &made.url, err));
    LT_TRY(text_of(app, &conf->schema, &made.schema, err));
    if (conf->engine == LT_CONF_DUCKDB)
        LT_TRY(duckdb_path(app, project, conf, &made.path, err));
    *out = made;
    return LT_OK;
}

lt_status lt_app_lease(lt_app *app, const lt_target *target, int *lease, lt_err *err)
{
    static const int64_t LOOK_AGAIN_US = 200000;
    const char *home;
    LT_TRY(lt_app_home(app, &home, err));
    LT_AUTO(lt_chars) folder = lt_path_join(home, "leases");
    LT_AUTO(lt_chars) path = lt_format("%s/%s.lock", folder, target->name);
    LT_TRY(lt_folder_make(folder, 0750, err));
    lt_status status = lt_file_lock(path, 0, lease, err);
    if (status == LT_CONFLICT)
        lt_log(LT_LOG_INFO, "waiting for the target '%s', which another process holds",
               target->name);
    while (status == LT_CONFLICT && !lt_stop_asked())
        status = lt_file_lock(path, LOOK_AGAIN_US, lease, err);
    if (status == LT_CONFLICT)
        return lt_fail(err, LT_CANCELLED, "stopped while waiting for the target '%s'",
                       target->name);
    return status;
}

lt_status lt_duckdb_version(lt_arena *arena, lt_text *version, lt_err *err)
{
    static const lt_target memory = {.name = "version", .kind = "duckdb", .path = ":memory:"};
    lt_table table;
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_engine_open(&memory, &engine, err));
    LT_TRY(lt_session_open(engine, &session, err));
    LT_TRY(lt_query_table(session, T("select version()"), NULL, 0, 1, NULL, arena, &table, err));
    *version = lt_table_cell(&table, 0, 0);
    return LT_OK;
}
