/* Cut a template's source into tokens; white space control happens here. */
#include "jinja/lex.h"

static char peek(const lt_jinja_lexer *lexer, size_t ahead)
{
    size_t at = lexer->at + ahead;
    return at < lexer->source.len ? lexer->source.ptr[at] : '\0';
}

static lt_status fail_at(size_t at, lt_jinja_token *out, lt_err *err, const char *text)
{
    out->pos = (uint32_t)at;
    return lt_fail(err, LT_INVALID, "%s", text);
}

static bool opens_tag(lt_text source, size_t at)
{
    if (at + 1 >= source.len || source.ptr[at] != '{')
        return false;
    char next = source.ptr[at + 1];
    return next == '{' || next == '%' || next == '#';
}

/* The start of the next tag, or the end of the source. */
static size_t next_tag(lt_text source, size_t from)
{
    for (;;) {
        size_t at = lt_text_find_byte(source, '{', from);
        if (at == SIZE_MAX)
            return source.len;
        if (opens_tag(source, at))
            return at;
        from = at + 1;
    }
}

/* The length of `raw` or `endraw` as a whole block tag at `at`, or 0; the signs beside its % go out. */
static size_t raw_tag(lt_text source, size_t at, const char *word, char *left, char *right)
{
    size_t i = at + 2;
    *left = *right = '\0';
    if (!lt_text_starts(lt_text_sub(source, at, 2), T("{%")))
        return 0;
    if (i < source.len && (source.ptr[i] == '-' || source.ptr[i] == '+'))
        *left = source.ptr[i++];
    while (i < source.len && lt_is_space(source.ptr[i]))
        i++;
    lt_text name = lt_text_of(word);
    if (!lt_text_starts(lt_text_sub(source, i, SIZE_MAX), name))
        return 0;
    i += name.len;
    while (i < source.len && lt_is_space(source.ptr[i]))
        i++;
    if (i < source.len && (source.ptr[i] == '-' || source.ptr[i] == '+'))
        *right = source.ptr[i++];
    return lt_text_starts(lt_text_sub(source, i, 2), T("%}")) ? i + 2 - at : 0;
}

/* Text in front of a tag with its sign: '-' eats white space, and lstrip_blocks the indentation of the tag's line. */
static lt_text strip_end(const lt_jinja_lexer *lexer, lt_text text, char sign, bool is_variable)
{
    if (sign == '-') {
        while (text.len && lt_is_space(text.ptr[text.len - 1]))
            text.len--;
        return text;
    }
    if (!lexer->env->lstrip_blocks || sign == '+' || is_variable)
        return text;
    size_t len = text.len;
    while (len && (text.ptr[len - 1] == ' ' || text.ptr[len - 1] == '\t'))
        len--;
    bool at_line_start =
        len ? text.ptr[len - 1] == '\n' : text.ptr == lexer->source.ptr || text.ptr[-1] == '\n';
    if (at_line_start)
        text.len = len;
    return text;
}

static lt_text strip_start(lt_text text, char sign)
{
    if (sign == '-')
        while (text.len && lt_is_space(text.ptr[0])) {
            text.ptr++;
            text.len--;
        }
    else if (sign == '\n' && text.len && text.ptr[0] == '\n')
        text = lt_text_sub(text, 1, SIZE_MAX);
    return text;
}

/* What the text behind a tag that ends with `sign` loses. */
static char strip_after(const lt_jinja_lexer *lexer, char sign, bool is_variable)
{
    if (sign == '-')
        return '-';
    return lexer->env->trim_blocks && sign != '+' && !is_variable ? '\n' : '\0';
}

static lt_status lex_comment(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    size_t start = lexer->at;
    size_t end = lt_text_find(lexer->source, T("#}"), start + 2);
    if (end == SIZE_MAX)
        return fail_at(start, out, err, "this comment has no end: '#}' is missing");
    char sign = end > start + 2 ? lexer->source.ptr[end - 1] : '\0';
    lexer->strip = strip_after(lexer, sign, false);
    lexer->at = end + 2;
    return LT_OK;
}

/* `{% raw %}`: its text runs to endraw. */
static lt_status lex_raw(lt_jinja_lexer *lexer, size_t tag_len, char right, lt_jinja_token *out,
                         lt_err *err)
{
    size_t start = lexer->at + tag_len;
    char left, end_right;
    for (size_t at = start; (at = lt_text_find(lexer->source, T("{%"), at)) != SIZE_MAX; at += 2) {
        size_t end_len = raw_tag(lexer->source, at, "endraw", &left, &end_right);
        if (!end_len)
            continue;
        lt_text text = lt_text_at(lexer->source.ptr + start, at - start);
        text = strip_start(text, right); /* trim_blocks does not reach into raw */
        out->kind = TOKEN_TEXT;
        out->pos = (uint32_t)(text.ptr - lexer->source.ptr);
        out->text = strip_end(lexer, text, left, false);
        lexer->strip = strip_after(lexer, end_right, false);
        lexer->at = at + end_len;
        return LT_OK;
    }
    return fail_at(lexer->at, out, err, "this raw block has no end: '{% endraw %}' is missing");
}

static lt_status lex_tag_begin(lt_jinja_lexer *lexer, lt_jinja_token *out)
{
    char kind = peek(lexer, 1);
    out->kind = kind == '{' ? TOKEN_VAR_BEGIN : TOKEN_BLOCK_BEGIN;
    out->pos = (uint32_t)lexer->at;
    lexer->at += 2;
    if (peek(lexer, 0) == '-' || peek(lexer, 0) == '+')
        lexer->at++;
    out->end = (uint32_t)lexer->at;
    lexer->mode = kind;
    lexer->braces = 0;
    return LT_OK;
}

/* Text up to the next tag, then the tag's begin; comments and empty texts give no token. */
static lt_status lex_text(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    for (;;) {
        lt_text source = lexer->source;
        size_t start = lexer->at;
        size_t end = next_tag(source, start);
        if (end > start) {
            lt_text text = strip_start(lt_text_at(source.ptr + start, end - start), lexer->strip);
            bool is_variable = end + 1 < source.len && source.ptr[end + 1] == '{';
            char sign = end + 2 < source.len ? source.ptr[end + 2] : '\0';
            if (end < source.len)
                text = strip_end(lexer, text, sign, is_variable);
            lexer->strip = '\0';
            lexer->at = end;
            *out = (lt_jinja_token){
                .kind = TOKEN_TEXT, .pos = (uint32_t)(text.ptr - source.ptr), .text = text};
            if (text.len)
                return LT_OK;
        }
        lexer->strip = '\0';
        if (end == source.len) {
            *out = (lt_jinja_token){.kind = TOKEN_END, .pos = (uint32_t)end, .end = (uint32_t)end};
            return LT_OK;
        }
        char left, right;
        size_t raw_len = raw_tag(source, end, "raw", &left, &right);
        if (raw_len) {
            LT_TRY(lex_raw(lexer, raw_len, right, out, err));
            if (out->text.len)
                return LT_OK;
        } else if (source.ptr[end + 1] == '#') {
            LT_TRY(lex_comment(lexer, out, err));
        } else {
            return lex_tag_begin(lexer, out);
        }
    }
}

static bool is_name_start(char c)
{
    return lt_is_alpha(c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t digits(const lt_jinja_lexer *lexer, size_t at, bool hex)
{
    size_t start = at;
    while (at < lexer->source.len) {
        char c = lexer->source.ptr[at];
        bool digit = lt_is_digit(c) || (hex && lt_lower(c) >= 'a' && lt_lower(c) <= 'f');
        bool joined = c == '_' && at > start && at + 1 < lexer->source.len &&
                      (lt_is_digit(lexer->source.ptr[at + 1]) || hex);
        if (!digit && !joined)
            break;
        at++;
    }
    return at;
}

/* The end of a number that starts at `at`; *is_float as in Jinja: a fraction or an exponent, both with digits. */
static size_t number_end(const lt_jinja_lexer *lexer, size_t at, bool *is_float)
{
    lt_text s = lexer->source;
    size_t end = digits(lexer, at, false);
    *is_float = false;
    if (end + 1 < s.len && s.ptr[end] == '.' && lt_is_digit(s.ptr[end + 1])) {
        end = digits(lexer, end + 1, false);
        *is_float = true;
    }
    size_t exponent = end + 1;
    if (end < s.len && lt_lower(s.ptr[end]) == 'e') {
        if (exponent < s.len && (s.ptr[exponent] == '+' || s.ptr[exponent] == '-'))
            exponent++;
        if (exponent < s.len && lt_is_digit(s.ptr[exponent])) {
            end = digits(lexer, exponent, false);
            *is_float = true;
        }
    }
    return end;
}

static lt_status lex_number(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    size_t start = lexer->at;
    char second = lt_lower(peek(lexer, 1));
    bool is_float = false;
    size_t end;
    int base = 10;
    if (peek(lexer, 0) == '0' && (second == 'x' || second == 'o' || second == 'b')) {
        end = digits(lexer, start + 2, second == 'x');
        base = 0;
    } else {
        end = number_end(lexer, start, &is_float);
    }
    lt_text text = lt_text_at(lexer->source.ptr + start, end - start);
    out->kind = is_float ? TOKEN_FLOAT : TOKEN_INT;
    lexer->at = end;
    if (is_float ? lt_jinja_read_float(text, &out->f)
                 : lt_jinja_read_int(lexer->arena, text, base, &out->whole))
        return LT_OK;
    return fail_at(start, out, err, "this is no number, or has more than 4300 digits");
}

/* One escape after the backslash at `at`, as Python's string literals; gives what was read. */
static size_t unescape(lt_text body, size_t at, lt_buf *out)
{
    static const char from[] = "abfnrtv\\'\"\n";
    static const char to[] = "\a\b\f\n\r\t\v\\'\"";
    char c = at < body.len ? body.ptr[at] : '\\';
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        if (c != '\n')
            lt_buf_add_byte(out, to[simple - from]);
        return 1;
    }
    size_t wanted = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t code = 0;
    size_t i = 1;
    if (wanted) {
        while (i <= wanted && at + i < body.len && lt_hex_value(body.ptr[at + i]) >= 0)
            code = code << 4 | (uint32_t)lt_hex_value(body.ptr[at + i++]);
        i = i == wanted + 1 ? i : 0;
    } else if (c >= '0' && c <= '7') {
        for (i = 0;
             i < 3 && at + i < body.len && body.ptr[at + i] >= '0' && body.ptr[at + i] <= '7'; i++)
            code = code << 3 | (uint32_t)(body.ptr[at + i] - '0');
    } else {
        i = 0;
    }
    char utf8[4];
    size_t len = i ? lt_utf8_put(code, utf8) : 0;
    if (!len) {
        lt_buf_add_byte(out, '\\');
        return 0;
    }
    lt_buf_add(out, lt_text_at(utf8, len));
    return i;
}

static lt_status lex_string(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    size_t start = lexer->at;
    char quote = peek(lexer, 0);
    size_t at = start + 1;
    bool escaped = false;
    while (at < lexer->source.len && lexer->source.ptr[at] != quote) {
        escaped |= lexer->source.ptr[at] == '\\';
        at += lexer->source.ptr[at] == '\\' ? 2 : 1;
    }
    if (at >= lexer->source.len)
        return fail_at(start, out, err, "this string has no end");
    lt_text body = lt_text_at(lexer->source.ptr + start + 1, at - start - 1);
    out->kind = TOKEN_STR;
    out->text = body;
    lexer->at = at + 1;
    if (!escaped)
        return LT_OK;
    LT_AUTO(lt_buf) plain = {.limit = body.len * 2 + 16};
    for (size_t i = 0; i < body.len;) {
        if (body.ptr[i] != '\\')
            lt_buf_add_byte(&plain, body.ptr[i++]);
        else
            i += 1 + unescape(body, i + 1, &plain);
    }
    out->text = lt_arena_text(lexer->arena, lt_buf_text(&plain));
    return LT_OK;
}

static char two_char_op(char a, char b)
{
    static const struct {
        char text[3], op;
    } ops[] = {{"//", OP_FLOOR}, {"**", OP_POW}, {"==", OP_EQ},
               {"!=", OP_NE},    {"<=", OP_LE},  {">=", OP_GE}};
    for (size_t i = 0; i < LT_COUNT(ops); i++)
        if (ops[i].text[0] == a && ops[i].text[1] == b)
            return ops[i].op;
    return '\0';
}

/* The end of the tag here, with its sign? Brackets that are open keep a "}}" from ending it. */
static bool lex_tag_end(lt_jinja_lexer *lexer, lt_jinja_token *out)
{
    if (lexer->braces || lexer->mode == 'e')
        return false;
    bool is_variable = lexer->mode == '{';
    size_t sign_len = peek(lexer, 0) == '-' || (peek(lexer, 0) == '+' && !is_variable);
    char first = is_variable ? '}' : '%';
    if (peek(lexer, sign_len) != first || peek(lexer, sign_len + 1) != '}')
        return false;
    lexer->strip = strip_after(lexer, sign_len ? peek(lexer, 0) : '\0', is_variable);
    lexer->at += sign_len + 2;
    lexer->mode = 't';
    out->kind = is_variable ? TOKEN_VAR_END : TOKEN_BLOCK_END;
    return true;
}

static lt_status lex_operator(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    char c = peek(lexer, 0);
    out->kind = TOKEN_OP;
    out->op = two_char_op(c, peek(lexer, 1));
    if (out->op) {
        lexer->at += 2;
        return LT_OK;
    }
    if (!c || !strchr("+-/*%~[](){}<>=.:|,;", c)) {
        out->pos = (uint32_t)lexer->at;
        if (c == '!' || !c)
            return lt_fail(err, LT_INVALID, "unexpected character");
        return lt_fail(err, LT_INVALID, "unexpected char '%c'", c);
    }
    if (strchr("([{", c))
        lexer->braces++;
    if (strchr(")]}", c)) {
        if (!lexer->braces) {
            out->pos = (uint32_t)lexer->at;
            return lt_fail(err, LT_INVALID, "unexpected '%c'", c);
        }
        lexer->braces--;
    }
    out->op = c;
    lexer->at++;
    return LT_OK;
}

/* White space beyond ASCII, as Python's \s: the no-break spaces that come with text from a web page. */
static bool is_wide_space(uint32_t c)
{
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static void skip_space(lt_jinja_lexer *lexer)
{
    uint32_t code_point;
    size_t next = lexer->at;
    while (lexer->at < lexer->source.len) {
        if (!lt_is_space(peek(lexer, 0)) &&
            !(peek(lexer, 0) & 0x80 && lt_utf8_next(lexer->source, &next, &code_point) &&
              is_wide_space(code_point)))
            return;
        lexer->at = next = LT_MAX(next, lexer->at + 1);
    }
}

static lt_status lex_code(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    skip_space(lexer);
    out->pos = (uint32_t)lexer->at;
    if (lexer->at == lexer->source.len) {
        if (lexer->mode == 'e')
            return LT_OK;
        return lt_fail(err, LT_INVALID, "unexpected end of the template: '%s' is missing",
                       lexer->mode == '{' ? "}}" : "%}");
    }
    char c = peek(lexer, 0);
    if (lex_tag_end(lexer, out))
        return LT_OK;
    if (is_name_start(c)) {
        size_t start = lexer->at;
        while (is_name_start(peek(lexer, 0)) || lt_is_digit(peek(lexer, 0)))
            lexer->at++;
        out->kind = TOKEN_NAME;
        out->text = lt_text_at(lexer->source.ptr + start, lexer->at - start);
        return LT_OK;
    }
    if (lt_is_digit(c))
        return lex_number(lexer, out, err);
    if (c == '"' || c == '\'')
        return lex_string(lexer, out, err);
    return lex_operator(lexer, out, err);
}

lt_status lt_jinja_lex(lt_jinja_lexer *lexer, lt_jinja_token *out, lt_err *err)
{
    *out = (lt_jinja_token){.kind = TOKEN_END};
    LT_TRY(lexer->mode == 't' ? lex_text(lexer, out, err) : lex_code(lexer, out, err));
    out->end = (uint32_t)lexer->at;
    return LT_OK;
}
