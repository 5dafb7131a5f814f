/* What belongs to a bucket beside its objects: policy, CORS rules, notifications, tags, encryption, and what ACLs there are. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

enum { POLICY_BYTES = 20 * 1024, BUCKET_TAGS = 50, CORS_RULES = 100 };

static lt_status get_doc(lt_s3_call *call, const char *kind, lt_s3_code missing, lt_text *out,
                         lt_err *err)
{
    lt_status status = lt_bucket_doc_get(call->s3->options.store, call->bucket, lt_text_of(kind),
                                         call->arena, out, err);
    if (status != LT_OK && err->reason == LT_WHY_NO_SUCH_DOCUMENT)
        return lt_s3_fail(call, err, missing, NULL);
    return status;
}

static lt_status show_doc(lt_s3_call *call, const char *kind, lt_s3_code missing, lt_text type,
                          lt_err *err)
{
    lt_text doc = {0};
    LT_TRY(get_doc(call, kind, missing, &doc, err));
    lt_s3_say(call, "Content-Type", type);
    lt_buf_add(&call->reply->body, doc);
    return LT_OK;
}

static lt_status remove_doc(lt_s3_call *call, const char *kind, lt_err *err)
{
    LT_TRY(lt_bucket_doc_remove(call->s3->options.store, call->bucket, lt_text_of(kind), err));
    call->reply->status = 204;
    return LT_OK;
}

/* ---- policy ---- */

lt_status lt_s3_get_policy(lt_s3_call *call, lt_err *err)
{
    return show_doc(call, "policy", LT_S3_NO_SUCH_POLICY, T("application/json"), err);
}

lt_status lt_s3_put_policy(lt_s3_call *call, lt_err *err)
{
    lt_text policy = {0};
    lt_err why = {0};
    LT_TRY(lt_s3_body_whole(call, POLICY_BYTES, &policy, err));
    if (lt_s3_policy_check(policy, call->bucket, call->arena, &why) != LT_OK)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_POLICY, "%s", why.message);
    LT_TRY(lt_bucket_doc_set(call->s3->options.store, call->bucket, T("policy"), policy, err));
    call->reply->status = 204;
    return LT_OK;
}

lt_status lt_s3_delete_policy(lt_s3_call *call, lt_err *err)
{
    return remove_doc(call, "policy", err);
}

lt_status lt_s3_get_policy_status(lt_s3_call *call, lt_err *err)
{
    lt_text policy = {0};
    bool is_public = false;
    lt_status status = lt_bucket_doc_get(call->s3->options.store, call->bucket, T("policy"),
                                         call->arena, &policy, err);
    if (status != LT_OK && err->reason != LT_WHY_NO_SUCH_DOCUMENT)
        return status;
    if (status == LT_OK)
        LT_TRY(lt_s3_policy_is_public(policy, call->arena, &is_public, err));
    lt_buf *out = lt_s3_xml_begin(call, T("PolicyStatus" LT_S3_XMLNS));
    lt_xml_put_bool(out, T("IsPublic"), is_public);
    lt_xml_end(out, T("PolicyStatus"));
    return LT_OK;
}

/* ---- CORS ---- */

static const char *const cors_methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
static const char *const cors_elements[] = {
    "ID", "AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds"};

static bool is_one_of(lt_text text, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lt_text_eq(text, lt_text_of(known[i])))
            return true;
    return false;
}

static bool has_two_stars(lt_text text)
{
    size_t first = lt_text_find_byte(text, '*', 0);
    return first != SIZE_MAX && lt_text_find_byte(text, '*', first + 1) != SIZE_MAX;
}

static bool is_cors_rule(const lt_xml *rule)
{
    int64_t age = 0;
    lt_text max_age = lt_xml_text(rule, T("MaxAgeSeconds"));
    if (!lt_xml_find(rule, T("AllowedOrigin")) || !lt_xml_find(rule, T("AllowedMethod")))
        return false;
    if (max_age.ptr && (!lt_text_to_i64(max_age, &age) || age < 0))
        return false;
    for (const lt_xml *e = rule->first; e; e = e->next) {
        if (!is_one_of(e->name, cors_elements, LT_COUNT(cors_elements)))
            return false;
        if (lt_text_eq(e->name, T("AllowedMethod")) &&
            !is_one_of(e->text, cors_methods, LT_COUNT(cors_methods)))
            return false;
        if ((lt_text_eq(e->name, T("AllowedOrigin")) || lt_text_eq(e->name, T("AllowedHeader"))) &&
            has_two_stars(e->text))
            return false;
    }
    return true;
}

lt_status lt_s3_put_cors(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_text text;
    LT_TRY(lt_s3_body_xml(call, "CORSConfiguration", &root, err));
    size_t count = lt_xml_count(root, T("CORSRule"));
    bool ok = count > 0 && count <= CORS_RULES;
    for (const lt_xml *rule = root->first; rule && ok; rule = rule->next)
        ok = lt_text_eq(rule->name, T("CORSRule")) && is_cors_rule(rule);
    if (!ok)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    LT_AUTO(lt_buf) out = {0}; /* what is kept is what was understood, not what was sent */
    lt_xml_begin(&out, T("CORSConfiguration" LT_S3_XMLNS));
    for (const lt_xml *rule = root->first; rule; rule = rule->next) {
        lt_xml_begin(&out, T("CORSRule"));
        for (const lt_xml *e = rule->first; e; e = e->next)
            lt_xml_put(&out, e->name, e->text);
        lt_xml_end(&out, T("CORSRule"));
    }
    lt_xml_end(&out, T("CORSConfiguration"));
    text = lt_buf_text(&out);
    return lt_bucket_doc_set(call->s3->options.store, call->bucket, T("cors"), text, err);
}

lt_status lt_s3_get_cors(lt_s3_call *call, lt_err *err)
{
    return show_doc(call, "cors", LT_S3_NO_SUCH_CORS, T("application/xml"), err);
}

lt_status lt_s3_delete_cors(lt_s3_call *call, lt_err *err)
{
    return remove_doc(call, "cors", err);
}

/* ---- notification: events are kept always; EventBridge's form is the one that there is ---- */

lt_status lt_s3_put_notification(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_store *store = call->s3->options.store;
    LT_TRY(lt_s3_body_xml(call, "NotificationConfiguration", &root, err));
    for (const lt_xml *e = root->first; e; e = e->next)
        if (!lt_text_eq(e->name, T("EventBridgeConfiguration")))
            return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                              "%.*s is not implemented: use EventBridgeConfiguration, and read the "
                              "events with 'leat store events'",
                              LT_ARG(e->name));
    if (!root->first)
        return lt_bucket_doc_remove(store, call->bucket, T("notification"), err);
    return lt_bucket_doc_set(store, call->bucket, T("notification"), T("eventbridge"), err);
}

lt_status lt_s3_get_notification(lt_s3_call *call, lt_err *err)
{
    lt_text doc = {0};
    lt_status status = lt_bucket_doc_get(call->s3->options.store, call->bucket, T("notification"),
                                         call->arena, &doc, err);
    if (status != LT_OK && err->reason != LT_WHY_NO_SUCH_DOCUMENT)
        return status;
    lt_buf *out = lt_s3_xml_begin(call, T("NotificationConfiguration" LT_S3_XMLNS));
    if (doc.len)
        lt_xml_put(out, T("EventBridgeConfiguration"), T(""));
    lt_xml_end(out, T("NotificationConfiguration"));
    return LT_OK;
}

/* ---- tags of the bucket ---- */

lt_status lt_s3_put_bucket_tagging(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_pairs tags = {0};
    LT_AUTO(lt_buf) out = {0};
    LT_TRY(lt_s3_body_xml(call, "Tagging", &root, err));
    LT_TRY(lt_s3_tags_from_xml(call, root, BUCKET_TAGS, &tags, err));
    lt_s3_tags_to_xml(&out, &tags);
    LT_TRY(lt_bucket_doc_set(call->s3->options.store, call->bucket, T("tagging"), lt_buf_text(&out),
                             err));
    call->reply->status = 204;
    return LT_OK;
}

lt_status lt_s3_get_bucket_tagging(lt_s3_call *call, lt_err *err)
{
    return show_doc(call, "tagging", LT_S3_NO_SUCH_TAGS, T("application/xml"), err);
}

lt_status lt_s3_delete_bucket_tagging(lt_s3_call *call, lt_err *err)
{
    return remove_doc(call, "tagging", err);
}

/* ---- encryption ---- */

lt_status lt_s3_put_encryption(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    LT_TRY(lt_s3_body_xml(call, "ServerSideEncryptionConfiguration", &root, err));
    const lt_xml *rule = lt_xml_find(root, T("Rule"));
    lt_text algorithm =
        lt_xml_text(lt_xml_find(rule, T("ApplyServerSideEncryptionByDefault")), T("SSEAlgorithm"));
    if (!rule || lt_xml_again(rule) || !algorithm.len)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    if (lt_text_starts(algorithm, T("aws:")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "%.*s is not implemented: use AES256",
                          LT_ARG(algorithm));
    if (!lt_text_eq(algorithm, T("AES256")))
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    return lt_bucket_set_sealed(call->s3->options.store, call->bucket, true, err);
}

lt_status lt_s3_get_encryption(lt_s3_call *call, lt_err *err)
{
    lt_bucket_info info;
    LT_TRY(lt_bucket_get(call->s3->options.store, call->bucket, call->arena, &info, err));
    if (!info.sealed)
        return lt_s3_fail(call, err, LT_S3_NO_SUCH_ENCRYPTION, NULL);
    lt_buf *out = lt_s3_xml_begin(call, T("ServerSideEncryptionConfiguration" LT_S3_XMLNS));
    lt_buf_add(out,
               T("<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
                 "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></"
                 "Rule>"));
    lt_xml_end(out, T("ServerSideEncryptionConfiguration"));
    return LT_OK;
}

lt_status lt_s3_delete_encryption(lt_s3_call *call, lt_err *err)
{
    LT_TRY(lt_bucket_set_sealed(call->s3->options.store, call->bucket, false, err));
    call->reply->status = 204;
    return LT_OK;
}

/* ---- ACLs: everything belongs to the bucket's owner, as with S3's own default since 2023 ---- */

static lt_status show_acl(lt_s3_call *call, lt_err *err)
{
    lt_text id = {0}, name = {0};
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    lt_buf *out = lt_s3_xml_begin(call, T("AccessControlPolicy" LT_S3_XMLNS));
    lt_s3_xml_owner(out, T("Owner"), id, name);
    lt_buf_add(out, T("<AccessControlList><Grant>"
                      "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                      "xsi:type=\"CanonicalUser\">"));
    lt_xml_put(out, T("ID"), id);
    lt_xml_put(out, T("DisplayName"), name);
    lt_buf_add(out,
               T("</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>"));
    lt_xml_end(out, T("AccessControlPolicy"));
    return LT_OK;
}

lt_status lt_s3_get_bucket_acl(lt_s3_call *call, lt_err *err)
{
    return show_acl(call, err);
}

lt_status lt_s3_get_object_acl(lt_s3_call *call, lt_err *err)
{
    lt_object_info info;
    LT_TRY(lt_store_head(call->s3->options.store, call->bucket, call->key, call->version_id,
                         call->arena, &info, err));
    if (info.is_marker)
        return lt_s3_fail(call, err, LT_S3_METHOD_NOT_ALLOWED, NULL);
    return show_acl(call, err);
}

/* What is asked for is what is anyway: the owner has full control, nobody else has anything. */
static bool is_owners_alone(const lt_xml *root, lt_text owner)
{
    const lt_xml *list = lt_xml_find(root, T("AccessControlList"));
    for (const lt_xml *grant = list ? list->first : NULL; grant; grant = grant->next)
        if (!lt_text_eq(lt_xml_text(grant, T("Permission")), T("FULL_CONTROL")) ||
            !lt_text_eq(lt_xml_text(lt_xml_find(grant, T("Grantee")), T("ID")), owner))
            return false;
    return list && list->first;
}

lt_status lt_s3_put_acl(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_text id = {0}, name = {0};
    lt_object_info info;
    LT_TRY(lt_s3_acl_check(call, err));
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    if (call->key.len)
        LT_TRY(lt_store_head(call->s3->options.store, call->bucket, call->key, call->version_id,
                             call->arena, &info, err));
    if (call->http->body_size == 0)
        return lt_s3_header(call, "x-amz-acl").ptr
                   ? LT_OK
                   : lt_s3_fail(call, err, LT_S3_MISSING_SECURITY, NULL);
    LT_TRY(lt_s3_body_xml(call, "AccessControlPolicy", &root, err));
    if (!is_owners_alone(root, id))
        return lt_s3_fail(call, err, LT_S3_ACL_NOT_SUPPORTED, NULL);
    return LT_OK;
}
