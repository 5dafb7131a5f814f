/* The face of open versions and multipart uploads: checks arguments and calls the back end. */
#include "store/store_ops.h"

enum { PAGE_MOST = 1000 };

/* ---------------------------------------------------------------- reading, where a back end knows only ranges */

typedef struct ranged_reading {
    lt_reading base;
    lt_store *store;     /* borrowed */
    lt_object_name name; /* of one version; in `arena` */
    lt_arena arena;      /* owned */
} ranged_reading;

typedef struct memory_sink {
    lt_sink sink;
    char *out;
    size_t size, got;
} memory_sink;

static lt_status to_memory(lt_sink *sink, lt_text part, lt_err *err)
{
    memory_sink *it = (memory_sink *)sink;
    if (part.len > it->size - it->got)
        return lt_fail(err, LT_IO, "the store gave more bytes than were asked for");
    memcpy(it->out + it->got, part.ptr, part.len);
    it->got += part.len;
    return LT_OK;
}

static lt_status ranged_pread(lt_reading *reading, int64_t offset, char *out, size_t size,
                              size_t *got, lt_err *err)
{
    ranged_reading *self = (ranged_reading *)reading;
    memory_sink sink = {.sink.write = to_memory, .out = out, .size = size};
    LT_AUTO(lt_arena) arena = {0};
    lt_object_info info = {0};
    LT_TRY(self->store->ops->read(self->store, self->name, (size_t)offset, size, &sink.sink, &arena,
                                  &info, err));
    *got = sink.got;
    return LT_OK;
}

static void ranged_close(lt_reading *reading)
{
    ranged_reading *self = (ranged_reading *)reading;
    lt_arena_cleanup(&self->arena);
    lt_free(self);
}

static const lt_reading_ops ranged_ops = {.pread = ranged_pread, .close = ranged_close};

static lt_status ranged_open(lt_store *store, lt_object_name name, lt_arena *arena,
                             lt_object_info *info, lt_reading **out, lt_err *err)
{
    LT_TRY(store->ops->head(store, name, arena, info, err));
    if (info->is_marker)
        return lt_store_fail(err, LT_WHY_IS_MARKER,
                             "version '%.*s' of '%.*s/%.*s' is a delete marker",
                             LT_ARG(info->version_id), LT_ARG(name.bucket), LT_ARG(name.key));
    ranged_reading *self = lt_xcalloc(1, sizeof(*self));
    self->base = (lt_reading){.ops = &ranged_ops, .size = info->size_bytes};
    self->store = store;
    self->name = (lt_object_name){.bucket = lt_arena_text(&self->arena, name.bucket),
                                  .key = lt_arena_text(&self->arena, name.key),
                                  .version_id = lt_arena_text(&self->arena, info->version_id)};
    *out = &self->base;
    return LT_OK;
}

/* ---------------------------------------------------------------- reading */

lt_status lt_reading_open(lt_store *store, lt_object_name name, int32_t part, lt_arena *arena,
                          lt_object_info *info, lt_reading **out, lt_err *err)
{
    LT_TRY(lt_arg_object(name, err));
    if (part < 0 || part > LT_PARTS)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "part numbers go from 1 to %d", LT_PARTS);
    if (part > 0 && !store->ops->reading_open)
        return lt_not_made(store, "reading of parts", err);
    lt_object_info found = {0};
    lt_status status = store->ops->reading_open
                           ? store->ops->reading_open(store, name, part, arena, &found, out, err)
                           : ranged_open(store, name, arena, &found, out, err);
    if (status == LT_OK || (status == LT_NOT_FOUND && found.is_marker))
        *info = found;
    return status;
}

void lt_reading_close(lt_reading *reading)
{
    if (reading)
        reading->ops->close(reading);
}

int64_t lt_reading_size(const lt_reading *reading)
{
    return reading->size;
}

int64_t lt_reading_start(const lt_reading *reading)
{
    return reading->start;
}

lt_status lt_reading_pread(lt_reading *reading, int64_t offset, char *out, size_t size, size_t *got,
                           lt_err *err)
{
    *got = 0;
    if (offset < 0 || offset >= reading->size || size == 0)
        return LT_OK;
    if ((int64_t)size > reading->size - offset)
        size = (size_t)(reading->size - offset);
    return reading->ops->pread(reading, offset, out, size, got, err);
}

bool lt_reading_span(lt_reading *reading, int64_t offset, lt_span *out)
{
    return reading->ops->span && offset >= 0 && offset < reading->size &&
           reading->ops->span(reading, offset, out);
}

static lt_page page_of(int32_t after, size_t limit)
{
    return (lt_page){.after = after,
                     .limit = limit && limit < PAGE_MOST ? limit : (size_t)PAGE_MOST};
}

lt_status lt_object_parts(lt_store *store, lt_object_name name, int32_t after, size_t limit,
                          lt_arena *arena, lt_part_list *out, lt_err *err)
{
    LT_TRY(lt_arg_object(name, err));
    if (!store->ops->object_parts)
        return lt_not_made(store, "lists of parts", err);
    lt_part_list found = {0};
    LT_TRY(store->ops->object_parts(store, name, page_of(after, limit), arena, &found, err));
    *out = found;
    return LT_OK;
}

/* ---------------------------------------------------------------- uploads */

static lt_status check_upload(const lt_store *store, lt_upload_name upload, lt_err *err)
{
    LT_TRY(lt_arg_object((lt_object_name){.bucket = upload.bucket, .key = upload.key}, err));
    LT_TRY(lt_arg_text(upload.upload_id, LT_KEY_BYTES, "upload id", err));
    return store->ops->upload_create ? LT_OK : lt_not_made(store, "multipart uploads", err);
}

static lt_status check_number(int32_t number, lt_err *err)
{
    if (number >= 1 && number <= LT_PARTS)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "part numbers go from 1 to %d", LT_PARTS);
}

/* S3: the SHAs of parts cannot be made into one of the whole, and CRC64NVME is always one of the whole. */
static lt_status check_sum_type(lt_sum_kind kind, bool composite, lt_err *err)
{
    LT_TRY(lt_arg_sum_kind(kind, err));
    bool good = kind == LT_SUM_NONE ? !composite
                : composite         ? kind != LT_SUM_CRC64NVME
                                    : lt_sum_is_crc(kind);
    if (good)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_BAD_REQUEST, "the checksum %s cannot be of type %s",
                         kind ? lt_sum_name(kind) : "(none)",
                         composite ? "COMPOSITE" : "FULL_OBJECT");
}

lt_status lt_upload_create(lt_store *store, lt_text bucket, lt_text key,
                           const lt_upload_options *options, lt_arena *arena, lt_text *upload_id,
                           lt_err *err)
{
    lt_upload_options with = options ? *options : (lt_upload_options){0};
    lt_object_name name = {.bucket = bucket, .key = key};
    LT_TRY(check_upload(store, (lt_upload_name){.bucket = bucket, .key = key}, err));
    LT_TRY(lt_arg_meta(&with.meta, err));
    LT_TRY(lt_arg_tags(&with.tags, err));
    LT_TRY(check_sum_type(with.checksum, with.composite, err));
    return store->ops->upload_create(store, name, &with, arena, upload_id, err);
}

lt_status lt_upload_part(lt_store *store, lt_upload_name upload, int32_t number, lt_body *body,
                         const lt_part_options *options, lt_arena *arena, lt_part_info *info,
                         lt_err *err)
{
    lt_part_options with = options ? *options : (lt_part_options){0};
    LT_TRY(check_upload(store, upload, err));
    LT_TRY(check_number(number, err));
    LT_TRY(lt_arg_sum_kind(with.checksum, err));
    if (body->size > LT_PART_BYTES)
        return lt_store_fail(err, LT_WHY_TOO_LARGE, "a part has at most %lld bytes",
                             (long long)LT_PART_BYTES);
    LT_AUTO(lt_arena) own = {0};
    lt_part_info made = {0};
    LT_TRY(store->ops->upload_part(store, upload, number, body, &with, info ? arena : &own, &made,
                                   err));
    if (info)
        *info = made;
    return LT_OK;
}

lt_status lt_upload_part_copy(lt_store *store, lt_upload_name upload, int32_t number,
                              const lt_part_source *source, lt_arena *arena, lt_part_info *info,
                              lt_text *source_version, lt_err *err)
{
    LT_TRY(check_upload(store, upload, err));
    LT_TRY(check_number(number, err));
    LT_TRY(lt_arg_object(source->name, err));
    if (source->offset < 0 || source->len < -1 || source->len == 0)
        return lt_store_fail(err, LT_WHY_BAD_RANGE, "a range begins at 0 or later, and has bytes");
    lt_part_copied made = {0};
    LT_TRY(store->ops->upload_part_copy(store, upload, number, source, arena, &made, err));
    *info = made.info;
    if (source_version)
        *source_version = made.source_version;
    return LT_OK;
}

lt_status lt_upload_parts(lt_store *store, lt_upload_name upload, int32_t after, size_t limit,
                          lt_arena *arena, lt_upload_info *info, lt_part_list *out, lt_err *err)
{
    LT_TRY(check_upload(store, upload, err));
    lt_upload_info of = {0};
    lt_part_list found = {0};
    LT_TRY(store->ops->upload_parts(store, upload, page_of(after, limit), arena, &of, &found, err));
    *info = of;
    *out = found;
    return LT_OK;
}

lt_status lt_upload_list_page(lt_store *store, lt_text bucket, const lt_upload_request *request,
                              lt_arena *arena, lt_upload_list *out, lt_err *err)
{
    lt_upload_request with = *request;
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_TRY(lt_arg_text(request->prefix, LT_KEY_BYTES, "prefix", err));
    LT_TRY(lt_arg_text(request->delimiter, LT_KEY_BYTES, "delimiter", err));
    LT_TRY(lt_arg_text(request->after_key, LT_KEY_BYTES, "key to start after", err));
    LT_TRY(lt_arg_text(request->after_upload, LT_KEY_BYTES, "upload to start after", err));
    if (!store->ops->upload_list)
        return lt_not_made(store, "multipart uploads", err);
    with.limit = page_of(0, request->limit).limit;
    lt_upload_list found = {0};
    LT_TRY(store->ops->upload_list(store, bucket, &with, arena, &found, err));
    *out = found;
    return LT_OK;
}

static lt_status check_parts(const lt_part_named *parts, size_t count, lt_err *err)
{
    if (!count || count > LT_PARTS)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "an upload has 1 to %d parts", LT_PARTS);
    for (size_t i = 0; i < count; i++) {
        LT_TRY(check_number(parts[i].number, err));
        if (i && parts[i].number <= parts[i - 1].number)
            return lt_store_fail(err, LT_WHY_PART_ORDER, "part %d stands behind part %d",
                                 parts[i].number, parts[i - 1].number);
    }
    return LT_OK;
}

lt_status lt_upload_complete(lt_store *store, lt_upload_name upload, const lt_part_named *parts,
                             size_t count, const lt_complete_options *options, lt_arena *arena,
                             lt_object_info *info, lt_err *err)
{
    lt_complete_options with = options ? *options : (lt_complete_options){.size_bytes = -1};
    lt_completion completion = {.parts = parts, .count = count, .options = &with};
    LT_TRY(check_upload(store, upload, err));
    LT_TRY(check_parts(parts, count, err));
    LT_AUTO(lt_arena) own = {0};
    lt_object_info made = {0};
    LT_TRY(
        store->ops->upload_complete(store, upload, &completion, info ? arena : &own, &made, err));
    if (info)
        *info = made;
    return LT_OK;
}

lt_status lt_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err)
{
    LT_TRY(check_upload(store, upload, err));
    return store->ops->upload_abort(store, upload, err);
}
