/* jinja.h - the template language: Jinja 2 with Python's meaning of every value.
 *
 *     lt_jinja_env env = {0};                                   zeros are the defaults; immutable while in use
 *     lt_jinja_template *t; lt_jinja_compile(&env, T("a.sql"), source, &t, NULL, &err);
 *     lt_jinja_heap heap = {0};                                 values of this render live here
 *     lt_jinja_value vars = lt_jinja_dict(&heap); lt_jinja_put(vars, "x", lt_jinja_int(1));
 *     lt_jinja_render(t, &(lt_jinja_context){.vars = vars}, &heap, &out, NULL, &err);
 *     lt_jinja_heap_cleanup(&heap); lt_jinja_template_free(t);
 *
 * A template is compiled once, is immutable, and may be rendered by any number of threads. One heap belongs to one thread.
 *
 * Memory. A value is 16 bytes and lives in a heap (or, for constants and macros, in its template). Nothing in a heap is freed
 * before the heap is. A list, dict or set knows its heap: what is put into a container of another heap is copied there
 * first (deeply), so nothing ever points from a longer life into a shorter one; a macro with a closure cannot be copied
 * that way, and that is an error. Containers of a heap that is `frozen` cannot be changed: freeze what threads share.
 * Values borrow texts, so texts given to lt_jinja_text() must live as long as the value.
 *
 * Many templates, one namespace of macros. Compile each macro file once and keep the templates. `context.lookup` is asked
 * for every name that no scope and no `vars` has: answer with lt_jinja_macro_of(template, name), which allocates nothing.
 * The callback is told which template is asking, so a package can see its own macros first. Templates must outlive the
 * renders that can reach them.
 *
 * Limits (in lt_jinja_env; 0 takes the default in brackets): source bytes, nesting of the source (200), steps (a node, an
 * iteration, 32 bytes of copied text; 50 million), bytes of a heap (256 MiB), bytes of output (64 MiB), nested macro calls
 * (250), C stack below the first call (2 MiB). The evaluator recurses over the tree; each level checks the C stack.
 *
 * Errors are `template:line:col: text (in macro 'm' (file:line), ...)`, a hint when a near name exists, and the same as
 * lt_jinja_error for who wants the parts, which has hidden templates (lt_jinja_hide()) too. LT_INVALID: template or data are wrong; LT_TOO_BIG: a limit. An error of a host
 * function keeps its status.
 *
 * Differences from Jinja 2 in Python: whole numbers end at 4,300 digits, autoescape is always off, case
 * mapping covers ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic, sets and dicts print in insertion order, generators
 * are filled eagerly (but still run out after one pass), `extends` and `block` are not there. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

/* ---- values */

typedef enum lt_jinja_type {
    LT_JINJA_UNDEFINED,
    LT_JINJA_NONE,
    LT_JINJA_BOOL,
    LT_JINJA_INT,
    LT_JINJA_FLOAT,
    LT_JINJA_STR,
    LT_JINJA_LIST, /* also ranges, dict views and generators */
    LT_JINJA_TUPLE,
    LT_JINJA_DICT,
    LT_JINJA_SET,
    LT_JINJA_MACRO,
    LT_JINJA_FUNC,   /* a host function */
    LT_JINJA_METHOD, /* a method of a value, taken without calling it */
    LT_JINJA_OBJECT, /* a host object, or one of our own: namespace, loop, cycler */
} lt_jinja_type;

typedef struct lt_jinja_heap lt_jinja_heap;
typedef struct lt_jinja_env lt_jinja_env;
typedef struct lt_jinja_template lt_jinja_template;
typedef struct lt_jinja_render lt_jinja_render; /* one running render */
typedef struct lt_jinja_call lt_jinja_call;
typedef struct lt_jinja_func lt_jinja_func;
typedef struct lt_jinja_object lt_jinja_object;

typedef struct lt_jinja_value {
    uint8_t type; /* lt_jinja_type */
    uint8_t kind; /* ours */
    uint32_t len; /* bytes of a str */
    union {
        bool b;
        int64_t i;
        double f;
        const char *s; /* borrowed from a heap, a template or the host */
        struct lt_jinja_seq *list;
        struct lt_jinja_table *dict;
        const struct lt_jinja_macro *macro;
        const lt_jinja_func *func;
        struct lt_jinja_method *method;
        lt_jinja_object *object;
        const struct lt_jinja_missing *missing;
    } as;
} lt_jinja_value;

/* Where values live. Zero-initialise (or set `limit`), use, clean up. Do not copy it: containers point at it. */
struct lt_jinja_heap {
    lt_arena arena;
    size_t limit; /* bytes; 0: 256 MiB. A render sets it from its env when it is 0. */
    uint64_t seed;
    struct {
        char *end, *room_end;
    } tails
        [2]; /* room behind the newest text and the newest large one, for `a = a ~ b` in a loop, also when others are made in between */
    bool frozen;   /* its containers cannot be changed from templates */
    bool overflow; /* the limit was passed: the render ends with LT_TOO_BIG */
    bool borrows;  /* an object that cannot be copied was put into it: it lives in another heap */
};
void lt_jinja_heap_cleanup(lt_jinja_heap *heap);
/* The same, for the next of many renders: some memory stays with it. */
void lt_jinja_heap_reset(lt_jinja_heap *heap);

static inline lt_jinja_value lt_jinja_none(void)
{
    return (lt_jinja_value){.type = LT_JINJA_NONE};
}
static inline lt_jinja_value lt_jinja_bool(bool b)
{
    return (lt_jinja_value){.type = LT_JINJA_BOOL, .as.b = b};
}
static inline lt_jinja_value lt_jinja_int(int64_t i)
{
    return (lt_jinja_value){.type = LT_JINJA_INT, .as.i = i};
}
static inline lt_jinja_value lt_jinja_float(double f)
{
    return (lt_jinja_value){.type = LT_JINJA_FLOAT, .as.f = f};
}
/* Borrows the bytes (UTF-8; at most UINT32_MAX, the rest is cut). */
static inline lt_jinja_value lt_jinja_text(lt_text text)
{
    size_t len = LT_MIN(text.len, (size_t)UINT32_MAX);
    return (lt_jinja_value){.type = LT_JINJA_STR, .len = (uint32_t)len, .as.s = text.ptr};
}
static inline lt_jinja_value lt_jinja_func_value(const lt_jinja_func *func) /* borrowed */
{
    return (lt_jinja_value){.type = LT_JINJA_FUNC, .as.func = func};
}
static inline lt_jinja_value lt_jinja_object_value(lt_jinja_object *object) /* borrowed */
{
    return (lt_jinja_value){.type = LT_JINJA_OBJECT, .as.object = object};
}
static inline lt_text lt_jinja_as_text(lt_jinja_value value) /* the bytes of a str; else empty */
{
    return value.type == LT_JINJA_STR ? lt_text_at(value.as.s, value.len) : (lt_text){0};
}
lt_jinja_value lt_jinja_text_copy(lt_jinja_heap *heap, lt_text text);
lt_jinja_value lt_jinja_undefined_named(lt_jinja_heap *heap, lt_text name);
lt_jinja_value lt_jinja_list(lt_jinja_heap *heap);
/* `items` are copied (not what they point to). */
lt_jinja_value lt_jinja_tuple(lt_jinja_heap *heap, const lt_jinja_value *items, size_t count);
lt_jinja_value lt_jinja_dict(lt_jinja_heap *heap);
/* A dict that is made when something of it is first asked for: it becomes what `make` gives, a dict of the same heap. `user` lives as long
 * as the heap. Not for threads to share. */
lt_jinja_value lt_jinja_lazy_dict(lt_jinja_heap *heap, lt_jinja_value (*make)(void *user),
                                  void *user);
lt_jinja_value lt_jinja_set(lt_jinja_heap *heap);

/* For hosts that build values: the added value must live as long as the container (no copy is made, frozen or not). */
void lt_jinja_add(lt_jinja_value to, lt_jinja_value value); /* to a list or a set */
void lt_jinja_put(lt_jinja_value dict, const char *key, lt_jinja_value value); /* key borrowed */
void lt_jinja_put_value(lt_jinja_value dict, lt_jinja_value key, lt_jinja_value value);

size_t lt_jinja_len(lt_jinja_value value); /* list, tuple, dict, set: items; str: code points */
lt_jinja_value lt_jinja_at(lt_jinja_value list_or_tuple, size_t i); /* undefined past the end */
/* Walk a dict (or set): `size_t at = 0; while (lt_jinja_next(dict, &at, &key, &value))`. */
bool lt_jinja_next(lt_jinja_value dict, size_t *at, lt_jinja_value *key, lt_jinja_value *value);
bool lt_jinja_find(lt_jinja_value dict, lt_text key, lt_jinja_value *value);
bool lt_jinja_find_value(lt_jinja_value dict, lt_jinja_value key, lt_jinja_value *value);

bool lt_jinja_truth(lt_jinja_value value);
bool lt_jinja_eq(lt_jinja_value a, lt_jinja_value b); /* Python's ==: 1 == 1.0 == True */
/* A whole number over 64 bits, which is no LT_JINJA_INT: lt_jinja_str() gives its digits. */
bool lt_jinja_is_long(lt_jinja_value value);
/* A text of decimal digits, with a sign or none, as a whole number; false when it is none. */
bool lt_jinja_whole(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out);
const char *lt_jinja_type_name(lt_jinja_value value); /* Python's: "str", "NoneType", ... */
/* Python's str() and repr(), appended. */
void lt_jinja_str(lt_jinja_value value, lt_buf *out);
void lt_jinja_repr(lt_jinja_value value, lt_buf *out);
/* json.dumps(): separators ", " and ": ", ASCII only. `indent` 0 is one line. LT_INVALID names the type that has no JSON. */
typedef struct lt_jinja_json {
    unsigned indent;
    bool sort_keys;
} lt_jinja_json;
LT_MUST_CHECK lt_status lt_jinja_to_json(lt_jinja_value value, const lt_jinja_json *how,
                                         lt_buf *out, lt_err *err);
/* A deep copy into another heap. LT_INVALID: a macro with a closure, a loop, or more than 200 levels; LT_TOO_BIG. */
LT_MUST_CHECK lt_status lt_jinja_copy(lt_jinja_heap *heap, lt_jinja_value value,
                                      lt_jinja_value *out, lt_err *err);
/* Python's ast.literal_eval(): numbers, strings, True, False, None, lists, tuples, dicts. LT_INVALID for anything else. */
LT_MUST_CHECK lt_status lt_jinja_literal(lt_jinja_heap *heap, lt_text text, lt_jinja_value *out,
                                         lt_err *err);

/* ---- host functions and objects */

typedef struct lt_jinja_kwarg {
    lt_text name;
    lt_jinja_value value;
} lt_jinja_kwarg;

struct lt_jinja_call {
    lt_jinja_render *render;
    lt_jinja_heap *heap; /* put results here */
    void *user;          /* of the lt_jinja_func */
    lt_jinja_value self; /* of a method */
    const lt_jinja_value *args;
    size_t arg_count;
    const lt_jinja_kwarg *kwargs;
    size_t kwarg_count;
    const char *name; /* for messages */
};

typedef lt_status lt_jinja_fn(lt_jinja_call *call, lt_jinja_value *result, lt_err *err);

/* A function, filter or test. A filter's or test's subject is args[0]; a test's result is read by truth. */
struct lt_jinja_func {
    const char *name;
    lt_jinja_fn *run;
    void *user; /* borrowed */
};

/* Sort arguments into `out`, one for each name of `signature`: "name default? boolean?", names in order, '?' is optional
 * (then lt_jinja_is_absent()). LT_INVALID as Python says it: missing, unexpected, too many. */
LT_MUST_CHECK lt_status lt_jinja_bind(const lt_jinja_call *call, const char *signature,
                                      lt_jinja_value *out, lt_err *err);
/* The text of an argument; LT_INVALID says that `what` ("name") must be one. *out lives as long as the value. */
LT_MUST_CHECK lt_status lt_jinja_need_text(const lt_jinja_call *call, lt_jinja_value value,
                                           const char *what, lt_text *out, lt_err *err);
static inline bool lt_jinja_is_absent(lt_jinja_value value)
{
    return value.type == LT_JINJA_UNDEFINED && value.kind == UINT8_MAX;
}

/* Call a macro, function or other callable from inside a host function. */
LT_MUST_CHECK lt_status lt_jinja_invoke(lt_jinja_render *render, lt_jinja_value callee,
                                        const lt_jinja_value *args, size_t arg_count,
                                        const lt_jinja_kwarg *kwargs, size_t kwarg_count,
                                        lt_jinja_value *result, lt_err *err);
/* End the running macro with `value` (dbt's return()): `return lt_jinja_return(call, value, err);` Outside of a macro it ends
 * the render, whose value it becomes. */
LT_MUST_CHECK lt_status lt_jinja_return(lt_jinja_call *call, lt_jinja_value value, lt_err *err);
/* Who called: depth 0 is the innermost macro. False when there is none; the template's own level has the name "". */
typedef struct lt_jinja_frame {
    lt_text macro;
    lt_text template_name;
    unsigned line;
} lt_jinja_frame;
bool lt_jinja_caller(const lt_jinja_render *render, size_t depth, lt_jinja_frame *frame);
void *lt_jinja_user(const lt_jinja_render *render);             /* context.user */
lt_jinja_heap *lt_jinja_heap_of(const lt_jinja_render *render); /* for results */
/* All that a for loop over `value` would give, in a new list; LT_INVALID: it cannot be iterated. */
LT_MUST_CHECK lt_status lt_jinja_items(lt_jinja_render *render, lt_jinja_value value,
                                       lt_jinja_value *list, lt_err *err);
/* a + b, as templates add. */
LT_MUST_CHECK lt_status lt_jinja_plus(lt_jinja_render *render, lt_jinja_value a, lt_jinja_value b,
                                      lt_jinja_value *out, lt_err *err);
/* The value of a name as the running template sees it; undefined when there is none. */
LT_MUST_CHECK lt_status lt_jinja_resolve(lt_jinja_render *render, lt_text name,
                                         lt_jinja_value *value, lt_err *err);

/* A host object starts with lt_jinja_object. Every call may be NULL. `found` is false when there is no such thing, and then
 * the next way is tried: method, then attr, then item for x.name; item, then attr for x[...]. */
/* Operators of a class that are no character of their own. */
enum {
    LT_JINJA_OP_FLOOR = 'f',  /* // */
    LT_JINJA_OP_POW = 'p',    /* ** */
    LT_JINJA_OP_NEGATE = '_', /* -x: `other` is undefined */
    LT_JINJA_OP_ABS = '|'     /* abs(x): likewise */
};

typedef struct lt_jinja_class {
    const char *name; /* Python's type name */
    lt_status (*attr)(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                      lt_jinja_value *out, bool *found, lt_err *err);
    lt_status (*item)(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                      lt_jinja_value *out, bool *found, lt_err *err);
    /* x.name(...): call->self is the object. */
    lt_status (*method)(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                        lt_err *err);
    /* Is x.name, taken without calling it, a method? NULL: methods can only be called. */
    bool (*has_method)(const lt_jinja_object *self, lt_text name);
    lt_status (*call)(lt_jinja_call *call, lt_jinja_value *out, lt_err *err); /* x(...) */
    /* All items as a list, for loops and filters. */
    lt_status (*items)(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value *list,
                       lt_err *err);
    /* x.name = value in {% set %}. */
    lt_status (*assign)(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                        lt_jinja_value value, lt_err *err);
    void (*str)(const lt_jinja_object *self, lt_buf *out);  /* else repr */
    void (*repr)(const lt_jinja_object *self, lt_buf *out); /* else <name object> */
    bool (*truth)(const lt_jinja_object *self);             /* else true */
    bool (*length)(const lt_jinja_object *self, size_t *len);
    bool (*equal)(const lt_jinja_object *self, lt_jinja_value other); /* else the same object */
    /* <0, 0, >0 in *order for the comparison operators and sort; false when they do not compare. */
    bool (*compare)(const lt_jinja_object *self, lt_jinja_value other, int *order);
    /* self OP other, OP being + - * / % or one of LT_JINJA_OP_...; `reflected` when self is on the right. */
    lt_status (*arithmetic)(lt_jinja_render *render, lt_jinja_object *self, char op,
                            lt_jinja_value other, bool reflected, lt_jinja_value *out, bool *found,
                            lt_err *err);
    /* The value as a float, for the filters int, float, round and abs. NULL: it is no number. */
    bool (*number)(const lt_jinja_object *self, double *out);
    /* The same value in another heap. NULL: the object outlives every heap that points to it. */
    lt_jinja_value (*copy)(const lt_jinja_object *self, lt_jinja_heap *heap);
    bool is_mapping, is_sequence, is_string, is_number; /* for the tests of these names */
    bool local; /* lives in one render only: cannot be copied to another heap */
} lt_jinja_class;

struct lt_jinja_object {
    const lt_jinja_class *class;
};

/* ---- environment */

typedef enum lt_jinja_undefined {
    LT_JINJA_DEFAULT,   /* prints '', is false and empty; anything else is an error */
    LT_JINJA_CHAINABLE, /* also: its attributes and items are undefined */
    LT_JINJA_STRICT,    /* only `is defined` and `default` may touch it */
    LT_JINJA_ABSORBING, /* chainable, and calling it gives it again: for a first pass over unknown names */
    LT_JINJA_ABSORBING_HERE, /* the same in the template itself; names that macros out of other files miss are as by default */
} lt_jinja_undefined;

/* Own block tags: {% name ... %} body {% endname %}. They are not rendered; read them with lt_jinja_block_at(). */
typedef enum lt_jinja_tag_kind {
    LT_JINJA_TAG_MACRO, /* {% test name(a, b=1) %}: as a macro; its name is given `prefix` */
    LT_JINJA_TAG_NAMED, /* {% snapshot name, key=expr, word %}: a macro without parameters */
    LT_JINJA_TAG_RAW,   /* {% docs name %}: the body is text */
} lt_jinja_tag_kind;
typedef struct lt_jinja_tag {
    const char *name;
    lt_jinja_tag_kind kind;
    const char *prefix; /* may be NULL */
} lt_jinja_tag;

/* Find the template that include and import name; *out is borrowed from the loader. NULL in *out: there is none. */
typedef lt_status lt_jinja_load(void *user, lt_text name, const lt_jinja_template **out,
                                lt_err *err);

/* For the hint of an unknown name: add to `names` what context.lookup would answer to, "space.name" too where `name` itself is
 * in a namespace. What it returns (may be NULL) is the hint when none of them is near. */
typedef const char *lt_jinja_known(void *user, lt_text name, lt_arena *arena, lt_texts *names);

struct lt_jinja_env {
    lt_jinja_undefined undefined;
    bool trim_blocks, lstrip_blocks, keep_trailing_newline;
    const lt_jinja_func *filters; /* tried before ours */
    size_t filter_count;
    const lt_jinja_func *tests;
    size_t test_count;
    const lt_jinja_tag *tags;
    size_t tag_count;
    lt_jinja_load *load;
    void *load_user;
    lt_jinja_known *known;   /* may be NULL; its user is the context's */
    size_t max_source_bytes; /* 4 MiB */
    unsigned max_nesting;
    uint64_t max_steps;
    size_t max_heap_bytes, max_output_bytes;
    unsigned max_calls;
    size_t max_stack_bytes;
};

/* Where it went wrong: `frames` from the innermost out, the last one is the template itself. */
enum { LT_JINJA_FRAMES = 16, LT_JINJA_NAME_BYTES = 128 };
typedef struct lt_jinja_error {
    char template_name[256];
    unsigned line, col; /* from 1; 0 is unknown; columns count code points */
    char text[512];     /* without place and stack */
    bool is_hidden;     /* no template of it may be told: the message has no place */
    size_t frame_count; /* of those kept */
    struct {
        char macro[LT_JINJA_NAME_BYTES];
        char template_name[256];
        unsigned line;
    } frames[LT_JINJA_FRAMES];
} lt_jinja_error;

/* ---- templates */

/* `env` is borrowed and must outlive the template; name and source are copied. `where` may be NULL. */
LT_MUST_CHECK lt_status lt_jinja_compile(const lt_jinja_env *env, lt_text name, lt_text source,
                                         lt_jinja_template **out, lt_jinja_error *where,
                                         lt_err *err);
void lt_jinja_template_free(lt_jinja_template *compiled); /* NULL is fine */
LT_OWNED(lt_jinja_template_ref, lt_jinja_template *, lt_jinja_template_free)
lt_text lt_jinja_name(const lt_jinja_template *compiled);
lt_text lt_jinja_source(const lt_jinja_template *compiled);
void lt_jinja_set_tag(lt_jinja_template *compiled,
                      const void *tag); /* for the host, before it is shared */
const void *lt_jinja_tag_of(const lt_jinja_template *compiled);
/* What fails in this template is told at the place of who called it, and without a place when that is hidden too: nobody who
 * reads the error has the file. Before it is shared. */
void lt_jinja_hide(lt_jinja_template *compiled);

/* Asked for names that are in no scope and not in `vars`; `from` is the template that asks. *found false: undefined. */
typedef lt_status lt_jinja_lookup(void *user, lt_jinja_render *render,
                                  const lt_jinja_template *from, lt_text name, lt_jinja_value *out,
                                  bool *found, lt_err *err);

/* Where rendered text comes from: from `start` (a byte of this render's output) to the next span. Text stands in the
 * template as it does in the output, from line:col on; all that {{ }} wrote belongs to the place of its expression. */
typedef struct lt_jinja_span {
    size_t start;
    lt_text name; /* of the template; borrowed from it */
    unsigned line, col;
    bool is_text;
} lt_jinja_span;
typedef LT_VEC(lt_jinja_span) lt_jinja_spans;

typedef struct lt_jinja_context {
    lt_jinja_value vars; /* a dict, or undefined for none; read only */
    lt_jinja_lookup *lookup;
    void *user;
    lt_jinja_spans *spans; /* filled by lt_jinja_render_text(), freed by the caller; may be NULL */
    lt_jinja_render *
        inside; /* a render that is running on this thread: its limits go on counting; may be NULL */
} lt_jinja_context;

/* Render to text, appended to `out` (whose own limit counts too). `heap` NULL makes one for the time of the call. */
LT_MUST_CHECK lt_status lt_jinja_render_text(const lt_jinja_template *compiled,
                                             const lt_jinja_context *context, lt_jinja_heap *heap,
                                             lt_buf *out, lt_jinja_error *where, lt_err *err);
/* Native: the value itself when the template is one {{ expression }} and nothing else; else the text as a str. */
LT_MUST_CHECK lt_status lt_jinja_render_value(const lt_jinja_template *compiled,
                                              const lt_jinja_context *context, lt_jinja_heap *heap,
                                              lt_jinja_value *out, lt_jinja_error *where,
                                              lt_err *err);
/* Call a macro (or other callable) from outside of any render. `env` gives limits and the kind of undefined. */
LT_MUST_CHECK lt_status lt_jinja_call_value(const lt_jinja_env *env,
                                            const lt_jinja_context *context, lt_jinja_heap *heap,
                                            lt_jinja_value callee, const lt_jinja_value *args,
                                            size_t arg_count, const lt_jinja_kwarg *kwargs,
                                            size_t kwarg_count, lt_jinja_value *out,
                                            lt_jinja_error *where, lt_err *err);

/* The macro `name` of a template's top level, as a value without a closure: it sees the context and the other macros of its
 * file, not the file's variables. Undefined when there is none. Lives with the template. */
lt_jinja_value lt_jinja_macro_of(const lt_jinja_template *compiled, lt_text name);
/* Each macro of the top level and each own block, in order; false after the last. */
typedef struct lt_jinja_block {
    lt_text whole;           /* source, with the white space that a '-' at its outer ends takes */
    const lt_jinja_tag *tag; /* NULL: {% macro %} */
    lt_text name;            /* with the tag's prefix */
    lt_jinja_value macro;    /* undefined for LT_JINJA_TAG_RAW */
    lt_text source;          /* of the whole block, tags included */
    lt_text body;            /* the source between the tags */
    unsigned line;
    size_t arg_count; /* of parameters; or of what follows the name in LT_JINJA_TAG_NAMED */
    const void *node;
} lt_jinja_block;
bool lt_jinja_block_at(const lt_jinja_template *compiled, size_t i, lt_jinja_block *out);
/* Parameter or argument number i of a block. `value` is the default or the argument when that is a literal; else undefined
 * with *is_literal false. A bare word of LT_JINJA_TAG_NAMED has a name and an absent value. */
bool lt_jinja_block_arg(const lt_jinja_block *block, lt_jinja_heap *heap, size_t i, lt_text *name,
                        lt_jinja_value *value, bool *is_literal);

/* ---- reading a template without rendering it */

typedef struct lt_jinja_static_call {
    lt_text name;          /* "ref", "config.get": a name, with attributes */
    lt_jinja_value args;   /* a tuple; what is not a literal is undefined */
    lt_jinja_value kwargs; /* a dict of the literal ones */
    bool is_literal;       /* all arguments are, and there is no * or ** */
    bool is_certain; /* it is run whenever the template is: not within if, for, macro or the like */
    bool is_whole;   /* it is all of an {{ output }} */
    unsigned line;
    uint32_t pos; /* in lt_jinja_source(), for lt_jinja_position() */
} lt_jinja_static_call;

/* Line and column of a byte of the source. Walks the source: for messages, not for every call. */
void lt_jinja_position(const lt_jinja_template *compiled, uint32_t pos, unsigned *line,
                       unsigned *col);

/* Every call of a plain or dotted name, in the order of their ends: `size_t at = 0; while (lt_jinja_next_call(...))`. */
bool lt_jinja_next_call(const lt_jinja_template *compiled, lt_jinja_heap *heap, size_t *at,
                        lt_jinja_static_call *out);
/* The keyword arguments of the first call of `name`, as dbt keeps them: Python's repr() of Jinja's tree, "Keyword(key='a',
 * value=Const(value=1))", of at most 1 MiB each. *out: a dict of copies in `heap`. False: no call, or one without any. */
bool lt_jinja_keywords_of(const lt_jinja_template *compiled, lt_text name, lt_jinja_heap *heap,
                          lt_jinja_value *out);
/* A value that a template takes from outside: a name that it sets nowhere itself (set, for, with, macro, import) and that no
 * built-in function has, with the attributes and constant keys behind it: outputs.list['files'] has three parts. */
enum { LT_JINJA_USE_PARTS = 8 }; /* what lies deeper is left out */
typedef struct lt_jinja_use_part {
    lt_text name;
    uint32_t pos;  /* for lt_jinja_position() */
    bool is_asked; /* `is defined` or default() asks for it, here or elsewhere: it may be missing */
} lt_jinja_use_part;
typedef struct lt_jinja_use {
    lt_jinja_use_part parts[LT_JINJA_USE_PARTS];
    size_t count;
    bool is_called;      /* the last part is */
    lt_jinja_value args; /* then: a tuple; what is not a literal is undefined */
    size_t arg_count;    /* named ones too */
} lt_jinja_use;
typedef struct lt_jinja_uses {
    lt_jinja_use *items;
    size_t len, cap;
} lt_jinja_uses;
/* All of them, in about the order of the source. Where the template sets a name does not matter: set anywhere, it is its own. The
 * list lives in `heap`, the texts in the template. */
void lt_jinja_uses_of(const lt_jinja_template *compiled, lt_jinja_heap *heap, lt_jinja_uses *out);
/* True when the template is nothing but text, comments and {{ f(literals) }} with f in `names`: then the calls above say
 * everything that rendering could. */
bool lt_jinja_is_static(const lt_jinja_template *compiled, const char *const *names, size_t count);
