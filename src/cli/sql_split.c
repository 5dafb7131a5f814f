/* Finds the ends of SQL statements without understanding them. */
#include "cli/sql_split.h"

static bool is_word(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

static char at(lt_text text, size_t i)
{
    return i < text.len ? text.ptr[i] : '\0';
}

/* Behind the closing quote; a doubled quote is part of the text, and with `escapes` so is what follows a '\'. */
static size_t skip_quoted(lt_text text, size_t i, bool escapes)
{
    char quote = text.ptr[i++];
    for (; i < text.len; i++) {
        if (escapes && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == quote && at(text, i + 1) == quote)
            i++;
        else if (text.ptr[i] == quote)
            return i + 1;
    }
    return SIZE_MAX;
}

static size_t skip_line_comment(lt_text text, size_t i)
{
    size_t end = lt_text_find_byte(text, '\n', i);
    return end == SIZE_MAX ? text.len : end + 1;
}

static size_t skip_block_comment(lt_text text, size_t i)
{
    size_t depth = 0;
    for (; i < text.len; i++) {
        if (text.ptr[i] == '/' && at(text, i + 1) == '*') {
            depth++;
            i++;
        } else if (text.ptr[i] == '*' && at(text, i + 1) == '/') {
            i++;
            if (--depth == 0)
                return i + 1;
        }
    }
    return SIZE_MAX;
}

/* $tag$ ... $tag$; a '$' that begins no tag is stepped over. */
static size_t skip_dollar(lt_text text, size_t i)
{
    size_t end = i + 1;
    while (is_word(at(text, end)))
        end++;
    if (at(text, end) != '$' || lt_is_digit(at(text, i + 1)) || (i && is_word(text.ptr[i - 1])))
        return i + 1;
    lt_text tag = lt_text_sub(text, i, end + 1 - i);
    size_t close = lt_text_find(text, tag, end + 1);
    return close == SIZE_MAX ? SIZE_MAX : close + tag.len;
}

/* Behind the piece at `i` that a ';' cannot end; SIZE_MAX when it is open to the end. */
static size_t skip_piece(lt_text text, size_t i)
{
    char c = text.ptr[i], next = at(text, i + 1);
    bool after_word = i > 1 && is_word(text.ptr[i - 2]);
    if (c == '\'')
        return skip_quoted(text, i, i && lt_lower(text.ptr[i - 1]) == 'e' && !after_word);
    if (c == '"')
        return skip_quoted(text, i, false);
    if (c == '-' && next == '-')
        return skip_line_comment(text, i);
    if (c == '/' && next == '*')
        return skip_block_comment(text, i);
    return c == '$' ? skip_dollar(text, i) : i + 1;
}

/* Blanks, comments and lone ';' off the front. */
static lt_text skip_nothing(lt_text text)
{
    size_t i = 0;
    while (i < text.len) {
        char c = text.ptr[i], next = at(text, i + 1);
        bool comment = (c == '-' && next == '-') || (c == '/' && next == '*');
        if (!comment && !lt_is_space(c) && c != ';')
            break;
        i = comment ? skip_piece(text, i) : i + 1;
    }
    return lt_text_sub(text, i, SIZE_MAX);
}

bool lt_sql_next(lt_text *rest, lt_text *statement, bool *ended)
{
    lt_text text = skip_nothing(*rest);
    size_t i = 0, end = 0; /* behind the last byte that is no blank and no comment */
    *ended = false;
    while (i < text.len && text.ptr[i] != ';') {
        char c = text.ptr[i], next = at(text, i + 1);
        bool comment = (c == '-' && next == '-') || (c == '/' && next == '*');
        bool blank = lt_is_space(c);
        i = LT_MIN(skip_piece(text, i), text.len);
        end = comment || blank ? end : i;
    }
    *ended = i < text.len;
    *rest = lt_text_sub(text, i + *ended, SIZE_MAX);
    *statement = lt_text_sub(text, 0, end);
    return end > 0;
}

static bool has_word(lt_text text, lt_text wanted)
{
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && is_word(text.ptr[end]))
            end++;
        if (end > i && lt_text_eq_nocase(lt_text_sub(text, i, end - i), wanted))
            return true;
        i = end > i ? end : skip_piece(text, i);
    }
    return false;
}

lt_sql_kind lt_sql_kind_of(lt_text statement)
{
    static const lt_text selects[] = {T("select"), T("with"), T("from"), T("values"), T("table")};
    static const lt_text shows[] = {T("show"),      T("describe"), T("desc"),
                                    T("explain"),   T("pragma"),   T("call"),
                                    T("summarize"), T("pivot"),    T("unpivot")};
    static const lt_text writes[] = {T("insert"), T("update"), T("delete"), T("merge")};
    size_t len = 0;
    if (at(statement, 0) == '(')
        return LT_SQL_SELECT;
    while (len < statement.len && is_word(statement.ptr[len]))
        len++;
    lt_text word = lt_text_sub(statement, 0, len);
    bool changes = has_word(statement, T("returning"));
    if (lt_text_eq_nocase(word, T("with")))
        for (size_t i = 0; i < LT_COUNT(writes); i++)
            changes = changes || has_word(statement, writes[i]);
    for (size_t i = 0; i < LT_COUNT(selects) && !changes; i++)
        if (lt_text_eq_nocase(word, selects[i]))
            return LT_SQL_SELECT;
    for (size_t i = 0; i < LT_COUNT(shows); i++)
        if (lt_text_eq_nocase(word, shows[i]))
            return LT_SQL_SHOWS;
    return changes ? LT_SQL_SHOWS : LT_SQL_DOES;
}
