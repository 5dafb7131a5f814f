/* Versions in the index, by S3's rules. */
#include "store/index.h"

#include "base/time.h"

#include <stdlib.h>

/* ---------------------------------------------------------------- version ids */

static const lt_text null_id = {.ptr = "null", .len = 4};

lt_text lt_index_version_id_write(lt_arena *arena, int64_t sequence, int64_t nonce)
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

enum { COLUMN_SUM = 16, COLUMN_NAME, COLUMN_META };

void lt_index_version_read(const lt_query *query, lt_arena *arena, lt_index_version *out)
{
    int64_t sequence = lt_query_i64(query, 0), nonce = lt_query_i64(query, 1);
    int64_t sum = lt_query_i64(query, 11);
    bool is_null = lt_query_i64(query, 2) != 0;
    *out = (lt_index_version){
        .sequence = sequence,
        .blob_id = lt_query_i64(query, 4),
        .list_id = lt_query_i64(query, 14),
        .replaced_at_us = lt_query_i64(query, 15),
        .is_null = is_null,
        .info = {.key = lt_query_text_in(query, arena, 5),
                 .version_id =
                     is_null ? null_id : lt_index_version_id_write(arena, sequence, nonce),
                 .etag = lt_query_text_in(query, arena, 6),
                 .meta = {.content_type = lt_query_text_in(query, arena, 7),
                          .storage_class = lt_query_text_in(query, arena, 10)},
                 .checksum = {.kind = (lt_sum_kind)(sum >> 1), .composite = (sum & 1) != 0},
                 .size_bytes = lt_query_i64(query, 9),
                 .written_at_us = lt_query_i64(query, 8),
                 .part_count = (int32_t)lt_query_i64(query, 12),
                 .tag_count = (int32_t)lt_query_i64(query, 13),
                 .is_marker = lt_query_is_null(query, 4),
                 .is_current = lt_query_i64(query, 3) != 0},
    };
}

/* What a listing does not tell. */
static void read_rest(const lt_query *query, lt_arena *arena, lt_index_version *out)
{
    lt_text name = lt_query_text(query, COLUMN_NAME);
    lt_object_info *info = &out->info;
    out->sum = lt_query_text_in(query, arena, COLUMN_SUM);
    info->checksum.value =
        lt_sum_text(arena, out->sum, info->checksum.composite ? info->part_count : 0);
    info->is_sealed = name.len == LT_BLOB_NAME_BYTES;
    if (!out->list_id)
        info->sha256 = hex_in(arena, lt_text_sub(name, 0, LT_SHA256_BYTES));
    lt_meta_read(lt_query_text(query, COLUMN_META), arena, &info->meta);
}

#define FROM_VERSIONS "SELECT " LT_INDEX_VERSION_COLUMNS " FROM versions v "
#define FROM_ALL                                                                                   \
    "SELECT " LT_INDEX_VERSION_COLUMNS ", b.sha256, d.meta FROM versions v "                       \
    "LEFT JOIN blobs b ON b.id = v.blob_id LEFT JOIN details d ON d.sequence = v.sequence "
#define IS_KEY "WHERE v.bucket_id = ? AND v.key = ? "
#define IS_CURRENT IS_KEY "ORDER BY v.sequence DESC LIMIT 1"
#define IS_NULL_VERSION IS_KEY "AND v.is_null = 1"
#define IS_NAMED IS_KEY "AND v.sequence = ? AND v.nonce = ? AND v.is_null = 0"

/* How much is to be known: as for a listing, or all. */
typedef enum depth { AS_LISTED, ALL_OF_IT } depth;

static void read_first(lt_query *query, depth how, lt_arena *arena, lt_index_version *out)
{
    *out = (lt_index_version){0};
    if (!lt_query_next(query))
        return;
    lt_index_version_read(query, arena, out);
    if (how == ALL_OF_IT)
        read_rest(query, arena, out);
}

static void find_by(lt_tx *tx, const char *const *queries, const lt_index_bucket *bucket,
                    lt_text key, depth how, lt_arena *arena, lt_index_version *out)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, queries[how], V(bucket->id), V(key));
    read_first(&q, how, arena, out);
}

static void find_current(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                         lt_index_version *out)
{
    static const char *const queries[] = {FROM_VERSIONS IS_CURRENT};
    find_by(tx, queries, bucket, key, AS_LISTED, arena, out);
}

static void find_null(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                      lt_index_version *out)
{
    static const char *const queries[] = {FROM_VERSIONS IS_NULL_VERSION};
    find_by(tx, queries, bucket, key, AS_LISTED, arena, out);
}

static void find(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_text version_id,
                 depth how, lt_arena *arena, lt_index_version *out)
{
    static const char *const current[] = {FROM_VERSIONS IS_CURRENT, FROM_ALL IS_CURRENT};
    static const char *const null_version[] = {FROM_VERSIONS IS_NULL_VERSION,
                                               FROM_ALL IS_NULL_VERSION};
    static const char *const named[] = {FROM_VERSIONS IS_NAMED, FROM_ALL IS_NAMED};
    int64_t sequence, nonce;
    *out = (lt_index_version){0};
    if (!version_id.len) {
        find_by(tx, current, bucket, key, how, arena, out);
    } else if (lt_text_eq(version_id, null_id)) {
        find_by(tx, null_version, bucket, key, how, arena, out);
    } else if (lt_index_version_id_read(version_id, &sequence, &nonce)) {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx, named[how], V(bucket->id), V(key), V(sequence), V(nonce));
        read_first(&q, how, arena, out);
    }
}

void lt_index_version_find(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                           lt_text version_id, lt_arena *arena, lt_index_version *out)
{
    find(tx, bucket, key, version_id, AS_LISTED, arena, out);
}

lt_status lt_index_version_get(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                               lt_text version_id, lt_arena *arena, lt_index_version *out,
                               lt_err *err)
{
    find(tx, bucket, key, version_id, ALL_OF_IT, arena, out);
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
    return lt_tx_check(tx, err);
}

lt_status lt_index_data_get(lt_tx *tx, const lt_object_name *name, lt_arena *arena,
                            lt_index_version *out, lt_err *err)
{
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, name->bucket, &bucket, err));
    LT_TRY(lt_index_version_get(tx, &bucket, name->key, name->version_id, arena, out, err));
    if (!out->info.is_marker)
        return LT_OK;
    return lt_store_fail(err, LT_WHY_IS_MARKER, "version '%.*s' of '%.*s/%.*s' is a delete marker",
                         LT_ARG(out->info.version_id), LT_ARG(name->bucket), LT_ARG(name->key));
}

/* ---------------------------------------------------------------- tags */

void lt_index_tags(lt_tx *tx, int64_t sequence, lt_arena *arena, lt_pairs *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT tags FROM details WHERE sequence = ?", V(sequence));
    if (lt_query_next(&q))
        lt_pairs_read(lt_query_text(&q, 0), arena, out);
}

lt_status lt_index_tags_set(lt_tx *tx, const lt_index_version *version, const lt_pairs *tags,
                            lt_err *err)
{
    LT_AUTO(lt_buf) bytes = {0};
    lt_pairs_write(tags, &bytes);
    LT_TRY(lt_tx_exec(tx, err, "UPDATE versions SET tag_count = ? WHERE sequence = ?", V(tags->len),
                      V(version->sequence)));
    return lt_tx_exec(tx, err,
                      "INSERT INTO details (sequence, meta, tags) VALUES (?, x'', ?) "
                      "ON CONFLICT (sequence) DO UPDATE SET tags = excluded.tags",
                      V(version->sequence), LT_BLOB(lt_buf_text(&bytes)));
}

/* ---------------------------------------------------------------- writing versions */

static lt_status check_when(const lt_index_bucket *bucket, lt_text key, const lt_when *when,
                            const lt_index_version *current, lt_err *err)
{
    bool there = current->sequence && !current->info.is_marker;
    if (when && when->absent && there)
        return lt_store_fail(err, LT_WHY_PRECONDITION, "'%.*s/%.*s' is there already",
                             LT_ARG(bucket->name), LT_ARG(key));
    if (when && when->not_etag.len && there && lt_text_eq(when->not_etag, current->info.etag))
        return lt_store_fail(err, LT_WHY_PRECONDITION, "'%.*s/%.*s' has the ETag '%.*s'",
                             LT_ARG(bucket->name), LT_ARG(key), LT_ARG(when->not_etag));
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
    if (version->list_id)
        LT_TRY(lt_index_list_release(tx, version->list_id, err));
    return version->blob_id ? lt_index_blob_release(tx, version->blob_id, err) : LT_OK;
}

static lt_status details_add(lt_tx *tx, int64_t sequence, const lt_index_new *what, lt_err *err)
{
    LT_AUTO(lt_buf) meta = {0};
    LT_AUTO(lt_buf) tags = {0};
    if (what->meta)
        lt_meta_write(what->meta, &meta);
    if (what->tags)
        lt_pairs_write(what->tags, &tags);
    if (!meta.len && !tags.len)
        return LT_OK;
    return lt_tx_exec(tx, err, "INSERT INTO details (sequence, meta, tags) VALUES (?, ?, ?)",
                      V(sequence), LT_BLOB(lt_buf_text(&meta)), LT_BLOB(lt_buf_text(&tags)));
}

/* What was made, as a reader would find it. */
static void describe(const lt_index_bucket *bucket, const lt_index_new *what, int64_t nonce,
                     lt_arena *arena, lt_index_version *made)
{
    made->blob_id = what->blob_id;
    made->list_id = what->list_id;
    made->is_null = bucket->versioning != LT_VERSIONING_ENABLED;
    made->info = (lt_object_info){
        .key = lt_arena_text(arena, what->key),
        .version_id =
            made->is_null ? null_id : lt_index_version_id_write(arena, made->sequence, nonce),
        .etag = lt_arena_text(arena, what->etag),
        .checksum = {.kind = what->sum_kind,
                     .composite = what->sum_composite,
                     .value =
                         lt_sum_text(arena, what->sum, what->sum_composite ? what->part_count : 0)},
        .size_bytes = what->size_bytes,
        .part_count = what->part_count,
        .tag_count = what->tags ? (int32_t)what->tags->len : 0,
        .is_marker = !what->blob_id,
        .is_current = true};
    if (what->meta)
        made->info.meta = *what->meta;
    made->info.meta.content_type = lt_arena_text(arena, made->info.meta.content_type);
}

static lt_status insert_row(lt_tx *tx, const lt_index_bucket *bucket, const lt_index_new *what,
                            lt_arena *arena, lt_index_version *made, lt_err *err)
{
    int64_t nonce, now_us = lt_now_us();
    lt_text type = what->meta ? what->meta->content_type : (lt_text){0};
    lt_text class = what->meta ? what->meta->storage_class : (lt_text){0};
    arc4random_buf(&nonce, sizeof(nonce));
    LT_TRY(lt_tx_exec(
        tx, err,
        "INSERT INTO versions (bucket_id, key, nonce, is_null, is_current, blob_id, etag, "
        "content_type, written_at_us, size_bytes, list_id, part_count, storage_class, sum_kind, "
        "sum, tag_count) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        V(bucket->id), V(what->key), V(nonce), V(bucket->versioning != LT_VERSIONING_ENABLED),
        what->blob_id ? V(what->blob_id) : LT_NULL, V(what->etag), V(type), V(now_us),
        V(what->size_bytes), what->list_id ? V(what->list_id) : LT_NULL, V(what->part_count),
        V(class), V(what->sum_kind * 2 + what->sum_composite),
        what->sum.len ? LT_BLOB(what->sum) : LT_NULL, V(what->tags ? what->tags->len : 0)));
    *made = (lt_index_version){.sequence = lt_tx_last_id(tx)};
    describe(bucket, what, nonce, arena, made);
    made->info.written_at_us = now_us;
    return details_add(tx, made->sequence, what, err);
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
        LT_TRY(lt_tx_exec(
            tx, err, "UPDATE versions SET is_current = 0, replaced_at_us = ? WHERE sequence = ?",
            V(lt_now_us()), V(current->sequence)));
    LT_TRY(insert_row(tx, bucket, what, arena, made, err));
    LT_TRY(lt_index_event_add(tx, bucket, &made->info,
                              what->blob_id ? LT_EVENT_CREATED : LT_EVENT_MARKER_CREATED,
                              &what->cause, err));
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

lt_status lt_index_version_remove(lt_tx *tx, const lt_index_bucket *bucket,
                                  const lt_index_version *version, const lt_index_cause *cause,
                                  lt_err *err)
{
    LT_TRY(remove_row(tx, version, err));
    if (version->info.is_current)
        LT_TRY(lt_tx_exec(tx, err,
                          "UPDATE versions SET is_current = 1, replaced_at_us = NULL "
                          "WHERE sequence = (SELECT sequence "
                          "FROM versions WHERE bucket_id = ? AND key = ? "
                          "ORDER BY sequence DESC LIMIT 1)",
                          V(bucket->id), V(version->info.key)));
    LT_TRY(lt_index_event_add(tx, bucket, &version->info, LT_EVENT_DELETED, cause, err));
    return release(tx, version, err);
}

lt_status lt_index_delete(lt_tx *tx, const lt_index_bucket *bucket, const lt_index_target *what,
                          lt_arena *arena, lt_index_version *made, lt_err *err)
{
    lt_index_version current;
    find_current(tx, bucket, what->key, arena, &current);
    LT_TRY(check_when(bucket, what->key, what->when, &current, err));
    if (!what->version_id.len && bucket->versioning != LT_UNVERSIONED) {
        lt_index_new marker = {.key = what->key, .cause = what->cause};
        return add_version(tx, bucket, &marker, &current, arena, made, err);
    }
    *made = current;
    if (what->version_id.len)
        lt_index_version_find(tx, bucket, what->key, what->version_id, arena, made);
    if (made->sequence)
        return lt_index_version_remove(tx, bucket, made, &what->cause, err);
    made->info.key = lt_arena_text(arena, what->key);
    return lt_tx_check(tx, err);
}

static void find_newest_data(lt_tx *tx, const lt_index_bucket *bucket, lt_text key, lt_arena *arena,
                             lt_index_version *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    FROM_ALL IS_KEY "AND v.blob_id IS NOT NULL ORDER BY v.sequence DESC LIMIT 1",
                    V(bucket->id), V(key));
    read_first(&q, ALL_OF_IT, arena, out);
}

lt_index_new lt_index_again(const lt_index_version *old, const lt_pairs *tags)
{
    return (lt_index_new){.key = old->info.key,
                          .blob_id = old->blob_id,
                          .list_id = old->list_id,
                          .size_bytes = old->info.size_bytes,
                          .etag = old->info.etag,
                          .meta = &old->info.meta,
                          .tags = tags,
                          .sum_kind = old->info.checksum.kind,
                          .sum_composite = old->info.checksum.composite,
                          .sum = old->sum,
                          .part_count = old->info.part_count,
                          .cause.reason = "CopyObject"};
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
    lt_pairs tags = {0};
    lt_index_tags(tx, old.sequence, arena, &tags);
    lt_index_new what = lt_index_again(&old, &tags);
    what.key = key;
    LT_TRY(add_version(tx, bucket, &what, &current, arena, made, err));
    made->info.sha256 = old.info.sha256;
    made->info.is_sealed = old.info.is_sealed;
    return LT_OK;
}
