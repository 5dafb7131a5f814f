/* include, import and from: templates that templates name, through the env's loader. */
#include "jinja/inner.h"

static lt_status load_one(lt_jinja_render *r, lt_jinja_value name, const lt_jinja_template **out,
                          lt_err *err)
{
    *out = NULL;
    if (name.type != LT_JINJA_STR)
        return lt_fail(err, LT_INVALID, "a template's name must be a str, not %s",
                       lt_jinja_type_name(name));
    if (!r->env->load)
        return lt_fail(err, LT_INVALID, "no loader for this environment specified");
    return r->env->load(r->env->load_user, lt_jinja_as_text(name), out, err);
}

/* One name, or the first of a list of names that is there. */
static lt_status load(lt_jinja_render *r, const lt_jinja_node *node, const lt_jinja_template **out,
                      lt_err *err)
{
    lt_jinja_value name;
    LT_TRY(lt_jinja_eval(r, node->a, &name, err));
    if (lt_jinja_is_undefined(name))
        return lt_jinja_fail_undefined(r, name, err);
    *out = NULL;
    if (!lt_jinja_is_list(name))
        LT_TRY(load_one(r, name, out, err));
    else
        for (size_t i = 0; i < name.as.list->len && !*out; i++)
            LT_TRY(load_one(r, name.as.list->items[i], out, err));
    if (*out || (node->flags & IGNORE_MISSING))
        return LT_OK;
    LT_AUTO(lt_buf) words = {.limit = 300};
    lt_jinja_str(name, &words);
    return lt_fail(err, LT_NOT_FOUND, "there is no template '%s'", lt_buf_chars(&words));
}

/* Run another template in `scope`; it counts as a call, so that templates cannot include each other for ever. */
static lt_status run_in(lt_jinja_render *r, const lt_jinja_template *other, lt_jinja_scope *scope,
                        lt_err *err)
{
    if (r->limits->calls >= r->limits->max_calls)
        return lt_fail(err, LT_TOO_BIG, "more than %u calls are nested in each other",
                       r->limits->max_calls);
    lt_jinja_activation activation = {.outer = r->active, .home = other};
    lt_jinja_scope *before = r->scope;
    r->limits->calls++;
    r->active = &activation;
    r->scope = scope;
    lt_status status = lt_jinja_exec(r, other->body, err);
    r->scope = before;
    r->active = activation.outer;
    r->limits->calls--;
    return status;
}

/* Without context a template sees neither the scopes around nor the context's values, only what the host looks up. */
static lt_jinja_scope *module_scope(lt_jinja_render *r, const lt_jinja_node *node)
{
    bool with = node->flags & WITH_CONTEXT;
    lt_jinja_scope *scope = lt_jinja_scope_new(r, with ? r->scope : NULL);
    scope->bare = !with;
    return scope;
}

static lt_status include(lt_jinja_render *r, const lt_jinja_node *node,
                         const lt_jinja_template *other, lt_err *err)
{
    return run_in(r, other, module_scope(r, node), err);
}

/* The names that a template's top level has set; what starts with '_' is its own. */
static lt_jinja_value exports(lt_jinja_render *r, const lt_jinja_scope *scope)
{
    lt_jinja_value module = lt_jinja_namespace_new(r->heap);
    lt_jinja_value vars = ((lt_jinja_namespace *)module.as.object)->vars;
    for (uint32_t i = 0; i < scope->len; i++)
        if (scope->vars[i].name.ptr[0] != '_')
            lt_jinja_put_value(vars, lt_jinja_text(scope->vars[i].name), scope->vars[i].value);
    return module;
}

static lt_status import(lt_jinja_render *r, const lt_jinja_node *node,
                        const lt_jinja_template *other, lt_jinja_value *module, lt_err *err)
{
    lt_jinja_scope *scope = module_scope(r, node);
    size_t mark = r->out.len;
    LT_TRY(run_in(r, other, scope, err));
    if (!r->out.overflow)
        lt_buf_cut(&r->out, mark); /* a module's text is dropped */
    *module = exports(r, scope);
    return LT_OK;
}

static lt_status take_names(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value module,
                            const lt_jinja_template *other, lt_err *err)
{
    for (const lt_jinja_node *alias = node->b; alias; alias = alias->next) {
        lt_jinja_value value;
        if (!lt_jinja_find(((lt_jinja_namespace *)module.as.object)->vars, alias->name, &value)) {
            const char *text = lt_arena_format(
                &r->heap->arena, "the template '%.*s' does not export the requested name '%.*s'",
                LT_ARG(other->name), LT_ARG(alias->name));
            value =
                lt_jinja_missing_value(r->heap, MISSING_TEXT, lt_jinja_none(), lt_text_of(text));
        }
        LT_TRY(lt_jinja_assign(r, alias->a, value, err));
    }
    return LT_OK;
}

lt_status lt_jinja_exec_module(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    const lt_jinja_template *other = NULL;
    LT_TRY(load(r, node, &other, err));
    if (!other)
        return LT_OK;
    r->active->pos = node->pos;
    if (node->kind == NODE_INCLUDE)
        return include(r, node, other, err);
    lt_jinja_value module;
    LT_TRY(import(r, node, other, &module, err));
    if (node->kind == NODE_FROM)
        return take_names(r, node, module, other, err);
    lt_jinja_scope_set(r, r->scope, node->name, node->hash, module);
    return LT_OK;
}
