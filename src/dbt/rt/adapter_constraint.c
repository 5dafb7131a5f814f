/* The constraints of contracts as SQL. */
#include "dbt/rt/adapter.h"

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

static lt_status warn_of(lt_dbt_exec *exec, unsigned kind, lt_jinja_value constraint, lt_err *err)
{
    support held = exec->rt->adapter->constraints[kind];
    LT_AUTO(lt_buf) text = {0};
    if (kind == CONSTRAINT_CUSTOM || held == SUPPORT_ENFORCED)
        return LT_OK;
    bool quiet = is_false(
        lt_dbt_get(constraint, held == SUPPORT_NONE ? "warn_unsupported" : "warn_unenforced"));
    if (quiet)
        return LT_OK;
    lt_buf_printf(&text, "Constraint type %s is not %s by the %.*s adapter", constraint_names[kind],
                  held == SUPPORT_NONE ? "supported" : "enforced", LT_ARG(exec->rt->adapter->kind));
    return lt_dbt_say(exec, LT_DBT_WARNED, lt_buf_text(&text), err);
}

/* DuckDB takes no database in the target of a foreign key, not even its own: "db"."schema"."name" becomes "schema"."name". */
static lt_jinja_value without_database(lt_jinja_heap *heap, lt_jinja_value constraint)
{
    lt_text to = text_in(heap, constraint, "to"), rest = to, part;
    size_t parts = 0;
    while (lt_text_cut(&rest, '.', &part))
        parts++;
    if (parts < 3)
        return constraint;
    lt_jinja_value made = lt_jinja_dict(heap), key, value;
    for (size_t at = 0; lt_jinja_next(constraint, &at, &key, &value);)
        lt_jinja_put_value(made, key, value);
    (void)lt_text_cut(&to, '.', &part);
    lt_jinja_put(made, "to", lt_jinja_text(to));
    return made;
}

static lt_status add_constraint(lt_dbt_exec *exec, lt_jinja_heap *heap, lt_jinja_value constraint,
                                bool of_model, lt_jinja_value *out, lt_err *err)
{
    unsigned kind = 0;
    LT_AUTO(lt_buf) text = {0};
    *out = lt_jinja_none();
    LT_TRY(constraint_kind(heap, constraint, &kind, err));
    LT_TRY(warn_of(exec, kind, constraint, err));
    if (kind != CONSTRAINT_CUSTOM && exec->rt->adapter->constraints[kind] == SUPPORT_NONE)
        return LT_OK;
    if (kind == CONSTRAINT_FOREIGN_KEY && lt_text_eq(exec->rt->adapter->kind, T("duckdb")))
        constraint = without_database(heap, constraint);
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

const lt_dbt_adapter_method lt_dbt_adapter_constraint_methods[] = {
    {"render_raw_columns_constraints", render_raw_columns_constraints, STUB_REAL},
    {"render_raw_model_constraints", render_raw_model_constraints, STUB_REAL},
    {NULL, NULL, STUB_REAL},
};
