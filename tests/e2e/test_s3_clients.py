"""The S3 face with the clients that people have: boto3, aws cli, s3cmd, rclone."""

import hashlib
import os
import subprocess
import urllib.request

import pytest
from s3_server import ROOT, Server

pytest.importorskip("boto3")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("s3"))
    yield made
    made.stop()


def run(server, *args, stdin=None, code=0, env=None):
    done = subprocess.run(list(map(str, args)), input=stdin, capture_output=True, timeout=90, cwd=server.folder,
                          env={**server.env, "AWS_ACCESS_KEY_ID": ROOT[0], "AWS_SECRET_ACCESS_KEY": ROOT[1],
                               "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", **(env or {})})
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout.decode()


def test_boto3_puts_gets_lists_and_deletes(server):
    s3 = server.client()
    s3.create_bucket(Bucket="boto")
    keys = ["a", "a/b", "a//b", "a/../b", "ünï/код", "plus+and space", "percent%20", "a=1/b=2/c.parquet", "~tilde"]
    for key in keys:
        made = s3.put_object(Bucket="boto", Key=key, Body=key.encode(), Metadata={"about": "x"}, ContentType="text/x")
        assert made["ETag"] == '"%s"' % hashlib.md5(key.encode()).hexdigest()
    assert s3.put_object(Bucket="boto", Key="empty", Body=b"")["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    for key in keys:
        got = s3.get_object(Bucket="boto", Key=key)
        assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (key.encode(), {"about": "x"}, "text/x")
    listed = [item["Key"] for item in s3.list_objects_v2(Bucket="boto")["Contents"]]
    assert listed == sorted(keys + ["empty"], key=str.encode)
    done = s3.delete_objects(Bucket="boto", Delete={"Objects": [{"Key": key} for key in keys + ["empty"]]})
    assert len(done["Deleted"]) == len(keys) + 1 and "Errors" not in done
    s3.delete_bucket(Bucket="boto")


def test_versions_are_kept_and_a_deleted_marker_brings_the_object_back(server):
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="kept", Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket="kept", Key="k", Body=b"2")
    marker = s3.delete_object(Bucket="kept", Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="kept", Key="k")
    assert s3.get_object(Bucket="kept", Key="k", VersionId=first)["Body"].read() == b"1"
    found = s3.list_object_versions(Bucket="kept")
    assert len(found["Versions"]) == 2 and len(found["DeleteMarkers"]) == 1
    s3.delete_object(Bucket="kept", Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"2"


def test_multipart_and_ranges(server):
    s3 = server.client()
    s3.create_bucket(Bucket="parts")
    parts = [os.urandom(5 << 20), os.urandom(5 << 20), b"end"]
    upload = s3.create_multipart_upload(Bucket="parts", Key="big")["UploadId"]
    tags = [s3.upload_part(Bucket="parts", Key="big", UploadId=upload, PartNumber=n, Body=part)["ETag"]
            for n, part in enumerate(parts, 1)]
    named = {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]}
    made = s3.complete_multipart_upload(Bucket="parts", Key="big", UploadId=upload, MultipartUpload=named)
    digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    assert made["ETag"] == f'"{digest}-3"'
    whole = b"".join(parts)
    assert s3.get_object(Bucket="parts", Key="big")["Body"].read() == whole
    edge = s3.get_object(Bucket="parts", Key="big", Range=f"bytes={(5 << 20) - 3}-{(5 << 20) + 2}")
    assert edge["Body"].read() == whole[(5 << 20) - 3:(5 << 20) + 3] and edge["ContentRange"].endswith(f"/{len(whole)}")
    assert s3.get_object(Bucket="parts", Key="big", PartNumber=3)["Body"].read() == b"end"


def test_a_copy_of_an_object_in_parts_is_one_content_whatever_its_size(server):
    s3 = server.client()
    s3.create_bucket(Bucket="joined")
    part = os.urandom(35 << 20)
    upload = s3.create_multipart_upload(Bucket="joined", Key="parts")["UploadId"]
    named = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="joined", Key="parts", UploadId=upload, PartNumber=n, Body=part)["ETag"]} for n in (1, 2)]
    s3.complete_multipart_upload(Bucket="joined", Key="parts", UploadId=upload, MultipartUpload={"Parts": named})
    made = s3.copy_object(Bucket="joined", Key="one", CopySource="joined/parts")["CopyObjectResult"]
    assert made["ETag"] == f'"{hashlib.md5(part * 2).hexdigest()}"'
    assert s3.get_object(Bucket="joined", Key="one")["Body"].read() == part * 2


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_of_both_kinds(server, version):
    s3 = server.client(signature_version=version)
    bucket = "signed-" + version
    s3.create_bucket(Bucket=bucket)
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b+c"})
    assert server.ask("PUT", put[len(server.url):], body=b"by url", sign=False)[0] == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b+c"})
    with urllib.request.urlopen(url) as got:
        assert got.read() == b"by url"
    with pytest.raises(urllib.error.HTTPError) as wrong:
        urllib.request.urlopen(url.replace("a%20b", "a%20c"))
    assert wrong.value.code == 403


def test_aws_cli_copies_syncs_and_removes(server):
    aws = ("aws", "--endpoint-url", server.url, "s3")
    folder = server.folder / "cli"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.txt").write_text("one")
    (folder / "deep" / "two é.txt").write_text("two")
    (folder / "big.bin").write_bytes(os.urandom(20 << 20))
    run(server, *aws, "mb", "s3://cli")
    run(server, *aws, "cp", folder / "one.txt", "s3://cli/one.txt")
    assert run(server, *aws, "cp", "s3://cli/one.txt", "-") == "one"
    run(server, *aws, "sync", folder, "s3://cli/all")
    assert run(server, *aws, "sync", folder, "s3://cli/all") == ""
    run(server, *aws, "cp", "s3://cli/all/big.bin", folder / "back.bin")
    assert (folder / "back.bin").read_bytes() == (folder / "big.bin").read_bytes()
    assert "two é.txt" in run(server, *aws, "ls", "--recursive", "s3://cli")
    run(server, *aws, "mv", "s3://cli/one.txt", "s3://cli/moved.txt")
    run(server, *aws, "rb", "--force", "s3://cli")


def test_s3cmd_puts_gets_and_deletes(server):
    config = server.folder / "s3cfg"
    config.write_text(f"[default]\naccess_key = {ROOT[0]}\nsecret_key = {ROOT[1]}\nhost_base = 127.0.0.1:{server.port}\n"
                      f"host_bucket = 127.0.0.1:{server.port}\nuse_https = False\n")
    s3cmd = ("s3cmd", "-c", config)
    source = server.folder / "s3cmd.bin"
    source.write_bytes(os.urandom(16 << 20))
    run(server, *s3cmd, "mb", "s3://s3cmd")
    run(server, *s3cmd, "put", "--multipart-chunk-size-mb=5", source, "s3://s3cmd/a b/c.bin")
    run(server, *s3cmd, "get", "s3://s3cmd/a b/c.bin", server.folder / "s3cmd.back")
    assert (server.folder / "s3cmd.back").read_bytes() == source.read_bytes()
    assert "16777216" in run(server, *s3cmd, "info", "s3://s3cmd/a b/c.bin")
    run(server, *s3cmd, "cp", "s3://s3cmd/a b/c.bin", "s3://s3cmd/copy")
    assert "s3://s3cmd/copy" in run(server, *s3cmd, "ls", "s3://s3cmd")
    run(server, *s3cmd, "rb", "--recursive", "--force", "s3://s3cmd")


def test_rclone_copies_and_checks(server):
    env = {"RCLONE_CONFIG_L_TYPE": "s3", "RCLONE_CONFIG_L_PROVIDER": "Other", "RCLONE_CONFIG_L_ENDPOINT": server.url,
           "RCLONE_CONFIG_L_ACCESS_KEY_ID": ROOT[0], "RCLONE_CONFIG_L_SECRET_ACCESS_KEY": ROOT[1], "RCLONE_CONFIG": "/dev/null"}
    folder = server.folder / "rclone"
    folder.mkdir()
    for i in range(20):
        (folder / f"{i} ü.txt").write_text(str(i) * 1000)
    (folder / "big").write_bytes(os.urandom(12 << 20))
    run(server, "rclone", "mkdir", "l:rclone", env=env)
    run(server, "rclone", "copy", "--s3-upload-cutoff=6Mi", "--s3-chunk-size=5Mi", folder, "l:rclone/x", env=env)
    run(server, "rclone", "check", folder, "l:rclone/x", env=env)
    assert run(server, "rclone", "cat", "l:rclone/x/3 ü.txt", env=env) == "3" * 1000
    run(server, "rclone", "purge", "l:rclone", env=env)


def test_the_root_key_is_made_once_and_kept_sealed(tmp_path):
    server = Server(tmp_path, root=None)
    key = tuple(line.split("=", 1)[1].strip() for line in server.out if "export AWS_" in line)
    server.client(key).create_bucket(Bucket="mine")
    assert server.stop() == 0
    server.start()
    assert len(server.out) == 1  # it is not shown again
    assert [b["Name"] for b in server.client(key).list_buckets()["Buckets"]] == ["mine"]
    server.stop()
    for file in (tmp_path / "home").rglob("*"):
        assert not file.is_file() or key[1].encode() not in file.read_bytes(), file
    assert key[1] not in server.folder.joinpath("serve.log").read_text()


def test_buckets_with_a_declared_prefix_keep_versions_from_the_start(tmp_path):
    (tmp_path / "leat.yml").write_text("name: shop\nstore: {versioned_prefixes: [sfc-]}\n")
    server = Server(tmp_path)
    s3 = server.client()
    for bucket, wanted in (("sfc-raw", "Enabled"), ("raw", None)):
        s3.create_bucket(Bucket=bucket)
        assert s3.get_bucket_versioning(Bucket=bucket).get("Status") == wanted
    server.stop()


def test_keys_of_others_do_what_they_may_until_they_are_revoked(tmp_path):
    import json
    from botocore.exceptions import ClientError
    server = Server(tmp_path)
    server.client().create_bucket(Bucket="shared")
    made = json.loads(server.leat("store", "key", "create", "--name", "anna", "--allow", "read,write", "--in", "shared/anna/", "--json"))
    anna = server.client((made["id"], made["secret"]))
    anna.put_object(Bucket="shared", Key="anna/x", Body=b"hers")
    assert anna.get_object(Bucket="shared", Key="anna/x")["Body"].read() == b"hers"
    for refused in (lambda: anna.put_object(Bucket="shared", Key="x", Body=b""), lambda: anna.delete_object(Bucket="shared", Key="anna/x"),
                    lambda: anna.list_objects_v2(Bucket="shared"), lambda: anna.create_bucket(Bucket="hers")):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
    server.leat("store", "key", "revoke", made["id"])
    with pytest.raises(ClientError) as error:
        anna.get_object(Bucket="shared", Key="anna/x")
    assert error.value.response["Error"]["Code"] == "InvalidAccessKeyId"
    server.stop()
