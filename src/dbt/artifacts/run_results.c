/* run_results.json (schema v6): what became of each node of a run. */
#include "dbt/run/execute_inner.h"

#include "base/fs.h"
#include "base/time.h"

void lt_dbt_write_timing(lt_json_writer *w, const char *name, int64_t started_us, int64_t ended_us)
{
    char text[LT_TIME_CHARS];
    lt_json_begin(w, '{');
    lt_json_set(w, "name", lt_text_of(name));
    lt_json_set(w, "started_at", lt_text_of(lt_time_write(started_us, text)));
    lt_json_set(w, "completed_at", lt_text_of(lt_time_write(ended_us, text)));
    lt_json_end(w);
}

static void set_text(lt_json_writer *w, const char *key, lt_text text)
{
    lt_json_key(w, lt_text_of(key));
    if (text.len)
        lt_json_string(w, text);
    else
        lt_json_null(w);
}

/* "2024-01-01T00:00:00+00:00", as Python writes it. */
static void write_moment(lt_json_writer *w, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    LT_AUTO(lt_chars) moment = lt_format("%.19s+00:00", lt_time_write(at_us, text));
    lt_json_string(w, lt_text_of(moment));
}

void lt_dbt_write_spans(lt_json_writer *w, const char *key, const lt_dbt_spans *spans)
{
    lt_json_key(w, lt_text_of(key));
    lt_json_begin(w, '[');
    for (size_t i = 0; i < spans->len; i++) {
        lt_json_begin(w, '[');
        write_moment(w, spans->items[i].start_us);
        write_moment(w, spans->items[i].end_us);
        lt_json_end(w);
    }
    lt_json_end(w);
}

static void write_batches(lt_json_writer *w, const lt_dbt_node_result *result)
{
    if (!result->done.len && !result->failed.len) {
        lt_json_null(w);
        return;
    }
    lt_json_begin(w, '{');
    lt_dbt_write_spans(w, "successful", &result->done);
    lt_dbt_write_spans(w, "failed", &result->failed);
    lt_json_end(w);
}

/* dbt's words: what the database says is a "Database Error", with DuckDB a "Runtime Error". */
static const char *error_kind(const lt_dbt_run *run, const lt_err *err)
{
    return err->status == LT_INVALID ? "Compilation Error"
           : run->is_server          ? "Database Error"
                                     : "Runtime Error";
}

void lt_dbt_result_say(const lt_dbt_run *run, const lt_dbt_node_result *result, lt_buf *out)
{
    const lt_dbt_node *node = result->node;
    lt_text rest = result->message, line;
    if (result->outcome != LT_DBT_ERROR || !result->err) {
        lt_buf_add(out, result->message);
        return;
    }
    lt_buf_printf(out, "%s in %s %.*s (%.*s)", error_kind(run, result->err),
                  lt_dbt_is_inline(node) ? "sql_operation" : lt_dbt_kind_name(node->kind),
                  LT_ARG(node->name), LT_ARG(node->path));
    while (lt_text_cut(&rest, '\n', &line))
        lt_buf_printf(out, "\n  %.*s", LT_ARG(line));
}

/* It takes part, and has nothing to do. */
static bool is_listed_only(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_EXPOSURE || node->kind == LT_DBT_SAVED_QUERY;
}

/* Of what was compiled. */
static bool has_relation_name(const lt_dbt_node *node)
{
    return !node->no_relation && node->kind != LT_DBT_SEED && node->kind != LT_DBT_UNIT_TEST &&
           !is_listed_only(node);
}

void lt_dbt_write_result(lt_json_writer *w, const lt_dbt_run *run, const lt_dbt_node_result *result)
{
    const lt_dbt_node *node = result->node;
    LT_AUTO(lt_buf) relation = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_buf) message = {.limit = LT_MIB};
    LT_AUTO(lt_chars) thread = lt_format("Thread-%u (worker)", result->thread);
    bool hook = node->kind == LT_DBT_OPERATION;
    bool ran = result->thread > 0 || (hook && result->compile_started_us);
    if (has_relation_name(node))
        lt_dbt_relation_name(run->request.dbt, node, &relation);
    lt_json_begin(w, '{');
    lt_json_set(w, "status", lt_text_of(lt_dbt_outcome_name(result->outcome)));
    lt_json_key(w, T("timing"));
    lt_json_begin(w, '[');
    if (ran) {
        lt_dbt_write_timing(w, "compile", result->compile_started_us, result->compile_ended_us);
        lt_dbt_write_timing(w, "execute", result->execute_started_us, result->execute_ended_us);
    }
    lt_json_end(w);
    bool called = lt_text_starts(node->id, T("macro.")); /* run-operation */
    lt_json_set(w, "thread_id",
                hook && !called  ? T("main")
                : ran && !called ? lt_text_of(thread)
                                 : T("MainThread"));
    lt_json_key(w, T("execution_time"));
    lt_json_double(w, ran ? (double)(result->execute_ended_us - result->compile_started_us) / 1e6
                          : 0.0);
    lt_json_key(w, T("adapter_response"));
    lt_json_raw(w, result->adapter_response);
    lt_dbt_result_say(run, result, &message);
    set_text(w, "message", lt_buf_text(&message));
    lt_json_key(w, T("failures"));
    if (result->failures < 0)
        lt_json_null(w);
    else
        lt_json_int(w, result->failures);
    lt_json_set(w, "unique_id", node->id);
    lt_json_key(w, T("compiled"));
    if (node->kind == LT_DBT_SEED || is_listed_only(node) ||
        (node->kind == LT_DBT_UNIT_TEST && !node->is_compiled))
        lt_json_null(w);
    else
        lt_json_bool(w, node->is_compiled);
    if (hook && node->is_compiled)
        lt_json_set(w, "compiled_code", node->compiled_code); /* a macro may leave no SQL */
    else
        set_text(w, "compiled_code", node->compiled_code);
    set_text(w, "relation_name", lt_buf_text(&relation));
    lt_json_key(w, T("batch_results"));
    write_batches(w, result);
    lt_json_end(w);
}

lt_status lt_dbt_run_results_write(const lt_dbt_run *run, const char *folder, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 2 * LT_GIB};
    LT_AUTO(lt_chars) path = lt_path_join(folder, "run_results.json");
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("metadata"));
    lt_json_begin(&w, '{');
    lt_dbt_write_metadata(run->request.invocation,
                          "https://schemas.getdbt.com/dbt/run-results/v6.json", &w);
    lt_json_end(&w);
    lt_json_key(&w, T("results"));
    lt_json_begin(&w, '[');
    for (size_t i = 0; i < run->results.len; i++)
        lt_dbt_write_result(&w, run, run->results.items[i]);
    lt_json_end(&w);
    lt_json_key(&w, T("elapsed_time"));
    lt_json_double(&w, (double)lt_dbt_elapsed_us(run) / 1e6);
    lt_json_key(&w, T("args"));
    lt_dbt_write_value(&w, run->request.invocation->args);
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "run_results.json", err));
    LT_TRY(lt_folder_make(folder, 0755, err));
    return lt_file_write(path, lt_buf_text(&text), 0644, err);
}
