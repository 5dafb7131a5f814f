/* Unit tests that dbt does not have: of a macro, and of one CTE of a model; files of leat_tests/. */
#include "dbt/run/execute_inner.h"

#include "base/fs.h"

/* ---- reading ---- */

/* dotted names are of a package; NULL when there is none. */
static const lt_dbt_macro *find_macro(const lt_dbt *dbt, lt_text name)
{
    size_t dot = lt_text_find_byte(name, '.', 0);
    if (dot == SIZE_MAX)
        return lt_dbt_macro_find(dbt, dbt->root, name);
    const lt_dbt_package *package = lt_dbt_package_find(dbt, lt_text_sub(name, 0, dot));
    return package ? lt_map_find(&package->macros, lt_text_sub(name, dot + 1, SIZE_MAX)) : NULL;
}

static lt_text macro_name_at(const void *context, size_t i)
{
    const lt_dbt *dbt = context;
    return dbt->macros.items[i]->name;
}

static lt_status no_macro(const lt_dbt *dbt, const char *path, const lt_yaml *at, lt_text name,
                          lt_err *err)
{
    lt_text nearest;
    lt_ignore(lt_yaml_fail(at, path, err, "there is no macro '%.*s'", LT_ARG(name)));
    if (lt_text_nearest(name, dbt->macros.len, macro_name_at, dbt, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return err->status;
}

static lt_status check_expect(const char *path, const lt_yaml *entry, bool of_macro, lt_err *err)
{
    static const lt_text keys[] = {T("rows"), T("format"), T("fixture"), T("text"),
                                   T("whitespace")};
    const lt_yaml *expect = lt_yaml_find(entry, T("expect"));
    if (!expect)
        return lt_yaml_fail(entry, path, err, "'expect' is missing");
    LT_TRY(lt_dbt_check_keys(path, expect, "'expect'", KEYS(keys), err));
    const lt_yaml *text = lt_yaml_find(expect, T("text"));
    const lt_yaml *space = lt_yaml_find(expect, T("whitespace"));
    bool rows = lt_yaml_find(expect, T("rows")) || lt_yaml_find(expect, T("fixture"));
    if (of_macro ? !text == !rows : text != NULL)
        return lt_yaml_fail(expect, path, err,
                            of_macro ? "'expect' has either 'text' or 'rows'"
                                     : "'expect' of a CTE has 'rows'");
    if (space && !lt_text_eq(space->text, T("exact")) && !lt_text_eq(space->text, T("any")))
        return lt_yaml_fail(space, path, err, "'whitespace' is 'any' or 'exact'");
    const lt_yaml *given = lt_yaml_find(entry, T("given"));
    return lt_dbt_is_null(given) ? LT_OK : lt_dbt_need_list(path, given, "given", err);
}

static lt_status add_macro_test(const value_source *given, const lt_yaml *entry, lt_err *err)
{
    static const lt_text keys[] = {T("name"),      T("description"), T("macro"),
                                   T("args"),      T("given"),       T("query"),
                                   T("overrides"), T("expect"),      T("config")};
    value_source source = *given;
    lt_text name = {0}, macro = {0};
    source.late = T("query"); /* rendered when it runs, with what the macro gave */
    LT_TRY(lt_dbt_check_keys(source.path, entry, "a test of a macro", KEYS(keys), err));
    LT_TRY(lt_dbt_need_text(source.path, entry, T("name"), &name, err));
    LT_TRY(lt_dbt_need_text(source.path, entry, T("macro"), &macro, err));
    LT_TRY(check_expect(source.path, entry, true, err));
    const lt_dbt_macro *found = find_macro(source.dbt, macro);
    if (!found)
        return no_macro(source.dbt, source.path, lt_yaml_find(entry, T("macro")), macro, err);
    const lt_yaml *args = lt_yaml_find(entry, T("args"));
    if (!lt_dbt_is_null(args) && args->kind == LT_YAML_SCALAR)
        return lt_yaml_fail(args, source.path, err, "'args' is a mapping or a list");
    lt_dbt_node *node = lt_dbt_unit_node(&source, name, found->name, entry);
    lt_push_in(&source.dbt->arena, &node->macros, found);
    return lt_dbt_unit_fill(&source, node, entry, err);
}

static lt_status add_cte_test(const value_source *source, const lt_yaml *entry, lt_err *err)
{
    static const lt_text keys[] = {T("name"),  T("description"), T("model"),  T("cte"),
                                   T("given"), T("overrides"),   T("expect"), T("config")};
    lt_text cte = {0};
    LT_TRY(lt_dbt_check_keys(source->path, entry, "a test of a CTE", KEYS(keys), err));
    LT_TRY(lt_dbt_need_text(source->path, entry, T("cte"), &cte, err));
    LT_TRY(check_expect(source->path, entry, false, err));
    return lt_dbt_add_model_test(source, entry, err);
}

lt_status lt_dbt_own_tests(lt_dbt *dbt, const project_file *file, lt_err *err)
{
    static const lt_text keys[] = {T("version"), T("macro_tests"), T("cte_tests")};
    static lt_status (*const adders[])(const value_source *, const lt_yaml *,
                                       lt_err *) = {NULL, add_macro_test, add_cte_test};
    const value_source source = {.dbt = dbt, .package = file->package, .path = file->path};
    lt_dbt_seen_apart(dbt);
    if (lt_dbt_is_null(file->yaml))
        return LT_OK;
    LT_TRY(lt_dbt_check_keys(file->path, file->yaml, "this file", KEYS(keys), err));
    for (size_t k = 1; k < LT_COUNT(keys); k++) {
        const lt_yaml *list = lt_yaml_find(file->yaml, keys[k]);
        if (lt_dbt_is_null(list))
            continue;
        LT_TRY(lt_dbt_need_list(file->path, list, keys[k].ptr, err));
        for (size_t i = 0; i < list->count; i++)
            LT_TRY(adders[k](&source, list->items[i], err));
    }
    return LT_OK;
}

/* ---- a macro: called by a template of one line, so that its errors have their places ---- */

static lt_status render(rendering *r, lt_text source, lt_jinja_heap *heap, lt_dbt_compiled *out,
                        lt_err *err)
{
    lt_dbt_node *copy = LT_NEW(&heap->arena, lt_dbt_node);
    const lt_dbt_node *node = r->node;
    *copy = *node;
    copy->raw_code = source;
    r->node = copy;
    lt_status status = lt_dbt_compile_own(r, heap, out, err);
    r->node = node;
    return status;
}

lt_status lt_dbt_macro_test_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out,
                                    lt_err *err)
{
    lt_jinja_value args = lt_dbt_at(r->node->raw, "args");
    lt_text query = lt_jinja_as_text(lt_dbt_at(r->node->raw, "query"));
    const char *call = lt_arena_format(&heap->arena, "{{ %.*s(*leat_args, **leat_kwargs) }}",
                                       LT_ARG(lt_jinja_as_text(lt_dbt_at(r->node->raw, "macro"))));
    r->extra = lt_jinja_dict(heap);
    lt_jinja_put(r->extra, "leat_args", args.type == LT_JINJA_LIST ? args : lt_jinja_list(heap));
    lt_jinja_put(r->extra, "leat_kwargs", args.type == LT_JINJA_DICT ? args : lt_jinja_dict(heap));
    LT_TRY(render(r, lt_text_of(call), heap, out, err));
    if (!query.len)
        return LT_OK;
    lt_jinja_put(r->extra, "result",
                 lt_jinja_text_copy(heap, lt_text_trim(lt_buf_text(&out->sql))));
    lt_dbt_compiled_cleanup(out);
    *out = (lt_dbt_compiled){0};
    return render(r, query, heap, out, err);
}

/* ---- rows whose types only they themselves tell ---- */

static const char *type_of(lt_jinja_value value)
{
    return value.type == LT_JINJA_BOOL    ? "boolean"
           : value.type == LT_JINJA_INT   ? "bigint"
           : value.type == LT_JINJA_FLOAT ? "double precision"
                                          : "text";
}

static lt_text lowered(lt_jinja_heap *heap, lt_text text)
{
    char *copy = lt_arena_str(&heap->arena, text);
    for (char *c = copy; *c; c++)
        *c = lt_lower(*c);
    return lt_text_at(copy, text.len);
}

/* What `columns` says, else the first value that is not null; a column that also has a fraction has fractions. */
static lt_jinja_value types_of(lt_jinja_heap *heap, lt_jinja_value given, lt_jinja_value rows)
{
    lt_jinja_value types = lt_jinja_dict(heap), key, value, known;
    lt_jinja_value said = lt_dbt_at(given, "columns");
    for (size_t i = 0; i < lt_jinja_len(rows); i++)
        for (size_t at = 0; lt_jinja_at(rows, i).type == LT_JINJA_DICT &&
                            lt_jinja_next(lt_jinja_at(rows, i), &at, &key, &value);) {
            lt_text name = lowered(heap, lt_jinja_as_text(key));
            bool has = lt_jinja_find(types, name, &known) && known.type == LT_JINJA_STR;
            bool widens = has && value.type == LT_JINJA_FLOAT &&
                          lt_text_eq(lt_jinja_as_text(known), T("bigint"));
            if (value.type == LT_JINJA_NONE ? !lt_jinja_find(types, name, &known) : !has || widens)
                lt_jinja_put_value(types, lt_jinja_text(name),
                                   value.type == LT_JINJA_NONE
                                       ? lt_jinja_none()
                                       : lt_jinja_text(lt_text_of(type_of(value))));
        }
    for (size_t at = 0; lt_jinja_next(types, &at, &key, &value);)
        if (value.type == LT_JINJA_NONE)
            lt_jinja_put_value(types, key, lt_jinja_text(T("text")));
    for (size_t at = 0; said.type == LT_JINJA_DICT && lt_jinja_next(said, &at, &key, &value);)
        lt_jinja_put_value(types, lt_jinja_text(lowered(heap, lt_jinja_as_text(key))), value);
    return types;
}

lt_status lt_dbt_plain_input(rendering *r, lt_jinja_value given, lt_jinja_value rows, lt_text name,
                             lt_jinja_heap *heap, lt_text *out, lt_err *err)
{
    lt_jinja_value types = types_of(heap, given, rows);
    if (lt_jinja_len(types))
        return lt_dbt_fixture_sql(r, r->node, rows, types, heap, out, err);
    lt_ignore(lt_fail(err, LT_INVALID, "unit test '%.*s': input '%.*s' has no column",
                      LT_ARG(r->node->name), LT_ARG(name)));
    return lt_hint(err, "say what it has: columns: {id: integer}");
}

/* ---- texts ---- */

bool lt_dbt_is_text_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_UNIT_TEST &&
           lt_dbt_is_set(lt_dbt_at(lt_dbt_at(node->raw, "expect"), "text"));
}

/* White space of any length is one blank. */
static void normalise(lt_text text, lt_buf *out)
{
    text = lt_text_trim(text);
    for (size_t i = 0; i < text.len; i++)
        if (!lt_is_space(text.ptr[i]))
            lt_buf_add_byte(out, text.ptr[i]);
        else if (!lt_is_space(text.ptr[i + 1]))
            lt_buf_add_byte(out, ' ');
}

static void add_lines(lt_text text, const char *mark, lt_buf *out)
{
    lt_text line;
    while (lt_text_cut(&text, '\n', &line))
        lt_buf_printf(out, "| %s | %.*s\n", mark, LT_ARG(line));
}

bool lt_dbt_text_test_same(const lt_dbt_node *node, lt_text actual, lt_buf *out)
{
    lt_jinja_value expect = lt_dbt_at(node->raw, "expect"), said = lt_dbt_at(expect, "text");
    bool exact = lt_text_eq(lt_jinja_as_text(lt_dbt_at(expect, "whitespace")), T("exact"));
    LT_AUTO(lt_buf) wanted = {0};
    LT_AUTO(lt_buf) left = {0};
    LT_AUTO(lt_buf) right = {0};
    lt_jinja_str(said, &wanted);
    if (exact && lt_text_eq(lt_buf_text(&wanted), actual))
        return true;
    if (!exact) {
        normalise(lt_buf_text(&wanted), &left);
        normalise(actual, &right);
        if (lt_text_eq(lt_buf_text(&left), lt_buf_text(&right)))
            return true;
    }
    add_lines(exact ? lt_buf_text(&wanted) : lt_text_trim(lt_buf_text(&wanted)), "---", out);
    add_lines(exact ? actual : lt_text_trim(actual), "+++", out);
    return false;
}
