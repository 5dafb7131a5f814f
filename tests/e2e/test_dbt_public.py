"""leat dbt on DuckDB: what projects of other people were found to rely on."""

import json

import pytest

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


def test_a_test_of_a_package_whose_name_the_project_has_too_is_rendered_when_it_runs(tmp_path):
    """dbt finds the project's macro first and so does not see the package's: a call that cannot be made fails with the test alone."""
    project(tmp_path, {"packages.yml": "packages: [{local: other}]\n", "other/dbt_project.yml": "name: other\n",
                       "other/macros/t.sql": "{% test same(model, to, exact=none) %}{{ config(fail_calc='max(x)') }}"
                       "{{ return(adapter.dispatch('test_same', 'other')(model, to, exact)) }}{% endtest %}\n"
                       "{% macro default__test_same(model, to, exact) %}select 1 as x{% endmacro %}\n",
                       "dbt_project.yml": "name: shop\nprofile: shop\ndispatch: [{macro_namespace: other, search_order: [shop, other]}]\n",
                       "macros/t.sql": "{% test same(model, to) %}select 1 where false{% endtest %}\n"
                       "{% macro default__test_same(model, to) %}select 1 where false{% endmacro %}\n",
                       "models/a.sql": "select 1 as x\n", "models/b.sql": "select 1 as x\n",
                       "models/s.yml": "models: [{name: a, data_tests: [{other.same: {arguments: {to: ref('b')}}}]}]\n"})
    dbt(tmp_path, "deps")
    said = dbt(tmp_path, "build", code=1)
    assert "takes not more than 2 argument" in said and "PASS=2 WARN=0 ERROR=1" in said
    node = next(n for n in manifest(tmp_path)["nodes"].values() if n["resource_type"] == "test")
    assert node["depends_on"]["macros"] == ["macro.shop.test_same", "macro.dbt.get_where_subquery"]
    assert node["depends_on"]["nodes"] == ["model.shop.b", "model.shop.a"] and node["config"]["fail_calc"] == "count(*)"
    (tmp_path / "macros/t.sql").write_text("{% test same(model, to) %}{{ return(other.test_same(model, to)) }}{% endtest %}\n")
    assert "ERROR=1" in dbt(tmp_path, "build", code=1)  # the project's calls the package's: that is rendered
    node = next(n for n in manifest(tmp_path)["nodes"].values() if n["resource_type"] == "test")
    assert node["config"]["fail_calc"] == "max(x)"


def test_an_entry_is_for_the_one_of_several_models_that_is_not_disabled(tmp_path):
    disabled = "{{ config(enabled=false) }} select 1 as x\n"
    project(tmp_path, {"models/one/a.sql": disabled, "models/two/a.sql": "select 1 as x\n", "models/zoo/a.sql": disabled,
                       "models/s.yml": "models: [{name: a, description: the one, columns: [{name: x, data_tests: [unique]}]}]\n"})
    assert "PASS=2" in dbt(tmp_path, "build")
    assert manifest(tmp_path)["nodes"]["model.shop.a"]["description"] == "the one"
    (tmp_path / "models/zoo/a.sql").write_text("-- changed\n" + disabled)
    dbt(tmp_path, "parse")
    node = manifest(tmp_path)["nodes"]["model.shop.a"]
    assert node["description"] == "the one" and node["original_file_path"] == "models/two/a.sql"


def test_a_snapshot_in_a_folder_is_configured_and_chosen_by_its_path(tmp_path):
    snapshot = "{% snapshot NAME %}{{ config(unique_key='x', strategy='check', check_cols='all') }}select 1 as x{% endsnapshot %}\n"
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nsnapshots: {shop: {+target_schema: main, deep: {er: {file: {one: {tags: [t]}}}}}}\n",
                       "snapshots/deep/er/file.sql": snapshot.replace("NAME", "one"), "snapshots/top.sql": snapshot.replace("NAME", "two")})
    assert dbt(tmp_path, "-q", "ls", "--select", "shop.deep.er.file", "tag:t") == "shop.deep.er.file.one\n"
    nodes = manifest(tmp_path)["nodes"]
    assert nodes["snapshot.shop.one"]["fqn"] == ["shop", "deep", "er", "file", "one"] and nodes["snapshot.shop.two"]["fqn"] == ["shop", "top", "two"]


def test_descriptions_of_arguments_of_a_macro_are_texts_with_doc_blocks(tmp_path):
    project(tmp_path, {"macros/m.sql": "{% macro m(a, b) %}{% endmacro %}\n", "macros/d.md": "{% docs d %}of b{% enddocs %}\n",
                       "macros/s.yml": "macros:\n  - name: m\n    arguments:\n      - {name: a, type: list}\n      - name: b\n"
                       "        description: \"{{ doc('d') }}\"\n  - name: n\n", "macros/n.sql": "{% macro n(c) %}{% endmacro %}\n",
                       "macros/t.yml": "macros:\n  - name: o\n    arguments:\n      - name: c\n        description: >\n          one\n          line\n        type: text\n",
                       "macros/o.sql": "{% macro o(c) %}{% endmacro %}\n"})
    for _ in range(2):
        dbt(tmp_path, "parse")
        macros = manifest(tmp_path)["macros"]
        assert macros["macro.shop.m"]["arguments"] == [{"name": "a", "type": "list", "description": ""}, {"name": "b", "type": None, "description": "of b"}]
        assert macros["macro.shop.o"]["arguments"][0]["description"] == "one line\n"
        (tmp_path / "macros/n.sql").write_text("{% macro n(c) %}x{% endmacro %}\n")


def test_the_manifest_quotes_sources_as_the_project_says_and_sql_does_not(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nquoting: {schema: false, identifier: false}\n",
                       "models/s.yml": "sources: [{name: raw, schema: main, tables: [{name: t}, {name: u, quoting: {identifier: true}}]}]\n",
                       "models/a.sql": "select 1 from {{ source('raw', 't') }} {{ source('raw', 'u') }}\n"})
    dbt(tmp_path, "compile")
    found = manifest(tmp_path)
    names = [found["sources"]["source.shop.raw." + t]["relation_name"].split(".", 1)[1] for t in "tu"]
    assert names == ["main.t", 'main."u"'] and '"main"."t"' in found["nodes"]["model.shop.a"]["compiled_code"]


def test_a_running_macro_may_keep_what_thousands_of_tests_need(tmp_path):
    project(tmp_path, {"models/a.sql": "{% if execute %}{% set kept = [] %}{% for i in range(300) %}{% do kept.append(('x' * 1000000) ~ i) %}{% endfor %}"
                       "{% for a in range(3000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}select {{ kept | length + run_query('select 5 as x').rows | length }} as x{% else %}select 1 as x{% endif %}\n"})
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(301,)]


def test_columns_of_a_seed_without_a_name_or_with_one_twice_are_named(tmp_path):
    project(tmp_path, {"seeds/s.csv": "x,,x,x\n1,2,3,4\n", "seeds/taken.csv": "x,x_2,x,x_2\n1,2,3,4\n",
                       "seeds/wide.csv": ",".join(["x"] * 4000) + "\n" + ",".join(["1"] * 4000) + "\n"})
    dbt(tmp_path, "seed")
    assert rows(tmp_path, "select x, b, x_2, x_3 from {{ ref('s') }}") == [(1, 2, 3, 4)]
    assert rows(tmp_path, "select x, x_2, x_3, x_2_2 from {{ ref('taken') }}") == [(1, 2, 3, 4)]
    assert rows(tmp_path, "select x_4000 from {{ ref('wide') }}") == [(1,)]


def test_a_text_that_grows_in_a_loop_is_not_copied_each_time(tmp_path):
    project(tmp_path, {"macros/m.sql": "{% macro row(i) %}{% set x = '(' ~ i ~ ')' %}{{ return(x + '') }}{% endmacro %}\n",
                       "models/a.sql": "{% if execute %}{% set q = namespace(data='') %}{% for i in range(30000) %}{% set r = row('x' * 200) %}"
                       "{% set with_row = q.data + (',' if not loop.first else '') + r %}{% set q.data = with_row %}{% endfor %}"
                       "select {{ q.data | length }} as x{% else %}select 1 as x{% endif %}\n"})
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(30000 * 203 - 1,)]


@pytest.mark.parametrize("entry, what", [
    ("sources: [{name: s, catalog: x, tables: []}]", "unknown key 'catalog' in a source"), ("groups: [{name: g, owner: {name: x, team: y}, tags: [t]}]", "in a group"),
    ("exposures: [{name: e, type: notebook, owner: {name: x}, urls: y}]", "did you mean 'url'?"),
    ("unit_tests: [{name: u, model: a, given: [], expect: {rows: []}, tags: [t]}]", "unknown key 'tags' in a unit test")])
def test_keys_that_sources_exposures_groups_and_unit_tests_do_not_have_are_refused(tmp_path, entry, what):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/s.yml": entry + "\n"})
    said = dbt(tmp_path, "parse", code=2)
    assert "models/s.yml:1:" in said and what in said
    (tmp_path / "models/s.yml").write_text("sources: [{name: s, tables: [{name: t, catalog: x}]}]\nmodels: [{name: a, catalog: y}]\n")
    dbt(tmp_path, "parse")
