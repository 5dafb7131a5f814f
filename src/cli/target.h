/* target.h - the project's files without opening anything, and what DuckDB says of itself. */
#pragma once
#include "cli/cmd.h"
#include "conf/conf.h"
#include "engine/engine.h"

/* The project's files, read into app->arena, without those that are wrong; its .env is in the environment. */
LT_MUST_CHECK lt_status lt_app_load(lt_app *app, lt_project **out, lt_err *err);

/* Load DuckDB and ask it, which costs about 40 ms. */
LT_MUST_CHECK lt_status lt_duckdb_version(lt_arena *arena, lt_text *version, lt_err *err);
