"""`leat dbt` in dbt projects: the manifest, selection, builds, exit codes, packages."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import LEAT, TOP, Dbt

CASES = TOP / "tests" / "cases" / "dbt"

SMALL = {
    "dbt_project.yml": "name: small\nprofile: small\nmodels: {small: {+materialized: table}}\n"
                       "on-run-end: \"insert into ended select '{{ results | length }}'\"\n"
                       "on-run-start: create table if not exists ended (n varchar)\n",
    "profiles.yml": "small:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: small.duckdb, threads: 2}\n",
    "seeds/orders.csv": "id,customer,amount\n1,ann,5\n2,bob,7\n3,ann,1\n",
    "models/eph.sql": "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('orders') }}\n",
    "models/totals.sql": "with x as (select * from {{ ref('eph') }})\n"
                         "select customer, sum(amount) as total from x group by 1\n",
    "models/last.sql": "select * from {{ ref('totals') }}\n",
    "models/m.yml": "models:\n  - name: totals\n    columns:\n      - name: customer\n"
                    "        data_tests: [unique, not_null]\n",
    "macros/hello.sql": "{% macro hello(name) %}{% do log('hello ' ~ name, info=true) %}{% endmacro %}\n",
}


@pytest.fixture
def small(tmp_path, env):
    return Dbt(tmp_path / "small", env, SMALL)


@pytest.fixture
def shop(tmp_path, env):
    shutil.copytree(CASES / "shop", tmp_path / "shop")
    dbt = Dbt(tmp_path / "shop", env)
    dbt("deps")
    return dbt


def test_the_manifest_says_what_dbt_says(shop):
    shop("parse")
    manifest = shop.json("manifest.json")
    ours = {**manifest["nodes"], **manifest["sources"], **manifest["exposures"], **manifest["unit_tests"]}
    wanted = json.loads((CASES / "expected" / "shop.json").read_text(encoding="utf-8"))
    assert sorted(ours) == sorted(wanted)
    for name, facts in wanted.items():
        node, config = ours[name], ours[name].get("config", {})
        depends = node.get("depends_on", {})
        found = {"depends_on": depends.get("nodes", []), "fqn": node["fqn"], "relation": node.get("relation_name"),
                 "tags": node.get("tags", []), "materialized": config.get("materialized"),
                 "alias": node.get("alias"), "path": node["path"], "macros": depends.get("macros", []),
                 "meta": config.get("meta")}
        assert found == facts, name
    assert list(manifest["disabled"]) == ["model.shop.off"]
    assert manifest["nodes"]["model.shop.orders.v2"]["primary_key"] == ["id"]


@pytest.mark.parametrize("words, names", [
    (["+customers,resource_type:model", "--indirect-selection", "empty"], ["customers", "numbers", "stg_customers", "stg_orders"]),
    (["1+customers,resource_type:model", "--exclude", "package:tools", "--indirect-selection", "empty"],
     ["customers", "stg_customers", "stg_orders"]),
    (["tag:mart"], ["customers", "my_own_name", "no_negative"]),
    (["source:raw.orders", "--indirect-selection", "empty"], ["raw.orders"]),
    (["exposure:board"], ["board"]),
    (["orders.v1", "version:latest", "--indirect-selection", "empty"], ["orders.v1", "orders.v2"]),
    (["config.materialized:incremental"], ["uses_orders"]),
])
def test_selection_is_that_of_dbt(shop, words, names):
    found = shop("ls", "--quiet", "--output", "name", "--select", *words).split()
    assert sorted(found) == sorted(names)


def test_what_changed_is_found_by_its_state(shop, tmp_path):
    shop("parse")
    shutil.copytree(shop.root / "target", tmp_path / "before")
    select = ["ls", "--quiet", "--output", "name", "--indirect-selection", "empty", "--state", str(tmp_path / "before"), "-s"]
    assert shop(*select, "state:modified") == ""
    shop.write("macros/cents.sql", (shop.root / "macros/cents.sql").read_text(encoding="utf-8").replace("100", "1000"))
    shop.write("models/marts/fresh.sql", "select 1 as id\n")
    assert sorted(shop(*select, "state:modified").split()) == ["customers", "fresh"]
    assert shop(*select, "state:new").split() == ["fresh"]
    assert shop(*select, "state:modified.body").split() == ["fresh"]
    assert "--state" in shop("ls", "-s", "state:new", code=2)


def test_a_project_is_built_twice_and_its_results_are_written(small):
    for _ in range(2):
        out = small("build")
        assert "Done. PASS=7 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=7" in out  # two hooks with them
        assert small.statuses() == {"small-on-run-start-0": "success", "small-on-run-end-0": "success", "orders": "success", "totals": "success", "last": "success",
                                    "unique_totals_customer": "pass", "not_null_totals_customer": "pass"}
    code = (small.root / "target/compiled/small/models/totals.sql").read_text(encoding="utf-8")
    assert code.startswith("with  __dbt__cte__eph as (") and 'from "small"."main"."orders"' in code
    shown = small("show", "--quiet", "--inline", "select total from {{ ref('last') }} where customer = 'ann'",
                  "--output", "json")
    assert json.loads(shown)["show"] == [{"total": 6}]
    assert "5" in small("show", "--quiet", "--inline", "select max(n) as n from ended")


def test_what_a_test_refuses_goes_no_further_and_retry_takes_it_up(small):
    small.write("models/totals.sql", "select 'x' as customer, 1 as total union all select 'x', 2\n")
    out = small("build", code=1)
    assert "FAIL 1 unique_totals_customer" in out and "[SKIP]" in out
    assert small.statuses()["last"] == "skipped"
    small.write("models/totals.sql", SMALL["models/totals.sql"])
    small("run", "-s", "totals")
    small("build", "-s", "unique_totals_customer", "last")
    small.write("models/last.sql", "select nothere from {{ ref('totals') }}\n")
    out = small("run", code=1)
    assert "models/last.sql:1:8" in out
    small.write("models/last.sql", SMALL["models/last.sql"])
    assert "TOTAL=3" in small("retry")


@pytest.mark.parametrize("path, text, parts", [
    ("models/last.sql", "select * from\n{{ ref('totalz') }}\n", ["models/last.sql:2:", "totalz", "did you mean 'totals'"]),
    ("models/last.sql", "select {{ 1 + \n", ["models/last.sql:"]),
    ("models/totals.sql", "select * from {{ ref('last') }}\n", ["cycle", "model.small.last", "model.small.totals"]),
    ("models/deep/last.sql", "select 1\n", ["models/last.sql", "models/deep/last.sql"]),
    ("models/m.yml", "models:\n  - name: [\n", ["models/m.yml:"]),
    ("models/m.yml", "models: {a: b}\n", ["models/m.yml:1:9", "must be a list"]),
    ("dbt_project.yml", "name: 1-x\nprofile: small\n", ["dbt_project.yml:1:7", "no name"]),
    ("profiles.yml", "other: {}\n", ["profile named 'small'", "other"]),
    ("selectors.yml", "selectors: [{name: a}]\n", ["selectors.yml:1:", "definition"]),
])
def test_wrong_files_are_exit_code_2_with_their_place(small, path, text, parts):
    small.write(path, text)
    out = small("ls", code=2)
    for part in parts:
        assert part in out, out


@pytest.mark.parametrize("args, part", [
    (["buidl"], "did you mean 'build'"),
    (["run", "--ful-refresh"], "--full-refresh"),
    (["ls", "--full-refresh"], "has no option"),
    (["ls", "-s", "tga:x"], "did you mean 'tag:'"),
    (["ls", "--selector", "none"], "selectors.yml"),
    (["parse", "--vars", "[1]"], "must be a mapping"),
    (["parse", "--target", "dve"], "did you mean 'dev'"),
    (["run", "--event-time-start", "2024-01-01"], "must also be present"),
])
def test_wrong_words_are_exit_code_2(small, args, part):
    done = subprocess.run([LEAT, "dbt", *args], cwd=small.root, env=small.env, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 2 and part in done.stdout + done.stderr


def test_operations_variables_logs_and_a_link_named_dbt(small, tmp_path):
    assert "hello ann" in small("run-operation", "hello", "--args", "{name: ann}")
    small("run-operation", "nothere", code=2)
    small.write("models/v.sql", "select '{{ var('who', 'nobody') }}' as who, '{{ env_var('WHO', '-') }}' as env\n")
    code = small("compile", "--quiet", "-s", "v", "--vars", "{who: eve}", WHO="bob")
    assert code.strip() == "select 'eve' as who, 'bob' as env"
    lines = [json.loads(line) for line in small("parse", "--log-format", "json").splitlines()]
    assert lines[0]["info"]["name"] == "MainReportVersion"
    link = tmp_path / "dbt"
    os.symlink(pathlib.Path(LEAT).resolve(), link)
    done = subprocess.run([str(link), "ls", "-q", "-s", "totals", "--output", "path", "--indirect-selection", "empty"],
                          cwd=small.root, env=small.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "models/totals.sql\n"


def test_packages_of_git_and_folders_are_installed(small, tmp_path):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    repository = tmp_path / "tools"
    (repository / "inside" / "macros").mkdir(parents=True)
    (repository / "inside" / "dbt_project.yml").write_text("name: tools\n", encoding="utf-8")
    (repository / "inside" / "macros" / "m.sql").write_text("{% macro one() %}1{% endmacro %}\n", encoding="utf-8")
    for args in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run([*git, *args], cwd=repository, check=True, env={**small.env, "HOME": str(tmp_path)})
    small.write("packages.yml", f"packages:\n  - git: '{repository}'\n    revision: v1\n    subdirectory: inside\n")
    assert "leat dbt deps" in small("parse", code=2)
    small("deps")
    small.write("models/p.sql", "select {{ tools.one() }} as one\n")
    assert small("compile", "-q", "-s", "p").strip() == "select 1 as one"
    assert "revision" in (small.root / "package-lock.yml").read_text(encoding="utf-8")
    small.write("packages.yml", f"packages:\n  - git: '{repository}'\n    subdirectory: ../out\n")
    assert "leads out" in small("deps", code=2)
    small.write("packages.yml", "packages:\n  - package: dbt-labs/dbt_utils\n    version: one\n")
    assert "packages.yml:2:5: \"one\" is not a valid semantic version" in small("deps", code=2)


def test_a_warning_is_a_failure_with_warn_error(small):
    (small.root / "models" / "twice.sql").write_text("select 1 as a union all select 1\n")
    (small.root / "models" / "twice.yml").write_text(
        "models:\n  - name: twice\n    columns:\n      - name: a\n        data_tests:\n          - unique: {config: {severity: warn}}\n")
    assert "WARN 1" in small("build", "-s", "twice")
    assert "FAIL 1" in small("build", "-s", "twice", "--warn-error", code=1)
