/* Patterns of .dbtignore, matched part by part against paths. */
#include "dbt/ignore.h"

#include "base/fs.h"

#include <fnmatch.h>

enum { IGNORE_BYTES = 1 << 20, MOST_PATTERNS = 1000, MOST_PARTS = 64 };

lt_status lt_dbt_ignore_read(const char *root, lt_arena *arena, lt_texts *out, lt_err *err)
{
    LT_AUTO(lt_chars) path = lt_path_join(root, ".dbtignore");
    LT_AUTO(lt_buf) text = {.limit = IGNORE_BYTES};
    lt_text rest, line;
    if (!lt_path_exists(path))
        return LT_OK;
    LT_TRY(lt_file_read(path, &text, err));
    rest = lt_arena_text(arena, lt_buf_text(&text));
    while (lt_text_cut(&rest, '\n', &line)) {
        line = lt_text_trim(line);
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (out->len == MOST_PATTERNS)
            return lt_fail(err, LT_TOO_BIG, "'%s' has more than %d patterns", path, MOST_PATTERNS);
        lt_push_in(arena, out, line);
    }
    return LT_OK;
}

static bool fits_part(lt_text pattern, lt_text part)
{
    char glob[256], name[256];
    if (pattern.len >= sizeof(glob) || part.len >= sizeof(name))
        return false;
    memcpy(glob, pattern.ptr, pattern.len);
    memcpy(name, part.ptr, part.len);
    glob[pattern.len] = name[part.len] = '\0';
    return fnmatch(glob, name, 0) == 0;
}

static size_t split(lt_text text, lt_text parts[MOST_PARTS])
{
    size_t count = 0;
    lt_text part;
    while (count < MOST_PARTS && lt_text_cut(&text, '/', &part))
        if (part.len)
            parts[count++] = part;
    return count;
}

/* reach[k]: the pattern so far fits the first k parts. */
static void step(lt_text pattern, const lt_text *parts, size_t count, bool reach[MOST_PARTS + 1])
{
    bool any = lt_text_eq(pattern, T("**"));
    for (size_t k = count + 1; k-- > 0;) {
        bool fits = any && reach[k];
        for (size_t i = 0; any && !fits && i < k; i++)
            fits = reach[i];
        if (!any)
            fits = k > 0 && reach[k - 1] && fits_part(pattern, parts[k - 1]);
        reach[k] = fits;
    }
}

static bool fits(lt_text pattern, const lt_text *parts, size_t count)
{
    lt_text globs[MOST_PARTS];
    bool reach[MOST_PARTS + 1] = {true};
    bool folder = lt_text_ends(pattern, T("/"));
    lt_text inner = lt_text_sub(pattern, 0, pattern.len - folder);
    bool anchored = lt_text_find_byte(inner, '/', 0) != SIZE_MAX;
    size_t len = split(inner, globs);
    if (!anchored)
        step(T("**"), parts, count, reach);
    for (size_t i = 0; i < len; i++)
        step(globs[i], parts, count, reach);
    for (size_t k = 1; len && k <= count; k++)
        if (reach[k] && (!folder || k < count))
            return true;
    return false;
}

bool lt_dbt_ignores(const lt_texts *patterns, lt_text path)
{
    lt_text parts[MOST_PARTS];
    size_t count = patterns->len ? split(path, parts) : 0;
    bool ignored = false;
    for (size_t i = 0; i < patterns->len; i++) {
        lt_text pattern = patterns->items[i];
        bool back = pattern.ptr[0] == '!';
        if (fits(lt_text_sub(pattern, back, SIZE_MAX), parts, count))
            ignored = !back;
    }
    return ignored;
}
