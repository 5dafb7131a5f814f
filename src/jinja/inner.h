/* inner.h - what the files of jinja/ share: the tree, the running render, and the calls between them. */
#pragma once
#include "base/vec.h"
#include "jinja/jinja.h"

/* ---- tree */

typedef enum node_kind {
    NODE_CONST,    /* value */
    NODE_NAME,     /* name, hash */
    NODE_LIST,     /* a: items */
    NODE_TUPLE,    /* a: items */
    NODE_DICT,     /* a: NODE_PAIRs */
    NODE_PAIR,     /* a: key or target, b: value */
    NODE_ATTR,     /* a.name */
    NODE_ITEM,     /* a[b] */
    NODE_SLICE,    /* a:b:c, each may be NULL; only as b of NODE_ITEM */
    NODE_CALL,     /* a(b...) */
    NODE_KWARG,    /* name=a */
    NODE_STAR,     /* *a */
    NODE_STARS,    /* **a */
    NODE_FILTER,   /* a|name(b...); a is NULL at the start of a filter block's chain */
    NODE_TEST,     /* a is name(b...) */
    NODE_NOT,      /* a */
    NODE_NEG,      /* a */
    NODE_POS,      /* a */
    NODE_BINARY,   /* a op b */
    NODE_AND,      /* a, b */
    NODE_OR,       /* a, b */
    NODE_COMPARE,  /* a, then b: NODE_OPERANDs */
    NODE_OPERAND,  /* op a */
    NODE_CONCAT,   /* a: parts */
    NODE_COND,     /* b if a else c (may be NULL) */
    NODE_TEXT,     /* value */
    NODE_OUTPUT,   /* a */
    NODE_IF,       /* a: test, b: body, c: else body (often one NODE_IF) */
    NODE_FOR,      /* a: target, b: iterable or NODE_WHERE, c: body, d: else */
    NODE_WHERE,    /* a: iterable, b: condition */
    NODE_SET,      /* a: target, b: value */
    NODE_CAPTURE,  /* a: target, b: filters (may be NULL), c: body */
    NODE_MACRO,    /* name, a: NODE_PARAMs, c: body */
    NODE_PARAM,    /* name, a: default (may be NULL) */
    NODE_CALLER,   /* a: call, b: NODE_MACRO */
    NODE_DO,       /* a */
    NODE_FILTERED, /* a: filters, c: body */
    NODE_WITH,     /* a: NODE_PAIRs, c: body */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_INCLUDE, /* a */
    NODE_IMPORT,  /* a, name */
    NODE_FROM,    /* a, b: NODE_ALIASes */
    NODE_ALIAS,   /* name as value */
    NODE_TAG,     /* an own block: name, a: arguments, c: body, func: lt_jinja_tag */
    NODE_KINDS
} node_kind;

enum {                  /* flags */
       USES_CALLER = 1, /* of a NODE_MACRO */
       USES_VARARGS = 2,
       USES_KWARGS = 4,
       USES_LOOP = 8, /* of a NODE_FOR */
       RECURSIVE = 16,
       WITH_CONTEXT = 32, /* of include and import */
       IGNORE_MISSING = 64,
       NEGATED = 128, /* of a NODE_TEST */
       NESTED = 256,  /* of a NODE_CALL: within if, for, macro, ... */
       WHOLE = 512,   /* of a NODE_CALL: all of an output */
};

typedef struct lt_jinja_node {
    uint8_t kind;
    char op;
    uint16_t flags;
    uint32_t pos;   /* in the source */
    uint32_t hash;  /* of name */
    uint32_t count; /* of the items, parts or parameters */
    struct lt_jinja_node *next;
    struct lt_jinja_node *a, *b, *c, *d;
    const void *func; /* lt_jinja_func of a filter or test */
    union {
        lt_text name;
        lt_jinja_value value;
    };
} lt_jinja_node;

/* Operators of NODE_BINARY and NODE_OPERAND that are not one character. */
enum {
    OP_FLOOR = LT_JINJA_OP_FLOOR,
    OP_POW = LT_JINJA_OP_POW,
    OP_EQ = 'e',
    OP_NE = 'n',
    OP_LE = 'l',
    OP_GE = 'g',
    OP_IN = 'i',
    OP_NOT_IN = 'x'
};

struct lt_jinja_macro {
    const lt_jinja_template *home;
    const lt_jinja_node *node;
    struct lt_jinja_scope *closure; /* NULL: none */
};

typedef struct lt_jinja_block_rec {
    const lt_jinja_node *node;
    const lt_jinja_tag *tag;
    lt_text name;
    uint32_t start, end, body_start, body_end;
    struct lt_jinja_macro macro;
} lt_jinja_block_rec;

typedef LT_VEC(lt_jinja_node *) lt_jinja_node_list;
typedef LT_VEC(lt_jinja_block_rec *) lt_jinja_block_list;

struct lt_jinja_template {
    const lt_jinja_env *env; /* borrowed */
    lt_arena arena;          /* everything below */
    lt_text name, source;
    LT_VEC(uint32_t) lines; /* where each line starts */
    lt_jinja_node *body;
    lt_jinja_node_list calls;
    lt_jinja_block_list blocks;
    const void *tag;
    bool is_hidden;
};

uint32_t lt_jinja_name_hash(lt_text name);
/* parse.c. The template has env, name, source; body, calls and blocks are filled in. */
LT_MUST_CHECK lt_status lt_jinja_parse(lt_jinja_template *compiled, lt_jinja_error *where,
                                       lt_err *err);
/* The whole text as one expression. */
LT_MUST_CHECK lt_status lt_jinja_parse_expression(lt_jinja_template *compiled,
                                                  lt_jinja_error *where, lt_err *err);
/* The line alone, by binary search. */
unsigned lt_jinja_line(const lt_jinja_template *compiled, uint32_t pos);
void lt_jinja_place(lt_text source, uint32_t pos, unsigned *line, unsigned *col);
/* scan.c: the value of a literal; false when it is none. */
bool lt_jinja_literal_of(lt_jinja_heap *heap, const lt_jinja_node *node, lt_jinja_value *out);

/* ---- values */

typedef enum list_kind {
    LIST_PLAIN,
    LIST_KEYS,
    LIST_VALUES,
    LIST_ITEMS,
    LIST_RANGE,
    LIST_GENERATOR,
    LIST_GROUP /* the tuples of groupby: .grouper and .list */
} list_kind;

typedef struct lt_jinja_seq {
    lt_jinja_value *items;
    size_t len, cap;
    size_t used; /* of a generator: how many were taken */
    lt_jinja_heap *heap;
    int64_t range[3];
    uint8_t kind;
} lt_jinja_seq;

typedef struct dict_entry {
    lt_jinja_value key, value;
    uint32_t hash;
    bool live;
} dict_entry;

typedef struct lt_jinja_table {
    dict_entry *entries;
    uint32_t *slots; /* entry + 1, or 0; NULL while it is small */
    size_t len, cap, slot_count, live;
    lt_jinja_heap *heap;
    struct lt_jinja_lazy
        *lazy; /* NULL: it is made; else read and write it through lt_jinja_made() */
} lt_jinja_table;

typedef struct lt_jinja_method {
    lt_jinja_value self;
    lt_text name;
    const lt_jinja_func *func; /* NULL: a method of a host object */
} lt_jinja_method;

/* MISSING_IN_MACRO: a name that a macro of another file asks for, which is never absorbed. */
typedef enum missing_kind {
    MISSING_NAME,
    MISSING_IN_MACRO,
    MISSING_ATTR,
    MISSING_ITEM,
    MISSING_TEXT
} missing_kind;

typedef struct lt_jinja_missing {
    missing_kind kind;
    lt_text name;
    lt_jinja_value owner;
} lt_jinja_missing;

enum { LT_JINJA_MAX_DEPTH = 200, LT_JINJA_MAX_RANGE = 100000 };

/* Memory of a heap, with its limit: never NULL, `overflow` set when over. */
void *lt_jinja_alloc(lt_jinja_heap *heap, size_t size);
/* LT_TOO_BIG when `size` more bytes would pass the limit: ask before a big allocation. */
LT_MUST_CHECK lt_status lt_jinja_room(lt_jinja_heap *heap, size_t size, lt_err *err);
lt_jinja_value lt_jinja_list_of(lt_jinja_heap *heap, list_kind kind, size_t cap);
/* Asking more of this undefined value gives it again. */
static inline bool lt_jinja_is_absorbed(const lt_jinja_env *env, lt_jinja_value missing)
{
    return (env->undefined == LT_JINJA_ABSORBING || env->undefined == LT_JINJA_ABSORBING_HERE) &&
           (missing.kind == UINT8_MAX || !missing.as.missing ||
            missing.as.missing->kind != MISSING_IN_MACRO);
}
lt_jinja_value lt_jinja_missing_value(lt_jinja_heap *heap, missing_kind kind, lt_jinja_value owner,
                                      lt_text name);
lt_jinja_value lt_jinja_concat(lt_jinja_heap *heap, lt_text a, lt_text b);
void lt_jinja_list_push(lt_jinja_seq *list, lt_jinja_value value);

typedef struct lt_jinja_lazy {
    lt_jinja_value (*make)(void *user);
    void *user;
} lt_jinja_lazy;
void lt_jinja_table_make(lt_jinja_table *dict);
static inline lt_jinja_table *lt_jinja_made(lt_jinja_table *dict)
{
    if (dict->lazy)
        lt_jinja_table_make(dict);
    return dict;
}

bool lt_jinja_hash(lt_jinja_value value, uint32_t *hash); /* false: unhashable */
dict_entry *lt_jinja_dict_get(lt_jinja_table *dict, lt_jinja_value key);
void lt_jinja_dict_set(lt_jinja_table *dict, lt_jinja_value key, lt_jinja_value value);
bool lt_jinja_dict_remove(lt_jinja_table *dict, lt_jinja_value key, lt_jinja_value *value);
void lt_jinja_dict_clear(lt_jinja_table *dict);

/* -1, 0, 1, or 2 when a NaN is neither; LT_INVALID when Python would not compare them ("'<' not supported ..."). */
LT_MUST_CHECK lt_status lt_jinja_compare(lt_jinja_value a, lt_jinja_value b, const char *op,
                                         int *order, lt_err *err);
bool lt_jinja_same(lt_jinja_value a, lt_jinja_value b); /* `is` */

static inline bool lt_jinja_is_str(lt_jinja_value v)
{
    return v.type == LT_JINJA_STR;
}
static inline bool lt_jinja_is_intlike(lt_jinja_value v)
{
    return v.type == LT_JINJA_INT || v.type == LT_JINJA_BOOL;
}
static inline bool lt_jinja_is_number(lt_jinja_value v)
{
    return v.type == LT_JINJA_INT || v.type == LT_JINJA_BOOL || v.type == LT_JINJA_FLOAT;
}
static inline int64_t lt_jinja_intlike(lt_jinja_value v)
{
    return v.type == LT_JINJA_BOOL ? v.as.b : v.as.i;
}
static inline double lt_jinja_to_float(lt_jinja_value v)
{
    return v.type == LT_JINJA_FLOAT ? v.as.f : (double)lt_jinja_intlike(v);
}
static inline bool lt_jinja_is_undefined(lt_jinja_value v)
{
    return v.type == LT_JINJA_UNDEFINED;
}
/* value.c: a set, or the keys or items of a dict */
bool lt_jinja_is_setlike(lt_jinja_value v);
static inline bool lt_jinja_is_list(lt_jinja_value v) /* or tuple */
{
    return v.type == LT_JINJA_LIST || v.type == LT_JINJA_TUPLE;
}

/* ---- numbers and text (repr.c, ustr.c) */

void lt_jinja_float_repr(double f, lt_buf *out);
void lt_jinja_float_layout(const char *printed, int most, lt_buf *out);
void lt_jinja_str_repr(lt_text text, lt_buf *out);
size_t lt_jinja_chars(lt_text text);                /* code points */
size_t lt_jinja_offset(lt_text text, size_t chars); /* of the code point number `chars`, or len */
bool lt_jinja_is_ascii(lt_text text);
typedef enum ustr_case {
    CASE_UPPER,
    CASE_LOWER,
    CASE_SWAP,
    CASE_TITLE,
    CASE_CAPITAL,
    CASE_FOLD
} ustr_case;
void lt_jinja_recase(lt_text text, ustr_case how, lt_buf *out);
uint32_t lt_jinja_upper(uint32_t c);
uint32_t lt_jinja_lower(uint32_t c);
static inline bool lt_jinja_is_cased(uint32_t c)
{
    return lt_jinja_upper(c) != c || lt_jinja_lower(c) != c;
}
bool lt_jinja_is_letter(uint32_t c);
bool lt_jinja_is_white(uint32_t c); /* Python's str.isspace */
lt_text lt_jinja_strip(lt_text text, lt_text chars, bool left,
                       bool right); /* chars empty: white space */
/* Python's int(text, base) and float(text): false when they are none, or have more than 4,300 digits. A number over 64 bits
 * goes into `arena`. */
bool lt_jinja_read_int(lt_arena *arena, lt_text text, int base, lt_jinja_value *out);
bool lt_jinja_read_float(lt_text text, double *out);

/* ---- big.c: whole numbers over 64 bits, which are objects of a class; what fits into 64 bits is never one */

extern const lt_jinja_class lt_jinja_big_class;
static inline bool lt_jinja_is_big(lt_jinja_value v)
{
    return v.type == LT_JINJA_OBJECT && v.as.object->class == &lt_jinja_big_class;
}
static inline bool lt_jinja_is_whole(lt_jinja_value v)
{
    return lt_jinja_is_intlike(v) || lt_jinja_is_big(v);
}
/* `digits` are digits of `base`, and _ between them. False: more than 4,300. */
bool lt_jinja_big_read(lt_arena *arena, lt_text digits, int base, bool negative,
                       lt_jinja_value *out);
bool lt_jinja_big_is_negative(lt_jinja_value big);
void lt_jinja_big_digits(lt_jinja_value whole, int base, lt_buf *out); /* without a sign */
/* Python's int(); false for what is not finite. */
bool lt_jinja_int_of_float(lt_arena *arena, double value, lt_jinja_value *out);
/* Two whole numbers of any size. LT_INVALID: a division by zero; LT_TOO_BIG: a result with more than 4,300 digits. */
LT_MUST_CHECK lt_status lt_jinja_whole_binary(lt_jinja_heap *heap, char op, lt_jinja_value a,
                                              lt_jinja_value b, lt_jinja_value *out, lt_err *err);

/* ---- the running render */

typedef struct scope_var {
    lt_text name;
    uint32_t hash;
    lt_jinja_value value;
} scope_var;

typedef struct lt_jinja_scope {
    struct lt_jinja_scope *parent;
    scope_var *vars;
    uint32_t len, cap;
    bool captured; /* a closure points here: must not be used again */
    bool bare;     /* the root of a template that was included or imported without context */
} lt_jinja_scope;

typedef enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN } flow;

typedef struct lt_jinja_activation { /* a macro call, or the template itself */
    struct lt_jinja_activation *outer;
    const lt_jinja_template *home;
    lt_text macro;
    uint32_t pos; /* where it is now */
} lt_jinja_activation;

typedef struct lt_jinja_limits { /* shared by renders inside renders */
    uint64_t steps, max_steps;
    const char *stack_top;
    size_t max_stack;
    unsigned calls, max_calls;
} lt_jinja_limits;

struct lt_jinja_render {
    const lt_jinja_env *env;
    const lt_jinja_context *context;
    lt_jinja_heap *heap;
    lt_buf out; /* text being made; captures are cut from its end */
    lt_jinja_scope *scope;
    lt_jinja_activation *active;
    lt_jinja_limits *limits, own_limits;
    lt_jinja_value subject;  /* of a filter chain without one */
    lt_jinja_value returned; /* with FLOW_RETURN */
    flow flow;
    bool located; /* the error already has its place */
    lt_jinja_error *where;
};

LT_MUST_CHECK lt_status lt_jinja_eval(lt_jinja_render *r, const lt_jinja_node *node,
                                      lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_exec(lt_jinja_render *r, const lt_jinja_node *body, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_exec_for(lt_jinja_render *r, const lt_jinja_node *node,
                                          lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_exec_module(lt_jinja_render *r, const lt_jinja_node *node,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_assign(lt_jinja_render *r, const lt_jinja_node *target,
                                        lt_jinja_value value, lt_err *err);
/* Run `body` and take what it wrote. */
LT_MUST_CHECK lt_status lt_jinja_capture(lt_jinja_render *r, const lt_jinja_node *body,
                                         lt_jinja_value *out, lt_err *err);
lt_jinja_value lt_jinja_take(lt_jinja_render *r,
                             size_t mark); /* out from `mark` on, cut off, as a str */
LT_MUST_CHECK lt_status lt_jinja_charge(lt_jinja_render *r, size_t steps, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_locate(lt_jinja_render *r, uint32_t pos, lt_status status,
                                        lt_err *err);

lt_jinja_scope *lt_jinja_scope_new(lt_jinja_render *r, lt_jinja_scope *parent);
void lt_jinja_scope_set(lt_jinja_render *r, lt_jinja_scope *scope, lt_text name, uint32_t hash,
                        lt_jinja_value value);
scope_var *lt_jinja_scope_find(lt_jinja_scope *scope, lt_text name, uint32_t hash);
LT_MUST_CHECK lt_status lt_jinja_get_name(lt_jinja_render *r, lt_text name, uint32_t hash,
                                          lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_suggest(lt_jinja_render *r, lt_text name, lt_err *err);

/* Printing, with the kind of undefined in mind. */
LT_MUST_CHECK lt_status lt_jinja_print(lt_jinja_render *r, lt_jinja_value value, lt_err *err);
/* Does the env forbid any use of this undefined value? Not of what an inline if without else gives (kind LENIENT). */
enum { LENIENT = 1 };
static inline bool lt_jinja_is_strict(const lt_jinja_render *r, lt_jinja_value v)
{
    return v.type == LT_JINJA_UNDEFINED && r->env->undefined == LT_JINJA_STRICT &&
           v.kind != LENIENT;
}
/* The error of using an undefined value. */
LT_MUST_CHECK lt_status lt_jinja_fail_undefined(lt_jinja_render *r, lt_jinja_value value,
                                                lt_err *err);

/* object.c: x.name, x[key]; undefined values come back as such. */
LT_MUST_CHECK lt_status lt_jinja_attr(lt_jinja_render *r, lt_jinja_value value, lt_text name,
                                      lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_item(lt_jinja_render *r, lt_jinja_value value, lt_jinja_value key,
                                      lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_slice(lt_jinja_render *r, lt_jinja_value value,
                                       const lt_jinja_value parts[3], lt_jinja_value *out,
                                       lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_contains(lt_jinja_render *r, lt_jinja_value whole,
                                          lt_jinja_value part, bool *found, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_binary(lt_jinja_render *r, char op, lt_jinja_value a,
                                        lt_jinja_value b, lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_length(lt_jinja_render *r, lt_jinja_value value, int64_t *len,
                                        lt_err *err);
/* A value that belongs into a container: copied when the container lives in another heap; LT_INVALID when frozen. */
LT_MUST_CHECK lt_status lt_jinja_adopt(lt_jinja_render *r, lt_jinja_heap *into,
                                       lt_jinja_value *value, lt_err *err);

/* iter.c: walk anything that Python can iterate. */
typedef struct lt_jinja_iter {
    lt_jinja_value over;
    size_t at, live;
} lt_jinja_iter;
LT_MUST_CHECK lt_status lt_jinja_iter_start(lt_jinja_render *r, lt_jinja_value over,
                                            lt_jinja_iter *iter, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_iter_next(lt_jinja_render *r, lt_jinja_iter *iter,
                                           lt_jinja_value *out, bool *more, lt_err *err);
/* All items in a new plain list. */
LT_MUST_CHECK lt_status lt_jinja_to_list(lt_jinja_render *r, lt_jinja_value over,
                                         lt_jinja_value *out, lt_err *err);

/* Sort `items` by `keys` (as many), stable. LT_INVALID when keys do not compare. sort.c */
LT_MUST_CHECK lt_status lt_jinja_sort(lt_jinja_render *r, lt_jinja_seq *keys, lt_jinja_value *items,
                                      bool reverse, lt_err *err);

/* call.c */
LT_MUST_CHECK lt_status lt_jinja_eval_call(lt_jinja_render *r, const lt_jinja_node *node,
                                           lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_call_with_caller(lt_jinja_render *r, const lt_jinja_node *node,
                                                  lt_jinja_value caller, lt_jinja_value *out,
                                                  lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_eval_func(lt_jinja_render *r, const lt_jinja_node *node,
                                           const lt_jinja_func *func, lt_jinja_value subject,
                                           lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_apply(lt_jinja_render *r, lt_jinja_value callee,
                                       lt_jinja_call *call, lt_jinja_value *out, lt_err *err);
lt_jinja_value lt_jinja_macro_new(lt_jinja_render *r, const lt_jinja_node *node);
/* Filters and tests by name, the host's first; NULL when there is none. */
const lt_jinja_func *lt_jinja_filter_find(const lt_jinja_env *env, lt_text name);
const lt_jinja_func *lt_jinja_test_find(const lt_jinja_env *env, lt_text name);
const lt_jinja_func *lt_jinja_func_in(const lt_jinja_func *table, size_t count, lt_text name);
const lt_jinja_func *lt_jinja_method_find(lt_jinja_value self, lt_text name);
const lt_jinja_func *lt_jinja_global_find(lt_text name);

/* Tables of functions, each ended by a NULL name. */
extern const lt_jinja_func lt_jinja_text_filters[], lt_jinja_list_filters[],
    lt_jinja_pick_filters[], lt_jinja_misc_filters[];
extern const lt_jinja_func lt_jinja_tests[];
extern const lt_jinja_func lt_jinja_str_methods[], lt_jinja_str_find_methods[],
    lt_jinja_list_methods[], lt_jinja_tuple_methods[], lt_jinja_dict_methods[],
    lt_jinja_set_methods[], lt_jinja_number_methods[], lt_jinja_dict_type_methods[];
extern const lt_jinja_func lt_jinja_globals[];

/* pick.c: the value that `attribute` ("a.b.0", a number, or a str of them) names inside `value`. */
LT_MUST_CHECK lt_status lt_jinja_pick(lt_jinja_render *r, lt_jinja_value value,
                                      lt_jinja_value attribute, lt_jinja_value *out, lt_err *err);
/* A text that sorts without regard to case; other values as they are. */
lt_jinja_value lt_jinja_fold(lt_jinja_render *r, lt_jinja_value value);

/* format.c: "%..." % args, str.format and one {:spec}. */
LT_MUST_CHECK lt_status lt_jinja_percent(lt_jinja_render *r, lt_text format, lt_jinja_value args,
                                         lt_jinja_value *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_format(lt_jinja_call *call, lt_text format, lt_jinja_value *out,
                                        lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_format_spec(lt_jinja_value value, lt_text spec, lt_buf *out,
                                             lt_err *err);

/* args.c: arguments of our own functions, with the error that Python gives. */
LT_MUST_CHECK lt_status lt_jinja_want_text(const lt_jinja_call *call, lt_jinja_value value,
                                           lt_text *out, lt_err *err);
LT_MUST_CHECK lt_status lt_jinja_want_int(const lt_jinja_call *call, lt_jinja_value value,
                                          int64_t *out, lt_err *err);
/* Any value as text: a str as it is, else str() into the heap; an undefined one as the env says. */
LT_MUST_CHECK lt_status lt_jinja_text_of(lt_jinja_render *r, lt_jinja_value value, lt_text *out,
                                         lt_err *err);

/* object classes of our own */
extern const lt_jinja_class lt_jinja_namespace_class, lt_jinja_loop_class;
typedef struct lt_jinja_namespace { /* also an imported module */
    lt_jinja_object base;
    lt_jinja_value vars; /* a dict */
} lt_jinja_namespace;
lt_jinja_value lt_jinja_namespace_new(lt_jinja_heap *heap);
