/* target.h - the warehouse that a command works in. */
#pragma once
#include "cli/cmd.h"
#include "conf/conf.h"
#include "engine/engine.h"

/* The project's files, read into app->arena; its .env is in the environment. */
LT_MUST_CHECK lt_status lt_app_load(lt_app *app, lt_project **out, lt_err *err);

/* What engine.h needs of a target of the project (NULL: the default one); in app->arena. */
LT_MUST_CHECK lt_status lt_app_target(lt_app *app, const lt_project *project, const char *name,
                                      lt_target *out, lt_err *err);

/* One process at a time works on a DuckDB file: hold it until *lease is closed. Waits, and says so. LT_CANCELLED when asked to
 * stop meanwhile. */
LT_MUST_CHECK lt_status lt_app_lease(lt_app *app, const lt_target *target, int *lease, lt_err *err);

/* Load DuckDB and ask it, which costs about 40 ms. */
LT_MUST_CHECK lt_status lt_duckdb_version(lt_arena *arena, lt_text *version, lt_err *err);
