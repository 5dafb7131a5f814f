"""leat dbt on DuckDB: metrics, semantic models and saved queries, and the file that MetricFlow reads."""

import json
import subprocess

import pytest

from harness import LEAT, clean_env, write_files

SPINE = "models: [{name: days, time_spine: {standard_granularity_column: day}, columns: [{name: day, granularity: day}]}]\n"
BASE = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n",
    "models/orders.sql": "select 1 as id, 5 as amount, date '2024-01-01' as at\n",
    "models/days.sql": "select date '2024-01-01' as day\n",
    "models/days.yml": SPINE,
    "models/s.yml": """semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: at}
    entities: [{name: order, type: primary, expr: id}]
    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: revenue, agg: sum, expr: amount}, {name: orders, agg: count, expr: 1, create_metric: true}]
metrics:
  - {name: revenue, label: Revenue, type: simple, type_params: {measure: revenue}}
  - name: each
    label: Of each
    type: ratio
    type_params: {numerator: {name: revenue, filter: "{{ Dimension('order__at') }} > '2024'"}, denominator: orders}
  - {name: twice, label: Twice, type: derived, type_params: {expr: each * 2, metrics: [each]}}
saved_queries:
  - {name: all, query_params: {metrics: [twice], where: "{{ Dimension('order__at') }} > '2024'"}, exports: [{name: out, config: {export_as: table}}]}
""",
}


def dbt(folder, *words, code=0):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == code, done.stdout
    return done.stdout


def read(folder, name):
    return json.loads((folder / "target" / name).read_text())


def refused(folder, text):
    write_files(folder, {"models/bad.yml": text})
    return dbt(folder, "parse", code=2)


def test_a_metric_knows_the_measures_that_it_comes_down_to(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "parse")
    made = {metric["name"]: metric for metric in read(tmp_path, "semantic_manifest.json")["metrics"]}
    assert sorted(made) == ["each", "orders", "revenue", "twice"]
    assert [measure["name"] for measure in made["twice"]["type_params"]["input_measures"]] == ["revenue", "orders"]
    assert made["each"]["type_params"]["numerator"]["filter"] == {"where_filters": [{"where_sql_template": "{{ Dimension('order__at') }} > '2024'"}]}
    assert made["orders"]["description"] == "Metric created from measure orders"
    assert read(tmp_path, "manifest.json")["parent_map"]["saved_query.shop.all"] == ["metric.shop.twice"]


def test_a_parse_from_the_cache_gives_the_same_files(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "parse")
    first, nodes = read(tmp_path, "semantic_manifest.json"), read(tmp_path, "manifest.json")
    write_files(tmp_path, {"models/orders.sql": BASE["models/orders.sql"] + "-- seen\n"})
    dbt(tmp_path, "parse")
    assert read(tmp_path, "semantic_manifest.json") == first
    again = read(tmp_path, "manifest.json")
    for kind in ("metrics", "semantic_models", "saved_queries"):
        for one in (*nodes[kind].values(), *again[kind].values()):
            one.pop("created_at")
        assert again[kind] == nodes[kind]


def test_a_semantic_model_follows_its_model_to_another_relation(tmp_path):
    write_files(tmp_path, BASE)
    dbt(tmp_path, "parse")
    write_files(tmp_path, {"models/orders.sql": "{{ config(alias='all_orders') }} " + BASE["models/orders.sql"]})
    dbt(tmp_path, "parse")
    nodes = read(tmp_path, "manifest.json")["semantic_models"]
    assert nodes["semantic_model.shop.orders"]["node_relation"]["alias"] == "all_orders"
    assert read(tmp_path, "semantic_manifest.json")["semantic_models"][0]["node_relation"]["relation_name"] == '"shop"."main"."all_orders"'


def test_what_a_metric_names_has_to_be_there(tmp_path):
    write_files(tmp_path, BASE)
    assert "models/bad.yml:1:12: A semantic model having a measure `x` does not exist" in refused(
        tmp_path, "metrics: [ {name: m, label: M, type: simple, type_params: {measure: x}}]\n")
    assert "The metric `x` does not exist but was referenced." in refused(
        tmp_path, "metrics: [{name: m, label: M, type: derived, type_params: {expr: x, metrics: [x]}}]\n")
    assert "'sum' is no type: there are simple, ratio" in refused(tmp_path, "metrics: [{name: m, label: M, type: sum, type_params: {measure: revenue}}]\n")
    assert "Invalid window (seven)" in refused(
        tmp_path, "metrics: [{name: m, label: M, type: cumulative, type_params: {measure: revenue, window: seven}}]\n")
    assert "models/bad.yml:1:77: 'nothing' means nothing here" in refused(
        tmp_path, "metrics: [{name: m, label: M, type: simple, type_params: {measure: revenue, nothing: 1}}]\n")
    assert "found a cycle" in refused(tmp_path, "metrics:\n  - {name: a, label: A, type: derived, type_params: {expr: b, metrics: [b]}}\n"
                                      "  - {name: b, label: B, type: derived, type_params: {expr: a, metrics: [a]}}\n")


def test_a_semantic_model_needs_a_time_spine(tmp_path):
    write_files(tmp_path, {**BASE, "models/days.yml": "models: [{name: days}]\n"})
    assert "requires a time spine model with granularity DAY or smaller" in dbt(tmp_path, "parse", code=2)
    write_files(tmp_path, {"models/days.yml": SPINE.replace("granularity: day", "granularity: month")})
    assert "requires a time spine model" in dbt(tmp_path, "parse", code=2)
    write_files(tmp_path, {"models/days.yml": SPINE.replace("name: day,", "name: other,")})
    assert "Time spine standard granularity column must be defined on the model" in dbt(tmp_path, "parse", code=2)


@pytest.mark.parametrize("old, new, said", [
    ("name: revenue, agg", "name: at, agg", "can't use name `at` for a dimension when it was already used for a measure"),
    ("name: twice, label", "name: Twice, label", "Invalid name `Twice` - names may only contain lower case letters"),
    ("name: each\n", "name: ea__ch\n", "Invalid name `ea__ch`"), ("name: all,", "name: month,", "names cannot match reserved time granularity keywords"),
    ("name: order,", "name: metric_time,", "this name is reserved by MetricFlow"), ("name: order,", "name: select,", "'select' is an SQL reserved keyword")])
def test_a_name_that_metricflow_refuses_is_refused(tmp_path, old, new, said):
    assert old in BASE["models/s.yml"]
    text = BASE["models/s.yml"].replace(old, new)
    for name, other, place in (("revenue, agg", "at", "measure: revenue"), ("each\n", "ea__ch", "[each]"), ("twice, label", "Twice", "[twice]")):
        if name in old:
            text = text.replace(place, place.replace(name.split(",")[0].strip(), other))
    write_files(tmp_path, {**BASE, "models/s.yml": text})
    assert said in dbt(tmp_path, "parse", code=2)


def test_a_measure_and_a_dimension_are_of_one_semantic_model(tmp_path):
    more = "semantic_models:\n  - name: others\n    model: ref('orders')\n    defaults: {agg_time_dimension: day}\n    entities: [{name: %s, type: primary, expr: id}]\n" \
           "    dimensions: [{name: day_of, type: time, type_params: {time_granularity: day}}, {name: %s, type: categorical}]\n    measures: [{name: %s, agg: sum, expr: amount, agg_time_dimension: day_of}]\n"
    write_files(tmp_path, BASE)
    assert "Found measure with name revenue in multiple semantic models" in refused(tmp_path, more % ("other", "kind", "revenue"))
    assert "Duplicate dimension + primary entity pairing" in refused(tmp_path, more % ("order", "at", "sums"))
    write_files(tmp_path, {"models/bad.yml": more % ("other", "at", "sums")})
    dbt(tmp_path, "parse")


def test_a_custom_grain_of_a_time_spine_is_a_column(tmp_path):
    write_files(tmp_path, {**BASE, "models/days.yml": SPINE.replace("standard_granularity_column: day}", "standard_granularity_column: day, custom_granularities: [{name: martian}]}")})
    assert "Time spine custom granularity columns do not exist in the model. Column not found: 'martian'" in dbt(tmp_path, "parse", code=2)


def test_a_metric_that_a_model_calls_is_there(tmp_path):
    write_files(tmp_path, {**BASE, "models/m.sql": "select '{{ metric('twice') }}' as name\n"})
    dbt(tmp_path, "parse")
    assert read(tmp_path, "manifest.json")["nodes"]["model.shop.m"]["depends_on"]["nodes"] == ["metric.shop.twice"]
    write_files(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "metrics: {shop: {twice: {+enabled: false}}}\n", "models/s.yml": BASE["models/s.yml"].split("saved_queries")[0]})
    assert "models/m.sql: model.shop.m depends on a metric named 'twice' which is disabled" in dbt(tmp_path, "parse", code=2)
    write_files(tmp_path, {"models/m.sql": "select '{{ metric('thrice') }}' as name\n"})
    assert "models/m.sql: model.shop.m depends on a metric named 'thrice' which was not found" in dbt(tmp_path, "parse", code=2)


@pytest.mark.parametrize("entry", ["metrics: [{name: x, label: X, type: simple, type_params: {measure: revenue}, config: {enabled: 'True and False'}}]\n",
                                   "exposures: [{name: x, type: dashboard, owner: {name: me}, config: {enabled: 'maybe'}}]\n",
                                   "saved_queries: [{name: x, query_params: {metrics: [twice]}, config: {enabled: 'maybe'}}]\n"])
def test_switches_of_metrics_and_the_like_are_switches(tmp_path, entry):
    write_files(tmp_path, BASE)
    out = refused(tmp_path, entry)
    assert "is not a value of the configuration 'enabled'" in out and "it must be true or false" in out


@pytest.mark.parametrize("entry,words", [
    ("sources: [{name: s, tables: [{name: t},\n {name: t}]}]\n", "models/bad.yml:2: the source 't' is there already, at models/bad.yml:1"),
    ("exposures:\n- {name: e, type: dashboard, owner: {name: me}}\n- {name: e, type: dashboard, owner: {name: me}}\n", "models/bad.yml:3: the exposure 'e' is there already, at models/bad.yml:2")])
def test_two_of_one_name_are_told_with_their_lines(tmp_path, entry, words):
    write_files(tmp_path, BASE)
    assert words in refused(tmp_path, entry)
