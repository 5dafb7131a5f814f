"""A feed of changes: what moved is merged by key, and the cursor moves with the data, or not at all."""

from harness import SHOP
from test_faults import PLAIN_API


def item(number, moment, amount=1.0):
    return {"id": number, "name": f"item {number}", "city": "Bree", "amount": amount, "updated_at": moment}


def make(project, feed, records, source=PLAIN_API):
    server = feed(records)
    return project({**SHOP, "sources/api.yml": source}, API_URL=server.url), server


def first_records(count=100):
    return [item(n, f"2026-03-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(1, count + 1)]


def test_changed_records_replace_and_new_ones_join(project, feed):
    leat, server = make(project, feed, first_records())
    leat("run")
    server.records = [item(r["id"], "2026-03-02T00:00:00Z", 9.0) if r["id"] % 10 == 0 else r for r in server.records]
    server.records += [item(n, "2026-03-02T01:00:00Z", 5.0) for n in range(101, 106)]
    server.seen.clear()
    leat("run")
    assert all(query["since"] > "2026-03-01T00" for query in server.seen), server.seen
    rows = leat.rows("select count(*) as n, count(distinct id) as d, sum(amount) as s from raw.items")
    assert rows == [[105, 105, 90 * 1.0 + 10 * 9.0 + 5 * 5.0]]
    assert leat.rows("select items from totals") == [[105]]


def test_the_cursor_goes_back_by_the_overlap(project, feed):
    leat, server = make(project, feed, first_records())
    leat("run")
    server.seen.clear()
    leat("run")
    assert {query["since"][:16] for query in server.seen} == {"2026-03-01T00:40"}, server.seen


def test_the_cursor_stays_when_the_data_did_not_land(project, feed):
    leat, server = make(project, feed, first_records())
    leat("run")
    server.records += [item(200, "2026-04-01T00:00:00Z"), {**item(201, "2026-04-01T00:00:00Z"), "id": {"odd": 1}}]
    leat("run", code=1)
    server.records[-1] = item(201, "2026-04-01T00:00:00Z")
    server.seen.clear()
    leat("run")
    assert server.seen[0]["since"].startswith("2026-03-01"), "the failed extract did not move the cursor"
    assert leat.rows("select count(*) as n from raw.items where id >= 200") == [[2]]
    server.seen.clear()
    leat("run")
    assert server.seen[0]["since"].startswith("2026-03-31T23"), server.seen


def test_a_full_refresh_reads_from_the_start(project, feed):
    leat, server = make(project, feed, first_records())
    leat("run")
    server.records = server.records[:50]
    server.seen.clear()
    leat("run", "--full-refresh")
    assert "since" not in server.seen[0]
    assert leat.rows("select count(*) as n from raw.items") == [[50]]


def test_a_record_without_cursor_or_key_changes_replaces_the_whole(project, feed):
    source = PLAIN_API.replace("    cursor: {field: updated_at, param: since, overlap: 1h}\n", "")
    leat, server = make(project, feed, first_records(), source)
    leat("run")
    server.records = server.records[:30]
    leat("run")
    assert leat.rows("select count(*) as n from raw.items") == [[30]]


def test_two_extracts_then_one_load_give_the_newest(project, feed):
    leat, server = make(project, feed, first_records())
    leat("extract")
    server.records = [item(r["id"], "2026-03-05T00:00:00Z", 2.0) for r in server.records]
    leat("extract")
    leat("load")
    assert leat.rows("select count(*) as n, sum(amount) as s from raw.items") == [[100, 200.0]]
    leat("load")
    assert leat.rows("select count(*) as n, sum(amount) as s from raw.items") == [[100, 200.0]]
