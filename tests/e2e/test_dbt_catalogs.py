"""catalogs.yml: read as dbt reads it, with the place of what is wrong; neither DuckDB nor PostgreSQL writes to a catalog."""

import subprocess

import pytest

from harness import LEAT, clean_env, write_files

BASE = {"dbt_project.yml": "name: shop\nprofile: shop\n", "models/a.sql": "select 1 as id\n",
        "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n"}
ONE = "catalogs:\n- name: lake\n  write_integrations:\n  - {name: w1, catalog_type: \"{{ env_var('KIND', 'iceberg_rest') }}\", table_format: iceberg, adapter_properties: {a: 1}}\n"
TWO = ONE + "  - {name: w2, catalog_type: glue}\n"


def dbt(folder, *words, code=0):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.mark.parametrize("verb", ["parse", "compile", "run", "build", "seed", "snapshot", "test"])
def test_an_adapter_that_writes_to_no_catalog_says_so(tmp_path, verb):
    write_files(tmp_path, {**BASE, "catalogs.yml": ONE})
    assert "catalogs.yml:2:3: Catalog type is not supported. Received: iceberg_rest." in dbt(tmp_path, verb, code=2)


@pytest.mark.parametrize("words", [["ls"], ["show", "--inline", "select 1 as x"], ["docs", "generate"], ["source", "freshness"]])
def test_other_commands_do_not_look(tmp_path, words):
    write_files(tmp_path, {**BASE, "catalogs.yml": ONE})
    dbt(tmp_path, *words)


@pytest.mark.parametrize("text,words", [
    (TWO, "catalogs.yml:2:3: Catalog 'lake' must specify an 'active_write_integration' when multiple 'write_integrations' are provided."),
    ("catalogs: [{name: lake, write_integrations: []}]\n", "Catalog 'lake' must specify an 'active_write_integration'"),
    (TWO + "  active_write_integration: w3\n", "catalogs.yml:6:29: Catalog 'lake' must specify an 'active_write_integration' from its set of defined 'write_integrations': ['w1', 'w2']. Got: 'w3'."),
    (TWO.replace("w2", "w1"), "catalogs.yml:5:5: Catalog 'lake' cannot have multiple 'write_integrations' with the same name: 'w1'."),
    (TWO + "  active_write_integration: w2\n", "Catalog type is not supported. Received: glue."),
    (ONE.replace("table_format", "tble_format"), "unknown key 'tble_format' in a write integration"),
    (ONE.replace("catalog_type", "kind"), "unknown key 'kind' in a write integration"),
    ("catalogs: [{name: lake, write_integrations: [{name: x}]}]\n", "'catalog_type' is missing"),
    ("catalogs: [{write_integrations: []}]\n", "'name' is missing"),
    ("catalogs: {a: b}\n", "catalogs.yml:1:11"), ("catalogs: [1]\n", "a catalog must be a mapping"), ("", "is empty"), ("catalogs: [{name: [1]}]\n", "'name' must be a text")])
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, words):
    write_files(tmp_path, {**BASE, "catalogs.yml": text})
    assert words in dbt(tmp_path, "parse", code=2)


def test_a_file_without_catalogs_is_fine(tmp_path):
    write_files(tmp_path, {**BASE, "catalogs.yml": "catalogs: []\n"})
    dbt(tmp_path, "build")
