/* leat init: a new project out of templates/init/, with an example that runs. */
#include "cli/cmd.h"

#include "base/embed.h"
#include "base/fs.h"
#include "base/log.h"
#include "conf/conf.h"
#include "fmt/json.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

typedef struct init_opts {
    const char *name;
    bool force;
} init_opts;

static const lt_opt table[] = {
    {.name = "name",
     .type = LT_OPT_TEXT,
     LT_AT(init_opts, name),
     .value = "NAME",
     .help = "the project's name; else the folder's"},
    {.name = "force",
     .letter = 'f',
     LT_AT(init_opts, force),
     .help = "write over files that are there"},
};

static const char FOLDER[] = "templates/init/";
static const char NAME_PLACE[] = "__NAME__";

/* "dot.github/x" of the source tree is ".github/x" of a project. */
static char *path_of(const lt_embedded *file)
{
    LT_AUTO(lt_buf) path = {0};
    lt_text rest = lt_text_of(file->path + strlen(FOLDER)), part;
    while (lt_text_cut(&rest, '/', &part)) {
        if (path.len)
            lt_buf_add_byte(&path, '/');
        if (lt_text_starts(part, T("dot.")))
            part = lt_text_sub(part, strlen("dot"), SIZE_MAX);
        lt_buf_add(&path, part);
    }
    return lt_buf_take(&path);
}

static const lt_embedded *next_file(size_t *at)
{
    const lt_embedded *file;
    while ((file = lt_embedded_at((*at)++)))
        if (lt_text_starts(lt_text_of(file->path), lt_text_of(FOLDER)))
            return file;
    return NULL;
}

static lt_status find_conflicts(const char *folder, lt_err *err)
{
    const lt_embedded *file;
    LT_AUTO(lt_buf) there = {0};
    for (size_t at = 0; (file = next_file(&at));) {
        LT_AUTO(lt_chars) name = path_of(file);
        LT_AUTO(lt_chars) path = lt_path_join(folder, name);
        if (lt_path_exists(path))
            lt_buf_printf(&there, "%s%s", there.len ? ", " : "", name);
    }
    if (!there.len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT, "'%s' holds already: %s", folder, there.data));
    return lt_hint(err,
                   "nothing was written; choose another folder, or write over them with --force");
}

static void fill_in(lt_text content, lt_text name, lt_buf *out)
{
    size_t start = 0, at;
    while ((at = lt_text_find(content, lt_text_of(NAME_PLACE), start)) != SIZE_MAX) {
        lt_buf_add(out, lt_text_sub(content, start, at - start));
        lt_buf_add(out, name);
        start = at + strlen(NAME_PLACE);
    }
    lt_buf_add(out, lt_text_sub(content, start, SIZE_MAX));
}

static lt_status write_file(const char *folder, const char *name, const lt_embedded *file,
                            lt_text project, lt_err *err)
{
    LT_AUTO(lt_buf) content = {0};
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    LT_AUTO(lt_chars) above = lt_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    LT_TRY(lt_folder_make(above, 0755, err));
    fill_in(lt_text_at((const char *)file->data, file->len), project, &content);
    return lt_file_write(path, lt_buf_text(&content), 0644, err);
}

/* Lower-case letters, digits and '_', beginning with a letter: the folder's name where none is given. */
static lt_text project_name(lt_app *app, const char *folder)
{
    char real[PATH_MAX];
    LT_AUTO(lt_buf) name = {0};
    const char *last = lt_path_name(realpath(folder, real) ? real : folder);
    for (; *last; last++) {
        char c = lt_lower(*last);
        bool fits = (c >= 'a' && c <= 'z') || (lt_is_digit(c) && name.len);
        if (fits)
            lt_buf_add_byte(&name, c);
        else if (name.len && name.data[name.len - 1] != '_')
            lt_buf_add_byte(&name, '_');
    }
    while (name.len && name.data[name.len - 1] == '_')
        lt_buf_cut(&name, name.len - 1);
    return name.len ? lt_arena_text(&app->arena, lt_buf_text(&name)) : T("project");
}

static lt_status check_name(const char *name, lt_err *err)
{
    lt_text text = lt_text_of(name);
    bool fits = text.len && text.len <= 63 && lt_is_alpha(text.ptr[0]);
    for (size_t i = 0; i < text.len && fits; i++)
        fits = lt_is_alpha(text.ptr[i]) || lt_is_digit(text.ptr[i]) || text.ptr[i] == '_';
    return fits
               ? LT_OK
               : lt_fail(err, LT_INVALID,
                         "'%s' is no name: letters, digits and '_', beginning with a letter", name);
}

/* As a shell takes it: in quotes when it must be. */
static void add_word(const char *word, lt_buf *out)
{
    bool plain = *word && *word != '~';
    for (const char *c = word; *c; c++)
        plain = plain && (lt_is_alpha(*c) || lt_is_digit(*c) || strchr("_./-+,:@%~", *c));
    if (plain) {
        lt_buf_add_str(out, word);
        return;
    }
    lt_buf_add_byte(out, '\'');
    for (const char *c = word; *c; c++)
        lt_buf_add_str(out, *c == '\'' ? "'\\''" : (char[]){*c, '\0'});
    lt_buf_add_byte(out, '\'');
}

static void tell(lt_app *app, const char *folder, const lt_path_list *files)
{
    lt_json_writer writer = {.out = &app->out.buf};
    LT_AUTO(lt_buf) word = {0};
    add_word(folder, &word);
    if (!app->globals.json) {
        for (size_t i = 0; i < files->len; i++)
            lt_out_printf(&app->out, "  %s\n", files->items[i]);
        lt_out_printf(&app->out,
                      "\nNext:\n  %s%s%sleat run\n  leat sql \"select * from "
                      "revenue_by_day order by day\"\n",
                      strcmp(folder, ".") == 0 ? "" : "cd ",
                      strcmp(folder, ".") == 0 ? "" : lt_buf_chars(&word),
                      strcmp(folder, ".") == 0 ? "" : "\n  ");
        return;
    }
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "folder", lt_text_of(folder));
    lt_json_key(&writer, T("files"));
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < files->len; i++)
        lt_json_string(&writer, lt_text_of(files->items[i]));
    lt_json_end(&writer);
    lt_json_end(&writer);
    lt_out_str(&app->out, "\n");
}

/* Seldom meant: `leat init shop` once more, typed in shop. */
static void warn_inside(const char *folder)
{
    LT_AUTO(lt_chars) outer = NULL;
    lt_err none;
    bool elsewhere = folder[0] == '/' || strncmp(folder, "..", 2) == 0;
    if (!elsewhere &&
        lt_project_find(strcmp(folder, ".") == 0 ? ".." : ".", &outer, &none) == LT_OK)
        lt_log(LT_LOG_WARNING, "the new project lies inside of another one, '%s'", outer);
}

/* `leat init` alone writes here: fine in a fresh repository, a surprise between other things. */
static void warn_full(void)
{
    size_t count = 0;
    DIR *folder = opendir(".");
    for (const struct dirent *one; folder && (one = readdir(folder));)
        count += one->d_name[0] != '.';
    if (folder)
        (void)closedir(folder);
    if (count)
        lt_log(LT_LOG_WARNING,
               "the project is written into this folder, which holds %zu other file%s or "
               "folder%s; 'leat init NAME' makes one of its own",
               count, count == 1 ? "" : "s", count == 1 ? "" : "s");
}

static lt_status init(lt_app *app, const void *opts, const lt_args *args, lt_err *err)
{
    const init_opts *o = opts;
    const char *folder = args->count ? args->items[0] : ".";
    const lt_embedded *file;
    LT_AUTO(lt_path_list) files = {0};
    if (o->name)
        LT_TRY(check_name(o->name, err));
    if (!o->force)
        LT_TRY(find_conflicts(folder, err));
    warn_inside(folder);
    if (!args->count)
        warn_full();
    LT_TRY(lt_folder_make(folder, 0755, err));
    lt_text name = o->name ? lt_text_of(o->name) : project_name(app, folder);
    for (size_t at = 0; (file = next_file(&at));) {
        LT_AUTO(lt_chars) path = path_of(file);
        LT_TRY(write_file(folder, path, file, name, err));
        lt_push(&files, LT_TAKE(path));
    }
    if (!app->globals.quiet || app->globals.json)
        tell(app, folder, &files);
    return LT_OK;
}

const lt_cmd lt_cmd_init = {
    .name = "init",
    .help = "write a new project with an example that runs",
    .args = "[DIR]",
    .about = "Files that are there are never written over without --force.",
    .examples = "leat init flights\ta new folder\nleat init\tin this folder\n",
    .group = LT_GROUP_PROJECT,
    .opts = table,
    .opt_count = LT_COUNT(table),
    .opts_size = sizeof(init_opts),
    .run = init,
};
