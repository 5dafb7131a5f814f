/* Views, tables and increments: one transaction for each, under the relation's lock. */
#include "base/buf.h"
#include "dbt/inner.h"
#include "engine/keep.h"

/* What one materialisation works with. */
typedef struct making {
    const lt_dbt_node *node;
    lt_session *session;
    const lt_dbt_compiled *compiled;
    lt_relation_kind existing;
    lt_kept kept;          /* what hung on the relation that is replaced */
    lt_relation increment; /* the temporary table of new rows */
    lt_arena *arena;
    lt_dbt_result *result;
} making;

static lt_status run(const making *m, const lt_buf *sql, int64_t *rows, lt_err *err)
{
    LT_TRY(lt_buf_check(sql, "the statement", err));
    return lt_exec(m->session, lt_buf_text(sql), rows, err);
}

/* `head` + the model's SQL + `tail`; an error in the model's part is told at the model's own place. */
static lt_status run_model(const making *m, const lt_buf *head, const char *tail, int64_t *rows,
                           lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add(&sql, lt_buf_text(head));
    lt_buf_add(&sql, lt_buf_text(&m->compiled->sql));
    lt_buf_add_str(&sql, tail);
    lt_status status = run(m, &sql, rows, err);
    if (status == LT_FAILED)
        return lt_dbt_blame(m->node, m->compiled, head->len, lt_session_error_at(m->session), err);
    return status;
}

static lt_status drop_existing(making *m, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    if (m->existing == LT_RELATION_NONE)
        return LT_OK;
    LT_TRY(lt_keep_read(m->session, &m->node->relation, m->existing, m->arena, &m->kept, err));
    lt_buf_printf(&sql, "drop %s if exists ", m->existing == LT_RELATION_VIEW ? "view" : "table");
    lt_quote_relation(&m->node->relation, &sql);
    lt_buf_add_str(&sql, " cascade");
    return run(m, &sql, NULL, err);
}

static lt_status make_view(making *m, lt_err *err)
{
    LT_AUTO(lt_buf) head = {0};
    LT_TRY(drop_existing(m, err));
    lt_buf_add_str(&head, "create view ");
    lt_quote_relation(&m->node->relation, &head);
    lt_buf_add_str(&head, " as (\n");
    m->result->rows = -1;
    LT_TRY(run_model(m, &head, "\n)", NULL, err));
    return lt_keep_restore(m->session, &m->kept, err);
}

static lt_status count_rows(const making *m, const lt_relation *relation, int64_t *rows,
                            lt_err *err)
{
    lt_table table;
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "select count(*) from ");
    lt_quote_relation(relation, &sql);
    LT_TRY(lt_query_table(m->session, lt_buf_text(&sql), NULL, 0, 1, NULL, m->arena, &table, err));
    if (!lt_text_to_i64(lt_table_cell(&table, 0, 0), rows))
        return lt_fail(err, LT_IO, "the count of rows is not a number");
    return LT_OK;
}

/* The name of the table that is made beside the old one: within PostgreSQL's 63 bytes, and not cut to another's. */
static lt_text name_beside(const making *m)
{
    lt_text name = m->node->relation.name;
    return lt_text_of(lt_arena_format(m->arena, "%.*s_%08x__leat_new",
                                      (int)LT_MIN(name.len, (size_t)40), name.ptr,
                                      (unsigned)lt_text_hash(name)));
}

/* The old table stays readable until the commit: the new one is made beside it, then takes its name. */
static lt_status make_table(making *m, lt_err *err)
{
    lt_relation beside = {.schema = m->node->relation.schema, .name = name_beside(m)};
    LT_AUTO(lt_buf) head = {0};
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&head, "create table ");
    lt_quote_relation(&beside, &head);
    lt_buf_add_str(&head, " as (\n");
    LT_TRY(run_model(m, &head, "\n)", NULL, err));
    LT_TRY(count_rows(m, &beside, &m->result->rows, err));
    LT_TRY(drop_existing(m, err));
    lt_buf_add_str(&sql, "alter table ");
    lt_quote_relation(&beside, &sql);
    lt_buf_add_str(&sql, " rename to ");
    lt_quote_name(m->node->relation.name, &sql);
    LT_TRY(run(m, &sql, NULL, err));
    return lt_keep_restore(m->session, &m->kept, err);
}

/* ---- increments ---- */

static bool has_column(const lt_columns *columns, lt_text name)
{
    for (size_t i = 0; i < columns->len; i++)
        if (lt_text_eq(columns->items[i].name, name))
            return true;
    return false;
}

static lt_status alter_column(const making *m, const char *verb, const lt_column *column,
                              bool with_type, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "alter table ");
    lt_quote_relation(&m->node->relation, &sql);
    lt_buf_printf(&sql, " %s column ", verb);
    lt_quote_name(column->name, &sql);
    if (with_type)
        lt_buf_printf(&sql, " %.*s", LT_ARG(column->type));
    return run(m, &sql, NULL, err);
}

static lt_status refuse_change(const making *m, const lt_column *column, const char *what,
                               lt_err *err)
{
    lt_ignore(lt_fail(
        err, LT_FAILED,
        "%.*s: the column '%.*s' %s since the table was built, and on_schema_change is 'fail'",
        LT_ARG(m->node->path), LT_ARG(column->name), what));
    return lt_hint(
        err, "build it anew with --full-refresh, or set on_schema_change to 'append_new_columns'");
}

static lt_status add_new_columns(const making *m, const lt_columns *held, const lt_columns *fresh,
                                 lt_err *err)
{
    lt_text change = m->node->config.on_schema_change;
    for (size_t i = 0; i < fresh->len; i++) {
        if (has_column(held, fresh->items[i].name))
            continue;
        if (lt_text_eq(change, T("fail")))
            return refuse_change(m, &fresh->items[i], "is new", err);
        LT_TRY(alter_column(m, "add", &fresh->items[i], true, err));
    }
    return LT_OK;
}

static lt_status drop_old_columns(const making *m, const lt_columns *held, const lt_columns *fresh,
                                  lt_err *err)
{
    lt_text change = m->node->config.on_schema_change;
    for (size_t i = 0; i < held->len; i++) {
        if (has_column(fresh, held->items[i].name))
            continue;
        if (lt_text_eq(change, T("fail")))
            return refuse_change(m, &held->items[i], "is gone", err);
        if (lt_text_eq(change, T("sync_all_columns")))
            LT_TRY(alter_column(m, "drop", &held->items[i], false, err));
    }
    return LT_OK;
}

/* Bring the table's columns up to date as on_schema_change says, and list those that the increment fills: with 'ignore', the
 * table's own, which the new rows must have. */
static lt_status agree_on_columns(const making *m, lt_columns *fill, lt_err *err)
{
    lt_columns held = {0}, fresh = {0};
    LT_TRY(lt_relation_columns(m->session, &m->node->relation, m->arena, &held, err));
    LT_TRY(lt_relation_columns(m->session, &m->increment, m->arena, &fresh, err));
    if (lt_text_eq(m->node->config.on_schema_change, T("ignore"))) {
        *fill = held;
        for (size_t i = 0; i < held.len; i++)
            if (!has_column(&fresh, held.items[i].name))
                return refuse_change(m, &held.items[i], "is gone", err);
        return LT_OK;
    }
    LT_TRY(add_new_columns(m, &held, &fresh, err));
    LT_TRY(drop_old_columns(m, &held, &fresh, err));
    *fill = fresh;
    return LT_OK;
}

static void add_names(const lt_columns *columns, const char *before_each, lt_buf *sql)
{
    for (size_t i = 0; i < columns->len; i++) {
        lt_buf_add_str(sql, i ? ", " : "");
        lt_buf_add_str(sql, before_each);
        lt_quote_name(columns->items[i].name, sql);
    }
}

/* "old"."k" = "new"."k" and ... */
static void add_key_match(const lt_texts *key, const char *old, const char *fresh, lt_buf *sql)
{
    for (size_t i = 0; i < key->len; i++) {
        lt_buf_printf(sql, "%s%s.", i ? " and " : "", old);
        lt_quote_name(key->items[i], sql);
        lt_buf_printf(sql, " = %s.", fresh);
        lt_quote_name(key->items[i], sql);
    }
}

static lt_status insert_increment(const making *m, const lt_columns *fill, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "insert into ");
    lt_quote_relation(&m->node->relation, &sql);
    lt_buf_add_str(&sql, " (");
    add_names(fill, "", &sql);
    lt_buf_add_str(&sql, ") select ");
    add_names(fill, "", &sql);
    lt_buf_add_str(&sql, " from ");
    lt_quote_relation(&m->increment, &sql);
    return run(m, &sql, &m->result->rows, err);
}

static lt_status delete_matching(const making *m, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "delete from ");
    lt_quote_relation(&m->node->relation, &sql);
    lt_buf_add_str(&sql, " as held using ");
    lt_quote_relation(&m->increment, &sql);
    lt_buf_add_str(&sql, " as fresh where ");
    add_key_match(&m->node->config.unique_key, "held", "fresh", &sql);
    return run(m, &sql, NULL, err);
}

static lt_status merge_increment(const making *m, const lt_columns *fill, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "merge into ");
    lt_quote_relation(&m->node->relation, &sql);
    lt_buf_add_str(&sql, " as held using ");
    lt_quote_relation(&m->increment, &sql);
    lt_buf_add_str(&sql, " as fresh on ");
    add_key_match(&m->node->config.unique_key, "held", "fresh", &sql);
    lt_buf_add_str(&sql, " when matched then update set ");
    for (size_t i = 0; i < fill->len; i++) {
        lt_buf_add_str(&sql, i ? ", " : "");
        lt_quote_name(fill->items[i].name, &sql);
        lt_buf_add_str(&sql, " = fresh.");
        lt_quote_name(fill->items[i].name, &sql);
    }
    lt_buf_add_str(&sql, " when not matched then insert (");
    add_names(fill, "", &sql);
    lt_buf_add_str(&sql, ") values (");
    add_names(fill, "fresh.", &sql);
    lt_buf_add_str(&sql, ")");
    return run(m, &sql, &m->result->rows, err);
}

/* Two new rows with one key would be doubled by delete+insert and are refused by merge; say it before, with the key. */
static lt_status refuse_doubled_keys(const making *m, lt_err *err)
{
    lt_table found;
    LT_AUTO(lt_buf) sql = {0};
    const lt_texts *key = &m->node->config.unique_key;
    lt_buf_add_str(&sql, "select ");
    for (size_t i = 0; i < key->len; i++) {
        lt_buf_add_str(&sql, i ? ", " : "");
        lt_quote_name(key->items[i], &sql);
    }
    lt_buf_add_str(&sql, " from ");
    lt_quote_relation(&m->increment, &sql);
    lt_buf_add_str(&sql, " group by ");
    for (size_t i = 1; i <= key->len; i++)
        lt_buf_printf(&sql, "%s%zu", i > 1 ? ", " : "", i);
    lt_buf_add_str(&sql, " having count(*) > 1 limit 1");
    LT_TRY(lt_query_table(m->session, lt_buf_text(&sql), NULL, 0, 1, NULL, m->arena, &found, err));
    if (!found.row_count)
        return LT_OK;
    lt_ignore(lt_fail(
        err, LT_FAILED, "%.*s: the new rows hold the unique key %.*s = '%.*s' more than once",
        LT_ARG(m->node->path), LT_ARG(key->items[0]), LT_ARG(lt_table_cell(&found, 0, 0))));
    return lt_hint(err, "make the model give one row for each unique_key");
}

static lt_status make_increment_table(making *m, lt_err *err)
{
    LT_AUTO(lt_buf) head = {0};
    m->increment.name = name_beside(m);
    lt_buf_add_str(&head, "create temporary table ");
    lt_quote_name(m->increment.name, &head);
    lt_buf_add_str(&head, " as (\n");
    return run_model(m, &head, "\n)", NULL, err);
}

static lt_status drop_increment_table(const making *m, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "drop table ");
    lt_quote_name(m->increment.name, &sql);
    return run(m, &sql, NULL, err);
}

static lt_status apply_increment(const making *m, const lt_columns *fill, lt_err *err)
{
    lt_text strategy = m->node->config.incremental_strategy;
    if (!strategy.len)
        strategy = m->node->config.unique_key.len ? T("delete+insert") : T("append");
    if (lt_text_eq(strategy, T("append")))
        return insert_increment(m, fill, err);
    LT_TRY(refuse_doubled_keys(m, err));
    if (lt_text_eq(strategy, T("merge")))
        return merge_increment(m, fill, err);
    LT_TRY(delete_matching(m, err));
    return insert_increment(m, fill, err);
}

static lt_status make_increment(making *m, lt_err *err)
{
    lt_columns fill = {0};
    m->result->incremental = true;
    LT_TRY(make_increment_table(m, err));
    LT_TRY(agree_on_columns(m, &fill, err));
    LT_TRY(apply_increment(m, &fill, err));
    return drop_increment_table(m, err);
}

static lt_status make(making *m, bool incremental, lt_err *err)
{
    if (lt_text_eq(m->node->config.materialized, T("view")))
        return make_view(m, err);
    return incremental ? make_increment(m, err) : make_table(m, err);
}

lt_status lt_dbt_write_begin(const lt_dbt *dbt, const lt_relation *relation, lt_session *session,
                             const lt_attempt *attempt, lt_relation_kind *existing, lt_err *err)
{
    const lt_dbt_settings *settings = &dbt->settings;
    bool replaces =
        !settings->guards_others ||
        (settings->takes_over && settings->takes_over(settings->takes_over_context, relation));
    return lt_write_begin_own(session, relation, attempt, replaces, existing, err);
}

lt_status lt_dbt_materialize(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                             const lt_attempt *attempt, lt_dbt_result *result, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_dbt_compiled) compiled = {0};
    making m = {
        .node = node, .session = session, .compiled = &compiled, .arena = &arena, .result = result};
    bool incremental = false;
    LT_TRY(lt_schema_create(session, node->relation.schema, err));
    LT_TRY(lt_dbt_write_begin(dbt, &node->relation, session, attempt, &m.existing, err));
    lt_status status =
        lt_dbt_compile_for(dbt, node, session, m.existing, &compiled, &incremental, err);
    if (status == LT_OK)
        status = make(&m, incremental, err);
    if (status == LT_OK)
        status = lt_session_commit(session, err);
    if (status != LT_OK)
        lt_session_rollback(session);
    return status;
}
