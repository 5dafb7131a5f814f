/* A run from its record to its end. */
#include "run/run.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/inner.h"
#include "run/prune.h"
#include "run/tree.h"
#include "source/load.h"
#include "source/source.h"

#include <stdio.h>

/* ---- what the run is ---- */

static lt_status find_pipeline(const lt_workspace *workspace, lt_text name,
                               const lt_conf_pipeline **out, lt_err *err)
{
    *out = NULL;
    if (!name.len)
        return LT_OK;
    *out = lt_project_pipeline(workspace->project, name);
    if (*out)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "there is no pipeline '%.*s'", LT_ARG(name)));
    LT_AUTO(lt_buf) names = {.limit = 400};
    for (size_t i = 0; i < workspace->project->pipelines.len; i++)
        lt_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      LT_ARG(workspace->project->pipelines.items[i].name));
    return names.len ? lt_hint(err, "pipelines are %s", lt_buf_chars(&names))
                     : lt_hint(err, "pipelines are the .yml files below pipelines/");
}

static lt_status describe(lt_workspace *workspace, const lt_run_request *request,
                          const lt_target *target, lt_run_record *record, lt_err *err)
{
    *record = (lt_run_record){.command = request->command,
                              .pipeline = request->pipeline,
                              .selection = request->select,
                              .exclusion = request->exclude,
                              .target = lt_text_of(target->name),
                              .vars_json = workspace->vars_text,
                              .clock_us = lt_now_us(),
                              .full_refresh = request->full_refresh,
                              .retry_of = request->retry_of,
                              .engine = lt_text_of(target->kind)};
    const lt_conf_target *conf = lt_project_target(workspace->project, record->target);
    record->threads = request->threads ? request->threads : conf->threads;
    int64_t before_id = request->retry_of ? request->retry_of : request->reproduces;
    if (!before_id)
        return LT_OK;
    lt_run_record before;
    LT_TRY(lt_state_run_get(workspace->state, before_id, &workspace->arena, &before, err));
    record->clock_us =
        before.clock_us; /* the same "now": what was landed for that day stays together */
    record->full_refresh = before.full_refresh || request->reproduces;
    return LT_OK;
}

/* ---- the tasks ---- */

static void make_tasks(executor *run)
{
    const lt_plan *plan = run->plan;
    run->task_count = lt_node_set_size(&plan->selected);
    run->tasks = lt_xcalloc(run->task_count, sizeof(*run->tasks));
    run->missing = lt_xcalloc(run->task_count, sizeof(*run->missing));
    run->task_of_node = lt_xcalloc(plan->graph.nodes.len, sizeof(*run->task_of_node));
    size_t count = 0;
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[plan->order[i]];
        if (!lt_node_set_has(&plan->selected, node->index))
            continue;
        lt_run_task *task = &run->tasks[count++];
        task->node = node;
        task->progress.percent = -1;
        task->record = (lt_task_record){
            .id = node->id, .kind = node->kind, .name = node->name, .rows_in = -1, .rows_out = -1};
        run->task_of_node[node->index] = count;
    }
}

static lt_task_status status_before(const lt_task_records *before, lt_text id,
                                    const lt_task_record **record)
{
    for (size_t i = 0; i < before->len; i++) {
        if (!lt_text_eq(before->items[i].id, id))
            continue;
        *record = &before->items[i];
        return before->items[i].status;
    }
    return LT_TASK_PENDING;
}

/* Of the tasks that succeeded before, those that depend on nothing that is done again are not done again. */
static lt_status reuse_from(executor *run, int64_t run_id, lt_err *err)
{
    lt_task_records before = {0};
    size_t left = 0;
    LT_TRY(lt_state_tasks(run->workspace->state, run_id, &run->plan->arena, &before, err));
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = &run->tasks[i];
        const lt_task_record *then = NULL;
        lt_task_status status = status_before(&before, task->node->id, &then);
        bool again =
            status != LT_TASK_SUCCEEDED && status != LT_TASK_WARNED && status != LT_TASK_REUSED;
        for (size_t k = 0; k < task->node->needs.len; k++) {
            size_t needed = run->task_of_node[task->node->needs.items[k]];
            again = again || (needed && run->tasks[needed - 1].record.status == LT_TASK_PENDING);
        }
        left += again;
        if (again)
            continue;
        task->record = *then;
        task->record.status = LT_TASK_REUSED;
        task->progress.rows_in = then->rows_in; /* for the display */
        task->progress.rows_out = then->rows_out;
    }
    if (left)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "run %lld has nothing left to do: every task succeeded",
                      (long long)run_id));
    return lt_hint(err, "start a new one with 'leat run'");
}

static lt_status record_start(executor *run, lt_err *err)
{
    lt_task_record *records = lt_xcalloc(run->task_count, sizeof(*records));
    for (size_t i = 0; i < run->task_count; i++)
        records[i] = run->tasks[i].record;
    lt_status status =
        lt_state_run_start(run->workspace->state, run->record, records, run->task_count, err);
    lt_free(records);
    return status;
}

/* ---- the target ---- */

/* A statement of a process that was killed may still be at work on the server: end it before anything is written again. */
static lt_status end_lost_backends(executor *run, lt_session *session, lt_err *err)
{
    lt_backends lost = {0};
    LT_TRY(lt_state_lost_backends(run->workspace->state, run->record->target, &run->plan->arena,
                                  &lost, err));
    for (size_t i = 0; i < lost.len; i++) {
        LT_TRY(lt_write_end_backend(session, lost.items[i].pid, lost.items[i].started, err));
        LT_TRY(lt_state_backend_ended(run->workspace->state, lost.items[i].token, err));
    }
    return LT_OK;
}

/* What leat recorded of the tables in a scratch schema goes with it. */
static lt_status forget_records(lt_session *session, lt_text schema, lt_err *err)
{
    static const struct {
        lt_text table, column;
    } records[] = {{T("loads"), T("table_name")}, {T("writes"), T("relation")}};
    for (size_t i = 0; i < LT_COUNT(records); i++) {
        const lt_relation table = {.schema = T("leat"), .name = records[i].table};
        lt_relation_kind kind = LT_RELATION_NONE;
        LT_AUTO(lt_buf) sql = {0};
        LT_AUTO(lt_buf) start = {0};
        lt_quote_name(schema, &start);
        lt_buf_add_byte(&start, '.');
        lt_buf_printf(&sql, "delete from leat.%.*s where starts_with(%.*s, ",
                      LT_ARG(records[i].table), LT_ARG(records[i].column));
        lt_quote_literal(lt_buf_text(&start), &sql);
        lt_buf_add_byte(&sql, ')');
        LT_TRY(lt_relation_find(session, &table, &kind, err));
        if (kind == LT_RELATION_TABLE)
            LT_TRY(lt_exec(session, lt_buf_text(&sql), NULL, err));
    }
    return LT_OK;
}

/* The schemas of a reproduction: before, in case an earlier one was killed, and after. */
static lt_status drop_scratch(executor *run, lt_session *session, lt_err *err)
{
    lt_texts schemas = {0};
    lt_plan_schemas(run->plan, &schemas);
    for (size_t i = 0; i < schemas.len; i++) {
        LT_AUTO(lt_buf) sql = {0};
        lt_buf_add_str(&sql, "drop schema if exists ");
        lt_quote_name(schemas.items[i], &sql);
        lt_buf_add_str(&sql, " cascade");
        LT_TRY(lt_exec(session, lt_buf_text(&sql), NULL, err));
        LT_TRY(forget_records(session, schemas.items[i], err));
    }
    return LT_OK;
}

static lt_status clean_up(executor *run, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    if (!run->request->reproduces || run->request->keep_scratch)
        return LT_OK;
    LT_TRY(lt_session_open(run->engine, &session, err));
    return drop_scratch(run, session, err);
}

static bool needs_target(const executor *run)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (((const lt_step *)run->tasks[i].node->payload)->kind != LT_STEP_EXTRACT)
            return true;
    return false;
}

/* A load that is upstream but not part of the run: the run reads what the table holds now. */
static lt_status pin_one(executor *run, lt_session *session, const lt_step *step, lt_err *err)
{
    lt_loaded loaded;
    lt_workspace *workspace = run->workspace;
    LT_TRY(lt_load_find(session, &step->relation, &run->plan->arena, &loaded, err));
    if (!loaded.sequence)
        return LT_OK;
    lt_pin pin = {.bucket = loaded.bucket,
                  .prefix = loaded.prefix,
                  .commit_id = loaded.commit_id,
                  .sequence = loaded.sequence};
    LT_AUTO(lt_chars) owner = lt_format("run-%lld", (long long)run->record->id);
    LT_TRY(lt_store_keep(workspace->store, lt_text_of(owner), pin.bucket, pin.prefix, pin.sequence,
                         err));
    return lt_state_pin(workspace->state, run->record->id, &pin, err);
}

static lt_status pin_loaded(executor *run, lt_session *session, lt_err *err)
{
    const lt_plan *plan = run->plan;
    LT_AUTO(lt_node_set) upstream;
    lt_node_set_init(&upstream, plan->graph.nodes.len);
    for (size_t i = 0; i < plan->graph.nodes.len; i++)
        if (lt_node_set_has(&plan->selected, i))
            lt_node_set_add(&upstream, i);
    lt_graph_grow(&plan->graph, &upstream, true, SIZE_MAX);
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_step *step = plan->graph.nodes.items[i]->payload;
        if (step->kind == LT_STEP_LOAD && lt_node_set_has(&upstream, i) &&
            !lt_node_set_has(&plan->selected, i))
            LT_TRY(pin_one(run, session, step, err));
    }
    return LT_OK;
}

/* Before the tasks: two transactions that make the same schema would conflict. */
static lt_status make_schemas(executor *run, lt_session *session, lt_err *err)
{
    lt_texts schemas = {0};
    lt_plan_schemas(run->plan, &schemas);
    for (size_t i = 0; i < schemas.len; i++) {
        if (lt_schema_create(session, schemas.items[i], err) == LT_OK)
            continue;
        lt_wrap(err, "cannot make the schema '%.*s' in the target '%s'", LT_ARG(schemas.items[i]),
                run->plan->request.target.name);
        return lt_hint(
            err,
            "give the user of the target the right to make it, or let somebody make it for him");
    }
    return LT_OK;
}

static lt_status open_target(executor *run, lt_err *err)
{
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_engine_open(&run->plan->request.target, &run->engine, err));
    LT_TRY(lt_session_open(run->engine, &session, err));
    LT_TRY(end_lost_backends(run, session, err));
    LT_TRY(lt_write_prepare(session, err));
    if (run->request->reproduces)
        LT_TRY(drop_scratch(run, session, err));
    LT_TRY(make_schemas(run, session, err));
    return run->request->reproduces ? LT_OK : pin_loaded(run, session, err);
}

/* ---- the end ---- */

static void count_ends(const executor *run, lt_run_report *report)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_task_status status = run->tasks[i].record.status;
        report->failed += status == LT_TASK_FAILED;
        report->skipped += status == LT_TASK_SKIPPED || status == LT_TASK_CANCELLED;
        report->warned += status == LT_TASK_WARNED;
        report->succeeded +=
            status == LT_TASK_SUCCEEDED || status == LT_TASK_WARNED || status == LT_TASK_REUSED;
    }
}

/* The first that failed for the reason that counts most: bad data before a bad service. */
static const lt_run_task *first_failure(const executor *run)
{
    const lt_run_task *first = NULL;
    for (size_t i = 0; i < run->task_count; i++) {
        const lt_run_task *task = &run->tasks[i];
        if (task->record.status != LT_TASK_FAILED)
            continue;
        if (!first || (task->ended_with == LT_FAILED && first->ended_with != LT_FAILED))
            first = task;
    }
    return first;
}

static lt_status judge(const executor *run, const lt_run_report *report, lt_err *err)
{
    if (run->broken != LT_OK) {
        *err = run->broken_err;
        return lt_wrap(err, "the run cannot be recorded");
    }
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "run %lld was cancelled", (long long)run->record->id);
    const lt_run_task *first = first_failure(run);
    if (!first)
        return LT_OK;
    const lt_task_record *failure = &first->record;
    if (report->failed == 1)
        lt_ignore(lt_fail(err, first->ended_with, "%.*s", LT_ARG(failure->message)));
    else
        lt_ignore(lt_fail(err, first->ended_with, "%zu tasks failed; one of them: %.*s",
                          report->failed, LT_ARG(failure->message)));
    return lt_hint(err, "%.*s%s'leat retry %lld' goes on from here", LT_ARG(failure->hint),
                   failure->hint.len ? "; then " : "mend it, then ", (long long)run->record->id);
}

static lt_status record_end(executor *run, lt_status status, const lt_err *why, lt_err *err)
{
    lt_run_status end = status == LT_OK          ? LT_RUN_SUCCEEDED
                        : status == LT_CANCELLED ? LT_RUN_CANCELLED
                                                 : LT_RUN_FAILED;
    lt_text message = status == LT_OK ? T("") : lt_text_of(why->message);
    LT_TRY(lt_state_run_finish(run->workspace->state, run->record->id, end, message, err));
    run->record->status = end;
    return LT_OK;
}

/* The datasets of the extracts and loads of the run, a bounded number. */
static lt_status touched_datasets(const executor *run, lt_arena *arena, lt_prune_datasets *out,
                                  lt_err *err)
{
    enum { MOST = 200 };
    out->buckets = lt_alloc_array(arena, MOST, sizeof(lt_text));
    out->prefixes = lt_alloc_array(arena, MOST, sizeof(lt_text));
    for (size_t i = 0; i < run->task_count && out->count < MOST; i++) {
        const lt_step *step = run->tasks[i].node->payload;
        lt_landing_place place;
        if (!step->resource)
            continue;
        LT_TRY(lt_resource_place(step->resource, arena, &place, err));
        out->buckets[out->count] = place.bucket;
        out->prefixes[out->count++] = place.prefix;
    }
    return LT_OK;
}

static lt_status prune_a_little(const executor *run, lt_prune_report *report, lt_arena *arena,
                                lt_err *err)
{
    enum { RUNS_AT_ONCE = 20 };
    lt_prune_request request = lt_prune_settings(run->workspace);
    lt_prune_datasets datasets = {0};
    request.limit = RUNS_AT_ONCE;
    if (request.runs_older_us < 0 && request.commits_older_us < 0)
        return LT_OK;
    LT_TRY(touched_datasets(run, arena, &datasets, err));
    return lt_prune_some(run->workspace, &request, &datasets, arena, report, err);
}

/* As `retention:` says. The run itself is over, and well or not: this only warns. */
static void tidy_up(const executor *run)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_prune_report report = {0};
    lt_err err;
    if (prune_a_little(run, &report, &arena, &err) != LT_OK)
        lt_log(LT_LOG_WARNING, "cannot remove old runs and commits: %s", err.message);
    if (report.runs.len)
        lt_log(
            LT_LOG_INFO,
            "removed the records of %zu old run%s (%lld to %lld), which cannot be reproduced any "
            "more",
            report.runs.len, report.runs.len == 1 ? "" : "s", (long long)report.runs.items[0].id,
            (long long)report.runs.items[report.runs.len - 1].id);
    if (report.commits)
        lt_log(LT_LOG_INFO, "forgot %lld old commit%s of datasets", (long long)report.commits,
               report.commits == 1 ? "" : "s");
}

static lt_status execute(executor *run, lt_err *err)
{
    LT_TRY(record_start(run, err));
    lt_fd_close(run->tree_lock);
    run->tree_lock = -1;
    run->plan->request.scope.run_id =
        lt_text_of(lt_arena_format(&run->plan->arena, "%lld", (long long)run->record->id));
    if (run->request->watch) {
        lt_run_view view = {
            .record = run->record, .tasks = run->tasks, .task_count = run->task_count};
        run->request->watch->opened(run->request->watch->context, &view);
    }
    lt_status status = needs_target(run) ? open_target(run, err) : LT_OK;
    if (status == LT_OK) {
        lt_pool_run(run, (size_t)LT_MAX(run->record->threads, (int64_t)1));
        status = clean_up(run, err);
    }
    if (status != LT_OK)
        lt_ignore(lt_state_run_finish(run->workspace->state, run->record->id, LT_RUN_FAILED,
                                      lt_text_of(err->message), &(lt_err){0}));
    return status;
}

/* What the pipeline's file says stands behind what was asked for, and before the target's and the project's settings. */
static void take_defaults(executor *run, lt_plan_request *plan)
{
    const lt_conf_defaults *defaults = &plan->pipeline->defaults;
    lt_workspace *workspace = run->workspace;
    if (!run->request->threads && defaults->threads)
        run->record->threads = defaults->threads;
    if (defaults->memory_bytes)
        plan->target.memory_bytes = (size_t)defaults->memory_bytes;
    lt_scope_set(&plan->scope, &plan->pipeline->params, workspace->vars, &workspace->heap);
}

static lt_status plan_run(executor *run, const lt_target *target, lt_err *err)
{
    lt_run_record *record = run->record;
    lt_plan_request plan = {.target = *target,
                            .select = record->selection,
                            .exclude = record->exclusion,
                            .only_kind = run->request->only_kind,
                            .full_refresh = record->full_refresh,
                            .whole_upstream = run->request->reproduces != 0,
                            .take_over = run->request->take_over,
                            .scope = lt_workspace_scope(run->workspace, record->clock_us, T(""))};
    if (run->request->reproduces)
        plan.schema_prefix = lt_text_of(lt_arena_format(
            &run->workspace->arena, "leat_reproduce_%lld_", (long long)run->request->reproduces));
    LT_TRY(find_pipeline(run->workspace, record->pipeline, &plan.pipeline, err));
    if (plan.pipeline)
        take_defaults(run, &plan);
    LT_TRY(lt_plan_make(run->workspace, &plan, &run->plan, err));
    LT_TRY(lt_plan_check_take_over(run->plan, err));
    make_tasks(run);
    if (run->request->reproduces)
        LT_TRY(lt_state_pins(run->workspace->state, run->request->reproduces, &run->plan->arena,
                             &run->pins, err));
    return run->request->retry_of ? reuse_from(run, run->request->retry_of, err) : LT_OK;
}

static void open_rates(executor *run)
{
    const lt_project *project = run->workspace->project;
    run->rates = lt_xcalloc(project->sources.len, sizeof(*run->rates));
    for (size_t i = 0; i < project->sources.len; i++) {
        unsigned per_minute = (unsigned)project->sources.items[i].requests_per_minute;
        lt_rate_init(&run->rates[i], per_minute, per_minute / 60);
    }
}

static void close_rates(executor *run)
{
    for (size_t i = 0; i < run->workspace->project->sources.len; i++)
        lt_rate_cleanup(&run->rates[i]);
    lt_free(run->rates);
}

static void executor_init(executor *run)
{
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&run->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&run->lock, NULL);
    run->lease = run->tree_lock = -1;
    open_rates(run);
}

/* Not the tasks and the plan: they are the report's. */
static void executor_cleanup(executor *run)
{
    lt_engine_close(run->engine);
    lt_fd_close(run->tree_lock);
    lt_fd_close(run->lease); /* whoever waits for the target opens it at once */
    lt_free(run->missing);
    lt_free(run->task_of_node);
    close_rates(run);
    (void)pthread_mutex_destroy(&run->lock);
    (void)pthread_cond_destroy(&run->changed);
}

static lt_status run_with_lease(executor *run, const lt_target *target, lt_run_report *report,
                                lt_err *err)
{
    lt_err why = {0};
    LT_TRY(plan_run(run, target, err));
    LT_AUTO(lt_chars) what = lt_format("'leat %.*s'", LT_ARG(run->record->command));
    LT_TRY(lt_workspace_lease(run->workspace, target, what, &run->lease, err));
    if (!run->request->reproduces)
        LT_TRY(lt_prune_lock(run->workspace, &run->tree_lock, err));
    if (!run->request->reproduces)
        LT_TRY(lt_tree_record(run->workspace, run->record, err));
    LT_TRY(execute(run, err));
    count_ends(run, report);
    report->ended = true;
    lt_status status = judge(run, report, &why);
    LT_TRY(record_end(run, status, &why, err));
    tidy_up(run);
    *err = why;
    return status;
}

lt_status lt_run(lt_workspace *workspace, const lt_run_request *request, lt_run_report *report,
                 lt_err *err)
{
    lt_target target;
    *report = (lt_run_report){0};
    executor run = {.workspace = workspace, .request = request, .record = &report->record};
    LT_TRY(lt_workspace_target(workspace, request->target, &target, err));
    LT_TRY(describe(workspace, request, &target, &report->record, err));
    executor_init(&run);
    lt_status status = run_with_lease(&run, &target, report, err);
    report->plan = run.plan;
    report->tasks = run.tasks;
    report->task_count = run.task_count;
    executor_cleanup(&run);
    return status;
}

lt_status lt_run_plan(lt_workspace *workspace, const lt_run_request *request, lt_plan **out,
                      lt_err *err)
{
    lt_target target;
    lt_run_record record;
    executor run = {.workspace = workspace, .request = request, .record = &record};
    LT_TRY(lt_workspace_target(workspace, request->target, &target, err));
    LT_TRY(describe(workspace, request, &target, &record, err));
    executor_init(&run);
    lt_status status = plan_run(&run, &target, err);
    lt_free(run.tasks);
    executor_cleanup(&run);
    if (status == LT_OK)
        *out = run.plan;
    else
        lt_plan_free(run.plan);
    return status;
}

void lt_run_report_cleanup(lt_run_report *report)
{
    lt_free(report->tasks);
    lt_plan_free(report->plan);
    *report = (lt_run_report){0};
}
