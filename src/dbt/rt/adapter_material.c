/* What materialisations ask: grants, columns of snapshots, strategies of incremental models. */
#include "dbt/rt/adapter.h"

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
    LT_TRY(lt_dbt_adapter_columns(exec, call, relation, &columns, err));
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

const lt_dbt_adapter_method lt_dbt_adapter_material_methods[] = {
    {"standardize_grants_dict", standardize_grants_dict, STUB_REAL},
    {"valid_snapshot_target", valid_snapshot_target, STUB_NONE},
    {"assert_valid_snapshot_target_given_strategy", assert_valid_snapshot_target, STUB_NONE},
    {"get_hard_deletes_behavior", get_hard_deletes_behavior, STUB_NONE},
    {"get_incremental_strategy_macro", get_incremental_strategy_macro, STUB_NONE},
    {"valid_incremental_strategies", valid_incremental_strategies, STUB_REAL},
    {NULL, NULL, STUB_REAL},
};
