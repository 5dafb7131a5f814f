/* Parse a template: text, outputs and the statements between {% and %}. Blocks nest no deeper than env.max_nesting. */
#include "jinja/parse.h"

#include <stdio.h>

enum { DEFAULT_NESTING = 200 };

typedef lt_status statement_parser(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out,
                                   lt_err *err);

static lt_status parse_body(lt_jinja_parser *p, const char *ends, const char *what,
                            lt_jinja_node **out, lt_err *err);

/* ---- places, tokens, nodes */

void lt_jinja_place(lt_text source, uint32_t pos, unsigned *line, unsigned *col)
{
    size_t end = LT_MIN((size_t)pos, source.len);
    size_t line_start = 0;
    *line = 1;
    for (size_t i = 0; i < end; i++)
        if (source.ptr[i] == '\n') {
            ++*line;
            line_start = i + 1;
        }
    *col = 1 + (unsigned)lt_jinja_chars(lt_text_sub(source, line_start, end - line_start));
}

lt_status lt_jinja_fail_parse(lt_jinja_parser *p, uint32_t pos, lt_err *err, const char *format,
                              ...)
{
    va_list args;
    va_start(args, format);
    lt_ignore(lt_fail_args(err, LT_INVALID, format, args));
    va_end(args);
    p->error_pos = pos;
    return LT_INVALID;
}

static const char *token_words(const lt_jinja_token *token, char out[64])
{
    static const char *const names[] = {
        [TOKEN_END] = "the end of the template",
        [TOKEN_TEXT] = "text",
        [TOKEN_VAR_BEGIN] = "'{{'",
        [TOKEN_VAR_END] = "'}}'",
        [TOKEN_BLOCK_BEGIN] = "'{%'",
        [TOKEN_BLOCK_END] = "'%}'",
        [TOKEN_STR] = "a string",
        [TOKEN_INT] = "an integer",
        [TOKEN_FLOAT] = "a float",
    };
    if (token->kind == TOKEN_NAME)
        (void)snprintf(out, 64, "'%.*s'", LT_ARG(lt_text_sub(token->text, 0, 40)));
    else if (token->kind == TOKEN_OP)
        (void)snprintf(out, 64, "'%s%c'",
                       token->op == OP_FLOOR ? "/"
                       : token->op == OP_POW ? "*"
                                             : "",
                       token->op == OP_FLOOR ? '/'
                       : token->op == OP_POW ? '*'
                       : token->op == OP_EQ  ? '='
                                             : token->op);
    else
        (void)snprintf(out, 64, "%s", names[token->kind]);
    return out;
}

lt_status lt_jinja_expected(lt_jinja_parser *p, const char *what, lt_err *err)
{
    char got[64];
    return lt_jinja_fail_parse(p, p->token.pos, err, "expected %s, got %s", what,
                               token_words(&p->token, got));
}

lt_status lt_jinja_advance(lt_jinja_parser *p, lt_err *err)
{
    if (p->has_next) {
        p->token = p->next;
        p->has_next = false;
        return LT_OK;
    }
    lt_status status = lt_jinja_lex(&p->lexer, &p->token, err);
    if (status != LT_OK)
        p->error_pos = p->token.pos;
    return status;
}

lt_status lt_jinja_peek(lt_jinja_parser *p, lt_err *err)
{
    lt_status status = p->has_next ? LT_OK : lt_jinja_lex(&p->lexer, &p->next, err);
    if (status != LT_OK)
        p->error_pos = p->next.pos;
    p->has_next = status == LT_OK;
    return status;
}

lt_status lt_jinja_expect_op(lt_jinja_parser *p, char op, lt_err *err)
{
    char what[4] = {'\'', op, '\'', '\0'};
    return lt_jinja_at_op(p, op) ? lt_jinja_advance(p, err) : lt_jinja_expected(p, what, err);
}

lt_status lt_jinja_deeper(lt_jinja_parser *p, lt_err *err)
{
    if (++p->depth <= p->max_depth)
        return LT_OK;
    lt_ignore(
        lt_jinja_fail_parse(p, p->token.pos, err, "nested more than %u levels deep", p->max_depth));
    return err->status = LT_TOO_BIG;
}

lt_jinja_node *lt_jinja_node_new(lt_jinja_parser *p, node_kind kind, uint32_t pos)
{
    lt_jinja_node *node = LT_NEW(&p->made->arena, lt_jinja_node);
    node->kind = (uint8_t)kind;
    node->pos = pos;
    return node;
}

uint32_t lt_jinja_name_hash(lt_text name)
{
    uint64_t hash = lt_text_hash(name);
    return (uint32_t)(hash ^ hash >> 32);
}

lt_jinja_node *lt_jinja_node_named(lt_jinja_parser *p, node_kind kind, uint32_t pos, lt_text name)
{
    lt_jinja_node *node = lt_jinja_node_new(p, kind, pos);
    node->name = name;
    node->hash = lt_jinja_name_hash(name);
    return node;
}

/* ---- small steps of statements */

static lt_status skip_word(lt_jinja_parser *p, lt_text word, bool *found, lt_err *err)
{
    *found = lt_jinja_at_name(p, word);
    return *found ? lt_jinja_advance(p, err) : LT_OK;
}

static lt_status expect_word(lt_jinja_parser *p, const char *word, lt_err *err)
{
    char what[32];
    (void)snprintf(what, sizeof(what), "'%s'", word);
    return lt_jinja_at_name(p, lt_text_of(word)) ? lt_jinja_advance(p, err)
                                                 : lt_jinja_expected(p, what, err);
}

static lt_status expect_name(lt_jinja_parser *p, lt_text *name, lt_err *err)
{
    *name = (lt_text){0};
    if (p->token.kind != TOKEN_NAME)
        return lt_jinja_expected(p, "a name", err);
    *name = p->token.text;
    return lt_jinja_advance(p, err);
}

static lt_status expect_block_end(lt_jinja_parser *p, lt_err *err)
{
    if (lt_jinja_at_op(p, ':')) /* a colon before %} is allowed, as in Python */
        LT_TRY(lt_jinja_advance(p, err));
    if (p->token.kind != TOKEN_BLOCK_END)
        return lt_jinja_expected(p, "'%}'", err);
    p->tag_end = p->token.end;
    return lt_jinja_advance(p, err);
}

/* %} body {% endWHAT %} */
static lt_status parse_block(lt_jinja_parser *p, const char *end, lt_jinja_node **body, lt_err *err)
{
    LT_TRY(expect_block_end(p, err));
    uint32_t start = p->tag_end;
    LT_TRY(parse_body(p, end, end, body, err));
    p->body_start = start;
    p->body_end = p->tag_begin;
    LT_TRY(lt_jinja_advance(p, err));
    return expect_block_end(p, err);
}

/* A body that may not be run, or more than once. */
static lt_status parse_inner(lt_jinja_parser *p, const char *ends, const char *what,
                             lt_jinja_node **body, lt_err *err)
{
    p->conditional++;
    LT_TRY(expect_block_end(p, err));
    LT_TRY(parse_body(p, ends, what, body, err));
    p->conditional--;
    return LT_OK;
}

/* ---- statements */

static lt_status parse_if(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *node = *out = lt_jinja_node_new(p, NODE_IF, pos);
    for (;;) {
        LT_TRY(lt_jinja_parse_tuple(p, NO_IF, &node->a, err));
        LT_TRY(parse_inner(p, "elif else endif", "endif", &node->b, err));
        bool again;
        uint32_t at = p->token.pos;
        LT_TRY(skip_word(p, T("elif"), &again, err));
        if (!again)
            break;
        node = node->c = lt_jinja_node_new(p, NODE_IF, at);
    }
    bool otherwise;
    LT_TRY(skip_word(p, T("else"), &otherwise, err));
    if (otherwise)
        LT_TRY(parse_inner(p, "endif", "endif", &node->c, err));
    LT_TRY(lt_jinja_advance(p, err));
    return expect_block_end(p, err);
}

/* `iterable [if condition] [recursive]` */
static lt_status parse_for_head(lt_jinja_parser *p, lt_jinja_node *node, lt_err *err)
{
    LT_TRY(lt_jinja_parse_target(p, false, true, &node->a, err));
    for (const lt_jinja_node *name = node->a->kind == NODE_TUPLE ? node->a->a : node->a; name;
         name = name->next)
        if (name->kind == NODE_NAME && lt_text_eq(name->name, T("loop")))
            return lt_jinja_fail_parse(p, name->pos, err,
                                       "can't assign to the special variable 'loop' of a for loop");
    LT_TRY(expect_word(p, "in", err));
    LT_TRY(lt_jinja_parse_tuple(p, NO_IF, &node->b, err));
    bool filtered, recursive;
    uint32_t pos = p->token.pos;
    LT_TRY(skip_word(p, T("if"), &filtered, err));
    if (filtered) {
        lt_jinja_node *where = lt_jinja_node_new(p, NODE_WHERE, pos);
        where->a = node->b;
        p->conditional++;
        LT_TRY(lt_jinja_parse_expr(p, 0, &where->b, err));
        p->conditional--;
        node->b = where;
    }
    LT_TRY(skip_word(p, T("recursive"), &recursive, err));
    node->flags |= recursive ? RECURSIVE : 0;
    return LT_OK;
}

static lt_status parse_for(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *node = *out = lt_jinja_node_new(p, NODE_FOR, pos);
    LT_TRY(parse_for_head(p, node, err));
    uint16_t outer_used = p->used;
    p->used = 0;
    p->loops++;
    LT_TRY(parse_inner(p, "else endfor", "endfor", &node->c, err));
    p->loops--;
    node->flags |= p->used & USES_LOOP;
    p->used = (uint16_t)(outer_used | (p->used & ~USES_LOOP));
    bool otherwise;
    LT_TRY(skip_word(p, T("else"), &otherwise, err));
    if (otherwise)
        LT_TRY(parse_inner(p, "endfor", "endfor", &node->d, err));
    LT_TRY(lt_jinja_advance(p, err));
    return expect_block_end(p, err);
}

static lt_status parse_set(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *target;
    LT_TRY(lt_jinja_parse_target(p, true, true, &target, err));
    if (lt_jinja_at_op(p, '=')) {
        *out = lt_jinja_node_new(p, NODE_SET, pos);
        (*out)->a = target;
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_parse_tuple(p, 0, &(*out)->b, err));
        return expect_block_end(p, err);
    }
    *out = lt_jinja_node_new(p, NODE_CAPTURE, pos);
    (*out)->a = target;
    if (lt_jinja_at_op(p, '|')) {
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_parse_filters(p, NULL, &(*out)->b, err));
    }
    return parse_block(p, "endset", &(*out)->c, err);
}

static lt_status parse_params(lt_jinja_parser *p, lt_jinja_node *macro, lt_err *err)
{
    lt_jinja_node **tail = &macro->a;
    LT_TRY(lt_jinja_expect_op(p, '(', err));
    bool defaults = false;
    while (!lt_jinja_at_op(p, ')')) {
        if (macro->count)
            LT_TRY(lt_jinja_expect_op(p, ',', err));
        if (lt_jinja_at_op(p, ')'))
            break;
        uint32_t pos = p->token.pos;
        lt_jinja_node *name;
        LT_TRY(lt_jinja_parse_target(p, false, false, &name, err));
        if (name->kind != NODE_NAME)
            return lt_jinja_fail_parse(p, pos, err, "a parameter is a name");
        name->kind = NODE_PARAM;
        *tail = name;
        tail = &name->next;
        macro->count++;
        if (lt_jinja_at_op(p, '=')) {
            LT_TRY(lt_jinja_advance(p, err));
            LT_TRY(lt_jinja_parse_expr(p, 0, &name->a, err));
            defaults = true;
        } else if (defaults) {
            return lt_jinja_fail_parse(p, pos, err,
                                       "non-default argument follows default argument");
        }
    }
    return lt_jinja_advance(p, err);
}

/* The body of a macro, which starts afresh: loops outside do not count, uses of caller etc. are its own. */
static lt_status parse_macro_body(lt_jinja_parser *p, lt_jinja_node *macro, const char *end,
                                  lt_err *err)
{
    unsigned loops = p->loops;
    uint16_t used = p->used;
    p->loops = 0;
    p->used = 0;
    p->conditional++;
    LT_TRY(parse_block(p, end, &macro->c, err));
    p->conditional--;
    macro->flags |= p->used & (USES_CALLER | USES_VARARGS | USES_KWARGS);
    p->loops = loops;
    p->used |= used;
    return LT_OK;
}

/* Remember a block of the top level, for lt_jinja_block_at(). The current token stands behind its end. */
static lt_jinja_block_rec *keep_block(lt_jinja_parser *p, const lt_jinja_node *node,
                                      const lt_jinja_tag *tag, lt_text name)
{
    lt_jinja_block_rec *block = LT_NEW(&p->made->arena, lt_jinja_block_rec);
    *block = (lt_jinja_block_rec){
        .node = node, .tag = tag, .name = name, .macro = {.home = p->made, .node = node}};
    lt_push_in(&p->made->arena, &p->made->blocks, block);
    return block;
}

static lt_status parse_macro(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    bool top = p->depth == 1;
    lt_text name;
    lt_jinja_node *node = lt_jinja_node_new(p, NODE_MACRO, pos);
    LT_TRY(expect_name(p, &name, err));
    *node = (lt_jinja_node){
        .kind = NODE_MACRO, .pos = pos, .name = name, .hash = lt_jinja_name_hash(name)};
    p->conditional++;
    LT_TRY(parse_params(p, node, err));
    p->conditional--;
    LT_TRY(parse_macro_body(p, node, "endmacro", err));
    if (top)
        keep_block(p, node, NULL, name);
    *out = node;
    return LT_OK;
}

static lt_status parse_caller(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *node = *out = lt_jinja_node_new(p, NODE_CALLER, pos);
    node->b = lt_jinja_node_named(p, NODE_MACRO, pos, T("caller"));
    if (lt_jinja_at_op(p, '('))
        LT_TRY(parse_params(p, node->b, err));
    LT_TRY(lt_jinja_parse_expr(p, 0, &node->a, err));
    if (node->a->kind != NODE_CALL)
        return lt_jinja_fail_parse(p, pos, err, "expected call");
    return parse_macro_body(p, node->b, "endcall", err);
}

static lt_status parse_do(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_DO, pos);
    LT_TRY(lt_jinja_parse_tuple(p, 0, &(*out)->a, err));
    return expect_block_end(p, err);
}

static lt_status parse_filter_block(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out,
                                    lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_FILTERED, pos);
    LT_TRY(lt_jinja_parse_filters(p, NULL, &(*out)->a, err));
    return parse_block(p, "endfilter", &(*out)->c, err);
}

static lt_status parse_with(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_WITH, pos);
    lt_jinja_node **tail = &(*out)->a;
    while (p->token.kind != TOKEN_BLOCK_END) {
        if ((*out)->a)
            LT_TRY(lt_jinja_expect_op(p, ',', err));
        lt_jinja_node *pair = lt_jinja_node_new(p, NODE_PAIR, p->token.pos);
        LT_TRY(lt_jinja_parse_target(p, false, false, &pair->a, err));
        LT_TRY(lt_jinja_expect_op(p, '=', err));
        LT_TRY(lt_jinja_parse_expr(p, 0, &pair->b, err));
        *tail = pair;
        tail = &pair->next;
    }
    return parse_block(p, "endwith", &(*out)->c, err);
}

static lt_status parse_jump(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    bool is_break = p->lexer.source.ptr[pos] == 'b';
    if (!p->loops)
        return lt_jinja_fail_parse(p, pos, err, "'%s' outside of a for loop",
                                   is_break ? "break" : "continue");
    *out = lt_jinja_node_new(p, is_break ? NODE_BREAK : NODE_CONTINUE, pos);
    return expect_block_end(p, err);
}

/* `with context` or `without context`, if it is there. */
static lt_status parse_import_context(lt_jinja_parser *p, lt_jinja_node *node, bool with,
                                      lt_err *err)
{
    bool yes = lt_jinja_at_name(p, T("with"));
    if (yes || lt_jinja_at_name(p, T("without"))) {
        LT_TRY(lt_jinja_peek(p, err));
        if (p->next.kind == TOKEN_NAME && lt_text_eq(p->next.text, T("context"))) {
            with = yes;
            LT_TRY(lt_jinja_advance(p, err));
            LT_TRY(lt_jinja_advance(p, err));
        }
    }
    node->flags |= with ? WITH_CONTEXT : 0;
    return LT_OK;
}

static lt_status parse_include(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_INCLUDE, pos);
    LT_TRY(lt_jinja_parse_expr(p, 0, &(*out)->a, err));
    bool ignore;
    LT_TRY(skip_word(p, T("ignore"), &ignore, err));
    if (ignore) {
        LT_TRY(expect_word(p, "missing", err));
        (*out)->flags |= IGNORE_MISSING;
    }
    LT_TRY(parse_import_context(p, *out, true, err));
    return expect_block_end(p, err);
}

static lt_status parse_import(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *from;
    lt_text name;
    LT_TRY(lt_jinja_parse_expr(p, 0, &from, err));
    LT_TRY(expect_word(p, "as", err));
    LT_TRY(expect_name(p, &name, err));
    *out = lt_jinja_node_named(p, NODE_IMPORT, pos, name);
    (*out)->a = from;
    LT_TRY(parse_import_context(p, *out, false, err));
    return expect_block_end(p, err);
}

static lt_status parse_alias(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    uint32_t pos = p->token.pos;
    lt_text name, alias;
    LT_TRY(expect_name(p, &name, err));
    alias = name;
    bool renamed;
    LT_TRY(skip_word(p, T("as"), &renamed, err));
    if (renamed)
        LT_TRY(expect_name(p, &alias, err));
    *out = lt_jinja_node_named(p, NODE_ALIAS, pos, name);
    (*out)->a = lt_jinja_node_named(p, NODE_NAME, pos, alias);
    return LT_OK;
}

static lt_status parse_from(lt_jinja_parser *p, uint32_t pos, lt_jinja_node **out, lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_FROM, pos);
    LT_TRY(lt_jinja_parse_expr(p, 0, &(*out)->a, err));
    LT_TRY(expect_word(p, "import", err));
    lt_jinja_node **tail = &(*out)->b;
    do {
        if ((*out)->b)
            LT_TRY(lt_jinja_advance(p, err));
        if ((*out)->b && p->token.kind != TOKEN_NAME)
            break;
        LT_TRY(parse_alias(p, tail, err));
        tail = &(*tail)->next;
        LT_TRY(parse_import_context(p, *out, (*out)->flags & WITH_CONTEXT, err));
    } while (lt_jinja_at_op(p, ','));
    return expect_block_end(p, err);
}

/* ---- own blocks */

static lt_status parse_tag_args(lt_jinja_parser *p, lt_jinja_node *node, lt_err *err)
{
    lt_jinja_node **tail = &node->a;
    while (p->token.kind != TOKEN_BLOCK_END) {
        if (lt_jinja_at_op(p, ','))
            LT_TRY(lt_jinja_advance(p, err));
        lt_text name;
        uint32_t pos = p->token.pos;
        LT_TRY(expect_name(p, &name, err));
        lt_jinja_node *arg = lt_jinja_node_named(p, NODE_PARAM, pos, name);
        if (lt_jinja_at_op(p, '=')) {
            LT_TRY(lt_jinja_advance(p, err));
            LT_TRY(lt_jinja_parse_expr(p, 0, &arg->a, err));
        }
        *tail = arg;
        tail = &arg->next;
        node->count++;
    }
    return LT_OK;
}

/* Raw text up to {% endNAME %}; the current token is the %} in front of it. */
static lt_status parse_raw_tag(lt_jinja_parser *p, const lt_jinja_tag *tag, lt_err *err)
{
    char end_word[64];
    (void)snprintf(end_word, sizeof(end_word), "end%s", tag->name);
    lt_text source = p->lexer.source;
    size_t start = p->token.end;
    for (size_t at = start; (at = lt_text_find(source, T("{%"), at)) != SIZE_MAX; at += 2) {
        size_t word = at + 2;
        while (word < source.len && (lt_is_space(source.ptr[word]) || source.ptr[word] == '-' ||
                                     source.ptr[word] == '+'))
            word++;
        if (!lt_text_starts(lt_text_sub(source, word, SIZE_MAX), lt_text_of(end_word)))
            continue;
        p->body_start = (uint32_t)start;
        p->body_end = (uint32_t)at;
        p->lexer.at = at;
        p->lexer.strip = '\0';
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_advance(p, err));
        LT_TRY(lt_jinja_advance(p, err));
        return expect_block_end(p, err);
    }
    return lt_jinja_fail_parse(p, p->token.pos, err,
                               "this %s block has no end: '{%% %s %%}' is missing", tag->name,
                               end_word);
}

static lt_status parse_tag(lt_jinja_parser *p, const lt_jinja_tag *tag, uint32_t pos,
                           lt_jinja_node **out, lt_err *err)
{
    lt_text name;
    LT_TRY(expect_name(p, &name, err));
    if (tag->prefix)
        name = lt_text_of(lt_arena_format(&p->made->arena, "%s%.*s", tag->prefix, LT_ARG(name)));
    lt_jinja_node *node = *out = lt_jinja_node_named(p, NODE_TAG, pos, name);
    node->func = tag;
    if (tag->kind == LT_JINJA_TAG_RAW) {
        if (p->token.kind != TOKEN_BLOCK_END)
            return lt_jinja_expected(p, "'%}'", err);
        keep_block(p, node, tag, name);
        return parse_raw_tag(p, tag, err);
    }
    char end_word[64];
    (void)snprintf(end_word, sizeof(end_word), "end%s", tag->name);
    p->conditional++;
    if (tag->kind == LT_JINJA_TAG_NAMED)
        LT_TRY(parse_tag_args(p, node, err));
    else
        LT_TRY(parse_params(p, node, err));
    p->conditional--;
    /* The macro of a named block has no parameters: its arguments are data. */
    lt_jinja_node *macro = lt_jinja_node_named(p, NODE_MACRO, pos, name);
    if (tag->kind == LT_JINJA_TAG_MACRO) {
        macro->a = node->a;
        macro->count = node->count;
    }
    LT_TRY(parse_macro_body(p, macro, end_word, err));
    node->b = macro;
    keep_block(p, node, tag, name)->macro.node = macro;
    return LT_OK;
}

/* ---- bodies */

static const struct {
    const char *word;
    statement_parser *parse;
} statements[] = {
    {"if", parse_if},
    {"for", parse_for},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_caller},
    {"do", parse_do},
    {"filter", parse_filter_block},
    {"with", parse_with},
    {"break", parse_jump},
    {"continue", parse_jump},
    {"include", parse_include},
    {"import", parse_import},
    {"from", parse_from},
};

static lt_text statement_word(const void *context, size_t i)
{
    (void)context;
    return lt_text_of(statements[i].word);
}

static bool word_in(const char *words, lt_text word)
{
    lt_text rest = lt_text_of(words), one;
    while (lt_text_cut(&rest, ' ', &one))
        if (lt_text_eq(one, word))
            return true;
    return false;
}

static lt_status fail_unknown_tag(lt_jinja_parser *p, lt_text word, uint32_t pos, const char *what,
                                  lt_err *err)
{
    lt_text near;
    if (lt_text_eq(word, T("extends")) || lt_text_eq(word, T("block")))
        return lt_jinja_fail_parse(
            p, pos, err, "'%.*s' is not supported; use include, import and macros", LT_ARG(word));
    lt_ignore(lt_jinja_fail_parse(p, pos, err, "Encountered unknown tag '%.*s'", LT_ARG(word)));
    if (what && lt_text_starts(word, T("end")))
        return lt_hint(err, "the innermost block that is open here ends with '%s'", what);
    if (lt_text_nearest(word, LT_COUNT(statements), statement_word, NULL, &near))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(near));
    return LT_INVALID;
}

/* One statement; the current token is its word. Records the source of the block if it is kept. */
static lt_status parse_statement(lt_jinja_parser *p, uint32_t begin, const char *what,
                                 lt_jinja_node **out, lt_err *err)
{
    lt_text word = p->token.text;
    uint32_t pos = p->token.pos;
    size_t first_block = p->made->blocks.len;
    lt_status status = LT_NOT_FOUND;
    for (size_t i = 0; i < p->env->tag_count && status == LT_NOT_FOUND; i++)
        if (lt_text_eq(word, lt_text_of(p->env->tags[i].name))) {
            LT_TRY(lt_jinja_advance(p, err));
            status = parse_tag(p, &p->env->tags[i], pos, out, err);
        }
    for (size_t i = 0; i < LT_COUNT(statements) && status == LT_NOT_FOUND; i++)
        if (lt_text_eq(word, lt_text_of(statements[i].word))) {
            LT_TRY(lt_jinja_advance(p, err));
            status = statements[i].parse(p, pos, out, err);
        }
    if (status == LT_NOT_FOUND)
        return fail_unknown_tag(p, word, pos, what, err);
    if (status == LT_OK && p->made->blocks.len > first_block) {
        lt_jinja_block_rec *block = p->made->blocks.items[p->made->blocks.len - 1];
        block->start = begin;
        block->end = p->tag_end;
        block->body_start = p->body_start;
        block->body_end = p->body_end;
    }
    return status;
}

static lt_status parse_output(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    lt_jinja_node *node = *out = lt_jinja_node_new(p, NODE_OUTPUT, p->token.pos);
    LT_TRY(lt_jinja_advance(p, err));
    LT_TRY(lt_jinja_parse_tuple(p, 0, &node->a, err));
    if (node->a->kind == NODE_CALL)
        node->a->flags |= WHOLE;
    if (p->token.kind != TOKEN_VAR_END)
        return lt_jinja_expected(p, "'}}'", err);
    return lt_jinja_advance(p, err);
}

static lt_status parse_text(lt_jinja_parser *p, lt_jinja_node **out, lt_err *err)
{
    *out = lt_jinja_node_new(p, NODE_TEXT, p->token.pos);
    (*out)->value = lt_jinja_text(p->token.text);
    return lt_jinja_advance(p, err);
}

/* {% word: at one of `ends` the body is over and *done set, standing on the word. */
static lt_status parse_tag_begin(lt_jinja_parser *p, const char *ends, const char *what, bool *done,
                                 lt_jinja_node **out, lt_err *err)
{
    uint32_t begin = p->tag_begin = p->token.pos;
    LT_TRY(lt_jinja_advance(p, err));
    if (p->token.kind != TOKEN_NAME)
        return lt_jinja_expected(p, "the name of a tag", err);
    *done = ends && word_in(ends, p->token.text);
    return *done ? LT_OK : parse_statement(p, begin, what, out, err);
}

/* Statements up to one of the words `ends` (NULL: the end of the template), which becomes the current token. */
static lt_status parse_body(lt_jinja_parser *p, const char *ends, const char *what,
                            lt_jinja_node **out, lt_err *err)
{
    uint32_t begin = p->token.pos;
    lt_jinja_node **tail = out;
    LT_TRY(lt_jinja_deeper(p, err));
    for (bool done = false; !done;) {
        lt_jinja_node *made = NULL;
        if (p->token.kind == TOKEN_TEXT)
            LT_TRY(parse_text(p, &made, err));
        else if (p->token.kind == TOKEN_VAR_BEGIN)
            LT_TRY(parse_output(p, &made, err));
        else if (p->token.kind == TOKEN_BLOCK_BEGIN)
            LT_TRY(parse_tag_begin(p, ends, what, &done, &made, err));
        else if (!ends)
            break;
        else
            return lt_jinja_fail_parse(p, begin, err,
                                       "this block has no end: '{%% %s %%}' is missing", what);
        *tail = made;
        if (made)
            tail = &made->next;
    }
    p->depth--;
    return LT_OK;
}

/* ---- the whole */

static lt_status place_error(lt_jinja_parser *p, lt_jinja_error *where, lt_status status,
                             lt_err *err)
{
    unsigned line, col;
    lt_jinja_place(p->lexer.source, p->error_pos, &line, &col);
    if (where) {
        *where = (lt_jinja_error){.line = line, .col = col};
        (void)snprintf(where->template_name, sizeof(where->template_name), "%.*s",
                       LT_ARG(p->made->name));
        (void)snprintf(where->text, sizeof(where->text), "%.500s", err->message);
    }
    err->status = status;
    return lt_wrap(err, "%.*s:%u:%u", LT_ARG(p->made->name), line, col);
}

static lt_jinja_parser parser_of(lt_jinja_template *made, char mode)
{
    unsigned nesting = made->env->max_nesting;
    return (lt_jinja_parser){
        .made = made,
        .env = made->env,
        .lexer = {.env = made->env, .arena = &made->arena, .source = made->source, .mode = mode},
        .max_depth = nesting ? nesting : DEFAULT_NESTING,
    };
}

lt_status lt_jinja_parse(lt_jinja_template *compiled, lt_jinja_error *where, lt_err *err)
{
    lt_jinja_parser p = parser_of(compiled, 't');
    lt_status status = lt_jinja_advance(&p, err);
    if (status == LT_OK)
        status = parse_body(&p, NULL, NULL, &compiled->body, err);
    return status == LT_OK ? LT_OK : place_error(&p, where, status, err);
}

lt_status lt_jinja_parse_expression(lt_jinja_template *compiled, lt_jinja_error *where, lt_err *err)
{
    lt_jinja_parser p = parser_of(compiled, 'e');
    lt_status status = lt_jinja_advance(&p, err);
    if (status == LT_OK)
        status = lt_jinja_parse_tuple(&p, 0, &compiled->body, err);
    if (status == LT_OK && p.token.kind != TOKEN_END)
        status = lt_jinja_expected(&p, "the end", err);
    return status == LT_OK ? LT_OK : place_error(&p, where, status, err);
}
