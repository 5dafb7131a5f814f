"""Triggers: what happens elsewhere becomes one run, whatever happens to the server."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import threading
import time

import pytest

from api_client import Client
from harness import wait_for


def kill(server):
    os.kill(server.pid, signal.SIGKILL)
    server.wait()


def lines(leat, name="out.txt"):
    file = leat.project / name
    return sorted(file.read_text().split()) if file.exists() else []


def looks(leat, pipeline="p"):
    """Every trigger of the pipeline has begun to look."""
    rows = [row for row in leat("why", pipeline, "--json").json() if row["task"].startswith(pipeline + ".")]
    return rows and all(" since " in row["why"] for row in rows)


def pipeline(triggers, task="echo $LEAT_PARAM_KEY >> out.txt", params="{key: none}", more=""):
    return f"name: p\nparams: {params}\n{more}triggers:\n{triggers}tasks:\n  t: {{shell: '{task}'}}\n"


OBJECT = "  arrived: {object: {bucket: inbox, prefix: daily/, key: \"**.csv\"}, params: {key: $.event.key}}\n"


def put(leat, key, text="x"):
    leat("store", "cp", "-", f"inbox/{key}", stdin=text)


def test_each_object_is_one_run_also_when_the_server_is_killed(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(OBJECT)})
    leat("store", "mb", "inbox")
    put(leat, "daily/before.csv")
    server = up(leat)
    wait_for(lambda: looks(leat), "the trigger")
    put(leat, "other/no.csv")
    put(leat, "daily/no.txt")
    wanted = []
    for round_ in range(3):
        for i in range(4):
            put(leat, f"daily/{round_}-{i}.csv")
            wanted.append(f"daily/{round_}-{i}.csv")
            if i == 1:
                kill(server)  # at any moment: before, within or behind the step
        server = up(leat)
    wait_for(lambda: len(leat.runs()) >= len(wanted), "a run for each object")
    wait_for(lambda: all(run["status"] == "succeeded" for run in leat.runs()), "their end")
    assert lines(leat) == sorted(wanted)
    why = leat("why", "p").out
    assert "waits for an object under inbox/daily/" in why and "last event inbox/daily/2-3.csv" in why


def test_a_thousand_objects_can_be_one_run(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(
        "  arrived: {object: {bucket: inbox}, batch: 3s, params: {key: $.count}}\n",
        task="echo {{ trigger.events[0].key }} {{ trigger.count }} {{ trigger.events | length }} $LEAT_PARAM_KEY >> out.txt")})
    leat("store", "mb", "inbox")
    up(leat)
    wait_for(lambda: looks(leat), "the trigger")
    for i in range(1000):
        file = leat.project / "many" / f"{i:04}"
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    leat("store", "cp", "-r", "many", "inbox/many/")
    wait_for(lambda: sum(int(n) for n in (leat.project / "out.txt").read_text().split()[1::4]) == 1000
             if (leat.project / "out.txt").exists() else False, "all events")
    runs = leat.runs()
    assert len(runs) <= 3  # one, unless copying took longer than the batch
    assert (leat.project / "out.txt").read_text().startswith("many/")


def test_a_paused_pipeline_takes_its_events_later(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(OBJECT)})
    leat("store", "mb", "inbox")
    up(leat)
    wait_for(lambda: looks(leat), "the trigger")
    leat("pause", "p", "--why", "moving")
    put(leat, "daily/a.csv")
    assert "paused by" in leat("why", "p").out
    assert leat.runs() == []
    leat("resume", "p")
    wait_for(lambda: lines(leat) == ["daily/a.csv"], "the run")


FILE = "  dropped: {file: {folder: drop, name: \"*.csv\", quiet: 300ms}, every: 1s, params: {key: $.event.name}}\n"


def test_a_file_is_taken_once_it_has_stopped_growing(project, up):
    leat = project({"leat.yml": "name: t\n", "drop/old.csv": "old", "pipelines/p.yml": pipeline(FILE)})
    server = up(leat)
    wait_for(lambda: looks(leat), "the trigger")
    growing = leat.project / "drop/big.csv"
    with open(growing, "w") as file:
        for _ in range(15):
            file.write("x" * 1000)
            file.flush()
            time.sleep(0.05)
    leat.write("drop/no.txt", "x")
    wait_for(lambda: lines(leat) == ["big.csv"], "the run of the file")
    (run,) = leat.runs()
    kill(server)
    leat.write("drop/while-away.csv", "x")
    up(leat)
    wait_for(lambda: lines(leat) == ["big.csv", "while-away.csv"], "what came while no server ran")
    leat.write("drop/big.csv", "another one")
    wait_for(lambda: lines(leat) == ["big.csv", "big.csv", "while-away.csv"], "the changed file")
    assert len(leat.runs()) == 3


def test_what_is_there_counts_when_it_is_asked_for(project, up):
    leat = project({"leat.yml": "name: t\n", "drop/old.csv": "old",
                    "pipelines/p.yml": pipeline(FILE.replace("every: 1s", "every: 1s, existing: true"))})
    kill_me = up(leat)
    wait_for(lambda: lines(leat) == ["old.csv"], "the old file")
    kill(kill_me)
    up(leat)
    leat.write("drop/new.csv", "x")
    wait_for(lambda: lines(leat) == ["new.csv", "old.csv"], "the new file, and the old one not again")


def test_a_folder_that_is_missing_is_told(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(FILE)})
    assert "drop" in leat("doctor", code=None).out
    up(leat)
    wait_for(lambda: "there is no folder 'drop'" in leat("why", "p").out, "the trouble")
    leat.write("drop/a.csv", "x")
    wait_for(lambda: looks(leat) and "there is no folder" not in leat("why", "p").out, "the end of the trouble")


def test_a_dataset_that_another_pipeline_commits_begins_a_run(project, up):
    leat = project({"leat.yml": "name: t\n", "in/a.csv": "id\n1\n", "in/b.csv": "id\n1\n", "sources/s.yml": """\
name: s
kind: files
resources:
  - {name: a, path: in/a.csv, load: {table: a}}
  - {name: b, path: in/b.csv, load: {table: b}}
""", "pipelines/any.yml": "name: any\ntriggers: {t: {dataset: {any_of: [raw/domain=s/dataset=a/, raw/domain=s/dataset=b/]}}}\n"
                          "tasks: {t: {shell: 'echo {{ trigger.event.datasets[0].dataset }} >> any.txt'}}\n",
                    "pipelines/all.yml": "name: all\ntriggers: {t: {dataset: {all_of: [raw/domain=s/dataset=a/, raw/domain=s/dataset=b/]}}}\n"
                          "tasks: {t: {shell: 'echo {{ trigger.event.datasets | length }} >> all.txt'}}\n"})
    up(leat)
    wait_for(lambda: looks(leat, "any") and looks(leat, "all"), "the triggers")
    leat("extract", "s.a")
    wait_for(lambda: lines(leat, "any.txt") == ["raw/domain=s/dataset=a/"], "a run for one")
    assert lines(leat, "all.txt") == []
    leat("extract", "s.b")
    wait_for(lambda: len(lines(leat, "any.txt")) == 2, "a run for the other")
    wait_for(lambda: lines(leat, "all.txt") == ["2"], "a run for both")


class State:
    """A web server with one page."""

    def __init__(self):
        self.body, self.headers, self.asked, self.conditions = b"{}", {}, 0, []
        state = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                state.asked += 1
                state.conditions.append(self.headers.get("If-None-Match"))
                same = state.headers.get("ETag") and self.headers.get("If-None-Match") == state.headers["ETag"]
                self.send_response(304 if same else 200)
                for name, value in state.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0" if same else str(len(state.body)))
                self.end_headers()
                self.wfile.write(b"" if same else state.body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/page"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def asked_again(self):
        had = self.asked
        wait_for(lambda: self.asked >= had + 2, "two more looks")


@pytest.fixture
def page():
    made = State()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_page_begins_a_run_only_when_it_changes(project, up, page):
    page.headers = {"ETag": '"1"'}
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(
        f"  changed: {{http: {{url: '{page.url}'}}, every: 1s, params: {{key: $.event.etag}}}}\n")})
    server = up(leat)
    page.asked_again()
    assert leat.runs() == [] and page.conditions[-1] == '"1"'
    page.headers = {"ETag": '"2"'}
    wait_for(lambda: lines(leat) == ['"2"'], "the change")
    kill(server)
    up(leat)
    page.asked_again()
    assert len(leat.runs()) == 1
    page.headers = {"ETag": '"1"'}
    wait_for(lambda: lines(leat) == ['"1"', '"2"'], "the change back, which is one too")


def test_a_watched_value_is_all_that_counts(project, up, page):
    page.body = json.dumps({"version": 1, "asked": 1}).encode()
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(
        f"  changed: {{http: {{url: '{page.url}'}}, watch: $.version, every: 1s, params: {{key: $.event.value}}}}\n")})
    up(leat)
    page.asked_again()
    page.body = json.dumps({"version": 1, "asked": 2}).encode()
    page.asked_again()
    assert leat.runs() == []
    page.body = json.dumps({"version": 2, "asked": 3}).encode()
    wait_for(lambda: lines(leat) == ["2"], "the change")
    page.body = b"{}"
    wait_for(lambda: "has no $.version" in leat("why", "p").out, "the trouble")
    page.body = json.dumps({"version": 3}).encode()
    wait_for(lambda: lines(leat) == ["2", "3"], "the next change")


def test_a_query_begins_a_run_only_when_its_answer_changes(project, up):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(
        "  rows: {sql: 'select max(id) as id from t', every: 1s, params: {key: '$.event.rows[0].id'}}\n")})
    leat("sql", "create table t (id int)")
    leat("sql", "insert into t values (1)")
    up(leat)
    wait_for(lambda: looks(leat), "the trigger")
    leat("sql", "insert into t values (0)")
    leat("sql", "insert into t values (7)")
    wait_for(lambda: lines(leat) == ["7"], "the change")
    assert len(leat.runs()) == 1
    leat("sql", "drop table t")
    wait_for(lambda: "the query failed" in leat("why", "p").out, "the trouble")


def test_wrong_triggers_are_errors_with_their_place(project):
    for text, said in (
            ("  a: {object: {bucket: inbox}, sql: 'select 1'}\n", "pipelines/p.yml:4:"),
            ("  a: {object: {bucket: inbox}, params: {kez: $.event.key}}\n", "did you mean 'key'?"),
            ("  a: {object: {bucket: inbox}, params: {key: event}}\n", "wrong JSON path"),
            ("  a: {dataset: {any_of: [raw/x]}, every: 5s}\n", "'every' does nothing in a trigger that is 'dataset'"),
            ("  a: {dataset: {any_of: [raw]}}\n", "'raw' is no dataset"),
            ("  a: {object: {bucket: inbox}, batch_most: 5}\n", "'batch_most' needs 'batch'")):
        leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(text)})
        leat.edge(leat("run", "--pipeline", "p", code=2), said)
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline("  a: {object: {bucket: inbox}}\n", params="{key: {type: int}}")})
    leat.edge(leat("run", "--pipeline", "p", code=2), "must give the parameter 'key'")


def test_pipelines_and_status_name_triggers(project):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(OBJECT)})
    (row,) = leat("pipelines", "--json").json()
    assert row["begins_by"] == "arrived (object)"
    (row,) = leat("status", "p", "--json").json()
    assert row["why"] == "no server works here: nothing begins until 'leat up'"
    assert "no server works here: nothing begins until 'leat up'; then it waits for an object under inbox/daily/" in leat("why", "p").out


SECRET = "a secret of at least sixteen bytes"
HOOKS = """\
  signed: {webhook: {secret: HOOK_SECRET}, params: {key: $.event.body.ref}}
  token: {webhook: {secret: HOOK_SECRET, by: bearer}, params: {key: $.event.body}}
"""


def signature(body, at=None, secret=SECRET):
    at = str(int(time.time() if at is None else at))
    sum_ = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Leat-Timestamp": at, "X-Leat-Signature": "sha256=" + sum_}


@pytest.fixture
def hooked(project, up, request):
    leat = project({"leat.yml": "name: t\n", "pipelines/p.yml": pipeline(getattr(request, "param", HOOKS))})
    leat.env["HOOK_SECRET"] = SECRET
    server = leat.start("up", "--listen", "127.0.0.1:0")
    line = server.stdout.readline()
    while "http://" not in line:
        assert line, server.stderr.read()
        line = server.stdout.readline()
    client = Client("http://" + line.split("http://")[1].split()[0].rstrip(":"))
    yield leat, client
    server.kill()
    server.communicate()


def test_a_signed_message_is_one_run_and_a_replay_is_refused(hooked):
    leat, client = hooked
    body = b'{"ref": "main"}'
    path, headers = "/api/v1/hooks/p/signed", signature(body)
    run = client.ask("POST", path, body, headers, status=202).json()["run"]
    wait_for(lambda: lines(leat) == ["main"], "its run")
    again = client.ask("POST", path, body, headers, status=409)
    assert f"run {run}" in again.body.decode()
    client.ask("POST", path, body, {**headers, "X-Leat-Signature": headers["X-Leat-Signature"].upper()}, status=401)
    client.ask("POST", path, b'{"ref": "evil"}', headers, status=401)
    client.ask("POST", path, body, signature(body, secret="another secret of some length"), status=401)
    client.ask("POST", path, body, signature(body, at=time.time() - 3600), status=401)
    client.ask("POST", path, body, signature(body, at=time.time() + 3600), status=401)
    client.ask("POST", path, body, {**headers, "X-Leat-Timestamp": "1e9"}, status=401)
    client.ask("POST", path, body, {"X-Leat-Token": SECRET}, status=401)
    client.ask("POST", path, body, status=401)
    client.ask("POST", "/api/v1/hooks/p/none", body, headers, status=401)
    client.ask("POST", "/api/v1/hooks/none/signed", body, headers, status=401)
    assert len(leat.runs()) == 1
    assert "last event a message" in leat("why", "p").out


def test_a_message_with_the_token_is_a_run_each_unless_it_has_a_key(hooked):
    leat, client = hooked
    path, headers = "/api/v1/hooks/p/token", {"X-Leat-Token": SECRET}
    client.ask("POST", path, b"hello", headers, status=202)
    client.ask("POST", path, b"hello", headers, status=202)
    client.ask("POST", path, b"keyed", {**headers, "Idempotency-Key": "k"}, status=202)
    client.ask("POST", path, b"keyed", {**headers, "Idempotency-Key": "k"}, status=409)
    client.ask("POST", path, b"no", {"X-Leat-Token": SECRET + "x"}, status=401)
    wait_for(lambda: lines(leat) == ["hello", "hello", "keyed"], "the runs")


OTHERS = """\
  hub: {webhook: {secret: HOOK_SECRET, by: github, events: [push]}, params: {key: $.event.body.ref}}
  all: {webhook: {secret: HOOK_SECRET, by: github}, params: {key: $.event.name}}
  pay: {webhook: {secret: HOOK_SECRET, by: stripe, events: invoice.paid}, params: {key: $.event.id}}
  shop: {webhook: {secret: HOOK_SECRET, by: header, header: X-Shop-Sum, digits: base64, id_header: X-Shop-Id}, params: {key: $.event.body.what}}
"""


def hub_headers(body, event, delivery):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
            "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}


def pay_headers(body, at):
    return {"Stripe-Signature": f"t={at},v1=" + hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize("hooked", [OTHERS], indirect=True)
def test_messages_of_others_begin_runs_once_and_a_repeat_is_told_of_its_run(hooked):
    leat, client = hooked
    hook = "/api/v1/hooks/p/"
    push = b'{"ref": "main", "after": "1"}'
    first = client.ask("POST", hook + "hub", push, hub_headers(push, "push", "d-1"), status=202).json()
    assert first["known"] is False
    assert client.ask("POST", hook + "hub", push, hub_headers(push, "push", "d-1"), status=200).json() == {"run": first["run"], "known": True}
    assert client.ask("POST", hook + "hub", push, hub_headers(push, "push", "forged"), status=200).json()["known"]
    assert client.ask("POST", hook + "hub", b'{"zen": 1}', hub_headers(b'{"zen": 1}', "ping", "d-2"), status=200).json() == {"known": False}
    client.ask("POST", hook + "hub", b'{"x": 1}', hub_headers(b'{"x": 1}', "issues", "d-3"), status=200)
    client.ask("POST", hook + "hub", b'{"x": 2}', hub_headers(b'{"x": 1}', "push", "d-4"), status=401)
    client.ask("POST", hook + "hub", push, signature(push), status=401)
    client.ask("POST", hook + "all", b'{"zen": 1}', hub_headers(b'{"zen": 1}', "ping", "d-2"), status=200)
    client.ask("POST", hook + "all", b'{"x": 1}', hub_headers(b'{"x": 1}', "issues", "d-3"), status=202)
    paid, now = b'{"id": "evt_9", "type": "invoice.paid"}', int(time.time())
    run = client.ask("POST", hook + "pay", paid, pay_headers(paid, now), status=202).json()["run"]
    assert client.ask("POST", hook + "pay", paid, pay_headers(paid, now - 60), status=200).json() == {"run": run, "known": True}
    client.ask("POST", hook + "pay", paid, pay_headers(paid, now - 3600), status=401)
    other = b'{"id": "evt_10", "type": "invoice.sent"}'
    assert client.ask("POST", hook + "pay", other, pay_headers(other, now), status=200).json() == {"known": False}
    sold = b'{"what": "shoes"}'
    sum_ = base64.b64encode(hmac.new(SECRET.encode(), sold, hashlib.sha256).digest()).decode()
    client.ask("POST", hook + "shop", sold, {"X-Shop-Sum": sum_, "X-Shop-Id": "1"}, status=202)
    client.ask("POST", hook + "shop", sold, {"X-Shop-Sum": sum_, "X-Shop-Id": "1"}, status=200)
    client.ask("POST", hook + "shop", sold, {"X-Shop-Sum": sum_, "X-Shop-Id": "2"}, status=202)
    client.ask("POST", hook + "hub", b"x" * (1 << 21), hub_headers(b"x" * (1 << 21), "push", "d-5"), status=413)
    wait_for(lambda: sorted(lines(leat)) == ["evt_9", "issues", "main", "shoes", "shoes"], "the runs")
    assert len(leat.runs()) == 5
    assert "last event the message push" in leat("why", "p").out
