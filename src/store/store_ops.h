/* store_ops.h - what a back end of the store does. For back ends only; store.c alone calls it.
 *
 * store.c has checked every argument: names, keys, sizes, UTF-8. `info` and other outputs are never NULL, and may be written even
 * when the call fails: store.c hands them on only on LT_OK. A back end's struct starts with lt_store. */
#pragma once
#include "store/access.h"
#include "store/bucket.h"
#include "store/checksum.h"
#include "store/digest.h"
#include "store/event.h"
#include "store/retention.h"
#include "store/upload.h"

struct lt_store {
    const struct lt_store_ops *ops;
    int64_t cache_bytes; /* of lt_store_options; set by store.c */
};

/* Where bytes that are read go to. */
typedef struct lt_sink {
    lt_status (*write)(struct lt_sink *sink, lt_text part, lt_err *err);
} lt_sink;

enum { LT_SEAL_SALT_BYTES = 8 };

/* A content that is durable and held by its owner, and no object yet. */
typedef struct lt_staged {
    lt_text key; /* full; borrowed from who stages */
    int64_t rows, size_bytes;
    lt_sums sums;
    int64_t blob_id, intent_id; /* of the index; 0: none yet */
    lt_buf body;                /* owned; of a small content */
    bool is_small;

    /* asked for, or computed */
    lt_sum_kind sum_kind;
    unsigned char sum[LT_SUM_BYTES];
    bool sealed;
    char seal[72];                 /* of a sealed content: its key, sealed */
    char salt[LT_SEAL_SALT_BYTES]; /* and what sets it apart from other ones of the same bytes */
} lt_staged;
typedef LT_VEC(lt_staged) lt_staged_list;

struct lt_backup_request;

typedef struct lt_commit_request {
    lt_text bucket, prefix;
    lt_commit_mode mode;
    const lt_staged_list *files; /* no key twice */
    lt_text schema_json, record_json;
    int64_t expected_sequence;
} lt_commit_request;

/* An open version; a back end's own struct starts with it. */
typedef struct lt_reading_ops {
    /* Up to `size` bytes from `offset`, which is below the size. Any thread. */
    lt_status (*pread)(lt_reading *reading, int64_t offset, char *out, size_t size, size_t *got,
                       lt_err *err);
    bool (*span)(lt_reading *reading, int64_t offset, lt_span *out); /* NULL: there are none */
    void (*close)(lt_reading *reading);
} lt_reading_ops;
struct lt_reading {
    const lt_reading_ops *ops;
    int64_t size, start;
};

/* What a copy gives. */
typedef struct lt_copied {
    lt_object_info info;
    lt_text source_version;
} lt_copied;
typedef struct lt_part_copied {
    lt_part_info info;
    lt_text source_version;
} lt_part_copied;
typedef struct lt_completion {
    const lt_part_named *parts; /* in ascending order, checked */
    size_t count;               /* at least 1 */
    const lt_complete_options *options;
} lt_completion;
typedef struct lt_page {
    int32_t after;
    size_t limit;
} lt_page;

typedef struct lt_store_ops {
    const char *scheme; /* what a URL starts with: "local:" */
    const char *called; /* in sentences: "a store on this machine" */

    lt_status (*open)(lt_text rest, const lt_store_options *options, lt_store **out, lt_err *err);
    void (*close)(lt_store *store);

    lt_status (*bucket_create)(lt_store *store, lt_text bucket, lt_versioning versioning,
                               lt_err *err);
    lt_status (*bucket_get)(lt_store *store, lt_text bucket, lt_arena *arena, lt_bucket_info *out,
                            lt_err *err);
    lt_status (*bucket_list)(lt_store *store, lt_arena *arena, lt_bucket_infos *out, lt_err *err);
    lt_status (*bucket_set_versioning)(lt_store *store, lt_text bucket, lt_versioning versioning,
                                       lt_err *err);
    lt_status (*bucket_delete)(lt_store *store, lt_text bucket, lt_err *err);

    lt_status (*put)(lt_store *store, lt_object_name name, lt_body *body,
                     const lt_put_options *options, lt_arena *arena, lt_object_info *info,
                     lt_err *err);
    lt_status (*head)(lt_store *store, lt_object_name name, lt_arena *arena, lt_object_info *info,
                      lt_err *err);
    /* The bytes from `offset`, at most `len`, into the sink, in order; `info` says of which version. */
    lt_status (*read)(lt_store *store, lt_object_name name, size_t offset, size_t len,
                      lt_sink *sink, lt_arena *arena, lt_object_info *info, lt_err *err);
    lt_status (*copy)(lt_store *store, lt_object_name source, lt_object_name name,
                      const lt_copy_options *options, lt_arena *arena, lt_copied *out, lt_err *err);
    lt_status (*remove)(lt_store *store, lt_object_name name, const lt_delete_options *options,
                        lt_arena *arena, lt_object_info *info, lt_err *err);
    /* Each item's own trouble is its own; an error of the call is of all of them. */
    lt_status (*remove_many)(lt_store *store, lt_text bucket, lt_delete_item *items, size_t count,
                             const lt_origin *origin, lt_arena *arena, lt_err *err);
    lt_status (*restore)(lt_store *store, lt_object_name name, lt_arena *arena,
                         lt_object_info *info, lt_err *err);
    lt_status (*list)(lt_store *store, lt_text bucket, const lt_list_request *request,
                      lt_arena *arena, lt_listing *out, lt_err *err);

    /* Make a content durable, and hold it until a commit takes it or unstage() lets it go. */
    lt_status (*stage)(lt_store *store, lt_text bucket, lt_body *body, lt_staged *out, lt_err *err);
    lt_status (*unstage)(lt_store *store, const lt_staged_list *files, lt_err *err);
    lt_status (*commit)(lt_store *store, const lt_commit_request *request, lt_arena *arena,
                        lt_commit_info *info, lt_err *err);

    lt_status (*dataset_list)(lt_store *store, lt_arena *arena, lt_dataset_infos *out, lt_err *err);
    lt_status (*dataset_commit)(lt_store *store, lt_text bucket, lt_text prefix, int64_t sequence,
                                lt_arena *arena, lt_commit_info *out, lt_err *err);
    /* `since` 0: the whole view. */
    lt_status (*dataset_pin)(lt_store *store, lt_text bucket, lt_text prefix, int64_t since,
                             int64_t sequence, lt_arena *arena, lt_view *out, lt_err *err);
    lt_status (*dataset_forget)(lt_store *store, lt_text bucket, lt_text prefix, int64_t before,
                                int64_t *forgotten, lt_err *err);
    /* The whole content of a file of a view. */
    lt_status (*file_read)(lt_store *store, lt_text bucket, const lt_data_file *file, lt_sink *sink,
                           lt_err *err);
    lt_status (*keep)(lt_store *store, lt_text owner, lt_text bucket, lt_text prefix,
                      int64_t sequence, lt_err *err);
    lt_status (*check)(lt_store *store, bool repair, lt_arena *arena, lt_check_report *out,
                       lt_err *err);

    /* ---- optional: NULL where a back end has nothing of the kind; store.c then fails with LT_WHY_NOT_MADE,
     * or does it with the calls above where that is said ---- */

    /* For each file the path of its bytes on this machine, or an empty text. `paths` has `files->len` items. */
    lt_status (*file_paths)(lt_store *store, const lt_data_files *files, lt_arena *arena,
                            lt_text *paths, lt_err *err);
    /* NULL, and no part asked for: done with head() and read() of ranges of the version found. */
    lt_status (*reading_open)(lt_store *store, lt_object_name name, int32_t part, lt_arena *arena,
                              lt_object_info *info, lt_reading **out, lt_err *err);
    lt_status (*object_parts)(lt_store *store, lt_object_name name, lt_page page, lt_arena *arena,
                              lt_part_list *out, lt_err *err);
    lt_status (*tags_get)(lt_store *store, lt_object_name name, lt_arena *arena, lt_pairs *out,
                          lt_object_info *info, lt_err *err);
    lt_status (*tags_set)(lt_store *store, lt_object_name name, const lt_pairs *tags,
                          lt_arena *arena, lt_object_info *info, lt_err *err);

    /* multipart: all of these or none */
    lt_status (*upload_create)(lt_store *store, lt_object_name name,
                               const lt_upload_options *options, lt_arena *arena,
                               lt_text *upload_id, lt_err *err);
    lt_status (*upload_part)(lt_store *store, lt_upload_name upload, int32_t number, lt_body *body,
                             const lt_part_options *options, lt_arena *arena, lt_part_info *info,
                             lt_err *err);
    lt_status (*upload_part_copy)(lt_store *store, lt_upload_name upload, int32_t number,
                                  const lt_part_source *source, lt_arena *arena,
                                  lt_part_copied *out, lt_err *err);
    lt_status (*upload_parts)(lt_store *store, lt_upload_name upload, lt_page page, lt_arena *arena,
                              lt_upload_info *info, lt_part_list *out, lt_err *err);
    lt_status (*upload_list)(lt_store *store, lt_text bucket, const lt_upload_request *request,
                             lt_arena *arena, lt_upload_list *out, lt_err *err);
    lt_status (*upload_complete)(lt_store *store, lt_upload_name upload,
                                 const lt_completion *completion, lt_arena *arena,
                                 lt_object_info *info, lt_err *err);
    lt_status (*upload_abort)(lt_store *store, lt_upload_name upload, lt_err *err);

    /* what belongs to a bucket; an empty body removes a document */
    lt_status (*doc_set)(lt_store *store, lt_text bucket, lt_text kind, lt_text body, lt_err *err);
    lt_status (*doc_get)(lt_store *store, lt_text bucket, lt_text kind, lt_arena *arena,
                         lt_text *body, lt_err *err);
    lt_status (*set_sealed)(lt_store *store, lt_text bucket, bool sealed, lt_err *err);
    lt_status (*rules_set)(lt_store *store, lt_text bucket, const lt_lifecycle *rules, lt_err *err);
    lt_status (*rules_get)(lt_store *store, lt_text bucket, lt_arena *arena, lt_lifecycle *out,
                           lt_err *err); /* none: LT_OK and nothing */

    /* access keys: all of these or none */
    lt_status (*access_create)(lt_store *store, const lt_access_key *key, lt_err *err);
    lt_status (*access_get)(lt_store *store, lt_text id, lt_arena *arena, lt_access_key *out,
                            lt_err *err);
    lt_status (*access_list)(lt_store *store, lt_arena *arena, lt_access_keys *out, lt_err *err);
    lt_status (*access_revoke)(lt_store *store, lt_text id, lt_err *err);
    lt_status (*access_used)(lt_store *store, lt_text id, lt_err *err);
    lt_status (*access_generation)(lt_store *store, int64_t *out, lt_err *err);

    /* events: all of these or none */
    lt_status (*events_read)(lt_store *store, const lt_event_request *request, lt_arena *arena,
                             lt_events *out, lt_err *err);
    lt_status (*events_last)(lt_store *store, int64_t *out, lt_err *err);
    lt_status (*events_wait)(lt_store *store, int64_t after, int64_t timeout_us, bool *any,
                             lt_err *err);
    lt_status (*events_keep)(lt_store *store, int64_t age_us, int64_t most, lt_err *err);

    lt_status (*usage)(lt_store *store, lt_object_name name, lt_text delimiter, lt_arena *arena,
                       lt_usage_report *out, lt_err *err); /* the name's key is the prefix */
    lt_status (*prune)(lt_store *store, const lt_prune_request *request, lt_prune_report *out,
                       lt_err *err);
    lt_status (*lifecycle)(lt_store *store, const lt_lifecycle_request *request,
                           lt_prune_report *out, lt_err *err);
    lt_status (*collect)(lt_store *store, lt_err *err);
    lt_status (*backup)(lt_store *store, const struct lt_backup_request *request, lt_err *err);
} lt_store_ops;

extern const lt_store_ops lt_store_local_ops;
extern const lt_store_ops lt_store_mem_ops;
extern const lt_store_ops lt_store_s3_ops;

/* For tests: other waits between the tries of a store on S3. */
struct lt_retry;
void lt_store_s3_set_retry(lt_store *store, const struct lt_retry *policy);

/* ---- checks of arguments, for the files of the face (store*.c) alone ---- */

LT_MUST_CHECK lt_status lt_arg_bucket(lt_text name, lt_err *err);
LT_MUST_CHECK lt_status lt_arg_text(lt_text text, size_t most, const char *what, lt_err *err);
LT_MUST_CHECK lt_status lt_arg_key(lt_text key, lt_err *err);
LT_MUST_CHECK lt_status lt_arg_object(lt_object_name name, lt_err *err);
LT_MUST_CHECK lt_status lt_arg_meta(lt_object_meta *meta, lt_err *err); /* fills in the default */
LT_MUST_CHECK lt_status lt_arg_tags(const lt_pairs *tags, lt_err *err);
LT_MUST_CHECK lt_status lt_arg_sum_kind(lt_sum_kind kind, lt_err *err);
/* Fail: this kind of store has nothing of the kind. */
LT_MUST_CHECK lt_status lt_not_made(const lt_store *store, const char *what, lt_err *err);
