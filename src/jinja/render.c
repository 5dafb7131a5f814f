/* Templates and their renders: compile, run, scopes, limits, and where errors happened. */
#include "jinja/inner.h"

#include "base/proc.h"

#include <stdio.h>

enum {
    DEFAULT_STEPS = 50000000,
    STEPS_BETWEEN_STOPS = 1 << 24,
    DEFAULT_CALLS = 250,
    FRAMES_IN_MESSAGE = 4,
};
#define DEFAULT_SOURCE_BYTES (4 * LT_MIB)
#define DEFAULT_OUTPUT_BYTES (64 * LT_MIB)
#define DEFAULT_STACK_BYTES (2 * LT_MIB)

/* ---- templates */

/* Line ends become \n, and one at the end goes, as Jinja does. */
static lt_text normal_source(const lt_jinja_env *env, lt_arena *arena, lt_text source)
{
    char *copy = lt_alloc(arena, source.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r') {
            copy[len++] = '\n';
            if (i + 1 < source.len && source.ptr[i + 1] == '\n')
                i++;
        } else {
            copy[len++] = c;
        }
    }
    if (len && copy[len - 1] == '\n' && !env->keep_trailing_newline)
        len--;
    copy[len] = '\0';
    return lt_text_at(copy, len);
}

static void find_lines(lt_jinja_template *made)
{
    lt_push_in(&made->arena, &made->lines, 0);
    for (size_t at = 0; (at = lt_text_find_byte(made->source, '\n', at)) != SIZE_MAX;)
        lt_push_in(&made->arena, &made->lines, (uint32_t)++at);
}

unsigned lt_jinja_line(const lt_jinja_template *compiled, uint32_t pos)
{
    size_t low = 0, high = compiled->lines.len; /* the answer is in (low, high] */
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (compiled->lines.items[middle] <= pos)
            low = middle;
        else
            high = middle;
    }
    return (unsigned)low + 1;
}

void lt_jinja_position(const lt_jinja_template *compiled, uint32_t pos, unsigned *line,
                       unsigned *col)
{
    lt_jinja_place(compiled->source, pos, line, col);
}

lt_status lt_jinja_compile(const lt_jinja_env *env, lt_text name, lt_text source,
                           lt_jinja_template **out, lt_jinja_error *where, lt_err *err)
{
    size_t limit = env->max_source_bytes ? env->max_source_bytes : DEFAULT_SOURCE_BYTES;
    if (source.len > LT_MIN(limit, LT_GIB))
        return lt_fail(err, LT_TOO_BIG, "%.*s: the template is larger than %zu bytes", LT_ARG(name),
                       limit);
    LT_AUTO(lt_jinja_template_ref) made = lt_xcalloc(1, sizeof(*made));
    made->env = env;
    made->name = lt_arena_text(&made->arena, name);
    made->source = normal_source(env, &made->arena, source);
    find_lines(made);
    LT_TRY(lt_jinja_parse(made, where, err));
    *out = LT_TAKE(made);
    return LT_OK;
}

void lt_jinja_template_free(lt_jinja_template *compiled)
{
    if (!compiled)
        return;
    lt_arena_cleanup(&compiled->arena);
    lt_free(compiled);
}

lt_text lt_jinja_name(const lt_jinja_template *compiled)
{
    return compiled->name;
}

lt_text lt_jinja_source(const lt_jinja_template *compiled)
{
    return compiled->source;
}

void lt_jinja_set_tag(lt_jinja_template *compiled, const void *tag)
{
    compiled->tag = tag;
}

void lt_jinja_hide(lt_jinja_template *compiled)
{
    compiled->is_hidden = true;
}

const void *lt_jinja_tag_of(const lt_jinja_template *compiled)
{
    return compiled->tag;
}

/* ---- limits */

lt_status lt_jinja_charge(lt_jinja_render *r, size_t steps, lt_err *err)
{
    uint64_t before = r->limits->steps;
    r->limits->steps += steps;
    /* Only what is long is stopped: a macro that cleans up after a stop may run. */
    if ((before ^ r->limits->steps) >= STEPS_BETWEEN_STOPS && lt_stop_asked())
        return lt_fail(err, LT_CANCELLED, "the template was stopped");
    if (r->limits->steps > r->limits->max_steps)
        return lt_fail(err, LT_TOO_BIG, "the template takes more than %llu steps",
                       (unsigned long long)r->limits->max_steps);
    if (r->heap->overflow)
        return lt_jinja_room(r->heap, SIZE_MAX, err);
    return r->out.overflow ? lt_buf_check(&r->out, "the output of this template", err) : LT_OK;
}

/* ---- scopes */

lt_jinja_scope *lt_jinja_scope_new(lt_jinja_render *r, lt_jinja_scope *parent)
{
    lt_jinja_scope *scope = lt_jinja_alloc(r->heap, sizeof(*scope));
    scope->parent = parent;
    return scope;
}

scope_var *lt_jinja_scope_find(lt_jinja_scope *scope, lt_text name, uint32_t hash)
{
    for (uint32_t i = 0; i < scope->len; i++)
        if (scope->vars[i].hash == hash && lt_text_eq(scope->vars[i].name, name))
            return &scope->vars[i];
    return NULL;
}

void lt_jinja_scope_set(lt_jinja_render *r, lt_jinja_scope *scope, lt_text name, uint32_t hash,
                        lt_jinja_value value)
{
    scope_var *var = lt_jinja_scope_find(scope, name, hash);
    if (var) {
        var->value = value;
        return;
    }
    if (scope->len == scope->cap) {
        uint32_t cap = scope->cap < 4 ? 4 : scope->cap * 2;
        scope_var *vars = lt_jinja_alloc(r->heap, cap * sizeof(*vars));
        if (scope->len)
            memcpy(vars, scope->vars, scope->len * sizeof(*vars));
        scope->vars = vars;
        scope->cap = cap;
    }
    scope->vars[scope->len++] = (scope_var){.name = name, .hash = hash, .value = value};
    r->limits->steps += scope->len / 16; /* big scopes are searched, not hashed: let them cost */
}

static bool sibling_macro(lt_jinja_render *r, lt_text name, lt_jinja_value *out)
{
    if (!r->active || !r->active->macro.len)
        return false;
    *out = lt_jinja_macro_of(r->active->home, name);
    return !lt_jinja_is_undefined(*out);
}

/* A macro runs that the template took from elsewhere. */
static bool in_other_file(const lt_jinja_render *r)
{
    const lt_jinja_activation *outermost =
        r->env->undefined == LT_JINJA_ABSORBING_HERE ? r->active : NULL;
    while (outermost && outermost->outer)
        outermost = outermost->outer;
    return outermost && r->active->home != outermost->home;
}

/* Beyond the scopes: the context's values, the host, the other macros of the file, then our own functions. */
static lt_status get_global(lt_jinja_render *r, lt_text name, bool bare, lt_jinja_value *out,
                            lt_err *err)
{
    const lt_jinja_context *context = r->context;
    if (!bare && lt_jinja_find(context->vars, name, out))
        return LT_OK;
    if (context->lookup) {
        bool found = false;
        LT_TRY(context->lookup(context->user, r, r->active ? r->active->home : NULL, name, out,
                               &found, err));
        if (found)
            return LT_OK;
    }
    if (sibling_macro(r, name, out))
        return LT_OK;
    const lt_jinja_func *global = lt_jinja_global_find(name);
    if (global)
        *out = lt_jinja_func_value(global);
    else
        *out = lt_jinja_missing_value(r->heap, in_other_file(r) ? MISSING_IN_MACRO : MISSING_NAME,
                                      lt_jinja_none(), name);
    return LT_OK;
}

lt_status lt_jinja_get_name(lt_jinja_render *r, lt_text name, uint32_t hash, lt_jinja_value *out,
                            lt_err *err)
{
    bool bare = false;
    for (lt_jinja_scope *scope = r->scope; scope; scope = scope->parent) {
        bare = scope->bare;
        const scope_var *var = lt_jinja_scope_find(scope, name, hash);
        if (var) {
            *out = var->value;
            return LT_OK;
        }
    }
    return get_global(r, name, bare, out, err);
}

lt_status lt_jinja_resolve(lt_jinja_render *render, lt_text name, lt_jinja_value *value,
                           lt_err *err)
{
    return lt_jinja_get_name(render, name, lt_jinja_name_hash(name), value, err);
}

/* ---- near names, for hints */

enum { MAX_NAMES = 2000 };

/* "space.name" for `name`. */
static bool is_in_namespace(lt_text known, lt_text name)
{
    return known.len > name.len + 1 && known.ptr[known.len - name.len - 1] == '.' &&
           lt_text_ends(known, name);
}

static lt_text text_at(const void *context, size_t i)
{
    return ((const lt_texts *)context)->items[i];
}

typedef lt_texts name_list;
static void name_list_cleanup(name_list *names)
{
    lt_vec_free(names);
}

lt_status lt_jinja_suggest(lt_jinja_render *r, lt_text name, lt_err *err)
{
    LT_AUTO(name_list) names = {0};
    LT_AUTO(lt_arena) arena = {0};
    const char *otherwise = NULL;
    for (lt_jinja_scope *scope = r->scope; scope; scope = scope->parent)
        for (uint32_t i = 0; i < scope->len && names.len < MAX_NAMES; i++)
            lt_push(&names, scope->vars[i].name);
    lt_jinja_value key, value;
    for (size_t at = 0;
         names.len < MAX_NAMES && lt_jinja_next(r->context->vars, &at, &key, &value);)
        lt_push(&names, lt_jinja_as_text(key));
    for (const lt_jinja_func *global = lt_jinja_globals; global->name; global++)
        lt_push(&names, lt_text_of(global->name));
    if (r->env->known)
        otherwise = r->env->known(r->context->user, name, &arena, &names);
    lt_text near = {0};
    for (size_t i = 0; i < names.len && !near.len; i++)
        if (is_in_namespace(names.items[i], name))
            near = names.items[i];
    if ((near.len || lt_text_nearest(name, names.len, text_at, &names, &near)) &&
        !lt_text_eq(near, name))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(near));
    return otherwise ? lt_hint(err, "%s", otherwise) : err->status;
}

/* ---- places of errors */

static void put_text(char *out, size_t size, lt_text text)
{
    (void)snprintf(out, size, "%.*s", LT_ARG(text));
}

static unsigned line_of(const lt_jinja_activation *a)
{
    return lt_jinja_line(a->home, a->pos);
}

static void fill_where(const lt_jinja_render *r, unsigned line, unsigned col, const lt_err *err)
{
    lt_jinja_error *where = r->where;
    *where = (lt_jinja_error){.line = line, .col = col};
    put_text(where->template_name, sizeof(where->template_name), r->active->home->name);
    put_text(where->text, sizeof(where->text), lt_text_of(err->message));
    for (const lt_jinja_activation *a = r->active; a && where->frame_count < LT_JINJA_FRAMES;
         a = a->outer) {
        size_t i = where->frame_count++;
        put_text(where->frames[i].macro, sizeof(where->frames[i].macro), a->macro);
        put_text(where->frames[i].template_name, sizeof(where->frames[i].template_name),
                 a->home->name);
        where->frames[i].line = line_of(a);
    }
}

/* From `a` on outwards, the first whose template is not hidden. */
static const lt_jinja_activation *next_shown(const lt_jinja_activation *a)
{
    while (a && a->home->is_hidden)
        a = a->outer;
    return a;
}

/* " (in macro 'a' (f:3), in macro 'b' (g:4), at h:5)", from the innermost out. */
static void stack_words(const lt_jinja_activation *shown, lt_buf *out)
{
    unsigned count = 0;
    if (!shown || !shown->macro.len)
        return;
    for (const lt_jinja_activation *a = shown; a; a = next_shown(a->outer), count++) {
        lt_buf_add_str(out, count ? ", " : " (");
        if (count == FRAMES_IN_MESSAGE && next_shown(a->outer)) {
            lt_buf_add_str(out, "...");
            break;
        }
        if (a->macro.len)
            lt_buf_printf(out, "in macro '%.*s' (%.*s:%u)", LT_ARG(a->macro), LT_ARG(a->home->name),
                          line_of(a));
        else
            lt_buf_printf(out, "at %.*s:%u", LT_ARG(a->home->name), line_of(a));
    }
    lt_buf_add_byte(out, ')');
}

/* Give a failing status its place: the innermost node that saw it does. */
lt_status lt_jinja_locate(lt_jinja_render *r, uint32_t pos, lt_status status, lt_err *err)
{
    if (r->located || r->flow == FLOW_RETURN || !r->active)
        return status;
    r->located = true;
    r->active->pos = pos;
    unsigned line, col;
    lt_jinja_place(r->active->home->source, pos, &line, &col);
    if (r->where)
        fill_where(r, line, col, err);
    const lt_jinja_activation *shown = next_shown(r->active);
    if (r->where)
        r->where->is_hidden = !shown;
    if (!shown)
        return status;
    LT_AUTO(lt_buf) stack = {.limit = 600};
    stack_words(shown, &stack);
    const lt_err inner = *err;
    lt_jinja_place(shown->home->source, shown->pos, &line, &col);
    lt_ignore(lt_fail(err, status, "%.*s:%u:%u: %s%s", LT_ARG(shown->home->name), line, col,
                      inner.message, lt_buf_chars(&stack)));
    memcpy(err->hint, inner.hint, sizeof(inner.hint));
    return status;
}

bool lt_jinja_caller(const lt_jinja_render *render, size_t depth, lt_jinja_frame *frame)
{
    for (const lt_jinja_activation *a = render->active; a; a = a->outer)
        if (depth-- == 0) {
            *frame = (lt_jinja_frame){
                .macro = a->macro, .template_name = a->home->name, .line = line_of(a)};
            return true;
        }
    return false;
}

void *lt_jinja_user(const lt_jinja_render *render)
{
    return render->context->user;
}

lt_jinja_heap *lt_jinja_heap_of(const lt_jinja_render *render)
{
    return render->heap;
}

/* ---- run */

LT_OWNED(own_heap, lt_jinja_heap *, lt_jinja_heap_cleanup)

static void render_end(lt_jinja_render *r)
{
    lt_buf_cleanup(&r->out);
}

static void set_limits(lt_jinja_render *r, const char *stack_top)
{
    const lt_jinja_env *env = r->env;
    r->own_limits = (lt_jinja_limits){
        .max_steps = env->max_steps ? env->max_steps : DEFAULT_STEPS,
        .max_calls = env->max_calls ? env->max_calls : DEFAULT_CALLS,
        .max_stack = env->max_stack_bytes ? env->max_stack_bytes : DEFAULT_STACK_BYTES,
        .stack_top = stack_top,
    };
    r->limits = r->context->inside ? r->context->inside->limits : &r->own_limits;
    if (!r->heap->limit)
        r->heap->limit = env->max_heap_bytes ? env->max_heap_bytes : LT_BUF_LIMIT;
    r->out.limit = env->max_output_bytes ? env->max_output_bytes : DEFAULT_OUTPUT_BYTES;
}

static void render_begin(lt_jinja_render *r, const char *stack_top)
{
    set_limits(r, stack_top);
    r->scope = lt_jinja_scope_new(r, NULL);
}

/* The template's own level; return() outside of a macro ends it. */
static lt_status run_top(lt_jinja_render *r, const lt_jinja_template *compiled, lt_err *err)
{
    lt_jinja_activation top = {.home = compiled,
                               .outer = r->context->inside ? r->context->inside->active : NULL};
    r->active = &top;
    lt_status status = lt_jinja_exec(r, compiled->body, err);
    if (status == LT_OK)
        status = lt_jinja_charge(r, 0, err);
    if (status != LT_OK && r->flow != FLOW_RETURN)
        status = lt_jinja_locate(r, 0, status, err);
    r->active = NULL;
    return r->flow == FLOW_RETURN ? LT_OK : status;
}

lt_status lt_jinja_render_text(const lt_jinja_template *compiled, const lt_jinja_context *context,
                               lt_jinja_heap *heap, lt_buf *out, lt_jinja_error *where, lt_err *err)
{
    lt_jinja_heap spare = {0};
    LT_AUTO(own_heap) owned = &spare;
    lt_jinja_render r = {
        .env = compiled->env, .context = context, .heap = heap ? heap : owned, .where = where};
    render_begin(&r, __builtin_frame_address(0));
    lt_status status = run_top(&r, compiled, err);
    if (status == LT_OK && r.flow == FLOW_RETURN) {
        lt_buf_clear(&r.out);
        lt_jinja_str(r.returned, &r.out);
    }
    if (status == LT_OK) {
        lt_buf_add(out, lt_buf_text(&r.out));
        status = lt_buf_check(out, "the output of this template", err);
    }
    render_end(&r);
    return status;
}

/* `{{ expr }}` alone. */
static const lt_jinja_node *lone_expression(const lt_jinja_template *compiled)
{
    const lt_jinja_node *node = compiled->body;
    return node && node->kind == NODE_OUTPUT && !node->next ? node->a : NULL;
}

static lt_status run_expression(lt_jinja_render *r, const lt_jinja_template *compiled,
                                const lt_jinja_node *node, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_activation top = {.home = compiled,
                               .outer = r->context->inside ? r->context->inside->active : NULL};
    r->active = &top;
    lt_status status = lt_jinja_eval(r, node, out, err);
    if (status == LT_OK)
        status = lt_jinja_charge(r, 0, err);
    if (status != LT_OK && r->flow != FLOW_RETURN)
        status = lt_jinja_locate(r, node->pos, status, err);
    r->active = NULL;
    return r->flow == FLOW_RETURN ? LT_OK : status;
}

lt_status lt_jinja_render_value(const lt_jinja_template *compiled, const lt_jinja_context *context,
                                lt_jinja_heap *heap, lt_jinja_value *out, lt_jinja_error *where,
                                lt_err *err)
{
    lt_jinja_render r = {.env = compiled->env, .context = context, .heap = heap, .where = where};
    render_begin(&r, __builtin_frame_address(0));
    const lt_jinja_node *lone = lone_expression(compiled);
    lt_jinja_value value = {0};
    lt_status status =
        lone ? run_expression(&r, compiled, lone, &value, err) : run_top(&r, compiled, err);
    if (status == LT_OK)
        *out = r.flow == FLOW_RETURN ? r.returned
               : lone                ? value
                                     : lt_jinja_text_copy(heap, lt_buf_text(&r.out));
    render_end(&r);
    return status;
}

lt_status lt_jinja_call_value(const lt_jinja_env *env, const lt_jinja_context *context,
                              lt_jinja_heap *heap, lt_jinja_value callee,
                              const lt_jinja_value *args, size_t arg_count,
                              const lt_jinja_kwarg *kwargs, size_t kwarg_count, lt_jinja_value *out,
                              lt_jinja_error *where, lt_err *err)
{
    lt_jinja_render r = {.env = env, .context = context, .heap = heap, .where = where};
    render_begin(&r, __builtin_frame_address(0));
    r.active = context->inside ? context->inside->active : NULL;
    lt_jinja_value value;
    lt_status status =
        lt_jinja_invoke(&r, callee, args, arg_count, kwargs, kwarg_count, &value, err);
    if (status != LT_OK && r.flow == FLOW_RETURN) {
        value = r.returned;
        status = LT_OK;
    }
    if (status == LT_OK)
        status = lt_jinja_charge(&r, 0, err);
    if (status == LT_OK)
        *out = value;
    render_end(&r);
    return status;
}

lt_status lt_jinja_return(lt_jinja_call *call, lt_jinja_value value, lt_err *err)
{
    call->render->returned = value;
    call->render->flow = FLOW_RETURN;
    return lt_fail(err, LT_CANCELLED, "return() outside of a macro");
}
