"""Microbatch models: one span of time after the other, each replaced whole; what failed is built again, what is missing is filled."""

import datetime
import json

import pytest

from harness import write_files
from test_dbt_details import dbt, project as dbt_project, rows

DAY = datetime.timedelta(days=1)
TODAY = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)


def day(back):
    return (TODAY - back * DAY).strftime("%Y-%m-%d")


MODEL = """{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='ts', begin='%s', batch_size='%s',
          lookback=1, unique_key=('id' if target.type == 'postgres' else none)) }}
select id, ts, cast(case when id = {{ var('bad', -1) }} then 'x' else cast(v as varchar) end as int) as v,
       '{{ model.batch.id if model.batch }}' as batch, {{ is_incremental() }} as adds
from {{ ref('events') }}
"""

PROJECT = {
    "leat.yml": "name: shop\ntargets:\n  dev: {engine: duckdb, path: shop.duckdb, threads: 2}\n"
                "  pg: {engine: postgres, url: \"{{ env_var('PG_URL', '') }}\", schema: analytics}\n",
    "dbt_project.yml": "name: shop\nprofile: shop\nseeds: {shop: {+event_time: ts, +column_types: {ts: timestamp}}}\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
                    "    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n"
                    "    pg: {type: postgres, host: \"{{ env_var('PG_HOST', '') }}\", user: postgres, pass: x, port: 5432,\n"
                    "         dbname: \"{{ env_var('PG_DB', '') }}\", schema: analytics, threads: 2}\n",
    "models/m.sql": MODEL % (day(4), "day"),
    "models/below.sql": "{{ config(materialized='table') }}\nselect count(*) as n from {{ ref('m') }}\n",
}


class Batches:
    def __init__(self, leat, target, rows):
        self.leat, self.target, self.rows = leat, target, rows

    def seed(self, *events):
        self.leat.write("seeds/events.csv", "\n".join(["id,ts,v", *(f"{i},{at} 05:00:00,{v}" for i, at, v in events)]) + "\n")

    def dbt(self, *words, code=0):
        return self.leat("dbt", *words, "--profiles-dir", ".", "--target", self.target, code=code).text

    def run(self, *words, code=0):
        return self.leat("run", "--target", self.target, *words, code=code)

    def result(self, name):
        found = json.loads((self.leat.project / "target" / "run_results.json").read_text())["results"]
        return next(r for r in found if r["unique_id"].endswith("." + name))

    def values(self):
        return [tuple(str(v) for v in row) for row in self.rows("select id, v from m order by id, v")]


@pytest.fixture(params=["dev", "pg"])
def batches(request, project, postgres):
    if request.param == "dev":
        leat = project(PROJECT)
        return Batches(leat, "dev", leat.rows)
    url = postgres.database()
    leat = project(PROJECT, PG_URL=url, PG_HOST=url.split("host=")[1], PG_DB=url.split("@/")[1].split("?")[0])
    return Batches(leat, "pg", lambda sql: postgres.psql("set search_path = analytics; " + sql, url))


def test_each_batch_sees_and_replaces_its_own_span(batches):
    batches.seed((1, day(4), 1), (2, day(3), 2), (3, day(1), 3), (9, day(9), 9))
    batches.dbt("build")
    assert batches.values() == [("1", "1"), ("2", "2"), ("3", "3")]  # what is before `begin` is left out
    first = [tuple(map(str, row)) for row in batches.rows("select batch, adds from m order by id")]
    assert [b for b, _ in first] == [day(n).replace("-", "") for n in (4, 3, 1)]
    assert first[0][1].lower()[0] == "f" and first[1][1].lower()[0] == "t"
    batches.seed((1, day(4), 10), (2, day(3), 20), (3, day(1), 30), (4, day(0), 4))
    batches.dbt("build")  # only `lookback` batches back
    assert batches.values() == [("1", "1"), ("2", "2"), ("3", "30"), ("4", "4")]
    batches.dbt("run", "--event-time-start", day(4), "--event-time-end", day(3))
    assert batches.values() == [("1", "10"), ("2", "2"), ("3", "30"), ("4", "4")]
    batches.dbt("build", "--full-refresh")
    assert batches.values() == [("1", "10"), ("2", "20"), ("3", "30"), ("4", "4")]


def test_a_batch_that_failed_is_built_by_retry_alone(batches):
    batches.seed((1, day(4), 1), (2, day(3), 2), (3, day(2), 3), (4, day(0), 4))
    out = batches.dbt("build", "--vars", "{bad: 2}", code=1)
    assert "PARTIAL SUCCESS (4/5)" in out and "Completed with 1 partial success and 0 warnings" in out
    assert batches.result("m")["status"] == "partial success" and batches.result("below")["status"] == "skipped"
    assert batches.values() == [("1", "1"), ("3", "3"), ("4", "4")]
    out = batches.dbt("retry", "--vars", "{bad: 0}")  # else the variables of the run before
    assert out.count("START batch") == 1 and f"batch {day(3)} " in out
    assert batches.values() == [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]
    assert [tuple(map(str, row)) for row in batches.rows("select n from below")] == [("4",)]


def test_nothing_is_built_when_the_first_batch_fails(batches):
    batches.seed((1, day(4), 1), (2, day(3), 2))
    batches.dbt("build", "--vars", "{bad: 1}", code=1)
    assert batches.result("m")["status"] == "error" and len(batches.result("m")["batch_results"]["failed"]) == 5


def test_leat_run_goes_back_to_what_is_missing(batches):
    batches.seed((1, day(4), 1), (2, day(3), 2), (3, day(2), 3), (4, day(0), 4))
    assert batches.run("--vars", "{bad: 3}", code=1)
    assert batches.values() == [("1", "1"), ("2", "2")]  # not a batch behind the one that failed
    batches.run()
    assert batches.values() == [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]


def started(out):
    return sorted(word.split()[0] for word in out.split("START batch ")[1:])  # some run side by side


def test_gaps_are_filled_when_asked_for(batches):
    batches.leat.write("models/m.sql", MODEL % (day(6), "day"))
    batches.seed(*[(n, day(n), n) for n in (6, 5, 4, 3, 2, 1, 0)])
    batches.dbt("seed")
    batches.dbt("run", "-s", "m", "--event-time-start", day(6), "--event-time-end", day(5))
    batches.dbt("run", "-s", "m", "--event-time-start", day(3), "--event-time-end", day(2))
    assert started(batches.dbt("run", "-s", "m")) == [day(1), day(0)]  # as dbt: `lookback`
    out = batches.dbt("run", "-s", "m", "--fill-gaps", "--vars", "{bad: 4}", code=1)
    assert started(out) == [day(5), day(4), day(2), day(1), day(0)]
    assert ("4", "4") not in batches.values() and len(batches.values()) == 6
    out = batches.dbt("run", "-s", "m", "--fill-gaps", "--event-time-start", day(6), "--event-time-end", day(1))
    assert started(out) == [day(4)]
    assert [int(n) for n, _ in batches.values()] == [0, 1, 2, 3, 4, 5, 6]
    assert started(batches.dbt("run", "-s", "m", "--fill-gaps")) == [day(1), day(0)]


def test_batches_that_somebody_else_has_built_are_no_gaps(batches):
    batches.leat.write("models/m.sql", MODEL % (day(6), "day"))
    batches.seed(*[(n, day(n), n) for n in (6, 5, 3, 2, 1, 0)])
    batches.dbt("build")
    (batches.leat.project / "target" / "leat_builds.json").unlink()
    out = batches.dbt("run", "-s", "m", "--fill-gaps")
    assert started(out) == [day(4), day(1), day(0)]  # the one without rows cannot be told from a gap
    assert started(batches.dbt("run", "-s", "m", "--fill-gaps")) == [day(1), day(0)]  # and is known from then on
    out = batches.dbt("run", "-s", "m", "--fill-gaps", "--event-time-start", day(6), "--event-time-end", day(2))
    assert started(out) == [] and batches.result("m")["status"] == "success"


def test_months_and_hours_are_batches_too(batches):
    batches.seed((1, "2024-01-20", 1), (2, "2024-02-29", 2), (3, "2024-03-09", 3), (4, "2024-03-10", 4))
    batches.leat.write("models/m.sql", MODEL % ("2020-01-01", "month"))
    batches.dbt("seed")
    out = batches.dbt("run", "-s", "m", "--event-time-start", "2024-01-15", "--event-time-end", "2024-03-10")
    assert started(out) == ["2024-01", "2024-02", "2024-03"]
    assert batches.values() == [("1", "1"), ("2", "2"), ("3", "3"), ("4", "4")]  # the last one is whole
    batches.leat.write("models/m.sql", MODEL % ("2020-01-01", "hour"))
    out = batches.dbt("run", "-s", "m", "--event-time-start", "2024-03-10T04:30:00", "--event-time-end", "2024-03-10T06:00:00")
    assert "batch 2024-03-10T04 " in out and "batch 2024-03-10T05 " in out and out.count("START batch") == 2
    assert ("4", "4") in batches.values()


def test_a_span_needs_both_its_ends(project):
    leat = project(PROJECT)
    write_files(leat.project, {"seeds/events.csv": "id,ts,v\n1,2024-01-01,1\n"})
    leat.edge(leat("dbt", "run", "--profiles-dir", ".", "--event-time-start", "2024-01-01", code=2), "`--event-time-end` must also be present")
    leat.edge(leat("dbt", "run", "--profiles-dir", ".", "--event-time-start", "x", "--event-time-end", "y", code=2), "no moment")


def side_by_side(batches, config=None, model=MODEL):
    """How many batches a second run had at work at once, and what was said."""
    batches.seed(*((i, day(i), i) for i in range(1, 9)))
    text = model % (day(8), "day")
    batches.leat.write("models/m.sql", text if config is None else text.replace("lookback=1,", f"lookback=1, concurrent_batches={config},"))
    batches.dbt("build", "--threads", "4")
    out = batches.dbt("run", "-s", "m", "--threads", "4", "--event-time-start", day(8), "--event-time-end", day(0))
    assert batches.values() == [(str(i), str(i)) for i in range(1, 9)]
    most = now = 0
    first = None
    for line in out.splitlines():
        if " START batch " in line:
            now += 1
            first = first or line
        elif "Batch " in line and " batch " in line:
            now -= 1
        most = max(most, now)
    assert "Batch 1 of 8 START" in first and now == 0
    return most


def test_batches_are_built_side_by_side_where_the_model_allows_it(project):
    leat = project(PROJECT)
    batches = Batches(leat, "dev", leat.rows)
    slow = MODEL.replace("select id,", "select id, (select count(*) from range(3000000) where hash(range) %% 7 = 1) as busy,")
    assert side_by_side(batches, model=slow) > 1
    assert batches.result("m")["status"] == "success" and len(batches.result("m")["batch_results"]["successful"]) == 8
    assert side_by_side(batches, "false", slow) == 1
    looks = slow.replace("from {{", "/* {{ this }} */ from {{")
    assert side_by_side(batches, model=looks) == 1  # it may read what another batch writes
    assert side_by_side(batches, "true", looks) > 1


def test_one_batch_that_fails_among_others_is_the_only_one_left_for_retry(project):
    leat = project(PROJECT)
    batches = Batches(leat, "dev", leat.rows)
    batches.seed(*((i, day(i), i) for i in range(1, 9)))
    batches.leat.write("models/m.sql", (MODEL % (day(8), "day")).replace("lookback=1,", "lookback=1, concurrent_batches=true,"))
    batches.dbt("build")
    span = ["--event-time-start", day(8), "--event-time-end", day(0)]
    out = batches.dbt("run", "-s", "m", "--threads", "4", *span, "--vars", "bad: 4", code=1)
    assert "PARTIAL SUCCESS (7/8)" in out
    assert [b[0][:10] for b in batches.result("m")["batch_results"]["failed"]] == [day(4)]


def test_hooks_run_once_around_all_batches_and_each_has_its_own_file(project):
    leat = project(PROJECT)
    batches = Batches(leat, "dev", leat.rows)
    batches.seed((1, day(2), 1), (2, day(1), 2))
    leat.write("models/m.sql", (MODEL % (day(4), "day")).replace(
        "lookback=1,", "lookback=1, pre_hook=\"create table if not exists hooks (said varchar); insert into hooks values ('before')\", "
                       "post_hook=\"insert into hooks values ('after')\","))
    batches.dbt("build")
    assert leat.rows("select said from hooks") == [["before"], ["after"]]
    for folder in ("compiled", "run"):
        files = sorted(f.name for f in (leat.project / "target" / folder / "shop/models/m").iterdir())
        assert files == [f"m_{day(n)}.sql" for n in (4, 3, 2, 1, 0)]


def test_postgres_builds_batches_one_after_the_other(postgres, project):
    url = postgres.database()
    leat = project(PROJECT, PG_URL=url, PG_HOST=url.split("host=")[1], PG_DB=url.split("@/")[1].split("?")[0])
    batches = Batches(leat, "pg", lambda sql: postgres.psql("set search_path = analytics; " + sql, url))
    assert side_by_side(batches, "true") == 1


GOOD = {"event_time": "'ts'", "begin": "'2024-01-01'", "batch_size": "'day'"}


@pytest.mark.parametrize("wrong, said", [({"event_time": None}, "an 'event_time' config of type string"), ({"event_time": "2"}, "but got: 2"),
                                         ({"begin": None}, "a 'begin' config of valid datetime"), ({"begin": "2"}, "a 'begin' config"),
                                         ({"begin": "'2024-01-01 11 PM'"}, "but got: '2024-01-01 11 PM'"), ({"batch_size": None}, "a 'batch_size' config"),
                                         ({"batch_size": "'week'"}, "but got: 'week'"), ({"lookback": "'2'"}, "'lookback' config as type int"),
                                         ({"concurrent_batches": "'yes'"}, "'concurrent_batches' config as type bool")])
def test_a_microbatch_model_that_does_not_say_its_batches_is_refused_when_it_is_read(tmp_path, wrong, said):
    config = ", ".join(f"{key}={value}" for key, value in {**GOOD, **wrong}.items() if value is not None)
    model = "{{ config(materialized='incremental', incremental_strategy='microbatch', " + config + ") }} select 1 as id\n"
    dbt_project(tmp_path, {"models/m.sql": model})
    out = dbt(tmp_path, "parse", code=2)
    assert "models/m.sql: Microbatch model 'm' must provide " in out and said in out
    (tmp_path / "macros").mkdir()  # with a strategy of its own under that name there are no batches
    (tmp_path / "macros/own.sql").write_text("{% macro get_incremental_microbatch_sql(arg_dict) %}select 1{% endmacro %}\n")
    dbt(tmp_path, "parse")


def test_a_sample_builds_the_batches_of_its_window_and_macros_find_the_span_in_the_configuration(tmp_path):
    begin = datetime.datetime(2024, 1, 1)
    dbt_project(tmp_path, {"seeds/events.csv": "id,ts\n" + "".join(f"{n},{begin + n * DAY}\n" for n in range(10)),
                           "dbt_project.yml": "name: shop\nprofile: shop\nseeds: {shop: {+event_time: ts, +column_types: {ts: timestamp}}}\n",
                           "models/m.sql": "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='ts', begin='2024-01-01',"
                           " batch_size='day') }}\nselect *, '{{ model.config.__dbt_internal_microbatch_event_time_start }}' as since from {{ ref('events') }}\n"})
    dbt(tmp_path, "seed")
    said = dbt(tmp_path, "run", "--sample", "{start: 2024-01-03 06:00, end: 2024-01-06}")
    assert "Batch 1 of 3 START batch 2024-01-03 " in said and "Batch 3 of 3 START batch 2024-01-05 " in said
    assert rows(tmp_path, "select id, since from {{ ref('m') }} order by id") == [(3, "2024-01-04 00:00:00+00:00"), (4, "2024-01-05 00:00:00+00:00")]
