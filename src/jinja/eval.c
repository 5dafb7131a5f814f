/* Evaluate expressions by walking the tree. Each level checks the C stack, so a deep tree is an error and not a crash. */
#include "jinja/inner.h"

typedef lt_status evaluator(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                            lt_err *err);

static lt_status eval_const(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                            lt_err *err)
{
    (void)r;
    (void)err;
    *out = node->value;
    return LT_OK;
}

static lt_status eval_name(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    return lt_jinja_get_name(r, node->name, node->hash, out, err);
}

static lt_status eval_list(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value list = lt_jinja_list_of(r->heap, LIST_PLAIN, node->count);
    for (const lt_jinja_node *item = node->a; item; item = item->next) {
        lt_jinja_value value;
        LT_TRY(lt_jinja_eval(r, item, &value, err));
        lt_jinja_list_push(list.as.list, value);
    }
    if (node->kind == NODE_TUPLE)
        list.type = LT_JINJA_TUPLE;
    *out = list;
    return LT_OK;
}

static lt_status eval_dict(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value dict = lt_jinja_dict(r->heap);
    for (const lt_jinja_node *pair = node->a; pair; pair = pair->next) {
        lt_jinja_value key, value;
        uint32_t hash;
        LT_TRY(lt_jinja_eval(r, pair->a, &key, err));
        LT_TRY(lt_jinja_eval(r, pair->b, &value, err));
        if (!lt_jinja_hash(key, &hash))
            return lt_fail(err, LT_INVALID, "unhashable type: '%s'", lt_jinja_type_name(key));
        lt_jinja_dict_set(dict.as.dict, key, value);
    }
    *out = dict;
    return LT_OK;
}

static lt_status eval_attr(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_eval(r, node->a, &value, err));
    return lt_jinja_attr(r, value, node->name, out, err);
}

static lt_status eval_slice(lt_jinja_render *r, lt_jinja_value value, const lt_jinja_node *slice,
                            lt_jinja_value *out, lt_err *err)
{
    const lt_jinja_node *nodes[3] = {slice->a, slice->b, slice->c};
    lt_jinja_value parts[3];
    for (size_t i = 0; i < 3; i++) {
        parts[i] = lt_jinja_none();
        if (nodes[i])
            LT_TRY(lt_jinja_eval(r, nodes[i], &parts[i], err));
    }
    return lt_jinja_slice(r, value, parts, out, err);
}

static lt_status eval_item(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value value, key;
    LT_TRY(lt_jinja_eval(r, node->a, &value, err));
    if (node->b->kind == NODE_SLICE)
        return eval_slice(r, value, node->b, out, err);
    LT_TRY(lt_jinja_eval(r, node->b, &key, err));
    return lt_jinja_item(r, value, key, out, err);
}

static lt_status fail_no_func(lt_jinja_render *r, const lt_jinja_node *node, const char *what,
                              lt_err *err)
{
    (void)r;
    return lt_fail(err, LT_INVALID, "No %s named '%.*s'.", what, LT_ARG(node->name));
}

static lt_status eval_filter(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                             lt_err *err)
{
    lt_jinja_value subject = r->subject;
    if (node->a)
        LT_TRY(lt_jinja_eval(r, node->a, &subject, err));
    if (!node->func)
        return fail_no_func(r, node, "filter", err);
    return lt_jinja_eval_func(r, node, node->func, subject, out, err);
}

static lt_status eval_test(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value subject, result;
    LT_TRY(lt_jinja_eval(r, node->a, &subject, err));
    if (!node->func)
        return fail_no_func(r, node, "test", err);
    LT_TRY(lt_jinja_eval_func(r, node, node->func, subject, &result, err));
    *out = lt_jinja_bool(lt_jinja_truth(result) != !!(node->flags & NEGATED));
    return LT_OK;
}

/* Truth of an operand; a strict undefined has none. */
static lt_status eval_truth(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *value,
                            bool *truth, lt_err *err)
{
    *truth = false;
    LT_TRY(lt_jinja_eval(r, node, value, err));
    if (lt_jinja_is_strict(r, *value))
        return lt_jinja_fail_undefined(r, *value, err);
    *truth = lt_jinja_truth(*value);
    return LT_OK;
}

static lt_status eval_not(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                          lt_err *err)
{
    bool truth;
    LT_TRY(eval_truth(r, node->a, out, &truth, err));
    *out = lt_jinja_bool(!truth);
    return LT_OK;
}

/* and, or: the operand that decided, not a boolean. */
static lt_status eval_logic(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                            lt_err *err)
{
    bool truth;
    LT_TRY(eval_truth(r, node->a, out, &truth, err));
    return truth == (node->kind == NODE_AND) ? lt_jinja_eval(r, node->b, out, err) : LT_OK;
}

static lt_status eval_sign(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    lt_jinja_value value;
    LT_TRY(lt_jinja_eval(r, node->a, &value, err));
    if (lt_jinja_is_undefined(value))
        return lt_jinja_fail_undefined(r, value, err);
    if (value.type == LT_JINJA_OBJECT && value.as.object->class->arithmetic) {
        bool found = false;
        if (node->kind == NODE_NEG)
            LT_TRY(value.as.object->class->arithmetic(r, value.as.object, LT_JINJA_OP_NEGATE,
                                                      (lt_jinja_value){0}, false, out, &found,
                                                      err));
        else if (lt_jinja_is_big(value)) {
            *out = value;
            found = true;
        }
        if (found)
            return LT_OK;
    }
    if (!lt_jinja_is_number(value))
        return lt_fail(err, LT_INVALID, "bad operand type for unary %c: '%s'",
                       node->kind == NODE_NEG ? '-' : '+', lt_jinja_type_name(value));
    if (value.type == LT_JINJA_FLOAT)
        *out = lt_jinja_float(node->kind == NODE_NEG ? -value.as.f : value.as.f);
    else if (node->kind == NODE_POS)
        *out = lt_jinja_int(lt_jinja_intlike(value));
    else
        return lt_jinja_binary(r, '-', lt_jinja_int(0), value, out, err);
    return LT_OK;
}

static lt_status eval_binary(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                             lt_err *err)
{
    lt_jinja_value a, b;
    LT_TRY(lt_jinja_eval(r, node->a, &a, err));
    LT_TRY(lt_jinja_eval(r, node->b, &b, err));
    return lt_jinja_binary(r, node->op, a, b, out, err);
}

static lt_status compare_once(lt_jinja_render *r, char op, lt_jinja_value a, lt_jinja_value b,
                              bool *holds, lt_err *err)
{
    static const char *const words[] = {['<'] = "<", ['>'] = ">", [OP_LE] = "<=", [OP_GE] = ">="};
    bool ordered = op != OP_EQ && op != OP_NE;
    if (op == OP_IN || op == OP_NOT_IN) {
        LT_TRY(lt_jinja_contains(r, b, a, holds, err));
        *holds ^= op == OP_NOT_IN;
        return LT_OK;
    }
    if (lt_jinja_is_undefined(a) && (lt_jinja_is_strict(r, a) || ordered))
        return lt_jinja_fail_undefined(r, a, err);
    if (lt_jinja_is_undefined(b) && (lt_jinja_is_strict(r, b) || ordered))
        return lt_jinja_fail_undefined(r, b, err);
    if (!ordered) {
        *holds = lt_jinja_eq(a, b) == (op == OP_EQ);
        return LT_OK;
    }
    int order;
    LT_TRY(lt_jinja_compare(a, b, words[(int)op], &order, err));
    if (order == 2)
        *holds = false;
    else
        *holds = op == '<'     ? order < 0
                 : op == '>'   ? order > 0
                 : op == OP_LE ? order <= 0
                               : order >= 0;
    return LT_OK;
}

static lt_status eval_compare(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                              lt_err *err)
{
    lt_jinja_value left, right;
    bool holds = true;
    LT_TRY(lt_jinja_eval(r, node->a, &left, err));
    for (const lt_jinja_node *operand = node->b; operand && holds; operand = operand->next) {
        LT_TRY(lt_jinja_eval(r, operand->a, &right, err));
        LT_TRY(compare_once(r, operand->op, left, right, &holds, err));
        left = right;
    }
    *out = lt_jinja_bool(holds);
    return LT_OK;
}

static lt_status eval_concat(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                             lt_err *err)
{
    lt_jinja_value made = lt_jinja_text((lt_text){0});
    for (const lt_jinja_node *part = node->a; part; part = part->next) {
        lt_jinja_value value = {0};
        lt_text text;
        LT_TRY(lt_jinja_eval(r, part, &value, err));
        LT_TRY(lt_jinja_text_of(r, value, &text, err));
        LT_TRY(lt_jinja_charge(r, text.len / 32, err));
        if (part == node->a)
            made = lt_jinja_text(text);
        else if (text.len)
            made = lt_jinja_concat(r->heap, lt_jinja_as_text(made), text);
    }
    *out = made;
    return LT_OK;
}

static lt_status eval_cond(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                           lt_err *err)
{
    bool truth;
    LT_TRY(eval_truth(r, node->a, out, &truth, err));
    if (truth)
        return lt_jinja_eval(r, node->b, out, err);
    if (node->c)
        return lt_jinja_eval(r, node->c, out, err);
    *out = lt_jinja_missing_value(
        r->heap, MISSING_TEXT, lt_jinja_none(),
        T("the inline if-expression evaluated to false and no else section was defined."));
    out->kind = LENIENT;
    return LT_OK;
}

static evaluator *const evaluators[NODE_KINDS] = {
    [NODE_CONST] = eval_const,     [NODE_NAME] = eval_name,
    [NODE_LIST] = eval_list,       [NODE_TUPLE] = eval_list,
    [NODE_DICT] = eval_dict,       [NODE_ATTR] = eval_attr,
    [NODE_ITEM] = eval_item,       [NODE_CALL] = lt_jinja_eval_call,
    [NODE_FILTER] = eval_filter,   [NODE_TEST] = eval_test,
    [NODE_NOT] = eval_not,         [NODE_NEG] = eval_sign,
    [NODE_POS] = eval_sign,        [NODE_BINARY] = eval_binary,
    [NODE_AND] = eval_logic,       [NODE_OR] = eval_logic,
    [NODE_COMPARE] = eval_compare, [NODE_CONCAT] = eval_concat,
    [NODE_COND] = eval_cond,
};

static lt_status check_stack(lt_jinja_render *r, lt_err *err)
{
    const char *here = __builtin_frame_address(0);
    ptrdiff_t used = r->limits->stack_top - here; /* the stack grows down */
    if (used <= (ptrdiff_t)r->limits->max_stack)
        return LT_OK;
    return lt_fail(err, LT_TOO_BIG, "this template nests too deeply (more than %zu bytes of stack)",
                   r->limits->max_stack);
}

lt_status lt_jinja_eval(lt_jinja_render *r, const lt_jinja_node *node, lt_jinja_value *out,
                        lt_err *err)
{
    if (node->kind == NODE_CONST) {
        *out = node->value;
        return LT_OK;
    }
    evaluator *eval = evaluators[node->kind];
    lt_status status = check_stack(r, err);
    if (status == LT_OK)
        status = lt_jinja_charge(r, 1, err);
    if (status == LT_OK && !eval)
        status = lt_fail(err, LT_INVALID, "this cannot be evaluated");
    if (status == LT_OK)
        status = eval(r, node, out, err);
    return status == LT_OK ? LT_OK : lt_jinja_locate(r, node->pos, status, err);
}
