/* A run that cannot begin - its plan is wrong, its target cannot be opened - tells all the same whom its pipeline names. */
#include "base/log.h"
#include "base/time.h"
#include "run/inner.h"

#define BEGIN_ID T("run.begin")

static const lt_conf_pipeline *pipeline_of(const executor *run)
{
    return lt_project_pipeline(run->workspace->project, run->record->pipeline);
}

bool lt_begin_can_tell(const executor *run)
{
    const lt_conf_pipeline *pipeline = pipeline_of(run);
    bool is_new = !run->request->retry_of && !run->request->reproduces;
    return pipeline && pipeline->on_failure.len && is_new;
}

lt_status lt_begin_plan_alert(executor *run, const lt_target *target, lt_err *err)
{
    lt_plan_request request = {
        .pipeline = pipeline_of(run),
        .scope = lt_workspace_scope(run->workspace, run->record->clock_us, T(""))};
    lt_err why;
    if (target)
        request.target = *target;
    if (!run->has_params && lt_params_use(run, &request.scope, &why) != LT_OK)
        lt_log(LT_LOG_WARNING, "alerts have no parameters: %s", why.message);
    return lt_plan_make_alert(&request, target != NULL, &run->plan, err);
}

static lt_status is_recorded(const executor *run, bool *out, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_task_records tasks = {0};
    *out = false;
    LT_TRY(lt_state_tasks(run->workspace->state, run->record->id, &arena, &tasks, err));
    for (size_t i = 0; i < tasks.len; i++)
        *out = *out || lt_text_eq(tasks.items[i].id, BEGIN_ID);
    return LT_OK;
}

/* A task that stands for the beginning, and has failed: summaries, 'why' and 'runs' show it as any other. */
static lt_run_task *add_task(executor *run, const lt_err *why)
{
    lt_arena *arena = &run->plan->arena;
    lt_node *node = LT_NEW(arena, lt_node);
    lt_step *step = LT_NEW(arena, lt_step);
    *step = (lt_step){.kind = LT_STEP_GATE};
    *node = (lt_node){.id = BEGIN_ID, .kind = T("begin"), .name = T("begin"), .payload = step};
    lt_run_task made = {.node = node,
                        .step = step,
                        .ended_with = why->status,
                        .progress.percent = -1,
                        .record = {.id = node->id,
                                   .kind = node->kind,
                                   .name = node->name,
                                   .status = LT_TASK_FAILED,
                                   .rows_in = -1,
                                   .rows_out = -1,
                                   .message = lt_arena_text(arena, lt_text_of(why->message)),
                                   .hint = lt_arena_text(arena, lt_text_of(why->hint))}};
    return lt_order_add(run, &made);
}

/* What was to be done is not done. */
static void skip_main(executor *run, lt_run_tasks *ended)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        if (task->step->role != LT_ROLE_MAIN || lt_task_has_ended(task))
            continue;
        task->record.status = LT_TASK_SKIPPED;
        task->record.cause = T("upstream");
        task->record.message = T("the run could not begin");
        lt_push(ended, task);
    }
}

lt_status lt_begin_fail(executor *run, const lt_err *why, lt_err *err)
{
    bool known = false;
    lt_run_tasks ended = {0};
    LT_TRY(is_recorded(run, &known, err));
    skip_main(run, &ended);
    lt_run_task *begin = add_task(run, why);
    if (begin && !known)
        LT_TRY(lt_state_tasks_add(run->workspace->state, run->record->id, &begin->record, 1, err));
    if (begin)
        lt_push(&ended, begin);
    (void)pthread_mutex_lock(&run->lock);
    lt_pool_record(run, ended.items, ended.len);
    (void)pthread_mutex_unlock(&run->lock);
    lt_vec_free(&ended);
    return LT_OK;
}
