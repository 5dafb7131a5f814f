"""Values of configuration, variables and secrets of a dbt project, as dbt's own functional tests look at them."""

import json
import os

import pytest

from harness import Dbt

PROJECT = "name: shop\nprofile: shop\n"
FILES = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "models/m.sql": "select 1 as id",
    "seeds/s.csv": "id\n1\n",
    "tests/none.sql": "select 1 as a limit 0",
}


@pytest.fixture
def shop(tmp_path, env):
    return Dbt(tmp_path / "shop", env, FILES)


def artifact(shop, name):
    return json.loads((shop.root / "target" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("given, part", [
    ("enabled='true'", "'enabled'"), ("materialized=1", "'materialized'"), ("tags=1", "'tags'"), ("alias=2020", "'alias'"), ("meta='x'", "a mapping"),
    ("full_refresh='true'", "true or false or none"), ("contract={'enforced': 'yes'}", "contract: {enforced}"), ("access='open'", "'private', 'protected'"),
    ("docs={'node_color': '#1f'}", "Invalid color name"), ("docs={'node_color': 'nopink'}", "Invalid color name"), ("docs={'show': 1}", "docs: {show}"),
    ("on_configuration_change='x'", "'apply'"), ("unique_key=1", "a list of texts")])
def test_a_value_that_dbt_refuses_is_refused(shop, given, part):
    shop.write("models/m.sql", "{{ config(" + given + ") }} select 1 as id")
    said = shop("parse", code=2)
    assert part in said and "models/m.sql" in said


def test_values_that_dbt_takes_are_taken(shop):
    shop.write("models/m.sql", "{{ config(tags='a', alias=none, meta={'a': 1}, full_refresh=none, docs={'node_color': 'Gold', 'show': false}, "
                               "unique_key=['id'], contract={'enforced': false}, access='public', own_key=[1]) }} select 1 as id")
    shop("parse")


@pytest.mark.parametrize("patch", ["seeds: {materialized: table}", "data_tests: {materialized: table}", "data_tests: {severity: fatal}", "seeds: {+enabled: 'no'}"])
def test_a_project_cannot_make_a_seed_or_a_test_something_else(shop, patch):
    shop.write("dbt_project.yml", PROJECT + patch + "\n")
    shop("parse", code=2)


def test_grants_with_a_plus_add_to_those_of_the_project(shop):
    shop.write("dbt_project.yml", PROJECT + "models: {shop: {m: {+grants: {select: [bi]}}}}\n")
    shop.write("models/m.sql", "{{ config(grants={'+select': ['ann']}) }}{{ config(grants={'+select': 'bob'}) }} select 1 as id")
    shop("parse")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["config"]["grants"] == {"select": ["bi", "ann", "bob"]}


def test_a_contract_may_promise_a_string(shop):
    shop.write("models/m.sql", "select 'a' as word")
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {contract: {enforced: true}}\n    columns: [{name: word, data_type: string}]\n")
    shop("run", "-s", "m")


def test_as_bool_is_the_last_step_of_a_value(shop):
    selectors = "selectors:\n  - name: one\n    default: \"{{ %s }}\"\n    definition: {method: fqn, value: m}\n"
    shop.write("selectors.yml", selectors % "target.name == 'dev' | as_bool")
    assert "1 of 1" in shop("build")
    shop.write("selectors.yml", selectors % "target.name == 'prod' | as_bool")
    assert "1 of 3" in shop("build")
    shop.write("selectors.yml", selectors % "'dev' | as_bool")
    assert "Could not convert value 'dev' into type 'bool'" in shop("build", code=2)


def test_variables_and_arguments_are_mappings_in_results(shop):
    shop("run", "-s", "m", "--vars", "{a: 1, DBT_ENV_SECRET_b: hidden-word}")
    assert artifact(shop, "run_results.json")["args"]["vars"] == {"a": 1, "DBT_ENV_SECRET_b": "*****"}
    shop.write("macros/say.sql", "{% macro say(word) %}{{ print('args are ' ~ invocation_args_dict.args) }}{% endmacro %}")
    assert "args are {'word': 'x'}" in shop("run-operation", "say", "--args", "{word: x}")


def test_a_secret_of_the_environment_is_never_shown(shop):
    shop.write("models/m.sql", "{{ log('the word is open-sesame', info=true) }} select 1 as id")
    assert "the word is ***" in shop("run", "-s", "m", DBT_ENV_SECRET_WORD="open-sesame")
    assert "the word is open-sesame" in shop("run", "-s", "m")
    shop.write("models/m.sql", "{{ log('the word is ' ~ var('DBT_ENV_SECRET_word'), info=true) }} select 1 as id")
    assert "the word is ***" in shop("run", "-s", "m", "--vars", "{DBT_ENV_SECRET_word: open-sesame}")


def test_custom_variables_of_the_environment_are_for_templates_and_lines_of_json(shop):
    shop.write("macros/say.sql", "{% macro say() %}{{ print('envs ' ~ dbt_metadata_envs) }}{% endmacro %}")
    assert "envs {'RUN': '7'}" in shop("run-operation", "say", DBT_ENV_CUSTOM_ENV_RUN="7")
    said = shop("parse", "--log-format", "json", DBT_ENV_CUSTOM_ENV_RUN="7")
    assert json.loads(said.splitlines()[0])["info"]["extra"] == {"RUN": "7"}


@pytest.mark.parametrize("options, part", [
    ("{include: all, error: all}", "Only `include` or `error` can be specified"), ("{warn: [Note], exclude: [Note]}", "Only `exclude` or `warn` can be specified"),
    ("{error: [NothingTodo]}", "there is no warning 'NothingTodo'")])
def test_warn_error_options_that_contradict_are_refused(shop, options, part):
    assert part in shop("parse", "--warn-error-options", options, code=2)


def test_warn_error_options_may_name_what_is_never_warned_of_here(shop):
    shop.write("dbt_project.yml", PROJECT + "flags: {warn_error_options: {warn: null, error: null, silence: [TestsConfigDeprecation, PackageRedirectDeprecation]}}\n")
    shop("run", "-s", "m")
    said = ["run", "-s", "nothing"]
    shop(*said, "--warn-error-options", "{error: all, warn: [Deprecations, NothingToDo, NoNodesForSelectionCriteria]}")
    shop(*said, "--warn-error-options", "{error: [Deprecations]}")


def test_one_model_may_be_named_with_model(shop):
    assert "1 of 1" in shop("run", "--model", "m")


def test_a_variable_that_is_a_template_is_rendered_where_it_is_used(shop):
    shop.write("dbt_project.yml", PROJECT + "vars: {of: \"{{ ref('m') }}\", plain: 'a { b', loop: \"{{ var('loop') }}\"}\n")
    shop.write("models/n.sql", "select id, '{{ var('plain') }}' as p from {{ var('of') }}")
    shop("run")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.n"]["depends_on"]["nodes"] == ["model.shop.m"]
    shop.write("models/n.sql", "select '{{ var('loop') }}' as p")
    shop("run", "-s", "n", code=2)


def test_a_package_names_its_own_nodes(shop):
    shop.write("packages.yml", "packages:\n  - local: part\n")
    shop.write("part/dbt_project.yml", "name: part\nvars: {tail: x}\n")
    shop.write("part/models/p.sql", "select 1 as id")
    shop.write("part/models/p.yml", "models:\n  - {name: p, config: {own: \"{{ var('tail') }}\"}}\n")
    shop.write("part/macros/names.sql", "{% macro generate_alias_name(custom_alias_name=none, node=none) %}{{ node.name }}_{{ var('tail') }}{% endmacro %}")
    shop("deps")
    shop("parse")
    nodes = artifact(shop, "manifest.json")["nodes"]
    assert nodes["model.part.p"]["alias"] == "p_x" and nodes["model.shop.m"]["alias"] == "m" and nodes["model.part.p"]["config"]["own"] == "x"


def test_a_variable_that_a_name_needs_must_be_there(shop):
    shop.write("macros/names.sql", "{% macro generate_schema_name(custom_schema_name=none, node=none) %}{{ var('nowhere') }}{% endmacro %}")
    assert "'nowhere' is not set" in shop("parse", code=2)


def test_the_state_is_a_folder_of_the_project(shop, tmp_path, env):
    shop("run", "-s", "m", "--target-path", "kept")
    elsewhere = Dbt(tmp_path / "elsewhere", env)
    elsewhere.write("x", "")
    folder = ["--project-dir", str(shop.root), "--profiles-dir", str(shop.root)]
    assert "m" in elsewhere("ls", *folder, "-s", "state:old", "--state", "kept")
    assert "nowhere" in elsewhere("ls", *folder, "-s", "state:old", "--state", "nowhere", code=2)


def test_one_option_may_name_several_types(shop):
    assert sorted(shop("ls", "-q", "--resource-type", "model seed").split()) == ["shop.m", "shop.s"]


def test_seeds_are_results_of_compile(shop):
    shop("compile")
    assert sorted(r["unique_id"] for r in artifact(shop, "run_results.json")["results"]) == ["model.shop.m", "seed.shop.s", "test.shop.none"]


def test_clean_leaves_what_people_wrote(shop):
    shop.write("dbt_project.yml", PROJECT + "clean-targets: [target, models]\n")
    shop("parse")
    assert "will not clean the following source paths: models" in shop("clean", code=2)
    assert (shop.root / "models/m.sql").exists() and (shop.root / "target").exists()


def test_a_folder_that_is_named_twice_is_read_once(shop):
    shop.write("dbt_project.yml", PROJECT + "model-paths: [models, models/, ./models]\n")
    shop.write("models/d.md", "{% docs words %}x{% enddocs %}")
    shop("parse")


def test_a_mapping_in_braces_may_end_at_the_margin(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {\n      tags: [a]\n}\n")
    shop("parse")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["tags"] == ["a"]


MODEL = "models:\n  - name: m\n    config: {{contract: {{enforced: {on}}}, materialized: table}}\n    columns: [{columns}]\n{tail}"
VERSIONS = "    latest_version: 1\n    versions: [{v: 1, defined_in: m}]\n"


@pytest.mark.parametrize("before, after, part", [
    ({}, {"on": "false"}, "Contract enforcement was removed"), ({}, {"columns": "{name: other, data_type: int}"}, "Columns were removed: id"),
    ({}, {"columns": "{name: id, data_type: text}"}, "id (int -> text)"),
    ({"columns": "{name: id, data_type: int, constraints: [{type: not_null}]}"}, {}, "constraints were removed: id: not_null")])
def test_a_contract_that_breaks_is_told_of_when_states_are_compared(shop, before, after, part):
    usual = {"on": "true", "columns": "{name: id, data_type: int}", "tail": ""}
    compare = ["ls", "-s", "state:modified", "--state", "kept"]
    for tail, code in (("", 0), (VERSIONS, 2)):
        shop.write("models/m.yml", MODEL.format(**{**usual, **before, "tail": tail}))
        shop("parse", "--target-path", "kept")
        assert "breaking" not in shop(*compare)
        shop.write("models/m.yml", MODEL.format(**{**usual, **after, "tail": tail}))
        said = shop(*compare, code=code)
        assert part in said and ("breaking change to an enforced contract" if code else "Breaking change to contracted, unversioned model m") in said
    (shop.root / "models/m.yml").unlink()
    (shop.root / "models/m.sql").unlink()
    assert "'model.shop.m.v1' was deleted or renamed." in shop(*compare, code=2)


def test_a_breaking_change_may_be_an_error(shop):
    shop.write("models/m.yml", MODEL.format(on="true", columns="{name: id, data_type: int}", tail=""))
    shop("parse", "--target-path", "kept")
    shop.write("models/m.yml", MODEL.format(on="false", columns="{name: id, data_type: int}", tail=""))
    shop("ls", "-s", "state:modified", "--state", "kept", "--warn-error-options", "{error: [UnversionedBreakingChange]}", code=2)


@pytest.mark.parametrize("name, kind", [("'duckdb'", True), ("'bigquery'", False)])
def test_as_bool_of_a_part_compares_texts(shop, name, kind):
    shop.write("dbt_project.yml", PROJECT + 'models: {shop: {+enabled: "{{ target.type == ' + name + ' | as_bool }}", +meta: {a: "{{ \'1\' | as_text }}", b: "{{ \'1\' | as_number }}"}}}\n')
    shop("parse")
    found = artifact(shop, "manifest.json")
    assert ("model.shop.m" in found["nodes"]) == kind
    if kind:
        assert found["nodes"]["model.shop.m"]["config"]["meta"] == {"a": "1", "b": 1}


def test_a_template_in_a_variable_is_rendered_where_sql_asks(shop):
    shop.write("dbt_project.yml", PROJECT + "vars: {at_once: \"{{ 500 if target.type == 'bigquery' else 20 }}\", from: \"{{ ref('s') }}\"}\n")
    shop.write("models/m.sql", "select {{ var('at_once') | int + 1 }} as n from {{ var('from') }}")
    shop("build")
    node = artifact(shop, "manifest.json")["nodes"]["model.shop.m"]
    assert node["depends_on"]["nodes"] == ["seed.shop.s"] and node["compiled_code"].startswith("select 21 as n")


def test_words_between_the_macros_of_a_file_are_nobodys(shop):
    shop.write("macros/m.sql", "{% https://example.com %}\n{% #### %}\n{{ not a template }\n"
                               "{%- macro one() -%}{{ return(outer(inner(1))) }}{%- endmacro -%}\n\n{% macro outer(x) %}{{ return(x) }}{% endmacro %}\n"
                               "{% macro inner(x) %}{{ return(x) }}{% endmacro %}")
    shop.write("models/m.sql", "{{ config(materialized='view')\u00a0}} select {{ one() }} as id")
    shop("run")
    assert artifact(shop, "manifest.json")["macros"]["macro.shop.one"]["depends_on"]["macros"] == ["macro.shop.outer", "macro.shop.inner"]
    shop.write("macros/m.sql", "{% macro one() %}{% if %}{% endmacro %}")
    assert "macros/m.sql:1:" in shop("parse", code=2)


def test_a_source_says_what_is_quoted(shop):
    shop.write("dbt_project.yml", PROJECT + "quoting: {schema: false}\n")
    shop.write("models/s.yml", "sources:\n  - name: raw\n    schema: main\n    quoting: {identifier: false, schema: true}\n"
                               "    tables: [{name: s}, {name: t, identifier: s, quoting: {identifier: true}}]\n")
    shop.write("models/m.sql", "select * from {{ source('raw', 's') }} union all select * from {{ source('raw', 't') }}")
    shop("seed")
    shop("run")
    found = artifact(shop, "manifest.json")
    assert found["nodes"]["model.shop.m"]["compiled_code"] == 'select * from "shop"."main".s union all select * from "shop"."main"."s"'
    assert found["nodes"]["model.shop.m"]["relation_name"] == '"shop".main."m"'
    assert found["sources"]["source.shop.raw.s"]["relation_name"] == '"shop"."main".s'
    assert found["metadata"]["quoting"]["schema"] is False


def test_configuration_among_the_arguments_of_a_test_configures(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests:\n          - accepted_values:\n"
                               "              arguments: {values: [2], severity: warn, config: {where: id > 0}}\n")
    shop("build")
    test = next(node for node in artifact(shop, "manifest.json")["nodes"].values() if node["resource_type"] == "test" and node.get("test_metadata"))
    assert test["config"]["severity"] == "warn" and test["config"]["where"] == "id > 0"


def test_unit_tests_are_not_compiled_for_the_docs(shop):
    shop.write("models/raw.yml", "sources: [{name: raw, tables: [{name: nowhere}]}]\nunit_tests:\n  - name: u\n    model: m\n"
                                 "    given: [{input: \"source('raw', 'nowhere')\", rows: [{id: 1}]}]\n    expect: {rows: [{id: 1}]}\n")
    shop.write("models/m.sql", "select * from {{ source('raw', 'nowhere') }}")
    shop("compile")
    shop("docs", "generate")


def test_a_name_too_long_for_postgres_is_no_error_of_the_project(shop):
    shop.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: postgres, host: /nowhere, port: 5432, user: u, password: '', dbname: d, schema: s}\n")
    shop.write("models/" + "m" * 70 + ".sql", "select 1 as id")
    shop("parse")


def local_package(shop):
    shop.write("packages.yml", "packages: [{local: lib}]\n")
    shop.write("lib/dbt_project.yml", "name: lib\nversion: 1.2.3\nvars: {a: 1}\n")


def test_ref_knows_the_project(shop):
    shop.write("dbt_project.yml", PROJECT + "version: '7.0'\nvars: {a: 2, lib: {b: 3}}\n")
    local_package(shop)
    shop.write("lib/macros/about.sql", "{% macro about() %}{% set c = builtins.ref.config %}{% set lib = c.dependencies['lib'] %}{% do return([c.project_name, c.version, "
                                       "c.vars.to_dict(), c.cli_vars, c.model_paths, lib.project_name, lib.version, lib.vars.to_dict(), c.load_dependencies().keys() | sort]) %}{% endmacro %}")
    shop.write("models/m.sql", "select 1 as id -- {{ lib.about() }} {{ ref.config.target_name }} {{ ref('n') }}")
    shop.write("models/n.sql", "select 1 as id")
    shop("deps")
    shop("run", "--vars", "{k: v}")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == (
        "select 1 as id -- ['shop', '7.0', {'a': 2, 'lib': {'b': 3}}, {'k': 'v'}, ['models'], 'lib', '1.2.3', {'a': 1}, "
        "['dbt', 'dbt_duckdb', 'lib', 'shop']] dev \"shop\".\"main\".\"n\"")


def test_the_context_keeps_what_it_is_given(shop):
    shop.write("macros/keep.sql", "{% macro keep(x) %}{% set all = context.get('kept', []) %}{% do context.update({'kept': all + [x]}) %}{% endmacro %}"
                                  "{% macro kept_now() %}{{ context.kept }} {{ kept }} {{ context['kept'] | length }}{% endmacro %}")
    shop.write("models/m.sql", "{{ keep(1) }}{{ keep('two') }}{% do context.update(more=3) %}select 1 as id -- {{ kept_now() }} {{ more }}")
    shop.write("models/other.sql", "select 1 as id -- {{ context.get('kept', 'none') }}")
    shop.write("models/wrong.sql", "{% if execute %}{% do context.update(1) %}{% endif %}select 1 as id")
    shop("run", "--exclude", "wrong")
    nodes = artifact(shop, "manifest.json")["nodes"]
    assert nodes["model.shop.m"]["compiled_code"] == "select 1 as id -- [1, 'two'] [1, 'two'] 2 3"
    assert nodes["model.shop.other"]["compiled_code"] == "select 1 as id -- none"
    assert "context.update() takes a dictionary" in shop("run", "-s", "wrong", code=1)


def test_the_name_of_the_project_is_that_of_the_root_in_packages_too(shop):
    local_package(shop)
    shop.write("lib/macros/where.sql", "{% macro where_to() %}{% if context.get(project_name, {}).get('where_to') %}{{ return(context[project_name].where_to()) }}"
                                       "{% else %}{{ return('lib') }}{% endif %}{% endmacro %}")
    shop.write("models/m.sql", "select '{{ lib.where_to() }}' as a")
    shop.write("lib/models/l.sql", "select '{{ where_to() }} {{ project_name }}' as a")
    shop("deps")
    shop("run")
    nodes = artifact(shop, "manifest.json")["nodes"]
    assert nodes["model.shop.m"]["compiled_code"] == "select 'lib' as a" and nodes["model.lib.l"]["compiled_code"] == "select 'lib shop' as a"
    shop.write("macros/where.sql", "{% macro where_to() %}{{ return('mine') }}{% endmacro %}")
    shop("run")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == "select 'mine' as a"


def test_a_path_may_say_more_than_a_relation_has(shop):
    shop.write("models/m.sql", "select 1 as id -- {{ this.incorporate(path={'table': 'x', 'identifier': 'j'}) }}")
    shop("run")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == 'select 1 as id -- "shop"."main"."j"'
    shop.write("models/m.sql", "select 1 as id -- {{ this.replace_path(table='x') }}")
    assert "no 'table'" in shop("run", code=2)


def test_a_hook_may_commit_by_itself_on_postgres(shop, postgres):
    url = postgres.database()
    host, name = url.split("host=")[1], url.split("@/")[1].split("?")[0]
    shop.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: postgres, host: " + host + ", port: 5432, user: postgres, password: x, dbname: "
               + name + ", schema: s}\n")
    shop.write("models/m.sql", "{{ config(pre_hook='create table if not exists s.log (a int); insert into s.log values (1); commit;', "
                               "post_hook='insert into s.log values (2); commit;') }} select 1 as id")
    shop("run")
    shop("run")
    assert postgres.psql("select string_agg(a::text, '' order by a) from s.log", url) == [["1122"]]


SNAPSHOT = "{% snapshot snap %}{{ config(GIVEN) }} select 1 as id, date '2024-01-01' as moment {% endsnapshot %}"
KEPT = "strategy='timestamp', unique_key='id', updated_at='moment'"


@pytest.mark.parametrize("given, part", [
    ("unique_key='id', updated_at='moment'", "'strategy' and 'unique_key'"), ("strategy='check', check_cols='all'", "'strategy' and 'unique_key'"),
    ("strategy='check', unique_key='id'", "needs 'check_cols'"), ("strategy='check', unique_key='id', check_cols='id'", "a list of columns"),
    ("strategy='timestamp', unique_key='id'", "needs 'updated_at'"), (KEPT + ", check_cols='all'", "has no 'check_cols'")])
def test_a_snapshot_that_lacks_what_its_strategy_needs_is_refused_before_anything_runs(shop, given, part):
    shop.write("snapshots/snap.sql", SNAPSHOT.replace("GIVEN", given))
    said = shop("parse", code=2)
    assert part in said and "snapshots/snap.sql" in said
    shop.write("snapshots/snap.sql", SNAPSHOT.replace("GIVEN", given + ", enabled=false"))
    shop("parse")


def test_the_configuration_of_a_node_sees_the_schema_of_the_target(shop):
    shop.write("snapshots/snap.sql", SNAPSHOT.replace("GIVEN", KEPT + ", target_schema=schema ~ '_history'"))
    shop("parse")
    snap = artifact(shop, "manifest.json")["nodes"]["snapshot.shop.snap"]
    assert (snap["schema"], snap["config"]["target_schema"]) == ("main_history", "main_history")


def test_list_means_models_alone_by_models(shop):
    shop.write("models/m.yml", "models: [{name: m, columns: [{name: id, data_tests: [unique]}]}]")
    assert shop("-q", "ls", "--models", "m").split() == ["shop.m"] == shop("-q", "ls", "-m", "m").split()
    assert shop("-q", "ls", "--select", "m").split() == ["shop.m", "shop.unique_m_id"]
    shop("run", "--models", "m")
    assert "PASS=1" in shop("test", "--model", "m")
    shop("ls", "--models", "m", "--select", "m", code=2)
    shop("ls", "--models", "m", "--resource-type", "model", code=2)


@pytest.mark.parametrize("flag, times", [("", 2), ("flags: {source_freshness_run_project_hooks: false}\n", 0)])
def test_a_flag_keeps_the_hooks_of_the_project_from_freshness(shop, flag, times):
    shop.write("dbt_project.yml", PROJECT + flag + "on-run-start: [select 1]\non-run-end: [select 2]\n")
    shop.write("models/s.yml", "sources: [{name: raw, schema: main, tables: [{name: s, loaded_at_field: \"timestamp '2000-01-01' + to_days(id)\", "
                               "config: {freshness: {warn_after: {count: 1, period: day}}}}]}]")
    shop("seed")
    assert shop("source", "freshness").count("OK hook: ") == times


def test_a_unit_test_is_selected_by_its_name(shop):
    shop.write("models/m.yml", "unit_tests: [{name: one_row, model: m, given: [], expect: {rows: [{id: 1}]}}]")
    assert shop("-q", "ls", "--select", "test_name:one_*").split() == ["unit_test:shop.one_row"]
    shop("run")
    assert "PASS=1" in shop("test", "--select", "test_name:one_row")


def test_a_unit_test_of_a_disabled_model_is_put_aside(shop):
    shop.write("models/off.sql", "{{ config(enabled=false) }} select 1 as id")
    shop.write("models/off.yml", "unit_tests: [{name: one_row, model: off, given: [], expect: {rows: [{id: 1}]}}]")
    shop("parse")
    made = artifact(shop, "manifest.json")
    assert not made["unit_tests"] and sorted(made["disabled"]) == ["model.shop.off", "unit_test.shop.off.one_row"]
    assert "unit_test" not in shop("-q", "ls")


@pytest.mark.parametrize("was, now, breaks", [("varchar(5)", "VARCHAR(20)", False), ("decimal(10,2)", "decimal (12,4)", False), ("varchar(5)", "text", True), ("integer", "bigint", True)])
def test_another_size_of_a_type_breaks_no_contract(shop, was, now, breaks):
    def contract(kind):
        shop.write("models/m.yml", "models: [{name: m, config: {contract: {enforced: true}}, columns: [{name: id, data_type: '" + kind + "'}]}]")

    contract(was)
    shop("parse")
    (shop.root / "target").rename(shop.root / "before")
    contract(now)
    said = shop("ls", "--select", "state:modified.contract", "--state", "before")
    assert ("Breaking change" in said) == breaks
    assert "shop.m" in said


def test_severity_is_selected_in_any_case(shop):
    shop.write("models/m.yml", "models: [{name: m, columns: [{name: id, data_tests: [unique, {not_null: {config: {severity: WARN}}}]}]}]")
    assert shop("-q", "ls", "--select", "config.severity:error,test_type:generic").split() == ["shop.unique_m_id"]
    assert shop("-q", "ls", "--select", "config.severity:warn").split() == ["shop.not_null_m_id"]


def test_docs_of_a_folder_that_two_paths_name_are_read_once(shop):
    shop.write("dbt_project.yml", PROJECT + "model-paths: [models]\nseed-paths: [models]\n")
    shop.write("models/about.md", "{% docs about %}all{% enddocs %}")
    shop("parse")
    shop.write("models/more.md", "{% docs about %}again{% enddocs %}")
    shop("parse", code=2)


def test_the_graph_keeps_what_a_node_puts_there(shop):
    shop.write("models/m.sql", "{% do graph.setdefault('own', {}).update({'a': 1}) %}select 1 as id -- {{ graph.own }} {{ graph.nodes | length > 1 }}")
    shop("run")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == "select 1 as id -- {'a': 1} True"


def test_inputs_of_a_unit_test_are_whole_seeds_and_sources_of_one_name(shop):
    shop.write("seeds/s.csv", "id\n1\n2\n")
    shop.write("models/s.yml", "sources: [{name: a, schema: main, tables: [{name: s}]}, {name: b, schema: main, tables: [{name: s}]}]")
    shop.write("models/m.sql", "select id from {{ ref('s') }} union all select id from {{ source('a', 's') }} union all select id from {{ source('b', 's') }}")
    shop.write("models/m.yml", "unit_tests:\n  - name: all\n    model: m\n    given:\n      - input: ref('s')\n      - {input: \"source('a', 's')\", rows: [{id: 7}]}\n"
                               "      - {input: \"source('b', 's')\", rows: [{id: 8}]}\n    expect: {rows: [{id: 1}, {id: 2}, {id: 7}, {id: 8}]}\n")
    shop("seed")
    shop("run")
    assert "PASS=1" in shop("test", "-s", "test_type:unit")
    shop.write("seeds/s.csv", "id\n1\n")
    assert "FAIL 1" in shop("test", "-s", "test_type:unit", code=1)


def test_the_graph_keeps_what_macros_put_there_until_the_run_ends(shop):
    """From one node to the next, on several threads, and after their own values are gone."""
    shop.write("dbt_project.yml", PROJECT + "on-run-start: \"{% do graph.setdefault('own', {'names': [], 'when': {}}) %}\"\n"
               "on-run-end: \"{{ log('seen ' ~ (graph.own.names | sort | join(',')) ~ ' ' ~ graph.own.when.values() | map(attribute='year') | unique | list"
               " ~ ' ' ~ graph.own.here.identifier, info=true) }}\"\n")
    for i in range(12):
        shop.write(f"models/m{i}.sql", "{{ config(post_hook=\"{% do graph.own.names.append(this.identifier) %}\") }}\n"
                   "{% do graph.own.when.update({this.identifier: modules.datetime.datetime(2001, 1, 1)}) %}{% do graph.own.update({'here': this}) %}\n"
                   "{% set found = run_query('select 1 as id') %}select {{ found.columns[0].values()[0] }} as id")
    out = shop("run", "--threads", "4")
    assert "seen " + ",".join(sorted(f"m{i}" for i in range(12))) + " [2001] m" in out


def test_results_at_the_end_of_a_run_become_dictionaries(shop):
    shop.write("dbt_project.yml", PROJECT + "on-run-end: \"{% for r in results %}{% set d = r.to_dict() %}{{ log(d.status ~ ' ' ~ d.node.name ~ ' ' ~ r.node.to_dict().name"
               " ~ ' ' ~ d.timing | map(attribute='name') | list ~ ' ' ~ r.timing[0].to_dict().name ~ ' ' ~ (r.node.config.nothing is none) ~ r.node.config.materialized ~ d.node.config.get('materialized') ~ ' ' ~ ('failures' in r.to_dict(omit_none=true)), info=true) }}{% endfor %}\"\n")
    shop.write("models/m.sql", "select 1 as id")
    assert "success m m ['compile', 'execute'] compile Trueviewview False" in shop("run")


def test_an_exposure_does_not_wait_for_the_tests_of_what_it_shows(shop):
    shop.write("models/m.sql", "select 1 as id")
    shop.write("models/m.yml", "models: [{name: m, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [2]}}}]}]}]\n"
               "exposures: [{name: board, type: dashboard, owner: {name: me}, depends_on: [ref('m')]}]")
    shop("build", code=1)
    assert {r["unique_id"].split(".")[0]: r["status"] for r in artifact(shop, "run_results.json")["results"] if not r["unique_id"].endswith((".s", ".none"))} == \
        {"model": "success", "test": "fail", "exposure": "no-op"}


def test_a_packages_entry_of_a_seed_is_that_of_the_projects_own_seed_in_its_place(shop):
    shop.write("pack/dbt_project.yml", "name: pack\nversion: '1.0'\n")
    shop.write("pack/seeds/except.csv", "id\n1\n")
    shop.write("pack/seeds/s.yml", "seeds: [{name: except, description: what is left out, config: {column_types: {id: varchar}}}]\n")
    shop.write("packages.yml", "packages: [{local: pack}]\n")
    shop.write("dbt_project.yml", PROJECT + "seeds: {pack: {+enabled: false}}\n")
    shop.write("seeds/except.csv", "id\n7\n")
    shop("deps")
    shop("seed")
    seed = artifact(shop, "manifest.json")["nodes"]["seed.shop.except"]
    assert (seed["description"], seed["config"]["column_types"], seed["patch_path"]) == ("what is left out", {"id": "varchar"}, "pack://seeds/s.yml")


def test_a_folded_text_at_the_end_of_a_file_has_no_line_end(shop):
    shop.write("models/m.sql", "select 1 as id")
    shop.write("models/m.yml", "models:\n  - name: m\n    description: >\n      two\n      words\n")
    shop("parse")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["description"] == "two words"


def test_a_float_of_32_bits_has_the_digits_that_python_gives_it(shop):
    shop.write("models/m.sql", "{% if execute %}{% set v = run_query('select 3.3::float as v').columns[0].values()[0] %}{% endif %}select '{{ v }}' as v")
    shop("run")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == "select '3.299999952316284' as v"


def test_a_project_tests_a_model_of_a_package(shop):
    shop.write("pack/dbt_project.yml", "name: pack\nversion: '1.0'\n")
    shop.write("pack/models/theirs.sql", "select 1 as id")
    shop.write("packages.yml", "packages: [{local: pack}]\n")
    shop.write("models/about.yml", "models: [{name: theirs, description: of theirs, columns: [{name: id, data_tests: [not_null]}]}]\n")
    shop("deps")
    shop("build")
    nodes = artifact(shop, "manifest.json")["nodes"]
    assert nodes["model.pack.theirs"]["description"] == "of theirs"
    assert [n["depends_on"]["nodes"] for n in nodes.values() if n.get("column_name")] == [["model.pack.theirs"]]


def test_the_name_of_a_source_may_be_a_template(shop):
    shop.write("models/s.yml", "sources: [{name: \"{{ target.schema }}_raw\", schema: main, tables: [{name: \"{{ 't' ~ 1 }}\"}]}]\n")
    shop.write("models/m.sql", "select * from {{ source(target.schema ~ '_raw', 't1') }}")
    shop("parse")
    assert list(artifact(shop, "manifest.json")["sources"]) == ["source.shop.main_raw.t1"]


def test_an_empty_line_of_a_seed_is_a_row_of_nothing(shop):
    shop.write("seeds/gaps.csv", "a,b\n1,2\n\n3,4\n")
    shop.write("dbt_project.yml", PROJECT + "seeds: {shop: {gaps: {+fast: false}}}\n")
    shop("seed", "-s", "gaps")
    shop.write("models/m.sql", "{% if execute %}{% set rows = run_query('select a, b from ' ~ ref('gaps') ~ ' order by a nulls last').rows %}"
               "{% endif %}select '{{ rows | map('list') | list | length }}' as n")
    shop("run", "-s", "m")
    assert artifact(shop, "manifest.json")["nodes"]["model.shop.m"]["compiled_code"] == "select '3' as n"


def test_docs_lie_below_their_own_paths_where_there_are_any(shop):
    shop.write("dbt_project.yml", PROJECT + "docs-paths: [docs, models/words]\n")
    shop.write("docs/about.md", "{% docs about %}one{% enddocs %}")
    shop.write("models/about.md", "{% docs about %}two{% enddocs %}")
    shop.write("models/words/more.md", "{% docs more %}three{% enddocs %}")
    shop("parse")
    docs = artifact(shop, "manifest.json")["docs"]
    assert {k: d["block_contents"] for k, d in docs.items() if ".shop." in k} == {"doc.shop.about": "one", "doc.shop.more": "three"}
