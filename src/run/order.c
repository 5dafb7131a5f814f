/* Which task may begin: what came of the tasks before it, items whose turn it is, handlers that are needed. */
#include "run/inner.h"
#include "run/rule.h"

#include "base/time.h"

bool lt_task_has_ended(const lt_run_task *task)
{
    lt_task_status status = task->record.status;
    return status != LT_TASK_PENDING && status != LT_TASK_RUNNING && status != LT_TASK_WAITING;
}

bool lt_task_is_good(lt_task_status status)
{
    return status == LT_TASK_SUCCEEDED || status == LT_TASK_WARNED || status == LT_TASK_REUSED;
}

static bool is_left_out(const lt_run_task *task)
{
    return task->record.status == LT_TASK_SKIPPED && !lt_text_eq(task->record.cause, T("upstream"));
}

static bool is_main(const lt_run_task *task)
{
    return task->step->role == LT_ROLE_MAIN;
}

/* ---- ready ---- */

void lt_order_ready(executor *run, lt_run_task *task)
{
    if (task->queued || lt_task_has_ended(task) || task->record.status == LT_TASK_RUNNING)
        return;
    run->parked -= task->record.status == LT_TASK_WAITING;
    task->wake_mono_us = 0;
    task->queued = true;
    task->next_ready = NULL;
    *run->last_ready = task;
    run->last_ready = &task->next_ready;
    (void)pthread_cond_signal(&run->wanted);
}

/* ---- what comes after what ---- */

static void count_end(lt_run_task *after, const lt_run_task *before)
{
    if (lt_task_is_good(before->record.status)) {
        after->good++;
    } else if (is_left_out(before)) {
        after->left_out++;
    } else {
        after->bad++;
        after->root = before->root ? before->root : before;
    }
}

void lt_order_feed(lt_run_task *before, lt_run_task *after)
{
    if (before->feed_count == before->feed_cap) {
        before->feed_cap = before->feed_cap ? 2 * before->feed_cap : 4;
        before->feeds = lt_xrealloc_array(before->feeds, before->feed_cap, sizeof(*before->feeds));
    }
    before->feeds[before->feed_count++] = after;
    after->need_count++;
    if (lt_task_has_ended(before))
        count_end(after, before);
    else
        after->open++;
}

static void skip(executor *run, lt_run_task *task, lt_verdict_now why, lt_run_tasks *skipped)
{
    lt_arena *arena = &run->plan->arena;
    const lt_run_task *root = task->root;
    task->record.status = LT_TASK_SKIPPED;
    switch (why) {
    case LT_NOW_SKIP_FAILED:
        task->record.cause = T("upstream");
        task->record.message = lt_text_of(
            lt_arena_format(arena, "%.*s %s", LT_ARG(root->node->name),
                            root->record.status == LT_TASK_CANCELLED ? "was cancelled" : "failed"));
        break;
    case LT_NOW_SKIP_LEFT_OUT:
        task->record.cause = T("choice");
        task->record.message =
            task->not_chosen ? T("it was not chosen") : T("what it comes after was left out");
        break;
    default:
        task->record.cause = T("rule");
        task->record.message = T("it was not needed");
        break;
    }
    lt_push(skipped, task);
}

static void consider(executor *run, lt_run_task *task, lt_run_tasks *skipped)
{
    lt_rule_counts counts = {
        .open = task->open, .good = task->good, .bad = task->bad, .left_out = task->left_out};
    if (task->record.status != LT_TASK_PENDING || task->queued || task->held)
        return;
    lt_verdict_now verdict =
        task->not_chosen ? LT_NOW_SKIP_LEFT_OUT : lt_rule_judge(task->step->when, counts);
    if (verdict == LT_NOW_BEGIN)
        lt_order_ready(run, task);
    else if (verdict != LT_NOW_WAIT)
        skip(run, task, verdict, skipped);
}

/* ---- branches ---- */

static bool names(const lt_conf_texts *texts, lt_text name)
{
    for (size_t i = 0; i < texts->len; i++)
        if (lt_text_eq(texts->items[i].raw, name))
            return true;
    return false;
}

/* Which branch a choose has taken, from its recorded output, so that a resumed run takes the same. */
static size_t branch_taken(executor *run, const lt_run_task *choose)
{
    lt_err err;
    lt_json *root = NULL;
    if (lt_json_read(choose->record.output_json, "output", NULL, &run->plan->arena, &root, &err) !=
        LT_OK)
        return SIZE_MAX;
    int64_t branch = lt_json_i64_or(root, "branch", -1);
    return branch < 0 ? SIZE_MAX : (size_t)branch;
}

static void leave_out_others(executor *run, const lt_run_task *choose)
{
    const lt_conf_task *conf = choose->step->task;
    size_t taken = branch_taken(run, choose);
    for (size_t i = 0; i < choose->feed_count; i++) {
        lt_run_task *after = choose->feeds[i];
        bool in_taken = false, in_any = false;
        for (size_t k = 0; after->step->task && k < conf->choose.len; k++) {
            bool here = names(&conf->choose.items[k].then, after->step->task->name);
            in_any = in_any || here;
            in_taken = in_taken || (here && k == taken);
        }
        after->not_chosen = after->not_chosen || (in_any && !in_taken);
    }
}

static bool is_choice(const lt_run_task *task)
{
    return task->step->kind == LT_STEP_CHOOSE && lt_task_is_good(task->record.status);
}

/* ---- items ---- */

static void begin_item(executor *run, lt_items *items, lt_run_tasks *skipped)
{
    size_t item = items->next++;
    items->active++;
    for (size_t i = 0; i < items->tasks_each; i++)
        items->tasks[item * items->tasks_each + i]->held = false;
    for (size_t i = 0; i < items->tasks_each; i++)
        consider(run, items->tasks[item * items->tasks_each + i], skipped);
    if (!items->open[item]) { /* a resumed run finds items that were done before */
        items->active--;
        items->ended++;
    }
}

void lt_items_go_on(executor *run, lt_run_task *each, lt_run_tasks *skipped)
{
    lt_items *items = each->items;
    while (items->next < items->count && items->active < items->parallel)
        begin_item(run, items, skipped);
    if (items->ended == items->count)
        lt_order_ready(run, each);
}

static void count_item(executor *run, const lt_run_task *task, lt_run_tasks *skipped)
{
    lt_items *items = task->parent->items;
    if (!items || --items->open[task->item] || task->item >= items->next)
        return;
    items->active--;
    items->ended++;
    lt_items_go_on(run, task->parent, skipped);
}

/* ---- ends ---- */

static bool anything_failed(const executor *run)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_task_status status = run->tasks[i]->record.status;
        if (is_main(run->tasks[i]) && (status == LT_TASK_FAILED || status == LT_TASK_CANCELLED))
            return true;
    }
    return false;
}

static void skip_handlers(executor *run, lt_step_role role, lt_run_tasks *skipped)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        if (task->step->role == role && task->held && task->record.status == LT_TASK_PENDING)
            skip(run, task, LT_NOW_SKIP_NOT_NEEDED, skipped);
    }
}

void lt_order_release(executor *run, lt_step_role role, lt_run_tasks *skipped)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (run->tasks[i]->step->role == role)
            run->tasks[i]->held = false;
    for (size_t i = 0; i < run->task_count; i++)
        if (run->tasks[i]->step->role == role)
            consider(run, run->tasks[i], skipped);
}

static void end_main(executor *run, lt_run_tasks *skipped)
{
    bool failed = anything_failed(run);
    run->main_has_ended = true;
    run->late_mono_us = 0;
    skip_handlers(run, LT_ROLE_ON_LATE, skipped);
    skip_handlers(run, failed ? LT_ROLE_ON_SUCCESS : LT_ROLE_ON_FAILURE, skipped);
    lt_order_release(run, failed ? LT_ROLE_ON_FAILURE : LT_ROLE_ON_SUCCESS, skipped);
}

static void pass_on(executor *run, lt_run_task *task, lt_run_tasks *skipped)
{
    run->unended--;
    run->unended_main -= is_main(task);
    if (is_choice(task))
        leave_out_others(run, task);
    for (size_t i = 0; i < task->feed_count; i++) {
        lt_run_task *after = task->feeds[i];
        after->open--;
        count_end(after, task);
        consider(run, after, skipped);
    }
    if (task->parent)
        count_item(run, task, skipped);
}

/* What is skipped is passed on in turn. */
void lt_order_follow(executor *run, size_t from, lt_run_tasks *skipped)
{
    for (size_t i = from;; i++) {
        if (i == skipped->len && !run->unended_main && !run->main_has_ended && !run->stopping)
            end_main(run, skipped);
        if (i >= skipped->len)
            return;
        pass_on(run, skipped->items[i], skipped);
    }
}

void lt_order_settle(executor *run, lt_run_task *task, lt_run_tasks *skipped)
{
    size_t from = skipped->len;
    pass_on(run, task, skipped);
    lt_order_follow(run, from, skipped);
    if (run->unended)
        return;
    (void)pthread_cond_broadcast(&run->wanted);
    (void)pthread_cond_broadcast(&run->changed);
}

/* ---- the beginning ---- */

static void link_tasks(executor *run)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        for (size_t k = 0; k < task->node->needs.len; k++) {
            lt_run_task *before = run->task_of_node[task->node->needs.items[k]];
            if (before)
                lt_order_feed(before, task);
        }
    }
}

void lt_order_begin(executor *run)
{
    lt_run_tasks skipped = {0};
    link_tasks(run);
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        task->held = !is_main(task);
        if (is_choice(task))
            leave_out_others(run, task);
        run->unended += !lt_task_has_ended(task);
        run->unended_main += is_main(task) && !lt_task_has_ended(task);
    }
    for (size_t i = 0; i < run->task_count; i++)
        consider(run, run->tasks[i], &skipped);
    lt_order_follow(run, 0, &skipped);
    if (skipped.len)
        lt_pool_record(run, skipped.items, skipped.len);
    lt_vec_free(&skipped);
}

lt_run_task *lt_order_add(executor *run, const lt_run_task *made)
{
    size_t count = run->task_count;
    if (count >= lt_node_set_size(&run->plan->selected) + LT_MADE_TASKS)
        return NULL;
    lt_run_task *task = lt_xcalloc(1, sizeof(*task));
    *task = *made;
    task->progress.percent = -1;
    run->tasks[count] = task;
    run->task_count = count + 1; /* after it is there: a display reads along */
    (void)lt_map_put(&run->by_id, task->node->id, task);
    run->unended += !lt_task_has_ended(task);
    run->unended_main += is_main(task) && !lt_task_has_ended(task);
    return task;
}
