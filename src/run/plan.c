/* From files to a graph: extracts, loads, models, tests and the tasks of a pipeline. */
#include "run/plan.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static lt_text format_in(lt_plan *plan, const char *a, lt_text b, lt_text c)
{
    return lt_text_of(lt_arena_format(&plan->arena, "%s%.*s.%.*s", a, LT_ARG(b), LT_ARG(c)));
}

static lt_status add_step(lt_plan *plan, const lt_node *node, const lt_step *step, lt_node **out,
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
    lt_node node = {.id = format_in(plan, "extract.", source->name, resource->name),
                    .kind = T("extract"),
                    .name = format_in(plan, "", source->name, resource->name),
                    .group = source->name,
                    .path = lt_text_of(source->place.file)};
    lt_step step = {.kind = LT_STEP_EXTRACT, .resource = resource};
    LT_TRY(add_step(plan, &node, &step, &extract, err));
    if (!resource->load.table.len)
        return LT_OK;
    node.id = format_in(plan, "load.", source->name, resource->name);
    node.kind = T("load");
    step = (lt_step){.kind = LT_STEP_LOAD,
                     .resource = resource,
                     .relation = table_relation(plan, resource->load.table)};
    LT_TRY(add_step(plan, &node, &step, &load, err));
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
    return add_step(plan, &added, &step, NULL, err);
}

/* The model that a unit test is of; NULL for other nodes. */
static const lt_dbt_node *unit_model(const lt_dbt_node *node)
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
    const lt_dbt_node *model = unit_model(node);
    const lt_texts *needs = model ? &model->needs : &node->needs;
    for (size_t i = 0; from && i < needs->len; i++) {
        lt_node *needed = lt_graph_find(&plan->graph, needs->items[i]);
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
            LT_TRY(add_step(plan, &added, &step, NULL, err));
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

static bool is_kind(const lt_node *node, lt_step_kind kind)
{
    return ((const lt_step *)node->payload)->kind == kind;
}

/* A test that a `test:` task names is done when that task says. */
static bool is_called_by_name(const lt_node *node)
{
    const lt_conf_task *task = ((const lt_step *)node->payload)->task;
    return task && task->kind == LT_DO_TEST;
}

/* True when everything that the test reads is upstream of the model. */
static bool guards(const lt_node *test, const lt_node_set *upstream)
{
    if (is_called_by_name(test) || unit_model(((const lt_step *)test->payload)->node))
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
        if (!is_kind(graph->nodes.items[i], LT_STEP_MODEL))
            continue;
        lt_node_set_add(&upstream[i], i);
        lt_graph_grow(graph, &upstream[i], true, SIZE_MAX);
        lt_node_set_remove(&upstream[i], i);
    }
    for (size_t m = 0; m < count; m++)
        for (size_t t = 0; t < count && is_kind(graph->nodes.items[m], LT_STEP_MODEL); t++)
            if (is_kind(graph->nodes.items[t], LT_STEP_TEST) &&
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
        const lt_dbt_node *model = unit_model(((const lt_step *)test->payload)->node);
        lt_node *guarded = model ? lt_graph_find(&plan->graph, model->id) : NULL;
        if (guarded && !is_called_by_name(test))
            lt_graph_need(&plan->graph, guarded, test);
    }
}

/* Hooks stand around all that the run does of the dbt project. */
static void put_hooks_around(lt_plan *plan)
{
    lt_node *hooks[LT_COUNT(hook_names)] = {NULL};
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *node = plan->graph.nodes.items[i];
        if (is_kind(node, LT_STEP_HOOK))
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

/* ---- tasks of the pipeline ---- */

lt_step lt_plan_step_of(const lt_conf_task *task)
{
    static const lt_step_kind kinds[LT_DO_KINDS] = {
        [LT_DO_EXTRACT] = LT_STEP_GATE,      [LT_DO_LOAD] = LT_STEP_GATE,
        [LT_DO_BUILD] = LT_STEP_GATE,        [LT_DO_TEST] = LT_STEP_GATE,
        [LT_DO_SQL] = LT_STEP_SQL,           [LT_DO_SHELL] = LT_STEP_COMMAND,
        [LT_DO_PYTHON] = LT_STEP_COMMAND,    [LT_DO_NOTEBOOK] = LT_STEP_COMMAND,
        [LT_DO_HTTP] = LT_STEP_HTTP,         [LT_DO_NOTIFY] = LT_STEP_NOTIFY,
        [LT_DO_WAIT] = LT_STEP_WAIT,         [LT_DO_APPROVE] = LT_STEP_APPROVE,
        [LT_DO_PIPELINE] = LT_STEP_PIPELINE, [LT_DO_FOR_EACH] = LT_STEP_EACH,
        [LT_DO_CHOOSE] = LT_STEP_CHOOSE,
    };
    return (lt_step){.kind = kinds[task->kind],
                     .task = task,
                     .when = task->when,
                     .uses_target = task->kind == LT_DO_SQL || task->wait.sql.raw.ptr ||
                                    task->for_each.query.raw.ptr};
}

lt_text lt_plan_task_id(lt_plan *plan, const lt_conf_pipeline *pipeline, lt_text name)
{
    return format_in(plan, "task.", pipeline->name, name);
}

static bool is_group(const lt_conf_task *task)
{
    return task->kind <= LT_DO_TEST;
}

/* What the tasks that a group stands for come after, when that is not simply "all have succeeded". */
static lt_text entry_id(lt_plan *plan, const lt_conf_task *task)
{
    LT_AUTO(lt_chars) name = lt_format("%.*s.begin", LT_ARG(task->name));
    return lt_plan_task_id(plan, plan->request.pipeline, lt_text_of(name));
}

static lt_status add_task(lt_plan *plan, const lt_conf_pipeline *pipeline, const lt_conf_task *task,
                          lt_step_role role, lt_err *err)
{
    lt_node node = {.id = lt_plan_task_id(plan, pipeline, task->name),
                    .kind = lt_text_of(lt_conf_task_kinds[task->kind]),
                    .name = task->name,
                    .path = lt_text_of(task->place.file)};
    lt_step step = lt_plan_step_of(task);
    step.role = role;
    if (is_group(task))
        step.when = LT_WHEN_SUCCESS;
    LT_TRY(add_step(plan, &node, &step, NULL, err));
    if (!is_group(task) || task->when == LT_WHEN_SUCCESS)
        return LT_OK;
    node.id = entry_id(plan, task);
    node.kind = T("gate");
    node.name = lt_text_of(lt_arena_format(&plan->arena, "%.*s.begin", LT_ARG(task->name)));
    step.when = task->when;
    return add_step(plan, &node, &step, NULL, err);
}

static lt_text node_name_at(const void *context, size_t i)
{
    const lt_plan *plan = context;
    return plan->graph.nodes.items[i]->name;
}

/* "orders" where a source has it is "shop.orders". */
static bool find_qualified(const lt_plan *plan, lt_text word, lt_text *out)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_text name = plan->graph.nodes.items[i]->name;
        if (name.len > word.len + 1 && lt_text_ends(name, word) &&
            name.ptr[name.len - word.len - 1] == '.') {
            *out = name;
            return true;
        }
    }
    return lt_text_nearest(word, plan->graph.nodes.len, node_name_at, plan, out);
}

static lt_text task_name_at(const void *context, size_t i)
{
    return ((const lt_conf_tasks *)context)->items[i].name;
}

static lt_status fail_after(const lt_plan *plan, const lt_conf_text *after, lt_text unmatched,
                            lt_err *err)
{
    const lt_conf_tasks *tasks = &plan->request.pipeline->tasks;
    lt_text nearest;
    lt_ignore(lt_conf_fail(after->place, err, "'%.*s' is no task and selects nothing",
                           LT_ARG(unmatched)));
    if (lt_text_nearest(unmatched, tasks->len, task_name_at, tasks, &nearest) ||
        find_qualified(plan, unmatched, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "name a task of this pipeline, or select nodes as in --select");
}

/* A task of the pipeline by its name, else what the words select. */
static lt_status find_after(lt_plan *plan, const lt_conf_text *after, lt_node_set *out, lt_err *err)
{
    lt_text unmatched = {0};
    const lt_node *task =
        lt_graph_find(&plan->graph, lt_plan_task_id(plan, plan->request.pipeline, after->raw));
    if (task) {
        lt_node_set_add(out, task->index);
        return LT_OK;
    }
    LT_TRY(lt_graph_select(&plan->graph, after->raw, out, &unmatched, err));
    return unmatched.len ? fail_after(plan, after, unmatched, err) : LT_OK;
}

static void need_all(lt_plan *plan, lt_node *node, const lt_node_set *before)
{
    for (size_t k = 0; k < plan->graph.nodes.len; k++)
        if (lt_node_set_has(before, k))
            lt_graph_need(&plan->graph, node, plan->graph.nodes.items[k]);
}

static bool is_member(const lt_conf_task *task, const lt_node *node)
{
    static const lt_step_kind kinds[] = {
        [LT_DO_EXTRACT] = LT_STEP_EXTRACT,
        [LT_DO_LOAD] = LT_STEP_LOAD,
        [LT_DO_BUILD] = LT_STEP_MODEL,
        [LT_DO_TEST] = LT_STEP_TEST,
    };
    lt_step_kind kind = ((const lt_step *)node->payload)->kind;
    bool ephemeral = kind == LT_STEP_GATE && ((const lt_step *)node->payload)->node;
    if (ephemeral)
        return task->kind == LT_DO_BUILD;
    return kind == kinds[task->kind] || (task->kind == LT_DO_BUILD && kind == LT_STEP_TEST);
}

/* Is all that the test looks at in the set? *any: a part of it is. */
static bool reads(const lt_plan *plan, const lt_node *test, const lt_node_set *set, bool *any)
{
    bool all = true;
    const lt_dbt_node *model = unit_model(((const lt_step *)test->payload)->node);
    if (model) {
        const lt_node *node = lt_graph_find(&plan->graph, model->id);
        return *any = node && lt_node_set_has(set, node->index);
    }
    for (size_t k = 0; k < test->needs.len; k++) {
        bool has = lt_node_set_has(set, test->needs.items[k]);
        *any = *any || has;
        all = all && has;
    }
    return all;
}

/* Tests of what is meant, for `test:`. */
static void add_tests_of(lt_plan *plan, lt_node_set *set)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool any = false;
        if (is_kind(node, LT_STEP_TEST))
            (void)reads(plan, node, set, &any);
        if (any)
            lt_node_set_add(set, i);
    }
}

static lt_status hint_names(const lt_plan *plan, lt_text unmatched, lt_err *err)
{
    lt_text nearest;
    if (find_qualified(plan, unmatched, &nearest))
        return lt_hint(err, "did you mean '%.*s'? 'leat run --dry-run' lists all", LT_ARG(nearest));
    return lt_hint(err, "select by name, tag:x, path:models/x, source:x, resource_type:model; "
                        "'leat run --dry-run' lists all");
}

static lt_status select_of_task(lt_plan *plan, const lt_conf_task *task, lt_node_set *out,
                                lt_err *err)
{
    for (size_t i = 0; i < task->selection.len; i++) {
        lt_text unmatched = {0};
        LT_TRY(lt_graph_select(&plan->graph, task->selection.items[i].raw, out, &unmatched, err));
        if (unmatched.len) {
            lt_ignore(lt_conf_fail(task->selection.items[i].place, err,
                                   "the selection '%.*s' matches nothing", LT_ARG(unmatched)));
            return hint_names(plan, unmatched, err);
        }
    }
    return LT_OK;
}

static lt_status select_members(lt_plan *plan, const lt_conf_task *task, lt_node_set *out,
                                lt_err *err)
{
    size_t count = 0;
    LT_TRY(select_of_task(plan, task, out, err));
    if (task->kind == LT_DO_TEST || task->kind == LT_DO_BUILD)
        add_tests_of(plan, out);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool others = task->kind == LT_DO_BUILD && is_called_by_name(node);
        if (lt_node_set_has(out, i) && (others || !is_member(task, node)))
            lt_node_set_remove(out, i);
        count += lt_node_set_has(out, i);
    }
    if (count)
        return LT_OK;
    return lt_conf_fail(task->place, err, "the task '%.*s' selects nothing to %s",
                        LT_ARG(task->name), lt_conf_task_kinds[task->kind]);
}

/* The group ends when its members have, and they begin when it may. */
static lt_status link_group(lt_plan *plan, const lt_conf_task *task, lt_node *end,
                            const lt_node_set *before, lt_err *err)
{
    LT_AUTO(lt_node_set) members;
    lt_node *entry = lt_graph_find(&plan->graph, entry_id(plan, task));
    lt_node_set_init(&members, plan->graph.nodes.len);
    LT_TRY(select_members(plan, task, &members, err));
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *member = plan->graph.nodes.items[i];
        if (!lt_node_set_has(&members, i))
            continue;
        lt_step *step = member->payload;
        step->task = step->task ? step->task : task;
        step->role = ((const lt_step *)end->payload)->role;
        lt_graph_need(&plan->graph, end, member);
        if (entry)
            lt_graph_need(&plan->graph, member, entry);
        else
            need_all(plan, member, before);
        lt_node_set_add(&plan->members, i);
    }
    need_all(plan, entry ? entry : end, before);
    return LT_OK;
}

/* That the names are those of tasks was checked when the file was read. */
static void link_choice(lt_plan *plan, const lt_conf_task *task, lt_node *choose)
{
    for (size_t i = 0; i < task->choose.len; i++) {
        const lt_conf_texts *then = &task->choose.items[i].then;
        for (size_t k = 0; k < then->len; k++) {
            lt_node *named = lt_graph_find(
                &plan->graph, lt_plan_task_id(plan, plan->request.pipeline, then->items[k].raw));
            if (named)
                lt_graph_need(&plan->graph, named, choose);
        }
    }
}

static lt_status link_task(lt_plan *plan, const lt_conf_pipeline *pipeline,
                           const lt_conf_task *task, lt_err *err)
{
    lt_node *node = lt_graph_find(&plan->graph, lt_plan_task_id(plan, pipeline, task->name));
    LT_AUTO(lt_node_set) before;
    lt_node_set_init(&before, plan->graph.nodes.len);
    for (size_t i = 0; i < task->after.len; i++)
        LT_TRY(find_after(plan, &task->after.items[i], &before, err));
    if (is_group(task))
        return link_group(plan, task, node, &before, err);
    need_all(plan, node, &before);
    link_choice(plan, task, node);
    return LT_OK;
}

static lt_status add_tasks(lt_plan *plan, lt_err *err)
{
    const lt_conf_pipeline *pipeline = plan->request.pipeline;
    if (!pipeline)
        return LT_OK;
    const struct {
        const lt_conf_tasks *tasks;
        lt_step_role role;
    } lists[] = {{&pipeline->tasks, LT_ROLE_MAIN},
                 {&pipeline->on_success, LT_ROLE_ON_SUCCESS},
                 {&pipeline->on_failure, LT_ROLE_ON_FAILURE},
                 {&pipeline->on_late, LT_ROLE_ON_LATE}};
    for (size_t k = 0; k < LT_COUNT(lists); k++)
        for (size_t i = 0; i < lists[k].tasks->len; i++)
            LT_TRY(add_task(plan, pipeline, &lists[k].tasks->items[i], lists[k].role, err));
    lt_node_set_init(&plan->members, plan->graph.nodes.len);
    for (int tests = 1; tests >= 0; tests--) /* first those that take tests away from others */
        for (size_t k = 0; k < LT_COUNT(lists); k++)
            for (size_t i = 0; i < lists[k].tasks->len; i++)
                if ((lists[k].tasks->items[i].kind == LT_DO_TEST) == (tests == 1))
                    LT_TRY(link_task(plan, pipeline, &lists[k].tasks->items[i], err));
    return LT_OK;
}

/* ---- selection ---- */

static lt_status select_words(lt_plan *plan, lt_text words, lt_node_set *set, lt_err *err)
{
    lt_text unmatched;
    LT_TRY(lt_graph_select(&plan->graph, words, set, &unmatched, err));
    if (!unmatched.len)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_NOT_FOUND, "the selection '%.*s' matches nothing", LT_ARG(unmatched)));
    return hint_names(plan, unmatched, err);
}

static lt_status select_texts(lt_plan *plan, const lt_conf_texts *texts, lt_node_set *set,
                              lt_err *err)
{
    for (size_t i = 0; i < texts->len; i++)
        if (select_words(plan, texts->items[i].raw, set, err) != LT_OK)
            return lt_wrap(err, "%s:%u:%u", texts->items[i].place.file, texts->items[i].place.line,
                           texts->items[i].place.col);
    return LT_OK;
}

/* Tests come with the models that they look at, when all that they read is selected or upstream of it (dbt calls this
 * buildable): a test of a table that nobody asked for may find none. */
static void add_tests_of_selected(lt_plan *plan)
{
    LT_AUTO(lt_node_set) there;
    lt_node_set_init(&there, plan->graph.nodes.len);
    memcpy(there.bits, plan->selected.bits, (there.count / 64 + 1) * sizeof(*there.bits));
    lt_graph_grow(&plan->graph, &there, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool any = false, ignored = false;
        if (!is_kind(node, LT_STEP_TEST))
            continue;
        (void)reads(plan, node, &plan->selected, &any);
        if (any && reads(plan, node, &there, &ignored))
            lt_node_set_add(&plan->selected, i);
    }
}

static void keep_only_kind(lt_plan *plan, lt_text kind)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (!lt_text_eq(plan->graph.nodes.items[i]->kind, kind))
            lt_node_set_remove(&plan->selected, i);
}

static void take_whole_upstream(lt_plan *plan)
{
    lt_graph_grow(&plan->graph, &plan->selected, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool ephemeral = is_kind(node, LT_STEP_GATE) && ((const lt_step *)node->payload)->node;
        if (!is_kind(node, LT_STEP_LOAD) && !is_kind(node, LT_STEP_MODEL) && !ephemeral)
            lt_node_set_remove(&plan->selected, i);
    }
}

/* Hooks of the project run whenever anything of it does; not when it is only rebuilt to be compared. */
static void select_hooks(lt_plan *plan)
{
    bool any = false;
    for (size_t i = 0; i < plan->graph.nodes.len && !plan->request.whole_upstream; i++)
        any = any || (lt_node_set_has(&plan->selected, i) &&
                      ((const lt_step *)plan->graph.nodes.items[i]->payload)->node);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        if (!is_kind(plan->graph.nodes.items[i], LT_STEP_HOOK))
            continue;
        if (any)
            lt_node_set_add(&plan->selected, i);
        else
            lt_node_set_remove(&plan->selected, i);
    }
}

static lt_status find_excluded(lt_plan *plan, lt_node_set *out, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    if (request->exclude.len)
        return select_words(plan, request->exclude, out, err);
    if (request->pipeline && !request->select.len)
        return select_texts(plan, &request->pipeline->exclude, out, err);
    return LT_OK;
}

/* Everything but tests, which follow from the rest; a test without references stands for itself. */
static void select_all(lt_plan *plan)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (!is_kind(plan->graph.nodes.items[i], LT_STEP_TEST) ||
            !plan->graph.nodes.items[i]->needs.len)
            lt_node_set_add(&plan->selected, i);
}

static lt_status select_as_asked(lt_plan *plan, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    if (request->select.len)
        return select_words(plan, request->select, &plan->selected, err);
    bool has_tasks = request->pipeline && request->pipeline->tasks.len;
    if (!request->pipeline || (!request->pipeline->select.len && !has_tasks))
        select_all(plan);
    for (size_t i = 0; request->pipeline && i < plan->graph.nodes.len; i++)
        if (lt_text_starts(plan->graph.nodes.items[i]->id, T("task.")) ||
            lt_node_set_has(&plan->members, i))
            lt_node_set_add(&plan->selected, i);
    if (!request->pipeline)
        return LT_OK;
    return select_texts(plan, &request->pipeline->select, &plan->selected, err);
}

static void take_out(lt_plan *plan, const lt_node_set *excluded)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (lt_node_set_has(excluded, i))
            lt_node_set_remove(&plan->selected, i);
}

static lt_status select_steps(lt_plan *plan, lt_err *err)
{
    const lt_plan_request *request = &plan->request;
    LT_AUTO(lt_node_set) excluded;
    lt_node_set_init(&plan->selected, plan->graph.nodes.len);
    lt_node_set_init(&excluded, plan->graph.nodes.len);
    LT_TRY(select_as_asked(plan, err));
    LT_TRY(find_excluded(plan, &excluded, err));
    take_out(plan, &excluded);
    add_tests_of_selected(plan);
    take_out(plan, &excluded);
    if (request->only_kind)
        keep_only_kind(plan, lt_text_of(request->only_kind));
    if (request->whole_upstream)
        take_whole_upstream(plan);
    select_hooks(plan);
    if (lt_node_set_size(&plan->selected))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is nothing to %s",
                      request->only_kind ? request->only_kind : "run"));
    return lt_hint(err, "add sources/*.yml or models/*.sql, or select something else");
}

/* A pipeline of nothing but its own tasks does not depend on models that may be wrong. */
static bool reads_graph(const lt_plan_request *request)
{
    return !request->pipeline || request->select.len || request->exclude.len ||
           request->only_kind || request->whole_upstream || lt_conf_reads_graph(request->pipeline);
}

static lt_status add_graph(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    LT_TRY(add_resources(plan, workspace->project, err));
    LT_TRY(load_models(plan, workspace, err));
    return add_models(plan, err);
}

static lt_status make(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    lt_graph_init(&plan->graph, &plan->arena);
    if (reads_graph(&plan->request))
        LT_TRY(add_graph(plan, workspace, err));
    LT_TRY(add_tasks(plan, err));
    LT_TRY(select_steps(plan, err));
    LT_TRY(lt_graph_order(&plan->graph, &plan->order, err));
    let_tests_guard(plan);
    let_unit_tests_guard(plan);
    put_hooks_around(plan);
    return lt_graph_order(&plan->graph, &plan->order, err);
}

/* The plan is the caller's, or gone. */
static lt_status hand_out(lt_plan *plan, lt_status made, lt_plan **out)
{
    if (made == LT_OK)
        *out = plan;
    else
        lt_plan_free(plan);
    return made;
}

lt_status lt_plan_make(lt_workspace *workspace, const lt_plan_request *request, lt_plan **out,
                       lt_err *err)
{
    lt_plan *plan = lt_xcalloc(1, sizeof(*plan));
    plan->request = *request;
    return hand_out(plan, make(plan, workspace, err), out);
}

/* What a handler comes after that is not among them never was: nothing to wait for. */
static lt_status make_alert(lt_plan *plan, bool has_target, lt_err *err)
{
    const lt_conf_pipeline *pipeline = plan->request.pipeline;
    const lt_conf_tasks *tasks = &pipeline->on_failure;
    lt_graph_init(&plan->graph, &plan->arena);
    for (size_t i = 0; i < tasks->len; i++) {
        const lt_conf_task *task = &tasks->items[i];
        if (!is_group(task) && (has_target || !lt_plan_step_of(task).uses_target))
            LT_TRY(add_task(plan, pipeline, task, LT_ROLE_ON_FAILURE, err));
    }
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        lt_node *node = plan->graph.nodes.items[i];
        const lt_conf_task *task = ((const lt_step *)node->payload)->task;
        for (size_t k = 0; k < task->after.len; k++) {
            lt_node *before = lt_graph_find(
                &plan->graph, lt_plan_task_id(plan, pipeline, task->after.items[k].raw));
            if (before)
                lt_graph_need(&plan->graph, node, before);
        }
        link_choice(plan, task, node);
    }
    lt_node_set_init(&plan->members, plan->graph.nodes.len);
    lt_node_set_init(&plan->selected, plan->graph.nodes.len);
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        lt_node_set_add(&plan->selected, i);
    return lt_graph_order(&plan->graph, &plan->order, err);
}

lt_status lt_plan_make_alert(const lt_plan_request *request, bool has_target, lt_plan **out,
                             lt_err *err)
{
    lt_plan *plan = lt_xcalloc(1, sizeof(*plan));
    plan->request = *request;
    return hand_out(plan, make_alert(plan, has_target, err), out);
}

/* ---- before there is a run ---- */

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
            LT_TRY(add_task(plan, pipeline, &lists[i]->items[k], LT_ROLE_MAIN, err));
    LT_AUTO(lt_node_set) set;
    lt_node_set_init(&set, plan->graph.nodes.len);
    warn_of(workspace, pipeline, select_texts(plan, &pipeline->select, &set, err), err);
    warn_of(workspace, pipeline, select_texts(plan, &pipeline->exclude, &set, err), err);
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->len; k++) {
            const lt_conf_task *task = &lists[i]->items[k];
            for (size_t m = 0; m < task->after.len; m++)
                warn_of(workspace, pipeline, find_after(plan, &task->after.items[m], &set, err),
                        err);
            warn_of(workspace, pipeline, select_of_task(plan, task, &set, err), err);
        }
    return LT_OK;
}

static lt_status warn_all(lt_plan *plan, lt_workspace *workspace, lt_err *err)
{
    lt_project *project = workspace->project;
    lt_graph_init(&plan->graph, &plan->arena);
    LT_TRY(lt_workspace_target(workspace, T(""), &plan->request.target, err));
    plan->request.scope = lt_workspace_scope(workspace, lt_now_us(), T(""));
    LT_TRY(add_graph(plan, workspace, err));
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

void lt_plan_schemas(lt_plan *plan, lt_texts *out)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        lt_text schema = step->node ? step->node->relation.schema : step->relation.schema;
        bool has_none =
            step->node && (step->kind == LT_STEP_GATE || step->node->kind == LT_DBT_UNIT_TEST ||
                           step->node->relation.database.len);
        bool known = has_none || !schema.len || !lt_node_set_has(&plan->selected, i);
        for (size_t k = 0; k < out->len && !known; k++)
            known = lt_text_eq(out->items[k], schema);
        if (!known)
            lt_push_in(&plan->arena, out, schema);
    }
}

/* "schema.name", or "name" in any schema. */
static bool is_named(const lt_relation *relation, lt_text word)
{
    lt_text schema = relation->schema;
    bool has_schema = word.len > schema.len && lt_text_starts(word, schema) &&
                      word.ptr[schema.len] == '.' && schema.len;
    return lt_text_eq(word, relation->name) ||
           (has_schema && lt_text_eq(lt_text_sub(word, schema.len + 1, SIZE_MAX), relation->name));
}

bool lt_plan_takes_over(const lt_plan *plan, const lt_relation *relation)
{
    for (size_t i = 0; i < plan->request.take_over.len; i++)
        if (is_named(relation, plan->request.take_over.items[i]))
            return true;
    return false;
}

static bool is_written(const lt_plan *plan, lt_text word)
{
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        const lt_relation *relation = step->node ? &step->node->relation : &step->relation;
        if (lt_node_set_has(&plan->selected, i) && relation->name.len && is_named(relation, word))
            return true;
    }
    return false;
}

lt_status lt_plan_check_take_over(const lt_plan *plan, lt_err *err)
{
    for (size_t i = 0; i < plan->request.take_over.len; i++) {
        lt_text word = plan->request.take_over.items[i];
        if (is_written(plan, word))
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "--take-over %.*s: no task of this run writes it",
                          LT_ARG(word)));
        return lt_hint(err, "write the table or view as SCHEMA.NAME, without quotes");
    }
    return LT_OK;
}

void lt_plan_free(lt_plan *plan)
{
    if (!plan)
        return;
    lt_dbt_close(plan->dbt);
    lt_dbt_profile_cleanup(&plan->profile);
    lt_jinja_heap_cleanup(&plan->profile_heap);
    lt_node_set_cleanup(&plan->selected);
    lt_node_set_cleanup(&plan->members);
    lt_graph_cleanup(&plan->graph);
    lt_arena_cleanup(&plan->arena);
    lt_free(plan);
}
