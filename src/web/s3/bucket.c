/* Buckets themselves: list, make, look, delete, location, versioning. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

enum { BUCKET_PAGE = 10000 };

/* ---- ListBuckets ---- */

/* A key sees the buckets that it owns, and those in which it may do anything at all. */
static lt_status may_see(lt_s3_call *call, lt_text bucket, bool *out, lt_err *err)
{
    const lt_rights *rights = &call->who.rights;
    *out = call->who.is_root;
    for (size_t i = 0; i < rights->len && !*out; i++)
        *out = !rights->items[i].bucket.len || lt_text_eq(rights->items[i].bucket, bucket);
    if (*out)
        return LT_OK;
    lt_status status = lt_s3_is_owner(call, bucket, out, err);
    return status == LT_NOT_FOUND ? LT_OK : status; /* it has gone meanwhile */
}

static lt_status read_page(lt_s3_call *call, int64_t *limit, lt_err *err)
{
    lt_text asked = lt_s3_param(call, "max-buckets");
    *limit = BUCKET_PAGE;
    if (asked.ptr && (!lt_text_to_i64(asked, limit) || *limit < 1 || *limit > BUCKET_PAGE))
        return lt_s3_fail(call, err, LT_S3_INVALID_ARGUMENT, "max-buckets is from 1 to 10000");
    return LT_OK;
}

lt_status lt_s3_list_buckets(lt_s3_call *call, lt_err *err)
{
    lt_bucket_infos buckets = {0};
    lt_text prefix = lt_s3_param(call, "prefix"), after = lt_s3_param(call, "continuation-token"),
            last = {0};
    int64_t limit, shown = 0;
    LT_TRY(read_page(call, &limit, err));
    LT_TRY(lt_bucket_list(call->s3->options.store, call->arena, &buckets, err));
    lt_buf *out = lt_s3_xml_begin(call, T("ListAllMyBucketsResult" LT_S3_XMLNS));
    lt_s3_xml_owner(out, T("Owner"), lt_text_of(call->who.id), call->who.name);
    lt_xml_begin(out, T("Buckets"));
    bool more = false;
    for (size_t i = 0; i < buckets.len && !more; i++) {
        const lt_bucket_info *bucket = &buckets.items[i];
        bool seen = false;
        if (!lt_text_starts(bucket->name, prefix) ||
            (after.len && lt_text_cmp(bucket->name, after) <= 0))
            continue;
        LT_TRY(may_see(call, bucket->name, &seen, err));
        more = seen && shown == limit;
        if (!seen || more)
            continue;
        lt_xml_begin(out, T("Bucket"));
        lt_xml_put(out, T("Name"), bucket->name);
        lt_s3_xml_time(out, T("CreationDate"), bucket->created_at_us);
        lt_xml_put(out, T("BucketRegion"), lt_text_of(call->s3->options.region));
        lt_xml_end(out, T("Bucket"));
        last = bucket->name;
        shown++;
    }
    lt_xml_end(out, T("Buckets"));
    if (prefix.len)
        lt_xml_put(out, T("Prefix"), prefix);
    if (more)
        lt_xml_put(out, T("ContinuationToken"), last);
    lt_xml_end(out, T("ListAllMyBucketsResult"));
    return LT_OK;
}

/* ---- CreateBucket ---- */

static lt_status check_location(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    if (call->http->body_size == 0)
        return LT_OK;
    LT_TRY(lt_s3_body_xml(call, "CreateBucketConfiguration", &root, err));
    lt_text place = lt_xml_text(root, T("LocationConstraint"));
    if (lt_xml_find(root, T("Location")) || lt_xml_find(root, T("Bucket")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                          "Directory buckets are not implemented");
    if (place.len && !lt_text_eq(place, lt_text_of(call->s3->options.region)))
        return lt_s3_fail(call, err, LT_S3_INVALID_LOCATION, "This server is in the region %s",
                          call->s3->options.region);
    return LT_OK;
}

static lt_status check_wishes(lt_s3_call *call, lt_err *err)
{
    lt_text ownership = lt_s3_header(call, "x-amz-object-ownership");
    lt_text lock = lt_s3_header(call, "x-amz-bucket-object-lock-enabled");
    LT_TRY(lt_s3_acl_check(call, err));
    if (lock.ptr && !lt_text_eq_nocase(lock, T("false")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "Object lock is not implemented");
    if (ownership.ptr && !lt_text_eq(ownership, T("BucketOwnerEnforced")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                          "The only object ownership is BucketOwnerEnforced");
    return check_location(call, err);
}

static lt_versioning versioning_of_new(const lt_s3_call *call)
{
    const lt_texts *prefixes = &call->s3->options.versioned_prefixes;
    for (size_t i = 0; i < prefixes->len; i++)
        if (lt_text_starts(call->bucket, prefixes->items[i]))
            return LT_VERSIONING_ENABLED;
    return LT_UNVERSIONED;
}

static lt_status is_taken(lt_s3_call *call, lt_err *err)
{
    bool mine = call->who.is_root;
    lt_text id = {0}, name = {0};
    LT_TRY(lt_s3_owner(call, call->bucket, &id, &name, err));
    mine = lt_text_eq(id, lt_text_of(call->who.id));
    if (mine && strcmp(call->s3->options.region, "us-east-1") == 0)
        return LT_OK; /* where S3 takes a bucket that is one's own already, and changes nothing */
    return lt_s3_fail(call, err, mine ? LT_S3_BUCKET_YOURS : LT_S3_BUCKET_EXISTS, NULL);
}

lt_status lt_s3_create_bucket(lt_s3_call *call, lt_err *err)
{
    lt_store *store = call->s3->options.store;
    LT_TRY(check_wishes(call, err));
    if (lt_text_has(call->bucket, T(".-")) || lt_text_has(call->bucket, T("-.")))
        return lt_s3_fail(call, err, LT_S3_INVALID_BUCKET_NAME, NULL);
    lt_status status = lt_bucket_create(store, call->bucket, versioning_of_new(call), err);
    if (status != LT_OK && err->reason == LT_WHY_BUCKET_EXISTS)
        return is_taken(call, err);
    LT_TRY(status);
    if (!call->who.is_root) {
        const char *owner =
            lt_arena_format(call->arena, "%s %.*s", call->who.id, LT_ARG(call->who.name));
        LT_TRY(lt_bucket_doc_set(store, call->bucket, T("owner"), lt_text_of(owner), err));
    }
    lt_s3_say(call, "Location",
              lt_text_of(lt_arena_format(call->arena, "/%.*s", LT_ARG(call->bucket))));
    return LT_OK;
}

/* ---- the rest ---- */

lt_status lt_s3_head_bucket(lt_s3_call *call, lt_err *err)
{
    lt_versioning versioning;
    LT_TRY(lt_bucket_find(call->s3->options.store, call->bucket, &versioning, err));
    lt_s3_say(call, "x-amz-bucket-region", lt_text_of(call->s3->options.region));
    lt_s3_say(call, "x-amz-access-point-alias", T("false"));
    return LT_OK;
}

lt_status lt_s3_delete_bucket(lt_s3_call *call, lt_err *err)
{
    LT_TRY(lt_bucket_delete(call->s3->options.store, call->bucket, err));
    call->reply->status = 204;
    return LT_OK;
}

lt_status lt_s3_get_location(lt_s3_call *call, lt_err *err)
{
    lt_versioning versioning;
    lt_text region = lt_text_of(call->s3->options.region);
    LT_TRY(lt_bucket_find(call->s3->options.store, call->bucket, &versioning, err));
    lt_buf *out = lt_s3_xml_begin(call, T("LocationConstraint" LT_S3_XMLNS));
    if (!lt_text_eq(region, T("us-east-1"))) /* which is said by saying nothing */
        lt_xml_escape(region, out);
    lt_xml_end(out, T("LocationConstraint"));
    return LT_OK;
}

lt_status lt_s3_get_versioning(lt_s3_call *call, lt_err *err)
{
    lt_versioning versioning;
    LT_TRY(lt_bucket_find(call->s3->options.store, call->bucket, &versioning, err));
    lt_buf *out = lt_s3_xml_begin(call, T("VersioningConfiguration" LT_S3_XMLNS));
    if (versioning != LT_UNVERSIONED)
        lt_xml_put(out, T("Status"),
                   versioning == LT_VERSIONING_ENABLED ? T("Enabled") : T("Suspended"));
    lt_xml_end(out, T("VersioningConfiguration"));
    return LT_OK;
}

lt_status lt_s3_put_versioning(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    LT_TRY(lt_s3_body_xml(call, "VersioningConfiguration", &root, err));
    lt_text status = lt_xml_text(root, T("Status")), mfa = lt_xml_text(root, T("MfaDelete"));
    if (mfa.len && !lt_text_eq(mfa, T("Disabled")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "MFA delete is not implemented");
    bool enabled = lt_text_eq(status, T("Enabled"));
    if (!enabled && !lt_text_eq(status, T("Suspended")))
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    return lt_bucket_set_versioning(call->s3->options.store, call->bucket,
                                    enabled ? LT_VERSIONING_ENABLED : LT_VERSIONING_SUSPENDED, err);
}
