/* leat version. Loads nothing that it need not: it is the measure of the start time. */
#include "cli/cmd.h"

#include "base/version.h"

#include <sqlite3.h>

static lt_status version(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    (void)args;
    (void)err;
    if (app->globals.json)
        lt_out_printf(&app->out, "{\"version\": \"%s\", \"commit\": \"%s\", \"sqlite\": \"%s\"}\n",
                      LT_VERSION, LT_COMMIT, sqlite3_libversion());
    else
        lt_out_printf(&app->out, "leat %s (%s), SQLite %s\n", LT_VERSION, LT_COMMIT,
                      sqlite3_libversion());
    return LT_OK;
}

const lt_cmd lt_cmd_version = {
    .name = "version",
    .help = "show the version of leat and of what is in it",
    .about = "With --verbose also the version of DuckDB, which has to be loaded for that.",
    .group = LT_GROUP_MACHINE,
    .run = version,
};
