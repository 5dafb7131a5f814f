"""Errors of a dbt project name a file that somebody wrote, and a next step."""
import pytest

FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n",
    "macros/cents.sql": "{% macro cents(c) %}cast({{ c }} * 100 as integer){% endmacro %}\n",
    "models/orders.sql": "select 1 as id, {{ cents('1.5') }} as cents\n",
    "models/total.sql": "select sum(cents) as total from {{ ref('orders') }}\n",
}
PACKAGE = {
    "packages.yml": "packages: [{local: packs/gp}]\n",
    "packs/gp/dbt_project.yml": "name: gp\nversion: 1.0.0\n",
    "packs/gp/macros/hello.sql": "{% macro hello() %}\n  {{ nope() }}\n{% endmacro %}\n",
}


@pytest.fixture
def dbt(project):
    """Run leat dbt on FILES with others; what it says."""
    def run(files, *args, code=1):
        leat = project({**FILES, **files})
        if "packages.yml" in files:
            leat("dbt", "deps")
        out = leat("dbt", *args, code=code).out
        assert "macros/dbt" not in out
        return out
    return run


def test_what_a_built_in_macro_refuses_is_told_where_the_node_is_written(dbt):
    unit = "unit_tests:\n  - name: ut\n    model: total\n    given:\n      - input: ref('orders')\n" \
           "        rows: [{cents: 1}]\n    expect: {rows: [{total: 1}]}\n"
    out = dbt({"models/ut.yml": unit}, "test")
    assert "models/ut.yml:2:5: Not able to get columns for unit test 'orders'" in out
    assert "'leat dbt run --empty --select orders' makes it without rows" in out
    wrong = unit.replace("{cents:", "{cent:")
    assert "models/ut.yml:2:5: Invalid column name: 'cent'" in dbt({"models/ut.yml": wrong}, "build")
    contract = "models:\n  - name: total\n    config: {contract: {enforced: true}}\n    columns: [{name: x, data_type: text}]\n"
    assert "\n  models/total.sql: This model has an enforced contract that failed." in dbt({"models/ut.yml": "", "models/c.yml": contract}, "build")


def test_a_query_of_a_template_is_told_at_its_own_place(dbt):
    out = dbt({"models/q.sql": "select 1 as a\n{% set r = run_query('select * from nix') %}\n"}, "run", "-s", "q")
    assert "models/q.sql:2:12: Catalog Error: Table with name nix does not exist" in out


def test_a_place_in_a_package_is_a_path_from_the_projects_folder(dbt):
    out = dbt({**PACKAGE, "models/g.sql": "select {{ gp.hello() }} as a\n"}, "run", "-s", "g", code=2)
    assert "dbt_packages/gp/macros/hello.sql:2:6: 'nope' is undefined" in out
    assert "in macro 'hello' (dbt_packages/gp/macros/hello.sql:2), at models/g.sql:1)" in out


@pytest.mark.parametrize("sql, hint", [
    ("{{ cent('1') }}", "did you mean 'cents'?"),
    ("{{ reff('orders') }}", "did you mean 'ref'?"),
    ("{{ hello() }}", "did you mean 'gp.hello'?"),
    ("{{ dbt_utils.star() }}", "'leat dbt deps'"),
])
def test_an_unknown_name_of_a_template_has_a_next_step(dbt, sql, hint):
    out = dbt({**PACKAGE, "models/g.sql": f"select {sql} as a\n"}, "run", "-s", "g")
    assert "models/g.sql:1:11: " in out or "models/g.sql:1:21: " in out
    assert hint in out


def test_a_text_of_a_yml_file_has_one_place(dbt):
    described = "models:\n  - name: orders\n    description: \"{{ doc('nope') }}\"\n"
    assert "models/s.yml:3:18: there is no docs block 'nope'" in dbt({"models/s.yml": described}, "parse", code=2)
    broken = described.replace("('nope')", "('nope'")
    assert "models/s.yml:3:18: expected" in dbt({"models/s.yml": broken}, "parse", code=2)
    tested = "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests: [positiv]\n"
    assert "models/s.yml:5:22: test positiv: 'test_positiv' is undefined" in dbt({"models/s.yml": tested}, "build")


def test_a_bad_row_of_a_seed_is_told_with_its_line(dbt):
    seed = "id,day,note\n1,2024-01-01,\"a\nb\"\n"
    typed = {"dbt_project.yml": "name: shop\nprofile: shop\nseeds: {shop: {+column_types: {id: integer, day: date, note: varchar}}}\n"}
    short = dbt({**typed, "seeds/days.csv": seed + "2,2024-01-02\n"}, "seed")
    assert "\n  seeds/days.csv:4: the row has 2 values, and the header 3\n" in short
    wrong = dbt({**typed, "seeds/days.csv": seed + "2,soon,x\n"}, "seed")
    assert "\n  seeds/days.csv:4: Conversion Error: CSV Error\n" in wrong


def test_a_bad_value_of_a_seed_is_told_with_its_line_on_postgresql_too(project, postgres):
    target = f"{{type: postgres, host: '{postgres.folder}', port: 5432, user: postgres, password: x, dbname: postgres, schema: seed_lines}}"
    leat = project({**FILES, "profiles.yml": f"shop: {{target: dev, outputs: {{dev: {target}}}}}\n",
                    "dbt_project.yml": "name: shop\nprofile: shop\nseeds: {shop: {+column_types: {day: date}}}\n",
                    "seeds/days.csv": "id,day\n1,2024-01-01\n2,soon\n"})
    assert "seeds/days.csv:3: invalid input syntax for type date: \"soon\"" in leat("dbt", "seed", code=1).out


def test_a_model_in_python_with_a_wrong_indent_names_that_line(dbt):
    out = dbt({"models/p.py": "def model(dbt, session):\n    x = 1 + \\\n        2\n    if x:\n        x = 2\n      \n    y = 3\n     z = 4\n    return x\n"},
              "parse", code=2)
    assert "models/p.py:8: IndentationError: unexpected indent" in out


def test_a_version_without_a_file_says_which_file_it_would_be(dbt):
    out = dbt({"models/v.yml": "models:\n  - name: orders\n    versions: [{v: 7}, {v: 8}]\n"}, "parse", code=0)
    assert "models/v.yml:3:20: there is no file for version 7 of 'orders': it is orders_v7.sql, or what 'defined_in' says" in out


def test_words_that_choose_nothing_have_a_next_step(dbt):
    assert "'order' does not match any enabled nodes, did you mean 'orders'?" in dbt({}, "ls", "-s", "order", code=0)
    selectors = {"selectors.yml": "selectors:\n  - {name: nightly, definition: {method: tag, value: x}}\n"}
    assert "'tag:x' does not match any enabled nodes" in dbt(selectors, "ls", "--selector", "nightly", code=0)
    assert "did you mean 'nightly'?" in dbt(selectors, "ls", "--selector", "nightli", code=2)
    assert "write --vars '{name: value}'" in dbt({}, "ls", "--vars", "{a: ", code=2)
    assert "ref() missing required argument 'model'" in dbt({"models/r.sql": "select {{ ref() }}"}, "run", code=2)


def test_a_time_spine_of_the_old_form_is_told_of_when_the_file_is_evaluated(project):
    leat = project({**FILES, "models/metricflow_time_spine.sql": "select date '2024-01-01' as date_day\n",
                    "models/s.yml": "semantic_models:\n  - name: all_orders\n    model: ref('orders')\n    defaults: {agg_time_dimension: ordered_at}\n"
                                    "    entities: [{name: order_id, type: primary, expr: id}]\n    dimensions: [{name: ordered_at, type: time, type_params: {time_granularity: day}}]\n"
                                    "    measures: [{name: cents_of_all, agg: sum, expr: cents}]\n"
                                    "metrics:\n  - {name: all_cents, label: m, type: simple, type_params: {measure: cents_of_all}}\n"})
    assert "Time spines without YAML" in leat("dbt", "parse").out
    assert "Time spines without YAML" not in leat("dbt", "parse").out
    assert "Time spines without YAML" in leat("dbt", "parse", "--no-partial-parse").out


def test_freshness_by_a_date_is_an_error_as_in_dbt(project):
    source = "sources:\n  - name: main\n    freshness: {warn_after: {count: 1, period: day}}\n    loaded_at_field: day\n    tables: [{name: days}]\n"
    leat = project({**FILES, "models/src.yml": source, "models/days.sql": "select date '2024-01-01' as day\n"})
    leat("dbt", "run")
    out = leat("dbt", "source", "freshness", code=1).out
    assert "the newest row of source 'days' is no timestamp but date: cast it in loaded_at_field" in out


def test_a_key_of_a_profile_that_means_something_is_no_slip_for_another(dbt):
    target = "{type: postgres, host: localhost, user: u, password: x, dbname: d, schema: s}"
    out = dbt({"profiles.yml": f"shop: {{target: dev, outputs: {{dev: {target}}}}}\n"}, "parse", code=2)
    assert "'port' is a required property" in out and "did you mean" not in out
