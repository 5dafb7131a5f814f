/* What a pipeline adds to a graph: its tasks, and what stands behind `after`, `select` and `choose`. */
#include "run/plan_inner.h"

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
    return lt_plan_format(plan, "task.", pipeline->name, name);
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

lt_status lt_plan_add_task(lt_plan *plan, const lt_conf_pipeline *pipeline,
                           const lt_conf_task *task, lt_step_role role, lt_err *err)
{
    lt_node node = {.id = lt_plan_task_id(plan, pipeline, task->name),
                    .kind = lt_text_of(lt_conf_task_kinds[task->kind]),
                    .name = task->name,
                    .path = lt_text_of(task->place.file)};
    lt_step step = lt_plan_step_of(task);
    step.role = role;
    if (is_group(task))
        step.when = LT_WHEN_SUCCESS;
    LT_TRY(lt_plan_add_step(plan, &node, &step, NULL, err));
    if (!is_group(task) || task->when == LT_WHEN_SUCCESS)
        return LT_OK;
    node.id = entry_id(plan, task);
    node.kind = T("gate");
    node.name = lt_text_of(lt_arena_format(&plan->arena, "%.*s.begin", LT_ARG(task->name)));
    step.when = task->when;
    return lt_plan_add_step(plan, &node, &step, NULL, err);
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

lt_status lt_plan_find_after(lt_plan *plan, const lt_conf_text *after, lt_node_set *out,
                             lt_err *err)
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

bool lt_plan_reads(const lt_plan *plan, const lt_node *test, const lt_node_set *set, bool *any)
{
    bool all = true;
    const lt_dbt_node *model = lt_plan_unit_model(((const lt_step *)test->payload)->node);
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
        if (lt_plan_is_kind(node, LT_STEP_TEST))
            (void)lt_plan_reads(plan, node, set, &any);
        if (any)
            lt_node_set_add(set, i);
    }
}

lt_status lt_plan_hint_names(const lt_plan *plan, lt_text unmatched, lt_err *err)
{
    lt_text nearest;
    if (find_qualified(plan, unmatched, &nearest))
        return lt_hint(err, "did you mean '%.*s'? 'leat run --dry-run' lists all", LT_ARG(nearest));
    return lt_hint(err, "select by name, tag:x, path:models/x, source:x, resource_type:model; "
                        "'leat run --dry-run' lists all");
}

lt_status lt_plan_select_of_task(lt_plan *plan, const lt_conf_task *task, lt_node_set *out,
                                 lt_err *err)
{
    for (size_t i = 0; i < task->selection.len; i++) {
        lt_text unmatched = {0};
        LT_TRY(lt_graph_select(&plan->graph, task->selection.items[i].raw, out, &unmatched, err));
        if (unmatched.len) {
            lt_ignore(lt_conf_fail(task->selection.items[i].place, err,
                                   "the selection '%.*s' matches nothing", LT_ARG(unmatched)));
            return lt_plan_hint_names(plan, unmatched, err);
        }
    }
    return LT_OK;
}

static lt_status select_members(lt_plan *plan, const lt_conf_task *task, lt_node_set *out,
                                lt_err *err)
{
    size_t count = 0;
    LT_TRY(lt_plan_select_of_task(plan, task, out, err));
    if (task->kind == LT_DO_TEST || task->kind == LT_DO_BUILD)
        add_tests_of(plan, out);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[i];
        bool others = task->kind == LT_DO_BUILD && lt_plan_is_called_by_name(node);
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
        LT_TRY(lt_plan_find_after(plan, &task->after.items[i], &before, err));
    if (is_group(task))
        return link_group(plan, task, node, &before, err);
    need_all(plan, node, &before);
    link_choice(plan, task, node);
    return LT_OK;
}

lt_status lt_plan_add_tasks(lt_plan *plan, lt_err *err)
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
            LT_TRY(lt_plan_add_task(plan, pipeline, &lists[k].tasks->items[i], lists[k].role, err));
    lt_node_set_init(&plan->members, plan->graph.nodes.len);
    for (int tests = 1; tests >= 0; tests--) /* first those that take tests away from others */
        for (size_t k = 0; k < LT_COUNT(lists); k++)
            for (size_t i = 0; i < lists[k].tasks->len; i++)
                if ((lists[k].tasks->items[i].kind == LT_DO_TEST) == (tests == 1))
                    LT_TRY(link_task(plan, pipeline, &lists[k].tasks->items[i], err));
    return LT_OK;
}

/* What a handler comes after that is not among them never was: nothing to wait for. */
lt_status lt_plan_add_alert(lt_plan *plan, bool has_target, lt_err *err)
{
    const lt_conf_pipeline *pipeline = plan->request.pipeline;
    const lt_conf_tasks *tasks = &pipeline->on_failure;
    lt_graph_init(&plan->graph, &plan->arena);
    for (size_t i = 0; i < tasks->len; i++) {
        const lt_conf_task *task = &tasks->items[i];
        if (!is_group(task) && (has_target || !lt_plan_step_of(task).uses_target))
            LT_TRY(lt_plan_add_task(plan, pipeline, task, LT_ROLE_ON_FAILURE, err));
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
