/* leat help [COMMAND...]: the same as COMMAND --help. */
#include "cli/cmd.h"

static lt_status help(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    const char **words = lt_alloc_array(&app->arena, args->count + 1, sizeof(*words));
    for (size_t i = 0; i < args->count; i++)
        words[i] = args->items[i];
    words[args->count] = "--help";
    return lt_cli_run(app, args->count + 1, words, err);
}

const lt_cmd lt_cmd_help = {
    .name = "help",
    .help = "explain leat, or one of its commands",
    .args = "[COMMAND...]",
    .group = LT_GROUP_MACHINE,
    .run = help,
};
