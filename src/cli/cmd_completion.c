/* leat completion, and the hidden leat __man: texts made from the table of commands. */
#include "cli/cmd.h"

#include "base/fs.h"

/* The table of commands, with those that a raw command reads itself. */
static const lt_cmd *const *all_commands(lt_app *app)
{
    size_t count = 0;
    while (app->commands[count])
        count++;
    const lt_cmd **made = lt_alloc_array(&app->arena, count + 1, sizeof(*made));
    for (size_t i = 0; i < count; i++) {
        made[i] = app->commands[i];
        if (!made[i]->list)
            continue;
        lt_cmd *copy = LT_NEW(&app->arena, lt_cmd);
        *copy = *made[i];
        copy->subs = copy->list(&app->arena);
        made[i] = copy;
    }
    return made;
}

static lt_status completion(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    return lt_completion_write(all_commands(app), args->items[0], &app->out.buf, err);
}

const lt_cmd lt_cmd_completion = {
    .name = "completion",
    .help = "print the completion script for a shell: bash, zsh or fish",
    .args = "SHELL",
    .group = LT_GROUP_MACHINE,
    .examples =
        "source <(leat completion bash)\tin ~/.bashrc\n"
        "leat completion zsh > ~/.zfunc/_leat\ta folder of $fpath\n"
        "leat completion fish > ~/.config/fish/completions/leat.fish\tread by fish itself\n",
    .run = completion,
};

static lt_status write_page(lt_app *app, const char *folder, const lt_cmd *cmd, const char *name,
                            lt_err *err)
{
    LT_AUTO(lt_buf) page = {0};
    LT_AUTO(lt_chars) file = lt_format("%s.1", name);
    for (char *space; (space = strchr(file, ' '));)
        *space = '-';
    LT_AUTO(lt_chars) path = lt_path_join(folder, file);
    lt_man_write(app->commands, cmd, name, &page);
    return lt_file_write(path, lt_buf_text(&page), 0644, err);
}

static lt_status write_pages(lt_app *app, const char *folder, const lt_cmd *const *cmds,
                             const char *parent, lt_err *err)
{
    for (size_t i = 0; cmds && cmds[i]; i++) {
        if (cmds[i]->hidden)
            continue;
        LT_AUTO(lt_chars) name = lt_format("%s %s", parent, cmds[i]->name);
        LT_TRY(write_page(app, folder, cmds[i], name, err));
        LT_TRY(write_pages(app, folder, cmds[i]->subs, name, err));
    }
    return LT_OK;
}

static lt_status man(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    (void)opts;
    const char *folder = args->items[0];
    LT_TRY(lt_folder_make(folder, 0755, err));
    LT_TRY(write_page(app, folder, NULL, "leat", err));
    return write_pages(app, folder, all_commands(app), "leat", err);
}

const lt_cmd lt_cmd_man = {
    .name = "__man",
    .help = "write the man pages into a folder",
    .args = "DIR",
    .hidden = true,
    .run = man,
};
