/* Fenced writes: the lock, the token and the transaction around a change of a relation. */
#include "engine/write.h"

#include "base/buf.h"
#include "base/time.h"

static bool is_postgres(const lt_session *session)
{
    return strcmp(lt_engine_target(lt_session_engine(session))->kind, "postgres") == 0;
}

static lt_status lock_name(lt_session *session, lt_text name, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    if (!is_postgres(session))
        return LT_OK; /* one process owns the file, and its transactions see each other's conflicts */
    lt_buf_add_str(&sql,
                   "select pg_advisory_xact_lock(hashtextextended("); /* as sql/postgres/lock.sql */
    lt_quote_literal(name, &sql);
    lt_buf_add_str(&sql, ", 7340))");
    return lt_exec(session, lt_buf_text(&sql), NULL, err);
}

static lt_status make_tables(lt_session *session, lt_err *err)
{
    LT_TRY(lock_name(session, T("leat"), err));
    LT_TRY(lt_schema_create(session, T("leat"), err));
    return lt_exec(
        session,
        T("create table if not exists leat.writes (relation text primary key, home text not null, "
          "token bigint not null, run_id text not null, task text not null, "
          "written_at timestamptz not null)"),
        NULL, err);
}

lt_status lt_write_prepare(lt_session *session, lt_err *err)
{
    static const lt_relation writes = {.schema = T("leat"), .name = T("writes")};
    lt_relation_kind kind = LT_RELATION_NONE;
    LT_TRY(lt_relation_find(session, &writes, &kind, err));
    if (kind == LT_RELATION_TABLE)
        return LT_OK;
    LT_TRY(lt_session_begin(session, err));
    lt_status status = make_tables(session, err);
    if (status == LT_OK)
        status = lt_session_commit(session, err);
    if (status != LT_OK)
        lt_session_rollback(session);
    return status;
}

static lt_status check_token(lt_session *session, lt_text relation, const lt_attempt *attempt,
                             lt_err *err)
{
    lt_table found;
    LT_AUTO(lt_arena) arena = {0};
    lt_text params[] = {relation, attempt->home,
                        lt_text_of(lt_arena_format(&arena, "%lld", (long long)attempt->token))};
    LT_TRY(
        lt_query_table(session,
                       T("select run_id, task from leat.writes where relation = $1 and home = $2 "
                         "and token > cast($3 as bigint)"),
                       params, LT_COUNT(params), 1, NULL, &arena, &found, err));
    if (!found.row_count)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT, "a later attempt (run %.*s, %.*s) has already written %.*s",
                      LT_ARG(lt_table_cell(&found, 0, 0)), LT_ARG(lt_table_cell(&found, 0, 1)),
                      LT_ARG(relation)));
    return lt_hint(err, "nothing was changed by this attempt; look at 'leat runs'");
}

static lt_status record_token(lt_session *session, lt_text relation, const lt_attempt *attempt,
                              lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "insert into leat.writes values (");
    lt_quote_literal(relation, &sql);
    lt_buf_add_str(&sql, ", ");
    lt_quote_literal(attempt->home, &sql);
    lt_buf_printf(&sql, ", %lld, ", (long long)attempt->token);
    lt_quote_literal(attempt->run_id, &sql);
    lt_buf_add_str(&sql, ", ");
    lt_quote_literal(attempt->task, &sql);
    lt_buf_add_str(&sql, ", now()) on conflict (relation) do ");
    lt_buf_add_str(&sql,
                   attempt->token
                       ? "update set home = excluded.home, token = excluded.token, run_id = "
                         "excluded.run_id, task = excluded.task, written_at = excluded.written_at"
                       : "nothing");
    return lt_exec(session, lt_buf_text(&sql), NULL, err);
}

static lt_status has_written(lt_session *session, lt_text relation, bool *written, lt_err *err)
{
    lt_table found;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(lt_query_table(session, T("select 1 from leat.writes where relation = $1"), &relation, 1,
                          1, NULL, &arena, &found, err));
    *written = found.row_count > 0;
    return LT_OK;
}

static const char *noun_of(lt_relation_kind kind)
{
    return kind == LT_RELATION_TABLE ? "table" : kind == LT_RELATION_VIEW ? "view" : "relation";
}

lt_status lt_write_check_own(lt_session *session, const lt_relation *relation,
                             lt_relation_kind existing, lt_err *err)
{
    LT_AUTO(lt_buf) name = {0};
    bool written = false;
    if (existing == LT_RELATION_NONE)
        return LT_OK;
    lt_quote_relation(relation, &name);
    LT_TRY(has_written(session, lt_buf_text(&name), &written, err));
    if (written)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "the %s %s is there, but leat did not make it",
                      noun_of(existing), lt_buf_chars(&name)));
    return lt_hint(err,
                   "choose another name or schema, or drop it, or let leat replace it: "
                   "--take-over %.*s.%.*s",
                   LT_ARG(relation->schema), LT_ARG(relation->name));
}

lt_status lt_write_lock(lt_session *session, const lt_relation *relation, lt_err *err)
{
    LT_AUTO(lt_buf) name = {0};
    lt_quote_relation(relation, &name);
    return lock_name(session, lt_buf_text(&name), err);
}

lt_status lt_write_begin_look(lt_session *session, const lt_relation *relation,
                              lt_relation_kind *kind, lt_err *err)
{
    LT_AUTO(lt_buf) name = {0};
    lt_quote_relation(relation, &name);
    if (lt_session_can_begin_look(session, relation))
        return lt_session_begin_look(session, lt_buf_text(&name), relation, kind, err);
    LT_TRY(lt_session_begin(session, err));
    lt_status status = lock_name(session, lt_buf_text(&name), err);
    if (status == LT_OK)
        status = lt_relation_find(session, relation, kind, err);
    if (status != LT_OK)
        lt_session_rollback(session);
    return status;
}

lt_status lt_write_claim(lt_session *session, const lt_relation *relation,
                         const lt_attempt *attempt, lt_err *err)
{
    LT_AUTO(lt_buf) name = {0};
    if (!attempt->home.len)
        return LT_OK;
    lt_quote_relation(relation, &name);
    if (attempt->token)
        LT_TRY(check_token(session, lt_buf_text(&name), attempt, err));
    return record_token(session, lt_buf_text(&name), attempt, err);
}

lt_status lt_write_begin(lt_session *session, const lt_relation *relation,
                         const lt_attempt *attempt, lt_err *err)
{
    LT_TRY(lt_session_begin(session, err));
    lt_status status = lt_write_lock(session, relation, err);
    if (status == LT_OK)
        status = lt_write_claim(session, relation, attempt, err);
    if (status != LT_OK)
        lt_session_rollback(session);
    return status;
}

lt_status lt_write_has_records(lt_session *session, bool *has, lt_err *err)
{
    static const lt_relation writes = {.schema = T("leat"), .name = T("writes")};
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_table found;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(lt_relation_find(session, &writes, &kind, err));
    *has = kind == LT_RELATION_TABLE;
    if (!*has || !is_postgres(session))
        return LT_OK;
    LT_TRY(lt_query_table(session,
                          T("select 1 where has_schema_privilege('leat', 'usage') and "
                            "has_table_privilege('leat.writes', 'select') and "
                            "has_table_privilege('leat.writes', 'insert')"),
                          NULL, 0, 1, NULL, &arena, &found, err));
    *has = found.row_count > 0;
    return LT_OK;
}

static lt_status is_backend_alive(lt_session *session, int pid, lt_text started, bool end_it,
                                  bool *alive, lt_err *err)
{
    lt_table table;
    LT_AUTO(lt_arena) arena = {0};
    lt_text params[] = {lt_text_of(lt_arena_format(&arena, "%d", pid)), started};
    lt_text look = T(
        "select 1 from pg_stat_activity where pid = cast($1 as int) and backend_start::text = $2");
    lt_text end =
        T("select pg_terminate_backend(pid) from pg_stat_activity where pid = cast($1 as int) "
          "and backend_start::text = $2");
    LT_TRY(lt_query_table(session, end_it ? end : look, params, LT_COUNT(params), 2, NULL, &arena,
                          &table, err));
    *alive = table.row_count > 0;
    return LT_OK;
}

lt_status lt_write_end_backend(lt_session *session, int pid, lt_text started, lt_err *err)
{
    static const int64_t LOOK_US = 20000, LONGEST_US = 30 * (int64_t)1000000;
    bool alive = false;
    if (!is_postgres(session))
        return LT_OK;
    LT_TRY(is_backend_alive(session, pid, started, true, &alive, err));
    for (int64_t until = lt_mono_us() + LONGEST_US; alive && lt_mono_us() < until;
         lt_sleep_us(LOOK_US))
        LT_TRY(is_backend_alive(session, pid, started, false, &alive, err));
    if (!alive)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_IO, "the backend %d of an earlier attempt does not end", pid));
    return lt_hint(err, "end it by hand: select pg_terminate_backend(%d)", pid);
}
