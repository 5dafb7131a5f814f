/* Runs and their tasks: listed, shown, started, cancelled, retried, marked, decided. */
#include "web/api/parts.h"

#include "base/time.h"
#include "run/ask.h"
#include "sched/ask.h"
#include "state/why.h"

/* ---- shapes of answers ---- */

static const char *const run_statuses[] = {"running", "succeeded", "failed",  "cancelled",
                                           "lost",    "queued",    "skipped", NULL};
static const char *const wanted_statuses[] = {"running", "succeeded", "failed", "cancelled", "lost",
                                              "queued",  "skipped",   "open",   NULL};
static const char *const task_statuses[] = {"pending", "running", "succeeded", "warned",
                                            "failed",  "skipped", "cancelled", "reused",
                                            "waiting", NULL};

static const lt_api_field run_fields[] = {
    {"id", LT_API_INT, .needed = true},
    {"command", LT_API_TEXT, .needed = true, .help = "run, retry, extract, load, reproduce"},
    {.name = "pipeline", .type = LT_API_TEXT},
    {.name = "selection", .type = LT_API_TEXT},
    {.name = "exclusion", .type = LT_API_TEXT},
    {"target", LT_API_TEXT, .help = "empty until it has begun, unless it was asked for"},
    {"status", LT_API_CHOICE, .needed = true, .values = run_statuses},
    {"why", LT_API_TEXT, .help = "what it waits for, since when, and what changes it next"},
    {"message", LT_API_TEXT, .help = "why it failed"},
    {.name = "asked_at", .type = LT_API_MOMENT},
    {.name = "started_at", .type = LT_API_MOMENT},
    {.name = "finished_at", .type = LT_API_MOMENT},
    {"clock", LT_API_MOMENT, .needed = true, .help = "the moment that it takes for now"},
    {"params", LT_API_OBJECT, .needed = true},
    {"trigger", LT_API_OBJECT, .needed = true, .help = "what asked for it"},
    {.name = "retry_of", .type = LT_API_INT},
    {"parent_run", LT_API_INT, .help = "the run that called it"},
    {.name = "parent_task", .type = LT_API_TEXT},
    {"full_refresh", LT_API_BOOL, .needed = true},
    {.name = "git_commit", .type = LT_API_TEXT},
    {.name = "git_branch", .type = LT_API_TEXT},
    {"git_dirty", LT_API_BOOL, .needed = true},
    {"key", LT_API_TEXT, .help = "who asks again with it gets this run"},
};
const lt_api_shape lt_api_run_shape = {"Run", NULL, LT_API_FIELDS(run_fields)};

static const lt_api_field runs_fields[] = {
    {"runs", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_run_shape,
     .help = "the newest first"},
    {"next", LT_API_NEXT, .needed = true, .help = "the cursor of the next page; null: none"},
};
const lt_api_shape lt_api_runs_shape = {"Runs", NULL, LT_API_FIELDS(runs_fields)};

static const lt_api_field approval_fields[] = {
    {.name = "message", .type = LT_API_TEXT},
    {"people", LT_API_TEXT, .needed = true, .is_list = true},
    {"roles", LT_API_TEXT, .needed = true, .is_list = true},
    {.name = "asked_at", .type = LT_API_MOMENT},
    {.name = "deadline", .type = LT_API_MOMENT},
    {"may_decide", LT_API_BOOL, .needed = true, .help = "whether you may, and it is open"},
    {"decision", LT_API_TEXT, .help = "approved or rejected"},
    {.name = "decided_by", .type = LT_API_TEXT},
    {.name = "decided_at", .type = LT_API_MOMENT},
    {.name = "comment", .type = LT_API_TEXT},
};
static const lt_api_shape approval_shape = {"Approval", "what people were asked",
                                            LT_API_FIELDS(approval_fields)};

static const lt_api_field task_fields[] = {
    {"id", LT_API_TEXT, .needed = true},
    {"kind", LT_API_TEXT, .needed = true},
    {"name", LT_API_TEXT, .needed = true},
    {"status", LT_API_CHOICE, .needed = true, .values = task_statuses},
    {"why", LT_API_TEXT, .help = "of one that has not ended, or not well"},
    {"attempts", LT_API_INT, .needed = true},
    {.name = "started_at", .type = LT_API_MOMENT},
    {.name = "finished_at", .type = LT_API_MOMENT},
    {.name = "rows_in", .type = LT_API_INT},
    {.name = "rows_out", .type = LT_API_INT},
    {"peak_bytes", LT_API_INT, .needed = true},
    {.name = "message", .type = LT_API_TEXT},
    {.name = "hint", .type = LT_API_TEXT},
    {"needs", LT_API_TEXT, .needed = true, .is_list = true, .help = "ids of tasks before it"},
    {"parent", LT_API_TEXT, .help = "the for_each that made it"},
    {"item", LT_API_ANY, .help = "its item of the for_each"},
    {"output", LT_API_ANY, .help = "what later tasks read"},
    {"result", LT_API_ANY, .help = "relation, commit, fingerprint"},
    {"cause", LT_API_TEXT, .help = "why it was skipped: upstream, choice, rule"},
    {"approval", LT_API_SHAPE, .shape = &approval_shape},
    {"notebook", LT_API_BOOL, .help = "there is an executed notebook to download"},
};
const lt_api_shape lt_api_task_shape = {"Task", NULL, LT_API_FIELDS(task_fields)};

static const lt_api_field tasks_fields[] = {
    {"tasks", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &lt_api_task_shape,
     .help = "in the order of the plan"},
};
const lt_api_shape lt_api_tasks_shape = {"Tasks", NULL, LT_API_FIELDS(tasks_fields)};

static const lt_api_field why_task_fields[] = {
    {"task", LT_API_TEXT, .needed = true, .help = "its id"},
    {"name", LT_API_TEXT, .needed = true},
    {"status", LT_API_CHOICE, .needed = true, .values = task_statuses},
    {"why", LT_API_TEXT, .needed = true},
};
static const lt_api_shape why_task_shape = {"WhyTask", NULL, LT_API_FIELDS(why_task_fields)};
static const lt_api_field why_fields[] = {
    {"run", LT_API_INT, .needed = true},
    {"status", LT_API_CHOICE, .needed = true, .values = run_statuses},
    {"why", LT_API_TEXT, .needed = true, .help = "empty: it waits for nothing"},
    {"tasks", LT_API_SHAPE, .needed = true, .is_list = true, .shape = &why_task_shape,
     .help = "those that have not ended, or have failed"},
};
const lt_api_shape lt_api_why_shape = {"Why", "why it is not running", LT_API_FIELDS(why_fields)};

/* ---- shapes of requests ---- */

static const lt_api_field list_fields[] = {
    {"status", LT_API_CHOICE, .values = wanted_statuses, .help = "open: queued or running"},
    {"pipeline", LT_API_TEXT, .min = 1, .help = "of this pipeline"},
    {"since", LT_API_MOMENT, .help = "asked for at this moment or later"},
    {"cursor", LT_API_TEXT, .min = 1, .max = 18, .pattern = LT_API_CURSOR_PATTERN,
     .help = "'next' of the page before"},
    {"limit", LT_API_INT, .min = 1, .max = LT_API_PAGE_MOST, .help = "so many at most [50]"},
};
const lt_api_shape lt_api_runs_query = {"RunsQuery", NULL, LT_API_FIELDS(list_fields)};

static const lt_api_field start_fields[] = {
    {"params", LT_API_OBJECT, .help = "parameters of the pipeline by name"},
    {"at", LT_API_MOMENT, .help = "not before this moment"},
};
const lt_api_shape lt_api_start_shape = {"Start", NULL, LT_API_FIELDS(start_fields)};

static const char *const only_kinds[] = {"extract", "load", NULL};
static const lt_api_field select_fields[] = {
    {"select", LT_API_TEXT, .help = "nodes, as 'leat run' takes them; empty: the whole project"},
    {.name = "exclude", .type = LT_API_TEXT},
    {"target", LT_API_TEXT, .max = 200},
    {"only", LT_API_CHOICE, .values = only_kinds, .help = "as 'leat extract' and 'leat load' do"},
    {"threads", LT_API_INT, .min = 1, .max = 256, .help = "tasks at once [as the target says]"},
    {"vars", LT_API_OBJECT, .help = "variables for this run"},
    {.name = "full_refresh", .type = LT_API_BOOL},
};
const lt_api_shape lt_api_select_shape = {"Selection", NULL, LT_API_FIELDS(select_fields)};

static const lt_api_field cancel_fields[] = {
    {"task", LT_API_TEXT, .help = "only this task, by id or name"},
    {"force", LT_API_BOOL,
     .help = "of a run: wait up to 10 s, then end its process when it does not answer"},
};
const lt_api_shape lt_api_cancel_shape = {"Cancel", NULL, LT_API_FIELDS(cancel_fields)};

static const lt_api_field cancelled_fields[] = {
    {"over", LT_API_BOOL, .needed = true,
     .help = "it has ended now; else its process was asked, and the run shows what came of it"},
    {"ended_processes", LT_API_INT, .needed = true, .help = "that had gone on without it"},
    {"stuck_processes", LT_API_INT, .needed = true, .help = "that do not end"},
};
const lt_api_shape lt_api_cancelled_shape = {"Cancelled", NULL, LT_API_FIELDS(cancelled_fields)};

static const lt_api_field retry_fields[] = {
    {"from", LT_API_TEXT, .help = "this task and all behind it, whatever they came to"},
    {"all", LT_API_BOOL, .help = "every task"},
};
const lt_api_shape lt_api_retry_shape = {"Retry", NULL, LT_API_FIELDS(retry_fields)};

static const char *const marks[] = {"succeeded", "failed", NULL};
static const lt_api_field mark_fields[] = {
    {"status", LT_API_CHOICE, .needed = true, .values = marks},
};
const lt_api_shape lt_api_mark_shape = {"Mark", NULL, LT_API_FIELDS(mark_fields)};

static const lt_api_field decide_fields[] = {
    {"comment", LT_API_TEXT, .help = "is kept with the decision"},
};
const lt_api_shape lt_api_decide_shape = {"Decision", NULL, LT_API_FIELDS(decide_fields)};

/* ---- writing ---- */

lt_status lt_api_write_run(lt_api_call *call, const lt_run_record *run, lt_err *err)
{
    lt_json_writer *w = &call->json;
    LT_AUTO(lt_buf) why = {.limit = 16 * LT_KIB};
    if (run->status == LT_RUN_QUEUED || run->status == LT_RUN_RUNNING || run->status == LT_RUN_LOST)
        LT_TRY(lt_why_run(call->state, run, &why, err));
    lt_json_begin(w, '{');
    lt_json_set_int(w, "id", run->id);
    lt_json_set(w, "command", run->command);
    lt_api_set_text(w, "pipeline", run->pipeline);
    lt_api_set_text(w, "selection", run->selection);
    lt_api_set_text(w, "exclusion", run->exclusion);
    lt_api_set_text(w, "target", run->target);
    lt_json_set(w, "status", lt_text_of(lt_run_status_name(run->status)));
    lt_api_set_text(w, "why", lt_buf_text(&why));
    lt_api_set_text(w, "message", run->message);
    lt_api_set_moment(w, "asked_at", run->asked_at_us);
    lt_api_set_moment(w, "started_at", run->started_at_us);
    lt_api_set_moment(w, "finished_at", run->finished_at_us);
    lt_api_set_moment(w, "clock", run->clock_us ? run->clock_us : 1);
    lt_api_set_raw(w, "params", run->params_json.len ? run->params_json : T("{}"));
    lt_api_set_raw(w, "trigger", run->trigger_json.len ? run->trigger_json : T("{}"));
    if (run->retry_of)
        lt_json_set_int(w, "retry_of", run->retry_of);
    if (run->parent_run)
        lt_json_set_int(w, "parent_run", run->parent_run);
    lt_api_set_text(w, "parent_task", run->parent_task);
    lt_json_set_bool(w, "full_refresh", run->full_refresh);
    lt_api_set_text(w, "git_commit", run->git_commit);
    lt_api_set_text(w, "git_branch", run->git_branch);
    lt_json_set_bool(w, "git_dirty", run->git_dirty);
    lt_api_set_text(w, "key", run->run_key);
    lt_json_end(w);
    return LT_OK;
}

static bool is_open(const lt_task_record *task)
{
    return task->status == LT_TASK_PENDING || task->status == LT_TASK_RUNNING ||
           task->status == LT_TASK_WAITING;
}

static lt_run_asker asker_of(const lt_api_call *call)
{
    return (lt_run_asker){.state = call->state,
                          .home = call->api->options.home,
                          .by = call->actor.by,
                          .arena = call->arena};
}

/* Viewers may decide on what names them, but a token for viewers only looks. */
static lt_status check_may_decide(const lt_api_call *call, const lt_approval *asked, lt_err *err)
{
    lt_run_asker asker = asker_of(call);
    if (call->user.role < LT_ROLE_OPERATOR && call->token_id.len)
        return lt_fail(err, LT_DENIED, "a token of a viewer decides nothing");
    return lt_run_may_decide(&asker, asked, call->user.role, err);
}

static lt_status write_approval(lt_api_call *call, const lt_task_record *task, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_approval asked;
    lt_err denied;
    lt_status status =
        lt_text_eq(task->kind, T("approve"))
            ? lt_state_approval_get(call->state, call->run.id, task->id, call->arena, &asked, err)
            : LT_NOT_FOUND;
    if (status != LT_OK)
        return status == LT_NOT_FOUND ? LT_OK : status;
    lt_json_key(w, T("approval"));
    lt_json_begin(w, '{');
    lt_api_set_text(w, "message", asked.message);
    lt_api_set_raw(w, "people", asked.people_json);
    lt_api_set_raw(w, "roles", asked.roles_json);
    lt_api_set_moment(w, "asked_at", asked.asked_at_us);
    lt_api_set_moment(w, "deadline", asked.deadline_us);
    lt_json_set_bool(w, "may_decide",
                     !asked.decision.len && check_may_decide(call, &asked, &denied) == LT_OK);
    lt_api_set_text(w, "decision", asked.decision);
    lt_api_set_text(w, "decided_by", asked.decided_by);
    lt_api_set_moment(w, "decided_at", asked.decided_at_us);
    lt_api_set_text(w, "comment", asked.comment);
    lt_json_end(w);
    return LT_OK;
}

static void write_figures(lt_json_writer *w, const lt_task_record *task)
{
    lt_json_set_int(w, "attempts", task->attempts);
    lt_api_set_moment(w, "started_at", task->started_at_us);
    lt_api_set_moment(w, "finished_at", task->finished_at_us);
    if (task->rows_in >= 0)
        lt_json_set_int(w, "rows_in", task->rows_in);
    if (task->rows_out >= 0)
        lt_json_set_int(w, "rows_out", task->rows_out);
    lt_json_set_int(w, "peak_bytes", task->peak_bytes);
}

static lt_status write_task(lt_api_call *call, const lt_task_records *all,
                            const lt_task_record *task, lt_err *err)
{
    lt_json_writer *w = &call->json;
    LT_AUTO(lt_buf) why = {.limit = 16 * LT_KIB};
    if (is_open(task) || task->status == LT_TASK_FAILED || task->status == LT_TASK_SKIPPED)
        LT_TRY(lt_why_task(call->state, &call->run, all, task, &why, err));
    lt_json_begin(w, '{');
    lt_json_set(w, "id", task->id);
    lt_json_set(w, "kind", task->kind);
    lt_json_set(w, "name", task->name);
    lt_json_set(w, "status", lt_text_of(lt_task_status_name(task->status)));
    lt_api_set_text(w, "why", lt_buf_text(&why));
    write_figures(w, task);
    lt_api_set_text(w, "message", task->message);
    lt_api_set_text(w, "hint", task->hint);
    lt_api_set_raw(w, "needs", task->needs_json.len ? task->needs_json : T("[]"));
    lt_api_set_text(w, "parent", task->parent);
    lt_api_set_raw(w, "item", task->item_json);
    lt_api_set_raw(w, "output", task->output_json);
    lt_api_set_raw(w, "result", task->result_json);
    lt_api_set_text(w, "cause", task->cause);
    LT_TRY(write_approval(call, task, err));
    if (lt_api_has_notebook(call, task))
        lt_json_set_bool(w, "notebook", true);
    lt_json_end(w);
    return LT_OK;
}

/* ---- looking ---- */

/* A token of some pipelines sees only their runs. */
static lt_status keep_to_token(lt_api_call *call, lt_run_filter *filter, lt_err *err)
{
    if (!call->token_pipelines.len)
        return LT_OK;
    if (!filter->pipeline.len && lt_text_find_byte(call->token_pipelines, ' ', 0) == SIZE_MAX)
        filter->pipeline = call->token_pipelines;
    if (filter->pipeline.len && lt_api_reaches(call, filter->pipeline))
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_DENIED, "this token reaches only %.*s", LT_ARG(call->token_pipelines)));
    lt_ignore(lt_hint(err, "say with 'pipeline' which one is meant"));
    return lt_api_at(call, LT_DENIED, "query.pipeline");
}

lt_status lt_api_list_runs(lt_api_call *call, lt_err *err)
{
    lt_run_filter filter = {.pipeline = lt_api_query(call, "pipeline"),
                            .status = lt_api_query(call, "status").ptr,
                            .since_us = lt_api_query_moment(call, "since")};
    lt_run_records runs = {0};
    size_t limit;
    LT_TRY(keep_to_token(call, &filter, err));
    LT_TRY(lt_api_cursor(call, &filter.before, &limit, err));
    filter.limit = limit + 1;
    LT_TRY(lt_state_runs_find(call->state, &filter, call->arena, &runs, err));
    lt_json_begin(&call->json, '{');
    lt_json_key(&call->json, T("runs"));
    lt_json_begin(&call->json, '[');
    size_t count = LT_MIN(runs.len, limit);
    for (size_t i = 0; i < count; i++)
        LT_TRY(lt_api_write_run(call, &runs.items[i], err));
    lt_json_end(&call->json);
    lt_api_set_next(&call->json, count ? runs.items[count - 1].id : 0, runs.len > limit);
    lt_json_end(&call->json);
    return LT_OK;
}

lt_status lt_api_get_run(lt_api_call *call, lt_err *err)
{
    return lt_api_write_run(call, &call->run, err);
}

lt_status lt_api_list_tasks(lt_api_call *call, lt_err *err)
{
    lt_task_records tasks = {0};
    LT_TRY(lt_state_tasks(call->state, call->run.id, call->arena, &tasks, err));
    lt_json_begin(&call->json, '{');
    lt_json_key(&call->json, T("tasks"));
    lt_json_begin(&call->json, '[');
    for (size_t i = 0; i < tasks.len; i++)
        LT_TRY(write_task(call, &tasks, &tasks.items[i], err));
    lt_json_end(&call->json);
    lt_json_end(&call->json);
    return LT_OK;
}

static lt_status find_task(lt_api_call *call, lt_task_record *out, lt_err *err)
{
    return lt_run_find_task(call->state, &call->run, call->path[1], call->arena, out, err);
}

lt_status lt_api_get_task(lt_api_call *call, lt_err *err)
{
    lt_task_records tasks = {0};
    lt_task_record task;
    LT_TRY(find_task(call, &task, err));
    LT_TRY(lt_state_tasks(call->state, call->run.id, call->arena, &tasks, err));
    return write_task(call, &tasks, &task, err);
}

lt_status lt_api_get_why(lt_api_call *call, lt_err *err)
{
    lt_json_writer *w = &call->json;
    lt_task_records tasks = {0};
    LT_AUTO(lt_buf) why = {.limit = 16 * LT_KIB};
    LT_TRY(lt_state_tasks(call->state, call->run.id, call->arena, &tasks, err));
    LT_TRY(lt_why_run(call->state, &call->run, &why, err));
    lt_json_begin(w, '{');
    lt_json_set_int(w, "run", call->run.id);
    lt_json_set(w, "status", lt_text_of(lt_run_status_name(call->run.status)));
    lt_json_set(w, "why", lt_buf_text(&why));
    lt_json_key(w, T("tasks"));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < tasks.len; i++) {
        const lt_task_record *task = &tasks.items[i];
        if (!is_open(task) && task->status != LT_TASK_FAILED)
            continue;
        lt_buf_clear(&why);
        LT_TRY(lt_why_task(call->state, &call->run, &tasks, task, &why, err));
        lt_json_begin(w, '{');
        lt_json_set(w, "task", task->id);
        lt_json_set(w, "name", task->name);
        lt_json_set(w, "status", lt_text_of(lt_task_status_name(task->status)));
        lt_json_set(w, "why", lt_buf_text(&why));
        lt_json_end(w);
    }
    lt_json_end(w);
    lt_json_end(w);
    return LT_OK;
}

/* ---- starting ---- */

/* {"day": "2026-11-22", "n": 3} as "name=value"; the pipeline's own types decide. */
lt_status lt_api_read_params(lt_api_call *call, lt_texts *out, lt_err *err)
{
    const lt_json *params = lt_json_find(call->body, "params");
    for (size_t i = 0; params && i < params->count; i++) {
        const lt_json *one = &params->items[i];
        lt_text value =
            one->kind == LT_JSON_BOOL ? (one->truth ? T("true") : T("false")) : one->text;
        lt_text shown = lt_text_sub(one->key, 0, 100);
        if (one->kind != LT_JSON_STRING && one->kind != LT_JSON_NUMBER && one->kind != LT_JSON_BOOL)
            return lt_api_at(
                call,
                lt_fail(err, LT_INVALID, "a parameter cannot be %s", lt_json_kind_name(one->kind)),
                "body.params.%.*s", LT_ARG(shown));
        if (!one->key.len || memchr(one->key.ptr, '=', one->key.len))
            return lt_api_at(call, lt_fail(err, LT_INVALID, "this is no name of a parameter"),
                             "body.params.%.*s", LT_ARG(shown));
        lt_push_in(
            call->arena, out,
            lt_text_of(lt_arena_format(call->arena, "%.*s=%.*s", LT_ARG(one->key), LT_ARG(value))));
    }
    return LT_OK;
}

/* A key says that it is the same request again; it is not when the bodies differ (draft-ietf-httpapi-idempotency-key-header). */
static lt_status check_same(lt_api_call *call, const lt_run_record *known, lt_err *err)
{
    lt_json *trigger = NULL;
    LT_TRY(lt_json_read(known->trigger_json, "trigger", NULL, call->arena, &trigger, err));
    lt_text sum = lt_json_text_or(trigger, "request", call->request_sum);
    if (lt_text_eq(sum, call->request_sum))
        return LT_OK;
    call->status = 422;
    call->title = "This Idempotency-Key is of another request";
    lt_ignore(lt_fail(err, LT_CONFLICT,
                      "run %lld has this key, and was asked for with another body",
                      (long long)known->id));
    lt_ignore(lt_hint(err, "ask for another run with another key"));
    return lt_api_at(call, LT_CONFLICT, "header.Idempotency-Key");
}

/* The run as it is in state.db now. One whose key was there already is not made again: 200, not 201. */
static lt_status answer_asked(lt_api_call *call, const lt_run_record *asked, lt_err *err)
{
    lt_run_record run;
    call->status = asked->claim ? 201 : 200;
    call->audit_detail =
        lt_text_of(lt_arena_format(call->arena, "{\"run\": %lld}", (long long)asked->id));
    LT_TRY(lt_state_run_get(call->state, asked->id, call->arena, &run, err));
    if (!asked->claim)
        LT_TRY(check_same(call, &run, err));
    lt_server_reply_header(
        call->request, call->reply, T("Location"),
        lt_text_of(lt_arena_format(call->arena, "/api/v1/runs/%lld", (long long)asked->id)));
    return lt_api_write_run(call, &run, err);
}

static lt_status wish(lt_api_call *call, const lt_project *project, const lt_texts *params,
                      lt_run_record *out, lt_err *err)
{
    const lt_conf_pipeline *pipeline;
    lt_sched_wish wanted = {.by = call->actor.by,
                            .key = call->idempotency_key,
                            .request = call->request_sum,
                            .params = params,
                            .at_us = lt_api_body_moment(call, "at")};
    LT_TRY(lt_sched_pipeline(project, call->path[0], &pipeline, err));
    return lt_api_at(call, lt_sched_wish_run(pipeline, &wanted, call->arena, out, err),
                     "body.params");
}

/* Records borrow names from the project, which may be read anew as soon as it is let go. */
static void own_names(lt_api_call *call, lt_run_record *runs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        runs[i].pipeline = lt_arena_text(call->arena, runs[i].pipeline);
}

lt_status lt_api_start_run(lt_api_call *call, lt_err *err)
{
    lt_texts params = {0};
    lt_text wrong;
    lt_run_record run;
    LT_TRY(lt_api_read_params(call, &params, err));
    const lt_project *project = lt_sched_project(call->api->options.sched, &wrong);
    lt_status status = wish(call, project, &params, &run, err);
    if (status == LT_OK)
        own_names(call, &run, 1);
    lt_sched_project_done(call->api->options.sched);
    LT_TRY(status);
    LT_TRY(lt_state_supervise(call->state, &run, 1, err));
    return answer_asked(call, &run, err);
}

static lt_text vars_of(lt_api_call *call)
{
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    const lt_json *vars = lt_json_find(call->body, "vars");
    if (!vars)
        return (lt_text){0};
    lt_json_tree(&w, vars);
    return lt_arena_text(call->arena, lt_buf_text(&text));
}

lt_status lt_api_start_selection(lt_api_call *call, lt_err *err)
{
    LT_AUTO(lt_buf) trigger = {0};
    lt_json_writer w = {.out = &trigger};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "kind", T("trigger"));
    lt_json_set(&w, "by", call->actor.by);
    lt_api_set_text(&w, "request", call->request_sum);
    lt_json_end(&w);
    lt_text only = lt_api_body(call, "only");
    lt_run_record run = {.command = only.len ? only : T("run"),
                         .selection = lt_api_body(call, "select"),
                         .exclusion = lt_api_body(call, "exclude"),
                         .target = lt_api_body(call, "target"),
                         .threads = lt_api_body_int(call, "threads", 0),
                         .vars_json = vars_of(call),
                         .full_refresh = lt_json_bool_or(call->body, "full_refresh", false),
                         .params_json = T("{}"),
                         .trigger_json = lt_buf_text(&trigger),
                         .clock_us = lt_now_us()};
    if (call->idempotency_key.len)
        run.run_key =
            lt_text_of(lt_arena_format(call->arena, "select:%.*s", LT_ARG(call->idempotency_key)));
    LT_TRY(lt_state_supervise(call->state, &run, 1, err));
    return answer_asked(call, &run, err);
}

/* ---- acting on runs ---- */

/* As long as this waits it holds one of the server's threads, so only one may. */
static lt_status force(lt_api_call *call, const lt_run_asker *asker, lt_run_cancelled *done,
                       lt_err *err)
{
    lt_request answered;
    lt_run_record now;
    if (pthread_mutex_trylock(&call->api->errand_lock) != 0) {
        lt_ignore(lt_fail(err, LT_CONFLICT,
                          "it is asked, and the server has just something else "
                          "to wait for"));
        return lt_hint(err, "ask again in a moment");
    }
    lt_status status = lt_run_await(asker, done->request, LT_FORCE_PATIENCE_US, &answered, err);
    if (status == LT_OK && !answered.done_at_us)
        status = lt_run_force_cancel(asker, &call->run, &now, done, err);
    (void)pthread_mutex_unlock(&call->api->errand_lock);
    done->request = 0;
    return status;
}

lt_status lt_api_cancel_run(lt_api_call *call, lt_err *err)
{
    lt_run_asker asker = asker_of(call);
    lt_run_cancelled done;
    lt_task_record task = {0};
    lt_text word = lt_api_body(call, "task");
    bool forced = lt_json_bool_or(call->body, "force", false);
    if (word.len && forced)
        return lt_api_at(call, lt_fail(err, LT_INVALID, "a task has no process to end by force"),
                         "body.force");
    if (word.len)
        LT_TRY(lt_api_at(call,
                         lt_run_find_task(call->state, &call->run, word, call->arena, &task, err),
                         "body.task"));
    LT_TRY(lt_run_ask_cancel(&asker, &call->run, task.id, &done, err));
    if (done.request && forced)
        LT_TRY(force(call, &asker, &done, err));
    call->status = done.request ? 202 : 200;
    call->audit_detail = forced ? T("force") : task.id;
    lt_json_begin(&call->json, '{');
    lt_json_set_bool(&call->json, "over", !done.request);
    lt_json_set_int(&call->json, "ended_processes", (int64_t)done.ended);
    lt_json_set_int(&call->json, "stuck_processes", (int64_t)done.stuck);
    lt_json_end(&call->json);
    return LT_OK;
}

lt_status lt_api_retry_run(lt_api_call *call, lt_err *err)
{
    lt_run_asker asker = asker_of(call);
    lt_run_record made;
    lt_run_retry retry = {.from = lt_api_body(call, "from"),
                          .all = lt_json_bool_or(call->body, "all", false),
                          .key = call->idempotency_key,
                          .request = call->request_sum};
    LT_TRY(lt_run_ask_retry(&asker, &call->run, &retry, &made, err));
    return answer_asked(call, &made, err);
}

/* To mark what people are asked is to decide on it, and only for those who may. */
static lt_status check_may_mark(lt_api_call *call, const lt_task_record *task, lt_err *err)
{
    lt_approval asked;
    if (!lt_text_eq(task->kind, T("approve")))
        return LT_OK;
    lt_status status =
        lt_state_approval_get(call->state, call->run.id, task->id, call->arena, &asked, err);
    if (status == LT_NOT_FOUND)
        return lt_fail(err, LT_CONFLICT, "nobody was asked yet");
    LT_TRY(status);
    return check_may_decide(call, &asked, err);
}

lt_status lt_api_mark_task(lt_api_call *call, lt_err *err)
{
    lt_run_asker asker = asker_of(call);
    lt_task_record task;
    lt_text status = lt_api_body(call, "status");
    LT_TRY(find_task(call, &task, err));
    LT_TRY(check_may_mark(call, &task, err));
    call->audit_detail =
        lt_text_of(lt_arena_format(call->arena, "%.*s: %.*s", LT_ARG(task.id), LT_ARG(status)));
    return lt_run_ask_mark(&asker, &call->run, task.id,
                           lt_text_eq(status, T("failed")) ? LT_TASK_FAILED : LT_TASK_SUCCEEDED,
                           err);
}

static lt_status decide(lt_api_call *call, bool approve, lt_err *err)
{
    lt_run_asker asker = asker_of(call);
    lt_task_record task;
    lt_approval asked;
    LT_TRY(find_task(call, &task, err));
    LT_TRY(lt_state_approval_get(call->state, call->run.id, task.id, call->arena, &asked, err));
    LT_TRY(check_may_decide(call, &asked, err));
    call->audit_detail = task.id;
    return lt_run_decide(&asker, call->run.id, task.id, call->user.role, approve,
                         lt_api_body(call, "comment"), err);
}

lt_status lt_api_approve_task(lt_api_call *call, lt_err *err)
{
    return decide(call, true, err);
}

lt_status lt_api_reject_task(lt_api_call *call, lt_err *err)
{
    return decide(call, false, err);
}
