"""What somebody stumbles over who uses the store for the first time: keys, ports, buckets that are not there, and the endpoint inside leat up."""

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import LEAT, end_group, finish


@pytest.fixture
def leat(project):
    return project({"leat.yml": "name: p\n"})


@pytest.fixture
def serve(leat):
    """Starts a command that serves; gives its lines up to the one that tells the S3 address, and that."""
    servers = []

    def start(*args, env=None):
        server = leat.start(*args, env=env)
        servers.append(server)
        lines = []
        while not lines or not re.search(r"(listening on|S3 clients:) http", lines[-1]):
            line = server.stdout.readline()
            assert line, (lines, server.stderr.read())
            lines.append(line)
        return lines, lines[-1].split()[-1]

    yield start
    for server in servers:
        end_group(server)
        finish(server)


def fetch(url, path, presigned):
    return urllib.request.urlopen(url + path + "?" + presigned.split("?", 1)[1]).read()


def root_key(leat):
    key = leat("store", "key", "show", "--json").json()
    return key["id"], key["secret"]


def test_a_used_port_is_told_before_any_key_is_shown(leat, serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = leat("store", "serve", "--listen", f"127.0.0.1:{port}", code=2)
    assert "in use" in refused.text and "--listen 127.0.0.1:" in refused.text and "AWS_SECRET" not in refused.text, refused
    _, secret = root_key(leat)
    lines, _ = serve("store", "serve", "--listen", "127.0.0.1:0")
    assert len(lines) == 1 and secret not in lines[0]  # it was made before, and is not shown again unasked


def test_who_names_what_is_not_there_is_warned(leat):
    leat("store", "mb", "lake")
    key = leat("store", "key", "create", "--allow", "read", "--in", "laek/a/", "--in", "lake/")
    assert "there is no bucket 'laek' yet" in key.text and "leat store mb laek" in key.text and "'lake' yet" not in key.text, key
    for method, warned in (("GET", True), ("PUT", False)):
        url = leat("store", "presign", "--method", method, "lake/nothing")
        assert ("there is no object 'lake/nothing'" in url.text) == warned and "X-Amz-Signature=" in url.out, url


def test_the_root_key_is_shown_when_it_is_made_and_when_asked_for(leat, serve):
    assert "no root key yet" in leat("store", "key", "show", code=2).text
    lines, _ = serve("store", "serve", "--listen", "127.0.0.1:0")
    key_id, secret = root_key(leat)
    assert secret in "".join(lines) and key_id in "".join(lines) and "leat store key show" in lines[0]
    own = {"LEAT_ACCESS_KEY_ID": "my-own-key", "LEAT_SECRET_ACCESS_KEY": "my-own-long-secret"}
    assert json.loads(leat("store", "key", "show", "--json", env=own).out) == {"id": "my-own-key", "secret": "my-own-long-secret"}
    assert "the other is not" in leat("store", "key", "show", env={"LEAT_ACCESS_KEY_ID": "half"}, code=2).text


def test_a_url_that_was_presigned_before_the_first_start_holds_afterwards(leat, serve):
    leat("store", "mb", "lake")
    leat("store", "cp", "-", "lake/a", stdin="hello")
    presigned = leat("store", "presign", "--endpoint", "http://127.0.0.1:1", "lake/a").out.strip()
    _, url = serve("store", "serve", "--listen", "127.0.0.1:0")
    with pytest.raises(urllib.error.HTTPError) as other_host:  # the host is signed
        fetch(url, "/lake/a", presigned)
    assert other_host.value.code == 403
    again = leat("store", "presign", "--endpoint", url, "lake/a").out.strip()
    assert fetch(url, "/lake/a", again) == b"hello"


def test_another_master_key_is_told_with_the_one_that_fits(leat):
    leat("store", "key", "create", "--allow", "read", env={"LEAT_KEY": ""})  # with the user's key file, which is made
    told = leat("store", "key", "create", "--allow", "read", env={"LEAT_KEY": "a passphrase of mine"}, code=2)
    assert "another master key" in told.text and "/leat/key'" in told.text and "unset LEAT_KEY" in told.text, told
    leat("store", "key", "create", "--allow", "read", env={"LEAT_KEY": ""})


def test_the_other_way_round_leat_key_is_asked_for(leat):
    leat("store", "key", "create", "--allow", "read", env={"LEAT_KEY": "a passphrase of mine"})
    told = leat("store", "key", "create", "--allow", "read", env={"LEAT_KEY": "another passphrase"}, code=2)
    assert "another master key than the one in LEAT_KEY" in told.text and "set LEAT_KEY to" in told.text, told


def test_what_helps_is_named(leat):
    (leat.project / "in").mkdir()
    for name in ("a", "b"):
        (leat.project / "in" / name).write_text(name)
    told = leat("store", "cp", "-r", "./in", "store://nowhere/x/", code=2)
    assert "leat store mb nowhere" in told.text and told.text.count("nowhere") == 2, told
    leat("store", "mb", "lake")
    leat("store", "cp", "-r", "./in", "lake/in/")
    assert "rb --force lake" in leat("store", "rb", "lake", code=2).text
    for spelling in ("--dry-run", "--dryrun"):  # the second as the aws cli has it
        assert leat("store", "rm", "-r", spelling, "--json", "lake/").json()["removed"] == 2
    assert "--dryrun" not in leat("store", "rm", "--help").text and "--dry-run" in leat("store", "rm", "--help").text
    assert len(leat("store", "ls", "-r", "--json", "lake/").json()) == 2
    leat("store", "rb", "--force", "lake")


def test_one_prune_removes_old_versions_and_the_markers_that_stay_alone(leat):
    leat("store", "mb", "lake")
    for text in ("1", "2"):
        leat("store", "cp", "-", "lake/a", stdin=text)
    leat("store", "rm", "lake/a")
    report = leat("store", "prune", "--older-than", "0s", "--markers", "--json", "lake/").json()
    assert (report["versions"], report["markers"]) == (2, 1)
    leat("store", "rb", "lake")


def test_leat_up_answers_s3_clients(leat, serve):
    leat("store", "mb", "lake")
    leat("store", "cp", "-", "lake/a", stdin="hello")
    _, url = serve("up", "--listen", "127.0.0.1:0", "--s3", "127.0.0.1:0")
    presigned = leat("store", "presign", "--endpoint", url, "lake/a").out.strip()
    assert fetch(url, "/lake/a", presigned) == b"hello"
    with pytest.raises(urllib.error.HTTPError) as denied:
        urllib.request.urlopen(url + "/lake/a")
    assert denied.value.code == 403
    told = subprocess.run([LEAT, "up", "--listen", "127.0.0.1:0", "--s3", "nowhere"], cwd=leat.project, env=leat.environment(),
                          capture_output=True, text=True)
    assert told.returncode == 2
