/* The project: finds its folder, reads its files in a stable order, and checks what holds across files. */
#include "conf/conf.h"
#include "conf/setting.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum { MOST_FILES = 10000, MOST_BYTES = 4 << 20 };

/* ---- single files ---- */

static lt_status read_file(const lt_setting_group *group, lt_text text, const char *file,
                           const lt_project_options *options, lt_arena *arena, void *made,
                           lt_err *err)
{
    lt_conf_reader reader = {
        .file = lt_arena_str(arena, lt_text_of(file)), .arena = arena, .options = options};
    lt_yaml *root;
    LT_TRY(lt_yaml_read(text, file, NULL, arena, &root, err));
    return lt_setting_read(&reader, group, root, made, err);
}

lt_status lt_conf_read_project(lt_text text, const char *file, const lt_project_options *options,
                               lt_arena *arena, lt_project *out, lt_err *err)
{
    lt_project made = {0};
    LT_TRY(read_file(&lt_conf_project_group, text, file, options, arena, &made, err));
    *out = made;
    return LT_OK;
}

lt_status lt_conf_read_source(lt_text text, const char *file, const lt_project_options *options,
                              lt_arena *arena, lt_conf_source *out, lt_err *err)
{
    lt_conf_source made = {0};
    LT_TRY(read_file(&lt_conf_source_group, text, file, options, arena, &made, err));
    *out = made;
    for (size_t i = 0; i < out->resources.len; i++)
        out->resources.items[i].source = out;
    return LT_OK;
}

lt_status lt_conf_read_pipeline(lt_text text, const char *file, const lt_project_options *options,
                                lt_arena *arena, lt_conf_pipeline *out, lt_err *err)
{
    lt_conf_pipeline made = {0};
    LT_TRY(read_file(&lt_conf_pipeline_group, text, file, options, arena, &made, err));
    *out = made;
    return LT_OK;
}

lt_status lt_conf_read_calendar(lt_text text, const char *file, const lt_project_options *options,
                                lt_arena *arena, lt_conf_calendar *out, lt_err *err)
{
    lt_conf_calendar made = {0};
    LT_TRY(read_file(&lt_conf_calendar_group, text, file, options, arena, &made, err));
    *out = made;
    return LT_OK;
}

/* ---- finding ---- */

static bool holds(const char *folder, const char *name)
{
    LT_AUTO(lt_chars) path = lt_path_join(folder, name);
    return lt_path_exists(path);
}

/* Cut the last part of an absolute path; false at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || path[1] == '\0')
        return false;
    slash[slash == path] = '\0';
    return true;
}

static lt_status fail_no_project(const char *start, const char *dbt, lt_err *err)
{
    if (dbt) {
        lt_ignore(lt_fail(err, LT_NOT_FOUND, "'%s' is a dbt project without a leat.yml", dbt));
        return lt_hint(
            err,
            "write a leat.yml beside dbt_project.yml with at least the line 'name: my_project'");
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no leat.yml in '%s' or above", start));
    return lt_hint(err, "go into a project, or make one: leat init NAME");
}

lt_status lt_project_find(const char *start, char **root, lt_err *err)
{
    char real[PATH_MAX];
    if (!realpath(start ? start : ".", real))
        return lt_fail_errno(err, errno, "cannot find the folder '%s'", start ? start : ".");
    LT_AUTO(lt_chars) at = lt_xstrdup(real);
    LT_AUTO(lt_chars) dbt = NULL;
    do {
        if (holds(at, "leat.yml")) {
            *root = LT_TAKE(at);
            return LT_OK;
        }
        if (!dbt && holds(at, "dbt_project.yml"))
            dbt = lt_xstrdup(at);
    } while (go_up(at));
    return fail_no_project(real, dbt, err);
}

/* ---- loading ---- */

/* What goes through the loading of one project. */
typedef struct loader {
    const char *root;
    const lt_project_options *options;
    lt_arena *arena;
    lt_project *project;
} loader;

typedef lt_status add_file(loader *self, lt_text text, const char *file, lt_err *err);

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All *.yml and *.yaml below the folder; none when it is not there. */
static lt_status list_files(const char *folder, lt_path_list *all, lt_err *err)
{
    static const char *const suffixes[] = {".yml", ".yaml"};
    if (!lt_path_is_folder(folder))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(suffixes); i++) {
        LT_AUTO(lt_path_list) some = {0};
        LT_TRY(lt_files_linked_below(folder, suffixes[i], MOST_FILES, &some, err));
        for (size_t j = 0; j < some.len; j++)
            lt_push(all, LT_TAKE(some.items[j]));
    }
    if (all->len)
        qsort(all->items, all->len, sizeof(*all->items), by_bytes);
    return LT_OK;
}

/* "name: x" of a file that may be no YAML at all; else the file's own name. */
static lt_text name_in(lt_text text, const char *file, lt_arena *arena, bool *is_named)
{
    lt_text line, own = lt_text_of(lt_path_name(file));
    *is_named = true;
    while (lt_text_cut(&text, '\n', &line)) {
        if (!lt_text_starts(line, T("name:")))
            continue;
        line = lt_text_sub(line, strlen("name:"), lt_text_find_byte(line, '#', 0));
        line = lt_text_trim(lt_text_sub(line, 0, lt_text_find_byte(line, '#', 0)));
        if (line.len > 2 && (line.ptr[0] == '"' || line.ptr[0] == '\''))
            line = lt_text_sub(line, 1, line.len - 2);
        if (lt_conf_is_snake_case(line))
            return lt_arena_text(arena, line);
    }
    *is_named = false;
    for (size_t i = own.len; i-- > 0;)
        if (own.ptr[i] == '.')
            return lt_arena_text(arena, lt_text_sub(own, 0, i));
    return lt_arena_text(arena, own);
}

static void add_wrong(loader *self, lt_conf_wrong wrong, const lt_err *err)
{
    wrong.file = lt_arena_str(self->arena, lt_text_of(wrong.file));
    wrong.message = lt_arena_text(self->arena, lt_text_of(err->message));
    wrong.hint = lt_arena_text(self->arena, lt_text_of(err->hint));
    wrong.said = lt_conf_say(err, self->arena);
    lt_push_in(self->arena, &self->project->wrong, wrong);
}

static bool leaves_out(const loader *self)
{
    return self->options && self->options->leaves_out;
}

static lt_status load_file(loader *self, const char *file, lt_conf_kind kind, add_file *add,
                           lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(self->root, file);
    LT_AUTO(lt_buf) text = {.limit = MOST_BYTES};
    lt_status status = lt_file_read(path, &text, err);
    if (status == LT_TOO_BIG)
        status = lt_conf_fail((lt_conf_place){.file = file}, err,
                              "%s: a file of a project is at most %d MiB", file, MOST_BYTES >> 20);
    else if (status == LT_OK)
        status = add(self, lt_buf_text(&text), file, err);
    if (status ==
        LT_TOO_BIG) /* nested too deep, too many values: the file is wrong, not the data */
        status = err->status = LT_INVALID;
    if (status == LT_OK || kind == LT_CONF_PROJECT_FILE || !leaves_out(self))
        return status;
    lt_conf_wrong wrong = {.kind = kind, .file = file};
    wrong.name = name_in(lt_buf_text(&text), file, self->arena, &wrong.is_named);
    add_wrong(self, wrong, err);
    return LT_OK;
}

lt_text lt_conf_say(const lt_err *err, lt_arena *arena)
{
    lt_text hint = lt_text_of(err->hint);
    if (lt_text_starts(hint, T("did you mean "))) /* without all that would be allowed */
        hint = lt_text_sub(hint, 0, lt_text_find_byte(hint, '?', 0) + 1);
    return lt_text_of(
        lt_arena_format(arena, "%s%s%.*s", err->message, hint.len ? "; " : "", LT_ARG(hint)));
}

static lt_status load_folder(loader *self, const char *name, lt_conf_kind kind, add_file *add,
                             lt_err *err)
{
    LT_AUTO(lt_chars) folder = lt_path_join(self->root, name);
    LT_AUTO(lt_path_list) files = {0};
    LT_TRY(list_files(folder, &files, err));
    for (size_t i = 0; i < files.len; i++) {
        LT_AUTO(lt_chars) file = lt_path_join(name, files.items[i]);
        LT_TRY(load_file(self, file, kind, add, err));
    }
    return LT_OK;
}

static lt_status fail_twice(const char *what, lt_text name, lt_conf_place first,
                            lt_conf_place second, lt_err *err)
{
    return lt_conf_fail(second, err, "the %s '%.*s' is there twice (first at %s:%u:%u)", what,
                        LT_ARG(name), first.file, first.line, first.col);
}

static lt_status add_project(loader *self, lt_text text, const char *file, lt_err *err)
{
    return lt_conf_read_project(text, file, self->options, self->arena, self->project, err);
}

static lt_status add_source(loader *self, lt_text text, const char *file, lt_err *err)
{
    lt_conf_source source = {0};
    LT_TRY(lt_conf_read_source(text, file, self->options, self->arena, &source, err));
    const lt_conf_source *first = lt_project_source(self->project, source.name);
    if (first)
        return fail_twice("source", source.name, first->place, source.place, err);
    lt_push_in(self->arena, &self->project->sources, source);
    return LT_OK;
}

/* Where a pipeline of this name is in pipelines_by_name, or would be. */
static size_t place_by_name(const lt_project *project, lt_text name)
{
    size_t low = 0, high = project->pipelines_by_name.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t at = project->pipelines_by_name.items[middle];
        if (lt_text_cmp(project->pipelines.items[at].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_name(loader *self, size_t at)
{
    lt_project *project = self->project;
    size_t place = place_by_name(project, project->pipelines.items[at].name);
    lt_push_in(self->arena, &project->pipelines_by_name, at);
    size_t *list = project->pipelines_by_name.items;
    memmove(list + place + 1, list + place,
            (project->pipelines_by_name.len - 1 - place) * sizeof *list);
    list[place] = at;
}

static lt_status add_pipeline(loader *self, lt_text text, const char *file, lt_err *err)
{
    lt_conf_pipeline pipeline = {0};
    LT_TRY(lt_conf_read_pipeline(text, file, self->options, self->arena, &pipeline, err));
    const lt_conf_pipeline *first = lt_project_pipeline(self->project, pipeline.name);
    if (first)
        return fail_twice("pipeline", pipeline.name, first->place, pipeline.place, err);
    lt_push_in(self->arena, &self->project->pipelines, pipeline);
    add_name(self, self->project->pipelines.len - 1);
    return LT_OK;
}

static lt_status add_calendar(loader *self, lt_text text, const char *file, lt_err *err)
{
    lt_conf_calendar calendar = {0};
    LT_TRY(lt_conf_read_calendar(text, file, self->options, self->arena, &calendar, err));
    const lt_conf_calendar *first = lt_project_calendar(self->project, calendar.name);
    if (first)
        return fail_twice("calendar", calendar.name, first->place, calendar.place, err);
    lt_push_in(self->arena, &self->project->calendars, calendar);
    return LT_OK;
}

static lt_text calendar_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->calendars.items[i].name;
}

typedef lt_status check_pipeline(const lt_project *project, const lt_conf_pipeline *pipeline,
                                 lt_err *err);

static lt_status check_days_off(const lt_project *project, const lt_conf_pipeline *pipeline,
                                lt_err *err)
{
    const lt_conf_schedule *schedule = &pipeline->schedule;
    lt_text nearest;
    if (!schedule->days_off.len || lt_project_calendar(project, schedule->days_off))
        return LT_OK;
    lt_ignore(lt_conf_fail(schedule->place, err, "calendars/ has no calendar '%.*s'",
                           LT_ARG(schedule->days_off)));
    for (size_t i = 0; i < project->wrong.len; i++)
        if (project->wrong.items[i].kind == LT_CONF_CALENDAR_FILE &&
            lt_text_eq(project->wrong.items[i].name, schedule->days_off))
            return lt_hint(err, "mend %s", project->wrong.items[i].file);
    if (lt_text_nearest(schedule->days_off, project->calendars.len, calendar_name_at, project,
                        &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "a calendar is a file calendars/%.*s.yml with name and days",
                   LT_ARG(schedule->days_off));
}

static void leave_out_pipelines(loader *self, const lt_map *wrong)
{
    lt_project *project = self->project;
    size_t count = project->pipelines.len;
    project->pipelines.len = project->pipelines_by_name.len = 0;
    for (size_t i = 0; i < count; i++) {
        if (lt_map_has(wrong, project->pipelines.items[i].name))
            continue;
        project->pipelines.items[project->pipelines.len++] = project->pipelines.items[i];
        add_name(self, project->pipelines.len - 1);
    }
}

/* A pipeline that names what is not there is wrong as a whole: its next time, say, would be another one. */
static lt_status check_each(loader *self, check_pipeline *check, lt_err *err)
{
    lt_project *project = self->project;
    LT_AUTO(lt_map) wrong = {0};
    for (size_t i = 0; i < project->pipelines.len; i++) {
        lt_conf_pipeline *one = &project->pipelines.items[i];
        lt_status status = check(project, one, err);
        if (status == LT_OK)
            continue;
        if (!leaves_out(self))
            return status;
        (void)lt_map_put(&wrong, one->name, one);
        add_wrong(self,
                  (lt_conf_wrong){.kind = LT_CONF_PIPELINE_FILE,
                                  .file = one->place.file,
                                  .name = one->name,
                                  .is_named = true},
                  err);
    }
    if (wrong.entries.len)
        leave_out_pipelines(self, &wrong);
    return LT_OK;
}

/* Two resources must not load into one table: the second of them. */
static const lt_conf_resource *find_twice(const lt_project *project, const lt_conf_resource **first)
{
    LT_AUTO(lt_map) tables = {0};
    for (size_t i = 0; i < project->sources.len; i++) {
        const lt_conf_source *source = &project->sources.items[i];
        for (size_t j = 0; j < source->resources.len; j++) {
            lt_conf_resource *resource = &source->resources.items[j];
            if (resource->load.table.len == 0)
                continue;
            *first = lt_map_put(&tables, resource->load.table, resource);
            if (*first)
                return resource;
        }
    }
    return NULL;
}

static lt_status check_tables(loader *self, lt_err *err)
{
    const lt_conf_resource *first = NULL, *second = find_twice(self->project, &first);
    if (!second)
        return LT_OK;
    lt_status status =
        fail_twice("table", second->load.table, first->load.place, second->load.place, err);
    if (!leaves_out(self))
        return status;
    add_wrong(self,
              (lt_conf_wrong){.kind = LT_CONF_SOURCE_FILE,
                              .file = second->load.place.file,
                              .name = second->name,
                              .is_named = true},
              err);
    return LT_OK;
}

/* The vectors have moved while they grew. */
static void point_to_sources(lt_project *project)
{
    for (size_t i = 0; i < project->sources.len; i++) {
        lt_conf_source *source = &project->sources.items[i];
        for (size_t j = 0; j < source->resources.len; j++)
            source->resources.items[j].source = source;
    }
}

static lt_status load_folders(loader *self, lt_err *err)
{
    LT_AUTO(lt_map) secrets = {0};
    static check_pipeline *const checks[] = {check_days_off, lt_conf_check_pools,
                                             lt_conf_check_targets, lt_conf_check_calls,
                                             lt_conf_check_circle};
    LT_TRY(load_folder(self, "sources", LT_CONF_SOURCE_FILE, add_source, err));
    LT_TRY(load_folder(self, "calendars", LT_CONF_CALENDAR_FILE, add_calendar, err));
    LT_TRY(load_folder(self, "pipelines", LT_CONF_PIPELINE_FILE, add_pipeline, err));
    for (size_t i = 0; i < LT_COUNT(checks); i++)
        LT_TRY(check_each(self, checks[i], err));
    LT_TRY(check_tables(self, err));
    point_to_sources(self->project);
    for (size_t i = 0; i < self->project->pipelines.len; i++)
        lt_conf_warn(self->project, self->arena, &secrets, &self->project->pipelines.items[i]);
    return LT_OK;
}

lt_status lt_project_load(const char *root, const lt_project_options *options, lt_arena *arena,
                          lt_project **project, lt_err *err)
{
    lt_project *made = LT_NEW(arena, lt_project);
    loader self = {.root = root, .options = options, .arena = arena, .project = made};
    char real[PATH_MAX];
    if (!realpath(root, real))
        return lt_fail_errno(err, errno, "cannot find the folder '%s'", root);
    if (!holds(real, "leat.yml"))
        return fail_no_project(real, holds(real, "dbt_project.yml") ? real : NULL, err);
    LT_TRY(load_file(&self, "leat.yml", LT_CONF_PROJECT_FILE, add_project, err));
    made->root = lt_arena_str(arena, lt_text_of(real));
    if (!options || !options->alone)
        LT_TRY(load_folders(&self, err));
    *project = made;
    return LT_OK;
}

/* ---- asking ---- */

const lt_conf_target *lt_project_target(const lt_project *project, lt_text name)
{
    for (size_t i = 0; i < project->targets.len; i++)
        if (lt_text_eq(project->targets.items[i].name, name))
            return &project->targets.items[i];
    return NULL;
}

const lt_conf_source *lt_project_source(const lt_project *project, lt_text name)
{
    for (size_t i = 0; i < project->sources.len; i++)
        if (lt_text_eq(project->sources.items[i].name, name))
            return &project->sources.items[i];
    return NULL;
}

const lt_conf_pipeline *lt_project_pipeline(const lt_project *project, lt_text name)
{
    size_t place = place_by_name(project, name);
    if (place == project->pipelines_by_name.len)
        return NULL;
    const lt_conf_pipeline *found =
        &project->pipelines.items[project->pipelines_by_name.items[place]];
    return lt_text_eq(found->name, name) ? found : NULL;
}

const lt_conf_calendar *lt_project_calendar(const lt_project *project, lt_text name)
{
    for (size_t i = 0; i < project->calendars.len; i++)
        if (lt_text_eq(project->calendars.items[i].name, name))
            return &project->calendars.items[i];
    return NULL;
}

const lt_conf_resource *lt_conf_resource_find(const lt_conf_source *source, lt_text name)
{
    for (size_t i = 0; i < source->resources.len; i++)
        if (lt_text_eq(source->resources.items[i].name, name))
            return &source->resources.items[i];
    return NULL;
}

int64_t lt_project_pool(const lt_project *project, lt_text name)
{
    for (size_t i = 0; i < project->pools.len; i++)
        if (lt_text_eq(project->pools.items[i].name, name))
            return project->pools.items[i].value->integer;
    return 0;
}

static lt_text target_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->targets.items[i].name;
}

lt_status lt_project_target_get(const lt_project *project, lt_text name,
                                const lt_conf_target **target, lt_err *err)
{
    const lt_conf_target *found = name.len ? lt_project_target(project, name) : project->target;
    lt_text nearest;
    if (found) {
        *target = found;
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "leat.yml has no target '%.*s'", LT_ARG(name)));
    if (lt_text_nearest(name, project->targets.len, target_name_at, project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; i < project->targets.len; i++)
        lt_buf_printf(&names, "%s%.*s", i ? ", " : "", LT_ARG(project->targets.items[i].name));
    return lt_hint(err, "there are: %s", lt_buf_chars(&names));
}
