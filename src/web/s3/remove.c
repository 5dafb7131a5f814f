/* DeleteObject and DeleteObjects. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

enum { MOST_KEYS = 1000 };

static void say_deleted(lt_s3_call *call, const lt_object_info *info)
{
    lt_s3_say_version(call, info);
    if (!info->version_id.len)
        return;
    if (call->version_id.len && lt_text_eq(info->version_id, T("null")))
        lt_s3_say(call, "x-amz-version-id", T("null"));
    if (info->is_marker)
        lt_s3_say(call, "x-amz-delete-marker", T("true"));
}

static lt_status refuse_other_conditions(lt_s3_call *call, lt_err *err)
{
    static const char *const others[] = {"x-amz-if-match-last-modified-time", "x-amz-if-match-size",
                                         "x-amz-mfa"};
    for (size_t i = 0; i < LT_COUNT(others); i++)
        if (lt_s3_header(call, others[i]).ptr)
            return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED, "%s is not implemented", others[i]);
    return LT_OK;
}

lt_status lt_s3_delete_object(lt_s3_call *call, lt_err *err)
{
    lt_when when = {0};
    lt_object_info info = {0};
    LT_TRY(refuse_other_conditions(call, err));
    LT_TRY(lt_s3_when_read(call, &when, err));
    lt_delete_options options = {.when = &when, .origin = &call->origin};
    LT_TRY(lt_store_delete(call->s3->options.store, call->bucket, call->key, call->version_id,
                           &options, call->arena, &info, err));
    say_deleted(call, &info);
    call->reply->status = 204;
    return LT_OK;
}

/* ---- DeleteObjects ---- */

/* One key that is asked for; what is refused does not reach the store. */
typedef struct wanted {
    lt_text key, version_id;
    size_t item; /* in the store's list; SIZE_MAX: refused */
    lt_s3_code code;
    const char *message;
} wanted;
typedef LT_VEC(wanted) wanted_list;
typedef LT_VEC(lt_delete_item) item_list;

static lt_status read_key(lt_s3_call *call, const lt_xml *element, wanted *out, lt_when *when,
                          lt_err *err)
{
    *out = (wanted){.key = lt_xml_text(element, T("Key")),
                    .version_id = lt_xml_text(element, T("VersionId")),
                    .item = SIZE_MAX};
    lt_text etag = lt_xml_text(element, T("ETag"));
    if (!out->key.len)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    if (lt_xml_find(element, T("Size")) || lt_xml_find(element, T("LastModifiedTime")))
        return lt_s3_fail(call, err, LT_S3_NOT_IMPLEMENTED,
                          "Conditions of size and time are not implemented");
    *when = (lt_when){.etag = lt_s3_unquote(etag)};
    return LT_OK;
}

/* Each key is a question of its own: S3 tells of refused ones in the answer. */
static lt_status ask_for(lt_s3_call *call, wanted *one, lt_err *err)
{
    lt_err why = {0};
    lt_s3_wish wish = {.action = one->version_id.len ? "s3:DeleteObjectVersion" : "s3:DeleteObject",
                       .access = LT_ACCESS_DELETE,
                       .bucket = call->bucket,
                       .key = one->key,
                       .version_id = one->version_id};
    if (one->key.len > LT_KEY_BYTES) {
        one->code = LT_S3_KEY_TOO_LONG;
        return LT_OK;
    }
    lt_status status = lt_s3_allow(call, &wish, &why);
    if (status == LT_DENIED && call->code == LT_S3_ACCESS_DENIED) {
        one->code = call->code;
        one->message = call->message;
        call->code = LT_S3_NONE;
        return LT_OK;
    }
    *err = why;
    return status;
}

static lt_status read_keys(lt_s3_call *call, const lt_xml *root, wanted_list *keys,
                           item_list *items, lt_err *err)
{
    for (const lt_xml *e = root->first; e; e = e->next) {
        lt_when when = {0};
        wanted one = {0};
        if (lt_text_eq(e->name, T("Quiet")))
            continue;
        if (!lt_text_eq(e->name, T("Object")) || keys->len >= MOST_KEYS)
            return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
        LT_TRY(read_key(call, e, &one, &when, err));
        LT_TRY(ask_for(call, &one, err));
        if (one.code == LT_S3_NONE) {
            lt_delete_item item = {.key = one.key, .version_id = one.version_id, .when = when};
            one.item = items->len;
            lt_push_in(call->arena, items, item);
        }
        lt_push_in(call->arena, keys, one);
    }
    return keys->len ? LT_OK : lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
}

static void write_error(lt_buf *out, const wanted *one, lt_s3_code code, const char *message)
{
    const lt_s3_error *error = lt_s3_error_of(code);
    lt_xml_begin(out, T("Error"));
    lt_xml_put(out, T("Key"), one->key);
    if (one->version_id.len)
        lt_xml_put(out, T("VersionId"), one->version_id);
    lt_xml_put(out, T("Code"), lt_text_of(error->code));
    lt_xml_put(out, T("Message"), lt_text_of(message ? message : error->message));
    lt_xml_end(out, T("Error"));
}

static void write_deleted(lt_buf *out, const wanted *one, const lt_object_info *info)
{
    bool made_marker = info->is_marker && !one->version_id.len,
         took_marker = info->is_marker && one->version_id.len;
    lt_xml_begin(out, T("Deleted"));
    lt_xml_put(out, T("Key"), one->key);
    if (one->version_id.len)
        lt_xml_put(out, T("VersionId"), one->version_id);
    if (made_marker || took_marker) {
        lt_xml_put_bool(out, T("DeleteMarker"), true);
        lt_xml_put(out, T("DeleteMarkerVersionId"), info->version_id);
    }
    lt_xml_end(out, T("Deleted"));
}

lt_status lt_s3_delete_objects(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    wanted_list keys = {0};
    item_list items = {0};
    LT_TRY(refuse_other_conditions(call, err));
    LT_TRY(lt_s3_body_xml(call, "Delete", &root, err));
    bool quiet = lt_text_eq(lt_xml_text(root, T("Quiet")), T("true"));
    LT_TRY(read_keys(call, root, &keys, &items, err));
    if (items.len)
        LT_TRY(lt_store_delete_many(call->s3->options.store, call->bucket, items.items, items.len,
                                    &call->origin, call->arena, err));
    lt_buf *out = lt_s3_xml_begin(call, T("DeleteResult" LT_S3_XMLNS));
    for (size_t i = 0; i < keys.len; i++) {
        const wanted *one = &keys.items[i];
        const lt_delete_item *item = one->item == SIZE_MAX ? NULL : &items.items[one->item];
        if (!item)
            write_error(out, one, one->code, one->message);
        else if (item->status != LT_OK)
            write_error(out, one, lt_s3_error_from(&item->err), item->err.message);
        else if (!quiet)
            write_deleted(out, one, &item->info);
    }
    lt_xml_end(out, T("DeleteResult"));
    return LT_OK;
}
