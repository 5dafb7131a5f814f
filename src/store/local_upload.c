/* Multipart uploads in the local store: each part is a content of its own. */
#include "store/local.h"

typedef struct upload_call {
    lt_object_name name;
    lt_upload_name upload;
    const lt_upload_options *options;
    const lt_completion *completion;
    const lt_upload_request *request;
    const lt_part_source *source;
    int32_t number;
    lt_page page;
    lt_staged *staged;
    lt_arena *arena;
    lt_text *upload_id;
    lt_index_upload found;
    lt_index_version version;
    lt_part_info part;
    lt_part_list *parts;
    lt_upload_list *list;
    bool needs_bytes;
} upload_call;

/* ---------------------------------------------------------------- begin and end */

static lt_status do_create(lt_tx *tx, void *context, lt_err *err)
{
    const upload_call *it = context;
    return lt_index_upload_add(tx, it->name, it->options, it->arena, it->upload_id, err);
}

lt_status lt_local_upload_create(lt_store *store, lt_object_name name,
                                 const lt_upload_options *options, lt_arena *arena,
                                 lt_text *upload_id, lt_err *err)
{
    upload_call it = {.name = name, .options = options, .arena = arena, .upload_id = upload_id};
    return lt_db_write(lt_local_of(store)->db, do_create, &it, err);
}

static lt_status do_complete(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    return lt_index_upload_complete(tx, it->upload, it->completion, it->arena, &it->version, err);
}

lt_status lt_local_upload_complete(lt_store *store, lt_upload_name upload,
                                   const lt_completion *completion, lt_arena *arena,
                                   lt_object_info *info, lt_err *err)
{
    upload_call it = {.upload = upload, .completion = completion, .arena = arena};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_complete, &it, err));
    *info = it.version.info;
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}

static lt_status do_abort(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    LT_TRY(lt_index_upload_get(tx, it->upload, false, it->arena, &it->found, err));
    return lt_index_upload_drop(tx, it->found.id, err);
}

lt_status lt_local_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    upload_call it = {.upload = upload, .arena = &arena};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_abort, &it, err));
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}

/* ---------------------------------------------------------------- parts */

static lt_status do_find(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    return lt_index_upload_get(tx, it->upload, false, it->arena, &it->found, err);
}

static lt_status set_part(lt_tx *tx, upload_call *it, const lt_index_part *part, lt_err *err)
{
    return lt_index_part_set(tx, &it->found, part, it->arena, &it->part, err);
}

/* The upload is looked for again: it may have been ended while the part came in. */
static lt_status do_part(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    lt_staged *staged = it->staged;
    LT_TRY(do_find(tx, context, err));
    LT_TRY(lt_local_settle(tx, staged, err));
    bool kept = staged->sum_kind == it->found.info.checksum;
    lt_index_part part = {
        .number = it->number,
        .blob_id = staged->blob_id,
        .size_bytes = staged->size_bytes,
        .md5 = staged->sums.md5,
        .sum = lt_text_at((const char *)staged->sum, kept ? lt_sum_size(staged->sum_kind) : 0)};
    return set_part(tx, it, &part, err);
}

/* `it->found` is known. */
static lt_status store_part(lt_local *self, upload_call *it, lt_body *body, lt_sum_kind kind,
                            const lt_expected *expected, lt_err *err)
{
    lt_staged staged = {.sum_kind = kind, .sealed = it->found.info.sealed};
    it->staged = &staged;
    lt_status status = lt_local_receive(self, body, expected, &staged, err);
    if (status == LT_OK)
        status = lt_db_write(self->db, do_part, it, err);
    if (status != LT_OK)
        lt_local_unstage_one(self, &staged);
    lt_buf_cleanup(&staged.body);
    it->staged = NULL;
    lt_local_changed(self);
    return status;
}

lt_status lt_local_upload_part(lt_store *store, lt_upload_name upload, int32_t number,
                               lt_body *body, const lt_part_options *options, lt_arena *arena,
                               lt_part_info *info, lt_err *err)
{
    upload_call it = {.upload = upload, .number = number, .arena = arena};
    LT_TRY(lt_db_read(lt_local_of(store)->db, do_find, &it, err));
    lt_sum_kind kind = it.found.info.checksum, given = options->checksum;
    if (given != LT_SUM_NONE && kind != LT_SUM_NONE && given != kind)
        return lt_store_fail(err, LT_WHY_BAD_REQUEST, "the upload has checksums of %s, not of %s",
                             lt_sum_name(kind), lt_sum_name(given));
    LT_TRY(store_part(lt_local_of(store), &it, body, kind ? kind : given, options->expected, err));
    *info = it.part;
    return LT_OK;
}

/* ---------------------------------------------------------------- parts out of other objects */

/* All of a content whose sums are known, stored in the same way. */
static bool can_share(const upload_call *it)
{
    const lt_object_info *info = &it->version.info;
    lt_sum_kind kind = it->found.info.checksum;
    return !it->version.list_id && it->source->offset == 0 &&
           (it->source->len < 0 || it->source->len == info->size_bytes) &&
           info->size_bytes <= LT_PART_BYTES && info->is_sealed == it->found.info.sealed &&
           (kind == LT_SUM_NONE || (kind == info->checksum.kind && !info->checksum.composite));
}

static lt_status do_part_copy(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    char md5[LT_MD5_BYTES];
    LT_TRY(do_find(tx, context, err));
    LT_TRY(lt_index_data_get(tx, &it->source->name, it->arena, &it->version, err));
    const lt_object_info *info = &it->version.info;
    LT_TRY(lt_local_check_source(&it->source->when, info, err));
    if (it->source->len >= 0 && (it->source->offset >= info->size_bytes ||
                                 it->source->len > info->size_bytes - it->source->offset))
        return lt_store_fail(err, LT_WHY_BAD_RANGE, "the source has only %lld bytes",
                             (long long)info->size_bytes);
    it->needs_bytes = !can_share(it) || !lt_hex_read(info->etag, md5, sizeof(md5));
    if (it->needs_bytes)
        return LT_OK;
    lt_index_part part = {.number = it->number,
                          .blob_id = it->version.blob_id,
                          .size_bytes = info->size_bytes,
                          .md5 = md5,
                          .sum = it->found.info.checksum ? it->version.sum : (lt_text){0}};
    return set_part(tx, it, &part, err);
}

static lt_status copy_part(lt_store *store, upload_call *it, lt_err *err)
{
    lt_object_name name = it->source->name;
    lt_object_info info;
    lt_reading_body body;
    LT_AUTO(lt_reading_ref) reading = NULL;
    name.version_id = it->version.info.version_id;
    LT_TRY(lt_local_reading_open(store, name, 0, it->arena, &info, &reading, err));
    if (!lt_text_eq(info.etag, it->version.info.etag))
        return lt_fail(err, LT_IO, "'%.*s' was changed while it was copied; try again",
                       LT_ARG(name.key));
    int64_t len = it->source->len < 0 ? info.size_bytes : it->source->len;
    if (len > LT_PART_BYTES)
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "a part has at most %lld bytes",
                             (long long)LT_PART_BYTES);
    return store_part(lt_local_of(store), it,
                      lt_body_from_reading(&body, reading, it->source->offset, len),
                      it->found.info.checksum, NULL, err);
}

lt_status lt_local_upload_part_copy(lt_store *store, lt_upload_name upload, int32_t number,
                                    const lt_part_source *source, lt_arena *arena,
                                    lt_part_copied *out, lt_err *err)
{
    upload_call it = {.upload = upload, .number = number, .source = source, .arena = arena};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_part_copy, &it, err));
    if (it.needs_bytes)
        LT_TRY(copy_part(store, &it, err));
    out->info = it.part;
    out->source_version = it.version.info.version_id;
    return LT_OK;
}

/* ---------------------------------------------------------------- lists */

static lt_status do_parts(lt_tx *tx, void *context, lt_err *err)
{
    upload_call *it = context;
    LT_TRY(do_find(tx, context, err));
    return lt_index_part_list(tx, it->found.id, it->found.info.checksum, it->page, it->arena,
                              it->parts, err);
}

lt_status lt_local_upload_parts(lt_store *store, lt_upload_name upload, lt_page page,
                                lt_arena *arena, lt_upload_info *info, lt_part_list *out,
                                lt_err *err)
{
    upload_call it = {.upload = upload, .page = page, .arena = arena, .parts = out};
    LT_TRY(lt_db_read(lt_local_of(store)->db, do_parts, &it, err));
    *info = it.found.info;
    return LT_OK;
}

static lt_status do_list(lt_tx *tx, void *context, lt_err *err)
{
    const upload_call *it = context;
    return lt_index_upload_list(tx, it->name.bucket, it->request, it->arena, it->list, err);
}

lt_status lt_local_upload_list(lt_store *store, lt_text bucket, const lt_upload_request *request,
                               lt_arena *arena, lt_upload_list *out, lt_err *err)
{
    upload_call it = {.name.bucket = bucket, .request = request, .arena = arena, .list = out};
    return lt_db_read(lt_local_of(store)->db, do_list, &it, err);
}
