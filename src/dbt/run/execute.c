/* The nodes of a run: their order, the threads that take them, what each attempt leaves behind. */
#include "dbt/run/execute.h"

#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "dbt/run/execute_inner.h"

#include <pthread.h>
#include <stdlib.h>

static const char *const outcome_names[LT_DBT_OUTCOMES] = {
    [LT_DBT_SUCCESS] = "success", [LT_DBT_ERROR] = "error",
    [LT_DBT_SKIPPED] = "skipped", [LT_DBT_PASS] = "pass",
    [LT_DBT_FAIL] = "fail",       [LT_DBT_WARN] = "warn",
    [LT_DBT_NO_OP] = "no-op",     [LT_DBT_PARTIAL_SUCCESS] = "partial success"};

const char *lt_dbt_outcome_name(lt_dbt_outcome outcome)
{
    return outcome_names[outcome];
}

static bool is_bad(lt_dbt_outcome outcome)
{
    return outcome == LT_DBT_ERROR || outcome == LT_DBT_FAIL || outcome == LT_DBT_SKIPPED ||
           outcome == LT_DBT_PARTIAL_SUCCESS;
}

/* Then the first error ends the command, as with dbt. */
static bool only_compiles(const lt_dbt_run *run)
{
    return run->request.action == LT_DBT_DO_COMPILE;
}

/* ---- what waits for what ---- */

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST ||
           node->kind == LT_DBT_UNIT_TEST;
}

/* It has no result, but what is wrong with it has. */
static bool is_hidden(const lt_dbt_run *run, const lt_dbt_node *node)
{
    return lt_dbt_is_ephemeral(node) && !run->request.shows_ephemeral;
}

static bool takes_part(const lt_dbt_run *run, const lt_dbt_node *node)
{
    return lt_node_set_has(run->request.selected, node->index) &&
           (run->request.action != LT_DBT_DO_CLONE || !lt_dbt_is_ephemeral(node));
}

static void add_wait(lt_dbt_run *run, const lt_dbt_node *node, const lt_dbt_node *on)
{
    task *waiting = &run->tasks[node->index], *first = &run->tasks[on->index];
    for (size_t i = 0; i < first->feeds.len; i++)
        if (first->feeds.items[i] == node->index)
            return;
    lt_push_in(&run->arena, &first->feeds, node->index);
    waiting->missing++;
}

/* The nearest chosen nodes above those: what is not chosen is looked through. */
static void link_upwards(lt_dbt_run *run, const lt_dbt_node *node, const lt_dbt_nodes *above)
{
    LT_AUTO(lt_arena) scratch = {0};
    lt_dbt_nodes open = {0};
    lt_map seen = {0};
    for (size_t i = 0; i < above->len; i++)
        lt_push_in(&scratch, &open, above->items[i]);
    while (open.len) {
        lt_dbt_node *next = open.items[--open.len];
        if (takes_part(run, next)) {
            add_wait(run, node, next);
            continue;
        }
        if (lt_map_put(&seen, next->id, next))
            continue;
        for (size_t i = 0; i < next->depends_on.len; i++)
            lt_push_in(&scratch, &open, next->depends_on.items[i]);
    }
    lt_map_cleanup(&seen);
}

/* The model that a unit test is of, when it is built too: then the test comes first. */
static const lt_dbt_node *gated_model(const lt_dbt_run *run, const lt_dbt_node *test)
{
    for (size_t i = 0; test->kind == LT_DBT_UNIT_TEST && i < test->depends_on.len; i++) {
        const lt_dbt_node *node = test->depends_on.items[i];
        if (node->kind == LT_DBT_MODEL && run->request.tests_gate && takes_part(run, node))
            return node;
    }
    return NULL;
}

/* An exposure or saved query has nothing to do that a test could hold up. */
static bool builds(const lt_dbt_node *node)
{
    return node->kind != LT_DBT_EXPOSURE && node->kind != LT_DBT_SAVED_QUERY;
}

/* What is below all that a test reads waits for the test. Below a single node its children are enough. */
static void gate(lt_dbt_run *run, const lt_dbt_node *test)
{
    size_t count = lt_dbt_all(run->request.dbt)->len, *hits, *seen;
    LT_AUTO(lt_arena) scratch = {0};
    lt_dbt_nodes below = {0};
    if (!test->depends_on.len)
        return;
    hits = lt_xcalloc(count + 1, 2 * sizeof(*hits));
    seen = hits + count + 1; /* for which of the test's tables a node was last reached */
    for (size_t d = 0; d < test->depends_on.len; d++) {
        LT_VEC(size_t) open = {0};
        bool deep = test->depends_on.len > 1;
        lt_push_in(&scratch, &open, test->depends_on.items[d]->index);
        for (size_t at = 0; at < open.len; at++) {
            const lt_dbt_nodes *children = &run->children[open.items[at]];
            for (size_t k = 0; k < children->len; k++) {
                lt_dbt_node *child = children->items[k];
                if (is_test(child) || seen[child->index] == d + 1)
                    continue;
                seen[child->index] = d + 1;
                hits[child->index]++;
                if (hits[child->index] == test->depends_on.len)
                    lt_push_in(&scratch, &below, child);
                if (deep)
                    lt_push_in(&scratch, &open, child->index);
            }
        }
    }
    for (size_t i = 0; i < below.len; i++)
        if (takes_part(run, below.items[i]) && builds(below.items[i]))
            add_wait(run, below.items[i], test);
    lt_free(hits);
}

static void link_all(lt_dbt_run *run)
{
    const lt_dbt_nodes *all = lt_dbt_all(run->request.dbt);
    for (size_t i = 0; i < all->len; i++) {
        if (!takes_part(run, all->items[i]))
            continue;
        const lt_dbt_node *model = gated_model(run, all->items[i]);
        run->total++;
        run->shown += !is_hidden(run, all->items[i]);
        run->tasks[i].takes_part = true;
        link_upwards(run, all->items[i], model ? &model->depends_on : &all->items[i]->depends_on);
        if (model)
            add_wait(run, model, all->items[i]);
    }
    for (size_t i = 0; i < all->len && run->request.tests_gate; i++)
        if (run->tasks[i].takes_part && is_test(all->items[i]) &&
            all->items[i]->kind != LT_DBT_UNIT_TEST)
            gate(run, all->items[i]);
}

/* ---- the queue: a heap of indexes, the smallest first ---- */

static void queue_put(lt_dbt_run *run, size_t index)
{
    size_t at = run->ready_count++;
    run->ready[at] = index;
    while (at && run->ready[(at - 1) / 2] > run->ready[at]) {
        size_t up = (at - 1) / 2, swap = run->ready[up];
        run->ready[up] = run->ready[at];
        run->ready[at] = swap;
        at = up;
    }
}

static size_t queue_take(lt_dbt_run *run)
{
    size_t first = run->ready[0], at = 0;
    run->ready[0] = run->ready[--run->ready_count];
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < run->ready_count && run->ready[child] < run->ready[least])
                least = child;
        if (least == at)
            return first;
        size_t swap = run->ready[least];
        run->ready[least] = run->ready[at];
        run->ready[at] = swap;
        at = least;
    }
}

/* ---- results; under the lock ---- */

lt_dbt_node_result *lt_dbt_result_new(lt_dbt_run *run, const lt_dbt_node *node)
{
    lt_dbt_node_result *result = LT_NEW(&run->arena, lt_dbt_node_result);
    *result = (lt_dbt_node_result){.node = node,
                                   .failures = -1,
                                   .rows = -1,
                                   .place = ++run->started_count,
                                   .adapter_response = T("{}")};
    return result;
}

/* A result that people see; an ephemeral model has none, unless it went wrong and nobody else tells it. */
static void show(lt_dbt_run *run, lt_dbt_node_result *result)
{
    lt_push_in(&run->arena, &run->results, result);
    if (run->request.ended && !(only_compiles(run) && is_bad(result->outcome)))
        run->request.ended(run->request.user, result, run->shown);
}

static lt_dbt_node_result *result_of(lt_dbt_run *run, const lt_dbt_node *node)
{
    lt_dbt_node_result *result = lt_dbt_result_new(run, node);
    run->started_count -= is_hidden(run, node); /* it has no place among the others */
    return result;
}

static lt_text skip_message(lt_dbt_run *run, const lt_dbt_node *node, const lt_dbt_node *because)
{
    if (run->request.fail_fast)
        return T("Skipping due to fail_fast");
    if (!because)
        return (lt_text){0};
    if (lt_dbt_is_ephemeral(because))
        return lt_text_of(lt_arena_format(&run->arena,
                                          "Compilation Error in %.*s, caused by compilation error "
                                          "in referenced ephemeral model %.*s",
                                          LT_ARG(node->id), LT_ARG(because->id)));
    return lt_text_of(
        lt_arena_format(&run->arena, "Skipping due to a failure of %.*s", LT_ARG(because->id)));
}

/* `why`: what is wrong with an ephemeral model that it reads, or NULL. */
static void skip(lt_dbt_run *run, size_t index, const lt_dbt_node *because, const lt_err *why)
{
    const lt_dbt_node *node = lt_dbt_all(run->request.dbt)->items[index];
    run->done_count++;
    run->tasks[index].is_done = true;
    if (is_hidden(run, node))
        return;
    lt_dbt_node_result *result = lt_dbt_result_new(run, node);
    result->outcome = LT_DBT_SKIPPED;
    result->message = skip_message(run, node, because);
    result->err = why;
    show(run, result);
}

/* Those below a node that went wrong will not run; others whose last need this was are ready. How many that people see are skipped. */
static size_t follow(lt_dbt_run *run, const lt_dbt_node_result *from, bool bad)
{
    LT_AUTO(lt_arena) scratch = {0};
    LT_VEC(size_t) open = {0};
    const lt_dbt_node *cause = from->node;
    const lt_err *why = lt_dbt_is_ephemeral(cause) ? from->err : NULL;
    size_t before = run->results.len;
    lt_push_in(&scratch, &open, cause->index);
    for (size_t at = 0; at < open.len; at++) {
        const task *done = &run->tasks[open.items[at]];
        for (size_t i = 0; i < done->feeds.len; i++) {
            task *next = &run->tasks[done->feeds.items[i]];
            next->missing--;
            if (next->is_done)
                continue;
            if (bad) {
                skip(run, done->feeds.items[i], cause, why);
                lt_push_in(&scratch, &open, done->feeds.items[i]);
            } else if (!next->missing) {
                queue_put(run, done->feeds.items[i]);
            }
        }
    }
    return run->results.len - before;
}

static void finish(lt_dbt_run *run, lt_dbt_node_result *result)
{
    bool bad = is_bad(result->outcome), hidden = is_hidden(run, result->node);
    run->tasks[result->node->index].is_done = true;
    run->done_count++;
    if (!hidden)
        show(run, result);
    if (bad && (run->request.fail_fast || only_compiles(run)))
        run->is_stopped = true;
    /* A failing test holds up only what was told to wait for it. */
    size_t skipped = follow(run, result, bad);
    if (hidden && bad && !skipped)
        show(run, result);
}

/* ---- threads ---- */

typedef struct worker {
    lt_dbt_run *run;
    unsigned number;
    lt_status status; /* it could not work at all */
    lt_err err;
} worker;

static bool next_task(lt_dbt_run *run, lt_session *session, size_t *index)
{
    while (!run->ready_count && run->done_count < run->total && !run->is_stopped)
        if (!lt_dbt_batches_help(run, session))
            (void)pthread_cond_wait(&run->changed, &run->lock);
    if (run->is_stopped || !run->ready_count || lt_stop_asked())
        return false;
    *index = queue_take(run);
    return true;
}

static void work(worker *w, lt_session *session)
{
    lt_dbt_run *run = w->run;
    size_t index;
    (void)pthread_mutex_lock(&run->lock);
    while (next_task(run, session, &index)) {
        lt_dbt_node *node = lt_dbt_all(run->request.dbt)->items[index];
        lt_dbt_node_result *result = result_of(run, node);
        result->thread = w->number;
        if (run->request.started && !lt_dbt_is_ephemeral(node))
            run->request.started(run->request.user, result, run->shown);
        (void)pthread_mutex_unlock(&run->lock);
        lt_dbt_attempt(run, node, session, NULL, result);
        (void)pthread_mutex_lock(&run->lock);
        finish(run, result);
        (void)pthread_cond_broadcast(&run->changed);
    }
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
}

void lt_dbt_work_begins(lt_dbt_run *run, lt_session *session)
{
    (void)pthread_mutex_lock(&run->lock);
    if (session)
        lt_push_in(&run->arena, &run->working, session);
    (void)pthread_mutex_unlock(&run->lock);
}

void lt_dbt_work_ends(lt_dbt_run *run, const lt_session *session)
{
    (void)pthread_mutex_lock(&run->lock);
    for (size_t i = 0; i < run->working.len; i++)
        if (run->working.items[i] == session)
            run->working.items[i] = NULL;
    (void)pthread_mutex_unlock(&run->lock);
}

static void *worker_main(void *context)
{
    worker *w = context;
    LT_AUTO(lt_session_ref) session = NULL;
    if (w->run->engine)
        w->status = lt_session_open(w->run->engine, &session, &w->err);
    lt_dbt_work_begins(w->run, session);
    if (w->status == LT_OK)
        work(w, session);
    lt_dbt_work_ends(w->run, session);
    (void)pthread_mutex_lock(&w->run->lock);
    if (w->status == LT_OK) {
        (void)pthread_mutex_unlock(&w->run->lock);
        return NULL;
    }
    w->run->is_stopped = true;
    (void)pthread_cond_broadcast(&w->run->changed);
    (void)pthread_mutex_unlock(&w->run->lock);
    return NULL;
}

static bool has_batches(const lt_dbt_run *run)
{
    const lt_dbt_nodes *all = lt_dbt_all(run->request.dbt);
    for (size_t i = 0; i < all->len; i++)
        if (run->tasks[i].takes_part && lt_dbt_is_microbatch(all->items[i]))
            return true;
    return false;
}

static lt_status run_threads(lt_dbt_run *run, lt_err *err)
{
    enum { MOST = 64 };
    worker workers[MOST] = {0};
    pthread_t threads[MOST];
    bool started[MOST] = {false};
    size_t count = LT_MAX(1u, LT_MIN(run->request.threads, (unsigned)MOST));
    lt_status status = LT_OK;
    if (!has_batches(run))
        count = LT_MIN(count, LT_MAX(run->total, (size_t)1));
    for (size_t i = 0; i < count; i++) {
        workers[i] = (worker){.run = run, .number = (unsigned)i + 1};
        if (i)
            started[i] = pthread_create(&threads[i], NULL, worker_main, &workers[i]) == 0;
    }
    (void)worker_main(&workers[0]);
    for (size_t i = 0; i < count; i++) {
        if (started[i])
            (void)pthread_join(threads[i], NULL);
        if (workers[i].status != LT_OK && status == LT_OK) {
            *err = workers[i].err;
            status = workers[i].status;
        }
    }
    return status;
}

void lt_dbt_run_cancel(lt_dbt_run *run)
{
    (void)pthread_mutex_lock(&run->lock);
    run->is_stopped = true;
    for (size_t i = 0; i < run->working.len; i++)
        if (run->working.items[i])
            lt_session_cancel(run->working.items[i]);
    (void)pthread_cond_broadcast(&run->changed);
    (void)pthread_mutex_unlock(&run->lock);
}

/* ---- all of it ---- */

static void skip_the_rest(lt_dbt_run *run)
{
    size_t count = lt_dbt_all(run->request.dbt)->len;
    for (size_t i = 0; i < count; i++)
        if (run->tasks[i].takes_part && !run->tasks[i].is_done)
            skip(run, i, NULL, NULL);
}

static lt_status outcome_of(const lt_dbt_run *run, lt_err *err)
{
    size_t bad = 0;
    for (size_t i = 0; i < run->results.len; i++)
        bad += is_bad(run->results.items[i]->outcome);
    if (lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "interrupted before all was done");
    for (size_t i = 0; i < run->results.len && only_compiles(run); i++)
        if (run->results.items[i]->err) { /* as dbt: the first is that of the command */
            *err = *run->results.items[i]->err;
            return err->status = LT_INVALID;
        }
    if (bad)
        return lt_fail(err, LT_FAILED, "%zu of %zu failed or %s skipped", bad, run->results.len,
                       bad == 1 ? "was" : "were");
    return LT_OK;
}

/* A hook whose statement fails is a result like others; one that cannot be compiled ends the run. */
static lt_status run_hooks(lt_dbt_run *run, const char *when, lt_err *err)
{
    size_t failed_before = run->hooks_failed;
    lt_status status = lt_dbt_run_hooks(run, when, NULL, err);
    if (status == LT_FAILED && run->hooks_failed == failed_before)
        err->status = status = LT_INVALID; /* a macro of it has failed: dbt ends with 2 */
    return run->hooks_failed > failed_before ? LT_OK : status;
}

/* The flag of the project: nothing runs when the start has failed. */
static bool must_skip(const lt_dbt_run *run)
{
    lt_jinja_value flags = lt_dbt_at(run->request.dbt->root->project, "flags");
    lt_jinja_value asked = lt_dbt_at(flags, "skip_nodes_if_on_run_start_fails");
    return run->hooks_failed && lt_jinja_truth(asked);
}

/* Reading what macros call pays for itself when some tens of views are built. Attempts of `leat run` look at more than a view's macros do. */
static void find_plain_views(lt_dbt_run *run)
{
    enum { WORTH = 32 };
    const lt_dbt_nodes *all = lt_dbt_all(run->request.dbt);
    size_t views = 0;
    if (run->request.action != LT_DBT_DO_RUN || run->request.guard)
        return;
    for (size_t i = 0; i < all->len && views < WORTH; i++)
        views += run->tasks[i].takes_part && lt_dbt_is_plain_view(run->request.dbt, all->items[i]);
    run->has_plain_views = views == WORTH && lt_dbt_has_plain_views(run->request.dbt, run->rt);
}

lt_status lt_dbt_run_nodes(lt_dbt_run *run, lt_err *err)
{
    size_t count = lt_dbt_all(run->request.dbt)->len;
    bool hooks = run->request.action == LT_DBT_DO_RUN && run->shown;
    lt_status status = LT_OK;
    if (!lt_dbt_builds_nothing(run->request.action) && run->shown)
        LT_TRY(lt_dbt_make_schemas(run, err));
    if (hooks)
        LT_TRY(run_hooks(run, "on-run-start", err));
    find_plain_views(run);
    for (size_t i = 0; i < count; i++)
        if (run->tasks[i].takes_part && !run->tasks[i].missing)
            queue_put(run, i);
    if (!must_skip(run))
        LT_TRY(run_threads(run, err));
    skip_the_rest(run);
    if (hooks && !lt_stop_asked()) /* as dbt: what is interrupted has no end */
        status = run_hooks(run, "on-run-end", err);
    run->ended_us = lt_now_us();
    return status == LT_OK ? outcome_of(run, err) : status;
}

lt_status lt_dbt_run_open(const lt_dbt_run_request *request, lt_dbt_run **out, lt_err *err)
{
    lt_dbt_run *run = lt_xcalloc(1, sizeof(*run));
    size_t count = lt_dbt_all(request->dbt)->len;
    run->request = *request;
    run->started_us = lt_now_us();
    request->dbt->defer = request->defer;
    run->settings = (run_settings){.empty = request->empty,
                                   .defer = request->defer,
                                   .favor_state = request->favor_state,
                                   .no_ctes = request->no_ctes,
                                   .is_apart = request->is_apart,
                                   .sample_start = request->sample_start,
                                   .sample_end = request->sample_end,
                                   .selected = request->selected};
    (void)pthread_mutex_init(&run->lock, NULL);
    lt_dbt_graph_init(&run->graph, &run->lock);
    (void)pthread_cond_init(&run->changed, NULL);
    run->tasks = lt_alloc_array(&run->arena, count + 1, sizeof(*run->tasks));
    run->ready = lt_alloc_array(&run->arena, count + 1, sizeof(*run->ready));
    run->children = lt_dbt_children(request->dbt, &run->arena);
    lt_status status = lt_dbt_run_connect(run, err);
    if (status != LT_OK) {
        lt_dbt_run_close(run);
        return status;
    }
    if (request->selected)
        link_all(run);
    *out = run;
    return LT_OK;
}

static void free_heap(lt_jinja_heap *heap)
{
    lt_jinja_heap_cleanup(heap);
    lt_free(heap);
}

void lt_dbt_run_close(lt_dbt_run *run)
{
    if (!run)
        return;
    lt_dbt_rt_close(run->rt);
    if (run->owns_engine)
        lt_engine_close(run->engine);
    lt_jinja_heap_cleanup(&run->values);
    lt_dbt_graph_cleanup(&run->graph);
    for (size_t i = 0; i < run->heaps.len; i++)
        free_heap(run->heaps.items[i]);
    for (size_t i = 0; i < run->spare.len; i++)
        free_heap(run->spare.items[i]);
    lt_vec_free(&run->heaps);
    lt_vec_free(&run->spare);
    (void)pthread_mutex_destroy(&run->lock);
    (void)pthread_cond_destroy(&run->changed);
    lt_arena_cleanup(&run->arena);
    lt_free(run);
}

const lt_dbt_node_result *lt_dbt_run_node(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                                          const lt_attempt *attempt)
{
    (void)pthread_mutex_lock(&run->lock);
    lt_dbt_node_result *result = lt_dbt_result_new(run, node);
    (void)pthread_mutex_unlock(&run->lock);
    lt_dbt_attempt(run, node, session, attempt, result);
    (void)pthread_mutex_lock(&run->lock);
    lt_push_in(&run->arena, &run->results, result);
    (void)pthread_mutex_unlock(&run->lock);
    return result;
}

void lt_dbt_run_forget(lt_dbt_run *run)
{
    if (run->rt)
        lt_dbt_rt_forget(run->rt);
}

size_t lt_dbt_run_total(const lt_dbt_run *run)
{
    return run->shown;
}

const lt_dbt_node_result *lt_dbt_result_at(const lt_dbt_run *run, size_t i)
{
    return i < run->results.len ? run->results.items[i] : NULL;
}

int64_t lt_dbt_elapsed_us(const lt_dbt_run *run)
{
    return (run->ended_us ? run->ended_us : lt_now_us()) - run->started_us;
}
