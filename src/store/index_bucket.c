/* Buckets in the index, and what belongs to them: documents, lifecycle rules; small facts of the store. */
#include "store/index.h"

#include "base/time.h"

/* ---------------------------------------------------------------- small facts */

int64_t lt_index_setting(lt_tx *tx, const char *name, int64_t otherwise)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT value FROM settings WHERE name = ?", V(name));
    return lt_query_next(&q) ? lt_query_i64(&q, 0) : otherwise;
}

lt_status lt_index_setting_set(lt_tx *tx, const char *name, int64_t value, lt_err *err)
{
    return lt_tx_exec(tx, err, "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
                      V(name), V(value));
}

/* ---------------------------------------------------------------- names and values */

void lt_pairs_write(const lt_pairs *pairs, lt_buf *out)
{
    for (size_t i = 0; i < pairs->len; i++) {
        lt_buf_add(out, pairs->items[i].name);
        lt_buf_add_byte(out, '\0');
        lt_buf_add(out, pairs->items[i].value);
        lt_buf_add_byte(out, '\0');
    }
}

void lt_pairs_read(lt_text bytes, lt_arena *arena, lt_pairs *out)
{
    lt_text rest = lt_arena_text(arena, bytes);
    lt_pair pair;
    while (rest.len && lt_text_cut(&rest, '\0', &pair.name) &&
           lt_text_cut(&rest, '\0', &pair.value))
        lt_push_in(arena, out, pair);
}

/* A name that no user metadata can have stands for a header. */
enum { HEADERS = 6 };
static const char *const header_names[HEADERS] = {":cache",    ":disposition", ":encoding",
                                                  ":language", ":expires",     ":redirect"};

static void list_headers(lt_object_meta *meta, lt_text *values[HEADERS])
{
    values[0] = &meta->cache_control;
    values[1] = &meta->content_disposition;
    values[2] = &meta->content_encoding;
    values[3] = &meta->content_language;
    values[4] = &meta->expires;
    values[5] = &meta->website_redirect;
}

void lt_meta_write(const lt_object_meta *meta, lt_buf *out)
{
    lt_object_meta copy = *meta;
    lt_text *values[HEADERS];
    list_headers(&copy, values);
    for (size_t i = 0; i < HEADERS; i++) {
        lt_pair pair = {.name = lt_text_of(header_names[i]), .value = *values[i]};
        if (pair.value.len)
            lt_pairs_write(&(lt_pairs){.items = &pair, .len = 1}, out);
    }
    lt_pairs_write(&meta->user, out);
}

void lt_meta_read(lt_text bytes, lt_arena *arena, lt_object_meta *out)
{
    lt_pairs all = {0};
    lt_text *values[HEADERS];
    list_headers(out, values);
    lt_pairs_read(bytes, arena, &all);
    for (size_t i = 0; i < all.len; i++) {
        const lt_pair *pair = &all.items[i];
        bool header = false;
        for (size_t j = 0; j < HEADERS; j++) {
            if (!lt_text_eq(pair->name, lt_text_of(header_names[j])))
                continue;
            *values[j] = pair->value;
            header = true;
        }
        if (!header)
            lt_push_in(arena, &out->user, *pair);
    }
}

/* ---------------------------------------------------------------- buckets */

static bool bucket_find(lt_tx *tx, lt_text name, lt_index_bucket *out)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT id, versioning, sealed FROM buckets WHERE name = ?", V(name));
    if (!lt_query_next(&q))
        return false;
    *out = (lt_index_bucket){.id = lt_query_i64(&q, 0),
                             .name = name,
                             .versioning = (lt_versioning)lt_query_i64(&q, 1),
                             .sealed = lt_query_i64(&q, 2) != 0};
    return true;
}

static lt_text name_at(const void *context, size_t i)
{
    return ((const lt_bucket_infos *)context)->items[i].name;
}

/* The nearest name; a store has a few thousand buckets at most, and of more the first are enough for a slip. */
static void hint_bucket(lt_tx *tx, lt_text name, lt_err *err)
{
    LT_AUTO(lt_arena) arena = {0};
    lt_bucket_infos all = {0};
    lt_text nearest;
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT name FROM buckets ORDER BY name LIMIT 1000");
    while (lt_query_next(&q)) {
        lt_bucket_info info = {.name = lt_query_text_in(&q, &arena, 0)};
        lt_push_in(&arena, &all, info);
    }
    if (lt_text_nearest(name, all.len, name_at, &all, &nearest))
        lt_ignore(lt_hint(err, "did you mean '%.*s'?", LT_ARG(nearest)));
    else
        lt_ignore(lt_hint(err, "make it: leat store mb %.*s", LT_ARG(name)));
}

static lt_status fail_no_bucket(lt_tx *tx, lt_text name, lt_err *err)
{
    lt_status status =
        lt_store_fail(err, LT_WHY_NO_SUCH_BUCKET, "there is no bucket '%.*s'", LT_ARG(name));
    hint_bucket(tx, name, err);
    return status;
}

lt_status lt_index_bucket_get(lt_tx *tx, lt_text name, lt_index_bucket *out, lt_err *err)
{
    if (bucket_find(tx, name, out))
        return LT_OK;
    return fail_no_bucket(tx, name, err);
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

#define INFO_COLUMNS "name, versioning, created_at_us, sealed"

static lt_bucket_info read_info(const lt_query *q, lt_arena *arena)
{
    return (lt_bucket_info){.name = lt_query_text_in(q, arena, 0),
                            .versioning = (lt_versioning)lt_query_i64(q, 1),
                            .created_at_us = lt_query_i64(q, 2),
                            .sealed = lt_query_i64(q, 3) != 0};
}

lt_status lt_index_bucket_info(lt_tx *tx, lt_text name, lt_arena *arena, lt_bucket_info *out,
                               lt_err *err)
{
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT " INFO_COLUMNS " FROM buckets WHERE name = ?", V(name));
    if (!lt_query_next(&q))
        return fail_no_bucket(tx, name, err);
    *out = read_info(&q, arena);
    return LT_OK;
}

lt_status lt_index_bucket_list(lt_tx *tx, lt_arena *arena, lt_bucket_infos *out, lt_err *err)
{
    LT_AUTO(lt_query) q = lt_tx_query(tx, "SELECT " INFO_COLUMNS " FROM buckets ORDER BY name");
    while (lt_query_next(&q)) {
        lt_bucket_info info = read_info(&q, arena);
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

lt_status lt_index_bucket_set_sealed(lt_tx *tx, lt_text name, bool sealed, lt_err *err)
{
    lt_index_bucket bucket;
    LT_TRY(lt_index_bucket_get(tx, name, &bucket, err));
    return lt_tx_exec(tx, err, "UPDATE buckets SET sealed = ? WHERE id = ?", V(sealed),
                      V(bucket.id));
}

typedef LT_VEC(int64_t) ids;

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
    ids blobs = {0};
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

/* Unfinished uploads go with it, as on S3. Finished ones have lost their versions by now; the parts stay for copies elsewhere. */
static lt_status bucket_delete_uploads(lt_tx *tx, const lt_index_bucket *bucket, lt_err *err)
{
    ids uploads = {0};
    {
        LT_AUTO(lt_query)
        q = lt_tx_query(tx, "SELECT id FROM uploads WHERE bucket_id = ?", V(bucket->id));
        while (lt_query_next(&q))
            lt_push(&uploads, lt_query_i64(&q, 0));
    }
    lt_status status = LT_OK;
    for (size_t i = 0; status == LT_OK && i < uploads.len; i++)
        status = lt_index_upload_drop(tx, uploads.items[i], err);
    lt_vec_free(&uploads);
    if (status != LT_OK)
        return status;
    return lt_tx_exec(tx, err, "DELETE FROM uploads WHERE bucket_id = ?", V(bucket->id));
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
    lt_query_cleanup(&q);
    LT_TRY(bucket_delete_datasets(tx, &bucket, err));
    LT_TRY(bucket_delete_uploads(tx, &bucket, err));
    return lt_tx_exec(tx, err, "DELETE FROM buckets WHERE id = ?", V(bucket.id));
}

/* ---------------------------------------------------------------- documents */

lt_status lt_index_doc_set(lt_tx *tx, lt_text bucket, lt_text kind, lt_text body, lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    if (!body.len)
        return lt_tx_exec(tx, err, "DELETE FROM bucket_docs WHERE bucket_id = ? AND kind = ?",
                          V(found.id), V(kind));
    return lt_tx_exec(tx, err,
                      "INSERT OR REPLACE INTO bucket_docs (bucket_id, kind, body) VALUES (?, ?, ?)",
                      V(found.id), V(kind), LT_BLOB(body));
}

lt_status lt_index_doc_get(lt_tx *tx, lt_text bucket, lt_text kind, lt_arena *arena, lt_text *body,
                           lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx, "SELECT body FROM bucket_docs WHERE bucket_id = ? AND kind = ?",
                    V(found.id), V(kind));
    if (!lt_query_next(&q))
        return lt_store_fail(err, LT_WHY_NO_SUCH_DOCUMENT, "the bucket '%.*s' has no %.*s",
                             LT_ARG(bucket), LT_ARG(kind));
    *body = lt_query_text_in(&q, arena, 0);
    return LT_OK;
}

/* ---------------------------------------------------------------- lifecycle rules */

static lt_status rule_add(lt_tx *tx, const lt_index_bucket *bucket, size_t place,
                          const lt_lifecycle_rule *rule, lt_err *err)
{
    LT_AUTO(lt_buf) tags = {0};
    lt_pairs_write(&rule->tags, &tags);
    return lt_tx_exec(tx, err, "INSERT INTO lifecycle_rules VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                      V(bucket->id), V(place), V(rule->id), V(rule->enabled), V(rule->prefix),
                      LT_BLOB(lt_buf_text(&tags)), V(rule->larger_than), V(rule->smaller_than),
                      V(rule->expire_days), V(rule->expire_at_us), V(rule->expire_markers),
                      V(rule->old_days), V(rule->old_kept), V(rule->abort_days),
                      V(rule->legacy_prefix));
}

lt_status lt_index_rules_set(lt_tx *tx, lt_text bucket, const lt_lifecycle *rules, lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    LT_TRY(lt_tx_exec(tx, err, "DELETE FROM lifecycle_rules WHERE bucket_id = ?", V(found.id)));
    for (size_t i = 0; i < rules->len; i++)
        LT_TRY(rule_add(tx, &found, i, &rules->items[i], err));
    return LT_OK;
}

lt_status lt_index_rules_get(lt_tx *tx, lt_text bucket, lt_arena *arena, lt_lifecycle *out,
                             lt_err *err)
{
    lt_index_bucket found;
    LT_TRY(lt_index_bucket_get(tx, bucket, &found, err));
    LT_AUTO(lt_query)
    q = lt_tx_query(tx,
                    "SELECT rule_id, enabled, prefix, tags, larger_than, smaller_than, "
                    "expire_days, expire_at_us, expire_markers, old_days, old_kept, abort_days, "
                    "legacy_prefix FROM lifecycle_rules WHERE bucket_id = ? ORDER BY place",
                    V(found.id));
    while (lt_query_next(&q)) {
        lt_lifecycle_rule rule = {.id = lt_query_text_in(&q, arena, 0),
                                  .enabled = lt_query_i64(&q, 1) != 0,
                                  .prefix = lt_query_text_in(&q, arena, 2),
                                  .larger_than = lt_query_i64(&q, 4),
                                  .smaller_than = lt_query_i64(&q, 5),
                                  .expire_days = (int32_t)lt_query_i64(&q, 6),
                                  .expire_at_us = lt_query_i64(&q, 7),
                                  .expire_markers = lt_query_i64(&q, 8) != 0,
                                  .old_days = (int32_t)lt_query_i64(&q, 9),
                                  .old_kept = (int32_t)lt_query_i64(&q, 10),
                                  .abort_days = (int32_t)lt_query_i64(&q, 11),
                                  .legacy_prefix = lt_query_i64(&q, 12) != 0};
        lt_pairs_read(lt_query_text(&q, 3), arena, &rule.tags);
        lt_push_in(arena, out, rule);
    }
    return lt_query_check(&q, err);
}
