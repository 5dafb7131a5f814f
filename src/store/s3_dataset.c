/* Datasets on S3: commits by conditional writes, views, and objects that follow the commits. */
#include "base/each.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "net/url.h"
#include "store/s3_record.h"

#include <stdlib.h>

enum { TRIES = 20 };
/* Orphans are collected after a day: what was staged longer ago may be gone. */
static const int64_t STAGED_US = (int64_t)12 * 3600 * 1000000;

/* ---------------------------------------------------------------- objects follow a commit */

typedef struct following {
    lt_remote *self;
    lt_remote_dataset set;
    lt_remote_record *record;
    lt_arena *arena;
    pthread_mutex_t lock; /* of the arena */
} following;

static lt_status copy_file(void *context, size_t i, lt_err *err)
{
    following *it = context;
    LT_AUTO(lt_arena) arena = {0};
    lt_remote_file *file = &it->record->files.items[i];
    lt_remote_call from, to;
    lt_text etag, version;
    if (file->added != it->record->info.sequence || file->data.version_id.len)
        return LT_OK;
    lt_object_name name = {it->set.bucket, file->data.key, {0}};
    const char *blob =
        lt_arena_format(&arena, "%s.leat/%.*s", it->self->prefix, LT_ARG(file->blob));
    lt_remote_begin_own(it->self, "GET", blob, &from);
    lt_remote_begin(it->self, "PUT", name, &arena, &to);
    LT_TRY(lt_remote_copy_bytes(it->self, &from, (lt_text){0}, file->data.size_bytes, &to, &arena,
                                &etag, &version, err));
    (void)pthread_mutex_lock(&it->lock);
    file->etag = lt_arena_text(it->arena, etag);
    file->data.version_id = version.len ? lt_arena_text(it->arena, version) : T("null");
    (void)pthread_mutex_unlock(&it->lock);
    return LT_OK;
}

static bool is_added_again(const lt_remote_record *record, lt_text key)
{
    for (size_t i = 0; i < record->files.len; i++)
        if (record->files.items[i].added == record->info.sequence &&
            lt_text_eq(record->files.items[i].data.key, key))
            return true;
    return false;
}

/* The object goes, unless somebody has put another one there: that is not ours to delete. */
static lt_status remove_file(void *context, size_t i, lt_err *err)
{
    following *it = context;
    LT_AUTO(lt_arena) arena = {0};
    const lt_remote_file *file = &it->record->removed.items[i];
    lt_remote_head head;
    lt_object_info gone;
    lt_object_name name = {it->set.bucket, file->data.key, {0}};
    if (is_added_again(it->record, file->data.key))
        return LT_OK;
    lt_status status = lt_remote_head_object(it->self, name, &arena, &head, err);
    if (status == LT_NOT_FOUND)
        return LT_OK;
    LT_TRY(status);
    if (!lt_text_eq(head.info.version_id, file->data.version_id) ||
        !lt_text_eq(head.info.etag, file->etag))
        return LT_OK;
    return lt_remote_remove(&it->self->base, name, &(lt_delete_options){0}, &arena, &gone, err);
}

lt_status lt_remote_apply(lt_remote *self, lt_remote_dataset set, lt_remote_record *record,
                          lt_arena *arena, lt_err *err)
{
    following it = {.self = self, .set = set, .record = record, .arena = arena};
    LT_AUTO(lt_buf) done = {.limit = LT_REMOTE_RECORD_BYTES};
    (void)pthread_mutex_init(&it.lock, NULL);
    lt_status status = lt_each(LT_REMOTE_JOBS, record->files.len, copy_file, &it, err);
    if (status == LT_OK)
        status = lt_each(LT_REMOTE_JOBS, record->removed.len, remove_file, &it, err);
    (void)pthread_mutex_destroy(&it.lock);
    LT_TRY(status);
    lt_remote_write_done(record, &done);
    LT_TRY(lt_buf_check(&done, "the record of the commit", err));
    const char *name = lt_arena_format(arena, "%s.leat/%s.done", self->prefix,
                                       lt_remote_commit_name(set, record->info.sequence, arena));
    return lt_remote_put_own(self, name, lt_buf_text(&done), false, err);
}

/* ---------------------------------------------------------------- a commit */

static lt_text folder_of(lt_text key)
{
    while (key.len && key.ptr[key.len - 1] != '/')
        key.len--;
    return key;
}

typedef struct commit {
    lt_remote *self;
    lt_remote_dataset set;
    const lt_commit_request *request;
    lt_arena *arena;
    lt_map added, folders; /* keys of the new files, and their folders */
    lt_remote_record before, record;
} commit;

static void commit_cleanup(commit *it)
{
    lt_map_cleanup(&it->added);
    lt_map_cleanup(&it->folders);
}

static bool is_replaced(const commit *it, lt_text key)
{
    return it->request->mode == LT_COMMIT_OVERWRITE ||
           (it->request->mode == LT_COMMIT_REPLACE_PARTITIONS &&
            lt_map_has(&it->folders, folder_of(key)));
}

static lt_status keep_or_remove(commit *it, const lt_remote_file *file, lt_err *err)
{
    if (is_replaced(it, file->data.key)) {
        lt_push_in(it->arena, &it->record.removed, *file);
        return LT_OK;
    }
    if (lt_map_has(&it->added, file->data.key)) {
        lt_ignore(lt_fail(err, LT_CONFLICT, "the dataset '%.*s/%.*s' holds '%.*s' already",
                          LT_ARG(it->set.bucket), LT_ARG(it->set.prefix), LT_ARG(file->data.key)));
        return lt_hint(err, "give an appended file a name of its own");
    }
    lt_push_in(it->arena, &it->record.files, *file);
    return LT_OK;
}

static lt_status add_file(commit *it, const lt_staged *staged, lt_err *err)
{
    char *hex = lt_alloc(it->arena, 2 * LT_SHA256_BYTES + 1);
    if (lt_now_us() - staged->blob_id > STAGED_US)
        return lt_fail(err, LT_IO, "'%.*s' was stored more than 12 hours before its commit",
                       LT_ARG(staged->key));
    lt_remote_file file = {.data = {.key = lt_arena_text(it->arena, staged->key),
                                    .sha256 = lt_text_of(lt_hex_write(
                                        lt_text_at(staged->sums.sha256, LT_SHA256_BYTES), hex)),
                                    .size_bytes = staged->size_bytes,
                                    .rows = staged->rows},
                           .blob = lt_text_of(lt_remote_blob_key(staged, it->arena)),
                           .added = it->record.info.sequence};
    it->record.info.rows += staged->rows;
    lt_push_in(it->arena, &it->record.files, file);
    return LT_OK;
}

static int by_key(const void *left, const void *right)
{
    const lt_remote_file *a = left, *b = right;
    return lt_text_cmp(a->data.key, b->data.key);
}

static lt_text new_commit_id(lt_arena *arena)
{
    char bytes[16];
    arc4random_buf(bytes, sizeof(bytes));
    return lt_text_of(
        lt_hex_write(lt_text_at(bytes, sizeof(bytes)), lt_alloc(arena, 2 * sizeof(bytes) + 1)));
}

static lt_status make_record(commit *it, lt_err *err)
{
    const lt_commit_request *request = it->request;
    int64_t sequence = it->before.info.sequence + 1;
    it->record =
        (lt_remote_record){.info = {.sequence = sequence,
                                    .commit_id = new_commit_id(it->arena),
                                    .schema_json = lt_arena_text(it->arena, request->schema_json),
                                    .record_json = lt_arena_text(it->arena, request->record_json),
                                    .committed_at_us = lt_now_us(),
                                    .mode = request->mode}};
    for (size_t i = 0; i < it->before.files.len; i++)
        LT_TRY(keep_or_remove(it, &it->before.files.items[i], err));
    for (size_t i = 0; i < request->files->len; i++)
        LT_TRY(add_file(it, &request->files->items[i], err));
    it->record.replaced_at = it->record.removed.len ? sequence : it->before.replaced_at;
    if (it->record.files.len)
        qsort(it->record.files.items, it->record.files.len, sizeof(*it->record.files.items),
              by_key);
    return LT_OK;
}

/* What the commit is built on; a commit whose objects do not follow yet is finished first. */
static lt_status read_before(commit *it, lt_err *err)
{
    int64_t last, expected = it->request->expected_sequence;
    bool done;
    it->before = (lt_remote_record){0};
    LT_TRY(lt_remote_find_last(it->self, it->set, &last, &done, err));
    if (expected >= 0 && expected != last) {
        lt_ignore(lt_fail(
            err, LT_CONFLICT, "the dataset '%.*s/%.*s' is at commit %lld by now, not at %lld",
            LT_ARG(it->set.bucket), LT_ARG(it->set.prefix), (long long)last, (long long)expected));
        return lt_hint(err, "read it again and commit on top of that");
    }
    if (!last)
        return LT_OK;
    LT_TRY(lt_remote_load_record(it->self, it->set, last, it->arena, &it->before, err));
    return done ? LT_OK : lt_remote_apply(it->self, it->set, &it->before, it->arena, err);
}

/* The moment in which the commit happens. *lost: somebody else has made one with this number. */
static lt_status publish(commit *it, bool *lost, lt_err *err)
{
    LT_AUTO(lt_buf) body = {.limit = LT_REMOTE_RECORD_BYTES};
    lt_remote_record there;
    lt_remote_write_record(&it->record, &body);
    LT_TRY(lt_buf_check(&body, "the record of the commit", err));
    const char *name =
        lt_arena_format(it->arena, "%s.leat/%s.json", it->self->prefix,
                        lt_remote_commit_name(it->set, it->record.info.sequence, it->arena));
    lt_status status = lt_remote_put_own(it->self, name, lt_buf_text(&body), true, err);
    *lost = status == LT_CONFLICT;
    if (!*lost)
        return status;
    /* it may be ours all the same: an answer was lost, and the request sent again (by libcurl, too, without a word) */
    LT_TRY(
        lt_remote_load_record(it->self, it->set, it->record.info.sequence, it->arena, &there, err));
    *lost = !lt_text_eq(there.info.commit_id, it->record.info.commit_id);
    return LT_OK;
}

/* The bucket and the dataset are known from their first commit on. */
static lt_status make_known(commit *it, lt_err *err)
{
    lt_err exists = {0};
    lt_status status =
        lt_remote_bucket_create(&it->self->base, it->set.bucket, LT_VERSIONING_ENABLED, &exists);
    if (status != LT_OK && status != LT_CONFLICT) {
        *err = exists;
        return status;
    }
    lt_remote_forget_bucket(it->self, it->set.bucket);
    const char *mark = lt_arena_format(it->arena, "%s.leat/datasets/%.*s/%.*s", it->self->prefix,
                                       LT_ARG(it->set.bucket), LT_ARG(it->set.prefix));
    return lt_remote_put_own(it->self, mark, T(""), false, err);
}

static lt_status commit_once(commit *it, bool *lost, lt_err *err)
{
    LT_TRY(read_before(it, err));
    LT_TRY(make_record(it, err));
    if (it->record.info.sequence == 1)
        LT_TRY(make_known(it, err));
    return publish(it, lost, err);
}

lt_status lt_remote_commit(lt_store *store, const lt_commit_request *request, lt_arena *arena,
                           lt_commit_info *info, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_err trouble = {0};
    bool lost = true;
    if (!self->bucket)
        return lt_not_made(store, "datasets in the service itself, without a bucket,", err);
    LT_AUTO(lt_arena) own = {0};
    LT_AUTO(commit)
    it = {
        .self = self, .set = {request->bucket, request->prefix}, .request = request, .arena = &own};
    for (size_t i = 0; i < request->files->len; i++) {
        (void)lt_map_put(&it.added, request->files->items[i].key, &it);
        (void)lt_map_put(&it.folders, folder_of(request->files->items[i].key), &it);
    }
    for (int i = 0; i < TRIES && lost; i++) /* an expected sequence ends it in read_before() */
        LT_TRY(commit_once(&it, &lost, err));
    if (lost)
        return lt_fail(err, LT_CONFLICT, "others were quicker %d times to commit to '%.*s/%.*s'",
                       TRIES, LT_ARG(request->bucket), LT_ARG(request->prefix));
    *info = it.record.info;
    info->commit_id = lt_arena_text(arena, info->commit_id);
    info->schema_json = lt_arena_text(arena, info->schema_json);
    info->record_json = lt_arena_text(arena, info->record_json);
    if (lt_remote_apply(self, it.set, &it.record, &own, &trouble) != LT_OK)
        lt_log(LT_LOG_WARNING,
               "commit %lld of %.*s/%.*s is there, but its objects do not follow it yet (the next "
               "commit does that): %s",
               (long long)info->sequence, LT_ARG(request->bucket), LT_ARG(request->prefix),
               trouble.message);
    return LT_OK;
}

/* ---------------------------------------------------------------- reading */

static lt_status load_wanted(lt_remote *self, lt_remote_dataset set, int64_t sequence,
                             lt_arena *arena, lt_remote_record *out, lt_err *err)
{
    bool done;
    if (!self->bucket)
        return lt_fail(err, LT_NOT_FOUND,
                       "there is no dataset '%.*s/%.*s': the service itself, "
                       "without a bucket, has none",
                       LT_ARG(set.bucket), LT_ARG(set.prefix));
    if (sequence <= 0)
        LT_TRY(lt_remote_find_last(self, set, &sequence, &done, err));
    return lt_remote_load_record(self, set, sequence, arena, out, err);
}

lt_status lt_remote_dataset_commit(lt_store *store, lt_text bucket, lt_text prefix,
                                   int64_t sequence, lt_arena *arena, lt_commit_info *out,
                                   lt_err *err)
{
    lt_remote_record record;
    LT_TRY(load_wanted(lt_remote_of(store), (lt_remote_dataset){bucket, prefix}, sequence, arena,
                       &record, err));
    *out = record.info;
    return LT_OK;
}

static lt_status check_only_additions(lt_remote_dataset set, const lt_remote_record *record,
                                      int64_t since, lt_err *err)
{
    if (since > record->info.sequence)
        return lt_fail(err, LT_INVALID, "commit %lld comes after commit %lld", (long long)since,
                       (long long)record->info.sequence);
    if (since <= 0 || record->replaced_at <= since)
        return LT_OK;
    lt_ignore(
        lt_fail(err, LT_CONFLICT,
                "the dataset '%.*s/%.*s' had files replaced between its commits %lld and %lld",
                LT_ARG(set.bucket), LT_ARG(set.prefix), (long long)since,
                (long long)record->info.sequence));
    return lt_hint(err, "read it whole");
}

lt_status lt_remote_dataset_pin(lt_store *store, lt_text bucket, lt_text prefix, int64_t since,
                                int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err)
{
    lt_remote_record record;
    lt_remote_dataset set = {bucket, prefix};
    LT_TRY(load_wanted(lt_remote_of(store), set, sequence, arena, &record, err));
    LT_TRY(check_only_additions(set, &record, since, err));
    out->commit = record.info;
    for (size_t i = 0; i < record.files.len; i++)
        if (record.files.items[i].added > since)
            lt_push_in(arena, &out->files, record.files.items[i].data);
    return LT_OK;
}

/* "datasets/raw/domain=x/dataset=y/" */
lt_status lt_remote_dataset_list(lt_store *store, lt_arena *arena, lt_dataset_infos *out,
                                 lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    lt_listing marks = {0};
    if (!self->bucket)
        return LT_OK;
    LT_TRY(lt_remote_list_own(self, "datasets/", arena, &marks, err));
    for (size_t i = 0; i < marks.objects.len; i++) {
        lt_dataset_info info = {0};
        lt_text rest = lt_text_sub(marks.objects.items[i].key, strlen("datasets/"), SIZE_MAX);
        if (!lt_text_cut(&rest, '/', &info.bucket) || !rest.len)
            continue;
        info.prefix = rest;
        lt_status status =
            lt_remote_dataset_commit(store, info.bucket, info.prefix, 0, arena, &info.last, err);
        if (status == LT_OK)
            lt_push_in(arena, out, info);
        else if (status != LT_NOT_FOUND) /* a first commit that is just being made */
            return status;
    }
    return LT_OK;
}

/* The blob's name begins with the sum; every blob of that sum has the same bytes. */
static lt_status find_blob(lt_remote *self, const lt_data_file *file, lt_arena *arena,
                           lt_remote_source *out, lt_err *err)
{
    lt_listing found = {0};
    const char *front =
        lt_arena_format(arena, "%s.leat/blobs/%.*s.", self->prefix, LT_ARG(file->sha256));
    lt_remote_page page = {.request = {.prefix = lt_text_of(front), .limit = 1},
                           .called.bucket = lt_text_of(self->bucket)};
    LT_TRY(lt_remote_list_real(self, lt_text_of(self->bucket), &page, arena, &found, err));
    if (!found.objects.len)
        return lt_fail(err, LT_NOT_FOUND, "the bytes of '%.*s' are not there any more",
                       LT_ARG(file->key));
    *out = (lt_remote_source){.len = found.objects.items[0].size_bytes};
    lt_remote_begin_own(self, "GET", lt_arena_str(arena, found.objects.items[0].key), &out->call);
    if (out->len != file->size_bytes)
        return lt_fail(err, LT_IO, "'%.*s' is damaged: it has %lld bytes instead of %lld",
                       LT_ARG(file->key), (long long)out->len, (long long)file->size_bytes);
    return LT_OK;
}

/* Gives the bytes on, and knows whether it has given any. */
typedef struct noting_sink {
    lt_sink sink;
    lt_sink *next;
    bool used;
} noting_sink;

static lt_status note_and_pass(lt_sink *sink, lt_text part, lt_err *err)
{
    noting_sink *it = (noting_sink *)sink;
    it->used = true;
    return it->next->write(it->next, part, err);
}

lt_status lt_remote_file_read(lt_store *store, LT_UNUSED lt_text bucket, const lt_data_file *file,
                              lt_sink *sink, lt_err *err)
{
    lt_remote *self = lt_remote_of(store);
    LT_AUTO(lt_arena) arena = {0};
    noting_sink noting = {.sink.write = note_and_pass, .next = sink};
    lt_remote_source source;
    for (int i = 1;; i++) {
        LT_TRY(find_blob(self, file, &arena, &source, err));
        lt_status status = lt_remote_fetch(self, &source, &noting.sink, err);
        /* the one that was found belonged to a commit that was forgotten just now: there may be others */
        if (status != LT_NOT_FOUND || noting.used || i == 3)
            return status;
    }
}
