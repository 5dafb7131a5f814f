/* What the project adds to a graph: extracts, loads, models, tests and hooks, and what waits for what among them. */
#include "run/plan_inner.h"

#include "base/fs.h"
#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

lt_text lt_plan_format(lt_plan *plan, const char *a, lt_text b, lt_text c)
{
    return lt_text_of(lt_arena_format(&plan->arena, "%s%.*s.%.*s", a, LT_ARG(b), LT_ARG(c)));
}

lt_status lt_plan_add_step(lt_plan *plan, const lt_node *node, const lt_step *step, lt_node **out,
                           lt_err *err)
{
    lt_step *kept = LT_NEW(&plan->arena, lt_step);
    lt_node added = *node;
    *kept = *step;
    kept->uses_target = kept->uses_target || kept->kind == LT_STEP_LOAD ||
                        kept->kind == LT_STEP_MODEL || kept->kind == LT_STEP_TEST ||
                        kept->kind == LT_STEP_HOOK;
    added.payload = kept;
    added.package = plan->request.scope.project;
    return lt_graph_add(&plan->graph, &added, out, err);
}

/* "schema.table" or "table" as a relation of this target, with the prefix of a scratch copy. */
static lt_relation table_relation(lt_plan *plan, lt_text table)
{
    size_t dot = lt_text_find_byte(table, '.', 0);
    bool has_schema = dot != SIZE_MAX;
    const lt_target *target = &plan->request.target;
    lt_text own = lt_text_of(target->schema                        ? target->schema
                             : strcmp(target->kind, "duckdb") == 0 ? "main"
                                                                   : "public");
    lt_text schema = has_schema ? lt_text_sub(table, 0, dot) : own;
    return (lt_relation){
        .schema = lt_text_of(lt_arena_format(&plan->arena, "%.*s%.*s",
                                             LT_ARG(plan->request.schema_prefix), LT_ARG(schema))),
        .name = has_schema ? lt_text_sub(table, dot + 1, SIZE_MAX) : table};
}

static lt_status add_resource(lt_plan *plan, const lt_conf_source *source,
                              const lt_conf_resource *resource, lt_err *err)
{
    lt_node *extract = NULL, *load = NULL;
    lt_node node = {.id = lt_plan_format(plan, "extract.", source->name, resource->name),
                    .kind = T("extract"),
                    .name = lt_plan_format(plan, "", source->name, resource->name),
                    .group = source->name,
                    .path = lt_text_of(source->place.file)};
    lt_step step = {.kind = LT_STEP_EXTRACT, .resource = resource};
    LT_TRY(lt_plan_add_step(plan, &node, &step, &extract, err));
    if (!resource->load.table.len)
        return LT_OK;
    node.id = lt_plan_format(plan, "load.", source->name, resource->name);
    node.kind = T("load");
    step = (lt_step){.kind = LT_STEP_LOAD,
                     .resource = resource,
                     .relation = table_relation(plan, resource->load.table)};
    LT_TRY(lt_plan_add_step(plan, &node, &step, &load, err));
    lt_graph_need(&plan->graph, load, extract);
    return LT_OK;
}

static lt_status add_resources(lt_plan *plan, const lt_project *project, lt_err *err)
{
    for (size_t i = 0; i < project->sources.len; i++) {
        const lt_conf_source *source = &project->sources.items[i];
        for (size_t k = 0; k < source->resources.len; k++)
            LT_TRY(add_resource(plan, source, &source->resources.items[k], err));
    }
    return LT_OK;
}

/* ---- models and tests ---- */

typedef LT_VEC(lt_dbt_source) dbt_sources;

/* Every loaded resource can be read with source('source', 'resource'). */
static void list_sources(lt_plan *plan, dbt_sources *out)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        const lt_step *step = node->payload;
        if (step->kind != LT_STEP_LOAD)
            continue;
        lt_dbt_source source = {.source = node->group,
                                .name = step->resource->name,
                                .id = node->id,
                                .relation = step->relation};
        lt_push_in(&plan->arena, out, source);
    }
}

/* Two names of one file; one that is not there yet has the name of its folder and its own. */
static bool is_same_file(const char *root, const char *a, const char *b)
{
    char paths[2][PATH_MAX];
    const char *const names[2] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        LT_AUTO(lt_chars) full = lt_path_join(root, names[i]);
        LT_AUTO(lt_chars) folder = lt_xstrndup(full, (size_t)(lt_path_name(full) - full));
        char at[PATH_MAX];
        if (!realpath(folder, at) ||
            snprintf(paths[i], PATH_MAX, "%s/%s", at, lt_path_name(full)) >= PATH_MAX)
            return false;
    }
    return strcmp(paths[0], paths[1]) == 0;
}

/* A dbt project's profile may say more of a DuckDB file than leat.yml: extensions, settings, secrets, files to attach, a Python. It counts
 * when it has a target of this name, or is about this file. */
static lt_status read_profile(lt_plan *plan, const lt_workspace *workspace, lt_err *err)
{
    const lt_target *target = &plan->request.target;
    lt_dbt_profile_request request = {.project_root = workspace->root,
                                      .target = lt_text_of(target->name),
                                      .scope = &plan->request.scope};
    LT_AUTO(lt_chars) project = lt_path_join(workspace->root, "dbt_project.yml");
    LT_AUTO(lt_chars) profiles = lt_path_join(workspace->root, "profiles.yml");
    if (strcmp(target->kind, "duckdb") != 0 || !lt_path_exists(project) ||
        !lt_path_exists(profiles))
        return LT_OK;
    lt_status status = lt_dbt_profile_read(&request, &plan->profile_heap, &plan->profile, err);
    if (status == LT_INVALID)
        lt_log(LT_LOG_WARNING, "nothing of profiles.yml is used: %s", err->message);
    if (status == LT_INVALID || status == LT_NOT_FOUND)
        return LT_OK;
    LT_TRY(status);
    bool fits = lt_text_eq(plan->profile.kind, T("duckdb")) && target->path &&
                is_same_file(workspace->root, plan->profile.target.path, target->path);
    if (!fits)
        plan->profile.credentials = (lt_jinja_value){0};
    return LT_OK;
}

static lt_status load_models(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    dbt_sources sources = {0};
    const lt_target *target = &plan->request.target;
    list_sources(plan, &sources);
    const char *schema = target->schema                        ? target->schema
                         : strcmp(target->kind, "duckdb") == 0 ? "main"
                                                               : "public";
    lt_dbt_settings settings = {.root = workspace->root,
                                .name = workspace->project->name,
                                .target_name = lt_text_of(target->name),
                                .target_kind = lt_text_of(target->kind),
                                .target_schema = lt_text_of(schema),
                                .schema_prefix = plan->request.schema_prefix,
                                .models = workspace->project->models,
                                .tests = workspace->project->tests,
                                .sources = sources.items,
                                .source_count = sources.len,
                                .scope = &plan->request.scope,
                                .full_refresh = plan->request.full_refresh};
    LT_TRY(read_profile(plan, workspace, err));
    return lt_dbt_load(&settings, &plan->dbt, err);
}

static lt_step_kind step_kind_of(const lt_dbt_node *node)
{
    switch (node->kind) {
    case LT_DBT_MODEL:
        return lt_text_eq(node->config.materialized, T("ephemeral")) ? LT_STEP_GATE : LT_STEP_MODEL;
    case LT_DBT_SEED:
    case LT_DBT_SNAPSHOT:
    case LT_DBT_UDF:
        return LT_STEP_MODEL;
    default:
        return LT_STEP_TEST;
    }
}

static lt_status add_dbt_node(lt_plan *plan, lt_dbt_node *node, lt_err *err)
{
    lt_node added = {.id = node->id,
                     .kind = lt_text_of(lt_dbt_kind_name(node->kind)),
                     .name = node->name,
                     .path = node->path,
                     .tags = node->config.tags};
    lt_step step = {.kind = step_kind_of(node), .node = node};
    return lt_plan_add_step(plan, &added, &step, NULL, err);
}

const lt_dbt_node *lt_plan_unit_model(const lt_dbt_node *node)
{
    for (size_t i = 0; node && node->kind == LT_DBT_UNIT_TEST && i < node->depends_on.len; i++)
        if (node->depends_on.items[i]->kind == LT_DBT_MODEL)
            return node->depends_on.items[i];
    return NULL;
}

/* A unit test runs before its model, once there is what the model reads. */
static void add_needs(lt_plan *plan, const lt_dbt_node *node)
{
    lt_node *from = lt_graph_find(&plan->graph, node->id);
    const lt_dbt_node *model = lt_plan_unit_model(node);
    const lt_dbt_nodes *needs = model ? &model->depends_on : &node->depends_on;
    for (size_t i = 0; from && i < needs->len; i++) {
        const lt_dbt_node *on = needs->items[i];
        lt_node *needed = lt_graph_find(&plan->graph, on->load_id.len ? on->load_id : on->id);
        if (needed) /* a `sources:` table of a .yml file is nobody's work */
            lt_graph_need(&plan->graph, from, needed);
    }
}

static const char *const hook_names[] = {"on-run-start", "on-run-end"};

static bool has_hooks(const lt_plan *plan, const char *when)
{
    const lt_dbt_nodes *all = lt_dbt_all(plan->dbt);
    for (size_t i = 0; i < all->len; i++) {
        const lt_texts *tags = &all->items[i]->config.tags;
        for (size_t k = 0; all->items[i]->kind == LT_DBT_OPERATION && k < tags->len; k++)
            if (lt_text_eq(tags->items[k], lt_text_of(when)))
                return true;
    }
    return false;
}

static lt_status add_hooks(lt_plan *plan, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(hook_names); i++) {
        lt_node added = {.id = lt_text_of(lt_arena_format(&plan->arena, "hook.%s", hook_names[i])),
                         .kind = T("hook"),
                         .name = lt_text_of(hook_names[i])};
        lt_step step = {.kind = LT_STEP_HOOK,
                        .hook = hook_names[i],
                        .when = i ? LT_WHEN_ALWAYS : LT_WHEN_SUCCESS};
        if (has_hooks(plan, hook_names[i]))
            LT_TRY(lt_plan_add_step(plan, &added, &step, NULL, err));
    }
    return LT_OK;
}

static lt_status add_models(lt_plan *plan, lt_err *err)
{
    size_t count = lt_dbt_node_count(plan->dbt);
    for (size_t i = 0; i < count; i++)
        LT_TRY(add_dbt_node(plan, lt_dbt_node_at(plan->dbt, i), err));
    for (size_t i = 0; i < count; i++)
        add_needs(plan, lt_dbt_node_at(plan->dbt, i));
    return add_hooks(plan, err);
}

bool lt_plan_is_kind(const lt_node *node, lt_step_kind kind)
{
    return ((const lt_step *)node->payload)->kind == kind;
}

bool lt_plan_is_called_by_name(const lt_node *node)
{
    const lt_conf_task *task = ((const lt_step *)node->payload)->task;
    return task && task->kind == LT_DO_TEST;
}

/* True when everything that the test reads is upstream of the model. */
static bool guards(const lt_node *test, const lt_node_set *upstream)
{
    if (lt_plan_is_called_by_name(test) ||
        lt_plan_unit_model(((const lt_step *)test->payload)->node))
        return false;
    for (size_t i = 0; i < test->needs.len; i++)
        if (!lt_node_set_has(upstream, test->needs.items[i]))
            return false;
    return test->needs.len > 0;
}

/* A model waits for the tests of what it reads, as in `dbt build`: bad data goes no further. */
static void let_tests_guard(lt_plan *plan)
{
    lt_graph *graph = &plan->graph;
    size_t count = graph->nodes.len;
    lt_node_set *upstream = lt_xcalloc(count, sizeof(*upstream));
    for (size_t i = 0; i < count; i++) { /* all sets first: the new edges must not count */
        lt_node_set_init(&upstream[i], count);
        if (!lt_plan_is_kind(graph->nodes.items[i], LT_STEP_MODEL))
            continue;
        lt_node_set_add(&upstream[i], i);
        lt_graph_grow(graph, &upstream[i], true, SIZE_MAX);
        lt_node_set_remove(&upstream[i], i);
    }
    for (size_t m = 0; m < count; m++)
        for (size_t t = 0; t < count && lt_plan_is_kind(graph->nodes.items[m], LT_STEP_MODEL); t++)
            if (lt_plan_is_kind(graph->nodes.items[t], LT_STEP_TEST) &&
                guards(graph->nodes.items[t], &upstream[m]))
                lt_graph_need(graph, graph->nodes.items[m], graph->nodes.items[t]);
    for (size_t i = 0; i < count; i++)
        lt_node_set_cleanup(&upstream[i]);
    lt_free(upstream);
}

static void let_unit_tests_guard(lt_plan *plan)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *test = plan->graph.nodes.items[i];
        const lt_dbt_node *model = lt_plan_unit_model(((const lt_step *)test->payload)->node);
        lt_node *guarded = model ? lt_graph_find(&plan->graph, model->id) : NULL;
        if (guarded && !lt_plan_is_called_by_name(test))
            lt_graph_need(&plan->graph, guarded, test);
    }
}

/* Hooks stand around all that the run does of the dbt project. */
static void put_hooks_around(lt_plan *plan)
{
    lt_node *hooks[LT_COUNT(hook_names)] = {NULL};
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *node = plan->graph.nodes.items[i];
        if (lt_plan_is_kind(node, LT_STEP_HOOK))
            hooks[((const lt_step *)node->payload)->hook == hook_names[1]] = node;
    }
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *node = plan->graph.nodes.items[i];
        if (!((const lt_step *)node->payload)->node || !lt_node_set_has(&plan->selected, i))
            continue;
        if (hooks[0])
            lt_graph_need(&plan->graph, node, hooks[0]);
        if (hooks[1])
            lt_graph_need(&plan->graph, hooks[1], node);
    }
}

lt_status lt_plan_add_graph(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    LT_TRY(add_resources(plan, workspace->project, err));
    LT_TRY(load_models(plan, workspace, err));
    return add_models(plan, err);
}

void lt_plan_guard(lt_plan *plan)
{
    let_tests_guard(plan);
    let_unit_tests_guard(plan);
    put_hooks_around(plan);
}
