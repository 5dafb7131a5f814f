"""What is refused or warned of once a dbt project is read and compared, as dbt's own functional tests look at it."""

import json

import pytest

from harness import Dbt

PROJECT = "name: shop\nprofile: shop\n"
FILES = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
    "models/m.sql": "select 1 as id",
}
COLUMNS = "    columns: [{name: id, data_type: integer}]\n"


@pytest.fixture
def shop(tmp_path, env):
    return Dbt(tmp_path / "shop", env, FILES)


@pytest.mark.parametrize("config, part", [
    ("access: public, materialized: ephemeral", "invalid value (public) for the access field"),
    ("materialized: incremental, contract: {enforced: true}", "Invalid value for on_schema_change: ignore"),
    ("materialized: incremental, on_schema_change: sync_all_columns, contract: {enforced: true}", "Invalid value for on_schema_change"),
    ("freshness: {build_after: {count: 2}}", "must have a value for `period`"),
    ("freshness: {build_after: {period: day}}", "must have a value for `count`")])
def test_configurations_that_contradict_each_other_are_refused(shop, config, part):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {" + config + "}\n" + COLUMNS)
    said = shop("parse", code=2)
    assert part in said and "models/m.sql" in said


@pytest.mark.parametrize("config", [
    "access: public", "access: protected, materialized: ephemeral", "materialized: incremental, on_schema_change: fail, contract: {enforced: true}",
    "materialized: incremental, on_schema_change: append_new_columns, contract: {enforced: true}", "materialized: incremental",
    "freshness: {build_after: {count: 0, period: day}}", "freshness: {build_after: {updates_on: all}}"])
def test_configurations_that_agree_are_taken(shop, config):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {" + config + "}\n" + COLUMNS)
    shop("parse")


def test_a_contract_of_python_is_refused_before_references_are_looked_at(shop):
    shop.write("models/p.py", "def model(dbt, session):\n    return dbt.ref('nobody')\n")
    shop.write("models/m.yml", "models:\n  - name: p\n    config: {contract: {enforced: true}}\n" + COLUMNS)
    assert "Expected 'sql' but found 'python'" in shop("parse", code=2)


@pytest.mark.parametrize("flags, code", [("", 0), ("flags: {require_all_warnings_handled_by_warn_error: true}\n", 2)])
def test_batches_that_nothing_filters_are_warned_of(shop, flags, code):
    shop.write("models/b.sql", "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', "
                               "begin='2024-01-01') }} select id, date '2024-01-01' as at from {{ ref('m') }}")
    warning = "The microbatch model 'b' has no 'ref' or 'source' input with an 'event_time' configuration"
    assert warning in shop("parse")
    shop.write("dbt_project.yml", PROJECT + flags)
    assert warning in shop("--warn-error", "parse", code=code)
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {event_time: id}\n")
    assert warning not in shop("parse")


def test_a_folder_of_models_and_seeds_is_read_once(shop):
    shop.write("dbt_project.yml", PROJECT + "model-paths: [models/]\nseed-paths: [models]\nanalysis-paths: [models/seeds]\n")
    shop.write("models/m.yml", "models:\n  - name: m\n    description: \"{{ doc('word') }}\"\n")
    shop.write("models/seeds/s.yml", "seeds:\n  - name: s\n    description: rows\n")
    shop.write("models/seeds/s.csv", "id\n1\n")
    shop.write("models/seeds/word.md", "{% docs word %}said{% enddocs %}")
    shop("parse")
    nodes = shop.json("manifest.json")["nodes"]
    assert (nodes["model.shop.m"]["description"], nodes["seed.shop.s"]["description"]) == ("said", "rows")


def test_an_entry_does_not_say_which_of_several_disabled_models_it_enables(shop):
    shop.write("models/a/x.sql", "{{ config(enabled=false) }} select 1 as id")
    shop.write("models/x.yml", "models:\n  - name: x\n    config: {enabled: true}\n")
    shop("parse")
    shop.write("models/b/x.sql", "{{ config(enabled=false) }} select 2 as id")
    assert "Found 2 matching disabled nodes for model 'x'" in shop("parse", code=2)


def test_a_metric_that_is_not_there_is_refused_where_it_is_asked_for(shop):
    shop.write("models/m.sql", "{{ metric('nobody') }} select 1 as id")
    said = shop("parse", code=2)
    assert "models/m.sql" in said and "a metric named 'nobody' which was not found" in said


@pytest.mark.parametrize("option", [["--select", "m"], ["--selector", "some"]])
def test_a_query_of_the_command_line_is_no_selection(shop, option):
    assert "--inline and " + option[0] in shop("compile", "--inline", "select 1", *option, code=2)


def test_a_singular_test_without_a_name_is_warned_of(shop):
    shop.write("tests/t.sql", "select 1 as id limit 0")
    shop.write("tests/t.yml", "data_tests:\n  - description: of nobody\n  - {name: t, description: said}\n")
    assert "Unable to parse 'data_tests' section of file 'tests/t.yml'" in shop("parse")
    assert shop.json("manifest.json")["nodes"]["test.shop.t"]["description"] == "said"


@pytest.mark.parametrize("written, kept", [("2024-01-01", "2024-01-01"), ("'2024-01-01'", "2024-01-01"), ("2024-01-01 10:00:00", "2024-01-01T10:00:00")])
def test_a_beginning_is_a_day_or_a_moment(shop, written, kept):
    shop.write("models/m.yml", "models:\n  - name: m\n    config: {begin: " + written + "}\n")
    shop("parse")
    assert shop.json("manifest.json")["nodes"]["model.shop.m"]["config"]["begin"] == kept
    shop.write("models/m.sql", "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='id', batch_size='day') }} select 1 as id")
    shop("parse")
    assert shop.json("manifest.json")["nodes"]["model.shop.m"]["config"]["begin"] == (kept + "T00:00:00")[:19]


def test_a_catalog_that_cannot_be_made_says_why(shop):
    shop.write("macros/c.sql", "{% macro get_catalog_relations(information_schema, relations) %}{% do exceptions.raise_compiler_error('no catalogs for you') %}"
                               "{% endmacro %}")
    shop("run")
    said = shop("docs", "generate", code=1)
    assert "[WARNING]: Encountered an error while generating catalog: " in said and "no catalogs for you" in said
    assert "no catalogs for you" in shop("--warn-error", "docs", "generate", code=2)


# ---- states


def changed(shop, what="state:modified", code=0, *more):
    return shop(*more, "ls", "--output", "name", "-s", what, "--state", "kept", code=code)


def test_a_large_seed_is_known_by_its_path_alone(shop):
    rows = "".join(f"{i:060}\n" for i in range(20000))
    shop.write("seeds/s.csv", "id\n1\n")
    shop("parse", "--target-path", "kept")
    shop.write("seeds/s.csv", "id\n" + rows)
    said = changed(shop)
    assert "Found a seed (shop.s) >1MB in size. The previous file was <=1MB, so it has changed" in said and said.splitlines()[-1] == "s"
    assert ">1MB" in changed(shop, "state:modified", 2, "--warn-error")
    shop("parse", "--target-path", "kept")
    assert json.loads((shop.root / "kept/manifest.json").read_text())["nodes"]["seed.shop.s"]["checksum"] == {"name": "path", "checksum": "seeds/s.csv"}
    shop.write("seeds/s.csv", "id\n" + rows + "7\n")
    said = changed(shop)
    assert "cannot tell if it has changed" in said and said.splitlines()[-1] != "s"


@pytest.mark.parametrize("what", ["state:modified", "state:unmodified"])
def test_a_test_whose_macro_is_gone_cannot_be_compared(shop, what):
    shop.write("macros/t.sql", "{% test odd(model, column_name) %}select 1 as id limit 0{% endtest %}")
    shop.write("models/m.yml", "models:\n  - name: m\n    columns: [{name: id, data_tests: [odd]}]\n")
    shop("parse", "--target-path", "kept")
    (shop.root / "macros/t.sql").unlink()
    assert "the macro or generic test 'odd' does not exist" in changed(shop, what, 2)
    changed(shop, "state:new")


def test_a_broken_contract_of_a_version_is_refused_for_unmodified_too(shop):
    entry = "models:\n  - name: m\n    config: {contract: {enforced: true}}\n    versions: [{v: 1, defined_in: m}]\n    columns: [{name: id, data_type: KIND}]\n"
    shop.write("models/m.yml", entry.replace("KIND", "integer"))
    shop("parse", "--target-path", "kept")
    shop.write("models/m.yml", entry.replace("KIND", "text"))
    assert "breaking change" in shop("ls", "--exclude", "state:unmodified", "--state", "kept", code=2)


def test_a_relation_that_another_node_drops_meanwhile_is_built_all_the_same(shop, postgres):
    url = postgres.database()
    shop.write("profiles.yml", "shop:\n  target: dev\n  outputs:\n    dev: {type: postgres, host: '" + url.split("host=")[1] + "', user: postgres, pass: x, "
               "port: 5432, dbname: '" + url.split("@/")[1].split("?")[0] + "', schema: analytics, threads: 2}\n")
    shop("run")
    shop.write("models/m.sql", "{{ config(pre_hook='{% do adapter.cache_dropped(this) %}') }} select 2 as id")
    shop("run")
    assert json.loads(shop("show", "--quiet", "--output", "json", "--inline", "select id from {{ ref('m') }}"))["show"] == [{"id": 2}]


# ---- lines of JSON


def test_lines_of_json_have_the_event_of_their_kind_and_of_a_test_what_it_tests(shop):
    shop.write("models/m.yml", "groups:\n  - {name: g, owner: {name: ann, level: 1}}\nmodels:\n  - name: m\n    config: {group: g, meta: {a: 1}}\n"
                               "    columns: [{name: id, data_tests: [{unique: {name: u}}]}]\n")
    shop.write("seeds/s.csv", "id\n1\n")
    events = [json.loads(line) for line in shop("--log-format", "json", "build").splitlines()]
    of = {(e["info"]["name"], e["data"]["node_info"]["unique_id"].split(".")[2]): e["data"] for e in events if "node_info" in e["data"]}
    model, test = of["LogModelResult", "m"], of["LogTestResult", "u"]
    assert (model["node_info"]["node_status"], model["node_info"]["materialized"], model["node_info"]["meta"]) == ("success", "view", {"a": 1})
    assert model["group"] == {"name": "g", "owner": {"name": "ann", "level": "1"}, "package_name": "shop"}
    assert (test["attached_node"], test["status"], test["num_failures"], test["name"], test["group"]["name"]) == ("model.shop.m", "pass", 0, "u", "g")
    assert of["LogSeedResult", "s"]["node_info"]["node_status"] == "success"


def test_a_state_of_an_older_dbt_is_read_from_1_0_on(shop):
    shop("parse", "--target-path", "kept")
    file = shop.root / "kept/manifest.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    node = kept["nodes"]["model.shop.m"]
    node["raw_sql"] = node.pop("raw_code")
    for key in ("access", "contract", "latest_version"):
        del node[key]
    kept["metadata"]["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v4.json"
    file.write_text(json.dumps(kept), encoding="utf-8")
    assert changed(shop).splitlines()[-1] != "m"
    kept["metadata"]["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v3.json"
    file.write_text(json.dumps(kept), encoding="utf-8")
    assert 'found "https://schemas.getdbt.com/dbt/manifest/v3.json"' in changed(shop, code=2)


def test_a_text_of_a_yml_file_ends_without_its_line_end_but_a_description_keeps_it(shop):
    shop.write("models/m.yml", "models:\n  - name: m\n    description: |\n      said\n    config: {meta: {a: \"x\\n\", b: \"y\\n\\n\"}}\n"
                               "    columns:\n      - name: id\n        data_tests:\n          - unique:\n              config:\n                where: |\n                  id > 0\n"
                               "unit_tests:\n  - name: u\n    model: m\n    given: []\n    expect:\n      format: sql\n      rows: |\n        select 1 as id\n")
    shop("parse")
    made = shop.json("manifest.json")
    model = made["nodes"]["model.shop.m"]
    test = next(node for name, node in made["nodes"].items() if name.startswith("test."))
    assert (model["description"], model["config"]["meta"]) == ("said\n", {"a": "x", "b": "y\n"})
    assert (test["config"]["where"], made["unit_tests"]["unit_test.shop.m.u"]["expect"]["rows"]) == ("id > 0", "select 1 as id")


def test_a_refused_reference_has_its_place(shop):
    """The line of the ref(), not of the file that holds it."""
    shop.write("models/n.sql", "-- first\nselect *\nfrom {{ ref('m') }}")
    shop.write("models/m.yml", "groups: [{name: g, owner: {name: a}}, {name: h, owner: {name: b}}]\n"
                               "models: [{name: m, access: private, group: g}, {name: n, group: h}]\n")
    said = shop("parse", code=2)
    assert "models/n.sql:3:9: it references 'model.shop.m', which is private to the group 'g'" in said and "put it into that group" in said
    shop.write("models/m.yml", "")
    shop.write("snapshots/s.yml", "snapshots:\n  - name: s\n    config: {strategy: check, check_cols: all, unique_key: id}\n    relation: ref('mm')\n")
    said = shop("parse", code=2)
    assert "snapshots/s.yml:4:15: there is no model 'mm'" in said and "did you mean 'm'" in said
    shop.write("snapshots/s.yml", "")
    shop.write("models/m.sql", "\nselect 1 as id from {{ ref('n') }}")
    said = shop("parse", code=2)
    assert "found a cycle: model.shop.m -> model.shop.n -> model.shop.m" in said and "models/n.sql:3:9" in said


def test_a_key_that_stands_twice_in_the_project_is_told(shop):
    shop.write("dbt_project.yml", PROJECT + "models: {+tags: [a]}\n\nmodels: {+tags: [b]}\n")
    assert "Duplicate key 'models' in \"<unicode string>\", line 5, column 1 in file" in " ".join(shop("parse").split())
