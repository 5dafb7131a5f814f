/* upload.h - multipart uploads: parts arrive in any order, by any number of threads, and become one object at once.
 *
 * Nothing is copied on completion: a version is an ordered list of contents. Parts of an upload that is neither completed nor
 * aborted stay; lifecycle rules end them. LT_WHY_NO_SUCH_UPLOAD: no such upload of that key. */
#pragma once
#include "store/reading.h"

typedef struct lt_upload_name {
    lt_text bucket, key, upload_id;
} lt_upload_name;

typedef struct lt_upload_options {
    lt_object_meta meta;
    lt_pairs tags;
    lt_sum_kind checksum;
    bool
        composite; /* COMPOSITE; else FULL_OBJECT, which only the CRCs can be (LT_WHY_BAD_REQUEST). CRC64NVME never is COMPOSITE */
    bool sealed;
    const lt_origin *origin; /* may be NULL; its requester is told by lists */
} lt_upload_options;

/* Begin. `upload_id` lives in `arena`. */
LT_MUST_CHECK lt_status lt_upload_create(lt_store *store, lt_text bucket, lt_text key,
                                         const lt_upload_options *options, lt_arena *arena,
                                         lt_text *upload_id, lt_err *err);

typedef struct lt_part_options {
    lt_sum_kind checksum; /* LT_SUM_NONE: that of the upload; another one: LT_WHY_BAD_REQUEST */
    const lt_expected *expected; /* may be NULL */
} lt_part_options;
/* Store part `number` (1 to 10000: LT_WHY_BAD_ARGUMENT); one that is there already is replaced. `options` and `info` may be NULL. */
LT_MUST_CHECK lt_status lt_upload_part(lt_store *store, lt_upload_name upload, int32_t number,
                                       lt_body *body, const lt_part_options *options,
                                       lt_arena *arena, lt_part_info *info, lt_err *err);

/* A part out of `len` bytes at `offset` of another object (len -1: all). A whole object of one content is not copied but shared;
 * a range is read and written. LT_WHY_BAD_RANGE: it has not that many. */
typedef struct lt_part_source {
    lt_object_name name;
    int64_t offset, len;
    lt_source_when when;
} lt_part_source;
LT_MUST_CHECK lt_status lt_upload_part_copy(lt_store *store, lt_upload_name upload, int32_t number,
                                            const lt_part_source *source, lt_arena *arena,
                                            lt_part_info *info, lt_text *source_version,
                                            lt_err *err);

/* What an upload was begun with, and its parts behind number `after`. */
typedef struct lt_upload_info {
    lt_text key, upload_id, requester, storage_class;
    int64_t started_at_us;
    lt_sum_kind checksum;
    bool composite, sealed;
} lt_upload_info;
LT_MUST_CHECK lt_status lt_upload_parts(lt_store *store, lt_upload_name upload, int32_t after,
                                        size_t limit, lt_arena *arena, lt_upload_info *info,
                                        lt_part_list *out, lt_err *err);

typedef struct lt_upload_request {
    lt_text prefix, delimiter;
    lt_text after_key, after_upload; /* key-marker and upload-id-marker */
    size_t limit; /* uploads and prefixes together; 0 and more than 1000 are 1000 */
} lt_upload_request;
typedef struct lt_upload_list {
    LT_VEC(lt_upload_info) items; /* by key, then by time */
    lt_texts prefixes;
    bool more;
    lt_text next_key, next_upload;
} lt_upload_list;
LT_MUST_CHECK lt_status lt_upload_list_page(lt_store *store, lt_text bucket,
                                            const lt_upload_request *request, lt_arena *arena,
                                            lt_upload_list *out, lt_err *err);

/* A part as the completing client names it. */
typedef struct lt_part_named {
    int32_t number;
    lt_text etag;     /* without quotes */
    lt_text checksum; /* base64; empty: not checked */
} lt_part_named;
typedef struct lt_complete_options {
    const lt_when *when;     /* may be NULL */
    const lt_origin *origin; /* may be NULL */
    lt_text
        checksum; /* of the whole object, as on the wire; empty: not checked. LT_WHY_BAD_DIGEST */
    int64_t size_bytes; /* that it must have; -1: not checked. LT_WHY_BAD_REQUEST */
} lt_complete_options;
/* Make the object of these parts, in this order; other parts are let go. LT_WHY_PART_ORDER: numbers do not ascend;
 * LT_WHY_BAD_PART: one is not there, or is another; LT_WHY_TOO_SMALL; LT_WHY_BAD_ARGUMENT: no parts.
 * Completing again with the same parts gives the same answer, as long as that version is there. */
LT_MUST_CHECK lt_status lt_upload_complete(lt_store *store, lt_upload_name upload,
                                           const lt_part_named *parts, size_t count,
                                           const lt_complete_options *options, lt_arena *arena,
                                           lt_object_info *info, lt_err *err);
/* Let all of its parts go. */
LT_MUST_CHECK lt_status lt_upload_abort(lt_store *store, lt_upload_name upload, lt_err *err);
