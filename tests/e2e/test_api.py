"""The server's API: who may do what, and what is answered."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys

import pytest

from api_client import PASSWORD, ROLES, Client, Server, up
from harness import wait_for, wait_until

PIPELINES = {
    "leat.yml": "name: t\n",
    "pipelines/quick.yml": "name: quick\ntasks: {one: {shell: 'echo hello'}}\n",
}


def operations(server):
    """Each operation of the document: (method, path with values, what the document says)."""
    document = server.nobody().get("/api/v1/openapi.json")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), re.sub(r"\{[^}]*\}", "4711", path), operation


# ---- who may ----


def test_the_first_start_shows_a_password_that_is_good_once(project, up):
    leat = project(PIPELINES)
    server = up(leat)
    box = "\n".join(server.box())
    assert server.url in box and "leat user reset admin" in box
    password = re.search(r"password +(\S+)", box)[1]
    assert password.encode() not in b"".join(p.read_bytes() for p in leat.home.glob("state.db*"))
    client = server.nobody()
    assert client.sign_in("admin", password).json()["must_change_password"] is True
    refused = client.ask("GET", "/api/v1/version", status=403).json()
    assert "one-time password" in refused["detail"] and "/session/password" in refused["hint"]
    changed = client.ask("PUT", "/api/v1/session/password", {"old": password, "new": PASSWORD}, status=200)
    assert changed.json()["must_change_password"] is False
    client.ask("GET", "/api/v1/version", status=401)  # every session from before has ended
    client.take(changed)
    client.ask("GET", "/api/v1/version", status=200)
    server.stop()
    again = up(leat)
    again.nobody().sign_in("admin", password, status=401)
    again.nobody().sign_in("admin", PASSWORD, status=200)


def test_every_endpoint_is_for_its_role_and_those_above(project, up):
    server = up(project(PIPELINES))
    callers = {"nobody": server.nobody(), **{role: server.client(role) for role in ROLES}}
    rank = {name: at for at, name in enumerate(("everybody", *ROLES))}
    rank["nobody"] = 0
    seen = 0
    for method, path, operation in operations(server):
        needed = rank[operation["x-role"]]
        if operation["operationId"] == "hook":
            continue  # the message itself says who sends it: test_triggers.py
        for name, client in callers.items():
            answer = client.ask(method, path, headers={"Accept": "application/json"})
            seen += 1
            if rank[name] >= needed:
                assert answer.status not in (401, 403), (name, method, path, answer)
            else:
                assert answer.status == (401 if name == "nobody" else 403), (name, method, path, answer)
    assert seen >= 5 * 8


def test_a_session_changes_nothing_without_its_csrf_token(project, up):
    server = up(project(PIPELINES))
    server.client("admin")
    client = server.nobody()
    client.sign_in("t-admin", PASSWORD)
    client.csrf = None
    assert "X-CSRF-Token" in client.ask("DELETE", "/api/v1/session", status=403).json()["detail"]
    client.csrf = "A" * 43
    client.ask("DELETE", "/api/v1/session", status=403)
    client.csrf = client.get("/api/v1/session")["csrf"]
    client.ask("DELETE", "/api/v1/session", status=204)
    client.ask("GET", "/api/v1/session", status=401)


def test_cookies_are_not_for_scripts_nor_other_sites(project, up):
    server = up(project(PIPELINES))
    server.client("admin")
    cookie = server.nobody().sign_in("t-admin", PASSWORD).headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie


def test_a_server_on_loopback_answers_to_its_own_names_only(project, up):
    server = up(project(PIPELINES))
    client = server.nobody()
    port = client.host.split(":")[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        client.ask("GET", "/health", headers={"Host": host}, status=200)
    for host in ("evil.example", f"127.0.0.1.evil.example:{port}", "localhost.evil.example", ""):
        client.ask("GET", "/health", headers={"Host": host}, status=421)


def test_another_password_lifts_the_wait_for_wrong_ones(project, up):
    server = up(project(PIPELINES))
    admin = server.client("admin")
    server.leat("user", "add", "ada", "--role", "viewer", "--password-stdin", stdin=PASSWORD)
    client = server.nobody()

    def lock_out():
        for i in range(5):
            client.sign_in("ada", f"wrong password {i}", status=401)
        client.sign_in("ada", PASSWORD, status=429)

    lock_out()
    made = admin.post("/api/v1/users/ada/reset", status=200).json()["one_time_password"]
    client.sign_in("ada", made, status=200)
    client = server.nobody()
    lock_out()
    server.leat("user", "reset", "ada", "--password-stdin", stdin=PASSWORD)
    client.sign_in("ada", PASSWORD, status=200)


def test_guessing_is_slowed_down(project, up):
    server = up(project(PIPELINES))
    server.client("admin")
    client = server.nobody()
    codes = [client.sign_in("t-admin", f"wrong password {i}", status=None).status for i in range(6)]
    assert codes == [401] * 5 + [429]
    last = client.sign_in("t-admin", PASSWORD, status=429)
    assert int(last.headers["Retry-After"]) >= 1


def test_too_many_requests_are_told_when_to_come_again(project, up):
    server = up(project(PIPELINES), "--rate", "4")
    client = server.client("viewer")
    answers = [client.ask("GET", "/api/v1/version") for _ in range(3)]
    assert [a.status for a in answers] == [200, 429, 429]
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 15
    assert server.client("admin").ask("GET", "/api/v1/version").status == 200  # others have their own share


def test_tokens_end_when_revoked_and_with_their_user(project, up):
    leat = project(PIPELINES)
    server = up(leat)
    client = server.client("viewer")
    client.ask("GET", "/api/v1/version", status=200)
    made = leat("token", "create", "t-viewer", "--role", "admin", code=2)
    assert "cannot have a token for admin" in made.err
    (token,) = leat("token", "list", "--json").json()
    leat("token", "revoke", token["id"])
    client.ask("GET", "/api/v1/version", status=401)
    other = server.client("operator")
    leat("user", "disable", "t-operator")
    other.ask("GET", "/api/v1/version", status=401)
    leat("user", "enable", "t-operator")
    other.ask("GET", "/api/v1/version", status=200)
    leat("user", "remove", "t-operator")
    other.ask("GET", "/api/v1/version", status=401)
    Client(server.url, "leat_nonsense").ask("GET", "/api/v1/version", status=401)


# ---- answers ----


def test_errors_say_what_where_and_what_next(project, up):
    client = up(project(PIPELINES)).nobody()
    wrong = client.post("/api/v1/session", {"usr": "a", "password": "b"}, status=400)
    assert wrong.headers["Content-Type"] == "application/problem+json"
    said = wrong.json()
    assert said["place"] == "body.usr" and "did you mean 'user'?" == said["hint"] and said["status"] == 400
    assert client.post("/api/v1/session", {"user": 1, "password": "b"}, status=400).json()["place"] == "body.user"
    assert client.post("/api/v1/session", {"user": "a"}, status=400).json()["place"] == "body.password"
    client.post("/api/v1/session", '{"user": "a", "password": "b"}', status=415)  # as a form could
    client.post("/api/v1/session", '{"user": ', status=400, headers={"Content-Type": "application/json"})
    client.post("/api/v1/session", b"x" * (2 << 20), status=413, headers={"Content-Type": "application/json"})
    client.ask("GET", "/api/v1/nothing", status=404)
    assert client.ask("DELETE", "/health", status=405).headers["Allow"] == "GET"
    assert client.ask("GET", "/health?x=1", status=400).json()["place"] == "query.x"


def test_an_answer_that_is_known_is_not_sent_again(project, up):
    client = up(project(PIPELINES)).client("viewer")
    first = client.ask("GET", "/api/v1/version", status=200)
    again = client.ask("GET", "/api/v1/version", headers={"If-None-Match": first.headers["ETag"]}, status=304)
    assert again.body == b"" and again.headers["ETag"] == first.headers["ETag"]
    client.ask("GET", "/api/v1/version", headers={"If-None-Match": '"other"'}, status=200)


def test_the_command_prints_the_same_document(project, up):
    leat = project(PIPELINES)
    served = up(leat).nobody().get("/api/v1/openapi.json")
    assert leat("schema", "api").json() == json.loads(json.dumps(served))
    names = [o["operationId"] for methods in served["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names))


def test_health_is_for_everybody(project, up):
    client = up(project(PIPELINES)).nobody()
    assert client.get("/health")["good"] is True
    assert {c["name"] for c in client.get("/health")["checks"]} >= {"state", "scheduler", "disk"}
    assert client.get("/health/live") == {"alive": True}


# ---- answers are as the document says ----


def check_schema(value, schema, components, place="answer"):
    """The part of JSON Schema that the document uses; everything that it says is checked."""
    if "$ref" in schema:
        return check_schema(value, components[schema["$ref"].rsplit("/", 1)[1]], components, place)
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
    if isinstance(schema.get("type"), list):
        assert any(isinstance(value, kinds[kind]) for kind in schema["type"]), (place, value, schema)
    elif "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (place, value, schema)
        assert not (schema["type"] == "integer" and isinstance(value, bool)), (place, value)
    if "enum" in schema:
        assert value in schema["enum"], (place, value)
    if schema.get("format") == "date-time":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value), (place, value)
    if isinstance(value, list) and "items" in schema:
        for at, item in enumerate(value):
            check_schema(item, schema["items"], components, f"{place}[{at}]")
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value), (place, value)
        assert schema["additionalProperties"] or set(value) <= set(schema["properties"]), (place, set(value) - set(schema["properties"]))
        for name in set(value) & set(schema["properties"]):
            check_schema(value[name], schema["properties"][name], components, f"{place}.{name}")
    return None


class Checked(Client):
    """A client that holds every answer against the document."""

    def __init__(self, client):
        super().__init__(f"http://{client.host}", client.token)
        self.document, self.seen = Client(f"http://{client.host}").get("/api/v1/openapi.json"), set()

    def operation(self, method, path):
        path = path.split("?")[0]
        for pattern, methods in self.document["paths"].items():
            if method.lower() in methods and re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path):
                return methods[method.lower()]
        return None

    def ask(self, method, path, *args, **more):
        answer = super().ask(method, path, *args, **more)
        operation = self.operation(method, path)
        self.seen.add(operation["operationId"])
        if answer.status in (200, 201, 202):
            good = next(iter(operation["responses"].values()))
            assert str(answer.status) in operation["responses"] or answer.status in (200, 202), (method, path)
            schema = good.get("content", {}).get("application/json", {}).get("schema")
            if schema:
                check_schema(answer.json(), schema, self.document["components"]["schemas"], f"{method} {path}")
        elif answer.status >= 400:
            check_schema(answer.json(), {"$ref": "#/Problem"}, self.document["components"]["schemas"])
        return answer


WORK = {
    "leat.yml": "name: t\n",
    "pipelines/quick.yml": """\
name: quick
description: says hello
params:
  who: {type: string, default: world, help: whom to greet}
  times: {type: int, default: 1}
tasks:
  one: {shell: "echo hello {{ params.who }}"}
""",
    "pipelines/fails.yml": """\
name: fails
tasks:
  first: {shell: "echo x >> first.txt"}
  second: {shell: "[ -e mended ]", after: first}
""",
    "pipelines/asks.yml": """\
name: asks
tasks:
  ask: {approve: {message: "may it?", roles: [editor]}}
  then: {shell: "true", after: ask}
""",
    "pipelines/long.yml": """\
name: long
tasks:
  sleep: {shell: "sleep 1000"}
  mark: {shell: "sleep 1000"}
""",
    "pipelines/nightly.yml": """\
name: nightly
schedule: {cron: "0 6 * * *", timezone: Europe/London}
tasks: {one: {shell: "true"}}
""",
}


def wait_run(client, run, *statuses):
    wait_for(lambda: client.get(f"/api/v1/runs/{run}")["status"] not in ("queued", "running"), f"the end of run {run}")
    ended = client.get(f"/api/v1/runs/{run}")
    assert ended["status"] in statuses, ended
    return ended


def test_pipelines_are_shown_paused_and_filled(project, up):
    server = up(project(WORK))
    admin = Checked(server.client("admin"))
    listed = {p["name"]: p for p in admin.get("/api/v1/pipelines")["pipelines"]}
    assert set(listed) == {"quick", "fails", "asks", "long", "nightly"}
    assert [p["name"] for p in listed["quick"]["params"]] == ["who", "times"]
    assert listed["quick"]["why"].startswith("no schedule")
    one = admin.get("/api/v1/pipelines/nightly")
    assert len(one["schedule"]["next"]) == 5 and one["schedule"]["timezone"] == "Europe/London" and "why" not in one
    assert admin.post("/api/v1/pipelines/nightly/pause", {"why": "a holiday"}, 200).json() == {"changed": True}
    assert admin.post("/api/v1/pipelines/nightly/pause", {}, 200).json() == {"changed": False}
    paused = admin.get("/api/v1/pipelines/nightly")
    assert paused["paused"]["by"] == "t-admin" and paused["paused"]["why"] == "a holiday"
    assert "paused by t-admin" in paused["why"] and paused["schedule"]["next"] == []
    admin.post("/api/v1/pipelines/nightly/resume", status=200)
    said = admin.ask("GET", "/api/v1/pipelines/nihgtly", status=404).json()
    assert said["hint"] == "did you mean 'nightly'?"
    ticks = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z"}
    dry = admin.post("/api/v1/pipelines/nightly/backfill", {**ticks, "dry_run": True}, 200).json()
    assert len(dry["ticks"]) == 3 and not any("run" in tick for tick in dry["ticks"]) and admin.get("/api/v1/runs")["runs"] == []
    assert admin.post("/api/v1/pipelines/nightly/backfill", ticks, 200).json()["asked"] == 3
    again = admin.post("/api/v1/pipelines/nightly/backfill", ticks, 200).json()
    assert (again["asked"], again["known"]) == (0, 3)
    more = admin.post("/api/v1/pipelines/nightly/backfill", {"from": "2026-02-01T00:00:00Z", "to": "2026-02-03T00:00:00Z", "parallel": 2}, 200).json()
    assert [admin.get(f"/api/v1/runs/{tick['run']}")["trigger"]["parallel"] for tick in more["ticks"]] == [2, 2]
    admin.post("/api/v1/pipelines/nightly/backfill", {**ticks, "parallel": 0}, 400)
    admin.post("/api/v1/pipelines/quick/backfill", ticks, 400)
    admin.post("/api/v1/pipelines/nightly/backfill", {"from": "x", "to": "y"}, 400)


def test_runs_are_started_once_for_each_key(project, up):
    server = up(project(WORK))
    client = Checked(server.client("operator"))
    ask = {"params": {"who": "ada", "times": 3}}
    first = client.post("/api/v1/pipelines/quick/runs", ask, 201, headers={"Idempotency-Key": "k1"})
    run = first.json()["id"]
    assert first.headers["Location"] == f"/api/v1/runs/{run}" and first.json()["trigger"]["by"] == "t-operator"
    for _ in range(2):
        assert client.post("/api/v1/pipelines/quick/runs", ask, 200, headers={"Idempotency-Key": "k1"}).json()["id"] == run
        server.stop()
        server = up(server.leat)
        client.host = server.nobody().host
    done = wait_run(client, run, "succeeded")
    assert done["params"] == {"who": "ada", "times": 3}
    assert len(client.get("/api/v1/runs")["runs"]) == 1
    wrong = client.post("/api/v1/pipelines/quick/runs", {"params": {"times": "many"}}, 400).json()
    assert wrong["place"] == "body.params" and "times" in wrong["detail"]
    client.post("/api/v1/pipelines/quick/runs", {"params": {"nobody": 1}}, 400)
    client.post("/api/v1/pipelines/quick/runs", {"params": {"who": {}}}, 400)
    client.post("/api/v1/pipelines/quick/runs", {"params": []}, 400)
    later = client.post("/api/v1/pipelines/quick/runs", {"at": "2999-01-01T00:00:00Z"}, 201).json()
    assert later["status"] == "queued" and "2999-01-01" in later["why"]
    assert client.post(f"/api/v1/runs/{later['id']}/cancel", {}, 200).json()["over"] is True
    assert client.get(f"/api/v1/runs/{later['id']}")["status"] == "cancelled"


def test_runs_are_listed_page_by_page(project, up):
    server = up(project(WORK))
    client = Checked(server.client("operator"))
    ids = [client.post(f"/api/v1/pipelines/{name}/runs", {"at": "2999-01-01T00:00:00Z"}, 201).json()["id"]
           for name in ("quick", "fails", "quick", "quick", "fails")]
    got, path = [], "/api/v1/runs?limit=2"
    while path:
        page = client.get(path)
        got += [run["id"] for run in page["runs"]]
        path = f"/api/v1/runs?limit=2&cursor={page['next']}" if page["next"] else None
    assert got == ids[::-1]
    assert [run["id"] for run in client.get("/api/v1/runs?pipeline=fails&status=queued")["runs"]] == [ids[4], ids[1]]
    assert [run["id"] for run in client.get("/api/v1/runs?status=open")["runs"]] == ids[::-1]
    assert client.get("/api/v1/runs?status=failed") == {"runs": [], "next": None}
    third = client.get(f"/api/v1/runs/{ids[2]}")
    assert [run["id"] for run in client.get(f"/api/v1/runs?since={third['asked_at']}")["runs"]] == ids[:1:-1]
    assert client.get("/api/v1/runs?since=2999-01-01T00:00:00Z")["runs"] == []
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=-1", "status=odd", "since=1", "limit=1&limit=2", "pipeline="):
        client.ask("GET", f"/api/v1/runs?{query}", status=400)
    client.ask("GET", "/api/v1/runs/999", status=404)
    client.ask("GET", "/api/v1/runs/x", status=404)


def test_what_failed_is_retried_from_the_page(project, up):
    leat = project(WORK)
    server = up(leat)
    client = Checked(server.client("operator"))
    run = client.post("/api/v1/pipelines/fails/runs", {}, 201).json()["id"]
    assert "exit code 1" in wait_run(client, run, "failed")["message"]
    tasks = {t["name"]: t for t in client.get(f"/api/v1/runs/{run}/tasks")["tasks"]}
    assert tasks["first"]["status"] == "succeeded" and tasks["second"]["status"] == "failed"
    assert tasks["second"]["needs"] == [tasks["first"]["id"]]
    why = client.get(f"/api/v1/runs/{run}/why")
    assert why["why"].startswith("failed") and [t["name"] for t in why["tasks"]] == ["second"]
    (leat.project / "mended").touch()
    key = {"Idempotency-Key": "again"}
    retry = client.post(f"/api/v1/runs/{run}/retry", {}, 201, headers=key).json()
    assert retry["retry_of"] == run and retry["command"] == "retry"
    assert client.post(f"/api/v1/runs/{run}/retry", {}, 200, headers=key).json()["id"] == retry["id"]
    wait_run(client, retry["id"], "succeeded")
    again = {t["name"]: t["status"] for t in client.get(f"/api/v1/runs/{retry['id']}/tasks")["tasks"]}
    assert again == {"first": "reused", "second": "succeeded"}
    assert (leat.project / "first.txt").read_text() == "x\n"
    assert "nothing left" in client.post(f"/api/v1/runs/{retry['id']}/retry", {}, 409).json()["detail"]
    whole = client.post(f"/api/v1/runs/{retry['id']}/retry", {"all": True}, 201).json()
    wait_run(client, whole["id"], "succeeded")
    assert (leat.project / "first.txt").read_text() == "x\nx\n"
    part = client.post(f"/api/v1/runs/{run}/retry", {"from": "first"}, 201).json()
    wait_run(client, part["id"], "succeeded")
    assert (leat.project / "first.txt").read_text() == "x\nx\nx\n"
    client.post(f"/api/v1/runs/{run}/retry", {"from": "frist"}, 404)
    client.post(f"/api/v1/runs/{run}/retry", {"from": "first", "all": True}, 400)


def test_an_approval_is_for_its_roles(project, up):
    server = up(project(WORK))
    operator, editor = Checked(server.client("operator")), Checked(server.client("editor"))
    run = operator.post("/api/v1/pipelines/asks/runs", {}, 201).json()["id"]
    task = f"/api/v1/runs/{run}/tasks/ask"
    wait_for(lambda: [t for t in operator.get(f"/api/v1/runs/{run}/tasks")["tasks"] if t["status"] == "waiting"], "the question")
    asked = operator.get(task)
    assert asked["approval"]["message"] == "may it?" and asked["approval"]["roles"] == ["editor"] and asked["why"]
    assert "may not decide" in operator.post(f"{task}/approve", {}, 403).json()["detail"]
    editor.post(f"{task}/approve", {"comment": "fine"}, 204)
    editor.post(f"{task}/reject", {}, 409)
    wait_run(operator, run, "succeeded")
    decided = operator.get(task)["approval"]
    assert (decided["decision"], decided["decided_by"], decided["comment"]) == ("approved", "t-editor", "fine")
    operator.post(f"/api/v1/runs/{run}/tasks/then/approve", {}, 404)


NAMED = {
    "leat.yml": "name: t\n",
    "pipelines/named.yml": """\
name: named
tasks:
  ask: {approve: {message: "Ada?", people: [ada]}}
""",
    "pipelines/anybody.yml": """\
name: anybody
tasks:
  ask: {approve: {message: "somebody?"}}
""",
}


def test_viewers_decide_on_what_names_them_and_on_nothing_else(project, up):
    server = up(project(NAMED))
    editor = Checked(server.client("editor"))
    ada, bob = server.nobody(), server.nobody()
    for name, client in (("ada", ada), ("bob", bob)):
        server.leat("user", "add", name, "--role", "viewer", "--password-stdin", stdin=PASSWORD)
        client.sign_in(name, PASSWORD)
    token = ada.post("/api/v1/tokens", {"role": "viewer"}, 201).json()["token"]

    def asked(pipeline):
        run = editor.post(f"/api/v1/pipelines/{pipeline}/runs", {}, 201).json()["id"]
        wait_for(lambda: [t for t in editor.get(f"/api/v1/runs/{run}/tasks")["tasks"] if t["status"] == "waiting"], "the question")
        return f"/api/v1/runs/{run}", f"/api/v1/runs/{run}/tasks/ask"

    run, task = asked("named")
    may = {name: client.get(task)["approval"]["may_decide"] for name, client in
           (("ada", ada), ("bob", bob), ("editor", editor), ("token", Client(server.url, token)))}
    assert may == {"ada": True, "bob": False, "editor": False, "token": False}
    assert "may not decide" in bob.post(f"{task}/approve", {}, 403).json()["detail"]
    assert "token of a viewer" in Client(server.url, token).post(f"{task}/approve", {}, 403).json()["detail"]
    editor.post(f"{task}/mark", {"status": "succeeded"}, 403)  # that would be deciding, too
    ada.post(f"{task}/approve", {"comment": "I have looked"}, 204)
    assert not ada.get(task)["approval"]["may_decide"]
    wait_run(editor, run.rsplit("/", 1)[1], "succeeded")
    run, task = asked("anybody")
    ada.post(f"{task}/approve", {}, 403)
    ada.post(f"{run}/cancel", {}, 403)
    server.client("operator").post(f"{task}/reject", {}, 204)
    wait_run(editor, run.rsplit("/", 1)[1], "failed")


def test_the_machine_is_looked_over_and_old_runs_removed(project, up):
    leat = project(WORK)
    server = up(leat)
    admin = Checked(server.client("admin"))
    doctor = admin.get("/api/v1/doctor")
    said = "\n".join(f"{f['grade']} {f['what']}" for f in doctor["findings"])
    assert doctor["good"] is True and "project 't'" in said and "DuckDB v" in said
    (leat.project / "leat.yml").write_text("name: t\nnonsense: 1\n")
    broken = admin.get("/api/v1/doctor")
    assert broken["good"] is False and "nonsense" in "".join(f["what"] for f in broken["findings"] if f["grade"] == "FAIL")
    (leat.project / "leat.yml").write_text(WORK["leat.yml"])
    runs = [admin.post("/api/v1/pipelines/quick/runs", {}, 201).json()["id"] for _ in range(3)]
    for run in runs:
        wait_run(admin, run, "succeeded")
    assert "nothing says which runs are old" in admin.post("/api/v1/prune", {}, 400).json()["detail"]
    assert sorted(admin.post("/api/v1/prune", {"keep": 1, "dry_run": True}, 200).json()["runs"]) == runs[:2]
    assert sorted(admin.post("/api/v1/prune", {"keep": 1}, 200).json()["runs"]) == runs[:2]
    assert [run["id"] for run in admin.get("/api/v1/runs")["runs"]] == runs[2:]
    assert admin.post("/api/v1/prune", {"older_than": "30d"}, 200).json()["runs"] == []
    assert ("t-admin", "prune") in [(line["by"], line["action"]) for line in admin.get("/api/v1/audit")["changes"]]
    assert admin.get("/api/v1/schemas/pipeline")["$schema"] == leat("schema", "pipeline").json()["$schema"]
    assert "kinds are" in admin.ask("GET", "/api/v1/schemas/pipelines", status=404).json()["hint"]


def pids_of(leat, run):
    """The process that does a run."""
    def words(path):
        try:
            return (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return []

    wanted = [b"--home", str(leat.home).encode(), b"run", b"--resume", str(run).encode()]
    return [int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*") if words(p)[-6:-1] == wanted]


def wait_job(client, job):
    wait_for(lambda: client.get(f"/api/v1/jobs/{job}")["status"] != "running", f"the end of job {job}")
    return client.get(f"/api/v1/jobs/{job}")


MODELS = {"leat.yml": "name: t\n", "dbt_project.yml": "name: t\nprofile: t\n",
          "models/fixed.sql": "{{ config(materialized='table') }} select 1 as n",
          "models/chance.sql": "{{ config(materialized='table') }} select random() as n"}


def test_a_run_is_reproduced_and_compared(project, up):
    server = up(project(MODELS))
    editor = Checked(server.client("editor"))
    run = editor.post("/api/v1/runs", {"select": "fixed"}, 201).json()["id"]
    wait_run(editor, run, "succeeded")
    asked = editor.post(f"/api/v1/runs/{run}/reproduce", {}, 202)
    job = asked.json()
    assert asked.headers["Location"] == f"/api/v1/jobs/{job['id']}" and (job["kind"], job["run"], job["by"]) == ("reproduce", run, "t-editor")
    done = wait_job(editor, job["id"])
    assert done["status"] == "succeeded", done
    assert [(m["model"], m["verdict"]) for m in done["result"]] == [("fixed", "identical")]
    other = editor.post("/api/v1/runs", {}, 201).json()["id"]
    wait_run(editor, other, "succeeded")
    wrong = wait_job(editor, editor.post(f"/api/v1/runs/{other}/reproduce", {}, 202).json()["id"])
    assert wrong["status"] == "failed" and "1 of 2 tables differ" in wrong["message"]
    assert {m["model"]: m["verdict"] for m in wrong["result"]} == {"fixed": "identical", "chance": "different"}
    assert [j["id"] for j in editor.get("/api/v1/jobs")["jobs"]] == [2, 1]
    editor.post("/api/v1/runs/999/reproduce", {}, 404)
    editor.ask("GET", "/api/v1/jobs/99", status=404)
    editor.ask("GET", "/api/v1/jobs/..%2F..", status=404)
    server.client("operator").post(f"/api/v1/runs/{run}/reproduce", {}, 403)


def test_a_backup_goes_where_the_server_was_told_and_nowhere_else(project, up, tmp_path):
    leat = project(WORK)
    server = up(leat)
    admin = Checked(server.client("admin"))
    token = admin.token
    assert "--backups DIR" in admin.post("/api/v1/backups", {}, 409).json()["hint"]
    server.stop()
    server = up(leat, "--backups", str(tmp_path / "kept"))
    admin = Checked(Client(server.url, token))
    wait_run(admin, admin.post("/api/v1/pipelines/quick/runs", {}, 201).json()["id"], "succeeded")
    admin.post("/api/v1/backups", {"folder": "/tmp/elsewhere"}, 400)
    made = [wait_job(admin, admin.post("/api/v1/backups", {"keep": 2, "targets": False}, 202).json()["id"]) for _ in range(3)]
    assert [job["status"] for job in made] == ["succeeded"] * 3, made
    kept = sorted(p.name for p in (tmp_path / "kept").iterdir() if not p.name.startswith("."))
    assert kept == [job["result"]["backup"] for job in made][1:]
    assert "/" not in made[0]["result"]["backup"]
    leat("restore", str(tmp_path / "kept"), "--home", str(tmp_path / "again"))
    assert [run["run"] for run in leat("runs", "--json", "--home", str(tmp_path / "again")).json()] == [1]
    server.client("editor").post("/api/v1/backups", {}, 403)
    narrow = leat("token", "create", "t-admin", "--role", "admin", "--pipeline", "quick", "--json").json()["token"]
    Client(server.url, narrow).post("/api/v1/backups", {}, 403)
    assert Client(server.url, narrow).get("/api/v1/jobs")["jobs"] == []
    assert ("t-admin", "startBackup") in [(line["by"], line["action"]) for line in admin.get("/api/v1/audit")["changes"]]


def test_a_job_outlives_the_server_and_one_that_was_killed_is_lost(project, up, tmp_path):
    leat = project(WORK)
    server = up(leat, "--backups", str(tmp_path / "kept"))
    admin = server.client("admin")
    # a job that somebody else's process holds, as one that outlived its server does
    folder = leat.home / "jobs" / "1"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text('{"kind": "backup", "by": "ada", "run": 0, "pipeline": "", "started_at_us": 1700000000000000}')
    holder = subprocess.Popen(["flock", folder / "lock", "sh", "-c", "echo held; exec sleep 1000"], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert admin.get("/api/v1/jobs/1")["status"] == "running"
        assert "job 1 is under way" in admin.post("/api/v1/backups", {}, 409).json()["detail"]
        server.stop()
        server = up(leat, "--backups", str(tmp_path / "kept"))
        admin.host = server.nobody().host
        assert admin.get("/api/v1/jobs/1")["status"] == "running"
    finally:
        subprocess.run(["pkill", "-KILL", "-P", str(holder.pid)], check=False)
        holder.kill()
        holder.wait()
    wait_for(lambda: admin.get("/api/v1/jobs/1")["status"] == "lost", "the end of the holder")
    assert wait_job(admin, admin.post("/api/v1/backups", {}, 202).json()["id"])["status"] == "succeeded"


def test_a_run_whose_process_does_not_answer_is_ended_by_force(project, up):
    server = up(project(WORK))
    client = Checked(server.client("operator"))
    run = client.post("/api/v1/pipelines/long/runs", {}, 201).json()["id"]
    wait_for(lambda: len([t for t in client.get(f"/api/v1/runs/{run}/tasks")["tasks"] if t["status"] == "running"]) == 2, "both tasks")
    assert client.post(f"/api/v1/runs/{run}/cancel", {"task": "sleep", "force": True}, 400).json()["place"] == "body.force"
    (pid,) = pids_of(server.leat, run)
    os.kill(pid, signal.SIGSTOP)
    done = client.post(f"/api/v1/runs/{run}/cancel", {"force": True}, 200).json()
    assert done["over"] is True and done["stuck_processes"] == 0
    wait_for(lambda: pids_of(server.leat, run) == [], "what is killed to be gone")
    assert not re.search(r"left [1-9]\d* process", server.leat("doctor", code=None).out)
    assert client.get(f"/api/v1/runs/{run}")["status"] == "cancelled"
    client.post(f"/api/v1/runs/{run}/cancel", {"force": True}, 409)


def test_an_executed_notebook_is_downloaded_by_who_may_look(project, up):
    if subprocess.run([sys.executable, "-c", "import nbclient, ipykernel"], capture_output=True).returncode != 0:
        pytest.skip("python3-nbclient and python3-ipykernel are not there")
    cell = {"cell_type": "code", "metadata": {}, "source": "print(6 * 7)", "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    book = json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 4, "metadata": kernel})
    leat = project({"leat.yml": "name: t\n", "b/one.ipynb": book,
                    "pipelines/p.yml": "name: p\ntasks:\n  book: {notebook: b/one.ipynb}\n  plain: {shell: 'true'}\n"},
                   PATH=f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin")
    server = up(leat)
    viewer = Checked(server.client("viewer"))
    run = server.client("operator").post("/api/v1/pipelines/p/runs", {}, 201).json()["id"]
    wait_run(viewer, run, "succeeded")
    tasks = {t["name"]: t for t in viewer.get(f"/api/v1/runs/{run}/tasks")["tasks"]}
    assert tasks["book"]["notebook"] is True and "notebook" not in tasks["plain"]
    got = viewer.ask("GET", f"/api/v1/runs/{run}/tasks/book/notebook", status=200)
    assert got.json()["cells"][0]["outputs"][0]["text"] in ("42\n", ["42\n"])
    assert got.headers["Content-Type"] == "application/x-ipynb+json"
    assert got.headers["Content-Disposition"] == f'attachment; filename="run-{run}-book.ipynb"'
    assert viewer.ask("GET", f"/api/v1/runs/{run}/tasks/plain/notebook", status=404).json()["hint"]
    server.nobody().ask("GET", f"/api/v1/runs/{run}/tasks/book/notebook", status=401)


def test_a_selection_is_run_with_its_own_variables(project, up):
    leat = project({"leat.yml": "name: t\n", "dbt_project.yml": "name: t\nprofile: t\n",
                    "models/one.sql": "select '{{ var(\"colour\") }}' as colour"})
    server = up(leat)
    client = Checked(server.client("editor"))
    run = client.post("/api/v1/runs", {"select": "one", "vars": {"colour": "deep \"blue\""}, "threads": 3}, 201).json()["id"]
    wait_run(client, run, "succeeded")
    assert leat("sql", "--json", "select colour from one").json() == [{"colour": 'deep "blue"'}]
    only = client.post("/api/v1/runs", {"only": "extract"}, 201).json()
    assert only["command"] == "extract"
    assert "nothing to extract" in wait_run(client, only["id"], "failed")["message"]
    client.post("/api/v1/runs", {"only": "build"}, 400)
    client.post("/api/v1/runs", {"threads": 0}, 400)
    client.post("/api/v1/runs", {"vars": []}, 400)


def test_tasks_and_runs_are_stopped_and_marked(project, up):
    server = up(project(WORK))
    client = Checked(server.client("editor"))
    run = client.post("/api/v1/pipelines/long/runs", {}, 201).json()["id"]
    client.post(f"/api/v1/runs/{run}/tasks/mark/mark", {"status": "done"}, 400)
    def running():
        return {t["name"] for t in client.get(f"/api/v1/runs/{run}/tasks")["tasks"] if t["status"] == "running"}

    wait_for(lambda: running() == {"sleep", "mark"}, "both tasks")
    client.post(f"/api/v1/runs/{run}/tasks/mark/mark", {"status": "succeeded"}, 204)
    wait_for(lambda: running() == {"sleep"}, "the mark")
    assert client.post(f"/api/v1/runs/{run}/cancel", {"task": "slepe"}, 404).json()["hint"] == "did you mean 'sleep'?"
    assert client.post(f"/api/v1/runs/{run}/cancel", {"task": "sleep"}, 202).json()["over"] is False
    wait_run(client, run, "failed", "cancelled")
    assert "ended already" in client.post(f"/api/v1/runs/{run}/cancel", {}, 409).json()["detail"]


def test_users_and_tokens_are_managed_and_every_change_is_told(project, up):
    server = up(project(WORK))
    admin = Checked(server.client("admin"))
    made = admin.post("/api/v1/users", {"name": "ada", "role": "operator"}, 201).json()
    assert made["must_change_password"] is True
    admin.post("/api/v1/users", {"name": "ada", "role": "operator"}, 409)
    admin.post("/api/v1/users", {"name": "Ada", "role": "operator"}, 400)
    ada = server.nobody()
    ada.sign_in("ada", made["one_time_password"])
    ada.take(ada.ask("PUT", "/api/v1/session/password", {"old": made["one_time_password"], "new": PASSWORD}, status=200))
    ada.post("/api/v1/tokens", {"role": "editor"}, 403)
    ada.post("/api/v1/tokens", {"role": "viewer", "user": "t-admin"}, 403)
    token = ada.post("/api/v1/tokens", {"role": "operator", "label": "ci", "pipelines": ["quick"]}, 201).json()
    narrow = Client(server.url, token["token"])
    assert [p["name"] for p in narrow.get("/api/v1/pipelines")["pipelines"]] == ["quick"]
    run = narrow.post("/api/v1/pipelines/quick/runs", {}, 201).json()["id"]
    other = admin.post("/api/v1/pipelines/long/runs", {"at": "2999-01-01T00:00:00Z"}, 201).json()["id"]
    assert [r["id"] for r in narrow.get("/api/v1/runs")["runs"]] == [run]
    for method, path in (("GET", f"/api/v1/runs/{other}"), ("POST", f"/api/v1/runs/{other}/cancel")):
        narrow.ask(method, path, status=404)
    for method, path in (("GET", "/api/v1/pipelines/long"), ("POST", "/api/v1/pipelines/long/runs"), ("GET", "/api/v1/tokens"),
                         ("POST", "/api/v1/tokens"), ("GET", "/api/v1/runs?pipeline=long")):
        narrow.ask(method, path, status=403)
    assert [t["id"] for t in ada.get("/api/v1/tokens")["tokens"]] == [token["id"]]
    server.client("viewer").ask("DELETE", f"/api/v1/tokens/{token['id']}", status=404)
    assert "'leat token create --role operator'" in server.client("viewer").ask("POST", "/api/v1/pipelines/quick/runs", {}, status=403).json()["hint"]
    ada.ask("DELETE", f"/api/v1/tokens/{token['id']}", status=204)
    narrow.ask("GET", "/api/v1/pipelines", status=401)
    assert admin.ask("PATCH", "/api/v1/users/ada", {"role": "viewer"}, status=200).json()["role"] == "viewer"
    ada.ask("GET", "/api/v1/session", status=401)
    admin.ask("PATCH", "/api/v1/users/ada", {}, status=400)
    assert admin.ask("PATCH", "/api/v1/users/ada", {"disabled": True}, status=200).json()["disabled"] is True
    assert admin.post("/api/v1/users/ada/reset", status=200).json()["one_time_password"]
    admin.ask("DELETE", "/api/v1/users/ada", status=204)
    assert "ada" not in [u["name"] for u in admin.get("/api/v1/users")["users"]]
    server.leat("user", "add", "chief", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    admin.ask("DELETE", "/api/v1/users/t-admin", status=204)
    admin.token = server.leat("token", "create", "chief", "--role", "admin", "--json").json()["token"]
    log, path = [], "/api/v1/audit?limit=3"
    while path:
        page = admin.get(path)
        log += page["changes"]
        path = f"/api/v1/audit?limit=3&cursor={page['next']}" if page["next"] else None
    said = [(line["by"], line["action"], line["subject"]) for line in log]
    for line in (("ada", "startRun", "quick"), ("t-admin", "startRun", "long"), ("t-admin", "user.add", "ada"),
                 ("ada", "user.password", "ada"), ("t-admin", "user.role", "ada"), ("t-admin", "user.remove", "ada")):
        assert line in said, (line, said)
    assert all(line["from"] in ("127.0.0.1", "command line", "terminal") for line in log)


# ---- while it happens ----

TALKS = {
    "leat.yml": "name: t\n",
    "pipelines/talks.yml": """\
name: talks
tasks:
  talk:
    shell: |
      echo begin; printf 'gr\\303'; until [ -e go ]; do sleep 0.05; done; printf '\\274n\\n\\377 bytes\\n'; echo end
""",
    "pipelines/other.yml": "name: other\ntasks: {one: {shell: 'true'}}\n",
}


def test_changes_are_told_in_order_and_again_from_where_one_was(project, up):
    leat = project(TALKS)
    server = up(leat)
    client = server.client("operator")
    stream = client.events("/api/v1/events")
    run = client.post("/api/v1/pipelines/talks/runs", {}, 201).json()["id"]
    (leat.project / "go").touch()
    seen = []
    for at, kind, data in stream:
        seen.append((int(at), kind, json.loads(data)))
        if kind == "run" and seen[-1][2]["status"] == "succeeded":
            break
    assert [one[0] for one in seen] == list(range(seen[0][0], seen[0][0] + len(seen)))
    runs = [data["status"] for _, kind, data in seen if kind == "run" and data["run"] == run]
    tasks = [data["status"] for _, kind, data in seen if kind == "task"]
    assert (runs[0], runs[-2:]) == ("queued", ["running", "succeeded"]) and tasks == ["running", "succeeded"]
    assert all(data["pipeline"] == "talks" for _, _, data in seen)
    client.post("/api/v1/pipelines/talks/pause", {}, 200)
    again = client.events("/api/v1/events", {"Last-Event-ID": str(seen[1][0])})
    for was in seen[2:]:
        at, kind, data = next(again)
        assert (int(at), kind, json.loads(data)) == was
    assert json.loads(next(again)[2])["status"] == "paused"
    # who was away for too long, or was with another home, has to ask anew
    lost = client.events("/api/v1/events", {"Last-Event-ID": "999999"})
    assert next(lost)[1] == "missed"
    client.ask("GET", "/api/v1/events", headers={"Last-Event-ID": "x"}, status=400)


def test_a_narrow_token_hears_of_its_pipelines_only(project, up):
    leat = project(TALKS)
    server = up(leat)
    admin = server.client("admin")
    token = admin.post("/api/v1/tokens", {"role": "viewer", "pipelines": ["other"]}, 201).json()["token"]
    stream = Client(server.url, token).events("/api/v1/events")
    admin.post("/api/v1/pipelines/talks/runs", {"at": "2999-01-01T00:00:00Z"}, 201)
    admin.post("/api/v1/pipelines/other/runs", {}, 201)
    heard = []
    for _, kind, data in stream:
        heard.append(json.loads(data)["pipeline"])
        if kind == "run" and json.loads(data)["status"] == "succeeded":
            break
    assert set(heard) == {"other"}


def test_a_log_is_followed_to_its_end(project, up):
    leat = project(TALKS)
    server = up(leat)
    client = server.client("operator")
    run = client.post("/api/v1/pipelines/talks/runs", {}, 201).json()["id"]
    wait_for(lambda: client.get(f"/api/v1/runs/{run}")["status"] == "running", "the run")
    path = f"/api/v1/runs/{run}/tasks/talk/log"
    stream, text, last = client.events(f"{path}?follow=true"), "", None
    while "begin\n" not in text or not text.endswith("gr"):
        last, kind, data = next(stream)
        assert kind == "log"
        text += json.loads(data)
    (leat.project / "go").touch()
    rest = ""
    for _, kind, data in stream:
        if kind == "end":
            assert json.loads(data) == "succeeded"
            break
        rest += json.loads(data)
    assert "ün\n\ufffd bytes\nend\n" in rest
    again = "".join(json.loads(data) for _, kind, data in client.events(f"{path}?follow=true", {"Last-Event-ID": last}) if kind == "log")
    assert again == rest
    whole = client.ask("GET", path, status=200)
    assert b"gr\xc3\xbcn\n\xff bytes\nend\n" in whole.body and whole.headers["Content-Type"].startswith("text/plain")
    size = len(whole.body)
    for asked, got in (("bytes=0-4", whole.body[:5]), ("bytes=3-", whole.body[3:]), ("bytes=-4", whole.body[-4:])):
        part = client.ask("GET", path, headers={"Range": asked}, status=206)
        assert part.body == got and part.headers["Content-Range"].endswith(f"/{size}")
    client.ask("GET", path, headers={"Range": f"bytes={size}-"}, status=416)
    client.ask("GET", f"/api/v1/runs/{run}/tasks/tlak/log", status=404)


def test_five_hundred_follow_a_log_without_a_thread_each(project, up):
    leat = project(TALKS)
    server = up(leat, "--rate", "0")
    client = server.client("operator")
    run = client.post("/api/v1/pipelines/talks/runs", {}, 201).json()["id"]
    wait_for(lambda: client.get(f"/api/v1/runs/{run}")["status"] == "running", "the run")
    streams = [client.events(f"/api/v1/runs/{run}/tasks/talk/log?follow=true") for _ in range(500)]
    for stream in streams:
        assert next(stream)[1] == "log"
    threads = len(list(pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()))
    files = len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))
    assert threads < 20 and files < 600, (threads, files)
    (leat.project / "go").touch()
    for stream in streams:
        text = ""
        for _, kind, data in stream:
            if kind == "end":
                break
            text += json.loads(data)
        assert "bytes\nend\n" in text
    assert client.get(f"/api/v1/runs/{run}")["status"] == "succeeded"


def test_followers_are_sent_away_when_the_server_stops(project, up):
    server = up(project(TALKS))
    client = server.client("viewer")
    streams = [client.events("/api/v1/events") for _ in range(3)]
    server.client("admin").post("/api/v1/pipelines/talks/pause", {}, 200)
    for stream in streams:
        next(stream)
    server.process.terminate()
    assert [list(stream) for stream in streams] == [[], [], []]
    assert server.process.wait(60) == 0
    server.process.communicate()


# ---- figures ----

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf)|NaN)")


def read_metrics(text):
    """Prometheus' text format 0.0.4, strictly: {name: (type, {labels: value})}."""
    assert text.endswith("\n")
    families, samples, current = {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, said = line.split(" ", 3)
            assert re.fullmatch(NAME, current) and current not in families and said, line
            families[current] = [None, {}]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and families[name][0] is None and not families[name][1], line
            assert kind in ("counter", "gauge", "histogram", "summary"), line
            families[name][0] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line!r}"
            name, labels, value = match.groups()
            kind = families[current][0]
            suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
            assert name in [current + suffix for suffix in suffixes], line
            assert kind != "counter" or name.endswith("_total"), line
            assert (name, labels) not in samples, f"twice: {line}"
            samples.add((name, labels))
            families[current][1][name + ("{%s}" % labels if labels else "")] = float(value)
    for name, (kind, values) in families.items():
        if kind == "histogram":
            buckets = [value for key, value in values.items() if key.startswith(name + "_bucket")]
            assert buckets == sorted(buckets) and buckets[-1] == values[name + "_count"], name
            assert name + '_bucket{le="+Inf"}' in values
    return families


def test_figures_are_in_prometheus_own_format(project, up):
    server = up(project(WORK))
    client = server.client("operator")
    run = client.post("/api/v1/pipelines/quick/runs", {}, 201).json()["id"]
    wait_run(client, run, "succeeded")
    client.post("/api/v1/pipelines/long/runs", {"at": "2999-01-01T00:00:00Z"}, 201)
    client.ask("GET", "/nothing", status=404)

    def figures():
        answer = client.ask("GET", "/metrics", status=200)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return read_metrics(answer.body.decode())

    wait_for(lambda: figures()["leat_task_seconds"][1]["leat_task_seconds_count"] == 1, "the task's length")
    found = figures()
    assert found["leat_runs"][1]['leat_runs{pipeline="quick",status="succeeded"}'] == 1
    assert found["leat_runs"][1]['leat_runs{pipeline="long",status="queued"}'] == 1
    requests = found["leat_http_requests_total"][1]
    assert requests['leat_http_requests_total{operation="startRun",status="2xx"}'] == 2
    assert requests['leat_http_requests_total{operation="none",status="4xx"}'] == 1
    assert 1e6 < found["process_resident_memory_bytes"][1]["process_resident_memory_bytes"] < 1e10
    assert found["leat_scheduler_beat_age_seconds"][1]["leat_scheduler_beat_age_seconds"] < 30
    assert found["leat_state_bytes"][1]["leat_state_bytes"] > 0
    for name in ("leat_schedule_lag_seconds", "leat_pool_places", "leat_tasks_waiting", "leat_followers", "process_open_fds"):
        assert name in found


def test_prometheus_own_parsers_take_the_figures(project, up):
    parser = pytest.importorskip("prometheus_client.parser", reason="python3-prometheus-client is not installed")
    server = up(project(WORK))
    client = server.client("operator")
    wait_run(client, client.post("/api/v1/pipelines/quick/runs", {}, 201).json()["id"], "succeeded")
    text = client.ask("GET", "/metrics", status=200).body.decode()
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    ours = read_metrics(text)
    assert {name.removesuffix("_total") for name in ours} == set(families)
    for name, (kind, values) in ours.items():
        family = families[name.removesuffix("_total")]
        assert (family.type, bool(family.documentation)) == (kind, True), name
        assert sorted(sample.value for sample in family.samples) == sorted(values.values()), name
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_parser_of_figures_is_strict():
    good = "# HELP a b\n# TYPE a counter\n"
    for wrong in ("a_total 1", good + "b_total 1\n", good + "a_total{x=1} 1\n", good + 'a_total{x="1" 1\n', good + "a_total one\n",
                  "# HELP h b\n# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n"):
        with pytest.raises((AssertionError, KeyError)):
            read_metrics(wrong)


# ---- the page ----


def test_the_page_needs_nothing_from_elsewhere(project, up):
    server = up(project(PIPELINES))
    answer = server.nobody().ask("GET", "/", status=200)
    page, policy = answer.body.decode(), answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8" and len(answer.headers.get_all("Content-Security-Policy")) == 1
    assert not re.search(r"""(?:src|href)=["'](?!#|data:image/svg)""", page) and "http" + "://" not in page and "https" + "://" not in page
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{source} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert " on" + "click=" not in page and " style=" not in page  # the policy would not let them be
    assert '<html lang="en">' in page and 'name="viewport"' in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'\$\("([^"]+)"\)', page)) <= set(ids)
    node = shutil.which("node")
    if node:
        script = re.findall(r"<script>(.*?)</script>", page, re.S)[0]
        done = subprocess.run([node, "--check", "-"], input=script, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


# ---- other addresses ----


def certificate(folder):
    """A certificate for 127.0.0.1, signed by itself."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=leat", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
                   check=True, capture_output=True)
    return cert, key


def test_tls_protects_cookies_and_events(project, up, tmp_path):
    cert, key = certificate(tmp_path)
    leat = project(TALKS)
    server = up(leat, "--tls-cert", cert, "--tls-key", key)
    assert server.url.startswith("https")
    client = server.client("operator")
    context = ssl.create_default_context(cafile=str(cert))
    client.connect = lambda: http.client.HTTPSConnection(client.host, timeout=60, context=context)
    answer = client.post("/api/v1/session", {"user": "t-operator", "password": PASSWORD}, 200)
    assert answer.headers["Set-Cookie"].startswith("__Host-leat_session=") and "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    stream = client.events("/api/v1/events")
    run = client.post("/api/v1/pipelines/talks/runs", {}, 201).json()["id"]
    (leat.project / "go").touch()
    for _, kind, data in stream:
        if kind == "run" and json.loads(data)["status"] == "succeeded":
            break
    log = "".join(json.loads(data) for _, kind, data in client.events(f"/api/v1/runs/{run}/tasks/talk/log?follow=true") if kind == "log")
    assert "begin" in log and "end" in log


def test_others_are_listened_for_only_when_it_is_safe(project, up, tmp_path):
    cert, key = certificate(tmp_path)
    leat = project(PIPELINES)
    tls = ("--tls-cert", cert, "--tls-key", key)
    assert "others could read" in leat("up", "--listen", "0.0.0.0:0", code=2).err
    assert "there is no user yet" in leat("up", "--listen", "0.0.0.0:0", *tls, code=2).err
    assert leat("user", "list", "--json").json() == []
    leat("user", "add", "ada", "--role", "admin")
    assert "one-time password" in leat("up", "--listen", "0.0.0.0:0", *tls, code=2).err
    leat("user", "reset", "ada", "--password-stdin", stdin=PASSWORD)
    up(leat, "--listen", "0.0.0.0:0", *tls).stop()
    up(leat, "--listen", "0.0.0.0:0", "--insecure-listen").stop()
    leat("up", "--listen", "nonsense", code=2)
    leat("up", "--tls-cert", cert, code=2)


# ---- tokens and passwords, keys ----


def test_a_token_works_before_and_after_its_user_has_a_one_time_password(project, up):
    server = up(project(WORK))
    admin, leat = server.client("admin"), server.leat
    leat("user", "add", "bot", "--role", "operator")  # nobody has signed in as it
    token = leat("token", "create", "bot", "--role", "operator", "--pipeline", "quick", "--json").json()["token"]
    bot = Checked(Client(server.url, token))
    assert bot.get("/api/v1/session")["must_change_password"] is False
    bot.post("/api/v1/pipelines/quick/runs", {}, 201)
    assert "1 token of bot goes on; --revoke-tokens ends it" in leat("user", "reset", "bot").out
    made = admin.post("/api/v1/users/bot/reset", {}, 200).json()["one_time_password"]
    bot.post("/api/v1/pipelines/quick/runs", {}, 201)
    person = Checked(server.nobody())  # the duty is of the password, and of all that comes by it
    person.sign_in("bot", made)
    for method, path in (("GET", "/api/v1/runs"), ("POST", "/api/v1/tokens"), ("POST", "/api/v1/pipelines/quick/runs")):
        assert "one-time password" in person.ask(method, path, {} if method == "POST" else None, status=403).json()["detail"], path
    bot.ask("PUT", "/api/v1/session/password", {"old": made, "new": PASSWORD}, status=403)  # a token does not choose it
    admin.ask("PATCH", "/api/v1/users/bot", {"disabled": True}, status=200)
    bot.ask("GET", "/api/v1/session", status=401)
    admin.ask("PATCH", "/api/v1/users/bot", {"disabled": False}, status=200)
    admin.ask("PATCH", "/api/v1/users/bot", {"role": "viewer"}, status=200)
    bot.post("/api/v1/pipelines/quick/runs", {}, 403)
    second = leat("token", "create", "bot", "--json").json()["token"]
    assert "goes on" not in leat("user", "reset", "bot", "--revoke-tokens").out
    for text in (token, second):
        Client(server.url, text).ask("GET", "/api/v1/session", status=401)
    third = leat("token", "create", "bot", "--json").json()
    admin.post("/api/v1/users/bot/reset", {"revoke_tokens": True}, 200)
    Client(server.url, third["token"]).ask("GET", "/api/v1/session", status=401)
    assert ("t-admin", "token.revoke", third["id"]) in [(c["by"], c["action"], c["subject"]) for c in admin.get("/api/v1/audit")["changes"]]
    assert all(row["revoked"] for row in leat("token", "list", "bot", "--json").json())


def test_a_token_is_made_only_for_pipelines_that_there_are(project, up):
    server = up(project(WORK))
    admin = Checked(server.client("admin"))
    told = server.leat("token", "create", "t-admin", "--pipeline", "quik", code=2).err
    assert "there is no pipeline 'quik'" in told and "did you mean 'quick'?" in told
    wrong = admin.post("/api/v1/tokens", {"role": "viewer", "pipelines": ["quick", "quik"]}, 404).json()
    assert wrong["place"] == "body.pipelines[1]" and "did you mean 'quick'" in wrong["hint"]
    assert len(admin.get("/api/v1/tokens")["tokens"]) == 1  # the one that asks


def test_a_key_is_of_its_user_and_of_one_request(project, up):
    server = up(project(WORK))
    operator, editor = Checked(server.client("operator")), Checked(server.client("editor"))
    key = {"headers": {"Idempotency-Key": "k"}}
    first = operator.post("/api/v1/pipelines/quick/runs", {"at": "2999-01-01T00:00:00Z"}, 201, **key).json()["id"]
    assert operator.post("/api/v1/pipelines/quick/runs", '{ "at" : "2999-01-01T00:00:00Z" }', 200,
                         headers={**key["headers"], "Content-Type": "application/json"}).json()["id"] == first
    other = operator.post("/api/v1/pipelines/quick/runs", {"at": "2999-01-02T00:00:00Z"}, 422, **key)
    assert other.headers["Content-Type"] == "application/problem+json"
    assert f"run {first} has this key" in other.json()["detail"] and other.json()["place"] == "header.Idempotency-Key"
    theirs = editor.post("/api/v1/pipelines/quick/runs", {"at": "2999-01-02T00:00:00Z"}, 201, **key).json()["id"]
    assert theirs != first
    elsewhere = operator.post("/api/v1/pipelines/fails/runs", {"at": "2999-01-02T00:00:00Z"}, 201, **key).json()["id"]
    assert elsewhere not in (first, theirs)
    chosen = editor.post("/api/v1/runs", {"select": "nothing_there"}, 201, **key).json()["id"]
    assert editor.post("/api/v1/runs", {"select": "nothing_there"}, 200, **key).json()["id"] == chosen
    editor.post("/api/v1/runs", {"select": "other"}, 422, **key)
    assert operator.post(f"/api/v1/runs/{first}/cancel", {}, 200).json()["over"] is True
    again = operator.post(f"/api/v1/runs/{first}/retry", {"all": True}, 201, **key).json()["id"]
    assert operator.post(f"/api/v1/runs/{first}/retry", {"all": True}, 200, **key).json()["id"] == again
    operator.post(f"/api/v1/runs/{first}/retry", {}, 422, **key)


def test_words_of_refusals_say_what_is_wanted(project, up):
    server = up(project({"leat.yml": "name: t\n", "pipelines/p.yml": "name: p\ntasks: {one: {shell: 'true'}}\n"
                                                                     "triggers: {pushed: {webhook: {secret: HOOK_WORD}}}\n"}, HOOK_WORD="a secret of some length"))
    refused = server.nobody().post("/api/v1/hooks/p/pushed", {"a": 1}, 401).json()
    assert refused["title"] == "Not signed as agreed"
    server.leat("user", "add", "ada", "--password-stdin", stdin=PASSWORD)
    ada = Checked(server.nobody())
    ada.sign_in("ada", PASSWORD)
    short = ada.ask("PUT", "/api/v1/session/password", {"old": PASSWORD, "new": "short"}, status=400).json()
    assert short["place"] == "body.new" and "at least 10 are wanted" in short["detail"]


# ---- who does not speak like the others ----


def raw(server, text, source="127.0.0.1"):
    """A connection that has sent these bytes."""
    host, port = server.nobody().host.split(":")
    made = socket.create_connection((host, int(port)), timeout=60, source_address=(source, 0))
    made.sendall(text)
    return made


def answered(server, text, source="127.0.0.1"):
    with contextlib.suppress(ConnectionError), raw(server, text, source) as connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


@pytest.mark.parametrize("head", [b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                                  b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /health/live\0x HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                  b"GET /health/live?a=\0&b HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_head_that_may_mean_two_things_is_refused(project, up, head):
    server = up(project(PIPELINES))
    assert answered(server, head).startswith(b"HTTP/1.1 400 ")
    for good in (b"GET /nothing?a=b%00 HTTP/1.1", b"GET /health/live HTTP/1.1", b"GET  /health/live HTTP/1.1"):
        assert b" 400 " not in answered(server, good + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n").split(b"\r\n")[0], good


def test_who_opens_connections_and_says_nothing_holds_nobody_up(project, up):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4000:
        pytest.skip("not enough open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4000), hard))
    server = up(project(PIPELINES))
    asks = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    half_head, half_body = b"GET /health/live HTTP/1.1\r\nHost: local", b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
    silent = []
    try:
        for half in (half_head, half_body):
            for _ in range(900):
                with contextlib.suppress(ConnectionError):
                    silent.append(raw(server, half))
            for source in ("127.0.0.2", "127.0.0.1"):  # somebody else, and one who shares the address (a proxy)
                wait_until(lambda: answered(server, asks, source).startswith(b"HTTP/1.1 200 "), 30, 0.1, f"an answer for {source} beside {half}")
    finally:
        for connection in silent:
            connection.close()
