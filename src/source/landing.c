/* Lands what a source has read: one Parquet file with the planned columns, one commit with its record. */
#include "source/source_ops.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROW_GROUP_BYTES = 8 * 1024 * 1024, PART_NAME_CHARS = 32 };

/* DuckDB works in steps of 2048 rows, however wide: a column costs about 128 KiB of memory, and up to 1 MiB more for the dictionary
 * of its texts. Measured with 5,000 columns. */
enum { WIDE_COLUMNS = 500, COLUMN_BYTES = 128 * 1024, DICTIONARY_BYTES = 64 * 1024 * 1024 };

/* ---- the statement ---- */

lt_status lt_extraction_session(lt_extraction *self, lt_session **out, lt_err *err)
{
    if (!self->session) {
        self->memory_bytes = self->job->memory_bytes ? self->job->memory_bytes : 128 * LT_MIB;
        lt_target *target = LT_NEW(self->arena, lt_target);
        *target = (lt_target){.name = "extract",
                              .kind = "duckdb",
                              .path = ":memory:",
                              .memory_bytes = self->memory_bytes,
                              .threads = 1,
                              .temp_folder =
                                  lt_arena_format(self->arena, "%s/spill", self->job->scratch)};
        LT_TRY(lt_engine_open(target, &self->engine, err));
        LT_TRY(lt_session_open(self->engine, &self->session, err));
        /* One thread keeps the order anyway, and this way a row group is the most that is held. */
        LT_TRY(lt_exec(self->session, T("SET preserve_insertion_order = false"), NULL, err));
    }
    *out = self->session;
    return LT_OK;
}

static bool is_out_of_memory(const lt_err *err)
{
    return lt_text_has(lt_text_of(err->message), T("Out of Memory"));
}

static size_t most_memory(const lt_extraction *self)
{
    return self->job->memory_most_bytes ? self->job->memory_most_bytes : 2 * LT_GIB;
}

static lt_status raise_cap(lt_extraction *self, size_t bytes, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    if (bytes <= self->memory_bytes)
        return LT_OK;
    lt_buf_printf(&sql, "SET memory_limit = '%zuMiB'", bytes / LT_MIB);
    LT_TRY(lt_exec(self->session, lt_buf_text(&sql), NULL, err));
    self->memory_bytes = bytes;
    return LT_OK;
}

/* It failed for want of memory, and now has all that the job may use. */
static bool got_memory(lt_extraction *self, const lt_err *err)
{
    lt_err later;
    size_t most = most_memory(self);
    return is_out_of_memory(err) && !self->job->memory_bytes && self->memory_bytes < most &&
           raise_cap(self, most, &later) == LT_OK;
}

static bool is_container(const lt_schema_column *column)
{
    return column->type.kind == LT_TYPE_LIST || column->type.kind == LT_TYPE_STRUCT;
}

/* DuckDB reads what has a point as DOUBLE first; its text has the digits that matter. */
static bool is_fraction(const lt_schema_column *column)
{
    return column->type.kind == LT_TYPE_DECIMAL && column->type.scale > 0;
}

/* The type with which a column is read from JSON. */
static void write_read_type(const lt_schema_column *column, lt_buf *out)
{
    if (column->to_null)
        lt_buf_add(out, is_container(column) ? T("JSON") : T("VARCHAR"));
    else if (is_fraction(column))
        lt_buf_add(out, T("VARCHAR"));
    else
        lt_type_write(&column->type, out);
}

/* read_json() cannot tell keys apart that differ only in case, nor name an empty one. */
static bool needs_whole_records(const lt_schema *schema)
{
    for (size_t i = 0; i < schema->columns.len; i++)
        if (schema->columns.items[i].present && schema->columns.items[i].key.len == 0)
            return true;
    for (size_t i = 0; i < schema->columns.len; i++)
        for (size_t k = i + 1; k < schema->columns.len; k++)
            if (schema->columns.items[i].present && schema->columns.items[k].present &&
                lt_text_eq_nocase(schema->columns.items[i].key, schema->columns.items[k].key))
                return true;
    return false;
}

static void write_ndjson(const lt_schema *schema, const lt_texts *paths, bool whole, lt_buf *out)
{
    lt_columns columns = {0};
    lt_arena arena = {0};
    for (size_t i = 0; !whole && i < schema->columns.len; i++) {
        LT_AUTO(lt_buf) type = {.limit = LT_MIB};
        if (!schema->columns.items[i].present)
            continue;
        write_read_type(&schema->columns.items[i], &type);
        lt_column column = {.name = schema->columns.items[i].key,
                            .type = lt_arena_text(&arena, lt_buf_text(&type))};
        lt_push_in(&arena, &columns, column);
    }
    if (whole) {
        lt_column column = {.name = T("json"), .type = T("JSON")};
        lt_push_in(&arena, &columns, column);
    }
    lt_buf_add_str(out, whole ? "read_ndjson_objects([" : "read_json([");
    for (size_t i = 0; i < paths->len; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        lt_quote_literal(paths->items[i], out);
    }
    lt_buf_add_str(
        out,
        whole ? "]" : "], format = 'newline_delimited', hive_partitioning = false, columns = {");
    for (size_t i = 0; !whole && i < columns.len; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        lt_quote_literal(columns.items[i].name, out);
        lt_buf_add_str(out, ": ");
        lt_quote_literal(columns.items[i].type, out);
    }
    lt_buf_add_str(out, whole ? ")" : "})");
    lt_arena_cleanup(&arena);
}

/* A JSON pointer (RFC 6901) to a member. */
static void write_pointer(lt_text key, lt_buf *out)
{
    LT_AUTO(lt_buf) pointer = {.limit = LT_MIB};
    lt_buf_add_byte(&pointer, '/');
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] == '~' || key.ptr[i] == '/')
            lt_buf_add_str(&pointer, key.ptr[i] == '~' ? "~0" : "~1");
        else
            lt_buf_add_byte(&pointer, key.ptr[i]);
    lt_quote_literal(lt_buf_text(&pointer), out);
}

/* What a column is made of: its key in the FROM-item, or a member of the whole record. */
static void write_value(const lt_schema_column *column, bool whole, bool typed, lt_buf *out)
{
    LT_AUTO(lt_buf) value = {.limit = LT_MIB};
    LT_AUTO(lt_buf) type = {.limit = LT_MIB};
    lt_type_write(&column->type, &type);
    bool text = column->type.kind == LT_TYPE_TEXT || (column->to_null && !is_container(column));
    bool nested = column->found.kind == LT_TYPE_LIST || column->found.kind == LT_TYPE_STRUCT;
    if (whole) {
        lt_buf_add_str(&value, text || is_fraction(column) ? "json_extract_string(json, "
                                                           : "json_extract(json, ");
        write_pointer(column->key, &value);
        lt_buf_add_byte(&value, ')');
    } else if (typed && text && nested) {
        lt_buf_add(&value, T("to_json("));
        lt_quote_name(column->key, &value);
        lt_buf_add_byte(&value, ')');
    } else {
        lt_quote_name(column->key, &value);
    }
    bool cast = column->to_null || (whole && !text) || (!typed && is_fraction(column)) ||
                (typed && !lt_type_eq(&column->found, &column->type));
    if (cast && column->to_null && !typed && is_container(column))
        /* else a text would become a struct of nulls */
        lt_buf_printf(out, "CASE WHEN json_type(%s) = '%s' THEN TRY_CAST(%s AS %s) END",
                      lt_buf_chars(&value), column->type.kind == LT_TYPE_LIST ? "ARRAY" : "OBJECT",
                      lt_buf_chars(&value), lt_buf_chars(&type));
    else if (cast)
        lt_buf_printf(out, "%s(%s AS %s)", column->to_null ? "TRY_CAST" : "CAST",
                      lt_buf_chars(&value), lt_buf_chars(&type));
    else
        lt_buf_add(out, lt_buf_text(&value));
}

static void write_key_list(const lt_extraction *self, const lt_schema *schema, lt_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < schema->columns.len; i++)
        for (size_t k = 0; k < self->keys.len; k++) {
            const lt_schema_column *column = &schema->columns.items[i];
            if (!lt_text_eq(self->keys.items[k], column->key) &&
                !lt_text_eq(self->keys.items[k], column->name))
                continue;
            lt_buf_add_str(out, first ? "" : ", ");
            lt_quote_name(column->name, out);
            first = false;
            break;
        }
}

/* Of records with the same key the one with the greatest cursor stays. */
static void write_without_twins(const lt_extraction *self, const lt_schema *schema, lt_buf *sql)
{
    lt_buf_add(sql, T(") AS records QUALIFY row_number() OVER (PARTITION BY "));
    write_key_list(self, schema, sql);
    for (size_t i = 0; i < schema->columns.len; i++)
        if (schema->columns.items[i].present &&
            lt_text_eq(schema->columns.items[i].key, self->resource->cursor.field)) {
            lt_buf_add(sql, T(" ORDER BY "));
            lt_quote_name(schema->columns.items[i].name, sql);
            lt_buf_add(sql, T(" DESC NULLS LAST"));
        }
    lt_buf_add(sql, T(") = 1"));
}

/* One SELECT over the FROM-item, or over NDJSON files. */
static void write_select_from(const lt_extraction *self, const lt_schema *schema,
                              const lt_texts *ndjson, lt_text relation, bool remove_twins,
                              lt_buf *sql)
{
    bool whole = ndjson && needs_whole_records(schema);
    bool first = true;
    lt_buf_add_str(sql, remove_twins ? "SELECT * FROM (SELECT " : "SELECT ");
    for (size_t i = 0; i < schema->columns.len; i++) {
        if (!schema->columns.items[i].present)
            continue;
        lt_buf_add_str(sql, first ? "" : ", ");
        write_value(&schema->columns.items[i], whole, !ndjson, sql);
        lt_buf_add(sql, T(" AS "));
        lt_quote_name(schema->columns.items[i].name, sql);
        first = false;
    }
    lt_buf_add(sql, T(" FROM "));
    if (ndjson)
        write_ndjson(schema, ndjson, whole, sql);
    else
        lt_buf_add(sql, relation);
    if (remove_twins)
        write_without_twins(self, schema, sql);
}

/* The records, and behind them those that may stand twice, one part at a time: so the ranking needs little memory. */
static void write_select(const lt_extraction *self, const lt_schema *schema,
                         const lt_landing *landing, lt_buf *sql)
{
    size_t parts = landing->twins ? landing->twins->len : 0;
    if (!landing->ndjson || landing->ndjson->len > 0)
        write_select_from(self, schema, landing->ndjson, landing->relation, landing->remove_twins,
                          sql);
    for (size_t i = 0; i < parts; i++) {
        lt_texts part = {.items = &landing->twins->items[i], .len = 1, .cap = 1};
        lt_buf_add_str(sql, sql->len > 6 ? " UNION ALL " : ""); /* behind "COPY (" */
        write_select_from(self, schema, &part, (lt_text){0}, true, sql);
    }
}

/* A row group holds about 8 MiB of JSON: that bounds the memory of writer and readers. */
static int64_t row_group_rows(size_t record_bytes)
{
    size_t rows = ROW_GROUP_BYTES / LT_MAX(record_bytes, (size_t)1);
    return (int64_t)LT_MIN(LT_MAX(rows, (size_t)2048), (size_t)122880);
}

static size_t present_count(const lt_schema *schema)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->columns.len; i++)
        count += schema->columns.items[i].present;
    return count;
}

static lt_status widen_cap(lt_extraction *self, size_t columns, lt_err *err)
{
    size_t wanted = 128 * LT_MIB + columns * COLUMN_BYTES;
    if (columns <= WIDE_COLUMNS || self->job->memory_bytes)
        return LT_OK;
    return raise_cap(self, LT_MIN(wanted, most_memory(self)), err);
}

static lt_status writing_failed(const lt_extraction *self, size_t columns, lt_err *err)
{
    bool memory = is_out_of_memory(err);
    lt_wrap(err, "writing the records of '%.*s' as Parquet", LT_ARG(self->resource->name));
    if (memory && columns > WIDE_COLUMNS)
        return lt_hint(err,
                       "%zu columns need more than %zu MiB: raise 'memory' in leat.yml, or leave "
                       "columns out at the source",
                       columns, self->memory_bytes / LT_MIB);
    return err->status;
}

static lt_status write_parquet(lt_extraction *self, const lt_schema *schema,
                               const lt_landing *landing, const char *path, int64_t *rows,
                               lt_err *err)
{
    lt_session *session;
    size_t columns = present_count(schema);
    LT_AUTO(lt_buf) sql = {.limit = 16 * LT_MIB};
    LT_TRY(lt_extraction_session(self, &session, err));
    lt_buf_add(&sql, T("COPY ("));
    write_select(self, schema, landing, &sql);
    lt_buf_add(&sql, T(") TO "));
    lt_quote_literal(lt_text_of(path), &sql);
    lt_buf_printf(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %lld",
                  (long long)row_group_rows(landing->record_bytes ? landing->record_bytes : 256));
    if (columns > WIDE_COLUMNS)
        lt_buf_printf(&sql, ", STRING_DICTIONARY_PAGE_SIZE_LIMIT %zu", DICTIONARY_BYTES / columns);
    lt_buf_add_byte(&sql, ')');
    LT_TRY(lt_buf_check(&sql, "the statement that writes Parquet", err));
    LT_TRY(widen_cap(self, columns, err));
    lt_status status = lt_exec(session, lt_buf_text(&sql), rows, err);
    if (status != LT_OK && got_memory(self, err))
        status = lt_exec(session, lt_buf_text(&sql), rows, err);
    return status == LT_OK ? LT_OK : writing_failed(self, columns, err);
}

static lt_status ask_count(lt_extraction *self, const lt_buf *sql, lt_arena *arena, int64_t *out,
                           lt_err *err)
{
    lt_table table;
    LT_TRY(lt_query_table(self->session, lt_buf_text(sql), NULL, 0, 1, NULL, arena, &table, err));
    if (!lt_text_to_i64(lt_table_cell(&table, 0, 0), out))
        return lt_fail(err, LT_IO, "DuckDB gave no count");
    return LT_OK;
}

/* How many values of columns with discarded types became null. */
static lt_status count_nulled(lt_extraction *self, const lt_schema *schema,
                              const lt_landing *landing, const char *path, lt_err *err)
{
    lt_arena arena = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < schema->columns.len; i++) {
        const lt_schema_column *column = &schema->columns.items[i];
        int64_t left = 0;
        if (!column->present || !column->to_null)
            continue;
        LT_AUTO(lt_buf) sql = {.limit = 64 * LT_MIB};
        lt_buf_add(&sql, T("SELECT count("));
        lt_quote_name(column->name, &sql);
        lt_buf_add(&sql, T(") FROM read_parquet("));
        lt_quote_literal(lt_text_of(path), &sql);
        lt_buf_add(&sql, T(")"));
        status = ask_count(self, &sql, &arena, &left, err);
        int64_t had = column->non_null;
        if (status == LT_OK && !landing->ndjson) {
            lt_buf_clear(&sql);
            lt_buf_add(&sql, T("SELECT count("));
            lt_quote_name(column->key, &sql);
            lt_buf_printf(&sql, ") FROM %.*s", LT_ARG(landing->relation));
            status = ask_count(self, &sql, &arena, &had, err);
        }
        self->result->discarded += LT_MAX(had - left, 0);
    }
    lt_arena_cleanup(&arena);
    return status;
}

static lt_commit_mode mode_of(const lt_extraction *self)
{
    bool appends = self->resource->cursor.field.len > 0 && !self->job->full_refresh;
    return appends ? LT_COMMIT_APPEND : LT_COMMIT_OVERWRITE;
}

lt_status lt_extraction_land(lt_extraction *self, const lt_schema *schema,
                             const lt_landing *landing, lt_text mark, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(self->job->scratch, "part.parquet");
    lt_landing_file file = {.path = path};
    char name[PART_NAME_CHARS];
    if (present_count(schema) == 0) {
        lt_ignore(lt_fail(err, LT_FAILED, "%.*s.%.*s: the records hold no values at all",
                          LT_ARG(self->source->name), LT_ARG(self->resource->name)));
        return lt_hint(err, "check that `records` points at the records");
    }
    LT_TRY(write_parquet(self, schema, landing, path, &file.rows, err));
    LT_TRY(count_nulled(self, schema, landing, path, err));
    (void)snprintf(name, sizeof(name), "part-%08x%08x.parquet", arc4random(), arc4random());
    file.name = lt_text_of(name);
    return lt_extraction_commit(self, schema, &file, 1, mode_of(self), mark, landing->extra, err);
}

/* ---- the commit ---- */

static lt_status add_file(const lt_extraction *self, lt_commit *commit, const lt_landing_file *file,
                          lt_err *err)
{
    LT_AUTO(lt_fd) fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lt_fail_errno(err, errno, "cannot open '%s'", file->path);
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return lt_fail_errno(err, errno, "cannot read '%s'", file->path);
    LT_AUTO(lt_chars) name = lt_format("%.*s%.*s", LT_ARG(self->folder), LT_ARG(file->name));
    lt_fd_body body;
    return lt_commit_add(commit, lt_text_of(name), lt_body_from_fd(&body, fd, size), file->rows,
                         err);
}

static const char *mode_name(lt_commit_mode mode)
{
    return mode == LT_COMMIT_APPEND ? "append" : "overwrite";
}

static void write_cursor(const lt_extraction *self, lt_text mark, lt_json_writer *w)
{
    lt_json_key(w, T("cursor"));
    lt_json_begin(w, '{');
    lt_json_set(w, "field", self->resource->cursor.field);
    lt_json_key(w, T("value"));
    lt_json_raw(w, mark);
    lt_json_end(w);
}

static void write_record(const lt_extraction *self, lt_commit_mode mode, lt_text mark,
                         lt_text extra, lt_buf *out)
{
    const lt_extract_result *r = self->result;
    lt_json_writer w = {.out = out};
    lt_json_begin(&w, '{');
    lt_json_set(&w, "source", self->source->name);
    lt_json_set(&w, "resource", self->resource->name);
    lt_json_set(&w, "run_id", self->job->run_id);
    lt_json_set(&w, "task", self->job->task);
    lt_json_set_int(&w, "attempt", self->job->attempt);
    lt_json_set_int(&w, "run_started_at_us", self->job->run_started_at_us);
    lt_json_set(&w, "mode", lt_text_of(mode_name(mode)));
    if (mark.len > 0)
        write_cursor(self, mark, &w);
    lt_json_set_int(&w, "rows", r->rows);
    lt_json_set_int(&w, "fetched", r->fetched);
    lt_json_set_int(&w, "duplicates", r->duplicates);
    lt_json_set_int(&w, "discarded", r->discarded);
    lt_json_set_int(&w, "requests", r->requests);
    lt_json_set_int(&w, "bytes", r->bytes);
    if (r->note.len > 0)
        lt_json_set(&w, "note", r->note);
    if (extra.len > 0) {
        lt_json_key(&w, T("extra"));
        lt_json_raw(&w, extra);
    }
    lt_json_end(&w);
}

lt_status lt_extraction_commit(lt_extraction *self, const lt_schema *schema,
                               const lt_landing_file *files, size_t count, lt_commit_mode mode,
                               lt_text mark, lt_text extra, lt_err *err)
{
    LT_AUTO(lt_commit_ref) commit = NULL;
    LT_AUTO(lt_buf) schema_json = {.limit = 16 * LT_MIB};
    LT_AUTO(lt_buf) record = {.limit = 16 * LT_MIB};
    lt_extract_result *r = self->result;
    int64_t rows = 0;
    LT_TRY(lt_commit_begin(self->job->store, self->place.bucket, self->place.prefix, mode, &commit,
                           err));
    for (size_t i = 0; i < count; i++) {
        LT_TRY(add_file(self, commit, &files[i], err));
        rows += files[i].rows;
    }
    r->rows = rows;
    r->fetched = LT_MAX(r->fetched, rows); /* kinds that do not count beforehand */
    r->duplicates = r->fetched - rows;
    lt_schema_write(schema, &schema_json);
    write_record(self, mode, mark, extra, &record);
    LT_TRY(lt_buf_check(&schema_json, "the schema", err));
    LT_TRY(lt_buf_check(&record, "the commit's record", err));
    if (lt_extraction_stopped(self))
        return lt_fail(err, LT_CANCELLED, "stopped before the commit");
    LT_TRY(lt_commit_finish(commit, lt_buf_text(&schema_json), lt_buf_text(&record),
                            self->has_last ? self->last.sequence : 0, self->arena, &r->commit,
                            err));
    lt_extraction_say_emptied(self, schema, mode, rows);
    r->committed = true;
    r->cursor = mark.len > 0 ? lt_arena_text(self->arena, mark) : (lt_text){0};
    r->schema = *schema;
    if (self->job->progress)
        lt_progress_add(&self->job->progress->rows_out, rows);
    return LT_OK;
}
