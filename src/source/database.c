/* PostgreSQL as a source: a table or query by binary COPY into a scratch DuckDB, from there into Parquet. */
#include "engine/arrow_node.h"
#include "source/source_ops.h"

#include <stdio.h>

/* ---- types ---- */

static lt_type other(const char *name)
{
    return (lt_type){.kind = LT_TYPE_OTHER, .name = lt_text_of(name)};
}

static lt_type integer_type(const lt_arrow_node *node)
{
    static const lt_type_kind kinds[] = {
        [1] = LT_TYPE_TINYINT, [2] = LT_TYPE_SMALLINT, [4] = LT_TYPE_INTEGER, [8] = LT_TYPE_BIGINT};
    static const char *const names[] = {
        [1] = "UTINYINT", [2] = "USMALLINT", [4] = "UINTEGER", [8] = "UBIGINT"};
    return node->is_unsigned ? other(names[node->width]) : (lt_type){.kind = kinds[node->width]};
}

static lt_type scalar_type(const lt_arrow_node *node)
{
    switch (node->kind) {
    case LT_ARROW_BOOL:
    case LT_ARROW_BOOL8:
        return (lt_type){.kind = LT_TYPE_BOOL};
    case LT_ARROW_INT:
        return integer_type(node);
    case LT_ARROW_FLOAT:
        return (lt_type){.kind = node->width == 4 ? LT_TYPE_FLOAT : LT_TYPE_DOUBLE};
    case LT_ARROW_DECIMAL:
        return (lt_type){.kind = LT_TYPE_DECIMAL,
                         .width = (unsigned)node->precision,
                         .scale = (unsigned)node->scale};
    case LT_ARROW_JSON:
        return (lt_type){.kind = LT_TYPE_JSON};
    case LT_ARROW_DATE:
        return (lt_type){.kind = LT_TYPE_DATE};
    case LT_ARROW_TIMESTAMP:
        return (lt_type){.kind = node->zoned ? LT_TYPE_TIMESTAMPTZ : LT_TYPE_TIMESTAMP};
    case LT_ARROW_BYTES:
        return other("BLOB");
    case LT_ARROW_UUID:
        return other("UUID");
    case LT_ARROW_TIME:
        return other("TIME");
    case LT_ARROW_INTERVAL:
        return other("INTERVAL");
    default:
        return (lt_type){.kind = LT_TYPE_TEXT};
    }
}

static lt_type type_of(lt_arena *arena, const lt_arrow_node *node)
{
    if (node->kind != LT_ARROW_LIST)
        return scalar_type(node);
    lt_type *item = LT_NEW(arena, lt_type);
    *item = scalar_type(&node->children[0]); /* PostgreSQL's arrays hold no arrays */
    return (lt_type){.kind = LT_TYPE_LIST, .item = item};
}

/* ---- the query ---- */

static void add_from(const lt_extraction *self, lt_text query, lt_buf *sql)
{
    lt_text table = self->resource->table;
    if (table.len == 0) {
        query = lt_text_trim(query);
        while (lt_text_ends(query, T(";")))
            query = lt_text_trim(lt_text_sub(query, 0, query.len - 1));
        lt_buf_printf(sql, "SELECT * FROM (\n%.*s\n) AS records", LT_ARG(query));
        return;
    }
    size_t dot = lt_text_find_byte(table, '.', 0);
    lt_relation relation = {.name = table};
    if (dot != SIZE_MAX)
        relation = (lt_relation){.schema = lt_text_sub(table, 0, dot),
                                 .name = lt_text_sub(table, dot + 1, table.len)};
    lt_buf_add(sql, T("SELECT * FROM "));
    lt_quote_relation(&relation, sql);
}

/* With a key, or for the first value, the last value is asked for again: rows that came with the same value later are not missed,
 * and the key removes the others. Without a key that would double them. */
static lt_status make_query(lt_extraction *self, lt_buf *sql, lt_err *err)
{
    lt_text query;
    LT_TRY(lt_extraction_render(self, &self->resource->query, &query, err));
    add_from(self, query, sql);
    if (self->from.len > 0) {
        bool again =
            self->keys.len > 0 || self->from_raw.len == 0 || self->resource->cursor.overlap_us > 0;
        lt_buf_add(sql, T(" WHERE "));
        lt_quote_name(self->resource->cursor.field, sql);
        lt_buf_add_str(sql, again ? " >= " : " > ");
        lt_quote_literal(self->from, sql);
    }
    return lt_buf_check(sql, "the query", err);
}

/* ---- staging ---- */

static const lt_relation stage = {
    .database = {"stage", 5}, .schema = {"main", 4}, .name = {"records", 7}};

/* A table in a scratch file, so that its size is not bounded by memory. */
static lt_status make_stage(lt_extraction *self, lt_session *duck, const struct ArrowSchema *schema,
                            lt_type *record, lt_err *err)
{
    lt_arrow_node root;
    LT_AUTO(lt_buf) sql = {.limit = 16 * LT_MIB};
    LT_TRY(lt_arrow_node_make(schema, self->arena, &root, err));
    lt_buf_add(&sql, T("ATTACH "));
    lt_quote_literal(
        lt_text_of(lt_arena_format(self->arena, "%s/stage.duckdb", self->job->scratch)), &sql);
    lt_buf_add(&sql, T(" AS stage; CREATE TABLE "));
    lt_quote_relation(&stage, &sql);
    lt_buf_add(&sql, T(" ("));
    *record = (lt_type){.kind = LT_TYPE_STRUCT};
    for (size_t i = 0; i < root.child_count; i++) {
        lt_text name = lt_text_of(root.children[i].name);
        lt_field *field = lt_type_add_field(self->arena, record, name, (lt_text){0});
        field->type = type_of(self->arena, &root.children[i]);
        lt_buf_add_str(&sql, i ? ", " : "");
        lt_quote_name(name, &sql);
        lt_buf_add_byte(&sql, ' ');
        lt_type_write(&field->type, &sql);
    }
    lt_buf_add_byte(&sql, ')');
    LT_TRY(lt_buf_check(&sql, "the staging table", err));
    return lt_exec(duck, lt_buf_text(&sql), NULL, err);
}

static lt_status copy_rows(lt_extraction *self, lt_session *from, lt_session *duck, lt_type *record,
                           lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    LT_AUTO(lt_stream) stream = {0};
    LT_TRY(make_query(self, &sql, err));
    LT_TRY(lt_query(from, lt_buf_text(&sql), NULL, 0, &stream, err));
    LT_TRY(make_stage(self, duck, &stream.schema, record, err));
    LT_TRY(lt_ingest(duck, &stage, NULL, &stream, &self->result->fetched, err));
    self->result->requests = 1;
    if (self->job->progress)
        lt_progress_add(&self->job->progress->rows_in, self->result->fetched);
    return LT_OK;
}

static lt_status copy_from_server(lt_extraction *self, lt_session *duck, lt_type *record,
                                  lt_err *err)
{
    lt_text url;
    LT_TRY(lt_extraction_render(self, &self->source->url, &url, err));
    lt_target target = {.name = lt_arena_str(self->arena, self->source->name),
                        .kind = "postgres",
                        .url = lt_arena_str(self->arena, url)};
    LT_AUTO(lt_engine_ref) engine = NULL;
    LT_TRY(lt_engine_open(&target, &engine, err));
    LT_AUTO(lt_session_ref) session = NULL;
    LT_TRY(lt_session_open(engine, &session, err));
    return copy_rows(self, session, duck, record, err);
}

/* ---- the cursor ---- */

/* The greatest value that is staged, as raw JSON: a number as it is, everything else as a string. */
static lt_status find_mark(lt_extraction *self, lt_session *duck, const lt_type *record,
                           lt_mark *mark, lt_err *err)
{
    const lt_conf_cursor *cursor = &self->resource->cursor;
    const lt_field *field = lt_type_field(record, cursor->field);
    lt_table table;
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    LT_AUTO(lt_buf) raw = {.limit = LT_MIB};
    if (cursor->field.len == 0)
        return LT_OK;
    if (!field)
        return lt_conf_fail(cursor->place, err, "there is no column '%.*s' to be a cursor",
                            LT_ARG(cursor->field));
    lt_buf_add(&sql, T("SELECT CAST(max("));
    lt_quote_name(cursor->field, &sql);
    lt_buf_add(&sql, T(") AS VARCHAR) FROM "));
    lt_quote_relation(&stage, &sql);
    LT_TRY(lt_query_table(duck, lt_buf_text(&sql), NULL, 0, 1, NULL, self->arena, &table, err));
    lt_text value = lt_table_cell(&table, 0, 0);
    bool number = field->type.kind >= LT_TYPE_TINYINT && field->type.kind <= LT_TYPE_DOUBLE;
    if (value.ptr && number)
        lt_buf_add(&raw, value);
    else if (value.ptr)
        lt_json_quote(value, &raw);
    if (self->from_raw.len > 0)
        LT_TRY(lt_mark_feed(mark, self->from_raw, err));
    return raw.len > 0 ? lt_mark_feed(mark, lt_buf_text(&raw), err) : LT_OK;
}

static lt_status land_rows(lt_extraction *self, const lt_type *record, const lt_mark *mark,
                           lt_err *err)
{
    lt_schema schema;
    LT_AUTO(lt_buf) relation = {.limit = LT_KIB};
    bool appends = self->resource->cursor.field.len > 0 && !self->job->full_refresh;
    LT_TRY(lt_schema_plan(&self->before, record, &self->resource->contract, self->arena, &schema,
                          err));
    if (self->result->fetched == 0 && appends) {
        self->result->note = T("no new rows");
        return LT_OK;
    }
    lt_quote_relation(&stage, &relation);
    lt_landing landing = {.relation = lt_buf_text(&relation)};
    return lt_extraction_land(self, &schema, &landing, lt_buf_text(&mark->raw), err);
}

static lt_status extract(lt_extraction *self, lt_err *err)
{
    lt_session *duck;
    lt_type record;
    LT_AUTO(lt_mark) mark = {0};
    lt_status status = lt_extraction_session(self, &duck, err);
    if (status == LT_OK)
        status = copy_from_server(self, duck, &record, err);
    if (status == LT_OK)
        status = find_mark(self, duck, &record, &mark, err);
    if (status == LT_OK)
        status = land_rows(self, &record, &mark, err);
    if (status == LT_OK || status == LT_CANCELLED)
        return status;
    return lt_wrap(err, "%.*s.%.*s", LT_ARG(self->source->name), LT_ARG(self->resource->name));
}

const lt_source_ops lt_database_ops = {
    .kind = LT_CONF_DATABASE, .name = "database", .extract = extract};
