/* s3.h - the store on S3, or on any server that speaks its protocol.
 *
 * Two shapes. "s3://" is the service itself: each bucket of the store is a bucket there, with its own versioning; there are no
 * datasets. "s3://bucket/prefix" is a project's store inside of one bucket: the store's bucket B and key K are the object
 * prefix/B/K, versioning is that of the one bucket, and what leat knows besides lies below prefix/.leat/ :
 *
 *   buckets/B                       the store's bucket B was made
 *   datasets/B/PREFIX               there is such a dataset (empty)
 *   blobs/SHA256.RANDOM             the bytes of one file of one commit; never changed, never shared
 *   commits/B/PREFIX<10^10-N>.N.json   commit N: a JSON object with all files of the dataset after it. Newest first in listings
 *   commits/B/PREFIX<10^10-N>.N.done   its files are ordinary objects too by now: their versions and ETags
 *   commits/B/PREFIX<10^10-N>.N.gone   it is being forgotten
 *   keeps/OWNER/B/N/PREFIX          this owner (a run) keeps commit N
 *
 * A commit is one conditional PUT (If-None-Match: *) of its .json: whoever is second gets 412 and reads again. Readers see the old
 * set or the new one. What a crash leaves: before the PUT, blobs that nobody refers to (lt_store_check() with repair removes
 * those that are older than a day); after it, objects that do not yet follow the commit: the next commit, or repair, finishes
 * that. Files of datasets are stored twice, as blob and as object, so that views stay whatever happens to the objects. Two
 * writers that finish the same commit's objects at once may leave an old object beside the views until the next commit.
 *
 * Every SHA-256 that is known when an object is written goes with it as metadata (x-amz-meta-leat-sha256), not shown as such.
 * Bytes are checked end to end: uploads carry SHA-256 or CRC64NVME, downloads are compared with what the server has recorded.
 * Objects of more than 8 MiB go in parts, several at once. Inside of store/ only. */
#pragma once
#include "store/s3_client.h"
#include "store/store_ops.h"

#include <pthread.h>

#define LT_REMOTE_PART_BYTES (8 * LT_MIB)
#define LT_REMOTE_BIG_PART_BYTES (64 * LT_MIB)
enum { LT_REMOTE_JOBS = 6, LT_REMOTE_KNOWN = 64 };

/* What is known of a bucket for a while. */
typedef struct lt_remote_known {
    char name[64];
    lt_versioning versioning;
    int64_t until_us; /* monotonic */
} lt_remote_known;

typedef struct lt_remote {
    lt_store base;
    lt_remote_client *client; /* owned */
    char *bucket;             /* owned; NULL: the service itself */
    char *prefix;             /* owned; empty or ending in '/' */
    pthread_mutex_t lock;     /* of `known` */
    lt_remote_known known[LT_REMOTE_KNOWN];
} lt_remote;

static inline lt_remote *lt_remote_of(lt_store *store)
{
    return (lt_remote *)store;
}

/* ---- s3.c ---- */

/* A call about an object of the store (an empty key: about its bucket), with the texts that it needs in `arena`. */
void lt_remote_begin(const lt_remote *self, const char *method, lt_object_name name,
                     lt_arena *arena, lt_remote_call *out);
/* A call about an object below prefix/.leat/. */
void lt_remote_begin_own(const lt_remote *self, const char *method, const char *key,
                         lt_remote_call *out);
/* LT_WHY_NO_SUCH_BUCKET unless it is there. */
LT_MUST_CHECK lt_status lt_remote_bucket_need(lt_remote *self, lt_text bucket,
                                              lt_versioning *versioning, lt_err *err);
void lt_remote_forget_bucket(lt_remote *self, lt_text bucket);
/* Versioning of the one bucket, or of a bucket of the service. */
LT_MUST_CHECK lt_status lt_remote_versioning(lt_remote *self, lt_text bucket, lt_versioning *out,
                                             lt_err *err);

lt_status lt_remote_bucket_create(lt_store *store, lt_text bucket, lt_versioning versioning,
                                  lt_err *err);

/* ---- s3_object.c ---- */

typedef struct lt_remote_head {
    lt_object_info info;
    bool etag_is_md5;
    lt_text token; /* of the conditional write that made it; else empty */
} lt_remote_head;
/* What headers say of an object. */
void lt_remote_read_info(const lt_http_response *response, lt_text key, lt_arena *arena,
                         lt_remote_head *out);
LT_MUST_CHECK lt_status lt_remote_head_object(lt_remote *self, lt_object_name name, lt_arena *arena,
                                              lt_remote_head *out, lt_err *err);
lt_status lt_remote_object_head(lt_store *store, lt_object_name name, lt_arena *arena,
                                lt_object_info *info, lt_err *err);
lt_status lt_remote_remove(lt_store *store, lt_object_name name, const lt_delete_options *options,
                           lt_arena *arena, lt_object_info *info, lt_err *err);
lt_status lt_remote_remove_many(lt_store *store, lt_text bucket, lt_delete_item *items,
                                size_t count, const lt_origin *origin, lt_arena *arena,
                                lt_err *err);
lt_status lt_remote_copy(lt_store *store, lt_object_name source, lt_object_name name,
                         const lt_copy_options *options, lt_arena *arena, lt_copied *out,
                         lt_err *err);
lt_status lt_remote_restore(lt_store *store, lt_object_name name, lt_arena *arena,
                            lt_object_info *info, lt_err *err);
lt_status lt_remote_tags_get(lt_store *store, lt_object_name name, lt_arena *arena, lt_pairs *out,
                             lt_object_info *info, lt_err *err);
lt_status lt_remote_tags_set(lt_store *store, lt_object_name name, const lt_pairs *tags,
                             lt_arena *arena, lt_object_info *info, lt_err *err);
/* Copy bytes between two places of the endpoint, of any size. `headers` of `to` go with the request that makes the object. */
LT_MUST_CHECK lt_status lt_remote_copy_bytes(lt_remote *self, const lt_remote_call *from,
                                             lt_text version_id, int64_t size, lt_remote_call *to,
                                             lt_arena *arena, lt_text *etag, lt_text *version,
                                             lt_err *err);

/* ---- s3_list.c ---- */

lt_status lt_remote_list(lt_store *store, lt_text bucket, const lt_list_request *request,
                         lt_arena *arena, lt_listing *out, lt_err *err);
/* One page of a listing of real keys, in `bucket` of the endpoint. */
typedef struct lt_remote_page {
    lt_list_request request; /* in: prefix, delimiter, after_..., versions, limit: real keys */
    lt_object_name called;
} lt_remote_page;
LT_MUST_CHECK lt_status lt_remote_list_real(lt_remote *self, lt_text bucket,
                                            const lt_remote_page *page, lt_arena *arena,
                                            lt_listing *out, lt_err *err);
/* All objects below prefix/.leat/FOLDER, as keys behind prefix/.leat/. */
LT_MUST_CHECK lt_status lt_remote_list_own(lt_remote *self, const char *folder, lt_arena *arena,
                                           lt_listing *out, lt_err *err);
/* Remove objects below prefix/.leat/ for good, with all of their versions. What is not there is fine. */
LT_MUST_CHECK lt_status lt_remote_purge_own(lt_remote *self, const lt_texts *keys, lt_err *err);
lt_status lt_remote_usage(lt_store *store, lt_object_name name, lt_text delimiter, lt_arena *arena,
                          lt_usage_report *out, lt_err *err);
lt_status lt_remote_prune(lt_store *store, const lt_prune_request *request, lt_prune_report *out,
                          lt_err *err);

/* ---- s3_read.c ---- */

lt_status lt_remote_read(lt_store *store, lt_object_name name, size_t offset, size_t len,
                         lt_sink *sink, lt_arena *arena, lt_object_info *info, lt_err *err);
lt_status lt_remote_reading_open(lt_store *store, lt_object_name name, int32_t part,
                                 lt_arena *arena, lt_object_info *info, lt_reading **out,
                                 lt_err *err);
lt_status lt_remote_object_parts(lt_store *store, lt_object_name name, lt_page page,
                                 lt_arena *arena, lt_part_list *out, lt_err *err);
/* All bytes behind a GET call whose key, version and ETag are settled. */
typedef struct lt_remote_source {
    lt_remote_call call; /* a GET */
    lt_text etag;        /* must stay so; empty: not looked at */
    int64_t offset, len;
} lt_remote_source;
LT_MUST_CHECK lt_status lt_remote_fetch(lt_remote *self, const lt_remote_source *source,
                                        lt_sink *sink, lt_err *err);
/* A small object below prefix/.leat/, whole, in `arena`. */
LT_MUST_CHECK lt_status lt_remote_get_own(lt_remote *self, const char *key, lt_arena *arena,
                                          lt_text *out, lt_err *err);

/* ---- s3_put.c ---- */

lt_status lt_remote_put(lt_store *store, lt_object_name name, lt_body *body,
                        const lt_put_options *given, lt_arena *arena, lt_object_info *info,
                        lt_err *err);
/* Into an object below prefix/.leat/. `absent`: LT_WHY_PRECONDITION when it is there, perhaps by this very call: an answer may have
 * been lost. */
LT_MUST_CHECK lt_status lt_remote_put_own(lt_remote *self, const char *key, lt_text body,
                                          bool absent, lt_err *err);
lt_status lt_remote_stage(lt_store *store, lt_text bucket, lt_body *body, lt_staged *out,
                          lt_err *err);
lt_status lt_remote_unstage(lt_store *store, const lt_staged_list *files, lt_err *err);
const char *lt_remote_blob_key(const lt_staged *staged, lt_arena *arena); /* below prefix/.leat/ */

/* ---- s3_upload.c ---- */

lt_status lt_remote_upload_create(lt_store *store, lt_object_name name,
                                  const lt_upload_options *options, lt_arena *arena,
                                  lt_text *upload_id, lt_err *err);
lt_status lt_remote_upload_part(lt_store *store, lt_upload_name upload, int32_t number,
                                lt_body *body, const lt_part_options *options, lt_arena *arena,
                                lt_part_info *info, lt_err *err);
lt_status lt_remote_upload_part_copy(lt_store *store, lt_upload_name upload, int32_t number,
                                     const lt_part_source *source, lt_arena *arena,
                                     lt_part_copied *out, lt_err *err);
lt_status lt_remote_upload_parts(lt_store *store, lt_upload_name upload, lt_page page,
                                 lt_arena *arena, lt_upload_info *info, lt_part_list *out,
                                 lt_err *err);
lt_status lt_remote_upload_list(lt_store *store, lt_text bucket, const lt_upload_request *request,
                                lt_arena *arena, lt_upload_list *out, lt_err *err);
lt_status lt_remote_upload_complete(lt_store *store, lt_upload_name upload,
                                    const lt_completion *completion, lt_arena *arena,
                                    lt_object_info *info, lt_err *err);
lt_status lt_remote_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err);
/* What a new object says about itself, as headers. */
void lt_remote_add_meta(lt_remote_call *call, const lt_object_meta *meta, const lt_pairs *tags,
                        bool sealed, lt_arena *arena);
void lt_remote_add_when(lt_remote_call *call, const lt_when *when, lt_arena *arena);
/* "x-amz-checksum-crc32c" */
const char *lt_remote_sum_header(lt_sum_kind kind);

/* ---- s3_dataset.c ---- */

lt_status lt_remote_commit(lt_store *store, const lt_commit_request *request, lt_arena *arena,
                           lt_commit_info *info, lt_err *err);
lt_status lt_remote_dataset_list(lt_store *store, lt_arena *arena, lt_dataset_infos *out,
                                 lt_err *err);
lt_status lt_remote_dataset_commit(lt_store *store, lt_text bucket, lt_text prefix,
                                   int64_t sequence, lt_arena *arena, lt_commit_info *out,
                                   lt_err *err);
lt_status lt_remote_dataset_pin(lt_store *store, lt_text bucket, lt_text prefix, int64_t since,
                                int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err);
lt_status lt_remote_file_read(lt_store *store, lt_text bucket, const lt_data_file *file,
                              lt_sink *sink, lt_err *err);

/* ---- s3_keep.c ---- */

lt_status lt_remote_keep(lt_store *store, lt_text owner, lt_text bucket, lt_text prefix,
                         int64_t sequence, lt_err *err);
lt_status lt_remote_dataset_forget(lt_store *store, lt_text bucket, lt_text prefix, int64_t before,
                                   int64_t *forgotten, lt_err *err);
/* All datasets of a bucket that is about to go: LT_CONFLICT when somebody keeps a commit of them. */
LT_MUST_CHECK lt_status lt_remote_forget_datasets(lt_remote *self, lt_text bucket, lt_err *err);
lt_status lt_remote_check(lt_store *store, bool repair, lt_arena *arena, lt_check_report *out,
                          lt_err *err);
