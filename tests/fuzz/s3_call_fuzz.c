/* Any bytes as one request of the S3 face, against a store: nobody is let in, every answer is whole, and what was put can be shown. */
#include "base/time.h"
#include "fmt/xml.h"
#include "net/http_body.h"
#include "store/bucket.h"
#include "store/upload.h"
#include "web/s3/call.h"

#include <stdio.h>
#include <stdlib.h>

enum { INPUTS_OF_A_STORE = 2000, LONGEST = 64 * 1024 };

static lt_s3 s3;
static bool is_changed; /* the bucket, by an input */

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- a store in memory, for many inputs ---- */

static void close_store(void)
{
    lt_store_close(s3.options.store);
    s3.options.store = NULL;
}

static void open_store(void)
{
    lt_err err = {0};
    must(lt_store_open("mem:", &s3.options.store, &err) == LT_OK);
}

/* The face as it stands after lt_s3_start(), without its server and its threads. */
static void open_face(void)
{
    static char secret[33];
    unsigned char random[16];
    arc4random_buf(random, sizeof(random)); /* no corpus can hold a right signature */
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(secret + 2 * i, 3, "%02x", random[i]);
    s3.options.root_key_id = T("ROOT");
    s3.options.root_secret = lt_text_of(secret);
    s3.options.region = "us-east-1";
    s3.options.domain = "s3.test";
    s3.keys = lt_s3_keys_new();
    s3.known = lt_s3_known_new();
    s3.signing_keys = lt_aws_key_cache_new();
    (void)atexit(close_store);
}

/* A bucket that no input before has changed, with an object in it. */
static lt_text need_bucket(void)
{
    static unsigned inputs;
    static char name[16];
    lt_err err = {0};
    lt_text_body body;
    if (!s3.keys)
        open_face();
    bool is_old = inputs++ % INPUTS_OF_A_STORE == 0;
    if (!is_old && !is_changed)
        return lt_text_of(name);
    if (is_old) {
        close_store();
        open_store();
    }
    is_changed = false;
    (void)snprintf(name, sizeof(name), "b%09u", inputs);
    lt_text bucket = lt_text_of(name);
    must(lt_bucket_create(s3.options.store, bucket, LT_VERSIONING_ENABLED, &err) == LT_OK);
    must(lt_store_put(s3.options.store, bucket, T("k"), lt_body_from_text(&body, T("treasure")),
                      NULL, NULL, NULL, &err) == LT_OK);
    return bucket;
}

/* ---- a request ---- */

/* The HTTP server lets no other through. */
static bool is_method(lt_text method)
{
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] != '-' && (method.ptr[i] < 'A' || method.ptr[i] > 'Z'))
            return false;
    return method.len > 0;
}

/* "METHOD TARGET", lines of headers, an empty line, the body; the bucket that is there is called "b-b". */
static void read_request(lt_text input, lt_server_request *http, lt_body_pipe *pipe)
{
    lt_text line = {0};
    (void)lt_text_cut(&input, '\n', &line);
    (void)lt_text_cut(&line, ' ', &http->method);
    if (!is_method(http->method))
        http->method = T("GET");
    http->target = line;
    http->path = lt_text_sub(line, 0, lt_text_find_byte(line, '?', 0));
    while (lt_text_cut(&input, '\n', &line) && line.len) {
        lt_param header = {0};
        if (!lt_text_cut(&line, ':', &header.name) || !header.name.len ||
            lt_text_find_byte(line, '\0', 0) != SIZE_MAX)
            continue; /* as the HTTP library would have refused */
        header.value = lt_text_trim(line);
        lt_push_in(http->arena, &http->headers, header);
    }
    lt_buf_add(&pipe->small, input);
    http->body_source = pipe;
    http->body_size = (int64_t)input.len;
}

/* An upload's id cannot be guessed, so that "U" stands for one. */
static void take_upload(lt_s3_call *call)
{
    lt_err err = {0};
    for (size_t i = 0; i < call->params.len; i++) {
        lt_param *param = &call->params.items[i];
        if (call->key.len && lt_text_eq(param->name, T("uploadId")) &&
            lt_text_eq(param->value, T("U")))
            lt_ignore(lt_upload_create(s3.options.store, call->bucket, call->key, NULL, call->arena,
                                       &param->value, &err));
    }
}

/* ---- the answer ---- */

static void check_answer(const lt_s3_call *call)
{
    lt_err err;
    lt_xml *root = NULL;
    LT_AUTO(lt_arena) arena = {0};
    lt_text body = lt_buf_text(&call->reply->body);
    must(call->reply->status >= 200 && call->reply->status < 600);
    for (size_t i = 0; i < call->reply->headers.len; i++)
        for (size_t at = 0; at < call->reply->headers.items[i].value.len; at++)
            must((unsigned char)call->reply->headers.items[i].value.ptr[at] >= ' ');
    /* control characters are told as S3 tells them, which no XML reader takes */
    if (lt_text_starts(body, T("<?xml")) && lt_text_find(body, T("&#x"), 0) == SIZE_MAX)
        must(lt_xml_read(body, NULL, &arena, &root, &err) == LT_OK);
}

static void drop_answer(lt_server_reply *reply)
{
    char block[4096];
    while (reply->stream && reply->stream(reply->state, block, sizeof(block)) > 0)
        continue;
    if (reply->release)
        reply->release(reply->state);
    lt_fd_close(reply->fd);
    lt_buf_cleanup(&reply->body);
}

/* ---- what must hold ---- */

static lt_s3_call *new_call(lt_server_request *http, lt_server_reply *reply)
{
    lt_s3_call *call = LT_NEW(http->arena, lt_s3_call);
    *reply = (lt_server_reply){.status = 200, .fd = -1, .length = -1};
    *call = (lt_s3_call){
        .s3 = &s3, .http = http, .reply = reply, .arena = http->arena, .now_us = lt_now_us()};
    return call;
}

/* Without the secret nobody is anybody, and anonymous may nothing. */
static void check_nobody(lt_s3_call *call)
{
    lt_err err = {0};
    if (lt_s3_authenticate(call, &err) == LT_OK) {
        must(call->who.key_id.len == 0 && !call->who.is_root);
        must(!call->op->access || lt_s3_authorize(call, &err) != LT_OK);
    }
}

/* What a PUT was taken for is what GET shows: an answer, not an error of ours. */
static void show_again(lt_server_request *http, const lt_s3_call *put)
{
    lt_err err = {0};
    lt_server_reply reply;
    lt_s3_call *call = new_call(http, &reply);
    call->bucket = put->bucket;
    call->who = put->who;
    for (const lt_s3_op *op = lt_s3_ops; op < lt_s3_ops + lt_s3_op_count; op++)
        if (op->level == LT_S3_BUCKET && op->sub && strcmp(op->sub, put->op->sub) == 0 &&
            strcmp(op->method, "GET") == 0)
            call->op = op;
    if (!call->op)
        return;
    lt_status status = call->op->run(call, &err);
    if (status != LT_OK)
        lt_s3_answer_error(call, &err);
    must(reply.status < 500);
    check_answer(call);
    drop_answer(&reply);
}

static void run(lt_s3_call *call, lt_server_request *http)
{
    lt_err err = {0};
    take_upload(call);
    lt_status status = call->op->run(call, &err);
    if (status != LT_OK)
        lt_s3_answer_error(call, &err);
    lt_s3_known_changed(s3.known);
    lt_s3_cors_say(call);
    is_changed =
        is_changed || (!lt_text_eq(http->method, T("GET")) && !lt_text_eq(http->method, T("HEAD")));
    must(call->reply->status != 500);
    must(call->op->run != lt_s3_post_object || call->reply->status >= 400);
    check_answer(call);
    if (status == LT_OK && call->op->level == LT_S3_BUCKET && call->op->sub &&
        strcmp(call->op->method, "PUT") == 0)
        show_again(http, call);
}

/* What cannot be signed: as if it were. */
static void run_as_root(lt_s3_call *call, lt_server_request *http)
{
    call->code = LT_S3_NONE;
    call->details = (lt_pairs){0};
    call->payload = LT_S3_PAYLOAD_UNSIGNED;
    call->who = (lt_s3_who){.way = LT_S3_V4_HEADER, .is_root = true, .key_id = T("ROOT")};
    if (call->op->run == lt_s3_post_object)
        call->who = (lt_s3_who){.way = LT_S3_POST_FORM};
    run(call, http);
}

/* ---- with a right signature ---- */

typedef LT_VEC(lt_aws_header) aws_headers;

static bool has_header(const lt_server_request *http, const char *name)
{
    return lt_server_header(http, lt_text_of(name)).ptr != NULL;
}

static void add_header(lt_server_request *http, const char *name, const char *value)
{
    lt_param header = {lt_text_of(name), lt_arena_text(http->arena, lt_text_of(value))};
    if (!has_header(http, name))
        lt_push_in(http->arena, &http->headers, header);
}

/* The headers that go under the signature, with the ones that belong to it. */
static aws_headers sign_headers(lt_server_request *http, const char *time, bool by_query)
{
    aws_headers out = {0};
    lt_params had = http->headers;
    http->headers = (lt_params){0};
    for (size_t i = 0; i < had.len; i++)
        if (!lt_text_eq_nocase(had.items[i].name, T("Authorization")) &&
            !lt_text_eq_nocase(had.items[i].name, T("x-amz-date")))
            lt_push_in(http->arena, &http->headers, had.items[i]);
    add_header(http, "Host", "127.0.0.1");
    if (!by_query) {
        add_header(http, "x-amz-date", time);
        add_header(http, "x-amz-content-sha256", LT_AWS_UNSIGNED_PAYLOAD);
    }
    for (size_t i = 0; i < http->headers.len; i++) {
        lt_aws_header one = {http->headers.items[i].name, http->headers.items[i].value};
        lt_push_in(http->arena, &out, one);
    }
    return out;
}

/* Sign what came, in its header or, every other input, in its query. */
static bool sign(lt_server_request *http, bool by_query)
{
    char time[LT_AWS_TIME_CHARS], key[LT_AWS_KEY_BYTES];
    LT_AUTO(lt_buf) made = {.limit = LT_MIB};
    lt_text date = lt_text_sub(lt_text_of(lt_aws_time_write(lt_now_us(), time)), 0, 8);
    aws_headers headers = sign_headers(http, time, by_query);
    lt_aws_scope scope = {date, T("us-east-1"), T("s3")};
    lt_aws_request request = {.method = http->method,
                              .path = http->path,
                              .query = lt_text_sub(http->target, http->path.len + 1, SIZE_MAX),
                              .headers = headers.items,
                              .header_count = headers.len,
                              .payload = lt_server_header(http, T("x-amz-content-sha256"))};
    lt_aws_presign presign = {
        .key_id = s3.options.root_key_id, .time = lt_text_of(time), .expires_s = 60};
    lt_aws_key_derive(s3.options.root_secret, &scope, key);
    if (by_query) {
        lt_buf_printf(&made, "%.*s?", LT_ARG(http->path));
        if (!lt_aws_presign_query(&request, &presign, &scope, key, &made))
            return false;
        http->target = lt_arena_text(http->arena, lt_buf_text(&made));
        http->path = lt_text_sub(http->target, 0, http->path.len);
        return true;
    }
    if (!lt_aws_authorize(&request, s3.options.root_key_id, lt_text_of(time), &scope, key, &made))
        return false;
    lt_param header = {T("Authorization"), lt_arena_text(http->arena, lt_buf_text(&made))};
    lt_push_in(http->arena, &http->headers, header);
    return true;
}

/* False: no signature of ours makes this a request that is let in. */
static bool run_signed(lt_server_request *http, lt_text bucket, bool by_query)
{
    lt_server_reply reply;
    lt_err err = {0};
    if (!sign(http, by_query))
        return false;
    lt_s3_call *call = new_call(http, &reply);
    bool is_in = lt_s3_parse(call, &err) == LT_OK && lt_s3_authenticate(call, &err) == LT_OK &&
                 call->who.is_root;
    if (is_in && lt_text_eq(call->bucket, T("b-b")))
        call->bucket = bucket;
    if (is_in && lt_s3_authorize(call, &err) == LT_OK)
        run(call, http);
    lt_s3_body_close(call->body);
    drop_answer(&reply);
    return is_in;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_body_pipe pipe = {.small = {.limit = LT_MIB}};
    lt_server_request http = {.arena = &arena};
    lt_server_reply reply;
    lt_err err = {0};
    if (size > LONGEST)
        return 0;
    lt_text bucket = need_bucket();
    read_request(lt_text_at((const char *)data, size), &http, &pipe);
    lt_server_request again = http;
    lt_s3_call *call = new_call(&http, &reply);
    if (lt_s3_parse(call, &err) == LT_OK) {
        must(call->op != NULL);
        if (lt_text_eq(call->bucket, T("b-b"))) /* the shortest that may be one */
            call->bucket = bucket;
        check_nobody(call);
        if (!run_signed(&again, bucket, size % 2 == 0))
            run_as_root(call, &http);
    } else {
        lt_s3_answer_error(call, &err);
        check_answer(call);
    }
    lt_s3_body_close(call->body);
    drop_answer(&reply);
    lt_pipe_cleanup(&pipe);
    return 0;
}
