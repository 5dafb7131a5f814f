"""The API misbehaves: the run still ends with every record exactly once, or says why and changes nothing."""

import json
import time

import pytest

from harness import SHOP, TOKEN, check_shop

PLAIN_API = SHOP["sources/api.yml"].replace('auth: {type: bearer, token: "{{ secret(\'API_TOKEN\') }}"}\n', "")
QUICK = SHOP["sources/api.yml"].replace("timeout: 5s", "timeout: 300ms")


def landed(leat):
    return sorted(json.dumps(row, sort_keys=True) for row in leat("store", "ls", "-r", "--json", "raw/").json())


@pytest.mark.parametrize("faults", [
    ["429:0.2"],
    ["500:0.2", "502:0.1", "503:0.1"],
    ["hangup:0.15"],
    ["404:page=3!"],
    ["broken:page=4!"],
    ["truncate:page=5!"],
    ["slow:#4"],
    ["twice:0.4"],
    ["grow:#5"],
    ["429:0.1", "500:0.05", "hangup:0.05", "twice:0.3", "broken:page=7!", "404:page=11!", "slow:0.02"],
], ids=lambda faults: faults[0] if len(faults) == 1 else "-".join(f.split(":")[0] for f in faults))
def test_every_record_is_there_exactly_once_with(faults, shop):
    options = [word for fault in faults for word in ("--fault", fault)]
    leat, server = shop(*options, "--slow", 300)
    leat("run")
    assert sum(server.stats()["faults"].values()) > 0, "the fault never went off"
    check_shop(leat)
    leat("run")
    check_shop(leat)


def test_a_slow_page_is_asked_for_again(shop):
    leat, server = shop("--fault", "slow:#6", "--slow", 60000, files={"sources/api.yml": QUICK})
    leat("run")
    check_shop(leat)
    assert server.stats()["faults"]["slow"] == 1


def test_records_that_go_away_while_paging_leave_no_duplicates(shop):
    leat, _ = shop("--fault", "shrink:#5")
    leat("run", code=(0, 1))
    if leat.runs()[0]["status"] == "succeeded":
        got = leat.rows("select count(*) as n, count(distinct id) as d, max(id) as m from raw.items")[0]
        assert got[0] == got[1] >= 900, got


def test_a_budget_of_requests_is_kept(shop):
    source = SHOP["sources/api.yml"].replace("retries: 6", "retries: 6\nrequests_per_minute: 1200\nparallel: 8")
    leat, server = shop("--rate", 1260, files={"sources/api.yml": source})
    leat("run")
    check_shop(leat)
    assert server.requests() >= 20


# ---- errors: place, cause, next step; nothing half-landed ----


def failing(leat, server, *faults):
    """Run well, then fail with the faults; what is in the store and the tables stays as it was."""
    leat("run")
    check_shop(leat)
    before = landed(leat)
    server.visible("items", 1000)
    server.fault(*faults)
    result = leat("run", "--full-refresh", code=None)
    assert landed(leat) == before, "nothing of a failed extract is in the store"
    check_shop(leat)
    return result


def test_a_refused_token_is_told_at_once(shop):
    leat, server = shop()
    result = failing(leat, server, "refuse:#1+")
    leat.edge(result, "401", "sources/api.yml", "token")
    assert result.code in (2, 3), result
    assert TOKEN not in result.text


def test_a_refused_token_asks_once_per_worker(shop):
    leat, server = shop(token="another-token")
    result = leat("run", code=(2, 3))
    leat.edge(result, "401")
    assert server.requests() <= 4, "refused credentials are not tried again and again"


def test_a_server_that_never_answers_is_given_up(shop):
    source = QUICK.replace("retries: 6", "retries: 1")
    leat, server = shop(files={"sources/api.yml": source})
    started = time.monotonic()
    result = failing(leat, server, "never:#1+")
    assert time.monotonic() - started < 60
    assert result.code == 3, result
    leat.edge(result, server.url, "/v1/items")
    assert "timed out" in result.text or "timeout" in result.text or "did not answer" in result.text, result
    server.heal()
    leat("retry", "last")
    check_shop(leat)


def test_a_server_that_is_not_there_is_named(shop):
    leat, server = shop(files={"sources/api.yml": SHOP["sources/api.yml"].replace("retries: 6", "retries: 1")})
    server.stop()
    result = leat("run", code=3)
    leat.edge(result, server.url)


def test_a_page_of_the_wrong_shape_is_named(shop):
    leat, server = shop()
    result = failing(leat, server, "shape:page=3")
    assert result.code == 1, result
    leat.edge(result, "$.items", "page 3")


def test_a_page_that_stays_broken_is_named(shop):
    leat, server = shop(files={"sources/api.yml": SHOP["sources/api.yml"].replace("retries: 6", "retries: 1")})
    result = failing(leat, server, "broken:page=4")
    assert result.code in (1, 3), result
    leat.edge(result, "JSON", "page=4")


def test_a_missing_page_is_named(shop):
    leat, server = shop()
    result = failing(leat, server, "404:page=6")
    assert result.code == 1, result
    leat.edge(result, "404", "page=6")


def test_a_key_that_is_an_object_is_named(shop):
    leat, server = shop()
    result = failing(leat, server, "type:page=2")
    assert result.code == 1, result
    leat.edge(result, "id", "object")


def typed(first, later):
    """20 pages; `amount` is of another type from page 8 on."""
    def answer(query):
        page = int(query.get("page", 1))
        value = first if page < 8 else later
        return {"totalPages": 20, "items": [{"id": (page - 1) * 50 + i, "amount": value, "updated_at": "2026-01-01T00:00:00Z",
                                             "city": "Bree", "name": "x"} for i in range(50 if page <= 20 else 0)]}
    return answer


def types(project, feed, first, later, rule):
    server = feed(answer=typed(first, later))
    files = {**SHOP, "sources/api.yml": PLAIN_API.replace("types: freeze", f"types: {rule}")}
    return project(files, API_URL=server.url), server


def test_a_frozen_type_that_changed_since_the_last_run_names_the_column(project, feed):
    leat, server = types(project, feed, 1, 1, "freeze")
    leat("extract")
    before = landed(leat)
    server.answer = typed(1, "many")
    result = leat("extract", code=1)
    leat.edge(result, "amount", "freeze", "page 8")
    assert landed(leat) == before


def test_a_first_read_learns_its_types_from_all_pages(project, feed):
    leat, _ = types(project, feed, 1, 2.5, "freeze")
    leat("run", "source:api")
    assert leat.rows("select data_type as t from information_schema.columns where table_name = 'items' and column_name = 'amount'"
                     ) == [["DOUBLE"]]


def test_a_first_read_that_mixes_numbers_and_texts_is_refused_where_types_are_frozen(project, feed):
    leat, _ = types(project, feed, 1, "many", "freeze")
    leat.edge(leat("run", "source:api", code=1), "page", "record", "the column 'amount' holds", "VARCHAR", "BIGINT", "freezes types")
    leat.edge(leat("store", "ls", "raw/", code=2), "no bucket")


@pytest.mark.parametrize("first,later,wanted", [(1, 2.5, "DOUBLE"), (1, "many", "VARCHAR"), ("x", 3, "VARCHAR")])
def test_an_evolving_type_is_widened(project, feed, first, later, wanted):
    leat, _ = types(project, feed, first, later, "evolve")
    leat("run", "source:api")
    assert leat.rows("select count(*) as n, count(distinct id) as d, count(amount) as a from raw.items") == [[1000] * 3]
    kinds = leat.rows("select data_type as t from information_schema.columns where table_name = 'items' and "
                      "column_name = 'amount'")
    assert kinds == [[wanted]]


def test_a_new_column_is_added_or_refused_as_the_contract_says(project, feed):
    def records(extra):
        return [{"id": n, "city": "Bree", "name": "x", "amount": 1, "updated_at": f"2026-01-0{1 + len(extra)}T00:00:00Z", **extra}
                for n in range(100)]

    server = feed(records({}))
    leat = project({**SHOP, "sources/api.yml": PLAIN_API}, API_URL=server.url)
    leat("run")
    server.records = records({"colour": "red"})
    leat("run")
    assert leat.rows("select count(colour) as n, count(*) as a from raw.items") == [[100, 100]]
    leat.edit("sources/api.yml", "columns: evolve", "columns: freeze")
    server.records = [{**r, "updated_at": "2026-02-01T00:00:00Z", "weight": 3} for r in records({"colour": "blue"})]
    result = leat("run", code=1)
    leat.edge(result, "weight", "columns")
    assert leat.rows("select distinct colour as c from raw.items") == [["red"]]
    leat.edit("sources/api.yml", "columns: freeze", "columns: discard")
    leat("run")
    assert leat.rows("select distinct colour as c from raw.items") == [["blue"]]
    assert leat.rows("select count(*) as n from information_schema.columns where column_name = 'weight'") == [[0]]


def test_a_server_that_gives_its_last_page_for_every_later_one_is_read_to_its_end(project, feed):
    def answer(query):
        page = min(int(query.get("page", 1)), 4)
        return {"totalPages": 4, "items": [{"id": (page - 1) * 50 + i, "city": "Bree", "name": "x", "amount": 1,
                                            "updated_at": "2026-01-01T00:00:00Z"} for i in range(50)]}

    server = feed(answer=answer)
    leat = project({**SHOP, "sources/api.yml": PLAIN_API}, API_URL=server.url)
    leat("run")
    assert len(server.seen) <= 8, "it stops soon behind the last page"
    assert leat.rows("select count(*) as n, count(distinct id) as d from raw.items") == [[200, 200]]


def test_an_empty_answer_is_no_failure(project, feed):
    server = feed([])
    leat = project({**SHOP, "sources/api.yml": PLAIN_API}, API_URL=server.url)
    leat("extract")
    assert leat.runs()[0]["status"] == "succeeded"
