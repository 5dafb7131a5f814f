/* Which nodes are written letter by letter as in another run: asked of all of them at once, by a few threads. */
#include "dbt/artifacts/manifest.h"
#include "dbt/inner.h"
#include "dbt/select/method.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST_THREADS = 4, AT_ONCE = 256, USUAL_NODE = 4 << 10 };

typedef struct comparing {
    const lt_dbt_method_context *context;
    const lt_dbt_nodes *all;
    bool *same;
    atomic_size_t next;
} comparing;

static void compare(const comparing *c, size_t i, lt_buf *text)
{
    const lt_dbt_node *node = c->all->items[i];
    lt_json_writer w = {.out = text};
    lt_buf_clear(text);
    lt_dbt_write_node(c->context->dbt, node, &w);
    c->same[i] =
        !text->overflow && lt_dbt_state_has(c->context->state, node->id, lt_buf_text(text));
}

static void *compare_some(void *context)
{
    comparing *c = context;
    LT_AUTO(lt_buf) text = {0};
    (void)lt_buf_room(&text, USUAL_NODE);
    for (size_t from; (from = atomic_fetch_add(&c->next, AT_ONCE)) < c->all->len;)
        for (size_t i = from; i < LT_MIN(from + AT_ONCE, c->all->len); i++)
            compare(c, i, &text);
    return NULL;
}

const bool *lt_dbt_state_as_before(const lt_dbt_method_context *context)
{
    const lt_dbt_nodes *all = lt_dbt_all(context->dbt);
    comparing c = {.context = context, .all = all};
    c.same = lt_alloc_array(context->arena, all->len + 1, sizeof(*c.same));
    pthread_t threads[MOST_THREADS];
    long cores = all->len > AT_ONCE ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
    size_t started = 0;
    while (started + 1 < (size_t)LT_MAX(cores, 1L) && started + 1 < MOST_THREADS &&
           pthread_create(&threads[started], NULL, compare_some, &c) == 0)
        started++;
    (void)compare_some(&c);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    return c.same;
}
