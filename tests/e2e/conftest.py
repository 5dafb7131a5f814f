"""Fixtures of the end-to-end tests: every test has its own project, home and, where it asks for one, API server."""

import os
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import (AIRPORTS, API_SERVER, FLIGHTS, ITEM_COUNT, LEAT, SHOP, TOKEN, Api, Feed, Leat, Postgres, clean_env,
                     copy_flights, write_files, write_items)


def pytest_configure(config):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    for path in (LEAT, API_SERVER):
        if not os.access(path, os.X_OK):
            pytest.exit(f"'{path}' is not there: run make first", returncode=3)


MOST_SECONDS = 400  # of one test; the slowest takes a tenth of it on a quiet machine
MOST_LATE = 3  # tests that were too late, and no further one begins


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """A test that waits for what never comes fails, with the processes of that moment; so do fixtures that wait after it."""
    def too_late(*_):
        item.session.late = getattr(item.session, "late", 0) + 1
        if item.session.late >= MOST_LATE:
            item.session.shouldfail = f"{item.session.late} times a test took too long"
        found = subprocess.run(["ps", "-eo", "pid,ppid,stat,etimes,wchan:20,args", "--forest"], capture_output=True, text=True, timeout=30, check=False)
        pytest.fail(f"not done after {MOST_SECONDS} seconds; the processes:\n{found.stdout[-6000:]}")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def postgres():
    folder = tempfile.mkdtemp(prefix="leat-pg-")  # a short path: it holds a socket
    try:
        server = Postgres(folder)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def api():
    """api(*tables, token=, options=) starts a server for the test."""
    servers = []

    def start(*tables, **kinds):
        servers.append(Api(*tables, **kinds))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def feed():
    """feed(records, answer=) starts an API made of Python."""
    feeds = []

    def start(*args, **kinds):
        feeds.append(Feed(*args, **kinds))
        return feeds[-1]

    yield start
    for server in feeds:
        server.stop()


@pytest.fixture
def env(tmp_path):
    (tmp_path / "person").mkdir()
    return clean_env(tmp_path / "person")


@pytest.fixture
def project(tmp_path, env):
    """project({path: text}) writes files into an empty folder and gives the program there."""

    def make(files, name="project", **extra):
        (tmp_path / name).mkdir(exist_ok=True)
        write_files(tmp_path / name, files)
        return Leat(tmp_path / name, tmp_path / name / ".leat", {**env, **extra})

    return make


@pytest.fixture
def shop(tmp_path, project, api):
    """shop(*options, rows=, files=) gives (program, API server): the small project and its API."""

    def make(*options, rows=ITEM_COUNT, files=None, token=TOKEN):
        write_items(tmp_path / "items.csv", rows)
        server = api(f"items={tmp_path / 'items.csv'}", token=token, options=options)
        leat = project({**SHOP, **(files or {})}, API_URL=server.url, API_TOKEN=TOKEN)
        return leat, server

    return make


@pytest.fixture
def flights(tmp_path, env, api):
    """flights(rows) gives (program, API server): the example project over a slice of the real records."""
    if not FLIGHTS.exists():
        pytest.skip(f"{FLIGHTS} is not there: tools/setup brings it")

    def make(rows, *options):
        tables = (f"flights={FLIGHTS}", f"airports={AIRPORTS}")
        server = api(*tables, options=("--page-size", 5000, *(("--rows", rows) if rows else ()), *options))
        folder = copy_flights(tmp_path / "flights")
        return Leat(folder, folder / ".leat", {**env, "FLIGHTS_API_URL": server.url, "FLIGHTS_API_TOKEN": TOKEN}), server

    return make


def pytest_terminal_summary(terminalreporter):
    """Which tests were skipped, by name, and why: tools/test repeats these lines."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"skipped: {report.nodeid.split('/')[-1]}: {reason.removeprefix('Skipped: ')}")


@pytest.fixture
def up():
    """up(leat) starts a server; all are killed at the end."""
    servers = []

    def start(leat, *args):
        server = leat.start("up", *args)
        servers.append(server)
        line = server.stdout.readline()
        assert line.startswith("the server works"), (line, server.stderr.read() if not line else "")
        return server

    yield start
    for server in servers:
        if server.poll() is None:
            server.kill()
        server.communicate()
