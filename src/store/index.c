/* Buckets, contents and versions in the index, by S3's rules. */
#include "store/index.h"

#include "base/time.h"

#include <stdlib.h>

/* ---------------------------------------------------------------- buckets */

static bool bucket_find(lt_tx *tx, lt_text name, lt_index_bucket *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT id, versioning FROM buckets WHERE name = ?", V(name));
    if (!lt_query_next(&q))
        return false;
    *out = (lt_index_bucket){
        .id = lt_query_i64(&q, 0), .name = name, .versioning = (lt_versioning)lt_query_i64(&q, 1)};
    return true;
}

lt_status lt_index_bucket_get(lt_tx *tx, lt_text name, lt_index_bucket *out, lt_err *err)
{
    if (bucket_find(tx, name, out))
        return LT_OK;
    return lt_store_fail(err, LT_WHY_NO_SUCH_BUCKET, "there is no bucket '%.*s'", LT_ARG(name));
}

lt_status lt_index_bucket_info(lt_tx *tx, lt_text name, lt_arena *arena, lt_bucket_info *out,
                               lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT versioning, created_at_us FROM buckets WHERE name = ?", V(name));
    if (!lt_query_next(&q))
        return lt_store_fail(err, LT_WHY_NO_SUCH_BUCKET, "there is no bucket '%.*s'", LT_ARG(name));
    *out = (lt_bucket_info){.name = lt_arena_text(arena, name),
                            .versioning = (lt_versioning)lt_query_i64(&q, 0),
                            .created_at_us = lt_query_i64(&q, 1)};
    return LT_OK;
}

lt_status lt_index_bucket_create(lt_tx *tx, lt_text name, lt_versioning versioning,
                                 lt_index_bucket *out, lt_err *err)
{
    lt_index_bucket found;
    if (bucket_find(tx, name, &found))
        return lt_store_fail(err, LT_WHY_BUCKET_EXISTS, "the bucket '%.*s' is there already",
                             LT_ARG(name));
    LT_TRY(lt_tx_exec(tx, err,
                      "INSERT INTO buckets (name, versioning, created_at_us) VALUES (?, ?, ?)",
                      V(name), V(versioning), V(lt_now_us())));
    *out = (lt_index_bucket){.id = lt_tx_last_id(tx), .name = name, .versioning = versioning};
    return LT_OK;
}

lt_status lt_index_bucket_list(lt_tx *tx, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT name, versioning, created_at_us FROM buckets ORDER BY name");
    while (lt_query_next(&q)) {
        lt_bucket_info info = {.name = lt_query_text_in(&q, arena, 0),
                               .versioning = (lt_versioning)lt_query_i64(&q, 1),
                               .created_at_us = lt_query_i64(&q, 2)};
        lt_push_in(arena, out, info);
    }
    return lt_query_check(&q, err);
}

lt_status lt_index_bucket_set(lt_tx *tx, lt_text name, lt_versioning versioning, lt_err *err)
{
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, name, &bucket, err));
    if (versioning == bucket.versioning)
        return LT_OK;
    if (versioning == LT_UNVERSIONED) {
        lt_ignore(lt_store_fail(err, LT_WHY_BUCKET_STATE,
                                "the bucket '%.*s' has versions and cannot go back to having none",
                                LT_ARG(name)));
        return lt_hint(err, "suspend versioning instead");
    }
    return lt_tx_exec(tx, err, "UPDATE buckets SET versioning = ? WHERE id = ?", V(versioning),
                      V(bucket.id));
}

/* Commits of datasets go with their bucket, unless a run keeps one. */
static lt_status bucket_delete_datasets(lt_tx *tx, const lt_index_bucket *bucket, lt_err *err)
{
    LT_AUTO(lt_query)
    kept =
        lt_tx_query(tx,
                    "SELECT k.owner, d.prefix FROM keeps k JOIN datasets d ON d.id = k.dataset_id "
                    "WHERE d.bucket_id = ? LIMIT 1",
                    V(bucket->id));
    if (lt_query_next(&kept))
        return lt_store_fail(
            err, LT_WHY_BUCKET_NOT_EMPTY, "the run '%.*s' keeps '%.*s' in the bucket '%.*s'",
            LT_ARG(lt_query_text(&kept, 0)), LT_ARG(lt_query_text(&kept, 1)), LT_ARG(bucket->name));
    LT_VEC(int64_t) blobs = {0};
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx,
                        "SELECT DISTINCT f.blob_id FROM data_files f JOIN datasets d "
                        "ON d.id = f.dataset_id WHERE d.bucket_id = ?",
                        V(bucket->id));
        while (lt_query_next(&q))
            lt_push(&blobs, lt_query_i64(&q, 0));
    }
    lt_status status =
        lt_tx_exec(tx, err, "DELETE FROM datasets WHERE bucket_id = ?", V(bucket->id));
    for (size_t i = 0; status == LT_OK && i < blobs.len; i++)
        status = lt_index_blob_release(tx, blobs.items[i], err);
    lt_vec_free(&blobs);
    return status;
}

lt_status lt_index_bucket_delete(lt_tx *tx, lt_text name, lt_err *err)
{
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, name, &bucket, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT key FROM versions WHERE bucket_id = ? LIMIT 1", V(bucket.id));
    if (lt_query_next(&q)) {
        lt_ignore(lt_store_fail(err, LT_WHY_BUCKET_NOT_EMPTY,
                                "the bucket '%.*s' is not empty: it holds '%.*s'", LT_ARG(name),
                                LT_ARG(lt_query_text(&q, 0))));
        return lt_hint(err, "delete all versions and delete markers first");
    }
    LT_TRY(bucket_delete_datasets(tx, &bucket, err));
    return lt_tx_exec(tx, err, "DELETE FROM buckets WHERE id = ?", V(bucket.id));
}

/* ---------------------------------------------------------------- contents */

bool lt_index_blob_find(lt_tx *tx, lt_text sha256, lt_index_blob *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT id, place, size_bytes FROM blobs WHERE sha256 = ?",
                    LT_BLOB(sha256));
    if (!lt_query_next(&q))
        return false;
    *out = (lt_index_blob){.id = lt_query_i64(&q, 0),
                           .place = (lt_place)lt_query_i64(&q, 1),
                           .size_bytes = lt_query_i64(&q, 2)};
    return true;
}

static lt_status body_add(lt_tx *tx, const lt_staged *staged, int64_t blob_id, lt_err *err)
{
    return lt_tx_exec(tx, err, "INSERT INTO bodies (blob_id, body) VALUES (?, ?)", V(blob_id),
                      LT_BLOB(lt_buf_text(&staged->body)));
}

/* A known content is referred to again. One that was a file is no longer when its bytes are at hand: that file may be gone. */
static lt_status blob_revive(lt_tx *tx, const lt_staged *staged, lt_place place,
                             lt_index_blob *blob, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err,
                      "UPDATE blobs SET dead_at_us = NULL WHERE id = ? AND dead_at_us IS NOT NULL",
                      V(blob->id)));
    if (place != LT_PLACE_BODY || blob->place == LT_PLACE_BODY)
        return LT_OK;
    blob->place = LT_PLACE_BODY;
    LT_TRY(lt_tx_exec(tx, err, "UPDATE blobs SET place = ? WHERE id = ?", V(LT_PLACE_BODY),
                      V(blob->id)));
    return body_add(tx, staged, blob->id, err);
}

lt_status lt_index_blob_add(lt_tx *tx, lt_staged *staged, lt_place place, lt_index_blob *out,
                            lt_err *err)
{
    lt_text sha256 = lt_text_at(staged->sums.sha256, LT_SHA256_BYTES);
    if (lt_index_blob_find(tx, sha256, out)) {
        staged->blob_id = out->id;
        return blob_revive(tx, staged, place, out, err);
    }
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO blobs (sha256, size_bytes, place) VALUES (?, ?, ?)",
                      LT_BLOB(sha256), V(staged->size_bytes), V(place)));
    *out =
        (lt_index_blob){.id = lt_tx_last_id(tx), .place = place, .size_bytes = staged->size_bytes};
    staged->blob_id = out->id;
    return place == LT_PLACE_BODY ? body_add(tx, staged, out->id, err) : LT_OK;
}

lt_status lt_index_intent_add(lt_tx *tx, lt_text owner, lt_staged *staged, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "INSERT INTO intents (owner, blob_id) VALUES (?, ?)", V(owner),
                      V(staged->blob_id)));
    staged->intent_id = lt_tx_last_id(tx);
    return LT_OK;
}

lt_status lt_index_intent_settle(lt_tx *tx, const lt_staged *staged, lt_err *err)
{
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM intents WHERE id = ? AND blob_id = ?",
                      V(staged->intent_id), V(staged->blob_id)));
    if (lt_tx_changes(tx) != 1)
        return lt_fail(err, LT_IO, "the content to be stored was collected meanwhile; try again");
    return lt_tx_exec(tx, err, "UPDATE blobs SET place = ? WHERE id = ? AND place = ?",
                      V(LT_PLACE_FILE), V(staged->blob_id), V(LT_PLACE_EXPECTED));
}

lt_status lt_index_intent_drop(lt_tx *tx, int64_t intent_id, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT blob_id FROM intents WHERE id = ?", V(intent_id));
    if (!lt_query_next(&q))
        return lt_query_check(&q, err);
    int64_t blob_id = lt_query_i64(&q, 0);
    lt_query_cleanup(&q);
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM intents WHERE id = ?", V(intent_id)));
    return lt_index_blob_release(tx, blob_id, err);
}

lt_status lt_index_blob_release(lt_tx *tx, int64_t blob_id, lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT place FROM blobs b WHERE id = ? "
                    "AND NOT EXISTS (SELECT 1 FROM versions WHERE blob_id = b.id) "
                    "AND NOT EXISTS (SELECT 1 FROM data_files WHERE blob_id = b.id) "
                    "AND NOT EXISTS (SELECT 1 FROM intents WHERE blob_id = b.id)",
                    V(blob_id));
    if (!lt_query_next(&q))
        return lt_query_check(&q, err);
    lt_place place = (lt_place)lt_query_i64(&q, 0);
    lt_query_cleanup(&q);
    if (place != LT_PLACE_BODY)
        return lt_tx_exec(tx, err, "UPDATE blobs SET dead_at_us = ? WHERE id = ?", V(lt_now_us()),
                          V(blob_id));
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM bodies WHERE blob_id = ?", V(blob_id)));
    return lt_tx_exec(tx, err, "DELETE FROM blobs WHERE id = ?", V(blob_id));
}

/* ---------------------------------------------------------------- version ids */

static const lt_text null_id = {.ptr = "null", .len = 4};

static lt_text version_id_write(lt_arena *arena, int64_t sequence, int64_t nonce)
{
    char *id = lt_arena_format(arena, "%016llx%016llx", (unsigned long long)sequence,
                               (unsigned long long)nonce);
    return lt_text_of(id);
}

static int64_t big_endian(const char bytes[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return (int64_t)number;
}

bool lt_index_version_id_read(lt_text id, int64_t *sequence, int64_t *nonce)
{
    char bytes[16];
    if (!lt_hex_read(id, bytes, sizeof(bytes)))
        return false;
    *sequence = big_endian(bytes);
    *nonce = big_endian(bytes + 8);
    return *sequence > 0;
}

/* ---------------------------------------------------------------- reading versions */

static lt_text hex_in(lt_arena *arena, lt_text bytes)
{
    char *out = lt_alloc(arena, 2 * bytes.len + 1);
    return lt_text_of(lt_hex_write(bytes, out));
}

void lt_index_version_read(const lt_query *query, lt_arena *arena, lt_index_version *out)
{
    int64_t sequence = lt_query_i64(query, 0), nonce = lt_query_i64(query, 1);
    bool is_null = lt_query_i64(query, 2) != 0;
    *out = (lt_index_version){
        .sequence = sequence,
        .blob_id = lt_query_i64(query, 4),
        .place = (lt_place)lt_query_i64(query, 11),
        .is_null = is_null,
        .info = {.key = lt_query_text_in(query, arena, 5),
                 .version_id = is_null ? null_id : version_id_write(arena, sequence, nonce),
                 .etag = lt_query_text_in(query, arena, 6),
                 .meta.content_type = lt_query_text_in(query, arena, 7),
                 .sha256 = hex_in(arena, lt_query_text(query, 9)),
                 .size_bytes = lt_query_i64(query, 10),
                 .written_at_us = lt_query_i64(query, 8),
                 .is_marker = lt_query_is_null(query, 4),
                 .is_current = lt_query_i64(query, 3) != 0},
    };
}

#define FROM_VERSIONS                                                                              \
    "SELECT " LT_INDEX_VERSION_COLUMNS " FROM versions v LEFT JOIN blobs b ON b.id = v.blob_id "

static void read_first(lt_query *query, lt_arena *arena, lt_index_version *out)
{
    *out = (lt_index_version){0};
    if (lt_query_next(query))
        lt_index_version_read(query, arena, out);
}

static void find_current(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                         lt_index_version *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    FROM_VERSIONS "WHERE v.bucket_id = ? AND v.key = ? "
                                  "ORDER BY v.sequence DESC LIMIT 1",
                    V(bucket->id), V(key));
    read_first(&q, arena, out);
}

static void find_null(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                      lt_index_version *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, FROM_VERSIONS "WHERE v.bucket_id = ? AND v.key = ? AND v.is_null = 1",
                    V(bucket->id), V(key));
    read_first(&q, arena, out);
}

void lt_index_version_find(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                           lt_text version_id, lt_arena *arena, lt_index_version *out)
{
    int64_t sequence, nonce;
    *out = (lt_index_version){0};
    if (!version_id.len) {
        find_current(tx, bucket, key, arena, out);
    } else if (lt_text_eq(version_id, null_id)) {
        find_null(tx, bucket, key, arena, out);
    } else if (lt_index_version_id_read(version_id, &sequence, &nonce)) {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx,
                        FROM_VERSIONS "WHERE v.sequence = ? AND v.nonce = ? AND v.bucket_id = ? "
                                      "AND v.key = ? AND v.is_null = 0",
                        V(sequence), V(nonce), V(bucket->id), V(key));
        read_first(&q, arena, out);
    }
}

lt_status lt_index_version_get(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                               lt_text version_id, lt_arena *arena, lt_index_version *out,
                               lt_err *err)
{
    lt_index_version_find(tx, bucket, key, version_id, arena, out);
    if (!out->sequence && version_id.len)
        return lt_store_fail(err, LT_WHY_NO_SUCH_VERSION,
                             "there is no version '%.*s' of '%.*s/%.*s'", LT_ARG(version_id),
                             LT_ARG(bucket->name), LT_ARG(key));
    if (!out->sequence)
        return lt_store_fail(err, LT_WHY_NO_SUCH_KEY, "there is no object '%.*s/%.*s'",
                             LT_ARG(bucket->name), LT_ARG(key));
    if (!version_id.len && out->info.is_marker) {
        lt_ignore(
            lt_store_fail(err, LT_WHY_NO_SUCH_KEY,
                          "'%.*s/%.*s' was deleted: its current version '%.*s' is a delete marker",
                          LT_ARG(bucket->name), LT_ARG(key), LT_ARG(out->info.version_id)));
        return lt_hint(err, "restore it, or name an older version");
    }
    return LT_OK;
}

/* ---------------------------------------------------------------- writing versions */

static lt_status check_when(const lt_index_bucket *bucket, lt_text key, const lt_when *when,
                            const lt_index_version *current, lt_err *err)
{
    bool there = current->sequence && !current->info.is_marker;
    if (when && when->absent && there)
        return lt_store_fail(err, LT_WHY_PRECONDITION, "'%.*s/%.*s' is there already",
                             LT_ARG(bucket->name), LT_ARG(key));
    if (!when || !when->etag.len)
        return LT_OK;
    if (!there)
        return lt_store_fail(err, LT_WHY_NO_SUCH_KEY, "there is no object '%.*s/%.*s'",
                             LT_ARG(bucket->name), LT_ARG(key));
    if (lt_text_eq(when->etag, T("*")) || lt_text_eq(when->etag, current->info.etag))
        return LT_OK;
    return lt_store_fail(err, LT_WHY_PRECONDITION, "'%.*s/%.*s' has the ETag '%.*s', not '%.*s'",
                         LT_ARG(bucket->name), LT_ARG(key), LT_ARG(current->info.etag),
                         LT_ARG(when->etag));
}

static lt_status remove_row(lt_tx *tx, const lt_index_version *version, lt_err *err)
{
    return lt_tx_exec(tx, err, "DELETE FROM versions WHERE sequence = ?", V(version->sequence));
}

static lt_status release(lt_tx *tx, const lt_index_version *version, lt_err *err)
{
    return version->blob_id ? lt_index_blob_release(tx, version->blob_id, err) : LT_OK;
}

static lt_status insert_row(lt_tx *tx, const lt_index_bucket *bucket, const lt_index_new *what,
                            lt_arena *arena, lt_index_version *made, lt_err *err)
{
    int64_t nonce;
    arc4random_buf(&nonce, sizeof(nonce));
    LT_TRY(lt_tx_exec(
        tx, err,
        "INSERT INTO versions (bucket_id, key, nonce, is_null, is_current, blob_id, etag, "
        "content_type, written_at_us) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)",
        V(bucket->id), V(what->key), V(nonce), V(bucket->versioning != LT_VERSIONING_ENABLED),
        what->blob_id ? V(what->blob_id) : LT_NULL, V(what->etag), V(what->content_type),
        V(lt_now_us())));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, FROM_VERSIONS "WHERE v.sequence = ?", V(lt_tx_last_id(tx)));
    read_first(&q, arena, made);
    return lt_query_check(&q, err);
}

/* The new version becomes the current one; where versions are not kept, it takes the place of the null version. */
static lt_status add_version(lt_tx *tx, const lt_index_bucket *bucket, const lt_index_new *what,
                             const lt_index_version *current, lt_arena *arena,
                             lt_index_version *made, lt_err *err)
{
    lt_index_version old = {0};
    if (current->sequence && current->is_null)
        old = *current;
    else if (current->sequence && bucket->versioning != LT_VERSIONING_ENABLED)
        find_null(tx, bucket, what->key, arena, &old);
    if (bucket->versioning == LT_VERSIONING_ENABLED)
        old = (lt_index_version){0};

    if (old.sequence)
        LT_TRY(remove_row(tx, &old, err));
    if (current->sequence && current->sequence != old.sequence)
        LT_TRY(lt_tx_exec(tx, err, "UPDATE versions SET is_current = 0 WHERE sequence = ?",
                          V(current->sequence)));
    LT_TRY(insert_row(tx, bucket, what, arena, made, err));
    return release(tx, &old, err); /* last: the new version may hold the same content */
}

lt_status lt_index_put(lt_tx *tx, const lt_index_bucket *bucket, const lt_index_new *what,
                       const lt_when *when, lt_arena *arena, lt_index_version *made, lt_err *err)
{
    lt_index_version current;
    find_current(tx, bucket, what->key, arena, &current);
    LT_TRY(check_when(bucket, what->key, when, &current, err));
    return add_version(tx, bucket, what, &current, arena, made, err);
}

/* Take a version out for good; if it was the current one, the next older becomes it. */
static lt_status remove_version(lt_tx *tx, const lt_index_bucket *bucket,
                                const lt_index_version *version, lt_err *err)
{
    LT_TRY(remove_row(tx, version, err));
    if (version->info.is_current)
        LT_TRY(lt_tx_exec(tx, err,
                          "UPDATE versions SET is_current = 1 WHERE sequence = (SELECT sequence "
                          "FROM versions WHERE bucket_id = ? AND key = ? "
                          "ORDER BY sequence DESC LIMIT 1)",
                          V(bucket->id), V(version->info.key)));
    return release(tx, version, err);
}

lt_status lt_index_delete(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_text version_id,
                          const lt_when *when, lt_arena *arena, lt_index_version *made, lt_err *err)
{
    lt_index_version current;
    find_current(tx, bucket, key, arena, &current);
    LT_TRY(check_when(bucket, key, when, &current, err));
    if (!version_id.len && bucket->versioning != LT_UNVERSIONED) {
        lt_index_new marker = {.key = key};
        return add_version(tx, bucket, &marker, &current, arena, made, err);
    }
    *made = current;
    if (version_id.len)
        lt_index_version_find(tx, bucket, key, version_id, arena, made);
    if (made->sequence)
        return remove_version(tx, bucket, made, err);
    made->info.key = lt_arena_text(arena, key);
    return LT_OK;
}

static void find_newest_data(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                             lt_index_version *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    FROM_VERSIONS "WHERE v.bucket_id = ? AND v.key = ? AND v.blob_id IS NOT NULL "
                                  "ORDER BY v.sequence DESC LIMIT 1",
                    V(bucket->id), V(key));
    read_first(&q, arena, out);
}

lt_status lt_index_restore(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                           lt_text version_id, lt_arena *arena, lt_index_version *made, lt_err *err)
{
    if (bucket->versioning == LT_UNVERSIONED)
        return lt_store_fail(err, LT_WHY_BUCKET_STATE,
                             "the bucket '%.*s' keeps no versions to restore from",
                             LT_ARG(bucket->name));
    lt_index_version old, current;
    if (version_id.len)
        LT_TRY(lt_index_version_get(tx, bucket, key, version_id, arena, &old, err));
    else
        find_newest_data(tx, bucket, key, arena, &old);
    if (!old.sequence)
        return lt_store_fail(err, LT_WHY_NO_SUCH_VERSION,
                             "there is no version of '%.*s/%.*s' to restore", LT_ARG(bucket->name),
                             LT_ARG(key));
    if (old.info.is_marker)
        return lt_fail(err, LT_INVALID, "version '%.*s' of '%.*s/%.*s' is a delete marker",
                       LT_ARG(version_id), LT_ARG(bucket->name), LT_ARG(key));
    *made = old;
    if (old.info.is_current)
        return LT_OK;
    find_current(tx, bucket, key, arena, &current);
    lt_index_new what = {.key = key,
                         .blob_id = old.blob_id,
                         .etag = old.info.etag,
                         .content_type = old.info.meta.content_type};
    return add_version(tx, bucket, &what, &current, arena, made, err);
}
