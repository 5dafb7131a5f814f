/* XML answers and errors. */
#include "base/log.h"
#include "base/time.h"
#include "fmt/xml.h"
#include "net/url.h"
#include "store/reason.h"
#include "web/s3/call.h"

lt_status lt_s3_fail(lt_s3_call *call, lt_err *err, lt_s3_code code, const char *format, ...)
{
    const lt_s3_error *error = lt_s3_error_of(code);
    lt_status status = error->status == 404   ? LT_NOT_FOUND
                       : error->status == 403 ? LT_DENIED
                       : error->status == 409 ? LT_CONFLICT
                       : error->status >= 500 ? LT_IO
                                              : LT_INVALID;
    call->code = code;
    call->message = NULL;
    if (format) {
        va_list args;
        va_start(args, format);
        call->message = lt_arena_vformat(call->arena, format, args);
        va_end(args);
    }
    return lt_fail(err, status, "%s: %s", error->code,
                   call->message ? call->message : error->message);
}

void lt_s3_detail(lt_s3_call *call, lt_text name, lt_text value)
{
    lt_pair pair = {lt_arena_text(call->arena, name), lt_arena_text(call->arena, value)};
    lt_push_in(call->arena, &call->details, pair);
}

lt_buf *lt_s3_xml_begin(lt_s3_call *call, lt_text root)
{
    lt_buf *out = &call->reply->body;
    lt_s3_say(call, "Content-Type", T("application/xml"));
    lt_buf_add(out, T("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    lt_xml_begin(out, root);
    return out;
}

void lt_s3_xml_time(lt_buf *out, lt_text name, int64_t at_us)
{
    char text[LT_TIME_CHARS];
    lt_text all = lt_text_of(lt_time_write(at_us, text));
    lt_xml_begin(out, name);
    lt_buf_add(out, lt_text_sub(all, 0, strlen("2026-11-22T01:02:03.000"))); /* milliseconds */
    lt_buf_add(out, T("Z"));
    lt_xml_end(out, name);
}

void lt_s3_xml_owner(lt_buf *out, lt_text name, lt_text id, lt_text display_name)
{
    lt_xml_begin(out, name);
    lt_xml_put(out, T("ID"), id);
    lt_xml_put(out, T("DisplayName"), display_name);
    lt_xml_end(out, name);
}

void lt_s3_xml_etag(lt_buf *out, lt_text etag)
{
    lt_buf_add(out, T("<ETag>&quot;"));
    lt_xml_escape(etag, out);
    lt_buf_add(out, T("&quot;</ETag>"));
}

void lt_s3_xml_sum(lt_buf *out, const lt_checksum *sum)
{
    static const char *const names[LT_SUM_COUNT] = {
        [LT_SUM_CRC32] = "ChecksumCRC32",         [LT_SUM_CRC32C] = "ChecksumCRC32C",
        [LT_SUM_CRC64NVME] = "ChecksumCRC64NVME", [LT_SUM_SHA1] = "ChecksumSHA1",
        [LT_SUM_SHA256] = "ChecksumSHA256",
    };
    if (sum->kind != LT_SUM_NONE && sum->value.len)
        lt_xml_put(out, lt_text_of(names[sum->kind]), sum->value);
}

void lt_s3_xml_key(lt_buf *out, lt_text name, lt_text key, bool url)
{
    if (!url) {
        lt_xml_put(out, name, key);
        return;
    }
    lt_xml_begin(out, name);
    lt_aws_encode(key, true, out);
    lt_xml_end(out, name);
}

/* The resource as the client wrote it, without its parameters. */
static lt_text resource(const lt_s3_call *call)
{
    return lt_text_sub(call->http->target, 0, lt_text_find_byte(call->http->target, '?', 0));
}

/* What a client sent, as far as it is text: the answer is XML whatever was asked. */
static void put_sent(lt_buf *out, lt_text name, lt_text sent)
{
    lt_xml_put(out, name, lt_text_sub(sent, 0, lt_utf8_valid_len(sent)));
}

static void add_names(lt_s3_call *call, lt_buf *out)
{
    if (call->code == LT_S3_NO_SUCH_KEY || call->code == LT_S3_NO_SUCH_VERSION)
        lt_xml_put(out, T("Key"), call->key);
    else if (call->code == LT_S3_NO_SUCH_BUCKET || call->code == LT_S3_BUCKET_NOT_EMPTY ||
             call->code == LT_S3_BUCKET_YOURS || call->code == LT_S3_BUCKET_EXISTS)
        put_sent(out, T("BucketName"), call->bucket);
    for (size_t i = 0; i < call->details.len; i++)
        put_sent(out, call->details.items[i].name, call->details.items[i].value);
}

/* What a handler had begun to say of a good answer does not belong to the bad one, but for what tells of the object. */
static void forget_body(lt_server_reply *reply)
{
    lt_buf_clear(&reply->body);
    if (reply->release)
        reply->release(reply->state);
    reply->release = NULL;
    reply->stream = NULL;
    reply->span = NULL;
    reply->length = -1;
    lt_fd_close(reply->fd);
    reply->fd = -1;
}

void lt_s3_answer_error(lt_s3_call *call, const lt_err *err)
{
    if (call->code == LT_S3_NONE) {
        call->code = lt_s3_error_from(err);
        if (call->code != LT_S3_INTERNAL)
            call->message = lt_arena_str(call->arena, lt_text_of(err->message));
        else
            lt_log(LT_LOG_WARNING, "s3 %s: %s", call->request_id, err->message);
        if (err->reason == LT_WHY_IS_MARKER)
            lt_s3_say(call, "Allow", T("DELETE"));
    }
    const lt_s3_error *error = lt_s3_error_of(call->code);
    forget_body(call->reply);
    call->reply->status = error->status;
    if (error->status == 304)
        return;
    lt_buf *out = lt_s3_xml_begin(call, T("Error"));
    lt_xml_put(out, T("Code"), lt_text_of(error->code));
    put_sent(out, T("Message"), lt_text_of(call->message ? call->message : error->message));
    add_names(call, out);
    put_sent(out, T("Resource"), resource(call));
    lt_xml_put(out, T("RequestId"), lt_text_of(call->request_id));
    lt_xml_put(out, T("HostId"), lt_text_of(call->request_id));
    lt_xml_end(out, T("Error"));
}
