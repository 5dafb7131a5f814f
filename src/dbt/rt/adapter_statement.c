/* The adapter's statements, transactions, and rows of seeds. */
#include "dbt/rt/adapter.h"

/* ---- statements ---- */

METHOD(execute)
{
    lt_jinja_value args[4], both[2];
    LT_TRY(lt_jinja_bind(call, "sql auto_begin? fetch? limit?", args, err));
    int64_t limit = args[3].type == LT_JINJA_INT ? args[3].as.i : -1;
    LT_TRY(lt_dbt_rt_execute(exec, call->heap, lt_dbt_str(call->heap, args[0]),
                             lt_jinja_truth(args[1]), lt_jinja_truth(args[2]), limit, &both[0],
                             &both[1], err));
    *out = lt_jinja_tuple(call->heap, both, 2);
    return LT_OK;
}

static void add_literal(lt_jinja_value value, lt_buf *out)
{
    LT_AUTO(lt_buf) text = {0};
    bool bare = value.type == LT_JINJA_INT || value.type == LT_JINJA_FLOAT ||
                (value.type == LT_JINJA_OBJECT && value.as.object->class->is_number);
    if (value.type == LT_JINJA_NONE) {
        lt_buf_add_str(out, "null");
        return;
    }
    if (value.type == LT_JINJA_BOOL) {
        lt_buf_add_str(out, value.as.b ? "true" : "false");
        return;
    }
    lt_jinja_str(value, bare ? out : &text);
    if (!bare)
        lt_quote_literal(lt_buf_text(&text), out);
}

/* The statement with each place of a binding (%s or ?) filled in. */
static lt_status bind_values(lt_text sql, lt_jinja_value values, lt_buf *out, lt_err *err)
{
    size_t used = 0, count = lt_jinja_len(values);
    char quote = 0;
    for (size_t i = 0; i < sql.len; i++) {
        char c = sql.ptr[i];
        bool percent = c == '%' && i + 1 < sql.len && sql.ptr[i + 1] == 's';
        if (quote || !(percent || c == '?')) {
            quote = quote ? (c == quote ? 0 : quote) : (c == '\'' || c == '"' ? c : 0);
            lt_buf_add_byte(out, c);
            continue;
        }
        if (used == count)
            return lt_fail(err, LT_INVALID, "the statement has more places than bindings (%zu)",
                           count);
        add_literal(lt_jinja_at(values, used++), out);
        i += percent;
    }
    return used == count ? lt_buf_check(out, "the statement", err)
                         : lt_fail(err, LT_INVALID, "%zu bindings for %zu places", count, used);
}

METHOD(add_query)
{
    lt_jinja_value args[4], response = {0}, table = {0};
    LT_AUTO(lt_buf) bound = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_bind(call, "sql auto_begin? bindings? abridge_sql_log?", args, err));
    lt_text sql = lt_dbt_str(call->heap, args[0]);
    bool begin = lt_jinja_is_absent(args[1]) || lt_jinja_truth(args[1]);
    if (!lt_dbt_is_none(args[2])) {
        LT_TRY(bind_values(sql, args[2], &bound, err));
        sql = lt_buf_text(&bound);
    }
    *out = lt_jinja_none();
    return lt_dbt_rt_execute(exec, call->heap, sql, begin, false, -1, &response, &table, err);
}

/* Rows of a table: few as one INSERT, many as INSERTs of some hundred, or by COPY where there is one. What load_csv_rows does, without
 * a template's turn for each cell. */
enum { INSERT_ROWS = 500 };

METHOD(insert_rows)
{
    lt_jinja_value args[3], response = {0}, table = {0};
    lt_dbt_table_view view;
    LT_TRY(lt_jinja_bind(call, "relation columns_sql table", args, err));
    if (!lt_dbt_table_look(args[2], &view))
        return lt_fail(err, LT_INVALID, "adapter.insert_rows() wants a table");
    lt_text head = lt_dbt_str(call->heap, args[0]), columns = lt_dbt_str(call->heap, args[1]);
    *out = lt_jinja_none();
    if (lt_text_eq(exec->rt->adapter->kind, T("postgres")) && view.row_count > INSERT_ROWS)
        return lt_dbt_copy_rows(exec, call->heap, head, columns, args[2], err);
    for (size_t row = 0; row < view.row_count;) {
        LT_AUTO(lt_buf) sql = {.limit = 256 * LT_MIB};
        lt_buf_printf(&sql, "insert into %.*s (%.*s) values\n", LT_ARG(head), LT_ARG(columns));
        for (size_t k = 0; k < INSERT_ROWS && row < view.row_count; k++, row++) {
            lt_buf_add_str(&sql, k ? ",\n(" : "(");
            for (size_t i = 0; i < view.column_count; i++) {
                lt_buf_add_str(&sql, i ? ", " : "");
                add_literal(lt_dbt_table_cell(args[2], row, i), &sql);
            }
            lt_buf_add_byte(&sql, ')');
        }
        LT_TRY(lt_buf_check(&sql, "rows of a seed", err));
        LT_TRY(lt_dbt_rt_execute(exec, call->heap, lt_buf_text(&sql), true, false, -1, &response,
                                 &table, err));
    }
    *out = lt_jinja_none();
    return LT_OK;
}

/* Ours: what follows is in the node's transaction from the first statement on, where it has one. */
METHOD(begin)
{
    lt_dbt_transaction *transaction = exec->transaction;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_dbt_nothing();
    bool has_one = exec->session && transaction->fence.begin;
    return has_one ? lt_dbt_transaction_begin(transaction, err) : LT_OK;
}

METHOD(commit)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_dbt_nothing();
    return lt_dbt_commit(exec, err);
}

const lt_dbt_adapter_method lt_dbt_adapter_statement_methods[] = {
    {"execute", execute, STUB_PAIR},
    {"add_query", add_query, STUB_NONE},
    {"insert_rows", insert_rows, STUB_NONE},
    {"begin", begin, STUB_NONE},
    {"commit", commit, STUB_NONE},
    {"commit_if_has_connection", commit, STUB_NONE},
    {NULL, NULL, STUB_REAL},
};
