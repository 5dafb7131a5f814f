/* One CTE of a statement instead of its query: where the WITH list ends, by SQL's own tokens. */
#include "dbt/inner.h"

typedef struct scanner {
    lt_text sql;
    size_t at;
} scanner;

static bool is_word_byte(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || c == '_' || c == '$' || ((unsigned char)c & 0x80);
}

static lt_text rest_of(const scanner *s)
{
    return lt_text_sub(s->sql, s->at, SIZE_MAX);
}

/* The byte behind `end`, or the end of all. */
static void skip_to(scanner *s, size_t from, lt_text end)
{
    size_t found = lt_text_find(s->sql, end, from);
    s->at = found == SIZE_MAX ? s->sql.len : found + end.len;
}

static void skip_space(scanner *s)
{
    for (;;) {
        while (s->at < s->sql.len && lt_is_space(s->sql.ptr[s->at]))
            s->at++;
        if (lt_text_starts(rest_of(s), T("--")))
            skip_to(s, s->at, T("\n"));
        else if (lt_text_starts(rest_of(s), T("/*")))
            skip_to(s, s->at + 2, T("*/"));
        else
            return;
    }
}

/* $tag$ ... $tag$ */
static bool skip_dollars(scanner *s)
{
    size_t end = s->at + 1;
    while (end < s->sql.len && is_word_byte(s->sql.ptr[end]) && s->sql.ptr[end] != '$')
        end++;
    if (end >= s->sql.len || s->sql.ptr[end] != '$')
        return false;
    skip_to(s, end + 1, lt_text_sub(s->sql, s->at, end + 1 - s->at));
    return true;
}

/* One token, whatever it is: a quoted one is one, with doubled quotes inside. */
static lt_text next(scanner *s)
{
    skip_space(s);
    size_t start = s->at;
    if (start == s->sql.len)
        return (lt_text){0};
    char c = s->sql.ptr[start];
    if (c == '\'' || c == '"') {
        const lt_text mark = lt_text_at(&s->sql.ptr[start], 1);
        do
            skip_to(s, s->at + 1, mark);
        while (s->at < s->sql.len && s->sql.ptr[s->at] == c);
    } else if (c == '$' && skip_dollars(s)) {
        ;
    } else if (is_word_byte(c)) {
        while (s->at < s->sql.len && is_word_byte(s->sql.ptr[s->at]))
            s->at++;
    } else {
        s->at++;
    }
    return lt_text_sub(s->sql, start, s->at - start);
}

static bool is_mark(lt_text token, char mark)
{
    return token.len == 1 && token.ptr[0] == mark;
}

/* Behind the bracket that belongs to the one that was just read. */
static bool skip_brackets(scanner *s)
{
    size_t depth = 1;
    while (depth) {
        lt_text token = next(s);
        if (!token.len)
            return false;
        depth += is_mark(token, '(');
        depth -= is_mark(token, ')');
    }
    return true;
}

static lt_text unquoted(lt_text token)
{
    return token.len > 2 && token.ptr[0] == '"' ? lt_text_sub(token, 1, token.len - 2) : token;
}

/* The names of the list, and in s->at where the query begins. False: there is no WITH, or it is none that we understand. */
static bool read_list(scanner *s, lt_arena *arena, lt_texts *names)
{
    if (!lt_text_eq_nocase(next(s), T("with")))
        return false;
    lt_text token = next(s);
    if (lt_text_eq_nocase(token, T("recursive")))
        token = next(s);
    for (;;) {
        lt_push_in(arena, names, token);
        while ((token = next(s)).len && !lt_text_eq_nocase(token, T("as")))
            if (is_mark(token, '(') && !skip_brackets(s))
                return false;
        while ((token = next(s)).len && !is_mark(token, '(')) /* [not] materialized */
            ;
        if (!token.len || !skip_brackets(s))
            return false;
        size_t behind = s->at;
        if (!is_mark(next(s), ',')) {
            s->at = behind;
            return true;
        }
        token = next(s);
    }
}

static lt_text name_at(const void *context, size_t i)
{
    const lt_texts *names = context;
    return unquoted(names->items[i]);
}

lt_status lt_dbt_keep_cte(const lt_dbt_node *model, lt_text name, lt_buf *sql, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    LT_AUTO(lt_buf) list = {.limit = LT_KIB};
    scanner s = {.sql = lt_buf_text(sql)};
    lt_texts names = {0};
    lt_text nearest, found = {0};
    bool is_list = read_list(&s, &arena, &names);
    for (size_t i = 0; i < names.len && is_list; i++) {
        lt_buf_printf(&list, "%s%.*s", i ? ", " : "", LT_ARG(unquoted(names.items[i])));
        if (lt_text_eq_nocase(unquoted(names.items[i]), name))
            found = lt_arena_text(&arena, names.items[i]);
    }
    if (found.len) {
        lt_buf_cut(sql, s.at);
        lt_buf_printf(sql, "\nselect * from %.*s", LT_ARG(found));
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "%.*s has no CTE '%.*s'%s%s", LT_ARG(model->path),
                      LT_ARG(name), list.len ? ", it has " : "", lt_buf_chars(&list)));
    if (is_list && lt_text_nearest(name, names.len, name_at, &names, &nearest))
        return lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest));
    return err->status;
}
