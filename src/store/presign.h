/* presign.h - URLs of stores on S3 that need no keys. */
#pragma once
#include "store/store.h"

bool lt_store_can_presign(const lt_store *store); /* is it on S3? */
/* Append a URL that allows `method` ("GET", "PUT", ...) on one object, for at most 604800 seconds. LT_WHY_NOT_MADE: not on S3. */
LT_MUST_CHECK lt_status lt_store_presign(lt_store *store, lt_object_name name, const char *method,
                                         int64_t expires_s, lt_buf *url, lt_err *err);
