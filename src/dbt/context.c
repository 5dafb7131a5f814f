/* The names that templates see: ref, source, config, this, target and their like. */
#include "base/buf.h"
#include "base/log.h"
#include "dbt/inner.h"

static rendering *rendering_of(const lt_jinja_call *call)
{
    return lt_jinja_user(call->render);
}

/* ---- relations ---- */

static void relation_text(const lt_jinja_object *self, lt_buf *out)
{
    lt_quote_relation(&((const relation_object *)self)->relation, out);
}

static lt_status relation_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                               lt_jinja_value *out, bool *found, lt_err *err)
{
    (void)render;
    (void)err;
    const lt_relation *relation = &((const relation_object *)self)->relation;
    *found = true;
    if (lt_text_eq(name, T("schema")))
        *out = lt_jinja_text(relation->schema);
    else if (lt_text_eq(name, T("identifier")) || lt_text_eq(name, T("name")) ||
             lt_text_eq(name, T("table")))
        *out = lt_jinja_text(relation->name);
    else if (lt_text_eq(name, T("database")))
        *out = relation->database.len ? lt_jinja_text(relation->database) : lt_jinja_none();
    else
        *found = false;
    return LT_OK;
}

static const lt_jinja_class relation_class = {
    .name = "Relation", .attr = relation_attr, .str = relation_text};

lt_jinja_value lt_dbt_relation_value(lt_jinja_heap *heap, const lt_relation *relation)
{
    relation_object *object = LT_NEW(&heap->arena, relation_object);
    *object = (relation_object){.object.class = &relation_class, .relation = *relation};
    return lt_jinja_object_value(&object->object);
}

/* ---- ref and source ---- */

static lt_text node_name(const void *context, size_t i)
{
    const lt_map *map = context;
    return map->entries.items[i].key;
}

static lt_status fail_unknown(const lt_map *names, const char *what, lt_text name,
                              const char *where, lt_err *err)
{
    lt_text nearest;
    lt_ignore(lt_fail(err, LT_INVALID, "there is no %s '%.*s'", what, LT_ARG(name)));
    if (lt_text_nearest(name, names->entries.len, node_name, names, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return lt_hint(err, "%s", where);
}

/* The model's relation; while loading, the reference is recorded. */
static lt_status ref(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0}, package = {0};
    LT_TRY(lt_jinja_bind(call, "model name?", args, err));
    bool two = !lt_jinja_is_absent(args[1]);
    LT_TRY(lt_jinja_need_text(call, args[two], "name", &name, err));
    if (two) {
        LT_TRY(lt_jinja_need_text(call, args[0], "package", &package, err));
        if (!lt_text_eq(package, r->dbt->settings.name))
            return lt_fail(err, LT_INVALID, "ref(): there is no package '%.*s'", LT_ARG(package));
    }
    const lt_dbt_node *found = lt_map_find(&r->dbt->models, name);
    if (!found)
        return fail_unknown(&r->dbt->models, "model", name,
                            "models are the .sql files below models/", err);
    if (found->config.disabled && !r->loading)
        return lt_fail(err, LT_INVALID, "the model '%.*s' is disabled", LT_ARG(name));
    if (r->loading)
        lt_dbt_need(r->loading, r->recorded, found->id);
    *result = lt_dbt_relation_value(call->heap, &found->relation);
    return LT_OK;
}

static lt_status source(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    lt_jinja_value args[2];
    lt_text name = {0}, table = {0};
    LT_TRY(lt_jinja_bind(call, "source_name table_name", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "source", &name, err));
    LT_TRY(lt_jinja_need_text(call, args[1], "table", &table, err));
    LT_AUTO(lt_buf) key = {0};
    lt_buf_printf(&key, "%.*s.%.*s", LT_ARG(name), LT_ARG(table));
    const lt_dbt_source *found = lt_map_find(&r->dbt->sources, lt_buf_text(&key));
    if (!found)
        return fail_unknown(
            &r->dbt->sources, "source", lt_buf_text(&key),
            "sources are resources with 'load:' in sources/*.yml, or 'sources:' in models/*.yml",
            err);
    if (r->loading)
        lt_dbt_need(r->loading, r->recorded, found->id);
    *result = lt_dbt_relation_value(call->heap, &found->relation);
    return LT_OK;
}

/* ---- config ---- */

static lt_status config_call(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    rendering *r = rendering_of(call);
    *result = lt_jinja_text(T(""));
    if (!r->loading)
        return LT_OK;
    if (call->arg_count)
        return lt_fail(err, LT_INVALID, "config(): write name=value");
    for (size_t i = 0; i < call->kwarg_count; i++) {
        lt_jinja_value value;
        LT_TRY(lt_jinja_copy(&r->loading->heap, call->kwargs[i].value, &value, err));
        LT_TRY(lt_dbt_config_set(r->loading, r->recorded, call->kwargs[i].name, value, err));
    }
    return LT_OK;
}

static lt_status config_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    const rendering *r = rendering_of(call);
    bool require = lt_text_eq(name, T("require"));
    lt_jinja_value args[2];
    lt_text key = {0};
    *found = require || lt_text_eq(name, T("get"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, require ? "name" : "name default?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "name", &key, err));
    if (lt_jinja_find(r->node->config.all, key, out))
        return LT_OK;
    if (require)
        return lt_fail(err, LT_INVALID, "the configuration '%.*s' is not set", LT_ARG(key));
    *out = lt_jinja_is_absent(args[1]) ? lt_jinja_none() : args[1];
    return LT_OK;
}

static const lt_jinja_class config_class = {
    .name = "config", .call = config_call, .method = config_method};

/* ---- words to people ---- */

static lt_status print_to_log(lt_jinja_call *call, lt_log_level level, lt_jinja_value message,
                              lt_jinja_value *result)
{
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_KIB};
    if (rendering_of(call)->loading == NULL) {
        lt_jinja_str(message, &text);
        lt_log(level, "%s", lt_buf_chars(&text));
    }
    *result = lt_jinja_text(T(""));
    return LT_OK;
}

static lt_status log_message(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    lt_jinja_value args[2];
    LT_TRY(lt_jinja_bind(call, "msg info?", args, err));
    bool info = !lt_jinja_is_absent(args[1]) && lt_jinja_truth(args[1]);
    return print_to_log(call, info ? LT_LOG_INFO : LT_LOG_DEBUG, args[0], result);
}

static lt_status print_message(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "msg", args, err));
    return print_to_log(call, LT_LOG_INFO, args[0], result);
}

static lt_status give_back(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    lt_jinja_value args[1];
    (void)result;
    LT_TRY(lt_jinja_bind(call, "data?", args, err));
    return lt_jinja_return(call, lt_jinja_is_absent(args[0]) ? lt_jinja_none() : args[0], err);
}

static lt_status exceptions_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out,
                                   bool *found, lt_err *err)
{
    lt_jinja_value args[2];
    bool warn = lt_text_eq(name, T("warn"));
    *found = warn || lt_text_eq(name, T("raise_compiler_error"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, warn ? "msg" : "msg node?", args, err));
    if (warn)
        return print_to_log(call, LT_LOG_WARNING, args[0], out);
    LT_AUTO(lt_buf) text = {.limit = LT_KIB};
    lt_jinja_str(args[0], &text);
    return lt_fail(err, LT_INVALID, "%s", lt_buf_chars(&text));
}

static const lt_jinja_class exceptions_class = {.name = "exceptions", .method = exceptions_method};

static lt_status is_incremental(lt_jinja_call *call, lt_jinja_value *result, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, "", NULL, err));
    *result = lt_jinja_bool(rendering_of(call)->incremental);
    return LT_OK;
}

/* ---- the table of names ---- */

static const lt_jinja_func functions[] = {
    {"ref", ref, NULL},
    {"source", source, NULL},
    {"log", log_message, NULL},
    {"return", give_back, NULL},
    {"print", print_message, NULL},
    {"is_incremental", is_incremental, NULL},
};

void lt_dbt_rendering_init(rendering *r, const lt_dbt *dbt, const lt_dbt_node *node)
{
    *r = (rendering){
        .scope = *dbt->settings.scope,
        .dbt = dbt,
        .node = node,
        .this_relation = {.object.class = &relation_class, .relation = node->relation},
        .config.class = &config_class,
        .exceptions.class = &exceptions_class,
    };
}

static bool find_plain(rendering *r, lt_text name, lt_jinja_value *out)
{
    const struct {
        lt_text name;
        lt_jinja_value value;
    } plain[] = {
        {T("this"), lt_jinja_object_value(&r->this_relation.object)},
        {T("config"), lt_jinja_object_value(&r->config)},
        {T("exceptions"), lt_jinja_object_value(&r->exceptions)},
        {T("execute"), lt_jinja_bool(r->session != NULL)},
        {T("target"), r->dbt->target},
    };
    for (size_t i = 0; i < LT_COUNT(plain); i++) {
        if (!lt_text_eq(plain[i].name, name))
            continue;
        *out = plain[i].value;
        return true;
    }
    return false;
}

lt_status lt_dbt_lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    rendering *r = user;
    (void)render;
    (void)from;
    (void)err;
    *found = true;
    const macro_home *macro = lt_map_find(&r->dbt->macros, name);
    if (macro) {
        *out = macro->macro;
        return LT_OK;
    }
    for (size_t i = 0; i < LT_COUNT(functions); i++) {
        if (!lt_text_eq(lt_text_of(functions[i].name), name))
            continue;
        *out = lt_jinja_func_value(&functions[i]);
        return LT_OK;
    }
    *found = find_plain(r, name, out) || lt_scope_find(&r->scope, name, out);
    return LT_OK;
}
