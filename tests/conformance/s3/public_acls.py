"""A pytest plugin: what the suite sets up with public ACLs is set up with the bucket policy that says the same.

leat has no ACLs beyond the owner's, as S3 by default since 2023; many tests of other things (presigned URLs, CORS, forms, anonymous
listings) begin with a public bucket or object. Tests of ACLs themselves stay what they are: expected.txt names them."""

import json

from botocore.client import BaseClient

BUCKET = {"public-read": ["s3:ListBucket", "s3:ListBucketMultipartUploads"], "public-read-write": ["s3:ListBucket", "s3:ListBucketMultipartUploads"]}
WITHIN = {"public-read-write": ["s3:PutObject", "s3:DeleteObject"]}
PUBLIC = ("public-read", "public-read-write")
open_to_all = {}  # bucket: {resource: actions}
call = BaseClient._make_api_call


def put_policy(client, bucket):
    statements = [{"Effect": "Allow", "Principal": "*", "Action": actions, "Resource": f"arn:aws:s3:::{resource}"}
                  for resource, actions in open_to_all.get(bucket, {}).items() if actions]
    if statements:
        call(client, "PutBucketPolicy", {"Bucket": bucket, "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})})
    else:
        call(client, "DeleteBucketPolicy", {"Bucket": bucket})


def with_policies(client, operation, params):
    acl, bucket, key = params.get("ACL"), params.get("Bucket"), params.get("Key")
    about = operation in ("PutBucketAcl", "PutObjectAcl")
    known = open_to_all.setdefault(bucket, {})
    if operation == "CreateBucket":
        known.clear()
    if acl not in PUBLIC and not (about and acl == "private" and known):
        return call(client, operation, params)
    asked = {name: value for name, value in params.items() if name != "ACL"}
    result = {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}} if about else call(client, operation, asked)
    if key is not None:
        known[f"{bucket}/{key}"] = ["s3:GetObject", "s3:GetObjectVersion"] if acl in PUBLIC else []
    else:
        known[bucket], known[f"{bucket}/*"] = BUCKET.get(acl, []), WITHIN.get(acl, [])
    put_policy(client, bucket)
    return result


BaseClient._make_api_call = with_policies
