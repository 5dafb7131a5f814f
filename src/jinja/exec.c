/* Run statements. Bodies nest as deeply as the source does, which the parser has bounded. */
#include "jinja/inner.h"

typedef lt_status executor(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err);

lt_jinja_value lt_jinja_take(lt_jinja_render *r, size_t mark)
{
    lt_text text = lt_text_sub(lt_buf_text(&r->out), mark, SIZE_MAX);
    lt_jinja_value taken = lt_jinja_text_copy(r->heap, text);
    if (!r->out.overflow)
        lt_buf_cut(&r->out, mark);
    return taken;
}

lt_status lt_jinja_capture(lt_jinja_render *r, const lt_jinja_node *body, lt_jinja_value *out,
                           lt_err *err)
{
    size_t mark = r->out.len;
    lt_status status = lt_jinja_exec(r, body, err);
    if (status != LT_OK) {
        if (!r->out.overflow)
            lt_buf_cut(&r->out, mark);
        return status;
    }
    LT_TRY(lt_jinja_charge(r, (r->out.len - mark) / 32, err));
    LT_TRY(lt_jinja_room(r->heap, r->out.len - mark, err));
    *out = lt_jinja_take(r, mark);
    return LT_OK;
}

lt_status lt_jinja_print(lt_jinja_render *r, lt_jinja_value value, lt_err *err)
{
    if (lt_jinja_is_strict(r, value))
        return lt_jinja_fail_undefined(r, value, err);
    size_t before = r->out.len;
    lt_jinja_str(value, &r->out);
    return lt_jinja_charge(r, (r->out.len - before) / 32, err);
}

/* What is written next comes from `pos`. Spans of text that was captured, and so cut off again, go. */
static void note_span(lt_jinja_render *r, uint32_t pos, bool is_text)
{
    lt_jinja_spans *spans = r->context->spans;
    if (!spans || !r->active)
        return;
    lt_jinja_span span = {.start = r->out.len, .name = r->active->home->name, .is_text = is_text};
    lt_jinja_place(r->active->home->source, pos, &span.line, &span.col);
    while (spans->len && spans->items[spans->len - 1].start >= r->out.len)
        spans->len--;
    lt_push(spans, span);
}

static lt_status exec_text(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    note_span(r, node->pos, true);
    lt_buf_add(&r->out, lt_jinja_as_text(node->value));
    return lt_jinja_charge(r, node->value.len / 32, err);
}

static lt_status exec_output(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_eval(r, node->a, &value, err));
    note_span(r, node->a->pos, false);
    lt_status status = lt_jinja_print(r, value, err);
    return status == LT_OK ? LT_OK : lt_jinja_locate(r, node->a->pos, status, err);
}

static lt_status exec_if(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    for (;;) {
        lt_jinja_value value;
        LT_TRY(lt_jinja_eval(r, node->a, &value, err));
        if (lt_jinja_is_strict(r, value))
            return lt_jinja_locate(r, node->a->pos, lt_jinja_fail_undefined(r, value, err), err);
        if (lt_jinja_truth(value))
            return lt_jinja_exec(r, node->b, err);
        if (!node->c || node->c->kind != NODE_IF || node->c->next)
            return lt_jinja_exec(r, node->c, err);
        node = node->c; /* elif: a step, not a level */
    }
}

static lt_status fail_unpack(size_t wanted, int64_t got, lt_err *err)
{
    if (got > (int64_t)wanted)
        return lt_fail(err, LT_INVALID, "too many values to unpack (expected %zu)", wanted);
    return lt_fail(err, LT_INVALID, "not enough values to unpack (expected %zu, got %lld)", wanted,
                   (long long)got);
}

static lt_status assign_tuple(lt_jinja_render *r, const lt_jinja_node *target, lt_jinja_value value,
                              lt_err *err)
{
    lt_jinja_value list;
    LT_TRY(lt_jinja_to_list(r, value, &list, err));
    if (list.as.list->len != target->count)
        return fail_unpack(target->count, (int64_t)list.as.list->len, err);
    size_t i = 0;
    for (const lt_jinja_node *item = target->a; item; item = item->next)
        LT_TRY(lt_jinja_assign(r, item, list.as.list->items[i++], err));
    return LT_OK;
}

static lt_status assign_attr(lt_jinja_render *r, const lt_jinja_node *target, lt_jinja_value value,
                             lt_err *err)
{
    lt_jinja_value owner;
    LT_TRY(lt_jinja_eval(r, target->a, &owner, err));
    if (owner.type != LT_JINJA_OBJECT || !owner.as.object->class->assign)
        return lt_fail(err, LT_INVALID, "cannot assign attribute on non-namespace object");
    return owner.as.object->class->assign(r, owner.as.object, target->name, value, err);
}

lt_status lt_jinja_assign(lt_jinja_render *r, const lt_jinja_node *target, lt_jinja_value value,
                          lt_err *err)
{
    switch (target->kind) {
    case NODE_NAME:
        lt_jinja_scope_set(r, r->scope, target->name, target->hash, value);
        return LT_OK;
    case NODE_TUPLE:
        return assign_tuple(r, target, value, err);
    case NODE_ATTR:
        return assign_attr(r, target, value, err);
    default:
        return lt_fail(err, LT_INVALID, "this cannot be assigned to");
    }
}

static lt_status exec_set(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_eval(r, node->b, &value, err));
    return lt_jinja_assign(r, node->a, value, err);
}

/* A body in a scope of its own. */
static lt_status exec_scoped(lt_jinja_render *r, const lt_jinja_node *body, lt_err *err)
{
    lt_jinja_scope *outer = r->scope;
    r->scope = lt_jinja_scope_new(r, outer);
    lt_status status = lt_jinja_exec(r, body, err);
    r->scope = outer;
    return status;
}

static lt_status capture_scoped(lt_jinja_render *r, const lt_jinja_node *body, lt_jinja_value *out,
                                lt_err *err)
{
    lt_jinja_scope *outer = r->scope;
    r->scope = lt_jinja_scope_new(r, outer);
    lt_status status = lt_jinja_capture(r, body, out, err);
    r->scope = outer;
    return status;
}

/* The filters of a filter block or block set, on what its body wrote. */
static lt_status apply_filters(lt_jinja_render *r, const lt_jinja_node *filters,
                               lt_jinja_value *value, lt_err *err)
{
    lt_jinja_value outer = r->subject;
    r->subject = *value;
    lt_status status = lt_jinja_eval(r, filters, value, err);
    r->subject = outer;
    return status;
}

static lt_status exec_capture(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(capture_scoped(r, node->c, &value, err));
    if (r->flow != FLOW_ON)
        return LT_OK;
    if (node->b)
        LT_TRY(apply_filters(r, node->b, &value, err));
    return lt_jinja_assign(r, node->a, value, err);
}

static lt_status exec_macro(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    (void)err;
    lt_jinja_scope_set(r, r->scope, node->name, node->hash, lt_jinja_macro_new(r, node));
    return LT_OK;
}

static lt_status exec_caller(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_call_with_caller(r, node->a, lt_jinja_macro_new(r, node->b), &value, err));
    return lt_jinja_print(r, value, err);
}

static lt_status exec_do(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value ignored;
    return lt_jinja_eval(r, node->a, &ignored, err);
}

static lt_status exec_filtered(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(capture_scoped(r, node->c, &value, err));
    if (r->flow != FLOW_ON)
        return LT_OK;
    LT_TRY(apply_filters(r, node->a, &value, err));
    return lt_jinja_print(r, value, err);
}

/* The values are those of the scope outside: `with a = 1, b = a` does not see its own a. */
static lt_status exec_with(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    lt_jinja_scope *outer = r->scope;
    lt_jinja_scope *inner = lt_jinja_scope_new(r, outer);
    lt_status status = LT_OK;
    for (const lt_jinja_node *pair = node->a; pair && status == LT_OK; pair = pair->next) {
        lt_jinja_value value;
        status = lt_jinja_eval(r, pair->b, &value, err);
        r->scope = inner;
        if (status == LT_OK)
            status = lt_jinja_assign(r, pair->a, value, err);
        r->scope = outer;
    }
    if (status == LT_OK) {
        r->scope = inner;
        status = exec_scoped(r, node->c, err);
        r->scope = outer;
    }
    return status;
}

static lt_status exec_jump(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    (void)err;
    r->flow = node->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    return LT_OK;
}

static lt_status exec_nothing(lt_jinja_render *r, const lt_jinja_node *node, lt_err *err)
{
    (void)r;
    (void)node;
    (void)err;
    return LT_OK;
}

static executor *const executors[NODE_KINDS] = {
    [NODE_TEXT] = exec_text,
    [NODE_OUTPUT] = exec_output,
    [NODE_IF] = exec_if,
    [NODE_FOR] = lt_jinja_exec_for,
    [NODE_SET] = exec_set,
    [NODE_CAPTURE] = exec_capture,
    [NODE_MACRO] = exec_macro,
    [NODE_CALLER] = exec_caller,
    [NODE_DO] = exec_do,
    [NODE_FILTERED] = exec_filtered,
    [NODE_WITH] = exec_with,
    [NODE_BREAK] = exec_jump,
    [NODE_CONTINUE] = exec_jump,
    [NODE_INCLUDE] = lt_jinja_exec_module,
    [NODE_IMPORT] = lt_jinja_exec_module,
    [NODE_FROM] = lt_jinja_exec_module,
    [NODE_TAG] = exec_nothing,
};

lt_status lt_jinja_exec(lt_jinja_render *r, const lt_jinja_node *body, lt_err *err)
{
    for (const lt_jinja_node *node = body; node && r->flow == FLOW_ON; node = node->next) {
        executor *exec = executors[node->kind];
        lt_status status = lt_jinja_charge(r, 1, err);
        if (status == LT_OK && !exec)
            status = lt_fail(err, LT_INVALID, "this cannot be run");
        if (status == LT_OK)
            status = exec(r, node, err);
        if (status != LT_OK)
            return lt_jinja_locate(r, node->pos, status, err);
    }
    return LT_OK;
}
