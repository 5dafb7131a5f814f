/* leat dbt retry: what failed in the run before, with the options that it had. */
#include "cli/dbt/retry.h"

#include "base/fs.h"
#include "base/time.h"
#include "cli/dbt/cmd.h"
#include "cli/dbt/lines.h"

lt_status dbt_retry_read(dbt_work *work, const char *target_folder, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 2 * LT_GIB};
    lt_json *before = NULL;
    LT_AUTO(lt_chars)
    path =
        lt_path_join(work->flags->state ? work->flags->state : target_folder, "run_results.json");
    if (!lt_path_exists(path)) {
        lt_ignore(lt_fail(err, LT_INVALID, "Could not find previous run in '%s' target directory",
                          work->flags->state ? work->flags->state : lt_path_name(target_folder)));
        return lt_hint(err, "there is no '%s'; retry takes up the last run: make one first", path);
    }
    LT_TRY(lt_file_read(path, &text, err));
    LT_TRY(lt_json_read(lt_buf_text(&text), path, NULL, &work->app->arena, &before, err));
    work->before = before;
    return dbt_flags_from_run(work->flags, lt_json_find(before, "args"), &work->app->arena, err);
}

/* A warning counts where --warn-error makes it a failure. */
static bool failed_before(const lt_json *result, bool warns)
{
    static const char *const bad[] = {"error", "fail", "skipped", "runtime error",
                                      "partial success"};
    lt_text status = lt_json_text_or(result, "status", (lt_text){0});
    for (size_t i = 0; i < LT_COUNT(bad); i++)
        if (lt_text_eq(status, lt_text_of(bad[i])))
            return true;
    return warns && lt_text_eq(status, T("warn"));
}

/* Of a microbatch model only the batches that failed. */
static void add_batches(dbt_work *work, const lt_dbt_node *node, const lt_json *result)
{
    const lt_json *failed = lt_json_find(lt_json_find(result, "batch_results"), "failed");
    lt_dbt_again again = {.node = node};
    for (size_t i = 0; failed && i < failed->count; i++) {
        const lt_json *pair = &failed->items[i];
        lt_dbt_span span;
        if (pair->kind == LT_JSON_ARRAY && pair->count == 2 &&
            lt_time_read(pair->items[0].text, &span.start_us) &&
            lt_time_read(pair->items[1].text, &span.end_us))
            lt_push_in(&work->app->arena, &again.spans, span);
    }
    if (again.spans.len)
        lt_push_in(&work->app->arena, &work->again, again);
}

static lt_status say_nothing_failed(dbt_work *work)
{
    dbt_say(&work->log, LT_LOG_INFO, "Q024", "NothingToDo", "Nothing to do: nothing failed");
    return LT_OK;
}

/* As dbt: a macro that went well is not called again. */
static lt_status retry_operation(dbt_work *work, const lt_json *results, lt_err *err)
{
    if (results && results->count && failed_before(&results->items[0], false))
        return dbt_run_operation(work, err);
    return say_nothing_failed(work);
}

/* As dbt, which would not say that all is well. */
static lt_status is_gone(lt_text id, lt_err *err)
{
    lt_text kind = lt_text_sub(id, 0, lt_text_find_byte(id, '.', 0));
    lt_ignore(lt_fail(err, LT_INVALID, "Couldn't find %.*s '%.*s', which failed in the run before",
                      LT_ARG(kind), LT_ARG(id)));
    return lt_hint(err, "it was removed, renamed or disabled: begin a new run");
}

lt_status dbt_run_retry(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    dbt_verb verb = work->flags->verb;
    const lt_json *results = lt_json_find(work->before, "results");
    bool warns = work->flags->warn_error == 1;
    if (verb == DBT_OPERATION)
        return retry_operation(work, results, err);
    if (verb == DBT_CLONE)
        work->flags->defer = 1;
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    if (work->flags->store_failures == 1)
        lt_dbt_store_failures(work->dbt);
    lt_node_set_init(&chosen, lt_dbt_all(work->dbt)->len);
    for (size_t i = 0; results && i < results->count; i++) {
        lt_text id = lt_json_text_or(&results->items[i], "unique_id", (lt_text){0});
        if (lt_text_starts(id, T("operation.")) || !failed_before(&results->items[i], warns))
            continue;
        const lt_dbt_node *node = lt_dbt_find(work->dbt, id);
        if (!node)
            return is_gone(id, err);
        lt_node_set_add(&chosen, node->index);
        add_batches(work, node, &results->items[i]);
    }
    if (!lt_node_set_size(&chosen))
        return say_nothing_failed(work);
    return dbt_run_nodes(work,
                         verb == DBT_COMPILE || verb == DBT_DOCS_GENERATE ? LT_DBT_DO_COMPILE
                         : verb == DBT_CLONE                              ? LT_DBT_DO_CLONE
                                                                          : LT_DBT_DO_RUN,
                         &chosen, err);
}
