/* Reads Link header fields (RFC 8288, appendix B.3). */
#include "net/link_header.h"

static void skip_space(lt_text *rest)
{
    while (rest->len > 0 && lt_is_space(rest->ptr[0]))
        *rest = lt_text_sub(*rest, 1, rest->len);
}

/* A quoted string at the start of *rest: its inside as written, and step over it. */
static lt_text take_quoted(lt_text *rest)
{
    size_t i = 1;
    while (i < rest->len && rest->ptr[i] != '"')
        i += rest->ptr[i] == '\\' ? 2 : 1;
    i = LT_MIN(i, rest->len);
    lt_text inside = lt_text_sub(*rest, 1, i - 1);
    *rest = lt_text_sub(*rest, i + 1, rest->len);
    return inside;
}

static lt_text take_until(lt_text *rest, const char *stops)
{
    size_t i = 0;
    while (i < rest->len && !strchr(stops, rest->ptr[i]))
        i++;
    lt_text part = lt_text_sub(*rest, 0, i);
    *rest = lt_text_sub(*rest, i, rest->len);
    return lt_text_trim(part);
}

/* One `; name = value`; the ';' is gone already. */
static void take_param(lt_text *rest, lt_link *link)
{
    lt_text name = take_until(rest, "=;,");
    lt_text value = {0};
    if (rest->len > 0 && rest->ptr[0] == '=') {
        *rest = lt_text_sub(*rest, 1, rest->len);
        skip_space(rest);
        value = rest->len > 0 && rest->ptr[0] == '"' ? take_quoted(rest) : take_until(rest, ";,");
    }
    if (lt_text_eq_nocase(name, T("rel")) && !link->rel.ptr)
        link->rel = value;
    if (lt_text_eq_nocase(name, T("anchor")))
        link->anchored = true;
}

bool lt_link_next(lt_text *rest, lt_link *out)
{
    lt_link link = {0};
    size_t open = lt_text_find_byte(*rest, '<', 0);
    size_t close = open == SIZE_MAX ? SIZE_MAX : lt_text_find_byte(*rest, '>', open);
    if (close == SIZE_MAX) {
        *rest = (lt_text){0};
        return false;
    }
    link.target = lt_text_trim(lt_text_sub(*rest, open + 1, close - open - 1));
    *rest = lt_text_sub(*rest, close + 1, rest->len);
    for (;;) {
        (void)take_until(rest, ";,");
        if (rest->len == 0)
            break;
        bool more_params = rest->ptr[0] == ';';
        *rest = lt_text_sub(*rest, 1, rest->len);
        if (!more_params)
            break;
        skip_space(rest);
        take_param(rest, &link);
    }
    *out = link;
    return true;
}

static bool rel_has(lt_text rels, lt_text wanted)
{
    for (lt_text rel; lt_text_cut(&rels, ' ', &rel);)
        if (lt_text_eq_nocase(lt_text_trim(rel), wanted))
            return true;
    return false;
}

bool lt_link_find(lt_text value, lt_text rel, lt_text *target)
{
    for (lt_link link; lt_link_next(&value, &link);)
        if (!link.anchored && rel_has(link.rel, rel)) {
            *target = link.target;
            return true;
        }
    return false;
}
