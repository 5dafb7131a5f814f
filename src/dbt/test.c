/* Tests: count the rows that break the rule, keep them, and judge. */
#include "base/buf.h"
#include "dbt/inner.h"

#include <stdio.h>

typedef struct testing {
    const lt_dbt_node *node;
    lt_session *session;
    const lt_dbt_compiled *compiled;
    lt_arena *arena;
    int64_t failures;
} testing;

static lt_status count_failures(testing *t, lt_err *err)
{
    static const char head[] = "select count(*) from (\n";
    lt_table table;
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, head);
    lt_buf_add(&sql, lt_buf_text(&t->compiled->sql));
    lt_buf_add_str(&sql, "\n) as failing");
    lt_status status =
        lt_query_table(t->session, lt_buf_text(&sql), NULL, 0, 1, NULL, t->arena, &table, err);
    if (status == LT_FAILED)
        return lt_dbt_blame(t->node, t->compiled, sizeof(head) - 1, lt_session_error_at(t->session),
                            err);
    LT_TRY(status);
    if (!lt_text_to_i64(lt_table_cell(&table, 0, 0), &t->failures))
        return lt_fail(err, LT_IO, "the count of failing rows is not a number");
    return LT_OK;
}

/* Replace the table of failing rows, in the transaction that is open; none are left of a test that passes. */
static lt_status keep_failures(const testing *t, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "drop table if exists ");
    lt_quote_relation(&t->node->relation, &sql);
    LT_TRY(lt_exec(t->session, lt_buf_text(&sql), NULL, err));
    if (!t->failures)
        return LT_OK;
    lt_buf_clear(&sql);
    lt_buf_add_str(&sql, "create table ");
    lt_quote_relation(&t->node->relation, &sql);
    lt_buf_add_str(&sql, " as (\n");
    lt_buf_add(&sql, lt_buf_text(&t->compiled->sql));
    lt_buf_add_str(&sql, "\n)");
    return lt_exec(t->session, lt_buf_text(&sql), NULL, err);
}

static lt_status keep_failures_whole(const lt_dbt *dbt, const testing *t, const lt_attempt *attempt,
                                     lt_err *err)
{
    lt_relation_kind kind = LT_RELATION_NONE;
    LT_TRY(lt_relation_find(t->session, &t->node->relation, &kind, err));
    if (!t->failures && kind == LT_RELATION_NONE)
        return LT_OK;
    LT_TRY(lt_schema_create(t->session, t->node->relation.schema, err));
    LT_TRY(lt_dbt_write_begin(dbt, &t->node->relation, t->session, attempt, NULL, err));
    lt_status status = keep_failures(t, err);
    if (status == LT_OK)
        status = lt_session_commit(t->session, err);
    if (status != LT_OK)
        lt_session_rollback(t->session);
    return status;
}

typedef struct comparison {
    lt_text sign;
    bool (*holds)(int64_t left, int64_t right);
} comparison;

static bool is_at_least(int64_t left, int64_t right)
{
    return left >= right;
}
static bool is_at_most(int64_t left, int64_t right)
{
    return left <= right;
}
static bool is_not(int64_t left, int64_t right)
{
    return left != right;
}
static bool is_equal(int64_t left, int64_t right)
{
    return left == right;
}
static bool is_more(int64_t left, int64_t right)
{
    return left > right;
}
static bool is_less(int64_t left, int64_t right)
{
    return left < right;
}

static const comparison comparisons[] = {
    {T(">="), is_at_least}, {T("<="), is_at_most}, {T("!="), is_not}, {T("<>"), is_not},
    {T("=="), is_equal},    {T("="), is_equal},    {T(">"), is_more}, {T("<"), is_less},
};

/* A threshold such as "!= 0" or ">10", as in warn_if and error_if. */
static lt_status passes_threshold(const lt_dbt_node *node, lt_text threshold, int64_t count,
                                  bool *holds, lt_err *err)
{
    for (size_t i = 0; i < LT_COUNT(comparisons); i++) {
        int64_t right;
        if (!lt_text_starts(threshold, comparisons[i].sign))
            continue;
        lt_text number = lt_text_trim(lt_text_sub(threshold, comparisons[i].sign.len, SIZE_MAX));
        if (!lt_text_to_i64(number, &right))
            break;
        *holds = comparisons[i].holds(count, right);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID,
                      "%.*s: the threshold '%.*s' of the test '%.*s' is not understood",
                      LT_ARG(node->path), LT_ARG(threshold), LT_ARG(node->name)));
    return lt_hint(err, "write a comparison with a number, such as \"> 10\" or \"!= 0\"");
}

static lt_status judge(const testing *t, lt_dbt_result *result, lt_err *err)
{
    const lt_dbt_config *config = &t->node->config;
    bool errs = false, warns = false;
    LT_TRY(passes_threshold(t->node, config->error_if, t->failures, &errs, err));
    LT_TRY(passes_threshold(t->node, config->warn_if, t->failures, &warns, err));
    errs = errs && !lt_text_eq(config->severity, T("warn"));
    if (!errs && !warns)
        return LT_OK;
    LT_AUTO(lt_buf) place = {.limit = 700};
    const char *rows = t->failures == 1 ? "row" : "rows";
    lt_quote_relation(&t->node->relation, &place);
    if (t->node->line)
        lt_ignore(lt_fail(err, LT_FAILED, "%.*s:%u:%u: test %.*s found %lld %s",
                          LT_ARG(t->node->path), t->node->line, t->node->col, LT_ARG(t->node->name),
                          (long long)t->failures, rows));
    else
        lt_ignore(lt_fail(err, LT_FAILED, "%.*s: test %.*s found %lld %s", LT_ARG(t->node->path),
                          LT_ARG(t->node->name), (long long)t->failures, rows));
    if (config->forget_failures)
        lt_hint(err, "run its SELECT to see the rows");
    else
        lt_hint(err, "look at them: leat sql 'select * from %s limit 10'", lt_buf_chars(&place));
    result->warned = !errs;
    return errs ? LT_FAILED : LT_OK;
}

lt_status lt_dbt_test(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                      const lt_attempt *attempt, lt_dbt_result *result, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_dbt_compiled) compiled = {0};
    testing t = {.node = node, .session = session, .compiled = &compiled, .arena = &arena};
    LT_TRY(lt_dbt_compile(dbt, node, session, &compiled, err));
    LT_TRY(count_failures(&t, err));
    result->rows = t.failures;
    if (!node->config.forget_failures)
        LT_TRY(keep_failures_whole(dbt, &t, attempt, err));
    return judge(&t, result, err);
}
