"""leat dbt says what dbt gives up: once of each kind, counted, summed up, and as --warn-error-options want it."""

import json
import re
import subprocess

import pytest

from harness import LEAT, clean_env, write_files

PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n"
BASE = {"dbt_project.yml": "name: shop\nprofile: shop\n", "profiles.yml": PROFILES, "models/a.sql": "select 1 as id\n", "models/b.sql": "select 1 as id\n"}
BARE = """models:
  - name: a
    columns:
      - name: id
        data_tests:
          - accepted_values: {values: [1]}
          - not_null
  - name: b
    columns:
      - name: id
        data_tests:
          - accepted_values: {values: [1]}
          - unique: {where: "id = 1"}
"""


def dbt(folder, *words, code=0, **env):
    done = subprocess.run([LEAT, "dbt", *words, "--profiles-dir", "."], cwd=folder, env={**clean_env(folder), **env}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == code, done.stdout
    return done.stdout


def project(folder, files=()):
    write_files(folder, {**BASE, **dict(files)})


def flat(text):
    """On one line, without the times."""
    return " ".join(re.sub(r"^\d\d:\d\d:\d\d  ", "", text, flags=re.M).split())


def said(folder, *words, **env):
    """Names of the deprecations that are said, each as often as it is."""
    lines = dbt(folder, *words, "--log-format", "json", **env).splitlines()
    return sorted(made["info"]["name"] for made in map(json.loads, lines) if made["info"]["code"].startswith("D") and made["info"]["name"] != "DeprecationsSummary")


def test_the_first_of_its_kind_is_said_with_its_place_and_all_are_counted(tmp_path):
    project(tmp_path, {"models/m.yml": BARE})
    out = dbt(tmp_path, "parse")
    assert "[WARNING][MissingArgumentsPropertyInGenericTestDeprecation]: Deprecated" in out
    assert "Found top-level arguments to test `accepted_values` defined on 'a' in package 'shop' (models/m.yml:6:" in flat(out)
    assert "defined on 'b'" not in flat(out)
    assert "[WARNING][DeprecationsSummary]: Deprecated functionality\n" in out
    assert "\n- MissingArgumentsPropertyInGenericTestDeprecation: 2 occurrences\n" in out and "\n- PropertyMovedToConfigDeprecation: 1 occurrence\n" in out
    assert "`--show-all-deprecations` flag" in flat(out)
    assert max(len(line) for line in out.splitlines() if not line[:2].isdigit()) <= 80


def test_all_are_said_when_they_are_asked_for(tmp_path):
    project(tmp_path, {"models/m.yml": BARE})
    out = flat(dbt(tmp_path, "parse", "--show-all-deprecations"))
    assert "defined on 'a'" in out and "defined on 'b'" in out and "run command again" not in out


def test_a_file_that_is_not_evaluated_again_says_nothing_again(tmp_path):
    project(tmp_path, {"models/m.yml": BARE, "models/n.yml": "models: [{name: c}]\n"})
    both = ["MissingArgumentsPropertyInGenericTestDeprecation", "PropertyMovedToConfigDeprecation"]
    assert said(tmp_path, "parse") == both
    assert said(tmp_path, "parse") == []
    assert "there is no model 'c'" in dbt(tmp_path, "parse")
    assert said(tmp_path, "parse", "--no-partial-parse") == both
    write_files(tmp_path, {"models/m.yml": BARE.replace("unique:", "not_null:").replace("          - not_null\n", "")})
    assert said(tmp_path, "parse") == both


@pytest.mark.parametrize("options,code", [
    ("{error: all}", 2), ("{error: [Deprecations]}", 2), ("{error: [MissingArgumentsPropertyInGenericTestDeprecation]}", 2),
    ("{error: [DeprecationsSummary]}", 2), ("{error: all, warn: [Deprecations]}", 0), ("{error: all, silence: [Deprecations]}", 0),
    ("{error: [PropertyMovedToConfigDeprecation], silence: [MissingArgumentsPropertyInGenericTestDeprecation]}", 2)])
def test_options_of_warnings_name_them(tmp_path, options, code):
    project(tmp_path, {"models/m.yml": BARE})
    out = dbt(tmp_path, "parse", "--warn-error-options", options, code=code)
    assert ("--warn-error-options made an error" in out) == (code == 2)
    assert ("[WARNING]" in out) == any(word in options for word in ("warn:", "Summary", "silence: [Missing"))


def test_silenced_ones_are_not_said(tmp_path):
    project(tmp_path, {"models/m.yml": BARE})
    assert "[WARNING]" not in dbt(tmp_path, "parse", "--warn-error-options", "{silence: [Deprecations]}")


def test_flags_of_a_project_turn_arguments_around(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "flags: {require_generic_test_arguments_property: false}\n",
                       "models/m.yml": "models: [{name: a, columns: [{name: id, data_tests: [{accepted_values: {arguments: {values: [1]}}}, {unique: {where: 'true'}}]}]}]\n"})
    assert said(tmp_path, "parse") == ["ArgumentsPropertyInGenericTestDeprecation"]


def test_names_of_events_stand_before_words_when_a_flag_wants_them(tmp_path):
    project(tmp_path, {"models/e.yml": "exposures: [{name: 'my board', type: dashboard, owner: {name: me}}]\n"})
    assert "[WARNING]: Deprecated functionality\nStarting in v1.3" in dbt(tmp_path, "parse")
    write_files(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "flags: {require_event_names_in_deprecations: true}\n"})
    assert "[WARNING][ExposureNameDeprecation]: Deprecated functionality\nStarting in v1.3" in dbt(tmp_path, "parse")


FILES = {
    "DuplicateYAMLKeysDeprecation": ({"models/m.yml": "models: [{name: a}]\n\nmodels: [{name: b}]\n"}, "Duplicate key 'models' in \"<unicode string>\", line 3, column 1 in file `models/m.yml`"),
    "UnexpectedJinjaBlockDeprecation": ({"macros/m.sql": "{# {% set x %} #}\n{% macro f() %}{% set y = 1 %}{% endmacro %}\n  {% set z = '%}' %}\n"},
                                        "Found unexpected 'set' block tag. in file `macros/m.sql:3:3`"),
    "ModulesItertoolsUsageDeprecation": ({"models/a.sql": "select {{ modules.itertools.chain([1]) | first }} as id\n"}, "Usage of itertools modules is deprecated."),
    "ConfigSourcePathDeprecation": ({"dbt_project.yml": BASE["dbt_project.yml"] + "source-paths: [models]\n"}, "The `source-paths` config has been renamed to `model-paths`."),
    "ConfigTargetPathDeprecation": ({"dbt_project.yml": BASE["dbt_project.yml"] + "target-path: out\n"}, "use the --target-path CLI flag or DBT_TARGET_PATH env var"),
    "ConfigLogPathDeprecation": ({"dbt_project.yml": BASE["dbt_project.yml"] + "log-path: mylogs\n"}, "use the --log-path CLI flag or DBT_LOG_PATH env var"),
    "ProjectFlagsMovedDeprecation": ({"profiles.yml": PROFILES + "config: {printer_width: 120}\n"}, "User config should be moved from the 'config' key in profiles.yml"),
    "ResourceNamesWithSpacesDeprecation": ({"models/a b.sql": "select 1 as id\n", "dbt_project.yml": BASE["dbt_project.yml"] + "flags: {require_resource_names_without_spaces: false}\n"},
                                           "Spaces found in 1 resource name(s)."),
    "DuplicateNameDistinctNodeTypesDeprecation": ({"seeds/a.csv": "id\n1\n", "models/a.sql": "{{ config(alias='other') }} select 1 as id\n"}, "Found resources with the same name 'a' in package 'shop'"),
    "MicrobatchMacroOutsideOfBatchesDeprecation": (
        {"macros/m.sql": "{% macro get_incremental_microbatch_sql(arg_dict) %}{{ return(get_incremental_append_sql(arg_dict)) }}{% endmacro %}\n",
         "models/a.sql": "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='t', begin='2024-01-01', batch_size='day') }} select now() as t\n"},
        "The use of a custom microbatch macro outside of batched execution"),
}


@pytest.mark.parametrize("event", FILES)
def test_files_of_a_project_are_warned_of(tmp_path, event):
    files, words = FILES[event]
    project(tmp_path, files)
    assert [name for name in said(tmp_path, "parse") if name != "SpacesInResourceNameDeprecation"] == [event]
    assert words in flat(dbt(tmp_path, "parse", "--no-partial-parse"))


def test_keys_that_are_merged_stand_not_twice(tmp_path):
    project(tmp_path, {"models/m.yml": "anchors: [&x {description: one}]\nmodels:\n  - name: a\n    <<: *x\n    description: two\n"})
    assert "DuplicateYAMLKeysDeprecation" not in said(tmp_path, "parse")


@pytest.mark.parametrize("words,env,event", [
    (["ls", "-m", "a"], {}, "ModelParamUsageDeprecation"), (["ls", "--models", "a"], {}, "ModelParamUsageDeprecation"),
    (["parse"], {"DBT_ENGINE_MY_OWN": "1"}, "EnvironmentVariableNamespaceDeprecation"), (["parse"], {"DBT_NO_PRINT": "1"}, "EnvironmentVariableRenamed"),
    (["parse", "--warn-error-options", "{include: []}"], {}, "WEOIncludeExcludeDeprecation"),
    (["source", "freshness", "--output", "out.json"], {}, "CustomOutputPathInSourceFreshnessDeprecation")])
def test_words_and_variables_are_warned_of(tmp_path, words, env, event):
    project(tmp_path)
    lines = [json.loads(line) for line in dbt(tmp_path, *words, "--log-format", "json", **env).splitlines() if line.startswith("{")]
    assert [made["info"]["name"] for made in lines if made["info"]["code"].startswith("D")] == [event, "DeprecationsSummary"]


def test_known_variables_of_the_engine_are_not(tmp_path):
    project(tmp_path)
    assert said(tmp_path, "parse", DBT_ENGINE_PARTIAL_PARSE="0", DBT_PRINT="1") == []


def test_old_variables_count(tmp_path):
    project(tmp_path, {"models/a.sql": "{{ print('spoken') }} select 1 as id\n"})
    assert "spoken" in dbt(tmp_path, "compile")
    assert "spoken" not in dbt(tmp_path, "compile", DBT_NO_PRINT="1")
    assert "--defer needs the folder of another run" in dbt(tmp_path, "run", DBT_DEFER_TO_STATE="1", code=2)


def test_clean_knows_the_old_folder_of_packages(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "clean-targets: [dbt_modules]\n"})
    assert "default package install path has changed from `dbt_modules` to `dbt_packages`" in flat(dbt(tmp_path, "clean"))


def test_hooks_that_freshness_leaves_out_are_told_of(tmp_path):
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "on-run-start: ['select 1']\nflags: {source_freshness_run_project_hooks: false}\n"})
    assert said(tmp_path, "source", "freshness") == ["SourceFreshnessProjectHooksNotRun"]


def test_a_package_that_takes_the_place_of_a_materialization_is_told_of(tmp_path):
    macro = "{% materialization view, default %}{{ return(materialization_view_default()) }}{% endmaterialization %}\n"
    project(tmp_path, {"dbt_project.yml": BASE["dbt_project.yml"] + "flags: {require_explicit_package_overrides_for_builtin_materializations: false}\n",
                       "packages.yml": "packages: [{local: other}]\n", "other/dbt_project.yml": "name: other\n", "other/macros/v.sql": macro})
    dbt(tmp_path, "deps")
    assert said(tmp_path, "parse") == ["PackageMaterializationOverrideDeprecation"]


@pytest.mark.parametrize("files,words", [
    ({"dbt_project.yml": BASE["dbt_project.yml"] + "tests: {+severity: warn}\ndata_tests: {+severity: warn}\n"}, "dbt_project.yml:3:8: Invalid project config: cannot have both 'tests' and 'data_tests'"),
    ({"models/m.yml": "models: [{name: a, tests: [], data_tests: []}]\n"}, "Invalid test config: cannot have both 'tests' and 'data_tests'"),
    ({"dbt_project.yml": BASE["dbt_project.yml"] + "data-paths: [x]\nseed-paths: [y]\n"}, "data-paths and seed-paths cannot both be defined"),
    ({"profiles.yml": PROFILES + "config: {debug: false}\n", "dbt_project.yml": BASE["dbt_project.yml"] + "flags: {debug: false}\n"}, "Do not specify both 'config' in profiles.yml and 'flags'"),
    ({"models/a b.sql": "select 1 as id\n"}, "Resource names cannot contain spaces: 'model.shop.a b' (models/a b.sql)")])
def test_old_and_new_together_are_refused(tmp_path, files, words):
    project(tmp_path, files)
    assert words in dbt(tmp_path, "parse", code=2)
