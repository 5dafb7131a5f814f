"""What a profile says of DuckDB counts for `leat dbt`, and for `leat run` in the same file."""

import pytest

from harness import write_files

PROJECT = {
    "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: data/shop.duckdb}\n  bare: {engine: duckdb, path: bare.duckdb}\n",
    "dbt_project.yml": "name: shop\nprofile: shop\n",
    "profiles.yml": """shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: data/shop.duckdb
      settings: {default_null_order: nulls_first}
      extensions: [json]
      secrets:
        - {type: http, name: proxy, scope: ["http://a.invalid/", "http://b.invalid/"], http_proxy: "it's", extra_http_headers: {X-A: "1"}}
      attach:
        - {path: data/other.duckdb, alias: other, read_only: true}
        - {path: data/more.duckdb, options: {block_size: 16384}}
    elsewhere: {type: duckdb, path: elsewhere.duckdb}
""",
    "models/m.sql": "{{ config(materialized='table') }}\nselect n, lower(current_setting('default_null_order')) as nulls, (select string_agg(name || ':' || type, ',') from duckdb_secrets()) as secrets\n"
                    "from other.main.t\n",
    "data/.keep": "",
}


@pytest.fixture
def shop(project):
    leat = project(PROJECT)
    (leat.project / "data").mkdir(exist_ok=True)
    leat("sql", "--target", "bare", "attach 'data/other.duckdb' as o; create table o.t as select 42 as n")
    return leat


@pytest.mark.parametrize("words", [["run"], ["dbt", "run", "--profiles-dir", "."]])
def test_settings_secrets_and_attached_files_are_there(shop, words):
    shop(*words)
    assert shop.rows("select * from m") == [[42, "nulls_first", "proxy:http"]]
    assert (shop.project / "data/more.duckdb").exists()


def test_leat_run_takes_nothing_from_a_profile_of_another_file(shop):
    text = shop("run", "--target", "bare", code=1).text
    assert "other" in text and "profiles.yml" not in text  # the catalog that is not attached
    shop.edit("leat.yml", "data/shop.duckdb", "data/another.duckdb")
    assert "other" in shop("run", code=1).text


def test_a_profile_that_cannot_be_read_is_told_and_not_used(shop):
    shop.edit("profiles.yml", "nulls_first", "\"{{ env_var('NOT_THERE') }}\"")
    text = shop("run", code=1).text
    assert "nothing of profiles.yml is used" in text and "NOT_THERE" in text


def test_a_secret_without_a_type_is_an_error(shop):
    shop.edit("profiles.yml", "{type: http, ", "{")
    assert "a secret must be a mapping with a 'type'" in shop("dbt", "run", "--profiles-dir", ".", code=(1, 2)).text


def test_a_source_of_a_package_can_be_overridden(project):
    leat = project({
        "dbt_project.yml": "name: shop\nprofile: shop\n", "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: shop.duckdb}\n",
        "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n",
        "dbt_packages/pk/dbt_project.yml": "name: pk\n",
        "dbt_packages/pk/models/s.yml":
            "sources:\n  - name: raw\n    schema: rs\n    loader: me\n    description: base\n    tags: [base]\n    meta: {k: base}\n"
            "    config: {event_time: et}\n    freshness: {warn_after: {count: 1, period: day}}\n    loaded_at_field: ts\n"
            "    tables:\n      - name: t\n        description: base t\n        identifier: tt\n        columns: [{name: id, data_tests: [unique]}]\n"
            "      - name: u\n",
        "models/s.yml": "sources:\n  - name: raw\n    overrides: pk\n    schema: other\n    tags: [mine]\n    tables:\n      - name: t\n"
                        "        description: mine\n        columns: [{name: id, description: d, data_tests: [not_null]}]\n"
                        "  - name: gone\n    overrides: pk\n",
    })
    text = leat("dbt", "parse", "--profiles-dir", ".").text
    assert "source overrides that had no target:" in text and "- Source pk.gone (in models/s.yml)" in text
    manifest = __import__("json").loads((leat.project / "target/manifest.json").read_text())
    assert list(manifest["sources"]) == ["source.pk.raw.t", "source.pk.raw.u"]
    t, u = manifest["sources"].values()
    assert (t["relation_name"], u["relation_name"]) == ('"shop"."other"."tt"', '"shop"."other"."u"')
    assert (t["description"], t["source_description"], t["loader"], t["tags"], t["meta"]) == ("mine", "base", "me", ["mine"], {"k": "base"})
    assert t["columns"]["id"]["description"] == "d" and t["package_name"] == "pk" and t["loaded_at_field"] == "ts"
    assert t["config"]["event_time"] is None and not (t["freshness"] or {}).get("warn_after", {}).get("count")  # as dbt: not said again, gone
    assert [n for n in manifest["nodes"] if n.startswith("test.")] == ["test.pk.source_not_null_raw_t_id.e00a82bbac"]
    leat.write("models/z.yml", "sources: [{name: raw, overrides: pk}]\n")
    assert "is overridden already, in models/s.yml" in leat("dbt", "parse", "--profiles-dir", ".", code=2).text
