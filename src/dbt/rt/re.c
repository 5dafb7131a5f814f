/* modules.re: Python's regular expressions on PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "dbt/rt/inner.h"

#include <assert.h>
#include <pcre2.h>
#include <stdio.h>

enum { MATCH_LIMIT = 10 * 1000 * 1000, HEAP_LIMIT_KIB = 64 * 1024, MAX_PATTERN = 64 * 1024 };

enum {
    FLAG_I = 2,
    FLAG_M = 8,
    FLAG_S = 16,
    FLAG_U = 32,
    FLAG_X = 64,
    FLAG_A = 256
}; /* as Python's */

typedef struct pattern_object {
    lt_jinja_object object;
    lt_text source;
    int64_t flags;
    uint32_t groups;
    pcre2_code *code; /* in the heap's arena, as the rest */
    pcre2_match_data *data;
    pcre2_match_context *limits;
} pattern_object;

typedef struct match_object {
    lt_jinja_object object;
    pattern_object *pattern;
    lt_text subject;
    PCRE2_SIZE *spans; /* groups + 1 pairs */
} match_object;

static const lt_jinja_class pattern_class, match_class;

/* ---- compiling ---- */

static void *from_arena(PCRE2_SIZE size, void *heap)
{
    return lt_alloc(&((lt_jinja_heap *)heap)->arena, size);
}

static void keep_in_arena(void *memory, void *heap)
{
    (void)memory;
    (void)heap;
}

/* Where Python's notation differs from PCRE2's: \Z is the very end, {,n} begins at 0. */
static void translate(lt_text source, lt_buf *out)
{
    for (size_t i = 0; i < source.len; i++) {
        lt_text rest = lt_text_sub(source, i, source.len);
        if (rest.ptr[0] == '\\' && rest.len > 1) {
            lt_buf_add_byte(out, '\\');
            lt_buf_add_byte(out, rest.ptr[1] == 'Z' ? 'z' : rest.ptr[1]);
            i++;
        } else if (lt_text_starts(rest, T("{,")) && rest.len > 2 && lt_is_digit(rest.ptr[2])) {
            lt_buf_add_str(out, "{0,");
            i++;
        } else {
            lt_buf_add_byte(out, rest.ptr[0]);
        }
    }
}

static uint32_t options_of(int64_t flags)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    options |= flags & FLAG_I ? PCRE2_CASELESS : 0;
    options |= flags & FLAG_M ? PCRE2_MULTILINE : 0;
    options |= flags & FLAG_S ? PCRE2_DOTALL : 0;
    options |= flags & FLAG_X ? PCRE2_EXTENDED : 0;
    options |= flags & FLAG_A ? 0 : PCRE2_UCP;
    return options;
}

static lt_status compile_text(lt_jinja_heap *heap, lt_text source, int64_t flags,
                              pattern_object **out, lt_err *err)
{
    LT_AUTO(lt_buf) text = {0};
    pattern_object *made = LT_NEW(&heap->arena, pattern_object);
    int code = 0;
    PCRE2_SIZE at = 0;
    if (source.len > MAX_PATTERN)
        return lt_fail(err, LT_TOO_BIG, "a regular expression may have %d bytes", MAX_PATTERN);
    translate(source, &text);
    *made = (pattern_object){.object.class = &pattern_class, .flags = flags};
    made->source = lt_arena_text(&heap->arena, source);
    pcre2_general_context *memory = pcre2_general_context_create(from_arena, keep_in_arena, heap);
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    made->code = pcre2_compile((PCRE2_SPTR)lt_buf_chars(&text), text.len, options_of(flags), &code,
                               &at, context);
    if (!made->code) {
        PCRE2_UCHAR message[160] = "";
        (void)pcre2_get_error_message(code, message, sizeof(message));
        return lt_fail(err, LT_INVALID, "regular expression '%.*s': %s at position %zu",
                       LT_ARG(source), (const char *)message, (size_t)at);
    }
    made->data = pcre2_match_data_create_from_pattern(made->code, memory);
    made->limits = pcre2_match_context_create(memory);
    (void)pcre2_set_match_limit(made->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(made->limits, HEAP_LIMIT_KIB);
    (void)pcre2_pattern_info(made->code, PCRE2_INFO_CAPTURECOUNT, &made->groups);
    *out = made;
    return LT_OK;
}

static lt_status pattern_of(lt_jinja_call *call, lt_jinja_value value, lt_jinja_value flags,
                            pattern_object **out, lt_err *err)
{
    lt_text source = {0};
    if (value.type == LT_JINJA_OBJECT && value.as.object->class == &pattern_class) {
        *out = (pattern_object *)value.as.object;
        return LT_OK;
    }
    LT_TRY(lt_jinja_need_text(call, value, "pattern", &source, err));
    return compile_text(call->heap, source, flags.type == LT_JINJA_INT ? flags.as.i : 0, out, err);
}

/* ---- matching ---- */

/* *spans is NULL when there is no match at or after `from`. */
static lt_status run(pattern_object *p, lt_text subject, size_t from, uint32_t options,
                     PCRE2_SIZE **spans, lt_err *err)
{
    int found = pcre2_match(p->code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""), subject.len,
                            from, options, p->data, p->limits);
    *spans = NULL;
    if (found == PCRE2_ERROR_NOMATCH)
        return LT_OK;
    if (found < 0) {
        PCRE2_UCHAR message[160] = "";
        (void)pcre2_get_error_message(found, message, sizeof(message));
        return lt_fail(err, LT_TOO_BIG, "regular expression '%.*s': %s", LT_ARG(p->source),
                       (const char *)message);
    }
    *spans = pcre2_get_ovector_pointer(p->data);
    return LT_OK;
}

/* Every match from left to right, as Python finds them: after an empty one the next must not be empty at the same place. */
typedef struct finder {
    pattern_object *pattern;
    lt_text subject;
    size_t at;
    bool was_empty;
} finder;

static lt_status next_match(finder *f, PCRE2_SIZE **spans, lt_err *err)
{
    *spans = NULL;
    if (f->at > f->subject.len)
        return LT_OK;
    LT_TRY(
        run(f->pattern, f->subject, f->at, f->was_empty ? PCRE2_NOTEMPTY_ATSTART : 0, spans, err));
    if (*spans) {
        f->at = (*spans)[1];
        f->was_empty = (*spans)[0] == (*spans)[1];
    }
    return LT_OK;
}

static lt_jinja_value piece(lt_jinja_heap *heap, lt_text subject, const PCRE2_SIZE *spans,
                            uint32_t group)
{
    if (spans[2 * group] == PCRE2_UNSET)
        return lt_jinja_none();
    return lt_jinja_text_copy(
        heap, lt_text_sub(subject, spans[2 * group], spans[2 * group + 1] - spans[2 * group]));
}

static lt_jinja_value match_value(lt_jinja_heap *heap, pattern_object *p, lt_text subject,
                                  const PCRE2_SIZE *spans)
{
    assert(p);
    match_object *made = LT_NEW(&heap->arena, match_object);
    *made = (match_object){.object.class = &match_class, .pattern = p, .subject = subject};
    made->spans = lt_alloc_array(&heap->arena, 2 * (size_t)(p->groups + 1), sizeof(*made->spans));
    memcpy(made->spans, spans, 2 * (size_t)(p->groups + 1) * sizeof(*spans));
    return lt_jinja_object_value(&made->object);
}

static lt_status first_match(lt_jinja_call *call, pattern_object *p, lt_jinja_value string,
                             uint32_t options, lt_jinja_value *out, lt_err *err)
{
    lt_text subject = {0};
    PCRE2_SIZE *spans;
    LT_TRY(lt_jinja_need_text(call, string, "string", &subject, err));
    LT_TRY(run(p, subject, 0, options, &spans, err));
    *out = spans ? match_value(call->heap, p, subject, spans) : lt_jinja_none();
    return LT_OK;
}

/* findall(): the match, or its one group, or a tuple of its groups. */
static lt_jinja_value found_value(lt_jinja_heap *heap, pattern_object *p, lt_text subject,
                                  const PCRE2_SIZE *spans)
{
    if (p->groups == 0)
        return piece(heap, subject, spans, 0);
    lt_jinja_value *groups = lt_alloc_array(&heap->arena, p->groups, sizeof(*groups));
    for (uint32_t i = 0; i < p->groups; i++) {
        groups[i] = piece(heap, subject, spans, i + 1);
        if (groups[i].type == LT_JINJA_NONE)
            groups[i] = lt_jinja_text(T(""));
    }
    return p->groups == 1 ? groups[0] : lt_jinja_tuple(heap, groups, p->groups);
}

static lt_status find_all(lt_jinja_call *call, pattern_object *p, lt_jinja_value string,
                          bool as_matches, lt_jinja_value *out, lt_err *err)
{
    finder f = {.pattern = p};
    PCRE2_SIZE *spans;
    LT_TRY(lt_jinja_need_text(call, string, "string", &f.subject, err));
    *out = lt_jinja_list(call->heap);
    for (;;) {
        LT_TRY(next_match(&f, &spans, err));
        if (!spans)
            return LT_OK;
        lt_jinja_add(*out, as_matches ? match_value(call->heap, p, f.subject, spans)
                                      : found_value(call->heap, p, f.subject, spans));
    }
}

static lt_status split(lt_jinja_call *call, pattern_object *p, lt_jinja_value string, int64_t most,
                       lt_jinja_value *out, lt_err *err)
{
    finder f = {.pattern = p};
    PCRE2_SIZE *spans;
    size_t last = 0;
    LT_TRY(lt_jinja_need_text(call, string, "string", &f.subject, err));
    *out = lt_jinja_list(call->heap);
    for (int64_t count = 0; most == 0 || count < most; count++) {
        LT_TRY(next_match(&f, &spans, err));
        if (!spans)
            break;
        lt_jinja_add(*out,
                     lt_jinja_text_copy(call->heap, lt_text_sub(f.subject, last, spans[0] - last)));
        for (uint32_t i = 1; i <= p->groups; i++)
            lt_jinja_add(*out, piece(call->heap, f.subject, spans, i));
        last = spans[1];
    }
    lt_jinja_add(*out, lt_jinja_text_copy(call->heap, lt_text_sub(f.subject, last, f.subject.len)));
    return LT_OK;
}

/* ---- sub() ---- */

static bool group_number(const pattern_object *p, lt_text name, uint32_t *out)
{
    uint64_t number;
    if (lt_text_to_u64(name, &number)) {
        *out = (uint32_t)LT_MIN(number, (uint64_t)UINT32_MAX);
        return number <= p->groups;
    }
    if (name.len > 32)
        return false;
    char text[40];
    memcpy(text, name.ptr, name.len);
    text[name.len] = 0;
    int found = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR)text);
    *out = (uint32_t)found;
    return found > 0;
}

static lt_status add_group(const pattern_object *p, lt_text subject, const PCRE2_SIZE *spans,
                           lt_text name, lt_buf *out, lt_err *err)
{
    uint32_t group;
    if (!group_number(p, name, &group))
        return lt_fail(err, LT_INVALID, "invalid group reference '%.*s'", LT_ARG(name));
    if (spans[2 * group] != PCRE2_UNSET)
        lt_buf_add(out,
                   lt_text_sub(subject, spans[2 * group], spans[2 * group + 1] - spans[2 * group]));
    return LT_OK;
}

/* \1 \g<1> \g<name> \n \t \\ in the replacement. */
static lt_status add_template(const pattern_object *p, lt_text subject, const PCRE2_SIZE *spans,
                              lt_text text, lt_buf *out, lt_err *err)
{
    static const char letters[] = "nrtafv", meant[] = "\n\r\t\a\f\v";
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\\' || i + 1 == text.len) {
            lt_buf_add_byte(out, text.ptr[i]);
            continue;
        }
        char c = text.ptr[++i];
        const char *letter = strchr(letters, c);
        if (c == 'g' && i + 1 < text.len && text.ptr[i + 1] == '<') {
            size_t end = lt_text_find_byte(text, '>', i);
            if (end == SIZE_MAX)
                return lt_fail(err, LT_INVALID, "missing >, unterminated name");
            LT_TRY(add_group(p, subject, spans, lt_text_sub(text, i + 2, end - i - 2), out, err));
            i = end;
        } else if (lt_is_digit(c)) {
            size_t len = c != '0' && i + 1 < text.len && lt_is_digit(text.ptr[i + 1]) ? 2 : 1;
            LT_TRY(add_group(p, subject, spans, lt_text_sub(text, i, len), out, err));
            i += len - 1;
        } else if (letter && c) {
            lt_buf_add_byte(out, meant[letter - letters]);
        } else if (lt_is_alpha(c)) {
            return lt_fail(err, LT_INVALID, "bad escape \\%c", c);
        } else {
            if (c != '\\')
                lt_buf_add_byte(out, '\\');
            lt_buf_add_byte(out, c);
        }
    }
    return LT_OK;
}

static lt_status add_replacement(lt_jinja_call *call, const finder *f, PCRE2_SIZE *spans,
                                 lt_jinja_value with, lt_buf *out, lt_err *err)
{
    if (with.type == LT_JINJA_STR)
        return add_template(f->pattern, f->subject, spans, lt_jinja_as_text(with), out, err);
    lt_jinja_value match = match_value(call->heap, f->pattern, f->subject, spans), made;
    LT_TRY(lt_jinja_invoke(call->render, with, &match, 1, NULL, 0, &made, err));
    lt_jinja_str(made, out);
    return LT_OK;
}

static lt_status substitute(lt_jinja_call *call, pattern_object *p, lt_jinja_value with,
                            lt_jinja_value string, int64_t most, bool count_too,
                            lt_jinja_value *out, lt_err *err)
{
    finder f = {.pattern = p};
    PCRE2_SIZE *spans;
    size_t last = 0;
    int64_t count = 0;
    LT_AUTO(lt_buf) text = {.limit = 64 * LT_MIB};
    LT_TRY(lt_jinja_need_text(call, string, "string", &f.subject, err));
    for (; most == 0 || count < most; count++) {
        LT_TRY(next_match(&f, &spans, err));
        if (!spans)
            break;
        size_t end = spans[1];
        lt_buf_add(&text, lt_text_sub(f.subject, last, spans[0] - last));
        LT_TRY(add_replacement(call, &f, spans, with, &text, err));
        last = end;
    }
    lt_buf_add(&text, lt_text_sub(f.subject, last, f.subject.len));
    LT_TRY(lt_buf_check(&text, "the result of re.sub()", err));
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&text));
    if (count_too) {
        lt_jinja_value both[] = {*out, lt_jinja_int(count)};
        *out = lt_jinja_tuple(call->heap, both, 2);
    }
    return LT_OK;
}

/* ---- one table for the module's functions and the pattern's methods ---- */

typedef enum re_verb {
    RE_MATCH,
    RE_SEARCH,
    RE_FULLMATCH,
    RE_FINDALL,
    RE_FINDITER,
    RE_SPLIT,
    RE_SUB,
    RE_SUBN,
    RE_VERBS
} re_verb;

static const struct {
    const char *name, *signature; /* without the pattern; flags only in the module */
} verbs[RE_VERBS] = {
    [RE_MATCH] = {"match", "string flags?"},
    [RE_SEARCH] = {"search", "string flags?"},
    [RE_FULLMATCH] = {"fullmatch", "string flags?"},
    [RE_FINDALL] = {"findall", "string flags?"},
    [RE_FINDITER] = {"finditer", "string flags?"},
    [RE_SPLIT] = {"split", "string maxsplit? flags?"},
    [RE_SUB] = {"sub", "repl string count? flags?"},
    [RE_SUBN] = {"subn", "repl string count? flags?"},
};

static re_verb verb_of(lt_text name)
{
    unsigned i = 0;
    while (i < RE_VERBS && !lt_text_eq(lt_text_of(verbs[i].name), name))
        i++;
    return (re_verb)i;
}

static int64_t number(lt_jinja_value value)
{
    return value.type == LT_JINJA_INT && value.as.i > 0 ? value.as.i : 0;
}

static lt_status run_verb(lt_jinja_call *call, re_verb verb, pattern_object *p,
                          const lt_jinja_value *args, lt_jinja_value *out, lt_err *err)
{
    switch (verb) {
    case RE_MATCH:
        return first_match(call, p, args[0], PCRE2_ANCHORED, out, err);
    case RE_SEARCH:
        return first_match(call, p, args[0], 0, out, err);
    case RE_FULLMATCH:
        return first_match(call, p, args[0], PCRE2_ANCHORED | PCRE2_ENDANCHORED, out, err);
    case RE_FINDALL:
    case RE_FINDITER:
        return find_all(call, p, args[0], verb == RE_FINDITER, out, err);
    case RE_SPLIT:
        return split(call, p, args[0], number(args[1]), out, err);
    default:
        return substitute(call, p, args[0], args[1], number(args[2]), verb == RE_SUBN, out, err);
    }
}

enum { MAX_ARGS = 5 };

static lt_status escape(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[1];
    lt_text text = {0};
    LT_AUTO(lt_buf) made = {0};
    LT_TRY(lt_jinja_bind(call, "pattern", args, err));
    LT_TRY(lt_jinja_need_text(call, args[0], "pattern", &text, err));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] && strchr("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", text.ptr[i]))
            lt_buf_add_byte(&made, '\\');
        lt_buf_add_byte(&made, text.ptr[i]);
    }
    *out = lt_jinja_text_copy(call->heap, lt_buf_text(&made));
    return LT_OK;
}

static lt_status compile_method(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value args[2];
    pattern_object *p = NULL;
    LT_TRY(lt_jinja_bind(call, "pattern flags?", args, err));
    LT_TRY(pattern_of(call, args[0], args[1], &p, err));
    *out = lt_jinja_object_value(&p->object);
    return LT_OK;
}

static lt_status module_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                               lt_err *err)
{
    lt_jinja_value args[MAX_ARGS];
    pattern_object *p = NULL;
    char signature[64];
    re_verb verb = verb_of(name);
    *found = true;
    if (lt_text_eq(name, T("escape")))
        return escape(call, out, err);
    if (lt_text_eq(name, T("compile")))
        return compile_method(call, out, err);
    if (lt_text_eq(name, T("purge"))) {
        *out = lt_jinja_none();
        return LT_OK;
    }
    *found = verb != RE_VERBS;
    if (!*found)
        return LT_OK;
    (void)snprintf(signature, sizeof(signature), "pattern %s", verbs[verb].signature);
    LT_TRY(lt_jinja_bind(call, signature, args, err));
    size_t flags = verb == RE_SUB || verb == RE_SUBN ? 4 : verb == RE_SPLIT ? 3 : 2;
    LT_TRY(pattern_of(call, args[0], args[flags], &p, err));
    return run_verb(call, verb, p, args + 1, out, err);
}

static bool module_has_method(const lt_jinja_object *self, lt_text name)
{
    (void)self;
    return verb_of(name) != RE_VERBS || lt_text_eq(name, T("escape")) ||
           lt_text_eq(name, T("compile"));
}

static lt_status module_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                             lt_jinja_value *out, bool *found, lt_err *err)
{
    static const struct {
        const char *name, *short_name;
        int flag;
    } flags[] = {
        {"IGNORECASE", "I", FLAG_I}, {"MULTILINE", "M", FLAG_M}, {"DOTALL", "S", FLAG_S},
        {"VERBOSE", "X", FLAG_X},    {"ASCII", "A", FLAG_A},     {"UNICODE", "U", FLAG_U},
    };
    (void)render;
    (void)self;
    (void)err;
    for (size_t i = 0; i < LT_COUNT(flags); i++)
        if (lt_text_eq(name, lt_text_of(flags[i].name)) ||
            lt_text_eq(name, lt_text_of(flags[i].short_name))) {
            *out = lt_jinja_int(flags[i].flag);
            *found = true;
            return LT_OK;
        }
    *found = false;
    return LT_OK;
}

const lt_jinja_class lt_dbt_re_module = {.name = "module",
                                         .method = module_method,
                                         .attr = module_attr,
                                         .has_method = module_has_method};

/* ---- a pattern ---- */

static lt_status pattern_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                                lt_err *err)
{
    lt_jinja_value args[MAX_ARGS];
    re_verb verb = verb_of(name);
    *found = verb != RE_VERBS;
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, verbs[verb].signature, args, err));
    return run_verb(call, verb, (pattern_object *)call->self.as.object, args, out, err);
}

static lt_status pattern_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                              lt_jinja_value *out, bool *found, lt_err *err)
{
    const pattern_object *p = (const pattern_object *)self;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("pattern")))
        *out = lt_jinja_text(p->source);
    else if (lt_text_eq(name, T("flags")))
        *out = lt_jinja_int(p->flags | (p->flags & FLAG_A ? 0 : FLAG_U));
    else if (lt_text_eq(name, T("groups")))
        *out = lt_jinja_int(p->groups);
    else
        *found = false;
    return LT_OK;
}

static void pattern_repr(const lt_jinja_object *self, lt_buf *out)
{
    lt_buf_add_str(out, "re.compile(");
    lt_jinja_repr(lt_jinja_text(((const pattern_object *)self)->source), out);
    lt_buf_add_byte(out, ')');
}

static const lt_jinja_class pattern_class = {
    .name = "Pattern", .method = pattern_method, .attr = pattern_attr, .repr = pattern_repr};

/* ---- a match ---- */

static bool group_in(const match_object *m, lt_jinja_value key, uint32_t *group)
{
    if (key.type == LT_JINJA_INT) {
        *group = (uint32_t)key.as.i;
        return key.as.i >= 0 && key.as.i <= m->pattern->groups;
    }
    return key.type == LT_JINJA_STR && group_number(m->pattern, lt_jinja_as_text(key), group) &&
           !lt_is_digit(lt_jinja_as_text(key).ptr[0]);
}

static lt_status want_group(const match_object *m, lt_jinja_value key, uint32_t *group, lt_err *err)
{
    *group = 0;
    if (lt_jinja_is_absent(key) || group_in(m, key, group))
        return LT_OK;
    return lt_fail(err, LT_INVALID, "no such group");
}

static lt_status match_group(lt_jinja_call *call, const match_object *m, lt_jinja_value *out,
                             lt_err *err)
{
    uint32_t group = 0;
    lt_jinja_value *many = lt_alloc_array(&call->heap->arena, call->arg_count + 1, sizeof(*many));
    if (call->arg_count == 0) {
        *out = piece(call->heap, m->subject, m->spans, 0);
        return LT_OK;
    }
    for (size_t i = 0; i < call->arg_count; i++) {
        LT_TRY(want_group(m, call->args[i], &group, err));
        many[i] = piece(call->heap, m->subject, m->spans, group);
    }
    *out = call->arg_count == 1 ? many[0] : lt_jinja_tuple(call->heap, many, call->arg_count);
    return LT_OK;
}

static lt_status match_groups(lt_jinja_call *call, const match_object *m, lt_jinja_value *out,
                              lt_err *err)
{
    lt_jinja_value args[1];
    LT_TRY(lt_jinja_bind(call, "default?", args, err));
    uint32_t count = m->pattern->groups;
    lt_jinja_value *groups = lt_alloc_array(&call->heap->arena, count + 1, sizeof(*groups));
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = piece(call->heap, m->subject, m->spans, i + 1);
        if (groups[i].type == LT_JINJA_NONE && !lt_jinja_is_absent(args[0]))
            groups[i] = args[0];
    }
    *out = lt_jinja_tuple(call->heap, groups, count);
    return LT_OK;
}

static lt_jinja_value group_dict(lt_jinja_heap *heap, const match_object *m)
{
    lt_jinja_value dict = lt_jinja_dict(heap);
    uint32_t count = 0, size = 0;
    PCRE2_SPTR table = NULL;
    (void)pcre2_pattern_info(m->pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    (void)pcre2_pattern_info(m->pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    (void)pcre2_pattern_info(m->pattern->code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t group = 1; group <= m->pattern->groups; group++)
        for (uint32_t i = 0; i < count; i++) {
            PCRE2_SPTR entry = table + (size_t)i * size;
            if (((uint32_t)entry[0] << 8 | entry[1]) != group)
                continue;
            lt_jinja_put_value(dict, lt_jinja_text_copy(heap, lt_text_of((const char *)entry + 2)),
                               piece(heap, m->subject, m->spans, group));
        }
    return dict;
}

/* Python counts characters. */
static lt_jinja_value place(const match_object *m, PCRE2_SIZE offset)
{
    if (offset == PCRE2_UNSET)
        return lt_jinja_int(-1);
    return lt_jinja_int((int64_t)lt_jinja_len(lt_jinja_text(lt_text_sub(m->subject, 0, offset))));
}

static lt_status match_method(lt_jinja_call *call, lt_text name, lt_jinja_value *out, bool *found,
                              lt_err *err)
{
    const match_object *m = (const match_object *)call->self.as.object;
    lt_jinja_value args[1];
    uint32_t group = 0;
    *found = true;
    if (lt_text_eq(name, T("group")))
        return match_group(call, m, out, err);
    if (lt_text_eq(name, T("groups")))
        return match_groups(call, m, out, err);
    if (lt_text_eq(name, T("groupdict"))) {
        *out = group_dict(call->heap, m);
        return LT_OK;
    }
    bool start = lt_text_eq(name, T("start")), span = lt_text_eq(name, T("span"));
    *found = start || span || lt_text_eq(name, T("end"));
    if (!*found)
        return LT_OK;
    LT_TRY(lt_jinja_bind(call, "group?", args, err));
    LT_TRY(want_group(m, args[0], &group, err));
    lt_jinja_value both[] = {place(m, m->spans[2 * group]), place(m, m->spans[2 * group + 1])};
    *out = span ? lt_jinja_tuple(call->heap, both, 2) : both[!start];
    return LT_OK;
}

static lt_status match_item(lt_jinja_render *render, lt_jinja_object *self, lt_jinja_value key,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    const match_object *m = (const match_object *)self;
    uint32_t group;
    *found = true;
    if (!group_in(m, key, &group))
        return lt_fail(err, LT_INVALID, "no such group");
    *out = piece(lt_jinja_heap_of(render), m->subject, m->spans, group);
    return LT_OK;
}

static lt_status match_attr(lt_jinja_render *render, lt_jinja_object *self, lt_text name,
                            lt_jinja_value *out, bool *found, lt_err *err)
{
    const match_object *m = (const match_object *)self;
    (void)render;
    (void)err;
    *found = true;
    if (lt_text_eq(name, T("string")))
        *out = lt_jinja_text(m->subject);
    else if (lt_text_eq(name, T("re")))
        *out = lt_jinja_object_value(&m->pattern->object);
    else
        *found = false;
    return LT_OK;
}

static void match_repr(const lt_jinja_object *self, lt_buf *out)
{
    const match_object *m = (const match_object *)self;
    lt_buf_add_str(out, "<re.Match object; span=(");
    lt_jinja_str(place(m, m->spans[0]), out);
    lt_buf_add_str(out, ", ");
    lt_jinja_str(place(m, m->spans[1]), out);
    lt_buf_add_str(out, "), match=");
    lt_jinja_repr(lt_jinja_text(lt_text_sub(m->subject, m->spans[0], m->spans[1] - m->spans[0])),
                  out);
    lt_buf_add_byte(out, '>');
}

static const lt_jinja_class match_class = {.name = "Match",
                                           .method = match_method,
                                           .item = match_item,
                                           .attr = match_attr,
                                           .repr = match_repr};
