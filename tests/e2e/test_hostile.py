"""What goes wrong around a run: an empty source, a store begun anew, a lost terminal, leftovers of what was killed."""

import shutil
import signal

from harness import Feed, end_group, finish, wait_until

SOURCE = """name: api
kind: rest
base_url: URL
resources:
  - name: items
    path: /v1/items
    records: $.items[*]
    paginate: {type: page_number, page_param: page, size_param: pageSize, size: 50, total_pages: $.totalPages}
    cursor: {field: updated_at, param: since}
    key: [id]
    load: {table: raw.items}
"""


def feeding(project, feed):
    return project({"leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb}\n  two: {engine: duckdb, path: two.duckdb}\n",
                    "sources/api.yml": SOURCE.replace("URL", feed.url)})


def test_a_source_that_is_still_empty_fails_nothing(project):
    feed = Feed()
    try:
        leat = feeding(project, feed)
        leat.edge(leat("load", code=2), "api.items", "leat extract")
        leat.edge(leat("run"), "no record of api.items has come yet")
        feed.records = [{"id": 1, "updated_at": "2026-01-01T00:00:00Z"}]
        leat("run")
        assert leat.rows("select id from raw.items") == [[1]]
    finally:
        feed.stop()


def test_a_store_that_was_begun_anew_is_loaded_anew(project):
    feed = Feed([{"id": 1, "updated_at": "2026-01-01T00:00:00Z"}])
    try:
        leat = feeding(project, feed)
        leat("run")
        shutil.rmtree(leat.home / "store")
        feed.records = [{"id": 7, "updated_at": "2025-01-01T00:00:00Z"}]
        leat("run")
        assert leat.rows("select id from raw.items") == [[7]]
    finally:
        feed.stop()


def test_a_retry_stays_in_the_target_of_its_run(project):
    leat = project({"leat.yml": "name: shop\ntarget: dev\ntargets:\n  dev: {engine: duckdb}\n  two: {engine: duckdb, path: two.duckdb}\n",
                    "models/bad.sql": "select nothere\n"})
    leat("run", code=1)
    leat.edge(leat("retry", "last", "--target", "two", code=2), "'dev'", "leat run --target two")


def test_a_lost_terminal_cancels(shop):
    leat, server = shop("--latency", 600)
    process = leat.start("run")
    wait_until(lambda: server.requests() >= 3)
    end_group(process, signal.SIGHUP)
    assert finish(process, 30).code == 129
    assert [run["status"] for run in leat.runs()] == ["cancelled"]


def test_what_a_killed_run_left_in_the_cache_is_swept(shop):
    leat, server = shop("--latency", 150)
    process = leat.start("run")
    wait_until(lambda: server.requests() >= 3)
    end_group(process)
    finish(process)
    scratch = leat.home / "cache" / "scratch"
    assert [path for path in scratch.iterdir() if path.is_dir()]
    leat("runs")
    assert not [path for path in scratch.iterdir() if path.is_dir()]


def test_models_alone_spill_on_a_fresh_home(project):
    leat = project({"leat.yml": "name: big\ntargets:\n  dev: {engine: duckdb, memory: 128MB}\n",
                    "models/a.sql": "{{ config(materialized='table') }}\nselect range as id, repeat('x', 80) || hash(range) as t\n"
                                    "from range(3000000) order by t\n"})
    leat("run")
    assert leat.rows("select count(*) from a") == [[3000000]]


def test_who_runs_out_of_memory_is_told_of_a_setting_that_is_there(project):
    leat = project({"leat.yml": "name: big\ntargets:\n  dev: {engine: duckdb, memory: 64MiB}\n",
                    "models/a.sql": "{{ config(materialized='table') }}\nselect list(repeat('x', 500) || range) as l from range(3000000)\n"})
    result = leat("run", code=3)
    leat.edge(result, "Out of Memory", "raise 'memory' in leat.yml")
    assert "SET " not in result.text
