"""A client of the server's API, and the server, for tests."""

import contextlib
import http.client
import http.cookies
import json
import os
import pathlib
import re
import signal
import urllib.parse

import pytest

ROLES = ("viewer", "operator", "editor", "admin")
PASSWORD = "seven brown teapots"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers}\n{self.body[:2000]!r}"


class Client:
    """Asks as somebody: with a token, a session, or as nobody."""

    def __init__(self, url, token=None):
        self.host, self.token, self.cookie, self.csrf = urllib.parse.urlsplit(url).netloc, token, None, None

    def headers(self, method, more):
        headers = {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.cookie:
            headers["Cookie"] = self.cookie
        if self.csrf and method not in ("GET", "HEAD"):
            headers["X-CSRF-Token"] = self.csrf
        headers.update(more or {})
        return headers

    def connect(self):
        return http.client.HTTPConnection(self.host, timeout=60)

    def ask(self, method, path, body=None, headers=None, status=None):
        """`body`: an object is sent as JSON. `status`: what must come."""
        headers = self.headers(method, headers)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            streams = reply.headers.get("Content-Type") == "text/event-stream"
            answer = Answer(reply.status, reply.headers, b"" if streams else reply.read())
        finally:
            connection.close()
        if status is not None:
            assert answer.status == status, (method, path, answer)
        return answer

    def get(self, path, status=200, **headers):
        return self.ask("GET", path, status=status, **headers).json()

    def post(self, path, body=None, status=None, **more):
        return self.ask("POST", path, body, status=status, **more)

    def sign_in(self, user, password, status=200):
        answer = self.post("/api/v1/session", {"user": user, "password": password}, status)
        if answer.status == 200:
            self.take(answer)
        return answer

    def take(self, answer):
        cookie = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])
        (name,) = cookie
        self.cookie, self.csrf = f"{name}={cookie[name].value}", answer.json()["csrf"]

    def events(self, path, headers=None):
        """Server-sent events, as they come: (id, event, data). Asked for at once."""
        connection = self.connect()
        connection.request("GET", path, headers={**self.headers("GET", None), **(headers or {})})
        reply = connection.getresponse()
        assert reply.status == 200, (reply.status, reply.read())
        return read_events(connection, reply)


def read_events(connection, reply):
    try:
        fields = {}
        while line := reply.readline():
            line = line.rstrip(b"\n").decode()
            if not line:
                if "data" in fields:
                    yield fields.get("id"), fields["event"], fields["data"]
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                assert name in ("id", "event", "data") and name not in fields, line
                fields[name] = value
    finally:
        connection.close()


class Server:
    """`leat up`, with what it said at its start."""

    def __init__(self, leat, *args):
        self.leat = leat
        self.process = leat.start("up", *args)
        self.line = self.process.stdout.readline()
        assert self.line.startswith("the server works"), (self.line, self.process.stderr.read() if not self.line else "")
        self.url = re.search(r"https?://\S+:\d+", self.line)[0]
        self.tokens = {}

    def box(self):
        """The block that the first start prints."""
        lines = []
        while not (lines and lines[-1].startswith("  +") and len(lines) > 2):
            lines.append(self.process.stdout.readline().rstrip("\n"))
        return lines

    def nobody(self):
        return Client(self.url)

    def client(self, role="admin"):
        """Somebody with a token of this role."""
        if role not in self.tokens:
            self.leat("user", "add", f"t-{role}", "--role", role, "--password-stdin", stdin=PASSWORD)
            self.tokens[role] = self.leat("token", "create", f"t-{role}", "--role", role, "--json").json()["token"]
        return Client(self.url, self.tokens[role])

    def stop(self):
        """It must have lived until now; stopping again is fine."""
        if self.process.stdout.closed:
            return
        code = self.process.poll()
        if code is None:
            self.process.kill()
        said = self.process.communicate()
        assert code is None, (code, said)

    def end(self):
        """With its runs, which would go on without it: each is told to stop, and ends what it has begun."""
        self.stop()
        home = str(self.leat.home).encode()
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"--resume" in words and home in words:
                    os.kill(int(path.parent.name), signal.SIGTERM)


@pytest.fixture
def up():
    """up(leat, options...) starts a server that this client talks to; all are killed at the end."""
    servers = []

    def start(leat, *args):
        servers.append(Server(leat, *args))
        return servers[-1]

    yield start
    for server in servers:
        server.end()
