/* catalog.json (schema v1): the relations of a project, and their columns, as the database describes them. */
#include "dbt/artifacts/artifacts.h"

#include "base/fs.h"
#include "dbt/run/execute_inner.h"

enum { MOST_BY_NAME = 100 }; /* more relations than that are asked for by schema, as dbt does */

/* A relation of the answer, and its rows there: one for each column. */
typedef struct described {
    lt_text key; /* "database\nschema\nname", lower case */
    lt_jinja_value table;
    LT_VEC(size_t) rows;
    bool is_ambiguous; /* another's key is the same */
} described;

typedef struct catalog {
    lt_dbt_run *run;
    const lt_dbt_catalog_request *request;
    lt_jinja_heap heap;
    lt_map found;    /* key with the case that it has -> described */
    lt_texts errors; /* in the heap's arena */
} catalog;

/* ---- keys ---- */

static lt_text key_of(catalog *c, lt_text database, lt_text schema, lt_text name, bool fold)
{
    char *key = lt_arena_format(&c->heap.arena, "%.*s\n%.*s\n%.*s", LT_ARG(database),
                                LT_ARG(schema), LT_ARG(name));
    for (char *at = key; fold && *at; at++)
        *at = lt_lower(*at);
    return lt_text_of(key);
}

static lt_text node_key(catalog *c, const lt_dbt_node *node)
{
    const lt_relation *at = &node->relation;
    return key_of(c, at->database, at->schema, at->name, true);
}

static bool is_described(const lt_dbt_node *node)
{
    switch (node->kind) {
    case LT_DBT_MODEL:
    case LT_DBT_SEED:
    case LT_DBT_SNAPSHOT:
        return !node->no_relation;
    default:
        return node->kind == LT_DBT_SOURCE;
    }
}

static bool is_wanted(const catalog *c, const lt_dbt_node *node)
{
    const lt_node_set *selected = c->request->selected;
    return !c->request->empty && (!selected || lt_node_set_has(selected, node->index));
}

/* ---- asking ---- */

static lt_text cell(catalog *c, lt_jinja_value table, size_t row, const char *column)
{
    lt_dbt_table_view view;
    if (!lt_dbt_table_look(table, &view))
        return (lt_text){0};
    for (size_t i = 0; i < view.column_count; i++) {
        LT_AUTO(lt_buf) text = {.limit = LT_MIB};
        lt_jinja_value value = lt_dbt_table_cell(table, row, i);
        if (!lt_text_eq_nocase(lt_dbt_table_name(table, i), lt_text_of(column)))
            continue;
        if (!lt_dbt_is_set(value))
            return (lt_text){0};
        lt_jinja_str(value, &text);
        return lt_arena_text(&c->heap.arena, lt_buf_text(&text));
    }
    return (lt_text){0};
}

static void keep_rows(catalog *c, lt_jinja_value table)
{
    lt_dbt_table_view view = {0};
    if (!lt_dbt_table_look(table, &view))
        return;
    for (size_t row = 0; row < view.row_count; row++) {
        lt_text database = cell(c, table, row, "table_database");
        lt_text schema = cell(c, table, row, "table_schema");
        lt_text name = cell(c, table, row, "table_name");
        lt_text key = key_of(c, database, schema, name, false);
        described *one = lt_map_find(&c->found, key);
        if (!one) {
            one = LT_NEW(&c->heap.arena, described);
            *one = (described){.key = key_of(c, database, schema, name, true), .table = table};
            (void)lt_map_put(&c->found, key, one);
        }
        lt_push_in(&c->heap.arena, &one->rows, row);
    }
}

static lt_status ask(catalog *c, lt_session *session, lt_jinja_value relations, lt_err *err)
{
    lt_jinja_value table = {0};
    const lt_jinja_kwarg args[] = {{.name = T("relations"), .value = relations},
                                   {.name = T("most"), .value = lt_jinja_int(MOST_BY_NAME)}};
    const lt_dbt_macro_call call = {
        .session = session, .macro = T("leat_catalog"), .args = args, .arg_count = LT_COUNT(args)};
    LT_TRY(lt_dbt_macro_run(c->run, &call, &c->heap, &table, err));
    keep_rows(c, table);
    return LT_OK;
}

/* One question for each database; one that fails is a line of the file. */
static lt_status ask_all(catalog *c, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(c->run->request.dbt);
    LT_AUTO(lt_session_ref) session = NULL;
    lt_map databases = {0}; /* name -> list of relations */
    rendering r;
    lt_dbt_rendering_init(&r, c->run->request.dbt, NULL);
    r.rt = c->run->rt;
    LT_TRY(lt_session_open(c->run->engine, &session, err));
    for (size_t i = 0; i < all->len; i++) {
        const lt_dbt_node *node = all->items[i];
        if (!is_described(node) || !is_wanted(c, node))
            continue;
        lt_jinja_value *list = lt_map_find(&databases, node->relation.database);
        if (!list) {
            list = LT_NEW(&c->heap.arena, lt_jinja_value);
            *list = lt_jinja_list(&c->heap);
            (void)lt_map_put(&databases, node->relation.database, list);
        }
        lt_jinja_add(*list, lt_dbt_node_relation(&r, node, &c->heap));
    }
    for (size_t i = 0; i < databases.entries.len; i++) {
        lt_err failed = {0};
        const lt_jinja_value *list = databases.entries.items[i].value;
        if (ask(c, session, *list, &failed) != LT_OK)
            lt_push_in(&c->heap.arena, &c->errors,
                       lt_arena_text(&c->heap.arena, lt_text_of(failed.message)));
    }
    lt_map_cleanup(&databases);
    return LT_OK;
}

/* ---- writing ---- */

static void set_cell(catalog *c, lt_json_writer *w, const char *key, const described *one,
                     size_t row, const char *column)
{
    lt_text text = cell(c, one->table, row, column);
    lt_json_key(w, lt_text_of(key));
    if (text.ptr)
        lt_json_string(w, text);
    else
        lt_json_null(w);
}

static void write_column(catalog *c, lt_json_writer *w, const described *one, size_t row)
{
    int64_t index;
    lt_text name = cell(c, one->table, row, "column_name");
    if (!lt_text_to_i64(cell(c, one->table, row, "column_index"), &index))
        index = 0;
    lt_json_key(w, name);
    lt_json_begin(w, '{');
    set_cell(c, w, "type", one, row, "column_type");
    lt_json_set_int(w, "index", index);
    lt_json_set(w, "name", name);
    set_cell(c, w, "comment", one, row, "column_comment");
    lt_json_end(w);
}

static void write_stats(lt_json_writer *w)
{
    lt_json_key(w, T("stats"));
    lt_json_begin(w, '{');
    lt_json_key(w, T("has_stats"));
    lt_json_begin(w, '{');
    lt_json_set(w, "id", T("has_stats"));
    lt_json_set(w, "label", T("Has Stats?"));
    lt_json_set_bool(w, "value", false);
    lt_json_set_bool(w, "include", false);
    lt_json_set(w, "description", T("Indicates whether there are statistics for this table"));
    lt_json_end(w);
    lt_json_end(w);
}

static void write_relation(catalog *c, lt_json_writer *w, const described *one, lt_text id)
{
    size_t first = one->rows.items[0];
    lt_json_key(w, id);
    lt_json_begin(w, '{');
    lt_json_key(w, T("metadata"));
    lt_json_begin(w, '{');
    set_cell(c, w, "type", one, first, "table_type");
    set_cell(c, w, "schema", one, first, "table_schema");
    set_cell(c, w, "name", one, first, "table_name");
    set_cell(c, w, "database", one, first, "table_database");
    set_cell(c, w, "comment", one, first, "table_comment");
    set_cell(c, w, "owner", one, first, "table_owner");
    lt_json_end(w);
    lt_json_key(w, T("columns"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < one->rows.len; i++)
        write_column(c, w, one, one->rows.items[i]);
    lt_json_end(w);
    write_stats(w);
    lt_json_set(w, "unique_id", id);
    lt_json_end(w);
}

static void write_nodes(catalog *c, lt_json_writer *w)
{
    const lt_dbt_nodes *all = lt_dbt_all(c->run->request.dbt);
    lt_map by_key = {0};
    for (size_t i = 0; i < all->len; i++)
        if (all->items[i]->kind < LT_DBT_SOURCE)
            (void)lt_map_put(&by_key, node_key(c, all->items[i]), all->items[i]);
    lt_json_key(w, T("nodes"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < c->found.entries.len; i++) {
        const described *one = c->found.entries.items[i].value;
        const lt_dbt_node *node = lt_map_find(&by_key, one->key);
        if (node && is_wanted(c, node))
            write_relation(c, w, one, node->id);
    }
    lt_json_end(w);
    lt_map_cleanup(&by_key);
}

/* Two relations whose names differ only in case: nobody can say which of them a source means. */
static lt_status write_sources(catalog *c, lt_json_writer *w, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(c->run->request.dbt);
    lt_status status = LT_OK;
    lt_map by_key = {0};
    lt_json_key(w, T("sources"));
    lt_json_begin(w, '{');
    for (size_t i = 0; i < c->found.entries.len; i++) {
        described *one = c->found.entries.items[i].value;
        one->is_ambiguous = lt_map_put(&by_key, one->key, one) != NULL;
    }
    for (size_t i = 0; i < all->len && status == LT_OK; i++) {
        const lt_dbt_node *node = all->items[i];
        const described *one =
            node->kind == LT_DBT_SOURCE ? lt_map_find(&by_key, node_key(c, node)) : NULL;
        if (!one || !is_wanted(c, node))
            continue;
        if (one->is_ambiguous)
            status = lt_fail(err, LT_FAILED,
                             "%.*s: the database has two relations of that name, which differ only "
                             "in upper and lower case",
                             LT_ARG(node->id));
        else
            write_relation(c, w, one, node->id);
    }
    lt_json_end(w);
    lt_map_cleanup(&by_key);
    return status;
}

static lt_status write_file(catalog *c, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 2 * LT_GIB};
    LT_AUTO(lt_chars) path = lt_path_join(c->request->folder, "catalog.json");
    lt_json_writer w = {.out = &text};
    lt_json_begin(&w, '{');
    lt_json_key(&w, T("metadata"));
    lt_json_begin(&w, '{');
    lt_dbt_write_metadata(c->run->request.invocation,
                          "https://schemas.getdbt.com/dbt/catalog/v1.json", &w);
    lt_json_end(&w);
    write_nodes(c, &w);
    LT_TRY(write_sources(c, &w, err));
    lt_json_key(&w, T("errors"));
    if (c->errors.len) {
        lt_json_begin(&w, '[');
        for (size_t i = 0; i < c->errors.len; i++)
            lt_json_string(&w, c->errors.items[i]);
        lt_json_end(&w);
    } else {
        lt_json_null(&w);
    }
    lt_json_end(&w);
    LT_TRY(lt_buf_check(&text, "catalog.json", err));
    LT_TRY(lt_folder_make(c->request->folder, 0755, err));
    return lt_file_write(path, lt_buf_text(&text), 0644, err);
}

lt_status lt_dbt_catalog_write(lt_dbt_run *run, const lt_dbt_catalog_request *request,
                               lt_arena *arena, lt_texts *failures, lt_err *err)
{
    catalog c = {.run = run, .request = request};
    lt_status status = request->empty ? LT_OK : ask_all(&c, err);
    if (status == LT_OK)
        status = write_file(&c, err);
    for (size_t i = 0; i < c.errors.len; i++)
        lt_push_in(arena, failures, lt_arena_text(arena, c.errors.items[i]));
    lt_map_cleanup(&c.found);
    lt_jinja_heap_cleanup(&c.heap);
    return status;
}
