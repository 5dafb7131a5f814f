/* Rows in bulk: a streaming result as Arrow batches, and Arrow batches into a table. */
#include "engine/duckdb_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- in ----
 *
 * DuckDB scans our stream as a table and inserts from it: no copy of the rows waits outside of its memory cap, and its own
 * casts, defaults and checks do their work (text to DATE, JSON to STRUCT). */

/* The Arrow C stream interface: https://arrow.apache.org/docs/format/CStreamInterface.html */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

typedef struct load {
    struct ArrowArrayStream face; /* what DuckDB calls, from one of its threads at a time */
    duckdb_session *session;
    lt_stream *stream;
    const lt_relation *table;
    const lt_texts *names;
    char view[40]; /* the stream's name for DuckDB */
    lt_buf from;   /* owned; the same, qualified and quoted */
    lt_status status;
    lt_err err; /* of the stream, when it failed */
} load;

static void borrowed_schema_release(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static int face_schema(struct ArrowArrayStream *face, struct ArrowSchema *out)
{
    const load *self = face->private_data;
    *out = self->stream->schema;
    out->release = borrowed_schema_release;
    return 0;
}

static int face_next(struct ArrowArrayStream *face, struct ArrowArray *out)
{
    load *self = face->private_data;
    struct ArrowArray batch = {0};
    if (self->status == LT_OK && atomic_load(&self->session->base.cancelled))
        self->status = lt_fail(&self->err, LT_CANCELLED, "cancelled");
    if (self->status == LT_OK)
        self->status = self->stream->next(self->stream, &batch, &self->err);
    if (self->status != LT_OK)
        return EIO;
    atomic_fetch_add(&self->session->base.rows_done, batch.length);
    *out = batch;
    return 0;
}

static const char *face_error(struct ArrowArrayStream *face)
{
    const load *self = face->private_data;
    return self->err.message;
}

static void face_release(struct ArrowArrayStream *face)
{
    face->release = NULL; /* the stream is its owner's */
}

static lt_status run_for_rows(load *self, const lt_buf *sql, int64_t *rows, lt_err *err)
{
    LT_AUTO(duck_prepared) prepared = NULL;
    LT_TRY(lt_buf_check(sql, "the statement", err));
    lt_status status = lt_duckdb_prepare(self->session, lt_buf_text(sql), NULL, 0, &prepared, err);
    if (status == LT_OK)
        status = lt_duckdb_change(self->session, prepared, rows, err);
    if (self->status != LT_OK) { /* DuckDB's error only repeats it */
        *err = self->err;
        return self->status;
    }
    if (status != LT_OK)
        self->session->base.error_at = -1; /* of a statement that the caller did not write */
    return status;
}

static lt_status insert_all(load *self, int64_t *rows, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_buf_add_str(&sql, "INSERT INTO ");
    lt_quote_relation(self->table, &sql);
    lt_buf_add_str(&sql, " (");
    lt_quote_names(self->names, &sql);
    lt_buf_add_str(&sql, ") SELECT * FROM ");
    lt_buf_add(&sql, lt_buf_text(&self->from));
    return run_for_rows(self, &sql, rows, err);
}

static lt_status use_path(load *self, lt_text path, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    int64_t unused;
    lt_buf_add_str(&sql, "SET search_path = ");
    lt_quote_literal(path, &sql);
    return run_for_rows(self, &sql, &unused, err);
}

static lt_status make_view(load *self, lt_err *err)
{
    if (lt_duck.arrow_scan(self->session->connection, self->view,
                           (duckdb_arrow_stream)&self->face) != DuckDBSuccess)
        return lt_fail(err, LT_INVALID, "DuckDB does not take the types of these columns");
    return LT_OK;
}

/* A transaction writes to one database only: the view must be in that of the table, which need not be the current one. */
static lt_status make_view_beside(load *self, lt_err *err)
{
    static const lt_text ask =
        T("SELECT current_setting('search_path'), current_database(), current_schema()");
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) path = {0};
    lt_table before = {0};
    lt_err ignored;
    bool more;
    LT_TRY(
        lt_duckdb_query_table(&self->session->base, ask, NULL, 0, 1, &more, &arena, &before, err));
    lt_quote_name(self->table->database, &path);
    lt_buf_add_str(&path, ".main");
    LT_TRY(use_path(self, lt_buf_text(&path), err));
    lt_status status = make_view(self, err);
    /* back in two steps: a schema in the path is looked for in the database that is current */
    lt_relation current = {.schema = lt_table_cell(&before, 0, 1),
                           .name = lt_table_cell(&before, 0, 2)};
    lt_buf_clear(&path);
    lt_quote_relation(&current, &path);
    lt_ignore(use_path(self, lt_buf_text(&path), &ignored));
    if (lt_table_cell(&before, 0, 0).len)
        lt_ignore(use_path(self, lt_table_cell(&before, 0, 0), &ignored));
    return status;
}

/* DuckDB makes a view of the stream, in the transaction that is open; it is gone before anybody else could see it. */
static lt_status load_all(load *self, int64_t *rows, lt_err *err)
{
    LT_AUTO(lt_buf) drop = {0};
    lt_text database = self->table->database;
    bool elsewhere = database.len && !lt_text_eq_nocase(database, T("temp"));
    int64_t unused;
    self->face = (struct ArrowArrayStream){.get_schema = face_schema,
                                           .get_next = face_next,
                                           .get_last_error = face_error,
                                           .release = face_release,
                                           .private_data = self};
    (void)snprintf(self->view, sizeof(self->view), "leat_rows_%08x%08x", arc4random(),
                   arc4random());
    LT_TRY(elsewhere ? make_view_beside(self, err) : make_view(self, err));
    lt_relation view = {.database = elsewhere ? database : (lt_text){0},
                        .schema = elsewhere ? T("main") : (lt_text){0},
                        .name = lt_text_of(self->view)};
    lt_quote_relation(&view, &self->from);
    LT_TRY(insert_all(self, rows, err));
    lt_buf_add_str(&drop, "DROP VIEW ");
    lt_buf_add(&drop, lt_buf_text(&self->from));
    return run_for_rows(self, &drop, &unused, err);
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

    load work = {.session = self, .stream = stream, .table = table, .names = &names};
    lt_err ignored;
    lt_status status = load_all(&work, rows, err);
    lt_buf_cleanup(&work.from);
    if (status == LT_OK)
        return inside ? LT_OK : lt_duckdb_run(self, "COMMIT", err);
    /* Inside somebody's transaction a part may be there already: a second BEGIN aborts it, so that it cannot be committed. */
    lt_ignore(lt_duckdb_run(self, inside ? "BEGIN TRANSACTION" : "ROLLBACK", &ignored));
    return status;
}
