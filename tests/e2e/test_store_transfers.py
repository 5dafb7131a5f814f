"""leat store on the project's store, on S3 and on local files: cp, sync, mv, rm, versions, and the flights on S3."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request

import pytest

from harness import LEAT, Leat, clean_env, same_rows
from s3_server import ROOT, Server

MIB = 1024 * 1024


@pytest.fixture
def s3(tmp_path):
    """An S3 endpoint of our own: the other side."""
    (tmp_path / "s3").mkdir()
    server = Server(tmp_path / "s3")
    yield server
    server.stop()


@pytest.fixture
def leat(tmp_path, project, s3):
    """A project whose own store is local, with keys for the endpoint in its environment."""
    return project({"leat.yml": "name: p\n"}, **keys(s3))


def keys(server):
    return {"AWS_ACCESS_KEY_ID": ROOT[0], "AWS_SECRET_ACCESS_KEY": ROOT[1], "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_EC2_METADATA_DISABLED": "true"}


def fill(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def keys_of(leat, where):
    return [row["key"] for row in leat("store", "ls", "-r", "--json", where).json()]


FILES = {"a.csv": "a\n1\n", "sub/b c+d=1.csv": "b\n", "sub/deep/ü.txt": "ü", "empty": ""}


# ---- one ----

def test_a_file_goes_to_s3_and_comes_back(leat, s3):
    leat("store", "mb", "s3://lake")
    fill(leat.project, {"x.csv": "1,2\n"})
    assert leat("store", "cp", "./x.csv", "s3://lake/in/").out == "copied 1 object\n"
    assert leat("store", "cat", "s3://lake/in/x.csv").out == "1,2\n"
    leat("store", "cp", "s3://lake/in/x.csv", "./y.csv")
    assert (leat.project / "y.csv").read_text() == "1,2\n"
    assert s3.client().get_object(Bucket="lake", Key="in/x.csv")["Body"].read() == b"1,2\n"
    assert leat("store", "cp", "-", "s3://lake/piped", stdin="from a pipe").code == 0
    assert leat("store", "cp", "s3://lake/piped", "-").out == "from a pipe"


def test_objects_go_between_the_projects_store_and_s3(leat):
    fill(leat.project / "in", FILES)
    leat("store", "mb", "raw")
    leat("store", "mb", "s3://lake")
    leat("store", "cp", "-r", "./in", "store://raw/d/")
    leat("store", "cp", "-r", "store://raw/d/", "s3://lake/copy/")
    leat("store", "cp", "-r", "s3://lake/copy", "./out/")
    assert contents(leat.project / "out") == contents(leat.project / "in")
    leat("store", "cp", "s3://lake/copy/a.csv", "s3://lake/again.csv")
    assert leat("store", "cat", "s3://lake/again.csv").out == "a\n1\n"


def test_what_is_not_there_is_told_with_exit_code_2(leat):
    leat.edge(leat("store", "ls", "s3://none", code=2), "no bucket 'none'")
    leat("store", "mb", "s3://lake")
    leat.edge(leat("store", "cat", "s3://lake/none", code=2), "lake/none")
    leat.edge(leat("store", "cp", "-r", "s3://lake/none/", "./out", code=2), "nothing below")
    leat.edge(leat("store", "cp", "./none", "s3://lake/", code=2), "./none")
    leat.edge(leat("store", "cp", "./a", "./b", code=2), "neither")
    leat.edge(leat("store", "mb", "s3://lake", code=2), "already")


def test_wrong_keys_are_told_and_never_shown(leat):
    result = leat("store", "ls", "s3://", code=2, env={"AWS_SECRET_ACCESS_KEY": "a-wrong-secret-key"})
    assert "403" in result.err and "a-wrong-secret-key" not in result.text
    result = leat("store", "ls", "s3://", code=2, env={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None})
    for part in ("no AWS credentials", "environment", "profile", "container", "instance", "aws configure"):
        assert part in result.err


def test_a_server_that_is_gone_is_exit_code_3(leat, s3):
    s3.stop()
    result = leat("store", "ls", "s3://", code=3, timeout=120)
    assert "cannot connect" in result.err


# ---- many ----

def test_patterns_choose_and_a_dry_run_does_nothing(leat):
    fill(leat.project / "in", FILES)
    leat("store", "mb", "s3://lake")
    result = leat("store", "cp", "-r", "--dryrun", "--exclude", "*", "--include", "*.csv", "./in", "s3://lake/d/")
    lines = result.out.splitlines()
    assert sorted(lines[:-1]) == ["would copy a.csv", "would copy sub/b c+d=1.csv"]
    assert lines[-1] == "would have copied 2 objects"
    assert keys_of(leat, "s3://lake/") == []
    leat("store", "cp", "-r", "--exclude", "*", "--include", "*.csv", "./in", "s3://lake/d/")
    assert keys_of(leat, "s3://lake/") == ["d/a.csv", "d/sub/b c+d=1.csv"]
    told = leat("store", "rm", "-r", "--dryrun", "--json", "s3://lake/").json()
    assert told == {"removed": 2, "dry_run": True}
    assert leat("store", "rm", "-r", "--exclude", "*", "--include", "*/sub/*", "s3://lake/").out == "removed 1 object\n"
    assert keys_of(leat, "s3://lake/") == ["d/a.csv"]


def test_sync_copies_only_what_is_different(leat):
    folder = leat.project / "in"
    fill(folder, FILES)
    leat("store", "mb", "s3://lake")
    first = leat("store", "sync", "--json", "./in", "s3://lake/d/").json()
    assert (first["copied"], first["same"]) == (4, 0)
    again = leat("store", "sync", "--json", "./in", "s3://lake/d/").json()
    assert (again["copied"], again["same"], again["bytes"]) == (0, 4, 0)
    (folder / "a.csv").write_text("a\n2\n")  # the same size, other bytes
    (folder / "new").write_text("new")
    (folder / "empty").unlink()
    assert leat("store", "sync", "--json", "--size-only", "--dryrun", "./in", "s3://lake/d/").json()["copied"] == 1
    third = leat("store", "sync", "--json", "./in", "s3://lake/d/").json()
    assert (third["copied"], third["same"], third["deleted"]) == (2, 2, 0)
    fourth = leat("store", "sync", "--json", "--delete", "./in", "s3://lake/d/").json()
    assert (fourth["copied"], fourth["deleted"]) == (0, 1)
    leat("store", "sync", "s3://lake/d", "./out")
    assert contents(leat.project / "out") == contents(folder)
    (leat.project / "out" / "extra").write_text("x")
    down = leat("store", "sync", "--json", "--delete", "s3://lake/d", "./out").json()
    assert (down["copied"], down["same"], down["deleted"]) == (0, 4, 1)
    leat("store", "mb", "raw")
    leat("store", "sync", "s3://lake/d/", "store://raw/d/")
    across = leat("store", "sync", "--json", "s3://lake/d/", "store://raw/d/").json()
    assert (across["copied"], across["same"]) == (0, 4)


def test_sync_deletes_nothing_that_a_pattern_leaves_out(leat):
    fill(leat.project / "in", {"a.csv": "1"})
    leat("store", "mb", "s3://lake")
    leat("store", "cp", "-", "s3://lake/d/keep.log", stdin="log")
    leat("store", "cp", "-", "s3://lake/d/old.csv", stdin="old")
    leat("store", "sync", "--delete", "--exclude", "*.log", "./in", "s3://lake/d/")
    assert keys_of(leat, "s3://lake/") == ["d/a.csv", "d/keep.log"]


def test_mv_leaves_nothing_behind(leat):
    fill(leat.project / "in", FILES)
    before = contents(leat.project / "in")
    leat("store", "mb", "s3://lake")
    leat("store", "mv", "-r", "./in", "s3://lake/d/")
    assert contents(leat.project / "in") == {}
    leat("store", "mv", "s3://lake/d/a.csv", "s3://lake/moved.csv")
    assert "d/a.csv" not in keys_of(leat, "s3://lake/")
    leat("store", "mv", "s3://lake/moved.csv", "s3://lake/d/a.csv")
    leat("store", "mv", "-r", "s3://lake/d/", "./back")
    assert contents(leat.project / "back") == before
    assert keys_of(leat, "s3://lake/") == []
    leat("store", "cp", "-", "s3://lake/x", stdin="x")
    leat.edge(leat("store", "mv", "s3://lake/x", "s3://lake/x", code=2), "itself")


def test_keys_that_lead_elsewhere_are_no_paths(leat, s3):
    leat("store", "mb", "s3://lake")
    for key in ("d/../../evil", "d//evil", "d/./evil", "d/good", "d/folder/"):
        s3.client().put_object(Bucket="lake", Key=key, Body=b"" if key.endswith("/") else b"x")
    result = leat("store", "cp", "-r", "s3://lake/d/", "./out", code=2)
    assert contents(leat.project / "out") == {"good": b"x"}
    assert "3 keys cannot be a path here" in result.err
    assert not (leat.project.parent / "evil").exists() and not (leat.project / "evil").exists()
    assert result.err.count("the key '") == 3


def test_what_fails_is_told_and_the_rest_is_copied(leat):
    fill(leat.project / "in", FILES)
    leat("store", "mb", "s3://lake")
    leat("store", "cp", "-r", "./in", "s3://lake/")
    fill(leat.project / "out", {"sub": "a file where a folder must be"})
    result = leat("store", "cp", "-r", "--json", "s3://lake/", "./out", code=(2, 3))
    assert "2 objects could not be copied" in result.text and "sub/deep" in result.err
    assert sorted(contents(leat.project / "out")) == ["a.csv", "empty", "sub"]


# ---- large ----

def large(path, mib, seed=1):
    block = hashlib.sha512(str(seed).encode()).digest() * (MIB // 64)
    with open(path, "wb") as file:
        for i in range(mib):
            file.write(i.to_bytes(4, "big") + block[4:])
    return path


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def test_a_large_file_goes_in_parts_both_ways(leat, s3):
    leat("store", "mb", "s3://lake")
    source = large(leat.project / "big", 70)
    leat("store", "cp", "./big", "s3://lake/big")
    head = s3.client().head_object(Bucket="lake", Key="big", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-9"') and head["ContentLength"] == 70 * MIB
    told = head["ResponseMetadata"]["HTTPHeaders"]  # an older boto3 does not know these
    assert told["x-amz-checksum-crc64nvme"] and told["x-amz-checksum-type"] == "FULL_OBJECT"
    leat("store", "cp", "s3://lake/big", "./back")
    assert digest(leat.project / "back") == digest(source)
    assert leat("store", "sync", "--json", "--exclude", "back", "--exclude", "leat.yml", ".", "s3://lake/").json()["same"] == 1
    with open(source, "r+b") as file:
        file.seek(40 * MIB)
        file.write(b"other")
    assert leat("store", "sync", "--json", "--exclude", "back", "--exclude", "leat.yml", ".", "s3://lake/").json()["copied"] == 1


def test_an_upload_that_was_broken_off_goes_on(leat, s3):
    leat("store", "mb", "s3://lake")
    large(leat.project / "big", 96)
    client = s3.client()
    process = leat.start("store", "cp", "--jobs", "1", "./big", "s3://lake/big")
    deadline = time.monotonic() + 60
    parts = []
    while len(parts) < 2 and time.monotonic() < deadline and process.poll() is None:
        uploads = client.list_multipart_uploads(Bucket="lake").get("Uploads", [])
        if uploads:
            parts = client.list_parts(Bucket="lake", Key="big", UploadId=uploads[0]["UploadId"]).get("Parts", [])
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    uploads = client.list_multipart_uploads(Bucket="lake").get("Uploads", [])
    if not uploads:
        pytest.skip("the upload was too quick to be broken off")
    kept = {p["PartNumber"]: p["LastModified"] for p in
            client.list_parts(Bucket="lake", Key="big", UploadId=uploads[0]["UploadId"])["Parts"]}
    assert kept
    leat("store", "cp", "./big", "s3://lake/big")
    assert not client.list_multipart_uploads(Bucket="lake").get("Uploads")
    leat("store", "cp", "s3://lake/big", "./back")
    assert digest(leat.project / "back") == digest(leat.project / "big")


def test_a_download_that_was_broken_off_goes_on_and_damage_is_found(leat, s3):
    leat("store", "mb", "s3://lake")
    large(leat.project / "big", 96)
    leat("store", "cp", "./big", "s3://lake/big")
    part = leat.project / "back.leat-part"
    process = leat.start("store", "cp", "--jobs", "1", "s3://lake/big", "./back")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if part.exists() and part.stat().st_size > 96 * MIB and part.read_bytes()[96 * MIB + 256:].count(b"\1") >= 2:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    if not part.exists():
        pytest.skip("the download was too quick to be broken off")
    assert not (leat.project / "back").exists()
    with open(part, "r+b") as file:  # what is there already is damaged by somebody
        file.seek(100)
        file.write(b"damage")
    assert "damaged" in leat("store", "cp", "s3://lake/big", "./back", code=3).err
    assert not (leat.project / "back").exists() and not part.exists()
    leat("store", "cp", "s3://lake/big", "./back")
    assert digest(leat.project / "back") == digest(leat.project / "big")


# ---- versions, buckets, what there is ----

def test_versions_on_s3_are_listed_restored_and_pruned(leat):
    leat("store", "mb", "s3://lake")
    for text in ("one", "two", "three"):
        leat("store", "cp", "-", "s3://lake/k", stdin=text)
    leat("store", "rm", "s3://lake/k")
    leat("store", "cat", "s3://lake/k", code=2)
    versions = leat("store", "versions", "--json", "s3://lake/k").json()
    assert [v["deleted"] for v in versions] == [True, False, False, False]
    leat("store", "restore", "s3://lake/k")
    assert leat("store", "cat", "s3://lake/k").out == "three"
    leat("store", "restore", "--version-id", versions[3]["version"], "s3://lake/k")
    assert leat("store", "cat", "s3://lake/k").out == "one"
    rows = leat("store", "du", "--json", "s3://lake/").json()
    assert rows[0]["objects"] == 1 and rows[0]["old_versions"] == 4
    assert leat("store", "prune", "--json", "--keep", "1", "--dryrun", "s3://lake/").json()["versions"] == 3
    pruned = leat("store", "prune", "--json", "--keep", "1", "s3://lake/").json()
    assert pruned["versions"] == 3 and pruned["markers"] == 1
    assert leat("store", "cat", "s3://lake/k").out == "one"
    assert len(leat("store", "versions", "--json", "s3://lake/").json()) == 2
    leat.edge(leat("store", "prune", "s3://lake/", code=2), "nothing says what may go")


@pytest.mark.parametrize("where", ["", "s3://"])
def test_a_bucket_is_removed_when_it_is_empty_or_by_force(leat, where):
    leat("store", "mb", f"{where}gone")
    leat("store", "cp", "-", f"{where or 'store://'}gone/k", stdin="x")
    leat.edge(leat("store", "rb", f"{where}gone", code=2), "'k'")
    leat("store", "rm", f"{where or 'store://'}gone/k")
    leat("store", "rb", f"{where}gone", code=2)
    assert "2 versions" in leat("store", "rb", "--force", f"{where}gone").out
    leat("store", "ls", f"{where}gone/", code=2)


def test_usage_of_the_projects_store_is_counted_by_bucket_and_prefix(leat):
    leat("store", "mb", "raw")
    for key, text in (("a/1", "12345"), ("a/1", "123"), ("b/2", "1"), ("top", "12")):
        leat("store", "cp", "-", f"raw/{key}", stdin=text)
    rows = {row["prefix"]: row for row in leat("store", "du", "--json", "raw/").json()}
    assert rows["a/"]["objects"] == 1 and rows["a/"]["size"] == 3 and rows["a/"]["old_size"] == 5
    assert rows["b/"]["objects"] == 1
    (row,) = leat("store", "usage", "--json").json()
    assert (row["bucket"], row["objects"], row["size"], row["old_versions"]) == ("raw", 3, 6, 1)


# ---- keys, events, presigned URLs ----

def test_keys_may_do_what_they_are_allowed_until_they_are_revoked(s3):
    made = json.loads(s3.leat("store", "key", "create", "--name", "maria", "--allow", "read,list", "--in", "raw/in/", "--json"))
    s3.leat("store", "mb", "raw")
    s3.client().put_object(Bucket="raw", Key="in/x", Body=b"1")
    s3.client().put_object(Bucket="raw", Key="other", Body=b"1")
    maria = s3.client((made["id"], made["secret"]))
    assert maria.get_object(Bucket="raw", Key="in/x")["Body"].read() == b"1"
    for wrong in (lambda: maria.get_object(Bucket="raw", Key="other"), lambda: maria.put_object(Bucket="raw", Key="in/y", Body=b"")):
        with pytest.raises(maria.exceptions.ClientError, match="AccessDenied"):
            wrong()
    listed = s3.leat("store", "key", "list")
    assert "maria" in listed and "read,list in raw/in/" in listed and made["secret"] not in listed
    s3.leat("store", "key", "revoke", made["id"])
    assert "revoked" in s3.leat("store", "key", "list")
    with pytest.raises(maria.exceptions.ClientError):
        maria.get_object(Bucket="raw", Key="in/x")
    s3.leat("store", "key", "create", "--allow", "fly", code=2)
    s3.leat("store", "key", "create", code=2)


def test_events_are_listed_filtered_and_followed(leat):
    leat("store", "mb", "raw")
    leat("store", "cp", "-", "raw/a/1", stdin="12345")
    leat("store", "rm", "raw/a/1")
    leat("store", "cp", "-", "raw/b", stdin="")
    events = [json.loads(line) for line in leat("store", "events", "--json", "raw/a/").out.splitlines()]
    assert [e["detail-type"] for e in events] == ["Object Created", "Object Deleted"]
    assert events[0]["detail"]["object"]["size"] == 5
    lines = leat("store", "events").out.splitlines()
    assert len(lines) == 3 and "raw/a/1" in lines[0]
    last = lines[1].split()[0]
    assert len(leat("store", "events", "--after", last).out.splitlines()) == 1
    process = leat.start("store", "events", "--follow", "--after", lines[2].split()[0])
    leat("store", "cp", "-", "raw/later", stdin="x")
    line = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert "raw/later" in line


def test_presigned_urls_let_others_in(leat, s3):
    leat("store", "mb", "s3://lake")
    leat("store", "cp", "-", "s3://lake/a b+c=1", stdin="hello")
    url = leat("store", "presign", "s3://lake/a b+c=1").out.strip()
    assert urllib.request.urlopen(url).read() == b"hello"
    put = leat("store", "presign", "--method", "PUT", "--expires", "60", "s3://lake/up").out.strip()
    urllib.request.urlopen(urllib.request.Request(put, data=b"there", method="PUT")).read()
    assert leat("store", "cat", "s3://lake/up").out == "there"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.replace("a%20b", "a%20x"))
    own = s3.leat("store", "presign", "--endpoint", s3.url, "lake/up").strip()
    assert urllib.request.urlopen(own).read() == b"there"
    leat("store", "presign", "--expires", "8d", "s3://lake/up", code=2)


# ---- the project's store on S3 ----

def test_the_flights_run_unchanged_on_s3(flights, s3):
    leat, _ = flights(5000)
    sql = "select origin, destination, flights, mean_distance from busiest_routes order by 1, 2"
    leat("run", "--quiet")
    wanted = leat.rows(sql)
    s3.leat("store", "mb", "lake")
    (leat.project / "leat.yml").write_text((leat.project / "leat.yml").read_text() +
                                           f"store: {{url: s3://lake/flights, endpoint: {s3.url}, region: us-east-1}}\n")
    leat.home = leat.project / ".leat-s3"
    leat.env.update(AWS_ACCESS_KEY_ID=ROOT[0], AWS_SECRET_ACCESS_KEY=ROOT[1])
    leat("run", "--quiet")
    assert same_rows(leat.rows(sql), wanted) is None
    leat("run", "--quiet")  # only what is new
    assert leat.rows("select count(*) as n, count(distinct id) as d from raw.flights") == [[5000, 5000]]
    assert not list((leat.home / "store").rglob("blobs/*")), "nothing is kept in a local store"
    leat("store", "check")
    leat("reproduce", "last")
    keys = [o["Key"] for o in s3.client().list_objects_v2(Bucket="lake")["Contents"]]
    assert any(k.startswith("flights/raw/domain=flights/") and k.endswith(".parquet") for k in keys)
