/* lex.h - the template's source as tokens, pulled one by one; inner to jinja/. */
#pragma once
#include "jinja/inner.h"

typedef enum token_kind {
    TOKEN_END,
    TOKEN_TEXT,        /* outside of tags, white space control done */
    TOKEN_VAR_BEGIN,   /* {{ */
    TOKEN_VAR_END,     /* }} */
    TOKEN_BLOCK_BEGIN, /* {% */
    TOKEN_BLOCK_END,   /* %} */
    TOKEN_NAME,
    TOKEN_STR,
    TOKEN_INT,
    TOKEN_FLOAT,
    TOKEN_OP, /* op: one character, or OP_... */
} token_kind;

typedef struct lt_jinja_token {
    token_kind kind;
    char op;
    uint32_t pos, end; /* in the source */
    lt_text text;
    lt_jinja_value whole; /* of TOKEN_INT; over 64 bits it lives in the arena */
    double f;
} lt_jinja_token;

typedef struct lt_jinja_lexer {
    const lt_jinja_env *env;
    lt_arena *arena; /* for strings with escapes and long numbers */
    lt_text source;
    size_t at;
    char mode;       /* 't'ext, '{' variable, '%' block, 'e'xpression alone */
    unsigned braces; /* open ( [ { in the tag */
    char strip;      /* '-' or '\n': what to strip in front of the next text */
} lt_jinja_lexer;

LT_MUST_CHECK lt_status lt_jinja_lex(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err);
