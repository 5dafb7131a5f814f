/* The PostgreSQL back end: connecting, statements, transactions, errors. */
#include "engine/pg_session.h"

#include "engine/pg_types.h"

#include "base/mask.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct pg_engine {
    lt_engine base;
} pg_engine;

/* ---- errors ---- */

/* What a SQLSTATE asks for, by its first characters; the longest match counts, all others mean wrong SQL or data. */
static const struct {
    const char *state;
    lt_status status;
} states[] = {
    {"08", LT_IO},          {"53", LT_IO},          {"57P", LT_IO},          {"58", LT_IO},
    {"XX", LT_IO},          {"28", LT_DENIED},      {"42501", LT_DENIED},    {"40001", LT_CONFLICT},
    {"40P01", LT_CONFLICT}, {"55P03", LT_CONFLICT}, {"3D000", LT_NOT_FOUND},
};

static lt_status status_of(const char *state)
{
    lt_status status = LT_FAILED;
    size_t longest = 0;
    for (size_t i = 0; state && i < LT_COUNT(states); i++) {
        size_t len = strlen(states[i].state);
        if (len > longest && strncmp(state, states[i].state, len) == 0) {
            status = states[i].status;
            longest = len;
        }
    }
    return status;
}

/* The byte at which the character number `position` (from 1) starts, or -1. */
static int64_t byte_of_character(lt_text sql, const char *position)
{
    int64_t wanted = position ? strtoll(position, NULL, 10) : 0;
    size_t at = 0;
    uint32_t point;
    if (wanted < 1)
        return -1;
    for (int64_t i = 1; i < wanted; i++)
        if (!lt_utf8_next(sql, &at, &point))
            return -1;
    return (int64_t)at;
}

static lt_text first_line(const char *text)
{
    lt_text all = lt_text_trim(lt_text_of(text));
    return lt_text_sub(all, 0, LT_MIN(lt_text_find_byte(all, '\n', 0), all.len));
}

static lt_status masked(lt_err *err)
{
    lt_mask_in_place(err->message, sizeof(err->message));
    lt_mask_in_place(err->hint, sizeof(err->hint));
    return err->status;
}

static lt_status lost(const char *reason, lt_err *err)
{
    lt_ignore(lt_fail(err, LT_IO, "connection to the server was lost"));
    (void)lt_hint(err, "%.*s", LT_ARG(first_line(reason)));
    return masked(err);
}

static lt_status fail_without_result(pg_session *self, lt_err *err)
{
    if (PQstatus(self->connection) == CONNECTION_BAD)
        return lost(PQerrorMessage(self->connection), err);
    if (atomic_load(&self->base.cancelled))
        return lt_fail(err, LT_CANCELLED, "cancelled");
    lt_ignore(lt_fail(err, LT_IO, "%.*s", LT_ARG(first_line(PQerrorMessage(self->connection)))));
    return masked(err);
}

/* Detail, hint and the COPY line, one behind the other. */
static void add_hints(const PGresult *result, lt_err *err)
{
    static const int fields[] = {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT, PG_DIAG_CONTEXT};
    LT_AUTO(lt_buf) hint = {.limit = 4 * LT_KIB};
    for (size_t i = 0; i < LT_COUNT(fields); i++) {
        const char *text = PQresultErrorField(result, fields[i]);
        bool is_context = fields[i] == PG_DIAG_CONTEXT;
        if (!text || (is_context && strncmp(text, "COPY ", 5) != 0))
            continue;
        lt_buf_add_str(&hint, hint.len ? " " : "");
        lt_buf_add_str(&hint, text);
    }
    if (hint.len)
        (void)lt_hint(err, "%s", hint.data);
}

lt_status lt_pg_fail(pg_session *self, const PGresult *result, lt_text sql, lt_err *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    bool gone = PQstatus(self->connection) == CONNECTION_BAD;
    if (!message || (gone && (!state || status_of(state) == LT_IO)))
        return fail_without_result(self, err);
    if (state && strncmp(state, "57P", 3) ==
                     0) /* the server ends the session, and closes the connection next */
        return lost(message, err);
    if (state && strcmp(state, "57014") == 0 && atomic_load(&self->base.cancelled))
        return lt_fail(err, LT_CANCELLED, "cancelled");
    if (state && strcmp(state, "26000") == 0) /* a statement that was prepared is not there */
        self->base.prepared = LT_PREPARED_REFUSED;
    if (sql.len)
        self->base.error_at =
            byte_of_character(sql, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
    lt_ignore(lt_fail(err, status_of(state), "%.*s", LT_ARG(first_line(message))));
    add_hints(result, err);
    return masked(err);
}

/* ---- connecting ---- */

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

/* Whatever is secret in the URL must not come back in a message. */
static lt_status register_secrets(const lt_target *target, lt_err *err)
{
    LT_AUTO(pg_chars) reason = NULL;
    const char *from_environment = getenv("PGPASSWORD");
    PQconninfoOption *options = PQconninfoParse(target->url ? target->url : "", &reason);
    if (from_environment)
        lt_mask_register(lt_text_of(from_environment));
    if (!options) { /* the reason may show a part of the URL: not shown */
        lt_ignore(lt_fail(err, LT_INVALID, "the url of target '%s' is not a PostgreSQL URL",
                          target->name ? target->name : ""));
        return lt_hint(err, "write postgresql://user:password@host:port/database, with special "
                            "characters percent-encoded, or key=value pairs");
    }
    for (PQconninfoOption *option = options; option->keyword; option++)
        if (option->val && option->val[0] && option->dispchar && option->dispchar[0] == '*')
            lt_mask_register(lt_text_of(option->val));
    PQconninfoFree(options);
    return LT_OK;
}

static lt_status engine_open(const lt_target *target, lt_engine **out, lt_err *err)
{
    LT_TRY(register_secrets(target, err));
    pg_engine *self = lt_xcalloc(1, sizeof(*self));
    *out = &self->base;
    return LT_OK;
}

static void engine_close(lt_engine *engine)
{
    lt_free(engine);
}

static lt_status connect_failed(const lt_target *target, PGconn *connection, lt_err *err)
{
    LT_AUTO(lt_buf) reason = {.limit = 4 * LT_KIB};
    lt_buf_add(&reason, lt_text_trim(lt_text_of(PQerrorMessage(connection))));
    bool denied = strstr(lt_buf_chars(&reason), "authentication failed") ||
                  strstr(lt_buf_chars(&reason), "no password supplied") ||
                  strstr(lt_buf_chars(&reason), "pg_hba.conf");
    bool missing = strstr(lt_buf_chars(&reason), "database \"") &&
                   strstr(lt_buf_chars(&reason), "does not exist");
    lt_ignore(lt_fail(err,
                      denied    ? LT_DENIED
                      : missing ? LT_NOT_FOUND
                                : LT_IO,
                      "cannot connect to target '%s': %s", target->name ? target->name : "",
                      lt_buf_chars(&reason)));
    if (strstr(lt_buf_chars(&reason), "timeout expired"))
        (void)lt_hint(err, "connect_timeout=SECONDS in the url waits longer than 10 s");
    return masked(err);
}

/* What comes in front of the URL can be overridden by it; what comes behind cannot. */
PGconn *lt_pg_connect(const lt_target *target)
{
    static const char *const names[] = {"connect_timeout", "fallback_application_name",
                                        "keepalives_idle", "dbname",
                                        "client_encoding", NULL};
    const char *const values[] = {"10", "leat", "60", target->url, "UTF8", NULL};
    return PQconnectdbParams(names, values, 1);
}

static lt_status set_up(pg_session *self, const lt_target *target, lt_err *err)
{
    /* Notices are not shown; none at all means that a server that speaks during a COPY has an error to tell. */
    static const char format[] =
        "SET TimeZone = 'UTC'; SET DateStyle = %s; SET IntervalStyle = 'postgres'; "
        "SET bytea_output = 'hex'; SET extra_float_digits = 1; SET standard_conforming_strings = "
        "on; "
        "SET client_min_messages = error; "
        "SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    LT_AUTO(lt_chars)
    statements = lt_format(format, target->keeps_date_order ? "'ISO'" : "'ISO, YMD'");
    LT_AUTO(pg_result) result = PQexec(self->connection, statements);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return lt_pg_fail(self, result, (lt_text){0}, err);
    if (PQntuples(result) == 1)
        (void)snprintf(self->started, sizeof(self->started), "%s", PQgetvalue(result, 0, 0));
    return LT_OK;
}

static void session_close(lt_session *session)
{
    pg_session *self = pg_session_of(session);
    PQfreeCancel(self->canceller);
    PQfinish(self->connection);
    lt_free(self);
}

static lt_status session_open(lt_engine *engine, lt_session **out, lt_err *err)
{
    pg_session *self = lt_xcalloc(1, sizeof(*self));
    self->connection = lt_pg_connect(engine->target);
    if (PQpass(self->connection))
        lt_mask_register(lt_text_of(PQpass(self->connection)));
    (void)PQsetNoticeReceiver(self->connection, ignore_notice, NULL);
    lt_status status = LT_OK;
    if (PQstatus(self->connection) != CONNECTION_OK)
        status = connect_failed(engine->target, self->connection, err);
    else
        status = set_up(self, engine->target, err);
    if (status != LT_OK) {
        session_close(&self->base);
        return status;
    }
    self->canceller = PQgetCancel(self->connection);
    *out = &self->base;
    return LT_OK;
}

static void session_cancel(lt_session *session)
{
    char reason[256];
    pg_session *self = pg_session_of(session);
    if (atomic_load(&self->running))
        (void)PQcancel(self->canceller, reason, sizeof(reason));
}

static bool session_backend(lt_session *session, int *pid, char started[64])
{
    pg_session *self = pg_session_of(session);
    *pid = PQbackendPID(self->connection);
    memcpy(started, self->started, sizeof(self->started));
    return *pid != 0 && self->started[0];
}

/* ---- results ---- */

/* COPY FROM STDIN as a statement has nobody to give it rows; COPY TO STDOUT nobody to take them. */
static void end_copy(pg_session *self, ExecStatusType status)
{
    char *row = NULL;
    if (status == PGRES_COPY_IN)
        (void)PQputCopyEnd(self->connection, "there are no rows to copy");
    while (status == PGRES_COPY_OUT && PQgetCopyData(self->connection, &row, 0) > 0)
        PQfreemem(row);
}

void lt_pg_drain(pg_session *self)
{
    PGresult *result;
    while ((result = PQgetResult(self->connection))) {
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        end_copy(self, status);
        if (PQstatus(self->connection) == CONNECTION_BAD)
            break;
    }
    atomic_store(&self->running, false);
}

static bool is_success(ExecStatusType status)
{
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

lt_status lt_pg_expect(pg_session *self, ExecStatusType wanted, lt_text sql, PGresult **out,
                       lt_err *err)
{
    lt_pg_await(self);
    LT_AUTO(pg_result) result = PQgetResult(self->connection);
    ExecStatusType status = PQresultStatus(result);
    if (status == wanted) {
        *out = LT_TAKE(result);
        return LT_OK;
    }
    lt_status failed = !result || !is_success(status)
                           ? lt_pg_fail(self, result, sql, err)
                           : lt_fail(err, LT_INVALID, "the statement gives no rows");
    end_copy(self, status);
    lt_pg_drain(self);
    return failed;
}

lt_status lt_pg_run(pg_session *self, const char *sql, lt_err *err)
{
    atomic_store(&self->running, true);
    LT_AUTO(pg_result) result = PQexec(self->connection, sql);
    atomic_store(&self->running, false);
    return is_success(PQresultStatus(result)) ? LT_OK : lt_pg_fail(self, result, (lt_text){0}, err);
}

lt_status lt_pg_ask(pg_session *self, const char *sql, const char *const *values, int count,
                    PGresult **out, lt_err *err)
{
    atomic_store(&self->running, true);
    LT_AUTO(pg_result)
    result = PQexecParams(self->connection, sql, count, NULL, values, NULL, NULL, 0);
    atomic_store(&self->running, false);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return lt_pg_fail(self, result, (lt_text){0}, err);
    *out = LT_TAKE(result);
    return LT_OK;
}

/* ---- statements ---- */

/* All results, row by row so that none is held; the first error ends it, the last command's count stays. */
static lt_status exec_results(pg_session *self, lt_text sql, int64_t *rows, lt_err *err)
{
    for (;;) {
        lt_pg_await(self);
        LT_AUTO(pg_result) result = PQgetResult(self->connection);
        ExecStatusType status = PQresultStatus(result);
        if (!result)
            return LT_OK;
        if (status == PGRES_SINGLE_TUPLE)
            continue;
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            end_copy(self, status);
            return lt_fail(err, LT_INVALID, "COPY from and to the client is not possible here");
        }
        if (!is_success(status))
            return lt_pg_fail(self, result, sql, err);
        const char *count = PQcmdTuples(result);
        (void)snprintf(self->base.tag, sizeof(self->base.tag), "%s", PQcmdStatus(result));
        bool is_select = status == PGRES_TUPLES_OK &&
                         strncmp(PQcmdStatus(result), "SELECT", 6) == 0 && PQnfields(result) > 0;
        *rows = is_select ? 0 : strtoll(count, NULL, 10);
    }
}

static lt_status session_exec(lt_session *session, lt_text sql, int64_t *rows, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_AUTO(lt_chars) text = lt_text_dup(sql);
    *rows = 0;
    atomic_store(&self->running, true);
    if (!PQsendQuery(self->connection, text)) {
        atomic_store(&self->running, false);
        return lt_pg_fail(self, NULL, sql, err);
    }
    (void)PQsetSingleRowMode(self->connection);
    lt_status status = exec_results(self, sql, rows, err);
    lt_pg_drain(self);
    return status;
}

lt_status lt_pg_values(const lt_text *params, size_t count, lt_arena *arena, const char ***values,
                       lt_err *err)
{
    enum { LIMIT = 65535 };
    if (count > LIMIT)
        return lt_fail(err, LT_TOO_BIG, "%zu parameters are more than %d", count, LIMIT);
    const char **list = lt_alloc_array(arena, count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        if (params[i].ptr && memchr(params[i].ptr, '\0', params[i].len))
            return lt_fail(err, LT_INVALID, "parameter $%zu holds a NUL byte", i + 1);
        list[i] = params[i].ptr ? lt_arena_str(arena, params[i]) : NULL;
    }
    *values = list;
    return LT_OK;
}

lt_status lt_pg_describe(pg_session *self, lt_text sql, PGresult **out, lt_err *err)
{
    LT_AUTO(lt_chars) text = lt_text_dup(sql);
    atomic_store(&self->running, true);
    LT_AUTO(pg_result) prepared = PQprepare(self->connection, "", text, 0, NULL);
    atomic_store(&self->running, false);
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
        return lt_pg_fail(self, prepared, sql, err);
    LT_AUTO(pg_result) result = PQdescribePrepared(self->connection, "");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return lt_pg_fail(self, result, sql, err);
    *out = LT_TAKE(result);
    return LT_OK;
}

/* Ask the server for the names that we do not know: one statement for all of them. */
static lt_status ask_type_names(pg_session *self, const PGresult *result, lt_arena *arena,
                                lt_text *names, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    LT_AUTO(pg_result) answer = NULL;
    int count = PQnfields(result);
    for (int i = 0; i < count; i++)
        if (!names[i].ptr)
            lt_buf_printf(&sql, "%sSELECT %d, format_type(%u, %d)", sql.len ? " UNION ALL " : "", i,
                          PQftype(result, i), PQfmod(result, i));
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    if (!sql.len)
        return LT_OK;
    LT_TRY(lt_pg_ask(self, sql.data, NULL, 0, &answer, err));
    for (int i = 0; i < PQntuples(answer); i++) {
        int64_t at = strtoll(PQgetvalue(answer, i, 0), NULL, 10);
        if (at >= 0 && at < count)
            names[at] = lt_arena_text(arena, lt_text_of(PQgetvalue(answer, i, 1)));
    }
    return LT_OK;
}

lt_status lt_pg_type_names(pg_session *self, const PGresult *result, lt_arena *arena,
                           lt_text *names, lt_err *err)
{
    for (int i = 0; i < PQnfields(result); i++) {
        LT_AUTO(lt_buf) name = {0};
        if (lt_pg_type_name(PQftype(result, i), PQfmod(result, i), &name))
            names[i] = lt_arena_text(arena, lt_buf_text(&name));
    }
    return ask_type_names(self, result, arena, names, err);
}

static lt_status session_query_columns(lt_session *session, lt_text sql, lt_arena *arena,
                                       lt_columns *out, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_AUTO(pg_result) result = NULL;
    lt_columns columns = {0};
    LT_TRY(lt_pg_describe(self, sql, &result, err));
    int count = PQnfields(result);
    lt_text *names = lt_alloc_array(arena, (size_t)count, sizeof(*names));
    LT_TRY(lt_pg_type_names(self, result, arena, names, err));
    for (int i = 0; i < count; i++) {
        lt_column column = {.name = lt_arena_text(arena, lt_text_of(PQfname(result, i))),
                            .type = names[i]};
        lt_push_in(arena, &columns, column);
    }
    *out = columns;
    return LT_OK;
}

/* ---- transactions ---- */

lt_status lt_pg_check_idle(const pg_session *self, lt_err *err)
{
    PGTransactionStatusType state = PQtransactionStatus(self->connection);
    return state == PQTRANS_INTRANS || state == PQTRANS_INERROR
               ? lt_fail(err, LT_INVALID, "the session is in a transaction already")
               : LT_OK;
}

static lt_status session_begin(lt_session *session, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_TRY(lt_pg_check_idle(self, err));
    return lt_pg_run(self, "BEGIN", err);
}

/* COMMIT of an aborted transaction rolls back and calls that a success. */
lt_status lt_pg_check_open(const pg_session *self, lt_err *err)
{
    PGTransactionStatusType state = PQtransactionStatus(self->connection);
    if (state == PQTRANS_IDLE)
        return lt_fail(err, LT_NOT_FOUND, "there is no transaction to commit");
    if (state == PQTRANS_INERROR)
        return lt_fail(err, LT_FAILED, "the transaction was aborted by an earlier error");
    return LT_OK;
}

static lt_status session_commit(lt_session *session, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_TRY(lt_pg_check_open(self, err));
    return lt_pg_run(self, "COMMIT", err);
}

void lt_pg_rollback(lt_session *session)
{
    lt_err err;
    pg_session *self = pg_session_of(session);
    PGTransactionStatusType state = PQtransactionStatus(self->connection);
    if (state == PQTRANS_INTRANS || state == PQTRANS_INERROR)
        lt_ignore(lt_pg_run(self, "ROLLBACK", &err));
}

const lt_engine_ops lt_postgres_ops = {
    .kind = "postgres",
    .default_schema = "public",
    .open = engine_open,
    .close = engine_close,
    .session_open = session_open,
    .session_close = session_close,
    .exec = session_exec,
    .begin = session_begin,
    .commit = session_commit,
    .rollback = lt_pg_rollback,
    .script = lt_pg_script,
    .query = lt_pg_query,
    .query_table = lt_pg_query_table,
    .query_columns = session_query_columns,
    .type_from_duckdb = lt_pg_type_from_duckdb,
    .ingest = lt_pg_ingest,
    .cancel = session_cancel,
    .backend = session_backend,
};
