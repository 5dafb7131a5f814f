"""`leat dbt retry` has the options of the run that it takes up, as dbt's."""

import json

import pytest

from harness import Dbt, write_files

PROJECT = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: dev.duckdb}\n"
                    "    other: {type: duckdb, path: other.duckdb, schema: raised}\n",
    "models/one.sql": "{{ config(materialized='incremental') }}\nselect cast('{{ var('n') }}' as int) as n, '{{ target.name }}' as t, {{ flags.FULL_REFRESH }} as f\n",
    "models/two.sql": "select * from {{ ref('one') }}\n",
    "models/good.sql": "select 1 as id\n",
    "models/schema.yml": "models: [{name: good, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [2]}}}]}]}]\n",
}


@pytest.fixture
def dbt(tmp_path, env):
    write_files(tmp_path, PROJECT)
    return Dbt(tmp_path, {**env, "DBT_PROFILES_DIR": str(tmp_path)})


def args_of(dbt):
    return dbt.json("run_results.json")["args"]


def test_vars_target_and_full_refresh_are_those_of_the_run(dbt):
    dbt("run", "--target", "other", "--full-refresh", "--vars", "{n: x}", code=1)
    assert dbt.statuses() == {"one": "error", "two": "skipped", "good": "success"}
    out = dbt("retry", code=1)
    assert "main.one" not in out and "raised.one" in out and dbt.statuses() == {"one": "error", "two": "skipped"}
    assert args_of(dbt)["which"] == "run" and args_of(dbt)["target"] == "other" and args_of(dbt)["full_refresh"] is True
    dbt("retry", "--vars", "n: 5")  # what is said now counts for --vars and --threads
    assert dbt.statuses() == {"one": "success", "two": "success"}
    shown = dbt("show", "--target", "other", "--vars", "n: 1", "--inline", "select * from {{ ref('one') }}", "--output", "json", "-q")
    assert json.loads(shown)["show"] == [{"n": 5, "t": "other", "f": True}]
    assert not (dbt.root / "dev.duckdb").exists()
    assert "Nothing to do" in dbt("retry")


def test_the_command_is_that_of_the_run(dbt):
    dbt("build", "--vars", "n: 1", code=1)
    dbt("retry", code=1)
    assert list(dbt.statuses().values()) == ["fail"] and args_of(dbt)["which"] == "build"


def test_results_of_dbt_itself_are_understood(dbt):
    dbt("run", "--vars", "n: x", code=1)
    path = dbt.root / "target" / "run_results.json"
    found = json.loads(path.read_text())
    found["args"] = {"which": "run", "vars": {"n": "7"}, "threads": 1, "select": ["one+"], "exclude": [], "target": None, "full_refresh": False,
                     "warn_error_options": {"error": [], "warn": [], "silence": []}, "invocation_command": "dbt run", "log_format": "default"}
    path.write_text(json.dumps(found))
    dbt("retry")
    assert dbt.statuses() == {"one": "success", "two": "success"}
    path.write_text("{\"args\": {\"threads\": \"many\"}, \"results\": []}")
    assert "--threads: 'many' is not a number" in dbt("retry", code=2)
