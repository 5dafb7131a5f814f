"""The S3 face on the wire: what clients send badly, slowly or with bad intent, byte by byte."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import time
import zlib

import pytest
from s3_server import EMPTY, REGION, ROOT, Reply, Server, canonical_query, head, now, presign, signature, signing_key, string_to_sign


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("s3wire"), "--domain", "s3.test")
    assert made.ask("PUT", "/wire")[0] == 200
    yield made
    assert made.process.poll() is None, made.logged()  # nothing of all this ended it
    made.stop()


def code(body):
    text = body.decode()
    return text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""


def get(server, key):
    return server.ask("GET", f"/wire/{key}")


# ---------------------------------------------------------------- Expect

def test_continue_comes_at_once_and_only_for_who_is_accepted(server):
    for body in (b"hello", b""):
        headers = [("Expect", "100-continue"), ("Content-Length", str(len(body)))]
        with server.dial() as connection:
            connection.sendall(head("PUT", "/wire/e", headers + signature("PUT", "/wire/e", headers, server.port, ROOT, body)))
            reply = Reply(connection, "PUT")
            assert reply.head()[0] == 100
            connection.sendall(body)
            assert reply.whole()[0] == 200
    with server.dial() as connection:
        wrong = (ROOT[0], "another secret")
        headers = [("Expect", "100-continue"), ("Content-Length", "5")]
        connection.sendall(head("PUT", "/wire/e", headers + signature("PUT", "/wire/e", headers, server.port, wrong, b"hello")))
        reply = Reply(connection, "PUT")
        status, headers = reply.head()
        assert status == 403 and headers["connection"].lower() == "close"


# ---------------------------------------------------------------- framing

@pytest.mark.parametrize("framing", [
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nContent-Length: 5",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: xchunked",
])
def test_a_body_that_is_announced_in_two_ways_is_refused(server, framing):
    """What a proxy may read otherwise than we do must not be read at all."""
    with server.dial() as connection:
        connection.sendall(f"PUT /wire/framed HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                           "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1
    assert get(server, "framed")[0] == 404


# ---------------------------------------------------------------- aws-chunked

def chunked(server, key, chunks, mode, trailer=b"", spoil=lambda frames: frames, decoded=None, extra=(), te=False, trailer_secret=ROOT[1]):
    """A PUT in signed or unsigned chunks, as SDKs send it over TLS."""
    time_, target = now(), f"/wire/{key}"
    size = sum(map(len, chunks)) if decoded is None else decoded
    headers = [("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(size)), *extra]
    signed = signature("PUT", target, headers, server.port, ROOT, payload=mode, time=time_)
    previous = dict(signed)["Authorization"].rsplit("=", 1)[1]
    skey, scope = signing_key(ROOT[1], time_[:8]), f"{time_[:8]}/{REGION}/s3/aws4_request"
    frames = []
    for chunk in [*chunks, b""]:
        line = f"{len(chunk):x}"
        if "UNSIGNED" not in mode:
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", time_, scope, previous, EMPTY, hashlib.sha256(chunk).hexdigest()])
            previous = hmac.new(skey, text.encode(), hashlib.sha256).hexdigest()
            line += f";chunk-signature={previous}"
        frames.append(line.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b""))
    if trailer:
        frames.append(trailer + b"\r\n")
        if "UNSIGNED" not in mode:
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", time_, scope, previous, hashlib.sha256(trailer + b"\n").hexdigest()])
            made = hmac.new(signing_key(trailer_secret, time_[:8]), text.encode(), hashlib.sha256).hexdigest()
            frames.append(b"x-amz-trailer-signature:" + made.encode() + b"\r\n")
    body = b"".join(spoil(frames)) + b"\r\n"
    if te:
        headers = headers + [("Transfer-Encoding", "chunked")]
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        headers = headers + [("Content-Length", str(len(body)))]
    return server.ask("PUT", target, headers + signed, body, sign=False)


CRC = base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big"))
TRAILER = [("x-amz-trailer", "x-amz-checksum-crc32")]


@pytest.mark.parametrize("te", [False, True])
@pytest.mark.parametrize("mode,trailer", [("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b""),
                                          ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", b"x-amz-checksum-crc32:" + CRC),
                                          ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"x-amz-checksum-crc32:" + CRC)])
def test_chunked_bodies_are_stored_without_their_framing(server, mode, trailer, te):
    extra = TRAILER if trailer else ()
    assert chunked(server, "chunked", [b"hello ", b"world"], mode, trailer, extra=extra, te=te)[0] == 200
    status, headers, body = get(server, "chunked")
    assert (status, body) == (200, b"hello world") and "content-encoding" not in headers


def swap(frames, old, new):
    assert any(old in frame for frame in frames)
    return [frame.replace(old, new) for frame in frames]


@pytest.mark.parametrize("what,mode,how,wanted", [
    ("a changed byte", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", dict(spoil=lambda f: swap(f, b"hello ", b"jello ")), "SignatureDoesNotMatch"),
    ("a chunk left out", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", dict(spoil=lambda f: f[1:]), "SignatureDoesNotMatch"),
    ("the last chunk left out", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", dict(spoil=lambda f: f[:-1]), "IncompleteBody"),
    ("no signatures", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", dict(spoil=lambda f: [x.split(b";")[0] + b"\r\n" + x.split(b"\r\n", 1)[1] for x in f]), "SignatureDoesNotMatch"),
    ("another length", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", dict(decoded=10), "IncompleteBody"),
    ("a wrong trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", dict(trailer=b"x-amz-checksum-crc32:AAAAAA==", extra=TRAILER), "BadDigest"),
    ("a missing trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", dict(trailer=b"x-other:1", extra=TRAILER), "InvalidRequest"),
    ("a trailer signed by another", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
     dict(trailer=b"x-amz-checksum-crc32:" + CRC, extra=TRAILER, trailer_secret="x"), "SignatureDoesNotMatch"),
])
def test_a_spoilt_chunked_body_leaves_nothing(server, what, mode, how, wanted):
    status, _, body = chunked(server, "spoilt", [b"hello ", b"world"], mode, **how)
    assert status in (400, 403) and code(body) == wanted, (what, status, body)
    assert get(server, "spoilt")[0] == 404


def test_unsigned_trailers_still_need_a_signed_request(server):
    headers = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "5"),
               ("x-amz-trailer", "x-amz-checksum-crc32")]
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert server.ask("PUT", "/wire/anonymous", headers, body, sign=False)[0] == 403
    claim = [("Authorization", f"AWS4-HMAC-SHA256 Credential={ROOT[0]}/{now()[:8]}/{REGION}/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-trailer, Signature={'0' * 64}"), ("x-amz-date", now())]
    status, _, answer = server.ask("PUT", "/wire/anonymous", headers + claim, body, sign=False)
    assert (status, code(answer)) == (403, "SignatureDoesNotMatch")
    assert get(server, "anonymous")[0] == 404


# ---------------------------------------------------------------- what is announced of a body

@pytest.mark.parametrize("headers,wanted", [
    ([("Content-MD5", base64.b64encode(hashlib.md5(b"other").digest()).decode())], "BadDigest"),
    ([("Content-MD5", "xxx")], "InvalidDigest"),
    ([("x-amz-checksum-crc32", "AAAAAA==")], "BadDigest"),
    ([("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(b"other").digest()).decode())], "BadDigest"),
    ([("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")], "InvalidRequest"),
])
def test_a_body_that_is_not_what_was_announced_is_refused(server, headers, wanted):
    status, _, body = server.ask("PUT", "/wire/announced", headers, b"hello")
    assert (status, code(body)) == (400, wanted)
    assert get(server, "announced")[0] == 404


def test_another_body_than_was_signed_is_refused(server):
    status, _, body = server.ask("PUT", "/wire/other", (), b"hello", payload=hashlib.sha256(b"jello").hexdigest())
    assert (status, code(body)) == (400, "XAmzContentSHA256Mismatch")
    assert get(server, "other")[0] == 404


@pytest.mark.parametrize("size,sent", [(10, 9), (10, 0), (1_000_000, 999_999), (1_000_000, 0)])
def test_a_truncated_body_leaves_nothing_and_is_told_so(server, size, sent):
    headers = [("Content-Length", str(size))]
    with server.dial() as connection:
        connection.sendall(head("PUT", "/wire/cut", headers + signature("PUT", "/wire/cut", headers, server.port, ROOT, payload="UNSIGNED-PAYLOAD")) + b"x" * sent)
        connection.shutdown(socket.SHUT_WR)
        status, _, body = Reply(connection, "PUT").whole()
        assert (status, code(body)) == (400, "IncompleteBody")
    assert get(server, "cut")[0] == 404


def test_a_body_needs_a_length_and_must_not_be_too_long(server):
    assert server.ask("PUT", "/wire/none", ())[0] == 411
    headers = [("Content-Length", str(8 << 30)), ("Expect", "100-continue")]
    with server.dial() as connection:
        connection.sendall(head("PUT", "/wire/huge", headers + signature("PUT", "/wire/huge", headers, server.port, ROOT, payload="UNSIGNED-PAYLOAD")))
        status, _, body = Reply(connection, "PUT").whole()
        assert (status, code(body)) == (400, "EntityTooLarge")


# ---------------------------------------------------------------- heads and targets

def test_oversize_heads_are_refused(server):
    status, _, body = server.ask("GET", "/wire/x", [("x-amz-meta-a", "a" * 17000)])
    assert (status, code(body)) == (400, "RequestHeaderSectionTooLarge")
    with server.dial() as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100000 + b"\r\n")
        except OSError:
            pass
        try:
            assert Reply(connection).whole()[0] in (None, 400, 413, 431)
        except OSError:
            pass


@pytest.mark.parametrize("target,wanted", [
    ("/wire/a%00b", (400, "InvalidURI")), ("/wire/%ff", (400, "InvalidURI")), ("/wire/%zz", (400, "InvalidURI")),
    ("/wire/" + "k" * 1025, (400, "KeyTooLongError")),     ("/../etc/passwd", (400, "InvalidBucketName")), ("//wire/k", (400, "InvalidBucketName")),
])
def test_targets_that_are_none(server, target, wanted):
    for method in ("GET", "PUT", "DELETE"):
        status, _, body = server.ask(method, target, [("Content-Length", "0")] if method == "PUT" else ())
        assert (status, code(body)) == wanted or status == 404 and target.startswith("/.."), (method, status, body)


def test_keys_that_look_like_paths_are_only_keys(server):
    keys = ["..", "../x", "a", "a/b", "a/", "a//b", "./a", "a/./b", "%2e%2e/x".replace("%", "%25"), "k" * 1024, "e%CC%81", "%C3%A9"]
    for key in keys:
        assert server.ask("PUT", f"/wire/{key}", (), key.encode())[0] == 200, key
    for key in keys:
        assert get(server, key)[2] == key.encode()
    for key in keys:
        assert server.ask("DELETE", f"/wire/{key}")[0] == 204


def test_a_bucket_in_the_hosts_name(server):
    server.ask("PUT", "/wire/vhost", (), b"by path")
    host = f"wire.s3.test:{server.port}"
    assert server.ask("GET", "/vhost", host=host)[2] == b"by path"
    assert server.ask("GET", "/vhost", host="wire.elsewhere.test")[0] == 404


def test_only_what_is_in_the_table_is_done(server):
    for method, target in [("PUT", "/wire?object-lock"), ("PUT", "/newbucket?replication"), ("GET", "/wire?website"), ("PUT", "/wire/k?retention"),
                           ("POST", "/wire/k?select&select-type=2"), ("PUT", "/wire?logging"), ("GET", "/wire/k?torrent")]:
        status, _, body = server.ask(method, target, (), b"<x/>" if method != "GET" else b"")
        assert (status, code(body)) == (501, "NotImplemented"), (target, body)
    assert server.ask("PATCH", "/wire/k")[0] == 405
    assert b"newbucket" not in server.ask("GET", "/")[2]


# ---------------------------------------------------------------- signatures

def test_unsigned_headers_do_not_count_as_signed(server):
    server.ask("PUT", "/wire/secret", (), b"secret")
    status, _, body = server.ask("PUT", "/wire/copy", [("x-amz-copy-source", "/wire/secret")], leave_out=("x-amz-copy-source",))
    assert (status, code(body)) == (403, "AccessDenied")
    url = presign("PUT", "/wire/copy", server.port, ROOT)
    status, _, body = server.ask("PUT", url, [("x-amz-copy-source", "/wire/secret"), ("Content-Length", "0")], sign=False)
    assert (status, code(body)) == (403, "AccessDenied")
    assert get(server, "copy")[0] == 404


def test_skewed_replayed_and_expired_requests(server):
    for offset in (-1000, 1000):
        status, _, body = server.ask("GET", "/wire", time=now(offset))
        assert (status, code(body)) == (403, "RequestTimeTooSkewed") and b"<ServerTime>" in body
    url = presign("GET", "/wire/x", server.port, ROOT)
    assert server.ask("PUT", url, [("Content-Length", "0")], sign=False)[0] == 403  # signed for another method
    assert server.ask("GET", url.replace("/wire/x", "/wire/y"), sign=False)[0] == 403
    assert server.ask("GET", presign("GET", "/wire/x", server.port, ROOT, expires=1, time=now(-5)), sign=False)[0] == 403
    assert server.ask("GET", presign("GET", "/wire/x", server.port, ROOT, time=now(1000)), sign=False)[0] == 403
    for expires in (0, -1, 604801):
        assert server.ask("GET", presign("GET", "/wire/x", server.port, ROOT, expires=expires), sign=False)[0] in (400, 403)
    old = presign("GET", "/wire", server.port, ROOT, expires=7000, time=now(-3600))
    assert server.ask("GET", old, sign=False)[0] == 200  # the quarter of an hour is not for these


# ---------------------------------------------------------------- XML

@pytest.mark.parametrize("xml", [
    b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
    b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Delete/>', b"<Delete>" + b"<a>" * 1000, b"<Delete></Object>", b"", b"{}", b"<Other/>",
    b"<Delete><Object/></Delete>", b"<Delete></Delete>", b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>",
])
def test_bad_xml_is_malformed(server, xml):
    status, _, body = server.ask("POST", "/wire?delete", (), xml) if xml else server.ask("POST", "/wire?delete", [("Content-Length", "0")])
    assert (status, code(body)) == (400, "MalformedXML")


@pytest.mark.parametrize("element", [b"<:/>", b"<Unknown/>", b"<a:1/>"])
def test_cors_rules_with_what_is_not_understood_are_not_kept(server, element):
    rule = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>%s</CORSRule></CORSConfiguration>"
    status, _, body = server.ask("PUT", "/wire?cors", (), rule % element)
    assert (status, code(body)) == (400, "MalformedXML")
    assert server.ask("GET", "/wire?cors")[0] == 404


@pytest.mark.parametrize("target", ["/wire?policy=%ff", "/wi%ffre", "/wire/k?prefix=%c3"])
def test_what_is_no_text_is_refused_with_xml(server, target):
    status, _, body = server.ask("GET", target, sign=False)
    assert (status, code(body)) == (400, "InvalidURI") and body.decode()


def test_too_much_xml_is_refused_before_it_is_read(server):
    status, _, body = server.ask("POST", "/wire?delete", (), b"<Delete>" + b" " * (3 << 20) + b"</Delete>")
    assert (status, code(body)) == (400, "MaxMessageLengthExceeded")


# ---------------------------------------------------------------- clients that take their time

def test_idle_connections_do_not_keep_others_out(server):
    waiting = [server.dial() for _ in range(200)]
    for connection in waiting:
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
    assert server.ask("GET", "/wire")[0] == 200
    for connection in waiting:
        connection.close()


def test_a_large_object_goes_through_without_being_held(server):
    size = 300 << 20
    headers = [("Content-Length", str(size))]
    block = b"\0" * (1 << 20)
    with server.dial() as connection:
        connection.sendall(head("PUT", "/wire/large", headers + signature("PUT", "/wire/large", headers, server.port, ROOT, payload="UNSIGNED-PAYLOAD")))
        for _ in range(size >> 20):
            connection.sendall(block)
        assert Reply(connection, "PUT").whole()[0] == 200
    with server.dial() as connection:
        connection.sendall(head("GET", "/wire/large", signature("GET", "/wire/large", [], server.port, ROOT)))
        reply = Reply(connection)
        status, headers = reply.head()
        got = 0
        while got < size:
            got += len(reply.file.read1(1 << 20))
    peak = int(next(line for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmHWM")).split()[1])
    assert (status, got) == (200, size) and peak < 60 * 1024, f"{peak} KiB"
    server.ask("DELETE", "/wire/large")


# ---------------------------------------------------------------- anonymous

def test_a_policy_opens_a_prefix_to_everybody_and_nothing_else(server):
    for key in ("public/x", "private/x"):
        server.ask("PUT", f"/wire/{key}", (), b"x")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::wire/public/*"}]}
    assert server.ask("GET", "/wire/public/x", sign=False)[0] == 403
    assert server.ask("PUT", "/wire?policy", (), json.dumps(policy).encode())[0] == 204
    assert server.ask("GET", "/wire/public/x", sign=False)[2] == b"x"
    for method, target in [("GET", "/wire/private/x"), ("GET", "/wire"), ("DELETE", "/wire/public/x"), ("GET", "/wire?policy"), ("GET", "/wire/public/../private/x"),
                           ("GET", "/wire/public%2F..%2Fprivate/x")]:
        assert server.ask(method, target, sign=False)[0] in (403, 404), target
    assert server.ask("DELETE", "/wire?policy")[0] == 204
    assert server.ask("GET", "/wire/public/x", sign=False)[0] == 403


def test_a_browsers_form_is_bound_by_its_policy(server):
    def post(conditions, fields, file=b"bytes", secret=ROOT[1], late=600):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + late))
        moment = now()
        credential = f"{ROOT[0]}/{moment[:8]}/{REGION}/s3/aws4_request"
        conditions = conditions + [{"x-amz-date": moment}, {"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": credential}]
        policy = base64.b64encode(json.dumps({"expiration": until, "conditions": conditions}).encode()).decode()
        made = hmac.new(signing_key(secret, moment[:8]), policy.encode(), hashlib.sha256).hexdigest()
        every = {**fields, "policy": policy, "x-amz-date": moment, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": credential, "x-amz-signature": made}
        body = b"".join(f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in every.items())
        body += b'--XX\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\n' + file + b"\r\n--XX--\r\n"
        status, _, answer = server.ask("POST", "/wire", [("Content-Type", "multipart/form-data; boundary=XX")], body, sign=False)
        return status, code(answer)

    mine = [{"bucket": "wire"}, ["starts-with", "$key", "form/"], ["content-length-range", 1, 10]]
    assert post(mine, {"key": "form/${filename}"}) == (204, "")
    assert get(server, "form/f.txt")[2] == b"bytes"
    assert post(mine, {"key": "elsewhere"}) == (403, "AccessDenied")
    assert post([{"bucket": "other"}] + mine[1:], {"key": "form/a"}) == (403, "AccessDenied")
    assert post(mine, {"key": "form/a", "x-amz-meta-extra": "1"}) == (403, "AccessDenied")
    assert post(mine, {"key": "form/a"}, file=b"x" * 11) == (400, "EntityTooLarge")
    assert post(mine, {"key": "form/a"}, file=b"") == (400, "EntityTooSmall")
    assert post(mine, {"key": "form/a"}, secret="wrong") == (403, "SignatureDoesNotMatch")
    assert post(mine, {"key": "form/a"}, late=-5) == (403, "AccessDenied")
    assert get(server, "form/a")[0] == 404


# ---------------------------------------------------------------- TLS, and stopping

def test_tls_with_a_certificate(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    boto3 = pytest.importorskip("boto3")
    from botocore.client import Config
    server = Server(tmp_path, "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    s3 = boto3.client("s3", endpoint_url=server.url, region_name=REGION, aws_access_key_id=ROOT[0], aws_secret_access_key=ROOT[1],
                      verify=str(tmp_path / "cert.pem"), config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="tls")
    body = bytes(range(256)) * 40000
    s3.put_object(Bucket="tls", Key="k", Body=body)
    assert s3.get_object(Bucket="tls", Key="k")["Body"].read() == body
    assert server.stop() == 0


def test_stopping_lets_an_upload_finish(tmp_path):
    server = Server(tmp_path)
    server.ask("PUT", "/stop")
    headers = [("Content-Length", "200000")]
    with server.dial() as connection:
        connection.sendall(head("PUT", "/stop/k", headers + signature("PUT", "/stop/k", headers, server.port, ROOT, payload="UNSIGNED-PAYLOAD")) + b"x" * 150000)
        server.ask("GET", "/stop")  # the upload's head has been read by now
        server.process.terminate()
        connection.sendall(b"x" * 50000)
        assert Reply(connection, "PUT").whole()[0] == 200
    assert server.process.wait(30) == 0
    server.stop()
    server.start()
    assert len(server.ask("GET", "/stop/k")[2]) == 200000
    server.stop()


def test_secrets_and_signatures_are_not_logged(server):
    url = presign("GET", "/wire/logged", server.port, ROOT)
    server.ask("GET", url, sign=False)
    until = time.monotonic() + 30
    while "/wire/logged" not in server.logged() and time.monotonic() < until:
        time.sleep(0.02)  # the line comes behind the answer
    log = server.logged()
    assert "/wire/logged" in log and ROOT[1] not in log and url.rsplit("=", 1)[1] not in log
