/* What each kind of step does, once. */
#include "run/inner.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "fmt/json.h"
#include "run/fingerprint.h"
#include "run/scratch.h"
#include "source/load.h"
#include "source/source.h"

#include <unistd.h>

/* ---- what a step leaves for later readers ---- */

/* Begin a member of the result: `"name":` with a comma where one belongs. */
static lt_buf *result_member(lt_work *work, const char *name)
{
    lt_buf_printf(&work->result, "%s\"%s\":", work->result.len ? "," : "", name);
    return &work->result;
}

static void result_text(lt_work *work, const char *name, lt_text value)
{
    lt_json_quote(value, result_member(work, name));
}

static void result_bool(lt_work *work, const char *name, bool value)
{
    lt_buf_add_str(result_member(work, name), value ? "true" : "false");
}

static void result_relation(lt_work *work, const lt_relation *relation)
{
    LT_AUTO(lt_buf) name = {0};
    lt_quote_relation(relation, &name);
    result_text(work, "relation", lt_buf_text(&name));
}

static void result_commit(lt_work *work, lt_text bucket, lt_text prefix,
                          const lt_commit_info *commit)
{
    result_text(work, "bucket", bucket);
    result_text(work, "prefix", prefix);
    lt_buf_printf(result_member(work, "sequence"), "%lld", (long long)commit->sequence);
    result_text(work, "commit", commit->commit_id);
    lt_telemetry_learn_commit(work, commit);
}

/* The run reads this commit: it is remembered, and kept by the store. */
static lt_status pin(lt_work *work, lt_text bucket, lt_text prefix, const lt_commit_info *commit,
                     lt_err *err)
{
    lt_workspace *workspace = work->run->workspace;
    lt_pin made = {.bucket = bucket,
                   .prefix = prefix,
                   .sequence = commit->sequence,
                   .commit_id = commit->commit_id};
    LT_AUTO(lt_chars) owner = lt_format("run-%lld", (long long)work->run->record->id);
    LT_TRY(
        lt_store_keep(workspace->store, lt_text_of(owner), bucket, prefix, commit->sequence, err));
    return lt_state_pin(workspace->state, work->run->record->id, &made, err);
}

/* A folder for files that live as long as the attempt. */
static lt_status make_scratch(const lt_work *work, lt_scratch *scratch, lt_err *err)
{
    LT_AUTO(lt_chars) name = lt_format("%lld", (long long)work->attempt.token);
    return lt_scratch_open(work->run->workspace->home, name, scratch, err);
}

/* ---- extract ---- */

static lt_status extract(lt_work *work, lt_err *err)
{
    lt_workspace *workspace = work->run->workspace;
    const lt_conf_resource *resource = work->step->resource;
    lt_scratch scratch __attribute__((cleanup(lt_scratch_drop))) = LT_SCRATCH_NONE;
    lt_extract_result result = {0};
    LT_TRY(make_scratch(work, &scratch, err));
    lt_extract_job job = {
        .store = workspace->store,
        .resource = resource,
        .project_root = workspace->root,
        .scratch = scratch.folder,
        .render = lt_scope_render,
        .render_context = &work->run->plan->request.scope,
        .run_id = work->attempt.run_id,
        .task = work->attempt.task,
        .attempt = work->attempt.token,
        .run_started_at_us = work->run->record->clock_us,
        .full_refresh = work->run->record->full_refresh,
        .memory_most_bytes = work->run->plan->request.target.memory_bytes,
        .rate = &work->run->rates[resource->source - workspace->project->sources.items],
        .progress = &work->task->progress,
        .stop = work->cancelled};
    LT_TRY(lt_extract(&job, work->arena, &result, err));
    work->task->record.rows_in = result.fetched;
    work->task->record.rows_out = result.rows;
    result_commit(work, result.bucket, result.prefix, &result.commit);
    lt_work_log(work, "%lld records in %lld requests, %lld the same again, %lld values left out",
                (long long)result.fetched, (long long)result.requests, (long long)result.duplicates,
                (long long)result.discarded);
    lt_work_log(work, "%s: commit %lld of %.*s/%.*s, %lld rows%s%.*s",
                result.committed ? "landed" : "nothing new", (long long)result.commit.sequence,
                LT_ARG(result.bucket), LT_ARG(result.prefix), (long long)result.rows,
                result.note.len ? "; " : "", LT_ARG(result.note));
    return LT_OK;
}

/* ---- load ---- */

int64_t lt_work_pinned_sequence(const lt_work *work, lt_text bucket, lt_text prefix)
{
    const lt_pins *pins = &work->run->pins;
    for (size_t i = 0; i < pins->len; i++)
        if (lt_text_eq(pins->items[i].bucket, bucket) && lt_text_eq(pins->items[i].prefix, prefix))
            return pins->items[i].sequence;
    return 0;
}

/* The commit to load, and which one that is. */
static lt_status find_commit(lt_work *work, const lt_landing_place *place, lt_commit_info *commit,
                             lt_err *err)
{
    int64_t sequence = lt_work_pinned_sequence(work, place->bucket, place->prefix);
    return lt_dataset_commit(work->run->workspace->store, place->bucket, place->prefix, sequence,
                             work->arena, commit, err);
}

/* A source that is still empty has no columns either; who only loads has forgotten to extract. */
static lt_status nothing_landed(lt_work *work, lt_err *err)
{
    lt_text name = work->task->record.name;
    if (!lt_text_eq(work->run->record->command, T("load"))) {
        lt_log(LT_LOG_WARNING, "no record of %.*s has come yet: its table is not made",
               LT_ARG(name));
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "nothing of %.*s is in the store yet", LT_ARG(name)));
    return lt_hint(err, "'leat extract %.*s' fetches it", LT_ARG(name));
}

static lt_status load(lt_work *work, lt_err *err)
{
    lt_workspace *workspace = work->run->workspace;
    bool whole = work->run->record->full_refresh || work->run->request->reproduces;
    lt_load_result result = {0};
    lt_landing_place place;
    lt_commit_info commit;
    lt_session *session = NULL;
    lt_status status;
    lt_scratch scratch __attribute__((cleanup(lt_scratch_drop))) = LT_SCRATCH_NONE;
    LT_TRY(lt_resource_place(work->step->resource, work->arena, &place, err));
    status = find_commit(work, &place, &commit, err);
    if (status == LT_NOT_FOUND)
        return nothing_landed(work, err);
    LT_TRY(status);
    LT_TRY(lt_work_session(work, &session, err));
    LT_TRY(make_scratch(work, &scratch, err));
    LT_AUTO(lt_chars) cache = lt_path_join(workspace->home, "cache/objects");
    lt_load_job job = {.store = workspace->store,
                       .resource = work->step->resource,
                       .session = session,
                       .relation = work->step->relation,
                       .attempt = work->attempt,
                       .sequence = commit.sequence,
                       .scratch = scratch.folder,
                       .cache_folder = cache,
                       .now_us = lt_now_us(),
                       .memory_bytes = work->run->plan->request.target.memory_bytes,
                       .full_refresh = whole,
                       .take_over = lt_plan_takes_over(work->run->plan, &work->step->relation),
                       .progress = &work->task->progress};
    LT_TRY(pin(work, place.bucket, place.prefix, &commit, err));
    LT_TRY(lt_load(&job, work->arena, &result, err));
    work->task->record.rows_out = result.rows;
    result_relation(work, &work->step->relation);
    result_commit(work, place.bucket, place.prefix, &commit);
    if (result.changed)
        lt_work_log(work, "loaded commits %lld to %lld: %lld rows written",
                    (long long)result.from_sequence + 1, (long long)result.sequence,
                    (long long)result.rows);
    else
        lt_work_log(work, "nothing to load: the table has all up to commit %lld",
                    (long long)result.sequence);
    return LT_OK;
}

/* ---- models and tests ---- */

static lt_status keep_fingerprint(lt_work *work, lt_session *session, const lt_relation *relation,
                                  bool is_whole, lt_err *err)
{
    lt_fingerprint fingerprint;
    LT_TRY(lt_fingerprint_take(session, relation, work->arena, &fingerprint, err));
    if (is_whole)
        work->task->record.rows_out = fingerprint.rows;
    lt_fingerprint_write(&fingerprint, result_member(work, "fingerprint"));
    return LT_OK;
}

/* What a test found, at the line where it stands. */
static lt_status say_test(lt_work *work, const lt_dbt_node_result *result, lt_err *err)
{
    const lt_dbt_node *node = result->node;
    LT_AUTO(lt_buf) place = {.limit = 700};
    LT_AUTO(lt_buf) where = {.limit = 4096};
    lt_buf_printf(&where, "%.*s", LT_ARG(node->path));
    if (node->line)
        lt_buf_printf(&where, ":%u:%u", node->line, node->col);
    work->warned = result->outcome == LT_DBT_WARN;
    if (node->kind == LT_DBT_UNIT_TEST) {
        lt_work_log(work, "%.*s", LT_ARG(result->message));
        lt_ignore(lt_fail(err, LT_FAILED, "%s: the unit test %.*s of %.*s gives other rows",
                          lt_buf_chars(&where), LT_ARG(node->name), LT_ARG(node->model)));
        return lt_hint(err, "its log shows which: leat logs RUN %.*s", LT_ARG(node->id));
    }
    lt_ignore(lt_fail(err, LT_FAILED, "%s: test %.*s found %lld %s", lt_buf_chars(&where),
                      LT_ARG(node->name), (long long)result->failures,
                      result->failures == 1 ? "row" : "rows"));
    lt_quote_relation(&node->relation, &place);
    if (node->config.forget_failures)
        lt_hint(err, "run its SELECT to see the rows");
    else
        lt_hint(err, "look at them: leat sql 'select * from %s limit 10'", lt_buf_chars(&place));
    return work->warned ? LT_OK : LT_FAILED;
}

/* What is left of a node in the record: tables can be compared later. A snapshot has the past in it. */
static lt_status keep_result(lt_work *work, lt_session *session, const lt_dbt_node_result *result,
                             lt_err *err)
{
    const lt_dbt_node *node = result->node;
    lt_relation_kind kind = LT_RELATION_NONE;
    bool view = lt_text_eq(node->config.materialized, T("view"));
    result_relation(work, &node->relation);
    if (work->step->kind != LT_STEP_MODEL)
        return LT_OK;
    result_text(work, "materialized",
                node->kind == LT_DBT_MODEL ? node->config.materialized
                                           : lt_text_of(lt_dbt_kind_name(node->kind)));
    result_bool(work, "incremental", result->incremental);
    if (!view)
        LT_TRY(lt_relation_find(session, &node->relation, &kind, err));
    if (kind != LT_RELATION_TABLE)
        return LT_OK;
    work->task->record.rows_out = result->rows;
    return node->kind == LT_DBT_SNAPSHOT
               ? LT_OK
               : keep_fingerprint(work, session, &node->relation, !result->incremental, err);
}

static lt_status build(lt_work *work, lt_err *err)
{
    lt_dbt_node *node = work->step->node;
    lt_session *session = NULL;
    LT_TRY(lt_work_session(work, &session, err));
    const lt_dbt_node_result *result =
        lt_dbt_run_node(work->run->dbt, node, session, &work->attempt);
    if (node->compiled_code.len)
        lt_work_log(work, "SQL:\n%.*s", LT_ARG(node->compiled_code));
    if (result->outcome == LT_DBT_ERROR || result->outcome == LT_DBT_PARTIAL_SUCCESS) {
        *err = *result->err;
        return err->status;
    }
    if (work->step->kind == LT_STEP_TEST)
        work->task->record.rows_out = result->rows;
    LT_TRY(keep_result(work, session, result, err));
    lt_progress_add(&work->task->progress.rows_out,
                    LT_MAX(work->task->record.rows_out, (int64_t)0));
    bool told = result->outcome == LT_DBT_FAIL || result->outcome == LT_DBT_WARN;
    return told ? say_test(work, result, err) : LT_OK;
}

static lt_status run_hooks(lt_work *work, lt_err *err)
{
    lt_session *session = NULL;
    LT_TRY(lt_work_session(work, &session, err));
    return lt_dbt_run_hooks(work->run->dbt, work->step->hook, session, err);
}

/* ---- sql ---- */

static lt_status fail_in_sql(const lt_conf_task *task, lt_err *err)
{
    lt_conf_place place = task->command.place;
    return lt_wrap(err, "%s:%u:%u", place.file, place.line, place.col);
}

/* A cell as JSON: a number or a truth as such, everything else as text. */
static void write_cell(lt_json_writer *writer, lt_text value, lt_text type)
{
    double real;
    lt_err err;
    bool number = lt_text_has(type, T("INT")) || lt_text_has(type, T("int")) ||
                  lt_text_has(type, T("DOUBLE")) || lt_text_has(type, T("DECIMAL")) ||
                  lt_text_has(type, T("numeric")) || lt_text_has(type, T("double")) ||
                  lt_text_has(type, T("FLOAT")) || lt_text_has(type, T("real"));
    bool truth = lt_text_eq_nocase(type, T("boolean")) || lt_text_eq_nocase(type, T("bool"));
    if (!value.ptr)
        lt_json_null(writer);
    else if (number && !lt_text_has(type, T("interval")) && lt_text_to_double(value, &real) &&
             lt_json_check(value, NULL, &err) == LT_OK)
        lt_json_raw(writer, value);
    else if (truth)
        lt_json_bool(writer, value.len && value.ptr[0] == 't');
    else
        lt_json_string(writer, value);
}

void lt_step_write_row(const lt_table *table, size_t row, lt_json_writer *writer)
{
    lt_json_begin(writer, '{');
    for (size_t i = 0; i < table->column_count; i++) {
        lt_json_key(writer, table->names[i]);
        write_cell(writer, lt_table_cell(table, row, i), table->types[i]);
    }
    lt_json_end(writer);
}

static lt_status return_rows(lt_work *work, lt_session *session, lt_text sql, lt_err *err)
{
    enum { MOST_ROWS = 10000 };
    bool list = work->step->task->returns == LT_RETURN_ROWS;
    lt_table table;
    lt_json_writer writer = {.out = &work->output};
    LT_TRY(lt_query_table(session, sql, NULL, 0, MOST_ROWS, NULL, work->arena, &table, err));
    work->task->record.rows_out = (int64_t)table.row_count;
    if (!list && !table.row_count)
        return lt_fail(err, LT_FAILED, "the query gives no row");
    if (!list) {
        lt_step_write_row(&table, 0, &writer);
        return lt_buf_check(&work->output, "the output", err);
    }
    lt_json_begin(&writer, '{');
    lt_json_key(&writer, T("rows"));
    lt_json_begin(&writer, '[');
    for (size_t i = 0; i < table.row_count; i++)
        lt_step_write_row(&table, i, &writer);
    lt_json_end(&writer);
    lt_json_end(&writer);
    return lt_buf_check(&work->output, "the output", err);
}

static lt_status change_rows(lt_work *work, lt_session *session, lt_text sql, lt_err *err)
{
    int64_t *rows = &work->task->record.rows_out;
    LT_TRY(lt_exec(session, sql, rows, err));
    lt_buf_printf(&work->output, "{\"rows\":%lld}", (long long)*rows);
    return LT_OK;
}

static lt_status run_sql(lt_work *work, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    lt_session *session = NULL;
    lt_text sql = {0};
    LT_TRY(lt_work_session(work, &session, err));
    LT_TRY(lt_work_render(work, &task->command, &sql, err));
    lt_work_log(work, "SQL:\n%.*s", LT_ARG(sql));
    LT_TRY(lt_session_begin(session, err));
    lt_status status = task->returns == LT_RETURN_NOTHING ? change_rows(work, session, sql, err)
                                                          : return_rows(work, session, sql, err);
    if (status == LT_OK)
        status = lt_session_commit(session, err);
    if (status == LT_OK)
        return LT_OK;
    lt_session_rollback(session);
    return fail_in_sql(task, err);
}

/* Nothing is left to do once what stands before it is done. */
static lt_status pass(lt_work *work, lt_err *err)
{
    (void)work;
    (void)err;
    return LT_OK;
}

/* ---- the table of kinds ---- */

static lt_status (*const steps[LT_STEP_KINDS])(lt_work *work, lt_err *err) = {
    [LT_STEP_EXTRACT] = extract,
    [LT_STEP_LOAD] = load,
    [LT_STEP_MODEL] = build,
    [LT_STEP_TEST] = build,
    [LT_STEP_SQL] = run_sql,
    [LT_STEP_COMMAND] = lt_step_command,
    [LT_STEP_HTTP] = lt_step_http,
    [LT_STEP_NOTIFY] = lt_step_notify,
    [LT_STEP_WAIT] = lt_step_wait,
    [LT_STEP_APPROVE] = lt_step_approve,
    [LT_STEP_PIPELINE] = lt_step_pipeline,
    [LT_STEP_EACH] = lt_step_each,
    [LT_STEP_CHOOSE] = lt_step_choose,
    [LT_STEP_GATE] = pass,
    [LT_STEP_HOOK] = run_hooks,
};

static void log_also(void *context, lt_log_level level, lt_text line)
{
    lt_work_log(context, "%s%.*s", level == LT_LOG_WARNING ? "warning: " : "", LT_ARG(line));
}

lt_status lt_step_run(lt_work *work, lt_err *err)
{
    lt_log_set_also(log_also, work);
    lt_status status = steps[work->step->kind](work, err);
    bool is_dbt = work->step->node || work->step->hook;
    if (work->run->dbt && !is_dbt) /* it may have made or dropped tables */
        lt_dbt_run_forget(work->run->dbt);
    if (status == LT_OK)
        lt_telemetry_learn(work);
    lt_log_set_also(NULL, NULL);
    return status;
}
