/* Projects of models: references, configuration, building, tests, and errors at the right place. */
#include "dbt/run/execute.h"

#include "support/files.h"
#include "support/test.h"

typedef struct shop {
    const char *root;
    const char *target_kind; /* NULL: duckdb */
    lt_jinja_heap heap;
    lt_scope scope;
    lt_dbt *dbt;
    lt_engine *engine;
    lt_session *session;
    lt_dbt_run *run;
    lt_dbt_source sources[1];
    int64_t token;
} shop;

static void write_shop(shop *s)
{
    *s = (shop){.root = lt_test_folder()};
    lt_test_write(s->root, "models/staging/stg_orders.sql",
                  "select id, customer, amount from {{ source('api', 'orders') }}\n");
    lt_test_write(s->root, "models/marts/totals.sql",
                  "{{ config(materialized='table', tags=['daily']) }}\n"
                  "select customer, sum(amount) as total\n"
                  "from {{ ref('stg_orders') }}\ngroup by customer\n");
    lt_test_write(
        s->root, "models/schema.yml",
        "version: 2\nmodels:\n  - name: stg_orders\n    description: Orders.\n    columns:\n"
        "      - name: id\n        data_tests: [unique, not_null]\n"
        "      - name: customer\n        data_tests:\n"
        "          - accepted_values: {values: [ann, bob], config: {severity: warn}}\n"
        "          - relationships: {to: ref('totals'), field: customer}\n");
}

static lt_status load(shop *s, lt_err *err)
{
    const lt_project project = {.name = T("shop")};
    lt_scope_init(&s->scope, &project, NULL, &s->heap);
    s->sources[0] = (lt_dbt_source){.source = T("api"),
                                    .name = T("orders"),
                                    .id = T("load.api.orders"),
                                    .relation = {.schema = T("raw"), .name = T("orders")}};
    lt_dbt_settings settings = {.root = s->root,
                                .name = T("shop"),
                                .target_name = T("dev"),
                                .target_kind =
                                    lt_text_of(s->target_kind ? s->target_kind : "duckdb"),
                                .target_schema = T("main"),
                                .sources = s->sources,
                                .source_count = 1,
                                .scope = &s->scope};
    lt_dbt_close(s->dbt);
    s->dbt = NULL;
    return lt_dbt_load(&settings, &s->dbt, err);
}

static void open_target(shop *s)
{
    static const lt_target target = {
        .name = "dev", .kind = "duckdb", .path = ":memory:", .threads = 2};
    lt_err err = {0};
    CHECK_OK(lt_engine_open(&target, &s->engine, &err), err);
    CHECK_OK(lt_session_open(s->engine, &s->session, &err), err);
    CHECK_OK(lt_write_prepare(s->session, &err), err);
    CHECK_OK(lt_exec(s->session,
                     T("create schema raw; create schema main_dbt_test__audit; create table "
                       "raw.orders as select * from (values (1, 'ann', 5), "
                       "(2, 'bob', 7), (3, 'ann', 1)) t (id, customer, amount)"),
                     NULL, &err),
             err);
}

static void close_shop(shop *s)
{
    lt_dbt_run_close(s->run);
    lt_session_close(s->session);
    lt_engine_close(s->engine);
    lt_dbt_close(s->dbt);
    lt_jinja_heap_cleanup(&s->heap);
}

static lt_dbt_node *node_named(const shop *s, const char *name)
{
    for (size_t i = 0; i < lt_dbt_node_count(s->dbt); i++)
        if (lt_text_eq(lt_dbt_node_at(s->dbt, i)->name, lt_text_of(name)))
            return lt_dbt_node_at(s->dbt, i);
    return NULL;
}

/* As `leat run` does one node. */
static lt_status build(shop *s, const char *name, lt_dbt_node_result *result, lt_err *err)
{
    static const lt_dbt_guard guard = {NULL, NULL};
    lt_attempt attempt = {
        .home = T("h"), .token = ++s->token, .run_id = T("1"), .task = lt_text_of(name)};
    lt_dbt_node *node = node_named(s, name);
    CHECK(node != NULL);
    lt_dbt_run_request request = {
        .dbt = s->dbt, .engine = s->engine, .guard = &guard, .action = LT_DBT_DO_RUN};
    if (!s->run)
        CHECK_OK(lt_dbt_run_open(&request, &s->run, err), *err);
    *result = *lt_dbt_run_node(s->run, node, s->session, &attempt);
    *err = result->err ? *result->err : (lt_err){0};
    return result->outcome == LT_DBT_ERROR  ? err->status
           : result->outcome == LT_DBT_FAIL ? LT_FAILED
                                            : LT_OK;
}

static void check_cell(shop *s, const char *sql, const char *wanted)
{
    lt_err err = {0};
    lt_table table;
    LT_AUTO(lt_arena) arena = {0};
    CHECK_OK(lt_query_table(s->session, lt_text_of(sql), NULL, 0, 1, NULL, &arena, &table, &err),
             err);
    CHECK_TEXT(lt_table_cell(&table, 0, 0), wanted);
}

Test(dbt, references_and_configuration_are_known_after_loading)
{
    shop s;
    lt_err err = {0};
    write_shop(&s);
    CHECK_OK(load(&s, &err), err);
    CHECK_INT(lt_dbt_node_count(s.dbt), 6);
    const lt_dbt_node *totals = node_named(&s, "totals"), *staged = node_named(&s, "stg_orders");
    CHECK_TEXT(totals->id, "model.shop.totals");
    CHECK_TEXT(totals->config.materialized, "table");
    CHECK_TEXT(totals->config.tags.items[0], "daily");
    CHECK_INT(totals->depends_on.len, 1);
    CHECK_TEXT(totals->depends_on.items[0]->id, "model.shop.stg_orders");
    CHECK_TEXT(staged->config.materialized, "view");
    CHECK_TEXT(staged->depends_on.items[0]->load_id, "load.api.orders");
    CHECK_TEXT(staged->description, "Orders.");
    close_shop(&s);
}

Test(dbt, a_project_builds_and_its_tests_judge)
{
    shop s;
    lt_err err = {0};
    lt_dbt_node_result result;
    write_shop(&s);
    CHECK_OK(load(&s, &err), err);
    open_target(&s);
    CHECK_OK(build(&s, "stg_orders", &result, &err), err);
    CHECK_OK(build(&s, "totals", &result, &err), err);
    check_cell(&s, "select total from main.totals where customer = 'ann'", "6");
    CHECK_OK(build(&s, "unique_stg_orders_id", &result, &err), err);
    CHECK_INT(result.rows, 0);
    CHECK_OK(build(&s, "totals", &result, &err), err); /* again, over the old one */

    CHECK_OK(lt_exec(s.session, T("insert into raw.orders values (3, 'eve', 9)"), NULL, &err), err);
    CHECK_STATUS(build(&s, "unique_stg_orders_id", &result, &err), LT_FAILED, err);
    CHECK_INT(result.failures, 1);
    CHECK_TEXT(result.message, "Got 1 result, configured to fail if != 0");
    check_cell(&s, "select unique_field from main_dbt_test__audit.unique_stg_orders_id", "3");
    CHECK_OK(build(&s, "accepted_values_stg_orders_customer__ann__bob", &result, &err), err);
    CHECK_INT(result.outcome, LT_DBT_WARN);
    CHECK_INT(result.rows, 1);
    CHECK_OK(lt_exec(s.session, T("delete from raw.orders where customer = 'eve'"), NULL, &err),
             err);
    CHECK_OK(build(&s, "unique_stg_orders_id", &result, &err), err);
    check_cell(
        &s,
        "select count(*) from information_schema.tables where table_name = 'unique_stg_orders_id'",
        "0");
    close_shop(&s);
}

Test(dbt, an_incremental_model_adds_and_replaces_by_its_key)
{
    shop s;
    lt_err err = {0};
    lt_dbt_node_result result;
    write_shop(&s);
    lt_test_write(
        s.root, "models/marts/log.sql",
        "{{ config(materialized='incremental', unique_key='id') }}\n"
        "select id, amount from {{ source('api', 'orders') }}\n"
        "{% if is_incremental() %}where id >= (select max(id) from {{ this }}){% endif %}\n");
    CHECK_OK(load(&s, &err), err);
    open_target(&s);
    CHECK_OK(build(&s, "log", &result, &err), err);
    CHECK(!result.incremental);
    CHECK_OK(lt_exec(s.session,
                     T("update raw.orders set amount = 100 where id in (1, 3); "
                       "insert into raw.orders values (4, 'bob', 2)"),
                     NULL, &err),
             err);
    CHECK_OK(build(&s, "log", &result, &err), err);
    CHECK(result.incremental);
    CHECK_INT(result.rows, 2);
    check_cell(&s, "select string_agg(id || '=' || amount, ' ' order by id) from main.log",
               "1=5 2=7 3=100 4=2");
    close_shop(&s);
}

Test(dbt, bad_sql_is_told_at_the_models_own_place)
{
    shop s;
    lt_err err = {0};
    lt_dbt_node_result result;
    write_shop(&s);
    lt_test_write(s.root, "models/marts/totals.sql",
                  "{{ config(materialized='table') }}\n{% set factor = 2 %}\nselect customer,\n"
                  "    amuont * {{ factor }} as total\nfrom {{ ref('stg_orders') }}\n");
    CHECK_OK(load(&s, &err), err);
    open_target(&s);
    CHECK_OK(build(&s, "stg_orders", &result, &err), err);
    CHECK_STATUS(build(&s, "totals", &result, &err), LT_FAILED, err);
    CHECK_HAS(err.message, "models/marts/totals.sql:4:5: ");
    CHECK_HAS(err.message, "amuont");
    close_shop(&s);
}

static void check_refused(const char *path, const char *content, const char *message,
                          const char *hint)
{
    shop s;
    lt_err err = {0};
    write_shop(&s);
    lt_test_write(s.root, path, content);
    CHECK_STATUS(load(&s, &err), LT_INVALID, err);
    CHECK_HAS(err.message, message);
    CHECK_HAS(err.hint, hint);
    close_shop(&s);
}

Test(dbt, mistakes_in_files_are_told_with_their_place_and_the_nearest_name)
{
    check_refused("models/a.sql", "select *\nfrom {{ ref('stg_order') }}",
                  "models/a.sql:2:9: ", "did you mean 'stg_orders'?");
    check_refused("models/a.sql", "{{ source('api', 'order') }}", "no source 'api.order'",
                  "did you mean 'api.orders'?");
    check_refused("models/a.sql", "{{ config(materialised='table') }} select 1", "materialised",
                  "materialized");
    check_refused("models/a.sql", "{{ config(materialized='tabel') }} select 1",
                  "'tabel' is not a value", "'table'");
    check_refused("models/a.sql", "{{ var('x') }}", "variable 'x' is not set", "leat.yml");
    check_refused("models/a.sql", "select {{ 1 +", "models/a.sql:1:", "");
    check_refused("models/more.yml", "models:\n  - name: totls\n",
                  "models/more.yml:2:11: there is no model 'totls'", "totals");
    check_refused(
        "models/more.yml",
        "models:\n  - name: totals\n    columns:\n      - {name: customer, quote: true}\n",
        "models/more.yml:4:26: unknown key 'quote' in a column", "");
    check_refused("models/more.yml", "modles: []\n", "models/more.yml:1:1: unknown key 'modles'",
                  "models");
    check_refused("models/more.yml", "models:\n  - name: totals\n    data_tests: [uniqe]\n",
                  "models/more.yml:3:18: there is no test 'uniqe'", "unique");
    check_refused("models/b/totals.sql", "select 1", "the model 'totals' is there already",
                  "rename");
    check_refused("models/a.sql",
                  "{{ config(materialized='incremental', incremental_strategy='merge') }} select 1",
                  "needs a unique_key", "append");
    check_refused("models/a.sql",
                  "{% set d = {} %}{% do d.update(a=d) %}{{ config(meta=d) }} select 1",
                  "models/a.sql:1:42: this value nests more than 200 levels deep", "");
    check_refused("models/a.sql",
                  "{% set n = namespace(l=[1]) %}{% for i in range(40) %}"
                  "{% set n.l = [n.l, n.l] %}{% endfor %}{{ config(meta={'l': n.l}) }} select 1",
                  "this value has more than 1000000 parts", "");
}

Test(dbt, a_long_name_is_built_twice_on_duckdb)
{
    static const char name[] = "a_name_that_is_rather_long_for_a_table_but_still_allowed_here_x";
    shop s;
    lt_err err = {0};
    lt_dbt_node_result result;
    write_shop(&s);
    LT_AUTO(lt_chars) path = lt_format("models/%s.sql", name);
    lt_test_write(s.root, path, "{{ config(materialized='table') }} select 1 as one");
    CHECK_OK(load(&s, &err), err);
    open_target(&s);
    CHECK_OK(build(&s, name, &result, &err), err);
    CHECK_OK(build(&s, name, &result, &err), err);
    close_shop(&s);
}

Test(dbt, a_name_that_postgres_would_cut_is_refused_there)
{
    shop s;
    lt_err err = {0};
    write_shop(&s);
    s.target_kind = "postgres";
    lt_test_write(
        s.root, "models/a_name_that_is_much_too_long_for_a_table_in_postgres_and_would_be_cut.sql",
        "select 1");
    CHECK_STATUS(load(&s, &err), LT_INVALID, err);
    CHECK_HAS(err.message, "longer than PostgreSQL's 63 bytes");
    CHECK_HAS(err.hint, "alias");
    close_shop(&s);
}

static void write_udfs(shop *s)
{
    write_shop(s);
    lt_test_write(s->root, "dbt_project.yml",
                  "name: shop\nfunctions: {shop: {+volatility: stable}}\n");
    lt_test_write(s->root, "functions/base.sql", "select 1\n");
    lt_test_write(s->root, "functions/next.sql",
                  "select {{ function('base') }}() {% if true %}+ 1{% endif %}\n");
    lt_test_write(s->root, "models/staging/stg_orders.sql",
                  "select {{ function('shop', 'next') }}() as id, {{ function('next') }}() as b\n");
}

Test(dbt, a_call_of_function_is_a_reference_to_a_function)
{
    shop s;
    lt_err err = {0};
    write_udfs(&s);
    CHECK_OK(load(&s, &err), err);
    const lt_dbt_node *model = node_named(&s, "stg_orders"), *next = node_named(&s, "next");
    CHECK(next != NULL && next->kind == LT_DBT_UDF);
    CHECK(model->udf_refs.len == 2 && model->refs.len == 0);
    CHECK(model->depends_on.len == 1 && model->depends_on.items[0] == next);
    CHECK(next->depends_on.len == 1);
    CHECK_TEXT(next->depends_on.items[0]->id, "function.shop.base");
    lt_jinja_value volatility = lt_dbt_config_get(s.dbt, next, T("volatility"));
    CHECK_TEXT(lt_jinja_as_text(volatility), "stable");
    close_shop(&s);
}

Test(dbt, functions_that_call_each_other_are_a_cycle)
{
    shop s;
    lt_err err = {0};
    write_udfs(&s);
    lt_test_write(s.root, "functions/base.sql", "select {{ function('next') }}()\n");
    CHECK(load(&s, &err) == LT_INVALID);
    CHECK(lt_has(err.message, "found a cycle"));
    close_shop(&s);
}

Test(dbt, a_function_may_have_the_name_of_a_model)
{
    shop s;
    lt_err err = {0};
    write_udfs(&s);
    lt_test_write(s.root, "functions/totals.sql", "select 1\n");
    CHECK_OK(load(&s, &err), err);
    close_shop(&s);
}
