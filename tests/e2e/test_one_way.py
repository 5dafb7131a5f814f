"""`leat run` and `leat dbt` do the same with a node: seeds, snapshots, hooks and unit tests in both; killed in the middle, nothing is lost or doubled."""

import random
import signal
import subprocess

import pytest

from harness import end_group, finish

SEED = 20261122

PROJECT = {
    "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: shop.duckdb, threads: 2}\n"
                "  pg: {engine: postgres, url: \"{{ env_var('PG_URL', '') }}\", schema: analytics}\n",
    "dbt_project.yml": "name: shop\nprofile: shop\nsnapshots: {shop: {+schema: past}}\n"
                       "on-run-start: create table if not exists {{ target.schema }}.hooked (word varchar)\n"
                       "on-run-end: \"insert into {{ target.schema }}.hooked select 'end {{ results | length }}'\"\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
                    "    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n"
                    "    pg: {type: postgres, host: \"{{ env_var('PG_HOST', '') }}\", user: postgres, pass: x, port: 5432,\n"
                    "         dbname: \"{{ env_var('PG_DB', '') }}\", schema: analytics, threads: 2}\n",
    "seeds/raw.csv": "id,amount,changed\n1,10,2024-01-01\n2,20,2024-01-01\n",
    "snapshots/history.sql": "{% snapshot history %}{{ config(strategy='timestamp', unique_key='id', updated_at='changed') }}"
                             "select id, amount, cast(changed as timestamp) as changed from {{ ref('raw') }}{% endsnapshot %}\n",
    "models/eph.sql": "{{ config(materialized='ephemeral') }}\nselect id, amount from {{ ref('history') }} where dbt_valid_to is null\n",
    "models/log.sql": "{{ config(materialized='incremental', post_hook=\"insert into {{ target.schema }}.hooked select 'log'\") }}\n"
                      "select id, amount from {{ ref('eph') }}\n"
                      "{% if is_incremental() %}where id > (select coalesce(max(id), 0) from {{ this }}){% endif %}\n",
    "models/merged.sql": "{{ config(materialized='incremental', unique_key='id') }}\nselect id, amount from {{ ref('eph') }}\n",
    "models/total.sql": "{{ config(materialized='table') }}\nselect sum(amount) as total, count(*) as n from {{ ref('merged') }}\n",
    "models/m.yml": """
models:
  - name: log
    columns: [{name: id, data_tests: [unique, not_null]}]
unit_tests:
  - name: sums
    model: total
    given:
      - input: ref('merged')
        rows: [{id: 1, amount: 3}, {id: 2, amount: 4}]
    expect:
      rows: [{total: 7, n: 2}]
""",
}


class Warehouse:
    """The project on one target: `leat run` or `leat dbt build` in it, and what is in its tables then."""

    def __init__(self, leat, target, verb, psql=None):
        self.leat, self.target, self.psql = leat, target, psql
        self.words = ["run"] if verb == "run" else ["dbt", "build", "--profiles-dir", "."]
        self.words += ["--target", target]

    def build(self, *more, code=0):
        return self.leat(*self.words, *more, code=code)

    def rows(self, sql):
        if self.psql:
            return [tuple(row) for row in self.psql("set search_path = analytics, analytics_past; " + sql)]
        return [tuple(str(v) for v in row) for row in self.leat.rows(sql.replace("history", "main_past.history"))]


def pg_env(url):
    """What profiles.yml and leat.yml ask for."""
    return {"PG_URL": url, "PG_HOST": url.split("host=")[1], "PG_DB": url.split("@/")[1].split("?")[0]}


@pytest.fixture(params=[("run", "dev"), ("run", "pg"), ("dbt", "dev"), ("dbt", "pg")], ids="-".join)
def warehouse(request, project, postgres):
    verb, target = request.param
    if target == "dev":
        return Warehouse(project(PROJECT), "dev", verb)
    url = postgres.database()
    leat = project(PROJECT, **pg_env(url))
    return Warehouse(leat, "pg", verb, lambda sql: postgres.psql(sql, url))


def write_seed(warehouse, rows, day):
    lines = [f"{i},{i * 10 + day},2024-01-{day:02}" for i in range(1, rows + 1)]
    warehouse.leat.write("seeds/raw.csv", "\n".join(["id,amount,changed", *lines]) + "\n")


def check_whole(warehouse, rows, day):
    """One row for each id everywhere, and a history without gaps or doubles."""
    n = str(rows)
    assert warehouse.rows("select count(*), count(distinct id) from log") == [(n, n)]
    assert warehouse.rows("select count(*), count(distinct id) from merged") == [(n, n)]
    total = sum(i * 10 + day for i in range(1, rows + 1))
    assert warehouse.rows("select total, n from total") == [(str(total), n)]
    assert warehouse.rows("select count(*), count(distinct id) from history where dbt_valid_to is null") == [(n, n)]
    assert warehouse.rows("select count(*) from (select id, dbt_valid_from from history group by 1, 2 having count(*) > 1) twice") == [("0",)]
    assert warehouse.rows("select count(*) from (select dbt_valid_to, lead(dbt_valid_from) over (partition by id order by dbt_valid_from) as next "
                          "from history) steps where dbt_valid_to is distinct from next") == [("0",)]


def test_a_project_goes_from_its_seeds_to_its_tests(warehouse):
    warehouse.build()
    write_seed(warehouse, 3, 2)
    warehouse.build()
    check_whole(warehouse, 3, 2)
    assert warehouse.rows("select count(*) from history") == [("5",)]
    words = [row[0] for row in warehouse.rows("select word from hooked")]
    assert words.count("log") == 2 and len([w for w in words if w.startswith("end ")]) == 2 and "end 8" in words


def test_a_unit_test_that_fails_keeps_its_model_from_being_built(warehouse):
    warehouse.leat.edit("models/total.sql", "sum(amount)", "max(amount)")
    result = warehouse.build(code=1)
    warehouse.leat.edge(result, "sums")
    assert "otal" in result.text
    assert warehouse.rows("select count(*) from merged") == [("2",)]
    assert warehouse.rows("select count(*) from information_schema.tables where table_name = 'total'") == [("0",)]


def test_killed_at_any_moment_the_next_build_makes_it_good(warehouse):
    dice = random.Random(SEED)
    write_seed(warehouse, 2, 1)
    took = warehouse.build().seconds
    killed = 0
    for turn in range(2, 8):
        write_seed(warehouse, turn + 1, turn)
        process = warehouse.leat.start(*warehouse.words)
        try:
            process.wait(dice.random() * took)
        except subprocess.TimeoutExpired:
            pass
        end_group(process)
        killed += finish(process).code == -signal.SIGKILL
        took = warehouse.build().seconds
    check_whole(warehouse, 8, 7)
    assert killed >= 2, f"only {killed} builds were killed: the test proves little"


def test_two_builds_at_once_do_not_double_a_row(warehouse):
    warehouse.build()
    write_seed(warehouse, 40, 3)
    both = [warehouse.leat.start(*warehouse.words) for _ in range(2)]
    codes = [finish(process, 120).code for process in both]
    assert 0 in codes
    warehouse.build()
    check_whole(warehouse, 40, 3)


def test_a_projects_own_materialization_runs_in_leat_run_too(project):
    leat = project({**PROJECT, "models/own.sql": "{{ config(materialized='twice') }}\nselect 21 as half\n",
                    "macros/twice.sql": "{% materialization twice, default %}\n"
                                        "{% set made = this.incorporate(type='table') %}\n"
                                        "{% call statement('main') %}create or replace table {{ made }} as select 2 * half as whole from ({{ sql }}) h{% endcall %}\n"
                                        "{{ adapter.commit() }}\n{{ return({'relations': [made]}) }}\n{% endmaterialization %}\n"})
    leat("run", "own")
    assert leat.rows("select whole from own") == [[42]]


def test_grants_comments_and_indexes_of_a_model_are_made_by_leat_run(project, postgres):
    url = postgres.database()
    postgres.psql("do $$ begin create role reader; exception when duplicate_object then null; end $$")
    leat = project({"leat.yml": PROJECT["leat.yml"], "dbt_project.yml": "name: shop\nprofile: shop\n",
                    "models/a.sql": "{{ config(materialized='table', indexes=[{'columns': ['id'], 'unique': true}], "
                                    "grants={'select': ['reader']}, persist_docs={'relation': true}) }}\nselect 1 as id\n",
                    "models/a.yml": "models: [{name: a, description: of one}]\n"}, PG_URL=url)
    for _ in range(2):
        leat("run", "--target", "pg")
        assert postgres.psql("select obj_description('analytics.a'::regclass), has_table_privilege('reader', 'analytics.a', 'select')", url) == [["of one", "t"]]
        assert postgres.psql("select count(*) from pg_indexes where tablename = 'a'", url) == [["1"]]
    leat.edit("models/a.sql", "'select': ['reader']", "'select': ['postgres']")
    leat("run", "--target", "pg")
    assert postgres.psql("select has_table_privilege('reader', 'analytics.a', 'select')", url) == [["f"]]


def test_leat_dbt_in_a_warehouse_of_leat_run_writes_what_leat_run_may_replace(project, postgres):
    url = postgres.database()
    leat = project(PROJECT, **pg_env(url))
    leat("run", "--target", "pg", "raw")
    leat("dbt", "build", "--profiles-dir", ".", "--target", "pg")
    leat("run", "--target", "pg")
    assert postgres.psql("select n from analytics.total", url) == [["2"]]


def test_a_late_attempt_of_leat_run_writes_nothing(project, postgres):
    """A run that was given to another while it waited for the lock on its relation."""
    url = postgres.database()
    leat = project({"leat.yml": PROJECT["leat.yml"], "models/a.sql": "{{ config(materialized='table') }}\nselect 1 as id\n"}, PG_URL=url)
    leat("run", "--target", "pg")
    postgres.psql("update leat.writes set token = 1000000", url)
    leat.edit("models/a.sql", "1 as id", "2 as id")
    result = leat("run", "--target", "pg", code=None)
    assert result.code == 2 and "later attempt" in result.text
    assert postgres.psql("select id from analytics.a", url) == [["1"]]


def test_a_large_seed_goes_to_postgresql_whole_and_with_its_types(project, postgres):
    url = postgres.database()
    lines = [f'{i},c{i % 999},{i / 8},2024-01-{i % 28 + 1:02},{"true" if i % 2 else ""},"a, ""{i}"" é"' for i in range(3000)]
    leat = project({**{k: PROJECT[k] for k in ("leat.yml", "profiles.yml")},
                    "dbt_project.yml": "name: shop\nprofile: shop\nseeds: {shop: {+column_types: {code: varchar(4), price: 'numeric(10,2)'}}}\n",
                    "seeds/s.csv": "id,code,price,day,flag,note\n" + "\n".join(lines) + "\n"}, **pg_env(url))
    for words in (["dbt", "seed", "--profiles-dir", ".", "--target", "pg"], ["run", "--target", "pg"]):
        leat(*words)
        assert postgres.psql("select count(*), sum(price), count(flag), max(day), max(note), min(pg_typeof(id)::text) from analytics.s", url) == \
            [["3000", "562320.00", "1500", "2024-01-28", 'a, "999" é', "integer"]]
        if words[0] == "dbt":
            postgres.psql("drop table analytics.s", url)
    leat.edit("seeds/s.csv", "2999,c2,", "2999,toolong,")
    leat.edge(leat("run", "--target", "pg", code=1), "too long")
    assert postgres.psql("select count(*) from analytics.s", url) == [["3000"]]
