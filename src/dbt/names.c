/* The names that the project answers in templates: macros, ref, source, config, var, doc, target and their like. */
#include "dbt/inner.h"

#include "base/mask.h"

#include <stdlib.h>

static rendering *rendering_of(const lt_jinja_call *call)
{
    return lt_jinja_user(call->render);
}

/* ---- ref and source ---- */

/* In a first pass a reference is only written down; the answer is the node itself, as in dbt. */
static lt_jinja_value own_relation(const rendering *r, lt_jinja_heap *heap)
{
    return lt_dbt_node_relation(r, r->node, heap);
}

typedef enum ref_kind { TO_NODE, TO_SOURCE, TO_UDF } ref_kind;

static void record_ref(rendering *r, const lt_dbt_ref *ref, ref_kind kind)
{
    lt_dbt_node *node = r->recorded;
    lt_dbt *dbt = r->loading;
    if (!node)
        return;
    lt_dbt_ref copy = {.package = lt_arena_text(&dbt->arena, ref->package),
                       .name = lt_arena_text(&dbt->arena, ref->name),
                       .version = ref->version};
    if (ref->version.type == LT_JINJA_STR)
        copy.version = lt_jinja_text(lt_arena_text(&dbt->arena, lt_jinja_as_text(ref->version)));
    lt_dbt_refs *list = kind == TO_SOURCE ? &node->source_refs
                        : kind == TO_UDF  ? &node->udf_refs
                                          : &node->refs;
    for (size_t i = 0; i < list->len; i++)
        if (lt_text_eq(list->items[i].name, copy.name) &&
            lt_text_eq(list->items[i].package, copy.package) &&
            lt_jinja_eq(list->items[i].version, copy.version))
            return;
    lt_push_in(&dbt->arena, list, copy);
}

static lt_status bind_ref(lt_jinja_call *call, lt_dbt_ref *out, lt_err *err)
{
    lt_jinja_value args[4];
    call->name = "ref"; /* an object is called: it has no name of its own */
    LT_TRY(lt_jinja_bind(call, "model name? v? version?", args, err));
    bool two = !lt_jinja_is_absent(args[1]);
    *out = (lt_dbt_ref){.version = lt_jinja_none()};
    LT_TRY(lt_jinja_need_text(call, args[two], "name", &out->name, err));
    if (two)
        LT_TRY(lt_jinja_need_text(call, args[0], "package", &out->package, err));
    for (size_t i = 2; i < 4; i++)
        if (!lt_jinja_is_absent(args[i]) && lt_dbt_is_set(args[i]))
            out->version = args[i];
    return LT_OK;
}

static lt_status ref_call(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_dbt_ref wanted;
    bool is_disabled = false;
    LT_TRY(bind_ref(call, &wanted, err));
    *result = own_relation(r, call->heap);
    if (r->loading && !r->checking) {
        record_ref(r, &wanted, TO_NODE);
        return LT_OK;
    }
    const lt_dbt_node *found = lt_dbt_ref_find(r->dbt, r->package, &wanted, &is_disabled);
    if (!found)
        return lt_dbt_ref_missing(r->dbt, &wanted, is_disabled, err);
    if (r->checking && found == r->refused) {
        *err = *r->refusal;
        return err->status;
    }
    return lt_dbt_ref_value(r, call->render, found, result, err);
}

static lt_status ref_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                          lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)self;
    (void)err;
    rendering *r = lt_jinja_user(render);
    *found = lt_text_eq(name, T("config"));
    if (*found)
        *out = lt_jinja_object_value(&r->dbt->root->config);
    return LT_OK;
}

/* ref() has the project object too: packages ask it for their version. */
static const lt_jinja_class ref_class = {
    .name = "RuntimeRefResolver", .call = ref_call, .attr = ref_attr};
static lt_jinja_object ref_object = {&ref_class};

static lt_status source(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_dbt_ref wanted = {.version = lt_jinja_none()};
    LT_TRY(lt_jinja_bind(call, "source_name table_name", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "source", &wanted.package, err));
    LT_TRY(lt_jinja_need_text(call, args[1], "table", &wanted.name, err));
    *result = own_relation(r, call->heap);
    if (r->loading && !r->checking) {
        record_ref(r, &wanted, TO_SOURCE);
        return LT_OK;
    }
    const lt_dbt_node *found = lt_dbt_source_find(r->dbt, r->package, wanted.package, wanted.name);
    if (!found)
        return lt_dbt_source_missing(r->dbt, wanted.package, wanted.name, err);
    return lt_dbt_ref_value(r, call->render, found, result, err);
}

/* function('name'), function('package', 'name'): what the database knows it by. */
static lt_status function(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_dbt_ref wanted = {.version = lt_jinja_none()};
    bool is_disabled = false;
    LT_TRY(lt_jinja_bind(call, "function name?", args, err));
    bool two = !lt_jinja_is_absent(args[1]);
    LT_TRY(lt_jinja_need_text(call, args[two], "name", &wanted.name, err));
    if (two)
        LT_TRY(lt_jinja_need_text(call, args[0], "package", &wanted.package, err));
    *result = own_relation(r, call->heap);
    if (r->loading && !r->checking) {
        record_ref(r, &wanted, TO_UDF);
        return LT_OK;
    }
    const lt_dbt_node *found = lt_dbt_udf_find(r->dbt, r->package, &wanted, &is_disabled);
    if (!found)
        return lt_dbt_udf_missing(r->dbt, &wanted, is_disabled, err);
    return lt_dbt_udf_value(r, call->render, found, result, err);
}

static lt_status metric(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_dbt_ref wanted = {.version = lt_jinja_none()};
    LT_TRY(lt_jinja_bind(call, "metric name?", args, err));
    bool two = !lt_jinja_is_absent(args[1]);
    LT_TRY(lt_jinja_need_text(call, args[two], "name", &wanted.name, err));
    if (two)
        LT_TRY(lt_jinja_need_text(call, args[0], "package", &wanted.package, err));
    if (r->loading && r->recorded && !r->checking) {
        wanted.name = lt_arena_text(&r->loading->arena, wanted.name);
        wanted.package = lt_arena_text(&r->loading->arena, wanted.package);
        lt_push_in(&r->loading->arena, &r->recorded->metric_refs, wanted);
    }
    *result = lt_jinja_text_copy(call->heap, wanted.name);
    return LT_OK;
}

/* ---- var, env_var, doc ---- */

static lt_status missing_var(const rendering *r, lt_text name, lt_err *err)
{
    const lt_dbt_package *package = r->package ? r->package : r->dbt->root;
    lt_ignore(lt_fail(err, LT_INVALID, "the variable '%.*s' is not set and has no default",
                      LT_ARG(name)));
    return lt_hint(err, "add it below vars: in %s, or give --vars '{%.*s: ...}'", package->file,
                   LT_ARG(name));
}

/* A variable that is a template is rendered where it is used: "{{ ref('orders') }}" is a relation there. */
static lt_status render_var(const lt_jinja_call *call, rendering *r, lt_text source,
                            lt_jinja_value *result, lt_err *err)
{
    LT_AUTO(lt_jinja_template_ref) compiled = NULL;
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r, .inside = call->render};
    const lt_jinja_env *env = r->only_values ? &r->dbt->yaml_env
                              : r->loading   ? &r->dbt->parse_env
                                             : &r->dbt->env;
    LT_TRY(lt_jinja_compile(env, T("var"), source, &compiled, NULL, err));
    LT_TRY(lt_jinja_render_text(compiled, &context, call->heap, &text, NULL, err));
    *result = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    return LT_OK;
}

static lt_status var(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0};
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    if (lt_jinja_find(r->scope.vars, name, result)) {
        bool renders = !r->dbt->is_strict && result->type == LT_JINJA_STR &&
                       lt_dbt_is_template(lt_jinja_as_text(*result));
        if (!renders)
            return LT_OK;
        LT_TRY(render_var(call, r, lt_jinja_as_text(*result), result, err));
        return LT_OK;
    }
    if (!lt_jinja_is_absent(args[1])) {
        *result = args[1];
        return LT_OK;
    }
    if (r->loading && !r->only_values && !r->generating && !r->dbt->is_strict) {
        *result = lt_jinja_none(); /* dbt asks for it when the node runs */
        return LT_OK;
    }
    return missing_var(r, name, err);
}

static lt_status var_has(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                         lt_err *err)
{
    const rendering *r = rendering_of(call);
    lt_jinja_value args[1], value;
    lt_text key = {0};
    *found = lt_text_eq(name, T("has_var"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "name", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &key, err));
    *out = lt_jinja_bool(lt_jinja_find(r->scope.vars, key, &value));
    return LT_OK;
}

static lt_status var_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    return var(call, out, err);
}

const lt_jinja_class lt_dbt_var_class = {.name = "Var", .call = var_call, .method = var_has};

/* The parse cache is good for as long as the environment and the flags give the same. Values are kept as digests only. */
static void record(lt_dbt *dbt, lt_text name, const char *digest)
{
    if (lt_map_has(&dbt->env_reads, name))
        return;
    lt_text *kept = LT_NEW(&dbt->arena, lt_text);
    *kept = lt_arena_text(&dbt->arena, lt_text_of(digest));
    (void)lt_map_put(&dbt->env_reads, lt_arena_text(&dbt->arena, name), kept);
}

static void record_env(lt_dbt *dbt, lt_text name, const char *value)
{
    char sum[65] = "";
    if (value)
        lt_dbt_sha256(lt_text_of(value), sum);
    record(dbt, name, sum);
}

void lt_dbt_flag_digest(lt_jinja_value value, char out[65])
{
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    lt_jinja_repr(value, &text);
    lt_dbt_sha256(lt_buf_text(&text), out);
}

void lt_dbt_flag_record(lt_dbt *dbt, lt_text name, lt_jinja_value value)
{
    char sum[65];
    LT_AUTO(lt_chars) key = lt_format(LT_DBT_FLAG_READ "%.*s", LT_ARG(name));
    lt_dbt_flag_digest(value, sum);
    record(dbt, lt_text_of(key), sum);
}

bool lt_dbt_flag_is_on(const lt_dbt *dbt, lt_text name)
{
    lt_jinja_value value = lt_jinja_none();
    (void)lt_jinja_find(dbt->settings.flags, name, &value);
    return lt_jinja_truth(value);
}

bool lt_dbt_flag_read(lt_dbt *dbt, lt_text name)
{
    lt_jinja_value value = lt_jinja_none();
    (void)lt_jinja_find(dbt->settings.flags, name, &value);
    lt_dbt_flag_record(dbt, name, value);
    return lt_jinja_truth(value);
}

static lt_status env_var(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    const rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0};
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    if (lt_text_starts(name, T("DBT_ENV_SECRET")) && !r->may_read_secrets) {
        lt_ignore(lt_fail(err, LT_INVALID,
                          "env_var('%.*s'): a secret may only be read in profiles.yml and "
                          "packages.yml",
                          LT_ARG(name)));
        return lt_hint(err, "names that begin with DBT_ENV_SECRET are secrets");
    }
    if (r->env.type == LT_JINJA_DICT && lt_jinja_find(r->env, name, result))
        return LT_OK;
    LT_AUTO(lt_chars) key = lt_text_dup(name);
    const char *value = getenv(key);
    if (r->loading && !r->may_read_secrets)
        record_env(r->loading, name, value);
    if (value && lt_text_starts(name, T("DBT_ENV_SECRET")))
        lt_mask_register(lt_text_of(value));
    if (value) {
        *result = lt_jinja_text_copy(call->heap, lt_text_of(value));
        return LT_OK;
    }
    if (lt_jinja_is_absent(args[1]))
        return lt_scope_no_env(key, err);
    *result = args[1];
    return LT_OK;
}

static const lt_dbt_doc *doc_in(const lt_dbt *dbt, lt_text package, lt_text name)
{
    LT_AUTO(lt_chars) key = lt_format("%.*s.%.*s", LT_ARG(package), LT_ARG(name));
    return lt_map_find(&dbt->docs, lt_text_of(key));
}

static const lt_dbt_doc *find_doc(const rendering *r, lt_text package, lt_text name)
{
    const lt_dbt *dbt = r->dbt;
    if (package.len)
        return doc_in(dbt, package, name);
    const lt_dbt_doc *found = r->package ? doc_in(dbt, r->package->name, name) : NULL;
    for (size_t i = 0; !found && i < dbt->packages.len; i++)
        found = doc_in(dbt, dbt->packages.items[i]->name, name);
    return found;
}

static lt_text doc_name(const void *context, size_t i)
{
    const lt_map *docs = context;
    return ((const lt_dbt_doc *)docs->entries.items[i].value)->name;
}

static lt_status doc(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0}, package = {0}, nearest;
    LT_TRY(lt_jinja_bind(call, "name second?", args, err));
    bool two = !lt_jinja_is_absent(args[1]);
    LT_TRY(lt_jinja_need_text(call, args[two], "name", &name, err));
    if (two)
        LT_TRY(lt_jinja_need_text(call, args[0], "package", &package, err));
    const lt_dbt_doc *found = find_doc(r, package, name);
    if (!found) {
        lt_ignore(lt_fail(err, LT_INVALID, "there is no docs block '%.*s'", LT_ARG(name)));
        if (lt_text_nearest(name, r->dbt->docs.entries.len, doc_name, &r->dbt->docs, &nearest))
            return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
        return lt_hint(err, "write {%% docs %.*s %%} ... {%% enddocs %%} in a .md file",
                       LT_ARG(name));
    }
    if (r->doc_blocks && !lt_dbt_texts_have(r->doc_blocks, found->id))
        lt_push_in(&r->loading->arena, r->doc_blocks, found->id);
    if (r->loading)
        lt_dbt_seen_doc(r->loading, found->id);
    *result = lt_jinja_text(found->text);
    return LT_OK;
}

/* ---- config ---- */

/* One name of a call, into what the call gives. */
static lt_status config_put(rendering *r, lt_jinja_value given, lt_text name, lt_jinja_value value,
                            lt_err *err)
{
    lt_jinja_value copy;
    lt_dbt *dbt = r->loading;
    if (lt_text_eq(name, T("pre_hook")))
        name = T("pre-hook");
    if (lt_text_eq(name, T("post_hook")))
        name = T("post-hook");
    if (dbt->is_strict)
        LT_TRY(lt_dbt_config_check(dbt, r->recorded, name, value, err));
    LT_TRY(lt_dbt_plain(dbt, value, &copy, err));
    lt_jinja_put_value(given, lt_jinja_text(lt_arena_text(&dbt->arena, name)), copy);
    return LT_OK;
}

/* What the first call gives stays as it is; later ones are merged into it. */
static void config_add(rendering *r, lt_jinja_value given)
{
    config_calls *calls = &r->config_call;
    lt_jinja_value key, value;
    if (calls->merged.type != LT_JINJA_DICT) {
        calls->merged = lt_jinja_dict(&r->loading->heap);
        calls->last = lt_jinja_dict(&r->loading->heap);
        for (size_t at = 0; lt_jinja_next(given, &at, &key, &value);)
            lt_jinja_put_value(calls->merged, key, value);
    } else {
        lt_dbt_config_merge_calls(r->loading, calls->merged, given);
    }
    for (size_t at = 0; lt_jinja_next(given, &at, &key, &value);)
        lt_jinja_put_value(calls->last, key, value);
}

static bool is_given(const lt_jinja_call *call, lt_text name)
{
    lt_jinja_value value;
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, name))
            return true;
    return call->arg_count && lt_jinja_find(call->args[0], name, &value);
}

/* A hook's key has two spellings; which of two values is meant cannot be known. */
static lt_status check_spellings(const lt_jinja_call *call, lt_err *err)
{
    static const lt_text pairs[][2] = {{T("pre_hook"), T("pre-hook")},
                                       {T("post_hook"), T("post-hook")}};
    for (size_t i = 0; i < LT_COUNT(pairs); i++)
        if (is_given(call, pairs[i][0]) && is_given(call, pairs[i][1]))
            return lt_fail(err, LT_INVALID,
                           "Invalid config, has conflicting keys \"%.*s\" and \"%.*s\"",
                           LT_ARG(pairs[i][0]), LT_ARG(pairs[i][1]));
    return LT_OK;
}

static lt_status config_call(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value key, value;
    *result = lt_jinja_text(T(""));
    if (!r->loading || r->checking)
        return LT_OK;
    if (call->arg_count > 1 || (call->arg_count == 1 && call->args[0].type != LT_JINJA_DICT) ||
        (call->arg_count && call->kwarg_count))
        return lt_fail(err, LT_INVALID, "config(): write name=value");
    LT_TRY(check_spellings(call, err));
    lt_jinja_value given = lt_jinja_dict(&r->loading->heap);
    for (size_t at = 0; call->arg_count && lt_jinja_next(call->args[0], &at, &key, &value);)
        LT_TRY(config_put(r, given, lt_jinja_as_text(key), value, err));
    for (size_t i = 0; i < call->kwarg_count; i++)
        LT_TRY(config_put(r, given, call->kwargs[i].name, call->kwargs[i].value, err));
    config_add(r, given);
    return LT_OK;
}

static lt_status config_set(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0};
    *result = lt_jinja_text(T(""));
    LT_TRY(lt_jinja_bind(call, "name value", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &name, err));
    if (!r->loading || r->checking)
        return LT_OK;
    lt_jinja_value given = lt_jinja_dict(&r->loading->heap);
    LT_TRY(config_put(r, given, name, args[1], err));
    config_add(r, given);
    return LT_OK;
}

static lt_jinja_value set_value(const rendering *r, lt_text key, bool meta)
{
    lt_jinja_value value = {0};
    if (!r->node)
        return value;
    if (!meta)
        return lt_dbt_config_get(r->dbt, r->node, key);
    lt_jinja_value all = lt_dbt_config_get(r->dbt, r->node, T("meta"));
    if (all.type == LT_JINJA_DICT)
        (void)lt_jinja_find(all, key, &value);
    return value;
}

static lt_status config_get(lt_jinja_call *call, bool require, bool meta, lt_jinja_value *out,
                            lt_err *err)
{
    const rendering *r = rendering_of(call);
    lt_jinja_value args[3];
    lt_text key = {0};
    LT_TRY(lt_jinja_bind(call, "name default? validator?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &key, err));
    if (r->loading) {
        *out = lt_jinja_text(T("")); /* nothing is decided yet */
        return LT_OK;
    }
    lt_jinja_value value = set_value(r, key, meta);
    if (require && value.type == LT_JINJA_UNDEFINED)
        return lt_fail(err, LT_INVALID,
                       "this node does not define a required config parameter '%.*s'", LT_ARG(key));
    bool given = !lt_jinja_is_absent(args[1]);
    *out = lt_dbt_is_set(value) || require ? value : given ? args[1] : lt_jinja_none();
    return LT_OK;
}

static lt_status config_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    static const struct {
        lt_text name;
        bool require, meta;
    } getters[] = {{T("get"), false, false},
                   {T("require"), true, false},
                   {T("meta_get"), false, true},
                   {T("meta_require"), true, true}};
    rendering *r = rendering_of(call);
    *found = true;
    for (size_t i = 0; i < LT_COUNT(getters); i++)
        if (lt_text_eq(name, getters[i].name))
            return config_get(call, getters[i].require, getters[i].meta, out, err);
    if (lt_text_eq(name, T("set")))
        return config_set(call, out, err);
    bool relation = lt_text_eq(name, T("persist_relation_docs"));
    if (relation || lt_text_eq(name, T("persist_column_docs"))) {
        lt_jinja_value persist =
            r->node ? lt_dbt_config_get(r->dbt, r->node, T("persist_docs")) : (lt_jinja_value){0};
        *out = lt_jinja_bool(lt_jinja_truth(lt_dbt_at(persist, relation ? "relation" : "columns")));
        return LT_OK;
    }
    *found = false;
    return LT_OK;
}

const lt_jinja_class lt_dbt_config_class = {
    .name = "config", .call = config_call, .method = config_method};

/* ---- without evaluation ---- */

static bool static_ref(const lt_jinja_static_call *call, lt_dbt_ref *out)
{
    size_t count = lt_jinja_len(call->args);
    lt_jinja_value key, value;
    *out = (lt_dbt_ref){.version = lt_jinja_none()};
    if (count < 1 || count > 2)
        return false;
    out->name = lt_jinja_as_text(lt_jinja_at(call->args, count - 1));
    if (count == 2)
        out->package = lt_jinja_as_text(lt_jinja_at(call->args, 0));
    for (size_t at = 0; lt_jinja_next(call->kwargs, &at, &key, &value);) {
        lt_text name = lt_jinja_as_text(key);
        if (!lt_text_eq(name, T("v")) && !lt_text_eq(name, T("version")))
            return false;
        if (lt_dbt_is_set(value))
            out->version = value;
    }
    return out->name.len && (count == 1 || out->package.len);
}

lt_status lt_dbt_static_call(rendering *r, const lt_jinja_static_call *call, bool *done,
                             lt_err *err)
{
    lt_dbt_ref wanted;
    lt_jinja_value key, value;
    *done = true;
    if (lt_text_eq(call->name, T("config"))) {
        *done = lt_jinja_len(call->args) == 0;
        lt_jinja_value given = lt_jinja_dict(&r->loading->heap);
        for (size_t at = 0; *done && lt_jinja_next(call->kwargs, &at, &key, &value);)
            LT_TRY(config_put(r, given, lt_jinja_as_text(key), value, err));
        if (*done)
            config_add(r, given);
        return LT_OK;
    }
    ref_kind kind = lt_text_eq(call->name, T("source"))     ? TO_SOURCE
                    : lt_text_eq(call->name, T("function")) ? TO_UDF
                                                            : TO_NODE;
    *done = static_ref(call, &wanted) && (kind != TO_SOURCE || wanted.package.len) &&
            (kind != TO_UDF || !lt_jinja_len(call->kwargs));
    if (*done)
        record_ref(r, &wanted, kind);
    return LT_OK;
}

/* ---- macros ---- */

/* A macro that the node's own text names is one that it depends on. */
static void record_macro(rendering *r, lt_jinja_render *render, const lt_dbt_macro *macro)
{
    lt_jinja_frame frame;
    lt_dbt_node *node = r->recorded;
    if (!r->loading || !node || r->checking || !render ||
        (lt_jinja_caller(render, 0, &frame) && frame.macro.len))
        return;
    for (size_t i = 0; i < node->macros.len; i++)
        if (node->macros.items[i] == macro)
            return;
    lt_push_in(&r->loading->arena, &node->macros, macro);
}

static lt_status namespace_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                                lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)err;
    rendering *r = lt_jinja_user(render);
    const lt_dbt_package *package =
        (const void *)((const char *)self - offsetof(lt_dbt_package, namespace));
    const lt_dbt_macro *macro = package->is_built_in ? lt_map_find(&r->dbt->adapter->macros, name)
                                                     : lt_map_find(&package->macros, name);
    if (!macro && package->is_built_in)
        macro = lt_map_find(&r->dbt->internal->macros, name);
    *found = macro != NULL;
    if (macro && !lt_dbt_unit_macro(r, render, package->name, name, out)) {
        *out = lt_dbt_macro_ready(macro)->value;
        lt_dbt_seen_macro(r, macro);
        record_macro(r, render, macro);
    }
    return LT_OK;
}

static lt_status namespace_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                                lt_jinja_value *out, bool *found, lt_err *err)
{
    return namespace_attr(render, self, lt_jinja_as_text(key), out, found, err);
}

static lt_status namespace_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                  bool *found, lt_err *err)
{
    lt_jinja_value args[2];
    lt_text key = {0};
    *found = lt_text_eq(name, T("get"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &key, err));
    bool there = false;
    LT_TRY(namespace_attr(call->render, call->self.as.object, key, out, &there, err));
    if (!there)
        *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

const lt_jinja_class lt_dbt_namespace_class = {.name = "MacroNamespace",
                                               .attr = namespace_attr,
                                               .item = namespace_item,
                                               .method = namespace_method,
                                               .is_mapping = true};

static bool find_macro(rendering *r, lt_jinja_render *render, lt_text name, lt_jinja_value *out)
{
    const lt_dbt_macro *macro = lt_dbt_macro_find(r->dbt, r->package, name);
    if (macro) {
        lt_dbt_seen_macro(r, macro);
        record_macro(r, render, macro);
        *out = lt_dbt_macro_ready(macro)->value;
        return true;
    }
    lt_dbt_package *package = lt_map_find(&r->dbt->package_names, name);
    if (!package || (package->is_built_in && package != r->dbt->internal))
        return false;
    *out = lt_jinja_object_value(&package->namespace);
    return true;
}

/* ---- the table ---- */

static const lt_jinja_func functions[] = {
    {"source", source, NULL},   {"function", function, NULL}, {"metric", metric, NULL},
    {"env_var", env_var, NULL}, {"doc", doc, NULL},
};

static void add_macro_names(const lt_dbt_package *package, lt_texts *names)
{
    for (size_t i = 0; package && i < package->macros.entries.len; i++)
        lt_push(names, package->macros.entries.items[i].key);
}

/* Macros of other packages are called by the package's name. */
const char *lt_dbt_known_names(void *user, lt_text name, lt_arena *arena, lt_texts *names)
{
    const rendering *r = user;
    const lt_dbt *dbt = r->dbt;
    lt_push(names, T("ref"));
    for (size_t i = 0; i < LT_COUNT(functions); i++)
        lt_push(names, lt_text_of(functions[i].name));
    for (size_t i = 0; i < dbt->packages.len; i++) {
        const lt_dbt_package *package = dbt->packages.items[i];
        if (package == r->package || package == dbt->root || package == dbt->internal ||
            package == dbt->adapter)
            add_macro_names(package, names);
        else if (lt_map_find(&package->macros, name))
            lt_push(names, lt_text_of(lt_arena_format(arena, "%.*s.%.*s", LT_ARG(package->name),
                                                      LT_ARG(name))));
        lt_push(names, package->name);
    }
    return dbt->is_strict ? NULL : "look for a typo, or install what has it with 'leat dbt deps'";
}

static bool find_function(const rendering *r, lt_text name, lt_jinja_value *out)
{
    if (lt_text_eq(name, T("ref")) && !r->only_values) {
        *out = lt_jinja_object_value(&ref_object);
        return true;
    }
    for (size_t i = 0; i < LT_COUNT(functions); i++) {
        bool value_only = functions[i].run == env_var || functions[i].run == doc;
        if (!name.len || functions[i].name[0] != name.ptr[0] || (r->only_values && !value_only) ||
            !lt_text_eq(lt_text_of(functions[i].name), name))
            continue;
        *out = lt_jinja_func_value(&functions[i]);
        return true;
    }
    return false;
}

typedef enum value_name {
    VALUE_VAR,
    VALUE_TARGET,
    VALUE_PROJECT_NAME,
    VALUE_DBT_VERSION,
    VALUE_CONFIG,
    VALUE_BUILTINS,
    VALUE_SCHEMA,
    VALUE_DATABASE,
    VALUE_TEST_KWARGS
} value_name;

static lt_jinja_value value_named(rendering *r, value_name which)
{
    const lt_relation *own = r->node ? &r->node->relation : NULL;
    switch (which) {
    case VALUE_VAR:
        return lt_jinja_object_value(&r->var);
    case VALUE_TARGET:
        return r->dbt->target;
    case VALUE_PROJECT_NAME:
        return lt_jinja_text(r->dbt->root ? r->dbt->root->name : (lt_text){0});
    case VALUE_DBT_VERSION:
        return lt_jinja_text(T(LT_DBT_VERSION));
    case VALUE_CONFIG:
        return lt_jinja_object_value(&r->config);
    case VALUE_BUILTINS:
        return lt_jinja_object_value(&r->builtins);
    case VALUE_SCHEMA:
        return lt_jinja_text(own && own->schema.len ? own->schema : r->dbt->settings.target_schema);
    case VALUE_DATABASE:
        return lt_jinja_text(lt_dbt_database_of(r));
    case VALUE_TEST_KWARGS:
        return r->kwargs;
    }
    return (lt_jinja_value){0};
}

static bool find_value(rendering *r, lt_text name, lt_jinja_value *out)
{
    static const struct {
        lt_text name;
        value_name which;
        bool hidden; /* from .yml files */
    } values[] = {{T("var"), VALUE_VAR, false},
                  {T("target"), VALUE_TARGET, false},
                  {T("env"), VALUE_TARGET, false},
                  {T("project_name"), VALUE_PROJECT_NAME, false},
                  {T("dbt_version"), VALUE_DBT_VERSION, false},
                  {T("config"), VALUE_CONFIG, true},
                  {T("builtins"), VALUE_BUILTINS, true},
                  {T("schema"), VALUE_SCHEMA, true},
                  {T("database"), VALUE_DATABASE, true},
                  {T("_dbt_generic_test_kwargs"), VALUE_TEST_KWARGS, true}};
    for (size_t i = 0; i < LT_COUNT(values); i++) {
        if (!lt_text_eq(values[i].name, name) || (values[i].hidden && r->only_values))
            continue;
        *out = value_named(r, values[i].which);
        return out->type != LT_JINJA_UNDEFINED;
    }
    return false;
}

static lt_status builtins_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)self;
    (void)err;
    rendering *r = lt_jinja_user(render);
    *found = find_function(r, name, out) || find_value(r, name, out);
    return LT_OK;
}

static lt_status builtins_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    return builtins_attr(render, self, lt_jinja_as_text(key), out, found, err);
}

static lt_status builtins_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                 bool *found, lt_err *err)
{
    lt_jinja_value callee;
    LT_TRY(builtins_attr(call->render, NULL, name, &callee, found, err));
    if (!*found)
        return LT_OK;
    return lt_jinja_invoke(call->render, callee, call->args, call->arg_count, call->kwargs,
                           call->kwarg_count, out, err);
}

const lt_jinja_class lt_dbt_graph_builtins_class = {.name = "builtins",
                                                    .attr = builtins_attr,
                                                    .item = builtins_item,
                                                    .method = builtins_method,
                                                    .is_mapping = true};

static lt_jinja_heap *heap_for(rendering *r, lt_jinja_render *render)
{
    return render ? lt_jinja_heap_of(render) : r->heap;
}

static lt_jinja_value batch_value(const lt_dbt_batch *batch, lt_jinja_heap *heap)
{
    lt_jinja_value made = lt_jinja_dict(heap);
    lt_jinja_put(made, "id", lt_jinja_text_copy(heap, lt_text_of(batch->id)));
    lt_jinja_put(made, "event_time_start", lt_dbt_datetime_value(heap, batch->span.start_us));
    lt_jinja_put(made, "event_time_end", lt_dbt_datetime_value(heap, batch->span.end_us));
    return made;
}

/* `model.batch`; and where macros from before it looked, in the configuration. */
static void put_batch(const lt_dbt_batch *batch, lt_jinja_value model, lt_jinja_heap *heap)
{
    lt_jinja_value made = batch_value(batch, heap), config = lt_dbt_at(model, "config");
    lt_jinja_put(model, "batch", made);
    if (config.type != LT_JINJA_DICT)
        return;
    lt_jinja_put(config, "__dbt_internal_microbatch_event_time_start",
                 lt_dbt_at(made, "event_time_start"));
    lt_jinja_put(config, "__dbt_internal_microbatch_event_time_end",
                 lt_dbt_at(made, "event_time_end"));
}

/* A contract may promise a "string", which no engine has, unless it says alias_types: false. */
static void translate_types(const lt_dbt_node *node, lt_jinja_value model)
{
    lt_jinja_value types = lt_dbt_at(lt_dbt_at(node->config.all, "contract"), "alias_types");
    lt_jinja_value columns = lt_dbt_at(model, "columns"), key, column;
    if ((lt_dbt_is_set(types) && !lt_jinja_truth(types)) || columns.type != LT_JINJA_DICT)
        return;
    for (size_t at = 0; lt_jinja_next(columns, &at, &key, &column);) {
        lt_text type = lt_jinja_as_text(lt_dbt_at(column, "data_type"));
        if (type.len)
            lt_jinja_put(column, "data_type", lt_jinja_text(lt_dbt_type_translated(type)));
    }
}

static lt_jinja_value model_as_parsed(const lt_dbt *dbt, const lt_dbt_node *node,
                                      lt_jinja_heap *heap)
{
    lt_jinja_value made = lt_dbt_node_value(dbt, node, heap);
    translate_types(node, made);
    return made;
}

/* `model` of a node that runs. */
typedef struct running_model {
    const lt_dbt *dbt;
    const lt_dbt_node *node;
    const lt_dbt_batch *batch; /* or NULL */
    lt_jinja_heap *heap;
    lt_text database, compiled;
} running_model;

static lt_jinja_value make_running(void *user)
{
    const running_model *m = user;
    lt_jinja_value made = model_as_parsed(m->dbt, m->node, m->heap);
    if (!m->node->relation.database.len)
        lt_jinja_put(made, "database", lt_jinja_text(m->database));
    if (m->batch)
        put_batch(m->batch, made, m->heap);
    if (m->compiled.len)
        lt_jinja_put(made, "compiled_code", lt_jinja_text(m->compiled));
    return made;
}

/* A third of a node's time went into it, and materializations only hand it on. */
static lt_jinja_value model_value(const rendering *r, lt_jinja_heap *heap)
{
    if (r->loading || !r->session)
        return model_as_parsed(r->dbt, r->node, heap);
    running_model *model = LT_NEW(&heap->arena, running_model);
    *model = (running_model){.dbt = r->dbt,
                             .node = r->node,
                             .batch = r->batch,
                             .heap = heap,
                             .database = lt_dbt_database_of(r),
                             .compiled = r->compiled};
    return lt_jinja_lazy_dict(heap, make_running, model);
}

/* Hooks of the node's configuration: a list, of {sql, transaction, index}, which is the template's own. */
static lt_jinja_value hooks_value(rendering *r, lt_jinja_heap *heap, lt_text key)
{
    lt_jinja_value set = lt_dbt_config_get(r->dbt, r->node, key);
    if (r->loading || !r->session || set.type != LT_JINJA_LIST || !lt_jinja_len(set))
        return lt_jinja_list(heap);
    if (r->model.type != LT_JINJA_DICT)
        r->model = model_value(r, heap);
    return lt_dbt_at(lt_dbt_at(r->model, "config"), key.ptr);
}

/* The nodes that this run was asked for, by their ids; none while parsing. */
static lt_jinja_value selected_value(const rendering *r, lt_jinja_heap *heap)
{
    lt_jinja_value made = lt_jinja_list(heap);
    const lt_dbt_nodes *all = lt_dbt_all(r->dbt);
    for (size_t i = 0; !r->loading && r->run && r->run->selected && i < all->len; i++)
        if (lt_node_set_has(r->run->selected, i))
            lt_jinja_add(made, lt_jinja_text(all->items[i]->id));
    return made;
}

static lt_jinja_value graph_value(rendering *r, lt_jinja_heap *heap)
{
    if (r->loading)
        return lt_jinja_dict(heap);
    return r->turn ? lt_dbt_graph_take(r->turn, r->dbt) : lt_dbt_graph_value(r->dbt, heap);
}

/* What takes work to make: `this`, `model`, `graph`, `selected_resources`. */
static bool find_made(rendering *r, lt_jinja_heap *heap, lt_text name, lt_jinja_value *out)
{
    if (r->only_values || !heap)
        return false;
    if (lt_text_eq(name, T("this")) && r->node) {
        *out = lt_dbt_node_relation(r, r->node, heap);
        return true;
    }
    if (lt_text_eq(name, T("model")) && r->node) {
        if (r->model.type != LT_JINJA_DICT)
            r->model = model_value(r, r->heap ? r->heap : heap);
        *out = r->model;
        return true;
    }
    bool pre = lt_text_eq(name, T("pre_hooks"));
    if (r->node && (pre || lt_text_eq(name, T("post_hooks")))) {
        *out = hooks_value(r, r->heap ? r->heap : heap, pre ? T("pre-hook") : T("post-hook"));
        return true;
    }
    if (r->node && lt_text_eq(name, T("leat_node_id"))) { /* ours: `model` would be made for it */
        *out = lt_jinja_text(r->node->id);
        return true;
    }
    if (lt_text_eq(name, T("graph"))) {
        *out = graph_value(r, heap);
        return true;
    }
    if (lt_text_eq(name, T("selected_resources"))) {
        *out = selected_value(r, heap);
        return true;
    }
    return false;
}

bool lt_dbt_names_find(rendering *r, lt_jinja_render *render, lt_text name, lt_jinja_value *out)
{
    if (!r->only_values && find_macro(r, render, name, out))
        return true;
    if (find_made(r, heap_for(r, render), name, out))
        return true;
    return find_function(r, name, out) || find_value(r, name, out);
}
