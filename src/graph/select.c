/* Selection: dbt's node syntax over a graph. */
#include "base/buf.h"
#include "graph/graph.h"

#include <fnmatch.h>

typedef struct criterion {
    bool with_children_parents; /* @ */
    bool up, down;
    size_t up_depth, down_depth;
    lt_text method, value;
} criterion;

typedef bool method_matches(const lt_node *node, const char *pattern);

static bool matches(const char *pattern, lt_text text)
{
    LT_AUTO(lt_chars) whole = lt_text_dup(text);
    return fnmatch(pattern, whole, 0) == 0;
}

static lt_text file_name(lt_text path)
{
    for (size_t i = path.len; i-- > 0;)
        if (path.ptr[i] == '/')
            return lt_text_sub(path, i + 1, SIZE_MAX);
    return path;
}

/* "models/staging/stg_x.sql" as "staging.stg_x", the way dbt's fqn reads. */
static bool fqn_matches(const lt_node *node, const char *pattern)
{
    size_t slash = lt_text_find_byte(node->path, '/', 0);
    if (slash == SIZE_MAX)
        return false;
    LT_AUTO(lt_buf) fqn = {0};
    lt_buf_add(&fqn, lt_text_sub(node->path, slash + 1, SIZE_MAX));
    for (size_t i = 0; i < fqn.len; i++)
        if (fqn.data[i] == '/')
            fqn.data[i] = '.';
    if (lt_text_ends(lt_buf_text(&fqn), T(".sql")))
        lt_buf_cut(&fqn, fqn.len - 4);
    if (fnmatch(pattern, lt_buf_chars(&fqn), 0) == 0)
        return true;
    LT_AUTO(lt_chars) below = lt_format("%s.*", pattern);
    return fnmatch(below, lt_buf_chars(&fqn), 0) == 0; /* a folder selects what is in it */
}

static bool path_matches(const lt_node *node, const char *pattern)
{
    pattern += strncmp(pattern, "./", 2) == 0 ? 2 : 0;
    lt_text folder = lt_text_of(pattern);
    while (folder.len > 1 && lt_text_ends(folder, T("/")))
        folder.len--;
    bool below = lt_text_starts(node->path, folder) && node->path.len > folder.len &&
                 node->path.ptr[folder.len] == '/';
    return below || matches(pattern, node->path);
}

/* Without a method: as in dbt, what has a slash is a path too. */
static bool name_matches(const lt_node *node, const char *pattern)
{
    return matches(pattern, node->name) || matches(pattern, node->id) ||
           matches(pattern, file_name(node->path)) || fqn_matches(node, pattern) ||
           (strchr(pattern, '/') && path_matches(node, pattern));
}

static bool tag_matches(const lt_node *node, const char *pattern)
{
    for (size_t i = 0; i < node->tags.len; i++)
        if (matches(pattern, node->tags.items[i]))
            return true;
    return false;
}

static bool source_matches(const lt_node *node, const char *pattern)
{
    return node->group.len && (matches(pattern, node->group) || matches(pattern, node->name));
}

static bool kind_matches(const lt_node *node, const char *pattern)
{
    return matches(pattern, node->kind);
}

static bool package_matches(const lt_node *node, const char *pattern)
{
    return matches(pattern, node->package);
}

static bool id_matches(const lt_node *node, const char *pattern)
{
    return matches(pattern, node->id);
}

static const struct {
    lt_text name;
    method_matches *run;
} methods[] = {
    {T("name"), name_matches},       {T("fqn"), fqn_matches},
    {T("tag"), tag_matches},         {T("path"), path_matches},
    {T("source"), source_matches},   {T("resource_type"), kind_matches},
    {T("package"), package_matches}, {T("id"), id_matches},
};

static lt_text method_name(const void *context, size_t i)
{
    (void)context;
    return methods[i].name;
}

static lt_status find_method(lt_text name, method_matches **out, lt_err *err)
{
    lt_text nearest;
    for (size_t i = 0; i < LT_COUNT(methods); i++) {
        if (!lt_text_eq(methods[i].name, name))
            continue;
        *out = methods[i].run;
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "unknown selection method '%.*s:'", LT_ARG(name)));
    if (lt_text_nearest(name, LT_COUNT(methods), method_name, NULL, &nearest))
        return lt_hint(err, "did you mean '%.*s:'?", LT_ARG(nearest));
    return lt_hint(err, "methods are name, fqn, tag, path, source, resource_type, package and id");
}

/* "N+" or "+" at the front. */
static bool take_up(lt_text *rest, size_t *depth)
{
    size_t digits = 0;
    uint64_t count = 0;
    while (digits < rest->len && lt_is_digit(rest->ptr[digits]))
        digits++;
    if (digits >= rest->len || rest->ptr[digits] != '+')
        return false;
    if (digits && !lt_text_to_u64(lt_text_sub(*rest, 0, digits), &count))
        return false;
    *depth = digits ? (size_t)count : SIZE_MAX;
    *rest = lt_text_sub(*rest, digits + 1, SIZE_MAX);
    return true;
}

/* "+N" or "+" at the back. */
static bool take_down(lt_text *rest, size_t *depth)
{
    size_t digits = 0;
    uint64_t count = 0;
    while (digits < rest->len && lt_is_digit(rest->ptr[rest->len - 1 - digits]))
        digits++;
    if (digits >= rest->len || rest->ptr[rest->len - 1 - digits] != '+')
        return false;
    if (digits && !lt_text_to_u64(lt_text_sub(*rest, rest->len - digits, digits), &count))
        return false;
    *depth = digits ? (size_t)count : SIZE_MAX;
    *rest = lt_text_sub(*rest, 0, rest->len - digits - 1);
    return true;
}

static lt_status read_criterion(lt_text text, criterion *out, lt_err *err)
{
    lt_text rest = text;
    *out = (criterion){.method = T("name")};
    if (lt_text_starts(rest, T("@"))) {
        out->with_children_parents = true;
        rest = lt_text_sub(rest, 1, SIZE_MAX);
    }
    out->up = take_up(&rest, &out->up_depth);
    out->down = take_down(&rest, &out->down_depth);
    size_t colon = lt_text_find_byte(rest, ':', 0);
    if (colon != SIZE_MAX) {
        out->method = lt_text_sub(rest, 0, colon);
        rest = lt_text_sub(rest, colon + 1, SIZE_MAX);
    }
    out->value = rest;
    if (!rest.len || (out->with_children_parents && out->down))
        return lt_fail(err, LT_INVALID, "'%.*s' is not a selection", LT_ARG(text));
    return LT_OK;
}

static lt_status select_one(const lt_graph *graph, lt_text text, lt_node_set *set, bool *matched,
                            lt_err *err)
{
    criterion want;
    method_matches *run = NULL;
    LT_TRY(read_criterion(text, &want, err));
    LT_TRY(find_method(want.method, &run, err));
    LT_AUTO(lt_chars) pattern = lt_text_dup(want.value);
    LT_AUTO(lt_node_set) found;
    lt_node_set_init(&found, graph->nodes.len);
    for (size_t i = 0; i < graph->nodes.len; i++) {
        if (!run(graph->nodes.items[i], pattern))
            continue;
        lt_node_set_add(&found, i);
        *matched = true;
    }
    lt_node_set_init(set, graph->nodes.len);
    memcpy(set->bits, found.bits, (found.count / 64 + 1) * sizeof(*found.bits));
    if (want.with_children_parents) {
        lt_graph_grow(graph, set, false, SIZE_MAX);
        lt_graph_grow(graph, set, true, SIZE_MAX);
        return LT_OK;
    }
    if (want.up)
        lt_graph_grow(graph, set, true, want.up_depth);
    if (want.down) {
        lt_graph_grow(graph, &found, false, want.down_depth);
        for (size_t i = 0; i <= set->count / 64; i++)
            set->bits[i] |= found.bits[i];
    }
    return LT_OK;
}

static lt_status select_word(const lt_graph *graph, lt_text word, lt_node_set *set,
                             lt_text *unmatched, lt_err *err)
{
    lt_text part, rest = word;
    bool first = true;
    LT_AUTO(lt_node_set) both;
    lt_node_set_init(&both, graph->nodes.len);
    while (lt_text_cut(&rest, ',', &part)) {
        LT_AUTO(lt_node_set) one = {0};
        bool matched = false;
        LT_TRY(select_one(graph, part, &one, &matched, err));
        if (!matched && unmatched)
            *unmatched = part;
        for (size_t i = 0; i <= both.count / 64; i++)
            both.bits[i] = first ? one.bits[i] : both.bits[i] & one.bits[i];
        first = false;
    }
    for (size_t i = 0; i <= both.count / 64; i++)
        set->bits[i] |= both.bits[i];
    return LT_OK;
}

lt_status lt_graph_select(const lt_graph *graph, lt_text text, lt_node_set *set, lt_text *unmatched,
                          lt_err *err)
{
    if (unmatched)
        *unmatched = (lt_text){0};
    size_t at = 0;
    while (at < text.len) {
        if (lt_is_space(text.ptr[at])) {
            at++;
            continue;
        }
        size_t start = at;
        while (at < text.len && !lt_is_space(text.ptr[at]))
            at++;
        LT_TRY(select_word(graph, lt_text_sub(text, start, at - start), set, unmatched, err));
    }
    return LT_OK;
}
