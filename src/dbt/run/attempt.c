/* One node on one thread: compiled, written to target/, materialised or tested. */
#include "dbt/run/execute_inner.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"

#include <stdlib.h>

/* ---- one node ---- */

typedef struct attempt {
    lt_dbt_run *run;
    lt_dbt_node *node;
    lt_dbt_node_result *result;
    lt_jinja_heap *heap;
    rendering r;
    node_fence fence;
    lt_dbt_compiled compiled;
    lt_text sql; /* compiled, with CTEs */
} attempt;

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST;
}

lt_status lt_dbt_compiled_write(const lt_dbt_run *run, lt_text own, lt_text sql, lt_err *err)
{
    if (!run->request.target_folder)
        return LT_OK;
    LT_AUTO(lt_chars) path = lt_format("%s/compiled/%.*s", run->request.target_folder, LT_ARG(own));
    return lt_file_update(path, sql, 0644, err);
}

/* The node belongs to this thread, the project's arena to whoever has the lock. */
void lt_dbt_compiled_keep(lt_dbt_run *run, lt_dbt_node *node, lt_text own, lt_text sql)
{
    lt_dbt *dbt = run->request.dbt;
    (void)pthread_mutex_lock(&run->lock);
    node->compiled_code = lt_arena_text(&dbt->arena, sql);
    node->is_compiled = true;
    node->compiled_path =
        lt_text_of(lt_arena_format(&dbt->arena, "target/compiled/%.*s", LT_ARG(own)));
    (void)pthread_mutex_unlock(&run->lock);
}

/* What others put in front of theirs: without what it reads itself. */
static void keep_cte(attempt *a)
{
    (void)pthread_mutex_lock(&a->run->lock);
    a->node->cte_code = lt_arena_text(&a->run->request.dbt->arena, lt_buf_text(&a->compiled.sql));
    (void)pthread_mutex_unlock(&a->run->lock);
}

static lt_status compile_own(attempt *a, lt_buf *sql, lt_err *err)
{
    LT_TRY(lt_dbt_compile_own(&a->r, a->heap, &a->compiled, err));
    lt_buf_add(sql, lt_buf_text(&a->compiled.sql));
    if (lt_dbt_is_ephemeral(a->node))
        keep_cte(a);
    return lt_dbt_inject_ctes(&a->r, a->heap, sql, err);
}

/* A SELECT stands in parentheses later: a ';' at its end would spoil that. */
static void trim_end(lt_buf *sql)
{
    lt_text text = lt_text_trim(lt_buf_text(sql));
    if (!text.len || text.ptr[text.len - 1] != ';')
        return;
    size_t len = (size_t)(text.ptr + text.len - lt_buf_text(sql).ptr);
    while (len && (lt_is_space(sql->data[len - 1]) || sql->data[len - 1] == ';'))
        len--;
    lt_buf_cut(sql, len);
}

/* As dbt: a clone is a view of the other relation where the database cannot copy; the model's own SQL is of no use. */
static void prepare_clone(attempt *a)
{
    LT_AUTO(lt_buf) name = {.limit = 64 * LT_KIB};
    a->r.deferred = lt_dbt_deferred_relation(&a->r, a->node, a->heap);
    if (a->r.deferred.type == LT_JINJA_UNDEFINED)
        return;
    lt_jinja_str(a->r.deferred, &name);
    a->sql = lt_text_of(lt_arena_format(&a->heap->arena, "select * from %s", lt_buf_chars(&name)));
}

static lt_status compile(attempt *a, lt_err *err)
{
    if (a->run->request.action == LT_DBT_DO_CLONE) {
        prepare_clone(a);
        return LT_OK;
    }
    if (a->node->kind == LT_DBT_SEED)
        return LT_OK;
    LT_AUTO(lt_buf) sql = {0};
    LT_TRY(a->node->kind == LT_DBT_UNIT_TEST
               ? lt_dbt_unit_compile(&a->r, a->heap, &a->compiled, &sql, err)
               : compile_own(a, &sql, err));
    bool is_shown_only = a->run->request.action == LT_DBT_DO_COMPILE;
    if (!lt_dbt_is_python(a->node) && !lt_dbt_is_text_test(a->node) && !is_shown_only)
        trim_end(&sql);
    LT_TRY(lt_buf_check(&sql, "the SQL", err));
    a->sql = lt_jinja_as_text(lt_jinja_text_copy(a->heap, lt_buf_text(&sql)));
    lt_text own = lt_dbt_write_path(a->node, a->r.batch, &a->heap->arena);
    if (!lt_dbt_is_inline(a->node)) /* it is in no file */
        LT_TRY(lt_dbt_compiled_write(a->run, own, a->sql, err));
    if (!a->r.batch || !a->r.batch->is_beside) /* else others read the node; the last is alone */
        lt_dbt_compiled_keep(a->run, a->node, own, a->sql);
    return LT_OK;
}

/* What a node writes is locked before it looks at what is there. */
static lt_status begin_and_compile(attempt *a, lt_err *err)
{
    lt_status status = LT_OK;
    LT_TRY(lt_dbt_exec_attach(&a->r, a->heap, (lt_text){0}, err));
    if (a->fence.is_closed)
        status = lt_dbt_transaction_begin(&a->fence.transaction, err);
    if (status == LT_OK)
        status = compile(a, err);
    if (!a->fence.is_closed)
        lt_dbt_transaction_rollback(&a->fence.transaction);
    lt_dbt_exec_close(a->r.exec);
    return status;
}

static lt_text materialization_of(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_SEED        ? T("seed")
           : node->kind == LT_DBT_SNAPSHOT  ? T("snapshot")
           : is_test(node)                  ? T("test")
           : node->kind == LT_DBT_UNIT_TEST ? T("unit")
                                            : node->config.materialized;
}

/* An error of the database is told at the node's own line, and one of a macro of ours where the node is written. */
static lt_status blame(attempt *a, lt_err *err)
{
    if (err->status == LT_INVALID && !lt_dbt_exec_has_place(a->r.exec))
        return lt_dbt_blame_entry(a->node, err);
    if (err->status == LT_FAILED && a->node->kind == LT_DBT_SEED)
        return lt_dbt_exec_blame_seed(a->r.exec, a->node->path, err);
    if (err->status != LT_FAILED || !a->compiled.sql.len)
        return err->status;
    return lt_dbt_blame(a->node, &a->compiled, lt_dbt_exec_failed_sql(a->r.exec),
                        lt_dbt_exec_failed_at(a->r.exec), err);
}

static void judge(attempt *a, const lt_dbt_run_result *made)
{
    lt_dbt_node_result *result = a->result;
    bool warn_only = lt_text_eq(a->node->config.severity, T("warn"));
    result->failures = made->failures;
    bool errs = !warn_only && made->should_error, strict = a->run->request.warn_error;
    result->outcome = errs                          ? LT_DBT_FAIL
                      : made->should_warn && strict ? LT_DBT_FAIL
                      : made->should_warn           ? LT_DBT_WARN
                                                    : LT_DBT_PASS;
    result->message = (lt_text){0};
    if (result->outcome == LT_DBT_PASS) {
        result->failures = 0; /* what was found is within its limits */
        return;
    }
    lt_text rule = errs ? a->node->config.error_if : a->node->config.warn_if;
    (void)pthread_mutex_lock(&a->run->lock);
    result->message =
        lt_text_of(lt_arena_format(&a->run->arena, "Got %lld result%s, configured to %s if %.*s",
                                   (long long)made->failures, made->failures == 1 ? "" : "s",
                                   result->outcome == LT_DBT_FAIL ? "fail" : "warn", LT_ARG(rule)));
    (void)pthread_mutex_unlock(&a->run->lock);
}

static void say_unit(attempt *a, bool same, const lt_buf *diff)
{
    a->result->outcome = same ? LT_DBT_PASS : LT_DBT_FAIL;
    a->result->failures = !same;
    a->result->message = (lt_text){0};
    if (same)
        return;
    (void)pthread_mutex_lock(&a->run->lock);
    a->result->message = lt_text_of(lt_arena_format(
        &a->run->arena, "actual differs from expected:\n\n(--- expected, +++ actual)\n%s",
        lt_buf_chars(diff)));
    (void)pthread_mutex_unlock(&a->run->lock);
}

static lt_status judge_unit(attempt *a, const lt_dbt_run_result *made, lt_err *err)
{
    bool same = false;
    LT_AUTO(lt_buf) diff = {.limit = 64 * LT_KIB};
    LT_TRY(lt_dbt_unit_diff(made->table, &same, &diff, err));
    say_unit(a, same, &diff);
    return LT_OK;
}

/* There is nothing to run. */
static void judge_text(attempt *a)
{
    LT_AUTO(lt_buf) diff = {.limit = 64 * LT_KIB};
    bool same = lt_dbt_text_test_same(a->node, a->sql, &diff);
    say_unit(a, same, &diff);
}

static void keep_response(attempt *a, const lt_dbt_run_result *made)
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_json_writer w = {.out = &text};
    if (made->adapter_response.type == LT_JINJA_DICT)
        lt_dbt_write_value(&w, made->adapter_response);
    else
        lt_buf_add_str(&text, "{}");
    (void)pthread_mutex_lock(&a->run->lock);
    a->result->adapter_response = lt_arena_text(&a->run->arena, lt_buf_text(&text));
    a->result->message = lt_arena_text(&a->run->arena, made->message);
    (void)pthread_mutex_unlock(&a->run->lock);
}

static bool is_in(lt_jinja_value list, lt_jinja_value item)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_jinja_at(list, i), item))
            return true;
    return false;
}

/* As dbt, before anything of the materialization runs. */
static lt_status check_language(const attempt *a, lt_text materialization, lt_err *err)
{
    const lt_dbt_macro *macro = lt_dbt_materialization_find(a->run->request.dbt, materialization);
    bool python = lt_text_ends_nocase(a->node->path, T(".py"));
    lt_jinja_value language = lt_jinja_text(python ? T("python") : T("sql"));
    LT_AUTO(lt_buf) known = {.limit = LT_KIB};
    bool judged = a->node->kind == LT_DBT_MODEL || a->node->kind == LT_DBT_UDF;
    if (!judged || !macro || is_in(lt_dbt_macro_ready(macro)->supported_languages, language) ||
        (macro->supported_languages.type == LT_JINJA_UNDEFINED && !python))
        return LT_OK;
    if (macro->supported_languages.type == LT_JINJA_UNDEFINED)
        lt_buf_add_str(&known, "['sql']");
    else
        lt_jinja_repr(macro->supported_languages, &known);
    return lt_fail(err, LT_INVALID,
                   "%.*s: Materialization \"%.*s\" only supports languages %s; got \"%.*s\"",
                   LT_ARG(a->node->path), LT_ARG(macro->name), lt_buf_chars(&known),
                   LT_ARG(lt_jinja_as_text(language)));
}

static lt_status materialize(attempt *a, lt_dbt_run_result *made, lt_err *err)
{
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &a->r};
    lt_text name =
        a->run->request.action == LT_DBT_DO_CLONE ? T("clone") : materialization_of(a->node);
    bool is_plain = a->run->has_plain_views && lt_dbt_is_plain_view(a->run->request.dbt, a->node);
    bool is_made = false;
    lt_status status = LT_OK;
    if (a->run->request.action != LT_DBT_DO_CLONE && !is_plain)
        LT_TRY(check_language(a, name, err));
    LT_TRY(lt_dbt_exec_attach(&a->r, a->heap, a->sql, err));
    if (is_plain)
        status = lt_dbt_exec_run_view(a->r.exec, a->node->id, &is_made, made, err);
    if (status == LT_OK && !is_made)
        status = lt_dbt_exec_run(a->r.exec, &a->run->request.dbt->env, &context, name, made, err);
    if (status != LT_OK)
        status = blame(a, err);
    lt_dbt_exec_close(a->r.exec);
    return status;
}

/* For people to look at: the rows that a test found, and none of a test that found none. */
static lt_status keep_failures(attempt *a, int64_t failures, lt_err *err)
{
    lt_jinja_value ignored = {0};
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &a->r};
    lt_jinja_kwarg args[] = {{T("rows_sql"), lt_jinja_text(a->sql)},
                             {T("any"), lt_jinja_bool(failures > 0)}};
    if (!a->run->request.guard || a->node->config.forget_failures || a->node->config.store_failures)
        return LT_OK;
    LT_TRY(lt_dbt_exec_attach(&a->r, a->heap, a->sql, err));
    lt_dbt_fence_close(&a->fence, true);
    lt_status status =
        lt_dbt_exec_call(a->r.exec, &a->run->request.dbt->env, &context, T("leat_keep_failures"),
                         args, LT_COUNT(args), &ignored, err);
    lt_dbt_transaction_rollback(&a->fence.transaction);
    lt_dbt_exec_close(a->r.exec);
    return status;
}

static bool is_increment(const attempt *a)
{
    const lt_dbt_config *config = &a->node->config;
    bool whole = config->full_refresh < 0 ? a->run->request.dbt->settings.full_refresh
                                          : config->full_refresh != 0;
    bool adds =
        a->node->kind == LT_DBT_SNAPSHOT || lt_text_eq(config->materialized, T("incremental"));
    return adds && a->fence.found == LT_RELATION_TABLE && !whole;
}

static lt_status execute(attempt *a, lt_err *err)
{
    lt_dbt_run_result made = {0};
    lt_dbt_node_result *result = a->result;
    if (a->run->request.action == LT_DBT_DO_SHOW)
        return lt_dbt_show_rows(a->run, &a->r, a->sql, &result->table, err);
    if (lt_dbt_is_text_test(a->node)) {
        judge_text(a);
        return LT_OK;
    }
    LT_TRY(materialize(a, &made, err));
    keep_response(a, &made);
    result->rows = made.rows_changed;
    result->incremental = is_increment(a);
    result->outcome = LT_DBT_SUCCESS;
    if (is_test(a->node)) {
        judge(a, &made);
        result->rows = made.failures;
        LT_TRY(keep_failures(a, made.failures, err));
    }
    return a->node->kind == LT_DBT_UNIT_TEST ? judge_unit(a, &made, err) : LT_OK;
}

void lt_dbt_result_failed(lt_dbt_run *run, lt_dbt_node_result *result, const lt_err *err)
{
    lt_err *kept = LT_NEW(&run->arena, lt_err);
    *kept = *err;
    result->err = kept;
    result->outcome = LT_DBT_ERROR;
    result->message = lt_text_of(kept->message);
}

static void failed(attempt *a, const lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 8 * LT_KIB};
    const lt_relation *relation = &a->node->relation;
    lt_buf_printf(&text, "%s%s%s", err->message, err->hint[0] ? "\n  " : "", err->hint);
    if (a->fence.is_closed) /* what was done and then undone is not there */
        lt_dbt_rt_forget_schema(a->run->rt, relation->database, relation->schema);
    (void)pthread_mutex_lock(&a->run->lock);
    lt_dbt_result_failed(a->run, a->result, err);
    a->result->message = lt_arena_text(&a->run->arena, lt_buf_text(&text));
    (void)pthread_mutex_unlock(&a->run->lock);
}

static lt_status give_true(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_bool(true);
    return LT_OK;
}

static lt_status give_false(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_bool(false);
    return LT_OK;
}

/* Batches behind the first add to what it has built, also when that was built anew. Hooks are the model's, not those of a batch. */
static void give_batch(attempt *a, const lt_dbt_batch *batch)
{
    static const lt_jinja_func yes = {"is_incremental", give_true, NULL},
                               no = {"should_full_refresh", give_false, NULL};
    a->r.batch = batch;
    a->r.extra = lt_jinja_dict(a->heap);
    if (!batch->is_first)
        lt_jinja_put(a->r.extra, "pre_hooks", lt_jinja_list(a->heap));
    if (!batch->is_last)
        lt_jinja_put(a->r.extra, "post_hooks", lt_jinja_list(a->heap));
    if (!batch->increments)
        return;
    lt_jinja_put(a->r.extra, "is_incremental", lt_jinja_func_value(&yes));
    lt_jinja_put(a->r.extra, "should_full_refresh", lt_jinja_func_value(&no));
}

lt_jinja_heap *lt_dbt_heap_new(lt_dbt_run *run)
{
    (void)pthread_mutex_lock(&run->lock);
    lt_jinja_heap *heap =
        run->spare.len ? run->spare.items[--run->spare.len] : lt_xcalloc(1, sizeof(lt_jinja_heap));
    (void)pthread_mutex_unlock(&run->lock);
    return heap;
}

void lt_dbt_heap_done(lt_dbt_run *run, lt_jinja_heap *heap, graph_turn *turn)
{
    bool stays = lt_dbt_graph_leave(turn);
    if (!stays)
        lt_jinja_heap_reset(heap);
    (void)pthread_mutex_lock(&run->lock);
    if (stays)
        lt_push(&run->heaps, heap);
    else
        lt_push(&run->spare, heap);
    (void)pthread_mutex_unlock(&run->lock);
}

void lt_dbt_attempt_once(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                         const lt_attempt *token, const lt_dbt_batch *batch,
                         lt_dbt_node_result *result)
{
    lt_err err = {0};
    lt_jinja_heap *heap = lt_dbt_heap_new(run);
    graph_turn turn = {.graph = &run->graph, .session = session};
    attempt a = {.run = run, .node = node, .result = result, .heap = heap};
    lt_dbt_rendering_init(&a.r, run->request.dbt, node);
    a.r.turn = &turn;
    a.r.session = session;
    a.r.rt = run->rt;
    a.r.run = &run->settings;
    a.r.heap = heap;
    a.r.thread = result->thread;
    if (batch)
        give_batch(&a, batch);
    lt_dbt_fence_init(&a.fence, run, &a.r, token, &heap->arena);
    result->compile_started_us = lt_now_us();
    lt_status status = begin_and_compile(&a, &err);
    result->compile_ended_us = result->execute_started_us = lt_now_us();
    result->outcome = LT_DBT_SUCCESS;
    bool shows = run->request.action == LT_DBT_DO_SHOW;
    if (status == LT_OK && run->request.action != LT_DBT_DO_COMPILE &&
        (shows || !lt_dbt_is_ephemeral(node)))
        status = execute(&a, &err);
    lt_dbt_transaction_rollback(&a.fence.transaction);
    result->execute_ended_us = lt_now_us();
    if (status != LT_OK)
        failed(&a, &err);
    lt_dbt_compiled_cleanup(&a.compiled);
    lt_dbt_heap_done(run, heap, &turn);
}

void lt_dbt_attempt(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                    const lt_attempt *token, lt_dbt_node_result *result)
{
    if (node->kind == LT_DBT_EXPOSURE || node->kind == LT_DBT_SAVED_QUERY) {
        result->outcome = LT_DBT_NO_OP; /* it waits for what it reads, and has nothing to do */
        result->compile_started_us = result->compile_ended_us = lt_now_us();
        result->execute_started_us = result->execute_ended_us = result->compile_ended_us;
        result->message = T("NO-OP");
        result->failures = 0; /* as dbt has it */
        return;
    }
    if (lt_dbt_is_microbatch(node) && session && run->request.action == LT_DBT_DO_RUN)
        lt_dbt_attempt_batches(run, node, session, token, result);
    else
        lt_dbt_attempt_once(run, node, session, token, NULL, result);
}

/* ---- operations ---- */

/* Its values are the run's. */
lt_jinja_heap *lt_dbt_run_heap(lt_dbt_run *run)
{
    lt_jinja_heap *heap = lt_dbt_heap_new(run);
    (void)pthread_mutex_lock(&run->lock);
    lt_push(&run->heaps, heap);
    (void)pthread_mutex_unlock(&run->lock);
    return heap;
}

/* What run_results.json has of it, under the macro's own id. */
static lt_dbt_node_result *operation_result(lt_dbt_run *run, const lt_dbt_macro *macro)
{
    lt_dbt_node *node = LT_NEW(&run->arena, lt_dbt_node);
    *node = (lt_dbt_node){.kind = LT_DBT_OPERATION,
                          .id = macro->id,
                          .name = macro->name,
                          .path = macro->path,
                          .package = run->request.dbt->root,
                          .no_relation = true};
    lt_dbt_node_result *result = lt_dbt_result_new(run, node);
    result->compile_started_us = result->compile_ended_us = lt_now_us();
    result->execute_started_us = result->execute_ended_us = result->compile_ended_us;
    result->outcome = LT_DBT_ERROR; /* until it is known */
    result->failures = 1;
    lt_push_in(&run->arena, &run->results, result);
    return result;
}

/* That of whichever package has it. */
static const lt_dbt_macro *of_any_package(const lt_dbt *dbt, lt_text name)
{
    const lt_dbt_macro *found = NULL;
    for (size_t i = 0; i < dbt->packages.len && !found; i++)
        found = lt_map_find(&dbt->packages.items[i]->macros, name);
    return found;
}

/* Found before it is called: what is not there has no result. */
static lt_status find_operation(rendering *r, lt_text name, const lt_dbt_macro **out, lt_err *err)
{
    size_t dot = lt_text_find_byte(name, '.', 0);
    const lt_dbt_package *package =
        dot == SIZE_MAX ? NULL : lt_dbt_package_find(r->dbt, lt_text_sub(name, 0, dot));
    lt_text rest = package ? lt_text_sub(name, dot + 1, SIZE_MAX) : name;
    if (package)
        r->package = package; /* a macro of a package means its own names first */
    *out =
        package ? lt_map_find(&package->macros, rest) : lt_dbt_macro_find(r->dbt, r->package, rest);
    if (!*out && !package)
        *out = of_any_package(r->dbt, rest);
    if (*out && !(*out)->package->is_built_in)
        r->package = (*out)->package;
    return *out ? LT_OK
                : lt_fail(err, LT_NOT_FOUND,
                          "dbt could not find a macro with the name '%.*s' in any package",
                          LT_ARG(rest));
}

lt_status lt_dbt_operation(lt_dbt_run *run, lt_text macro, lt_jinja_value args, lt_jinja_value *out,
                           lt_err *err)
{
    enum { MOST_ARGS = 64 };
    rendering r;
    lt_jinja_heap *heap = lt_dbt_run_heap(run);
    lt_jinja_kwarg kwargs[MOST_ARGS];
    size_t count = 0;
    lt_jinja_value key, value;
    const lt_dbt_macro *found = NULL;
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(run->engine, &session, err));
    for (size_t at = 0; args.type == LT_JINJA_DICT && lt_jinja_next(args, &at, &key, &value);) {
        if (count == MOST_ARGS)
            return lt_fail(err, LT_TOO_BIG, "--args: at most %d arguments", MOST_ARGS);
        kwargs[count++] = (lt_jinja_kwarg){.name = lt_jinja_as_text(key), .value = value};
    }
    lt_dbt_rendering_init(&r, run->request.dbt, NULL);
    LT_TRY(find_operation(&r, macro, &found, err));
    r.session = session;
    r.rt = run->rt;
    r.run = &run->settings;
    r.heap = heap;
    graph_turn turn = {.graph = &run->graph, .session = session};
    r.turn = &turn;
    lt_dbt_node_result *result = operation_result(run, found);
    if (!found->package->is_built_in && lt_text_find_byte(macro, '.', 0) == SIZE_MAX)
        macro = lt_text_of(lt_arena_format(&heap->arena, "%.*s.%.*s", LT_ARG(found->package->name),
                                           LT_ARG(macro)));
    LT_TRY(lt_dbt_exec_attach(&r, heap, (lt_text){0}, err));
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &r};
    lt_status status =
        lt_dbt_exec_call(r.exec, &run->request.dbt->env, &context, macro, kwargs, count, out, err);
    lt_dbt_exec_close(r.exec);
    (void)lt_dbt_graph_leave(&turn);
    result->outcome = status == LT_OK ? LT_DBT_SUCCESS : LT_DBT_ERROR;
    result->failures = status != LT_OK;
    result->execute_ended_us = lt_now_us();
    return status;
}
