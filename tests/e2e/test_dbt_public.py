"""leat dbt on DuckDB: what projects of other people were found to rely on."""

import json

from test_dbt_details import dbt, project, rows


def manifest(folder):
    return json.loads((folder / "target/manifest.json").read_text())


def test_hooks_at_the_end_see_the_schemas_that_something_was_built_in(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\non-run-end: [\"{{ log('built: ' ~ schemas, true) }}\"]\n",
                       "models/good.sql": "select 1 as x\n", "models/bad.sql": "{{ config(schema='lost') }} select nowhere\n"})
    assert "built: ['main']" in dbt(tmp_path, "run", code=1)


def test_keys_of_a_column_that_dbt_does_not_know_stay(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x {% if execute %}{{ log(model.columns['x']['policy_tags'], true) }}{% endif %}\n",
                       "models/s.yml": "models: [{name: a, columns: [{name: x, docs: {show: false}, policy_tags: [secret], tests: [not_null]}]}]\n"})
    assert "['secret']" in dbt(tmp_path, "run")
    column = manifest(tmp_path)["nodes"]["model.shop.a"]["columns"]["x"]
    assert column["policy_tags"] == ["secret"] and "tests" not in column and "docs" not in column


def test_a_large_seed_is_known_by_its_path(tmp_path):
    project(tmp_path, {"seeds/big.csv": "x\n" + "1234567\n" * (2**20 // 8), "seeds/small.csv": "x\n" + "1234567\n" * (2**20 // 8 - 1)})
    dbt(tmp_path, "parse")
    nodes = manifest(tmp_path)["nodes"]
    assert nodes["seed.shop.big"]["checksum"] == {"name": "path", "checksum": "seeds/big.csv"}
    assert nodes["seed.shop.small"]["checksum"]["name"] == "sha256"


def test_numbers_of_a_seed_with_a_point_may_be_whole(tmp_path):
    project(tmp_path, {"seeds/s.csv": "hours,share,at\n21.0,0.5,2020-01-05 10:00:00.5\n67.00,1,2020-01-05 10:00:00.5\n"})
    dbt(tmp_path, "seed")
    assert rows(tmp_path, "select typeof(hours), typeof(share), typeof(\"at\"), sum(hours) from {{ ref('s') }} group by all") == [
        ("INTEGER", "DOUBLE", "VARCHAR", 88)]


def test_docs_generate_says_when_there_is_nothing_to_compile(tmp_path):
    project(tmp_path, {})
    assert "Nothing to do. Try checking your model configs" in dbt(tmp_path, "docs", "generate")
    project(tmp_path, {"seeds/s.csv": "x\n1\n"})
    assert "Concurrency: 2 threads (target='dev')" in dbt(tmp_path, "docs", "generate")


def test_columns_of_a_primary_key_stand_in_the_order_of_their_names(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x, 2 as b\n", "models/s.yml": "models: [{name: a, data_tests: [{shop.unique_combination_of_columns: "
                       "{arguments: {combination_of_columns: [x, b]}}}], columns: [{name: x, data_tests: [unique]}]}]\n",
                       "macros/t.sql": "{% test unique_combination_of_columns(model, combination_of_columns) %}select 1 where false{% endtest %}\n"})
    dbt(tmp_path, "parse")
    assert manifest(tmp_path)["nodes"]["model.shop.a"]["primary_key"] == ["b", "x"]


def test_a_test_refers_to_a_version_by_a_text(tmp_path):
    project(tmp_path, {"models/a_v1.sql": "select 1 as x\n",
                       "models/s.yml": "models: [{name: a, latest_version: 1, versions: [{v: 1}], columns: [{name: x, data_tests: [not_null, {accepted_values: {values: [1]}}]}]}]\n"})
    assert "PASS=3" in dbt(tmp_path, "build")
    refs = {name.split(".")[2][:8]: node["refs"][0]["version"] for name, node in manifest(tmp_path)["nodes"].items() if name.startswith("test.")}
    assert refs == {"accepted": "1", "not_null": 1}  # dbt renders not all of its own tests


def test_a_docs_block_is_a_template_without_names(tmp_path):
    project(tmp_path, {"models/d.md": "{% docs d %}\none {# a note #} {{ 1 + 1 }} {% raw %}{{ kept }}{% endraw %}{{ nobody }}\n{% enddocs %}\n",
                       "models/a.sql": "select 1 as x\n", "models/s.yml": "models: [{name: a, description: \"{{ doc('d') }}\"}]\n"})
    for _ in range(2):
        dbt(tmp_path, "parse")
        assert manifest(tmp_path)["docs"]["doc.shop.d"]["block_contents"] == "one  2 {{ kept }}"
        assert manifest(tmp_path)["nodes"]["model.shop.a"]["description"] == "one  2 {{ kept }}"
    (tmp_path / "models/d.md").write_text("{% docs d %}\n{{ 1 +\n{% enddocs %}\n")
    assert "models/d.md" in dbt(tmp_path, "parse", code=2)


def test_tests_at_the_top_of_a_file_are_nobodys(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/s.yml": "models: [{name: a}]\ntests: [{shop.positive: {column: x}}]\n"})
    dbt(tmp_path, "parse")


def test_a_source_that_is_a_file_has_it_for_a_name(tmp_path):
    project(tmp_path, {"models/s.yml": "sources: [{name: raw, meta: {external_location: 'in/{name}.csv'}, tables: [{name: t}, "
                       "{name: u, meta: {external_location: read_csv('x')}}]}]\n", "models/a.sql": "select * from {{ source('raw', 't') }}\n",
                       "in/t.csv": "x\n5\n"})
    dbt(tmp_path, "run")
    names = {name: source["relation_name"] for name, source in manifest(tmp_path)["sources"].items()}
    assert names == {"source.shop.raw.t": "'in/t.csv'", "source.shop.raw.u": "read_csv('x')"}


def test_macros_keep_the_line_ends_of_their_file(tmp_path):
    project(tmp_path, {"macros/m.sql": "{# a #}\r\n{%- macro one() -%}\r\n  1\r\n{%- endmacro %}\r\n\r\n{% macro two() %}\r\n2{% endmacro %}",
                       "macros/n.sql": "text {% nothing at all %}\r\n{% macro three() %}\r\n3{% endmacro %}\r\n", "models/a.sql": "select {{ one() }} as x\n"})
    dbt(tmp_path, "run")
    macros = {name: manifest(tmp_path)["macros"]["macro.shop." + name]["macro_sql"].strip() for name in ("one", "two", "three")}
    assert macros == {"one": "{%- macro one() -%}\r\n  1\r\n{%- endmacro %}", "two": "{% macro two() %}\r\n2{% endmacro %}",
                      "three": "{% macro three() %}\r\n3{% endmacro %}"}


def test_folders_of_packages_and_of_clean_may_be_templates(tmp_path):
    place = "\"{{ env_var('WHERE', 'dbt_packages') }}\""
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\npackages-install-path: " + place + "\nclean-targets: [" + place + "]\n",
                       "packages.yml": "packages: [{local: other}]\n", "other/dbt_project.yml": "name: other\n",
                       "other/macros/m.sql": "{% macro one() %}1{% endmacro %}\n", "models/a.sql": "select {{ other.one() }} as x\n"})
    dbt(tmp_path, "deps")
    assert (tmp_path / "dbt_packages/other").exists()
    dbt(tmp_path, "run")
    dbt(tmp_path, "clean")
    assert not (tmp_path / "dbt_packages").exists() and (tmp_path / "other").exists()
