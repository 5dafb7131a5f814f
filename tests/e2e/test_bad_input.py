"""Wrong files, wrong words, a machine that says no: place, cause, next step, and the right exit code."""

import os
import subprocess

import pytest

from harness import SHOP, check_shop, wait_until

WRONG_FILES = {
    "an unknown key": ("leat.yml", "name: shop\ntagets: {}\n", ["leat.yml:2:1", "tagets", "targets"]),
    "a duplicate key": ("leat.yml", "name: shop\nname: shop\n", ["leat.yml:2:1", "stands twice"]),
    "a wrong type": ("leat.yml", "name: shop\nthreads: many\n", ["leat.yml:2:10", "threads", "many"]),
    "no YAML": ("leat.yml", "name: [shop\n", ["leat.yml:"]),
    "an empty file": ("leat.yml", "", ["leat.yml:1:1"]),
    "an unknown engine": ("leat.yml", "name: shop\ntargets: {dev: {engine: duckbd}}\n", ["leat.yml:2:", "duckdb"]),
    "a key too deep": ("sources/api.yml", SHOP["sources/api.yml"].replace("size_param", "sizeparam"),
                       ["sources/api.yml:11:53", "sizeparam", "size_param"]),
    "a cursor that is a list": ("sources/api.yml", SHOP["sources/api.yml"].replace("{field: updated_at, param: since, overlap: 1h}",
                                                                                  "[updated_at]"), ["sources/api.yml:12:13"]),
    "two sources of one name": ("sources/again.yml", SHOP["sources/api.yml"], ["again.yml", "api"]),
    "a pipeline with an unknown key": ("pipelines/all.yml", "name: all\nselct: x\n", ["pipelines/all.yml:2:1", "select"]),
    "a missing reference": ("models/totals.sql", "select city\nfrom {{ ref('stg_itmes') }}\n",
                            ["models/totals.sql:2:", "stg_itmes", "stg_items"]),
    "a missing source": ("models/stg_items.sql", "select *\nfrom {{ source('api', 'itms') }}\n",
                         ["models/stg_items.sql:2:", "itms", "items"]),
    "a cycle": ("models/stg_items.sql", "select * from {{ ref('totals') }}\n", ["stg_items", "totals"]),
    "a model that needs itself": ("models/totals.sql", "select * from {{ ref('totals') }}\n", ["totals"]),
    "a template that does not end": ("models/totals.sql", "select 1 as a\nfrom {{ ref('stg_items')\n", ["models/totals.sql:2:"]),
    "an unknown macro": ("models/totals.sql", "select\n  {{ centz(1) }} as a\n", ["models/totals.sql:2:", "centz"]),
    "an if without an end": ("models/totals.sql", "{% if true %}\nselect 1 as a\n", ["models/totals.sql:"]),
    "a test of an unknown model": ("models/models.yml", "version: 2\nmodels:\n  - name: totls\n    columns: [{name: a, "
                                   "data_tests: [unique]}]\n", ["models/models.yml:3:", "totls", "totals"]),
    "an unknown test": ("models/models.yml", "version: 2\nmodels:\n  - name: totals\n    columns: [{name: city, "
                        "data_tests: [uniqe]}]\n", ["models/models.yml:4:", "uniqe"]),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_the_files_are_wrong_with(name, project):
    path, text, parts = WRONG_FILES[name]
    leat = project({**SHOP, path: text}, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    result = leat("run", code=2)
    leat.edge(result, *parts)
    assert "internal" not in result.text.lower()
    assert leat("run", "--dry-run", code=2).code == 2


def test_two_models_of_one_name_are_refused(project):
    leat = project({**SHOP, "models/deep/totals.sql": "select 1 as a\n"}, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    leat.edge(leat("run", code=2), "totals", "models/deep/totals.sql", "models/totals.sql")


@pytest.mark.parametrize("target", ["dev", "pg"])
@pytest.mark.parametrize("sql,place,parts", [
    ("select\n    city,\n    cuont(*) as n\nfrom {{ ref('stg_items') }}\ngroup by city\n", "models/totals.sql:3:5", ["cuont"]),
    ("select city\nfrom {{ ref('stg_items') }}\nwhere citty = 'Bree'\n", "models/totals.sql:3:7", ["citty"]),
    ("select city,\nfrom from {{ ref('stg_items') }}\n", "models/totals.sql:2:", ["syntax"]),
    ("{# a comment\n   of two lines #}\n{% set x = 1 %}\nselect {{ x }} as one,\n  nothere as two\n", "models/totals.sql:5:3",
     ["nothere"]),
], ids=["function", "column", "syntax", "behind templates"])
def test_bad_sql_is_told_with_the_models_own_line(sql, place, parts, target, shop, request):
    leat, _ = shop(files={"models/totals.sql": sql})
    if target == "pg":
        leat.env["PG_URL"] = request.getfixturevalue("postgres").database()
    result = leat("run", "--target", target, code=1)
    leat.edge(result, place, *parts)
    runs = leat("runs", "last", "--json").json()
    assert {t["status"] for t in runs if "totals" in t["task"] and t["task"].startswith("model")} == {"failed"}


def test_a_failing_test_shows_where_its_rows_are(shop):
    leat, _ = shop(files={"tests/no_bree.sql": "select id, city from {{ ref('stg_items') }} where city = 'Bree'\n"})
    result = leat("run", code=1)
    leat.edge(result, "no_bree", "200")
    tables = leat.rows("select table_schema || '.' || table_name as t from information_schema.tables where table_name = 'no_bree'")
    assert len(tables) == 1, "the failing rows are kept in a table"
    assert leat.rows(f"select count(*) as n, min(city) as c from {tables[0][0]}") == [[200, "Bree"]]


def test_a_test_that_only_warns_lets_the_run_succeed(shop):
    leat, _ = shop(files={"tests/no_bree.sql": "{{ config(severity='warn') }}\nselect id from {{ ref('stg_items') }} "
                          "where city = 'Bree'\n"})
    result = leat("run")
    leat.edge(result, "no_bree", "warn")


def test_a_missing_secret_is_named_with_what_to_do(shop):
    leat, server = shop()
    result = leat("run", code=2, env={"API_TOKEN": None})
    leat.edge(result, "API_TOKEN", "sources/api.yml:4:")
    assert "leat secret set API_TOKEN" in result.text or "secret set" in result.text, result
    assert server.requests() == 0


def test_a_missing_environment_variable_is_named(shop):
    leat, _ = shop()
    result = leat("run", code=2, env={"API_URL": None})
    leat.edge(result, "API_URL", "sources/api.yml:3:")


def test_no_project_is_told_with_what_to_do(tmp_path, project):
    leat = project({}, name="empty")
    result = leat("run", code=2)
    leat.edge(result, "leat.yml", "leat init")


@pytest.mark.parametrize("words,parts", [
    (["rnu"], ["rnu", "leat run"]),
    (["run", "--tragets", "x"], ["--tragets"]),
    (["run", "--threads", "0"], ["threads"]),
    (["run", "--threads", "x"], ["threads", "x"]),
    (["retry"], ["RUN"]),
    (["retry", "soon"], ["soon"]),
    (["reproduce", "99"], ["no runs"]),
    (["run", "--vars", "{a"], ["vars"]),
    (["run", "--pipeline", "al"], ["al", "all"]),
])
def test_wrong_words_are_explained(words, parts, project):
    leat = project(SHOP, API_URL="http://127.0.0.1:9", API_TOKEN="t")
    leat.edge(leat(*words, code=2), *parts)


def test_errors_are_json_when_asked(project):
    leat = project({**SHOP, "leat.yml": "name: shop\ntagets: {}\n"})
    import json
    error = json.loads(leat("run", "--json", code=2).err.splitlines()[-1])["error"]
    assert error["message"].startswith("leat.yml:2:1") and "targets" in error["hint"]


# ---- the machine ----


def test_a_home_that_cannot_be_written_is_named(shop, tmp_path):
    leat, _ = shop()
    (tmp_path / "file").write_text("")
    leat.home = tmp_path / "file" / "home"
    leat.edge(leat("run", code=(2, 3)), str(tmp_path / "file"))


def test_a_read_only_home_is_named(shop, tmp_path):
    leat, _ = shop()
    home = tmp_path / "ro"
    home.mkdir()
    if os.getuid() == 0:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", home], capture_output=True).returncode:
            pytest.skip("root writes everywhere, and mounting is not allowed here")
    else:
        home.chmod(0o500)
    try:
        leat.home = home
        leat.edge(leat("run", code=(2, 3)), str(home))
    finally:
        subprocess.run(["umount", home], capture_output=True)
        home.chmod(0o700)


@pytest.mark.parametrize("megabytes", [1, 2, 4, 6])
def test_a_full_disk_is_told_and_later_runs_give_the_same_tables(megabytes, shop, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root may mount the small disk that this needs")
    home = tmp_path / "small"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", home], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        leat, _ = shop(rows=20000, files={"sources/api.yml": SHOP["sources/api.yml"].replace("size: 50,", "size: 1000,")})
        leat.home = home
        result = leat("run", code=None)
        assert result.code in (0, 3), result
        if megabytes <= 2:
            assert result.code == 3, result
        if result.code == 3:
            assert "space" in result.text or "full" in result.text, result
        subprocess.run(["mount", "-o", "remount,size=300m", home], check=True)
        leat("run")
        check_shop(leat, 20000)
        leat("store", "check")
    finally:
        subprocess.run(["umount", "-l", home], capture_output=True)


def test_a_store_that_is_nearly_full_takes_nothing_but_can_be_emptied(project, tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root may mount the small disk that this needs")
    leat = project({"leat.yml": "name: shop\n"})
    home = tmp_path / "small"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", home], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        leat.home = home
        body = leat.project / "body.bin"
        leat("store", "mb", "box")
        stored = 0
        for number in range(30):
            body.write_bytes(os.urandom(1 << 20))
            result = leat("store", "cp", "body.bin", f"box/{number}", code=None)
            if result.code:
                break
            stored += 1
        leat.edge(result, "nearly full", "leat store prune")
        assert result.code == 3 and 10 < stored < 24, (stored, result)
        for number in range(stored):
            leat("store", "rm", f"box/{number}")
        left = leat("store", "ls", "box/").out
        assert not left.strip(), left
        leat("store", "check")
    finally:
        subprocess.run(["umount", "-l", home], capture_output=True)


def test_the_second_of_two_runs_waits_and_says_for_whom(shop):
    leat, _ = shop("--latency", 60)
    first = leat.start("run")
    try:
        wait_until(lambda: list((leat.home / "leases").glob("*.lock")) if (leat.home / "leases").exists() else None)
        second = leat("run")
        assert first.wait(60) == 0, first.stderr.read()
        leat.edge(second, "waiting", str(first.pid))
    finally:
        first.kill()
        first.communicate()
    check_shop(leat)
    assert [run["status"] for run in leat.runs()] == ["succeeded", "succeeded"]


def test_four_runs_at_once_all_succeed(shop):
    leat, _ = shop()
    started = [leat.start("run") for _ in range(4)]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    check_shop(leat)
    assert sorted(run["run"] for run in leat.runs()) == [1, 2, 3, 4]


def test_a_model_that_is_no_text_is_told_with_its_place(project):
    leat = project({"leat.yml": "name: shop\n"})
    (leat.project / "models").mkdir()
    for content, message in ((b"select 1\nas a\0b", "models/odd.sql:2:5: a NUL byte"),
                             (b"select '\xc3\xa9',\n\n  '\xff'", "models/odd.sql:3:4: bytes that are not UTF-8")):
        (leat.project / "models/odd.sql").write_bytes(content)
        leat.edge(leat("run", code=2), message, "save the file as UTF-8")


def test_a_file_of_the_project_that_is_too_big_is_the_files_fault(project):
    leat = project({"leat.yml": "name: shop\n" + "# " + "x" * (5 << 20) + "\n"})
    leat.edge(leat("run", code=2), "leat.yml", "at most 4 MiB")
    leat.write("leat.yml", "name: shop\nvars: " + "[" * 200 + "]" * 200 + "\n")
    leat.edge(leat("run", code=2), "leat.yml", "nested deeper")
    leat.write("leat.yml", "name: shop\n")
    leat.write("models/big.sql", "-- " + "x" * (5 << 20))
    leat.edge(leat("run", code=2), "models/big.sql is larger than 4 MiB")


def test_a_land_path_that_leads_elsewhere_is_refused(project):
    def source(path):
        return ("name: f\nkind: files\nresources:\n  - name: items\n    path: data/*.csv\n"
                f"    land: {{path: \"{path}\"}}\n")

    leat = project({"leat.yml": "name: shop\nvars: {where: ..}\n", "data/a.csv": "id\n1\n", "sources/f.yml": source("a/../b/")})
    leat.edge(leat("run", code=2), "sources/f.yml:6:18", "without empty parts, '.' and '..'")
    leat.write("sources/f.yml", source("a/../{{ run_date }}/"))
    leat.edge(leat("run", code=2), "sources/f.yml:6:18", "'..'")
    leat.write("sources/f.yml", source("a/{{ var('where') }}/"))
    leat.edge(leat("run", code=2), "sources/f.yml:6:18: land.path becomes 'a/../', which has the part '..'")


def test_a_library_that_cannot_be_mapped_is_the_machines_fault(project, tmp_path):
    leat = project({"leat.yml": "name: shop\n"})
    (tmp_path / "libduckdb.so").write_bytes(b"no library")
    leat.edge(leat("sql", "select 1", code=3, env={"LEAT_DUCKDB": tmp_path / "libduckdb.so"}), "cannot load DuckDB", "install leat again")
