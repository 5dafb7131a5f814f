/* From what nodes name to the nodes that are meant; twins, cycles and who may read what. */
#include "dbt/semantic/semantic.h"

#define OWN_PACKAGE_FIRST T("require_ref_searches_node_package_before_root")

void lt_dbt_refable_add(lt_dbt *dbt, lt_map *map, lt_text key, lt_dbt_node *node)
{
    refable_list *list = lt_map_find(map, key);
    if (!list) {
        list = LT_NEW(&dbt->names, refable_list);
        (void)lt_map_put(map, lt_arena_text(&dbt->names, key), list);
    }
    lt_push_in(&dbt->names, &list->nodes, node);
}

static bool is_refable(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL || node->kind == LT_DBT_SEED || node->kind == LT_DBT_SNAPSHOT;
}

static void name_node(lt_dbt *dbt, lt_dbt_node *node)
{
    if (is_refable(node))
        lt_dbt_refable_add(dbt, &dbt->refable, node->name, node);
    if (node->kind == LT_DBT_UDF)
        lt_dbt_refable_add(dbt, &dbt->udfs, node->name, node);
}

void lt_dbt_names_ready(const lt_dbt *of)
{
    lt_dbt *dbt = (lt_dbt *)(uintptr_t)of;
    if (!atomic_load(&dbt->names_wait))
        return;
    (void)pthread_mutex_lock(&dbt->names_lock);
    for (size_t i = 0; i < dbt->parsed.len && atomic_load(&dbt->names_wait); i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        name_node(dbt, node);
        if (!node->is_disabled)
            (void)lt_map_put(&dbt->by_id, node->id, node);
    }
    atomic_store(&dbt->names_wait, false);
    (void)pthread_mutex_unlock(&dbt->names_lock);
}

/* ---- finding ---- */

static bool same_version(lt_jinja_value a, lt_jinja_value b)
{
    if (lt_jinja_eq(a, b))
        return true;
    LT_AUTO(lt_buf) left = {.limit = 256};
    LT_AUTO(lt_buf) right = {.limit = 256};
    lt_jinja_str(a, &left);
    lt_jinja_str(b, &right);
    return lt_text_eq(lt_buf_text(&left), lt_buf_text(&right));
}

static double number_of(lt_jinja_value value)
{
    return value.type == LT_JINJA_INT     ? (double)value.as.i
           : value.type == LT_JINJA_FLOAT ? value.as.f
                                          : 0;
}

int lt_dbt_version_cmp(lt_jinja_value a, lt_jinja_value b)
{
    if (a.type == LT_JINJA_STR || b.type == LT_JINJA_STR) {
        LT_AUTO(lt_buf) left = {.limit = 256};
        LT_AUTO(lt_buf) right = {.limit = 256};
        lt_jinja_str(a, &left);
        lt_jinja_str(b, &right);
        return lt_text_cmp(lt_buf_text(&left), lt_buf_text(&right));
    }
    return number_of(a) < number_of(b) ? -1 : number_of(a) > number_of(b);
}

static bool is_meant(const lt_dbt_node *node, const lt_dbt_ref *ref)
{
    if (lt_dbt_is_set(ref->version))
        return lt_dbt_is_set(node->version) && same_version(node->version, ref->version);
    return !lt_dbt_is_set(node->version) || same_version(node->version, node->latest_version);
}

/* Of a seed, a snapshot and a model of one name in one package, dbt finds the one that it reads last. */
static bool is_before(const lt_dbt_node *node, const lt_dbt_node *other)
{
    static const lt_dbt_kind order[] = {LT_DBT_SEED, LT_DBT_SNAPSHOT, LT_DBT_MODEL};
    if (!other || node->package != other->package)
        return !other;
    for (size_t i = 0; i < LT_COUNT(order) && node->kind != other->kind; i++)
        if (node->kind == order[i] || other->kind == order[i])
            return node->kind == order[i];
    return false;
}

static lt_dbt_node *pick(const refable_list *list, const lt_dbt_package *package,
                         const lt_dbt_ref *ref, bool *is_disabled)
{
    lt_dbt_node *found = NULL;
    for (size_t i = 0; i < list->nodes.len; i++) {
        lt_dbt_node *node = list->nodes.items[i];
        if ((package && node->package != package) || !is_meant(node, ref))
            continue;
        if (node->is_disabled)
            *is_disabled = true;
        else if (is_before(node, found))
            found = node;
    }
    return found;
}

/* As dbt: the root's before the package's own, unless a flag says otherwise; then anybody's. */
static lt_dbt_node *pick_in_order(const lt_dbt *dbt, const refable_list *list,
                                  const lt_dbt_package *from, const lt_dbt_ref *ref,
                                  bool *is_disabled)
{
    bool own_first = lt_dbt_flag_is_on(dbt, OWN_PACKAGE_FIRST);
    const lt_dbt_package *order[] = {own_first ? from : dbt->root, own_first ? dbt->root : from};
    lt_dbt_node *found = NULL;
    for (size_t i = 0; i < LT_COUNT(order) && !found; i++)
        found = order[i] ? pick(list, order[i], ref, is_disabled) : NULL;
    return found ? found : pick(list, NULL, ref, is_disabled);
}

static lt_dbt_node *find_in(const lt_dbt *dbt, const lt_map *map, const lt_dbt_package *from,
                            const lt_dbt_ref *ref, bool *is_disabled)
{
    lt_dbt_names_ready(dbt);
    const refable_list *list = lt_map_find(map, ref->name);
    *is_disabled = false;
    if (!list)
        return NULL;
    if (ref->package.len) {
        const lt_dbt_package *package = lt_dbt_package_find(dbt, ref->package);
        return package ? pick(list, package, ref, is_disabled) : NULL;
    }
    return pick_in_order(dbt, list, from, ref, is_disabled);
}

lt_dbt_node *lt_dbt_ref_find(const lt_dbt *dbt, const lt_dbt_package *from, const lt_dbt_ref *ref,
                             bool *is_disabled)
{
    return find_in(dbt, &dbt->refable, from, ref, is_disabled);
}

const lt_dbt_node *lt_dbt_unpinned(const lt_dbt *dbt, const lt_dbt_node *node, size_t i,
                                   const lt_dbt_node **newest)
{
    bool is_disabled;
    const lt_dbt_ref *ref = &node->refs.items[i];
    const lt_dbt_node *found = !dbt->has_versions || lt_dbt_is_set(ref->version)
                                   ? NULL
                                   : lt_dbt_ref_find(dbt, node->package, ref, &is_disabled);
    if (!found || !lt_dbt_is_set(found->version))
        return NULL;
    const refable_list *list = lt_map_find(&dbt->refable, found->name);
    *newest = found;
    for (size_t k = 0; k < list->nodes.len; k++) {
        const lt_dbt_node *other = list->nodes.items[k];
        if (!other->is_disabled && lt_dbt_is_set(other->version) &&
            lt_dbt_version_cmp(other->version, (*newest)->version) > 0)
            *newest = other;
    }
    return *newest == found ? NULL : found;
}

lt_dbt_node *lt_dbt_udf_find(const lt_dbt *dbt, const lt_dbt_package *from, const lt_dbt_ref *ref,
                             bool *is_disabled)
{
    return find_in(dbt, &dbt->udfs, from, ref, is_disabled);
}

lt_dbt_node *lt_dbt_source_find(const lt_dbt *dbt, const lt_dbt_package *from, lt_text source,
                                lt_text table)
{
    static const lt_dbt_ref any = {.version = {.type = LT_JINJA_NONE}};
    bool is_disabled;
    LT_AUTO(lt_chars) key = lt_format("%.*s.%.*s", LT_ARG(source), LT_ARG(table));
    const refable_list *list = lt_map_find(&dbt->sources, lt_text_of(key));
    if (!list)
        return NULL;
    return pick_in_order(dbt, list, from, &any, &is_disabled);
}

/* ---- messages ---- */

static lt_text map_key(const void *context, size_t i)
{
    return ((const lt_map *)context)->entries.items[i].key;
}

static lt_status say_nearest(const lt_map *names, lt_text name, const char *otherwise, lt_err *err)
{
    lt_text nearest;
    if (lt_text_nearest(name, names->entries.len, map_key, names, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "%s", otherwise);
}

static lt_status say_versions(const refable_list *list, lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 300};
    for (size_t i = 0; i < list->nodes.len; i++)
        if (lt_dbt_is_set(list->nodes.items[i]->version)) {
            lt_buf_add_str(&text, text.len ? ", " : "");
            lt_jinja_str(list->nodes.items[i]->version, &text);
        }
    return text.len ? lt_hint(err, "its versions are %s", lt_buf_chars(&text))
                    : lt_hint(err, "it has no versions");
}

lt_status lt_dbt_ref_missing(const lt_dbt *dbt, const lt_dbt_ref *ref, bool is_disabled,
                             lt_err *err)
{
    lt_dbt_names_ready(dbt);
    const refable_list *list = lt_map_find(&dbt->refable, ref->name);
    if (ref->package.len && !lt_dbt_package_find(dbt, ref->package)) {
        lt_ignore(
            lt_fail(err, LT_INVALID, "ref(): there is no package '%.*s'", LT_ARG(ref->package)));
        return say_nearest(&dbt->package_names, ref->package, "install it with 'leat dbt deps'",
                           err);
    }
    if (is_disabled) {
        lt_ignore(lt_fail(err, LT_INVALID, "it needs the model '%.*s', which is disabled",
                          LT_ARG(ref->name)));
        return lt_hint(err, "enable it, or disable this one too");
    }
    if (list && lt_dbt_is_set(ref->version)) {
        LT_AUTO(lt_buf) version = {.limit = 256};
        lt_jinja_str(ref->version, &version);
        lt_ignore(lt_fail(err, LT_INVALID, "the model '%.*s' has no version %s", LT_ARG(ref->name),
                          lt_buf_chars(&version)));
        return say_versions(list, err);
    }
    if (list && ref->package.len) {
        lt_ignore(lt_fail(err, LT_INVALID, "there is no model '%.*s' in the package '%.*s'",
                          LT_ARG(ref->name), LT_ARG(ref->package)));
        return lt_hint(err, "there is one in '%.*s'", LT_ARG(list->nodes.items[0]->package->name));
    }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no model '%.*s'", LT_ARG(ref->name)));
    return say_nearest(&dbt->refable, ref->name, "models are the .sql files below models/", err);
}

lt_status lt_dbt_udf_missing(const lt_dbt *dbt, const lt_dbt_ref *ref, bool is_disabled,
                             lt_err *err)
{
    bool in = ref->package.len > 0;
    lt_dbt_names_ready(dbt);
    if (is_disabled) {
        lt_ignore(lt_fail(err, LT_INVALID, "it needs the function '%.*s', which is disabled",
                          LT_ARG(ref->name)));
        return lt_hint(err, "enable it, or disable this one too");
    }
    lt_ignore(lt_fail(err, LT_INVALID, "there is no function '%.*s'%s%.*s%s", LT_ARG(ref->name),
                      in ? " in the package '" : "", LT_ARG(ref->package), in ? "'" : ""));
    return say_nearest(&dbt->udfs, ref->name, "functions are the files below functions/", err);
}

lt_status lt_dbt_source_missing(const lt_dbt *dbt, lt_text source, lt_text table, lt_err *err)
{
    LT_AUTO(lt_chars) key = lt_format("%.*s.%.*s", LT_ARG(source), LT_ARG(table));
    if (lt_map_find(&dbt->sources, lt_text_of(key))) {
        lt_ignore(lt_fail(err, LT_INVALID, "it needs the source '%.*s.%.*s', which is disabled",
                          LT_ARG(source), LT_ARG(table)));
        return lt_hint(err, "enable it, or disable this one too");
    }
    lt_ignore(
        lt_fail(err, LT_INVALID, "there is no source '%.*s.%.*s'", LT_ARG(source), LT_ARG(table)));
    return say_nearest(
        &dbt->sources, lt_text_of(key),
        "sources are resources with 'load:' in sources/*.yml, or 'sources:' in models/*.yml", err);
}

/* ---- depends_on ---- */

static bool depends(const lt_dbt_node *node, const lt_dbt_node *on)
{
    for (size_t i = 0; i < node->depends_on.len; i++)
        if (node->depends_on.items[i] == on)
            return true;
    return false;
}

static void need(lt_dbt *dbt, lt_dbt_node *node, lt_dbt_node *on)
{
    if (depends(node, on))
        return;
    lt_push_in(&dbt->arena, &node->depends_on, on);
}

/* Evaluate the node again, so that the error comes from the call itself, with its line and column: of what is not there, or of a
 * reference to `refused`, which fails with `refusal`. */
static lt_status fail_at_call(lt_dbt *dbt, lt_dbt_node *node, const lt_dbt_node *refused,
                              const lt_err *refusal, lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_AUTO(lt_buf) text = {0};
    lt_jinja_heap heap = {0};
    rendering r;
    bool has_code =
        node->raw_code.len && node->kind != LT_DBT_GENERIC_TEST && !lt_dbt_is_yaml_snapshot(node);
    if (!has_code || lt_dbt_compile_template(dbt, node, true, &compiled, err) != LT_OK)
        return LT_OK;
    lt_dbt_rendering_init(&r, dbt, node);
    r.loading = dbt;
    r.checking = true;
    r.refused = refused;
    r.refusal = refusal;
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = &r};
    lt_status status = lt_jinja_render_text(compiled, &context, &heap, &text, NULL, err);
    lt_jinja_heap_cleanup(&heap);
    return status;
}

static bool is_test(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_GENERIC_TEST || node->kind == LT_DBT_SINGULAR_TEST;
}

static lt_status at_node(const lt_dbt_node *node, lt_err *err)
{
    if (node->line && node->kind != LT_DBT_OPERATION)
        return lt_wrap(err, "%.*s:%u:%u", LT_ARG(node->path), node->line, LT_MAX(node->col, 1u));
    return lt_wrap(err, "%.*s", LT_ARG(node->path));
}

/* A test of what is not there (`err` says what) is put aside, with a word; anything else is an error. */
static lt_status missing(lt_dbt *dbt, lt_dbt_node *node, bool is_disabled, lt_err *err)
{
    if (is_test(node) && (is_disabled || !dbt->is_strict)) {
        node->is_disabled = true;
        if (!is_disabled)
            lt_dbt_warn(dbt, LT_DBT_NOT_FOUND, "%.*s: %.*s: %s", LT_ARG(node->path),
                        LT_ARG(node->name), err->message);
        return LT_OK;
    }
    lt_err at_call = {0};
    if (fail_at_call(dbt, node, NULL, NULL, &at_call) != LT_OK) {
        *err = at_call;
        return err->status;
    }
    return at_node(node, err);
}

/* What `err` says of a reference of the node, at the place of that reference where it is in a template. */
static lt_status refuse(lt_dbt *dbt, lt_dbt_node *node, const lt_dbt_node *on, lt_err *err)
{
    lt_err at_call = {0};
    bool is_placed = fail_at_call(dbt, node, on, err, &at_call) != LT_OK &&
                     lt_text_ends(lt_text_of(at_call.message), lt_text_of(err->message));
    if (!is_placed)
        return at_node(node, err);
    *err = at_call;
    return err->status;
}

/* private: only nodes of the same group; protected: only those of the same package, when that restricts access. */
static lt_status check_access(lt_dbt *dbt, lt_dbt_node *node, const lt_dbt_node *on, lt_err *err)
{
    bool apart = node->package != on->package;
    bool restricts =
        on->package && lt_jinja_truth(lt_dbt_at(on->package->project, "restrict-access"));
    if (on->kind != LT_DBT_MODEL || (apart && !restricts))
        return LT_OK;
    bool closed = lt_text_eq(on->access, T("private")) && !lt_text_eq(node->group, on->group);
    if (closed && on->group.len) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "it references '%.*s', which is private to the group '%.*s'",
                          LT_ARG(on->id), LT_ARG(on->group)));
        lt_ignore(lt_hint(err, "put it into that group, or change the access of '%.*s'",
                          LT_ARG(on->name)));
        return refuse(dbt, node, on, err);
    }
    if (apart && restricts && !lt_text_eq(on->access, T("public"))) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "it references '%.*s', which is protected in the package '%.*s'",
                          LT_ARG(on->id), LT_ARG(on->package->name)));
        lt_ignore(lt_hint(err, "make it public there"));
        return refuse(dbt, node, on, err);
    }
    return LT_OK;
}

/* A foreign key is a reference too: what it points to is built first. */
static lt_status add_foreign_keys(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value constraints,
                                  lt_err *err)
{
    for (size_t i = 0; constraints.type == LT_JINJA_LIST && i < lt_jinja_len(constraints); i++) {
        lt_jinja_value one = lt_jinja_at(constraints, i), to = lt_dbt_at(one, "to");
        lt_dbt_ref ref;
        bool source;
        if (!lt_dbt_is_set(to) ||
            !lt_text_eq(lt_jinja_as_text(lt_dbt_at(one, "type")), T("foreign_key")))
            continue;
        if (!lt_dbt_reference_read(lt_jinja_as_text(to), &ref, &source)) {
            lt_ignore(lt_fail(err, LT_INVALID, "%.*s: a foreign key's 'to' is no reference: '%.*s'",
                              LT_ARG(node->path), LT_ARG(lt_jinja_as_text(to))));
            return lt_hint(err, "write to: ref('model') or to: source('source', 'table')");
        }
        lt_dbt_refs *refs = source ? &node->source_refs : &node->refs;
        bool known = false;
        for (size_t k = 0; k < refs->len; k++)
            known = known || (lt_text_eq(refs->items[k].name, ref.name) &&
                              lt_text_eq(refs->items[k].package, ref.package) &&
                              lt_jinja_eq(refs->items[k].version, ref.version));
        if (!known)
            lt_push_in(&dbt->arena, refs, ref);
    }
    return LT_OK;
}

static lt_status add_constraint_refs(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    if (node->kind != LT_DBT_MODEL)
        return LT_OK;
    LT_TRY(add_foreign_keys(dbt, node, lt_dbt_at(node->raw, "constraints"), err));
    for (size_t i = 0; i < node->columns.len; i++)
        LT_TRY(
            add_foreign_keys(dbt, node, lt_dbt_at(node->columns.items[i].raw, "constraints"), err));
    return LT_OK;
}

/* A package whose reference a node of the root takes. */
static void warn_of_inversion(lt_dbt *dbt, const lt_dbt_node *node, const lt_dbt_node *found,
                              const lt_dbt_ref *ref)
{
    if (node->package == dbt->root || found->package != dbt->root || !dbt->root ||
        lt_text_eq(ref->package, dbt->root->name) || lt_dbt_flag_is_on(dbt, OWN_PACKAGE_FIRST))
        return;
    lt_dbt_warn(dbt, LT_DBT_ROOT_DEPENDENCY,
                "The node '%.*s' in package '%.*s' depends on the root project node '%.*s'. This "
                "may lead to unexpected cycles downstream. Set the flag "
                "'require_ref_searches_node_package_before_root' to True to avoid this.",
                LT_ARG(node->name), LT_ARG(node->package->name), LT_ARG(found->id));
}

static lt_status link_node(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    LT_TRY(add_constraint_refs(dbt, node, err));
    if (node->kind == LT_DBT_SEED && (node->refs.len || node->source_refs.len))
        return lt_fail(
            err, LT_INVALID,
            "%.*s: Seeds cannot depend on other nodes, and a hook of this one refers to '%.*s'",
            LT_ARG(node->path),
            LT_ARG(node->refs.len ? node->refs.items[0].name : node->source_refs.items[0].name));
    for (size_t i = 0; i < node->source_refs.len && !node->is_disabled; i++) {
        const lt_dbt_ref *ref = &node->source_refs.items[i];
        lt_dbt_node *found = lt_dbt_source_find(dbt, node->package, ref->package, ref->name);
        if (found)
            need(dbt, node, found);
        else if (lt_dbt_source_missing(dbt, ref->package, ref->name, err) != LT_OK)
            LT_TRY(missing(dbt, node, false, err));
    }
    for (size_t i = 0; i < node->refs.len && !node->is_disabled; i++) {
        const lt_dbt_ref *ref = &node->refs.items[i];
        bool is_disabled;
        lt_dbt_node *found = lt_dbt_ref_find(dbt, node->package, ref, &is_disabled);
        if (!found) {
            lt_ignore(lt_dbt_ref_missing(dbt, ref, is_disabled, err));
            LT_TRY(missing(dbt, node, is_disabled, err));
            continue;
        }
        if (!is_test(node))
            LT_TRY(check_access(dbt, node, found, err));
        warn_of_inversion(dbt, node, found, ref);
        need(dbt, node, found);
    }
    return LT_OK;
}

static lt_status link_udfs(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    for (size_t i = 0; i < node->udf_refs.len && !node->is_disabled; i++) {
        bool is_disabled;
        const lt_dbt_ref *ref = &node->udf_refs.items[i];
        lt_dbt_node *found = lt_dbt_udf_find(dbt, node->package, ref, &is_disabled);
        if (found)
            need(dbt, node, found);
        else if (lt_dbt_udf_missing(dbt, ref, is_disabled, err) != LT_OK)
            LT_TRY(missing(dbt, node, is_disabled, err));
    }
    return LT_OK;
}

/* ---- metrics and semantic models ---- */

static void add_measures(lt_dbt *dbt, lt_dbt_node *model)
{
    lt_jinja_value list = lt_dbt_at(model->raw, "measures");
    for (size_t i = 0; i < lt_jinja_len(list); i++) {
        lt_text name = lt_jinja_as_text(lt_dbt_at(lt_jinja_at(list, i), "name"));
        if (!lt_map_has(&dbt->measures, name))
            (void)lt_map_put(&dbt->measures, name, model);
    }
}

static lt_status fail_semantic(const lt_dbt_node *node, lt_err *err)
{
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(node->path), node->line, LT_MAX(node->col, 1u));
}

static lt_status need_measure(lt_dbt *dbt, lt_dbt_node *metric, lt_jinja_value measure, lt_err *err)
{
    lt_text name = lt_jinja_as_text(lt_dbt_at(measure, "name"));
    lt_dbt_node *found = lt_map_find(&dbt->measures, name);
    if (!name.len || (found && !found->is_disabled)) {
        if (name.len)
            need(dbt, metric, found);
        return LT_OK;
    }
    if (found)
        lt_ignore(lt_fail(err, LT_INVALID,
                          "The measure `%.*s` is referenced on disabled semantic model `%.*s`.",
                          LT_ARG(name), LT_ARG(found->name)));
    else
        lt_ignore(lt_fail(err, LT_INVALID,
                          "A semantic model having a measure `%.*s` does not exist but was "
                          "referenced.",
                          LT_ARG(name)));
    return fail_semantic(metric, err);
}

/* `metric`: its name. */
static lt_status need_metric(lt_dbt *dbt, lt_dbt_node *node, lt_jinja_value metric, lt_err *err)
{
    lt_text name = lt_jinja_as_text(metric);
    lt_dbt_node *found = lt_map_find(&dbt->metrics, name);
    if (!name.len || (found && !found->is_disabled)) {
        if (name.len)
            need(dbt, node, found);
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "The metric `%.*s` %s", LT_ARG(name),
                      found ? "is disabled and thus cannot be referenced."
                            : "does not exist but was referenced."));
    return fail_semantic(node, err);
}

static lt_status link_metric(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    static const char *const inputs[] = {"numerator", "denominator"};
    lt_jinja_value params = lt_dbt_at(node->raw, "type_params");
    lt_jinja_value conversion = lt_dbt_at(params, "conversion_type_params");
    lt_jinja_value list = lt_dbt_at(params, "metrics");
    LT_TRY(need_measure(dbt, node, lt_dbt_at(params, "measure"), err));
    LT_TRY(need_measure(dbt, node, lt_dbt_at(conversion, "base_measure"), err));
    LT_TRY(need_measure(dbt, node, lt_dbt_at(conversion, "conversion_measure"), err));
    for (size_t i = 0; i < LT_COUNT(inputs); i++)
        LT_TRY(need_metric(dbt, node, lt_dbt_at(lt_dbt_at(params, inputs[i]), "name"), err));
    for (size_t i = 0; i < lt_jinja_len(list); i++)
        LT_TRY(need_metric(dbt, node, lt_dbt_at(lt_jinja_at(list, i), "name"), err));
    return LT_OK;
}

static lt_status link_semantic(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    if (node->kind == LT_DBT_METRIC)
        LT_TRY(link_metric(dbt, node, err));
    if (node->kind == LT_DBT_SAVED_QUERY) {
        lt_jinja_value list = lt_dbt_at(lt_dbt_at(node->raw, "query_params"), "metrics");
        for (size_t i = 0; i < lt_jinja_len(list); i++)
            LT_TRY(need_metric(dbt, node, lt_jinja_at(list, i), err));
    }
    for (size_t i = 0; i < node->metric_refs.len; i++) {
        lt_text name = node->metric_refs.items[i].name;
        lt_dbt_node *found = lt_map_find(&dbt->metrics, name);
        if (found && !found->is_disabled) {
            need(dbt, node, found);
            continue;
        }
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s depends on a metric named '%.*s' which %s",
                          LT_ARG(node->id), LT_ARG(name), found ? "is disabled" : "was not found"));
        LT_TRY(missing(dbt, node, found != NULL, err));
    }
    return LT_OK;
}

/* ---- twins ---- */

static lt_status check_twin(lt_dbt *dbt, lt_dbt_node *node, lt_err *err)
{
    const lt_dbt_node *twin = lt_map_find(&dbt->by_id, node->id);
    if (!twin) {
        (void)lt_map_put(&dbt->by_id, node->id, node);
        return LT_OK;
    }
    if (node->kind == LT_DBT_GENERIC_TEST) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "%.*s:%u:%u: the test '%.*s' is there already, at %.*s:%u:%u",
                          LT_ARG(node->path), node->line, node->col, LT_ARG(node->name),
                          LT_ARG(twin->path), twin->line, twin->col));
        return lt_hint(err, "take one out, or give it a 'name:' of its own");
    }
    bool is_entry = node->kind >= LT_DBT_SOURCE && node->line && twin->line;
    LT_AUTO(lt_chars) here = is_entry ? lt_format(":%u", node->line) : lt_xstrdup("");
    LT_AUTO(lt_chars) there = is_entry ? lt_format(":%u", twin->line) : lt_xstrdup("");
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s%s: the %s '%.*s' is there already, at %.*s%s",
                      LT_ARG(node->path), here, lt_dbt_kind_name(node->kind), LT_ARG(node->name),
                      LT_ARG(twin->path), there));
    return lt_hint(err, "rename one of the two%s", is_entry ? "" : " files");
}

/* ref('x') must mean one thing within a package. */
static lt_status check_names(lt_dbt *dbt, lt_err *err)
{
    bool refuses =
        dbt->is_strict || lt_dbt_flag_is_on(dbt, T("require_unique_project_resource_names"));
    for (size_t i = 0; i < dbt->refable.entries.len; i++) {
        const refable_list *list = dbt->refable.entries.items[i].value;
        const lt_dbt_node *first = NULL;
        for (size_t k = 0; k < list->nodes.len; k++) {
            const lt_dbt_node *node = list->nodes.items[k];
            if (node->is_disabled || lt_dbt_is_set(node->version))
                continue;
            bool twins = first && first->package == node->package;
            if (twins && !refuses)
                lt_dbt_warn(dbt, LT_DBT_SHARED_NAME,
                            "Found resources with the same name '%.*s' in package '%.*s': '%.*s' "
                            "and '%.*s'. Please update one of the resources to have a unique name. "
                            "Until then ref('%.*s') means the %s.",
                            LT_ARG(node->name), LT_ARG(node->package->name), LT_ARG(first->id),
                            LT_ARG(node->id), LT_ARG(node->name),
                            lt_dbt_kind_name(is_before(node, first) ? node->kind : first->kind));
            if (twins && refuses) {
                lt_ignore(lt_fail(err, LT_INVALID,
                                  "%.*s: the name '%.*s' is there already, of the %s at %.*s",
                                  LT_ARG(node->path), LT_ARG(node->name),
                                  lt_dbt_kind_name(first->kind), LT_ARG(first->path)));
                return lt_hint(err, "ref('%.*s') could mean both: rename one", LT_ARG(node->name));
            }
            first = node;
        }
    }
    return LT_OK;
}

/* "database.schema.name" in small letters. */
static const char *place_of(const lt_relation *relation, lt_arena *arena)
{
    const lt_text parts[] = {relation->database, relation->schema, relation->name};
    size_t len = 0;
    char *made = lt_alloc(arena, parts[0].len + parts[1].len + parts[2].len + LT_COUNT(parts));
    for (size_t i = 0; i < LT_COUNT(parts); i++) {
        if (i)
            made[len++] = '.';
        for (size_t k = 0; k < parts[i].len; k++)
            made[len++] = lt_lower(parts[i].ptr[k]);
    }
    return made;
}

/* Two nodes that write one relation would overwrite each other. */
static lt_status check_relations(const lt_dbt *dbt, lt_err *err)
{
    lt_map places = {0};
    LT_AUTO(lt_arena) arena = {0};
    lt_status status = LT_OK;
    for (size_t i = 0; i < dbt->all.len && status == LT_OK; i++) {
        lt_dbt_node *node = dbt->all.items[i];
        if (!is_refable(node) || node->no_relation)
            continue;
        const char *key = place_of(&node->relation, &arena);
        const lt_dbt_node *twin = lt_map_put(&places, lt_text_of(key), node);
        if (!twin)
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s: it would be built as '%s', as %.*s is",
                          LT_ARG(node->path), key, LT_ARG(twin->path)));
        status = lt_hint(err, "give one of them another alias or schema");
    }
    lt_map_cleanup(&places);
    return status;
}

static lt_status check_groups(const lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_node *node = dbt->all.items[i];
        if (!node->group.len || lt_map_has(&dbt->groups, node->group))
            continue;
        lt_ignore(lt_fail(err, LT_INVALID, "%.*s: there is no group '%.*s'", LT_ARG(node->path),
                          LT_ARG(node->group)));
        return say_nearest(&dbt->groups, node->group, "define it below groups: in a .yml file",
                           err);
    }
    return LT_OK;
}

/* ---- cycles ---- */

typedef struct visit {
    lt_dbt_node *node;
    size_t next;
} visit;

static lt_status fail_cycle(lt_dbt *dbt, const visit *path, size_t depth, const lt_dbt_node *again,
                            lt_err *err)
{
    LT_AUTO(lt_buf) text = {.limit = 800};
    size_t start = 0;
    while (start < depth && path[start].node != again)
        start++;
    for (size_t i = start; i < depth; i++)
        lt_buf_printf(&text, "%.*s -> ", LT_ARG(path[i].node->id));
    lt_buf_add(&text, again->id);
    lt_ignore(lt_fail(err, LT_INVALID, "found a cycle: %s", lt_buf_chars(&text)));
    lt_ignore(lt_hint(err, "let one of them not need the next"));
    return refuse(dbt, path[depth - 1].node, again, err);
}

/* Depth first without recursion: white 0, on the path 1, done 2. */
static lt_status check_cycles(lt_dbt *dbt, lt_err *err)
{
    size_t count = dbt->all.len;
    unsigned char *color = lt_xcalloc(count + 1, 1);
    visit *path = lt_xcalloc(count + 1, sizeof(*path));
    lt_status status = LT_OK;
    for (size_t i = 0; i < count && status == LT_OK; i++) {
        size_t depth = 0;
        if (color[i])
            continue;
        path[depth++] = (visit){.node = dbt->all.items[i]};
        color[i] = 1;
        while (depth && status == LT_OK) {
            visit *top = &path[depth - 1];
            if (top->next == top->node->depends_on.len) {
                color[top->node->index] = 2;
                depth--;
                continue;
            }
            lt_dbt_node *next = top->node->depends_on.items[top->next++];
            if (color[next->index] == 1) {
                status = fail_cycle(dbt, path, depth, next, err);
            } else if (!color[next->index]) {
                color[next->index] = 1;
                path[depth++] = (visit){.node = next};
            }
        }
    }
    lt_free(path);
    lt_free(color);
    return status;
}

/* ---- all of it ---- */

static bool is_runnable(const lt_dbt_node *node)
{
    return is_refable(node) || is_test(node) || node->kind == LT_DBT_UNIT_TEST ||
           node->kind == LT_DBT_UDF;
}

static void sort_in(lt_dbt *dbt, lt_dbt_node *node)
{
    lt_dbt_nodes *to = node->is_disabled ? &dbt->disabled : &dbt->all;
    node->index = to->len;
    lt_push_in(&dbt->arena, to, node);
    dbt->counts[node->kind] += !node->is_disabled;
    if (!node->is_disabled && is_runnable(node))
        lt_push_in(&dbt->arena, &dbt->runnable, node);
}

static void make_room(lt_dbt *dbt, lt_dbt_nodes *nodes)
{
    nodes->cap = dbt->parsed.len + dbt->unit_tests.len + 1;
    nodes->items = lt_alloc_array(&dbt->arena, nodes->cap, sizeof(lt_dbt_node *));
}

static void sort_out(lt_dbt *dbt)
{
    size_t unit = 0;
    make_room(dbt, &dbt->all);
    make_room(dbt, &dbt->runnable);
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        if (node->kind != LT_DBT_UNIT_TEST)
            sort_in(dbt, node);
        for (; unit < dbt->unit_tests.len && dbt->unit_tests.items[unit]->place == node->place;
             unit++)
            sort_in(dbt, dbt->unit_tests.items[unit]);
    }
}

/* ---- what was resolved before ---- */

static bool is_simple(const lt_dbt_node *node)
{
    bool other = node->kind == LT_DBT_UNIT_TEST || node->kind == LT_DBT_METRIC ||
                 node->kind == LT_DBT_SEMANTIC_MODEL || node->kind == LT_DBT_SAVED_QUERY;
    return !other && node->is_disabled == node->config.disabled &&
           !lt_text_eq(node->config.incremental_strategy, T("microbatch"));
}

/* Nothing but edges has come of it: no word was said, no node was made or put aside. */
static bool is_only_edges(const lt_dbt *dbt, size_t warnings)
{
    bool only = !dbt->is_strict && !dbt->has_versions && !dbt->settings.source_count &&
                dbt->warnings.len == warnings;
    for (size_t i = 0; i < dbt->parsed.len && only; i++)
        only = is_simple(dbt->parsed.items[i]);
    return only;
}

static bool are_same_refs(const lt_dbt_refs *a, const lt_dbt_refs *b)
{
    bool same = a->len == b->len;
    for (size_t i = 0; i < a->len && same; i++)
        same = lt_text_eq(a->items[i].package, b->items[i].package) &&
               lt_text_eq(a->items[i].name, b->items[i].name) &&
               a->items[i].version.type == b->items[i].version.type &&
               lt_jinja_eq(a->items[i].version, b->items[i].version);
    return same;
}

bool lt_dbt_resolves_alike(const lt_dbt_node *a, const lt_dbt_node *b)
{
    return a->kind == b->kind && a->package == b->package && lt_text_eq(a->id, b->id) &&
           lt_text_eq(a->name, b->name) && a->config.disabled == b->config.disabled &&
           a->no_relation == b->no_relation &&
           lt_text_eq(a->relation.database, b->relation.database) &&
           lt_text_eq(a->relation.schema, b->relation.schema) &&
           lt_text_eq(a->relation.name, b->relation.name) && lt_text_eq(a->group, b->group) &&
           lt_text_eq(a->access, b->access) && !lt_dbt_is_set(a->version) &&
           !lt_dbt_is_set(b->version) && are_same_refs(&a->refs, &b->refs) &&
           are_same_refs(&a->source_refs, &b->source_refs) &&
           are_same_refs(&a->metric_refs, &b->metric_refs) &&
           are_same_refs(&a->udf_refs, &b->udf_refs) &&
           !lt_text_eq(b->config.incremental_strategy, T("microbatch"));
}

/* What was resolved leads to nodes that are there, and nowhere round; a file may say anything. */
static lt_status check_edges(lt_dbt *dbt, lt_err *err)
{
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_nodes *on = &dbt->all.items[i]->depends_on;
        for (size_t k = 0; k < on->len; k++)
            if (on->items[k]->is_disabled)
                return lt_fail(err, LT_INVALID, "its edges are damaged");
    }
    return check_cycles(dbt, err);
}

/* Every node is to resolving what it was: so are the edges, which are there, and that nothing is wrong with them. */
static lt_status resolve_as_before(lt_dbt *dbt, lt_err *err)
{
    sort_out(dbt);
    LT_TRY(check_edges(dbt, err));
    atomic_store(&dbt->names_wait, true);
    LT_TRY(lt_dbt_check_contracts(dbt, true, err));
    return lt_dbt_check(dbt, err);
}

lt_status lt_dbt_resolve(lt_dbt *dbt, lt_err *err)
{
    size_t warnings = dbt->warnings.len;
    if (dbt->is_settled)
        return resolve_as_before(dbt, err);
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        node->is_disabled = node->config.disabled;
        name_node(dbt, node);
        dbt->has_versions |= lt_dbt_is_set(node->version);
        if (node->kind == LT_DBT_SEMANTIC_MODEL)
            add_measures(dbt, node);
        if (!node->is_disabled)
            LT_TRY(check_twin(dbt, node, err));
        if (!node->is_disabled)
            LT_TRY(lt_dbt_microbatch_check(dbt, node, err));
    }
    LT_TRY(check_names(dbt, err));
    LT_TRY(lt_dbt_check_contracts(dbt, false, err));
    LT_TRY(lt_dbt_unit_tests_settle(dbt, err));
    for (size_t i = 0; i < dbt->parsed.len; i++) {
        lt_dbt_node *node = dbt->parsed.items[i];
        bool links = !node->is_disabled && node->kind != LT_DBT_UNIT_TEST; /* those are linked */
        if (links)
            LT_TRY(link_node(dbt, node, err));
        if (!node->is_disabled)
            LT_TRY(link_semantic(dbt, node, err));
        LT_TRY(link_udfs(dbt, node, err));
        if (node->is_disabled && lt_map_find(&dbt->by_id, node->id) == node)
            (void)lt_map_put(&dbt->by_id, node->id, NULL);
    }
    sort_out(dbt);
    LT_TRY(check_relations(dbt, err));
    LT_TRY(check_groups(dbt, err));
    LT_TRY(check_cycles(dbt, err));
    LT_TRY(lt_dbt_semantic_finish(dbt, err));
    dbt->is_settled = is_only_edges(dbt, warnings);
    return lt_dbt_check(dbt, err);
}
