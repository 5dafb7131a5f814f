/* Microbatch models: the spans of time that a run builds, each like a model of its own, one after the other or side by side. */
#include "dbt/run/execute_inner.h"

#include "base/log.h"
#include "base/proc.h"
#include "base/time.h"
#include "dbt/plan/builds.h"

#include <stdio.h>
#include <stdlib.h>

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
    bool reads_itself;  /* its text names `this` */
    int64_t usual_us;   /* where a run that fills no gaps would begin */
    lt_arena scratch;
    lt_dbt_node_result blank; /* what the result of a batch begins as */
    lt_dbt_node_result bad;   /* of the first batch that failed */
    size_t failed_at;
    bool has_failed;
    bool is_stopped; /* no more batches */
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

/* ---- gaps ---- */

static bool fills_gaps(const batching *b)
{
    return b->run->request.fills_gaps && b->increments;
}

static lt_status has_rows(batching *b, const lt_dbt_span *span, bool *has, lt_err *err)
{
    char from[LT_TIME_CHARS], to[LT_TIME_CHARS];
    lt_table table;
    lt_text field = {0};
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    LT_TRY(need(b, "event_time", &field, err));
    lt_buf_add_str(&sql, "select 1 from ");
    lt_quote_relation(&b->node->relation, &sql);
    lt_buf_printf(&sql, " where %.*s >= '%.10s %.8s+00:00' and ", LT_ARG(field),
                  lt_time_write(span->start_us, from), from + strlen("2026-11-22T"));
    lt_buf_printf(&sql, "%.*s < '%.10s %.8s+00:00' limit 1", LT_ARG(field),
                  lt_time_write(span->end_us, to), to + strlen("2026-11-22T"));
    LT_TRY(lt_query_table(b->session, lt_buf_text(&sql), NULL, 0, 1, NULL, &arena, &table, err));
    *has = table.row_count > 0;
    return LT_OK;
}

/* What the record knows nothing of may have been built by others: then it has rows. */
static lt_status is_built(batching *b, const lt_dbt_span *span, bool *built, lt_err *err)
{
    *built = false;
    if (!fills_gaps(b) || (span->start_us >= b->usual_us && !b->run->request.event_from_us))
        return LT_OK;
    const lt_dbt_build *record = lt_dbt_builds_find(b->run->request.fills_gaps, b->node);
    if (record && lt_dbt_spans_touch(&record->failed, span))
        return LT_OK;
    *built = record && lt_dbt_spans_have(&record->spans, span);
    if (*built || (record && lt_dbt_spans_touch(&record->spans, span)))
        return LT_OK;
    return has_rows(b, span, built, err);
}

/* As the run says, or with --fill-gaps from the beginning. */
static lt_status find_range(batching *b, int64_t end_us, int64_t *out, lt_err *err)
{
    LT_TRY(find_start(b, end_us, &b->usual_us, err));
    *out = b->usual_us;
    if (!fills_gaps(b) || b->run->request.event_from_us)
        return LT_OK;
    LT_TRY(read_begin(b, out, err));
    *out = LT_MIN(truncate_to(*out, b->unit), b->usual_us);
    return LT_OK;
}

static lt_status add_span(batching *b, lt_dbt_span span, lt_err *err)
{
    bool built = false;
    LT_TRY(is_built(b, &span, &built, err));
    if (built)
        return LT_OK;
    if (b->spans.len == MOST_BATCHES)
        return lt_fail(err, LT_TOO_BIG, "%.*s: more than %d batches", LT_ARG(b->node->path),
                       MOST_BATCHES);
    (void)pthread_mutex_lock(&b->run->lock);
    lt_push_in(&b->run->arena, &b->spans, span);
    (void)pthread_mutex_unlock(&b->run->lock);
    return LT_OK;
}

static lt_status find_spans(batching *b, lt_err *err)
{
    const lt_dbt_run_request *request = &b->run->request;
    int64_t now = request->dbt->settings.scope->clock_us, start = 0;
    int64_t end = round_up(request->event_to_us ? request->event_to_us : now, b->unit);
    LT_TRY(find_range(b, end, &start, err));
    do {
        lt_dbt_span span = {.start_us = start,
                            .end_us = LT_MIN(step_from(start, b->unit, 1), LT_MAX(end, start + 1))};
        LT_TRY(add_span(b, span, err));
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
    static const size_t lengths[UNITS] = {
        [UNIT_HOUR] = 13, [UNIT_DAY] = 10, [UNIT_MONTH] = 7, [UNIT_YEAR] = 4};
    lt_date date = lt_date_from_days(lt_divide_down(batch->span.start_us, 24 * HOUR_US));
    int64_t hour = lt_divide_down(batch->span.start_us, HOUR_US) % 24;
    size_t to = 0;
    (void)snprintf(batch->file_id, sizeof(batch->file_id), "%04d-%02u-%02uT%02d",
                   (int)(date.year % 10000), date.month, date.day, (int)hour);
    batch->file_id[lengths[b->unit]] = 0;
    for (const char *c = batch->file_id; *c; c++)
        if (*c != '-')
            batch->id[to++] = *c;
    batch->id[to] = 0;
}

lt_text lt_dbt_batch_path(const lt_dbt_batch *batch, lt_text path, lt_arena *arena)
{
    size_t dot = path.len, slash = path.len;
    if (!batch)
        return path;
    while (dot && path.ptr[dot - 1] != '.')
        dot--;
    while (slash && path.ptr[slash - 1] != '/')
        slash--;
    lt_text stem = lt_text_sub(path, 0, dot ? dot - 1 : 0);
    return lt_text_of(lt_arena_format(arena, "%.*s/%.*s_%s.%.*s", LT_ARG(stem),
                                      LT_ARG(lt_text_sub(stem, slash, SIZE_MAX)), batch->file_id,
                                      LT_ARG(lt_text_sub(path, dot, SIZE_MAX))));
}

/* `made` NULL: it begins. */
static void tell(const batching *b, size_t i, const lt_dbt_batch *batch,
                 const lt_dbt_node_result *made)
{
    const lt_dbt_run_request *request = &b->run->request;
    const lt_dbt_batch_line line = {
        .node = b->node,
        .id = batch->file_id,
        .place = i + 1,
        .total = b->spans.len,
        .has_failed = made && made->outcome != LT_DBT_SUCCESS,
        .message = made ? made->message : (lt_text){0},
        .seconds = made ? (double)(made->execute_ended_us - made->compile_started_us) / 1e6 : -1};
    if (request->batch) {
        request->batch(request->user, &line);
        return;
    }
    lt_log(LT_LOG_INFO, "Batch %zu of %zu %s batch %s of %.*s.%.*s", line.place, line.total,
           !made             ? "START"
           : line.has_failed ? "ERROR creating"
                             : "OK created",
           line.id, LT_ARG(b->node->relation.schema), LT_ARG(b->node->relation.name));
}

static bool run_batch(batching *b, lt_session *session, size_t i, bool beside,
                      lt_dbt_node_result *made)
{
    lt_dbt_batch batch = {.span = b->spans.items[i],
                          .increments = b->increments || i > 0,
                          .is_first = i == 0,
                          .is_last = i + 1 == b->spans.len,
                          .is_beside = beside};
    name_batch(b, &batch);
    *made = b->blank;
    tell(b, i, &batch, NULL);
    lt_dbt_attempt_once(b->run, b->node, session, b->token, &batch, made);
    tell(b, i, &batch, made);
    return made->outcome == LT_DBT_SUCCESS;
}

/* Under the lock: the model's result is the sum of its batches. */
static void add_result(batching *b, size_t i, const lt_dbt_node_result *made, bool ok)
{
    lt_dbt_node_result *result = b->result;
    const lt_dbt_node_result before = *result;
    bool first = !before.done.len && !before.failed.len;
    *result = *made;
    result->done = before.done;
    result->failed = before.failed;
    if (!first) {
        result->compile_started_us = before.compile_started_us;
        result->execute_ended_us = LT_MAX(before.execute_ended_us, made->execute_ended_us);
        result->incremental = before.incremental;
        result->rows = before.rows >= 0 && made->rows >= 0 ? before.rows + made->rows
                                                           : LT_MAX(before.rows, made->rows);
    }
    lt_push_in(&b->run->arena, ok ? &result->done : &result->failed, b->spans.items[i]);
    if (!ok && (!b->has_failed || i < b->failed_at)) {
        b->bad = *made;
        b->failed_at = i;
        b->has_failed = true;
    }
}

static void do_batch(batching *b, lt_session *session, size_t i, bool beside)
{
    lt_dbt_node_result made;
    bool ok = run_batch(b, session, i, beside, &made);
    (void)pthread_mutex_lock(&b->run->lock);
    add_result(b, i, &made, ok);
    b->is_stopped = b->is_stopped || (!ok && (i == 0 || b->run->request.guard ||
                                              (made.err && made.err->status == LT_CANCELLED)));
    (void)pthread_mutex_unlock(&b->run->lock);
}

static void skip_batch(batching *b, size_t i)
{
    (void)pthread_mutex_lock(&b->run->lock);
    lt_push_in(&b->run->arena, &b->result->failed, b->spans.items[i]);
    (void)pthread_mutex_unlock(&b->run->lock);
}

static int by_start(const void *a, const void *b)
{
    const lt_dbt_span *left = a, *right = b;
    return (left->start_us > right->start_us) - (left->start_us < right->start_us);
}

static void judge(batching *b)
{
    lt_dbt_node_result *result = b->result;
    size_t all = b->spans.len;
    (void)pthread_mutex_lock(&b->run->lock);
    result->adapter_response = T("{}"); /* of several statements, as dbt has it */
    result->failures = 0;
    if (result->done.len)
        qsort(result->done.items, result->done.len, sizeof(lt_dbt_span), by_start);
    if (!result->failed.len) {
        result->outcome = LT_DBT_SUCCESS;
        result->message = T("SUCCESS");
    } else {
        qsort(result->failed.items, result->failed.len, sizeof(lt_dbt_span), by_start);
        result->outcome = result->done.len ? LT_DBT_PARTIAL_SUCCESS : LT_DBT_ERROR;
        result->err = b->bad.err;
        result->message = lt_text_of(
            result->done.len ? lt_arena_format(&b->run->arena, "PARTIAL SUCCESS (%zu/%zu): %.*s",
                                               result->done.len, all, LT_ARG(b->bad.message))
                             : lt_arena_format(&b->run->arena, "%.*s", LT_ARG(b->bad.message)));
    }
    (void)pthread_mutex_unlock(&b->run->lock);
}

/* ---- side by side ---- */

/* As dbt: on DuckDB, what the model says, else when it does not look at itself. `leat run` stops at the first batch that fails, so that
 * nothing lies behind a gap; and comments would be written by all at once. */
static bool is_concurrent(const batching *b)
{
    const lt_dbt *dbt = b->run->request.dbt;
    lt_jinja_value said = lt_dbt_config_get(dbt, b->node, T("concurrent_batches"));
    lt_jinja_value docs = lt_dbt_config_get(dbt, b->node, T("persist_docs"));
    if (b->run->request.guard || b->run->is_server || lt_jinja_truth(docs))
        return false;
    return lt_dbt_is_set(said) ? lt_jinja_truth(said) : !b->reads_itself;
}

/* Takes the next one; called and returning under the lock. */
static bool take_batch(batch_queue *queue, lt_session *session)
{
    batching *b = queue->owner;
    if (queue->at == queue->end || b->is_stopped || b->run->is_stopped || lt_stop_asked())
        return false;
    size_t i = queue->at++;
    queue->working++;
    (void)pthread_mutex_unlock(&b->run->lock);
    do_batch(b, session, i, true);
    (void)pthread_mutex_lock(&b->run->lock);
    queue->working--;
    (void)pthread_cond_broadcast(&b->run->changed);
    return true;
}

bool lt_dbt_batches_help(lt_dbt_run *run, lt_session *session)
{
    for (batch_queue *queue = run->batches; queue; queue = queue->next)
        if (take_batch(queue, session))
            return true;
    return false;
}

/* Those between the first and the last: whoever has nothing to do helps. */
static void build_beside(batching *b, size_t from, size_t to)
{
    lt_dbt_run *run = b->run;
    batch_queue queue = {.owner = b, .at = from, .end = to};
    (void)pthread_mutex_lock(&run->lock);
    queue.next = run->batches;
    run->batches = &queue;
    (void)pthread_cond_broadcast(&run->changed);
    while (take_batch(&queue, b->session))
        ;
    while (queue.working)
        (void)pthread_cond_wait(&run->changed, &run->lock);
    batch_queue **link = &run->batches;
    while (*link != &queue)
        link = &(*link)->next;
    *link = queue.next;
    (void)pthread_mutex_unlock(&run->lock);
    while (queue.at < queue.end)
        skip_batch(b, queue.at++);
}

static void build(batching *b)
{
    size_t count = b->spans.len;
    bool beside = is_concurrent(b) && count > 3; /* two at least between the first and the last */
    for (size_t i = 0; i < count; i++) {
        if (beside && i == 1 && !b->is_stopped) {
            build_beside(b, 1, count - 1);
            i = count - 1;
        }
        if (b->is_stopped)
            skip_batch(b, i);
        else
            do_batch(b, b->session, i, false);
    }
    judge(b);
}

/* The name `this` in an expression of its text. */
static bool names_this(const lt_dbt_node *node)
{
    lt_text text = node->raw_code;
    for (size_t at = 0; (at = lt_text_find(text, T("this"), at)) != SIZE_MAX; at += 4) {
        lt_text before = lt_text_sub(text, 0, at);
        size_t open = SIZE_MAX, next = 0;
        while ((next = lt_text_find_byte(before, '{', open == SIZE_MAX ? 0 : open + 1)) != SIZE_MAX)
            open = next;
        char left = at ? text.ptr[at - 1] : ' ', right = at + 4 < text.len ? text.ptr[at + 4] : ' ';
        bool word = !lt_is_alpha(left) && left != '_' && left != '.' && !lt_is_digit(left) &&
                    !lt_is_alpha(right) && right != '_' && !lt_is_digit(right);
        bool inside = open != SIZE_MAX &&
                      lt_text_find_byte(lt_text_sub(before, open, SIZE_MAX), '}', 0) == SIZE_MAX;
        if (word && inside)
            return true;
    }
    return false;
}

void lt_dbt_attempt_batches(lt_dbt_run *run, lt_dbt_node *node, lt_session *session,
                            const lt_attempt *token, lt_dbt_node_result *result)
{
    batching b = {.run = run, .node = node, .session = session, .token = token, .result = result};
    lt_err err = {0};
    result->compile_started_us = result->compile_ended_us = lt_now_us();
    result->execute_started_us = result->execute_ended_us = result->compile_ended_us;
    b.blank = *result;
    b.reads_itself = names_this(node);
    if (plan(&b, &err) == LT_OK) {
        build(&b);
    } else {
        (void)pthread_mutex_lock(&run->lock);
        lt_dbt_result_failed(run, result, &err);
        (void)pthread_mutex_unlock(&run->lock);
    }
    lt_arena_cleanup(&b.scratch);
}
