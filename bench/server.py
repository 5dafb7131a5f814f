"""What bench/run measures of `leat up`: how soon it is ready, what it holds, how late schedules are, how a long history is listed, and what
followers of a log cost a run. Beside Airflow's standalone (AIRFLOW_BIN names its program; sqlite, its own executor)."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from api_client import Client, Server, read_events  # noqa: E402
from harness import LEAT, Leat, clean_env, wait_until, write_files  # noqa: E402

MIB = 1 << 20
CHAIN = "name: chain\ntasks:\n" + "".join(f"  s{i}: {{shell: 'true'{f', after: s{i - 1}' if i else ''}}}\n" for i in range(40))


def project(scratch, name, files):
    folder = scratch / name
    write_files(folder, {"leat.yml": "name: bench\n", **files})
    return Leat(folder, folder / ".leat", clean_env(scratch))


@contextlib.contextmanager
def up(leat, *options):
    server = Server(leat, "--listen", "127.0.0.1:0", "--rate", "0", *options)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate()


def resident(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) / 1024


def asked(client, path):
    """Milliseconds of one GET on a connection that is there already, and its answer."""
    if not hasattr(client, "kept"):
        client.kept = client.connect()
    began = time.perf_counter()
    client.kept.request("GET", path, headers=client.headers("GET", None))
    answer = client.kept.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, (path, body)
    return took, body


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


# ---- the start, and memory ----


def first_answer(leat):
    """Seconds until a new process answers a request."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = leat.start("up", "--listen", f"127.0.0.1:{port}")
    try:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", "/health/live")
                connection.getresponse().read()
                return time.perf_counter() - began
            except ConnectionError:
                time.sleep(0.001)
            finally:
                connection.close()
    finally:
        process.terminate()
        process.communicate()


def starts(scratch, figure, runs):
    leat = project(scratch, "starts", {"pipelines/chain.yml": CHAIN})
    first_answer(leat)  # the first start makes the home, and hashes a password
    yield figure("server: ready", "ms", statistics.median(first_answer(leat) for _ in range(max(5, runs))) * 1000, bar=150,
                 peer="Airflow standalone", theirs=AIRFLOW.get("ready_ms"))
    with up(leat) as server:
        client = server.client("viewer")
        for path in ("/", "/api/v1/pipelines", "/api/v1/runs", "/metrics"):
            asked(client, path)
        time.sleep(2)
        yield figure("server: idle memory", "MiB", resident(server.process.pid), bar=40, peer="Airflow standalone", theirs=AIRFLOW.get("mib"))


def through(scratch, figure, count):
    """Real runs, one process each, go through the server: does it hold more afterwards?"""
    leat = project(scratch, "through", {"pipelines/tick.yml": "name: tick\nschedule: {every: 1m}\ntasks: {one: {shell: 'true'}}\n"})
    with up(leat, "--runs", "4") as server:
        client = server.client("editor")
        client.post("/api/v1/pipelines/tick/pause", {}, 200)

        def fill(day, ticks):
            began, start = time.perf_counter(), f"2026-01-{day:02}T00:00:00Z"
            end = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.mktime(time.strptime(start, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone + ticks * 60))
            client.post("/api/v1/pipelines/tick/backfill", {"from": start, "to": end, "parallel": 4}, 200)
            wait_until(lambda: not client.get("/api/v1/runs?status=open&limit=1")["runs"], 3600, 0.2, "the end of the runs")
            return time.perf_counter() - began

        fill(1, max(20, count // 10))
        before = resident(server.process.pid)
        seconds = fill(10, count)
        yield figure(f"server: memory that {count:,} runs leave", "MiB", max(0.01, resident(server.process.pid) - before), bar=8)
        yield figure("server: runs begun and ended", "runs/s", count / seconds)


# ---- schedules and files ----


def schedules(scratch, figure, count):
    """From the moment at which a tick is due to the durable row of its run: all at once, and spread over the minute. Nothing else runs."""
    for name, second in (("spread over a minute", lambda i: i % 60), ("all in one second", lambda i: 30)):
        files = {f"pipelines/p{i}.yml": f"name: p{i}\nschedule: {{cron: '{second(i)} * * * * *'}}\ntasks: {{one: {{shell: 'true'}}}}\n" for i in range(count)}
        leat = project(scratch, f"cron{second(0)}", files)
        with up(leat, "--runs", "1") as server:
            db = sqlite3.connect(leat.home / "state.db", timeout=60)
            wait_until(lambda: db.execute("select count(distinct pipeline) from runs").fetchone()[0] >= count * 0.98, 130, 0.5, "a minute of ticks")
            lags = [(at - due) / 1000 for at, due in db.execute("select asked_at_us, clock_us from runs where supervised = 1")]
            db.close()
            assert server.process.poll() is None
        yield figure(f"server: lag of {count:,} schedules {name}, p99", "ms", percentile(lags, 0.99), bar=50)


def changed_files(scratch, figure):
    leat = project(scratch, "files", {"pipelines/chain.yml": CHAIN})
    took = []
    with up(leat) as server:
        client = server.client("viewer")
        for i in range(9):
            leat.write(f"pipelines/new{i}.yml", f"name: new{i}\ntasks: {{one: {{shell: 'true'}}}}\n")
            began = time.perf_counter()
            while f'"new{i}"'.encode() not in asked(client, "/api/v1/pipelines")[1]:
                pass
            took.append((time.perf_counter() - began) * 1000)
    yield figure("server: a changed file is seen", "ms", statistics.median(took), bar=200)


# ---- a long history ----


def fill_history(home, count):
    """Ended runs of 200 pipelines over three years, as the program would have left them; the log of changes says nothing of them."""
    db = sqlite3.connect(home / "state.db")
    triggers = db.execute("select name, sql from sqlite_master where type = 'trigger' and tbl_name = 'runs'").fetchall()
    for name, _ in triggers:
        db.execute(f"drop trigger {name}")
    db.execute("""
        with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
        insert into runs (command, pipeline, selection, exclusion, target, vars_json, clock_us, threads, full_refresh, retry_of, git_commit,
                          git_branch, git_dirty, tree, engine, status, message, started_at_us, finished_at_us, pid, pid_started, run_key, asked_at_us)
        select 'run', 'p' || (i % 200), '', '', 'dev', '{}', at, 4, 0, 0, '0123456789abcdef', 'main', 0, '', 'duckdb 1.5.5',
               case when i % 100 = 0 then 'failed' when i % 1000 = 1 then 'cancelled' else 'succeeded' end, '', at, at + 5000000, 1, 1, 'k' || i, at
        from (select i, 1700000000000000 + i * 90000000 as at from n)""", (count,))
    for _, sql in triggers:
        db.execute(sql)
    db.execute("delete from run_counts")
    db.execute("insert into run_counts select pipeline, status, count(*) from runs group by pipeline, status")
    db.commit()
    db.close()


def history(scratch, figure, count):
    leat = project(scratch, "history", {f"pipelines/p{i}.yml": f"name: p{i}\ntasks: {{one: {{shell: 'true'}}}}\n" for i in range(200)})
    leat("runs")
    fill_history(leat.home, count)
    with up(leat) as server:
        client = server.client("viewer")
        paths = {"newest": "", "failed": "&status=failed", "cancelled": "&status=cancelled", "lost (none)": "&status=lost", "under way (none)": "&status=open",
                 "of a pipeline": "&pipeline=p7", "of a pipeline, failed": "&pipeline=p100&status=failed", "since a moment": "&since=2026-01-01T00:00:00Z",
                 "failed since a moment": "&status=failed&since=2026-01-01T00:00:00Z", "from the middle": f"&cursor={count // 2}",
                 "of a pipeline, none": "&pipeline=p7&status=failed&since=2026-01-01T00:00:00Z"}
        times = {}
        for name, query in paths.items():
            times[name] = percentile([asked(client, f"/api/v1/runs?limit=50{query}")[0] for _ in range(15)], 0.5)
        worst = max(times, key=times.get)
        yield figure(f"server: a page of {count:,} runs, the slowest way ({worst})", "ms", times[worst], bar=50)
        yield figure("server: 200 pipelines with their newest run", "ms", statistics.median(asked(client, "/api/v1/pipelines")[0] for _ in range(9)))
        yield figure("server: figures for Prometheus over that history", "ms", statistics.median(asked(client, "/metrics")[0] for _ in range(5)))
        yield figure("server: memory with that history", "MiB", resident(server.process.pid), bar=40)
    began = [time.perf_counter(), *((leat("runs"), time.perf_counter())[1] for _ in range(9))]
    yield figure("server: leat runs over that history, whole process", "ms", statistics.median(b - a for a, b in zip(began, began[1:])) * 1000, bar=50)


# ---- followers ----

TALK = "name: talk\ntasks: {talk: {shell: 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; until [ -e go ]; do sleep 0.05; done'}}\n"


def followers(scratch, figure, count, runs):
    """40 steps beside `count` followers of another run's log, who have been sent all that there is."""
    leat = project(scratch, "followers", {"pipelines/talk.yml": TALK, "pipelines/chain.yml": CHAIN})

    def chain(client):
        run = client.post("/api/v1/pipelines/chain/runs", {}, 201).json()["id"]
        wait_until(lambda: client.get(f"/api/v1/runs/{run}")["status"] == "succeeded", 600, 0.05, "40 steps")
        db = sqlite3.connect(leat.home / "state.db", timeout=60)
        began, ended = db.execute("select started_at_us, finished_at_us from runs where id = ?", (run,)).fetchone()
        db.close()
        return (ended - began) / 1e6

    with up(leat) as server:
        client = server.client("operator")
        chain(client)
        alone = statistics.median(chain(client) for _ in range(runs))
        run = client.post("/api/v1/pipelines/talk/runs", {}, 201).json()["id"]
        wait_until(lambda: client.get(f"/api/v1/runs/{run}")["status"] == "running", 60, 0.05, "the one that talks")
        open_streams = []
        for _ in range(count):
            connection = client.connect()
            connection.request("GET", f"/api/v1/runs/{run}/tasks/talk/log?follow=true", headers=client.headers("GET", None))
            open_streams.append(read_events(connection, connection.getresponse()))
        began = time.perf_counter()
        for stream in open_streams:
            next(line for _, _, line in stream if "line 19999" in line)
        yield figure(f"server: {count} followers have a log of 20,000 lines", "s", time.perf_counter() - began)
        beside = statistics.median(chain(client) for _ in range(runs))
        (leat.project / "go").touch()
        yield figure(f"server: 40 steps beside {count} followers", "s", beside, bar=0.4)
        yield figure("server: the same, alone", "s", alone, peer="Airflow standalone", theirs=AIRFLOW.get("chain_s"))


# ---- Airflow ----

AIRFLOW = {}  # ready_ms, mib, chain_s; empty when it is not there
DAG = """\
import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator
with DAG("chain", schedule=None, start_date=datetime.datetime(2026, 1, 1), catchup=False, is_paused_upon_creation=False) as dag:
    last = None
    for i in range(40):
        step = BashOperator(task_id=f"s{i}", bash_command="true")
        if last:
            last >> step
        last = step
"""


def family(pid):
    """A process and all below it."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *(one for child in children for one in family(int(child)))]


def held(pid):
    """Resident MiB of a process and all below it; one that ends meanwhile does not count."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, TypeError):
            total += resident(one)
    return total


def airflow(scratch, say):
    """Airflow's standalone in a home of its own: scheduler, triggerer and page; its measures in AIRFLOW."""
    program = os.environ.get("AIRFLOW_BIN")
    if not program or not os.access(program, os.X_OK):
        return say("airflow: set AIRFLOW_BIN to its program")
    home = scratch / "airflow"
    write_files(home, {"dags/chain.py": DAG})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**clean_env(scratch), "PATH": f"{pathlib.Path(program).parent}:{os.environ['PATH']}", "AIRFLOW_HOME": str(home),
           "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port), "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1"}
    subprocess.run([program, "db", "migrate"], env=env, check=True, capture_output=True)
    began = time.perf_counter()
    process = subprocess.Popen([program, "standalone"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def healthy():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            return json.load(connection.getresponse())["scheduler"]["status"] == "healthy"
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def row(sql):
        with contextlib.closing(sqlite3.connect(home / "airflow.db", timeout=60)) as db:
            return db.execute(sql).fetchone()

    try:
        wait_until(healthy, 600, 0.1, "Airflow's scheduler")
        AIRFLOW["ready_ms"] = (time.perf_counter() - began) * 1000
        AIRFLOW["mib"] = held(process.pid)
        wait_until(lambda: row("select 1 from dag where dag_id = 'chain'"), 600, 0.2, "Airflow's pipeline")
        subprocess.run([program, "dags", "trigger", "chain"], env=env, check=True, capture_output=True)
        wait_until(lambda: row("select 1 from dag_run where state = 'success'"), 1200, 0.2, "Airflow's 40 steps")
        first, last = (time.mktime(time.strptime(text[:19], "%Y-%m-%d %H:%M:%S")) for text in row("select start_date, end_date from dag_run"))
        AIRFLOW["chain_s"] = last - first
    finally:
        for pid in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        process.wait()


def measure(scratch, figure, scale, runs, say):
    try:
        airflow(scratch, say)
    except (AssertionError, OSError, subprocess.CalledProcessError) as error:
        say(f"airflow failed: {error}")
    yield from starts(scratch, figure, runs)
    yield from changed_files(scratch, figure)
    yield from history(scratch, figure, max(1000, int(1_000_000 * scale)))
    yield from schedules(scratch, figure, max(60, int(1000 * scale)))
    yield from followers(scratch, figure, 500, runs)
    yield from through(scratch, figure, max(100, int(10_000 * scale)))
