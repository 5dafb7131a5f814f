/* A run from its record to its end. */
#include "run/run.h"

#include "state/schedule.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "run/ask.h"
#include "run/inner.h"
#include "run/prune.h"
#include "run/tree.h"
#include "source/load.h"
#include "source/source.h"

#include <stdio.h>
#include <sys/statvfs.h>

/* ---- what the run is ---- */

static lt_text pipeline_name_at(const void *context, size_t i)
{
    return ((const lt_project *)context)->pipelines.items[i].name;
}

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
    lt_text nearest;
    if (lt_text_nearest(name, workspace->project->pipelines.len, pipeline_name_at,
                        workspace->project, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    for (size_t i = 0; i < workspace->project->pipelines.len; i++)
        lt_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      LT_ARG(workspace->project->pipelines.items[i].name));
    return names.len ? lt_hint(err, "pipelines are %s", lt_buf_chars(&names))
                     : lt_hint(err, "pipelines are the .yml files below pipelines/");
}

/* A run that was asked for before: its record says what it is. */
static lt_status claim(lt_workspace *workspace, const lt_run_request *request,
                       lt_run_record *record, lt_err *err)
{
    return lt_state_run_claim(workspace->state, request->run_id, &workspace->arena, record, err);
}

/* A retry that somebody has asked the server for, and that has not begun. */
static bool is_queued_retry(const lt_run_request *request, const lt_run_record *record)
{
    return request->run_id && record->retry_of && record->status == LT_RUN_QUEUED;
}

static lt_status take_retry(lt_workspace *workspace, const lt_run_request *request,
                            const lt_run_record *record, lt_run_request *out, lt_err *err)
{
    lt_run_retry retry;
    LT_TRY(lt_run_retry_of(record, &workspace->arena, &retry, err));
    *out = *request;
    out->retry_of = record->retry_of;
    out->again_from = retry.from;
    out->again_all = retry.all;
    return LT_OK;
}

/* One that the server has queued may not say where and with how many threads: as the files say now. */
static void describe_queued(const lt_workspace *workspace, const lt_run_request *request,
                            const lt_target *target, lt_run_record *record)
{
    const lt_conf_pipeline *pipeline = lt_project_pipeline(workspace->project, record->pipeline);
    const lt_conf_target *conf = lt_project_target(workspace->project, lt_text_of(target->name));
    if (record->engine.len)
        return;
    record->target = lt_text_of(target->name);
    record->engine = lt_text_of(target->kind);
    record->threads = request->threads                         ? request->threads
                      : record->threads                        ? record->threads
                      : pipeline && pipeline->defaults.threads ? pipeline->defaults.threads
                                                               : conf->threads;
}

static lt_status describe(lt_workspace *workspace, const lt_run_request *request,
                          const lt_target *target, lt_run_record *record, lt_err *err)
{
    *record =
        (lt_run_record){.command = request->command,
                        .pipeline = request->pipeline,
                        .selection = request->select,
                        .exclusion = request->exclude,
                        .target = lt_text_of(target->name),
                        .vars_json = workspace->vars_text,
                        .clock_us = lt_now_us(),
                        .full_refresh = request->full_refresh,
                        .retry_of = request->retry_of,
                        .engine = lt_text_of(target->kind),
                        .run_key = request->run_key,
                        .parent_run = request->parent_run,
                        .parent_task = request->parent_task,
                        .trigger_json = request->trigger_json.len ? request->trigger_json
                                                                  : T("{\"kind\": \"manual\"}")};
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

static lt_text needs_of(executor *run, const lt_node *node)
{
    LT_AUTO(lt_buf) out = {0};
    lt_json_writer writer = {.out = &out};
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < node->needs.len; i++)
        if (lt_node_set_has(&run->plan->selected, node->needs.items[i]))
            lt_json_string(&writer, run->plan->graph.nodes.items[node->needs.items[i]]->id);
    lt_json_end(&writer);
    return lt_arena_text(&run->plan->arena, lt_buf_text(&out));
}

static void make_tasks(executor *run)
{
    const lt_plan *plan = run->plan;
    size_t count = lt_node_set_size(&plan->selected);
    run->tasks = lt_xcalloc(count + LT_MADE_TASKS, sizeof(*run->tasks));
    run->task_of_node = lt_xcalloc(plan->graph.nodes.len, sizeof(lt_run_task *));
    for (size_t i = 0; i < plan->graph.nodes.len; i++) {
        const lt_node *node = plan->graph.nodes.items[plan->order[i]];
        if (!lt_node_set_has(&plan->selected, node->index))
            continue;
        lt_run_task *task = lt_xcalloc(1, sizeof(*task));
        run->tasks[run->task_count++] = task;
        task->node = node;
        task->step = node->payload;
        task->progress.percent = -1;
        task->record = (lt_task_record){.id = node->id,
                                        .kind = node->kind,
                                        .name = node->name,
                                        .rows_in = -1,
                                        .rows_out = -1,
                                        .needs_json = needs_of(run, node)};
        run->task_of_node[node->index] = task;
        (void)lt_map_put(&run->by_id, node->id, task);
    }
}

/* As it is recorded at first: why a handler has not begun is in its role. */
static lt_task_record first_record(const lt_run_task *task)
{
    static const char *const causes[] = {[LT_ROLE_ON_SUCCESS] = "on_success",
                                         [LT_ROLE_ON_FAILURE] = "on_failure",
                                         [LT_ROLE_ON_LATE] = "on_late"};
    lt_task_record made = task->record;
    if (made.status == LT_TASK_PENDING && task->step->role != LT_ROLE_MAIN)
        made.cause = lt_text_of(causes[task->step->role]);
    return made;
}

static const lt_task_record *record_before(const lt_task_records *before, lt_text id)
{
    for (size_t i = 0; i < before->len; i++)
        if (lt_text_eq(before->items[i].id, id))
            return &before->items[i];
    return NULL;
}

/* What is asked for again, whatever it came to: a task by its name or id. */
static lt_status find_again(const executor *run, lt_text name, const lt_run_task **out, lt_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < run->task_count && name.len; i++)
        if (lt_text_eq(run->tasks[i]->node->name, name) ||
            lt_text_eq(run->tasks[i]->node->id, name))
            *out = run->tasks[i];
    if (*out || !name.len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_NOT_FOUND, "the run has no task '%.*s'", LT_ARG(name)));
    return lt_hint(err, "'leat runs %lld' lists its tasks", (long long)run->request->retry_of);
}

static bool is_to_do(const executor *run, const lt_run_task *task, const lt_task_record *then,
                     const lt_run_task *from)
{
    bool again = run->request->again_all || task == from || !then || !lt_task_is_good(then->status);
    for (size_t k = 0; k < task->node->needs.len; k++) {
        const lt_run_task *needed = run->task_of_node[task->node->needs.items[k]];
        again = again || (needed && needed->record.status == LT_TASK_PENDING);
    }
    return again;
}

static bool ended_badly(const lt_task_record *then)
{
    return !then || then->status == LT_TASK_FAILED || then->status == LT_TASK_CANCELLED ||
           then->status == LT_TASK_PENDING ||
           (then->status == LT_TASK_SKIPPED && lt_text_eq(then->cause, T("upstream")));
}

/* Of the tasks that succeeded before, those that depend on nothing that is done again are not done again. */
static lt_status reuse_from(executor *run, int64_t run_id, lt_err *err)
{
    lt_task_records before = {0};
    const lt_run_task *from = NULL;
    size_t left = 0;
    LT_TRY(lt_state_tasks(run->workspace->state, run_id, &run->plan->arena, &before, err));
    LT_TRY(find_again(run, run->request->again_from, &from, err));
    for (size_t i = 0; i < run->task_count; i++) {
        lt_run_task *task = run->tasks[i];
        const lt_task_record *then = record_before(&before, task->node->id);
        bool again = is_to_do(run, task, then, from);
        left += again && (run->request->again_all || from || ended_badly(then));
        if (again)
            continue;
        lt_text needs = task->record.needs_json;
        task->record = *then;
        task->record.status = LT_TASK_REUSED;
        task->record.needs_json = needs;
        task->progress.rows_in = then->rows_in; /* for the display */
        task->progress.rows_out = then->rows_out;
    }
    if (left)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "run %lld has nothing left to do: every task succeeded",
                      (long long)run_id));
    return lt_hint(err, "start a new one with 'leat run', or do it all again with --all");
}

/* ---- going on with a run whose process has died ---- */

void lt_run_task_resume(lt_run_task *task, const lt_task_record *then)
{
    bool lost = lt_text_eq(then->cause, T("lost"));
    lt_text needs = task->record.needs_json;
    task->record = *then;
    task->record.id = task->node->id;
    task->record.needs_json = needs;
    task->progress.rows_in = then->rows_in;
    task->progress.rows_out = then->rows_out;
    task->ended_with = then->status == LT_TASK_FAILED ? LT_FAILED : LT_OK;
    task->tries = then->failures;
    if (!lost && lt_task_has_ended(task))
        return;
    /* A command may have gone on without its run; everything else begins anew. */
    task->has_lost = lost && then->status == LT_TASK_FAILED && then->token &&
                     task->step->kind == LT_STEP_COMMAND;
    task->record.status = LT_TASK_PENDING;
    task->record.cause = task->record.message = task->record.hint = (lt_text){0};
}

lt_status lt_run_tasks_resume(executor *run, lt_text parent, lt_run_task *const *tasks,
                              size_t count, lt_err *err)
{
    lt_text *alive = lt_xcalloc(count + 1, sizeof(*alive));
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (tasks[i]->has_lost)
            alive[found++] = tasks[i]->node->id;
    lt_status status =
        lt_state_tasks_resume(run->workspace->state, run->record->id, parent, alive, found, err);
    lt_free(alive);
    return status;
}

/* Tasks as they were recorded; what the files have got since then is added. */
static lt_status resume_tasks(executor *run, lt_err *err)
{
    lt_task_records before = {0};
    LT_VEC(lt_task_record) added = {0};
    LT_TRY(lt_state_tasks(run->workspace->state, run->record->id, &run->plan->arena, &before, err));
    for (size_t i = 0; i < run->task_count; i++) {
        const lt_task_record *then = record_before(&before, run->tasks[i]->node->id);
        if (then)
            lt_run_task_resume(run->tasks[i], then);
        else
            lt_push(&added, first_record(run->tasks[i]));
    }
    lt_status status = lt_run_tasks_resume(run, T(""), run->tasks, run->task_count, err);
    if (status == LT_OK && added.len)
        status =
            lt_state_tasks_add(run->workspace->state, run->record->id, added.items, added.len, err);
    lt_vec_free(&added);
    return status;
}

/* ---- the beginning ---- */

static lt_admission admission_of(const executor *run)
{
    const lt_conf_pipeline *pipeline = run->plan->request.pipeline;
    if (!pipeline || pipeline->overlap == LT_CONF_OVERLAP_ALLOW)
        return (lt_admission){.overlap = LT_OVERLAP_ALLOW};
    return (lt_admission){.overlap = (lt_overlap)pipeline->overlap, .most = pipeline->max_active};
}

/* One that is queued may have nobody to begin it. */
static void tell_turn(const executor *run)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_run_record other = {0};
    lt_err err;
    long long mine = (long long)run->record->id, its = (long long)run->record->waiting.run;
    bool queued = lt_state_run_get(run->workspace->state, run->record->waiting.run, &arena, &other,
                                   &err) == LT_OK &&
                  other.status == LT_RUN_QUEUED;
    if (queued)
        lt_log(
            LT_LOG_INFO,
            "run %lld waits for its turn: run %lld of the pipeline was asked for before it; 'leat "
            "up' begins that one, 'leat cancel %lld' takes it away",
            mine, its, its);
    else
        lt_log(LT_LOG_INFO, "run %lld waits for its turn: run %lld of the pipeline is under way",
               mine, its);
}

/* A run that the server or --resume began stays as it is: it is taken up again. */
static lt_status stop_waiting(const executor *run, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_CANCELLED, "stopped while run %lld waited for its turn",
                      (long long)run->record->id));
    if (!run->request->run_id)
        lt_ignore(lt_state_run_finish(run->workspace->state, run->record->id, LT_RUN_CANCELLED,
                                      lt_text_of(err->message), T(""), &(lt_err){0}));
    return LT_CANCELLED;
}

static lt_status wait_for_turn(executor *run, const lt_admission *rule, lt_err *err)
{
    static const int64_t LOOK_US = 50000;
    bool told = false;
    lt_state_stamp stamp = {0};
    while (run->record->status == LT_RUN_QUEUED) {
        if (lt_stop_asked())
            return stop_waiting(run, err);
        if (told)
            lt_sleep_us(LOOK_US);
        if (told && !lt_state_changed(run->workspace->state, &stamp))
            continue;
        lt_ignore(lt_state_reap(run->workspace->state, NULL, err)); /* the dead hold nobody up */
        LT_TRY(
            lt_state_run_admit(run->workspace->state, run->record, rule, &run->plan->arena, err));
        if (!told && run->record->status == LT_RUN_QUEUED)
            tell_turn(run);
        told = true;
    }
    return LT_OK;
}

static lt_status begin_new(executor *run, const lt_admission *rule, lt_err *err)
{
    lt_task_record *records = lt_xcalloc(run->task_count + 1, sizeof(*records));
    for (size_t i = 0; i < run->task_count; i++)
        records[i] = first_record(run->tasks[i]);
    lt_status status =
        lt_state_run_ask(run->workspace->state, run->record, rule, records, run->task_count, err);
    lt_free(records);
    return status;
}

static lt_status record_start(executor *run, lt_err *err)
{
    lt_admission rule = admission_of(run);
    if (!run->request->run_id)
        LT_TRY(begin_new(run, &rule, err));
    else
        LT_TRY(resume_tasks(run, err));
    lt_fd_close(run->tree_lock);
    run->tree_lock = -1;
    if (run->record->status == LT_RUN_SKIPPED)
        return LT_OK;
    return wait_for_turn(run, &rule, err);
}

/* ---- the end ---- */

static void count_ends(const executor *run, lt_run_report *report)
{
    for (size_t i = 0; i < run->task_count; i++) {
        lt_task_status status = run->tasks[i]->record.status;
        report->failed += status == LT_TASK_FAILED;
        report->skipped += status == LT_TASK_SKIPPED || status == LT_TASK_CANCELLED;
        report->warned += status == LT_TASK_WARNED;
        report->succeeded +=
            status == LT_TASK_SUCCEEDED || status == LT_TASK_WARNED || status == LT_TASK_REUSED;
    }
}

/* The first that failed for the reason that counts most: bad data before a bad service. Of the tasks themselves, or of those that
 * tell of them (on_failure and the like). */
static const lt_run_task *first_failure(const executor *run, bool main)
{
    const lt_run_task *first = NULL;
    for (size_t i = 0; i < run->task_count; i++) {
        const lt_run_task *task = run->tasks[i];
        if (task->record.status != LT_TASK_FAILED || (task->step->role == LT_ROLE_MAIN) != main)
            continue;
        if (!first || (task->ended_with == LT_FAILED && first->ended_with != LT_FAILED))
            first = task;
    }
    return first;
}

/* Somebody has cancelled tasks of it, which is no failure, and no success either. */
static const lt_run_task *first_cancelled(const executor *run)
{
    for (size_t i = 0; i < run->task_count; i++)
        if (run->tasks[i]->record.status == LT_TASK_CANCELLED)
            return run->tasks[i];
    return NULL;
}

static size_t count_failed_tellers(const executor *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->task_count; i++)
        count += run->tasks[i]->record.status == LT_TASK_FAILED &&
                 run->tasks[i]->step->role != LT_ROLE_MAIN;
    return count;
}

/* Who relies on an alert must hear that there was none. */
static void add_teller(const lt_run_task *teller, lt_err *err)
{
    const lt_err before = *err;
    bool alert = teller->step->task && teller->step->task->kind == LT_DO_NOTIFY;
    lt_ignore(lt_fail(err, before.status, "%.500s; and %s '%.*s' %s: %.*s", before.message,
                      alert ? "the alert" : "the task", LT_ARG(teller->record.name),
                      alert ? "was not sent" : "failed", LT_ARG(teller->record.message)));
}

static lt_status judge(const executor *run, const lt_run_report *report, lt_err *err)
{
    if (run->broken != LT_OK) {
        *err = run->broken_err;
        return lt_wrap(err, "the run cannot be recorded");
    }
    if (lt_stop_asked() && run->cancelled_by.len)
        return lt_fail(err, LT_CANCELLED, "run %lld was cancelled by %.*s",
                       (long long)run->record->id, LT_ARG(run->cancelled_by));
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "run %lld was cancelled", (long long)run->record->id);
    const lt_run_task *teller = first_failure(run, false), *first = first_failure(run, true);
    bool both = first && teller;
    first = first ? first : teller;
    const lt_run_task *cancelled = first_cancelled(run);
    if (!first && cancelled)
        return lt_fail(err, LT_FAILED, "%.*s was cancelled%s%.*s", LT_ARG(cancelled->record.name),
                       cancelled->asked_by.len ? " by " : "", LT_ARG(cancelled->asked_by));
    if (!first)
        return LT_OK;
    const lt_task_record *failure = &first->record;
    lt_ignore(lt_fail(err, first->ended_with, "%.*s", LT_ARG(failure->message)));
    if (first->step->task) /* a model's message names its file, a command's nothing */
        (void)lt_wrap(err, "the task '%.*s' failed", LT_ARG(failure->name));
    if (report->failed - count_failed_tellers(run) > 1)
        (void)lt_wrap(err, "%zu tasks failed; one of them",
                      report->failed - count_failed_tellers(run));
    if (both)
        add_teller(teller, err);
    if (lt_text_eq(failure->kind, T("test")))
        return lt_hint(err,
                       "%.*s%smend the data, its model or the test, and say 'leat run' ('leat "
                       "retry %lld' only tests again)",
                       LT_ARG(failure->hint), failure->hint.len ? "; then " : "",
                       (long long)run->record->id);
    return lt_hint(err, "%.*s%s'leat retry %lld' goes on from here", LT_ARG(failure->hint),
                   failure->hint.len ? "; then " : "mend it, then ", (long long)run->record->id);
}

static lt_status record_end(executor *run, lt_status status, const lt_err *why, lt_err *err)
{
    lt_run_status end = status == LT_OK          ? LT_RUN_SUCCEEDED
                        : status == LT_CANCELLED ? LT_RUN_CANCELLED
                                                 : LT_RUN_FAILED;
    lt_text message = status == LT_OK ? T("") : lt_text_of(why->message);
    LT_AUTO(lt_chars)
    answer =
        run->processes_ended
            ? lt_format("stopped; %zu processes had been left behind and were ended%s",
                        run->processes_ended, run->processes_stuck ? ", not all of them went" : "")
            : lt_format("stopped; nothing was left behind");
    LT_TRY(lt_state_run_finish(run->workspace->state, run->record->id, end, message,
                               lt_text_of(answer), err));
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
        const lt_step *step = run->tasks[i]->node->payload;
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
    if (run->request->reproduces)
        return; /* with the files of then: what they say of retention does not count any more */
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

static void tell_opened(executor *run)
{
    lt_run_view view = {.record = run->record, .tasks = run->tasks, .task_count = &run->task_count};
    if (run->request->watch)
        run->request->watch->opened(run->request->watch->context, &view);
}

static void set_lateness(executor *run)
{
    const lt_conf_pipeline *pipeline = run->plan->request.pipeline;
    if (!pipeline || !pipeline->late_after_us)
        return;
    int64_t late_at_us = run->record->started_at_us + pipeline->late_after_us;
    run->late_mono_us = LT_MAX(lt_mono_us() + late_at_us - lt_now_us(), (int64_t)1);
}

static bool has_room(const char *home)
{
    enum { LEAST = 64 * 1024 };
    struct statvfs disk;
    return statvfs(home, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= LEAST;
}

/* A run of the server that found no room has not failed: it is taken up again, and then waits for room. */
static bool waits_for_room(const executor *run, lt_status status)
{
    return status == LT_IO && run->request->run_id && !has_room(run->workspace->home);
}

static bool must_tell(const executor *run, lt_status status)
{
    return status != LT_CANCELLED && !lt_stop_asked() && !waits_for_room(run, status) &&
           lt_begin_can_tell(run);
}

/* What cannot be prepared fails the run, as a task would: then there is somebody to tell. */
static lt_status prepare(executor *run, lt_err *err)
{
    if (run->cannot_begin.status != LT_OK)
        return lt_begin_fail(run, &run->cannot_begin, err);
    lt_status status = lt_telemetry_open(run, err);
    if (status == LT_OK)
        status = lt_target_prepare(run, err);
    if (status == LT_OK || !must_tell(run, status))
        return status;
    run->cannot_begin = *err;
    return lt_begin_fail(run, &run->cannot_begin, err);
}

static lt_status execute(executor *run, lt_err *err)
{
    LT_TRY(record_start(run, err));
    if (run->record->status == LT_RUN_SKIPPED)
        return LT_OK;
    run->plan->request.scope.run_id =
        lt_text_of(lt_arena_format(&run->plan->arena, "%lld", (long long)run->record->id));
    tell_opened(run);
    set_lateness(run);
    lt_status status = prepare(run, err);
    if (status == LT_OK) {
        lt_pool_run(run, (size_t)LT_MAX(run->record->threads, (int64_t)1));
        status = lt_target_clean_up(run, err);
    }
    if (status != LT_OK)
        lt_ignore(lt_state_run_finish(run->workspace->state, run->record->id,
                                      status == LT_CANCELLED ? LT_RUN_CANCELLED : LT_RUN_FAILED,
                                      lt_text_of(err->message), T(""), &(lt_err){0}));
    return status;
}

/* What the pipeline's file says stands behind what was asked for, and before the target's and the project's settings. */
static lt_status take_defaults(executor *run, lt_plan_request *plan, lt_err *err)
{
    const lt_conf_defaults *defaults = &plan->pipeline->defaults;
    if (!run->request->threads && defaults->threads && !run->request->run_id)
        run->record->threads = defaults->threads;
    if (defaults->memory_bytes)
        plan->target.memory_bytes = (size_t)defaults->memory_bytes;
    return lt_params_use(run, &plan->scope, err);
}

static lt_status take_params(executor *run, const lt_conf_pipeline *pipeline, lt_err *err)
{
    LT_AUTO(lt_buf) json = {.limit = LT_OUTPUT_MAX};
    if (run->request->run_id)
        return LT_OK;
    run->record->params_json = run->request->params_json;
    if (run->request->params_json.len && !run->request->params.len)
        return LT_OK;
    LT_TRY(lt_params_read(pipeline, &run->request->params, &json, err));
    LT_TRY(lt_buf_check(&json, "the parameters", err));
    run->record->params_json = lt_arena_text(&run->workspace->arena, lt_buf_text(&json));
    return LT_OK;
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
    LT_TRY(take_params(run, plan.pipeline, err));
    if (plan.pipeline)
        LT_TRY(take_defaults(run, &plan, err));
    run->has_params = true;
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
    (void)pthread_cond_init(&run->wanted, NULL);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&run->lock, NULL);
    run->lease = run->tree_lock = -1;
    open_rates(run);
}

/* Not the tasks and the plan: they are the report's. */
static void executor_cleanup(executor *run)
{
    lt_target_close(run);
    lt_dbt_run_close(run->dbt);
    lt_fd_close(run->tree_lock);
    lt_free(run->task_of_node);
    lt_map_cleanup(&run->by_id);
    close_rates(run);
    (void)pthread_mutex_destroy(&run->lock);
    (void)pthread_cond_destroy(&run->changed);
    (void)pthread_cond_destroy(&run->wanted);
}

/* The retried run's commands may have outlived their process: two of them must not work side by side. */
static lt_status end_orphans(executor *run, lt_err *err)
{
    size_t stuck = 0;
    if (!run->request->retry_of)
        return LT_OK;
    size_t count = lt_run_end_orphans(run->workspace->home, run->workspace->state,
                                      run->request->retry_of, &stuck);
    if (count)
        lt_log(LT_LOG_WARNING, "%zu process%s of run %lld went on without it: ended", count,
               count == 1 ? "" : "es", (long long)run->request->retry_of);
    return stuck ? lt_fail(err, LT_IO, "%zu processes of run %lld do not end", stuck,
                           (long long)run->request->retry_of)
                 : LT_OK;
}

/* Its process has died again and again: nothing of it is to go on, and it cannot begin once more. */
static lt_status end_what_is_left(const executor *run, lt_err *err)
{
    size_t stuck = 0;
    size_t count =
        lt_run_end_orphans(run->workspace->home, run->workspace->state, run->record->id, &stuck);
    if (count)
        lt_log(LT_LOG_WARNING, "%zu process%s that run %lld had left: ended", count,
               count == 1 ? "" : "es", (long long)run->record->id);
    if (stuck)
        lt_log(LT_LOG_ERROR, "%zu processes of run %lld do not end", stuck,
               (long long)run->record->id);
    return lt_fail(err, LT_FAILED, "given up: its process has died again and again");
}

void lt_run_wait_for_room(const char *home)
{
    static const int64_t AGAIN_US = 500000;
    if (has_room(home))
        return;
    lt_log(LT_LOG_WARNING, "the disk of '%s' is full: waiting until that is over", home);
    while (!has_room(home) && !lt_stop_asked())
        lt_sleep_us(AGAIN_US);
}

static lt_status give_up(executor *run, lt_status status, lt_err *err)
{
    if (run->request->run_id &&
        !waits_for_room(
            run, status)) /* somebody has asked for it: it must not look as if it were under way */
        lt_ignore(lt_state_run_finish(run->workspace->state, run->record->id, LT_RUN_FAILED,
                                      lt_text_of(err->message), T(""), &(lt_err){0}));
    return status;
}

/* The run cannot be planned. Whoever types is answered for what he typed; a pipeline whose own files are wrong tells whom it names. */
static lt_status plan_alert(executor *run, const lt_target *target, lt_err *err)
{
    lt_err why = *err, other;
    bool is_mine = run->request->run_id || (run->has_params && !run->record->selection.len);
    if (!is_mine || !must_tell(run, why.status))
        return why.status;
    if (lt_begin_plan_alert(run, target, &other) != LT_OK) {
        lt_log(LT_LOG_ERROR, "no alert can be sent: %s", other.message);
        return why.status;
    }
    run->cannot_begin = why;
    make_tasks(run);
    return LT_OK;
}

static void remove_attempts(executor *run)
{
    lt_err err;
    LT_AUTO(lt_chars)
    folder = lt_format("%s/attempts/%lld", run->workspace->home, (long long)run->record->id);
    if (!run->processes_stuck && run->broken == LT_OK)
        lt_ignore(lt_path_remove(folder, &err));
}

static lt_status run_to_end(executor *run, lt_run_report *report, lt_err *err)
{
    lt_err why = {0};
    LT_TRY(end_orphans(run, err));
    if (!run->request->reproduces)
        LT_TRY(lt_prune_lock(run->workspace, &run->tree_lock, err));
    if (!run->request->reproduces && !run->request->run_id)
        LT_TRY(lt_tree_record(run->workspace, run->record, err));
    if (run->request->run_id && !run->record->git_commit.len && !run->record->tree.len) {
        LT_TRY(lt_tree_record(run->workspace, run->record, err));
        LT_TRY(lt_state_run_files(run->workspace->state, run->record, err));
    }
    LT_TRY(execute(run, err));
    if (run->record->status == LT_RUN_SKIPPED) {
        lt_log(LT_LOG_INFO, "run %lld is skipped: %.*s", (long long)run->record->id,
               LT_ARG(run->record->message));
        return LT_OK;
    }
    count_ends(run, report);
    report->ended = true;
    lt_status status = judge(run, report, &why);
    if (run->broken != LT_OK) { /* not failed: whoever resumes it goes on from what is recorded */
        *err = why;
        return lt_hint(err, "'leat up' or 'leat run --resume %lld' goes on with it",
                       (long long)run->record->id);
    }
    LT_TRY(record_end(run, status, &why, err));
    remove_attempts(run);
    tidy_up(run);
    *err = why;
    return status;
}

static void make_report(executor *run, lt_run_report *report)
{
    report->plan = run->plan;
    report->tasks = run->tasks;
    report->task_count = run->task_count;
}

lt_status lt_run(lt_workspace *workspace, const lt_run_request *request, lt_run_report *report,
                 lt_err *err)
{
    lt_target target;
    *report = (lt_run_report){0};
    lt_run_request queued;
    executor run = {.workspace = workspace, .request = request, .record = &report->record};
    if (request->run_id) { /* of the server; others are told at once, and go on with `leat retry` */
        lt_state_wait_for_room(workspace->state, lt_stop_asked);
        LT_TRY(claim(workspace, request, &report->record, err));
    }
    if (is_queued_retry(request, &report->record))
        LT_TRY(take_retry(workspace, request, &report->record, &queued, err));
    if (is_queued_retry(request, &report->record))
        run.request = &queued;
    lt_text name = request->run_id ? report->record.target : request->target;
    lt_status status = lt_workspace_target(workspace, name, &target, err);
    if (status == LT_OK && !request->run_id)
        status = describe(workspace, request, &target, &report->record, err);
    else if (status == LT_OK)
        describe_queued(workspace, request, &target, &report->record);
    executor_init(&run);
    const lt_target *known = status == LT_OK ? &target : NULL;
    if (request->gives_up)
        status = end_what_is_left(&run, err);
    else if (status == LT_OK)
        status = plan_run(&run, &target, err);
    if (status != LT_OK)
        status = plan_alert(&run, known, err);
    if (status != LT_OK)
        status = give_up(&run, status, err);
    else
        status = run_to_end(&run, report, err);
    lt_telemetry_close(&run, status == LT_OK ? (lt_text){0} : lt_text_of(err->message));
    make_report(&run, report);
    executor_cleanup(&run);
    return status;
}

static void free_tasks(lt_run_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tasks[i]->items) {
            lt_free(tasks[i]->items->open);
            lt_free(tasks[i]->items->tasks);
            lt_free(tasks[i]->items);
        }
        lt_free(tasks[i]->feeds);
        lt_free(tasks[i]);
    }
    lt_free(tasks);
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
    free_tasks(run.tasks, run.task_count);
    executor_cleanup(&run);
    if (status == LT_OK)
        *out = run.plan;
    else
        lt_plan_free(run.plan);
    return status;
}

void lt_run_report_cleanup(lt_run_report *report)
{
    free_tasks(report->tasks, report->task_count);
    lt_plan_free(report->plan);
    *report = (lt_run_report){0};
}
