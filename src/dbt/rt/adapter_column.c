/* Columns, their quoting and their types. */
#include "dbt/rt/adapter.h"

/* ---- columns ---- */

METHOD(get_columns_in_relation)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    return lt_dbt_call_macro(exec, call->render, "get_columns_in_relation", args, 1, out, err);
}

METHOD(get_columns_in_table)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "schema identifier", args, err));
    lt_dbt_relation table = lt_dbt_relation_init(
        exec->rt, exec->rt->settings.database, lt_dbt_text_or_none(call, args[0]),
        lt_dbt_text_or_none(call, args[1]), LT_DBT_UNTYPED);
    lt_jinja_value relation = lt_dbt_relation_value_of(call->heap, &table);
    return lt_dbt_call_macro(exec, call->render, "get_columns_in_relation", &relation, 1, out, err);
}

METHOD(get_pseudocolumns)
{
    lt_jinja_value args[1];
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    *out = lt_jinja_list(call->heap);
    return LT_OK;
}

lt_status lt_dbt_adapter_columns(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value relation,
                                 lt_jinja_value *out, lt_err *err)
{
    LT_TRY(
        lt_dbt_call_macro(exec, call->render, "get_columns_in_relation", &relation, 1, out, err));
    return out->type == LT_JINJA_LIST
               ? LT_OK
               : lt_fail(err, LT_INVALID, "the macro get_columns_in_relation must give a list");
}

static const lt_dbt_column_spec *find_column(lt_jinja_value columns, lt_text name)
{
    for (size_t i = 0; i < lt_jinja_len(columns); i++) {
        const lt_dbt_column_spec *column = lt_dbt_column_in(lt_jinja_at(columns, i));
        if (column && lt_text_eq(column->name, name))
            return column;
    }
    return NULL;
}

METHOD(get_missing_columns)
{
    lt_jinja_value args[2], from = {0}, to = {0};
    LT_TRY(lt_jinja_bind(call, "from_relation to_relation", args, err));
    LT_TRY(lt_dbt_adapter_columns(exec, call, args[0], &from, err));
    LT_TRY(lt_dbt_adapter_columns(exec, call, args[1], &to, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < lt_jinja_len(from); i++) {
        const lt_dbt_column_spec *column = lt_dbt_column_in(lt_jinja_at(from, i));
        if (column && !find_column(to, column->name))
            lt_jinja_add(*out, lt_jinja_at(from, i));
    }
    return LT_OK;
}

static int64_t size_of(const lt_dbt_column_spec *column)
{
    return column->char_size < 0 || lt_text_eq(column->dtype, T("text")) ? 256 : column->char_size;
}

METHOD(expand_target_column_types)
{
    lt_jinja_value args[2], from = {0}, to = {0};
    LT_TRY(lt_jinja_bind(call, "from_relation to_relation", args, err));
    *out = lt_jinja_none();
    if (!exec->rt->adapter->text_type_is_bare) /* texts without a length never have to grow */
        return LT_OK;
    LT_TRY(lt_dbt_adapter_columns(exec, call, args[0], &from, err));
    LT_TRY(lt_dbt_adapter_columns(exec, call, args[1], &to, err));
    for (size_t i = 0; i < lt_jinja_len(from); i++) {
        const lt_dbt_column_spec *goal = lt_dbt_column_in(lt_jinja_at(from, i));
        const lt_dbt_column_spec *held = goal ? find_column(to, goal->name) : NULL;
        if (!held || !lt_dbt_column_is_string(goal) || !lt_dbt_column_is_string(held) ||
            size_of(goal) <= size_of(held))
            continue;
        const char *type = lt_arena_format(&call->heap->arena, "character varying(%lld)",
                                           (long long)size_of(goal));
        lt_jinja_value ignored,
            given[] = {args[1], lt_jinja_text(held->name), lt_jinja_text(lt_text_of(type))};
        LT_TRY(lt_dbt_call_macro(exec, call->render, "alter_column_type", given, 3, &ignored, err));
    }
    return LT_OK;
}

METHOD(get_column_schema_from_query)
{
    lt_jinja_value args[1];
    lt_columns columns = {0};
    LT_TRY(lt_jinja_bind(call, "sql", args, err));
    lt_text sql = lt_dbt_str(call->heap, args[0]);
    size_t last = lt_dbt_last_statement(sql); /* behind an sql_header */
    if (last)
        LT_TRY(lt_exec(exec->session, lt_text_sub(sql, 0, last), NULL, err));
    LT_TRY(lt_query_columns(exec->session, lt_text_sub(sql, last, sql.len), &call->heap->arena,
                            &columns, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < columns.len; i++) {
        lt_dbt_column_spec column = {
            .name = columns.items[i].name, .dtype = columns.items[i].type, .char_size = -1};
        lt_jinja_add(*out, lt_dbt_column_value(call->heap, exec->rt->adapter, &column));
    }
    return LT_OK;
}

/* ---- quoting and types ---- */

static lt_jinja_value quoted(lt_jinja_heap *heap, lt_text name)
{
    LT_AUTO(lt_buf) text = {0};
    lt_buf_printf(&text, "\"%.*s\"", LT_ARG(name));
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

METHOD(quote)
{
    lt_jinja_value args[1];
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "identifier", args, err));
    *out = quoted(call->heap, lt_dbt_str(call->heap, args[0]));
    return LT_OK;
}

METHOD(quote_as_configured)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "identifier quote_key", args, err));
    lt_text name = lt_dbt_str(call->heap, args[0]), key = lt_jinja_as_text(args[1]);
    bool quote = exec->rt->settings.quote[lt_text_eq(key, T("database")) ? LT_DBT_DATABASE
                                          : lt_text_eq(key, T("schema")) ? LT_DBT_SCHEMA
                                                                         : LT_DBT_IDENTIFIER];
    *out = quote ? quoted(call->heap, name) : lt_jinja_text(name);
    return LT_OK;
}

METHOD(quote_seed_column)
{
    lt_jinja_value args[2];
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "column quote_config", args, err));
    bool quote = true;
    if (args[1].type == LT_JINJA_BOOL)
        quote = args[1].as.b;
    else if (!lt_dbt_is_none(args[1]))
        return lt_fail(err, LT_INVALID,
                       "The seed configuration value of \"quote_columns\" has an invalid type %s",
                       lt_jinja_type_name(args[1]));
    lt_text name = lt_dbt_str(call->heap, args[0]);
    *out = quote ? quoted(call->heap, name) : lt_jinja_text(name);
    return LT_OK;
}

static bool has_decimals(lt_jinja_value table, size_t column)
{
    lt_dbt_table_view view;
    (void)lt_dbt_table_look(table, &view);
    for (size_t row = 0; row < view.row_count; row++) {
        LT_AUTO(lt_buf) text = {0};
        lt_jinja_value cell = lt_dbt_table_cell(table, row, column);
        if (cell.type != LT_JINJA_NONE)
            lt_jinja_str(cell, &text);
        if (lt_dbt_number_has_decimals(lt_buf_text(&text)))
            return true;
    }
    return false;
}

METHOD(convert_type)
{
    lt_jinja_value args[2];
    lt_dbt_table_view view;
    const lt_dbt_adapter *adapter = exec->rt->adapter;
    LT_TRY(lt_jinja_bind(call, "agate_table col_idx", args, err));
    if (!lt_dbt_table_look(args[0], &view) || args[1].type != LT_JINJA_INT || args[1].as.i < 0 ||
        (size_t)args[1].as.i >= view.column_count)
        return lt_fail(err, LT_INVALID, "adapter.convert_type() wants a table and a column of it");
    size_t column = (size_t)args[1].as.i;
    const char *type = adapter->type_text;
    switch (lt_dbt_table_kind(args[0], column)) {
    case LT_DBT_CELL_INTEGER:
        type = adapter->type_integer;
        break;
    case LT_DBT_CELL_NUMBER:
        type = has_decimals(args[0], column) ? adapter->type_number : adapter->type_integer;
        break;
    case LT_DBT_CELL_BOOL:
        type = adapter->type_bool;
        break;
    case LT_DBT_CELL_DATE:
        type = adapter->type_date;
        break;
    case LT_DBT_CELL_DATETIME:
        type = adapter->type_datetime;
        break;
    default:
        break;
    }
    *out = lt_jinja_text(lt_text_of(type));
    return LT_OK;
}

const lt_dbt_adapter_method lt_dbt_adapter_column_methods[] = {
    {"get_columns_in_relation", get_columns_in_relation, STUB_LIST},
    {"get_columns_in_table", get_columns_in_table, STUB_LIST},
    {"get_pseudocolumns_for_relation", get_pseudocolumns, STUB_LIST},
    {"get_missing_columns", get_missing_columns, STUB_LIST},
    {"expand_target_column_types", expand_target_column_types, STUB_NONE},
    {"get_column_schema_from_query", get_column_schema_from_query, STUB_LIST},
    {"quote", quote, STUB_REAL},
    {"quote_as_configured", quote_as_configured, STUB_REAL},
    {"quote_seed_column", quote_seed_column, STUB_REAL},
    {"convert_type", convert_type, STUB_REAL},
    {NULL, NULL, STUB_REAL},
};
