/* Rows in bulk: a streaming result as Arrow batches, and Arrow batches into a table. */
#include "engine/duckdb_session.h"

#include <stdio.h>

/* ---- out ---- */

typedef struct query_stream {
    duckdb_session *session;
    duckdb_result result;
    duckdb_arrow_options options;
} query_stream;

static lt_status query_next(lt_stream *stream, struct ArrowArray *out, lt_err *err)
{
    query_stream *self = stream->state;
    LT_AUTO(duck_chunk) chunk = NULL;
    struct ArrowArray array = {0};
    LT_TRY(lt_duckdb_fetch(self->session, &self->result, &chunk, err));
    int64_t rows = chunk ? (int64_t)lt_duck.data_chunk_get_size(chunk) : 0;
    if (rows)
        LT_TRY(lt_duckdb_check(&self->session->base,
                               lt_duck.data_chunk_to_arrow(self->options, chunk, &array), err));
    atomic_fetch_add(&self->session->base.rows_done, rows);
    *out = array;
    return LT_OK;
}

static void query_release(lt_stream *stream)
{
    query_stream *self = stream->state;
    self->session->base.streaming = false;
    lt_duck.destroy_result(&self->result); /* an unfinished query ends here */
    lt_duck.destroy_arrow_options(&self->options);
    lt_free(self);
}

static lt_status make_schema(query_stream *self, struct ArrowSchema *out, lt_err *err)
{
    idx_t count = lt_duck.column_count(&self->result);
    duckdb_logical_type *types = lt_xcalloc(count + 1, sizeof(duckdb_logical_type));
    const char **names = lt_xcalloc(count + 1, sizeof(char *));
    for (idx_t i = 0; i < count; i++) {
        types[i] = lt_duck.column_logical_type(&self->result, i);
        names[i] = lt_duck.column_name(&self->result, i);
    }
    struct ArrowSchema schema = {0};
    lt_status status =
        lt_duckdb_check(&self->session->base,
                        lt_duck.to_arrow_schema(self->options, types, names, count, &schema), err);
    if (status == LT_OK)
        *out = schema;
    else
        (void)lt_hint(err, "cast the column to a plain type, to VARCHAR or to JSON");
    for (idx_t i = 0; i < count; i++)
        lt_duck.destroy_logical_type(&types[i]);
    lt_free(types);
    lt_free(names);
    return status;
}

lt_status lt_duckdb_query(lt_session *session, lt_text sql, const lt_text *params,
                          size_t param_count, lt_stream *out, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_AUTO(duck_prepared) prepared = NULL;
    LT_AUTO(duck_result) result = {0};
    LT_TRY(lt_duckdb_prepare(self, sql, params, param_count, &prepared, err));
    LT_TRY(lt_duckdb_start(self, prepared, &result, err));

    query_stream *state = lt_xcalloc(1, sizeof(*state));
    *state = (query_stream){
        .session = self, .result = result, .options = lt_duck.result_get_arrow_options(&result)};
    result = (duckdb_result){0};
    lt_stream stream = {.next = query_next, .release = query_release, .state = state};
    lt_status status = make_schema(state, &stream.schema, err);
    if (status != LT_OK) {
        lt_stream_release(&stream);
        return status;
    }
    session->streaming = true;
    atomic_store(&session->rows_done, 0);
    *out = stream;
    return LT_OK;
}

/* ---- in ---- */

enum {
    VECTOR_ROWS = 2048,     /* DuckDB's own chunk size */
    FLUSH_BYTES = 32 << 20, /* rows wait outside of DuckDB's memory cap until they are flushed */
    BYTES_OF_A_CELL = 16,   /* a guess for what has no variable part */
};

typedef struct load {
    duckdb_session *session;
    lt_stream *stream;
    const lt_relation *table;
    const lt_texts *names;
    duckdb_arrow_converted_schema types;
    duckdb_appender appender; /* made with the first chunk, which knows the types */
    size_t waiting_bytes;
    int64_t rows;
} load;

static void load_cleanup(load *self)
{
    if (self->appender)
        lt_duck.appender_destroy(&self->appender);
    if (self->types)
        lt_duck.destroy_arrow_converted_schema(&self->types);
}

/* The INSERT lets DuckDB's own casts, defaults and checks do their work: text to DATE, JSON to STRUCT. */
static lt_status write_insert(const load *self, lt_buf *sql, lt_err *err)
{
    lt_buf_add_str(sql, "INSERT INTO ");
    lt_quote_relation(self->table, sql);
    lt_buf_add_str(sql, " (");
    lt_quote_names(self->names, sql);
    lt_buf_add_str(sql, ") SELECT * FROM leat_rows");
    return lt_buf_check(sql, "the statement", err);
}

static lt_status append_failed(load *self, lt_err *err)
{
    lt_status status =
        lt_duckdb_check(&self->session->base, lt_duck.appender_error_data(self->appender), err);
    self->session->base.error_at = -1; /* of a statement that the caller did not write */
    if (status == LT_OK)
        return lt_fail(err, LT_FAILED, "DuckDB refused the rows");
    return status;
}

static lt_status make_appender(load *self, duckdb_data_chunk chunk, lt_err *err)
{
    idx_t count = lt_duck.data_chunk_get_column_count(chunk);
    LT_AUTO(lt_buf) sql = {0};
    LT_TRY(write_insert(self, &sql, err));
    duckdb_logical_type *types = lt_xcalloc(count, sizeof(duckdb_logical_type));
    for (idx_t i = 0; i < count; i++)
        types[i] = lt_duck.vector_get_column_type(lt_duck.data_chunk_get_vector(chunk, i));
    duckdb_state state = lt_duck.appender_create_query(self->session->connection, sql.data, count,
                                                       types, "leat_rows", NULL, &self->appender);
    for (idx_t i = 0; i < count; i++)
        lt_duck.destroy_logical_type(&types[i]);
    lt_free(types);
    return state == DuckDBSuccess ? LT_OK : append_failed(self, err);
}

/* About what a batch weighs: enough to know when to flush. */
static size_t weight(const struct ArrowSchema *field, const struct ArrowArray *array)
{
    size_t bytes = (size_t)array->length * BYTES_OF_A_CELL;
    bool text = strcmp(field->format, "u") == 0 || strcmp(field->format, "z") == 0;
    bool large = strcmp(field->format, "U") == 0 || strcmp(field->format, "Z") == 0;
    int64_t end = array->offset + array->length;
    if (text && array->length)
        bytes += (size_t)(((const int32_t *)array->buffers[1])[end] -
                          ((const int32_t *)array->buffers[1])[array->offset]);
    if (large && array->length)
        bytes += (size_t)(((const int64_t *)array->buffers[1])[end] -
                          ((const int64_t *)array->buffers[1])[array->offset]);
    return bytes;
}

static size_t batch_weight(const struct ArrowSchema *schema, const struct ArrowArray *batch)
{
    size_t bytes = 0;
    for (int64_t c = 0; c < batch->n_children; c++) {
        const struct ArrowSchema *field = schema->children[c];
        const struct ArrowArray *array = batch->children[c];
        bytes += weight(field, array);
        for (int64_t k = 0; k < array->n_children;
             k++) /* one level down: lists of texts, structs */
            bytes += weight(field->children[k], array->children[k]);
    }
    return bytes;
}

static lt_status flush(load *self, lt_err *err)
{
    self->waiting_bytes = 0;
    if (self->appender && lt_duck.appender_flush(self->appender) != DuckDBSuccess)
        return append_failed(self, err);
    return LT_OK;
}

/* Rows [from, from + count) of a batch, whose memory it borrows. */
typedef struct slice {
    struct ArrowArray *columns, **links; /* owned */
} slice;

static void slice_release(struct ArrowArray *array)
{
    slice *self = array->private_data;
    lt_free(self->columns);
    lt_free(self->links);
    lt_free(self);
    array->release = NULL;
}

static void borrowed_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static void make_slice(const struct ArrowArray *batch, int64_t from, int64_t count,
                       struct ArrowArray *out)
{
    size_t columns = (size_t)batch->n_children;
    slice *self = lt_xcalloc(1, sizeof(*self));
    self->columns = lt_xcalloc(columns + 1, sizeof(*self->columns));
    self->links = lt_xcalloc(columns + 1, sizeof(*self->links));
    for (size_t i = 0; i < columns; i++) {
        self->columns[i] = *batch->children[i];
        self->columns[i].offset += batch->offset + from;
        self->columns[i].length = count;
        self->columns[i].null_count = -1;
        self->columns[i].release = borrowed_release;
        self->links[i] = &self->columns[i];
    }
    *out = (struct ArrowArray){.length = count,
                               .n_buffers = batch->n_buffers,
                               .n_children = batch->n_children,
                               .buffers = batch->buffers,
                               .children = self->links,
                               .release = slice_release,
                               .private_data = self};
}

static lt_status append_slice(load *self, struct ArrowArray *rows, lt_err *err)
{
    LT_AUTO(duck_chunk) chunk = NULL;
    duckdb_error_data error =
        lt_duck.data_chunk_from_arrow(self->session->connection, rows, self->types, &chunk);
    lt_status status = lt_duckdb_check(&self->session->base, error, err);
    if (rows->release) /* not taken */
        rows->release(rows);
    LT_TRY(status);
    if (!self->appender)
        LT_TRY(make_appender(self, chunk, err));
    if (lt_duck.append_data_chunk(self->appender, chunk) != DuckDBSuccess)
        return append_failed(self, err);
    return LT_OK;
}

static lt_status append(load *self, const struct ArrowArray *batch, lt_err *err)
{
    for (int64_t from = 0; from < batch->length; from += VECTOR_ROWS) {
        int64_t count = LT_MIN(batch->length - from, (int64_t)VECTOR_ROWS);
        struct ArrowArray rows = {0};
        make_slice(batch, from, count, &rows);
        LT_TRY(append_slice(self, &rows, err));
        self->rows += count;
    }
    atomic_store(&self->session->base.rows_done, self->rows);
    self->waiting_bytes += batch_weight(&self->stream->schema, batch);
    return self->waiting_bytes < FLUSH_BYTES ? LT_OK : flush(self, err);
}

static lt_status load_next(load *self, bool *done, lt_err *err)
{
    struct ArrowArray batch = {0};
    if (atomic_load(&self->session->base.cancelled))
        return lt_fail(err, LT_CANCELLED, "cancelled");
    LT_TRY(self->stream->next(self->stream, &batch, err));
    *done = !batch.release;
    lt_status status = LT_OK;
    if (!*done && batch.length)
        status = append(self, &batch, err);
    if (batch.release)
        batch.release(&batch);
    return status;
}

static lt_status load_all(load *self, lt_err *err)
{
    duckdb_error_data error =
        lt_duck.schema_from_arrow(self->session->connection, &self->stream->schema, &self->types);
    LT_TRY(lt_duckdb_check(&self->session->base, error, err));
    for (bool done = false; !done;)
        LT_TRY(load_next(self, &done, err));
    return flush(self, err);
}

/* Without a row nothing would look at the table: see that it takes these columns. */
static lt_status check_columns(const load *self, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "SELECT ");
    lt_quote_names(self->names, &sql);
    lt_buf_add_str(&sql, " FROM ");
    lt_quote_relation(self->table, &sql);
    lt_buf_add_str(&sql, " LIMIT 0");
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    lt_status status = lt_duckdb_run(self->session, sql.data, err);
    self->session->base.error_at = -1;
    return status;
}

static lt_status load_checked(load *self, lt_err *err)
{
    LT_TRY(check_columns(self, err));
    return load_all(self, err);
}

lt_status lt_duckdb_ingest(lt_session *session, const lt_relation *table, const lt_texts *columns,
                           lt_stream *stream, int64_t *rows, lt_err *err)
{
    duckdb_session *self = duckdb_session_of(session);
    LT_AUTO(lt_arena) arena = {0};
    lt_texts names = {0};
    bool inside = false;
    LT_TRY(lt_ingest_names(columns, stream, &arena, &names, err));
    LT_TRY(lt_duckdb_watch(self, false, err));
    LT_TRY(lt_duckdb_in_transaction(self, &inside, err));
    if (!inside)
        LT_TRY(lt_duckdb_run(self, "BEGIN TRANSACTION", err));

    lt_status status;
    {
        LT_AUTO(load)
        work = {.session = self, .stream = stream, .table = table, .names = &names};
        status = load_checked(&work, err);
        *rows = work.rows;
    }
    lt_err ignored;
    if (status == LT_OK)
        return inside ? LT_OK : lt_duckdb_run(self, "COMMIT", err);
    /* Inside somebody's transaction a part may be there already: a second BEGIN aborts it, so that it cannot be committed. */
    lt_ignore(lt_duckdb_run(self, inside ? "BEGIN TRANSACTION" : "ROLLBACK", &ignored));
    return status;
}
