/* leat: find the command, print the error, choose the exit code. */
#include "cli/cmd.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "fmt/json.h"

#include <stdio.h>
#include <unistd.h>

/* Also when the options could not be read. */
static bool wants_json(const lt_app *app, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return app->globals.json;
}

static void print_json(const lt_err *err)
{
    LT_AUTO(lt_buf) line = {0};
    LT_AUTO(lt_buf) masked = {0};
    lt_json_writer writer = {.out = &line};
    lt_json_begin(&writer, '{');
    lt_json_key(&writer, T("error"));
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "status", lt_text_of(lt_status_name(err->status)));
    lt_json_set(&writer, "message", lt_text_of(err->message));
    lt_json_set(&writer, "hint", lt_text_of(err->hint));
    lt_json_end(&writer);
    lt_json_end(&writer);
    lt_buf_add_byte(&line, '\n');
    lt_mask(lt_buf_text(&line), &masked);
    (void)fwrite(lt_buf_chars(&masked), 1, masked.len, stderr);
}

/* A link with the name of another command is that command of ours: `dbt` is `leat dbt`. */
static lt_status run(lt_app *app, int argc, char **argv, lt_err *err)
{
    size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    const char *const *words = (const char *const *)argv + 1;
    if (argc < 1 || strcmp(lt_path_name(argv[0]), "dbt") != 0)
        return lt_cli_run(app, count, words, err);
    const char **longer = lt_alloc_array(&app->arena, count + 2, sizeof(*longer));
    longer[0] = "dbt";
    for (size_t i = 0; i < count; i++)
        longer[i + 1] = words[i];
    return lt_cli_run(app, count + 1, longer, err);
}

int main(int argc, char **argv)
{
    lt_app app = {.commands = lt_commands};
    lt_err err = {0}, write_err = {0};
    lt_hold_standard_fds();
    lt_stop_on_signals();
    lt_out_open(&app.out, STDOUT_FILENO, true);
    lt_status status = run(&app, argc, argv, &err);
    lt_status written = lt_out_flush(&app.out, &write_err);
    if (status != LT_OK && app.has_said)
        lt_ignore(status); /* the command has shown it in its own way */
    else if (status != LT_OK && wants_json(&app, argc, argv))
        print_json(&err);
    else if (status != LT_OK)
        lt_log_err(&err);
    else if (written == LT_IO)
        lt_log_err(&write_err);
    if (status == LT_OK && written != LT_CANCELLED)
        status = written; /* a reader that has enough (`| head`) is no error */
    lt_out_cleanup(&app.out);
    lt_arena_cleanup(&app.arena);
    return lt_cli_exit_code(status);
}
