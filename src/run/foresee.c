/* What the plan of a pipeline's run would stumble over, looked for before there is a run. */
#include "base/fs.h"
#include "base/map.h"
#include "base/time.h"
#include "run/plan_inner.h"

#include <stdlib.h>

/* ---- all of it ---- */

static void warn_of(lt_workspace *workspace, lt_conf_pipeline *pipeline, lt_status status,
                    const lt_err *why)
{
    if (status != LT_OK)
        lt_push_in(&workspace->arena, &pipeline->warnings, lt_conf_say(why, &workspace->arena));
}

/* The graph holds the tasks of pipelines that were looked at before, too: a word that means one of those is found by the plan of the run. */
static lt_status warn_of_words(lt_plan *plan, lt_workspace *workspace, lt_conf_pipeline *pipeline,
                               lt_err *err)
{
    const lt_conf_tasks *lists[] = {&pipeline->tasks, &pipeline->on_success, &pipeline->on_failure,
                                    &pipeline->on_late};
    plan->request.pipeline = pipeline;
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->len; k++)
            LT_TRY(lt_plan_add_task(plan, pipeline, &lists[i]->items[k], LT_ROLE_MAIN, err));
    LT_AUTO(lt_node_set) set;
    lt_node_set_init(&set, plan->graph.nodes.len);
    warn_of(workspace, pipeline, lt_plan_select_texts(plan, &pipeline->select, &set, err), err);
    warn_of(workspace, pipeline, lt_plan_select_texts(plan, &pipeline->exclude, &set, err), err);
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->len; k++) {
            const lt_conf_task *task = &lists[i]->items[k];
            for (size_t m = 0; m < task->after.len; m++)
                warn_of(workspace, pipeline,
                        lt_plan_find_after(plan, &task->after.items[m], &set, err), err);
            warn_of(workspace, pipeline, lt_plan_select_of_task(plan, task, &set, err), err);
        }
    return LT_OK;
}

static lt_status warn_all(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    lt_project *project = workspace->project;
    lt_graph_init(&plan->graph, &plan->arena);
    LT_TRY(lt_workspace_target(workspace, T(""), &plan->request.target, err));
    plan->request.scope = lt_workspace_scope(workspace, lt_now_us(), T(""));
    LT_TRY(lt_plan_add_graph(plan, workspace, err));
    for (size_t i = 0; i < project->pipelines.len; i++)
        if (lt_conf_reads_graph(&project->pipelines.items[i]))
            LT_TRY(warn_of_words(plan, workspace, &project->pipelines.items[i], err));
    return LT_OK;
}

void lt_plan_warn(lt_workspace *workspace)
{
    lt_plan *plan = lt_xcalloc(1, sizeof(*plan));
    lt_project *project = workspace->project;
    lt_err err = {0};
    bool told = warn_all(plan, workspace, &err) == LT_OK;
    for (size_t i = 0; i < project->pipelines.len && !told; i++) {
        lt_conf_pipeline *pipeline = &project->pipelines.items[i];
        if (!lt_conf_reads_graph(pipeline))
            continue;
        (void)lt_wrap(&err, "%s: no run that reads models can be planned", pipeline->place.file);
        warn_of(workspace, pipeline, err.status, &err);
        told = true;
    }
    lt_plan_free(plan);
}

/* ---- what is certainly there ---- */

/* Names of files and folders of models, of sources and their resources. */
typedef struct known {
    lt_arena arena;
    lt_map names;
} known;

static void add_name(known *self, lt_text name)
{
    if (name.len)
        (void)lt_map_put(&self->names, lt_arena_text(&self->arena, name), self);
}

/* "marts/orders.sql" has "marts" and "orders". */
static void add_path(known *self, lt_text path)
{
    lt_text part;
    while (lt_text_cut(&path, '/', &part)) {
        size_t dot = lt_text_find_byte(part, '.', 0);
        add_name(self, lt_text_sub(part, 0, dot));
    }
}

static void add_files(known *self, const lt_workspace *workspace)
{
    enum { MOST = 100000 };
    static const char *const folders[] = {"models", "seeds", "data", "snapshots", "tests"};
    for (size_t i = 0; i < LT_COUNT(folders); i++) {
        lt_err err;
        LT_AUTO(lt_chars) folder = lt_path_join(workspace->root, folders[i]);
        LT_AUTO(lt_path_list) files = {0};
        if (!lt_path_is_folder(folder) ||
            lt_files_linked_below(folder, "", MOST, &files, &err) != LT_OK)
            continue;
        for (size_t k = 0; k < files.len; k++)
            add_path(self, lt_text_of(files.items[k]));
    }
}

static void add_sources(known *self, const lt_project *project)
{
    for (size_t i = 0; i < project->sources.len; i++) {
        const lt_conf_source *source = &project->sources.items[i];
        add_name(self, source->name);
        for (size_t k = 0; k < source->resources.len; k++)
            add_name(self,
                     lt_text_of(lt_arena_format(&self->arena, "%.*s.%.*s", LT_ARG(source->name),
                                                LT_ARG(source->resources.items[k].name))));
    }
}

/* ---- words ---- */

/* "+2orders+" without its signs. */
static lt_text bare(lt_text word)
{
    static const char signs[] = "@+0123456789";
    lt_text inner = word;
    while (inner.len && strchr(signs, inner.ptr[0]))
        inner = lt_text_sub(inner, 1, SIZE_MAX);
    size_t plus = lt_text_find_byte(inner, '+', 0);
    return lt_text_sub(inner, 0, plus);
}

/* A name that is nowhere may be a slip. What has a method or a pattern is not looked at here: only the graph knows. */
static bool is_doubtful(const known *self, lt_text words)
{
    lt_text word;
    while (lt_text_cut(&words, ' ', &word)) {
        lt_text part;
        while (lt_text_cut(&word, ',', &part)) {
            lt_text name = bare(lt_text_trim(part));
            bool plain = name.len;
            for (size_t i = 0; i < name.len && plain; i++)
                plain = !strchr(":*?[/", name.ptr[i]);
            if (plain && !lt_map_has(&self->names, name))
                return true;
        }
    }
    return false;
}

static bool any_doubtful(const known *self, const lt_conf_texts *texts)
{
    for (size_t i = 0; i < texts->len; i++)
        if (is_doubtful(self, texts->items[i].raw))
            return true;
    return false;
}

static bool has_doubtful(known *self, const lt_conf_pipeline *pipeline)
{
    const lt_conf_tasks *lists[] = {&pipeline->tasks, &pipeline->on_success, &pipeline->on_failure,
                                    &pipeline->on_late};
    bool found = any_doubtful(self, &pipeline->select) || any_doubtful(self, &pipeline->exclude);
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->len; k++)
            add_name(self, lists[i]->items[k].name);
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->len && !found; k++)
            found = any_doubtful(self, &lists[i]->items[k].after) ||
                    any_doubtful(self, &lists[i]->items[k].selection);
    return found;
}

static bool any_pipeline_doubtful(const lt_workspace *workspace)
{
    const lt_project *project = workspace->project;
    known self = {0};
    bool found = false;
    add_sources(&self, project);
    add_files(&self, workspace);
    for (size_t i = 0; i < project->pipelines.len && !found; i++)
        found = lt_conf_reads_graph(&project->pipelines.items[i]) &&
                has_doubtful(&self, &project->pipelines.items[i]);
    lt_map_cleanup(&self.names);
    lt_arena_cleanup(&self.arena);
    return found;
}

void lt_plan_foresee(lt_workspace *workspace, bool thoroughly)
{
    bool reads = false;
    const lt_project *project = workspace->project;
    if (lt_project_held_by(
            project, T(""))) /* a wrong source is told, and would be told again for each model */
        return;
    for (size_t i = 0; i < project->pipelines.len; i++)
        reads = reads || lt_conf_reads_graph(&project->pipelines.items[i]);
    if (reads && (thoroughly || any_pipeline_doubtful(workspace)))
        lt_plan_warn(workspace);
}
