/* The lines of `leat dbt` about nodes: begun, ended, found, and the summary, in dbt's words. */
#include "cli/dbt/lines.h"

#include "base/proc.h"
#include "cli/dbt/cmd.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_hook(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_OPERATION;
}

bool dbt_is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST ||
           node->kind == LT_DBT_UNIT_TEST;
}

void dbt_say_blank(dbt_work *work)
{
    dbt_say(&work->log, LT_LOG_INFO, "Z017", "Formatting", "%s", "");
}

/* ---- one line of one node ---- */

static bool is_microbatch(const lt_dbt_node *node)
{
    return lt_text_eq(node->config.materialized, T("incremental")) &&
           lt_text_eq(node->config.incremental_strategy, T("microbatch"));
}

static void describe(const lt_dbt_node *node, lt_buf *out)
{
    if (dbt_is_test(node)) {
        if (node->kind == LT_DBT_UNIT_TEST)
            lt_buf_printf(out, "%.*s::", LT_ARG(node->model));
        lt_dbt_unit_test_name(node, out);
        return;
    }
    if (node->kind > LT_DBT_UDF) {
        bool query = node->kind == LT_DBT_SAVED_QUERY;
        lt_buf_printf(out, "%s %.*s", query ? "saved query" : lt_dbt_kind_name(node->kind),
                      LT_ARG(node->name));
        return;
    }
    if (node->kind == LT_DBT_UDF)
        lt_buf_add_str(out, "function ");
    else if (node->kind == LT_DBT_MODEL)
        lt_buf_printf(out, "%s %.*s model ",
                      lt_text_ends_nocase(node->path, T(".py")) ? "python" : "sql",
                      LT_ARG(is_microbatch(node) ? T("microbatch") : node->config.materialized));
    else
        lt_buf_printf(out, "%s ", node->kind == LT_DBT_SEED ? "seed file" : "snapshot");
    lt_buf_printf(out, "%.*s.%.*s", LT_ARG(node->relation.schema), LT_ARG(node->relation.name));
}

typedef struct line {
    lt_log_level level;
    const char *code, *event;
    const char *color; /* of the word */
    const char *word;
    double seconds; /* < 0: none */
    lt_text data;   /* for JSON */
} line;

/* Members of an event's `data` about a node; `total` 0: it is not one of a count. */
static void add_data(const dbt_work *work, const lt_dbt_node_result *result,
                     lt_dbt_moment_of_node moment, size_t total, lt_buf *out)
{
    if (!dbt_log_has_data(&work->log))
        return;
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '{');
    if (total) {
        lt_json_set_int(&w, "index", (int64_t)result->place);
        lt_json_set_int(&w, "total", (int64_t)total);
    }
    if (total && moment == LT_DBT_NODE_ENDS) {
        lt_json_key(&w, T("execution_time"));
        lt_json_double(&w, (double)(result->execute_ended_us - result->compile_started_us) / 1e6);
        lt_json_set(&w, "status", lt_text_of(lt_dbt_outcome_name(result->outcome)));
    }
    if (total && moment == LT_DBT_NODE_ENDS && dbt_is_test(result->node)) {
        const lt_dbt_node *attached = result->node->attached;
        lt_json_set(&w, "name", result->node->name);
        lt_json_set(&w, "attached_node", attached ? attached->id : (lt_text){0});
        lt_json_set_int(&w, "num_failures", LT_MAX(result->failures, (int64_t)0));
    }
    lt_dbt_write_node_info(work->dbt, result, moment, &w);
    lt_json_end(&w);
    lt_buf_add(out, lt_text_sub(lt_buf_text(&text), 1, text.len - 2));
}

/* For programs that follow a run: nothing of it in lines for people. */
static void say_moment(dbt_work *work, const lt_dbt_node_result *result,
                       lt_dbt_moment_of_node moment)
{
    bool begins = moment == LT_DBT_NODE_STARTS;
    LT_AUTO(lt_buf) data = {0};
    add_data(work, result, moment, 0, &data);
    if (data.len)
        dbt_say_of(&work->log, LT_LOG_DEBUG, begins ? "Q024" : "Q025",
                   begins ? "NodeStart" : "NodeFinished", lt_buf_text(&data),
                   "%s running node %.*s", begins ? "Began" : "Finished", LT_ARG(result->node->id));
}

/* "1 of 7 OK created sql view model main.x ........ [OK in 0.05s]" */
static void say_line(dbt_work *work, const line *said, const lt_buf *left)
{
    size_t width = work->flags->printer_width > 0 ? (size_t)work->flags->printer_width : 80;
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    lt_buf_add(&text, lt_buf_text(left));
    lt_buf_add_byte(&text, ' ');
    while (text.len < LT_MIN(width, (size_t)1000))
        lt_buf_add_byte(&text, '.');
    lt_buf_printf(&text, " [%s%s%s", said->color, said->word, said->color[0] ? DBT_PLAIN : "");
    if (said->seconds >= 0)
        lt_buf_printf(&text, " in %.2fs", said->seconds);
    dbt_say_of(&work->log, said->level, said->code, said->event, said->data, "%s]",
               lt_buf_chars(&text));
}

/* "3 of 3 OK hook: shop.on-run-start.2 ........ [OK in 0.01s]" */
static void say_hook(dbt_work *work, const lt_dbt_node_result *result, size_t total,
                     const char *word, const line *said)
{
    const lt_dbt_node *node = result->node;
    LT_AUTO(lt_buf) left = {.limit = 16 * LT_KIB};
    lt_buf_printf(&left, "%zu of %zu %s hook: %.*s.%.*s.%zu", result->place, total, word,
                  LT_ARG(node->package->name), LT_ARG(node->config.tags.items[0]),
                  result->place - 1);
    say_line(work, said, &left);
}

static void hook_started(dbt_work *work, const lt_dbt_node_result *result, size_t total)
{
    const line said = {.level = LT_LOG_INFO,
                       .code = "Q032",
                       .event = "LogHookStartLine",
                       .color = "",
                       .word = "RUN",
                       .seconds = -1};
    if (result->place == 1 && lt_text_eq(result->node->config.tags.items[0], T("on-run-end")))
        dbt_say_blank(work);
    say_hook(work, result, total, "START", &said);
}

static void hook_ended(dbt_work *work, const lt_dbt_node_result *result, size_t total)
{
    bool bad = result->outcome == LT_DBT_ERROR, skipped = result->outcome == LT_DBT_SKIPPED;
    const char *word = bad ? "ERROR" : skipped ? "SKIP" : "OK";
    const line said = {.level = LT_LOG_INFO,
                       .code = "Q033",
                       .event = "LogHookEndLine",
                       .color = bad       ? DBT_RED
                                : skipped ? DBT_YELLOW
                                          : DBT_GREEN,
                       .word = word,
                       .seconds =
                           (double)(result->execute_ended_us - result->compile_started_us) / 1e6};
    say_hook(work, result, total, word, &said);
    if (result->place == total && lt_text_eq(result->node->config.tags.items[0], T("on-run-start")))
        dbt_say_blank(work);
}

static bool is_silent(const dbt_work *work)
{
    dbt_verb verb = work->flags->verb;
    return verb == DBT_COMPILE || verb == DBT_SHOW || verb == DBT_DOCS_GENERATE ||
           verb == DBT_CLONE;
}

void dbt_line_started(void *user, const lt_dbt_node_result *result, size_t total)
{
    dbt_work *work = user;
    const lt_dbt_node *node = result->node;
    LT_AUTO(lt_buf) left = {.limit = 16 * LT_KIB};
    LT_AUTO(lt_buf) data = {0};
    if (work->flags->verb != DBT_CLONE && work->flags->verb != DBT_WATCH)
        dbt_work_unpinned(work, node);
    if (!is_hook(node))
        say_moment(work, result, LT_DBT_NODE_STARTS);
    if (is_silent(work) || node->kind > LT_DBT_UNIT_TEST || work->flags->verb == DBT_WATCH)
        return;
    if (is_hook(node)) {
        hook_started(work, result, total);
        return;
    }
    lt_buf_printf(&left, "%zu of %zu START %s", result->place, total,
                  node->kind == LT_DBT_UNIT_TEST ? "unit_test "
                  : dbt_is_test(node)            ? "test "
                                                 : "");
    describe(node, &left);
    add_data(work, result, LT_DBT_NODE_STARTS, total, &data);
    const line said = {.code = "Q011",
                       .event = "LogStartLine",
                       .level = LT_LOG_INFO,
                       .word = "RUN",
                       .color = "",
                       .seconds = -1,
                       .data = lt_buf_text(&data)};
    say_line(work, &said, &left);
}

static const char *done_word(const lt_dbt_node_result *result)
{
    lt_dbt_kind kind = result->node->kind;
    bool bad = result->outcome == LT_DBT_ERROR;
    if (kind == LT_DBT_SEED)
        return bad ? "ERROR loading" : "OK loaded";
    if (kind == LT_DBT_SNAPSHOT)
        return bad ? "ERROR snapshotting" : "OK snapshotted";
    return bad                                         ? "ERROR creating"
           : result->outcome == LT_DBT_PARTIAL_SUCCESS ? "PARTIALLY created"
                                                       : "OK created";
}

static void add_skip(const lt_dbt_node *node, lt_buf *out)
{
    if (node->kind == LT_DBT_MODEL || node->kind == LT_DBT_SEED || node->kind == LT_DBT_SNAPSHOT)
        lt_buf_printf(out, "SKIP relation %.*s.%.*s", LT_ARG(node->relation.schema),
                      LT_ARG(node->relation.name));
    else
        lt_buf_printf(out, "SKIP %s %.*s", lt_dbt_kind_name(node->kind), LT_ARG(node->name));
}

static void add_outcome(const lt_dbt_node_result *result, lt_buf *out)
{
    static const char *const words[LT_DBT_OUTCOMES] = {[LT_DBT_ERROR] = "ERROR",
                                                       [LT_DBT_PASS] = "PASS",
                                                       [LT_DBT_FAIL] = "FAIL",
                                                       [LT_DBT_WARN] = "WARN",
                                                       [LT_DBT_NO_OP] = "NO-OP"};
    if (result->outcome == LT_DBT_SKIPPED) {
        add_skip(result->node, out);
        if (result->err)
            lt_buf_add_str(out, " due to ephemeral model status 'error'");
        return;
    }
    if (!dbt_is_test(result->node) && result->outcome != LT_DBT_NO_OP)
        lt_buf_printf(out, "%s ", done_word(result));
    else
        lt_buf_printf(out, "%s ", words[result->outcome] ? words[result->outcome] : "OK");
    if (result->outcome == LT_DBT_FAIL || result->outcome == LT_DBT_WARN)
        lt_buf_printf(out, "%lld ", (long long)result->failures);
    if (result->node->kind == LT_DBT_SNAPSHOT)
        lt_buf_printf(out, "%.*s.%.*s", LT_ARG(result->node->relation.schema),
                      LT_ARG(result->node->relation.name));
    else
        describe(result->node, out);
}

/* dbt's event of a node that has ended. */
static void name_event(lt_dbt_kind kind, line *out)
{
    static const struct {
        const char *code, *event;
    } events[LT_DBT_KINDS] = {[LT_DBT_SEED] = {"Q016", "LogSeedResult"},
                              [LT_DBT_SNAPSHOT] = {"Q015", "LogSnapshotResult"},
                              [LT_DBT_UDF] = {"Q047", "LogFunctionResult"},
                              [LT_DBT_GENERIC_TEST] = {"Q007", "LogTestResult"},
                              [LT_DBT_SINGULAR_TEST] = {"Q007", "LogTestResult"},
                              [LT_DBT_UNIT_TEST] = {"Q007", "LogTestResult"}};
    out->code = events[kind].code ? events[kind].code : "Q012";
    out->event = events[kind].event ? events[kind].event : "LogModelResult";
}

/* What stands in the brackets, its color, and the level of the line. */
static line line_of(const lt_dbt_node_result *result, char *word, size_t size)
{
    double seconds = (double)(result->execute_ended_us - result->compile_started_us) / 1e6;
    line made = {.level = LT_LOG_INFO, .color = DBT_GREEN, .word = word, .seconds = seconds};
    name_event(result->node->kind, &made);
    switch (result->outcome) {
    case LT_DBT_SKIPPED:
        if (result->err)
            return (line){.level = LT_LOG_ERROR,
                          .code = "Z034",
                          .event = "LogSkipBecauseError",
                          .color = DBT_RED,
                          .word = "ERROR SKIP",
                          .seconds = -1};
        return (line){.code = "Q034",
                      .event = "SkippingDetails",
                      .level = LT_LOG_INFO,
                      .color = DBT_YELLOW,
                      .word = "SKIP",
                      .seconds = -1};
    case LT_DBT_PARTIAL_SUCCESS:
        (void)snprintf(word, size, "PARTIAL SUCCESS (%zu/%zu)", result->done.len,
                       result->done.len + result->failed.len);
        made.color = DBT_YELLOW;
        made.level = LT_LOG_ERROR;
        return made;
    case LT_DBT_NO_OP:
        made.code = "Q019";
        made.event = "LogNodeNoOpResult";
        made.color = DBT_YELLOW;
        made.word = "NO-OP";
        return made;
    case LT_DBT_ERROR:
        (void)snprintf(word, size, "ERROR");
        made.color = DBT_RED;
        made.level = LT_LOG_ERROR;
        return made;
    case LT_DBT_FAIL:
    case LT_DBT_WARN:
        made.level = result->outcome == LT_DBT_FAIL ? LT_LOG_ERROR : LT_LOG_WARNING;
        made.color = result->outcome == LT_DBT_FAIL ? DBT_RED : DBT_YELLOW;
        (void)snprintf(word, size, "%s %lld", result->outcome == LT_DBT_FAIL ? "FAIL" : "WARN",
                       (long long)result->failures);
        return made;
    case LT_DBT_PASS:
        (void)snprintf(word, size, "PASS");
        return made;
    default:
        if (result->node->kind == LT_DBT_UDF) /* its status, not what the database said */
            (void)snprintf(word, size, "SUCCESS");
        else
            (void)snprintf(word, size, "%.*s",
                           LT_ARG(result->message.len ? result->message : T("OK")));
        return made;
    }
}

static void say_ended(dbt_work *work, const lt_dbt_node_result *result, size_t total)
{
    char word[256];
    LT_AUTO(lt_buf) data = {0};
    LT_AUTO(lt_buf) left = {.limit = 16 * LT_KIB};
    bool bad = result->outcome == LT_DBT_ERROR || result->outcome == LT_DBT_FAIL;
    if ((is_silent(work) && !bad) || work->flags->verb == DBT_CLONE ||
        work->flags->verb == DBT_WATCH)
        return;
    if (is_hook(result->node)) {
        hook_ended(work, result, total);
        return;
    }
    lt_buf_printf(&left, "%zu of %zu ", result->place, total);
    add_outcome(result, &left);
    add_data(work, result, LT_DBT_NODE_ENDS, total, &data);
    line said = line_of(result, word, sizeof(word));
    said.data = lt_buf_text(&data);
    say_line(work, &said, &left);
}

void dbt_line_ended(void *user, const lt_dbt_node_result *result, size_t total)
{
    say_ended(user, result, total);
    if (!is_hook(result->node))
        say_moment(user, result, LT_DBT_NODE_FINISHED);
}

void dbt_line_batch(void *user, const lt_dbt_batch_line *one)
{
    dbt_work *work = user;
    LT_AUTO(lt_buf) left = {.limit = 16 * LT_KIB};
    char word[256] = "OK";
    bool begins = one->seconds < 0;
    if (one->message.len)
        (void)snprintf(word, sizeof(word), "%.*s", LT_ARG(one->message));
    const line said = {.level = one->has_failed ? LT_LOG_ERROR : LT_LOG_INFO,
                       .code = begins ? "Q045" : "Q044",
                       .event = begins ? "LogStartBatch" : "LogBatchResult",
                       .color = begins            ? ""
                                : one->has_failed ? DBT_RED
                                                  : DBT_GREEN,
                       .word = begins            ? "RUN"
                               : one->has_failed ? "ERROR"
                                                 : word,
                       .seconds = one->seconds};
    if (work->flags->verb == DBT_WATCH)
        return;
    lt_buf_printf(&left, "Batch %zu of %zu %s batch %s of %.*s.%.*s", one->place, one->total,
                  begins            ? "START"
                  : one->has_failed ? "ERROR creating"
                                    : "OK created",
                  one->id, LT_ARG(one->node->relation.schema), LT_ARG(one->node->relation.name));
    say_line(work, &said, &left);
}

lt_status dbt_line_said(void *user, lt_dbt_said how, lt_text message, lt_err *err)
{
    dbt_work *work = user;
    if (how == LT_DBT_WARNED)
        return dbt_work_warn(work, LT_DBT_TEMPLATE_WARNS, err, "%.*s", LT_ARG(message));
    if (how == LT_DBT_PRINTED)
        dbt_say_plain(&work->log, message);
    else if (how == LT_DBT_TOLD)
        dbt_say(&work->log, LT_LOG_INFO, "I062", "JinjaLogInfo", "%.*s", LT_ARG(message));
    else
        dbt_say(&work->log, LT_LOG_DEBUG, "I063", "JinjaLogDebug", "%.*s", LT_ARG(message));
    return LT_OK;
}

/* ---- what there is ---- */

static const char *const singular[LT_DBT_KINDS] = {[LT_DBT_MODEL] = "model",
                                                   [LT_DBT_GENERIC_TEST] = "data test",
                                                   [LT_DBT_SINGULAR_TEST] = "data test",
                                                   [LT_DBT_SEED] = "seed",
                                                   [LT_DBT_SNAPSHOT] = "snapshot",
                                                   [LT_DBT_ANALYSIS] = "analysis",
                                                   [LT_DBT_OPERATION] = "operation",
                                                   [LT_DBT_UDF] = "function",
                                                   [LT_DBT_SOURCE] = "source",
                                                   [LT_DBT_UNIT_TEST] = "unit test",
                                                   [LT_DBT_EXPOSURE] = "exposure",
                                                   [LT_DBT_METRIC] = "metric",
                                                   [LT_DBT_SEMANTIC_MODEL] = "semantic model",
                                                   [LT_DBT_SAVED_QUERY] = "saved query",
                                                   [LT_DBT_GROUP] = "group"};

/* "1 analysis, 2 analyses, 1 query, 2 queries" */
static void add_count(lt_buf *out, size_t count, const char *name)
{
    lt_text stem = lt_text_of(name);
    bool is = lt_text_ends(stem, T("is")), y = lt_text_ends(stem, T("query"));
    if (!count)
        return;
    lt_buf_printf(out, "%s%zu ", out->len ? ", " : "", count);
    if (count > 1)
        stem.len -= is ? 2 : y;
    lt_buf_printf(out, "%.*s%s", LT_ARG(stem), count == 1 ? "" : is ? "es" : y ? "ies" : "s");
}

void dbt_say_found(dbt_work *work)
{
    size_t counts[LT_DBT_KINDS] = {0};
    const lt_dbt_nodes *all = lt_dbt_all(work->dbt);
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    for (size_t i = 0; i < all->len; i++)
        counts[all->items[i]->kind]++;
    counts[LT_DBT_GENERIC_TEST] += counts[LT_DBT_SINGULAR_TEST];
    counts[LT_DBT_SINGULAR_TEST] = 0;
    for (size_t i = 0; i < LT_DBT_KINDS; i++)
        add_count(&text, counts[i], singular[i]);
    add_count(&text, lt_dbt_macro_count(work->dbt), "macro");
    dbt_say(&work->log, LT_LOG_INFO, "Z002", "FoundStats", "Found %s", lt_buf_chars(&text));
}

void dbt_say_concurrency(dbt_work *work)
{
    unsigned threads = dbt_threads(work);
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "Q026", "ConcurrencyLine",
            "Concurrency: %u threads (target='%.*s')", threads, LT_ARG(work->profile.target_name));
    dbt_say_blank(work);
}

/* ---- the summary ---- */

static void say_finished(dbt_work *work, lt_text counts, int64_t elapsed_us)
{
    double seconds = (double)elapsed_us / 1e6;
    int hours = (int)(seconds / 3600), minutes = (int)(seconds / 60) % 60;
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "E047", "FinishedRunningStats",
            "Finished running %.*s in %d hours %d minutes and %.2f seconds (%.2fs).",
            LT_ARG(counts), hours, minutes, seconds - 3600 * hours - 60 * minutes, seconds);
}

static bool is_data_test(lt_text name)
{
    return lt_text_eq(name, T("data test"));
}

/* As dbt sorts them, which knows data tests as "test" there. */
static int by_name(const void *a, const void *b)
{
    const lt_text *left = a, *right = b;
    return lt_text_cmp(is_data_test(*left) ? T("test") : *left,
                       is_data_test(*right) ? T("test") : *right);
}

/* "materialized view model" */
static lt_text model_words(lt_arena *arena, const lt_dbt_node *node)
{
    char *made = lt_arena_format(arena, "%.*s model", LT_ARG(node->config.materialized));
    for (char *c = made; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return lt_text_of(made);
}

/* "1 seed, 2 table models, 1 test, 2 data tests": dbt's words. */
static void count_kinds(const lt_dbt_run *run, lt_buf *out)
{
    LT_AUTO(lt_arena) scratch = {0};
    lt_map counts = {0};
    const lt_dbt_node_result *result;
    lt_texts names = {0};
    for (size_t i = 0; (result = lt_dbt_result_at(run, i)); i++) {
        const lt_dbt_node *node = result->node;
        lt_text name = node->kind == LT_DBT_MODEL ? model_words(&scratch, node)
                       : is_hook(node)            ? T("project hook")
                                                  : lt_text_of(singular[node->kind]);
        size_t *count = lt_map_find(&counts, name);
        if (!count) {
            count = LT_NEW(&scratch, size_t);
            (void)lt_map_put(&counts, name, count);
            lt_push_in(&scratch, &names, name);
        }
        ++*count;
    }
    if (names.len)
        qsort(names.items, names.len, sizeof(*names.items), by_name);
    for (size_t i = 0; i < names.len; i++) {
        size_t count = *(size_t *)lt_map_find(&counts, names.items[i]);
        bool one_test = count == 1 && is_data_test(names.items[i]);
        add_count(out, count, one_test ? "test" : names.items[i].ptr);
    }
    lt_map_cleanup(&counts);
}

static void say_failures_place(dbt_work *work, const lt_dbt_node *node)
{
    LT_AUTO(lt_buf) query = {.limit = 64 * LT_KIB};
    LT_AUTO(lt_buf) border = {.limit = 64 * LT_KIB};
    lt_buf_add_str(&query, "select * from ");
    lt_quote_relation(&node->relation, &query);
    for (size_t i = 0; i < query.len; i++)
        lt_buf_add_byte(&border, '-');
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "Z027", "CheckNodeTestFailure",
            "  See test failures:\n  %s\n  %s\n  %s", lt_buf_chars(&border), lt_buf_chars(&query),
            lt_buf_chars(&border));
}

/* Kept rows are looked for only where they were kept. */
static void say_problem(dbt_work *work, const lt_dbt_run *run, const lt_dbt_node_result *result)
{
    const lt_dbt_node *node = result->node;
    bool warned = result->outcome == LT_DBT_WARN;
    LT_AUTO(lt_buf) said = {.limit = LT_MIB};
    LT_AUTO(lt_buf) data = {0};
    add_data(work, result, LT_DBT_NODE_ENDS, 0, &data);
    lt_dbt_result_say(run, result, &said);
    if (result->outcome == LT_DBT_SKIPPED)
        lt_buf_printf(&said, "\n  %s", result->err->message);
    dbt_say_blank(work);
    dbt_say_of(&work->log, warned ? LT_LOG_WARNING : LT_LOG_ERROR, warned ? "Z021" : "Z022",
               warned ? "RunResultWarning" : "RunResultFailure", lt_buf_text(&data),
               "%s%s in %s %.*s (%.*s)%s", warned ? DBT_YELLOW : DBT_RED,
               warned ? "Warning" : "Failure", lt_dbt_kind_name(node->kind), LT_ARG(node->name),
               LT_ARG(node->path), DBT_PLAIN);
    dbt_say_of(&work->log, warned ? LT_LOG_WARNING : LT_LOG_ERROR, warned ? "Z046" : "Z024",
               warned ? "RunResultWarningMessage" : "RunResultError", lt_buf_text(&data), "%s%s",
               warned ? "" : "  ", lt_buf_chars(&said));
    if (node->compiled_path.len) {
        dbt_say_blank(work);
        dbt_say(&work->log, LT_LOG_INFO, "Z026", "SQLCompiledPath", "  compiled code at %.*s",
                LT_ARG(node->compiled_path));
    }
    if (result->failures > 0 && node->config.store_failures && !node->no_relation)
        say_failures_place(work, node);
}

static void say_result(dbt_work *work, size_t errors, size_t partial, size_t warnings)
{
    const char *color = errors ? DBT_RED : partial || warnings ? DBT_YELLOW : DBT_GREEN;
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    if (lt_stop_asked()) {
        color = DBT_YELLOW;
        lt_buf_add_str(&text, "Exited because of keyboard interrupt");
    } else if (partial && !errors)
        lt_buf_printf(&text, "Completed with %zu partial success%s and %zu warning%s", partial,
                      partial == 1 ? "" : "es", warnings, warnings == 1 ? "" : "s");
    else if (errors)
        lt_buf_printf(
            &text, "Completed with %zu error%s, %zu partial success%s, and %zu warning%s:", errors,
            errors == 1 ? "" : "s", partial, partial == 1 ? "" : "es", warnings,
            warnings == 1 ? "" : "s");
    else if (warnings)
        lt_buf_printf(&text, "Completed with %zu warning%s:", warnings, warnings == 1 ? "" : "s");
    else
        lt_buf_add_str(&text, "Completed successfully");
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "Z030", "EndOfRunSummary", "%s%s%s", color,
            lt_buf_chars(&text), DBT_PLAIN);
}

/* Not built because something that it is made of does not compile, and has no result of its own. */
static bool is_error_skip(const lt_dbt_node_result *result)
{
    return result->outcome == LT_DBT_SKIPPED && result->err;
}

static bool is_told(const lt_dbt_node_result *result)
{
    return result->outcome == LT_DBT_ERROR || result->outcome == LT_DBT_FAIL ||
           result->outcome == LT_DBT_PARTIAL_SUCCESS || is_error_skip(result);
}

void dbt_say_end(dbt_work *work, const lt_dbt_run *run)
{
    size_t counts[LT_DBT_OUTCOMES] = {0}, total = 0, error_skips = 0;
    const lt_dbt_node_result *result;
    LT_AUTO(lt_buf) kinds = {.limit = 4 * LT_KIB};
    for (; (result = lt_dbt_result_at(run, total)); total++) {
        counts[result->outcome]++;
        error_skips += is_error_skip(result);
    }
    size_t errors = counts[LT_DBT_ERROR] + counts[LT_DBT_FAIL];
    size_t partial = counts[LT_DBT_PARTIAL_SUCCESS];
    count_kinds(run, &kinds);
    if (!is_silent(work))
        say_finished(work, lt_buf_text(&kinds), lt_dbt_elapsed_us(run));
    say_result(work, errors + error_skips, partial, counts[LT_DBT_WARN]);
    for (int warned = 0; warned <= 1; warned++)
        for (size_t i = 0; (result = lt_dbt_result_at(run, i)); i++)
            if (warned ? result->outcome == LT_DBT_WARN : is_told(result))
                say_problem(work, run, result);
    dbt_say_blank(work);
    dbt_say(&work->log, LT_LOG_INFO, "Z023", "StatsLine",
            "Done. PASS=%zu WARN=%zu ERROR=%zu SKIP=%zu NO-OP=%zu TOTAL=%zu",
            counts[LT_DBT_PASS] + counts[LT_DBT_SUCCESS], counts[LT_DBT_WARN], errors + partial,
            counts[LT_DBT_SKIPPED], counts[LT_DBT_NO_OP], total);
}

/* ---- freshness ---- */

static const struct {
    const char *word, *color;
    lt_log_level level;
} fresh[] = {
    [LT_DBT_FRESH_PASS] = {"PASS", DBT_GREEN, LT_LOG_INFO},
    [LT_DBT_FRESH_WARN] = {"WARN", DBT_YELLOW, LT_LOG_WARNING},
    [LT_DBT_FRESH_ERROR] = {"ERROR STALE", DBT_RED, LT_LOG_ERROR},
    [LT_DBT_FRESH_RUNTIME_ERROR] = {"ERROR", DBT_RED, LT_LOG_ERROR},
};

static void say_fresh(dbt_work *work, const lt_dbt_fresh *one, size_t total, const char *what,
                      const line *said)
{
    LT_AUTO(lt_buf) left = {.limit = 16 * LT_KIB};
    lt_buf_printf(&left, "%zu of %zu %s freshness of %.*s.%.*s", one->place, total, what,
                  LT_ARG(one->source->source_name), LT_ARG(one->source->name));
    say_line(work, said, &left);
}

void dbt_line_fresh_started(void *user, const lt_dbt_fresh *one, size_t total)
{
    const line said = {.level = LT_LOG_INFO,
                       .code = "Q011",
                       .event = "LogStartLine",
                       .color = "",
                       .word = "RUN",
                       .seconds = -1};
    say_fresh(user, one, total, "START", &said);
}

void dbt_line_fresh_ended(void *user, const lt_dbt_fresh *one, size_t total)
{
    const line said = {.level = fresh[one->status].level,
                       .code = "Q018",
                       .event = "LogFreshnessResult",
                       .color = fresh[one->status].color,
                       .word = fresh[one->status].word,
                       .seconds = (double)(one->ended_us - one->started_us) / 1e6};
    say_fresh(user, one, total, said.word, &said);
}

void dbt_say_fresh_end(dbt_work *work, const lt_dbt_fresh *all, size_t count, int64_t elapsed_us)
{
    LT_AUTO(lt_buf) counts = {.limit = LT_KIB};
    add_count(&counts, count, "source");
    say_finished(work, lt_buf_text(&counts), elapsed_us);
    for (size_t i = 0; i < count; i++) {
        const lt_dbt_node *source = all[i].source;
        if (all[i].status < LT_DBT_FRESH_ERROR)
            continue;
        dbt_say_blank(work);
        if (all[i].status == LT_DBT_FRESH_ERROR)
            dbt_say(&work->log, LT_LOG_ERROR, "Z022", "RunResultFailure",
                    "%sFailure in source %.*s (%.*s)%s\n  Status: error", DBT_RED,
                    LT_ARG(source->name), LT_ARG(source->path), DBT_PLAIN);
        else
            dbt_say(&work->log, LT_LOG_ERROR, "Z024", "RunResultError",
                    "  Runtime Error in source %.*s (%.*s)\n  %.*s", LT_ARG(source->name),
                    LT_ARG(source->path), LT_ARG(all[i].message));
    }
    dbt_say(&work->log, LT_LOG_INFO, "Q036", "FreshnessCheckComplete", "Done.");
}
