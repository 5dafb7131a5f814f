/* Reads a request's target once into bucket, key, parameters and operation. */
#include "net/url.h"
#include "web/s3/call.h"

enum { HEAD_BYTES = 16 * 1024, PARAMS = 256 };

/* Parameters that make another operation of a request. One that no line of the table asks for is not implemented, rather than
 * ignored: "PUT /bucket?object-lock" must not make a bucket. */
static const char *const sub_resources[] = {
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
    "append",
};

static bool is_sub_resource(lt_text name)
{
    for (size_t i = 0; i < LT_COUNT(sub_resources); i++)
        if (lt_text_eq(name, lt_text_of(sub_resources[i])))
            return true;
    return false;
}

lt_text lt_s3_param(const lt_s3_call *call, const char *name)
{
    for (size_t i = 0; i < call->params.len; i++)
        if (lt_text_eq(call->params.items[i].name, lt_text_of(name)))
            return call->params.items[i].value;
    return (lt_text){0};
}

bool lt_s3_has_param(const lt_s3_call *call, const char *name)
{
    return lt_s3_param(call, name).ptr != NULL;
}

static lt_status decode(lt_s3_call *call, lt_text raw, bool plus, lt_text *out, lt_err *err)
{
    LT_AUTO(lt_buf) decoded = {.limit = 64 * LT_KIB};
    if (!lt_url_decode(raw, plus, &decoded) ||
        lt_utf8_valid_len(lt_buf_text(&decoded)) != decoded.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_URI, NULL);
    *out = lt_arena_text(call->arena, lt_buf_text(&decoded));
    return LT_OK;
}

static lt_status read_params(lt_s3_call *call, lt_err *err)
{
    lt_text rest = call->query;
    for (lt_text name, value; lt_url_next_param(&rest, &name, &value);) {
        lt_param param = {0};
        if (call->params.len >= PARAMS)
            return lt_s3_fail(call, err, LT_S3_INVALID_URI, "There are too many parameters");
        LT_TRY(decode(call, name, true, &param.name, err));
        LT_TRY(decode(call, value, true, &param.value, err));
        if (lt_s3_param(call, lt_arena_str(call->arena, param.name)).ptr)
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "A parameter stands twice: %.*s",
                              LT_ARG(param.name));
        lt_push_in(call->arena, &call->params, param);
    }
    return LT_OK;
}

/* "bucket.domain:port" */
static lt_text bucket_of_host(lt_text host, const char *domain)
{
    lt_text base = lt_text_of(domain);
    size_t colon = lt_text_find_byte(host, ':', 0);
    host = lt_text_sub(host, 0, colon);
    if (!base.len || host.len <= base.len + 1)
        return (lt_text){0};
    size_t at = host.len - base.len;
    bool same = host.ptr[at - 1] == '.' && lt_text_eq_nocase(lt_text_sub(host, at, base.len), base);
    return same ? lt_text_sub(host, 0, at - 1) : (lt_text){0};
}

static lt_status check_key(lt_s3_call *call, lt_err *err)
{
    if (call->key.len > LT_KEY_BYTES)
        return lt_s3_fail(call, err, LT_S3_KEY_TOO_LONG, NULL);
    if (lt_text_find_byte(call->key, '\0', 0) != SIZE_MAX)
        return lt_s3_fail(call, err, LT_S3_INVALID_URI, "The key has a NUL in it");
    if (lt_text_find_byte(call->bucket, '\0', 0) != SIZE_MAX || call->bucket.len > 255)
        return lt_s3_fail(call, err, LT_S3_INVALID_BUCKET_NAME, NULL);
    return LT_OK;
}

lt_status lt_s3_parse_target(lt_s3_call *call, lt_text target, lt_text host, const char *domain,
                             lt_err *err)
{
    size_t mark = lt_text_find_byte(target, '?', 0);
    lt_text path = lt_text_sub(target, 0, mark), bucket = {0};
    if (!lt_text_starts(path, T("/")))
        return lt_s3_fail(call, err, LT_S3_INVALID_URI, NULL);
    call->query = mark == SIZE_MAX ? (lt_text){0} : lt_text_sub(target, mark + 1, target.len);
    lt_text key = lt_text_sub(path, 1, path.len);
    lt_text hosted = bucket_of_host(host, domain);
    if (hosted.len) {
        call->is_vhost = true;
        call->bucket = lt_arena_text(call->arena, hosted);
    } else {
        (void)lt_text_cut(&key, '/', &bucket);
        LT_TRY(decode(call, bucket, false, &call->bucket, err));
        if (!bucket.len && key.len)
            return lt_s3_fail(call, err, LT_S3_INVALID_BUCKET_NAME, NULL);
    }
    LT_TRY(decode(call, key, false, &call->key, err));
    LT_TRY(read_params(call, err));
    return check_key(call, err);
}

static bool fits(const lt_s3_call *call, const lt_s3_op *op, lt_s3_level level)
{
    return op->level == level && lt_text_eq(call->http->method, lt_text_of(op->method)) &&
           (!op->sub || lt_s3_has_param(call, op->sub)) &&
           (!op->with || lt_s3_has_param(call, op->with)) &&
           (!op->header || lt_s3_header(call, op->header).ptr);
}

static bool is_of(const lt_s3_op *op, lt_text name)
{
    return (op->sub && lt_text_eq(name, lt_text_of(op->sub))) ||
           (op->with && lt_text_eq(name, lt_text_of(op->with)));
}

static lt_status find_op(lt_s3_call *call, lt_err *err)
{
    lt_s3_level level = !call->bucket.len ? LT_S3_SERVICE
                        : call->key.len   ? LT_S3_OBJECT
                                          : LT_S3_BUCKET;
    for (size_t i = 0; i < lt_s3_op_count && !call->op; i++)
        if (fits(call, &lt_s3_ops[i], level))
            call->op = &lt_s3_ops[i];
    for (size_t i = 0; i < call->params.len; i++) {
        lt_text name = call->params.items[i].name;
        if (!is_sub_resource(name) || (call->op && is_of(call->op, name)))
            continue;
        if (call->op && call->op->sub)
            return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                              "Conflicting query string parameters: %s, %.*s", call->op->sub,
                              LT_ARG(name));
        if (call->op && call->op->run == lt_s3_preflight)
            continue;
        call->op = NULL;
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "%.*s with ?%.*s is not implemented",
                          LT_ARG(call->http->method), LT_ARG(name));
    }
    if (!call->op)
        return lt_s3_fail(call, err, LT_S3_METHOD_NOT_ALLOWED, NULL);
    return LT_OK;
}

lt_status lt_s3_parse(lt_s3_call *call, lt_err *err)
{
    const lt_server_request *http = call->http;
    if (http->head_bytes > HEAD_BYTES)
        return lt_s3_fail(call, err, LT_S3_HEAD_TOO_LARGE, NULL);
    LT_TRY(lt_s3_parse_target(call, http->target, lt_s3_header(call, "Host"),
                              call->s3->options.domain, err));
    call->version_id = lt_s3_param(call, "versionId");
    LT_TRY(find_op(call, err));
    if (call->version_id.ptr && !call->version_id.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Version id cannot be the empty string");
    return LT_OK;
}
