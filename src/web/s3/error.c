/* The table of S3's errors, and which of them a failure of the store is. */
#include "web/s3/error.h"

#include "store/reason.h"

static const lt_s3_error errors[] = {
#define X(name, code, status, message) {code, status, message},
    LT_S3_ERRORS(X)
#undef X
};

const lt_s3_error *lt_s3_error_of(lt_s3_code code)
{
    return &errors[code];
}

/* Codes that the store's reasons have too; of several with one code the first is meant. */
static lt_s3_code find(const char *code)
{
    for (size_t i = 1; i < LT_COUNT(errors); i++)
        if (strcmp(errors[i].code, code) == 0)
            return (lt_s3_code)i;
    return LT_S3_INTERNAL;
}

lt_s3_code lt_s3_error_from(const lt_err *err)
{
    if (err->reason == LT_WHY_NOT_MADE)
        return LT_S3_NOT_IMPLEMENTED;
    if (err->reason != LT_WHY_NONE)
        return find(lt_store_reason_code((lt_store_reason)err->reason));
    switch (err->status) {
    case LT_INVALID:
        return LT_S3_INVALID_ARGUMENT;
    case LT_TOO_BIG:
        return LT_S3_ENTITY_TOO_LARGE;
    case LT_DENIED:
        return LT_S3_ACCESS_DENIED;
    case LT_NOT_FOUND:
        return LT_S3_NO_SUCH_KEY;
    case LT_OK:
    case LT_FAILED:
    case LT_CONFLICT:
    case LT_IO:
    case LT_CANCELLED:
        break;
    }
    return LT_S3_INTERNAL;
}
