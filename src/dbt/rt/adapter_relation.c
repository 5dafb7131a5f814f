/* What is there in the target, and the calls that make, rename and drop it. */
#include "dbt/rt/adapter.h"

static lt_status want_relation(lt_jinja_value value, const char *method,
                               const lt_dbt_relation **out, lt_err *err)
{
    *out = lt_dbt_relation_in(value);
    if (!*out)
        return lt_fail(err, LT_INVALID, "adapter.%s() wants a relation, not %s", method,
                       lt_jinja_type_name(value));
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
    *out = lt_dbt_nothing();
    return LT_OK;
}

METHOD(cache_dropped)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "relation", args, err));
    const lt_dbt_relation *relation = lt_dbt_relation_in(args[0]);
    if (relation)
        lt_dbt_cache_drop(&exec->rt->cache, relation);
    *out = lt_dbt_nothing();
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
    *out = lt_dbt_nothing();
    return LT_OK;
}

lt_status lt_dbt_forget_readers(lt_dbt_exec *exec, const lt_dbt_relation *relation, lt_err *err)
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
    LT_TRY(lt_query_table(exec->session, lt_text_of(sql), params, 2, 100000, NULL,
                          &exec->heap->arena, &table, err));
    for (size_t row = 0; row < table.row_count; row++) {
        lt_dbt_relation gone = *relation;
        gone.parts[LT_DBT_SCHEMA] = lt_table_cell(&table, row, 0);
        gone.parts[LT_DBT_IDENTIFIER] = lt_table_cell(&table, row, 1);
        lt_dbt_cache_drop(&exec->rt->cache, &gone);
    }
    return LT_OK;
}

/* Most have none: that is asked in short, since the server plans the long question for a millisecond. */
static lt_status forget_dependents(lt_dbt_exec *exec, const lt_dbt_relation *relation, lt_err *err)
{
    const lt_relation doomed = {.schema = relation->parts[LT_DBT_SCHEMA],
                                .name = relation->parts[LT_DBT_IDENTIFIER]};
    bool has = false;
    if (!exec->rt->adapter->cascades || !doomed.schema.ptr || !doomed.name.ptr)
        return LT_OK;
    LT_TRY(lt_relation_has_readers(exec->session, &doomed, &has, err));
    return has ? lt_dbt_forget_readers(exec, relation, err) : LT_OK;
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
    LT_TRY(forget_dependents(exec, relation, err));
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

const lt_dbt_adapter_method lt_dbt_adapter_relation_methods[] = {
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
    {NULL, NULL, STUB_REAL},
};
