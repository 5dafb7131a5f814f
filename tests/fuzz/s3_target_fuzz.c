/* Any bytes as a request's target and host: what is read holds to its rules, whatever the bytes were. */
#include "web/s3/call.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lt_s3 s3;
    LT_AUTO(lt_arena) arena = {0};
    lt_server_reply reply = {.fd = -1};
    lt_server_request http = {.arena = &arena};
    lt_text rest = lt_text_at((const char *)data, size), host = {0};
    lt_err err;
    (void)lt_text_cut(&rest, '\n', &host);
    lt_s3_call call = {.s3 = &s3, .http = &http, .reply = &reply, .arena = &arena};
    if (lt_s3_parse_target(&call, rest, host, "s3.test", &err) != LT_OK) {
        if (call.code == LT_S3_NONE)
            abort();
        return 0;
    }
    if (call.key.len > LT_KEY_BYTES || lt_utf8_valid_len(call.key) != call.key.len ||
        lt_text_find_byte(call.key, '\0', 0) != SIZE_MAX)
        abort();
    if (call.key.len && !call.bucket.len)
        abort();
    return 0;
}
