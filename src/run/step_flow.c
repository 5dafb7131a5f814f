/* Tasks that steer: people who agree, pipelines that are called, the same for each item, branches. */
#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/inner.h"

#include <assert.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- approve ---- */

static lt_text list_as_json(lt_work *work, const lt_conf_texts *texts)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_writer writer = {.out = &out};
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < texts->len; i++)
        lt_json_string(&writer, texts->items[i].raw);
    lt_json_end(&writer);
    return lt_arena_text(work->arena, lt_buf_text(&out));
}

static lt_text who_may(lt_work *work, const lt_conf_approve *approve)
{
    LT_AUTO(lt_buf) out = {.limit = 1000};
    for (size_t i = 0; i < approve->people.len; i++)
        lt_buf_printf(&out, "%s%.*s", out.len ? ", " : "", LT_ARG(approve->people.items[i].raw));
    for (size_t i = 0; i < approve->roles.len; i++)
        lt_buf_printf(&out, "%sanybody with the role %.*s", out.len ? ", " : "",
                      LT_ARG(approve->roles.items[i].raw));
    return out.len ? lt_arena_text(work->arena, lt_buf_text(&out)) : T("anybody");
}

static lt_status judge_approval(lt_work *work, const lt_approval *found, lt_err *err)
{
    lt_json_writer writer = {.out = &work->output};
    lt_json_begin(&writer, '{');
    lt_json_set(&writer, "by", found->decided_by);
    lt_json_set(&writer, "comment", found->comment);
    lt_json_end(&writer);
    LT_TRY(lt_buf_check(&work->output, "the comment", err));
    lt_work_log(work, "%.*s by %.*s%s%.*s", LT_ARG(found->decision), LT_ARG(found->decided_by),
                found->comment.len ? ": " : "", LT_ARG(found->comment));
    if (lt_text_eq(found->decision, T("approved")))
        return LT_OK;
    return lt_fail(err, LT_FAILED, "rejected by %.*s%s%.*s", LT_ARG(found->decided_by),
                   found->comment.len ? ": " : "", LT_ARG(found->comment));
}

lt_status lt_step_approve(lt_work *work, lt_err *err)
{
    const lt_conf_approve *approve = &work->step->task->approve;
    lt_state *state = work->run->workspace->state;
    int64_t deadline =
        approve->timeout_us ? work->task->record.started_at_us + approve->timeout_us : 0;
    lt_approval found;
    lt_approval asked = {.run_id = work->run->record->id,
                         .task = work->task->node->id,
                         .people_json = list_as_json(work, &approve->people),
                         .roles_json = list_as_json(work, &approve->roles),
                         .deadline_us = deadline};
    LT_TRY(lt_work_render(work, &approve->message, &asked.message, err));
    LT_TRY(lt_state_approval_ask(state, &asked, err));
    LT_TRY(lt_state_approval_get(state, asked.run_id, asked.task, work->arena, &found, err));
    if (found.decision.len)
        return judge_approval(work, &found, err);
    if (deadline && lt_now_us() >= deadline)
        return lt_fail(err, LT_FAILED, "nobody has decided in time");
    work->parks = true;
    work->wake_at_us = deadline;
    work->waiting = (lt_waiting){.kind = T("approval"),
                                 .what = who_may(work, approve),
                                 .detail = asked.message,
                                 .deadline_us = deadline};
    return LT_OK;
}

/* ---- pipeline ---- */

static lt_status spawn_run(lt_work *work, int64_t run_id, lt_err *err)
{
    const lt_workspace *workspace = work->run->workspace;
    return lt_run_spawn(workspace->root, workspace->home, run_id, LT_RUN_GOES_ON,
                        &work->task->child, err);
}

static void ask_for_child(lt_run_task *task)
{
    if (task->child && waitpid(task->child, NULL, WNOHANG) == task->child)
        task->child = 0;
}

static lt_status params_of_call(lt_work *work, const lt_conf_pipeline *called, lt_text *json,
                                lt_err *err)
{
    const lt_conf_pairs *pairs = &work->step->task->params;
    LT_AUTO(lt_buf) out = {.limit = LT_OUTPUT_MAX};
    lt_texts given = {0};
    for (size_t i = 0; i < pairs->len; i++) {
        lt_text value;
        LT_TRY(lt_work_render(work, &pairs->items[i].value, &value, err));
        lt_push_in(work->arena, &given,
                   lt_text_of(lt_arena_format(work->arena, "%.*s=%.*s",
                                              LT_ARG(pairs->items[i].name), LT_ARG(value))));
    }
    LT_TRY(lt_params_read(called, &given, &out, err));
    LT_TRY(lt_buf_check(&out, "the parameters", err));
    *json = lt_arena_text(work->arena, lt_buf_text(&out));
    return LT_OK;
}

/* Pipelines that call each other in a circle would never end. */
static lt_status check_depth(lt_work *work, lt_err *err)
{
    enum { DEEPEST = 16 };
    lt_run_record at = *work->run->record;
    for (int depth = 0; at.parent_run; depth++) {
        if (depth == DEEPEST)
            return lt_fail(err, LT_INVALID, "pipelines call each other more than %d deep", DEEPEST);
        LT_TRY(lt_state_run_get(work->run->workspace->state, at.parent_run, work->arena, &at, err));
    }
    return LT_OK;
}

/* The run that this task has called already: in this attempt, or before its process died. What has failed is called anew by the
 * next attempt. */
static lt_status find_called(lt_work *work, lt_run_record *out, bool *found, lt_err *err)
{
    executor *run = work->run;
    lt_run_records called = {0};
    *found = false;
    LT_TRY(lt_state_runs_of(run->workspace->state, run->record->id, work->arena, &called, err));
    for (size_t i = called.len; i-- > 0 && !*found;) {
        const lt_run_record *one = &called.items[i];
        bool ended_badly = one->status == LT_RUN_FAILED || one->status == LT_RUN_CANCELLED;
        if (!lt_text_eq(one->parent_task, work->task->node->id))
            continue;
        if (one->id != work->task->called && (work->task->called || ended_badly))
            return LT_OK;
        *out = *one;
        *found = true;
    }
    return LT_OK;
}

static lt_status call_pipeline(lt_work *work, lt_text name, lt_run_record *made, lt_err *err)
{
    executor *run = work->run;
    const lt_conf_pipeline *called = lt_project_pipeline(run->workspace->project, name);
    lt_text params;
    bool found = false;
    LT_TRY(find_called(work, made, &found, err));
    if (!found) {
        if (!called)
            return lt_conf_fail(work->step->task->command.place, err, "there is no pipeline '%.*s'",
                                LT_ARG(name));
        LT_TRY(check_depth(work, err));
        LT_TRY(params_of_call(work, called, &params, err));
        *made = (lt_run_record){.command = T("run"),
                                .pipeline = name,
                                .target = run->record->target,
                                .vars_json = run->record->vars_json,
                                .clock_us = run->record->clock_us,
                                .engine = run->record->engine,
                                .threads = run->record->threads,
                                .params_json = params,
                                .git_commit = run->record->git_commit,
                                .git_branch = run->record->git_branch,
                                .git_dirty = run->record->git_dirty,
                                .tree = run->record->tree,
                                .parent_run = run->record->id,
                                .parent_task = work->task->node->id,
                                .trigger_json = lt_text_of(lt_arena_format(
                                    work->arena, "{\"kind\": \"pipeline\", \"run\": %lld}",
                                    (long long)run->record->id))};
        LT_TRY(lt_state_run_enqueue(run->workspace->state, made, err));
    }
    bool begun = work->task->called == made->id && work->task->looks++ % 5;
    work->task->called = made->id;
    if (begun || made->status != LT_RUN_QUEUED || made->pid)
        return LT_OK; /* its process is there, or about to be; a second one would only find it taken */
    lt_work_log(work, "run %lld of the pipeline %.*s begins", (long long)made->id, LT_ARG(name));
    return spawn_run(work, made->id, err);
}

static lt_status judge_call(const lt_run_record *called, lt_err *err)
{
    const char *status = lt_run_status_name(called->status);
    if (called->status == LT_RUN_SUCCEEDED || called->status == LT_RUN_SKIPPED)
        return LT_OK;
    lt_ignore(lt_fail(err, called->status == LT_RUN_LOST ? LT_IO : LT_FAILED,
                      "run %lld of %.*s %s%s%.*s", (long long)called->id, LT_ARG(called->pipeline),
                      called->status == LT_RUN_FAILED ? "failed" : status,
                      called->message.len ? ": " : "", LT_ARG(called->message)));
    return lt_hint(err, "'leat runs %lld' shows its tasks", (long long)called->id);
}

static bool has_ended(const lt_run_record *run)
{
    return run->status != LT_RUN_QUEUED && run->status != LT_RUN_RUNNING;
}

/* A called run whose process was killed is taken up again. */
static lt_status take_up(lt_work *work, lt_run_record *called, lt_err *err)
{
    lt_work_log(work, "run %lld was lost: it is resumed", (long long)called->id);
    return spawn_run(work, called->id, err);
}

static lt_status stop_called(lt_work *work, const lt_run_record *called, lt_err *err)
{
    lt_request request = {
        .run_id = called->id, .kind = T("cancel"), .asked_by = T("the run that called it")};
    return lt_state_request(work->run->workspace->state, &request, err);
}

lt_status lt_step_pipeline(lt_work *work, lt_err *err)
{
    enum { MOST_RESUMES = 20 };
    static const int64_t LOOK_AGAIN_US = 2000000;
    lt_state *state = work->run->workspace->state;
    lt_run_record called = {0};
    lt_text name = {0};
    LT_TRY(lt_work_render(work, &work->step->task->command, &name, err));
    LT_TRY(call_pipeline(work, name, &called, err));
    ask_for_child(work->task);
    lt_ignore(lt_state_reap(state, NULL, err));
    LT_TRY(lt_state_run_get(state, called.id, work->arena, &called, err));
    bool fire = work->step->task->wait_for_it == LT_CONF_YES;
    if (called.status == LT_RUN_LOST && !fire && work->task->looks++ < MOST_RESUMES) {
        LT_TRY(take_up(work, &called, err));
        called.status = LT_RUN_QUEUED;
    }
    if (*work->cancelled && !has_ended(&called))
        return stop_called(work, &called, err);
    lt_buf_clear(&work->output);
    lt_buf_printf(&work->output, "{\"run\":%lld,\"status\":\"%s\"}", (long long)called.id,
                  lt_run_status_name(called.status));
    if (fire)
        return LT_OK;
    if (has_ended(&called))
        return judge_call(&called, err);
    work->parks = true;
    work->wake_at_us = lt_now_us() + LOOK_AGAIN_US; /* in case its process dies */
    work->waiting = (lt_waiting){.kind = T("run"), .what = name, .run = called.id};
    return LT_OK;
}

/* ---- for_each ---- */

/* The items as JSON texts. */
static lt_status list_values(lt_work *work, lt_jinja_value list, lt_texts *out, lt_err *err)
{
    static const lt_jinja_json how = {0};
    if (list.type != LT_JINJA_LIST && list.type != LT_JINJA_TUPLE && list.type != LT_JINJA_SET)
        return lt_conf_fail(work->step->task->for_each.place, err, "'items' is a %s, not a list",
                            lt_jinja_type_name(list));
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        LT_AUTO(lt_buf) json = {.limit = LT_OUTPUT_MAX};
        LT_TRY(lt_jinja_to_json(lt_jinja_at(list, i), &how, &json, err));
        lt_push_in(work->arena, out, lt_arena_text(work->arena, lt_buf_text(&json)));
    }
    return LT_OK;
}

static lt_status list_rows(lt_work *work, lt_texts *out, lt_err *err)
{
    enum { MOST_ITEMS = 10000 };
    lt_session *session = NULL;
    lt_text sql;
    lt_table table;
    LT_TRY(lt_work_render(work, &work->step->task->for_each.query, &sql, err));
    LT_TRY(lt_work_session(work, &session, err));
    lt_work_log(work, "SQL:\n%.*s", LT_ARG(sql));
    LT_TRY(lt_query_table(session, sql, NULL, 0, MOST_ITEMS, NULL, work->arena, &table, err));
    for (size_t i = 0; i < table.row_count; i++) {
        LT_AUTO(lt_buf) json = {.limit = LT_OUTPUT_MAX};
        lt_json_writer writer = {.out = &json};
        lt_step_write_row(&table, i, &writer);
        LT_TRY(lt_buf_check(&json, "an item", err));
        lt_push_in(work->arena, out, lt_arena_text(work->arena, lt_buf_text(&json)));
    }
    return LT_OK;
}

static lt_status list_items(lt_work *work, lt_texts *out, lt_err *err)
{
    const lt_conf_for_each *each = &work->step->task->for_each;
    lt_jinja_value value;
    if (each->query.raw.ptr)
        return list_rows(work, out, err);
    if (each->items->kind == LT_YAML_SCALAR) {
        lt_conf_text items = lt_conf_text_of(each->place.file, each->items);
        LT_TRY(lt_work_value(work, &items, &value, err));
        return list_values(work, value, out, err);
    }
    lt_jinja_value list = lt_scope_value(&work->heap, each->items);
    return list_values(work, list, out, err);
}

static lt_text inner_id(lt_work *work, size_t item, lt_text name)
{
    return lt_text_of(lt_arena_format(&work->run->plan->arena, "%.*s[%zu].%.*s",
                                      LT_ARG(work->task->node->id), item, LT_ARG(name)));
}

static lt_text needs_in_item(lt_work *work, const lt_conf_task *task, size_t item)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_writer writer = {.out = &out};
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < task->after.len; i++)
        lt_json_string(&writer, inner_id(work, item, task->after.items[i].raw));
    lt_json_end(&writer);
    return lt_arena_text(&work->run->plan->arena, lt_buf_text(&out));
}

/* Called with the lock held: what is made lives as long as the plan. */
static lt_run_task make_inner(lt_work *work, const lt_conf_task *task, size_t item, lt_text json)
{
    lt_arena *arena = &work->run->plan->arena;
    lt_node *node = LT_NEW(arena, lt_node);
    lt_step *step = LT_NEW(arena, lt_step);
    *step = lt_plan_step_of(task);
    step->role = work->step->role;
    node->id = inner_id(work, item, task->name);
    node->kind = lt_text_of(lt_conf_task_kinds[task->kind]);
    node->name = lt_text_of(lt_arena_format(arena, "%.*s[%zu].%.*s", LT_ARG(work->task->node->name),
                                            item, LT_ARG(task->name)));
    node->path = work->task->node->path;
    lt_buf text = {0};
    lt_buf_printf(&text, "{\"index\":%zu,\"task\":\"%.*s\",\"item\":%.*s}", item,
                  LT_ARG(task->name), LT_ARG(json));
    lt_run_task made = {.node = node,
                        .step = step,
                        .parent = work->task,
                        .item = item,
                        .held = true,
                        .record = {.id = node->id,
                                   .kind = node->kind,
                                   .name = node->name,
                                   .rows_in = -1,
                                   .rows_out = -1,
                                   .parent = work->task->node->id,
                                   .needs_json = needs_in_item(work, task, item),
                                   .item_json = lt_arena_text(arena, lt_buf_text(&text))}};
    lt_buf_cleanup(&text);
    return made;
}

/* What the record of a resumed run knows of a task that was made. */
static void take_over(lt_run_task *task, const lt_task_records *before)
{
    for (size_t i = 0; before && i < before->len; i++) {
        const lt_task_record *then = &before->items[i];
        if (!lt_text_eq(then->id, task->record.id))
            continue;
        lt_run_task_resume(task, then);
        return;
    }
}

static const lt_conf_task *inner_named(const lt_conf_tasks *tasks, lt_text name, size_t *index)
{
    for (size_t i = 0; i < tasks->len; i++)
        if (lt_text_eq(tasks->items[i].name, name)) {
            *index = i;
            return &tasks->items[i];
        }
    return NULL;
}

static void link_item(lt_items *items, const lt_conf_tasks *tasks, size_t item)
{
    lt_run_task **first = &items->tasks[item * items->tasks_each];
    for (size_t i = 0; i < tasks->len; i++)
        for (size_t k = 0; k < tasks->items[i].after.len; k++) {
            size_t index;
            if (inner_named(tasks, tasks->items[i].after.items[k].raw, &index))
                lt_order_feed(first[index], first[i]);
        }
}

static void count_item_open(lt_items *items, size_t item)
{
    items->open[item] = 0;
    for (size_t i = 0; i < items->tasks_each; i++)
        items->open[item] += !lt_task_has_ended(items->tasks[item * items->tasks_each + i]);
}

/* Called with the lock held. */
static lt_status add_items(lt_work *work, const lt_texts *list, const lt_task_records *before,
                           lt_task_record *records, lt_err *err)
{
    const lt_conf_for_each *each = &work->step->task->for_each;
    lt_items *items = work->task->items;
    size_t made = 0;
    for (size_t i = 0; i < list->len; i++)
        for (size_t k = 0; k < each->tasks.len; k++) {
            lt_run_task task = make_inner(work, &each->tasks.items[k], i, list->items[i]);
            take_over(&task, before);
            lt_run_task *added = lt_order_add(work->run, &task);
            if (!added)
                return lt_fail(err, LT_TOO_BIG, "there are more than %d tasks of items in the run",
                               LT_MADE_TASKS);
            records[made] = added->record;
            items->tasks[made++] = added;
        }
    for (size_t i = 0; i < list->len; i++) {
        link_item(items, &each->tasks, i);
        count_item_open(items, i);
    }
    return LT_OK;
}

static void items_new(lt_work *work, size_t count)
{
    const lt_conf_for_each *each = &work->step->task->for_each;
    lt_items *items = lt_xcalloc(1, sizeof(*items));
    items->count = count;
    items->tasks_each = each->tasks.len;
    items->parallel = (size_t)each->parallel;
    items->open = lt_xcalloc(LT_MAX(count, (size_t)1), sizeof(*items->open));
    items->tasks = lt_xcalloc(LT_MAX(count * items->tasks_each, (size_t)1), sizeof(lt_run_task *));
    work->task->items = items;
}

/* All tasks of all items are recorded before the first begins: a resumed run has the same items, whatever the list is by then. */
static lt_status make_items(lt_work *work, const lt_texts *list, const lt_task_records *before,
                            lt_err *err)
{
    executor *run = work->run;
    size_t count = list->len * work->step->task->for_each.tasks.len;
    lt_task_record *records = lt_xcalloc(LT_MAX(count, (size_t)1), sizeof(*records));
    (void)pthread_mutex_lock(&run->lock);
    items_new(work, list->len);
    lt_status status = add_items(work, list, before, records, err);
    (void)pthread_mutex_unlock(&run->lock);
    if (status == LT_OK && before)
        status =
            lt_run_tasks_resume(run, work->task->node->id, work->task->items->tasks, count, err);
    else if (status == LT_OK)
        status = lt_state_tasks_add(run->workspace->state, run->record->id, records, count, err);
    lt_free(records);
    return status;
}

/* The items of a run that is resumed, from its record; none: they were not made yet. */
static lt_status items_before(lt_work *work, const lt_task_records *before, lt_texts *out,
                              lt_err *err)
{
    for (size_t i = 0; i < before->len; i++) {
        const lt_task_record *task = &before->items[i];
        lt_json *root = NULL;
        LT_AUTO(lt_buf) text = {0};
        lt_json_writer writer = {.out = &text};
        if (!lt_text_eq(task->parent, work->task->node->id))
            continue;
        LT_TRY(lt_json_read(task->item_json, "item", NULL, work->arena, &root, err));
        if (lt_json_i64_or(root, "index", -1) != (int64_t)out->len || !lt_json_find(root, "item"))
            continue; /* another task of the same item */
        lt_json_tree(&writer, lt_json_find(root, "item"));
        lt_push_in(work->arena, out, lt_arena_text(work->arena, lt_buf_text(&text)));
    }
    return LT_OK;
}

static lt_status begin_items(lt_work *work, lt_err *err)
{
    executor *run = work->run;
    lt_task_records before = {0};
    lt_texts list = {0};
    bool resumed = work->task->record.attempts > 1;
    if (resumed) {
        (void)pthread_mutex_lock(&run->lock); /* its arena is the plan's */
        lt_status status =
            lt_state_tasks(run->workspace->state, run->record->id, &run->plan->arena, &before, err);
        (void)pthread_mutex_unlock(&run->lock);
        LT_TRY(status);
        LT_TRY(items_before(work, &before, &list, err));
    }
    if (list.len)
        return make_items(work, &list, &before, err);
    LT_TRY(list_items(work, &list, err));
    return make_items(work, &list, NULL, err);
}

static size_t count_failed_items(const lt_items *items, const lt_run_task **first)
{
    size_t failed = 0;
    for (size_t i = 0; i < items->count; i++) {
        bool bad = false;
        for (size_t k = 0; k < items->tasks_each; k++) {
            const lt_run_task *task = items->tasks[i * items->tasks_each + k];
            bad = bad || !lt_task_is_good(task->record.status);
            if (!lt_task_is_good(task->record.status) && !*first)
                *first = task;
        }
        failed += bad;
    }
    return failed;
}

static lt_status end_items(lt_work *work, lt_err *err)
{
    const lt_run_task *first = NULL;
    const lt_items *items = work->task->items;
    (void)pthread_mutex_lock(&work->run->lock);
    size_t failed = count_failed_items(items, &first);
    lt_buf_printf(&work->output, "{\"count\":%zu,\"succeeded\":%zu,\"failed\":%zu}", items->count,
                  items->count - failed, failed);
    lt_status status = LT_OK;
    if (failed && first)
        status = lt_fail(err, LT_FAILED, "%zu of %zu items failed; the first: %.*s: %.*s", failed,
                         items->count, LT_ARG(first->record.name), LT_ARG(first->record.message));
    (void)pthread_mutex_unlock(&work->run->lock);
    return status;
}

lt_status lt_step_each(lt_work *work, lt_err *err)
{
    if (!work->task->items)
        LT_TRY(begin_items(work, err));
    const lt_items *items = work->task->items;
    assert(items); /* made above, or by an earlier look */
    (void)pthread_mutex_lock(&work->run->lock);
    size_t ended = items->ended, count = items->count;
    (void)pthread_mutex_unlock(&work->run->lock);
    if (ended == count)
        return end_items(work, err);
    work->parks = true;
    work->waiting = (lt_waiting){
        .kind = T("items"),
        .detail = lt_text_of(lt_arena_format(work->arena, "%zu of %zu have ended", ended, count))};
    return LT_OK;
}

/* ---- choose ---- */

lt_status lt_step_choose(lt_work *work, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    size_t taken = SIZE_MAX;
    for (size_t i = 0; i < task->choose.len && taken == SIZE_MAX; i++) {
        const lt_conf_text *condition = &task->choose.items[i].condition;
        lt_jinja_value value = lt_jinja_bool(true);
        if (condition->raw.ptr)
            LT_TRY(lt_work_value(work, condition, &value, err));
        lt_work_log(work, "branch %zu: %.*s is %s", i,
                    LT_ARG(condition->raw.ptr ? condition->raw : T("otherwise")),
                    lt_jinja_truth(value) ? "true" : "false");
        if (lt_jinja_truth(value))
            taken = i;
    }
    lt_buf_printf(&work->output, "{\"branch\":%lld}", taken == SIZE_MAX ? -1LL : (long long)taken);
    return LT_OK;
}
