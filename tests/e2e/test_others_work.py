"""Tables, views and grants of other people: leat leaves them alone, and keeps what hangs on the tables that it builds anew."""

import os
import subprocess

import pytest

from harness import SHOP

MODELS = {
    "leat.yml": SHOP["leat.yml"],
    "models/orders.sql": "{{ config(materialized='table') }}\nselect 1 as id, 'a' as city, {{ var('amount', 10) }} as amount\n",
}


@pytest.fixture
def pg(project, postgres):
    """(program, psql on its own database)"""
    url = postgres.database()
    postgres.psql("create schema analytics", url)
    return project(MODELS, PG_URL=url), lambda sql: postgres.psql(sql, url)


@pytest.fixture
def roles(postgres):
    for name in ("reader", "boss", "author"):
        postgres.psql(f"do $$ begin create role {name}; exception when duplicate_object then null; end $$")


@pytest.mark.parametrize("what", ["table orders as select 7 as mine", "view orders as select 7 as mine"])
@pytest.mark.parametrize("kind", ["table", "view"])
def test_a_model_does_not_replace_what_leat_did_not_make(project, what, kind):
    leat = project({**MODELS, "models/orders.sql": MODELS["models/orders.sql"].replace("'table'", f"'{kind}'")})
    leat("sql", f"create {what}")
    result = leat("run", code=2)
    leat.edge(result, 'main"."orders" is there, but leat did not make it', "--take-over main.orders")
    assert leat.rows("select * from orders") == [[7]]
    leat("run", "--take-over", "main.orders")
    assert leat.rows("select id from orders") == [[1]]
    leat("run")  # now it is leat's own


def test_a_model_on_postgresql_does_not_replace_what_leat_did_not_make(pg):
    leat, psql = pg
    psql("create table analytics.orders as select 7 as mine")
    leat.edge(leat("run", "--target", "pg", code=2), "leat did not make it")
    assert psql("select * from analytics.orders") == [["7"]]
    leat("run", "--target", "pg", "--take-over", "orders")
    assert psql("select id from analytics.orders") == [["1"]]


def test_a_retry_takes_over_too(project):
    leat = project(MODELS)
    leat("sql", "create table orders as select 7 as mine")
    leat("run", code=2)
    leat("retry", "1", "--take-over", "main.orders")
    assert leat.rows("select id from orders") == [[1]]


def test_only_what_the_run_writes_can_be_taken_over(project):
    leat = project(MODELS)
    leat.edge(leat("run", "--take-over", "main.order", code=2), "no task of this run writes it")


def test_a_load_takes_over_the_same_way(shop):
    leat, _ = shop()
    leat("sql", "create schema raw; create table raw.items as select 7 as id")
    result = leat("run", code=2)
    leat.edge(result, "leat did not load it", "--take-over raw.items")
    assert leat.rows("select * from raw.items") == [[7]]
    leat("run", "--take-over", "raw.items")
    assert leat.rows("select count(*) from raw.items") == [[1000]]


def test_grants_and_row_security_stay_when_a_table_is_built_anew(pg, roles):
    leat, psql = pg
    leat("run", "--target", "pg")
    psql("grant select on analytics.orders to reader; grant select on analytics.orders to boss with grant option; "
         "grant update (city) on analytics.orders to reader; "
         "alter table analytics.orders enable row level security; "
         "create policy only_a on analytics.orders for select to reader using (city = 'a'); "
         "alter default privileges in schema analytics grant delete on tables to public")
    look = ("select a.privilege_type, coalesce(nullif(a.grantee, 0)::regrole::text, 'public'), a.is_grantable "
            "from pg_class c, aclexplode(c.relacl) a where c.oid = 'analytics.orders'::regclass and a.grantee <> c.relowner order by 1, 2")
    before = psql(look)
    assert len(before) == 2
    leat("run", "--target", "pg")
    assert psql(look) == before
    assert psql("select attacl::text from pg_attribute where attrelid = 'analytics.orders'::regclass and attname = 'city'")[0][0].startswith("{reader=w")
    assert psql("select polname, relrowsecurity from pg_policy join pg_class c on c.oid = polrelid where relname = 'orders'") == [["only_a", "t"]]
    # a column that a policy reads is gone: the table must not become readable for all
    leat.edit("models/orders.sql", "'a' as city, ", "")
    leat.edge(leat("run", "--target", "pg", code=1), "row security")
    assert psql("select city from analytics.orders") == [["a"]]


def test_views_of_other_people_stay_when_a_table_is_built_anew(pg, roles):
    leat, psql = pg
    leat("run", "--target", "pg")
    psql("grant usage, create on schema analytics to author; grant select on analytics.orders to author; "
         "create view analytics.report with (security_barrier=true) as select city, sum(amount) as total from analytics.orders group by city; "
         "comment on view analytics.report is 'of sales'; grant select on analytics.report to reader; "
         "create view analytics.deeper as select r.total + o.id as x from analytics.report r join analytics.orders o using (city); "
         "alter view analytics.deeper owner to author")
    result = leat("run", "--target", "pg", "--vars", "{amount: 20}")
    assert "dropped" not in result.text
    assert psql("select total from analytics.report") == [["20"]]
    assert psql("select reloptions, obj_description(oid), relacl::text like '%reader=r/%' from pg_class where relname = 'report'") == \
        [["{security_barrier=true}", "of sales", "t"]]
    assert psql("select viewowner from pg_views where viewname = 'deeper'") == [["author"]]


def test_views_that_cannot_come_back_are_named(pg):
    leat, psql = pg
    leat("run", "--target", "pg")
    psql("create view analytics.cities as select city from analytics.orders; create view analytics.ids as select id from analytics.orders; "
         "create materialized view analytics.kept as select id from analytics.orders; "
         "create function analytics.f(o analytics.orders) returns int language sql as 'select 1'")
    leat.edit("models/orders.sql", "'a' as city, ", "")
    result = leat("run", "--target", "pg")
    leat.edge(result, "warning: analytics.cities is dropped", 'column orders.city does not exist', "materialized view analytics.kept is dropped",
              "function analytics.f(analytics.orders) is dropped")
    assert "analytics.ids is dropped" not in result.text
    assert psql("select id from analytics.ids") == [["1"]]
    log = leat("logs", "2", "model.shop.orders").out
    assert "warning: analytics.cities is dropped" in log


def test_a_views_own_grants_and_readers_stay_when_it_is_built_anew(pg, roles):
    leat, psql = pg
    leat.write("models/v.sql", "{{ config(materialized='view') }}\nselect * from {{ ref('orders') }}\n")
    leat("run", "--target", "pg")
    psql("grant select on analytics.v to reader; create view analytics.on_v as select id from analytics.v")
    result = leat("run", "--target", "pg")
    assert "warning" not in result.text
    assert psql("select id from analytics.on_v") == [["1"]]
    assert psql("select relacl::text like '%reader=r/%' from pg_class where relname = 'v'") == [["t"]]
    leat("run", "orders", "--target", "pg")  # the model that reads it is not part of the run, and stays all the same
    assert psql("select id from analytics.v") == [["1"]]


def test_who_waits_for_a_lock_says_for_whom(pg, postgres):
    leat, psql = pg
    leat("run", "--target", "pg")
    holder = subprocess.Popen(["psql", "-XAtq", "-d", leat.env["PG_URL"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PGAPPNAME": "the\tholder"}, cwd="/")
    holder.stdin.write("begin; lock table analytics.orders in access share mode; select pg_backend_pid();\n")
    holder.stdin.flush()
    pid = holder.stdout.readline().strip()
    waiting = leat.start("run", "--target", "pg")
    seen = []
    for line in waiting.stderr:
        seen.append(line)
        if "for a lock in PostgreSQL" in line:
            break
    assert f"pid {pid} ('the?holder', user postgres, idle in transaction for" in seen[-1], seen
    holder.communicate("rollback;\n", timeout=30)
    assert waiting.wait(60) == 0
    waiting.stderr.close(), waiting.stdout.close()
    assert "for a lock in PostgreSQL" in leat("logs", "2", "model.shop.orders").out
