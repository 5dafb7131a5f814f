/* From a method and a path to its route. */
#include "web/api/route.h"

static bool is_name(lt_text part)
{
    return lt_text_starts(part, T("{")) && lt_text_ends(part, T("}"));
}

/* Does the path fit the pattern, piece by piece? */
static bool fits(const lt_api_route *route, const lt_texts *segments,
                 lt_text values[LT_API_PATH_VALUES])
{
    lt_text rest = lt_text_of(route->path + 1), part;
    size_t at = 0, count = 0;
    for (; rest.len && lt_text_cut(&rest, '/', &part); at++) {
        if (at == segments->len)
            return false;
        lt_text given = segments->items[at];
        if (!is_name(part) && !lt_text_eq(part, given))
            return false;
        if (is_name(part) &&
            (!given.len || given.len > LT_API_TEXT_MOST || memchr(given.ptr, '\0', given.len) ||
             lt_utf8_valid_len(given) != given.len))
            return false;
        if (is_name(part))
            values[count++] = given;
    }
    return at == segments->len;
}

static bool has_method(const lt_api_route *route, lt_text method)
{
    return lt_text_eq(method, lt_text_of(route->method)) ||
           (lt_text_eq(method, T("HEAD")) && strcmp(route->method, "GET") == 0);
}

const lt_api_route *lt_api_find(lt_text method, const lt_texts *segments,
                                lt_text values[LT_API_PATH_VALUES], lt_buf *allowed)
{
    for (size_t i = 0; i < lt_api_route_count; i++) {
        const lt_api_route *route = &lt_api_routes[i];
        if (!fits(route, segments, values))
            continue;
        if (has_method(route, method))
            return route;
        if (allowed)
            lt_buf_printf(allowed, "%s%s", allowed->len ? ", " : "", route->method);
    }
    return NULL;
}
