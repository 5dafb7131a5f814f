/* Microbatch models: the spans of time that a run builds, one after the other, each like a model of its own. */
#include "dbt/execute_inner.h"

#include "base/log.h"
#include "base/time.h"

#include <stdio.h>

enum { MOST_BATCHES = 100000 };

typedef enum span_unit { UNIT_HOUR, UNIT_DAY, UNIT_MONTH, UNIT_YEAR, UNITS } span_unit;

static const lt_text unit_names[UNITS] = {T("hour"), T("day"), T("month"), T("year")};
static const int64_t HOUR_US = 3600 * (int64_t)1000000;

typedef struct batching {
    lt_dbt_run *run;
    lt_dbt_node *node;
    lt_session *session;
    const lt_attempt *token;
    lt_dbt_node_result *result;
    span_unit unit;
    lt_dbt_spans spans; /* in the run's arena */
    bool increments;    /* the table is there, and stays */
    lt_arena scratch;
} batching;

bool lt_dbt_is_microbatch(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL && lt_text_eq(node->config.materialized, T("incremental")) &&
           lt_text_eq(node->config.incremental_strategy, T("microbatch"));
}

/* ---- spans ---- */

static int64_t moment_of(lt_date date)
{
    return lt_days_from_date(date) * 24 * HOUR_US;
}

static int64_t truncate_to(int64_t at_us, span_unit unit)
{
    lt_date date = lt_date_from_days(lt_divide_down(at_us, 24 * HOUR_US));
    if (unit == UNIT_HOUR)
        return lt_divide_down(at_us, HOUR_US) * HOUR_US;
    if (unit >= UNIT_MONTH)
        date.day = 1;
    if (unit == UNIT_YEAR)
        date.month = 1;
    return moment_of(date);
}

/* So many units after the beginning of the one that `at_us` is in. */
static int64_t step_from(int64_t at_us, span_unit unit, int64_t count)
{
    int64_t start = truncate_to(at_us, unit);
    if (unit == UNIT_HOUR || unit == UNIT_DAY)
        return start + count * (unit == UNIT_DAY ? 24 : 1) * HOUR_US;
    lt_date date = lt_date_from_days(lt_divide_down(start, 24 * HOUR_US));
    int64_t month = date.year * 12 + (int64_t)date.month - 1 + count * (unit == UNIT_YEAR ? 12 : 1);
    date.year = lt_divide_down(month, 12);
    date.month = (unsigned)(month - date.year * 12) + 1;
    return moment_of(date);
}

static int64_t round_up(int64_t at_us, span_unit unit)
{
    return truncate_to(at_us, unit) == at_us ? at_us : step_from(at_us, unit, 1);
}

/* ---- what a run builds ---- */

static lt_status need(const batching *b, const char *key, lt_text *out, lt_err *err)
{
    lt_jinja_value value = lt_dbt_config_get(b->run->request.dbt, b->node, lt_text_of(key));
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    if (lt_dbt_is_set(value))
        lt_jinja_str(value, &text);
    *out = lt_arena_text(&((batching *)(uintptr_t)b)->scratch, lt_buf_text(&text));
    if (out->len)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s: a microbatch model needs '%s'", LT_ARG(b->node->path),
                      key));
    return lt_hint(err, "set event_time, begin and batch_size (hour, day, month or year)");
}

static lt_status read_unit(batching *b, lt_err *err)
{
    lt_text said = {0};
    LT_TRY(need(b, "batch_size", &said, err));
    for (b->unit = UNIT_HOUR; b->unit < UNITS; b->unit++)
        if (lt_text_eq_nocase(unit_names[b->unit], said))
            return LT_OK;
    return lt_fail(err, LT_INVALID, "%.*s: batch_size is hour, day, month or year, not '%.*s'",
                   LT_ARG(b->node->path), LT_ARG(said));
}

static lt_status read_begin(batching *b, int64_t *out, lt_err *err)
{
    lt_text said = {0};
    LT_TRY(need(b, "begin", &said, err));
    if (lt_time_read(said, out))
        return LT_OK;
    return lt_fail(err, LT_INVALID, "%.*s: 'begin' is no moment: '%.*s'", LT_ARG(b->node->path),
                   LT_ARG(said));
}

static int64_t lookback_of(const batching *b)
{
    lt_jinja_value said = lt_dbt_config_get(b->run->request.dbt, b->node, T("lookback"));
    return said.type == LT_JINJA_INT && said.as.i >= 0 ? said.as.i : 1;
}

/* The newest row that is there: what lies between it and now was never built. */
static lt_status find_newest(batching *b, int64_t *newest, bool *found, lt_err *err)
{
    lt_table table;
    lt_text field = {0};
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    LT_TRY(need(b, "event_time", &field, err));
    lt_buf_printf(&sql, "select cast(max(%.*s) as varchar) from ", LT_ARG(field));
    lt_quote_relation(&b->node->relation, &sql);
    LT_TRY(
        lt_query_table(b->session, lt_buf_text(&sql), NULL, 0, 1, NULL, &b->scratch, &table, err));
    lt_text cell = lt_table_cell(&table, 0, 0);
    *found = cell.ptr && lt_time_read(cell, newest);
    return LT_OK;
}

/* As dbt: from --event-time-start; else from `begin` for a table that is built whole; else `lookback` units before the end. `leat run`
 * goes back to what is missing. */
static lt_status find_start(batching *b, int64_t end_us, int64_t *out, lt_err *err)
{
    const lt_dbt_run_request *request = &b->run->request;
    int64_t begin = 0, newest = 0, lookback = lookback_of(b);
    bool found = false;
    LT_TRY(read_begin(b, &begin, err));
    if (request->event_from_us || !b->increments) {
        *out = truncate_to(request->event_from_us ? request->event_from_us : begin, b->unit);
        return LT_OK;
    }
    if (truncate_to(end_us, b->unit) == end_us)
        lookback++; /* the last batch ends there */
    *out = step_from(end_us, b->unit, -lookback);
    if (!request->guard)
        return LT_OK;
    LT_TRY(find_newest(b, &newest, &found, err));
    *out = LT_MIN(*out, truncate_to(found ? newest : begin, b->unit));
    return LT_OK;
}

static lt_status find_spans(batching *b, lt_err *err)
{
    const lt_dbt_run_request *request = &b->run->request;
    int64_t now = request->dbt->settings.scope->clock_us, start = 0;
    int64_t end = request->event_to_us ? request->event_to_us : round_up(now, b->unit);
    LT_TRY(find_start(b, end, &start, err));
    do {
        lt_dbt_span span = {.start_us = start,
                            .end_us = LT_MIN(step_from(start, b->unit, 1), LT_MAX(end, start + 1))};
        if (b->spans.len == MOST_BATCHES)
            return lt_fail(err, LT_TOO_BIG, "%.*s: more than %d batches", LT_ARG(b->node->path),
                           MOST_BATCHES);
        (void)pthread_mutex_lock(&b->run->lock);
        lt_push_in(&b->run->arena, &b->spans, span);
        (void)pthread_mutex_unlock(&b->run->lock);
        start = span.end_us;
    } while (start < end);
    return LT_OK;
}

static bool take_failed_before(batching *b)
{
    const lt_dbt_run_request *request = &b->run->request;
    for (size_t i = 0; i < request->again_count; i++) {
        if (request->again[i].node != b->node)
            continue;
        for (size_t k = 0; k < request->again[i].spans.len; k++) {
            (void)pthread_mutex_lock(&b->run->lock);
            lt_push_in(&b->run->arena, &b->spans, request->again[i].spans.items[k]);
            (void)pthread_mutex_unlock(&b->run->lock);
        }
        return b->spans.len > 0;
    }
    return false;
}

static lt_status plan(batching *b, lt_err *err)
{
    const lt_dbt_config *config = &b->node->config;
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_text ignored = {0};
    bool whole = config->full_refresh < 0 ? b->run->request.dbt->settings.full_refresh
                                          : config->full_refresh != 0;
    LT_TRY(read_unit(b, err));
    LT_TRY(need(b, "event_time", &ignored, err));
    LT_TRY(lt_relation_find(b->session, &b->node->relation, &kind, err));
    b->increments = kind == LT_RELATION_TABLE && !whole;
    return take_failed_before(b) ? LT_OK : find_spans(b, err);
}

/* ---- building them ---- */

static void name_batch(const batching *b, lt_dbt_batch *batch)
{
    lt_date date = lt_date_from_days(lt_divide_down(batch->span.start_us, 24 * HOUR_US));
    int64_t hour = lt_divide_down(batch->span.start_us, HOUR_US) % 24;
    switch (b->unit) {
    case UNIT_HOUR:
        (void)snprintf(batch->id, sizeof(batch->id), "%04lld%02u%02uT%02lld", (long long)date.year,
                       date.month, date.day, (long long)hour);
        break;
    case UNIT_DAY:
        (void)snprintf(batch->id, sizeof(batch->id), "%04lld%02u%02u", (long long)date.year,
                       date.month, date.day);
        break;
    case UNIT_MONTH:
        (void)snprintf(batch->id, sizeof(batch->id), "%04lld%02u", (long long)date.year,
                       date.month);
        break;
    default:
        (void)snprintf(batch->id, sizeof(batch->id), "%04lld", (long long)date.year);
        break;
    }
}

static void tell(const batching *b, size_t i, const lt_dbt_batch *batch, const char *word)
{
    const lt_dbt *dbt = b->run->request.dbt;
    LT_AUTO(lt_chars)
    text = lt_format("Batch %zu of %zu %s batch %s of %.*s.%.*s", i + 1, b->spans.len, word,
                     batch->id, LT_ARG(b->node->relation.schema), LT_ARG(b->node->relation.name));
    if (dbt->say)
        dbt->say(dbt->say_user, false, true, lt_text_of(text));
    else
        lt_log(LT_LOG_INFO, "%s", text);
}

static bool run_batch(batching *b, size_t i, lt_dbt_node_result *made)
{
    lt_dbt_batch batch = {.span = b->spans.items[i], .increments = b->increments || i > 0};
    name_batch(b, &batch);
    *made = *b->result;
    tell(b, i, &batch, "START");
    lt_dbt_attempt_once(b->run, b->node, b->session, b->token, &batch, made);
    bool ok = made->outcome == LT_DBT_SUCCESS;
    tell(b, i, &batch, ok ? "OK created" : "ERROR creating");
    return ok;
}

static void keep_last(lt_dbt_node_result *result, const lt_dbt_node_result *made, bool first)
{
    int64_t rows = result->rows, started = result->compile_started_us;
    bool incremental = result->incremental;
    lt_dbt_spans done = result->done, failed = result->failed;
    *result = *made;
    result->done = done;
    result->failed = failed;
    if (first)
        return;
    result->compile_started_us = started;
    result->incremental = incremental;
    result->rows = rows >= 0 && made->rows >= 0 ? rows + made->rows : LT_MAX(rows, made->rows);
}

/* A table that is not there cannot be added to. In `leat run` the next attempt begins at the newest row, so nothing is built behind a gap. */
static bool goes_on(const batching *b, size_t i)
{
    return (i > 0 || b->increments) && !b->run->request.guard;
}

static void judge(batching *b, const lt_dbt_node_result *bad)
{
    lt_dbt_node_result *result = b->result;
    size_t all = b->spans.len;
    (void)pthread_mutex_lock(&b->run->lock);
    if (!result->failed.len) {
        result->outcome = LT_DBT_SUCCESS;
        result->message = T("SUCCESS");
    } else {
        result->outcome = result->done.len ? LT_DBT_PARTIAL_SUCCESS : LT_DBT_ERROR;
        result->err = bad->err;
        result->message = lt_text_of(
            result->done.len ? lt_arena_format(&b->run->arena, "PARTIAL SUCCESS (%zu/%zu): %.*s",
                                               result->done.len, all, LT_ARG(bad->message))
                             : lt_arena_format(&b->run->arena, "%.*s", LT_ARG(bad->message)));
    }
    (void)pthread_mutex_unlock(&b->run->lock);
}

static void build(batching *b)
{
    lt_dbt_node_result made, bad = {0};
    bool stopped = false;
    for (size_t i = 0; i < b->spans.len; i++) {
        bool ok = !stopped && run_batch(b, i, &made);
        if (!stopped)
            keep_last(b->result, &made, i == 0);
        (void)pthread_mutex_lock(&b->run->lock);
        lt_push_in(&b->run->arena, ok ? &b->result->done : &b->result->failed, b->spans.items[i]);
        (void)pthread_mutex_unlock(&b->run->lock);
        if (ok)
            continue;
        if (!stopped)
            bad = made;
        stopped = stopped || !goes_on(b, i) || (made.err && made.err->status == LT_CANCELLED);
    }
    judge(b, &bad);
}

void lt_dbt_attempt_batches(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                            const lt_attempt *token, lt_dbt_node_result *result)
{
    batching b = {.run = run, .node = node, .session = session, .token = token, .result = result};
    lt_err err = {0};
    result->compile_started_us = result->compile_ended_us = lt_now_us();
    result->execute_started_us = result->execute_ended_us = result->compile_ended_us;
    if (plan(&b, &err) == LT_OK) {
        build(&b);
    } else {
        (void)pthread_mutex_lock(&run->lock);
        lt_dbt_result_failed(run, result, &err);
        (void)pthread_mutex_unlock(&run->lock);
    }
    lt_arena_cleanup(&b.scratch);
}
