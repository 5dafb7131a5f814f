"""leat dbt on DuckDB: unit tests of versioned models, with states, and what is refused of them."""

import hashlib
import json
import shutil

import pytest

from test_dbt_details import dbt, project, results

VERSIONED = {
    "models/m_v1.sql": "select x, 'old' as y from {{ ref('base') }}\n",
    "models/m_v2.sql": "select x, 'new' as y from {{ ref('base') }}\n",
    "models/base.sql": "select 1 as x\n",
    "models/m.yml": "models:\n  - name: m\n    latest_version: 2\n    versions: [{v: 1}, {v: 2}]\n",
}


def unit(name="u", model="m", given="[{input: ref('base'), rows: [{x: 5}]}]", expect="{rows: [{x: 5}]}", more=""):
    return f"  - name: {name}\n    model: {model}\n    given: {given}\n    expect: {expect}\n{more}"


def with_tests(*tests):
    return {"models/u.yml": "unit_tests:\n" + "".join(tests)}


def units(folder):
    return json.loads((folder / "target/manifest.json").read_text())["unit_tests"]


@pytest.mark.parametrize("above", ["{{ config(materialized='ephemeral') }}\nselect 1 as x\n", "select 1 as x\n"])
def test_an_error_has_its_place_in_the_model_also_where_ctes_were_put_into_its_with(tmp_path, above):
    """Those of a unit test's rows, or of an ephemeral model."""
    model = "-- what is wrong stands in the third line\nwith a as (select * from {{ ref('base') }})\nselect a.y as x from a\n"
    tests = with_tests(unit(model="wrong")) if "ephemeral" not in above else {}
    project(tmp_path, {"models/base.sql": above, "models/wrong.sql": model, **tests})
    assert "models/wrong.sql:3:8: " in dbt(tmp_path, "build", code=1)


def test_a_statement_of_a_hook_that_fails_is_shown(tmp_path):
    """And none of the built-in macros that ran it."""
    project(tmp_path, {"models/m.sql": "{{ config(post_hook='insert into  nowhere.x\\n  values (1)') }}\nselect 1 as x\n"})
    out = dbt(tmp_path, "run", code=1)
    assert "models/m.sql: Catalog Error: " in out and "the statement was: insert into nowhere.x values (1)\n" in out and "macros/" not in out


def test_an_error_of_the_rows_of_a_unit_test_has_the_place_of_the_test(tmp_path):
    project(tmp_path, {"models/base.sql": "select 1 as x\n", "models/m.sql": "select * from {{ ref('base') }}\n",
                       **with_tests(unit(given="[{input: ref('base'), rows: [{x: word}]}]"))})
    assert "models/u.yml:2:5: " in dbt(tmp_path, "build", code=1)


@pytest.mark.parametrize("versions, wanted", [("", [1, 2]), ("    versions: {include: [1]}\n", [1]), ("    versions: {exclude: [1]}\n", [2])])
def test_each_version_of_a_model_has_its_unit_test(tmp_path, versions, wanted):
    project(tmp_path, {**VERSIONED, **with_tests(unit(more=versions))})
    dbt(tmp_path, "run")
    out = dbt(tmp_path, "test")
    made = units(tmp_path)
    assert sorted(made) == [f"unit_test.shop.m.u_v{v}" for v in wanted]
    assert sorted(results(tmp_path)) == sorted(made)
    for v in wanted:
        node = made[f"unit_test.shop.m.u_v{v}"]
        assert (node["name"], node["version"], node["depends_on"]["nodes"]) == ("u", v, [f"model.shop.m.v{v}"])
        assert f"PASS m::u_v{v} " in out
        assert (tmp_path / f"target/compiled/shop/models/u.yml/models/u_v{v}.sql").is_file()
    listed = dbt(tmp_path, "ls", "--resource-type", "unit_test", "--quiet").split()
    assert listed == [f"unit_test:shop.u_v{v}" for v in wanted]
    assert dbt(tmp_path, "ls", "-s", "unit_test:u", "--quiet").split() == listed


def test_a_version_that_differs_fails_alone(tmp_path):
    project(tmp_path, {**VERSIONED, **with_tests(unit(expect="{rows: [{x: 5, y: new}]}"))})
    dbt(tmp_path, "run")
    dbt(tmp_path, "test", code=1)
    assert {key[-2:]: entry["status"] for key, entry in results(tmp_path).items()} == {"v1": "fail", "v2": "pass"}
    dbt(tmp_path, "retry", code=1)
    assert list(results(tmp_path)) == ["unit_test.shop.m.u_v1"]


INCREMENTAL = {"models/base.sql": "select 1 as x\n",
               "models/m.sql": "{{ config(materialized='incremental') }} select x from {{ ref('base') }}\n"
               "{% if is_incremental() %} where x > (select max(x) from {{ this }}) {% endif %}\n"}


@pytest.mark.parametrize("files, test, said", [
    (VERSIONED, unit(more="    versions: {include: [7]}\n"), "Unit test 'u' referenced a version of 'm' which was not found."),
    (VERSIONED, unit(more="    versions: {include: [1], exclude: [2]}\n"), "Unit tests can not both include and exclude versions."),
    (VERSIONED, unit(model="base", given="[]", more="    versions: {include: [1]}\n"), "should not have a versions include or exclude"),
    (VERSIONED, unit(given="[{input: ref('base')}]"), "Unable to find seed 'shop.base'"),
    (VERSIONED, unit(given="[{input: ref('base'), format: csv, fixture: nowhere}]"), "File not found for fixture 'nowhere'"),
    ({**VERSIONED, "tests/fixtures/f.csv": "x\n1\n", "tests/fixtures/sub/f.sql": "select 1 as x\n"},
     unit(given="[{input: ref('base'), format: csv, fixture: f}]"), "there are two fixtures of one name"),
    (VERSIONED, unit(given="[{input: ref('base'), format: csv, rows: [{x: 1}]}]"), "input rows or fixtures which do not match format csv.  Expected string."),
    (VERSIONED, unit(given="[{input: ref('base'), rows: 'x'}]"), "input rows which do not match format dict"),
    (VERSIONED, unit(expect="{fixture: f}"), "expected rows which do not match format dict"),
    (VERSIONED, unit(given="[{input: ref('base'), format: xml, rows: '<x/>'}]"), "'xml' is no format"),
    (VERSIONED, "  - name: u\n    model: m\n    expect: {rows: []}\n", "'given' is missing"),
    (INCREMENTAL, unit(), "Boolean override for 'is_incremental' must be provided for unit test 'u' in model 'm'"),
    (INCREMENTAL, unit(more="    overrides: {macros: {is_incremental: 'yes, please'}}\n"), "Boolean override for 'is_incremental' must be provided"),
    (INCREMENTAL, unit(more="    overrides: {macros: {is_incremental: true}}\n"), "Unit test 'u' for incremental model 'm' must have a 'this' input"),
])
def test_what_dbt_refuses_is_refused_with_its_place(tmp_path, files, test, said):
    project(tmp_path, {**files, **with_tests(test)})
    out = dbt(tmp_path, "parse", code=2)
    assert said in out and "models/u.yml:2:" in out


def test_a_disabled_model_takes_its_unit_tests_with_it(tmp_path):
    project(tmp_path, {"models/m.sql": "{{ config(enabled=false) }} select 1 as x\n", **with_tests(unit(given="[]"))})
    dbt(tmp_path, "parse")
    assert not units(tmp_path)


def test_rows_are_in_the_manifest_whatever_their_format_and_the_fixture_counts_for_the_state(tmp_path):
    given = "[{input: ref('base'), format: csv, fixture: f}]"
    project(tmp_path, {**VERSIONED, "tests/fixtures/f.csv": "x\n\n5\n", "seeds/s.csv": "x,y\n,\n6,b\n",
                       "models/n.sql": "select x from {{ ref('s') }}\n",
                       **with_tests(unit(given=given), unit("w", "n", "[{input: ref('s')}]", "{format: csv, rows: \"x\\n6\\n\"}"))})
    dbt(tmp_path, "parse")
    made = units(tmp_path)
    one = made["unit_test.shop.m.u_v1"]
    assert one["given"] == [{"input": "ref('base')", "rows": [{"x": "5"}], "format": "csv", "fixture": "f"}]
    assert made["unit_test.shop.n.w"]["given"][0]["rows"] == [{"x": "", "y": ""}, {"x": "6", "y": "b"}]
    shown = ("m-None-[UnitTestInputFixture(input=\"ref('base')\", rows=[{'x': '5'}], format=<UnitTestFormat.CSV: 'csv'>, fixture='f')]"
             "-UnitTestOutputFixture(rows=[{'x': 5}], format=<UnitTestFormat.Dict: 'dict'>, fixture=None)-None-[{'x': '5'}]")
    assert one["checksum"] == hashlib.sha256(shown.encode()).hexdigest()  # as dbt has it
    shutil.copytree(tmp_path / "target", tmp_path / "state")
    select = ("ls", "-s", "state:modified", "--state", "state", "--quiet")
    assert dbt(tmp_path, *select).split() == []
    (tmp_path / "tests/fixtures/f.csv").write_text("x\n7\n")
    assert dbt(tmp_path, *select).split() == ["unit_test:shop.u_v1", "unit_test:shop.u_v2"]


def test_the_first_row_without_null_comes_first(tmp_path):
    project(tmp_path, {**VERSIONED, **with_tests(unit(given="[{input: ref('base'), rows: [{x: null}, {x: 1}, {x: 2}]}]", expect="{rows: [{x: null}, {x: 2}, {x: 1}]}"))})
    dbt(tmp_path, "run")
    dbt(tmp_path, "test")
    assert units(tmp_path)["unit_test.shop.m.u_v1"]["given"][0]["rows"] == [{"x": 1}, {"x": None}, {"x": 2}]


def test_inputs_have_the_columns_of_the_state_that_is_deferred_to(tmp_path):
    project(tmp_path, {**VERSIONED, **with_tests(unit())})
    (tmp_path / "profiles.yml").write_text("shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, schema: mine}, "
                                           "prod: {type: duckdb, path: shop.duckdb, schema: theirs}}}\n")
    dbt(tmp_path, "run", "--target", "prod")
    shutil.copytree(tmp_path / "target", tmp_path / "state")
    assert "because the relation doesn't exist" in dbt(tmp_path, "test", code=1)
    assert "PASS=2 WARN=0 ERROR=0" in dbt(tmp_path, "test", "--defer", "--state", "state")


def test_overrides_stand_for_macros_of_packages_and_for_values(tmp_path):
    project(tmp_path, {"macros/rate.sql": "{% macro rate() %}2{% endmacro %}\n",
                       "models/m.sql": "select {{ shop.rate() }} as r, {{ dbt.type_int() }} as t, '{{ invocation_id }}' as i\n",
                       **with_tests(unit(given="[]", expect="{rows: [{r: 7, t: 8, i: '9'}]}",
                                         more="    overrides: {macros: {shop.rate: 7, type_int: 8, invocation_id: 9}}\n"))})
    assert "PASS=1 WARN=0 ERROR=0" in dbt(tmp_path, "test")
