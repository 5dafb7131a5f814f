"""What the end-to-end tests are made of: the program, the API server, PostgreSQL, projects."""

import base64
import hashlib
import http.server
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[2]
LEAT = os.environ.get("LEAT_BIN", str(TOP / "build" / "leat"))
API_SERVER = os.environ.get("API_SERVER", str(pathlib.Path(LEAT).resolve().parent / "api-server"))
DATA = pathlib.Path(os.environ.get("FLIGHTS_DATA", TOP / ".deps" / "data"))
FLIGHTS = DATA / "flights-3m.parquet"
AIRPORTS = DATA / "airports.csv"
TOKEN = "tok-5f1e0a9d7c3b4e2f-do-not-show"
PATIENCE = 90  # seconds until a command counts as hanging


def clean_env(home):
    """The environment of a test: nothing of the person who runs it."""
    keep = ("PATH", "TMPDIR", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update(LEAT_LISTEN="127.0.0.1:0", HOME=str(home), LANG="C.UTF-8", TZ="UTC", PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")
    return env


class Result:
    def __init__(self, args, code, out, err, seconds=0.0):
        self.args, self.code, self.out, self.err, self.seconds = args, code, out, err, seconds

    @property
    def text(self):
        return self.out + self.err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        """Short: tasks that went well are left out."""
        def telling(text):
            lines = [line for line in text.splitlines() if " succeeded " not in line and " > running " not in line]
            return "\n".join(line[:400] for line in (lines if len(lines) < 40 else lines[:20] + ["..."] + lines[-20:]))

        return f"{' '.join(map(str, self.args))}\n-> {self.code}\n--- out\n{telling(self.out)}\n--- err\n{telling(self.err)}\n"


class Leat:
    """The program in one project. Calling it runs it: leat("run", "--target", "pg", code=1)."""

    def __init__(self, project, home, env):
        self.project, self.home, self.env = pathlib.Path(project), pathlib.Path(home), dict(env)

    def argv(self, *args):
        return [LEAT, *map(str, args)]

    def environment(self, extra=None):
        env = {**self.env, "LEAT_HOME": str(self.home), **(extra or {})}
        return {name: str(value) for name, value in env.items() if value is not None}

    def __call__(self, *args, code=0, env=None, stdin=None, cwd=None, timeout=PATIENCE):
        """Run to the end. `code`: the exit code that must come, a tuple of such, or None for any."""
        started = time.monotonic()
        done = subprocess.run(self.argv(*args), cwd=cwd or self.project, env=self.environment(env), timeout=timeout,
                              input=stdin if stdin is not None else "", capture_output=True, text=True, errors="replace")
        result = Result(("leat",) + args, done.returncode, done.stdout, done.stderr, time.monotonic() - started)
        if code is not None:
            assert result.code in (code if isinstance(code, tuple) else (code,)), result
        return result

    def start(self, *args, env=None):
        """Start in a process group of its own, so that a signal reaches all of it."""
        return subprocess.Popen(self.argv(*args), cwd=self.project, env=self.environment(env), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                start_new_session=True)

    def rows(self, sql, target=None):
        """The rows of a query as lists of values."""
        words = ["sql", "--json"] + (["--target", target] if target else []) + [sql]
        return [list(row.values()) for row in self(*words).json()]

    def runs(self):
        return self("runs", "--json").json()

    def write(self, path, text):
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def edit(self, path, old, new):
        file = self.project / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new))

    def edge(self, result, *parts):
        """The output names each of these."""
        for part in parts:
            assert part in result.text, f"no {part!r} in\n{result!r}"


class Api:
    """tools/api-server on a free port."""

    def __init__(self, *tables, token=TOKEN, options=()):
        args = [API_SERVER, "--listen", "127.0.0.1:0"]
        args += ["--token", token] if token else []
        for table in tables:
            args += ["--table", table]
        self.process = subprocess.Popen([*args, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"api-server: {line}{self.process.stderr.read()}")
        self.url = line.split()[-1]

    def ask(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read() or b"{}")

    def stats(self):
        return self.ask("/admin/stats")

    def requests(self):
        return self.stats()["requests"]

    def fault(self, *specs):
        for spec in specs:
            self.ask("/admin/faults?add=" + urllib.parse.quote(spec), "POST")

    def heal(self):
        self.ask("/admin/faults", "DELETE")

    def visible(self, table, rows):
        self.ask(f"/admin/visible?table={table}&rows={rows}", "POST")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Feed:
    """An API whose records a test changes while it is up: /v1/items?page=&pageSize=&since=, or what `answer` says."""

    def __init__(self, records=(), answer=None):
        self.records, self.answer, self.seen = list(records), answer, []
        feed = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                feed.seen.append(query)
                body = (feed.answer or feed.page)(query)
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that hangs up is no news
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def page(self, query):
        since = query.get("since", "")
        new = [r for r in self.records if r.get("updated_at", "~") > since]
        number, size = int(query.get("page", 1)), int(query.get("pageSize", 50))
        return {"items": new[(number - 1) * size:number * size], "totalPages": max(1, math.ceil(len(new) / size))}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Postgres:
    """A PostgreSQL 15 of the tests' own, from tests/support/postgres.sh."""

    script = str(TOP / "tests" / "support" / "postgres.sh")
    bin = "/usr/lib/postgresql/15/bin"

    def __init__(self, folder):
        self.folder, self.count = str(folder), 0
        done = subprocess.run([self.script, "start", self.folder, str(os.getpid())], capture_output=True, text=True, timeout=120)
        if done.returncode == 77:
            raise FileNotFoundError(done.stderr.strip())
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def url(self, database="postgres"):
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def database(self):
        """A new, empty database; its URL."""
        self.count += 1
        self.psql(f"create database t{self.count}")
        return self.url(f"t{self.count}")

    def psql(self, sql, url=None, check=True):
        done = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", url or self.url(), "-c", sql],
                              capture_output=True, text=True, timeout=60, cwd="/")
        assert not check or done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def control(self, *words):
        """pg_ctl, as the server's owner."""
        as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--inh-caps=-all"]
        command = [f"{self.bin}/pg_ctl", "-D", f"{self.folder}/data", "-s", "-w", "-t", "60", *words]
        subprocess.run((as_owner if os.getuid() == 0 else []) + command, check=True, timeout=90, cwd="/",
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def crash(self):
        self.control("-m", "immediate", "stop")

    def again(self):
        self.control("-l", f"{self.folder}/server.log", "start")

    def stop(self):
        subprocess.run([self.script, "stop", self.folder], timeout=60, capture_output=True)


# ---- a small project: 1,000 records of an API, two models, an incremental one, tests ----

CITIES = ("Ambridge", "Bree", "Camelot", "Dunwich", "Elsinore")
ITEM_COUNT = 1000


def item_amount(number):
    return (number * 7919) % 1000 / 4


def write_items(path, count=ITEM_COUNT):
    lines = ["name,city,amount,note"]
    for n in range(1, count + 1):
        lines.append(f'item {n},{CITIES[n % 5]},{item_amount(n)},"a, ""b"" {n}"')
    pathlib.Path(path).write_text("\n".join(lines) + "\n")
    return path


def wanted_totals(count=ITEM_COUNT):
    totals = {}
    for n in range(1, count + 1):
        entry = totals.setdefault(CITIES[n % 5], [0, 0.0])
        entry[0] += 1
        entry[1] += item_amount(n)
    return [[city, entry[0], entry[1]] for city, entry in sorted(totals.items())]


SHOP = {
    "leat.yml": """\
name: shop
target: dev
targets:
  dev: {engine: duckdb}
  pg: {engine: postgres, url: "{{ env_var('PG_URL', 'postgresql:///none') }}", schema: analytics}
models:
  shop: {materialized: table}
""",
    "sources/api.yml": """\
name: api
kind: rest
base_url: "{{ env_var('API_URL') }}/v1"
auth: {type: bearer, token: "{{ secret('API_TOKEN') }}"}
timeout: 5s
retries: 6
resources:
  - name: items
    path: /items
    records: $.items[*]
    paginate: {type: page_number, page_param: page, size_param: pageSize, size: 50, total_pages: $.totalPages}
    cursor: {field: updated_at, param: since, overlap: 1h}
    key: [id]
    load: {table: raw.items}
    contract: {columns: evolve, types: freeze}
""",
    "pipelines/all.yml": """\
name: all
defaults: {retries: 0}
""",
    "models/stg_items.sql": """\
{{ config(materialized='view') }}

select
    id,
    name,
    city,
    amount,
    updated_at
from {{ source('api', 'items') }}
""",
    "models/totals.sql": """\
select
    city,
    count(*) as items,
    cast(sum(amount) as double precision) as amount
from {{ ref('stg_items') }}
group by city
""",
    "models/newest.sql": """\
{{ config(materialized='incremental', unique_key='id') }}

select id, city, amount
from {{ ref('stg_items') }}
{% if is_incremental() %}
where id >= (select max(id) from {{ this }}) - 100
{% endif %}
""",
    "models/models.yml": """\
version: 2
models:
  - name: stg_items
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: city
        data_tests:
          - accepted_values: {values: [Ambridge, Bree, Camelot, Dunwich, Elsinore]}
  - name: totals
    columns:
      - name: city
        data_tests: [unique]
""",
}


def write_files(folder, files):
    for path, text in files.items():
        file = pathlib.Path(folder) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def check_shop(leat, count=ITEM_COUNT, target=None):
    """Every record is there exactly once, and the models say what the records say."""
    schema = "analytics." if target == "pg" else ""
    counts = leat.rows("select count(*) as n, count(distinct id) as d, sum(id) as s, min(id) as least, max(id) as most "
                       "from raw.items", target)
    assert [float(x) for x in counts[0]] == [count, count, count * (count + 1) / 2, 1, count], counts
    totals = leat.rows(f"select city, items, amount from {schema}totals order by city", target)
    assert [[c, int(n), float(a)] for c, n, a in totals] == wanted_totals(count)
    newest = leat.rows(f"select count(*) as n, count(distinct id) as d from {schema}newest", target)
    assert [int(x) for x in newest[0]] == [count, count]


def copy_flights(folder):
    shutil.copytree(TOP / "examples" / "flights", folder, ignore=shutil.ignore_patterns(".leat", "target"))
    return pathlib.Path(folder)


def is_close(a, b, tolerance=1e-12):
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    return abs(float(a) - float(b)) <= tolerance * max(1.0, abs(float(a)), abs(float(b)))


def same_rows(left, right, tolerance=1e-12):
    if len(left) != len(right):
        return f"{len(left)} rows, not {len(right)}"
    for i, (a, b) in enumerate(zip(left, right)):
        if len(a) != len(b) or not all(is_close(x, y, tolerance) for x, y in zip(a, b)):
            return f"row {i}: {a} is not {b}"
    return None


def files_with(folder, needles):
    """The files below a folder that hold one of the byte strings."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found += [f"{path}: {needle!r}" for needle in needles if needle in content]
    return found


def forms_of(secret):
    """A secret as it may slip out: plain, in base64 at every offset, percent-encoded, its digest stays allowed."""
    raw = secret.encode()
    forms = {raw, urllib.parse.quote(secret, safe="").encode()}
    for lead in range(3):
        text = base64.b64encode(b"x" * lead + raw)
        forms.add(text[4:-4] if lead else text[:-4])
    return sorted(form for form in forms if len(form) >= 8)


def tree_digest(folder):
    """Names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(folder).rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def wait_until(condition, seconds=20.0, every=0.02, what=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"it did not happen within {seconds} s: {what or condition}")


def wait_for(condition, what, patience=PATIENCE):
    """The same, for what may take long on a busy machine."""
    return wait_until(condition, patience, 0.05, what)


def end_group(process, sig=signal.SIGKILL):
    """Send a signal to a process that Leat.start() began, and to what it began."""
    try:
        os.killpg(process.pid, sig)
    except ProcessLookupError:
        pass


def finish(process, timeout=PATIENCE):
    out, err = process.communicate(timeout=timeout)
    return Result(process.args, process.returncode, out, err)


class Dbt:
    """`leat dbt` in a folder: dbt("build", code=1) gives what it said."""

    def __init__(self, root, env, files=None):
        self.root, self.env = root, env
        for path, text in (files or {}).items():
            self.write(path, text)

    def __call__(self, *args, code=0, **extra):
        done = subprocess.run([LEAT, "dbt", *args], cwd=self.root, env={**self.env, **extra}, capture_output=True,
                              text=True, timeout=90, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def json(self, name):
        return json.loads((self.root / "target" / name).read_text(encoding="utf-8"))

    def statuses(self):
        return {r["unique_id"].split(".")[2]: r["status"] for r in self.json("run_results.json")["results"]}
