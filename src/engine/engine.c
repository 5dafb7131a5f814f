/* Checks what comes in, finds the engine of a kind, and alone calls the back ends. */
#include "engine/engine_ops.h"
#include "engine/pump.h"

#include "base/embed.h"
#include "base/log.h"

#include <assert.h>

#include <stdio.h>

enum { SQL_LIMIT = 64 * 1024 * 1024 };

/* Every kind of engine. */
static const lt_engine_ops *const kinds[] = {&lt_duckdb_ops, &lt_postgres_ops};

static lt_text kind_at(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(kinds[i]->kind);
}

static lt_status find_kind(const lt_target *target, const lt_engine_ops **out, lt_err *err)
{
    const char *kind = target->kind ? target->kind : "";
    for (size_t i = 0; i < LT_COUNT(kinds); i++) {
        if (strcmp(kinds[i]->kind, kind) == 0) {
            *out = kinds[i];
            return LT_OK;
        }
    }
    lt_text near = {0};
    lt_ignore(lt_fail(err, LT_INVALID, "there is no engine '%s' (target '%s')", kind,
                      target->name ? target->name : ""));
    if (lt_text_nearest(lt_text_of(kind), LT_COUNT(kinds), kind_at, NULL, &near))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(near));
    return lt_hint(err, "engines are: duckdb, postgres");
}

lt_status lt_engine_open(const lt_target *target, lt_engine **out, lt_err *err)
{
    const lt_engine_ops *ops = NULL;
    lt_engine *engine = NULL;
    LT_TRY(find_kind(target, &ops, err));
    LT_TRY(ops->open(target, &engine, err));
    engine->ops = ops;
    engine->target = target;
    *out = engine;
    return LT_OK;
}

void lt_engine_load_ahead(lt_text kind)
{
    for (size_t i = 0; i < LT_COUNT(kinds); i++)
        if (kinds[i]->load_ahead && lt_text_eq(lt_text_of(kinds[i]->kind), kind))
            kinds[i]->load_ahead();
}

void lt_engine_close(lt_engine *engine)
{
    if (engine)
        engine->ops->close(engine);
}

const lt_target *lt_engine_target(const lt_engine *engine)
{
    return engine->target;
}

const char *lt_engine_default_schema(const lt_engine *engine)
{
    return engine->target->schema ? engine->target->schema : engine->ops->default_schema;
}

bool lt_engine_reads_files(const lt_engine *engine)
{
    return engine->ops->capabilities & LT_ENGINE_READS_FILES;
}

lt_status lt_session_open(lt_engine *engine, lt_session **out, lt_err *err)
{
    lt_session *session = NULL;
    LT_TRY(engine->ops->session_open(engine, &session, err));
    session->engine = engine;
    session->error_at = -1;
    session->tag[0] = 0;
    *out = session;
    return LT_OK;
}

void lt_session_close(lt_session *session)
{
    if (!session)
        return;
    assert(!session->streaming); /* a stream must be released before its session ends */
    session->engine->ops->session_close(session);
}

lt_engine *lt_session_engine(const lt_session *session)
{
    return session->engine;
}

void lt_session_cancel(lt_session *session)
{
    atomic_store(&session->cancelled, true);
    session->engine->ops->cancel(session);
}

bool lt_session_is_cancelled(const lt_session *session)
{
    return atomic_load(&session->cancelled);
}

int64_t lt_session_error_at(const lt_session *session)
{
    return session->error_at;
}

lt_text lt_session_tag(const lt_session *session)
{
    return lt_text_of(session->tag);
}

bool lt_session_backend(lt_session *session, int *pid, char started[64])
{
    return session->engine->ops->backend && session->engine->ops->backend(session, pid, started);
}

void lt_session_progress(lt_session *session, int64_t *rows, double *fraction)
{
    *rows = atomic_load(&session->rows_done);
    *fraction = -1;
    if (session->engine->ops->progress)
        session->engine->ops->progress(session, rows, fraction);
}

void lt_session_on_wait(lt_session *session, void (*waits)(void *user, bool begins), void *user)
{
    session->waits = waits;
    session->waits_user = user;
}

static lt_session *wait_begins(lt_session *session)
{
    if (session->waits)
        session->waits(session->waits_user, true);
    return session;
}

static void wait_ends(lt_session **session)
{
    if ((*session)->waits)
        (*session)->waits((*session)->waits_user, false);
}

/* Until the end of the block the session waits for its database. */
#define WAITING(session_)                                                                          \
    __attribute__((cleanup(wait_ends), unused)) lt_session *waiting = wait_begins(session_)

/* What every call starts with. */
static lt_status start(lt_session *session, lt_text sql, lt_err *err)
{
    session->error_at = -1;
    session->tag[0] = 0;
    if (session->streaming)
        return lt_fail(err, LT_INVALID,
                       "the session is still reading the rows of another statement");
    if (sql.len > SQL_LIMIT)
        return lt_fail(err, LT_TOO_BIG, "the statement is larger than %d bytes", SQL_LIMIT);
    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return lt_fail(err, LT_INVALID, "the statement holds a NUL byte");
    atomic_store(&session->cancelled, false);
    atomic_store(&session->rows_done, -1);
    if (sql.len)
        lt_log(LT_LOG_DEBUG, "%s: %.*s", session->engine->ops->kind, LT_ARG(sql));
    return LT_OK;
}

lt_status lt_exec(lt_session *session, lt_text sql, int64_t *rows, lt_err *err)
{
    int64_t changed = 0;
    LT_TRY(start(session, sql, err));
    WAITING(session);
    LT_TRY(session->engine->ops->exec(session, sql, &changed, err));
    if (rows)
        *rows = changed;
    return LT_OK;
}

lt_status lt_session_begin(lt_session *session, lt_err *err)
{
    LT_TRY(start(session, (lt_text){0}, err));
    WAITING(session);
    return session->engine->ops->begin(session, err);
}

lt_status lt_session_commit(lt_session *session, lt_err *err)
{
    LT_TRY(start(session, (lt_text){0}, err));
    WAITING(session);
    return session->engine->ops->commit(session, err);
}

void lt_session_rollback(lt_session *session)
{
    lt_err err;
    int64_t error_at =
        session->error_at; /* who rolls back still wants to say where it went wrong */
    if (start(session, (lt_text){0}, &err) == LT_OK) {
        WAITING(session);
        session->engine->ops->rollback(session);
    }
    session->error_at = error_at;
}

lt_status lt_query(lt_session *session, lt_text sql, const lt_text *params, size_t param_count,
                   lt_stream *out, lt_err *err)
{
    LT_TRY(start(session, sql, err));
    WAITING(session);
    return session->engine->ops->query(session, sql, params, param_count, out, err);
}

lt_status lt_query_table(lt_session *session, lt_text sql, const lt_text *params,
                         size_t param_count, size_t row_limit, bool *more, lt_arena *arena,
                         lt_table *out, lt_err *err)
{
    LT_TRY(start(session, sql, err));
    bool cut = false;
    lt_table table = {0};
    WAITING(session);
    LT_TRY(session->engine->ops->query_table(session, sql, params, param_count, row_limit, &cut,
                                             arena, &table, err));
    if (cut && !more)
        return lt_fail(err, LT_TOO_BIG, "the result has more than %zu rows", row_limit);
    if (more)
        *more = cut;
    *out = table;
    return LT_OK;
}

lt_status lt_query_columns(lt_session *session, lt_text sql, lt_arena *arena, lt_columns *out,
                           lt_err *err)
{
    LT_TRY(start(session, sql, err));
    WAITING(session);
    return session->engine->ops->query_columns(session, sql, arena, out, err);
}

/* ---- the catalogue, asked by statements of sql/<kind>/ with the same parameters and columns for every kind ---- */

enum { CATALOG_ROWS = 1000000 };

static lt_text catalog_statement(const lt_session *session, const char *statement)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "sql/%s/%s.sql", session->engine->ops->kind, statement);
    const lt_embedded *file = lt_embedded_find(path);
    assert(file);
    return lt_text_at((const char *)file->data, file->len);
}

enum { CATALOG_PARAMS = 3 };
static void catalog_params(const lt_relation *relation, lt_text params[CATALOG_PARAMS])
{
    const lt_text parts[CATALOG_PARAMS] = {relation->database, relation->schema, relation->name};
    for (size_t i = 0; i < CATALOG_PARAMS; i++)
        params[i] = parts[i].len ? parts[i] : T("");
}

static lt_status ask_catalog(lt_session *session, const char *statement,
                             const lt_relation *relation, lt_arena *arena, lt_table *out,
                             lt_err *err)
{
    lt_text params[CATALOG_PARAMS];
    catalog_params(relation, params);
    return lt_query_table(session, catalog_statement(session, statement), params, LT_COUNT(params),
                          CATALOG_ROWS, NULL, arena, out, err);
}

static lt_relation_kind kind_in(const lt_table *table)
{
    static const struct {
        const char *name;
        lt_relation_kind kind;
    } names[] = {{"table", LT_RELATION_TABLE},
                 {"view", LT_RELATION_VIEW},
                 {"r", LT_RELATION_TABLE}, /* pg_class.relkind: a table, one with partitions */
                 {"p", LT_RELATION_TABLE},
                 {"v", LT_RELATION_VIEW}};
    for (size_t i = 0; table->row_count && i < LT_COUNT(names); i++)
        if (lt_text_eq(lt_table_cell(table, 0, 0), lt_text_of(names[i].name)))
            return names[i].kind;
    return table->row_count ? LT_RELATION_OTHER : LT_RELATION_NONE;
}

lt_status lt_relation_find(lt_session *session, const lt_relation *relation, lt_relation_kind *kind,
                           lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_table table;
    LT_TRY(ask_catalog(session, "relation_kind", relation, &arena, &table, err));
    *kind = kind_in(&table);
    return LT_OK;
}

static lt_text without_comment(lt_text sql)
{
    while (lt_text_starts(sql, T("--")))
        sql = lt_text_sub(sql, LT_MIN(lt_text_find_byte(sql, '\n', 0) + 1, sql.len), SIZE_MAX);
    return lt_text_trim(sql);
}

/* The statement with its parameters written out. */
static void write_out(lt_text sql, const lt_text *params, size_t count, lt_buf *out)
{
    sql = without_comment(sql);
    for (size_t i = 0; i < sql.len; i++) {
        size_t number = i + 1 < sql.len ? (size_t)(sql.ptr[i + 1] - '1') : count;
        if (sql.ptr[i] != '$' || number >= count) {
            lt_buf_add_byte(out, sql.ptr[i]);
            continue;
        }
        lt_quote_literal(params[number], out);
        i++;
    }
}

/* Statements that each node of a build needs, and their parameters. */
enum often { OFTEN_LOCK, OFTEN_LOOK, OFTEN_READERS, OFTEN_ALL };
static const struct {
    const char *name, *types, *file;
    size_t params;
} often[OFTEN_ALL] = {[OFTEN_LOCK] = {"leat_lock", "text", "lock", 1},
                      [OFTEN_LOOK] = {"leat_look", "text, name", "relation_kind_in", 2},
                      [OFTEN_READERS] = {"leat_readers", "text, text", "relation_has_readers", 2}};

/* Outside of a transaction, which a refusal would abort. */
static void prepare_often(lt_session *session)
{
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    lt_err ignored = {0};
    int64_t rows;
    if (session->prepared != LT_PREPARED_NOT_YET)
        return;
    for (size_t i = 0; i < OFTEN_ALL; i++)
        lt_buf_printf(&sql, "PREPARE %s(%s) AS %.*s; ", often[i].name, often[i].types,
                      LT_ARG(without_comment(catalog_statement(session, often[i].file))));
    session->prepared =
        session->engine->ops->exec(session, lt_buf_text(&sql), &rows, &ignored) == LT_OK
            ? LT_PREPARED
            : LT_PREPARED_REFUSED;
}

static void add_often(const lt_session *session, enum often which, const lt_text *params,
                      lt_buf *out)
{
    if (session->prepared != LT_PREPARED) {
        write_out(catalog_statement(session, often[which].file), params, often[which].params, out);
        return;
    }
    lt_buf_printf(out, "EXECUTE %s", often[which].name);
    for (size_t i = 0; i < often[which].params; i++) {
        lt_buf_add_str(out, i ? ", " : "(");
        lt_quote_literal(params[i], out);
    }
    lt_buf_add_byte(out, ')');
}

bool lt_session_can_begin_look(const lt_session *session, const lt_relation *relation)
{
    return session->engine->ops->script && relation->schema.len && !relation->database.len;
}

static lt_status begin_look(lt_session *session, lt_text lock, const lt_relation *relation,
                            lt_relation_kind *kind, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) sql = {.limit = 64 * LT_KIB};
    const lt_text names[] = {relation->schema, relation->name};
    lt_table table = {0};
    size_t done;
    lt_buf_add_str(&sql, "BEGIN; ");
    add_often(session, OFTEN_LOCK, &lock, &sql);
    lt_buf_add_str(&sql, "; ");
    add_often(session, OFTEN_LOOK, names, &sql);
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    LT_TRY(start(session, lt_buf_text(&sql), err));
    WAITING(session);
    LT_TRY(
        session->engine->ops->script(session, true, lt_buf_text(&sql), &done, &arena, &table, err));
    *kind = kind_in(&table);
    return LT_OK;
}

lt_status lt_session_begin_look(lt_session *session, lt_text lock, const lt_relation *relation,
                                lt_relation_kind *kind, lt_err *err)
{
    if (session->prepared == LT_PREPARED_NOT_YET) {
        LT_TRY(start(session, (lt_text){0}, err));
        prepare_often(session);
    }
    bool was_prepared = session->prepared == LT_PREPARED;
    lt_status status = begin_look(session, lock, relation, kind, err);
    if (status != LT_OK && was_prepared && session->prepared == LT_PREPARED_REFUSED)
        return begin_look(session, lock, relation, kind, err); /* a pooler has changed the server */
    return status;
}

static lt_status end_in_script(lt_session *session, lt_ending *ending, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) sql = {.limit = SQL_LIMIT};
    lt_table table = {0};
    for (size_t i = 0; i < ending->count; i++)
        lt_buf_printf(&sql, "%.*s; ", LT_ARG(ending->statements[i]));
    if (ending->left) {
        const lt_text names[] = {ending->left->schema, ending->left->name};
        add_often(session, OFTEN_READERS, names, &sql);
        lt_buf_add_str(&sql, "; ");
    }
    lt_buf_add_str(&sql, "COMMIT");
    LT_TRY(lt_buf_check(&sql, "the statement", err));
    LT_TRY(start(session, lt_buf_text(&sql), err));
    WAITING(session);
    LT_TRY(session->engine->ops->script(session, false, lt_buf_text(&sql), &ending->done, &arena,
                                        &table, err));
    ending->has_readers = table.row_count > 0;
    return LT_OK;
}

static lt_status end_in_turn(lt_session *session, lt_ending *ending, lt_err *err)
{
    for (; ending->done < ending->count; ending->done++)
        LT_TRY(lt_exec(session, ending->statements[ending->done], NULL, err));
    if (ending->left)
        LT_TRY(lt_relation_has_readers(session, ending->left, &ending->has_readers, err));
    return lt_session_commit(session, err);
}

lt_status lt_session_end(lt_session *session, lt_ending *ending, lt_err *err)
{
    ending->done = 0;
    ending->has_readers = false;
    bool at_once = session->engine->ops->script != NULL;
    lt_status status =
        at_once ? end_in_script(session, ending, err) : end_in_turn(session, ending, err);
    if (status != LT_OK)
        lt_session_rollback(session);
    ending->done = LT_MIN(ending->done, ending->count);
    return status;
}

lt_status lt_relation_has_readers(lt_session *session, const lt_relation *relation, bool *has,
                                  lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    const lt_text names[] = {relation->schema, relation->name};
    lt_table table = {0};
    *has = true;
    if (!session->engine->ops->script)
        return LT_OK;
    LT_TRY(lt_query_table(session, catalog_statement(session, often[OFTEN_READERS].file), names, 2,
                          1, NULL, &arena, &table, err));
    *has = table.row_count > 0;
    return LT_OK;
}

lt_status lt_relation_columns(lt_session *session, const lt_relation *relation, lt_arena *arena,
                              lt_columns *out, lt_err *err)
{
    lt_table table;
    LT_TRY(ask_catalog(session, "relation_columns", relation, arena, &table, err));
    if (table.row_count == 0) {
        LT_AUTO(lt_buf) name = {0};
        lt_quote_relation(relation, &name);
        return lt_fail(err, LT_NOT_FOUND, "there is no relation %s", lt_buf_chars(&name));
    }
    lt_columns columns = {0};
    for (size_t i = 0; i < table.row_count; i++) {
        lt_column column = {.name = lt_table_cell(&table, i, 0),
                            .type = lt_table_cell(&table, i, 1),
                            .not_null = lt_text_eq(lt_table_cell(&table, i, 2), T("true"))};
        if (!column.name.ptr) /* the relation is there, without a column */
            continue;
        lt_push_in(arena, &columns, column);
    }
    *out = columns;
    return LT_OK;
}

static int64_t number_or_unknown(lt_text cell)
{
    int64_t number;
    return cell.ptr && lt_text_to_i64(cell, &number) ? number : -1;
}

lt_status lt_relations_list(lt_session *session, lt_text database, lt_text schema, lt_arena *arena,
                            lt_relation_entries *out, lt_err *err)
{
    const lt_relation every = {.database = database, .schema = schema};
    lt_table table;
    lt_relation_entries found = {0};
    LT_TRY(ask_catalog(session, "relations", &every, arena, &table, err));
    for (size_t i = 0; i < table.row_count; i++) {
        lt_text type = lt_table_cell(&table, i, 1);
        lt_relation_entry one = {.name = lt_table_cell(&table, i, 0),
                                 .kind = lt_text_eq(type, T("table"))  ? LT_RELATION_TABLE
                                         : lt_text_eq(type, T("view")) ? LT_RELATION_VIEW
                                                                       : LT_RELATION_OTHER,
                                 .type = type,
                                 .rows = number_or_unknown(lt_table_cell(&table, i, 2)),
                                 .bytes = number_or_unknown(lt_table_cell(&table, i, 3))};
        lt_push_in(arena, &found, one);
    }
    *out = found;
    return LT_OK;
}

static lt_status find_schema(lt_session *session, lt_text schema, bool *found, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_table table;
    LT_TRY(lt_query_table(session,
                          T("SELECT 1 FROM information_schema.schemata "
                            "WHERE catalog_name = current_database() AND schema_name = $1"),
                          &schema, 1, CATALOG_ROWS, NULL, &arena, &table, err));
    *found = table.row_count > 0;
    return LT_OK;
}

/* Looked for first: PostgreSQL wants the right to make schemas in the database also where IF NOT EXISTS has nothing to do. */
lt_status lt_schema_create(lt_session *session, lt_text schema, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    bool found = false;
    LT_TRY(find_schema(session, schema, &found, err));
    if (found)
        return LT_OK;
    lt_buf_add_str(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    lt_quote_name(schema, &sql);
    return lt_exec(session, lt_buf_text(&sql), NULL, err);
}

/* ---- quoting: the same in every engine here ---- */

static void quote(lt_text value, char mark, lt_buf *out)
{
    lt_buf_add_byte(out, mark);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == mark)
            lt_buf_add_byte(out, mark);
        lt_buf_add_byte(out, value.ptr[i]);
    }
    lt_buf_add_byte(out, mark);
}

void lt_quote_name(lt_text name, lt_buf *out)
{
    quote(name, '"', out);
}

void lt_quote_relation(const lt_relation *relation, lt_buf *out)
{
    const lt_text parts[] = {relation->database, relation->schema};
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        if (!parts[i].len)
            continue;
        lt_quote_name(parts[i], out);
        lt_buf_add_byte(out, '.');
    }
    lt_quote_name(relation->name, out);
}

void lt_quote_literal(lt_text value, lt_buf *out)
{
    quote(value, '\'',
          out); /* backslashes are plain: standard_conforming_strings is set in every session */
}

void lt_quote_names(const lt_texts *names, lt_buf *out)
{
    for (size_t i = 0; i < names->len; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        lt_quote_name(names->items[i], out);
    }
}

lt_text lt_sql_bare(lt_text sql)
{
    while (sql.len && (lt_is_space(sql.ptr[sql.len - 1]) || sql.ptr[sql.len - 1] == ';'))
        sql.len--;
    return sql;
}

/* ---- bulk ---- */

lt_status lt_type_from_duckdb(lt_engine *engine, lt_text duckdb_type, lt_arena *arena, lt_text *out,
                              lt_err *err)
{
    return engine->ops->type_from_duckdb(duckdb_type, arena, out, err);
}

lt_status lt_ingest_names(const lt_texts *columns, const lt_stream *stream, lt_arena *arena,
                          lt_texts *out, lt_err *err)
{
    size_t count = (size_t)stream->schema.n_children;
    if (columns && columns->len != count)
        return lt_fail(err, LT_INVALID, "the stream has %zu fields for %zu columns", count,
                       columns->len);
    if (count == 0)
        return lt_fail(err, LT_INVALID, "the stream has no fields");
    lt_texts names = {0};
    for (size_t i = 0; i < count; i++) {
        lt_text name = columns ? columns->items[i] : lt_text_of(stream->schema.children[i]->name);
        lt_push_in(arena, &names, name);
    }
    *out = names;
    return LT_OK;
}

lt_status lt_ingest(lt_session *session, const lt_relation *table, const lt_texts *columns,
                    lt_stream *stream, int64_t *rows, lt_err *err)
{
    int64_t count = 0;
    LT_TRY(start(session, (lt_text){0}, err));
    atomic_store(&session->rows_done, 0);
    WAITING(session);
    LT_TRY(session->engine->ops->ingest(session, table, columns, stream, &count, err));
    if (rows)
        *rows = count;
    return LT_OK;
}

lt_status lt_write_parquet(lt_session *session, lt_text select, const char *path, int64_t *rows,
                           lt_err *err)
{
    int64_t count = 0;
    LT_TRY(start(session, select, err));
    if (!session->engine->ops->write_parquet)
        return lt_fail(err, LT_INVALID, "the engine '%s' cannot write Parquet files",
                       session->engine->ops->kind);
    WAITING(session);
    LT_TRY(session->engine->ops->write_parquet(session, select, path, &count, err));
    if (rows)
        *rows = count;
    return LT_OK;
}

lt_status lt_copy(lt_session *from, lt_text select, lt_session *to, const lt_relation *table,
                  int64_t *rows, lt_err *err)
{
    if (from == to)
        return lt_fail(err, LT_INVALID, "a copy needs two sessions");
    LT_AUTO(lt_stream) source = {0};
    LT_AUTO(lt_stream) stream = {0};
    LT_TRY(lt_query(from, select, NULL, 0, &source, err));
    LT_TRY(lt_pump_start(&source, from, &stream, err));
    return lt_ingest(to, table, NULL, &stream, rows, err);
}

void lt_stream_release(lt_stream *stream)
{
    if (stream->release)
        stream->release(stream);
    stream->release = NULL;
    if (stream->schema.release)
        stream->schema.release(&stream->schema);
    stream->schema.release = NULL;
}
