"""What `leat dbt` does beyond dbt: plan, watch, orphans, unit tests of macros and CTEs, gaps of microbatch models."""

import hashlib
import json
import shutil
import signal
import subprocess
import threading
import time

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
     {"totals": "code: what it reads: model.shop.eph has changed", "last": "upstream", "unique_totals_customer": "upstream"}),
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
    shop("compile")  # its results and its manifest belong together, but nothing was built
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


def test_new_rows_behind_views_are_a_reason_of_what_reads_the_views(shop):
    """A view shows new rows by itself; tables, snapshots and tests behind it do not."""
    schema = "analytics" if shop.target == "pg" else "main"
    shop("seed")
    shop.sql(f"create table {schema}.events as select 1 as id, timestamp '2020-01-01 00:00:00' as loaded")
    shop.sql(f"create table {schema}.silent as select 1 as id")
    shop.write("models/s.yml", f"sources:\n  - name: raw\n    schema: {schema}\n    tables:\n      - name: events\n        loaded_at_field: loaded\n"
                               "      - name: silent\nmodels:\n  - name: stage\n    columns:\n      - name: id\n        data_tests: [unique]\n")
    shop.write("models/stage.sql", "select * from {{ source('raw', 'events') }}\n")
    shop.write("models/middle.sql", "select * from {{ ref('stage') }}\n")
    shop.write("models/mart.sql", "{{ config(materialized='table') }}\nselect count(*) as n from {{ ref('middle') }}\n")
    shop.write("models/above.sql", "{{ config(materialized='table') }}\nselect * from {{ ref('mart') }}\n")
    shop.write("models/muted.sql", "select * from {{ source('raw', 'silent') }}\n")
    shop.write("models/blind.sql", "{{ config(materialized='table') }}\nselect * from {{ ref('muted') }}\n")
    shop("build")
    assert shop.built() == ["blind"]
    assert shop.why("blind")[1] == ["source raw.silent does not say when its rows were loaded (no loaded_at_field)"]
    shop.sql(f"insert into {schema}.events values (2, timestamp '2100-01-01 00:00:00')")
    assert shop.plan("--exclude", "blind") == {**shop.plan("--exclude", "blind", "mart", "above", "unique_stage_id"),
                                               "mart": ["data"], "above": ["upstream"], "unique_stage_id": ["data"]}
    assert "source raw.events has rows of 2100-01-01" in shop.why("mart")[1][0]
    shop("build", "--stale-only")
    assert shop.rows("select n from {{ ref('above') }}") == [{"n": 2}]


def test_a_table_behind_a_view_follows_what_was_built_below_the_view(duck):
    duck.write("models/behind.sql", "{{ config(materialized='table') }}\nselect * from {{ ref('last') }}\n")
    duck("build")
    duck("run", "-s", "totals")
    assert "model totals was built at" in duck.why("behind", "-s", "behind")[1][0]


def test_a_plan_of_nothing_warns(duck):
    done = subprocess.run([LEAT, "dbt", "plan", "-s", "peple", "--detailed-exitcode", "--target", "dev"], cwd=duck.root, env=duck.env,
                          capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0 and "the selection matches no node" in done.stderr, done
    assert "0 to build, 0 unchanged" in done.stdout


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


def test_a_schema_of_its_own_is_all_that_a_role_needs(tmp_path, env, postgres):
    """PostgreSQL asks for the right to make schemas also where CREATE SCHEMA IF NOT EXISTS has nothing to do."""
    shop = Shop(tmp_path / "shop", env, "pg", postgres)
    postgres.psql(f"create role settler login; revoke create on database {shop.env['PG_DB']} from public; create schema analytics authorization settler",
                  shop.url)
    shop("build", PG_USER="settler")
    assert "totals" in shop.relations()


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


# ---- watch ----

class Watch:
    """`leat dbt watch` at work: each save() waits for what is said of it."""

    def __init__(self, shop, *words):
        self.shop, self.said, self.news = shop, [], threading.Condition()
        self.process = subprocess.Popen([LEAT, "dbt", "watch", "--target", shop.target, *words], cwd=shop.root, env=shop.env,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.wait("watching ")

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.said.append(line)
                self.news.notify_all()

    def wait(self, *ends):
        """Take the lines up to the first that has one of `ends`."""
        def last_line():
            return next((i for i, line in enumerate(self.said) if line[0].isdigit() and any(end in line for end in ends)), None)

        with self.news:
            found = self.news.wait_for(lambda: last_line() is not None, timeout=90)
            assert found, f"none of {ends} in {''.join(self.said)}"
            last = last_line()
            block, self.said = self.said[:last + 1], self.said[last + 1:]
            return "".join(block)

    def save(self, path, text):
        self.shop.write(path, text)
        return self.wait(" done, ", "nothing to build", "ERROR ", "another target")

    def built(self, path, text):
        """What a save has built."""
        lines = self.save(path, text).splitlines()
        return sorted(line.split()[1] for line in lines if line.startswith("  ") and line[2].isupper())

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(90)
        self.reader.join(90)
        return code


@pytest.fixture
def watch():
    started = []

    def start(shop, *words):
        started.append(Watch(shop, *words))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def test_a_save_rebuilds_what_it_changed_with_its_tests(shop, watch):
    shop("build")
    w = watch(shop)
    assert w.built("models/totals.sql", SHOP["models/totals.sql"].replace("sum(amount)", "max(amount)")) == ["totals", "unique_totals_customer"]
    assert [row["total"] for row in shop.rows("select total from {{ ref('totals') }} order by 1")] == [10, 14]
    assert w.built("macros/inner.sql", "{% macro inner(x) %}3 * ({{ x }}){% endmacro %}\n") == ["totals", "unique_totals_customer"]
    assert w.built("seeds/orders.csv", "id,customer,amount\n1,ann,6\n") == ["orders"]
    assert w.built("models/m.yml", SHOP["models/m.yml"].replace("[unique]", "[unique, not_null]")) == ["not_null_totals_customer"]
    tests = ["not_null_totals_customer", "totals", "unique_totals_customer"]
    assert w.built("dbt_project.yml", SHOP["dbt_project.yml"].replace("2", "7")) == tests
    assert "nothing to build" in w.save("models/last.sql", SHOP["models/last.sql"])
    assert w.end() == 0


def test_what_a_save_reaches_through_others_is_rebuilt_each_time(duck, watch):
    duck("build")
    w = watch(duck)
    tests = ["totals", "unique_totals_customer"]
    for number in range(2):
        assert w.built("models/apart.sql", f"{{{{ config(materialized='table') }}}}\nselect {number} as one\n") == ["apart"]
        assert w.built("models/eph.sql", SHOP["models/eph.sql"] + f"where {number} < 2\n") == tests
        assert w.built("macros/inner.sql", f"{{% macro inner(x) %}}{number} * ({{{{ x }}}}){{% endmacro %}}\n") == tests
        assert w.built("models/seeds.yml", f"seeds: [{{name: orders, config: {{alias: orders_{number}}}}}]\n") == ["orders", *tests]
        assert "nothing to build" in w.save("models/docs.md", f"{{% docs nobody %}}{number}{{% enddocs %}}\n")
    assert w.end() == 0


def test_it_goes_on_after_errors_which_name_file_and_line(duck, watch):
    duck("build")
    w = watch(duck)
    assert "models/last.sql:1:8" in w.save("models/last.sql", "select nothing from {{ ref('totals') }}\n")
    assert "models/last.sql:1:" in w.save("models/last.sql", "select {{ ref('totals' }}\n")
    assert "no model 'totalz'" in w.save("models/last.sql", "select * from {{ ref('totalz') }}\n")
    assert "models/m.yml:" in w.save("models/m.yml", "models: [\n")
    w.save("models/m.yml", SHOP["models/m.yml"])
    assert w.built("models/last.sql", "select customer from {{ ref('totals') }}\n") == ["last"]
    assert "FAIL" in w.save("models/totals.sql", "select 'x' as customer union all select 'x'\n")
    assert w.built("models/totals.sql", SHOP["models/totals.sql"]) == ["totals", "unique_totals_customer"]
    assert w.end(signal.SIGTERM) == 0


def test_new_files_new_folders_and_removed_files_are_seen(duck, watch):
    duck("build")
    w = watch(duck)
    assert w.built("models/a/b/fresh.sql", "select 1 as id\n") == ["fresh"]
    (duck.root / "models/a/b/fresh.sql").unlink()
    assert "GONE" in w.wait("nothing to build")
    (duck.root / "models/a").rename(duck.root / "models/moved")
    w.wait("nothing to build")
    assert w.built("models/moved/b/again.sql", "select 2 as id\n") == ["again"]


@pytest.mark.parametrize("how", ["rename", "backup", "twice"])
def test_the_ways_of_editors_to_save_are_one_save(duck, watch, how):
    duck("build")
    w = watch(duck)
    file, text = duck.root / "models/apart.sql", "{{ config(materialized='table') }}\nselect 2 as one\n"
    if how == "rename":
        (duck.root / "models/.apart.sql.swp").write_text("x")
        (duck.root / "models/apart.sql.tmp").write_text(text)
        (duck.root / "models/apart.sql.tmp").rename(file)
        (duck.root / "models/.apart.sql.swp").unlink()
    elif how == "backup":
        (duck.root / "models/4913").write_text("")
        (duck.root / "models/4913").unlink()
        file.rename(duck.root / "models/apart.sql~")
        file.write_text(text)
        (duck.root / "models/apart.sql~").unlink()
    else:
        file.write_text("select")
        file.write_text(text)
    assert "apart" in w.wait(" done, ") and duck.rows("select one from {{ ref('apart') }}") == [{"one": 2}]


def test_children_and_a_selection_when_asked_for(duck, watch):
    duck("build")
    w = watch(duck, "--children", "--select", "totals+")
    assert w.built("models/totals.sql", SHOP["models/totals.sql"] + "-- x\n") == ["last", "totals", "unique_totals_customer"]
    assert "nothing to build" in w.save("models/apart.sql", "{{ config(materialized='table') }}\nselect 9 as one\n")


def test_another_target_is_told_and_not_filled(duck, watch):
    duck("build")
    w = watch(duck)
    assert "another target now, the schema main of the database other" in w.save("profiles.yml", SHOP["profiles.yml"].replace("shop.duckdb", "other.duckdb"))
    assert not (duck.root / "other.duckdb").exists()


@pytest.mark.parametrize("goes", [shutil.rmtree, lambda root: root.rename(f"{root}.old")])
def test_it_ends_when_the_project_is_removed_or_moved(duck, watch, goes):
    w = watch(duck)
    goes(duck.root)
    assert w.process.wait(90) == 2
    w.reader.join(90)
    assert f"'{duck.root}' was moved or removed while it was watched" in "".join(w.said)


def test_files_in_a_folder_that_was_moved_are_seen(duck, watch):
    duck.write("models/a/s/deep.sql", "select 1 as one")
    duck("build")
    w = watch(duck)
    (duck.root / "models/a").rename(duck.root / "models/b")
    w.wait("nothing to build", " done, ")
    (duck.root / "models/b/s/new").mkdir()
    assert "deeper" in w.built("models/b/s/new/deeper.sql", "select 1 as one")


def test_a_newer_save_stops_the_build_and_ctrl_c_does_too(tmp_path, env, postgres, watch):
    shop = Shop(tmp_path / "shop", env, "pg", postgres)
    shop("build")
    w = watch(shop)
    slow = "{{ config(materialized='table') }}\nselect 3 as one from pg_sleep(600)\n"
    asleep = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active' and pid <> pg_backend_pid()"

    def wait_until_asleep():
        until = time.monotonic() + 90
        while [str(v) for v in postgres.psql(asleep, shop.url)[0]] == ["0"]:
            assert time.monotonic() < until
            time.sleep(0.05)

    shop.write("models/apart.sql", slow)
    wait_until_asleep()
    shop.write("models/last.sql", "select customer from {{ ref('totals') }}\n")  # the slow one is tried again, with what is new
    said = w.wait("a newer save")
    wait_until_asleep()
    shop.write("models/apart.sql", "{{ config(materialized='table') }}\nselect 4 as one\n")
    said += w.wait(" done, ")
    assert "SUCCESS  apart" in said and "SUCCESS  last" in said and "ERROR" not in said and shop.rows("select one from {{ ref('apart') }}") == [{"one": 4}]
    shop.write("models/apart.sql", slow)
    wait_until_asleep()
    assert w.end() == 0
    assert shop.rows("select one from {{ ref('apart') }}") == [{"one": 4}]  # what was there before


# ---- unit tests of macros and of CTEs ----

PAID = """with src as (select * from {{ ref('orders') }}), -- a ) in a comment
"Big" as materialized (select id, amount * 2 as amount, 'a), b as (' as t from src where amount > 3),
counted (n) as (select count(*) from "Big" /* ) */)
select n from counted
"""

OWN = """macro_tests:
  - name: doubles
    macro: twice
    args: {x: amount}
    expect: {text: "2 *   (amount)"}
  - name: doubles_exactly
    macro: shop.twice
    args: [amount]
    expect: {text: "2 * (amount)", whitespace: exact}
  - name: doubles_rows
    macro: twice
    args: [amount]
    given:
      - input: payments
        rows:
          - {id: 1, amount: 2}
          - {id: 2, amount: null}
          - {id: 3, amount: 1.5}
      - input: none_of_these
        columns: {id: integer}
        rows: []
    query: select id, {{ result }} as doubled from payments where id not in (select id from none_of_these)
    expect:
      rows:
        - {id: 3, doubled: 3.0}
        - {id: 1, doubled: 4}
        - {id: 2, doubled: null}
cte_tests:
  - name: big_ones
    model: paid
    cte: Big
    given:
      - input: ref('orders')
        rows:
          - {id: 1, amount: 2}
          - {id: 2, amount: 7}
    expect:
      rows:
        - {id: 2, amount: 14}
  - name: all_of_them
    model: paid
    cte: counted
    given: [{input: ref('orders'), format: csv, rows: "id,amount\\n1,4\\n2,5\\n"}]
    expect: {rows: [{n: 2}]}
"""


def with_own(shop, text=OWN):
    shop.write("models/paid.sql", PAID)
    shop.write("leat_tests/own.yml", text)
    shop("seed")
    return shop


def test_macros_and_ctes_have_unit_tests(shop):
    with_own(shop)("build")
    assert {name: status for name, status in statuses(shop).items() if name.startswith("unit_test")} == {
        "unit_test.shop.twice.doubles": "pass", "unit_test.shop.twice.doubles_exactly": "pass", "unit_test.shop.twice.doubles_rows": "pass",
        "unit_test.shop.paid.big_ones": "pass", "unit_test.shop.paid.all_of_them": "pass"}
    shop("test", "--select", "paid")
    assert sorted(statuses(shop)) == ["unit_test.shop.paid.all_of_them", "unit_test.shop.paid.big_ones"]
    shop("test", "--select", "doubles_rows")
    assert list(statuses(shop)) == ["unit_test.shop.twice.doubles_rows"]
    nodes = shop.json("manifest.json")["unit_tests"]
    assert nodes["unit_test.shop.paid.big_ones"]["depends_on"]["nodes"] == ["model.shop.paid"]
    assert nodes["unit_test.shop.twice.doubles"]["depends_on"]["macros"] == ["macro.shop.twice"]
    shop("build")
    assert shop.built() == []
    shop.write("macros/inner.sql", "{% macro inner(x) %}3 * ({{ x }}){% endmacro %}\n")
    assert {"doubles", "doubles_exactly", "doubles_rows"} <= set(shop.built()) and "big_ones" not in shop.built()


def statuses(shop):
    return {result["unique_id"]: result["status"] for result in shop.json("run_results.json")["results"]}


def test_what_they_expect_and_do_not_get_is_shown_as_a_difference(shop):
    with_own(shop, OWN.replace("amount: 14}", "amount: 15}").replace("2 * (amount)\"", "2  * (amount)\"").replace("doubled: 4}", "doubled: 5}"))
    out = shop("build", code=1)
    assert "| --- | 2 | 15 |" in out and "| +++ | 2 | 14 |" in out
    assert "| --- | 2  * (amount)\n| +++ | 2 * (amount)" in out
    assert "| --- | 1 | 5" in out
    found = statuses(shop)
    assert found["unit_test.shop.paid.big_ones"] == found["unit_test.shop.twice.doubles_exactly"] == "fail"
    assert found["model.shop.paid"] == "skipped" and found["unit_test.shop.twice.doubles"] == "pass"
    assert "paid" not in shop.relations()


@pytest.mark.parametrize("old, new, said", [
    ("macro: twice\n    args: {x", "macro: twise\n    args: {x", "leat_tests/own.yml:3:12: there is no macro 'twise'\n  did you mean 'twice'?"),
    ("expect: {text: \"2 *   (amount)\"}", "expected: 1", "unknown key 'expected' in a test of a macro"),
    ("expect: {text: \"2 *   (amount)\"}", "expect: {}", "'expect' has either 'text' or 'rows'"),
    ("whitespace: exact", "whitespace: none", "'whitespace' is 'any' or 'exact'"),
    ("cte_tests:", "cte_test:", "unknown key 'cte_test' in this file"),
    ("model: paid", "model: payed", "no model 'payed'"),
    ("args: {x: amount}", "args: amount", "'args' is a mapping or a list"),
])
def test_mistakes_in_their_files_are_told_with_their_place(duck, old, new, said):
    assert old in OWN
    duck.write("models/paid.sql", PAID)
    duck.write("leat_tests/own.yml", OWN.replace(old, new, 1))
    assert said in duck("parse", code=2)


def test_a_cte_that_is_not_there_and_an_input_without_columns_are_told(duck):
    with_own(duck, OWN.replace("cte: Big", "cte: Bigg").replace("        columns: {id: integer}\n", ""))
    out = duck("test", "--select", "test_type:unit", code=1)
    assert "models/paid.sql has no CTE 'Bigg', it has src, Big, counted" in out and "did you mean 'Big'?" in out
    assert "input 'none_of_these' has no column" in out and "columns: {id: integer}" in out


def test_a_changed_file_of_tests_is_seen(duck, watch):
    with_own(duck)("build")
    w = watch(duck)
    assert w.built("leat_tests/own.yml", OWN.replace("amount: 14}", "amount: 15}")) == ["big_ones"]
    assert w.built("leat_tests/own.yml", OWN) == ["big_ones"]


# ---- what adapters have in common with dbt's ----

def test_a_source_that_is_a_file_is_one_on_duckdb_alone(shop):
    shop.write("models/s.yml", "sources: [{name: raw, tables: [{name: t, config: {meta: {external_location: \"read_csv('t.csv')\"}}}]}]\n")
    shop.write("models/of_file.sql", "select * from {{ source('raw', 't') }}\n")
    shop("compile", "-s", "of_file")
    made = next((shop.root / "target/compiled").rglob("of_file.sql")).read_text()
    assert made.startswith("select * from read_csv('t.csv')") == (shop.target == "dev")
