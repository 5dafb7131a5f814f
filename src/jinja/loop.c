/* Iteration, for loops and their `loop` object. */
#include "jinja/inner.h"

/* ---- walking values */

lt_status lt_jinja_iter_start(lt_jinja_render *r, lt_jinja_value over, lt_jinja_iter *iter,
                              lt_err *err)
{
    *iter = (lt_jinja_iter){.over = over};
    switch (over.type) {
    case LT_JINJA_UNDEFINED:
        return lt_jinja_is_strict(r, over) ? lt_jinja_fail_undefined(r, over, err) : LT_OK;
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        iter->live = lt_jinja_made(over.as.dict)->live;
        return LT_OK;
    case LT_JINJA_STR:
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        return LT_OK;
    case LT_JINJA_OBJECT:
        if (over.as.object->class->items) {
            LT_TRY(over.as.object->class->items(r, over.as.object, &iter->over, err));
            if (lt_jinja_is_list(iter->over))
                return LT_OK;
        }
        break;
    default:
        break;
    }
    return lt_fail(err, LT_INVALID, "'%s' object is not iterable", lt_jinja_type_name(over));
}

static lt_status next_of_table(lt_jinja_iter *iter, lt_jinja_value *out, bool *more, lt_err *err)
{
    lt_jinja_value value;
    if (lt_jinja_made(iter->over.as.dict)->live != iter->live)
        return lt_fail(err, LT_INVALID, "%s changed size during iteration",
                       iter->over.type == LT_JINJA_DICT ? "dictionary" : "Set");
    *more = lt_jinja_next(iter->over, &iter->at, out, &value);
    return LT_OK;
}

static void next_of_list(lt_jinja_iter *iter, lt_jinja_value *out, bool *more)
{
    lt_jinja_seq *list = iter->over.as.list;
    size_t *at = list->kind == LIST_GENERATOR ? &list->used : &iter->at;
    *more = *at < list->len;
    if (*more)
        *out = list->items[(*at)++];
}

lt_status lt_jinja_iter_next(lt_jinja_render *r, lt_jinja_iter *iter, lt_jinja_value *out,
                             bool *more, lt_err *err)
{
    *more = false;
    LT_TRY(lt_jinja_charge(r, 1, err));
    switch (iter->over.type) {
    case LT_JINJA_DICT:
    case LT_JINJA_SET:
        return next_of_table(iter, out, more, err);
    case LT_JINJA_LIST:
    case LT_JINJA_TUPLE:
        next_of_list(iter, out, more);
        return LT_OK;
    case LT_JINJA_STR: {
        lt_text text = lt_jinja_as_text(iter->over);
        size_t from = iter->at;
        uint32_t c;
        *more = lt_utf8_next(text, &iter->at, &c);
        *out = lt_jinja_text(lt_text_sub(text, from, iter->at - from));
        return LT_OK;
    }
    default:
        return LT_OK;
    }
}

lt_status lt_jinja_to_list(lt_jinja_render *r, lt_jinja_value over, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_iter iter;
    LT_TRY(lt_jinja_iter_start(r, over, &iter, err));
    lt_jinja_value list = lt_jinja_list(r->heap);
    for (;;) {
        lt_jinja_value item;
        bool more;
        LT_TRY(lt_jinja_iter_next(r, &iter, &item, &more, err));
        if (!more)
            break;
        lt_jinja_list_push(list.as.list, item);
    }
    *out = list;
    return LT_OK;
}

/* ---- the loop */

typedef struct loop_state {
    lt_jinja_object base;
    const lt_jinja_node *node;
    lt_jinja_iter iter;
    const lt_jinja_node *where; /* condition of `for .. if`, or NULL */
    lt_jinja_scope *outer;
    lt_jinja_value current, before, after;
    bool has_before, has_after;
    int64_t index0;
    int64_t length; /* -1: not known yet */
    unsigned depth0;
    lt_jinja_value changed; /* what loop.changed() saw last: a tuple */
} loop_state;

/* Does the item pass `if`? Its names are bound in a scope for the question alone. */
static lt_status passes(lt_jinja_render *r, const loop_state *loop, lt_jinja_value item, bool *yes,
                        lt_err *err)
{
    *yes = true;
    if (!loop->where)
        return LT_OK;
    lt_jinja_scope *before = r->scope;
    r->scope = lt_jinja_scope_new(r, loop->outer);
    lt_jinja_value truth;
    lt_status status = lt_jinja_assign(r, loop->node->a, item, err);
    if (status == LT_OK)
        status = lt_jinja_eval(r, loop->where, &truth, err);
    if (status == LT_OK)
        *yes = lt_jinja_truth(truth);
    r->scope = before;
    return status;
}

static lt_status pull(lt_jinja_render *r, loop_state *loop, lt_jinja_value *out, bool *more,
                      lt_err *err)
{
    for (bool yes = false; !yes;) {
        LT_TRY(lt_jinja_iter_next(r, &loop->iter, out, more, err));
        if (!*more)
            return LT_OK;
        LT_TRY(passes(r, loop, *out, &yes, err));
    }
    return LT_OK;
}

/* Look one item ahead, for loop.last and loop.nextitem. */
static lt_status look_ahead(lt_jinja_render *r, loop_state *loop, lt_err *err)
{
    return loop->has_after ? LT_OK : pull(r, loop, &loop->after, &loop->has_after, err);
}

/* How many items in all; what is not countable is read to its end and walked as a list from then on. */
static lt_status find_length(lt_jinja_render *r, loop_state *loop, lt_err *err)
{
    if (loop->length >= 0)
        return LT_OK;
    bool is_generator =
        loop->iter.over.type == LT_JINJA_LIST && loop->iter.over.as.list->kind == LIST_GENERATOR;
    if (!loop->where && !is_generator) {
        loop->length = (int64_t)lt_jinja_len(loop->iter.over);
        return LT_OK;
    }
    LT_TRY(look_ahead(r, loop, err));
    lt_jinja_value rest = lt_jinja_list(r->heap);
    for (bool more = loop->has_after; more;) {
        lt_jinja_value item;
        LT_TRY(pull(r, loop, &item, &more, err));
        if (more)
            lt_jinja_list_push(rest.as.list, item);
    }
    loop->length = loop->index0 + 1 + loop->has_after + (int64_t)rest.as.list->len;
    loop->iter = (lt_jinja_iter){.over = rest};
    loop->where = NULL;
    return LT_OK;
}

static lt_status step(lt_jinja_render *r, loop_state *loop, bool *more, lt_err *err)
{
    loop->before = loop->current;
    loop->has_before = loop->index0 >= 0;
    if (loop->has_after) {
        loop->current = loop->after;
        loop->has_after = false;
        *more = true;
    } else {
        LT_TRY(pull(r, loop, &loop->current, more, err));
    }
    loop->index0 += *more;
    return LT_OK;
}

/* One scope for all turns, unless a macro kept it. */
static lt_jinja_scope *turn_scope(lt_jinja_render *r, lt_jinja_scope *scope, lt_jinja_scope *outer)
{
    if (!scope || scope->captured)
        return lt_jinja_scope_new(r, outer);
    scope->len = 0;
    return scope;
}

static lt_status run_turns(lt_jinja_render *r, loop_state *loop, lt_err *err)
{
    const lt_jinja_node *node = loop->node;
    lt_jinja_scope *scope = NULL;
    static const lt_text loop_name = {"loop", 4};
    uint32_t loop_hash = lt_jinja_name_hash(loop_name);
    for (;;) {
        bool more;
        r->scope = loop->outer;
        LT_TRY(step(r, loop, &more, err));
        if (!more)
            return LT_OK;
        r->scope = scope = turn_scope(r, scope, loop->outer);
        LT_TRY(lt_jinja_assign(r, node->a, loop->current, err));
        if (node->flags & (USES_LOOP | RECURSIVE))
            lt_jinja_scope_set(r, scope, loop_name, loop_hash, lt_jinja_object_value(&loop->base));
        LT_TRY(lt_jinja_exec(r, node->c, err));
        if (r->flow == FLOW_BREAK || r->flow == FLOW_RETURN)
            break;
        r->flow = FLOW_ON;
    }
    if (r->flow == FLOW_BREAK)
        r->flow = FLOW_ON;
    return LT_OK;
}

static lt_status run_loop(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value over,
                          unsigned depth0, lt_err *err)
{
    loop_state *loop = lt_jinja_alloc(r->heap, sizeof(*loop));
    *loop = (loop_state){
        .base = {&lt_jinja_loop_class},
        .node = node,
        .where = node->b->kind == NODE_WHERE ? node->b->b : NULL,
        .outer = r->scope,
        .index0 = -1,
        .length = -1,
        .depth0 = depth0,
    };
    LT_TRY(lt_jinja_iter_start(r, over, &loop->iter, err));
    lt_jinja_scope *outer = r->scope;
    lt_status status = run_turns(r, loop, err);
    r->scope = outer;
    if (status == LT_OK && loop->index0 < 0 && node->d) {
        r->scope = lt_jinja_scope_new(r, outer);
        status = lt_jinja_exec(r, node->d, err);
        r->scope = outer;
    }
    return status;
}

lt_status lt_jinja_exec_for(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value over;
    const lt_jinja_node *source = node->b->kind == NODE_WHERE ? node->b->a : node->b;
    LT_TRY(lt_jinja_eval(r, source, &over, err));
    lt_status status = run_loop(r, node, over, 0, err);
    return status == LT_OK ? LT_OK : lt_jinja_locate(r, source->pos, status, err);
}

/* ---- the loop object */

static lt_status number_attr(lt_jinja_render *r, loop_state *loop, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    static const struct {
        const char *name;
        char what;
    } attrs[] = {{"index", 'i'},    {"index0", '0'},    {"first", 'f'}, {"length", 'n'},
                 {"revindex", 'r'}, {"revindex0", 'v'}, {"depth", 'd'}, {"depth0", 'e'}};
    char what = '\0';
    for (size_t i = 0; i < LT_COUNT(attrs); i++)
        if (lt_text_eq(name, lt_text_of(attrs[i].name)))
            what = attrs[i].what;
    *found = what;
    if (what == 'n' || what == 'r' || what == 'v')
        LT_TRY(find_length(r, loop, err));
    int64_t value = what == 'i'   ? loop->index0 + 1
                    : what == '0' ? loop->index0
                    : what == 'n' ? loop->length
                    : what == 'r' ? loop->length - loop->index0
                    : what == 'v' ? loop->length - loop->index0 - 1
                    : what == 'd' ? (int64_t)loop->depth0 + 1
                                  : (int64_t)loop->depth0;
    *out = what == 'f' ? lt_jinja_bool(loop->index0 == 0) : lt_jinja_int(value);
    return LT_OK;
}

static lt_status loop_attr(lt_jinja_render *r, lt_jinja_object *self, lt_text name,
                           lt_jinja_value *out, bool *found, lt_err *err)
{
    loop_state *loop = (loop_state *)self;
    LT_TRY(number_attr(r, loop, name, out, found, err));
    if (*found)
        return LT_OK;
    *found = true;
    if (lt_text_eq(name, T("last")) || lt_text_eq(name, T("nextitem"))) {
        LT_TRY(look_ahead(r, loop, err));
        if (lt_text_eq(name, T("last")))
            *out = lt_jinja_bool(!loop->has_after);
        else
            *out = loop->has_after ? loop->after
                                   : lt_jinja_missing_value(r->heap, MISSING_TEXT, lt_jinja_none(),
                                                            T("there is no next item"));
    } else if (lt_text_eq(name, T("previtem"))) {
        *out = loop->has_before ? loop->before
                                : lt_jinja_missing_value(r->heap, MISSING_TEXT, lt_jinja_none(),
                                                         T("there is no previous item"));
    } else {
        *found = false;
    }
    return LT_OK;
}

static lt_status loop_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                             lt_err *err)
{
    loop_state *loop = (loop_state *)call->self.as.object;
    *found = true;
    if (lt_text_eq(name, T("cycle"))) {
        if (!call->arg_count)
            return lt_fail(err, LT_INVALID, "no items for cycling given");
        *out = call->args[(size_t)loop->index0 % call->arg_count];
        return LT_OK;
    }
    if (lt_text_eq(name, T("changed"))) {
        lt_jinja_value now = lt_jinja_tuple(call->heap, call->args, call->arg_count);
        bool changed = loop->changed.type != LT_JINJA_TUPLE || !lt_jinja_eq(loop->changed, now);
        loop->changed = now;
        *out = lt_jinja_bool(changed);
        return LT_OK;
    }
    *found = false;
    return LT_OK;
}

/* loop(items): the body again, one level down; only in a recursive loop. */
static lt_status loop_call(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    loop_state *loop = (loop_state *)call->self.as.object;
    lt_jinja_render *r = call->render;
    if (!(loop->node->flags & RECURSIVE))
        return lt_fail(err, LT_INVALID,
                       "The loop must have the 'recursive' marker to be called recursively.");
    lt_jinja_value over;
    LT_TRY(lt_jinja_bind(call, "iterable", &over, err));
    if (++r->limits->calls > r->limits->max_calls)
        return lt_fail(err, LT_TOO_BIG, "more than %u calls are nested in each other",
                       r->limits->max_calls);
    size_t mark = r->out.len;
    lt_jinja_scope *scope = r->scope;
    r->scope = loop->outer;
    lt_status status = run_loop(r, loop->node, over, loop->depth0 + 1, err);
    r->scope = scope;
    r->limits->calls--;
    lt_jinja_value written = lt_jinja_take(r, mark);
    if (status == LT_OK)
        *out = written;
    return status;
}

static bool loop_length(const lt_jinja_object *self, size_t *len)
{
    const loop_state *loop = (const loop_state *)self;
    if (loop->length < 0)
        return false;
    *len = (size_t)loop->length;
    return true;
}

static void loop_repr(const lt_jinja_object *self, lt_buf *out)
{
    const loop_state *loop = (const loop_state *)self;
    int64_t length = loop->length < 0 ? (int64_t)lt_jinja_len(loop->iter.over) : loop->length;
    lt_buf_printf(out, "<LoopContext %lld/%lld>", (long long)loop->index0 + 1, (long long)length);
}

static bool loop_has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return lt_text_eq(name, T("cycle")) || lt_text_eq(name, T("changed"));
}

const lt_jinja_class lt_jinja_loop_class = {
    .name = "LoopContext",
    .attr = loop_attr,
    .method = loop_method,
    .has_method = loop_has_method,
    .call = loop_call,
    .length = loop_length,
    .repr = loop_repr,
    .local = true,
};
