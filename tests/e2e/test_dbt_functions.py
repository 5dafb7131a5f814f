"""leat dbt on DuckDB: functions of a database as nodes of the project."""

import json
import subprocess

from harness import LEAT, clean_env, write_files

BASE = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2},\n"
                    "  other: {type: duckdb, path: shop.duckdb, schema: other}}}\n",
    "functions/twice.sql": "select price * 2\n",
    "functions/f.yml": "functions:\n  - name: twice\n    arguments: [{name: price, data_type: integer, default_value: 50}]\n"
                       "    returns: {data_type: bigint}\n",
    "models/a.sql": "select {{ function('twice') }}(21) as x, {{ function('shop', 'twice') }}() as y\n",
}


def dbt(folder, *words, code=0):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == code, done.stdout
    return done.stdout


def manifest(folder):
    return json.loads((folder / "target/manifest.json").read_text())


def row(folder, sql):
    out = dbt(folder, "show", "--inline", sql, "--output", "json", "--quiet", "--no-write-json")
    return tuple(json.loads(out[out.index("{"):])["show"][0].values())


def test_a_function_is_made_before_the_model_that_calls_it(tmp_path):
    write_files(tmp_path, BASE)
    said = dbt(tmp_path, "build")
    assert said.index("OK created function main.twice") < said.index("START sql view model main.a")
    assert row(tmp_path, "select x, y, typeof(x) as t from {{ ref('a') }}") == (42, 100, "BIGINT")
    assert manifest(tmp_path)["nodes"]["model.shop.a"]["functions"] == [["twice"], ["shop", "twice"]]
    assert manifest(tmp_path)["parent_map"]["model.shop.a"] == ["function.shop.twice"]


def test_run_leaves_functions_alone(tmp_path):
    write_files(tmp_path, BASE)
    assert "function main.twice" not in dbt(tmp_path, "run", code=1)


def test_a_parse_from_the_cache_knows_functions_and_what_changed_in_them(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "build")
    before = manifest(tmp_path)["functions"]
    write_files(tmp_path, {"functions/twice.sql": "select price * 3\n"})
    dbt(tmp_path, "build")
    assert row(tmp_path, "select x from {{ ref('a') }}") == (63,)
    after = manifest(tmp_path)["functions"]
    assert after["function.shop.twice"].pop("raw_code") == "select price * 3"
    keys = ("arguments", "returns", "depends_on", "config")
    assert [after["function.shop.twice"][key] for key in keys] == [before["function.shop.twice"][key] for key in keys]


def test_a_changed_signature_is_a_changed_function(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "build")
    (tmp_path / "target").rename(tmp_path / "old")
    assert "shop" not in dbt(tmp_path, "ls", "-s", "state:modified", "--state", "old", "--quiet")
    write_files(tmp_path, {"functions/f.yml": BASE["functions/f.yml"].replace("bigint", "integer")})
    assert dbt(tmp_path, "ls", "-s", "state:modified", "--state", "old", "--quiet").split() == ["shop.twice"]


def test_with_defer_a_function_that_is_not_built_here_is_the_other_environments(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "build")
    (tmp_path / "target").rename(tmp_path / "old")
    dbt(tmp_path, "run", "--target", "other", "--defer", "--state", "old")
    assert '"main"."twice"(21)' in (tmp_path / "target/compiled/shop/models/a.sql").read_text()
    dbt(tmp_path, "build", "--target", "other", "--defer", "--state", "old")
    assert '"other"."twice"(21)' in (tmp_path / "target/compiled/shop/models/a.sql").read_text()


def test_what_is_wrong_with_a_function_is_told_at_its_place(tmp_path):
    write_files(tmp_path, {**BASE, "models/a.sql": "select {{ function('twise') }}(1)\n"})
    said = dbt(tmp_path, "parse", code=2)
    assert "models/a.sql:1:11: there is no function 'twise'" in said and "did you mean 'twice'?" in said
    write_files(tmp_path, {**BASE, "functions/f.yml": "functions: [{name: twice, returns: {data_type: int}, config: {volatility: sometimes}}]\n"})
    assert "'sometimes' is not a value of volatility" in dbt(tmp_path, "parse", code=2)
    write_files(tmp_path, {"functions/f.yml": "functions: [{name: twice}]\n"})
    assert "functions/f.yml:1:13: 'returns' is missing" in dbt(tmp_path, "parse", code=2)
    write_files(tmp_path, {"functions/f.yml": "functions: [{name: twice, returns: {data_type: int}, arguments: [{name: a, data_type: int, default_value: 1}, "
                           "{name: b, data_type: int}]}]\n"})
    assert "Non-defaulted argument 'b' of function 'twice' comes after" in dbt(tmp_path, "parse", code=2)


def test_functions_in_python_need_an_adapter_that_has_them(tmp_path):
    files = {key: text for key, text in BASE.items() if key != "functions/twice.sql"}
    write_files(tmp_path, {**files, "functions/twice.py": "def twice(price):\n    return price * 2\n"})
    assert "A `runtime_version` is required for python functions" in dbt(tmp_path, "build", code=1)
    write_files(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "functions: {+runtime_version: '3.11', +entry_point: twice}\n"})
    assert "No macro named 'scalar_function_python' found within namespace" in dbt(tmp_path, "build", code=1)
    assert manifest(tmp_path)["functions"]["function.shop.twice"]["language"] == "python"


def test_a_plan_tells_of_functions_and_of_what_calls_them(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "build")
    assert "Plan: 0 to build" in dbt(tmp_path, "plan")
    write_files(tmp_path, {"functions/twice.sql": "select price * 4\n"})
    said = dbt(tmp_path, "plan")
    assert "Plan: 2 to build" in said and "upstream: function twice is built" in said
    dbt(tmp_path, "build", "--stale-only")
    assert row(tmp_path, "select x from {{ ref('a') }}") == (84,)
