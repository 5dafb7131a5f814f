/* parse.h - what the two halves of the parser share; inner to jinja/. */
#pragma once
#include "jinja/lex.h"

typedef struct lt_jinja_parser {
    lt_jinja_template *made;
    const lt_jinja_env *env;
    lt_jinja_lexer lexer;
    lt_jinja_token token, next; /* the current one; `next` when has_next */
    bool has_next;
    unsigned depth, max_depth;
    unsigned conditional; /* open if and for tags, macros, inline ifs, ... */
    unsigned loops;       /* open for tags in this macro: break and continue need one */
    uint16_t used;        /* USES_* since the innermost macro or for began */
    uint32_t error_pos;
    uint32_t tag_begin, tag_end;   /* of the newest {% and %} */
    uint32_t body_start, body_end; /* of the newest macro or block that ended */
} lt_jinja_parser;

LT_MUST_CHECK lt_status lt_jinja_advance(lt_jinja_parser *p, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_peek(lt_jinja_parser *p, lt_err *err); /* fills p->next */
/* "expected X, got Y" at the current token. */
LT_MUST_CHECK lt_status lt_jinja_expected(lt_jinja_parser *p, const char *what, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_expect_op(lt_jinja_parser *p, char op, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_fail_parse(lt_jinja_parser *p, uint32_t pos, lt_err *err,
                                            const char *format, ...) LT_PRINTF(4, 5);
LT_MUST_CHECK lt_status lt_jinja_deeper(lt_jinja_parser *p, lt_err *err); /* then p->depth-- */
lt_jinja_node *lt_jinja_node_new(lt_jinja_parser *p, node_kind kind, uint32_t pos);
lt_jinja_node *lt_jinja_node_named(lt_jinja_parser *p, node_kind kind, uint32_t pos, lt_text name);

static inline bool lt_jinja_at_op(const lt_jinja_parser *p, char op)
{
    return p->token.kind == TOKEN_OP && p->token.op == op;
}
static inline bool lt_jinja_at_name(const lt_jinja_parser *p, lt_text name)
{
    return p->token.kind == TOKEN_NAME && lt_text_eq(p->token.text, name);
}

/* parse_expr.c */
enum { NO_IF = 1, NO_TUPLE = 2 };
LT_MUST_CHECK lt_status lt_jinja_parse_expr(lt_jinja_parser *p, unsigned how, lt_jinja_node **out,
                                            lt_err *err);
/* One expression, or a tuple without brackets: `a, b`. */
LT_MUST_CHECK lt_status lt_jinja_parse_tuple(lt_jinja_parser *p, unsigned how, lt_jinja_node **out,
                                             lt_err *err);
/* What can be assigned to: names, tuples of them; `with_attr` allows ns.name. `stop_in`: the `in` of a for ends it. */
LT_MUST_CHECK lt_status lt_jinja_parse_target(lt_jinja_parser *p, bool with_attr, bool with_tuple,
                                              lt_jinja_node **out, lt_err *err);
/* name(args)|name... on `subject` (NULL at the start of a filter block). The current token is behind the '|'. */
LT_MUST_CHECK lt_status lt_jinja_parse_filter(lt_jinja_parser *p, lt_jinja_node *subject,
                                              lt_jinja_node **out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_parse_filters(lt_jinja_parser *p, lt_jinja_node *subject,
                                               lt_jinja_node **out, lt_err *err);
