/* The graph itself: nodes, edges, order, growth. */
#include "graph/graph.h"
#include "base/buf.h"

void lt_graph_init(lt_graph *graph, lt_arena *arena)
{
    *graph = (lt_graph){.arena = arena};
}

void lt_graph_cleanup(lt_graph *graph)
{
    lt_map_cleanup(&graph->by_id);
    *graph = (lt_graph){0};
}

lt_status lt_graph_add(lt_graph *graph, const lt_node *node, lt_node **out, lt_err *err)
{
    if (lt_map_has(&graph->by_id, node->id))
        return lt_fail(err, LT_CONFLICT, "two nodes are named '%.*s'", LT_ARG(node->id));
    lt_node *added = LT_NEW(graph->arena, lt_node);
    *added = *node;
    added->index = graph->nodes.len;
    lt_push_in(graph->arena, &graph->nodes, added);
    (void)lt_map_put(&graph->by_id, added->id, added);
    if (out)
        *out = added;
    return LT_OK;
}

lt_node *lt_graph_find(const lt_graph *graph, lt_text id)
{
    return lt_map_find(&graph->by_id, id);
}

void lt_graph_need(lt_graph *graph, lt_node *node, lt_node *needed)
{
    for (size_t i = 0; i < node->needs.len; i++)
        if (node->needs.items[i] == needed->index)
            return;
    lt_push_in(graph->arena, &node->needs, needed->index);
    lt_push_in(graph->arena, &needed->feeds, node->index);
}

void lt_node_set_init(lt_node_set *set, size_t count)
{
    *set = (lt_node_set){.bits = lt_xcalloc(count / 64 + 1, sizeof(uint64_t)), .count = count};
}

void lt_node_set_cleanup(lt_node_set *set)
{
    lt_free(set->bits);
    *set = (lt_node_set){0};
}

bool lt_node_set_has(const lt_node_set *set, size_t index)
{
    return set->bits[index / 64] >> (index % 64) & 1;
}

void lt_node_set_add(lt_node_set *set, size_t index)
{
    set->bits[index / 64] |= (uint64_t)1 << (index % 64);
}

void lt_node_set_remove(lt_node_set *set, size_t index)
{
    set->bits[index / 64] &= ~((uint64_t)1 << (index % 64));
}

size_t lt_node_set_size(const lt_node_set *set)
{
    size_t size = 0;
    for (size_t i = 0; i <= set->count / 64; i++)
        size += (size_t)__builtin_popcountll(set->bits[i]);
    return size;
}

void lt_graph_grow(const lt_graph *graph, lt_node_set *set, bool upstream, size_t depth)
{
    LT_VEC(size_t) front = {0};
    for (size_t i = 0; i < graph->nodes.len; i++)
        if (lt_node_set_has(set, i))
            lt_push(&front, i);
    size_t level_start = 0;
    for (size_t level = 0; level < depth && level_start < front.len; level++) {
        size_t level_end = front.len;
        for (; level_start < level_end; level_start++) {
            const lt_node *node = graph->nodes.items[front.items[level_start]];
            size_t count = upstream ? node->needs.len : node->feeds.len;
            const size_t *next = upstream ? node->needs.items : node->feeds.items;
            for (size_t k = 0; k < count; k++) {
                if (lt_node_set_has(set, next[k]))
                    continue;
                lt_node_set_add(set, next[k]);
                lt_push(&front, next[k]);
            }
        }
    }
    lt_vec_free(&front);
}

/* The shortest way from `start` along needs back to itself, as "a -> b -> a". */
static void describe_cycle(const lt_graph *graph, size_t start, lt_buf *out)
{
    size_t count = graph->nodes.len;
    size_t *from = lt_xcalloc(count, sizeof(*from)); /* the node we came from, plus one */
    LT_VEC(size_t) queue = {0};
    lt_push(&queue, start);
    for (size_t i = 0; i < queue.len && !from[start]; i++) {
        const lt_node *node = graph->nodes.items[queue.items[i]];
        for (size_t k = 0; k < node->needs.len; k++) {
            size_t next = node->needs.items[k];
            if (from[next])
                continue;
            from[next] = node->index + 1;
            lt_push(&queue, next);
        }
    }
    LT_VEC(size_t) way = {0};
    for (size_t at = start; way.len == 0 || at != start; at = from[at] - 1)
        lt_push(&way, at);
    lt_buf_printf(out, "%.*s", LT_ARG(graph->nodes.items[start]->id));
    for (size_t i = way.len; i-- > 0;)
        lt_buf_printf(out, " -> %.*s", LT_ARG(graph->nodes.items[way.items[i]]->id));
    lt_vec_free(&way);
    lt_vec_free(&queue);
    lt_free(from);
}

/* A node on a cycle: from any unordered node, walk unordered needs until one repeats. */
static size_t node_on_cycle(const lt_graph *graph, const size_t *missing)
{
    size_t at = 0;
    while (!missing[at])
        at++;
    for (size_t steps = 0; steps < graph->nodes.len; steps++) {
        const lt_node *node = graph->nodes.items[at];
        for (size_t k = 0; k < node->needs.len; k++) {
            if (!missing[node->needs.items[k]])
                continue;
            at = node->needs.items[k];
            break;
        }
    }
    return at;
}

lt_status lt_graph_order(const lt_graph *graph, size_t **order, lt_err *err)
{
    size_t count = graph->nodes.len, done = 0;
    size_t *ordered = lt_alloc_array(graph->arena, count, sizeof(*ordered));
    size_t *missing = lt_xcalloc(count, sizeof(*missing));
    for (size_t i = 0; i < count; i++) {
        missing[i] = graph->nodes.items[i]->needs.len;
        if (!missing[i])
            ordered[done++] = i;
    }
    for (size_t at = 0; at < done; at++) {
        const lt_node *node = graph->nodes.items[ordered[at]];
        for (size_t k = 0; k < node->feeds.len; k++)
            if (--missing[node->feeds.items[k]] == 0)
                ordered[done++] = node->feeds.items[k];
    }
    lt_status status = LT_OK;
    if (done < count) {
        LT_AUTO(lt_buf) way = {.limit = 800};
        describe_cycle(graph, node_on_cycle(graph, missing), &way);
        status =
            lt_fail(err, LT_INVALID, "these need each other in a circle: %s", lt_buf_chars(&way));
        lt_hint(err, "take one of these references out");
    } else {
        *order = ordered;
    }
    lt_free(missing);
    return status;
}
