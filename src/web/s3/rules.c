/* Lifecycle rules: S3's XML to the store's rules and back. */
#include "base/time.h"
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <stdlib.h>

#define DAY_US ((int64_t)24 * 3600 * 1000000)

static lt_status malformed(lt_s3_call *call, lt_err *err)
{
    return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
}

/* A whole number of at least `least`, if the element is there. */
static lt_status read_count(lt_s3_call *call, const lt_xml *parent, lt_text name, int64_t least,
                            int32_t *out, lt_err *err)
{
    lt_text text = lt_xml_text(parent, name);
    int64_t count = 0;
    if (!text.ptr)
        return LT_OK;
    if (!lt_text_to_i64(text, &count))
        return malformed(call, err);
    if (count < least || count > INT32_MAX)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "'%.*s' must be at least %lld",
                          LT_ARG(name), (long long)least);
    *out = (int32_t)count;
    return LT_OK;
}

static lt_status read_expiration(lt_s3_call *call, const lt_xml *element, lt_lifecycle_rule *rule,
                                 lt_err *err)
{
    lt_text date = lt_xml_text(element, T("Date")),
            marker = lt_xml_text(element, T("ExpiredObjectDeleteMarker"));
    if (!element)
        return LT_OK;
    if (lt_xml_count(element, T("Days")) + (date.ptr != NULL) + (marker.ptr != NULL) != 1)
        return malformed(call, err);
    LT_TRY(read_count(call, element, T("Days"), 1, &rule->expire_days, err));
    if (date.ptr && !lt_time_read(date, &rule->expire_at_us))
        return malformed(call, err);
    if (rule->expire_at_us % DAY_US)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "'Date' must be at midnight GMT");
    rule->expire_markers = marker.ptr && lt_text_eq(marker, T("true"));
    return LT_OK;
}

static lt_status read_size(lt_s3_call *call, const lt_xml *parent, lt_text name, int64_t *out,
                           lt_err *err)
{
    lt_text text = lt_xml_text(parent, name);
    if (text.ptr && (!lt_text_to_i64(text, out) || *out < 0))
        return malformed(call, err);
    return LT_OK;
}

/* <Filter>, or <And> in it. */
static lt_status read_filter(lt_s3_call *call, const lt_xml *filter, lt_lifecycle_rule *rule,
                             lt_err *err)
{
    const lt_xml *both = lt_xml_find(filter, T("And"));
    filter = both ? both : filter;
    rule->prefix = lt_xml_text(filter, T("Prefix"));
    for (const lt_xml *tag = lt_xml_find(filter, T("Tag")); tag; tag = lt_xml_again(tag)) {
        lt_pair pair = {lt_xml_text(tag, T("Key")), lt_xml_text(tag, T("Value"))};
        if (!pair.name.len || !pair.value.ptr)
            return malformed(call, err);
        lt_push_in(call->arena, &rule->tags, pair);
    }
    LT_TRY(read_size(call, filter, T("ObjectSizeGreaterThan"), &rule->larger_than, err));
    return read_size(call, filter, T("ObjectSizeLessThan"), &rule->smaller_than, err);
}

static bool knows_all(const lt_xml *rule)
{
    static const char *const known[] = {"ID",
                                        "Prefix",
                                        "Filter",
                                        "Status",
                                        "Expiration",
                                        "NoncurrentVersionExpiration",
                                        "AbortIncompleteMultipartUpload"};
    for (const lt_xml *e = rule->first; e; e = e->next) {
        bool found = false;
        for (size_t i = 0; i < LT_COUNT(known); i++)
            found = found || lt_text_eq(e->name, lt_text_of(known[i]));
        if (!found)
            return false;
    }
    return true;
}

static lt_status read_rule(lt_s3_call *call, const lt_xml *element, lt_lifecycle_rule *rule,
                           lt_err *err)
{
    const lt_xml *filter = lt_xml_find(element, T("Filter"));
    const lt_xml *old = lt_xml_find(element, T("NoncurrentVersionExpiration"));
    lt_text status = lt_xml_text(element, T("Status")), prefix = lt_xml_text(element, T("Prefix"));
    *rule = (lt_lifecycle_rule){
        .id = lt_xml_text(element, T("ID")), .larger_than = -1, .smaller_than = -1};
    if (lt_xml_find(element, T("Transition")) ||
        lt_xml_find(element, T("NoncurrentVersionTransition")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                          "Transitions are not implemented: there is one class of storage");
    rule->enabled = lt_text_eq(status, T("Enabled"));
    if (!knows_all(element) || (!rule->enabled && !lt_text_eq(status, T("Disabled"))) ||
        (filter && prefix.ptr) || (!filter && !prefix.ptr))
        return malformed(call, err);
    if (rule->id.len > 255)
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT,
                          "ID length should not exceed allowed limit of 255");
    rule->legacy_prefix = prefix.ptr != NULL;
    rule->prefix = prefix;
    if (filter)
        LT_TRY(read_filter(call, filter, rule, err));
    LT_TRY(read_expiration(call, lt_xml_find(element, T("Expiration")), rule, err));
    LT_TRY(read_count(call, old, T("NoncurrentDays"), 1, &rule->old_days, err));
    LT_TRY(read_count(call, old, T("NewerNoncurrentVersions"), 1, &rule->old_kept, err));
    return read_count(call, lt_xml_find(element, T("AbortIncompleteMultipartUpload")),
                      T("DaysAfterInitiation"), 1, &rule->abort_days, err);
}

lt_status lt_s3_put_lifecycle(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_lifecycle rules = {0};
    LT_TRY(lt_s3_body_xml(call, "LifecycleConfiguration", &root, err));
    for (const lt_xml *e = root->first; e; e = e->next) {
        lt_lifecycle_rule rule = {0};
        if (!lt_text_eq(e->name, T("Rule")) || rules.len >= LT_LIFECYCLE_RULES)
            return malformed(call, err);
        LT_TRY(read_rule(call, e, &rule, err));
        if (!rule.id.len) {
            unsigned char random[12];
            arc4random_buf(random, sizeof(random));
            char *id = lt_alloc(call->arena, 2 * sizeof(random) + 1);
            for (size_t i = 0; i < sizeof(random); i++) {
                id[2 * i] = "0123456789abcdef"[random[i] >> 4];
                id[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
            }
            rule.id = lt_text_of(id);
        }
        lt_push_in(call->arena, &rules, rule);
    }
    if (!rules.len)
        return malformed(call, err);
    return lt_bucket_lifecycle_set(call->s3->options.store, call->bucket, &rules, err);
}

/* ---- back ---- */

static void write_conditions(lt_buf *out, const lt_lifecycle_rule *rule)
{
    if (rule->prefix.len || (!rule->tags.len && rule->larger_than < 0 && rule->smaller_than < 0))
        lt_xml_put(out, T("Prefix"), rule->prefix);
    for (size_t i = 0; i < rule->tags.len; i++) {
        lt_xml_begin(out, T("Tag"));
        lt_xml_put(out, T("Key"), rule->tags.items[i].name);
        lt_xml_put(out, T("Value"), rule->tags.items[i].value);
        lt_xml_end(out, T("Tag"));
    }
    if (rule->larger_than >= 0)
        lt_xml_put_int(out, T("ObjectSizeGreaterThan"), rule->larger_than);
    if (rule->smaller_than >= 0)
        lt_xml_put_int(out, T("ObjectSizeLessThan"), rule->smaller_than);
}

static void write_filter(lt_buf *out, const lt_lifecycle_rule *rule)
{
    size_t count = (rule->prefix.len > 0) + rule->tags.len + (rule->larger_than >= 0) +
                   (rule->smaller_than >= 0);
    if (rule->legacy_prefix) {
        lt_xml_put(out, T("Prefix"), rule->prefix);
        return;
    }
    lt_xml_begin(out, T("Filter"));
    if (count > 1)
        lt_xml_begin(out, T("And"));
    write_conditions(out, rule);
    if (count > 1)
        lt_xml_end(out, T("And"));
    lt_xml_end(out, T("Filter"));
}

static void write_rule(lt_buf *out, const lt_lifecycle_rule *rule)
{
    lt_xml_begin(out, T("Rule"));
    lt_xml_put(out, T("ID"), rule->id);
    write_filter(out, rule);
    lt_xml_put(out, T("Status"), rule->enabled ? T("Enabled") : T("Disabled"));
    if (rule->expire_days || rule->expire_at_us || rule->expire_markers) {
        lt_xml_begin(out, T("Expiration"));
        if (rule->expire_days)
            lt_xml_put_int(out, T("Days"), rule->expire_days);
        if (rule->expire_at_us)
            lt_s3_xml_time(out, T("Date"), rule->expire_at_us);
        if (rule->expire_markers)
            lt_xml_put_bool(out, T("ExpiredObjectDeleteMarker"), true);
        lt_xml_end(out, T("Expiration"));
    }
    if (rule->old_days) {
        lt_xml_begin(out, T("NoncurrentVersionExpiration"));
        lt_xml_put_int(out, T("NoncurrentDays"), rule->old_days);
        if (rule->old_kept)
            lt_xml_put_int(out, T("NewerNoncurrentVersions"), rule->old_kept);
        lt_xml_end(out, T("NoncurrentVersionExpiration"));
    }
    if (rule->abort_days) {
        lt_xml_begin(out, T("AbortIncompleteMultipartUpload"));
        lt_xml_put_int(out, T("DaysAfterInitiation"), rule->abort_days);
        lt_xml_end(out, T("AbortIncompleteMultipartUpload"));
    }
    lt_xml_end(out, T("Rule"));
}

lt_status lt_s3_get_lifecycle(lt_s3_call *call, lt_err *err)
{
    lt_lifecycle rules = {0};
    lt_status status =
        lt_bucket_lifecycle_get(call->s3->options.store, call->bucket, call->arena, &rules, err);
    if (status != LT_OK && err->reason == LT_WHY_NO_SUCH_DOCUMENT)
        return lt_s3_fail(call, err, LT_S3_NO_SUCH_LIFECYCLE, NULL);
    LT_TRY(status);
    lt_buf *out = lt_s3_xml_begin(call, T("LifecycleConfiguration" LT_S3_XMLNS));
    for (size_t i = 0; i < rules.len; i++)
        write_rule(out, &rules.items[i]);
    lt_xml_end(out, T("LifecycleConfiguration"));
    return LT_OK;
}

lt_status lt_s3_delete_lifecycle(lt_s3_call *call, lt_err *err)
{
    LT_TRY(lt_bucket_lifecycle_remove(call->s3->options.store, call->bucket, err));
    call->reply->status = 204;
    return LT_OK;
}
