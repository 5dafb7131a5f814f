/* PostObject: what a browser's form may put, by its policy. */
#include "base/time.h"
#include "fmt/json.h"
#include "fmt/xml.h"
#include "net/url.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <sodium.h>

enum { POLICY_BYTES = 32 * 1024 };

/* ---- the policy ---- */

static lt_status bad_policy(lt_s3_call *call, lt_err *err, const char *why)
{
    return lt_s3_fail(call, err, LT_S3_INVALID_POLICY, "Invalid Policy: %s", why);
}

static lt_text field_of(const lt_params *fields, lt_text name)
{
    for (size_t i = 0; i < fields->len; i++)
        if (lt_text_eq_nocase(fields->items[i].name, name))
            return fields->items[i].value;
    return (lt_text){0};
}

/* One condition: {"field": "value"}, ["eq" or "starts-with", "$field", "value"], ["content-length-range", least, most]. */
typedef struct condition {
    lt_text field, value;
    bool starts, is_range;
    int64_t least, most;
} condition;

static bool read_range(const lt_json *item, condition *out)
{
    lt_json *bounds = item->items;
    out->is_range = true;
    return item->count == 3 &&
           (bounds[1].kind == LT_JSON_NUMBER || bounds[1].kind == LT_JSON_STRING) &&
           (bounds[2].kind == LT_JSON_NUMBER || bounds[2].kind == LT_JSON_STRING) &&
           lt_text_to_i64(bounds[1].text, &out->least) &&
           lt_text_to_i64(bounds[2].text, &out->most) && out->least >= 0 && out->most >= out->least;
}

static bool read_condition(const lt_json *item, condition *out)
{
    *out = (condition){0};
    if (item->kind == LT_JSON_OBJECT) {
        if (item->count != 1 || item->items[0].kind != LT_JSON_STRING)
            return false;
        out->field = item->items[0].key;
        out->value = item->items[0].text;
        return true;
    }
    if (item->kind != LT_JSON_ARRAY || item->count != 3 || item->items[0].kind != LT_JSON_STRING)
        return false;
    lt_text verb = item->items[0].text;
    if (lt_text_eq_nocase(verb, T("content-length-range")))
        return read_range(item, out);
    out->starts = lt_text_eq_nocase(verb, T("starts-with"));
    if (!out->starts && !lt_text_eq_nocase(verb, T("eq")))
        return false;
    if (item->items[1].kind != LT_JSON_STRING || item->items[2].kind != LT_JSON_STRING ||
        !lt_text_starts(item->items[1].text, T("$")))
        return false;
    out->field = lt_text_sub(item->items[1].text, 1, item->items[1].text.len);
    out->value = item->items[2].text;
    return true;
}

static bool holds(lt_s3_call *call, const condition *c, const lt_params *fields)
{
    lt_text value =
        lt_text_eq_nocase(c->field, T("bucket")) ? call->bucket : field_of(fields, c->field);
    if (!value.ptr)
        return c->starts && !c->value.len; /* anything is allowed, also nothing */
    return c->starts ? lt_text_starts(value, c->value) : lt_text_eq(value, c->value);
}

/* Fields that a policy need not speak of. */
static bool is_free_field(lt_text name)
{
    static const char *const known[] = {"x-amz-signature", "signature", "AWSAccessKeyId",
                                        "policy",          "file",      "bucket"};
    for (size_t i = 0; i < LT_COUNT(known); i++)
        if (lt_text_eq_nocase(name, lt_text_of(known[i])))
            return true;
    return lt_text_eq_nocase(lt_text_sub(name, 0, 9), T("x-ignore-")) ||
           lt_text_eq_nocase(lt_text_sub(name, 0, 15), T("x-amz-checksum-"));
}

static lt_status check_conditions(lt_s3_call *call, const lt_json *list, const lt_params *fields,
                                  lt_s3_post_limits *limits, lt_err *err)
{
    bool *covered = lt_alloc_array(call->arena, fields->len + 1, sizeof(bool));
    for (size_t i = 0; i < list->count; i++) {
        condition c;
        if (!read_condition(&list->items[i], &c))
            return bad_policy(call, err,
                              "Invalid Simple-Condition: a condition is not of a known form");
        if (c.is_range) {
            limits->least = LT_MAX(limits->least, c.least);
            limits->most = LT_MIN(limits->most, c.most);
            continue;
        }
        if (!holds(call, &c, fields))
            return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                              "Invalid according to Policy: Policy Condition failed: [\"%s\", "
                              "\"$%.*s\", \"%.*s\"]",
                              c.starts ? "starts-with" : "eq", LT_ARG(c.field), LT_ARG(c.value));
        for (size_t f = 0; f < fields->len; f++)
            covered[f] = covered[f] || lt_text_eq_nocase(fields->items[f].name, c.field);
    }
    for (size_t f = 0; f < fields->len; f++)
        if (!covered[f] && !is_free_field(fields->items[f].name))
            return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                              "Invalid according to Policy: Extra input fields: %.*s",
                              LT_ARG(fields->items[f].name));
    return LT_OK;
}

lt_status lt_s3_post_policy(lt_s3_call *call, lt_text json, const lt_params *fields,
                            lt_s3_post_limits *limits, lt_err *err)
{
    static const lt_json_options options = {.depth = 8, .node_limit = 5000};
    lt_json *policy = NULL;
    int64_t until_us = 0;
    if (lt_json_read(json, NULL, &options, call->arena, &policy, err) != LT_OK ||
        policy->kind != LT_JSON_OBJECT)
        return bad_policy(call, err, "Invalid JSON.");
    const lt_json *expiration = lt_json_find(policy, "expiration"),
                  *list = lt_json_find(policy, "conditions");
    if (!expiration || expiration->kind != LT_JSON_STRING)
        return bad_policy(call, err, "Policy missing expiration.");
    if (lt_text_find_byte(expiration->text, 'T', 0) == SIZE_MAX ||
        !lt_time_read(expiration->text, &until_us))
        return bad_policy(call, err, "Invalid 'expiration' value");
    if (!list || list->kind != LT_JSON_ARRAY || !list->count)
        return bad_policy(call, err, "Policy missing conditions.");
    for (size_t i = 0; i < policy->count; i++)
        if (!lt_text_eq(policy->items[i].key, T("expiration")) &&
            !lt_text_eq(policy->items[i].key, T("conditions")))
            return bad_policy(call, err, "Unexpected field in the policy");
    if (until_us < call->now_us)
        return lt_s3_fail(call, err, LT_S3_ACCESS_DENIED,
                          "Invalid according to Policy: Policy expired.");
    return check_conditions(call, list, fields, limits, err);
}

static lt_status decode_policy(lt_s3_call *call, lt_text base64, lt_text *out, lt_err *err)
{
    size_t len = 0;
    const char *end = NULL;
    if (base64.len > POLICY_BYTES)
        return bad_policy(call, err, "it is too large");
    unsigned char *json = lt_alloc(call->arena, base64.len + 1);
    if (sodium_base642bin(json, base64.len, base64.ptr, base64.len, "\r\n ", &len, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != base64.ptr + base64.len)
        return bad_policy(call, err, "Invalid base64.");
    *out = lt_text_at((const char *)json, len);
    return LT_OK;
}

/* ---- the object ---- */

typedef struct poster {
    lt_s3_call *call;
    lt_s3_form *form;
    lt_s3_post_limits limits;
    int64_t bytes;
} poster;

/* The file, of a size that the policy allows. */
static lt_status read_file(void *context, char *out, size_t size, size_t *got, lt_err *err)
{
    poster *self = context;
    LT_TRY(lt_s3_form_read(self->form, out, size, got, err));
    self->bytes += (int64_t)*got;
    if (self->bytes > self->limits.most)
        return lt_s3_fail(self->call, err, LT_S3_ENTITY_TOO_LARGE, NULL);
    if (*got == 0 && self->bytes < self->limits.least)
        return lt_s3_fail(self->call, err, LT_S3_ENTITY_TOO_SMALL, NULL);
    return LT_OK;
}

/* The key, with ${filename} filled in. */
static lt_status take_key(poster *self, lt_err *err)
{
    static const char mark[] = "${filename}";
    lt_s3_call *call = self->call;
    lt_text key = lt_s3_form_field(self->form, "key"), file = lt_s3_form_filename(self->form);
    if (!key.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "Bucket POST must contain a field named 'key'.  If it is specified, "
                          "please check the order of the fields.");
    size_t at = lt_text_find(key, lt_text_of(mark), 0);
    if (at != SIZE_MAX)
        key = lt_text_of(lt_arena_format(call->arena, "%.*s%.*s%.*s",
                                         LT_ARG(lt_text_sub(key, 0, at)), LT_ARG(file),
                                         LT_ARG(lt_text_sub(key, at + strlen(mark), key.len))));
    if (key.len > LT_KEY_BYTES)
        return lt_s3_fail(call, err, LT_S3_KEY_TOO_LONG, NULL);
    if (!key.len || lt_utf8_valid_len(key) != key.len ||
        lt_text_find_byte(key, '\0', 0) != SIZE_MAX)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "The key is not valid");
    call->key = key;
    lt_s3_form_set(self->form, "key", key); /* conditions are about what it became */
    return LT_OK;
}

static lt_status may_post(poster *self, lt_err *err)
{
    lt_s3_call *call = self->call;
    const lt_params *fields = lt_s3_form_fields(self->form);
    lt_text json = {0};
    LT_TRY(lt_s3_authenticate_form(call, fields, err));
    call->origin.requester = call->who.key_id;
    lt_s3_wish wish = {"s3:PutObject", LT_ACCESS_WRITE, call->bucket, call->key, T(""), T("")};
    LT_TRY(lt_s3_allow(call, &wish, err));
    if (call->who.way == LT_S3_ANONYMOUS)
        return LT_OK;
    LT_TRY(decode_policy(call, lt_s3_form_field(self->form, "policy"), &json, err));
    return lt_s3_post_policy(call, json, fields, &self->limits, err);
}

/* The fields stand for headers: those of the object are read in the same way as for a PUT. */
static void fields_as_headers(poster *self, lt_server_request *request)
{
    const lt_params *fields = lt_s3_form_fields(self->form);
    request->headers = (lt_params){0};
    for (size_t i = 0; i < fields->len; i++) {
        lt_param header = fields->items[i];
        if (lt_text_eq_nocase(header.name, T("acl")))
            header.name = T("x-amz-acl");
        else if (lt_text_eq_nocase(header.name, T("x-amz-tagging")))
            continue;
        lt_push_in(self->call->arena, &request->headers, header);
    }
}

static lt_status read_tags(poster *self, lt_pairs *out, lt_err *err)
{
    lt_text tagging = lt_s3_form_field(self->form, "tagging");
    lt_xml *root = NULL;
    if (!tagging.len)
        return LT_OK;
    if (lt_xml_read(tagging, NULL, self->call->arena, &root, err) != LT_OK)
        return lt_s3_fail(self->call, err, LT_S3_MALFORMED_XML, NULL);
    return lt_s3_tags_from_xml(self->call, root, LT_TAGS, out, err);
}

static lt_status put_file(poster *self, lt_object_info *info, lt_err *err)
{
    lt_s3_call *call = self->call;
    lt_s3_body *body = NULL;
    lt_origin origin = call->origin;
    origin.reason = T("POST Object");
    lt_put_options options = {.origin = &origin};
    LT_TRY(lt_s3_acl_check(call, err));
    LT_TRY(lt_s3_meta_read(call, &options.meta, err));
    LT_TRY(lt_s3_sealed_read(call, &options.sealed, err));
    LT_TRY(read_tags(self, &options.tags, err));
    call->payload = LT_S3_PAYLOAD_UNSIGNED;
    LT_TRY(lt_s3_body_from(call, read_file, self, &body, err));
    options.checksum = lt_s3_body_sum(body);
    options.expected = lt_s3_body_expected(body);
    return lt_store_put(call->s3->options.store, call->bucket, call->key, lt_s3_body_stream(body),
                        &options, call->arena, info, err);
}

/* ---- the answer ---- */

static bool redirect(poster *self, const lt_object_info *info)
{
    lt_s3_call *call = self->call;
    LT_AUTO(lt_buf) to = {.limit = LT_URL_BYTES};
    LT_AUTO(lt_buf) etag = {0};
    lt_url url;
    lt_err unused;
    lt_text where = lt_s3_form_field(self->form, "success_action_redirect");
    if (!where.ptr)
        where = lt_s3_form_field(self->form, "redirect");
    if (!where.len || lt_url_read(where, &url, &unused) != LT_OK)
        return false;
    lt_buf_add(&to, where);
    lt_url_add_param(&to, T("bucket"), call->bucket);
    lt_url_add_param(&to, T("key"), call->key);
    lt_buf_printf(&etag, "\"%.*s\"", LT_ARG(info->etag));
    lt_url_add_param(&to, T("etag"), lt_buf_text(&etag));
    lt_s3_say(call, "Location", lt_buf_text(&to));
    call->reply->status = 303;
    return true;
}

static void answer(poster *self, const lt_object_info *info)
{
    lt_s3_call *call = self->call;
    lt_text status = lt_s3_form_field(self->form, "success_action_status");
    LT_AUTO(lt_buf) location = {0};
    lt_s3_say_etag(call, info->etag);
    lt_s3_say_version(call, info);
    lt_s3_say_sealed(call, info->is_sealed);
    lt_s3_say_sum(call, &info->checksum);
    if (redirect(self, info))
        return;
    call->reply->status = lt_text_eq(status, T("200"))   ? 200
                          : lt_text_eq(status, T("201")) ? 201
                                                         : 204;
    if (call->reply->status != 201)
        return;
    lt_buf_printf(&location, "%s/%.*s/", lt_s3_url(call->s3), LT_ARG(call->bucket));
    lt_aws_encode(call->key, true, &location);
    lt_buf *out = lt_s3_xml_begin(call, T("PostResponse"));
    lt_xml_put(out, T("Location"), lt_buf_text(&location));
    lt_xml_put(out, T("Bucket"), call->bucket);
    lt_xml_put(out, T("Key"), call->key);
    lt_s3_xml_etag(out, info->etag);
    lt_xml_end(out, T("PostResponse"));
}

static lt_status post(poster *self, lt_object_info *info, lt_err *err)
{
    lt_s3_call *call = self->call;
    const lt_server_request *http = call->http;
    lt_server_request as_headers = *http;
    LT_TRY(may_post(self, err));
    fields_as_headers(self, &as_headers);
    call->http = &as_headers;
    lt_status status = put_file(self, info, err);
    call->http = http;
    return status;
}

lt_status lt_s3_post_object(lt_s3_call *call, lt_err *err)
{
    poster self = {.call = call, .limits = {0, LT_PART_BYTES}};
    lt_object_info info = {0};
    if (call->who.way != LT_S3_ANONYMOUS) /* two ways to sign at once are one too many */
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "A form is signed by its fields, not by headers or parameters");
    LT_TRY(lt_s3_form_open(call, &self.form, err));
    LT_TRY(take_key(&self, err));
    LT_TRY(post(&self, &info, err));
    answer(&self, &info);
    return LT_OK;
}
