/* The keyword arguments of a call as Python prints Jinja's own tree of them: dbt keeps these texts in its manifest. */
#include "jinja/inner.h"

/* Expressions nest no deeper than the parser allowed. */
static void write(const lt_jinja_node *node, lt_buf *out);

static void write_list(const lt_jinja_node *first, const char *name, lt_buf *out)
{
    lt_buf_printf(out, "%s=[", name);
    for (const lt_jinja_node *node = first; node; node = node->next) {
        write(node, out);
        lt_buf_add_str(out, node->next ? ", " : "");
    }
    lt_buf_add_byte(out, ']');
}

static void write_field(const char *name, const lt_jinja_node *node, lt_buf *out)
{
    lt_buf_printf(out, "%s=", name);
    write(node, out);
}

static void write_name(const char *name, lt_text text, lt_buf *out)
{
    lt_buf_printf(out, "%s=", name);
    lt_jinja_str_repr(text, out);
}

/* Arguments of one kind only: in the tree they stand in one list. */
static void write_args(const char *name, const lt_jinja_node *args, bool named, lt_buf *out)
{
    const char *comma = "";
    lt_buf_printf(out, "%s=[", name);
    for (const lt_jinja_node *arg = args; arg; arg = arg->next) {
        if (arg->kind == NODE_STAR || arg->kind == NODE_STARS || (arg->kind == NODE_KWARG) != named)
            continue;
        lt_buf_add_str(out, comma);
        write(arg, out);
        comma = ", ";
    }
    lt_buf_add_byte(out, ']');
}

static void write_dynamic(const char *name, const lt_jinja_node *args, node_kind kind, lt_buf *out)
{
    const lt_jinja_node *found = NULL;
    for (const lt_jinja_node *arg = args; arg; arg = arg->next)
        if (arg->kind == kind)
            found = arg->a;
    write_field(name, found, out);
}

static void write_arguments(const lt_jinja_node *args, lt_buf *out)
{
    write_args("args", args, false, out);
    lt_buf_add_str(out, ", ");
    write_args("kwargs", args, true, out);
    lt_buf_add_str(out, ", ");
    write_dynamic("dyn_args", args, NODE_STAR, out);
    lt_buf_add_str(out, ", ");
    write_dynamic("dyn_kwargs", args, NODE_STARS, out);
    lt_buf_add_byte(out, ')');
}

static const struct {
    char op;
    const char *binary, *operand;
} operators[] = {
    {'+', "Add", NULL},    {'-', "Sub", NULL},           {'*', "Mul", NULL},
    {'/', "Div", NULL},    {OP_FLOOR, "FloorDiv", NULL}, {'%', "Mod", NULL},
    {OP_POW, "Pow", NULL}, {OP_EQ, NULL, "eq"},          {OP_NE, NULL, "ne"},
    {'<', NULL, "lt"},     {OP_LE, NULL, "lteq"},        {'>', NULL, "gt"},
    {OP_GE, NULL, "gteq"}, {OP_IN, NULL, "in"},          {OP_NOT_IN, NULL, "notin"},
};

static const char *operator_name(char op, bool binary)
{
    for (size_t i = 0; i < LT_COUNT(operators); i++) {
        const char *name = binary ? operators[i].binary : operators[i].operand;
        if (operators[i].op == op && name)
            return name;
    }
    return "";
}

/* What is nothing but a name and its parts; the tail closes it, or leads to what follows. */
static const struct shape {
    node_kind kind;
    const char *name, *fields[3], *tail;
} shapes[] = {
    {NODE_PAIR, "Pair", {"key", "value"}, ")"},
    {NODE_ITEM, "Getitem", {"node", "arg"}, ", ctx='load')"},
    {NODE_SLICE, "Slice", {"start", "stop", "step"}, ")"},
    {NODE_CALL, "Call", {"node"}, ", "},
    {NODE_NOT, "Not", {"node"}, ")"},
    {NODE_NEG, "Neg", {"node"}, ")"},
    {NODE_POS, "Pos", {"node"}, ")"},
    {NODE_BINARY, NULL, {"left", "right"}, ")"},
    {NODE_AND, "And", {"left", "right"}, ")"},
    {NODE_OR, "Or", {"left", "right"}, ")"},
    {NODE_COMPARE, "Compare", {"expr"}, ", "},
    {NODE_COND, "CondExpr", {"test", "expr1", "expr2"}, ")"},
};

static const struct shape *shape_of(const lt_jinja_node *node)
{
    for (size_t i = 0; i < LT_COUNT(shapes); i++)
        if (shapes[i].kind == (node_kind)node->kind)
            return &shapes[i];
    return NULL;
}

static void write_shape(const struct shape *shape, const lt_jinja_node *node, lt_buf *out)
{
    const lt_jinja_node *const parts[] = {node->a, node->b, node->c};
    lt_buf_printf(out, "%s(", shape->name ? shape->name : operator_name(node->op, true));
    for (size_t i = 0; i < LT_COUNT(parts) && shape->fields[i]; i++) {
        lt_buf_add_str(out, i ? ", " : "");
        write_field(shape->fields[i], parts[i], out);
    }
    lt_buf_add_str(out, shape->tail);
    if (node->kind == NODE_CALL)
        write_arguments(node->b, out);
    if (node->kind == NODE_COMPARE) {
        write_list(node->b, "ops", out);
        lt_buf_add_byte(out, ')');
    }
}

static void write_test(const lt_jinja_node *node, lt_buf *out)
{
    bool negated = node->flags & NEGATED;
    lt_buf_add_str(out, negated ? "Not(node=Test(" : "Test(");
    write_field("node", node->a, out);
    lt_buf_add_str(out, ", ");
    write_name("name", node->name, out);
    lt_buf_add_str(out, ", ");
    write_arguments(node->b, out);
    lt_buf_add_str(out, negated ? ")" : "");
}

static void write_filter(const lt_jinja_node *node, lt_buf *out)
{
    lt_buf_add_str(out, "Filter(");
    write_field("node", node->a, out);
    lt_buf_add_str(out, ", ");
    write_name("name", node->name, out);
    lt_buf_add_str(out, ", ");
    write_arguments(node->b, out);
}

static void write_items(const char *kind, const lt_jinja_node *node, const char *end, lt_buf *out)
{
    lt_buf_printf(out, "%s(", kind);
    write_list(node->a, node->kind == NODE_CONCAT ? "nodes" : "items", out);
    lt_buf_add_str(out, end);
}

static void write_leaf(const lt_jinja_node *node, lt_buf *out)
{
    if (node->kind == NODE_NAME) {
        lt_buf_add_str(out, "Name(");
        write_name("name", node->name, out);
        lt_buf_add_str(out, ", ctx='load')");
    } else {
        lt_buf_add_str(out, "Const(value=");
        lt_jinja_repr(node->value, out);
        lt_buf_add_byte(out, ')');
    }
}

/* What has a name and one part. */
static void write_named(const lt_jinja_node *node, lt_buf *out)
{
    if (node->kind == NODE_KWARG) {
        lt_buf_add_str(out, "Keyword(");
        write_name("key", node->name, out);
        lt_buf_add_str(out, ", ");
        write_field("value", node->a, out);
        lt_buf_add_byte(out, ')');
    } else if (node->kind == NODE_ATTR) {
        lt_buf_add_str(out, "Getattr(");
        write_field("node", node->a, out);
        lt_buf_add_str(out, ", ");
        write_name("attr", node->name, out);
        lt_buf_add_str(out, ", ctx='load')");
    } else { /* NODE_OPERAND */
        lt_buf_printf(out, "Operand(op='%s', ", operator_name(node->op, false));
        write_field("expr", node->a, out);
        lt_buf_add_byte(out, ')');
    }
}

static void write(const lt_jinja_node *node, lt_buf *out)
{
    const struct shape *shape = node ? shape_of(node) : NULL;
    if (!node) {
        lt_buf_add_str(out, "None");
        return;
    }
    if (shape) {
        write_shape(shape, node, out);
        return;
    }
    switch (node->kind) {
    case NODE_LIST:
        write_items("List", node, ")", out);
        break;
    case NODE_TUPLE:
        write_items("Tuple", node, ", ctx='load')", out);
        break;
    case NODE_DICT:
        write_items("Dict", node, ")", out);
        break;
    case NODE_CONCAT:
        write_items("Concat", node, ")", out);
        break;
    case NODE_FILTER:
        write_filter(node, out);
        break;
    case NODE_TEST:
        write_test(node, out);
        break;
    case NODE_KWARG:
    case NODE_ATTR:
    case NODE_OPERAND:
        write_named(node, out);
        break;
    default:
        write_leaf(node, out);
        break;
    }
}

bool lt_jinja_keywords_of(const lt_jinja_template *compiled, lt_text name, lt_jinja_heap *heap,
                          lt_jinja_value *out)
{
    const lt_jinja_node *first = NULL;
    for (size_t i = 0; i < compiled->calls.len; i++) {
        const lt_jinja_node *call = compiled->calls.items[i];
        if (call->a->kind == NODE_NAME && lt_text_eq(call->a->name, name) &&
            (!first || call->pos < first->pos))
            first = call;
    }
    *out = lt_jinja_dict(heap);
    for (const lt_jinja_node *arg = first ? first->b : NULL; arg; arg = arg->next) {
        LT_AUTO(lt_buf) text = {.limit = LT_MIB};
        if (arg->kind != NODE_KWARG)
            continue;
        write(arg, &text);
        lt_jinja_put_value(*out, lt_jinja_text_copy(heap, arg->name),
                           lt_jinja_text_copy(heap, lt_buf_text(&text)));
    }
    return lt_jinja_len(*out) > 0;
}
