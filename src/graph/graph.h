/* graph.h - nodes, what they need, in which order they go, and which of them somebody means.
 *
 * Pure: knows neither files nor tables. A graph lives in an arena; build it first (nodes, then edges), then ask. Reading it is
 * safe from any number of threads. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

typedef struct lt_node {
    lt_text id;      /* unique: "model.shop.orders", "extract.api.metrics" */
    lt_text kind;    /* "model", "test", "extract", "load", "sql": what `resource_type:` selects */
    lt_text name;    /* short name: "orders", "api.metrics" */
    lt_text path;    /* project-relative file that defines it: what `path:` selects */
    lt_text package; /* what `package:` selects */
    lt_texts tags;   /* what `tag:` selects */
    lt_text group;   /* for `source:`: "api", or empty */
    void *payload;   /* borrowed: the owner's own struct */

    size_t index;         /* 0 .. count - 1, in the order of adding */
    LT_VEC(size_t) needs; /* indexes: must be done before this one */
    LT_VEC(size_t) feeds; /* indexes: the other direction */
} lt_node;

typedef struct lt_graph {
    lt_arena *arena; /* borrowed */
    LT_VEC(lt_node *) nodes;
    lt_map by_id;
} lt_graph;

void lt_graph_init(lt_graph *graph, lt_arena *arena);
void lt_graph_cleanup(lt_graph *graph); /* the index; the nodes go with the arena */

/* Add a copy of `node` (texts are borrowed). LT_CONFLICT: its id is there already. */
LT_MUST_CHECK lt_status lt_graph_add(lt_graph *graph, const lt_node *node, lt_node **out,
                                     lt_err *err);
lt_node *lt_graph_find(const lt_graph *graph, lt_text id); /* NULL when not there */
/* `node` comes after `needed`. Saying it twice is fine. */
void lt_graph_need(lt_graph *graph, lt_node *node, lt_node *needed);

/* A set of nodes, by index. */
typedef struct lt_node_set {
    uint64_t *bits; /* owned */
    size_t count;   /* nodes in the graph */
} lt_node_set;
void lt_node_set_init(lt_node_set *set, size_t count);
void lt_node_set_cleanup(lt_node_set *set);
bool lt_node_set_has(const lt_node_set *set, size_t index);
void lt_node_set_add(lt_node_set *set, size_t index);
void lt_node_set_remove(lt_node_set *set, size_t index);
size_t lt_node_set_size(const lt_node_set *set);

/* An order in which every node comes after all that it needs; among equals, by the order of adding. `order` has one entry
 * a node (in the graph's arena). LT_INVALID on a cycle: "a -> b -> a", the shortest through the first node found. */
LT_MUST_CHECK lt_status lt_graph_order(const lt_graph *graph, size_t **order, lt_err *err);

/* Add to `set` what is upstream (or downstream) of its members, at most `depth` steps away (SIZE_MAX: all). */
void lt_graph_grow(const lt_graph *graph, lt_node_set *set, bool upstream, size_t depth);

/* Select by dbt's method syntax (https://docs.getdbt.com/reference/node-selection/syntax): `text` is a union of words separated by
 * white space; a word is an intersection of criteria separated by commas; a criterion is
 *     [@] [N+|+] [method:]value [+|+N]
 * Methods: name (the default; also matches the file name, the id and fqn-like "folder.name"), tag, path, source,
 * resource_type, package, id. Values may hold * ? and [...]. Adds to `set` (initialised by the caller). Nothing matches
 * a criterion: its text is in *unmatched (may be NULL; else empty). LT_INVALID: unknown method, malformed count. */
LT_MUST_CHECK lt_status lt_graph_select(const lt_graph *graph, lt_text text, lt_node_set *set,
                                        lt_text *unmatched, lt_err *err);
