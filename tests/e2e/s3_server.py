"""`leat store serve` on a free port, and the means to talk to it: boto3, raw sockets, own signatures."""

import datetime
import hashlib
import hmac
import os
import pathlib
import signal
import socket
import subprocess
import urllib.parse

from harness import LEAT, clean_env

ROOT = ("rootrootrootroot", "root/secret+root=secret/root")
REGION = "us-east-1"
EMPTY = hashlib.sha256(b"").hexdigest()


class Server:
    def __init__(self, folder, *options, root=ROOT, env=None, scheme="http"):
        self.folder = pathlib.Path(folder)
        self.home = self.folder / "home"
        self.env = clean_env(self.folder / "user")
        self.env.update(LEAT_KEY="a passphrase of these tests", **(env or {}))
        if root:
            self.env.update(LEAT_ACCESS_KEY_ID=root[0], LEAT_SECRET_ACCESS_KEY=root[1])
        self.root, self.options, self.scheme = root, options, scheme
        self.process, self.out = None, []
        self.start()

    def start(self, listen="127.0.0.1:0"):
        self.log = open(self.folder / "serve.log", "ab")
        self.folder.joinpath("user").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [LEAT, "store", "serve", "--home", str(self.home), "--listen", listen, *self.options],
            cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.out = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"leat store serve did not start: {self.logged()}")
            self.out.append(line)
            if line.startswith("listening on "):
                break
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def logged(self):
        self.log.flush()
        return self.folder.joinpath("serve.log").read_text(errors="replace")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.log.close()
        return code

    def leat(self, *args, code=0):
        done = subprocess.run([LEAT, *map(str, args), "--home", str(self.home)], cwd=self.folder, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def client(self, key=None, **config):
        import boto3
        from botocore.client import Config
        key = key or self.root
        config.setdefault("retries", {"max_attempts": 0})
        config.setdefault("s3", {"addressing_style": "path"})
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=key[0],
                            aws_secret_access_key=key[1], config=Config(**config))

    def anonymous(self):
        import boto3
        from botocore import UNSIGNED
        from botocore.client import Config
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION,
                            config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}, s3={"addressing_style": "path"}))

    # ---- raw requests

    def dial(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 20)
        connection.settimeout(20)
        return connection

    def ask(self, method, target, headers=(), body=b"", sign=True, key=None, **how):
        """One request on a connection of its own; gives (status, headers, body)."""
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        if sign:
            headers += signature(method, target, headers, self.port, key or self.root, body=body, **how)
        elif not any(name.lower() == "host" for name, _ in headers):
            headers.append(("Host", f"127.0.0.1:{self.port}"))
        if body and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        with self.dial() as connection:
            try:
                connection.sendall(head(method, target, headers) + body)
            except BrokenPipeError:
                pass  # answered and closed before the end of the body
            return Reply(connection, method).whole()


def head(method, target, headers):
    lines = [f"{method} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Reply:
    """What comes back on a socket: status by status."""

    def __init__(self, connection, method="GET"):
        self.file, self.method = connection.makefile("rb"), method

    def head(self):
        line = self.file.readline().decode("latin-1")
        if not line:
            return None, {}
        headers = {}
        for raw in iter(self.file.readline, b"\r\n"):
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(line.split()[1]), headers

    def whole(self):
        status, headers = self.head()
        while status == 100:
            status, headers = self.head()
        if status is None:
            return None, {}, b""
        if self.method == "HEAD" or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                self.file.readline()
            return status, headers, body
        return status, headers, self.file.read(int(headers.get("content-length", 0)))


# ---- signatures of our own, so that they can be made wrong

def now(offset=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def signing_key(secret, date, region=REGION, service="s3"):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_query(query, without=()):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    quote = lambda text: urllib.parse.quote(text, safe="-._~")
    return "&".join(sorted(f"{quote(name)}={quote(value)}" for name, value in pairs if name not in without))


def string_to_sign(method, target, headers, names, payload, time, without=()):
    path, _, query = target.partition("?")
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    canonical = "\n".join([method, path, canonical_query(query, without), lines, ";".join(names), payload])
    scope = f"{time[:8]}/{REGION}/s3/aws4_request"
    return "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])


def signature(method, target, headers, port, key, body=b"", payload=None, time=None, leave_out=(), host=None):
    """The headers that sign a request; `leave_out` are names that are sent but not signed."""
    time = time or now()
    payload = payload or hashlib.sha256(body).hexdigest()
    extra = [("Host", host or f"127.0.0.1:{port}"), ("x-amz-date", time), ("x-amz-content-sha256", payload)]
    every = {name.lower(): str(value) for name, value in headers + extra}
    names = sorted(name for name in every if name not in leave_out and name not in ("expect", "content-length", "transfer-encoding"))
    text = string_to_sign(method, target, every, names, payload, time)
    made = hmac.new(signing_key(key[1], time[:8]), text.encode(), hashlib.sha256).hexdigest()
    value = f"AWS4-HMAC-SHA256 Credential={key[0]}/{time[:8]}/{REGION}/s3/aws4_request, SignedHeaders={';'.join(names)}, Signature={made}"
    return extra + [("Authorization", value)]


def presign(method, path, port, key, expires=600, time=None, query=""):
    time = time or now()
    params = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{key[0]}/{time[:8]}/{REGION}/s3/aws4_request",
              "X-Amz-Date": time, "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": "host"}
    query = "&".join(filter(None, [query, urllib.parse.urlencode(params, quote_via=urllib.parse.quote, safe="")]))
    text = string_to_sign(method, f"{path}?{query}", {"host": f"127.0.0.1:{port}"}, ["host"], "UNSIGNED-PAYLOAD", time)
    made = hmac.new(signing_key(key[1], time[:8]), text.encode(), hashlib.sha256).hexdigest()
    return f"{path}?{query}&X-Amz-Signature={made}"
