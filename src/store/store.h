/* store.h - named, versioned objects in buckets, wherever they live.
 *
 * Threads: any number may share one store, and any number of processes one local store. Keys: 1 to 1024 bytes of UTF-8, any
 * byte but NUL, taken literally ("a//b", "../x", "a/" are three keys); a key never becomes a path. Versioning is S3's:
 * a bucket is unversioned, enabled or suspended. An object version is one of: data, delete marker; in a bucket that is
 * not enabled a write replaces the one version whose id is "null".
 *
 * On LT_OK a write survives a power cut. Readers see the old object or the whole new one, never a part.
 *
 * object.h has what is known of an object and can be asked for; reason.h which failure it was. Beside this header: reading.h (open
 * versions, zero-copy), upload.h (multipart), bucket.h (documents, lifecycle rules), access.h (access keys), event.h, retention.h. */
#pragma once
#include "store/object.h"

typedef struct lt_store lt_store;

/* Open the store that `url` names: "local:/dir" (made if missing), "mem:" (for tests), later "s3://bucket/prefix".
 * The caller owns *out and ends it with lt_store_close(). LT_INVALID: unknown scheme. */
LT_MUST_CHECK lt_status lt_store_open(const char *url, lt_store **out, lt_err *err);
/* The same with settings; what is NULL or empty is the default. */
typedef struct lt_store_options {
    const char
        *project; /* folder; the master key's file must not lie in it. NULL: the current folder */
    int64_t cache_bytes; /* how much lt_view_paths() keeps [8 GiB] */
} lt_store_options;
LT_MUST_CHECK lt_status lt_store_open_with(const char *url, const lt_store_options *options,
                                           lt_store **out, lt_err *err);
void lt_store_close(lt_store *store); /* NULL is fine */
LT_OWNED(lt_store_ref, lt_store *, lt_store_close)

/* ---- buckets ---- */

typedef enum lt_versioning {
    LT_UNVERSIONED,
    LT_VERSIONING_ENABLED,
    LT_VERSIONING_SUSPENDED
} lt_versioning;

typedef struct lt_bucket_info {
    lt_text name;
    lt_versioning versioning;
    int64_t created_at_us;
    bool sealed; /* new objects are encrypted at rest */
} lt_bucket_info;
typedef LT_VEC(lt_bucket_info) lt_bucket_infos;

/* Bucket names: 3 to 63 of a-z 0-9 . - (S3's rules). LT_CONFLICT: it is there already. */
LT_MUST_CHECK lt_status lt_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning,
                                         lt_err *err);
LT_MUST_CHECK lt_status lt_bucket_find(lt_store *store, lt_text bucket, lt_versioning *versioning,
                                       lt_err *err);
/* All that is known of one; *out lives in `arena`. */
LT_MUST_CHECK lt_status lt_bucket_get(lt_store *store, lt_text bucket, lt_arena *arena,
                                      lt_bucket_info *out, lt_err *err);
LT_MUST_CHECK lt_status lt_bucket_list(lt_store *store, lt_arena *arena, lt_bucket_infos *out,
                                       lt_err *err);
/* From unversioned to enabled or suspended, and between these; never back to unversioned (LT_INVALID). */
LT_MUST_CHECK lt_status lt_bucket_set_versioning(lt_store *store, lt_text bucket,
                                                 lt_versioning versioning, lt_err *err);
/* LT_CONFLICT unless it is empty, old versions and markers included, and no run keeps a commit in it. The commits of its
 * datasets go with it. */
LT_MUST_CHECK lt_status lt_bucket_delete(lt_store *store, lt_text bucket, lt_err *err);

/* ---- objects ---- */

/* Store `body` under `key`. `options` may be NULL; `info` (may be NULL) receives what was made. What was expected of the body is
 * checked before anything is visible. LT_INVALID: it was not so, or an argument is wrong. LT_CONFLICT: `when` did not hold.
 * LT_NOT_FOUND: no such bucket. LT_TOO_BIG: more than LT_PART_BYTES. LT_IO: trying again is safe. */
LT_MUST_CHECK lt_status lt_store_put(lt_store *store, lt_text bucket, lt_text key, lt_body *body,
                                     const lt_put_options *options, lt_arena *arena,
                                     lt_object_info *info, lt_err *err);

/* Put what another version holds under a name, in any bucket of the store. No bytes are copied, unless encryption at rest differs or
 * another kind of checksum is asked for. The copy has the source's ETag (also that of a multipart object). An empty source
 * version: the current one. */
typedef struct lt_copy_options {
    lt_put_options
        put; /* its meta and tags count only where they are replaced; `expected` is not looked at */
    lt_source_when source;
    bool replace_meta, replace_tags; /* else those of the source */
} lt_copy_options;
LT_MUST_CHECK lt_status lt_store_copy(lt_store *store, lt_object_name source, lt_text bucket,
                                      lt_text key, const lt_copy_options *options, lt_arena *arena,
                                      lt_object_info *info, lt_text *source_version, lt_err *err);

/* What is known of a version; an empty `version_id` means the current one. LT_NOT_FOUND: no such key, or its current version is
 * a marker: then the message says so, and *info is that marker all the same. Asking for a marker by its id gives it. */
LT_MUST_CHECK lt_status lt_store_head(lt_store *store, lt_text bucket, lt_text key,
                                      lt_text version_id, lt_arena *arena, lt_object_info *info,
                                      lt_err *err);
/* Append the bytes from `offset`, at most `len`, to `out` (its limit counts: LT_TOO_BIG). Whole reads (offset 0, len
 * SIZE_MAX) are checked against the recorded SHA-256: LT_IO "... is damaged". */
LT_MUST_CHECK lt_status lt_store_get(lt_store *store, lt_text bucket, lt_text key,
                                     lt_text version_id, size_t offset, size_t len, lt_buf *out,
                                     lt_err *err);
/* The whole object into a descriptor, checked as above: on failure a part may have been written. */
LT_MUST_CHECK lt_status lt_store_get_to_fd(lt_store *store, lt_text bucket, lt_text key,
                                           lt_text version_id, int fd, lt_err *err);

/* Delete. `options` may be NULL. Without version_id: S3's rules (enabled: a marker; suspended: the null version becomes a null marker;
 * unversioned: gone). With it: that version is gone for good (deleting a marker brings the object back). Deleting what is not there
 * is LT_OK. `info` (may be NULL): the marker made, or the version removed (with an empty version_id if there was none).
 * Bytes that are also a file of a dataset's commit stay until that commit is forgotten. */
LT_MUST_CHECK lt_status lt_store_delete(lt_store *store, lt_text bucket, lt_text key,
                                        lt_text version_id, const lt_delete_options *options,
                                        lt_arena *arena, lt_object_info *info, lt_err *err);

/* Delete many in one transaction; each as if alone: one that fails leaves the others. At most 1000 (LT_INVALID). */
typedef struct lt_delete_item {
    lt_text key, version_id;
    lt_when when;
    /* results */
    lt_status status;
    lt_err err;
    lt_object_info info; /* as of lt_store_delete() */
} lt_delete_item;
LT_MUST_CHECK lt_status lt_store_delete_many(lt_store *store, lt_text bucket, lt_delete_item *items,
                                             size_t count, const lt_origin *origin, lt_arena *arena,
                                             lt_err *err);

/* ---- tags: at most LT_TAGS, set as a whole (none: an empty list). `info` may be NULL ---- */
LT_MUST_CHECK lt_status lt_object_tags_get(lt_store *store, lt_object_name name, lt_arena *arena,
                                           lt_pairs *out, lt_object_info *info, lt_err *err);
LT_MUST_CHECK lt_status lt_object_tags_set(lt_store *store, lt_object_name name,
                                           const lt_pairs *tags, lt_arena *arena,
                                           lt_object_info *info, lt_err *err);

/* Make an old version the current one by writing it again (no bytes are copied); one that is current already is left alone.
 * Empty version_id: the newest version that is data. LT_INVALID in a bucket that never was versioned, and for a marker. */
LT_MUST_CHECK lt_status lt_store_restore(lt_store *store, lt_text bucket, lt_text key,
                                         lt_text version_id, lt_arena *arena, lt_object_info *info,
                                         lt_err *err);

typedef struct lt_list_request {
    lt_text prefix, delimiter;
    lt_text after_key;     /* start after this key (or, with after_version, within it) */
    lt_text after_version; /* only with `versions` */
    bool versions; /* all versions and markers, newest first within a key; else current data only */
    size_t limit;  /* items and prefixes together; 0 and more than 1000 are 1000 */
} lt_list_request;
typedef struct lt_listing {
    LT_VEC(lt_object_info)
    objects;           /* by key bytes */
    lt_texts prefixes; /* common prefixes, with the delimiter */
    bool more;
    lt_text next_key, next_version; /* pass these as after_... to go on; for a prefix: the prefix */
} lt_listing;
LT_MUST_CHECK lt_status lt_store_list(lt_store *store, lt_text bucket,
                                      const lt_list_request *request, lt_arena *arena,
                                      lt_listing *out, lt_err *err);

/* ---- datasets ----
 *
 * A dataset is a set of objects below a prefix ("domain=x/dataset=y/"), changed by commits. Reading one means pinning a
 * commit and reading exactly its files. Commits of one dataset form a line; each has a sequence number from 1.
 *
 * The files are also ordinary objects, written in the commit's transaction: listings and copies see them. Files that a commit
 * takes out are deleted as objects by the rules of the bucket, unless somebody has put another object there meanwhile.
 * The commit itself holds the bytes, in every kind of bucket: what was pinned can be read whatever happens to the objects,
 * until lt_dataset_forget() forgets the commit. */

typedef enum lt_commit_mode {
    LT_COMMIT_APPEND,             /* the files are added; LT_CONFLICT: one is there already */
    LT_COMMIT_REPLACE_PARTITIONS, /* files of the same partition folder are replaced, others stay */
    LT_COMMIT_OVERWRITE,          /* the files are all there is */
} lt_commit_mode;

/* One file of a dataset: an object version and its row count. Partition values are in the folders of its key. */
typedef struct lt_data_file {
    lt_text key; /* full key: prefix + partition folders + name */
    lt_text version_id, sha256;
    int64_t size_bytes, rows;
} lt_data_file;
typedef LT_VEC(lt_data_file) lt_data_files;

typedef struct lt_commit_info {
    int64_t sequence;  /* 1, 2, ... in this dataset */
    lt_text commit_id; /* unique in the store */
    lt_text
        schema_json; /* [{"name": ..., "type": <DuckDB type>}, ...] of the whole dataset after this commit */
    lt_text
        record_json; /* what the writer added: cursor, attempt token, lineage, run id ...; a JSON object */
    int64_t rows; /* in the files that this commit added */
    int64_t committed_at_us;
    lt_commit_mode mode;
} lt_commit_info;

typedef struct lt_commit lt_commit;

/* Begin a commit. Nothing is visible before lt_commit_finish(), which also makes the bucket (versioned) if it is
 * missing. `prefix` ends in '/'. The store must stay open until lt_commit_close(). */
LT_MUST_CHECK lt_status lt_commit_begin(lt_store *store, lt_text bucket, lt_text prefix,
                                        lt_commit_mode mode, lt_commit **out, lt_err *err);
/* Add a file: its bytes are made durable now. `name` is relative to the prefix and may hold partition folders
 * ("import_date=2026-11-22/part-0.parquet"). Several threads may add to one commit. LT_INVALID: the name was added before. */
LT_MUST_CHECK lt_status lt_commit_add(lt_commit *commit, lt_text name, lt_body *body, int64_t rows,
                                      lt_err *err);
/* Make the commit visible, in one transaction: all of it or nothing. `expected_sequence` is that of the commit on which the writer
 * built (0: none yet; -1: do not care): else LT_CONFLICT. `info` (may be NULL) is filled in `arena`. */
LT_MUST_CHECK lt_status lt_commit_finish(lt_commit *commit, lt_text schema_json,
                                         lt_text record_json, int64_t expected_sequence,
                                         lt_arena *arena, lt_commit_info *info, lt_err *err);
/* Free; a commit that was not finished leaves nothing visible. NULL is fine. */
void lt_commit_close(lt_commit *commit);
LT_OWNED(lt_commit_ref, lt_commit *, lt_commit_close)

typedef struct lt_dataset_info {
    lt_text bucket, prefix;
    lt_commit_info last;
} lt_dataset_info;
typedef LT_VEC(lt_dataset_info) lt_dataset_infos;
LT_MUST_CHECK lt_status lt_dataset_list(lt_store *store, lt_arena *arena, lt_dataset_infos *out,
                                        lt_err *err);
/* The last commit, or the one with `sequence` when > 0. LT_NOT_FOUND: no such dataset or commit. */
LT_MUST_CHECK lt_status lt_dataset_commit(lt_store *store, lt_text bucket, lt_text prefix,
                                          int64_t sequence, lt_arena *arena, lt_commit_info *out,
                                          lt_err *err);

/* A pinned view: exactly the files of a dataset at a commit, or those that commits after `since` added (append only;
 * LT_CONFLICT when a commit between replaced something: read it whole). */
typedef struct lt_view {
    lt_commit_info commit;
    lt_data_files files; /* by key */
} lt_view;
LT_MUST_CHECK lt_status lt_dataset_pin(lt_store *store, lt_text bucket, lt_text prefix,
                                       int64_t sequence, lt_arena *arena, lt_view *out,
                                       lt_err *err);
LT_MUST_CHECK lt_status lt_dataset_pin_since(lt_store *store, lt_text bucket, lt_text prefix,
                                             int64_t since, int64_t sequence, lt_arena *arena,
                                             lt_view *out, lt_err *err);

/* Local paths that hold the bytes of the view's files, in its order, for engines to read. Blobs of the local
 * store are given as they are (they stay while a commit holds them, and an hour longer); small and remote objects are put
 * into `cache_folder`/<sha256>. When that holds more than the store's `cache_bytes`, what was not used for an hour goes, oldest first. */
LT_MUST_CHECK lt_status lt_view_paths(lt_store *store, lt_text bucket, const lt_view *view,
                                      const char *cache_folder, lt_arena *arena, lt_texts *out,
                                      lt_err *err);

/* ---- keeping ---- */

/* Forget the commits with a sequence below `before`, but never the last one and none that a run keeps; the bytes of files that
 * no commit and no object holds any more are given back. *forgotten (may be NULL) counts the commits. */
LT_MUST_CHECK lt_status lt_dataset_forget(lt_store *store, lt_text bucket, lt_text prefix,
                                          int64_t before, int64_t *forgotten, lt_err *err);

/* What a run has pinned, so that retention keeps it: `owner` is a run id; sequence 0 forgets all that this owner keeps (bucket
 * and prefix are not looked at then). LT_NOT_FOUND: no such commit. */
LT_MUST_CHECK lt_status lt_store_keep(lt_store *store, lt_text owner, lt_text bucket,
                                      lt_text prefix, int64_t sequence, lt_err *err);

typedef struct lt_check_report {
    int64_t objects, blobs, bytes;
    int64_t damaged, missing,
        orphans; /* orphans are normal after a crash, and removed with `repair` when old enough */
    lt_texts problems; /* one line each, at most 1000 */
} lt_check_report;
/* Read and verify every checksum, and that index and blobs agree. LT_OK with damaged or missing > 0 is bad news: look. `repair`
 * removes orphans that are older than an hour. */
LT_MUST_CHECK lt_status lt_store_check(lt_store *store, bool repair, lt_arena *arena,
                                       lt_check_report *out, lt_err *err);
