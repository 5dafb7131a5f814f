"""leat dbt on DuckDB: the report of debug, and runs that end before they have begun."""

import json

from test_dbt_details import dbt, project, results


def test_debug_says_what_is_well_and_what_is_not(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n"})
    out = dbt(tmp_path, "debug")
    for line in ("dbt version: 1.11.16", "adapter type: duckdb", "profiles.yml file [OK found and valid]", "dbt_project.yml file [OK found and valid]",
                 "  path: shop.duckdb", "Connection test: [OK connection ok]", "All checks passed!"):
        assert line in out, line
    assert "Skipping steps before connection verification" in dbt(tmp_path, "debug", "--connection")
    assert f"To view your profiles.yml file, run:\n\nxdg-open {tmp_path}" in dbt(tmp_path, "debug", "--config-dir")
    assert dbt(tmp_path, "-V") == dbt(tmp_path, "--version")


def test_debug_counts_the_checks_that_fail(tmp_path):
    project(tmp_path, {"models/a.sql": "select 1 as x\n"})
    out = dbt(tmp_path, "debug", "--target", "none", code=1)
    assert "profiles.yml file [ERROR invalid]" in out and "dbt_project.yml file [OK found and valid]" in out
    assert "1 check failed:\nProfile loading failed for the following reason:\n" in out
    assert "The profile 'shop' does not have a target named 'none'" in out and "Connection test skipped since no profile was found" in out
    assert "Could not find profile named 'other'" in dbt(tmp_path, "debug", "--profile", "other", code=1)
    (tmp_path / "models/a.sql").write_text("{{ ref( }}\n")
    out = dbt(tmp_path, "debug", code=1)
    assert "dbt_project.yml file [OK found and valid]" in out and "files of the project [ERROR invalid]" in out and "models/a.sql:1:9" in out
    assert "[OK connection ok]" in out
    (tmp_path / "profiles.yml").write_text("shop: {target: dev, outputs: {dev: {type: duckdb, path: nowhere/shop.duckdb}}}\n")
    out = dbt(tmp_path, "debug", "--connection", code=1)
    assert "Connection test: [ERROR]" in out and "dbt was unable to connect to the specified database." in out


def test_a_query_comment_that_cannot_be_made_ends_the_run(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nquery-comment: '{{ no_such_macro() }}'\n", "models/a.sql": "select 1 as x\n"})
    out = dbt(tmp_path, "run", code=2)
    assert "query-comment" in out and "no_such_macro" in out and "START" not in out


def test_a_macro_that_fails_in_a_hook_of_the_start_ends_with_2(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\non-run-start: '{{ look() }}'\n", "models/a.sql": "select 1 as x\n",
                       "macros/look.sql": "{% macro look() %}{% do run_query('select nothing from nowhere') %}{% endmacro %}\n"})
    assert "nowhere" in dbt(tmp_path, "run", code=2)
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\non-run-start: select nothing from nowhere\n")
    dbt(tmp_path, "run", code=1)  # a statement that fails is a result
    assert results(tmp_path)["operation.shop.shop-on-run-start-0"]["status"] == "error"


def test_a_seed_without_a_delimiter_is_a_compilation_error(tmp_path):
    project(tmp_path, {"dbt_project.yml": "name: shop\nprofile: shop\nseeds: {+delimiter: ''}\n", "seeds/s.csv": "a,b\n1,2\n"})
    dbt(tmp_path, "seed", code=1)
    message = results(tmp_path)["seed.shop.s"]["message"]
    assert message.startswith("Compilation Error in seed s (seeds/s.csv)") and '"delimiter" must be a 1-character string' in message


SOURCE = """
sources:
  - name: raw
    schema: main
    loaded_at_field: loaded
    freshness: {warn_after: {count: 18, period: hour}, error_after: {count: 24, period: hour}}
    config: {freshness: {warn_after: {count: 12, period: hour}}}
    tables:
      - {name: a, freshness: {warn_after: {count: 9, period: hour}}, config: {freshness: {warn_after: {count: 6, period: hour}}}}
      - {name: b, freshness: {error_after: {}}}
      - {name: c, freshness: {error_after: null}}
      - {name: d, freshness: null}
      - {name: nowhere}
"""


def test_rules_of_freshness_are_merged_from_all_places(tmp_path):
    project(tmp_path, {"models/s.yml": SOURCE, "models/t.sql": "select 1 as x\n"})
    dbt(tmp_path, "parse")
    made = json.loads((tmp_path / "target/manifest.json").read_text())["sources"]

    def rule(name, key):
        found = (made[f"source.shop.raw.{name}"]["freshness"] or {}).get(key)
        return found and found["count"]

    assert [rule("a", key) for key in ("warn_after", "error_after")] == [6, 24]
    assert [rule("b", key) for key in ("warn_after", "error_after")] == [12, 24]
    assert [rule("c", key) for key in ("warn_after", "error_after")] == [12, None]
    assert made["source.shop.raw.d"]["freshness"] is None


def test_a_source_that_cannot_be_asked_is_told_and_the_others_are_measured(tmp_path):
    project(tmp_path, {"models/s.yml": SOURCE, "seeds/a.csv": "loaded\n2001-01-01 00:00:00\n"})
    dbt(tmp_path, "seed")
    out = dbt(tmp_path, "source", "snapshot-freshness", "-s", "source:raw.a", "source:raw.nowhere", code=1)
    assert "ERROR STALE freshness of raw.a" in out and "ERROR freshness of raw.nowhere" in out
    assert "Runtime Error in source nowhere (models/s.yml)" in out
    asked = json.loads((tmp_path / "target/sources.json").read_text())["results"]
    assert [(one["unique_id"], one["status"]) for one in asked] == [("source.shop.raw.a", "error")]


def test_an_empty_loaded_at_field_and_a_doubtful_switch_of_a_source_are_refused(tmp_path):
    project(tmp_path, {"models/s.yml": "sources: [{name: raw, tables: [{name: a, loaded_at_field: ''}]}]\n"})
    assert "loaded_at_field cannot be an empty string" in dbt(tmp_path, "parse", code=2)
    (tmp_path / "models/s.yml").write_text("sources: [{name: raw, tables: [{name: a, config: {enabled: True and False}}]}]\n")
    assert "enabled" in dbt(tmp_path, "parse", code=2)
