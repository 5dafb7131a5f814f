/* leat version. Loads nothing that it need not: it is the measure of the start time. */
#include "cli/cmd.h"

#include "base/version.h"
#include "cli/target.h"
#include "fmt/json.h"

#include <sqlite3.h>

static lt_status version(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    (void)args;
    lt_text duckdb = {0};
    lt_json_writer writer = {.out = &app->out.buf};
    if (app->globals.verbose)
        LT_TRY(lt_duckdb_version(&app->arena, &duckdb, err));
    if (!app->globals.json) {
        lt_out_printf(&app->out, "leat %s (%s), SQLite %s%s%.*s\n", LT_VERSION, LT_COMMIT,
                      sqlite3_libversion(), duckdb.len ? ", DuckDB " : "", LT_ARG(duckdb));
        return LT_OK;
    }
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "version", T(LT_VERSION));
    lt_json_set(&writer, "commit", T(LT_COMMIT));
    lt_json_set(&writer, "sqlite", lt_text_of(sqlite3_libversion()));
    if (duckdb.len)
        lt_json_set(&writer, "duckdb", duckdb);
    lt_json_end(&writer);
    lt_out_str(&app->out, "\n");
    return LT_OK;
}

const lt_cmd lt_cmd_version = {
    .name = "version",
    .help = "show the version of leat and of what is in it",
    .about = "With --verbose also the version of DuckDB, which has to be loaded for that.",
    .group = LT_GROUP_MACHINE,
    .run = version,
};
