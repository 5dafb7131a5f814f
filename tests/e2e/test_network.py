"""Between leat and an API: certificates that are not right, proxies."""

import base64
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import urllib.parse

import pytest

from harness import SHOP

SOURCE = """\
name: api
kind: rest
base_url: "{{ env_var('API_URL') }}"
retries: 0
resources:
  - {name: items, path: /items, load: {table: raw.items}}
"""
RECORDS = json.dumps([{"id": 1}, {"id": 2}]).encode()


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def give(self, status, body=RECORDS, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.give(200)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(handler=Quiet, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.handle_error = lambda *_: None
        server.daemon_threads = True
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# ---- TLS ----

def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder with an authority and what it has signed: good, expired, for another host; and one that nobody has signed."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Our authority")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "alone.key", "-out", "alone.pem", "-days", "30",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    for name, host, days in (("good", "localhost", "30"), ("expired", "localhost", "0"), ("other", "other.example", "30")):
        (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    return folder


def tls(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@pytest.mark.parametrize("name, ca, message, hint", [
    ("good", "ca.pem", None, None),
    ("alone", "alone.pem", None, None),
    ("good", None, "unable to get local issuer certificate", "trust its authority with `ca_file`"),
    ("alone", None, "self-signed certificate", "trust it with `ca_file`"),
    ("expired", "ca.pem", "certificate has expired", "its people must renew it"),
    ("other", "ca.pem", "matches target host name 'localhost'", "it is made for another host: check base_url"),
])
def test_a_certificate_is_trusted_only_when_it_is_right(project, serve, certificates, name, ca, message, hint):
    port = serve(context=tls(certificates, name))
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE + (f"ca_file: {ca}\n" if ca else "")}, API_URL=f"https://localhost:{port}")
    if ca:
        shutil.copy(certificates / ca, leat.project / ca)
    result = leat("run", code=2 if message else 0)
    if message:
        leat.edge(result, "the server's certificate is not trusted", message, hint)
    else:
        assert leat.rows("select count(*) as n from raw.items") == [[2]]


def test_a_missing_file_of_certificates_is_told_with_its_place(project):
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE + "ca_file: none.pem\n"}, API_URL="https://localhost:1")
    leat.edge(leat("run", code=2), "sources/api.yml:7:10: the file '", "none.pem' is not there")


def test_a_server_that_speaks_no_tls_is_told(project, serve):
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE}, API_URL=f"https://localhost:{serve()}")
    leat.edge(leat("run", code=3), "TLS could not be set up", "check that the port speaks https")


# ---- proxies ----

def proxy_handler(seen, want=None, tunnel_to=None):
    class Proxy(Quiet):
        def allowed(self):
            return want is None or self.headers.get("Proxy-Authorization") == "Basic " + base64.b64encode(want.encode()).decode()

        def do_GET(self):
            seen.append(self.path)
            if self.allowed():
                self.give(200)
            else:
                self.give(407, b"", Proxy_Authenticate="Basic")

        def do_CONNECT(self):
            seen.append(self.path)
            if not self.allowed() or not tunnel_to:
                self.give(407, b"", Proxy_Authenticate="Basic")
                return
            self.send_response(200)
            self.end_headers()
            self.tunnel()

        def tunnel(self):
            import socket
            with socket.create_connection(("127.0.0.1", tunnel_to)) as server:
                def pump(a, b):
                    while data := a.recv(65536):
                        b.sendall(data)
                    b.shutdown(socket.SHUT_WR)
                back = threading.Thread(target=pump, args=(server, self.connection), daemon=True)
                back.start()
                pump(self.connection, server)
                back.join(10)
            self.close_connection = True
    return Proxy


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_requests_go_through_the_proxy(project, serve, name):
    seen = []
    port = serve(proxy_handler(seen))
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE}, API_URL="http://api.example.test", **{name: f"http://127.0.0.1:{port}"})
    leat("run")
    assert seen == ["http://api.example.test/items"]


def test_no_proxy_and_loopback_go_straight(project, serve):
    seen = []
    proxy = f"http://127.0.0.1:{serve(proxy_handler(seen))}"
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE}, API_URL=f"http://127.0.0.1:{serve()}", http_proxy=proxy)
    leat("run")
    leat.env.update(API_URL="http://api.example.test", NO_PROXY="example.test")
    leat.edge(leat("run", code=3), "the host has no address")
    assert seen == []


def test_https_goes_through_a_tunnel(project, serve, certificates):
    seen = []
    server = serve(context=tls(certificates, "other"))
    proxy = serve(proxy_handler(seen, want="me:pass word", tunnel_to=server))
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE + "ca_file: ca.pem\n"}, API_URL="https://other.example",
                   https_proxy=f"http://me:pass%20word@127.0.0.1:{proxy}")
    shutil.copy(certificates / "ca.pem", leat.project / "ca.pem")
    leat("run")
    assert seen == ["other.example:443"] and leat.rows("select count(*) as n from raw.items") == [[2]]


def test_a_proxy_that_refuses_is_named(project, serve):
    seen = []
    port = serve(proxy_handler(seen, want="me:right"))
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE}, API_URL="https://api.example.test",
                   https_proxy=f"http://me:wrong-password@127.0.0.1:{port}")
    result = leat("run", code=3)
    leat.edge(result, "the proxy does not let us through", "407", "check https_proxy")
    assert "wrong-password" not in result.text


def test_a_proxy_that_is_not_there_is_told(project):
    leat = project({"leat.yml": SHOP["leat.yml"], "sources/api.yml": SOURCE}, API_URL="http://api.example.test", http_proxy="http://127.0.0.1:1")
    leat.edge(leat("run", code=3), "cannot connect", "127.0.0.1 port 1")
