/* Loads datasets into tables: what is new since the recorded commit, in one transaction. */
#include "source/load.h"

#include "base/time.h"
#include "source/dataset.h"
#include "source/source.h"

/* A load under way. */
typedef struct load {
    const lt_load_job *job;
    const lt_conf_resource *resource;
    lt_session *session;
    lt_arena *arena;
    lt_relation relation;
    lt_buf table;       /* quoted relation */
    lt_text table_name; /* in leat.loads */
    lt_landing_place place;
    lt_commit_info commit; /* to be loaded */
    lt_schema schema;
    bool exists, recorded, same_dataset;
    int64_t loaded; /* the recorded sequence; 0: none */
    lt_load_mode mode;
    lt_texts paths;
    lt_texts keys;          /* names of columns */
    lt_text cursor;         /* the name of the cursor column; empty: none */
    lt_engine *duck_engine; /* when the target cannot read files */
    lt_session *duck;
    lt_load_result result;
} load;

static lt_status run(load *self, const lt_buf *sql, int64_t *rows, lt_err *err)
{
    LT_TRY(lt_buf_check(sql, "a statement of the load", err));
    return lt_exec(self->session, lt_buf_text(sql), rows, err);
}

/* ---- what is to be done ---- */

static lt_status name_relation(load *self, lt_err *err)
{
    if (self->resource->land.format == LT_CONF_RAW) {
        lt_ignore(lt_conf_fail(self->resource->load.place, err,
                               "files that land as they are (raw) are not loaded"));
        return lt_hint(err, "set land: {format: parquet}, or leave `load` out");
    }
    lt_text table = self->resource->load.table;
    size_t dot = lt_text_find_byte(table, '.', 0);
    self->relation = self->job->relation;
    if (self->relation.name.len == 0 && table.len == 0)
        return lt_conf_fail(self->resource->place, err, "the resource '%.*s' has no load.table",
                            LT_ARG(self->resource->name));
    if (self->relation.name.len == 0 && dot != SIZE_MAX)
        self->relation = (lt_relation){.schema = lt_text_sub(table, 0, dot),
                                       .name = lt_text_sub(table, dot + 1, table.len)};
    else if (self->relation.name.len == 0)
        self->relation.name = table;
    if (self->relation.schema.len == 0)
        self->relation.schema =
            lt_text_of(lt_engine_default_schema(lt_session_engine(self->session)));
    lt_quote_relation(&self->relation, &self->table);
    self->table_name = lt_buf_text(&self->table); /* quoted: "a.b"."c" is not "a"."b.c" */
    return LT_OK;
}

static lt_status read_dataset(load *self, lt_err *err)
{
    LT_TRY(lt_resource_place(self->resource, self->arena, &self->place, err));
    if (lt_dataset_commit(self->job->store, self->place.bucket, self->place.prefix,
                          self->job->sequence, self->arena, &self->commit, err) != LT_OK) {
        if (err->status == LT_NOT_FOUND)
            (void)lt_hint(err, "extract it first: leat extract %.*s.%.*s",
                          LT_ARG(self->resource->source->name), LT_ARG(self->resource->name));
        return err->status;
    }
    return lt_schema_read(self->commit.schema_json, self->arena, &self->schema, err);
}

/* The names of key and cursor columns in the table. A key that is written as a template is none we know. */
static lt_status find_keys(load *self, lt_err *err)
{
    const lt_conf_texts *keys = &self->resource->key;
    for (size_t i = 0; i < self->schema.columns.len; i++)
        if (lt_text_eq(self->schema.columns.items[i].key, self->resource->cursor.field))
            self->cursor = self->schema.columns.items[i].name;
    for (size_t k = 0; k < keys->len; k++) {
        lt_text found = {0};
        for (size_t i = 0; i < self->schema.columns.len; i++) {
            const lt_schema_column *column = &self->schema.columns.items[i];
            if (lt_text_eq(column->key, keys->items[k].raw) ||
                lt_text_eq(column->name, keys->items[k].raw))
                found = column->name;
        }
        if (found.len == 0)
            return lt_conf_fail(keys->items[k].place, err,
                                "the records of '%.*s' have no column '%.*s' to be a key",
                                LT_ARG(self->resource->name), LT_ARG(keys->items[k].raw));
        lt_push_in(self->arena, &self->keys, found);
    }
    return LT_OK;
}

static lt_status try_loads_table(load *self, const lt_relation *loads, lt_err *err)
{
    LT_TRY(lt_write_begin(self->session, loads, &(lt_attempt){0}, err));
    lt_status status = lt_exec(self->session,
                               T("CREATE TABLE IF NOT EXISTS leat.loads (table_name text PRIMARY "
                                 "KEY, bucket text NOT NULL, prefix text "
                                 "NOT NULL, commit_sequence bigint NOT NULL, commit_id text NOT "
                                 "NULL, loaded_at timestamptz NOT NULL, "
                                 "run_id text NOT NULL)"),
                               NULL, err);
    if (status == LT_OK)
        status = lt_session_commit(self->session, err);
    if (status != LT_OK)
        lt_session_rollback(self->session);
    return status;
}

/* DuckDB fails one of two loads that make the table at the same moment: it then looks again. */
static lt_status make_loads_table(load *self, lt_err *err)
{
    enum { TRIES = 25, PAUSE_US = 20000 };
    lt_relation loads = {.schema = T("leat"), .name = T("loads")};
    lt_status status = LT_OK;
    LT_TRY(lt_write_prepare(self->session, err));
    for (int i = 0; i < TRIES; i++) {
        lt_relation_kind kind;
        LT_TRY(lt_relation_find(self->session, &loads, &kind, err));
        if (kind == LT_RELATION_TABLE)
            return LT_OK;
        status = try_loads_table(self, &loads, err);
        if (status == LT_OK)
            return LT_OK;
        lt_sleep_us(PAUSE_US);
    }
    return status;
}

/* In a store that was begun anew the same numbers name other commits: then all is loaded again. A commit that is not kept any more
 * cannot be compared; lt_dataset_pin_since() sees to that. */
static bool is_of_this_store(load *self, lt_text commit_id)
{
    lt_commit_info then;
    lt_err none;
    if (self->loaded == self->commit.sequence)
        return lt_text_eq(commit_id, self->commit.commit_id);
    return self->loaded == 0 ||
           lt_dataset_commit(self->job->store, self->place.bucket, self->place.prefix, self->loaded,
                             self->arena, &then, &none) != LT_OK ||
           lt_text_eq(commit_id, then.commit_id);
}

/* What the target says has been loaded. */
static lt_status read_loads(load *self, lt_err *err)
{
    lt_table table;
    LT_TRY(
        lt_query_table(self->session,
                       T("SELECT bucket, prefix, commit_sequence, commit_id FROM leat.loads WHERE "
                         "table_name = $1"),
                       &self->table_name, 1, 1, NULL, self->arena, &table, err));
    lt_relation_kind kind;
    LT_TRY(lt_relation_find(self->session, &self->relation, &kind, err));
    self->exists = kind == LT_RELATION_TABLE;
    if (kind != LT_RELATION_TABLE && kind != LT_RELATION_NONE) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "%s is there, but is no table", lt_buf_chars(&self->table)));
        return lt_hint(err, "choose another load.table, or drop it");
    }
    self->recorded = table.row_count > 0;
    if (self->recorded && self->exists) {
        self->same_dataset = lt_text_eq(lt_table_cell(&table, 0, 0), self->place.bucket) &&
                             lt_text_eq(lt_table_cell(&table, 0, 1), self->place.prefix);
        if (self->same_dataset && !lt_text_to_i64(lt_table_cell(&table, 0, 2), &self->loaded))
            self->loaded = 0;
        if (!is_of_this_store(self, lt_table_cell(&table, 0, 3)))
            self->loaded = 0;
    }
    if (self->exists && !self->recorded && !self->job->take_over) {
        lt_ignore(lt_fail(err, LT_INVALID, "the table %s is there, but leat did not load it",
                          lt_buf_chars(&self->table)));
        return lt_hint(err,
                       "choose another load.table, or drop it, or let leat replace its rows: "
                       "--take-over %.*s.%.*s",
                       LT_ARG(self->relation.schema), LT_ARG(self->relation.name));
    }
    return LT_OK;
}

/* ---- which rows ---- */

static lt_load_mode wanted_mode(const load *self)
{
    bool has_cursor = self->resource->cursor.field.len > 0;
    switch (self->resource->load.mode) {
    case LT_CONF_LOAD_MERGE:
        return LT_LOAD_MERGE;
    case LT_CONF_LOAD_APPEND:
        return LT_LOAD_APPEND;
    case LT_CONF_LOAD_REPLACE:
        return LT_LOAD_REPLACE;
    case LT_CONF_LOAD_AUTO:
        break;
    }
    if (!has_cursor)
        return LT_LOAD_REPLACE;
    return self->keys.len > 0 ? LT_LOAD_MERGE : LT_LOAD_APPEND;
}

/* Pin what is to be read: the new commits, or everything when the table is to be made anew. */
static lt_status pin(load *self, lt_err *err)
{
    lt_view view = {0};
    lt_store *store = self->job->store;
    lt_status status = LT_CONFLICT;
    bool whole = self->mode == LT_LOAD_REPLACE || self->job->full_refresh || self->loaded == 0 ||
                 self->loaded > self->commit.sequence;
    if (!whole)
        status = lt_dataset_pin_since(store, self->place.bucket, self->place.prefix, self->loaded,
                                      self->commit.sequence, self->arena, &view, err);
    if (status == LT_CONFLICT || status == LT_NOT_FOUND) {
        /* A first load by key still has to choose among records with the same key. */
        self->result.from_sequence = self->loaded;
        self->loaded = 0;
        status = lt_dataset_pin(store, self->place.bucket, self->place.prefix,
                                self->commit.sequence, self->arena, &view, err);
    }
    LT_TRY(status);
    return lt_view_paths(store, self->place.bucket, &view, self->job->cache_folder, self->arena,
                         &self->paths, err);
}

/* The DuckDB session that reads the files: the target itself, or a private one. */
static lt_status open_reader(load *self, lt_err *err)
{
    if (lt_engine_reads_files(lt_session_engine(self->session))) {
        self->duck = self->session;
        return LT_OK;
    }
    size_t cap = self->job->memory_bytes ? self->job->memory_bytes : 128 * LT_MIB;
    lt_target *target = LT_NEW(self->arena, lt_target);
    *target =
        (lt_target){.name = "load",
                    .kind = "duckdb",
                    .path = ":memory:",
                    .memory_bytes = cap,
                    .threads = 1,
                    .temp_folder = lt_arena_format(self->arena, "%s/spill", self->job->scratch)};
    LT_TRY(lt_engine_open(target, &self->duck_engine, err));
    return lt_session_open(self->duck_engine, &self->duck, err);
}

static void write_names(const lt_texts *names, const char *before, lt_buf *sql)
{
    for (size_t i = 0; i < names->len; i++) {
        lt_buf_add_str(sql, i ? ", " : "");
        lt_buf_add_str(sql, before);
        lt_quote_name(names->items[i], sql);
    }
}

/* Do two rows of the new files have the same key? Cheaper than always ranking them all. */
static lt_status has_twins(load *self, lt_text select, bool *twins, lt_err *err)
{
    lt_table table;
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_MIB};
    lt_buf_add(&sql, T("SELECT count(*) > count(DISTINCT "));
    lt_buf_add_str(&sql, self->keys.len > 1 ? "(" : "");
    write_names(&self->keys, "", &sql);
    lt_buf_add_str(&sql, self->keys.len > 1 ? ")" : "");
    lt_buf_printf(&sql, ") FROM (%.*s) AS records", LT_ARG(select));
    LT_TRY(
        lt_query_table(self->duck, lt_buf_text(&sql), NULL, 0, 1, NULL, self->arena, &table, err));
    *twins = lt_text_eq(lt_table_cell(&table, 0, 0), T("true"));
    return LT_OK;
}

/* The SELECT of the rows to load; by key, each key once: the row with the greatest cursor. */
static lt_status make_select(load *self, lt_buf *sql, lt_err *err)
{
    LT_AUTO(lt_buf) all = {.limit = 64 * LT_MIB};
    bool twins = false;
    LT_TRY(lt_dataset_select(self->duck, &self->paths, &self->schema, &all, err));
    if (self->mode == LT_LOAD_MERGE)
        LT_TRY(has_twins(self, lt_buf_text(&all), &twins, err));
    if (!twins) {
        lt_buf_add(sql, lt_buf_text(&all));
        return LT_OK;
    }
    lt_buf_printf(sql, "SELECT * FROM (%s) AS records QUALIFY row_number() OVER (PARTITION BY ",
                  lt_buf_chars(&all));
    write_names(&self->keys, "", sql);
    if (self->cursor.len > 0) {
        lt_buf_add(sql, T(" ORDER BY "));
        lt_quote_name(self->cursor, sql);
        lt_buf_add(sql, T(" DESC NULLS LAST"));
    }
    lt_buf_add(sql, T(") = 1"));
    return LT_OK;
}

/* ---- the table ---- */

static lt_status target_type(load *self, const lt_type *type, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) duckdb = {.limit = LT_MIB};
    lt_type_write(type, &duckdb);
    return lt_type_from_duckdb(lt_session_engine(self->session), lt_buf_text(&duckdb), self->arena,
                               out, err);
}

static lt_status create_table(load *self, const char *what, lt_buf *name, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = 16 * LT_MIB};
    lt_buf_printf(&sql, "CREATE %s %s (", what, lt_buf_chars(name));
    for (size_t i = 0; i < self->schema.columns.len; i++) {
        lt_text type;
        LT_TRY(target_type(self, &self->schema.columns.items[i].type, &type, err));
        lt_buf_add_str(&sql, i ? ", " : "");
        lt_quote_name(self->schema.columns.items[i].name, &sql);
        lt_buf_printf(&sql, " %.*s", LT_ARG(type));
    }
    lt_buf_add_byte(&sql, ')');
    return run(self, &sql, NULL, err);
}

static lt_status add_column(load *self, lt_text name, lt_text type, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    lt_buf_printf(&sql, "ALTER TABLE %s ADD COLUMN ", lt_buf_chars(&self->table));
    lt_quote_name(name, &sql);
    lt_buf_printf(&sql, " %.*s", LT_ARG(type));
    self->result.new_columns++;
    return run(self, &sql, NULL, err);
}

/* Widen a column. What was nested and becomes text or JSON is written as JSON, as it is in the files. */
static lt_status change_type(load *self, const lt_column *column, lt_text type, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    LT_AUTO(lt_buf) name = {.limit = LT_KIB};
    bool duckdb = lt_engine_reads_files(lt_session_engine(self->session));
    bool nested = lt_text_starts(column->type, T("STRUCT")) || lt_text_ends(column->type, T("]"));
    lt_quote_name(column->name, &name);
    lt_buf_printf(&sql, "ALTER TABLE %s ALTER COLUMN %s TYPE %.*s USING ",
                  lt_buf_chars(&self->table), lt_buf_chars(&name), LT_ARG(type));
    if (duckdb && nested)
        lt_buf_printf(&sql, "CAST(to_json(%s) AS %.*s)", lt_buf_chars(&name), LT_ARG(type));
    else if (!duckdb && lt_text_eq(type, T("jsonb")))
        lt_buf_printf(&sql, "to_jsonb(%s)", lt_buf_chars(&name));
    else
        lt_buf_printf(&sql, "CAST(%s AS %.*s)", lt_buf_chars(&name), LT_ARG(type));
    self->result.changed_columns++;
    if (run(self, &sql, NULL, err) == LT_OK)
        return LT_OK;
    (void)lt_wrap(err, "changing the type of column %s of %s from %.*s to %.*s",
                  lt_buf_chars(&name), lt_buf_chars(&self->table), LT_ARG(column->type),
                  LT_ARG(type));
    return err->status;
}

/* Bring the columns of the table to those of the dataset. */
static lt_status fit_table(load *self, lt_err *err)
{
    lt_columns columns = {0};
    LT_TRY(lt_schema_create(self->session, self->relation.schema, err));
    if (!self->exists)
        return create_table(self, "TABLE", &self->table, err);
    LT_TRY(lt_relation_columns(self->session, &self->relation, self->arena, &columns, err));
    for (size_t i = 0; i < self->schema.columns.len; i++) {
        const lt_schema_column *wanted = &self->schema.columns.items[i];
        const lt_column *found = NULL;
        lt_text type;
        for (size_t k = 0; k < columns.len; k++)
            if (lt_text_eq_nocase(columns.items[k].name, wanted->name))
                found = &columns.items[k];
        LT_TRY(target_type(self, &wanted->type, &type, err));
        if (!found)
            LT_TRY(add_column(self, wanted->name, type, err));
        else if (!lt_text_eq_nocase(found->type, type))
            LT_TRY(change_type(self, found, type, err));
    }
    return LT_OK;
}

/* ---- writing ---- */

static void write_columns(const load *self, const char *before, lt_buf *sql)
{
    for (size_t i = 0; i < self->schema.columns.len; i++) {
        lt_buf_add_str(sql, i ? ", " : "");
        lt_buf_add_str(sql, before);
        lt_quote_name(self->schema.columns.items[i].name, sql);
    }
}

/* Append the SELECT's rows to a table of the target. */
static lt_status fill(load *self, lt_text select, const lt_relation *relation, int64_t *rows,
                      lt_err *err)
{
    if (self->duck != self->session)
        return lt_copy(self->duck, select, self->session, relation, rows, err);
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_MIB};
    lt_buf_add(&sql, T("INSERT INTO "));
    lt_quote_relation(relation, &sql);
    lt_buf_add(&sql, T(" ("));
    write_columns(self, "", &sql);
    lt_buf_printf(&sql, ") %.*s", LT_ARG(select));
    return run(self, &sql, rows, err);
}

static void write_join(const load *self, const char *a, const char *b, lt_buf *sql)
{
    for (size_t i = 0; i < self->keys.len; i++) {
        lt_buf_printf(sql, "%s%s.", i ? " AND " : "", a);
        lt_quote_name(self->keys.items[i], sql);
        lt_buf_printf(sql, " = %s.", b);
        lt_quote_name(self->keys.items[i], sql);
    }
}

/* Rows of the staging table that are older than what the table has go away; then the others take the place of theirs. */
static lt_status merge_stage(load *self, const char *stage, int64_t *rows, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = 16 * LT_MIB};
    if (self->cursor.len > 0) {
        lt_buf_printf(&sql, "DELETE FROM %s AS s USING %s AS t WHERE ", stage,
                      lt_buf_chars(&self->table));
        write_join(self, "s", "t", &sql);
        lt_buf_add(&sql, T(" AND t."));
        lt_quote_name(self->cursor, &sql);
        lt_buf_add(&sql, T(" > s."));
        lt_quote_name(self->cursor, &sql);
        LT_TRY(run(self, &sql, NULL, err));
        lt_buf_clear(&sql);
    }
    lt_buf_printf(&sql, "DELETE FROM %s AS t USING %s AS s WHERE ", lt_buf_chars(&self->table),
                  stage);
    write_join(self, "s", "t", &sql);
    LT_TRY(run(self, &sql, NULL, err));
    lt_buf_clear(&sql);
    lt_buf_printf(&sql, "INSERT INTO %s (", lt_buf_chars(&self->table));
    write_columns(self, "", &sql);
    lt_buf_add(&sql, T(") SELECT "));
    write_columns(self, "", &sql);
    lt_buf_printf(&sql, " FROM %s", stage);
    return run(self, &sql, rows, err);
}

/* New rows by key: into a temporary table first, so that the target compares them itself. */
static lt_status merge(load *self, lt_text select, int64_t *rows, lt_err *err)
{
    lt_relation stage = {.name = T("leat_stage")};
    LT_AUTO(lt_buf) name = {.limit = LT_KIB};
    LT_AUTO(lt_buf) drop = {.limit = LT_KIB};
    int64_t staged = 0;
    lt_quote_relation(&stage, &name);
    LT_TRY(create_table(self, "TEMPORARY TABLE", &name, err));
    LT_TRY(fill(self, select, &stage, &staged, err));
    LT_TRY(merge_stage(self, lt_buf_chars(&name), rows, err));
    lt_buf_printf(&drop, "DROP TABLE %s", lt_buf_chars(&name));
    return run(self, &drop, NULL, err);
}

static lt_status empty_table(load *self, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    /* DELETE, not TRUNCATE: who reads meanwhile sees the old rows until the commit. */
    lt_buf_printf(&sql, "DELETE FROM %s", lt_buf_chars(&self->table));
    return run(self, &sql, NULL, err);
}

static lt_status record_load(load *self, lt_err *err)
{
    char now[LT_TIME_CHARS];
    LT_AUTO(lt_buf) sql = {.limit = LT_MIB};
    lt_buf_add(&sql, T("INSERT INTO leat.loads VALUES ("));
    lt_quote_literal(self->table_name, &sql);
    lt_buf_add(&sql, T(", "));
    lt_quote_literal(self->place.bucket, &sql);
    lt_buf_add(&sql, T(", "));
    lt_quote_literal(self->place.prefix, &sql);
    lt_buf_printf(&sql, ", %lld, ", (long long)self->commit.sequence);
    lt_quote_literal(self->commit.commit_id, &sql);
    lt_buf_printf(&sql, ", CAST('%s' AS timestamptz), ", lt_time_write(self->job->now_us, now));
    lt_quote_literal(self->job->attempt.run_id, &sql);
    lt_buf_add(&sql,
               T(") ON CONFLICT (table_name) DO UPDATE SET bucket = excluded.bucket, prefix = "
                 "excluded.prefix, "
                 "commit_sequence = excluded.commit_sequence, commit_id = excluded.commit_id, "
                 "loaded_at = excluded.loaded_at, run_id = excluded.run_id"));
    return run(self, &sql, NULL, err);
}

/* Inside the transaction. */
static lt_status write_rows(load *self, lt_err *err)
{
    LT_AUTO(lt_buf) select = {.limit = 64 * LT_MIB};
    bool anew = self->loaded == 0; /* pin() has decided */
    LT_TRY(open_reader(self, err));
    LT_TRY(make_select(self, &select, err));
    LT_TRY(fit_table(self, err));
    if (self->exists && anew)
        LT_TRY(empty_table(self, err));
    if (self->mode == LT_LOAD_MERGE && !anew)
        LT_TRY(merge(self, lt_buf_text(&select), &self->result.rows, err));
    else
        LT_TRY(fill(self, lt_buf_text(&select), &self->relation, &self->result.rows, err));
    return record_load(self, err);
}

static bool has_all(const load *self)
{
    return self->exists && self->same_dataset && self->loaded == self->commit.sequence &&
           !self->job->full_refresh;
}

/* The relation is locked, the transaction open. */
static lt_status load_locked(load *self, lt_err *err)
{
    LT_TRY(read_loads(self, err));
    self->result.from_sequence = self->loaded;
    if (has_all(self)) {
        lt_session_rollback(self->session); /* nothing was written but the attempt's token */
        return LT_OK;
    }
    LT_TRY(pin(self, err));
    LT_TRY(write_rows(self, err));
    LT_TRY(lt_session_commit(self->session, err));
    self->result.changed = true;
    if (self->job->progress)
        lt_progress_add(&self->job->progress->rows_out, self->result.rows);
    return LT_OK;
}

static lt_status load_dataset(load *self, lt_err *err)
{
    LT_TRY(name_relation(self, err));
    LT_TRY(read_dataset(self, err));
    LT_TRY(find_keys(self, err));
    self->mode = wanted_mode(self);
    LT_TRY(make_loads_table(self, err));
    LT_TRY(lt_write_begin(self->session, &self->relation, &self->job->attempt, err));
    lt_status status = load_locked(self, err);
    if (status != LT_OK)
        lt_session_rollback(self->session);
    return status;
}

lt_status lt_load(const lt_load_job *job, lt_arena *arena, lt_load_result *result, lt_err *err)
{
    load self = {.job = job, .resource = job->resource, .session = job->session, .arena = arena};
    lt_status status = load_dataset(&self, err);
    if (self.duck != self.session)
        lt_session_close(self.duck);
    lt_engine_close(self.duck_engine);
    if (status == LT_OK) {
        *result = self.result;
        result->mode = self.mode;
        result->sequence = self.commit.sequence;
        result->relation = (lt_relation){.schema = lt_arena_text(arena, self.relation.schema),
                                         .name = lt_arena_text(arena, self.relation.name)};
    } else if (status != LT_CANCELLED && self.table.len > 0) {
        status = lt_wrap(err, "loading %.*s.%.*s into %s", LT_ARG(self.resource->source->name),
                         LT_ARG(self.resource->name), lt_buf_chars(&self.table));
    }
    lt_buf_cleanup(&self.table);
    return status;
}

lt_status lt_load_find(lt_session *session, const lt_relation *relation, lt_arena *arena,
                       lt_loaded *out, lt_err *err)
{
    const lt_relation loads = {.schema = T("leat"), .name = T("loads")};
    lt_relation_kind kind = LT_RELATION_NONE;
    lt_table table;
    LT_AUTO(lt_buf) name = {0};
    *out = (lt_loaded){0};
    LT_TRY(lt_relation_find(session, &loads, &kind, err));
    if (kind != LT_RELATION_TABLE)
        return LT_OK;
    lt_quote_relation(relation, &name);
    lt_text key = lt_buf_text(&name);
    LT_TRY(lt_query_table(session,
                          T("SELECT bucket, prefix, commit_id, commit_sequence FROM leat.loads "
                            "WHERE table_name = $1"),
                          &key, 1, 1, NULL, arena, &table, err));
    if (!table.row_count)
        return LT_OK;
    *out = (lt_loaded){.bucket = lt_table_cell(&table, 0, 0),
                       .prefix = lt_table_cell(&table, 0, 1),
                       .commit_id = lt_table_cell(&table, 0, 2)};
    if (!lt_text_to_i64(lt_table_cell(&table, 0, 3), &out->sequence))
        out->sequence = 0;
    return LT_OK;
}
