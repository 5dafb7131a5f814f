/* Filters that make text from text. */
#include "jinja/inner.h"

#define FILTER(name_) static lt_status name_(lt_jinja_call *call, lt_jinja_value *out, lt_err *err)

/* The arguments, the first one as text. */
static lt_status bind_text(lt_jinja_call *call, const char *signature, lt_jinja_value *args,
                           lt_text *text, lt_err *err)
{
    LT_TRY(lt_jinja_bind(call, signature, args, err));
    LT_TRY(lt_jinja_text_of(call->render, args[0], text, err));
    return lt_jinja_charge(call->render, text->len / 16, err);
}

static lt_status recase(lt_jinja_call *call, ustr_case how, lt_jinja_value *out, lt_err *err)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "s", &arg, &text, err));
    size_t mark = call->render->out.len;
    lt_jinja_recase(text, how, &call->render->out);
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(upper)
{
    return recase(call, CASE_UPPER, out, err);
}
FILTER(lower)
{
    return recase(call, CASE_LOWER, out, err);
}
FILTER(capitalize)
{
    return recase(call, CASE_CAPITAL, out, err);
}

/* Jinja's title: a word starts the text or stands behind white space or one of -({[< */
FILTER(title)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "s", &arg, &text, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    bool first = true;
    uint32_t c;
    for (size_t at = 0, from = 0; lt_utf8_next(text, &at, &c); from = at) {
        bool breaks = lt_jinja_is_white(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
        lt_jinja_recase(lt_text_sub(text, from, at - from), first ? CASE_UPPER : CASE_LOWER, buf);
        first = breaks;
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(trim)
{
    lt_jinja_value args[2];
    lt_text text, chars = {0};
    LT_TRY(bind_text(call, "value chars?", args, &text, err));
    if (!lt_jinja_is_absent(args[1]) && args[1].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_text(call, args[1], &chars, err));
    *out = lt_jinja_text(args[1].type == LT_JINJA_STR && !chars.len
                             ? text
                             : lt_jinja_strip(text, chars, true, true));
    return LT_OK;
}

/* Through the method of the same name: s.replace(...), s.center(...). */
static lt_status by_method(lt_jinja_call *call, lt_jinja_value self, const char *name,
                           const lt_jinja_value *args, size_t count, lt_jinja_value *out,
                           lt_err *err)
{
    const lt_jinja_func *method = lt_jinja_method_find(self, lt_text_of(name));
    lt_jinja_call inner = {.render = call->render,
                           .heap = call->heap,
                           .self = self,
                           .args = args,
                           .arg_count = count,
                           .name = name};
    return method->run(&inner, out, err);
}

FILTER(replace)
{
    lt_jinja_value args[4];
    lt_text text, old, new;
    LT_TRY(bind_text(call, "s old new count?", args, &text, err));
    LT_TRY(lt_jinja_text_of(call->render, args[1], &old, err));
    LT_TRY(lt_jinja_text_of(call->render, args[2], &new, err));
    bool limited = !lt_jinja_is_absent(args[3]) && args[3].type != LT_JINJA_NONE;
    lt_jinja_value passed[3] = {lt_jinja_text(old), lt_jinja_text(new), args[3]};
    return by_method(call, lt_jinja_text(text), "replace", passed, limited ? 3 : 2, out, err);
}

FILTER(center)
{
    lt_jinja_value args[2];
    lt_text text;
    LT_TRY(bind_text(call, "value width?", args, &text, err));
    lt_jinja_value width = lt_jinja_is_absent(args[1]) ? lt_jinja_int(80) : args[1];
    return by_method(call, lt_jinja_text(text), "center", &width, 1, out, err);
}

/* ---- indent, wordwrap, truncate */

static lt_status indention(lt_jinja_call *call, lt_jinja_value width, lt_text *out, lt_err *err)
{
    int64_t count = 4;
    if (width.type == LT_JINJA_STR) {
        *out = lt_jinja_as_text(width);
        return LT_OK;
    }
    if (!lt_jinja_is_absent(width))
        LT_TRY(lt_jinja_want_int(call, width, &count, err));
    lt_jinja_value spaces;
    LT_TRY(lt_jinja_binary(call->render, '*', lt_jinja_text(T(" ")), lt_jinja_int(count), &spaces,
                           err));
    *out = lt_jinja_as_text(spaces);
    return LT_OK;
}

FILTER(indent)
{
    lt_jinja_value args[4], lines, keep = lt_jinja_bool(false);
    lt_text text, space;
    LT_TRY(bind_text(call, "s width? first? blank?", args, &text, err));
    LT_TRY(indention(call, args[1], &space, err));
    lt_jinja_value whole = lt_jinja_concat(call->heap, text, T("\n"));
    LT_TRY(by_method(call, whole, "splitlines", &keep, 1, &lines, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    for (size_t i = 0; i < lines.as.list->len; i++) {
        lt_text line = lt_jinja_as_text(lines.as.list->items[i]);
        if (i)
            lt_buf_add_byte(buf, '\n');
        if (i ? line.len || lt_jinja_truth(args[3]) : lt_jinja_truth(args[2]))
            lt_buf_add(buf, space);
        lt_buf_add(buf, line);
        LT_TRY(lt_jinja_charge(call->render, 1 + (line.len + space.len) / 32, err));
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(truncate)
{
    lt_jinja_value args[5];
    lt_text text, end = T("...");
    int64_t length = 255, leeway = 5;
    LT_TRY(bind_text(call, "s length? killwords? end? leeway?", args, &text, err));
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_want_int(call, args[1], &length, err));
    if (!lt_jinja_is_absent(args[3]))
        LT_TRY(lt_jinja_want_text(call, args[3], &end, err));
    if (!lt_jinja_is_absent(args[4]) && args[4].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_int(call, args[4], &leeway, err));
    int64_t end_chars = (int64_t)lt_jinja_chars(end);
    if (length < end_chars)
        return lt_fail(err, LT_INVALID, "expected length >= %lld, got %lld", (long long)end_chars,
                       (long long)length);
    if (leeway < 0)
        return lt_fail(err, LT_INVALID, "expected leeway >= 0, got %lld", (long long)leeway);
    int64_t have;
    LT_TRY(lt_jinja_length(call->render, args[0], &have, err));
    if (have - leeway <= length) {
        *out = args[0]; /* as it is: a short list stays a list */
        return LT_OK;
    }
    lt_text kept = lt_text_sub(text, 0, lt_jinja_offset(text, (size_t)(length - end_chars)));
    if (!lt_jinja_truth(args[2]))
        for (size_t at = kept.len; at-- > 0;)
            if (kept.ptr[at] == ' ') {
                kept.len = at;
                break;
            }
    *out = lt_jinja_concat(call->heap, kept, end);
    return LT_OK;
}

/* One line's words put on lines of at most `width`; white space at the ends of lines goes, as textwrap does. */
typedef struct wrapping {
    lt_buf *out;
    size_t width, column;
    bool break_long, break_hyphens, started;
    lt_text newline, pending; /* white space not yet written */
} wrapping;

static void wrap_newline(wrapping *w)
{
    lt_buf_add(w->out, w->newline);
    w->column = 0;
    w->pending = (lt_text){0};
}

static void wrap_chunk(wrapping *w, lt_text chunk)
{
    size_t chars = lt_jinja_chars(chunk), space = lt_jinja_chars(w->pending);
    if (w->column + space + chars <= w->width) {
        lt_buf_add(w->out, w->pending);
        lt_buf_add(w->out, chunk);
        w->column += space + chars;
        w->pending = (lt_text){0};
        return;
    }
    if (w->break_long && chars > w->width) {
        size_t room = w->column + space < w->width ? w->width - w->column - space : 0;
        if (room) {
            lt_buf_add(w->out, w->pending);
            w->pending = (lt_text){0};
        }
        size_t cut = lt_jinja_offset(chunk, room);
        lt_buf_add(w->out, lt_text_sub(chunk, 0, cut));
        chunk = lt_text_sub(chunk, cut, SIZE_MAX);
        if (room || w->column)
            wrap_newline(w);
        for (; lt_jinja_chars(chunk) > w->width && !w->out->overflow; wrap_newline(w)) {
            cut = lt_jinja_offset(chunk, w->width);
            lt_buf_add(w->out, lt_text_sub(chunk, 0, cut));
            chunk = lt_text_sub(chunk, cut, SIZE_MAX);
        }
    } else if (w->column) {
        wrap_newline(w);
    }
    w->pending = (lt_text){0};
    lt_buf_add(w->out, chunk);
    w->column = lt_jinja_chars(chunk);
}

static size_t chunk_end(const wrapping *w, lt_text line, size_t at)
{
    size_t end = at;
    while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t') {
        bool hyphen = line.ptr[end] == '-' && end > at && lt_is_alpha(line.ptr[end - 1]) &&
                      end + 1 < line.len && lt_is_alpha(line.ptr[end + 1]);
        end++;
        if (hyphen && w->break_hyphens)
            break;
    }
    return end;
}

static void wrap_line(wrapping *w, lt_text line)
{
    w->column = 0;
    w->pending = (lt_text){0};
    for (size_t at = 0; at < line.len;) {
        size_t start = at;
        while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
            at++;
        if (at > start)
            w->pending = lt_text_sub(line, start, at - start);
        size_t end = chunk_end(w, line, at);
        if (end > at)
            wrap_chunk(w, lt_text_sub(line, at, end - at));
        at = end;
    }
}

FILTER(wordwrap)
{
    lt_jinja_value args[5], lines, keep = lt_jinja_bool(false);
    lt_text text, newline = T("\n");
    int64_t width = 79;
    LT_TRY(bind_text(call, "s width? break_long_words? wrapstring? break_on_hyphens?", args, &text,
                     err));
    if (!lt_jinja_is_absent(args[1]))
        LT_TRY(lt_jinja_want_int(call, args[1], &width, err));
    if (!lt_jinja_is_absent(args[3]) && args[3].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_text(call, args[3], &newline, err));
    if (width <= 0)
        return lt_fail(err, LT_INVALID, "invalid width %lld (must be > 0)", (long long)width);
    wrapping w = {
        .out = &call->render->out,
        .width = (size_t)width,
        .break_long = lt_jinja_is_absent(args[2]) || lt_jinja_truth(args[2]),
        .break_hyphens = lt_jinja_is_absent(args[4]) || lt_jinja_truth(args[4]),
        .newline = newline,
    };
    LT_TRY(by_method(call, lt_jinja_text(text), "splitlines", &keep, 1, &lines, err));
    size_t mark = w.out->len;
    for (size_t i = 0; i < lines.as.list->len; i++) {
        if (i)
            lt_buf_add(w.out, newline);
        LT_TRY(lt_jinja_charge(call->render, 1, err));
        wrap_line(&w, lt_jinja_as_text(lines.as.list->items[i]));
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(wordcount)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "s", &arg, &text, err));
    int64_t words = 0;
    bool inside = false;
    uint32_t c;
    for (size_t at = 0; lt_utf8_next(text, &at, &c);) {
        bool is_word = lt_jinja_is_letter(c) || c == '_' || (c >= '0' && c <= '9');
        words += is_word && !inside;
        inside = is_word;
    }
    *out = lt_jinja_int(words);
    return LT_OK;
}

/* ---- markup */

static void add_escaped(lt_text text, lt_buf *out)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    for (size_t i = 0; i < text.len; i++) {
        const char *found = text.ptr[i] ? strchr(from, text.ptr[i]) : NULL;
        if (found)
            lt_buf_add_str(out, to[found - from]);
        else
            lt_buf_add_byte(out, text.ptr[i]);
    }
}

FILTER(escape)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "value", &arg, &text, err));
    size_t mark = call->render->out.len;
    add_escaped(text, &call->render->out);
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* safe and string: the value as text. */
FILTER(string)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "value", &arg, &text, err));
    *out = lt_jinja_text(text);
    return LT_OK;
}

/* One entity at `at`, or nothing. */
static size_t unescape(lt_text text, size_t at, lt_buf *out)
{
    static const struct {
        const char *entity, *text;
    } known[] = {{"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},   {"&quot;", "\""},
                 {"&#39;", "'"}, {"&#34;", "\""}, {"&apos;", "'"}, {"&nbsp;", "\xc2\xa0"}};
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_text_starts(lt_text_sub(text, at, SIZE_MAX), lt_text_of(known[i].entity))) {
            lt_buf_add_str(out, known[i].text);
            return strlen(known[i].entity);
        }
    return 0;
}

FILTER(striptags)
{
    lt_jinja_value arg;
    lt_text text;
    LT_TRY(bind_text(call, "value", &arg, &text, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    bool space = false;
    for (size_t at = 0; at < text.len;) {
        lt_text rest = lt_text_sub(text, at, SIZE_MAX);
        bool comment = lt_text_starts(rest, T("<!--"));
        size_t end = text.ptr[at] != '<' ? SIZE_MAX
                     : comment           ? lt_text_find(rest, T("-->"), 4)
                                         : lt_text_find_byte(rest, '>', 1);
        if (end != SIZE_MAX) {
            at += end + (comment ? 3 : 1);
            continue;
        }
        if (lt_is_space(text.ptr[at])) {
            space = buf->len > mark;
            at++;
            continue;
        }
        if (space)
            lt_buf_add_byte(buf, ' ');
        space = false;
        size_t taken = unescape(text, at, buf);
        if (!taken) {
            lt_buf_add_byte(buf, text.ptr[at]);
            taken = 1;
        }
        at += taken;
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

static void add_quoted(lt_text text, bool query, lt_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (lt_is_alpha(c) || lt_is_digit(c) || (c && strchr("_.-~", c)) || (c == '/' && !query))
            lt_buf_add_byte(out, c);
        else if (c == ' ' && query)
            lt_buf_add_byte(out, '+');
        else
            lt_buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

static lt_status add_query_part(lt_jinja_call *call, lt_jinja_value value, lt_err *err)
{
    lt_text text;
    LT_TRY(lt_jinja_text_of(call->render, value, &text, err));
    add_quoted(text, true, &call->render->out);
    return LT_OK;
}

FILTER(urlencode)
{
    lt_jinja_value arg, pairs, pair;
    lt_text text;
    LT_TRY(lt_jinja_bind(call, "value", &arg, err));
    lt_buf *buf = &call->render->out;
    bool is_query = arg.type == LT_JINJA_DICT || lt_jinja_is_list(arg);
    if (!is_query)
        LT_TRY(lt_jinja_text_of(call->render, arg, &text, err));
    size_t mark = buf->len;
    if (!is_query)
        add_quoted(text, false, buf);
    if (arg.type == LT_JINJA_DICT)
        LT_TRY(by_method(call, arg, "items", NULL, 0, &arg, err));
    if (is_query) {
        LT_TRY(lt_jinja_to_list(call->render, arg, &pairs, err));
        for (size_t i = 0; i < pairs.as.list->len; i++) {
            LT_TRY(lt_jinja_to_list(call->render, pairs.as.list->items[i], &pair, err));
            if (lt_jinja_len(pair) != 2)
                return lt_fail(err, LT_INVALID, "urlencode takes a text, a mapping, or pairs");
            if (i)
                lt_buf_add_byte(buf, '&');
            LT_TRY(add_query_part(call, lt_jinja_at(pair, 0), err));
            lt_buf_add_byte(buf, '=');
            LT_TRY(add_query_part(call, lt_jinja_at(pair, 1), err));
        }
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

FILTER(xmlattr)
{
    lt_jinja_value args[2], key, value;
    LT_TRY(lt_jinja_bind(call, "d autospace?", args, err));
    if (args[0].type != LT_JINJA_DICT)
        return lt_fail(err, LT_INVALID, "xmlattr takes a mapping, not %s",
                       lt_jinja_type_name(args[0]));
    bool space = lt_jinja_is_absent(args[1]) || lt_jinja_truth(args[1]);
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    for (size_t at = 0; lt_jinja_next(args[0], &at, &key, &value);) {
        lt_text name, text;
        if (value.type == LT_JINJA_NONE || lt_jinja_is_undefined(value))
            continue;
        LT_TRY(lt_jinja_text_of(call->render, key, &name, err));
        LT_TRY(lt_jinja_text_of(call->render, value, &text, err));
        for (size_t i = 0; i < name.len; i++)
            if (lt_is_space(name.ptr[i]) || name.ptr[i] == '/' || name.ptr[i] == '>' ||
                name.ptr[i] == '=')
                return lt_fail(err, LT_INVALID, "Invalid character in attribute name: '%.*s'",
                               LT_ARG(name));
        if (space || buf->len > mark)
            lt_buf_add_byte(buf, ' ');
        add_escaped(name, buf);
        lt_buf_add_str(buf, "=\"");
        add_escaped(text, buf);
        lt_buf_add_byte(buf, '"');
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* A word as a link if it looks like one: http://, https:// or www. */
static void add_linked(lt_text word, int64_t limit, bool nofollow, lt_text target, lt_buf *out)
{
    static const char *const starts[] = {"https://", "http://", "www."};
    lt_text core = word;
    while (core.len && strchr(".,:;!?)]}>\"'", core.ptr[core.len - 1]))
        core.len--;
    bool link = false, bare = false;
    for (size_t i = 0; i < LT_COUNT(starts) && !link; i++) {
        link = lt_text_starts(core, lt_text_of(starts[i])) && core.len > strlen(starts[i]);
        bare = link && i == 2;
    }
    if (!link) {
        add_escaped(word, out);
        return;
    }
    lt_buf_add_str(out, bare ? "<a href=\"https://" : "<a href=\"");
    add_escaped(core, out);
    lt_buf_add_str(out, nofollow ? "\" rel=\"nofollow noopener\"" : "\" rel=\"noopener\"");
    if (target.len) {
        lt_buf_add_str(out, " target=\"");
        add_escaped(target, out);
        lt_buf_add_byte(out, '"');
    }
    lt_buf_add_byte(out, '>');
    bool cut = limit >= 0 && lt_jinja_chars(core) > (size_t)limit;
    add_escaped(cut ? lt_text_sub(core, 0, lt_jinja_offset(core, (size_t)limit)) : core, out);
    lt_buf_add_str(out, cut ? "...</a>" : "</a>");
    add_escaped(lt_text_sub(word, core.len, SIZE_MAX), out);
}

FILTER(urlize)
{
    lt_jinja_value args[4];
    lt_text text, target = {0};
    int64_t limit = -1;
    LT_TRY(bind_text(call, "value trim_url_limit? nofollow? target?", args, &text, err));
    if (!lt_jinja_is_absent(args[1]) && args[1].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_int(call, args[1], &limit, err));
    if (!lt_jinja_is_absent(args[3]) && args[3].type != LT_JINJA_NONE)
        LT_TRY(lt_jinja_want_text(call, args[3], &target, err));
    lt_buf *buf = &call->render->out;
    size_t mark = buf->len;
    for (size_t at = 0; at < text.len;) {
        size_t start = at;
        while (at < text.len && lt_is_space(text.ptr[at]))
            at++;
        lt_buf_add(buf, lt_text_sub(text, start, at - start));
        start = at;
        while (at < text.len && !lt_is_space(text.ptr[at]))
            at++;
        if (at > start)
            add_linked(lt_text_sub(text, start, at - start), limit, lt_jinja_truth(args[2]), target,
                       buf);
    }
    *out = lt_jinja_take(call->render, mark);
    return LT_OK;
}

/* "%s" | format(x), with names as "%(a)s" | format(a=1). */
FILTER(format)
{
    lt_text text;
    if (!call->arg_count)
        return lt_fail(err, LT_INVALID, "format() needs a text");
    LT_TRY(lt_jinja_text_of(call->render, call->args[0], &text, err));
    if (call->kwarg_count && call->arg_count > 1)
        return lt_fail(err, LT_INVALID,
                       "can't handle positional and keyword arguments at the same time");
    lt_jinja_value args = lt_jinja_tuple(call->heap, call->args + 1, call->arg_count - 1);
    if (call->kwarg_count)
        args = lt_jinja_dict(call->heap);
    for (size_t i = 0; i < call->kwarg_count; i++)
        lt_jinja_put_value(args, lt_jinja_text(call->kwargs[i].name), call->kwargs[i].value);
    return lt_jinja_percent(call->render, text, args, out, err);
}

const lt_jinja_func lt_jinja_text_filters[] = {
    {"upper", upper, NULL},       {"lower", lower, NULL},         {"capitalize", capitalize, NULL},
    {"title", title, NULL},       {"trim", trim, NULL},           {"replace", replace, NULL},
    {"center", center, NULL},     {"indent", indent, NULL},       {"truncate", truncate, NULL},
    {"wordwrap", wordwrap, NULL}, {"wordcount", wordcount, NULL}, {"escape", escape, NULL},
    {"e", escape, NULL},          {"forceescape", escape, NULL},  {"safe", string, NULL},
    {"string", string, NULL},     {"striptags", striptags, NULL}, {"urlencode", urlencode, NULL},
    {"xmlattr", xmlattr, NULL},   {"urlize", urlize, NULL},       {"format", format, NULL},
    {NULL, NULL, NULL},
};
