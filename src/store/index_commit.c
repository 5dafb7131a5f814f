/* Datasets in the index: commits, the files of each, and which of them runs keep. */
#include "store/index.h"

#include "base/map.h"
#include "base/time.h"

#include <stdlib.h>

/* Which dataset; id 0: none. */
typedef struct dataset {
    int64_t id, last_sequence;
    lt_index_bucket bucket;
    lt_text prefix;
} dataset;

static void dataset_find(lt_tx *tx, const lt_index_bucket *bucket, lt_text prefix, dataset *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT id, last_sequence FROM datasets WHERE bucket_id = ? AND prefix = ?",
                    V(bucket->id), V(prefix));
    *out = (dataset){.bucket = *bucket, .prefix = prefix};
    if (!lt_query_next(&q))
        return;
    out->id = lt_query_i64(&q, 0);
    out->last_sequence = lt_query_i64(&q, 1);
}

static lt_status dataset_get(lt_tx *tx, lt_text bucket, lt_text prefix, dataset *out, lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    dataset_find(tx, &found, prefix, out);
    if (out->id)
        return LT_OK;
    return lt_fail(err, LT_NOT_FOUND, "there is no dataset '%.*s/%.*s'", LT_ARG(bucket),
                   LT_ARG(prefix));
}

static lt_status dataset_make(lt_tx *tx, const lt_index_bucket *bucket, lt_text prefix,
                              dataset *out, lt_err *err)
{
    dataset_find(tx, bucket, prefix, out);
    if (out->id)
        return LT_OK;
    LT_TRY(lt_tx_exec(tx, err,
                      "INSERT INTO datasets (bucket_id, prefix, last_sequence) VALUES (?, ?, 0)",
                      V(bucket->id), V(prefix)));
    out->id = lt_tx_last_id(tx);
    return LT_OK;
}

/* ---------------------------------------------------------------- a commit */

/* A file that this commit takes out. */
typedef struct taken {
    int64_t id, version_sequence;
    lt_text key;
} taken;

typedef struct commit {
    lt_tx *tx;
    const lt_commit_request *request;
    dataset set;
    int64_t sequence;
    lt_map added;   /* keys of the new files */
    lt_map folders; /* partition folders of the new files */
    lt_arena arena;
    LT_VEC(taken)
    removed; /* in `arena` */
} commit;

static void commit_cleanup(commit *it)
{
    lt_map_cleanup(&it->added);
    lt_map_cleanup(&it->folders);
    lt_arena_cleanup(&it->arena);
}

/* "p/a=1/x.parquet" -> "p/a=1/" */
static lt_text folder_of(lt_text key)
{
    while (key.len && key.ptr[key.len - 1] != '/')
        key.len--;
    return key;
}

static void note_new_files(commit *it)
{
    const lt_staged_list *files = it->request->files;
    for (size_t i = 0; i < files->len; i++) {
        (void)lt_map_put(&it->added, files->items[i].key, it);
        (void)lt_map_put(&it->folders, folder_of(files->items[i].key), it);
    }
}

static bool is_replaced(const commit *it, lt_text key)
{
    switch (it->request->mode) {
    case LT_COMMIT_APPEND:
        return false;
    case LT_COMMIT_REPLACE_PARTITIONS:
        return lt_map_has(&it->folders, folder_of(key));
    case LT_COMMIT_OVERWRITE:
        return true;
    }
    return false;
}

static lt_status find_removed(commit *it, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(it->tx,
                    "SELECT id, version_sequence, key FROM data_files "
                    "WHERE dataset_id = ? AND removed > ? AND added <= ?",
                    V(it->set.id), V(it->set.last_sequence), V(it->set.last_sequence));
    while (lt_query_next(&q)) {
        lt_text key = lt_query_text(&q, 2);
        if (is_replaced(it, key)) {
            taken file = {.id = lt_query_i64(&q, 0),
                          .version_sequence = lt_query_i64(&q, 1),
                          .key = lt_arena_text(&it->arena, key)};
            lt_push_in(&it->arena, &it->removed, file);
        } else if (lt_map_has(&it->added, key)) {
            lt_ignore(lt_fail(err, LT_CONFLICT, "the dataset '%.*s/%.*s' holds '%.*s' already",
                              LT_ARG(it->request->bucket), LT_ARG(it->request->prefix),
                              LT_ARG(key)));
            return lt_hint(err, "give an appended file a name of its own");
        }
    }
    return lt_query_check(&q, err);
}

/* A removed file's object goes too, unless somebody has put another one there: that is not ours to delete. */
static lt_status remove_file(commit *it, const taken *file, lt_err *err)
{
    LT_TRY(lt_tx_exec(it->tx, err, "UPDATE data_files SET removed = ? WHERE id = ?",
                      V(it->sequence), V(file->id)));
    if (lt_map_has(&it->added, file->key))
        return LT_OK; /* written anew below */
    lt_index_version current, made;
    lt_index_version_find(it->tx, &it->set.bucket, file->key, (lt_text){0}, &it->arena, &current);
    if (current.sequence != file->version_sequence)
        return LT_OK;
    lt_index_target what = {.key = file->key, .cause.reason = "DeleteObject"};
    return lt_index_delete(it->tx, &it->set.bucket, &what, &it->arena, &made, err);
}

static lt_text etag_in(lt_arena *arena, const lt_sums *sums)
{
    char *hex = lt_alloc(arena, 2 * LT_MD5_BYTES + 1);
    return lt_text_of(lt_hex_write(lt_text_at(sums->md5, LT_MD5_BYTES), hex));
}

static lt_status add_file(commit *it, const lt_staged *file, lt_err *err)
{
    static const lt_object_meta meta = {.content_type = T("application/octet-stream")};
    lt_index_new what = {.key = file->key,
                         .blob_id = file->blob_id,
                         .etag = etag_in(&it->arena, &file->sums),
                         .size_bytes = file->size_bytes,
                         .meta = &meta,
                         .cause.reason = "PutObject"};
    lt_index_version made;
    LT_TRY(lt_index_intent_settle(it->tx, file, err));
    LT_TRY(lt_index_put(it->tx, &it->set.bucket, &what, NULL, &it->arena, &made, err));
    return lt_tx_exec(it->tx, err,
                      "INSERT INTO data_files (dataset_id, key, added, blob_id, version_id, "
                      "version_sequence, rows) VALUES (?, ?, ?, ?, ?, ?, ?)",
                      V(it->set.id), V(file->key), V(it->sequence), V(file->blob_id),
                      V(made.info.version_id), V(made.sequence), V(file->rows));
}

static lt_text new_commit_id(lt_arena *arena)
{
    char bytes[16];
    arc4random_buf(bytes, sizeof(bytes));
    char *hex = lt_alloc(arena, 2 * sizeof(bytes) + 1);
    return lt_text_of(lt_hex_write(lt_text_at(bytes, sizeof(bytes)), hex));
}

static lt_status add_commit(commit *it, lt_arena *arena, lt_commit_info *info, lt_err *err)
{
    const lt_commit_request *request = it->request;
    *info = (lt_commit_info){.sequence = it->sequence,
                             .commit_id = new_commit_id(arena),
                             .schema_json = lt_arena_text(arena, request->schema_json),
                             .record_json = lt_arena_text(arena, request->record_json),
                             .committed_at_us = lt_now_us(),
                             .mode = request->mode};
    for (size_t i = 0; i < request->files->len; i++)
        info->rows += request->files->items[i].rows;
    LT_TRY(lt_tx_exec(it->tx, err, "UPDATE datasets SET last_sequence = ? WHERE id = ?",
                      V(it->sequence), V(it->set.id)));
    return lt_tx_exec(it->tx, err,
                      "INSERT INTO commits (dataset_id, sequence, commit_id, mode, removed_files, "
                      "rows, schema_json, record_json, committed_at_us) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      V(it->set.id), V(it->sequence), V(info->commit_id), V(request->mode),
                      V(it->removed.len), V(info->rows), V(info->schema_json), V(info->record_json),
                      V(info->committed_at_us));
}

static lt_status check_expected(const commit *it, lt_err *err)
{
    int64_t expected = it->request->expected_sequence;
    if (expected < 0 || expected == it->set.last_sequence)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT,
                      "the dataset '%.*s/%.*s' is at commit %lld by now, not at %lld",
                      LT_ARG(it->request->bucket), LT_ARG(it->request->prefix),
                      (long long)it->set.last_sequence, (long long)expected));
    return lt_hint(err, "read it again and commit on top of that");
}

lt_status lt_index_commit(lt_tx *tx, const lt_commit_request *request, lt_arena *arena,
                          lt_commit_info *info, lt_err *err)
{
    LT_AUTO(commit) it = {.tx = tx, .request = request};
    lt_index_bucket bucket;
    lt_status status = lt_index_bucket_get(tx, request->bucket, &bucket, err);
    if (status == LT_NOT_FOUND)
        status = lt_index_bucket_create(tx, request->bucket, LT_VERSIONING_ENABLED, &bucket, err);
    LT_TRY(status);
    LT_TRY(dataset_make(tx, &bucket, request->prefix, &it.set, err));
    LT_TRY(check_expected(&it, err));
    it.sequence = it.set.last_sequence + 1;
    note_new_files(&it);
    LT_TRY(find_removed(&it, err));
    for (size_t i = 0; i < it.removed.len; i++)
        LT_TRY(remove_file(&it, &it.removed.items[i], err));
    for (size_t i = 0; i < request->files->len; i++)
        LT_TRY(add_file(&it, &request->files->items[i], err));
    return add_commit(&it, arena, info, err);
}

/* ---------------------------------------------------------------- reading */

#define COMMIT_COLUMNS                                                                             \
    "c.sequence, c.commit_id, c.schema_json, c.record_json, c.rows, c.committed_at_us, c.mode"

static void read_commit(const lt_query *q, lt_arena *arena, lt_commit_info *out)
{
    *out = (lt_commit_info){.sequence = lt_query_i64(q, 0),
                            .commit_id = lt_query_text_in(q, arena, 1),
                            .schema_json = lt_query_text_in(q, arena, 2),
                            .record_json = lt_query_text_in(q, arena, 3),
                            .rows = lt_query_i64(q, 4),
                            .committed_at_us = lt_query_i64(q, 5),
                            .mode = (lt_commit_mode)lt_query_i64(q, 6)};
}

lt_status lt_index_dataset_list(lt_tx *tx, lt_arena *arena, lt_dataset_infos *out, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " COMMIT_COLUMNS ", b.name, d.prefix FROM datasets d "
                        "JOIN buckets b ON b.id = d.bucket_id "
                        "JOIN commits c ON c.dataset_id = d.id AND c.sequence = d.last_sequence "
                        "ORDER BY b.name, d.prefix");
    while (lt_query_next(&q)) {
        lt_dataset_info info = {.bucket = lt_query_text_in(&q, arena, 7),
                                .prefix = lt_query_text_in(&q, arena, 8)};
        read_commit(&q, arena, &info.last);
        lt_push_in(arena, out, info);
    }
    return lt_query_check(&q, err);
}

static lt_status commit_get(lt_tx *tx, const dataset *set, int64_t sequence, lt_arena *arena,
                            lt_commit_info *out, lt_err *err)
{
    int64_t wanted = sequence > 0 ? sequence : set->last_sequence;
    LT_AUTO(lt_query)
    q = lt_tx_query(
        tx, "SELECT " COMMIT_COLUMNS " FROM commits c WHERE c.dataset_id = ? AND c.sequence = ?",
        V(set->id), V(wanted));
    if (lt_query_next(&q)) {
        read_commit(&q, arena, out);
        return LT_OK;
    }
    bool forgotten = wanted <= set->last_sequence;
    return lt_fail(err, LT_NOT_FOUND, "the dataset '%.*s/%.*s' has no commit %lld%s%lld",
                   LT_ARG(set->bucket.name), LT_ARG(set->prefix), (long long)wanted,
                   forgotten ? " any more; its last is " : "; its last is ",
                   (long long)set->last_sequence);
}

lt_status lt_index_dataset_commit(lt_tx *tx, lt_text bucket, lt_text prefix, int64_t sequence,
                                  lt_arena *arena, lt_commit_info *out, lt_err *err)
{
    dataset set;
    LT_TRY(dataset_get(tx, bucket, prefix, &set, err));
    return commit_get(tx, &set, sequence, arena, out, err);
}

/* Only additions may lie between, and every commit must still be known. */
static lt_status check_only_additions(lt_tx *tx, const dataset *set, int64_t since,
                                      int64_t sequence, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT count(*), sum(removed_files) FROM commits "
                    "WHERE dataset_id = ? AND sequence > ? AND sequence <= ?",
                    V(set->id), V(since), V(sequence));
    if (!lt_query_next(&q))
        return lt_query_check(&q, err);
    bool all_known = lt_query_i64(&q, 0) == sequence - since;
    if (all_known && lt_query_i64(&q, 1) == 0)
        return LT_OK;
    lt_ignore(lt_fail(err, LT_CONFLICT,
                      "the dataset '%.*s/%.*s' %s between its commits %lld and %lld",
                      LT_ARG(set->bucket.name), LT_ARG(set->prefix),
                      all_known ? "had files replaced" : "has forgotten what happened",
                      (long long)since, (long long)sequence));
    return lt_hint(err, "read it whole");
}

static int by_key(const void *a, const void *b)
{
    const lt_data_file *left = a, *right = b;
    return lt_text_cmp(left->key, right->key);
}

static lt_status read_files(lt_tx *tx, const dataset *set, int64_t since, int64_t sequence,
                            lt_arena *arena, lt_data_files *out, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT f.key, f.version_id, b.sha256, b.size_bytes, f.rows FROM data_files f "
                    "JOIN blobs b ON b.id = f.blob_id "
                    "WHERE f.dataset_id = ? AND f.removed > ? AND f.added > ? AND f.added <= ?",
                    V(set->id), V(sequence), V(since), V(sequence));
    while (lt_query_next(&q)) {
        char *hex = lt_alloc(arena, 2 * LT_SHA256_BYTES + 1);
        lt_text sha256 = lt_text_sub(lt_query_text(&q, 2), 0, LT_SHA256_BYTES);
        lt_data_file file = {.key = lt_query_text_in(&q, arena, 0),
                             .version_id = lt_query_text_in(&q, arena, 1),
                             .sha256 = lt_text_of(lt_hex_write(sha256, hex)),
                             .size_bytes = lt_query_i64(&q, 3),
                             .rows = lt_query_i64(&q, 4)};
        lt_push_in(arena, out, file);
    }
    if (out->len)
        qsort(out->items, out->len, sizeof(*out->items), by_key);
    return lt_query_check(&q, err);
}

lt_status lt_index_dataset_pin(lt_tx *tx, lt_text bucket, lt_text prefix, int64_t since,
                               int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err)
{
    dataset set;
    LT_TRY(dataset_get(tx, bucket, prefix, &set, err));
    LT_TRY(commit_get(tx, &set, sequence, arena, &out->commit, err));
    if (since > out->commit.sequence)
        return lt_fail(err, LT_INVALID, "commit %lld comes after commit %lld", (long long)since,
                       (long long)out->commit.sequence);
    if (since > 0)
        LT_TRY(check_only_additions(tx, &set, since, out->commit.sequence, err));
    return read_files(tx, &set, since, out->commit.sequence, arena, &out->files, err);
}

/* ---------------------------------------------------------------- keeping and forgetting */

lt_status lt_index_keep(lt_tx *tx, lt_text owner, lt_text bucket, lt_text prefix, int64_t sequence,
                        lt_err *err)
{
    if (sequence == 0)
        return lt_tx_exec(tx, err, "DELETE FROM keeps WHERE owner = ?", V(owner));
    dataset set;
    lt_commit_info found;
    LT_AUTO(lt_arena) arena = {0};
    LT_TRY(dataset_get(tx, bucket, prefix, &set, err));
    LT_TRY(commit_get(tx, &set, sequence, &arena, &found, err));
    return lt_tx_exec(tx, err,
                      "INSERT OR IGNORE INTO keeps (owner, dataset_id, sequence) VALUES (?, ?, ?)",
                      V(owner), V(set.id), V(sequence));
}

/* Files that are part of no commit that is left. */
static lt_status forget_files(lt_tx *tx, const dataset *set, lt_err *err)
{
    LT_VEC(int64_t) blobs = {0};
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx,
                        "DELETE FROM data_files WHERE dataset_id = ? AND removed <= ? "
                        "AND NOT EXISTS (SELECT 1 FROM commits c WHERE c.dataset_id = "
                        "data_files.dataset_id AND c.sequence >= added AND c.sequence < removed) "
                        "RETURNING blob_id",
                        V(set->id), V(set->last_sequence));
        while (lt_query_next(&q))
            lt_push(&blobs, lt_query_i64(&q, 0));
    }
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < blobs.len; i++)
        status = lt_index_blob_release(tx, blobs.items[i], err);
    lt_vec_free(&blobs);
    return status;
}

lt_status lt_index_dataset_forget(lt_tx *tx, lt_text bucket, lt_text prefix, int64_t before,
                                  int64_t *forgotten, lt_err *err)
{
    dataset set;
    LT_TRY(dataset_get(tx, bucket, prefix, &set, err));
    LT_TRY(lt_tx_exec(tx, err,
                      "DELETE FROM commits WHERE dataset_id = ? AND sequence < ? AND sequence < ? "
                      "AND NOT EXISTS (SELECT 1 FROM keeps k WHERE k.dataset_id = "
                      "commits.dataset_id AND k.sequence = commits.sequence)",
                      V(set.id), V(before), V(set.last_sequence)));
    *forgotten = lt_tx_changes(tx);
    return forget_files(tx, &set, err);
}
