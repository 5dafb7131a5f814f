"""What `leat dbt` does beyond dbt: plan, watch, orphans, unit tests of macros and CTEs, gaps of microbatch models."""

import hashlib
import json
import shutil
import subprocess

import pytest

from harness import LEAT, Dbt

SHOP = {
    "dbt_project.yml": "name: shop\nprofile: shop\nvars: {scale: 2}\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
                    "    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n"
                    "    pg: {type: postgres, host: \"{{ env_var('PG_HOST', '') }}\", user: \"{{ env_var('PG_USER', 'postgres') }}\",\n"
                    "         pass: x, port: 5432, dbname: \"{{ env_var('PG_DB', '') }}\", schema: analytics, threads: 2}\n",
    "seeds/orders.csv": "id,customer,amount\n1,ann,5\n2,bob,7\n",
    "models/eph.sql": "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('orders') }}\n",
    "models/totals.sql": "{{ config(materialized='table') }}\nselect customer, {{ twice('sum(amount)') }} as total, {{ var('scale') }} as scale\n"
                         "from {{ ref('eph') }} group by 1\n",
    "models/last.sql": "select * from {{ ref('totals') }}\n",
    "models/apart.sql": "{{ config(materialized='table') }}\nselect 1 as one\n",
    "models/m.yml": "models:\n  - name: totals\n    columns:\n      - name: customer\n        data_tests: [unique]\n",
    "macros/twice.sql": "{% macro twice(x) %}{{ inner(x) }}{% endmacro %}\n",
    "macros/inner.sql": "{% macro inner(x) %}2 * ({{ x }}){% endmacro %}\n",
}


class Shop(Dbt):
    """A project with a target of its own: shop("build"), shop.rows("select ...")."""

    def __init__(self, root, env, target, postgres):
        super().__init__(root, env)
        self.target, self.postgres, self.url = target, postgres, None
        if target == "pg":
            self.url = postgres.database()
            self.env = {**env, "PG_HOST": self.url.split("host=")[1], "PG_DB": self.url.split("@/")[1].split("?")[0]}
        for path, text in SHOP.items():
            self.write(path, text)

    def __call__(self, *args, **extra):
        return super().__call__(*args, "--target", self.target, **extra)

    def sql(self, text):
        """Run a statement beside the project."""
        self.write("macros/run_it.sql", "{% macro run_it(sql) %}{% do run_query(sql) %}{% endmacro %}\n")
        self("run-operation", "run_it", "--quiet", "--args", json.dumps({"sql": text}))
        (self.root / "macros/run_it.sql").unlink()

    def rows(self, text):
        return json.loads(self("show", "--quiet", "--output", "json", "--limit", "1000", "--inline", text))["show"]

    def relations(self):
        found = self.rows("select table_name as name from information_schema.tables where table_schema = '{{ target.schema }}' order by 1")
        return [row["name"] for row in found]

    def plan(self, *words, **extra):
        """name -> the kinds of reasons, of what would be built; [] of what is unchanged."""
        nodes = json.loads(self("plan", "--output", "json", *words, **extra))["nodes"]
        assert all((node["action"] == "build") == bool(node["reasons"]) for node in nodes)
        return {node["name"]: [reason["reason"] for reason in node["reasons"]] for node in nodes}

    def built(self, *words, **extra):
        return sorted(name for name, reasons in self.plan(*words, **extra).items() if reasons)

    def why(self, name, *words):
        nodes = json.loads(self("plan", "--output", "json", *words))["nodes"]
        return next((n["evidence"], [r["detail"] for r in n["reasons"]]) for n in nodes if n["name"] == name)


@pytest.fixture(params=["dev", "pg"])
def shop(request, tmp_path, env, postgres):
    return Shop(tmp_path / "shop", env, request.param, postgres)


@pytest.fixture
def duck(tmp_path, env):
    return Shop(tmp_path / "shop", env, "dev", None)


ALL = ["apart", "last", "orders", "totals", "unique_totals_customer"]


# ---- plan ----

def test_a_plan_says_what_was_never_built_and_then_that_nothing_has_changed(shop):
    assert shop.built() == ALL
    assert shop.plan()["totals"] == ["never built", "upstream"]
    shop("plan", "--detailed-exitcode", code=2)
    shop("build")
    assert shop.built() == []
    said = shop("plan", "--detailed-exitcode")
    assert "Plan: 0 to build, 5 unchanged." in said and "nothing has changed since" in said


@pytest.mark.parametrize("path, text, wanted", [
    ("models/totals.sql", SHOP["models/totals.sql"] + "-- more\n",
     {"totals": "code: models/totals.sql has changed", "last": "upstream", "unique_totals_customer": "upstream"}),
    ("macros/inner.sql", "{% macro inner(x) %}3 * ({{ x }}){% endmacro %}\n",
     {"totals": "code: macro macro.shop.inner has changed", "last": "upstream", "unique_totals_customer": "upstream"}),
    ("models/eph.sql", "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('orders') }} where true\n",
     {"totals": "code: ephemeral model model.shop.eph has changed", "last": "upstream", "unique_totals_customer": "upstream"}),
    ("seeds/orders.csv", "id,customer,amount\n1,ann,5\n2,bob,8\n",
     {"orders": "data: seeds/orders.csv has changed", "totals": "upstream: seed orders is built", "last": "upstream",
      "unique_totals_customer": "upstream"}),
    ("dbt_project.yml", "name: shop\nprofile: shop\nvars: {scale: 3}\n",
     {"totals": "code: variable scale has changed", "last": "upstream", "unique_totals_customer": "upstream"}),
    ("dbt_project.yml", SHOP["dbt_project.yml"] + "models: {shop: {last: {+materialized: table}}}\n",
     {"last": "config: the configuration has changed: materialized"}),
    ("dbt_project.yml", SHOP["dbt_project.yml"] + "models: {shop: {+tags: [x], +meta: {owner: me}}}\n", {}),
    ("models/m.yml", SHOP["models/m.yml"].replace("[unique]", "[unique, not_null]"), {"not_null_totals_customer": "never built"}),
])
def test_a_plan_names_what_changed_and_what_follows_from_it(duck, path, text, wanted):
    duck("build")
    duck.write(path, text)
    nodes = json.loads(duck("plan", "--output", "json"))["nodes"]
    found = {n["name"]: f"{n['reasons'][0]['reason']}: {n['reasons'][0]['detail']}" for n in nodes if n["reasons"]}
    assert found.keys() == wanted.keys()
    assert all(found[name].startswith(reason) for name, reason in wanted.items()), found


def test_stale_only_builds_what_the_plan_lists(shop):
    shop("build")
    shop.write("macros/inner.sql", "{% macro inner(x) %}3 * ({{ x }}){% endmacro %}\n")
    planned = shop.built()
    out = shop("build", "--stale-only")
    assert "2 of 5 nodes are unchanged" in out
    assert sorted(shop.statuses()) == planned == ["last", "totals", "unique_totals_customer"]
    assert shop.built() == []
    assert "5 of 5 nodes are unchanged" in shop("build", "--stale-only")


def test_what_was_built_above_alone_makes_what_is_below_stale(duck):
    duck("build")
    duck("run", "-s", "totals")
    assert duck.plan()["last"] == ["upstream"] and "after it" in duck.why("last")[1][0]
    assert duck.plan()["totals"] == []


def test_what_failed_or_was_built_without_rows_is_built_again(duck):
    duck("build")
    duck("build", "--empty")
    assert duck.plan()["apart"] == ["config"] and "--empty" in duck.why("apart")[1][0]
    duck("build")
    duck.write("models/apart.sql", "{{ config(materialized='table') }}\nselect nothing\n")
    duck("build", code=1)
    duck.write("models/apart.sql", SHOP["models/apart.sql"])
    assert duck.plan()["apart"] == ["failed"]
    duck("build", "--stale-only")
    assert duck.built() == []


def test_what_is_gone_from_the_warehouse_is_never_built(shop):
    shop("build")
    shop.sql(f"drop view {'analytics' if shop.target == 'pg' else 'main'}.last")
    assert shop.plan()["last"] == ["never built"] and shop.built() == ["last"]


def test_a_full_refresh_is_a_reason_for_what_is_added_to(duck):
    duck("build")
    assert duck.plan("--full-refresh")["orders"] == ["full refresh"]
    assert duck.plan("--full-refresh")["apart"] == []


def test_a_build_that_was_killed_leaves_nothing_to_trust(duck):
    duck("build")
    file = duck.root / "target/leat_builds.json"
    record = json.loads(file.read_text())
    one = next(value for value in record["builds"].values() if value["node"] == "model.shop.apart")
    one["is_open"] = True
    file.write_text(json.dumps(record))
    assert duck.plan()["apart"] == ["failed"]
    file.write_text("{\"format\": 1, \"builds\": {\"x\"")  # cut
    assert duck.why("apart")[0] in ("manifest", "warehouse")


def test_without_a_record_the_results_of_a_run_are_evidence_and_else_the_warehouse(shop):
    shop("build")
    (shop.root / "target/leat_builds.json").unlink()
    assert shop.built() == [] and shop.why("totals")[0] == "manifest"
    shop.write("macros/inner.sql", "{% macro inner(x) %}3 * ({{ x }}){% endmacro %}\n")
    assert shop.why("totals") == ("manifest", ["a macro that it calls has changed"])
    assert shop.plan()["apart"] == []
    shop("parse")  # another manifest: it is not that of the results any more
    assert shop.why("apart") == ("warehouse", ["it is there, and nothing tells what it was built from"])


def test_the_state_of_another_folder_is_evidence(duck, tmp_path):
    duck("build")
    shutil.copytree(duck.root / "target", tmp_path / "before")
    (tmp_path / "before/leat_builds.json").unlink()
    shutil.rmtree(duck.root / "target")
    assert duck.built("--state", str(tmp_path / "before")) == []
    assert duck.why("apart", "--state", str(tmp_path / "before"))[0] == "manifest"


def test_newer_rows_of_a_source_are_a_reason_and_one_that_does_not_tell_is_too(shop):
    schema = "analytics" if shop.target == "pg" else "main"
    shop("seed")
    shop.sql(f"create table {schema}.events as select 1 as id, timestamp '2020-01-01 00:00:00' as loaded")
    shop.sql(f"create table {schema}.silent as select 1 as id")
    shop.write("models/s.yml", f"sources:\n  - name: raw\n    schema: {schema}\n    tables:\n      - name: events\n        loaded_at_field: loaded\n"
                               "      - name: silent\n")
    shop.write("models/counts.sql", "{{ config(materialized='table') }}\nselect count(*) as n from {{ source('raw', 'events') }}\n")
    shop.write("models/quiet.sql", "{{ config(materialized='table') }}\nselect count(*) as n from {{ source('raw', 'silent') }}\n")
    shop.write("models/seen.sql", "select * from {{ source('raw', 'silent') }}\n")
    shop("build")
    assert shop.plan()["counts"] == [] and shop.plan()["seen"] == []
    assert shop.why("quiet")[1] == ["source raw.silent does not say when its rows were loaded (no loaded_at_field)"]
    shop.sql(f"insert into {schema}.events values (2, timestamp '2100-01-01 00:00:00')")
    assert shop.plan()["counts"] == ["data"] and "source raw.events has rows of 2100-01-01" in shop.why("counts")[1][0]


def test_a_plan_writes_nothing(duck):
    duck("plan")
    assert not (duck.root / "shop.duckdb").exists() and not (duck.root / "target/manifest.json").exists()
    duck("build")
    watched = [duck.root / "shop.duckdb", *(duck.root / "target").glob("*.json")]
    before = [(hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in watched]
    duck.write("models/totals.sql", "{{ config(materialized='table') }}\nselect 'x' as customer\n")
    assert duck.built() and "To build:" in duck("plan")
    assert before == [(hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in watched]


def test_a_plan_needs_no_right_to_write(tmp_path, env, postgres):
    shop = Shop(tmp_path / "shop", env, "pg", postgres)
    shop("build")
    postgres.psql("create role looker login; alter role looker set default_transaction_read_only = on; "
                  "grant usage on schema analytics to looker; grant select on all tables in schema analytics to looker", shop.url)
    shop.write("models/apart.sql", "{{ config(materialized='table') }}\nselect 2 as one\n")
    assert shop.built(PG_USER="looker") == ["apart"]


# ---- orphans ----

def orphans(shop, *words, code=0):
    return {o["name"]: o for o in json.loads(shop("orphans", "--output", "json", *words, code=code))}


def test_relations_that_no_node_makes_are_listed_with_their_maker_and_dropped(shop):
    schema = "analytics" if shop.target == "pg" else "main"
    shop("build")
    shop.sql(f"create table {schema}.mine as select 1 as x")
    shop.sql(f"create table {schema}.totals__dbt_tmp as select 1 as x")
    shop.sql(f"create table {schema}.strange__dbt_tmp as select 1 as x")
    (shop.root / "models/last.sql").unlink()
    (shop.root / "models/apart.sql").rename(shop.root / "models/renamed.sql")
    found = orphans(shop)
    assert {name: o["maker"] for name, o in found.items()} == {
        "apart": "record", "last": "record", "mine": "unknown", "totals__dbt_tmp": "leftover", "strange__dbt_tmp": "unknown"}
    assert found["last"]["node"] == "model.shop.last" and found["last"]["type"] == "view" and found["last"]["built_at"]
    before = shop.relations()
    assert "--yes" in shop("orphans", "--drop", code=2) and shop.relations() == before
    dropped = orphans(shop, "--drop", "--yes")
    assert sorted(name for name, o in dropped.items() if o["dropped"]) == ["apart", "last", "totals__dbt_tmp"]
    assert shop.relations() == ["mine", "orders", "strange__dbt_tmp", "totals"]
    assert sorted(orphans(shop)) == ["mine", "strange__dbt_tmp"]
    shop("orphans", "mine", "--drop", "--yes")
    assert shop.relations() == ["orders", "strange__dbt_tmp", "totals"]
    assert "no orphaned relation" in shop("orphans", "totals", "--drop", "--yes", code=2)
    assert "totals" in shop.relations()


def test_snapshots_are_named_and_dropped_only_when_asked_for(duck):
    duck.write("snapshots/snap.sql", "{% snapshot snap %}{{ config(strategy='check', unique_key='id', check_cols='all', target_schema='main') }}\n"
                                     "select * from {{ ref('orders') }}{% endsnapshot %}\n")
    duck("build")
    (duck.root / "snapshots/snap.sql").unlink()
    assert orphans(duck)["snap"]["is_snapshot"] and not orphans(duck)["snap"]["would_drop"]
    assert "kept: a snapshot" in duck("orphans", "--drop", "--yes")
    assert "snap" in duck.relations()
    shutil.rmtree(duck.root / "target")  # nothing tells who made it, but it can only be a snapshot
    assert orphans(duck, "--drop", "--yes", "--include-snapshots")["snap"]["maker"] == "snapshot"
    assert "snap" in duck.relations()
    orphans(duck, "snap", "--drop", "--yes", "--include-snapshots")
    assert "snap" not in duck.relations()


def test_kept_failures_of_a_test_that_is_gone_are_orphans_and_those_of_one_that_is_there_are_not(duck):
    duck.write("tests/none.sql", "{{ config(store_failures=true) }}\nselect 1 as bad\n")
    duck.write("tests/other.sql", "{{ config(store_failures=true) }}\nselect 1 as bad\n")
    duck("build", code=1)
    (duck.root / "tests/none.sql").unlink()
    found = orphans(duck)
    assert list(found) == ["none"] and found["none"]["schema"] == "main_dbt_test__audit"


def test_relations_of_sources_other_schemas_and_extensions_are_not_touched(tmp_path, env, postgres):
    shop = Shop(tmp_path / "shop", env, "pg", postgres)
    postgres.psql("create schema other; create table other.t as select 1 as x; create schema analytics; "
                  "create table analytics.given as select 1 as x", shop.url)
    shop.write("models/s.yml", "sources:\n  - name: raw\n    schema: analytics\n    tables: [{name: given}]\n")
    shop("build")
    assert orphans(shop) == {}
    shop("orphans", "--drop", "--yes")
    assert "t" in [row["name"] for row in shop.rows("select table_name as name from information_schema.tables where table_schema = 'other'")]
    assert "given" in shop.relations()


def test_what_others_read_is_kept_and_said_and_views_go_before_their_tables(tmp_path, env, postgres):
    shop = Shop(tmp_path / "shop", env, "pg", postgres)
    shop("build")
    for name in ("totals", "last", "apart"):
        (shop.root / f"models/{name}.sql").unlink()
    (shop.root / "models/m.yml").unlink()
    postgres.psql("create schema people; create view people.reads as select * from analytics.apart", shop.url)
    found = orphans(shop, "--drop", "--yes", code=1)
    assert found["last"]["dropped"] and found["totals"]["dropped"] and not found["apart"]["dropped"]
    assert "depend" in found["apart"]["error"]
    assert shop.relations() == ["apart", "orders"]


def test_what_another_project_has_written_into_a_shared_schema_is_kept(duck):
    duck("build")
    duck.sql("create schema if not exists leat")
    duck.sql("create table leat.writes (relation text primary key, home text not null, token bigint not null, run_id text not null, "
             "task text not null, written_at timestamptz not null)")
    for name, task in (("theirs", "model.other.theirs"), ("ours", "model.shop.ours"), ("loaded", "load.api.loaded")):
        duck.sql(f"create table main.{name} as select 1 as x")
        duck.sql(f"insert into leat.writes values ('\"main\".\"{name}\"', 'h', 1, 'run', '{task}', now())")
    found = orphans(duck, "--drop", "--yes")
    assert {name: o["dropped"] for name, o in found.items()} == {"theirs": False, "ours": True, "loaded": False}
    assert found["theirs"]["maker"] == "leat.writes" and found["theirs"]["node"] == "model.other.theirs"
