/* Calls: evaluate arguments, find what is called, run macros. */
#include "jinja/inner.h"

#include <stdio.h>

enum { INLINE_ARGS = 8 };

/* Arguments under construction: in place while there are few, on the render's heap beyond. */
typedef struct arg_list {
    lt_jinja_value inline_args[INLINE_ARGS], *args;
    lt_jinja_kwarg inline_kwargs[INLINE_ARGS], *kwargs;
    size_t arg_count, arg_cap, kwarg_count, kwarg_cap;
} arg_list;

static void arg_list_init(arg_list *list)
{
    list->args = list->inline_args;
    list->kwargs = list->inline_kwargs;
    list->arg_count = list->kwarg_count = 0;
    list->arg_cap = list->kwarg_cap = INLINE_ARGS;
}

static void add_arg(lt_jinja_render *r, arg_list *list, lt_jinja_value value)
{
    if (list->arg_count == list->arg_cap) {
        lt_jinja_value *grown = lt_jinja_alloc(r->heap, list->arg_cap * 2 * sizeof(*grown));
        memcpy(grown, list->args, list->arg_count * sizeof(*grown));
        list->args = grown;
        list->arg_cap *= 2;
    }
    list->args[list->arg_count++] = value;
}

static lt_status add_kwarg(lt_jinja_render *r, arg_list *list, lt_text name, lt_jinja_value value,
                           lt_err *err)
{
    for (size_t i = 0; i < list->kwarg_count; i++)
        if (lt_text_eq(list->kwargs[i].name, name))
            return lt_fail(err, LT_INVALID, "got multiple values for keyword argument '%.*s'",
                           LT_ARG(name));
    LT_TRY(lt_jinja_charge(r, list->kwarg_count / 8, err));
    if (list->kwarg_count == list->kwarg_cap) {
        lt_jinja_kwarg *grown = lt_jinja_alloc(r->heap, list->kwarg_cap * 2 * sizeof(*grown));
        memcpy(grown, list->kwargs, list->kwarg_count * sizeof(*grown));
        list->kwargs = grown;
        list->kwarg_cap *= 2;
    }
    list->kwargs[list->kwarg_count++] = (lt_jinja_kwarg){.name = name, .value = value};
    return LT_OK;
}

static lt_status add_star(lt_jinja_render *r, arg_list *list, lt_jinja_value value, lt_err *err)
{
    lt_jinja_iter iter;
    LT_TRY(lt_jinja_iter_start(r, value, &iter, err));
    for (;;) {
        lt_jinja_value item;
        bool more;
        LT_TRY(lt_jinja_iter_next(r, &iter, &item, &more, err));
        if (!more)
            return LT_OK;
        add_arg(r, list, item);
    }
}

static lt_status add_stars(lt_jinja_render *r, arg_list *list, lt_jinja_value value, lt_err *err)
{
    if (lt_jinja_is_undefined(value))
        return lt_jinja_fail_undefined(r, value, err);
    if (value.type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "argument after ** must be a mapping, not %s",
                       lt_jinja_type_name(value));
    lt_jinja_value key, item;
    for (size_t at = 0; lt_jinja_next(value, &at, &key, &item);) {
        if (key.type != LT_JINJA_STR)
            return lt_fail(err, LT_INVALID, "keywords must be strings");
        LT_TRY(add_kwarg(r, list, lt_jinja_as_text(key), item, err));
    }
    return LT_OK;
}

static lt_status eval_args(lt_jinja_render *r, const lt_jinja_node *arg, arg_list *list,
                           lt_err *err)
{
    for (; arg; arg = arg->next) {
        lt_jinja_value value;
        bool plain = arg->kind != NODE_KWARG && arg->kind != NODE_STAR && arg->kind != NODE_STARS;
        LT_TRY(lt_jinja_eval(r, plain ? arg : arg->a, &value, err));
        if (plain)
            add_arg(r, list, value);
        else if (arg->kind == NODE_KWARG)
            LT_TRY(add_kwarg(r, list, arg->name, value, err));
        else if (arg->kind == NODE_STAR)
            LT_TRY(add_star(r, list, value, err));
        else
            LT_TRY(add_stars(r, list, value, err));
    }
    return LT_OK;
}

static lt_jinja_call call_of(lt_jinja_render *r, const arg_list *list, const char *name)
{
    return (lt_jinja_call){
        .render = r,
        .heap = r->heap,
        .args = list->args,
        .arg_count = list->arg_count,
        .kwargs = list->kwargs,
        .kwarg_count = list->kwarg_count,
        .name = name,
    };
}

/* ---- macros */

lt_jinja_value lt_jinja_macro_new(lt_jinja_render *r, const lt_jinja_node *node)
{
    struct lt_jinja_macro *macro = lt_jinja_alloc(r->heap, sizeof(*macro));
    *macro = (struct lt_jinja_macro){.home = r->active->home, .node = node, .closure = r->scope};
    for (lt_jinja_scope *scope = r->scope; scope && !scope->captured; scope = scope->parent)
        scope->captured = true;
    return (lt_jinja_value){.type = LT_JINJA_MACRO, .as.macro = macro};
}

static const lt_jinja_kwarg *kwarg_of(const lt_jinja_call *call, lt_text name)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (lt_text_eq(call->kwargs[i].name, name))
            return &call->kwargs[i];
    return NULL;
}

static bool has_param(const lt_jinja_node *macro, lt_text name)
{
    for (const lt_jinja_node *param = macro->a; param; param = param->next)
        if (lt_text_eq(param->name, name))
            return true;
    return false;
}

static void set_var(lt_jinja_render *r, lt_text name, lt_jinja_value value)
{
    lt_jinja_scope_set(r, r->scope, name, lt_jinja_name_hash(name), value);
}

/* Arguments that no parameter takes: varargs, kwargs and caller if the body uses them, else an error as Jinja words it. */
static lt_status bind_rest(lt_jinja_render *r, const lt_jinja_node *macro,
                           const lt_jinja_call *call, lt_err *err)
{
    if (macro->flags & USES_VARARGS) {
        size_t from = LT_MIN(call->arg_count, (size_t)macro->count);
        set_var(r, T("varargs"),
                lt_jinja_tuple(r->heap, call->args + from, call->arg_count - from));
    } else if (call->arg_count > macro->count) {
        return lt_fail(err, LT_INVALID, "macro '%.*s' takes not more than %u argument(s)",
                       LT_ARG(macro->name), macro->count);
    }
    lt_jinja_value rest = {0};
    if (macro->flags & USES_KWARGS)
        rest = lt_jinja_dict(r->heap);
    /* Names are compared one by one: many of both must cost. */
    LT_TRY(lt_jinja_charge(r, call->kwarg_count * (1 + macro->count / 8), err));
    bool has_caller = has_param(macro, T("caller"));
    if ((macro->flags & USES_CALLER) && !has_caller) {
        const lt_jinja_kwarg *caller = kwarg_of(call, T("caller"));
        set_var(r, T("caller"),
                caller ? caller->value
                       : lt_jinja_missing_value(r->heap, MISSING_TEXT, lt_jinja_none(),
                                                T("No caller defined")));
    }
    for (size_t i = 0; i < call->kwarg_count; i++) {
        lt_text name = call->kwargs[i].name;
        if (has_param(macro, name) ||
            ((macro->flags & USES_CALLER) && lt_text_eq(name, T("caller"))))
            continue;
        if (!(macro->flags & USES_KWARGS))
            return lt_fail(err, LT_INVALID, "macro '%.*s' takes no keyword argument '%.*s'",
                           LT_ARG(macro->name), LT_ARG(name));
        lt_jinja_put_value(rest, lt_jinja_text(name), call->kwargs[i].value);
    }
    if (macro->flags & USES_KWARGS)
        set_var(r, T("kwargs"), rest);
    return LT_OK;
}

/* Parameters in order; a default may use those before it. */
static lt_status bind_params(lt_jinja_render *r, const lt_jinja_node *macro,
                             const lt_jinja_call *call, lt_err *err)
{
    size_t i = 0;
    LT_TRY(lt_jinja_charge(r, macro->count * (1 + call->kwarg_count / 8), err));
    for (const lt_jinja_node *param = macro->a; param; param = param->next, i++) {
        const lt_jinja_kwarg *named = kwarg_of(call, param->name);
        lt_jinja_value value;
        if (i < call->arg_count && named)
            return lt_fail(err, LT_INVALID, "macro '%.*s' got multiple values for argument '%.*s'",
                           LT_ARG(macro->name), LT_ARG(param->name));
        if (i < call->arg_count) {
            value = call->args[i];
        } else if (named) {
            value = named->value;
        } else if (param->a) {
            LT_TRY(lt_jinja_eval(r, param->a, &value, err));
        } else {
            const char *text = lt_arena_format(&r->heap->arena, "parameter '%.*s' was not provided",
                                               LT_ARG(param->name));
            value =
                lt_jinja_missing_value(r->heap, MISSING_TEXT, lt_jinja_none(), lt_text_of(text));
        }
        lt_jinja_scope_set(r, r->scope, param->name, param->hash, value);
    }
    return bind_rest(r, macro, call, err);
}

static lt_status run_macro(lt_jinja_render *r, const struct lt_jinja_macro *macro,
                           const lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    LT_TRY(bind_params(r, macro->node, call, err));
    lt_status status = lt_jinja_capture(r, macro->node->c, out, err);
    /* return() in a call block ends the macro around the block, as an exception would. */
    if (r->flow != FLOW_RETURN || status == LT_OK || lt_text_eq(macro->node->name, T("caller")))
        return status;
    *out = r->returned;
    r->flow = FLOW_ON;
    return LT_OK;
}

static lt_status call_macro(lt_jinja_render *r, const struct lt_jinja_macro *macro,
                            const lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    if (r->limits->calls >= r->limits->max_calls)
        return lt_fail(err, LT_TOO_BIG, "more than %u macro calls are nested in each other",
                       r->limits->max_calls);
    lt_jinja_activation activation = {.outer = r->active,
                                      .home = macro->home,
                                      .macro = macro->node->name,
                                      .pos = macro->node->pos};
    lt_jinja_scope *scope = r->scope;
    lt_jinja_value subject = r->subject;
    r->limits->calls++;
    r->active = &activation;
    r->scope = lt_jinja_scope_new(r, macro->closure);
    lt_status status = run_macro(r, macro, call, out, err);
    r->scope = scope;
    r->active = activation.outer;
    r->subject = subject;
    r->limits->calls--;
    return status;
}

/* ---- anything callable */

static lt_status run_func(const lt_jinja_func *func, lt_jinja_call *call, lt_jinja_value *out,
                          lt_err *err)
{
    lt_jinja_render *r = call->render;
    call->user = func->user;
    call->name = func->name;
    *out = lt_jinja_none();
    lt_status status = func->run(call, out, err);
    if (status == LT_OK && r->located) /* the host has dealt with an error inside */
        r->located = false;
    return status;
}

static lt_status call_object(lt_jinja_value callee, lt_jinja_call *call, lt_jinja_value *out,
                             lt_err *err)
{
    const lt_jinja_class *class = callee.as.object->class;
    call->self = callee;
    *out = lt_jinja_none();
    if (!class->call)
        return lt_fail(err, LT_INVALID, "'%s' object is not callable", class->name);
    return class->call(call, out, err);
}

static lt_status call_object_method(lt_jinja_value self, lt_text name, lt_jinja_call *call,
                                    lt_jinja_value *out, bool *found, lt_err *err)
{
    *found = false;
    *out = lt_jinja_none();
    call->self = self;
    if (self.as.object->class->method)
        LT_TRY(self.as.object->class->method(call, name, out, found, err));
    return LT_OK;
}

static lt_status call_method(const lt_jinja_method *method, lt_jinja_call *call,
                             lt_jinja_value *out, lt_err *err)
{
    call->self = method->self;
    if (method->func)
        return run_func(method->func, call, out, err);
    bool found;
    LT_TRY(call_object_method(method->self, method->name, call, out, &found, err));
    if (found)
        return LT_OK;
    return lt_jinja_fail_undefined(
        call->render, lt_jinja_missing_value(call->heap, MISSING_ATTR, method->self, method->name),
        err);
}

lt_status lt_jinja_apply(lt_jinja_render *r, lt_jinja_value callee, lt_jinja_call *call,
                         lt_jinja_value *out, lt_err *err)
{
    switch (callee.type) {
    case LT_JINJA_MACRO:
        return call_macro(r, callee.as.macro, call, out, err);
    case LT_JINJA_FUNC:
        return run_func(callee.as.func, call, out, err);
    case LT_JINJA_METHOD:
        return call_method(callee.as.method, call, out, err);
    case LT_JINJA_OBJECT:
        return call_object(callee, call, out, err);
    case LT_JINJA_UNDEFINED:
        if (!lt_jinja_is_absorbed(r->env, callee))
            return lt_jinja_fail_undefined(r, callee, err);
        *out = callee;
        return LT_OK;
    default:
        return lt_fail(err, LT_INVALID, "'%s' object is not callable", lt_jinja_type_name(callee));
    }
}

lt_status lt_jinja_invoke(lt_jinja_render *render, lt_jinja_value callee,
                          const lt_jinja_value *args, size_t arg_count,
                          const lt_jinja_kwarg *kwargs, size_t kwarg_count, lt_jinja_value *result,
                          lt_err *err)
{
    lt_jinja_call call = {
        .render = render,
        .heap = render->heap,
        .args = args,
        .arg_count = arg_count,
        .kwargs = kwargs,
        .kwarg_count = kwarg_count,
        .name = "call",
    };
    lt_jinja_value made;
    LT_TRY(lt_jinja_apply(render, callee, &call, &made, err));
    *result = made;
    return LT_OK;
}

/* x.name(...): methods of values are called without making a bound method first. */
static lt_status call_attr(lt_jinja_render *r, const lt_jinja_node *callee, lt_jinja_value self,
                           lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    if (self.type == LT_JINJA_OBJECT) {
        bool found;
        LT_TRY(call_object_method(self, callee->name, call, out, &found, err));
        if (found)
            return LT_OK;
    } else if (!lt_jinja_is_undefined(self)) {
        const lt_jinja_func *method = lt_jinja_method_find(self, callee->name);
        call->self = self;
        if (method)
            return run_func(method, call, out, err);
    }
    lt_jinja_value attr;
    LT_TRY(lt_jinja_attr(r, self, callee->name, &attr, err));
    if (attr.type == LT_JINJA_METHOD &&
        !attr.as.method->func) /* it has just said that it has no such method */
        attr = lt_jinja_missing_value(r->heap, MISSING_ATTR, self, callee->name);
    return lt_jinja_apply(r, attr, call, out, err);
}

lt_status lt_jinja_call_with_caller(lt_jinja_render *r, const lt_jinja_node *node,
                                    lt_jinja_value caller, lt_jinja_value *out, lt_err *err)
{
    arg_list list;
    arg_list_init(&list);
    lt_jinja_value callee;
    bool is_attr = node->a->kind == NODE_ATTR;
    LT_TRY(lt_jinja_eval(r, is_attr ? node->a->a : node->a, &callee, err));
    LT_TRY(eval_args(r, node->b, &list, err));
    if (!lt_jinja_is_undefined(caller))
        LT_TRY(add_kwarg(r, &list, T("caller"), caller, err));
    r->active->pos = node->pos;
    lt_jinja_call call = call_of(r, &list, "call");
    return is_attr ? call_attr(r, node->a, callee, &call, out, err)
                   : lt_jinja_apply(r, callee, &call, out, err);
}

lt_status lt_jinja_eval_call(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                             lt_err *err)
{
    return lt_jinja_call_with_caller(r, node, (lt_jinja_value){0}, out, err);
}

lt_status lt_jinja_eval_func(lt_jinja_render *r, const lt_jinja_node *node,
                             const lt_jinja_func *func, lt_jinja_value subject, lt_jinja_value *out,
                             lt_err *err)
{
    arg_list list;
    arg_list_init(&list);
    add_arg(r, &list, subject);
    LT_TRY(eval_args(r, node->b, &list, err));
    r->active->pos = node->pos;
    lt_jinja_call call = call_of(r, &list, func->name);
    return run_func(func, &call, out, err);
}

/* ---- finding functions by name */

const lt_jinja_func *lt_jinja_func_in(const lt_jinja_func *table, size_t count, lt_text name)
{
    for (size_t i = 0; i < count && table[i].name; i++)
        if (table[i].name[0] == (name.len ? name.ptr[0] : '\0') &&
            lt_text_eq(lt_text_of(table[i].name), name))
            return &table[i];
    return NULL;
}

static const lt_jinja_func *in_tables(const lt_jinja_func *const *tables, size_t count,
                                      lt_text name)
{
    const lt_jinja_func *found = NULL;
    for (size_t i = 0; i < count && !found; i++)
        found = lt_jinja_func_in(tables[i], SIZE_MAX, name);
    return found;
}

const lt_jinja_func *lt_jinja_filter_find(const lt_jinja_env *env, lt_text name)
{
    static const lt_jinja_func *const tables[] = {lt_jinja_text_filters, lt_jinja_list_filters,
                                                  lt_jinja_pick_filters, lt_jinja_misc_filters};
    const lt_jinja_func *found = lt_jinja_func_in(env->filters, env->filter_count, name);
    return found ? found : in_tables(tables, LT_COUNT(tables), name);
}

const lt_jinja_func *lt_jinja_test_find(const lt_jinja_env *env, lt_text name)
{
    const lt_jinja_func *found = lt_jinja_func_in(env->tests, env->test_count, name);
    return found ? found : lt_jinja_func_in(lt_jinja_tests, SIZE_MAX, name);
}

const lt_jinja_func *lt_jinja_global_find(lt_text name)
{
    return lt_jinja_func_in(lt_jinja_globals, SIZE_MAX, name);
}

const lt_jinja_func *lt_jinja_method_find(lt_jinja_value self, lt_text name)
{
    switch (self.type) {
    case LT_JINJA_STR: {
        static const lt_jinja_func *const tables[] = {lt_jinja_str_methods,
                                                      lt_jinja_str_find_methods};
        return in_tables(tables, LT_COUNT(tables), name);
    }
    case LT_JINJA_LIST:
        return self.as.list->kind == LIST_PLAIN
                   ? lt_jinja_func_in(lt_jinja_list_methods, SIZE_MAX, name)
               : self.as.list->kind == LIST_RANGE
                   ? lt_jinja_func_in(lt_jinja_tuple_methods, SIZE_MAX, name)
                   : NULL;
    case LT_JINJA_TUPLE:
        return lt_jinja_func_in(lt_jinja_tuple_methods, SIZE_MAX, name);
    case LT_JINJA_DICT:
        return lt_jinja_func_in(lt_jinja_dict_methods, SIZE_MAX, name);
    case LT_JINJA_SET:
        return lt_jinja_func_in(lt_jinja_set_methods, SIZE_MAX, name);
    case LT_JINJA_INT:
    case LT_JINJA_BOOL:
    case LT_JINJA_FLOAT:
        return lt_jinja_func_in(lt_jinja_number_methods, SIZE_MAX, name);
    case LT_JINJA_FUNC: /* dict.fromkeys */
        return self.as.func == lt_jinja_global_find(T("dict"))
                   ? lt_jinja_func_in(lt_jinja_dict_type_methods, SIZE_MAX, name)
                   : NULL;
    default:
        return NULL;
    }
}
