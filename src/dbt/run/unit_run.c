/* Running a unit test: its model's SQL over rows that the test gives, compared with the rows that it expects. */
#include "dbt/run/execute_inner.h"

typedef struct unit_input {
    const lt_dbt_node *node; /* what the rows stand for; NULL: a name that a macro was given */
    lt_text name;
    lt_jinja_value given; /* {input, rows, format, fixture} */
} unit_input;

struct lt_dbt_unit {
    const lt_dbt_node *test, *model;
    LT_VEC(unit_input) inputs;
    lt_jinja_value macros; /* overrides: a dict */
};

static lt_text text_at(lt_jinja_value dict, const char *key)
{
    return lt_jinja_as_text(lt_dbt_at(dict, key));
}

/* ---- what ref(), source(), this and overridden macros give ---- */

/* Tables of two sources may have one name. */
static lt_text cte_name(lt_jinja_heap *heap, const lt_dbt_node *node)
{
    bool source = node->kind == LT_DBT_SOURCE;
    return lt_text_of(lt_arena_format(
        &heap->arena, "__dbt__cte__%.*s%s%.*s", LT_ARG(source ? node->source_name : (lt_text){0}),
        source ? "__" : "", LT_ARG(source ? node->name : node->relation.name)));
}

static lt_jinja_value cte_value(const lt_dbt_rt *rt, lt_jinja_heap *heap, const lt_dbt_node *node)
{
    lt_text name = cte_name(heap, node);
    lt_dbt_relation made = lt_dbt_relation_init(rt, (lt_text){0}, (lt_text){0}, name, LT_DBT_CTE);
    made.quote[LT_DBT_IDENTIFIER] = false;
    return lt_dbt_relation_value_of(heap, &made);
}

static bool has_input(const lt_dbt_unit *unit, const lt_dbt_node *node)
{
    for (size_t i = 0; i < unit->inputs.len; i++)
        if (unit->inputs.items[i].node == node)
            return true;
    return false;
}

lt_status lt_dbt_unit_ref(const rendering *r, lt_jinja_render *render, const lt_dbt_node *node,
                          lt_jinja_value *out, lt_err *err)
{
    if (!has_input(r->unit, node))
        return lt_fail(err, LT_INVALID,
                       "unit test '%.*s': the model reads '%.*s', for which 'given' has no rows",
                       LT_ARG(r->unit->test->name), LT_ARG(node->name));
    *out = cte_value(r->rt, lt_jinja_heap_of(render), node);
    return LT_OK;
}

static lt_status give_constant(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    (void)err;
    *out = *(const lt_jinja_value *)call->user;
    return LT_OK;
}

/* Names without a package, and those of dbt's, are the same. */
static bool find_override(const lt_dbt_unit *unit, lt_text package, lt_text name,
                          lt_jinja_value *out)
{
    bool ours = lt_text_eq(package, T("dbt"));
    if (unit->macros.type != LT_JINJA_DICT)
        return false;
    if (ours && lt_jinja_find(unit->macros, name, out))
        return true;
    LT_AUTO(lt_chars) whole = lt_format("%.*s.%.*s", LT_ARG(package), LT_ARG(name));
    return lt_jinja_find(unit->macros, lt_text_of(whole), out);
}

/* A macro gives the value when it is called; any other name is the value. */
static lt_jinja_value callable(lt_jinja_heap *heap, lt_jinja_value value)
{
    lt_jinja_func *func = LT_NEW(&heap->arena, lt_jinja_func);
    lt_jinja_value *kept = LT_NEW(&heap->arena, lt_jinja_value);
    *kept = value;
    *func = (lt_jinja_func){.name = "override", .run = give_constant, .user = kept};
    return lt_jinja_func_value(func);
}

bool lt_dbt_unit_macro(const rendering *r, lt_jinja_render *render, lt_text package, lt_text name,
                       lt_jinja_value *out)
{
    lt_jinja_value value;
    if (!r->unit || !render || !find_override(r->unit, package, name, &value))
        return false;
    *out = callable(lt_jinja_heap_of(render), value);
    return true;
}

bool lt_dbt_unit_name(const rendering *r, lt_jinja_render *render, lt_text name,
                      lt_jinja_value *out)
{
    lt_jinja_value value;
    if (!render)
        return false;
    lt_jinja_heap *heap = lt_jinja_heap_of(render);
    if (lt_text_eq(name, T("this")) && r->unit->model && has_input(r->unit, r->unit->model)) {
        *out = cte_value(r->rt, heap, r->unit->model);
        return true;
    }
    if (!find_override(r->unit, T("dbt"), name, &value))
        return false;
    *out = lt_dbt_macro_find(r->dbt, r->package, name) ? callable(heap, value) : value;
    return true;
}

/* ---- which node an input means: ref('x'), source('a', 'b') or this ---- */

static lt_status find_input(const rendering *r, const lt_dbt_unit *unit, lt_jinja_heap *heap,
                            lt_text input, const lt_dbt_node **out, lt_err *err)
{
    LT_AUTO(lt_buf) source = {0};
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    lt_jinja_static_call call;
    size_t at = 0;
    bool disabled = false, is_ref = false;
    lt_dbt_ref wanted = {0};
    *out = NULL;
    if (lt_text_eq(lt_text_trim(input), T("this"))) {
        *out = unit->model;
        return LT_OK;
    }
    lt_buf_printf(&source, "{{ %.*s }}", LT_ARG(input));
    LT_TRY(lt_jinja_compile(&r->dbt->env, unit->test->path, lt_buf_text(&source), &compiled, NULL,
                            err));
    if (lt_jinja_next_call(compiled, heap, &at, &call)) {
        size_t count = lt_jinja_len(call.args);
        wanted.version = lt_dbt_at(call.kwargs, "v");
        is_ref = lt_text_eq(call.name, T("ref"));
        if (wanted.version.type == LT_JINJA_UNDEFINED)
            wanted.version = lt_dbt_at(call.kwargs, "version");
        if (wanted.version.type == LT_JINJA_UNDEFINED)
            wanted.version = lt_jinja_none();
        lt_text first = lt_jinja_as_text(lt_jinja_at(call.args, 0));
        lt_text second = count > 1 ? lt_jinja_as_text(lt_jinja_at(call.args, 1)) : (lt_text){0};
        wanted.name = count > 1 ? second : first;
        wanted.package = count > 1 ? first : (lt_text){0};
        if (lt_text_eq(call.name, T("source")))
            *out = lt_dbt_source_find(r->dbt, unit->test->package, first, second);
        else if (lt_text_eq(call.name, T("ref")))
            *out = lt_dbt_ref_find(r->dbt, unit->test->package, &wanted, &disabled);
    }
    if (*out)
        return LT_OK;
    if (is_ref)
        lt_ignore(lt_dbt_ref_missing(r->dbt, &wanted, disabled, err));
    else
        lt_ignore(lt_fail(err, LT_INVALID, "it is no ref() and no source()"));
    return lt_wrap(err,
                   "%.*s:%u:%u: Unit test '%.*s' had an input (%.*s) which was not found in the "
                   "manifest",
                   LT_ARG(unit->test->path), unit->test->line, unit->test->col,
                   LT_ARG(unit->test->name), LT_ARG(input));
}

static bool is_plain_name(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_alpha(text.ptr[i]) && text.ptr[i] != '_' && !(i && lt_is_digit(text.ptr[i])))
            return false;
    return text.len > 0;
}

static lt_status read_inputs(const rendering *r, lt_dbt_unit *unit, lt_jinja_heap *heap,
                             lt_err *err)
{
    lt_jinja_value given = lt_dbt_at(unit->test->raw, "given");
    for (size_t i = 0; given.type == LT_JINJA_LIST && i < lt_jinja_len(given); i++) {
        unit_input input = {.given = lt_jinja_at(given, i)};
        input.name = text_at(input.given, "input");
        if (unit->model || !is_plain_name(input.name))
            LT_TRY(find_input(r, unit, heap, input.name, &input.node, err));
        lt_push_in(&heap->arena, &unit->inputs, input);
    }
    return LT_OK;
}

/* ---- the statement ---- */

lt_status lt_dbt_fixture_sql(const rendering *r, const lt_dbt_node *node, lt_jinja_value rows,
                             lt_jinja_value types, lt_jinja_heap *heap, lt_text *out, lt_err *err)
{
    rendering inner;
    lt_jinja_value made = {0};
    lt_dbt_rendering_init(&inner, r->dbt, node);
    inner.session = r->session;
    inner.transaction = r->transaction;
    inner.rt = r->rt;
    inner.run = r->run;
    inner.turn = r->turn;
    inner.heap = heap;
    inner.deferred = lt_dbt_deferred_relation(&inner, node, heap);
    LT_TRY(lt_dbt_exec_attach(&inner, heap, (lt_text){0}, err));
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &inner};
    lt_jinja_kwarg args[] = {{T("rows"), rows}, {T("column_name_to_data_types"), types}};
    lt_status status = lt_dbt_exec_call(inner.exec, &r->dbt->env, &context, T("get_fixture_sql"),
                                        args, LT_COUNT(args), &made, err);
    if (status == LT_INVALID && !lt_dbt_exec_has_place(inner.exec))
        status = lt_dbt_blame_entry(r->node, err);
    lt_dbt_exec_close(inner.exec);
    *out = lt_jinja_as_text(made);
    return status;
}

/* Either a list of dictionaries, or SQL: as unit_test.c has read them. */
static void rows_of(lt_jinja_value holder, lt_jinja_heap *heap, lt_jinja_value *rows, lt_text *sql)
{
    *rows = lt_dbt_at(holder, "rows");
    *sql = lt_jinja_as_text(*rows);
    if (rows->type != LT_JINJA_LIST)
        *rows = lt_jinja_list(heap);
}

static lt_status add_input(rendering *r, const unit_input *input, lt_jinja_heap *heap, lt_buf *out,
                           lt_err *err)
{
    lt_jinja_value rows;
    lt_text sql, name = input->node ? cte_name(heap, input->node) : input->name;
    rows_of(input->given, heap, &rows, &sql);
    if (!sql.len && input->node)
        LT_TRY(lt_dbt_fixture_sql(r, input->node, rows, lt_jinja_none(), heap, &sql, err));
    else if (!sql.len)
        LT_TRY(lt_dbt_plain_input(r, input->given, rows, input->name, heap, &sql, err));
    lt_buf_printf(out, "%s %.*s as (\n", out->len ? "," : "", LT_ARG(name));
    lt_buf_add(out, sql);
    lt_buf_add_str(out, "\n)");
    return LT_OK;
}

/* The test as a node whose configuration has what is expected. */
static void expect(rendering *r, const lt_dbt_unit *unit, lt_jinja_heap *heap)
{
    lt_jinja_value rows, all, key, value;
    lt_text sql;
    rows_of(lt_dbt_at(unit->test->raw, "expect"), heap, &rows, &sql);
    all = lt_jinja_dict(heap);
    for (size_t at = 0; lt_jinja_next(unit->test->config.all, &at, &key, &value);)
        lt_jinja_put_value(all, key, value);
    lt_jinja_put(all, "expected_rows", rows);
    lt_jinja_put(all, "expected_sql", sql.len ? lt_jinja_text(sql) : lt_jinja_none());
    lt_dbt_node *copy = LT_NEW(&heap->arena, lt_dbt_node);
    *copy = *unit->test;
    copy->config.all = all;
    r->node = copy;
}

static void override_vars(rendering *inner, lt_jinja_value vars, lt_jinja_heap *heap)
{
    lt_jinja_value merged = lt_jinja_dict(heap), key, value;
    if (vars.type != LT_JINJA_DICT)
        return;
    for (size_t at = 0; inner->scope.vars.type == LT_JINJA_DICT &&
                        lt_jinja_next(inner->scope.vars, &at, &key, &value);)
        lt_jinja_put_value(merged, key, value);
    for (size_t at = 0; lt_jinja_next(vars, &at, &key, &value);)
        lt_jinja_put_value(merged, key, value);
    inner->scope.vars = merged;
}

/* What is tested, rendered as if its inputs were the rows that are given. */
static lt_status compile_subject(rendering *r, lt_dbt_unit *unit, lt_jinja_heap *heap,
                                 lt_dbt_compiled *out, lt_err *err)
{
    lt_jinja_value overrides = lt_dbt_at(r->node->raw, "overrides");
    lt_text cte = text_at(r->node->raw, "cte");
    rendering inner;
    lt_dbt_rendering_init(&inner, r->dbt, unit->model ? unit->model : r->node);
    inner.session = r->session;
    inner.transaction = r->transaction;
    inner.rt = r->rt;
    inner.run = r->run;
    inner.turn = r->turn;
    inner.unit = unit;
    override_vars(&inner, lt_dbt_at(overrides, "vars"), heap);
    inner.env = lt_dbt_at(overrides, "env_vars");
    LT_TRY(lt_dbt_exec_attach(&inner, heap, (lt_text){0}, err));
    lt_status status = unit->model ? lt_dbt_compile_own(&inner, heap, out, err)
                                   : lt_dbt_macro_test_compile(&inner, heap, out, err);
    lt_dbt_exec_close(inner.exec);
    LT_TRY(status);
    return cte.len ? lt_dbt_keep_cte(unit->model, cte, &out->sql, err) : LT_OK;
}

lt_status lt_dbt_unit_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out, lt_buf *sql,
                              lt_err *err)
{
    lt_dbt_unit unit = {.test = r->node};
    LT_AUTO(lt_buf) ctes = {0};
    bool of_macro = lt_dbt_is_set(lt_dbt_at(r->node->raw, "macro"));
    for (size_t i = 0; i < r->node->depends_on.len && !unit.model && !of_macro; i++)
        if (r->node->depends_on.items[i]->kind == LT_DBT_MODEL)
            unit.model = r->node->depends_on.items[i];
    if (!unit.model && !of_macro)
        return lt_fail(err, LT_INVALID, "unit test '%.*s': there is no model '%.*s'",
                       LT_ARG(r->node->name), LT_ARG(r->node->model));
    unit.macros = lt_dbt_at(lt_dbt_at(r->node->raw, "overrides"), "macros");
    LT_TRY(read_inputs(r, &unit, heap, err));
    LT_TRY(compile_subject(r, &unit, heap, out, err));
    lt_buf_add(sql, lt_buf_text(&out->sql));
    if (lt_dbt_is_text_test(r->node))
        return LT_OK;
    for (size_t i = 0; i < unit.inputs.len; i++)
        LT_TRY(add_input(r, &unit.inputs.items[i], heap, &ctes, err));
    if (ctes.len)
        LT_TRY(lt_dbt_put_ctes(lt_buf_text(&ctes), sql, err));
    expect(r, &unit, heap);
    return LT_OK;
}
