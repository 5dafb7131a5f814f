/* The adapter object: what templates may ask of the warehouse. SQL is in macros, which projects may override. */
#include "dbt/rt/inner.h"

#include "base/log.h"
#include "base/time.h"

lt_status lt_dbt_call_macro(lt_dbt_exec *exec, lt_jinja_render *render, const char *name,
                            const lt_jinja_value *args, size_t arg_count, lt_jinja_value *out,
                            lt_err *err)
{
    lt_jinja_value macro = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    LT_TRY(settings->host->find_macro(settings->user, exec, lt_text_of(name), &macro, err));
    if (macro.type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID, "dbt could not find a macro with the name '%s'", name);
    return lt_jinja_invoke(render, macro, args, arg_count, NULL, 0, out, err);
}

static lt_status want_relation(lt_jinja_value value, const char *method,
                               const lt_dbt_relation **out, lt_err *err)
{
    *out = lt_dbt_relation_in(value);
    if (!*out)
        return lt_fail(err, LT_INVALID, "adapter.%s() wants a relation, not %s", method,
                       lt_jinja_type_name(value));
    return LT_OK;
}

#define METHOD(name_)                                                                              \
    static lt_status name_(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

static lt_jinja_value nothing(void)
{
    return lt_jinja_text(T(""));
}

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
    *out = nothing();
    bool has_one = exec->session && transaction->fence.begun;
    return has_one ? lt_dbt_transaction_begin(transaction, err) : LT_OK;
}

METHOD(commit)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = nothing();
    return lt_dbt_commit(exec, err);
}

/* ---- dispatch ---- */

METHOD(dispatch)
{
    lt_jinja_value args[3];
    lt_text name = {0};
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    LT_AUTO(lt_buf) tried = {.limit = 64 * LT_KIB};
    LT_TRY(lt_jinja_bind(call, "macro_name macro_namespace? packages?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "macro_name", &name, err));
    if (lt_text_has(name, T(".")))
        return lt_fail(err, LT_INVALID,
                       "In adapter.dispatch, got a macro name of '%.*s', but \".\" is not a valid "
                       "macro name component. Did you mean `adapter.dispatch(name, namespace)`?",
                       LT_ARG(name));
    LT_TRY(settings->host->dispatch(settings->user, exec, name, lt_jinja_as_text(args[1]), out,
                                    &tried, err));
    if (out->type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID,
                       "In dispatch: No macro named '%.*s' found within namespace: '%s'. "
                       "Searched for: %s",
                       LT_ARG(name),
                       args[1].type == LT_JINJA_STR
                           ? lt_arena_str(&call->heap->arena, lt_jinja_as_text(args[1]))
                           : "None",
                       lt_buf_chars(&tried));
    return LT_OK;
}

METHOD(type)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_text(exec->rt->adapter->kind);
    return LT_OK;
}

/* ---- the cache and what is there ---- */

static lt_status add_listed(lt_dbt_exec *exec, const lt_dbt_relation *wanted, lt_jinja_value table,
                            lt_err *err)
{
    lt_dbt_table_view view;
    if (!lt_dbt_table_look(table, &view) || view.column_count < 4)
        return lt_fail(err, LT_INVALID,
                       "the macro list_relations_without_caching must give a table of database, "
                       "name, schema and type");
    for (size_t row = 0; row < view.row_count; row++) {
        lt_dbt_relation found = *wanted;
        lt_text type = lt_jinja_as_text(lt_dbt_table_cell(table, row, 3));
        found.parts[LT_DBT_IDENTIFIER] = lt_jinja_as_text(lt_dbt_table_cell(table, row, 1));
        found.parts[LT_DBT_SCHEMA] = lt_jinja_as_text(lt_dbt_table_cell(table, row, 2));
        found.type = lt_dbt_relation_type_of(type);
        if (found.type == LT_DBT_UNTYPED)
            found.type = LT_DBT_EXTERNAL;
        lt_dbt_cache_put(&exec->rt->cache, &found);
    }
    return LT_OK;
}

lt_status lt_dbt_list_schema(lt_dbt_exec *exec, lt_jinja_render *render,
                             const lt_dbt_relation *wanted, lt_err *err)
{
    lt_text database = wanted->parts[LT_DBT_DATABASE], schema = wanted->parts[LT_DBT_SCHEMA];
    if (lt_dbt_cache_has_schema(&exec->rt->cache, database, schema))
        return LT_OK;
    lt_dbt_relation bare =
        lt_dbt_relation_init(exec->rt, database, schema, (lt_text){0}, LT_DBT_UNTYPED);
    bare.include[LT_DBT_IDENTIFIER] = false;
    lt_jinja_value arg = lt_dbt_relation_value_of(exec->heap, &bare), table = {0};
    LT_TRY(lt_dbt_call_macro(exec, render, "list_relations_without_caching", &arg, 1, &table, err));
    LT_TRY(add_listed(exec, &bare, table, err));
    lt_dbt_cache_mark(&exec->rt->cache, database, schema);
    return LT_OK;
}

lt_status lt_dbt_exec_cached(lt_dbt_exec *exec, lt_jinja_render *render,
                             const lt_dbt_relation *relation, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_relation found;
    *out = (lt_jinja_value){0};
    if (!exec->session || !relation->parts[LT_DBT_SCHEMA].ptr)
        return LT_OK;
    LT_TRY(lt_dbt_list_schema(exec, render, relation, err));
    if (lt_dbt_cache_find(&exec->rt->cache, relation, &exec->heap->arena, &found))
        *out = lt_dbt_relation_value_of(exec->heap, &found);
    return LT_OK;
}

METHOD(get_relation)
{
    lt_jinja_value args[3];
    lt_text parts[3];
    LT_TRY(lt_jinja_bind(call, "database schema identifier", args, err));
    for (int i = 0; i < 3; i++)
        parts[i] = lt_dbt_text_or_none(call, args[i]);
    lt_dbt_relation wanted =
        lt_dbt_relation_init(exec->rt, parts[0], parts[1], parts[2], LT_DBT_UNTYPED);
    *out = lt_jinja_none();
    if (parts[2].ptr)
        LT_TRY(lt_dbt_exec_cached(exec, call->render, &wanted, out, err));
    if (out->type == LT_JINJA_UNDEFINED)
        *out = lt_jinja_none();
    return LT_OK;
}

METHOD(list_relations)
{
    lt_jinja_value args[2];
    lt_dbt_relations found = {0};
    LT_TRY(lt_jinja_bind(call, "database schema", args, err));
    lt_dbt_relation wanted =
        lt_dbt_relation_init(exec->rt, lt_dbt_text_or_none(call, args[0]),
                             lt_dbt_text_or_none(call, args[1]), (lt_text){0}, LT_DBT_UNTYPED);
    LT_TRY(lt_dbt_list_schema(exec, call->render, &wanted, err));
    lt_dbt_cache_list(&exec->rt->cache, wanted.parts[0], wanted.parts[1], &call->heap->arena,
                      &found);
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; i < found.len; i++) {
        lt_dbt_relation full =
            lt_dbt_relation_init(exec->rt, wanted.parts[0], found.items[i].parts[1],
                                 found.items[i].parts[2], found.items[i].type);
        lt_jinja_add(*out, lt_dbt_relation_value_of(call->heap, &full));
    }
    return LT_OK;
}

METHOD(already_exists)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "schema name", args, err));
    lt_dbt_relation wanted = lt_dbt_relation_init(
        exec->rt, exec->rt->settings.database, lt_dbt_text_or_none(call, args[0]),
        lt_dbt_text_or_none(call, args[1]), LT_DBT_UNTYPED);
    LT_TRY(lt_dbt_exec_cached(exec, call->render, &wanted, out, err));
    *out = lt_jinja_bool(out->type != LT_JINJA_UNDEFINED);
    return LT_OK;
}

METHOD(cache_added)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(args[0]);
    if (relation)
        lt_dbt_cache_put(&exec->rt->cache, relation);
    *out = nothing();
    return LT_OK;
}

METHOD(cache_dropped)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(args[0]);
    if (relation)
        lt_dbt_cache_drop(&exec->rt->cache, relation);
    *out = nothing();
    return LT_OK;
}

METHOD(cache_renamed)
{
    lt_jinja_value args[2];
    const lt_dbt_relation *from, *to;
    LT_TRY(lt_jinja_bind(call, "from_relation to_relation", args, err));
    LT_TRY(want_relation(args[0], "cache_renamed", &from, err));
    LT_TRY(want_relation(args[1], "cache_renamed", &to, err));
    lt_dbt_cache_rename(&exec->rt->cache, from, to);
    *out = nothing();
    return LT_OK;
}

/* What a DROP ... CASCADE will take along, out of the cache. */
static lt_status forget_dependents(lt_dbt_exec *exec, lt_jinja_heap *heap,
                                   const lt_dbt_relation *relation, lt_err *err)
{
    static const char sql[] =
        "with recursive tree(oid) as ("
        " select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = $1 and c.relname = $2"
        " union select w.ev_class from tree"
        " join pg_depend d on d.refobjid = tree.oid and d.refclassid = 'pg_class'::regclass"
        " and d.classid = 'pg_rewrite'::regclass"
        " join pg_rewrite w on w.oid = d.objid)"
        " select n.nspname, c.relname from tree join pg_class c using (oid)"
        " join pg_namespace n on n.oid = c.relnamespace";
    lt_table table;
    lt_text params[] = {relation->parts[LT_DBT_SCHEMA], relation->parts[LT_DBT_IDENTIFIER]};
    if (!exec->rt->adapter->cascades || !params[0].ptr || !params[1].ptr)
        return LT_OK;
    LT_TRY(lt_query_table(exec->session, lt_text_of(sql), params, 2, 100000, NULL, &heap->arena,
                          &table, err));
    for (size_t row = 0; row < table.row_count; row++) {
        lt_dbt_relation gone = *relation;
        gone.parts[LT_DBT_SCHEMA] = lt_table_cell(&table, row, 0);
        gone.parts[LT_DBT_IDENTIFIER] = lt_table_cell(&table, row, 1);
        lt_dbt_cache_drop(&exec->rt->cache, &gone);
    }
    return LT_OK;
}

static bool is_same(lt_text a, lt_text b)
{
    return !a.ptr || !b.ptr || lt_text_eq(a, b);
}

/* The node's own relation is to go, or gets another name. */
static lt_status tell_replaced(lt_dbt_exec *exec, const lt_dbt_relation *relation, lt_err *err)
{
    const lt_dbt_relation *own = lt_dbt_relation_in(exec->settings.this_relation);
    const lt_dbt_fence *fence = &exec->transaction->fence;
    if (!fence->replaces || !own || !exec->transaction->is_open)
        return LT_OK;
    for (int i = 0; i < LT_DBT_PARTS; i++)
        if (!is_same(own->parts[i], relation->parts[i]))
            return LT_OK;
    return fence->replaces(fence->user, relation, err);
}

METHOD(drop_relation)
{
    lt_jinja_value args[1], ignored;
    const lt_dbt_relation *relation;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    *out = lt_jinja_none();
    if (lt_dbt_is_none(args[0]))
        return LT_OK;
    LT_TRY(want_relation(args[0], "drop_relation", &relation, err));
    if (relation->type == LT_DBT_UNTYPED)
        return lt_fail(err, LT_INVALID, "Tried to drop relation %.*s, but its type is null.",
                       LT_ARG(lt_dbt_str(call->heap, args[0])));
    LT_TRY(tell_replaced(exec, relation, err));
    LT_TRY(forget_dependents(exec, call->heap, relation, err));
    lt_dbt_cache_drop(&exec->rt->cache, relation);
    return lt_dbt_call_macro(exec, call->render, "drop_relation", args, 1, &ignored, err);
}

METHOD(truncate_relation)
{
    lt_jinja_value args[1], ignored;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    *out = lt_jinja_none();
    return lt_dbt_call_macro(exec, call->render, "truncate_relation", args, 1, &ignored, err);
}

METHOD(rename_relation)
{
    lt_jinja_value args[2], ignored;
    const lt_dbt_relation *from, *to;
    LT_TRY(lt_jinja_bind(call, "from_relation to_relation", args, err));
    LT_TRY(want_relation(args[0], "rename_relation", &from, err));
    LT_TRY(want_relation(args[1], "rename_relation", &to, err));
    *out = lt_jinja_none();
    LT_TRY(tell_replaced(exec, from, err));
    LT_TRY(lt_dbt_call_macro(exec, call->render, "rename_relation", args, 2, &ignored, err));
    lt_dbt_cache_rename(&exec->rt->cache, from, to);
    return LT_OK;
}

METHOD(create_schema)
{
    lt_jinja_value args[1], ignored;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    *out = lt_jinja_none();
    LT_TRY(lt_dbt_call_macro(exec, call->render, "create_schema", args, 1, &ignored, err));
    return lt_dbt_commit(exec, err);
}

METHOD(drop_schema)
{
    lt_jinja_value args[1], ignored;
    const lt_dbt_relation *relation;
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    LT_TRY(want_relation(args[0], "drop_schema", &relation, err));
    *out = lt_jinja_none();
    LT_TRY(lt_dbt_call_macro(exec, call->render, "drop_schema", args, 1, &ignored, err));
    lt_dbt_cache_drop_schema(&exec->rt->cache, relation->parts[0], relation->parts[1]);
    return lt_dbt_commit(exec, err);
}

METHOD(check_schema_exists)
{
    lt_jinja_value args[2], given[2], table = {0};
    LT_TRY(lt_jinja_bind(call, "database schema", args, err));
    lt_dbt_relation info = lt_dbt_relation_init(exec->rt, lt_dbt_text_or_none(call, args[0]),
                                                lt_dbt_text_or_none(call, args[1]),
                                                T("INFORMATION_SCHEMA"), LT_DBT_VIEW);
    info.is_info = true;
    info.include[LT_DBT_SCHEMA] = info.quote[LT_DBT_IDENTIFIER] = false;
    given[0] = lt_dbt_relation_value_of(call->heap, &info);
    given[1] = args[1];
    LT_TRY(lt_dbt_call_macro(exec, call->render, "check_schema_exists", given, 2, &table, err));
    lt_dbt_table_view view;
    bool there = lt_dbt_table_look(table, &view) && view.row_count &&
                 lt_jinja_truth(lt_dbt_table_cell(table, 0, 0));
    *out = lt_jinja_bool(there);
    return LT_OK;
}

METHOD(list_schemas)
{
    lt_jinja_value args[1], table = {0};
    lt_dbt_table_view view;
    LT_TRY(lt_jinja_bind(call, "database", args, err));
    LT_TRY(lt_dbt_call_macro(exec, call->render, "list_schemas", args, 1, &table, err));
    *out = lt_jinja_list(call->heap);
    if (!lt_dbt_table_look(table, &view))
        return LT_OK;
    for (size_t row = 0; row < view.row_count; row++)
        lt_jinja_add(*out, lt_dbt_table_cell(table, row, 0));
    return LT_OK;
}

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

static lt_status columns_of(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value relation,
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
    LT_TRY(columns_of(exec, call, args[0], &from, err));
    LT_TRY(columns_of(exec, call, args[1], &to, err));
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
    LT_TRY(columns_of(exec, call, args[0], &from, err));
    LT_TRY(columns_of(exec, call, args[1], &to, err));
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
    LT_TRY(lt_query_columns(exec->session, sql, &call->heap->arena, &columns, err));
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
        if (lt_text_find_byte(lt_buf_text(&text), '.', 0) != SIZE_MAX)
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

/* ---- grants: rows of grantee and privilege_type as {privilege: [grantees]} ---- */

static lt_jinja_value cell_of(lt_jinja_value table, size_t row, const char *name)
{
    lt_dbt_table_view view;
    (void)lt_dbt_table_look(table, &view);
    for (size_t i = 0; i < view.column_count; i++)
        if (lt_text_eq_nocase(lt_dbt_table_name(table, i), lt_text_of(name)))
            return lt_dbt_table_cell(table, row, i);
    return lt_jinja_none();
}

METHOD(standardize_grants_dict)
{
    lt_jinja_value args[1], list;
    lt_dbt_table_view view;
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "grants_table", args, err));
    if (!lt_dbt_table_look(args[0], &view))
        return lt_fail(err, LT_INVALID, "adapter.standardize_grants_dict() wants a table");
    *out = lt_jinja_dict(call->heap);
    for (size_t row = 0; row < view.row_count; row++) {
        lt_jinja_value privilege = cell_of(args[0], row, "privilege_type");
        if (!lt_jinja_find_value(*out, privilege, &list)) {
            list = lt_jinja_list(call->heap);
            lt_jinja_put_value(*out, privilege, list);
        }
        lt_jinja_add(list, cell_of(args[0], row, "grantee"));
    }
    return LT_OK;
}

/* ---- snapshots ---- */

static bool has_name(lt_jinja_value columns, lt_text name)
{
    for (size_t i = 0; i < lt_jinja_len(columns); i++) {
        const lt_dbt_column_spec *column = lt_dbt_column_in(lt_jinja_at(columns, i));
        if (column && lt_text_eq_nocase(column->name, name))
            return true;
    }
    return false;
}

static lt_status check_snapshot(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value relation,
                                lt_jinja_value names, const char *const *wanted, lt_err *err)
{
    lt_jinja_value columns = {0};
    LT_AUTO(lt_buf) missing = {0};
    LT_TRY(columns_of(exec, call, relation, &columns, err));
    for (; *wanted; wanted++) {
        lt_text name = lt_text_of(*wanted);
        if (!lt_dbt_is_none(names))
            name = lt_dbt_str(call->heap, lt_dbt_get(names, *wanted));
        if (!has_name(columns, name))
            lt_buf_printf(&missing, "%s\"%.*s\"", missing.len ? ", " : "", LT_ARG(name));
    }
    if (!missing.len)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "Snapshot target is missing configured columns (missing %s)",
                   lt_buf_chars(&missing));
}

static const char *const snapshot_columns[] = {"dbt_scd_id", "dbt_valid_from", "dbt_valid_to",
                                               NULL};

METHOD(valid_snapshot_target)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "relation column_names?", args, err));
    *out = lt_jinja_none();
    return check_snapshot(exec, call, args[0], args[1], snapshot_columns, err);
}

METHOD(assert_valid_snapshot_target)
{
    static const char *const deleted[] = {"dbt_is_deleted", NULL};
    lt_jinja_value args[3];
    LT_TRY(lt_jinja_bind(call, "relation column_names strategy", args, err));
    *out = lt_jinja_none();
    LT_TRY(check_snapshot(exec, call, args[0], args[1], snapshot_columns, err));
    if (!lt_text_eq(lt_jinja_as_text(lt_dbt_get(args[2], "hard_deletes")), T("new_record")))
        return LT_OK;
    return check_snapshot(exec, call, args[0], args[1], deleted, err);
}

/* config is a dict, or the object with get(). */
static lt_status config_get(lt_jinja_call *call, lt_jinja_value config, const char *name,
                            lt_jinja_value *out, lt_err *err)
{
    bool found = false;
    lt_jinja_value key = lt_jinja_text(lt_text_of(name));
    *out = lt_jinja_none();
    if (config.type == LT_JINJA_DICT) {
        *out = lt_dbt_get(config, name);
        return LT_OK;
    }
    if (config.type != LT_JINJA_OBJECT || !config.as.object->class->method)
        return LT_OK;
    lt_jinja_call get = {.render = call->render,
                         .heap = call->heap,
                         .self = config,
                         .args = &key,
                         .arg_count = 1,
                         .name = "get"};
    return config.as.object->class->method(&get, T("get"), out, &found, err);
}

METHOD(get_hard_deletes_behavior)
{
    lt_jinja_value args[1], old, deletes;
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "config", args, err));
    LT_TRY(config_get(call, args[0], "invalidate_hard_deletes", &old, err));
    LT_TRY(config_get(call, args[0], "hard_deletes", &deletes, err));
    lt_text named = lt_jinja_as_text(deletes);
    if (!lt_dbt_is_none(old) && !lt_dbt_is_none(deletes))
        return lt_fail(err, LT_INVALID,
                       "You cannot set both the invalidate_hard_deletes and hard_deletes config "
                       "properties on the same snapshot.");
    if (lt_jinja_truth(old) || lt_text_eq(named, T("invalidate")))
        *out = lt_jinja_text(T("invalidate"));
    else if (lt_text_eq(named, T("new_record")))
        *out = lt_jinja_text(T("new_record"));
    else if (lt_dbt_is_none(deletes) || lt_text_eq(named, T("ignore")))
        *out = lt_jinja_text(T("ignore"));
    else
        return lt_fail(err, LT_INVALID, "Invalid setting for property hard_deletes.");
    return LT_OK;
}

/* ---- incremental strategies ---- */

static bool has_word(const char *words, lt_text wanted)
{
    lt_text rest = lt_text_of(words), word;
    while (lt_text_cut(&rest, ' ', &word))
        if (lt_text_eq(word, wanted))
            return true;
    return false;
}

METHOD(get_incremental_strategy_macro)
{
    lt_jinja_value args[2];
    bool found = false;
    const lt_dbt_rt_settings *settings = &exec->rt->settings;
    LT_AUTO(lt_buf) name = {0};
    LT_TRY(lt_jinja_bind(call, "model_context strategy", args, err));
    lt_text strategy = lt_dbt_is_none(args[1]) ? T("default") : lt_dbt_str(call->heap, args[1]);
    if (has_word("append delete+insert merge insert_overwrite microbatch", strategy) &&
        !has_word(exec->rt->adapter->strategies, strategy))
        return lt_fail(err, LT_INVALID,
                       "The incremental strategy '%.*s' is not valid for this adapter",
                       LT_ARG(strategy));
    lt_buf_add_str(&name, "get_incremental_");
    for (size_t i = 0; i < strategy.len; i++)
        lt_buf_add_byte(&name, strategy.ptr[i] == '+' ? '_' : strategy.ptr[i]);
    lt_buf_add_str(&name, "_sql");
    LT_TRY(settings->host->find_name(settings->user, exec, lt_buf_text(&name), out, &found, err));
    if (!found)
        return lt_fail(err, LT_INVALID,
                       "dbt could not find an incremental strategy macro with the name \"%s\"",
                       lt_buf_chars(&name));
    return LT_OK;
}

METHOD(valid_incremental_strategies)
{
    lt_text rest = lt_text_of(exec->rt->adapter->strategies), word;
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *out = lt_jinja_list(call->heap);
    while (lt_text_cut(&rest, ' ', &word))
        lt_jinja_add(*out, lt_jinja_text(word));
    return LT_OK;
}

/* ---- constraints ---- */

static const char *const constraint_names[CONSTRAINTS] = {
    [CONSTRAINT_CHECK] = "check",
    [CONSTRAINT_NOT_NULL] = "not_null",
    [CONSTRAINT_UNIQUE] = "unique",
    [CONSTRAINT_PRIMARY_KEY] = "primary_key",
    [CONSTRAINT_FOREIGN_KEY] = "foreign_key",
    [CONSTRAINT_CUSTOM] = "custom",
};

static lt_status constraint_kind(lt_jinja_heap *heap, lt_jinja_value constraint, unsigned *kind,
                                 lt_err *err)
{
    lt_text name = lt_jinja_as_text(lt_dbt_get(constraint, "type"));
    for (*kind = 0; *kind < CONSTRAINTS; (*kind)++)
        if (lt_text_eq(name, lt_text_of(constraint_names[*kind])))
            return LT_OK;
    return lt_fail(err, LT_INVALID, "Could not parse constraint: %.*s",
                   LT_ARG(lt_dbt_str(heap, constraint)));
}

static lt_text text_in(lt_jinja_heap *heap, lt_jinja_value dict, const char *key)
{
    lt_jinja_value value = lt_dbt_get(dict, key);
    return lt_dbt_is_none(value) ? (lt_text){0} : lt_dbt_str(heap, value);
}

static void add_list(lt_jinja_heap *heap, lt_jinja_value list, lt_buf *out)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_text item = lt_dbt_str(heap, lt_jinja_at(list, i));
        lt_buf_printf(out, "%s%.*s", i ? ", " : "", LT_ARG(item));
    }
}

/* references other (a, b), or what the expression says; false when there is neither. */
static bool add_reference(lt_jinja_heap *heap, lt_jinja_value constraint, lt_buf *out)
{
    lt_text to = text_in(heap, constraint, "to"),
            expression = text_in(heap, constraint, "expression");
    lt_jinja_value columns = lt_dbt_get(constraint, "to_columns");
    if (to.len && columns.type == LT_JINJA_LIST && lt_jinja_len(columns)) {
        lt_buf_printf(out, "references %.*s (", LT_ARG(to));
        add_list(heap, columns, out);
        lt_buf_add_byte(out, ')');
    } else if (expression.len) {
        lt_buf_printf(out, "references %.*s", LT_ARG(expression));
    } else {
        return false;
    }
    return true;
}

static bool add_column_constraint(lt_jinja_heap *heap, unsigned kind, lt_jinja_value constraint,
                                  lt_buf *out)
{
    lt_text expression = text_in(heap, constraint, "expression");
    switch (kind) {
    case CONSTRAINT_CHECK:
        lt_buf_printf(out, "check (%.*s)", LT_ARG(expression));
        return expression.len > 0;
    case CONSTRAINT_NOT_NULL:
        lt_buf_printf(out, "not null %.*s", LT_ARG(expression));
        return true;
    case CONSTRAINT_UNIQUE:
        lt_buf_printf(out, "unique %.*s", LT_ARG(expression));
        return true;
    case CONSTRAINT_PRIMARY_KEY:
        lt_buf_printf(out, "primary key %.*s", LT_ARG(expression));
        return true;
    case CONSTRAINT_FOREIGN_KEY:
        return add_reference(heap, constraint, out);
    default:
        lt_buf_add(out, expression);
        return expression.len > 0;
    }
}

static bool add_model_constraint(lt_jinja_heap *heap, unsigned kind, lt_jinja_value constraint,
                                 lt_buf *out)
{
    lt_text expression = text_in(heap, constraint, "expression");
    lt_text name = text_in(heap, constraint, "name");
    lt_jinja_value columns = lt_dbt_get(constraint, "columns");
    if (name.len)
        lt_buf_printf(out, "constraint %.*s ", LT_ARG(name));
    switch (kind) {
    case CONSTRAINT_CHECK:
        lt_buf_printf(out, "check (%.*s)", LT_ARG(expression));
        return expression.len > 0;
    case CONSTRAINT_UNIQUE:
    case CONSTRAINT_PRIMARY_KEY:
        lt_buf_add_str(out, kind == CONSTRAINT_UNIQUE ? "unique" : "primary key");
        lt_buf_printf(out, expression.len ? " %.*s (" : "%.*s (", LT_ARG(expression));
        add_list(heap, columns, out);
        lt_buf_add_byte(out, ')');
        return true;
    case CONSTRAINT_FOREIGN_KEY:
        lt_buf_add_str(out, "foreign key (");
        add_list(heap, columns, out);
        lt_buf_add_str(out, ") ");
        return add_reference(heap, constraint, out);
    case CONSTRAINT_CUSTOM:
        lt_buf_add(out, expression);
        return expression.len > 0;
    default:
        return false;
    }
}

static bool is_false(lt_jinja_value value)
{
    return value.type == LT_JINJA_BOOL && !value.as.b;
}

static void warn_of(lt_dbt_exec *exec, unsigned kind, lt_jinja_value constraint)
{
    support held = exec->rt->adapter->constraints[kind];
    LT_AUTO(lt_buf) text = {0};
    if (kind == CONSTRAINT_CUSTOM || held == SUPPORT_ENFORCED)
        return;
    bool quiet = is_false(
        lt_dbt_get(constraint, held == SUPPORT_NONE ? "warn_unsupported" : "warn_unenforced"));
    if (quiet)
        return;
    lt_buf_printf(&text, "Constraint type %s is not %s by the %.*s adapter", constraint_names[kind],
                  held == SUPPORT_NONE ? "supported" : "enforced", LT_ARG(exec->rt->adapter->kind));
    lt_dbt_say(exec, true, true, lt_buf_text(&text));
}

static lt_status add_constraint(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_jinja_value constraint,
                                bool of_model, lt_jinja_value *out, lt_err *err)
{
    unsigned kind = 0;
    LT_AUTO(lt_buf) text = {0};
    *out = lt_jinja_none();
    LT_TRY(constraint_kind(heap, constraint, &kind, err));
    warn_of(exec, kind, constraint);
    if (kind != CONSTRAINT_CUSTOM && exec->rt->adapter->constraints[kind] == SUPPORT_NONE)
        return LT_OK;
    bool made = of_model ? add_model_constraint(heap, kind, constraint, &text)
                         : add_column_constraint(heap, kind, constraint, &text);
    if (made)
        *out = lt_jinja_text_copy(heap, lt_text_trim(lt_buf_text(&text)));
    return LT_OK;
}

static lt_status column_line(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_jinja_value column,
                             lt_jinja_value *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    lt_text name = text_in(heap, column, "name"), type = text_in(heap, column, "data_type");
    bool quote = lt_jinja_truth(lt_dbt_get(column, "quote"));
    lt_buf_printf(&text, quote ? "\"%.*s\" %.*s" : "%.*s %.*s", LT_ARG(name), LT_ARG(type));
    lt_jinja_value list = lt_dbt_get(column, "constraints"), made;
    for (size_t i = 0; list.type == LT_JINJA_LIST && i < lt_jinja_len(list); i++) {
        LT_TRY(add_constraint(exec, heap, lt_jinja_at(list, i), false, &made, err));
        if (made.type == LT_JINJA_STR)
            lt_buf_printf(&text, " %.*s", LT_ARG(lt_jinja_as_text(made)));
    }
    *out = lt_jinja_text_copy(heap, lt_buf_text(&text));
    return LT_OK;
}

METHOD(render_raw_columns_constraints)
{
    lt_jinja_value args[1], key, column, line;
    LT_TRY(lt_jinja_bind(call, "raw_columns", args, err));
    if (args[0].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "raw_columns must be a dictionary");
    *out = lt_jinja_list(call->heap);
    for (size_t at = 0; lt_jinja_next(args[0], &at, &key, &column);) {
        LT_TRY(column_line(exec, call->heap, column, &line, err));
        lt_jinja_add(*out, line);
    }
    return LT_OK;
}

METHOD(render_raw_model_constraints)
{
    lt_jinja_value args[1], made;
    LT_TRY(lt_jinja_bind(call, "raw_constraints", args, err));
    *out = lt_jinja_list(call->heap);
    for (size_t i = 0; args[0].type == LT_JINJA_LIST && i < lt_jinja_len(args[0]); i++) {
        LT_TRY(add_constraint(exec, call->heap, lt_jinja_at(args[0], i), true, &made, err));
        if (made.type == LT_JINJA_STR)
            lt_jinja_add(*out, made);
    }
    return LT_OK;
}

/* ---- catalogs of tables of other systems: none of ours has them ---- */

METHOD(build_catalog_relation)
{
    lt_jinja_value args[1];
    (void)exec;
    LT_TRY(lt_jinja_bind(call, "config", args, err));
    *out = lt_jinja_none();
    return LT_OK;
}

METHOD(get_catalog_integration)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    (void)out;
    return lt_fail(err, LT_INVALID, "the %.*s adapter has no catalog '%.*s'",
                   LT_ARG(exec->rt->adapter->kind), LT_ARG(lt_dbt_str(call->heap, args[0])));
}

METHOD(get_partitions_metadata)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "table", args, err));
    (void)out;
    return lt_fail(err, LT_INVALID,
                   "`get_partitions_metadata` is not implemented for adapter %.*s!",
                   LT_ARG(exec->rt->adapter->kind));
}

/* ---- the table of methods ---- */

typedef enum stub { STUB_REAL, STUB_NONE, STUB_LIST, STUB_FALSE, STUB_PAIR, STUB_TABLE } stub;

typedef lt_status adapter_method(lt_dbt_exec *exec, lt_jinja_call *call, lt_jinja_value *out,
                                 lt_err *err);

static const struct {
    const char *name;
    adapter_method *run;
    stub when_parsing; /* what dbt gives when a project is only parsed */
} methods[] = {
    {"execute", execute, STUB_PAIR},
    {"add_query", add_query, STUB_NONE},
    {"insert_rows", insert_rows, STUB_NONE},
    {"begin", begin, STUB_NONE},
    {"commit", commit, STUB_NONE},
    {"commit_if_has_connection", commit, STUB_NONE},
    {"dispatch", dispatch, STUB_REAL},
    {"type", type, STUB_REAL},
    {"get_relation", get_relation, STUB_NONE},
    {"list_relations", list_relations, STUB_LIST},
    {"already_exists", already_exists, STUB_FALSE},
    {"cache_added", cache_added, STUB_REAL},
    {"cache_dropped", cache_dropped, STUB_REAL},
    {"cache_renamed", cache_renamed, STUB_REAL},
    {"drop_relation", drop_relation, STUB_NONE},
    {"truncate_relation", truncate_relation, STUB_NONE},
    {"rename_relation", rename_relation, STUB_NONE},
    {"create_schema", create_schema, STUB_NONE},
    {"drop_schema", drop_schema, STUB_NONE},
    {"check_schema_exists", check_schema_exists, STUB_FALSE},
    {"list_schemas", list_schemas, STUB_LIST},
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
    {"standardize_grants_dict", standardize_grants_dict, STUB_REAL},
    {"valid_snapshot_target", valid_snapshot_target, STUB_NONE},
    {"assert_valid_snapshot_target_given_strategy", assert_valid_snapshot_target, STUB_NONE},
    {"get_hard_deletes_behavior", get_hard_deletes_behavior, STUB_NONE},
    {"get_incremental_strategy_macro", get_incremental_strategy_macro, STUB_NONE},
    {"valid_incremental_strategies", valid_incremental_strategies, STUB_REAL},
    {"render_raw_columns_constraints", render_raw_columns_constraints, STUB_REAL},
    {"render_raw_model_constraints", render_raw_model_constraints, STUB_REAL},
    {"build_catalog_relation", build_catalog_relation, STUB_REAL},
    {"get_catalog_integration", get_catalog_integration, STUB_REAL},
    {"get_partitions_metadata", get_partitions_metadata, STUB_TABLE},
};

static lt_status run_stub(lt_jinja_call *call, stub kind, lt_jinja_value *out)
{
    switch (kind) {
    case STUB_LIST:
        *out = lt_jinja_list(call->heap);
        break;
    case STUB_FALSE:
        *out = lt_jinja_bool(false);
        break;
    case STUB_TABLE:
        *out = lt_dbt_table_empty(call->heap);
        break;
    case STUB_PAIR: {
        lt_jinja_value both[] = {lt_jinja_text(T("")), lt_dbt_table_empty(call->heap)};
        *out = lt_jinja_tuple(call->heap, both, 2);
        break;
    }
    default:
        *out = lt_jinja_none();
        break;
    }
    return LT_OK;
}

static lt_status method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err)
{
    lt_dbt_exec *exec = lt_dbt_exec_in(call);
    *found = true;
    for (const lt_jinja_func *own = exec->rt->adapter->methods; own->name; own++) {
        if (!lt_text_eq(lt_text_of(own->name), name))
            continue;
        lt_jinja_call mine = *call;
        mine.user = exec;
        return own->run(&mine, out, err);
    }
    for (size_t i = 0; i < LT_COUNT(methods); i++) {
        if (!lt_text_eq(lt_text_of(methods[i].name), name))
            continue;
        if (!exec->session && methods[i].when_parsing != STUB_REAL)
            return run_stub(call, methods[i].when_parsing, out);
        return methods[i].run(exec, call, out, err);
    }
    *found = false;
    return LT_OK;
}

static bool has_method(const lt_jinja_object *self, lt_text name)
{
    const lt_dbt_exec *exec = ((const exec_object *)self)->exec;
    for (const lt_jinja_func *own = exec->rt->adapter->methods; own->name; own++)
        if (lt_text_eq(lt_text_of(own->name), name))
            return true;
    for (size_t i = 0; i < LT_COUNT(methods); i++)
        if (lt_text_eq(lt_text_of(methods[i].name), name))
            return true;
    return false;
}

static lt_status attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err)
{
    lt_dbt_exec *exec = ((exec_object *)self)->exec;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("behavior")))
        *out = lt_jinja_object_value(&exec->behavior.object);
    else if (lt_text_eq(name, T("config")))
        *out = exec->adapter_config;
    else if (lt_text_eq(name, T("Relation")))
        *out = lt_jinja_object_value(&exec->relation_class.object);
    else if (lt_text_eq(name, T("Column")))
        *out = lt_jinja_object_value(&exec->column_class.object);
    else
        *found = false;
    return LT_OK;
}

const lt_jinja_class lt_dbt_adapter_class = {
    .name = "adapter", .attr = attr, .method = method, .has_method = has_method};

/* ---- adapter.behavior.NAME: a flag of the project, with .no_warn ---- */

typedef struct behavior_flag {
    lt_jinja_object object;
    bool on;
} behavior_flag;

static bool flag_truth(const lt_jinja_object *self)
{
    return ((const behavior_flag *)self)->on;
}

static lt_status flag_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    *found = lt_text_eq(name, T("no_warn")) || lt_text_eq(name, T("setting"));
    if (*found)
        *out = lt_jinja_bool(((const behavior_flag *)self)->on);
    return LT_OK;
}

static const lt_jinja_class behavior_flag_class = {
    .name = "BehaviorFlagRendered", .truth = flag_truth, .attr = flag_attr};

static lt_status behavior_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    const lt_dbt_exec *exec = ((exec_object *)self)->exec;
    lt_jinja_value value = {0};
    (void)err;
    behavior_flag *flag = LT_NEW(&lt_jinja_heap_of(render)->arena, behavior_flag);
    bool set = exec->rt->settings.flags.type == LT_JINJA_DICT &&
               lt_jinja_find(exec->rt->settings.flags, name, &value);
    *flag =
        (behavior_flag){.object.class = &behavior_flag_class, .on = set && lt_jinja_truth(value)};
    *found = true;
    *out = lt_jinja_object_value(&flag->object);
    return LT_OK;
}

const lt_jinja_class lt_dbt_behavior_class = {.name = "Behavior", .attr = behavior_attr};
