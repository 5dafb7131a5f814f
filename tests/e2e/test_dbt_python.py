"""Models in Python: parsed without running them, run in a child process that asks for tables and gives one back.

The stdlib is enough for most of it. What needs pandas or duckdb is run by LEAT_TEST_PYTHON, where that names a Python that has them.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from harness import finish, wait_for, write_files

PROFILE = """shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, python: "{{ env_var('MODEL_PYTHON', '') }}", module_paths: [lib]}
    pg: {type: postgres, host: "{{ env_var('PG_HOST', '') }}", user: postgres, pass: x, port: 5432,
         dbname: "{{ env_var('PG_DB', '') }}", schema: analytics}
"""

PROJECT = {
    "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: shop.duckdb}\n",
    "dbt_project.yml": "name: shop\nprofile: shop\nmodels: {shop: {+materialized: view}}\n",
    "profiles.yml": PROFILE,
    "models/people.sql": "select 1 as id, 'ann' as name, 1.25::decimal(10,2) as price, date '2024-02-03' as born, "
                         "null::int as gone, 170141183460469231731687303715884105727::hugeint as big, [1, 2] as list\n"
                         "union all select 2, 'b''\"é\\n', 0.5, null, 7, 1, null\n",
    "models/same.py": "def model(dbt, session):\n    return dbt.ref('people')\n",
    "models/rows.py": "import helper\n\n\ndef model(dbt, session):\n    dbt.config(meta={'factor': 3}, tags=['py'])\n"
                      "    rows = dbt.ref('people').fetchall()\n"
                      "    return [{'id': r[0], 'n': helper.twice(r[0]), 'said': repr(r[:6]),\n"
                      "             'k': dbt.config.get('materialized'), 'm': dbt.config.meta_get('factor')} for r in rows]\n",
    "lib/helper.py": "def twice(x):\n    return 2 * x\n",
    "models/schema.yml": "models:\n  - name: rows\n    columns: [{name: id, data_tests: [unique, not_null]}]\n",
}


@pytest.fixture
def shop(project):
    leat = project(PROJECT, MODEL_PYTHON="/usr/bin/python3")

    def dbt(*words, code=0, **env):
        return leat("dbt", *words, "--profiles-dir", ".", code=code, env=env).text

    leat.dbt = dbt
    leat.result = lambda name: next(r for r in json.loads((leat.project / "target/run_results.json").read_text())["results"]
                                    if r["unique_id"].endswith("." + name))
    leat.node = lambda name: json.loads((leat.project / "target/manifest.json").read_text())["nodes"]["model.shop." + name]
    return leat


def has(python, *modules):
    found = subprocess.run([python, "-c", "import " + ", ".join(modules)], capture_output=True, check=False)
    return found.returncode == 0


@pytest.fixture
def rich(shop):
    """The same with a Python that has packages."""
    python = os.environ.get("LEAT_TEST_PYTHON", "/usr/bin/python3")

    def needs(*modules):
        if not has(python, *modules):
            pytest.skip(f"set LEAT_TEST_PYTHON to a python with {' and '.join(modules)}")

    dbt = shop.dbt
    shop.needs = needs
    shop.dbt = lambda *words, **more: dbt(*words, **{"MODEL_PYTHON": python, **more})
    return shop


def test_a_table_is_given_back_as_it_is(shop):
    shop.dbt("build")
    if not has("/usr/bin/python3", "duckdb"):
        types = "select column_name, replace(column_type, 'INTEGER[]', 'JSON') from (describe {})"  # rows of texts have no lists
        assert shop.rows(types.format("same")) == shop.rows(types.format("people"))
    assert shop.rows("select * exclude (list) from same order by id") == shop.rows("select * exclude (list) from people order by id")
    assert shop.node("same")["config"]["materialized"] == "table"  # whatever its folder says


def test_rows_come_as_pythons_values_and_dictionaries_are_a_table(shop):
    if has("/usr/bin/python3", "duckdb"):
        pytest.skip("this Python has duckdb: values come as its own")
    text = shop.dbt("build")
    assert "START python table model main.rows" in text
    assert shop.rows("select id, n, k, m from rows order by id") == [[1, 2, "table", 3], [2, 4, "table", 3]]
    said = [row[0] for row in shop.rows("select said from rows order by id")]
    assert "Decimal('1.25')" in said[0] and "datetime.date(2024, 2, 3)" in said[0] and str(2**127 - 1) in said[0]
    assert "None, 7, 1)" in said[1]
    assert shop.result("rows")["status"] == "success"


def test_the_manifest_has_language_references_and_configuration(shop):
    shop.write("models/more.py", "def model(dbt, session):\n    dbt.config(alias='other', enabled=True)\n"
                                 "    x = [dbt.ref('people'), dbt.ref('shop', 'same')]\n    return dbt.ref('people')\n")
    shop.dbt("parse")
    node = shop.node("more")
    assert (node["language"], node["alias"], node["path"]) == ("python", "other", "more.py")
    assert node["depends_on"]["nodes"] == ["model.shop.people", "model.shop.same"]
    assert [r["name"] for r in node["refs"]] == ["people", "same"]
    rows = shop.node("rows")
    assert rows["config"]["config_keys_used"] == ["materialized"] and rows["config"]["meta_keys_used"] == ["factor"]
    assert rows["unrendered_config"]["materialized"] == "table" and rows["config"]["tags"] == ["py"]
    assert not (shop.project / "shop.duckdb").exists()


def test_a_changed_file_is_parsed_again(shop):
    shop.dbt("parse")
    shop.write("models/same.py", "def model(dbt, session):\n    return dbt.ref('rows')\n")
    shop.dbt("parse")
    assert shop.node("same")["depends_on"]["nodes"] == ["model.shop.rows"]


def test_incremental_models_add_to_what_is_there_and_read_it(shop):
    shop.write("models/grow.py", "def model(dbt, session):\n    dbt.config(materialized='incremental', unique_key='id')\n"
                                 "    if not dbt.is_incremental:\n        rows = [{'id': 1, 'v': 'a'}]\n"
                                 "    else:\n        rows = [{'id': 1, 'v': str(dbt.this)}, {'id': 2, 'v': 'c'}]\n    return rows\n")
    shop.dbt("run", "-s", "grow")
    assert shop.rows("select * from grow") == [[1, "a"]]
    shop.dbt("run", "-s", "grow")
    assert shop.rows("select * from grow order by id") == [[1, '"shop"."main"."grow"'], [2, "c"]]
    shop.dbt("run", "-s", "grow", "--full-refresh")
    assert shop.rows("select * from grow") == [[1, "a"]]


def test_an_error_names_the_line_and_nothing_is_changed(shop):
    shop.dbt("run", "-s", "+same")
    shop.write("models/same.py", "# first\n\n\ndef model(dbt, session):\n    x = dbt.ref('people')\n    raise ValueError('bo' + 'om')\n"
                                 "    return x\n")
    text = shop.dbt("run", "-s", "same", code=1)
    assert "models/same.py:6:1: Python model failed: ValueError: boom" in text
    assert 'File "models/same.py", line 6, in model' in text
    assert shop.rows("select count(*) from same") == [[2]]
    shop.write("models/same.py", "def model(dbt, session):\n    print('only')\n    return None\n")
    text = shop.dbt("run", "-s", "same", code=1)
    assert "model() gave None" in text and "only" in text, text


def test_a_missing_package_is_named_with_the_next_step(shop):
    shop.write("models/same.py", "import no_such_package\n\ndef model(dbt, session):\n    return dbt.ref('people')\n")
    text = shop.dbt("run", "-s", "same", code=1)
    assert "models/same.py:1:1: Python model failed: ModuleNotFoundError: No module named 'no_such_package'" in text
    assert "python3 -m pip install no_such_package" in text and "`python:` in the profile" in text
    said = shop.dbt("run", "-s", "same", code=1, MODEL_PYTHON="/no/python")
    assert "cannot start '/no/python'" in said and "this is for a model in Python: install python3" in said


def test_a_session_without_duckdb_says_what_it_needs(shop):
    if has("/usr/bin/python3", "duckdb"):
        pytest.skip("this Python has duckdb")
    shop.write("models/same.py", "def model(dbt, session):\n    return session.sql('select 1')\n")
    text = shop.dbt("run", "-s", "same", code=1)
    assert "session.sql() needs the Python package 'duckdb'" in text and "-m pip install duckdb" in text


@pytest.mark.parametrize("body, said", [
    ("def model(dbt, session):\n    return dbt.ref('a' + 'b')\n", "models/same.py:2: ''a' + 'b'' is not a literal"),
    ("def model(dbt):\n    return 1\n", "model function should have two args"),
    ("def model(dbt, session):\n    return '{{ 1 }}'\n", "No jinja in python model code is allowed"),
    ("def model(dbt, session):\n    return dbt.ref('nobody')\n", "nobody"),
])
def test_what_cannot_be_parsed_is_refused(shop, body, said):
    shop.write("models/same.py", body)
    text = shop.dbt("parse", code=2)
    assert said.replace("''a' + 'b''", "'\"a\" + \"b\"'") in text or said in text


def test_other_materializations_refuse_python(shop):
    shop.write("models/same.py", "def model(dbt, session):\n    dbt.config(materialized='view')\n    return dbt.ref('people')\n")
    text = shop.dbt("run", "-s", "same", code=1)
    assert 'Materialization "materialization_view_default" only supports languages [' in text and 'got "python"' in text


def test_postgres_refuses_python_as_dbt_does(shop, postgres):
    url = postgres.database()
    env = {"PG_HOST": url.split("host=")[1], "PG_DB": url.split("@/")[1].split("?")[0]}
    text = shop.dbt("run", "-s", "same", "--target", "pg", code=1, **env)
    assert 'Materialization "materialization_table_default" only supports languages [\'sql\']; got "python"' in text


SLOW = """import os, subprocess, time

def model(dbt, session):
    child = subprocess.Popen(["sleep", "600"])
    with open("started.tmp", "w") as f:
        f.write(f"{os.getpid()} {child.pid} {os.path.dirname(__file__)}")
    os.rename("started.tmp", "started")
    time.sleep(600)
    return dbt.ref("people")
"""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_nothing_of_it_outlives_the_run(shop, sig):
    shop.write("models/same.py", SLOW)
    process = shop.start("dbt", "run", "-s", "same", "--profiles-dir", ".", env={"MODEL_PYTHON": "/usr/bin/python3"})
    started = shop.project / "started"
    wait_for(started.exists, "the model runs")
    pids, folder = started.read_text().rsplit(" ", 1)[0].split(), started.read_text().rsplit(" ", 1)[1]
    os.kill(process.pid, sig)
    finish(process)
    wait_for(lambda: not any(alive(pid) for pid in pids), "its processes are gone")
    wait_for(lambda: not os.path.exists(folder), "its files are gone")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_secrets_are_masked_in_what_it_prints(shop):
    shop.write("profiles.yml", PROFILE.replace("path: shop.duckdb", "path: \"{{ 'shop.duckdb' if env_var('DBT_ENV_SECRET_X') else '' }}\""))
    shop.write("models/same.py", "import os\n\ndef model(dbt, session):\n    print('it is ' + os.environ['DBT_ENV_SECRET_X'])\n"
                                 "    return dbt.ref('people')\n")
    text = shop.dbt("run", "-s", "+same", DBT_ENV_SECRET_X="hunter2hunter2")
    assert "it is" in text and "hunter2hunter2" not in text


def test_leat_run_builds_them_in_its_graph(shop):
    (shop.project / "models/rows.py").unlink()
    (shop.project / "models/schema.yml").unlink()
    shop("run")
    assert shop.rows("select count(*) from same") == [[2]]


def test_frames_of_pandas_keep_their_types(rich):
    rich.needs("pandas")
    rich.write("models/same.py", "import pandas as pd\n\ndef model(dbt, session):\n    df = dbt.ref('people').df()[['id', 'name', 'gone']]\n"
                                 "    df['moment'] = pd.Timestamp('2024-01-02 03:04:05')\n    df['yes'] = df['id'] == 1\n"
                                 "    df['half'] = df['id'] / 2\n    return df\n")
    rich.dbt("run", "-s", "+same")
    assert [row[1] for row in rich.rows("select column_name, column_type from (describe same)")][3:] == ["TIMESTAMP", "BOOLEAN", "DOUBLE"]
    assert rich.rows("select id, name, cast(gone as int), cast(moment as varchar), yes, half from same order by id") == [
        [1, "ann", None, "2024-01-02 03:04:05", True, 0.5], [2, "b'\"é\\n", 7, "2024-01-02 03:04:05", False, 1.0]]


@pytest.mark.parametrize("needs, gives", [
    (["duckdb"], "session.sql(f\"select * from {dbt.this}\") if dbt.is_incremental else dbt.ref('people').filter('id > 0')"),
    (["duckdb", "pyarrow"], "dbt.ref('people').arrow()"),
    (["duckdb", "pyarrow", "polars"], "dbt.ref('people').pl()"),
])
def test_what_dbt_duckdb_takes_is_taken(rich, needs, gives):
    rich.needs(*needs)
    rich.write("models/same.py", f"def model(dbt, session):\n    return {gives}\n")
    rich.dbt("run", "-s", "+same")
    assert rich.rows("select id, name, cast(born as varchar) from same order by id") == rich.rows(
        "select id, name, cast(born as varchar) from people order by id")


def test_types_that_parquet_has_not_are_kept(rich):
    rich.needs("duckdb")
    rich.write("models/same.py", "def model(dbt, session):\n    return session.sql(\"select sum(id) as s, max(big) as big, interval 1 day as i, "
                                 "null as n, 'a'::enum('a', 'b') as e, {'a': 1} as st from \" + name(dbt))\n\n\n"
                                 "def name(dbt):\n    dbt.ref('people')\n    return 'people'\n".replace("'people'\n\"", "'people'"))
    rich.write("models/same.py", (rich.project / "models/same.py").read_text().replace("return 'people'", "return '\"shop\".\"main\".\"people\"'"))
    rich.dbt("run", "-s", "+same")
    assert [r[1] for r in rich.rows("select column_name, column_type from (describe same)")] == [
        "HUGEINT", "HUGEINT", "INTERVAL", "INTEGER", "ENUM('a', 'b')", "STRUCT(a INTEGER)"]
    assert str(rich.rows("select cast(big as varchar) from same")[0][0]) == str(2**127 - 1)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
