/* The hooks around a run: on-run-start and on-run-end, each with a result of its own. */
#include "dbt/run/execute_inner.h"

#include "base/time.h"

static bool is_in(lt_jinja_value list, lt_jinja_value item)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_jinja_at(list, i), item))
            return true;
    return false;
}

/* ---- what they see ---- */

/* results, schemas, database_schemas: what on-run-end sees; of hooks, as in dbt, only those that failed, of schemas those that something
 * was built in. */
static lt_jinja_value end_names(const lt_dbt_run *run, lt_jinja_heap *heap)
{
    lt_jinja_value names = lt_jinja_dict(heap), results = lt_jinja_list(heap);
    lt_jinja_value schemas = lt_jinja_list(heap), pairs = lt_jinja_list(heap);
    for (size_t i = 0; i < run->results.len; i++) {
        const lt_dbt_node_result *result = run->results.items[i];
        const lt_dbt_node *node = result->node;
        if (node->kind == LT_DBT_OPERATION && result->outcome != LT_DBT_ERROR)
            continue;
        lt_jinja_value schema = lt_jinja_text(node->relation.schema);
        lt_jinja_value pair[2] = {lt_jinja_text(node->relation.database), schema};
        lt_jinja_value both = lt_jinja_tuple(heap, pair, 2);
        lt_jinja_add(results, lt_dbt_result_value(run, result, heap));
        if (node->no_relation || result->outcome == LT_DBT_SKIPPED ||
            result->outcome == LT_DBT_ERROR)
            continue;
        if (!is_in(schemas, schema))
            lt_jinja_add(schemas, schema);
        if (!is_in(pairs, both))
            lt_jinja_add(pairs, both);
    }
    lt_jinja_put(names, "results", results);
    lt_jinja_put(names, "schemas", schemas);
    lt_jinja_put(names, "database_schemas", pairs);
    return names;
}

/* ---- one hook ---- */

typedef struct hook {
    lt_dbt_run *run;
    lt_session *session;
    lt_dbt_node *node;
    lt_dbt_node_result *result;
    const char *when;
    size_t total;
} hook;

/* With dbt's name of it: "shop.on-run-start.0 passed". */
static void set_message(const hook *h, const char *how, const lt_err *why)
{
    (void)pthread_mutex_lock(&h->run->lock);
    h->result->message = lt_text_of(lt_arena_format(
        &h->run->arena, "%.*s.%s.%zu %s%s%s", LT_ARG(h->node->package->name), h->when,
        h->result->place - 1, how, why ? ", error:\n " : "", why ? why->message : ""));
    (void)pthread_mutex_unlock(&h->run->lock);
}

static void started(const hook *h)
{
    if (h->run->request.started)
        h->run->request.started(h->run->request.user, h->result, h->total);
}

static void ended(const hook *h, lt_dbt_outcome outcome)
{
    lt_dbt_run *run = h->run;
    h->result->outcome = outcome;
    h->result->failures = outcome != LT_DBT_SUCCESS;
    (void)pthread_mutex_lock(&run->lock);
    lt_push_in(&run->arena, &run->results, h->result);
    if (run->request.ended)
        run->request.ended(run->request.user, h->result, h->total);
    (void)pthread_mutex_unlock(&run->lock);
}

static lt_status compile(const hook *h, lt_jinja_heap *heap, rendering *r, lt_buf *sql, lt_err *err)
{
    LT_AUTO(lt_dbt_compiled) compiled = {0};
    lt_text own = lt_dbt_write_path(h->node, NULL, &heap->arena);
    LT_TRY(lt_dbt_exec_attach(r, heap, (lt_text){0}, err));
    LT_TRY(lt_dbt_compile_own(r, heap, &compiled, err));
    lt_buf_add(sql, lt_buf_text(&compiled.sql));
    LT_TRY(lt_buf_check(sql, "the SQL", err));
    if (sql->len)
        LT_TRY(lt_dbt_compiled_write(h->run, own, lt_buf_text(sql), err));
    lt_dbt_compiled_keep(h->run, h->node, own, lt_buf_text(sql));
    if (!sql->len)
        h->node->compiled_path = (lt_text){0}; /* there is no such file */
    return LT_OK;
}

static lt_status execute(const hook *h, lt_text sql, lt_err *err)
{
    lt_status status = LT_OK;
    started(h);
    h->result->execute_started_us = lt_now_us();
    if (lt_text_trim(sql).len)
        status = lt_exec(h->session, sql, NULL, err);
    h->result->execute_ended_us = lt_now_us();
    if (status == LT_CANCELLED)
        return status;
    set_message(h, status == LT_OK ? "passed" : "failed", status == LT_OK ? NULL : err);
    ended(h, status == LT_OK ? LT_DBT_SUCCESS : LT_DBT_ERROR);
    h->run->hooks_failed += status != LT_OK;
    return status;
}

static lt_status run_hook(const hook *h, lt_err *err)
{
    rendering r;
    lt_jinja_heap *heap = lt_dbt_heap_new(h->run);
    graph_turn turn = {.graph = &h->run->graph, .session = h->session};
    LT_AUTO(lt_buf) sql = {0};
    lt_dbt_rendering_init(&r, h->run->request.dbt, h->node);
    r.turn = &turn;
    r.session = h->session;
    r.rt = h->run->rt;
    r.run = &h->run->settings;
    if (lt_text_eq(lt_text_of(h->when), T("on-run-end")))
        r.extra = end_names(h->run, heap);
    h->result->compile_started_us = lt_now_us();
    lt_status status = compile(h, heap, &r, &sql, err);
    h->result->compile_ended_us = lt_now_us();
    if (status == LT_FAILED) /* no result tells of it, so it must be said */
        status = err->status = LT_INVALID;
    if (status == LT_OK)
        status = execute(h, lt_buf_text(&sql), err);
    if (r.exec)
        lt_dbt_exec_close(r.exec);
    lt_dbt_heap_done(h->run, heap, &turn);
    if (status != LT_OK)
        return lt_wrap(err, "%.*s", LT_ARG(h->node->name));
    return LT_OK;
}

/* ---- all of them ---- */

static void list_hooks(const lt_dbt_run *run, const char *when, lt_arena *arena, lt_dbt_nodes *out)
{
    const lt_dbt_nodes *all = lt_dbt_all(run->request.dbt);
    for (size_t i = 0; i < all->len; i++)
        if (all->items[i]->kind == LT_DBT_OPERATION &&
            lt_dbt_texts_have(&all->items[i]->config.tags, lt_text_of(when)))
            lt_push_in(arena, out, all->items[i]);
}

static lt_status run_listed(hook *h, const lt_dbt_nodes *list, lt_err *err)
{
    lt_dbt_run *run = h->run;
    lt_status status = LT_OK;
    size_t failed_before = run->hooks_failed;
    for (size_t i = 0; i < list->len; i++) {
        h->node = list->items[i];
        (void)pthread_mutex_lock(&run->lock);
        h->result = lt_dbt_result_new(run, h->node);
        run->started_count--; /* nodes are counted for themselves */
        (void)pthread_mutex_unlock(&run->lock);
        h->result->place = h->node->line =
            (unsigned)i + 1; /* `index` of the manifest, which dbt counts from 1 here */
        if (status == LT_OK) {
            status = run_hook(h, err);
            if (status != LT_OK && run->hooks_failed == failed_before)
                return status;
            continue;
        }
        set_message(h, "skipped", NULL);
        ended(h, LT_DBT_SKIPPED);
    }
    return status;
}

lt_status lt_dbt_run_hooks(lt_dbt_run *run, const char *when, lt_session *session, lt_err *err)
{
    LT_AUTO(lt_session_ref) own = NULL;
    LT_AUTO(lt_arena) scratch = {0};
    lt_dbt_nodes list = {0};
    list_hooks(run, when, &scratch, &list);
    if (list.len && !session)
        LT_TRY(lt_session_open(run->engine, &own, err));
    hook h = {.run = run, .session = session ? session : own, .when = when, .total = list.len};
    lt_dbt_work_begins(run, own);
    lt_status status = run_listed(&h, &list, err);
    lt_dbt_work_ends(run, own);
    return status;
}
