/* store_ops.h - what a back end of the store does. For back ends only; store.c alone calls it.
 *
 * store.c has checked every argument: names, keys, sizes, UTF-8. `info` and other outputs are never NULL, and may be written even
 * when the call fails: store.c hands them on only on LT_OK. A back end's struct starts with lt_store. */
#pragma once
#include "store/digest.h"
#include "store/store.h"

struct lt_store {
    const struct lt_store_ops *ops;
};

/* Where bytes that are read go to. */
typedef struct lt_sink {
    lt_status (*write)(struct lt_sink *sink, lt_text part, lt_err *err);
} lt_sink;

/* One key in a bucket, or one version of it. */
typedef struct lt_object_name {
    lt_text bucket, key, version_id; /* empty version_id: the current one */
} lt_object_name;

/* A content that is durable and held by its owner, and no object yet. */
typedef struct lt_staged {
    lt_text key; /* full; borrowed from who stages */
    int64_t rows, size_bytes;
    lt_sums sums;
    int64_t blob_id, intent_id; /* of the index; 0: none yet */
    lt_buf body;                /* owned; of a small content */
    bool is_small;
} lt_staged;
typedef LT_VEC(lt_staged) lt_staged_list;

typedef struct lt_commit_request {
    lt_text bucket, prefix;
    lt_commit_mode mode;
    const lt_staged_list *files; /* no key twice */
    lt_text schema_json, record_json;
    int64_t expected_sequence;
} lt_commit_request;

typedef struct lt_store_ops {
    const char *scheme; /* what a URL starts with: "local:" */

    lt_status (*open)(lt_text rest, lt_store **out, lt_err *err);
    void (*close)(lt_store *store);

    lt_status (*bucket_create)(lt_store *store, lt_text bucket, lt_versioning versioning,
                               lt_err *err);
    lt_status (*bucket_find)(lt_store *store, lt_text bucket, lt_versioning *out, lt_err *err);
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
    lt_status (*remove)(lt_store *store, lt_object_name name, const lt_when *when, lt_arena *arena,
                        lt_object_info *info, lt_err *err);
    lt_status (*restore)(lt_store *store, lt_object_name name, lt_arena *arena,
                         lt_object_info *info, lt_err *err);
    lt_status (*list)(lt_store *store, lt_text bucket, const lt_list_request *request,
                      lt_arena *arena, lt_listing *out, lt_err *err);

    /* Make a content durable, and hold it until a commit takes it or unstage() lets it go. */
    lt_status (*stage)(lt_store *store, lt_body *body, lt_staged *out, lt_err *err);
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

    /* ---- optional: NULL where a back end has nothing of the kind ---- */

    /* For each file the path of its bytes on this machine, or an empty text. `paths` has `files->len` items. */
    lt_status (*file_paths)(lt_store *store, const lt_data_files *files, lt_arena *arena,
                            lt_text *paths, lt_err *err);
} lt_store_ops;

extern const lt_store_ops lt_store_local_ops;
extern const lt_store_ops lt_store_mem_ops;
