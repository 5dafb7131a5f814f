/* Turns the keys of records into names of columns. */
#include "source/name.h"

#include <stdio.h>

enum { NAME_BYTES = 63 };

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_word(char c)
{
    return lt_is_alpha(c) || lt_is_digit(c) || (c & 0x80) != 0;
}

/* A new word begins at an upper letter behind a lower one or a digit, and at the last upper letter of a run ("HTTPServer"). */
static bool begins_word(lt_text key, size_t i)
{
    if (i == 0 || !is_upper(key.ptr[i]))
        return false;
    char before = key.ptr[i - 1];
    bool lower_follows = i + 1 < key.len && key.ptr[i + 1] >= 'a' && key.ptr[i + 1] <= 'z';
    return (is_word(before) && !is_upper(before)) || (is_upper(before) && lower_follows);
}

/* Cut to the limit, at a character. */
static void cut_name(lt_buf *out, size_t start, size_t limit)
{
    size_t len = LT_MIN(out->len - start, limit);
    lt_buf_cut(out, start + lt_utf8_valid_len(lt_text_at(out->data + start, len)));
}

void lt_name_snake(lt_text key, lt_buf *out)
{
    size_t start = out->len;
    bool gap = false; /* something that cannot stand in a name was skipped */
    key = lt_text_sub(key, 0, 512);
    if (key.len > 0 && lt_is_digit(key.ptr[0]))
        lt_buf_add_byte(out, '_');
    for (size_t i = 0; i < key.len; i++) {
        if (!is_word(key.ptr[i])) {
            gap = key.ptr[i] == '_' || out->len > start || gap;
            continue;
        }
        bool at_start = out->len == start;
        if ((gap && (!at_start || key.ptr[i - 1] == '_')) || (!gap && begins_word(key, i)))
            lt_buf_add_byte(out, '_');
        lt_buf_add_byte(out, lt_lower(key.ptr[i]));
        gap = false;
    }
    if (out->len == start)
        lt_buf_add(out, T("column"));
    cut_name(out, start, NAME_BYTES);
}

static bool is_taken(lt_text name, const lt_texts *taken)
{
    for (size_t i = 0; i < taken->len; i++)
        if (lt_text_eq_nocase(taken->items[i], name))
            return true;
    return false;
}

lt_text lt_name_choose(lt_arena *arena, lt_text key, const lt_texts *taken)
{
    LT_AUTO(lt_buf) name = {.limit = LT_KIB};
    lt_name_snake(key, &name);
    size_t len = name.len;
    for (unsigned n = 2; is_taken(lt_buf_text(&name), taken); n++) {
        char tail[16];
        int tail_len = snprintf(tail, sizeof(tail), "_%u", n);
        lt_buf_cut(&name, len);
        cut_name(&name, 0, NAME_BYTES - (size_t)tail_len);
        lt_buf_add_str(&name, tail);
    }
    return lt_arena_text(arena, lt_buf_text(&name));
}
