/* The store in a folder, and the same store in memory: opening, objects, commits, each a transaction of the index. */
#include "store/local.h"

#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <stdlib.h>

enum { MEMORY_OBJECT_BYTES = 256 * 1024 * 1024 };

/* ---------------------------------------------------------------- open and close */

static void local_close(lt_store *store)
{
    lt_local *self = lt_local_of(store);
    lt_err err;
    if (self->db && self->folder)
        lt_ignore(lt_local_collect(self, &err)); /* what is left is found by the next one */
    lt_verified_free(self->verified);
    lt_local_owner_end(self);
    lt_db_close(self->db);
    lt_fd_close(self->root);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->lock);
    explicit_bzero(self->key, sizeof(self->key));
    lt_free(self->project);
    lt_free(self->folder);
    lt_free(self);
}

static lt_local *local_new(const lt_store_ops *ops, const lt_store_options *options)
{
    lt_local *self = lt_xcalloc(1, sizeof(*self));
    self->base.ops = ops;
    self->os = &lt_os_real;
    self->root = self->owner_lock = -1;
    self->grace_us = (int64_t)3600 * 1000000;
    if (options->project)
        self->project = lt_xstrdup(options->project);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    self->verified = lt_verified_new(self);
    return self;
}

static lt_status open_folder(lt_local *self, lt_err *err)
{
    LT_AUTO(lt_chars) blobs = lt_path_join(self->folder, "blobs");
    LT_AUTO(lt_chars) temps = lt_path_join(self->folder, "tmp");
    LT_AUTO(lt_chars) index = lt_path_join(self->folder, "index.db");
    bool is_new = !lt_path_exists(index);
    LT_TRY(lt_folder_make(blobs, 0750, err));
    LT_TRY(lt_folder_make(temps, 0750, err));
    self->root = open(self->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->root < 0)
        return lt_fail_errno(err, errno, "cannot open the folder '%s'", self->folder);
    LT_TRY(lt_db_open(index, &(lt_db_schema){.name = "store"}, &self->db, err));
    if (is_new)
        LT_TRY(lt_folder_sync(self->folder, err));
    lt_err later;
    lt_ignore(lt_local_collect(self, &later)); /* a full disk must not keep anybody from reading */
    return LT_OK;
}

static lt_status local_open(lt_text rest, const lt_store_options *options, lt_store **out,
                            lt_err *err)
{
    if (!rest.len || memchr(rest.ptr, '\0', rest.len))
        return lt_fail(err, LT_INVALID, "the store 'local:' needs a folder: local:/dir");
    lt_local *self = local_new(&lt_store_local_ops, options);
    self->folder = lt_text_dup(rest);
    self->small_bytes = LT_LOCAL_SMALL_BYTES;
    lt_status status = open_folder(self, err);
    if (status != LT_OK)
        local_close(&self->base);
    else
        *out = &self->base;
    return status;
}

static lt_status mem_open(lt_text rest, const lt_store_options *options, lt_store **out,
                          lt_err *err)
{
    if (rest.len)
        return lt_fail(err, LT_INVALID, "the store 'mem:' has no name");
    lt_local *self = local_new(&lt_store_mem_ops, options);
    self->small_bytes = MEMORY_OBJECT_BYTES;
    lt_status status = lt_db_open(":memory:", &(lt_db_schema){.name = "store"}, &self->db, err);
    if (status != LT_OK)
        local_close(&self->base);
    else
        *out = &self->base;
    return status;
}

void lt_store_local_set_os(lt_store *store, const lt_os *os)
{
    lt_local_of(store)->os = os;
}

void lt_store_local_set_grace(lt_store *store, int64_t grace_us)
{
    lt_local_of(store)->grace_us = grace_us;
}

/* ---------------------------------------------------------------- buckets */

typedef struct bucket_call {
    lt_text bucket;
    lt_versioning versioning;
    lt_arena *arena;
    lt_bucket_info *info;
    lt_bucket_infos *list;
} bucket_call;

static lt_status do_bucket_create(lt_tx *tx, void *context, lt_err *err)
{
    const bucket_call *it = context;
    lt_index_bucket made;
    return lt_index_bucket_create(tx, it->bucket, it->versioning, &made, err);
}

static lt_status local_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning,
                                     lt_err *err)
{
    bucket_call it = {.bucket = bucket, .versioning = versioning};
    return lt_db_write(lt_local_of(store)->db, do_bucket_create, &it, err);
}

static lt_status do_bucket_get(lt_tx *tx, void *context, lt_err *err)
{
    bucket_call *it = context;
    return lt_index_bucket_info(tx, it->bucket, it->arena, it->info, err);
}

static lt_status local_bucket_get(lt_store *store, lt_text bucket, lt_arena *arena,
                                  lt_bucket_info *out, lt_err *err)
{
    bucket_call it = {.bucket = bucket, .arena = arena, .info = out};
    return lt_db_read(lt_local_of(store)->db, do_bucket_get, &it, err);
}

static lt_status do_bucket_list(lt_tx *tx, void *context, lt_err *err)
{
    bucket_call *it = context;
    return lt_index_bucket_list(tx, it->arena, it->list, err);
}

static lt_status local_bucket_list(lt_store *store, lt_arena *arena, lt_bucket_infos *out,
                                   lt_err *err)
{
    bucket_call it = {.arena = arena, .list = out};
    return lt_db_read(lt_local_of(store)->db, do_bucket_list, &it, err);
}

static lt_status do_bucket_set(lt_tx *tx, void *context, lt_err *err)
{
    const bucket_call *it = context;
    return lt_index_bucket_set(tx, it->bucket, it->versioning, err);
}

static lt_status local_bucket_set_versioning(lt_store *store, lt_text bucket,
                                             lt_versioning versioning, lt_err *err)
{
    bucket_call it = {.bucket = bucket, .versioning = versioning};
    return lt_db_write(lt_local_of(store)->db, do_bucket_set, &it, err);
}

static lt_status do_bucket_delete(lt_tx *tx, void *context, lt_err *err)
{
    const bucket_call *it = context;
    return lt_index_bucket_delete(tx, it->bucket, err);
}

static lt_status local_bucket_delete(lt_store *store, lt_text bucket, lt_err *err)
{
    bucket_call it = {.bucket = bucket};
    return lt_db_write(lt_local_of(store)->db, do_bucket_delete, &it, err);
}

/* ---------------------------------------------------------------- objects */

void lt_local_changed(lt_local *self)
{
    if (atomic_load(&self->waiters) > 0) {
        (void)pthread_mutex_lock(&self->lock);
        (void)pthread_cond_broadcast(&self->changed);
        (void)pthread_mutex_unlock(&self->lock);
    }
    lt_local_collect_sometimes(self);
}

typedef struct object_call {
    lt_object_name name;
    const lt_put_options *options;
    const lt_delete_options *deletion;
    lt_staged *staged;
    const lt_list_request *request;
    lt_listing *listing;
    lt_arena *arena;
    lt_index_version version; /* result */
    bool needs_seal;          /* nothing was done: the bucket wants encryption */
} object_call;

static lt_status do_put(lt_tx *tx, void *context, lt_err *err)
{
    object_call *it = context;
    lt_staged *staged = it->staged;
    char hex[2 * LT_MD5_BYTES + 1];
    lt_hex_write(lt_text_at(staged->sums.md5, LT_MD5_BYTES), hex);
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    it->needs_seal = bucket.sealed && !staged->sealed && staged->is_small;
    if (it->needs_seal)
        return LT_OK;
    LT_TRY(lt_local_settle(tx, staged, err));
    lt_index_new what = {.key = it->name.key,
                         .blob_id = staged->blob_id,
                         .size_bytes = staged->size_bytes,
                         .etag = lt_text_of(hex),
                         .meta = &it->options->meta,
                         .tags = &it->options->tags,
                         .sum_kind = staged->sum_kind,
                         .sum =
                             lt_text_at((const char *)staged->sum, lt_sum_size(staged->sum_kind)),
                         .cause = {"PutObject", it->options->origin}};
    return lt_index_put(tx, &bucket, &what, it->options->when, it->arena, &it->version, err);
}

static lt_status put_staged(lt_local *self, object_call *it, lt_object_info *info, lt_err *err)
{
    LT_TRY(lt_db_write(self->db, do_put, it, err));
    char *hex = lt_alloc(it->arena, 2 * LT_SHA256_BYTES + 1);
    *info = it->version.info;
    info->sha256 =
        lt_text_of(lt_hex_write(lt_text_at(it->staged->sums.sha256, LT_SHA256_BYTES), hex));
    info->is_sealed = it->staged->sealed;
    return LT_OK;
}

/* A small body is in memory, so it can be taken again when the bucket turns out to want encryption. */
static lt_status seal_small(lt_local *self, lt_staged *staged, lt_err *err)
{
    lt_text_body body;
    lt_staged sealed = {.sum_kind = staged->sum_kind, .sealed = true};
    lt_status status = lt_local_receive(self, lt_body_from_text(&body, lt_buf_text(&staged->body)),
                                        NULL, &sealed, err);
    lt_buf_cleanup(&staged->body);
    *staged = sealed;
    return status;
}

lt_status lt_local_put(lt_store *store, lt_object_name name, lt_body *body,
                       const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                       lt_err *err)
{
    lt_local *self = lt_local_of(store);
    lt_bucket_info bucket = {0};
    bool small = body->size >= 0 && (size_t)body->size <= self->small_bytes;
    if (!small) /* asked before reading all of the body */
        LT_TRY(local_bucket_get(store, name.bucket, arena, &bucket, err));
    lt_staged staged = {.sum_kind = options->checksum, .sealed = options->sealed || bucket.sealed};
    lt_status status = lt_local_receive(self, body, options->expected, &staged, err);
    object_call it = {.name = name, .options = options, .staged = &staged, .arena = arena};
    if (status == LT_OK)
        status = put_staged(self, &it, info, err);
    if (status == LT_OK && it.needs_seal) {
        status = seal_small(self, &staged, err);
        if (status == LT_OK)
            status = put_staged(self, &it, info, err);
    }
    if (status != LT_OK)
        lt_local_unstage_one(self, &staged);
    lt_buf_cleanup(&staged.body);
    lt_local_changed(self);
    return status;
}

static lt_status do_head(lt_tx *tx, void *context, lt_err *err)
{
    object_call *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    return lt_index_version_get(tx, &bucket, it->name.key, it->name.version_id, it->arena,
                                &it->version, err);
}

static lt_status local_head(lt_store *store, lt_object_name name, lt_arena *arena,
                            lt_object_info *info, lt_err *err)
{
    object_call it = {.name = name, .arena = arena};
    lt_status status = lt_db_read(lt_local_of(store)->db, do_head, &it, err);
    *info = it.version.info;
    return status;
}

static lt_status do_remove(lt_tx *tx, void *context, lt_err *err)
{
    object_call *it = context;
    lt_index_bucket bucket;
    lt_index_target what = {.key = it->name.key,
                            .version_id = it->name.version_id,
                            .when = it->deletion->when,
                            .cause = {"DeleteObject", it->deletion->origin}};
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    return lt_index_delete(tx, &bucket, &what, it->arena, &it->version, err);
}

static lt_status local_remove(lt_store *store, lt_object_name name,
                              const lt_delete_options *options, lt_arena *arena,
                              lt_object_info *info, lt_err *err)
{
    object_call it = {.name = name, .deletion = options, .arena = arena};
    lt_status status = lt_db_write(lt_local_of(store)->db, do_remove, &it, err);
    *info = it.version.info;
    lt_local_changed(lt_local_of(store));
    return status;
}

typedef struct many_call {
    lt_text bucket;
    lt_delete_item *items;
    size_t count;
    const lt_origin *origin;
    lt_arena *arena;
} many_call;

/* What fails before it changes anything leaves the transaction good for the others; that is all that can fail for one item alone. */
static lt_status do_remove_many(lt_tx *tx, void *context, lt_err *err)
{
    const many_call *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->bucket, &bucket, err));
    for (size_t i = 0; i < it->count; i++) {
        lt_delete_item *item = &it->items[i];
        if (item->status != LT_OK)
            continue;
        lt_index_version made = {0};
        lt_index_target what = {.key = item->key,
                                .version_id = item->version_id,
                                .when = &item->when,
                                .cause = {"DeleteObject", it->origin}};
        lt_err mine = {0};
        lt_status status = lt_index_delete(tx, &bucket, &what, it->arena, &made, &mine);
        if (status != LT_OK && mine.reason != LT_WHY_PRECONDITION &&
            mine.reason != LT_WHY_NO_SUCH_KEY) {
            *err = mine;
            return status;
        }
        item->info = made.info;
        item->status = status;
        item->err = mine;
    }
    return LT_OK;
}

static lt_status local_remove_many(lt_store *store, lt_text bucket, lt_delete_item *items,
                                   size_t count, const lt_origin *origin, lt_arena *arena,
                                   lt_err *err)
{
    many_call it = {
        .bucket = bucket, .items = items, .count = count, .origin = origin, .arena = arena};
    lt_status status = lt_db_write(lt_local_of(store)->db, do_remove_many, &it, err);
    lt_local_changed(lt_local_of(store));
    return status;
}

static lt_status do_restore(lt_tx *tx, void *context, lt_err *err)
{
    object_call *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    return lt_index_restore(tx, &bucket, it->name.key, it->name.version_id, it->arena, &it->version,
                            err);
}

static lt_status local_restore(lt_store *store, lt_object_name name, lt_arena *arena,
                               lt_object_info *info, lt_err *err)
{
    object_call it = {.name = name, .arena = arena};
    lt_status status = lt_db_write(lt_local_of(store)->db, do_restore, &it, err);
    *info = it.version.info;
    return status;
}

static lt_status do_list(lt_tx *tx, void *context, lt_err *err)
{
    object_call *it = context;
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, it->name.bucket, &bucket, err));
    return lt_index_list(tx, &bucket, it->request, it->arena, it->listing, err);
}

static lt_status local_list(lt_store *store, lt_text bucket, const lt_list_request *request,
                            lt_arena *arena, lt_listing *out, lt_err *err)
{
    object_call it = {
        .name = {.bucket = bucket}, .request = request, .listing = out, .arena = arena};
    return lt_db_read(lt_local_of(store)->db, do_list, &it, err);
}

/* ---------------------------------------------------------------- commits */

typedef struct stage_call {
    const lt_local *self;
    lt_staged *staged;
} stage_call;

static lt_status do_stage(lt_tx *tx, void *context, lt_err *err)
{
    const stage_call *it = context;
    lt_index_blob blob;
    LT_TRY(lt_index_blob_add(tx, it->staged, LT_PLACE_BODY, &blob, err));
    return lt_index_intent_add(tx, lt_text_of(it->self->owner), it->staged, err);
}

static lt_status local_stage(lt_store *store, lt_text bucket, lt_body *body, lt_staged *out,
                             lt_err *err)
{
    lt_local *self = lt_local_of(store);
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_info info = {0};
    lt_status status = local_bucket_get(store, bucket, &arena, &info, err);
    if (status != LT_OK && status != LT_NOT_FOUND) /* the commit makes it if need be */
        return status;
    out->sealed = info.sealed;
    status = lt_local_receive(self, body, NULL, out, err);
    stage_call it = {.self = self, .staged = out};
    if (status == LT_OK && out->is_small)
        status = lt_local_owner_need(self, err);
    if (status == LT_OK && out->is_small)
        status = lt_db_write(self->db, do_stage, &it, err);
    lt_buf_cleanup(&out->body);
    return status;
}

static lt_status do_unstage(lt_tx *tx, void *context, lt_err *err)
{
    const lt_staged_list *files = context;
    for (size_t i = 0; i < files->len; i++)
        if (files->items[i].intent_id)
            LT_TRY(lt_index_intent_drop(tx, files->items[i].intent_id, err));
    return LT_OK;
}

static lt_status local_unstage(lt_store *store, const lt_staged_list *files, lt_err *err)
{
    lt_staged_list list = *files;
    return lt_db_write(lt_local_of(store)->db, do_unstage, &list, err);
}

typedef struct dataset_call {
    const lt_commit_request *request;
    lt_text owner, bucket, prefix;
    int64_t since, sequence;
    lt_arena *arena;
    lt_commit_info *commit;
    lt_dataset_infos *list;
    lt_view *view;
    int64_t *forgotten;
} dataset_call;

static lt_status do_commit(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_commit(tx, it->request, it->arena, it->commit, err);
}

static lt_status local_commit(lt_store *store, const lt_commit_request *request, lt_arena *arena,
                              lt_commit_info *info, lt_err *err)
{
    dataset_call it = {.request = request, .arena = arena, .commit = info};
    LT_TRY(lt_db_write(lt_local_of(store)->db, do_commit, &it, err));
    lt_local_changed(lt_local_of(store));
    return LT_OK;
}

/* ---------------------------------------------------------------- datasets */

static lt_status do_dataset_list(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_dataset_list(tx, it->arena, it->list, err);
}

static lt_status local_dataset_list(lt_store *store, lt_arena *arena, lt_dataset_infos *out,
                                    lt_err *err)
{
    dataset_call it = {.arena = arena, .list = out};
    return lt_db_read(lt_local_of(store)->db, do_dataset_list, &it, err);
}

static lt_status do_dataset_commit(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_dataset_commit(tx, it->bucket, it->prefix, it->sequence, it->arena, it->commit,
                                   err);
}

static lt_status local_dataset_commit(lt_store *store, lt_text bucket, lt_text prefix,
                                      int64_t sequence, lt_arena *arena, lt_commit_info *out,
                                      lt_err *err)
{
    dataset_call it = {
        .bucket = bucket, .prefix = prefix, .sequence = sequence, .arena = arena, .commit = out};
    return lt_db_read(lt_local_of(store)->db, do_dataset_commit, &it, err);
}

static lt_status do_dataset_pin(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_dataset_pin(tx, it->bucket, it->prefix, it->since, it->sequence, it->arena,
                                it->view, err);
}

static lt_status local_dataset_pin(lt_store *store, lt_text bucket, lt_text prefix, int64_t since,
                                   int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err)
{
    dataset_call it = {.bucket = bucket,
                       .prefix = prefix,
                       .since = since,
                       .sequence = sequence,
                       .arena = arena,
                       .view = out};
    return lt_db_read(lt_local_of(store)->db, do_dataset_pin, &it, err);
}

static lt_status do_dataset_forget(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_dataset_forget(tx, it->bucket, it->prefix, it->sequence, it->forgotten, err);
}

static lt_status local_dataset_forget(lt_store *store, lt_text bucket, lt_text prefix,
                                      int64_t before, int64_t *forgotten, lt_err *err)
{
    dataset_call it = {
        .bucket = bucket, .prefix = prefix, .sequence = before, .forgotten = forgotten};
    return lt_db_write(lt_local_of(store)->db, do_dataset_forget, &it, err);
}

static lt_status do_keep(lt_tx *tx, void *context, lt_err *err)
{
    dataset_call *it = context;
    return lt_index_keep(tx, it->owner, it->bucket, it->prefix, it->sequence, err);
}

static lt_status local_keep(lt_store *store, lt_text owner, lt_text bucket, lt_text prefix,
                            int64_t sequence, lt_err *err)
{
    dataset_call it = {.owner = owner, .bucket = bucket, .prefix = prefix, .sequence = sequence};
    return lt_db_write(lt_local_of(store)->db, do_keep, &it, err);
}

/* ---------------------------------------------------------------- files of views */

static lt_status local_file_read(lt_store *store, LT_UNUSED lt_text bucket,
                                 const lt_data_file *file, lt_sink *sink, lt_err *err)
{
    char sha256[LT_SHA256_BYTES];
    if (!lt_hex_read(file->sha256, sha256, sizeof(sha256)))
        return lt_fail(err, LT_INVALID, "'%.*s' is no SHA-256 of a file", LT_ARG(file->sha256));
    LT_AUTO(lt_chars) what = lt_text_dup(file->key);
    return lt_local_blob_read(lt_local_of(store), lt_text_at(sha256, sizeof(sha256)), sink, what,
                              err);
}

typedef struct paths_call {
    lt_local *self;
    const lt_data_files *files;
    lt_arena *arena;
    lt_text *paths;
} paths_call;

static lt_status do_paths(lt_tx *tx, void *context, lt_err *err)
{
    const paths_call *it = context;
    for (size_t i = 0; i < it->files->len; i++) {
        const lt_data_file *file = &it->files->items[i];
        char sha256[LT_SHA256_BYTES], path[LT_BLOB_PATH_CHARS];
        lt_text content = lt_text_at(sha256, sizeof(sha256));
        lt_index_blob blob;
        if (!lt_hex_read(file->sha256, sha256, sizeof(sha256)))
            return lt_fail(err, LT_INVALID, "'%.*s' is no SHA-256 of a file", LT_ARG(file->sha256));
        if (!lt_local_find_content(tx, content, &blob))
            return lt_fail(err, LT_NOT_FOUND, "the content of '%.*s' is not kept any more",
                           LT_ARG(file->key));
        if (blob.place != LT_PLACE_BODY && !lt_blob_name_is_sealed(&blob.name))
            it->paths[i] = lt_text_of(lt_arena_format(it->arena, "%s/%s", it->self->folder,
                                                      lt_local_blob_path(content, path)));
    }
    return LT_OK;
}

static lt_status local_file_paths(lt_store *store, const lt_data_files *files, lt_arena *arena,
                                  lt_text *paths, lt_err *err)
{
    paths_call it = {.self = lt_local_of(store), .files = files, .arena = arena, .paths = paths};
    return lt_db_read(it.self->db, do_paths, &it, err);
}

/* ---------------------------------------------------------------- the tables of calls */

#define CALLS                                                                                      \
    .close = local_close, .bucket_create = local_bucket_create, .bucket_get = local_bucket_get,    \
    .bucket_list = local_bucket_list, .bucket_set_versioning = local_bucket_set_versioning,        \
    .bucket_delete = local_bucket_delete, .put = lt_local_put, .head = local_head,                 \
    .read = lt_local_read, .copy = lt_local_copy, .remove = local_remove,                          \
    .remove_many = local_remove_many, .restore = local_restore, .list = local_list,                \
    .stage = local_stage, .unstage = local_unstage, .commit = local_commit,                        \
    .dataset_list = local_dataset_list, .dataset_commit = local_dataset_commit,                    \
    .dataset_pin = local_dataset_pin, .dataset_forget = local_dataset_forget,                      \
    .file_read = local_file_read, .keep = local_keep, .check = lt_local_check,                     \
    .reading_open = lt_local_reading_open, .object_parts = lt_local_object_parts,                  \
    .tags_get = lt_local_tags_get, .tags_set = lt_local_tags_set,                                  \
    .upload_create = lt_local_upload_create, .upload_part = lt_local_upload_part,                  \
    .upload_part_copy = lt_local_upload_part_copy, .upload_parts = lt_local_upload_parts,          \
    .upload_list = lt_local_upload_list, .upload_complete = lt_local_upload_complete,              \
    .upload_abort = lt_local_upload_abort, .doc_set = lt_local_doc_set,                            \
    .doc_get = lt_local_doc_get, .set_sealed = lt_local_set_sealed,                                \
    .rules_set = lt_local_rules_set, .rules_get = lt_local_rules_get,                              \
    .access_create = lt_local_access_create, .access_get = lt_local_access_get,                    \
    .access_list = lt_local_access_list, .access_revoke = lt_local_access_revoke,                  \
    .access_used = lt_local_access_used, .access_generation = lt_local_access_generation,          \
    .events_read = lt_local_events_read, .events_last = lt_local_events_last,                      \
    .events_wait = lt_local_events_wait, .events_keep = lt_local_events_keep,                      \
    .usage = lt_local_usage, .prune = lt_local_prune, .lifecycle = lt_local_lifecycle,             \
    .collect = local_collect

static lt_status local_collect(lt_store *store, lt_err *err)
{
    return lt_local_collect(lt_local_of(store), err);
}

const lt_store_ops lt_store_local_ops = {.scheme = "local:",
                                         .called = "a store on this machine",
                                         .open = local_open,
                                         CALLS,
                                         .file_paths = local_file_paths,
                                         .backup = lt_local_backup};

/* The same index in memory, where every content is small: one truth about S3's rules. */
const lt_store_ops lt_store_mem_ops = {
    .scheme = "mem:", .called = "a store in memory", .open = mem_open, CALLS};
