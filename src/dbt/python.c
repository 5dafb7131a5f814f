/* Models in Python: what they refer to and how they are configured, found in their text without running it. */
#include "dbt/inner.h"

/* As Python itself: deeper ones it does not read either. */
enum { MOST_BRACKETS = 200 };

typedef enum token_kind { TOKEN_NAME, TOKEN_NUMBER, TOKEN_STRING, TOKEN_OTHER } token_kind;

typedef struct token {
    token_kind kind;
    lt_text text;
    unsigned line, indent; /* indent: of the line that it begins */
    bool begins_line;      /* a logical line: not inside of brackets */
    bool is_format;        /* f"..." */
} token;

typedef LT_VEC(token) tokens;

typedef struct scan {
    const char *path;
    lt_text source;
    size_t at;
    unsigned line, depth, indent;
    bool at_start; /* nothing of the logical line was there yet */
    char open[MOST_BRACKETS];
    unsigned open_lines[MOST_BRACKETS];
    lt_arena *arena;
    tokens *out;
} scan;

bool lt_dbt_is_python(const lt_dbt_node *node)
{
    return node->kind == LT_DBT_MODEL && lt_text_ends_nocase(node->path, T(".py"));
}

/* ---- tokens ---- */

static lt_text rest_of(const scan *s)
{
    return lt_text_sub(s->source, s->at, SIZE_MAX);
}

static bool is_name_byte(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

static void add_token(scan *s, token_kind kind, size_t start, unsigned line)
{
    const token made = {.kind = kind,
                        .text = lt_text_sub(s->source, start, s->at - start),
                        .line = line,
                        .indent = s->indent,
                        .begins_line = s->at_start};
    s->at_start = false;
    lt_push_in(s->arena, s->out, made);
}

/* From the opening quote on to behind the closing one. */
static lt_status skip_string(scan *s, lt_err *err)
{
    char quote = s->source.ptr[s->at];
    const char three[] = {quote, quote, quote};
    bool triple = lt_text_starts(rest_of(s), lt_text_at(three, 3));
    unsigned line = s->line;
    size_t width = triple ? 3 : 1;
    for (s->at += width; s->at < s->source.len; s->at++) {
        char c = s->source.ptr[s->at];
        if (c == '\n' && !triple)
            break;
        s->line += c == '\n';
        if (c == '\\') {
            s->at++;
            s->line += s->at < s->source.len && s->source.ptr[s->at] == '\n';
        } else if (c == quote && (!triple || lt_text_starts(rest_of(s), lt_text_at(three, 3)))) {
            s->at += width;
            return LT_OK;
        }
    }
    return lt_fail(err, LT_INVALID, "%s:%u: a text in quotes has no end", s->path, line);
}

/* A name, or the letters in front of a text: f"...", rb'...'. */
static lt_status read_word(scan *s, lt_err *err)
{
    size_t start = s->at;
    unsigned line = s->line;
    bool prefix = true, format = false;
    while (s->at < s->source.len && is_name_byte(s->source.ptr[s->at])) {
        char c = lt_lower(s->source.ptr[s->at++]);
        prefix = prefix && (c == 'r' || c == 'b' || c == 'u' || c == 'f');
        format = format || c == 'f';
    }
    bool quoted =
        s->at < s->source.len && (s->source.ptr[s->at] == '"' || s->source.ptr[s->at] == '\'');
    if (!prefix || !quoted || s->at - start > 2) {
        add_token(s, TOKEN_NAME, start, line);
        return LT_OK;
    }
    LT_TRY(skip_string(s, err));
    add_token(s, TOKEN_STRING, start, line);
    s->out->items[s->out->len - 1].is_format = format;
    return LT_OK;
}

static lt_status read_bracket(scan *s, char c, lt_err *err)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *opens = strchr(open, c), *closes = strchr(close, c);
    if (opens && s->depth == MOST_BRACKETS)
        return lt_fail(err, LT_INVALID, "%s:%u: more than %d brackets inside of each other",
                       s->path, s->line, MOST_BRACKETS);
    if (opens) {
        s->open_lines[s->depth] = s->line;
        s->open[s->depth++] = c;
    }
    if (closes && (!s->depth || s->open[--s->depth] != open[closes - close]))
        return lt_fail(err, LT_INVALID, "%s:%u: unmatched '%c'", s->path, s->line, c);
    return LT_OK;
}

static void end_line(scan *s)
{
    s->line++;
    if (s->depth)
        return;
    s->at_start = true;
    s->indent = 0;
}

static lt_status read_token(scan *s, lt_err *err)
{
    char c = s->source.ptr[s->at];
    size_t start = s->at;
    unsigned line = s->line;
    if (c == '"' || c == '\'') {
        LT_TRY(skip_string(s, err));
        add_token(s, TOKEN_STRING, start, line);
        return LT_OK;
    }
    if (is_name_byte(c) && !lt_is_digit(c))
        return read_word(s, err);
    LT_TRY(read_bracket(s, c, err));
    s->at++;
    while (lt_is_digit(c) && s->at < s->source.len &&
           (is_name_byte(s->source.ptr[s->at]) || s->source.ptr[s->at] == '.'))
        s->at++;
    add_token(s, lt_is_digit(c) ? TOKEN_NUMBER : TOKEN_OTHER, start, line);
    return LT_OK;
}

static lt_status read_tokens(scan *s, lt_err *err)
{
    while (s->at < s->source.len) {
        char c = s->source.ptr[s->at];
        if (c == '#') {
            size_t end = lt_text_find_byte(s->source, '\n', s->at);
            s->at = end == SIZE_MAX ? s->source.len : end;
        } else if (c == '\n') {
            end_line(s);
            s->at++;
        } else if (c == '\\' && lt_text_starts(rest_of(s), T("\\\n"))) {
            s->line++;
            s->at += 2;
        } else if (lt_is_space(c)) {
            s->indent =
                s->at_start ? (c == '\t' ? (s->indent / 8 + 1) * 8 : s->indent + 1) : s->indent;
            s->at++;
        } else {
            LT_TRY(read_token(s, err));
        }
    }
    if (s->depth)
        return lt_fail(err, LT_INVALID, "%s:%u: '%c' is never closed", s->path,
                       s->open_lines[s->depth - 1], s->open[s->depth - 1]);
    return LT_OK;
}

/* ---- the function model(dbt, session) ---- */

typedef struct search {
    const char *path;
    const tokens *list;
    lt_arena *arena;
    lt_jinja_heap heap;
    lt_buf *out;
    unsigned out_line;
    lt_buf keys, defaults, meta_keys, meta_defaults; /* items of lists, of config.get() */
} search;

static bool is_at(const tokens *list, size_t i, const char *text)
{
    return i < list->len && list->items[i].kind != TOKEN_STRING &&
           lt_text_eq(list->items[i].text, lt_text_of(text));
}

/* The place of the bracket that closes the one at `open`; they are all paired. */
static size_t close_of(const tokens *list, size_t open)
{
    size_t depth = 0;
    for (size_t i = open; i < list->len; i++) {
        const token *one = &list->items[i];
        if (one->kind != TOKEN_OTHER || one->text.len != 1)
            continue;
        if (strchr("([{", one->text.ptr[0]))
            depth++;
        else if (strchr(")]}", one->text.ptr[0]) && --depth == 0)
            return i;
    }
    return list->len;
}

static lt_status check_parameters(const search *s, size_t open, lt_err *err)
{
    size_t close = close_of(s->list, open), count = 0, from = open + 1;
    if (close > from && !is_at(s->list, from, "dbt"))
        return lt_fail(err, LT_INVALID, "%s:%u: 'dbt' not provided for model as the first argument",
                       s->path, s->list->items[open].line);
    for (size_t i = from; i < close; i++) {
        if (is_at(s->list, i, "*"))
            break;
        count++;
        while (i < close && !is_at(s->list, i, ","))
            i = strchr("([{", s->list->items[i].text.ptr[0]) &&
                        s->list->items[i].kind == TOKEN_OTHER
                    ? close_of(s->list, i) + 1
                    : i + 1;
    }
    if (count == 2)
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%s:%u: model function should have two args, `dbt` and a session to current "
                   "warehouse",
                   s->path, s->list->items[open].line);
}

/* `return a, b`, also in parentheses. */
static bool gives_tuple(const search *s, size_t from, size_t to)
{
    bool wrapped = is_at(s->list, from, "(") && close_of(s->list, from) + 1 == to;
    size_t end = wrapped ? to - 1 : to;
    for (size_t i = wrapped ? from + 1 : from; i < end; i++) {
        if (is_at(s->list, i, ","))
            return true;
        if (is_at(s->list, i, "lambda")) /* its parameters have commas too */
            while (i < end && !is_at(s->list, i, ":"))
                i++;
        if (s->list->items[i].kind == TOKEN_OTHER && strchr("([{", s->list->items[i].text.ptr[0]))
            i = close_of(s->list, i);
    }
    return false;
}

/* The last statement of the body must be the return. *next: the first token behind the function. */
static lt_status check_return(const search *s, size_t header, size_t *next, lt_err *err)
{
    const tokens *list = s->list;
    unsigned outer = list->items[header].indent, inner = 0;
    size_t colon = close_of(list, header + 2), last = 0, end, i;
    while (colon < list->len && !is_at(list, colon, ":") &&
           (list->items[colon].line == list->items[header].line || !list->items[colon].begins_line))
        colon++;
    if (!is_at(list, colon, ":"))
        return lt_fail(err, LT_INVALID, "%s:%u: SyntaxError: expected ':' behind %.*s()", s->path,
                       list->items[header].line, LT_ARG(list->items[header + 1].text));
    unsigned before = outer; /* where the line above begins */
    for (i = colon + 1; i < list->len; i++) {
        const token *one = &list->items[i];
        if (one->begins_line && one->indent <= outer)
            break;
        if (one->begins_line && one->indent > before && !is_at(list, i - 1, ":") &&
            !is_at(list, i - 1, "\\"))
            return lt_fail(err, LT_INVALID, "%s:%u: IndentationError: unexpected indent", s->path,
                           one->line);
        before = one->begins_line ? one->indent : before;
        if (one->begins_line && !inner)
            inner = one->indent;
        if (i == colon + 1 || (one->begins_line && one->indent == inner))
            last = i;
    }
    *next = end = i;
    for (i = last + 1; last && i < end; i++)
        if (list->items[i].begins_line)
            end = i;
    if (last && is_at(list, last, "return") && !gives_tuple(s, last + 1, end))
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%s:%u: In current version, model function should return only one dataframe "
                   "object",
                   s->path, list->items[header].line);
}

/* Over the body of another function, whose own functions do not count. */
static size_t behind_body(const tokens *list, size_t header)
{
    size_t i = header + 1;
    while (i < list->len &&
           !(list->items[i].begins_line && list->items[i].indent <= list->items[header].indent))
        i++;
    return i;
}

static lt_status check_model(const search *s, lt_err *err)
{
    size_t found = 0;
    for (size_t i = 0; i < s->list->len;) {
        if (!s->list->items[i].begins_line || !is_at(s->list, i, "def")) {
            i++;
            continue;
        }
        if (!is_at(s->list, i + 1, "model") || !is_at(s->list, i + 2, "(")) {
            i = behind_body(s->list, i);
            continue;
        }
        found++;
        LT_TRY(check_parameters(s, i + 2, err));
        LT_TRY(check_return(s, i, &i, err));
    }
    if (found == 1 || !s->list->len)
        return LT_OK;
    return lt_fail(err, LT_INVALID,
                   "%s: dbt allows exactly one model defined per python file, found %zu", s->path,
                   found);
}

/* ---- calls of dbt.ref() and its like ---- */

/* A text as a template writes it: r"..." and """...""" mean nothing there. Others (b, f) stay, and are no literals. */
static void add_string(lt_text word, lt_buf *out)
{
    bool raw = false, other = false;
    while (word.ptr[0] != '"' && word.ptr[0] != '\'') {
        char c = lt_lower(word.ptr[0]);
        raw = raw || c == 'r';
        other = other || c == 'b' || c == 'f';
        word = lt_text_sub(word, 1, SIZE_MAX);
    }
    size_t width =
        word.len >= 6 && word.ptr[0] == word.ptr[1] && word.ptr[0] == word.ptr[2] ? 3 : 1;
    lt_text body = lt_text_sub(word, width, word.len - 2 * width);
    lt_buf_add_str(out, other ? "b\"" : "\"");
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        if (c == '\\' && !raw && i + 1 < body.len) {
            if (body.ptr[++i] != '\n') /* behind a backslash a line goes on */
                lt_buf_add(out, lt_text_sub(body, i - 1, 2));
        } else if (c == '\n') {
            lt_buf_add_str(out, "\\n");
        } else {
            lt_buf_add_str(out, c == '"' || c == '\\' ? "\\" : "");
            lt_buf_add_byte(out, c);
        }
    }
    lt_buf_add_byte(out, '"');
}

static lt_status literal(search *s, const tokens *list, size_t from, size_t to, lt_jinja_value *out,
                         lt_err *err)
{
    lt_err why = {0};
    LT_AUTO(lt_buf) text = {.limit = LT_MIB};
    for (size_t i = from; i < to; i++) { /* without comments and line breaks */
        if (list->items[i].kind == TOKEN_STRING)
            add_string(list->items[i].text, &text);
        else
            lt_buf_add(&text, list->items[i].text);
        lt_buf_add_byte(&text, ' ');
    }
    if (from < to && lt_jinja_literal(&s->heap, lt_buf_text(&text), out, &why) == LT_OK)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_INVALID,
                      "%s:%u: '%.*s' is not a literal: the arguments of dbt.ref, dbt.source, "
                      "dbt.config and dbt.config.get must be",
                      s->path, list->items[LT_MIN(from, list->len - 1)].line,
                      LT_ARG(lt_text_trim(lt_buf_text(&text)))));
    return lt_hint(err, "they are read without running the file: write texts, numbers, True, "
                        "False, None, lists and dictionaries");
}

typedef struct call_args {
    lt_jinja_value values[2]; /* the first two positional ones */
    size_t count;             /* of positional ones */
    lt_buf text;              /* all, as a template has them */
} call_args;

static lt_status read_args(search *s, const tokens *list, size_t open, call_args *args, lt_err *err)
{
    size_t close = close_of(list, open);
    for (size_t from = open + 1; from < close;) {
        lt_jinja_value value = {0};
        size_t to = from;
        while (to < close && !is_at(list, to, ","))
            to = list->items[to].kind == TOKEN_OTHER && strchr("([{", list->items[to].text.ptr[0])
                     ? close_of(list, to) + 1
                     : to + 1;
        bool named = list->items[from].kind == TOKEN_NAME && is_at(list, from + 1, "=") &&
                     !is_at(list, from + 2, "=");
        LT_TRY(literal(s, list, named ? from + 2 : from, to, &value, err));
        lt_buf_add_str(&args->text, args->text.len ? ", " : "");
        if (named)
            lt_buf_printf(&args->text, "%.*s=", LT_ARG(list->items[from].text));
        lt_jinja_repr(value, &args->text);
        if (!named && args->count < LT_COUNT(args->values))
            args->values[args->count] = value;
        args->count += !named;
        from = to + 1;
    }
    return lt_buf_check(&args->text, "a call of dbt's", err);
}

static void add_item(lt_buf *list, lt_jinja_value value)
{
    lt_buf_add_str(list, list->len ? ", " : "");
    lt_jinja_repr(value, list);
}

/* config.get("key", default) and config.meta_get(): their keys are configuration of the model. */
static lt_status note_get(search *s, const char *name, unsigned line, const call_args *args,
                          lt_err *err)
{
    bool meta = strcmp(name, "meta_get") == 0;
    if (!args->count)
        return lt_fail(err, LT_INVALID, "%s:%u: dbt.config.%s() requires at least one argument",
                       s->path, line, name);
    if (args->count > 2)
        return lt_fail(err, LT_INVALID,
                       "%s:%u: dbt.config.%s() takes at most 2 arguments (%zu given)", s->path,
                       line, name, args->count);
    add_item(meta ? &s->meta_keys : &s->keys, args->values[0]);
    add_item(meta ? &s->meta_defaults : &s->defaults,
             args->count == 2 ? args->values[1] : lt_jinja_none());
    return LT_OK;
}

/* On the line that it has in the file, so that what it means is told there. */
static void put_call(search *s, const char *name, unsigned line, lt_text args)
{
    for (; s->out_line < line; s->out_line++)
        lt_buf_add_byte(s->out, '\n');
    lt_buf_printf(s->out, "{{ %s(%.*s) }}", name, LT_ARG(args));
}

static lt_status take_call(search *s, const tokens *list, const char *name, size_t open,
                           lt_err *err)
{
    call_args args = {.text = {.limit = LT_MIB}};
    unsigned line = list->items[open].line;
    lt_status status = read_args(s, list, open, &args, err);
    if (status == LT_OK && strstr(name, "get"))
        status = note_get(s, name, line, &args, err);
    else if (status == LT_OK)
        put_call(s, name, line, lt_buf_text(&args.text));
    lt_buf_cleanup(&args.text);
    return status;
}

static const char *const call_names[] = {"ref", "source", "config"}, *const get_names[] = {
                                                                         "get", "meta_get"};

/* Whether a call of dbt's begins at token `i`; the place of its '('. */
static const char *call_at(const tokens *list, size_t i, size_t *open)
{
    if (!is_at(list, i, "dbt") || !is_at(list, i + 1, ".") || (i && is_at(list, i - 1, ".")))
        return NULL;
    for (size_t k = 0; k < LT_COUNT(call_names); k++)
        if (is_at(list, i + 2, call_names[k]) && is_at(list, i + 3, "(")) {
            *open = i + 3;
            return call_names[k];
        }
    for (size_t k = 0; k < LT_COUNT(get_names); k++)
        if (is_at(list, i + 2, "config") && is_at(list, i + 3, ".") &&
            is_at(list, i + 4, get_names[k]) && is_at(list, i + 5, "(")) {
            *open = i + 5;
            return get_names[k];
        }
    return NULL;
}

static lt_status find_calls(search *s, const tokens *list, lt_err *err)
{
    size_t open = 0;
    for (size_t i = 0; i < list->len; i++) {
        const char *name = call_at(list, i, &open);
        if (name)
            LT_TRY(take_call(s, list, name, open, err));
    }
    return LT_OK;
}

/* The expressions in the braces of an f"...". */
static lt_status find_formatted(search *s, const token *format, lt_err *err)
{
    lt_text text = format->text;
    for (size_t at = 0; (at = lt_text_find_byte(text, '{', at)) != SIZE_MAX;) {
        size_t end = lt_text_find_byte(text, '}', at);
        if (end == SIZE_MAX)
            return LT_OK;
        tokens inner = {0};
        lt_err ignored = {0};
        scan inside = {.path = s->path,
                       .source = lt_text_sub(text, at + 1, end - at - 1),
                       .line = format->line,
                       .arena = s->arena,
                       .out = &inner};
        if (read_tokens(&inside, &ignored) == LT_OK)
            LT_TRY(find_calls(s, &inner, err));
        at = end + 1;
    }
    return LT_OK;
}

static lt_status search_all(search *s, lt_err *err)
{
    LT_TRY(check_model(s, err));
    LT_TRY(find_calls(s, s->list, err));
    for (size_t i = 0; i < s->list->len; i++)
        if (s->list->items[i].is_format)
            LT_TRY(find_formatted(s, &s->list->items[i], err));
    if (!s->keys.len && !s->meta_keys.len)
        return LT_OK;
    lt_buf_printf(s->out,
                  "{{ config(config_keys_used=[%s], config_keys_defaults=[%s], "
                  "meta_keys_used=[%s], meta_keys_defaults=[%s]) }}",
                  lt_buf_chars(&s->keys), lt_buf_chars(&s->defaults), lt_buf_chars(&s->meta_keys),
                  lt_buf_chars(&s->meta_defaults));
    return LT_OK;
}

lt_status lt_dbt_python_template(const char *path, lt_text source, lt_buf *out, lt_err *err)
{
    static const lt_text marks[] = {T("{{"), T("{%"), T("{#")};
    LT_AUTO(lt_arena) arena = {0};
    tokens list = {0};
    scan reading = {
        .path = path, .source = source, .line = 1, .at_start = true, .arena = &arena, .out = &list};
    for (size_t i = 0; i < LT_COUNT(marks); i++)
        if (lt_text_has(source, marks[i]))
            return lt_fail(err, LT_INVALID, "%s: No jinja in python model code is allowed", path);
    LT_TRY(read_tokens(&reading, err));
    search s = {.path = path, .list = &list, .arena = &arena, .out = out, .out_line = 1};
    lt_status status = search_all(&s, err);
    lt_jinja_heap_cleanup(&s.heap);
    lt_buf *const lists[] = {&s.keys, &s.defaults, &s.meta_keys, &s.meta_defaults};
    for (size_t i = 0; i < LT_COUNT(lists); i++)
        lt_buf_cleanup(lists[i]);
    LT_TRY(status);
    return lt_buf_check(out, path, err);
}

/* ---- what runs: the file, and behind it what gives `dbt` its meaning ---- */

lt_status lt_dbt_python_compile(rendering *r, lt_jinja_heap *heap, lt_dbt_compiled *out,
                                lt_err *err)
{
    lt_jinja_context context = {.lookup = lt_dbt_lookup, .user = r};
    const lt_jinja_span whole = {
        .name = r->node->path, .line = 1, .col = 1, .is_text = true}; /* for lt_dbt_blame() */
    LT_TRY(lt_jinja_compile(&r->dbt->env, r->node->path, T("{{ py_script_postfix(model) }}"),
                            &out->templated, NULL, err));
    lt_push(&out->spans, whole);
    lt_buf_add(&out->sql, r->node->raw_code);
    lt_buf_add_str(&out->sql, "\n\n");
    return lt_jinja_render_text(out->templated, &context, heap, &out->sql, NULL, err);
}
