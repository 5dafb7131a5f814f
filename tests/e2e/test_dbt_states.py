"""What counts as a change between two states of a project: configuration as it was written, and what dbt compares of each kind of resource."""

import json

import pytest

from harness import Dbt

WRITTEN = "flags: {state_modified_compare_more_unrendered_values: true}\n"
PROJECT = "name: shop\nprofile: shop\n"
FILES = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "models/m.sql": "select 1 as id",
}


@pytest.fixture
def shop(tmp_path, env):
    return Dbt(tmp_path / "shop", env, FILES)


def manifest(shop):
    return json.loads((shop.root / "target/manifest.json").read_text(encoding="utf-8"))


def node(shop, name="model.shop.m"):
    return manifest(shop)["nodes"][name]


def modified(shop, *more, what="state:modified"):
    said = shop("ls", "--quiet", "--output", "name", "-s", what, "--state", "kept", *more)
    return sorted(line for line in said.splitlines() if line and " " not in line)


def keep(shop):
    shop("parse", "--target-path", "kept")


@pytest.mark.parametrize("project, changed", [(PROJECT + WRITTEN, []), (PROJECT, ["m"])])
@pytest.mark.parametrize("files", [
    {"models/m.sql": "{{ config(materialized=env_var('MAT', 'view')) }} select 1 as id"},
    {"models/m.yml": "models:\n  - {name: m, config: {materialized: \"{{ env_var('MAT', 'view') }}\"}}\n"}])
def test_an_environment_variable_in_a_configuration_is_a_change_unless_what_is_written_counts(shop, project, changed, files):
    shop.write("dbt_project.yml", project)
    for path, text in files.items():
        shop.write(path, text)
    keep(shop)
    assert modified(shop) == []
    shop.env["MAT"] = "table"
    assert modified(shop) == changed
    shop("parse")
    assert node(shop)["config"]["materialized"] == "table"


def test_a_variable_in_config_is_no_change_where_what_is_written_counts(shop):
    shop.write("dbt_project.yml", PROJECT + WRITTEN)
    shop.write("models/m.sql", "{{ config(materialized=var('mat', 'view')) }} select 1 as id")
    keep(shop)
    assert modified(shop, "--vars", "{mat: table}") == []
    shop.write("models/m.sql", "{{ config(materialized=var('other', 'view')) }} select 1 as id")
    assert modified(shop, what="state:modified.configs") == ["m"]


def test_what_is_written_in_config_is_kept_as_dbt_keeps_it(shop):
    shop.write("dbt_project.yml", PROJECT + WRITTEN)
    shop.write("models/m.sql", "{{ config(materialized=env_var('MAT', 'view'), tags=['a'] if x[1:] is not defined else 'b' ~ 1) }} select 1 as id")
    shop("parse")
    assert node(shop)["unrendered_config"] == {
        "materialized": "Keyword(key='materialized', value=Call(node=Name(name='env_var', ctx='load'), args=[Const(value='MAT'), Const(value='view')], "
                        "kwargs=[], dyn_args=None, dyn_kwargs=None))",
        "tags": "Keyword(key='tags', value=CondExpr(test=Not(node=Test(node=Getitem(node=Name(name='x', ctx='load'), arg=Slice(start=Const(value=1), "
                "stop=None, step=None), ctx='load'), name='defined', args=[], kwargs=[], dyn_args=None, dyn_kwargs=None)), "
                "expr1=List(items=[Const(value='a')]), expr2=Concat(nodes=[Const(value='b'), Const(value=1)])))"}


def test_several_calls_of_config_are_kept_merged(shop):
    shop.write("models/m.sql", "{{ config(tags='a', meta={'x': 1}) }}{{ config(tags='b', meta={'y': 2}) }} select 1 as id")
    shop("parse")
    assert node(shop)["unrendered_config"] == {"tags": ["a", "b"], "meta": {"x": 1, "y": 2}}
    assert node(shop)["config"]["tags"] == ["a", "b"]
    shop.write("models/m.sql", "{{ config(tags='a') }}{{ config(tags='b') }} select 1 as id")
    shop("parse")
    assert node(shop)["unrendered_config"] == {"tags": "b"}
    shop.write("models/m.yml", "models:\n  - {name: m, config: {alias: x}}\n")
    shop("parse")
    assert node(shop)["unrendered_config"] == {"alias": "x", "tags": ["a", "b"]}


def test_macros_of_dbt_in_a_state_of_dbt_are_no_change(shop):
    shop.write("models/m.sql", "select {{ current_timestamp() }} as id")
    keep(shop)
    path = shop.root / "kept/manifest.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    for macro in state["macros"].values():
        macro["macro_sql"] += " "
    path.write_text(json.dumps(state), encoding="utf-8")
    assert modified(shop) == ["m"]
    del state["macros"]["macro.dbt.leat_catalog"]
    path.write_text(json.dumps(state), encoding="utf-8")
    assert modified(shop) == []


def test_a_contract_is_merged_and_what_persists_descriptions_is_replaced(shop):
    shop.write("dbt_project.yml", PROJECT + "models: {shop: {+contract: {alias_types: false}, +persist_docs: {relation: true}}}\n")
    shop.write("models/m.sql", "{{ config(contract={'enforced': true}, persist_docs={'columns': true}) }} select 1 as id")
    shop.write("models/m.yml", "models:\n  - name: m\n    columns: [{name: id, data_type: integer}]\n")
    shop("parse")
    assert node(shop)["config"]["contract"] == {"enforced": True, "alias_types": False}
    assert node(shop)["config"]["persist_docs"] == {"columns": True}


def test_a_version_adds_to_the_configuration_of_its_model(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    latest_version: 1\n    config: {meta: {a: 1, b: 1}, tags: [x]}\n"
                               "    versions: [{v: 1, defined_in: m, config: {meta: {b: 2}, tags: [y]}}]\n")
    shop("parse")
    made = node(shop, "model.shop.m.v1")["config"]
    assert made["meta"] == {"a": 1, "b": 2} and made["tags"] == ["y", "x"]


def test_only_some_keys_beside_config_configure_a_model(shop):
    shop.write("models/m.yml", "models:\n  - {name: m, tags: [a], meta: {b: 1}, contract: {enforced: false}}\n")
    shop("parse")
    assert node(shop)["config"]["tags"] == [] and node(shop)["config"]["meta"] == {"b": 1}
    shop.write("models/m.yml", "models:\n  - name: m\n    meta: {b: 1}\n    config: {meta: {c: 1}}\n")
    assert "models/m.yml:3:5" in shop("parse", code=2)


def test_new_resources_that_are_no_nodes_are_new_and_not_modified(shop):
    keep(shop)
    shop.write("models/n.yml", "sources:\n  - name: raw\n    tables: [{name: t}]\nexposures:\n  - {name: shown, type: ml, owner: {email: a@b.c}}\n")
    shop.write("models/fresh.sql", "select 1 as id")
    assert modified(shop) == ["fresh"]
    assert modified(shop, what="state:new") == ["fresh", "raw.t", "shown"]
    assert modified(shop, what="state:modified.relation") == ["fresh", "raw.t"]


def test_a_source_in_another_schema_is_a_change_by_its_value_or_as_it_is_written(shop):
    shop.write("models/s.yml", "sources:\n  - name: raw\n    schema: \"{{ env_var('SCH', 'a') }}\"\n    tables: [{name: t}]\n")
    for project, changed in ((PROJECT, ["raw.t"]), (PROJECT + WRITTEN, [])):
        shop.write("dbt_project.yml", project)
        shop.env.pop("SCH", None)
        keep(shop)
        shop.env["SCH"] = "b"
        assert modified(shop) == changed


def test_freshness_of_a_source_is_a_change_and_its_loader_is_none(shop):
    text = "sources:\n  - name: raw\n    loader: {0}\n    config: {{loaded_at_field: {1}}}\n    tables: [{{name: t}}]\n"
    shop.write("models/s.yml", text.format("a", "at"))
    keep(shop)
    shop.write("models/s.yml", text.format("b", "at"))
    assert modified(shop) == []
    shop.write("models/s.yml", text.format("b", "since"))
    assert modified(shop) == ["raw.t"]


def test_arguments_of_a_test_of_a_macro_are_a_change(shop):
    text = "macro_tests:\n  - name: doubles\n    macro: twice\n    args: {{x: {0}}}\n    expect: {{text: \"2 * {0}\"}}\n"
    shop.write("macros/twice.sql", "{% macro twice(x) %}2 * {{ x }}{% endmacro %}")
    shop.write("leat_tests/own.yml", text.format("amount"))
    keep(shop)
    assert modified(shop) == []
    shop.write("leat_tests/own.yml", text.format("amount").replace("x: amount", "x: ' amount'"))
    assert modified(shop) == ["doubles"]


def test_a_contracted_model_that_is_disabled_is_told_of(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {contract: {enforced: true}}\n    columns: [{name: id, data_type: integer}]\n")
    shop.write("models/other.sql", "select 1 as id")
    keep(shop)
    shop.write("models/m.sql", "{{ config(enabled=false) }} select 1 as id")
    assert "Contracted model 'model.shop.m' was disabled." in shop("ls", "-s", "state:modified", "--state", "kept")


def test_a_package_does_not_replace_a_materialization_of_dbt_unless_it_may(shop):
    shop.write("packages.yml", "packages: [{local: dep}]\n")
    shop.write("dep/dbt_project.yml", "name: dep\n")
    shop.write("dep/macros/view.sql", "{% materialization view, default %}{{ exceptions.raise_compiler_error('not this one') }}{% endmaterialization %}")
    shop("deps")
    shop("run")
    shop.write("dbt_project.yml", PROJECT + "flags: {require_explicit_package_overrides_for_builtin_materializations: false}\n")
    assert "not this one" in shop("run", code=1)


def test_a_materialization_for_the_adapter_comes_before_a_default_of_the_project(shop):
    shop.write("macros/table.sql", "{% materialization table, default %}{{ exceptions.raise_compiler_error('not this one') }}{% endmaterialization %}")
    shop.write("models/m.sql", "{{ config(materialized='table') }} select 1 as id")
    shop("run")
    shop.write("macros/table.sql", "{% materialization table, adapter='duckdb' %}{{ exceptions.raise_compiler_error('this one') }}{% endmaterialization %}")
    assert "this one" in shop("run", code=1)


def test_a_seed_may_have_the_name_of_a_model_unless_names_must_be_unique(shop):
    shop.write("seeds/m.csv", "id\n7\n")
    shop.write("dbt_project.yml", PROJECT + "seeds: {shop: {+alias: m_seed}}\n")
    shop.write("models/reads.sql", "select * from {{ ref('m') }}")
    assert "ref('m') means the seed" in shop("parse")
    assert node(shop, "model.shop.reads")["depends_on"]["nodes"] == ["seed.shop.m"]
    shop.write("dbt_project.yml", PROJECT + "flags: {require_unique_project_resource_names: true}\n")
    assert "the name 'm' is there already" in shop("parse", code=2)


def test_quoting_of_a_source_is_its_own(shop):
    shop.write("dbt_project.yml", PROJECT + "quoting: {database: false, schema: false, identifier: false}\n")
    shop.write("models/s.yml", "sources:\n  - name: raw\n    config: {meta: {a: 1}}\n    tables: [{name: t}]\n")
    shop("parse")
    assert manifest(shop)["sources"]["source.shop.raw.t"]["relation_name"] == "shop.raw.t"
    assert manifest(shop)["sources"]["source.shop.raw.t"]["source_meta"] == {"a": 1}


def test_meta_and_docs_of_a_macro_may_stand_below_config(shop):
    shop.write("macros/x.sql", "{% macro x() %}{% endmacro %}")
    shop.write("macros/x.yml", "macros:\n  - {name: x, meta: {a: 1}, config: {meta: {b: 1.0}, docs: {show: false}}}\n")
    shop("parse")
    made = manifest(shop)["macros"]["macro.shop.x"]
    assert made["meta"] == made["config"]["meta"] == {"a": 1, "b": 1.0} and made["docs"]["show"] is False


KEYED = "models:\n  - name: m\n    config: {{contract: {{enforced: true}}, materialized: {0}}}\n{1}    columns:\n      - {{name: id, data_type: integer, constraints: [{{type: {2}}}]}}\n      - {{name: other, data_type: integer{3}}}\n"


@pytest.mark.parametrize("entry, said", [
    (("table", "", "primary_key", ", constraints: [{type: primary_key}]"), "Found 2 columns (['id', 'other']) with primary key constraints defined"),
    (("table", "    constraints: [{type: primary_key, columns: [other]}]\n", "primary_key", ""), "Primary key constraints defined at the model level and the columns level"),
    (("table", "", "primary", ""), "Invalid constraint type on model m")])
def test_constraints_that_dbt_refuses_are_refused_when_the_project_is_read(shop, entry, said):
    shop.write("models/m.yml", KEYED.format(*entry))
    assert said in shop("parse", code=2)


def test_a_contract_without_columns_or_of_python_is_refused(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {contract: {enforced: true}}\n")
    assert "must be defined in a `yml` schema configuration file" in shop("parse", code=2)
    shop.write("models/m.yml", KEYED.format("table", "", "not_null", "").replace("name: m\n", "name: p\n"))
    shop.write("models/p.py", "def model(dbt, session):\n    return dbt.ref('m')\n")
    assert "Expected 'sql' but found 'python'" in shop("parse", code=2)


@pytest.mark.parametrize("how, tail, told", [("view", "", True), ("ephemeral", "", True), ("table", "", False), ("view", ", warn_unsupported: false", False)])
def test_constraints_of_what_is_no_table_are_warned_of(shop, how, tail, told):
    shop.write("models/m.yml", KEYED.format(how, "", "not_null" + tail, ""))
    assert (f"not supported for {how} materializations" in shop("parse")) == told


def test_paths_of_the_project_that_configure_nothing_are_warned_of(shop):
    shop.write("dbt_project.yml", PROJECT + "models: {shop: {+enabled: true, m: {+tags: [a]}, gone: {deeper: {+tags: [b]}}}}\nseeds: {+tags: [a]}\n"
                                            "data_tests: {shop: {enabled: true}}\n")
    said = shop("parse")
    assert "There are 3 unused configuration paths:\n- models.shop.gone.deeper\n- seeds\n- data_tests.shop\n" in said
    shop("parse", "--warn-error-options", "{error: [UnusedResourceConfigPath]}", code=2)


def test_what_an_older_version_did_not_write_is_no_change(shop):
    shop.write("models/m.yml", "models:\n  - {name: m, deprecation_date: 2052-05-01 00:00:00-04:00}\n")
    shop.write("functions/f.sql", "x * 2")
    shop.write("functions/f.yml", "functions:\n  - {name: f, arguments: [{name: x, data_type: int}], returns: {data_type: int}}\n")
    keep(shop)
    path = shop.root / "kept/manifest.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    del state["functions"]["function.shop.f"]["arguments"][0]["default_value"]
    assert state["nodes"]["model.shop.m"]["deprecation_date"] == "2052-05-01T00:00:00-04:00"
    path.write_text(json.dumps(state), encoding="utf-8")
    assert modified(shop) == []
    state["functions"]["function.shop.f"]["arguments"][0]["default_value"] = "1"
    path.write_text(json.dumps(state), encoding="utf-8")
    assert modified(shop) == ["f"]


def test_the_project_may_name_its_target_folder_by_a_template(shop):
    shop.write("dbt_project.yml", PROJECT + "target-path: \"built_{{ modules.datetime.datetime(2024, 1, 2).strftime('%Y') }}_{{ env_var('KIND', 'a') }}_{{ var('v', 'w') }}\"\n"
                                            "vars: {now: \"{{ modules.re.sub('a', 'b', 'aa') }}\"}\nmodels: {+meta: {m: \"{{ modules.re.sub('a', 'b', 'aa') }}\"}}\n")
    shop("parse", "--vars", "{v: x}")
    made = json.loads((shop.root / "built_2024_a_x/manifest.json").read_text(encoding="utf-8"))
    assert made["nodes"]["model.shop.m"]["config"]["meta"] == {"m": "bb"}


@pytest.mark.parametrize("version, code", [("'1.0.0'", 0), ("'1.0'", 0), ("2", 0), ("1.5", 0), ("'1.0.0-rc.1'", 0), ("'1'", 2), ("invalid", 2), ("'1..2'", 2), ("'1.2.3.4'", 2)])
def test_the_version_of_a_project_is_a_number(shop, version, code):
    shop.write("dbt_project.yml", PROJECT + f"version: {version}\n")
    said = shop("parse", code=code)
    assert not code or "dbt_project.yml:3:10" in said


def test_variables_of_the_engine_have_two_names(shop):
    shop.write("models/m.sql", "select '{{ env_var('DBT_TARGET_PATH') }}' as a, '{{ env_var('DBT_ENGINE_TARGET_PATH') }}' as b")
    shop.env["DBT_ENGINE_TARGET_PATH"] = "other"
    shop.env["DBT_TARGET_PATH"] = "this"
    shop("compile")
    assert (shop.root / "other/compiled/shop/models/m.sql").read_text(encoding="utf-8") == "select 'other' as a, 'other' as b"
    del shop.env["DBT_ENGINE_TARGET_PATH"]
    shop("compile")
    assert (shop.root / "this/compiled/shop/models/m.sql").read_text(encoding="utf-8") == "select 'this' as a, 'this' as b"


def test_what_the_command_was_given_is_known_while_the_project_is_read(shop):
    shop.write("models/m.sql", "{{ config(meta={'threads': target.threads, 'which': invocation_args_dict.which, 'envs': dbt_metadata_envs, "
                               "'vars': invocation_args_dict.vars}) }} select {{ target.threads }} as id")
    shop.env["DBT_ENV_CUSTOM_ENV_X"] = "y"
    for more, threads in (([], 2), (["--threads", "3"], 3)):
        shop("compile", "--vars", "{a: 1}", *more)
        assert node(shop)["config"]["meta"] == {"threads": threads, "which": "compile", "envs": {"X": "y"}, "vars": {"a": 1}}
        assert (shop.root / "target/compiled/shop/models/m.sql").read_text(encoding="utf-8").strip() == f"select {threads} as id"


def test_a_source_that_is_disabled_is_told_to_be(shop):
    shop.write("models/s.yml", "sources:\n  - name: raw\n    config: {enabled: false}\n    tables: [{name: t}]\n")
    shop.write("models/m.sql", "select * from {{ source('raw', 't') }}")
    assert "it needs the source 'raw.t', which is disabled" in shop("compile", code=2)
