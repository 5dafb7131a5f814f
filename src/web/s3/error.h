/* error.h - S3's errors: code, HTTP status, what it usually says. */
#pragma once
#include "base/err.h"

/* name, code, status, message */
#define LT_S3_ERRORS(X)                                                                            \
    X(NONE, "", 200, "")                                                                           \
    X(ACCESS_DENIED, "AccessDenied", 403, "Access Denied")                                         \
    X(ACL_NOT_SUPPORTED, "AccessControlListNotSupported", 400,                                     \
      "The bucket does not allow ACLs: use a bucket policy or the rights of an access key")        \
    X(AUTH_HEADER_MALFORMED, "AuthorizationHeaderMalformed", 400,                                  \
      "The authorization header that you provided is not valid")                                   \
    X(AUTH_QUERY_PARAMS, "AuthorizationQueryParametersError", 400,                                 \
      "The authorization parameters of the query are not valid")                                   \
    X(BAD_DIGEST, "BadDigest", 400,                                                                \
      "The Content-MD5 or checksum value that you specified did not match what the server "        \
      "received")                                                                                  \
    X(BUCKET_EXISTS, "BucketAlreadyExists", 409,                                                   \
      "The requested bucket name is not available: somebody else has it")                          \
    X(BUCKET_YOURS, "BucketAlreadyOwnedByYou", 409,                                                \
      "Your previous request to create the named bucket succeeded and you already own it")         \
    X(BUCKET_NOT_EMPTY, "BucketNotEmpty", 409, "The bucket you tried to delete is not empty")      \
    X(BUCKET_STATE, "InvalidBucketState", 409,                                                     \
      "The request is not valid for the current state of the bucket")                              \
    X(CORS_FORBIDDEN, "AccessForbidden", 403,                                                      \
      "CORSResponse: This CORS request is not allowed: no rule matches origin, method and "        \
      "headers")                                                                                   \
    X(CREDENTIALS_UNKNOWN, "InvalidAccessKeyId", 403,                                              \
      "The access key Id you provided does not exist in our records")                              \
    X(DIGEST_INVALID, "InvalidDigest", 400, "The Content-MD5 you specified is not valid")          \
    X(ENTITY_TOO_LARGE, "EntityTooLarge", 400,                                                     \
      "Your proposed upload exceeds the maximum allowed size")                                     \
    X(ENTITY_TOO_SMALL, "EntityTooSmall", 400,                                                     \
      "Your proposed upload is smaller than the minimum allowed size")                             \
    X(EXPIRED_TOKEN, "ExpiredToken", 400, "The provided token has expired")                        \
    X(HEAD_TOO_LARGE, "RequestHeaderSectionTooLarge", 400,                                         \
      "Your request header section exceeds the maximum allowed size of 16 KiB")                    \
    X(INCOMPLETE_BODY, "IncompleteBody", 400,                                                      \
      "You did not provide the number of bytes specified by the Content-Length HTTP header")       \
    X(INSUFFICIENT_STORAGE, "InsufficientStorage", 507, "The store has no room left")              \
    X(INTERNAL, "InternalError", 500, "We encountered an internal error. Please try again.")       \
    X(INVALID_ARGUMENT, "InvalidArgument", 400, "Invalid Argument")                                \
    X(INVALID_BUCKET_NAME, "InvalidBucketName", 400, "The specified bucket is not valid")          \
    X(INVALID_LOCATION, "InvalidLocationConstraint", 400,                                          \
      "The specified location-constraint is not valid")                                            \
    X(INVALID_OBJECT_STATE, "InvalidObjectState", 403,                                             \
      "The operation is not valid for the object's state")                                         \
    X(INVALID_PART, "InvalidPart", 400,                                                            \
      "One or more of the specified parts could not be found, or its entity tag does not match")   \
    X(INVALID_PART_NUMBER, "InvalidPartNumber", 416,                                               \
      "The requested partnumber is not satisfiable")                                               \
    X(INVALID_PART_ORDER, "InvalidPartOrder", 400, "The list of parts was not in ascending order") \
    X(INVALID_POLICY, "InvalidPolicyDocument", 400,                                                \
      "The content of the form does not meet the conditions specified in the policy document")     \
    X(INVALID_RANGE, "InvalidRange", 416, "The requested range is not satisfiable")                \
    X(INVALID_REQUEST, "InvalidRequest", 400, "Invalid Request")                                   \
    X(INVALID_STORAGE_CLASS, "InvalidStorageClass", 400,                                           \
      "The storage class you specified is not valid")                                              \
    X(INVALID_TAG, "InvalidTag", 400, "The tag provided was not a valid tag")                      \
    X(INVALID_URI, "InvalidURI", 400, "Couldn't parse the specified URI")                          \
    X(KEY_TOO_LONG, "KeyTooLongError", 400, "Your key is too long")                                \
    X(MALFORMED_POLICY, "MalformedPolicy", 400, "The policy is not in a valid format")             \
    X(MALFORMED_POST, "MalformedPOSTRequest", 400,                                                 \
      "The body of your POST request is not well-formed multipart/form-data")                      \
    X(MALFORMED_XML, "MalformedXML", 400,                                                          \
      "The XML you provided was not well-formed or did not validate against our published "        \
      "schema")                                                                                    \
    X(MAX_MESSAGE, "MaxMessageLengthExceeded", 400, "Your request was too big")                    \
    X(METADATA_TOO_LARGE, "MetadataTooLarge", 400,                                                 \
      "Your metadata headers exceed the maximum allowed metadata size")                            \
    X(METHOD_NOT_ALLOWED, "MethodNotAllowed", 405,                                                 \
      "The specified method is not allowed against this resource")                                 \
    X(MISSING_LENGTH, "MissingContentLength", 411,                                                 \
      "You must provide the Content-Length HTTP header")                                           \
    X(MISSING_SECURITY, "MissingSecurityHeader", 400,                                              \
      "Your request was missing a required header")                                                \
    X(NOT_IMPLEMENTED, "NotImplemented", 501,                                                      \
      "A header, parameter or operation that you asked for is not implemented here")               \
    X(NO_SUCH_BUCKET, "NoSuchBucket", 404, "The specified bucket does not exist")                  \
    X(NO_SUCH_POLICY, "NoSuchBucketPolicy", 404, "The bucket policy does not exist")               \
    X(NO_SUCH_CORS, "NoSuchCORSConfiguration", 404, "The CORS configuration does not exist")       \
    X(NO_SUCH_KEY, "NoSuchKey", 404, "The specified key does not exist")                           \
    X(NO_SUCH_LIFECYCLE, "NoSuchLifecycleConfiguration", 404,                                      \
      "The lifecycle configuration does not exist")                                                \
    X(NO_SUCH_ENCRYPTION, "ServerSideEncryptionConfigurationNotFoundError", 404,                   \
      "The server side encryption configuration was not found")                                    \
    X(NO_SUCH_OWNERSHIP, "OwnershipControlsNotFoundError", 404,                                    \
      "The bucket ownership controls were not found")                                              \
    X(NO_SUCH_PUBLIC_BLOCK, "NoSuchPublicAccessBlockConfiguration", 404,                           \
      "The public access block configuration was not found")                                       \
    X(NO_SUCH_TAGS, "NoSuchTagSet", 404, "The TagSet does not exist")                              \
    X(NO_SUCH_UPLOAD, "NoSuchUpload", 404, "The specified multipart upload does not exist")        \
    X(NO_SUCH_VERSION, "NoSuchVersion", 404, "The specified version does not exist")               \
    X(NOT_MODIFIED, "NotModified", 304, "")                                                        \
    X(PRECONDITION, "PreconditionFailed", 412,                                                     \
      "At least one of the preconditions that you specified did not hold")                         \
    X(REQUEST_EXPIRED, "AccessDenied", 403, "Request has expired")                                 \
    X(SHA256_MISMATCH, "XAmzContentSHA256Mismatch", 400,                                           \
      "The provided 'x-amz-content-sha256' header does not match what was computed")               \
    X(SIGNATURE, "SignatureDoesNotMatch", 403,                                                     \
      "The request signature we calculated does not match the signature you provided. Check your " \
      "key and signing method")                                                                    \
    X(SLOW_DOWN, "SlowDown", 503, "Please reduce your request rate")                               \
    X(TIME_SKEWED, "RequestTimeTooSkewed", 403,                                                    \
      "The difference between the request time and the server's time is too large")                \
    X(TOO_MANY_BUCKETS, "TooManyBuckets", 400,                                                     \
      "You have attempted to create more buckets than allowed")                                    \
    X(UNEXPECTED, "UnexpectedContent", 400, "This request does not support content")               \
    X(UNRESOLVABLE_GRANT, "UnresolvableGrantByEmailAddress", 400,                                  \
      "The e-mail address that you provided does not match any account on record")

typedef enum lt_s3_code {
#define X(name, code, status, message) LT_S3_##name,
    LT_S3_ERRORS(X)
#undef X
        LT_S3_CODES
} lt_s3_code;

typedef struct lt_s3_error {
    const char *code;
    int status;
    const char *message;
} lt_s3_error;

const lt_s3_error *lt_s3_error_of(lt_s3_code code);
/* The error that a failed call of the store means. */
lt_s3_code lt_s3_error_from(const lt_err *err);
