/* index.h - the store's index.db: buckets, versions, contents and datasets as rows, and S3's rules about them.
 *
 * Every call works in the caller's transaction. Texts that are given out live in the arena. Inside of store/ only. */
#pragma once
#include "db/db.h"
#include "store/store_ops.h"

typedef enum lt_place {
    LT_PLACE_EXPECTED, /* registered; a file may be there */
    LT_PLACE_FILE,     /* blobs/aa/bb/<sha256> */
    LT_PLACE_BODY,     /* in the table of bodies */
} lt_place;

/* ---- buckets ---- */

typedef struct lt_index_bucket {
    int64_t id;
    lt_text name; /* borrowed from who asked */
    lt_versioning versioning;
} lt_index_bucket;

LT_MUST_CHECK lt_status lt_index_bucket_get(lt_tx *tx, lt_text name, lt_index_bucket *out,
                                            lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_info(lt_tx *tx, lt_text name, lt_arena *arena,
                                             lt_bucket_info *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_create(lt_tx *tx, lt_text name, lt_versioning versioning,
                                               lt_index_bucket *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_list(lt_tx *tx, lt_arena *arena, lt_bucket_infos *out,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_set(lt_tx *tx, lt_text name, lt_versioning versioning,
                                            lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_delete(lt_tx *tx, lt_text name, lt_err *err);

/* ---- contents ---- */

typedef struct lt_index_blob {
    int64_t id;
    lt_place place;
    int64_t size_bytes;
} lt_index_blob;

/* False: not known. */
bool lt_index_blob_find(lt_tx *tx, lt_text sha256, lt_index_blob *out);
/* Register a content: from here on it is not collected. `body` is stored with it unless its place is a file. */
LT_MUST_CHECK lt_status lt_index_blob_add(lt_tx *tx, lt_staged *staged, lt_place place,
                                          lt_index_blob *out, lt_err *err);
/* Hold the content for `owner`; sets staged->intent_id. */
LT_MUST_CHECK lt_status lt_index_intent_add(lt_tx *tx, lt_text owner, lt_staged *staged,
                                            lt_err *err);
/* The content is where it belongs, and a version holds it from now on: LT_IO if the intent was lost. */
LT_MUST_CHECK lt_status lt_index_intent_settle(lt_tx *tx, const lt_staged *staged, lt_err *err);
LT_MUST_CHECK lt_status lt_index_intent_drop(lt_tx *tx, int64_t intent_id, lt_err *err);
/* Something stopped referring to the content: forget its body, or mark its file for collection, if that was the last. */
LT_MUST_CHECK lt_status lt_index_blob_release(lt_tx *tx, int64_t blob_id, lt_err *err);

/* ---- versions ---- */

typedef struct lt_index_version {
    int64_t sequence; /* 0: none */
    int64_t blob_id;  /* 0: a marker */
    lt_place place;
    bool is_null;
    lt_object_info info;
} lt_index_version;

#define LT_INDEX_VERSION_COLUMNS                                                                   \
    "v.sequence, v.nonce, v.is_null, v.is_current, v.blob_id, v.key, v.etag, v.content_type, "     \
    "v.written_at_us, b.sha256, b.size_bytes, b.place"
void lt_index_version_read(const lt_query *query, lt_arena *arena, lt_index_version *out);

/* A version id as the number that orders it; false when it is not one of ours. */
bool lt_index_version_id_read(lt_text id, int64_t *sequence, int64_t *nonce);

/* The named version; out->sequence is 0 when it is not there. */
void lt_index_version_find(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                           lt_text version_id, lt_arena *arena, lt_index_version *out);
/* The same; LT_NOT_FOUND when it is not there, or is a current marker (then *out is it). */
LT_MUST_CHECK lt_status lt_index_version_get(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                                             lt_text version_id, lt_arena *arena,
                                             lt_index_version *out, lt_err *err);

/* What a new version is made of; blob_id 0 makes a marker. */
typedef struct lt_index_new {
    lt_text key;
    int64_t blob_id;
    lt_text etag, content_type;
} lt_index_new;
/* Add a version by the rules of the bucket. `when` may be NULL. */
LT_MUST_CHECK lt_status lt_index_put(lt_tx *tx, const lt_index_bucket *bucket,
                                     const lt_index_new *what, const lt_when *when, lt_arena *arena,
                                     lt_index_version *made, lt_err *err);
LT_MUST_CHECK lt_status lt_index_delete(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                                        lt_text version_id, const lt_when *when, lt_arena *arena,
                                        lt_index_version *made, lt_err *err);
LT_MUST_CHECK lt_status lt_index_restore(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                                         lt_text version_id, lt_arena *arena,
                                         lt_index_version *made, lt_err *err);
LT_MUST_CHECK lt_status lt_index_list(lt_tx *tx, const lt_index_bucket *bucket,
                                      const lt_list_request *request, lt_arena *arena,
                                      lt_listing *out, lt_err *err);

/* ---- datasets ---- */

LT_MUST_CHECK lt_status lt_index_commit(lt_tx *tx, const lt_commit_request *request,
                                        lt_arena *arena, lt_commit_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_index_dataset_list(lt_tx *tx, lt_arena *arena, lt_dataset_infos *out,
                                              lt_err *err);
LT_MUST_CHECK lt_status lt_index_dataset_commit(lt_tx *tx, lt_text bucket, lt_text prefix,
                                                int64_t sequence, lt_arena *arena,
                                                lt_commit_info *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_dataset_pin(lt_tx *tx, lt_text bucket, lt_text prefix,
                                             int64_t since, int64_t sequence, lt_arena *arena,
                                             lt_view *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_dataset_forget(lt_tx *tx, lt_text bucket, lt_text prefix,
                                                int64_t before, int64_t *forgotten, lt_err *err);
LT_MUST_CHECK lt_status lt_index_keep(lt_tx *tx, lt_text owner, lt_text bucket, lt_text prefix,
                                      int64_t sequence, lt_err *err);
