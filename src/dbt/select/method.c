/* The methods of selection: a table of names and of what each asks of a node. */
#include "dbt/select/method.h"

#include "dbt/inner.h"

#include <fnmatch.h>

typedef lt_status asks(const lt_dbt_method_context *context, const lt_dbt_term *term,
                       const lt_dbt_node *node, bool *fits, lt_err *err);

struct lt_dbt_method {
    lt_text name;
    asks *fits;
    unsigned kinds; /* bits; of others it is false */
};

enum { ALL_KINDS = (1 << LT_DBT_KINDS) - 1 };
#define K(kind) (1u << LT_DBT_##kind)
#define TESTS (K(GENERIC_TEST) | K(SINGULAR_TEST))
#define PARSED (K(MODEL) | TESTS | K(SEED) | K(SNAPSHOT) | K(ANALYSIS) | K(OPERATION))

/* ---- patterns ---- */

static bool matches(lt_text text, lt_text pattern)
{
    if (lt_text_eq(text, pattern))
        return true;
    if (lt_text_find_byte(pattern, '*', 0) == SIZE_MAX &&
        lt_text_find_byte(pattern, '?', 0) == SIZE_MAX &&
        lt_text_find_byte(pattern, '[', 0) == SIZE_MAX)
        return false;
    LT_AUTO(lt_chars) left = lt_text_dup(pattern);
    LT_AUTO(lt_chars) right = lt_text_dup(text);
    return fnmatch(left, right, FNM_NOESCAPE) == 0;
}

static bool has_wildcard(lt_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr("*?[]", text.ptr[i]))
            return true;
    return false;
}

/* ---- names ---- */

/* The parts of an fqn (or of a selector), dots within parts separating too. */
static void flatten(const lt_texts *fqn, size_t from, lt_arena *arena, lt_texts *out)
{
    for (size_t i = from; i < fqn->len; i++) {
        lt_text rest = fqn->items[i], part;
        while (lt_text_cut(&rest, '.', &part))
            lt_push_in(arena, out, part);
    }
}

static lt_text join(const lt_texts *parts, size_t from, char with, lt_arena *arena)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    for (size_t i = from; i < parts->len; i++) {
        if (i > from)
            lt_buf_add_byte(&text, with);
        lt_buf_add(&text, parts->items[i]);
    }
    return lt_arena_text(arena, lt_buf_text(&text));
}

/* "orders", "orders.v2" and "orders_v2" mean a version too. */
static bool names_leaf(const lt_dbt_node *node, const lt_texts *fqn, lt_text wanted,
                       lt_arena *arena)
{
    lt_texts parts = {0};
    if (!lt_dbt_is_set(node->version) || fqn->len < 2)
        return lt_text_eq(fqn->items[fqn->len - 1], wanted);
    if (lt_text_eq(fqn->items[fqn->len - 2], wanted))
        return true;
    lt_texts whole = {.items = &wanted, .len = 1, .cap = 1};
    flatten(&whole, 0, arena, &parts);
    lt_text left = join(fqn, fqn->len - 2, '_', arena);
    lt_text right = join(&parts, parts.len > 2 ? parts.len - 2 : 0, '_', arena);
    return lt_text_eq(left, right);
}

static bool names_from(const lt_dbt_node *node, size_t from, lt_text wanted, lt_arena *arena)
{
    lt_texts fqn = {.items = node->fqn.items + from, .len = node->fqn.len - from};
    lt_texts flat = {0}, parts = {0}, whole = {.items = &wanted, .len = 1, .cap = 1};
    if (!fqn.len)
        return false;
    if (names_leaf(node, &fqn, wanted, arena))
        return true;
    flatten(&fqn, 0, arena, &flat);
    flatten(&whole, 0, arena, &parts);
    if (flat.len < parts.len)
        return false;
    for (size_t i = 0; i < parts.len; i++) {
        if (has_wildcard(parts.items[i])) {
            if (matches(join(&flat, i, '.', arena), join(&parts, i, '.', arena)))
                return true;
            size_t leaf = lt_dbt_is_set(node->version) && fqn.len > 1 ? 2 : 1;
            return parts.len == 1 && matches(fqn.items[fqn.len - leaf], wanted);
        }
        if (!lt_text_eq(flat.items[i], parts.items[i]))
            return false;
    }
    return true;
}

static lt_status by_fqn(const lt_dbt_method_context *context, const lt_dbt_term *term,
                        const lt_dbt_node *node, bool *fits, lt_err *err)
{
    LT_AUTO(lt_arena) scratch = {0};
    (void)context;
    (void)err;
    *fits =
        names_from(node, 0, term->value, &scratch) || names_from(node, 1, term->value, &scratch);
    return LT_OK;
}

/* ---- "name" or "package.name" ---- */

static lt_status by_name(const lt_dbt_method_context *context, const lt_dbt_term *term,
                         const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text name = term->value, package = T("*");
    size_t dot = lt_text_find_byte(name, '.', 0);
    (void)context;
    if (dot != SIZE_MAX) {
        package = lt_text_sub(name, 0, dot);
        name = lt_text_sub(name, dot + 1, SIZE_MAX);
    }
    if (lt_text_find_byte(name, '.', 0) != SIZE_MAX)
        return lt_fail(err, LT_INVALID, "'%.*s:%.*s' must be a name, or package.name",
                       LT_ARG(term->method->name), LT_ARG(term->value));
    *fits = matches(node->package->name, package) && matches(node->name, name);
    return LT_OK;
}

static lt_status by_source(const lt_dbt_method_context *context, const lt_dbt_term *term,
                           const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text parts[3] = {T("*"), T("*"), T("*")}, rest = term->value, part;
    size_t count = 0;
    (void)context;
    while (lt_text_cut(&rest, '.', &part)) {
        if (count == 3)
            return lt_fail(err, LT_INVALID,
                           "'source:%.*s' must be source, source.table or package.source.table",
                           LT_ARG(term->value));
        parts[count++] = part;
    }
    lt_text package = count == 3 ? parts[0] : T("*");
    lt_text source = count == 3 ? parts[1] : parts[0], table = count == 3 ? parts[2] : parts[1];
    *fits = matches(node->package->name, package) && matches(node->source_name, source) &&
            matches(node->name, table);
    return LT_OK;
}

/* ---- plain properties ---- */

static lt_status by_everything(const lt_dbt_method_context *context, const lt_dbt_term *term,
                               const lt_dbt_node *node, bool *fits, lt_err *err)
{
    (void)context;
    (void)term;
    (void)node;
    (void)err;
    *fits = true;
    return LT_OK;
}

static lt_status by_tag(const lt_dbt_method_context *context, const lt_dbt_term *term,
                        const lt_dbt_node *node, bool *fits, lt_err *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; i < node->config.tags.len && !*fits; i++)
        *fits = matches(node->config.tags.items[i], term->value);
    return LT_OK;
}

static lt_status by_group(const lt_dbt_method_context *context, const lt_dbt_term *term,
                          const lt_dbt_node *node, bool *fits, lt_err *err)
{
    (void)context;
    (void)err;
    *fits = node->group.len && !(TESTS & (1u << node->kind)) && matches(node->group, term->value);
    return LT_OK;
}

static lt_status by_access(const lt_dbt_method_context *context, const lt_dbt_term *term,
                           const lt_dbt_node *node, bool *fits, lt_err *err)
{
    (void)context;
    (void)err;
    *fits = lt_text_eq(node->access, term->value);
    return LT_OK;
}

static lt_status by_package(const lt_dbt_method_context *context, const lt_dbt_term *term,
                            const lt_dbt_node *node, bool *fits, lt_err *err)
{
    bool own = lt_text_eq(term->value, T("this"));
    (void)err;
    *fits = matches(node->package->name, own ? context->dbt->root->name : term->value);
    return LT_OK;
}

/* The pattern means the path itself, or a folder above it. */
static bool path_fits(lt_text path, lt_text pattern)
{
    LT_AUTO(lt_chars) left = lt_text_dup(pattern);
    LT_AUTO(lt_chars) right = lt_text_dup(path);
    bool deep = lt_text_has(pattern, T("**"));
    for (;;) {
        if (fnmatch(left, right, FNM_NOESCAPE | (deep ? 0 : FNM_PATHNAME)) == 0)
            return true;
        char *slash = strrchr(right, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
}

static lt_status by_path(const lt_dbt_method_context *context, const lt_dbt_term *term,
                         const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text pattern = term->value;
    (void)context;
    (void)err;
    if (lt_text_starts(pattern, T("./")))
        pattern = lt_text_sub(pattern, 2, SIZE_MAX);
    while (pattern.len > 1 && pattern.ptr[pattern.len - 1] == '/')
        pattern.len--;
    *fits = node->package->is_root && path_fits(node->path, pattern);
    size_t scheme = lt_text_find(node->patch_path, T("://"), 0);
    if (!*fits && scheme != SIZE_MAX)
        *fits = lt_text_eq(lt_text_sub(node->patch_path, scheme + 3, SIZE_MAX), pattern);
    return LT_OK;
}

static lt_status by_file(const lt_dbt_method_context *context, const lt_dbt_term *term,
                         const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text name = node->path;
    size_t dot = SIZE_MAX;
    (void)context;
    (void)err;
    for (size_t i = name.len; i-- > 0;)
        if (name.ptr[i] == '/') {
            name = lt_text_sub(name, i + 1, SIZE_MAX);
            break;
        }
    for (size_t i = name.len; i-- > 0 && dot == SIZE_MAX;)
        if (name.ptr[i] == '.')
            dot = i;
    *fits = matches(name, term->value) ||
            (dot != SIZE_MAX && matches(lt_text_sub(name, 0, dot), term->value));
    return LT_OK;
}

static lt_status by_resource_type(const lt_dbt_method_context *context, const lt_dbt_term *term,
                                  const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text wanted = term->value;
    (void)context;
    (void)err;
    *fits = lt_text_eq(lt_text_of(lt_dbt_kind_name(node->kind)), wanted);
    return LT_OK;
}

static lt_status by_test_name(const lt_dbt_method_context *context, const lt_dbt_term *term,
                              const lt_dbt_node *node, bool *fits, lt_err *err)
{
    (void)context;
    (void)err;
    *fits = matches(node->kind == LT_DBT_UNIT_TEST ? node->name : node->test_name, term->value);
    return LT_OK;
}

static lt_status by_test_type(const lt_dbt_method_context *context, const lt_dbt_term *term,
                              const lt_dbt_node *node, bool *fits, lt_err *err)
{
    static const struct {
        lt_text name;
        unsigned kinds;
    } types[] = {{T("generic"), K(GENERIC_TEST)},
                 {T("schema"), K(GENERIC_TEST)},
                 {T("singular"), K(SINGULAR_TEST)},
                 {T("data"), TESTS},
                 {T("unit"), K(UNIT_TEST)}};
    (void)context;
    for (size_t i = 0; i < LT_COUNT(types); i++)
        if (lt_text_eq(types[i].name, term->value)) {
            *fits = types[i].kinds & (1u << node->kind);
            return LT_OK;
        }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no test type '%.*s'", LT_ARG(term->value)));
    return lt_hint(err, "types are generic, singular, data and unit");
}

static lt_status by_version(const lt_dbt_method_context *context, const lt_dbt_term *term,
                            const lt_dbt_node *node, bool *fits, lt_err *err)
{
    bool versioned = lt_dbt_is_set(node->version);
    int order = versioned ? lt_dbt_version_cmp(node->version, node->latest_version) : 0;
    (void)context;
    if (lt_text_eq(term->value, T("latest")))
        *fits = versioned && order == 0;
    else if (lt_text_eq(term->value, T("prerelease")))
        *fits = versioned && order > 0;
    else if (lt_text_eq(term->value, T("old")))
        *fits = versioned && order < 0;
    else if (lt_text_eq(term->value, T("none")))
        *fits = !versioned;
    else
        return lt_fail(err, LT_INVALID, "'version:%.*s': it is latest, prerelease, old or none",
                       LT_ARG(term->value));
    return LT_OK;
}

/* ---- configuration ---- */

static bool value_fits(lt_jinja_value value, lt_text wanted)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (value.type == LT_JINJA_BOOL)
        return lt_text_eq_nocase(wanted, value.as.b ? T("true") : T("false"));
    if (value.type == LT_JINJA_NONE || value.type == LT_JINJA_UNDEFINED)
        return false;
    lt_jinja_str(value, &text);
    return matches(lt_buf_text(&text), wanted);
}

static lt_status by_config(const lt_dbt_method_context *context, const lt_dbt_term *term,
                           const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text rest = term->argument, part;
    if (!lt_text_cut(&rest, '.', &part) || !part.len)
        return lt_fail(err, LT_INVALID, "'config:' needs a key: config.materialized:view");
    lt_jinja_value value = lt_dbt_config_get(context->dbt, node, part);
    while (lt_text_cut(&rest, '.', &part)) {
        lt_jinja_value inner = {0};
        if (value.type != LT_JINJA_DICT || !lt_jinja_find(value, part, &inner))
            return LT_OK;
        value = inner;
    }
    *fits = value_fits(value, term->value) ||
            (lt_text_eq(term->argument, T("severity")) && value.type == LT_JINJA_STR &&
             lt_text_eq_nocase(lt_jinja_as_text(value), term->value));
    if (value.type == LT_JINJA_LIST)
        for (size_t i = 0; i < lt_jinja_len(value) && !*fits; i++)
            *fits = value_fits(lt_jinja_at(value, i), term->value);
    lt_jinja_value key, item;
    for (size_t at = 0;
         value.type == LT_JINJA_DICT && !*fits && lt_jinja_next(value, &at, &key, &item);)
        *fits = value_fits(key, term->value);
    return LT_OK;
}

/* ---- other runs ---- */

static lt_status need_state(const lt_dbt_method_context *context, const lt_dbt_term *term,
                            const void *part, const char *file, lt_err *err)
{
    if (context->state && part)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s:' needs the %s of another run",
                      LT_ARG(term->method->name), file));
    if (context->state)
        return lt_hint(err, "the folder of --state, '%s', has none", context->state->folder);
    return lt_hint(err, "name its folder with --state");
}

static lt_status by_state(const lt_dbt_method_context *context, const lt_dbt_term *term,
                          const lt_dbt_node *node, bool *fits, lt_err *err)
{
    return lt_dbt_state_check(context, term->value, node, fits, err);
}

static const lt_json *result_of(const lt_json *file, lt_text id)
{
    const lt_json *results = lt_json_find(file, "results");
    for (size_t i = 0; results && i < results->count; i++)
        if (lt_text_eq(lt_json_text_or(&results->items[i], "unique_id", (lt_text){0}), id))
            return &results->items[i];
    return NULL;
}

static lt_status by_result(const lt_dbt_method_context *context, const lt_dbt_term *term,
                           const lt_dbt_node *node, bool *fits, lt_err *err)
{
    const lt_json *file = context->state ? context->state->run_results : NULL;
    LT_TRY(need_state(context, term, file, "run_results.json", err));
    const lt_json *result = result_of(file, node->id);
    *fits = result && lt_text_eq(lt_json_text_or(result, "status", (lt_text){0}), term->value);
    return LT_OK;
}

static lt_status by_source_status(const lt_dbt_method_context *context, const lt_dbt_term *term,
                                  const lt_dbt_node *node, bool *fits, lt_err *err)
{
    const lt_dbt_state *state = context->state;
    LT_TRY(need_state(context, term, state ? state->sources : NULL, "sources.json", err));
    if (!state->current_sources)
        return lt_fail(err, LT_INVALID,
                       "No current state comparison freshness results in sources.json: run "
                       "'leat dbt source freshness' first");
    if (!lt_text_eq(term->value, T("fresher")))
        return lt_fail(err, LT_INVALID, "'source_status:%.*s': it is fresher", LT_ARG(term->value));
    const lt_json *now = result_of(state->current_sources, node->id);
    const lt_json *then = result_of(state->sources, node->id);
    lt_text fresh = lt_json_text_or(now, "max_loaded_at", (lt_text){0});
    lt_text old = lt_json_text_or(then, "max_loaded_at", (lt_text){0});
    *fits = fresh.len && (!old.len || lt_text_cmp(fresh, old) > 0);
    return LT_OK;
}

/* ---- the table ---- */

static const lt_dbt_method methods[] = {
    {T("fqn"), by_fqn, ALL_KINDS & ~(K(SOURCE) | K(GROUP))},
    {T("tag"), by_tag, ALL_KINDS & ~K(GROUP)},
    {T("group"), by_group, PARSED | K(METRIC)},
    {T("access"), by_access, K(MODEL)},
    {T("source"), by_source, K(SOURCE)},
    {T("path"), by_path, ALL_KINDS & ~K(GROUP)},
    {T("file"), by_file, ALL_KINDS & ~K(GROUP)},
    {T("package"), by_package, ALL_KINDS & ~K(GROUP)},
    {T("config"), by_config, PARSED | K(SOURCE)},
    {T("test_name"), by_test_name, K(GENERIC_TEST) | K(UNIT_TEST)},
    {T("test_type"), by_test_type, TESTS | K(UNIT_TEST)},
    {T("resource_type"), by_resource_type, ALL_KINDS & ~K(GROUP)},
    {T("state"), by_state, ALL_KINDS & ~K(GROUP)},
    {T("exposure"), by_name, K(EXPOSURE)},
    {T("metric"), by_name, K(METRIC)},
    {T("semantic_model"), by_name, K(SEMANTIC_MODEL)},
    {T("saved_query"), by_name, K(SAVED_QUERY)},
    {T("unit_test"), by_name, K(UNIT_TEST)},
    {T("result"), by_result, ALL_KINDS & ~K(GROUP)},
    {T("source_status"), by_source_status, K(SOURCE)},
    {T("version"), by_version, K(MODEL)},
    {T("everything"), by_everything, ALL_KINDS & ~K(GROUP)}, /* ours: nothing was asked for */
};

static lt_text method_name(const void *context, size_t i)
{
    (void)context;
    return methods[i].name;
}

lt_status lt_dbt_method_find(lt_text name, const lt_dbt_method **out, lt_err *err)
{
    lt_text nearest;
    for (size_t i = 0; i < LT_COUNT(methods); i++)
        if (lt_text_eq(methods[i].name, name)) {
            *out = &methods[i];
            return LT_OK;
        }
    lt_ignore(lt_fail(err, LT_INVALID, "'%.*s' is not a method of selection", LT_ARG(name)));
    if (lt_text_nearest(name, LT_COUNT(methods) - 1, method_name, NULL, &nearest))
        return lt_hint(err, "did you mean '%.*s:'?", LT_ARG(nearest));
    return lt_hint(err, "methods are tag, path, source, config, state and their like");
}

static lt_status run_over_all(const lt_dbt_method_context *context, const lt_dbt_term *term,
                              lt_node_set *out, lt_err *err)
{
    const lt_dbt_nodes *all = lt_dbt_all(context->dbt);
    for (size_t i = 0; i < all->len; i++) {
        bool fits = false;
        if (!(term->method->kinds & (1u << all->items[i]->kind)))
            continue;
        LT_TRY(term->method->fits(context, term, all->items[i], &fits, err));
        if (fits)
            lt_node_set_add(out, i);
    }
    return LT_OK;
}

static lt_status run_state(const lt_dbt_method_context *context, const lt_dbt_term *term,
                           lt_node_set *out, lt_err *err)
{
    lt_dbt_comparison comparison = {0};
    lt_dbt_method_context own = *context;
    LT_TRY(need_state(context, term, context->state ? context->state->manifest : NULL,
                      "manifest.json", err));
    if (lt_text_eq(term->value, T("modified")) || lt_text_eq(term->value, T("modified.contract")))
        LT_TRY(lt_dbt_contracts_gone(context, err));
    comparison.as_before = lt_dbt_state_as_before(context);
    own.comparison = &comparison;
    lt_status status = run_over_all(&own, term, out, err);
    lt_map_cleanup(&comparison.macros);
    return status;
}

lt_status lt_dbt_method_run(const lt_dbt_method_context *context, const lt_dbt_term *term,
                            lt_node_set *out, lt_err *err)
{
    return term->method->fits == by_state ? run_state(context, term, out, err)
                                          : run_over_all(context, term, out, err);
}
