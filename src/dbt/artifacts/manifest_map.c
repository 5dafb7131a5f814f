/* Who needs whom: parents, children and groups of the manifest. */
#include "dbt/artifacts/manifest_inner.h"

#include <stdlib.h>

typedef lt_json_writer writer;

/* They are counted first, so that all lists stand in one piece of memory. */
lt_dbt_nodes *lt_dbt_children(const lt_dbt *dbt, lt_arena *arena)
{
    lt_dbt_nodes *children = lt_alloc_array(arena, dbt->all.len + 1, sizeof(*children));
    size_t edges = 0;
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_nodes *on = &dbt->all.items[i]->depends_on;
        for (size_t k = 0; k < on->len; k++)
            children[on->items[k]->index].cap++;
        edges += on->len;
    }
    lt_dbt_node **place = lt_alloc_array(arena, edges + 1, sizeof(lt_dbt_node *));
    for (size_t i = 0; i < dbt->all.len; i++) {
        children[i].items = place;
        place += children[i].cap;
    }
    for (size_t i = 0; i < dbt->all.len; i++) {
        const lt_dbt_nodes *on = &dbt->all.items[i]->depends_on;
        for (size_t k = 0; k < on->len; k++) {
            lt_dbt_nodes *of = &children[on->items[k]->index];
            of->items[of->len++] = dbt->all.items[i];
        }
    }
    return children;
}

static int by_id(const void *a, const void *b)
{
    const lt_dbt_node *const *left = a, *const *right = b;
    return lt_text_cmp((*left)->id, (*right)->id);
}

/* In dbt's order: nodes, then these kinds; 0: none that can be in a group. */
static unsigned group_pass(lt_dbt_kind kind)
{
    return kind < LT_DBT_UDF               ? 1
           : kind == LT_DBT_SAVED_QUERY    ? 2
           : kind == LT_DBT_SEMANTIC_MODEL ? 3
           : kind == LT_DBT_METRIC         ? 4
                                           : 0;
}

static void write_group(lt_manifest *m, lt_text name)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    writer *w = &m->w;
    bool any = false;
    for (size_t k = 0; k < 4 * all->len; k++) {
        const lt_dbt_node *node = all->items[k % all->len];
        if (group_pass(node->kind) != k / all->len + 1 || !lt_text_eq(node->group, name))
            continue;
        if (!any) {
            lt_json_key(w, name);
            lt_json_begin(w, '[');
        }
        any = true;
        lt_json_string(w, node->id);
    }
    if (any)
        lt_json_end(w);
}

static bool is_in_maps(const lt_dbt_node *node)
{
    return node->kind != LT_DBT_GROUP;
}

void lt_manifest_maps(lt_manifest *m)
{
    const lt_dbt_nodes *all = &m->dbt->all;
    writer *w = &m->w;
    for (int child = 0; child < 2; child++) {
        lt_json_key(w, child ? T("child_map") : T("parent_map"));
        lt_json_begin(w, '{');
        for (size_t i = 0; i < all->len; i++) {
            const lt_dbt_nodes *list =
                child ? &lt_manifest_children(m)[i] : &all->items[i]->depends_on;
            if (!is_in_maps(all->items[i]))
                continue;
            lt_dbt_nodes sorted = {0};
            LT_AUTO(lt_arena) scratch = {0};
            for (size_t k = 0; k < list->len; k++)
                lt_push_in(&scratch, &sorted, list->items[k]);
            if (sorted.len)
                qsort(sorted.items, sorted.len, sizeof(*sorted.items), by_id);
            lt_json_key(w, all->items[i]->id);
            lt_json_begin(w, '[');
            for (size_t k = 0; k < sorted.len; k++)
                lt_json_string(w, sorted.items[k]->id);
            lt_json_end(w);
            lt_manifest_flush(m);
        }
        lt_json_end(w);
    }
}

void lt_manifest_groups(lt_manifest *m)
{
    writer *w = &m->w;
    lt_json_key(w, T("group_map"));
    lt_json_begin(w, '{');
    for (size_t g = 0; g < m->dbt->groups.entries.len; g++)
        write_group(m, m->dbt->groups.entries.items[g].key);
    lt_json_end(w);
}
