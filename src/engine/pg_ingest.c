/* Arrow batches into a PostgreSQL table by binary COPY; by way of a temporary table where the server must cast. */
#include "engine/pg_session.h"
#include "engine/pg_wire.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { PIECE_BYTES = 64 << 10, SOCKET_BYTES = 1 << 20, BUFFER_LIMIT = 1200 << 20 };

static const char staging[] = "leat_staging";
static const char ended_by_server[] = "the server ended the COPY", our_word[] = "leat stopped";

typedef struct load {
    pg_session *session;
    const lt_relation *table;
    const lt_texts *names;
    lt_stream *stream;
    size_t count;
    uint32_t *target_types; /* of the table's columns */
    uint32_t *sent_types;   /* of what is sent */
    bool stages;            /* they differ somewhere */
    int socket_bytes;       /* that wait at most in a unix socket; 0: another kind of socket */
} load;

static lt_status ask_target_types(load *self, lt_arena *arena, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    LT_AUTO(pg_result) result = NULL;
    lt_buf_add_str(&sql, "SELECT ");
    lt_quote_names(self->names, &sql);
    lt_buf_add_str(&sql, " FROM ");
    lt_quote_relation(self->table, &sql);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    lt_status status = lt_pg_describe(self->session, lt_buf_text(&sql), &result, err);
    self->session->base.error_at = -1;
    LT_TRY(status);
    self->target_types = lt_alloc_array(arena, self->count, sizeof(uint32_t));
    for (size_t i = 0; i < self->count; i++)
        self->target_types[i] = PQftype(result, (int)i);
    return LT_OK;
}

/* Directly where a value can be written as the column's type, else as its natural type, and the server casts. */
static lt_status choose_types(load *self, lt_arena *arena, lt_err *err)
{
    self->sent_types = lt_alloc_array(arena, self->count, sizeof(uint32_t));
    for (size_t i = 0; i < self->count; i++) {
        const struct ArrowSchema *field = self->stream->schema.children[i];
        self->sent_types[i] = self->target_types[i];
        if (lt_pg_encodes(field, self->target_types[i]))
            continue;
        lt_err why = {.status = LT_INVALID};
        self->sent_types[i] = lt_pg_natural_type(field, &why);
        if (!self->sent_types[i]) {
            *err = why;
            return why.status;
        }
        self->stages = true;
    }
    return LT_OK;
}

/* ---- the COPY ---- */

static void add_copy(const load *self, lt_buf *sql)
{
    lt_buf_add_str(sql, "COPY ");
    if (self->stages)
        lt_buf_printf(sql, "pg_temp.%s", staging);
    else
        lt_quote_relation(self->table, sql);
    if (!self->stages) {
        lt_buf_add_str(sql, " (");
        lt_quote_names(self->names, sql);
        lt_buf_add_byte(sql, ')');
    }
    lt_buf_add_str(sql, " FROM STDIN (FORMAT binary)");
}

/* A unix socket calls itself writable only when three quarters of it are free: whoever waits for that each time lets the server
 * run dry while the next rows are made (measured: a fifth of the time). So its room is counted here, and there is more of it. */
static void widen_socket(load *self)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address), size = sizeof(self->socket_bytes);
    int fd = PQsocket(self->session->connection), wanted = SOCKET_BYTES;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || address.ss_family != AF_UNIX)
        return; /* TCP sizes itself */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted,
                     sizeof(wanted)); /* as much as is allowed */
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &self->socket_bytes, &size) != 0)
        self->socket_bytes = 0;
}

static bool has_room(const load *self)
{
    int waiting = 0; /* with the kernel's own overhead */
    return self->socket_bytes &&
           ioctl(PQsocket(self->session->connection), SIOCOUTQ, &waiting) == 0 &&
           waiting < self->socket_bytes - PIECE_BYTES - PIECE_BYTES / 2;
}

/* Until the server can take more. It speaks during a COPY only to tell an error (client_min_messages is error): stop sending then.
 * libpq would keep that answer to itself until the last row is sent. */
static lt_status wait_to_send(load *self, lt_err *err)
{
    enum { PAUSE_MS = 100 };
    bool ready = has_room(self);
    struct pollfd socket = {.fd = PQsocket(self->session->connection),
                            .events = (short)(ready ? POLLIN : POLLIN | POLLOUT)};
    for (;;) {
        if (atomic_load(&self->session->base.cancelled))
            return lt_fail(err, LT_CANCELLED, "cancelled");
        int found = poll(&socket, 1, ready ? 0 : PAUSE_MS);
        if (found > 0 && (socket.revents & ~POLLOUT))
            return lt_fail(err, LT_IO, "%s", ended_by_server);
        if (ready || found > 0)
            return LT_OK;
    }
}

/* In pieces that a socket which can be written takes at once. */
static lt_status send_buffer(load *self, lt_buf *out, lt_err *err)
{
    for (size_t at = 0, len; at < out->len; at += len) {
        len = LT_MIN((size_t)PIECE_BYTES, out->len - at);
        LT_TRY(wait_to_send(self, err));
        if (PQputCopyData(self->session->connection, out->data + at, (int)len) != 1)
            return lt_fail(err, LT_IO, "%s", ended_by_server);
    }
    lt_buf_cut(out, 0);
    return LT_OK;
}

static lt_status send_batch(load *self, lt_pg_encoder *encoder, const struct ArrowArray *batch,
                            lt_buf *out, lt_err *err)
{
    lt_pg_encoder_bind(encoder, batch);
    for (int64_t row = 0; row < batch->length;) {
        LT_TRY(lt_pg_encoder_write(encoder, &row, PIECE_BYTES, out, err));
        if (out->len >= PIECE_BYTES)
            LT_TRY(send_buffer(self, out, err));
    }
    atomic_fetch_add(&self->session->base.rows_done, batch->length);
    return LT_OK;
}

static lt_status send_all(load *self, lt_pg_encoder *encoder, lt_err *err)
{
    LT_AUTO(lt_buf) out = {.limit = BUFFER_LIMIT};
    (void)lt_buf_room(&out, PIECE_BYTES + PIECE_BYTES / 8); /* once, not by halves */
    widen_socket(self);
    lt_pg_encoder_begin(&out);
    for (;;) {
        struct ArrowArray batch = {0};
        LT_TRY(self->stream->next(self->stream, &batch, err));
        if (!batch.release)
            break;
        lt_status status = send_batch(self, encoder, &batch, &out, err);
        batch.release(&batch);
        LT_TRY(status);
    }
    lt_pg_encoder_end(&out);
    return send_buffer(self, &out, err);
}

/* The server's own word on a COPY that ended badly: *err when it only repeats what we told it. */
static lt_status failed_copy(load *self, lt_err *err)
{
    pg_session *session = self->session;
    (void)PQputCopyEnd(session->connection, our_word);
    LT_AUTO(pg_result) result = PQgetResult(session->connection);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool is_echo = message && strstr(message, our_word); /* COPY from stdin failed: leat stopped */
    bool asked_server = strcmp(err->message, ended_by_server) == 0;
    if (PQstatus(session->connection) == CONNECTION_BAD || (asked_server && !is_echo))
        (void)lt_pg_fail(session, result, (lt_text){0}, err);
    lt_pg_drain(session);
    return err->status;
}

static lt_status finish_copy(load *self, int64_t *rows, lt_err *err)
{
    pg_session *session = self->session;
    LT_AUTO(pg_result) result = NULL;
    if (PQputCopyEnd(session->connection, NULL) != 1)
        return failed_copy(self, err);
    LT_TRY(lt_pg_expect(session, PGRES_COMMAND_OK, (lt_text){0}, &result, err));
    if (!lt_text_to_i64(lt_text_of(PQcmdTuples(result)), rows))
        *rows = atomic_load(&session->base.rows_done);
    lt_pg_drain(session);
    return LT_OK;
}

static lt_status copy_in(load *self, int64_t *rows, lt_err *err)
{
    pg_session *session = self->session;
    LT_AUTO(lt_buf) sql = {0};
    LT_AUTO(pg_result) result = NULL;
    LT_AUTO(lt_pg_encoder_ref) encoder = NULL;
    LT_TRY(lt_pg_encoder_new(&self->stream->schema, self->sent_types, &encoder, err));
    add_copy(self, &sql);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    atomic_store(&session->running, true);
    if (!PQsendQuery(session->connection, sql.data)) {
        atomic_store(&session->running, false);
        return lt_pg_fail(session, NULL, (lt_text){0}, err);
    }
    LT_TRY(lt_pg_expect(session, PGRES_COPY_IN, (lt_text){0}, &result, err));
    lt_status status = send_all(self, encoder, err);
    return status == LT_OK ? finish_copy(self, rows, err) : failed_copy(self, err);
}

/* ---- by way of a temporary table ---- */

static void add_staging_table(const load *self, lt_buf *sql)
{
    lt_buf_printf(sql, "CREATE TEMP TABLE %s (", staging);
    for (size_t i = 0; i < self->count; i++) {
        /* numeric keeps what it gets; so does a type by its oid's name, which format_type() gives for built-in ones */
        const lt_pg_type_info *type = lt_pg_type_find(self->sent_types[i]);
        const lt_pg_type_info *element = lt_pg_type_of_array(self->sent_types[i]);
        lt_buf_printf(sql, "%sc%zu %s%s", i ? ", " : "", i,
                      type      ? type->name
                      : element ? element->name
                                : "text",
                      element ? "[]" : "");
    }
    lt_buf_add_str(sql, ") ON COMMIT DROP");
}

/* The cast is the target type's own, so that "2020-01-01" goes into a date; its modifier is applied by the assignment. */
static lt_status insert_from_staging(load *self, int64_t *rows, lt_err *err)
{
    pg_session *session = self->session;
    LT_AUTO(lt_buf) sql = {0};
    LT_AUTO(lt_buf) select = {0};
    LT_AUTO(pg_result) names = NULL;
    lt_buf_add_str(&select, "SELECT ");
    for (size_t i = 0; i < self->count; i++)
        lt_buf_printf(&select, "%sformat_type(%u, NULL)", i ? ", " : "", self->target_types[i]);
    LT_TRY(lt_pg_ask(session, lt_buf_chars(&select), NULL, 0, &names, err));
    lt_buf_add_str(&sql, "INSERT INTO ");
    lt_quote_relation(self->table, &sql);
    lt_buf_add_str(&sql, " (");
    lt_quote_names(self->names, &sql);
    lt_buf_add_str(&sql, ") SELECT ");
    for (size_t i = 0; i < self->count; i++)
        lt_buf_printf(&sql, "%sc%zu::%s", i ? ", " : "", i, PQgetvalue(names, 0, (int)i));
    lt_buf_printf(&sql, " FROM pg_temp.%s", staging);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    atomic_store(&session->running, true);
    LT_AUTO(pg_result) result = PQexec(session->connection, sql.data);
    atomic_store(&session->running, false);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return lt_pg_fail(session, result, (lt_text){0}, err);
    if (!lt_text_to_i64(lt_text_of(PQcmdTuples(result)), rows))
        *rows = 0;
    LT_AUTO(lt_chars) drop = lt_format("DROP TABLE pg_temp.%s", staging);
    return lt_pg_run(session, drop, err);
}

static lt_status copy_staged(load *self, int64_t *rows, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    add_staging_table(self, &sql);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    LT_TRY(lt_pg_run(self->session, sql.data, err));
    LT_TRY(copy_in(self, rows, err));
    return insert_from_staging(self, rows, err);
}

static lt_status load_staged(load *self, int64_t *rows, lt_err *err)
{
    lt_err ignored;
    bool inside = PQtransactionStatus(self->session->connection) == PQTRANS_INTRANS;
    if (!inside)
        LT_TRY(lt_pg_run(self->session, "BEGIN", err));
    lt_status status = copy_staged(self, rows, err);
    if (!inside && status == LT_OK)
        return lt_pg_run(self->session, "COMMIT", err);
    if (!inside)
        lt_ignore(lt_pg_run(self->session, "ROLLBACK", &ignored));
    return status;
}

lt_status lt_pg_ingest(lt_session *session, const lt_relation *table, const lt_texts *columns,
                       lt_stream *stream, int64_t *rows, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_texts names = {0};
    LT_TRY(lt_ingest_names(columns, stream, &arena, &names, err));
    load work = {.session = pg_session_of(session),
                 .table = table,
                 .names = &names,
                 .stream = stream,
                 .count = names.len};
    LT_TRY(ask_target_types(&work, &arena, err));
    LT_TRY(choose_types(&work, &arena, err));
    return work.stages ? load_staged(&work, rows, err) : copy_in(&work, rows, err);
}
