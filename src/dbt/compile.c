/* Rendering one node to SQL, and finding the way back from a place in that SQL to the file. */
#include "base/buf.h"
#include "dbt/inner.h"

void lt_dbt_compiled_cleanup(lt_dbt_compiled *compiled)
{
    lt_buf_cleanup(&compiled->sql);
    lt_vec_free(&compiled->spans);
    lt_jinja_template_free(compiled->templated);
    compiled->templated = NULL;
}

/* "schema"."model", or the part of it that `where` lets through. */
static lt_jinja_value subject_of(const lt_dbt_node *node, lt_jinja_heap *heap)
{
    LT_AUTO(lt_buf) text = {0};
    if (!node->config.where.len)
        return lt_dbt_relation_value(heap, node->subject);
    lt_buf_add_str(&text, "(select * from ");
    lt_quote_relation(node->subject, &text);
    lt_buf_printf(&text, " where %.*s) dbt_subquery", LT_ARG(node->config.where));
    return lt_jinja_text_copy(heap, lt_buf_text(&text));
}

static lt_status render_generic_test(rendering *r, const lt_jinja_template *compiled,
                                     lt_jinja_heap *heap, lt_buf *sql, lt_err *err)
{
    const lt_dbt_node *node = r->node;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    lt_status status = lt_dbt_test_kwargs(r->dbt, node, &context, heap, &r->kwargs, err);
    if (status == LT_OK) {
        lt_jinja_put(r->kwargs, "model", subject_of(node, heap));
        status = lt_jinja_render_text(compiled, &context, heap, sql, NULL, err);
    }
    if (status != LT_OK)
        return lt_wrap(err, "%.*s:%u:%u: test %.*s", LT_ARG(node->path), node->line, node->col,
                       LT_ARG(node->test_name));
    return LT_OK;
}

static lt_status render_node(rendering *r, lt_dbt_compiled *out, lt_err *err)
{
    lt_jinja_heap heap = {0};
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r, .spans = &out->spans};
    lt_status status = lt_dbt_compile_template(r->dbt, r->node, false, &out->templated, err);
    if (status == LT_OK && r->node->kind == LT_DBT_GENERIC_TEST)
        status = render_generic_test(r, out->templated, &heap, &out->sql, err);
    else if (status == LT_OK)
        status = lt_jinja_render_text(out->templated, &context, &heap, &out->sql, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

/* A SELECT stands in parentheses later: a ';' or a comment at its end would spoil that. */
static void trim_end(lt_buf *sql)
{
    lt_text text = lt_buf_text(sql);
    while (text.len && (lt_is_space(text.ptr[text.len - 1]) || text.ptr[text.len - 1] == ';'))
        text.len--;
    lt_buf_cut(sql, text.len);
}

static bool wants_increment(const lt_dbt *dbt, const lt_dbt_node *node, lt_relation_kind existing)
{
    bool refresh =
        node->config.full_refresh < 0 ? dbt->settings.full_refresh : node->config.full_refresh != 0;
    return lt_text_eq(node->config.materialized, T("incremental")) &&
           existing == LT_RELATION_TABLE && !refresh;
}

lt_status lt_dbt_compile_for(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                             lt_relation_kind existing, lt_dbt_compiled *out, bool *incremental,
                             lt_err *err)
{
    rendering r;
    lt_dbt_rendering_init(&r, dbt, node);
    r.session = session;
    r.incremental = *incremental = wants_increment(dbt, node, existing);
    LT_TRY(render_node(&r, out, err));
    trim_end(&out->sql);
    if (node->config.limit.len && node->kind != LT_DBT_MODEL)
        lt_buf_printf(&out->sql, "\nlimit %.*s", LT_ARG(node->config.limit));
    LT_TRY(lt_buf_check(&out->sql, "the SQL", err));
    if (!out->sql.len) {
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s:1:1: there is no SQL in it", LT_ARG(node->path)));
        return lt_hint(err, "write one SELECT");
    }
    return LT_OK;
}

lt_status lt_dbt_compile(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                         lt_dbt_compiled *out, lt_err *err)
{
    lt_relation_kind existing = LT_RELATION_NONE;
    bool incremental;
    if (session && node->kind == LT_DBT_MODEL)
        LT_TRY(lt_relation_find(session, &node->relation, &existing, err));
    return lt_dbt_compile_for(dbt, node, session, existing, out, &incremental, err);
}

/* Step a place over text as it was written. */
static void advance(lt_text text, unsigned *line, unsigned *col)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n') {
            (*line)++;
            *col = 1;
        } else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
            (*col)++;
        }
    }
}

static const lt_jinja_span *span_at(const lt_dbt_compiled *compiled, size_t offset)
{
    const lt_jinja_span *found = NULL;
    for (size_t i = 0; i < compiled->spans.len && compiled->spans.items[i].start <= offset; i++)
        found = &compiled->spans.items[i];
    return found;
}

lt_status lt_dbt_blame(const lt_dbt_node *node, const lt_dbt_compiled *compiled, size_t prefix,
                       lt_session *session, lt_err *err)
{
    int64_t at = lt_session_error_at(session);
    if (node->kind == LT_DBT_GENERIC_TEST)
        return lt_wrap(err, "%.*s:%u:%u: test %.*s", LT_ARG(node->path), node->line, node->col,
                       LT_ARG(node->test_name));
    if (at < (int64_t)prefix || (size_t)at - prefix > compiled->sql.len)
        return lt_wrap(err, "%.*s", LT_ARG(node->path));
    size_t offset = (size_t)at - prefix;
    const lt_jinja_span *span = span_at(compiled, offset);
    if (!span)
        return lt_wrap(err, "%.*s", LT_ARG(node->path));
    unsigned line = span->line, col = span->col;
    if (span->is_text)
        advance(lt_text_sub(lt_buf_text(&compiled->sql), span->start, offset - span->start), &line,
                &col);
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(span->name), line, col);
}

lt_status lt_dbt_build(const lt_dbt *dbt, const lt_dbt_node *node, lt_session *session,
                       const lt_attempt *attempt, lt_dbt_result *result, lt_err *err)
{
    *result = (lt_dbt_result){.rows = -1};
    return node->kind == LT_DBT_MODEL ? lt_dbt_materialize(dbt, node, session, attempt, result, err)
                                      : lt_dbt_test(dbt, node, session, attempt, result, err);
}
