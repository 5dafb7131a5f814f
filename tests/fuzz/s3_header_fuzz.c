/* Any bytes as the headers that are taken apart: Authorization, Range, copy source, boundary, tags. */
#include "web/s3/call.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lt_s3 s3;
    LT_AUTO(lt_arena) arena = {0};
    lt_server_reply reply = {.fd = -1};
    lt_server_request http = {.arena = &arena};
    lt_s3_call call = {.s3 = &s3, .http = &http, .reply = &reply, .arena = &arena};
    lt_text text = lt_text_at((const char *)data, size);
    lt_s3_credential credential;
    lt_object_name source;
    lt_pairs tags = {0};
    lt_err err;
    int64_t offset = 0, len = 0;
    if (lt_s3_credential_read(text, &credential) &&
        (!credential.key_id.len || credential.scope.date.len != 8))
        abort();
    if (lt_s3_range_read(text, 1000, &offset, &len) == LT_S3_ONE_RANGE &&
        (offset < 0 || len < 1 || offset + len > 1000))
        abort();
    if (lt_s3_copy_source_read(text, &arena, &source) &&
        (!source.bucket.len || !source.key.len || source.key.len > LT_KEY_BYTES))
        abort();
    if (lt_s3_boundary(text).len > 200)
        abort();
    lt_ignore(lt_s3_tags_read(&call, text, &tags, &err));
    lt_s3_verdict verdict;
    lt_s3_question question = {.action = T("s3:GetObject"), .bucket = T("b"), .key = T("k")};
    if (lt_s3_policy_check(text, T("b"), &arena, &err) == LT_OK)
        lt_ignore(lt_s3_policy_ask(text, &question, &arena, &verdict, &err));
    return 0;
}
