/* The table of operations: what a method, a level and a sub-resource mean, and the right that it takes. */
#include "web/s3/call.h"

enum {
    READ = LT_ACCESS_READ,
    WRITE = LT_ACCESS_WRITE,
    DELETE = LT_ACCESS_DELETE,
    LIST = LT_ACCESS_LIST,
    ADMIN = LT_ACCESS_ADMIN
};

/* The first line that fits is meant: those with a sub-resource come before those without. */
const lt_s3_op lt_s3_ops[] = {
    /* name, method, level, sub, with, header, action, action_version, access, takes, run */
    {"ListBuckets", "GET", LT_S3_SERVICE, NULL, NULL, NULL, "s3:ListAllMyBuckets", NULL, 0,
     LT_S3_NO_BODY, lt_s3_list_buckets},

#define BUCKET(name, method, sub, action, access, takes, run)                                      \
    {                                                                                              \
        name, method, LT_S3_BUCKET, sub, NULL, NULL, action, NULL, access, takes, run              \
    }
    BUCKET("GetBucketLocation", "GET", "location", "s3:GetBucketLocation", LIST, LT_S3_NO_BODY,
           lt_s3_get_location),
    BUCKET("GetBucketVersioning", "GET", "versioning", "s3:GetBucketVersioning", LIST,
           LT_S3_NO_BODY, lt_s3_get_versioning),
    BUCKET("PutBucketVersioning", "PUT", "versioning", "s3:PutBucketVersioning", ADMIN, LT_S3_XML,
           lt_s3_put_versioning),
    BUCKET("GetBucketPolicy", "GET", "policy", "s3:GetBucketPolicy", ADMIN, LT_S3_NO_BODY,
           lt_s3_get_policy),
    BUCKET("PutBucketPolicy", "PUT", "policy", "s3:PutBucketPolicy", ADMIN, LT_S3_JSON,
           lt_s3_put_policy),
    BUCKET("DeleteBucketPolicy", "DELETE", "policy", "s3:DeleteBucketPolicy", ADMIN, LT_S3_NO_BODY,
           lt_s3_delete_policy),
    BUCKET("GetBucketPolicyStatus", "GET", "policyStatus", "s3:GetBucketPolicyStatus", ADMIN,
           LT_S3_NO_BODY, lt_s3_get_policy_status),
    BUCKET("GetBucketCors", "GET", "cors", "s3:GetBucketCORS", ADMIN, LT_S3_NO_BODY,
           lt_s3_get_cors),
    BUCKET("PutBucketCors", "PUT", "cors", "s3:PutBucketCORS", ADMIN, LT_S3_XML, lt_s3_put_cors),
    BUCKET("DeleteBucketCors", "DELETE", "cors", "s3:PutBucketCORS", ADMIN, LT_S3_NO_BODY,
           lt_s3_delete_cors),
    BUCKET("GetBucketLifecycleConfiguration", "GET", "lifecycle", "s3:GetLifecycleConfiguration",
           ADMIN, LT_S3_NO_BODY, lt_s3_get_lifecycle),
    BUCKET("PutBucketLifecycleConfiguration", "PUT", "lifecycle", "s3:PutLifecycleConfiguration",
           ADMIN, LT_S3_XML, lt_s3_put_lifecycle),
    BUCKET("DeleteBucketLifecycle", "DELETE", "lifecycle", "s3:PutLifecycleConfiguration", ADMIN,
           LT_S3_NO_BODY, lt_s3_delete_lifecycle),
    BUCKET("GetBucketNotificationConfiguration", "GET", "notification", "s3:GetBucketNotification",
           ADMIN, LT_S3_NO_BODY, lt_s3_get_notification),
    BUCKET("PutBucketNotificationConfiguration", "PUT", "notification", "s3:PutBucketNotification",
           ADMIN, LT_S3_XML, lt_s3_put_notification),
    BUCKET("GetBucketTagging", "GET", "tagging", "s3:GetBucketTagging", ADMIN, LT_S3_NO_BODY,
           lt_s3_get_bucket_tagging),
    BUCKET("PutBucketTagging", "PUT", "tagging", "s3:PutBucketTagging", ADMIN, LT_S3_XML,
           lt_s3_put_bucket_tagging),
    BUCKET("DeleteBucketTagging", "DELETE", "tagging", "s3:PutBucketTagging", ADMIN, LT_S3_NO_BODY,
           lt_s3_delete_bucket_tagging),
    BUCKET("GetBucketEncryption", "GET", "encryption", "s3:GetEncryptionConfiguration", ADMIN,
           LT_S3_NO_BODY, lt_s3_get_encryption),
    BUCKET("PutBucketEncryption", "PUT", "encryption", "s3:PutEncryptionConfiguration", ADMIN,
           LT_S3_XML, lt_s3_put_encryption),
    BUCKET("DeleteBucketEncryption", "DELETE", "encryption", "s3:PutEncryptionConfiguration", ADMIN,
           LT_S3_NO_BODY, lt_s3_delete_encryption),
    BUCKET("GetBucketAcl", "GET", "acl", "s3:GetBucketAcl", ADMIN, LT_S3_NO_BODY,
           lt_s3_get_bucket_acl),
    BUCKET("PutBucketAcl", "PUT", "acl", "s3:PutBucketAcl", ADMIN, LT_S3_XML, lt_s3_put_acl),
    BUCKET("ListObjectVersions", "GET", "versions", "s3:ListBucketVersions", LIST, LT_S3_NO_BODY,
           lt_s3_list_versions),
    BUCKET("ListMultipartUploads", "GET", "uploads", "s3:ListBucketMultipartUploads", LIST,
           LT_S3_NO_BODY, lt_s3_list_uploads),
    BUCKET("ListObjectsV2", "GET", "list-type", "s3:ListBucket", LIST, LT_S3_NO_BODY,
           lt_s3_list_objects_v2),
    BUCKET("DeleteObjects", "POST", "delete", "s3:DeleteObject", 0, LT_S3_XML,
           lt_s3_delete_objects),
    BUCKET("CreateBucket", "PUT", NULL, "s3:CreateBucket", ADMIN, LT_S3_XML, lt_s3_create_bucket),
    BUCKET("HeadBucket", "HEAD", NULL, "s3:ListBucket", LIST, LT_S3_NO_BODY, lt_s3_head_bucket),
    BUCKET("DeleteBucket", "DELETE", NULL, "s3:DeleteBucket", ADMIN, LT_S3_NO_BODY,
           lt_s3_delete_bucket),
    BUCKET("PostObject", "POST", NULL, "s3:PutObject", 0, LT_S3_FORM, lt_s3_post_object),
    BUCKET("ListObjects", "GET", NULL, "s3:ListBucket", LIST, LT_S3_NO_BODY, lt_s3_list_objects),
    BUCKET("Preflight", "OPTIONS", NULL, NULL, 0, LT_S3_NO_BODY, lt_s3_preflight),
#undef BUCKET

#define OBJECT(name, method, sub, with, header, action, version, access, takes, run)               \
    {                                                                                              \
        name, method, LT_S3_OBJECT, sub, with, header, action, version, access, takes, run         \
    }
    OBJECT("GetObjectTagging", "GET", "tagging", NULL, NULL, "s3:GetObjectTagging",
           "s3:GetObjectVersionTagging", READ, LT_S3_NO_BODY, lt_s3_get_tagging),
    OBJECT("PutObjectTagging", "PUT", "tagging", NULL, NULL, "s3:PutObjectTagging",
           "s3:PutObjectVersionTagging", WRITE, LT_S3_XML, lt_s3_put_tagging),
    OBJECT("DeleteObjectTagging", "DELETE", "tagging", NULL, NULL, "s3:DeleteObjectTagging",
           "s3:DeleteObjectVersionTagging", WRITE, LT_S3_NO_BODY, lt_s3_delete_tagging),
    OBJECT("GetObjectAttributes", "GET", "attributes", NULL, NULL, "s3:GetObject",
           "s3:GetObjectVersion", READ, LT_S3_NO_BODY, lt_s3_get_attributes),
    OBJECT("GetObjectAcl", "GET", "acl", NULL, NULL, "s3:GetObjectAcl", "s3:GetObjectVersionAcl",
           READ, LT_S3_NO_BODY, lt_s3_get_object_acl),
    OBJECT("PutObjectAcl", "PUT", "acl", NULL, NULL, "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
           WRITE, LT_S3_XML, lt_s3_put_acl),
    OBJECT("CreateMultipartUpload", "POST", "uploads", NULL, NULL, "s3:PutObject", NULL, WRITE,
           LT_S3_NO_BODY, lt_s3_create_upload),
    OBJECT("UploadPartCopy", "PUT", "uploadId", "partNumber", "x-amz-copy-source", "s3:PutObject",
           NULL, WRITE, LT_S3_NO_BODY, lt_s3_upload_part_copy),
    OBJECT("UploadPart", "PUT", "uploadId", "partNumber", NULL, "s3:PutObject", NULL, WRITE,
           LT_S3_STREAM, lt_s3_upload_part),
    OBJECT("CompleteMultipartUpload", "POST", "uploadId", NULL, NULL, "s3:PutObject", NULL, WRITE,
           LT_S3_XML, lt_s3_complete_upload),
    OBJECT("AbortMultipartUpload", "DELETE", "uploadId", NULL, NULL, "s3:AbortMultipartUpload",
           NULL, WRITE, LT_S3_NO_BODY, lt_s3_abort_upload),
    OBJECT("ListParts", "GET", "uploadId", NULL, NULL, "s3:ListMultipartUploadParts", NULL, WRITE,
           LT_S3_NO_BODY, lt_s3_list_parts),
    OBJECT("CopyObject", "PUT", NULL, NULL, "x-amz-copy-source", "s3:PutObject", NULL, WRITE,
           LT_S3_NO_BODY, lt_s3_copy_object),
    OBJECT("PutObject", "PUT", NULL, NULL, NULL, "s3:PutObject", NULL, WRITE, LT_S3_STREAM,
           lt_s3_put_object),
    OBJECT("GetObject", "GET", NULL, NULL, NULL, "s3:GetObject", "s3:GetObjectVersion", READ,
           LT_S3_NO_BODY, lt_s3_get_object),
    OBJECT("HeadObject", "HEAD", NULL, NULL, NULL, "s3:GetObject", "s3:GetObjectVersion", READ,
           LT_S3_NO_BODY, lt_s3_head_object),
    OBJECT("DeleteObject", "DELETE", NULL, NULL, NULL, "s3:DeleteObject", "s3:DeleteObjectVersion",
           DELETE, LT_S3_NO_BODY, lt_s3_delete_object),
    OBJECT("Preflight", "OPTIONS", NULL, NULL, NULL, NULL, NULL, 0, LT_S3_NO_BODY, lt_s3_preflight),
#undef OBJECT
};
const size_t lt_s3_op_count = LT_COUNT(lt_s3_ops);
