/* `graph` of a run: made when a template first asks for it, shared by all nodes, and held as Python's interpreter is held. */
#include "dbt/inner.h"

/* As much as the value of a manifest may take. */
#define GRAPH_BYTES ((size_t)2 * 1024 * LT_MIB)

void lt_dbt_graph_init(run_graph *graph, pthread_mutex_t *lock)
{
    (void)pthread_mutex_init(&graph->turn, NULL);
    graph->lock = lock;
    graph->heap.limit = GRAPH_BYTES;
}

void lt_dbt_graph_cleanup(run_graph *graph)
{
    lt_jinja_heap_cleanup(&graph->heap);
    (void)pthread_mutex_destroy(&graph->turn);
}

static void begin(graph_turn *turn)
{
    (void)pthread_mutex_lock(&turn->graph->turn);
    turn->graph->heap.borrows = turn->borrows;
}

static void end(graph_turn *turn)
{
    turn->borrows = turn->graph->heap.borrows;
    (void)pthread_mutex_unlock(&turn->graph->turn);
}

static void waits(void *user, bool begins)
{
    if (begins)
        end(user);
    else
        begin(user);
}

lt_jinja_value lt_dbt_graph_take(graph_turn *turn, const lt_dbt *dbt)
{
    run_graph *graph = turn->graph;
    if (!turn->holds) {
        begin(turn);
        turn->holds = true;
        if (turn->session)
            lt_session_on_wait(turn->session, waits, turn);
    }
    if (graph->value.type != LT_JINJA_DICT) {
        (void)pthread_mutex_lock(graph->lock);
        graph->value = lt_dbt_graph_value(dbt, &graph->heap);
        (void)pthread_mutex_unlock(graph->lock);
    }
    return graph->value;
}

bool lt_dbt_graph_leave(graph_turn *turn)
{
    if (turn->holds) {
        if (turn->session)
            lt_session_on_wait(turn->session, NULL, NULL);
        end(turn);
    }
    turn->holds = false;
    return turn->borrows;
}
