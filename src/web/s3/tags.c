/* Tags of objects, and the XML of tags. */
#include "fmt/xml.h"
#include "store/reason.h"
#include "web/s3/call.h"

#include <stdlib.h>

lt_status lt_s3_tags_from_xml(lt_s3_call *call, const lt_xml *root, size_t most, lt_pairs *out,
                              lt_err *err)
{
    const lt_xml *set = lt_xml_find(root, T("TagSet"));
    if (!set)
        return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
    for (const lt_xml *tag = set->first; tag; tag = tag->next) {
        if (out->len >= most)
            return lt_s3_fail(call, err, LT_S3_INVALID_TAG, "There are more than %zu tags", most);
        lt_pair pair = {lt_xml_text(tag, T("Key")), lt_xml_text(tag, T("Value"))};
        if (!lt_text_eq(tag->name, T("Tag")) || !pair.name.ptr || !pair.value.ptr)
            return lt_s3_fail(call, err, LT_S3_MALFORMED_XML, NULL);
        if (!pair.name.len || pair.name.len > LT_TAG_NAME_CHARS * 4 ||
            pair.value.len > LT_TAG_VALUE_CHARS * 4)
            return lt_s3_fail(call, err, LT_S3_INVALID_TAG, NULL);
        for (size_t i = 0; i < out->len; i++)
            if (lt_text_eq(out->items[i].name, pair.name))
                return lt_s3_fail(call, err, LT_S3_INVALID_TAG,
                                  "Cannot provide multiple Tags with the same key");
        lt_push_in(call->arena, out, pair);
    }
    return LT_OK;
}

void lt_s3_tags_to_xml(lt_buf *out, const lt_pairs *tags)
{
    lt_xml_begin(out, T("Tagging" LT_S3_XMLNS));
    lt_xml_begin(out, T("TagSet"));
    for (size_t i = 0; i < tags->len; i++) {
        lt_xml_begin(out, T("Tag"));
        lt_xml_put(out, T("Key"), tags->items[i].name);
        lt_xml_put(out, T("Value"), tags->items[i].value);
        lt_xml_end(out, T("Tag"));
    }
    lt_xml_end(out, T("TagSet"));
    lt_xml_end(out, T("Tagging"));
}

static lt_object_name named(const lt_s3_call *call)
{
    return (lt_object_name){call->bucket, call->key, call->version_id};
}

static int compare_names(const void *a, const void *b)
{
    return lt_text_cmp(((const lt_pair *)a)->name, ((const lt_pair *)b)->name);
}

lt_status lt_s3_get_tagging(lt_s3_call *call, lt_err *err)
{
    lt_pairs tags = {0};
    lt_object_info info = {0};
    LT_TRY(
        lt_object_tags_get(call->s3->options.store, named(call), call->arena, &tags, &info, err));
    if (tags.len > 1)
        qsort(tags.items, tags.len, sizeof(tags.items[0]), compare_names);
    lt_s3_say(call, "Content-Type", T("application/xml"));
    lt_s3_say_version(call, &info);
    lt_buf_add(&call->reply->body, T("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    lt_s3_tags_to_xml(&call->reply->body, &tags);
    return LT_OK;
}

lt_status lt_s3_put_tagging(lt_s3_call *call, lt_err *err)
{
    const lt_xml *root = NULL;
    lt_pairs tags = {0};
    lt_object_info info = {0};
    LT_TRY(lt_s3_body_xml(call, "Tagging", &root, err));
    LT_TRY(lt_s3_tags_from_xml(call, root, LT_TAGS, &tags, err));
    LT_TRY(
        lt_object_tags_set(call->s3->options.store, named(call), &tags, call->arena, &info, err));
    lt_s3_say_version(call, &info);
    return LT_OK;
}

lt_status lt_s3_delete_tagging(lt_s3_call *call, lt_err *err)
{
    lt_pairs none = {0};
    lt_object_info info = {0};
    LT_TRY(
        lt_object_tags_set(call->s3->options.store, named(call), &none, call->arena, &info, err));
    lt_s3_say_version(call, &info);
    call->reply->status = 204;
    return LT_OK;
}
