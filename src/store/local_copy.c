/* Copies, tags and parts of versions in the local store. */
#include "store/local.h"

/* ---------------------------------------------------------------- conditions on a source */

/* HTTP dates have seconds; and S3 lets a matching ETag win over a date, as RFC 9110 has it. */
lt_status lt_local_check_source(const lt_source_when *when, const lt_object_info *info, lt_err *err)
{
    int64_t second = info->written_at_us / 1000000;
    bool wrong_tag =
        when->etag.len && !lt_text_eq(when->etag, T("*")) && !lt_text_eq(when->etag, info->etag);
    bool same_tag = when->not_etag.len &&
                    (lt_text_eq(when->not_etag, T("*")) || lt_text_eq(when->not_etag, info->etag));
    bool too_new = when->unmodified_since_us && !when->etag.len &&
                   second > when->unmodified_since_us / 1000000;
    bool too_old = when->modified_since_us && !when->not_etag.len &&
                   second <= when->modified_since_us / 1000000;
    if (!wrong_tag && !same_tag && !too_new && !too_old)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_PRECONDITION, "the source '%.*s' is not as wanted",
                         LT_ARG(info->key));
}

/* ---------------------------------------------------------------- copies */

typedef struct copy_call {
    lt_object_name source, name;
    const lt_copy_options *options;
    lt_arena *arena;
    lt_copied *out;
    lt_index_version from;
    lt_pairs tags;
    bool
        needs_bytes; /* another key, another kind of checksum, parts: it has to be read and written */
} copy_call;

/* S3 makes one content of an object in parts when it copies it, with the ETag that it then has. What is larger than S3 copies at all keeps
 * its parts. */
static bool needs_bytes(const copy_call *it, const lt_index_bucket *bucket)
{
    const lt_put_options *put = &it->options->put;
    bool sealed = put->sealed || bucket->sealed;
    bool other_sum = put->checksum != LT_SUM_NONE && put->checksum != it->from.info.checksum.kind;
    bool joins = it->from.list_id && it->from.info.size_bytes <= LT_PART_BYTES;
    return sealed != it->from.info.is_sealed || other_sum || joins;
}

static lt_status do_copy(lt_tx *tx, void *context, lt_err *err)
{
    copy_call *it = context;
    const lt_copy_options *options = it->options;
    lt_index_bucket bucket;
    lt_index_version made;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    LT_TRY(lt_index_data_get(tx, &it->source, it->arena, &it->from, err));
    LT_TRY(lt_local_check_source(&options->source, &it->from.info, err));
    if (!options->replace_tags)
        lt_index_tags(tx, it->from.sequence, it->arena, &it->tags);
    it->needs_bytes = needs_bytes(it, &bucket);
    if (it->needs_bytes)
        return LT_OK;
    lt_index_new what =
        lt_index_again(&it->from, options->replace_tags ? &options->put.tags : &it->tags);
    what.key = it->name.key;
    what.meta = options->replace_meta ? &options->put.meta : &it->from.info.meta;
    what.cause = (lt_index_cause){"CopyObject", options->put.origin};
    LT_TRY(lt_index_put(tx, &bucket, &what, options->put.when, it->arena, &made, err));
    it->out->info = made.info;
    it->out->info.sha256 = it->from.info.sha256;
    it->out->info.is_sealed = it->from.info.is_sealed;
    return LT_OK;
}

/* Read the version that was found and put it as a new one. */
static lt_status copy_bytes(lt_store *store, copy_call *it, lt_err *err)
{
    static const lt_origin nobody = {0};
    lt_put_options put = it->options->put;
    lt_origin origin = put.origin ? *put.origin : nobody;
    lt_object_name source = it->source;
    lt_object_info info;
    lt_reading_body body;
    LT_AUTO(lt_reading_ref) reading = NULL;
    if (!origin.reason.len)
        origin.reason = T("CopyObject");
    put.origin = &origin;
    put.expected = NULL;
    if (put.checksum == LT_SUM_NONE && !it->from.info.checksum.composite)
        put.checksum = it->from.info.checksum.kind;
    if (!it->options->replace_meta)
        put.meta = it->from.info.meta;
    if (!it->options->replace_tags)
        put.tags = it->tags;
    source.version_id = it->from.info.version_id;
    LT_TRY(lt_local_reading_open(store, source, 0, it->arena, &info, &reading, err));
    if (!lt_text_eq(info.etag, it->from.info.etag)) /* a null version was replaced meanwhile */
        return lt_fail(err, LT_IO, "'%.*s' was changed while it was copied; try again",
                       LT_ARG(source.key));
    return lt_local_put(store, it->name,
                        lt_body_from_reading(&body, reading, 0, lt_reading_size(reading)), &put,
                        it->arena, &it->out->info, err);
}

lt_status lt_local_copy(lt_store *store, lt_object_name source, lt_object_name name,
                        const lt_copy_options *options, lt_arena *arena, lt_copied *out,
                        lt_err *err)
{
    copy_call it = {.source = source, .name = name, .options = options, .arena = arena, .out = out};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_copy, &it, err));
    out->source_version = it.from.info.version_id;
    if (it.needs_bytes)
        return copy_bytes(store, &it, err);
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}

/* ---------------------------------------------------------------- parts of a version */

typedef struct version_call {
    lt_object_name name;
    lt_page page;
    lt_arena *arena;
    lt_part_list *parts;
    lt_pairs *tags;
    const lt_pairs *new_tags;
    lt_object_info *info;
} version_call;

/* Parts count from 1 in the object, whatever their numbers were in the upload. */
static lt_status do_parts(lt_tx *tx, void *context, lt_err *err)
{
    const version_call *it = context;
    lt_index_version version;
    LT_TRY(lt_index_data_get(tx, &it->name, it->arena, &version, err));
    if (!version.list_id)
        return LT_OK;
    lt_page all = {.limit = LT_PARTS};
    lt_part_list found = {0};
    LT_TRY(lt_index_part_list(tx, version.list_id, version.info.checksum.kind, all, it->arena,
                              &found, err));
    for (size_t i = (size_t)LT_MAX(it->page.after, 0); i < found.items.len; i++) {
        if (it->parts->items.len == it->page.limit) {
            it->parts->more = true;
            break;
        }
        found.items.items[i].number = (int32_t)i + 1;
        lt_push_in(it->arena, &it->parts->items, found.items.items[i]);
    }
    return LT_OK;
}

lt_status lt_local_object_parts(lt_store *store, lt_object_name name, lt_page page, lt_arena *arena,
                                lt_part_list *out, lt_err *err)
{
    version_call it = {.name = name, .page = page, .arena = arena, .parts = out};
    return lt_db_read(lt_local_of(store)->db, do_parts, &it, err);
}

/* ---------------------------------------------------------------- tags */

static lt_status do_tags_get(lt_tx *tx, void *context, lt_err *err)
{
    const version_call *it = context;
    lt_index_version version;
    LT_TRY(lt_index_data_get(tx, &it->name, it->arena, &version, err));
    *it->info = version.info;
    lt_index_tags(tx, version.sequence, it->arena, it->tags);
    return lt_tx_check(tx, err);
}

lt_status lt_local_tags_get(lt_store *store, lt_object_name name, lt_arena *arena, lt_pairs *out,
                            lt_object_info *info, lt_err *err)
{
    version_call it = {.name = name, .arena = arena, .tags = out, .info = info};
    return lt_db_read(lt_local_of(store)->db, do_tags_get, &it, err);
}

static lt_status do_tags_set(lt_tx *tx, void *context, lt_err *err)
{
    const version_call *it = context;
    lt_index_version version;
    LT_TRY(lt_index_data_get(tx, &it->name, it->arena, &version, err));
    version.info.tag_count = (int32_t)it->new_tags->len;
    *it->info = version.info;
    return lt_index_tags_set(tx, &version, it->new_tags, err);
}

lt_status lt_local_tags_set(lt_store *store, lt_object_name name, const lt_pairs *tags,
                            lt_arena *arena, lt_object_info *info, lt_err *err)
{
    version_call it = {.name = name, .arena = arena, .new_tags = tags, .info = info};
    return lt_db_write(lt_local_of(store)->db, do_tags_set, &it, err);
}
