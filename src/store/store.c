/* The face of the store: checks arguments, finds the back end, and alone calls it. */
#include "store/store.h"

#include "base/fs.h"
#include "base/map.h"
#include "store/cache.h"
#include "store/store_ops.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { OWNER_BYTES = 256, PREFIX_BYTES = 900, DELETE_MOST = 1000 };
#define JSON_BYTES (16 * LT_MIB)

static const lt_store_ops *const back_ends[] = {&lt_store_local_ops, &lt_store_mem_ops,
                                                &lt_store_s3_ops};

/* ---------------------------------------------------------------- open and close */

#define CACHE_BYTES ((int64_t)(8 * LT_GIB))

lt_status lt_store_open(const char *url, lt_store **out, lt_err *err)
{
    return lt_store_open_with(url, NULL, out, err);
}

lt_status lt_store_open_with(const char *url, const lt_store_options *options, lt_store **out,
                             lt_err *err)
{
    lt_store_options with = options ? *options : (lt_store_options){0};
    lt_text text = lt_text_of(url);
    for (size_t i = 0; i < LT_COUNT(back_ends); i++) {
        lt_text scheme = lt_text_of(back_ends[i]->scheme);
        if (!lt_text_starts(text, scheme))
            continue;
        LT_TRY(back_ends[i]->open(lt_text_sub(text, scheme.len, SIZE_MAX), &with, out, err));
        (*out)->cache_bytes = with.cache_bytes ? with.cache_bytes : CACHE_BYTES;
        return LT_OK;
    }
    lt_ignore(lt_fail(err, LT_INVALID, "unknown kind of store: '%s'", url));
    return lt_hint(err, "write local:/dir");
}

void lt_store_close(lt_store *store)
{
    if (store)
        store->ops->close(store);
}

/* ---------------------------------------------------------------- checks */

static lt_status check_prefix(lt_text prefix, lt_err *err)
{
    LT_TRY(lt_arg_text(prefix, PREFIX_BYTES, "prefix", err));
    if (!lt_text_ends(prefix, T("/")))
        return lt_fail(err, LT_INVALID, "the prefix of a dataset ends in '/', unlike '%.*s'",
                       LT_ARG(prefix));
    return LT_OK;
}

static lt_status check_dataset(lt_text bucket, lt_text prefix, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    return check_prefix(prefix, err);
}

static lt_status check_versioning(lt_versioning versioning, lt_err *err)
{
    if (versioning <= LT_VERSIONING_SUSPENDED)
        return LT_OK;
    return lt_fail(err, LT_INVALID, "%d is no state of versioning", (int)versioning);
}

/* ---------------------------------------------------------------- buckets */

lt_status lt_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_TRY(check_versioning(versioning, err));
    return store->ops->bucket_create(store, bucket, versioning, err);
}

lt_status lt_bucket_find(lt_store *store, lt_text bucket, lt_versioning *versioning, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_info found = {0};
    LT_TRY(store->ops->bucket_get(store, bucket, &arena, &found, err));
    *versioning = found.versioning;
    return LT_OK;
}

lt_status lt_bucket_get(lt_store *store, lt_text bucket, lt_arena *arena, lt_bucket_info *out,
                        lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    lt_bucket_info found = {0};
    LT_TRY(store->ops->bucket_get(store, bucket, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_bucket_list(lt_store *store, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    lt_bucket_infos found = {0};
    LT_TRY(store->ops->bucket_list(store, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_bucket_set_versioning(lt_store *store, lt_text bucket, lt_versioning versioning,
                                   lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_TRY(check_versioning(versioning, err));
    return store->ops->bucket_set_versioning(store, bucket, versioning, err);
}

lt_status lt_bucket_delete(lt_store *store, lt_text bucket, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    return store->ops->bucket_delete(store, bucket, err);
}

/* ---------------------------------------------------------------- bodies */

static lt_status read_text(lt_body *body, char *out, size_t size, size_t *got,
                           LT_UNUSED lt_err *err)
{
    lt_text_body *self = (lt_text_body *)body;
    *got = LT_MIN(size, self->left.len);
    if (*got)
        memcpy(out, self->left.ptr, *got);
    self->left = lt_text_sub(self->left, *got, SIZE_MAX);
    return LT_OK;
}

lt_body *lt_body_from_text(lt_text_body *body, lt_text text)
{
    *body = (lt_text_body){.body = {.read = read_text, .size = (int64_t)text.len}, .left = text};
    return &body->body;
}

static lt_status read_fd(lt_body *body, char *out, size_t size, size_t *got, lt_err *err)
{
    const lt_fd_body *self = (const lt_fd_body *)body;
    ssize_t count;
    do
        count = read(self->fd, out, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return lt_fail_errno(err, errno, "cannot read what is to be stored");
    *got = (size_t)count;
    return LT_OK;
}

lt_body *lt_body_from_fd(lt_fd_body *body, int fd, int64_t size)
{
    *body = (lt_fd_body){.body = {.read = read_fd, .size = size}, .fd = fd};
    return &body->body;
}

/* ---------------------------------------------------------------- objects */

/* Where a call's `info` may be NULL: the arena is the caller's, or one for nothing. */
static void hand_out(lt_object_info *info, const lt_object_info *made)
{
    if (info)
        *info = *made;
}

static lt_status fail_too_large(lt_err *err)
{
    lt_ignore(lt_store_fail(err, LT_WHY_TOO_LARGE, "an object put at once has at most %lld bytes",
                            (long long)LT_PART_BYTES));
    return lt_hint(err, "upload it in parts");
}

static lt_status check_when(const lt_when *when, lt_err *err)
{
    if (!when)
        return LT_OK;
    LT_TRY(lt_arg_text(when->etag, LT_KEY_BYTES, "wanted ETag", err));
    return lt_arg_text(when->not_etag, LT_KEY_BYTES, "unwanted ETag", err);
}

static lt_status check_put_options(lt_put_options *with, lt_err *err)
{
    LT_TRY(check_when(with->when, err));
    LT_TRY(lt_arg_meta(&with->meta, err));
    LT_TRY(lt_arg_tags(&with->tags, err));
    return lt_arg_sum_kind(with->checksum, err);
}

lt_status lt_store_put(lt_store *store, lt_text bucket, lt_text key, lt_body *body,
                       const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                       lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key};
    lt_put_options with = options ? *options : (lt_put_options){0};
    LT_TRY(lt_arg_object(name, err));
    LT_TRY(check_put_options(&with, err));
    if (body->size > LT_PART_BYTES)
        return fail_too_large(err);
    LT_AUTO(lt_arena) own = {0};
    lt_object_info made = {0};
    LT_TRY(store->ops->put(store, name, body, &with, info ? arena : &own, &made, err));
    hand_out(info, &made);
    return LT_OK;
}

lt_status lt_store_head(lt_store *store, lt_text bucket, lt_text key, lt_text version_id,
                        lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key, .version_id = version_id};
    LT_TRY(lt_arg_object(name, err));
    lt_object_info found = {0};
    lt_status status = store->ops->head(store, name, arena, &found, err);
    if (status == LT_OK || (status == LT_NOT_FOUND && found.is_marker))
        *info = found;
    return status;
}

/* Passes bytes on, and their sum when all of them are read. */
typedef struct checked_sink {
    lt_sink sink;
    lt_digest digest; /* owned; not begun: nothing is checked */
    lt_buf *out;      /* or: */
    int fd;
} checked_sink;

static lt_status pass_on(lt_sink *sink, lt_text part, lt_err *err)
{
    checked_sink *it = (checked_sink *)sink;
    if (it->digest.sha256)
        LT_TRY(lt_digest_add(&it->digest, part, err));
    if (!it->out)
        return lt_fd_write(it->fd, part, "the output", err);
    lt_buf_add(it->out, part);
    return lt_buf_check(it->out, "the object", err);
}

static lt_status check_sum(checked_sink *it, lt_object_name name, const lt_object_info *info,
                           lt_err *err)
{
    if (!it->digest.sha256 || !info->sha256.len) /* then who read it has checked its parts */
        return LT_OK;
    lt_sums sums;
    char hex[2 * LT_SHA256_BYTES + 1];
    LT_TRY(lt_digest_end(&it->digest, &sums, err));
    lt_hex_write(lt_text_at(sums.sha256, LT_SHA256_BYTES), hex);
    if (lt_text_eq(lt_text_of(hex), info->sha256))
        return LT_OK;
    lt_ignore(lt_fail(err, LT_IO, "'%.*s/%.*s' is damaged: its checksum is wrong",
                      LT_ARG(name.bucket), LT_ARG(name.key)));
    return lt_hint(err, "'leat store check' lists all that is damaged; restore a backup");
}

static lt_status read_object(lt_store *store, lt_object_name name, size_t offset, size_t len,
                             checked_sink *sink, lt_err *err)
{
    LT_TRY(lt_arg_object(name, err));
    sink->sink.write = pass_on;
    LT_AUTO(lt_arena) arena = {0};
    lt_object_info info = {0};
    lt_status status = LT_OK;
    if (offset == 0 && len == SIZE_MAX)
        status = lt_digest_begin(&sink->digest, false, err);
    if (status == LT_OK)
        status = store->ops->read(store, name, offset, len, &sink->sink, &arena, &info, err);
    if (status == LT_OK)
        status = check_sum(sink, name, &info, err);
    lt_digest_cleanup(&sink->digest);
    return status;
}

lt_status lt_store_get(lt_store *store, lt_text bucket, lt_text key, lt_text version_id,
                       size_t offset, size_t len, lt_buf *out, lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key, .version_id = version_id};
    checked_sink sink = {.out = out, .fd = -1};
    size_t before = out->len;
    bool overflow = out->overflow;
    lt_status status = read_object(store, name, offset, len, &sink, err);
    if (status != LT_OK) {
        lt_buf_cut(out, before);
        out->overflow = overflow;
    }
    return status;
}

lt_status lt_store_get_to_fd(lt_store *store, lt_text bucket, lt_text key, lt_text version_id,
                             int fd, lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key, .version_id = version_id};
    checked_sink sink = {.fd = fd};
    return read_object(store, name, 0, SIZE_MAX, &sink, err);
}

lt_status lt_store_copy(lt_store *store, lt_object_name source, lt_text bucket, lt_text key,
                        const lt_copy_options *options, lt_arena *arena, lt_object_info *info,
                        lt_text *source_version, lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key};
    lt_copy_options with = options ? *options : (lt_copy_options){0};
    LT_TRY(lt_arg_object(source, err));
    LT_TRY(lt_arg_object(name, err));
    LT_TRY(check_put_options(&with.put, err));
    if (!store->ops->copy)
        return lt_not_made(store, "copies", err);
    LT_AUTO(lt_arena) own = {0};
    lt_copied made = {0};
    LT_TRY(store->ops->copy(store, source, name, &with, info || source_version ? arena : &own,
                            &made, err));
    hand_out(info, &made.info);
    if (source_version)
        *source_version = made.source_version;
    return LT_OK;
}

lt_status lt_store_delete(lt_store *store, lt_text bucket, lt_text key, lt_text version_id,
                          const lt_delete_options *options, lt_arena *arena, lt_object_info *info,
                          lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key, .version_id = version_id};
    lt_delete_options with = options ? *options : (lt_delete_options){0};
    LT_TRY(lt_arg_object(name, err));
    LT_TRY(check_when(with.when, err));
    LT_AUTO(lt_arena) own = {0};
    lt_object_info made = {0};
    LT_TRY(store->ops->remove(store, name, &with, info ? arena : &own, &made, err));
    hand_out(info, &made);
    return LT_OK;
}

lt_status lt_store_delete_many(lt_store *store, lt_text bucket, lt_delete_item *items, size_t count,
                               const lt_origin *origin, lt_arena *arena, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    if (count > DELETE_MOST)
        return lt_store_fail(err, LT_WHY_BAD_ARGUMENT, "%zu objects to delete are more than %d",
                             count, DELETE_MOST);
    if (!store->ops->remove_many)
        return lt_not_made(store, "deletion of many", err);
    for (size_t i = 0; i < count; i++) {
        lt_delete_item *item = &items[i];
        lt_object_name name = {.bucket = bucket, .key = item->key, .version_id = item->version_id};
        item->info = (lt_object_info){0};
        item->status = lt_arg_object(name, &item->err);
        if (item->status == LT_OK)
            item->status = check_when(&item->when, &item->err);
    }
    return store->ops->remove_many(store, bucket, items, count, origin, arena, err);
}

lt_status lt_object_tags_get(lt_store *store, lt_object_name name, lt_arena *arena, lt_pairs *out,
                             lt_object_info *info, lt_err *err)
{
    LT_TRY(lt_arg_object(name, err));
    if (!store->ops->tags_get)
        return lt_not_made(store, "tags", err);
    lt_pairs found = {0};
    lt_object_info of = {0};
    LT_TRY(store->ops->tags_get(store, name, arena, &found, &of, err));
    *out = found;
    hand_out(info, &of);
    return LT_OK;
}

lt_status lt_object_tags_set(lt_store *store, lt_object_name name, const lt_pairs *tags,
                             lt_arena *arena, lt_object_info *info, lt_err *err)
{
    LT_TRY(lt_arg_object(name, err));
    LT_TRY(lt_arg_tags(tags, err));
    if (!store->ops->tags_set)
        return lt_not_made(store, "tags", err);
    LT_AUTO(lt_arena) own = {0};
    lt_object_info of = {0};
    LT_TRY(store->ops->tags_set(store, name, tags, info ? arena : &own, &of, err));
    hand_out(info, &of);
    return LT_OK;
}

lt_status lt_store_restore(lt_store *store, lt_text bucket, lt_text key, lt_text version_id,
                           lt_arena *arena, lt_object_info *info, lt_err *err)
{
    lt_object_name name = {.bucket = bucket, .key = key, .version_id = version_id};
    LT_TRY(lt_arg_object(name, err));
    LT_AUTO(lt_arena) own = {0};
    lt_object_info made = {0};
    LT_TRY(store->ops->restore(store, name, info ? arena : &own, &made, err));
    hand_out(info, &made);
    return LT_OK;
}

lt_status lt_store_list(lt_store *store, lt_text bucket, const lt_list_request *request,
                        lt_arena *arena, lt_listing *out, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    LT_TRY(lt_arg_text(request->prefix, LT_KEY_BYTES, "prefix", err));
    LT_TRY(lt_arg_text(request->delimiter, LT_KEY_BYTES, "delimiter", err));
    LT_TRY(lt_arg_text(request->after_key, LT_KEY_BYTES, "key to start after", err));
    LT_TRY(lt_arg_text(request->after_version, LT_KEY_BYTES, "version to start after", err));
    if (request->after_version.len && (!request->after_key.len || !request->versions))
        return lt_fail(err, LT_INVALID,
                       "a version to start after needs its key, and a listing of "
                       "versions");
    lt_listing found = {0};
    LT_TRY(store->ops->list(store, bucket, request, arena, &found, err));
    *out = found;
    return LT_OK;
}

/* ---------------------------------------------------------------- commits */

struct lt_commit {
    lt_store *store; /* borrowed */
    lt_arena arena;  /* of the texts below */
    lt_text bucket, prefix;
    lt_commit_mode mode;
    pthread_mutex_t lock; /* of what follows */
    lt_map keys;          /* of `files`, and of those that are on their way */
    lt_staged_list files; /* owned */
    bool finished;
};

lt_status lt_commit_begin(lt_store *store, lt_text bucket, lt_text prefix, lt_commit_mode mode,
                          lt_commit **out, lt_err *err)
{
    LT_TRY(check_dataset(bucket, prefix, err));
    if (mode > LT_COMMIT_OVERWRITE)
        return lt_fail(err, LT_INVALID, "%d is no kind of commit", (int)mode);
    lt_commit *commit = lt_xcalloc(1, sizeof(*commit));
    commit->store = store;
    commit->bucket = lt_arena_text(&commit->arena, bucket);
    commit->prefix = lt_arena_text(&commit->arena, prefix);
    commit->mode = mode;
    (void)pthread_mutex_init(&commit->lock, NULL);
    *out = commit;
    return LT_OK;
}

/* The name is taken from here on. */
static lt_status reserve_key(lt_commit *commit, lt_text name, lt_text *key, lt_err *err)
{
    LT_AUTO(lt_chars) full = lt_format("%.*s%.*s", LT_ARG(commit->prefix), LT_ARG(name));
    lt_text text = lt_text_of(full);
    if (!name.len || text.len != commit->prefix.len + name.len)
        return lt_fail(err, LT_INVALID, "a file of '%.*s' has no name, or one with a NUL byte",
                       LT_ARG(commit->prefix));
    LT_TRY(lt_arg_key(text, err));
    (void)pthread_mutex_lock(&commit->lock);
    bool twice = lt_map_has(&commit->keys, text), finished = commit->finished;
    if (!twice && !finished) {
        *key = lt_arena_text(&commit->arena, text);
        (void)lt_map_put(&commit->keys, *key, commit);
    }
    (void)pthread_mutex_unlock(&commit->lock);
    if (twice)
        return lt_fail(err, LT_INVALID, "'%s' was added to this commit before", full);
    return finished ? lt_fail(err, LT_INVALID, "the commit is finished") : LT_OK;
}

lt_status lt_commit_add(lt_commit *commit, lt_text name, lt_body *body, int64_t rows, lt_err *err)
{
    lt_text key;
    if (rows < 0)
        return lt_fail(err, LT_INVALID, "a file cannot have %lld rows", (long long)rows);
    LT_TRY(reserve_key(commit, name, &key, err));
    lt_staged staged = {.key = key, .rows = rows};
    lt_status status = commit->store->ops->stage(commit->store, commit->bucket, body, &staged, err);
    (void)pthread_mutex_lock(&commit->lock);
    if (status == LT_OK)
        lt_push(&commit->files, staged);
    else
        (void)lt_map_remove(&commit->keys, key);
    (void)pthread_mutex_unlock(&commit->lock);
    return status;
}

lt_status lt_commit_finish(lt_commit *commit, lt_text schema_json, lt_text record_json,
                           int64_t expected_sequence, lt_arena *arena, lt_commit_info *info,
                           lt_err *err)
{
    LT_TRY(lt_arg_text(schema_json, JSON_BYTES, "schema", err));
    LT_TRY(lt_arg_text(record_json, JSON_BYTES, "record", err));
    if (commit->finished)
        return lt_fail(err, LT_INVALID, "the commit is finished");
    lt_commit_request request = {.bucket = commit->bucket,
                                 .prefix = commit->prefix,
                                 .mode = commit->mode,
                                 .files = &commit->files,
                                 .schema_json = schema_json,
                                 .record_json = record_json,
                                 .expected_sequence = expected_sequence};
    LT_AUTO(lt_arena) own = {0};
    lt_commit_info made = {0};
    LT_TRY(commit->store->ops->commit(commit->store, &request, info ? arena : &own, &made, err));
    commit->finished = true;
    if (info)
        *info = made;
    return LT_OK;
}

void lt_commit_close(lt_commit *commit)
{
    if (!commit)
        return;
    lt_err err;
    if (!commit->finished &&
        commit->files.len) /* what cannot be let go now is when the store is opened again */
        lt_ignore(commit->store->ops->unstage(commit->store, &commit->files, &err));
    lt_vec_free(&commit->files);
    lt_map_cleanup(&commit->keys);
    lt_arena_cleanup(&commit->arena);
    (void)pthread_mutex_destroy(&commit->lock);
    lt_free(commit);
}

/* ---------------------------------------------------------------- datasets */

lt_status lt_dataset_list(lt_store *store, lt_arena *arena, lt_dataset_infos *out, lt_err *err)
{
    lt_dataset_infos found = {0};
    LT_TRY(store->ops->dataset_list(store, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_dataset_commit(lt_store *store, lt_text bucket, lt_text prefix, int64_t sequence,
                            lt_arena *arena, lt_commit_info *out, lt_err *err)
{
    LT_TRY(check_dataset(bucket, prefix, err));
    lt_commit_info found = {0};
    LT_TRY(store->ops->dataset_commit(store, bucket, prefix, sequence, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_dataset_pin_since(lt_store *store, lt_text bucket, lt_text prefix, int64_t since,
                               int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err)
{
    LT_TRY(check_dataset(bucket, prefix, err));
    if (since < 0)
        return lt_fail(err, LT_INVALID, "there is no commit %lld", (long long)since);
    lt_view found = {0};
    LT_TRY(store->ops->dataset_pin(store, bucket, prefix, since, sequence, arena, &found, err));
    *out = found;
    return LT_OK;
}

lt_status lt_dataset_pin(lt_store *store, lt_text bucket, lt_text prefix, int64_t sequence,
                         lt_arena *arena, lt_view *out, lt_err *err)
{
    return lt_dataset_pin_since(store, bucket, prefix, 0, sequence, arena, out, err);
}

lt_status lt_view_paths(lt_store *store, lt_text bucket, const lt_view *view,
                        const char *cache_folder, lt_arena *arena, lt_texts *out, lt_err *err)
{
    LT_TRY(lt_arg_bucket(bucket, err));
    size_t count = view->files.len;
    lt_text *paths = lt_alloc_array(arena, LT_MAX(count, (size_t)1), sizeof(*paths));
    if (store->ops->file_paths)
        LT_TRY(store->ops->file_paths(store, &view->files, arena, paths, err));
    LT_TRY(lt_cache_files(store, bucket, &view->files, cache_folder, arena, paths, err));
    *out = (lt_texts){.items = paths, .len = count, .cap = count};
    return LT_OK;
}

/* ---------------------------------------------------------------- keeping */

lt_status lt_dataset_forget(lt_store *store, lt_text bucket, lt_text prefix, int64_t before,
                            int64_t *forgotten, lt_err *err)
{
    LT_TRY(check_dataset(bucket, prefix, err));
    int64_t count = 0;
    LT_TRY(store->ops->dataset_forget(store, bucket, prefix, before, &count, err));
    if (forgotten)
        *forgotten = count;
    return LT_OK;
}

lt_status lt_store_keep(lt_store *store, lt_text owner, lt_text bucket, lt_text prefix,
                        int64_t sequence, lt_err *err)
{
    LT_TRY(lt_arg_text(owner, OWNER_BYTES, "run id", err));
    if (!owner.len)
        return lt_fail(err, LT_INVALID, "who keeps a commit has no name");
    if (sequence < 0)
        return lt_fail(err, LT_INVALID, "there is no commit %lld", (long long)sequence);
    if (sequence > 0)
        LT_TRY(check_dataset(bucket, prefix, err));
    return store->ops->keep(store, owner, bucket, prefix, sequence, err);
}

lt_status lt_store_check(lt_store *store, bool repair, lt_arena *arena, lt_check_report *out,
                         lt_err *err)
{
    lt_check_report report = {0};
    LT_TRY(store->ops->check(store, repair, arena, &report, err));
    *out = report;
    return LT_OK;
}
