"""leat dbt show, compile --inline and run-operation on DuckDB: what they say, and the results that they leave."""

import json

import pytest

from test_dbt_details import dbt, project, results

FILES = {
    "seeds/s.csv": "id,n\n1,x\n2,y\n",
    "models/a.sql": "select * from {{ ref('s') }} order by id\n",
    "models/e.sql": "{{ config(materialized='ephemeral') }} select 3.0 as d, 1 as i\n",
    "models/h.sql": "{% call set_sql_header(config) %}with _v as (select 42 as answer){% endcall %}\nselect answer from _v\n",
    "models/m_v1.sql": "select 1 as v\n",
    "models/m_v2.sql": "select 2 as v\n",
    "models/m.yml": "models: [{name: m, latest_version: 2, versions: [{v: 1}, {v: 2}]}]\n",
    "macros/ops.sql": "{% macro fine(what='x') %}{{ log('called with ' ~ what, info=true) }}{% endmacro %}\n"
                      "{% macro bad() %}{{ log('called', info=true) }}{% do run_query('select * from nowhere') %}{% endmacro %}\n",
}


@pytest.fixture
def shop(tmp_path):
    project(tmp_path, FILES)
    dbt(tmp_path, "build", "--exclude", "h")
    return tmp_path


def shown(folder, *words):
    return json.loads(dbt(folder, "show", "--quiet", "--output", "json", *words))


def test_a_text_of_the_command_line_is_shown_and_is_a_result(shop):
    assert "Previewing inline node:\n| id | n |" in dbt(shop, "show", "--inline", "select * from {{ ref('a') }}")
    assert list(results(shop)) == ["sql_operation.shop.inline_query"]
    manifest = json.loads((shop / "target/manifest.json").read_text())
    assert not [key for key in manifest["nodes"] if "inline" in key]
    assert shown(shop, "--inline", "select d, i from {{ ref('e') }}") == {"show": [{"d": 3.0, "i": 1}]}
    assert '"d": 3.0' in dbt(shop, "show", "--output", "json", "-s", "e")  # numbers as Python writes them


def test_inline_is_alone(shop):
    assert "--inline and --select do not go together" in dbt(shop, "show", "--inline", "select 1 as x", "--select", "a", code=2)
    assert shown(shop, "--inline", "select 1 as x", "--exclude", "a") == {"show": [{"x": 1}]}
    out = dbt(shop, "compile", "--inline", "select * from {{ ref('a') }}", "--exclude", "h")
    assert "Compiled inline node is:\nselect * from " in out and "'h'" not in out
    assert list(results(shop)) == ["sql_operation.shop.inline_query"]


def test_compiled_texts_are_shown_for_people_and_programs(shop):
    out = dbt(shop, "compile", "--inline", "select {{ 1 + 1 }} as x", "--output", "json", "--quiet")
    assert json.loads(out) == {"compiled": "select 2 as x"}
    assert dbt(shop, "compile", "--inline", "select {{ 1 + 1 }} as x", "--quiet") == "select 2 as x\n"
    lines = [json.loads(line) for line in dbt(shop, "show", "--inline", "select 1 as x", "--log-format", "json").splitlines()]
    assert [line["info"]["msg"] for line in lines if line["info"]["name"] == "ShowNode"] == ["Previewing inline node:\n| x |\n| - |\n| 1 |"]


def test_an_inline_text_with_a_mistake_ends_with_2(shop):
    for text, said in (("select {{ ref('nowhere') }}", "there is no model 'nowhere'"), ("select {{ 1 +", "'}}' is missing")):
        out = dbt(shop, "compile", "--inline", text, code=2)
        assert "Error while parsing node: inline_query" in out and said in out and "Error parsing inline query" in out
    out = dbt(shop, "show", "--inline", "slect 1", code=2)
    assert "Encountered an error:\nRuntime Error in sql_operation inline_query" in out
    assert results(shop)["sql_operation.shop.inline_query"]["status"] == "error"
    assert "Either --select or --inline must be passed to show" in dbt(shop, "show", code=2)


def test_a_direct_query_needs_no_project_that_can_be_read(shop):
    (shop / "models/broken.sql").write_text("{{ ref( }}\n")
    assert shown(shop, "--inline-direct", "select n from s order by n", "--limit", "1") == {"show": [{"n": "x"}]}
    assert len(shown(shop, "--inline-direct", "select n from s", "--limit", "-1")["show"]) == 2
    assert shown(shop, "--inline-direct", "select '{{ x }}' as t") == {"show": [{"t": "{{ x }}"}]}
    assert "Runtime Error: " in dbt(shop, "show", "--inline-direct", "slect", code=2)


def test_a_header_may_be_the_beginning_of_the_query(shop):
    assert shown(shop, "-s", "h") == {"node": "h", "show": [{"answer": 42}]}


def test_versions_are_in_the_names_that_are_shown(shop):
    out = dbt(shop, "show", "-s", "m")
    assert out.index("Previewing node 'm.v1':") < out.index("Previewing node 'm.v2':")
    assert sorted(results(shop)) == ["model.shop.m.v1", "model.shop.m.v2"]
    assert shown(shop, "-s", "m.v2") == {"node": "m.v2", "show": [{"v": 2}]}


def test_an_operation_is_a_result_and_is_called_again_when_it_failed(shop):
    assert "called with y" in dbt(shop, "run-operation", "shop.fine", "--args", "{what: y}")
    made = json.loads((shop / "target/run_results.json").read_text())
    assert [(r["unique_id"], r["status"], r["failures"], r["message"]) for r in made["results"]] == [("macro.shop.fine", "success", 0, None)]
    assert (made["args"]["which"], made["args"]["macro"], made["args"]["args"]) == ("run-operation", "shop.fine", {"what": "y"})
    assert "called" not in dbt(shop, "retry")
    assert "Encountered an error while running operation" in dbt(shop, "run-operation", "bad", code=1)
    assert results(shop)["macro.shop.bad"]["status"] == "error"
    again = dbt(shop, "retry", code=1)
    assert "called" in again and "Encountered an error while running operation" in again
    assert list(results(shop)) == ["macro.shop.bad"]
    assert "dbt could not find a macro with the name 'nowhere' in any package" in dbt(shop, "run-operation", "nowhere", code=2)
    assert list(results(shop)) == ["macro.shop.bad"]


def test_a_retry_with_warn_error_takes_warnings_up_and_says_what_is_gone(shop):
    (shop / "models/t.yml").write_text("models: [{name: a, columns: [{name: n, data_tests: [{accepted_values: {arguments: {values: [x]}, config: {severity: warn}}}]}]}]\n")
    dbt(shop, "--warn-error", "test", "-s", "a", code=1)
    assert "WARN=1 ERROR=0" in dbt(shop, "retry")
    assert "ERROR=1" in dbt(shop, "--warn-error", "retry", code=1)
    (shop / "models/c.sql").write_text("select * from nowhere\n")
    dbt(shop, "run", "-s", "c", code=1)
    (shop / "models/c.sql").unlink()
    assert "Couldn't find model 'model.shop.c'" in dbt(shop, "retry", code=2)


def test_numbers_without_an_end_are_written_as_python_reads_them(shop):
    rows = shown(shop, "--inline", "select 'nan'::double as a, 'inf'::double as b, '-inf'::double as c, 1e300 as d")["show"]
    assert repr(rows) == "[{'a': nan, 'b': inf, 'c': -inf, 'd': 1e+300}]"
