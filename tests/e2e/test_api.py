"""The server's API: who may do what, and what is answered."""

import json
import re

import pytest

from api_client import PASSWORD, ROLES, Client, Server

PIPELINES = {
    "leat.yml": "name: t\n",
    "pipelines/quick.yml": "name: quick\ntasks: {one: {shell: 'echo hello'}}\n",
}


@pytest.fixture
def up():
    """up(leat, options...) starts a server; all are killed at the end."""
    servers = []

    def start(leat, *args):
        servers.append(Server(leat, *args))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


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
