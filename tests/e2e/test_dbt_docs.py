"""`leat dbt docs generate` and `leat dbt source freshness`: catalog.json, sources.json and the files beside them."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from harness import LEAT, Dbt

FILES = {
    "dbt_project.yml": "name: docs\nprofile: docs\nasset-paths: [pictures]\nmodels: {docs: {+materialized: table}}\n",
    "pictures/a.txt": "a picture\n",
    "seeds/orders.csv": "id,customer,day\n1,ann,2024-01-01 00:00:00\n2,bob,2024-01-02 00:00:00\n",
    "models/totals.sql": "select id, customer, 1.5 as \"Half\" from {{ ref('orders') }}\n",
    "models/seen.sql": "{{ config(materialized='view') }} select id from {{ ref('totals') }}\n",
    "models/passing.sql": "{{ config(materialized='ephemeral') }} select 1 as one\n",
    "models/m.yml": """
models:
  - name: totals
    description: all of them
    config: {persist_docs: {relation: true, columns: true}}
    columns: [{name: id, description: which}]
sources:
  - name: raw
    schema: "{{ target.schema }}"
    config: {freshness: {warn_after: {count: 1, period: day}, error_after: {count: 3650, period: day}}}
    tables:
      - {name: late, identifier: orders, config: {loaded_at_field: 'cast(day as timestamp)'}}
      - name: old
        identifier: orders
        config:
          loaded_at_query: "select max(cast(day as timestamp)) from {{ this }} where customer = '{{ model.name[:0] }}bob'"
          freshness: {error_after: {count: 200, period: day}}
      - {name: fine, identifier: orders, config: {loaded_at_field: 'cast(current_date + 0 * id as timestamp)', freshness: {filter: id = 1}}}
      - {name: unasked, identifier: orders, config: {freshness: null}}
exposures:
  - {name: board, type: dashboard, owner: {name: ann}, depends_on: [ref('totals')]}
""",
}
DUCKDB = "docs:\n  outputs:\n    dev: {type: duckdb, path: docs.duckdb, threads: 2}\n  target: dev\n"


def make(tmp_path, env, profile):
    dbt = Dbt(tmp_path / "docs", env)
    for path, text in {**FILES, "profiles.yml": profile}.items():
        dbt.write(path, text)
    return dbt


@pytest.fixture
def docs(tmp_path, env):
    return make(tmp_path, env, DUCKDB)


@pytest.fixture
def on_postgres(tmp_path, env, postgres):
    name = re.search(r"@/(\w+)", postgres.database())[1]
    return make(tmp_path, env, f"""docs:
  outputs:
    dev: {{type: postgres, host: '{postgres.folder}', user: postgres, password: '', port: 5432, dbname: {name},
           schema: marts, threads: 2}}
  target: dev
""")


def column(kind, index, name, comment=None):
    return {"type": kind, "index": index, "name": name, "comment": comment}


def test_the_catalog_has_what_the_database_says(docs):
    docs("build")
    assert "Catalog written to" in docs("docs", "generate")
    catalog = docs.json("catalog.json")
    assert catalog["metadata"]["dbt_schema_version"] == "https://schemas.getdbt.com/dbt/catalog/v1.json"
    assert catalog["errors"] is None
    assert sorted(catalog["nodes"]) == ["model.docs.seen", "model.docs.totals", "seed.docs.orders"]
    assert sorted(catalog["sources"]) == ["source.docs.raw." + name for name in ("fine", "late", "old", "unasked")]
    totals = catalog["nodes"]["model.docs.totals"]
    assert totals["metadata"] == {"type": "BASE TABLE", "schema": "main", "name": "totals", "database": "docs",
                                  "comment": "all of them", "owner": None}
    assert list(totals["columns"].values()) == [column("INTEGER", 1, "id", "which"), column("VARCHAR", 2, "customer"),
                                                column("DECIMAL(2,1)", 3, "Half")]
    assert totals["stats"]["has_stats"]["value"] is False and totals["unique_id"] == "model.docs.totals"
    assert catalog["nodes"]["model.docs.seen"]["metadata"]["type"] == "VIEW"
    assert (docs.root / "target/pictures/a.txt").read_text(encoding="utf-8") == "a picture\n"
    assert (docs.root / "target/compiled/docs/models/seen.sql").exists()


def test_the_catalog_of_postgresql_has_owners_and_comments(on_postgres):
    on_postgres("build")
    on_postgres("docs", "generate")
    totals = on_postgres.json("catalog.json")["nodes"]["model.docs.totals"]
    assert totals["metadata"]["comment"] == "all of them" and totals["metadata"]["owner"] == "postgres"
    assert list(totals["columns"].values()) == [column("integer", 1, "id", "which"), column("text", 2, "customer"),
                                                column("numeric", 3, "Half")]


def test_the_catalog_has_only_what_is_chosen(docs):
    docs("build")
    docs("docs", "generate", "--select", "totals", "source:raw.old")
    catalog = docs.json("catalog.json")
    assert list(catalog["nodes"]) == ["model.docs.totals"] and list(catalog["sources"]) == ["source.docs.raw.old"]
    (docs.root / "target/manifest.json").unlink()
    docs("docs", "generate", "--no-compile", "--select", "totals")
    assert not (docs.root / "target/manifest.json").exists()
    assert len(docs.json("catalog.json")["nodes"]) == 3  # as with dbt: only what is compiled limits it


def test_an_empty_catalog_asks_no_database(docs):
    docs("docs", "generate", "--empty-catalog", "--no-compile")
    catalog = docs.json("catalog.json")
    assert catalog["nodes"] == {} and catalog["sources"] == {}
    assert not (docs.root / "docs.duckdb").exists() and not (docs.root / "target/compiled").exists()


def test_docs_of_what_does_not_compile_are_an_error(docs):
    docs.write("models/bad.sql", "select {% if execute %}{{ 1 // 0 }}{% endif %}\n")
    out = docs("docs", "generate", code=2)  # the first error is that of the command
    assert "division or modulo by zero" in out and not (docs.root / "target/catalog.json").exists()


def test_many_relations_are_asked_for_by_schema(docs):
    for i in range(120):
        docs.write(f"models/many/m{i}.sql", "select 1 as one\n")
    docs("build", "--exclude", "board")
    docs("docs", "generate", "--no-compile")
    assert len(docs.json("catalog.json")["nodes"]) == 123


def judged(dbt, code=1, **extra):
    out = dbt("source", "freshness", code=code, **extra)
    results = {r["unique_id"].split(".")[-1]: r for r in dbt.json("sources.json")["results"]}
    return out, results


def test_sources_are_as_old_as_their_rules_say(docs):
    docs("seed")
    out, results = judged(docs)
    assert {name: r["status"] for name, r in results.items()} == {"late": "warn", "old": "error", "fine": "pass"}
    assert re.search(r"1 of 3 START freshness of raw\.fine \.+ \[RUN\]", out)
    assert re.search(r"ERROR STALE freshness of raw\.old \.+ \[ERROR STALE in \d+\.\d\ds\]", out)
    assert re.search(r"WARN freshness of raw\.late \.+ \[WARN in", out) and "Finished running 3 sources in" in out
    late = results["late"]
    assert late["max_loaded_at"] == "2024-01-02T00:00:00+00:00"
    assert late["max_loaded_at_time_ago_in_s"] > 86400
    assert late["criteria"] == {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": 3650, "period": "day"},
                                "filter": None}
    assert results["fine"]["criteria"]["filter"] == "id = 1"
    assert [t["name"] for t in late["timing"]] == ["compile", "execute"]


def test_freshness_on_postgresql(on_postgres):
    on_postgres("seed")
    _, results = judged(on_postgres)
    assert {name: r["status"] for name, r in results.items()} == {"late": "warn", "old": "error", "fine": "pass"}
    assert results["late"]["adapter_response"] == {"_message": "SELECT 1", "code": "SELECT", "rows_affected": 1}


def test_what_cannot_be_asked_fails_alone(docs):
    docs("seed")
    docs.write("models/more.yml", "sources:\n  - name: more\n    tables:\n"
               "      - {name: gone, config: {loaded_at_field: x, freshness: {warn_after: {count: 1, period: hour}}}}\n"
               "      - {name: blind, config: {freshness: {warn_after: {count: 1, period: hour}}}}\n")
    assert "A loaded_at_field must be specified for source 'more.blind'" in docs("parse")
    out, results = judged(docs)
    assert "Runtime Error in source gone" in out and "does not support metadata-based freshness checks" in out
    assert sorted(results) == ["fine", "late", "old"]


def test_only_chosen_sources_are_asked_and_a_warning_is_no_failure(docs):
    docs("seed")
    docs("source", "freshness", "--select", "source:raw.late", "--output", "target/mine.json")
    assert [r["unique_id"] for r in docs.json("mine.json")["results"]] == ["source.docs.raw.late"]
    assert "Nothing to do" in docs("source", "freshness", "-s", "source:raw.unasked")


def test_field_and_query_of_one_table_are_an_error(docs):
    docs.write("models/two.yml", "sources:\n  - name: two\n    tables:\n"
               "      - {name: t, config: {loaded_at_field: x, loaded_at_query: select 1}}\n")
    assert "models/two.yml:4:9: Cannot specify both loaded_at_field and loaded_at_query" in docs("parse", code=2)


def test_a_source_with_newer_rows_is_chosen_by_its_status(docs, tmp_path):
    docs("seed")
    judged(docs)
    (tmp_path / "before").mkdir()
    for name in ("manifest.json", "sources.json"):
        (docs.root / "target" / name).replace(tmp_path / "before" / name)
    docs.write("seeds/orders.csv", FILES["seeds/orders.csv"] + "3,eve,2024-02-01 00:00:00\n")
    docs("seed")
    judged(docs)
    found = docs("ls", "-q", "--select", "source_status:fresher", "--state", str(tmp_path / "before")).split()
    assert sorted(found) == ["source:docs.raw.late"]


def test_the_graph_and_the_semantic_manifest_are_written(docs):
    docs("build")
    graph = docs.json("graph_summary.json")["linked"]
    number = {node["name"]: key for key, node in graph.items()}
    below = graph[number["model.docs.totals"]]["succ"]
    assert sorted(graph[str(i)]["name"] for i in below) == ["exposure.docs.board", "model.docs.seen"]
    semantic = docs.json("semantic_manifest.json")
    assert semantic["metrics"] == [] and semantic["project_configuration"]["time_spines"] == []


def test_exposures_are_no_ops_of_a_build(docs):
    out = docs("build")
    assert re.search(r"\d of 4 NO-OP exposure board \.+ \[NO-OP in", out) and "START exposure" not in out
    assert "Done. PASS=3 WARN=0 ERROR=0 SKIP=0 NO-OP=1 TOTAL=4" in out
    assert "Finished running 1 exposure, 1 seed, 1 table model, 1 view model in 0 hours 0 minutes" in out
    docs.write("models/totals.sql", "select nothing_there\n")
    out = docs("build", code=1)
    assert re.search(r"SKIP exposure board \.+ \[SKIP\]", out)
    assert json.loads((docs.root / "target/run_results.json").read_text(encoding="utf-8"))["args"]["which"] == "build"


def test_a_page_shows_the_artifacts(docs):
    docs.write("models/seen.sql", FILES["models/seen.sql"] + "\n-- </script><script>alert(1)</script><!-- <b>\n")
    docs("seed")
    docs("run")
    docs("docs", "generate", "--static")
    page = (docs.root / "target" / "index.html").read_text(encoding="utf-8")
    assert page.count("<script>") == page.count("</script>") == 1
    assert not re.search(r"(src|href)=.https?:", page), "nothing is fetched from elsewhere"
    static = (docs.root / "target" / "static_index.html").read_text(encoding="utf-8")
    inside = dict(re.findall(r'<script type="application/json" id="leat-(\w+)">(.*?)</script>', static, re.S))
    assert json.loads(inside["manifest"]) == docs.json("manifest.json")
    assert json.loads(inside["catalog"]) == docs.json("catalog.json")
    assert "<" not in inside["manifest"], "no text of the project can end the element"


class Serving:
    def __init__(self, dbt, *words):
        self.process = subprocess.Popen([LEAT, "dbt", "docs", "serve", "--port", "0", *words], cwd=dbt.root, env=dbt.env, stdout=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stdout:
            if found := re.search(r"http://[\d.]+:(\d+)", line):
                self.port = int(found[1])
                return
        raise AssertionError("it ended")

    def get(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


def test_the_page_is_served_and_nothing_outside_of_the_target_folder(docs):
    docs("seed")
    docs("run")
    docs("docs", "generate", "--no-compile")
    (docs.root / "target" / "out").symlink_to(docs.root)
    (docs.root / "target" / ".hidden").write_text("x")
    site = Serving(docs)
    try:
        status, page, headers = site.get("/")
        assert status == 200 and b"<title>" in page and headers["Content-Type"].startswith("text/html")
        status, body, headers = site.get("/manifest.json?cb=1")
        assert status == 200 and json.loads(body)["metadata"]["project_name"] == "docs" and headers["Content-Type"] == "application/json"
        assert site.get("/pictures/a.txt")[1] == b"a picture\n"
        for path in ("/..%2Fprofiles.yml", "/../profiles.yml", "/out/profiles.yml", "/out", "/.hidden", "/pictures", "/pictures/", "/nothere.json", "/%00", "/a%00/../manifest.json"):
            assert site.get(path)[0] in (400, 404), path
        assert site.get("/", method="POST")[0] == 405
        assert site.get("/manifest.json", Host="evil.example.com")[0] == 403
        assert site.get("/manifest.json", Host="localhost:1")[0] == 200
    finally:
        code = site.stop()
    assert code == 130 or code == 0


def browser():
    return shutil.which("chromium") or shutil.which("chromium-browser")


def dom(url, folder):
    done = subprocess.run([browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}", "--virtual-time-budget=20000",
                           "--dump-dom", url], capture_output=True, text=True, timeout=300, env={**os.environ, "HOME": str(folder)})
    return done.stdout


@pytest.mark.skipif(not browser(), reason="no chromium")
def test_a_browser_shows_a_model_with_its_columns_and_its_words_as_text(docs, tmp_path):
    docs.write("models/m.yml", FILES["models/m.yml"].replace("all of them", "all <img src=x onerror=document.title='bad'> of **them**"))
    docs("seed")
    docs("run")
    docs("docs", "generate", "--static")
    site = Serving(docs)
    try:
        for url in (f"http://127.0.0.1:{site.port}/", f"file://{docs.root}/target/static_index.html"):
            seen = dom(f"{url}#model.docs.totals", tmp_path / "browser")
            assert "<title>docs</title>" in seen, seen[-2000:]
            assert "&lt;img src=x onerror" in seen and "<strong>them</strong>" in seen
            assert "<td>Half</td>" in seen and "select id, customer, 1.5" in seen
            assert re.search(r'<a href="#seed.docs.orders"', seen) and re.search(r"<svg[^>]*>.*<path", seen, re.S)
        theirs = dom(f"http://127.0.0.1:{site.port}/#!/model/model.docs.totals?g_v=1", tmp_path / "browser")  # a link of dbt's page
        assert "<td>Half</td>" in theirs and "<p>There is no" not in theirs
    finally:
        site.stop()
