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
    out = dbt({**PACKAGE, "models/g.sql": "select {{ gp.hello() }} as a\n"}, "run", "-s", "g")
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
