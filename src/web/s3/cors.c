/* CORS: what a browser may be told about answers, and preflights. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

/* An origin or header with at most one star, as in "*.example.org"; the case of header names does not count. */
static bool any_fits(const lt_xml *rule, lt_text name, lt_text value, bool nocase)
{
    for (const lt_xml *e = lt_xml_find(rule, name); e; e = lt_xml_again(e)) {
        size_t star = lt_text_find_byte(e->text, '*', 0);
        lt_text head = lt_text_sub(e->text, 0, star);
        lt_text tail = star == SIZE_MAX ? T("") : lt_text_sub(e->text, star + 1, e->text.len);
        lt_text value_head = lt_text_sub(value, 0, head.len);
        lt_text value_tail =
            value.len >= tail.len ? lt_text_sub(value, value.len - tail.len, tail.len) : T("");
        if (star == SIZE_MAX ? value.len != head.len : value.len < head.len + tail.len)
            continue;
        if (nocase ? lt_text_eq_nocase(head, value_head) && lt_text_eq_nocase(tail, value_tail)
                   : lt_text_eq(head, value_head) && lt_text_eq(tail, value_tail))
            return true;
    }
    return false;
}

static bool headers_fit(const lt_xml *rule, lt_text asked)
{
    for (lt_text rest = asked, one; lt_text_cut(&rest, ',', &one);)
        if (lt_text_trim(one).len && !any_fits(rule, T("AllowedHeader"), lt_text_trim(one), true))
            return false;
    return true;
}

static const lt_xml *find_rule(const lt_xml *root, lt_text origin, lt_text method, lt_text headers)
{
    for (const lt_xml *rule = lt_xml_find(root, T("CORSRule")); rule; rule = lt_xml_again(rule))
        if (any_fits(rule, T("AllowedOrigin"), origin, false) &&
            any_fits(rule, T("AllowedMethod"), method, false) && headers_fit(rule, headers))
            return rule;
    return NULL;
}

static lt_text joined(lt_s3_call *call, const lt_xml *rule, lt_text name)
{
    LT_AUTO(lt_buf) out = {0};
    for (const lt_xml *e = lt_xml_find(rule, name); e; e = lt_xml_again(e)) {
        if (out.len)
            lt_buf_add(&out, T(", "));
        lt_buf_add(&out, e->text);
    }
    return lt_arena_text(call->arena, lt_buf_text(&out));
}

static bool allows_all(const lt_xml *rule)
{
    for (const lt_xml *e = lt_xml_find(rule, T("AllowedOrigin")); e; e = lt_xml_again(e))
        if (lt_text_eq(e->text, T("*")))
            return true;
    return false;
}

static void say_rule(lt_s3_call *call, const lt_xml *rule, lt_text origin, lt_text headers)
{
    lt_text exposed = joined(call, rule, T("ExposeHeader")),
            age = lt_xml_text(rule, T("MaxAgeSeconds"));
    bool all = allows_all(rule);
    lt_s3_say(call, "Access-Control-Allow-Origin", all ? T("*") : origin);
    lt_s3_say(call, "Access-Control-Allow-Methods", joined(call, rule, T("AllowedMethod")));
    if (headers.len)
        lt_s3_say(call, "Access-Control-Allow-Headers", headers);
    if (exposed.len)
        lt_s3_say(call, "Access-Control-Expose-Headers", exposed);
    if (age.len)
        lt_s3_say(call, "Access-Control-Max-Age", age);
    if (!all)
        lt_s3_say(call, "Access-Control-Allow-Credentials", T("true"));
    lt_s3_say(call, "Vary",
              T("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

static lt_status read_rules(lt_s3_call *call, lt_xml **root, lt_err *err)
{
    lt_text doc = {0};
    LT_TRY(lt_bucket_doc_get(call->s3->options.store, call->bucket, T("cors"), call->arena, &doc,
                             err));
    return lt_xml_read(doc, NULL, call->arena, root, err);
}

void lt_s3_cors_say(lt_s3_call *call)
{
    lt_err err = {0};
    lt_xml *root = NULL;
    lt_text origin = lt_s3_header(call, "Origin"),
            method = lt_s3_header(call, "Access-Control-Request-Method");
    if (!origin.ptr || !call->bucket.len || (call->op && call->op->run == lt_s3_preflight))
        return;
    if (read_rules(call, &root, &err) != LT_OK)
        return;
    const lt_xml *rule = find_rule(root, origin, method.ptr ? method : call->http->method, T(""));
    if (rule)
        say_rule(call, rule, origin, T(""));
}

lt_status lt_s3_preflight(lt_s3_call *call, lt_err *err)
{
    lt_text origin = lt_s3_header(call, "Origin"),
            method = lt_s3_header(call, "Access-Control-Request-Method");
    lt_text headers = lt_s3_header(call, "Access-Control-Request-Headers");
    lt_xml *root = NULL;
    if (!origin.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Insufficient information. Origin request header needed.");
    if (!method.len)
        return lt_s3_fail(call, err, LT_S3_INVALID_REQUEST,
                          "Invalid Access-Control-Request-Method: null");
    lt_status status = read_rules(call, &root, err);
    if (status != LT_OK && err->reason == LT_WHY_NO_SUCH_DOCUMENT)
        return lt_s3_fail(call, err, LT_S3_CORS_FORBIDDEN,
                          "CORSResponse: CORS is not enabled for this bucket.");
    LT_TRY(status);
    const lt_xml *rule = find_rule(root, origin, method, headers);
    if (!rule)
        return lt_s3_fail(call, err, LT_S3_CORS_FORBIDDEN, NULL);
    say_rule(call, rule, origin, headers);
    return LT_OK;
}
