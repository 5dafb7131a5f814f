/* The names that templates see while they run, beside those of the project (names.c). */
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
    {"log", log_message, NULL},
    {"return", give_back, NULL},
    {"print", print_message, NULL},
    {"is_incremental", is_incremental, NULL},
};

/* ---- the adapter ---- */

static lt_status adapter_dispatch(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    const rendering *r = rendering_of(call);
    LT_AUTO(lt_buf) tried = {.limit = LT_KIB};
    lt_jinja_value args[2];
    lt_text name = {0}, namespace = {0};
    LT_TRY(lt_jinja_bind(call, "macro_name macro_namespace?", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "macro_name", &name, err));
    if (!lt_jinja_is_absent(args[1]) && args[1].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_need_text(call, args[1], "macro_namespace", &namespace, err));
    const lt_dbt_macro *macro = lt_dbt_macro_dispatch(r->dbt, r->package, name, namespace, &tried);
    if (!macro)
        return lt_fail(err, LT_INVALID,
                       "dispatch(): there is no macro '%.*s' for this adapter; "
                       "searched for: %s",
                       LT_ARG(name), lt_buf_chars(&tried));
    *out = macro->value;
    return LT_OK;
}

static lt_status adapter_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                                lt_err *err)
{
    const rendering *r = rendering_of(call);
    *found = true;
    if (lt_text_eq(name, T("dispatch")))
        return adapter_dispatch(call, out, err);
    *found = lt_text_eq(name, T("type"));
    *out = lt_jinja_text(r->dbt->settings.target_kind);
    return LT_OK;
}

static const lt_jinja_class adapter_class = {.name = "adapter", .method = adapter_method};

void lt_dbt_rendering_init(rendering *r, const lt_dbt *dbt, const lt_dbt_node *node)
{
    *r = (rendering){
        .scope = *dbt->settings.scope,
        .dbt = dbt,
        .node = node,
        .package = node ? node->package : dbt->root,
        .this_relation = {.object.class = &relation_class},
        .config.class = &lt_dbt_config_class,
        .exceptions.class = &exceptions_class,
        .adapter.class = &adapter_class,
        .builtins.class = &lt_dbt_graph_builtins_class,
        .var.class = &lt_dbt_var_class,
    };
    if (node)
        r->this_relation.relation = node->relation;
    r->scope.vars = r->package->vars;
}

static bool find_plain(rendering *r, lt_text name, lt_jinja_value *out)
{
    if (lt_text_eq(name, T("exceptions")))
        *out = lt_jinja_object_value(&r->exceptions);
    else if (lt_text_eq(name, T("adapter")))
        *out = lt_jinja_object_value(&r->adapter);
    else if (lt_text_eq(name, T("execute")))
        *out = lt_jinja_bool(r->session != NULL);
    else
        return false;
    return true;
}

lt_status lt_dbt_lookup(void *user, lt_jinja_render *render, const lt_jinja_template *from,
                        lt_text name, lt_jinja_value *out, bool *found, lt_err *err)
{
    rendering *r = user;
    (void)from;
    (void)err;
    *found = true;
    if (lt_dbt_names_find(r, render, name, out))
        return LT_OK;
    for (size_t i = 0; i < LT_COUNT(functions); i++) {
        if (!lt_text_eq(lt_text_of(functions[i].name), name))
            continue;
        *out = lt_jinja_func_value(&functions[i]);
        return LT_OK;
    }
    *found = find_plain(r, name, out) || lt_scope_find(&r->scope, name, out);
    return LT_OK;
}
