/* index.h - the store's index.db: everything that is known, as rows, and S3's rules about them.
 *
 * Every call works in the caller's transaction. Texts that are given out live in the arena. Inside of store/ only. */
#pragma once
#include "db/db.h"
#include "store/checksum.h"
#include "store/store_ops.h"

typedef enum lt_place {
    LT_PLACE_EXPECTED, /* registered; a file may be there */
    LT_PLACE_FILE,     /* blobs/aa/bb/<name> */
    LT_PLACE_BODY,     /* in the table of bodies */
} lt_place;

/* ---- small facts (index_bucket.c) ---- */

int64_t lt_index_setting(lt_tx *tx, const char *name, int64_t otherwise);
LT_MUST_CHECK lt_status lt_index_setting_set(lt_tx *tx, const char *name, int64_t value,
                                             lt_err *err);

/* ---- buckets (index_bucket.c) ---- */

typedef struct lt_index_bucket {
    int64_t id;
    lt_text name; /* borrowed from who asked */
    lt_versioning versioning;
    bool sealed;
} lt_index_bucket;

LT_MUST_CHECK lt_status lt_index_bucket_get(lt_tx *tx, lt_text name, lt_index_bucket *out,
                                            lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_create(lt_tx *tx, lt_text name, lt_versioning versioning,
                                               lt_index_bucket *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_info(lt_tx *tx, lt_text name, lt_arena *arena,
                                             lt_bucket_info *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_list(lt_tx *tx, lt_arena *arena, lt_bucket_infos *out,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_set(lt_tx *tx, lt_text name, lt_versioning versioning,
                                            lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_set_sealed(lt_tx *tx, lt_text name, bool sealed,
                                                   lt_err *err);
LT_MUST_CHECK lt_status lt_index_bucket_delete(lt_tx *tx, lt_text name, lt_err *err);

LT_MUST_CHECK lt_status lt_index_doc_set(lt_tx *tx, lt_text bucket, lt_text kind, lt_text body,
                                         lt_err *err);
LT_MUST_CHECK lt_status lt_index_doc_get(lt_tx *tx, lt_text bucket, lt_text kind, lt_arena *arena,
                                         lt_text *body, lt_err *err);
LT_MUST_CHECK lt_status lt_index_rules_set(lt_tx *tx, lt_text bucket, const lt_lifecycle *rules,
                                           lt_err *err);
LT_MUST_CHECK lt_status lt_index_rules_get(lt_tx *tx, lt_text bucket, lt_arena *arena,
                                           lt_lifecycle *out, lt_err *err);

/* ---- lists of names and values as bytes (index_bucket.c) ---- */

/* Each name and value with a NUL behind. */
void lt_pairs_write(const lt_pairs *pairs, lt_buf *out);
void lt_pairs_read(lt_text bytes, lt_arena *arena, lt_pairs *out);
/* The headers and user metadata that have no column of their own. */
void lt_meta_write(const lt_object_meta *meta, lt_buf *out);
void lt_meta_read(lt_text bytes, lt_arena *arena, lt_object_meta *out);

/* ---- contents (index_blob.c) ---- */

enum { LT_BLOB_NAME_BYTES = LT_SHA256_BYTES + LT_SEAL_SALT_BYTES, LT_SEAL_BYTES = 72 };

/* Of a content: its SHA-256; of an encrypted one with a salt behind, because each is other bytes, under its own key. */
typedef struct lt_blob_name {
    char bytes[LT_BLOB_NAME_BYTES];
    uint8_t len; /* 0: none */
} lt_blob_name;
lt_blob_name lt_blob_name_of(const lt_staged *staged);
bool lt_blob_name_read(lt_text bytes, lt_blob_name *out); /* false: no such name */
static inline lt_text lt_blob_name_text(const lt_blob_name *name)
{
    return lt_text_at(name->bytes, name->len);
}
static inline bool lt_blob_name_is_sealed(const lt_blob_name *name)
{
    return name->len == LT_BLOB_NAME_BYTES;
}

typedef struct lt_index_blob {
    int64_t id;
    lt_place place;
    int64_t size_bytes; /* of the content; a sealed one takes more */
    lt_blob_name name;
    char seal[LT_SEAL_BYTES]; /* of a sealed one */
} lt_index_blob;

/* False: not known. */
bool lt_index_blob_find(lt_tx *tx, lt_text name, lt_index_blob *out);
/* With its body, if that is in the index. */
bool lt_index_blob_at(lt_tx *tx, int64_t id, lt_arena *arena, lt_index_blob *out, lt_text *body);
/* Register a content: from here on it is not collected. staged->body is stored with it unless its place is a file. */
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
/* The same for a list of parts: if neither a version nor an open upload has it any more, its parts go. */
LT_MUST_CHECK lt_status lt_index_list_release(lt_tx *tx, int64_t list_id, lt_err *err);
/* What no version, commit, part or intent refers to, as SQL about the blob `b`. */
#define LT_INDEX_BLOB_IS_FREE                                                                      \
    "NOT EXISTS (SELECT 1 FROM versions WHERE blob_id = b.id) "                                    \
    "AND NOT EXISTS (SELECT 1 FROM data_files WHERE blob_id = b.id) "                              \
    "AND NOT EXISTS (SELECT 1 FROM parts WHERE blob_id = b.id) "                                   \
    "AND NOT EXISTS (SELECT 1 FROM intents WHERE blob_id = b.id) "

/* ---- versions (index.c) ---- */

typedef struct lt_index_version {
    int64_t sequence; /* 0: none */
    int64_t blob_id;  /* 0: a marker */
    int64_t list_id;  /* 0: not made of parts */
    int64_t replaced_at_us;
    bool is_null;
    lt_object_info info;
    lt_text sum; /* raw */
} lt_index_version;

#define LT_INDEX_VERSION_COLUMNS                                                                   \
    "v.sequence, v.nonce, v.is_null, v.is_current, v.blob_id, v.key, v.etag, v.content_type, "     \
    "v.written_at_us, v.size_bytes, v.storage_class, v.sum_kind, v.part_count, v.tag_count, "      \
    "v.list_id, v.replaced_at_us, v.sum"
/* A row of these columns, as for a listing. */
void lt_index_version_read(const lt_query *query, lt_arena *arena, lt_index_version *out);

/* A version id as the number that orders it; false when it is not one of ours. */
bool lt_index_version_id_read(lt_text id, int64_t *sequence, int64_t *nonce);
lt_text lt_index_version_id_write(lt_arena *arena, int64_t sequence, int64_t nonce);

/* The named version as for a listing; out->sequence is 0 when it is not there. */
void lt_index_version_find(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                           lt_text version_id, lt_arena *arena, lt_index_version *out);
/* All that is known of the named version; LT_NOT_FOUND when it is not there, or is a current marker (then *out is it). */
LT_MUST_CHECK lt_status lt_index_version_get(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                                             lt_text version_id, lt_arena *arena,
                                             lt_index_version *out, lt_err *err);
/* The same, and it must be data: LT_WHY_IS_MARKER. */
LT_MUST_CHECK lt_status lt_index_data_get(lt_tx *tx, const lt_object_name *name, lt_arena *arena,
                                          lt_index_version *out, lt_err *err);
/* Read its tags. */
void lt_index_tags(lt_tx *tx, int64_t sequence, lt_arena *arena, lt_pairs *out);
LT_MUST_CHECK lt_status lt_index_tags_set(lt_tx *tx, const lt_index_version *version,
                                          const lt_pairs *tags, lt_err *err);

/* Why a version comes or goes, for its event. */
typedef struct lt_index_cause {
    const char *reason;      /* when the origin names none */
    const lt_origin *origin; /* may be NULL */
} lt_index_cause;

/* What a new version is made of; blob_id 0 makes a marker. */
typedef struct lt_index_new {
    lt_text key;
    int64_t blob_id, list_id, size_bytes;
    lt_text etag;
    const lt_object_meta *meta; /* NULL: of a marker */
    const lt_pairs *tags;       /* may be NULL */
    lt_sum_kind sum_kind;
    bool sum_composite;
    lt_text sum; /* raw */
    int32_t part_count;
    lt_index_cause cause;
} lt_index_new;
/* What makes the same once more: content, headers, sums. */
lt_index_new lt_index_again(const lt_index_version *old, const lt_pairs *tags);
/* Add a version by the rules of the bucket. `when` may be NULL. made->info has no sha256 and is_sealed. */
LT_MUST_CHECK lt_status lt_index_put(lt_tx *tx, const lt_index_bucket *bucket,
                                     const lt_index_new *what, const lt_when *when, lt_arena *arena,
                                     lt_index_version *made, lt_err *err);
typedef struct lt_index_target {
    lt_text key, version_id;
    const lt_when *when; /* may be NULL */
    lt_index_cause cause;
} lt_index_target;
LT_MUST_CHECK lt_status lt_index_delete(lt_tx *tx, const lt_index_bucket *bucket,
                                        const lt_index_target *what, lt_arena *arena,
                                        lt_index_version *made, lt_err *err);
LT_MUST_CHECK lt_status lt_index_restore(lt_tx *tx, const lt_index_bucket *bucket, lt_text key,
                                         lt_text version_id, lt_arena *arena,
                                         lt_index_version *made, lt_err *err);
/* Take a version out for good, for retention; if it was the current one, the next older becomes it. */
LT_MUST_CHECK lt_status lt_index_version_remove(lt_tx *tx, const lt_index_bucket *bucket,
                                                const lt_index_version *version,
                                                const lt_index_cause *cause, lt_err *err);
LT_MUST_CHECK lt_status lt_index_list(lt_tx *tx, const lt_index_bucket *bucket,
                                      const lt_list_request *request, lt_arena *arena,
                                      lt_listing *out, lt_err *err);
/* The smallest text above all that start with `text`, which is not empty. */
lt_text lt_index_text_behind(lt_arena *arena, lt_text text);

/* ---- uploads (index_upload.c) ---- */

typedef struct lt_index_upload {
    int64_t id, bucket_id, finished_sequence; /* 0: open */
    lt_upload_info info;
    lt_object_meta meta;
    lt_pairs tags;
    lt_text finished_digest;
} lt_index_upload;
LT_MUST_CHECK lt_status lt_index_upload_add(lt_tx *tx, lt_object_name name,
                                            const lt_upload_options *options, lt_arena *arena,
                                            lt_text *upload_id, lt_err *err);
/* LT_WHY_NO_SUCH_UPLOAD; a finished one is given only where `finished_too`. */
LT_MUST_CHECK lt_status lt_index_upload_get(lt_tx *tx, lt_upload_name name, bool finished_too,
                                            lt_arena *arena, lt_index_upload *out, lt_err *err);
typedef struct lt_index_part {
    int32_t number;
    int64_t blob_id, size_bytes;
    const char *md5; /* LT_MD5_BYTES */
    lt_text sum;     /* raw */
} lt_index_part;
/* Set a part of an open upload; the content that it had before is released. */
LT_MUST_CHECK lt_status lt_index_part_set(lt_tx *tx, const lt_index_upload *upload,
                                          const lt_index_part *part, lt_arena *arena,
                                          lt_part_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_index_part_list(lt_tx *tx, int64_t list_id, lt_sum_kind kind,
                                           lt_page page, lt_arena *arena, lt_part_list *out,
                                           lt_err *err);
LT_MUST_CHECK lt_status lt_index_upload_list(lt_tx *tx, lt_text bucket,
                                             const lt_upload_request *request, lt_arena *arena,
                                             lt_upload_list *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_upload_complete(lt_tx *tx, lt_upload_name name,
                                                 const lt_completion *completion, lt_arena *arena,
                                                 lt_index_version *made, lt_err *err);
LT_MUST_CHECK lt_status lt_index_upload_drop(lt_tx *tx, int64_t id, lt_err *err);

/* ---- events (index_event.c) ---- */

LT_MUST_CHECK lt_status lt_index_event_add(lt_tx *tx, const lt_index_bucket *bucket,
                                           const lt_object_info *info, lt_event_kind kind,
                                           const lt_index_cause *cause, lt_err *err);
LT_MUST_CHECK lt_status lt_index_event_list(lt_tx *tx, const lt_event_request *request,
                                            lt_arena *arena, lt_events *out, lt_err *err);
int64_t lt_index_event_last(lt_tx *tx);
bool lt_index_event_is_due(lt_tx *tx); /* there are some to forget */
/* Forget at most `most` events that are too old or too many; *left: there are more to forget. */
LT_MUST_CHECK lt_status lt_index_event_forget(lt_tx *tx, int64_t most, bool *left, lt_err *err);

/* ---- access keys (index_access.c); secrets as they are given: sealed ---- */

LT_MUST_CHECK lt_status lt_index_access_add(lt_tx *tx, const lt_access_key *key, lt_err *err);
LT_MUST_CHECK lt_status lt_index_access_get(lt_tx *tx, lt_text id, lt_arena *arena,
                                            lt_access_key *out, lt_err *err);
LT_MUST_CHECK lt_status lt_index_access_list(lt_tx *tx, lt_arena *arena, lt_access_keys *out,
                                             lt_err *err);
LT_MUST_CHECK lt_status lt_index_access_revoke(lt_tx *tx, lt_text id, lt_err *err);

/* ---- datasets (index_commit.c) ---- */

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
