/* Any bytes as a browser's form: fields and file stay within what came in. */
#include "net/http_body.h"
#include "web/s3/call.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lt_s3 s3;
    LT_AUTO(lt_arena) arena = {0};
    lt_server_reply reply = {.fd = -1};
    lt_body_pipe pipe = {.small = {.limit = LT_MIB}};
    lt_server_request http = {.arena = &arena, .body_source = &pipe};
    lt_param type = {T("Content-Type"), T("multipart/form-data; boundary=b")};
    lt_s3_call call = {.s3 = &s3, .http = &http, .reply = &reply, .arena = &arena};
    lt_s3_form *form;
    lt_err err;
    size_t all = 0, got = 1;
    char block[100];
    lt_push_in(&arena, &http.headers, type);
    lt_buf_add(&pipe.small, lt_text_at((const char *)data, size));
    if (lt_s3_form_open(&call, &form, &err) == LT_OK) {
        for (size_t i = 0; i < lt_s3_form_fields(form)->len; i++)
            all += lt_s3_form_fields(form)->items[i].value.len;
        while (got > 0 && lt_s3_form_read(form, block, sizeof(block), &got, &err) == LT_OK)
            all += got;
        if (all > size)
            abort();
    } else if (call.code == LT_S3_NONE) {
        abort();
    }
    lt_pipe_cleanup(&pipe);
    return 0;
}
