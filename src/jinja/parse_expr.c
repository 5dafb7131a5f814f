/* Parse expressions: one function for each level of precedence. They call each other no deeper than env.max_nesting allows. */
#include "jinja/parse.h"

#include <assert.h>

#define PARSE(name_) static lt_status name_(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)

PARSE(parse_unary_filtered);
static lt_status parse_postfix(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err);
PARSE(parse_primary);

/* ---- calls and subscripts */

static lt_status parse_argument(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    uint32_t pos = p->token.pos;
    if (lt_jinja_at_op(p, '*') || lt_jinja_at_op(p, OP_POW)) {
        *out = lt_jinja_node_new(p, p->token.op == '*' ? NODE_STAR : NODE_STARS, pos);
        LT_TRY(lt_jinja_advance(p, err));
        return lt_jinja_parse_expr(p, 0, &(*out)->a, err);
    }
    if (p->token.kind == TOKEN_NAME) {
        LT_TRY(lt_jinja_peek(p, err));
        if (p->next.kind == TOKEN_OP && p->next.op == '=') {
            *out = lt_jinja_node_named(p, NODE_KWARG, pos, p->token.text);
            LT_TRY(lt_jinja_advance(p, err));
            LT_TRY(lt_jinja_advance(p, err));
            return lt_jinja_parse_expr(p, 0, &(*out)->a, err);
        }
    }
    return lt_jinja_parse_expr(p, 0, out, err);
}

/* Positional arguments stand before named ones and before **; * may stand behind named ones. */
static lt_status check_order(lt_jinja_parser *p, const lt_jinja_node *arg, bool *named,
                             bool *starred, bool *ended, lt_err *err)
{
    bool wrong = *ended;
    switch (arg->kind) {
    case NODE_STAR:
        wrong |= *starred;
        *starred = true;
        break;
    case NODE_STARS:
        *ended = true;
        break;
    case NODE_KWARG:
        *named = true;
        break;
    default:
        wrong |= *named || *starred;
    }
    return wrong ? lt_jinja_fail_parse(p, arg->pos, err,
                                       "invalid syntax for function call expression")
                 : LT_OK;
}

/* "(" arguments ")"; `count` and the chain go into `node->b`. */
static lt_status parse_arguments(lt_jinja_parser *p, lt_jinja_node *node, lt_err *err)
{
    bool named = false, starred = false, ended = false;
    lt_jinja_node **tail = &node->b;
    LT_TRY(lt_jinja_expect_op(p, '(', err));
    while (!lt_jinja_at_op(p, ')')) {
        if (node->b) {
            LT_TRY(lt_jinja_expect_op(p, ',', err));
            if (lt_jinja_at_op(p, ')'))
                break;
        }
        LT_TRY(parse_argument(p, tail, err));
        assert(*tail);
        LT_TRY(check_order(p, *tail, &named, &starred, &ended, err));
        tail = &(*tail)->next;
        node->count++;
    }
    return lt_jinja_advance(p, err);
}

static lt_status parse_call(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    lt_jinja_node *call = lt_jinja_node_new(p, NODE_CALL, (*node)->pos);
    call->a = *node;
    if (p->conditional)
        call->flags |= NESTED;
    lt_push_in(&p->made->arena, &p->made->calls,
               call); /* before those in its arguments, as ast.find_all() */
    LT_TRY(parse_arguments(p, call, err));
    *node = call;
    return LT_OK;
}

static bool at_slice_end(const lt_jinja_parser *p)
{
    return lt_jinja_at_op(p, ']') || lt_jinja_at_op(p, ',') || lt_jinja_at_op(p, ':');
}

static lt_status parse_subscribed(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *slice = lt_jinja_node_new(p, NODE_SLICE, p->token.pos);
    if (!lt_jinja_at_op(p, ':')) {
        LT_TRY(lt_jinja_parse_expr(p, 0, &slice->a, err));
        if (!lt_jinja_at_op(p, ':')) {
            *out = slice->a;
            return LT_OK;
        }
    }
    LT_TRY(lt_jinja_advance(p, err));
    if (!at_slice_end(p))
        LT_TRY(lt_jinja_parse_expr(p, 0, &slice->b, err));
    if (lt_jinja_at_op(p, ':')) {
        LT_TRY(lt_jinja_advance(p, err));
        if (!at_slice_end(p))
            LT_TRY(lt_jinja_parse_expr(p, 0, &slice->c, err));
    }
    *out = slice;
    return LT_OK;
}

static lt_status parse_brackets(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    lt_jinja_node *item = lt_jinja_node_new(p, NODE_ITEM, (*node)->pos);
    lt_jinja_node *keys = lt_jinja_node_new(p, NODE_TUPLE, p->token.pos);
    lt_jinja_node **tail = &keys->a;
    LT_TRY(lt_jinja_advance(p, err));
    while (!lt_jinja_at_op(p, ']')) {
        if (keys->count)
            LT_TRY(lt_jinja_expect_op(p, ',', err));
        LT_TRY(parse_subscribed(p, tail, err));
        tail = &(*tail)->next;
        keys->count++;
    }
    LT_TRY(lt_jinja_advance(p, err));
    if (!keys->count)
        return lt_jinja_fail_parse(p, keys->pos, err, "expected subscript expression");
    item->a = *node;
    item->b = keys->count == 1 ? keys->a : keys;
    if (item->b == keys)
        for (const lt_jinja_node *key = keys->a; key; key = key->next)
            if (key->kind == NODE_SLICE)
                return lt_jinja_fail_parse(p, key->pos, err,
                                           "a slice among several subscripts is not supported");
    *node = item;
    return LT_OK;
}

static lt_status parse_dot(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    LT_TRY(lt_jinja_advance(p, err));
    lt_jinja_node *made;
    if (p->token.kind == TOKEN_NAME) {
        made = lt_jinja_node_named(p, NODE_ATTR, p->token.pos, p->token.text);
    } else if (p->token.kind == TOKEN_INT) {
        made = lt_jinja_node_new(p, NODE_ITEM, p->token.pos);
        made->b = lt_jinja_node_new(p, NODE_CONST, p->token.pos);
        made->b->value = p->token.whole;
    } else {
        return lt_jinja_expected(p, "name or number", err);
    }
    made->a = *node;
    *node = made;
    return lt_jinja_advance(p, err);
}

static lt_status parse_postfix(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    for (;;) {
        if (lt_jinja_at_op(p, '.'))
            LT_TRY(parse_dot(p, node, err));
        else if (lt_jinja_at_op(p, '['))
            LT_TRY(parse_brackets(p, node, err));
        else if (lt_jinja_at_op(p, '('))
            LT_TRY(parse_call(p, node, err));
        else
            return LT_OK;
    }
}

/* ---- filters and tests */

/* a.b.c as one name, as Jinja reads the names of filters and tests. */
static lt_status parse_dotted(lt_jinja_parser *p, lt_text *name, lt_err *err)
{
    if (p->token.kind != TOKEN_NAME)
        return lt_jinja_expected(p, "a name", err);
    *name = p->token.text;
    LT_TRY(lt_jinja_advance(p, err));
    while (lt_jinja_at_op(p, '.')) {
        LT_TRY(lt_jinja_advance(p, err));
        if (p->token.kind != TOKEN_NAME)
            return lt_jinja_expected(p, "a name", err);
        *name = lt_text_of(
            lt_arena_format(&p->made->arena, "%.*s.%.*s", LT_ARG(*name), LT_ARG(p->token.text)));
        LT_TRY(lt_jinja_advance(p, err));
    }
    return LT_OK;
}

lt_status lt_jinja_parse_filter(lt_jinja_parser *p, lt_jinja_node *subject, lt_jinja_node **out,
                                lt_err *err)
{
    uint32_t pos = p->token.pos;
    lt_text name = {0};
    LT_TRY(parse_dotted(p, &name, err));
    lt_jinja_node *node = lt_jinja_node_named(p, NODE_FILTER, pos, name);
    node->func = lt_jinja_filter_find(p->env, name);
    node->a = subject;
    /* As in Jinja, an unknown filter in a branch is an error only when it is reached. */
    if (!node->func && !p->conditional)
        return lt_jinja_fail_parse(p, pos, err, "No filter named '%.*s'.", LT_ARG(name));
    if (lt_jinja_at_op(p, '('))
        LT_TRY(parse_arguments(p, node, err));
    *out = node;
    return LT_OK;
}

lt_status lt_jinja_parse_filters(lt_jinja_parser *p, lt_jinja_node *subject, lt_jinja_node **out,
                                 lt_err *err)
{
    LT_TRY(lt_jinja_parse_filter(p, subject, out, err));
    while (lt_jinja_at_op(p, '|')) {
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_parse_filter(p, *out, out, err));
    }
    return LT_OK;
}

/* `x is divisibleby 3`: an argument without brackets may follow, but not a word that goes on with the expression. */
static bool at_bare_argument(const lt_jinja_parser *p)
{
    if (p->token.kind == TOKEN_NAME)
        return !lt_jinja_at_name(p, T("else")) && !lt_jinja_at_name(p, T("or")) &&
               !lt_jinja_at_name(p, T("and"));
    return p->token.kind == TOKEN_STR || p->token.kind == TOKEN_INT ||
           p->token.kind == TOKEN_FLOAT || lt_jinja_at_op(p, '[') || lt_jinja_at_op(p, '{');
}

static lt_status parse_test(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    LT_TRY(lt_jinja_advance(p, err));
    bool negated = lt_jinja_at_name(p, T("not"));
    if (negated)
        LT_TRY(lt_jinja_advance(p, err));
    uint32_t pos = p->token.pos;
    lt_text name = {0};
    LT_TRY(parse_dotted(p, &name, err));
    lt_jinja_node *test = lt_jinja_node_named(p, NODE_TEST, pos, name);
    test->a = *node;
    test->func = lt_jinja_test_find(p->env, name);
    test->flags = negated ? NEGATED : 0;
    if (lt_jinja_at_name(p, T("is")))
        return lt_jinja_fail_parse(p, p->token.pos, err, "You cannot chain multiple tests with is");
    if (!test->func && !p->conditional)
        return lt_jinja_fail_parse(p, pos, err, "No test named '%.*s'.", LT_ARG(name));
    if (lt_jinja_at_op(p, '(')) {
        LT_TRY(parse_arguments(p, test, err));
    } else if (at_bare_argument(p)) {
        LT_TRY(lt_jinja_deeper(p, err));
        LT_TRY(parse_primary(p, &test->b, err));
        LT_TRY(parse_postfix(p, &test->b, err));
        p->depth--;
        test->count = 1;
    }
    *node = test;
    return LT_OK;
}

static lt_status parse_filter_expr(lt_jinja_parser *p, lt_jinja_node **node, lt_err *err)
{
    for (;;) {
        if (lt_jinja_at_op(p, '|')) {
            LT_TRY(lt_jinja_advance(p, err));
            LT_TRY(lt_jinja_parse_filter(p, *node, node, err));
        } else if (lt_jinja_at_name(p, T("is"))) {
            LT_TRY(parse_test(p, node, err));
        } else if (lt_jinja_at_op(p, '(')) {
            LT_TRY(parse_call(p, node, err));
        } else {
            return LT_OK;
        }
    }
}

/* ---- primaries */

static lt_status parse_list(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *list = lt_jinja_node_new(p, NODE_LIST, p->token.pos);
    lt_jinja_node **tail = &list->a;
    LT_TRY(lt_jinja_advance(p, err));
    while (!lt_jinja_at_op(p, ']')) {
        if (list->count)
            LT_TRY(lt_jinja_expect_op(p, ',', err));
        if (lt_jinja_at_op(p, ']'))
            break;
        LT_TRY(lt_jinja_parse_expr(p, 0, tail, err));
        tail = &(*tail)->next;
        list->count++;
    }
    *out = list;
    return lt_jinja_advance(p, err);
}

static lt_status parse_dict(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *dict = lt_jinja_node_new(p, NODE_DICT, p->token.pos);
    lt_jinja_node **tail = &dict->a;
    LT_TRY(lt_jinja_advance(p, err));
    while (!lt_jinja_at_op(p, '}')) {
        if (dict->count)
            LT_TRY(lt_jinja_expect_op(p, ',', err));
        if (lt_jinja_at_op(p, '}'))
            break;
        lt_jinja_node *pair = lt_jinja_node_new(p, NODE_PAIR, p->token.pos);
        LT_TRY(lt_jinja_parse_expr(p, 0, &pair->a, err));
        LT_TRY(lt_jinja_expect_op(p, ':', err));
        LT_TRY(lt_jinja_parse_expr(p, 0, &pair->b, err));
        *tail = pair;
        tail = &pair->next;
        dict->count++;
    }
    *out = dict;
    return lt_jinja_advance(p, err);
}

PARSE(parse_brackets_or_tuple)
{
    uint32_t pos = p->token.pos;
    LT_TRY(lt_jinja_advance(p, err));
    if (lt_jinja_at_op(p, ')'))
        *out = lt_jinja_node_new(p, NODE_TUPLE, pos);
    else
        LT_TRY(lt_jinja_parse_tuple(p, 0, out, err));
    return lt_jinja_expect_op(p, ')', err);
}

/* Adjacent string literals are one. */
PARSE(parse_strings)
{
    lt_jinja_node *node = lt_jinja_node_new(p, NODE_CONST, p->token.pos);
    lt_text text = p->token.text;
    LT_TRY(lt_jinja_advance(p, err));
    if (p->token.kind == TOKEN_STR) {
        LT_AUTO(lt_buf) joined = {0};
        lt_buf_add(&joined, text);
        while (p->token.kind == TOKEN_STR) {
            lt_buf_add(&joined, p->token.text);
            LT_TRY(lt_jinja_advance(p, err));
        }
        LT_TRY(lt_buf_check(&joined, "the string", err));
        text = lt_arena_text(&p->made->arena, lt_buf_text(&joined));
    }
    node->value = lt_jinja_text(text);
    *out = node;
    return LT_OK;
}

static bool constant_word(lt_text word, lt_jinja_value *value)
{
    static const struct {
        const char *name;
        char what;
    } words[] = {{"true", 't'},  {"True", 't'}, {"false", 'f'},
                 {"False", 'f'}, {"none", 'n'}, {"None", 'n'}};
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_text_eq(word, lt_text_of(words[i].name))) {
            *value = words[i].what == 'n' ? lt_jinja_none() : lt_jinja_bool(words[i].what == 't');
            return true;
        }
    return false;
}

static void note_use(lt_jinja_parser *p, lt_text name)
{
    static const struct {
        const char *name;
        uint16_t flag;
    } uses[] = {{"caller", USES_CALLER},
                {"varargs", USES_VARARGS},
                {"kwargs", USES_KWARGS},
                {"loop", USES_LOOP}};
    for (size_t i = 0; i < LT_COUNT(uses); i++)
        if (lt_text_eq(name, lt_text_of(uses[i].name)))
            p->used |= uses[i].flag;
}

PARSE(parse_primary)
{
    lt_jinja_node *node;
    switch (p->token.kind) {
    case TOKEN_NAME:
        node = lt_jinja_node_named(p, NODE_NAME, p->token.pos, p->token.text);
        lt_jinja_value constant;
        if (constant_word(p->token.text, &constant)) {
            node->kind = NODE_CONST;
            node->value = constant;
        } else {
            note_use(p, p->token.text);
        }
        break;
    case TOKEN_STR:
        return parse_strings(p, out, err);
    case TOKEN_INT:
    case TOKEN_FLOAT:
        node = lt_jinja_node_new(p, NODE_CONST, p->token.pos);
        node->value = p->token.kind == TOKEN_INT ? p->token.whole : lt_jinja_float(p->token.f);
        break;
    default:
        if (lt_jinja_at_op(p, '('))
            return parse_brackets_or_tuple(p, out, err);
        if (lt_jinja_at_op(p, '['))
            return parse_list(p, out, err);
        if (lt_jinja_at_op(p, '{'))
            return parse_dict(p, out, err);
        return lt_jinja_expected(p, "an expression", err);
    }
    *out = node;
    return lt_jinja_advance(p, err);
}

/* ---- operators */

static lt_status parse_unary(lt_jinja_parser *p, bool filtered, lt_jinja_node **out, lt_err *err)
{
    LT_TRY(lt_jinja_deeper(p, err));
    if (lt_jinja_at_op(p, '-') || lt_jinja_at_op(p, '+')) {
        lt_jinja_node *node =
            lt_jinja_node_new(p, p->token.op == '-' ? NODE_NEG : NODE_POS, p->token.pos);
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(parse_unary(p, false, &node->a, err));
        *out = node;
    } else {
        LT_TRY(parse_primary(p, out, err));
    }
    LT_TRY(parse_postfix(p, out, err));
    if (filtered)
        LT_TRY(parse_filter_expr(p, out, err));
    p->depth--;
    return LT_OK;
}

PARSE(parse_unary_filtered)
{
    return parse_unary(p, true, out, err);
}

/* left OP right OP right ..., for the operators in `ops`. */
static lt_status parse_left(lt_jinja_parser *p, const char *ops,
                            lt_status (*operand)(lt_jinja_parser *, lt_jinja_node **, lt_err *),
                            lt_jinja_node **out, lt_err *err)
{
    LT_TRY(operand(p, out, err));
    while (p->token.kind == TOKEN_OP && strchr(ops, p->token.op)) {
        lt_jinja_node *node = lt_jinja_node_new(p, NODE_BINARY, p->token.pos);
        node->op = p->token.op;
        node->a = *out;
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(operand(p, &node->b, err));
        *out = node;
    }
    return LT_OK;
}

PARSE(parse_pow)
{
    return parse_left(p, (char[]){OP_POW, '\0'}, parse_unary_filtered, out, err);
}

PARSE(parse_product)
{
    return parse_left(p, (char[]){'*', '/', OP_FLOOR, '%', '\0'}, parse_pow, out, err);
}

PARSE(parse_concat)
{
    LT_TRY(parse_product(p, out, err));
    if (!lt_jinja_at_op(p, '~'))
        return LT_OK;
    lt_jinja_node *node = lt_jinja_node_new(p, NODE_CONCAT, p->token.pos);
    node->a = *out;
    node->count = 1;
    lt_jinja_node **tail = &node->a->next;
    while (lt_jinja_at_op(p, '~')) {
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(parse_product(p, tail, err));
        tail = &(*tail)->next;
        node->count++;
    }
    *out = node;
    return LT_OK;
}

PARSE(parse_sum)
{
    return parse_left(p, "+-", parse_concat, out, err);
}

/* The comparison operator here, or 0; stands on its last token. */
static lt_status comparison_op(lt_jinja_parser *p, char *op, lt_err *err)
{
    *op = '\0';
    if (p->token.kind == TOKEN_OP &&
        strchr((char[]){OP_EQ, OP_NE, OP_LE, OP_GE, '<', '>', '\0'}, p->token.op)) {
        *op = p->token.op;
    } else if (lt_jinja_at_name(p, T("in"))) {
        *op = OP_IN;
    } else if (lt_jinja_at_name(p, T("not"))) {
        LT_TRY(lt_jinja_peek(p, err));
        if (p->next.kind == TOKEN_NAME && lt_text_eq(p->next.text, T("in"))) {
            *op = OP_NOT_IN;
            return lt_jinja_advance(p, err);
        }
    }
    return LT_OK;
}

PARSE(parse_compare)
{
    LT_TRY(parse_sum(p, out, err));
    lt_jinja_node *node = NULL;
    lt_jinja_node **tail = NULL;
    for (;;) {
        uint32_t pos = p->token.pos;
        char op;
        LT_TRY(comparison_op(p, &op, err));
        if (!op)
            return LT_OK;
        if (!node) {
            node = lt_jinja_node_new(p, NODE_COMPARE, pos);
            node->a = *out;
            tail = &node->b;
            *out = node;
        }
        LT_TRY(lt_jinja_advance(p, err));
        *tail = lt_jinja_node_new(p, NODE_OPERAND, pos);
        (*tail)->op = op;
        LT_TRY(parse_sum(p, &(*tail)->a, err));
        tail = &(*tail)->next;
    }
}

PARSE(parse_not)
{
    if (!lt_jinja_at_name(p, T("not")))
        return parse_compare(p, out, err);
    lt_jinja_node *node = lt_jinja_node_new(p, NODE_NOT, p->token.pos);
    LT_TRY(lt_jinja_advance(p, err));
    LT_TRY(lt_jinja_deeper(p, err));
    LT_TRY(parse_not(p, &node->a, err));
    p->depth--;
    *out = node;
    return LT_OK;
}

static lt_status parse_logic(lt_jinja_parser *p, lt_text word, node_kind kind,
                             lt_status (*operand)(lt_jinja_parser *, lt_jinja_node **, lt_err *),
                             lt_jinja_node **out, lt_err *err)
{
    LT_TRY(operand(p, out, err));
    while (lt_jinja_at_name(p, word)) {
        lt_jinja_node *node = lt_jinja_node_new(p, kind, p->token.pos);
        node->a = *out;
        LT_TRY(lt_jinja_advance(p, err));
        p->conditional++;
        LT_TRY(operand(p, &node->b, err));
        p->conditional--;
        *out = node;
    }
    return LT_OK;
}

PARSE(parse_and)
{
    return parse_logic(p, T("and"), NODE_AND, parse_not, out, err);
}

PARSE(parse_or)
{
    return parse_logic(p, T("or"), NODE_OR, parse_and, out, err);
}

static lt_status parse_inline_if(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *node = lt_jinja_node_new(p, NODE_COND, p->token.pos);
    node->b = *out;
    LT_TRY(lt_jinja_advance(p, err));
    p->conditional++;
    LT_TRY(parse_or(p, &node->a, err));
    if (lt_jinja_at_name(p, T("else"))) {
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_parse_expr(p, 0, &node->c, err));
    }
    p->conditional--;
    *out = node;
    return LT_OK;
}

lt_status lt_jinja_parse_expr(lt_jinja_parser *p, unsigned how, lt_jinja_node **out, lt_err *err)
{
    LT_TRY(lt_jinja_deeper(p, err));
    size_t first_call = p->made->calls.len;
    LT_TRY(parse_or(p, out, err));
    while (!(how & NO_IF) && lt_jinja_at_name(p, T("if"))) {
        /* What stands before the `if` is conditional too; its calls are known only now. */
        for (size_t i = first_call; i < p->made->calls.len; i++)
            p->made->calls.items[i]->flags |= NESTED;
        LT_TRY(parse_inline_if(p, out, err));
        first_call = p->made->calls.len; /* those inside are marked already */
    }
    p->depth--;
    return LT_OK;
}

static bool at_tuple_end(const lt_jinja_parser *p)
{
    return p->token.kind == TOKEN_VAR_END || p->token.kind == TOKEN_BLOCK_END ||
           p->token.kind == TOKEN_END || lt_jinja_at_op(p, ')') || lt_jinja_at_op(p, '=') ||
           lt_jinja_at_name(p, T("in")) || lt_jinja_at_name(p, T("recursive"));
}

typedef lt_status parse_one(lt_jinja_parser *p, unsigned how, lt_jinja_node **out, lt_err *err);

/* One, or a tuple of them where a comma follows the first. */
static lt_status parse_one_or_tuple(lt_jinja_parser *p, parse_one *one, unsigned how,
                                    lt_jinja_node **out, lt_err *err)
{
    uint32_t pos = p->token.pos;
    LT_TRY(one(p, how, out, err));
    if (!lt_jinja_at_op(p, ','))
        return LT_OK;
    lt_jinja_node *tuple = lt_jinja_node_new(p, NODE_TUPLE, pos);
    tuple->a = *out;
    tuple->count = 1;
    lt_jinja_node **tail = &tuple->a->next;
    while (lt_jinja_at_op(p, ',')) {
        LT_TRY(lt_jinja_advance(p, err));
        if (at_tuple_end(p))
            break;
        LT_TRY(one(p, how, tail, err));
        tail = &(*tail)->next;
        tuple->count++;
    }
    *out = tuple;
    return LT_OK;
}

lt_status lt_jinja_parse_tuple(lt_jinja_parser *p, unsigned how, lt_jinja_node **out, lt_err *err)
{
    return parse_one_or_tuple(p, lt_jinja_parse_expr, how, out, err);
}

/* ---- targets of assignments */

enum { WITH_ATTR = 1 }; /* `namespace.name` too */

static lt_status parse_target_name(lt_jinja_parser *p, unsigned how, lt_jinja_node **out,
                                   lt_err *err)
{
    if (p->token.kind != TOKEN_NAME)
        return lt_jinja_expected(p, "a name", err);
    lt_jinja_value constant;
    lt_text name = p->token.text;
    if (constant_word(name, &constant))
        return lt_jinja_fail_parse(p, p->token.pos, err, "can't assign to '%.*s'", LT_ARG(name));
    *out = lt_jinja_node_named(p, NODE_NAME, p->token.pos, name);
    LT_TRY(lt_jinja_advance(p, err));
    if (!(how & WITH_ATTR) || !lt_jinja_at_op(p, '.'))
        return LT_OK;
    LT_TRY(lt_jinja_advance(p, err));
    if (p->token.kind != TOKEN_NAME)
        return lt_jinja_expected(p, "a name", err);
    lt_jinja_node *attr = lt_jinja_node_named(p, NODE_ATTR, p->token.pos, p->token.text);
    attr->a = *out;
    *out = attr;
    return lt_jinja_advance(p, err);
}

static lt_status parse_target_item(lt_jinja_parser *p, unsigned how, lt_jinja_node **out,
                                   lt_err *err)
{
    if (!lt_jinja_at_op(p, '('))
        return parse_target_name(p, how, out, err);
    LT_TRY(lt_jinja_deeper(p, err));
    LT_TRY(lt_jinja_advance(p, err));
    LT_TRY(parse_one_or_tuple(p, parse_target_item, how, out, err));
    p->depth--;
    return lt_jinja_expect_op(p, ')', err);
}

lt_status lt_jinja_parse_target(lt_jinja_parser *p, bool with_attr, bool with_tuple,
                                lt_jinja_node **out, lt_err *err)
{
    unsigned how = with_attr ? WITH_ATTR : 0;
    return with_tuple ? parse_one_or_tuple(p, parse_target_item, how, out, err)
                      : parse_target_item(p, how, out, err);
}
