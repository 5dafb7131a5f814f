/* dbt's unit tests once all models are known: one for each version of a model, with rows from fixtures and seeds, and a checksum. */
#include "dbt/inner.h"

#include "base/fs.h"

/* Read anew at each loading, since fixtures and seeds are files that the parse cache does not keep: what was parsed stays as it is, and
 * copies are among the project's nodes. */
typedef struct settling {
    lt_dbt *dbt;
    const lt_dbt_node *test;
    uint32_t place;   /* among those that were parsed */
    lt_map *fixtures; /* "package.name" -> const char *: the file */
    lt_map *listed;   /* names of packages whose fixtures are in it */
    lt_jinja_value given, expect;
} settling;

static lt_status refuse(const settling *s, lt_err *err, const char *format, ...) LT_PRINTF(3, 4);
static lt_status refuse(const settling *s, lt_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(s->test->path), s->test->line,
                   LT_MAX(s->test->col, 1u));
}

static bool is_own(const lt_dbt_node *test) /* of leat: of a macro, or of a CTE */
{
    return lt_dbt_is_set(lt_dbt_at(test->raw, "macro")) ||
           lt_dbt_is_set(lt_dbt_at(test->raw, "cte"));
}

/* ---- fixtures: .csv and .sql files anywhere below "fixtures" of a test path, by their names alone ---- */

static lt_status add_fixture(settling *s, const lt_dbt_package *package, char *path, lt_err *err)
{
    lt_text name = lt_text_of(lt_path_name(path));
    if (!lt_text_ends(name, T(".csv")) && !lt_text_ends(name, T(".sql")))
        return LT_OK;
    lt_text key = lt_text_of(lt_arena_format(&s->dbt->arena, "%.*s.%.*s", LT_ARG(package->name),
                                             (int)name.len - 4, name.ptr));
    const char *twin = lt_map_find(s->fixtures, key);
    if (twin)
        return refuse(s, err, "there are two fixtures of one name: '%s' and '%s'", twin, path);
    (void)lt_map_put(s->fixtures, key, path);
    return LT_OK;
}

static lt_status list_fixtures(settling *s, const lt_dbt_package *package, lt_err *err)
{
    if (lt_map_put(s->listed, package->name, s->dbt))
        return LT_OK;
    for (size_t i = 0; i < package->paths[LT_DBT_TEST_PATHS].len; i++) {
        LT_AUTO(lt_path_list) files = {0};
        LT_AUTO(lt_chars)
        folder = lt_format("%s/%.*s/fixtures", package->root,
                           LT_ARG(package->paths[LT_DBT_TEST_PATHS].items[i]));
        if (!lt_path_is_folder(folder))
            continue;
        LT_TRY(lt_files_linked_below(folder, "", LT_DBT_MOST_FILES, &files, err));
        for (size_t k = 0; k < files.len; k++) {
            LT_AUTO(lt_chars) path = lt_path_join(folder, files.items[k]);
            LT_TRY(add_fixture(s, package, lt_arena_str(&s->dbt->arena, lt_text_of(path)), err));
        }
    }
    return LT_OK;
}

static lt_status read_file(settling *s, const char *path, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_TRY(lt_file_read(path, &text, err));
    *out = lt_arena_text(&s->dbt->arena, lt_buf_text(&text));
    return LT_OK;
}

static lt_status read_fixture(settling *s, lt_text name, lt_text *out, bool *csv, lt_err *err)
{
    const lt_dbt_package *package = s->test->package;
    LT_TRY(list_fixtures(s, package, err));
    LT_AUTO(lt_chars) key = lt_format("%.*s.%.*s", LT_ARG(package->name), LT_ARG(name));
    const char *path = lt_map_find(s->fixtures, lt_text_of(key));
    if (!path)
        return refuse(s, err, "File not found for fixture '%.*s' in unit tests in %.*s",
                      LT_ARG(name), LT_ARG(s->test->path));
    LT_TRY(read_file(s, path, out, err));
    *out = lt_text_trim(*out);
    *csv = lt_text_ends(lt_text_of(path), T(".csv"));
    return LT_OK;
}

/* ---- rows ---- */

/* Nothing between two commas is no value. */
static lt_jinja_value with_nulls(lt_dbt *dbt, lt_jinja_value rows)
{
    lt_jinja_value made = lt_jinja_list(&dbt->heap), key, value;
    for (size_t i = 0; i < lt_jinja_len(rows); i++) {
        lt_jinja_value row = lt_jinja_dict(&dbt->heap);
        for (size_t at = 0; lt_jinja_next(lt_jinja_at(rows, i), &at, &key, &value);)
            lt_jinja_put_value(row, key, lt_jinja_as_text(value).len ? value : lt_jinja_none());
        lt_jinja_add(made, row);
    }
    return made;
}

static bool has_null(lt_jinja_value row)
{
    lt_jinja_value key, value;
    for (size_t at = 0; lt_jinja_next(row, &at, &key, &value);)
        if (value.type == LT_JINJA_NONE)
            return true;
    return false;
}

/* The first row without NULL changes places with the first, for databases that take the types of columns from that one. */
static lt_jinja_value full_row_first(lt_dbt *dbt, lt_jinja_value rows)
{
    size_t full = 0, count = lt_jinja_len(rows);
    while (full < count && has_null(lt_jinja_at(rows, full)))
        full++;
    if (!full || full == count)
        return rows;
    lt_jinja_value made = lt_jinja_list(&dbt->heap);
    for (size_t i = 0; i < count; i++)
        lt_jinja_add(made, lt_jinja_at(rows, i == 0 ? full : i == full ? 0 : i));
    return made;
}

/* An input without rows is a whole seed. */
static lt_status seed_rows(settling *s, lt_text input, lt_jinja_value *out, lt_err *err)
{
    lt_dbt_ref ref = {0};
    bool is_source = false, is_disabled, own = is_own(s->test);
    *out = lt_jinja_list(&s->dbt->heap);
    bool is_ref = lt_dbt_reference_read(input, &ref, &is_source) && !is_source;
    if (!is_ref && own) /* in tests of leat's own, no rows are no rows */
        return LT_OK;
    if (!is_ref)
        return refuse(s, err, "unit test '%.*s': the input '%.*s' has no rows, and is no seed",
                      LT_ARG(s->test->name), LT_ARG(input));
    const lt_dbt_node *seed = lt_dbt_ref_find(s->dbt, s->test->package, &ref, &is_disabled);
    if ((!seed || seed->kind != LT_DBT_SEED) && own)
        return LT_OK;
    if (!seed || seed->kind != LT_DBT_SEED)
        return refuse(s, err, "Unable to find seed '%.*s.%.*s' for unit tests",
                      LT_ARG(ref.package.len ? ref.package : s->test->package->name),
                      LT_ARG(ref.name));
    LT_AUTO(lt_chars)
    path = lt_format("%s/%.*s", seed->package->root, LT_ARG(seed->path));
    lt_text text;
    LT_TRY(read_file(s, path, &text, err));
    return lt_dbt_csv_rows(&s->dbt->heap, text, out, err);
}

static bool are_rows(lt_jinja_value rows)
{
    if (rows.type != LT_JINJA_LIST)
        return false;
    for (size_t i = 0; i < lt_jinja_len(rows); i++)
        if (lt_jinja_at(rows, i).type != LT_JINJA_DICT)
            return false;
    return true;
}

static lt_status text_rows(settling *s, lt_text fixture, lt_text format, lt_jinja_value *rows,
                           lt_err *err)
{
    bool is_csv = true, wants_csv = lt_text_eq(format, T("csv"));
    lt_text text = lt_jinja_as_text(*rows);
    if (fixture.len)
        LT_TRY(read_fixture(s, fixture, &text, &is_csv, err));
    if (fixture.len && is_csv != wants_csv)
        return refuse(s, err, "unit test '%.*s': the fixture '%.*s' is no .%.*s file",
                      LT_ARG(s->test->name), LT_ARG(fixture), LT_ARG(format));
    *rows = lt_jinja_text(text);
    if (!wants_csv)
        return LT_OK;
    *rows = lt_jinja_list(&s->dbt->heap);
    LT_TRY(lt_dbt_csv_rows(&s->dbt->heap, text, rows, err));
    *rows = with_nulls(s->dbt, *rows);
    return LT_OK;
}

/* One of `given`, or `expect`: as dbt's manifest has it. */
static lt_status settle_side(settling *s, lt_jinja_value said, bool expected, lt_jinja_value *out,
                             lt_err *err)
{
    lt_jinja_value rows = lt_dbt_at(said, "rows"), fixture = lt_dbt_at(said, "fixture");
    lt_text format = lt_jinja_as_text(lt_dbt_at(said, "format"));
    lt_text file = lt_jinja_as_text(fixture), input = lt_jinja_as_text(lt_dbt_at(said, "input"));
    const char *kind = expected ? "expected" : "input";
    lt_jinja_value key, value;
    if (!format.len)
        format = T("dict");
    bool is_dict = lt_text_eq(format, T("dict"));
    if (!is_dict && !lt_text_eq(format, T("csv")) && !lt_text_eq(format, T("sql")))
        return refuse(s, err, "unit test '%.*s': '%.*s' is no format: it is dict, csv or sql",
                      LT_ARG(s->test->name), LT_ARG(format));
    if (!is_dict && rows.type != LT_JINJA_STR && !file.len)
        return refuse(s, err,
                      "Unit test %.*s has %s rows or fixtures which do not match format %.*s.  "
                      "Expected string.",
                      LT_ARG(s->test->name), kind, LT_ARG(format));
    if (is_dict && !expected && !lt_dbt_is_set(rows) && !file.len)
        LT_TRY(seed_rows(s, input, &rows, err));
    if (is_dict && !are_rows(rows))
        return refuse(s, err, "Unit test %.*s has %s rows which do not match format %.*s",
                      LT_ARG(s->test->name), kind, LT_ARG(format));
    if (!is_dict)
        LT_TRY(text_rows(s, file, format, &rows, err));
    if (rows.type == LT_JINJA_LIST)
        rows = full_row_first(s->dbt, rows);
    *out = lt_jinja_dict(&s->dbt->heap);
    for (size_t at = 0; is_own(s->test) && lt_jinja_next(said, &at, &key, &value);)
        lt_jinja_put_value(*out, key, value); /* columns, for one */
    if (!expected)
        lt_jinja_put(*out, "input", lt_jinja_text(input));
    lt_jinja_put(*out, "rows", rows);
    lt_jinja_put(*out, "format", lt_jinja_text(format));
    lt_jinja_put(*out, "fixture", file.len ? fixture : lt_jinja_none());
    return LT_OK;
}

static lt_status settle_rows(settling *s, lt_err *err)
{
    lt_jinja_value given = lt_dbt_at(s->test->raw, "given");
    s->given = lt_jinja_list(&s->dbt->heap);
    s->expect = lt_dbt_at(s->test->raw, "expect");
    for (size_t i = 0; given.type == LT_JINJA_LIST && i < lt_jinja_len(given); i++) {
        lt_jinja_value side = {0};
        LT_TRY(settle_side(s, lt_jinja_at(given, i), false, &side, err));
        lt_jinja_add(s->given, side);
    }
    if (lt_dbt_is_set(lt_dbt_at(s->expect, "text"))) /* of a macro: no rows */
        return LT_OK;
    return settle_side(s, s->expect, true, &s->expect, err);
}

/* ---- the checksum: of dbt's objects as Python shows them, so that a state of dbt's is one for us ---- */

static void add_repr(lt_buf *out, const char *name, lt_jinja_value value)
{
    lt_buf_add_str(out, name);
    lt_jinja_repr(lt_dbt_is_set(value) ? value : lt_jinja_none(), out);
}

static void add_side(lt_buf *out, lt_jinja_value side, bool expected)
{
    lt_text format = lt_jinja_as_text(lt_dbt_at(side, "format"));
    lt_buf_add_str(out, expected ? "UnitTestOutputFixture(" : "UnitTestInputFixture(");
    if (!expected)
        add_repr(out, "input=", lt_dbt_at(side, "input"));
    add_repr(out, expected ? "rows=" : ", rows=", lt_dbt_at(side, "rows"));
    lt_buf_printf(out, ", format=<UnitTestFormat.%s: '%.*s'>",
                  lt_text_eq(format, T("csv"))   ? "CSV"
                  : lt_text_eq(format, T("sql")) ? "SQL"
                                                 : "Dict",
                  LT_ARG(format));
    add_repr(out, ", fixture=", lt_dbt_at(side, "fixture"));
    lt_buf_add_byte(out, ')');
}

static lt_text checksum_of(const settling *s, lt_jinja_value versions, lt_jinja_value overrides)
{
    LT_AUTO(lt_buf) text = {0};
    lt_buf_printf(&text, "%.*s-", LT_ARG(s->test->model));
    if (is_own(s->test)) {
        lt_jinja_repr(s->test->raw, &text);
    } else if (versions.type == LT_JINJA_DICT) {
        add_repr(&text, "UnitTestNodeVersions(include=", lt_dbt_at(versions, "include"));
        add_repr(&text, ", exclude=", lt_dbt_at(versions, "exclude"));
        lt_buf_add_byte(&text, ')');
    } else {
        lt_buf_add_str(&text, "None");
    }
    lt_buf_add_str(&text, "-[");
    for (size_t i = 0; i < lt_jinja_len(s->given); i++) {
        lt_buf_add_str(&text, i ? ", " : "");
        add_side(&text, lt_jinja_at(s->given, i), false);
    }
    lt_buf_add_str(&text, "]-");
    add_side(&text, s->expect, true);
    lt_buf_add_byte(&text, '-');
    if (overrides.type == LT_JINJA_DICT) {
        add_repr(&text, "UnitTestOverrides(macros=", lt_dbt_at(overrides, "macros"));
        add_repr(&text, ", vars=", lt_dbt_at(overrides, "vars"));
        add_repr(&text, ", env_vars=", lt_dbt_at(overrides, "env_vars"));
        lt_buf_add_byte(&text, ')');
    } else {
        lt_buf_add_str(&text, "None");
    }
    for (size_t i = 0; i < lt_jinja_len(s->given); i++) {
        lt_jinja_value side = lt_jinja_at(s->given, i);
        if (!lt_dbt_is_set(lt_dbt_at(side, "fixture")))
            continue;
        lt_buf_add_byte(&text, '-');
        lt_jinja_str(lt_dbt_at(side, "rows"), &text);
    }
    return lt_dbt_checksum(s->dbt, lt_buf_text(&text));
}

/* ---- what dbt refuses ---- */

static bool calls_is_incremental(const lt_dbt_node *model)
{
    for (size_t i = 0; i < model->macros.len; i++)
        if (lt_text_eq(model->macros.items[i]->id, T("macro.dbt.is_incremental")))
            return true;
    return false;
}

static lt_status check_incremental(const settling *s, const lt_dbt_node *model, lt_err *err)
{
    lt_jinja_value macros = lt_dbt_at(lt_dbt_at(s->test->raw, "overrides"), "macros");
    lt_jinja_value said = lt_dbt_at(macros, "is_incremental");
    bool has_this = false;
    if (is_own(s->test) || !calls_is_incremental(model))
        return LT_OK;
    if (said.type != LT_JINJA_BOOL)
        return refuse(s, err,
                      "Boolean override for 'is_incremental' must be provided for unit test "
                      "'%.*s' in model '%.*s'",
                      LT_ARG(s->test->name), LT_ARG(model->name));
    for (size_t i = 0; i < lt_jinja_len(s->given); i++)
        has_this |=
            lt_text_eq(lt_jinja_as_text(lt_dbt_at(lt_jinja_at(s->given, i), "input")), T("this"));
    if (lt_jinja_truth(said) && !has_this)
        return refuse(s, err,
                      "Unit test '%.*s' for incremental model '%.*s' must have a 'this' input",
                      LT_ARG(s->test->name), LT_ARG(model->name));
    return LT_OK;
}

/* ---- versions ---- */

static bool has_value(lt_jinja_value list, lt_jinja_value value)
{
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        if (lt_jinja_eq(lt_jinja_at(list, i), value))
            return true;
    return false;
}

/* As dbt: an empty list says nothing, but then nothing is meant by the other either. */
static bool is_meant(lt_jinja_value versions, lt_jinja_value version)
{
    lt_jinja_value exclude = lt_dbt_at(versions, "exclude");
    if (versions.type != LT_JINJA_DICT)
        return true;
    return lt_jinja_truth(exclude) ? !has_value(exclude, version)
                                   : has_value(lt_dbt_at(versions, "include"), version);
}

static lt_jinja_value pair_of(lt_dbt *dbt, lt_jinja_value said, const char *const *keys,
                              size_t count, lt_jinja_value otherwise)
{
    lt_jinja_value made = lt_jinja_dict(&dbt->heap);
    if (said.type != LT_JINJA_DICT)
        return lt_jinja_none();
    for (size_t i = 0; i < count; i++) {
        lt_jinja_value value = lt_dbt_at(said, keys[i]);
        lt_jinja_put(made, keys[i], lt_dbt_is_set(value) ? value : otherwise);
    }
    return made;
}

/* Among the nodes in the place of what was parsed. `model`: NULL for a test of a macro. */
static void add_copy(settling *s, lt_dbt_node *model, const lt_dbt_node *made)
{
    lt_dbt *dbt = s->dbt;
    lt_dbt_node *node = LT_NEW(&dbt->arena, lt_dbt_node);
    *node = *made;
    node->place = s->place;
    node->is_again = true; /* no piece of an earlier manifest is as it is */
    if (model) {
        lt_push_in(&dbt->arena, &node->depends_on, model);
        node->relation.schema = model->relation.schema;
    }
    if (model && lt_dbt_is_set(model->version) && !is_own(node)) {
        node->version = model->version;
        LT_AUTO(lt_buf) version = {.limit = 256};
        lt_jinja_str(model->version, &version);
        (void)lt_map_put(&dbt->by_id, s->test->id, NULL);
        node->id = lt_text_of(
            lt_arena_format(&dbt->arena, "%.*s_v%s", LT_ARG(s->test->id), lt_buf_chars(&version)));
    }
    if (!node->is_disabled)
        (void)lt_map_put(&dbt->by_id, node->id, node);
    lt_push_in(&dbt->arena, &dbt->unit_tests, node);
}

static lt_status add_copies(settling *s, lt_dbt_node *model, const lt_dbt_node *made,
                            lt_jinja_value versions, lt_err *err)
{
    if (!model || is_own(s->test) || !lt_dbt_is_set(model->version)) {
        bool says = lt_jinja_truth(lt_dbt_at(versions, "include")) ||
                    lt_jinja_truth(lt_dbt_at(versions, "exclude"));
        if (says)
            return refuse(s, err,
                          "Unit test '%.*s' should not have a versions include or exclude when "
                          "referencing non-versioned model '%.*s'",
                          LT_ARG(s->test->name), LT_ARG(s->test->model));
        add_copy(s, model, made);
        return LT_OK;
    }
    const refable_list *all = lt_map_find(&s->dbt->refable, model->name);
    size_t before = s->dbt->unit_tests.len;
    for (size_t i = 0; i < all->nodes.len; i++) {
        lt_dbt_node *one = all->nodes.items[i];
        if (one->package == model->package && !one->is_disabled && is_meant(versions, one->version))
            add_copy(s, one, made);
    }
    if (s->dbt->unit_tests.len == before)
        return refuse(s, err,
                      "Unit test '%.*s' referenced a version of '%.*s' which was not found.",
                      LT_ARG(s->test->name), LT_ARG(model->name));
    return LT_OK;
}

void lt_dbt_unit_test_name(const lt_dbt_node *node, lt_buf *out)
{
    lt_buf_add(out, node->name);
    if (!lt_dbt_is_set(node->version))
        return;
    lt_buf_add_str(out, "_v");
    lt_jinja_str(node->version, out);
}

/* ---- all of it ---- */

/* NULL and LT_OK: it is disabled, and so the test is. */
static lt_status find_model(const settling *s, lt_dbt_node **out, lt_err *err)
{
    bool is_disabled = false;
    const lt_dbt_ref *ref = &s->test->refs.items[0];
    *out = lt_dbt_ref_find(s->dbt, s->test->package, ref, &is_disabled);
    if (*out && (*out)->kind != LT_DBT_MODEL)
        return refuse(s, err, "unit test '%.*s': '%.*s' is no model", LT_ARG(s->test->name),
                      LT_ARG(ref->name));
    if (*out || is_disabled)
        return LT_OK;
    lt_ignore(lt_dbt_ref_missing(s->dbt, ref, is_disabled, err));
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(s->test->path), s->test->line,
                   LT_MAX(s->test->col, 1u));
}

static lt_status settle(settling *s, lt_dbt_node *model, lt_err *err)
{
    static const char *const of_versions[] = {"include", "exclude"};
    static const char *const of_overrides[] = {"macros", "vars", "env_vars"};
    lt_dbt *dbt = s->dbt;
    lt_dbt_node made = *s->test;
    lt_jinja_value key, value;
    lt_jinja_value versions =
        pair_of(dbt, lt_dbt_at(s->test->raw, "versions"), of_versions, 2, lt_jinja_none());
    if (lt_jinja_truth(lt_dbt_at(versions, "include")) &&
        lt_jinja_truth(lt_dbt_at(versions, "exclude")))
        return refuse(s, err, "Unit tests can not both include and exclude versions.");
    LT_TRY(settle_rows(s, err));
    if (model)
        LT_TRY(check_incremental(s, model, err));
    lt_jinja_value overrides = pair_of(dbt, lt_dbt_at(s->test->raw, "overrides"), of_overrides, 3,
                                       lt_jinja_dict(&dbt->heap));
    made.checksum = checksum_of(s, versions, overrides);
    made.raw = lt_jinja_dict(&dbt->heap);
    for (size_t at = 0; lt_jinja_next(s->test->raw, &at, &key, &value);)
        lt_jinja_put_value(made.raw, key, value);
    lt_jinja_put(made.raw, "given", s->given);
    lt_jinja_put(made.raw, "expect", s->expect);
    lt_jinja_put(made.raw, "versions", versions);
    lt_jinja_put(made.raw, "overrides", overrides);
    if (made.is_disabled) {
        made.relation.schema = (lt_text){0}; /* which is that of its model */
        add_copy(s, NULL, &made);
        return LT_OK;
    }
    return add_copies(s, model, &made, versions, err);
}

lt_status lt_dbt_unit_tests_settle(lt_dbt *dbt, lt_err *err)
{
    lt_map fixtures = {0}, listed = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < dbt->parsed.len && status == LT_OK; i++) {
        lt_dbt_node *test = dbt->parsed.items[i], *model = NULL;
        settling s = {.dbt = dbt,
                      .test = test,
                      .place = test->place,
                      .fixtures = &fixtures,
                      .listed = &listed};
        if (test->kind != LT_DBT_UNIT_TEST)
            continue;
        if (test->refs.len && !test->is_disabled)
            status = find_model(&s, &model, err);
        test->is_disabled |= test->refs.len && !model;
        if (status == LT_OK)
            status = settle(&s, model, err);
    }
    lt_map_cleanup(&fixtures);
    lt_map_cleanup(&listed);
    return status;
}
