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
                                  lt_err *err)
{
    lt_fingerprint fingerprint;
    LT_TRY(lt_fingerprint_take(session, relation, work->arena, &fingerprint, err));
    lt_fingerprint_write(&fingerprint, result_member(work, "fingerprint"));
    return LT_OK;
}

/* The SQL as it is sent, for the log. */
static lt_status log_sql(lt_work *work, lt_session *session, lt_err *err)
{
    LT_AUTO(lt_dbt_compiled) compiled = {0};
    LT_TRY(lt_dbt_compile(work->run->plan->dbt, work->step->node, session, &compiled, err));
    lt_work_log(work, "SQL:\n%s", lt_buf_chars(&compiled.sql));
    return LT_OK;
}

static lt_status build(lt_work *work, lt_err *err)
{
    const lt_dbt_node *node = work->step->node;
    lt_dbt_result result;
    lt_session *session = NULL;
    LT_TRY(lt_work_session(work, &session, err));
    LT_TRY(log_sql(work, session, err));
    LT_TRY(lt_dbt_build(work->run->plan->dbt, node, session, &work->attempt, &result, err));
    work->task->record.rows_out = result.rows;
    lt_progress_add(&work->task->progress.rows_out, LT_MAX(result.rows, (int64_t)0));
    work->warned = result.warned;
    result_relation(work, &node->relation);
    if (node->kind != LT_DBT_MODEL)
        return LT_OK;
    result_text(work, "materialized", node->config.materialized);
    result_bool(work, "incremental", result.incremental);
    if (result.rows < 0)
        return LT_OK;
    return keep_fingerprint(work, session, &node->relation, err);
}

/* ---- sql ---- */

static lt_status run_sql(lt_work *work, lt_err *err)
{
    const lt_conf_task *task = work->step->task;
    lt_session *session = NULL;
    lt_text sql = {0};
    LT_TRY(lt_work_session(work, &session, err));
    LT_TRY(lt_conf_render(&task->sql, lt_scope_render, &work->run->plan->request.scope, work->arena,
                          &sql, err));
    lt_work_log(work, "SQL:\n%.*s", LT_ARG(sql));
    LT_TRY(lt_session_begin(session, err));
    lt_status status = lt_exec(session, sql, &work->task->record.rows_out, err);
    if (status == LT_OK)
        status = lt_session_commit(session, err);
    if (status == LT_OK)
        return LT_OK;
    lt_session_rollback(session);
    return lt_wrap(err, "%s:%u:%u", task->sql.place.file, task->sql.place.line,
                   task->sql.place.col);
}

/* ---- the table of kinds ---- */

static lt_status (*const steps[])(lt_work *work, lt_err *err) = {
    [LT_STEP_EXTRACT] = extract, [LT_STEP_LOAD] = load,   [LT_STEP_MODEL] = build,
    [LT_STEP_TEST] = build,      [LT_STEP_SQL] = run_sql,
};

static void log_also(void *context, lt_log_level level, lt_text line)
{
    lt_work_log(context, "%s%.*s", level == LT_LOG_WARNING ? "warning: " : "", LT_ARG(line));
}

lt_status lt_step_run(lt_work *work, lt_err *err)
{
    lt_log_set_also(log_also, work);
    lt_status status = steps[work->step->kind](work, err);
    lt_log_set_also(NULL, NULL);
    return status;
}
