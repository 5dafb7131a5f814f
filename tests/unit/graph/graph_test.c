/* Order, cycles and selection. */
#include "base/buf.h"
#include "graph/graph.h"
#include "support/test.h"

typedef struct shop {
    lt_arena arena;
    lt_graph graph;
} shop;

static lt_node *add(shop *s, const char *kind, const char *name, const char *path, const char *tag)
{
    lt_err err = {0};
    lt_node *made = NULL;
    lt_node node = {.id = lt_text_of(lt_arena_format(&s->arena, "%s.%s", kind, name)),
                    .kind = lt_text_of(kind),
                    .name = lt_text_of(name),
                    .path = lt_text_of(path)};
    if (tag)
        lt_push_in(&s->arena, &node.tags, lt_text_of(tag));
    if (lt_has(name, "."))
        node.group = T("api");
    CHECK_OK(lt_graph_add(&s->graph, &node, &made, &err), err);
    return made;
}

/* api.orders -> stg_orders -> orders -> (daily, weekly); stg_customers -> orders */
static void shop_open(shop *s)
{
    *s = (shop){0};
    lt_graph_init(&s->graph, &s->arena);
    lt_node *weekly = add(s, "model", "weekly", "models/marts/weekly.sql", "slow");
    lt_node *daily = add(s, "model", "daily", "models/marts/daily.sql", NULL);
    lt_node *orders = add(s, "model", "orders", "models/orders.sql", "core");
    lt_node *staged = add(s, "model", "stg_orders", "models/staging/stg_orders.sql", NULL);
    lt_node *customers = add(s, "model", "stg_customers", "models/staging/stg_customers.sql", NULL);
    lt_node *loaded = add(s, "load", "api.orders", "sources/api.yml", NULL);
    lt_graph_need(&s->graph, weekly, orders);
    lt_graph_need(&s->graph, daily, orders);
    lt_graph_need(&s->graph, orders, staged);
    lt_graph_need(&s->graph, orders, customers);
    lt_graph_need(&s->graph, staged, loaded);
    lt_graph_need(&s->graph, staged, loaded);
}

static void shop_close(shop *s)
{
    lt_graph_cleanup(&s->graph);
    lt_arena_cleanup(&s->arena);
}

static void check_selects(shop *s, const char *text, const char *wanted)
{
    lt_err err = {0};
    LT_AUTO(lt_node_set) set;
    LT_AUTO(lt_buf) names = {0};
    lt_node_set_init(&set, s->graph.nodes.len);
    CHECK_OK(lt_graph_select(&s->graph, lt_text_of(text), &set, NULL, &err), err);
    for (size_t i = 0; i < s->graph.nodes.len; i++)
        if (lt_node_set_has(&set, i))
            lt_buf_printf(&names, "%s%.*s", names.len ? " " : "",
                          LT_ARG(s->graph.nodes.items[i]->name));
    CHECK_STR(lt_buf_chars(&names), wanted);
}

Test(graph, order_puts_every_node_after_what_it_needs)
{
    shop s;
    lt_err err = {0};
    size_t *order = NULL, place[6];
    shop_open(&s);
    CHECK_OK(lt_graph_order(&s.graph, &order, &err), err);
    for (size_t i = 0; i < 6; i++)
        place[order[i]] = i;
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < s.graph.nodes.items[i]->needs.len; k++)
            CHECK(place[s.graph.nodes.items[i]->needs.items[k]] < place[i]);
    shop_close(&s);
}

Test(graph, a_cycle_is_shown_as_the_way_around_it)
{
    shop s;
    lt_err err = {0};
    size_t *order = NULL;
    shop_open(&s);
    lt_graph_need(&s.graph, lt_graph_find(&s.graph, T("model.stg_orders")),
                  lt_graph_find(&s.graph, T("model.daily")));
    CHECK_STATUS(lt_graph_order(&s.graph, &order, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "model.orders -> ");
    CHECK_HAS(err.message, "model.daily");
    CHECK(!lt_has(err.message, "weekly"));
    shop_close(&s);
}

Test(graph, the_same_id_twice_is_a_conflict)
{
    shop s;
    lt_err err = {0};
    shop_open(&s);
    lt_node again = {.id = T("model.daily")};
    CHECK_STATUS(lt_graph_add(&s.graph, &again, NULL, &err), LT_CONFLICT, err);
    CHECK_HAS(err.message, "model.daily");
    shop_close(&s);
}

Test(graph, selection_follows_the_syntax_of_dbt)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"orders", "orders"},
        {"daily weekly", "weekly daily"},
        {"+orders", "orders stg_orders stg_customers api.orders"},
        {"1+orders", "orders stg_orders stg_customers"},
        {"orders+", "weekly daily orders"},
        {"stg_orders+1", "orders stg_orders"},
        {"+orders+", "weekly daily orders stg_orders stg_customers api.orders"},
        {"@stg_customers", "weekly daily orders stg_orders stg_customers api.orders"},
        {"stg_*", "stg_orders stg_customers"},
        {"marts", "weekly daily"},
        {"marts.daily", "daily"},
        {"path:models/staging", "stg_orders stg_customers"},
        {"path:models/staging/", "stg_orders stg_customers"},
        {"path:models/marts/daily.sql", "daily"},
        {"daily.sql", "daily"},
        {"models/marts/daily.sql", "daily"},
        {"./models/marts/daily.sql", "daily"},
        {"1+models/staging/", "stg_orders stg_customers api.orders"},
        {"tag:core tag:slow", "weekly orders"},
        {"source:api+1", "stg_orders api.orders"},
        {"resource_type:load", "api.orders"},
        {"orders+,tag:slow", "weekly"},
        {"nothing", ""},
        {"", ""},
    };
    shop s;
    shop_open(&s);
    for (size_t i = 0; i < LT_COUNT(cases); i++)
        check_selects(&s, cases[i].text, cases[i].wanted);
    shop_close(&s);
}

Test(graph, selection_says_what_matched_nothing_and_what_is_malformed)
{
    shop s;
    lt_err err = {0};
    lt_text unmatched;
    LT_AUTO(lt_node_set) set;
    shop_open(&s);
    lt_node_set_init(&set, s.graph.nodes.len);
    CHECK_OK(lt_graph_select(&s.graph, T("orders ordres+"), &set, &unmatched, &err), err);
    CHECK_TEXT(unmatched, "ordres+");
    CHECK_STATUS(lt_graph_select(&s.graph, T("tga:core"), &set, NULL, &err), LT_INVALID, err);
    CHECK_HAS(err.hint, "tag:");
    CHECK_STATUS(lt_graph_select(&s.graph, T("+"), &set, NULL, &err), LT_INVALID, err);
    shop_close(&s);
}
