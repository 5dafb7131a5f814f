/* store.h - named, versioned objects in buckets, wherever they live.
 *
 * Threads: any number may share one store, and any number of processes one local store. Keys: 1 to 1024 bytes of UTF-8, any
 * byte but NUL, taken literally ("a//b", "../x", "a/" are three keys); a key never becomes a path. Versioning is S3's:
 * a bucket is unversioned, enabled or suspended. An object version is one of: data, delete marker; in a bucket that is
 * not enabled a write replaces the one version whose id is "null".
 *
 * On LT_OK a write survives a power cut. Readers see the old object or the whole new one, never a part. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

typedef struct lt_store lt_store;

/* Open the store that `url` names: "local:/dir" (made if missing), "mem:" (for tests), later "s3://bucket/prefix".
 * The caller owns *out and ends it with lt_store_close(). LT_INVALID: unknown scheme. */
LT_MUST_CHECK lt_status lt_store_open(const char *url, lt_store **out, lt_err *err);
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
} lt_bucket_info;
typedef LT_VEC(lt_bucket_info) lt_bucket_infos;

/* Bucket names: 3 to 63 of a-z 0-9 . - (S3's rules). LT_CONFLICT: it is there already. */
LT_MUST_CHECK lt_status lt_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning,
                                         lt_err *err);
LT_MUST_CHECK lt_status lt_bucket_find(lt_store *store, lt_text bucket, lt_versioning *versioning,
                                       lt_err *err);
LT_MUST_CHECK lt_status lt_bucket_list(lt_store *store, lt_arena *arena, lt_bucket_infos *out,
                                       lt_err *err);
/* From unversioned to enabled or suspended, and between these; never back to unversioned (LT_INVALID). */
LT_MUST_CHECK lt_status lt_bucket_set_versioning(lt_store *store, lt_text bucket,
                                                 lt_versioning versioning, lt_err *err);
/* LT_CONFLICT unless it is empty, old versions and markers included, and no run keeps a commit in it. The commits of its
 * datasets go with it. */
LT_MUST_CHECK lt_status lt_bucket_delete(lt_store *store, lt_text bucket, lt_err *err);

/* ---- objects ---- */

enum { LT_VERSION_ID_CHARS = 40, LT_KEY_BYTES = 1024 };

/* Where the bytes of an object come from. `read` fills up to `size` bytes and gives their number, 0 at the end, in *got. */
typedef struct lt_body {
    lt_status (*read)(struct lt_body *body, char *out, size_t size, size_t *got, lt_err *err);
    void *state;
    int64_t size; /* bytes, or -1 when not known before */
} lt_body;
typedef struct lt_text_body {
    lt_body body;
    lt_text left;
} lt_text_body;
lt_body *lt_body_from_text(lt_text_body *body, lt_text text);
typedef struct lt_fd_body {
    lt_body body;
    int fd; /* borrowed; read from where it stands */
} lt_fd_body;
lt_body *lt_body_from_fd(lt_fd_body *body, int fd, int64_t size);

/* A condition on the current version, checked in the same transaction as the write. Empty texts are no condition. It does
 * not hold: LT_CONFLICT; but LT_NOT_FOUND when an ETag is wanted and there is no object (or a current marker). */
typedef struct lt_when {
    bool absent;  /* If-None-Match: * ; a current delete marker counts as absent */
    lt_text etag; /* If-Match, without quotes; "*" is any */
} lt_when;

typedef struct lt_object_info {
    lt_text key;
    lt_text version_id; /* "null" for the null version */
    lt_text etag;       /* without quotes: hex MD5, or MD5-N of a multipart upload */
    lt_text sha256;     /* hex; empty for a marker */
    lt_text content_type;
    int64_t size_bytes;
    int64_t written_at_us;
    bool is_marker, is_current;
} lt_object_info; /* texts live in the arena that the call was given */

typedef struct lt_put_options {
    const lt_when *when;  /* may be NULL */
    lt_text content_type; /* empty: application/octet-stream */
} lt_put_options;

/* Store `body` under `key`. `info` (may be NULL) receives what was made. LT_CONFLICT: `when` did not hold.
 * LT_NOT_FOUND: no such bucket. LT_IO: trying again is safe. */
LT_MUST_CHECK lt_status lt_store_put(lt_store *store, lt_text bucket, lt_text key, lt_body *body,
                                     const lt_put_options *options, lt_arena *arena,
                                     lt_object_info *info, lt_err *err);

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

/* Delete. Without version_id: S3's rules (enabled: a marker; suspended: the null version becomes a null marker;
 * unversioned: gone). With it: that version is gone for good (deleting a marker brings the object back). Deleting what is not there
 * is LT_OK. `info` (may be NULL): the marker made, or the version removed (with an empty version_id if there was none).
 * Bytes that are also a file of a dataset's commit stay until that commit is forgotten. */
LT_MUST_CHECK lt_status lt_store_delete(lt_store *store, lt_text bucket, lt_text key,
                                        lt_text version_id, const lt_when *when, lt_arena *arena,
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
 * into `cache_folder`/<sha256>. When that holds more than 8 GiB, what was not used for an hour goes, oldest first. */
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
