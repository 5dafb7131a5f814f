"""Where data comes from: every way to page, files of every kind, PostgreSQL; and where it lands."""

import gzip
import json
import subprocess

import pytest

from harness import ITEM_COUNT, SHOP, check_shop, item_amount, write_items

PAGING = "paginate: {type: page_number, page_param: page, size_param: pageSize, size: 50, total_pages: $.totalPages}"
WAYS = {
    "page_number": ("/items", "$.items[*]", PAGING),
    "page_number without a total": ("/items", "$.items[*]", "paginate: {type: page_number, page_param: page, size_param: pageSize, size: 50}"),
    "offset": ("/items", "$.items[*]", "paginate: {type: offset, offset_param: offset, limit_param: limit, size: 70, total: $.total}"),
    "cursor": ("/items?cursor=", "$.items[*]", "paginate: {type: cursor, cursor_param: cursor, next: $.next_cursor, size_param: limit, size: 90}"),
    "next_link": ("/items/links?pageSize=60", "$.data.rows[*]", "paginate: {type: next_link, next: $.links.next}"),
    "link_header": ("/items/links?pageSize=60", "$.data.rows[*]", "paginate: {type: link_header}"),
    "single": ("/items/all", "$[*]", "paginate: {type: single}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_records_come_by(way, shop):
    path, records, paginate = WAYS[way]
    source = SHOP["sources/api.yml"].replace("path: /items", f"path: {path}").replace("$.items[*]", records).replace(PAGING, paginate)
    leat, server = shop("--fault", "500:0.1", files={"sources/api.yml": source})
    leat("run")
    check_shop(leat)
    leat("run")
    check_shop(leat)


FILES = """\
name: api
kind: files
resources:
  - name: items
    path: {path}
    key: [id]
    load: {{table: raw.items}}
"""


def write_as(kind, folder):
    """The records as files of a kind; the pattern that finds them."""
    records = [{"id": n, "name": f"item {n}", "city": ("Ambridge", "Bree", "Camelot", "Dunwich", "Elsinore")[n % 5],
                "amount": item_amount(n), "updated_at": "2026-01-01T00:00:00Z"} for n in range(1, ITEM_COUNT + 1)]
    half = ITEM_COUNT // 2
    for part, some in (("a", records[:half]), ("b", records[half:])):
        rows = "".join(json.dumps(r) + "\n" for r in some)
        if kind == "ndjson.gz":
            (folder / f"{part}.ndjson.gz").write_bytes(gzip.compress(rows.encode()))
        elif kind == "ndjson.zst":
            (folder / f"{part}.ndjson").write_text(rows)
            subprocess.run(["zstd", "-q", "--rm", folder / f"{part}.ndjson"], check=True)
        elif kind == "ndjson":
            (folder / f"{part}.ndjson").write_text(rows)
        elif kind == "json":
            (folder / f"{part}.json").write_text(json.dumps(some))
        else:
            text = "id,name,city,amount,updated_at\n" + "".join(
                f"{r['id']},{r['name']},{r['city']},{r['amount']},{r['updated_at']}\n" for r in some)
            (folder / f"{part}.csv").write_text(text)
            if kind == "csv.zst":
                subprocess.run(["zstd", "-q", "--rm", folder / f"{part}.csv"], check=True)
            if kind == "csv.gz":
                (folder / f"{part}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return f"data/*.{kind}"


@pytest.mark.parametrize("kind", ["csv", "json", "ndjson", "csv.gz", "ndjson.gz", "csv.zst", "ndjson.zst", "parquet"])
def test_files_are_read_as(kind, project):
    import shutil
    if kind.endswith(".zst") and not shutil.which("zstd"):
        pytest.skip("zstd is not installed")
    leat = project(SHOP)
    (leat.project / "data").mkdir()
    if kind == "parquet":
        write_as("csv", leat.project / "data")
        for part in "ab":
            leat("sql", f"copy (from read_csv('data/{part}.csv')) to 'data/{part}.parquet'")
    pattern = "data/*.parquet" if kind == "parquet" else write_as(kind, leat.project / "data")
    leat.write("sources/api.yml", FILES.format(path=pattern))
    leat("run")
    check_shop(leat)
    leat("run")
    check_shop(leat)


def test_files_that_are_not_there_are_named(project):
    leat = project({**SHOP, "sources/api.yml": FILES.format(path="data/none-*.csv")})
    result = leat("run", code=(1, 2))
    leat.edge(result, "data/none-*.csv", "sources/api.yml")


@pytest.mark.parametrize("harm", ["cut", "flipped"])
@pytest.mark.parametrize("kind", ["csv.gz", "ndjson.gz", "csv.zst", "ndjson.zst"])
def test_a_damaged_compressed_file_is_an_error_and_not_fewer_rows(kind, harm, project):
    import shutil
    if kind.endswith(".zst") and not shutil.which("zstd"):
        pytest.skip("zstd is not installed")
    leat = project(SHOP)
    (leat.project / "data").mkdir()
    leat.write("sources/api.yml", FILES.format(path=write_as(kind, leat.project / "data")))
    leat("run")
    file = leat.project / "data" / f"b.{kind}"
    whole = file.read_bytes()
    half = len(whole) // 2
    file.write_bytes(whole[:half] if harm == "cut" else whole[:half] + bytes([whole[half] ^ 0xff]) + whole[half + 1:])
    leat.edge(leat("run", code=(1, 3)), f"b.{kind}")
    check_shop(leat)


def test_a_damaged_file_is_named(project):
    leat = project({**SHOP, "sources/api.yml": FILES.format(path="data/*.parquet")})
    leat.write("data/broken.parquet", "PAR1 this is no parquet file PAR1")
    leat.edge(leat("run", code=(1, 2)), "broken.parquet")


DATABASE = """\
name: api
kind: postgres
url: "{{ env_var('SOURCE_URL') }}"
resources:
  - name: items
    table: public.items
    cursor: {field: updated_at, overlap: 1h}
    key: [id]
    load: {table: raw.items}
  - name: kinds
    query: "select city, count(*) as n, array_agg(id order by id) as ids, '{\\"a\\": 1}'::jsonb as doc from items group by city"
    load: {table: raw.kinds}
"""


def test_postgresql_tables_and_queries_are_read_and_what_changed_is_merged(project, postgres, tmp_path):
    url = postgres.database()
    postgres.psql("create table items (id bigint, name text, city text, amount numeric(10,2), updated_at timestamptz)", url)
    write_items(tmp_path / "items.csv", ITEM_COUNT)
    postgres.psql(f"insert into items select n, 'item ' || n, (array['Ambridge','Bree','Camelot','Dunwich','Elsinore'])[n % 5 + 1], "
                  f"((n * 7919) % 1000) / 4.0, timestamptz '2026-01-01' + n * interval '1 minute' from generate_series(1, {ITEM_COUNT}) n", url)
    leat = project({**SHOP, "sources/api.yml": DATABASE}, SOURCE_URL=url)
    leat("run")
    check_shop(leat)
    assert leat.rows("select n, len(ids) as l, ids[1] as i, doc->>'a' as a from raw.kinds where city = 'Bree'") == [[200, 200, 1, "1"]]
    postgres.psql("update items set amount = 1000, updated_at = '2026-02-01' where id <= 10", url)
    leat("run")
    assert leat.rows("select count(*) as n, count(distinct id) as d from raw.items") == [[ITEM_COUNT, ITEM_COUNT]]
    assert leat.rows("select count(*) as n from raw.items where amount = 1000") == [[10]]
    postgres.psql("alter table items rename to gone", url)
    leat.edge(leat("run", code=(1, 2)), "items")


# ---- where it lands ----


def test_an_extract_lands_as_parquet_in_the_partition_of_its_day(shop):
    leat, _ = shop()
    leat("extract")
    objects = leat("store", "ls", "-r", "--json", "raw/").json()
    parquet = [o["key"] for o in objects if o["key"].endswith(".parquet")]
    assert parquet and all(key.startswith("domain=api/dataset=items/import_date=2") for key in parquet), objects
    content = subprocess.run(leat.argv("store", "cat", f"raw/{parquet[0]}"), cwd=leat.project, env=leat.environment(), capture_output=True).stdout
    assert content[:4] == content[-4:] == b"PAR1"
    (leat.project / "x.parquet").write_bytes(content)
    assert leat.rows("select count(*) as n from 'x.parquet'")[0][0] > 0


def test_awkward_values_come_through_to_both_targets(project, feed, postgres):
    awkward = [{"id": 1, "updated_at": "2026-01-01T00:00:00Z", "city": "Bree", "amount": 1.5, "name": "zwölf 🐄\n\t\"quoted\" \\ 'single' \x7f",
                "nested": {"a": [1, 2, {"b": None}], "c": "x"}, "list": [1, 2, 3], "big": 9007199254740993, "tiny": 1e-300, "none": None,
                "yes": True, "when": "2026-02-28", "CamelCase Key": "k", "select": 1},
               {"id": 2, "updated_at": "2026-01-01T00:00:00Z", "city": "Bree", "amount": 2, "name": "", "nested": None, "list": [],
                "big": -9007199254740993, "tiny": 0, "yes": False, "when": None, "CamelCase Key": None, "select": None}]
    server = feed(awkward)
    source = SHOP["sources/api.yml"].replace('auth: {type: bearer, token: "{{ secret(\'API_TOKEN\') }}"}\n', "")
    leat = project({**SHOP, "sources/api.yml": source}, API_URL=server.url, PG_URL=postgres.database())
    leat("run")
    leat("run", "--target", "pg")
    for target in (None, "pg"):
        rows = leat.rows('select id, name, big, tiny, yes, camel_case_key as k, "select" as s from raw.items order by id', target)
        assert rows[0][:3] == [1, awkward[0]["name"], 9007199254740993], rows
        assert float(rows[0][3]) == 1e-300 and rows[0][4] is True and rows[0][5:] == ["k", 1], rows
        assert rows[1] == [2, "", -9007199254740993, 0, False, None, None], rows
    assert leat.rows("select nested.a[1] as a, list[3] as l from raw.items where id = 1") in ([[1, 3]], [["1", 3]])
    assert leat.rows("select nested->'a'->>0 as a, list->>2 as l from raw.items where id = 1", "pg") == [["1", "3"]]


def test_a_full_read_that_empties_a_table_is_told_with_its_counts(project, feed):
    files = "name: f\nkind: files\nresources:\n  - {name: items, path: 'data/*.csv', load: {table: raw.items}}\n"
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/f.yml": files, "data/a.csv": "id,city\n1,Bree\n2,Rohan\n"})
    first = leat("run")
    assert "warning" not in first.text
    leat.write("data/a.csv", "id,city\n")
    leat.edge(leat("run"), "warning: f.items is empty now: it had 2 rows, and this full read brought none")
    assert leat.rows("select count(*) as n from raw.items") == [[0]]
    leat.write("data/a.csv", "id,city\n1,Bree\n2,Rohan\n3,Bree\n")
    assert "warning" not in leat("run").text
    leat.write("data/a.csv", "number,town\n1,Bree\n")
    leat.edge(leat("run"), "warning: f.items: none of the 2 columns that it had came (id, city): it had 3 rows, and the 1 that came")


def test_a_column_that_the_source_has_renamed_is_told_once(project):
    files = "name: f\nkind: files\nresources:\n  - {name: items, path: 'data/*.csv', load: {table: raw.items}}\n"
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/f.yml": files, "data/a.csv": "id,price\n1,5\n2,6\n"})
    leat("run")
    leat.write("data/a.csv", "id,cost\n1,5\n2,6\n3,7\n")
    leat.edge(leat("run"), "warning: f.items: no record has 'price' any more, and 'cost' is new: if the source has renamed it")
    leat.write("data/a.csv", "id,cost\n1,5\n")
    assert "warning" not in leat("run").text, "it is told once"
    leat.write("data/a.csv", "id,cost,note\n1,5,x\n")
    assert "'price'" in leat("run").text


def test_an_api_that_has_no_records_any_more_is_told(project, feed):
    server = feed([{"id": n} for n in range(7)])
    source = ("name: api\nkind: rest\nbase_url: \"{{ env_var('API_URL') }}/v1\"\nresources:\n"
              "  - {name: items, path: /items, records: '$.items[*]', load: {table: raw.items}}\n")
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": source}, API_URL=server.url)
    leat("run")
    server.records = []
    leat.edge(leat("run"), "warning: api.items is empty now: it had 7 rows")
    assert "warning" not in leat("run").text, "it is told once"
