"""Every operation of the face's own table, done by boto3 and answered with a success: an operation that is new in the table fails here
until a client does it."""

import json
import pathlib
import re
import time
import urllib.request

import pytest
from s3_server import Server

pytest.importorskip("boto3")

TABLE = (pathlib.Path(__file__).resolve().parents[2] / "src/web/s3/ops.c").read_text()
OPERATIONS = sorted(set(re.findall(r'(?:BUCKET\(|OBJECT\(|\{)"(\w+)"', TABLE)))


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    made.client().create_bucket(Bucket="ops")
    made.client().put_object(Bucket="ops", Key="k", Body=b"body", Metadata={"a": "b"})
    yield made
    made.stop()


def rules(**rule):
    return {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "old/"}, **rule}]}


def put_and_get(put, get, delete=None, wanted=lambda shown: True):
    """What is put is shown; what is deleted is shown no more."""
    put()
    assert wanted(get())
    if delete:
        delete()
        with pytest.raises(Exception) as gone:
            get()
        assert gone.value.response["Error"]["Code"].startswith(("NoSuch", "ServerSideEncryptionConfigurationNotFound"))


def bucket_itself(s3, server):
    s3.create_bucket(Bucket="made")
    s3.head_bucket(Bucket="made")
    assert {"ops", "made"} <= {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert s3.get_bucket_location(Bucket="made")["LocationConstraint"] is None
    s3.delete_bucket(Bucket="made")
    assert "made" not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def bucket_documents(s3, server):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::ops/open/*"}]})

    def put_policy():
        s3.put_bucket_policy(Bucket="ops", Policy=policy)
        assert s3.get_bucket_policy_status(Bucket="ops")["PolicyStatus"]["IsPublic"]

    put_and_get(put_policy, lambda: s3.get_bucket_policy(Bucket="ops"), lambda: s3.delete_bucket_policy(Bucket="ops"), lambda shown: shown["Policy"] == policy)
    put_and_get(lambda: s3.put_bucket_lifecycle_configuration(Bucket="ops", LifecycleConfiguration=rules(Expiration={"Days": 3})),
                lambda: s3.get_bucket_lifecycle_configuration(Bucket="ops"), lambda: s3.delete_bucket_lifecycle(Bucket="ops"),
                lambda shown: shown["Rules"][0]["Expiration"] == {"Days": 3} and shown["Rules"][0]["Filter"] == {"Prefix": "old/"})
    put_and_get(lambda: s3.put_bucket_tagging(Bucket="ops", Tagging={"TagSet": [{"Key": "team", "Value": "däta"}]}),
                lambda: s3.get_bucket_tagging(Bucket="ops"), lambda: s3.delete_bucket_tagging(Bucket="ops"),
                lambda shown: shown["TagSet"] == [{"Key": "team", "Value": "däta"}])
    put_and_get(lambda: s3.put_bucket_encryption(Bucket="ops", ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}),
                lambda: s3.get_bucket_encryption(Bucket="ops"), lambda: s3.delete_bucket_encryption(Bucket="ops"))
    put_and_get(lambda: s3.put_bucket_notification_configuration(Bucket="ops", NotificationConfiguration={"EventBridgeConfiguration": {}}),
                lambda: s3.get_bucket_notification_configuration(Bucket="ops"), wanted=lambda shown: "EventBridgeConfiguration" in shown)
    put_and_get(lambda: s3.put_bucket_versioning(Bucket="ops", VersioningConfiguration={"Status": "Enabled"}),
                lambda: s3.get_bucket_versioning(Bucket="ops"), wanted=lambda shown: shown["Status"] == "Enabled")
    put_and_get(lambda: s3.put_bucket_acl(Bucket="ops", ACL="private"), lambda: s3.get_bucket_acl(Bucket="ops"),
                wanted=lambda shown: shown["Grants"][0]["Permission"] == "FULL_CONTROL")


def cors(s3, server):
    rule = {"AllowedOrigins": ["https://bi.example"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 60}
    s3.put_bucket_cors(Bucket="ops", CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket="ops")["CORSRules"][0]["AllowedOrigins"] == ["https://bi.example"]
    asked = {"Origin": "https://bi.example", "Access-Control-Request-Method": "GET"}
    for path in ("/ops", "/ops/k"):  # as a browser does; boto3 has no such call
        with urllib.request.urlopen(urllib.request.Request(server.url + path, method="OPTIONS", headers=asked)) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://bi.example"
    s3.delete_bucket_cors(Bucket="ops")


def objects(s3, server):
    s3.put_object(Bucket="ops", Key="a/1", Body=b"one", ServerSideEncryption="AES256")
    assert s3.get_object(Bucket="ops", Key="a/1")["Body"].read() == b"one"
    assert s3.head_object(Bucket="ops", Key="a/1")["ServerSideEncryption"] == "AES256"
    s3.copy_object(Bucket="ops", Key="a/2", CopySource={"Bucket": "ops", "Key": "a/1"})
    assert s3.get_object_attributes(Bucket="ops", Key="a/2", ObjectAttributes=["ObjectSize"])["ObjectSize"] == 3
    assert [found["Key"] for found in s3.list_objects(Bucket="ops", Prefix="a/")["Contents"]] == ["a/1", "a/2"]
    assert [found["Prefix"] for found in s3.list_objects_v2(Bucket="ops", Delimiter="/")["CommonPrefixes"]] == ["a/"]
    s3.delete_object(Bucket="ops", Key="a/1")
    assert any(marker["Key"] == "a/1" for marker in s3.list_object_versions(Bucket="ops")["DeleteMarkers"])
    assert s3.delete_objects(Bucket="ops", Delete={"Objects": [{"Key": "a/2"}]})["Deleted"][0]["Key"] == "a/2"
    s3.put_object_acl(Bucket="ops", Key="k", ACL="private")
    assert s3.get_object_acl(Bucket="ops", Key="k")["Grants"]


def object_tags(s3, server):
    s3.put_object_tagging(Bucket="ops", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_object_tagging(Bucket="ops", Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_object_tagging(Bucket="ops", Key="k")
    assert s3.get_object_tagging(Bucket="ops", Key="k")["TagSet"] == []


def uploads(s3, server):
    upload = s3.create_multipart_upload(Bucket="ops", Key="big")["UploadId"]
    assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket="ops")["Uploads"]] == [upload]
    named = {"Bucket": "ops", "Key": "big", "UploadId": upload}
    first = s3.upload_part(PartNumber=1, Body=b"x" * (5 << 20), **named)["ETag"]
    second = s3.upload_part_copy(PartNumber=2, CopySource={"Bucket": "ops", "Key": "k"}, CopySourceRange="bytes=1-2", **named)["CopyPartResult"]["ETag"]
    assert [part["Size"] for part in s3.list_parts(**named)["Parts"]] == [5 << 20, 2]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]}, **named)
    assert s3.get_object(Bucket="ops", Key="big", Range="bytes=-3")["Body"].read() == b"xod"
    other = s3.create_multipart_upload(Bucket="ops", Key="never")["UploadId"]
    s3.abort_multipart_upload(Bucket="ops", Key="never", UploadId=other)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="ops")


def browsers_post(s3, server):
    form = s3.generate_presigned_post(Bucket="ops", Key="posted")
    body = b"".join(f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in form["fields"].items())
    body += b'--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nfrom a form\r\n--B--\r\n'
    request = urllib.request.Request(form["url"], body, {"Content-Type": "multipart/form-data; boundary=B"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204
    assert s3.get_object(Bucket="ops", Key="posted")["Body"].read() == b"from a form"


def test_boto3_does_each_operation_of_the_table(server):
    assert len(OPERATIONS) > 40
    for work in (bucket_itself, bucket_documents, cors, objects, object_tags, uploads, browsers_post):
        work(server.client(signature_version="s3v4"), server)
    until, missing = time.monotonic() + 30, OPERATIONS
    while missing and time.monotonic() < until:  # the lines come behind the answers
        done = set(re.findall(r" (\w+) /\S* 2\d\d - ", server.logged()))
        missing = [name for name in OPERATIONS if name not in done]
        time.sleep(0.05 if missing else 0)
    assert not missing, f"no client has had a success of {missing}"
