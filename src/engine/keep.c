/* Keeps what hangs on a relation while another takes its place: grants, row security, dependent views. */
#include "engine/keep.h"

#include "base/embed.h"
#include "base/log.h"

#include <assert.h>

enum { ROWS = 20000 };

typedef enum field { KIND, OBJECT, STATEMENT, QUOTED } field;

static bool is_postgres(const lt_session *session)
{
    return strcmp(lt_engine_target(lt_session_engine(session))->kind, "postgres") == 0;
}

static lt_text cell(const lt_kept *kept, size_t row, field which)
{
    return lt_table_cell(&kept->rows, row, which);
}

static bool is_kind(const lt_kept *kept, size_t row, const char *kind)
{
    return lt_text_eq(cell(kept, row, KIND), lt_text_of(kind));
}

static lt_status ask(lt_session *session, const char *file, const lt_text *params, size_t count,
                     lt_arena *arena, lt_table *out, lt_err *err)
{
    const lt_embedded *sql = lt_embedded_find(file);
    assert(sql);
    return lt_query_table(session, lt_text_at((const char *)sql->data, sql->len), params, count,
                          ROWS, NULL, arena, out, err);
}

/* With an empty search path the server writes, and reads, names with their schema. */
static lt_status set_path(lt_session *session, lt_text path, lt_arena *arena, lt_text *before,
                          lt_err *err)
{
    lt_table table;
    LT_TRY(lt_query_table(session,
                          T("SELECT current_setting('search_path'), set_config('search_path', $1, "
                            "true)"),
                          &path, 1, 1, NULL, arena, &table, err));
    if (before)
        *before = lt_table_cell(&table, 0, 0);
    return LT_OK;
}

/* A view cannot be locked without what it reads: there the drop, which comes next, has to do. */
static lt_status lock(lt_session *session, const lt_relation *relation, lt_relation_kind kind,
                      lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    if (kind != LT_RELATION_TABLE)
        return LT_OK;
    lt_buf_add_str(&sql, "LOCK TABLE ");
    lt_quote_relation(relation, &sql);
    lt_buf_add_str(&sql, " IN ACCESS EXCLUSIVE MODE");
    return lt_exec(session, lt_buf_text(&sql), NULL, err);
}

/* Empty when there is none. */
static lt_status find_oid(lt_session *session, const lt_relation *relation, lt_arena *arena,
                          lt_text *oid, lt_err *err)
{
    static const char sql[] = "SELECT c.oid FROM pg_catalog.pg_class AS c "
                              "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
                              "WHERE n.nspname = $1::text AND c.relname = $2::text";
    const lt_text params[] = {relation->schema, relation->name};
    lt_table found;
    LT_TRY(lt_query_table(session, lt_text_of(sql), params, LT_COUNT(params), 1, NULL, arena,
                          &found, err));
    *oid = found.row_count ? lt_table_cell(&found, 0, 0) : (lt_text){0};
    return LT_OK;
}

lt_status lt_keep_read(lt_session *session, const lt_relation *relation, lt_relation_kind kind,
                       lt_arena *arena, lt_kept *out, lt_err *err)
{
    lt_text before;
    const lt_text params[] = {relation->database.len ? relation->database : T(""), relation->schema,
                              relation->name};
    *out = (lt_kept){0};
    if (!is_postgres(session) || kind == LT_RELATION_NONE)
        return LT_OK;
    LT_TRY(lock(session, relation, kind, err));
    LT_TRY(set_path(session, T(""), arena, &before, err));
    LT_TRY(ask(session, "sql/postgres/kept.sql", params, LT_COUNT(params), arena, &out->rows, err));
    out->relation = *relation;
    LT_TRY(find_oid(session, relation, arena, &out->oid, err));
    return set_path(session, before, arena, NULL, err);
}

/* ---- bringing it back ---- */

static lt_status revoke_defaults(lt_session *session, lt_text object, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_table table;
    LT_TRY(ask(session, "sql/postgres/default_grants.sql", &object, 1, &arena, &table, err));
    for (size_t i = 0; i < table.row_count; i++)
        LT_TRY(lt_exec(session, lt_table_cell(&table, i, 0), NULL, err));
    return LT_OK;
}

static lt_status restore_one(lt_session *session, const lt_kept *kept, size_t row, lt_err *err)
{
    lt_text statement = cell(kept, row, STATEMENT);
    return statement.len ? lt_exec(session, statement, NULL, err)
                         : revoke_defaults(session, cell(kept, row, OBJECT), err);
}

/* How many rows from `row` on belong together: all statements of a view. */
static size_t group_at(const lt_kept *kept, size_t row)
{
    size_t len = 1;
    if (is_kind(kept, row, "view"))
        while (row + len < kept->rows.row_count && is_kind(kept, row + len, "view") &&
               lt_text_eq(cell(kept, row, OBJECT), cell(kept, row + len, OBJECT)))
            len++;
    return len;
}

/* A view of leat's own is built again by its model. */
static bool is_own(lt_session *session, lt_text quoted)
{
    const lt_relation writes = {.schema = T("leat"), .name = T("writes")};
    LT_AUTO(lt_arena) arena = {0};
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_table found = {0};
    lt_err none;
    if (!quoted.len || lt_relation_find(session, &writes, &kind, &none) != LT_OK ||
        kind != LT_RELATION_TABLE)
        return false;
    return lt_query_table(session, T("SELECT 1 FROM leat.writes WHERE relation = $1"), &quoted, 1,
                          1, NULL, &arena, &found, &none) == LT_OK &&
           found.row_count > 0;
}

static void say_lost(lt_session *session, const lt_kept *kept, size_t row, const char *reason)
{
    lt_text object = cell(kept, row, OBJECT);
    if (is_own(session, cell(kept, row, QUOTED)))
        lt_log(LT_LOG_INFO,
               "the view %.*s is dropped with what it reads, until its model is built again: %s",
               LT_ARG(object), reason);
    else
        lt_log(LT_LOG_WARNING,
               "%.*s is dropped with the relation that it needs, and does not come back: %s",
               LT_ARG(object), reason);
}

/* In a savepoint: what does not come back must not take the new relation along. */
static lt_status try_group(lt_session *session, const lt_kept *kept, size_t row, size_t len,
                           lt_err *err)
{
    lt_err why = {0};
    lt_status status = LT_OK;
    LT_TRY(lt_exec(session, T("SAVEPOINT leat_keep"), NULL, err));
    for (size_t i = 0; i < len && status == LT_OK; i++)
        status = restore_one(session, kept, row + i, &why);
    if (status == LT_OK)
        return lt_exec(session, T("RELEASE SAVEPOINT leat_keep"), NULL, err);
    if (status != LT_FAILED && status != LT_DENIED) {
        *err = why;
        return status;
    }
    LT_TRY(lt_exec(session, T("ROLLBACK TO SAVEPOINT leat_keep"), NULL, err));
    if (is_kind(kept, row, "view"))
        say_lost(session, kept, row, why.message);
    else
        lt_log(LT_LOG_WARNING, "a grant on a column of %.*s does not come back: %s",
               LT_ARG(cell(kept, row, OBJECT)), why.message);
    return LT_OK;
}

static lt_status restore_own(lt_session *session, const lt_kept *kept, size_t row, lt_err *err)
{
    lt_text object = cell(kept, row, OBJECT);
    if (restore_one(session, kept, row, err) == LT_OK)
        return LT_OK;
    lt_wrap(err, "cannot give the new %.*s the grants and the row security of the old one",
            LT_ARG(object));
    return lt_hint(err, "nothing was changed; take back what hinders: %.*s",
                   LT_ARG(cell(kept, row, STATEMENT)));
}

static lt_status restore_group(lt_session *session, const lt_kept *kept, size_t row, size_t len,
                               lt_err *err)
{
    if (is_kind(kept, row, "own"))
        return restore_own(session, kept, row, err);
    if (!is_kind(kept, row, "lost"))
        return try_group(session, kept, row, len, err);
    LT_AUTO(lt_chars) reason = lt_text_dup(cell(kept, row, STATEMENT));
    say_lost(session, kept, row, reason);
    return LT_OK;
}

static lt_status drop_old(lt_session *session, const lt_kept *kept, lt_arena *arena, lt_err *err)
{
    static const char sql[] =
        "SELECT pg_catalog.format('DROP %s %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' "
        "ELSE 'TABLE' END, n.nspname, c.relname) FROM pg_catalog.pg_class AS c "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE c.oid = $1::text::oid AND c.relkind IN ('r', 'p', 'v')";
    lt_table found;
    LT_TRY(lt_query_table(session, lt_text_of(sql), &kept->oid, 1, 1, NULL, arena, &found, err));
    return found.row_count ? lt_exec(session, lt_table_cell(&found, 0, 0), NULL, err) : LT_OK;
}

/* Grants of the relation itself that another rule decides. */
static bool is_left(const lt_kept *kept, size_t row)
{
    lt_text statement = cell(kept, row, STATEMENT);
    return kept->leaves_grants && (is_kind(kept, row, "column") ||
                                   (is_kind(kept, row, "own") &&
                                    (!statement.len || lt_text_starts(statement, T("GRANT ")))));
}

lt_status lt_keep_restore(lt_session *session, const lt_kept *kept, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_text before, oid = {0};
    size_t len = 0;
    if (!kept->rows.row_count)
        return LT_OK;
    LT_TRY(find_oid(session, &kept->relation, &arena, &oid, err));
    if (!oid.len || lt_text_eq(oid, kept->oid))
        return LT_OK;
    LT_TRY(drop_old(session, kept, &arena, err));
    LT_TRY(set_path(session, T(""), &arena, &before, err));
    for (size_t row = 0; row < kept->rows.row_count; row += len) {
        len = group_at(kept, row);
        if (!is_left(kept, row))
            LT_TRY(restore_group(session, kept, row, len, err));
    }
    return set_path(session, before, &arena, NULL, err);
}
