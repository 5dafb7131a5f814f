/* Running a materialisation: its macro in the node's context, then what it leaves behind is read. */
#include "dbt/rt/inner.h"

static lt_jinja_value main_result(const lt_dbt_exec *exec)
{
    return lt_dbt_get(exec->results, "main");
}

static void read_response(lt_dbt_exec *exec, lt_jinja_value response, lt_dbt_run_result *result)
{
    lt_jinja_value rows;
    result->rows_affected = -1;
    result->rows_changed = lt_dbt_response_changed(response);
    result->adapter_response = lt_dbt_response_dict(exec->heap, response);
    result->message = lt_dbt_is_none(response) ? T("No-op") : lt_dbt_str(exec->heap, response);
    rows = lt_dbt_get(result->adapter_response, "rows_affected");
    if (rows.type == LT_JINJA_INT)
        result->rows_affected = rows.as.i;
}

static lt_status test_cell(lt_dbt_exec *exec, lt_jinja_value table, const lt_dbt_table_view *view,
                           const char *name, lt_jinja_value *out, lt_err *err)
{
    (void)exec;
    for (size_t i = 0; i < view->column_count; i++)
        if (lt_text_eq_nocase(lt_dbt_table_name(table, i), lt_text_of(name))) {
            *out = lt_dbt_table_cell(table, 0, i);
            return LT_OK;
        }
    return lt_fail(err, LT_INVALID,
                   "dbt internally failed to execute the test: it gave no column '%s'", name);
}

static bool as_count(lt_jinja_heap *heap, lt_jinja_value value, int64_t *out)
{
    double real;
    if (value.type == LT_JINJA_NONE) { /* sum() over no rows */
        *out = 0;
        return true;
    }
    lt_text text = lt_dbt_str(heap, value);
    if (lt_text_to_i64(text, out))
        return true;
    if (!lt_text_to_double(text, &real) || real < -9e18 || real > 9e18)
        return false;
    *out = (int64_t)real;
    return true;
}

/* A boolean, or one of the words that Python's strtobool() knows. */
static lt_status as_bool(lt_jinja_heap *heap, lt_jinja_value value, bool *out, lt_err *err)
{
    static const lt_text yes[] = {T("y"), T("yes"), T("t"), T("true"), T("on"), T("1")};
    static const lt_text no[] = {T("n"), T("no"), T("f"), T("false"), T("off"), T("0")};
    lt_text text = lt_dbt_str(heap, value);
    if (value.type != LT_JINJA_STR) {
        *out = lt_jinja_truth(value);
        return LT_OK;
    }
    for (size_t i = 0; i < LT_COUNT(yes); i++) {
        *out = lt_text_eq_nocase(text, yes[i]);
        if (*out || lt_text_eq_nocase(text, no[i]))
            return LT_OK;
    }
    return lt_fail(err, LT_INVALID,
                   "Expected type boolean (or a type that can be converted to one) but macro "
                   "'get_test_sql' returns '%.*s'",
                   LT_ARG(text));
}

/* One row: failures, should_warn, should_error. */
static lt_status read_test(lt_dbt_exec *exec, lt_dbt_run_result *result, lt_err *err)
{
    lt_jinja_value table = lt_dbt_get(main_result(exec), "table"), failures = {0}, warn = {0},
                   error = {0};
    lt_dbt_table_view view;
    if (!lt_dbt_table_look(table, &view))
        return lt_fail(err, LT_INVALID, "the test ran no statement named 'main'");
    if (view.row_count != 1 || view.column_count != 3)
        return lt_fail(err, LT_INVALID,
                       "dbt internally failed to execute the test: Returned %zu rows and %zu "
                       "columns, but expected 1 row and 3 columns",
                       view.row_count, view.column_count);
    LT_TRY(test_cell(exec, table, &view, "failures", &failures, err));
    LT_TRY(test_cell(exec, table, &view, "should_warn", &warn, err));
    LT_TRY(test_cell(exec, table, &view, "should_error", &error, err));
    if (!as_count(exec->heap, failures, &result->failures))
        return lt_fail(err, LT_INVALID,
                       "Couldn't validate test result: fail_calc must give a "
                       "number, not '%.*s'",
                       LT_ARG(lt_dbt_str(exec->heap, failures)));
    LT_TRY(as_bool(exec->heap, warn, &result->should_warn, err));
    return as_bool(exec->heap, error, &result->should_error, err);
}

static lt_status read_relations(lt_dbt_exec *exec, lt_text materialization, lt_jinja_value given,
                                lt_dbt_run_result *result, lt_err *err)
{
    result->relations = lt_dbt_get(given, "relations");
    if (given.type != LT_JINJA_DICT || result->relations.type != LT_JINJA_LIST)
        return lt_fail(err, LT_INVALID,
                       "The materialization (\"%.*s\") did not explicitly return a list of "
                       "relations. Its last line should be: {{ return({'relations': "
                       "[target_relation]}) }}",
                       LT_ARG(materialization));
    for (size_t i = 0; i < lt_jinja_len(result->relations); i++) {
        const lt_dbt_relation *made = lt_dbt_relation_in(lt_jinja_at(result->relations, i));
        if (made && made->type != LT_DBT_UNTYPED)
            lt_dbt_cache_put(&exec->rt->cache, made);
    }
    return LT_OK;
}

static lt_status run_macro(lt_dbt_exec *exec, const lt_jinja_env *env,
                           const lt_jinja_context *context, lt_text name, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value macro = {0};
    lt_jinja_error where = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    exec->has_place = false;
    LT_TRY(settings->host->find_materialization(settings->user, exec, name, &macro, err));
    if (macro.type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID,
                       "No materialization '%.*s' was found for adapter %.*s! (searched types "
                       "'default' and '%.*s')",
                       LT_ARG(name), LT_ARG(settings->kind), LT_ARG(settings->kind));
    lt_status status =
        lt_jinja_call_value(env, context, exec->heap, macro, NULL, 0, NULL, 0, out, &where, err);
    exec->has_place = where.line && !where.is_hidden;
    return status;
}

static void hint_statement(lt_text sql, lt_err *err)
{
    enum { MOST = 300 };
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    sql = lt_text_sub(lt_text_trim(sql), 0, MOST);
    for (size_t i = 0; i < sql.len; i++)
        if (!lt_is_space(sql.ptr[i]))
            lt_buf_add_byte(&text, sql.ptr[i]);
        else if (!lt_is_space(sql.ptr[i - 1]))
            lt_buf_add_byte(&text, ' ');
    if (text.len && !err->hint[0])
        lt_ignore(lt_hint(err, "the statement was: %s", lt_buf_chars(&text)));
}

/* Which of our macros ran a statement that failed says nothing to who wrote the node, or its hooks. */
static void blame_own(const lt_dbt_exec *exec, lt_err *err)
{
    lt_text own = exec->settings.compiled;
    bool is_own = own.len && lt_text_has(exec->last_sql, own);
    if (exec->said.status == LT_OK || (!is_own && exec->has_place))
        return;
    *err = exec->said;
    if (!is_own)
        hint_statement(exec->last_sql, err);
}

lt_status lt_dbt_exec_run(lt_dbt_exec *exec, const lt_jinja_env *env,
                          const lt_jinja_context *context, lt_text materialization,
                          lt_dbt_run_result *result, lt_err *err)
{
    lt_jinja_value given = {0};
    lt_dbt_run_result made = {.rows_affected = -1};
    bool is_test = lt_text_eq(materialization, T("test"));
    lt_status status = run_macro(exec, env, context, materialization, &given, err);
    if (status == LT_OK)
        status = read_relations(exec, materialization, given, &made, err);
    if (status == LT_OK && is_test)
        status = read_test(exec, &made, err);
    lt_dbt_rollback(exec); /* as dbt: what was not committed is not meant to stay */
    if (status != LT_OK)
        blame_own(exec, err);
    LT_TRY(status);
    read_response(exec, lt_dbt_get(main_result(exec), "response"), &made);
    made.table = lt_dbt_get(main_result(exec), "table");
    *result = made;
    return LT_OK;
}

lt_status lt_dbt_exec_run_view(lt_dbt_exec *exec, lt_text node, bool *made,
                               lt_dbt_run_result *result, lt_err *err)
{
    lt_jinja_value response = {0};
    lt_status status = lt_dbt_view_make(exec, node, made, &response, err);
    if (!*made)
        return LT_OK;
    lt_dbt_rollback(exec);
    if (status != LT_OK)
        blame_own(exec, err);
    LT_TRY(status);
    *result = (lt_dbt_run_result){.relations = lt_jinja_list(exec->heap)};
    lt_jinja_add(result->relations, exec->settings.this_relation);
    read_response(exec, response, result);
    return LT_OK;
}

lt_status lt_dbt_exec_call(lt_dbt_exec *exec, const lt_jinja_env *env,
                           const lt_jinja_context *context, lt_text macro,
                           const lt_jinja_kwarg *args, size_t arg_count, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value found = {0};
    lt_jinja_error where = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    exec->has_place = false;
    LT_TRY(settings->host->find_macro(settings->user, exec, macro, &found, err));
    if (found.type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_NOT_FOUND,
                       "dbt could not find a macro with the name '%.*s' in any package",
                       LT_ARG(macro));
    lt_status status = lt_jinja_call_value(env, context, exec->heap, found, NULL, 0, args,
                                           arg_count, out, &where, err);
    exec->has_place = where.line && !where.is_hidden;
    return status;
}
