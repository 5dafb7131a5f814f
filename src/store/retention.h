/* retention.h - how much there is, and what may go.
 *
 * Deleting goes in transactions of some hundred versions each, so that writers never wait long; bytes are given back by collection,
 * an hour later (lt_store_collect()). What a dataset's commit holds stays readable until the commit is forgotten. */
#pragma once
#include "store/store.h"

/* ---- usage ---- */

typedef struct lt_usage {
    lt_text prefix;                          /* what it counts */
    int64_t objects, object_bytes;           /* current versions */
    int64_t old_versions, old_version_bytes; /* non-current ones */
    int64_t markers;
} lt_usage;
typedef LT_VEC(lt_usage) lt_usages;
typedef struct lt_usage_report {
    lt_usage total;
    lt_usages
        groups; /* for each common prefix up to the delimiter, by prefix; at most 100,000 (LT_TOO_BIG) */
    int64_t uploads, upload_bytes; /* that are not finished */
} lt_usage_report;
/* One scan over the versions below the prefix (about 1.5 million a second), in parts, so that it keeps no writer's log from being
 * reused. An empty delimiter: no groups. */
LT_MUST_CHECK lt_status lt_store_usage(lt_store *store, lt_text bucket, lt_text prefix,
                                       lt_text delimiter, lt_arena *arena, lt_usage_report *out,
                                       lt_err *err);

/* ---- retention ---- */

typedef struct lt_prune_request {
    lt_text bucket, prefix; /* empty bucket: all buckets */
    int64_t
        older_than_us; /* non-current for longer than this go; 0: whatever their age, -1: none for their age */
    int32_t keep; /* but the newest so many non-current versions of each key stay */
    bool
        expired_markers; /* delete markers go that are the only version of their key, or stay as that */
    int64_t uploads_older_than_us; /* unfinished uploads begun longer ago go; -1: none */
    int64_t now_us;                /* 0: now */
    bool dry_run;                  /* count only */
} lt_prune_request;
typedef struct lt_prune_report {
    int64_t versions, version_bytes; /* non-current versions removed for good */
    int64_t expired;                 /* current versions that got a marker, or went (unversioned) */
    int64_t markers, uploads, upload_bytes;
} lt_prune_report;
LT_MUST_CHECK lt_status lt_store_prune(lt_store *store, const lt_prune_request *request,
                                       lt_prune_report *out, lt_err *err);

/* Do what the lifecycle rules of the bucket (empty: of all buckets) ask for at the moment `now_us` (0: now). Days are counted as S3
 * does: to the next midnight UTC after so many days. `day_us` is the length of a day: 0 is a day; tests want shorter ones (then no
 * rounding). */
typedef struct lt_lifecycle_request {
    lt_text bucket;
    int64_t now_us, day_us;
    bool dry_run;
} lt_lifecycle_request;
LT_MUST_CHECK lt_status lt_store_lifecycle(lt_store *store, const lt_lifecycle_request *request,
                                           lt_prune_report *out, lt_err *err);

/* When this object will expire by its bucket's rules, and by which: x-amz-expiration. *at_us is 0 if it will not. */
LT_MUST_CHECK lt_status lt_store_expiry(lt_store *store, lt_text bucket, const lt_object_info *info,
                                        const lt_pairs *tags, lt_arena *arena, int64_t *at_us,
                                        lt_text *rule_id, lt_err *err);

/* Give back the files of contents that nothing has referred to for an hour, and forget old events. Done now and then by itself by
 * open stores that write. */
LT_MUST_CHECK lt_status lt_store_collect(lt_store *store, lt_err *err);
