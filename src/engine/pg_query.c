/* Rows out of PostgreSQL: small results as text, large ones as Arrow batches from a binary COPY. */
#include "engine/pg_session.h"
#include "engine/pg_wire.h"

#include <time.h>

enum { RESULT_LIMIT = 256 << 20 }; /* bytes of one lt_table */

/* ---- small results ---- */

typedef LT_VEC(lt_text) cells;

/* As value::text has it; libpq's text of a boolean is "t". */
static lt_text cell_text(const PGresult *result, int row, int column, lt_arena *arena)
{
    if (PQgetisnull(result, row, column))
        return (lt_text){0};
    if (PQftype(result, column) == LT_PG_BOOL)
        return PQgetvalue(result, row, column)[0] == 't' ? T("true") : T("false");
    return lt_arena_text(arena, lt_text_at(PQgetvalue(result, row, column),
                                           (size_t)PQgetlength(result, row, column)));
}

/* `most_bytes`: what the arena may hold behind it. */
static lt_status add_row(const PGresult *result, int row, lt_arena *arena, size_t most_bytes,
                         cells *out, lt_err *err)
{
    for (int i = 0; i < PQnfields(result); i++) {
        lt_text cell = cell_text(result, row, i, arena);
        lt_push_in(arena, out, cell);
    }
    if (arena->used_bytes >= most_bytes)
        return lt_fail(err, LT_TOO_BIG, "the result is larger than %d bytes", RESULT_LIMIT);
    return LT_OK;
}

/* Rows one at a time; those above the limit are read and dropped, since ending the statement would abort a transaction. */
static lt_status read_rows(pg_session *self, lt_text sql, size_t row_limit, bool *more,
                           lt_arena *arena, lt_table *table, PGresult **last, lt_err *err)
{
    cells found = {0};
    size_t most_bytes = arena->used_bytes + RESULT_LIMIT;
    for (;;) {
        lt_pg_await(self);
        LT_AUTO(pg_result) result = PQgetResult(self->connection);
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
            status == PGRES_EMPTY_QUERY) {
            table->cells = found.items;
            (void)snprintf(self->base.tag, sizeof(self->base.tag), "%s", PQcmdStatus(result));
            *last = LT_TAKE(result);
            return LT_OK;
        }
        if (status != PGRES_SINGLE_TUPLE)
            return lt_pg_fail(self, result, sql, err);
        if (table->row_count == row_limit) {
            *more = true;
            continue;
        }
        LT_TRY(add_row(result, 0, arena, most_bytes, &found, err));
        table->row_count++;
    }
}

static lt_status send_params(pg_session *self, lt_text sql, const lt_text *params,
                             size_t param_count, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_chars) text = lt_text_dup(sql);
    const char **values = NULL;
    LT_TRY(lt_pg_values(params, param_count, &arena, &values, err));
    atomic_store(&self->running, true);
    if (!PQsendQueryParams(self->connection, text, (int)param_count, NULL, values, NULL, NULL, 0)) {
        atomic_store(&self->running, false);
        return lt_pg_fail(self, NULL, sql, err);
    }
    (void)PQsetSingleRowMode(self->connection);
    return LT_OK;
}

lt_status lt_pg_query_table(lt_session *session, lt_text sql, const lt_text *params,
                            size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                            lt_table *out, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_AUTO(pg_result) last = NULL;
    lt_table table = {0};
    LT_TRY(send_params(self, sql, params, param_count, err));
    lt_status status = read_rows(self, sql, row_limit, more, arena, &table, &last, err);
    lt_pg_drain(self);
    LT_TRY(status);
    table.column_count = (size_t)PQnfields(last);
    table.names = lt_alloc_array(arena, table.column_count, sizeof(lt_text));
    table.types = lt_alloc_array(arena, table.column_count, sizeof(lt_text));
    for (size_t i = 0; i < table.column_count; i++)
        table.names[i] = lt_arena_text(arena, lt_text_of(PQfname(last, (int)i)));
    LT_TRY(lt_pg_type_names(self, last, arena, table.types, err));
    *out = table;
    return LT_OK;
}

/* Results until there is none left; the rows of the last one that has any. */
static lt_status last_rows(pg_session *self, lt_text sql, PGresult **last, size_t *done,
                           lt_err *err)
{
    for (*done = 0;; ++*done) {
        lt_pg_await(self);
        LT_AUTO(pg_result) result = PQgetResult(self->connection);
        if (!result)
            return LT_OK;
        if (PQresultStatus(result) == PGRES_TUPLES_OK) {
            PQclear(*last);
            *last = LT_TAKE(result);
        } else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            return lt_pg_fail(self, result, sql, err);
        }
    }
}

static lt_status copy_rows(const PGresult *result, lt_arena *arena, lt_table *out, lt_err *err)
{
    cells found = {0};
    size_t most_bytes = arena->used_bytes + RESULT_LIMIT;
    for (int row = 0; row < PQntuples(result); row++)
        LT_TRY(add_row(result, row, arena, most_bytes, &found, err));
    *out = (lt_table){.cells = found.items,
                      .column_count = (size_t)PQnfields(result),
                      .row_count = (size_t)PQntuples(result)};
    return LT_OK;
}

lt_status lt_pg_script(lt_session *session, bool begins, lt_text sql, size_t *done, lt_arena *arena,
                       lt_table *out, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_AUTO(pg_result) last = NULL;
    LT_TRY(begins ? lt_pg_check_idle(self, err) : lt_pg_check_open(self, err));
    LT_AUTO(lt_chars) text = lt_text_dup(sql);
    atomic_store(&self->running, true);
    lt_status status = PQsendQuery(self->connection, text)
                           ? last_rows(self, sql, &last, done, err)
                           : lt_pg_fail(self, NULL, (lt_text){0}, err);
    lt_pg_drain(self);
    if (status == LT_OK)
        status = copy_rows(last, arena, out, err);
    if (status != LT_OK)
        lt_pg_rollback(session);
    return status;
}

/* ---- streams ---- */

typedef struct pg_stream {
    pg_session *session;
    lt_pg_decoder *decoder; /* owned */
    bool is_copy;           /* else rows of a prepared statement, one at a time */
    bool ended;             /* the server has nothing more to say */
} pg_stream;

/* The end of a COPY is only good when the command's own result is. */
static lt_status end_of_copy(pg_stream *self, lt_err *err)
{
    LT_AUTO(pg_result) result = NULL;
    self->ended = true;
    LT_TRY(lt_pg_expect(self->session, PGRES_COMMAND_OK, (lt_text){0}, &result, err));
    lt_pg_drain(self->session);
    if (!lt_pg_decoder_is_done(self->decoder))
        return lt_fail(err, LT_FAILED, "the server ended the rows without their end mark");
    return LT_OK;
}

/* The next row, as PQgetCopyData(). When none is there, let some gather: whoever waits for the socket is woken for each 8 KiB that
 * the server sends, and takes the processor from it each time (measured: a tenth of all time). */
static int next_copy_row(const pg_session *session, char **data)
{
    PGconn *connection = session->connection;
    static const struct timespec gather = {
        .tv_nsec = 150000}; /* a socket holds more than comes in this time */
    int len = PQgetCopyData(connection, data, 1);
    if (len == 0 && PQconsumeInput(connection))
        len = PQgetCopyData(connection, data, 1);
    if (len != 0)
        return len;
    (void)nanosleep(&gather, NULL);
    while (PQconsumeInput(connection) && (len = PQgetCopyData(connection, data, 1)) == 0)
        lt_pg_await_input(session);
    return len ? len : PQgetCopyData(connection, data, 0);
}

static lt_status read_copy(pg_stream *self, lt_err *err)
{
    while (!self->ended && !lt_pg_decoder_is_full(self->decoder)) {
        LT_AUTO(pg_chars) data = NULL;
        int len = next_copy_row(self->session, &data);
        if (len == -1)
            return end_of_copy(self, err);
        if (len < 0)
            return lt_pg_fail(self->session, NULL, (lt_text){0}, err);
        LT_TRY(lt_pg_decoder_feed(self->decoder, lt_text_at(data, (size_t)len), err));
    }
    return LT_OK;
}

static lt_status read_row(pg_stream *self, lt_err *err)
{
    LT_AUTO(pg_result) result = PQgetResult(self->session->connection);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK) {
        self->ended = true;
        lt_pg_drain(self->session);
        return LT_OK;
    }
    if (status != PGRES_SINGLE_TUPLE) {
        self->ended = true;
        lt_status failed = lt_pg_fail(self->session, result, (lt_text){0}, err);
        lt_pg_drain(self->session);
        return failed;
    }
    for (int i = 0; i < PQnfields(result); i++)
        LT_TRY(lt_pg_decoder_value(self->decoder, PQgetvalue(result, 0, i),
                                   PQgetisnull(result, 0, i) ? -1 : PQgetlength(result, 0, i),
                                   err));
    return LT_OK;
}

static lt_status stream_next(lt_stream *stream, struct ArrowArray *out, lt_err *err)
{
    pg_stream *self = stream->state;
    struct ArrowArray batch = {0};
    if (atomic_load(&self->session->base.cancelled))
        return lt_fail(err, LT_CANCELLED, "cancelled");
    if (self->is_copy)
        LT_TRY(read_copy(self, err));
    while (!self->is_copy && !self->ended && !lt_pg_decoder_is_full(self->decoder))
        LT_TRY(read_row(self, err));
    LT_TRY(lt_pg_decoder_take(self->decoder, &batch, err));
    atomic_fetch_add(&self->session->base.rows_done, batch.length);
    if (batch.length == 0)
        batch.release(&batch); /* the end: release is NULL now */
    *out = batch;
    return LT_OK;
}

/* Stops the server too when rows are left: reading them all could take for ever. A transaction is aborted by that, as it is by
 * an error. */
static void stream_release(lt_stream *stream)
{
    pg_stream *self = stream->state;
    char reason[256];
    if (!self->ended) {
        (void)PQcancel(self->session->canceller, reason, sizeof(reason));
        char *row = NULL;
        while (self->is_copy && PQgetCopyData(self->session->connection, &row, 0) > 0)
            PQfreemem(row);
        lt_pg_drain(self->session);
    }
    atomic_store(&self->session->running, false);
    self->session->base.streaming = false;
    lt_pg_decoder_free(self->decoder);
    lt_free(self);
}

/* ---- what to ask the server for ---- */

/* Types that we cannot read in binary become text. True when there are any. */
static bool settle_types(const PGresult *described, lt_pg_column *columns)
{
    bool casts = false;
    for (int i = 0; i < PQnfields(described); i++) {
        bool known = lt_pg_decodes(PQftype(described, i));
        columns[i] = (lt_pg_column){.name = lt_text_of(PQfname(described, i)),
                                    .type = known ? PQftype(described, i) : LT_PG_TEXT,
                                    .modifier = known ? PQfmod(described, i) : -1};
        casts = casts || !known;
    }
    return casts;
}

/* SELECT c1, c2::text FROM (sql) AS q(c1, c2): the names are ours, since those of the statement may be double. */
static void add_cast_select(lt_text sql, const PGresult *described, lt_buf *out)
{
    int count = PQnfields(described);
    lt_buf_add_str(out, "SELECT ");
    for (int i = 0; i < count; i++)
        lt_buf_printf(out, "%sc%d%s", i ? ", " : "", i,
                      lt_pg_decodes(PQftype(described, i)) ? "" : "::text");
    lt_buf_add_str(out, " FROM (");
    lt_buf_add(out, lt_sql_bare(sql));
    lt_buf_add_str(out, "\n) AS leat_rows(");
    for (int i = 0; i < count; i++)
        lt_buf_printf(out, "%sc%d", i ? ", " : "", i);
    lt_buf_add_byte(out, ')');
}

/* White space and comments in front of the first word. */
static lt_text skip_to_word(lt_text sql)
{
    for (;;) {
        sql = lt_text_trim(sql);
        if (lt_text_starts(sql, T("--")))
            sql = lt_text_sub(sql, LT_MIN(lt_text_find_byte(sql, '\n', 0), sql.len), SIZE_MAX);
        else if (lt_text_starts(sql, T("/*")) && lt_text_find(sql, T("*/"), 2) != SIZE_MAX)
            sql = lt_text_sub(sql, lt_text_find(sql, T("*/"), 2) + 2, SIZE_MAX);
        else
            return sql;
    }
}

/* Whether it can stand in COPY (...): SHOW and EXPLAIN cannot. */
static bool is_select(lt_text sql)
{
    static const char *const words[] = {"select", "with",   "values", "table",
                                        "(",      "insert", "update", "delete"};
    lt_text start = skip_to_word(sql);
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_text_eq_nocase(lt_text_sub(start, 0, strlen(words[i])), lt_text_of(words[i])))
            return true;
    return false;
}

/* The word in front, in any case and with white space around it; `*sql` moves behind it. */
static bool skip_this(lt_text *sql, const char *word)
{
    lt_text rest = lt_text_trim(*sql);
    if (!lt_text_eq_nocase(lt_text_sub(rest, 0, strlen(word)), lt_text_of(word)))
        return false;
    *sql = lt_text_trim(lt_text_sub(rest, strlen(word), SIZE_MAX));
    return true;
}

/* Whether it is SELECT * FROM a name and nothing else. What the name means, the server says: the columns have their table's oid. */
static bool is_all_of_one(lt_text sql)
{
    lt_text rest = lt_sql_bare(sql);
    if (!skip_this(&rest, "select") || !skip_this(&rest, "*") || !skip_this(&rest, "from") ||
        !rest.len)
        return false;
    bool quoted = false;
    for (size_t i = 0; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && !lt_is_alpha(c) && !lt_is_digit(c) && c != '_' && c != '.' &&
                 c != '$' && !(c & 0x80))
            return false;
    }
    return !quoted;
}

/* The name of the table that the statement reads from end to end, into `out`, which stays empty when it does something else.
 * COPY of a table is not SELECT * FROM it when it is a view, has children or partitions, or generated columns. */
static lt_status find_plain_table(pg_session *self, lt_text sql, const PGresult *described,
                                  lt_buf *out, lt_err *err)
{
    static const char ask[] =
        "SELECT c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class c WHERE c.oid = $1::oid "
        "AND c.relkind = 'r' AND NOT c.relhassubclass AND NOT EXISTS (SELECT 1 FROM "
        "pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT "
        "a.attisdropped)";
    LT_AUTO(pg_result) found = NULL;
    char oid[24];
    const char *values[] = {oid};
    Oid table = PQftable(described, 0);
    if (!table || !is_all_of_one(sql))
        return LT_OK;
    (void)snprintf(oid, sizeof(oid), "%u", table);
    LT_TRY(lt_pg_ask(self, ask, values, 1, &found, err));
    if (PQntuples(found) == 1)
        lt_buf_add_str(out, PQgetvalue(found, 0, 0));
    return LT_OK;
}

/* COPY of the table itself where that is the same: the server's executor costs it a twentieth of its time. */
static lt_status start_copy(pg_session *self, lt_text sql, const PGresult *described, bool casts,
                            lt_err *err)
{
    LT_AUTO(lt_buf) copy = {0};
    LT_AUTO(lt_buf) table = {0};
    LT_AUTO(pg_result) result = NULL;
    if (!casts)
        LT_TRY(find_plain_table(self, sql, described, &table, err));
    lt_buf_add_str(&copy, table.len ? "COPY " : "COPY (");
    if (casts)
        add_cast_select(sql, described, &copy);
    else
        lt_buf_add(&copy, table.len ? lt_buf_text(&table) : lt_sql_bare(sql));
    lt_buf_add_str(&copy,
                   table.len ? " TO STDOUT (FORMAT binary)" : "\n) TO STDOUT (FORMAT binary)");
    LT_TRY(lt_buf_check(&copy, "the statement", err));
    atomic_store(&self->running, true);
    if (!PQsendQuery(self->connection, copy.data))
        return lt_pg_fail(self, NULL, sql, err);
    return lt_pg_expect(self, PGRES_COPY_OUT, (lt_text){0}, &result, err);
}

/* The prepared statement with its parameters, in binary, row by row. */
static lt_status start_rows(pg_session *self, lt_text sql, const PGresult *described, bool casts,
                            const lt_text *params, size_t param_count, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) text = {0};
    const char **values = NULL;
    if (casts && !is_select(sql)) {
        lt_ignore(lt_fail(err, LT_INVALID, "a column has a type that cannot be read here"));
        return lt_hint(err, "cast it to text in the statement");
    }
    if (casts)
        add_cast_select(sql, described, &text);
    else
        lt_buf_add(&text, sql);
    LT_TRY(lt_buf_check(&text, "the statement", err));
    LT_TRY(lt_pg_values(params, param_count, &arena, &values, err));
    atomic_store(&self->running, true);
    if (!PQsendQueryParams(self->connection, lt_buf_chars(&text), (int)param_count, NULL, values,
                           NULL, NULL, 1))
        return lt_pg_fail(self, NULL, sql, err);
    (void)PQsetSingleRowMode(self->connection);
    return LT_OK;
}

lt_status lt_pg_query(lt_session *session, lt_text sql, const lt_text *params, size_t param_count,
                      lt_stream *out, lt_err *err)
{
    pg_session *self = pg_session_of(session);
    LT_AUTO(pg_result) described = NULL;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(lt_pg_describe(self, sql, &described, err));
    int count = PQnfields(described);
    if (count == 0)
        return lt_fail(err, LT_INVALID, "the statement gives no rows");
    lt_pg_column *columns = lt_alloc_array(&arena, (size_t)count, sizeof(*columns));
    bool casts = settle_types(described, columns);
    bool is_copy = param_count == 0 && is_select(sql);
    lt_status status = is_copy ? start_copy(self, sql, described, casts, err)
                               : start_rows(self, sql, described, casts, params, param_count, err);
    if (status != LT_OK) {
        atomic_store(&self->running, false);
        return status;
    }
    pg_stream *state = lt_xcalloc(1, sizeof(*state));
    *state = (pg_stream){
        .session = self, .decoder = lt_pg_decoder_new(columns, (size_t)count), .is_copy = is_copy};
    lt_stream stream = {.next = stream_next,
                        .release = stream_release,
                        .state = state,
                        .batch_bytes = LT_PG_BATCH_BYTES};
    lt_pg_decoder_schema(state->decoder, &stream.schema);
    session->streaming = true;
    atomic_store(&session->rows_done, 0);
    *out = stream;
    return LT_OK;
}
