/* leat dbt run, build, test, seed, snapshot, clone, compile, show, run-operation, retry: nodes that are run. */
#include "cli/dbt/cmd.h"

#include "base/fs.h"
#include "base/proc.h"
#include "base/time.h"
#include "cli/dbt/lines.h"
#include "cli/dbt/rows.h"
#include "dbt/run/execute.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

/* ---- running ---- */

static unsigned kinds_of(dbt_verb verb)
{
    enum { TESTS = 1 << LT_DBT_GENERIC_TEST | 1 << LT_DBT_SINGULAR_TEST | 1 << LT_DBT_UNIT_TEST };
    switch (verb) {
    case DBT_RUN:
        return 1u << LT_DBT_MODEL;
    case DBT_TEST:
        return TESTS;
    case DBT_SEED:
        return 1u << LT_DBT_SEED;
    case DBT_SNAPSHOT:
        return 1u << LT_DBT_SNAPSHOT;
    case DBT_CLONE:
        return 1u << LT_DBT_MODEL | 1u << LT_DBT_SEED | 1u << LT_DBT_SNAPSHOT;
    case DBT_SHOW:
        return 1u << LT_DBT_MODEL | TESTS | 1u << LT_DBT_SNAPSHOT | 1u << LT_DBT_ANALYSIS |
               1u << LT_DBT_SEED;
    case DBT_COMPILE:
        return 1u << LT_DBT_MODEL | 1u << LT_DBT_GENERIC_TEST | 1u << LT_DBT_SINGULAR_TEST |
               1u << LT_DBT_SNAPSHOT | 1u << LT_DBT_ANALYSIS | 1u << LT_DBT_UDF |
               1u << LT_DBT_OPERATION | 1u << LT_DBT_SEED;
    case DBT_FRESHNESS:
        return 1u << LT_DBT_SOURCE;
    case DBT_BUILD:
    case DBT_PLAN:
    case DBT_WATCH:
        return 1u << LT_DBT_MODEL | TESTS | 1u << LT_DBT_SEED | 1u << LT_DBT_SNAPSHOT |
               1u << LT_DBT_UDF | 1u << LT_DBT_EXPOSURE | 1u << LT_DBT_SAVED_QUERY;
    default:
        return 1u << LT_DBT_MODEL | TESTS | 1u << LT_DBT_SEED | 1u << LT_DBT_SNAPSHOT;
    }
}

unsigned dbt_threads(const dbt_work *work)
{
    int64_t said = work->flags->threads > 0 ? work->flags->threads : work->profile.threads;
    return work->flags->single_threaded == 1 || said < 1 ? 1u : (unsigned)LT_MIN(said, 1000);
}

static lt_status read_moment(const char *option, const char *text, int64_t *out, lt_err *err)
{
    if (!text || lt_time_read(lt_text_of(text), out))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "--%s: '%s' is no moment", option, text));
    return lt_hint(err, "write 2024-09-01 or 2024-09-01T12:00:00");
}

/* As dbt: an end without a start would begin at each model's lookback, which nobody means; and the batches of --sample are those of its
 * window. */
static lt_status read_span(const dbt_work *work, lt_dbt_run_request *out, lt_err *err)
{
    const dbt_flags *flags = work->flags;
    LT_TRY(read_moment("event-time-start", flags->event_time_start, &out->event_from_us, err));
    LT_TRY(read_moment("event-time-end", flags->event_time_end, &out->event_to_us, err));
    if (!flags->event_time_start != !flags->event_time_end)
        return lt_fail(err, LT_INVALID,
                       "When specifying `--event-time-%s`, `--event-time-%s` must also be present.",
                       flags->event_time_start ? "start" : "end",
                       flags->event_time_start ? "end" : "start");
    if (flags->event_time_start && out->event_from_us >= out->event_to_us)
        return lt_fail(err, LT_INVALID,
                       "Value for `--event-time-start` must be less than `--event-time-end`");
    if (work->sample.start[0]) {
        out->event_from_us = work->sample.start_us;
        out->event_to_us = work->sample.end_us;
    }
    return LT_OK;
}

lt_status dbt_run_open(dbt_work *work, lt_dbt_action action, const lt_node_set *selected,
                       lt_dbt_run **out, lt_err *err)
{
    enum { SEED_ROWS = 10 };
    static const lt_dbt_event_facts test_result = {.name = "LogTestResult", .code = "Q007"};
    const dbt_flags *flags = work->flags;
    const lt_dbt_state *deferred = NULL;
    if (flags->defer == 1)
        LT_TRY(dbt_work_deferred(work, &deferred, err));
    if (flags->defer == 1 && !deferred) {
        lt_ignore(lt_fail(err, LT_INVALID, "--defer needs the folder of another run"));
        return lt_hint(err, "name it with --state or --defer-state");
    }
    lt_dbt_run_request request = {.dbt = work->dbt,
                                  .target = &work->profile.target,
                                  .invocation = &work->invocation,
                                  .target_folder = work->target_folder,
                                  .action = action,
                                  .selected = selected,
                                  .threads = dbt_threads(work),
                                  .fail_fast = flags->fail_fast == 1,
                                  .warn_error = dbt_warn_is_error(&work->warnings, &test_result),
                                  .empty = flags->empty == 1,
                                  .favor_state = flags->favor_state == 1,
                                  .tests_gate =
                                      flags->verb == DBT_BUILD || flags->verb == DBT_WATCH,
                                  .defer = deferred,
                                  .sample_start = lt_text_of(work->sample.start),
                                  .sample_end = lt_text_of(work->sample.end),
                                  .no_ctes = flags->inject_ctes == 0,
                                  .again = work->again.items,
                                  .again_count = work->again.len,
                                  .fills_gaps = flags->fill_gaps == 1 ? &work->builds : NULL,
                                  .credentials = work->profile.credentials,
                                  .limit = action != LT_DBT_DO_SHOW  ? 0
                                           : flags->verb == DBT_SEED ? SEED_ROWS
                                                                     : flags->limit,
                                  .shows_ephemeral = lt_dbt_builds_nothing(action) &&
                                                     (flags->select.len || flags->inline_sql),
                                  .started = dbt_line_started,
                                  .ended = dbt_line_ended,
                                  .batch = dbt_line_batch,
                                  .user = work};
    if (action == LT_DBT_DO_SHOW) /* its rows are all that is said */
        request.started = request.ended = NULL;
    LT_TRY(read_span(work, &request, err));
    if (flags->introspect == 0) {
        request.target = NULL;
        request.is_apart = true;
    }
    return lt_dbt_run_open(&request, out, err);
}

/* The last good word is kept: what went wrong afterwards is only told when nothing did before. */
static void join(lt_status *status, lt_err *err, lt_status more, const lt_err *why)
{
    if (more == LT_OK || *status != LT_OK)
        return;
    *err = *why;
    *status = more;
}

lt_status dbt_run_opened(dbt_work *work, lt_dbt_action action, lt_dbt_run *run, lt_err *err)
{
    lt_err later = {0};
    bool builds = !lt_dbt_builds_nothing(action);
    if (builds)
        LT_TRY(lt_dbt_builds_begin(run, work->target_folder, err));
    lt_status status = lt_dbt_run_nodes(run, err);
    if (builds)
        join(&status, err, lt_dbt_builds_end(run, work->target_folder, &later), &later);
    if (work->flags->write_json != 0) {
        lt_status written = lt_dbt_run_results_write(run, work->target_folder, &later);
        lt_dbt_inline_remove(work->dbt); /* the manifest is without it */
        if (written == LT_OK)
            written = dbt_work_manifest(work, &later);
        join(&status, err, written, &later);
    }
    return status;
}

/* Cancels the statements of a run when the process is asked to stop; again and again, for what was between two statements. */
typedef struct canceller {
    lt_dbt_run *run;
    pthread_t thread;
    sem_t
        over; /* posted when there is nothing more to cancel: nobody waits for the rest of a sleep */
    bool has_begun;
} canceller;

static void *cancel_when_asked(void *context)
{
    static const int64_t LOOK_US = 50000;
    canceller *c = context;
    struct timespec next;
    do {
        if (lt_stop_asked())
            lt_dbt_run_cancel(c->run);
        int64_t at_us = lt_mono_us() + LOOK_US;
        next = (struct timespec){.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    } while (sem_clockwait(&c->over, CLOCK_MONOTONIC, &next) != 0);
    return NULL;
}

static void canceller_begin(canceller *c)
{
    (void)sem_init(&c->over, 0, 0);
    c->has_begun = pthread_create(&c->thread, NULL, cancel_when_asked, c) == 0;
}

static void canceller_end(canceller *c)
{
    (void)sem_post(&c->over);
    if (c->has_begun)
        (void)pthread_join(c->thread, NULL);
    (void)sem_destroy(&c->over);
}

static lt_status run_opened(dbt_work *work, lt_dbt_action action, lt_dbt_run *run, lt_err *err)
{
    if (lt_dbt_run_total(run))
        dbt_say_concurrency(work);
    canceller stopping = {.run = run};
    canceller_begin(&stopping);
    lt_status status = dbt_run_opened(work, action, run, err);
    canceller_end(&stopping);
    return status;
}

lt_status dbt_run_nodes(dbt_work *work, lt_dbt_action action, const lt_node_set *chosen,
                        lt_err *err)
{
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    if (work->flags->fill_gaps == 1)
        LT_TRY(lt_dbt_builds_read(work->target_folder, &work->builds, err));
    LT_TRY(dbt_run_open(work, action, chosen, &run, err));
    lt_status status = run_opened(work, action, run, err);
    if (lt_dbt_result_at(run, 0) && action != LT_DBT_DO_COMPILE) {
        dbt_say_end(work, run);
        work->has_said = status == LT_FAILED;
    }
    return status;
}

/* A file without a word in it is no model: nothing is run for it. */
static void drop_blank(const dbt_work *work, lt_node_set *chosen)
{
    enum {
        WITH_SQL = 1 << LT_DBT_MODEL | 1 << LT_DBT_SNAPSHOT | 1 << LT_DBT_SINGULAR_TEST |
                   1 << LT_DBT_ANALYSIS
    };
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    for (size_t i = 0; i < all->len; i++)
        if ((WITH_SQL & (1u << all->items[i]->kind)) && !lt_text_trim(all->items[i]->raw_code).len)
            lt_node_set_remove(chosen, i);
}

lt_status dbt_choose(dbt_work *work, lt_node_set *chosen, lt_err *err)
{
    LT_TRY(dbt_work_select(work, kinds_of(work->flags->verb), chosen, err));
    drop_blank(work, chosen);
    return LT_OK;
}

lt_status dbt_load_and_choose(dbt_work *work, lt_node_set *chosen, lt_err *err)
{
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    LT_TRY(dbt_choose(work, chosen, err));
    if (lt_node_set_size(chosen))
        return LT_OK;
    return dbt_work_warn(work, LT_DBT_NOTHING_TO_DO, err,
                         "Nothing to do. Try checking your model configs and model specification "
                         "args");
}

static lt_status show_seeds(dbt_work *work, const lt_node_set *chosen, lt_err *err);

/* --stale-only */
static lt_status leave_unchanged(dbt_work *work, lt_node_set *chosen, lt_err *err)
{
    dbt_planned planned;
    LT_TRY(dbt_plan_open(work, chosen, &planned, err));
    const lt_dbt_plan *plan = &planned.plan;
    for (size_t i = 0; i < plan->items.len; i++)
        if (!plan->items.items[i].is_built)
            lt_node_set_remove(chosen, plan->items.items[i].node->index);
    dbt_say(&work->log, LT_LOG_INFO, "Q024", "NothingToDo",
            "%zu of %zu nodes are unchanged and left as they are", plan->items.len - plan->built,
            plan->items.len);
    dbt_plan_close(&planned);
    return LT_OK;
}

lt_status dbt_run_build(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    LT_TRY(dbt_load_and_choose(work, &chosen, err));
    if (work->flags->store_failures == 1)
        lt_dbt_store_failures(work->dbt);
    if (work->flags->stale_only == 1)
        LT_TRY(leave_unchanged(work, &chosen, err));
    lt_status status = dbt_run_nodes(work, LT_DBT_DO_RUN, &chosen, err);
    if (work->flags->show == 1 && status == LT_OK)
        return show_seeds(work, &chosen, err);
    return status;
}

lt_status dbt_run_clone(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    if (!work->flags->state && !work->flags->defer_state)
        return lt_fail(err, LT_INVALID,
                       "--state or --defer-state are required for deferral, but neither was "
                       "provided");
    work->flags->defer = 1;
    LT_TRY(dbt_load_and_choose(work, &chosen, err));
    return dbt_run_nodes(work, LT_DBT_DO_CLONE, &chosen, err);
}

/* ---- compile and show ---- */

static bool is_json(const dbt_work *work)
{
    return work->flags->output && strcmp(work->flags->output, "json") == 0;
}

/* With the version: "orders.v2". */
static void add_name(const lt_dbt_node *node, lt_buf *out)
{
    lt_buf_add(out, node->name);
    if (!lt_dbt_is_set(node->version))
        return;
    lt_buf_add_str(out, ".v");
    lt_jinja_str(node->version, out);
}

/* {"node": NAME, KEY: ...}; a text of the command line has no name. */
static void begin_json(lt_json_writer *w, const lt_dbt_node *node, const char *key)
{
    LT_AUTO(lt_buf) name = {0};
    lt_json_begin(w, '{');
    if (node) {
        add_name(node, &name);
        lt_json_set(w, "node", lt_buf_text(&name));
    }
    lt_json_key(w, lt_text_of(key));
}

static void show_code(dbt_work *work, const lt_dbt_node *node)
{
    bool is_inline = lt_dbt_is_inline(node);
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_buf) head = {0};
    if (is_json(work)) {
        lt_json_writer w = {.out = &text, .indent = 2};
        begin_json(&w, is_inline ? NULL : node, "compiled");
        lt_json_string(&w, node->compiled_code);
        lt_json_end(&w);
    } else {
        lt_buf_add(&text, node->compiled_code);
        lt_buf_printf(&head, is_inline ? "Compiled inline node is:" : "Compiled node '%.*s' is:",
                      LT_ARG(node->name));
    }
    dbt_say_shown(&work->log, "Q042", "CompiledNode", lt_buf_text(&head), lt_buf_text(&text));
}

/* `node`: NULL for a text of the command line. */
static void show_rows(dbt_work *work, const lt_dbt_node *node, lt_jinja_value rows)
{
    LT_AUTO(lt_buf) text = {0};
    LT_AUTO(lt_buf) head = {0};
    if (is_json(work)) {
        lt_json_writer w = {.out = &text, .indent = 2};
        begin_json(&w, node, "show");
        dbt_rows_json(rows, &w);
        lt_json_end(&w);
    } else {
        dbt_rows_table(rows, &text);
        lt_buf_add_str(&head, node ? "Previewing node '" : "Previewing inline node:");
        if (node)
            add_name(node, &head);
        lt_buf_add_str(&head, node ? "':" : "");
    }
    dbt_say_shown(&work->log, "Q041", "ShowNode", lt_buf_text(&head), lt_buf_text(&text));
}

static int by_index(const void *a, const void *b)
{
    const lt_dbt_node_result *const *left = a, *const *right = b;
    return (*left)->node->index < (*right)->node->index ? -1 : 1;
}

/* In the order of the project, whatever was ready first. */
static void each_result(dbt_work *work, const lt_dbt_run *run,
                        void (*show)(dbt_work *work, const lt_dbt_node_result *result))
{
    LT_VEC(const lt_dbt_node_result *) sorted = {0};
    for (size_t i = 0; lt_dbt_result_at(run, i); i++)
        lt_push(&sorted, lt_dbt_result_at(run, i));
    if (sorted.len)
        qsort(sorted.items, sorted.len, sizeof(*sorted.items), by_index);
    for (size_t i = 0; i < sorted.len; i++)
        show(work, sorted.items[i]);
    lt_vec_free(&sorted);
}

/* Only what was asked for by its name is shown. */
static void show_compiled(dbt_work *work, const lt_dbt_node_result *result)
{
    const lt_dbt_node *node = result->node;
    bool named = lt_dbt_is_inline(node);
    for (size_t k = 0; k < work->flags->select.len && !work->flags->inline_sql; k++)
        named |= lt_text_has(lt_text_of(work->flags->select.items[k]), node->name);
    if (named && !dbt_is_test(node))
        show_code(work, node);
}

static void show_result(dbt_work *work, const lt_dbt_node_result *result)
{
    if (result->table.type == LT_JINJA_LIST)
        show_rows(work, lt_dbt_is_inline(result->node) ? NULL : result->node, result->table);
}

/* The text of --inline is all that is chosen. */
static lt_status choose_inline(dbt_work *work, lt_node_set *chosen, lt_err *err)
{
    const lt_dbt_node *node = NULL;
    lt_err why = {0};
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    if (lt_dbt_inline_add(work->dbt, lt_text_of(work->flags->inline_sql), &node, &why) != LT_OK) {
        dbt_say(&work->log, LT_LOG_ERROR, "I069", "ParseInlineNodeError",
                "Error while parsing node: inline_query\n%s%s%s", why.message,
                why.hint[0] ? "\n  " : "", why.hint);
        return lt_fail(err, LT_INVALID, "Error parsing inline query");
    }
    lt_node_set_init(chosen, lt_dbt_all(work->dbt)->len);
    lt_node_set_add(chosen, node->index);
    return LT_OK;
}

/* The first of them that failed. */
static void say_failure(dbt_work *work, const lt_dbt_run *run)
{
    const lt_dbt_node_result *result;
    LT_AUTO(lt_buf) text = {0};
    for (size_t i = 0; (result = lt_dbt_result_at(run, i)); i++)
        if (result->outcome == LT_DBT_ERROR)
            break;
    if (!result)
        return;
    lt_dbt_result_say(run, result, &text);
    dbt_say(&work->log, LT_LOG_ERROR, "A002", "MainEncounteredError", "Encountered an error:\n%s",
            lt_buf_chars(&text));
    work->has_said = true;
}

/* Nothing was built: what cannot be compiled or queried is no failed run, and dbt ends with 2. */
static lt_status look(dbt_work *work, lt_dbt_action action, const lt_node_set *chosen,
                      void (*show)(dbt_work *work, const lt_dbt_node_result *result), lt_err *err)
{
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    LT_TRY(dbt_run_open(work, action, chosen, &run, err));
    lt_status status = run_opened(work, action, run, err);
    if (status == LT_FAILED) {
        say_failure(work, run);
        err->status = LT_INVALID;
    }
    if (status != LT_OK)
        return err->status;
    each_result(work, run, show);
    return LT_OK;
}

lt_status dbt_run_compile(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    LT_TRY(work->flags->inline_sql ? choose_inline(work, &chosen, err)
                                   : dbt_load_and_choose(work, &chosen, err));
    return look(work, LT_DBT_DO_COMPILE, &chosen, show_compiled, err);
}

static void show_seed(dbt_work *work, const lt_dbt_node_result *result)
{
    const lt_dbt_node *seed = result->node;
    LT_AUTO(lt_buf) text = {0};
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "Q004", "SeedHeader", "Random sample of table: %.*s.%.*s",
            LT_ARG(seed->relation.schema), LT_ARG(seed->relation.name));
    dbt_rows_table(result->table, &text);
    dbt_say_plain(&work->log, lt_buf_text(&text));
}

/* seed --show: the first rows of each. */
static lt_status show_seeds(dbt_work *work, const lt_node_set *chosen, lt_err *err)
{
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    LT_TRY(dbt_run_open(work, LT_DBT_DO_SHOW, chosen, &run, err));
    LT_TRY(lt_dbt_run_nodes(run, err));
    each_result(work, run, show_seed);
    return LT_OK;
}

static lt_status cannot_show(const lt_dbt_node *node, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s: a model in Python is no query that could be shown",
                      LT_ARG(node->path)));
    return lt_hint(err,
                   "build it with 'leat dbt run -s %.*s', then show --inline \"select * from {{ "
                   "ref('%.*s') }}\"",
                   LT_ARG(node->name), LT_ARG(node->name));
}

/* Tests are chosen along with what they test; nobody looks at their rows here. */
static lt_status choose_shown(dbt_work *work, lt_node_set *chosen, lt_err *err)
{
    const unsigned tests =
        1u << LT_DBT_GENERIC_TEST | 1u << LT_DBT_SINGULAR_TEST | 1u << LT_DBT_UNIT_TEST;
    LT_TRY(dbt_work_load(work, err));
    dbt_say_found(work);
    LT_TRY(dbt_work_select(work, kinds_of(DBT_SHOW) & ~tests, chosen, err));
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    for (size_t i = 0; i < all->len; i++)
        if (lt_node_set_has(chosen, i) && lt_text_ends_nocase(all->items[i]->path, T(".py")))
            return cannot_show(all->items[i], err);
    return LT_OK;
}

/* --inline-direct: the query as it is, without a project. */
static lt_status show_direct(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_AUTO(lt_session_ref) session = NULL;
    lt_jinja_value rows;
    LT_TRY(dbt_work_profile(work, err));
    LT_TRY(lt_engine_open(&work->profile.target, &engine, err));
    LT_TRY(lt_dbt_prepare_engine(engine, work->profile.credentials, err));
    LT_TRY(lt_session_open(engine, &session, err));
    lt_status status =
        lt_dbt_query_rows(session, (lt_text){0}, lt_text_of(work->flags->inline_direct),
                          work->flags->limit, &work->heap, &rows, err);
    if (status == LT_FAILED) { /* as of any query that is only looked at */
        err->status = LT_INVALID;
        bool duckdb = lt_text_eq(work->profile.kind, T("duckdb"));
        lt_wrap(err, duckdb ? "Runtime Error" : "Database Error");
    }
    if (status != LT_OK)
        return err->status;
    show_rows(work, NULL, rows);
    return LT_OK;
}

lt_status dbt_run_show(dbt_work *work, lt_err *err)
{
    LT_AUTO(lt_node_set) chosen = {0};
    if (work->flags->inline_direct)
        return show_direct(work, err);
    if (!work->flags->select.len && !work->flags->inline_sql)
        return lt_fail(err, LT_INVALID, "Either --select or --inline must be passed to show");
    LT_TRY(work->flags->inline_sql ? choose_inline(work, &chosen, err)
                                   : choose_shown(work, &chosen, err));
    return look(work, LT_DBT_DO_SHOW, &chosen, show_result, err);
}

/* ---- operations ---- */

lt_status dbt_run_operation(dbt_work *work, lt_err *err)
{
    static const lt_yaml_options options = {.yaml11 = true};
    LT_AUTO(lt_dbt_run_ref) run = NULL;
    lt_yaml *root = NULL;
    lt_err later = {0};
    lt_jinja_value args = {0}, out;
    if (work->flags->rest.len != 1)
        return lt_fail(err, LT_INVALID, "run-operation needs the name of one macro");
    if (work->flags->args) {
        LT_TRY(lt_yaml_read(lt_text_of(work->flags->args), "--args", &options, &work->heap.arena,
                            &root, err));
        args = lt_scope_value(&work->heap, root);
        if (args.type != LT_JINJA_DICT && args.type != LT_JINJA_NONE)
            return lt_fail(err, LT_INVALID, "--args must be a mapping: '{name: value}'");
    }
    LT_TRY(dbt_work_load(work, err));
    LT_TRY(dbt_work_manifest(work, err));
    LT_TRY(dbt_run_open(work, LT_DBT_DO_COMPILE, NULL, &run, err));
    lt_status status =
        lt_dbt_operation(run, lt_text_of(work->flags->rest.items[0]), args, &out, err);
    if (status != LT_OK && status != LT_CANCELLED && status != LT_NOT_FOUND)
        err->status = status = LT_FAILED;
    if (lt_dbt_result_at(run, 0) && work->flags->write_json != 0)
        join(&status, err, lt_dbt_run_results_write(run, work->target_folder, &later), &later);
    return status;
}
