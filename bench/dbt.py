"""What bench/run measures of `leat dbt`: parse, compile, plan and watch of generated projects, a build of a small shop on DuckDB, and ten
thousand views on PostgreSQL, whose limits are sessions of psql that send the views alone, and that send what dbt would.

DBT_BIN names dbt 1 (dbt-core with dbt-duckdb), DBT2_BIN dbt 2: both do the same beside, each in a row of its own. DBT_MOST (1000) is the
largest project that dbt 1 is given: it takes minutes for more. JAFFLE_SHOP names a checkout of jaffle-shop to be built in place of the shop."""

import os
import pathlib
import re
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from harness import LEAT, Postgres, clean_env, write_files  # noqa: E402

MIB = 1 << 20
GENERATOR = pathlib.Path(__file__).resolve().parent / "dbt-project"
COUNTS = (100, 1000, 10000)

# What each peer is called, how many times faster than it a parse has to be, and the largest project it is given.
PEERS = (("dbt 1", "DBT_BIN", 100, int(os.environ.get("DBT_MOST", "1000"))), ("dbt 2", "DBT2_BIN", 5, 10**9))
PROFILE = "{name}:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: {name}.duckdb, threads: 2}}\n"


class Meter:
    """Runs programs in one environment; `timed` is that of bench/run."""

    def __init__(self, scratch, timed, runs, say):
        self.env = {**clean_env(scratch), "DBT_SEND_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1"}
        self.timed, self.runs, self.say = timed, runs, say

    def once(self, folder, *argv):
        seconds, peak, _ = self.timed(argv, folder, self.env)
        return seconds, peak / MIB

    def median(self, folder, *argv, before=lambda: None):
        """Seconds and MiB: the median of each."""
        values = []
        for _ in range(self.runs):
            before()
            values.append(self.once(folder, *argv))
        return [statistics.median(column) for column in zip(*values)]

    def peer(self, name, folder, *argv):
        """Seconds and MiB of another program, which starts without what it left before; None twice when it is not there or fails."""
        shutil.rmtree(folder / "target", ignore_errors=True)
        if not argv[0]:
            return None, None
        try:
            return self.once(folder, *argv)
        except (RuntimeError, OSError) as error:
            self.say(f"{name}: {str(error).splitlines()[0]}")
            return None, None


# ---- parse ----


def edit(folder, number=7):
    model = folder / "models" / "part_0" / f"m_{number}.sql"
    model.write_text(model.read_text() + f"-- {time.time_ns()}\n", encoding="utf-8")


def edit_entries(folder):
    """A .yml file of 100 models."""
    entries = folder / "models" / "part_0" / "models.yml"
    entries.write_text(entries.read_text() + f"# {time.time_ns()}\n", encoding="utf-8")


def cold(meter, figure, folder, count):
    seconds, peak = meter.median(folder, LEAT, "dbt", "parse", "--quiet", "--no-partial-parse")
    yield figure(f"dbt: parse {count:,} models with tests", "s", seconds, bar=count / 10000 if count >= 1000 else None)
    yield figure(f"dbt: parse {count:,} models, peak memory", "MiB", peak, bar=150 if count == 10000 else None)
    for name, variable, times, most in PEERS:
        if count > most:
            continue
        theirs, memory = meter.peer(name, folder, os.environ.get(variable), "parse", "--no-partial-parse", "--quiet")
        yield figure(f"dbt: parse {count:,} models beside {name}", "s", seconds, peer=name, theirs=theirs, at_least=times)
        yield figure(f"dbt: parse {count:,} models beside {name}, memory", "MiB", peak, peer=name, theirs=memory)


def warm(meter, figure, folder, count):
    parse = (LEAT, "dbt", "parse", "--quiet")
    meter.once(folder, *parse)
    seconds, peak = meter.median(folder, *parse, before=lambda: edit(folder))
    yield figure(f"dbt: parse {count:,} models, one changed", "s", seconds, bar=0.05)
    yield figure(f"dbt: parse {count:,} models, one changed, peak memory", "MiB", peak)
    seconds, _ = meter.median(folder, *parse, "--no-write-json", before=lambda: edit(folder))
    yield figure("dbt: the same without writing manifest.json", "s", seconds, bar=0.05)
    seconds, _ = meter.median(folder, *parse, before=lambda: edit_entries(folder))
    yield figure(f"dbt: parse {count:,} models, a .yml file of 100 changed", "s", seconds)


# ---- compile, plan, watch ----


def first_result(process, name, seconds):
    """Reads what `leat dbt watch` says until a line names the node."""
    seen, until = "", time.monotonic() + seconds
    while not re.search(rf"^  \S+ +{name}\b.*$", seen, re.M):
        left = until - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise RuntimeError(f"watch did not build {name} within {seconds} s: {seen}")
        piece = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
        if not piece:
            raise RuntimeError(f"watch ended: {seen}")
        seen += piece


def watch(meter, figure, folder, count):
    """From a save to the line about the node's result: its table is missing, so the build itself is nothing."""
    process = subprocess.Popen([LEAT, "dbt", "watch"], cwd=folder, env=meter.env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        seen = b""
        while b"watching" not in seen:
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                raise RuntimeError(f"watch ended: {seen.decode(errors='replace')}")
            seen += piece
        took = []
        for number in range(1, 2 * meter.runs + 1, 2):
            edit(folder, number)
            began = time.perf_counter()
            first_result(process, f"m_{number}", 60)
            took.append(time.perf_counter() - began)
        yield figure(f"dbt: watch {count:,} models, from a save to its result", "s", statistics.median(took))
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        yield figure(f"dbt: watch {count:,} models, memory", "MiB", int(re.search(r"^VmHWM:\s+(\d+)", status, re.M)[1]) / 1024)
    finally:
        process.terminate()
        process.communicate()


def work(meter, figure, folder, count):
    seconds, peak = meter.median(folder, LEAT, "dbt", "compile", "--quiet")
    yield figure(f"dbt: compile {count:,} models and their tests", "s", seconds, bar=2 if count == 10000 else None)
    yield figure(f"dbt: compile {count:,} models, peak memory", "MiB", peak)
    seconds, peak = meter.median(folder, LEAT, "dbt", "plan", "--quiet")
    yield figure(f"dbt: plan {count:,} models and their tests", "s", seconds)
    yield figure(f"dbt: plan {count:,} models, peak memory", "MiB", peak)
    yield from watch(meter, figure, folder, count)


# ---- a small project, as a whole process ----

SHOP_TESTS = "".join(f"  - name: {model}\n    columns:\n" + "".join(f"      - {{name: {column}, data_tests: [unique, not_null]}}\n" for column in columns)
                     for model, columns in (("stg_customers", ["customer_id"]), ("stg_orders", ["order_id"]), ("stg_payments", ["payment_id"]),
                                            ("customers", ["customer_id"]), ("orders", ["order_id"])))
SHOP = {
    "dbt_project.yml": "name: shop\nprofile: shop\nversion: '1.0'\nmodels:\n  shop:\n    +materialized: table\n    staging: {+materialized: view}\n",
    "profiles.yml": PROFILE.format(name="shop"),
    "models/schema.yml": "version: 2\nmodels:\n" + SHOP_TESTS,
    "models/staging/stg_customers.sql": "select id as customer_id, first_name, last_name from {{ ref('raw_customers') }}\n",
    "models/staging/stg_orders.sql": "select id as order_id, user_id as customer_id, order_date, status from {{ ref('raw_orders') }}\n",
    "models/staging/stg_payments.sql": "select id as payment_id, order_id, method, amount / 100 as amount from {{ ref('raw_payments') }}\n",
    "models/orders.sql": """{% set methods = ['card', 'coupon', 'transfer', 'voucher'] %}
with paid as (
    select order_id, sum(amount) as amount
    {%- for method in methods %}, sum(case when method = '{{ method }}' then amount else 0 end) as {{ method }}_amount{% endfor %}
    from {{ ref('stg_payments') }} group by order_id)
select o.order_id, o.customer_id, o.order_date, o.status, p.amount
{%- for method in methods %}, p.{{ method }}_amount{% endfor %}
from {{ ref('stg_orders') }} o left join paid p on p.order_id = o.order_id
""",
    "models/customers.sql": """with theirs as (
    select customer_id, min(order_date) as first_order, max(order_date) as last_order, count(*) as orders, sum(amount) as spent
    from {{ ref('orders') }} group by customer_id)
select c.*, t.first_order, t.last_order, t.orders, t.spent
from {{ ref('stg_customers') }} c left join theirs t on t.customer_id = c.customer_id
""",
    "seeds/raw_customers.csv": "id,first_name,last_name\n" + "".join(f"{i},First{i},L\n" for i in range(1, 101)),
    "seeds/raw_orders.csv": "id,user_id,order_date,status\n" + "".join(f"{i},{i % 100 + 1},2026-01-{i % 28 + 1:02},placed\n" for i in range(1, 101)),
    "seeds/raw_payments.csv": "id,order_id,method,amount\n" + "".join(
        f"{i},{i % 100 + 1},{('card', 'coupon', 'transfer', 'voucher')[i % 4]},{100 * i}\n" for i in range(1, 121)),
}


def shop(meter, figure, scratch):
    folder, name = scratch / "shop", "a shop of 18 nodes"
    if os.environ.get("JAFFLE_SHOP"):
        shutil.copytree(os.environ["JAFFLE_SHOP"], folder)
        project = re.search(r"^profile: *['\"]?(\w+)", (folder / "dbt_project.yml").read_text(), re.M)[1]
        write_files(folder, {"profiles.yml": PROFILE.format(name=project)})
        name = "jaffle-shop"
    else:
        write_files(folder, SHOP)

    def fresh():
        for file in folder.glob("*.duckdb*"):
            file.unlink()

    fresh()
    meter.once(folder, LEAT, "dbt", "build", "--quiet")
    seconds, peak = meter.median(folder, LEAT, "dbt", "build", "--quiet", before=fresh)
    yield figure(f"dbt: build {name} on DuckDB", "s", seconds, bar=0.5)
    yield figure(f"dbt: build {name} on DuckDB, peak memory", "MiB", peak)
    for peer, variable, _, _ in PEERS:
        fresh()
        theirs, _ = meter.peer(peer, folder, os.environ.get(variable), "build", "--quiet")
        yield figure(f"dbt: build {name} beside {peer}", "s", seconds, peer=peer, theirs=theirs)
    meter.once(folder, LEAT, "dbt", "ls", "--quiet")
    took = statistics.median(meter.once(folder, LEAT, "dbt", "ls", "--quiet")[0] for _ in range(20))
    yield figure(f"dbt: ls of {name}, whole process", "ms", took * 1000, bar=15)


# ---- views on PostgreSQL ----

THREADS = 4
VIEW = "select id, amount * {number} as amount, origin from {source} where id > {number}"


def views_project(folder, count):
    files = {f"models/part_{number // 100}/v_{number}.sql": VIEW.format(number=number, source="{{ source('raw', 'orders') }}") for number in range(count)}
    write_files(folder, {
        "dbt_project.yml": "name: views\nprofile: views\nversion: '1.0'\nmodels: {views: {+materialized: view}}\n",
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: orders}]}]\n", **files})


def aim(folder, server):
    """At an empty database with the source in it; its URL. It has the same name each time, so that what is compiled stays the same."""
    name = "views"
    server.psql(f"drop database if exists {name} with (force)")
    server.psql(f"create database {name}")
    url = server.url(name)
    server.psql("create schema raw; create table raw.orders (id int, amount int, origin text)", url)
    write_files(folder, {"profiles.yml": f"views: {{target: dev, outputs: {{dev: {{type: postgres, host: {server.folder}, port: 5432, "
                                         f"user: postgres, password: none, dbname: {name}, schema: built, threads: {THREADS}}}}}}}\n"})
    return url


# What a session says for each view: nothing but the view; and what dbt says for a view that is not there yet, statement by statement.
BARE = "begin; create view built.v_{number} as {view}; commit;\n"
AS_DBT = """begin;
create view "built"."v_{number}__dbt_tmp" as ({view});
alter table "built"."v_{number}__dbt_tmp" rename to "v_{number}";
commit;
drop view if exists "built"."v_{number}__dbt_backup" cascade;
"""


def ticks_of(stat):
    """Processor time of a process from its /proc file, in ticks: its own, and that of its children that have ended; and its parent."""
    fields = stat.rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]), int(fields[1])


def server_seconds(server):
    """Processor time of a PostgreSQL so far: the postmaster's, of the backends that have ended, and of those that live."""
    postmaster = int((pathlib.Path(server.folder) / "data" / "postmaster.pid").read_text().split()[0])
    own, ended, _ = ticks_of(pathlib.Path(f"/proc/{postmaster}/stat").read_text())
    total = own + ended
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            own, _, parent = ticks_of(stat.read_text())
        except OSError:
            continue  # it has just ended
        total += own if parent == postmaster else 0
    return total / os.sysconf("SC_CLK_TCK")


def costs(server, work):
    """What work() takes: seconds by the clock, processor seconds of its processes, processor seconds of the server."""
    server_before, before, began = server_seconds(server), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, own, server_seconds(server) - server_before


def by_psql(folder, server, count, script):
    """The same views by as many sessions of psql as there are threads: costs."""
    url = aim(folder, server)
    server.psql("create schema built", url)
    for thread in range(THREADS):
        lines = (script.format(number=number, view=VIEW.format(number=number, source="raw.orders")) for number in range(thread, count, THREADS))
        (folder / f"views_{thread}.sql").write_text("set client_min_messages = error;\n" + "".join(lines), encoding="utf-8")

    def work():
        sessions = [subprocess.Popen(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", folder / f"views_{thread}.sql"]) for thread in range(THREADS)]
        if any([session.wait() for session in sessions]):
            raise RuntimeError("psql could not create the views")

    return costs(server, work)


def by_leat(meter, folder, server):
    aim(folder, server)
    peak = 0

    def work():
        nonlocal peak
        _, peak = meter.once(folder, LEAT, "dbt", "run", "--quiet")

    return (*costs(server, work), peak)


def views(meter, figure, scratch, count=10000):
    folder = scratch / "views"
    server = Postgres(tempfile.mkdtemp(prefix="leat-pg-"))
    try:
        views_project(folder, count)
        aim(folder, server)
        meter.once(folder, LEAT, "dbt", "parse", "--quiet")
        turns = [(by_leat(meter, folder, server), by_psql(folder, server, count, BARE), by_psql(folder, server, count, AS_DBT)) for _ in range(meter.runs)]
        (seconds, own, servers, peak), bare, as_dbt = ([statistics.median(column) for column in zip(*(turn[i] for turn in turns))] for i in range(3))
        run = f"dbt: run {count:,} views on PostgreSQL"
        yield figure(f"{run}, {THREADS} threads", "s", seconds, limit=bare[0])
        yield figure(f"{run}, beside dbt's statements by psql", "s", seconds, limit=as_dbt[0], bar=1.3 * as_dbt[0])
        yield figure(f"{run}, our processor time a node", "ms", own / count * 1000, limit=as_dbt[1] / count * 1000, bar=0.2)
        yield figure(f"{run}, the server's processor time a node", "ms", servers / count * 1000, limit=as_dbt[2] / count * 1000)
        yield figure(f"{run}, our share of all processor time", "%", 100 * own / (own + servers), limit=100 * as_dbt[1] / (as_dbt[1] + as_dbt[2]))
        yield figure(f"{run}, peak memory", "MiB", peak)
        for name, variable, _, most in PEERS:
            fewer = min(count, most)
            shutil.rmtree(folder)
            views_project(folder, fewer)
            aim(folder, server)
            ours, _ = meter.once(folder, LEAT, "dbt", "run", "--quiet")
            aim(folder, server)
            theirs, _ = meter.peer(name, folder, os.environ.get(variable), "run", "--quiet")
            yield figure(f"dbt: run {fewer:,} views on PostgreSQL beside {name}", "s", ours, peer=name, theirs=theirs)
    finally:
        server.stop()


def measure(scratch, figure, timed, runs, say):
    scratch = pathlib.Path(scratch)
    meter = Meter(scratch, timed, runs, say)
    yield from shop(meter, figure, scratch)
    yield from views(meter, figure, scratch)
    for count in COUNTS:
        folder = scratch / f"dbt-{count}"
        meter.once(scratch, GENERATOR, count, folder)
        yield from cold(meter, figure, folder, count)
        yield from warm(meter, figure, folder, count)
        yield from work(meter, figure, folder, count)
        shutil.rmtree(folder)
