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

lt_text lt_dbt_write_path(const lt_dbt_node *node, const lt_dbt_batch *batch, lt_arena *arena)
{
    lt_text package = node->package->name, path = lt_dbt_batch_path(batch, node->path, arena);
    bool in_yaml = node->kind == LT_DBT_SNAPSHOT && !lt_text_ends_nocase(path, T(".sql"));
    if (node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_OPERATION ||
        in_yaml) /* a file of the .yml file's folder */
        return lt_text_of(lt_arena_format(arena, "%.*s/%.*s/%.*s", LT_ARG(package), LT_ARG(path),
                                          LT_ARG(node->file)));
    if (node->kind != LT_DBT_UNIT_TEST)
        return lt_text_of(lt_arena_format(arena, "%.*s/%.*s", LT_ARG(package), LT_ARG(path)));
    LT_AUTO(lt_buf) name = {0};
    lt_dbt_unit_test_name(node, &name);
    lt_text folder = path; /* of the .yml file, once more below it */
    while (folder.len && folder.ptr[folder.len - 1] != '/')
        folder.len--;
    return lt_text_of(lt_arena_format(arena, "%.*s/%.*s/%.*s%.*s.sql", LT_ARG(package),
                                      LT_ARG(path), LT_ARG(folder), LT_ARG(lt_buf_text(&name))));
}

static lt_status render_generic_test(rendering *r, const lt_jinja_template *compiled,
                                     lt_jinja_heap *heap, lt_buf *sql, lt_err *err)
{
    const lt_dbt_node *node = r->node;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    lt_status status = lt_dbt_test_kwargs(r->dbt, node, &context, heap, &r->kwargs, err);
    if (status == LT_OK)
        status = lt_jinja_render_text(compiled, &context, heap, sql, NULL, err);
    if (status != LT_OK)
        return lt_wrap(err, "%.*s:%u:%u: test %.*s", LT_ARG(node->path), node->line, node->col,
                       LT_ARG(node->test_name));
    return LT_OK;
}

lt_status lt_dbt_compile_own(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out, lt_err *err)
{
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r, .spans = &out->spans};
    r->heap = heap;
    if (lt_dbt_is_python(r->node))
        return lt_dbt_python_compile(r, heap, out, err);
    LT_TRY(lt_dbt_compile_template(r->dbt, r->node, false, &out->templated, err));
    if (r->node->kind == LT_DBT_GENERIC_TEST)
        return render_generic_test(r, out->templated, heap, &out->sql, err);
    return lt_jinja_render_text(out->templated, &context, heap, &out->sql, NULL, err);
}

/* ---- ephemeral models ---- */

bool lt_dbt_is_ephemeral(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL && lt_text_eq(node->config.materialized, T("ephemeral"));
}

typedef struct cte_visit {
    const lt_dbt_node *node;
    size_t next;
} cte_visit;

void lt_dbt_ephemerals_of(const lt_dbt_node *node, lt_arena *arena, lt_dbt_nodes *out)
{
    LT_VEC(cte_visit) path = {0};
    lt_map seen = {0};
    lt_push_in(arena, &path, ((cte_visit){.node = node}));
    while (path.len) {
        cte_visit *top = &path.items[path.len - 1];
        if (top->next == top->node->depends_on.len) {
            if (--path.len)
                lt_push_in(arena, out, (lt_dbt_node *)(uintptr_t)top->node);
            continue;
        }
        const lt_dbt_node *next = top->node->depends_on.items[top->next++];
        if (!lt_dbt_is_ephemeral(next) || lt_map_put(&seen, next->id, out))
            continue;
        lt_push_in(arena, &path, ((cte_visit){.node = next}));
    }
    lt_map_cleanup(&seen);
}

static lt_status add_cte(const rendering *r, const lt_dbt_node *node, lt_jinja_heap *heap,
                         lt_buf *out, lt_err *err)
{
    LT_AUTO(lt_dbt_compiled) compiled = {0};
    rendering inner;
    lt_dbt_rendering_init(&inner, r->dbt, node);
    inner.scope.secret = r->scope.secret;
    inner.session = r->session;
    inner.transaction = r->transaction;
    inner.rt = r->rt;
    inner.run = r->run;
    LT_TRY(lt_dbt_exec_attach(&inner, heap, (lt_text){0}, err));
    LT_TRY(lt_dbt_compile_own(&inner, heap, &compiled, err));
    lt_buf_printf(out, "%s __dbt__cte__%.*s as (\n", out->len ? ", " : "",
                  LT_ARG(node->relation.name));
    lt_buf_add(out, lt_buf_text(&compiled.sql));
    lt_buf_add_str(out, "\n)");
    return LT_OK;
}

static size_t skip_space(lt_text sql, size_t i)
{
    while (i < sql.len && lt_is_space(sql.ptr[i]))
        i++;
    return i;
}

/* The first name behind a leading WITH (and RECURSIVE), after white space and comments; SIZE_MAX when there is none. */
static size_t behind_with(lt_text sql)
{
    size_t i = 0;
    for (;;) {
        i = skip_space(sql, i);
        lt_text rest = lt_text_sub(sql, i, SIZE_MAX);
        if (lt_text_starts(rest, T("--"))) {
            size_t end = lt_text_find_byte(sql, '\n', i);
            i = end == SIZE_MAX ? sql.len : end;
        } else if (lt_text_starts(rest, T("/*"))) {
            size_t end = lt_text_find(sql, T("*/"), i);
            i = end == SIZE_MAX ? sql.len : end + 2;
        } else {
            break;
        }
    }
    lt_text word = lt_text_sub(sql, i, 4);
    bool with =
        lt_text_eq_nocase(word, T("with")) && i + 4 < sql.len && lt_is_space(sql.ptr[i + 4]);
    if (!with)
        return SIZE_MAX;
    i = skip_space(sql, i + 4);
    bool recursive = lt_text_eq_nocase(lt_text_sub(sql, i, 9), T("recursive"));
    if (recursive && i + 9 < sql.len && lt_is_space(sql.ptr[i + 9]))
        i = skip_space(sql, i + 9);
    return i;
}

lt_status lt_dbt_put_ctes(lt_text ctes, lt_buf *sql, lt_err *err)
{
    LT_AUTO(lt_buf) whole = {0};
    lt_text text = lt_buf_text(sql);
    size_t behind = behind_with(text);
    bool has_with = false;
    if (behind == SIZE_MAX)
        behind = skip_space(text, 0);
    else
        has_with = true;
    lt_buf_add(&whole, lt_text_sub(text, 0, behind));
    lt_buf_printf(&whole, "%s%.*s%s", has_with ? "" : "with", LT_ARG(ctes), has_with ? ", " : " ");
    lt_buf_add(&whole, lt_text_sub(text, behind, SIZE_MAX));
    LT_TRY(lt_buf_check(&whole, "the SQL", err));
    lt_buf_clear(sql);
    lt_buf_add(sql, lt_buf_text(&whole));
    return LT_OK;
}

lt_status lt_dbt_inject_ctes(rendering *r, lt_jinja_heap *heap, lt_buf *sql, lt_err *err)
{
    lt_dbt_nodes list = {0};
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) ctes = {0};
    if (r->run && r->run->no_ctes)
        return LT_OK;
    lt_dbt_ephemerals_of(r->node, &scratch, &list);
    if (!list.len)
        return LT_OK;
    if (lt_dbt_is_python(r->node)) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "%.*s: a model in Python cannot read the ephemeral model '%.*s'",
                          LT_ARG(r->node->path), LT_ARG(list.items[0]->name)));
        return lt_hint(err, "make it a view or a table");
    }
    for (size_t i = 0; i < list.len; i++)
        LT_TRY(add_cte(r, list.items[i], heap, &ctes, err));
    return lt_dbt_put_ctes(lt_buf_text(&ctes), sql, err);
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

/* Where byte `at` of a statement is in the SQL that stands in it; false: nowhere. CTEs that were put in stand behind its WITH. */
static bool find_offset(lt_text statement, lt_text sql, int64_t at, size_t *out)
{
    size_t behind = behind_with(sql);
    size_t start = behind == SIZE_MAX ? skip_space(sql, 0) : 0;
    size_t found = lt_text_find(statement, lt_text_sub(sql, start, SIZE_MAX), 0);
    if (found == SIZE_MAX && behind != SIZE_MAX) {
        start = behind;
        found = lt_text_find(statement, lt_text_sub(sql, behind, SIZE_MAX), 0);
    }
    if (found == SIZE_MAX || at < (int64_t)found || (size_t)at - found > sql.len - start)
        return false;
    *out = start + (size_t)at - found;
    return true;
}

bool lt_dbt_is_yaml_snapshot(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_SNAPSHOT && !lt_text_ends(node->path, T(".sql"));
}

lt_status lt_dbt_blame_entry(const lt_dbt_node *node, lt_err *err)
{
    return node->line ? lt_wrap(err, "%.*s:%u:%u", LT_ARG(node->path), node->line, node->col)
                      : lt_wrap(err, "%.*s", LT_ARG(node->path));
}

lt_status lt_dbt_blame(const lt_dbt_node *node, const lt_dbt_compiled *compiled, lt_text statement,
                       int64_t at, lt_err *err)
{
    size_t offset = 0;
    if (node->kind == LT_DBT_GENERIC_TEST)
        return lt_wrap(err, "%.*s:%u:%u: test %.*s", LT_ARG(node->path), node->line, node->col,
                       LT_ARG(node->test_name));
    const lt_jinja_span *span = NULL;
    if (!lt_dbt_is_yaml_snapshot(node) &&
        find_offset(statement, lt_buf_text(&compiled->sql), at, &offset))
        span = span_at(compiled, offset);
    if (!span)
        return lt_dbt_blame_entry(node, err);
    unsigned line = span->line, col = span->col;
    if (span->is_text)
        advance(lt_text_sub(lt_buf_text(&compiled->sql), span->start, offset - span->start), &line,
                &col);
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(span->name), line, col);
}
