/* What a template takes from outside: the names that it does not set itself, found without rendering it. */
#include "jinja/inner.h"

#include "base/map.h"

/* A node to be looked at; trees may be deep, so the walk keeps its own stack. */
typedef struct visit {
    const lt_jinja_node *node;
    bool is_target; /* what stands there is set, not read */
} visit;

typedef struct walk {
    LT_VEC(visit) stack;
    lt_map own;   /* names that the template sets */
    lt_map asked; /* "a.b" in the form of path_key(): may be missing */
    lt_jinja_heap *heap;
    lt_jinja_uses *uses;
} walk;

static void push(walk *w, const lt_jinja_node *node, bool is_target)
{
    visit one = {node, is_target};
    if (node)
        lt_push(&w->stack, one);
}

/* So that they come off the stack in the order of the source. */
static void push_children(walk *w, const lt_jinja_node *node)
{
    push(w, node->d, false);
    push(w, node->c, false);
    push(w, node->b, false);
    push(w, node->a, false);
}

/* ---- names that are set ---- */

static void own(walk *w, lt_text name)
{
    (void)lt_map_put(&w->own, name, w);
}

/* The same as push_children(), knowing which of them are targets. */
static void note_set(walk *w, visit at)
{
    const lt_jinja_node *node = at.node;
    bool target_in_a = false;
    switch (node->kind) {
    case NODE_NAME:
        if (at.is_target)
            own(w, node->name);
        return;
    case NODE_MACRO:
    case NODE_PARAM:
    case NODE_IMPORT:
        own(w, node->name);
        break;
    case NODE_SET:
    case NODE_CAPTURE:
    case NODE_FOR:
    case NODE_WITH:
    case NODE_ALIAS:
        target_in_a = true;
        break;
    case NODE_PAIR:
    case NODE_TUPLE:
    case NODE_LIST:
        target_in_a = at.is_target;
        break;
    default:
        break;
    }
    push(w, node->d, false);
    push(w, node->c, false);
    push(w, node->b, false);
    push(w, node->a, target_in_a);
}

static void find_own(walk *w, const lt_jinja_node *body)
{
    static const char *const given[] = {"loop", "caller", "varargs", "kwargs"};
    for (size_t i = 0; i < LT_COUNT(given); i++)
        own(w, lt_text_of(given[i]));
    push(w, body, false);
    while (w->stack.len) {
        visit at = w->stack.items[--w->stack.len];
        push(w, at.node->next, at.is_target);
        note_set(w, at);
    }
}

/* ---- names that are read ---- */

static bool is_key(const lt_jinja_node *node)
{
    return node->kind == NODE_ITEM && node->b->kind == NODE_CONST &&
           node->b->value.type == LT_JINJA_STR;
}

static lt_jinja_use_part part_of(const lt_jinja_node *node)
{
    if (node->kind == NODE_ITEM)
        return (lt_jinja_use_part){.name = lt_jinja_as_text(node->b->value), .pos = node->b->pos};
    return (lt_jinja_use_part){.name = node->name, .pos = node->pos};
}

/* "a.b.c" and "a['b']" as parts; false: it is no path of a name from outside. */
static bool path_of(const walk *w, const lt_jinja_node *node, lt_jinja_use *out)
{
    size_t count = 1;
    const lt_jinja_node *at = node;
    for (; at->kind == NODE_ATTR || is_key(at); at = at->a)
        count++;
    if (at->kind != NODE_NAME || lt_map_has(&w->own, at->name) || lt_jinja_global_find(at->name))
        return false;
    *out = (lt_jinja_use){.count = LT_MIN(count, (size_t)LT_JINJA_USE_PARTS)};
    for (size_t i = count; i-- > 0; node = node->a)
        if (i < LT_JINJA_USE_PARTS)
            out->parts[i] = part_of(node);
    return true;
}

static lt_text path_key(lt_jinja_heap *heap, const lt_jinja_use *use, size_t count)
{
    LT_AUTO(lt_buf) key = {0};
    for (size_t i = 0; i < count; i++) {
        lt_buf_add(&key, use->parts[i].name);
        lt_buf_add_byte(&key, '\0');
    }
    return lt_arena_text(&heap->arena, lt_buf_text(&key));
}

static bool asks(const lt_jinja_node *node)
{
    static const char *const tests[] = {"defined", "undefined"};
    static const char *const filters[] = {"default", "d"};
    const char *const *names = node->kind == NODE_TEST ? tests : filters;
    return (node->kind == NODE_TEST || node->kind == NODE_FILTER) && node->a &&
           (lt_text_eq(node->name, lt_text_of(names[0])) ||
            lt_text_eq(node->name, lt_text_of(names[1])));
}

static void read_call(walk *w, const lt_jinja_node *call, lt_jinja_use *use)
{
    use->is_called = true;
    use->args = lt_jinja_tuple(w->heap, NULL, 0);
    for (const lt_jinja_node *arg = call->b; arg; arg = arg->next, use->arg_count++) {
        lt_jinja_value value = {0};
        if (arg->kind != NODE_KWARG && !lt_jinja_literal_of(w->heap, arg, &value))
            value = (lt_jinja_value){0};
        if (arg->kind != NODE_KWARG)
            lt_jinja_add(use->args, value);
    }
}

/* Either the use of a path, or a node whose parts are looked at. */
static void note_use(walk *w, const lt_jinja_node *node)
{
    lt_jinja_use use;
    if (asks(node) && path_of(w, node->a, &use))
        (void)lt_map_put(&w->asked, path_key(w->heap, &use, use.count), w);
    bool called = node->kind == NODE_CALL;
    if (!path_of(w, called ? node->a : node, &use)) {
        push_children(w, node);
        return;
    }
    if (called) {
        read_call(w, node, &use);
        push(w, node->b, false);
    }
    lt_push_in(&w->heap->arena, w->uses, use);
}

static void find_uses(walk *w, const lt_jinja_node *body)
{
    push(w, body, false);
    while (w->stack.len) {
        const lt_jinja_node *node = w->stack.items[--w->stack.len].node;
        push(w, node->next, false);
        note_use(w, node);
    }
}

static void mark_asked(walk *w)
{
    for (size_t i = 0; i < w->uses->len && w->asked.entries.len; i++) {
        lt_jinja_use *use = &w->uses->items[i];
        for (size_t k = 0; k < use->count; k++)
            use->parts[k].is_asked = lt_map_has(&w->asked, path_key(w->heap, use, k + 1));
    }
}

void lt_jinja_uses_of(const lt_jinja_template *compiled, lt_jinja_heap *heap, lt_jinja_uses *out)
{
    walk w = {.heap = heap, .uses = out};
    *out = (lt_jinja_uses){0};
    find_own(&w, compiled->body);
    find_uses(&w, compiled->body);
    mark_asked(&w);
    lt_vec_free(&w.stack);
    lt_map_cleanup(&w.own);
    lt_map_cleanup(&w.asked);
}
