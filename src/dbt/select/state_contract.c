/* What of an enforced contract that another run had is broken now: an error for a version of a model, else a warning. */
#include "dbt/inner.h"
#include "dbt/select/method.h"

#include "base/time.h"

static bool is_enforced(const lt_json *node)
{
    return lt_json_bool_or(lt_json_find(node, "contract"), "enforced", false);
}

static lt_text text_at(const lt_json *node, const char *key)
{
    return lt_json_text_or(node, key, (lt_text){0});
}

static lt_text materialized(const lt_json *node)
{
    return text_at(lt_json_find(node, "config"), "materialized");
}

/* Only tables have constraints. */
static bool has_table(const lt_json *node)
{
    return lt_text_eq(materialized(node), T("table")) ||
           lt_text_eq(materialized(node), T("incremental"));
}

static size_t count_of(const lt_json *list)
{
    return list && list->kind == LT_JSON_ARRAY ? list->count : 0;
}

static bool has_item(const lt_json *list, const lt_json *wanted)
{
    for (size_t i = 0; i < count_of(list); i++)
        if (lt_dbt_json_same(&list->items[i], wanted))
            return true;
    return false;
}

/* Each constraint that was there and is no more. */
static void add_removed(const lt_json *now, const lt_json *then, const char *where, lt_text name,
                        lt_buf *out)
{
    const lt_json *before = lt_json_find(then, "constraints");
    for (size_t i = 0; i < count_of(before); i++) {
        lt_text type = text_at(&before->items[i], "type");
        if (!lt_text_eq(type, T("custom")) &&
            !has_item(lt_json_find(now, "constraints"), &before->items[i]))
            lt_buf_printf(out, "\n  - Enforced %s level constraints were removed: %.*s%s%.*s",
                          where, LT_ARG(name), name.len ? ": " : "", LT_ARG(type));
    }
}

/* Another size, precision or scale breaks nothing: varchar(5), VARCHAR(20). */
static bool is_same_type(lt_text a, lt_text b)
{
    lt_text left, right;
    return (a.len == 0) == (b.len == 0) &&
           (!a.len || (lt_text_cut(&a, '(', &left) && lt_text_cut(&b, '(', &right) &&
                       lt_text_eq_nocase(lt_text_trim(left), lt_text_trim(right))));
}

static void add_column(const lt_json *now, const lt_json *then, bool was_table, lt_buf *out)
{
    lt_text name = text_at(then, "name");
    lt_text was = text_at(then, "data_type"), is = text_at(now, "data_type");
    if (!now) {
        lt_buf_printf(out, "\n  - Columns were removed: %.*s", LT_ARG(name));
        return;
    }
    if (!is_same_type(was, is))
        lt_buf_printf(out, "\n  - Columns with data_type changes: %.*s (%.*s -> %.*s)",
                      LT_ARG(name), LT_ARG(was), LT_ARG(is));
    if (was_table)
        add_removed(now, then, "column", name, out);
}

static void add_breaks(const lt_json *now, const lt_json *then, lt_buf *out)
{
    const lt_json *columns = lt_json_find(then, "columns");
    bool constrained = count_of(lt_json_find(then, "constraints")) > 0, was_table = has_table(then);
    if (!is_enforced(now))
        lt_buf_add_str(out, "\n  - Contract enforcement was removed");
    for (size_t i = 0; columns && columns->kind == LT_JSON_OBJECT && i < columns->count; i++) {
        const lt_json *old = &columns->items[i];
        constrained |= count_of(lt_json_find(old, "constraints")) > 0;
        add_column(lt_json_find_text(lt_json_find(now, "columns"), old->key), old, was_table, out);
    }
    if (was_table)
        add_removed(now, then, "model", (lt_text){0}, out);
    if (was_table && !has_table(now) && constrained)
        lt_buf_printf(out, "\n  - Materialization changed with enforced constraints: %.*s -> %.*s",
                      LT_ARG(materialized(then)), LT_ARG(materialized(now)));
}

static bool has_version(const lt_json *node)
{
    const lt_json *version = lt_json_find(node, "version");
    return version && version->kind != LT_JSON_NULL;
}

static lt_status tell(const lt_dbt_method_context *context, const lt_json *node, lt_text breaks,
                      lt_err *err)
{
    lt_dbt *dbt = (lt_dbt *)(uintptr_t)context->dbt; /* its arena: selection has one thread */
    lt_text name = text_at(node, "name"), path = text_at(node, "original_file_path");
    if (has_version(node)) {
        lt_ignore(
            lt_fail(err, LT_INVALID,
                    "%.*s: While comparing to previous project state, dbt detected a breaking "
                    "change to an enforced contract.%.*s",
                    LT_ARG(path), LT_ARG(breaks)));
        return lt_hint(err, "make a change that only adds, or a new version of the model");
    }
    lt_dbt_state_warn(
        context, LT_DBT_BREAKING_CHANGE,
        lt_arena_format(
            &dbt->arena,
            "Breaking change to contracted, unversioned model %.*s (%.*s)\nWhile comparing to "
            "previous project state, dbt detected a breaking change to an unversioned model.%.*s",
            LT_ARG(name), LT_ARG(path), LT_ARG(breaks)));
    return LT_OK;
}

lt_status lt_dbt_contract_check(const lt_dbt_method_context *context, const lt_json *now,
                                const lt_json *then, lt_err *err)
{
    LT_AUTO(lt_buf) breaks = {.limit = LT_MIB};
    if (!is_enforced(then))
        return LT_OK;
    add_breaks(now, then, &breaks);
    return breaks.len ? tell(context, now, lt_buf_text(&breaks), err) : LT_OK;
}

/* A model whose time was over may go. */
static bool is_past(const lt_json *node)
{
    char now[LT_TIME_CHARS];
    lt_text date = text_at(node, "deprecation_date");
    return date.len >= strlen("2000-01-01") &&
           lt_text_cmp(lt_text_sub(date, 0, strlen("2000-01-01")),
                       lt_text_sub(lt_text_of(lt_time_write(lt_now_us(), now)), 0,
                                   strlen("2000-01-01"))) < 0;
}

static bool is_disabled(const lt_dbt *dbt, lt_text id)
{
    for (size_t i = 0; i < dbt->disabled.len; i++)
        if (lt_text_eq(dbt->disabled.items[i]->id, id))
            return true;
    return false;
}

lt_status lt_dbt_contracts_gone(const lt_dbt_method_context *context, lt_err *err)
{
    lt_text id;
    for (size_t i = 0; context->state && lt_dbt_state_id_at(context->state, i, &id); i++) {
        LT_AUTO(lt_arena) scratch = {0};
        if (!lt_text_starts(id, T("model.")) || lt_dbt_find(context->dbt, id))
            continue;
        const lt_json *node = lt_dbt_state_node_in(context->state, id, &scratch);
        if (!is_enforced(node) || is_past(node))
            continue;
        LT_AUTO(lt_buf) text = {.limit = LT_MIB};
        lt_buf_printf(&text, "\n  - Contracted model '%.*s' was %s.", LT_ARG(id),
                      is_disabled(context->dbt, id) ? "disabled" : "deleted or renamed");
        LT_TRY(tell(context, node, lt_buf_text(&text), err));
    }
    return LT_OK;
}
