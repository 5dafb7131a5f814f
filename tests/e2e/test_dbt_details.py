"""leat dbt on DuckDB: small rules of dbt that its own adapter tests look at."""

import json
import subprocess

import pytest

from harness import LEAT, clean_env, write_files

BASE = {
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n",
}


def dbt(folder, *words, code=0):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == code, done.stdout
    return done.stdout


def project(folder, files):
    write_files(folder, {**BASE, **files})


def results(folder):
    made = json.loads((folder / "target/run_results.json").read_text())
    return {entry["unique_id"]: entry for entry in made["results"]}


def rows(folder, sql):
    out = dbt(folder, "show", "--inline", sql, "--output", "json", "--quiet", "--limit", "100", "--no-write-json")
    return [tuple(row.values()) for row in json.loads(out[out.index("{"):])["show"]]


def test_a_call_block_of_set_sql_header_is_run_before_the_query(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ config(materialized='table') }}\n"
                       "{% call set_sql_header(config) %}create temp macro twice(x) as x * 2;{% endcall %}\nselect twice(21) as x\n"})
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(42,)]


def test_tests_of_a_seed_under_models_are_tests_all_the_same(tmp_path):
    project(tmp_path, {"seeds/base.csv": "id\n1\n", "models/s.yml": "models: [{name: base, columns: [{name: id, data_tests: [not_null]}]}]\n"})
    assert "'base' is a seed node, but it is specified in the models section" in dbt(tmp_path, "seed")
    assert "PASS=1 WARN=0 ERROR=0" in dbt(tmp_path, "test", "-m", "base")


def test_a_file_without_a_word_is_not_run(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/blank.sql": "  \n"})
    dbt(tmp_path, "run")
    assert list(results(tmp_path)) == ["model.shop.a"]
    assert "shop.blank" in dbt(tmp_path, "ls", "--quiet")


def test_empty_cuts_ephemeral_models_and_sources_too(tmp_path):
    project(tmp_path, {"models/one.sql": "{{ config(materialized='ephemeral') }} select 1 as x\n",
                       "models/all.sql": "select * from {{ ref('one') }} union all select * from {{ source('raw', 'two') }}\n",
                       "models/s.yml": "sources: [{name: raw, schema: main, tables: [{name: two}]}]\n", "seeds/two.csv": "x\n2\n"})
    dbt(tmp_path, "seed")
    dbt(tmp_path, "run", "--empty")
    assert rows(tmp_path, "select count(*) as n from {{ ref('all') }}") == [(0,)]


def test_messages_say_the_kind_of_error_and_the_node(tmp_path):
    project(tmp_path, {"models/a.sql": "select * from nowhere\n",
                       "models/b.sql": "{% if execute %}{{ exceptions.raise_compiler_error('not so') }}{% endif %} select 1 as x\n"})
    out = dbt(tmp_path, "run", code=1)
    made = results(tmp_path)
    assert made["model.shop.a"]["message"].startswith("Runtime Error in model a (models/a.sql)\n  models/a.sql:1:15: Catalog Error")
    assert made["model.shop.b"]["message"].startswith("Compilation Error in model b (models/b.sql)\n  ") and "not so" in made["model.shop.b"]["message"]
    assert "  Compilation Error in model b (models/b.sql)\n" in out


def test_columns_of_a_snapshot_have_the_names_that_are_wanted(tmp_path):
    snapshot = """
snapshots:
  - name: s
    relation: ref('seed')
    config:
      unique_key: id
      strategy: timestamp
      updated_at: moment
      dbt_valid_to_current: "date '2099-12-31'"
      snapshot_meta_column_names: {dbt_valid_to: until, dbt_valid_from: since, dbt_scd_id: version, dbt_updated_at: changed}
"""
    project(tmp_path, {"seeds/seed.csv": "id,moment\n1,2024-01-01\n", "snapshots/s.yml": snapshot})
    dbt(tmp_path, "build")
    write_files(tmp_path, {"seeds/seed.csv": "id,moment\n1,2024-02-01\n"})
    dbt(tmp_path, "build")
    assert rows(tmp_path, "select since::date::text as a, until::date::text as b from {{ ref('s') }} order by 1") == [
        ("2024-01-01", "2024-02-01"), ("2024-02-01", "2099-12-31")]
    write_files(tmp_path, {"snapshots/s.yml": snapshot.replace(", dbt_scd_id: version", "")})
    assert "Snapshot target is missing configured columns" in dbt(tmp_path, "snapshot", code=1)


def test_rows_that_fail_are_stored_as_the_test_says(tmp_path):
    seeds = """
seeds:
  - name: people
    columns:
      - name: name
        data_tests:
          - accepted_values: {arguments: {values: [ann]}, config: {store_failures_as: table, limit: 2, alias: kept}}
          - unique: {config: {store_failures: true, store_failures_as: ephemeral}}
"""
    project(tmp_path, {"seeds/people.csv": "name\nbob\nbob\ncid\ndan\n", "seeds/s.yml": seeds})
    dbt(tmp_path, "seed")
    dbt(tmp_path, "test", code=1)
    kept = {entry["relation_name"]: entry["failures"] for entry in results(tmp_path).values()}
    assert kept == {'"shop"."main_dbt_test__audit"."kept"': 2, None: 1}
    assert rows(tmp_path, "select count(*) as n from main_dbt_test__audit.kept") == [(2,)]


def test_a_foreign_key_to_a_model_is_built_after_it(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ config(materialized='table') }} select 1 as id\n", "models/z.sql": "{{ config(materialized='table') }} select 1 as id\n",
                       "models/s.yml": """
models:
  - name: z
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: integer, constraints: [{type: primary_key}]}]
  - name: a
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: integer, constraints: [{type: foreign_key, to: ref('z'), to_columns: [id]}]}]
"""})
    dbt(tmp_path, "run")
    assert 'references "main"."z" (id)' in (tmp_path / "target/run/shop/models/a.sql").read_text()
    node = json.loads((tmp_path / "target/manifest.json").read_text())["nodes"]["model.shop.a"]
    assert node["depends_on"]["nodes"] == ["model.shop.z"]
    assert node["columns"]["id"]["constraints"][0]["to"] == '"shop"."main"."z"'
    write_files(tmp_path, {"models/s.yml": (tmp_path / "models/s.yml").read_text().replace("ref('z')", "z")})
    assert "a foreign key's 'to' is no reference: 'z'" in dbt(tmp_path, "parse", code=2)


def test_delete_insert_takes_predicates_without_an_alias_and_keys_that_are_expressions(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key=\"id || name\", "
                                       "incremental_predicates=['id != 2']) }}\n"
                                       "select 1 as id, 'a' as name, {{ 1 if is_incremental() else 0 }} as run "
                                       "union all select 2, 'b', {{ 1 if is_incremental() else 0 }}\n"})
    dbt(tmp_path, "run")
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select id, run from {{ ref('a') }} order by 1, 2") == [(1, 1), (2, 0), (2, 1)]


def test_two_spellings_of_a_hook_are_refused(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ config({'pre_hook': 'select 1', 'pre-hook': 'select 2'}) }} select 1 as x\n"})
    assert 'conflicting keys "pre_hook" and "pre-hook"' in dbt(tmp_path, "parse", code=2)


def test_a_hook_of_a_seed_cannot_refer_to_a_model(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "seeds: {post-hook: [\"select * from {{ ref('a') }}\"]}\n",
                       "models/a.sql": "select 1 as x\n", "seeds/s.csv": "id\n1\n"})
    assert "Seeds cannot depend on other nodes" in dbt(tmp_path, "parse", code=2)


def test_a_model_knows_its_thread(tmp_path):
    project(tmp_path, {"models/a.sql": "select '{{ thread_id }}' as t\n"})
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select t from {{ ref('a') }}")[0][0].startswith("Thread-")
    assert results(tmp_path)["model.shop.a"]["thread_id"].startswith("Thread-")


def test_statements_carry_the_comment_of_the_project(tmp_path):
    macro = "{% macro who() %}{{ return(tojson({'of': node.name, 'in': target.name})) }}{% endmacro %}\n"
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "query-comment: '{{ who() }}'\n", "macros/m.sql": macro,
                       "models/a.sql": "select 1 as x\n", "models/b.sql": "select * from\nnowhere\n"})
    out = dbt(tmp_path, "run", "--debug", code=1)
    assert '/* {"of": "a", "in": "dev"} */\n' in out
    assert "models/b.sql:2:1: Catalog Error" in out  # the place is that of the model
    write_files(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "query-comment: {comment: at the end, append: true}\n"})
    assert "\n/* at the end */;" in dbt(tmp_path, "run", "--debug", "-s", "a")
    write_files(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "query-comment: 'a */ b'\n"})
    assert 'query-comment contains illegal value "*/"' in dbt(tmp_path, "run", "-s", "a", code=2)


HOOKED = ("name: shop\nprofile: shop\non-run-start: [create table if not exists said (x int), insert into START values (1)]\n"
          "on-run-end: ['insert into END select {{ results | length }}', \"{{ log('ended', info=true) }}\"]\n")


def hooked(start, end):
    return HOOKED.replace("START", start).replace("END", end)


def test_hooks_of_the_project_are_results_with_lines_of_their_own(tmp_path):
    project(tmp_path, {"dbt_project.yml": hooked("said", "said"), "models/a.sql": "select 1 as x\n"})
    out = dbt(tmp_path, "run")
    assert "2 of 2 START hook: shop.on-run-start.1 ..." in out and "1 of 2 OK hook: shop.on-run-end.0 ..." in out
    assert "Finished running 4 project hooks, 1 view model" in out and "Done. PASS=5 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=5" in out
    assert rows(tmp_path, "select x from said order by all") == [(1,), (1,)]  # the results that a hook sees are those of nodes
    ran = results(tmp_path)
    assert list(ran) == ["operation.shop.shop-on-run-start-0", "operation.shop.shop-on-run-start-1", "model.shop.a",
                         "operation.shop.shop-on-run-end-0", "operation.shop.shop-on-run-end-1"]
    first = ran["operation.shop.shop-on-run-start-1"]
    assert (first["status"], first["message"], first["failures"], first["thread_id"]) == ("success", "shop.on-run-start.1 passed", 0, "main")
    assert [span["name"] for span in first["timing"]] == ["compile", "execute"] and first["compiled_code"] == "insert into said values (1)"
    assert ran["operation.shop.shop-on-run-end-1"]["compiled_code"] == ""
    hooks = tmp_path / "target/compiled/shop/dbt_project.yml/hooks"
    assert sorted(path.name for path in hooks.iterdir()) == ["shop-on-run-end-0.sql", "shop-on-run-start-0.sql", "shop-on-run-start-1.sql"]


def test_a_hook_that_fails_skips_the_hooks_behind_it_but_no_node(tmp_path):
    project(tmp_path, {"dbt_project.yml": hooked("nothere", "nothere"), "models/a.sql": "select 1 as x\n"})
    out = dbt(tmp_path, "run", code=1)
    assert "2 of 2 ERROR hook: shop.on-run-start.1 ..." in out and "2 of 2 SKIP hook: shop.on-run-end.1 ..." in out
    assert "Done. PASS=2 WARN=0 ERROR=2 SKIP=1 NO-OP=0 TOTAL=5" in out
    ran = results(tmp_path)
    assert ran["model.shop.a"]["status"] == "success" and ran["operation.shop.shop-on-run-end-1"]["message"] == "shop.on-run-end.1 skipped"
    assert ran["operation.shop.shop-on-run-end-0"]["message"].startswith("shop.on-run-end.0 failed, error:\n Catalog Error")
    assert "nothing failed" in dbt(tmp_path, "retry")  # no node did


def test_a_project_can_ask_that_nothing_runs_after_a_start_that_failed(tmp_path):
    project(tmp_path, {"dbt_project.yml": hooked("nothere", "said") + "flags: {skip_nodes_if_on_run_start_fails: true}\n",
                       "models/a.sql": "select 1 as x\n"})
    dbt(tmp_path, "run", code=1)
    assert results(tmp_path)["model.shop.a"]["status"] == "skipped"


def test_args_of_the_results_are_the_options_of_that_command_with_their_values(tmp_path):
    project(tmp_path, {"models/a.sql": "select '{{ flags.FULL_REFRESH }} {{ invocation_args_dict.indirect_selection }}' as x\n"})

    def args(*words):
        dbt(tmp_path, *words)
        return json.loads((tmp_path / "target/run_results.json").read_text())["args"]
    plain = args("run")
    assert plain["which"] == "run" and plain["vars"] == {} and plain["indirect_selection"] == "eager"
    assert plain["warn_error_options"] == {"error": [], "warn": [], "silence": []} and plain["select"] == []
    assert not {"full_refresh", "threads", "target", "compile", "host", "add_package", "resource_types"} & plain.keys()
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [("False eager",)]
    said = args("build", "--full-refresh", "--threads", "3", "--resource-type", "model", "--indirect-selection", "cautious")
    assert (said["full_refresh"], said["threads"], said["resource_types"], said["indirect_selection"]) == (True, 3, ["model"], "cautious")
    assert args("compile")["output"] == "text" and args("docs", "generate")["compile"] is True
    assert args("run", "-s", "a")["select"] == ["a"] and args("retry")["which"] == "run"


def test_compile_of_a_model_that_cannot_be_compiled_ends_with_2(tmp_path):
    project(tmp_path, {"models/a.sql": "select {{ exceptions.raise_compiler_error('no way') if execute }}\n"})
    assert "no way" in dbt(tmp_path, "compile", code=2)
    assert "no way" in dbt(tmp_path, "run", code=1)


# ---- artifacts and lines as dbt has them ----

def manifest(folder):
    return json.loads((folder / "target/manifest.json").read_text())


def test_relation_names_keep_to_the_quoting_of_the_project_and_of_a_source(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "quoting: {schema: false}\n", "seeds/two.csv": "x\n2\n",
                       "models/a.sql": "select * from {{ source('raw', 'two') }}\n",
                       "models/s.yml": "sources: [{name: raw, schema: main, quoting: {schema: true, identifier: false}, tables: [{name: two}]}]\n"})
    dbt(tmp_path, "seed")
    dbt(tmp_path, "run")
    assert results(tmp_path)["model.shop.a"]["relation_name"] == '"shop".main."a"'
    made = manifest(tmp_path)
    assert made["sources"]["source.shop.raw.two"]["relation_name"] == '"shop"."main".two'
    assert made["nodes"]["model.shop.a"]["compiled_code"] == 'select * from "shop"."main".two'
    assert made["metadata"]["quoting"] == {"database": True, "schema": False, "identifier": True, "column": None}


def test_ephemeral_models_are_compiled_for_the_artifacts_and_have_no_result(tmp_path):
    project(tmp_path, {"models/one.sql": "{{ config(materialized='ephemeral') }} select 1 as x\n", "models/two.sql": "select * from {{ ref('one') }}\n"})
    assert "1 of 1 OK created sql view model main.two" in dbt(tmp_path, "run")
    assert list(results(tmp_path)) == ["model.shop.two"]
    made = manifest(tmp_path)["nodes"]
    assert (tmp_path / made["model.shop.one"]["compiled_path"]).read_text() == " select 1 as x"
    assert made["model.shop.two"]["extra_ctes"] == [{"id": "model.shop.one", "sql": " __dbt__cte__one as (\n select 1 as x\n)"}]


def test_a_model_whose_ephemeral_parent_does_not_compile_is_skipped_and_says_why(tmp_path):
    project(tmp_path, {"models/one.sql": "{{ config(materialized='ephemeral') }} {% if execute %}{{ exceptions.raise_compiler_error('oh no') }}{% endif %} select 1 as x\n",
                       "models/two.sql": "select * from {{ ref('one') }}\n"})
    out = dbt(tmp_path, "run", code=1)
    entry = results(tmp_path)["model.shop.two"]
    assert len(results(tmp_path)) == 1 and entry["status"] == "skipped"
    assert entry["message"] == "Compilation Error in model.shop.two, caused by compilation error in referenced ephemeral model model.shop.one"
    assert "SKIP relation main.two due to ephemeral model status 'error'" in out and "oh no" in out and "Completed with 1 error" in out
    (tmp_path / "models/two.sql").write_text("select 1 as x\n")
    dbt(tmp_path, "run", code=1)
    assert results(tmp_path)["model.shop.one"]["status"] == "error"  # nobody else would tell of it


def test_flags_of_the_project_and_options_without_effect_are_args_of_the_results(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "flags: {require_resource_names_without_spaces: false}\n", "models/a.sql": "select 1 as x\n"})
    dbt(tmp_path, "run", "--no-static-parser", "--cache-selected-only")
    args = json.loads((tmp_path / "target/run_results.json").read_text())["args"]
    assert args["require_resource_names_without_spaces"] is False and args["require_generic_test_arguments_property"] is True
    assert args["static_parser"] is False and args["cache_selected_only"] is True and args["macro_debugging"] is False
    assert "export_saved_queries" not in args


def test_a_reference_to_a_version_that_ends_is_a_warning(tmp_path):
    versions = "models: [{name: m, latest_version: 2, versions: [{v: 1, deprecation_date: %s}, {v: 2}]}]\n"
    project(tmp_path, {"models/m_v1.sql": "select 1 as x\n", "models/m_v2.sql": "select 2 as x\n", "models/s.yml": versions % "2999-01-01",
                       "models/r.sql": "select * from {{ ref('m', v=1) }}\n"})
    hint = "{{ ref('shop', 'm', v='2') }}."
    assert ("[WARNING]: While compiling 'r': Found a reference to m.v1, which is slated for deprecation on '2999-01-01T00:00:00+00:00'. A new version of 'm' is "
            "available. Try it out: " + hint) in dbt(tmp_path, "parse")
    (tmp_path / "models/s.yml").write_text(versions % "2001-01-01")
    out = dbt(tmp_path, "parse")
    assert "Model m.v1 has passed its deprecation date of 2001-01-01" in out and "which was deprecated on '2001-01-01T00:00:00+00:00'" in out and "Migrate now: " + hint in out
    dbt(tmp_path, "parse", "--warn-error-options", "{error: [DeprecatedReference]}", code=2)


def test_nothing_to_do_has_no_tag_and_the_default_selector_is_named(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "selectors.yml": "selectors: [{name: usual, default: true, definition: a}]\n"})
    assert "Using default selector usual" in dbt(tmp_path, "run")
    out = dbt(tmp_path, "run", "-s", "nothere")
    assert "  Nothing to do. Try" in out and "  The selection criterion 'nothere'" in out and "[WARNING]" not in out and "Concurrency" not in out


def test_kinds_of_nodes_are_counted_in_the_order_of_dbt(tmp_path):
    project(tmp_path, {"seeds/s.csv": "id\n1\n", "models/a.sql": "select 1 as x\n", "models/y.yml": "models: [{name: a, columns: [{name: x, data_tests: [unique, not_null]}]}]\n"})
    assert "Finished running 1 seed, 2 data tests, 1 view model in" in dbt(tmp_path, "build")
    assert "Finished running 1 test in" in dbt(tmp_path, "test", "-s", "test_name:unique")


def test_a_source_that_says_nothing_of_freshness_has_empty_rules_and_null_takes_one_away(tmp_path):
    project(tmp_path, {"models/s.yml": "sources:\n- name: raw\n  tables:\n  - {name: silent}\n  - {name: never, config: {freshness: null}}\n"
                       "  - {name: half, config: {loaded_at_field: at, freshness: {warn_after: {count: 1, period: day}, error_after: null}}}\n"})
    dbt(tmp_path, "parse")
    found = {entry["name"]: entry["freshness"] for entry in manifest(tmp_path)["sources"].values()}
    none = {"count": None, "period": None}
    assert found["silent"] == {"warn_after": none, "error_after": none, "filter": None} and found["never"] is None
    assert found["half"] == {"warn_after": {"count": 1, "period": "day"}, "error_after": None, "filter": None}


def test_custom_variables_of_the_environment_are_seen_by_templates(tmp_path):
    project(tmp_path, {"macros/m.sql": "{% macro look() %}{{ print(dbt_metadata_envs) }}{% endmacro %}\n"})
    done = subprocess.run([LEAT, "dbt", "run-operation", "look", "--profiles-dir", ".", "--quiet"], cwd=tmp_path, text=True, capture_output=True, timeout=120,
                          env={**clean_env(tmp_path), "DBT_ENV_CUSTOM_ENV_TEAM": "blue"})
    assert "{'TEAM': 'blue'}" in done.stdout


def test_run_operation_of_a_macro_that_is_not_there_ends_with_2(tmp_path):
    project(tmp_path, {"macros/m.sql": "{% macro bad() %}{{ exceptions.raise_compiler_error('no') }}{% endmacro %}\n"})
    assert "could not find a macro with the name 'nothere'" in dbt(tmp_path, "run-operation", "nothere", code=2)
    assert "Encountered an error while running operation" in dbt(tmp_path, "run-operation", "bad", code=1)


def test_hooks_of_the_project_are_compiled_by_docs_generate_and_not_run(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "on-run-start: create table t as select 1 as x\n", "models/a.sql": "select 1 as x\n"})
    dbt(tmp_path, "docs", "generate")
    entry = results(tmp_path)["operation.shop.shop-on-run-start-0"]
    assert entry["status"] == "success" and entry["compiled_code"] == "create table t as select 1 as x"
    assert rows(tmp_path, "select count(*) as n from duckdb_tables()") == [(0,)]


def test_an_option_that_a_command_has_not_is_named(tmp_path):
    project(tmp_path, {})
    assert "'leat dbt test' has no option --full-refresh" in subprocess.run([LEAT, "dbt", "--full-refresh", "test"], cwd=tmp_path, text=True, env=clean_env(tmp_path),
                                                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout


# ---- show, and messages ----

def test_show_runs_the_header_of_a_model(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ config(materialized='table') }}\n"
                       "{% call set_sql_header(config) %}create temp macro twice(x) as x * 2;{% endcall %}\nselect twice(21) as x\n"})
    assert "| 42 |" in dbt(tmp_path, "show", "-s", "a")


def test_a_model_in_python_is_not_shown_and_says_what_to_do(tmp_path):
    project(tmp_path, {"models/p.py": "def model(dbt, session):\n    return 1\n"})
    out = dbt(tmp_path, "show", "-s", "p", code=2)
    assert "models/p.py: a model in Python is no query" in out and "ref('p')" in out


def test_what_is_wrong_with_a_python_file_names_its_line(tmp_path):
    project(tmp_path, {"models/p.py": "def model(dbt, session)\n    return 1\n"})
    assert "models/p.py:1: SyntaxError: expected ':'" in dbt(tmp_path, "parse", code=2)
    (tmp_path / "models/p.py").write_text("def model(dbt, session):\n    x = (1,\n    return x\n")
    assert "models/p.py:2: '(' is never closed" in dbt(tmp_path, "parse", code=2)
    (tmp_path / "models/p.py").write_text("def model(dbt, session):\n    return 1\n")
    assert "model() gave 1: cannot make a table of an int" in dbt(tmp_path, "run", code=1)


def test_an_input_of_a_unit_test_that_is_not_there_has_a_place_and_the_nearest_name(tmp_path):
    unit = "unit_tests:\n- name: u\n  model: t\n  given: [{input: ref('%s'), rows: [{x: 1}]}]\n  expect: {rows: [{x: 2}]}\n"
    project(tmp_path, {"models/orders.sql": "select 1 as x\n", "models/t.sql": "select x from {{ ref('orders') }}\n", "models/u.yml": unit % "ordrs"})
    dbt(tmp_path, "run")
    out = dbt(tmp_path, "test", code=1)
    assert "models/u.yml:2:3: Unit test 'u' had an input (ref('ordrs')) which was not found in the manifest: there is no model 'ordrs'" in out and "did you mean 'orders'?" in out
    (tmp_path / "models/u.yml").write_text(unit % "orders")
    out = dbt(tmp_path, "test", code=1)
    assert "(--- expected, +++ actual)" in out and "| --- | 2 |" in out and "| +++ | 1 |" in out


def test_columns_of_a_model_that_is_not_there_must_be_a_list_too(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/s.yml": "models: [{name: b, columns: {x: 1}}]\n"})
    assert "models/s.yml:1:" in dbt(tmp_path, "parse", code=2)


def test_a_clone_into_the_folder_of_the_state_is_warned_of(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}, "
                       "other: {type: duckdb, path: shop.duckdb, schema: other}}}\n"})
    dbt(tmp_path, "run")
    assert "The state and target directories are the same: 'target'" in dbt(tmp_path, "clone", "--state", "target")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(1,)]
    (tmp_path / "target").rename(tmp_path / "kept")
    (tmp_path / "models/a.sql").write_text("select 2 as x\n")  # of no matter: the clone is of what is there
    dbt(tmp_path, "clone", "--state", "kept", "--target", "other")
    assert rows(tmp_path, "select x, (select count(*) from duckdb_views() where schema_name = 'other') as n from other.a") == [(1, 1)]
    assert results(tmp_path)["model.shop.a"]["compiled_code"] is None
    assert "skipping clone for relation" in dbt(tmp_path, "clone", "--state", "kept", "--full-refresh")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(1,)]


def test_this_has_the_usual_place_while_a_model_is_read(tmp_path):
    project(tmp_path, {"models/a.sql": "select '{{ this.schema + '/' + this.identifier }}' as x\n",
                       "models/eph.sql": "{{ config(materialized='ephemeral') }}select '{{ this.schema ~ 'z' }}' as x\n"})
    dbt(tmp_path, "run")
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [("main/a",)]


def test_a_package_finds_the_models_of_the_root_first_unless_a_flag_says_otherwise(tmp_path):
    inner = {"packages.yml": "packages: [{local: inner}]\n", "inner/dbt_project.yml": "name: inner\n", "inner/models/a.sql": "select 'inner' as x\n",
             "inner/models/b.sql": "{{ config(schema='in') }}select x from {{ ref('a') }}\n", "models/a.sql": "{{ config(alias='own') }}select 'root' as x\n"}
    project(tmp_path, {**inner, "dbt_project.yml": "name: shop\nprofile: shop\n"})
    dbt(tmp_path, "deps")
    said = dbt(tmp_path, "run")
    assert "The node 'b' in package 'inner' depends on the root project node 'model.shop.a'" in said
    assert rows(tmp_path, "select x from main_in.b") == [("root",)]
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nflags: {require_ref_searches_node_package_before_root: true}\n"})
    assert "depends on the root project node" not in dbt(tmp_path, "run")
    assert rows(tmp_path, "select x from main_in.b") == [("inner",)]


def test_a_key_that_dbt_project_yml_does_not_have_is_refused_after_the_version_of_dbt(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nmodel_paths: [models]\n"})
    said = dbt(tmp_path, "parse", code=2)
    assert "dbt_project.yml:3:1: unknown key 'model_paths'" in said and "did you mean 'model-paths'?" in said
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nnewer-key: 1\nrequire-dbt-version: '>=3.0.0'\n"})
    assert "This version of dbt is not supported" in dbt(tmp_path, "parse", code=2)
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\ndbt-cloud: text\n"})
    assert "dbt_project.yml:3:12: dbt-cloud must be a mapping" in dbt(tmp_path, "parse", code=2)


def test_lines_of_json_about_a_node_say_which_it_is_and_whose(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/bad.sql": "select nothing\n",
                       "models/s.yml": "groups: [{name: team, owner: {name: ann, email: [a@x, b@x]}}]\n"
                       "models: [{name: bad, config: {group: team, meta: {k: [1]}}}]\n"})
    events = [json.loads(line) for line in dbt(tmp_path, "--log-format", "json", "--log-level", "debug", "run", code=1).splitlines()]
    of = {}
    for event in events:
        of.setdefault(event["info"]["name"], []).append(event["data"])
    assert [d["node_info"]["node_status"] for d in of["NodeStart"]] == ["started", "started"]
    over = {d["node_info"]["unique_id"]: d for d in of["NodeFinished"]}
    assert over["model.shop.a"]["node_info"]["node_status"] == over["model.shop.a"]["run_result"]["status"] == "success"
    assert over["model.shop.a"]["node_info"]["node_relation"] == {"alias": "a", "database": "shop", "relation_name": '"shop"."main"."a"', "schema": "main"}
    assert over["model.shop.a"]["node_info"]["node_started_at"] < over["model.shop.a"]["node_info"]["node_finished_at"]
    assert "group" not in over["model.shop.a"]
    assert over["model.shop.bad"]["node_info"]["meta"] == {"k": [1]} and over["model.shop.bad"]["run_result"]["status"] == "error"
    team = {"name": "team", "owner": {"name": "ann", "email": "['a@x', 'b@x']"}, "package_name": "shop"}
    assert [d["group"] for d in of["RunResultError"]] == [team]
    assert {(d["index"], d["total"], d["status"]) for d in of["LogModelResult"]} == {(1, 2, "success"), (2, 2, "error")}


def test_endings_of_files_may_have_letters_of_any_size(tmp_path):
    project(tmp_path, {"models/a.SQL": "select {{ one() }} as x\n", "macros/m.SQL": "{% macro one() %}1{% endmacro %}\n", "seeds/s.CSV": "x\n2\n",
                       "models/s.YML": "models: [{name: a, columns: [{name: x, data_tests: [not_null]}]}]\n"})
    assert "PASS=3 WARN=0 ERROR=0" in dbt(tmp_path, "build")
    assert rows(tmp_path, "select a.x, s.x as y from {{ ref('a') }} a, {{ ref('s') }} s") == [(1, 2)]


def test_columns_of_tests_are_quoted_as_the_model_or_the_source_says(tmp_path):
    columns = "columns: [{name: order, data_tests: [not_null]}]"
    project(tmp_path, {"models/a.sql": "select 1 as \"order\"\n",
                       "models/s.yml": "models: [{name: a, quote_columns: true, %s}]\n" % columns +
                       "sources: [{name: raw, schema: main, quoting: {column: true}, tables: [{name: a, %s}]}]\n" % columns})
    dbt(tmp_path, "run")
    assert "PASS=2" in dbt(tmp_path, "test")
    project(tmp_path, {"models/s.yml": "models: [{name: a, quote_columns: true, columns: [{name: order, quote: false, data_tests: [not_null]}]}]\n"})
    assert "ERROR=1" in dbt(tmp_path, "test", code=1)


def test_a_result_of_a_test_that_is_no_boolean_is_an_error(tmp_path):
    macro = "{%% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %%}select 0 as failures, %s as should_warn, false as should_error{%% endmacro %%}\n"
    project(tmp_path, {"models/a.sql": "select 1 as x\n", "models/s.yml": "models: [{name: a, columns: [{name: x, data_tests: [not_null]}]}]\n",
                       "macros/m.sql": macro % "'x'"})
    dbt(tmp_path, "run")
    assert "macro 'get_test_sql' returns 'x'" in dbt(tmp_path, "test", code=1)
    project(tmp_path, {"macros/m.sql": macro % "'yes'"})
    assert "WARN 0" in dbt(tmp_path, "test")


def test_a_macro_of_a_package_is_called_by_its_bare_name_and_a_test_of_one_is_read_though_it_cannot_run(tmp_path):
    project(tmp_path, {"packages.yml": "packages: [{local: inner}]\n", "inner/dbt_project.yml": "name: inner\n",
                       "inner/macros/m.sql": "{% macro speak(x) %}{{ log('heard ' ~ x ~ ' ' ~ inside(), info=true) }}{% endmacro %}\n"
                       "{% macro inside() %}within{% endmacro %}\n{% macro default__test_odd(model) %}select 1 where false{% endmacro %}\n"
                       "{% test odd(model) %}{{ return(adapter.dispatch('test_odd')(model)) }}{% endtest %}\n",
                       "models/a.sql": "select 1 as x\n", "models/s.yml": "models: [{name: a, data_tests: [inner.odd]}]\n"})
    dbt(tmp_path, "deps")
    assert "heard me within" in dbt(tmp_path, "run-operation", "speak", "--args", "{x: me}")
    assert "could not find a macro with the name 'silent'" in dbt(tmp_path, "run-operation", "silent", code=2)
    assert "PASS=1" in dbt(tmp_path, "run")
    assert "No macro named 'test_odd' found" in dbt(tmp_path, "test", code=1)


def test_microbatch_models_that_filter_nothing_and_names_with_spaces_are_told(tmp_path):
    model = "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='ts', begin='2024-01-01', batch_size='year') }}" \
            "select * from {{ ref('e') }}\n"
    project(tmp_path, {"models/m.sql": model, "models/e.sql": "select timestamp '2024-01-01' as ts\n"})
    assert "The microbatch model 'm' has no 'ref' or 'source' input with an 'event_time' configuration" in dbt(tmp_path, "parse")
    own = {"macros/m.sql": "{% macro get_incremental_microbatch_sql(arg_dict) %}select 1{% endmacro %}\n"}
    project(tmp_path, own)
    said = " ".join(dbt(tmp_path, "parse").split())
    assert "The use of a custom microbatch macro outside of batched execution is deprecated" in said and "has no 'ref'" not in said
    project(tmp_path, {"models/my model.sql": "select 1 as x\n", "models/my other.sql": "select 1 as x\n"})
    said = dbt(tmp_path, "parse", code=2)
    assert "Resource names cannot contain spaces: 'model.shop.my model' (models/my model.sql), 'model.shop.my other'" in said
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nflags: {require_resource_names_without_spaces: false}\n"})
    said = " ".join(dbt(tmp_path, "parse").split())
    assert "Found spaces in the name of `model.shop.my model`" in said and "`model.shop.my other`" not in said
    assert "Spaces found in 2 resource name(s)" in said and "Run again with `--debug`" in said
    said = " ".join(dbt(tmp_path, "--debug", "parse").split())
    assert "`model.shop.my other`" in said and "Run again" not in said


def test_a_password_with_braces_is_taken_as_it_stands_and_init_in_a_project_takes_no_profile(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n",
                       "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, password: 'no{{jinja{%re{#ndering'}}}\n"})
    assert "no{{jinja" not in dbt(tmp_path, "run")
    assert "Can not init existing project with specified profile" in dbt(tmp_path, "init", "--profile", "shop", code=2)
    (tmp_path / "profiles.yml").unlink()
    assert "Using profiles.yml file at ./profiles.yml" in dbt(tmp_path, "debug", code=1)


def test_the_target_of_a_foreign_key_is_deferred_too(tmp_path):
    entry = ("models:\n  - name: a\n    config: {contract: {enforced: true}}\n    columns: [{name: id, data_type: integer, constraints: [{type: primary_key}]}]\n"
             "  - name: b\n    config: {contract: {enforced: true}}\n    constraints: [{type: foreign_key, columns: [id], to: ref('a'), to_columns: [id]}]\n"
             "    columns: [{name: id, data_type: integer}]\n")
    project(tmp_path, {"models/a.sql": "{{ config(materialized='table', schema=var('s', none)) }} select 1 as id\n", "models/b.sql": "select id from {{ ref('a') }}\n", "models/m.yml": entry})
    dbt(tmp_path, "compile", "--vars", "{s: prod}", "--target-path", "before")

    def target(*words):
        dbt(tmp_path, "compile", "-s", "b", *words)
        made = json.loads((tmp_path / "target/manifest.json").read_text())
        return made["nodes"]["model.shop.b"]["constraints"][0]["to"]

    assert target() == '"shop"."main"."a"'
    assert target("--defer", "--state", "before") == '"shop"."main_prod"."a"'


def test_without_introspection_templates_run_and_who_asks_the_database_is_refused(tmp_path):
    project(tmp_path, {"models/a.sql": "select {{ 1 if execute else 2 }} as x;\n", "models/q.sql": "select {{ run_query('select 1') }} as x\n",
                       "models/r.sql": "select '{{ adapter.get_columns_in_relation(this) }}' as x\n"})
    assert "select 1 as x;" in dbt(tmp_path, "compile", "--no-introspect", "-s", "a")
    assert not (tmp_path / "shop.duckdb").exists()
    for name in ("q", "r"):
        assert "this asks the database, and --no-introspect says that nothing may" in dbt(tmp_path, "compile", "--no-introspect", "-s", name, code=2)
    dbt(tmp_path, "compile", "-s", "q", "r")
    dbt(tmp_path, "run", "-s", "a")  # the ';' of its SELECT spoils nothing here
    assert rows(tmp_path, "select x from {{ ref('a') }}") == [(1,)]


def test_what_templates_say_while_they_are_read_is_said_once_and_only_when_they_are_read(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ log('logged ' ~ execute, info=True) }}{{ print('printed ' ~ execute) }}"
                       "{% do exceptions.warn('warned ' ~ execute) %}select 1 as id"})
    first, again = dbt(tmp_path, "parse"), dbt(tmp_path, "run")
    for word in ("logged", "printed", "warned"):
        assert first.count(f"{word} False") == 1
        assert f"{word} False" not in again and again.count(f"{word} True") == 1
    assert again.index("logged True") < again.index("printed True") < again.index("warned True") < again.index("1 of 1 OK")
    (tmp_path / "models/a.sql").write_text("{{ log('logged anew', info=True) }}select 1 as id")
    (tmp_path / "models/b.sql").write_text("select 1 as id")
    assert dbt(tmp_path, "parse").count("logged anew") == 1
    (tmp_path / "models/b.sql").write_text("select {{ nobody() }}")
    (tmp_path / "models/a.sql").write_text("{{ log('logged and refused', info=True) }}select 1 as id")
    assert dbt(tmp_path, "parse", "--no-partial-parse").count("logged and refused") == 1
    assert "logged" not in dbt(tmp_path, "parse", "--quiet", "--no-partial-parse")


def test_a_warning_of_a_template_obeys_the_options_of_warnings(tmp_path):
    project(tmp_path, {"models/a.sql": "{% if not execute %}{% do exceptions.warn('of reading') %}{% endif %}select 1 as id",
                       "macros/say.sql": "{% macro say() %}{% do exceptions.warn('of running') %}{% endmacro %}"})
    for strict in (["--warn-error"], ["--warn-error-options", "{error: [JinjaLogWarning]}"]):
        assert "models/a.sql:1:" in dbt(tmp_path, *strict, "parse", "--no-partial-parse", code=2)
    assert "of reading" not in dbt(tmp_path, "--warn-error-options", "{silence: [JinjaLogWarning]}", "parse", "--no-partial-parse")
    assert "of running" in dbt(tmp_path, "run-operation", "say")
    assert "of running" in dbt(tmp_path, "--warn-error-options", "{error: [JinjaLogWarning]}", "run-operation", "say", code=1)
    assert "of running" not in dbt(tmp_path, "--warn-error-options", "{silence: [JinjaLogWarning]}", "run-operation", "say")


def test_printed_lines_are_events_in_json_and_need_the_flag(tmp_path):
    project(tmp_path, {"macros/say.sql": "{% macro say() %}{{ print('a line') }}{% endmacro %}"})
    lines = [json.loads(line) for line in dbt(tmp_path, "--log-format", "json", "--quiet", "run-operation", "say").splitlines()]
    assert [(line["info"]["name"], line["info"]["code"]) for line in lines if line["info"]["msg"] == "a line"] == [("PrintEvent", "Z052")]
    assert "a line" not in dbt(tmp_path, "--no-print", "run-operation", "say")


def test_an_exposure_has_the_meta_that_dbt_project_yml_gives_without_a_plus(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "exposures: {meta: {team: data, tier: 1}, +meta: {tier: 2}, tags: [all]}\n",
                       "models/m.sql": "select 1 as id",
                       "models/e.yml": "exposures:\n- {name: board, type: dashboard, owner: {name: me}, depends_on: [ref('m')], config: {meta: {own: 3}}}\n"})
    dbt(tmp_path, "parse")
    board = json.loads((tmp_path / "target/manifest.json").read_text())["exposures"]["exposure.shop.board"]
    assert board["meta"] == board["config"]["meta"] == {"team": "data", "tier": 2, "own": 3} and board["tags"] == ["all"]


def test_a_state_that_is_not_there_matters_only_to_who_asks_for_it(tmp_path):
    project(tmp_path, {"models/m.sql": "select 1 as id"})
    dbt(tmp_path, "run", "--state", "nothing")
    assert "manifest.json" in dbt(tmp_path, "run", "--state", "nothing", "-s", "state:modified", code=2)
    assert "there is no manifest.json in the state '" in dbt(tmp_path, "run", "--state", "nothing", "--defer", code=2)
    assert "there is no manifest.json in the state '" in dbt(tmp_path, "clone", "--state", "nothing", code=2)


def test_a_variable_of_dbt_has_its_old_and_its_new_name_for_templates(tmp_path):
    project(tmp_path, {"macros/say.sql": "{% macro say() %}{{ print(env_var('DBT_SHOW_RESOURCE_REPORT', '-') ~ "
                       "env_var('DBT_ENGINE_SHOW_RESOURCE_REPORT', '-')) }}{% endmacro %}"})
    for name in ("DBT_SHOW_RESOURCE_REPORT", "DBT_ENGINE_SHOW_RESOURCE_REPORT"):
        done = subprocess.run([LEAT, "dbt", "run-operation", "say", "--profiles-dir", "."], cwd=tmp_path, env={**clean_env(tmp_path), name: "yes"},
                              text=True, capture_output=True, timeout=120)
        assert "yesyes" in done.stdout, done.stdout + done.stderr


def test_an_index_that_is_no_index_is_refused_in_the_words_of_dbt(tmp_path):
    cases = {"{'columns': 'a'}": "at path ['columns']: 'a' is not of type 'array'", "{'columns': ['a', 1]}": "at path ['columns'][1]: 1 is not of type 'string'",
             "{'columns': ['a'], 'unique': 'yes'}": "at path ['unique']: 'yes' is not of type 'boolean'",
             "{'columns': ['a'], 'type': 3}": "at path ['type']: 3 is not valid under any of the given schemas",
             "{'unique': true}": "at path []: 'columns' is a required property", "['a']": "at path []: ['a'] is not of type 'object'",
             "{'columns': ['a'], 'typo': 1}": "at path []: Additional properties are not allowed ('typo' was unexpected)"}
    project(tmp_path, {"macros/say.sql": "".join(f"{{% macro m{i}() %}}{{% do adapter.parse_index({said}) %}}{{% endmacro %}}\n" for i, said in enumerate(cases))})
    for i, words in enumerate(cases.values()):
        assert f"Could not parse index config: {words}" in dbt(tmp_path, "run-operation", f"m{i}", code=1)


WHOLE = {"type": "postgres", "host": "localhost", "user": "me", "port": 5432, "password": "x", "dbname": "d", "schema": "s"}


@pytest.mark.parametrize("kind, change, said, hint", [
    ("postgres", {"user": None, "usr": "me"}, "'user' is a required property", "did you mean 'user'?"),
    ("postgres", {"password": None}, "'password' is a required property", "below the target 'dev'"),
    ("postgres", {"user": None, "dbname": None}, "'database' is a required property", ""),
    ("postgres", {"port": "abc"}, "'abc' is not of type 'integer'", ""),
    ("postgres", {"port": "{{ env_var('NO_PORT', '12') }}"}, "'12' is not of type 'integer'", ""),
    ("postgres", {"role": 3}, "3 is not valid under any of the given schemas", ""),
    ("postgres", {"pass": "x"}, 'Got duplicate keys: (pass) all map to "password"', ""),
    ("duckdb", {"path": 3}, "3 is not of type 'string'", ""),
])
def test_a_target_lacks_nothing_that_its_adapter_asks_for(tmp_path, kind, change, said, hint):
    target = {k: v for k, v in {**(WHOLE if kind == "postgres" else {"type": "duckdb"}), **change}.items() if v is not None}
    project(tmp_path, {"profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: " + json.dumps(target), "models/m.sql": "select 1 as id"})
    out = dbt(tmp_path, "parse", code=2)
    assert f'Credentials in profile "shop", target "dev" invalid: {said}' in out and "profiles.yml:4:" in out and hint in out


@pytest.mark.parametrize("target, said", [({"type": "duckdb", "threads": "two"}, "at path ['threads']: 'two' is not of type 'integer'"),
                                          ({"path": "x"}, 'required field "type" not found in profile shop and target dev')])
def test_a_target_has_a_type_and_a_number_of_threads(tmp_path, target, said):
    project(tmp_path, {"profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: " + json.dumps(target)})
    assert said in dbt(tmp_path, "parse", code=2)


def test_a_wrong_password_of_a_profile_is_not_shown(tmp_path):
    project(tmp_path, {"profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: " + json.dumps({**WHOLE, "password": 987654321})})
    out = dbt(tmp_path, "parse", code=2)
    assert "is not of type 'string'" in out and "987654321" not in out


def test_a_name_that_a_macro_misses_is_told_when_the_project_is_read(tmp_path):
    project(tmp_path, {"macros/n.sql": "{% macro n() %}{{ no_package.star(1) }}{% endmacro %}", "models/m.sql": "select '{{ n() }}' as id"})
    out = dbt(tmp_path, "parse", code=2)
    assert "macros/n.sql:1:" in out and "'no_package' is undefined" in out and "models/m.sql:1" in out
    (tmp_path / "macros/n.sql").write_text("{% macro n() %}{{ nobody }}{% if nobody is defined or nobody %}x{% endif %}"
                                           "{% if execute %}{{ no_package.star(1) }}{% endif %}{% endmacro %}")
    dbt(tmp_path, "parse")
    (tmp_path / "models/m.sql").write_text("select '{{ no_package.star(1) }}' as id")
    dbt(tmp_path, "parse")
    assert "'no_package' is undefined" in dbt(tmp_path, "compile", code=2)


TEMPLATE = """fixed: {type: postgres, dbname: shop}
prompts:
  target: {type: string, hint: your branch, default: dev}
  host: {hint: the server}
  port: {default: 5432}
  user: {type: string}
  password: {hide_input: true}
  keepalives_idle: {type: int, default: 0}
  autocommit: {type: bool, default: false}
  _choose_kind_of_schema:
    own: {schema: {hint: yours}}
    shared: {_fixed_schema: shared, _fixed_threads: 8}
"""


def init(folder, *words, answers=""):
    done = subprocess.run([LEAT, "dbt", "init", *words, "--profiles-dir", "."], cwd=folder, env=clean_env(folder), input=answers, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout


def target_of(folder, name):
    """What init wrote of the profile 'shop', whose values are JSON."""
    lines = (folder / "profiles.yml").read_text().split(f"shop:\n  target: {name}\n  outputs:\n    {name}:\n")[1].splitlines()
    return {key.strip(): value for key, _, value in (line.partition(": ") for line in lines)}


def test_a_project_asks_for_a_profile_as_its_template_says(tmp_path):
    project(tmp_path, {"profile_template.yml": TEMPLATE})
    (tmp_path / "profiles.yml").write_text("other: {target: x, outputs: {x: {type: duckdb}}}")
    code, out = init(tmp_path, answers="main\nlocalhost\nabc\n\nme\nse'cret: \"x\"\n\nyes\n2\n")
    assert code == 0, out
    for said in ("target (your branch) [dev]: ", "host (the server): ", "Error: 'abc' is not a valid int.", "[1] own\n[2] shared\nDesired kind of schema option"):
        assert said in out
    assert (tmp_path / "profiles.yml").read_text().startswith("other: {target: x, outputs: {x: {type: duckdb}}}\nshop:\n")
    assert {key: json.loads(value) for key, value in target_of(tmp_path, "main").items()} == {
        "type": "postgres", "dbname": "shop", "host": "localhost", "port": 5432, "user": "me", "password": "se'cret: \"x\"", "keepalives_idle": 0,
        "autocommit": True, "schema": "shared", "threads": 8}
    dbt(tmp_path, "parse")


@pytest.mark.parametrize("template", ["prompts: {host: text}", "prompts: {_choose_it: {a: {x: {}}}}", "a: [", "prompts: " + "{_choose_x: {a: " * 12 + "{}" + "}}" * 12])
def test_a_template_of_profiles_that_is_no_good_leaves_the_usual_questions(tmp_path, template):
    project(tmp_path, {"profile_template.yml": template})
    (tmp_path / "profiles.yml").unlink()
    code, out = init(tmp_path, answers=("9\n" if "it" in template else "1\n" * 9 if "_x" in template else "") + "1\n")
    assert code == 0 and "Invalid profile_template.yml in project." in out
    assert target_of(tmp_path, "dev")["type"] == "duckdb"


def test_a_project_that_cannot_have_its_name_is_asked_for_another(tmp_path):
    code, out = init(tmp_path, "1-x", "--skip-profile-setup", answers="also bad\ngood\n")
    assert code == 0 and "1-x is not a valid project name.\n" in out and "also bad is not a valid project name.\n" in out
    assert (tmp_path / "good/dbt_project.yml").is_file()
