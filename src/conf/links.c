/* What tasks and pipelines name, and must be there: tasks that come before, branches, pools, other pipelines; and no circles. */
#include "conf/setting.h"
#include "graph/graph.h"

/* ---- tasks of one pipeline ---- */

enum { LISTS = 4 };

static void list_tasks(const lt_conf_pipeline *p, const lt_conf_tasks *out[LISTS])
{
    out[0] = &p->tasks;
    out[1] = &p->on_success;
    out[2] = &p->on_failure;
    out[3] = &p->on_late;
}

/* All tasks of some lists as nodes: their payload is the task. */
static lt_status add_nodes(lt_graph *graph, const lt_conf_tasks *const *lists, size_t count,
                           lt_err *err)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < lists[i]->len; k++) {
            lt_conf_task *task = &lists[i]->items[k];
            LT_TRY(lt_graph_add(graph, &(lt_node){.id = task->name, .payload = task}, NULL, err));
        }
    return LT_OK;
}

static lt_text node_id_at(const void *context, size_t i)
{
    return ((const lt_graph *)context)->nodes.items[i]->id;
}

static lt_status fail_task(const lt_graph *graph, const lt_conf_text *name, lt_err *err)
{
    lt_text nearest;
    lt_ignore(lt_conf_fail(name->place, err, "the pipeline has no task '%.*s'", LT_ARG(name->raw)));
    if (lt_text_nearest(name->raw, graph->nodes.len, node_id_at, graph, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "name a task of the pipeline");
}

/* The shortest circle through some task, at its place. */
static lt_status check_circles(const lt_graph *graph, lt_err *err)
{
    size_t *order;
    lt_err why = {0};
    if (lt_graph_order(graph, &order, &why) == LT_OK)
        return LT_OK;
    for (size_t i = 0; i < graph->nodes.len; i++) {
        const lt_node *node = graph->nodes.items[i];
        LT_AUTO(lt_chars) start = lt_format("%.*s -> ", LT_ARG(node->id));
        const lt_conf_task *task = node->payload;
        if (lt_text_find(lt_text_of(why.message), lt_text_of(start), 0) != SIZE_MAX)
            return lt_conf_fail(task->place, err, "%s", why.message);
    }
    *err = why;
    return err->status;
}

/* In a for_each `after` names tasks of the same item. */
static lt_status check_items(const lt_conf_task *each, lt_err *err)
{
    const lt_conf_tasks *tasks = &each->for_each.tasks;
    LT_AUTO(lt_arena) arena = {0};
    lt_graph graph;
    lt_graph_init(&graph, &arena);
    lt_status status = add_nodes(&graph, &tasks, 1, err);
    for (size_t i = 0; i < tasks->len && status == LT_OK; i++)
        for (size_t k = 0; k < tasks->items[i].after.len && status == LT_OK; k++) {
            const lt_conf_text *after = &tasks->items[i].after.items[k];
            lt_node *before = lt_graph_find(&graph, after->raw);
            if (before)
                lt_graph_need(&graph, graph.nodes.items[i], before);
            else
                status = fail_task(&graph, after, err);
        }
    if (status == LT_OK)
        status = check_circles(&graph, err);
    lt_graph_cleanup(&graph);
    return status;
}

static lt_status link_branches(lt_graph *graph, lt_node *choose, lt_err *err)
{
    const lt_conf_task *task = choose->payload;
    for (size_t i = 0; i < task->choose.len; i++) {
        const lt_conf_texts *then = &task->choose.items[i].then;
        for (size_t k = 0; k < then->len; k++) {
            lt_node *named = lt_graph_find(graph, then->items[k].raw);
            if (!named)
                return fail_task(graph, &then->items[k], err);
            if (((const lt_conf_task *)named->payload)->kind <= LT_DO_TEST)
                return lt_conf_fail(then->items[k].place, err,
                                    "'%.*s' stands for several steps and cannot be chosen: let a "
                                    "task of another kind be chosen, and it come after that",
                                    LT_ARG(then->items[k].raw));
            lt_graph_need(graph, named, choose);
        }
    }
    return LT_OK;
}

/* What is no task selects nodes, which only the plan of a run knows. */
static lt_status link_task(lt_graph *graph, lt_node *node, lt_err *err)
{
    const lt_conf_task *task = node->payload;
    for (size_t i = 0; i < task->after.len; i++) {
        lt_node *before = lt_graph_find(graph, task->after.items[i].raw);
        if (before == node)
            return lt_conf_fail(task->after.items[i].place, err,
                                "the task '%.*s' comes after itself", LT_ARG(task->name));
        if (before)
            lt_graph_need(graph, node, before);
    }
    if (task->kind == LT_DO_FOR_EACH)
        return check_items(task, err);
    return link_branches(graph, node, err);
}

lt_status lt_conf_check_order(const lt_conf_pipeline *pipeline, lt_err *err)
{
    const lt_conf_tasks *lists[LISTS];
    LT_AUTO(lt_arena) arena = {0};
    lt_graph graph;
    list_tasks(pipeline, lists);
    lt_graph_init(&graph, &arena);
    lt_status status = add_nodes(&graph, lists, LISTS, err);
    for (size_t i = 0; i < graph.nodes.len && status == LT_OK; i++)
        status = link_task(&graph, graph.nodes.items[i], err);
    if (status == LT_OK)
        status = check_circles(&graph, err);
    lt_graph_cleanup(&graph);
    return status;
}

/* ---- does it read the graph? ---- */

static bool is_task(const lt_map *names, const lt_conf_texts *after)
{
    for (size_t i = 0; i < after->len; i++)
        if (!lt_map_has(names, after->items[i].raw))
            return false;
    return true;
}

bool lt_conf_reads_graph(const lt_conf_pipeline *pipeline)
{
    const lt_conf_tasks *lists[LISTS];
    LT_AUTO(lt_map) names = {0};
    bool reads = pipeline->select.len || pipeline->exclude.len || !pipeline->tasks.len;
    list_tasks(pipeline, lists);
    for (size_t i = 0; i < LISTS; i++)
        for (size_t k = 0; k < lists[i]->len; k++)
            (void)lt_map_put(&names, lists[i]->items[k].name, &lists[i]->items[k]);
    for (size_t i = 0; i < LISTS; i++)
        for (size_t k = 0; k < lists[i]->len && !reads; k++)
            reads = lists[i]->items[k].kind <= LT_DO_TEST ||
                    !is_task(&names, &lists[i]->items[k].after);
    return reads;
}

/* ---- pools and pipelines ---- */

typedef lt_status with_task(const lt_project *project, const lt_conf_task *task, lt_err *err);

/* Do it with every task of the pipeline, those of items too. */
static lt_status for_tasks(const lt_project *project, const lt_conf_pipeline *pipeline,
                           with_task *with, lt_err *err)
{
    const lt_conf_tasks *lists[LISTS];
    list_tasks(pipeline, lists);
    for (size_t i = 0; i < LISTS; i++)
        for (size_t k = 0; k < lists[i]->len; k++) {
            const lt_conf_tasks *inner = &lists[i]->items[k].for_each.tasks;
            LT_TRY(with(project, &lists[i]->items[k], err));
            for (size_t m = 0; m < inner->len; m++)
                LT_TRY(with(project, &inner->items[m], err));
        }
    return LT_OK;
}

static lt_text pool_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->pools.items[i].name;
}

static lt_status check_pool(const lt_project *project, const lt_conf_task *task, lt_err *err)
{
    lt_text nearest;
    if (!task->pool.len || lt_project_pool(project, task->pool))
        return LT_OK;
    lt_ignore(lt_conf_fail(task->place, err, "the task '%.*s': leat.yml has no pool '%.*s'",
                           LT_ARG(task->name), LT_ARG(task->pool)));
    if (lt_text_nearest(task->pool, project->pools.len, pool_name_at, project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "say how many places it has in leat.yml: 'pools: {%.*s: 2}'",
                   LT_ARG(task->pool));
}

lt_status lt_conf_check_pools(const lt_project *project, const lt_conf_pipeline *pipeline,
                              lt_err *err)
{
    return for_tasks(project, pipeline, check_pool, err);
}

lt_status lt_conf_check_targets(const lt_project *project, const lt_conf_pipeline *pipeline,
                                lt_err *err)
{
    for (size_t i = 0; i < pipeline->triggers.len; i++) {
        const lt_conf_trigger *trigger = &pipeline->triggers.items[i];
        const lt_conf_target *none;
        lt_err missing = {0};
        if (!trigger->target.len ||
            lt_project_target_get(project, trigger->target, &none, &missing) == LT_OK)
            continue;
        lt_ignore(lt_conf_fail(trigger->place, err, "the trigger '%.*s': %s", LT_ARG(trigger->name),
                               missing.message));
        return lt_hint(err, "%s", missing.hint);
    }
    return LT_OK;
}

/* The pipeline that a task calls, when that is written and no template; else empty. */
static lt_text called_by(const lt_conf_task *task)
{
    bool calls = task->kind == LT_DO_PIPELINE && !task->command.is_template;
    return calls ? lt_text_trim(task->command.raw) : (lt_text){0};
}

static const lt_conf_wrong *find_wrong(const lt_project *project, lt_text name)
{
    for (size_t i = 0; i < project->wrong.len; i++)
        if (project->wrong.items[i].kind == LT_CONF_PIPELINE_FILE &&
            lt_text_eq(project->wrong.items[i].name, name))
            return &project->wrong.items[i];
    return NULL;
}

static lt_text pipeline_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->pipelines.items[i].name;
}

/* One that is there, but wrong, holds back who calls it; that is no error of his. */
static lt_status check_call(const lt_project *project, const lt_conf_task *task, lt_err *err)
{
    lt_text nearest, name = called_by(task);
    if (!name.len || lt_project_pipeline(project, name) || find_wrong(project, name))
        return LT_OK;
    lt_ignore(lt_conf_fail(task->command.place, err, "there is no pipeline '%.*s'", LT_ARG(name)));
    if (lt_text_nearest(name, project->pipelines.len, pipeline_name_at, project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "pipelines are the .yml files below pipelines/");
}

lt_status lt_conf_check_calls(const lt_project *project, const lt_conf_pipeline *pipeline,
                              lt_err *err)
{
    return for_tasks(project, pipeline, check_call, err);
}

/* Does every run that goes well come to each of its main tasks? */
static bool is_straight(const lt_conf_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->tasks.len; i++) {
        const lt_conf_task *task = &pipeline->tasks.items[i];
        bool always = task->when == LT_WHEN_SUCCESS || task->when == LT_WHEN_ALWAYS ||
                      task->when == LT_WHEN_NONE_FAILED;
        if (!always || task->choose.len)
            return false;
    }
    return true;
}

typedef LT_VEC(const lt_conf_pipeline *) pipeline_list;

static bool push_once(pipeline_list *list, const lt_conf_pipeline *one)
{
    for (size_t i = 0; i < list->len; i++)
        if (list->items[i] == one)
            return false;
    lt_push(list, one);
    return true;
}

/* The first task through which a run of `from` comes back to `to`; those that it calls on the way are added to `reached`. */
static const lt_conf_task *find_way_back(const lt_project *project, const lt_conf_pipeline *from,
                                         lt_text to, pipeline_list *reached)
{
    for (size_t k = 0; is_straight(from) && k < from->tasks.len; k++) {
        lt_text name = called_by(&from->tasks.items[k]);
        const lt_conf_pipeline *called = name.len ? lt_project_pipeline(project, name) : NULL;
        if (name.len && lt_text_eq(name, to))
            return &from->tasks.items[k];
        if (called)
            (void)push_once(reached, called);
    }
    return NULL;
}

lt_status lt_conf_check_circle(const lt_project *project, const lt_conf_pipeline *pipeline,
                               lt_err *err)
{
    pipeline_list reached = {0};
    lt_status status = LT_OK;
    lt_push(&reached, pipeline);
    for (size_t i = 0; i < reached.len && status == LT_OK; i++) {
        const lt_conf_pipeline *from = reached.items[i];
        const lt_conf_task *back = find_way_back(project, from, pipeline->name, &reached);
        if (back && i == 0)
            status = lt_conf_fail(back->command.place, err,
                                  "the pipeline '%.*s' calls itself, without end",
                                  LT_ARG(pipeline->name));
        else if (back)
            status = lt_conf_fail(pipeline->place, err,
                                  "pipelines call each other without end: '%.*s' calls others, and "
                                  "the task '%.*s' of '%.*s' calls it (%s:%u:%u)",
                                  LT_ARG(pipeline->name), LT_ARG(back->name), LT_ARG(from->name),
                                  back->command.place.file, back->command.place.line,
                                  back->command.place.col);
    }
    lt_vec_free(&reached);
    return status;
}

/* ---- what a wrong file holds back ---- */

static const lt_conf_wrong *first_of(const lt_project *project, lt_conf_kind kind)
{
    for (size_t i = 0; i < project->wrong.len; i++)
        if (project->wrong.items[i].kind == kind)
            return &project->wrong.items[i];
    return NULL;
}

/* A file that cannot even be read may be the one that has the pipeline. */
static const lt_conf_wrong *first_unnamed(const lt_project *project)
{
    for (size_t i = 0; i < project->wrong.len; i++)
        if (project->wrong.items[i].kind == LT_CONF_PIPELINE_FILE &&
            !project->wrong.items[i].is_named)
            return &project->wrong.items[i];
    return NULL;
}

static const lt_conf_wrong *look_at_calls(const lt_project *project, const lt_conf_pipeline *from,
                                          pipeline_list *reached)
{
    const lt_conf_tasks *lists[LISTS];
    list_tasks(from, lists);
    for (size_t i = 0; i < LISTS; i++)
        for (size_t k = 0; k < lists[i]->len; k++) {
            const lt_conf_task *task = &lists[i]->items[k];
            const lt_conf_tasks *inner = &task->for_each.tasks;
            for (size_t m = 0; m < inner->len + 1; m++) {
                lt_text name = called_by(m ? &inner->items[m - 1] : task);
                const lt_conf_wrong *wrong = name.len ? find_wrong(project, name) : NULL;
                const lt_conf_pipeline *called =
                    name.len ? lt_project_pipeline(project, name) : NULL;
                if (wrong)
                    return wrong;
                if (called)
                    (void)push_once(reached, called);
            }
        }
    return NULL;
}

static const lt_conf_wrong *held_with_calls(const lt_project *project,
                                            const lt_conf_pipeline *pipeline)
{
    pipeline_list reached = {0};
    const lt_conf_wrong *wrong = NULL;
    lt_push(&reached, pipeline);
    for (size_t i = 0; i < reached.len && !wrong; i++) {
        wrong = look_at_calls(project, reached.items[i], &reached);
        if (!wrong && lt_conf_reads_graph(reached.items[i]))
            wrong = first_of(project, LT_CONF_SOURCE_FILE);
    }
    lt_vec_free(&reached);
    return wrong;
}

const lt_conf_wrong *lt_project_held_by(const lt_project *project, lt_text name)
{
    const lt_conf_wrong *wrong = first_of(project, LT_CONF_PROJECT_FILE);
    const lt_conf_pipeline *pipeline = lt_project_pipeline(project, name);
    if (wrong || !project->wrong.len)
        return wrong;
    if (!name.len)
        return first_of(project, LT_CONF_SOURCE_FILE);
    wrong = find_wrong(project, name);
    if (wrong || !pipeline)
        return wrong ? wrong : first_unnamed(project);
    return held_with_calls(project, pipeline);
}

lt_status lt_conf_wrong_fail(const lt_conf_wrong *wrong, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s", LT_ARG(wrong->message)));
    return wrong->hint.len ? lt_hint(err, "%.*s", LT_ARG(wrong->hint)) : err->status;
}
