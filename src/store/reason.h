/* reason.h - which failure of the store it was exactly, for those who answer in S3's words.
 *
 * `err.reason` of a failed call of the store is one of these; LT_WHY_NONE where the status says it all (an LT_IO is S3's
 * InternalError). Each has S3's code, and the status that comes with it. */
#pragma once
#include "base/err.h"

typedef enum lt_store_reason {
    LT_WHY_NONE,
    LT_WHY_NO_SUCH_BUCKET,
    LT_WHY_NO_SUCH_KEY, /* also: its current version is a delete marker (then the call's info is that marker) */
    LT_WHY_NO_SUCH_VERSION,
    LT_WHY_IS_MARKER, /* the named version is a delete marker and has no content: 405 */
    LT_WHY_NO_SUCH_UPLOAD,
    LT_WHY_NO_SUCH_DOCUMENT, /* the bucket has no policy, CORS rules, ...; the face knows the code for each */
    LT_WHY_NO_SUCH_ACCESS_KEY,
    LT_WHY_BUCKET_EXISTS,
    LT_WHY_BUCKET_NOT_EMPTY,
    LT_WHY_BUCKET_STATE, /* not possible with this bucket's versioning */
    LT_WHY_BAD_BUCKET_NAME,
    LT_WHY_BAD_KEY,
    LT_WHY_KEY_TOO_LONG,
    LT_WHY_BAD_ARGUMENT,
    LT_WHY_BAD_REQUEST, /* the parts of the request contradict each other */
    LT_WHY_PRECONDITION,
    LT_WHY_BAD_DIGEST,      /* Content-MD5 or a checksum is not that of the body */
    LT_WHY_SHA256_MISMATCH, /* nor is x-amz-content-sha256 */
    LT_WHY_INCOMPLETE_BODY, /* the body is not as long as announced */
    LT_WHY_TOO_LARGE,
    LT_WHY_NO_ROOM,   /* the disk is nearly full: what is left is for deleting and pruning */
    LT_WHY_TOO_SMALL, /* a part that is not the last has less than 5 MiB */
    LT_WHY_BAD_PART,
    LT_WHY_PART_ORDER,
    LT_WHY_BAD_TAG,
    LT_WHY_METADATA_TOO_LARGE,
    LT_WHY_BAD_RANGE,
    LT_WHY_NO_KEY,   /* encryption is asked for, and there is no master key, or it is another one */
    LT_WHY_NOT_MADE, /* this kind of store cannot do that */
    LT_WHY_EVENTS_GONE, /* events behind this cursor have been forgotten */
    LT_WHY_COUNT,
} lt_store_reason;

/* Fail for this reason, with the status that comes with it. */
LT_MUST_CHECK lt_status lt_store_fail(lt_err *err, lt_store_reason reason, const char *format, ...)
    LT_PRINTF(3, 4);
/* S3's code: "NoSuchBucket"; "InternalError" for LT_WHY_NONE. */
const char *lt_store_reason_code(lt_store_reason reason);
/* The reason with that code (of two the first), LT_WHY_NONE if none has it. */
lt_store_reason lt_store_reason_find(lt_text code);
/* The status that comes with it. */
lt_status lt_store_reason_status(lt_store_reason reason);
