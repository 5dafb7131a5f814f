"""The example project over real flight records: the same tables each time, on both engines, and again from a record."""

import json

from harness import AIRPORTS, FLIGHTS, same_rows, tree_digest

MARTS = {
    "daily_flights": "select strftime(cast(day as date), '%Y-%m-%d') as day, flights, mean_delay from {t} order by day",
    "busiest_routes": "select origin, destination, flights, mean_distance from {t} order by origin, destination",
    "delays_by_airport": "select iata, name, state, flights, mean_delay, share_late_15 from {t} order by iata",
}
MARTS_PG = {**MARTS, "daily_flights": "select to_char(day, 'YYYY-MM-DD') as day, flights, mean_delay from {t} order by day"}


def expected(leat, rows):
    """The marts by other SQL, over the file itself."""
    flights = f"(select * from read_parquet('{FLIGHTS}'){f' limit {rows}' if rows else ''})"
    airports = f"read_csv('{AIRPORTS}', nullstr='')"
    return {
        "daily_flights": leat.rows(f"select strftime(cast(date as date), '%Y-%m-%d') as day, count(*) as flights, "
                                   f"avg(delay) as mean_delay from {flights} group by 1 order by 1"),
        "busiest_routes": leat.rows(f"select origin, destination, count(*) as flights, avg(distance) as mean_distance "
                                    f"from {flights} group by 1, 2 order by 1, 2"),
        "delays_by_airport": leat.rows(
            f"select a.iata, a.name, case when a.state = 'NA' then null else a.state end as state, count(*) as flights, "
            f"avg(f.delay) as mean_delay, avg(case when f.delay >= 15 then 1.0 else 0.0 end) as share_late_15 "
            f"from {flights} f join {airports} a on a.iata = f.origin group by 1, 2, 3 order by 1"),
    }


def marts(leat):
    return {name: leat.rows(sql.format(t=name)) for name, sql in MARTS.items()}


def marts_pg(leat):
    return {name: leat.rows(sql.format(t=f"analytics.{name}"), target="pg") for name, sql in MARTS_PG.items()}


def check_marts(got, wanted):
    for name in MARTS:
        assert same_rows(got[name], wanted[name]) is None, f"{name}: {same_rows(got[name], wanted[name])}"


def test_two_runs_give_the_same_tables_and_no_duplicates(flights):
    leat, _ = flights(20000)
    leat("run")
    first, wanted = marts(leat), expected(leat, 20000)
    check_marts(first, wanted)
    leat("run")
    assert marts(leat) == first
    assert leat.rows("select count(*) as n, count(distinct id) as d from raw.flights") == [[20000, 20000]]
    assert leat.rows("select count(*) as n, count(distinct iata) as d from raw.airports")[0][0] > 3000


def test_three_million_flights_give_the_marts_of_the_file_on_duckdb_and_on_postgresql(flights, postgres):
    leat, _ = flights(0)
    leat.env["FLIGHTS_PG_URL"] = postgres.database()
    leat("run")
    wanted = expected(leat, 0)
    assert sum(row[1] for row in wanted["daily_flights"]) == 3000000
    check_marts(marts(leat), wanted)
    same = leat("reproduce", "last")
    assert "identical" in same.text, same
    leat("run", "--target", "pg")
    check_marts(marts_pg(leat), wanted)


def test_postgresql_gets_the_same_marts_each_time(flights, postgres):
    leat, _ = flights(10000)
    leat.env["FLIGHTS_PG_URL"] = postgres.database()
    leat("run", "--target", "pg")
    wanted = expected(leat, 10000)
    check_marts(marts_pg(leat), wanted)
    leat("run", "--target", "pg")
    check_marts(marts_pg(leat), wanted)
    counts = postgres.psql("select count(*), count(distinct id) from raw.flights", leat.env["FLIGHTS_PG_URL"])
    assert counts == [["10000", "10000"]]
    same = leat("reproduce", "last", "--target", "pg")
    assert "different" not in same.text.replace("0 different", ""), same


def test_a_run_is_reproduced_though_its_inputs_have_moved_on(flights):
    leat, server = flights(20000)
    server.visible("flights", 15000)
    leat("run")
    first = marts(leat)
    server.visible("flights", 20000)
    leat("run")
    assert marts(leat) != first
    tables = marts(leat)
    report = json.loads(leat("reproduce", "1", "--json").out)
    assert {row["verdict"] for row in report} == {"identical"}, report
    assert marts(leat) == tables, "a reproduction writes only into scratch schemas"
    schemas = leat.rows("select distinct table_schema as s from information_schema.tables order by 1")
    assert not [s for s in schemas if "reproduce" in s[0] or "scratch" in s[0]], schemas


def test_the_last_run_is_never_a_reproduction(flights):
    leat, server = flights(4000)
    leat("run", "daily_flights", "+int_route_days")
    leat("reproduce", "last")
    leat.edge(leat("reproduce", "last"), "run 1: identical")
    before = server.requests()
    leat.edge(leat("retry", "last", code=2), "run 1 has nothing left to do")
    leat.edge(leat("retry", "2", code=2), "run 2 is a reproduction")
    leat.edge(leat("reproduce", "2", code=2), "run 2 is itself a reproduction")
    assert server.requests() == before


def test_a_changed_table_is_told_by_reproduce(flights):
    leat, _ = flights(5000)
    leat("run")
    # what the run recorded no longer comes from what the warehouse was told to build: the model reads a file beside the project
    leat.write("models/marts/odd.sql", "{{ config(materialized='table') }}\nselect random() as r\n")
    leat("run", "odd")
    result = leat("reproduce", "last", code=1)
    leat.edge(result, "odd", "different")


def test_retry_does_only_what_is_left(flights):
    leat, server = flights(5000)
    good = (leat.project / "models/marts/late_states.sql").read_text()
    leat.write("models/marts/late_states.sql", good.replace("sum(flights)", "sum(flihgts)"))
    broken = leat("run", code=1)
    leat.edge(broken, "models/marts/late_states.sql:", "flihgts")
    before = server.requests()
    leat.write("models/marts/late_states.sql", good)
    report = leat("retry", "last", "--json").json()
    status = {task["name"]: task["status"] for task in report["tasks"]}
    assert status["late_states"] == "succeeded"
    redone = [name for name, state in status.items() if state == "succeeded" and "late_states" not in name]
    assert not redone, f"done again though it had succeeded: {redone}"
    assert server.requests() == before, "what was extracted is not extracted again"
    assert leat.rows("select count(*) as n from late_states")[0][0] > 10


def test_retry_of_a_run_that_succeeded_does_nothing(flights):
    leat, server = flights(4000)
    leat("run")
    before = server.requests()
    leat("retry", "last", code=(0, 2))
    assert server.requests() == before


def test_runs_and_logs_tell_what_was_done(flights):
    leat, _ = flights(4000)
    leat("run", "+daily_flights")
    runs = leat.runs()
    assert [(run["run"], run["command"], run["status"]) for run in runs] == [(1, "run", "succeeded")]
    tasks = {task["task"]: task for task in leat("runs", "last", "--json").json()}
    loads = [task for name, task in tasks.items() if name.startswith("load.")]
    assert [int(task["rows_out"]) for task in loads] == [4000], loads
    assert not [name for name in tasks if "busiest_routes" in name], "only the selection runs"
    log = leat("logs", "last", "daily_flights")
    assert log.out.strip(), "a task that ran has a log"
    leat.edge(leat("logs", "last"), "daily_flights")
    leat.edge(leat("logs", "last", "daily_flihgts", code=2), "daily_flihgts")
    leat.edge(leat("runs", "77", code=2), "77")


def test_dry_run_lists_the_order_and_does_nothing(flights):
    leat, server = flights(4000)
    leat("runs")
    before = tree_digest(leat.home / "logs") if (leat.home / "logs").exists() else None
    steps = leat("run", "--dry-run", "--json").json()
    names = [step["name"] for step in steps]
    position = {name: i for i, name in enumerate(names)}
    assert position["stg_flights"] < position["int_flights"] < position["int_route_days"] < position["daily_flights"]
    assert server.requests() == 0
    assert leat.runs() == []
    assert (tree_digest(leat.home / "logs") if (leat.home / "logs").exists() else None) == before
    assert not (leat.home / "warehouse.duckdb").exists()


def test_selection_and_variables_reach_the_models(flights):
    leat, _ = flights(4000)
    leat("run", "--exclude", "late_states")
    assert leat.rows("select count(*) as n from information_schema.tables where table_name = 'late_states'") == [[0]]
    share = leat.rows("select sum(late_flights) as n from int_route_days")[0][0]
    leat("run", "int_flights", "int_route_days", "--vars", "{late_minutes: 60}")
    assert leat.rows("select sum(late_flights) as n from int_route_days")[0][0] < share
    leat.edge(leat("run", "daily_flihgts", code=2), "daily_flihgts", "daily_flights")
    leat.edge(leat("run", "--target", "dve", code=2), "dve", "dev")
