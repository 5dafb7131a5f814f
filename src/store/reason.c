/* The reasons of the store's failures, each with S3's code and a status. */
#include "store/reason.h"

#include <stdarg.h>

static const struct {
    const char *code;
    lt_status status;
} reasons[LT_WHY_COUNT] = {
    [LT_WHY_NONE] = {"InternalError", LT_IO},
    [LT_WHY_NO_SUCH_BUCKET] = {"NoSuchBucket", LT_NOT_FOUND},
    [LT_WHY_NO_SUCH_KEY] = {"NoSuchKey", LT_NOT_FOUND},
    [LT_WHY_NO_SUCH_VERSION] = {"NoSuchVersion", LT_NOT_FOUND},
    [LT_WHY_IS_MARKER] = {"MethodNotAllowed", LT_NOT_FOUND},
    [LT_WHY_NO_SUCH_UPLOAD] = {"NoSuchUpload", LT_NOT_FOUND},
    [LT_WHY_NO_SUCH_DOCUMENT] = {"NoSuchConfiguration", LT_NOT_FOUND},
    [LT_WHY_NO_SUCH_ACCESS_KEY] = {"InvalidAccessKeyId", LT_NOT_FOUND},
    [LT_WHY_BUCKET_EXISTS] = {"BucketAlreadyOwnedByYou", LT_CONFLICT},
    [LT_WHY_BUCKET_NOT_EMPTY] = {"BucketNotEmpty", LT_CONFLICT},
    [LT_WHY_BUCKET_STATE] = {"InvalidBucketState", LT_INVALID},
    [LT_WHY_BAD_BUCKET_NAME] = {"InvalidBucketName", LT_INVALID},
    [LT_WHY_BAD_KEY] = {"InvalidArgument", LT_INVALID},
    [LT_WHY_KEY_TOO_LONG] = {"KeyTooLongError", LT_INVALID},
    [LT_WHY_BAD_ARGUMENT] = {"InvalidArgument", LT_INVALID},
    [LT_WHY_BAD_REQUEST] = {"InvalidRequest", LT_INVALID},
    [LT_WHY_PRECONDITION] = {"PreconditionFailed", LT_CONFLICT},
    [LT_WHY_BAD_DIGEST] = {"BadDigest", LT_INVALID},
    [LT_WHY_SHA256_MISMATCH] = {"XAmzContentSHA256Mismatch", LT_INVALID},
    [LT_WHY_INCOMPLETE_BODY] = {"IncompleteBody", LT_INVALID},
    [LT_WHY_TOO_LARGE] = {"EntityTooLarge", LT_TOO_BIG},
    [LT_WHY_NO_ROOM] = {"InsufficientStorage", LT_IO},
    [LT_WHY_TOO_SMALL] = {"EntityTooSmall", LT_INVALID},
    [LT_WHY_BAD_PART] = {"InvalidPart", LT_INVALID},
    [LT_WHY_PART_ORDER] = {"InvalidPartOrder", LT_INVALID},
    [LT_WHY_BAD_TAG] = {"InvalidTag", LT_INVALID},
    [LT_WHY_METADATA_TOO_LARGE] = {"MetadataTooLarge", LT_INVALID},
    [LT_WHY_BAD_RANGE] = {"InvalidRange", LT_INVALID},
    [LT_WHY_NO_KEY] = {"ServiceUnavailable", LT_DENIED},
    [LT_WHY_NOT_MADE] = {"NotImplemented", LT_INVALID},
    [LT_WHY_EVENTS_GONE] = {"InvalidArgument", LT_NOT_FOUND},
};

lt_status lt_store_fail(lt_err *err, lt_store_reason reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lt_status status = lt_fail_args(err, reasons[reason].status, format, args);
    va_end(args);
    err->reason = (int)reason;
    return status;
}

const char *lt_store_reason_code(lt_store_reason reason)
{
    return reasons[reason < LT_WHY_COUNT ? reason : LT_WHY_NONE].code;
}

lt_store_reason lt_store_reason_find(lt_text code)
{
    for (lt_store_reason reason = LT_WHY_NO_SUCH_BUCKET; reason < LT_WHY_COUNT; reason++)
        if (lt_text_eq(code, lt_text_of(reasons[reason].code)))
            return reason;
    return LT_WHY_NONE;
}

lt_status lt_store_reason_status(lt_store_reason reason)
{
    return reasons[reason < LT_WHY_COUNT ? reason : LT_WHY_NONE].status;
}
