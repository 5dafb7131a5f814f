/* Whether a node has changed since another run. */
#include "dbt/artifacts/manifest.h"
#include "dbt/inner.h"
#include "dbt/select/method.h"

/* ---- comparing; trees nest no deeper than their reader allowed ---- */

static bool is_null(const lt_json *node)
{
    return !node || node->kind == LT_JSON_NULL;
}

/* A member that an older version did not write is null. */
static bool same_members(const lt_json *a, const lt_json *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (!lt_dbt_json_same(&a->items[i], lt_json_find_text(b, a->items[i].key)))
            return false;
    for (size_t i = 0; i < b->count; i++)
        if (!is_null(&b->items[i]) && !lt_json_find_text(a, b->items[i].key))
            return false;
    return true;
}

bool lt_dbt_json_same(const lt_json *a, const lt_json *b)
{
    if (is_null(a) || is_null(b))
        return is_null(a) && is_null(b);
    if (a->kind != b->kind || (a->kind != LT_JSON_OBJECT && a->count != b->count))
        return false;
    if (a->kind == LT_JSON_BOOL)
        return a->truth == b->truth;
    if (a->kind == LT_JSON_NUMBER) {
        double left = 0, right = 0;
        return lt_text_eq(a->text, b->text) ||
               (lt_json_to_double(a->text, &left) && lt_json_to_double(b->text, &right) &&
                !(left < right) && !(left > right));
    }
    if (a->kind == LT_JSON_STRING)
        return lt_text_eq(a->text, b->text);
    if (a->kind == LT_JSON_OBJECT)
        return same_members(a, b);
    for (size_t i = 0; i < a->count; i++)
        if (!lt_dbt_json_same(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static bool same_at(const lt_json *a, const lt_json *b, const char *key)
{
    return lt_dbt_json_same(lt_json_find(a, key), lt_json_find(b, key));
}

static bool same_at_all(const lt_json *a, const lt_json *b, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!same_at(a, b, keys[i]))
            return false;
    return true;
}

void lt_dbt_state_warn(const lt_dbt_method_context *context, lt_dbt_event event, const char *line)
{
    lt_dbt *dbt = (lt_dbt *)(uintptr_t)context->dbt; /* its arena: selection has one thread */
    for (size_t i = 0; i < dbt->warnings.len; i++)
        if (lt_text_eq(dbt->warnings.items[i].text, lt_text_of(line)))
            return;
    const lt_dbt_warning warning = {.text = lt_text_of(line), .event = event};
    lt_push_in(&dbt->arena, &dbt->warnings, warning);
}

/* ---- the parts of a change ---- */

static bool has_no_body(const lt_dbt_node *node)
{
    return node->kind >= LT_DBT_SOURCE;
}

/* dbt before 1.3 calls it `raw_sql`. */
static bool same_body(const lt_dbt_node *node, const lt_json *now, const lt_json *then)
{
    const lt_json *code = lt_json_find(then, "raw_code");
    if (node->kind == LT_DBT_SEED)
        return same_at(now, then, "checksum");
    return lt_dbt_json_same(lt_json_find(now, "raw_code"),
                            code ? code : lt_json_find(then, "raw_sql"));
}

/* dbt before 1.5 does not write it. */
static bool same_access(const lt_json *now, const lt_json *then)
{
    return lt_text_eq(lt_json_text_or(now, "access", T("protected")),
                      lt_json_text_or(then, "access", T("protected")));
}

/* Where a relation lies, and what only selects, is no configuration of a node. */
static bool is_compared(const lt_dbt_node *node, lt_text key)
{
    static const lt_text apart[] = {T("alias"), T("schema"), T("database"), T("tags"), T("group")};
    if (has_no_body(node))
        return node->kind != LT_DBT_METRIC || !lt_text_eq(key, T("group"));
    for (size_t i = 0; i < LT_COUNT(apart); i++)
        if (lt_text_eq(apart[i], key))
            return false;
    return true;
}

/* Configuration as it was written: another target is no change. */
static bool same_config(const lt_dbt_node *node, const lt_json *now, const lt_json *then)
{
    const lt_json *sides[2] = {lt_json_find(now, "unrendered_config"),
                               lt_json_find(then, "unrendered_config")};
    if (node->kind == LT_DBT_SEMANTIC_MODEL || node->kind == LT_DBT_SAVED_QUERY)
        return same_at(now, then, "config");
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; sides[side] && i < sides[side]->count; i++) {
            const lt_json *item = &sides[side]->items[i];
            if (is_compared(node, item->key) &&
                !lt_dbt_json_same(item, lt_json_find_text(sides[!side], item->key)))
                return false;
        }
    return true;
}

static bool same_descriptions(const lt_json *now, const lt_json *then)
{
    const lt_json *persist = lt_json_find(lt_json_find(now, "config"), "persist_docs");
    const lt_json *columns = lt_json_find(now, "columns");
    if (lt_json_bool_or(persist, "relation", false) && !same_at(now, then, "description"))
        return false;
    if (!lt_json_bool_or(persist, "columns", false))
        return true;
    for (size_t i = 0; columns && i < columns->count; i++) {
        const lt_json *old =
            lt_json_find_text(lt_json_find(then, "columns"), columns->items[i].key);
        if (!old || !same_at(&columns->items[i], old, "description"))
            return false;
    }
    return !lt_json_find(then, "columns") ||
           lt_json_find(then, "columns")->count == (columns ? columns->count : 0);
}

static bool same_relation(const lt_dbt *dbt, const lt_dbt_node *node, const lt_json *now,
                          const lt_json *then)
{
    static const char *const keys[] = {"database", "schema", "alias"};
    static const char *const of_source[] = {"database", "schema", "identifier"};
    static const char *const written[] = {"unrendered_database", "unrendered_schema", "identifier"};
    if (node->kind != LT_DBT_SOURCE)
        return same_at_all(lt_json_find(now, "unrendered_config"),
                           lt_json_find(then, "unrendered_config"), keys, LT_COUNT(keys));
    return same_at_all(now, then,
                       lt_dbt_flag_is_on(dbt, LT_DBT_COMPARES_WRITTEN) ? written : of_source,
                       LT_COUNT(of_source));
}

static bool same_contract(const lt_json *now, const lt_json *then)
{
    static const char *const keys[] = {"name", "data_type", "constraints"};
    const lt_json *columns = lt_json_find(now, "columns"), *old = lt_json_find(then, "columns");
    bool enforced = lt_json_bool_or(lt_json_find(now, "contract"), "enforced", false);
    bool was = lt_json_bool_or(lt_json_find(then, "contract"), "enforced", false);
    if (enforced != was)
        return false;
    if (!enforced)
        return true;
    if (!columns || !old || columns->count != old->count)
        return false;
    for (size_t i = 0; i < columns->count; i++) {
        const lt_json *other = lt_json_find_text(old, columns->items[i].key);
        if (!other || !same_at_all(&columns->items[i], other, keys, LT_COUNT(keys)))
            return false;
    }
    return same_at(now, then, "constraints");
}

/* ---- macros ---- */

/* A state of dbt's has its macros in the place of ours, which mean the same. */
static bool is_of_dbt(const lt_dbt_state *state)
{
    lt_text sql = {0};
    return !lt_dbt_state_macro(state, T("macro.dbt.leat_catalog"), &sql);
}

static bool macro_changed(const lt_dbt_method_context *context, const lt_dbt_macro *macro)
{
    lt_text old = {0};
    if (macro->package->is_built_in && is_of_dbt(context->state))
        return false;
    return !lt_dbt_state_macro(context->state, macro->id, &old) || !lt_text_eq(old, macro->sql);
}

/* The macro, any that it calls, or that one of these calls. */
static bool reaches_change(const lt_dbt_method_context *context, const lt_dbt_macro *macro)
{
    lt_dbt *dbt = (lt_dbt *)(uintptr_t)context->dbt; /* its arena: selection has one thread */
    LT_VEC(const lt_dbt_macro *) open = {0};
    lt_map seen = {0};
    bool changed = false;
    lt_push(&open, macro);
    for (size_t at = 0; at < open.len && !changed; at++) {
        lt_texts needs = {0};
        if (lt_map_put(&seen, open.items[at]->id, dbt))
            continue;
        changed = macro_changed(context, open.items[at]);
        lt_dbt_macro_needs(dbt, open.items[at], &needs);
        for (size_t i = 0; i < needs.len; i++) {
            const lt_dbt_macro *next = lt_dbt_macro_by_id(dbt, needs.items[i]);
            if (next)
                lt_push(&open, next);
        }
    }
    lt_vec_free(&open);
    lt_map_cleanup(&seen);
    return changed;
}

static bool macros_changed(const lt_dbt_method_context *context, const lt_dbt_node *node)
{
    static const char yes = 1, no = 0;
    lt_map *known = &context->comparison->macros;
    for (size_t i = 0; i < node->macros.len; i++) {
        const lt_dbt_macro *macro = node->macros.items[i];
        const void *found = lt_map_find(known, macro->id);
        if (!found) {
            found = reaches_change(context, macro) ? &yes : &no;
            (void)lt_map_put(known, macro->id, (void *)(uintptr_t)found);
        }
        if (found == &yes)
            return true;
    }
    return false;
}

/* ---- all of it ---- */

/* Exports as they were written, in their order. */
static bool same_exports(const lt_json *now, const lt_json *then)
{
    static const char *const keys[] = {"export_as", "schema", "alias"};
    const lt_json *sides[2] = {lt_json_find(now, "exports"), lt_json_find(then, "exports")};
    size_t count = sides[0] ? sides[0]->count : 0;
    if (count != (sides[1] ? sides[1]->count : 0))
        return false;
    for (size_t i = 0; i < count; i++) {
        const lt_json *one = &sides[0]->items[i], *other = &sides[1]->items[i];
        if (!same_at(one, other, "name") ||
            !same_at_all(lt_json_find(one, "unrendered_config"),
                         lt_json_find(other, "unrendered_config"), keys, LT_COUNT(keys)))
            return false;
    }
    return true;
}

enum { MOST_KEYS = 9 };

/* What counts of a resource that is no node, beside its configuration. */
static const char *const compared[LT_DBT_KINDS][MOST_KEYS] = {
    [LT_DBT_SOURCE] = {"fqn", "quoting", "freshness", "loaded_at_field", "external"},
    [LT_DBT_EXPOSURE] = {"fqn", "type", "owner", "maturity", "url", "description", "label",
                         "depends_on"},
    [LT_DBT_METRIC] = {"type", "description", "label"},
    [LT_DBT_SEMANTIC_MODEL] = {"model", "description", "defaults", "entities", "dimensions",
                               "measures", "primary_entity", "group"},
    [LT_DBT_SAVED_QUERY] = {"description", "label", "group", "tags", "query_params"},
    [LT_DBT_UNIT_TEST] = {"checksum"},
    [LT_DBT_GENERIC_TEST] = {"fqn"},
};

static bool same_resource(const lt_dbt *dbt, const lt_dbt_node *node, const lt_json *now,
                          const lt_json *then)
{
    const char *const *keys = compared[node->kind];
    for (size_t i = 0; i < MOST_KEYS && keys[i]; i++)
        if (!same_at(now, then, keys[i]))
            return false;
    if (node->kind == LT_DBT_SOURCE && !same_relation(dbt, node, now, then))
        return false;
    if (node->kind == LT_DBT_SAVED_QUERY && !same_exports(now, then))
        return false;
    return node->kind == LT_DBT_UNIT_TEST || same_config(node, now, then);
}

static bool same_contents(const lt_dbt *dbt, const lt_dbt_node *node, const lt_json *now,
                          const lt_json *then)
{
    static const char *const of_model[] = {"latest_version", "deprecation_date"};
    static const char *const of_udf[] = {"arguments", "returns"};
    if (compared[node->kind][0])
        return same_resource(dbt, node, now, then);
    return same_body(node, now, then) && same_config(node, now, then) &&
           same_descriptions(now, then) && same_at(now, then, "fqn") &&
           same_relation(dbt, node, now, then) && same_contract(now, then) &&
           (node->kind != LT_DBT_MODEL ||
            (same_at_all(now, then, of_model, LT_COUNT(of_model)) && same_access(now, then))) &&
           (node->kind != LT_DBT_UDF || same_at_all(now, then, of_udf, LT_COUNT(of_udf)));
}

typedef struct change_check {
    const lt_dbt_method_context *context;
    const lt_dbt_node *node;
    const lt_json *now, *then; /* then: NULL when it is new */
} change_check;

/* dbt takes a new source, exposure, metric or the like for no change of what was there. */
static bool is_modified(const change_check *c)
{
    bool changed = c->then ? !same_contents(c->context->dbt, c->node, c->now, c->then)
                           : !has_no_body(c->node) || c->node->kind == LT_DBT_UNIT_TEST;
    return changed || macros_changed(c->context, c->node);
}
static bool is_unmodified(const change_check *c)
{
    return !is_modified(c);
}
static bool is_new(const change_check *c)
{
    return !c->then;
}
static bool is_old(const change_check *c)
{
    return c->then != NULL;
}
static bool body(const change_check *c)
{
    return !has_no_body(c->node) && (!c->then || !same_body(c->node, c->now, c->then));
}
static bool configs(const change_check *c)
{
    return c->node->kind != LT_DBT_UNIT_TEST && c->node->kind != LT_DBT_GROUP &&
           (!c->then || !same_config(c->node, c->now, c->then));
}
static bool descriptions(const change_check *c)
{
    return !has_no_body(c->node) && (!c->then || !same_descriptions(c->now, c->then));
}
static bool relation(const change_check *c)
{
    return (!has_no_body(c->node) || c->node->kind == LT_DBT_SOURCE) &&
           (!c->then || !same_relation(c->context->dbt, c->node, c->now, c->then));
}
static bool macros(const change_check *c)
{
    return macros_changed(c->context, c->node);
}
static bool contract(const change_check *c)
{
    return !has_no_body(c->node) &&
           (!c->then || (c->node->kind == LT_DBT_MODEL && !same_contract(c->now, c->then)));
}

/* What is so of a node whose text is as it was. */
typedef enum when_same { NEVER, ALWAYS, IF_MACROS, UNLESS_MACROS } when_same;

static const struct {
    lt_text name;
    bool (*fits)(const change_check *c);
    when_same same;
} checks[] = {
    {T("new"), is_new, NEVER},
    {T("old"), is_old, ALWAYS},
    {T("modified"), is_modified, IF_MACROS},
    {T("unmodified"), is_unmodified, UNLESS_MACROS},
    {T("modified.body"), body, NEVER},
    {T("modified.configs"), configs, NEVER},
    {T("modified.persisted_descriptions"), descriptions, NEVER},
    {T("modified.relation"), relation, NEVER},
    {T("modified.macros"), macros, IF_MACROS},
    {T("modified.contract"), contract, NEVER},
};

static lt_text check_name(const void *context, size_t i)
{
    (void)context;
    return checks[i].name;
}

static bool is_of_path(const lt_json *node)
{
    return lt_text_eq(lt_json_text_or(lt_json_find(node, "checksum"), "name", (lt_text){0}),
                      T("path"));
}

/* Of a large seed the state knows nothing but where it lies. */
static void warn_of_seed(const change_check *c)
{
    lt_dbt *dbt = (lt_dbt *)(uintptr_t)c->context->dbt; /* its arena: selection has one thread */
    const char *what = "The previous file was <=1MB, so it has changed";
    lt_dbt_event event = LT_DBT_SEED_GREW;
    if (c->node->kind != LT_DBT_SEED || !c->then || !is_of_path(c->now))
        return;
    if (is_of_path(c->then) && same_at(c->now, c->then, "checksum")) {
        event = LT_DBT_SEED_IS_LARGE;
        what = "It is at the same path: dbt cannot tell if it has changed: assuming they are the "
               "same";
    } else if (is_of_path(c->then)) {
        event = LT_DBT_SEED_MOVED;
        what = "The previous file was in a different location, assuming it has changed";
    }
    lt_dbt_state_warn(c->context, event,
                      lt_arena_format(&dbt->arena, "Found a seed (%.*s.%.*s) >1MB in size. %s",
                                      LT_ARG(c->node->package->name), LT_ARG(c->node->name), what));
}

/* What a test does cannot be compared without its macro. */
static lt_status need_macro(const change_check *c, lt_err *err)
{
    if (c->node->kind != LT_DBT_GENERIC_TEST || lt_dbt_test_macro(c->context->dbt, c->node))
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_INVALID, "%.*s:%u:%u: the macro or generic test '%.*s' does not exist",
                LT_ARG(c->node->path), c->node->line, c->node->col, LT_ARG(c->node->test_name)));
    return lt_hint(err, "take it out of the .yml file too, or put its macro back");
}

/* What is said or refused beside the answer. */
static lt_status check_apart(const change_check *c, lt_text check, lt_err *err)
{
    bool whole = lt_text_eq(check, T("modified")) || lt_text_eq(check, T("unmodified"));
    bool of_contract = whole || lt_text_eq(check, T("modified.contract"));
    if (whole || lt_text_eq(check, T("modified.body")))
        warn_of_seed(c);
    if (whole || lt_text_eq(check, T("modified.macros")))
        LT_TRY(need_macro(c, err));
    if (of_contract && c->then && c->node->kind == LT_DBT_MODEL)
        return lt_dbt_contract_check(c->context, c->now, c->then, err);
    return LT_OK;
}

static bool fits_when_same(const change_check *c, when_same same)
{
    return same == ALWAYS || (same == IF_MACROS && macros(c)) ||
           (same == UNLESS_MACROS && !macros(c));
}

static lt_status compare_trees(change_check *c, size_t i, bool *fits, lt_err *err)
{
    const lt_dbt_method_context *context = c->context;
    LT_AUTO(lt_arena) scratch = {0};
    LT_AUTO(lt_buf) text = {0};
    lt_json_writer w = {.out = &text};
    lt_json *now = NULL;
    lt_dbt_write_node(context->dbt, c->node, &w);
    LT_TRY(lt_json_read(lt_buf_text(&text), "node", NULL, &scratch, &now, err));
    c->now = now;
    c->then = lt_dbt_state_node_in(context->state, c->node->id, &scratch);
    LT_TRY(check_apart(c, checks[i].name, err));
    *fits = checks[i].fits(c);
    return LT_OK;
}

static lt_status compare(change_check *c, size_t i, bool *fits, lt_err *err)
{
    bool says_more = c->node->kind == LT_DBT_SEED; /* a large one is told of */
    const bool *as_before = c->context->comparison->as_before;
    if (!as_before || !as_before[c->node->index] || says_more)
        return compare_trees(c, i, fits, err);
    LT_TRY(check_apart(c, checks[i].name, err));
    *fits = fits_when_same(c, checks[i].same);
    return LT_OK;
}

lt_status lt_dbt_state_check(const lt_dbt_method_context *context, lt_text check,
                             const lt_dbt_node *node, bool *fits, lt_err *err)
{
    lt_text nearest;
    for (size_t i = 0; i < LT_COUNT(checks); i++) {
        change_check c = {.context = context, .node = node};
        if (lt_text_eq(checks[i].name, check))
            return compare(&c, i, fits, err);
    }
    lt_ignore(lt_fail(err, LT_INVALID, "'state:%.*s' is no comparison", LT_ARG(check)));
    if (lt_text_nearest(check, LT_COUNT(checks), check_name, NULL, &nearest))
        return lt_hint(err, "did you mean 'state:%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "it is new, old, modified, modified.body, modified.configs ...");
}
