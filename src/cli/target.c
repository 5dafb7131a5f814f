/* The project for commands that need nothing but its files, and the version of DuckDB. */
#include "cli/target.h"

#include "run/workspace.h"

lt_status lt_app_load(lt_app *app, lt_project **out, lt_err *err)
{
    const char *root;
    LT_TRY(lt_app_project(app, &root, err));
    LT_TRY(lt_workspace_read_env(root, err));
    static const lt_project_options leaves_out = {.leaves_out = true};
    return lt_project_load(root, &leaves_out, &app->arena, out, err);
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
