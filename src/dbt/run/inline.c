/* A text of the command line as a node of one run (--inline), and rows of a query for people to look at. */
#include "dbt/run/execute_inner.h"

enum { MOST_ROWS = 1000000 };

static lt_dbt_node *make_node(lt_dbt *dbt, lt_text source)
{
    lt_dbt_node *node = LT_NEW(&dbt->arena, lt_dbt_node);
    *node = (lt_dbt_node){.kind = LT_DBT_ANALYSIS,
                          .name = T("inline_query"),
                          .path = T("inline_query"),
                          .file = T("inline_query"),
                          .package = dbt->root,
                          .raw_code = lt_arena_text(&dbt->arena, source),
                          .no_relation = true,
                          .version = lt_jinja_none(),
                          .latest_version = lt_jinja_none()};
    node->id = lt_text_of(
        lt_arena_format(&dbt->arena, "sql_operation.%.*s.inline_query", LT_ARG(dbt->root->name)));
    node->relation.schema = dbt->settings.target_schema;
    node->relation.database = dbt->settings.target_database;
    node->relation.name = node->name;
    node->config.all = node->config.unrendered = dbt->defaults[LT_DBT_KINDS];
    return node;
}

bool lt_dbt_is_inline(const lt_dbt_node *node)
{
    return lt_text_starts(node->id, T("sql_operation."));
}

static void need(lt_dbt *dbt, lt_dbt_node *node, lt_dbt_node *on)
{
    if (!on)
        return;
    lt_push_in(&dbt->arena, &node->depends_on, on);
}

static lt_status link(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    for (size_t i = 0; i < node->refs.len; i++) {
        const lt_dbt_ref *ref = &node->refs.items[i];
        bool is_disabled = false;
        lt_dbt_node *found = lt_dbt_ref_find(dbt, dbt->root, ref, &is_disabled);
        if (!found)
            return lt_dbt_ref_missing(dbt, ref, is_disabled, err);
        need(dbt, node, found);
    }
    for (size_t i = 0; i < node->source_refs.len; i++) {
        const lt_dbt_ref *ref = &node->source_refs.items[i];
        lt_dbt_node *found = lt_dbt_source_find(dbt, dbt->root, ref->package, ref->name);
        if (!found)
            return lt_dbt_source_missing(dbt, ref->package, ref->name, err);
        need(dbt, node, found);
    }
    return LT_OK;
}

lt_status lt_dbt_inline_add(lt_dbt *dbt, lt_text source, const lt_dbt_node **out, lt_err *err)
{
    lt_dbt_node *node = make_node(dbt, source);
    config_calls calls = {0};
    bool frozen = dbt->heap.frozen;
    dbt->heap.frozen = false;
    lt_status status = lt_dbt_record(dbt, node, &calls, err);
    dbt->heap.frozen = frozen;
    LT_TRY(status);
    if (calls.merged.type == LT_JINJA_DICT)
        node->config.all = calls.merged;
    LT_TRY(link(dbt, node, err));
    node->index = dbt->all.len;
    lt_push_in(&dbt->arena, &dbt->all, node);
    dbt->counts[node->kind]++;
    *out = node;
    return LT_OK;
}

void lt_dbt_inline_remove(lt_dbt *dbt)
{
    if (dbt->all.len && lt_dbt_is_inline(dbt->all.items[dbt->all.len - 1]))
        dbt->counts[dbt->all.items[--dbt->all.len]->kind]--;
}

/* ---- rows ---- */

/* A header is statements that come first, or, without a semicolon at its end, the beginning of the query itself. */
static lt_status put_header(lt_session *session, lt_text header, lt_buf *sql, lt_err *err)
{
    header = lt_text_trim(header);
    if (!header.len)
        return LT_OK;
    if (header.ptr[header.len - 1] == ';')
        return lt_exec(session, header, NULL, err);
    lt_buf_add(sql, header);
    lt_buf_add_byte(sql, '\n');
    return LT_OK;
}

static void take_rows(const lt_table *found, lt_jinja_heap *heap, lt_jinja_value rows)
{
    for (size_t row = 0; row < found->row_count; row++) {
        lt_jinja_value line = lt_jinja_dict(heap);
        for (size_t c = 0; c < found->column_count; c++)
            lt_jinja_put_value(
                line, lt_jinja_text(found->names[c]),
                lt_dbt_cell_value(heap, lt_table_cell(found, row, c), found->types[c]));
        lt_jinja_add(rows, line);
    }
}

lt_status lt_dbt_query_rows(lt_session *session, lt_text header, lt_text query, int64_t limit,
                            lt_jinja_heap *heap, lt_jinja_value *rows, lt_err *err)
{
    LT_AUTO(lt_buf) sql = {0};
    lt_table found;
    bool more;
    LT_TRY(put_header(session, header, &sql, err));
    lt_buf_printf(&sql, "select * from (\n%.*s\n) as model_limit_subq", LT_ARG(query));
    LT_TRY(lt_query_table(session, lt_buf_text(&sql), NULL, 0,
                          (size_t)(limit < 0 ? MOST_ROWS : limit), &more, &heap->arena, &found,
                          err));
    *rows = lt_jinja_list(heap);
    take_rows(&found, heap, *rows);
    return LT_OK;
}

lt_status lt_dbt_show_rows(lt_dbt_run *run, const rendering *r, lt_text query, lt_jinja_value *rows,
                           lt_err *err)
{
    lt_jinja_heap *heap = lt_dbt_run_heap(run);
    lt_text header =
        lt_jinja_as_text(lt_dbt_config_get(run->request.dbt, r->node, T("sql_header")));
    LT_AUTO(lt_buf) seed = {0};
    if (!r->session)
        return lt_fail(err, LT_INVALID, "rows are in a database, and there is none");
    if (r->node->kind == LT_DBT_SEED) { /* which has no SQL of its own */
        lt_buf_add_str(&seed, "select * from ");
        lt_dbt_relation_name(run->request.dbt, r->node, &seed);
        query = lt_buf_text(&seed);
    }
    return lt_dbt_query_rows(r->session, header, query, run->request.limit, heap, rows, err);
}
